(** * Double-word arithmetic: how a scalar is known to be correctly rounded

    The library evaluates scalars first in unevaluated pairs of doubles hi + lo, with a bound on the error
    that goes along, and returns the result only if a rounding test proves that it is the double nearest to
    the exact value. Here is proved that this is right: of each operation, and of the scalars' formulas as a
    whole.

    Proved, over the reals with Flocq's doubles (file Doubles; u = 2^-53), for both of its exact products:
    - the operations' own errors, at most, relative to the result: multiply_error 8 u^2,
      multiply_by_double_error 3 u^2, add_error 3 u^2, divide_error 15 u^2, square_root_error 5.625 u^2
      (each times 1 + 2^-45, for terms of higher order);
    - the error that goes along, computed in rounded operations as in the code: if pairs stand for their
      real numbers, the result stands for their sum, product, quotient or root: add_carried_error,
      multiply_carried_error, multiply_carried_by_double_error, divide_carried_error,
      square_root_carried_error;
    - the same for pairs with an exponent of their own, with the scaling in sums and what they neglect, and
      with odd exponents under roots: add_scaled_error, multiply_scaled_error, divide_scaled_error,
      root_scaled_error;
    - the inputs: from_double_correct, from_integer_correct, from_leading_correct: they stand for what they
      are made of; library_inputs_right: they have the properties that the theorems on scalars assume;
    - formulas: evaluation_correct, by induction over formulas; accepted_is_nearest: what the rounding test
      accepts is the double nearest to the exact value, and below 2^1024;
    - every scalar of the library but the transcendental ones. At the optimum: cosine_correct, sine_correct,
      optimal_alpha_correct, optimal_lambda_min_correct, optimal_lambda_max_correct,
      optimal_condition_correct, optimal_sqrt_condition_correct, optimal_trace_correct,
      optimal_frobenius_norm_correct. For a parameter a that is given: lambda_max_correct,
      lambda_min_correct, condition_correct, sqrt_condition_correct, trace_correct, frobenius_norm_correct.
      For a trace T that is given, with a = (T - yy/p)/(D - 1): alpha_of_trace_correct,
      lambda_max_of_trace_correct, lambda_min_of_trace_correct, condition_of_trace_correct,
      sqrt_condition_of_trace_correct, frobenius_norm_of_trace_correct. The exact values are written out in
      gg = |g|^2, p = <g, y>, yy = |y|^2, the dimension D and a; that these are the metric's scalars is no
      matter of this file.

    Ranges. A leading part is 0 or within 2^-+100; an error is 0, or so great that products do not underflow.
    These are hypotheses of the single operations (product_in_range, quotient_in_range, root_in_range). For
    the scalars they are proved, as [fits]: what remains are properties of the inputs, the hypotheses of the
    sections Scalars and Trace, which library_inputs_right and library_trace_in_band prove for inputs that are
    made as the code makes them. The computed a has the properties that the scalars' theorems need:
    alpha_of_trace_right. A sum that cancels down to below 2^-800 without being 0 is refused, as in the code
    (add_decided); no theorem on formulas assumes that this does not happen, nor says that it does not. The
    model has no greatest double and exponents without bounds: within the ranges no operation overflows, and
    the test checks the result's exponent.

    NOT proved here: the functions of elementary.hpp (see Elementary.v, Logarithm.v, Arctangent.v) and the
    transcendental scalars, angle, log_condition, log_det (Transcendental.v); the coefficients of
    operators (Coefficients.v); how the leading bits of gg yy and of gg yy - p^2 are found (Leading.v).
    That a result is decided at all is proved nowhere: where the test does not accept, the library
    computes in exact arithmetic.

    Model and code (lib/kernels/double_word.hpp, fast_scalars.hpp), operation by operation, in the code's
    order:
      add, multiply, divide, square_root     hi and lo of what the functions of these names return
      add_carried, multiply_carried, ...     the same with the field error
      scaled_carried, normalised             scaled, normalised
      add_decided, opposite_scaled, ...      the operators + - * / on Approximation, and its square_root;
                                             add_scaled is what operator+ returns if it does not refuse
      shift                                  scaled(Approximation, k)
      accepts                                round
      add_decided, evaluate = None           an error that is infinite or not a number
      certainly_positive, alpha_of_trace     is_certainly_positive, alpha_of_trace
      decided, decided_of_trace              what decide_scalars returns for the optimum or a given a,
                                             for a given trace
    What links them is reading, not proof. Axioms: those of Coq's real numbers with classical logic, as
    Flocq uses them (sig_forall_dec, sig_not_dec, functional_extensionality_dep, classic). *)
From Coq Require Import Reals ZArith Lra Lia.
From Flocq Require Import Core Relative Plus_error Mult_error Div_sqrt_error Sterbenz Pff2Flocq.
From Natgrad Require Import Doubles.
Open Scope R_scope.

Definition in_range (h : R) := h = 0 \/ bpow radix2 (-100) <= Rabs h <= bpow radix2 100.

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

(* The terms of higher order *)
Definition little : R := / 35184372088832.  (* 2^-45 *)

(* x.hi y.hi and a double s of at most C u |x.hi y.hi|, which stands for the other terms *)
Lemma product_and_rest two_product a b s C :
  product_exact two_product -> double a -> double b -> in_range a -> in_range b -> double s ->
  0 <= C <= 5 -> Rabs s <= C * u * Rabs (a * b) ->
  let p := two_product a b in let z := fast_two_sum (hi p) (rnd (lo p + s)) in
  double_word z /\ Rabs (a * b) <= Rabs (rnd (a * b)) + u * Rabs (a * b) /\
  Rabs (value z - (a * b + s)) <= (1 + C) * (u * u) * Rabs (a * b).
Proof.
intros TP Da Db Ra Rb Ds HC Hs. assert (RP := range_product _ _ Ra Rb).
assert (NP : a * b = 0 \/ bpow radix2 (-969) <= Rabs (a * b)).
{ destruct RP as [RP | RP]; [now left | right]. apply Rle_trans with (2 := RP), bpow_le; lia. }
rewrite (TP a b Da Db NP). cbv zeta. cbn [hi lo].
assert (Dl : double (a * b - rnd (a * b))).
{ replace (a * b - rnd (a * b)) with (- (rnd (a * b) - a * b)) by ring.
  apply double_opp, mult_error_FLT; trivial; try typeclasses eauto.
  intros NZ; destruct NP; [contradiction | assumption]. }
assert (E0 : Rabs (rnd (a * b) - a * b) <= u * Rabs (a * b)).
{ destruct RP as [RP | RP].
  - rewrite RP, rnd_0, Rminus_0_r, Rabs_R0. lra.
  - apply rnd_error_normal, Rle_trans with (2 := RP), bpow_le. lia. }
assert (P0 := Rabs_pos (a * b)). set (P := Rabs (a * b)) in *.
assert (Pp : P <= Rabs (rnd (a * b)) + u * P).
{ unfold P at 1. replace (a * b) with (rnd (a * b) - (rnd (a * b) - a * b)) at 1 by ring.
  eapply Rle_trans; [apply Rabs_triang |]. rewrite Rabs_Ropp. apply Rplus_le_compat_l, E0. }
set (p := rnd (a * b)) in *.
assert (CP : 0 <= C * P <= 5 * P) by (split; [apply Rmult_le_pos; lra | apply Rmult_le_compat_r; lra]).
assert (B3 : Rabs (a * b - p + s) <= (1 + C) * u * P).
{ inv Hs; inv E0. apply Rabs_le. lra. }
assert (E4 := rnd_error_sum_le _ _ _ Dl Ds B3). set (t := rnd (a * b - p + s)) in *.
assert (St : Rabs t <= Rabs p \/ p = 0).
{ left. inv B3; inv E4. apply Rabs_le. unfold u in *. lra. }
split; [apply fast_two_sum_double_word; trivial; apply double_rnd |]. split; [exact Pp |].
rewrite (fast_two_sum_exact p t (double_rnd _) (double_rnd _) St).
replace (p + t - (a * b + s)) with (t - (a * b - p + s)) by ring.
replace ((1 + C) * (u * u) * P) with (u * ((1 + C) * u * P)) by ring. exact E4.
Qed.

(* a term with a low part *)
Lemma low_term a al b : in_range a -> in_range b -> Rabs al <= u * Rabs a ->
  Rabs (al * b) <= u * Rabs (a * b) /\
  Rabs (rnd (al * b) - al * b) <= u * (u * Rabs (a * b)) + tiny * Rabs (a * b).
Proof.
intros Ra Rb L. assert (A := mult_abs_le _ _ _ _ L (Rle_refl (Rabs b))).
replace (u * Rabs a * Rabs b) with (u * Rabs (a * b)) in A by (rewrite Rabs_mult; ring).
split; [exact A |]. destruct (range_product _ _ Ra Rb) as [RP | RP].
- rewrite RP, Rabs_R0 in *. rewrite !Rmult_0_r in *. assert (Z : al * b = 0) by (inv A; lra).
  rewrite Z, rnd_0, Rminus_0_r, Rabs_R0. lra.
- assert (eta <= tiny * Rabs (a * b)) by (apply eta_tiny, Rle_trans with (2 := RP), bpow_le; lia).
  eapply Rle_trans; [apply rnd_error_le; exact A | lra].
Qed.

(** The product of two pairs is off by at most 8 u^2 of itself. *)
Theorem multiply_error two_product x y :
  product_exact two_product -> double_word x -> double_word y -> in_range (hi x) -> in_range (hi y) ->
  let z := multiply two_product x y in
  double_word z /\
  Rabs (value z - value x * value y) <= 8 * (u * u) * (1 + little) * Rabs (rnd (hi x * hi y)).
Proof.
intros TP Wx Wy Rx Ry. unfold multiply. cbv zeta.
assert (Lx := low_part_small x Wx). assert (Ly := low_part_small y Wy).
destruct (low_term _ _ _ Rx Ry Lx) as [A2 T2]. destruct (low_term _ _ _ Ry Rx Ly) as [A1 T1].
assert (A3 := mult_abs_le _ _ _ _ Lx Ly).
destruct Wx as (Da & _ & _), Wy as (Db & _ & _). unfold value at 2 3.
destruct x as [a al], y as [b bl]; cbn [hi lo] in *.
rewrite (Rmult_comm bl a), (Rmult_comm b a) in *.
replace (u * Rabs a * (u * Rabs b)) with (u * u * Rabs (a * b)) in A3 by (rewrite Rabs_mult; ring).
assert (P0 := Rabs_pos (a * b)). set (P := Rabs (a * b)) in *.
set (r1 := rnd (a * bl)) in *. set (r2 := rnd (al * b)) in *.
assert (E3 : Rabs (rnd (r1 + r2) - (r1 + r2)) <= u * (2 * u * P + 2 * (u * (u * P) + tiny * P))).
{ apply rnd_error_sum_le; try apply double_rnd. inv T1; inv T2; inv A1; inv A2. apply Rabs_le. lra. }
assert (HC : 0 <= 2 + 5 * u <= 5) by (unfold u; lra).
assert (Hs : Rabs (rnd (r1 + r2)) <= (2 + 5 * u) * u * P).
{ inv T1; inv T2; inv A1; inv A2; inv E3. apply Rabs_le. unfold u, tiny in *. lra. }
destruct (product_and_rest two_product a b _ _ TP Da Db Rx Ry (double_rnd _) HC Hs) as (W & Pp & E).
split; [exact W |]. set (z := fast_two_sum _ _) in *. set (s := rnd (r1 + r2)) in *. fold P in Pp, E.
assert (G : Rabs (value z - (a + al) * (b + bl)) <= 8 * (u * u) * (1 + little / 2) * P).
{ replace (value z - (a + al) * (b + bl)) with
    ((value z - (a * b + s)) + (s - (r1 + r2)) + (r1 - a * bl) + (r2 - al * b) - al * bl) by ring.
  inv T1; inv T2; inv A3; inv E3; inv E. apply Rabs_le. unfold u, tiny, little in *. lra. }
apply Rle_trans with (1 := G). unfold u, little in *. lra.
Qed.

(** The product of a pair and a double is off by at most 3 u^2. *)
Theorem multiply_by_double_error two_product x y :
  product_exact two_product -> double_word x -> double y -> in_range (hi x) -> in_range y ->
  let z := multiply_by_double two_product x y in
  double_word z /\
  Rabs (value z - value x * y) <= 3 * (u * u) * (1 + little) * Rabs (rnd (hi x * y)).
Proof.
intros TP Wx Db Rx Ry. unfold multiply_by_double. cbv zeta.
destruct (low_term _ _ _ Rx Ry (low_part_small x Wx)) as [A T]. destruct Wx as (Da & _ & _).
unfold value at 2.
destruct x as [a al]; rename y into b; cbn [hi lo] in *.
assert (P0 := Rabs_pos (a * b)). set (P := Rabs (a * b)) in *.
assert (HC : 0 <= 1 + 2 * u <= 5) by (unfold u; lra).
assert (Hs : Rabs (rnd (al * b)) <= (1 + 2 * u) * u * P).
{ inv T; inv A. apply Rabs_le. unfold u, tiny in *. lra. }
destruct (product_and_rest two_product a b _ _ TP Da Db Rx Ry (double_rnd _) HC Hs) as (W & Pp & E).
split; [exact W |]. set (z := fast_two_sum _ _) in *. set (s := rnd (al * b)) in *. fold P in Pp, E.
assert (G : Rabs (value z - (a + al) * b) <= 3 * (u * u) * (1 + little / 2) * P).
{ replace (value z - (a + al) * b) with ((value z - (a * b + s)) + (s - al * b)) by ring.
  inv T; inv E. apply Rabs_le. unfold u, tiny, little in *. lra. }
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
Lemma low_part_below x e : double_word x -> Rabs (hi x) < bpow radix2 e -> Rabs (lo x) <= u / 2 * bpow radix2
  e.
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
assert (C : (cexp radix2 double_exp t <= cexp radix2 double_exp x)%Z) by (unfold cexp, double_exp, FLT_exp;
  lia).
exists (Ztrunc (scaled_mantissa radix2 double_exp x) * 2 ^ (cexp radix2 double_exp x - cexp radix2 double_exp
  t))%Z.
rewrite D at 1. unfold F2R; simpl. rewrite mult_IZR, Rmult_assoc. f_equal.
change 2%Z with (radix_val radix2). rewrite IZR_Zpower by lia. rewrite <- bpow_plus. f_equal. lia.
Qed.

Lemma canonical_mantissa t : double t -> t <> 0 ->
  exists m, (Z.abs m < 2 ^ 53)%Z /\ t = IZR m * bpow radix2 (cexp radix2 double_exp t).
Proof.
intros D N. destruct (multiple_of_unit t t D N (Rle_refl _)) as [m E]. exists m. split; [| exact E].
apply lt_IZR. rewrite abs_IZR. apply Rmult_lt_reg_r with (bpow radix2 (cexp radix2 double_exp t));
  [apply bpow_gt_0 |].
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
- apply lo_fast_two_sum; trivial. left. inv C. inv A1. inv Q1. rewrite (Rabs_pos_eq s) by (unfold u in *;
  lra).
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
{ replace (k1 - 1)%Z with (1 + (k1 - 1 - 1))%Z at 2 by lia. rewrite bpow_plus. change (bpow radix2 1) with 2.
  lra. }
assert (K3 : bpow radix2 (k1 - 1 - 51) = 4 * u * bpow radix2 (k1 - 1)).
{ replace (k1 - 1 - 51)%Z with (2 + (-53 + (k1 - 1)))%Z by lia. rewrite !bpow_plus, <- u_bpow.
  change (bpow radix2 2) with 4. ring. }
assert (K4 : bpow radix2 (k1 - 1 - 52) = 2 * u * bpow radix2 (k1 - 1)).
{ replace (k1 - 1 - 52)%Z with (1 + (-53 + (k1 - 1)))%Z by lia. rewrite !bpow_plus, <- u_bpow.
  change (bpow radix2 1) with 2. ring. }
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
assert (Rest : forall C : R, 0 <= C -> C <= 2 -> Rabs (sl + t) <= 4 * u * B -> Rabs (c - (sl + t)) <= C * (u
  * u * B) ->
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
  - apply lo_fast_two_sum; trivial. left. inv Ce2. inv A1. inv Q1. rewrite (Rabs_pos_eq s) by (unfold u in *;
    lra).
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
  destruct (Rest 2 ltac:(lra) ltac:(lra) A1 Ce' ltac:(lra)) as (R1 & R2 & R3). split; [exact R1 | right;
    split; assumption].
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
    destruct (Rest 0 ltac:(lra) ltac:(lra) A1 Ce ltac:(lra)) as (R1 & R2 & R3). split; [exact R1 | right;
      split; assumption].
  + assert (Lb' := Lb2 (k1 - 1 - 1)%Z ltac:(rewrite K2, Rabs_left by lra; exact S2)). rewrite K2 in Lb'.
    assert (SB2 : Rabs (a + b) <= bpow radix2 (k1 - 1)) by (rewrite Rabs_pos_eq by lra; fold B; lra).
    assert (Q1' := rnd_error_sum_below a b _ Da Db SB2). fold s in Q1'. fold B in Q1'.
    assert (A1 : Rabs (sl + t) <= 2 * u * B).
    { unfold sl. inv Q1'. inv T. inv La'. inv Lb'. apply Rabs_le. unfold u in *; lra. }
    assert (A1' : Rabs (sl + t) <= bpow radix2 (k1 - 1 - 52)) by (rewrite K4; exact A1).
    assert (Ce := rnd_error_sum_below sl t _ Dsl Dt A1'). fold c in Ce. rewrite K4 in Ce.
    assert (Ce' : Rabs (c - (sl + t)) <= 1 * (u * u * B)) by (apply Rle_trans with (1 := Ce); unfold u; lra).
    assert (A1'' : Rabs (sl + t) <= 4 * u * B) by (apply Rle_trans with (1 := A1); unfold u; lra).
    destruct (Rest 1 ltac:(lra) ltac:(lra) A1'' Ce' ltac:(lra)) as (R1 & R2 & R3). split; [exact R1 | right;
      split; assumption].
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
    rewrite Zl, Zm. unfold add_good. rewrite !Rplus_0_r, !rnd_0, Rminus_0_r, !Rplus_0_r, !rnd_0, !Rplus_0_r,
      !rnd_0, !Rminus_0_r, !Rplus_0_r, !rnd_0.
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
change (hi (fast_two_sum s c)) with (rnd (s + c)). destruct G as [F G]. rewrite F.
set (v := rnd (s + c)) in *.
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
  assert (T4' := Rmult_le_compat_l u _ _ (Rlt_le _ _ U) T4). assert (T5' := Rmult_le_compat_l u _ _ (Rlt_le _
    _ U) T5).
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

(** The same after scaling by a power of two, as long as the result is not subnormal. *)
Lemma rounding_test_scaled h l error X k :
  double h -> double l -> double error -> 0 <= error -> not_near_underflow error ->
  Rabs (X - (h + l)) <= error -> down h l error = up h l error ->
  bpow radix2 (-1021) <= Rabs (down h l error) -> bpow radix2 (-1021) <= Rabs (down h l error * bpow radix2
    k) ->
  rnd (X * bpow radix2 k) = down h l error * bpow radix2 k.
Proof.
intros Dh Dl De Pe Ne H E R1 R2. assert (C := rounding_test_correct h l error X Dh Dl De Pe Ne H E).
rewrite <- C in *.
assert (S : bpow radix2 (-1022) * 2 = bpow radix2 (-1021)) by (change 2 with (bpow radix2 1);
  rewrite <- bpow_plus; reflexivity).
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

(** The quotient of two pairs is off by at most 15 u^2 of itself, for leading parts in range. *)
Theorem divide_error two_product x y :
  product_exact two_product -> double_word x -> double_word y -> in_range (hi x) -> in_range (hi y) -> hi y
    <> 0 ->
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
{ apply Rmult_le_reg_l with (1 := Pb). rewrite Ebi. apply Rle_trans with (bpow radix2 100 * bpow radix2
  (-100)).
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
{ replace (q * b - a) with ((q - a * ib) * b) by (replace a with (a * (b * ib)) at 2 by (rewrite Eib; ring);
  ring).
  apply Rle_trans with (u * Q * Rabs b); [apply mult_abs_le; [exact Hq | lra] |].
  unfold Q. replace (u * (Rabs a * Rabs ib) * Rabs b) with (u * Rabs a * (Rabs b * Rabs ib)) by ring.
  rewrite Ebi. lra. }
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
{ rewrite Rabs_mult. apply Rle_trans with (Rabs q * (u * Rabs b)); [apply Rmult_le_compat_l;
  [apply Rabs_pos | exact Ly] |].
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
{ replace (rest - (a + al - q * (b + bl))) with ((rest - (a - q * b + d)) + (d - (al - r2)) - (r2 - q * bl))
  by ring.
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
{ rewrite <- Rmult_minus_distr_r. apply Rle_trans with (1 := mult_abs_le _ _ _ _ B1 (Rle_refl _)). unfold Q;
  right; ring. }
assert (C4 : Rabs (rest * r) <= 3 * u * (1 + little / 4) * Q).
{ inv C1; inv C2. apply Rabs_le. unfold u, little in *; lra. }
assert (E4 := rnd_error_le _ _ C4). set (w := rnd (rest * r)) in *.
assert (Y : (1 - u) * Rabs b <= Rabs (b + bl)).
{ assert (T := Rabs_triang (b + bl) (- bl)). replace (b + bl + - bl) with b in T by ring.
  rewrite Rabs_Ropp in T. lra. }
assert (NY : b + bl <> 0).
{ intros Z. rewrite Z, Rabs_R0 in Y. assert (0 < (1 - u) * Rabs b) by (apply Rmult_lt_0_compat; [unfold u;
  lra | exact Pb]). lra. }
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

Definition square_root (two_product : R -> R -> unevaluated) (x : unevaluated) :=
  let s := rnd (sqrt (hi x)) in
  let reciprocal := rnd (1 / s) in
  let p := two_product s s in
  let rest := rnd (rnd (rnd (hi x - hi p) - lo p) + lo x) in
  fast_two_sum s (rnd (rnd (/ 2 * rest) * reciprocal)).

Lemma rnd_half x : double x -> Rabs (rnd (/ 2 * x) - / 2 * x) <= eta.
Proof.
intros D. replace (/ 2 * x) with (x * bpow radix2 (-1)) by (change (bpow radix2 (-1)) with (/ 2); ring).
destruct (Req_dec x 0) as [-> | N].
{ rewrite Rmult_0_l, rnd_0, Rminus_0_r, Rabs_R0. apply Rlt_le, eta_pos. }
destruct (Z_le_gt_dec (-1074 + 53 - mag radix2 x) (-1)) as [L | L].
- rewrite rnd_double by (apply (mult_bpow_exact_FLT radix2 (-1074) 53 x (-1)); [exact D | lia]).
  rewrite Rminus_diag_eq, Rabs_R0 by reflexivity. apply Rlt_le, eta_pos.
- eapply Rle_trans; [apply error_le_half_ulp; typeclasses eauto |].
  unfold double_exp. rewrite ulp_FLT_small; [| reflexivity |].
  + change (-1074)%Z with (1 + -1075)%Z. rewrite bpow_plus. unfold eta. change (bpow radix2 1) with 2. lra.
  + apply Rlt_le_trans with (bpow radix2 (mag radix2 (x * bpow radix2 (-1)))); [apply bpow_mag_gt |].
    apply bpow_le. rewrite mag_mult_bpow by exact N. lia.
Qed.

(** The square root of a pair is off by at most 5.625 u^2 of itself, for a leading part in range. *)
Theorem square_root_error two_product x :
  product_exact two_product -> double_word x -> in_range (hi x) -> 0 < hi x ->
  let z := square_root two_product x in
  double_word z /\
  Rabs (value z - sqrt (value x)) <= 45 / 8 * (u * u) * (1 + little) * rnd (sqrt (hi x)).
Proof.
intros TP Wx Rx Pa z.
assert (Lx := low_part_small x Wx). destruct Wx as (Da & Dal & _).
unfold z, square_root. cbv zeta. unfold value. destruct x as [a al]; cbn [hi lo] in *. clear z.
destruct Rx as [? | [Ra1 Ra2]]; [lra |]. rewrite (Rabs_pos_eq a) in * by lra.
set (T := sqrt a). assert (PT : 0 < T) by now apply sqrt_lt_R0.
assert (ET : T * T = a) by (apply sqrt_sqrt; lra).
assert (RT : bpow radix2 (-50) <= T <= bpow radix2 50).
{ assert (S1 : sqrt (bpow radix2 (-100)) = bpow radix2 (-50)).
  { change (-100)%Z with (-50 + -50)%Z. rewrite bpow_plus. apply sqrt_square, bpow_ge_0. }
  assert (S2 : sqrt (bpow radix2 100) = bpow radix2 50).
  { change 100%Z with (50 + 50)%Z. rewrite bpow_plus. apply sqrt_square, bpow_ge_0. }
  rewrite <- S1, <- S2. split; apply sqrt_le_1_alt; assumption. }
destruct RT as [RT1 RT2].
set (s := rnd T). set (r := rnd (1 / s)).
assert (Hs : Rabs (s - T) <= u * T).
{ rewrite <- (Rabs_pos_eq T) at 2 by lra. apply rnd_error_normal. rewrite Rabs_pos_eq by lra.
  apply Rle_trans with (2 := RT1), bpow_le; lia. }
assert (Hs' := Hs). inv Hs'.
assert (Ps : 0 < s) by (unfold u in *; lra).
set (is := / s). assert (Eis : s * is = 1) by (unfold is; field; lra).
assert (Pis : 0 < is) by now apply Rinv_0_lt_compat.
assert (Bis : bpow radix2 (-51) <= is).
{ apply Rmult_le_reg_l with (1 := Ps). rewrite Eis. apply Rle_trans with (bpow radix2 51 * bpow radix2 (-51)).
  - apply Rmult_le_compat_r; [apply bpow_ge_0 |].
    replace (bpow radix2 51) with (2 * bpow radix2 50) by (change 51%Z with (1 + 50)%Z; rewrite bpow_plus;
      reflexivity).
    unfold u in *; lra.
  - rewrite <- bpow_plus. simpl. lra. }
assert (Hr : Rabs (r - is) <= u * is).
{ unfold r, Rdiv. rewrite Rmult_1_l. fold is. replace (u * is) with (u * Rabs is) by (rewrite Rabs_pos_eq;
  lra).
  apply rnd_error_normal. rewrite Rabs_pos_eq by lra. apply Rle_trans with (2 := Bis), bpow_le; lia. }
(* s^2 in terms of a = T^2 *)
assert (Ess : s * s = a + 2 * (T * (s - T)) + (s - T) * (s - T)) by (rewrite <- ET; ring).
assert (F1 : Rabs (T * (s - T)) <= u * a).
{ rewrite Rabs_mult, (Rabs_pos_eq T) by lra. rewrite <- ET.
  apply Rle_trans with (T * (u * T)); [apply Rmult_le_compat_l; lra | lra]. }
assert (F2 : Rabs ((s - T) * (s - T)) <= u * u * a).
{ apply Rle_trans with (1 := mult_abs_le _ _ _ _ Hs Hs). rewrite <- ET. lra. }
assert (F3 : Rabs (s * s - a) <= 2 * u * a + u * u * a).
{ rewrite Ess. inv F1; inv F2. apply Rabs_le. lra. }
assert (SB : Rabs (s * s) <= (1 + 3 * u) * a /\ a / 2 <= Rabs (s * s)).
{ rewrite (Rabs_pos_eq (s * s)) by (apply Rmult_le_pos; lra). inv F3. unfold u in *; lra. }
destruct SB as [SB1 SB2].
assert (SBn : bpow radix2 (-101) <= Rabs (s * s)).
{ apply Rle_trans with (2 := SB2). change (-101)%Z with (-1 + -100)%Z. rewrite bpow_plus.
  change (bpow radix2 (-1)) with (/ 2). lra. }
assert (SBm : bpow radix2 (-969) <= Rabs (s * s)) by (apply Rle_trans with (2 := SBn), bpow_le; lia).
assert (Ds : double s) by apply double_rnd.
rewrite (TP s s Ds Ds) by (right; exact SBm). cbn [hi lo].
assert (Hp : Rabs (rnd (s * s) - s * s) <= u * Rabs (s * s)).
{ apply rnd_error_normal, Rle_trans with (2 := SBn), bpow_le; lia. }
assert (Dpl := double_product_error s s Ds Ds SBm).
set (p := rnd (s * s)) in *.
assert (Dap : double (a - p)).
{ apply sterbenz_near; trivial; [apply double_rnd |]. rewrite (Rabs_pos_eq a) by lra.
  replace (a - p) with (- ((p - s * s) + (s * s - a))) by ring. rewrite Rabs_Ropp.
  eapply Rle_trans; [apply Rabs_triang |]. unfold u in *; lra. }
rewrite (rnd_double _ Dap).
assert (Er : a - p - (s * s - p) = (a - p) + - (s * s - p)) by ring.
assert (DR : double (a - p - (s * s - p))).
{ rewrite Er. apply double_sum_FLX; trivial; [now apply double_opp |].
  replace (a - p + - (s * s - p)) with (a - Rsqr (round radix2 (FLX_exp 53) ZnearestE T)).
  - apply (sqrt_error_FLX_N radix2 53 (fun x => negb (Z.even x)) eq_refl a). now apply double_FLX.
  - rewrite <- rnd_FLX; [fold s; unfold Rsqr; ring |]. rewrite Rabs_pos_eq by lra.
    apply Rle_trans with (2 := RT1), bpow_le; lia. }
rewrite (rnd_double _ DR). replace (a - p - (s * s - p)) with (a - s * s) in * by ring.
assert (Ha : eta <= tiny * a) by (apply eta_tiny, Rle_trans with (2 := Ra1), bpow_le; lia).
assert (HT : eta <= tiny * T) by (apply eta_tiny, Rle_trans with (2 := RT1), bpow_le; lia).
assert (A3 : Rabs (a - s * s + al) <= 3 * u * a + u * u * a).
{ inv F3; inv Lx. apply Rabs_le. lra. }
assert (E3 := rnd_error_sum_le _ _ _ DR Dal A3).
set (rest := rnd (a - s * s + al)) in *.
assert (B2 : Rabs rest <= 3 * u * (1 + little / 8) * a).
{ inv E3; inv A3. apply Rabs_le. unfold u, little in *; lra. }
assert (Eh := rnd_half rest (double_rnd _)). set (h := rnd (/ 2 * rest)) in *.
assert (B4 : Rabs h <= 3 / 2 * u * (1 + little / 4) * a).
{ inv Eh; inv B2. apply Rabs_le. unfold u, little, tiny in *; lra. }
assert (B5 : Rabs (h - / 2 * (a + al - s * s)) <= 3 / 2 * (u * u) * (1 + little / 4) * a).
{ inv Eh; inv E3. apply Rabs_le. unfold u, little, tiny in *; lra. }
(* divided by s *)
assert (Q1 : a * is <= (1 + 2 * u) * T).
{ rewrite <- ET, Rmult_assoc, (Rmult_comm (1 + 2 * u)). apply Rmult_le_compat_l; [lra |].
  apply Rmult_le_reg_r with (1 := Ps). rewrite Rmult_assoc, (Rmult_comm is), Eis, Rmult_1_r. unfold u in *;
    lra. }
assert (Q0 : 0 <= a * is) by (apply Rmult_le_pos; lra).
assert (C1 : Rabs (h * r - h * is) <= 3 / 2 * (u * u) * (1 + little / 2) * T).
{ replace (h * r - h * is) with (h * (r - is)) by ring.
  apply Rle_trans with (1 := mult_abs_le _ _ _ _ B4 Hr).
  replace (3 / 2 * u * (1 + little / 4) * a * (u * is)) with (3 / 2 * u * (1 + little / 4) * u * (a * is)) by
    ring.
  unfold u, little in *; lra. }
assert (C2 : Rabs (h * is) <= 3 / 2 * u * (1 + little / 2) * T).
{ apply Rle_trans with (Rabs h * is); [rewrite Rabs_mult, (Rabs_pos_eq is); lra |].
  apply Rle_trans with (3 / 2 * u * (1 + little / 4) * a * is); [apply Rmult_le_compat_r; lra |].
  rewrite Rmult_assoc. unfold u, little in *; lra. }
assert (C3 : Rabs (h * is - / 2 * (a + al - s * s) * is) <= 3 / 2 * (u * u) * (1 + little / 2) * T).
{ rewrite <- Rmult_minus_distr_r. rewrite Rabs_mult, (Rabs_pos_eq is) by lra.
  apply Rle_trans with (3 / 2 * (u * u) * (1 + little / 4) * a * is); [apply Rmult_le_compat_r; lra |].
  rewrite Rmult_assoc. unfold u, little in *; lra. }
assert (C4 : Rabs (h * r) <= 3 / 2 * u * (1 + little) * T).
{ inv C1; inv C2. apply Rabs_le. unfold u, little in *; lra. }
assert (E4 := rnd_error_le _ _ C4). set (w := rnd (h * r)) in *.
(* sqrt (x.hi + x.lo) *)
assert (Px : 0 <= a + al) by (inv Lx; unfold u in *; lra).
set (X := sqrt (a + al)). assert (PX : 0 <= X) by apply sqrt_pos.
assert (EX : X * X = a + al) by now apply sqrt_sqrt.
assert (HX : Rabs (X - T) <= / 2 * u * (1 + 2 * u) * T).
{ assert (X1 : (1 - u) * T <= X).
  { destruct (Rle_or_lt ((1 - u) * T) X) as [? | G]; [assumption | exfalso].
    assert (X * X <= ((1 - u) * T) * ((1 - u) * T)) by (apply Rmult_le_compat; lra).
    replace ((1 - u) * T * ((1 - u) * T)) with ((1 - u) * (1 - u) * a) in * by (rewrite <- ET; ring).
    inv Lx. unfold u in *; lra. }
  apply Rmult_le_reg_r with (X + T); [lra |].
  rewrite <- (Rabs_pos_eq (X + T)) at 1 by lra. rewrite <- Rabs_mult.
  replace ((X - T) * (X + T)) with (X * X - T * T) by ring. rewrite EX, ET.
  replace (a + al - a) with al by ring.
  apply Rle_trans with (1 := Lx). rewrite <- ET.
  apply Rle_trans with (/ 2 * u * (1 + 2 * u) * T * ((2 - u) * T)).
  - replace (/ 2 * u * (1 + 2 * u) * T * ((2 - u) * T)) with (/ 2 * u * ((1 + 2 * u) * (2 - u)) * (T * T)) by
    ring.
    replace (u * (T * T)) with (/ 2 * u * 2 * (T * T)) by field.
    apply Rmult_le_compat_r; [apply Rmult_le_pos; lra |]. unfold u; lra.
  - apply Rmult_le_compat_l; [apply Rmult_le_pos; [unfold u; lra | lra] | lra]. }
assert (HXs : Rabs (X - s) <= 3 / 2 * u * (1 + u) * T).
{ inv HX. apply Rabs_le. unfold u in *; lra. }
assert (C5 : Rabs (/ 2 * ((X - s) * (X - s)) * is) <= 9 / 8 * (u * u) * (1 + little / 2) * T).
{ rewrite Rabs_mult, (Rabs_pos_eq is) by lra. rewrite Rabs_mult, (Rabs_pos_eq (/ 2)) by lra.
  assert (M := mult_abs_le _ _ _ _ HXs HXs).
  replace (3 / 2 * u * (1 + u) * T * (3 / 2 * u * (1 + u) * T)) with (9 / 4 * (u * u) * ((1 + u) * (1 + u)) *
    a) in M
    by (rewrite <- ET; field).
  apply Rle_trans with (/ 2 * (9 / 4 * (u * u) * ((1 + u) * (1 + u)) * a) * is).
  - apply Rmult_le_compat_r; lra.
  - replace (/ 2 * (9 / 4 * (u * u) * ((1 + u) * (1 + u)) * a) * is) with
      (9 / 8 * (u * u) * ((1 + u) * (1 + u)) * (a * is)) by field.
    unfold u, little in *; lra. }
assert (Wq : Rabs w <= Rabs s \/ s = 0).
{ left. rewrite (Rabs_pos_eq s) by lra. inv E4; inv C4. apply Rabs_le. unfold u, little, tiny in *; lra. }
split; [apply fast_two_sum_double_word; trivial; apply double_rnd |].
assert (V := fast_two_sum_exact s w Ds (double_rnd _) Wq). unfold value in V. rewrite V.
assert (EXs : s + / 2 * (a + al - s * s) * is - / 2 * ((X - s) * (X - s)) * is = X).
{ rewrite <- EX. unfold is. field. lra. }
replace (s + w - X) with
  ((w - h * r) + (h * r - h * is) + (h * is - / 2 * (a + al - s * s) * is) + / 2 * ((X - s) * (X - s)) * is)
  by (rewrite <- EXs at 3; ring).
apply Rle_trans with (45 / 8 * (u * u) * (1 + little / 2 + little / 4) * T).
- inv E4; inv C1; inv C3; inv C5. apply Rabs_le. unfold u, little, tiny in *; lra.
- unfold u, little in *; lra.
Qed.

(* ------------------------------------------------------------- the error that goes along *)

Record carried := Carried { number : unevaluated; error : R }.

(** The pair is off the real number X by at most the error *)
Definition stands_for (x : carried) (X : R) :=
  double_word (number x) /\ double (error x) /\ 0 <= error x /\ Rabs (X - value (number x)) <= error x.

Definition within (d : Z) (h : R) := h = 0 \/ bpow radix2 (- d) <= Rabs h <= bpow radix2 d.
Definition no_less (k : Z) (e : R) := e = 0 \/ bpow radix2 (- k) <= e.

Definition add_carried (x y : carried) :=
  let z := add (number x) (number y) in
  Carried z (rnd (slack * rnd (rnd (error x + error y) + rnd (3 * (u * u) * Rabs (hi z))))).

Definition multiply_carried (two_product : R -> R -> unevaluated) (x y : carried) :=
  let p := two_product (hi (number x)) (hi (number y)) in
  Carried (multiply two_product (number x) (number y))
    (rnd (slack * rnd (rnd (rnd (rnd (Rabs (hi (number x)) * error y) + rnd (Rabs (hi (number y)) * error x))
                            + rnd (error x * error y))
                       + rnd (8 * (u * u) * Rabs (hi p))))).

Definition multiply_carried_by_double (two_product : R -> R -> unevaluated) (x : carried) (y : R) :=
  let p := two_product (hi (number x)) y in
  Carried (multiply_by_double two_product (number x) y)
    (rnd (slack * rnd (rnd (Rabs y * error x) + rnd (3 * (u * u) * Rabs (hi p))))).

(* 2^-19 and 2^-20, 2^-11 *)
Definition divide_carried (two_product : R -> R -> unevaluated) (x y : carried) :=
  let q := rnd (hi (number x) / hi (number y)) in
  let reciprocal := rnd (1 / hi (number y)) in
  Carried (divide two_product (number x) (number y))
    (rnd (slack * rnd (rnd (rnd ((1 + / 524288) * Rabs reciprocal) * rnd (error x + rnd (Rabs q * error y)))
                       + rnd (15 * (u * u) * Rabs q)))).

(* Otherwise the code's error is infinite *)
Definition divisor_decided (y : carried) :=
  hi (number y) <> 0 /\ error y <= rnd (/ 1048576 * Rabs (hi (number y))).

Definition square_root_carried (two_product : R -> R -> unevaluated) (x : carried) :=
  if Rlt_dec 0 (hi (number x)) then
    let s := rnd (sqrt (hi (number x))) in
    let reciprocal := rnd (1 / s) in
    let inherited := if Rle_dec (error x) (rnd (/ 2048 * hi (number x)))
      then rnd (rnd ((/ 2 + / 2048) * error x) * reciprocal) else rnd (sqrt (error x)) in
    Carried (square_root two_product (number x))
      (rnd (slack * rnd (inherited + rnd (45 / 8 * (u * u) * s))))
  else Carried (Unevaluated 0 0) (rnd (slack * rnd (sqrt (error x)))).

(* What the factor slack makes up for *)
Definition nearly : R := 1 - / 2199023255552.  (* 1 - 2^-41 *)

Lemma rnd_ge_sum a b : double a -> double b -> 0 <= a -> 0 <= b -> (1 - u) * (a + b) <= rnd (a + b).
Proof.
intros Da Db Pa Pb. assert (E := rnd_error_sum a b Da Db). rewrite (Rabs_pos_eq (a + b)) in E by lra.
inv E. lra.
Qed.

Lemma rnd_ge x : no_less 1022 x -> (1 - u) * x <= rnd x.
Proof.
intros [-> | H]; [rewrite rnd_0; lra |].
assert (P : 0 < x) by (apply Rlt_le_trans with (2 := H), bpow_gt_0).
assert (E : Rabs (rnd x - x) <= u * Rabs x) by (apply rnd_error_normal; rewrite Rabs_pos_eq; [exact H | lra]).
rewrite (Rabs_pos_eq x) in E by lra. inv E. lra.
Qed.

Lemma no_less_pos k e : no_less k e -> 0 <= e.
Proof. intros [-> | H]; [lra |]. apply Rle_trans with (2 := H), bpow_ge_0. Qed.

Lemma no_less_weaken k k' e : (k <= k')%Z -> no_less k e -> no_less k' e.
Proof. intros K [H | H]; [now left | right]. apply Rle_trans with (2 := H), bpow_le. lia. Qed.

Lemma no_less_mult k k' a b : no_less k a -> no_less k' b -> no_less (k + k') (a * b).
Proof.
intros [-> | H]; [left; ring |]. intros [-> | H']; [left; ring |]. right.
replace (- (k + k'))%Z with (- k + - k')%Z by lia. rewrite bpow_plus.
apply Rmult_le_compat; trivial; apply bpow_ge_0.
Qed.

Lemma no_less_plus k a b : no_less k a -> no_less k b -> no_less k (a + b).
Proof.
intros A B. assert (PA := no_less_pos _ _ A). assert (PB := no_less_pos _ _ B).
destruct A as [-> | A]; [destruct B as [-> | B]; [left; ring | right; lra] | right; lra].
Qed.

Lemma no_less_rnd k e : (k <= 1074)%Z -> no_less k e -> no_less k (rnd e).
Proof.
intros K [-> | H]; [left; apply rnd_0 | right].
rewrite <- (rnd_double (bpow radix2 (- k))); [now apply rnd_le | apply double_bpow; lia].
Qed.

Lemma within_no_less d h : within d h -> no_less d (Rabs h).
Proof. intros [-> | H]; [left; apply Rabs_R0 | right; apply H]. Qed.

Lemma within_rnd d h : (0 <= d <= 1022)%Z -> within d h -> within d (rnd h).
Proof.
intros D [-> | H]; [left; apply rnd_0 | right]. split.
- apply rnd_abs_ge; [apply double_bpow; lia | apply H].
- apply rnd_abs_le; [apply double_bpow; lia | apply H].
Qed.

Lemma slack_covers B S : no_less 1000 S -> nearly * B <= S -> B <= rnd (slack * S).
Proof.
intros N H. assert (PS := no_less_pos _ _ N).
assert (G : (1 - u) * (slack * S) <= rnd (slack * S)).
{ apply rnd_ge. destruct N as [-> | N]; [left; ring | right].
  apply Rle_trans with (bpow radix2 (-1000)); [apply bpow_le; lia |].
  change (- (1000))%Z with (-1000)%Z in N. unfold slack; lra. }
unfold slack, nearly, u in *. lra.
Qed.

Lemma slack_ge S : double S -> 0 <= S -> S <= rnd (slack * S).
Proof. intros D P. rewrite <- (rnd_double S D) at 1. apply rnd_le. unfold slack; lra. Qed.

Lemma rnd_sum_ge_l a b : double a -> 0 <= b -> a <= rnd (a + b).
Proof. intros D P. rewrite <- (rnd_double a D) at 1. apply rnd_le. lra. Qed.

Lemma rnd_sum_ge_r a b : double b -> 0 <= a -> b <= rnd (a + b).
Proof. intros D P. rewrite <- (rnd_double b D) at 1. apply rnd_le. lra. Qed.

Lemma square_unit_no_less c d h : 1 <= c -> within d h -> no_less (106 + d) (c * (u * u) * Rabs h).
Proof.
intros C H. replace (106 + d)%Z with (0 + 106 + d)%Z by lia.
apply no_less_mult; [apply no_less_mult | now apply within_no_less].
- right. simpl. exact C.
- right. right. unfold u. simpl. lra.
Qed.

(* Off by as little more than the error as scaling may lose by underflow *)
Definition nearly_stands_for (x : carried) (X : R) :=
  double_word (number x) /\ double (error x) /\ 0 <= error x /\
  Rabs (X - value (number x)) <= (1 + little) * error x.

Lemma stands_for_nearly x X : stands_for x X -> nearly_stands_for x X.
Proof. intros (W & D & P & E). repeat split; try apply W; trivial. unfold little. lra. Qed.

(* A sum, given that it does not cancel to below 2^-800 without being 0 *)
Lemma add_carried_nearly x y X Y :
  nearly_stands_for x X -> nearly_stands_for y Y -> no_less 900 (error x) -> no_less 900 (error y) ->
  no_less 800 (Rabs (hi (number (add_carried x y)))) -> stands_for (add_carried x y) (X + Y).
Proof.
intros (Wx & Dx & Px & Ex) (Wy & Dy & Py & Ey) Nx Ny Nz.
destruct (add_error (number x) (number y) Wx Wy) as [Wz Ez].
unfold add_carried in *. cbn [number error] in *. set (z := add (number x) (number y)) in *.
assert (Hd : 0 <= Rabs (hi z)) by apply Rabs_pos.
set (A := rnd (error x + error y)) in *. set (B := rnd (3 * (u * u) * Rabs (hi z))) in *.
assert (NA : no_less 900 A) by (apply no_less_rnd; [lia |]; now apply no_less_plus).
assert (NB0 : no_less 906 (3 * (u * u) * Rabs (hi z))).
{ change 906%Z with (0 + 106 + 800)%Z. apply no_less_mult; [apply no_less_mult | exact Nz]; right.
  - simpl; lra.
  - right. unfold u; simpl; lra. }
assert (NB : no_less 906 B) by (apply no_less_rnd; [lia | exact NB0]).
assert (PA := no_less_pos _ _ NA). assert (PB := no_less_pos _ _ NB).
assert (GA : (1 - u) * (error x + error y) <= A) by now apply rnd_ge_sum.
assert (GB : (1 - u) * (3 * (u * u) * Rabs (hi z)) <= B).
{ apply rnd_ge. revert NB0. apply no_less_weaken. lia. }
assert (GS : (1 - u) * (A + B) <= rnd (A + B)) by (apply rnd_ge_sum; trivial; apply double_rnd).
split; [exact Wz |]. split; [apply double_rnd |]. cbn [error number].
assert (NS : no_less 1000 (rnd (A + B))).
{ apply no_less_rnd; [lia |]. apply no_less_plus; [revert NA | revert NB]; apply no_less_weaken; lia. }
assert (C := slack_covers ((1 + little) * (error x + error y) + 3 * (u * u) * (1 + little) * Rabs
  (hi z)) _ NS).
split; [apply rnd_pos, Rmult_le_pos; [unfold slack; lra | apply (no_less_pos _ _ NS)] |].
apply Rle_trans with (2 := C ltac:(unfold nearly, u, little in *; lra)).
replace (X + Y - value z) with ((X - value (number x)) + (Y - value (number y)) 
  - (value z - (value (number x) + value (number y)))) by ring.
inv Ex; inv Ey; inv Ez. apply Rabs_le. lra.
Qed.

Theorem add_carried_error x y X Y :
  stands_for x X -> stands_for y Y -> no_less 900 (error x) -> no_less 900 (error y) ->
  no_less 800 (Rabs (hi (number (add_carried x y)))) -> stands_for (add_carried x y) (X + Y).
Proof. intros A B. apply add_carried_nearly; now apply stands_for_nearly. Qed.

(* What products, quotients and roots need: leading parts that are 0 or within 2^-+100,
  and errors that are 0 or
   far from underflow *)
Definition product_in_range (x y : carried) :=
  within 100 (hi (number x)) /\ within 100 (hi (number y)) /\
  no_less 900 (error x) /\ no_less 900 (error y) /\ no_less 1000 (error x * error y).
Definition quotient_in_range (x y : carried) :=
  within 100 (hi (number x)) /\ within 100 (hi (number y)) /\ no_less 880 (error x) /\ no_less 690 (error y).
Definition root_in_range (x : carried) := within 100 (hi (number x)) /\ no_less 900 (error x).

Ltac weaker H := eapply no_less_weaken; [| exact H]; lia.

Lemma product_hi two_product a b : product_exact two_product -> double a -> double b ->
  within 100 a -> within 100 b -> hi (two_product a b) = rnd (a * b).
Proof.
intros TP Da Db Ra Rb. rewrite (TP a b Da Db); [reflexivity |].
destruct (range_product a b Ra Rb) as [? | H]; [now left | right].
apply Rle_trans with (2 := H), bpow_le. lia.
Qed.

Lemma within_mult d d' a b : within d a -> within d' b -> within (d + d') (a * b).
Proof.
intros [-> | [A A']]; [left; ring |]. intros [-> | [B B']]; [left; ring |]. right.
replace (- (d + d'))%Z with (- d + - d')%Z by lia. rewrite !bpow_plus, Rabs_mult.
split; apply Rmult_le_compat; trivial; try apply bpow_ge_0; apply Rabs_pos.
Qed.

Lemma within_weaken d d' h : (d <= d')%Z -> within d h -> within d' h.
Proof.
intros K [H | [A B]]; [now left | right]. split.
- apply Rle_trans with (2 := A), bpow_le. lia.
- apply Rle_trans with (1 := B), bpow_le. lia.
Qed.

Lemma value_le x : double_word x -> Rabs (value x) <= (1 + u) * Rabs (hi x).
Proof.
intros W. assert (L := low_part_small x W). unfold value.
eapply Rle_trans; [apply Rabs_triang |]. lra.
Qed.

Lemma value_ge x : double_word x -> (1 - u) * Rabs (hi x) <= Rabs (value x).
Proof.
intros W. assert (L := low_part_small x W). unfold value.
assert (T := Rabs_triang (hi x + lo x) (- lo x)). replace (hi x + lo x + - lo x) with (hi x) in T by ring.
rewrite Rabs_Ropp in T. lra.
Qed.

Theorem multiply_carried_error two_product x y X Y :
  product_exact two_product -> stands_for x X -> stands_for y Y -> product_in_range x y ->
  stands_for (multiply_carried two_product x y) (X * Y).
Proof.
intros TP (Wx & Dx & Px & Ex) (Wy & Dy & Py & Ey) (Rx & Ry & Nx & Ny & NC0).
destruct (multiply_error two_product _ _ TP Wx Wy Rx Ry) as [Wz Ez].
assert (Dxh : double (hi (number x))) by apply Wx. assert (Dyh : double (hi (number y))) by apply Wy.
unfold multiply_carried. cbv zeta. rewrite (product_hi _ _ _ TP Dxh Dyh Rx Ry).
set (z := multiply two_product (number x) (number y)) in *.
assert (Vx := value_le _ Wx). assert (Vy := value_le _ Wy).
set (xh := hi (number x)) in *. set (yh := hi (number y)) in *. set (p := rnd (xh * yh)) in *.
assert (Rp : within 200 p) by (apply within_rnd; [lia |]; now apply (within_mult 100 100)).
assert (Nxh := within_no_less _ _ Rx). assert (Nyh := within_no_less _ _ Ry).
assert (NA0 := no_less_mult _ _ _ _ Nxh Ny). assert (NB0 := no_less_mult _ _ _ _ Nyh Nx).
assert (ND0 := square_unit_no_less 8 _ _ ltac:(lra) Rp). simpl Z.add in *.
set (A0 := Rabs xh * error y) in *. set (B0 := Rabs yh * error x) in *. set (C0 := error x * error y) in *.
set (D0 := 8 * (u * u) * Rabs p) in *.
assert (GA := rnd_ge A0 ltac:(weaker NA0)).
assert (GB := rnd_ge B0 ltac:(weaker NB0)).
assert (GC := rnd_ge C0 ltac:(weaker NC0)).
assert (GD := rnd_ge D0 ltac:(weaker ND0)).
assert (PA0 := no_less_pos _ _ NA0). assert (PB0 := no_less_pos _ _ NB0).
assert (PC0 := no_less_pos _ _ NC0). assert (PD0 := no_less_pos _ _ ND0).
assert (NA := no_less_rnd 1000 A0 ltac:(lia) ltac:(weaker NA0)).
assert (NB := no_less_rnd 1000 B0 ltac:(lia) ltac:(weaker NB0)).
assert (NC := no_less_rnd 1000 C0 ltac:(lia) ltac:(weaker NC0)).
assert (ND := no_less_rnd 1000 D0 ltac:(lia) ltac:(weaker ND0)).
assert (D_A := double_rnd A0). assert (D_B := double_rnd B0). assert (D_C := double_rnd C0).
assert (D_D := double_rnd D0).
set (A := rnd A0) in *. set (B := rnd B0) in *. set (C := rnd C0) in *. set (D := rnd D0) in *.
assert (GAB := rnd_ge_sum A B D_A D_B (no_less_pos _ _ NA) (no_less_pos _ _ NB)).
assert (NAB := no_less_rnd 1000 _ ltac:(lia) (no_less_plus _ _ _ NA NB)). assert (D_AB := double_rnd (A + B)).
set (AB := rnd (A + B)) in *.
assert (GABC := rnd_ge_sum AB C D_AB D_C (no_less_pos _ _ NAB) (no_less_pos _ _ NC)).
assert (NABC := no_less_rnd 1000 _ ltac:(lia) (no_less_plus _ _ _ NAB NC)).
assert (D_ABC := double_rnd (AB + C)).
set (ABC := rnd (AB + C)) in *.
assert (GS := rnd_ge_sum ABC D D_ABC D_D (no_less_pos _ _ NABC) (no_less_pos _ _ ND)).
assert (NS := no_less_rnd 1000 _ ltac:(lia) (no_less_plus _ _ _ NABC ND)).
set (S := rnd (ABC + D)) in *.
split; [exact Wz |]. split; [apply double_rnd |]. cbn [error number].
split; [apply rnd_pos, Rmult_le_pos; [unfold slack; lra | apply (no_less_pos _ _ NS)] |].
set (x' := value (number x)) in *. set (y' := value (number y)) in *.
assert (E1 : Rabs (x' * (Y - y')) <= (1 + u) * A0).
{ unfold A0. rewrite <- Rmult_assoc. now apply mult_abs_le. }
assert (E2 : Rabs ((X - x') * y') <= (1 + u) * B0).
{ unfold B0. replace ((1 + u) * (Rabs yh * error x)) with (error x * ((1 + u) * Rabs yh)) by ring.
  now apply mult_abs_le. }
assert (E3 : Rabs ((X - x') * (Y - y')) <= C0) by now apply mult_abs_le.
apply Rle_trans with ((1 + u) * A0 + (1 + u) * B0 + C0 + (1 + little) * D0).
- replace (X * Y - value z) with (x' * (Y - y') + (X - x') * y' + (X - x') * (Y - y') -
  (value z - x' * y')) by ring.
  inv E1; inv E2; inv E3; inv Ez. unfold D0. apply Rabs_le. lra.
- apply slack_covers; [exact NS |]. unfold nearly, u, little in *. clearbody A0 B0 C0 D0 A B C D AB ABC S.
  lra.
Qed.

(* For operands that are off by a little more than their errors, as scaling may make them *)
Lemma multiply_carried_by_double_nearly two_product x y X :
  product_exact two_product -> nearly_stands_for x X -> double y -> within 100 (hi (number x)) ->
    no_less 900 (error x) -> within 100 y ->
  stands_for (multiply_carried_by_double two_product x y) (X * y).
Proof.
intros TP (Wx & Dx & Px & Ex) Dy Rx Nx Ry.
destruct (multiply_by_double_error two_product _ _ TP Wx Dy Rx Ry) as [Wz Ez].
assert (Dxh : double (hi (number x))) by apply Wx.
unfold multiply_carried_by_double. cbv zeta. rewrite (product_hi _ _ _ TP Dxh Dy Rx Ry).
set (z := multiply_by_double two_product (number x) y) in *.
set (xh := hi (number x)) in *. set (p := rnd (xh * y)) in *.
assert (Rp : within 200 p) by (apply within_rnd; [lia |]; now apply (within_mult 100 100)).
assert (Nyh := within_no_less _ _ Ry). assert (NB0 := no_less_mult _ _ _ _ Nyh Nx).
assert (ND0 := square_unit_no_less 3 _ _ ltac:(lra) Rp). simpl Z.add in *.
set (B0 := Rabs y * error x) in *. set (D0 := 3 * (u * u) * Rabs p) in *.
assert (GB := rnd_ge B0 ltac:(weaker NB0)).
assert (GD := rnd_ge D0 ltac:(weaker ND0)).
assert (PB0 := no_less_pos _ _ NB0). assert (PD0 := no_less_pos _ _ ND0).
assert (NB := no_less_rnd 1000 B0 ltac:(lia) ltac:(weaker NB0)).
assert (ND := no_less_rnd 1000 D0 ltac:(lia) ltac:(weaker ND0)).
assert (D_B := double_rnd B0). assert (D_D := double_rnd D0).
set (B := rnd B0) in *. set (D := rnd D0) in *.
assert (GS := rnd_ge_sum B D D_B D_D (no_less_pos _ _ NB) (no_less_pos _ _ ND)).
assert (NS := no_less_rnd 1000 _ ltac:(lia) (no_less_plus _ _ _ NB ND)).
set (S := rnd (B + D)) in *.
split; [exact Wz |]. split; [apply double_rnd |]. cbn [error number].
split; [apply rnd_pos, Rmult_le_pos; [unfold slack; lra | apply (no_less_pos _ _ NS)] |].
set (x' := value (number x)) in *.
assert (E2 : Rabs ((X - x') * y) <= (1 + little) * B0).
{ unfold B0. rewrite (Rmult_comm (Rabs y)), <- Rmult_assoc. apply mult_abs_le; [exact Ex | lra]. }
apply Rle_trans with ((1 + little) * B0 + (1 + little) * D0).
- replace (X * y - value z) with ((X - x') * y - (value z - x' * y)) by ring.
  inv E2; inv Ez. unfold D0. apply Rabs_le. lra.
- apply slack_covers; [exact NS |]. unfold nearly, u, little in *. clearbody B0 D0 B D S. lra.
Qed.

Theorem multiply_carried_by_double_error two_product x y X :
  product_exact two_product -> stands_for x X -> double y -> within 100 (hi (number x)) ->
    no_less 900 (error x) -> within 100 y ->
  stands_for (multiply_carried_by_double two_product x y) (X * y).
Proof. intros TP SX. apply multiply_carried_by_double_nearly; trivial. now apply stands_for_nearly. Qed.

Lemma within_div d d' a b : within d a -> within d' b -> b <> 0 -> within (d + d') (a / b).
Proof.
intros A [-> | [B B']] N; [contradiction |]. apply within_mult; [exact A |]. right. rewrite Rabs_inv.
assert (P : 0 < Rabs b) by now apply Rabs_pos_lt.
assert (E : bpow radix2 (- d') * bpow radix2 d' = 1).
{ rewrite <- bpow_plus. replace (- d' + d')%Z with 0%Z by lia. reflexivity. }
assert (P1 := bpow_gt_0 radix2 d'). assert (P2 := bpow_gt_0 radix2 (- d')).
split; apply Rmult_le_reg_l with (1 := P); rewrite Rinv_r by lra.
- rewrite <- E, (Rmult_comm (bpow _ (- d'))). apply Rmult_le_compat_r; lra.
- rewrite <- E. apply Rmult_le_compat_r; lra.
Qed.

(* For operands that are off by a little more than their errors, as scaling may make them *)
Lemma divide_carried_nearly two_product x y X Y :
  product_exact two_product -> nearly_stands_for x X -> nearly_stands_for y Y -> quotient_in_range x y ->
    divisor_decided y ->
  Y <> 0 /\ stands_for (divide_carried two_product x y) (X / Y).
Proof.
intros TP (Wx & Dx & Px & Ex) (Wy & Dy & Py & Ey) (Rx & Ry & Nx & Ny) [Zy Hy].
destruct (divide_error two_product _ _ TP Wx Wy Rx Ry Zy) as [Wz Ez].
unfold divide_carried. cbv zeta.
set (z := divide two_product (number x) (number y)) in *.
assert (Vx := value_le _ Wx). assert (Vy := value_le _ Wy). assert (Vy' := value_ge _ Wy).
set (xh := hi (number x)) in *. set (yh := hi (number y)) in *.
assert (Pyh : 0 < Rabs yh) by now apply Rabs_pos_lt.
assert (Hy' : error y <= / 1048576 * (1 + u) * Rabs yh).
{ assert (E := rnd_error_normal (/ 1048576 * Rabs yh)). apply Rle_trans with (1 := Hy).
  rewrite (Rabs_pos_eq (/ 1048576 * Rabs yh)) in E by lra.
  assert (G : bpow radix2 (-1022) <= / 1048576 * Rabs yh).
  { apply Rle_trans with (bpow radix2 (-20) * bpow radix2 (-100)).
    - rewrite <- bpow_plus. apply bpow_le. lia.
    - apply Rmult_le_compat; try apply bpow_ge_0; [simpl; lra |].
      destruct Ry as [? | [H _]]; [contradiction | exact H]. }
  specialize (E G). inv E. lra. }
clear Hy. set (x' := value (number x)) in *. set (y' := value (number y)) in *.
assert (Py' : 0 < Rabs y') by (unfold u in *; lra).
assert (Ny' : y' <> 0) by (intros Z; rewrite Z, Rabs_R0 in Py'; lra).
assert (Ey' : Rabs (Y - y') <= / 1048576 * (1 + 2 * little) * Rabs yh).
{ apply Rle_trans with (1 := Ey). unfold little, u in *. lra. }
assert (LY : (1 - / 1048576 * (1 + 2 * little) - u) * Rabs yh <= Rabs Y).
{ assert (T := Rabs_triang Y (- (Y - y'))). replace (Y + - (Y - y')) with y' in T by ring.
  rewrite Rabs_Ropp in T. lra. }
assert (PY : 0 < Rabs Y) by (unfold u, little in *; lra).
assert (NY : Y <> 0) by (intros Z; rewrite Z, Rabs_R0 in PY; lra).
split; [exact NY |].
set (q := rnd (xh / yh)) in *. set (r := rnd (1 / yh)).
assert (Rq0 := within_div _ _ _ _ Rx Ry Zy). assert (W1 : within 0 1) by (right; rewrite Rabs_R1; simpl; lra).
assert (Rr0 := within_div _ _ _ _ W1 Ry Zy). simpl Z.add in *.
assert (Rq : within 200 q) by (apply within_rnd; [lia | exact Rq0]).
assert (Rr : within 100 r) by (apply within_rnd; [lia | exact Rr0]).
(* rounded quotients, against the exact ones *)
assert (Gq : (1 - u) * Rabs (xh / yh) <= Rabs q).
{ assert (NN := rnd_ge (Rabs (xh / yh)) ltac:(weaker (within_no_less _ _ Rq0))).
  unfold q. unfold rnd in *. rewrite round_NE_abs in NN by typeclasses eauto. exact NN. }
assert (Gr : (1 - u) * Rabs (/ yh) <= Rabs r).
{ assert (NN := rnd_ge (Rabs (1 / yh)) ltac:(weaker (within_no_less _ _ Rr0))).
  unfold r. unfold rnd in *. rewrite round_NE_abs in NN by typeclasses eauto.
  unfold Rdiv in NN at 1. rewrite Rmult_1_l in NN. exact NN. }
assert (Nr := within_no_less _ _ Rr). assert (Nq := within_no_less _ _ Rq).
assert (NA0 : no_less 100 ((1 + / 524288) * Rabs r)).
{ change 100%Z with (0 + 100)%Z. apply no_less_mult; [right; simpl; lra | exact Nr]. }
assert (NB0 := no_less_mult _ _ _ _ Nq Ny).
assert (ND0 := square_unit_no_less 15 _ _ ltac:(lra) Rq). simpl Z.add in *.
set (A0 := (1 + / 524288) * Rabs r) in *. set (B0 := Rabs q * error y) in *.
set (D0 := 15 * (u * u) * Rabs q) in *.
assert (GA := rnd_ge A0 ltac:(weaker NA0)). assert (GB := rnd_ge B0 ltac:(weaker NB0)).
assert (GD := rnd_ge D0 ltac:(weaker ND0)).
assert (PA0 := no_less_pos _ _ NA0). assert (PB0 := no_less_pos _ _ NB0). assert (PD0 := no_less_pos _ _ ND0).
assert (NA := no_less_rnd 100 A0 ltac:(lia) NA0). assert (NB := no_less_rnd 890 B0 ltac:(lia) NB0).
assert (ND := no_less_rnd 1000 D0 ltac:(lia) ltac:(weaker ND0)).
assert (D_B := double_rnd B0). assert (D_D := double_rnd D0).
set (A := rnd A0) in *. set (B := rnd B0) in *. set (D := rnd D0) in *.
assert (GC := rnd_ge_sum (error x) B Dx D_B Px (no_less_pos _ _ NB)).
assert (NC := no_less_rnd 890 _ ltac:(lia) (no_less_plus 890 (error x) B ltac:(weaker Nx) NB)).
set (C := rnd (error x + B)) in *.
assert (NM0 := no_less_mult _ _ _ _ NA NC). simpl Z.add in NM0.
assert (GM := rnd_ge (A * C) ltac:(weaker NM0)). assert
  (NM := no_less_rnd 1000 (A * C) ltac:(lia) ltac:(weaker NM0)).
assert (D_M := double_rnd (A * C)). set (M := rnd (A * C)) in *.
assert (GS := rnd_ge_sum M D D_M D_D (no_less_pos _ _ NM) (no_less_pos _ _ ND)).
assert (NS := no_less_rnd 1000 _ ltac:(lia) (no_less_plus _ _ _ NM ND)).
set (S := rnd (M + D)) in *.
split; [exact Wz |]. split; [apply double_rnd |]. cbn [error number].
split; [apply rnd_pos, Rmult_le_pos; [unfold slack; lra | apply (no_less_pos _ _ NS)] |].
assert (PA := no_less_pos _ _ NA). assert (PC := no_less_pos _ _ NC).
set (iy := Rabs (/ yh)) in *. assert (Piy : 0 < iy) by (apply Rabs_pos_lt, Rinv_neq_0_compat; exact Zy).
assert (Eiy : Rabs yh * iy = 1) by (unfold iy; rewrite <- Rabs_mult, Rinv_r by exact Zy; apply Rabs_R1).
assert (IY : Rabs (/ Y) <= (1 + / 1048576 * (1 + / 1024)) * iy).
{ rewrite Rabs_inv. apply Rmult_le_reg_l with (1 := PY). rewrite Rinv_r by lra.
  apply Rle_trans with ((1 - / 1048576 * (1 + 2 * little) - u) * Rabs yh * ((1 + / 1048576 * (1 + / 1024))
    * iy)).
  - replace ((1 - / 1048576 * (1 + 2 * little) - u) * Rabs yh * ((1 + / 1048576 * (1 + / 1024)) * iy)) with
      ((1 - / 1048576 * (1 + 2 * little) - u) * (1 + / 1048576 * (1 + / 1024)) * (Rabs yh * iy)) by ring.
    rewrite Eiy. unfold u, little. lra.
  - apply Rmult_le_compat_r; [| exact LY]. apply Rmult_le_pos; lra. }
(* |x/y| against q *)
assert (XY : Rabs (x' / y') <= (1 + 5 * u) * Rabs q).
{ unfold Rdiv. rewrite Rabs_mult, Rabs_inv. apply Rmult_le_reg_r with (1 := Py').
  rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra.
  apply Rle_trans with ((1 + 5 * u) * Rabs q * ((1 - u) * Rabs yh)).
  2: { apply Rmult_le_compat_l; [| exact Vy']. apply Rmult_le_pos; [unfold u; lra | apply Rabs_pos]. }
  apply Rle_trans with (1 := Vx).
  assert (Eq : Rabs xh = Rabs (xh / yh) * Rabs yh).
  { rewrite <- Rabs_mult. f_equal. field. exact Zy. }
  assert (Q : (1 - u) * Rabs xh <= Rabs q * Rabs yh).
  { rewrite Eq, <- Rmult_assoc. apply Rmult_le_compat_r; lra. }
  replace ((1 + 5 * u) * Rabs q * ((1 - u) * Rabs yh)) with ((1 + 5 * u) * (1 - u) * (Rabs q * Rabs yh))
    by ring.
  assert (Pxh := Rabs_pos xh). unfold u in *; lra. }
assert (E1 : Rabs ((X - x') - x' / y' * (Y - y')) <= (1 + little) * (error x + (1 + 5 * u) * B0)).
{ unfold Rminus at 1. eapply Rle_trans; [apply Rabs_triang |]. rewrite Rabs_Ropp.
  rewrite Rmult_plus_distr_l. apply Rplus_le_compat; [exact Ex |].
  replace ((1 + little) * ((1 + 5 * u) * B0)) with ((1 + 5 * u) * Rabs q * ((1 + little) * error y))
    by (unfold B0; ring). now apply mult_abs_le. }
assert (E2 := mult_abs_le _ _ _ _ E1 IY).
assert (C0 : (1 + little) * (error x + (1 + 5 * u) * B0) <= (1 + 2 * little) * C)
  by (unfold u, little in *; clearbody C B B0; lra).
assert (A1 : (1 + / 524288) * ((1 - u) * iy) <= A0) by (apply Rmult_le_compat_l; lra).
assert (A2 : (1 + / 1048576 * (1 + / 1024)) * iy <= A) by (unfold u in *; clearbody A A0 iy; lra).
assert (E3 : Rabs (((X - x') - x' / y' * (Y - y')) * / Y) <= (1 + 2 * little) * (A * C)).
{ apply Rle_trans with (1 := E2). replace ((1 + 2 * little) * (A * C)) with ((1 + 2 * little) * C * A) by
    ring.
  apply Rmult_le_compat; trivial; [| apply Rmult_le_pos; lra].
  apply Rmult_le_pos; [unfold little; lra |].
  apply Rplus_le_le_0_compat; [exact Px | apply Rmult_le_pos; [unfold u; lra | exact PB0]]. }
apply Rle_trans with ((1 + 2 * little) * (A * C) + (1 + little) * D0).
- replace (X / Y - value z) with (((X - x') - x' / y' * (Y - y')) * / Y - (value z - x' / y')) by
  (field; split; assumption).
  inv E3; inv Ez. unfold D0. apply Rabs_le. lra.
- apply slack_covers; [exact NS |]. assert (PAC := Rmult_le_pos _ _ PA PC).
  unfold nearly, u, little in *. clearbody D0 D M S. clear - GM GD GS PAC PD0. set (AC := A * C) in *.
  clearbody AC. lra.
Qed.

Theorem divide_carried_error two_product x y X Y :
  product_exact two_product -> stands_for x X -> stands_for y Y -> quotient_in_range x y ->
    divisor_decided y ->
  Y <> 0 /\ stands_for (divide_carried two_product x y) (X / Y).
Proof. intros TP SX SY. apply divide_carried_nearly; trivial; now apply stands_for_nearly. Qed.

Lemma sqrt_bpow k : sqrt (bpow radix2 (k + k)) = bpow radix2 k.
Proof. rewrite bpow_plus. apply sqrt_square, bpow_ge_0. Qed.

Lemma no_less_sqrt k e : no_less (k + k) e -> no_less k (sqrt e).
Proof.
intros [-> | H]; [left; apply sqrt_0 | right]. rewrite <- sqrt_bpow. apply sqrt_le_1_alt.
replace (- k + - k)%Z with (- (k + k))%Z by lia. exact H.
Qed.

(* |sqrt X - sqrt x| is at most sqrt |X - x| *)
Lemma sqrt_diff_le X x e : 0 <= X -> 0 <= x -> Rabs (X - x) <= e -> Rabs (sqrt X - sqrt x) <= sqrt e.
Proof.
assert (H : forall a b, 0 <= a -> a <= b -> b - a <= e -> sqrt b - sqrt a <= sqrt e).
{ intros a b Pa Hab He. assert (L : sqrt b <= sqrt (a + (b - a))) by (right; f_equal; ring).
  assert (Q : sqrt (a + (b - a)) <= sqrt a + sqrt (b - a)).
  { assert (P1 := sqrt_pos a). assert (P2 := sqrt_pos (b - a)).
    rewrite <- (sqrt_square (sqrt a + sqrt (b - a))) by lra. apply sqrt_le_1_alt.
    assert (S1 := sqrt_sqrt a Pa). assert (S2 := sqrt_sqrt (b - a) ltac:(lra)).
    assert (PP := Rmult_le_pos _ _ P1 P2). lra. }
  assert (sqrt (b - a) <= sqrt e) by now apply sqrt_le_1_alt. lra. }
intros PX Px E. inv E. destruct (Rle_or_lt x X) as [L | L].
- assert (S := sqrt_le_1_alt _ _ L). rewrite Rabs_pos_eq by lra. apply H; lra.
- assert (S := sqrt_le_1_alt _ _ (Rlt_le _ _ L)). rewrite Rabs_minus_sym, Rabs_pos_eq by lra. apply H; lra.
Qed.

Lemma rnd_scale_exact k h : within 100 h -> double h -> (-900 <= k)%Z -> double (h * bpow radix2 k).
Proof.
intros [-> | [H _]] D K; [rewrite Rmult_0_l; apply double_0 |].
apply (mult_bpow_exact_FLT radix2 (-1074) 53 h k); [exact D |].
assert (M : (-100 < mag radix2 h)%Z) by now apply mag_gt_bpow. lia.
Qed.

Theorem square_root_carried_error two_product x X :
  product_exact two_product -> stands_for x X -> root_in_range x -> 0 <= X ->
  stands_for (square_root_carried two_product x) (sqrt X).
Proof.
intros TP (Wx & Dx & Px & Ex) [Rx Nx] PX. unfold square_root_carried.
assert (NR := no_less_sqrt 450 _ Nx).
destruct (Rlt_dec 0 (hi (number x))) as [Ph | Nh].
2: { (* 0 <= X <= error *)
  assert (NS := no_less_rnd 450 _ ltac:(lia) NR). assert (GS := rnd_ge (sqrt (error x)) ltac:(weaker NR)).
  set (S := rnd (sqrt (error x))) in *.
  unfold stands_for. cbn [number error]. unfold value. cbn [hi lo].
  split; [repeat split; try apply double_0; cbn [hi lo]; now rewrite Rplus_0_r, rnd_0 |].
  split; [apply double_rnd |].
  split; [apply rnd_pos, Rmult_le_pos; [unfold slack; lra | apply (no_less_pos _ _ NS)] |].
  rewrite Rplus_0_r, Rminus_0_r, Rabs_pos_eq by apply sqrt_pos.
  assert (L : X <= error x).
  { assert (Lo := low_part_small _ Wx). rewrite (Rabs_left1 (hi (number x))) in Lo by lra.
    unfold value in Ex. inv Ex; inv Lo. unfold u in *. lra. }
  apply Rle_trans with (1 := sqrt_le_1_alt _ _ L). assert (P := sqrt_pos (error x)).
  apply slack_covers; [weaker NS |]. unfold nearly, u in *. lra. }
destruct (square_root_error two_product _ TP Wx Rx Ph) as [Wz Ez].
set (z := square_root two_product (number x)) in *.
assert (Dh : double (hi (number x))) by apply Wx. assert (Lo := low_part_small _ Wx).
assert (Ex' := Ex). unfold value in Ex'. inv Lo.
set (h := hi (number x)) in *. rewrite (Rabs_pos_eq h) in Lo by lra.
destruct Rx as [Zh | [R1 R2]]; [lra |]. rewrite Rabs_pos_eq in R1, R2 by lra.
set (T := sqrt h) in *. assert (PT : 0 < T) by now apply sqrt_lt_R0.
assert (RT : bpow radix2 (-50) <= T <= bpow radix2 50).
{ split; [rewrite <- (sqrt_bpow (-50)) | rewrite <- (sqrt_bpow 50)]; apply sqrt_le_1_alt; assumption. }
destruct RT as [RT1 RT2].
assert (Hs : Rabs (rnd T - T) <= u * T).
{ replace (u * T) with (u * Rabs T) by (rewrite Rabs_pos_eq; lra). apply rnd_error_normal.
  rewrite Rabs_pos_eq by lra.
  apply Rle_trans with (2 := RT1), bpow_le; lia. }
set (s := rnd T) in *. inv Hs. assert (Ps : 0 < s) by (unfold u in *; lra).
assert (Rs : within 50 s).
{ apply within_rnd; [lia |]. right. rewrite Rabs_pos_eq by lra. split; assumption. }
assert (W1 : within 0 1) by (right; rewrite Rabs_R1; simpl; lra).
assert (Rr0 := within_div _ _ _ _ W1 Rs ltac:(lra)). simpl Z.add in Rr0.
assert (Rr : within 50 (rnd (1 / s))) by (apply within_rnd; [lia | exact Rr0]).
assert (Pis : 0 < / s) by now apply Rinv_0_lt_compat.
assert (Eis : s * / s = 1) by (field; lra).
assert (Gr : (1 - u) * (/ s) <= rnd (1 / s)).
{ unfold Rdiv. rewrite Rmult_1_l. apply rnd_ge. unfold Rdiv in Rr0. rewrite Rmult_1_l in Rr0.
  assert (N := within_no_less _ _ Rr0). rewrite Rabs_pos_eq in N by lra. weaker N. }
set (r := rnd (1 / s)) in *. assert (Pr : 0 < r) by (unfold u in *; lra).
assert (Nr := within_no_less _ _ Rr). rewrite Rabs_pos_eq in Nr by lra.
assert (ND0 := square_unit_no_less (45 / 8) _ _ ltac:(lra) Rs). simpl Z.add in *.
rewrite (Rabs_pos_eq s) in ND0 by lra. set (D0 := 45 / 8 * (u * u) * s) in *.
assert (GD := rnd_ge D0 ltac:(weaker ND0)). assert (PD0 := no_less_pos _ _ ND0).
assert (ND := no_less_rnd 1000 D0 ltac:(lia) ltac:(weaker ND0)).
assert (D_D := double_rnd D0). set (D := rnd D0) in *.
set (x' := value (number x)) in *.
assert (Px' : (1 - u) * h <= x') by (unfold x', value; fold h; lra).
assert (Px0 : 0 <= x') by (unfold u in *; lra).
set (I := if Rle_dec (error x) (rnd (/ 2048 * h)) then rnd (rnd ((/ 2 + / 2048) * error x) * r)
  else rnd (sqrt (error x))).
assert (HI : no_less 1000 I /\ double I /\ Rabs (sqrt X - sqrt x') <= (1 + 4 * u) * I).
{ unfold I. clear I. destruct (Rle_dec (error x) (rnd (/ 2048 * h))) as [Small | Large].
  - assert (D11 : double (/ 2048 * h)).
    { rewrite Rmult_comm. apply (rnd_scale_exact (-11));
      [right; rewrite Rabs_pos_eq by lra; split; assumption | exact Dh |].
      lia. }
    rewrite (rnd_double _ D11) in Small.
    assert (NE0 : no_less 901 ((/ 2 + / 2048) * error x)).
    { change 901%Z with (1 + 900)%Z. apply no_less_mult; [right; simpl; lra | exact Nx]. }
    assert (NE := no_less_rnd 901 _ ltac:(lia) NE0). assert (GE := rnd_ge _ ltac:(weaker NE0)).
    set (E := rnd ((/ 2 + / 2048) * error x)) in *.
    assert (NI0 := no_less_mult _ _ _ _ NE Nr). simpl Z.add in NI0.
    assert (GI := rnd_ge (E * r) ltac:(weaker NI0)).
    split; [apply no_less_rnd; [lia | weaker NI0] |]. split; [apply double_rnd |].
    assert (PE := no_less_pos _ _ NE).
    (* (sqrt X + sqrt x) |sqrt X - sqrt x| = |X - x| *)
    set (b := sqrt x'). set (a := sqrt X). assert (Pa : 0 <= a) by apply sqrt_pos.
    assert (Ea : a * a = X) by now apply sqrt_sqrt. assert (Eb : b * b = x') by now apply sqrt_sqrt.
    assert (ET : T * T = h) by (apply sqrt_sqrt; lra).
    assert (Lb : (1 - u) * T <= b).
    { destruct (Rle_or_lt ((1 - u) * T) b) as [? | G]; [assumption | exfalso].
      assert (Pb : 0 <= b) by apply sqrt_pos.
      assert (b * b <= ((1 - u) * T) * ((1 - u) * T)) by (apply Rmult_le_compat; lra).
      replace ((1 - u) * T * ((1 - u) * T)) with ((1 - u) * (1 - u) * h) in * by (rewrite <- ET; ring).
      unfold u in *; lra. }
    assert (La : (1 - / 1024) * T <= a).
    { destruct (Rle_or_lt ((1 - / 1024) * T) a) as [? | G]; [assumption | exfalso].
      assert (a * a <= ((1 - / 1024) * T) * ((1 - / 1024) * T)) by (apply Rmult_le_compat; lra).
      replace ((1 - / 1024) * T * ((1 - / 1024) * T)) with ((1 - / 1024) * (1 - / 1024) * h) in * by
        (rewrite <- ET; ring).
      inv Ex. unfold u in *; lra. }
    assert (Sum : (2 - / 1024 - 3 * u) * s <= a + b) by (unfold u in *; lra).
    assert (Pab : 0 < a + b) by (unfold u in *; lra).
    assert (EQ : (1 - u) * ((/ 2 + / 2048) * error x) * ((1 - u) * / s) <= E * r).
    { apply Rmult_le_compat; trivial; apply Rmult_le_pos; try lra; try (unfold u; lra). }
    apply Rmult_le_reg_l with (1 := Pab). rewrite <- (Rabs_pos_eq (a + b)) at 1 by lra.
    rewrite <- Rabs_mult. replace ((a + b) * (a - b)) with (a * a - b * b) by ring. rewrite Ea, Eb.
    apply Rle_trans with (1 := Ex).
    set (R := rnd (E * r)) in *.
    assert (LR : (1 - u) * ((1 - u) * ((/ 2 + / 2048) * error x) * ((1 - u) * / s)) <= R).
    { apply Rle_trans with (2 := GI). apply Rmult_le_compat_l; [unfold u; lra | exact EQ]. }
    apply Rle_trans with ((2 - / 1024 - 3 * u) * s *
      ((1 + 4 * u) * ((1 - u) * ((1 - u) * ((/ 2 + / 2048) * error x)
      * ((1 - u) * / s))))).
    + replace ((2 - / 1024 - 3 * u) * s * ((1 + 4 * u) * ((1 - u) * ((1 - u) * ((/ 2 + / 2048) * error x)
        * ((1 - u) * / s))))) with
        ((2 - / 1024 - 3 * u) * (1 + 4 * u) * (1 - u) * (1 - u) * (1 - u) * (/ 2 + / 2048) * error x *
          (s * / s)) by ring.
      rewrite Eis. unfold u. lra.
    + apply Rmult_le_compat; try lra.
      * apply Rmult_le_pos; [unfold u; lra | lra].
      * apply Rmult_le_pos; [unfold u; lra |]. apply Rmult_le_pos; [unfold u; lra |].
        apply Rmult_le_pos; apply Rmult_le_pos; try (unfold u; lra); lra.
      * apply Rmult_le_compat_l; [unfold u; lra | exact LR].
  - split; [apply no_less_rnd; [lia | weaker NR] |]. split; [apply double_rnd |].
    apply Rle_trans with (1 := sqrt_diff_le _ _ _ PX Px0 Ex).
    assert (G := rnd_ge (sqrt (error x)) ltac:(weaker NR)). assert (P := sqrt_pos (error x)).
    unfold u in *; lra. }
destruct HI as (NI & D_I & EI). assert (PI := no_less_pos _ _ NI).
assert (GS := rnd_ge_sum I D D_I D_D PI (no_less_pos _ _ ND)).
assert (NS := no_less_rnd 1000 _ ltac:(lia) (no_less_plus _ _ _ NI ND)).
cbv zeta. change (rnd (sqrt (hi (number x)))) with s. change (rnd (1 / s)) with r. fold I. fold D.
set (S := rnd (I + D)) in *.
split; [exact Wz |]. split; [apply double_rnd |]. cbn [error number].
split; [apply rnd_pos, Rmult_le_pos; [unfold slack; lra | apply (no_less_pos _ _ NS)] |].
apply Rle_trans with ((1 + 4 * u) * I + (1 + little) * D0).
- replace (sqrt X - value z) with ((sqrt X - sqrt x') - (value z - sqrt x')) by ring.
  inv EI; inv Ez. unfold D0. apply Rabs_le. lra.
- apply slack_covers; [exact NS |]. clearbody I D0 D S. clear - GS GD PI PD0. unfold nearly, u, little in *.
  lra.
Qed.

(** Bands. The leading part is 0 or within 2^-+d; the error is 0 or at least 2^-k;
  and the low part of an exact
    number (one with error 0) is 0 or at least 2^-800, so that scaling keeps it. *)
Definition in_band (d k : Z) (x : carried) :=
  within d (hi (number x)) /\ no_less k (error x) /\ (error x = 0 -> no_less 800 (Rabs (lo (number x)))).

Lemma in_band_weaken d k d' k' x : (d <= d')%Z -> (k <= k')%Z -> in_band d k x -> in_band d' k' x.
Proof.
intros D K (A & B & C). split; [now apply within_weaken with d |].
split; [now apply no_less_weaken with k | exact C].
Qed.

Lemma low_part_zero z : double_word z -> hi z = 0 -> lo z = 0.
Proof.
intros W Z. assert (L := low_part_small z W). rewrite Z, Rabs_R0, Rmult_0_r in L. inv L. lra.
Qed.

(* a pair near V *)
Lemma near_band d z V : (0 <= d <= 900)%Z -> double_word z -> Rabs (value z - V) <= Rabs V / 4 ->
  within d V ->
  within (d + 1) (hi z) /\ (V <> 0 -> hi z <> 0) /\ (0 < V -> 0 < hi z).
Proof.
intros D (Dh & Dl & E) H W.
assert (P2 : bpow radix2 (- (d + 1)) = bpow radix2 (- d) / 2).
{ replace (- (d + 1))%Z with (- d + -1)%Z by lia. rewrite bpow_plus. reflexivity. }
assert (P3 : bpow radix2 (d + 1) = bpow radix2 d * 2) by (rewrite bpow_plus; reflexivity).
destruct W as [-> | [A B]].
- rewrite Rabs_R0, Rminus_0_r in H. assert (Z : value z = 0) by (inv H; lra).
  split; [left; rewrite E; unfold value in Z; rewrite Z; apply rnd_0 | split; intros; lra].
- assert (T1 : Rabs V <= Rabs (value z) + Rabs V / 4).
  { replace V with (value z + - (value z - V)) at 1 by ring. eapply Rle_trans; [apply Rabs_triang |].
    rewrite Rabs_Ropp. lra. }
  assert (T2 : Rabs (value z) <= Rabs V + Rabs V / 4).
  { replace (value z) with (V + (value z - V)) by ring. eapply Rle_trans; [apply Rabs_triang |]. lra. }
  assert (PV := Rabs_pos V).
  assert (G1 : bpow radix2 (- (d + 1)) <= Rabs (hi z)).
  { rewrite E. apply rnd_abs_ge; [apply double_bpow; lia |]. rewrite P2. unfold value in T1. lra. }
  assert (G2 : Rabs (hi z) <= bpow radix2 (d + 1)).
  { rewrite E. apply rnd_abs_le; [apply double_bpow; lia |]. rewrite P3. unfold value in T2. lra. }
  assert (Q := bpow_gt_0 radix2 (- (d + 1))).
  assert (N : hi z <> 0) by (intros Z; rewrite Z, Rabs_R0 in G1; lra).
  split; [right; split; assumption |]. split; [intros _; exact N |].
  intros PosV. rewrite (Rabs_pos_eq V) in H by lra. inv H.
  assert (0 <= hi z) by (rewrite E; apply rnd_pos; unfold value in H; lra). lra.
Qed.

Lemma rnd_zero_inv d h : (0 <= d <= 1022)%Z -> within d h -> rnd h = 0 -> h = 0.
Proof.
intros D [Z | [A _]] R; [exact Z | exfalso].
assert (G := rnd_abs_ge (bpow radix2 (- d)) h ltac:(apply double_bpow; lia) A).
rewrite R, Rabs_R0 in G. assert (P := bpow_gt_0 radix2 (- d)). lra.
Qed.

Lemma no_less_slack k S : (k <= 1000)%Z -> no_less k S -> no_less k (rnd (slack * S)).
Proof.
intros K N. apply no_less_rnd; [lia |]. replace k with (0 + k)%Z by lia. apply no_less_mult; [| exact N].
right. simpl. unfold slack. lra.
Qed.

(* an error that is at least one of its terms, which is not 0 *)
Lemma error_of_term k S D : no_less k D -> D <> 0 -> double D -> D <= S -> no_less k (rnd (slack * S)).
Proof.
intros [Q | N] Z DD H; [contradiction | right]. apply Rle_trans with (1 := N).
rewrite <- (rnd_double D DD). apply rnd_le.
assert (0 < D) by (apply Rlt_le_trans with (2 := N), bpow_gt_0). unfold slack. lra.
Qed.

(** Products: both d and one more; the error is at least 2^-(106 + both d) when no leading part is 0. *)
Lemma multiply_carried_band two_product x y dx dy kx ky k :
  product_exact two_product -> double_word (number x) -> double_word (number y) -> double (error x) ->
    double (error y) ->
  in_band dx kx x -> in_band dy ky y -> (0 <= dx <= 100)%Z -> (0 <= dy <= 100)%Z ->
  (106 + dx + dy <= k <= 1000)%Z ->
  hi (number x) <> 0 /\ hi (number y) <> 0 \/ (dx + ky <= k /\ dy + kx <= k /\ kx + ky <= k)%Z ->
  in_band (dx + dy + 1) k (multiply_carried two_product x y) /\
  (0 < hi (number x) * hi (number y) -> 0 < hi (number (multiply_carried two_product x y))) /\
  (0 <= hi (number x) * hi (number y) -> 0 <= hi (number (multiply_carried two_product x y))).
Proof.
intros TP Wx Wy Dx Dy (Rx & Nx & _) (Ry & Ny & _) Bx By K Alt.
assert (Rx1 := within_weaken dx 100 _ ltac:(lia) Rx). assert (Ry1 := within_weaken dy 100 _ ltac:(lia) Ry).
destruct (multiply_error two_product _ _ TP Wx Wy Rx1 Ry1) as [Wz Ez].
assert (Dxh : double (hi (number x))) by apply Wx. assert (Dyh : double (hi (number y))) by apply Wy.
unfold multiply_carried. cbv zeta. rewrite (product_hi _ _ _ TP Dxh Dyh Rx1 Ry1).
set (z := multiply two_product (number x) (number y)) in *.
assert (Lx := low_part_small _ Wx). assert (Ly := low_part_small _ Wy).
unfold in_band. cbn [number error].
set (xh := hi (number x)) in *. set (yh := hi (number y)) in *.
assert (RV := within_mult _ _ _ _ Rx Ry). assert (RP := within_rnd (dx + dy) _ ltac:(lia) RV).
assert (N : Rabs (value z - xh * yh) <= Rabs (xh * yh) / 4).
{ assert (E0 : Rabs (rnd (xh * yh)) <= (1 + u) * Rabs (xh * yh)).
  { destruct RV as [Z | [V _]]; [rewrite Z, rnd_0, Rabs_R0; lra |].
    assert (E := rnd_error_normal (xh * yh)). 
    replace (rnd (xh * yh)) with (xh * yh + (rnd (xh * yh) - xh * yh)) by ring.
    eapply Rle_trans; [apply Rabs_triang |]. apply Rle_trans with (Rabs (xh * yh) + u * Rabs (xh * yh));
      [| lra].
    apply Rplus_le_compat_l, E. apply Rle_trans with (2 := V), bpow_le. lia. }
  assert (A1 := mult_abs_le _ _ _ _ (Rle_refl (Rabs xh)) Ly).
  assert (A2 := mult_abs_le _ _ _ _ Lx (Rle_refl (Rabs yh))).
  assert (A3 := mult_abs_le _ _ _ _ Lx Ly). fold xh in A2, A3. fold yh in A1, A3.
  replace (Rabs xh * (u * Rabs yh)) with (u * Rabs (xh * yh)) in A1 by (rewrite Rabs_mult; ring).
  replace (u * Rabs xh * Rabs yh) with (u * Rabs (xh * yh)) in A2 by (rewrite Rabs_mult; ring).
  replace (u * Rabs xh * (u * Rabs yh)) with (u * u * Rabs (xh * yh)) in A3 by (rewrite Rabs_mult; ring).
  assert (P := Rabs_pos (xh * yh)). set (V := Rabs (xh * yh)) in *.
  replace (value z - xh * yh) with (value z - value (number x) * value (number y) + (xh * lo (number y)
    + lo (number x) * yh + lo (number x) * lo (number y))) by (unfold value; fold xh yh; ring).
  inv A1; inv A2; inv A3; inv Ez. apply Rabs_le. unfold u, little in *. lra. }
destruct (near_band (dx + dy) z (xh * yh) ltac:(lia) Wz N RV) as (B1 & _ & B2).
split; [| split; [exact B2 |]].
2: { intros PV. destruct (Req_dec (xh * yh) 0) as [ZV | NZ]; [| apply Rlt_le, B2; lra].
     rewrite ZV, Rabs_R0, Rminus_0_r in N. assert (Zz : value z = 0) by (inv N; lra).
     destruct Wz as (_ & _ & Eh). rewrite Eh. unfold value in Zz. rewrite Zz, rnd_0. lra. }
split; [exact B1 |].
assert (ND0 := square_unit_no_less 8 _ _ ltac:(lra) RP).
assert (NA0 := no_less_mult _ _ _ _ (within_no_less _ _ Rx) Ny). fold xh in NA0.
assert (NB0 := no_less_mult _ _ _ _ (within_no_less _ _ Ry) Nx). fold yh in NB0.
assert (NC0 := no_less_mult _ _ _ _ Nx Ny).
set (D0 := 8 * (u * u) * Rabs (rnd (xh * yh))) in *.
set (A0 := Rabs xh * error y) in *. set (B0 := Rabs yh * error x) in *. set (C0 := error x * error y) in *.
assert (ND := no_less_rnd (106 + (dx + dy)) _ ltac:(lia) ND0).
assert (PA := rnd_pos _ (no_less_pos _ _ NA0)). assert (PB := rnd_pos _ (no_less_pos _ _ NB0)).
assert (PC := rnd_pos _ (no_less_pos _ _ NC0)). assert (PD := no_less_pos _ _ ND).
set (S := rnd (rnd (rnd (rnd A0 + rnd B0) + rnd C0) + rnd D0)).
assert (PS : 0 <= rnd (rnd (rnd A0 + rnd B0) + rnd C0)).
{ apply rnd_pos, Rplus_le_le_0_compat; [| exact PC]. apply rnd_pos. lra. }
destruct (Req_dec (xh * yh) 0) as [Z | NZ].
- assert (ZD : D0 = 0) by (unfold D0; rewrite Z, rnd_0, Rabs_R0; ring).
  assert (KK : (dx + ky <= k)%Z /\ (dy + kx <= k)%Z /\ (kx + ky <= k)%Z).
  { destruct Alt as [[Ha Hb] | ?]; [exfalso | assumption].
    apply Rmult_integral in Z. destruct Z; contradiction. }
  destruct KK as (K1 & K2 & K3). split.
  + apply no_less_slack; [lia |]. unfold S. apply no_less_rnd; [lia |].
    apply no_less_plus; [| apply no_less_rnd; [lia | weaker ND0]].
    apply no_less_rnd; [lia |]. apply no_less_plus; [| apply no_less_rnd; [lia | weaker NC0]].
    apply no_less_rnd; [lia |].
    apply no_less_plus; apply no_less_rnd; [lia | weaker NA0 | lia | weaker NB0].
  + intros _. destruct B1 as [Zh | [G _]].
    * left. rewrite (low_part_zero _ Wz Zh). apply Rabs_R0.
    * exfalso. rewrite Z, Rabs_R0, Rminus_0_r in N. assert (Zz : value z = 0) by (inv N; lra).
      destruct Wz as (_ & _ & Eh). unfold value in Zz. rewrite Zz, rnd_0 in Eh. rewrite Eh, Rabs_R0 in G.
      assert (P := bpow_gt_0 radix2 (- (dx + dy + 1))). lra.
- assert (NZD : rnd D0 <> 0).
  { assert (G0 : D0 <> 0).
    { unfold D0. apply Rmult_integral_contrapositive_currified; [unfold u; lra |]. apply Rabs_no_R0.
      intros Zr. apply NZ. apply (rnd_zero_inv (dx + dy)); [lia | exact RV | exact Zr]. }
    destruct ND0 as [? | G]; [contradiction |]. assert (G' := rnd_le _ _ G).
    rewrite (rnd_double (bpow radix2 _)) in G' by (apply double_bpow; lia).
    assert (P := bpow_gt_0 radix2 (- (106 + (dx + dy)))). lra. }
  assert (SE : rnd D0 <= S) by (apply rnd_sum_ge_r; [apply double_rnd | exact PS]).
  assert (NE : no_less k (rnd (slack * S))) by (apply error_of_term with (rnd D0); trivial;
    [weaker ND | apply double_rnd]).
  split; [exact NE |]. intros Ze. exfalso.
  assert (G := slack_ge S (double_rnd _)). specialize (G ltac:(unfold S; apply rnd_pos; lra)). lra.
Qed.

Lemma rnd_within_le d h : (0 <= d <= 1022)%Z -> within d h -> Rabs (rnd h) <= (1 + u) * Rabs h.
Proof.
intros D [-> | [A _]]; [rewrite rnd_0, Rabs_R0; lra |].
assert (E := rnd_error_normal h). replace (rnd h) with (h + (rnd h - h)) by ring.
eapply Rle_trans; [apply Rabs_triang |]. apply Rle_trans with (Rabs h + u * Rabs h); [| lra].
apply Rplus_le_compat_l, E. apply Rle_trans with (2 := A), bpow_le. lia.
Qed.

Lemma rnd_not_zero k e : (k <= 1074)%Z -> no_less k e -> e <> 0 -> rnd e <> 0.
Proof.
intros K [? | H] N; [contradiction |]. assert (G := rnd_le _ _ H).
rewrite (rnd_double (bpow radix2 _)) in G by (apply double_bpow; lia).
assert (P := bpow_gt_0 radix2 (- k)). lra.
Qed.

(* A result whose error contains a term that is not 0 unless its leading part is *)
Lemma exact_only_zero z S D : double_word z -> (hi z <> 0 -> D <> 0) -> double D -> 0 <= D -> D <= S ->
  double S ->
  rnd (slack * S) = 0 -> no_less 800 (Rabs (lo z)).
Proof.
intros W HD DD PD H DS Z. left. destruct (Req_dec (hi z) 0) as [Zh | N].
- rewrite (low_part_zero _ W Zh). apply Rabs_R0.
- exfalso. specialize (HD N). assert (G := slack_ge S DS ltac:(lra)). lra.
Qed.

(** Quotients: both d and one more; the error is at least 2^-(106 + both d) unless the dividend is 0. *)
Lemma divide_carried_band two_product x y dx dy kx ky k :
  product_exact two_product -> double_word (number x) -> double_word (number y) -> double (error x) ->
    double (error y) ->
  in_band dx kx x -> in_band dy ky y -> hi (number y) <> 0 -> (0 <= dx <= 100)%Z -> (0 <= dy <= 100)%Z ->
  (0 <= ky <= 690)%Z -> (106 + dx + dy <= k <= 1000)%Z ->
  hi (number x) <> 0 \/ (dy + kx <= k)%Z ->
  in_band (dx + dy + 1) k (divide_carried two_product x y) /\
  (0 < hi (number x) -> 0 < hi (number y) -> 0 < hi (number (divide_carried two_product x y))) /\
  (0 <= hi (number x) -> 0 < hi (number y) -> 0 <= hi (number (divide_carried two_product x y))).
Proof.
intros TP Wx Wy Dx Dy (Rx & Nx & _) (Ry & Ny & _) Zy Bx By Ky K Alt.
assert (Rx1 := within_weaken dx 100 _ ltac:(lia) Rx). assert (Ry1 := within_weaken dy 100 _ ltac:(lia) Ry).
destruct (divide_error two_product _ _ TP Wx Wy Rx1 Ry1 Zy) as [Wz Ez].
unfold divide_carried. cbv zeta. set (z := divide two_product (number x) (number y)) in *.
assert (Lx := low_part_small _ Wx). assert (Ly := low_part_small _ Wy). assert (Vy' := value_ge _ Wy).
unfold in_band. cbn [number error].
set (xh := hi (number x)) in *. set (yh := hi (number y)) in *.
assert (Pyh : 0 < Rabs yh) by now apply Rabs_pos_lt.
assert (RV := within_div _ _ _ _ Rx Ry Zy). assert (RQ := within_rnd (dx + dy) _ ltac:(lia) RV).
assert (EQ := rnd_within_le (dx + dy) _ ltac:(lia) RV).
set (V := xh / yh) in *. assert (EV : V * yh = xh) by (unfold V; field; exact Zy).
assert (N : Rabs (value z - V) <= Rabs V / 4).
{ set (x' := value (number x)) in *. set (y' := value (number y)) in *.
  assert (Py' : 0 < Rabs y') by (unfold u in *; lra).
  assert (Ny' : y' <> 0) by (intros Zz; rewrite Zz, Rabs_R0 in Py'; lra).
  assert (A : Rabs (x' / y' - V) <= 3 * u * Rabs V).
  { apply Rmult_le_reg_r with (1 := Py'). rewrite <- Rabs_mult.
    replace ((x' / y' - V) * y') with (lo (number x) - V * lo (number y)).
    2: { replace ((x' / y' - V) * y') with (x' - V * y') by (field; exact Ny').
         unfold x', y', value. fold xh yh. rewrite <- EV at 1. ring. }
    assert (A1 : Rabs (V * lo (number y)) <= Rabs V * (u * Rabs yh)) by (apply mult_abs_le; [lra | exact Ly]).
    fold xh in Lx. rewrite <- EV, Rabs_mult in Lx.
    assert (PP := Rmult_le_pos _ _ (Rabs_pos V) (Rlt_le _ _ Pyh)).
    apply Rle_trans with (3 * u * Rabs V * ((1 - u) * Rabs yh)).
    2: { apply Rmult_le_compat_l; [| exact Vy']. apply Rmult_le_pos; [unfold u; lra | apply Rabs_pos]. }
    replace (3 * u * Rabs V * ((1 - u) * Rabs yh)) with (3 * u * (1 - u) * (Rabs V * Rabs yh)) by ring.
    replace (Rabs V * (u * Rabs yh)) with (u * (Rabs V * Rabs yh)) in A1 by ring.
    inv A1; inv Lx. apply Rabs_le. unfold u in *. lra. }
  assert (P := Rabs_pos V). replace (value z - V) with ((value z - x' / y') + (x' / y' - V)) by ring.
  inv A; inv Ez. apply Rabs_le. unfold u, little in *. lra. }
destruct (near_band (dx + dy) z V ltac:(lia) Wz N RV) as (B1 & _ & B2).
assert (HV : hi z <> 0 -> V <> 0).
{ intros NZ ZV. apply NZ. rewrite ZV, Rabs_R0, Rminus_0_r in N. assert (Zz : value z = 0) by (inv N; lra).
  destruct Wz as (_ & _ & Eh). rewrite Eh. unfold value in Zz. rewrite Zz. apply rnd_0. }
split; [| split].
2: { intros Px Py. apply B2. unfold V, Rdiv. apply Rmult_lt_0_compat; [exact Px | now apply Rinv_0_lt_compat].
  }
2: { intros Px Py. assert (PV : 0 <= V).
     { unfold V, Rdiv. apply Rmult_le_pos; [exact Px | now apply Rlt_le, Rinv_0_lt_compat]. }
     destruct (Req_dec (hi z) 0) as [-> | NZ]; [lra |]. apply Rlt_le, B2. specialize (HV NZ). lra. }
split; [exact B1 |].
set (q := rnd V) in *.
assert (W1 : within 0 1) by (right; rewrite Rabs_R1; simpl; lra).
assert (Rr := within_rnd dy _ ltac:(lia) (within_div 0 dy 1 yh W1 Ry Zy)). set (r := rnd (1 / yh)) in *.
assert (ND0 := square_unit_no_less 15 _ _ ltac:(lra) RQ). set (D0 := 15 * (u * u) * Rabs q) in *.
assert (ND := no_less_rnd (106 + (dx + dy)) D0 ltac:(lia) ND0). assert (PD := no_less_pos _ _ ND).
assert (NA0 : no_less dy ((1 + / 524288) * Rabs r)).
{ replace dy with (0 + dy)%Z by lia. apply no_less_mult; [right; simpl; lra | now apply within_no_less]. }
assert (NA := no_less_rnd dy _ ltac:(lia) NA0). set (A := rnd ((1 + / 524288) * Rabs r)) in *.
assert (PE : 0 <= error x) by now apply no_less_pos in Nx.
assert (PB : 0 <= rnd (Rabs q * error y)).
{ apply rnd_pos, Rmult_le_pos; [apply Rabs_pos | now apply no_less_pos in Ny]. }
assert (PC : 0 <= rnd (error x + rnd (Rabs q * error y))) by (apply rnd_pos; lra).
assert (PM : 0 <= rnd (A * rnd (error x + rnd (Rabs q * error y)))).
{ apply rnd_pos, Rmult_le_pos; [now apply no_less_pos in NA | exact PC]. }
set (M := rnd (A * rnd (error x + rnd (Rabs q * error y)))) in *. set (S := rnd (M + rnd D0)).
assert (SD : rnd D0 <= S) by (apply rnd_sum_ge_r; [apply double_rnd | exact PM]).
assert (HD : V <> 0 -> rnd D0 <> 0).
{ intros NZ. apply (rnd_not_zero (106 + (dx + dy))); [lia | exact ND0 |].
  unfold D0. apply Rmult_integral_contrapositive_currified; [unfold u; lra |]. apply Rabs_no_R0.
  intros Zr. apply NZ. apply (rnd_zero_inv (dx + dy)); [lia | exact RV | exact Zr]. }
split; [| apply (exact_only_zero z S (rnd D0)); trivial; try apply double_rnd; intros; now apply HD, HV].
destruct (Req_dec V 0) as [ZV | NZ].
- assert (Zxh : xh = 0) by (rewrite <- EV, ZV; ring).
  assert (KK : (dy + kx <= k)%Z) by (destruct Alt as [? | ?]; [contradiction | assumption]).
  assert (Zq : q = 0) by (unfold q; rewrite ZV; apply rnd_0).
  apply no_less_slack; [lia |]. unfold S. apply no_less_rnd; [lia |].
  apply no_less_plus; [| weaker ND].
  unfold M. rewrite Zq, Rabs_R0, Rmult_0_l, rnd_0, Rplus_0_r, (rnd_double _ Dx).
  apply no_less_rnd; [lia |]. assert (NM := no_less_mult _ _ _ _ NA Nx). weaker NM.
- apply error_of_term with (rnd D0); trivial; [weaker ND | now apply HD | apply double_rnd].
Qed.

(** Roots: half of d and one more *)
Lemma square_root_carried_band two_product x d kx k e :
  product_exact two_product -> double_word (number x) -> double (error x) ->
  in_band d kx x -> (0 <= d <= 100)%Z -> (0 <= e <= 100)%Z -> (d <= e + e)%Z -> (106 + e <= k <= 1000)%Z ->
  0 < hi (number x) \/ (kx <= k + k)%Z ->
  in_band (e + 1) k (square_root_carried two_product x) /\
  (0 < hi (number x) -> 0 < hi (number (square_root_carried two_product x))) /\
  (error x = 0 -> hi (number x) = 0 -> error (square_root_carried two_product x) = 0) /\
  0 <= hi (number (square_root_carried two_product x)).
Proof.
intros TP Wx Dx (Rx & Nx & _) Bd Be He K Alt. unfold square_root_carried.
destruct (Rlt_dec 0 (hi (number x))) as [Ph | Nh].
2: { destruct Alt as [? | KK]; [contradiction |]. unfold in_band. cbn [number error hi lo].
  split; [| split; [| split]].
  - split; [now left |]. split; [| intros _; left; apply Rabs_R0].
    apply no_less_slack; [lia |]. apply no_less_rnd; [lia |]. apply no_less_sqrt. weaker Nx.
  - intros; contradiction.
  - intros -> _. now rewrite sqrt_0, rnd_0, Rmult_0_r, rnd_0.
  - lra. }
assert (Rx1 := within_weaken d 100 _ ltac:(lia) Rx).
destruct (square_root_error two_product _ TP Wx Rx1 Ph) as [Wz Ez].
set (z := square_root two_product (number x)) in *. assert (Lx := low_part_small _ Wx).
set (h := hi (number x)) in *. rewrite (Rabs_pos_eq h) in Lx by lra.
assert (PT : 0 < sqrt h) by now apply sqrt_lt_R0.
assert (RV : within e (sqrt h)).
{ right. rewrite (Rabs_pos_eq (sqrt h)) by lra. destruct Rx as [? | [R1 R2]]; [lra |]. fold h in R1, R2.
  rewrite Rabs_pos_eq in R1, R2 by lra. split.
  - rewrite <- (sqrt_bpow (- e)). apply sqrt_le_1_alt. apply Rle_trans with (2 := R1), bpow_le. lia.
  - rewrite <- (sqrt_bpow e). apply sqrt_le_1_alt. apply Rle_trans with (1 := R2), bpow_le. lia. }
assert (RS := within_rnd e _ ltac:(lia) RV). assert (ES := rnd_within_le e _ ltac:(lia) RV).
set (T := sqrt h) in *. rewrite (Rabs_pos_eq T) in ES by lra.
assert (Ps : 0 <= rnd T) by (apply rnd_pos; lra).
rewrite (Rabs_pos_eq (rnd T)) in ES by lra.
assert (N : Rabs (value z - T) <= Rabs T / 4).
{ rewrite (Rabs_pos_eq T) by lra. set (x' := value (number x)) in *.
  assert (Px' : 0 <= x') by (inv Lx; unfold x', value; fold h; unfold u in *; lra).
  assert (A : Rabs (sqrt x' - T) <= u * T).
  { assert (ET : T * T = h) by (apply sqrt_sqrt; lra).
    assert (EX : sqrt x' * sqrt x' = x') by now apply sqrt_sqrt.
    assert (P := sqrt_pos x'). apply Rmult_le_reg_r with (sqrt x' + T); [lra |].
    rewrite <- (Rabs_pos_eq (sqrt x' + T)) at 1 by lra. rewrite <- Rabs_mult.
    replace ((sqrt x' - T) * (sqrt x' + T)) with (sqrt x' * sqrt x' - T * T) by ring. rewrite EX, ET.
    replace (x' - h) with (lo (number x)) by (unfold x', value; fold h; ring).
    apply Rle_trans with (1 := Lx). rewrite <- ET. rewrite Rmult_assoc.
    apply Rmult_le_compat_l; [unfold u; lra |]. apply Rmult_le_compat_l; lra. }
  replace (value z - T) with ((value z - sqrt x') + (sqrt x' - T)) by ring.
  inv A; inv Ez. apply Rabs_le. unfold u, little in *. lra. }
destruct (near_band e z T ltac:(lia) Wz N RV) as (B1 & B2 & B3). specialize (B3 PT).
cbv zeta. unfold in_band. cbn [number error]. split; [| split; [| split]].
2: { intros _. exact B3. }
2: { intros _ ?. lra. }
2: { lra. }
split; [exact B1 |].
assert (ND0 := square_unit_no_less (45 / 8) _ _ ltac:(lra) RS). rewrite (Rabs_pos_eq (rnd T) Ps) in ND0.
set (D0 := 45 / 8 * (u * u) * rnd T) in *. assert (ND := no_less_rnd (106 + e) D0 ltac:(lia) ND0).
set (I := if Rle_dec (error x) (rnd (/ 2048 * h)) then rnd (rnd ((/ 2 + / 2048) * error x) * rnd (1 / rnd T))
  else rnd (sqrt (error x))). assert (PE : 0 <= error x) by now apply no_less_pos in Nx.
assert (PI : 0 <= I).
{ unfold I. destruct Rle_dec; [| apply rnd_pos, sqrt_pos]. apply rnd_pos, Rmult_le_pos; apply rnd_pos.
  - apply Rmult_le_pos; lra.
  - unfold Rdiv. apply Rmult_le_pos; [lra |]. destruct (Req_dec (rnd T) 0) as [-> | NZ].
    + rewrite Rinv_0. lra.
    + apply Rlt_le, Rinv_0_lt_compat. lra. }
assert (SD : rnd D0 <= rnd (I + rnd D0)) by (apply rnd_sum_ge_r; [apply double_rnd | exact PI]).
assert (HD : rnd D0 <> 0).
{ apply (rnd_not_zero (106 + e)); [lia | exact ND0 |]. unfold D0.
  apply Rmult_integral_contrapositive_currified; [unfold u; lra |].
  intros Zr. assert (Z := rnd_zero_inv e T ltac:(lia) RV Zr). lra. }
split; [apply error_of_term with (rnd D0); trivial; [weaker ND | apply double_rnd] |].
apply (exact_only_zero z _ (rnd D0)); trivial; try apply double_rnd. now apply no_less_pos in ND.
Qed.

(* ---------------------------------------------------------------------------------------- scaled *)

Lemma rnd_scale h k : double h ->
  rnd (h * bpow radix2 k) = h * bpow radix2 k \/
  (Rabs (h * bpow radix2 k) < bpow radix2 (-1021) /\ Rabs (rnd (h * bpow radix2 k) - h * bpow radix2 k)
    <= eta).
Proof.
intros D. destruct (Req_dec h 0) as [-> | N]; [left; rewrite Rmult_0_l; apply rnd_0 |].
destruct (Z_le_gt_dec (-1074 + 53 - mag radix2 h) k) as [L | L].
- left. apply rnd_double. apply (mult_bpow_exact_FLT radix2 (-1074) 53 h k); [exact D | lia].
- right.
  assert (M : Rabs (h * bpow radix2 k) < bpow radix2 (-1021)).
  { apply Rlt_le_trans with (bpow radix2 (mag radix2 (h * bpow radix2 k))); [apply bpow_mag_gt |].
    apply bpow_le. rewrite mag_mult_bpow by exact N. lia. }
  split; [exact M |]. eapply Rle_trans; [apply error_le_half_ulp; typeclasses eauto |].
  unfold double_exp. rewrite ulp_FLT_small; [| reflexivity | exact M].
  change (-1074)%Z with (1 + -1075)%Z. rewrite bpow_plus. unfold eta. change (bpow radix2 1) with 2. lra.
Qed.

(* 2^-1021 is nothing to a double of at least 2^-900 *)
Lemma rnd_absorbs h l : double h -> bpow radix2 (-900) <= Rabs h -> Rabs l <= bpow radix2 (-1021) ->
  rnd (h + l) = h.
Proof.
intros D H L. set (R := rnd (h + l)).
assert (E : Rabs (R - (h + l)) <= Rabs l).
{ destruct (round_N_pt radix2 double_exp (fun x => negb (Z.even x)) (h + l)) as [_ G].
  specialize (G h D). replace (h - (h + l)) with (- l) in G by ring. rewrite Rabs_Ropp in G. exact G. }
assert (Q : Rabs (R - h) <= bpow radix2 (-1020)).
{ replace (R - h) with ((R - (h + l)) + l) by ring. eapply Rle_trans; [apply Rabs_triang |].
  change (-1020)%Z with (1 + -1021)%Z. rewrite bpow_plus. change (bpow radix2 1) with 2. lra. }
assert (S1 : bpow radix2 (-901) + bpow radix2 (-1020) <= bpow radix2 (-900)).
{ change (-900)%Z with (1 + -901)%Z. rewrite bpow_plus. change (bpow radix2 1) with 2.
  assert (bpow radix2 (-1020) <= bpow radix2 (-901)) by (apply bpow_le; lia). lra. }
assert (PT := bpow_gt_0 radix2 (-901)). set (t := bpow radix2 (-901)) in *.
assert (Ct : cexp radix2 double_exp t = (-953)%Z).
{ unfold cexp, double_exp, FLT_exp, t. rewrite mag_bpow. reflexivity. }
assert (Nt : t <> 0) by lra.
assert (Th : Rabs t <= Rabs h) by (rewrite (Rabs_pos_eq t) by lra; assert (P := bpow_gt_0 radix2 (-1020));
  lra).
assert (TR : Rabs t <= Rabs R).
{ rewrite (Rabs_pos_eq t) by lra. assert (T := Rabs_triang R (- (R - h))).
  replace (R + - (R - h)) with h in T by ring. rewrite Rabs_Ropp in T. lra. }
destruct (multiple_of_unit t h D Nt Th) as [m Em].
destruct (multiple_of_unit t R (double_rnd _) Nt TR) as [n En].
rewrite Ct in Em, En. rewrite Em, En in Q. rewrite <- Rmult_minus_distr_r, <- minus_IZR, Rabs_mult,
  <- abs_IZR in Q.
rewrite (Rabs_pos_eq (bpow radix2 (-953))) in Q by apply bpow_ge_0.
assert (Zn : (Z.abs (n - m) < 1)%Z).
{ apply lt_IZR. apply Rmult_lt_reg_r with (bpow radix2 (-953)); [apply bpow_gt_0 |].
  apply Rle_lt_trans with (1 := Q). rewrite Rmult_1_l. apply bpow_lt. lia. }
rewrite En, Em. f_equal. f_equal. lia.
Qed.

Definition scaled_pair (x : unevaluated) (k : Z) :=
  Unevaluated (rnd (hi x * bpow radix2 k)) (rnd (lo x * bpow radix2 k)).
Definition scaled_carried (x : carried) (k : Z) :=
  Carried (scaled_pair (number x) k) (rnd (error x * bpow radix2 k)).

Lemma within_normal d h : (0 <= d <= 1022)%Z -> within d h -> h <> 0 -> bpow radix2 (-1022) <= Rabs h.
Proof. intros D [? | [A _]] N; [contradiction |]. apply Rle_trans with (2 := A), bpow_le. lia. Qed.

Lemma scaled_pair_correct x k : double_word x -> within 800 (hi x) -> within 900 (hi x * bpow radix2 k) ->
  double_word (scaled_pair x k) /\ hi (scaled_pair x k) = hi x * bpow radix2 k /\
  Rabs (value (scaled_pair x k) - value x * bpow radix2 k) <= eta /\
  ((0 <= k)%Z \/ (-200 <= k)%Z /\ no_less 800 (Rabs (lo x)) ->
   lo (scaled_pair x k) = lo x * bpow radix2 k).
Proof.
intros W R1 R2. assert (L := low_part_small x W). assert (VG := value_ge x W). destruct W as (Dh & Dl & E).
assert (Pk := bpow_gt_0 radix2 k).
assert (Eh : rnd (hi x * bpow radix2 k) = hi x * bpow radix2 k).
{ destruct (rnd_scale (hi x) k Dh) as [? | [S _]]; [assumption |].
  destruct R2 as [Z | [G _]]; [rewrite Z; apply rnd_0 | exfalso].
  apply (Rlt_irrefl (bpow radix2 (-1021))). apply Rle_lt_trans with (2 := S).
  apply Rle_trans with (2 := G), bpow_le. lia. }
assert (Lx : (0 <= k)%Z \/ (-200 <= k)%Z /\ no_less 800 (Rabs (lo x)) ->
  rnd (lo x * bpow radix2 k) = lo x * bpow radix2 k).
{ intros [H | [H [Z | G]]]; apply rnd_double.
  - now apply (mult_bpow_pos_exact_FLT radix2 (-1074) 53).
  - assert (N : lo x = 0) by (destruct (Req_dec (lo x) 0) as [? | N];
    [assumption | now apply Rabs_no_R0 in N]).
    rewrite N, Rmult_0_l. apply double_0.
  - apply (mult_bpow_exact_FLT radix2 (-1074) 53 (lo x) k); [exact Dl |].
    assert (M : (-800 < mag radix2 (lo x))%Z) by now apply mag_gt_bpow. lia. }
assert (Exact : rnd (lo x * bpow radix2 k) = lo x * bpow radix2 k -> hi x <> 0 ->
  rnd (hi x * bpow radix2 k + lo x * bpow radix2 k) = hi x * bpow radix2 k).
{ intros _ N. rewrite <- Rmult_plus_distr_r. rewrite E at 2.
  assert (V1 := within_normal 800 _ ltac:(lia) R1 N). change (hi x + lo x) with (value x).
  destruct R1 as [? | [A _]]; [contradiction |]. destruct R2 as [Z | [B _]].
  { exfalso. apply Rmult_integral in Z. destruct Z; [contradiction | lra]. }
  assert (H2 : forall e, (-1021 <= e)%Z -> bpow radix2 (-1022) * 2 <= bpow radix2 e).
  { intros e He. replace (bpow radix2 (-1022) * 2) with (bpow radix2 (-1021)) by
      (change (-1021)%Z with (-1022 + 1)%Z; rewrite bpow_plus; reflexivity). now apply bpow_le. }
  assert (A2 := H2 (-800)%Z ltac:(lia)). assert (B2 := H2 (-900)%Z ltac:(lia)).
  change (- (800))%Z with (-800)%Z in A. change (- (900))%Z with (-900)%Z in B.
  assert (P22 := bpow_ge_0 radix2 (-1022)). apply rnd_scaled.
  - unfold u in *. lra.
  - rewrite Rabs_mult in B. rewrite Rabs_mult. rewrite (Rabs_pos_eq (bpow radix2 k)) in B |- * by lra.
    assert (C := Rmult_le_compat_r _ _ _ (Rlt_le _ _ Pk) VG). unfold u in *. lra. }
unfold double_word, value. cbn [scaled_pair hi lo]. rewrite Eh.
destruct (Req_dec (hi x) 0) as [Z | N].
{ assert (Zl : lo x = 0) by (rewrite Z, Rabs_R0, Rmult_0_r in L; inv L; lra).
  rewrite Z, Zl. repeat rewrite Rmult_0_l. repeat rewrite rnd_0.
  rewrite !Rplus_0_r, Rmult_0_l, Rminus_0_r, Rabs_R0.
  assert (P := eta_pos). rewrite rnd_0. repeat split; trivial; try apply double_0. lra. }
assert (Dhk : double (hi x * bpow radix2 k)) by (rewrite <- Eh; apply double_rnd).
split; [split; [exact Dhk | split; [apply double_rnd |]] |].
- destruct (rnd_scale (lo x) k Dl) as [El | [S El]].
  + rewrite El. symmetry. now apply Exact.
  + symmetry. apply rnd_absorbs; [exact Dhk | |].
    * destruct R2 as [Z | [B _]]; [| exact B]. exfalso. apply Rmult_integral in Z.
      destruct Z; [contradiction | lra].
    * apply rnd_abs_le; [apply double_bpow; lia | lra].
- split; [reflexivity |]. split; [| exact Lx].
  replace (hi x * bpow radix2 k + rnd (lo x * bpow radix2 k) - (hi x + lo x) * bpow radix2 k) with
    (rnd (lo x * bpow radix2 k) - lo x * bpow radix2 k) by ring.
  destruct (rnd_scale (lo x) k Dl) as [-> | [_ El]]; [| exact El].
  rewrite Rminus_diag_eq, Rabs_R0 by reflexivity. apply Rlt_le, eta_pos.
Qed.

(* Scaling up keeps everything; scaling down loses what is nothing to an error that is not 0 *)
Lemma scaled_up x X k : stands_for x X -> (0 <= k)%Z -> within 800 (hi (number x)) ->
  within 900 (hi (number x) * bpow radix2 k) ->
  stands_for (scaled_carried x k) (X * bpow radix2 k) /\
  hi (number (scaled_carried x k)) = hi (number x) * bpow radix2 k /\
  lo (number (scaled_carried x k)) = lo (number x) * bpow radix2 k /\
  error (scaled_carried x k) = error x * bpow radix2 k.
Proof.
intros (W & D & P & E) K R1 R2. destruct (scaled_pair_correct _ k W R1 R2) as (W' & H & _ & L).
specialize (L (or_introl K)). unfold stands_for. cbn [scaled_carried number error].
assert (Pk := bpow_ge_0 radix2 k).
assert (EE : rnd (error x * bpow radix2 k) = error x * bpow radix2 k).
{ apply rnd_double. now apply (mult_bpow_pos_exact_FLT radix2 (-1074) 53). }
rewrite EE. split; [| repeat split; assumption]. split; [exact W' |].
split; [rewrite <- EE; apply double_rnd |]. split; [now apply Rmult_le_pos |].
unfold value in *. rewrite H, L, <- Rmult_plus_distr_r, <- Rmult_minus_distr_r, Rabs_mult,
  (Rabs_pos_eq (bpow _ k)) by exact Pk.
now apply Rmult_le_compat_r.
Qed.

Lemma scaled_down x X d kx k : stands_for x X -> (-128 <= k <= 0)%Z -> in_band d kx x -> (0 <= d <= 100)%Z ->
  (kx <= 770)%Z ->
  nearly_stands_for (scaled_carried x k) (X * bpow radix2 k) /\
  hi (number (scaled_carried x k)) = hi (number x) * bpow radix2 k /\
  within (d + 128) (hi (number (scaled_carried x k))) /\
  error (scaled_carried x k) = error x * bpow radix2 k /\
  (error x = 0 -> lo (number (scaled_carried x k)) = lo (number x) * bpow radix2 k).
Proof.
intros (W & D & P & E) K (R & N & Lo) Bd Kx.
assert (Wk : within 128 (bpow radix2 k)).
{ right. rewrite Rabs_pos_eq by apply bpow_ge_0. split; apply bpow_le; lia. }
assert (RR := within_mult _ _ _ _ R Wk).
destruct (scaled_pair_correct _ k W (within_weaken d 800 _ ltac:(lia) R)
  (within_weaken (d + 128) 900 _ ltac:(lia) RR)) as (W' & H & V & L).
unfold nearly_stands_for. cbn [scaled_carried number error]. assert (Pk := bpow_ge_0 radix2 k).
assert (NE : no_less 898 (error x * bpow radix2 k)).
{ assert (Nk := within_no_less _ _ Wk). rewrite Rabs_pos_eq in Nk by exact Pk.
  assert (NN := no_less_mult _ _ _ _ N Nk). weaker NN. }
assert (EE : rnd (error x * bpow radix2 k) = error x * bpow radix2 k).
{ destruct (rnd_scale (error x) k D) as [? | [S _]]; [assumption |].
  destruct NE as [-> | NE]; [apply rnd_0 | exfalso]. rewrite Rabs_pos_eq in S by now apply Rmult_le_pos.
  apply (Rlt_irrefl (bpow radix2 (-1021))). apply Rle_lt_trans with (2 := S).
  apply Rle_trans with (2 := NE), bpow_le. lia. }
rewrite EE, H. split; [| split; [reflexivity | split; [exact RR | split; [reflexivity |]]]].
- split; [exact W' |]. split; [rewrite <- EE; apply double_rnd |]. split; [now apply Rmult_le_pos |].
  assert (EX : Rabs (X * bpow radix2 k - value (number x) * bpow radix2 k) <= error x * bpow radix2 k).
  { rewrite <- Rmult_minus_distr_r, Rabs_mult, (Rabs_pos_eq (bpow _ k)) by exact Pk.
    now apply Rmult_le_compat_r. }
  destruct NE as [Z | NE].
  + (* exact *)
    assert (Z0 : error x = 0).
    { apply Rmult_integral in Z. destruct Z as [? | Z]; [assumption |]. generalize (bpow_gt_0 radix2 k). lra.
      }
    specialize (L ltac:(right; split; [lia | exact (Lo Z0)])).
    replace (value (scaled_pair (number x) k)) with (value (number x) * bpow radix2 k)
      by (unfold value; rewrite H, L; ring). rewrite Z in *. lra.
  + assert (T := eta_tiny_900 _ (Rle_trans _ _ _ (bpow_le radix2 (-900) (- (898)) ltac:(lia)) NE)).
    replace (X * bpow radix2 k - value (scaled_pair (number x) k)) with
      ((X * bpow radix2 k - value (number x) * bpow radix2 k)
       - (value (scaled_pair (number x) k) - value (number x) * bpow radix2 k)) by ring.
    assert (PE : 0 <= error x * bpow radix2 k) by now apply Rmult_le_pos.
    inv EX; inv V. apply Rabs_le. unfold little in *. lra.
- intros Z. apply L. right. split; [lia | now apply Lo].
Qed.

(** A pair with an exponent of its own *)
Record approximation := Approximation { pair : carried; exponent : Z }.

(** It stands for the real number times 2^exponent *)
Definition approximates (x : approximation) (X : R) :=
  exists V, stands_for (pair x) V /\ X = V * bpow radix2 (exponent x).

Definition exponent_of (h : R) : Z := (mag radix2 h - 1)%Z.

Definition normalised (x : approximation) :=
  if Req_EM_T (hi (number (pair x))) 0 then x
  else let k := exponent_of (hi (number (pair x))) in
       Approximation (scaled_carried (pair x) (- k)) (exponent x + k).

Definition exact_zero (x : carried) := hi (number x) = 0 /\ error x = 0.
Definition is_exact_zero (x : carried) : {exact_zero x} + {~ exact_zero x}.
Proof.
destruct (Req_EM_T (hi (number x)) 0) as [A | A]; [| right; now intros [? _]].
destruct (Req_EM_T (error x) 0) as [B | B]; [left; now split | right; now intros [_ ?]].
Defined.

(* 2^-128 *)
Definition far : R := / 340282366920938463463374607431768211456.

Definition with_neglected (large small : carried) :=
  Carried (number large)
    (rnd (slack * rnd (error large + rnd (far * rnd (Rabs (hi (number small)) + error small))))).

Definition aligned_sum (x y : approximation) :=
  let e := Z.max (exponent x) (exponent y) in
  add_carried (scaled_carried (pair x) (exponent x - e)) (scaled_carried (pair y) (exponent y - e)).

Definition add_scaled (x y : approximation) : approximation :=
  let e := Z.max (exponent x) (exponent y) in
  let below_x := (exponent x - e)%Z in let below_y := (exponent y - e)%Z in
  if (below_x + below_y <? -128)%Z then
    if is_exact_zero (pair x) then y else if is_exact_zero (pair y) then x
    else if (below_x =? 0)%Z then Approximation (with_neglected (pair x) (pair y)) e
    else Approximation (with_neglected (pair y) (pair x)) e
  else
    let z := Approximation (aligned_sum x y) e in
    if Rlt_dec (Rabs (hi (number (pair z)))) (/ 256) then normalised z else z.

Definition opposite_scaled (x : approximation) : approximation :=
  Approximation (Carried (Unevaluated (- hi (number (pair x))) (- lo (number (pair x)))) (error (pair x)))
    (exponent x).
Definition multiply_scaled (two_product : R -> R -> unevaluated) (x y : approximation) :=
  Approximation (multiply_carried two_product (pair x) (pair y)) (exponent x + exponent y).
Definition divide_scaled (two_product : R -> R -> unevaluated) (x y : approximation) :=
  Approximation (divide_carried two_product (pair x) (pair y)) (exponent x - exponent y).
Definition root_scaled (two_product : R -> R -> unevaluated) (x : approximation) :=
  let odd := (exponent x mod 2)%Z in
  Approximation (square_root_carried two_product (scaled_carried (pair x) odd)) ((exponent x - odd) / 2).
Definition shift (x : approximation) (k : Z) := Approximation (pair x) (exponent x + k).

Lemma far_bpow : far = bpow radix2 (-128).
Proof. unfold far; simpl; reflexivity. Qed.

(* A small number made normal keeps everything *)
Lemma normalised_exact x V :
  stands_for x V -> no_less 800 (Rabs (hi (number x))) -> Rabs (hi (number x)) <= 1 -> hi (number x) <> 0 ->
  let m := exponent_of (hi (number x)) in
  stands_for (scaled_carried x (- m)) (V * bpow radix2 (- m)) /\
  within 1 (hi (number (scaled_carried x (- m)))) /\
  hi (number (scaled_carried x (- m))) = hi (number x) * bpow radix2 (- m) /\
  error (scaled_carried x (- m)) = error x * bpow radix2 (- m) /\ bpow radix2 m <= Rabs (hi (number x)).
Proof.
intros S N L NZ m. set (h := hi (number x)) in *.
destruct N as [Z | N]; [now apply Rabs_no_R0 in Z |].
assert (K : (m <= 0)%Z).
{ unfold m, exponent_of. assert (mag radix2 h <= 1)%Z; [| lia]. apply mag_le_bpow; [exact NZ |].
  apply Rle_lt_trans with (1 := L). simpl. lra. }
assert (Lm : bpow radix2 m <= Rabs h) by (unfold m, exponent_of; now apply bpow_mag_le).
assert (W1 : within 1 (h * bpow radix2 (- m))).
{ right. rewrite Rabs_mult, (Rabs_pos_eq (bpow _ _)) by apply bpow_ge_0. split.
  - apply Rle_trans with (bpow radix2 m * bpow radix2 (- m)).
    + rewrite <- bpow_plus. apply bpow_le. lia.
    + apply Rmult_le_compat_r; [apply bpow_ge_0 | exact Lm].
  - apply Rle_trans with (bpow radix2 (m + 1) * bpow radix2 (- m)).
    + apply Rmult_le_compat_r; [apply bpow_ge_0 |]. unfold m, exponent_of.
      replace (mag radix2 h - 1 + 1)%Z with (mag radix2 h : Z) by lia. apply Rlt_le, bpow_mag_gt.
    + rewrite <- bpow_plus. apply bpow_le. lia. }
destruct (scaled_up x V (- m) S ltac:(lia)) as (S' & H & _ & E); trivial.
- right. fold h. split; [exact N |]. apply Rle_trans with (1 := L). change 1 with (bpow radix2 0).
  apply bpow_le. lia.
- apply within_weaken with 1%Z; [lia | exact W1].
- split; [exact S' |]. split; [rewrite H; exact W1 |]. repeat split; assumption.
Qed.

Lemma normalised_correct x X :
  approximates x X -> no_less 800 (Rabs (hi (number (pair x)))) -> Rabs (hi (number (pair x))) <= 1 ->
  approximates (normalised x) X.
Proof.
intros (V & S & E) N L. unfold normalised. destruct (Req_EM_T (hi (number (pair x))) 0) as [Z | NZ];
  [now exists V |].
destruct (normalised_exact _ _ S N L NZ) as [S' _]. set (m := exponent_of (hi (number (pair x)))) in *.
exists (V * bpow radix2 (- m)). split; [exact S' |].
cbn [exponent]. rewrite E, Rmult_assoc, <- bpow_plus. f_equal. f_equal. lia.
Qed.

Lemma exact_zero_value x X : approximates x X -> exact_zero (pair x) -> X = 0.
Proof.
intros (V & (W & _ & _ & E) & ->) [H Z]. unfold value in E. rewrite H, Z, (low_part_zero _ W H) in E.
replace V with 0; [ring |]. inv E. lra.
Qed.

Lemma with_neglected_correct large small d k V U :
  stands_for large V -> stands_for small U -> in_band d k large -> in_band d k small -> (0 <= d <= 100)%Z ->
  (k <= 770)%Z -> forall f, (f <= -129)%Z ->
  stands_for (with_neglected large small) (V + U * bpow radix2 f).
Proof.
intros (Wl & Dl & Pl & El) (Ws & Ds & Ps & Es) (_ & Nl & _) (Rs & Ns & _) Bd Bk f Hf.
unfold stands_for, with_neglected. cbn [number error]. assert (Vs := value_le _ Ws).
assert (Dh : double (Rabs (hi (number small)))) by apply double_abs, Ws.
assert (Nh := within_no_less _ _ Rs). set (h := Rabs (hi (number small))) in *.
assert (NA0 := no_less_plus 770 h (error small) ltac:(weaker Nh) ltac:(weaker Ns)).
assert (NA := no_less_rnd 770 _ ltac:(lia) NA0). assert (GA := rnd_ge_sum _ _ Dh Ds (Rabs_pos _) Ps).
set (A := rnd (h + error small)) in *.
assert (Nf : no_less 128 far) by (right; rewrite far_bpow; change (- (128))%Z with (-128)%Z; lra).
assert (NB0 := no_less_mult _ _ _ _ Nf NA). simpl Z.add in NB0.
assert (NB := no_less_rnd 898 _ ltac:(lia) NB0). assert (GB := rnd_ge (far * A) ltac:(weaker NB0)).
assert (D_B := double_rnd (far * A)). set (B := rnd (far * A)) in *.
assert (NS := no_less_rnd 898 _ ltac:(lia) (no_less_plus 898 _ _ ltac:(weaker Nl) NB)).
assert (GS := rnd_ge_sum _ _ Dl D_B Pl (no_less_pos _ _ NB)). set (S := rnd (error large + B)) in *.
split; [exact Wl |]. split; [apply double_rnd |].
split; [apply rnd_pos, Rmult_le_pos; [unfold slack; lra | apply (no_less_pos _ _ NS)] |].
assert (EU : Rabs (U * bpow radix2 f) <= ((1 + u) * h + error small) * (far / 2)).
{ apply mult_abs_le.
  - replace U with (value (number small) + (U - value (number small))) by ring.
    eapply Rle_trans; [apply Rabs_triang |]. lra.
  - rewrite Rabs_pos_eq by apply bpow_ge_0. apply Rle_trans with (bpow radix2 (-129)); [apply bpow_le; lia |].
    rewrite far_bpow. change (-129)%Z with (-128 + -1)%Z. rewrite bpow_plus. right. reflexivity. }
apply Rle_trans with (error large + B).
- replace (V + U * bpow radix2 f - value (number large)) with
  ((V - value (number large)) + U * bpow radix2 f) by ring.
  eapply Rle_trans; [apply Rabs_triang |]. apply Rplus_le_compat; [exact El |].
  apply Rle_trans with (1 := EU).
  assert (Ph : 0 <= h) by apply Rabs_pos. unfold far, u in *. lra.
- apply slack_covers; [weaker NS |]. assert (PB := no_less_pos _ _ NB). unfold nearly, u in *. lra.
Qed.

(* A sum that does not cancel down to below 2^-800 without being 0 *)
Definition not_cancelled (x y : approximation) :=
  (Z.abs (exponent x - exponent y) <= 128)%Z -> no_less 800 (Rabs (hi (number (aligned_sum x y)))).

(* What the code accepts: such a sum's error is made infinite *)
Definition is_no_less k e : {no_less k e} + {~ no_less k e}.
Proof.
destruct (Req_EM_T e 0) as [Z | N]; [left; now left |].
destruct (Rle_dec (bpow radix2 (- k)) e) as [L | L]; [left; now right | right]. intros [? | ?]; contradiction.
Defined.

Definition is_not_cancelled x y : {not_cancelled x y} + {~ not_cancelled x y}.
Proof.
destruct (Z_le_dec (Z.abs (exponent x - exponent y)) 128) as [Near | Far];
  [| left; intros Near; contradiction].
destruct (is_no_less 800 (Rabs (hi (number (aligned_sum x y))))) as [N | N]; [left; now intros _ | right].
intros NC. exact (N (NC Near)).
Defined.

Definition add_decided (x y : approximation) : option approximation :=
  if is_not_cancelled x y then Some (add_scaled x y) else None.

Lemma add_decided_inv x y r : add_decided x y = Some r -> not_cancelled x y /\ r = add_scaled x y.
Proof.
unfold add_decided. destruct (is_not_cancelled x y) as [N |]; [intros [= <-]; now split | discriminate].
Qed.

Lemma no_less_scaling e k f g : no_less k e -> (- g <= f)%Z -> no_less (k + g) (e * bpow radix2 f).
Proof. intros N F. apply no_less_mult; [exact N | right; apply bpow_le; lia]. Qed.

Lemma aligned_sum_correct x y X Y :
  approximates x X -> approximates y Y -> in_band 100 770 (pair x) -> in_band 100 770 (pair y) ->
  not_cancelled x y -> (Z.abs (exponent x - exponent y) <= 128)%Z ->
  approximates (Approximation (aligned_sum x y) (Z.max (exponent x) (exponent y))) (X + Y).
Proof.
intros (V & SX & EX) (U & SY & EY) Bx By NC Near. specialize (NC Near).
unfold aligned_sum in NC |- *. cbv zeta in NC |- *. set (e := Z.max (exponent x) (exponent y)) in *.
exists (V * bpow radix2 (exponent x - e) + U * bpow radix2 (exponent y - e)). split.
- cbn [pair].
  destruct (scaled_down _ _ _ _ (exponent x - e) SX ltac:(lia) Bx ltac:(lia) ltac:(lia)) as
    (S1 & _ & _ & E1 & _).
  destruct (scaled_down _ _ _ _ (exponent y - e) SY ltac:(lia) By ltac:(lia) ltac:(lia)) as
    (S2 & _ & _ & E2 & _).
  destruct Bx as (_ & N1 & _), By as (_ & N2 & _).
  assert (M1 := no_less_scaling _ _ (exponent x - e)%Z 128 N1 ltac:(lia)).
  assert (M2 := no_less_scaling _ _ (exponent y - e)%Z 128 N2 ltac:(lia)).
  apply add_carried_nearly; trivial; [rewrite E1; weaker M1 | rewrite E2; weaker M2].
- cbn [exponent]. rewrite EX, EY, Rmult_plus_distr_r, !Rmult_assoc, <- !bpow_plus. repeat f_equal; lia.
Qed.

(** Sums: right unless they cancel down to below 2^-800 without being 0 *)
Theorem add_scaled_error x y X Y :
  approximates x X -> approximates y Y -> in_band 100 770 (pair x) -> in_band 100 770 (pair y) ->
  not_cancelled x y -> approximates (add_scaled x y) (X + Y).
Proof.
intros AX AY Bx By NC. unfold add_scaled. cbv zeta.
set (e := Z.max (exponent x) (exponent y)) in *.
assert (He : ((exponent x = e /\ exponent y <= e) \/ (exponent y = e /\ exponent x <= e))%Z) by lia.
destruct (Z.ltb_spec (exponent x - e + (exponent y - e)) (-128)) as [Far | Near].
- destruct (is_exact_zero (pair x)) as [Zx | _]; [rewrite (exact_zero_value _ _ AX Zx), Rplus_0_l;
  exact AY |].
  destruct (is_exact_zero (pair y)) as [Zy | _]; [rewrite (exact_zero_value _ _ AY Zy), Rplus_0_r;
    exact AX |].
  destruct AX as (V & SX & EX), AY as (U & SY & EY).
  destruct (Z.eqb_spec (exponent x - e) 0) as [Ex | Ex].
  + exists (V + U * bpow radix2 (exponent y - e)). split.
    * cbn [pair]. apply with_neglected_correct with 100%Z 770%Z; trivial; lia.
    * cbn [exponent]. rewrite EX, EY, Rmult_plus_distr_r, Rmult_assoc, <- bpow_plus.
      replace (exponent y - e + e)%Z with (exponent y) by lia. now replace e with (exponent x) by lia.
  + exists (U + V * bpow radix2 (exponent x - e)). split.
    * cbn [pair]. apply with_neglected_correct with 100%Z 770%Z; trivial; lia.
    * cbn [exponent]. rewrite EX, EY, Rmult_plus_distr_r, Rmult_assoc, <- bpow_plus.
      replace (exponent x - e + e)%Z with (exponent x) by lia. replace (exponent y) with e by lia. ring.
- assert (A := aligned_sum_correct x y X Y AX AY Bx By NC ltac:(lia)). fold e in A.
  destruct (Rlt_dec (Rabs (hi (number (pair (Approximation (aligned_sum x y) e))))) (/ 256)) as [L | _];
    [| exact A].
  apply normalised_correct; [exact A | | lra]. apply NC. lia.
Qed.

Lemma opposite_scaled_error x X : approximates x X -> approximates (opposite_scaled x) (- X).
Proof.
intros (V & ((Dh & Dl & Eh) & D & P & E) & ->). exists (- V). split; [| cbn [opposite_scaled exponent]; ring].
unfold stands_for, double_word, value. cbn [opposite_scaled pair number error hi lo].
repeat split; trivial; try (now apply double_opp).
- rewrite <- Ropp_plus_distr, rnd_opp. now f_equal.
- unfold value in E. replace (- V - (- hi (number (pair x)) + - lo (number (pair x)))) with
    (- (V - (hi (number (pair x)) + lo (number (pair x))))) by ring. now rewrite Rabs_Ropp.
Qed.

Theorem multiply_scaled_error two_product x y X Y : product_exact two_product ->
  approximates x X -> approximates y Y -> product_in_range (pair x) (pair y) ->
  approximates (multiply_scaled two_product x y) (X * Y).
Proof.
intros TP (V & SX & ->) (U & SY & ->) R. exists (V * U). split.
- now apply multiply_carried_error.
- cbn [multiply_scaled exponent]. rewrite bpow_plus. ring.
Qed.

Theorem divide_scaled_error two_product x y X Y : product_exact two_product ->
  approximates x X -> approximates y Y -> quotient_in_range (pair x) (pair y) -> divisor_decided (pair y) ->
  Y <> 0 /\ approximates (divide_scaled two_product x y) (X / Y).
Proof.
intros TP (V & SX & ->) (U & SY & ->) R D.
destruct (divide_carried_error two_product _ _ _ _ TP SX SY R D) as [NU S].
assert (P := bpow_gt_0 radix2 (exponent y)). split; [apply Rmult_integral_contrapositive_currified; lra |].
exists (V / U). split; [exact S |]. cbn [divide_scaled exponent].
unfold Zminus. rewrite bpow_plus, bpow_opp. field. split; [lra | exact NU].
Qed.

Lemma bpow_0_1 k : (0 <= k <= 1)%Z -> 1 <= bpow radix2 k <= 2.
Proof.
intros K. assert (C : k = 0%Z \/ k = 1%Z) by lia. destruct C as [-> | ->]; simpl; lra.
Qed.

(* The odd exponent: the pair times 2 *)
Lemma scaled_by_odd x V d k odd : stands_for x V -> in_band d k x -> (0 <= d <= 99)%Z -> (k <= 900)%Z ->
  (0 <= odd <= 1)%Z ->
  stands_for (scaled_carried x odd) (V * bpow radix2 odd) /\ in_band (d + 1) k (scaled_carried x odd) /\
  hi (number (scaled_carried x odd)) = hi (number x) * bpow radix2 odd /\
  error (scaled_carried x odd) = error x * bpow radix2 odd.
Proof.
intros S (R & N & L) D K O. assert (B := bpow_0_1 odd O).
assert (W1 : within 1 (bpow radix2 odd)).
{ right. rewrite Rabs_pos_eq by lra. split; simpl; lra. }
assert (RR := within_mult _ _ _ _ R W1).
destruct (scaled_up x V odd S ltac:(lia) (within_weaken d 800 _ ltac:(lia) R)
  (within_weaken (d + 1) 900 _ ltac:(lia) RR)) as (S' & H & Lo & E).
split; [exact S' |]. split; [| split; assumption].
unfold in_band. rewrite H, Lo, E. split; [exact RR |].
assert (N0 : no_less 0 (bpow radix2 odd)) by (right; simpl; lra). split.
- assert (NN := no_less_mult _ _ _ _ N N0). weaker NN.
- intros Z. apply Rmult_integral in Z. destruct Z as [Z | Z]; [| lra].
  rewrite Rabs_mult, (Rabs_pos_eq (bpow _ _)) by lra.
  assert (NN := no_less_mult _ _ _ _ (L Z) N0). weaker NN.
Qed.

Theorem root_scaled_error two_product x X : product_exact two_product ->
  approximates x X -> in_band 99 900 (pair x) -> 0 <= X -> approximates (root_scaled two_product x) (sqrt X).
Proof.
intros TP (V & SX & E) B PX. set (odd := (exponent x mod 2)%Z).
assert (O : (0 <= odd < 2)%Z) by (apply Z.mod_pos_bound; lia).
destruct (scaled_by_odd _ _ _ _ odd SX B ltac:(lia) ltac:(lia) ltac:(lia)) as (S & B' & _).
set (k := ((exponent x - odd) / 2)%Z).
assert (Ek : (exponent x = odd + (k + k))%Z).
{ unfold k. assert (M := Z.div_mod (exponent x) 2 ltac:(lia)). fold odd in M.
  replace (exponent x - odd)%Z with (exponent x / 2 * 2)%Z by lia. rewrite Z.div_mul by lia. lia. }
rewrite Ek in E. rewrite (bpow_plus radix2 odd), <- Rmult_assoc in E.
assert (Pk := bpow_gt_0 radix2 k). assert (Pkk := bpow_gt_0 radix2 (k + k)).
assert (PV : 0 <= V * bpow radix2 odd).
{ destruct (Rle_or_lt 0 (V * bpow radix2 odd)) as [? | G]; [assumption | exfalso].
  assert (V * bpow radix2 odd * bpow radix2 (k + k) < 0); [| lra].
  rewrite <- (Rmult_0_l (bpow radix2 (k + k))). now apply Rmult_lt_compat_r. }
exists (sqrt (V * bpow radix2 odd)). split.
- apply square_root_carried_error; trivial. split; apply B'.
- unfold root_scaled. cbn [exponent]. fold odd k. rewrite E, sqrt_mult by lra. now rewrite sqrt_bpow.
Qed.

Lemma shift_error x X k : approximates x X -> approximates (shift x k) (X * bpow radix2 k).
Proof.
intros (V & S & ->). exists V. split; [exact S |]. cbn [shift exponent]. rewrite bpow_plus. ring.
Qed.

Lemma add_carried_hi_le x y : double_word (number x) -> double_word (number y) ->
  Rabs (hi (number (add_carried x y))) <= (1 + 8 * u) * (Rabs (hi (number x)) + Rabs (hi (number y))).
Proof.
intros Wx Wy. destruct (add_error _ _ Wx Wy) as [Wz Ez]. cbn [add_carried number] in *.
set (z := add (number x) (number y)) in *.
assert (A := value_ge z Wz). assert (B := value_le _ Wx). assert (C := value_le _ Wy).
assert (T := Rabs_triang (value (number x)) (value (number y))).
assert (T2 := Rabs_triang (value z - (value (number x) + value (number y)))
  (value (number x) + value (number y))).
replace (value z - (value (number x) + value (number y)) + (value (number x) + value (number y))) with
  (value z) in T2
  by ring.
assert (P1 := Rabs_pos (hi (number x))). assert (P2 := Rabs_pos (hi (number y))).
assert (P3 := Rabs_pos (hi z)).
unfold u, little in *. lra.
Qed.

Lemma add_carried_near x y : double_word (number x) -> double_word (number y) ->
  0 <= hi (number x) -> 0 <= hi (number y) ->
  let V := hi (number x) + hi (number y) in
  double_word (number (add_carried x y)) /\ Rabs (value (number (add_carried x y)) - V) <= Rabs V / 4.
Proof.
intros Wx Wy Px Py V. assert (U := add_carried_hi_le x y Wx Wy).
destruct (add_error _ _ Wx Wy) as [Wz Ez]. cbn [add_carried number] in *.
set (z := add (number x) (number y)) in *. split; [exact Wz |].
assert (Lx := low_part_small _ Wx). assert (Ly := low_part_small _ Wy).
rewrite (Rabs_pos_eq (hi (number x))) in * by lra. rewrite (Rabs_pos_eq (hi (number y))) in * by lra.
rewrite (Rabs_pos_eq V) by (unfold V; lra).
replace (value z - V) with ((value z - (value (number x) + value (number y))) +
  (lo (number x) + lo (number y)))
  by (unfold V, value; ring).
inv Ez; inv Lx; inv Ly. apply Rabs_le. unfold V, u, little in *. lra.
Qed.

(* The error of a sum is at least u^2 of it *)
Lemma add_carried_error_ge x y : no_less 800 (Rabs (hi (number (add_carried x y)))) -> 0 <= error x ->
  0 <= error y ->
  u * u * Rabs (hi (number (add_carried x y))) <= error (add_carried x y).
Proof.
intros N Px Py. cbn [add_carried number error] in *. set (z := add (number x) (number y)) in *.
assert (N0 : no_less 906 (3 * (u * u) * Rabs (hi z))).
{ change 906%Z with (0 + 106 + 800)%Z. apply no_less_mult; [apply no_less_mult | exact N]; right.
  - simpl; lra.
  - right. unfold u; simpl; lra. }
assert (G := rnd_ge _ ltac:(weaker N0)). assert (PA : 0 <= rnd (error x + error y)) by (apply rnd_pos; lra).
assert (PZ := Rabs_pos (hi z)).
assert (PB : 0 <= rnd (3 * (u * u) * Rabs (hi z))) by (apply rnd_pos; unfold u; lra).
assert (S := rnd_sum_ge_r (rnd (error x + error y)) _ (double_rnd (3 * (u * u) * Rabs (hi z))) PA).
assert (S2 := slack_ge _ (double_rnd (rnd (error x + error y) + rnd
  (3 * (u * u) * Rabs (hi z)))) ltac:(apply rnd_pos; lra)).
unfold u in *. lra.
Qed.

Lemma within_of_bounds d h : (0 <= d)%Z -> / 256 <= Rabs h -> (8 <= d)%Z -> Rabs h <= bpow radix2 d ->
  within d h.
Proof.
intros D L D8 B. right. split; [| exact B]. apply Rle_trans with (2 := L).
apply Rle_trans with (bpow radix2 (-8)); [apply bpow_le; lia | simpl; lra].
Qed.

(* What cancels to 0 has exponents that are near to each other *)
Lemma opposites_are_near x y d f g : within d (hi x) -> within d (hi y) -> hi x <> 0 -> hi y <> 0 ->
  forall x' y', double_word x' -> double_word y' ->
  hi x' = hi x * bpow radix2 f -> hi y' = hi y * bpow radix2 g -> value x' = - value y' ->
  (f <= g + (d + d + 1))%Z.
Proof.
intros [? | [Rx _]] [? | [_ Ry]] NX NY x' y' W1 W2 H1 H2 Sum; try contradiction.
assert (A := value_ge _ W1). assert (B := value_le _ W2). rewrite Sum, Rabs_Ropp in A.
rewrite H1, Rabs_mult, (Rabs_pos_eq (bpow radix2 f)) in A by apply bpow_ge_0.
rewrite H2, Rabs_mult, (Rabs_pos_eq (bpow radix2 g)) in B by apply bpow_ge_0.
assert (P1 := bpow_gt_0 radix2 f). assert (P2 := bpow_gt_0 radix2 g).
assert (C1 : bpow radix2 (- d + f) <= Rabs (hi x) * bpow radix2 f)
  by (rewrite bpow_plus; apply Rmult_le_compat_r; lra).
assert (C2 : Rabs (hi y) * bpow radix2 g <= bpow radix2 (d + g))
  by (rewrite bpow_plus; apply Rmult_le_compat_r; lra).
assert (Q := bpow_gt_0 radix2 (d + g)). assert (Q' := bpow_gt_0 radix2 (- d + f)).
assert (H : bpow radix2 (- d + f) < bpow radix2 (d + g + 2)).
{ rewrite (bpow_plus radix2 (d + g)). change (bpow radix2 2) with 4. unfold u in *. lra. }
apply lt_bpow in H. lia.
Qed.

(** Sums: 8, or d and two more; an error that is not 0 is smaller by 2^-130 at most, or, if no leading part is
    0, by as much as may cancel. *)
Lemma add_scaled_band x y X Y d k D K :
  approximates x X -> approximates y Y -> in_band d k (pair x) -> in_band d k (pair y) -> not_cancelled x y ->
  (0 <= d <= 98)%Z -> (k <= 770)%Z -> (8 <= D)%Z -> (d + 2 <= D)%Z ->
  (k + 130 <= K)%Z \/
  hi (number (pair x)) <> 0 /\ hi (number (pair y)) <> 0 /\ (k + d + d + 1 <= K)%Z ->
  (d + 130 <= K)%Z -> (K <= 900)%Z ->
  in_band D K (pair (add_scaled x y)).
Proof.
intros AX AY Bx By NC Bd Bk HD8 HD HK1 HK2 HK. unfold add_scaled. cbv zeta.
assert (Kk : (k <= K)%Z) by lia.
set (e := Z.max (exponent x) (exponent y)) in *.
assert (Neglect : forall large small V, stands_for large V -> in_band d k large -> in_band d k small ->
  0 <= error small -> (k + 130 <= K)%Z \/ hi (number small) <> 0 -> in_band D K (with_neglected large small)).
{ intros large small V (Wl & Dl & Pl & _) (Rl & Nl & Ll) (Rs & Ns & _) Ps Alt.
  unfold in_band, with_neglected. cbn [number error].
  assert (Nh := within_no_less _ _ Rs).
  assert (NA0 : no_less (K - 128) (Rabs (hi (number small)) + error small)).
  { destruct Alt as [KK | NZ]; [apply no_less_plus; [weaker Nh | weaker Ns] | right].
    destruct Nh as [Z | Nh]; [now apply Rabs_no_R0 in Z |]. apply Rle_trans with (bpow radix2 (- d)); [| lra].
    apply bpow_le. lia. }
  assert (NA := no_less_rnd (K - 128) _ ltac:(lia) NA0).
  assert (Nf : no_less 128 far) by (right; rewrite far_bpow; change (- (128))%Z with (-128)%Z; lra).
  assert (NB0 := no_less_mult _ _ _ _ Nf NA).
  assert (NB := no_less_rnd K _ ltac:(lia) ltac:(weaker NB0)). assert (PB := no_less_pos _ _ NB).
  assert (NS := no_less_rnd K _ ltac:(lia) (no_less_plus K (error large) _ ltac:(weaker Nl) NB)).
  split; [now apply within_weaken with d; [lia |] |]. split; [apply no_less_slack; [lia | exact NS] |].
  intros Z. apply Ll. assert (G := slack_ge _ (double_rnd _) (no_less_pos _ _ NS)). rewrite Z in G.
  assert (G2 := rnd_sum_ge_l _ _ Dl PB). lra. }
destruct (Z.ltb_spec (exponent x - e + (exponent y - e)) (-128)) as [Far | Near].
- assert (Wk : forall z, in_band d k z -> in_band D K z) by (intros z; apply in_band_weaken; lia).
  destruct (is_exact_zero (pair x)); [now apply Wk |]. destruct (is_exact_zero (pair y)); [now apply Wk |].
  destruct AX as (V & SX & _), AY as (U & SY & _).
  destruct (exponent x - e =? 0)%Z; cbn [pair].
  + apply Neglect with V; trivial; [apply SY | tauto].
  + apply Neglect with U; trivial; [apply SX | tauto].
- assert (A := aligned_sum_correct x y X Y AX AY (in_band_weaken d k 100 770 _ ltac:(lia) ltac:(lia) Bx)
    (in_band_weaken d k 100 770 _ ltac:(lia) ltac:(lia) By) NC ltac:(lia)). fold e in A.
  specialize (NC ltac:(lia)).
  destruct AX as (V & SX & _), AY as (U & SY & _).
  destruct (scaled_down _ _ d k (exponent x - e) SX ltac:(lia) Bx ltac:(lia) ltac:(lia))
    as ((W1 & D1 & P1 & _) & H1 & _ & E1 & _).
  destruct (scaled_down _ _ d k (exponent y - e) SY ltac:(lia) By ltac:(lia) ltac:(lia))
    as ((W2 & D2 & P2 & _) & H2 & _ & E2 & _).
  assert (GE : u * u * Rabs (hi (number (aligned_sum x y))) <= error (aligned_sum x y))
    by exact (add_carried_error_ge _ _ NC P1 P2).
  assert (LE := add_carried_hi_le _ _ W1 W2). change (add_carried _ _) with (aligned_sum x y) in LE.
  assert (NE : no_less K (error (aligned_sum x y)) \/ hi (number (aligned_sum x y)) <> 0).
  { destruct (Req_dec (hi (number (aligned_sum x y))) 0) as [Z | ?]; [left | now right].
    unfold aligned_sum in Z |- *. cbv zeta in Z |- *. fold e in Z |- *.
    cbn [add_carried number error] in Z |- *.
    rewrite Z, Rabs_R0, Rmult_0_r, rnd_0. rewrite E1, E2.
    destruct Bx as (R1 & N1 & _), By as (R2 & N2 & _).
    assert (F : (- (K - k) <= exponent x - e /\ - (K - k) <= exponent y - e)%Z).
    { destruct HK1 as [HK1 | (NX & NY & HK1)]; [lia |].
      destruct (add_error _ _ W1 W2) as [Wz Ez]. assert (Lz := low_part_zero _ Wz Z). unfold value at 1 in Ez.
      rewrite Z, Lz, Rabs_R0, Rmult_0_r in Ez.
      set (v := value (number (scaled_carried (pair x) _))) in *.
      set (w := value (number (scaled_carried (pair y) _))) in *.
      assert (V1 : v = - w) by (inv Ez; lra). assert (V2 : w = - v) by (rewrite V1; ring).
      assert (C1 := opposites_are_near _ _ d _ _ R1 R2 NX NY _ _ W1 W2 H1 H2 V1).
      assert (C2 := opposites_are_near _ _ d _ _ R2 R1 NY NX _ _ W2 W1 H2 H1 V2). lia. }
    assert (M1 := no_less_scaling _ _ (exponent x - e)%Z _ N1 (proj1 F)).
    assert (M2 := no_less_scaling _ _ (exponent y - e)%Z _ N2 (proj2 F)).
    apply no_less_slack; [lia |]. apply no_less_rnd; [lia |]. rewrite Rplus_0_r. apply no_less_rnd; [lia |].
    apply no_less_plus; [weaker M1 | weaker M2]. }
  assert (LH : Rabs (hi (number (aligned_sum x y))) <= bpow radix2 (d + 2)).
  { apply Rle_trans with (1 := LE). rewrite H1, H2.
    assert (HB : forall z f, in_band d k z -> (f <= 0)%Z ->
      Rabs (hi (number z) * bpow radix2 f) <= bpow radix2 d).
    { intros z f (R & _ & _) F. rewrite Rabs_mult, (Rabs_pos_eq (bpow _ f)) by apply bpow_ge_0.
      rewrite <- (Rmult_1_r (bpow radix2 d)). apply Rmult_le_compat; [apply Rabs_pos | apply bpow_ge_0 | |].
      - destruct R as [-> | [_ R]]; [rewrite Rabs_R0; apply bpow_ge_0 | exact R].
      - change 1 with (bpow radix2 0). now apply bpow_le. }
    assert (Q1 := HB _ (exponent x - e)%Z Bx ltac:(lia)).
    assert (Q2 := HB _ (exponent y - e)%Z By ltac:(lia)).
    replace (bpow radix2 (d + 2)) with (bpow radix2 d * 4) by (rewrite bpow_plus; reflexivity).
    assert (Pd := bpow_gt_0 radix2 d). unfold u in *. lra. }
  assert (UU : bpow radix2 (-106) = u * u) by (unfold u; simpl; lra).
  destruct A as (S & SS & _). cbn [pair] in SS.
  destruct (Rlt_dec (Rabs (hi (number (pair (Approximation (aligned_sum x y) e))))) (/ 256)) as [L | L];
    cbn [pair] in L.
  + unfold normalised. cbn [pair]. destruct (Req_EM_T (hi (number (aligned_sum x y))) 0) as [Z | NZ];
    cbn [pair].
    * split; [now left |]. split; [destruct NE; [assumption | contradiction] |].
      intros _. left. rewrite (low_part_zero _ (proj1 SS) Z). apply Rabs_R0.
    * destruct (normalised_exact _ _ SS NC ltac:(lra) NZ) as (_ & R & _ & EE & Lm).
      set (m := exponent_of (hi (number (aligned_sum x y)))) in *.
      assert (G : bpow radix2 (-106) <= error (scaled_carried (aligned_sum x y) (- m))).
      { rewrite EE. apply Rle_trans with (u * u * bpow radix2 m * bpow radix2 (- m)).
        - rewrite Rmult_assoc, <- bpow_plus. replace (m + - m)%Z with 0%Z by lia. rewrite UU. simpl. lra.
        - apply Rmult_le_compat_r; [apply bpow_ge_0 |]. apply Rle_trans with (2 := GE).
          apply Rmult_le_compat_l; [unfold u; lra | exact Lm]. }
      split; [apply within_weaken with 1%Z; [lia | exact R] |].
      split; [right; apply Rle_trans with (2 := G), bpow_le; lia |].
      intros Z. rewrite Z in G. assert (P := bpow_gt_0 radix2 (-106)). lra.
  + cbn [pair]. assert (G : bpow radix2 (-114) <= error (aligned_sum x y)).
    { apply Rle_trans with (2 := GE). change (-114)%Z with (-106 + -8)%Z. rewrite bpow_plus, UU.
      apply Rmult_le_compat_l; [unfold u; lra |].
      change (bpow radix2 (-8)) with (/ 256). lra. }
    split.
    * apply within_of_bounds; [lia | lra | lia |]. apply Rle_trans with (1 := LH), bpow_le. lia.
    * split; [right; apply Rle_trans with (2 := G), bpow_le; lia |].
      intros Z. rewrite Z in G. assert (P := bpow_gt_0 radix2 (-114)). lra.
Qed.

(* Sums of what is not negative are not negative, and not refused *)
Lemma aligned_sum_not_negative x y X Y d k :
  approximates x X -> approximates y Y -> in_band d k (pair x) -> in_band d k (pair y) -> (0 <= d <= 98)%Z ->
  (k <= 770)%Z -> 0 <= hi (number (pair x)) -> 0 <= hi (number (pair y)) ->
  (Z.abs (exponent x - exponent y) <= 128)%Z ->
  no_less 800 (Rabs (hi (number (aligned_sum x y)))) /\ 0 <= hi (number (aligned_sum x y)) /\
  (0 < hi (number (pair x)) -> 0 < hi (number (aligned_sum x y))).
Proof.
intros AX AY Bx By Bd Bk Px Py Near.
destruct AX as (V & SX & _), AY as (U & SY & _). unfold aligned_sum. cbv zeta.
set (e := Z.max (exponent x) (exponent y)) in *.
destruct (scaled_down _ _ d k (exponent x - e) SX ltac:(lia) Bx ltac:(lia) ltac:(lia))
  as ((W1 & D1 & P1 & _) & H1 & R1 & E1 & _).
destruct (scaled_down _ _ d k (exponent y - e) SY ltac:(lia) By ltac:(lia) ltac:(lia))
  as ((W2 & D2 & P2 & _) & H2 & R2 & E2 & _).
assert (B1 := bpow_gt_0 radix2 (exponent x - e)). assert (B2 := bpow_gt_0 radix2 (exponent y - e)).
assert (Q1 := Rmult_le_pos _ _ Px (Rlt_le _ _ B1)). assert (Q2 := Rmult_le_pos _ _ Py (Rlt_le _ _ B2)).
assert (Q1' : 0 < hi (number (pair x)) -> 0 < hi (number (pair x)) * bpow radix2 (exponent x - e))
  by (intros; now apply Rmult_lt_0_compat).
rewrite <- H1 in Q1, Q1'. rewrite <- H2 in Q2.
destruct (add_carried_near _ _ W1 W2 Q1 Q2) as [Wz Nz].
set (a := hi (number (scaled_carried (pair x) (exponent x - e)))) in *.
set (b := hi (number (scaled_carried (pair y) (exponent y - e)))) in *.
assert (RV : within (d + 129) (a + b)).
{ assert (L : bpow radix2 (- (d + 129)) <= bpow radix2 (- (d + 128))) by (apply bpow_le; lia).
  assert (U1 : forall c, within (d + 128) c -> 0 <= c -> c <= bpow radix2 (d + 128)).
  { intros c [-> | [_ T]] Pc; [apply bpow_ge_0 |]. rewrite Rabs_pos_eq in T by lra. exact T. }
  assert (Ua := U1 a R1 Q1). assert (Ub := U1 b R2 Q2).
  assert (T : bpow radix2 (d + 129) = bpow radix2 (d + 128) * 2).
  { replace (d + 129)%Z with (d + 128 + 1)%Z by lia. rewrite bpow_plus. reflexivity. }
  destruct R1 as [Za | [L1 _]].
  - rewrite Za, Rplus_0_l. apply (within_weaken (d + 128)); [lia | exact R2].
  - right. rewrite (Rabs_pos_eq a Q1) in L1. rewrite Rabs_pos_eq by lra. lra. }
destruct (near_band (d + 129) _ _ ltac:(lia) Wz Nz RV) as (R & _ & Pos).
assert (N := within_no_less _ _ R). split; [weaker N |]. split.
- destruct (Req_dec (a + b) 0) as [ZV | NZ]; [| apply Rlt_le, Pos; lra].
  rewrite ZV, Rabs_R0, Rminus_0_r in Nz. destruct Wz as (_ & _ & Eh).
  set (z := number (add_carried _ _)) in *. assert (Zz : value z = 0) by (inv Nz; lra).
  rewrite Eh. unfold value in Zz. rewrite Zz, rnd_0. lra.
- intros Px'. apply Pos. specialize (Q1' Px'). lra.
Qed.

Lemma add_scaled_not_negative x y X Y d k :
  approximates x X -> approximates y Y -> in_band d k (pair x) -> in_band d k (pair y) -> (0 <= d <= 98)%Z ->
  (k <= 770)%Z -> 0 <= hi (number (pair x)) -> 0 <= hi (number (pair y)) ->
  not_cancelled x y /\ 0 <= hi (number (pair (add_scaled x y))).
Proof.
intros AX AY Bx By Bd Bk Px Py. assert (Sum := aligned_sum_not_negative x y X Y d k AX AY Bx By Bd Bk Px Py).
assert (NC : not_cancelled x y) by (intros Near; now apply Sum). split; [exact NC |].
unfold add_scaled. cbv zeta. set (e := Z.max (exponent x) (exponent y)) in *.
destruct (Z.ltb_spec (exponent x - e + (exponent y - e)) (-128)) as [Far | Near].
- destruct (is_exact_zero (pair x)) as [_ | _]; [exact Py |].
  destruct (is_exact_zero (pair y)) as [_ | _]; [exact Px |].
  destruct (exponent x - e =? 0)%Z; assumption.
- destruct (Sum ltac:(lia)) as (N & P & _).
  destruct (Rlt_dec (Rabs (hi (number (pair (Approximation (aligned_sum x y) e))))) (/ 256)) as [L | L];
    cbn [pair] in *;
    [| exact P].
  unfold normalised. cbn [pair]. destruct (Req_EM_T (hi (number (aligned_sum x y))) 0) as [Z | NZ];
    [exact P |].
  cbn [pair].
  assert (A := aligned_sum_correct x y X Y AX AY (in_band_weaken d k 100 770 _ ltac:(lia) ltac:(lia) Bx)
    (in_band_weaken d k 100 770 _ ltac:(lia) ltac:(lia) By) NC ltac:(lia)).
  destruct A as (S & SS & _). cbn [pair] in SS.
  destruct (normalised_exact _ _ SS N ltac:(lra) NZ) as (_ & _ & -> & _).
  apply Rmult_le_pos; [exact P | apply bpow_ge_0].
Qed.

(* --------------------------------------------------------------------- the rounding test, formulas *)

(* What `round` returns true for *)
Definition accepts (x : approximation) (out : R) :=
  let n := number (pair x) in
  let d := down (hi n) (lo n) (error (pair x)) in
  d = up (hi n) (lo n) (error (pair x)) /\
  (d = 0 /\ out = 0 \/
   d <> 0 /\ (-1021 <= exponent_of d + exponent x <= 1023)%Z /\ out = d * bpow radix2 (exponent x)).

(** What the rounding test accepts is the double nearest to the real number, and not too great. *)
Theorem accepted_is_nearest x X out :
  approximates x X -> within 1000 (hi (number (pair x))) -> no_less 900 (error (pair x)) -> accepts x out ->
  out = rnd X /\ Rabs out < bpow radix2 1024.
Proof.
intros (V & (W & D & P & E) & EX) R N (T & C). unfold value in E. assert (W' := W).
destruct W as (Dh & Dl & Eh).
assert (T1 := rounding_test_correct _ _ _ V Dh Dl D P N E T).
assert (Hd : down (hi (number (pair x))) (lo (number (pair x))) (error (pair x)) = hi (number (pair x))).
{ rewrite Eh at 2. symmetry. apply rounding_test_correct; trivial.
  rewrite Rminus_diag_eq, Rabs_R0 by reflexivity.
  exact P. }
destruct C as [[Z ->] | (NZ & K & ->)].
- rewrite Rabs_R0. split; [| apply bpow_gt_0].
  rewrite Hd in Z. destruct (margin_encloses _ _ Dl D P N) as [M1 M2].
  assert (Zl := low_part_zero _ W' Z). unfold down in Hd.
  rewrite Z, Rplus_0_l, (rnd_double _ (double_rnd _)) in Hd.
  rewrite Zl in *. rewrite Z, Rplus_0_l in E. assert (Ze : error (pair x) = 0) by lra.
  rewrite Ze, Rminus_0_r in E. assert (ZV : V = 0) by (inv E; lra). rewrite EX, ZV, Rmult_0_l, rnd_0.
  reflexivity.
- set (d := down (hi (number (pair x))) (lo (number (pair x))) (error (pair x))) in *.
  assert (Ld : bpow radix2 (exponent_of d) <= Rabs d) by (unfold exponent_of; now apply bpow_mag_le).
  assert (Ud : Rabs d < bpow radix2 (exponent_of d + 1)).
  { unfold exponent_of. replace (mag radix2 d - 1 + 1)%Z with (mag radix2 d : Z) by lia. apply bpow_mag_gt. }
  assert (Pe := bpow_gt_0 radix2 (exponent x)).
  split.
  + rewrite EX. symmetry. apply rounding_test_scaled; trivial.
    * fold d. rewrite Hd. destruct R as [Z | [R _]]; [exfalso; apply NZ; rewrite Hd; exact Z |].
      apply Rle_trans with (2 := R), bpow_le. lia.
    * fold d. rewrite Rabs_mult, (Rabs_pos_eq (bpow _ _)) by lra.
      apply Rle_trans with (bpow radix2 (exponent_of d) * bpow radix2 (exponent x)).
      -- rewrite <- bpow_plus. apply bpow_le. lia.
      -- apply Rmult_le_compat_r; lra.
  + rewrite Rabs_mult, (Rabs_pos_eq (bpow _ _)) by lra.
    apply Rlt_le_trans with (bpow radix2 (exponent_of d + 1) * bpow radix2 (exponent x)).
    * now apply Rmult_lt_compat_r.
    * rewrite <- bpow_plus. apply bpow_le. lia.
Qed.

(** Formulas over quantities of a type A *)
Inductive formula (A : Type) :=
  | Quantity (i : A)
  | Sum (a b : formula A)
  | Opposite (a : formula A)
  | Product (a b : formula A)
  | Quotient (a b : formula A)
  | Root (a : formula A)
  | Shift (a : formula A) (k : Z).
Arguments Quantity {A}. Arguments Sum {A}. Arguments Opposite {A}. Arguments Product {A}.
Arguments Quotient {A}.
Arguments Root {A}. Arguments Shift {A}.

(** Their value *)
Fixpoint exact {A} (real : A -> R) (e : formula A) : R :=
  match e with
  | Quantity i => real i
  | Sum a b => exact real a + exact real b
  | Opposite a => - exact real a
  | Product a b => exact real a * exact real b
  | Quotient a b => exact real a / exact real b
  | Root a => sqrt (exact real a)
  | Shift a k => exact real a * bpow radix2 k
  end.

Definition is_divisor_decided (y : carried) : {divisor_decided y} + {~ divisor_decided y}.
Proof.
destruct (Req_EM_T (hi (number y)) 0) as [Z | N]; [right; intros [? _]; contradiction |].
destruct (Rle_dec (error y) (rnd (/ 1048576 * Rabs (hi (number y))))) as [L | L]; [left; now split | right].
intros [_ ?]. contradiction.
Defined.

Section Formulas.
Variable two_product : R -> R -> unevaluated.
Hypothesis TP : product_exact two_product.
Variable A : Type.
Variable approximation_of : A -> approximation.
Variable real : A -> R.
Hypothesis inputs_right : forall i, approximates (approximation_of i) (real i).

(** Their evaluation in pairs. None stands for an error that is infinite or not a number, with which the
    rounding test accepts nothing, and which no operation makes finite again: after a division by what may be
    0, or a sum that cancels down to below 2^-800 without being 0. *)
Fixpoint evaluate (e : formula A) : option approximation :=
  match e with
  | Quantity i => Some (approximation_of i)
  | Sum a b => match evaluate a, evaluate b with Some x, Some y => add_decided x y | _, _ => None end
  | Opposite a => match evaluate a with Some x => Some (opposite_scaled x) | None => None end
  | Product a b =>
      match evaluate a, evaluate b with Some x, Some y => Some
        (multiply_scaled two_product x y) | _, _ => None end
  | Quotient a b =>
      match evaluate a, evaluate b with
      | Some x, Some y => if is_divisor_decided (pair y) then Some (divide_scaled two_product x y) else None
      | _, _ => None
      end
  | Root a => match evaluate a with Some x => Some (root_scaled two_product x) | None => None end
  | Shift a k => match evaluate a with Some x => Some (shift x k) | None => None end
  end.

(** No operation leaves its range. *)
Fixpoint in_range_throughout (e : formula A) : Prop :=
  match e with
  | Quantity _ => True
  | Sum a b => in_range_throughout a /\ in_range_throughout b /\
      forall x y, evaluate a = Some x -> evaluate b = Some y ->
        in_band 100 770 (pair x) /\ in_band 100 770 (pair y)
  | Opposite a | Shift a _ => in_range_throughout a
  | Product a b => in_range_throughout a /\ in_range_throughout b /\
      forall x y, evaluate a = Some x -> evaluate b = Some y -> product_in_range (pair x) (pair y)
  | Quotient a b => in_range_throughout a /\ in_range_throughout b /\
      forall x y, evaluate a = Some x -> evaluate b = Some y -> quotient_in_range (pair x) (pair y)
  | Root a => in_range_throughout a /\ 0 <= exact real a /\
      forall x, evaluate a = Some x -> in_band 99 900 (pair x)
  end.

(** A formula evaluated in range, with the error that goes along, stands for its exact value. *)
Theorem evaluation_correct e r :
  in_range_throughout e -> evaluate e = Some r -> approximates r (exact real e).
Proof.
revert r. induction e as [i | a IHa b IHb | a IHa | a IHa b IHb | a IHa b IHb | a IHa | a IHa k]; intros r;
  cbn [in_range_throughout evaluate exact].
- intros _ [= <-]. apply inputs_right.
- intros (Ra & Rb & H). destruct (evaluate a) as [x |]; [| discriminate].
  destruct (evaluate b) as [y |]; [| discriminate].
  intros E. destruct (add_decided_inv _ _ _ E) as [NC ->]. destruct (H x y eq_refl eq_refl).
  apply add_scaled_error; auto.
- intros Ra. destruct (evaluate a) as [x |]; [| discriminate]. intros [= <-].
  apply opposite_scaled_error; auto.
- intros (Ra & Rb & H). destruct (evaluate a) as [x |]; [| discriminate].
  destruct (evaluate b) as [y |]; [| discriminate].
  intros [= <-]. apply multiply_scaled_error; auto.
- intros (Ra & Rb & H). destruct (evaluate a) as [x |]; [| discriminate].
  destruct (evaluate b) as [y |]; [| discriminate].
  destruct (is_divisor_decided (pair y)) as [D |]; [| discriminate].
  intros [= <-]. apply divide_scaled_error; auto.
- intros (Ra & P & H). destruct (evaluate a) as [x |]; [| discriminate]. intros [= <-].
  apply root_scaled_error; auto.
- intros Ra. destruct (evaluate a) as [x |]; [| discriminate]. intros [= <-]. apply shift_error; auto.
Qed.

(** If then the rounding test accepts, it returns the double nearest to the exact value. *)
Theorem accepted_evaluation_correct e r out :
  in_range_throughout e -> evaluate e = Some r -> within 1000 (hi (number (pair r))) ->
    no_less 900 (error (pair r)) ->
  accepts r out -> out = rnd (exact real e) /\ Rabs out < bpow radix2 1024.
Proof. intros RT E W N. apply accepted_is_nearest; trivial. now apply evaluation_correct. Qed.

(** Bands of formulas *)
Definition fits (d k : Z) (e : formula A) :=
  in_range_throughout e /\ forall r, evaluate e = Some r -> in_band d k (pair r).
Definition not_negative (e : formula A) := forall r, evaluate e = Some r -> 0 <= hi (number (pair r)).
Definition positive (e : formula A) := forall r, evaluate e = Some r -> 0 < hi (number (pair r)).
Definition not_zero (e : formula A) := forall r, evaluate e = Some r -> hi (number (pair r)) <> 0.

Lemma positive_not_negative e : positive e -> not_negative e.
Proof. intros P r E. now apply Rlt_le, P. Qed.

Lemma positive_not_zero e : positive e -> not_zero e.
Proof. intros P r E. now apply Rgt_not_eq, P. Qed.

Lemma not_zero_opposite e : not_zero e -> not_zero (Opposite e).
Proof.
intros N r. unfold not_zero in N. cbn [evaluate]. destruct (evaluate e) as [x |]; [| discriminate].
intros [= <-]. cbn [opposite_scaled pair number hi]. now apply Ropp_neq_0_compat, N.
Qed.

Lemma fits_weaken d k d' k' e : (d <= d')%Z -> (k <= k')%Z -> fits d k e -> fits d' k' e.
Proof. intros Hd Hk [RT B]. split; [exact RT |]. intros r E. apply (in_band_weaken d k); auto. Qed.

Lemma fits_accepted d k e r out : fits d k e -> (d <= 1000)%Z -> (k <= 900)%Z -> evaluate e = Some r ->
  accepts r out ->
  out = rnd (exact real e) /\ Rabs out < bpow radix2 1024.
Proof.
intros [RT B] Hd Hk E Acc. destruct (B r E) as (W & N & _). apply (accepted_evaluation_correct e r); trivial.
- now apply within_weaken with d.
- now apply no_less_weaken with k.
Qed.

Lemma fits_shift d k e s : fits d k e -> fits d k (Shift e s).
Proof.
intros [RT B]. split; [exact RT |]. intros r. cbn [evaluate].
destruct (evaluate e) as [x |]; [| discriminate].
intros [= <-]. exact (B x eq_refl).
Qed.

Lemma fits_opposite d k e : fits d k e -> fits d k (Opposite e).
Proof.
intros [RT B]. split; [exact RT |]. intros r. cbn [evaluate].
destruct (evaluate e) as [x |]; [| discriminate].
intros [= <-]. destruct (B x eq_refl) as (W & N & L). unfold in_band.
cbn [opposite_scaled pair number error hi lo].
split; [| split; [exact N | rewrite Rabs_Ropp; exact L]].
destruct W as [-> | W]; [left; ring | right]. now rewrite Rabs_Ropp.
Qed.

(* A product of any parts, or of parts that are not 0 *)
Lemma fits_product_or dx kx dy ky d k a b : fits dx kx a -> fits dy ky b ->
  (0 <= dx <= 100)%Z -> (0 <= dy <= 100)%Z -> (kx <= 900)%Z -> (ky <= 900)%Z -> (kx + ky <= 1000)%Z ->
  d = (dx + dy + 1)%Z -> (106 + dx + dy <= k <= 1000)%Z ->
  not_zero a /\ not_zero b \/ (dx + ky <= k /\ dy + kx <= k /\ kx + ky <= k)%Z ->
  fits d k (Product a b).
Proof.
intros [RA BA] [RB BB] Dx Dy Kx Ky Kxy -> K KK.
assert (NA : not_zero a /\ not_zero b \/ (dx + ky <= k /\ dy + kx <= k /\ kx + ky <= k)%Z) by exact KK.
unfold not_zero in NA. split.
- split; [exact RA |]. split; [exact RB |]. intros x y E1 E2.
  destruct (BA x E1) as (W1 & N1 & _), (BB y E2) as (W2 & N2 & _).
  assert (NP := no_less_mult _ _ _ _ N1 N2).
  split; [apply (within_weaken dx); [lia | exact W1] |].
  split; [apply (within_weaken dy); [lia | exact W2] |].
  split; [weaker N1 |]. split; [weaker N2 | weaker NP].
- intros r. cbn [evaluate]. assert (EA := fun x => evaluation_correct a x RA).
  assert (EB := fun x => evaluation_correct b x RB).
  destruct (evaluate a) as [x |]; [| discriminate]. destruct (evaluate b) as [y |]; [| discriminate].
  intros [= <-]. destruct (EA x eq_refl) as (V & (Wx & Ex & _) & _).
  destruct (EB y eq_refl) as (U & (Wy & Ey & _) & _).
  apply (multiply_carried_band two_product (pair x) (pair y) dx dy kx ky k); auto.
  destruct NA as [[NX NY] | NA]; [left; auto | now right].
Qed.

Lemma fits_product dx kx dy ky d k a b : fits dx kx a -> fits dy ky b ->
  (0 <= dx <= 100)%Z -> (0 <= dy <= 100)%Z -> (kx <= 900)%Z -> (ky <= 900)%Z -> d = (dx + dy + 1)%Z ->
  (106 + dx + dy <= k <= 1000)%Z -> (dx + ky <= k /\ dy + kx <= k /\ kx + ky <= k)%Z ->
  fits d k (Product a b).
Proof. intros. apply (fits_product_or dx kx dy ky); auto; lia. Qed.

Lemma fits_product_not_zero dx kx dy ky d k a b : fits dx kx a -> fits dy ky b -> not_zero a -> not_zero b ->
  (0 <= dx <= 100)%Z -> (0 <= dy <= 100)%Z -> (kx <= 900)%Z -> (ky <= 900)%Z -> (kx + ky <= 1000)%Z ->
  d = (dx + dy + 1)%Z -> (106 + dx + dy <= k <= 1000)%Z -> fits d k (Product a b).
Proof. intros. apply (fits_product_or dx kx dy ky); auto. Qed.

Lemma fits_quotient dx kx dy ky d k a b : fits dx kx a -> fits dy ky b ->
  (0 <= dx <= 100)%Z -> (0 <= dy <= 100)%Z -> (kx <= 880)%Z -> (0 <= ky <= 690)%Z -> d = (dx + dy + 1)%Z ->
  (106 + dx + dy <= k <= 1000)%Z -> (dy + kx <= k)%Z -> fits d k (Quotient a b).
Proof.
intros [RA BA] [RB BB] Dx Dy Kx Ky -> K KK. split.
- split; [exact RA |]. split; [exact RB |]. intros x y E1 E2.
  destruct (BA x E1) as (W1 & N1 & _), (BB y E2) as (W2 & N2 & _).
  split; [apply (within_weaken dx); [lia | exact W1] |].
  split; [apply (within_weaken dy); [lia | exact W2] |].
  split; [weaker N1 | weaker N2].
- intros r. cbn [evaluate]. assert (EA := fun x => evaluation_correct a x RA).
  assert (EB := fun x => evaluation_correct b x RB).
  destruct (evaluate a) as [x |]; [| discriminate]. destruct (evaluate b) as [y |]; [| discriminate].
  destruct (is_divisor_decided (pair y)) as [[NZ _] |]; [| discriminate].
  intros [= <-]. destruct (EA x eq_refl) as (V & (Wx & Ex & _) & _).
  destruct (EB y eq_refl) as (U & (Wy & Ey & _) & _).
  apply (divide_carried_band two_product (pair x) (pair y) dx dy kx ky k); auto.
Qed.

(* The error of a quotient that is not 0 is not small, however small its parts' errors are *)
Lemma quotient_not_zero dx kx dy ky a b r : fits dx kx a -> fits dy ky b ->
  (0 <= dx <= 100)%Z -> (0 <= dy <= 100)%Z -> (0 <= ky <= 690)%Z -> evaluate (Quotient a b) = Some r ->
  hi (number (pair r)) <> 0 -> in_band (dx + dy + 1) (106 + dx + dy) (pair r).
Proof.
intros [RA BA] [RB BB] Dx Dy Ky. cbn [evaluate].
assert (EA := fun x => evaluation_correct a x RA). assert (EB := fun x => evaluation_correct b x RB).
destruct (evaluate a) as [x |]; [| discriminate]. destruct (evaluate b) as [y |]; [| discriminate].
destruct (is_divisor_decided (pair y)) as [[NZ _] |]; [| discriminate].
intros [= <-] N. destruct (EA x eq_refl) as (V & (Wx & Ex & _) & _).
destruct (EB y eq_refl) as (U & (Wy & Ey & _) & _).
apply (divide_carried_band two_product (pair x) (pair y) dx dy kx ky (106 + dx + dy)); auto; try lia.
left. intros Z. apply N. cbn [divide_scaled pair divide_carried number].
destruct (BA x eq_refl) as (W1 & _), (BB y eq_refl) as (W2 & _).
destruct (divide_error two_product _ _ TP Wx Wy (within_weaken dx 100 _ ltac:(lia) W1)
  (within_weaken dy 100 _ ltac:(lia) W2) NZ) as [(_ & _ & ->) E].
set (q := divide _ _ _) in *. unfold value at 2 in E. rewrite Z, (low_part_zero _ Wx Z) in E.
unfold Rdiv in E. rewrite Rplus_0_l, !Rmult_0_l, rnd_0, Rabs_R0, Rmult_0_r in E.
replace (hi q + lo q) with 0; [apply rnd_0 |]. unfold value in E. inv E. lra.
Qed.

Lemma fits_root d kx e k a : fits d kx a -> (0 <= d <= 98)%Z -> (kx <= 900)%Z -> (0 <= e <= 100)%Z ->
  (d + 1 <= e + e)%Z -> (106 + e <= k <= 1000)%Z -> (kx <= k + k)%Z -> 0 <= exact real a ->
    fits (e + 1) k (Root a) /\
  not_negative (Root a).
Proof.
intros [RA BA] D Kx He De K KK P. 
assert (H : forall r, evaluate (Root a) = Some r -> in_band (e + 1) k (pair r) /\ 0 <= hi (number (pair r))).
{ intros r. cbn [evaluate]. assert (EA := fun x => evaluation_correct a x RA).
  destruct (evaluate a) as [x |]; [| discriminate].
  intros [= <-]. destruct (EA x eq_refl) as (V & SX & _). cbn [root_scaled pair].
  assert (O : (0 <= exponent x mod 2 < 2)%Z) by (apply Z.mod_pos_bound; lia).
  destruct (scaled_by_odd _ _ d kx (exponent x mod 2) SX (BA x eq_refl) ltac:(lia) ltac:(lia) ltac:(lia))
    as ((W & Dd & _) & B & _).
  destruct (square_root_carried_band two_product _ (d + 1) kx k e TP W Dd B) as (B' & _ & _ & B''); auto; lia.
  }
split; [split |].
- cbn [in_range_throughout]. split; [exact RA |]. split; [exact P |]. intros x E.
  apply (in_band_weaken d kx); auto; lia.
- intros r E. now apply H.
- intros r E. now apply H.
Qed.

(* A sum of any parts, or of parts that are not 0 *)
Lemma fits_sum_or d k D K a b : fits d k a -> fits d k b ->
  (0 <= d <= 98)%Z -> (k <= 770)%Z -> (8 <= D)%Z -> (d + 2 <= D)%Z ->
  (k + 130 <= K)%Z \/ not_zero a /\ not_zero b /\ (k + d + d + 1 <= K)%Z ->
  (d + 130 <= K)%Z -> (K <= 900)%Z ->
  fits D K (Sum a b).
Proof.
intros [RA BA] [RB BB] Dd Kk HD8 HD HK1 HK2 HK.
assert (EA := fun x => evaluation_correct a x RA). assert (EB := fun x => evaluation_correct b x RB).
assert (NA : (k + 130 <= K)%Z \/ not_zero a /\ not_zero b /\ (k + d + d + 1 <= K)%Z) by exact HK1.
unfold not_zero in NA. split.
- cbn [in_range_throughout]. split; [exact RA |]. split; [exact RB |]. intros x y E1 E2.
  split; apply (in_band_weaken d k); auto; lia.
- intros r. cbn [evaluate]. destruct (evaluate a) as [x |]; [| discriminate].
  destruct (evaluate b) as [y |]; [| discriminate]. intros E. destruct (add_decided_inv _ _ _ E) as [NC ->].
  apply (add_scaled_band x y (exact real a) (exact real b) d k D K); auto.
  destruct NA as [NA | (NX & NY & HK')]; [now left | right; auto].
Qed.

Lemma fits_sum d k D K a b : fits d k a -> fits d k b ->
  (0 <= d <= 98)%Z -> (k <= 770)%Z -> (8 <= D)%Z -> (d + 2 <= D)%Z -> (k + 130 <= K)%Z -> (d + 130 <= K)%Z ->
  (K <= 900)%Z -> fits D K (Sum a b).
Proof. intros. apply (fits_sum_or d k); auto. Qed.

Lemma fits_sum_not_zero d k D K a b : fits d k a -> fits d k b -> not_zero a -> not_zero b ->
  (0 <= d <= 98)%Z -> (k <= 770)%Z -> (8 <= D)%Z -> (d + 2 <= D)%Z -> (k + d + d + 1 <= K)%Z ->
  (d + 130 <= K)%Z -> (K <= 900)%Z -> fits D K (Sum a b).
Proof. intros. apply (fits_sum_or d k); auto. Qed.

Lemma not_negative_sum d k a b : fits d k a -> fits d k b -> (0 <= d <= 98)%Z -> (k <= 770)%Z ->
  not_negative a -> not_negative b -> not_negative (Sum a b).
Proof.
intros [RA BA] [RB BB] Dd Kk PA PB r. cbn [evaluate].
assert (EA := fun x => evaluation_correct a x RA). assert (EB := fun x => evaluation_correct b x RB).
specialize (PA : forall r, evaluate a = Some r -> 0 <= hi (number (pair r))).
specialize (PB : forall r, evaluate b = Some r -> 0 <= hi (number (pair r))).
destruct (evaluate a) as [x |]; [| discriminate]. destruct (evaluate b) as [y |]; [| discriminate].
intros E. destruct (add_decided_inv _ _ _ E) as [_ ->].
apply (add_scaled_not_negative x y (exact real a) (exact real b) d k); auto.
Qed.

Lemma positive_product dx kx dy ky a b : fits dx kx a -> fits dy ky b ->
  (0 <= dx <= 100)%Z -> (0 <= dy <= 100)%Z -> positive a -> positive b -> positive (Product a b).
Proof.
intros [RA BA] [RB BB] Dx Dy PA PB r. cbn [evaluate].
assert (EA := fun x => evaluation_correct a x RA). assert (EB := fun x => evaluation_correct b x RB).
specialize (PA : forall r, evaluate a = Some r -> 0 < hi (number (pair r))).
specialize (PB : forall r, evaluate b = Some r -> 0 < hi (number (pair r))).
destruct (evaluate a) as [x |]; [| discriminate]. destruct (evaluate b) as [y |]; [| discriminate].
intros [= <-]. destruct (EA x eq_refl) as (V & (Wx & Ex & _) & _).
destruct (EB y eq_refl) as (U & (Wy & Ey & _) & _). specialize (PA x eq_refl). specialize (PB y eq_refl).
destruct (multiply_carried_band two_product (pair x) (pair y) dx dy kx ky 1000 TP) as (_ & H & _); auto;
  try lia.
- left. lra.
- now apply H, Rmult_lt_0_compat.
Qed.

Lemma positive_quotient dx kx dy ky a b : fits dx kx a -> fits dy ky b ->
  (0 <= dx <= 100)%Z -> (0 <= dy <= 100)%Z -> (0 <= ky <= 690)%Z ->
  positive a -> positive b -> positive (Quotient a b).
Proof.
intros [RA BA] [RB BB] Dx Dy Ky PA PB r. cbn [evaluate].
assert (EA := fun x => evaluation_correct a x RA). assert (EB := fun x => evaluation_correct b x RB).
specialize (PA : forall r, evaluate a = Some r -> 0 < hi (number (pair r))).
specialize (PB : forall r, evaluate b = Some r -> 0 < hi (number (pair r))).
destruct (evaluate a) as [x |]; [| discriminate]. destruct (evaluate b) as [y |]; [| discriminate].
destruct (is_divisor_decided (pair y)) as [[NZ _] |]; [| discriminate].
intros [= <-]. destruct (EA x eq_refl) as (V & (Wx & Ex & _) & _).
destruct (EB y eq_refl) as (U & (Wy & Ey & _) & _). specialize (PA x eq_refl). specialize (PB y eq_refl).
destruct (divide_carried_band two_product (pair x) (pair y) dx dy kx ky 1000 TP) as (_ & H & _); auto;
  try lia.
left. lra.
Qed.
End Formulas.

(* ------------------------------------------------------------------------------------------ inputs *)

Lemma double_integer n : (Z.abs n <= 2 ^ 53)%Z -> double (IZR n).
Proof.
intros H. apply (double_mult_exponent n 0); [lia | exact H |]. change (bpow radix2 0) with 1. ring.
Qed.

(** A double other than 0, exactly; k is its exponent. The code scales in up to three steps, each exact. *)
Definition from_double (x : R) :=
  let k := exponent_of x in Approximation (Carried (Unevaluated (rnd (x * bpow radix2 (- k))) 0) 0) k.

Lemma to_exponent_0 x : x <> 0 -> 1 <= Rabs (x * bpow radix2 (- exponent_of x)) < 2.
Proof.
intros N. assert (P := bpow_gt_0 radix2 (- exponent_of x)).
rewrite Rabs_mult, (Rabs_pos_eq (bpow _ _)) by lra.
assert (E : bpow radix2 (exponent_of x) * bpow radix2 (- exponent_of x) = 1).
{ rewrite <- bpow_plus. replace (exponent_of x + - exponent_of x)%Z with 0%Z by lia. reflexivity. }
assert (L := bpow_mag_le radix2 x N). assert (U := bpow_mag_gt radix2 x).
replace (mag radix2 x : Z) with (exponent_of x + 1)%Z in U by (unfold exponent_of; lia).
rewrite bpow_plus in U. change (bpow radix2 1) with 2 in U. fold (exponent_of x) in L.
split.
- rewrite <- E. now apply Rmult_le_compat_r; [lra |].
- apply Rlt_le_trans with (bpow radix2 (exponent_of x) * 2 * bpow radix2 (- exponent_of x)).
  + now apply Rmult_lt_compat_r.
  + rewrite Rmult_assoc, (Rmult_comm 2), <- Rmult_assoc, E. lra.
Qed.

Theorem from_double_correct x : double x -> x <> 0 ->
  approximates (from_double x) x /\ in_band 1 0 (pair (from_double x)) /\
  (0 < x -> 0 < hi (number (pair (from_double x)))).
Proof.
intros D N. assert (B := to_exponent_0 x N). set (k := exponent_of x) in *.
assert (E : rnd (x * bpow radix2 (- k)) = x * bpow radix2 (- k)).
{ destruct (rnd_scale x (- k) D) as [? | [S _]]; [assumption | exfalso].
  assert (bpow radix2 (-1021) <= bpow radix2 0) by (apply bpow_le; lia).
  change (bpow radix2 0) with 1 in *. lra. }
assert (DD : double (x * bpow radix2 (- k))) by (rewrite <- E; apply double_rnd).
unfold from_double. cbv zeta. fold k. rewrite E. split; [| split].
- exists (x * bpow radix2 (- k)). split.
  + unfold stands_for, double_word, value. cbn [pair number error hi lo]. rewrite Rplus_0_r.
    rewrite Rminus_diag_eq, Rabs_R0 by reflexivity. repeat split; trivial; try apply double_0; lra.
  + cbn [exponent]. rewrite Rmult_assoc, <- bpow_plus. replace (- k + k)%Z with 0%Z by lia.
    change (bpow radix2 0) with 1. ring.
- unfold in_band. cbn [pair number error hi lo]. split; [right; simpl; lra |].
  split; [now left | intros _; left; apply Rabs_R0].
- intros P. cbn [pair number hi]. apply Rmult_lt_0_compat; [exact P | apply bpow_gt_0].
Qed.

(** The leading bits of a number: 53, the next 63, and what is left: first, next, rest < 2^76. The number is
    (first 2^139 + next 2^76 + rest + r) 2^e, |r| <= error in units of the last of 192 bits. *)
Definition from_leading (first next : Z) (e : Z) (err : R) :=
  Approximation
    (Carried (fast_two_sum (rnd (IZR first * bpow radix2 (-52))) (rnd (rnd (IZR next) * bpow radix2 (-115))))
       (rnd (slack * rnd (rnd (err * bpow radix2 (-191))
                          + (if Z.eq_dec first 0 then 0 else bpow radix2 (-106) + bpow radix2 (-115))))))
    (e + 191).

Theorem from_leading_correct first next e err tail r :
  first = 0%Z /\ next = 0%Z /\ tail = 0 \/ (2 ^ 52 <= first < 2 ^ 53)%Z ->
  (0 <= next < 2 ^ 63)%Z -> 0 <= tail <= bpow radix2 76 -> double err -> no_less 1 err -> Rabs r <= err ->
  let x := from_leading first next e err in
  approximates x ((IZR first * bpow radix2 139 + IZR next * bpow radix2 76 + tail + r) * bpow radix2 e) /\
  in_band 1 192 (pair x) /\ (err = 0 \/ first <> 0%Z -> in_band 1 107 (pair x)) /\
  0 <= hi (number (pair x)) /\ (first <> 0%Z -> 0 < hi (number (pair x))).
Proof.
intros F Nx T De Ne Hr x. unfold x, from_leading. clear x. cbn [pair]. unfold in_band. cbn [number error].
assert (Pe := no_less_pos _ _ Ne).
assert (N0 : no_less 191 (bpow radix2 (-191))) by (right; apply bpow_le; lia).
assert (Ne0 := no_less_mult _ _ _ _ Ne N0). simpl Z.add in Ne0.
assert (Ee : rnd (err * bpow radix2 (-191)) = err * bpow radix2 (-191)).
{ destruct (rnd_scale err (-191) De) as [? | [S _]]; [assumption |].
  destruct Ne0 as [-> | G]; [apply rnd_0 | exfalso].
  rewrite Rabs_pos_eq in S by (apply Rmult_le_pos; [lra | apply bpow_ge_0]).
  apply (Rlt_irrefl (bpow radix2 (-1021))). apply Rle_lt_trans with (2 := S).
  apply Rle_trans with (2 := G), bpow_le. lia. }
rewrite Ee. set (E := err * bpow radix2 (-191)) in *. assert (PE := no_less_pos _ _ Ne0).
assert (D_E : double E) by (rewrite <- Ee; apply double_rnd).
assert (Er : Rabs (r * bpow radix2 (-191)) <= E).
{ rewrite Rabs_mult, (Rabs_pos_eq (bpow _ _)) by apply bpow_ge_0.
  apply Rmult_le_compat_r; [apply bpow_ge_0 | exact Hr]. }
assert (Split : forall V, V = IZR first * bpow radix2 (-52) + IZR next * bpow radix2
  (-115) + tail * bpow radix2 (-191)
  + r * bpow radix2 (-191) ->
  (IZR first * bpow radix2 139 + IZR next * bpow radix2 76 + tail + r) * bpow radix2 e = V * bpow radix2
    (e + 191)).
{ intros V ->. rewrite Z.add_comm, bpow_plus, <- Rmult_assoc. f_equal.
  rewrite !Rmult_plus_distr_r, !Rmult_assoc, <- !bpow_plus.
  simpl Z.add. change (bpow radix2 0) with 1. ring. }
destruct F as [(-> & -> & ->) | F].
- (* 0 but for r *)
  destruct (Z.eq_dec 0 0) as [_ | ?]; [| contradiction].
  assert (Z0 : fast_two_sum (rnd (0 * bpow radix2 (-52)))
    (rnd (rnd 0 * bpow radix2 (-115))) = Unevaluated 0 0).
  { repeat first [rewrite Rmult_0_l | rewrite rnd_0]. unfold fast_two_sum.
    now rewrite !Rplus_0_r, !rnd_0, !Rminus_0_r, !rnd_0, Rminus_0_r, rnd_0. }
  rewrite Z0, Rplus_0_r, (rnd_double E D_E). cbn [hi lo].
  assert (NS := no_less_slack 192 E ltac:(lia) Ne0).
  split; [| split; [| split; [| split]]].
  + eexists. split; [| apply Split; reflexivity].
    unfold stands_for, double_word, value. cbn [pair number error hi lo].
    split; [rewrite Rplus_0_r, rnd_0; repeat split; apply double_0 |].
    split; [apply double_rnd |]. split; [now apply no_less_pos in NS |].
    repeat rewrite Rmult_0_l. rewrite !Rplus_0_l, Rminus_0_r.
    apply Rle_trans with (1 := Er). now apply slack_ge.
  + split; [now left |]. split; [exact NS | intros _; left; apply Rabs_R0].
  + intros [Z | ?]; [| contradiction]. split; [now left |]. split; [| intros _; left; apply Rabs_R0].
    left. unfold E. now rewrite Z, Rmult_0_l, Rmult_0_r, rnd_0.
  + lra.
  + intros H. now contradict H.
- destruct (Z.eq_dec first 0) as [? | _]; [lia |].
  assert (B1 : bpow radix2 52 <= IZR first <= bpow radix2 53 - 1).
  { change (bpow radix2 52) with (IZR (2 ^ 52)). change (bpow radix2 53) with (IZR (2 ^ 53)).
    rewrite <- minus_IZR. split; apply IZR_le; lia. }
  assert (B2 : 0 <= IZR next <= bpow radix2 63).
  { change (bpow radix2 63) with (IZR (2 ^ 63)). split; apply IZR_le; lia. }
  assert (Df : double (IZR first * bpow radix2 (-52))).
  { apply (double_mult_exponent first (-52)); [lia | lia | reflexivity]. }
  rewrite (rnd_double _ Df). set (a := IZR first * bpow radix2 (-52)) in *.
  assert (Ra : 1 <= a <= 2 - bpow radix2 (-52)).
  { unfold a. assert (P := bpow_gt_0 radix2 (-52)).
    assert (Q1 := Rmult_le_compat_r _ _ _ (Rlt_le _ _ P) (proj1 B1)).
    assert (Q2 := Rmult_le_compat_r _ _ _ (Rlt_le _ _ P) (proj2 B1)).
    rewrite Rmult_minus_distr_r, <- bpow_plus in Q2. rewrite <- bpow_plus in Q1. simpl Z.add in *.
    change (bpow radix2 0) with 1 in Q1. change (bpow radix2 1) with 2 in Q2. lra. }
  (* the next 63 bits, rounded: off by half a unit of 2^10 *)
  assert (Hn : Rabs (rnd (IZR next) - IZR next) <= bpow radix2 9).
  { assert (M := Z.div_mod next (2 ^ 10) ltac:(lia)). assert (MB := Z.mod_pos_bound next (2 ^ 10) ltac:(lia)).
    assert (MQ : (0 <= next / 2 ^ 10 < 2 ^ 53)%Z).
    { split; [apply Z.div_pos; lia | apply Z.div_lt_upper_bound; lia]. }
    set (q := (next / 2 ^ 10)%Z) in *. set (m := (next mod 2 ^ 10)%Z) in *.
    assert (D1 : double (IZR (2 ^ 10 * q))).
    { apply (double_mult_exponent q 10); [lia | lia |]. rewrite mult_IZR.
      change (bpow radix2 10) with (IZR (2 ^ 10)). ring. }
    assert (D2 : double (IZR m)) by (apply double_integer; lia).
    assert (G := rnd_error_sum_below _ _ 63 D1 D2). rewrite <- plus_IZR, <- M in G.
    rewrite (Rabs_pos_eq (IZR next)) in G by lra. specialize (G (proj2 B2)).
    replace (bpow radix2 9) with (u / 2 * bpow radix2 63); [exact G |].
    rewrite u_bpow. unfold Rdiv. change (/ 2) with (bpow radix2 (-1)). rewrite <- !bpow_plus. reflexivity. }
  assert (Nn : no_less 0 (rnd (IZR next))).
  { apply no_less_rnd; [lia |]. destruct (Z.eq_dec next 0) as [-> | N]; [now left | right].
    change (bpow radix2 (- 0)) with 1. apply IZR_le. lia. }
  assert (Un : rnd (IZR next) <= bpow radix2 63).
  { rewrite <- (rnd_double (bpow radix2 63)) by (apply double_bpow; lia). now apply rnd_le. }
  set (n := rnd (IZR next)) in *. assert (Pn := no_less_pos _ _ Nn).
  assert (P115 := bpow_gt_0 radix2 (-115)).
  assert (Eb : rnd (n * bpow radix2 (-115)) = n * bpow radix2 (-115)).
  { destruct (rnd_scale n (-115) (double_rnd _)) as [? | [S _]]; [assumption |].
    destruct Nn as [-> | G]; [rewrite Rmult_0_l; apply rnd_0 | exfalso].
    rewrite Rabs_pos_eq in S by (apply Rmult_le_pos; lra). change (bpow radix2 (- 0)) with 1 in G.
    assert (bpow radix2 (-1021) <= bpow radix2 (-115)) by (apply bpow_le; lia).
    assert (1 * bpow radix2 (-115) <= n * bpow radix2 (-115)) by (apply Rmult_le_compat_r; lra). lra. }
  rewrite Eb. assert (Db : double (n * bpow radix2 (-115))) by (rewrite <- Eb; apply double_rnd).
  assert (Rb : 0 <= n * bpow radix2 (-115) <= bpow radix2 (-52)).
  { split; [apply Rmult_le_pos; lra |]. change (-52)%Z with (63 + -115)%Z. rewrite bpow_plus.
    apply Rmult_le_compat_r; lra. }
  set (b := n * bpow radix2 (-115)) in *.
  assert (P52 : bpow radix2 (-52) <= 1) by (change 1 with (bpow radix2 0); apply bpow_le; lia).
  assert (L : Rabs b <= Rabs a \/ a = 0) by (left; rewrite !Rabs_pos_eq by lra; lra).
  assert (W := fast_two_sum_double_word a b Df Db L). assert (Ev := fast_two_sum_exact a b Df Db L).
  set (z := fast_two_sum a b) in *.
  assert (Hz : 1 <= hi z <= 2).
  { destruct W as (_ & _ & ->). fold (value z). rewrite Ev. split.
    - rewrite <- (rnd_double 1) by (change 1 with (bpow radix2 0); apply double_bpow; lia). apply rnd_le. lra.
    - rewrite <- (rnd_double 2) by (change 2 with (bpow radix2 1); apply double_bpow; lia). apply rnd_le. lra.
      }
  assert (Rz : within 1 (hi z)).
  { right. rewrite Rabs_pos_eq by lra. change (bpow radix2 (- (1))) with (/ 2). change (bpow radix2 1) with 2.
    lra. }
  assert (Dc : double (bpow radix2 (-106) + bpow radix2 (-115))).
  { apply (double_mult_exponent 513 (-115)); [lia | lia |]. change (-106)%Z with (9 + -115)%Z.
    rewrite bpow_plus.
    change (bpow radix2 9) with 512. ring. }
  assert (Pc : bpow radix2 (-106) <= bpow radix2 (-106) + bpow radix2 (-115)) by lra.
  assert (P106 := bpow_gt_0 radix2 (-106)).
  set (c := bpow radix2 (-106) + bpow radix2 (-115)) in *.
  assert (GS := rnd_ge_sum E c D_E Dc PE ltac:(lra)). assert (GC := rnd_sum_ge_r E c Dc PE).
  set (S := rnd (E + c)) in *.
  assert (NS : no_less 1000 S) by (right; apply Rle_trans with (bpow radix2 (-106));
    [apply bpow_le; lia | lra]).
  assert (GE := slack_ge S (double_rnd _) (no_less_pos _ _ NS)).
  assert (NE : bpow radix2 (-106) <= rnd (slack * S)) by lra.
  assert (Band : forall k, (106 <= k)%Z -> within 1 (hi z) /\ no_less k (rnd (slack * S)) /\
    (rnd (slack * S) = 0 -> no_less 800 (Rabs (lo z)))).
  { intros k K. split; [exact Rz |]. split; [right; apply Rle_trans with (2 := NE), bpow_le; lia |]. intros Z.
    lra. }
  split; [| split; [apply Band; lia | split; [intros _; apply Band; lia | split; intros; lra]]].
  eexists. split; [| apply Split; reflexivity]. cbn [pair]. split; [exact W |]. cbn [number error].
  split; [apply double_rnd |]. split; [lra |]. rewrite Ev. fold a.
  apply Rle_trans with (E + c).
  + replace (a + IZR next * bpow radix2 (-115) + tail * bpow radix2 (-191) + r * bpow radix2 (-191) -
    (a + b)) with
      (r * bpow radix2 (-191) + (- ((n - IZR next) * bpow radix2 (-115)) + tail * bpow radix2 (-191)))
      by (unfold b; ring).
    eapply Rle_trans; [apply Rabs_triang |]. apply Rplus_le_compat; [exact Er |].
    eapply Rle_trans; [apply Rabs_triang |]. unfold c. apply Rplus_le_compat.
    * rewrite Rabs_Ropp, Rabs_mult, (Rabs_pos_eq (bpow _ _)) by lra. change (-106)%Z with (9 + -115)%Z.
      rewrite bpow_plus.
      apply Rmult_le_compat_r; lra.
    * rewrite Rabs_mult, !Rabs_pos_eq by (apply bpow_ge_0 || lra). change (-115)%Z with (76 + -191)%Z.
      rewrite bpow_plus.
      apply Rmult_le_compat_r; [apply bpow_ge_0 | lra].
  + apply slack_covers; [exact NS |]. unfold nearly, u in *. clearbody S E c. lra.
Qed.

(** A 64-bit integer, exactly: 53 bits and the other 11 *)
Definition from_integer (n : Z) :=
  normalised (Approximation (Carried
    (fast_two_sum (rnd (IZR (n / 2 ^ 11) * bpow radix2 11)) (IZR (n mod 2 ^ 11))) 0) 0).

Theorem from_integer_correct n : (0 < n < 2 ^ 64)%Z ->
  approximates (from_integer n) (IZR n) /\ in_band 1 0 (pair (from_integer n)) /\
  0 < hi (number (pair (from_integer n))).
Proof.
intros Hn. unfold from_integer.
assert (M := Z.div_mod n (2 ^ 11) ltac:(lia)). assert (MB := Z.mod_pos_bound n (2 ^ 11) ltac:(lia)).
assert (MQ : (0 <= n / 2 ^ 11 < 2 ^ 53)%Z).
{ split; [apply Z.div_pos; lia | apply Z.div_lt_upper_bound; lia]. }
set (q := (n / 2 ^ 11)%Z) in *. set (m := (n mod 2 ^ 11)%Z) in *.
assert (Da : double (IZR q * bpow radix2 11)).
{ apply (double_mult_exponent q 11); [lia | lia | reflexivity]. }
rewrite (rnd_double _ Da). set (a := IZR q * bpow radix2 11) in *.
assert (Db : double (IZR m)) by (apply double_integer; lia).
assert (Eab : a + IZR m = IZR n).
{ rewrite M, plus_IZR, mult_IZR. unfold a. change (bpow radix2 11) with (IZR (2 ^ 11)). ring. }
assert (Pm : 0 <= IZR m < 2048) by (split; [apply IZR_le | apply IZR_lt]; lia).
assert (Pa : a = 0 \/ 2048 <= a).
{ destruct (Z.eq_dec q 0) as [-> | NQ]; [left; unfold a; ring | right].
  assert (1 <= IZR q) by (apply IZR_le; lia). unfold a. change (bpow radix2 11) with 2048. lra. }
assert (L : Rabs (IZR m) <= Rabs a \/ a = 0).
{ destruct Pa as [Za | Pa]; [now right | left]. rewrite !Rabs_pos_eq by lra. lra. }
assert (W := fast_two_sum_double_word a (IZR m) Da Db L). assert (Ev := fast_two_sum_exact a (IZR m) Da Db L).
rewrite Eab in Ev. set (z := fast_two_sum a (IZR m)) in *.
assert (Bn : 1 <= IZR n <= bpow radix2 64).
{ change (bpow radix2 64) with (IZR (2 ^ 64)). split; apply IZR_le; lia. }
assert (Hz : 1 <= hi z <= bpow radix2 64).
{ destruct W as (_ & _ & ->). fold (value z). rewrite Ev. split.
  - rewrite <- (rnd_double 1) by (change 1 with (bpow radix2 0); apply double_bpow; lia). now apply rnd_le.
  - rewrite <- (rnd_double (bpow radix2 64)) by (apply double_bpow; lia). now apply rnd_le. }
assert (N0 : hi z <> 0) by lra.
(* the low part is a multiple of 2^-52 *)
assert (NL : no_less 52 (Rabs (lo z))).
{ assert (C1 : cexp radix2 double_exp 1 = (-52)%Z).
  { unfold cexp, double_exp, FLT_exp. rewrite (mag_unique radix2 1 1); [reflexivity |]. rewrite Rabs_R1.
    simpl. lra. }
  destruct (multiple_of_unit 1 (hi z)) as [k Ek];
    [apply W | lra | rewrite Rabs_R1, Rabs_pos_eq by lra; lra |].
  rewrite C1 in Ek.
  assert (El : lo z = IZR (n * 2 ^ 52 - k) * bpow radix2 (-52)).
  { replace (lo z) with (IZR n - hi z) by (rewrite <- Ev; unfold value; ring).
    rewrite Ek, minus_IZR, mult_IZR.
    change (IZR (2 ^ 52)) with (bpow radix2 52). rewrite Rmult_minus_distr_r, Rmult_assoc, <- bpow_plus.
    simpl Z.add. change (bpow radix2 0) with 1. ring. }
  rewrite El. destruct (Z.eq_dec (n * 2 ^ 52 - k) 0) as [-> | NZ];
    [left; rewrite Rmult_0_l; apply Rabs_R0 | right].
  rewrite Rabs_mult, (Rabs_pos_eq (bpow _ _)), <- abs_IZR by apply bpow_ge_0.
  assert (1 <= IZR (Z.abs (n * 2 ^ 52 - k))) by (apply IZR_le; lia). assert (P := bpow_gt_0 radix2 (-52)).
  apply Rle_trans with (1 * bpow radix2 (-52)); [rewrite Rmult_1_l; apply Rle_refl |].
  apply Rmult_le_compat_r; lra. }
unfold normalised. cbn [pair number]. destruct (Req_EM_T (hi z) 0) as [? | _]; [contradiction |].
set (k := exponent_of (hi z)).
assert (Bk := to_exponent_0 (hi z) N0). fold k in Bk.
assert (K : (0 <= k <= 64)%Z).
{ unfold k, exponent_of. split.
  - assert (0 < mag radix2 (hi z))%Z; [| lia]. apply mag_gt_bpow. rewrite Rabs_pos_eq by lra.
    change (bpow radix2 0) with 1. lra.
  - assert (mag radix2 (hi z) <= 65)%Z; [| lia]. apply mag_le_bpow; [exact N0 |]. rewrite Rabs_pos_eq by lra.
    apply Rle_lt_trans with (1 := proj2 Hz). apply bpow_lt. lia. }
assert (R1 : within 800 (hi z)).
{ right. rewrite Rabs_pos_eq by lra. split.
  - apply Rle_trans with (bpow radix2 0); [apply bpow_le; lia | change (bpow radix2 0) with 1; lra].
  - apply Rle_trans with (1 := proj2 Hz), bpow_le. lia. }
assert (R2 : within 1 (hi z * bpow radix2 (- k))).
{ right. change (bpow radix2 (- (1))) with (/ 2). change (bpow radix2 1) with 2. lra. }
destruct (scaled_pair_correct z (- k) W R1 (within_weaken 1 900 _ ltac:(lia) R2)) as (W' & H & _ & Lo).
specialize (Lo ltac:(right; split; [lia | weaker NL])).
assert (E0 : rnd (0 * bpow radix2 (- k)) = 0) by (rewrite Rmult_0_l; apply rnd_0).
unfold approximates, in_band, scaled_carried. cbn [pair number error exponent]. rewrite E0, H.
split; [| split].
- exists (IZR n * bpow radix2 (- k)). split.
  + split; [exact W' |]. cbn [pair error number]. split; [apply double_0 |]. split; [lra |].
    replace (value (scaled_pair z (- k))) with (value z * bpow radix2 (- k)) by (unfold value; rewrite H, Lo;
      ring).
    rewrite Ev, Rminus_diag_eq, Rabs_R0 by reflexivity. lra.
  + cbn [exponent]. rewrite Rmult_assoc, <- bpow_plus. replace (- k + (0 + k))%Z with 0%Z by lia.
    change (bpow radix2 0) with 1. ring.
- split; [exact R2 |]. split; [now left |]. intros _.
  rewrite Lo, Rabs_mult, (Rabs_pos_eq (bpow _ _)) by apply bpow_ge_0.
  assert (Nk : no_less 64 (bpow radix2 (- k))) by (right; apply bpow_le; lia).
  assert (NN := no_less_mult _ _ _ _ NL Nk). weaker NN.
- apply Rmult_lt_0_compat; [lra | apply bpow_gt_0].
Qed.

(* ------------------------------------------------------------------- the inputs as the library makes them *)

Lemma from_integer_0 : approximates (from_integer 0) 0 /\ in_band 1 0 (pair (from_integer 0)) /\
  hi (number (pair (from_integer 0))) = 0.
Proof.
assert (E : from_integer 0 = Approximation (Carried (Unevaluated 0 0) 0) 0).
{ unfold from_integer. change (0 / 2 ^ 11)%Z with 0%Z. change (0 mod 2 ^ 11)%Z with 0%Z.
  assert (Z0 : fast_two_sum (rnd (0 * bpow radix2 11)) 0 = Unevaluated 0 0).
  { rewrite Rmult_0_l, rnd_0. unfold fast_two_sum.
    now rewrite !Rplus_0_r, !rnd_0, !Rminus_0_r, !rnd_0, Rminus_0_r, rnd_0. }
  rewrite Z0. unfold normalised. cbn [pair number hi]. destruct (Req_EM_T 0 0); [reflexivity | contradiction].
  }
rewrite E. split; [| split; [| reflexivity]].
- exists 0. split; [| cbn [exponent]; ring]. unfold stands_for, double_word, value.
  cbn [pair number error hi lo].
  rewrite Rplus_0_r, rnd_0, Rminus_0_r, Rabs_R0. repeat split; try apply double_0; lra.
- unfold in_band. cbn [pair number error hi lo]. split; [now left |]. split; [now left |].
  intros _. left. apply Rabs_R0.
Qed.

(** The leading bits of X: 53 and 63, of which the first is set unless all are 0;
  the rest, with what was cut off;
    and a remainder of at most the error *)
Record leading_bits (X : R) := {
  first_bits : Z; next_bits : Z; bits_exponent : Z; bits_error : R;
  rest_of_bits : R; remainder : R;
  bits_set : first_bits = 0%Z /\ next_bits = 0%Z /\ rest_of_bits = 0 \/ (2 ^ 52 <= first_bits < 2 ^ 53)%Z;
  next_below : (0 <= next_bits < 2 ^ 63)%Z;
  rest_below : 0 <= rest_of_bits <= bpow radix2 76;
  error_double : double bits_error;
  error_not_small : no_less 1 bits_error;
  remainder_below : Rabs remainder <= bits_error;
  bits_sum : X = (IZR first_bits * bpow radix2 139 + IZR next_bits * bpow radix2 76 + rest_of_bits +
    remainder)
    * bpow radix2 bits_exponent }.
Arguments first_bits {X}. Arguments next_bits {X}. Arguments bits_exponent {X}. Arguments bits_error {X}.

Definition from_bits {X} (b : leading_bits X) :=
  from_leading (first_bits b) (next_bits b) (bits_exponent b) (bits_error b).

Theorem from_bits_correct X (b : leading_bits X) :
  approximates (from_bits b) X /\ in_band 1 192 (pair (from_bits b)) /\
  (bits_error b = 0 \/ first_bits b <> 0%Z -> in_band 1 107 (pair (from_bits b))) /\
  0 <= hi (number (pair (from_bits b))) /\
  (first_bits b <> 0%Z -> 0 < hi (number (pair (from_bits b)))).
Proof.
destruct b as [f n e err t r F N T De Ne R E]. unfold from_bits.
cbn [first_bits next_bits bits_exponent bits_error].
assert (C := from_leading_correct f n e err t r F N T De Ne R). cbv zeta in C. rewrite <- E in C. exact C.
Qed.

(* ------------------------------------------------------------------------------ the library's scalars *)

(** What the scalars are made of: gg = |g|^2, p = <g, y>, yy = |y|^2, their product and determinant, the
    dimension and a parameter a *)
Inductive quantity := GG | P | YY | Gram_product | Gram_determinant | Dimension | One_less | One |
  Given_alpha.

(* the formulas of lib/kernels/fast_scalars.hpp *)
Definition cosine := Quotient (Quantity P) (Root (Quantity Gram_product)).
Definition sine_squared := Quotient (Quantity Gram_determinant) (Quantity Gram_product).
Definition sine := Root sine_squared.
Definition optimal_alpha := Quotient (Quantity YY) (Quantity P).
Definition ratio := Quotient (Quantity P) (Quantity GG).
Definition one_and_sine := Sum (Quantity One) sine.
Definition optimal_lambda_max := Product optimal_alpha one_and_sine.
Definition optimal_lambda_min := Quotient ratio one_and_sine.
Definition optimal_sqrt_condition := Quotient one_and_sine cosine.
Definition optimal_condition := Product optimal_sqrt_condition optimal_sqrt_condition.
Definition optimal_trace := Product (Quantity Dimension) optimal_alpha.
Definition optimal_frobenius_norm := Product optimal_alpha
  (Root (Sum (Quantity Dimension) (Shift sine_squared 1))).

Section Scalars.
Variable two_product : R -> R -> unevaluated.
Hypothesis TP : product_exact two_product.
Variables gg p yy a : R.
Variable D : R.
Hypothesis gg_positive : 0 < gg.
Hypothesis yy_positive : 0 < yy.
Hypothesis determinant_not_negative : p * p <= gg * yy.
Hypothesis D_at_least_1 : 1 <= D.

Definition real_quantity (i : quantity) : R :=
  match i with
  | GG => gg | P => p | YY => yy
  | Gram_product => gg * yy
  | Gram_determinant => gg * yy - p * p
  | Dimension => D
  | One_less => D - 1
  | One => 1
  | Given_alpha => a
  end.

(* The bands of their approximations. Gram_determinant may be a difference and 0 but for its error; a is a
   double, or computed from a trace. *)
Definition width (i : quantity) : Z := match i with Given_alpha => 10 | _ => 1 end.
Definition error_band (i : quantity) : Z :=
  match i with Gram_determinant => 192 | Dimension | One_less | One => 0 | Given_alpha => 115 | _ => 107 end.

Variable given : quantity -> approximation.
Hypothesis given_right : forall i, approximates (given i) (real_quantity i).
Hypothesis given_in_band : forall i, in_band (width i) (error_band i) (pair (given i)).

(* What the library returns without further computation *)
Definition decided (e : formula quantity) (out : R) :=
  exists r, evaluate two_product quantity given e = Some r /\ accepts r out.

Notation fits := (fits two_product quantity given real_quantity).
Notation positive := (positive two_product quantity given).
Notation not_zero := (not_zero two_product quantity given).

Lemma fits_decided d k e out : fits d k e -> (d <= 1000)%Z -> (k <= 900)%Z -> decided e out ->
  out = rnd (exact real_quantity e) /\ Rabs out < bpow radix2 1024.
Proof. intros F Hd Hk (r & E & A). now apply (fits_accepted two_product TP quantity given real_quantity
  given_right d k e r). Qed.

Lemma fits_given i : fits (width i) (error_band i) (Quantity i).
Proof. split; [exact I |]. intros r [= <-]. apply given_in_band. Qed.

Lemma product_positive : 0 < gg * yy.
Proof. now apply Rmult_lt_0_compat. Qed.

Lemma sine_squared_not_negative : 0 <= (gg * yy - p * p) / (gg * yy).
Proof.
assert (H := product_positive). apply Rmult_le_pos; [lra | now apply Rlt_le, Rinv_0_lt_compat].
Qed.

Lemma positive_given i : 0 < hi (number (pair (given i))) -> positive (Quantity i).
Proof. intros H r [= <-]. exact H. Qed.

Ltac side := first [lia | reflexivity | split; lia].

Lemma fits_root_product : fits 2 107 (Root (Quantity Gram_product)).
Proof.
apply (fits_root two_product TP quantity given real_quantity given_right 1 107 1); try side.
- apply (fits_given Gram_product).
- apply Rlt_le, product_positive.
Qed.

Lemma fits_cosine : fits 4 109 cosine.
Proof.
apply (fits_quotient two_product TP quantity given real_quantity given_right 1 107 2 107); try side.
- apply (fits_given P).
- apply fits_root_product.
Qed.

Lemma fits_sine_squared : fits 3 193 sine_squared.
Proof.
apply (fits_quotient two_product TP quantity given real_quantity given_right 1 192 1 107); try side.
- apply (fits_given Gram_determinant).
- apply (fits_given Gram_product).
Qed.

Lemma fits_sine : fits 3 108 sine.
Proof.
apply (fits_root two_product TP quantity given real_quantity given_right 3 193 2); try side.
- apply fits_sine_squared.
- exact sine_squared_not_negative.
Qed.

Lemma fits_one_and_sine : fits 8 238 one_and_sine.
Proof.
apply (fits_sum two_product TP quantity given real_quantity given_right 3 108); try side.
- apply (fits_weaken two_product quantity given real_quantity 1 0); [lia | lia | apply (fits_given One)].
- apply fits_sine.
Qed.

Lemma fits_alpha : fits 3 108 optimal_alpha.
Proof.
apply (fits_quotient two_product TP quantity given real_quantity given_right 1 107 1 107); try side.
- apply (fits_given YY).
- apply (fits_given P).
Qed.

Lemma fits_ratio : fits 3 108 ratio.
Proof.
apply (fits_quotient two_product TP quantity given real_quantity given_right 1 107 1 107); try side.
- apply (fits_given P).
- apply (fits_given GG).
Qed.

Lemma fits_lambda_max : fits 12 346 optimal_lambda_max.
Proof.
apply (fits_product two_product TP quantity given real_quantity given_right 3 108 8 238); try side.
- apply fits_alpha.
- apply fits_one_and_sine.
Qed.

Lemma fits_lambda_min : fits 12 117 optimal_lambda_min.
Proof.
apply (fits_quotient two_product TP quantity given real_quantity given_right 3 108 8 238); try side.
- apply fits_ratio.
- apply fits_one_and_sine.
Qed.

Lemma fits_sqrt_condition : fits 13 242 optimal_sqrt_condition.
Proof.
apply (fits_quotient two_product TP quantity given real_quantity given_right 8 238 4 109); try side.
- apply fits_one_and_sine.
- apply fits_cosine.
Qed.

Lemma fits_condition : fits 27 484 optimal_condition.
Proof.
apply (fits_product two_product TP quantity given real_quantity given_right 13 242 13 242); try side;
  apply fits_sqrt_condition.
Qed.

Lemma fits_trace : fits 5 110 optimal_trace.
Proof.
apply (fits_product two_product TP quantity given real_quantity given_right 1 0 3 108); try side.
- apply (fits_given Dimension).
- apply fits_alpha.
Qed.

Lemma fits_frobenius_norm : fits 10 270 optimal_frobenius_norm.
Proof.
assert (F : fits 8 323 (Sum (Quantity Dimension) (Shift sine_squared 1))).
{ apply (fits_sum two_product TP quantity given real_quantity given_right 3 193); try side.
  - apply (fits_weaken two_product quantity given real_quantity 1 0);
    [lia | lia | apply (fits_given Dimension)].
  - apply fits_shift, fits_sine_squared. }
apply (fits_product two_product TP quantity given real_quantity given_right 3 108 6 162); try side.
- apply fits_alpha.
- apply (fits_root two_product TP quantity given real_quantity given_right 8 323 5); try side; trivial.
  cbn [exact sine_squared real_quantity]. assert (S := sine_squared_not_negative).
  change (bpow radix2 1) with 2. lra.
Qed.

Lemma sine_le_1 : sqrt ((gg * yy - p * p) / (gg * yy)) <= 1.
Proof.
assert (H := product_positive). rewrite <- sqrt_1. apply sqrt_le_1_alt. apply Rmult_le_reg_r with (1 := H).
unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. assert (0 <= p * p) by apply Rle_0_sqr. lra.
Qed.

Lemma one_minus_sine_squared :
  let s := sqrt ((gg * yy - p * p) / (gg * yy)) in (1 - s) * (1 + s) = p * p / (gg * yy).
Proof.
cbv zeta. assert (H := product_positive). assert (S := sqrt_sqrt _ sine_squared_not_negative).
set (s := sqrt _) in *. replace ((1 - s) * (1 + s)) with (1 - s * s) by ring. rewrite S. field. lra.
Qed.

(** What the library decides for each scalar is the double nearest to its exact value *)
Theorem cosine_correct out : decided cosine out -> out = rnd (p / sqrt (gg * yy)).
Proof. intros H. now apply (fits_decided _ _ _ _ fits_cosine). Qed.

Theorem sine_correct out : decided sine out -> out = rnd (sqrt ((gg * yy - p * p) / (gg * yy))).
Proof. intros H. now apply (fits_decided _ _ _ _ fits_sine). Qed.

Theorem optimal_alpha_correct out : decided optimal_alpha out -> out = rnd (yy / p).
Proof. intros H. now apply (fits_decided _ _ _ _ fits_alpha). Qed.

Theorem optimal_lambda_max_correct out : decided optimal_lambda_max out ->
  out = rnd (yy / p * (1 + sqrt ((gg * yy - p * p) / (gg * yy)))).
Proof. intros H. now apply (fits_decided _ _ _ _ fits_lambda_max). Qed.

(** (p/gg)/(1 + s) is a (1 - s) *)
Theorem optimal_lambda_min_correct out : p <> 0 -> decided optimal_lambda_min out ->
  out = rnd (yy / p * (1 - sqrt ((gg * yy - p * p) / (gg * yy)))).
Proof.
intros NP H. replace (yy / p * (1 - sqrt ((gg * yy - p * p) / (gg * yy)))) with
  (exact real_quantity optimal_lambda_min).
- now apply (fits_decided _ _ _ _ fits_lambda_min).
- cbn [exact optimal_lambda_min ratio one_and_sine sine sine_squared real_quantity].
  assert (E := one_minus_sine_squared). cbv zeta in E. assert (S := sqrt_pos ((gg * yy - p * p) / (gg * yy))).
  set (s := sqrt _) in *. assert (N1 : 1 + s <> 0) by lra.
  apply Rmult_eq_reg_r with (1 + s); [| exact N1]. rewrite (Rmult_assoc (yy / p)), E. field.
  repeat split; lra.
Qed.

Theorem optimal_trace_correct out : decided optimal_trace out -> out = rnd (D * (yy / p)).
Proof. intros H. now apply (fits_decided _ _ _ _ fits_trace). Qed.

Theorem optimal_frobenius_norm_correct out : decided optimal_frobenius_norm out ->
  out = rnd (yy / p * sqrt (D + (gg * yy - p * p) / (gg * yy) * 2)).
Proof. intros H. now apply (fits_decided _ _ _ _ fits_frobenius_norm). Qed.

(** (1 + s)/c is the square root of (1 + s)/(1 - s), and that is the condition number *)
Theorem optimal_condition_correct out : p <> 0 -> decided optimal_condition out ->
  let s := sqrt ((gg * yy - p * p) / (gg * yy)) in out = rnd ((1 + s) / (1 - s)).
Proof.
intros NP H s. replace ((1 + s) / (1 - s)) with (exact real_quantity optimal_condition).
- now apply (fits_decided _ _ _ _ fits_condition).
- cbn [exact optimal_condition optimal_sqrt_condition cosine one_and_sine sine sine_squared real_quantity].
  fold s.
  assert (E := one_minus_sine_squared). cbv zeta in E. fold s in E. assert (S : 0 <= s) by apply sqrt_pos.
  assert (H0 := product_positive). assert (Q := sqrt_sqrt (gg * yy) (Rlt_le _ _ H0)).
  assert (PQ : 0 < sqrt (gg * yy)) by now apply sqrt_lt_R0. set (q := sqrt (gg * yy)) in *.
  rewrite <- Q in E.
  assert (N1 : 1 - s <> 0).
  { intros Z. rewrite Z, Rmult_0_l in E. symmetry in E. apply Rmult_integral in E. destruct E as [E | E].
    - apply Rmult_integral in E. tauto.
    - apply Rinv_neq_0_compat in E; [exact E |]. apply Rmult_integral_contrapositive_currified; lra. }
  apply Rmult_eq_reg_r with (1 - s); [| exact N1].
  transitivity (1 + s); [| field; exact N1].
  transitivity ((1 + s) * ((1 - s) * (1 + s)) / (p / q * (p / q))).
  + field. split; lra.
  + rewrite E. field. split; lra.
Qed.

Theorem optimal_sqrt_condition_correct out : 0 < p -> decided optimal_sqrt_condition out ->
  let s := sqrt ((gg * yy - p * p) / (gg * yy)) in out = rnd (sqrt ((1 + s) / (1 - s))).
Proof.
intros PP H s. replace (sqrt ((1 + s) / (1 - s))) with (exact real_quantity optimal_sqrt_condition).
- now apply (fits_decided _ _ _ _ fits_sqrt_condition).
- cbn [exact optimal_sqrt_condition cosine one_and_sine sine sine_squared real_quantity]. fold s.
  assert (E := one_minus_sine_squared). cbv zeta in E. fold s in E. assert (S : 0 <= s) by apply sqrt_pos.
  assert (S1 := sine_le_1). fold s in S1.
  assert (H0 := product_positive). assert (Q := sqrt_sqrt (gg * yy) (Rlt_le _ _ H0)).
  assert (PQ : 0 < sqrt (gg * yy)) by now apply sqrt_lt_R0. set (q := sqrt (gg * yy)) in *.
  assert (PC : 0 < p / q) by (apply Rmult_lt_0_compat; [exact PP | now apply Rinv_0_lt_compat]).
  assert (N1 : 1 - s <> 0).
  { intros Z. rewrite Z, Rmult_0_l, <- Q in E. replace (p * p / (q * q)) with (p / q * (p / q)) in E by
    (field; lra).
    assert (0 < p / q * (p / q)) by now apply Rmult_lt_0_compat. lra. }
  symmetry. apply sqrt_lem_1.
  + apply Rmult_le_pos; [lra | apply Rlt_le, Rinv_0_lt_compat; lra].
  + apply Rmult_le_pos; [lra | now apply Rlt_le, Rinv_0_lt_compat].
  + apply Rmult_eq_reg_r with (1 - s); [| exact N1].
    transitivity (1 + s); [| field; exact N1].
    transitivity ((1 + s) * ((1 - s) * (1 + s)) / (p / q * (p / q))).
    * field. split; lra.
    * rewrite E, <- Q. field. split; lra.
Qed.

(** For a given parameter a, not the optimal one. The scalars' formulas hold a difference, a - yy/p. *)
Definition given_alpha := Quantity Given_alpha.
Definition mixed := Product (Product given_alpha optimal_alpha) sine_squared.
Definition sum_of_alphas := Sum given_alpha optimal_alpha.
Definition difference_of_alphas := Sum given_alpha (Opposite optimal_alpha).
Definition gap := Root (Sum (Product difference_of_alphas difference_of_alphas) (Shift mixed 2)).
Definition product_of_eigenvalues := Product given_alpha ratio.
Definition lambda_max := Shift (Sum sum_of_alphas gap) (-1).
Definition lambda_min := Quotient product_of_eigenvalues lambda_max.
Definition sqrt_condition := Quotient lambda_max (Root product_of_eigenvalues).
Definition condition := Quotient (Product lambda_max lambda_max) product_of_eigenvalues.
Definition trace := Sum optimal_alpha (Product (Quantity One_less) given_alpha).
Definition frobenius_norm :=
  Root (Sum (Sum (Product optimal_alpha optimal_alpha)
    (Product (Quantity One_less) (Product given_alpha given_alpha)))
            (Shift mixed 1)).

Hypothesis p_positive : 0 < p.
Hypothesis a_positive : 0 < a.
Hypothesis leading_positive : forall i, i = GG \/ i = P \/ i = YY \/ i = Given_alpha ->
  0 < hi (number (pair (given i))).
Lemma positive_alpha : positive given_alpha.
Proof. apply positive_given, leading_positive. auto. Qed.

Lemma positive_star : positive optimal_alpha.
Proof.
apply (positive_quotient two_product TP quantity given real_quantity given_right 1 107 1 107); try side.
- apply (fits_given YY).
- apply (fits_given P).
- apply positive_given, leading_positive. auto.
- apply positive_given, leading_positive. auto.
Qed.

Lemma positive_ratio : positive ratio.
Proof.
apply (positive_quotient two_product TP quantity given real_quantity given_right 1 107 1 107); try side.
- apply (fits_given P).
- apply (fits_given GG).
- apply positive_given, leading_positive. auto.
- apply positive_given, leading_positive. auto.
Qed.

Lemma fits_given_alpha : fits 10 115 given_alpha.
Proof. apply (fits_given Given_alpha). Qed.

Lemma fits_mixed : fits 18 312 mixed.
Proof.
apply (fits_product two_product TP quantity given real_quantity given_right 14 119 3 193); try side.
- apply (fits_product_not_zero two_product TP quantity given real_quantity given_right 10 115 3 108);
    try side.
  + apply fits_given_alpha.
  + apply fits_alpha.
  + apply positive_not_zero, positive_alpha.
  + apply positive_not_zero, positive_star.
- apply fits_sine_squared.
Qed.

Lemma fits_sum_of_alphas : fits 12 140 sum_of_alphas.
Proof.
apply (fits_sum_not_zero two_product TP quantity given real_quantity given_right 10 115); try side.
- apply fits_given_alpha.
- apply (fits_weaken two_product quantity given real_quantity 3 108); [lia | lia | apply fits_alpha].
- apply positive_not_zero, positive_alpha.
- apply positive_not_zero, positive_star.
Qed.

Lemma fits_difference : fits 12 140 difference_of_alphas.
Proof.
apply (fits_sum_not_zero two_product TP quantity given real_quantity given_right 10 115); try side.
- apply fits_given_alpha.
- apply (fits_weaken two_product quantity given real_quantity 3 108); [lia | lia |].
  apply fits_opposite, fits_alpha.
- apply positive_not_zero, positive_alpha.
- apply not_zero_opposite, positive_not_zero, positive_star.
Qed.

Lemma gap_real : exact real_quantity (Sum (Product difference_of_alphas difference_of_alphas)
  (Shift mixed 2)) =
  (a - yy / p) * (a - yy / p) + a * (yy / p) * ((gg * yy - p * p) / (gg * yy)) * 4.
Proof.
cbn [exact difference_of_alphas mixed given_alpha optimal_alpha sine_squared real_quantity].
change (bpow radix2 2) with 4. ring.
Qed.

Lemma star_positive : 0 < yy / p.
Proof. apply Rmult_lt_0_compat; [exact yy_positive | now apply Rinv_0_lt_compat]. Qed.

Lemma mixed_not_negative : 0 <= a * (yy / p) * ((gg * yy - p * p) / (gg * yy)).
Proof.
assert (S := star_positive). apply Rmult_le_pos; [| exact sine_squared_not_negative]. apply Rmult_le_pos; lra.
Qed.

Lemma fits_gap : fits 15 221 gap.
Proof.
apply (fits_root two_product TP quantity given real_quantity given_right 27 442 14); try side.
- apply (fits_sum two_product TP quantity given real_quantity given_right 25 312); try side.
  + apply (fits_weaken two_product quantity given real_quantity 25 280); [lia | lia |].
    apply (fits_product two_product TP quantity given real_quantity given_right 12 140 12 140); try side;
    exact fits_difference.
  + apply (fits_weaken two_product quantity given real_quantity 18 312); [lia | lia |].
    apply fits_shift, fits_mixed.
- rewrite gap_real. assert (M := mixed_not_negative). assert (S := Rle_0_sqr (a - yy / p)). unfold Rsqr in S.
  lra.
Qed.

Lemma fits_largest : fits 17 351 lambda_max.
Proof.
apply fits_shift.
apply (fits_sum two_product TP quantity given real_quantity given_right 15 221); try side; [| exact fits_gap].
apply (fits_weaken two_product quantity given real_quantity 12 140); [lia | lia | exact fits_sum_of_alphas].
Qed.

Lemma fits_product_of_eigenvalues : fits 14 119 product_of_eigenvalues.
Proof.
apply (fits_product_not_zero two_product TP quantity given real_quantity given_right 10 115 3 108); try side.
- apply fits_given_alpha.
- apply fits_ratio.
- apply positive_not_zero, positive_alpha.
- apply positive_not_zero, positive_ratio.
Qed.

Lemma fits_smallest : fits 32 137 lambda_min.
Proof.
apply (fits_quotient two_product TP quantity given real_quantity given_right 14 119 17 351); try side.
- apply fits_product_of_eigenvalues.
- apply fits_largest.
Qed.

Lemma product_real : exact real_quantity product_of_eigenvalues = a * (p / gg).
Proof. reflexivity. Qed.

Lemma product_of_eigenvalues_positive : 0 < a * (p / gg).
Proof. repeat apply Rmult_lt_0_compat; trivial. now apply Rinv_0_lt_compat. Qed.

Lemma fits_sqrt_condition_of_alpha : fits 27 360 sqrt_condition.
Proof.
apply (fits_quotient two_product TP quantity given real_quantity given_right 17 351 9 114); try side.
- apply fits_largest.
- apply (fits_root two_product TP quantity given real_quantity given_right 14 119 8); try side.
  + apply fits_product_of_eigenvalues.
  + rewrite product_real. apply Rlt_le, product_of_eigenvalues_positive.
Qed.

Lemma fits_condition_of_alpha : fits 50 716 condition.
Proof.
apply (fits_quotient two_product TP quantity given real_quantity given_right 35 702 14 119); try side.
- apply (fits_product two_product TP quantity given real_quantity given_right 17 351 17 351); try side;
    apply fits_largest.
- apply fits_product_of_eigenvalues.
Qed.

Lemma fits_trace_of_alpha : fits 14 247 trace.
Proof.
apply (fits_sum two_product TP quantity given real_quantity given_right 12 117); try side.
- apply (fits_weaken two_product quantity given real_quantity 3 108); [lia | lia | apply fits_alpha].
- apply (fits_product two_product TP quantity given real_quantity given_right 1 0 10 115); try side.
  + apply (fits_given One_less).
  + apply fits_given_alpha.
Qed.

Lemma fits_frobenius_norm_of_alpha : fits 15 238 frobenius_norm.
Proof.
apply (fits_root two_product TP quantity given real_quantity given_right 27 476 14); try side.
- apply (fits_sum two_product TP quantity given real_quantity given_right 25 346); try side.
  + apply (fits_sum two_product TP quantity given real_quantity given_right 23 216); try side.
    * apply (fits_weaken two_product quantity given real_quantity 7 216); [lia | lia |].
      apply (fits_product two_product TP quantity given real_quantity given_right 3 108 3 108); try side;
        apply fits_alpha.
    * apply (fits_weaken two_product quantity given real_quantity 23 128); [lia | lia |].
      apply (fits_product two_product TP quantity given real_quantity given_right 1 0 21 126); try side;
        [apply (fits_given One_less) |].
      apply (fits_product_not_zero two_product TP quantity given real_quantity given_right 10 115 10 115);
        try side; first [apply fits_given_alpha | apply positive_not_zero, positive_alpha].
  + apply (fits_weaken two_product quantity given real_quantity 18 312); [lia | lia |].
    apply fits_shift, fits_mixed.
- cbn [exact optimal_alpha given_alpha mixed sine_squared real_quantity]. change (bpow radix2 1) with 2.
  assert (M := mixed_not_negative). assert (S := Rle_0_sqr (yy / p)). unfold Rsqr in S.
  assert (T : 0 <= (D - 1) * (a * a)) by (apply Rmult_le_pos; [lra | apply Rle_0_sqr]). lra.
Qed.

(* lambda_max and lambda_min of the metric with parameter a *)
Definition real_gap :=
  sqrt ((a - yy / p) * (a - yy / p) + a * (yy / p) * ((gg * yy - p * p) / (gg * yy)) * 4).

Lemma lambda_max_real : exact real_quantity lambda_max = (a + yy / p + real_gap) / 2.
Proof.
cbn [exact lambda_max sum_of_alphas given_alpha optimal_alpha real_quantity].
change (exact real_quantity gap) with
  (sqrt (exact real_quantity (Sum (Product difference_of_alphas difference_of_alphas) (Shift mixed 2)))).
rewrite gap_real. fold real_gap. change (bpow radix2 (-1)) with (/ 2). reflexivity.
Qed.

Lemma product_of_both : (a + yy / p + real_gap) / 2 * ((a + yy / p - real_gap) / 2) = a * (p / gg).
Proof.
assert (M := mixed_not_negative). assert (Q := Rle_0_sqr (a - yy / p)). unfold Rsqr in Q.
assert (S := sqrt_sqrt ((a - yy / p) * (a - yy / p) + a * (yy / p) *
  ((gg * yy - p * p) / (gg * yy)) * 4) ltac:(lra)).
fold real_gap in S.
replace ((a + yy / p + real_gap) / 2 * ((a + yy / p - real_gap) / 2)) with
  (((a + yy / p) * (a + yy / p) - real_gap * real_gap) / 4) by (field; lra).
rewrite S. field. repeat split; lra.
Qed.

Lemma lambda_max_positive : 0 < (a + yy / p + real_gap) / 2.
Proof. assert (S := star_positive). assert (G : 0 <= real_gap) by apply sqrt_pos. lra. Qed.

Lemma lambda_min_real : exact real_quantity lambda_min = (a + yy / p - real_gap) / 2.
Proof.
change (exact real_quantity lambda_min) with
  (exact real_quantity product_of_eigenvalues / exact real_quantity lambda_max).
rewrite lambda_max_real, product_real, <- product_of_both. assert (L := lambda_max_positive).
set (l := (a + yy / p + real_gap) / 2) in *. set (m := (a + yy / p - real_gap) / 2). field. lra.
Qed.

Theorem lambda_max_correct out : decided lambda_max out -> out = rnd ((a + yy / p + real_gap) / 2).
Proof. intros H. rewrite <- lambda_max_real. now apply (fits_decided _ _ _ _ fits_largest). Qed.

Theorem lambda_min_correct out : decided lambda_min out -> out = rnd ((a + yy / p - real_gap) / 2).
Proof. intros H. rewrite <- lambda_min_real. now apply (fits_decided _ _ _ _ fits_smallest). Qed.

Theorem condition_correct out : decided condition out ->
  out = rnd ((a + yy / p + real_gap) / 2 / ((a + yy / p - real_gap) / 2)).
Proof.
intros H. rewrite <- lambda_max_real, <- lambda_min_real.
replace (exact real_quantity lambda_max / exact real_quantity lambda_min) with
  (exact real_quantity condition).
- now apply (fits_decided _ _ _ _ fits_condition_of_alpha).
- change (exact real_quantity condition) with
    (exact real_quantity lambda_max * exact real_quantity lambda_max / exact real_quantity
      product_of_eigenvalues).
  change (exact real_quantity lambda_min) with
    (exact real_quantity product_of_eigenvalues / exact real_quantity lambda_max).
  rewrite product_real, lambda_max_real. assert (L := lambda_max_positive).
  assert (E := product_of_eigenvalues_positive).
  set (l := (a + yy / p + real_gap) / 2) in *. set (e := a * (p / gg)) in *. field. split; lra.
Qed.

Theorem sqrt_condition_correct out : decided sqrt_condition out ->
  out = rnd (sqrt ((a + yy / p + real_gap) / 2 / ((a + yy / p - real_gap) / 2))).
Proof.
intros H. rewrite <- lambda_max_real, <- lambda_min_real.
replace (sqrt (exact real_quantity lambda_max / exact real_quantity lambda_min)) with
  (exact real_quantity sqrt_condition).
- now apply (fits_decided _ _ _ _ fits_sqrt_condition_of_alpha).
- change (exact real_quantity sqrt_condition) with
    (exact real_quantity lambda_max / sqrt (exact real_quantity product_of_eigenvalues)).
  change (exact real_quantity lambda_min) with
    (exact real_quantity product_of_eigenvalues / exact real_quantity lambda_max).
  rewrite product_real, lambda_max_real. assert (L := lambda_max_positive).
  assert (E := product_of_eigenvalues_positive).
  set (l := (a + yy / p + real_gap) / 2) in *. set (e := a * (p / gg)) in *.
  replace (l / (e / l)) with (l * l / e) by (field; lra). rewrite sqrt_div, sqrt_square; trivial; try lra.
  apply Rmult_le_pos; lra.
Qed.

Theorem trace_correct out : decided trace out -> out = rnd (yy / p + (D - 1) * a).
Proof. intros H. now apply (fits_decided _ _ _ _ fits_trace_of_alpha). Qed.

Theorem frobenius_norm_correct out : decided frobenius_norm out ->
  out = rnd (sqrt (yy / p * (yy / p) + (D - 1) * (a * a) + a * (yy / p) *
    ((gg * yy - p * p) / (gg * yy)) * 2)).
Proof. intros H. now apply (fits_decided _ _ _ _ fits_frobenius_norm_of_alpha). Qed.
End Scalars.

(** A parameter that is computed from a trace T > 0: a = (T - yy/p)/(D - 1). What is given in its place is T;
    the scalars are returned only if what is computed is certainly positive, and with it. *)
Definition alpha_of_trace := Quotient difference_of_alphas (Quantity One_less).

(* In the code 2 error is exact: a multiplication by 2 *)
Definition certainly_positive (x : approximation) := 2 * error (pair x) < hi (number (pair x)).

Definition with_alpha (given : quantity -> approximation) (x : approximation) (i : quantity) :=
  match i with Given_alpha => x | _ => given i end.

(** What is certainly positive stands for a positive number. *)
Theorem certainly_positive_correct x X : approximates x X -> certainly_positive x ->
  0 < X /\ 0 < hi (number (pair x)).
Proof.
intros (V & (W & _ & P & E) & ->) C. unfold certainly_positive in C. assert (L := low_part_small _ W).
unfold value in E. rewrite (Rabs_pos_eq (hi _)) in L by lra. split; [| lra].
apply Rmult_lt_0_compat; [| apply bpow_gt_0]. inv L; inv E. unfold u in *. lra.
Qed.

Section Trace.
Variable two_product : R -> R -> unevaluated.
Hypothesis TP : product_exact two_product.
Variables gg p yy T D : R.
Hypothesis gg_positive : 0 < gg.
Hypothesis yy_positive : 0 < yy.
Hypothesis determinant_not_negative : p * p <= gg * yy.
Hypothesis D_at_least_1 : 1 <= D.
Variable given : quantity -> approximation.
Hypothesis given_right : forall i, approximates (given i) (real_quantity gg p yy T D i).
Hypothesis given_in_band : forall i, in_band (width i) (error_band i) (pair (given i)).
Hypothesis p_positive : 0 < p.
Hypothesis leading_positive : forall i, i = GG \/ i = P \/ i = YY \/ i = Given_alpha ->
  0 < hi (number (pair (given i))).
Hypothesis trace_in_band : in_band 1 0 (pair (given Given_alpha)).

Notation fits := (fits two_product quantity given (real_quantity gg p yy T D)).

Lemma fits_difference_from_trace : fits 8 133 difference_of_alphas.
Proof.
apply (fits_sum_not_zero two_product TP quantity given _ given_right 3 108); try lia.
- apply (fits_weaken two_product quantity given _ 1 0); [lia | lia |]. split; [exact I |].
  intros r [= <-]. exact trace_in_band.
- apply fits_opposite, (fits_alpha two_product TP gg p yy T D given given_right given_in_band).
- now apply positive_not_zero, positive_alpha.
- apply not_zero_opposite, positive_not_zero.
  now apply (positive_star two_product TP gg p yy T D given given_right given_in_band).
Qed.

Lemma fits_alpha_of_trace : fits 10 134 alpha_of_trace.
Proof.
apply (fits_quotient two_product TP quantity given _ given_right 8 133 1 0); try lia.
- exact fits_difference_from_trace.
- apply (fits_given _ gg p yy T D given given_in_band One_less).
Qed.

(* The parameter *)
Definition a_of_trace := (T - yy / p) / (D - 1).

(** The hypotheses of the section Scalars hold of the computed parameter. *)
Theorem alpha_of_trace_right x : evaluate two_product quantity given alpha_of_trace = Some x ->
  certainly_positive x ->
  (forall i, approximates (with_alpha given x i) (real_quantity gg p yy a_of_trace D i)) /\
  (forall i, in_band (width i) (error_band i) (pair (with_alpha given x i))) /\
  (forall i, i = GG \/ i = P \/ i = YY \/ i = Given_alpha -> 0 < hi (number (pair (with_alpha given x i)))) /\
  0 < a_of_trace.
Proof.
intros E C.
assert (A := evaluation_correct two_product TP quantity given _ given_right _ _
  (proj1 fits_alpha_of_trace) E).
change (exact _ alpha_of_trace) with ((T + - (yy / p)) / (D - 1)) in A.
change (T + - (yy / p)) with (T - yy / p) in A. fold a_of_trace in A.
destruct (certainly_positive_correct _ _ A C) as [Pa Ph].
assert (B : in_band 10 115 (pair x)).
{ apply (quotient_not_zero two_product TP quantity given _ given_right 8 133 1 0 _ _ _
    fits_difference_from_trace (fits_given _ gg p yy T D given given_in_band One_less));
    trivial; lia || lra. }
split; [| split; [| split; [| exact Pa]]].
- intros i. assert (G := given_right i). destruct i; trivial.
- intros i. assert (G := given_in_band i). destruct i; trivial.
- intros i Hi. assert (G := leading_positive i Hi). destruct i; trivial.
Qed.

(* What the library returns for a given trace. The trace itself it returns as it is. *)
Definition decided_of_trace (e : formula quantity) (out : R) :=
  exists x, evaluate two_product quantity given alpha_of_trace = Some x /\ certainly_positive x /\
  decided two_product (with_alpha given x) e out.

(** For a given trace, what the library decides for the parameter is the double nearest to its exact value. *)
Theorem alpha_of_trace_correct out : decided_of_trace given_alpha out -> out = rnd ((T - yy / p) / (D - 1)).
Proof.
intros (x & E & C & Dec). destruct (alpha_of_trace_right x E C) as (R & B & L & Pa).
now apply (fits_decided two_product TP _ _ _ _ _ _ R _ _ _ _
  (fits_given_alpha two_product _ _ _ _ _ _ B)).
Qed.

(** For a given trace: the greatest eigenvalue *)
Theorem lambda_max_of_trace_correct out : decided_of_trace lambda_max out ->
  let a := (T - yy / p) / (D - 1) in out = rnd ((a + yy / p + real_gap gg p yy a) / 2).
Proof.
intros (x & E & C & Dec). destruct (alpha_of_trace_right x E C) as (R & B & L & Pa).
now apply (lambda_max_correct two_product TP gg p yy a_of_trace D) with (with_alpha given x).
Qed.

(** For a given trace: the least eigenvalue, as d/lambda_max, d = a p/gg the product of both *)
Theorem lambda_min_of_trace_correct out : decided_of_trace lambda_min out ->
  let a := (T - yy / p) / (D - 1) in out = rnd ((a + yy / p - real_gap gg p yy a) / 2).
Proof.
intros (x & E & C & Dec). destruct (alpha_of_trace_right x E C) as (R & B & L & Pa).
now apply (lambda_min_correct two_product TP gg p yy a_of_trace D) with (with_alpha given x).
Qed.

(** For a given trace: their quotient *)
Theorem condition_of_trace_correct out : decided_of_trace condition out ->
  let a := (T - yy / p) / (D - 1) in
  out = rnd ((a + yy / p + real_gap gg p yy a) / 2 / ((a + yy / p - real_gap gg p yy a) / 2)).
Proof.
intros (x & E & C & Dec). destruct (alpha_of_trace_right x E C) as (R & B & L & Pa).
now apply (condition_correct two_product TP gg p yy a_of_trace D) with (with_alpha given x).
Qed.

(** For a given trace: its square root *)
Theorem sqrt_condition_of_trace_correct out : decided_of_trace sqrt_condition out ->
  let a := (T - yy / p) / (D - 1) in
  out = rnd (sqrt ((a + yy / p + real_gap gg p yy a) / 2 / ((a + yy / p - real_gap gg p yy a) / 2))).
Proof.
intros (x & E & C & Dec). destruct (alpha_of_trace_right x E C) as (R & B & L & Pa).
now apply (sqrt_condition_correct two_product TP gg p yy a_of_trace D) with (with_alpha given x).
Qed.

(** For a given trace: the Frobenius norm *)
Theorem frobenius_norm_of_trace_correct out : decided_of_trace frobenius_norm out ->
  let a := (T - yy / p) / (D - 1) in
  out = rnd (sqrt (yy / p * (yy / p) + (D - 1) * (a * a) + a * (yy / p) *
    ((gg * yy - p * p) / (gg * yy)) * 2)).
Proof.
intros (x & E & C & Dec). destruct (alpha_of_trace_right x E C) as (R & B & L & Pa).
now apply (frobenius_norm_correct two_product TP gg p yy a_of_trace D) with (with_alpha given x).
Qed.
End Trace.

(** The hypotheses of the sections hold of what the library reads from a Gram: the leading bits of gg, p, yy
    without an error, of gg yy and gg yy - p^2 with one, the dimension n and the number a that is given, a
    parameter or a trace *)
Section Library.
Variables (gg p yy a : R) (n : Z).
Hypothesis a_double : double a.
Hypothesis a_positive : 0 < a.
Hypothesis n_range : (0 < n < 2 ^ 64)%Z.
Variables (bits_of_gg : leading_bits gg) (bits_of_p : leading_bits p) (bits_of_yy : leading_bits yy).
Variables (bits_of_product : leading_bits (gg * yy)) (bits_of_determinant : leading_bits (gg * yy - p * p)).
Hypothesis leading_set : first_bits bits_of_gg <> 0%Z /\ first_bits bits_of_p <> 0%Z /\ first_bits bits_of_yy
  <> 0%Z /\
  first_bits bits_of_product <> 0%Z.

Definition library_given (i : quantity) : approximation :=
  match i with
  | GG => from_bits bits_of_gg | P => from_bits bits_of_p | YY => from_bits bits_of_yy
  | Gram_product => from_bits bits_of_product
  | Gram_determinant => from_bits bits_of_determinant
  | Dimension => from_integer n
  | One_less => from_integer (n - 1)
  | One => from_double 1
  | Given_alpha => from_double a
  end.

Theorem library_inputs_right :
  (forall i, approximates (library_given i) (real_quantity gg p yy a (IZR n) i)) /\
  (forall i, in_band (width i) (error_band i) (pair (library_given i))) /\
  (forall i, i <> Gram_determinant -> i <> One_less -> 0 < hi (number (pair (library_given i)))) /\
  (forall i, 0 <= hi (number (pair (library_given i)))).
Proof.
destruct leading_set as (S1 & S2 & S3 & S4).
destruct (from_bits_correct _ bits_of_gg) as (A1 & _ & B1 & _ & P1).
destruct (from_bits_correct _ bits_of_p) as (A2 & _ & B2 & _ & P2).
destruct (from_bits_correct _ bits_of_yy) as (A3 & _ & B3 & _ & P3).
destruct (from_bits_correct _ bits_of_product) as (A4 & _ & B4 & _ & P4).
destruct (from_bits_correct _ bits_of_determinant) as (A5 & B5 & _ & P5 & _).
destruct (from_integer_correct n n_range) as (A6 & B6 & P6).
assert (D1 : double 1) by (change 1 with (bpow radix2 0); apply double_bpow; lia).
destruct (from_double_correct 1 D1 ltac:(lra)) as (A8 & B8 & P8).
destruct (from_double_correct a a_double ltac:(lra)) as (A9 & B9 & P9).
assert (B9' := in_band_weaken 1 0 10 115 _ ltac:(lia) ltac:(lia) B9).
assert (H7 : approximates (from_integer (n - 1)) (IZR (n - 1)) /\ in_band 1 0 (pair (from_integer (n - 1))) /\
  0 <= hi (number (pair (from_integer (n - 1))))).
{ destruct (Z.eq_dec n 1) as [-> | N].
  - destruct from_integer_0 as (A & B & Z). simpl Z.sub. rewrite Z. repeat split; trivial; try apply B. lra.
  - destruct (from_integer_correct (n - 1) ltac:(lia)) as (A & B & Q). repeat split; trivial; try apply B.
    lra. }
destruct H7 as (A7 & B7 & P7). rewrite minus_IZR in A7.
specialize (B1 (or_intror S1)). specialize (B2 (or_intror S2)). specialize (B3 (or_intror S3)).
specialize (B4 (or_intror S4)). specialize (P1 S1). specialize (P2 S2). specialize (P3 S3).
specialize (P4 S4).
specialize (P8 ltac:(lra)). specialize (P9 a_positive).
split; [intros []; assumption |]. split; [intros []; assumption |].
split; [intros [] N1 N2; cbn [library_given]; trivial; contradiction |].
intros []; cbn [library_given]; trivial; lra.
Qed.
(** The trace that is given is a double, exactly. *)
Lemma library_trace_in_band : in_band 1 0 (pair (library_given Given_alpha)).
Proof. apply (from_double_correct a a_double). lra. Qed.
End Library.
