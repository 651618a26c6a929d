(** * Uniqueness: all the metrics of an update, described exactly

    Setting. g (the update) and y (minus the gradient) are columns of any length n, with p = y.g > 0: the
    update lowers the loss to first order. A metric of (g, y) is a symmetric positive definite (SPD) matrix
    M with M g = y: it makes g the natural gradient step M^-1 y. There are many metrics; this file says
    exactly which. Everything holds over any ordered field [R]; only the existence of factors U in 3, and
    [factor_unique_any_rank] in 4, need square roots, so a real closed field. No axiom is used.

    The statement: every metric is M = y y^T/p + B, where B is positive semidefinite (psd) with
    kernel exactly span(g); B = U U^T; B is unique, and U is unique up to an orthogonal factor. So the
    metrics correspond one to one to the SPD matrices of size n - 1, and they have dimension n(n-1)/2.

    What is proved:
    1. M is a metric if and only if M = y y^T/p + B with B psd, B g = 0 and no other kernel
       ([metric_iff_canonical]), equivalently B psd of rank n - 1 with B g = 0
       ([metric_iff_canonical_rank]). For g not 0, p > 0 is not an assumption but a part of the conclusion
       ([metric_iff_canonical_nonzero]).
    2. B is unique: B = M - y y^T/p, of rank n - 1 ([canonical_unique], [metric_iff_remainder]).
    3. M is a metric if and only if M = y y^T/p + U U^T with U of size n x (n-1), rank n - 1 and U^T g = 0
       ([metric_iff_factor]; every psd matrix B is U U^T for a U with rank(B) columns, [psd_factor]).
    4. U is unique up to an orthogonal factor, itself unique ([factor_unique], [factor_orthogonal] in any
       width of full column rank; [metric_factor_orbit] for metrics). Two factors of any equal width and any
       rank also differ by an orthogonal factor; there uniqueness is not claimed ([factor_unique_any_rank]).
    5. The bijection with SPD(n-1): fix any n x (n-1) matrix E whose columns are a basis of the vectors
       orthogonal to g (one exists, [orthogonal_basis_exists]). Then S |-> y y^T/p + E S E^T maps the SPD
       matrices S of size n - 1 one to one onto the metrics ([spd_iff_metric], [metric_bijection]).
    6. The dimension: two metrics differ by a symmetric N with N g = 0 ([metrics_difference]); these N are
       the E S E^T with S symmetric, one to one and linearly ([symmetric_coordinates]), and form a linear
       space of dimension n(n-1)/2 ([directions_dimension]). The metrics are a convex, relatively open part
       of that affine space ([metrics_convex], [metrics_open], [metrics_directions]), and not an empty one
       (CanonicalForm.v: a metric exists exactly when p > 0, for g not 0).

    What is not proved here: anything on the spectrum or the condition number of these metrics; that the
    bijection of 5 is smooth (it is affine in S, which is proved, but no manifold is defined); anything on
    rounding. *)

From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
From Natgrad Require Import LinearAlgebra.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(** The kernel of B is exactly the line spanned by g. *)
Definition kernel_is_span (R : realFieldType) (n : nat) (B : 'M[R]_n) (g : 'cV[R]_n) : Prop :=
  forall x, B *m x = 0 <-> exists c, x = c *: g.

(** Q is orthogonal. *)
Definition orthogonal (R : realFieldType) (k : nat) (Q : 'M[R]_k) : Prop :=
  Q *m Q^T = 1%:M /\ Q^T *m Q = 1%:M.

Section Lemmas.

Variables (R : realFieldType) (n : nat).
Implicit Types (u v w x g y : 'cV[R]_n) (M A B : 'M[R]_n) (a b c : R).

Lemma dot_gt0_neq0 y g : 0 < dot y g -> g != 0.
Proof. by apply: contraTneq => ->; rewrite dot0r ltxx. Qed.

Lemma mulmx_col_inj m k (A B : 'M[R]_(m, k)) : (forall x : 'cV[R]_k, A *m x = B *m x) -> A = B.
Proof.
by move=> e; apply/trmx_inj/row_matrixP => i; rewrite -!tr_col !colE e.
Qed.

Lemma rank_col g : g != 0 -> \rank g = 1%N.
Proof.
move=> nz; apply/eqP; rewrite eqn_leq rank_leq_col lt0n mxrank_eq0.
exact: nz.
Qed.

(** If W^T g = 0 and W has rank n - 1, then W^T x = 0 holds for the multiples of g only. *)
Lemma rank_kernel_span k (W : 'M[R]_(n, k)) g x :
  g != 0 -> W^T *m g = 0 -> \rank W = n.-1 -> W^T *m x = 0 -> exists c, x = c *: g.
Proof.
move=> nz Wg rW Wx.
have n_gt0 : (0 < n)%N by rewrite -(rank_col nz) rank_leq_row.
have sub_ker (z : 'cV[R]_n) : W^T *m z = 0 -> (z^T <= kermx W)%MS.
  by move=> Wz; apply/sub_kermxP/trmx_inj; rewrite trmx_mul trmxK Wz trmx0.
have eq_ker : (kermx W <= g^T)%MS.
  rewrite -(geq_leqif (mxrank_leqif_sup (sub_ker g Wg))).
  by rewrite mxrank_tr rank_col // mxrank_ker rW -subn1 subKn.
have /sub_rVP[c e] := submx_trans (sub_ker x Wx) eq_ker.
by exists c; apply: trmx_inj; rewrite e linearZ.
Qed.

End Lemmas.

Section Canonical.

Variables (R : realFieldType) (n : nat).
Implicit Types (u v w x g y : 'cV[R]_n) (M B : 'M[R]_n) (a b c : R).

(** A symmetric B whose kernel is exactly the line of g (g not 0) has rank n - 1. *)
Theorem kernel_is_span_rank B g : g != 0 -> symmetric B -> kernel_is_span B g -> \rank B = n.-1.
Proof.
move=> nz sB ker.
have Bg : B *m g = 0 by apply/ker; exists 1; rewrite scale1r.
have : (kermx B <= g^T)%MS.
  apply/row_subP => i; have /ker[c e] : B *m (row i (kermx B))^T = 0.
    by apply: trmx_inj; rewrite trmx_mul trmxK sB -row_mul mulmx_ker row0 trmx0.
  by rewrite -[row i _]trmxK e linearZ scalemx_sub.
move=> /mxrankS; rewrite mxrank_tr rank_col // mxrank_ker => le1.
have : (0 < \rank (kermx B))%N.
  rewrite lt0n mxrank_eq0; apply: contraNneq nz => k0.
  have /sub_kermxP : g^T *m B = 0 by rewrite -{1}sB -trmx_mul Bg trmx0.
  by rewrite k0 submx0 -trmx0 (inj_eq (@trmx_inj _ _ _)).
rewrite mxrank_ker => gt0; have le := rank_leq_row B.
by rewrite -(subKn le) -subn1; congr (n - _)%N; apply/eqP; rewrite eqn_leq le1.
Qed.

(** Conversely a symmetric B of rank n - 1 with B g = 0 has exactly that kernel. *)
Theorem rank_kernel_is_span B g :
  g != 0 -> symmetric B -> B *m g = 0 -> \rank B = n.-1 -> kernel_is_span B g.
Proof.
move=> nz sB Bg rB x; split; last by case=> c ->; rewrite -scalemxAr Bg scaler0.
by rewrite -sB in Bg * => /(rank_kernel_span nz Bg rB).
Qed.

(** If 0 < y.g, B is positive semidefinite and its kernel is exactly span(g), then yy^T/p + B is a metric. *)
Theorem canonical_metric B g y :
  0 < dot y g -> psd B -> kernel_is_span B g -> metric ((dot y g)^-1 *: (y *m y^T) + B) g y.
Proof.
move=> p_gt0 pB ker; have [sB nonneg] := pB.
have Bg : B *m g = 0 by apply/ker; exists 1; rewrite scale1r.
split; last by rewrite mulmxDl Bg addr0 -scalemxAl outer_mul scalerA mulVf ?scale1r // gt_eqF.
split=> [|x nz]; first by rewrite /symmetric linearD linearZ /= outer_sym sB.
have form : dot x (((dot y g)^-1 *: (y *m y^T) + B) *m x) = dot y x ^+ 2 / dot y g + dot x (B *m x).
  by rewrite mulmxDl -scalemxAl outer_mul !dot_linear (dotC x y) expr2 mulrC.
rewrite form lt_neqAle addr_ge0 ?nonneg ?divr_ge0 ?sqr_ge0 ?ltW // andbT eq_sym.
apply: contra nz; rewrite paddr_eq0 ?nonneg ?divr_ge0 ?sqr_ge0 ?ltW // => /andP[yx /eqP xBx].
have /ker[c e] := psd_kernel pB xBx; move: yx.
rewrite e dotZr mulf_eq0 invr_eq0 (gt_eqF p_gt0) orbF sqrf_eq0 mulf_eq0 (gt_eqF p_gt0) orbF => /eqP->.
by rewrite scale0r.
Qed.

(** A metric of (g, y) with g not 0 forces y.g > 0. *)
Lemma metric_dot_gt0 M g y : g != 0 -> metric M g y -> 0 < dot y g.
Proof. by move=> nz [[_ pos] <-]; rewrite dotC pos. Qed.

(** For every metric M, M - yy^T/p is positive semidefinite with kernel exactly span(g). *)
Theorem metric_remainder M g y : 0 < dot y g -> metric M g y ->
  psd (M - (dot y g)^-1 *: (y *m y^T)) /\ kernel_is_span (M - (dot y g)^-1 *: (y *m y^T)) g.
Proof.
move=> p_gt0 [[sM pos] Mg]; set B := M - _; set p := dot y g in p_gt0 B *.
have sB : symmetric B by rewrite /symmetric linearB linearZ /= outer_sym sM.
have Bg : B *m g = 0 by rewrite mulmxBl -scalemxAl outer_mul scalerA mulVf ?scale1r ?gt_eqF // Mg subrr.
pose z x := x - (dot y x / p) *: g.
have Bz x : B *m z x = B *m x by rewrite mulmxBr -scalemxAr Bg scaler0 subr0.
have yz x : dot y (z x) = 0 by rewrite !dot_linear -/p divfK ?subrr // gt_eqF.
have form x : dot x (B *m x) = dot (z x) (M *m z x).
  rewrite -[in LHS]Bz (dot_sym _ _ sB) -[in LHS]Bz -(dot_sym _ _ sB).
  by rewrite [in LHS]mulmxBl -scalemxAl outer_mul yz scale0r scaler0 subr0.
split.
  split=> // x; rewrite form; have [->|/pos/ltW//] := eqVneq (z x) 0.
  by rewrite dot0l.
move=> x; split=> [Bx|[c ->]]; last by rewrite -scalemxAr Bg scaler0.
exists (dot y x / p); apply/eqP; rewrite -subr_eq0; apply: contraT => /pos.
by rewrite -/(z x) -form Bx dot0r ltxx.
Qed.

(** M is a metric exactly when M - yy^T/p is positive semidefinite with kernel exactly span(g). *)
Theorem metric_iff_remainder M g y : 0 < dot y g ->
  metric M g y <->
  psd (M - (dot y g)^-1 *: (y *m y^T)) /\ kernel_is_span (M - (dot y g)^-1 *: (y *m y^T)) g.
Proof.
move=> p_gt0; split=> [|[pB ker]]; first exact: metric_remainder.
by have := canonical_metric p_gt0 pB ker; rewrite addrC subrK.
Qed.

(** M is a metric exactly when M = yy^T/p + B with B positive semidefinite, B g = 0, and no other kernel. *)
Theorem metric_iff_canonical M g y : 0 < dot y g ->
  metric M g y <->
  exists B, [/\ psd B, B *m g = 0, forall x, B *m x = 0 -> exists c, x = c *: g
             & M = (dot y g)^-1 *: (y *m y^T) + B].
Proof.
move=> p_gt0; split=> [/(metric_remainder p_gt0)[pB ker]|[B [pB Bg ker ->]]].
  exists (M - (dot y g)^-1 *: (y *m y^T)); split=> //; last by rewrite addrC subrK.
  - by apply/ker; exists 1; rewrite scale1r.
  - by move=> x /ker.
apply: canonical_metric => // x; split; first exact: ker.
by case=> c ->; rewrite -scalemxAr Bg scaler0.
Qed.

(** The same with the rank: M is a metric exactly when M = yy^T/p + B, B psd of rank n - 1 with B g = 0. *)
Theorem metric_iff_canonical_rank M g y : 0 < dot y g ->
  metric M g y <->
  exists B, [/\ psd B, B *m g = 0, \rank B = n.-1 & M = (dot y g)^-1 *: (y *m y^T) + B].
Proof.
move=> p_gt0; have nz := dot_gt0_neq0 p_gt0.
split=> [/(metric_remainder p_gt0)[pB ker]|[B [pB Bg rB ->]]].
  exists (M - (dot y g)^-1 *: (y *m y^T)); split=> //; last by rewrite addrC subrK.
  - by apply/ker; exists 1; rewrite scale1r.
  - exact: kernel_is_span_rank nz pB.1 ker.
exact: canonical_metric (rank_kernel_is_span nz pB.1 Bg rB).
Qed.

(** Without assuming y.g > 0: for g not 0, it is part of what a metric is. *)
Theorem metric_iff_canonical_nonzero M g y : g != 0 ->
  metric M g y <->
  0 < dot y g /\ exists B, [/\ psd B, kernel_is_span B g & M = (dot y g)^-1 *: (y *m y^T) + B].
Proof.
move=> nz; split=> [m|[p_gt0 [B [pB ker ->]]]]; last exact: canonical_metric.
have p_gt0 := metric_dot_gt0 nz m; have [pB ker] := metric_remainder p_gt0 m.
split=> //; exists (M - (dot y g)^-1 *: (y *m y^T)).
by split=> //; rewrite addrC subrK.
Qed.

(** Every metric M is yy^T/p + B for exactly one B that is psd of rank n - 1 with kernel exactly span(g). *)
Theorem canonical_unique M g y : 0 < dot y g -> metric M g y ->
  exists! B, [/\ psd B, kernel_is_span B g, \rank B = n.-1 & M = (dot y g)^-1 *: (y *m y^T) + B].
Proof.
move=> p_gt0 m; have [pB ker] := metric_remainder p_gt0 m.
exists (M - (dot y g)^-1 *: (y *m y^T)); split; last by move=> B [_ _ _ ->]; rewrite addrAC subrr add0r.
by split=> //; [exact: kernel_is_span_rank (dot_gt0_neq0 p_gt0) pB.1 ker | rewrite addrC subrK].
Qed.

End Canonical.

Section Factors.

Variables (R : realFieldType) (n k : nat).
Implicit Types (U V W : 'M[R]_(n, k)) (g y : 'cV[R]_n) (Q : 'M[R]_k).

(** W W^T x = 0 exactly when W^T x = 0. *)
Lemma gram_kernel W (x : 'cV[R]_n) : W *m W^T *m x = 0 <-> W^T *m x = 0.
Proof.
split=> [z|]; last by rewrite -mulmxA => ->; rewrite mulmx0.
apply/eqP; rewrite -dot_eq0 /dot trmx_mul trmxK -mulmxA [W *m _]mulmxA z.
by rewrite mulmx0 mxE.
Qed.

(** A matrix of full column rank has an invertible Gram matrix W^T W. *)
Lemma gram_unit W : \rank W = k -> W^T *m W \in unitmx.
Proof.
move=> rW; apply: spd_unit; split=> [|x nz]; first by rewrite /symmetric trmx_mul trmxK.
have -> : dot x (W^T *m W *m x) = dot (W *m x) (W *m x) by rewrite /dot trmx_mul !mulmxA.
rewrite dot_gt0; apply: contraNneq nz => Wx.
have free : row_free W^T by rewrite /row_free mxrank_tr rW.
by apply/eqP/trmx_inj/(row_free_inj free); rewrite -trmx_mul Wx !trmx0 mul0mx.
Qed.

(** Full column rank gives a left inverse L = (W^T W)^-1 W^T; W L is symmetric, a projection. *)
Lemma left_inverse W : \rank W = k -> exists L : 'M[R]_(k, n), L *m W = 1%:M /\ symmetric (W *m L).
Proof.
move=> rW; exists (invmx (W^T *m W) *m W^T); split; first by rewrite -mulmxA mulVmx // gram_unit.
have sym : (invmx (W^T *m W))^T = invmx (W^T *m W) by rewrite trmx_inv trmx_mul trmxK.
by rewrite /symmetric !trmx_mul trmxK sym !mulmxA.
Qed.

(** Such a W can be cancelled on the left. *)
Lemma full_rank_inj W m (A B : 'M[R]_(k, m)) : \rank W = k -> W *m A = W *m B -> A = B.
Proof.
move=> /gram_unit Wu e; rewrite -[A]mul1mx -[B]mul1mx -(mulVmx Wu).
by rewrite -!mulmxA e.
Qed.

(** If U U^T = V V^T with both of full column rank, then V = U Q for exactly one Q, and Q is orthogonal. *)
Theorem factor_unique U V : \rank U = k -> \rank V = k -> U *m U^T = V *m V^T ->
  exists! Q, orthogonal Q /\ U *m Q = V.
Proof.
move=> rU rV e; have Uu := gram_unit rU; have Vu := gram_unit rV.
pose Q := invmx (U^T *m U) *m U^T *m V.
have UQ : U *m Q = V.
  have e' : U *m Q *m V^T = V *m V^T.
    rewrite /Q -!mulmxA -e.
    by rewrite [U^T *m (U *m _)]mulmxA mulKmx.
  rewrite -[LHS]mulmx1 -[RHS]mulmx1 -(mulmxV Vu).
  by rewrite !mulmxA in e' *; rewrite e'.
have QQ : Q *m Q^T = 1%:M.
  have sym : (invmx (U^T *m U))^T = invmx (U^T *m U) by rewrite trmx_inv trmx_mul trmxK.
  have -> : Q *m Q^T = invmx (U^T *m U) *m (U^T *m (V *m V^T) *m U) *m invmx (U^T *m U).
    by rewrite /Q !trmx_mul trmxK sym !mulmxA.
  by rewrite -e !mulmxA -[invmx _ *m U^T *m U]mulmxA mulVmx // mul1mx mulmxV.
exists Q; split; first by split=> //; split=> //; exact: mulmx1C.
by move=> Q' [_ UQ']; apply: (full_rank_inj rU); rewrite UQ UQ'.
Qed.

(** The converse: U Q with Q orthogonal has the same product with its transpose, and the same rank. *)
Theorem factor_orthogonal U Q : orthogonal Q ->
  (U *m Q) *m (U *m Q)^T = U *m U^T /\ \rank (U *m Q) = \rank U.
Proof.
move=> [QQ _]; split; first by rewrite trmx_mul mulmxA -[U *m Q *m _]mulmxA QQ mulmx1.
by apply: mxrankMfree; rewrite row_free_unit; case: (mulmx1_unit QQ).
Qed.

End Factors.

Section Orbit.

Variables (R : realFieldType) (n : nat).
Implicit Types (M : 'M[R]_n) (g y : 'cV[R]_n).

(** Let M = yy^T/p + U U^T be a metric, U of n - 1 columns. Then U has rank n - 1 and U^T g = 0, and V is
    another such factor of M exactly when V = U Q for an orthogonal Q of size n - 1, and that Q is unique. *)
Theorem metric_factor_orbit M g y (U : 'M[R]_(n, n.-1)) : 0 < dot y g -> metric M g y ->
  M = (dot y g)^-1 *: (y *m y^T) + U *m U^T ->
  [/\ \rank U = n.-1, U^T *m g = 0
    & forall V : 'M[R]_(n, n.-1), M = (dot y g)^-1 *: (y *m y^T) + V *m V^T <->
                                  exists! Q, orthogonal Q /\ U *m Q = V].
Proof.
move=> p_gt0 m; have [pB ker] := metric_remainder p_gt0 m.
have rB := kernel_is_span_rank (dot_gt0_neq0 p_gt0) pB.1 ker.
have rank_factor (V : 'M[R]_(n, n.-1)) :
    M = (dot y g)^-1 *: (y *m y^T) + V *m V^T -> \rank V = n.-1.
  move=> e; apply/eqP; rewrite eqn_leq rank_leq_col /=.
  by rewrite -{1}rB e addrAC subrr add0r mxrankM_maxl.
move=> eU; have rU := rank_factor U eU; split=> //.
  by apply/gram_kernel; move: ker; rewrite eU addrAC subrr add0r => ->; exists 1; rewrite scale1r.
move=> V; split=> [eV|[Q [[/(factor_orthogonal U)[e _] <-] _]]]; last by rewrite e.
apply: factor_unique => //; first exact: rank_factor.
by move: eV; rewrite eU => /addrI.
Qed.

End Orbit.

Section Peel.

Variables (R : realFieldType) (n : nat).

(** A psd matrix B that is not 0 is c u u^T plus a psd matrix of smaller rank. *)
Lemma psd_peel (B : 'M[R]_n) : psd B -> B != 0 ->
  exists c (u : 'cV[R]_n),
    [/\ 0 <= c, psd (B - c *: (u *m u^T)) & (\rank (B - c *: (u *m u^T))%R < \rank B)%N].
Proof.
move=> pB nz; have [sB nonneg] := pB.
have [i Bi] : exists i, B *m delta_mx i 0 != 0 :> 'cV[R]_n.
  apply/existsP; apply: contraNT nz; rewrite negb_exists => /forallP z.
  apply/eqP/trmx_inj/row_matrixP => i; rewrite -tr_col colE trmx0 row0.
  by have := z i; rewrite negbK => /eqP ->; rewrite trmx0.
move: (delta_mx i 0) Bi => w Bw.
have w_gt0 : 0 < dot w (B *m w).
  by rewrite lt_neqAle nonneg andbT eq_sym; apply: contra Bw => /eqP/(psd_kernel pB) ->.
set u := B *m w in Bw w_gt0; exists (dot w u)^-1, u; set B' := B - _.
have B'w : B' *m w = 0.
  by rewrite mulmxBl -scalemxAl outer_mul (dotC u) scalerA mulVf ?gt_eqF // scale1r subrr.
have sB' : symmetric B' by rewrite /symmetric linearB linearZ /= outer_sym sB.
split; first by rewrite invr_ge0 ltW.
  split=> // x; pose z := x - (dot w (B *m x) / dot w u) *: w.
  have -> : dot x (B' *m x) = dot z (B *m z); last exact: nonneg.
  rewrite mulmxBl -scalemxAl outer_mul /z mulmxBr -!scalemxAr -/u !dot_linear.
  rewrite (dotC u x) {2}/u (dot_sym x w sB) -/u (dotC w (B *m x)) -/u.
  have -> : dot (B *m x) w = dot x u by rewrite -(dot_sym _ _ sB).
  by move: (dot x (B *m x)) (dot x u) (dot w u) w_gt0 => a b c c_gt0; field; rewrite gt_eqF.
have sub : (B' <= B)%MS.
  rewrite addmx_sub ?eqmx_opp ?scalemx_sub //.
  by have -> : u *m u^T = u *m w^T *m B; [rewrite -mulmxA -[B in RHS]sB -trmx_mul | exact: submxMl].
rewrite ltn_neqAle mxrankS // andbT; apply: contra Bw => /eqP eqr.
have /submxP[D eD] : (B <= B')%MS by rewrite -(geq_leqif (mxrank_leqif_sup sub)) eqr.
by rewrite /u eD -mulmxA B'w mulmx0.
Qed.

End Peel.

Section Factorisation.

Variables (R : rcfType) (n : nat).
Implicit Types (M B : 'M[R]_n) (g y : 'cV[R]_n).

(** A psd matrix of rank at most k is U U^T for a U with k columns. *)
Lemma psd_factor_width k B : psd B -> (\rank B <= k)%N -> exists U : 'M[R]_(n, k), B = U *m U^T.
Proof.
elim: k B => [|k IH] B pB.
  by rewrite leqn0 mxrank_eq0 => /eqP ->; exists 0; rewrite mul0mx.
move=> rB; have [->|nz] := eqVneq B 0; first by exists 0; rewrite mul0mx.
have [c [u [c_ge0 pB' lt]]] := psd_peel pB nz.
have [U eU] := IH _ pB' (leq_trans lt rB).
have e : B = row_mx (Num.sqrt c *: u) U *m (row_mx (Num.sqrt c *: u) U)^T.
  rewrite tr_row_mx mul_row_col -eU linearZ /= -scalemxAl -scalemxAr scalerA.
  by rewrite -expr2 sqr_sqrtr // addrC subrK.
by exists (row_mx (Num.sqrt c *: u) U).
Qed.

(** Every psd matrix B is U U^T for a U with \rank B columns, of full column rank. *)
Theorem psd_factor B : psd B -> exists2 U : 'M[R]_(n, \rank B), \rank U = \rank B & B = U *m U^T.
Proof.
move=> pB; have [U e] := psd_factor_width pB (leqnn _); exists U => //.
by apply/eqP; rewrite eqn_leq rank_leq_col {1}e mxrankM_maxl.
Qed.

(** M is a metric exactly when M = yy^T/p + U U^T with U : n x (n-1) of rank n - 1 and U^T g = 0. *)
Theorem metric_iff_factor M g y : 0 < dot y g ->
  metric M g y <->
  exists U : 'M[R]_(n, n.-1),
    [/\ \rank U = n.-1, U^T *m g = 0 & M = (dot y g)^-1 *: (y *m y^T) + U *m U^T].
Proof.
move=> p_gt0; have nz := dot_gt0_neq0 p_gt0; split.
  move=> /(metric_iff_canonical_rank _ p_gt0)[B [pB Bg rB ->]].
  have [U e] : exists U : 'M[R]_(n, n.-1), B = U *m U^T by apply: psd_factor_width; rewrite ?rB.
  exists U; rewrite {}e in rB Bg *; split=> //; last exact/gram_kernel.
  by apply/eqP; rewrite eqn_leq rank_leq_col -{1}rB mxrankM_maxl.
case=> U [rU Ug ->]; apply: canonical_metric => //; first exact: psd_gram.
move=> x; rewrite gram_kernel; split; first exact: rank_kernel_span.
by case=> c ->; rewrite -scalemxAr Ug scaler0.
Qed.

End Factorisation.

Section AnyWidth.

Variable (R : rcfType).

(** A matrix with orthonormal rows is the upper part of an orthogonal matrix. *)
Lemma orthonormal_complete r s (A : 'M[R]_(r, r + s)) : A *m A^T = 1%:M ->
  exists Z : 'M[R]_(s, r + s), orthogonal (col_mx A Z).
Proof.
move=> AA; pose P := 1%:M - A^T *m A.
have sP : symmetric P by rewrite /symmetric linearB /= trmx1 trmx_mul trmxK.
have AP : A *m P = 0 by rewrite mulmxBr mulmx1 mulmxA AA mul1mx subrr.
have PP : P *m P^T = P by rewrite sP {1}/P mulmxBl mul1mx -mulmxA AP mulmx0 subr0.
have pP : psd P by rewrite -PP; exact: psd_gram.
have rA : \rank A = r.
  by apply/eqP; rewrite eqn_leq rank_leq_row -{1}(mxrank1 R r) -AA mxrankM_maxl.
have rP : (\rank P <= s)%N.
  have /mxrankS : (A <= kermx P)%MS by apply/sub_kermxP.
  rewrite rA mxrank_ker => le; have leP := rank_leq_row P.
  by rewrite -(subKn leP) -[X in (_ <= X)%N](addKn r) leq_sub2l.
have [Z eZ] := psd_factor_width pP rP; exists Z^T.
have e : (col_mx A Z^T)^T *m col_mx A Z^T = 1%:M.
  by rewrite tr_col_mx mul_row_col trmxK -eZ addrC subrK.
by split; first exact: mulmx1C.
Qed.

(** In any width and rank: U U^T = V V^T exactly when V = U Q for some orthogonal Q. *)
Theorem factor_unique_any_rank n k (U V : 'M[R]_(n, k)) :
  U *m U^T = V *m V^T <-> exists2 Q, orthogonal Q & U *m Q = V.
Proof.
split=> [eUV|[Q /(factor_orthogonal U)[e _] <-]]; last by rewrite e.
have [W rW eW] := psd_factor (psd_gram U); have eWV := etrans (esym eUV) eW.
move: (\rank (U *m U^T)) W rW eW eWV => r W rW eW eWV {eUV}.
have [L [LW _]] := left_inverse rW.
have split_off (X : 'M[R]_(n, k)) : X *m X^T = W *m W^T -> exists2 A, A *m A^T = 1%:M & X = W *m A.
  move=> eX; exists (L *m X).
    by rewrite trmx_mul mulmxA -(mulmxA L) eX mulmxA LW mul1mx -trmx_mul LW trmx1.
  pose Y := X - W *m (L *m X).
  have YY : Y *m Y^T = 0.
    have -> : Y = (1%:M - W *m L) *m X by rewrite /Y mulmxBl mul1mx mulmxA.
    rewrite trmx_mul mulmxA -(mulmxA _ X) eX mulmxA.
    by rewrite mulmxBl mul1mx -(mulmxA W) LW mulmx1 subrr !mul0mx.
  apply/eqP; rewrite -subr_eq0 -/Y -trmx_eq0; apply/eqP/mulmx_col_inj => x.
  by rewrite mul0mx; apply/gram_kernel; rewrite YY mul0mx.
have [A AA ->] := split_off U eW; have [C CC ->] := split_off V eWV.
have le : (r <= k)%N by rewrite -(mxrank1 R r) -AA (leq_trans (mxrankM_maxl _ _)) ?rank_leq_col.
move: A C AA CC; rewrite -(subnKC le) => A C AA CC.
have [Z [AZ AZ']] := orthonormal_complete AA; have [T [CT CT']] := orthonormal_complete CC.
exists ((col_mx A Z)^T *m col_mx C T).
  have e : (col_mx A Z)^T *m col_mx C T *m ((col_mx A Z)^T *m col_mx C T)^T = 1%:M.
    by rewrite trmx_mul trmxK mulmxA -(mulmxA _ (col_mx C T)) CT mulmx1 AZ'.
  by split; last exact: mulmx1C.
have AQ : A *m (col_mx A Z)^T = row_mx 1%:M 0.
  move: AZ; rewrite tr_col_mx mul_col_mx !mul_mx_row scalar_mx_block /block_mx.
  by case/eq_col_mx.
by rewrite -!mulmxA [A *m (_ *m _)]mulmxA AQ mul_row_col mul1mx mul0mx addr0.
Qed.

End AnyWidth.

Section Coordinates.

(** E is a fixed n x (n-1) matrix whose columns are a basis of the vectors orthogonal to g. *)
Variables (R : realFieldType) (n : nat) (g : 'cV[R]_n) (E : 'M[R]_(n, n.-1)).
Hypotheses (g_neq0 : g != 0) (Eg : E^T *m g = 0) (rE : \rank E = n.-1).
Implicit Types (M N B : 'M[R]_n) (S T : 'M[R]_n.-1).

(** S |-> E S E^T is linear. *)
Lemma coordinates_linear : linear (fun S => E *m S *m E^T).
Proof. by move=> a S T; rewrite mulmxDr mulmxDl -scalemxAr -scalemxAl. Qed.

(** It is injective: E S E^T determines S. *)
Theorem coordinates_inj S T : E *m S *m E^T = E *m T *m E^T -> S = T.
Proof.
move=> e; have [L [LE _]] := left_inverse rE.
have := congr1 (fun N => L *m N *m L^T) e.
by rewrite !mulmxA LE !mul1mx -!mulmxA -trmx_mul LE trmx1 !mulmx1.
Qed.

Lemma coordinates_sym S : symmetric (E *m S *m E^T) <-> symmetric S.
Proof.
rewrite /symmetric !trmx_mul trmxK mulmxA; split=> [|->//].
exact: coordinates_inj.
Qed.

(** S |-> E S E^T maps the symmetric S of size n - 1 one to one onto the symmetric N with N g = 0. *)
Theorem symmetric_coordinates N :
  symmetric N /\ N *m g = 0 <-> exists! S, symmetric S /\ N = E *m S *m E^T.
Proof.
split=> [[sN Ng]|[S [[sS ->] _]]]; last first.
  by split; [exact/coordinates_sym | rewrite -!mulmxA Eg !mulmx0].
have [L [LE sL]] := left_inverse rE.
have fN : E *m L *m N = N.
  pose D := E *m L - 1%:M.
  have sD : D^T = D by rewrite linearB /= sL trmx1.
  have ED : E^T *m D = 0 by rewrite mulmxBr mulmx1 -sL -trmx_mul -mulmxA LE mulmx1 subrr.
  have ND : N *m D = 0.
    apply: mulmx_col_inj => x; rewrite mul0mx -mulmxA.
    have [|c ->] := rank_kernel_span (x := D *m x) g_neq0 Eg rE; first by rewrite mulmxA ED mul0mx.
    by rewrite -scalemxAr Ng scaler0.
  have : D *m N = 0 by apply: trmx_inj; rewrite trmx_mul sD sN ND trmx0.
  by rewrite mulmxBl mul1mx => /eqP; rewrite subr_eq0 => /eqP.
have e : N = E *m (L *m N *m L^T) *m E^T.
  rewrite !mulmxA fN -mulmxA -trmx_mul -[N in RHS]sN.
  by rewrite -trmx_mul fN sN.
exists (L *m N *m L^T); split; last by move=> S [_ eS]; apply: coordinates_inj; rewrite -e.
by split=> //; apply/coordinates_sym; rewrite -e.
Qed.

End Coordinates.

Section Bijection.

Variables (R : realFieldType) (n : nat) (g y : 'cV[R]_n) (E : 'M[R]_(n, n.-1)).
Hypotheses (p_gt0 : 0 < dot y g) (Eg : E^T *m g = 0) (rE : \rank E = n.-1).
Implicit Types (M : 'M[R]_n) (S T : 'M[R]_n.-1).

Let g_neq0 : g != 0 := dot_gt0_neq0 p_gt0.

(** S is SPD exactly when yy^T/p + E S E^T is a metric. *)
Theorem spd_iff_metric S : spd S <-> metric ((dot y g)^-1 *: (y *m y^T) + E *m S *m E^T) g y.
Proof.
have form x : dot x (E *m S *m E^T *m x) = dot (E^T *m x) (S *m (E^T *m x)).
  by rewrite /dot trmx_mul trmxK !mulmxA.
split=> [[sS pos]|/(metric_remainder p_gt0)].
  apply: canonical_metric => //.
    split=> [|x]; first exact/coordinates_sym.
    by rewrite form; exact: (spd_psd (conj sS pos)).2.
  move=> x; split=> [Bx|[c ->]]; last by rewrite -scalemxAr -!mulmxA Eg !mulmx0 scaler0.
  apply: (rank_kernel_span g_neq0 Eg rE); apply: contraTeq isT => /pos.
  by rewrite -form Bx dot0r ltxx.
rewrite addrAC subrr add0r => -[pB ker]; split; first exact/(coordinates_sym rE)/pB.1.
have [L [LE _]] := left_inverse rE.
move=> w nz; have ew : E^T *m (L^T *m w) = w by rewrite mulmxA -trmx_mul LE trmx1 mul1mx.
have := pB.2 (L^T *m w); rewrite le_eqVlt eq_sym => /predU1P[z|]; last by rewrite form ew.
have /ker[c e] := psd_kernel pB z; move: nz.
by rewrite -ew e -scalemxAr Eg scaler0 eqxx.
Qed.

(** The bijection: M is a metric exactly when M = yy^T/p + E S E^T for an SPD matrix S; that S is unique. *)
Theorem metric_bijection M :
  metric M g y <-> exists! S, spd S /\ M = (dot y g)^-1 *: (y *m y^T) + E *m S *m E^T.
Proof.
split=> [m|[S [[pS ->] _]]]; last exact/spd_iff_metric.
have [pB ker] := metric_remainder p_gt0 m.
have Bg : (M - (dot y g)^-1 *: (y *m y^T)) *m g = 0 by apply/ker; exists 1; rewrite scale1r.
have [S [[_ eS] uniq]] := (symmetric_coordinates g_neq0 Eg rE _).1 (conj pB.1 Bg).
have eM : M = (dot y g)^-1 *: (y *m y^T) + E *m S *m E^T by rewrite -eS addrC subrK.
exists S; split; first by split=> //; apply/spd_iff_metric; rewrite -eM.
move=> T [_ eT]; apply: (coordinates_inj rE).
by apply: (@addrI _ ((dot y g)^-1 *: (y *m y^T))); rewrite -eM.
Qed.

End Bijection.

Section Dimension.

Variable (R : realFieldType).

Section SymmetricMatrices.

Variable (k : nat).

(** The positions on and above the diagonal, and the one of them that stands for (i, j). *)
Let upper := {ij : 'I_k * 'I_k | (ij.1 <= ij.2)%N}.

Let sorted_pair (i j : 'I_k) : 'I_k * 'I_k := if (i <= j)%N then (i, j) else (j, i).

Let sorted_pairP i j : ((sorted_pair i j).1 <= (sorted_pair i j).2)%N.
Proof. by rewrite /sorted_pair; case: (leqP i j) => //= /ltnW. Qed.

Let position i j : upper := Sub (sorted_pair i j) (sorted_pairP i j).

Let positionC i j : position i j = position j i.
Proof.
apply: val_inj; rewrite /= /sorted_pair; case: (ltngtP i j) => // e.
by congr (_, _); exact: val_inj.
Qed.

Let position_val t : position (val t).1 (val t).2 = t.
Proof. by apply: val_inj; case: t => -[i j] /= le; rewrite /sorted_pair le. Qed.

(** The symmetric matrix with given entries on and above the diagonal. *)
Let fill (h : {ffun upper -> R^o}) : 'M[R]_k := \matrix_(i, j) h (position i j).

Let fill_is_linear : linear fill.
Proof. by move=> a h h'; apply/matrixP => i j; rewrite !mxE !ffunE. Qed.

Lemma card_upper : #|{: upper}| = 'C(k.+1, 2).
Proof.
rewrite card_sig.
transitivity (\sum_(i < k) \sum_(j < k | (i <= j)%N) 1)%N.
  by rewrite pair_big_dep -sum1_card; apply: eq_bigl => -[i j]; rewrite !inE.
rewrite (exchange_big_dep xpredT) //= -triangular_sum big_nat_recl // add0n big_mkord.
apply: eq_bigr => j _; rewrite (eq_bigl (fun i : 'I_k => i < j.+1)%N) //.
by rewrite (big_ord_narrow (ltn_ord j)) sum1_card card_ord.
Qed.

(** There is an injective linear map onto the symmetric matrices, from a space of dimension k(k+1)/2. *)
Lemma symmetric_param : exists (W : vectType R) (f : {linear W -> 'M[R]_k}),
  [/\ injective f, forall S, symmetric S <-> exists w, S = f w & \dim {: W} = 'C(k.+1, 2)].
Proof.
exists [vectType R of {ffun upper -> R^o}], (Linear fill_is_linear); split.
- move=> h h' /matrixP e; apply/ffunP => t; have := e (val t).1 (val t).2.
  by rewrite !mxE position_val.
- move=> S; split=> [sS|[h ->]]; last by apply/matrixP => i j; rewrite !mxE positionC.
  exists [ffun t => S (val t).1 (val t).2]; apply/matrixP => i j; rewrite !mxE ffunE /= /sorted_pair.
  by case: ifP => // _; rewrite -{1}sS mxE.
- by rewrite dimvf -card_upper; exact: muln1.
Qed.

End SymmetricMatrices.

Variable (n : nat).
Implicit Types (g : 'cV[R]_n).

(** For g not 0 there is a matrix E whose n - 1 columns are a basis of the vectors orthogonal to g. *)
Theorem orthogonal_basis_exists g : g != 0 -> exists E : 'M[R]_(n, n.-1), E^T *m g = 0 /\ \rank E = n.-1.
Proof.
move=> nz; have rk : \rank (kermx g) = n.-1 by rewrite mxrank_ker rank_col // subn1.
have sub : row_base (kermx g) *m g = 0 by apply/sub_kermxP; rewrite eq_row_base.
have : \rank (row_base (kermx g)) = \rank (kermx g) by rewrite eq_row_base.
move: (row_base (kermx g)) sub; rewrite rk => F Fg rF.
by exists F^T; rewrite trmxK mxrank_tr.
Qed.

(** The symmetric N with N g = 0 are a linear space of dimension n(n-1)/2. *)
Theorem directions_dimension g : g != 0 ->
  exists V : {vspace 'M[R]_n},
    (forall N : 'M[R]_n, N \in V <-> symmetric N /\ N *m g = 0) /\ \dim V = (n * n.-1)./2.
Proof.
move=> nz; have [E [Eg rE]] := orthogonal_basis_exists nz.
have [W [f [f_inj onto dimW]]] := symmetric_param n.-1.
have lin : linear (fun w => E *m f w *m E^T).
  by move=> a u v; rewrite linearP (coordinates_linear E).
pose h := linfun (Linear lin).
exists (limg h); split.
  move=> N; rewrite (symmetric_coordinates nz Eg rE); split.
    case/memv_imgP => w _ ->; exists (f w); rewrite lfunE /=.
    split; first by split=> //; apply/onto; exists w.
    by move=> S [_]; exact: coordinates_inj.
  case=> S [[/onto[w ->] ->] _]; apply/memv_imgP; exists w; first exact: memvf.
  by rewrite lfunE.
have /eqP ker0 : lker h == 0%VS.
  by apply/lker0P => u v; rewrite !lfunE /= => /(coordinates_inj rE)/f_inj.
rewrite limg_dim_eq ?ker0 ?capv0 // dimW -bin2.
by have : (0 < n)%N by [rewrite -(rank_col nz) rank_leq_row]; case: (n).
Qed.

End Dimension.

Section Open.

Variables (R : realFieldType) (n : nat).
Implicit Types (x g y : 'cV[R]_n) (M N A : 'M[R]_n) (t : R).

(** |x.Ax| is at most (the sum of the |A_ij|) times x.x. *)
Lemma rayleigh_entries A x : `|dot x (A *m x)| <= (\sum_i \sum_j `|A i j|) * dot x x.
Proof.
have entry i j : `|x i 0 * x j 0| <= dot x x.
  have half l : x l 0 ^+ 2 <= dot x x.
    rewrite dotE (bigD1 l) //= -expr2 ler_addl; apply: sumr_ge0 => m _.
    by rewrite -expr2 sqr_ge0.
  rewrite -(@ler_pexpn2r _ 2) ?nnegrE ?dot_ge0 // real_normK ?num_real // exprMn expr2.
  by apply: ler_pmul; rewrite ?sqr_ge0 ?half.
have -> : dot x (A *m x) = \sum_i \sum_j A i j * (x i 0 * x j 0).
  rewrite dotE; apply: eq_bigr => i _; rewrite mxE mulr_sumr; apply: eq_bigr => j _.
  by rewrite mulrCA.
rewrite mulr_suml (le_trans (ler_norm_sum _ _ _)) //; apply: ler_sum => i _.
rewrite mulr_suml (le_trans (ler_norm_sum _ _ _)) //; apply: ler_sum => j _.
by rewrite normrM ler_wpmul2l.
Qed.

(** An SPD matrix has a positive lower bound m of its Rayleigh quotient (so of its spectrum). *)
Lemma spd_lower M : spd M -> exists2 m, 0 < m & forall x, m * dot x x <= dot x (M *m x).
Proof.
move=> pM; have [sM pos] := pM; have Mu := spd_unit pM.
pose C := 1 + \sum_i \sum_j `|invmx M i j|.
have C_gt0 : 0 < C.
  by rewrite ltr_paddr ?ltr01 //; apply: sumr_ge0 => i _; apply: sumr_ge0.
exists C^-1; first by rewrite invr_gt0.
move=> x; have [->|nz] := eqVneq x 0; first by rewrite !dot0l mulr0.
have xx : 0 < dot x x by rewrite dot_gt0.
have xMx := pos x nz; pose z := invmx M *m x; pose s := dot x x / dot x (M *m x).
have Mz : M *m z = x by rewrite mulKVmx.
have zx : dot z x <= C * dot x x.
  rewrite dotC (le_trans (ler_norm _)) // (le_trans (rayleigh_entries _ _)) //.
  by rewrite ler_wpmul2r ?dot_ge0 // ler_addr ler01.
have := (spd_psd pM).2 (z - s *: x).
rewrite mulmxBr Mz -scalemxAr !dot_linear (dot_sym z x sM) Mz => nonneg.
have le : dot x x ^+ 2 / dot x (M *m x) <= dot z x.
  rewrite -subr_ge0; move: nonneg; rewrite /s; move: (dot z x) (dot x x) (dot x (M *m x)) xMx => a b c c_gt0.
  by congr (0 <= _); field; rewrite gt_eqF.
rewrite mulrC ler_pdivr_mulr // mulrC -(ler_pmul2l xx) -expr2.
by rewrite mulrCA mulrA -ler_pdivr_mulr // (le_trans le) // mulrC.
Qed.

(** Open: near a metric M, every M + N with N symmetric, N g = 0 and small entries is again a metric. *)
Theorem metrics_open M g y : metric M g y ->
  exists2 e, 0 < e & forall N, symmetric N -> N *m g = 0 -> (forall i j, `|N i j| < e) -> metric (M + N) g y.
Proof.
move=> [pM Mg]; have [m m_gt0 lower] := spd_lower pM.
have K_gt0 : 0 < (n * n).+1%:R :> R by rewrite ltr0n.
exists (m / (n * n).+1%:R) => [|N sN Ng small]; first by rewrite divr_gt0.
split; last by rewrite mulmxDl Mg Ng addr0.
split=> [|x nz]; first by rewrite /symmetric linearD /= pM.1 sN.
have xx : 0 < dot x x by rewrite dot_gt0.
have sum_lt : \sum_i \sum_j `|N i j| < m.
  have le : \sum_i \sum_j `|N i j| <= (n * n)%:R * (m / (n * n).+1%:R).
    rewrite natrM -mulrA -[X in _ <= X%:R * _]card_ord mulr_natl -sumr_const; apply: ler_sum => i _.
    rewrite -[X in _ <= X%:R * _]card_ord mulr_natl -sumr_const.
    by apply: ler_sum => j _; exact/ltW/small.
  rewrite (le_lt_trans le) // mulrA ltr_pdivr_mulr // mulrC ltr_pmul2l //.
  by rewrite ltr_nat.
have := rayleigh_entries N x; rewrite ler_norml => /andP[lowN _].
rewrite mulmxDl dotDr (lt_le_trans _ (ler_add (lower x) lowN)) //.
by rewrite -mulNr -mulrDl mulr_gt0 // subr_gt0.
Qed.

(** Any two metrics of (g, y) differ by a symmetric N with N g = 0. *)
Theorem metrics_difference M M' g y : metric M g y -> metric M' g y ->
  symmetric (M' - M) /\ (M' - M) *m g = 0.
Proof.
move=> [[sM _] Mg] [[sM' _] Mg']; split; first by rewrite /symmetric linearB /= sM sM'.
by rewrite mulmxBl Mg Mg' subrr.
Qed.

(** Convex: the segment between two metrics consists of metrics. *)
Theorem metrics_convex M M' g y t : 0 <= t <= 1 -> metric M g y -> metric M' g y ->
  metric ((1 - t) *: M + t *: M') g y.
Proof.
move=> /andP[t_ge0 t_le1] [[sM pos] Mg] [[sM' pos'] Mg'].
split; last by rewrite mulmxDl -!scalemxAl Mg Mg' -scalerDl subrK scale1r.
split=> [|x nz]; first by rewrite /symmetric linearD !linearZ /= sM sM'.
rewrite mulmxDl -!scalemxAl !dot_linear; have := pos' x nz; have := pos x nz.
have [->|t_neq0] := eqVneq t 0; first by rewrite subr0 mul1r mul0r addr0.
move=> p p'; rewrite ltr_paddl ?mulr_ge0 ?subr_ge0 // ?(ltW p) // mulr_gt0 //.
by rewrite lt_def t_neq0.
Qed.

(** So every such direction N can be followed from every metric for a while. *)
Theorem metrics_directions M N g y : metric M g y -> symmetric N -> N *m g = 0 ->
  exists2 t, 0 < t & metric (M + t *: N) g y.
Proof.
move=> m sN Ng; have [e e_gt0 near] := metrics_open m.
pose C := \sum_i \sum_j `|N i j|.
have C1_gt0 : 0 < C + 1.
  by rewrite ltr_paddl ?ltr01 //; apply: sumr_ge0 => i _; apply: sumr_ge0.
exists (e / (C + 1)); first by rewrite divr_gt0.
apply: near => [||i j]; first by rewrite /symmetric linearZ /= sN.
  by rewrite -scalemxAl Ng scaler0.
rewrite mxE normrM (gtr0_norm (divr_gt0 e_gt0 C1_gt0)) mulrAC ltr_pdivr_mulr // ltr_pmul2l //.
have le : `|N i j| <= C.
  rewrite /C (bigD1 i) //= (bigD1 j) //= -addrA ler_addl addr_ge0 //; first exact: sumr_ge0.
  by apply: sumr_ge0 => k _; exact: sumr_ge0.
by rewrite (le_lt_trans le) // ltr_addl.
Qed.

End Open.
