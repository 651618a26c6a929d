(** * Feedback alignment in a linear network of two layers

    The paper's example of a rule that is not a gradient: feedback alignment sends the error back through a
    fixed random matrix B in place of the transposed weights W2^T. For the linear network x |-> W2 W1 x with
    target T, error E = T - W2 W1 and input covariance Sigma (symmetric), the loss is L = tr(E Sigma E^T) / 2,
    and

      y1 = W2^T E Sigma,  y2 = E Sigma W1^T   (minus the gradient),
      g1 = B E Sigma,     g2 = E Sigma W1^T   (the update).

    The weights (W1, W2) are also seen as one vector, [stack W1 W2], whose scalar product is the sum of the
    two Frobenius scalar products.

    Proved, over any ordered field and for all sizes of the layers, without axioms:
    - y1, y2 are minus the gradient, by the exact expansion of the loss in any direction;
    - p = y.g = |g2|^2 + <W2^T E Sigma, B E Sigma>; a metric takes the update g != 0 to y exactly when p > 0;
    - with B = W2^T the rule is gradient descent, g = y and p = y.y;
    - p has no fixed sign: at W1 = 0, W2 = -B^T it is -|B T Sigma|^2, at W1 = 0, W2 = B^T it is +|B T
      Sigma|^2; where it is negative no metric exists;
    - at zero weights y = 0, and g != 0 when B T Sigma != 0: no metric exists;
    - the derivative of W1 W1^T - B W2 - W2^T B^T along the update is 0, and over one step of size eta this
      matrix changes by exactly eta^2 g1 g1^T.

    Not proved: anything about the angle between y and g in the course of training (the alignment itself), and
    the existence of the flow; the invariance is the algebraic identity for the derivative. Positive
    semidefiniteness of Sigma is not needed for any of these statements, so it is not assumed. *)



From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
From Natgrad Require Import LinearAlgebra CanonicalForm.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Lemmas.

Variable R : realFieldType.

(** The Frobenius scalar product tr(A^T B) = sum of A_ij B_ij. *)
Definition frobenius (m n : nat) (A B : 'M[R]_(m, n)) : R := \tr (A^T *m B).

Variables (m n : nat).
Implicit Types (A B C : 'M[R]_(m, n)).

Lemma frobeniusC A B : frobenius A B = frobenius B A.
Proof. by rewrite /frobenius -mxtrace_tr trmx_mul trmxK. Qed.

Lemma frobenius0l B : frobenius 0 B = 0.
Proof. by rewrite /frobenius trmx0 mul0mx linear0. Qed.

Lemma frobeniusDr A B C : frobenius A (B + C) = frobenius A B + frobenius A C.
Proof. by rewrite /frobenius mulmxDr linearD. Qed.

Lemma frobeniusNl A B : frobenius (- A) B = - frobenius A B.
Proof. by rewrite /frobenius linearN mulNmx linearN. Qed.

(** It is the scalar product of the matrices' entries in a column. *)
Lemma frobenius_mxvec A B : frobenius A B = dot (mxvec A)^T (mxvec B)^T.
Proof.
transitivity (\sum_p A p.1 p.2 * B p.1 p.2).
  rewrite -(pair_bigA _ (fun i j => A i j * B i j)) exchange_big; apply: eq_bigr => j _.
  by rewrite mxE; apply: eq_bigr => i _; rewrite mxE.
rewrite dotE (reindex _ (curry_mxvec_bij m n)); apply: eq_bigr => -[i j] _.
by rewrite !mxE /= !mxvecE.
Qed.

Lemma frobenius_ge0 A : 0 <= frobenius A A.
Proof. by rewrite frobenius_mxvec dot_ge0. Qed.

Lemma frobenius_eq0 A : (frobenius A A == 0) = (A == 0).
Proof. by rewrite frobenius_mxvec dot_eq0 trmx_eq0 mxvec_eq0. Qed.

End Lemmas.

Section Network.

(** The numbers of inputs, hidden units and outputs. *)
Variables (R : realFieldType) (nin nhid nout : nat).
Variables (B : 'M[R]_(nhid, nout)) (T : 'M[R]_(nout, nin)) (Sigma : 'M[R]_nin).

Definition error (W1 : 'M[R]_(nhid, nin)) (W2 : 'M[R]_(nout, nhid)) : 'M[R]_(nout, nin) := T - W2 *m W1.
Definition loss (W1 : 'M[R]_(nhid, nin)) (W2 : 'M[R]_(nout, nhid)) : R := \tr (error W1 W2 *m Sigma *m
  (error W1 W2)^T) / 2%:R.

(** Minus the gradient of the loss, layer by layer. *)
Definition y1 (W1 : 'M[R]_(nhid, nin)) (W2 : 'M[R]_(nout, nhid)) : 'M[R]_(nhid, nin) := W2^T *m error W1 W2
  *m Sigma.
Definition y2 (W1 : 'M[R]_(nhid, nin)) (W2 : 'M[R]_(nout, nhid)) : 'M[R]_(nout, nhid) := error W1 W2 *m
  Sigma *m W1^T.

(** The update of feedback alignment, layer by layer. *)
Definition g1 (W1 : 'M[R]_(nhid, nin)) (W2 : 'M[R]_(nout, nhid)) : 'M[R]_(nhid, nin) := B *m error W1 W2 *m
  Sigma.
Definition g2 (W1 : 'M[R]_(nhid, nin)) (W2 : 'M[R]_(nout, nhid)) : 'M[R]_(nout, nhid) := error W1 W2 *m
  Sigma *m W1^T.

(** Both layers as one vector. *)
Definition stack (W1 : 'M[R]_(nhid, nin)) (W2 : 'M[R]_(nout, nhid)) : 'cV[R]_(nhid * nin + nout * nhid) :=
  col_mx (mxvec W1)^T (mxvec W2)^T.
Definition y W1 W2 := stack (y1 W1 W2) (y2 W1 W2).
Definition g W1 W2 := stack (g1 W1 W2) (g2 W1 W2).

Lemma dot_stack W1 W2 d1 d2 : dot (stack W1 W2) (stack d1 d2) = frobenius W1 d1 + frobenius W2 d2.
Proof. by rewrite !frobenius_mxvec /dot /stack tr_col_mx mul_row_col mxE. Qed.

Lemma stack_eq0 W1 W2 : (stack W1 W2 == 0) = (W1 == 0) && (W2 == 0).
Proof. by rewrite /stack col_mx_eq0 !trmx_eq0 !mxvec_eq0. Qed.

(** p = y.g = |g2|^2 + <W2^T E Sigma, B E Sigma>. *)
Theorem feedback_alignment_p W1 W2 :
  dot (y W1 W2) (g W1 W2) = frobenius (g2 W1 W2) (g2 W1 W2)
    + frobenius (W2^T *m error W1 W2 *m Sigma) (B *m error W1 W2 *m Sigma).
Proof. by rewrite dot_stack addrC. Qed.

(** An update that is not zero is natural gradient descent exactly when p > 0. *)
Theorem feedback_alignment_metric_iff W1 W2 :
  g W1 W2 != 0 -> (exists M, metric M (g W1 W2) (y W1 W2)) <-> 0 < dot (y W1 W2) (g W1 W2).
Proof. exact: metric_exists_iff. Qed.

(** With B = W2^T the rule is gradient descent: g = y, so p = y.y. *)
Theorem feedback_alignment_gradient_descent W1 W2 :
  B = W2^T -> g W1 W2 = y W1 W2 /\ dot (y W1 W2) (g W1 W2) = dot (y W1 W2) (y W1 W2).
Proof. by move=> BE; suff -> : g W1 W2 = y W1 W2 by []; rewrite /g /y /g1 /y1 BE. Qed.

Section Gradient.

Hypothesis sym_Sigma : symmetric Sigma.

(** y1 and y2 are minus the gradient of the loss: the exact expansion of the loss in any direction (d1,
    d2), whose
    linear coefficient in t is - <y1, d1> - <y2, d2>. *)
Theorem loss_expansion (W1 d1 : 'M[R]_(nhid, nin)) (W2 d2 : 'M[R]_(nout, nhid)) :
  exists a b c, forall t,
    loss (W1 + t *: d1) (W2 + t *: d2)
    = loss W1 W2 - t * (frobenius (y1 W1 W2) d1 + frobenius (y2 W1 W2) d2) + t ^+ 2 * (a + t * b + t ^+ 2 *
      c).
Proof.
pose E := error W1 W2; pose F := W2 *m d1 + d2 *m W1; pose G := d2 *m d1.
pose q (U V : 'M[R]_(nout, nin)) := \tr (U *m Sigma *m V^T).
have qC U V : q U V = q V U.
  by rewrite /q -mxtrace_tr !trmx_mul trmxK sym_Sigma mulmxA.
have qB U U' V : q (U - U') V = q U V - q U' V by rewrite /q !mulmxBl linearB.
have qZ t U V : q (t *: U) V = t * q U V by rewrite /q -!scalemxAl linearZ.
have qBr U V V' : q U (V - V') = q U V - q U V' by rewrite qC qB !(qC _ U).
have qZr t U V : q U (t *: V) = t * q U V by rewrite qC qZ qC.
exists (q F F / 2%:R - q E G), (q F G), (q G G / 2%:R) => t.
have EE : error (W1 + t *: d1) (W2 + t *: d2) = E - t *: F - (t ^+ 2) *: G.
  rewrite /E /F /G /error mulmxDl !mulmxDr -!scalemxAl -!scalemxAr scalerA -expr2.
  move: (W2 *m W1) (W2 *m d1) (d2 *m W1) (d2 *m d1) => P1 P2 P3 P4.
  apply/matrixP => i j; rewrite !mxE.
  by move: (T i j) (P1 i j) (P2 i j) (P3 i j) (P4 i j) => a0 a1 a2 a3 a4; ring.
have lin : frobenius (y1 W1 W2) d1 + frobenius (y2 W1 W2) d2 = q E F.
  have -> : frobenius (y1 W1 W2) d1 = \tr (W2 *m d1 *m Sigma *m E^T).
    by rewrite /frobenius /y1 -/E !trmx_mul trmxK sym_Sigma (mulmxA Sigma) -(mulmxA (Sigma *m E^T))
      [LHS]mxtrace_mulC !mulmxA.
  have -> : frobenius (y2 W1 W2) d2 = \tr (d2 *m W1 *m Sigma *m E^T).
    by rewrite /frobenius /y2 -/E !trmx_mul trmxK sym_Sigma mxtrace_mulC !mulmxA.
  by rewrite qC /q /F !mulmxDl mxtraceD.
have l0 : loss W1 W2 = q E E / 2%:R by [].
have l1 : loss (W1 + t *: d1) (W2 + t *: d2)
        = q (E - t *: F - t ^+ 2 *: G) (E - t *: F - t ^+ 2 *: G) / 2%:R by rewrite /loss EE.
rewrite lin l0 l1; clear EE lin l0 l1; clearbody q E F G.
rewrite !(qB, qBr, qZ, qZr) (qC F E) (qC G E) (qC G F).
by move: (q E E) (q E F) (q E G) (q F F) (q F G) (q G G) => a b c d e f; field.
Qed.

(** The matrix W1 W1^T - B W2 - W2^T B^T is constant along the flow W1' = g1, W2' = g2: its derivative is
    0. *)
Theorem feedback_alignment_invariant W1 W2 :
  g1 W1 W2 *m W1^T + W1 *m (g1 W1 W2)^T - B *m g2 W1 W2 - (g2 W1 W2)^T *m B^T = 0.
Proof.
rewrite /g1 /g2 !trmx_mul !trmxK sym_Sigma !mulmxA.
by rewrite [X in X - _]addrC addKr subrr.
Qed.

(** Over one step of size eta it changes by exactly eta^2 g1 g1^T. *)
Theorem feedback_alignment_invariant_step W1 W2 (eta : R) :
  let C (V1 : 'M[R]_(nhid, nin)) (V2 : 'M[R]_(nout, nhid)) := V1 *m V1^T - B *m V2 - V2^T *m B^T in
  C (W1 + eta *: g1 W1 W2) (W2 + eta *: g2 W1 W2) = C W1 W2 + eta ^+ 2 *: (g1 W1 W2 *m (g1 W1 W2)^T).
Proof.
rewrite /=; have := feedback_alignment_invariant W1 W2; move: (g1 W1 W2) (g2 W1 W2) => u v uv0.
have t1 : (W1 + eta *: u)^T = W1^T + eta *: u^T by rewrite linearD linearZ.
have t2 : (W2 + eta *: v)^T = W2^T + eta *: v^T by rewrite linearD linearZ.
rewrite t1 t2 !(mulmxDl, mulmxDr) -!scalemxAl -!scalemxAr; apply/eqP; rewrite -subr_eq0; apply/eqP.
transitivity (eta *: (u *m W1^T + W1 *m u^T - B *m v - v^T *m B^T)); last by rewrite uv0 scaler0.
move: (W1 *m W1^T) (u *m W1^T) (W1 *m u^T) (u *m u^T) => P1 P2 P3 P4.
move: (B *m W2) (B *m v) (W2^T *m B^T) (v^T *m B^T) => P5 P6 P7 P8.
apply/matrixP => i j; rewrite !mxE; move: (P1 i j) (P2 i j) (P3 i j) (P4 i j) => p1 p2 p3 p4.
by move: (P5 i j) (P6 i j) (P7 i j) (P8 i j) => p5 p6 p7 p8; ring.
Qed.

End Gradient.

(** At zero weights the gradient vanishes, but the update does not when B T Sigma != 0: no metric exists
    there. *)
Theorem feedback_alignment_zero_weights :
  B *m T *m Sigma != 0 -> y 0 0 = 0 /\ g 0 0 != 0 /\ ~ exists M, metric M (g 0 0) (y 0 0).
Proof.
move=> nz; have E0 : error 0 0 = T by rewrite /error mul0mx subr0.
have y0 : y 0 0 = 0.
  by apply/eqP; rewrite /y stack_eq0 /y1 /y2 trmx0 !mul0mx trmx0 mulmx0 !eqxx.
have g_nz : g 0 0 != 0 by rewrite /g stack_eq0 /g1 E0 negb_and nz.
by split=> //; split=> //; rewrite feedback_alignment_metric_iff // y0 dot0l ltxx.
Qed.

Lemma p_at_zero_first_layer W2 :
  dot (y 0 W2) (g 0 W2) = frobenius (W2^T *m T *m Sigma) (B *m T *m Sigma).
Proof.
have E0 : error 0 W2 = T by rewrite /error mulmx0 subr0.
by rewrite feedback_alignment_p /g2 trmx0 mulmx0 frobenius0l add0r E0.
Qed.

(** At W1 = 0, W2 = -B^T: p = -|B T Sigma|^2; when that is not zero p is negative and no metric exists. *)
Theorem feedback_alignment_negative :
  let p := dot (y 0 (- B^T)) (g 0 (- B^T)) in
  p = - frobenius (B *m T *m Sigma) (B *m T *m Sigma)
  /\ (B *m T *m Sigma != 0 -> p < 0 /\ ~ exists M, metric M (g 0 (- B^T)) (y 0 (- B^T))).
Proof.
rewrite /= p_at_zero_first_layer linearN /= trmxK !mulNmx frobeniusNl; split=> // nz.
have neg : - frobenius (B *m T *m Sigma) (B *m T *m Sigma) < 0.
  by rewrite oppr_lt0 lt_def frobenius_ge0 frobenius_eq0 nz.
split=> //; rewrite metric_existsP p_at_zero_first_layer linearN /= trmxK !mulNmx frobeniusNl.
move=> -[|[/eqP]]; first by rewrite ltNge (ltW neg).
by rewrite /g stack_eq0 /g1 /error mulmx0 subr0 (negbTE nz).
Qed.

(** At W1 = 0, W2 = B^T: p = |B T Sigma|^2; when that is not zero p is positive and a metric exists. *)
Theorem feedback_alignment_positive :
  let p := dot (y 0 B^T) (g 0 B^T) in
  p = frobenius (B *m T *m Sigma) (B *m T *m Sigma)
  /\ (B *m T *m Sigma != 0 -> 0 < p /\ exists M, metric M (g 0 B^T) (y 0 B^T)).
Proof.
rewrite /= p_at_zero_first_layer trmxK; split=> // nz.
have pos : 0 < frobenius (B *m T *m Sigma) (B *m T *m Sigma).
  by rewrite lt_def frobenius_ge0 frobenius_eq0 nz.
by split=> //; rewrite metric_existsP p_at_zero_first_layer trmxK; left.
Qed.

End Network.

Section Numbers.

Variable R : realFieldType.

(** By numbers, one unit a layer, W1 = 0, W2 = T = Sigma = 1: B = 1 gives p = 1 and B = -1 gives p = -1. *)
Theorem feedback_alignment_no_fixed_sign :
  let p (b : 'M[R]_1) := dot (y 1%:M 1%:M (0 : 'M_1) 1%:M) (g b 1%:M 1%:M (0 : 'M_1) 1%:M) in
  p 1%:M = 1 /\ p (- 1%:M) = - 1.
Proof.
rewrite /= !p_at_zero_first_layer trmx1 !mulNmx !mulmx1 /frobenius trmx1 mulmxN mulmx1 linearN /= mxtrace1.
by [].
Qed.

End Numbers.
