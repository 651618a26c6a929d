(** * Improvement over a window of time

    Extension of the paper. A learning rule need not lower the loss at every instant: if the loss is lower at
    the end of every window of time than at the start of the window, then the loss averaged over the window
    falls all the time, and for this averaged loss, Lbar, the rule is effective.

    Assumptions. Discrete time: L_0, L_1, ... is any sequence of losses, and m >= 1 is the length of the
    window. Continuous time: L(t) is the loss along one trajectory, a continuous function on an open interval
    of time, and m > 0. Flow: the loss is a function of the state; phi_s(theta) is the state that the rule
    reaches from theta after the time s, with phi_(s+t)(theta) = phi_s(phi_t(theta)); the trajectory of theta
    exists on an open interval that contains [0, m], and the loss is continuous along it.

    Proved, over the real numbers:
    - window_mean_step: Lbar_k = (1/m) sum_(j<m) L_(k+j) has Lbar_(k+1) - Lbar_k = (L_(k+m) - L_k)/m;
    - window_mean_decreases_iff, window_mean_decreasing_iff: Lbar falls at step k exactly when L_(k+m) < L_k,
      and it decreases strictly for ever exactly when the loss improves over every window;
    - window_average_derive: Lbar(t) = (1/m) int_t^(t+m) L(s) ds has the derivative (L(t+m) - L(t))/m;
    - window_average_derivative_negative_iff: this is negative exactly when L(t+m) < L(t);
    - window_average_decreasing: improvement over every window makes Lbar strictly decreasing;
    - window_average_nonincreasing_iff: Lbar never increases exactly when L(t+m) <= L(t) at all times;
    - flow_average_derive: with Lbar(theta) = (1/m) int_0^m L(phi_s(theta)) ds, the derivative of
      Lbar(phi_t(theta)) at t = 0 is (L(phi_m(theta)) - L(theta))/m;
    - flow_average_gradient: hence g.grad Lbar = (L(phi_m(theta)) - L(theta))/m if Lbar is differentiable at
      theta and the trajectory leaves theta with the velocity g, in any number of parameters;
      flow_average_gradient_1d is the case of one parameter;
    - flow_average_effective_iff: and -grad Lbar.g > 0 exactly when L(phi_m(theta)) < L(theta).

    NOT proved: that the flow of a smooth field exists and that Lbar is then differentiable; nor the formulas
    for grad Lbar by the derivative of the flow or by the adjoint equation.

    Axioms: those of Coq's real numbers with classical logic, as Coquelicot uses them. *)

From Coq Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.

Local Open Scope R_scope.

Section Lemmas.

Lemma continuous_ex_RInt (f : R -> R) a b :
  (forall s, Rmin a b <= s <= Rmax a b -> continuous f s) -> ex_RInt f a b.
Proof. exact (ex_RInt_continuous (V := R_CompleteNormedModule) f a b). Qed.

Lemma quotient_negative_iff a m : 0 < m -> (a / m < 0 <-> a < 0).
Proof.
  intros hm; assert (e : a / m * m = a) by (field; lra); split; intros h; nra.
Qed.

(** A function that never increases has no positive derivative. *)
Lemma nonincreasing_derivative (f : R -> R) (lo hi t l : R) : lo < t < hi ->
  (forall r s, lo < r -> r < s -> s < hi -> f s <= f r) -> is_derive f t l -> l <= 0.
Proof.
  intros ht mono d; destruct (Rle_or_lt l 0) as [h|h]; [exact h|exfalso].
  apply is_derive_Reals in d; destruct (d l h) as [del hd].
  pose proof (cond_pos del) as pd; set (x := Rmin (del / 2) ((hi - t) / 2)).
  assert (hx : 0 < x) by (apply Rmin_pos; lra).
  assert (x1 : x <= del / 2) by apply Rmin_l.
  assert (x2 : x <= (hi - t) / 2) by apply Rmin_r.
  assert (q := hd x ltac:(lra) ltac:(rewrite Rabs_pos_eq; lra)).
  apply Rabs_def2 in q; destruct q as [_ q].
  pose proof (mono t (t + x) ltac:(lra) ltac:(lra) ltac:(lra)) as w.
  assert (e : (f (t + x) - f t) / x * x = f (t + x) - f t) by (field; lra).
  nra.
Qed.

End Lemmas.

Section Discrete.

Variable L : nat -> R.

(** The sum of the m losses L_k, ..., L_(k+m-1). *)
Fixpoint window_sum (m k : nat) : R :=
  match m with O => 0 | S j => window_sum j k + L (k + j)%nat end.

(** Lbar_k. *)
Definition window_mean (m k : nat) : R := window_sum m k / INR m.

Lemma window_sum_step m k : window_sum m (S k) - window_sum m k = L (k + m)%nat - L k.
Proof.
  induction m as [|m IH]; simpl; [rewrite Nat.add_0_r; ring|].
  replace (k + S m)%nat with (S (k + m)) by lia; lra.
Qed.

(** Lbar_(k+1) - Lbar_k = (L_(k+m) - L_k)/m. *)
Theorem window_mean_step m k : (0 < m)%nat ->
  window_mean m (S k) - window_mean m k = (L (k + m)%nat - L k) / INR m.
Proof.
  intros hm; unfold window_mean; rewrite <- window_sum_step; field.
  apply not_0_INR; lia.
Qed.

(** The windowed loss falls at step k exactly when the loss improves over the window that starts at k. *)
Theorem window_mean_decreases_iff m k : (0 < m)%nat ->
  (window_mean m (S k) < window_mean m k <-> L (k + m)%nat < L k).
Proof.
  intros hm; pose proof (window_mean_step m k hm) as e.
  pose proof (quotient_negative_iff (L (k + m)%nat - L k) (INR m) (lt_0_INR m hm)) as q.
  rewrite <- e in q; lra.
Qed.

(** The windowed loss decreases strictly for ever exactly when the loss improves over every window. *)
Theorem window_mean_decreasing_iff m : (0 < m)%nat ->
  ((forall j k, (j < k)%nat -> window_mean m k < window_mean m j) <-> forall k, L (k + m)%nat < L k).
Proof.
  intros hm; split.
  - intros h k; apply (window_mean_decreases_iff m k hm), h; lia.
  - intros h j k hjk; induction hjk as [|k hjk IH].
    + apply window_mean_decreases_iff; auto.
    + eapply Rlt_trans; [apply window_mean_decreases_iff; auto|exact IH].
Qed.

End Discrete.

Section Continuous.

Variables (L : R -> R) (m lo hi : R).

Hypothesis m_gt0 : 0 < m.

(** The loss is continuous on the open interval of time (lo, hi). *)
Hypothesis L_continuous : forall t, lo < t < hi -> continuous L t.

(** Lbar(t), the average of the loss over the window [t, t+m]. *)
Definition window_average (t : R) : R := RInt L t (t + m) / m.

Lemma loss_integrable a b : lo < a < hi -> lo < b < hi -> ex_RInt L a b.
Proof.
  intros ha hb; apply continuous_ex_RInt; intros s hs; apply L_continuous.
  revert hs; unfold Rmin, Rmax; destruct (Rle_dec a b); lra.
Qed.

Lemma loss_primitive_derive c t : lo < c < hi -> lo < t < hi -> is_derive (fun s => RInt L c s) t (L t).
Proof.
  intros hc ht; apply (is_derive_RInt L (fun s => RInt L c s) c); [|apply L_continuous, ht].
  assert (pos : 0 < Rmin (t - lo) (hi - t)) by (apply Rmin_pos; lra).
  exists (mkposreal _ pos); intros b hb.
  apply (RInt_correct (V := R_CompleteNormedModule) L c b), loss_integrable; [exact hc|].
  apply Rabs_def2 in hb; simpl in hb; unfold minus, plus, opp in hb; simpl in hb.
  pose proof (Rmin_l (t - lo) (hi - t)); pose proof (Rmin_r (t - lo) (hi - t)); lra.
Qed.

Lemma window_average_primitive c t : lo < c < hi -> lo < t -> t + m < hi ->
  window_average t = / m * (RInt L c (t + m) - RInt L c t).
Proof.
  intros hc h1 h2; unfold window_average.
  assert (e : RInt L c t + RInt L t (t + m) = RInt L c (t + m)).
  { apply (RInt_Chasles (V := R_CompleteNormedModule) L c t (t + m)); apply loss_integrable; lra. }
  rewrite <- e; field; lra.
Qed.

(** The windowed loss has the derivative (L(t+m) - L(t))/m. *)
Theorem window_average_derive t : lo < t -> t + m < hi -> is_derive window_average t ((L (t + m) - L t) / m).
Proof.
  intros h1 h2.
  apply (is_derive_ext_loc (fun s => / m * (RInt L t (s + m) - RInt L t s))).
  { assert (pos : 0 < Rmin (t - lo) (hi - (t + m))) by (apply Rmin_pos; lra).
    exists (mkposreal _ pos); intros s hs; symmetry.
    apply Rabs_def2 in hs; simpl in hs; unfold minus, plus, opp in hs; simpl in hs.
    pose proof (Rmin_l (t - lo) (hi - (t + m))); pose proof (Rmin_r (t - lo) (hi - (t + m))).
    apply window_average_primitive; lra. }
  replace ((L (t + m) - L t) / m) with (/ m * (L (t + m) - L t)) by (unfold Rdiv; ring).
  apply (is_derive_scal (fun s => RInt L t (s + m) - RInt L t s)).
  apply (is_derive_minus (fun s => RInt L t (s + m)) (fun s => RInt L t s)).
  - replace (L (t + m)) with (scal 1 (L (t + m))) by (unfold scal; simpl; unfold mult; simpl; ring).
    apply (is_derive_comp (fun s => RInt L t s) (fun s => s + m)); [apply loss_primitive_derive; lra|].
    auto_derive; [trivial|ring].
  - apply loss_primitive_derive; lra.
Qed.

(** Its derivative is negative exactly when the loss improves over the window that starts at t. *)
Theorem window_average_derivative_negative_iff t : (L (t + m) - L t) / m < 0 <-> L (t + m) < L t.
Proof. pose proof (quotient_negative_iff (L (t + m) - L t) m m_gt0); lra. Qed.

Lemma window_average_mean_value s t : lo < s -> s < t -> t + m < hi ->
  exists c, s < c < t /\ window_average t - window_average s = (L (c + m) - L c) / m * (t - s).
Proof.
  intros h1 st h2.
  destruct (MVT_cor2 window_average (fun r => (L (r + m) - L r) / m) s t st) as [c [e hc]].
  { intros r hr; apply is_derive_Reals, window_average_derive; lra. }
  exists c; split; assumption.
Qed.

(** Improvement over every window makes the windowed loss strictly decreasing. *)
Theorem window_average_decreasing : (forall t, lo < t -> t + m < hi -> L (t + m) < L t) ->
  forall s t, lo < s -> s < t -> t + m < hi -> window_average t < window_average s.
Proof.
  intros h s t h1 st h2; destruct (window_average_mean_value s t h1 st h2) as [c [hc e]].
  pose proof (proj2 (window_average_derivative_negative_iff c) (h c ltac:(lra) ltac:(lra))); nra.
Qed.

(** The windowed loss never increases exactly when no window makes the loss worse. *)
Theorem window_average_nonincreasing_iff :
  (forall s t, lo < s -> s < t -> t + m < hi -> window_average t <= window_average s) <->
  (forall t, lo < t -> t + m < hi -> L (t + m) <= L t).
Proof.
  split.
  - intros h t h1 h2.
    assert (q : (L (t + m) - L t) / m <= 0).
    { apply (nonincreasing_derivative window_average lo (hi - m) t); [lra| |apply window_average_derive; lra].
      intros r s hr rs hs; apply h; lra. }
    assert (e : (L (t + m) - L t) / m * m = L (t + m) - L t) by (field; lra); nra.
  - intros h s t h1 st h2; destruct (window_average_mean_value s t h1 st h2) as [c [hc e]].
    assert (q : (L (c + m) - L c) / m * m = L (c + m) - L c) by (field; lra).
    pose proof (h c ltac:(lra) ltac:(lra)); nra.
Qed.

End Continuous.

Section Flow.

(** The states of the rule, the state that it reaches after the time s, and the loss. *)
Variables (state : Type) (phi : R -> state -> state) (loss : state -> R) (m lo hi : R) (theta : state).

Hypothesis m_gt0 : 0 < m.
Hypothesis lo_lt0 : lo < 0.
Hypothesis hi_gtm : m < hi.

(** The trajectory of theta exists on (lo, hi), and the flow does not depend on when it starts. *)
Hypothesis flow_0 : phi 0 theta = theta.
Hypothesis flow_add : forall s t, 0 <= s <= m -> lo < t -> s + t < hi ->
  phi (s + t) theta = phi s (phi t theta).
Hypothesis loss_continuous : forall t, lo < t < hi -> continuous (fun s => loss (phi s theta)) t.

(** Lbar(theta) = (1/m) int_0^m L(phi_s(theta)) ds. *)
Definition flow_average (x : state) : R := RInt (fun s => loss (phi s x)) 0 m / m.

(** Along the trajectory the two averages are one: Lbar(phi_t(theta)) averages the loss over [t, t+m]. *)
Lemma flow_average_window t : lo < t -> t + m < hi ->
  flow_average (phi t theta) = window_average (fun s => loss (phi s theta)) m t.
Proof.
  intros h1 h2; unfold flow_average, window_average; f_equal.
  replace (RInt (fun s => loss (phi s theta)) t (t + m))
    with (RInt (fun s => loss (phi s theta)) (1 * 0 + t) (1 * m + t)) by (f_equal; ring).
  rewrite <- (RInt_comp_lin (V := R_CompleteNormedModule) (fun s => loss (phi s theta))).
  - apply (RInt_ext (V := R_CompleteNormedModule)); intros s.
    rewrite Rmin_left, Rmax_right by lra; intros hs.
    change (loss (phi s (phi t theta)) = 1 * loss (phi (1 * s + t) theta)).
    rewrite !Rmult_1_l, flow_add by lra; reflexivity.
  - apply (loss_integrable _ lo hi loss_continuous); lra.
Qed.

(** d/dt Lbar(phi_t(theta)) at t = 0 is (L(phi_m(theta)) - L(theta))/m. *)
Theorem flow_average_derive :
  is_derive (fun t => flow_average (phi t theta)) 0 ((loss (phi m theta) - loss theta) / m).
Proof.
  apply (is_derive_ext_loc (window_average (fun s => loss (phi s theta)) m)).
  { assert (pos : 0 < Rmin (- lo) (hi - m)) by (apply Rmin_pos; lra).
    exists (mkposreal _ pos); intros t ht; symmetry.
    apply Rabs_def2 in ht; simpl in ht; unfold minus, plus, opp in ht; simpl in ht.
    pose proof (Rmin_l (- lo) (hi - m)); pose proof (Rmin_r (- lo) (hi - m)).
    apply flow_average_window; lra. }
  pose proof (window_average_derive (fun s => loss (phi s theta)) m lo hi m_gt0 loss_continuous 0
    ltac:(lra) ltac:(lra)) as d.
  simpl in d; rewrite Rplus_0_l, flow_0 in d; exact d.
Qed.

End Flow.

Section Gradient.

(** The parameters: a normed space of any dimension. *)
Variables (V : NormedModule R_AbsRing) (phi : R -> V -> V) (loss : V -> R) (m lo hi : R) (theta g : V).

Hypothesis m_gt0 : 0 < m.
Hypothesis lo_lt0 : lo < 0.
Hypothesis hi_gtm : m < hi.
Hypothesis flow_0 : phi 0 theta = theta.
Hypothesis flow_add : forall s t, 0 <= s <= m -> lo < t -> s + t < hi ->
  phi (s + t) theta = phi s (phi t theta).
Hypothesis loss_continuous : forall t, lo < t < hi -> continuous (fun s => loss (phi s theta)) t.

(** The trajectory leaves theta with the velocity g. *)
Hypothesis velocity : is_derive (fun t => phi t theta) 0 g.

(** Lbar is differentiable at theta; its differential is the linear map h |-> grad Lbar.h. *)
Variable differential : V -> R.
Hypothesis differentiable : filterdiff (flow_average V phi loss m) (locally theta) differential.

(** g.grad Lbar = (L(phi_m(theta)) - L(theta))/m. *)
Theorem flow_average_gradient : differential g = (loss (phi m theta) - loss theta) / m.
Proof.
  pose proof (flow_average_derive V phi loss m lo hi theta m_gt0 lo_lt0 hi_gtm flow_0 flow_add
    loss_continuous) as d.
  assert (d' : is_derive (fun t => flow_average V phi loss m (phi t theta)) 0 (differential g)).
  { rewrite <- flow_0 in differentiable.
    pose proof (filterdiff_comp' (fun t : R => phi t theta) (flow_average V phi loss m) (0 : R) _ _
      velocity differentiable) as c.
    apply (filterdiff_ext_lin _ _ _ c); intros r.
    apply (linear_scal differential); apply differentiable. }
  rewrite <- (is_derive_unique _ _ _ d); symmetry; apply is_derive_unique, d'.
Qed.

(** With y = -grad Lbar: y.g > 0 exactly when the loss improves over the window that starts at theta. *)
Theorem flow_average_effective_iff : 0 < - differential g <-> loss (phi m theta) < loss theta.
Proof.
  rewrite flow_average_gradient.
  pose proof (quotient_negative_iff (loss (phi m theta) - loss theta) m m_gt0); lra.
Qed.

End Gradient.

(** One parameter: g Lbar'(theta) = (L(phi_m(theta)) - L(theta))/m. *)
Theorem flow_average_gradient_1d (phi : R -> R -> R) (loss : R -> R) (m lo hi theta g l : R) :
  0 < m -> lo < 0 -> m < hi -> phi 0 theta = theta ->
  (forall s t, 0 <= s <= m -> lo < t -> s + t < hi -> phi (s + t) theta = phi s (phi t theta)) ->
  (forall t, lo < t < hi -> continuous (fun s => loss (phi s theta)) t) ->
  is_derive (fun t => phi t theta) 0 g -> is_derive (flow_average R phi loss m) theta l ->
  g * l = (loss (phi m theta) - loss theta) / m.
Proof.
  intros h1 h2 h3 h4 h5 h6 h7 h8.
  exact (flow_average_gradient R_NormedModule phi loss m lo hi theta g h1 h2 h3 h4 h5 h6 h7 _ h8).
Qed.
