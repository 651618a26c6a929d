(** * Stochastic learning rules: the mean update, a certificate from samples of the loss, and a counterexample

    The paper treats rules with noise in two ways. In discrete time a step is theta+ = theta + eta G, where
    the update G is random; in continuous time the rule is the diffusion d theta = g dt + sigma dW. In both
    the question is whether the mean update is natural gradient descent, that is, whether a symmetric positive
    definite matrix M has M (mean update) = y, where y = -grad L.

    Assumptions. In discrete time G has finitely many outcomes G_i with weights w_i >= 0 that sum to 1. The
    loss enters through the numbers dL_i = L(theta + eta G_i) - L(theta), bounded as by a K-Lipschitz
    gradient: |dL_i + eta y.G_i| <= eta^2 K |G_i|^2 / 2. Quadratic losses satisfy this
    ([quadratic_loss_smooth]).

    Proved, over any ordered field and in any dimension, without axioms:
    - for the mean update gbar != 0 a metric exists exactly when y.gbar > 0 (from CanonicalForm.v), where
      y.gbar = E[y.G] is a mean of numbers that can be sampled;
    - E|G|^2 = |gbar|^2 + tr Cov(G);
    - |E dL + eta y.gbar| <= eta^2 K E|G|^2 / 2; so an expected decrease above eta^2 K E|G|^2 / 2 certifies
      y.gbar > 0, that threshold is the best possible, and eta < 2 y.gbar / (K E|G|^2) certifies an expected
      decrease;
    - for the diffusion, the drift of the loss is -y.g + tr(sigma sigma^T H) / 2. When the trace is not
      negative (for example when H is positive semidefinite) a negative drift certifies a metric. In general
      it does not: for L = -theta^2 / 2 and g = -delta theta near 0 the expected loss falls, but y.g <= 0 and
      there is no metric.

    Not proved: Ito's formula. The drift is taken as a definition; [expected_change_one_step] shows for
    quadratic losses that it is the first-order term in the time step h of the exact expected change of the
    loss over one step h g + sqrt(h) sigma W, for every finitely distributed W with mean 0 and covariance I.
    Distributions with infinitely many outcomes, and confidence from finitely many samples, are not treated
    either. *)



From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
From Natgrad Require Import LinearAlgebra.
From Natgrad Require Import CanonicalForm.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section FiniteRule.

Variables (R : realFieldType) (n : nat) (I : finType).
(** The weights of the outcomes. *)
Variable w : I -> R.
Hypothesis w_ge0 : forall i, 0 <= w i.
Hypothesis w_sum1 : \sum_i w i = 1.

(** The mean of a number, of a vector and of a matrix that depend on the outcome. *)
Definition mean (X : I -> R) : R := \sum_i w i * X i.
Definition mean_vector (m : nat) (G : I -> 'cV[R]_m) : 'cV[R]_m := \sum_i w i *: G i.
Definition mean_matrix (m k : nat) (G : I -> 'M[R]_(m, k)) : 'M[R]_(m, k) := \sum_i w i *: G i.

(** The covariance matrix E[(G - E G)(G - E G)^T]. *)
Definition covariance (G : I -> 'cV[R]_n) : 'M[R]_n :=
  mean_matrix (fun i => (G i - mean_vector G) *m (G i - mean_vector G)^T).

Variable G : I -> 'cV[R]_n.
Let gbar := mean_vector G.
Implicit Types (y : 'cV[R]_n).

Lemma meanD (X Y : I -> R) : mean (fun i => X i + Y i) = mean X + mean Y.
Proof. by rewrite /mean -big_split; apply: eq_bigr => i _; rewrite mulrDr. Qed.

Lemma meanZ a (X : I -> R) : mean (fun i => a * X i) = a * mean X.
Proof. by rewrite /mean mulr_sumr; apply: eq_bigr => i _; rewrite mulrCA. Qed.

Lemma mean_cst a : mean (fun=> a) = a.
Proof. by rewrite /mean -mulr_suml w_sum1 mul1r. Qed.

Lemma eq_mean (X Y : I -> R) : X =1 Y -> mean X = mean Y.
Proof. by move=> e; apply: eq_bigr => i _; rewrite e. Qed.

Lemma ler_mean (X Y : I -> R) : (forall i, X i <= Y i) -> mean X <= mean Y.
Proof. by move=> le; apply: ler_sum => i _; apply: ler_wpmul2l. Qed.

Lemma mean_ge0 (X : I -> R) : (forall i, 0 <= X i) -> 0 <= mean X.
Proof. by move=> X_ge0; apply: sumr_ge0 => i _; rewrite mulr_ge0. Qed.

(** y.gbar = E[y.G]: the sign that decides is that of a mean of numbers. *)
Theorem dot_mean_vector y : dot y gbar = mean (fun i => dot y (G i)).
Proof. by rewrite dot_sumr; apply: eq_bigr => i _; rewrite dotZr. Qed.

(** The mean update, when it is not zero, has a metric exactly when E[y.G] > 0. *)
Theorem mean_update_metric_iff y :
  gbar != 0 -> (exists M, metric M gbar y) <-> 0 < mean (fun i => dot y (G i)).
Proof. by rewrite -dot_mean_vector; apply: metric_exists_iff. Qed.

(** E|G|^2 = |gbar|^2 + tr Cov(G). *)
Theorem mean_square_decomposition : mean (fun i => dot (G i) (G i)) = dot gbar gbar + \tr (covariance G).
Proof.
rewrite /covariance /mean_matrix raddf_sum /=.
have -> : \sum_i \tr (w i *: ((G i - gbar) *m (G i - gbar)^T))
        = mean (fun i => dot (G i) (G i) + (- (2%:R * dot gbar (G i)) + dot gbar gbar)).
  apply: eq_bigr => i _; rewrite linearZ /= trace_outer !dot_linear (dotC (G i) gbar); congr (_ * _).
  by move: (dot (G i) (G i)) (dot gbar (G i)) (dot gbar gbar) => a b c; ring.
rewrite !meanD mean_cst.
have -> : mean (fun i => - (2%:R * dot gbar (G i))) = - (2%:R * dot gbar gbar).
  by rewrite -mulNr dot_mean_vector -meanZ; apply: eq_mean => i; rewrite mulNr.
by move: (mean _) (dot gbar gbar) => a b; ring.
Qed.

(** The covariance is positive semidefinite. *)
Theorem covariance_psd : psd (covariance G).
Proof.
rewrite /covariance /mean_matrix; apply: (big_ind (@psd R n)).
- by split=> [|x]; [rewrite /symmetric trmx0 | rewrite mul0mx dot0r].
- exact: psdD.
move=> i _; have [s p] := psd_outer (G i - mean_vector G); split.
  by rewrite /symmetric linearZ /= s.
by move=> x; rewrite -scalemxAl dotZr mulr_ge0.
Qed.

Section Certificate.

Variables (y : 'cV[R]_n) (dL : I -> R) (eta K : R).
Hypothesis eta_gt0 : 0 < eta.

Let EG2 := mean (fun i => dot (G i) (G i)).
Let bound i := eta ^+ 2 * K * dot (G i) (G i) / 2%:R.

Let mean_bound : mean bound = eta ^+ 2 * K * EG2 / 2%:R.
Proof.
rewrite -[RHS]mulrA [EG2 / _]mulrC mulrA -meanZ; apply: eq_mean => i; rewrite /bound.
by move: (dot _ _) => a; field.
Qed.

Let mean_first_order : mean (fun i => - (eta * dot y (G i))) = - (eta * dot y gbar).
Proof. by rewrite -mulNr dot_mean_vector -meanZ; apply: eq_mean => i; rewrite mulNr. Qed.

(** An upper bound on each outcome's change of the loss bounds its mean. *)
Theorem expected_change_le :
    (forall i, dL i <= - (eta * dot y (G i)) + eta ^+ 2 * K * dot (G i) (G i) / 2%:R) ->
  mean dL <= - (eta * dot y gbar) + eta ^+ 2 * K * EG2 / 2%:R.
Proof. by move/ler_mean; rewrite meanD mean_first_order mean_bound. Qed.

(** The same from below. *)
Theorem expected_change_ge :
    (forall i, - (eta * dot y (G i)) - eta ^+ 2 * K * dot (G i) (G i) / 2%:R <= dL i) ->
  - (eta * dot y gbar) - eta ^+ 2 * K * EG2 / 2%:R <= mean dL.
Proof.
move/ler_mean; rewrite meanD mean_first_order; suff -> : mean (fun i => - bound i) = - mean bound.
  by rewrite mean_bound.
by rewrite -[RHS]mulN1r -meanZ; apply: eq_mean => i; rewrite mulN1r.
Qed.

(** An expected decrease of the loss above eta^2 K E|G|^2 / 2 certifies y.gbar > 0. *)
Theorem expected_decrease_certifies :
    (forall i, - (eta * dot y (G i)) - eta ^+ 2 * K * dot (G i) (G i) / 2%:R <= dL i) ->
    eta ^+ 2 * K * EG2 / 2%:R < - mean dL ->
  0 < dot y gbar.
Proof.
move=> /expected_change_ge lo dec; rewrite -(pmulr_rgt0 _ eta_gt0) -oppr_lt0.
rewrite -(ltr_add2r (- (eta ^+ 2 * K * EG2 / 2%:R))) add0r.
by apply: le_lt_trans lo _; rewrite ltr_oppr.
Qed.

(** So it certifies that the mean update is natural gradient descent: a metric takes gbar to y. *)
Corollary expected_decrease_metric :
    (forall i, - (eta * dot y (G i)) - eta ^+ 2 * K * dot (G i) (G i) / 2%:R <= dL i) ->
    eta ^+ 2 * K * EG2 / 2%:R < - mean dL ->
  exists M, metric M gbar y.
Proof. by move=> lo dec; apply/metric_existsP; left; apply: expected_decrease_certifies. Qed.

(** Conversely eta K E|G|^2 < 2 y.gbar certifies an expected decrease. *)
Theorem small_step_expected_decrease :
    (forall i, dL i <= - (eta * dot y (G i)) + eta ^+ 2 * K * dot (G i) (G i) / 2%:R) ->
    eta * (K * EG2) < 2%:R * dot y gbar ->
  mean dL < 0.
Proof.
move=> /expected_change_le up small; apply: le_lt_trans up _.
rewrite addrC subr_lt0 ltr_pdivr_mulr ?ltr0n //.
move: small; move: EG2 (dot y gbar) => e p small.
have -> : eta ^+ 2 * K * e = eta * (eta * (K * e)) by ring.
by rewrite -mulrA ltr_pmul2l // [p * _]mulrC.
Qed.

(** The same with the bound on eta as a quotient. *)
Corollary step_bound_expected_decrease :
    (forall i, dL i <= - (eta * dot y (G i)) + eta ^+ 2 * K * dot (G i) (G i) / 2%:R) ->
    0 < K * EG2 -> eta < 2%:R * dot y gbar / (K * EG2) ->
  mean dL < 0.
Proof. by move=> up KE; rewrite ltr_pdivl_mulr //; apply: small_step_expected_decrease. Qed.

End Certificate.
End FiniteRule.

Section Quadratic.

Variables (R : realFieldType) (n : nat).
Implicit Types (H : 'M[R]_n) (x u : 'cV[R]_n).

(** The quadratic loss x.Hx / 2. For H symmetric its gradient is Hx and its Hessian is H. *)
Definition quadratic_loss H x : R := dot x (H *m x) / 2%:R.

(** Its exact expansion; the linear term shows that minus its gradient at x is - Hx. *)
Lemma quadratic_loss_change H x u t : symmetric H ->
  quadratic_loss H (x + t *: u) - quadratic_loss H x
  = - (t * dot (- (H *m x)) u) + t ^+ 2 * dot u (H *m u) / 2%:R.
Proof.
move=> sH; rewrite /quadratic_loss mulmxDr -scalemxAr !dot_linear (dot_sym x u sH) (dotC u (H *m x)).
by move: (dot x _) (dot (H *m x) u) (dot u _) => a b c; field.
Qed.

(** If |u.Hu| <= K u.u for every u then the quadratic loss satisfies the two bounds that the certificate
    assumes. *)
Theorem quadratic_loss_smooth H x u K eta :
    symmetric H -> (forall v, `|dot v (H *m v)| <= K * dot v v) ->
  let dL := quadratic_loss H (x + eta *: u) - quadratic_loss H x in
  - (eta * dot (- (H *m x)) u) - eta ^+ 2 * K * dot u u / 2%:R <= dL
  /\ dL <= - (eta * dot (- (H *m x)) u) + eta ^+ 2 * K * dot u u / 2%:R.
Proof.
move=> sH smooth; rewrite /= quadratic_loss_change // !ler_add2l.
have := smooth u; rewrite ler_norml => /andP [lo up].
have sq := sqr_ge0 eta; have half : 0 <= (2%:R : R)^-1 by rewrite invr_ge0 ler0n.
split; last by rewrite ler_wpmul2r // -mulrA ler_wpmul2l.
by rewrite -mulNr ler_wpmul2r // -mulrA -mulrN ler_wpmul2l.
Qed.

End Quadratic.

Section Sharp.

Variables (R : realFieldType) (n : nat) (I : finType) (w : I -> R) (G : I -> 'cV[R]_n) (eta K : R).

(** The threshold cannot be lowered: for L = -K|theta|^2 / 2 at theta = 0 every rule has an expected
    decrease of
    exactly eta^2 K E|G|^2 / 2, and y = 0. *)
Theorem certificate_threshold_sharp :
  let H := - K%:M : 'M[R]_n in
  let dL i := quadratic_loss H (0 + eta *: G i) - quadratic_loss H 0 in
  - mean w dL = eta ^+ 2 * K * mean w (fun i => dot (G i) (G i)) / 2%:R
  /\ dot (- (H *m 0)) (mean_vector w G) = 0.
Proof.
split; last by rewrite mulmx0 oppr0 dot0l.
rewrite -[RHS]mulrA [_ / 2%:R]mulrC mulrA -meanZ -mulN1r -meanZ; apply: eq_mean => i.
rewrite quadratic_loss_change; last by rewrite /symmetric linearN /= tr_scalar_mx.
rewrite mulmx0 oppr0 dot0l mulNmx mul_scalar_mx !dot_linear.
by move: (dot _ _) => a; field.
Qed.

End Sharp.

Section Diffusion.

Variables (R : realFieldType) (n m : nat).
Implicit Types (H : 'M[R]_n) (g y x : 'cV[R]_n) (sigma : 'M[R]_(n, m)).

(** The drift E[dL]/dt of the loss along d theta = g dt + sigma dW, as Ito's formula gives it. *)
Definition loss_drift y g sigma H : R := - dot y g + \tr (sigma *m sigma^T *m H) / 2%:R.

(** tr(sigma sigma^T H) is the sum of s.Hs over the columns s of sigma. *)
Lemma trace_noise sigma H : \tr (sigma *m sigma^T *m H) = \sum_k dot (col k sigma) (H *m col k sigma).
Proof.
rewrite -mulmxA mxtrace_mulC /mxtrace; apply: eq_bigr => k _.
by rewrite /dot tr_col mulmxA -row_mul colE mulmxA -row_mul -colE !mxE.
Qed.

(** The noise term is not negative when H is positive semidefinite, as for a convex loss. *)
Lemma trace_noise_ge0 sigma H : psd H -> 0 <= \tr (sigma *m sigma^T *m H).
Proof. by move=> [_ p]; rewrite trace_noise; apply: sumr_ge0 => k _; apply: p. Qed.

(** When the noise term is not negative, a negative drift of the loss certifies y.g > 0, hence a metric. *)
Theorem negative_drift_certifies y g sigma H :
  0 <= \tr (sigma *m sigma^T *m H) -> loss_drift y g sigma H < 0 -> 0 < dot y g /\ exists M, metric M g y.
Proof.
move=> tr_ge0; rewrite /loss_drift => neg; suff p_gt0 : 0 < dot y g by split=> //; apply/metric_existsP; left.
by rewrite -oppr_lt0; apply: le_lt_trans neg; rewrite ler_addl divr_ge0 ?ler0n.
Qed.

(** One step h g + sqrt(h) sigma W with h = s^2, where W has finitely many values, mean 0 and covariance I:
    the
    expected change of a quadratic loss is h times the drift, plus a term of order h^2. *)
Theorem expected_change_one_step (I : finType) (w : I -> R) (W : I -> 'cV[R]_m) H x g sigma s :
    \sum_i w i = 1 -> mean_vector w W = 0 -> mean_matrix w (fun i => W i *m (W i)^T) = 1%:M -> symmetric H ->
  mean w (fun i => quadratic_loss H (x + (s ^+ 2 *: g + s *: (sigma *m W i))) - quadratic_loss H x)
  = s ^+ 2 * loss_drift (- (H *m x)) g sigma H + s ^+ 4 * quadratic_loss H g.
Proof.
move=> w1 W0 WW sH; pose y := - (H *m x); pose N := sigma^T *m H *m sigma.
have cross u : mean w (fun i => dot u (sigma *m W i)) = 0.
  rewrite (@eq_mean _ _ w _ (fun i => dot (sigma^T *m u) (W i))) => [|i].
    by rewrite -dot_mean_vector W0 dot0r.
  by rewrite /dot trmx_mul trmxK mulmxA.
have square : mean w (fun i => dot (sigma *m W i) (H *m (sigma *m W i))) = \tr (sigma *m sigma^T *m H).
  have -> : \tr (sigma *m sigma^T *m H) = \tr (N *m 1%:M) by rewrite mulmx1 mxtrace_mulC mulmxA
    mxtrace_mulC mulmxA.
  rewrite -WW /mean_matrix mulmx_sumr raddf_sum /=; apply: eq_bigr => i _.
  rewrite -scalemxAr linearZ /=; congr (_ * _).
  by rewrite [in RHS]mulmxA (mxtrace_mulC (N *m W i)) trace_mx11 /dot trmx_mul /N !mulmxA.
pose c0 := - (s ^+ 2 * dot y g) + s ^+ 4 * quadratic_loss H g; pose c1 := s ^+ 2 / 2%:R.
have change i : quadratic_loss H (x + (s ^+ 2 *: g + s *: (sigma *m W i))) - quadratic_loss H x
  = c0 + (- s * dot y (sigma *m W i)
          + (s ^+ 3 * dot (H *m g) (sigma *m W i) + c1 * dot (sigma *m W i) (H *m (sigma *m W i)))).
  have := quadratic_loss_change x (s ^+ 2 *: g + s *: (sigma *m W i)) 1 sH; rewrite scale1r => ->.
  rewrite -/y mulmxDr -!scalemxAr /c0 /c1 /quadratic_loss; move: (y) => z; rewrite !dot_linear.
  rewrite (dot_sym g (sigma *m W i) sH) (dotC (sigma *m W i) (H *m g)).
  move: (dot z _) (dot z _) (dot g _) (dot (H *m g) _) (dot _ (H *m (sigma *m W i))) => a b c d e.
  by field.
have [c0E c1E] : c0 = - (s ^+ 2 * dot y g) + s ^+ 4 * quadratic_loss H g /\ c1 = s ^+ 2 / 2%:R by [].
clearbody c0 c1; rewrite (eq_mean _ change) !meanD mean_cst // !meanZ !cross square /loss_drift -/y c0E c1E.
by move: (\tr _) (dot y g) (quadratic_loss H g) => a b c; field.
Qed.

End Diffusion.

Section Counterexample.

Variables (R : realFieldType) (n : nat).
Implicit Types (x : 'cV[R]_n).

(** L = -|theta|^2 / 2 with g = -delta theta and noise sigma I. Near 0, where 2 delta |theta|^2 < n
    sigma^2, the
    drift of the loss is negative, and so is the expected change over a step of any size, although y.g <=
      0; away
    from theta = 0 no metric takes g to y. *)
Theorem negative_drift_without_metric (delta sigma : R) x :
    0 < delta -> 2%:R * delta * dot x x < n%:R * sigma ^+ 2 ->
  let H := - 1%:M : 'M[R]_n in
  let y := - (H *m x) in
  let g := - delta *: x in
  [/\ loss_drift y g (sigma%:M : 'M[R]_n) H < 0,
      dot y g <= 0,
      x != 0 -> ~ exists M, metric M g y
    & forall (I : finType) (w : I -> R) (W : I -> 'cV[R]_n) (s : R),
        \sum_i w i = 1 -> mean_vector w W = 0 -> mean_matrix w (fun i => W i *m (W i)^T) = 1%:M -> s != 0 ->
      mean w (fun i => quadratic_loss H (x + (s ^+ 2 *: g + s *: (sigma%:M *m W i))) - quadratic_loss H x)
        < 0].
Proof.
move=> d_gt0 near H y g.
have yE : y = x by rewrite /y /H mulNmx mul1mx opprK.
have pE : dot y g = - (delta * dot x x) by rewrite yE /g dotZr mulNr.
have drift : loss_drift y g (sigma%:M : 'M[R]_n) H < 0.
  rewrite /loss_drift pE opprK tr_scalar_mx -scalar_mxM /H mulmxN mulmx1 linearN /= mxtrace_scalar.
  rewrite mulNr subr_lt0 ltr_pdivl_mulr ?ltr0n //.
  by move: near; rewrite (mulr_natl (sigma ^+ 2)) expr2 -mulrA [2%:R * _]mulrC.
split=> //.
- by rewrite pE oppr_le0 mulr_ge0 ?dot_ge0 ?ltW.
- move=> x_nz; rewrite metric_existsP pE oppr_gt0 => -[|[_ y0]]; last by rewrite -yE y0 eqxx in x_nz.
  by rewrite ltNge mulr_ge0 ?dot_ge0 ?ltW.
move=> I w W s w1 W0 WW s_nz.
have sH : symmetric H by rewrite /symmetric linearN /= trmx1.
rewrite (expected_change_one_step x g sigma%:M s w1 W0 WW sH).
have ql_le0 : quadratic_loss H g <= 0.
  by rewrite /quadratic_loss /H mulNmx mul1mx dotNr mulNr oppr_le0 divr_ge0 ?dot_ge0 ?ler0n.
have s4 : 0 <= s ^+ 4 by rewrite -[4%N]/(2 * 2)%N exprM sqr_ge0.
apply: (ltr_naddr (mulr_ge0_le0 s4 ql_le0)).
by rewrite pmulr_rlt0 // lt_def sqr_ge0 sqrf_eq0 s_nz.
Qed.

End Counterexample.

Section CounterexamplePoint.

Variable R : realFieldType.

(** Such points exist: for every delta > 0 and sigma != 0 some theta != 0 of the line has p < 0 and a negative
    drift. So a negative drift does not certify a metric in general. *)
Theorem negative_drift_without_metric_exists (delta sigma : R) :
    0 < delta -> sigma != 0 ->
  exists x : 'cV[R]_1,
    let H := - 1%:M : 'M[R]_1 in
    let y := - (H *m x) in
    let g := - delta *: x in
    [/\ loss_drift y g (sigma%:M : 'M[R]_1) H < 0, dot y g < 0 & ~ exists M, metric M g y].
Proof.
move=> d_gt0 s_nz; pose a := sigma ^+ 2 / (2%:R * delta); pose t := a / (a + 1).
have s2 : 0 < sigma ^+ 2 by rewrite lt_def sqr_ge0 sqrf_eq0 s_nz.
have d2_gt0 : 0 < 2%:R * delta by rewrite mulr_gt0 ?ltr0n.
have a_gt0 : 0 < a by exact: divr_gt0.
have a1_gt0 : 0 < a + 1 by rewrite addr_gt0 ?ltr01.
have t_gt0 : 0 < t by rewrite divr_gt0.
have t2 : t * t < a.
  rewrite /t mulrACA -invfM ltr_pdivr_mulr ?mulr_gt0 // ltr_pmul2l //.
  have -> : (a + 1) * (a + 1) = a + (a * a + a + 1) by ring.
  by rewrite ltr_addl addr_gt0 ?ltr01 // addr_gt0 // mulr_gt0.
exists t%:M; set x : 'cV[R]_1 := t%:M.
have xx : dot x x = t * t by rewrite /dot tr_scalar_mx -scalar_mxM mxE mulr1n.
have x_nz : x != 0 by rewrite -dot_gt0 xx mulr_gt0.
have near : 2%:R * delta * dot x x < 1%:R * sigma ^+ 2.
  by rewrite xx mul1r mulrC -ltr_pdivl_mulr.
have /= [drift _ none _] := negative_drift_without_metric d_gt0 near.
split=> //; last exact: none.
by rewrite mulNmx mul1mx opprK dotZr mulNr oppr_lt0 mulr_gt0 // dot_gt0.
Qed.

End CounterexamplePoint.
