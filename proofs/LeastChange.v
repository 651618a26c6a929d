(** * The metrics that are optimal in other senses

    An extension of the paper. For an update g and y = -grad L with p = y.g > 0 there are many metrics, that
    is symmetric positive definite M with M g = y. This file says which of them are best, or that none is,
    for the usual measures of "closest to a multiple of the identity". The condition number has a file of
    its own. Notation: w = y - (p/g.g) g is the part of y orthogonal to g; c and s are the cosine and the
    sine of the angle between g and y; M(a) is the paper's family; n is the dimension.

    Assumption throughout: p = y.g > 0. Everything holds over any ordered field (the spectral theorem and
    what is said of the ray metric, which need square roots, over any real closed field), in any dimension,
    and uses no axiom.

    Proved:
    - duality: M is a metric of (g, y) exactly when M^-1 is a metric of (y, g) ([metric_dual]);
    - Frobenius norm |M - I|: among the symmetric M with M g = y the nearest is PSB, by Pythagoras, and no
      other; PSB is a metric exactly when |w|^2 < p. If |w|^2 >= p no metric is nearest: the nearest
      positive semidefinite M with M g = y is y y^T/p + (I - Pi), which is singular, and metrics come
      arbitrarily near to it;
    - trace: tr M > y.y/p for every metric if n > 1, and y.y/p is the infimum;
    - the bounds y.y/p of the largest and p/g.g of the smallest eigenvalue, each as a Rayleigh bound that
      assumes nothing of the other; M(a) has no eigenvalue above y.y/p + a;
    - tr(M(a)^-1 M) = n + (tr M - tr M(a))/a for every metric; det M(a) = a^(n-1) p/g.g and the inverse of
      M(a), for a of either sign;
    - every positive definite matrix has an L D L^T factorisation; Hadamard's inequality with its case of
      equality; det M <= det N (tr(N^-1 M)/n)^n for positive definite M and N, with equality only for
      multiples;
    - so M(a) has the largest determinant of all metrics of its trace, and is the only one;
    - det M/det M(a) <= (1 + (tr M - tr M(a))/(a n))^n for every metric, with equality only for M(a). From
      this, for any function ln with ln(s t) = ln s + ln t and ln t <= t - 1: M(a) is the only minimiser of
      tr M - a ln(det M), which is the Kullback-Leibler divergence from a I up to a factor and a constant;
    - DFP is a metric, its inverse is M(1) of the exchanged pair, and it is the only minimiser of tr M^-1 +
      ln(det M), in the same sense;
    - Dennis and Wolkowicz's measure: (tr M/n)^n/det M >= 1/c^2 for every metric, with equality exactly for
      M(a), a = y.y/p;
    - the spectral theorem over a real closed field: every symmetric matrix is Q diag(l) Q^T with Q
      orthogonal;
    - the ray metric r{I + (2+c)/(c(1+c)) y y^T - [g g^T + g y^T + y g^T]/(1+c)} for the unit vectors of g
      and y, r = |y|/|g|: it is a metric, its inverse is the same formula with g and y exchanged, and its
      spectrum lies in [(p/g.g)/(1+s), (y.y/p)(1+s)]; no metric has a smaller ratio of its largest to its
      smallest eigenvalue than the ratio of these ends, ((1+s)/c)^2;
    - the ray metric is nearest to the multiples of I in the affine-invariant distance, whose square is the
      sum of (ln l_i - ln a)^2 over the eigenvalues l_i: for every metric and every a > 0 it is at least 2
      (ln((1+s)/c))^2, with equality for the ray metric at a = r. Here ln is any function as above;
    - if n > 2 and y is not parallel to g, then DFP, PSB and the ray metric are no M(a).

    Proved elsewhere: that M(a) is a metric, its trace, and for a > 0 its determinant and inverse
    (CanonicalForm.v); that y.y/p is the infimum of the largest eigenvalue and p/g.g the supremum of the
    smallest, attained exactly if y is parallel to g (MinCondition.v).

    Not proved: that a function ln as above exists; over the real numbers the natural logarithm is one, over
    other ordered fields there may be none. That the ray metric is the only nearest one. The metric nearest
    to I itself in the affine-invariant distance. *)

From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
From Natgrad Require Import LinearAlgebra CanonicalForm.
From Natgrad Require MinCondition.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Lemmas.

Variables (R : realFieldType) (n : nat).
Implicit Types (A B M N : 'M[R]_n) (u v x g y : 'cV[R]_n) (a b e : R).

(** Two matrices that act alike on every column are equal. *)
Lemma mx_eq_action A B : (forall x, A *m x = B *m x) -> A = B.
Proof.
move=> e; apply/matrixP => i j; have := congr1 (fun c : 'cV_n => c i 0) (e (delta_mx j 0)).
by rewrite -!colE !mxE.
Qed.

(** Expands the action of sums of outer products on a column into a combination of columns. *)
Definition act :=
  (mulmxDl, mulmxBl, mulNmx, =^~ scalemxAl, mul1mx, outer_mul, mulmxDr, mulmxBr, mulmxN, =^~ scalemxAr).

Lemma symmetricD A B : symmetric A -> symmetric B -> symmetric (A + B).
Proof. by rewrite /symmetric linearD /= => -> ->. Qed.

Lemma symmetricB A B : symmetric A -> symmetric B -> symmetric (A - B).
Proof. by rewrite /symmetric linearB /= => -> ->. Qed.

Lemma symmetricZ a A : symmetric A -> symmetric (a *: A).
Proof. by rewrite /symmetric linearZ /= => ->. Qed.

Lemma symmetric1 : symmetric (1%:M : 'M[R]_n).
Proof. exact: trmx1. Qed.

Lemma symmetric_cross u v : symmetric (u *m v^T + v *m u^T).
Proof. by rewrite /symmetric linearD /= !trmx_outer addrC. Qed.

Lemma psd_diag_ge0 A i : psd A -> 0 <= A i i.
Proof.
move=> [_ pA]; have := pA (delta_mx i 0).
by rewrite /dot -colE trmx_delta -rowE !mxE.
Qed.

Lemma dot_delta A i : dot (delta_mx i 0) (A *m delta_mx i 0) = A i i.
Proof. by rewrite /dot -colE trmx_delta -rowE !mxE. Qed.

Lemma psd_trace_ge0 A : psd A -> 0 <= \tr A.
Proof. by move=> pA; apply: sumr_ge0 => i _; apply: psd_diag_ge0. Qed.

(** A positive semidefinite matrix with trace 0 is 0. *)
Lemma psd_trace_eq0 A : psd A -> \tr A = 0 -> A = 0.
Proof.
move=> pA /eqP; rewrite psumr_eq0 => [/allP z|i _]; last exact: psd_diag_ge0.
apply/matrixP => j i; suff: A *m delta_mx i 0 = 0 :> 'cV_n.
  by rewrite -colE => /(congr1 (fun c : 'cV_n => c j 0)); rewrite !mxE.
apply: psd_kernel pA _; rewrite dot_delta.
by have /implyP/(_ isT)/eqP := z i (mem_index_enum i).
Qed.

(** The squared Frobenius norm, tr M^T M, and the scalar product that belongs to it. *)
Definition frob2 M : R := \tr (M^T *m M).

Definition frob M N : R := \tr (M^T *m N).

Lemma frob2E M : frob2 M = \sum_i \sum_j M i j ^+ 2.
Proof.
rewrite /frob2 /mxtrace exchange_big; apply: eq_bigr => j _ /=; rewrite mxE.
by apply: eq_bigr => i _; rewrite mxE expr2.
Qed.

Lemma frobC M N : frob M N = frob N M.
Proof. by rewrite /frob -mxtrace_tr trmx_mul trmxK. Qed.

Lemma frob2_ge0 M : 0 <= frob2 M.
Proof. by rewrite frob2E; do 2![apply: sumr_ge0 => ? _]; rewrite sqr_ge0. Qed.

Lemma frob2_eq0 M : frob2 M = 0 -> M = 0.
Proof.
move/eqP; rewrite frob2E psumr_eq0 => [/allP z|i _]; last by apply: sumr_ge0 => ? _; rewrite sqr_ge0.
apply/matrixP => i j; have /implyP/(_ isT) := z i (mem_index_enum i).
rewrite psumr_eq0 => [/allP/(_ j (mem_index_enum j))|? _]; last by rewrite sqr_ge0.
by move/implyP/(_ isT); rewrite sqrf_eq0 mxE => /eqP.
Qed.

Lemma frob2D M N : frob2 (M + N) = frob2 M + frob M N *+ 2 + frob2 N.
Proof.
rewrite /frob2 [_^T]linearD /= mulmxDl !mulmxDr !mxtraceD -/(frob M N) -/(frob N M) (frobC N M).
by rewrite mulr2n !addrA.
Qed.

Lemma frob2Z a M : frob2 (a *: M) = a ^+ 2 * frob2 M.
Proof. by rewrite /frob2 [_^T]linearZ /= -scalemxAl -scalemxAr scalerA mxtraceZ. Qed.

Lemma frobDl M N A : frob (M + N) A = frob M A + frob N A.
Proof. by rewrite /frob [_^T]linearD /= mulmxDl mxtraceD. Qed.

Lemma frobDr M N A : frob A (M + N) = frob A M + frob A N.
Proof. by rewrite !(frobC A) frobDl. Qed.

Lemma frobZl a M A : frob (a *: M) A = a * frob M A.
Proof. by rewrite /frob [_^T]linearZ /= -scalemxAl mxtraceZ. Qed.

Lemma frobZr a M A : frob A (a *: M) = a * frob A M.
Proof. by rewrite !(frobC A) frobZl. Qed.

Lemma frobNl M A : frob (- M) A = - frob M A.
Proof. by rewrite -scaleN1r frobZl mulN1r. Qed.

Lemma frobNr M A : frob A (- M) = - frob A M.
Proof. by rewrite -scaleN1r frobZr mulN1r. Qed.

(** <u v^T, M> = u.(M v) *)
Lemma frob_outer u v M : frob (u *m v^T) M = dot u (M *m v).
Proof. by rewrite /frob trmx_outer -mulmxA mxtrace_mulC -mulmxA trace_mx11. Qed.

Definition frob_linear := (frobDl, frobDr, frobNl, frobNr, frobZl, frobZr, frob_outer).

Lemma spdDpsd A B : spd A -> psd B -> spd (A + B).
Proof.
move=> [sA pA] [sB pB]; split; first exact: symmetricD.
by move=> x /pA xA; rewrite mulmxDl dotDr ltr_paddr.
Qed.

Lemma spdZ a A : 0 < a -> spd A -> spd (a *: A).
Proof.
move=> a_gt0 [sA pA]; split; first exact: symmetricZ.
by move=> x /pA xA; rewrite -scalemxAl dotZr pmulr_rgt0.
Qed.

Lemma psdZ a A : 0 <= a -> psd A -> psd (a *: A).
Proof.
move=> a_ge0 [sA pA]; split; first exact: symmetricZ.
by move=> x; rewrite -scalemxAl dotZr mulr_ge0.
Qed.

End Lemmas.

(** Duality: M is a metric of (g, y) exactly when its inverse is a metric of (y, g). So every statement about
    all metrics has a dual about their inverses, with g and y exchanged. *)
Theorem metric_dual (R : realFieldType) (n : nat) (M : 'M[R]_n) (g y : 'cV[R]_n) :
  M \in unitmx -> metric M g y <-> metric (invmx M) y g.
Proof.
move=> uM; split=> [[pM <-]|[pI <-]]; first by split; [exact: spd_inv | rewrite mulKmx].
by split; [rewrite -[M]invmxK; exact: spd_inv | rewrite mulKVmx].
Qed.

Section Family.

Variables (R : realFieldType) (n : nat) (g y : 'cV[R]_n).
Hypothesis p_gt0 : 0 < dot y g.
Implicit Types (M N : 'M[R]_n) (x : 'cV[R]_n) (a l m e : R).

Lemma g_neq0 : g != 0.
Proof. by apply: contraTneq p_gt0 => ->; rewrite dot0r ltxx. Qed.

Lemma y_neq0 : y != 0.
Proof. by apply: contraTneq p_gt0 => ->; rewrite dot0l ltxx. Qed.

Lemma gg_gt0 : 0 < dot g g.
Proof. by rewrite dot_gt0 g_neq0. Qed.

Lemma yy_gt0 : 0 < dot y y.
Proof. by rewrite dot_gt0 y_neq0. Qed.

(** x.M(a)x = (y.x)^2/p + a |x - (g.x/gg) g|^2 *)
Lemma family_form a x (t := dot g x / dot g g) :
  dot x (family g y a *m x) = dot y x ^+ 2 / dot y g + a * dot (x - t *: g) (x - t *: g).
Proof.
rewrite /family !act !dot_linear (dotC x y) (dotC x g) /t.
move: (dot y x) (dot g x) (dot x x) (dot g g) gg_gt0 (dot y g) p_gt0 => Y X xx gg gg0 p p0.
by field; rewrite !gt_eqF.
Qed.

Lemma family_sym a : symmetric (family g y a).
Proof.
apply: symmetricD; first exact/symmetricZ/outer_sym.
by apply/symmetricZ/symmetricB; [exact: symmetric1 | exact/symmetricZ/outer_sym].
Qed.

(** M - y y^T/p is positive semidefinite if M is and M g = y, and its kernel holds g. *)
Lemma psd_remainder M (B := M - (dot y g)^-1 *: (y *m y^T)) : psd M -> M *m g = y -> psd B /\ B *m g = 0.
Proof.
move=> [sM posM] Mg; split; last first.
  by rewrite /B !act Mg scalerA mulVf ?scale1r ?subrr // gt_eqF.
split; first by apply: symmetricB => //; exact/symmetricZ/outer_sym.
move=> x; have := posM (x - (dot y x / dot y g) *: g).
rewrite /B !act Mg !dot_linear (dot_sym g x sM) Mg (dotC x y) (dotC g y).
move: (dot y x) (dot x _) (dot y g) p_gt0 => Y xMx p p0; congr (0 <= _).
by field; rewrite gt_eqF.
Qed.

(** x.Mx >= (y.x)^2/p *)
Lemma form_lower M x : psd M -> M *m g = y -> dot y x ^+ 2 / dot y g <= dot x (M *m x).
Proof.
move=> pM Mg; have [[_ posB] _] := psd_remainder pM Mg; have := posB x.
rewrite !act !dot_linear subr_ge0; congr (_ <= _).
by rewrite (dotC x y) expr2 mulrC.
Qed.

End Family.

Section Frobenius.

Variables (R : realFieldType) (n : nat) (g y : 'cV[R]_n).
Hypothesis p_gt0 : 0 < dot y g.
Implicit Types (M N : 'M[R]_n) (x : 'cV[R]_n) (a l m e : R).

(** Powell's symmetric Broyden update of the identity, PSB. *)
Definition psb : 'M[R]_n :=
  1%:M + (dot g g)^-1 *: ((y - g) *m g^T + g *m (y - g)^T)
  - (dot g (y - g) / dot g g ^+ 2) *: (g *m g^T).

(** w is the part of y orthogonal to g. *)
Definition orthogonal_part : 'cV[R]_n := y - (dot y g / dot g g) *: g.
Local Notation w := orthogonal_part.

Lemma psb_sym : symmetric psb.
Proof.
apply: symmetricB; last exact/symmetricZ/outer_sym.
by apply: symmetricD; [exact: symmetric1 | exact/symmetricZ/symmetric_cross].
Qed.

Lemma psb_mul : psb *m g = y.
Proof.
apply/colP => i; rewrite /psb !act !mxE !dot_linear (dotC g y).
move: (y i 0) (g i 0) (dot g g) (gg_gt0 p_gt0) (dot y g) => a b gg gg0 p.
by field; rewrite gt_eqF.
Qed.

(** PSB is symmetric and maps g to y; and for every other such matrix M, Pythagoras: |M - I|^2 = |PSB - I|^2 +
    |M - PSB|^2. So PSB is the nearest one to I in the Frobenius norm, and the only nearest one. *)
Theorem psb_projection M : symmetric M -> M *m g = y ->
  frob2 (M - 1%:M) = frob2 (psb - 1%:M) + frob2 (M - psb).
Proof.
move=> sM Mg; have -> : M - 1%:M = (psb - 1%:M) + (M - psb) by rewrite [RHS]addrC addrA subrK.
rewrite frob2D addrAC -[RHS]addr0; congr (_ + _).
set D := M - psb; have Dg : D *m g = 0 by rewrite /D mulmxBl Mg psb_mul subrr.
have sD : symmetric D by apply: symmetricB => //; exact: psb_sym.
clearbody D; have -> : psb - 1%:M = (dot g g)^-1 *: ((y - g) *m g^T + g *m (y - g)^T)
  - (dot g (y - g) / dot g g ^+ 2) *: (g *m g^T) by rewrite /psb -addrA addrC addKr.
by rewrite !frob_linear Dg (dot_sym _ _ sD) Dg !dot0l !dot0r !(mulr0, addr0, subr0, mul0rn).
Qed.

(** PSB is nearest ... *)
Corollary psb_nearest M : symmetric M -> M *m g = y -> frob2 (psb - 1%:M) <= frob2 (M - 1%:M).
Proof. by move=> sM Mg; rewrite (psb_projection sM Mg) ler_addl frob2_ge0. Qed.

(** ... and nothing else is as near. *)
Corollary psb_unique M : symmetric M -> M *m g = y -> frob2 (M - 1%:M) <= frob2 (psb - 1%:M) -> M = psb.
Proof.
move=> sM Mg; rewrite (psb_projection sM Mg) ger_addl => le0; apply/eqP; rewrite -subr_eq0.
apply/eqP/frob2_eq0.
by apply/eqP; rewrite eq_le le0 frob2_ge0.
Qed.

(** With t = g.x/g.g: x.PSB x = |x - t g + t w|^2 + t^2 (p - |w|^2). *)
Lemma psb_form x (t := dot g x / dot g g) (u := x - t *: g + t *: w) :
  dot x (psb *m x) = dot u u + t ^+ 2 * (dot y g - dot w w).
Proof.
rewrite /u /t /psb /orthogonal_part !act !dot_linear (dotC x g) (dotC g y) (dotC x y).
move: (dot y x) (dot g x) (dot x x) (dot g g) (gg_gt0 p_gt0) (dot y g) (dot y y) => Y X xx gg gg0 p yy.
by field; rewrite gt_eqF.
Qed.

Lemma dot_gw : dot g w = 0.
Proof. by rewrite /orthogonal_part !dot_linear (dotC g y) divfK ?subrr // gt_eqF ?(gg_gt0 p_gt0). Qed.

Lemma dot_yw : dot y w = dot w w.
Proof.
have {1}-> : y = w + (dot y g / dot g g) *: g by rewrite subrK.
by rewrite dotDl dotZl dot_gw mulr0 addr0.
Qed.

Lemma dot_ww : dot w w = dot y y - dot y g ^+ 2 / dot g g.
Proof. by rewrite -dot_yw /orthogonal_part !dot_linear expr2 mulrAC. Qed.

(** PSB is positive definite, and so a metric, exactly when |w|^2 < p, that is gg yy - p^2 < p gg. *)
Theorem psb_spd_iff : spd psb <-> dot w w < dot y g.
Proof.
split=> [[_ pos]|lt].
  have gg0 := gg_gt0 p_gt0.
  have t1 : dot g (g - w) / dot g g = 1 by rewrite dotBr dot_gw subr0 divff // gt_eqF.
  have nz : g - w != 0.
    apply: contraTneq gg0 => z; have <- : dot g (g - w) = dot g g by rewrite dotBr dot_gw subr0.
    by rewrite z dot0r ltxx.
  have := pos _ nz; rewrite psb_form t1 !scale1r expr1n mul1r.
  by rewrite (addrAC (g - w)) subrK subrr dot0l add0r subr_gt0.
split; first exact: psb_sym.
move=> x xn0; rewrite psb_form; set t := _ / _; set u := _ + _.
have [t0|tn0] := eqVneq t 0; last first.
  by rewrite ltr_paddl ?dot_ge0 // mulr_gt0 ?subr_gt0 // exprn_even_gt0.
by rewrite /u t0 !scale0r subr0 addr0 expr0n mul0r addr0 dot_gt0.
Qed.

(** The same condition in the three scalar products. *)
Theorem psb_metric_iff : metric psb g y <-> dot g g * dot y y - dot y g ^+ 2 < dot y g * dot g g.
Proof.
have gg0 := gg_gt0 p_gt0.
have -> : dot g g * dot y y - dot y g ^+ 2 = dot w w * dot g g.
  by rewrite dot_ww mulrBl divfK ?gt_eqF // mulrC.
rewrite ltr_pmul2r //; split=> [[]|lt]; first by move/psb_spd_iff.
by split; [exact/psb_spd_iff | exact: psb_mul].
Qed.

(** When |w|^2 >= p: y y^T/p + (I - Pi), Pi the projector on the span of g and y. *)
Definition closed_cone_minimiser : 'M[R]_n :=
  (dot y g)^-1 *: (y *m y^T) + (1%:M - (dot g g)^-1 *: (g *m g^T) - (dot w w)^-1 *: (w *m w^T)).
Local Notation C := closed_cone_minimiser.

Lemma closed_cone_sym : symmetric C.
Proof.
apply: symmetricD; first exact/symmetricZ/outer_sym.
apply: symmetricB; last exact/symmetricZ/outer_sym.
by apply: symmetricB; [exact: symmetric1 | exact/symmetricZ/outer_sym].
Qed.

Lemma closed_cone_mul : C *m g = y.
Proof.
rewrite /C !act (dotC w) dot_gw scale0r scaler0 subr0.
rewrite !scalerA !mulVf ?gt_eqF // ?(gg_gt0 p_gt0) //.
by rewrite !scale1r subrr addr0.
Qed.

Section Wide.
Hypothesis wide : dot y g <= dot w w.

Let ww_gt0 : 0 < dot w w. Proof. exact: lt_le_trans p_gt0 wide. Qed.

Lemma closed_cone_form x : dot x (C *m x) =
  dot y x ^+ 2 / dot y g + dot (x - (dot g x / dot g g) *: g - (dot w x / dot w w) *: w)
                             (x - (dot g x / dot g g) *: g - (dot w x / dot w w) *: w).
Proof.
rewrite /C; have := dot_gw; move: w ww_gt0 => v vv_gt0 gv.
rewrite !act !dot_linear (dotC x g) (dotC v g) gv (dotC x y) (dotC x v).
move: vv_gt0 (gg_gt0 p_gt0) p_gt0.
move: (dot y x) (dot v x) (dot g x) (dot x x) (dot g g) (dot y g) (dot v v) => Y W X xx gg p vv ? ? ?.
by field; rewrite !gt_eqF.
Qed.

Lemma closed_cone_psd : psd C.
Proof.
split; first exact: closed_cone_sym.
by move=> x; rewrite closed_cone_form addr_ge0 ?dot_ge0 // divr_ge0 ?sqr_ge0 // ltW.
Qed.

(** It is singular, so it is no metric. *)
Lemma closed_cone_singular : ~ spd C.
Proof.
move=> pC; set v := dot y y *: g - dot y g *: y.
have vg : C *m v = 0.
  rewrite /v mulmxBr -!scalemxAr closed_cone_mul /C !act (dotC g y).
  rewrite (dotC w y) dot_yw (scalerA (dot w w)^-1) mulVf ?gt_eqF // scale1r.
  rewrite /orthogonal_part; apply/colP => i; rewrite !mxE.
  move: (gg_gt0 p_gt0) p_gt0.
  move: (y i 0) (g i 0) (dot y y) (dot g g) (dot y g) => a b yy gg p ? ?.
  by field; rewrite !gt_eqF.
have : dot w v = 0 by rewrite (spd_inj pC vg) dot0r.
rewrite /v dotBr !dotZr (dotC w g) dot_gw mulr0 sub0r (dotC w y) dot_yw => /eqP.
by rewrite oppr_eq0 mulf_eq0 !gt_eqF.
Qed.

(** It is the nearest to I, and the only nearest one, of the positive semidefinite M with M g = y. *)
Theorem closed_cone_nearest M : psd M -> M *m g = y ->
  frob2 (C - 1%:M) + frob2 (M - C) <= frob2 (M - 1%:M).
Proof.
move=> pM Mg; have [sM posM] := pM.
have -> : M - 1%:M = (C - 1%:M) + (M - C) by rewrite [RHS]addrC addrA subrK.
rewrite [leRHS]frob2D [leRHS]addrAC ler_addl.
suff : 0 <= frob (C - 1%:M) (M - C) by rewrite mulr2n => ge0; exact: addr_ge0.
have -> : C - 1%:M = (dot y g)^-1 *: (y *m y^T) - (dot g g)^-1 *: (g *m g^T) - (dot w w)^-1 *: (w *m w^T).
  by rewrite /C -!addrA; congr (_ + _); rewrite addrC -!addrA addNr addr0.
have [D eD] : exists D, D = M - C by exists (M - C).
have Dg : D *m g = 0 by rewrite eD mulmxBl Mg closed_cone_mul subrr.
have sD : symmetric D by rewrite eD; apply: symmetricB => //; exact: closed_cone_sym.
rewrite -eD.
rewrite !frob_linear Dg dot0r mulr0 subr0.
have yw : y = w + (dot y g / dot g g) *: g by rewrite subrK.
have -> : dot y (D *m y) = dot w (D *m w).
  have e v k : dot (v + k *: g) (D *m (v + k *: g)) = dot v (D *m v).
    by rewrite mulmxDr -scalemxAr Dg scaler0 addr0 dotDl dotZl (dot_sym g _ sD) Dg dot0l mulr0 addr0.
  by rewrite [in LHS]yw e.
rewrite -mulrBl mulr_ge0 //.
  by rewrite subr_ge0 lef_pinv.
rewrite eD mulmxBl dotBr subr_ge0.
suff -> : dot w (C *m w) = dot y w ^+ 2 / dot y g by exact: form_lower.
rewrite closed_cone_form dot_gw mul0r scale0r subr0 divff ?gt_eqF // scale1r subrr dot0l addr0.
by [].
Qed.

(** So the distance to I is not attained on the metrics: every metric is farther than C ... *)
Theorem frobenius_not_attained M : metric M g y -> frob2 (C - 1%:M) < frob2 (M - 1%:M).
Proof.
move=> [pM Mg]; apply: lt_le_trans (closed_cone_nearest (spd_psd pM) Mg).
rewrite ltr_addl lt_def frob2_ge0 andbT; apply/eqP => /frob2_eq0/eqP; rewrite subr_eq0 => /eqP MC.
by apply: closed_cone_singular; rewrite -MC.
Qed.

(** ... and some metrics are as near as one likes to that distance, and to C. *)
Theorem frobenius_infimum e : 0 < e -> exists M,
  [/\ metric M g y, frob2 (M - 1%:M) < frob2 (C - 1%:M) + e & frob2 (M - C) < e].
Proof.
move=> e_gt0; pose N := family g y 1; have [pN Ng] : metric N g y






  by exact: family_metric ltr01 p_gt0.
pose K := `|frob (C - 1%:M) (N - C) *+ 2| + frob2 (N - C) + 1.
have K_gt0 : 0 < K by rewrite ltr_paddl ?ltr01 // addr_ge0 ?frob2_ge0.
pose t := Num.min 1 (e / K / 2%:R).
have t_gt0 : 0 < t by rewrite lt_minr ltr01 !divr_gt0 // ltr0n.
have t_le1 : t <= 1 by rewrite le_minl lexx.
have tK : t * K < e.
  rewrite -ltr_pdivl_mulr //; apply: (@le_lt_trans _ _ (e / K / 2%:R)); first by rewrite le_minl lexx orbT.
  by rewrite ltr_pdivr_mulr ?ltr0n // mulr_natr mulr2n ltr_addl divr_gt0.
have t2 : t ^+ 2 * frob2 (N - C) <= t * frob2 (N - C).
  by rewrite ler_wpmul2r ?frob2_ge0 // expr2 ler_pimull // ltW.
pose M := C + t *: (N - C); exists M.
have MC : M - C = t *: (N - C) by rewrite /M addrC addKr.
split.
- split; last by rewrite /M mulmxDl -scalemxAl mulmxBl Ng closed_cone_mul subrr scaler0 addr0.
  have -> : M = t *: N + (1 - t) *: C by rewrite /M scalerBr scalerBl scale1r addrCA.
  apply: spdDpsd; first exact: spdZ.
  by apply: psdZ closed_cone_psd; rewrite subr_ge0.
- have -> : M - 1%:M = (C - 1%:M) + t *: (N - C) by rewrite -MC [RHS]addrC addrA subrK.
  rewrite frob2D frobZr frob2Z -addrA ltr_add2l; apply: le_lt_trans tK.
  have -> : t * K = t * `|frob (C - 1%:M) (N - C) *+ 2| + (t * frob2 (N - C) + t).
    by rewrite /K -addrA mulrDr [t * (_ + 1)]mulrDr mulr1.
  rewrite -mulrnAr; apply: ler_add; first by rewrite ler_wpmul2l ?ler_norm // ltW.
  by rewrite ler_paddr // ltW.
rewrite MC frob2Z; apply: le_lt_trans tK; apply: le_trans t2 _.
by rewrite ler_wpmul2l ?ltW // /K addrAC ltr_addr ltr_paddl.
Qed.

End Wide.

(** A metric nearest to I exists exactly when |w|^2 < p, and then it is PSB. *)
Theorem nearest_metric_iff :
  (exists2 M, metric M g y & forall N, metric N g y -> frob2 (M - 1%:M) <= frob2 (N - 1%:M))
  <-> dot w w < dot y g.
Proof.
split=> [[M [pM Mg] least]|lt]; last first.
  exists psb; first by split; [exact/psb_spd_iff | exact: psb_mul].
  by move=> N [[sN _] Ng]; exact: psb_nearest.
rewrite ltNge; apply/negP => wide.
have lt := frobenius_not_attained wide (conj pM Mg); rewrite -subr_gt0 in lt.
have [N [mN near _]] := frobenius_infimum wide lt.
by have := least N mN; rewrite leNgt; move: near; rewrite (addrC (frob2 _)) subrK => ->.
Qed.

End Frobenius.

Section Trace.

Variables (R : realFieldType) (n : nat) (g y : 'cV[R]_n).
Hypothesis p_gt0 : 0 < dot y g.
Implicit Types (M N : 'M[R]_n) (x : 'cV[R]_n) (a l m e : R).

Lemma dim_gt0 : (0 < n)%N.
Proof.
case: (posnP n) => // n0; move: (g_neq0 p_gt0); suff -> : g = 0 by rewrite eqxx.
by apply/colP => i; exfalso; case: i => i; rewrite n0.
Qed.

(** Every metric has tr M >= y.y/p ... *)
Theorem metric_trace_ge M : metric M g y -> dot y y / dot y g <= \tr M.
Proof.
move=> [pM Mg]; have [pB _] := psd_remainder p_gt0 (spd_psd pM) Mg.
have := psd_trace_ge0 pB; rewrite raddfB /= mxtraceZ trace_outer subr_ge0.
by rewrite mulrC.
Qed.

(** ... never with equality in more than one dimension ... *)
Theorem metric_trace_gt M : (1 < n)%N -> metric M g y -> dot y y / dot y g < \tr M.
Proof.
move=> n_gt1 mM; rewrite lt_def metric_trace_ge // andbT; apply/eqP => trM.
have [pM Mg] := mM; have [pB _] := psd_remainder p_gt0 (spd_psd pM) Mg.
have /(psd_trace_eq0 pB)/eqP : \tr (M - (dot y g)^-1 *: (y *m y^T)) = 0.
  by rewrite raddfB /= mxtraceZ trace_outer trM mulrC subrr.
rewrite subr_eq0 scalemxAl => /eqP eM; have := mulmx_max_rank ((dot y g)^-1 *: y) y^T.
by rewrite -eM mxrank_unit ?spd_unit // leqNgt n_gt1.
Qed.

(** ... and M(a) comes as near as one likes when a tends to 0: y.y/p is the infimum, not attained. *)
Theorem metric_trace_infimum e : 0 < e -> exists2 M, metric M g y & \tr M < dot y y / dot y g + e.
Proof.
move=> e_gt0; have n_gt0 : 0 < n%:R :> R by rewrite ltr0n dim_gt0.
exists (family g y (e / n%:R)); first by apply: family_metric; rewrite ?divr_gt0.
rewrite family_trace // ltr_add2l mulrCA gtr_pmulr // ltr_pdivr_mulr // mul1r.
by rewrite ltr_subl_addr ltr_addl ltr01.
Qed.

(** Rayleigh statements. MinCondition.v's [eigenvalue_bounds] assumes that the spectrum lies in [m, l]; here
    only one of the two ends is assumed. No metric has a largest eigenvalue below y.y/p ... *)
Theorem lambda_max_ge M l : metric M g y -> (forall x, dot x (M *m x) <= l * dot x x) ->
  dot y y / dot y g <= l.
Proof.
move=> mM upper; have within : spectrum_within M 0 l.
  by move=> x; rewrite mul0r (spd_psd mM.1).2 upper.
by have [] := MinCondition.eigenvalue_bounds mM (g_neq0 p_gt0) within.
Qed.

(** ... nor a smallest one above p/g.g. *)
Theorem lambda_min_le M m : metric M g y -> (forall x, m * dot x x <= dot x (M *m x)) ->
  m <= dot y g / dot g g.
Proof.
by move=> [pM Mg] lower; rewrite ler_pdivl_mulr ?(gg_gt0 p_gt0) // (dotC y) -Mg lower.
Qed.

End Trace.

Section Extremes.

Variables (R : realFieldType) (n : nat) (g y : 'cV[R]_n).
Hypothesis p_gt0 : 0 < dot y g.

(** M(a) has no eigenvalue above y.y/p + a, for a >= 0. *)
Lemma family_upper a x : 0 <= a -> dot x (family g y a *m x) <= (dot y y / dot y g + a) * dot x x.
Proof.
move=> a_ge0; rewrite family_form // mulrDl; apply: ler_add.
  by rewrite [leRHS]mulrAC ler_pmul2r ?invr_gt0 // cauchy_schwarz.
rewrite ler_wpmul2l //; apply: (@le_trans _ _ (dot x x - dot g x ^+ 2 / dot g g)); last first.
  by rewrite ger_addl oppr_le0 divr_ge0 ?sqr_ge0 // ltW ?(gg_gt0 p_gt0).
rewrite le_eqVlt; apply/orP; left; apply/eqP; rewrite !dot_linear (dotC x g).
move: (gg_gt0 p_gt0); move: (dot g g) (dot g x) (dot x x) => gg gx xx ?.
by field; rewrite gt_eqF.
Qed.

End Extremes.

(** If x.M^-1 x <= l x.x for every x, then x.x <= l x.Mx for every x. *)
Lemma inverse_bound (R : realFieldType) (n : nat) (M : 'M[R]_n) (l : R) : spd M ->
  (forall x, dot x (invmx M *m x) <= l * dot x x) -> forall x, dot x x <= l * dot x (M *m x).
Proof.
move=> pM upper x; have [->|xn0] := eqVneq x 0; first by rewrite !dot0l mulr0.
have p_gt0 := pM.2 x xn0.
have mI : metric (invmx M) (M *m x) x by split; [exact: spd_inv | rewrite mulKmx ?spd_unit].
by rewrite -ler_pdivr_mulr //; exact: (lambda_max_ge p_gt0 mI upper).
Qed.

Section Outside.

Variables (R : realFieldType) (n : nat) (g y : 'cV[R]_n).

Lemma orthogonal_exists : (2 < n)%N -> exists x : 'cV[R]_n, [/\ x != 0, dot g x = 0 & dot y x = 0].
Proof.
move=> n_gt2; pose A : 'M[R]_(n, 1 + 1) := row_mx g y.
have : kermx A != 0.
  by rewrite -mxrank_eq0 mxrank_ker subn_eq0 -ltnNge (leq_ltn_trans (rank_leq_col A)).
case/rowV0Pn => v /sub_kermxP; rewrite mul_mx_row -row_mx0 => /eq_row_mx [vg vy] vn0.
exists v^T; split; first by apply: contraNneq vn0 => /(congr1 trmx); rewrite trmxK trmx0 => ->.
  by rewrite dotC /dot trmxK vg mxE.
by rewrite dotC /dot trmxK vy mxE.
Qed.

Lemma family_orthogonal a (x : 'cV[R]_n) : dot g x = 0 -> dot y x = 0 -> family g y a *m x = a *: x.
Proof. exact: family_complement. Qed.

End Outside.

Section Dual.

Variables (R : realFieldType) (n : nat) (g y : 'cV[R]_n).
Hypothesis p_gt0 : 0 < dot y g.
Implicit Types (M N : 'M[R]_n) (x : 'cV[R]_n) (a l m e : R).

(** The inverse of M(a), for a of either sign; for a > 0 this is CanonicalForm.v's [family_mul_inverse] ... *)
Lemma family_inverse_mul a : a != 0 -> family g y a *m family_inverse g y a = 1%:M.
Proof.
move=> a0; apply: mx_eq_action => x; rewrite -mulmxA /family_inverse -[a^-1%:M]scalemx1 /family !act.
apply/colP => i; rewrite !mxE ?dot_linear ?(dotC g y).
move: (gg_gt0 p_gt0) p_gt0; move: (y i 0) (g i 0) (x i 0) (dot y y) (dot g g) (dot y g) (dot g x) (dot y x).
move=> yi gi xi yy gg p gx yx ? ?.
by field; rewrite a0 !gt_eqF.
Qed.

(** ... and [family_invmx]. *)
Lemma family_invE a : a != 0 -> invmx (family g y a) = family_inverse g y a.
Proof. by move=> a0; apply/invmx_eq/family_inverse_mul. Qed.

(** For every symmetric M with M g = y: tr(M(a)^-1 M) = n + (tr M - tr M(a))/a. *)
Theorem trace_relative a M : a != 0 -> symmetric M -> M *m g = y ->
  \tr (invmx (family g y a) *m M) = n%:R + (\tr M - \tr (family g y a)) / a.
Proof.
move=> a0 sM Mg; rewrite (family_trace a p_gt0) /astar family_invE // /family_inverse -scalemx1.
rewrite !mulmxDl mulNmx -!scalemxAl mul1mx mulmxDl.
have tr_outer u v : \tr (u *m v^T *m M) = dot v (M *m u).
  by rewrite -mulmxA mxtrace_mulC /dot -mulmxA trace_mx11.
rewrite !mxtraceD [\tr (- _)]raddfN /= !mxtraceZ mxtraceD !tr_outer Mg (dot_sym g y sM) Mg (dotC g y).
move: p_gt0; move: (\tr M) (dot y y) (dot y g) => t yy p ?.
by field; rewrite a0 gt_eqF.
Qed.

(** Davidon, Fletcher and Powell's update of the identity, DFP. *)
Definition dfp : 'M[R]_n :=
  (1%:M - (dot y g)^-1 *: (y *m g^T)) *m (1%:M - (dot y g)^-1 *: (g *m y^T)) + (dot y g)^-1 *: (y *m y^T).

End Dual.

Section DFP.

Variables (R : realFieldType) (n : nat) (g y : 'cV[R]_n).
Hypothesis p_gt0 : 0 < dot y g.
Let q_gt0 : 0 < dot g y. Proof. by rewrite dotC. Qed.

Lemma dfp_dual : dfp g y = family_inverse y g 1.
Proof.
apply: mx_eq_action => x; have e (A B C : 'M[R]_n) : (A *m B + C) *m x = A *m (B *m x) + C *m x.
  by rewrite mulmxDl mulmxA.
rewrite /dfp /family_inverse e !act mul_scalar_mx.
apply/colP => i; rewrite !mxE ?dot_linear ?(dotC g y).
move: p_gt0; move: (y i 0) (g i 0) (x i 0) (dot y y) (dot g g) (dot y g) (dot g x) (dot y x).
by move=> yi gi xi yy gg p gx yx ?; field; rewrite gt_eqF.
Qed.

(** The inverse of DFP is the BFGS family's M(1) of the exchanged pair (y, g). *)
Theorem dfp_inverse : invmx (dfp g y) = family y g 1.
Proof. by rewrite dfp_dual -(family_invE q_gt0) ?oner_eq0 // invmxK. Qed.

(** DFP is a metric. *)
Theorem dfp_metric : metric (dfp g y) g y.
Proof.
have m1 : metric (family y g 1) y g by exact: family_metric ltr01 q_gt0.
have u1 : family y g 1 \in unitmx by exact: (spd_unit m1.1).
by rewrite -[dfp g y]invmxK dfp_inverse; exact: (metric_dual y g u1).1 m1.
Qed.

End DFP.

Section NotInFamily.

Variables (R : realFieldType) (n : nat) (g y : 'cV[R]_n).
Hypotheses (p_gt0 : 0 < dot y g) (n_gt2 : (2 < n)%N) (not_parallel : orthogonal_part g y != 0).
Local Notation w := (orthogonal_part g y).

(** DFP = M(1) + (g.g/p^2) w w^T *)
Lemma dfp_family : dfp g y = family g y 1 + (dot g g / dot y g ^+ 2) *: (w *m w^T).
Proof.
rewrite dfp_dual //; apply: mx_eq_action => x; rewrite /family_inverse /family /orthogonal_part !act
  mul_scalar_mx.
apply/colP => i; rewrite !mxE ?dot_linear ?(dotC g y).
move: p_gt0 (gg_gt0 p_gt0).
move: (y i 0) (g i 0) (x i 0) (dot y y) (dot g g) (dot y g) (dot g x) (dot y x).
by move=> yi gi xi yy gg p gx yx ? ?; field; rewrite !gt_eqF.
Qed.

(** In more than two dimensions, with y not parallel to g, DFP is no M(a). *)
Theorem dfp_not_family a : dfp g y <> family g y a.
Proof.
move=> e; have [x [xn0 gx yx]] := orthogonal_exists g y n_gt2.
have wx : dot w x = 0 by rewrite dotBl dotZl gx yx mulr0 subr0.
have ww : 0 < dot w w by rewrite dot_gt0.
have a1 : a = 1.
  have := congr1 (fun M => M *m x) e; rewrite /= dfp_family mulmxDl !family_orthogonal //.
  rewrite -scalemxAl outer_mul wx scale0r scaler0 addr0 => /esym/eqP.
  by rewrite -subr_eq0 -scalerBl scaler_eq0 (negPf xn0) orbF subr_eq0 => /eqP.
have := congr1 (fun M => dot w (M *m w)) e; rewrite /= dfp_family mulmxDl a1 dotDr -[RHS]addr0 => /addrI.
have k_gt0 : 0 < dot g g / dot y g ^+ 2 by rewrite divr_gt0 ?exprn_gt0 ?(gg_gt0 p_gt0).
move: (_ / _) k_gt0 => k k_gt0; rewrite -scalemxAl outer_mul !dotZr => /eqP.
by rewrite !mulf_eq0 (gt_eqF ww) (gt_eqF k_gt0).
Qed.

(** The same for PSB. *)
Theorem psb_not_family a : psb g y <> family g y a.
Proof.
move=> e; have [x [xn0 gx yx]] := orthogonal_exists g y n_gt2.
have ww : 0 < dot w w by rewrite dot_gt0.
have a1 : a = 1.
  have := congr1 (fun M => M *m x) e; rewrite /= family_orthogonal //.
  rewrite /psb !act !dot_linear gx yx !subr0 !(scale0r, scaler0, addr0, subr0) => /esym/eqP.
  by rewrite -subr_eq0 -{2}[x]scale1r -scalerBl scaler_eq0 (negPf xn0) orbF subr_eq0 => /eqP.
have := congr1 (fun M => dot w (M *m w)) e; rewrite /= a1 psb_form // family_form // dot_gw // !mul0r.
rewrite !scale0r !subr0 addr0 expr0n mul0r addr0 mul1r -[LHS]add0r => /addIr/esym/eqP.
by rewrite dot_yw // mulf_eq0 invr_eq0 (gt_eqF p_gt0) orbF sqrf_eq0 (gt_eqF ww).
Qed.

End NotInFamily.

Section Determinants.

Variable R : realFieldType.

(** Congruence keeps positive definiteness. *)
Lemma spd_congruence (n : nat) (A J : 'M[R]_n) : J \in unitmx -> spd A -> spd (J *m A *m J^T).
Proof.
move=> uJ [sA pA]; split; first by rewrite /symmetric !trmx_mul trmxK sA mulmxA.
move=> x xn0; rewrite -!mulmxA dot_mulmx; apply: pA; apply: contraNneq xn0 => z.
have uJT : J^T \in unitmx by rewrite unitmx_tr.
by rewrite -(mulKmx uJT x) z mulmx0.
Qed.

(** Every positive definite A is L D L^T with 1 on the diagonal of L, det L = 1 and D diagonal, positive. *)
Theorem ldl_exists (n : nat) (A : 'M[R]_n) : spd A -> exists (L : 'M[R]_n) (d : 'rV[R]_n),
  [/\ A = L *m diag_mx d *m L^T, \det L = 1, forall i, L i i = 1 & forall i, 0 < d 0 i].
Proof.
elim: n A => [|n IH] A pA.
  exists 0, 0; split; [by rewrite [LHS]flatmx0 [RHS]flatmx0 | exact: det_mx00 | by case | by case].
rewrite -[n.+1]/(1 + n)%N in A pA *.
pose a := ulsubmx A; pose b := dlsubmx A; pose S := drsubmx A - (a 0 0)^-1 *: (b *m b^T).
have [sA posA] := pA.
have sE : A = block_mx a b^T b (drsubmx A).
  by rewrite -[LHS]submxK; congr block_mx; rewrite /b trmx_dlsub sA.
have sC : (drsubmx A)^T = drsubmx A by rewrite trmx_drsub sA.
have form (t : 'cV[R]_1) (v : 'cV[R]_n) : dot (col_mx t v) (A *m col_mx t v) =
    (t^T *m (a *m t + b^T *m v) + v^T *m (b *m t + drsubmx A *m v)) 0 0.
  by rewrite {1}sE /dot tr_col_mx mul_block_col mul_row_col.
have a_gt0 : 0 < a 0 0.
  have := posA (col_mx 1%:M 0); rewrite form !mulmx0 !addr0 trmx0 mul0mx addr0 trmx1 mul1mx mulmx1.
  apply; apply/eqP => /(congr1 usubmx); rewrite col_mxKu => /matrixP/(_ 0 0).
  by rewrite !mxE /= => /eqP; rewrite oner_eq0.
have pS : spd S.
  split; first by apply: symmetricB => //; exact/symmetricZ/outer_sym.
  move=> v vn0; pose t : 'cV[R]_1 := (- (a 0 0)^-1 * dot b v)%:M.
  have := posA (col_mx t v); rewrite form.
  have -> : a *m t + b^T *m v = 0.
    rewrite [a]mx11_scalar [b^T *m v]mx11_scalar -/(dot b v) -scalar_mxM -raddfD /=.
    by rewrite mulrA mulrN mulfV ?gt_eqF // mulN1r addNr raddf0.
  rewrite mulmx0 add0r /t mul_mx_scalar /S mulmxBl -scalemxAl outer_mul.
  have <- : dot v (- (a 0 0)^-1 * dot b v *: b + drsubmx A *m v) =
            dot v (drsubmx A *m v - (a 0 0)^-1 *: (dot b v *: b)).
    by rewrite addrC scalerA mulNr scaleNr.
  apply; apply: contraNneq vn0 => /(congr1 dsubmx); rewrite col_mxKd => ->.
  by apply/eqP/colP => i; rewrite !mxE.
have [L [d [eS detL L1 d_gt0]]] := IH S pS.
have ac m (c : 'M[R]_(1, m)) : a *m c = a 0 0 *: c by rewrite {1}[a]mx11_scalar mul_scalar_mx.
have ba : b *m a = a 0 0 *: b by exact: mulmx_col1.
exists (block_mx 1%:M 0 ((a 0 0)^-1 *: b) L), (row_mx a d); split.
- rewrite diag_mx_row tr_block_mx trmx1 trmx0 !mulmx_block.
  rewrite !mul1mx !mul0mx !mulmx0 !addr0 !mulmx1 !add0r.
  have -> : diag_mx a = a by apply/matrixP => i j; rewrite !mxE !ord1 eqxx.
  have tb : ((a 0 0)^-1 *: b)^T = (a 0 0)^-1 *: b^T by rewrite linearZ.
  rewrite [LHS]sE -eS tb -!scalemxAl -?scalemxAr ba ac !scalerA mulVf ?gt_eqF // !scale1r.
  by rewrite mul0mx addr0 -scalemxAl scalerA divfK ?gt_eqF // /S [in RHS]addrC subrK.
- by rewrite det_lblock det1 mul1r.
- move=> i; rewrite -(splitK i); case: (split i) => j /=; first by rewrite block_mxEul mxE eqxx.
  by rewrite block_mxEdr.
move=> i; rewrite -(splitK i); case: (split i) => j /=; first by rewrite row_mxEl [j]ord1.
by rewrite row_mxEr.
Qed.

Section Hadamard.

Variables (n : nat).
Implicit Types (A M N L : 'M[R]_n) (d : 'rV[R]_n).

Lemma ldl_diag L d i : (L *m diag_mx d *m L^T) i i = \sum_j L i j ^+ 2 * d 0 j.
Proof.
rewrite mxE; apply: eq_bigr => j _; rewrite mul_mx_diag !mxE.
by rewrite expr2 mulrAC.
Qed.

(** A positive definite matrix has a positive determinant. *)
Theorem det_spd_gt0 A : spd A -> 0 < \det A.
Proof.
move=> /ldl_exists [L [d [-> detL _ d_gt0]]].
by rewrite !det_mulmx det_tr detL mul1r mulr1 det_diag prodr_gt0.
Qed.

(** Hadamard: the determinant is at most the product of the diagonal ... *)
Theorem hadamard A : spd A -> \det A <= \prod_i A i i.
Proof.
move=> /ldl_exists [L [d [-> detL L1 d_gt0]]].
rewrite !det_mulmx det_tr detL mul1r mulr1 det_diag; apply: ler_prod => i _.
rewrite (ltW (d_gt0 i)) ldl_diag (bigD1 i) //= L1 expr1n mul1r ler_addl.
by apply: sumr_ge0 => j _; rewrite mulr_ge0 ?sqr_ge0 // ltW.
Qed.

(** ... and equality only if A is diagonal. *)
Theorem hadamard_eq A : spd A -> \prod_i A i i <= \det A -> A = diag_mx (\row_i A i i).
Proof.
move=> pA; have [L [d [eA detL L1 d_gt0]]] := ldl_exists pA => le.
have le_d i : d 0 i <= A i i.
  rewrite eA ldl_diag (bigD1 i) //= L1 expr1n mul1r ler_addl.
  by apply: sumr_ge0 => j _; rewrite mulr_ge0 ?sqr_ge0 // ltW.
have detA : \det A = \prod_i d 0 i by rewrite eA !det_mulmx det_tr detL mul1r mulr1 det_diag.
have eq_d i : A i i = d 0 i.
  apply: le_anti; rewrite le_d andbT leNgt; apply/negP => lt; move: le; rewrite leNgt => /negP; apply.
  have rest : \prod_(j | j != i) d 0 j <= \prod_(j | j != i) A j j.
    by apply: ler_prod => j _; rewrite (ltW (d_gt0 j)) le_d.
  have rest_gt0 : 0 < \prod_(j | j != i) d 0 j by apply: prodr_gt0.
  rewrite detA (bigD1 i) //= [ltRHS](bigD1 i) //=.
  apply: (@lt_le_trans _ _ (A i i * \prod_(j | j != i) d 0 j)); first by rewrite ltr_pmul2r.
  by rewrite ler_pmul2l // (lt_le_trans (d_gt0 i) (le_d i)).
have L_eq1 : L = 1%:M.
  apply/matrixP => i j; rewrite mxE; have [->|ne] := eqVneq i j; first by rewrite L1.
  have := eq_d i; rewrite {1}eA ldl_diag (bigD1 i) //= L1 expr1n mul1r -[RHS]addr0 => /addrI/eqP.
  rewrite psumr_eq0 => [/allP/(_ j (mem_index_enum j))|k _]; last by rewrite mulr_ge0 ?sqr_ge0 // ltW.
  by rewrite eq_sym ne mulf_eq0 (gt_eqF (d_gt0 j)) orbF sqrf_eq0 => /eqP.
rewrite [LHS]eA L_eq1 trmx1 mulmx1 mul1mx; congr diag_mx.
by apply/rowP => i; rewrite !mxE eq_d.
Qed.

(** Simultaneous reduction: N = L D L^T with D positive and diagonal, M = L A L^T, det L = 1. *)
Lemma relative_reduction N M : spd N -> spd M -> exists (L A : 'M[R]_n) (d : 'rV[R]_n),
  [/\ N = L *m diag_mx d *m L^T, M = L *m A *m L^T, \det L = 1, spd A & forall i, 0 < d 0 i]
  /\ \tr (invmx N *m M) = \sum_i A i i / d 0 i.
Proof.
move=> pN pM; have [L [d [eN detL _ d_gt0]]] := ldl_exists pN.
have uL : L \in unitmx by rewrite unitmxE detL unitr1.
have uK : invmx L \in unitmx by rewrite unitmx_inv.
have uLt : L^T \in unitmx by rewrite unitmx_tr.
exists L, (invmx L *m M *m (invmx L)^T), d; split; first split=> //.
- by rewrite trmx_inv !mulmxA mulmxV // mul1mx mulmxKV.
- exact: spd_congruence.
have inv : N *m ((invmx L)^T *m diag_mx (\row_i (d 0 i)^-1) *m invmx L) = 1%:M.
  rewrite eN trmx_inv -!mulmxA (mulKVmx uLt) (mulmxA (diag_mx d)) mulmx_diag.
  have -> : diag_mx (\row_j (d 0 j * (\row_i (d 0 i)^-1) 0 j)) = 1%:M :> 'M[R]_n.
    by apply/matrixP => i j; rewrite !mxE mulfV // gt_eqF.
  by rewrite mul1mx mulmxV.
have -> : invmx N = (invmx L)^T *m diag_mx (\row_i (d 0 i)^-1) *m invmx L.
  by have [u _] := mulmx1_unit inv; rewrite -[RHS](mulKmx u) inv mulmx1.
rewrite -!mulmxA mxtrace_mulC -!mulmxA; apply: eq_bigr => i _.
by rewrite mul_diag_mx !mxE mulrC.
Qed.

Lemma agm (E : 'I_n -> R) : (forall i, 0 <= E i) ->
  \prod_i E i <= ((\sum_i E i) / n%:R) ^+ n.
Proof.
move=> E_ge0; have := leif_AGM (fun i (_ : i \in 'I_n) => E_ge0 i).
by rewrite card_ord => -[].
Qed.

Lemma agm_eq (E : 'I_n -> R) : (forall i, 0 <= E i) ->
  ((\sum_i E i) / n%:R) ^+ n <= \prod_i E i -> forall i, E i = (\sum_i E i) / n%:R.
Proof.
move=> E_ge0 ge i; have := leif_AGM (fun i (_ : i \in 'I_n) => E_ge0 i).
rewrite card_ord => -[le eq]; move: eq; rewrite eq_le le ge => /esym/forall_inP all_eq.
have sumE : \sum_j E j = E i *+ n.
  rewrite -[in RHS](card_ord n) -sumr_const; apply: eq_bigr => j _.
  by have /forall_inP/(_ i isT)/eqP := all_eq j isT.
by rewrite sumE -[E i *+ n]mulr_natr mulfK // pnatr_eq0 -lt0n (leq_ltn_trans _ (ltn_ord i)).
Qed.

(** For positive definite N and M: det M <= det N (tr(N^-1 M)/n)^n ... *)
Theorem det_trace_relative N M : spd N -> spd M ->
  \det M <= \det N * (\tr (invmx N *m M) / n%:R) ^+ n.
Proof.
move=> pN pM; have [L [A [d [[-> -> detL pA d_gt0] ->]]]] := relative_reduction pN pM.
rewrite !det_mulmx det_tr detL !mul1r !mulr1 det_diag.
apply: le_trans (hadamard pA) _; have e i : A i i = d 0 i * (A i i / d 0 i).
  by rewrite mulrC divfK // gt_eqF.
rewrite (eq_bigr _ (fun i _ => e i)) big_split /= ler_pmul2l ?prodr_gt0 //.
by apply: agm => i; rewrite divr_ge0 ?(psd_diag_ge0 i (spd_psd pA)) // ltW.
Qed.

(** ... and equality only if M is a multiple of N. *)
Theorem det_trace_relative_eq N M : spd N -> spd M ->
  \det N * (\tr (invmx N *m M) / n%:R) ^+ n <= \det M -> M = (\tr (invmx N *m M) / n%:R) *: N.
Proof.
move=> pN pM; have [L [A [d [[-> -> detL pA d_gt0] ->]]]] := relative_reduction pN pM.
rewrite !det_mulmx det_tr detL !mul1r !mulr1 det_diag => le.
have E_ge0 i : 0 <= A i i / d 0 i by rewrite divr_ge0 ?(psd_diag_ge0 i (spd_psd pA)) // ltW.
have prodA : \prod_i A i i = \prod_i d 0 i * \prod_i (A i i / d 0 i).
  by rewrite -big_split; apply: eq_bigr => i _ /=; rewrite mulrC divfK // gt_eqF.
have d_prod : 0 < \prod_i d 0 i by apply: prodr_gt0.
have AGM := agm E_ge0.
have hA : A = diag_mx (\row_i A i i).
  by apply: (hadamard_eq pA); apply: le_trans le; rewrite prodA ler_pmul2l.
have := agm_eq E_ge0; rewrite -(ler_pmul2l d_prod) -prodA (le_trans le (hadamard pA)) => /(_ isT) eqE.
rewrite [RHS]scalemxAl scalemxAr; congr (_ *m _ *m _).
apply/matrixP => i j; rewrite [A in LHS]hA; rewrite !mxE -(eqE i).
by case: eqVneq => _; rewrite ?mulr0n ?mulr0 // !mulr1n divfK // gt_eqF.
Qed.

End Hadamard.

End Determinants.

Section LogFree.

Variables (R : realFieldType) (n : nat) (g y : 'cV[R]_n).
Hypothesis p_gt0 : 0 < dot y g.
Implicit Types (M N : 'M[R]_n) (x : 'cV[R]_n) (a t : R).

Let n_gt0 : 0 < n%:R :> R. Proof. by rewrite ltr0n (dim_gt0 p_gt0). Qed.

(** det M(a) = a^(n-1) p/g.g, for a of either sign; CanonicalForm.v's [family_det] has it for a > 0. *)
Theorem det_family a : a != 0 -> \det (family g y a) = a ^+ n.-1 * (dot y g / dot g g).
Proof.
move=> a0; have p0 : dot y g != 0 by rewrite gt_eqF.
have -> : family g y a = a *: (family g y 1 *m (1%:M + (((a^-1 - 1) / dot y g) *: g) *m y^T)).
  rewrite mulmxDr mulmx1 mulmxA -scalemxAr family_mul_g // -scalemxAl /family.
  move: (y *m y^T) (1%:M - _) => Y P; apply/matrixP => i j; rewrite !mxE.
  by move: (dot y g) p0 (Y i j) (P i j) => p nz ? ?; field; rewrite nz a0.
rewrite detZ det_mulmx (family_det p_gt0 ltr01) expr1n mul1r det_rank_one dotZr.
rewrite -[in a ^+ n](prednK (dim_gt0 p_gt0)) exprS.
by move: (dot y g) p0 (dot g g)^-1 (a ^+ n.-1) => p nz ? ?; field; rewrite nz a0.
Qed.

(** The mean of the eigenvalues of M(a)^-1 M: ratio a M = 1 + (tr M - tr M(a))/(a n). *)
Definition ratio a M : R := 1 + (\tr M - \tr (family g y a)) / (a * n%:R).

Lemma ratioE a M : a != 0 -> metric M g y -> ratio a M = \tr (invmx (family g y a) *m M) / n%:R.
Proof.
move=> a0 [[sM _] Mg]; rewrite trace_relative // /ratio [RHS]mulrDl divff ?gt_eqF //.
by rewrite -[in RHS]mulrA -invfM.
Qed.

(** The multiplicative core of "M(a) minimises tr M - a log det M": for every metric M,
    det M / det M(a) <= (1 + (tr M - tr M(a))/(a n))^n ... *)
Theorem det_ratio_le a M : 0 < a -> metric M g y -> \det M <= \det (family g y a) * ratio a M ^+ n.
Proof.
move=> a_gt0 mM; rewrite ratioE ?gt_eqF //; apply: det_trace_relative mM.1.
exact: (family_metric a_gt0 p_gt0).1.
Qed.

(** ... with equality only for M = M(a). *)
Theorem det_ratio_eq a M : 0 < a -> metric M g y ->
  \det (family g y a) * ratio a M ^+ n <= \det M -> M = family g y a.
Proof.
move=> a_gt0 mM; rewrite ratioE ?gt_eqF // => le.
have eM := det_trace_relative_eq (family_metric a_gt0 p_gt0).1 mM.1 le.
have := congr1 (fun N => dot g (N *m g)) eM; rewrite /= -scalemxAl family_mul_g // mM.2 dotZr => e.
rewrite eM; have {e} -> : \tr (invmx (family g y a) *m M) / n%:R = 1; last by rewrite scale1r.
by apply: (mulIf (_ : dot g y != 0)); rewrite ?mul1r -?e // dotC gt_eqF.
Qed.

(** In n > 1 dimensions: among all metrics of a given trace T the determinant is largest at M(a),
    a = (T - y.y/p)/(n - 1), and only there. (By metric_trace_gt, T > y.y/p for every metric.) *)
Theorem max_determinant M (a := (\tr M - dot y y / dot y g) / n.-1%:R) : (1 < n)%N -> metric M g y ->
  [/\ 0 < a, metric (family g y a) g y, \tr (family g y a) = \tr M,
      \det M <= \det (family g y a) & \det M = \det (family g y a) -> M = family g y a].
Proof.
move=> n_gt1 mM; have n1 : 0 < n.-1%:R :> R by rewrite ltr0n -ltnS prednK // (ltn_trans _ n_gt1).
have a_gt0 : 0 < a by rewrite divr_gt0 // subr_gt0 metric_trace_gt.
have tr_a : \tr (family g y a) = \tr M.
  have nE : n%:R - 1 = n.-1%:R :> R by rewrite -subn1 natrB // ltnW.
  by rewrite family_trace // nE /a (mulrC n.-1%:R) divfK ?gt_eqF // addrC subrK.
have r1 : ratio a M = 1 by rewrite /ratio tr_a subrr mul0r addr0.
split=> //; first exact: family_metric.
  by have := det_ratio_le a_gt0 mM; rewrite r1 expr1n mulr1.
by move=> e; apply: det_ratio_eq => //; rewrite r1 expr1n mulr1 e.
Qed.

(** Let ln be any function with ln (s t) = ln s + ln t and ln t <= t - 1 for s, t > 0: over the real
    numbers, the natural logarithm. *)
Section Logarithm.

Variable ln : R -> R.
Hypothesis lnM : forall s t, 0 < s -> 0 < t -> ln (s * t) = ln s + ln t.
Hypothesis ln_le : forall t, 0 < t -> ln t <= t - 1.

Let lnX t k : 0 < t -> ln (t ^+ k) = ln t *+ k.
Proof.
move=> t_gt0; elim: k => [|k IH]; last by rewrite exprS lnM ?exprn_gt0 // IH mulrS.
by rewrite expr0 mulr0n; apply: (addrI (ln 1)); rewrite -lnM ?ltr01 // mulr1 addr0.
Qed.

Let ln_mono s t : 0 < s -> s <= t -> ln s <= ln t.
Proof.
move=> s_gt0 le_st; have t_gt0 := lt_le_trans s_gt0 le_st.
have st_gt0 : 0 < s / t by rewrite divr_gt0.
have -> : s = s / t * t by rewrite divfK ?gt_eqF.
rewrite lnM // ger_addr; apply: le_trans (ln_le st_gt0) _.
by rewrite subr_le0 ler_pdivr_mulr // mul1r.
Qed.

Let ln_lt s t : 0 < s -> s < t -> ln s < ln t.
Proof.
move=> s_gt0 lt_st; have t_gt0 := lt_trans s_gt0 lt_st.
have st_gt0 : 0 < s / t by rewrite divr_gt0.
have -> : s = s / t * t by rewrite divfK ?gt_eqF.
rewrite lnM // gtr_addr; apply: le_lt_trans (ln_le st_gt0) _.
by rewrite subr_lt0 ltr_pdivr_mulr // mul1r.
Qed.

Lemma ratio_gt0 a M : 0 < a -> metric M g y -> 0 < ratio a M.
Proof.
move=> a_gt0 mM; have -> : ratio a M = (\tr M - dot y y / dot y g + a) / (a * n%:R).
  rewrite /ratio family_trace // /astar.
  by field; rewrite !gt_eqF.
by rewrite divr_gt0 ?mulr_gt0 // ltr_paddl // subr_ge0 metric_trace_ge.
Qed.

Let gap a M : 0 < a -> \tr M = \tr (family g y a) + a * ((ratio a M - 1) *+ n).
Proof.
move=> a_gt0; rewrite /ratio (addrC 1) addrK -mulr_natr.
by field; rewrite !gt_eqF.
Qed.

(** Kullback and Leibler: M(a) minimises tr M - a ln (det M) over all metrics ... *)
Theorem kl_optimal a M : 0 < a -> metric M g y ->
  \tr (family g y a) - a * ln (\det (family g y a)) <= \tr M - a * ln (\det M).
Proof.
move=> a_gt0 mM; have detM := det_spd_gt0 mM.1.
have det_a := det_spd_gt0 (family_metric a_gt0 p_gt0).1.
have q_gt0 := ratio_gt0 a_gt0 mM.
rewrite [in leRHS](gap M a_gt0) -addrA ler_add2l -mulrBr -mulrN ler_pmul2l // ler_oppl opprB ler_subl_addr.
apply: (@le_trans _ _ (ln (\det (family g y a)) + ln (ratio a M) *+ n)).
  by rewrite -lnX // -lnM ?exprn_gt0 //; apply: ln_mono => //; exact: det_ratio_le.
by rewrite ler_add2l ler_muln2r ln_le ?orbT.
Qed.

(** ... and it is the only minimiser. *)
Theorem kl_optimal_unique a M : 0 < a -> metric M g y ->
  \tr M - a * ln (\det M) <= \tr (family g y a) - a * ln (\det (family g y a)) -> M = family g y a.
Proof.
move=> a_gt0 mM; have detM := det_spd_gt0 mM.1.
have det_a := det_spd_gt0 (family_metric a_gt0 p_gt0).1.
have q_gt0 := ratio_gt0 a_gt0 mM.
rewrite [in leLHS](gap M a_gt0) -addrA ler_add2l -mulrBr -mulrN ler_pmul2l //.
rewrite ler_oppr opprB ler_subr_addr => le.
apply: det_ratio_eq => //; rewrite leNgt; apply/negP => /(ln_lt detM); rewrite lnM ?exprn_gt0 // lnX //.
rewrite ltNge => /negP; apply; apply: le_trans le.
by rewrite ler_add2l ler_muln2r ln_le ?orbT.
Qed.

End Logarithm.

(** For a = y.y/p the bound of det_ratio_le is c^2 (tr M/n)^n, c^2 = p^2/(g.g y.y). *)
Lemma det_ratio_star M (a := dot y y / dot y g) : \det (family g y a) * ratio a M ^+ n =
  dot y g ^+ 2 / (dot g g * dot y y) * (\tr M / n%:R) ^+ n.
Proof.
have a_gt0 : 0 < a by rewrite divr_gt0 ?(yy_gt0 p_gt0).
have -> : ratio a M = \tr M / n%:R / a.
  rewrite /ratio family_trace // /astar /a.
  by field; rewrite !gt_eqF // (yy_gt0 p_gt0).
rewrite expr_div_n det_family ?gt_eqF //.
have -> : a ^+ n = a * a ^+ n.-1 by rewrite -exprS prednK ?(dim_gt0 p_gt0).
have an : 0 < a ^+ n.-1 by rewrite exprn_gt0.
move: (_ ^+ n.-1) an (_ ^+ n) => an an0 t; rewrite /a.
by field; rewrite !gt_eqF // ?(yy_gt0 p_gt0) ?(gg_gt0 p_gt0).
Qed.

Let k := dot y g ^+ 2 / (dot g g * dot y y).
Let k_gt0 : 0 < k.
Proof. by rewrite divr_gt0 ?exprn_gt0 ?mulr_gt0 ?(yy_gt0 p_gt0) ?(gg_gt0 p_gt0). Qed.
Let kV : dot g g * dot y y / dot y g ^+ 2 = k^-1. Proof. by rewrite invf_div. Qed.

(** Dennis and Wolkowicz: every metric has (tr M/n)^n / det M >= 1/c^2 ... *)
Theorem omega_ge M : metric M g y ->
  (dot g g * dot y y) / dot y g ^+ 2 <= (\tr M / n%:R) ^+ n / \det M.
Proof.
move=> mM; have a_gt0 : 0 < dot y y / dot y g by rewrite divr_gt0 ?(yy_gt0 p_gt0).
have detM := det_spd_gt0 mM.1; rewrite kV ler_pdivl_mulr // ler_pdivr_mull // -det_ratio_star.
exact: det_ratio_le.
Qed.

(** ... with equality exactly for M(a), a = y.y/p. *)
Theorem omega_eq M : metric M g y ->
  (\tr M / n%:R) ^+ n / \det M = (dot g g * dot y y) / dot y g ^+ 2 <-> M = family g y (dot y y / dot y g).
Proof.
move=> mM; have a_gt0 : 0 < dot y y / dot y g by rewrite divr_gt0 ?(yy_gt0 p_gt0).
have detM := det_spd_gt0 mM.1; rewrite kV; split=> [e|eM].
  apply: det_ratio_eq => //; rewrite det_ratio_star -/k.
  have -> : (\tr M / n%:R) ^+ n = k^-1 * \det M by rewrite -e divfK ?gt_eqF.
  by rewrite mulVKf ?gt_eqF.
have : \det M = k * (\tr M / n%:R) ^+ n.
  by rewrite -det_ratio_star {2}eM /ratio subrr mul0r addr0 expr1n mulr1 {1}eM.
move: ((\tr M / n%:R) ^+ n) => t detE; rewrite detE in detM *.
rewrite invfM mulrCA mulfV ?mulr1 //; apply: contraTneq detM => ->.
by rewrite mulr0 ltxx.
Qed.

End LogFree.

(** The dual of kl_optimal's core, for DFP: det M^-1 <= det DFP^-1 (1 + (tr M^-1 - tr DFP^-1)/n)^n for every
    metric, with equality only for DFP: the multiplicative core of "DFP minimises tr M^-1 + log det M". *)
Theorem dfp_det_ratio (R : realFieldType) (n : nat) (g y : 'cV[R]_n) (M : 'M[R]_n)
    (q := 1 + (\tr (invmx M) - \tr (invmx (dfp g y))) / n%:R) : 0 < dot y g -> metric M g y ->
  \det (invmx M) <= \det (invmx (dfp g y)) * q ^+ n
  /\ (\det (invmx (dfp g y)) * q ^+ n <= \det (invmx M) -> M = dfp g y).
Proof.
move=> p_gt0 mM; have q_gt0 : 0 < dot g y by rewrite dotC.
have uM := spd_unit mM.1; have mI := (metric_dual g y uM).1 mM.
have -> : q = ratio y g 1 (invmx M) by rewrite /q /ratio dfp_inverse // mul1r.
rewrite dfp_inverse //; split; first exact: (det_ratio_le q_gt0 ltr01 mI).
move=> /(det_ratio_eq q_gt0 ltr01 mI) e.
by rewrite -[M]invmxK e -dfp_inverse // invmxK.
Qed.

(** With a logarithm as in kl_optimal: DFP minimises tr M^-1 + ln (det M), and is the only minimiser. *)
Theorem dfp_optimal (R : realFieldType) (n : nat) (g y : 'cV[R]_n) (ln : R -> R) (M : 'M[R]_n) :
  (forall s t, 0 < s -> 0 < t -> ln (s * t) = ln s + ln t) -> (forall t, 0 < t -> ln t <= t - 1) ->
  0 < dot y g -> metric M g y ->
  \tr (invmx (dfp g y)) + ln (\det (dfp g y)) <= \tr (invmx M) + ln (\det M)
  /\ (\tr (invmx M) + ln (\det M) <= \tr (invmx (dfp g y)) + ln (\det (dfp g y)) -> M = dfp g y).
Proof.
move=> lnM ln_le p_gt0 mM; have q_gt0 : 0 < dot g y by rewrite dotC.
have uM := spd_unit mM.1; have mI := (metric_dual g y uM).1 mM.
have ln1 : ln 1 = 0 by apply: (addrI (ln 1)); rewrite -lnM ?ltr01 // mulr1 addr0.
have lnV (N : 'M[R]_n) : spd N -> ln (\det N) = - (1 * ln (\det (invmx N))).
  move=> pN; apply/eqP; rewrite -subr_eq0 opprK mul1r -lnM ?det_spd_gt0 //; last exact: spd_inv.
  by rewrite -det_mulmx mulmxV ?spd_unit // det1 ln1.
rewrite (lnV M mM.1) (lnV _ (dfp_metric p_gt0).1) dfp_inverse //; split.
  exact: (kl_optimal q_gt0 lnM ln_le ltr01 mI).
move=> /(kl_optimal_unique q_gt0 lnM ln_le ltr01 mI) e.
by rewrite -[M]invmxK e -dfp_inverse // invmxK.
Qed.
(** The metric that is nearest to the multiples of the identity in the affine-invariant distance, called the
    ray metric below. Here c = p/(|g||y|) is the cosine of the angle and r = |y|/|g|. *)
Section Ray.

Variables (R : rcfType) (n : nat).
Implicit Types (g y x v : 'cV[R]_n).

Definition norm x : R := Num.sqrt (dot x x).
Definition unit_vector x : 'cV[R]_n := (norm x)^-1 *: x.
Definition cosine g y : R := dot y g / (norm g * norm y).

Definition ray_metric g y : 'M[R]_n :=
  let c := cosine g y in let gh := unit_vector g in let yh := unit_vector y in
  (norm y / norm g) *: (1%:M + ((2%:R + c) / (c * (1 + c))) *: (yh *m yh^T)
                        - (1 + c)^-1 *: (gh *m gh^T + gh *m yh^T + yh *m gh^T)).

Lemma sqr_norm x : dot x x = norm x ^+ 2.
Proof. by rewrite sqr_sqrtr // dot_ge0. Qed.

Lemma norm_gt0 x : x != 0 -> 0 < norm x.
Proof. by move=> xn0; rewrite sqrtr_gt0 dot_gt0. Qed.

Section Pair.

Variables (g y : 'cV[R]_n).
Hypothesis p_gt0 : 0 < dot y g.
Let G_gt0 := norm_gt0 (g_neq0 p_gt0).
Let Y_gt0 := norm_gt0 (y_neq0 p_gt0).

Lemma cosine_gt0 : 0 < cosine g y.
Proof. by rewrite divr_gt0 ?mulr_gt0. Qed.

Definition tangent : 'cV[R]_n := unit_vector y - cosine g y *: unit_vector g.

Lemma tangent_orthogonal : dot tangent g = 0.
Proof.
rewrite /tangent /unit_vector /cosine !dot_linear sqr_norm.
move: G_gt0 Y_gt0; move: (norm g) (norm y) (dot y g) => G Y p ? ?.
by field; rewrite !gt_eqF.
Qed.

(** It is M(r) plus a matrix of rank one. *)
Lemma ray_metricE : ray_metric g y = family g y (norm y / norm g) +
  (norm y / norm g / (cosine g y * (1 + cosine g y))) *: (tangent *m tangent^T).
Proof.
have c1 : 0 < 1 + cosine g y by rewrite addr_gt0 ?ltr01 ?cosine_gt0.
apply: mx_eq_action => x; rewrite /ray_metric /family /tangent /unit_vector /= !act.
apply/colP => i; rewrite !mxE ?dot_linear sqr_norm.
have -> : dot y g = cosine g y * norm g * norm y.
  by rewrite /cosine -mulrA divfK ?gt_eqF ?mulr_gt0.
move: G_gt0 Y_gt0 c1 cosine_gt0.
move: (norm g) (norm y) (cosine g y) (y i 0) (g i 0) (x i 0) (dot g x) (dot y x).
move=> G Y c yi gi xi gx yx ? ? ? ?.
by field; rewrite !gt_eqF.
Qed.

(** The ray metric is a metric. *)
Theorem ray_is_metric : metric (ray_metric g y) g y.
Proof.
have r_gt0 : 0 < norm y / norm g by rewrite divr_gt0.
have c_gt0 := cosine_gt0; have c1 : 0 < 1 + cosine g y by rewrite addr_gt0 ?ltr01.
have [pF Fg] := family_metric r_gt0 p_gt0; rewrite ray_metricE; split.
  by apply: spdDpsd => //; apply: psdZ (psd_outer _); rewrite ltW // divr_gt0 // mulr_gt0.
by rewrite mulmxDl Fg -scalemxAl outer_mul tangent_orthogonal scale0r scaler0 addr0.
Qed.

End Pair.

(** Its inverse is the same formula with g and y exchanged. *)
Theorem ray_inverse g y : 0 < dot y g -> invmx (ray_metric g y) = ray_metric y g.
Proof.
move=> p_gt0; have G_gt0 := norm_gt0 (g_neq0 p_gt0); have Y_gt0 := norm_gt0 (y_neq0 p_gt0).
have c1 : 0 < 1 + cosine g y by rewrite addr_gt0 ?ltr01 ?(cosine_gt0 p_gt0).
have cC : cosine y g = cosine g y by rewrite /cosine dotC [norm _ * _]mulrC.
have e : ray_metric g y *m ray_metric y g = 1%:M.
  apply: mx_eq_action => x; rewrite -mulmxA /ray_metric /unit_vector cC /= !act.
  apply/colP => i; rewrite !mxE ?dot_linear !sqr_norm (dotC g y).
  have -> : dot y g = cosine g y * norm g * norm y.
    by rewrite /cosine -mulrA divfK ?gt_eqF ?mulr_gt0.
  move: G_gt0 Y_gt0 c1 (cosine_gt0 p_gt0).
  move: (norm g) (norm y) (cosine g y) (y i 0) (g i 0) (x i 0) (dot g x) (dot y x).
  move=> G Y c yi gi xi gx yx ? ? ? ?.
  by field; rewrite !gt_eqF.
by have [u _] := mulmx1_unit e; rewrite -[RHS](mulKmx u) e mulmx1.
Qed.

(** In more than two dimensions it is no M(a) either, unless y is parallel to g. *)
Theorem ray_not_family g y a : 0 < dot y g -> (2 < n)%N -> orthogonal_part g y != 0 ->
  ray_metric g y <> family g y a.
Proof.
move=> p_gt0 n_gt2 not_parallel e; have [x [xn0 gx yx]] := orthogonal_exists g y n_gt2.
have G_gt0 := norm_gt0 (g_neq0 p_gt0); have Y_gt0 := norm_gt0 (y_neq0 p_gt0).
have c_gt0 := cosine_gt0 p_gt0; have c1 : 0 < 1 + cosine g y by rewrite addr_gt0 ?ltr01.
have tx : dot (tangent g y) x = 0 by rewrite dotBl !dotZl gx yx !mulr0 subr0.
have tE : tangent g y = (norm y)^-1 *: orthogonal_part g y.
  apply/colP => i; rewrite /tangent /unit_vector /orthogonal_part /cosine !mxE sqr_norm.
  move: G_gt0 Y_gt0; move: (norm g) (norm y) (dot y g) (g i 0) (y i 0) => G Y p gi yi ? ?.
  by field; rewrite !gt_eqF.
have tt : 0 < dot (tangent g y) (tangent g y).
  by rewrite dot_gt0 tE scaler_eq0 negb_or not_parallel invr_eq0 gt_eqF.
have ar : norm y / norm g = a.
  have := congr1 (fun M => M *m x) e; rewrite /= ray_metricE // mulmxDl !family_orthogonal //.
  rewrite -scalemxAl outer_mul tx scale0r scaler0 addr0 => /eqP.
  by rewrite -subr_eq0 -scalerBl scaler_eq0 (negPf xn0) orbF subr_eq0 => /eqP.
have := congr1 (fun M => dot (tangent g y) (M *m tangent g y)) e.
have k_gt0 : 0 < norm y / norm g / (cosine g y * (1 + cosine g y)).
  by apply: divr_gt0; [exact: divr_gt0 | exact: mulr_gt0].
rewrite /= ray_metricE // mulmxDl -ar dotDr -[RHS]addr0 => /addrI.
move: (_ / _) k_gt0 => k k_gt0; rewrite -scalemxAl outer_mul !dotZr => /eqP.
by rewrite !mulf_eq0 (gt_eqF tt) (gt_eqF k_gt0).
Qed.

(** The sine of the angle. *)
Definition sine g y : R := Num.sqrt (1 - cosine g y ^+ 2).

Lemma cosineC g y : cosine y g = cosine g y.
Proof. by rewrite /cosine dotC [norm _ * _]mulrC. Qed.

Lemma sineC g y : sine y g = sine g y.
Proof. by rewrite /sine cosineC. Qed.

Lemma sqr_sine g y : 0 < dot y g -> sine g y ^+ 2 = 1 - cosine g y ^+ 2.
Proof.
move=> p_gt0; rewrite sqr_sqrtr // subr_ge0.
have G_gt0 := norm_gt0 (g_neq0 p_gt0); have Y_gt0 := norm_gt0 (y_neq0 p_gt0).
rewrite /cosine expr_div_n ler_pdivr_mulr ?exprn_gt0 ?mulr_gt0 // mul1r exprMn mulrC.
by rewrite [leRHS]mulrC -!sqr_norm mulrC cauchy_schwarz.
Qed.

(** The inequality of two variables behind the bound. *)
Lemma ray_quadratic (c s X e U : R) : 0 < c -> 0 <= s -> s ^+ 2 = 1 - c ^+ 2 -> e ^+ 2 <= s ^+ 2 * U ->
  X ^+ 2 + U + (2%:R + c) / (c * (1 + c)) * (c * X + e) ^+ 2
    - (1 + c)^-1 * (X ^+ 2 + (X * (c * X + e)) *+ 2) <= (1 + s) / c * (X ^+ 2 + U).
Proof.
move=> c_gt0 s_ge0 sc eU; have c1 : 0 < 1 + c by rewrite addr_gt0 ?ltr01.
rewrite -subr_ge0; set F := _ - _.
have [s0|sn0] := eqVneq s 0.
  have e0 : e = 0.
    by apply/eqP; rewrite -sqrf_eq0 eq_le sqr_ge0 andbT; move: eU; rewrite s0 expr0n mul0r.
  have c_eq1 : c = 1.
    move: sc; rewrite s0 expr0n /= => /esym/eqP; rewrite subr_eq0 eq_sym sqrf_eq1 => /orP[/eqP //|/eqP cN].
    by move: c_gt0; rewrite cN oppr_gt0 ltr10.
  suff -> : F = 0 by [].
  by rewrite /F s0 e0 c_eq1; field.
have s_gt0 : 0 < s by rewrite lt_def sn0.
have c_le1 : c <= 1.
  rewrite leNgt; apply/negP => lt; move: (sqr_ge0 s); rewrite sc subr_ge0 leNgt => /negP; apply.
  by rewrite exprn_egt1.
suff : 0 <= s ^+ 2 * (1 + s) * c * F by rewrite pmulr_rge0 // !mulr_gt0 ?exprn_gt0 // addr_gt0 ?ltr01.
have -> : s ^+ 2 * (1 + s) * c * F =
    s * (s * (1 + s) * X - c * e) ^+ 2 + (1 + s) * (1 + s - c) * (s ^+ 2 * U - e ^+ 2).
  have [t [c_eq s_eq t0]] : exists t, [/\ c = (1 - t ^+ 2) / (1 + t ^+ 2), s = t *+ 2 / (1 + t ^+ 2)
      & 0 < 1 + t ^+ 2].
    exists (s / (1 + c)); have t2 : (s / (1 + c)) ^+ 2 = (1 - c) / (1 + c).
      by rewrite expr_div_n sc; field; rewrite gt_eqF.
    have t1 : 1 + (s / (1 + c)) ^+ 2 = 2%:R / (1 + c) by rewrite t2; field; rewrite gt_eqF.
    rewrite t1 t2; split; last by rewrite divr_gt0 ?ltr0n.
      by field; rewrite gt_eqF.
    by field; rewrite gt_eqF.
  have tc : 0 < 1 - t ^+ 2 by rewrite -(pmulr_lgt0 _ (_ : 0 < (1 + t ^+ 2)^-1)) ?invr_gt0 // -c_eq.
  by rewrite /F; move: c_eq s_eq => -> ->; field; rewrite !gt_eqF // addr_gt0.
have sc_ge0 : 0 <= 1 + s - c by rewrite addrAC addr_ge0 // subr_ge0.
apply: addr_ge0; first by rewrite mulr_ge0 ?sqr_ge0.
by apply: mulr_ge0; [apply: mulr_ge0 => //; rewrite addr_ge0 ?ler01 | rewrite subr_ge0].
Qed.

End Ray.

Section RaySpectrum.

Variables (R : rcfType) (n : nat).
Implicit Types (g y x : 'cV[R]_n).

Lemma ray_upper g y x : 0 < dot y g ->
  dot x (ray_metric g y *m x) <= dot y y / dot y g * (1 + sine g y) * dot x x.
Proof.
move=> p_gt0; have G_gt0 := norm_gt0 (g_neq0 p_gt0); have Y_gt0 := norm_gt0 (y_neq0 p_gt0).
have c_gt0 := cosine_gt0 p_gt0; have sc := sqr_sine p_gt0.
pose gh := unit_vector g; pose yh := unit_vector y.
have gg1 : dot gh gh = 1.
  by rewrite /gh /unit_vector !dot_linear sqr_norm; field; rewrite gt_eqF.
have yy1 : dot yh yh = 1.
  by rewrite /yh /unit_vector !dot_linear sqr_norm; field; rewrite gt_eqF.
have gyc : dot gh yh = cosine g y.
  rewrite /gh /yh /unit_vector /cosine !dot_linear (dotC g y).
  by field; rewrite !gt_eqF.
have coef : dot y y / dot y g * (1 + sine g y) = norm y / norm g * ((1 + sine g y) / cosine g y).
  by rewrite sqr_norm /cosine; field; rewrite !gt_eqF.
have s_ge0 : 0 <= sine g y := sqrtr_ge0 _.
rewrite coef /ray_metric -/gh -/yh /=.
move: gg1 yy1 gyc; move: gh yh (cosine g y) c_gt0 (sine g y) s_ge0 sc => u v c c_gt0 s s_ge0 sc uu vv uv.
have le : (dot v x - c * dot u x) ^+ 2 <= s ^+ 2 * (dot x x - dot u x ^+ 2).
  have := cauchy_schwarz (v - c *: u) (x - dot u x *: u).
  rewrite !dot_linear (dotC x u) uu vv (dotC v u) uv sc; congr (_ <= _); ring.
have := ray_quadratic (dot u x) c_gt0 s_ge0 sc le.
have r_gt0 : 0 < norm y / norm g by rewrite divr_gt0.
rewrite -(ler_pmul2l r_gt0); congr (_ <= _); last by rewrite (addrC (dot u x ^+ 2)) subrK !mulrA.
rewrite !act !dot_linear !(dotC x); congr (_ * _).
move: (dot u x) (dot v x) (dot x x) => X Y xx.
by field; rewrite !gt_eqF // addr_gt0 ?ltr01.
Qed.

(** Its spectrum lies in [(p/g.g)/(1+s), (y.y/p)(1+s)], whose condition number ((1+s)/c)^2 is the smallest
    that a metric can have. *)
Theorem ray_spectrum g y : 0 < dot y g ->
  spectrum_within (ray_metric g y) (dot y g / dot g g / (1 + sine g y)) (dot y y / dot y g * (1 + sine g y)).
Proof.
move=> p_gt0 x; rewrite ray_upper // andbT; have q_gt0 : 0 < dot g y by rewrite dotC.
have s1 : 0 < 1 + sine g y by rewrite ltr_paddr ?sqrtr_ge0 ?ltr01.
have b z : dot z (invmx (ray_metric g y) *m z) <= dot g g / dot y g * (1 + sine g y) * dot z z.
  by rewrite ray_inverse // -sineC (dotC y g) ray_upper.
have := inverse_bound (ray_is_metric p_gt0).1 b x.
rewrite -ler_pdivr_mull; last by rewrite mulr_gt0 // divr_gt0 ?(gg_gt0 p_gt0).
by rewrite invfM invf_div.
Qed.

End RaySpectrum.

(** An orthogonal diagonalisation: M = Q diag(l) Q^T with Q Q^T = I. The entries of l are the eigenvalues. *)
Section Diagonalised.

Variables (R : realFieldType) (n : nat).
Implicit Types (M Q : 'M[R]_n) (l : 'rV[R]_n) (x : 'cV[R]_n).

Definition diagonalised M Q l : Prop := Q *m Q^T = 1%:M /\ M = Q *m diag_mx l *m Q^T.

Lemma diagonalised_form M Q l x : diagonalised M Q l ->
  [/\ dot x x = \sum_i (Q^T *m x) i 0 ^+ 2, dot x (M *m x) = \sum_i l 0 i * (Q^T *m x) i 0 ^+ 2
    & dot (M *m x) (M *m x) = \sum_i l 0 i ^+ 2 * (Q^T *m x) i 0 ^+ 2].
Proof.
move=> [QQ ->]; have QQt : Q^T *m Q = 1%:M by exact: mulmx1C.
have iso u v : dot (Q *m u) (Q *m v) = dot u v by rewrite dot_mulmx mulmxA QQt mul1mx.
have xQ : x = Q *m (Q^T *m x) by rewrite mulmxA QQ mul1mx.
rewrite -!mulmxA !iso; split.
- by rewrite {1 2}xQ iso dotE; apply: eq_bigr => i _; rewrite expr2.
- rewrite {1}xQ iso; move: (Q^T *m x) => h; rewrite dotE; apply: eq_bigr => i _.
  by rewrite mul_diag_mx mxE expr2 mulrCA.
move: (Q^T *m x) => h; rewrite dotE; apply: eq_bigr => i _.
by rewrite mul_diag_mx mxE -expr2 exprMn.
Qed.

Lemma diagonalised_eigen M Q l i : diagonalised M Q l ->
  M *m col i Q = l 0 i *: col i Q /\ col i Q != 0.
Proof.
move=> [QQ ->]; have QQt : Q^T *m Q = 1%:M by exact: mulmx1C.
split.
  rewrite colE -!mulmxA (mulmxA Q^T) QQt mul1mx scalemxAr; congr (_ *m _).
  apply/colP => j; rewrite mul_diag_mx !mxE; case: eqVneq => [->|]; rewrite ?mulr0 //.
apply/eqP => z; have := congr1 (mulmx Q^T) z; rewrite mulmx0 colE mulmxA QQt mul1mx => /colP/(_ i).
by rewrite !mxE !eqxx => /eqP; rewrite oner_eq0.
Qed.

Lemma diagonalised_trace M Q l : diagonalised M Q l -> \tr M = \sum_i l 0 i.
Proof.
move=> [QQ ->]; rewrite -mulmxA mxtrace_mulC -mulmxA.
have -> : Q^T *m Q = 1%:M by exact: mulmx1C.
by rewrite mulmx1 mxtrace_diag.
Qed.

Lemma diagonalised_gt0 M Q l i : spd M -> diagonalised M Q l -> 0 < l 0 i.
Proof.
move=> pM dM; have [eig nz] := diagonalised_eigen i dM.
by have := pM.2 _ nz; rewrite eig dotZr pmulr_lgt0 // dot_gt0.
Qed.

Lemma diagonalised_inv M Q l : spd M -> diagonalised M Q l -> diagonalised (invmx M) Q (\row_i (l 0 i)^-1).
Proof.
move=> pM dM; have l_gt0 i := diagonalised_gt0 i pM dM; have [QQ eM] := dM; split=> //.
have QQt : Q^T *m Q = 1%:M by exact: mulmx1C.
have e : M *m (Q *m diag_mx (\row_i (l 0 i)^-1) *m Q^T) = 1%:M.
  rewrite eM -!mulmxA (mulmxA Q^T) QQt mul1mx (mulmxA (diag_mx _)) mulmx_diag.
  have -> : diag_mx (\row_j (l 0 j * (\row_i (l 0 i)^-1) 0 j)) = 1%:M :> 'M[R]_n.
    by apply/matrixP => i j; rewrite !mxE mulfV // gt_eqF.
  by rewrite mul1mx QQ.
by rewrite -[RHS](mulKmx (spd_unit pM)) e mulmx1.
Qed.

(** Kantorovich: if m <= l_i <= k for every eigenvalue of a metric, then (m + k) p >= m k g.g + y.y. *)
Lemma kantorovich M Q l (g y : 'cV[R]_n) (m k : R) : M *m g = y -> diagonalised M Q l ->
  (forall i, m <= l 0 i <= k) -> m * k * dot g g + dot y y <= (m + k) * dot y g.
Proof.
move=> <- dM within; have [gg pp yy] := diagonalised_form g dM; rewrite (dotC _ g) gg pp yy.
rewrite !mulr_sumr -big_split -subr_ge0 -sumrB; apply: sumr_ge0 => i _ /=.
have /andP [ml lk] := within i; move: ((_ *m g) i 0) (l 0 i) ml lk => h li ml lk.
have -> : (m + k) * (li * h ^+ 2) - (m * k * h ^+ 2 + li ^+ 2 * h ^+ 2) = (li - m) * (k - li) * h ^+ 2.
  by ring.
by apply: mulr_ge0 (sqr_ge0 _); rewrite mulr_ge0 ?subr_ge0.
Qed.

End Diagonalised.

(** The spectral theorem over a real closed field. An eigenvalue comes from the intermediate value theorem
    for polynomials, below the smallest eigenvalue of a principal block, and a Householder reflection splits
    it off. *)
Section Spectral.

Variable R : rcfType.

(** The arrowhead matrix with corner a, border b and diagonal l has an eigenvector (x, z). *)
Lemma arrow_eigen (n : nat) (a : R) (b l : 'I_n -> R) : exists t x (z : 'I_n -> R),
  [/\ x != 0 \/ exists j, z j != 0, a * x + \sum_j b j * z j = t * x
    & forall j, b j * x + l j * z j = t * z j].
Proof.
case: n b l => [|n] b l.
  exists a, 1, (fun _ => 0); split; [by left; rewrite oner_eq0 | by rewrite big_ord0 addr0 | by case].
have [j0 _ jmin] := @Order.TotalTheory.arg_minP _ _ _ (ord0 : 'I_n.+1) xpredT l isT.
have {}jmin k : l j0 <= l k by exact: jmin.
have [b0|bn0] := eqVneq (b j0) 0.
  exists (l j0), 0, (fun j => (j == j0)%:R); split.
  - by right; exists j0; rewrite eqxx oner_eq0.
  - rewrite !mulr0 add0r (bigD1 j0) //= b0 mul0r add0r big1 // => j /negPf ->.
    by rewrite mulr0.
  by move=> j; rewrite mulr0 add0r; case: eqVneq => [->|_]; rewrite ?mulr0.
pose f t := a - t - \sum_j b j ^+ 2 / (l j - t).
pose P : {poly R} := (a%:P - 'X) * \prod_j ((l j)%:P - 'X)
  - \sum_j (b j ^+ 2)%:P * \prod_(k | k != j) ((l k)%:P - 'X).
have lt_all t k : t < l j0 -> 0 < l k - t by move=> lt; rewrite subr_gt0 (lt_le_trans lt).
have prod_gt0 t : t < l j0 -> 0 < \prod_j (l j - t) by move=> lt; apply: prodr_gt0 => k _; exact: lt_all.
have PE t : t < l j0 -> P.[t] = \prod_j (l j - t) * f t.
  move=> lt; have hp (Q : pred 'I_n.+1) : (\prod_(j | Q j) ((l j)%:P - 'X)).[t] = \prod_(j | Q j) (l j - t).
    by rewrite horner_prod; apply: eq_bigr => j _; rewrite !hornerE.
  rewrite /P hornerD hornerN hornerM hp horner_sum !hornerE /f mulrBr mulrC; congr (_ - _).
  rewrite mulr_sumr; apply: eq_bigr => j _; rewrite hornerM hp hornerC [in RHS](bigD1 j) //=.
  move: (lt_all t j lt) (\prod_(_ | _) _) (b j) => d0 q bj.
  by field; rewrite gt_eqF.
(* a point where f < 0 *)
have b2 : 0 < b j0 ^+ 2 by rewrite exprn_even_gt0.
pose K := `|a - l j0| + 1; have K_gt0 : 0 < K by rewrite ltr_paddl.
have KK_gt0 : 0 < K + K by exact: addr_gt0.
pose d := Num.min 1 (b j0 ^+ 2 / (K + K)).
have d_gt0 : 0 < d by rewrite lt_minr ltr01 divr_gt0 // addr_gt0.
have d_le1 : d <= 1 by rewrite le_minl lexx.
have dK : d * (a - l j0 + d) < b j0 ^+ 2.
  apply: (@le_lt_trans _ _ (d * K)).
    by apply: ler_wpmul2l; [exact: ltW | exact: ler_add (ler_norm _) d_le1].
  apply: (@lt_le_trans _ _ (d * (K + K))); first by rewrite ltr_pmul2l // ltr_addl.
  by rewrite -ler_pdivl_mulr // /d le_minl lexx orbT.
pose t0 := l j0 - d; have t0_lt : t0 < l j0 by rewrite ltr_subl_addr ltr_addl.
have f0 : f t0 < 0.
  rewrite /f (bigD1 j0) //= subr_lt0; apply: (@lt_le_trans _ _ (b j0 ^+ 2 / (l j0 - t0))); last first.
    by rewrite ler_addl; apply: sumr_ge0 => k _; rewrite divr_ge0 ?sqr_ge0 // ltW // lt_all.
  have -> : l j0 - t0 = d by rewrite /t0 opprB addrC subrK.
  by rewrite ltr_pdivl_mulr // mulrC /t0 opprB addrA addrAC.
(* a point where f > 0 *)
pose B := \sum_j b j ^+ 2; have B_ge0 : 0 <= B by apply: sumr_ge0 => k _; exact: sqr_ge0.
pose t1 := Num.min t0 a - 1 - B.
have t1_le0 : t1 <= t0 by rewrite /t1 -addrA -opprD ler_subl_addr ler_paddr ?addr_ge0 // le_minl lexx.
have t1_a : B + 1 <= a - t1.
  have -> : a - t1 = a - Num.min t0 a + (B + 1) by rewrite /t1; move: (Num.min _ _) => m; ring.
  by rewrite ler_addr subr_ge0 le_minl lexx orbT.
have f1 : 0 < f t1.
  rewrite subr_gt0; apply: (@le_lt_trans _ _ B); last by apply: lt_le_trans t1_a; rewrite ltr_addl ltr01.
  apply: ler_sum => k _; have dk : 1 <= l k - t1.
    have -> : l k - t1 = (l k - t0) + (t0 - Num.min t0 a) + B + 1.
      by rewrite /t1; move: (Num.min _ _) => m; ring.
    rewrite ler_addr; apply: addr_ge0 => //; apply: addr_ge0; rewrite subr_ge0; last by rewrite le_minl lexx.
    by apply: ltW; exact: lt_le_trans t0_lt (jmin k).
  rewrite ler_pdivr_mulr ?(lt_le_trans ltr01 dk) // ler_pemulr ?sqr_ge0 //.
have t1_lt : t1 < l j0 by exact: le_lt_trans t1_le0 t0_lt.
have [t /andP [_ t_le] rt] : exists2 t, t1 <= t <= t0 & root (- P) t.
  apply: poly_ivt => //; rewrite !hornerN !PE // oppr_le0 oppr_ge0.
  by rewrite pmulr_rge0 ?pmulr_rle0 ?prod_gt0 // ltW //= ltW.
have t_lt : t < l j0 by exact: le_lt_trans t_le t0_lt.
have ft : f t = 0.
  move: rt; rewrite rootN rootE PE // mulf_eq0 gt_eqF ?prod_gt0 //= => /eqP //.
have nz k : l k - t != 0 by rewrite gt_eqF ?lt_all.
exists t, 1, (fun j => - (b j / (l j - t))); split.
- by left; rewrite oner_eq0.
- rewrite !mulr1; apply/eqP; rewrite -subr_eq0 addrAC; apply/eqP; rewrite -[RHS]ft /f; congr (_ + _).
  by rewrite -sumrN; apply: eq_bigr => k _; rewrite mulrN mulrA -expr2.
by move=> k; rewrite mulr1; field.
Qed.

(** Householder: a symmetric orthogonal matrix that takes one given unit vector to another. *)
Lemma householder (n : nat) (e u : 'cV[R]_n) : dot e e = 1 -> dot u u = 1 ->
  exists H : 'M[R]_n, [/\ H^T = H, H *m H = 1%:M & H *m e = u].
Proof.
move=> ee uu; have [<-|neq] := eqVneq e u; first by exists 1%:M; rewrite trmx1 !mul1mx.
pose d := e - u; have dd : 0 < dot d d by rewrite dot_gt0 subr_eq0.
have de : dot d e *+ 2 = dot d d by rewrite /d !dot_linear ee uu (dotC u e); ring.
exists (1%:M - (2%:R / dot d d) *: (d *m d^T)); split.
- by apply: symmetricB; [exact: symmetric1 | exact/symmetricZ/outer_sym].
- apply: mx_eq_action => x; rewrite -mulmxA; move: (d) dd => v vv; rewrite !act.
  apply/colP => i; rewrite !mxE !dot_linear; move: vv.
  move: (dot v v) (dot v x) (v i 0) (x i 0) => q vx vi xi ?.
  by field; rewrite gt_eqF.
rewrite mulmxBl mul1mx -scalemxAl outer_mul scalerA.
have -> : 2%:R / dot d d * dot d e = 1 by rewrite mulrAC mulr_natl de divff ?gt_eqF.
by rewrite scale1r /d opprB addrC subrK.
Qed.

Lemma symmetric_eigen (n : nat) (A : 'M[R]_(1 + n)) (Q : 'M[R]_n) (l : 'rV[R]_n) :
  symmetric A -> diagonalised (drsubmx A) Q l -> exists t (v : 'cV[R]_(1 + n)), v != 0 /\ A *m v = t *: v.
Proof.
move=> sA [QQ eC]; have QQt : Q^T *m Q = 1%:M by exact: mulmx1C.
pose a := ulsubmx A; pose b := dlsubmx A; pose be := Q^T *m b.
have sE : A = block_mx a b^T b (drsubmx A).
  by rewrite -[LHS]submxK; congr block_mx; rewrite /b trmx_dlsub sA.
have [t [x [z [nz top low]]]] := arrow_eigen (a 0 0) (fun j => be j 0) (fun j => l 0 j).
pose zc : 'cV[R]_n := \col_j z j; exists t, (col_mx x%:M (Q *m zc)); split.
  case: nz => [xn0|[j zn0]].
    apply: contraNneq xn0 => /(congr1 usubmx); rewrite col_mxKu => /matrixP/(_ 0 0).
    by rewrite !mxE /= mulr1n => ->.
  apply: contraNneq zn0 => /(congr1 dsubmx); rewrite col_mxKd => /(congr1 (mulmx Q^T)).
  rewrite mulmxA QQt mul1mx => /colP/(_ j); rewrite mxE => ->.
  by rewrite linear0 mulmx0 mxE.
rewrite sE mul_block_col scale_col_mx; congr col_mx.
  have -> : b^T *m (Q *m zc) = (\sum_j be j 0 * z j)%:M.
    rewrite [LHS]mx11_scalar; congr (_%:M); rewrite mulmxA -[b^T *m Q]trmxK trmx_mul trmxK -/be mxE.
    by apply: eq_bigr => k _; rewrite [be^T _ _]mxE [zc _ _]mxE.
  by rewrite [a]mx11_scalar -scalar_mxM -raddfD /= top scale_scalar_mx.
rewrite eC -!mulmxA (mulmxA Q^T) QQt mul1mx scalemxAr mul_mx_scalar.
have -> : b = Q *m be by rewrite /be mulmxA QQ mul1mx.
rewrite scalemxAr -mulmxDr; congr (_ *m _); apply/colP => j.
by clearbody be; rewrite mul_diag_mx !mxE (mulrC x) low.
Qed.

(** Every symmetric matrix has an orthogonal diagonalisation. *)
Theorem spectral_theorem (n : nat) (A : 'M[R]_n) : symmetric A -> exists Q l, diagonalised A Q l.
Proof.
elim: n A => [|n IH] A sA; first by exists 1%:M, 0; split; rewrite [LHS]flatmx0 [RHS]flatmx0.
rewrite -[n.+1]/(1 + n)%N in A sA *.
have sC : symmetric (drsubmx A) by rewrite /symmetric trmx_drsub sA.
have [Q0 [l0 d0]] := IH _ sC; have [t [v [vn0 Av]]] := symmetric_eigen sA d0.
have v_gt0 := norm_gt0 vn0; pose u := unit_vector v.
have uu : dot u u = 1 by rewrite /u /unit_vector !dot_linear sqr_norm; field; rewrite gt_eqF.
have Au : A *m u = t *: u by rewrite /u /unit_vector -scalemxAr Av !scalerA mulrC.
pose e : 'cV[R]_(1 + n) := col_mx 1%:M 0.
have ee : dot e e = 1 by rewrite /dot /e tr_col_mx mul_row_col trmx1 mul1mx mulmx0 addr0 mxE eqxx.
have [H [sH HH He]] := householder ee uu.
pose B := H *m A *m H; have sB : B^T = B by rewrite /B !trmx_mul sH sA mulmxA.
have Be : B *m e = t *: e.
  by rewrite /B -!mulmxA He Au -scalemxAr -He mulmxA HH mul1mx.
have BE : B = block_mx t%:M 0 0 (drsubmx B).
  move: Be; rewrite -[in LHS](submxK B) /e mul_block_col !mulmx1 !mulmx0 !addr0 scale_col_mx scaler0.
  move=> /eq_col_mx [ul dl]; rewrite -[LHS]submxK; congr block_mx => //.
    by rewrite ul scalemx1.
  by apply: trmx_inj; rewrite trmx_ursub sB dl trmx0.
have sD : symmetric (drsubmx B) by rewrite /symmetric trmx_drsub sB.
have [Q1 [l1 [QQ1 eD]]] := IH _ sD.
pose K := block_mx (1%:M : 'M[R]_1) 0 0 Q1; have KK : K *m K^T = 1%:M.
  rewrite /K tr_block_mx trmx1 !trmx0 mulmx_block !(mulmx0, mul0mx, mulmx1, addr0, add0r) QQ1.
  by rewrite -scalar_mx_block.
exists (H *m K), (row_mx t%:M l1); split.
  by rewrite trmx_mul sH -mulmxA (mulmxA K) KK mul1mx.
have eA : A = H *m B *m H by rewrite /B -!mulmxA HH mulmx1 mulmxA HH mul1mx.
clearbody B; rewrite eA.
rewrite trmx_mul sH !mulmxA; congr (_ *m _); rewrite -!mulmxA; congr (_ *m _).
rewrite BE eD /K diag_mx_row tr_block_mx trmx1 !trmx0 !mulmx_block.
rewrite !(mulmx0, mul0mx, mulmx1, mul1mx, addr0, add0r) mulmxA; congr block_mx.
by apply/matrixP => i j; rewrite !mxE !ord1 eqxx.
Qed.

End Spectral.
Lemma ray_trace (R : rcfType) (n : nat) (g y : 'cV[R]_n) : 0 < dot y g ->
  \tr (ray_metric g y) = norm y / norm g * (n%:R - 2%:R + 2%:R / cosine g y).
Proof.
move=> p_gt0; have G_gt0 := norm_gt0 (g_neq0 p_gt0); have Y_gt0 := norm_gt0 (y_neq0 p_gt0).
have c_gt0 := cosine_gt0 p_gt0; have c1 : 0 < 1 + cosine g y by rewrite addr_gt0 ?ltr01.
rewrite ray_metricE // mxtraceD family_trace // /astar mxtraceZ trace_outer /tangent /unit_vector !dot_linear.
rewrite !sqr_norm (dotC g y).
have -> : dot y g = cosine g y * norm g * norm y by rewrite /cosine -mulrA divfK ?gt_eqF ?mulr_gt0.
move: G_gt0 Y_gt0 c_gt0 c1; move: (norm g) (norm y) (cosine g y) => G Y c ? ? ? ?.
by field; rewrite !gt_eqF.
Qed.

Section Distance.

Variables (R : rcfType) (n : nat) (g y : 'cV[R]_n).
Hypothesis p_gt0 : 0 < dot y g.
Implicit Types (M Q : 'M[R]_n) (l : 'rV[R]_n) (a k m : R).
Local Notation c := (cosine g y).
Local Notation s := (sine g y).
Local Notation r := (norm y / norm g).

Let G_gt0 := norm_gt0 (g_neq0 p_gt0).
Let Y_gt0 := norm_gt0 (y_neq0 p_gt0).
Let c_gt0 := cosine_gt0 p_gt0.
Let s_ge0 : 0 <= s. Proof. exact: sqrtr_ge0. Qed.
Let r_gt0 : 0 < r. Proof. exact: divr_gt0. Qed.

(** The condition number of a metric is at least ((1+s)/c)^2. *)
Theorem condition_ge M Q l m k : metric M g y -> diagonalised M Q l -> 0 < m ->
  (forall i, m <= l 0 i <= k) -> ((1 + s) / c) ^+ 2 <= k / m.
Proof.
move=> [pM Mg] dM m_gt0 within; have kant := kantorovich Mg dM within.
have mk : m <= k by have /andP [a b] := within (Ordinal (dim_gt0 p_gt0)); exact: le_trans a b.
have k_gt0 : 0 < k by exact: lt_le_trans mk.
have sc := sqr_sine p_gt0.
have gg0 := gg_gt0 p_gt0; have yy0 := yy_gt0 p_gt0.
have c2 : c ^+ 2 = dot y g ^+ 2 / (dot g g * dot y y).
  by rewrite /cosine expr_div_n exprMn -!sqr_norm.
have amgm : m * k * 4%:R <= c ^+ 2 * (m + k) ^+ 2.
  rewrite c2 [leRHS]mulrAC ler_pdivl_mulr ?mulr_gt0 // -exprMn [X in _ <= X ^+ 2]mulrC.
  apply: (@le_trans _ _ ((m * k * dot g g + dot y y) ^+ 2)); last first.
    rewrite ler_sqr // nnegrE ?addr_ge0 ?mulr_ge0 //; apply: ltW => //; apply: addr_gt0 => //.
  rewrite -subr_ge0.
  have -> : (m * k * dot g g + dot y y) ^+ 2 - m * k * 4%:R * (dot g g * dot y y) =
    (m * k * dot g g - dot y y) ^+ 2.
    by move: (dot g g) (dot y y) => gg yy; ring.
  exact: sqr_ge0.
have diff : s * (m + k) <= k - m.
  rewrite -ler_sqr ?nnegrE ?subr_ge0 ?mulr_ge0 //; last by apply: addr_ge0; apply: ltW.
  rewrite exprMn sc -subr_ge0.
  have -> : (k - m) ^+ 2 - (1 - c ^+ 2) * (m + k) ^+ 2 = c ^+ 2 * (m + k) ^+ 2 - m * k * 4%:R by ring.
  by rewrite subr_ge0.
have s1 : 0 < 1 + s by rewrite ltr_paddr ?ltr01.
rewrite expr_div_n ler_pdivl_mulr // mulrAC ler_pdivr_mulr ?exprn_gt0 //.
have -> : c ^+ 2 = (1 - s) * (1 + s) by rewrite -subr_sqr expr1n sc opprB addrC subrK.
have -> : (1 + s) ^+ 2 * m = (1 + s) * ((1 + s) * m) by rewrite expr2 mulrA.
have -> : k * ((1 - s) * (1 + s)) = (1 + s) * (k * (1 - s)) by rewrite mulrA mulrC.
rewrite ler_pmul2l // -subr_ge0.
have -> : k * (1 - s) - (1 + s) * m = k - m - s * (m + k) by move: s => t; ring.
by rewrite subr_ge0.
Qed.

Variable ln : R -> R.
Hypothesis lnM : forall t u, 0 < t -> 0 < u -> ln (t * u) = ln t + ln u.
Hypothesis ln_le : forall t, 0 < t -> ln t <= t - 1.

Let ln1 : ln 1 = 0.
Proof. by apply: (addrI (ln 1)); rewrite -lnM ?ltr01 // mulr1 addr0. Qed.

Let lnV t : 0 < t -> ln t^-1 = - ln t.
Proof.
move=> t_gt0; apply: (addrI (ln t)); rewrite -lnM ?invr_gt0 // divff ?gt_eqF //.
by rewrite subrr ln1.
Qed.

Let ln_mono t u : 0 < t -> t <= u -> ln t <= ln u.
Proof.
move=> t_gt0 le; have u_gt0 := lt_le_trans t_gt0 le; have tu_gt0 : 0 < t / u by rewrite divr_gt0.
have -> : t = t / u * u by rewrite divfK ?gt_eqF.
rewrite lnM // ger_addr; apply: le_trans (ln_le tu_gt0) _.
by rewrite subr_le0 ler_pdivr_mulr // mul1r.
Qed.

Let rho_ge1 : 1 <= (1 + s) / c.
Proof.
have c_le1 : c <= 1.
  rewrite leNgt; apply/negP => lt; move: (sqr_ge0 s); rewrite sqr_sine // subr_ge0 leNgt => /negP; apply.
  by rewrite exprn_egt1.
by rewrite ler_pdivl_mulr // mul1r (le_trans c_le1) // ler_addl.
Qed.

Let L_ge0 : 0 <= ln ((1 + s) / c).
Proof. by rewrite -ln1 ln_mono ?ltr01. Qed.

(** The squared affine-invariant distance of M to the multiple a I: the sum of (ln l_i - ln a)^2 over the
    eigenvalues l_i of M. For a metric it is at least 2 (ln((1+s)/c))^2, whatever a ... *)
Theorem ray_distance_ge M Q l a : metric M g y -> diagonalised M Q l -> 0 < a ->
  2%:R * ln ((1 + s) / c) ^+ 2 <= \sum_i (ln (l 0 i) - ln a) ^+ 2.
Proof.
move=> mM dM a_gt0; have l_gt0 i := diagonalised_gt0 i mM.1 dM.
pose o := Ordinal (dim_gt0 p_gt0).
have [i _ imax] := @Order.TotalTheory.arg_maxP _ _ _ o xpredT (fun i => l 0 i) isT.
have [j _ jmin] := @Order.TotalTheory.arg_minP _ _ _ o xpredT (fun i => l 0 i) isT.
have within (k : 'I_n) : l 0 j <= l 0 k <= l 0 i.
  by apply/andP; split; [exact: jmin | exact: imax].
have := condition_ge mM dM (l_gt0 j) within.
set rho := (1 + s) / c; have rho_gt0 : 0 < rho by exact: lt_le_trans ltr01 rho_ge1.
have L0 : 0 <= ln rho by exact: L_ge0.
clearbody rho; move=> /(ln_mono (exprn_gt0 2 rho_gt0)); rewrite expr2 lnM // lnM ?invr_gt0 // lnV //.
move: (ln rho) L0 => L L0 gap.
have [eij|nij] := eqVneq i j.
  move: gap; rewrite eij subrr => le0; have -> : L = 0.
    by apply: le_anti; rewrite L0 andbT; apply: le_trans le0; rewrite ler_addl.
  by rewrite expr0n mulr0; apply: sumr_ge0 => k _; exact: sqr_ge0.
rewrite (bigD1 i) //= (bigD1 j) 1?eq_sym //= addrA ler_paddr //.
  by apply: sumr_ge0 => k _; exact: sqr_ge0.
move: (ln (l 0 i)) (ln (l 0 j)) (ln a) gap => u v w gap.
have sq : (L + L) ^+ 2 <= (u - v) ^+ 2.
  have LL := addr_ge0 L0 L0; have uv := le_trans LL gap.
  by rewrite ler_sqr.
rewrite -subr_ge0 -(pmulr_rge0 _ (ltr0n R 2 : 0 < 2%:R)).
have -> : 2%:R * ((u - w) ^+ 2 + (v - w) ^+ 2 - 2%:R * L ^+ 2) =
  ((u - v) ^+ 2 - (L + L) ^+ 2) + (u + v - w *+ 2) ^+ 2 by ring.
by rewrite addr_ge0 ?sqr_ge0 // subr_ge0.
Qed.

(** ... and the ray metric attains it, at a = r. *)
Theorem ray_distance_eq Q l : diagonalised (ray_metric g y) Q l ->
  \sum_i (ln (l 0 i) - ln r) ^+ 2 = 2%:R * ln ((1 + s) / c) ^+ 2.
Proof.
move=> dM; have mM := ray_is_metric p_gt0; have l_gt0 i := diagonalised_gt0 i mM.1 dM.
have c1 : 0 < 1 + c by rewrite addr_gt0 ?ltr01.
pose mu i := l 0 i / r; have mu_gt0 i : 0 < mu i by rewrite divr_gt0.
have values i : mu i = 1 \/ mu i ^+ 2 - 2%:R / c * mu i + 1 = 0.
  have [eig nz] := diagonalised_eigen i dM; move: (col i Q) eig nz => q eig nz.
  have yq : dot y q = l 0 i * dot g q.
    by rewrite -dotZr -eig (dot_sym _ _ mM.1.1) mM.2.
  have [gq|gq] := eqVneq (dot g q) 0; [left|right].
    move: eig; rewrite ray_metricE // mulmxDl family_orthogonal ?yq ?gq ?mulr0 //.
    rewrite -scalemxAl outer_mul dotBl !dotZl yq gq !mulr0 subrr scale0r scaler0 addr0 => /eqP.
    rewrite -subr_eq0 -scalerBl scaler_eq0 (negPf nz) orbF subr_eq0 => /eqP rl.
    by rewrite /mu -rl divff // gt_eqF.
  have := congr1 (dot y) eig; rewrite dotZr yq ray_metricE //.
rewrite /family /tangent /unit_vector !act !dot_linear yq !sqr_norm.
  have pE : dot y g = c * norm g * norm y by rewrite /cosine -mulrA divfK ?gt_eqF ?mulr_gt0.
  rewrite pE /mu; move: G_gt0 Y_gt0 c_gt0 c1 gq; move: (norm g) (norm y) c (l 0 i) (dot g q).
  move=> G Y k li A G0 Y0 k0 k1 A0 /eqP; rewrite -subr_eq0 => /eqP e.
  have nz2 : A * Y ^+ 2 / G ^+ 2 != 0.
    have Yn := lt0r_neq0 Y0; have Gn := lt0r_neq0 G0.
    by apply: mulf_neq0; [apply: mulf_neq0 | rewrite invr_eq0]; rewrite ?expf_neq0.
  apply: (mulfI nz2); rewrite mulr0 -[RHS]oppr0 -{}e.
  by field; rewrite !gt_eqF.
have rhoV : ((1 + s) / c)^-1 = 2%:R / c - (1 + s) / c.
  have s1 : 0 < 1 + s by rewrite ltr_paddr ?ltr01.
  have := sqr_sine p_gt0; move: s s1 (c) c_gt0 => t t1 u u0 tu.
  have nz : (1 + t) / u != 0 by rewrite gt_eqF // divr_gt0.
  apply: (mulfI nz); rewrite divff //; have nu := lt0r_neq0 u0.
  have -> : (1 + t) / u * (2%:R / u - (1 + t) / u) = (1 - t ^+ 2) / u ^+ 2 by field.
  by rewrite tu opprB addrC subrK divff // expf_neq0.
have term i :
  (ln (l 0 i) - ln r) ^+ 2 * (2%:R / c - 2%:R) = ln ((1 + s) / c) ^+ 2 * (mu i + (mu i)^-1 - 2%:R).
  have -> : ln (l 0 i) - ln r = ln (mu i) by rewrite -lnV // -lnM ?invr_gt0.
  have nz := lt0r_neq0 (mu_gt0 i).
  have [->|quad] := values i.
    by rewrite ln1 expr0n mul0r invr1 subrr mulr0.
  have -> : mu i + (mu i)^-1 = 2%:R / c.
    by apply/eqP; rewrite -subr_eq0; apply/eqP/(mulIf nz); rewrite mul0r -[RHS]quad; field; rewrite nz gt_eqF.
  congr (_ * _); have rho_gt0 : 0 < (1 + s) / c by exact: lt_le_trans ltr01 rho_ge1.
  have : (mu i - (1 + s) / c) * (mu i - ((1 + s) / c)^-1) = 0.
    rewrite rhoV -[RHS]quad; have : (1 + s) / c * ((1 + s) / c)^-1 = 1 by rewrite divff ?gt_eqF.
    rewrite rhoV; move: ((1 + s) / c) (2%:R / c) (mu i) => x z m e.
    have -> : (m - x) * (m - (z - x)) = m ^+ 2 - z * m + x * (z - x) by ring.
    by rewrite e.
  move/eqP; rewrite mulf_eq0 !subr_eq0 => /orP[] /eqP -> //.
  by rewrite lnV // sqrrN.
have sum_mu : \sum_i (mu i + (mu i)^-1 - 2%:R) = 2%:R * (2%:R / c - 2%:R).
  rewrite sumrB big_split /= sumr_const card_ord -mulr_suml -(diagonalised_trace dM) ray_trace //.
  have -> : \sum_i (mu i)^-1 = r * \tr (ray_metric y g).
    rewrite -ray_inverse // (diagonalised_trace (diagonalised_inv mM.1 dM)) mulr_sumr.
    by apply: eq_bigr => i _; rewrite mxE invf_div.
  rewrite ray_trace ?[dot g y]dotC // (cosineC g y) -(mulr_natr 2%:R n).
  by field; rewrite !gt_eqF.
have [c_eq1|c_neq1] := eqVneq (2%:R / c - 2%:R) 0; last first.
  by apply: (mulIf c_neq1); rewrite mulr_suml (eq_bigr _ (fun i _ => term i)) -mulr_sumr sum_mu mulrCA mulrA.
have c2 : 2%:R / c = 2%:R by apply/eqP; rewrite -subr_eq0 c_eq1.
have c1E : c = 1.
  have := congr1 (fun z => z * c / 2%:R) c2; rewrite /= divfK ?gt_eqF // divff ?pnatr_eq0 // => ->.
  by rewrite mulrAC divff ?mul1r ?pnatr_eq0.
have s0 : s = 0 by apply/eqP; rewrite -sqrf_eq0 sqr_sine // c1E expr1n subrr.
rewrite s0 c1E addr0 divr1 ln1 expr0n mulr0 big1 // => i _.
have -> : ln (l 0 i) - ln r = ln (mu i) by rewrite -lnV // -lnM ?invr_gt0.
have [->|] := values i; first by rewrite ln1 expr0n.
rewrite c2; have -> : mu i ^+ 2 - 2%:R * mu i + 1 = (mu i - 1) ^+ 2 by ring.
by move/eqP; rewrite sqrf_eq0 subr_eq0 => /eqP ->; rewrite ln1 expr0n.
Qed.

(** So no metric is nearer to the multiples of I than the ray metric. This holds for
    all diagonalisations, and by [spectral_theorem] every metric has one. *)
Corollary ray_nearest M Q Q' l l' a : metric M g y -> diagonalised M Q l ->
  diagonalised (ray_metric g y) Q' l' -> 0 < a ->
  \sum_i (ln (l' 0 i) - ln r) ^+ 2 <= \sum_i (ln (l 0 i) - ln a) ^+ 2.
Proof. by move=> mM dM dR a_gt0; rewrite (ray_distance_eq dR) (ray_distance_ge mM dM a_gt0). Qed.

End Distance.
