(** * Double-word arithmetic: error bounds behind the fast way to correctly rounded scalars

    The library evaluates scalars first in unevaluated pairs of doubles, with a bound on the error, and returns the
    result only if a rounding test proves that it is the double nearest to the exact value.

    Proved, over the reals with Flocq's doubles (FLT(-1074, 53), nearest, ties to even; no greatest number, so overflow
    is not modelled): the error-free transformations, with a fused multiply-add and by splitting; error bounds of
    multiply, multiply_by_double, add and divide of pairs; and that the rounding test accepts nothing but the double nearest
    to the exact value (rounding_test_correct, rounding_test_scaled). NOT proved yet: the square root of
    a pair, the error that the code carries along, and the bounds composed for each scalar.

    Model and code. The definitions here mirror the functions of the same names in lib/kernels/double_word.hpp. What
    links them is reading, not proof. Axioms: those of Coq's real numbers with classical logic, as Flocq uses them. *)
From Coq Require Import Reals ZArith Lra Lia.
From Flocq Require Import Core Relative Plus_error Mult_error Div_sqrt_error Sterbenz Pff2Flocq.
Open Scope R_scope.

Section Lemmas.

Lemma double_precision_positive : Prec_gt_0 53.
Proof. reflexivity. Qed.
#[local] Existing Instance double_precision_positive.

End Lemmas.
#[export] Existing Instance double_precision_positive.

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
- unfold eta. replace (-1075)%Z with (-1 + -1074)%Z by lia. rewrite bpow_plus. simpl (bpow radix2 (-1)). exact Hf.
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
- unfold value, fast_two_sum; simpl. rewrite Rplus_0_l, Rminus_0_r, !(rnd_double b Hb), Rminus_diag_eq, rnd_0 by reflexivity. ring.
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
    exists (Ztrunc (scaled_mantissa radix2 double_exp (rnd (a + b))) * 2 ^ (cexp radix2 double_exp (rnd (a + b)) - e))%Z.
    rewrite D at 1. unfold F2R; simpl. rewrite mult_IZR, Rmult_assoc. f_equal.
    change 2%Z with (radix_val radix2). rewrite IZR_Zpower by lia. rewrite <- bpow_plus. f_equal. lia. }
  destruct N as [n N].
  apply double_mult_exponent with (n - k)%Z e; trivial.
  2: { rewrite N, Ea, minus_IZR. ring. }
  assert (Hu : u * bpow radix2 (54 + e) = 2 * bpow radix2 e).
  { rewrite u_bpow, <- bpow_plus. replace (-53 + (54 + e))%Z with (1 + e)%Z by lia. rewrite bpow_plus. reflexivity. }
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
Definition in_range (h : R) := h = 0 \/ bpow radix2 (-100) <= Rabs h <= bpow radix2 100.
Definition product_exact (two_product : R -> R -> unevaluated) :=
  forall a b, double a -> double b -> a * b = 0 \/ bpow radix2 (-969) <= Rabs (a * b) ->
  two_product a b = Unevaluated (rnd (a * b)) (a * b - rnd (a * b)).

Lemma two_product_fused_is_exact : product_exact two_product_fused.
Proof.
intros a b Ha Hb H. generalize (two_product_fused_exact a b Ha Hb H). unfold value. set (t := two_product_fused a b).
assert (E' : hi t = rnd (a * b)) by reflexivity. intros E. rewrite <- E', <- E.
replace (hi t + lo t - hi t) with (lo t) by ring. destruct t; reflexivity.
Qed.

Lemma two_product_split_is_exact : product_exact two_product_split.
Proof.
intros a b Ha Hb H. generalize (two_product_split_exact a b Ha Hb H). unfold value. set (t := two_product_split a b).
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

Lemma rnd_error_sum_le x y M : double x -> double y -> Rabs (x + y) <= M -> Rabs (rnd (x + y) - (x + y)) <= u * M.
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

Lemma range_product a b : in_range a -> in_range b -> a * b = 0 \/ bpow radix2 (-200) <= Rabs (a * b).
Proof.
intros [-> | [Ha _]]; [left; ring |]. intros [-> | [Hb _]]; [left; ring |]. right.
rewrite Rabs_mult. change (-200)%Z with (-100 + -100)%Z. rewrite bpow_plus.
apply Rmult_le_compat; trivial; apply bpow_ge_0.
Qed.

(* The error by underflow is nothing beside what is at least 2^-500 *)
Definition tiny : R := / 1606938044258990275541962092341162602522202993782792835301376. (* 2^-200 *)
Lemma eta_tiny A : bpow radix2 (-500) <= A -> eta <= tiny * A.
Proof.
intros H. apply Rle_trans with (tiny * bpow radix2 (-500)).
- replace tiny with (bpow radix2 (-200)) by (unfold tiny; simpl; reflexivity).
  rewrite <- bpow_plus. apply bpow_le. lia.
- apply Rmult_le_compat_l; [unfold tiny; lra | exact H].
Qed.

Definition multiply (two_product : R -> R -> unevaluated) (x y : unevaluated) :=
  let p := two_product (hi x) (hi y) in
  fast_two_sum (hi p) (rnd (lo p + rnd (rnd (hi x * lo y) + rnd (lo x * hi y)))).

Definition multiply_by_double (two_product : R -> R -> unevaluated) (x : unevaluated) (y : R) :=
  let p := two_product (hi x) y in fast_two_sum (hi p) (rnd (lo p + rnd (lo x * y))).

Ltac inv H := apply Rabs_le_inv in H.

(* The terms of higher order *)
Definition little : R := / 35184372088832.  (* 2^-45 *)

Theorem multiply_error two_product x y :
  product_exact two_product -> double_word x -> double_word y -> in_range (hi x) -> in_range (hi y) ->
  let z := multiply two_product x y in
  double_word z /\
  Rabs (value z - value x * value y) <= 8 * (u * u) * (1 + little) * Rabs (rnd (hi x * hi y)).
Proof.
intros TP Wx Wy Rx Ry z.
assert (Lx := low_part_small x Wx). assert (Ly := low_part_small y Wy).
destruct Wx as (Hxh & Hxl & _), Wy as (Hyh & Hyl & _).
assert (RP := range_product _ _ Rx Ry).
assert (NP : hi x * hi y = 0 \/ bpow radix2 (-969) <= Rabs (hi x * hi y)).
{ destruct RP as [RP | RP]; [now left | right]. apply Rle_trans with (2 := RP), bpow_le; lia. }
assert (Ez : z = fast_two_sum (rnd (hi x * hi y)) (rnd (hi x * hi y - rnd (hi x * hi y)
  + rnd (rnd (hi x * lo y) + rnd (lo x * hi y))))) by (unfold z, multiply; rewrite (TP _ _ Hxh Hyh NP); reflexivity).
clearbody z. subst z.
destruct x as [a al], y as [b bl]; cbn [hi lo] in *.
assert (A1 := mult_abs_le _ _ _ _ (Rle_refl (Rabs a)) Ly).
assert (A2 := mult_abs_le _ _ _ _ Lx (Rle_refl (Rabs b))).
assert (A3 := mult_abs_le _ _ _ _ Lx Ly).
replace (Rabs a * (u * Rabs b)) with (u * Rabs (a * b)) in A1 by (rewrite Rabs_mult; ring).
replace (u * Rabs a * Rabs b) with (u * Rabs (a * b)) in A2 by (rewrite Rabs_mult; ring).
replace (u * Rabs a * (u * Rabs b)) with (u * u * Rabs (a * b)) in A3 by (rewrite Rabs_mult; ring).
assert (Dl : double (a * b - rnd (a * b))).
{ replace (a * b - rnd (a * b)) with (- (rnd (a * b) - a * b)) by ring.
  apply double_opp, mult_error_FLT; trivial; try typeclasses eauto.
  intros NZ; destruct NP; [contradiction | assumption]. }
assert (E0 : Rabs (rnd (a * b) - a * b) <= u * Rabs (a * b)).
{ destruct RP as [RP | RP].
  - rewrite RP, rnd_0, Rminus_0_r, Rabs_R0. lra.
  - apply rnd_error_normal, Rle_trans with (2 := RP), bpow_le. lia. }
assert (T : Rabs (rnd (a * bl) - a * bl) <= u * (u * Rabs (a * b)) + tiny * Rabs (a * b) /\
            Rabs (rnd (al * b) - al * b) <= u * (u * Rabs (a * b)) + tiny * Rabs (a * b)).
{ destruct RP as [RP | RP].
  - rewrite RP, Rabs_R0 in *. rewrite !Rmult_0_r in *.
    assert (Z1 : a * bl = 0) by (inv A1; lra). assert (Z2 : al * b = 0) by (inv A2; lra).
    rewrite Z1, Z2, rnd_0, Rminus_0_r, Rabs_R0. lra.
  - assert (eta <= tiny * Rabs (a * b)) by (apply eta_tiny, Rle_trans with (2 := RP), bpow_le; lia).
    split; (eapply Rle_trans; [apply rnd_error_le; eassumption |]); lra. }
destruct T as [T1 T2].
assert (P0 := Rabs_pos (a * b)). set (P := Rabs (a * b)) in *.
assert (Pp : P <= Rabs (rnd (a * b)) + u * P).
{ unfold P at 1. replace (a * b) with (rnd (a * b) - (rnd (a * b) - a * b)) at 1 by ring.
  eapply Rle_trans; [apply Rabs_triang |]. rewrite Rabs_Ropp. apply Rplus_le_compat_l, E0. }
set (p := rnd (a * b)) in *. set (r1 := rnd (a * bl)) in *. set (r2 := rnd (al * b)) in *.
assert (E3 : Rabs (rnd (r1 + r2) - (r1 + r2)) <= u * (2 * u * P + 2 * (u * (u * P) + tiny * P))).
{ apply rnd_error_sum_le; try apply double_rnd. inv T1. inv T2. inv A1. inv A2. apply Rabs_le. lra. }
set (s := rnd (r1 + r2)) in *.
assert (B3 : Rabs (a * b - p + s) <= 3 * u * P + 5 * (u * u * P)).
{ inv T1; inv T2; inv A1; inv A2; inv E0; inv E3. apply Rabs_le. unfold u, tiny in *. lra. }
assert (E4 := rnd_error_sum_le _ _ _ Dl (double_rnd _ : double s) B3).
set (t := rnd (a * b - p + s)) in *.
assert (St : Rabs t <= Rabs p \/ p = 0).
{ left. inv B3. inv E4. apply Rabs_le. unfold u in *. lra. }
assert (V := fast_two_sum_exact p t (double_rnd _) (double_rnd _) St).
split; [apply fast_two_sum_double_word; trivial; apply double_rnd |].
rewrite V. unfold value; cbn [hi lo].
assert (G : Rabs (p + t - (a + al) * (b + bl)) <= 8 * (u * u) * (1 + little / 2) * P).
{ replace (p + t - (a + al) * (b + bl)) with
    ((t - (a * b - p + s)) + (s - (r1 + r2)) + (r1 - a * bl) + (r2 - al * b) - al * bl) by ring.
  inv T1; inv T2; inv A3; inv E3; inv E4. apply Rabs_le. unfold u, tiny, little in *. lra. }
apply Rle_trans with (1 := G). unfold u, little in *. lra.
Qed.

(** The product of a pair and a double is off by at most 3 u^2. *)
Theorem multiply_by_double_error two_product x y :
  product_exact two_product -> double_word x -> double y -> in_range (hi x) -> in_range y ->
  let z := multiply_by_double two_product x y in
  double_word z /\
  Rabs (value z - value x * y) <= 3 * (u * u) * (1 + little) * Rabs (rnd (hi x * y)).
Proof.
intros TP Wx Hb Rx Ry z.
assert (Lx := low_part_small x Wx). destruct Wx as (Hxh & Hxl & _).
assert (RP := range_product _ _ Rx Ry).
assert (NP : hi x * y = 0 \/ bpow radix2 (-969) <= Rabs (hi x * y)).
{ destruct RP as [RP | RP]; [now left | right]. apply Rle_trans with (2 := RP), bpow_le; lia. }
assert (Ez : z = fast_two_sum (rnd (hi x * y)) (rnd (hi x * y - rnd (hi x * y) + rnd (lo x * y))))
  by (unfold z, multiply_by_double; rewrite (TP _ _ Hxh Hb NP); reflexivity).
clearbody z. subst z.
destruct x as [a al]; rename y into b; cbn [hi lo] in *.
assert (A2 := mult_abs_le _ _ _ _ Lx (Rle_refl (Rabs b))).
replace (u * Rabs a * Rabs b) with (u * Rabs (a * b)) in A2 by (rewrite Rabs_mult; ring).
assert (Dl : double (a * b - rnd (a * b))).
{ replace (a * b - rnd (a * b)) with (- (rnd (a * b) - a * b)) by ring.
  apply double_opp, mult_error_FLT; trivial; try typeclasses eauto.
  intros NZ; destruct NP; [contradiction | assumption]. }
assert (E0 : Rabs (rnd (a * b) - a * b) <= u * Rabs (a * b)).
{ destruct RP as [RP | RP].
  - rewrite RP, rnd_0, Rminus_0_r, Rabs_R0. lra.
  - apply rnd_error_normal, Rle_trans with (2 := RP), bpow_le. lia. }
assert (T2 : Rabs (rnd (al * b) - al * b) <= u * (u * Rabs (a * b)) + tiny * Rabs (a * b)).
{ destruct RP as [RP | RP].
  - rewrite RP, Rabs_R0 in *. rewrite !Rmult_0_r in *.
    assert (Z2 : al * b = 0) by (inv A2; lra).
    rewrite Z2, rnd_0, Rminus_0_r, Rabs_R0. lra.
  - assert (eta <= tiny * Rabs (a * b)) by (apply eta_tiny, Rle_trans with (2 := RP), bpow_le; lia).
    eapply Rle_trans; [apply rnd_error_le; eassumption |]; lra. }
assert (P0 := Rabs_pos (a * b)). set (P := Rabs (a * b)) in *.
assert (Pp : P <= Rabs (rnd (a * b)) + u * P).
{ unfold P at 1. replace (a * b) with (rnd (a * b) - (rnd (a * b) - a * b)) at 1 by ring.
  eapply Rle_trans; [apply Rabs_triang |]. rewrite Rabs_Ropp. apply Rplus_le_compat_l, E0. }
set (p := rnd (a * b)) in *. set (r2 := rnd (al * b)) in *.
assert (B3 : Rabs (a * b - p + r2) <= 2 * u * P + 2 * (u * u * P)).
{ inv T2; inv A2; inv E0. apply Rabs_le. unfold u, tiny in *. lra. }
assert (E4 := rnd_error_sum_le _ _ _ Dl (double_rnd _ : double r2) B3).
set (t := rnd (a * b - p + r2)) in *.
assert (St : Rabs t <= Rabs p \/ p = 0).
{ left. inv B3. inv E4. apply Rabs_le. unfold u in *. lra. }
assert (V := fast_two_sum_exact p t (double_rnd _) (double_rnd _) St).
split; [apply fast_two_sum_double_word; trivial; apply double_rnd |].
rewrite V. unfold value; cbn [hi lo].
assert (G : Rabs (p + t - (a + al) * b) <= 3 * (u * u) * (1 + little / 2) * P).
{ replace (p + t - (a + al) * b) with ((t - (a * b - p + r2)) + (r2 - al * b)) by ring.
  inv T2; inv E4. apply Rabs_le. unfold u, tiny, little in *. lra. }
apply Rle_trans with (1 := G). unfold u, little in *. lra.
Qed.

Definition add (x y : unevaluated) :=
  let s := two_sum (hi x) (hi y) in
  let t := two_sum (lo x) (lo y) in
  let v := fast_two_sum (hi s) (rnd (lo s + hi t)) in
  fast_two_sum (hi v) (rnd (lo t + lo v)).

Lemma double_ge x : double x -> x <> 0 -> bpow radix2 (-1074) <= Rabs x.
Proof.
intros D N. apply generic_format_ge_bpow with double_exp.
- intros e. unfold double_exp, FLT_exp. lia.
- now apply Rabs_pos_lt.
- now apply double_abs.
Qed.

(* a low part is at most half a unit in the last place of the binade *)
Lemma low_part_below x e : double_word x -> Rabs (hi x) < bpow radix2 e -> Rabs (lo x) <= u / 2 * bpow radix2 e.
Proof.
intros W H. assert (L := low_part_small x W). destruct W as (Dh & Dl & E).
destruct (Z_le_gt_dec (-1074) e) as [He | He].
- assert (B : Rabs (hi x + lo x) <= bpow radix2 e).
  { destruct (Rle_or_lt (Rabs (hi x + lo x)) (bpow radix2 e)) as [? | G]; [assumption | exfalso].
    apply (Rlt_irrefl (bpow radix2 e)). apply Rle_lt_trans with (2 := H). rewrite E.
    apply rnd_abs_ge; [now apply double_bpow | lra]. }
  generalize (rnd_error_sum_below _ _ e Dh Dl B). rewrite <- E.
  replace (hi x - (hi x + lo x)) with (- lo x) by ring. now rewrite Rabs_Ropp.
- assert (Z : hi x = 0).
  { destruct (Req_dec (hi x) 0) as [? | N]; [assumption | exfalso].
    apply (Rlt_irrefl (Rabs (hi x))). apply Rlt_le_trans with (1 := H).
    apply Rle_trans with (2 := double_ge _ Dh N). apply bpow_le. lia. }
  rewrite Z, Rabs_R0, Rmult_0_r in L. apply Rle_trans with (1 := L).
  apply Rmult_le_pos; [generalize u_pos; lra | apply bpow_ge_0].
Qed.

Lemma multiple_of_unit t x : double x -> t <> 0 -> Rabs t <= Rabs x ->
  exists k, x = IZR k * bpow radix2 (cexp radix2 double_exp t).
Proof.
intros D N H. unfold double, generic_format in D.
assert (M : (mag radix2 t <= mag radix2 x)%Z) by (apply mag_le_abs; assumption).
assert (C : (cexp radix2 double_exp t <= cexp radix2 double_exp x)%Z) by (unfold cexp, double_exp, FLT_exp; lia).
exists (Ztrunc (scaled_mantissa radix2 double_exp x) * 2 ^ (cexp radix2 double_exp x - cexp radix2 double_exp t))%Z.
rewrite D at 1. unfold F2R; simpl. rewrite mult_IZR, Rmult_assoc. f_equal.
change 2%Z with (radix_val radix2). rewrite IZR_Zpower by lia. rewrite <- bpow_plus. f_equal. lia.
Qed.

Lemma canonical_mantissa t : double t -> t <> 0 ->
  exists m, (Z.abs m < 2 ^ 53)%Z /\ t = IZR m * bpow radix2 (cexp radix2 double_exp t).
Proof.
intros D N. destruct (multiple_of_unit t t D N (Rle_refl _)) as [m E]. exists m. split; [| exact E].
apply lt_IZR. rewrite abs_IZR. apply Rmult_lt_reg_r with (bpow radix2 (cexp radix2 double_exp t)); [apply bpow_gt_0 |].
rewrite <- (Rabs_pos_eq (bpow radix2 _)) at 1 by apply bpow_ge_0. rewrite <- Rabs_mult, <- E.
apply Rlt_le_trans with (bpow radix2 (mag radix2 t)); [now apply bpow_mag_gt |].
change (IZR (2 ^ 53)) with (bpow radix2 53). rewrite <- bpow_plus. apply bpow_le.
unfold cexp, double_exp, FLT_exp. lia.
Qed.

(* what the sum is about, of a = x.hi, al = x.lo, b = y.hi, bl = y.lo *)
Definition add_good (a al b bl : R) :=
  let s := rnd (a + b) in let sl := a + b - s in
  let t := rnd (al + bl) in let tl := al + bl - t in
  let c := rnd (sl + t) in let v := rnd (s + c) in let vl := s + c - v in
  let w := rnd (tl + vl) in
  lo (fast_two_sum s c) = vl /\
  ((c = sl + t /\ w = tl + vl /\ (Rabs w <= Rabs v \/ v = 0)) \/
   (Rabs (c - (sl + t)) + Rabs (w - (tl + vl)) <= 3 * (u * u) * (1 + little / 4) * Rabs v /\
    Rabs w <= 4 * u * Rabs v)).

Lemma lo_fast_two_sum a b : double a -> double b -> Rabs b <= Rabs a \/ a = 0 ->
  lo (fast_two_sum a b) = a + b - rnd (a + b).
Proof. intros. now rewrite fast_two_sum_eq by assumption. Qed.

Lemma add_good_sym a al b bl : add_good a al b bl -> add_good b bl a al.
Proof. unfold add_good. now rewrite (Rplus_comm b a), (Rplus_comm bl al). Qed.

Lemma add_good_opp a al b bl : add_good (- a) (- al) (- b) (- bl) -> add_good a al b bl.
Proof.
unfold add_good. cbv zeta. rewrite <- !Ropp_plus_distr, !rnd_opp.
replace (- (a + b) - - rnd (a + b)) with (- (a + b - rnd (a + b))) by ring.
replace (- (al + bl) - - rnd (al + bl)) with (- (al + bl - rnd (al + bl))) by ring.
rewrite <- !Ropp_plus_distr, !rnd_opp, <- !Ropp_plus_distr, !rnd_opp.
set (s := rnd (a + b)). set (t := rnd (al + bl)).
set (c := rnd (a + b - s + t)). set (v := rnd (s + c)).
replace (- (s + c) - - v) with (- (s + c - v)) by ring.
rewrite <- !Ropp_plus_distr, !rnd_opp.
set (w := rnd (al + bl - t + (s + c - v))).
replace (- c - - (a + b - s + t)) with (- (c - (a + b - s + t))) by ring.
replace (- w - - (al + bl - t + (s + c - v))) with (- (w - (al + bl - t + (s + c - v)))) by ring.
rewrite !Rabs_Ropp. intros [F G]. split.
- assert (L : lo (fast_two_sum (- s) (- c)) = - lo (fast_two_sum s c)).
  { unfold fast_two_sum; cbn [lo]. rewrite <- !Ropp_plus_distr, !rnd_opp.
    replace (- rnd (s + c) - - s) with (- (rnd (s + c) - s)) by ring. rewrite rnd_opp.
    replace (- c - - rnd (rnd (s + c) - s)) with (- (c - rnd (rnd (s + c) - s))) by ring. apply rnd_opp. }
  rewrite L in F. lra.
- destruct G as [(G1 & G2 & G3) | G]; [left | now right].
  repeat split; [lra | lra |]. destruct G3; [now left | right; lra].
Qed.

Section Cases.
Variables a al b bl : R.
Hypothesis (Da : double a) (Dal : double al) (Db : double b) (Dbl : double bl).
Hypothesis (La : Rabs al <= u * Rabs a) (Lb : Rabs bl <= u * Rabs b).
Hypothesis Pa : 0 < a.

Let s := rnd (a + b). Let sl := a + b - s.
Let t := rnd (al + bl). Let tl := al + bl - t.
Let c := rnd (sl + t). Let v := rnd (s + c). Let vl := s + c - v.
Let w := rnd (tl + vl).

Let Ds : double s := double_rnd _.
Let Dt : double t := double_rnd _.
Let Dsl : double sl := double_sum_error a b Da Db.
Let Dtl : double tl := double_sum_error al bl Dal Dbl.
Let Dc : double c := double_rnd _.
Let Dv : double v := double_rnd _.
Let Dvl : double vl := double_sum_error s c Ds Dc.

Lemma sum_error_sl : Rabs (s - (a + b)) <= u * Rabs (a + b).
Proof. now apply rnd_error_sum. Qed.
Lemma sum_error_tl : Rabs (t - (al + bl)) <= u * Rabs (al + bl).
Proof. now apply rnd_error_sum. Qed.
Lemma sum_error_tl' : Rabs (t - (al + bl)) <= u * Rabs t.
Proof. now apply rnd_error_sum_rounded. Qed.
Lemma sum_error_vl : Rabs (v - (s + c)) <= u * Rabs v.
Proof. now apply rnd_error_sum_rounded. Qed.
Lemma sum_error_w M : Rabs (tl + vl) <= M -> Rabs (w - (tl + vl)) <= u * M.
Proof. now apply rnd_error_sum_le. Qed.
Lemma sum_error_c M : Rabs (sl + t) <= M -> Rabs (c - (sl + t)) <= u * M.
Proof. now apply rnd_error_sum_le. Qed.

(* of one sign *)
Lemma add_good_same : 0 <= b -> add_good a al b bl.
Proof.
intros Pb. unfold add_good. fold s; fold sl; fold t; fold tl; fold c; fold v; fold vl; fold w.
assert (Q1 := sum_error_sl). assert (Q2 := sum_error_vl).
rewrite (Rabs_pos_eq a) in La by lra. rewrite (Rabs_pos_eq b) in Lb by lra.
rewrite (Rabs_pos_eq (a + b)) in Q1 by lra.
set (S := a + b) in *. assert (PS : 0 < S) by (unfold S; lra).
assert (L : Rabs (al + bl) <= u * S).
{ inv La; inv Lb. apply Rabs_le. unfold S. unfold u in *. lra. }
assert (T := rnd_error_sum_le _ _ _ Dal Dbl L). fold t in T.
assert (A1 : Rabs (sl + t) <= (2 * u + u * u) * S).
{ unfold sl. fold S. inv Q1. inv T. inv L. apply Rabs_le. unfold u in *; lra. }
assert (C := sum_error_c _ A1).
assert (Vp : Rabs (v - S) <= 8 * u * S).
{ assert (V : Rabs (v - (s + c)) <= u * Rabs (s + c)) by now apply rnd_error_sum.
  assert (X : Rabs (s + c) <= 2 * S).
  { inv C. inv A1. inv Q1. apply Rabs_le. unfold u in *; lra. }
  assert (V' : Rabs (v - (s + c)) <= u * (2 * S)).
  { apply Rle_trans with (1 := V). apply Rmult_le_compat_l; [generalize u_pos; lra | exact X]. }
  clear V X Q2. inv V'. inv C. inv A1. inv Q1. apply Rabs_le. unfold u in *; lra. }
assert (Pv : 0 < v) by (inv Vp; unfold u in *; lra).
rewrite (Rabs_pos_eq v) in * by lra.
assert (A2 : Rabs (tl + vl) <= u * v + u * u * S).
{ unfold tl, vl. inv T. inv Q2. apply Rabs_le. unfold u in *; lra. }
assert (W := sum_error_w _ A2).
split.
- apply lo_fast_two_sum; trivial. left. inv C. inv A1. inv Q1. rewrite (Rabs_pos_eq s) by (unfold u in *; lra).
  apply Rabs_le. unfold u in *; lra.
- right. split.
  + apply Rle_trans with (1 := Rplus_le_compat _ _ _ _ C W). inv Vp. unfold u, little in *. lra.
  + inv W. inv A2. inv Vp. apply Rabs_le. unfold u in *. lra.
Qed.

(* y cancels half of x and more *)
Lemma add_good_cancel : - a <= b -> b <= - (a / 2) -> add_good a al b bl.
Proof.
intros B1 B2. unfold add_good. fold s; fold sl; fold t; fold tl; fold c; fold v; fold vl; fold w.
assert (Es : s = a + b).
{ apply rnd_double. replace (a + b) with (a - - b) by ring. apply sterbenz; try typeclasses eauto; trivial.
  - now apply double_opp.
  - lra. }
assert (Esl : sl = 0) by (unfold sl; lra).
assert (Ec : c = t) by (unfold c; rewrite Esl, Rplus_0_l; now apply rnd_double).
assert (Q := sum_error_tl').
destruct (Req_dec t 0) as [Zt | Nt].
{ assert (Ztl : tl = 0) by (rewrite Zt, Rabs_R0 in Q; unfold tl; inv Q; lra).
  assert (Ev : v = s) by (unfold v; rewrite Ec, Zt, Rplus_0_r; now apply rnd_double).
  assert (Ew : w = 0).
  { unfold w, vl. rewrite Ztl, Ev, Ec, Zt. replace (0 + (s + 0 - s)) with 0 by ring. apply rnd_0. }
  split.
  - apply lo_fast_two_sum; trivial. left. rewrite Ec, Zt, Rabs_R0. apply Rabs_pos.
  - left. repeat split.
    + rewrite Ec, Esl. ring.
    + unfold vl. rewrite Ew, Ztl, Ev, Ec, Zt. ring.
    + left. rewrite Ew, Rabs_R0. apply Rabs_pos. }
rewrite (Rabs_pos_eq a) in La by lra. rewrite (Rabs_left1 b) in Lb by lra.
assert (Tb : Rabs t <= Rabs b).
{ apply rnd_abs_le; [now apply double_abs |]. rewrite (Rabs_left1 b) by lra.
  inv La; inv Lb. apply Rabs_le. unfold u in *. lra. }
assert (Ta : Rabs t <= Rabs a).
{ apply Rle_trans with (1 := Tb). rewrite (Rabs_left1 b), (Rabs_pos_eq a) by lra. lra. }
destruct (canonical_mantissa t Dt Nt) as (m & Hm & Em).
destruct (multiple_of_unit t a Da Nt Ta) as (ka & Eka).
destruct (multiple_of_unit t b Db Nt Tb) as (kb & Ekb).
assert (He : (-1074 <= cexp radix2 double_exp t)%Z) by (unfold cexp, double_exp, FLT_exp; lia).
assert (Eks : s = IZR (ka + kb) * bpow radix2 (cexp radix2 double_exp t)).
{ rewrite Es, plus_IZR, Rmult_plus_distr_r, <- Eka, <- Ekb. reflexivity. }
split.
{ rewrite Ec. unfold vl, v. rewrite Ec.
  now rewrite (fast_two_sum_eq_multiple s t (ka + kb) m (cexp radix2 double_exp t)). }
destruct (Rle_or_lt (Rabs t) (2 * Rabs (s + t))) as [N | N].
- right. assert (Q2 := sum_error_vl). rewrite Ec in Q2.
  assert (A : Rabs (s + t) <= Rabs v + u * Rabs v).
  { replace (s + t) with (v + - (v - (s + t))) by ring. eapply Rle_trans; [apply Rabs_triang |].
    rewrite Rabs_Ropp. lra. }
  assert (A2 : Rabs (tl + vl) <= 3 * u * Rabs v + 2 * u * u * Rabs v).
  { unfold tl, vl. rewrite Ec. assert (Pv := Rabs_pos v). set (vv := Rabs v) in *. set (tt := Rabs t) in *.
    inv Q. inv Q2. apply Rabs_le. unfold u in *; lra. }
  assert (W := sum_error_w _ A2). split.
  + replace (c - (sl + t)) with 0 by lra. rewrite Rabs_R0, Rplus_0_l.
    apply Rle_trans with (1 := W). assert (Pv := Rabs_pos v). unfold u, little; lra.
  + assert (Pv := Rabs_pos v). set (vv := Rabs v) in *. inv W. inv A2. apply Rabs_le. unfold u in *. lra.
- left. (* s + t is exact by Sterbenz's lemma *)
  assert (Ev : v = s + t).
  { unfold v. rewrite Ec. apply rnd_double. replace (s + t) with (s - - t) by ring.
    apply sterbenz; try typeclasses eauto; trivial; [now apply double_opp |].
    assert (t < 0).
    { destruct (Rle_or_lt 0 t) as [H |]; [exfalso | assumption].
      rewrite (Rabs_pos_eq t) in N by assumption. rewrite (Rabs_pos_eq (s + t)) in N by lra. lra. }
    rewrite (Rabs_left t) in N by assumption. assert (N' : Rabs (s + t) < - t / 2) by lra.
    apply Rabs_lt_inv in N'. lra. }
  assert (Evl : vl = 0) by (unfold vl; rewrite Ec, Ev; ring).
  assert (Ew : w = tl) by (unfold w; rewrite Evl, Rplus_0_r; now apply rnd_double).
  repeat split; [lra | lra |].
  destruct (Req_dec v 0) as [Zv | Nv]; [now right | left].
  rewrite Ew.
  assert (G : bpow radix2 (cexp radix2 double_exp t) <= Rabs v).
  { assert (E : v = IZR (ka + kb + m) * bpow radix2 (cexp radix2 double_exp t)).
    { rewrite Ev, Eks, (plus_IZR (ka + kb) m), Rmult_plus_distr_r. f_equal. exact Em. }
    assert (K : (1 <= Z.abs (ka + kb + m))%Z).
    { destruct (Z.eq_dec (ka + kb + m) 0) as [Z | ?]; [| lia]. exfalso. apply Nv. rewrite E, Z. ring. }
    rewrite E, Rabs_mult, <- abs_IZR, (Rabs_pos_eq (bpow radix2 _)) by apply bpow_ge_0.
    apply IZR_le in K. assert (B := bpow_gt_0 radix2 (cexp radix2 double_exp t)).
    rewrite <- (Rmult_1_l (bpow _ _)) at 1. apply Rmult_le_compat_r; lra. }
  apply Rle_trans with (2 := G).
  unfold tl. rewrite <- Rabs_Ropp. replace (- (al + bl - t)) with (t - (al + bl)) by ring.
  eapply Rle_trans; [apply error_le_half_ulp_round; typeclasses eauto |].
  change (round radix2 double_exp (Znearest (fun x : Z => negb (Z.even x))) (al + bl)) with t.
  rewrite ulp_neq_0 by assumption. assert (B := bpow_gt_0 radix2 (cexp radix2 double_exp t)). lra.
Qed.

(* y cancels less than half of x *)
Hypothesis La2 : forall e, Rabs a < bpow radix2 e -> Rabs al <= u / 2 * bpow radix2 e.
Hypothesis Lb2 : forall e, Rabs b < bpow radix2 e -> Rabs bl <= u / 2 * bpow radix2 e.

Lemma add_good_partly : - (a / 2) < b -> b < 0 -> add_good a al b bl.
Proof.
intros B1 B2. unfold add_good. fold s; fold sl; fold t; fold tl; fold c; fold v; fold vl; fold w.
assert (Q2 := sum_error_vl).
assert (H1 := bpow_mag_le radix2 a ltac:(lra)). assert (H2 := bpow_mag_gt radix2 a).
assert (Hk := conj H1 H2). clear H1 H2. rewrite (Rabs_pos_eq a) in Hk by lra.
remember (mag_val radix2 a (mag radix2 a)) as k1 eqn:Mk. assert (Mk' := eq_sym Mk). clear Mk.
assert (K1 : bpow radix2 k1 = 2 * bpow radix2 (k1 - 1)).
{ replace k1 with (1 + (k1 - 1))%Z at 1 by lia. rewrite bpow_plus. reflexivity. }
assert (K2 : bpow radix2 (k1 - 1 - 1) = bpow radix2 (k1 - 1) / 2).
{ replace (k1 - 1)%Z with (1 + (k1 - 1 - 1))%Z at 2 by lia. rewrite bpow_plus. change (bpow radix2 1) with 2. lra. }
assert (K3 : bpow radix2 (k1 - 1 - 51) = 4 * u * bpow radix2 (k1 - 1)).
{ replace (k1 - 1 - 51)%Z with (2 + (-53 + (k1 - 1)))%Z by lia. rewrite !bpow_plus, <- u_bpow. change (bpow radix2 2) with 4. ring. }
assert (K4 : bpow radix2 (k1 - 1 - 52) = 2 * u * bpow radix2 (k1 - 1)).
{ replace (k1 - 1 - 52)%Z with (1 + (-53 + (k1 - 1)))%Z by lia. rewrite !bpow_plus, <- u_bpow. change (bpow radix2 1) with 2. ring. }
assert (PB := bpow_gt_0 radix2 (k1 - 1)).
assert (La' := La2 k1 ltac:(rewrite Rabs_pos_eq by lra; lra)). rewrite K1 in La'.
assert (SB1 : Rabs (a + b) <= bpow radix2 k1) by (rewrite Rabs_pos_eq by lra; lra).
assert (Q1 := rnd_error_sum_below a b k1 Da Db SB1). fold s in Q1. rewrite K1 in Q1.
rewrite (Rabs_left1 b) in Lb by lra.
assert (L0 : Rabs (al + bl) <= 2 * u * bpow radix2 (k1 - 1)).
{ inv La'; inv Lb. apply Rabs_le. unfold u in *. lra. }
assert (T := rnd_error_sum_le _ _ _ Dal Dbl L0). fold t in T.
set (B := bpow radix2 (k1 - 1)) in *.
(* given what |sl + t| is, and how far c is off, the rest follows *)
assert (Rest : forall C : R, 0 <= C -> C <= 2 -> Rabs (sl + t) <= 4 * u * B -> Rabs (c - (sl + t)) <= C * (u * u * B) ->
  C * B <= 2 * (a + b) ->
  lo (fast_two_sum s c) = vl /\
  Rabs (c - (sl + t)) + Rabs (w - (tl + vl)) <= 3 * (u * u) * (1 + little / 4) * Rabs v /\
  Rabs w <= 4 * u * Rabs v).
{ intros C PC C2 A1 Ce CS.
  assert (Ce2 : Rabs (c - (sl + t)) <= 2 * (u * u * B)).
  { apply Rle_trans with (1 := Ce). apply Rmult_le_compat_r; [unfold u; lra | exact C2]. }
  assert (Sp : B / 2 <= a + b) by lra.
  assert (Vp : Rabs (v - (a + b)) <= 9 * u * B).
  { assert (X : Rabs (s + c) <= 3 * B).
    { inv Ce2. inv A1. inv Q1. apply Rabs_le. unfold sl, u in *; lra. }
    assert (V' := rnd_error_sum_le _ _ _ Ds Dc X). fold v in V'.
    clear X Q2. inv V'. inv Ce2. inv A1. inv Q1. apply Rabs_le. unfold sl, u in *; lra. }
  assert (Pv : 0 < v) by (inv Vp; unfold u in *; lra).
  rewrite (Rabs_pos_eq v) in * by lra.
  assert (A2 : Rabs (tl + vl) <= u * v + 2 * u * u * B).
  { unfold tl, vl. inv T. inv Q2. apply Rabs_le. unfold u in *; lra. }
  assert (W := sum_error_w _ A2).
  split.
  - apply lo_fast_two_sum; trivial. left. inv Ce2. inv A1. inv Q1. rewrite (Rabs_pos_eq s) by (unfold u in *; lra).
    apply Rabs_le. unfold u in *; lra.
  - split.
    + apply Rle_trans with (1 := Rplus_le_compat _ _ _ _ Ce W).
      set (CB := C * B) in *. replace (C * (u * u * B)) with (u * u * CB) by (unfold CB; ring).
      inv Vp. unfold u, little in *. lra.
    + inv W. inv A2. inv Vp. apply Rabs_le. unfold u in *. lra. }
destruct (Rle_or_lt B (a + b)) as [S1 | S1].
- assert (A1 : Rabs (sl + t) <= 4 * u * B).
  { unfold sl. inv Q1. inv T. inv L0. apply Rabs_le. unfold u in *; lra. }
  assert (A1' : Rabs (sl + t) <= bpow radix2 (k1 - 1 - 51)) by (rewrite K3; exact A1).
  assert (Ce := rnd_error_sum_below sl t _ Dsl Dt A1'). fold c in Ce. rewrite K3 in Ce.
  assert (Ce' : Rabs (c - (sl + t)) <= 2 * (u * u * B)) by (apply Rle_trans with (1 := Ce); unfold u; lra).
  destruct (Rest 2 ltac:(lra) ltac:(lra) A1 Ce' ltac:(lra)) as (R1 & R2 & R3). split; [exact R1 | right; split; assumption].
- destruct (Rle_or_lt (B / 2) (- b)) as [S2 | S2].
  + assert (Es : s = a + b).
    { apply rnd_double, generic_format_plus; try typeclasses eauto; trivial.
      rewrite Rabs_pos_eq by lra. apply Rle_trans with B; [lra |]. apply bpow_le. rewrite Mk'.
      assert (k1 - 1 - 1 < mag radix2 b)%Z.
      { apply mag_gt_bpow. rewrite K2, Rabs_left by lra. exact S2. }
      lia. }
    assert (Esl : sl = 0) by (unfold sl; lra).
    assert (Ec : c = t) by (unfold c; rewrite Esl, Rplus_0_l; now apply rnd_double).
    assert (A1 : Rabs (sl + t) <= 4 * u * B).
    { rewrite Esl. inv T. inv L0. apply Rabs_le. unfold u in *; lra. }
    assert (Ce : Rabs (c - (sl + t)) <= 0 * (u * u * B)).
    { replace (c - (sl + t)) with 0 by lra. rewrite Rabs_R0. lra. }
    destruct (Rest 0 ltac:(lra) ltac:(lra) A1 Ce ltac:(lra)) as (R1 & R2 & R3). split; [exact R1 | right; split; assumption].
  + assert (Lb' := Lb2 (k1 - 1 - 1)%Z ltac:(rewrite K2, Rabs_left by lra; exact S2)). rewrite K2 in Lb'.
    assert (SB2 : Rabs (a + b) <= bpow radix2 (k1 - 1)) by (rewrite Rabs_pos_eq by lra; fold B; lra).
    assert (Q1' := rnd_error_sum_below a b _ Da Db SB2). fold s in Q1'. fold B in Q1'.
    assert (A1 : Rabs (sl + t) <= 2 * u * B).
    { unfold sl. inv Q1'. inv T. inv La'. inv Lb'. apply Rabs_le. unfold u in *; lra. }
    assert (A1' : Rabs (sl + t) <= bpow radix2 (k1 - 1 - 52)) by (rewrite K4; exact A1).
    assert (Ce := rnd_error_sum_below sl t _ Dsl Dt A1'). fold c in Ce. rewrite K4 in Ce.
    assert (Ce' : Rabs (c - (sl + t)) <= 1 * (u * u * B)) by (apply Rle_trans with (1 := Ce); unfold u; lra).
    assert (A1'' : Rabs (sl + t) <= 4 * u * B) by (apply Rle_trans with (1 := A1); unfold u; lra).
    destruct (Rest 1 ltac:(lra) ltac:(lra) A1'' Ce' ltac:(lra)) as (R1 & R2 & R3). split; [exact R1 | right; split; assumption].
Qed.
End Cases.

Lemma add_good_all x y : double_word x -> double_word y -> add_good (hi x) (lo x) (hi y) (lo y).
Proof.
assert (Main : forall x y, double_word x -> double_word y -> 0 < hi x -> Rabs (hi y) <= Rabs (hi x) ->
  add_good (hi x) (lo x) (hi y) (lo y)).
{ clear x y. intros x y Wx Wy P H.
  assert (Lx := low_part_small x Wx). assert (Ly := low_part_small y Wy).
  assert (Mx := fun e => low_part_below x e Wx). assert (My := fun e => low_part_below y e Wy).
  destruct Wx as (Dx & Dxl & _), Wy as (Dy & Dyl & _).
  rewrite (Rabs_pos_eq (hi x)) in H by lra. inv H.
  destruct (Rle_or_lt 0 (hi y)); [now apply add_good_same |].
  destruct (Rle_or_lt (hi y) (- (hi x / 2))); [now apply add_good_cancel |].
  now apply add_good_partly. }
assert (Opp : forall x, double_word x -> double_word (Unevaluated (- hi x) (- lo x))).
{ clear x y. intros x (D & Dl & E). repeat split; simpl.
  - now apply double_opp.
  - now apply double_opp.
  - rewrite <- Ropp_plus_distr, rnd_opp. lra. }
assert (Signs : forall x y, double_word x -> double_word y -> Rabs (hi y) <= Rabs (hi x) ->
  add_good (hi x) (lo x) (hi y) (lo y)).
{ clear x y. intros x y Wx Wy H. destruct (Rtotal_order (hi x) 0) as [N | [Z | P]].
  - apply add_good_opp.
    apply (Main (Unevaluated (- hi x) (- lo x)) (Unevaluated (- hi y) (- lo y))); simpl; auto; [lra |].
    now rewrite !Rabs_Ropp.
  - assert (Lx := low_part_small x Wx). assert (Ly := low_part_small y Wy).
    rewrite Z, Rabs_R0 in *.
    assert (Zy : hi y = 0) by (generalize (Rabs_pos (hi y)); intros; inv H; lra).
    rewrite Zy, Rabs_R0 in *. rewrite Rmult_0_r in *.
    assert (Zl : lo x = 0) by (inv Lx; lra). assert (Zm : lo y = 0) by (inv Ly; lra).
    rewrite Zl, Zm. unfold add_good. rewrite !Rplus_0_r, !rnd_0, Rminus_0_r, !Rplus_0_r, !rnd_0, !Rplus_0_r, !rnd_0, !Rminus_0_r, !Rplus_0_r, !rnd_0.
    split; [| left; repeat split; right; reflexivity].
    unfold fast_two_sum; simpl. now rewrite !Rplus_0_r, !rnd_0, !Rminus_0_r, !rnd_0, !Rminus_0_r, rnd_0.
  - now apply Main. }
intros Wx Wy. destruct (Rle_or_lt (Rabs (hi y)) (Rabs (hi x))).
- now apply Signs.
- apply add_good_sym, Signs; trivial. lra.
Qed.

(** The sum of two pairs, of any signs, is off by at most 3 u^2 of itself. *)
Theorem add_error x y : double_word x -> double_word y ->
  let z := add x y in
  double_word z /\ Rabs (value z - (value x + value y)) <= 3 * (u * u) * (1 + little) * Rabs (hi z).
Proof.
intros Wx Wy z. assert (G := add_good_all x y Wx Wy).
destruct Wx as (Dx & Dxl & _), Wy as (Dy & Dyl & _).
unfold z, add. cbv zeta. rewrite !two_sum_eq by assumption. cbn [hi lo].
unfold add_good in G. cbv zeta in G.
set (s := rnd (hi x + hi y)) in *. set (t := rnd (lo x + lo y)) in *. set (sl := hi x + hi y - s) in *.
set (tl := lo x + lo y - t) in *. set (c := rnd (sl + t)) in *.
change (hi (fast_two_sum s c)) with (rnd (s + c)). destruct G as [F G]. rewrite F. set (v := rnd (s + c)) in *.
set (w := rnd (tl + (s + c - v))) in *.
assert (Cond : Rabs w <= Rabs v \/ v = 0).
{ destruct G as [(_ & _ & G) | [_ G]]; [exact G | left]. apply Rle_trans with (1 := G).
  assert (P := Rabs_pos v). unfold u; lra. }
split; [apply fast_two_sum_double_word; trivial; apply double_rnd |].
rewrite (fast_two_sum_exact v w (double_rnd _) (double_rnd _) Cond).
change (hi (fast_two_sum v w)) with (rnd (v + w)).
replace (v + w - (value x + value y)) with ((c - (sl + t)) + (w - (tl + (s + c - v))))
  by (unfold value, sl, tl; ring).
destruct G as [(G1 & G2 & _) | [G1 G2]].
- rewrite <- G1, <- G2, !Rminus_diag_eq by reflexivity. rewrite Rplus_0_r, Rabs_R0.
  assert (P := Rabs_pos (rnd (v + w))). unfold u, little; lra.
- eapply Rle_trans; [apply Rabs_triang |]. apply Rle_trans with (1 := G1).
  assert (H := rnd_error_sum_rounded v w (double_rnd _) (double_rnd _)).
  assert (V : Rabs v <= Rabs (rnd (v + w)) + u * Rabs (rnd (v + w)) + 4 * u * Rabs v).
  { replace v with (rnd (v + w) + - (rnd (v + w) - (v + w)) + - w) at 1 by ring.
    eapply Rle_trans; [apply Rabs_triang |]. rewrite Rabs_Ropp. apply Rplus_le_compat; [| exact G2].
    eapply Rle_trans; [apply Rabs_triang |]. rewrite Rabs_Ropp. lra. }
  assert (Pz := Rabs_pos (rnd (v + w))). assert (Pv := Rabs_pos v). unfold u, little in *; lra.
Qed.

Definition slack : R := 1 + / 1099511627776.  (* 1 + 2^-40 *)

(* an error bound that is 0 or far from underflow *)
Definition not_near_underflow (e : R) := e = 0 \/ bpow radix2 (-900) <= e.

Definition margin (l error : R) := rnd (slack * rnd (error + rnd (2 * u * Rabs l))).
Definition down (h l error : R) := rnd (h + rnd (l - margin l error)).
Definition up (h l error : R) := rnd (h + rnd (l + margin l error)).

Lemma rnd_pos x : 0 <= x -> 0 <= rnd x.
Proof. intros H. rewrite <- rnd_0. now apply rnd_le. Qed.

Lemma margin_pos l error : 0 <= error -> 0 <= margin l error.
Proof.
intros H. unfold margin. apply rnd_pos, Rmult_le_pos; [unfold slack; lra |].
apply rnd_pos, Rplus_le_le_0_compat; [exact H |]. apply rnd_pos.
apply Rmult_le_pos; [unfold u; lra | apply Rabs_pos].
Qed.

Lemma eta_tiny_900 A : bpow radix2 (-900) <= A -> eta <= little * little * A.
Proof.
intros H. apply Rle_trans with (little * little * bpow radix2 (-900)).
- replace (little * little) with (bpow radix2 (-90)) by (unfold little; simpl; lra).
  rewrite <- bpow_plus. apply bpow_le. lia.
- apply Rmult_le_compat_l; [unfold little; lra | exact H].
Qed.

Lemma margin_encloses l error : double l -> double error -> 0 <= error -> not_near_underflow error ->
  rnd (l - margin l error) <= l - error /\ l + error <= rnd (l + margin l error).
Proof.
intros Dl De Pe [Z | N].
- assert (P := margin_pos l error Pe). rewrite Z in *. rewrite Rminus_0_r, Rplus_0_r.
  assert (Q1 := rnd_le (l - margin l 0) l ltac:(lra)). assert (Q2 := rnd_le l (l + margin l 0) ltac:(lra)).
  rewrite (rnd_double l Dl) in Q1, Q2. split; assumption.
- assert (Pl := Rabs_pos l).
  assert (Eta := eta_tiny_900 _ N). assert (P0 := eta_pos).
  assert (E1 : Rabs (rnd (2 * u * Rabs l) - 2 * u * Rabs l) <= u * (2 * u * Rabs l) + eta).
  { apply rnd_error_le. rewrite Rabs_pos_eq; [lra | unfold u; lra]. }
  inv E1. set (m1 := rnd (2 * u * Rabs l)) in *.
  assert (Pm1 : 0 <= m1) by (apply rnd_pos; unfold u; lra).
  assert (E2 := rnd_error_sum error m1 De (double_rnd _)).
  rewrite (Rabs_pos_eq (error + m1)) in E2 by lra. inv E2. set (m2 := rnd (error + m1)) in *.
  assert (Pm2 : 0 <= m2) by (apply rnd_pos; lra).
  assert (E3 : Rabs (rnd (slack * m2) - slack * m2) <= u * (slack * m2) + eta).
  { apply rnd_error_le. rewrite Rabs_pos_eq; [lra | unfold slack; lra]. }
  inv E3. change (rnd (slack * m2)) with (margin l error) in *. set (m := margin l error) in *.
  assert (Dm : double m) by apply double_rnd.
  assert (G : error + u * (Rabs l + m) <= m) by (unfold u, slack, little in *; lra).
  assert (E4 := rnd_error_diff l m Dl Dm). assert (E5 := rnd_error_sum l m Dl Dm).
  assert (Pm : 0 <= m) by (apply margin_pos; exact Pe).
  assert (T4 : Rabs (l - m) <= Rabs l + m).
  { unfold Rminus. eapply Rle_trans; [apply Rabs_triang |]. rewrite Rabs_Ropp, (Rabs_pos_eq m); lra. }
  assert (T5 : Rabs (l + m) <= Rabs l + m).
  { eapply Rle_trans; [apply Rabs_triang |]. rewrite (Rabs_pos_eq m); lra. }
  assert (U := u_pos).
  assert (T4' := Rmult_le_compat_l u _ _ (Rlt_le _ _ U) T4). assert (T5' := Rmult_le_compat_l u _ _ (Rlt_le _ _ U) T5).
  set (um := u * (Rabs l + m)) in *. inv E4. inv E5. lra.
Qed.

(** If hi + (lo -+ margin) round to the same double, so does every real within the error. *)
Theorem rounding_test_correct h l error X :
  double h -> double l -> double error -> 0 <= error -> not_near_underflow error ->
  Rabs (X - (h + l)) <= error ->
  down h l error = up h l error -> rnd X = down h l error.
Proof.
intros Dh Dl De Pe Ne H E. destruct (margin_encloses l error Dl De Pe Ne) as [B1 B2]. inv H.
apply Rle_antisym.
- rewrite E. apply rnd_le. lra.
- apply rnd_le. lra.
Qed.

(* scaling back: exact for normal numbers *)
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

(** The same after scaling by a power of two, as long as the result is not subnormal. *)
Theorem rounding_test_scaled h l error X k :
  double h -> double l -> double error -> 0 <= error -> not_near_underflow error ->
  Rabs (X - (h + l)) <= error -> down h l error = up h l error ->
  bpow radix2 (-1021) <= Rabs (down h l error) -> bpow radix2 (-1021) <= Rabs (down h l error * bpow radix2 k) ->
  rnd (X * bpow radix2 k) = down h l error * bpow radix2 k.
Proof.
intros Dh Dl De Pe Ne H E R1 R2. assert (C := rounding_test_correct h l error X Dh Dl De Pe Ne H E).
rewrite <- C in *.
assert (S : bpow radix2 (-1022) * 2 = bpow radix2 (-1021)) by (change 2 with (bpow radix2 1); rewrite <- bpow_plus; reflexivity).
assert (B : Rabs (rnd X) <= 2 * Rabs X).
{ assert (A : bpow radix2 (-1022) <= Rabs X).
  { destruct (Rle_or_lt (bpow radix2 (-1022)) (Rabs X)) as [? | L]; [assumption | exfalso].
    assert (Q := rnd_abs_le X (bpow radix2 (-1022)) ltac:(apply double_bpow; lia) (Rlt_le _ _ L)).
    assert (Q2 : bpow radix2 (-1022) < bpow radix2 (-1021)) by (apply bpow_lt; lia). lra. }
  assert (A2 := rnd_error_normal X A).
  replace (rnd X) with ((rnd X - X) + X) by ring. eapply Rle_trans; [apply Rabs_triang |].
  assert (PX := Rabs_pos X). unfold u in *; lra. }
assert (Pk := bpow_gt_0 radix2 k).
apply rnd_scaled.
- lra.
- rewrite Rabs_mult in *. rewrite (Rabs_pos_eq (bpow radix2 k)) in * by lra.
  assert (B' := Rmult_le_compat_r _ _ _ (Rlt_le _ _ Pk) B). lra.
Qed.


Definition divide (two_product : R -> R -> unevaluated) (x y : unevaluated) :=
  let q := rnd (hi x / hi y) in
  let reciprocal := rnd (1 / hi y) in
  let p := two_product q (hi y) in
  let rest := rnd (rnd (rnd (hi x - hi p) - lo p) + rnd (lo x - rnd (q * lo y))) in
  fast_two_sum q (rnd (rest * reciprocal)).

Lemma sterbenz_near x y : double x -> double y -> Rabs (x - y) <= Rabs x / 4 -> double (x - y).
Proof.
intros Dx Dy H. destruct (Rle_or_lt 0 x) as [P | P].
- rewrite (Rabs_pos_eq x) in H by assumption. inv H. apply sterbenz; try typeclasses eauto; trivial. lra.
- rewrite (Rabs_left x) in H by assumption. inv H. replace (x - y) with (- (- x - - y)) by ring.
  apply double_opp. apply sterbenz; try typeclasses eauto; try (now apply double_opp). lra.
Qed.

(* a sum of doubles that 53 bits suffice for is a double *)
Lemma double_sum_FLX x y : double x -> double y -> generic_format radix2 (FLX_exp 53) (x + y) -> double (x + y).
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

(** The quotient of two pairs is off by at most 15 u^2 of itself, for leading parts in range. *)
Theorem divide_error two_product x y :
  product_exact two_product -> double_word x -> double_word y -> in_range (hi x) -> in_range (hi y) -> hi y <> 0 ->
  let z := divide two_product x y in
  double_word z /\
  Rabs (value z - value x / value y) <= 15 * (u * u) * (1 + little) * Rabs (rnd (hi x / hi y)).
Proof.
intros TP Wx Wy Rx Ry Ny z.
assert (Lx := low_part_small x Wx). assert (Ly := low_part_small y Wy).
destruct Wx as (Da & Dal & _), Wy as (Db & Dbl & _).
unfold z, divide. cbv zeta. unfold value.
destruct x as [a al], y as [b bl]; cbn [hi lo] in *. clear z.
destruct Ry as [? | [Rb1 Rb2]]; [contradiction |].
assert (Pb : 0 < Rabs b) by now apply Rabs_pos_lt.
set (q := rnd (a / b)). set (r := rnd (1 / b)).
destruct Rx as [Za | [Ra1 Ra2]].
{ rewrite Za, Rabs_R0, Rmult_0_r in Lx. assert (Zal : al = 0) by (inv Lx; lra).
  assert (Zq : q = 0) by (unfold q; rewrite Za; unfold Rdiv; rewrite Rmult_0_l; apply rnd_0).
  rewrite (TP q b (double_rnd _) Db) by (left; rewrite Zq; ring). cbn [hi lo].
  rewrite Zq, Za, Zal.
  repeat first [rewrite Rmult_0_l | rewrite Rplus_0_r | rewrite Rminus_0_r | rewrite rnd_0].
  assert (Ef : fast_two_sum 0 0 = Unevaluated 0 0).
  { unfold fast_two_sum. now rewrite !Rplus_0_r, !rnd_0, !Rminus_0_r, !rnd_0, Rminus_0_r, rnd_0. }
  rewrite Ef. cbn [hi lo]. split.
  - repeat split; simpl; try apply double_0. now rewrite Rplus_0_r, rnd_0.
  - rewrite Rplus_0_r. unfold Rdiv. rewrite Rmult_0_l, Rminus_0_r, Rabs_R0. lra. }
assert (PA : 0 < Rabs a) by (apply Rlt_le_trans with (2 := Ra1), bpow_gt_0).
set (ib := / b). assert (Eib : b * ib = 1) by (unfold ib; field; exact Ny).
assert (Pib : 0 < Rabs ib) by (apply Rabs_pos_lt; intros Z; rewrite Z in Eib; lra).
assert (Ebi : Rabs b * Rabs ib = 1) by (rewrite <- Rabs_mult, Eib; apply Rabs_R1).
assert (Bib : bpow radix2 (-100) <= Rabs ib).
{ apply Rmult_le_reg_l with (1 := Pb). rewrite Ebi. apply Rle_trans with (bpow radix2 100 * bpow radix2 (-100)).
  - apply Rmult_le_compat_r; [apply bpow_ge_0 | exact Rb2].
  - rewrite <- bpow_plus. simpl. lra. }
set (Q := Rabs a * Rabs ib).
assert (RQ : bpow radix2 (-200) <= Q).
{ change (-200)%Z with (-100 + -100)%Z. rewrite bpow_plus. apply Rmult_le_compat; trivial; apply bpow_ge_0. }
assert (PQ : 0 < Q) by (apply Rlt_le_trans with (2 := RQ), bpow_gt_0).
assert (EQ : Rabs (a * ib) = Q) by apply Rabs_mult.
assert (Hq : Rabs (q - a * ib) <= u * Q).
{ rewrite <- EQ. apply rnd_error_normal. change (a / b) with (a * ib). rewrite EQ.
  apply Rle_trans with (2 := RQ), bpow_le; lia. }
assert (Hr : Rabs (r - ib) <= u * Rabs ib).
{ unfold r, Rdiv. rewrite Rmult_1_l. apply rnd_error_normal, Rle_trans with (2 := Bib), bpow_le; lia. }
assert (Hqb : Rabs (q * b - a) <= u * Rabs a).
{ replace (q * b - a) with ((q - a * ib) * b) by (replace a with (a * (b * ib)) at 2 by (rewrite Eib; ring); ring).
  apply Rle_trans with (u * Q * Rabs b); [apply mult_abs_le; [exact Hq | lra] |].
  unfold Q. replace (u * (Rabs a * Rabs ib) * Rabs b) with (u * Rabs a * (Rabs b * Rabs ib)) by ring. rewrite Ebi. lra. }
assert (QB : Rabs (q * b) <= (1 + u) * Rabs a /\ (1 - u) * Rabs a <= Rabs (q * b)).
{ split.
  - replace (q * b) with ((q * b - a) + a) by ring. eapply Rle_trans; [apply Rabs_triang |]. lra.
  - assert (T := Rabs_triang (a - q * b) (q * b)). replace (a - q * b + q * b) with a in T by ring.
    rewrite Rabs_minus_sym in T. lra. }
destruct QB as [QB1 QB2].
assert (QBn : bpow radix2 (-102) <= Rabs (q * b)).
{ apply Rle_trans with (2 := QB2). apply Rle_trans with (/ 4 * bpow radix2 (-100)).
  - change (/ 4) with (bpow radix2 (-2)). rewrite <- bpow_plus. apply bpow_le; lia.
  - unfold u; lra. }
assert (QBm : bpow radix2 (-969) <= Rabs (q * b)) by (apply Rle_trans with (2 := QBn), bpow_le; lia).
assert (Dq : double q) by apply double_rnd.
rewrite (TP q b Dq Db) by (right; exact QBm). cbn [hi lo].
assert (Hp : Rabs (rnd (q * b) - q * b) <= u * Rabs (q * b)).
{ apply rnd_error_normal, Rle_trans with (2 := QBn), bpow_le; lia. }
assert (Dpl := double_product_error q b Dq Db QBm).
set (p := rnd (q * b)) in *.
assert (Dap : double (a - p)).
{ apply sterbenz_near; trivial; [apply double_rnd |].
  replace (a - p) with (- ((p - q * b) + (q * b - a))) by ring. rewrite Rabs_Ropp.
  eapply Rle_trans; [apply Rabs_triang |]. unfold u in *; lra. }
rewrite (rnd_double _ Dap).
assert (Er : a - p - (q * b - p) = (a - p) + - (q * b - p)) by ring.
assert (DR : double (a - p - (q * b - p))).
{ rewrite Er. apply double_sum_FLX; trivial; [now apply double_opp |].
  replace (a - p + - (q * b - p)) with (a - round radix2 (FLX_exp 53) ZnearestE (a / b) * b).
  - apply div_error_FLX; try typeclasses eauto; now apply double_FLX.
  - rewrite <- rnd_FLX; [fold q; ring |]. change (a / b) with (a * ib). rewrite EQ.
    apply Rle_trans with (2 := RQ), bpow_le; lia. }
rewrite (rnd_double _ DR). replace (a - p - (q * b - p)) with (a - q * b) in * by ring.
assert (A1 : Rabs (q * bl) <= u * ((1 + u) * Rabs a)).
{ rewrite Rabs_mult. apply Rle_trans with (Rabs q * (u * Rabs b)); [apply Rmult_le_compat_l; [apply Rabs_pos | exact Ly] |].
  replace (Rabs q * (u * Rabs b)) with (u * Rabs (q * b)) by (rewrite Rabs_mult; ring).
  apply Rmult_le_compat_l; [unfold u; lra | exact QB1]. }
assert (HA : eta <= tiny * Rabs a) by (apply eta_tiny, Rle_trans with (2 := Ra1), bpow_le; lia).
assert (HQ : eta <= tiny * Q) by (apply eta_tiny, Rle_trans with (2 := RQ), bpow_le; lia).
assert (E1 := rnd_error_le _ _ A1). set (r2 := rnd (q * bl)) in *.
set (A := Rabs a) in *.
assert (A2 : Rabs (al - r2) <= 2 * u * A + 3 * u * u * A).
{ inv E1; inv A1; inv Lx. apply Rabs_le. unfold u, tiny in *; lra. }
assert (E2 := rnd_error_sum_le al (- r2) _ Dal (double_opp _ (double_rnd _)) A2).
change (al + - r2) with (al - r2) in E2. set (d := rnd (al - r2)) in *.
assert (A3 : Rabs (a - q * b + d) <= 3 * u * A + 6 * u * u * A).
{ inv E2; inv A2; inv Hqb. apply Rabs_le. unfold u, tiny in *; lra. }
assert (E3 := rnd_error_sum_le _ _ _ DR (double_rnd _ : double d) A3).
set (rest := rnd (a - q * b + d)) in *.
assert (B1 : Rabs (rest - (a + al - q * (b + bl))) <= 6 * (u * u) * (1 + little / 8) * A).
{ replace (rest - (a + al - q * (b + bl))) with ((rest - (a - q * b + d)) + (d - (al - r2)) - (r2 - q * bl)) by ring.
  inv E1; inv E2; inv E3. apply Rabs_le. unfold u, tiny, little in *; lra. }
assert (B2 : Rabs rest <= 3 * u * (1 + little / 8) * A).
{ inv E3; inv A3. apply Rabs_le. unfold u, little in *; lra. }
assert (B3 : Rabs (a + al - q * (b + bl)) <= 3 * u * (1 + little / 4) * A).
{ inv B1; inv B2. apply Rabs_le. unfold u, little in *; lra. }
(* divided by y.hi *)
assert (C1 : Rabs (rest * r - rest * ib) <= 3 * (u * u) * (1 + little / 8) * Q).
{ replace (rest * r - rest * ib) with (rest * (r - ib)) by ring.
  apply Rle_trans with (1 := mult_abs_le _ _ _ _ B2 Hr). unfold Q. unfold u, little; right; ring. }
assert (C2 : Rabs (rest * ib) <= 3 * u * (1 + little / 8) * Q).
{ apply Rle_trans with (1 := mult_abs_le _ _ _ _ B2 (Rle_refl _)). unfold Q; right; ring. }
assert (C3 : Rabs (rest * ib - (a + al - q * (b + bl)) * ib) <= 6 * (u * u) * (1 + little / 8) * Q).
{ rewrite <- Rmult_minus_distr_r. apply Rle_trans with (1 := mult_abs_le _ _ _ _ B1 (Rle_refl _)). unfold Q; right; ring. }
assert (C4 : Rabs (rest * r) <= 3 * u * (1 + little / 4) * Q).
{ inv C1; inv C2. apply Rabs_le. unfold u, little in *; lra. }
assert (E4 := rnd_error_le _ _ C4). set (w := rnd (rest * r)) in *.
assert (Y : (1 - u) * Rabs b <= Rabs (b + bl)).
{ assert (T := Rabs_triang (b + bl) (- bl)). replace (b + bl + - bl) with b in T by ring. rewrite Rabs_Ropp in T. lra. }
assert (NY : b + bl <> 0).
{ intros Z. rewrite Z, Rabs_R0 in Y. assert (0 < (1 - u) * Rabs b) by (apply Rmult_lt_0_compat; [unfold u; lra | exact Pb]). lra. }
assert (C5 : Rabs (bl / (b + bl)) <= u * (1 + 2 * u)).
{ unfold Rdiv. rewrite Rabs_mult, Rabs_inv.
  apply Rmult_le_reg_r with (Rabs (b + bl)); [now apply Rabs_pos_lt |].
  rewrite Rmult_assoc, Rinv_l by now apply Rabs_no_R0.
  rewrite Rmult_1_r. apply Rle_trans with (1 := Ly). unfold u in *; lra. }
assert (C6 : Rabs ((a + al - q * (b + bl)) * ib) <= 3 * u * (1 + little / 4) * Q).
{ apply Rle_trans with (1 := mult_abs_le _ _ _ _ B3 (Rle_refl _)). unfold Q; right; ring. }
assert (C7 : Rabs ((a + al - q * (b + bl)) * ib * (bl / (b + bl))) <= 3 * (u * u) * (1 + little / 2) * Q).
{ apply Rle_trans with (1 := mult_abs_le _ _ _ _ C6 C5). unfold u, little; lra. }
assert (QQ : Q <= Rabs q + u * Q).
{ rewrite <- EQ at 1. replace (a * ib) with (q + - (q - a * ib)) by ring.
  eapply Rle_trans; [apply Rabs_triang |]. rewrite Rabs_Ropp. lra. }
assert (Wq : Rabs w <= Rabs q \/ q = 0).
{ left. apply Rle_trans with (4 * u * Q).
  - inv E4; inv C4. apply Rabs_le. unfold u, little, tiny in *; lra.
  - unfold u in *; lra. }
split; [apply fast_two_sum_double_word; trivial; apply double_rnd |].
assert (V := fast_two_sum_exact q w Dq (double_rnd _) Wq). unfold value in V. rewrite V.
replace (q + w - (a + al) / (b + bl)) with
  ((w - rest * r) + (rest * r - rest * ib) + (rest * ib - (a + al - q * (b + bl)) * ib)
   + (a + al - q * (b + bl)) * ib * (bl / (b + bl))) by (unfold ib; field; split; assumption).
apply Rle_trans with (15 * (u * u) * (1 + little / 2 + little / 4) * Q).
- inv E4; inv C1; inv C3; inv C7. apply Rabs_le. unfold u, little, tiny in *; lra.
- unfold u, little in *; lra.
Qed.
