(** * Operators: M(a), its factor and its roots, applied to a vector

    The library applies eight operators to a vector x: M(a) and its inverse, the factor J of M(a) = J J^T, the
    transpose of J, the inverses of both, and the symmetric square root of M(a) and its inverse. It forms none
    of the matrices: each element of the result is c_y y_i + c_x x_i + c_g g_i, with three coefficients that
    are made of the scalar products of g, y and x and of the parameter a. Here is proved that these sums are
    the products of x with the matrices of CanonicalForm.v: family, family_inverse, family_factor,
    family_factor_inverse, family_root, family_inverse_root.

    Assumptions: p = y.g > 0 and a > 0, where they are needed. Any dimension, any ordered field; for factors
    and roots any real closed field. No axioms. So g and y may be parallel, and n may be 1: with p > 0 also
    g.g, y.y and all other divisors are positive.

    Proved:
    - combination_element: element i of a combination of y, x and g;
    - apply_element, solve_element, factor_apply_element, factor_transpose_apply_element,
      factor_solve_element, factor_transpose_solve_element, root_apply_element, root_solve_element: each
      operator's product with x, with its three coefficients (a coefficient that is not there is 0);
    - root_k_mul, root_k_enclosed: K x = y_part y + g_part g, the part of roots that is made of differences,
      in the two ways in which the code writes it; parts_parallel: both parts are 0 where y = r g;
    - trace_alpha, trace_alpha_gt0: the parameter that the code computes from a trace T gives M(a) this trace,
      and is positive exactly when T > a*;
    - dimension_one_rational, dimension_one: for n = 1 none of the six matrices depends on a, so that the
      code may take a* for whatever a is given.

    Code (decide_coefficients in lib/kernels/fast_scalars.hpp; exact coefficients: lib/canonical_form.cpp):
      alpha, alpha_p                   a, ap; [optimal] is `optimal`: then a is a* = yy/p, and a p is yy
      delta, tau                       delta, tau; star is yy/p
      apply_k, solve_k                 k of root_apply, of the other root
      y_part, g_part                   y_part, g_part
      <operator>_element               the arguments of `give`: factors of y, x and g

    Coefficients.v proves, over Coq's real numbers, that the library's arithmetic finds the values of the same
    expressions (real_alpha, real_alpha_p, real_delta, real_tau, real_apply_k, real_solve_k; real_of_y,
    real_of_x, real_of_g for each operator). What links that file and the code to this one is reading, not
    proof: the expressions are the same, written alike. NOT proved here: anything about rounding. *)

From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
From Natgrad Require Import LinearAlgebra CanonicalForm.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(** ** M(a) and its inverse *)
Section Rational.

Variables (R : realFieldType) (n : nat) (g y x : 'cV[R]_n) (optimal : bool) (a : R).

Local Notation gg := (dot g g).
Local Notation p := (dot y g).
Local Notation yy := (dot y y).
Local Notation gx := (dot g x).
Local Notation yx := (dot y x).

(** The parameter, a* or one that is given, and its product with p. *)
Definition alpha : R := if optimal then yy / p else a.
Definition alpha_p : R := if optimal then yy else a * p.

(** Element i of a combination of y, x and g. *)
Lemma combination_element (c_y c_x c_g : R) (i : 'I_n) :
  (c_y *: y + c_x *: x + c_g *: g) i 0 = c_y * y i 0 + c_x * x i 0 + c_g * g i 0.
Proof. by rewrite !mxE. Qed.

(** M(a) x. *)
Theorem apply_element :
  family g y alpha *m x = (yx / p) *: y + alpha *: x + (- (alpha * gx / gg)) *: g.
Proof.
rewrite family_mul [alpha *: x + _]addrC scaleNr.
by rewrite [p^-1 * _]mulrC [alpha / gg * _]mulrAC.
Qed.

Hypotheses (p_gt0 : 0 < p) (alpha_gt0 : 0 < alpha).

Let p_nz : p != 0. Proof. by rewrite gt_eqF. Qed.
Let alpha_nz : alpha != 0. Proof. by rewrite gt_eqF. Qed.

Lemma alpha_pE : alpha_p = alpha * p.
Proof. by rewrite /alpha_p /alpha; case: (optimal); rewrite // divfK. Qed.

(** M(a)^-1 x. *)
Theorem solve_element :
  family_inverse g y alpha *m x
  = (- (gx / alpha_p)) *: y + (1 / alpha) *: x + (((yy / p + alpha) * gx - yx) / alpha_p) *: g.
Proof.
rewrite /family_inverse alpha_pE !(mulmxDl, mulNmx) mul_scalar_mx -!scalemxAl mulmxDl !outer_mul.
move: p_nz alpha_nz; move: alpha gx yx yy p => A u v r b b_nz A_nz.
by apply/colP => i; rewrite !mxE; move: (x i 0) (g i 0) (y i 0) => xi gi yi; field; rewrite b_nz A_nz.
Qed.

End Rational.

(** What is assumed of the parameter holds where it is a*. *)
Lemma optimal_alpha_gt0 (R : realFieldType) n (g y : 'cV[R]_n) (a : R) : 0 < dot y g -> 0 < alpha g y true a.
Proof. by move=> p_gt0; rewrite /alpha divr_gt0 // dot_gt0 (dot_neq0l p_gt0). Qed.

Section Trace.

Variables (R : realFieldType) (n : nat) (g y : 'cV[R]_n) (T : R).
Hypotheses (p_gt0 : 0 < dot y g) (n_gt1 : (1 < n)%N).

Let others_gt0 : 0 < n%:R - 1 :> R. Proof. by rewrite subr_gt0 ltr1n. Qed.

(** The trace of M(a) is T for a = (T - a* )/(n - 1). *)
Theorem trace_alpha : \tr (family g y ((T - dot y y / dot y g) / (n%:R - 1))) = T.
Proof. by rewrite family_trace // mulrC divfK ?gt_eqF // addrC subrK. Qed.

(** This a is positive exactly when T > a*. *)
Lemma trace_alpha_gt0 : (0 < (T - dot y y / dot y g) / (n%:R - 1)) = (dot y y / dot y g < T).
Proof. by rewrite pmulr_lgt0 ?invr_gt0 // subr_gt0. Qed.

End Trace.

(** ** The factor and the square roots *)
Section Roots.

Variables (R : rcfType) (n : nat) (g y x : 'cV[R]_n) (optimal : bool) (a : R).

Local Notation gg := (dot g g).
Local Notation p := (dot y g).
Local Notation yy := (dot y y).
Local Notation gx := (dot g x).
Local Notation yx := (dot y x).
Local Notation alpha := (alpha g y optimal a).
Local Notation alpha_p := (alpha_p g y optimal a).

Definition delta : R := Num.sqrt (alpha_p / gg).
Definition tau : R := Num.sqrt (alpha + yy / p + 2%:R * delta).
Definition apply_k : R := alpha * (yy / p) / (tau * (alpha + delta + Num.sqrt alpha * tau)).
Definition solve_k : R :=
  alpha * (yy / p) * (yy / p + 2%:R * delta)
  / (tau * delta * Num.sqrt alpha * (Num.sqrt alpha * (yy / p + delta) + tau * delta)).

(** What the projection of x on the plane of g and y, times s^2, is made of. *)
Definition y_part : R := (gg * yx - p * gx) / (gg * yy).
Definition g_part : R := (yy * gx - p * yx) / (gg * yy).

Hypotheses (p_gt0 : 0 < p) (alpha_gt0 : 0 < alpha).

Let gg_nz : gg != 0. Proof. by rewrite dot_eq0 (dot_neq0 p_gt0). Qed.
Let yy_nz : yy != 0. Proof. by rewrite dot_eq0 (dot_neq0l p_gt0). Qed.
Let p_nz : p != 0. Proof. by rewrite gt_eqF. Qed.
Let root_nz : Num.sqrt alpha != 0. Proof. by rewrite gt_eqF // sqrtr_gt0. Qed.
Let deltaE : plane_delta g y alpha = delta. Proof. by rewrite /delta alpha_pE. Qed.
Let tauE : plane_tau g y alpha = tau. Proof. by rewrite /plane_tau deltaE. Qed.
Let delta_nz : delta != 0. Proof. by rewrite gt_eqF // -deltaE sqrtr_gt0 plane_det_gt0. Qed.
Let tau_nz : tau != 0.
Proof.
rewrite gt_eqF // sqrtr_gt0; apply: (@lt_le_trans _ _ (alpha + yy / p)); first exact: plane_trace_gt0.
by rewrite ler_addl mulr_ge0 ?ler0n ?sqrtr_ge0.
Qed.

(** J x. *)
Theorem factor_apply_element :
  let weight := gx / Num.sqrt (p * gg) in
  family_factor g y alpha *m x = weight *: y + Num.sqrt alpha *: x + (- (delta * weight)) *: g.
Proof.
rewrite /family_factor deltaE mulmxDl mul_scalar_mx -scalemxAl outer_mul /=.
move: (Num.sqrt alpha) delta gx (Num.sqrt (p * gg))^-1 => s d u w.
by apply/colP => i; rewrite !mxE; move: (x i 0) (g i 0) (y i 0) => xi gi yi; ring.
Qed.

(** J^T x. *)
Theorem factor_transpose_apply_element :
  (family_factor g y alpha)^T *m x
  = 0 *: y + Num.sqrt alpha *: x + ((yx - delta * gx) / Num.sqrt (p * gg)) *: g.
Proof.
rewrite /family_factor deltaE linearD linearZ /= tr_scalar_mx trmx_outer.
rewrite mulmxDl mul_scalar_mx -scalemxAl outer_mul dotBl dotZl.
move: (Num.sqrt alpha) delta gx yx (Num.sqrt (p * gg))^-1 => s d u v w.
by apply/colP => i; rewrite !mxE; move: (x i 0) (g i 0) (y i 0) => xi gi yi; ring.
Qed.

(** J^-1 x. *)
Theorem factor_solve_element :
  let weight := gx / (p * Num.sqrt alpha) in
  family_factor_inverse g y alpha *m x
  = (- weight) *: y + (1 / Num.sqrt alpha) *: x + (delta * weight) *: g.
Proof.
rewrite /family_factor_inverse deltaE -scalemxAl mulmxBl mul1mx -scalemxAl outer_mul /=.
move: root_nz p_nz; move: (Num.sqrt alpha) delta gx p => s d u b s_nz b_nz.
by apply/colP => i; rewrite !mxE; move: (x i 0) (g i 0) (y i 0) => xi gi yi; field; rewrite s_nz b_nz.
Qed.

(** J^-T x. *)
Theorem factor_transpose_solve_element :
  (family_factor_inverse g y alpha)^T *m x
  = 0 *: y + (1 / Num.sqrt alpha) *: x + ((delta * gx - yx) / (p * Num.sqrt alpha)) *: g.
Proof.
rewrite /family_factor_inverse deltaE linearZ linearB linearZ /= trmx1 trmx_outer.
rewrite -scalemxAl mulmxBl mul1mx -scalemxAl outer_mul dotBl dotZl.
move: root_nz p_nz; move: (Num.sqrt alpha) delta gx yx p => s d u v b s_nz b_nz.
by apply/colP => i; rewrite !mxE; move: (x i 0) (g i 0) (y i 0) => xi gi yi; field; rewrite s_nz b_nz.
Qed.

(** K x, where K is s^2 times the projector on the plane of g and y (CanonicalForm.v: root_k_plane). *)
Theorem root_k_mul : root_k g y *m x = y_part *: y + g_part *: g.
Proof.
rewrite /root_k /y_part /g_part mulmxBl mulmxDl -!scalemxAl mulmxDl !outer_mul.
move: gg_nz yy_nz; move: gx yx gg yy p => u v q r b q_nz r_nz.
by apply/colP => i; rewrite !mxE; move: (g i 0) (y i 0) => gi yi; field; rewrite q_nz r_nz.
Qed.

(** The same parts as the exact coefficients have them (RootNumbers: k_y, k_g). *)
Lemma root_k_enclosed :
  y_part = yx / yy - p * gx / (gg * yy) /\ g_part = gx / gg - p * yx / (gg * yy).
Proof.
rewrite /y_part /g_part; move: gg_nz yy_nz; move: gx yx gg yy p => u v q r b q_nz r_nz.
by split; field; rewrite q_nz r_nz.
Qed.

(** Where y = r g both parts are 0. *)
Lemma parts_parallel r : y = r *: g -> y_part = 0 /\ g_part = 0.
Proof.
move=> yE; have [yxE pE yyE] : [/\ yx = r * gx, p = r * gg & yy = r * (r * gg)].
  by rewrite yE !dotZl dotZr.
rewrite /y_part /g_part yxE yyE pE.
by split; apply/eqP; rewrite mulf_eq0 subr_eq0; apply/orP; left; apply/eqP; ring.
Qed.

(* W x *)
Let root_w_mul : root_w g y alpha *m x = (yx / p) *: y - (alpha * gx / gg) *: g.
Proof.
rewrite /root_w mulmxBl -!scalemxAl !outer_mul !scalerA.
by rewrite [p^-1 * _]mulrC [alpha / gg * _]mulrAC.
Qed.

(** M(a)^(1/2) x. *)
Theorem root_apply_element :
  family_root g y alpha *m x
  = (yx / (p * tau) - apply_k * y_part) *: y + Num.sqrt alpha *: x
    + (- (alpha * gx / (gg * tau)) - apply_k * g_part) *: g.
Proof.
rewrite /family_root deltaE tauE -/apply_k mulmxBl mulmxDl mul_scalar_mx -!scalemxAl root_w_mul root_k_mul.
move: gg_nz p_nz tau_nz; move: y_part g_part apply_k (Num.sqrt alpha) tau => yp gp k s t.
move: alpha gx yx gg p => A u v q b q_nz b_nz t_nz.
by apply/colP => i; rewrite !mxE; move: (x i 0) (g i 0) (y i 0) => xi gi yi; field; rewrite q_nz b_nz t_nz.
Qed.

(** M(a)^(-1/2) x. *)
Theorem root_solve_element :
  family_inverse_root g y alpha *m x
  = (solve_k * y_part - yx / (p * (tau * delta))) *: y + (1 / Num.sqrt alpha) *: x
    + (alpha * gx / (gg * (tau * delta)) + solve_k * g_part) *: g.
Proof.
have kE : alpha * astar g y * (astar g y + 2%:R * delta)
    / (tau * Num.sqrt alpha * delta * (Num.sqrt alpha * (astar g y + delta) + tau * delta)) = solve_k.
  by rewrite /solve_k [tau * delta * Num.sqrt alpha]mulrAC.
rewrite /family_inverse_root deltaE tauE {}kE.
rewrite mulmxDl mulmxBl mul_scalar_mx -!scalemxAl root_w_mul root_k_mul.
move: gg_nz p_nz tau_nz delta_nz root_nz.
move: y_part g_part solve_k (Num.sqrt alpha) tau delta => yp gp k s t d.
move: alpha gx yx gg p => A u v q b q_nz b_nz t_nz d_nz s_nz.
apply/colP => i; rewrite !mxE; move: (x i 0) (g i 0) (y i 0) => xi gi yi.
by field; rewrite q_nz b_nz t_nz d_nz s_nz.
Qed.

End Roots.

(** ** Dimension 1 *)
Section DimensionOne.

(** For n = 1 M(a) is y/g for every a, and so its inverse does not depend on a. *)
Theorem dimension_one_rational (R : realFieldType) (g y : 'cV[R]_1) (a b : R) :
  0 < dot y g -> 0 < a -> 0 < b ->
  family g y a = family g y b /\ family_inverse g y a = family_inverse g y b.
Proof.
move=> p_gt0 a_gt0 b_gt0; have e : family g y a = family g y b by rewrite !family_dimension_one.
by split=> //; rewrite -(family_invmx p_gt0 a_gt0) -(family_invmx p_gt0 b_gt0) e.
Qed.

Variables (R : rcfType) (g y : 'cV[R]_1).
Hypothesis p_gt0 : 0 < dot y g.

Let g_nz : g 0 0 != 0.
Proof. by apply: contraTneq p_gt0 => g0; rewrite dotE big_ord1 g0 mulr0 ltxx. Qed.

Let spd_root_unique (A B : 'M[R]_1) : spd A -> spd B -> A *m A = B *m B -> A = B.
Proof.
have entry_gt0 (C : 'M[R]_1) : spd C -> 0 < C 0 0.
  move=> [_ /(_ 1%:M)]; rewrite mulmx1 /dot trmx1 mul1mx; apply.
  by rewrite -mxrank_eq0 mxrank1.
move=> /entry_gt0 A_gt0 /entry_gt0 B_gt0 /matrixP/(_ 0 0).
rewrite !mxE !big_ord1 -!expr2 => /eqP; rewrite eqr_expn2 ?ltW // => /eqP e.
by rewrite [A]mx11_scalar [B]mx11_scalar e.
Qed.

(* J^T g = (p/sqrt(p g.g)) g in every dimension, since delta g.g = sqrt a sqrt(p g.g). *)
Let factor_one a : 0 < a ->
  family_factor g y a = (dot y g / Num.sqrt (dot y g * dot g g))%:M.
Proof.
move=> a_gt0; have gg_gt0 : 0 < dot g g by rewrite dot_gt0 (dot_neq0 p_gt0).
have := factor_transpose_apply_element g false a p_gt0.
rewrite /delta /alpha_p /alpha; set e := Num.sqrt (dot y g * dot g g).
have e_gt0 : 0 < e by rewrite sqrtr_gt0 mulr_gt0.
have -> : Num.sqrt (a * dot y g / dot g g) * dot g g = Num.sqrt a * e.
  apply/eqP; rewrite -(eqr_expn2 (n := 2)) ?mulr_ge0 ?sqrtr_ge0 ?ltW // !exprMn.
  rewrite !sqr_sqrtr ?divr_ge0 ?mulr_ge0 ?ltW //.
  by apply/eqP; move: (dot g g) (dot y g) (lt0r_neq0 gg_gt0) => q b q_nz; field.
rewrite [family_factor _ _ _]mx11_scalar tr_scalar_mx mul_scalar_mx => /colP/(_ 0); rewrite !mxE => jE.
congr (_%:M); apply: (mulIf g_nz); rewrite jE.
move: (lt0r_neq0 e_gt0) => {e_gt0 jE}; move: e (y 0 0) (g 0 0) (dot y g) (Num.sqrt a) => e y0 g0 b s e_nz.
by field; rewrite e_nz.
Qed.

(** For n = 1 the factor, the square root and their inverses do not depend on a either. *)
Theorem dimension_one (a b : R) : 0 < a -> 0 < b ->
  [/\ family_factor g y a = family_factor g y b,
      family_factor_inverse g y a = family_factor_inverse g y b,
      family_root g y a = family_root g y b
    & family_inverse_root g y a = family_inverse_root g y b].
Proof.
move=> a_gt0 b_gt0; have [eM _] := dimension_one_rational p_gt0 a_gt0 b_gt0.
have eJ : family_factor g y a = family_factor g y b by rewrite !factor_one.
have eS : family_root g y a = family_root g y b.
  by apply: spd_root_unique; rewrite ?family_root_sqr //; apply: family_root_spd.
split=> //.
  rewrite -(invmx_eq (family_factor_mul_inverse p_gt0 a_gt0)) eJ.
  exact: invmx_eq (family_factor_mul_inverse p_gt0 b_gt0).
rewrite -(invmx_eq (family_root_mul_inverse_root p_gt0 a_gt0)) eS.
exact: invmx_eq (family_root_mul_inverse_root p_gt0 b_gt0).
Qed.

End DimensionOne.
