(** * Doubles: rounding, and the error-free transformations

    What the files on the library's arithmetic share. A double is a number of the format FLT(-1074, 53): 53
    bits, and multiples of 2^-1074; there is no greatest number, so overflow is not modelled. [rnd x] is the
    double nearest to x, ties to even; u = 2^-53.

    Proved:
    - rounding: off by at most u |x| + 2^-1075, by at most u |x| if |x| >= 2^-1022, and for sums of two
      doubles;
    - two_sum_exact (Knuth), fast_two_sum_exact (Dekker): a sum is a rounded sum and an error that is a
      double;
    - two_product_fused_exact, two_product_split_exact (a fused multiply-add; Veltkamp's splitting and
      Dekker's product): so is a product that is 0 or at least 2^-969 in magnitude.

    Model and code. two_sum, fast_two_sum, two_product_fused and two_product_split are two_sum, fast_two_sum
    and both branches of two_product in lib/kernels/double_word.hpp, operation by operation. What links them
    is reading, not proof. Axioms: those of Coq's real numbers with classical logic, as Flocq uses them. *)
From Coq Require Import Reals ZArith Lra Lia.
From Flocq Require Import Core Relative Plus_error Mult_error Sterbenz Pff2Flocq.
Open Scope R_scope.

#[export] Instance double_precision_positive : Prec_gt_0 53.
Proof. reflexivity. Qed.

Definition double_exp := FLT_exp (-1074) 53.
Definition double (x : R) := generic_format radix2 double_exp x.
Definition rnd (x : R) : R := round radix2 double_exp ZnearestE x.
Definition u : R := / 9007199254740992.  (* 2^-53 *)
Definition eta : R := bpow radix2 (-1075).

#[export] Instance double_exp_valid : Valid_exp double_exp.
Proof. unfold double_exp; apply FLT_exp_valid; reflexivity. Qed.
#[export] Instance double_exp_monotone : Monotone_exp double_exp.
Proof. unfold double_exp; apply FLT_exp_monotone. Qed.

Lemma u_bpow : u = bpow radix2 (-53).
Proof. unfold u; simpl; reflexivity. Qed.

Lemma eta_pos : 0 < eta.
Proof. apply bpow_gt_0. Qed.

Lemma half_ulp_one : / 2 * bpow radix2 (- (53) + 1) = u.
Proof. unfold u; simpl; lra. Qed.

Lemma double_rnd x : double (rnd x).
Proof. apply generic_format_round; typeclasses eauto. Qed.

Lemma rnd_double x : double x -> rnd x = x.
Proof. intros; apply round_generic; [typeclasses eauto | assumption]. Qed.

Lemma double_0 : double 0.
Proof. apply generic_format_0. Qed.

Lemma rnd_0 : rnd 0 = 0.
Proof. apply rnd_double, double_0. Qed.

Lemma double_opp x : double x -> double (- x).
Proof. apply generic_format_opp. Qed.

Lemma double_abs x : double x -> double (Rabs x).
Proof. apply generic_format_abs. Qed.

Lemma rnd_opp x : rnd (- x) = - rnd x.
Proof. apply round_NE_opp. Qed.

Lemma rnd_le x y : x <= y -> rnd x <= rnd y.
Proof. apply round_le; typeclasses eauto. Qed.

Lemma double_bpow e : (-1074 <= e)%Z -> double (bpow radix2 e).
Proof. intros H; apply generic_format_FLT_bpow; [reflexivity | exact H]. Qed.

Lemma rnd_abs_le x y : double y -> Rabs x <= y -> Rabs (rnd x) <= y.
Proof. apply abs_round_le_generic; typeclasses eauto. Qed.

Lemma rnd_abs_ge x y : double x -> x <= Rabs y -> x <= Rabs (rnd y).
Proof. apply abs_round_ge_generic; typeclasses eauto. Qed.

Lemma rnd_error x : Rabs (rnd x - x) <= u * Rabs x + eta.
Proof.
destruct (error_N_FLT radix2 (-1074) 53 eq_refl (fun x => negb (Z.even x)) x) as (e & f & He & Hf & _ & H).
change (round radix2 (FLT_exp (-1074) 53) (Znearest (fun x : Z => negb (Z.even x))) x) with (rnd x) in H.
rewrite H. assert (He' : Rabs e <= u) by (rewrite <- half_ulp_one; exact He). clear He; rename He' into He.
replace (x * (1 + e) + f - x) with (e * x + f) by ring.
eapply Rle_trans; [apply Rabs_triang |]. apply Rplus_le_compat.
- rewrite Rabs_mult. apply Rmult_le_compat_r; [apply Rabs_pos | exact He].
- unfold eta. replace (-1075)%Z with (-1 + -1074)%Z by lia. rewrite bpow_plus. simpl (bpow radix2 (-1)).
  exact Hf.
Qed.

Lemma rnd_error_normal x : bpow radix2 (-1022) <= Rabs x -> Rabs (rnd x - x) <= u * Rabs x.
Proof.
intros H. rewrite <- half_ulp_one. apply (relative_error_N_FLT radix2 (-1074) 53 eq_refl). exact H.
Qed.

Lemma rnd_error_sum x y : double x -> double y -> Rabs (rnd (x + y) - (x + y)) <= u * Rabs (x + y).
Proof.
intros Hx Hy.
destruct (Rle_or_lt (bpow radix2 (-1022)) (Rabs (x + y))) as [H | H].
- now apply rnd_error_normal.
- replace (rnd (x + y)) with (x + y).
  + replace (x + y - (x + y)) with 0 by ring. rewrite Rabs_R0.
    apply Rmult_le_pos; [unfold u; lra | apply Rabs_pos].
  + symmetry; apply rnd_double. apply FLT_format_plus_small; try assumption; try typeclasses eauto.
    apply Rlt_le, Rlt_le_trans with (1 := H). apply bpow_le; lia.
Qed.

Lemma rnd_error_diff x y : double x -> double y -> Rabs (rnd (x - y) - (x - y)) <= u * Rabs (x - y).
Proof. intros Hx Hy. apply rnd_error_sum; [assumption | now apply double_opp]. Qed.

(* relative to the rounded sum *)
Lemma rnd_error_sum_rounded x y :
  double x -> double y -> Rabs (rnd (x + y) - (x + y)) <= u * Rabs (rnd (x + y)).
Proof.
intros Hx Hy.
destruct (Rle_or_lt (bpow radix2 (-1022)) (Rabs (x + y))) as [H | H].
- rewrite <- half_ulp_one. apply (relative_error_N_FLT_round radix2 (-1074) 53 eq_refl). exact H.
- replace (rnd (x + y)) with (x + y).
  + replace (x + y - (x + y)) with 0 by ring. rewrite Rabs_R0.
    apply Rmult_le_pos; [unfold u; lra | apply Rabs_pos].
  + symmetry; apply rnd_double. apply FLT_format_plus_small; try assumption; try typeclasses eauto.
    apply Rlt_le, Rlt_le_trans with (1 := H). apply bpow_le; lia.
Qed.

(* below 2^e a sum is off by 2^(e - 54) at most *)
Lemma rnd_error_sum_below x y e :
  double x -> double y -> Rabs (x + y) <= bpow radix2 e ->
  Rabs (rnd (x + y) - (x + y)) <= u / 2 * bpow radix2 e.
Proof.
intros Hx Hy H.
assert (P : 0 < bpow radix2 e) by apply bpow_gt_0.
assert (Z0 : Rabs 0 <= u / 2 * bpow radix2 e).
{ rewrite Rabs_R0. apply Rmult_le_pos; [unfold u; lra | lra]. }
assert (E : double (x + y) -> Rabs (rnd (x + y) - (x + y)) <= u / 2 * bpow radix2 e).
{ intros D. rewrite (rnd_double _ D). replace (x + y - (x + y)) with 0 by ring. exact Z0. }
destruct (Z_le_gt_dec (-1021) e) as [He | He].
2: { apply E. apply FLT_format_plus_small; try assumption; try typeclasses eauto.
     apply Rle_trans with (1 := H). apply bpow_le; lia. }
destruct H as [H | H].
- eapply Rle_trans; [apply error_le_half_ulp; typeclasses eauto |].
  destruct (Req_dec (x + y) 0) as [Z | NZ].
  + apply Rle_trans with (/2 * bpow radix2 (-1074)).
    * apply Rmult_le_compat_l; [lra |]. rewrite Z. unfold double_exp. rewrite ulp_FLT_0; [lra | reflexivity].
    * replace (u / 2 * bpow radix2 e) with (/ 2 * (u * bpow radix2 e)) by field.
      apply Rmult_le_compat_l; [lra |].
      rewrite u_bpow, <- bpow_plus. apply bpow_le; lia.
  + rewrite ulp_neq_0 by assumption.
    replace (u / 2 * bpow radix2 e) with (/ 2 * (u * bpow radix2 e)) by field.
    apply Rmult_le_compat_l; [lra |].
    rewrite u_bpow, <- bpow_plus. apply bpow_le.
    unfold cexp, double_exp, FLT_exp.
    assert (mag radix2 (x + y) <= e)%Z by (apply mag_le_bpow; assumption).
    lia.
- apply E. destruct (Rle_or_lt 0 (x + y)) as [S | S].
  + rewrite Rabs_pos_eq in H by assumption. rewrite H. apply double_bpow; lia.
  + rewrite Rabs_left in H by assumption. replace (x + y) with (- bpow radix2 e) by lra.
    apply double_opp, double_bpow; lia.
Qed.

Lemma double_mult_exponent (m : Z) e x :
  (-1074 <= e)%Z -> (Z.abs m <= 2 ^ 53)%Z -> x = IZR m * bpow radix2 e -> double x.
Proof.
intros He Hm ->.
destruct (Z.eq_dec (Z.abs m) (2 ^ 53)) as [H | H].
- assert (C : double (bpow radix2 (53 + e))) by (apply double_bpow; lia).
  rewrite bpow_plus in C. change (bpow radix2 53) with (IZR (2 ^ 53)) in C.
  destruct (Z.abs_spec m) as [[_ A] | [_ A]]; rewrite A in H.
  + rewrite H. exact C.
  + replace m with (- (2 ^ 53))%Z by lia. rewrite opp_IZR, Ropp_mult_distr_l_reverse. now apply double_opp.
- apply generic_format_FLT. exists (Float radix2 m e); simpl; try reflexivity; lia.
Qed.

Lemma double_plus_small x y : double x -> double y ->
  Rabs (rnd (x + y)) < bpow radix2 (-1022) -> rnd (x + y) = x + y.
Proof.
intros Hx Hy H. apply rnd_double.
destruct (Rle_or_lt (Rabs (x + y)) (bpow radix2 (53 + -1074))) as [A | A].
- apply FLT_format_plus_small; try assumption; typeclasses eauto.
- exfalso. apply (Rlt_irrefl (bpow radix2 (-1022))). apply Rle_lt_trans with (2 := H).
  apply rnd_abs_ge; [apply double_bpow; lia |]. apply Rlt_le, Rle_lt_trans with (2 := A). apply bpow_le; lia.
Qed.

Record unevaluated := Unevaluated { hi : R; lo : R }.
Definition value (x : unevaluated) := hi x + lo x.

Definition two_sum (a b : R) :=
  let sum := rnd (a + b) in
  let b_part := rnd (sum - a) in
  Unevaluated sum (rnd (rnd (a - rnd (sum - b_part)) + rnd (b - b_part))).

Definition fast_two_sum (a b : R) :=
  let sum := rnd (a + b) in
  Unevaluated sum (rnd (b - rnd (sum - a))).

Definition two_product_fused (a b : R) :=
  let product := rnd (a * b) in
  Unevaluated product (rnd (a * b + - product)).

Definition splitter : R := 134217729.  (* 2^27 + 1 *)
Definition two_product_split (a b : R) :=
  let product := rnd (a * b) in
  let a_scaled := rnd (splitter * a) in let b_scaled := rnd (splitter * b) in
  let a_high := rnd (a_scaled - rnd (a_scaled - a)) in let b_high := rnd (b_scaled - rnd (b_scaled - b)) in
  let a_low := rnd (a - a_high) in let b_low := rnd (b - b_high) in
  Unevaluated product
    (rnd (rnd (rnd (rnd (rnd (a_high * b_high) - product) + rnd (a_high * b_low)) + rnd (a_low * b_high))
     + rnd (a_low * b_low))).

Lemma ties_even_symmetric x : negb (Z.even x) = negb (negb (Z.even (- (x + 1)))).
Proof. rewrite Z.even_opp, Z.even_add. destruct (Z.even x); reflexivity. Qed.

(** Knuth: the rounded sum and the second number add up to a + b. *)
Theorem two_sum_exact a b : double a -> double b -> value (two_sum a b) = a + b.
Proof.
intros Ha Hb.
exact (TwoSum_correct (-1074) 53 (fun x => negb (Z.even x)) eq_refl ltac:(lia) ties_even_symmetric a b Ha Hb).
Qed.

Lemma two_sum_eq a b : double a -> double b ->
  two_sum a b = Unevaluated (rnd (a + b)) (a + b - rnd (a + b)).
Proof.
intros Ha Hb. generalize (two_sum_exact a b Ha Hb). unfold value. set (t := two_sum a b).
assert (H : hi t = rnd (a + b)) by reflexivity. intros E. rewrite <- H, <- E.
replace (hi t + lo t - hi t) with (lo t) by ring. destruct t; reflexivity.
Qed.

Lemma double_sum_error a b : double a -> double b -> double (a + b - rnd (a + b)).
Proof.
intros Ha Hb. replace (a + b - rnd (a + b)) with (- (rnd (a + b) - (a + b))) by ring.
apply double_opp. exact (plus_error radix2 double_exp _ a b Ha Hb).
Qed.

Lemma fast_two_sum_of_exact a b : double a -> double b -> double (rnd (a + b) - a) ->
  fast_two_sum a b = Unevaluated (rnd (a + b)) (a + b - rnd (a + b)).
Proof.
intros Ha Hb H. unfold fast_two_sum. rewrite (rnd_double _ H). f_equal.
replace (b - (rnd (a + b) - a)) with (a + b - rnd (a + b)) by ring.
now apply rnd_double, double_sum_error.
Qed.

(** Dekker: so do those of three operations, when |b| <= |a| or a = 0. *)
Theorem fast_two_sum_exact a b : double a -> double b -> Rabs b <= Rabs a \/ a = 0 ->
  value (fast_two_sum a b) = a + b.
Proof.
intros Ha Hb [H | ->].
- generalize (Fast2Sum_correct (-1074) 53 (fun x => negb (Z.even x)) eq_refl ltac:(lia) ties_even_symmetric
    a b Ha Hb H). intros E. unfold value, fast_two_sum; simpl.
  replace (b - rnd (rnd (a + b) - a)) with (b + rnd (a - rnd (a + b))).
  + exact E.
  + rewrite <- (Ropp_minus_distr (rnd (a + b)) a), rnd_opp. ring.
- unfold value, fast_two_sum; simpl.
  rewrite Rplus_0_l, Rminus_0_r, !(rnd_double b Hb), Rminus_diag_eq, rnd_0 by reflexivity. ring.
Qed.

Lemma fast_two_sum_eq a b : double a -> double b -> Rabs b <= Rabs a \/ a = 0 ->
  fast_two_sum a b = Unevaluated (rnd (a + b)) (a + b - rnd (a + b)).
Proof.
intros Ha Hb H. generalize (fast_two_sum_exact a b Ha Hb H). unfold value. set (t := fast_two_sum a b).
assert (E' : hi t = rnd (a + b)) by reflexivity. intros E. rewrite <- E', <- E.
replace (hi t + lo t - hi t) with (lo t) by ring. destruct t; reflexivity.
Qed.

(* It is enough that a is a multiple of the unit in the last place of b *)
Lemma fast_two_sum_eq_multiple a b k m e :
  double a -> double b -> (-1074 <= e)%Z -> (Z.abs m < 2 ^ 53)%Z ->
  a = IZR k * bpow radix2 e -> b = IZR m * bpow radix2 e ->
  fast_two_sum a b = Unevaluated (rnd (a + b)) (a + b - rnd (a + b)).
Proof.
intros Ha Hb He Hm Ea Eb.
destruct (Rle_or_lt (Rabs b) (Rabs a)) as [H | H]; [now apply fast_two_sum_eq; auto |].
apply fast_two_sum_of_exact; trivial.
assert (P : 0 < bpow radix2 e) by apply bpow_gt_0.
assert (Hk : (Z.abs k < Z.abs m)%Z).
{ apply lt_IZR. rewrite !abs_IZR. apply Rmult_lt_reg_r with (1 := P).
  rewrite <- (Rabs_pos_eq (bpow radix2 e)) by lra. rewrite <- !Rabs_mult, <- Ea, <- Eb. exact H. }
destruct (Z_le_gt_dec (Z.abs (k + m)) (2 ^ 53)) as [S | S].
- rewrite rnd_double.
  + replace (a + b - a) with b by ring. exact Hb.
  + apply double_mult_exponent with (k + m)%Z e; trivial. rewrite Ea, Eb, plus_IZR. ring.
- (* the sum needs 54 bits: it is rounded to a multiple of 2^e, by one unit at most *)
  assert (N : exists n, rnd (a + b) = IZR n * bpow radix2 e).
  { assert (D : double (rnd (a + b))) by apply double_rnd.
    unfold double, generic_format in D.
    assert (B : Rabs (a + b) = IZR (Z.abs (k + m)) * bpow radix2 e).
    { rewrite Ea, Eb, <- Rmult_plus_distr_r, <- plus_IZR, Rabs_mult, <- abs_IZR.
      now rewrite (Rabs_pos_eq (bpow radix2 e)) by lra. }
    assert (B2 : bpow radix2 (53 + e) <= Rabs (rnd (a + b))).
    { apply rnd_abs_ge; [apply double_bpow; lia |]. rewrite B, bpow_plus.
      apply Rmult_le_compat_r; [lra |]. change (bpow radix2 53) with (IZR (2 ^ 53)). apply IZR_le. lia. }
    assert (M : (53 + e < mag radix2 (rnd (a + b)))%Z) by (apply mag_gt_bpow; exact B2).
    assert (C : (e <= cexp radix2 double_exp (rnd (a + b)))%Z) by (unfold cexp, double_exp, FLT_exp; lia).
    exists (Ztrunc (scaled_mantissa radix2 double_exp (rnd (a + b))) * 2 ^
      (cexp radix2 double_exp (rnd (a + b)) - e))%Z.
    rewrite D at 1. unfold F2R; simpl. rewrite mult_IZR, Rmult_assoc. f_equal.
    change 2%Z with (radix_val radix2). rewrite IZR_Zpower by lia. rewrite <- bpow_plus. f_equal. lia. }
  destruct N as [n N].
  apply double_mult_exponent with (n - k)%Z e; trivial.
  2: { rewrite N, Ea, minus_IZR. ring. }
  assert (Hu : u * bpow radix2 (54 + e) = 2 * bpow radix2 e).
  { rewrite u_bpow, <- bpow_plus. replace (-53 + (54 + e))%Z with (1 + e)%Z by lia. rewrite bpow_plus.
    reflexivity. }
  assert (A : Rabs (rnd (a + b) - (a + b)) <= bpow radix2 e).
  { replace (bpow radix2 e) with (u / 2 * bpow radix2 (54 + e)) by lra.
    apply rnd_error_sum_below; trivial.
    rewrite Ea, Eb, <- Rmult_plus_distr_r, <- plus_IZR, Rabs_mult, <- abs_IZR, bpow_plus.
    rewrite (Rabs_pos_eq (bpow radix2 e)) by lra. apply Rmult_le_compat_r; [lra |].
    change (bpow radix2 54) with (IZR (2 ^ 54)). apply IZR_le. lia. }
  assert (B : (Z.abs (n - (k + m)) <= 1)%Z).
  { apply le_IZR. rewrite abs_IZR. apply Rmult_le_reg_r with (1 := P).
    rewrite <- (Rabs_pos_eq (bpow radix2 e)) at 1 by lra. rewrite <- Rabs_mult, Rmult_1_l.
    rewrite minus_IZR, plus_IZR. rewrite N, Ea, Eb in A.
    replace ((IZR n - (IZR k + IZR m)) * bpow radix2 e) with
      (IZR n * bpow radix2 e - (IZR k * bpow radix2 e + IZR m * bpow radix2 e)) by ring. exact A. }
  lia.
Qed.

(** With a fused multiply-add the pair is a b exactly, when a b is 0 or not tiny. *)
Theorem two_product_fused_exact a b : double a -> double b ->
  a * b = 0 \/ bpow radix2 (-969) <= Rabs (a * b) -> value (two_product_fused a b) = a * b.
Proof.
intros Ha Hb H. unfold value, two_product_fused; simpl.
rewrite (rnd_double (a * b + - rnd (a * b))); [ring |].
replace (a * b + - rnd (a * b)) with (- (rnd (a * b) - a * b)) by ring. apply double_opp.
apply mult_error_FLT; trivial; try typeclasses eauto.
intros NZ. destruct H as [H | H]; [contradiction |]. exact H.
Qed.

(** So is that of Veltkamp and Dekker, by splitting. *)
Theorem two_product_split_exact a b : double a -> double b ->
  a * b = 0 \/ bpow radix2 (-969) <= Rabs (a * b) -> value (two_product_split a b) = a * b.
Proof.
intros Ha Hb H.
destruct (Dekker radix2 (-1074) 53 (fun x => negb (Z.even x)) ltac:(lia) ltac:(lia) a b Ha Hb
  ltac:(left; reflexivity)) as [D _].
specialize (D H). symmetry. rewrite D at 1. unfold value, two_product_split; simpl hi; simpl lo.
assert (S : bpow radix2 (53 - Z.div2 53) + 1 = splitter) by (unfold splitter; simpl; lra).
rewrite S.
assert (V : forall x, rnd (rnd (x - rnd (x * splitter)) + rnd (x * splitter))
                    = rnd (rnd (splitter * x) - rnd (rnd (splitter * x) - x))).
{ intros x. rewrite (Rmult_comm x). f_equal.
  rewrite <- (Ropp_minus_distr (rnd (splitter * x)) x), rnd_opp. ring. }
change (round radix2 (FLT_exp (-1074) 53) (Znearest (fun x : Z => negb (Z.even x)))) with rnd.
rewrite !V. match goal with |- context [rnd (- ?p + ?q)] => replace (- p + q) with (q - p) by ring end.
reflexivity.
Qed.

Definition double_word (x : unevaluated) := double (hi x) /\ double (lo x) /\ hi x = rnd (hi x + lo x).
Definition product_exact (two_product : R -> R -> unevaluated) :=
  forall a b, double a -> double b -> a * b = 0 \/ bpow radix2 (-969) <= Rabs (a * b) ->
  two_product a b = Unevaluated (rnd (a * b)) (a * b - rnd (a * b)).

Lemma two_product_fused_is_exact : product_exact two_product_fused.
Proof.
intros a b Ha Hb H. generalize (two_product_fused_exact a b Ha Hb H). unfold value.
set (t := two_product_fused a b).
assert (E' : hi t = rnd (a * b)) by reflexivity. intros E. rewrite <- E', <- E.
replace (hi t + lo t - hi t) with (lo t) by ring. destruct t; reflexivity.
Qed.

Lemma two_product_split_is_exact : product_exact two_product_split.
Proof.
intros a b Ha Hb H. generalize (two_product_split_exact a b Ha Hb H). unfold value.
set (t := two_product_split a b).
assert (E' : hi t = rnd (a * b)) by reflexivity. intros E. rewrite <- E', <- E.
replace (hi t + lo t - hi t) with (lo t) by ring. destruct t; reflexivity.
Qed.

Lemma u_pos : 0 < u. Proof. unfold u; lra. Qed.

Lemma low_part_small x : double_word x -> Rabs (lo x) <= u * Rabs (hi x).
Proof.
intros (Hh & Hl & E). generalize (rnd_error_sum_rounded _ _ Hh Hl). rewrite <- E.
replace (hi x - (hi x + lo x)) with (- lo x) by ring. now rewrite Rabs_Ropp.
Qed.

Lemma rnd_error_le x M : Rabs x <= M -> Rabs (rnd x - x) <= u * M + eta.
Proof.
intros H. eapply Rle_trans; [apply rnd_error |]. apply Rplus_le_compat_r.
apply Rmult_le_compat_l; [generalize u_pos; lra | exact H].
Qed.

Lemma rnd_error_sum_le x y M : double x -> double y -> Rabs (x + y) <= M ->
  Rabs (rnd (x + y) - (x + y)) <= u * M.
Proof.
intros Hx Hy H. eapply Rle_trans; [now apply rnd_error_sum |].
apply Rmult_le_compat_l; [generalize u_pos; lra | exact H].
Qed.

Lemma mult_abs_le a b A B : Rabs a <= A -> Rabs b <= B -> Rabs (a * b) <= A * B.
Proof. intros. rewrite Rabs_mult. apply Rmult_le_compat; trivial; apply Rabs_pos. Qed.

(* What fast_two_sum returns is a double-word *)
Lemma fast_two_sum_double_word a b : double a -> double b -> Rabs b <= Rabs a \/ a = 0 ->
  double_word (fast_two_sum a b).
Proof.
intros Ha Hb H. rewrite fast_two_sum_eq by assumption. unfold double_word; simpl. split; [apply double_rnd |].
split; [now apply double_sum_error |]. f_equal. ring.
Qed.

Ltac inv H := apply Rabs_le_inv in H.

Lemma rnd_pos x : 0 <= x -> 0 <= rnd x.
Proof. intros H. rewrite <- rnd_0. now apply rnd_le. Qed.

(** Scaling back: exact for normal numbers *)
Lemma rnd_scaled X k : bpow radix2 (-1022) <= Rabs X -> bpow radix2 (-1022) <= Rabs (X * bpow radix2 k) ->
  rnd (X * bpow radix2 k) = rnd X * bpow radix2 k.
Proof.
intros H1 H2.
assert (E : forall Y, bpow radix2 (-1022) <= Rabs Y -> rnd Y = round radix2 (FLX_exp 53) ZnearestE Y).
{ intros Y H. apply round_FLT_FLX. apply Rle_trans with (2 := H). apply bpow_le. lia. }
rewrite !E by assumption. unfold round, scaled_mantissa, cexp, FLX_exp, F2R; cbn [Fnum Fexp].
assert (N : X <> 0).
{ intros ->. rewrite Rabs_R0 in H1. generalize (bpow_gt_0 radix2 (-1022)). lra. }
rewrite mag_mult_bpow by assumption.
rewrite Rmult_assoc, <- bpow_plus, Rmult_assoc, <- bpow_plus.
replace (k + - (mag radix2 X + k - 53))%Z with (- (mag radix2 X - 53))%Z by lia.
f_equal. f_equal. lia.
Qed.

Lemma sterbenz_near x y : double x -> double y -> Rabs (x - y) <= Rabs x / 4 -> double (x - y).
Proof.
intros Dx Dy H. destruct (Rle_or_lt 0 x) as [P | P].
- rewrite (Rabs_pos_eq x) in H by assumption. inv H. apply sterbenz; try typeclasses eauto; trivial. lra.
- rewrite (Rabs_left x) in H by assumption. inv H. replace (x - y) with (- (- x - - y)) by ring.
  apply double_opp. apply sterbenz; try typeclasses eauto; try (now apply double_opp). lra.
Qed.

(* a sum of doubles that 53 bits suffice for is a double *)
Lemma double_sum_FLX x y : double x -> double y -> generic_format radix2 (FLX_exp 53) (x + y) ->
  double (x + y).
Proof.
intros Dx Dy F. destruct (Rle_or_lt (bpow radix2 (-1022)) (Rabs (x + y))) as [H | H].
- apply generic_format_FLT_FLX; [exact H | exact F].
- apply FLT_format_plus_small; try assumption; try typeclasses eauto.
  apply Rlt_le, Rlt_le_trans with (1 := H). apply bpow_le; lia.
Qed.

Lemma double_product_error a b : double a -> double b -> bpow radix2 (-969) <= Rabs (a * b) ->
  double (a * b - rnd (a * b)).
Proof.
intros Da Db H. replace (a * b - rnd (a * b)) with (- (rnd (a * b) - a * b)) by ring.
apply double_opp, mult_error_FLT; trivial; typeclasses eauto.
Qed.

Lemma double_FLX x : double x -> generic_format radix2 (FLX_exp 53) x.
Proof. apply generic_format_FLX_FLT. Qed.

Lemma rnd_FLX x : bpow radix2 (-1022) <= Rabs x -> rnd x = round radix2 (FLX_exp 53) ZnearestE x.
Proof. intros H. apply (round_FLT_FLX radix2 (-1074) 53 ZnearestE x). exact H. Qed.
