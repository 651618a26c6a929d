(** * Convergence under the Polyak-Lojasiewicz inequality

    Extension of the paper. If a learning rule is natural gradient descent, its metric gives a rate at which
    the loss falls; a rate that needs no metric, only p/yy, is at least as good.

    Assumptions. The parameters live in a normed space of any dimension with a scalar product
    (real_inner_product and pair_inner_product build one on every R^n). In continuous time the parameters
    follow theta' = g on [0, T], the loss is differentiable along the trajectory, y = -grad L, p = y.g, yy =
    y.y, gg = g.g. The loss has the infimum 0 and satisfies the Polyak-Lojasiewicz inequality yy >= 2 mu L
    along the trajectory. The rate, p/yy or 1/lmax, is a continuous function of time on [0, T]. At the ends
    0 and T, where only one side matters, derivative and continuity are asked from both sides: extend the
    trajectory by a straight line and the rate by a constant. In discrete time, the loss after a step obeys
    Taylor's bound L_(k+1) <= L_k - eta p + eta^2 K gg/2, which holds for a K-Lipschitz gradient.

    Proved, over the real numbers:
    - gronwall: L' <= -r L on [0, T] implies L(T) <= L(0) exp(-int_0^T r);
    - loss_derive: the loss falls at the rate p, dL/dt = -y.g;
    - convergence_direct: while p >= 0 and yy > 0, L(T) <= L(0) exp(-2 mu int_0^T p/yy ds);
    - metric_gradient_bound: a metric M g = y with no eigenvalue above lmax has yy <= lmax p;
    - convergence_metric: so, with metrics M(t) g = y whose eigenvalues are at most lmax(t), L(T) <= L(0)
      exp(-2 mu int_0^T ds/lmax); convergence_exponential: L(T) <= L(0) exp(-2 mu T/l) if lmax <= l;
    - loss_tends_to_infimum, convergence_to_infimum: then the loss tends to 0 if the integral diverges, as
      it does if lmax is bounded;
    - direct_rate_at_least_metric_rate, direct_bound_at_most_metric_bound: the direct bound is at least as
      good as that of any metric;
    - minimiser_metric, minimiser_spectrum, minimiser_attains: M(a_star), a_star = yy/p, is a metric, and
      its largest eigenvalue is a_star (1+s), s the sine of the angle between g and y;
      convergence_minimiser: its bound;
    - direct_rate_factor, direct_rate_gain: p/yy is 1+s times the rate 1/(a_star (1+s)) of M(a_star); if s
      >= s0 along the trajectory, the direct exponent is at least 1+s0 times that of M(a_star);
    - step_convergence, best_step_convergence: one step of size eta <= 2p/(K gg) has L_(k+1) <= (1 - 2 mu
      eta (p/yy) (1 - eta K gg/(2p))) L_k, and (1 - c^2 mu/K) L_k for eta = p/(K gg), c the cosine of the
      angle;
    - discrete_convergence: steps of size eta <= 2 lmin/K with metrics of spectrum within [lmin, lmax] have
      L_k <= (1 - 2 mu eta/lmax (1 - eta K/(2 lmin)))^k L_0.

    NOT proved: that the trajectory exists; that the parameters converge; that the bounds are sharp; and
    Taylor's bound itself (proved elsewhere for K-Lipschitz gradients).

    Axioms: those of Coq's real numbers with classical logic, as Coquelicot uses them. *)

From Coq Require Import Reals Lra.
From Coquelicot Require Import Coquelicot.

Local Open Scope R_scope.

Section Lemmas.

Lemma integrable_on (f : R -> R) a b : a <= b -> (forall s, a <= s <= b -> continuous f s) -> ex_RInt f a b.
Proof.
  intros ab h; apply (ex_RInt_continuous (V := R_CompleteNormedModule)); intros s.
  rewrite Rmin_left, Rmax_right by lra; apply h.
Qed.

(** The point of [0, T] that is nearest to s. *)
Definition clamp (T s : R) : R := (Rabs s - Rabs (s - T) + T) / 2.

Lemma clamp_range T s : 0 <= T -> 0 <= clamp T s <= T.
Proof. intros hT; unfold clamp, Rabs; destruct (Rcase_abs s), (Rcase_abs (s - T)); lra. Qed.

Lemma clamp_id T s : 0 <= s <= T -> clamp T s = s.
Proof. intros hs; unfold clamp, Rabs; destruct (Rcase_abs s), (Rcase_abs (s - T)); lra. Qed.

Lemma clamp_continuous T s : continuous (clamp T) s.
Proof.
  unfold clamp, Rdiv; apply (continuous_mult (fun s => Rabs s - Rabs (s - T) + T) (fun _ => / 2)).
  2: apply continuous_const.
  apply (continuous_plus (fun s => Rabs s - Rabs (s - T)) (fun _ => T)); [|apply continuous_const].
  apply (continuous_minus Rabs (fun s => Rabs (s - T))); [apply continuous_Rabs|].
  apply (continuous_comp (fun s => s - T) Rabs); [|apply continuous_Rabs].
  apply (continuous_minus (fun s => s) (fun _ => T)); [apply continuous_id|apply continuous_const].
Qed.

End Lemmas.

Section Gronwall.

Variables (L L' r : R -> R) (T : R).

Hypothesis T_ge0 : 0 <= T.
Hypothesis L_derive : forall t, 0 <= t <= T -> is_derive L t (L' t).
Hypothesis r_continuous : forall t, 0 <= t <= T -> continuous r t.
Hypothesis rate : forall t, 0 <= t <= T -> L' t <= - r t * L t.

Let extended (s : R) : R := r (clamp T s).

Lemma extended_integral_derive t : is_derive (fun s => RInt extended 0 s) t (extended t).
Proof.
  assert (c : forall s, continuous extended s).
  { intros s; apply (continuous_comp (clamp T) r); [apply clamp_continuous|].
    apply r_continuous, clamp_range, T_ge0. }
  apply (is_derive_RInt extended (fun s => RInt extended 0 s) 0); [|apply c].
  apply filter_forall; intros b.
  apply (RInt_correct (V := R_CompleteNormedModule) extended 0 b),
    (ex_RInt_continuous (V := R_CompleteNormedModule)); intros; apply c.
Qed.

(** Gronwall's inequality: L' <= -r L on [0, T] implies L(T) <= L(0) exp(-int_0^T r). *)
Theorem gronwall : L T <= L 0 * exp (- RInt r 0 T).
Proof.
  replace (RInt r 0 T) with (RInt extended 0 T).
  2: { apply (RInt_ext (V := R_CompleteNormedModule)); intros s; rewrite Rmin_left, Rmax_right by lra.
       intros hs; unfold extended; rewrite clamp_id by lra; reflexivity. }
  set (E := fun s => exp (RInt extended 0 s)).
  assert (dE : forall s, is_derive E s (extended s * E s)).
  { intros s; apply (is_derive_comp exp (fun s => RInt extended 0 s)); [apply is_derive_exp|].
    apply extended_integral_derive. }
  assert (E0 : E 0 = 1) by (unfold E; rewrite RInt_point; exact exp_0).
  assert (H : L T * E T <= L 0 * E 0).
  { destruct (Req_dec T 0) as [->|nz]; [lra|].
    destruct (MVT_cor2 (fun s => L s * E s) (fun s => L' s * E s + L s * (extended s * E s)) 0 T)
      as [c [e hc]]; [lra| |].
    - intros s hs; apply is_derive_Reals; apply (is_derive_mult L E); [apply L_derive; lra|apply dE|].
      intros; apply Rmult_comm.
    - pose proof (rate c ltac:(lra)) as q; pose proof (exp_pos (RInt extended 0 c)) as pe; fold (E c) in pe.
      replace (extended c) with (r c) in e by (unfold extended; rewrite clamp_id by lra; reflexivity).
      assert (q' : (L' c + r c * L c) * E c <= 0) by nra.
      nra. }
  rewrite E0, Rmult_1_r in H.
  rewrite exp_Ropp; fold (E T).
  assert (pe : 0 < E T) by apply exp_pos.
  apply (Rmult_le_reg_r (E T)); [exact pe|].
  rewrite Rmult_assoc, Rinv_l by lra; lra.
Qed.

End Gronwall.

(** ** Scalar products and metrics *)

Section InnerProducts.

(** A scalar product on the space of the parameters. *)
Record inner_product (V : NormedModule R_AbsRing) := InnerProduct {
  dot :> V -> V -> R;
  dot_plus_l : forall u v w, dot (plus u v) w = dot u w + dot v w;
  dot_scal_l : forall (a : R) u w, dot (scal a u) w = a * dot u w;
  dot_sym : forall u v, dot u v = dot v u;
  dot_pos : forall u, u <> zero -> 0 < dot u u }.

(** The numbers, and pairs of vectors: so every R^n has its scalar product. *)
Definition real_inner_product : inner_product R_NormedModule.
Proof.
  apply (InnerProduct R_NormedModule (fun u v : R => u * v)).
  - intros u v w; apply Rmult_plus_distr_r.
  - intros a u w; apply Rmult_assoc.
  - intros u v; apply Rmult_comm.
  - intros u nz; apply Rsqr_pos_lt, nz.
Defined.

Lemma dot_zero_l (V : NormedModule R_AbsRing) (ip : inner_product V) v : ip zero v = 0.
Proof.
  pose proof (dot_plus_l _ ip zero zero v) as e; rewrite plus_zero_l in e; lra.
Qed.

Lemma dot_ge0 (V : NormedModule R_AbsRing) (ip : inner_product V) v : 0 <= ip v v.
Proof.
  destruct (Req_dec (ip v v) 0) as [->|nz]; [lra|left; apply dot_pos; intros ->; apply nz, dot_zero_l].
Qed.

Definition pair_inner_product (V W : NormedModule R_AbsRing) (a : inner_product V) (b : inner_product W) :
  inner_product (prod_NormedModule R_AbsRing V W).
Proof.
  apply (InnerProduct (prod_NormedModule R_AbsRing V W)
    (fun u v : V * W => a (fst u) (fst v) + b (snd u) (snd v))).
  - intros [u u'] [v v'] [w w']; simpl; rewrite !dot_plus_l; ring.
  - intros c [u u'] [w w']; simpl.
    change (a (scal c u) w + b (scal c u') w' = c * (a u w + b u' w')); rewrite !dot_scal_l; ring.
  - intros [u u'] [v v']; simpl; rewrite (dot_sym _ a u), (dot_sym _ b u'); ring.
  - intros [u u'] nz; simpl.
    pose proof (dot_ge0 V a u) as pa; pose proof (dot_ge0 W b u') as pb.
    destruct (Rle_lt_or_eq_dec _ _ pa) as [h|h]; [lra|].
    destruct (Rle_lt_or_eq_dec _ _ pb) as [h'|h']; [lra|].
    exfalso; apply nz.
    assert (n1 : ~ u <> zero) by (intros q; apply (dot_pos _ a) in q; lra).
    assert (n2 : ~ u' <> zero) by (intros q; apply (dot_pos _ b) in q; lra).
    apply Classical_Prop.NNPP in n1; apply Classical_Prop.NNPP in n2; subst; reflexivity.
Defined.

Variables (V : NormedModule R_AbsRing) (ip : inner_product V).

(** M is symmetric (and so linear) and positive definite, and M g = y. *)
Definition metric (M : V -> V) (g y : V) : Prop :=
  (forall u v, ip u (M v) = ip (M u) v) /\ (forall u, u <> zero -> 0 < ip u (M u)) /\ M g = y.

(** The spectrum of M lies in [m, l]: Rayleigh quotients. *)
Definition spectrum_at_most (M : V -> V) (l : R) : Prop := forall u, ip u (M u) <= l * ip u u.
Definition spectrum_at_least (M : V -> V) (m : R) : Prop := forall u, m * ip u u <= ip u (M u).

Lemma metric_nonnegative M g y u : metric M g y -> 0 <= ip u (M u).
Proof.
  intros [sM [pM _]]; destruct (Req_dec (ip u (M u)) 0) as [->|nz]; [lra|left; apply pM].
  intros ->; apply nz, dot_zero_l.
Qed.

(** If M g = y and no eigenvalue of M exceeds l, then |y|^2 <= l y.g. *)
Lemma metric_gradient_bound M g y l : metric M g y -> spectrum_at_most M l -> 0 < l -> ip y y <= l * ip y g.
Proof.
  intros h hl l0; pose proof (metric_nonnegative M g y (plus (scal l g) (scal (-1) y)) h) as q.
  destruct h as [sM [_ e]]; pose proof (hl y) as w.
  assert (x : forall a b u v, ip (plus (scal a u) (scal b v)) (M (plus (scal a u) (scal b v))) =
      a * a * ip u (M u) + a * b * (ip u (M v) + ip v (M u)) + b * b * ip v (M v)).
  { intros a b u v; set (w' := plus (scal a u) (scal b v)).
    assert (lin : forall z, ip w' z = a * ip u z + b * ip v z).
    { intros z; unfold w'; rewrite dot_plus_l, !dot_scal_l; reflexivity. }
    assert (swap : forall z, ip z (M w') = ip w' (M z)) by (intros z; rewrite sM; apply dot_sym).
    rewrite lin, !swap, !lin; ring. }
  rewrite x in q.
  assert (gy : ip g (M y) = ip y y) by (rewrite sM, e; reflexivity).
  rewrite gy, e, (dot_sym _ ip g y) in q; nra.
Qed.

(** If no eigenvalue of M lies below m, then m |g|^2 <= y.g. *)
Lemma metric_update_bound M g y m : metric M g y -> spectrum_at_least M m -> m * ip g g <= ip y g.
Proof. intros [_ [_ e]] hm; pose proof (hm g) as q; rewrite e, (dot_sym _ ip g y) in q; exact q. Qed.

End InnerProducts.

(** ** The metric of least condition number *)

(** The sine of the angle between g and y. *)
Definition sine (gg p yy : R) : R := sqrt (1 - p ^ 2 / (gg * yy)).

(** a_star (1+s), a_star = yy/p: the largest eigenvalue of M(a_star), by minimiser_spectrum and
    minimiser_attains. *)
Definition minimiser_lmax (gg p yy : R) : R := yy / p * (1 + sine gg p yy).

Section Minimiser.

Variables (V : NormedModule R_AbsRing) (ip : inner_product V) (g y : V).

Let gg := ip g g.
Let p := ip y g.
Let yy := ip y y.
Let s := sine gg p yy.

(** M(a_star) x = (y.x/p) y + (yy/p) (x - (g.x/gg) g). *)
Definition minimiser (x : V) : V :=
  plus (scal (ip y x / ip y g) y) (scal (ip y y / ip y g) (plus x (scal (- (ip g x / ip g g)) g))).

Hypothesis p_gt0 : 0 < p.

Lemma dot_plus_r u v w : ip u (plus v w) = ip u v + ip u w.
Proof. rewrite dot_sym, dot_plus_l, (dot_sym _ ip v), (dot_sym _ ip w); reflexivity. Qed.

Lemma dot_scal_r (a : R) u w : ip u (scal a w) = a * ip u w.
Proof. rewrite dot_sym, dot_scal_l, dot_sym; reflexivity. Qed.

Lemma dot_minimiser u x :
  ip u (minimiser x) = ip y u * ip y x / p + yy / p * (ip u x - ip g u * ip g x / gg).
Proof.
  unfold minimiser, yy, p, gg; rewrite !dot_plus_r, !dot_scal_r, !dot_plus_r, !dot_scal_r.
  rewrite (dot_sym _ ip u y), (dot_sym _ ip u g); unfold Rdiv; ring.
Qed.

Lemma gg_gt0 : 0 < gg.
Proof.
  apply dot_pos; intros e; revert p_gt0; unfold p; rewrite e, dot_sym, dot_zero_l; lra.
Qed.

Lemma yy_gt0 : 0 < yy.
Proof. apply dot_pos; intros e; revert p_gt0; unfold p; rewrite e, dot_zero_l; lra. Qed.

(** x minus its component along g. *)
Let rest (x : V) : V := plus x (scal (- (ip g x / gg)) g).

Lemma rest_square x : ip (rest x) (rest x) = ip x x - ip g x ^ 2 / gg.
Proof.
  pose proof gg_gt0 as h; unfold rest; rewrite !dot_plus_l, !dot_plus_r, !dot_scal_l, !dot_scal_r.
  rewrite (dot_sym _ ip x g); fold gg; field; lra.
Qed.

Lemma rest_zero x : rest x = zero -> x = scal (ip g x / gg) g.
Proof.
  intros e; unfold rest in e.
  apply (f_equal (fun z => plus z (scal (ip g x / gg) g))) in e.
  rewrite plus_zero_l, <- plus_assoc, <- scal_distr_r in e.
  change (plus (- (ip g x / gg)) (ip g x / gg)) with (- (ip g x / gg) + ip g x / gg) in e.
  rewrite Rplus_opp_l in e.
  replace (scal 0 g) with (zero : V) in e by (symmetry; exact (scal_zero_l g)).
  rewrite plus_zero_r in e; exact e.
Qed.

(** M(a_star) is a metric: symmetric, positive definite, M(a_star) g = y. *)
Theorem minimiser_metric : metric V ip minimiser g y.
Proof.
  pose proof gg_gt0 as hg; pose proof yy_gt0 as hy.
  split; [|split].
  - intros u v; rewrite (dot_sym _ ip (minimiser u)), !dot_minimiser, (dot_sym _ ip u v); unfold Rdiv; ring.
  - intros u nz; rewrite dot_minimiser.
    replace (ip u u - ip g u * ip g u / gg) with (ip (rest u) (rest u)).
    2: { rewrite rest_square; unfold Rdiv; ring. }
    assert (a1 : 0 <= ip y u * ip y u / p) by (apply Rdiv_le_0_compat; nra).
    assert (a2 : 0 < yy / p) by (apply Rdiv_lt_0_compat; assumption).
    destruct (Req_dec (ip (rest u) (rest u)) 0) as [z|z].
    + rewrite z; assert (e : u = scal (ip g u / gg) g).
      { apply rest_zero, Classical_Prop.NNPP; intros q; apply (dot_pos _ ip) in q; lra. }
      assert (k : ip g u / gg <> 0).
      { intros k; apply nz; rewrite e, k; exact (scal_zero_l g). }
      assert (f : ip y u = ip g u / gg * p) by (rewrite e at 1; rewrite dot_scal_r; reflexivity).
      rewrite f; pose proof (Rsqr_pos_lt _ k) as k2; unfold Rsqr in k2.
      replace (ip g u / gg * p * (ip g u / gg * p) / p + yy / p * 0) with (ip g u / gg * (ip g u / gg) * p)
        by (field; lra); nra.
    + pose proof (dot_ge0 V ip (rest u)); nra.
  - unfold minimiser; fold p yy gg.
    replace (p / p) with 1 by (field; lra); replace (- (gg / gg)) with (-1) by (field; lra).
    replace (scal 1 y) with y by (symmetry; exact (scal_one y)).
    replace (plus g (scal (-1) g)) with (zero : V).
    2: { replace (scal (-1) g) with (opp g); [symmetry; apply plus_opp_r|].
         symmetry; exact (scal_opp_one g). }
    transitivity (plus y zero); [apply f_equal; exact (scal_zero_r (yy / p))|apply plus_zero_r].
Qed.

Lemma sine_square : s ^ 2 = 1 - p ^ 2 / (gg * yy) /\ p ^ 2 = (1 - s) * (1 + s) * (gg * yy).
Proof.
  pose proof gg_gt0 as hg; pose proof yy_gt0 as hy.
  assert (cs : 0 <= 1 - p ^ 2 / (gg * yy)).
  { pose proof (dot_ge0 V ip (rest y)) as q; rewrite rest_square in q.
    rewrite (dot_sym _ ip g y) in q; fold p yy in q.
    replace (1 - p ^ 2 / (gg * yy)) with ((yy - p ^ 2 / gg) / yy) by (field; lra).
    apply Rdiv_le_0_compat; assumption. }
  assert (e : s ^ 2 = 1 - p ^ 2 / (gg * yy)) by (unfold s, sine; apply pow2_sqrt, cs).
  split; [exact e|].
  replace ((1 - s) * (1 + s)) with (1 - s ^ 2) by ring; rewrite e; field; lra.
Qed.

Lemma sine_range : 0 <= s < 1.
Proof.
  destruct sine_square as [e _]; assert (s0 : 0 <= s) by apply sqrt_pos; split; [exact s0|].
  assert (0 < p ^ 2 / (gg * yy)).
  { apply Rdiv_lt_0_compat; [apply pow_lt, p_gt0|apply Rmult_lt_0_compat; [apply gg_gt0|apply yy_gt0]]. }
  nra.
Qed.

(** No eigenvalue of M(a_star) exceeds a_star (1+s). *)
Theorem minimiser_spectrum : spectrum_at_most V ip minimiser (minimiser_lmax gg p yy).
Proof.
  intros x; pose proof gg_gt0 as hg; pose proof yy_gt0 as hy.
  destruct sine_square as [_ e]; destruct sine_range as [s0 s1].
  rewrite dot_minimiser; unfold minimiser_lmax; fold s.
  set (A := ip y x); set (B := ip g x); set (X := ip x x).
  assert (key : A ^ 2 * gg - B ^ 2 * yy <= s * X * (gg * yy)).
  { destruct (Rle_lt_or_eq_dec 0 s s0) as [sp|sz].
    - (* |x - u|^2 >= 0 for the projection u of x on the plane of g and y *)
      assert (gram : A ^ 2 * gg + B ^ 2 * yy - 2 * A * B * p <= s ^ 2 * (gg * yy) * X).
      { set (w := gg * yy - p ^ 2).
        assert (ew : w = s ^ 2 * (gg * yy)) by (unfold w; rewrite e; ring).
        assert (wp : 0 < w) by (rewrite ew; apply Rmult_lt_0_compat; [apply pow_lt, sp|nra]).
        set (r := plus (scal w x) (plus (scal (- (yy * B - p * A)) g) (scal (- (gg * A - p * B)) y))).
        pose proof (dot_ge0 V ip r) as q.
        assert (er : ip r r = w * (w * X - (A ^ 2 * gg + B ^ 2 * yy - 2 * A * B * p))).
        { unfold r; rewrite !dot_plus_l, !dot_plus_r, !dot_scal_l, !dot_scal_r.
          rewrite (dot_sym _ ip x g), (dot_sym _ ip x y), (dot_sym _ ip g y).
          fold gg p yy A B X; unfold w; ring. }
        rewrite er in q; rewrite <- ew; nra. }
      assert (sq : 0 <= (1 - s) * A ^ 2 * gg + (1 + s) * B ^ 2 * yy - 2 * A * B * p).
      { apply (Rmult_le_reg_r ((1 + s) * yy)); [apply Rmult_lt_0_compat; lra|].
        replace (((1 - s) * A ^ 2 * gg + (1 + s) * B ^ 2 * yy - 2 * A * B * p) * ((1 + s) * yy))
          with ((1 - s) * (1 + s) * (gg * yy) * A ^ 2 + ((1 + s) * yy * B) ^ 2
                - 2 * A * B * p * ((1 + s) * yy)) by ring.
        rewrite <- e; pose proof (pow2_ge_0 (p * A - (1 + s) * yy * B)); lra. }
      apply (Rmult_le_reg_r s); [exact sp|]; lra.
    - (* s = 0: y is a multiple of g *)
      assert (z : ip (rest y) (rest y) = 0).
      { rewrite rest_square, (dot_sym _ ip g y); fold p yy.
        rewrite <- sz in e; rewrite e; field; lra. }
      assert (c : y = scal (p / gg) g).
      { unfold p; rewrite (dot_sym _ ip y g).
        apply rest_zero, Classical_Prop.NNPP; intros q; apply (dot_pos _ ip) in q; lra. }
      assert (f : A = p / gg * B).
      { unfold A; rewrite c at 1; apply dot_scal_l. }
      rewrite <- sz, f in *.
      replace ((p / gg * B) ^ 2 * gg) with (B ^ 2 * (p ^ 2 / gg)) by (field; lra).
      rewrite e; replace ((1 - 0) * (1 + 0) * (gg * yy) / gg) with yy by (field; lra); lra. }
  assert (pos : 0 < gg * p) by (apply Rmult_lt_0_compat; assumption).
  apply (Rmult_le_reg_r (gg * p)); [exact pos|].
  replace ((A * A / p + yy / p * (X - B * B / gg)) * (gg * p)) with (A ^ 2 * gg - B ^ 2 * yy + gg * yy * X)
    by (field; lra).
  replace (yy / p * (1 + s) * X * (gg * p)) with (s * X * (gg * yy) + gg * yy * X) by (field; lra); lra.
Qed.

(** And a_star (1+s) is the Rayleigh quotient of a nonzero vector: it is the largest eigenvalue. *)
Theorem minimiser_attains : exists u, u <> zero /\ ip u (minimiser u) = minimiser_lmax gg p yy * ip u u.
Proof.
  pose proof gg_gt0 as hg; pose proof yy_gt0 as hy.
  destruct sine_square as [_ e]; destruct sine_range as [s0 s1]; unfold minimiser_lmax; fold s.
  destruct (Rle_lt_or_eq_dec 0 s s0) as [sp|sz].
  - exists (plus (scal (p / yy) y) (scal (- (1 - s)) g)).
    set (u := plus _ _).
    assert (ug : ip g u = gg * ((1 - s) * s)).
    { unfold u; rewrite dot_plus_r, !dot_scal_r, (dot_sym _ ip g y); fold gg p.
      replace (p / yy * p) with (p ^ 2 / yy) by (field; lra); rewrite e; field; lra. }
    assert (uy : ip y u = s * p).
    { unfold u; rewrite dot_plus_r, !dot_scal_r; fold p yy; field; lra. }
    assert (uu : ip u u = p / yy * (s * p) - (1 - s) * (gg * ((1 - s) * s))).
    { unfold u at 1; rewrite dot_plus_l, !dot_scal_l, ug, uy; ring. }
    split.
    + intros z; rewrite z, dot_sym, dot_zero_l in ug.
      assert (0 < gg * ((1 - s) * s)) by (apply Rmult_lt_0_compat; [|apply Rmult_lt_0_compat]; lra); lra.
    + rewrite dot_minimiser, ug, uy, uu.
      apply (Rmult_eq_reg_r (p * yy)); [|apply Rgt_not_eq, Rmult_lt_0_compat; assumption].
      transitivity (s ^ 2 * p ^ 2 * yy
        + yy * (p ^ 2 * s - (1 - s) ^ 2 * s * (gg * yy) - gg * yy * (1 - s) ^ 2 * s ^ 2)).
      * field; lra.
      * transitivity (yy * (1 + s) * (p ^ 2 * s - (1 - s) ^ 2 * s * (gg * yy))); [|field; lra].
        rewrite e; ring.
  - exists g; split.
    + intros z; unfold gg in hg; rewrite z, dot_zero_l in hg; lra.
    + rewrite dot_minimiser; fold gg p yy; rewrite <- sz.
      rewrite <- sz in e; apply (Rmult_eq_reg_r p); [|lra].
      transitivity (p ^ 2); [field; lra|].
      rewrite e; field; lra.
Qed.

End Minimiser.

(** ** Along a trajectory *)

Section Trajectory.

(** The parameters live in V; the rule moves them along theta with the velocity g; y = -grad loss at theta. *)
Variables (V : NormedModule R_AbsRing) (ip : inner_product V) (loss : V -> R).
Variables (theta g y : R -> V) (mu T : R).

Hypothesis T_ge0 : 0 <= T.
Hypothesis velocity : forall t, 0 <= t <= T -> is_derive theta t (g t).
Hypothesis gradient : forall t, 0 <= t <= T -> filterdiff loss (locally (theta t)) (fun h => - ip (y t) h).

(** The Polyak-Lojasiewicz inequality with infimum 0, along the trajectory. *)
Hypothesis pl : forall t, 0 <= t <= T -> 2 * mu * loss (theta t) <= ip (y t) (y t).

(** The loss falls at the rate p = y.g. *)
Theorem loss_derive t : 0 <= t <= T -> is_derive (fun s => loss (theta s)) t (- ip (y t) (g t)).
Proof.
  intros ht; pose proof (filterdiff_comp' theta loss t _ _ (velocity t ht) (gradient t ht)) as c.
  apply (filterdiff_ext_lin _ _ _ c); intros r.
  assert (e : ip (y t) (scal r (g t)) = r * ip (y t) (g t)).
  { rewrite dot_sym, dot_scal_l, (dot_sym _ ip (g t)); reflexivity. }
  transitivity (- (r * ip (y t) (g t))); [exact (f_equal Ropp e)|].
  change (- (r * ip (y t) (g t)) = r * - ip (y t) (g t)); ring.
Qed.

(** Without a metric: while p >= 0 and yy > 0, L(T) <= L(0) exp(-2 mu int_0^T p/yy). *)
Theorem convergence_direct :
  (forall t, 0 <= t <= T -> 0 <= ip (y t) (g t)) -> (forall t, 0 <= t <= T -> 0 < ip (y t) (y t)) ->
  (forall t, 0 <= t <= T -> continuous (fun s => ip (y s) (g s) / ip (y s) (y s)) t) ->
  loss (theta T) <= loss (theta 0) * exp (- (2 * mu * RInt (fun t => ip (y t) (g t) / ip (y t) (y t)) 0 T)).
Proof.
  intros p_ge0 yy_gt0 cont; set (q := fun t => ip (y t) (g t) / ip (y t) (y t)).
  replace (2 * mu * RInt q 0 T) with (RInt (fun t => 2 * mu * q t) 0 T).
  2: { apply (RInt_scal (V := R_CompleteNormedModule) q), integrable_on; assumption. }
  apply (gronwall (fun t => loss (theta t)) (fun t => - ip (y t) (g t)) (fun t => 2 * mu * q t) T T_ge0).
  - apply loss_derive.
  - intros t ht; apply (continuous_mult (fun _ => 2 * mu) q); [apply continuous_const|apply cont, ht].
  - intros t ht; pose proof (pl t ht) as h; pose proof (p_ge0 t ht); pose proof (yy_gt0 t ht) as py.
    assert (q0 : 0 <= q t) by (apply Rdiv_le_0_compat; assumption).
    assert (e : ip (y t) (g t) = q t * ip (y t) (y t)) by (unfold q; field; lra).
    rewrite e; nra.
Qed.

(** With any metrics M(t) g = y whose eigenvalues do not exceed lmax(t):
    L(T) <= L(0) exp(-2 mu int_0^T ds/lmax). *)
Theorem convergence_metric (M : R -> V -> V) (lmax : R -> R) :
  (forall t, 0 <= t <= T -> metric V ip (M t) (g t) (y t)) ->
  (forall t, 0 <= t <= T -> spectrum_at_most V ip (M t) (lmax t)) ->
  (forall t, 0 <= t <= T -> 0 < lmax t) -> (forall t, 0 <= t <= T -> continuous lmax t) ->
  loss (theta T) <= loss (theta 0) * exp (- (2 * mu * RInt (fun t => / lmax t) 0 T)).
Proof.
  intros hM hl l_gt0 l_cont.
  assert (cont : forall t, 0 <= t <= T -> continuous (fun s => / lmax s) t).
  { intros t ht; apply (continuous_comp lmax Rinv); [apply l_cont, ht|].
    apply continuous_Rinv, Rgt_not_eq, l_gt0, ht. }
  replace (2 * mu * RInt (fun t => / lmax t) 0 T) with (RInt (fun t => 2 * mu * / lmax t) 0 T).
  2: { apply (RInt_scal (V := R_CompleteNormedModule) (fun t => / lmax t)), integrable_on; assumption. }
  apply (gronwall (fun t => loss (theta t)) (fun t => - ip (y t) (g t)) (fun t => 2 * mu * / lmax t) T T_ge0).
  - apply loss_derive.
  - intros t ht; apply (continuous_mult (fun _ => 2 * mu)); [apply continuous_const|apply cont, ht].
  - intros t ht; pose proof (l_gt0 t ht) as l0; pose proof (pl t ht) as h.
    pose proof (metric_gradient_bound V ip (M t) (g t) (y t) (lmax t) (hM t ht) (hl t ht) l0) as b.
    assert (i : 0 < / lmax t) by (apply Rinv_0_lt_compat, l0).
    assert (e : / lmax t * (lmax t * ip (y t) (g t)) = ip (y t) (g t)) by (field; lra).
    nra.
Qed.

(** With M(a_star): L(T) <= L(0) exp(-2 mu int_0^T ds/(a_star (1+s))). *)
Theorem convergence_minimiser :
  (forall t, 0 <= t <= T -> 0 < ip (y t) (g t)) ->
  (forall t, 0 <= t <= T ->
    continuous (fun s => minimiser_lmax (ip (g s) (g s)) (ip (y s) (g s)) (ip (y s) (y s))) t) ->
  loss (theta T) <= loss (theta 0) * exp (- (2 * mu *
    RInt (fun t => / minimiser_lmax (ip (g t) (g t)) (ip (y t) (g t)) (ip (y t) (y t))) 0 T)).
Proof.
  intros p_gt0 cont; apply (convergence_metric (fun t => minimiser V ip (g t) (y t))).
  - intros t ht; apply minimiser_metric, p_gt0, ht.
  - intros t ht; apply minimiser_spectrum, p_gt0, ht.
  - intros t ht; pose proof (yy_gt0 V ip (g t) (y t) (p_gt0 t ht)) as hy; pose proof (p_gt0 t ht).
    apply Rmult_lt_0_compat; [apply Rdiv_lt_0_compat; assumption|].
    pose proof (sqrt_pos (1 - ip (y t) (g t) ^ 2 / (ip (g t) (g t) * ip (y t) (y t)))); unfold sine; lra.
  - exact cont.
Qed.

(** If no metric has an eigenvalue above l: L(T) <= L(0) exp(-2 mu T/l). *)
Theorem convergence_exponential (M : R -> V -> V) (l : R) : 0 < l ->
  (forall t, 0 <= t <= T -> metric V ip (M t) (g t) (y t)) ->
  (forall t, 0 <= t <= T -> spectrum_at_most V ip (M t) l) ->
  loss (theta T) <= loss (theta 0) * exp (- (2 * mu * T / l)).
Proof.
  intros l0 hM hl; pose proof (convergence_metric M (fun _ => l) hM hl (fun _ _ => l0)
    (fun t _ => continuous_const (U := R_UniformSpace) (V := R_UniformSpace) l t)) as q.
  cbv beta in q; replace (RInt (fun _ : R => / l) 0 T) with ((T - 0) * / l) in q.
  2: { symmetry; apply (RInt_const (V := R_CompleteNormedModule) 0 T (/ l)). }
  replace (2 * mu * T / l) with (2 * mu * ((T - 0) * / l)) by (field; lra); exact q.
Qed.

End Trajectory.

(** If the bound's integral diverges and mu > 0, a loss that is never negative tends to its infimum 0. *)
Theorem loss_tends_to_infimum (L I : R -> R) (mu : R) : 0 < mu -> (forall t, 0 <= t -> 0 <= L t) ->
  (forall t, 0 <= t -> L t <= L 0 * exp (- (2 * mu * I t))) -> is_lim I p_infty p_infty -> is_lim L p_infty 0.
Proof.
  intros m0 pos h lim; apply (is_lim_le_le_loc (fun _ => 0) (fun t => L 0 * exp (- (2 * mu * I t)))).
  - exists 0; intros t ht; split; [apply pos; lra|apply h; lra].
  - apply is_lim_const.
  - replace (Finite 0) with (Rbar_mult (L 0) 0) by (simpl; f_equal; ring).
    apply (is_lim_scal_l (fun t => exp (- (2 * mu * I t)))).
    apply (is_lim_comp exp (fun t => - (2 * mu * I t)) p_infty 0 m_infty); [apply is_lim_exp_m| |].
    + replace m_infty with (Rbar_opp p_infty) by reflexivity; apply (is_lim_opp (fun t => 2 * mu * I t)).
      replace p_infty with (Rbar_mult (2 * mu) p_infty) at 2.
      * apply is_lim_scal_l, lim.
      * simpl; destruct (Rle_dec 0 (2 * mu)) as [q|q]; [|lra].
        destruct (Rle_lt_or_eq_dec 0 (2 * mu) q) as [q'|q']; [reflexivity|lra].
    + exists 0; intros; discriminate.
Qed.

(** If mu > 0 and no metric ever has an eigenvalue above l, the loss tends to its infimum 0. *)
Theorem convergence_to_infimum (V : NormedModule R_AbsRing) (ip : inner_product V) (loss : V -> R)
    (theta g y : R -> V) (mu l : R) (M : R -> V -> V) :
  0 < mu -> 0 < l -> (forall t, 0 <= t -> 0 <= loss (theta t)) ->
  (forall t, 0 <= t -> is_derive theta t (g t)) ->
  (forall t, 0 <= t -> filterdiff loss (locally (theta t)) (fun h => - ip (y t) h)) ->
  (forall t, 0 <= t -> 2 * mu * loss (theta t) <= ip (y t) (y t)) ->
  (forall t, 0 <= t -> metric V ip (M t) (g t) (y t)) ->
  (forall t, 0 <= t -> spectrum_at_most V ip (M t) l) ->
  is_lim (fun t => loss (theta t)) p_infty 0.
Proof.
  intros m0 l0 pos vel grad pl hM hl.
  apply (loss_tends_to_infimum (fun t => loss (theta t)) (fun t => / l * t) mu m0 pos).
  - intros T hT; replace (2 * mu * (/ l * T)) with (2 * mu * T / l) by (field; lra).
    apply (convergence_exponential V ip loss theta g y mu T hT) with (M := M); [| | |exact l0| |];
      intros t [ht _]; auto.
  - replace p_infty with (Rbar_mult (/ l) p_infty) at 2; [apply is_lim_scal_l, is_lim_id|].
    pose proof (Rinv_0_lt_compat l l0) as i; simpl; destruct (Rle_dec 0 (/ l)) as [q|q]; [|lra].
    destruct (Rle_lt_or_eq_dec 0 (/ l) q) as [q'|q']; [reflexivity|lra].
Qed.

(** ** The rates compared *)

Section Rates.

(** The direct rate p/yy is 1+s times the rate 1/lambda_max(M(a_star)). *)
Theorem direct_rate_factor gg p yy : 0 < p -> 0 < yy ->
  p / yy = (1 + sine gg p yy) * / minimiser_lmax gg p yy.
Proof.
  intros hp hy; pose proof (sqrt_pos (1 - p ^ 2 / (gg * yy))) as q.
  unfold minimiser_lmax, sine; field; lra.
Qed.

Variables (p yy lmax : R -> R) (T : R).

Hypothesis T_ge0 : 0 <= T.
Hypothesis p_gt0 : forall t, 0 <= t <= T -> 0 < p t.
Hypothesis yy_gt0 : forall t, 0 <= t <= T -> 0 < yy t.
Hypothesis direct_continuous : forall t, 0 <= t <= T -> continuous (fun s => p s / yy s) t.
Hypothesis lmax_gt0 : forall t, 0 <= t <= T -> 0 < lmax t.
Hypothesis lmax_continuous : forall t, 0 <= t <= T -> continuous lmax t.

(** The direct bound's integral is at least that of every metric (yy <= lmax p: metric_gradient_bound). *)
Theorem direct_rate_at_least_metric_rate : (forall t, 0 <= t <= T -> yy t <= lmax t * p t) ->
  RInt (fun t => / lmax t) 0 T <= RInt (fun t => p t / yy t) 0 T.
Proof.
  intros h; apply RInt_le; [exact T_ge0| | |].
  - apply integrable_on; [exact T_ge0|]; intros t ht.
    apply (continuous_comp lmax Rinv); [apply lmax_continuous, ht|].
    apply continuous_Rinv, Rgt_not_eq, lmax_gt0, ht.
  - apply integrable_on; assumption.
  - intros t ht; pose proof (h t ltac:(lra)); pose proof (lmax_gt0 t ltac:(lra)).
    pose proof (yy_gt0 t ltac:(lra)).
    apply (Rmult_le_reg_r (lmax t * yy t)); [apply Rmult_lt_0_compat; assumption|].
    replace (/ lmax t * (lmax t * yy t)) with (yy t) by (field; lra).
    replace (p t / yy t * (lmax t * yy t)) with (lmax t * p t) by (field; lra); assumption.
Qed.

(** So the direct bound is at most that of any metric. *)
Theorem direct_bound_at_most_metric_bound (L0 mu : R) : 0 <= L0 -> 0 <= mu ->
  (forall t, 0 <= t <= T -> yy t <= lmax t * p t) ->
  L0 * exp (- (2 * mu * RInt (fun t => p t / yy t) 0 T)) <=
  L0 * exp (- (2 * mu * RInt (fun t => / lmax t) 0 T)).
Proof.
  intros l0 m0 h; apply Rmult_le_compat_l; [exact l0|].
  assert (q : - (2 * mu * RInt (fun t => p t / yy t) 0 T) <= - (2 * mu * RInt (fun t => / lmax t) 0 T)).
  { apply Ropp_le_contravar, Rmult_le_compat_l; [lra|apply direct_rate_at_least_metric_rate, h]. }
  destruct q as [q|q]; [left; apply exp_increasing, q|right; f_equal; exact q].
Qed.

(** If s >= s0 all along, the direct bound's integral is at least 1+s0 times that of M(a_star). *)
Theorem direct_rate_gain (gg : R -> R) (s0 : R) :
  (forall t, 0 <= t <= T -> lmax t = minimiser_lmax (gg t) (p t) (yy t)) ->
  (forall t, 0 <= t <= T -> s0 <= sine (gg t) (p t) (yy t)) ->
  (1 + s0) * RInt (fun t => / lmax t) 0 T <= RInt (fun t => p t / yy t) 0 T.
Proof.
  intros e hs.
  assert (ex : ex_RInt (fun t => / lmax t) 0 T).
  { apply integrable_on; [exact T_ge0|]; intros t ht.
    apply (continuous_comp lmax Rinv); [apply lmax_continuous, ht|].
    apply continuous_Rinv, Rgt_not_eq, lmax_gt0, ht. }
  replace ((1 + s0) * RInt (fun t => / lmax t) 0 T) with (RInt (fun t => (1 + s0) * / lmax t) 0 T).
  2: { apply (RInt_scal (V := R_CompleteNormedModule) (fun t => / lmax t)), ex. }
  apply RInt_le; [exact T_ge0| | |].
  - apply (ex_RInt_scal (V := R_NormedModule) (fun t => / lmax t)), ex.
  - apply integrable_on; assumption.
  - intros t ht; rewrite (direct_rate_factor (gg t)), <- e by (try apply p_gt0; try apply yy_gt0; lra).
    pose proof (hs t ltac:(lra)); pose proof (Rinv_0_lt_compat _ (lmax_gt0 t ltac:(lra))); nra.
Qed.

End Rates.

(** ** Discrete time *)

Section Discrete.

(** One step of size eta from the loss L to the loss L1, with Taylor's bound. *)
Variables (L L1 eta K mu gg p yy : R).

Hypothesis K_ge0 : 0 <= K.
Hypothesis eta_ge0 : 0 <= eta.
Hypothesis p_gt0 : 0 < p.
Hypothesis yy_gt0 : 0 < yy.
Hypothesis pl : 2 * mu * L <= yy.
Hypothesis taylor : L1 <= L - eta * p + eta ^ 2 * K * gg / 2.

(** While eta K gg <= 2 p: L1 <= (1 - 2 mu eta (p/yy) (1 - eta K gg/(2p))) L. *)
Theorem step_convergence : eta * K * gg <= 2 * p ->
  L1 <= (1 - 2 * mu * eta * (p / yy) * (1 - eta * K * gg / (2 * p))) * L.
Proof.
  intros small; eapply Rle_trans; [exact taylor|].
  assert (q : 0 <= 1 - eta * K * gg / (2 * p)).
  { apply (Rmult_le_reg_r (2 * p)); [lra|].
    replace ((1 - eta * K * gg / (2 * p)) * (2 * p)) with (2 * p - eta * K * gg) by (field; lra); lra. }
  assert (r : 0 <= eta * (p / yy)) by (apply Rmult_le_pos; [lra|left; apply Rdiv_lt_0_compat; lra]).
  replace (L - eta * p + eta ^ 2 * K * gg / 2)
    with (L - eta * (p / yy) * (1 - eta * K * gg / (2 * p)) * yy) by (field; lra).
  pose proof (Rmult_le_pos _ _ r q); nra.
Qed.

(** With the step eta = p/(K gg): L1 <= (1 - c^2 mu/K) L, c the cosine of the angle between g and y. *)
Theorem best_step_convergence : 0 < K -> 0 < gg -> eta = p / (K * gg) ->
  L1 <= (1 - p ^ 2 / (gg * yy) * (mu / K)) * L.
Proof.
  intros hK hg e.
  assert (x : eta * K * gg = p) by (rewrite e; field; lra).
  replace (p ^ 2 / (gg * yy) * (mu / K)) with (2 * mu * eta * (p / yy) * (1 - eta * K * gg / (2 * p))).
  - apply step_convergence; lra.
  - rewrite x, e; field; repeat split; lra.
Qed.

End Discrete.

(** Steps of size eta <= 2 lmin/K, metrics with spectrum within [lmin, lmax]: the loss falls geometrically. *)
Theorem discrete_convergence (V : NormedModule R_AbsRing) (ip : inner_product V) (M : nat -> V -> V)
    (g y : nat -> V) (L : nat -> R) (eta K mu lmin lmax : R) :
  0 <= K -> 0 <= mu -> 0 < lmin -> 0 < lmax -> 0 < eta -> eta * K <= 2 * lmin ->
  (forall k, 0 <= L k) -> (forall k, metric V ip (M k) (g k) (y k)) ->
  (forall k, spectrum_at_least V ip (M k) lmin) -> (forall k, spectrum_at_most V ip (M k) lmax) ->
  (forall k, 2 * mu * L k <= ip (y k) (y k)) ->
  (forall k, L (S k) <= L k - eta * ip (y k) (g k) + eta ^ 2 * K * ip (g k) (g k) / 2) ->
  forall k, L k <= (1 - 2 * mu * eta / lmax * (1 - eta * K / (2 * lmin))) ^ k * L 0%nat.
Proof.
  intros hK hmu m0 l0 he small pos hM hm hl pl taylor; set (q := 1 - _).
  assert (step : forall k, L (S k) <= q * L k).
  { intros k; eapply Rle_trans; [apply taylor|].
    pose proof (metric_gradient_bound V ip _ _ _ _ (hM k) (hl k) l0) as b.
    pose proof (metric_update_bound V ip _ _ _ _ (hM k) (hm k)) as d.
    pose proof (pl k) as w; pose proof (pos k) as z; revert b d w; unfold q.
    generalize (ip (y k) (y k)) (ip (y k) (g k)) (ip (g k) (g k)); intros yy p gg b d w.
    set (f := 1 - eta * K / (2 * lmin)).
    assert (f0 : 0 <= f).
    { apply (Rmult_le_reg_r (2 * lmin)); [lra|]; unfold f.
      replace ((1 - eta * K / (2 * lmin)) * (2 * lmin)) with (2 * lmin - eta * K) by (field; lra); lra. }
    assert (s1 : eta ^ 2 * K * gg / 2 <= eta * p * (1 - f)).
    { unfold f; replace (eta * p * (1 - (1 - eta * K / (2 * lmin)))) with (eta ^ 2 * K / 2 * (p / lmin))
        by (field; lra).
      replace (eta ^ 2 * K * gg / 2) with (eta ^ 2 * K / 2 * gg) by field.
      apply Rmult_le_compat_l; [|].
      - pose proof (pow2_ge_0 eta); nra.
      - apply (Rmult_le_reg_r lmin); [lra|]; replace (p / lmin * lmin) with p by (field; lra); lra. }
    assert (s2 : 2 * mu * L k / lmax <= p).
    { apply (Rmult_le_reg_r lmax); [lra|].
      replace (2 * mu * L k / lmax * lmax) with (2 * mu * L k) by (field; lra); lra. }
    replace ((1 - 2 * mu * eta / lmax * f) * L k) with (L k - eta * f * (2 * mu * L k / lmax))
      by (field; lra).
    assert (ef : 0 <= eta * f) by (apply Rmult_le_pos; lra).
    nra. }
  assert (sign : 0 <= q \/ forall k, L k = 0).
  { destruct (Rle_or_lt 0 q) as [h|h]; [left; exact h|right; intros k].
    pose proof (step k); pose proof (pos k); pose proof (pos (S k)); nra. }
  destruct sign as [q0|zero]; [|intros k; rewrite !zero; lra].
  induction k as [|k IH]; simpl; [lra|].
  eapply Rle_trans; [apply step|]; nra.
Qed.
