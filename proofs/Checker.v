(* A checker for the numbers that natgrad reports on a pair (g, y), with a proof that it is right.

   Statement. For vectors g, y of binary64 numbers let gg = |g|^2, p = y.g, yy = |y|^2 be the exact sums and
   c = p/sqrt(gg yy), s = sqrt(1 - c^2). A certificate claims: the dimension, the verdict, the three exact
   sums as m 2^e, and doubles for alpha = yy/p, cos = c, sin = s, lambda_min = alpha (1 - s),
   lambda_max = alpha (1 + s), the condition number (1 + s)/(1 - s) of the metric M(alpha), its square root
   (1 + s)/c, the trace D alpha, the angle arccos c, ln of the condition number and ln of the determinant.
   cos, sin and angle are defined when neither vector is 0; the others when p > 0.

   Assumptions: every element is finite, and g and y have the same length D >= 1 (checked as well).

   Proved. The decisions use integers only (no floating-point arithmetic, no square root), and
   - a double is accepted for an algebraic scalar if and only if it is the correctly rounded real value: to
     nearest, ties to even, with gradual underflow, +-infinity exactly when rounding without a bound on the
     exponent gives at least 2^1024 in magnitude; a sign bit is accepted exactly when the real value is below
     0. So +0 is the only zero for a value that is 0 or a positive one that underflows, and -0 the only one
     for a negative cosine that underflows (which p < 0 can do). NaN is never accepted;
   - a Gram is accepted if and only if it is the exact one, as a value: m and e may be any that give it;
   - the verdict is accepted if and only if it is effective and p > 0, or undetermined and g = y = 0, or
     not effective in all other cases;
   - a field without value is accepted if and only if it is undefined for the pair.
   Rounding is Flocq's [round radix2 (FLT_exp (-1074) 53) ZnearestE], doubles are Flocq's [binary64].

   Not proved, not checked: the values of the angle and of the two logarithms (transcendental), beyond their
   being there or not: such a field is answered by NotChecked. That the formulas are those of the metric is
   the subject of other files. Parsing, printing and the compilers are trusted.

   Axioms: those of Stdlib's real numbers, with classical logic and functional extensionality. *)
From Coq Require Import ZArith Reals Lra Lia List Bool.
From Flocq Require Import Core Binary Bits.
Import ListNotations.
Local Open Scope Z_scope.

(** * 1. Dyadic numbers *)

(** m * 2^e with integers m (Fnum) and e (Fexp); its value is [F2R]. *)
Definition dyadic := float radix2.

Definition of_integer (n : Z) : dyadic := Float radix2 n 0.
Definition opp (x : dyadic) : dyadic := Float radix2 (- Fnum x) (Fexp x).
Definition mul (x y : dyadic) : dyadic := Float radix2 (Fnum x * Fnum y) (Fexp x + Fexp y).
(** x * 2^k *)
Definition scale (k : Z) (x : dyadic) : dyadic := Float radix2 (Fnum x) (Fexp x + k).
Definition add (x y : dyadic) : dyadic :=
  let e := Z.min (Fexp x) (Fexp y) in
  Float radix2 (Z.shiftl (Fnum x) (Fexp x - e) + Z.shiftl (Fnum y) (Fexp y - e)) e.
Definition sub (x y : dyadic) : dyadic := add x (opp y).
Definition sign (x : dyadic) : comparison := Fnum x ?= 0.
Definition compare (x y : dyadic) : comparison := sign (sub x y).

(** The same number with an odd mantissa: only for speed. *)
Fixpoint strip (m : positive) (e : Z) : positive * Z :=
  match m with xO m' => strip m' (Z.succ e) | _ => (m, e) end.
Definition normalise (x : dyadic) : dyadic :=
  match Fnum x with
  | Z0 => of_integer 0
  | Zpos m => let (m', e) := strip m (Fexp x) in Float radix2 (Zpos m') e
  | Zneg m => let (m', e) := strip m (Fexp x) in Float radix2 (Zneg m') e
  end.

Local Open Scope R_scope.

Lemma value_of_integer n : F2R (of_integer n) = IZR n.
Proof. unfold of_integer, F2R; simpl; ring. Qed.

Lemma value_opp x : F2R (opp x) = - F2R x.
Proof. destruct x as [m e]; unfold opp, F2R; simpl. rewrite opp_IZR; ring. Qed.

Lemma value_mul x y : F2R (mul x y) = F2R x * F2R y.
Proof.
destruct x as [m e], y as [n f]; unfold mul, F2R; simpl. rewrite mult_IZR, bpow_plus; ring.
Qed.

Lemma value_scale k x : F2R (scale k x) = F2R x * bpow radix2 k.
Proof. destruct x as [m e]; unfold scale, F2R; simpl. rewrite bpow_plus; ring. Qed.

Lemma value_shifted m e f : (f <= e)%Z -> IZR (Z.shiftl m (e - f)) * bpow radix2 f = IZR m * bpow radix2 e.
Proof.
intros H. rewrite Z.shiftl_mul_pow2 by lia.
change (2 ^ (e - f))%Z with (Zpower radix2 (e - f)).
rewrite mult_IZR, IZR_Zpower by lia. rewrite Rmult_assoc, <- bpow_plus. do 2 f_equal; lia.
Qed.

Lemma value_add x y : F2R (add x y) = F2R x + F2R y.
Proof.
destruct x as [m e], y as [n f]; unfold add, F2R; cbn [Fnum Fexp].
rewrite plus_IZR, Rmult_plus_distr_r, 2!value_shifted by lia. reflexivity.
Qed.

Lemma value_sub x y : F2R (sub x y) = F2R x - F2R y.
Proof. unfold sub. rewrite value_add, value_opp; ring. Qed.

Lemma sign_correct x : sign x = Rcompare (F2R x) 0.
Proof.
destruct x as [m e]; unfold sign; simpl. rewrite <- (F2R_0 radix2 e), Rcompare_F2R. reflexivity.
Qed.

Lemma Rcompare_minus x y : Rcompare (x - y) 0 = Rcompare x y.
Proof. rewrite <- (Rcompare_plus_r y (x - y) 0). f_equal; ring. Qed.

Lemma compare_correct x y : compare x y = Rcompare (F2R x) (F2R y).
Proof. unfold compare. rewrite sign_correct, value_sub. apply Rcompare_minus. Qed.

Lemma value_strip m : forall e, let (m', f) := strip m e in
  IZR (Zpos m') * bpow radix2 f = IZR (Zpos m) * bpow radix2 e.
Proof.
induction m as [m IH|m IH|]; intros e; simpl; try reflexivity.
specialize (IH (Z.succ e)). destruct (strip m (Z.succ e)) as [m' f]. rewrite IH.
rewrite (Pos2Z.inj_xO m), mult_IZR, <- Z.add_1_r, bpow_plus_1. simpl (IZR radix2). ring.
Qed.

Lemma value_normalise x : F2R (normalise x) = F2R x.
Proof.
destruct x as [m e]; unfold normalise, F2R; destruct m as [|m|m]; simpl.
- ring.
- generalize (value_strip m e). now destruct (strip m e) as [m' f].
- generalize (value_strip m e). destruct (strip m e) as [m' f]. simpl.
  change (Zneg m') with (- Zpos m')%Z. change (Zneg m) with (- Zpos m)%Z.
  rewrite 2!opp_IZR, 2!Ropp_mult_distr_l_reverse. now intros ->.
Qed.

(** * 2. Rounding decided by midpoints *)

Notation format_exponent := (FLT_exp (-1074) 53).
Notation nearest := (round radix2 format_exponent ZnearestE).

(** [d] is the correctly rounded binary64 of the real number [v]: to nearest, ties to even, with gradual
    underflow; infinite exactly when the value rounded without bound on the exponent reaches 2^1024; the sign
    bit is set exactly when v < 0, also on zeros and infinities. *)
Definition correctly_rounded (v : R) (d : binary64) : Prop :=
  if Rlt_bool (Rabs (nearest v)) (bpow radix2 1024)
  then is_finite 53 1024 d = true /\ B2R 53 1024 d = nearest v /\ Bsign 53 1024 d = Rlt_bool v 0
  else d = B754_infinity 53 1024 (Rlt_bool v 0).

(** [cmp q] says how the real number v compares with the dyadic q. *)
Definition compares (cmp : dyadic -> comparison) (v : R) : Prop :=
  forall q, cmp q = Rcompare v (F2R q).

Section Midpoints.
Local Instance prec_gt_0_53 : Prec_gt_0 53. Proof. now compute. Qed.

Definition canonical_pair (m e : Z) : Prop :=
  (0 <= m < 2 ^ 53 /\ -1074 <= e /\ (e = -1074 \/ 2 ^ 52 <= m))%Z.

Lemma bpow_pos e : 0 < bpow radix2 e. Proof. apply bpow_gt_0. Qed.

(** Numbers from m 2^e up to the next double are on the grid of 2^e. *)
Lemma canonical_exponent m e v : canonical_pair m e -> 0 < v ->
  IZR m * bpow radix2 e <= v < IZR (m + 1) * bpow radix2 e ->
  cexp radix2 format_exponent v = e.
Proof.
intros (Hm & He & Hc) Hv Hb. unfold cexp.
assert (U : v < bpow radix2 (53 + e)).
{ apply Rlt_le_trans with (1 := proj2 Hb). rewrite bpow_plus. apply Rmult_le_compat_r. apply bpow_ge_0.
  rewrite <- IZR_Zpower by lia. apply IZR_le. change (Zpower radix2 53) with (2 ^ 53)%Z. lia. }
destruct (Z_lt_le_dec m (2 ^ 52)) as [Hs|Hn].
- assert (e = (-1074)%Z) as -> by lia.
    assert (mag radix2 v <= 53 + -1074)%Z.
  { apply mag_le_bpow. lra. rewrite Rabs_pos_eq by lra. exact U. }
  unfold FLT_exp. lia.
- assert (L : bpow radix2 (52 + e) <= v).
  { apply Rle_trans with (2 := proj1 Hb). rewrite bpow_plus. apply Rmult_le_compat_r. apply bpow_ge_0.
    rewrite <- IZR_Zpower by lia. apply IZR_le. exact Hn. }
  rewrite (mag_unique_pos radix2 v (53 + e)).
  + unfold FLT_exp. lia.
  + split; [|exact U]. replace (53 + e - 1)%Z with (52 + e)%Z by lia. exact L.
Qed.

Lemma pair_nonneg m e : canonical_pair m e -> 0 <= IZR m * bpow radix2 e.
Proof. intros (Hm & _). apply Rmult_le_pos; [apply IZR_le; lia|apply bpow_ge_0]. Qed.

Lemma pair_lt_next m e : IZR m * bpow radix2 e < IZR (m + 1) * bpow radix2 e.
Proof. apply Rmult_lt_compat_r. apply bpow_pos. apply IZR_lt. lia. Qed.

Lemma pair_format m e : canonical_pair m e ->
  generic_format radix2 format_exponent (IZR m * bpow radix2 e).
Proof.
intros (Hm & He & _). apply generic_format_FLT.
exists (Float radix2 m e); simpl; try lia. reflexivity.
Qed.

Lemma pair_succ m e : canonical_pair m e ->
  succ radix2 format_exponent (IZR m * bpow radix2 e) = IZR (m + 1) * bpow radix2 e.
Proof.
intros H. rewrite succ_eq_pos by now apply pair_nonneg.
replace (ulp radix2 format_exponent (IZR m * bpow radix2 e)) with (bpow radix2 e).
{ rewrite plus_IZR; ring. }
destruct (Z.eq_dec m 0) as [->|Hm].
- destruct H as (_ & He & [->|H]); [|lia].
  rewrite Rmult_0_l. symmetry. apply (ulp_FLT_0 radix2 (-1074) 53).
- destruct (pair_nonneg m e H) as [Hp|Hp].
  + rewrite ulp_neq_0 by lra. f_equal. symmetry. apply (canonical_exponent m); trivial.
    split. apply Rle_refl. apply pair_lt_next.
  + exfalso. symmetry in Hp. apply Rmult_integral in Hp. generalize (bpow_pos e).
    destruct Hp as [Hp|Hp]; [|lra]. now apply eq_IZR in Hp.
Qed.

Definition upper_midpoint (m e : Z) : dyadic := Float radix2 (2 * m + 1) (e - 1).
Definition lower_midpoint (m e : Z) : dyadic :=
  if ((m =? 2 ^ 52) && (-1074 <? e))%Z then Float radix2 (4 * m - 1) (e - 2)
  else Float radix2 (2 * m - 1) (e - 1).

Lemma half_step e : bpow radix2 e = 2 * bpow radix2 (e - 1).
Proof. replace e with (e - 1 + 1)%Z at 1 by lia. rewrite bpow_plus_1. reflexivity. Qed.

Lemma value_upper_midpoint m e :
  F2R (upper_midpoint m e) = (IZR m * bpow radix2 e + IZR (m + 1) * bpow radix2 e) / 2.
Proof.
unfold upper_midpoint, F2R; cbn [Fnum Fexp]. rewrite (half_step e), 2!plus_IZR, mult_IZR. field.
Qed.

(** The tie goes to the even mantissa. *)
Lemma nearest_of_tie m e : canonical_pair m e ->
  nearest (F2R (upper_midpoint m e)) = IZR (if Z.even m then m else m + 1) * bpow radix2 e.
Proof.
intros H. set (v := F2R (upper_midpoint m e)).
assert (Hv : v = (IZR m + /2) * bpow radix2 e).
{ unfold v. rewrite value_upper_midpoint, plus_IZR. field. }
assert (Hc : cexp radix2 format_exponent v = e).
{ generalize (bpow_pos e); intros Hp. assert (0 <= IZR m) by (apply IZR_le; destruct H; lia).
  apply (canonical_exponent m); trivial.
  - rewrite Hv. apply Rmult_lt_0_compat; lra.
  - rewrite Hv, plus_IZR. split; [apply Rmult_le_compat_r|apply Rmult_lt_compat_r]; lra. }
unfold round, F2R, scaled_mantissa. rewrite Hc. cbn [Fnum Fexp]. do 2 f_equal.
rewrite Hv, Rmult_assoc, <- bpow_plus, Z.add_opp_diag_r. simpl (bpow radix2 0). rewrite Rmult_1_r.
assert (Hf : Zfloor (IZR m + / 2) = m).
{ apply Zfloor_imp. rewrite plus_IZR. lra. }
assert (Hu : Zceil (IZR m + / 2) = (m + 1)%Z).
{ apply Zceil_imp. rewrite plus_IZR. replace (m + 1 - 1)%Z with m by lia. lra. }
unfold Znearest. rewrite Hf, Hu. rewrite Rcompare_Eq by ring. now destruct (Z.even m).
Qed.

(** Below or at the upper midpoint, a tie only when m is even: that is rounding to at most m 2^e. *)
Lemma nearest_le_pair m e v : canonical_pair m e ->
  nearest v <= IZR m * bpow radix2 e <->
  (v < F2R (upper_midpoint m e) \/ (v = F2R (upper_midpoint m e) /\ Z.even m = true)).
Proof.
intros H. pose proof (pair_format m e H) as Hf. pose proof (pair_succ m e H) as Hs.
destruct (Rtotal_order v (F2R (upper_midpoint m e))) as [Hv|[Hv|Hv]].
- split; [now left|intros _]. apply round_N_le_midp; trivial; try typeclasses eauto.
  now rewrite Hs, <- value_upper_midpoint.
- rewrite Hv at 1. rewrite nearest_of_tie by trivial. destruct (Z.even m).
  + split; [now right|intros _; apply Rle_refl].
  + generalize (pair_lt_next m e). intros Hl. split; [lra|]. intros [Ha|[_ Ha]]; [lra|easy].
- split; [|lra]. intros Hr.
  apply (round_N_le_le_midp radix2 format_exponent) in Hr; trivial; try typeclasses eauto.
  rewrite Hs, <- value_upper_midpoint in Hr. lra.
Qed.

Lemma lower_neighbour m e : canonical_pair m e -> (0 < m)%Z -> exists m' e',
  canonical_pair m' e' /\ IZR (m' + 1) * bpow radix2 e' = IZR m * bpow radix2 e /\
  F2R (upper_midpoint m' e') = F2R (lower_midpoint m e) /\ Z.even m' = negb (Z.even m).
Proof.
intros (Hm & He & Hc) Hp. unfold lower_midpoint.
destruct (Z.eqb_spec m (2 ^ 52)) as [->|Hn]; [destruct (Z.ltb_spec (-1074) e) as [Hl|Hl]|]; cbn [andb].
- exists (2 ^ 53 - 1)%Z, (e - 1)%Z. split; [|split; [|split]].
  + unfold canonical_pair. lia.
  + rewrite (half_step e). change (2 ^ 53 - 1 + 1)%Z with (2 ^ 52 * 2)%Z. rewrite mult_IZR. ring.
  + unfold upper_midpoint, F2R; cbn [Fnum Fexp].
    replace (e - 1 - 1)%Z with (e - 2)%Z by lia. f_equal.
  + reflexivity.
- exists (2 ^ 52 - 1)%Z, e. split; [|split; [|split]]; try reflexivity. unfold canonical_pair. lia.
- exists (m - 1)%Z, e. split; [|split; [|split]].
  + unfold canonical_pair. lia.
  + do 2 f_equal; lia.
  + unfold upper_midpoint, F2R; cbn [Fnum Fexp]. do 2 f_equal; lia.
  + rewrite Z.even_sub. now destruct (Z.even m).
Qed.

Lemma nearest_ge_pair m e v : canonical_pair m e -> (0 < m)%Z ->
  IZR m * bpow radix2 e <= nearest v <->
  (F2R (lower_midpoint m e) < v \/ (v = F2R (lower_midpoint m e) /\ Z.even m = true)).
Proof.
intros H Hp. destruct (lower_neighbour m e H Hp) as (m' & e' & H' & Hx & <- & Hev).
assert (Hlt : nearest v < IZR m * bpow radix2 e <-> nearest v <= IZR m' * bpow radix2 e').
{ split; intros Hr.
  - apply (pred_ge_gt radix2 format_exponent) in Hr; try typeclasses eauto.
    + rewrite <- Hx, <- (pair_succ m' e'), pred_succ in Hr; trivial; try typeclasses eauto.
      now apply pair_format.
    + apply generic_format_round; typeclasses eauto.
    + now apply pair_format.
  - apply Rle_lt_trans with (1 := Hr). rewrite <- Hx. apply pair_lt_next. }
rewrite nearest_le_pair in Hlt by trivial. rewrite Hev in Hlt.
destruct (Rle_or_lt (IZR m * bpow radix2 e) (nearest v)) as [Hr|Hr].
- split; [intros _|trivial].
  destruct (Rtotal_order v (F2R (upper_midpoint m' e'))) as [Hv|[Hv|Hv]].
  + exfalso. apply (Rle_not_lt _ _ Hr), Hlt. now left.
  + right. split; trivial. destruct (Z.even m) eqn:E; trivial. exfalso.
    apply (Rle_not_lt _ _ Hr), Hlt. right. now split.
  + now left.
- split; [lra|]. intros Hv. exfalso. apply Hlt in Hr. destruct Hr as [Hr|[Hr Hm]].
  + destruct Hv as [Hv|[Hv _]]; lra.
  + destruct Hv as [Hv|[_ Hv]]; [lra|]. now rewrite Hv in Hm.
Qed.

Definition at_most (cmp : dyadic -> comparison) (q : dyadic) (tie : bool) : bool :=
  match cmp q with Lt => true | Eq => tie | Gt => false end.
Definition at_least (cmp : dyadic -> comparison) (q : dyadic) (tie : bool) : bool :=
  match cmp q with Lt => false | Eq => tie | Gt => true end.

Lemma at_most_correct cmp v q tie : compares cmp v ->
  at_most cmp q tie = true <-> (v < F2R q \/ (v = F2R q /\ tie = true)).
Proof.
intros H. unfold at_most. rewrite H.
destruct (Rcompare_spec v (F2R q)) as [C|C|C]; (split; [intros E|intros [D|[D E]]]); try lra; auto; easy.
Qed.

Lemma at_least_correct cmp v q tie : compares cmp v ->
  at_least cmp q tie = true <-> (F2R q < v \/ (v = F2R q /\ tie = true)).
Proof.
intros H. unfold at_least. rewrite H.
destruct (Rcompare_spec v (F2R q)) as [C|C|C]; (split; [intros E|intros [D|[D E]]]); try lra; auto; easy.
Qed.

(** 2^1024, and the midpoint 2^1024 - 2^970 below it, where rounding to infinity starts. *)
Definition overflow_midpoint : dyadic := lower_midpoint (2 ^ 52) 972.

Definition is_negative (cmp : dyadic -> comparison) : bool :=
  match cmp (of_integer 0) with Lt => true | _ => false end.
(** Comparison with the magnitude of v. *)
Definition magnitude (cmp : dyadic -> comparison) : dyadic -> comparison :=
  if is_negative cmp then fun q => CompOpp (cmp (opp q)) else cmp.

(** Decides if [d] is the correctly rounded value of the number behind [cmp]. *)
Definition is_nearest (cmp : dyadic -> comparison) (d : binary64) : bool :=
  match d with
  | B754_nan _ _ _ _ _ => false
  | B754_infinity _ _ s => eqb s (is_negative cmp) && at_least (magnitude cmp) overflow_midpoint true
  | B754_zero _ _ s => eqb s (is_negative cmp) && at_most (magnitude cmp) (upper_midpoint 0 (-1074)) true
  | B754_finite _ _ s m e _ =>
      eqb s (is_negative cmp) &&
      at_least (magnitude cmp) (lower_midpoint (Zpos m) e) (Z.even (Zpos m)) &&
      at_most (magnitude cmp) (upper_midpoint (Zpos m) e) (Z.even (Zpos m))
  end.

Lemma is_negative_correct cmp v : compares cmp v -> is_negative cmp = Rlt_bool v 0.
Proof.
intros H. unfold is_negative. rewrite H, value_of_integer.
destruct (Rcompare_spec v 0) as [C|C|C]; [rewrite Rlt_bool_true|rewrite Rlt_bool_false..]; trivial; lra.
Qed.

Lemma magnitude_correct cmp v : compares cmp v -> compares (magnitude cmp) (Rabs v).
Proof.
intros H. unfold magnitude. rewrite (is_negative_correct cmp v H).
destruct (Rlt_bool_spec v 0) as [C|C]; intros q.
- rewrite H, value_opp, Rabs_left, <- Rcompare_sym by trivial.
  now rewrite <- Rcompare_opp, Ropp_involutive.
- rewrite Rabs_pos_eq by trivial. apply H.
Qed.

Lemma nearest_abs v : nearest (Rabs v) = Rabs (nearest v).
Proof. apply round_NE_abs. typeclasses eauto. Qed.

Lemma bounded_canonical m e :
  SpecFloat.bounded 53 1024 m e = true -> canonical_pair (Zpos m) e /\ (e <= 971)%Z.
Proof.
intros H. apply andb_prop in H. destruct H as [H1 H2]. apply Zle_bool_imp_le in H2.
split; [|exact H2].
apply Zeq_bool_eq in H1. rewrite Digits.Zpos_digits2_pos in H1.
change (SpecFloat.fexp 53 1024) with (FLT_exp (-1074) 53) in H1. unfold FLT_exp in H1.
pose proof (Digits.Zdigits_correct radix2 (Zpos m)) as [L U]. simpl Z.abs in L, U.
set (n := Digits.Zdigits radix2 (Zpos m)) in *.
change (Zpower radix2 ?a) with (2 ^ a)%Z in L, U. 
assert (Hn : (n <= 53)%Z) by lia.
split; [|split].
- split; [lia|]. apply Z.lt_le_trans with (1 := U). apply Z.pow_le_mono_r; lia.
- lia.
- destruct (Z.eq_dec e (-1074)) as [E|E]; [now left|right].
  apply Z.le_trans with (2 := L). apply Z.pow_le_mono_r; lia.
Qed.

Lemma overflow_pair : canonical_pair (2 ^ 52) 972.
Proof. unfold canonical_pair. lia. Qed.

Lemma overflow_value : IZR (2 ^ 52) * bpow radix2 972 = bpow radix2 1024.
Proof.
change (2 ^ 52)%Z with (Zpower radix2 52). rewrite IZR_Zpower by lia. rewrite <- bpow_plus. reflexivity.
Qed.

Lemma overflow_correct cmp v : compares cmp v ->
  at_least (magnitude cmp) overflow_midpoint true = negb (Rlt_bool (Rabs (nearest v)) (bpow radix2 1024)).
Proof.
intros H. pose proof (at_least_correct _ _ overflow_midpoint true (magnitude_correct _ _ H)) as A.
pose proof (nearest_ge_pair _ _ (Rabs v) overflow_pair eq_refl) as N.
change (Z.even (2 ^ 52)) with true in N. fold overflow_midpoint in N. rewrite <- N in A.
rewrite overflow_value, nearest_abs in A.
destruct (Rlt_bool_spec (Rabs (nearest v)) (bpow radix2 1024)) as [C|C]; cbn [negb].
- apply not_true_is_false. rewrite A. lra.
- now apply A.
Qed.

(** The verdict of [is_nearest] is right: it accepts the correctly rounded double and no other. *)
Theorem is_nearest_correct cmp v d : compares cmp v ->
  is_nearest cmp d = true <-> correctly_rounded v d.
Proof.
intros H. unfold correctly_rounded.
pose proof (overflow_correct _ _ H) as Ho. pose proof (is_negative_correct _ _ H) as Hn.
pose proof (magnitude_correct _ _ H) as Ha. pose proof (nearest_abs v) as Hr.
assert (Hs : nearest v = (if Rlt_bool v 0 then - Rabs (nearest v) else Rabs (nearest v))).
{ rewrite <- Hr. destruct (Rlt_bool_spec v 0) as [C|C].
  - rewrite Rabs_left, round_NE_opp by trivial. ring.
  - now rewrite Rabs_pos_eq. }
set (r := nearest v) in *. 
destruct d as [s|s|s pl Hpl|s m e Hb]; cbn [is_nearest is_finite B2R Bsign]; rewrite ?Hn.
- rewrite andb_true_iff, eqb_true_iff.
  rewrite (at_most_correct _ _ _ _ Ha).
  assert (P : canonical_pair 0 (-1074)) by (unfold canonical_pair; lia).
  pose proof (nearest_le_pair _ _ (Rabs v) P) as N. change (Z.even 0) with true in N. rewrite <- N.
  rewrite Hr, Rmult_0_l. pose proof (Rabs_pos r).
  destruct (Rlt_bool_spec (Rabs r) (bpow radix2 1024)) as [C|C].
  + split.
    * intros [-> E]. split; [|split]; trivial. rewrite Hs. destruct (Rlt_bool v 0); lra.
    * intros (_ & E & ->). split; trivial. rewrite <- E, Rabs_R0. lra.
  + split; [|easy]. intros [_ E]. generalize (bpow_pos 1024). lra.
- rewrite andb_true_iff, eqb_true_iff, Ho.
  destruct (Rlt_bool (Rabs r) (bpow radix2 1024)); cbn [negb].
  + easy.
  + split; [intros [-> _]|intros [= ->]]; auto.
- destruct (Rlt_bool (Rabs r) (bpow radix2 1024)); easy.
- rewrite 2!andb_true_iff, eqb_true_iff.
  rewrite (at_most_correct _ _ _ _ Ha), (at_least_correct _ _ _ _ Ha).
  destruct (bounded_canonical m e Hb) as [P He].
  rewrite <- (nearest_le_pair _ _ _ P), <- (nearest_ge_pair _ _ _ P) by easy. rewrite Hr.
  assert (Hx : IZR (Zpos m) * bpow radix2 e < bpow radix2 1024).
  { rewrite <- overflow_value. apply Rlt_le_trans with (IZR (2 ^ 53) * bpow radix2 e).
    - apply Rmult_lt_compat_r. apply bpow_pos. apply IZR_lt, P.
    - change (2 ^ 53)%Z with (2 ^ 52 * 2)%Z. rewrite mult_IZR, Rmult_assoc.
      apply Rmult_le_compat_l. now apply IZR_le. change 2 with (bpow radix2 1).
      rewrite <- bpow_plus. apply bpow_le. lia. }
  assert (Hv : F2R (Float radix2 (cond_Zopp s (Zpos m)) e) =
               if s then - (IZR (Zpos m) * bpow radix2 e) else IZR (Zpos m) * bpow radix2 e).
  { unfold F2R; cbn [Fnum Fexp]. destruct s; cbn [cond_Zopp]; [rewrite opp_IZR; ring|reflexivity]. }
  rewrite Hv. pose proof (pair_nonneg _ _ P) as Hp.
  set (x := IZR (Zpos m) * bpow radix2 e) in *.
  split.
  + intros ((-> & L) & U). rewrite Rlt_bool_true by lra. split; [|split]; trivial.
    rewrite Hs. destruct (Rlt_bool v 0); lra.
  + destruct (Rlt_bool_spec (Rabs r) (bpow radix2 1024)) as [C|C]; [|easy].
    intros (_ & E & ->). split; [split; [trivial|]|]; rewrite <- E; destruct (Rlt_bool v 0);
      rewrite ?Rabs_Ropp, ?Rabs_pos_eq; lra.
Qed.
End Midpoints.

(** * 3. Comparing an algebraic number with a dyadic one, by integers only *)

(** N/C, for C > 0. *)
Definition compare_quotient (N C : dyadic) (q : dyadic) : comparison := compare N (mul q C).

(** sqrt w, for w >= 0 given by its comparison. *)
Definition compare_root (cmp : dyadic -> comparison) (q : dyadic) : comparison :=
  match sign q with Lt => Gt | _ => cmp (mul q q) end.

(** -v *)
Definition compare_negated (cmp : dyadic -> comparison) (q : dyadic) : comparison := CompOpp (cmp (opp q)).

(** The sign of X + sqrt B, for B >= 0. *)
Definition sign_plus_root (X B : dyadic) : comparison :=
  match sign X with
  | Lt => compare B (mul X X)
  | Eq => sign B
  | Gt => Gt
  end.

(** (A + sqrt B)/C, or (A - sqrt B)/C if [minus], for B >= 0 and C > 0. *)
Definition compare_surd (minus : bool) (A B C : dyadic) (q : dyadic) : comparison :=
  let X := sub A (mul q C) in
  if minus then CompOpp (sign_plus_root (opp X) B) else sign_plus_root X B.

Lemma Rcompare_divide a c q : 0 < c -> Rcompare (a / c) q = Rcompare a (q * c).
Proof.
intros H. rewrite <- (Rcompare_mult_r c (a / c) q) by trivial. f_equal. field. lra.
Qed.

(** A quotient of dyadics is compared by integers. *)
Theorem compare_quotient_correct N C : 0 < F2R C -> compares (compare_quotient N C) (F2R N / F2R C).
Proof.
intros H q. unfold compare_quotient. now rewrite compare_correct, value_mul, Rcompare_divide.
Qed.

Lemma Rcompare_squares x y : 0 <= x -> 0 <= y -> Rcompare (x * x) (y * y) = Rcompare x y.
Proof. intros Hx Hy. now rewrite Rcompare_sqr, 2!Rabs_pos_eq. Qed.

(** So is the square root of whatever can be compared, *)
Theorem compare_root_correct cmp w : 0 <= w -> compares cmp w -> compares (compare_root cmp) (sqrt w).
Proof.
intros Hw H q. unfold compare_root. rewrite sign_correct.
assert (S : 0 <= F2R q -> cmp (mul q q) = Rcompare (sqrt w) (F2R q)).
{ intros Hq. rewrite H, value_mul. rewrite <- (Rcompare_squares (sqrt w)), sqrt_sqrt; trivial.
  apply sqrt_pos. }
destruct (Rcompare_spec (F2R q) 0) as [C|C|C]; try (apply S; lra).
symmetry. apply Rcompare_Gt. apply Rlt_le_trans with (1 := C). apply sqrt_pos.
Qed.

(** its negative, *)
Theorem compare_negated_correct cmp v : compares cmp v -> compares (compare_negated cmp) (- v).
Proof.
intros H q. unfold compare_negated. rewrite H, value_opp, <- Rcompare_sym.
now rewrite <- Rcompare_opp, Ropp_involutive.
Qed.

Lemma sign_plus_root_correct X B : 0 <= F2R B ->
  sign_plus_root X B = Rcompare (F2R X + sqrt (F2R B)) 0.
Proof.
intros HB. unfold sign_plus_root. rewrite 2!sign_correct. pose proof (sqrt_pos (F2R B)) as Hr.
destruct (Rcompare_spec (F2R X) 0) as [C|C|C].
- rewrite compare_correct, value_mul.
  replace (F2R X * F2R X) with (- F2R X * - F2R X) by ring.
  rewrite <- (sqrt_sqrt (F2R B)) at 1 by trivial. rewrite Rcompare_squares by lra.
  rewrite <- Rcompare_minus. f_equal; ring.
- rewrite C, Rplus_0_l. rewrite <- (sqrt_sqrt (F2R B)) at 1 by trivial.
  replace 0 with (0 * 0) at 1 by ring. apply Rcompare_squares; lra.
- symmetry. apply Rcompare_Gt. lra.
Qed.

(** The comparison behind every value with a square root in it. *)
Theorem compare_surd_correct minus A B C : 0 <= F2R B -> 0 < F2R C ->
  compares (compare_surd minus A B C)
    ((if minus then F2R A - sqrt (F2R B) else F2R A + sqrt (F2R B)) / F2R C).
Proof.
intros HB HC q. unfold compare_surd. rewrite Rcompare_divide by trivial.
destruct minus; rewrite sign_plus_root_correct by trivial; rewrite ?value_opp, value_sub, value_mul.
- rewrite <- (Rcompare_minus (F2R A - sqrt (F2R B))).
  rewrite <- Rcompare_sym. rewrite <- Rcompare_opp. f_equal; ring.
- rewrite <- (Rcompare_minus (F2R A + sqrt (F2R B))). f_equal; ring.
Qed.

(** * 4. The scalars of a pair *)

(** The real formulas; gg = |g|^2, p = y.g, yy = |y|^2. *)
Definition cosine (gg p yy : R) : R := p / sqrt (gg * yy).
Definition sine (gg p yy : R) : R := sqrt (1 - cosine gg p yy * cosine gg p yy).
Definition angle (gg p yy : R) : R := acos (cosine gg p yy).
Definition alpha (gg p yy : R) : R := yy / p.
Definition lambda_min (gg p yy : R) : R := alpha gg p yy * (1 - sine gg p yy).
Definition lambda_max (gg p yy : R) : R := alpha gg p yy * (1 + sine gg p yy).
Definition condition (gg p yy : R) : R := (1 + sine gg p yy) / (1 - sine gg p yy).
Definition sqrt_condition (gg p yy : R) : R := sqrt (condition gg p yy).
Definition log_condition (gg p yy : R) : R := ln (condition gg p yy).
(** Of the metric in D dimensions: alpha + (D - 1) alpha, and ln (alpha^(D - 1) p/gg). *)
Definition trace (D : Z) (gg p yy : R) : R := alpha gg p yy + (IZR D - 1) * alpha gg p yy.
Definition log_det (D : Z) (gg p yy : R) : R := (IZR D - 1) * ln (alpha gg p yy) + ln p - ln gg.

Record gram := Gram { gram_gg : dyadic; gram_gy : dyadic; gram_yy : dyadic }.

(** gg yy - p^2 *)
Definition determinant (t : gram) : dyadic :=
  sub (mul (gram_gg t) (gram_yy t)) (mul (gram_gy t) (gram_gy t)).

Definition compare_cosine (t : gram) : dyadic -> comparison :=
  let p := gram_gy t in
  let magnitude := compare_root (compare_quotient (mul p p) (mul (gram_gg t) (gram_yy t))) in
  match sign p with Lt => compare_negated magnitude | _ => magnitude end.
Definition compare_sine (t : gram) : dyadic -> comparison :=
  compare_root (compare_quotient (determinant t) (mul (gram_gg t) (gram_yy t))).
Definition compare_alpha (t : gram) : dyadic -> comparison := compare_quotient (gram_yy t) (gram_gy t).
(** (gg yy -+ sqrt (gg yy (gg yy - p^2)))/(p gg) *)
Definition compare_lambda (minus : bool) (t : gram) : dyadic -> comparison :=
  let product := mul (gram_gg t) (gram_yy t) in
  compare_surd minus product (mul product (determinant t)) (mul (gram_gy t) (gram_gg t)).
(** (2 gg yy - p^2 + sqrt (4 gg yy (gg yy - p^2)))/p^2 *)
Definition compare_condition (t : gram) : dyadic -> comparison :=
  let product := mul (gram_gg t) (gram_yy t) in
  compare_surd false (add product (determinant t)) (scale 2 (mul product (determinant t)))
    (mul (gram_gy t) (gram_gy t)).
Definition compare_sqrt_condition (t : gram) : dyadic -> comparison := compare_root (compare_condition t).
Definition compare_trace (D : Z) (t : gram) : dyadic -> comparison :=
  compare_quotient (mul (of_integer D) (gram_yy t)) (gram_gy t).

Section Formulas.
Variable t : gram.
Notation gg := (F2R (gram_gg t)).
Notation p := (F2R (gram_gy t)).
Notation yy := (F2R (gram_yy t)).
Hypothesis gg_pos : 0 < gg.
Hypothesis yy_pos : 0 < yy.
Hypothesis cauchy_schwarz : p * p <= gg * yy.

Lemma product_pos : 0 < gg * yy. Proof. now apply Rmult_lt_0_compat. Qed.

Lemma value_determinant : F2R (determinant t) = gg * yy - p * p.
Proof. unfold determinant. now rewrite value_sub, 2!value_mul. Qed.

Lemma cosine_squared : cosine gg p yy * cosine gg p yy = p * p / (gg * yy).
Proof.
pose proof product_pos as H. pose proof (sqrt_lt_R0 _ H) as Hr. unfold cosine.
rewrite <- (sqrt_sqrt (gg * yy)) at 3 by lra. field. lra.
Qed.

Lemma one_minus_cosine_squared : 1 - cosine gg p yy * cosine gg p yy = F2R (determinant t) / (gg * yy).
Proof. rewrite cosine_squared, value_determinant. pose proof product_pos. field. lra. Qed.

Lemma determinant_nonneg : 0 <= F2R (determinant t).
Proof. rewrite value_determinant. lra. Qed.

(** cos = p/sqrt(gg yy), p of any sign. *)
Theorem compare_cosine_correct : compares (compare_cosine t) (cosine gg p yy).
Proof.
pose proof product_pos as H. unfold compare_cosine. rewrite sign_correct.
assert (M : compares (compare_root (compare_quotient (mul (gram_gy t) (gram_gy t))
                       (mul (gram_gg t) (gram_yy t)))) (Rabs (cosine gg p yy))).
{ rewrite <- sqrt_Rsqr_abs. unfold Rsqr. rewrite cosine_squared, <- !value_mul.
  apply compare_root_correct.
  - rewrite !value_mul. apply Rmult_le_pos. apply Rle_0_sqr. apply Rlt_le. now apply Rinv_0_lt_compat.
  - apply compare_quotient_correct. now rewrite value_mul. }
assert (I : 0 < / sqrt (gg * yy)) by now apply Rinv_0_lt_compat, sqrt_lt_R0.
destruct (Rcompare_spec p 0) as [C|C|C].
- apply compare_negated_correct in M. rewrite Rabs_left, Ropp_involutive in M; trivial.
  unfold cosine, Rdiv. generalize (Rmult_lt_compat_r _ _ _ I C). lra.
- rewrite Rabs_pos_eq in M; trivial. unfold cosine, Rdiv. rewrite C. lra.
- rewrite Rabs_pos_eq in M; trivial. apply Rlt_le. unfold cosine, Rdiv. now apply Rmult_lt_0_compat.
Qed.

(** sin = sqrt(1 - cos^2). *)
Theorem compare_sine_correct : compares (compare_sine t) (sine gg p yy).
Proof.
pose proof product_pos as H. unfold sine, compare_sine. rewrite one_minus_cosine_squared, <- value_mul.
apply compare_root_correct.
- apply Rmult_le_pos. apply determinant_nonneg. apply Rlt_le, Rinv_0_lt_compat. now rewrite value_mul.
- apply compare_quotient_correct. now rewrite value_mul.
Qed.

(** The tests of cos and sin accept the correctly rounded value and nothing else; p may have any sign. *)
Theorem cosine_decided d : is_nearest (compare_cosine t) d = true <-> correctly_rounded (cosine gg p yy) d.
Proof. apply is_nearest_correct, compare_cosine_correct. Qed.

(** Likewise for the sine. *)
Theorem sine_decided d : is_nearest (compare_sine t) d = true <-> correctly_rounded (sine gg p yy) d.
Proof. apply is_nearest_correct, compare_sine_correct. Qed.

Lemma sine_nonneg : 0 <= sine gg p yy. Proof. apply sqrt_pos. Qed.

Lemma sine_squared : sine gg p yy * sine gg p yy = (gg * yy - p * p) / (gg * yy).
Proof.
unfold sine. rewrite sqrt_sqrt, one_minus_cosine_squared, value_determinant; trivial.
rewrite one_minus_cosine_squared. apply Rmult_le_pos. apply determinant_nonneg.
apply Rlt_le, Rinv_0_lt_compat, product_pos.
Qed.

(** gg yy sin = sqrt (gg yy (gg yy - p^2)) *)
Lemma sine_as_root : sqrt (gg * yy * (gg * yy - p * p)) = gg * yy * sine gg p yy.
Proof.
pose proof product_pos as H. apply sqrt_lem_1.
- apply Rmult_le_pos; lra.
- apply Rmult_le_pos; [lra|apply sine_nonneg].
- replace (gg * yy * sine gg p yy * (gg * yy * sine gg p yy))
    with (gg * yy * (gg * yy) * (sine gg p yy * sine gg p yy)) by ring.
  rewrite sine_squared. field. lra.
Qed.

Hypothesis p_pos : 0 < p.

Lemma sine_lt_1 : sine gg p yy < 1.
Proof.
pose proof product_pos as H. apply Rnot_le_lt. intros S.
assert (Q : 1 * 1 <= sine gg p yy * sine gg p yy) by (apply Rmult_le_compat; lra).
rewrite sine_squared in Q. apply (Rmult_le_compat_r (gg * yy)) in Q; [|lra].
replace ((gg * yy - p * p) / (gg * yy) * (gg * yy)) with (gg * yy - p * p) in Q by (field; lra).
assert (0 < p * p) by now apply Rmult_lt_0_compat. lra.
Qed.

(** a* = yy/p. *)
Theorem compare_alpha_correct : compares (compare_alpha t) (alpha gg p yy).
Proof. now apply compare_quotient_correct. Qed.

(** a* (1 -+ s). *)
Theorem compare_lambda_correct minus :
  compares (compare_lambda minus t) ((if minus then lambda_min else lambda_max) gg p yy).
Proof.
pose proof product_pos as H. unfold compare_lambda.
set (v := (if minus then lambda_min else lambda_max) gg p yy).
assert (E : v = (if minus then gg * yy - sqrt (gg * yy * (gg * yy - p * p))
                 else gg * yy + sqrt (gg * yy * (gg * yy - p * p))) / (p * gg)).
{ unfold v. rewrite sine_as_root. destruct minus; unfold lambda_min, lambda_max, alpha; field; lra. }
rewrite E, <- value_determinant, <- !value_mul. apply compare_surd_correct; rewrite !value_mul.
- apply Rmult_le_pos; [lra|apply determinant_nonneg].
- now apply Rmult_lt_0_compat.
Qed.

Lemma condition_as_surd : condition gg p yy =
  (gg * yy + (gg * yy - p * p) + sqrt (gg * yy * (gg * yy - p * p) * 4)) / (p * p).
Proof.
pose proof product_pos as H. pose proof sine_lt_1 as L. pose proof sine_nonneg as N.
rewrite sqrt_mult by (try apply Rmult_le_pos; lra). rewrite sine_as_root.
replace 4 with (2 * 2) by ring. rewrite sqrt_square by lra.
assert (Q : p * p = gg * yy * (1 - sine gg p yy * sine gg p yy)).
{ rewrite sine_squared. field. lra. }
unfold condition. rewrite Q. field. repeat split; try lra.
assert (sine gg p yy * sine gg p yy <= sine gg p yy * 1) by (apply Rmult_le_compat_l; lra). lra.
Qed.

(** kappa* = (1 + s)/(1 - s). *)
Theorem compare_condition_correct : compares (compare_condition t) (condition gg p yy).
Proof.
pose proof product_pos as H. unfold compare_condition. rewrite condition_as_surd.
change 4 with (bpow radix2 2).
rewrite <- value_determinant, <- !value_mul, <- value_scale, <- value_add.
apply (compare_surd_correct false); rewrite ?value_scale, ?value_mul.
- apply Rmult_le_pos; [|apply bpow_ge_0]. apply Rmult_le_pos; [lra|apply determinant_nonneg].
- now apply Rmult_lt_0_compat.
Qed.

Lemma condition_nonneg : 0 <= condition gg p yy.
Proof.
pose proof sine_lt_1 as L. pose proof sine_nonneg as N. apply Rmult_le_pos; [lra|].
apply Rlt_le, Rinv_0_lt_compat. lra.
Qed.

(** The second usual form of the same number. *)
Theorem sqrt_condition_is_one_plus_sine_by_cosine :
  sqrt_condition gg p yy = (1 + sine gg p yy) / cosine gg p yy.
Proof.
pose proof sine_lt_1 as L. pose proof sine_nonneg as N.
assert (C : 0 < cosine gg p yy).
{ apply Rmult_lt_0_compat; trivial. apply Rinv_0_lt_compat, sqrt_lt_R0, product_pos. }
apply sqrt_lem_1.
- apply condition_nonneg.
- apply Rmult_le_pos; [lra|]. now apply Rlt_le, Rinv_0_lt_compat.
- assert (Q : cosine gg p yy * cosine gg p yy = (1 - sine gg p yy) * (1 + sine gg p yy)).
  { rewrite cosine_squared. pose proof product_pos.
    replace ((1 - sine gg p yy) * (1 + sine gg p yy)) with (1 - sine gg p yy * sine gg p yy) by ring.
    rewrite sine_squared. field. lra. }
  replace ((1 + sine gg p yy) / cosine gg p yy * ((1 + sine gg p yy) / cosine gg p yy))
    with ((1 + sine gg p yy) * (1 + sine gg p yy) / (cosine gg p yy * cosine gg p yy)) by (field; lra).
  rewrite Q. unfold condition. field. lra.
Qed.

(** Its root. *)
Theorem compare_sqrt_condition_correct : compares (compare_sqrt_condition t) (sqrt_condition gg p yy).
Proof. apply compare_root_correct. apply condition_nonneg. apply compare_condition_correct. Qed.

(** The trace of M(alpha), alpha the optimum, is D alpha. *)
Theorem compare_trace_correct D : compares (compare_trace D t) (trace D gg p yy).
Proof.
replace (trace D gg p yy) with (F2R (mul (of_integer D) (gram_yy t)) / p).
- now apply compare_quotient_correct.
- rewrite value_mul, value_of_integer. unfold trace, alpha. field. lra.
Qed.

(** One theorem for each scalar: the test accepts the correctly rounded value and nothing else. *)
Theorem alpha_decided d : is_nearest (compare_alpha t) d = true <-> correctly_rounded (alpha gg p yy) d.
Proof. apply is_nearest_correct, compare_alpha_correct. Qed.
Theorem lambda_min_decided d :
  is_nearest (compare_lambda true t) d = true <-> correctly_rounded (lambda_min gg p yy) d.
Proof. apply is_nearest_correct, (compare_lambda_correct true). Qed.
Theorem lambda_max_decided d :
  is_nearest (compare_lambda false t) d = true <-> correctly_rounded (lambda_max gg p yy) d.
Proof. apply is_nearest_correct, (compare_lambda_correct false). Qed.
Theorem condition_decided d :
  is_nearest (compare_condition t) d = true <-> correctly_rounded (condition gg p yy) d.
Proof. apply is_nearest_correct, compare_condition_correct. Qed.
Theorem sqrt_condition_decided d :
  is_nearest (compare_sqrt_condition t) d = true <-> correctly_rounded (sqrt_condition gg p yy) d.
Proof. apply is_nearest_correct, compare_sqrt_condition_correct. Qed.
Theorem trace_decided D d :
  is_nearest (compare_trace D t) d = true <-> correctly_rounded (trace D gg p yy) d.
Proof. apply is_nearest_correct, compare_trace_correct. Qed.
End Formulas.

(** * 5. The exact Gram of two lists of doubles *)

Definition exact (d : binary64) : dyadic :=
  match d with
  | B754_finite _ _ s m e _ => Float radix2 (cond_Zopp s (Zpos m)) e
  | _ => of_integer 0
  end.

Fixpoint sum_products (sum : dyadic) (x y : list binary64) : dyadic :=
  match x, y with
  | a :: x', b :: y' => sum_products (add sum (mul (exact a) (exact b))) x' y'
  | _, _ => sum
  end.

Definition gram_of (g y : list binary64) : gram :=
  Gram (normalise (sum_products (of_integer 0) g g)) (normalise (sum_products (of_integer 0) g y))
       (normalise (sum_products (of_integer 0) y y)).

(** The real numbers of a list of doubles, and their sum of products. *)
Definition reals (x : list binary64) : list R := map (B2R 53 1024) x.
Fixpoint dot (x y : list R) : R :=
  match x, y with a :: x', b :: y' => a * b + dot x' y' | _, _ => 0 end.

Lemma value_exact d : F2R (exact d) = B2R 53 1024 d.
Proof. destruct d; try reflexivity; unfold exact; rewrite value_of_integer; reflexivity. Qed.

Lemma value_sum_products x : forall y sum,
  F2R (sum_products sum x y) = F2R sum + dot (reals x) (reals y).
Proof.
induction x as [|a x IH]; intros [|b y] sum; simpl; try ring.
rewrite IH, value_add, value_mul, 2!value_exact. ring.
Qed.

(** The Gram is exact: its three numbers are the real sums of products. *)
Theorem gram_of_correct g y :
  F2R (gram_gg (gram_of g y)) = dot (reals g) (reals g) /\
  F2R (gram_gy (gram_of g y)) = dot (reals g) (reals y) /\
  F2R (gram_yy (gram_of g y)) = dot (reals y) (reals y).
Proof.
unfold gram_of; cbn [gram_gg gram_gy gram_yy].
rewrite 3!value_normalise, 3!value_sum_products, value_of_integer. repeat split; ring.
Qed.

Lemma dot_self_nonneg x : 0 <= dot x x.
Proof. induction x as [|a x IH]; simpl; [lra|]. generalize (Rle_0_sqr a). unfold Rsqr. lra. Qed.

Lemma le_of_squares u w : 0 <= u -> w * w <= u * u -> w <= u.
Proof.
intros Hu Hw. apply Rnot_lt_le. intros L. apply (Rle_not_lt _ _ Hw). apply Rmult_le_0_lt_compat; trivial.
Qed.

(** Cauchy-Schwarz, so that every Gram of vectors is one that the comparisons above accept. *)
Lemma dot_cauchy_schwarz x : forall y, dot x y * dot x y <= dot x x * dot y y.
Proof.
induction x as [|a x IH]; intros [|b y]; simpl; try lra.
specialize (IH y). pose proof (dot_self_nonneg x) as X. pose proof (dot_self_nonneg y) as Y.
set (P := dot x y) in *. set (U := dot x x) in *. set (V := dot y y) in *.
assert (A : 0 <= a * a) by apply Rle_0_sqr. assert (B : 0 <= b * b) by apply Rle_0_sqr.
assert (K : 2 * (a * b * P) <= a * a * V + b * b * U).
{ apply le_of_squares.
  - apply Rplus_le_le_0_compat; now apply Rmult_le_pos.
  - pose proof (Rle_0_sqr (a * a * V - b * b * U)) as S. unfold Rsqr in S.
    pose proof (Rmult_le_compat_l _ _ _ (Rmult_le_pos _ _ A B) IH) as T.
    replace (2 * (a * b * P) * (2 * (a * b * P))) with (4 * (a * a * (b * b) * (P * P))) by ring.
    replace ((a * a * V + b * b * U) * (a * a * V + b * b * U))
      with ((a * a * V - b * b * U) * (a * a * V - b * b * U) + 4 * (a * a * (b * b) * (U * V))) by ring.
    lra. }
replace ((a * b + P) * (a * b + P)) with (a * a * (b * b) + 2 * (a * b * P) + P * P) by ring.
replace ((a * a + U) * (b * b + V)) with (a * a * (b * b) + (a * a * V + b * b * U) + U * V) by ring.
lra.
Qed.

(** * 6. Certificates *)

Inductive verdict := Effective | NotEffective | Undetermined.

(** What a certificate claims; [None] stands for "not defined". *)
Record certificate := Certificate {
  claimed_dimension : Z;
  claimed_verdict : verdict;
  claimed_gg : dyadic;
  claimed_gy : dyadic;
  claimed_yy : dyadic;
  claimed_alpha : option binary64;
  claimed_cos : option binary64;
  claimed_sin : option binary64;
  claimed_angle : option binary64;
  claimed_lambda_min : option binary64;
  claimed_lambda_max : option binary64;
  claimed_condition : option binary64;
  claimed_sqrt_condition : option binary64;
  claimed_log_condition : option binary64;
  claimed_trace : option binary64;
  claimed_log_det : option binary64
}.

Inductive field := Dimension | Verdict | GramGG | GramGY | GramYY | Alpha | Cos | Sin | Angle | LambdaMin
  | LambdaMax | Condition | SqrtCondition | LogCondition | Trace | LogDet.

Definition fields : list field := [Dimension; Verdict; GramGG; GramGY; GramYY; Alpha; Cos; Sin; Angle;
  LambdaMin; LambdaMax; Condition; SqrtCondition; LogCondition; Trace; LogDet].

Inductive result := Accepted | Rejected | NotChecked.

(** A value is claimed where one is defined, and it is the correctly rounded one. *)
Definition claim (defined : Prop) (v : R) (claimed : option binary64) : Prop :=
  match claimed with Some d => defined /\ correctly_rounded v d | None => ~ defined end.

(** What it means that field [f] of the certificate [c] is true of the vectors g and y. *)
Definition field_is_true (g y : list binary64) (c : certificate) (f : field) : Prop :=
  let gg := dot (reals g) (reals g) in
  let p := dot (reals g) (reals y) in
  let yy := dot (reals y) (reals y) in
  let D := Z.of_nat (length g) in
  let angle_defined := gg <> 0 /\ yy <> 0 in
  let metric_defined := 0 < p in
  match f with
  | Dimension => claimed_dimension c = D
  | Verdict =>
      match claimed_verdict c with
      | Effective => 0 < p
      | NotEffective => p <= 0 /\ (gg <> 0 \/ yy <> 0)
      | Undetermined => gg = 0 /\ yy = 0
      end
  | GramGG => F2R (claimed_gg c) = gg
  | GramGY => F2R (claimed_gy c) = p
  | GramYY => F2R (claimed_yy c) = yy
  | Alpha => claim metric_defined (alpha gg p yy) (claimed_alpha c)
  | Cos => claim angle_defined (cosine gg p yy) (claimed_cos c)
  | Sin => claim angle_defined (sine gg p yy) (claimed_sin c)
  | Angle => claim angle_defined (angle gg p yy) (claimed_angle c)
  | LambdaMin => claim metric_defined (lambda_min gg p yy) (claimed_lambda_min c)
  | LambdaMax => claim metric_defined (lambda_max gg p yy) (claimed_lambda_max c)
  | Condition => claim metric_defined (condition gg p yy) (claimed_condition c)
  | SqrtCondition => claim metric_defined (sqrt_condition gg p yy) (claimed_sqrt_condition c)
  | LogCondition => claim metric_defined (log_condition gg p yy) (claimed_log_condition c)
  | Trace => claim metric_defined (trace D gg p yy) (claimed_trace c)
  | LogDet => claim metric_defined (log_det D gg p yy) (claimed_log_det c)
  end.

(** Fields whose numbers are not decided here, only whether there should be one. *)
Definition transcendental (f : field) : bool :=
  match f with Angle | LogCondition | LogDet => true | _ => false end.

Definition of_bool (b : bool) : result := if b then Accepted else Rejected.

Definition check_claim (defined : bool) (cmp : dyadic -> comparison) (claimed : option binary64) : result :=
  of_bool match claimed with Some d => defined && is_nearest cmp d | None => negb defined end.

(** Only the presence of a value. *)
Definition check_presence (defined : bool) (claimed : option binary64) : result :=
  match claimed, defined with
  | Some _, true => NotChecked
  | None, false => Accepted
  | _, _ => Rejected
  end.

Definition is_positive (x : dyadic) : bool := match sign x with Gt => true | _ => false end.
Definition is_equal (x y : dyadic) : bool := match compare x y with Eq => true | _ => false end.

Definition check_field (t : gram) (D : Z) (c : certificate) (f : field) : result :=
  let angle_defined := is_positive (gram_gg t) && is_positive (gram_yy t) in
  let metric_defined := is_positive (gram_gy t) in
  match f with
  | Dimension => of_bool (claimed_dimension c =? D)%Z
  | Verdict => of_bool
      match claimed_verdict c with
      | Effective => metric_defined
      | NotEffective => negb metric_defined && (is_positive (gram_gg t) || is_positive (gram_yy t))
      | Undetermined => negb (is_positive (gram_gg t)) && negb (is_positive (gram_yy t))
      end
  | GramGG => of_bool (is_equal (claimed_gg c) (gram_gg t))
  | GramGY => of_bool (is_equal (claimed_gy c) (gram_gy t))
  | GramYY => of_bool (is_equal (claimed_yy c) (gram_yy t))
  | Alpha => check_claim metric_defined (compare_alpha t) (claimed_alpha c)
  | Cos => check_claim angle_defined (compare_cosine t) (claimed_cos c)
  | Sin => check_claim angle_defined (compare_sine t) (claimed_sin c)
  | Angle => check_presence angle_defined (claimed_angle c)
  | LambdaMin => check_claim metric_defined (compare_lambda true t) (claimed_lambda_min c)
  | LambdaMax => check_claim metric_defined (compare_lambda false t) (claimed_lambda_max c)
  | Condition => check_claim metric_defined (compare_condition t) (claimed_condition c)
  | SqrtCondition => check_claim metric_defined (compare_sqrt_condition t) (claimed_sqrt_condition c)
  | LogCondition => check_presence metric_defined (claimed_log_condition c)
  | Trace => check_claim metric_defined (compare_trace D t) (claimed_trace c)
  | LogDet => check_presence metric_defined (claimed_log_det c)
  end.

(** The number of elements, counted without a stack as deep as the list is long. *)
Definition dimension (x : list binary64) : Z := fold_left (fun n _ => (n + 1)%Z) x 0%Z.

Lemma dimension_correct x : dimension x = Z.of_nat (length x).
Proof.
unfold dimension. rewrite <- (Z.add_0_l (Z.of_nat (length x))). generalize 0%Z.
induction x as [|d x IH]; intros n; cbn [fold_left length]; [lia|]. rewrite IH. lia.
Qed.

(** Finite elements, as many in g as in y, at least one. *)
Definition valid_vectors (g y : list binary64) : bool :=
  (dimension g =? dimension y)%Z && negb (dimension g =? 0)%Z &&
  forallb (is_finite 53 1024) g && forallb (is_finite 53 1024) y.

(** One result for each field, or [None] if the vectors themselves are not valid. *)
Definition check_certificate (g y : list binary64) (c : certificate) : option (list (field * result)) :=
  if valid_vectors g y then
    let t := gram_of g y in
    let D := dimension g in
    Some (map (fun f => (f, check_field t D c f)) fields)
  else None.

(** Vectors are refused for one of three reasons only. *)
Lemma valid_vectors_correct g y : valid_vectors g y = true <->
  length g = length y /\ length g <> 0%nat /\ (forall d, In d g \/ In d y -> is_finite 53 1024 d = true).
Proof.
unfold valid_vectors. rewrite !dimension_correct, !andb_true_iff, negb_true_iff, Z.eqb_eq, Z.eqb_neq,
  !forallb_forall.
split.
- intros [[[L N] G] Y]. split; [lia|split; [lia|]]. intros d [H|H]; auto.
- intros (L & N & F). split; [split; [split; lia|]|]; intros d H; apply F; auto.
Qed.

(** No field is rejected. *)
Definition passes (results : list (field * result)) : bool :=
  forallb (fun r => match snd r with Rejected => false | _ => true end) results.

Lemma is_positive_correct x : is_positive x = true <-> 0 < F2R x.
Proof.
unfold is_positive. rewrite sign_correct. destruct (Rcompare_spec (F2R x) 0); split; intros; try lra; easy.
Qed.

Lemma is_equal_correct x y : is_equal x y = true <-> F2R x = F2R y.
Proof.
unfold is_equal. rewrite compare_correct.
destruct (Rcompare_spec (F2R x) (F2R y)); split; intros; try lra; easy.
Qed.

Lemma accepted_of_bool b : of_bool b = Accepted <-> b = true.
Proof. now destruct b. Qed.

Lemma check_claim_correct defined (P : Prop) cmp v claimed :
  (defined = true <-> P) -> (P -> compares cmp v) ->
  check_claim defined cmp claimed = Accepted <-> claim P v claimed.
Proof.
intros HP Hc. unfold check_claim, claim. rewrite accepted_of_bool. destruct claimed as [d|].
- rewrite andb_true_iff, HP. split; intros [H1 H2]; (split; [trivial|]);
    apply (is_nearest_correct _ _ _ (Hc H1)); trivial.
- rewrite negb_true_iff, <- HP. symmetry. apply not_true_iff_false.
Qed.

Lemma check_presence_accepted defined (P : Prop) v claimed :
  (defined = true <-> P) -> check_presence defined claimed = Accepted -> claim P v claimed.
Proof.
unfold claim, check_presence. intros H. destruct claimed, defined; try discriminate.
intros _ HP. now apply H in HP.
Qed.

Lemma check_presence_rejected defined (P : Prop) v claimed :
  (defined = true <-> P) -> check_presence defined claimed = Rejected -> ~ claim P v claimed.
Proof.
unfold claim, check_presence. intros H. destruct claimed, defined; try discriminate; intros _ HP.
- destruct HP as [HP _]. now apply H in HP.
- now apply HP, H.
Qed.

Section Soundness.
Variables g y : list binary64.
Variable c : certificate.
Let t := gram_of g y.
Let D := Z.of_nat (length g).

Lemma gg_value : F2R (gram_gg t) = dot (reals g) (reals g). Proof. apply gram_of_correct. Qed.
Lemma gy_value : F2R (gram_gy t) = dot (reals g) (reals y). Proof. apply gram_of_correct. Qed.
Lemma yy_value : F2R (gram_yy t) = dot (reals y) (reals y). Proof. apply gram_of_correct. Qed.

Lemma gram_cauchy_schwarz :
  F2R (gram_gy t) * F2R (gram_gy t) <= F2R (gram_gg t) * F2R (gram_yy t).
Proof. rewrite gg_value, gy_value, yy_value. apply dot_cauchy_schwarz. Qed.

Lemma gg_nonneg : 0 <= F2R (gram_gg t). Proof. rewrite gg_value. apply dot_self_nonneg. Qed.
Lemma yy_nonneg : 0 <= F2R (gram_yy t). Proof. rewrite yy_value. apply dot_self_nonneg. Qed.

Lemma norms_positive : 0 < F2R (gram_gy t) -> 0 < F2R (gram_gg t) /\ 0 < F2R (gram_yy t).
Proof.
intros H. pose proof gram_cauchy_schwarz as C. pose proof gg_nonneg as G. pose proof yy_nonneg as Y.
assert (P : 0 < F2R (gram_gy t) * F2R (gram_gy t)) by now apply Rmult_lt_0_compat.
split; apply Rnot_le_lt; intros N.
- assert (Z : F2R (gram_gg t) = 0) by lra. rewrite Z in C. lra.
- assert (Z : F2R (gram_yy t) = 0) by lra. rewrite Z in C. lra.
Qed.

Lemma angle_defined_correct : is_positive (gram_gg t) && is_positive (gram_yy t) = true <->
  F2R (gram_gg t) <> 0 /\ F2R (gram_yy t) <> 0.
Proof.
rewrite andb_true_iff, 2!is_positive_correct. pose proof gg_nonneg as G. pose proof yy_nonneg as Y.
split; intros [H1 H2]; split; lra.
Qed.

(** For every field that is decided, accepted means true and rejected means false. *)
Theorem check_field_decides f : transcendental f = false ->
  check_field t D c f = Accepted <-> field_is_true g y c f.
Proof.
intros Hf. unfold field_is_true. rewrite <- gg_value, <- gy_value, <- yy_value. fold D.
pose proof gram_cauchy_schwarz as C. pose proof gg_nonneg as G. pose proof yy_nonneg as Y.
pose proof angle_defined_correct as A. pose proof (is_positive_correct (gram_gy t)) as P.
pose proof (is_positive_correct (gram_gg t)) as PG. pose proof (is_positive_correct (gram_yy t)) as PY.
pose proof norms_positive as N.
destruct f; try discriminate Hf; cbn [check_field].
- rewrite accepted_of_bool. apply Z.eqb_eq.
- rewrite accepted_of_bool. destruct (claimed_verdict c); [exact P| |].
  + rewrite andb_true_iff, negb_true_iff, orb_true_iff, <- not_true_iff_false, P, PG, PY.
    split; intros [H1 H2]; (split; [lra|]); destruct H2 as [H2|H2]; [left|right|left|right]; lra.
  + rewrite andb_true_iff, 2!negb_true_iff, <- 2!not_true_iff_false, PG, PY.
    split; intros [H1 H2]; split; lra.
- rewrite accepted_of_bool. apply is_equal_correct.
- rewrite accepted_of_bool. apply is_equal_correct.
- rewrite accepted_of_bool. apply is_equal_correct.
- apply check_claim_correct; [exact P|intros H]. now apply compare_alpha_correct.
- apply check_claim_correct; [exact A|intros [H1 H2]]. apply compare_cosine_correct; trivial; lra.
- apply check_claim_correct; [exact A|intros [H1 H2]]. apply compare_sine_correct; trivial; lra.
- apply check_claim_correct; [exact P|intros H]. destruct (N H).
  now apply (compare_lambda_correct t) with (minus := true).
- apply check_claim_correct; [exact P|intros H]. destruct (N H).
  now apply (compare_lambda_correct t) with (minus := false).
- apply check_claim_correct; [exact P|intros H]. destruct (N H). now apply compare_condition_correct.
- apply check_claim_correct; [exact P|intros H]. destruct (N H). now apply compare_sqrt_condition_correct.
- apply check_claim_correct; [exact P|intros H]. now apply compare_trace_correct.
Qed.

Lemma check_field_transcendental_accepted f : transcendental f = true ->
  check_field t D c f = Accepted -> field_is_true g y c f.
Proof.
intros Hf. unfold field_is_true. rewrite <- gg_value, <- gy_value, <- yy_value. fold D.
destruct f; try discriminate Hf; cbn [check_field]; apply check_presence_accepted;
  try apply is_positive_correct; apply angle_defined_correct.
Qed.

Lemma check_field_transcendental_rejected f : transcendental f = true ->
  check_field t D c f = Rejected -> ~ field_is_true g y c f.
Proof.
intros Hf. unfold field_is_true. rewrite <- gg_value, <- gy_value, <- yy_value. fold D.
destruct f; try discriminate Hf; cbn [check_field]; apply check_presence_rejected;
  try apply is_positive_correct; apply angle_defined_correct.
Qed.

Lemma not_checked_is_transcendental f : check_field t D c f = NotChecked -> transcendental f = true.
Proof.
destruct f; try easy; cbn [check_field]; unfold check_claim, of_bool;
  match goal with |- (if ?b then _ else _) = _ -> _ => now destruct b end.
Qed.
End Soundness.

Lemma check_certificate_result g y c r f x : check_certificate g y c = Some r -> In (f, x) r ->
  check_field (gram_of g y) (Z.of_nat (length g)) c f = x.
Proof.
unfold check_certificate. rewrite dimension_correct. destruct (valid_vectors g y); [|easy]. intros E H.
assert (R : r = map (fun f => (f, check_field (gram_of g y) (Z.of_nat (length g)) c f)) fields)
  by congruence.
rewrite R in H. apply in_map_iff in H. destruct H as (f' & E' & _). congruence.
Qed.

(** An accepted field is true, whatever the field. *)
Theorem check_certificate_sound g y c r f : check_certificate g y c = Some r ->
  In (f, Accepted) r -> field_is_true g y c f.
Proof.
intros H I. apply (check_certificate_result g y c r) in I; trivial.
destruct (transcendental f) eqn:E.
- now apply check_field_transcendental_accepted.
- now apply check_field_decides.
Qed.

(** A rejected field is false, whatever the field. *)
Theorem check_certificate_rejects_only_false g y c r f : check_certificate g y c = Some r ->
  In (f, Rejected) r -> ~ field_is_true g y c f.
Proof.
intros H I. apply (check_certificate_result g y c r) in I; trivial.
destruct (transcendental f) eqn:E.
- now apply check_field_transcendental_rejected.
- rewrite <- check_field_decides by trivial. now rewrite I.
Qed.

(** Valid vectors get a result for every field, and every true field that is decided is accepted. *)
Theorem check_certificate_complete g y c f : valid_vectors g y = true ->
  transcendental f = false -> field_is_true g y c f ->
  exists r, check_certificate g y c = Some r /\ In (f, Accepted) r.
Proof.
intros V T H. unfold check_certificate. rewrite V, dimension_correct. eexists; split; [reflexivity|].
apply in_map_iff. exists f. split; [|destruct f; simpl; tauto].
f_equal. now apply check_field_decides.
Qed.

(** Only the angle and the two logarithms are ever left open. *)
Theorem only_transcendental_fields_are_open g y c r f : check_certificate g y c = Some r ->
  In (f, NotChecked) r -> transcendental f = true.
Proof.
intros H I. apply (check_certificate_result g y c r) in I; trivial.
now apply (not_checked_is_transcendental g y c).
Qed.

(** The program's exit status: a certificate that passes is true in every decided field, ... *)
Theorem passes_sound g y c r : check_certificate g y c = Some r -> passes r = true ->
  forall f, transcendental f = false -> field_is_true g y c f.
Proof.
intros H P f T. unfold passes in P. rewrite forallb_forall in P.
assert (I : In (f, check_field (gram_of g y) (Z.of_nat (length g)) c f) r).
{ unfold check_certificate in H. rewrite dimension_correct in H. destruct (valid_vectors g y); [|easy].
  assert (R : r = map (fun f => (f, check_field (gram_of g y) (Z.of_nat (length g)) c f)) fields)
  by congruence.
  rewrite R. apply in_map_iff. exists f. split; [reflexivity|destruct f; simpl; tauto]. }
specialize (P _ I). cbn [snd] in P.
apply check_field_decides; trivial.
destruct (check_field (gram_of g y) (Z.of_nat (length g)) c f) eqn:E; try easy.
apply (not_checked_is_transcendental g y c) in E. now rewrite T in E.
Qed.

(** ... and a certificate that is true in every field passes. *)
Theorem passes_complete g y c r : check_certificate g y c = Some r ->
  (forall f, field_is_true g y c f) -> passes r = true.
Proof.
intros H T. unfold passes. apply forallb_forall. intros [f x] I. cbn [snd].
destruct x; trivial. exfalso.
now apply (check_certificate_rejects_only_false g y c r f H I).
Qed.


(** * 7. Examples *)

Local Open Scope Z_scope.

(** g = (3, 1, -1/2), y = (2, 5, 1/4), with a true certificate ... *)
Definition example_g : list binary64 :=
  map b64_of_bits [0x4008000000000000; 0x3ff0000000000000; 0xbfe0000000000000]%Z.
Definition example_y : list binary64 :=
  map b64_of_bits [0x4000000000000000; 0x4014000000000000; 0x3fd0000000000000]%Z.
Definition example_certificate (lambda_min_bits : Z) : certificate :=
  let bits z := Some (b64_of_bits z) in
  Certificate 3 Effective (Float radix2 41 (-2)) (Float radix2 87 (-3)) (Float radix2 465 (-4))
    (bits 0x4005611a7b9611a8) (bits 0x3fe429ad363391b8) (bits 0x3fe8d949323c38b1) (bits 0x3fec73c1bdb91c95)
    (bits lambda_min_bits) (bits 0x4012fd8cdd7887e7) (bits 0x401fcc4d378ddfd1) (bits 0x40068e4fcacbc0ed)
    (bits 0x400095bb111a11a8) (bits 0x402008d3dcb08d3e) (bits 0x4000338375ce0f8d).

Definition example_verdicts (of_lambda_min : result) : list (field * result) :=
  [(Dimension, Accepted); (Verdict, Accepted); (GramGG, Accepted); (GramGY, Accepted); (GramYY, Accepted);
    (Alpha, Accepted); (Cos, Accepted); (Sin, Accepted); (Angle, NotChecked); (LambdaMin, of_lambda_min);
    (LambdaMax, Accepted); (Condition, Accepted); (SqrtCondition, Accepted); (LogCondition, NotChecked);
    (Trace, Accepted); (LogDet, NotChecked)].

Example true_certificate_is_accepted :
  check_certificate example_g example_y (example_certificate 0x3fe31c6cf0ec4e04) =
  Some (example_verdicts Accepted).
Proof. vm_compute. reflexivity. Qed.

(** ... and with lambda_min one unit in the last place too large. *)
Example one_ulp_is_rejected :
  check_certificate example_g example_y (example_certificate 0x3fe31c6cf0ec4e05) =
  Some (example_verdicts Rejected).
Proof. vm_compute. reflexivity. Qed.
