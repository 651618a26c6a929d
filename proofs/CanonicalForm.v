(** * Existence of the canonical form, and the one-parameter family M(a)

    The paper: an update g other than 0 is natural gradient descent for the loss L, that is M g = y with
    y = -grad L for some symmetric positive definite M, exactly when p = y.g > 0; then M = y y^T/p + sum of
    u_i u_i^T, for any basis u_i of the orthogonal complement of g, is such a matrix. A simple choice is the
    family M(a) = y y^T/p + a (I - g g^T/(g.g)), a > 0.

    Assumptions: none but p > 0 and a > 0 where they are needed. Everything holds in every dimension n, over
    any ordered field; statements with square roots (eigenvalues, factor, roots of M(a)) over any real closed
    field, such as the reals or the real algebraic numbers. No axioms. "Metric" means a symmetric positive
    definite matrix M with M g = y.

    Proved, existence:
    - y y^T/p + B is a metric for every positive semidefinite B with kernel exactly the line of g; so are
      y y^T/p + U U^T for U of rank n - 1 with U^T g = 0, and y y^T/p + sum of u_i u_i^T for vectors u_i
      orthogonal to g that span its complement, orthonormal or not;
    - the BFGS update of any symmetric positive definite matrix is a metric, and M(a) is that of a I;
    - a metric exists exactly when p > 0 or g = y = 0; for g other than 0 exactly when p > 0. If g = y = 0
      every symmetric positive definite matrix is one; if exactly one of g and y is 0, none is.

    Proved, for M(a), with a* = y.y/p, t = a + a*, d = a p/(g.g), s the sine of the angle between g and y:
    - M(a) is a metric; its inverse, trace, determinant, and sum of the squares of its elements;
    - spectrum: M(a) x = a x for x orthogonal to g and y; M(a)^2 v = t M(a) v - d v in the plane of g and y;
      lambda+ + lambda- = t, lambda+ lambda- = d, lambda- <= a <= lambda+; explicit eigenvectors when s > 0;
      the characteristic polynomial (X - a)^(n-2) (X - lambda+)(X - lambda-) for n >= 2; all Rayleigh
      quotients lie in [lambda-, lambda+]; the condition number lambda+/lambda- (n >= 2) by hyperbolic
      functions; the case y = r g, where s = 0; for n = 1, M(a) = y/g, so that a need not be an eigenvalue;
    - M(a) = J J^T with J^-1; the symmetric positive definite square root and its inverse; M(a) = L diag(d)
      L^T from prefix sums, with positive pivots d.

    NOT proved here: that every metric has the canonical form (Uniqueness.v); which metric has the smallest
    condition number (MinCondition.v) or changes least (LeastChange.v); that the square root is the only one;
    log det as a sum of logarithms (the determinant itself is proved); anything about rounding. *)

From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
From Natgrad Require Import LinearAlgebra.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Lemmas.

Variables (R : realFieldType) (n : nat).
Implicit Types (g y x : 'cV[R]_n) (A B M N : 'M[R]_n).

Lemma dot_neq0 g y : 0 < dot y g -> g != 0.
Proof. by apply: contraTneq => ->; rewrite dot0r ltxx. Qed.

Lemma dot_neq0l g y : 0 < dot y g -> y != 0.
Proof. by rewrite dotC; apply: dot_neq0. Qed.

(** Two matrices that agree on every vector are equal. *)
Lemma matrix_ext A B : (forall x, A *m x = B *m x) -> A = B.
Proof.
move=> e; apply/matrixP => i j.
by have /colP/(_ i) := e (delta_mx j 0); rewrite -!colE !mxE.
Qed.

(** A positive definite matrix stays so when a positive semidefinite one is added. *)
Lemma spd_psdD A B : spd A -> psd B -> spd (A + B).
Proof.
move=> [sA pA] [sB pB]; split; first by rewrite /symmetric linearD /= sA sB.
by move=> x /pA xAx; rewrite mulmxDl dotDr ltr_paddr.
Qed.

(** The inverse of a positive definite matrix is positive definite. *)
Lemma spd_inverse A N : spd A -> A *m N = 1%:M -> spd N.
Proof.
move=> [sA pA] AN; have NA := mulmx1C AN.
have sN : symmetric N.
  by rewrite /symmetric -[N^T]mul1mx -NA -mulmxA -{1}sA -trmx_mul NA trmx1 mulmx1.
split=> // x x_nz; have Nx_nz : N *m x != 0.
  by apply: contraNneq x_nz => z; rewrite -[x]mul1mx -AN -mulmxA z mulmx0.
by have := pA _ Nx_nz; rewrite mulmxA AN mul1mx dotC.
Qed.

(** A right inverse of a square matrix is its inverse. *)
Lemma invmx_eq A N : A *m N = 1%:M -> invmx A = N.
Proof.
move=> AN; have [uA _] := mulmx1_unit AN.
by rewrite -[invmx A]mulmx1 -AN mulmxA mulVmx // mul1mx.
Qed.

Lemma dot_sumr (I : finType) (F : I -> 'cV[R]_n) y : dot y (\sum_i F i) = \sum_i dot y (F i).
Proof. by apply: (big_morph (dot y)) => [u v|]; rewrite ?dotDr ?dot0r. Qed.

End Lemmas.

(** ** Section 1: existence *)
Section Existence.

Variables (R : realFieldType) (n : nat).
Implicit Types (g y x : 'cV[R]_n) (B M : 'M[R]_n).

(** Existence. If p = y.g > 0 and B is positive semidefinite with kernel exactly the line of g, then
    y y^T/p + B is symmetric positive definite and takes g to y. *)
Theorem canonical_form_metric B g y :
    0 < dot y g -> psd B -> B *m g = 0 -> (forall x, B *m x = 0 -> exists c, x = c *: g) ->
  metric ((dot y g)^-1 *: (y *m y^T) + B) g y.
Proof.
move=> p_gt0 pB Bg kerB; have p_nz : dot y g != 0 by rewrite gt_eqF.
have xYx x : dot x ((dot y g)^-1 *: (y *m y^T) *m x) = (dot y g)^-1 * dot y x ^+ 2.
  by rewrite -scalemxAl outer_mul !dotZr (dotC x) expr2.
split; last by rewrite mulmxDl Bg addr0 -scalemxAl outer_mul scalerA mulVf // scale1r.
have [sB B_ge0] := pB; split.
  by rewrite /symmetric linearD linearZ /= outer_sym sB.
move=> x x_nz; rewrite mulmxDl dotDr xYx.
have sq_ge0 : 0 <= (dot y g)^-1 * dot y x ^+ 2 by rewrite mulr_ge0 ?sqr_ge0 // invr_ge0 ltW.
have [xBx0|xBx] := eqVneq (dot x (B *m x)) 0; last by rewrite ltr_paddl // lt_def xBx B_ge0.
have [c xE] := kerB _ (psd_kernel pB xBx0).
rewrite xBx0 addr0 lt_def sq_ge0 andbT mulf_neq0 ?invr_eq0 // sqrf_eq0 xE dotZr mulf_neq0 //.
by apply: contraNneq x_nz => c0; rewrite xE c0 scale0r.
Qed.

(** The same, with the kernel of the quadratic form x.Bx in place of the kernel of B. *)
Corollary canonical_form_metric_quadratic B g y :
    0 < dot y g -> psd B -> B *m g = 0 -> (forall x, dot x (B *m x) = 0 -> exists c, x = c *: g) ->
  metric ((dot y g)^-1 *: (y *m y^T) + B) g y.
Proof.
move=> p_gt0 pB Bg kerB; apply: canonical_form_metric => // x Bx0.
by apply: kerB; rewrite Bx0 dot0r.
Qed.

(** Existence from vectors u_i that are orthogonal to g and span its orthogonal complement, such as any basis
    of it, orthonormal or not: y y^T/p + sum of u_i u_i^T is a metric that takes g to y. *)
Theorem canonical_form_vectors (I : finType) (u : I -> 'cV[R]_n) g y :
    0 < dot y g -> (forall i, dot g (u i) = 0) ->
    (forall x, dot g x = 0 -> exists c : I -> R, x = \sum_i c i *: u i) ->
  metric ((dot y g)^-1 *: (y *m y^T) + \sum_i u i *m (u i)^T) g y.
Proof.
move=> p_gt0 gu span; have gg_nz : dot g g != 0 by rewrite dot_eq0 (dot_neq0 p_gt0).
have mulE x : (\sum_i u i *m (u i)^T) *m x = \sum_i dot (u i) x *: u i.
  by rewrite mulmx_suml; apply: eq_bigr => i _; rewrite outer_mul.
apply: canonical_form_metric => //.
- apply: (big_ind (@psd R n)) => [||i _]; last exact: psd_outer.
    by split=> [|x]; [rewrite /symmetric trmx0 | rewrite mul0mx dot0r].
  exact: psdD.
- by rewrite mulE big1 // => i _; rewrite dotC gu scale0r.
move=> x Bx0.
have ux i : dot (u i) x = 0.
  have : \sum_i dot (u i) x ^+ 2 == 0.
    rewrite -[X in _ == X](dot0r x) -Bx0 mulE dot_sumr; apply/eqP; apply: eq_bigr => j _.
    by rewrite dotZr (dotC x) expr2.
  rewrite psumr_eq0 => [/allP z|j _]; last exact: sqr_ge0.
  by have /implyP/(_ isT) := z i (mem_index_enum i); rewrite sqrf_eq0 => /eqP.
exists (dot g x / dot g g); set c := _ / _; apply/eqP; rewrite -subr_eq0; set z := x - _.
have [|b zE] := span z; first by rewrite !dot_linear divfK // subrr.
rewrite -dot_eq0 {2}zE dot_sumr big1 // => i _.
by rewrite dotZr dotBl dotZl gu mulr0 subr0 dotC ux mulr0.
Qed.

(** Existence from a matrix U of rank n - 1 with columns orthogonal to g, so that they span its orthogonal
    complement (n - 1 such columns are a basis of it): y y^T/p + U U^T is a metric that takes g to y. *)
Theorem canonical_form_basis (k : nat) (U : 'M[R]_(n, k)) g y :
    0 < dot y g -> U^T *m g = 0 -> \rank U = n.-1 ->
  metric ((dot y g)^-1 *: (y *m y^T) + U *m U^T) g y.
Proof.
move=> p_gt0 Ug rU; have g_nz := dot_neq0 p_gt0.
apply: canonical_form_metric => //; first exact: psd_gram.
  by rewrite -mulmxA Ug mulmx0.
move=> x Bx0; have Ux : U^T *m x = 0.
  by apply/eqP; rewrite -dot_eq0 /dot trmx_mul trmxK -mulmxA (mulmxA U) Bx0 mulmx0 mxE.
have n_gt0 : (0 < n)%N.
  case: (n) (g) g_nz => // g' /negP []; apply/eqP/colP => -[//].
have gk : (g^T <= kermx U)%MS by apply/sub_kermxP; rewrite -[U]trmxK -trmx_mul Ug trmx0.
have rg : \rank g^T = 1%N.
  by apply/eqP; rewrite eqn_leq rank_leq_row lt0n mxrank_eq0 -(inj_eq (@trmx_inj _ _ _)) trmxK trmx0.
have kg : (kermx U <= g^T)%MS.
  have := mxrank_leqif_sup gk; rewrite rg mxrank_ker rU => -[_ <-].
  by apply/eqP; case: (n) n_gt0 => // m _; rewrite subSnn.
have /sub_rVP [c xE] : (x^T <= g^T)%MS.
  by apply: submx_trans kg; apply/sub_kermxP; rewrite -[U]trmxK -trmx_mul Ux trmx0.
by exists c; apply: trmx_inj; rewrite xE linearZ.
Qed.

End Existence.

(** ** The BFGS update; necessity, degenerate cases and the equivalence *)
Section Necessity.

Variables (R : realFieldType) (n : nat).
Implicit Types (g y x : 'cV[R]_n) (B M : 'M[R]_n) (a : R).

(** The BFGS update of B0 with the pair (g, y): B0 - B0 g g^T B0/(g.B0 g) + y y^T/(y.g). *)
Definition bfgs B g y : 'M[R]_n :=
  B - (dot g (B *m g))^-1 *: (B *m g *m g^T *m B) + (dot y g)^-1 *: (y *m y^T).

(** If y.g > 0, the BFGS update of any symmetric positive definite matrix is a metric that takes g to y. *)
Theorem bfgs_metric B g y : spd B -> 0 < dot y g -> metric (bfgs B g y) g y.
Proof.
move=> pB p_gt0; have g_nz := dot_neq0 p_gt0; have [sB posB] := pB.
have b_gt0 := posB _ g_nz; rewrite /bfgs addrC; set b := dot g (B *m g) in b_gt0 *.
have -> : B *m g *m g^T *m B = (B *m g) *m (B *m g)^T by rewrite trmx_mul sB !mulmxA.
set C := B - _.
have mulC x : C *m x = B *m (x - (dot g (B *m x) / b) *: g).
  rewrite /C mulmxBl -scalemxAl outer_mul -(dot_sym g x sB) scalerA mulrC.
  by rewrite mulmxBr -scalemxAr.
have ortho x : dot g (C *m x) = 0.
  by rewrite mulC mulmxBr -scalemxAr !dot_linear divfK ?subrr // gt_eqF.
have quad x : dot x (C *m x) = dot (x - (dot g (B *m x) / b) *: g) (C *m x).
  by rewrite dotBl dotZl ortho mulr0 subr0.
apply: canonical_form_metric => //.
- split=> [|x].
    by rewrite /symmetric /C linearB /= linearZ /= outer_sym sB.
  by rewrite quad mulC; have [_] := spd_psd pB; apply.
- by rewrite mulC divff ?gt_eqF // scale1r subrr mulmx0.
move=> x; rewrite mulC => /(spd_inj pB)/eqP; rewrite subr_eq0 => /eqP xE.
by exists (dot g (B *m x) / b).
Qed.

Lemma spd_scalar a : 0 < a -> spd (a%:M : 'M[R]_n).
Proof.
move=> a_gt0; split=> [|x x_nz]; first by rewrite /symmetric tr_scalar_mx.
by rewrite mul_scalar_mx dotZr mulr_gt0 // dot_gt0.
Qed.

(** M(a) is the BFGS update of a I with the pair (g, y). *)
Theorem family_bfgs g y a : a != 0 -> family g y a = bfgs a%:M g y.
Proof.
move=> a_nz; rewrite /family /bfgs addrC; congr (_ + _).
rewrite mul_scalar_mx mul_mx_scalar dotZr scalerBr scalemx1; congr (_ - _).
have [->|g_nz] := eqVneq g 0; first by rewrite !(scaler0, mul0mx).
rewrite -scalemxAl !scalerA; congr (_ *: _).
have := g_nz; rewrite -dot_eq0; move: (dot g g) => b b_nz.
by field; rewrite b_nz a_nz.
Qed.

(** For a > 0 and y.g > 0, M(a) is symmetric positive definite and takes g to y. *)
Theorem family_metric g y a : 0 < a -> 0 < dot y g -> metric (family g y a) g y.
Proof.
by move=> a_gt0 p_gt0; rewrite family_bfgs ?gt_eqF //; apply: bfgs_metric => //; apply: spd_scalar.
Qed.

(** Necessity: if a metric takes g, other than 0, to y, then y.g > 0. *)
Theorem metric_progress_gt0 M g y : metric M g y -> g != 0 -> 0 < dot y g.
Proof. by move=> [[_ p] <-] /p; rewrite dotC. Qed.

(** If g = y = 0, every symmetric positive definite matrix is a metric that takes g to y. *)
Theorem metric_zero_zero M : metric M 0 0 <-> spd M.
Proof. by split=> [[]|pM] //; split=> //; rewrite mulmx0. Qed.

(** If exactly one of g and y is 0, there is no metric that takes g to y. *)
Theorem no_metric_one_zero g y : (g == 0) != (y == 0) -> ~ exists M, metric M g y.
Proof.
move=> one [M [pM e]]; move: one; rewrite -e.
have [->|g_nz] := eqVneq g 0; first by rewrite mulmx0 eqxx.
have [Mg0|] := eqVneq (M *m g) 0; last by [].
by rewrite (spd_inj pM Mg0) eqxx in g_nz.
Qed.

(** A metric that takes g to y exists exactly when y.g > 0, or when both vectors are zero. *)
Theorem metric_existsP g y : (exists M, metric M g y) <-> 0 < dot y g \/ (g = 0 /\ y = 0).
Proof.
split=> [[M mM]|[p_gt0|[-> ->]]].
- have [g0|g_nz] := eqVneq g 0; last by left; apply: metric_progress_gt0 mM g_nz.
  by right; split=> //; case: mM => _ <-; rewrite g0 mulmx0.
- by exists (family g y 1); apply: family_metric; rewrite ?ltr01.
by exists 1%:M; apply/metric_zero_zero; apply: spd_scalar ltr01.
Qed.

(** For an update g that is not zero, a metric exists exactly when y.g > 0. *)
Theorem metric_exists_iff g y : g != 0 -> (exists M, metric M g y) <-> 0 < dot y g.
Proof.
move=> g_nz; split=> [/metric_existsP [//|[g0 _]]|p]; last by apply/metric_existsP; left.
by rewrite g0 eqxx in g_nz.
Qed.

End Necessity.

(** ** Matrices k I + a g g^T + b g y^T + c y g^T + d y y^T *)
Section Planar.

Variables (R : realFieldType) (n : nat) (g y : 'cV[R]_n).
Implicit Types (x : 'cV[R]_n) (k a b c d : R).

(** Every matrix of section 3 has this form; it is given by its five coefficients. *)
Definition planar k a b c d : 'M[R]_n :=
  k%:M + (a *: (g *m g^T) + b *: (g *m y^T) + (c *: (y *m g^T) + d *: (y *m y^T))).

Lemma planar_mul_vector k a b c d x :
  planar k a b c d *m x
  = k *: x + ((a * dot g x + b * dot y x) *: g + (c * dot g x + d * dot y x) *: y).
Proof.
rewrite /planar !mulmxDl mul_scalar_mx -!scalemxAl !outer_mul.
move: (dot g x) (dot y x) => gx yx.
by apply/colP => i; rewrite !mxE; move: (x i 0) (g i 0) (y i 0) => xi gi yi; ring.
Qed.

(** The product of two such matrices. *)
Lemma planar_mul k a b c d k' a' b' c' d' :
  let gg := dot g g in let p := dot y g in let yy := dot y y in
  planar k a b c d *m planar k' a' b' c' d'
  = planar (k * k') (k * a' + k' * a + a * (gg * a' + p * c') + b * (p * a' + yy * c'))
      (k * b' + k' * b + a * (gg * b' + p * d') + b * (p * b' + yy * d'))
      (k * c' + k' * c + c * (gg * a' + p * c') + d * (p * a' + yy * c'))
      (k * d' + k' * d + c * (gg * b' + p * d') + d * (p * b' + yy * d')).
Proof.
move=> gg p yy; apply: matrix_ext => x.
rewrite -mulmxA !planar_mul_vector !dot_linear (dotC g y) -/gg -/p -/yy.
move: gg p yy (dot g x) (dot y x) => gg p yy gx yx.
by apply/colP => i; rewrite !mxE; move: (x i 0) (g i 0) (y i 0) => xi gi yi; ring.
Qed.

Lemma planar_tr k a b c d : (planar k a b c d)^T = planar k a c b d.
Proof.
by rewrite /planar !linearD /= !linearZ /= !trmx_outer tr_scalar_mx addrACA.
Qed.

Lemma planar_trace k a b c d :
  \tr (planar k a b c d) = n%:R * k + a * dot g g + (b + c) * dot y g + d * dot y y.
Proof.
rewrite /planar !linearD /= !linearZ /= !trace_outer mxtrace_scalar (dotC g y) mulr_natl.
by move: (k *+ n) (dot g g) (dot y g) (dot y y) => nk gg p yy; ring.
Qed.

End Planar.

(** ** Section 3: the family M(a), without roots *)
Section Scalars.

Variables (R : realFieldType) (n : nat).
Implicit Types (g y : 'cV[R]_n) (a : R).

(** a* = y.y/p. *)
Definition astar g y : R := dot y y / dot y g.
(** s^2 = 1 - p^2/(g.g y.y), the squared sine of the angle between g and y. *)
Definition sin2 g y : R := 1 - dot y g ^+ 2 / (dot g g * dot y y).
(** The trace t = a + a* and the determinant d = a p/(g.g) of M(a) on the plane of g and y. *)
Definition plane_trace g y a : R := a + astar g y.
Definition plane_det g y a : R := a * dot y g / dot g g.
(** The sum of the squares of the elements. *)
Definition frobenius2 (M : 'M[R]_n) : R := \sum_i \sum_j M i j ^+ 2.

Lemma frobenius2_trace M : frobenius2 M = \tr (M *m M^T).
Proof. by apply: eq_bigr => i _; rewrite mxE; apply: eq_bigr => j _; rewrite mxE expr2. Qed.

Lemma sin2_ge0 g y : 0 <= sin2 g y.
Proof.
rewrite /sin2 subr_ge0; have [g0|g_nz] := eqVneq (dot g g * dot y y) 0; first by rewrite g0 invr0 mulr0 ler01.
rewrite ler_pdivr_mulr ?mul1r; first by rewrite mulrC; apply: cauchy_schwarz.
by rewrite lt_def g_nz mulr_ge0 ?dot_ge0.
Qed.

(** Sylvester: det(I + U V) = det(I + V U). *)
Lemma det_sylvester (m : nat) (U : 'M[R]_(n, m)) (V : 'M[R]_(m, n)) :
  \det (1%:M + U *m V) = \det (1%:M + V *m U).
Proof.
pose X := block_mx 1%:M (- U) V 1%:M; pose T := block_mx 1%:M U 0 1%:M : 'M[R]_(n + m).
have left_one : \det (T *m X) = \det (1%:M + U *m V).
  rewrite mulmx_block !mul1mx !mul0mx !mulmx1 addNr !add0r det_lblock det1 mulr1.
  by [].
have right_one : \det (X *m T) = \det (1%:M + V *m U).
  rewrite mulmx_block !mul1mx !mulmx1 !mulmx0 !addr0 subrr det_lblock det1 mul1r.
  by rewrite addrC.
by rewrite -left_one -right_one !det_mulmx mulrC.
Qed.

(** The determinant of I + u v^T is 1 + v.u. *)
Lemma det_rank_one (u v : 'cV[R]_n) : \det (1%:M + u *m v^T : 'M[R]_n) = 1 + dot v u.
Proof. by rewrite det_sylvester det_mx11 mxE [_%:M 0 0]mxE eqxx. Qed.

End Scalars.

Section Family.

Variables (R : realFieldType) (n : nat) (g y : 'cV[R]_n) (a : R).
Implicit Types (x v : 'cV[R]_n) (k : R).

Local Notation gg := (dot g g).
Local Notation p := (dot y g).
Local Notation yy := (dot y y).
Local Notation M := (family g y a).
Local Notation t := (plane_trace g y a).
Local Notation d := (plane_det g y a).

Lemma family_planar : M = planar g y a (- (a / gg)) 0 0 p^-1.
Proof.
rewrite /family /planar !scale0r !addr0 add0r scalerBr scalemx1 scalerA addrC scaleNr.
by rewrite -addrA [- _ + _]addrC addrA.
Qed.

(** M(a) x = a x + ((y.x)/p) y - (a (g.x)/(g.g)) g. *)
Lemma family_mul x : M *m x = a *: x + (p^-1 * dot y x) *: y - (a / gg * dot g x) *: g.
Proof. by rewrite family_planar planar_mul_vector !mul0r addr0 add0r mulNr scaleNr addrAC addrA. Qed.

Hypotheses (p_gt0 : 0 < p) (a_gt0 : 0 < a).

Let gg_nz : gg != 0. Proof. by rewrite dot_eq0 (dot_neq0 p_gt0). Qed.
Let yy_nz : yy != 0. Proof. by rewrite dot_eq0 (dot_neq0l p_gt0). Qed.
Let p_nz : p != 0. Proof. by rewrite gt_eqF. Qed.
Let a_nz : a != 0. Proof. by rewrite gt_eqF. Qed.
Let gg_gt0 : 0 < gg. Proof. by rewrite dot_gt0 (dot_neq0 p_gt0). Qed.
Let yy_gt0 : 0 < yy. Proof. by rewrite dot_gt0 (dot_neq0l p_gt0). Qed.

(** M(a) multiplies by a every vector orthogonal to g and y. *)
Theorem family_complement x : dot g x = 0 -> dot y x = 0 -> M *m x = a *: x.
Proof. by move=> gx yx; rewrite family_mul gx yx !mulr0 !scale0r subr0 addr0. Qed.

(** The inverse: M(a)^-1 = I/a - (g y^T + y g^T)/(a p) + (y.y/(a p^2) + 1/p) g g^T. *)
Definition family_inverse : 'M[R]_n :=
  a^-1%:M - (a * p)^-1 *: (g *m y^T + y *m g^T) + (yy / (a * p ^+ 2) + p^-1) *: (g *m g^T).

Let inverse_planar :
  family_inverse = planar g y a^-1 (yy / (a * p ^+ 2) + p^-1) (- (a * p)^-1) (- (a * p)^-1) 0.
Proof.
rewrite /family_inverse /planar scale0r addr0 !scaleNr -addrA -addrA -opprD -scalerDr.
by rewrite [- _ + _]addrC.
Qed.

Theorem family_mul_inverse : M *m family_inverse = 1%:M.
Proof.
rewrite inverse_planar family_planar planar_mul.
have -> : 1%:M = planar g y 1 0 0 0 0 by rewrite /planar !scale0r !addr0.
move: gg p yy gg_nz p_nz yy_nz => q b r q_nz b_nz r_nz.
by congr planar; field; rewrite ?a_nz ?b_nz ?q_nz.
Qed.

Corollary family_invmx : invmx M = family_inverse.
Proof. by apply: invmx_eq; apply: family_mul_inverse. Qed.

(** The trace of M(a) is a* + (n - 1) a. *)
Theorem family_trace : \tr M = astar g y + (n%:R - 1) * a.
Proof.
rewrite family_planar planar_trace /astar; move: (n%:R : R) => m.
by move: gg p yy gg_nz p_nz => q b r q_nz b_nz; field; rewrite q_nz b_nz.
Qed.

(** The sum of squares of the elements of M(a) is a*^2 + (n - 1) a^2 + 2 a a* s^2. *)
Theorem family_frobenius :
  frobenius2 M = astar g y ^+ 2 + (n%:R - 1) * a ^+ 2 + 2%:R * a * astar g y * sin2 g y.
Proof.
rewrite frobenius2_trace family_planar planar_tr planar_mul planar_trace /astar /sin2.
move: (n%:R : R) => m.
move: gg p yy gg_nz p_nz yy_nz => q b r q_nz b_nz r_nz; field; rewrite ?q_nz ?b_nz ?r_nz //.
Qed.

(** The determinant of M(a) is a^(n-1) p/(g.g). (n >= 1, since p > 0.) *)
Theorem family_det : \det M = a ^+ n.-1 * (p / gg).
Proof.
pose u := y - gg^-1 *: g; pose w := (a * p * gg)^-1 *: y - gg^-1 *: g.
have -> : M = a *: ((1%:M + u *m g^T) *m (1%:M + g *m w^T)).
  apply: matrix_ext => x.
  rewrite family_mul -scalemxAl -mulmxA !mulmxDl !mul1mx !outer_mul.
  rewrite /w /u !dot_linear.
  move: (dot g x) (dot y x) gg_nz p_nz => gx yx; move: gg p => q b q_nz b_nz.
  apply/colP => i; rewrite !mxE; move: (x i 0) (g i 0) (y i 0) => xi gi yi.
  by field; rewrite ?q_nz ?b_nz ?a_nz.
rewrite detZ det_mulmx !det_rank_one /u /w !dot_linear (dotC g y).
have n_gt0 : (0 < n)%N.
  case: (n) (g) (dot_neq0 p_gt0) => // g' /negP []; apply/eqP/colP => -[//].
have -> : a ^+ n = a ^+ n.-1 * a by rewrite -exprSr prednK.
move: (a ^+ n.-1) => an.
move: gg p gg_nz p_nz => q b q_nz b_nz.
by field; rewrite ?q_nz ?b_nz ?a_nz.
Qed.

End Family.

(** ** The plane of g and y *)
Section Plane.

Variables (R : realFieldType) (n : nat) (g y : 'cV[R]_n) (a : R).
Implicit Types (x v z : 'cV[R]_n).

Local Notation gg := (dot g g).
Local Notation p := (dot y g).
Local Notation yy := (dot y y).
Local Notation M := (family g y a).
Local Notation t := (plane_trace g y a).
Local Notation d := (plane_det g y a).

(** v is a linear combination of g and y. *)
Definition in_plane v : Prop := exists b c, v = b *: g + c *: y.

Hypotheses (p_gt0 : 0 < p).

Let gg_nz : gg != 0. Proof. by rewrite dot_eq0 (dot_neq0 p_gt0). Qed.
Let yy_nz : yy != 0. Proof. by rewrite dot_eq0 (dot_neq0l p_gt0). Qed.
Let p_nz : p != 0. Proof. by rewrite gt_eqF. Qed.
Let gg_gt0 : 0 < gg. Proof. by rewrite dot_gt0 (dot_neq0 p_gt0). Qed.
Let yy_gt0 : 0 < yy. Proof. by rewrite dot_gt0 (dot_neq0l p_gt0). Qed.

(** The part of y orthogonal to g has the squared length y.y s^2. *)
Lemma sin2_residual : dot (y - (p / gg) *: g) (y - (p / gg) *: g) = yy * sin2 g y.
Proof.
rewrite !dot_linear (dotC g y) /sin2; move: gg p yy gg_nz yy_nz => q b r q_nz r_nz.
by field; rewrite q_nz r_nz.
Qed.

(** s = 0 exactly when y is the multiple (p/(g.g)) g of g. *)
Lemma sin2_eq0 : (sin2 g y == 0) = (y == (p / gg) *: g).
Proof. by rewrite -[RHS]subr_eq0 -dot_eq0 sin2_residual mulf_eq0 (negPf yy_nz). Qed.

(** Every vector is the sum of a vector of the plane and of one orthogonal to g and y. *)
Lemma plane_decomposition x :
  exists v z, [/\ in_plane v, dot g z = 0, dot y z = 0 & x = v + z].
Proof.
pose w := y - (p / gg) *: g; pose z0 := x - (dot g x / gg) *: g.
have gw : dot g w = 0 by rewrite !dot_linear (dotC g y) divfK // subrr.
have gz0 : dot g z0 = 0 by rewrite !dot_linear divfK // subrr.
have yE : y = w + (p / gg) *: g by rewrite subrK.
have wE : w = y - (p / gg) *: g by [].
have xE : x = z0 + (dot g x / gg) *: g by rewrite subrK.
clearbody w z0; have [w0|w_nz] := eqVneq w 0.
  exists ((dot g x / gg) *: g), z0; split=> //.
  - by exists (dot g x / gg), 0; rewrite scale0r addr0.
  - by rewrite yE w0 add0r dotZl gz0 mulr0.
  by rewrite addrC.
pose c := dot w z0 / dot w w.
exists ((dot g x / gg) *: g + c *: w), (z0 - c *: w); split.
- exists (dot g x / gg - c * (p / gg)), c.
  by rewrite wE scalerBr scalerBl scalerA addrAC addrA.
- by rewrite dotBr dotZr gz0 gw mulr0 subrr.
- rewrite {1}yE dotDl dotZl !dotBr !dotZr gz0 gw mulr0 subrr mulr0 addr0.
  by rewrite /c divfK ?subrr // dot_eq0.
by rewrite addrACA subrr addr0 addrC -xE.
Qed.

Lemma family_mul_g : M *m g = y.
Proof.
rewrite family_mul divfK // mulVf // scale1r [_ + y]addrC.
by rewrite addrK.
Qed.

(** M(a) y = t y - d g. *)
Lemma family_mul_y : M *m y = t *: y - d *: g.
Proof.
rewrite family_mul -scalerDl (dotC g y) /plane_trace /astar /plane_det mulrC.
by rewrite [a * p / gg]mulrAC.
Qed.

(** M(a) maps the plane into itself. *)
Lemma family_in_plane v : in_plane v -> in_plane (M *m v).
Proof.
move=> [b [c ->]]; exists (- (c * d)), (b + c * t).
rewrite mulmxDr -!scalemxAr family_mul_g family_mul_y scalerBr !scalerA scaleNr scalerDl.
by rewrite [LHS]addrA [RHS]addrC.
Qed.

(** Cayley and Hamilton on the plane of g and y: M(a)^2 v = t M(a) v - d v. *)
Theorem family_cayley_hamilton v : in_plane v -> M *m (M *m v) = t *: (M *m v) - d *: v.
Proof.
move=> [b [c ->]].
rewrite !(mulmxDr, mulmxBr) -!scalemxAr !(family_mul_g, family_mul_y, mulmxBr) -!scalemxAr.
rewrite family_mul_g family_mul_y.
move: t d => t' d'; apply/colP => i; rewrite !mxE; move: (g i 0) (y i 0) => gi yi; ring.
Qed.

(** If l solves l^2 - t l + d = 0, that is l (t - l) = d, then (M(a) - (t - l) I) g = y - (t - l) g, a vector
    of the plane of g and y, is an eigenvector of M(a) for l. *)
Theorem family_eigenvector l :
  l * (t - l) = d -> M *m (y - (t - l) *: g) = l *: (y - (t - l) *: g).
Proof.
move=> e; rewrite mulmxBr -scalemxAr family_mul_g family_mul_y -e.
by move: t => t'; apply/colP => i; rewrite !mxE; move: (g i 0) (y i 0) => gi yi; ring.
Qed.

(** It is not zero when s > 0. *)
Lemma family_eigenvector_neq0 c : 0 < sin2 g y -> y - c *: g != 0.
Proof.
move=> s_gt0; rewrite subr_eq0; apply: contraTneq s_gt0 => yE; suff /eqP -> : sin2 g y == 0 by rewrite ltxx.
by rewrite sin2_eq0 {2}yE dotZl mulfK // -yE.
Qed.

Lemma family_mul_decomposed v z : dot g z = 0 -> dot y z = 0 -> M *m (v + z) = M *m v + a *: z.
Proof. by move=> gz yz; rewrite mulmxDr (family_complement a gz yz). Qed.

Lemma plane_ortho v z : in_plane v -> dot g z = 0 -> dot y z = 0 -> dot v z = 0.
Proof. by move=> [b [c ->]] gz yz; rewrite !dot_linear gz yz !mulr0 addr0. Qed.

(** If y = r g (so s = 0), M(a) = a I + (r - a) g g^T/(g.g): r on the line of g, a on its complement. *)
Theorem family_parallel r : y = r *: g ->
  [/\ M = a%:M + ((r - a) / gg) *: (g *m g^T), M *m g = r *: g & forall x, dot g x = 0 -> M *m x = a *: x].
Proof.
move=> yE; have r_nz : r != 0 by apply: contraTneq p_gt0 => r0; rewrite yE r0 scale0r dot0l ltxx.
split; [|by rewrite family_mul_g|by move=> x gx; apply: family_complement; rewrite ?yE ?dotZl gx ?mulr0].
have yyE : y *m y^T = r ^+ 2 *: (g *m g^T).
  by rewrite yE linearZ /= -scalemxAl -scalemxAr scalerA expr2.
have pE : p = r * gg by rewrite yE dotZl.
rewrite family_planar /planar !scale0r addr0 add0r yyE pE scalerA -scalerDl; congr (_ + _ *: _).
by move: gg gg_nz => q q_nz; field; rewrite q_nz r_nz.
Qed.

End Plane.

(** In dimension 1, M(a) = y/g for every a. *)
Theorem family_dimension_one (R : realFieldType) (g y : 'cV[R]_1) (a : R) :
  0 < dot y g -> family g y a = (y 0 0 / g 0 0)%:M.
Proof.
move=> p_gt0; have := family_mul_g a p_gt0; rewrite [family _ _ _]mx11_scalar mul_scalar_mx => e.
congr (_%:M); have /colP/(_ 0) := e; rewrite mxE => <-; rewrite mulfK //; apply: contraTneq p_gt0 => g0.
by rewrite dotE big_ord1 g0 mulr0 ltxx.
Qed.

(** ** The spectrum of M(a) *)
Section Spectrum.

Variables (R : rcfType) (n : nat) (g y : 'cV[R]_n) (a : R).
Implicit Types (x v z : 'cV[R]_n) (l : R).

Local Notation gg := (dot g g).
Local Notation p := (dot y g).
Local Notation yy := (dot y y).
Local Notation M := (family g y a).
Local Notation t := (plane_trace g y a).
Local Notation d := (plane_det g y a).

(** The discriminant (a - a* )^2 + 4 a a* s^2, and lambda+- = (t +- its square root)/2. *)
Definition discriminant : R := (a - astar g y) ^+ 2 + 4%:R * a * astar g y * sin2 g y.
Definition lambda_max : R := (t + Num.sqrt discriminant) / 2%:R.
Definition lambda_min : R := (t - Num.sqrt discriminant) / 2%:R.

Hypotheses (p_gt0 : 0 < p) (a_gt0 : 0 < a).

Let gg_nz : gg != 0. Proof. by rewrite dot_eq0 (dot_neq0 p_gt0). Qed.
Let yy_nz : yy != 0. Proof. by rewrite dot_eq0 (dot_neq0l p_gt0). Qed.
Let p_nz : p != 0. Proof. by rewrite gt_eqF. Qed.
Let a_nz : a != 0. Proof. by rewrite gt_eqF. Qed.
Let gg_gt0 : 0 < gg. Proof. by rewrite dot_gt0 (dot_neq0 p_gt0). Qed.
Let yy_gt0 : 0 < yy. Proof. by rewrite dot_gt0 (dot_neq0l p_gt0). Qed.

Lemma astar_gt0 : 0 < astar g y. Proof. exact: divr_gt0. Qed.
Lemma plane_trace_gt0 : 0 < t. Proof. exact: addr_gt0 a_gt0 astar_gt0. Qed.
Lemma plane_det_gt0 : 0 < d. Proof. by rewrite /plane_det divr_gt0 // mulr_gt0. Qed.

Lemma discriminant_ge0 : 0 <= discriminant.
Proof.
rewrite addr_ge0 ?sqr_ge0 // mulr_ge0 ?sin2_ge0 // mulr_ge0 ?(ltW astar_gt0) //.
by rewrite mulr_ge0 ?ler0n ?ltW.
Qed.

(** The discriminant is t^2 - 4 d. *)
Lemma discriminantE : discriminant = t ^+ 2 - 4%:R * d.
Proof.
rewrite /discriminant /plane_trace /plane_det /astar /sin2.
move: gg p yy gg_nz p_nz yy_nz => q b r q_nz b_nz r_nz.
by field; rewrite q_nz b_nz r_nz.
Qed.

Lemma sqr_sqrt_discriminant : Num.sqrt discriminant ^+ 2 = t ^+ 2 - 4%:R * d.
Proof. by rewrite sqr_sqrtr ?discriminant_ge0 // discriminantE. Qed.

(** lambda+ + lambda- = t. *)
Theorem lambda_sum : lambda_max + lambda_min = t.
Proof. by rewrite /lambda_max /lambda_min; move: t (Num.sqrt _) => t' r; field. Qed.

(** lambda+ lambda- = d. *)
Theorem lambda_product : lambda_max * lambda_min = d.
Proof.
have := sqr_sqrt_discriminant; rewrite /lambda_max /lambda_min.
move: t (Num.sqrt _) d => t' r d' e.
have -> : (t' + r) / 2%:R * ((t' - r) / 2%:R) = (t' ^+ 2 - r ^+ 2) / 4%:R by field.
by rewrite e; field.
Qed.

Lemma lambda_le : lambda_min <= lambda_max.
Proof.
rewrite ler_pmul2r ?invr_gt0 ?ltr0n // ler_add2l.
by apply: (@le_trans _ _ 0); rewrite ?oppr_le0 sqrtr_ge0.
Qed.

Lemma lambda_max_gt0 : 0 < lambda_max.
Proof. by rewrite divr_gt0 ?ltr0n // ltr_paddr ?sqrtr_ge0 // plane_trace_gt0. Qed.

Lemma lambda_min_gt0 : 0 < lambda_min.
Proof. by rewrite -(pmulr_rgt0 _ lambda_max_gt0) lambda_product plane_det_gt0. Qed.

(** lambda- = d/lambda+, without a subtraction. *)
Corollary lambda_minE : lambda_min = d / lambda_max.
Proof. by rewrite -lambda_product mulrC mulKf // gt_eqF ?lambda_max_gt0. Qed.

(** a lies between lambda- and lambda+. *)
Theorem lambda_between : lambda_min <= a <= lambda_max.
Proof.
have key : (a - lambda_min) * (lambda_max - a) = a * astar g y * sin2 g y.
  have -> : (a - lambda_min) * (lambda_max - a)
            = a * (lambda_max + lambda_min) - a ^+ 2 - lambda_max * lambda_min.
    by move: lambda_min lambda_max => l u; ring.
  rewrite lambda_sum lambda_product /plane_trace /plane_det /astar /sin2.
  move: gg p yy gg_nz p_nz yy_nz => q b r q_nz b_nz r_nz.
  by field; rewrite q_nz b_nz r_nz.
have key_ge0 : 0 <= (a - lambda_min) * (lambda_max - a).
  by rewrite key mulr_ge0 ?sin2_ge0 // mulr_ge0 ?ltW ?astar_gt0.
apply/andP; split; rewrite leNgt; apply/negP => lt.
  have : 0 < lambda_max - a by rewrite subr_gt0 (lt_le_trans lt) // lambda_le.
  by move=> pos; rewrite pmulr_lge0 // subr_ge0 leNgt lt in key_ge0.
have : 0 < a - lambda_min by rewrite subr_gt0 (le_lt_trans lambda_le).
by move=> pos; rewrite pmulr_rge0 // subr_ge0 leNgt lt in key_ge0.
Qed.

(** (M(a) - lambda- I) g = y - lambda- g is an eigenvector for lambda+, and y - lambda+ g for lambda-; both
    lie in the plane of g and y and are nonzero when s > 0. *)
Theorem lambda_eigenvectors :
  [/\ M *m (y - lambda_min *: g) = lambda_max *: (y - lambda_min *: g),
      M *m (y - lambda_max *: g) = lambda_min *: (y - lambda_max *: g)
    & 0 < sin2 g y -> y - lambda_min *: g != 0 /\ y - lambda_max *: g != 0].
Proof.
have maxE : t - lambda_min = lambda_max by rewrite -lambda_sum addrK.
have minE : t - lambda_max = lambda_min by rewrite -lambda_sum addrC addKr.
split; last by move=> s_gt0; split; apply: family_eigenvector_neq0.
  by rewrite -minE; apply: family_eigenvector; rewrite // minE lambda_product.
by rewrite -maxE; apply: family_eigenvector; rewrite // maxE mulrC lambda_product.
Qed.

(** All Rayleigh quotients of M(a) lie in [lambda-, lambda+]. *)
Theorem family_spectrum_within : spectrum_within M lambda_min lambda_max.
Proof.
move=> x; have [v [z [vP gz yz xE]]] := plane_decomposition p_gt0 x.
have vz := plane_ortho vP gz yz; have Mvz := plane_ortho (family_in_plane a p_gt0 vP) gz yz.
have [lo up] := andP lambda_between.
have quad : dot x (M *m x) = dot v (M *m v) + a * dot z z.
  by rewrite xE family_mul_decomposed // !dot_linear vz (dotC z (M *m v)) Mvz mulr0 addr0 add0r.
have xx : dot x x = dot v v + dot z z.
  by rewrite xE !dot_linear vz (dotC z v) vz addr0 add0r.
have sM : symmetric M by have [[]] := family_metric a_gt0 p_gt0.
have CH := family_cayley_hamilton a p_gt0 vP.
have MvMv : dot (M *m v) (M *m v) = t * dot v (M *m v) - d * dot v v.
  by rewrite -dot_sym // CH !dot_linear.
have lo_ge0 := dot_ge0 (M *m v - lambda_min *: v); have up_ge0 := dot_ge0 (lambda_max *: v - M *m v).
have vMv : lambda_min * dot v v <= dot v (M *m v) <= lambda_max * dot v v.
  rewrite -lambda_sum -lambda_product in MvMv.
  rewrite !dot_linear (dotC (M *m v) v) MvMv in lo_ge0; rewrite !dot_linear (dotC (M *m v) v) MvMv in up_ge0.
  have gap_ge0 : 0 <= lambda_max - lambda_min by rewrite subr_ge0 lambda_le.
  have lo2 : 0 <= (lambda_max - lambda_min) * (dot v (M *m v) - lambda_min * dot v v).
    by move: lo_ge0; move: (dot v v) (dot v _) lambda_min lambda_max => vv q l u; congr (0 <= _); ring.
  have up2 : 0 <= (lambda_max - lambda_min) * (lambda_max * dot v v - dot v (M *m v)).
    by move: up_ge0; move: (dot v v) (dot v _) lambda_min lambda_max => vv q l u; congr (0 <= _); ring.
  have [eq_l|ne_l] := eqVneq lambda_max lambda_min; last first.
    have gap_gt0 : 0 < lambda_max - lambda_min by rewrite lt_def subr_eq0 ne_l.
    by rewrite pmulr_rge0 // subr_ge0 in lo2; rewrite pmulr_rge0 // subr_ge0 in up2; rewrite lo2.
  (* The two eigenvalues agree: then M(a) v = lambda v. *)
  suff Mv : M *m v = lambda_max *: v by rewrite -eq_l Mv dotZr !lexx.
  apply/eqP; rewrite -subr_eq0 -dot_eq0 !dot_linear (dotC (M *m v) v) MvMv eq_l; apply/eqP.
  by move: (dot v v) (dot v _) lambda_min => vv q l; ring.
have [lo2 up2] := andP vMv; rewrite quad xx !mulrDr !ler_add ?ler_wpmul2r ?dot_ge0 //.
Qed.

(** At s = 0 the eigenvalues on the plane are a and a* = p/(g.g). *)
Theorem lambda_parallel : sin2 g y = 0 ->
  [/\ astar g y = p / gg, lambda_max = Num.max a (p / gg) & lambda_min = Num.min a (p / gg)].
Proof.
move=> s0; have yE : y = (p / gg) *: g by apply/eqP; rewrite -(sin2_eq0 p_gt0) s0.
have [r rE] : exists r, r = p / gg by exists (p / gg).
rewrite -rE in yE *.
have aE : astar g y = r.
  by rewrite /astar; have -> : yy = r * p; [rewrite {1}yE dotZl dotC | rewrite mulfK].
rewrite /lambda_max /lambda_min /plane_trace /discriminant s0 mulr0 addr0 sqrtr_sqr aE.
by case: (lerP a r) => _; split=> //; field.
Qed.

End Spectrum.

(** ** The characteristic polynomial of M(a) *)
Section CharacteristicPolynomial.

Local Open Scope ring_scope.

(** Sylvester, scaled: k^m det(k I - U V) = k^n det(k I - V U), over any commutative ring. *)
Lemma det_sylvester_scaled (S : comRingType) (n m : nat) (k : S) (U : 'M[S]_(n, m)) (V : 'M[S]_(m, n)) :
  k ^+ m * \det (k%:M - U *m V) = k ^+ n * \det (k%:M - V *m U).
Proof.
pose X := block_mx k%:M (k *: U) V k%:M; pose T := block_mx 1%:M (- U) 0 1%:M : 'M[S]_(n + m).
have left_one : \det (T *m X) = k ^+ m * \det (k%:M - U *m V).
  rewrite mulmx_block !mul1mx !mul0mx mul_mx_scalar scalerN subrr mulNmx !add0r det_lblock det_scalar.
  by rewrite mulrC.
have right_one : \det (X *m T) = k ^+ n * \det (k%:M - V *m U).
  rewrite mulmx_block !mulmx1 !mulmx0 !addr0 mul_scalar_mx scalerN addNr det_lblock det_scalar.
  by rewrite mulmxN addrC.
by rewrite -left_one -right_one !det_mulmx mulrC.
Qed.

(** The determinant of a 2 by 2 matrix. *)
Lemma det_two (S : comRingType) (b c e f : S) :
  \det (block_mx b%:M c%:M e%:M f%:M : 'M[S]_(1 + 1)) = b * f - c * e.
Proof.
have e1 : lift ord0 0 = rshift 1 (0 : 'I_1) by apply: val_inj.
have e0 : lift (rshift 1 (0 : 'I_1)) 0 = lshift 1 (0 : 'I_1) by apply: val_inj.
have z0 : (0 : 'I_(1 + 1)) = lshift 1 (0 : 'I_1) by apply: val_inj.
have det2 (A : 'M[S]_(1 + 1)) : \det A = A 0 0 * A (lift ord0 0) (lift ord0 0)
                                        - A 0 (lift ord0 0) * A (lift ord0 0) 0.
  rewrite (expand_det_row _ 0) big_ord_recl big_ord1 /cofactor !det_mx11.
  by rewrite !mxE /= e1 e0 expr0 expr1 mul1r mulN1r mulrN -[ord0]/(0 : 'I_(1 + 1)) z0.
by rewrite det2 e1 z0 block_mxEul block_mxEur block_mxEdl block_mxEdr !mxE eqxx /= !mulr1n.
Qed.

Variables (R : realFieldType) (n : nat) (g y : 'cV[R]_n) (a : R).

(** The characteristic polynomial: char_poly(M(a)) (X - a)^2 = (X - a)^n (X^2 - t X + d). So, when n >= 2, the
    eigenvalues are the two roots of X^2 - t X + d and n - 2 times a. *)
Theorem family_char_poly : 0 < dot y g ->
  char_poly (family g y a) * ('X - a%:P) ^+ 2
  = ('X - a%:P) ^+ n * ('X^2 - (plane_trace g y a)%:P * 'X + (plane_det g y a)%:P).
Proof.
move=> p_gt0; have gg_nz : dot g g != 0 by rewrite dot_eq0 (dot_neq0 p_gt0).
have p_nz : dot y g != 0 by rewrite gt_eqF.
pose U := row_mx g y; pose V := col_mx (- (a / dot g g) *: g^T) ((dot y g)^-1 *: y^T).
have ME : family g y a = a%:M + U *m V.
  by rewrite family_planar /planar !scale0r addr0 add0r mul_row_col -!scalemxAr.
have -> : char_poly (family g y a) = \det (('X - a%:P)%:M - map_mx polyC U *m map_mx polyC V).
  rewrite /char_poly /char_poly_mx ME map_mxD map_mxM map_scalar_mx opprD addrA.
  by rewrite -raddfN -raddfD.
rewrite mulrC (det_sylvester_scaled _ (map_mx polyC U) (map_mx polyC V)); congr (_ * _).
have dot_mx (u v : 'cV[R]_n) : u^T *m v = (dot u v)%:M by rewrite [LHS]mx11_scalar.
have VU : V *m U = block_mx (- a)%:M (- (a * (dot y g / dot g g)))%:M 1%:M (astar g y)%:M.
  rewrite /V /U mul_col_row -!scalemxAl !dot_mx !scale_scalar_mx.
  rewrite (dotC g y) !mulNr divfK // mulVf //.
  by rewrite /astar [_^-1 * _]mulrC -mulrA [_^-1 * _]mulrC.
rewrite -map_mxM VU.
rewrite map_block_mx !map_scalar_mx scalar_mx_block opp_block_mx add_block_mx.
rewrite !sub0r -!(raddfN (scalar_mx_additive _ _)) -!(raddfD (scalar_mx_additive _ _)) /= det_two.
rewrite /plane_trace /plane_det -[a * _ / _]mulrA; move: (_ / _) (astar g y) => q s.
rewrite !(raddfN, raddfD) /= polyC1.
by move: a%:P (a * q)%:P s%:P => a' q' s'; ring.
Qed.

End CharacteristicPolynomial.

(** In dimension n >= 2 the eigenvalues of M(a), with multiplicity, are n - 2 times a, lambda+ and lambda-. *)
Corollary family_char_poly_factors (R : rcfType) (n : nat) (g y : 'cV[R]_n.+2) (a : R) :
    0 < a -> 0 < dot y g ->
  char_poly (family g y a)
  = ('X - a%:P) ^+ n * (('X - (lambda_max g y a)%:P) * ('X - (lambda_min g y a)%:P)).
Proof.
have expand (S : comRingType) (X u l : S) : X ^+ 2 - (u + l) * X + u * l = (X - u) * (X - l) by ring.
move=> a_gt0 p_gt0; apply: (@mulIf _ (('X - a%:P) ^+ 2)); first by rewrite expf_neq0 ?polyXsubC_eq0.
rewrite family_char_poly // -(lambda_sum g y a) -(lambda_product p_gt0 a_gt0).
have -> : ('X - a%:P) ^+ n.+2 = ('X - a%:P) ^+ n * ('X - a%:P) ^+ 2 by rewrite -addn2 exprD.
rewrite [RHS]mulrAC; congr (_ * _).
move: (lambda_max g y a) (lambda_min g y a) => u l; rewrite polyCD polyCM.
exact: expand.
Qed.

(** The condition number. Write w = sqrt(a/a* ) = e^h, so that cosh h = (w + 1/w)/2 and sinh h = (w - 1/w)/2;
    then lambda+/lambda- = ((cosh h + sqrt(sinh^2 h + s^2))/c)^2, where c = p/sqrt(g.g y.y) is the cosine.
    This is the condition number of M(a) when n >= 2; for n = 1, M(a) = y/g and a is not in its spectrum. *)
Theorem family_condition_number (R : rcfType) (n : nat) (g y : 'cV[R]_n) (a : R) :
    0 < a -> 0 < dot y g ->
  let w := Num.sqrt (a / astar g y) in
  let cosh := (w + w^-1) / 2%:R in
  let sinh := (w - w^-1) / 2%:R in
  let c := dot y g / Num.sqrt (dot g g * dot y y) in
  lambda_max g y a / lambda_min g y a = ((cosh + Num.sqrt (sinh ^+ 2 + sin2 g y)) / c) ^+ 2.
Proof.
move=> a_gt0 p_gt0 w cosh sinh c; have as_gt0 := astar_gt0 p_gt0.
have gg_gt0 : 0 < dot g g by rewrite dot_gt0 (dot_neq0 p_gt0).
have yy_gt0 : 0 < dot y y by rewrite dot_gt0 (dot_neq0l p_gt0).
have w_gt0 : 0 < w by rewrite sqrtr_gt0 divr_gt0.
have w2 : w ^+ 2 = a / astar g y by rewrite sqr_sqrtr // ltW // divr_gt0.
have c2 : c ^+ 2 = dot y g ^+ 2 / (dot g g * dot y y).
  by rewrite /c exprMn exprVn sqr_sqrtr // ltW // mulr_gt0.
have [coshE sinhE] : cosh = (w + w^-1) / 2%:R /\ sinh = (w - w^-1) / 2%:R by [].
have c_gt0 : 0 < c by rewrite divr_gt0 // sqrtr_gt0 mulr_gt0.
clearbody cosh sinh; clearbody w c.
have [m mE] : exists m, m = astar g y * w by exists (astar g y * w).
have m_gt0 : 0 < m by rewrite mE mulr_gt0.
have aE : a = astar g y * w ^+ 2 by rewrite w2 mulrC divfK // gt_eqF.
have discE : discriminant g y a = (2%:R * m) ^+ 2 * (sinh ^+ 2 + sin2 g y).
  rewrite /discriminant {1 2}aE mE sinhE; move: w_gt0.
  move: (astar g y) (sin2 g y) (w) => b s v /lt0r_neq0 v_nz.
  by field.
have maxE : lambda_max g y a = m * (cosh + Num.sqrt (sinh ^+ 2 + sin2 g y)).
  rewrite /lambda_max discE sqrtrM ?sqr_ge0 // sqrtr_sqr ger0_norm ?mulr_ge0 ?ler0n ?ltW //.
  rewrite /plane_trace {1}aE mE coshE; move: w_gt0 (Num.sqrt _) => v_gt0 r; move: v_gt0.
  move: (astar g y) (w) => b v /lt0r_neq0 v_nz.
  by field.
have dE : plane_det g y a = m ^+ 2 * c ^+ 2.
  rewrite c2 /plane_det {1}aE mE /astar; move: gg_gt0 p_gt0 yy_gt0.
  move: (dot g g) (dot y g) (dot y y) => q b r.
  by move=> /lt0r_neq0 q_nz /lt0r_neq0 b_nz /lt0r_neq0 r_nz; field; rewrite q_nz b_nz r_nz.
have max_gt0 : 0 < lambda_max g y a by apply: lambda_max_gt0.
rewrite (lambda_minE p_gt0 a_gt0) dE exprMn exprVn.
have -> : cosh + Num.sqrt (sinh ^+ 2 + sin2 g y) = lambda_max g y a / m.
  by rewrite maxE mulrC mulKf // gt_eqF.
move: max_gt0 m_gt0 c_gt0; move: (lambda_max g y a) (m) (c) => l m' c'.
move=> /lt0r_neq0 l_nz /lt0r_neq0 m_nz /lt0r_neq0 c_nz.
by field; rewrite l_nz m_nz c_nz.
Qed.

(** ** The factor of M(a) *)
Section Factor.

Variables (R : rcfType) (n : nat) (g y : 'cV[R]_n) (a : R).
Implicit Types (x v z : 'cV[R]_n).

Local Notation gg := (dot g g).
Local Notation p := (dot y g).
Local Notation yy := (dot y y).
Local Notation M := (family g y a).
Local Notation "a*" := (astar g y).
Local Notation t := (plane_trace g y a).
Local Notation d := (plane_det g y a).

(** delta = sqrt d = sqrt(a p/(g.g)) and tau = sqrt(t + 2 delta). *)
Definition plane_delta : R := Num.sqrt d.
Definition plane_tau : R := Num.sqrt (t + 2%:R * plane_delta).
Local Notation delta := plane_delta.
Local Notation tau := plane_tau.
Local Notation sa := (Num.sqrt a).

(** The factor J = sqrt a I + (y - delta g) g^T/sqrt(p g.g) and J^-1 = (I - (y - delta g) g^T/p)/sqrt a. *)
Definition family_factor : 'M[R]_n := sa%:M + (Num.sqrt (p * gg))^-1 *: ((y - delta *: g) *m g^T).
Definition family_factor_inverse : 'M[R]_n := sa^-1 *: (1%:M - p^-1 *: ((y - delta *: g) *m g^T)).

Hypotheses (p_gt0 : 0 < p) (a_gt0 : 0 < a).

Let gg_nz : gg != 0. Proof. by rewrite dot_eq0 (dot_neq0 p_gt0). Qed.
Let yy_nz : yy != 0. Proof. by rewrite dot_eq0 (dot_neq0l p_gt0). Qed.
Let p_nz : p != 0. Proof. by rewrite gt_eqF. Qed.
Let a_nz : a != 0. Proof. by rewrite gt_eqF. Qed.
Let gg_gt0 : 0 < gg. Proof. by rewrite dot_gt0 (dot_neq0 p_gt0). Qed.
Let yy_gt0 : 0 < yy. Proof. by rewrite dot_gt0 (dot_neq0l p_gt0). Qed.
Let sa_gt0 : 0 < sa. Proof. by rewrite sqrtr_gt0. Qed.
Let sa2 : sa ^+ 2 = a. Proof. by rewrite sqr_sqrtr ?ltW. Qed.
Let delta_gt0 : 0 < delta. Proof. by rewrite sqrtr_gt0 plane_det_gt0. Qed.
Let delta2 : delta ^+ 2 = a * p / gg. Proof. by rewrite sqr_sqrtr // ltW ?plane_det_gt0. Qed.
Let tau_arg : 0 < t + 2%:R * delta.
Proof. by rewrite addr_gt0 ?plane_trace_gt0 // mulr_gt0 ?ltr0n. Qed.
Let tau_gt0 : 0 < tau. Proof. by rewrite sqrtr_gt0. Qed.
Let tau2 : tau ^+ 2 = a + yy / p + 2%:R * delta. Proof. by rewrite sqr_sqrtr // ltW. Qed.

Let e := Num.sqrt (p * gg).
Let e_gt0 : 0 < e. Proof. by rewrite sqrtr_gt0 mulr_gt0. Qed.
Let e2 : e ^+ 2 = p * gg. Proof. by rewrite sqr_sqrtr // ltW // mulr_gt0. Qed.
(* delta (g.g) = sqrt a sqrt(p g.g) *)
Let delta_e : delta = sa * e / gg.
Proof.
apply/eqP; rewrite -(eqr_expn2 (n := 2)) ?divr_ge0 ?mulr_ge0 ?ltW //.
rewrite delta2 !exprMn exprVn sa2 e2; apply/eqP.
by move: gg gg_nz => q q_nz; field.
Qed.

Let factor_planar : family_factor = planar g y sa (- (delta / e)) 0 e^-1 0.
Proof.
rewrite /family_factor -/e /planar !scale0r !addr0 mulmxBl scalerBr -scalemxAl scalerA scaleNr.
by rewrite [e^-1 * _]mulrC [in RHS]addrC [in RHS]addrC [- _ + _]addrC.
Qed.

Let factor_inverse_planar : family_factor_inverse = planar g y sa^-1 (delta / (p * sa)) 0 (- (p * sa)^-1) 0.
Proof.
rewrite /family_factor_inverse /planar !scale0r !addr0 mulmxBl !scalerBr opprB -scalemxAl !scalerA scalemx1.
rewrite scaleNr; congr (_ + (_ *: _ - _ *: _)); rewrite invfM [sa^-1 / p]mulrC //.
exact: mulrC.
Qed.

(** The factor: M(a) = J J^T. *)
Theorem family_factorP : M = family_factor *m family_factor^T.
Proof.
rewrite factor_planar planar_tr planar_mul family_planar.
move: gg_nz sa_gt0 e_gt0 sa2 e2 delta_e; rewrite /e; move: (Num.sqrt (p * gg)) sa delta => e' s dl.
move: gg p yy a => q b r A q_nz /lt0r_neq0 s_nz /lt0r_neq0 e_nz <- eb ->.
have {eb} -> : b = e' ^+ 2 / q by rewrite eb mulfK.
by congr planar; field; rewrite ?q_nz ?e_nz.
Qed.

(** The inverse of the factor: J J^-1 = I. *)
Theorem family_factor_mul_inverse : family_factor *m family_factor_inverse = 1%:M.
Proof.
rewrite factor_planar factor_inverse_planar planar_mul.
have -> : 1%:M = planar g y 1 0 0 0 0 by rewrite /planar !scale0r !addr0.
move: gg_nz sa_gt0 e_gt0 sa2 e2 delta_e; rewrite /e; move: (Num.sqrt (p * gg)) sa delta => e' s dl.
move: gg p yy a => q b r A q_nz /lt0r_neq0 s_nz /lt0r_neq0 e_nz _ eb ->.
have {eb} -> : b = e' ^+ 2 / q by rewrite eb mulfK.
by congr planar; field; rewrite ?q_nz ?e_nz ?s_nz.
Qed.

End Factor.

(** ** The square root of M(a) and its inverse *)
Section SquareRoots.

Variables (R : rcfType) (n : nat) (g y : 'cV[R]_n) (a : R).
Implicit Types (x v z : 'cV[R]_n).

Local Notation gg := (dot g g).
Local Notation p := (dot y g).
Local Notation yy := (dot y y).
Local Notation M := (family g y a).
Local Notation "a*" := (astar g y).
Local Notation t := (plane_trace g y a).
Local Notation d := (plane_det g y a).

Local Notation delta := (plane_delta g y a).
Local Notation tau := (plane_tau g y a).
Local Notation sa := (Num.sqrt a).

(** W = y y^T/p - a g g^T/(g.g), and K = s^2 times the projector on the plane of g and y. *)
Definition root_w : 'M[R]_n := p^-1 *: (y *m y^T) - (a / gg) *: (g *m g^T).
Definition root_k : 'M[R]_n :=
  gg^-1 *: (g *m g^T) + yy^-1 *: (y *m y^T) - (p / (gg * yy)) *: (g *m y^T + y *m g^T).

(** M(a)^(1/2) = sqrt a I + W/tau - K a a*/(tau (a + delta + sqrt a tau)). *)
Definition family_root : 'M[R]_n :=
  sa%:M + tau^-1 *: root_w - (a * a* / (tau * (a + delta + sa * tau))) *: root_k.

(** M(a)^(-1/2) = I/sqrt a - W/(tau delta)
                  + K a a* (a* + 2 delta)/(tau sqrt a delta (sqrt a (a* + delta) + tau delta)). *)
Definition family_inverse_root : 'M[R]_n :=
  sa^-1%:M - (tau * delta)^-1 *: root_w
  + (a * a* * (a* + 2%:R * delta) / (tau * sa * delta * (sa * (a* + delta) + tau * delta))) *: root_k.

Hypotheses (p_gt0 : 0 < p) (a_gt0 : 0 < a).

Let gg_nz : gg != 0. Proof. by rewrite dot_eq0 (dot_neq0 p_gt0). Qed.
Let yy_nz : yy != 0. Proof. by rewrite dot_eq0 (dot_neq0l p_gt0). Qed.
Let p_nz : p != 0. Proof. by rewrite gt_eqF. Qed.
Let a_nz : a != 0. Proof. by rewrite gt_eqF. Qed.
Let gg_gt0 : 0 < gg. Proof. by rewrite dot_gt0 (dot_neq0 p_gt0). Qed.
Let yy_gt0 : 0 < yy. Proof. by rewrite dot_gt0 (dot_neq0l p_gt0). Qed.
Let sa_gt0 : 0 < sa. Proof. by rewrite sqrtr_gt0. Qed.
Let sa2 : sa ^+ 2 = a. Proof. by rewrite sqr_sqrtr ?ltW. Qed.
Let delta_gt0 : 0 < delta. Proof. by rewrite sqrtr_gt0 plane_det_gt0. Qed.
Let delta2 : delta ^+ 2 = a * p / gg. Proof. by rewrite sqr_sqrtr // ltW ?plane_det_gt0. Qed.
Let tau_arg : 0 < t + 2%:R * delta.
Proof. by rewrite addr_gt0 ?plane_trace_gt0 // mulr_gt0 ?ltr0n. Qed.
Let tau_gt0 : 0 < tau. Proof. by rewrite sqrtr_gt0. Qed.
Let tau2 : tau ^+ 2 = a + yy / p + 2%:R * delta. Proof. by rewrite sqr_sqrtr // ltW. Qed.

Let pre_gt0 : 0 < a + delta + sa * tau.
Proof. by rewrite !addr_gt0 // mulr_gt0. Qed.
Let pre2_gt0 : 0 < sa * (a* + delta) + tau * delta.
Proof. by rewrite addr_gt0 ?mulr_gt0 // addr_gt0 ?astar_gt0. Qed.

Let yyE : yy = p * a*.
Proof. by rewrite /astar mulrC divfK. Qed.

(* W = M(a) - a I. *)
Let root_w_mul x : root_w *m x = M *m x - a *: x.
Proof.
rewrite family_mul /root_w mulmxBl -!scalemxAl !outer_mul !scalerA.
by rewrite [RHS]addrAC [a *: x + _]addrC addrK.
Qed.

Let root_k_mul x :
  root_k *m x = ((dot g x - p / yy * dot y x) / gg) *: g + ((dot y x - p / gg * dot g x) / yy) *: y.
Proof.
rewrite /root_k mulmxBl !mulmxDl -!scalemxAl mulmxDl !outer_mul.
move: (dot g x) (dot y x) gg_nz yy_nz => gx yx; move: gg p yy => q b r q_nz r_nz.
by apply/colP => i; rewrite !mxE; move: (g i 0) (y i 0) => gi yi; field; rewrite q_nz r_nz.
Qed.

(** K is s^2 times the projector on the plane of g and y. *)
Lemma root_k_plane v : in_plane g y v -> root_k *m v = sin2 g y *: v.
Proof.
move=> [b [c ->]]; rewrite mulmxDr -!scalemxAr !root_k_mul (dotC g y) /sin2.
move: gg_nz yy_nz; move: gg p yy => q b' r q_nz r_nz.
apply/colP => i; rewrite !mxE; move: (g i 0) (y i 0) => gi yi.
by field; rewrite q_nz r_nz.
Qed.

Let plane_detE : d = delta ^+ 2. Proof. by rewrite delta2. Qed.
Let astarE : a* = tau ^+ 2 - sa ^+ 2 - 2%:R * delta.
Proof. by rewrite tau2 sa2 -/(astar g y) addrAC addrK addrAC addrN add0r. Qed.

Let sinE : a * a* * sin2 g y = sa ^+ 2 * a* - delta ^+ 2.
Proof.
rewrite delta2 sa2 /astar /sin2; move: gg p yy gg_nz p_nz yy_nz => q b r q_nz b_nz r_nz.
by field; rewrite q_nz b_nz r_nz.
Qed.

(* The factor of K times s^2, in M^(1/2) and in M^(-1/2). *)
Let root_scalar :
  a * a* / (tau * (a + delta + sa * tau)) * sin2 g y = (sa * tau - a - delta) / tau.
Proof.
rewrite mulrAC sinE astarE; move: (lt0r_neq0 pre_gt0) (lt0r_neq0 tau_gt0) sa2.
move: sa delta tau => s dl ta; move: a => A pre ta_nz sA; rewrite -{}sA in pre *.
by field; rewrite pre ta_nz.
Qed.

Let inverse_root_scalar :
  a * a* * (a* + 2%:R * delta) / (tau * sa * delta * (sa * (a* + delta) + tau * delta)) * sin2 g y
  = (sa * (a* + delta) - tau * delta) / (tau * delta * sa).
Proof.
rewrite mulrAC [a * a* * _]mulrC -[_ * (a * a* ) * _]mulrA sinE.
move: (lt0r_neq0 pre2_gt0) (lt0r_neq0 tau_gt0) (lt0r_neq0 sa_gt0) (lt0r_neq0 delta_gt0); rewrite astarE.
move: sa delta tau => s dl ta pre ta_nz s_nz dl_nz.
by field; rewrite pre ta_nz s_nz dl_nz.
Qed.

(** On the plane of g and y the root is (M(a) + delta I)/tau, its inverse (tau I - root)/delta. *)
Lemma family_root_mul_plane v : in_plane g y v -> family_root *m v = tau^-1 *: (M *m v + delta *: v).
Proof.
move=> vP; rewrite /family_root mulmxBl mulmxDl mul_scalar_mx -!scalemxAl root_w_mul.
rewrite (root_k_plane vP) scalerA root_scalar; move: (M *m v) (lt0r_neq0 tau_gt0).
move: sa delta tau => s dl ta; move: a => A Mv ta_nz.
apply/colP => i; rewrite !mxE; move: (Mv i 0) (v i 0) => Mvi vi.
by field; rewrite ta_nz.
Qed.

Lemma family_inverse_root_mul_plane v :
  in_plane g y v -> family_inverse_root *m v = delta^-1 *: (tau *: v - family_root *m v).
Proof.
move=> vP; rewrite (family_root_mul_plane vP) /family_inverse_root mulmxDl mulmxBl mul_scalar_mx -!scalemxAl.
rewrite root_w_mul (root_k_plane vP) scalerA inverse_root_scalar astarE.
move: (M *m v) (lt0r_neq0 tau_gt0) (lt0r_neq0 sa_gt0) (lt0r_neq0 delta_gt0) sa2.
move: sa delta tau => s dl ta; move: a => A Mv ta_nz s_nz dl_nz <-.
apply/colP => i; rewrite !mxE; move: (Mv i 0) (v i 0) => Mvi vi.
by field; rewrite ta_nz s_nz dl_nz.
Qed.

(** On the complement of the plane they are sqrt a I and I/sqrt a. *)
Lemma family_root_complement z : dot g z = 0 -> dot y z = 0 -> family_root *m z = sa *: z.
Proof.
move=> gz yz; rewrite /family_root mulmxBl mulmxDl mul_scalar_mx -!scalemxAl root_w_mul root_k_mul gz yz.
by rewrite (family_complement a gz yz) !(mulr0, subrr, scale0r, mul0r, addr0, scaler0, subr0).
Qed.

Lemma family_inverse_root_complement z : dot g z = 0 -> dot y z = 0 -> family_inverse_root *m z = sa^-1 *: z.
Proof.
move=> gz yz; rewrite /family_inverse_root mulmxDl mulmxBl mul_scalar_mx -!scalemxAl root_w_mul root_k_mul.
by rewrite gz yz (family_complement a gz yz) !(mulr0, subrr, scale0r, mul0r, addr0, scaler0, subr0).
Qed.

Lemma family_root_in_plane v : in_plane g y v -> in_plane g y (family_root *m v).
Proof.
move=> vP; rewrite family_root_mul_plane //; have [b [c Mv]] := family_in_plane a p_gt0 vP.
case: vP => b' [c' ->] in Mv *; rewrite Mv; exists (tau^-1 * (b + delta * b')), (tau^-1 * (c + delta * c')).
by apply/colP => i; rewrite !mxE; move: (g i 0) (y i 0) => ? ?; ring.
Qed.

Let root_w_sym : symmetric root_w.
Proof. by rewrite /symmetric /root_w linearB /= !linearZ /= !trmx_outer. Qed.

Let root_k_sym : symmetric root_k.
Proof.
rewrite /symmetric /root_k linearB /= linearD /= !linearZ /= linearD /= !trmx_outer.
by rewrite [y *m g^T + _]addrC.
Qed.

Lemma family_root_sym : symmetric family_root.
Proof.
by rewrite /symmetric /family_root linearB /= linearD /= !linearZ /= tr_scalar_mx root_w_sym root_k_sym.
Qed.

(** The square of M(a)^(1/2) is M(a). *)
Theorem family_root_sqr : family_root *m family_root = M.
Proof.
have plane v : in_plane g y v -> family_root *m (family_root *m v) = M *m v.
  move=> vP; rewrite (family_root_mul_plane vP) -scalemxAr mulmxDr -scalemxAr.
  rewrite (family_root_mul_plane vP) (family_root_mul_plane (family_in_plane a p_gt0 vP)).
  rewrite (family_cayley_hamilton a p_gt0 vP) plane_detE.
  have tE : t = tau ^+ 2 - 2%:R * delta by rewrite tau2 addrK.
  rewrite tE; move: (M *m v) (lt0r_neq0 tau_gt0); move: tau delta => ta dl Mv ta_nz.
  apply/colP => i; rewrite !mxE; move: (Mv i 0) (v i 0) => Mvi vi.
  by field; rewrite ta_nz.
apply: matrix_ext => x; have [v [z [vP gz yz ->]]] := plane_decomposition p_gt0 x.
rewrite family_mul_decomposed // mulmxDr -!mulmxA plane //; congr (_ + _).
by rewrite !(family_root_complement gz yz, =^~ scalemxAr) scalerA -expr2 sa2.
Qed.

(** M(a)^(1/2) is symmetric positive definite. *)
Theorem family_root_spd : spd family_root.
Proof.
have [[sM posM] _] := family_metric a_gt0 p_gt0.
split=> [|x x_nz]; first exact: family_root_sym.
have [v [z [vP gz yz xE]]] := plane_decomposition p_gt0 x.
have vz := plane_ortho vP gz yz; have Svz := plane_ortho (family_root_in_plane vP) gz yz.
have -> : dot x (family_root *m x) = tau^-1 * (dot v (M *m v) + delta * dot v v) + sa * dot z z.
  rewrite xE mulmxDr (family_root_complement gz yz) !dot_linear vz (dotC z (family_root *m v)) Svz.
  by rewrite family_root_mul_plane // !dot_linear mulr0 addr0 add0r.
have tau_V : 0 < tau^-1 by rewrite invr_gt0.
have [v0|v_nz] := eqVneq v 0.
  rewrite v0 mulmx0 !dot0l mulr0 addr0 mulr0 add0r mulr_gt0 // dot_gt0.
  by apply: contraNneq x_nz => z0; rewrite xE v0 z0 addr0.
rewrite ltr_paddr ?mulr_ge0 ?dot_ge0 ?(ltW sa_gt0) // mulr_gt0 // addr_gt0 ?posM //.
by rewrite mulr_gt0 // dot_gt0.
Qed.

(** M(a)^(1/2) M(a)^(-1/2) = I. *)
Theorem family_root_mul_inverse_root : family_root *m family_inverse_root = 1%:M.
Proof.
have plane v : in_plane g y v -> family_root *m (family_inverse_root *m v) = v.
  move=> vP; rewrite (family_inverse_root_mul_plane vP) -scalemxAr mulmxBr -scalemxAr mulmxA family_root_sqr.
  rewrite (family_root_mul_plane vP) scalerA divff ?gt_eqF // scale1r addrC addKr.
  by rewrite scalerA mulVf ?gt_eqF // scale1r.
apply: matrix_ext => x; have [v [z [vP gz yz ->]]] := plane_decomposition p_gt0 x.
rewrite mul1mx mulmxDr -!mulmxA plane //; congr (_ + _).
rewrite family_inverse_root_complement // -scalemxAr (family_root_complement gz yz) scalerA.
by rewrite mulVf ?gt_eqF // scale1r.
Qed.

(** M(a)^(-1/2) is symmetric positive definite, and its square is the inverse of M(a). *)
Theorem family_inverse_root_spd : spd family_inverse_root.
Proof. exact: spd_inverse family_root_spd family_root_mul_inverse_root. Qed.

Theorem family_inverse_root_sqr : family_inverse_root *m family_inverse_root = family_inverse g y a.
Proof.
rewrite -(family_invmx p_gt0 a_gt0); apply/esym/invmx_eq; rewrite -family_root_sqr.
rewrite mulmxA -(mulmxA family_root).
rewrite family_root_mul_inverse_root mulmx1.
exact: family_root_mul_inverse_root.
Qed.

End SquareRoots.

(** ** The triangular factorisation M(a) = L diag(d) L^T *)
Section Triangular.

Variables (R : realFieldType) (n : nat) (g y : 'cV[R]_n) (a : R).
Implicit Types (i j k : 'I_n) (m : nat).

Local Notation gg := (dot g g).
Local Notation p := (dot y g).

(** Indices start at 0: Y_m and G_m are the sums of y_i^2 and g_i y_i over i < m, T_m that of g_i^2 over
    i >= m. *)
Definition prefix_y m : R := \sum_(i < n | (i < m)%N) y i 0 ^+ 2.
Definition prefix_gy m : R := \sum_(i < n | (i < m)%N) g i 0 * y i 0.
Definition tail_g m : R := \sum_(i < n | (m <= i)%N) g i 0 ^+ 2.

(** q_m = (1 + Y_m/(a p)) T_m/(g.g) + G_m^2/(a p g.g); the pivot d_j = a q_(j+1)/q_j. *)
Definition ldl_q m : R :=
  (1 + prefix_y m / (a * p)) * tail_g m / gg + prefix_gy m ^+ 2 / (a * p * gg).
Definition ldl_pivot j : R := a * ldl_q j.+1 / ldl_q j.

(** L is unit lower triangular; below the diagonal
    L_ij = [y_i (T_j y_j + G_j g_j) + g_i (G_j y_j - (a p + Y_j) g_j)]/(a p g.g q_(j+1)). *)
Definition ldl_factor : 'M[R]_n :=
  \matrix_(i, j)
    if (j < i)%N then
      (y i 0 * (tail_g j * y j 0 + prefix_gy j * g j 0)
       + g i 0 * (prefix_gy j * y j 0 - (a * p + prefix_y j) * g j 0)) / (a * p * gg * ldl_q j.+1)
    else (i == j)%:R.

Hypotheses (p_gt0 : 0 < p) (a_gt0 : 0 < a).

Let gg_nz : gg != 0. Proof. by rewrite dot_eq0 (dot_neq0 p_gt0). Qed.
Let gg_gt0 : 0 < gg. Proof. by rewrite dot_gt0 (dot_neq0 p_gt0). Qed.
Let p_nz : p != 0. Proof. by rewrite gt_eqF. Qed.
Let a_nz : a != 0. Proof. by rewrite gt_eqF. Qed.

Let sum_lt_succ (F : 'I_n -> R) k :
  \sum_(i < n | (i < k.+1)%N) F i = \sum_(i < n | (i < k)%N) F i + F k.
Proof.
rewrite (bigD1 k) //= addrC; congr (_ + _); apply: eq_bigl => i.
by rewrite ltnS [in RHS]ltn_neqAle andbC.
Qed.

Let sum_ge (F : 'I_n -> R) k :
  \sum_(i < n | (k <= i)%N) F i = F k + \sum_(i < n | (k.+1 <= i)%N) F i.
Proof.
rewrite (bigD1 k) //=; congr (_ + _); apply: eq_bigl => i.
by rewrite [in RHS]ltn_neqAle andbC eq_sym.
Qed.

Let Yge0 m : 0 <= prefix_y m.
Proof. by apply: sumr_ge0 => i _; apply: sqr_ge0. Qed.
Let Tge0 m : 0 <= tail_g m.
Proof. by apply: sumr_ge0 => i _; apply: sqr_ge0. Qed.

(* N_m = a p (g.g) q_m = (a p + Y_m) T_m + G_m^2, without quotients. *)
Let N m : R := (a * p + prefix_y m) * tail_g m + prefix_gy m ^+ 2.

Let qE m : ldl_q m = N m / (a * p * gg).
Proof.
rewrite /ldl_q /N; move: (prefix_y m) (tail_g m) (prefix_gy m) => Y T G.
move: gg p gg_nz p_nz => q b q_nz b_nz.
by field; rewrite q_nz b_nz a_nz.
Qed.

Let N_gt0 m : 0 < N m.
Proof.
have ap_gt0 : 0 < a * p + prefix_y m by rewrite ltr_paddr ?mulr_gt0.
rewrite lt_def addr_ge0 ?sqr_ge0 ?(mulr_ge0 (ltW ap_gt0)) // andbT.
rewrite paddr_eq0 ?sqr_ge0 ?(mulr_ge0 (ltW ap_gt0)) //.
rewrite mulf_eq0 (gt_eqF ap_gt0) /= sqrf_eq0; apply/negP => /andP [/eqP T0 /eqP G0].
have : p == 0; last by rewrite (negPf p_nz).
rewrite dotC dotE (bigID (fun i : 'I_n => (i < m)%N)) /= -/(prefix_gy m) G0 add0r big1 // => i.
rewrite -leqNgt => mi; move/eqP: T0; rewrite psumr_eq0 => [/allP z|j _]; last exact: sqr_ge0.
have := z i (mem_index_enum i); rewrite mi sqrf_eq0 /= => /eqP ->.
by rewrite mul0r.
Qed.

Let sums0 : [/\ prefix_y 0 = 0, prefix_gy 0 = 0 & tail_g 0 = gg].
Proof.
split; [exact: big_pred0|exact: big_pred0|].
by rewrite dotE; apply: eq_bigr => i _; rewrite expr2.
Qed.

(** q_0 = 1, and the pivots are positive. *)
Lemma ldl_q_gt0 m : 0 < ldl_q m.
Proof. by rewrite qE divr_gt0 ?mulr_gt0. Qed.

Theorem ldl_pivot_gt0 j : 0 < ldl_pivot j.
Proof. by rewrite /ldl_pivot divr_gt0 ?mulr_gt0 ?ldl_q_gt0. Qed.

Lemma ldl_q0 : ldl_q 0 = 1.
Proof.
rewrite qE /N; have [-> -> ->] := sums0.
by rewrite addr0 expr0n /= addr0 divff // !mulf_neq0.
Qed.

(** q_n = p/(a g.g). *)
Lemma ldl_qn : ldl_q n = p / (a * gg).
Proof.
have T0 : tail_g n = 0 by apply: big_pred0 => i; rewrite leqNgt ltn_ord.
have G0 : prefix_gy n = p.
  by rewrite dotC dotE /prefix_gy; apply: eq_bigl => i; rewrite ltn_ord.
rewrite qE /N T0 G0 mulr0 add0r; move: gg p gg_nz p_nz => q b q_nz b_nz.
by field; rewrite q_nz b_nz a_nz.
Qed.

(** L has ones on its diagonal and zeros above it. *)
Lemma ldl_factor_unit_lower i j : ldl_factor i i = 1 /\ ((i < j)%N -> ldl_factor i j = 0).
Proof.
split=> [|ij]; rewrite mxE ?ltnn ?eqxx //.
by rewrite ltnNge (ltnW ij) /= -val_eqE (ltn_eqF ij).
Qed.

(* B_m(i, j), the numerator of the Schur complement that is left after m columns. *)
Let B m i j : R :=
  tail_g m * (y i 0 * y j 0) + prefix_gy m * (y i 0 * g j 0 + g i 0 * y j 0)
  - (a * p + prefix_y m) * (g i 0 * g j 0).
Let S m i j : R := a * (i == j)%:R + a * B m i j / N m.

Let pivotE k : ldl_pivot k = a * N k.+1 / N k.
Proof.
rewrite /ldl_pivot !qE; move: (N_gt0 k); move: (N k) (N k.+1) => u v /lt0r_neq0 u_nz.
move: gg p gg_nz p_nz => q b q_nz b_nz.
by field; rewrite u_nz q_nz b_nz a_nz.
Qed.

Let factorE i k : (k < i)%N -> ldl_factor i k = B k i k / N k.+1.
Proof.
move=> ki; rewrite mxE ki qE /B; congr (_ / _).
  by move: (prefix_y k) (tail_g k) (prefix_gy k) => Y T G; move: p => b; ring.
by rewrite mulrC divfK // !mulf_neq0.
Qed.

Let prefixS k : [/\ prefix_y k.+1 = prefix_y k + y k 0 ^+ 2,
                    prefix_gy k.+1 = prefix_gy k + g k 0 * y k 0
                  & tail_g k = g k 0 ^+ 2 + tail_g k.+1].
Proof. by split; [exact: sum_lt_succ | exact: sum_lt_succ | exact: sum_ge]. Qed.

Let N_succ k : N k.+1 = N k + B k k k.
Proof.
rewrite /N /B; have [-> -> ->] := prefixS k.
move: (prefix_y k) (tail_g k.+1) (prefix_gy k) => Y T G; move: p (g k 0) (y k 0) => b gk yk; ring.
Qed.

Let B_succ k i j : B k i j * N k.+1 - B k i k * B k j k = B k.+1 i j * N k.
Proof.
rewrite /N /B; have [-> -> ->] := prefixS k.
move: (prefix_y k) (tail_g k.+1) (prefix_gy k) => Y T G; move: p (g k 0) (y k 0) => b gk yk.
by move: (g i 0) (y i 0) (g j 0) (y j 0) => gi yi gj yj; ring.
Qed.

Let S_succ k i j : (k < i)%N -> (k < j)%N ->
  S k i j = ldl_factor i k * ldl_pivot k * ldl_factor j k + S k.+1 i j.
Proof.
move=> ki kj; rewrite /S (factorE ki) (factorE kj) pivotE addrCA; congr (_ + _).
have e := B_succ k i j; move: (N_gt0 k) (N_gt0 k.+1) e.
move: (N k) (N k.+1) (B k i k) (B k j k) (B k i j) (B k.+1 i j) => u v b c h h'.
move=> /lt0r_neq0 u_nz /lt0r_neq0 v_nz e.
have -> : h' = (h * v - b * c) / u by rewrite e mulfK.
by field; rewrite u_nz v_nz.
Qed.

Let S0 i j : family g y a i j = S 0 i j.
Proof.
rewrite /S /B /N; have [-> -> ->] := sums0; rewrite !mxE !big_ord1 !mxE.
move: ((i == j)%:R : R) (g i 0) (y i 0) (g j 0) (y j 0) => e gi yi gj yj.
move: gg p gg_nz p_nz => q b q_nz b_nz.
by field; rewrite q_nz b_nz a_nz.
Qed.

Let partial m i j : (m <= i)%N -> (m <= j)%N ->
  family g y a i j = \sum_(k < n | (k < m)%N) ldl_factor i k * ldl_pivot k * ldl_factor j k + S m i j.
Proof.
elim: m => [|m IH] mi mj; first by rewrite big_pred0 // add0r S0.
have mn : (m < n)%N by apply: leq_trans mi (ltnW (ltn_ord i)).
rewrite (IH (ltnW mi) (ltnW mj)) (sum_lt_succ _ (Ordinal mn)) -addrA; congr (_ + _).
exact: (@S_succ (Ordinal mn)).
Qed.

(** M(a) = L diag(d) L^T. *)
Theorem family_ldl : family g y a = ldl_factor *m diag_mx (\row_j ldl_pivot j) *m ldl_factor^T.
Proof.
pose F i j := \sum_k ldl_factor i k * ldl_pivot k * ldl_factor j k.
have prodE i j : (ldl_factor *m diag_mx (\row_k ldl_pivot k) *m ldl_factor^T) i j = F i j.
  by rewrite mul_mx_diag mxE; apply: eq_bigr => k _; rewrite !mxE.
have low i j : (j <= i)%N -> family g y a i j = F i j.
  move=> ji; rewrite (partial ji (leqnn j)) /F [RHS](bigID (fun k : 'I_n => (k < j)%N)) /=.
  congr (_ + _).
  rewrite (bigD1 j) ?ltnn //= big1 ?addr0 => [|k /andP [jk kj]]; last first.
    by rewrite [ldl_factor j k]mxE (negPf jk) eq_sym (negPf kj) mulr0.
  rewrite [ldl_factor j j]mxE ltnn eqxx mulr1 pivotE /S.
  have [ij|ij] := eqVneq i j.
    rewrite ij [ldl_factor j j]mxE ltnn eqxx mul1r mulr1 N_succ.
    by move: (N j) (B j j j) (N_gt0 j) => u b /lt0r_neq0 u_nz; field.
  have lt_ji : (j < i)%N by rewrite ltn_neqAle eq_sym ij.
  rewrite (factorE lt_ji) mulr0 add0r.
  move: (N j) (N j.+1) (B j i j) (N_gt0 j) (N_gt0 j.+1) => u v b /lt0r_neq0 u_nz /lt0r_neq0 v_nz.
  by field; rewrite u_nz v_nz.
apply/matrixP => i j; rewrite prodE; have [/low//|/ltnW ij] := leqP j i.
have [[sM _] _] := family_metric a_gt0 p_gt0.
have -> : F i j = F j i.
  by apply: eq_bigr => k _; move: (ldl_factor i k) (ldl_pivot k) (ldl_factor j k) => u v w; ring.
by rewrite -(low _ _ ij) -[in LHS]sM mxE.
Qed.

End Triangular.
