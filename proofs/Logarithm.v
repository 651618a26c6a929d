(** * The logarithm in double-word arithmetic

    The library evaluates log_condition and log_det by a logarithm in double-word arithmetic with an error
    that goes along. With m in [1, 2) and x = m 2^k, f the middle of m's interval of width 2^-7:
    ln x = k ln 2 + ln f + 2 atanh t, t = (m - f)/(m + f).

    Assumed: that the exact product of two doubles is one (product_exact, which Doubles proves of both), that
    the pairs given stand for their real numbers (approximates), and that they are in a band (in_band):
    leading parts 0 or within 2^-+90, errors 0 or not near to underflow.

    Proved, over the reals with Flocq's doubles:
    - logarithm_correct: if the logarithm is not refused, x stands for a positive number X, and the result
      for ln X, within the error that goes along with it; the result's band;
    - log_quotient_correct: of T and (1 + T)/(1 - T), the result stands for the logarithm of the latter,
      whether it comes from the series in T or from the logarithm of the quotient.
    Among the steps: m - f is exact in doubles (middle_of_interval), and |t| is within the series' limit
    (quotient_of_difference). What normalising and scaling lose by underflow is nothing to the error
    (scaled_almost of file Elementary). A sum with an entry of the table may cancel to any extent: the
    entry's error is at least 2^-115, and so is the sum's.

    NOT proved: that the errors are small, so that a logarithm is not refused without need and a result is
    decided by the rounding test. Nor anything about doubles' greatest exponent: within the bands nothing
    overflows.

    Model and code (lib/kernels/elementary.hpp), operation by operation, in the code's order:
      logarithm        logarithm; None: an error that is infinite
      log_quotient     log_quotient
      exponent n       the exponent k of normalised x, which the code converts to a double (exactly)
      i, f             the index of m's interval and its middle; Zfloor: the code's conversion to int, of a
                       number that is not negative
    What links them is reading, not proof. Axioms: those of Coq's real numbers with classical logic, as
    Flocq uses them (sig_forall_dec, sig_not_dec, functional_extensionality_dep, classic). *)
From Coq Require Import Reals ZArith Lra Lia.
From Flocq Require Import Core Mult_error Sterbenz.
From Natgrad Require Import Doubles Scalars Series ElementaryTables Elementary.
Open Scope R_scope.

(* logarithm *)
Definition logarithm (two_product : R -> R -> unevaluated) (x : approximation) : option carried :=
  let n := normalised x in
  let m := pair n in
  let h := hi (number m) in
  if Rlt_dec 0 h then
    if Rle_dec (error m) (bpow radix2 (-10)) then
      if Z_le_dec (Z.abs (exponent n)) (2 ^ 20) then
        let i := Zfloor (rnd (rnd (h - 1) * 128)) in
        let f := rnd (1 + rnd (IZR (2 * i + 1) * bpow radix2 (-8))) in
        let difference := Carried (two_sum (rnd (h - f)) (lo (number m))) 0 in
        let sum := add_carried (Carried (number m) 0) (Carried (Unevaluated f 0) 0) in
        let numerator := unless_tiny difference in
        if is_divisor_decided sum then
          match odd_series two_product (divide_carried two_product numerator sum) 1 with
          | Some t =>
              let s := add_carried (constant (log_entry i)) (scaled_carried t 1) in
              let s := add_carried
                (multiply_carried_by_double two_product (constant ln_2_entry) (IZR (exponent n))) s in
              Some (unless_tiny (Carried (number s)
                (rnd (slack * rnd (error s + rnd ((1 + bpow radix2 (-9)) * error m))))))
          | None => None
          end
        else None
      else None
    else None
  else None.

(* log_quotient: of t and (1 + t)/(1 - t) *)
Definition log_quotient (two_product : R -> R -> unevaluated) (t quotient : approximation)
    : option approximation :=
  let n := normalised t in
  if is_exact_zero (pair n) then Some n
  else if Z_lt_dec (exponent n) (-9) then
    match odd_series_scaled two_product n 1 with Some r => Some (shift r 1) | None => None end
  else match logarithm two_product quotient with Some r => Some (Approximation r 0) | None => None end.

(* ------------------------------------------------------------------------- the logarithm as a function *)

Lemma ln_of_quotient x y : 0 < x -> 0 < y -> ln (x / y) = ln x - ln y.
Proof.
intros X Y. unfold Rdiv. rewrite ln_mult by (trivial; now apply Rinv_0_lt_compat).
rewrite ln_Rinv by exact Y. ring.
Qed.

Lemma ln_le_minus_1 x : 0 < x -> ln x <= x - 1.
Proof.
intros P. assert (G := exp_ineq1_le (ln x)). rewrite exp_ln in G by exact P. lra.
Qed.

Lemma ln_near x y c e : 0 < c -> c <= x -> c <= y -> Rabs (x - y) <= e -> Rabs (ln x - ln y) <= e / c.
Proof.
assert (H : forall x y, 0 < c -> c <= x -> c <= y -> Rabs (x - y) <= e -> ln x - ln y <= e / c).
{ clear x y. intros x y C X Y E. assert (Pe : 0 <= e) by apply Rle_trans with (1 := Rabs_pos _) (2 := E).
  rewrite <- ln_of_quotient by lra. eapply Rle_trans; [apply ln_le_minus_1, Rdiv_lt_0_compat; lra |].
  replace (x / y - 1) with ((x - y) * / y) by (field; lra). inv E.
  apply Rle_trans with (e * / y).
  - apply Rmult_le_compat_r; [apply Rlt_le, Rinv_0_lt_compat; lra | lra].
  - apply Rmult_le_compat_l; [exact Pe | now apply Rinv_le]. }
intros C X Y E. assert (A := H x y C X Y E). assert (E' := E). rewrite <- Rabs_Ropp, Ropp_minus_distr in E'.
assert (B := H y x C Y X E'). apply Rabs_le. lra.
Qed.

Lemma ln_scaled V e : 0 < V -> ln (V * bpow radix2 e) = IZR e * ln 2 + ln V.
Proof.
intros P. rewrite ln_mult by (trivial; apply bpow_gt_0). rewrite bpow_exp, ln_exp. change (IZR radix2) with 2.
ring.
Qed.

Lemma atanh_of_quotient m f : 0 < m -> 0 < f -> atanh ((m - f) / (m + f)) * 2 = ln m - ln f.
Proof.
intros M F. rewrite (ln_difference f m ((m - f) / (m + f)) F M); [ring |]. now rewrite (Rplus_comm f).
Qed.

(* ------------------------------------------------------------------------- the middle of m's interval *)

Lemma middle_of_interval h : double h -> 1 <= h < 2 ->
  let i := Zfloor (rnd (rnd (h - 1) * 128)) in
  let f := rnd (1 + rnd (IZR (2 * i + 1) * bpow radix2 (-8))) in
  (0 <= i < 128)%Z /\ f = 1 + (2 * IZR i + 1) / 256 /\ double f /\ rnd (h - f) = h - f /\
  Rabs (h - f) <= / 256.
Proof.
intros D B i f.
assert (D1 : double 1) by (change 1 with (bpow radix2 0); apply double_bpow; lia).
assert (E1 : rnd (h - 1) = h - 1) by (apply rnd_double, sterbenz; try typeclasses eauto; trivial; lra).
assert (E2 : rnd ((h - 1) * 128) = (h - 1) * 128).
{ change 128 with (bpow radix2 7). apply rnd_double, (mult_bpow_pos_exact_FLT radix2 (-1074) 53); [| lia].
  rewrite <- E1. apply double_rnd. }
assert (Ei : i = Zfloor ((h - 1) * 128)) by (unfold i; rewrite E1, E2; reflexivity).
assert (L := Zfloor_lb ((h - 1) * 128)). assert (U := Zfloor_ub ((h - 1) * 128)). rewrite <- Ei in L, U.
assert (I : (0 <= i < 128)%Z).
{ split; [rewrite Ei; apply Zfloor_lub; lra | apply lt_IZR; lra]. }
assert (E3 : IZR (2 * i + 1) * bpow radix2 (-8) = (2 * IZR i + 1) / 256).
{ rewrite plus_IZR, mult_IZR. change (bpow radix2 (-8)) with (/ 256). field. }
assert (E4 : rnd (IZR (2 * i + 1) * bpow radix2 (-8)) = (2 * IZR i + 1) / 256).
{ rewrite <- E3. apply rnd_double, (double_mult_exponent (2 * i + 1) (-8)); trivial; lia. }
assert (Ef : f = 1 + (2 * IZR i + 1) / 256).
{ unfold f. rewrite E4. apply rnd_double, (double_mult_exponent (256 + 2 * i + 1) (-8)); try lia.
  rewrite !plus_IZR, mult_IZR. change (bpow radix2 (-8)) with (/ 256). field. }
split; [exact I |]. split; [exact Ef |]. assert (Df : double f) by apply double_rnd.
split; [exact Df |].
assert (A : Rabs (h - f) <= / 256) by (rewrite Ef; apply Rabs_le; lra).
split; [| exact A]. apply rnd_double, sterbenz_near; trivial. rewrite (Rabs_pos_eq h) by lra. lra.
Qed.

Lemma two_sum_stands_for a b : double a -> double b -> stands_for (Carried (two_sum a b) 0) (a + b).
Proof.
intros Da Db. rewrite <- (two_sum_exact a b Da Db). apply exact_stands_for. rewrite two_sum_eq by assumption.
split; [apply double_rnd |]. split; [now apply double_sum_error |]. cbn [hi lo]. f_equal. ring.
Qed.

(* ---------------------------------------------------------------------------------------- the quotient *)

(** t of the logarithm: m' = h + l and f near to it *)
Lemma quotient_of_difference two_product h l f :
  product_exact two_product -> double_word (Unevaluated h l) -> 1 <= h < 2 ->
  double f -> 1 + / 256 <= f <= 2 ->
  rnd (h - f) = h - f -> Rabs (h - f) <= / 256 ->
  let sum := add_carried (Carried (Unevaluated h l) 0) (Carried (Unevaluated f 0) 0) in
  let t := divide_carried two_product (unless_tiny (Carried (two_sum (rnd (h - f)) l) 0)) sum in
  divisor_decided sum ->
  stands_for t ((h + l - f) / (h + l + f)) /\ in_band 94 480 t /\ Rabs (hi (number t)) <= series_limit.
Proof.
intros TP W H Df F Ed A sum t Dec.
assert (Ll := low_part_small _ W). cbn [hi lo] in Ll. rewrite (Rabs_pos_eq h) in Ll by lra.
assert (Dh : double h) by apply W. assert (Dl : double l) by apply W.
assert (Ddf : double (h - f)) by (rewrite <- Ed; apply double_rnd).
assert (Wf := double_word_of_double f Df).
(* numerator *)
unfold t. clear t. rewrite Ed in *. set (difference := Carried (two_sum (h - f) l) 0) in *.
assert (SD : stands_for difference (h - f + l)) by now apply two_sum_stands_for.
assert (VD : value (number difference) = h - f + l) by now apply two_sum_exact.
assert (BD : Rabs (h - f + l) <= / 256 + 2 * u) by (inv A; inv Ll; apply Rabs_le; unfold u in *; lra).
assert (SN := unless_tiny_correct _ _ SD). set (numerator := unless_tiny difference) in *.
assert (HD : Rabs (hi (number difference)) <= / 256 + 8 * u).
{ assert (G := value_ge _ (proj1 SD)). rewrite VD in G. unfold u in *. lra. }
assert (HD90 : Rabs (hi (number difference)) <= bpow radix2 90).
{ apply Rle_trans with (bpow radix2 0); [| apply bpow_le; lia].
  change (bpow radix2 0) with 1. unfold u in *; lra. }
destruct (unless_tiny_band difference 90 200 ltac:(lia) ltac:(lia) HD90 ltac:(now left)) as (RN & NN & _).
fold numerator in RN, NN.
destruct (unless_tiny_le difference ltac:(apply SD) ltac:(apply SD)) as [HN _]. fold numerator in HN.
(* denominator *)
destruct (add_carried_near (Carried (Unevaluated h l) 0) (Carried (Unevaluated f 0) 0) W Wf) as (Ws & Es);
  cbn [number hi]; try lra.
fold sum in Ws, Es. cbn [number hi] in Es.
assert (Rhf : within 2 (h + f)).
{ right. rewrite Rabs_pos_eq by lra. inv A. simpl. lra. }
destruct (near_band 2 _ _ ltac:(lia) Ws Es Rhf) as (Rs & Ns & _). simpl Z.add in Rs.
specialize (Ns ltac:(lra)).
assert (N800 : no_less 800 (Rabs (hi (number sum)))) by weaker (within_no_less _ _ Rs).
assert (Sm := exact_stands_for _ W). assert (Sf := exact_stands_for _ Wf).
unfold value in Sm, Sf. cbn [hi lo] in Sm, Sf. rewrite Rplus_0_r in Sf.
assert (Ss : stands_for sum (h + l + f)) by (apply add_carried_error; trivial; now left).
assert (NE : no_less 120 (error sum)).
{ right. apply Rle_trans with (bpow radix2 (- (106 + 3))); [apply bpow_le; lia |].
  apply add_carried_error_not_0; trivial; [apply Rle_refl | apply Rle_refl | lia]. }
assert (VS : 2 <= value (number sum)).
{ destruct (add_error _ _ W Wf) as [_ G].
  change (add (Unevaluated h l) (Unevaluated f 0)) with (number sum) in G.
  unfold value at 2 3 in G. cbn [hi lo] in G. destruct Rs as [? | [_ Rs]]; [contradiction |].
  change (bpow radix2 3) with 8 in Rs. inv G. inv Ll. unfold u, little in *. lra. }
(* quotient *)
destruct (divide_carried_error two_product _ _ _ _ TP SN Ss) as [_ St]; trivial.
{ split; [apply within_weaken with 90%Z; [lia | exact RN] |].
  split; [apply within_weaken with 3%Z; [lia | exact Rs] |]. split; [weaker NN | weaker NE]. }
split; [replace (h + l - f) with (h - f + l) by ring; exact St |].
set (t := divide_carried two_product numerator sum) in *.
split.
- apply (divide_carried_band_any two_product numerator sum 90 3 200 480 TP (proj1 SN) Ws); trivial; try lia;
    [apply SN | apply Ss].
- assert (Hs : 0 < 2 - 8 * u <= Rabs (hi (number sum))).
  { assert (G := value_le _ Ws). rewrite (Rabs_pos_eq (value _)) in G by lra. unfold u in *. lra. }
  apply Rle_trans with (1 := divide_hi_le two_product _ _ _ _ TP (proj1 SN) Ws
    (within_weaken 90 100 _ ltac:(lia) RN) (within_weaken 3 100 _ ltac:(lia) Rs) (Rle_trans _ _ _ HN HD) Hs).
  unfold series_limit, u. simpl. lra.
Qed.

(* --------------------------------------------------------------------------------------- the logarithm *)

(* k ln 2 *)
Lemma multiple_of_ln_2 two_product k : product_exact two_product -> (Z.abs k <= 2 ^ 20)%Z ->
  let p := multiply_carried_by_double two_product (constant ln_2_entry) (IZR k) in
  stands_for p (ln 2 * IZR k) /\ no_less 250 (error p) /\ Rabs (hi (number p)) <= bpow radix2 22.
Proof.
intros TP K p. destruct ln_2_correct as (S & (R & N & _) & P).
assert (Ak : Rabs (IZR k) <= bpow radix2 20).
{ rewrite <- abs_IZR. change (bpow radix2 20) with (IZR (2 ^ 20)). now apply IZR_le. }
assert (Rk : within 20 (IZR k)).
{ destruct (Z.eq_dec k 0) as [-> | NZ]; [now left | right]. split; [| exact Ak].
  apply Rle_trans with (bpow radix2 0); [apply bpow_le; lia |]. rewrite <- abs_IZR.
  change (bpow radix2 0) with 1. apply IZR_le. lia. }
assert (Dk : double (IZR k)) by (apply double_integer; lia).
assert (R1 := within_weaken 1 100 _ ltac:(lia) R). assert (Rk1 := within_weaken 20 100 _ ltac:(lia) Rk).
split; [apply multiply_carried_by_double_error; trivial; weaker N |]. split.
{ apply (multiple_error two_product _ _ 1 20 107 250 TP (proj1 S) Dk R Rk N); lia. }
assert (Hx : Rabs (hi (number (constant ln_2_entry))) <= 2).
{ destruct R as [-> | [_ R]]; [rewrite Rabs_R0; lra | exact R]. }
unfold p. cbn [multiply_carried_by_double number]. set (x := number (constant ln_2_entry)) in *.
assert (V := multiple_near two_product x (IZR k) TP (proj1 S) Dk R1 Rk1).
assert (W := value_ge _ (proj1 (multiply_by_double_error two_product x (IZR k) TP (proj1 S) Dk R1 Rk1))).
assert (HP := mult_abs_le _ _ _ _ Hx Ak). set (q := hi x * IZR k) in *. set (v := value _) in *.
assert (T := Rabs_triang (v - q) q). replace (v - q + q) with v in T by ring.
change (bpow radix2 22) with 4194304. change (bpow radix2 20) with 1048576 in *. unfold u in *. lra.
Qed.

(** If it is not refused, x stands for a positive number, and the result for its logarithm *)
Theorem logarithm_correct two_product x X r : product_exact two_product ->
  approximates x X -> in_band 90 850 (pair x) -> logarithm two_product x = Some r ->
  0 < X /\ stands_for r (ln X) /\ in_band 90 200 r.
Proof.
intros TP AX BX. unfold logarithm. cbv zeta. set (n := normalised x).
destruct (Rlt_dec 0 (hi (number (pair n)))) as [Ph | _]; [| discriminate].
destruct (normalised_almost x X 90 850 AX BX ltac:(lia) ltac:(lia)) as (V & Am & EX & [[Z En] | Hm] & _).
{ exfalso. unfold n in Ph. rewrite En, Z in Ph. lra. }
fold n in Am, EX, Hm. assert (Sm := almost_nearly _ _ _ _ _ _ Am ltac:(unfold little; lra)).
destruct Am as (_ & _ & _ & _ & _ & Nm & _).
destruct (Rle_dec (error (pair n)) (bpow radix2 (-10))) as [Em | _]; [| discriminate].
destruct (Z_le_dec (Z.abs (exponent n)) (2 ^ 20)) as [Ek | _]; [| discriminate].
set (k := exponent n) in *. set (em := error (pair n)) in *.
destruct Sm as (Wm & Dem & Pem & Dm). fold em in Dem, Pem, Dm.
destruct (number (pair n)) as [h l] eqn:Nn. cbn [hi lo] in *. rewrite (Rabs_pos_eq h) in Hm by lra.
unfold value in Dm. cbn [hi lo] in Dm.
destruct (middle_of_interval h (proj1 Wm) Hm) as (Hi & Ef & Df & Ed & Ad).
set (i := Zfloor (rnd (rnd (h - 1) * 128))) in *.
set (f := rnd (1 + rnd (IZR (2 * i + 1) * bpow radix2 (-8)))) in *.
assert (Ri : 0 <= IZR i <= 127) by (split; apply IZR_le; lia).
assert (Hf : 1 + / 256 <= f <= 2) by (rewrite Ef; lra).
destruct (is_divisor_decided _) as [Dec | _]; [| discriminate].
destruct (quotient_of_difference two_product h l f TP Wm Hm Df Hf Ed Ad Dec) as (St & Bt & Lt).
set (t := divide_carried two_product _ _) in *.
destruct (odd_series two_product t 1) as [ts |] eqn:Os; [| discriminate].
destruct (odd_series_correct two_product t _ 1 ts TP St Bt Lt Os) as (Sts & Bts & Lts).
change (odd_function 1 ((h + l - f) / (h + l + f))) with (atanh ((h + l - f) / (h + l + f))) in Sts.
assert (Ll := low_part_small _ Wm). cbn [hi lo] in Ll. rewrite (Rabs_pos_eq h) in Ll by lra.
assert (Pm : 1 - 2 * u <= h + l) by (inv Ll; unfold u in *; lra).
destruct (scaled_by_odd ts _ 95 480 1 Sts Bts ltac:(lia) ltac:(lia) ltac:(lia))
  as (S2 & (R2 & N2 & _) & H2 & _).
change (bpow radix2 1) with 2 in S2, H2. rewrite atanh_of_quotient in S2 by (unfold u in *; lra).
(* the entry of the table *)
destruct (log_entry_correct i Hi) as (Se & Be & Pe). rewrite <- Ef in Se.
assert (Ge := constant_error 9 115 _ Be ltac:(lia) Pe).
assert (Ne : no_less 115 (error (constant (log_entry i)))) by now right.
assert (Hd : bpow radix2 (-500) <= bpow radix2 (- (115))) by (apply bpow_le; lia).
assert (Ss := add_carried_with_error _ _ _ _ (stands_for_nearly _ _ Se) (stands_for_nearly _ _ S2)
  ltac:(weaker Ne) ltac:(weaker N2)).
destruct (add_carried_error_terms (constant (log_entry i)) (scaled_carried ts 1)) as [G1 _];
  try apply Se; try apply S2.
assert (Hs := add_carried_hi_le _ _ (proj1 Se) (proj1 S2)).
set (s := add_carried (constant (log_entry i)) (scaled_carried ts 1)) in *.
specialize (Ss ltac:(assert (P2 := proj1 (proj2 (proj2 S2))); lra)).
replace (ln f + (ln (h + l) - ln f)) with (ln (h + l)) in Ss by ring.
(* k ln 2 *)
destruct (multiple_of_ln_2 two_product k TP Ek) as (Sp & Np & Hp).
set (p := multiply_carried_by_double two_product (constant ln_2_entry) (IZR k)) in *.
assert (Ns : no_less 115 (error s)) by (right; lra).
assert (Sz := add_carried_with_error _ _ _ _ (stands_for_nearly _ _ Sp) (stands_for_nearly _ _ Ss)
  ltac:(weaker Np) ltac:(weaker Ns)).
destruct (add_carried_error_terms p s) as [_ G2]; try apply Sp; try apply Ss.
assert (Hz := add_carried_hi_le _ _ (proj1 Sp) (proj1 Ss)).
set (z := add_carried p s) in *.
specialize (Sz ltac:(assert (P2 := proj1 (proj2 (proj2 Sp))); lra)).
(* the error of m *)
assert (PV : 1 - / 1000 <= V).
{ change (bpow radix2 (-10)) with (/ 1024) in Em. inv Dm. unfold u, little in *. lra. }
assert (Lm := ln_near V (h + l) (1 - / 1000) _ ltac:(lra) PV ltac:(unfold u in *; lra) Dm).
replace ((1 + little) * em / (1 - / 1000)) with ((1 + little) * / (1 - / 1000) * em) in Lm by (field; lra).
intros E. apply some_injective in E. rewrite <- E. clear E.
split; [rewrite EX; apply Rmult_lt_0_compat; [lra | apply bpow_gt_0] |].
rewrite EX, ln_scaled by lra.
change (bpow radix2 (-9)) with (/ 512).
assert (N9 : no_less 940 ((1 + / 512) * em)).
{ change 940%Z with (0 + (850 + 90))%Z. apply no_less_mult; [right; simpl; lra | exact Nm]. }
assert (G9 := rnd_ge _ ltac:(weaker N9)).
assert (NR := no_less_rnd 940 _ ltac:(lia) N9). assert (PR := no_less_pos _ _ NR).
assert (DR := double_rnd ((1 + / 512) * em)). set (R9 := rnd ((1 + / 512) * em)) in *.
assert (GS := rnd_ge_sum _ _ (proj1 (proj2 Sz)) DR (proj1 (proj2 (proj2 Sz))) PR).
assert (GL := rnd_sum_ge_l _ _ (proj1 (proj2 Sz)) PR).
assert (DS := double_rnd (error z + R9)). set (S := rnd (error z + R9)) in *.
assert (PS : bpow radix2 (- (115)) <= S) by lra. assert (P115 := bpow_gt_0 radix2 (- (115))).
assert (NS : no_less 115 S) by now right.
assert (GE := slack_ge S DS ltac:(lra)).
assert (SF : stands_for (Carried (number z) (rnd (slack * S))) (IZR k * ln 2 + ln V)).
{ split; [apply Sz |]. split; [apply double_rnd |]. cbn [error number]. split; [lra |].
  apply Rle_trans with (error z + (1 + little) * / (1 - / 1000) * em).
  - replace (IZR k * ln 2 + ln V - value (number z)) with
      ((ln 2 * IZR k + ln (h + l) - value (number z)) + (ln V - ln (h + l))) by ring.
    eapply Rle_trans; [apply Rabs_triang |]. apply Rplus_le_compat; [apply Sz | exact Lm].
  - apply slack_covers; [weaker NS |]. assert (Pz := proj1 (proj2 (proj2 Sz))).
    unfold nearly, u, little in *. lra. }
split; [now apply unless_tiny_correct |].
set (w := Carried (number z) (rnd (slack * S))) in *.
assert (Nw : no_less 200 (error w)).
{ right. cbn [w error]. apply Rle_trans with (bpow radix2 (- (115))); [apply bpow_le; lia | lra]. }
assert (Hw : Rabs (hi (number w)) <= bpow radix2 90).
{ apply Rle_trans with (bpow radix2 23); [| apply bpow_le; lia]. cbn [w number].
  assert (A1 : Rabs (hi (number (constant (log_entry i)))) <= 512).
  { destruct Be as ([-> | [_ A]] & _); [rewrite Rabs_R0; lra | exact A]. }
  assert (A2 : Rabs (hi (number (scaled_carried ts 1))) <= 1).
  { rewrite H2, Rabs_mult, (Rabs_pos_eq 2) by lra. change (bpow radix2 (-8)) with (/ 256) in Lts. lra. }
  change (bpow radix2 22) with 4194304 in Hp. change (bpow radix2 23) with 8388608. unfold u in *. lra. }
apply unless_tiny_in_band; trivial; try lia. cbn [w error]. intros Z. lra.
Qed.

(* ------------------------------------------------------------------------------- of (1 + T)/(1 - T) *)

(** The logarithm of (1 + T)/(1 - T), from T itself where it is small *)
Theorem log_quotient_correct two_product t quotient T r : product_exact two_product ->
  approximates t T -> approximates quotient ((1 + T) / (1 - T)) ->
  in_band 90 340 (pair t) -> in_band 90 850 (pair quotient) ->
  log_quotient two_product t quotient = Some r ->
  approximates r (ln ((1 + T) / (1 - T))) /\ in_band 95 480 (pair r).
Proof.
intros TP AT AQ BT BQ. unfold log_quotient. cbv zeta.
destruct (normalised_almost t T 90 340 AT BT ltac:(lia) ltac:(lia)) as (V & A & E & H & _).
set (n := normalised t) in *.
destruct (is_exact_zero (pair n)) as [Z | NZ].
{ intros Er. apply some_injective in Er. rewrite <- Er. clear r Er.
  assert (En : n = t).
  { destruct H as [[_ En] | H]; [exact En |]. destruct Z as [Z _]. rewrite Z, Rabs_R0 in H. lra. }
  rewrite En in Z |- *. rewrite (exact_zero_value _ _ AT Z) in AT |- *.
  replace ((1 + 0) / (1 - 0)) with 1 by field. rewrite ln_1. split; [exact AT |].
  apply in_band_weaken with 90%Z 340%Z; trivial; lia. }
destruct (Z_lt_dec (exponent n) (-9)) as [K | _].
- destruct (odd_series_scaled two_product n 1) as [a |] eqn:Os; [| discriminate].
  intros Er. apply some_injective in Er. rewrite <- Er. clear r Er.
  destruct (odd_series_scaled_almost two_product n V 1 a TP) as (C & B & _); trivial.
  + apply almost_weaken with (little * little) 1%Z (340 + 90)%Z (800 + 90)%Z; try lia; [exact A | lra].
  + destruct H as [[Zt En] | H]; [right; now rewrite En | left]. unfold series_limit.
    apply Rle_trans with (bpow radix2 1 * bpow radix2 (-10)).
    * apply Rmult_le_compat; try apply Rabs_pos; try apply bpow_ge_0; [simpl; lra | apply bpow_le; lia].
    * rewrite <- bpow_plus. simpl. lra.
  + rewrite <- E in C. split; [| exact B].
    replace (ln ((1 + T) / (1 - T))) with (odd_function 1 T * bpow radix2 1)
      by (change (odd_function 1 T) with (atanh T); unfold atanh; change (bpow radix2 1) with 2; lra).
    now apply shift_error.
- destruct (logarithm two_product quotient) as [a |] eqn:Lg; [| discriminate].
  intros Er. apply some_injective in Er. rewrite <- Er. clear r Er.
  destruct (logarithm_correct two_product quotient _ a TP AQ BQ Lg) as (_ & C & B).
  split; [now apply approximates_stands_for |]. apply in_band_weaken with 90%Z 200%Z; trivial; lia.
Qed.
