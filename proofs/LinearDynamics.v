(** * Linear time-invariant dynamics

    An extension of the paper. The dynamics theta' = A theta with a quadratic Lyapunov function theta.P theta
    / 2: A^T P + P A = -Q with P and Q symmetric positive definite. As a learning rule for that function as
    the loss, the update is g = A theta and minus the gradient is y = -P theta.

    Proved, over any ordered field and in any dimension, without axioms:
    - p = y.g = theta.Q theta / 2 > 0 for theta != 0, so a metric exists at every theta;
    - one constant metric M, with M A theta = -P theta for every theta, exists exactly when P A is symmetric;
      it is then M = 2 P Q^-1 P and no other;
    - if A is diagonalisable with real negative eigenvalues, A = S diag(-l) S^-1 with every l_i > 0, then P =
      S^-T S^-1 is a choice for which a constant metric exists; conversely, if a constant metric exists for
      some P then every eigenvalue of A in the field is negative, and A has no Jordan block and no pair of
      complex eigenvalues;
    - the test A = [[-a, -w], [w, -a]], P = I, a > 0: c^2 = a^2/(a^2 + w^2) for every theta != 0, and (over a
      real closed field) kappa* = ((sqrt(a^2 + w^2) + |w|)/a)^2; no constant metric exists for this P when w
      != 0.

    Not proved: that P exists for a Hurwitz A (the equation is assumed). The converse above is stated without
    a spectral theorem: by the real eigenvalues and by the absence of the other Jordan forms. That the
    supremum of kappa* over theta is finite is not proved in general. *)



From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
From Natgrad Require Import LinearAlgebra CanonicalForm.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Lemmas.

Variables (R : realFieldType) (n : nat).
Implicit Types (A B : 'M[R]_n) (x : 'cV[R]_n).

(** Two matrices are equal once they map every column alike. *)
Lemma mulmx_inj A B : (forall x, A *m x = B *m x) -> A = B.
Proof.
move=> e; apply/matrixP => i j; have := e (delta_mx j 0); rewrite -!colE => /colP /(_ i).
by rewrite !mxE.
Qed.

End Lemmas.

Section Lyapunov.

Variables (R : realFieldType) (n : nat) (A P Q : 'M[R]_n).
Implicit Types (M : 'M[R]_n) (theta : 'cV[R]_n).
Hypothesis spd_P : spd P.
Hypothesis spd_Q : spd Q.
Hypothesis lyapunov : A^T *m P + P *m A = - Q.

Let sP : P^T = P := spd_P.1.

(** p = theta.Q theta / 2. *)
Theorem linear_dynamics_p theta : dot (- (P *m theta)) (A *m theta) = dot theta (Q *m theta) / 2%:R.
Proof.
have -> : Q = - (A^T *m P + P *m A) by rewrite lyapunov opprK.
rewrite mulNmx mulmxDl dotNr dotDr dotNl -!mulmxA.
have -> : dot theta (A^T *m (P *m theta)) = dot (P *m theta) (A *m theta).
  by rewrite dot_mulmx trmxK dotC.
rewrite (dot_sym theta (A *m theta) sP).
by move: (dot _ _) => a; field.
Qed.

(** It is positive away from 0. *)
Theorem linear_dynamics_p_gt0 theta : theta != 0 -> 0 < dot (- (P *m theta)) (A *m theta).
Proof. by move=> nz; rewrite linear_dynamics_p divr_gt0 ?ltr0n // spd_Q.2. Qed.

(** So a metric, which may depend on theta, exists everywhere. *)
Theorem linear_dynamics_metric theta : exists M, metric M (A *m theta) (- (P *m theta)).
Proof.
apply/metric_existsP; have [->|nz] := eqVneq theta 0; last by left; apply: linear_dynamics_p_gt0.
by right; rewrite !mulmx0 oppr0.
Qed.

(** A is invertible. *)
Lemma linear_dynamics_unit : A \in unitmx.
Proof.
rewrite -unitmx_tr -row_free_unit -kermx_eq0; apply/eqP/row_matrixP => i; rewrite row0.
apply: trmx_inj; rewrite trmx0; apply/eqP; apply: contraT => /linear_dynamics_p_gt0.
have -> : A *m (row i (kermx A^T))^T = 0.
  by apply: trmx_inj; rewrite trmx_mul trmxK trmx0 -row_mul mulmx_ker row0.
by rewrite dot0r ltxx.
Qed.

(** The constant metric. *)
Definition constant_metric : 'M[R]_n := 2%:R *: (P *m invmx Q *m P).

Lemma constant_metric_spd : spd constant_metric.
Proof.
have [sI pI] := spd_inv spd_Q; rewrite /constant_metric; split.
  by rewrite /symmetric linearZ /= !trmx_mul sP sI mulmxA.
move=> x nz; rewrite -scalemxAl dotZr -!mulmxA (dot_sym x _ sP) mulr_gt0 ?ltr0n // pI //.
by apply: contraNneq nz => /(spd_inj spd_P) ->.
Qed.

Lemma constant_metric_mul : symmetric (P *m A) -> constant_metric *m A = - P.
Proof.
move=> sPA; have e : A^T *m P = P *m A by rewrite -[RHS]sPA trmx_mul sP.
have QE : 2%:R *: (P *m A) = - Q by rewrite -lyapunov e scaler_nat mulr2n.
by rewrite /constant_metric -scalemxAl -mulmxA scalemxAr QE mulmxN mulmxKV // spd_unit.
Qed.

(** A constant metric exists exactly when P A is symmetric. *)
Theorem constant_metric_iff :
  (exists M, forall theta, metric M (A *m theta) (- (P *m theta))) <-> symmetric (P *m A).
Proof.
split=> [[M mM]|sPA].
  have MA : M *m A = - P.
    by apply: mulmx_inj => theta; have [_ e] := mM theta; rewrite -mulmxA e mulNmx.
  have [[sM _] _] := mM 0; have AM : A^T *m M = - P by rewrite -sM -trmx_mul MA linearN /= sP.
  have -> : P *m A = - (A^T *m M *m A) by rewrite AM mulNmx opprK.
  by rewrite /symmetric linearN /= !trmx_mul trmxK sM mulmxA.
exists constant_metric => theta; split; first exact: constant_metric_spd.
by rewrite mulmxA constant_metric_mul // mulNmx.
Qed.

(** It is then 2 P Q^-1 P, and no other. *)
Theorem constant_metric_unique M :
  (forall theta, metric M (A *m theta) (- (P *m theta))) -> M = constant_metric.
Proof.
move=> mM; have sPA : symmetric (P *m A) by apply/constant_metric_iff; exists M.
have MA : M *m A = - P.
  by apply: mulmx_inj => theta; have [_ e] := mM theta; rewrite -mulmxA e mulNmx.
by rewrite -[LHS](mulmxK linear_dynamics_unit) MA -(constant_metric_mul sPA) mulmxK // linear_dynamics_unit.
Qed.

End Lyapunov.

Section Diagonalisable.

Variables (R : realFieldType) (n : nat).
Implicit Types (A P M S : 'M[R]_n) (l : 'rV[R]_n) (x : 'cV[R]_n).

Lemma diag_form l x : dot x (diag_mx l *m x) = \sum_i l 0 i * x i 0 ^+ 2.
Proof.
rewrite dotE; apply: eq_bigr => i _; rewrite mul_diag_mx mxE.
by move: (x i 0) (l 0 i) => a b; ring.
Qed.

Lemma diag_spd l : (forall i, 0 < l 0 i) -> spd (diag_mx l).
Proof.
move=> l_gt0; split; first exact: tr_diag_mx.
move=> x nz; rewrite diag_form lt_def; apply/andP; split; last first.
  by apply: sumr_ge0 => i _; rewrite mulr_ge0 ?sqr_ge0 // ltW.
rewrite psumr_eq0 => [|i _]; last by rewrite mulr_ge0 ?sqr_ge0 // ltW.
have [i xi] : exists i, x i 0 != 0.
  apply/existsP; apply: contraR nz; rewrite negb_exists => /forallP z.
  by apply/eqP/colP => i; rewrite mxE; apply/eqP; rewrite -[_ == _]negbK z.
by apply/allPn; exists i; rewrite ?mem_index_enum //= mulf_eq0 sqrf_eq0 (negbTE xi) orbF gt_eqF.
Qed.

(** x.(C^T D C)x > 0 for C invertible. *)
Lemma congruence_spd (C D : 'M[R]_n) : C \in unitmx -> spd D -> spd (C^T *m D *m C).
Proof.
move=> uC [sD pD]; split; first by rewrite /symmetric !trmx_mul trmxK sD mulmxA.
move=> x nz; rewrite -!mulmxA dot_mulmx trmxK; apply: pD.
by apply: contraNneq nz => z; rewrite -[x]mul1mx -(mulVmx uC) -mulmxA z mulmx0.
Qed.

(** A = S diag(-l) S^-1 with l > 0: with P = S^-T S^-1 a constant metric exists, and A^T P + P A is
    negative. *)
Theorem diagonalisable_constant_metric S l :
    S \in unitmx -> (forall i, 0 < l 0 i) ->
  let A := S *m diag_mx (- l) *m invmx S in
  let P := (invmx S)^T *m invmx S in
  let Q := - (A^T *m P + P *m A) in
  [/\ spd P, spd Q & exists M, forall x, metric M (A *m x) (- (P *m x))].
Proof.
move=> uS l_gt0 A P Q; pose C := invmx S; pose D := diag_mx l.
have uC : C \in unitmx by rewrite unitmx_inv.
have sDD : spd D by apply: diag_spd.
have PA : P *m A = - (C^T *m D *m C).
  by rewrite /P /A -/C !mulmxA mulmxKV // linearN /= mulmxN mulNmx.
have spdP : spd P.
  rewrite /P -/C -[C^T]mulmx1; apply: congruence_spd => //.
  by split=> [|x nz]; [exact: trmx1 | rewrite mul1mx dot_gt0].
have sC := congruence_spd uC sDD.
have sPA : symmetric (P *m A) by rewrite /symmetric PA linearN /= sC.1.
have QE : Q = 2%:R *: (C^T *m D *m C).
  have -> : Q = - ((P *m A)^T + P *m A) by rewrite trmx_mul spdP.1.
  by rewrite sPA PA -opprD opprK scaler_nat mulr2n.
have spdQ : spd Q.
  rewrite QE; split=> [|x nz]; first by rewrite /symmetric linearZ /= sC.1.
  by rewrite -scalemxAl dotZr mulr_gt0 ?ltr0n // sC.2.
split=> //; apply/(constant_metric_iff (Q := Q)) => //.
by rewrite /Q opprK.
Qed.

Variables (A P M : 'M[R]_n).
Hypothesis spd_P : spd P.
Hypothesis spd_M : spd M.
Hypothesis MA : M *m A = - P.

Let AM x z : dot x (M *m (A *m z)) = dot (A *m x) (M *m z).
Proof.
rewrite (dot_sym (A *m x) z spd_M.1) !mulmxA MA !mulNmx dotNr dotNl.
by rewrite (dot_sym x z spd_P.1).
Qed.

(** If a constant metric exists for some P, every eigenvalue of A in the field is negative. *)
Theorem constant_metric_eigenvalue_lt0 x (lambda : R) : x != 0 -> A *m x = lambda *: x -> lambda < 0.
Proof.
move=> nz e; have : dot x (M *m (A *m x)) < 0 by rewrite mulmxA MA mulNmx dotNr oppr_lt0 spd_P.2.
by rewrite e -scalemxAr dotZr pmulr_llt0 ?(spd_M.2 x nz).
Qed.

(** Nor has A a Jordan block (b = 0) or a pair of complex eigenvalues a + bi, a - bi (b != 0): if
    ((A - a)^2 + b^2) x = 0 then A x = a x, and b = 0 unless x = 0. *)
Theorem constant_metric_no_block x (a b : R) :
    let N z := A *m z - a *: z in
    N (N x) + b ^+ 2 *: x = 0 ->
  A *m x = a *: x /\ (x != 0 -> b = 0).
Proof.
move=> N e.
have NM z : dot x (M *m N z) = dot (N x) (M *m z).
  by rewrite /N mulmxBr -scalemxAr !dot_linear AM.
have : dot x (M *m (N (N x) + b ^+ 2 *: x)) = 0 by rewrite e mulmx0 dot0r.
rewrite mulmxDr -scalemxAr dotDr dotZr NM => /eqP.
have pM := (spd_psd spd_M).2.
have b_ge0 : 0 <= b ^+ 2 * dot x (M *m x) by apply: mulr_ge0; [exact: sqr_ge0 | exact: pM].
rewrite paddr_eq0 ?pM // => /andP [/eqP z1 z2]; split.
  apply/eqP; rewrite -subr_eq0; apply: contraT => /spd_M.2.
  by rewrite z1 ltxx.
by move=> nz; move: z2; rewrite mulf_eq0 sqrf_eq0 (gt_eqF (spd_M.2 x nz)) orbF => /eqP.
Qed.

End Diagonalisable.

Section Rotation.

Variables (R : rcfType) (a w : R).
Hypothesis a_gt0 : 0 < a.
Implicit Types (theta : 'cV[R]_2).

(** The test matrix [[-a, -w], [w, -a]], for P = I. *)
Definition rotation : 'M[R]_2 :=
  \matrix_(i, j) if i == j then - a else if i == 0 then - w else w.

(** The squared cosine of the angle between g and y, and the least condition number ((1 + s)/c)^2. *)
Definition cos2 (g y : 'cV[R]_2) : R := dot y g ^+ 2 / (dot g g * dot y y).
Definition kappa_star (g y : 'cV[R]_2) : R :=
  ((1 + Num.sqrt (1 - cos2 g y)) / Num.sqrt (cos2 g y)) ^+ 2.

(** Q = 2 a I. *)
Theorem rotation_lyapunov : rotation^T *m 1%:M + 1%:M *m rotation = - (2%:R * a)%:M.
Proof.
rewrite mulmx1 mul1mx; apply/matrixP => i j; rewrite !mxE.
by case: i => [[|[|//]] hi]; case: j => [[|[|//]] hj]; rewrite /= ?mulr1n ?mulr0n; ring.
Qed.

Lemma rotation_dots theta :
  dot (- theta) (rotation *m theta) = a * dot theta theta
  /\ dot (rotation *m theta) (rotation *m theta) = (a ^+ 2 + w ^+ 2) * dot theta theta.
Proof.
rewrite !dotE !big_ord_recl !big_ord0 !mxE !big_ord_recl !big_ord0 !mxE /=.
by split; ring.
Qed.

(** c^2 = a^2/(a^2 + w^2) at every theta != 0. *)
Theorem rotation_cos2 theta : theta != 0 -> cos2 (rotation *m theta) (- theta) = a ^+ 2 / (a ^+ 2 + w ^+ 2).
Proof.
rewrite -dot_gt0 /cos2 => t_gt0; have [-> ->] := rotation_dots theta; rewrite dotNl dotNr opprK.
have d_gt0 : 0 < a ^+ 2 + w ^+ 2 by rewrite ltr_paddr ?sqr_ge0 // exprn_gt0.
move: (dot _ _) t_gt0 => t t_gt0; field; apply/andP; split; rewrite gt_eqF //.
Qed.

(** kappa* = ((sqrt(a^2 + w^2) + |w|)/a)^2 at every theta != 0. *)
Theorem rotation_kappa_star theta :
  theta != 0 -> kappa_star (rotation *m theta) (- theta) = ((Num.sqrt (a ^+ 2 + w ^+ 2) + `|w|) / a) ^+ 2.
Proof.
move=> nz; rewrite /kappa_star rotation_cos2 //; congr (_ ^+ 2).
have d_gt0 : 0 < a ^+ 2 + w ^+ 2 by rewrite ltr_paddr ?sqr_ge0 // exprn_gt0.
have r_gt0 : 0 < Num.sqrt (a ^+ 2 + w ^+ 2) by rewrite sqrtr_gt0.
have -> : 1 - a ^+ 2 / (a ^+ 2 + w ^+ 2) = w ^+ 2 / (a ^+ 2 + w ^+ 2).
  by field; rewrite gt_eqF.
have sq u : Num.sqrt (u ^+ 2 / (a ^+ 2 + w ^+ 2)) = `|u| / Num.sqrt (a ^+ 2 + w ^+ 2).
  by rewrite sqrtrM ?sqr_ge0 // sqrtr_sqr sqrtrV // ltW.
rewrite !sq (gtr0_norm a_gt0).
by move: (Num.sqrt _) r_gt0 `|w| => r r_gt0 v; field; rewrite !gt_eqF.
Qed.

(** No constant metric exists for P = I when w != 0. *)
Theorem rotation_no_constant_metric :
  w != 0 -> ~ exists M, forall theta, metric M (rotation *m theta) (- (1%:M *m theta)).
Proof.
move=> w_nz; have spd1 : spd (1%:M : 'M[R]_2).
  by split=> [|x nz]; [exact: trmx1 | rewrite mul1mx dot_gt0].
have spdQ : spd ((2%:R * a)%:M : 'M[R]_2).
  split=> [|x nz]; first exact: tr_scalar_mx.
  by rewrite mul_scalar_mx dotZr !mulr_gt0 ?ltr0n // dot_gt0.
rewrite (constant_metric_iff spd1 spdQ rotation_lyapunov) mul1mx => /matrixP /(_ 0 1).
rewrite !mxE /= => /eqP; rewrite -subr_eq0 opprK -mulr2n mulrn_eq0 /= => w0.
by rewrite w0 in w_nz.
Qed.

End Rotation.
