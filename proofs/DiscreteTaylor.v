(** * Discrete time: what a finite step proves about the first order, and the other way round

    A step goes from theta to theta + eta g with eta > 0; dL is the change of the loss, y = -grad L(theta),
    p = y.g, gg = g.g.

    Proved, on R^n for every n (vectors are sequences of which the first n elements count; a gradient is
    only asked to give every directional derivative, and only at points of the segment or box named):
    - loss_change_bound: if the gradient is K-Lipschitz as seen from the start, |dL/eta + p| <= eta K gg/2;
    - decrease_certifies_descent_direction: then -dL > eta^2 K gg/2 implies p > 0;
    - small_step_decreases_loss: and eta < 2p/(K gg) implies dL < 0;
    - lagrange_form: with a Hessian along the segment, (y - (eta/2) H(xi) g).g = -dL/eta for some xi in (0,
      eta): the step is natural gradient descent for the gradient with a Hessian term;
    - loss_change_bound_second_order: with a rho-Lipschitz Hessian |dL/eta + p - (eta/2) g.Hg| <= eta^2 rho
      |g|^3/6.

    A discrete gradient nabla over the move Delta = eta g gives nabla.Delta = dL exactly. Proved for three:
    - gonzalez_exact: v + [dL - v.Delta] Delta/|Delta|^2, for any v, where |Delta| <> 0;
    - itoh_abe_exact, itoh_abe_exact_any_order: the secants of the coordinates, moved one after the other
      in their own order or in any; any value where Delta_i = 0. The loss needs no derivative, but must
      depend on the first n coordinates only;
    - mean_value_gradient_exact: the gradient's mean over the segment (average vector field), an exact
      integral, for a loss with a gradient that is continuous along the segment.

    And, with ybar = -nabla:
    - discrete_gradient_slope: ybar.g = -dL/eta for every discrete gradient and every eta > 0;
    - decrease_iff_discrete_descent: so ybar.g > 0 if and only if dL < 0, which makes any step that lowers the
      loss natural gradient descent for the discrete gradient. (That for g <> 0 a metric exists if and only
      if ybar.g > 0 is CanonicalForm.v's part; the two files share no definitions: Coq does not join them.) It
      represents a step that is known: ybar needs theta + eta g, so it is not an algorithm;
    - mean_value_distance, gonzalez_distance, itoh_abe_distance (and _any_order): |ybar - y| is at most
      eta K |g|/2, eta K |g|/sqrt 2 (v the gradient at the midpoint) and sqrt n eta K |g|, for a loss with a
      K-Lipschitz gradient on the segment, or for Itoh and Abe on the box (where Delta_i = 0: the partial
      derivative at the current partial point);
    - angle_triangle, angle_perturbation, mean_value_angle: with psi the angle to g and eta K |g|/2 < |y|,
      psi(ybar) <= psi(y) + asin(eta K |g|/(2|y|));
    - angle_bound_acute_iff: that bound is below pi/2 exactly when eta < 2p/(K gg);
    - mean_value_gradient_descends: eta < 2p/(K gg) implies ybar.g > 0 for the mean value gradient.

    Not proved: that any of the bounds is sharp; anything about quadrature in place of the integral, about
    rounding, or about Delta = 0, where the library takes the gradient itself. Axioms: those of Coq's real
    numbers with classical logic and functional extensionality, as Coquelicot uses them. *)
From Coq Require Import Reals Lra Lia FunctionalExtensionality PeanoNat List Permutation.
From Coquelicot Require Import Coquelicot.

Local Open Scope R_scope.

(** A vector: the first n elements count. *)
Definition vec := nat -> R.

Fixpoint dot (n : nat) (u v : vec) : R :=
  match n with O => 0 | S k => dot k u v + u k * v k end.

Definition norm (n : nat) (u : vec) : R := sqrt (dot n u u).

Definition vsub (u v : vec) : vec := fun i => u i - v i.
Definition vopp (u : vec) : vec := fun i => - u i.
Definition vscale (a : R) (u : vec) : vec := fun i => a * u i.

(** The point x + t d. *)
Definition along (x d : vec) (t : R) : vec := fun i => x i + t * d i.

(** The product of a matrix with n columns and a vector. *)
Definition matvec (n : nat) (H : nat -> nat -> R) (v : vec) : vec := fun i => dot n (H i) v.

(** v gives the derivative of L at x in every direction. *)
Definition is_gradient (n : nat) (L : vec -> R) (x v : vec) : Prop :=
  forall d, is_derive (fun t => L (along x d t)) 0 (dot n v d).

(** H gives the derivative of every element of grad at x in every direction. *)
Definition is_hessian (n : nat) (grad : vec -> vec) (x : vec) (H : nat -> nat -> R) : Prop :=
  forall d i, (i < n)%nat -> is_derive (fun t => grad (along x d t) i) 0 (matvec n H d i).

Section Lemmas.

Variable n : nat.
Implicit Types (u v w d x : vec).

Lemma dot_ext (k : nat) u u' v v' :
  (forall i, (i < k)%nat -> u i = u' i) -> (forall i, (i < k)%nat -> v i = v' i) -> dot k u v = dot k u' v'.
Proof.
  induction k as [|k IH]; intros hu hv; simpl; [reflexivity|].
  rewrite (hu k), (hv k) by lia; rewrite IH; [reflexivity| |]; intros; [apply hu|apply hv]; lia.
Qed.

Lemma dot_comm (k : nat) u v : dot k u v = dot k v u.
Proof. induction k as [|k IH]; simpl; [reflexivity|]; rewrite IH; ring. Qed.

Lemma dot_along (k : nat) x d w t : dot k (along x d t) w = dot k x w + t * dot k d w.
Proof. induction k as [|k IH]; simpl; [ring|]; rewrite IH; unfold along; ring. Qed.

Lemma dot_vsub (k : nat) u v w : dot k (vsub u v) w = dot k u w - dot k v w.
Proof. induction k as [|k IH]; simpl; [ring|]; rewrite IH; unfold vsub; ring. Qed.

Lemma dot_vopp (k : nat) u w : dot k (vopp u) w = - dot k u w.
Proof. induction k as [|k IH]; simpl; [ring|]; rewrite IH; unfold vopp; ring. Qed.

Lemma dot_vscale (k : nat) a u w : dot k (vscale a u) w = a * dot k u w.
Proof. induction k as [|k IH]; simpl; [ring|]; rewrite IH; unfold vscale; ring. Qed.

Lemma dot_ge0 (k : nat) u : 0 <= dot k u u.
Proof. induction k as [|k IH]; simpl; [lra|]; nra. Qed.

Lemma dot_eq0 (k : nat) u : dot k u u = 0 -> forall i, (i < k)%nat -> u i = 0.
Proof.
  induction k as [|k IH]; simpl; intros z i hi; [lia|].
  pose proof (dot_ge0 k u) as nn; assert (z1 : dot k u u = 0) by nra.
  destruct (Nat.eq_dec i k) as [->|ne]; [nra|]; apply IH; [exact z1|lia].
Qed.

Lemma cauchy_schwarz u v : (dot n u v) ^ 2 <= dot n u u * dot n v v.
Proof.
  pose proof (dot_ge0 n u) as hu; pose proof (dot_ge0 n v) as hv.
  destruct (Req_dec (dot n v v) 0) as [z|nz].
  - assert (e : dot n u v = 0).
    { rewrite (dot_ext n u u v (fun _ => 0)); [|reflexivity|apply dot_eq0; exact z].
      clear; induction n as [|k IH]; simpl; [reflexivity|]; rewrite IH; ring. }
    rewrite e, z; lra.
  - pose proof (dot_ge0 n (along u v (- dot n u v / dot n v v))) as h.
    rewrite dot_along, (dot_comm n u), (dot_comm n v (along _ _ _)), !dot_along, (dot_comm n v u) in h.
    assert (e : dot n u u + - dot n u v / dot n v v * dot n u v +
       - dot n u v / dot n v v * (dot n u v + - dot n u v / dot n v v * dot n v v)
       = (dot n u u * dot n v v - dot n u v ^ 2) / dot n v v) by (field; exact nz).
    rewrite e in h.
    assert (pos : 0 < dot n v v) by lra.
    apply (Rmult_le_compat_r _ _ _ hv) in h; unfold Rdiv in h.
    rewrite Rmult_assoc, Rinv_l, Rmult_0_l, Rmult_1_r in h by exact nz; lra.
Qed.

Lemma norm_ge0 u : 0 <= norm n u.
Proof. apply sqrt_pos. Qed.

Lemma norm_sq u : norm n u * norm n u = dot n u u.
Proof. apply sqrt_sqrt, dot_ge0. Qed.

Lemma dot_le_norm u v : Rabs (dot n u v) <= norm n u * norm n v.
Proof.
  unfold norm; rewrite <- sqrt_mult, <- sqrt_Rsqr_abs by apply dot_ge0.
  apply sqrt_le_1_alt; rewrite Rsqr_pow2; apply cauchy_schwarz.
Qed.

Lemma norm_vscale a u : 0 <= a -> norm n (vscale a u) = a * norm n u.
Proof.
  intros ha; unfold norm; rewrite dot_vscale, dot_comm, dot_vscale, <- Rmult_assoc.
  rewrite sqrt_mult, sqrt_square by (try apply dot_ge0; nra); reflexivity.
Qed.

Lemma along_along x d s t : along (along x d s) d t = along x d (s + t).
Proof. apply functional_extensionality; intros i; unfold along; ring. Qed.

Lemma along_0 x d : along x d 0 = x.
Proof. apply functional_extensionality; intros i; unfold along; ring. Qed.

Lemma along_vscale x d a t : along x (vscale a d) t = along x d (a * t).
Proof. apply functional_extensionality; intros i; unfold along, vscale; ring. Qed.

(** Chain rule along a line, from the derivative at its point s. *)
Lemma is_derive_line (F : vec -> R) x d s l :
  is_derive (fun t => F (along (along x d s) d t)) 0 l -> is_derive (fun t => F (along x d t)) s l.
Proof.
  intros h.
  apply (is_derive_ext (fun t => (fun r => F (along (along x d s) d r)) (t - s))).
  { intros t; cbv beta; rewrite along_along; do 2 f_equal; ring. }
  replace l with (scal 1 l) by (unfold scal; simpl; unfold mult; simpl; ring).
  apply (is_derive_comp (fun r => F (along (along x d s) d r)) (fun t => t - s)).
  - replace (s - s) with 0 by ring; exact h.
  - auto_derive; [trivial|ring].
Qed.

Lemma is_derive_dot (k : nat) (F : R -> vec) (F' w : vec) s :
  (forall i, (i < k)%nat -> is_derive (fun t => F t i) s (F' i)) ->
  is_derive (fun t => dot k (F t) w) s (dot k F' w).
Proof.
  induction k as [|k IH]; simpl; intros h; [exact (is_derive_const 0 s)|].
  apply (is_derive_plus (fun t => dot k (F t) w) (fun t => F t k * w k)).
  - apply IH; intros i hi; apply h; lia.
  - apply (is_derive_ext (fun t => scal (w k) (F t k))).
    { intros t; unfold scal; simpl; unfold mult; simpl; ring. }
    replace (F' k * w k) with (scal (w k) (F' k)) by (unfold scal; simpl; unfold mult; simpl; ring).
    apply is_derive_scal, h; lia.
Qed.

(** A derivative that is bounded by B' on [0, h] bounds the increment by that of B. *)
Lemma increment_le (f f' b b' : R -> R) (h : R) : 0 <= h ->
  (forall t, 0 <= t <= h -> is_derive f t (f' t)) -> (forall t, 0 <= t <= h -> is_derive b t (b' t)) ->
  (forall t, 0 <= t <= h -> f' t <= b' t) -> f h - f 0 <= b h - b 0.
Proof.
  intros hh hf hb le.
  destruct (Req_dec h 0) as [->|nz]; [lra|].
  destruct (MVT_cor2 (fun t => b t - f t) (fun t => b' t - f' t) 0 h) as [c [e [c0 c1]]]; [lra| |].
  - intros t ht; apply is_derive_Reals; apply (is_derive_minus b f); [apply hb|apply hf]; exact ht.
  - pose proof (le c ltac:(lra)); nra.
Qed.

(** The same for the absolute value. *)
Lemma increment_abs_le (f f' b b' : R -> R) (h : R) : 0 <= h ->
  (forall t, 0 <= t <= h -> is_derive f t (f' t)) -> (forall t, 0 <= t <= h -> is_derive b t (b' t)) ->
  (forall t, 0 <= t <= h -> Rabs (f' t) <= b' t) -> Rabs (f h - f 0) <= b h - b 0.
Proof.
  intros hh hf hb le; apply Rabs_le; split.
  - assert (H : - f h - - f 0 <= b h - b 0); [|lra].
    apply (increment_le (fun t => - f t) (fun t => - f' t) b b'); [exact hh| |exact hb|].
    + intros t ht; apply (is_derive_opp f), hf, ht.
    + intros t ht; pose proof (le t ht) as q; pose proof (Rle_abs (- f' t)); rewrite Rabs_Ropp in *; lra.
  - apply (increment_le f f' b b'); [exact hh|exact hf|exact hb|].
    intros t ht; pose proof (le t ht) as q; pose proof (Rle_abs (f' t)); lra.
Qed.

(** Taylor's theorem of order two with Lagrange's remainder, without continuity of the second derivative. *)
Lemma taylor_lagrange_2 (f f' f'' : R -> R) (h : R) : 0 < h ->
  (forall t, 0 <= t <= h -> is_derive f t (f' t)) -> (forall t, 0 <= t <= h -> is_derive f' t (f'' t)) ->
  exists c, 0 < c < h /\ f h = f 0 + h * f' 0 + h ^ 2 / 2 * f'' c.
Proof.
  intros hh h1 h2; set (A := (f h - f 0 - h * f' 0) / h ^ 2).
  destruct (MVT_cor2 (fun t => f t - (t * f' 0 + A * t ^ 2)) (fun t => f' t - (f' 0 + A * (2 * t))) 0 h)
    as [c [e [c0 c1]]]; [lra| |].
  { intros t ht; apply is_derive_Reals.
    apply (is_derive_minus f (fun t => t * f' 0 + A * t ^ 2)); [apply h1, ht|].
    auto_derive; [trivial|ring]. }
  destruct (MVT_cor2 (fun t => f' t - A * (2 * t)) (fun t => f'' t - A * 2) 0 c) as [d [e' [d0 d1]]];
    [lra| |].
  { intros t ht; apply is_derive_Reals; apply (is_derive_minus f' (fun t => A * (2 * t))); [apply h2; lra|].
    auto_derive; [trivial|ring]. }
  exists d; split; [lra|].
  assert (eA : A * h ^ 2 = f h - f 0 - h * f' 0) by (unfold A; field; lra).
  assert (z : f' c - (f' 0 + A * (2 * c)) = 0).
  { apply (Rmult_eq_reg_r (h - 0)); [|lra]; rewrite <- e; lra. }
  assert (z' : f'' d - A * 2 = 0).
  { apply (Rmult_eq_reg_r (c - 0)); [|lra]; rewrite <- e'; lra. }
  replace (f'' d) with (A * 2) by lra.
  replace (h ^ 2 / 2 * (A * 2)) with (A * h ^ 2) by field; lra.
Qed.

End Lemmas.

Section Bounds.

Variables (n : nat) (L : vec -> R) (grad : vec -> vec) (x g : vec) (eta K : R).

(** y = -grad L, p = y.g, gg = g.g at the start of the step, and the change of the loss. *)
Let y : vec := vopp (grad x).
Let p : R := dot n y g.
Let gg : R := dot n g g.
Let dL : R := L (along x g eta) - L x.

Hypothesis eta_gt0 : 0 < eta.

(** The loss has the gradient [grad] at every point of the segment. *)
Hypothesis gradient : forall s, 0 <= s <= eta -> is_gradient n L (along x g s) (grad (along x g s)).

Lemma loss_derive s : 0 <= s <= eta ->
  is_derive (fun t => L (along x g t)) s (dot n (grad (along x g s)) g).
Proof. intros hs; apply is_derive_line, gradient, hs. Qed.

Section Lipschitz.

(** The gradient is K-Lipschitz along the segment, as seen from its start. *)
Hypothesis lipschitz : forall s, 0 <= s <= eta ->
  norm n (vsub (grad (along x g s)) (grad x)) <= K * (s * norm n g).

Lemma slope_change s : 0 <= s <= eta -> Rabs (dot n (grad (along x g s)) g + p) <= K * s * gg.
Proof.
  intros hs; unfold p, y; rewrite dot_vopp.
  replace (dot n (grad (along x g s)) g + - dot n (grad x) g)
    with (dot n (vsub (grad (along x g s)) (grad x)) g) by (rewrite dot_vsub; ring).
  eapply Rle_trans; [apply dot_le_norm|].
  unfold gg; rewrite <- norm_sq.
  pose proof (lipschitz s hs); pose proof (norm_ge0 n g).
  apply Rle_trans with (K * (s * norm n g) * norm n g); [|right; ring].
  apply Rmult_le_compat_r; assumption.
Qed.

(** |dL/eta + p| <= eta K gg / 2. *)
Theorem loss_change_bound : Rabs (dL / eta + p) <= eta * K * gg / 2.
Proof.
  assert (H : Rabs ((L (along x g eta) + eta * p) - (L (along x g 0) + 0 * p))
              <= K * gg * (eta ^ 2 / 2) - K * gg * (0 ^ 2 / 2)).
  { apply (increment_abs_le (fun t => L (along x g t) + t * p) (fun t => dot n (grad (along x g t)) g + p)
             (fun t => K * gg * (t ^ 2 / 2)) (fun t => K * t * gg)); [lra| | |exact slope_change].
    - intros t ht; apply (is_derive_plus (fun t => L (along x g t)) (fun t => t * p)).
      + apply loss_derive, ht.
      + auto_derive; [trivial|ring].
    - intros t ht; auto_derive; [trivial|field]. }
  rewrite along_0 in H.
  replace (dL / eta + p) with ((L (along x g eta) + eta * p - (L x + 0 * p)) / eta)
    by (unfold dL; field; lra).
  unfold Rdiv; rewrite Rabs_mult, Rabs_inv, (Rabs_pos_eq eta) by lra.
  apply (Rmult_le_reg_r eta); [exact eta_gt0|].
  rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra; lra.
Qed.

(** A decrease of the loss by more than eta^2 K gg / 2 certifies p > 0. *)
Theorem decrease_certifies_descent_direction : - dL > eta ^ 2 * K * gg / 2 -> p > 0.
Proof.
  intros h; pose proof loss_change_bound as b; apply Rabs_le_between in b.
  assert (e : dL = eta * (dL / eta)) by (field; lra).
  rewrite e in h; nra.
Qed.

(** A step size eta < 2 p / (K gg) makes the loss fall. *)
Theorem small_step_decreases_loss : 0 < K * gg -> eta < 2 * p / (K * gg) -> dL < 0.
Proof.
  intros kg h; pose proof loss_change_bound as b; apply Rabs_le_between in b.
  assert (e : dL = eta * (dL / eta)) by (field; lra).
  apply (Rmult_lt_compat_r (K * gg) _ _ kg) in h.
  replace (2 * p / (K * gg) * (K * gg)) with (2 * p) in h
    by (unfold Rdiv; rewrite Rmult_assoc, Rinv_l by lra; ring).
  rewrite e; nra.
Qed.

End Lipschitz.

Section Hessian.

Variable hess : vec -> nat -> nat -> R.

(** The loss is twice differentiable along the segment: [hess] is the derivative of [grad]. *)
Hypothesis hessian : forall s, 0 <= s <= eta -> is_hessian n grad (along x g s) (hess (along x g s)).

Lemma slope_derive s : 0 <= s <= eta ->
  is_derive (fun t => dot n (grad (along x g t)) g) s (dot n (matvec n (hess (along x g s)) g) g).
Proof.
  intros hs; apply (is_derive_line (fun z => dot n (grad z) g)).
  apply is_derive_dot; intros i hi; apply hessian; assumption.
Qed.

(** For some point xi inside the segment, ybar = y - (eta/2) H(xi) g satisfies ybar.g = -dL/eta exactly. *)
Theorem lagrange_form : exists xi, 0 < xi < eta /\
  dot n (vsub y (vscale (eta / 2) (matvec n (hess (along x g xi)) g))) g = - dL / eta.
Proof.
  destruct (taylor_lagrange_2 (fun t => L (along x g t)) (fun t => dot n (grad (along x g t)) g)
    (fun t => dot n (matvec n (hess (along x g t)) g) g) eta eta_gt0 loss_derive slope_derive) as [c [hc e]].
  exists c; split; [exact hc|].
  rewrite along_0 in e; unfold dL; rewrite e, dot_vsub, dot_vscale; unfold y; rewrite dot_vopp; field; lra.
Qed.

Variable rho : R.

(** The Hessian is rho-Lipschitz along the segment, as seen from its start, in the operator norm. *)
Hypothesis hessian_lipschitz : forall s v, 0 <= s <= eta ->
  norm n (vsub (matvec n (hess (along x g s)) v) (matvec n (hess x) v)) <= rho * (s * norm n g) * norm n v.

(** |dL/eta + p - (eta/2) g.Hg| <= eta^2 rho |g|^3 / 6. *)
Theorem loss_change_bound_second_order :
  Rabs (dL / eta + p - eta / 2 * dot n g (matvec n (hess x) g)) <= eta ^ 2 * rho * norm n g ^ 3 / 6.
Proof.
  rewrite (dot_comm n g); set (q := dot n (matvec n (hess x) g) g); set (C := rho * norm n g ^ 3).
  assert (H1 : forall s, 0 <= s <= eta -> Rabs (dot n (grad (along x g s)) g + p - s * q) <= C * (s ^ 2 / 2)).
  { intros s hs.
    assert (H : Rabs ((dot n (grad (along x g s)) g - s * q) - (dot n (grad (along x g 0)) g - 0 * q))
              <= C * (s ^ 2 / 2) - C * (0 ^ 2 / 2)).
    { apply (increment_abs_le (fun t => dot n (grad (along x g t)) g - t * q)
        (fun t => dot n (matvec n (hess (along x g t)) g) g - q) (fun t => C * (t ^ 2 / 2)) (fun t => C * t));
        [lra| | |].
      - intros t ht; apply (is_derive_minus (fun t => dot n (grad (along x g t)) g) (fun t => t * q)).
        + apply slope_derive; lra.
        + auto_derive; [trivial|ring].
      - intros t ht; auto_derive; [trivial|field].
      - intros t ht; unfold q; rewrite <- dot_vsub.
        eapply Rle_trans; [apply dot_le_norm|].
        pose proof (hessian_lipschitz t g ltac:(lra)); pose proof (norm_ge0 n g).
        apply Rle_trans with (rho * (t * norm n g) * norm n g * norm n g); [|right; unfold C; ring].
        apply Rmult_le_compat_r; assumption. }
    rewrite along_0 in H; unfold p, y; rewrite dot_vopp.
    replace (dot n (grad (along x g s)) g + - dot n (grad x) g - s * q)
      with (dot n (grad (along x g s)) g - s * q - (dot n (grad x) g - 0 * q)) by ring; lra. }
  assert (H : Rabs ((L (along x g eta) + (eta * p - eta ^ 2 / 2 * q))
                - (L (along x g 0) + (0 * p - 0 ^ 2 / 2 * q)))
              <= C * (eta ^ 3 / 6) - C * (0 ^ 3 / 6)).
  { apply (increment_abs_le (fun t => L (along x g t) + (t * p - t ^ 2 / 2 * q))
      (fun t => dot n (grad (along x g t)) g + p - t * q) (fun t => C * (t ^ 3 / 6))
      (fun t => C * (t ^ 2 / 2)));
      [lra| | |exact H1].
    - intros t ht.
      replace (dot n (grad (along x g t)) g + p - t * q)
        with (dot n (grad (along x g t)) g + (p - t * q)) by ring.
      apply (is_derive_plus (fun t => L (along x g t)) (fun t => t * p - t ^ 2 / 2 * q)).
      + apply loss_derive, ht.
      + auto_derive; [trivial|field].
    - intros t ht; auto_derive; [trivial|field]. }
  rewrite along_0 in H.
  replace (dL / eta + p - eta / 2 * q)
    with ((L (along x g eta) + (eta * p - eta ^ 2 / 2 * q) - (L x + (0 * p - 0 ^ 2 / 2 * q))) / eta)
    by (unfold dL; field; lra).
  unfold Rdiv at 1; rewrite Rabs_mult, Rabs_inv, (Rabs_pos_eq eta) by lra.
  apply (Rmult_le_reg_r eta); [exact eta_gt0|].
  rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra.
  unfold C in H; lra.
Qed.

End Hessian.

End Bounds.

(** The loss depends on the first n coordinates only. *)
Definition depends_on_first (n : nat) (L : vec -> R) : Prop :=
  forall u v, (forall i, (i < n)%nat -> u i = v i) -> L u = L v.

(** v reproduces the change of the loss over the move d from x exactly. *)
Definition is_discrete_gradient (n : nat) (L : vec -> R) (x d v : vec) : Prop :=
  dot n v d = L (along x d 1) - L x.

(** Gonzalez's discrete gradient: any v, corrected along the move d. *)
Definition gonzalez (n : nat) (L : vec -> R) (x d v : vec) : vec :=
  along v d ((L (along x d 1) - L x - dot n v d) / dot n d d).

(** The point after k of the coordinates have moved: coordinate j is number pos j to move. *)
Definition partial_point (pos : nat -> nat) (x d : vec) (k : nat) : vec :=
  fun j => if (pos j <? k)%nat then x j + d j else x j.

(** Itoh and Abe's discrete gradient: the secant over each coordinate's own move; w i where that move is 0. *)
Definition itoh_abe (pos : nat -> nat) (L : vec -> R) (x d w : vec) : vec :=
  fun i => if Req_EM_T (d i) 0 then w i
           else (L (partial_point pos x d (S (pos i))) - L (partial_point pos x d (pos i))) / d i.

(** The discrete gradient is exact: nabla.d = L(x + d) - L(x), whatever v. *)
Theorem gonzalez_exact (n : nat) (L : vec -> R) (x d v : vec) :
  norm n d <> 0 -> is_discrete_gradient n L x d (gonzalez n L x d v).
Proof.
  intros nz; unfold is_discrete_gradient, gonzalez; rewrite dot_along; field.
  rewrite <- norm_sq; apply Rmult_integral_contrapositive_currified; exact nz.
Qed.

Lemma sum_permuted (n : nat) (pos : nat -> nat) (h : nat -> R) :
  (forall i, (i < n)%nat -> (pos i < n)%nat) ->
  (forall i j, (i < n)%nat -> (j < n)%nat -> pos i = pos j -> i = j) ->
  dot n (fun i => h (pos i)) (fun _ => 1) = dot n h (fun _ => 1).
Proof.
  intros bound inj.
  pose (total := fun l => fold_right (fun i s => h i + s) 0 l).
  assert (app1 : forall l k, total (l ++ k :: nil) = total l + h k).
  { intros l k; unfold total; induction l as [|a l IH]; simpl; [ring|]; rewrite IH; ring. }
  assert (sums : forall f k, dot k (fun i => h (f i)) (fun _ => 1) = total (map f (seq 0 k))).
  { intros f k; induction k as [|k IH]; [reflexivity|].
    rewrite seq_S, map_app; simpl; rewrite app1, IH; ring. }
  rewrite sums.
  transitivity (total (map (fun i => i) (seq 0 n))); [|rewrite <- (sums (fun i => i)); reflexivity].
  rewrite map_id.
  assert (P : Permutation (map pos (seq 0 n)) (seq 0 n)).
  { apply NoDup_Permutation_bis.
    - assert (H : forall l, NoDup l -> (forall i, In i l -> (i < n)%nat) -> NoDup (map pos l)).
      { intros l nd; induction nd as [|a l na _ IH]; intros lt; simpl; constructor.
        - intros hk; apply in_map_iff in hk; destruct hk as [j [e hj]]; apply na.
          replace a with j; [exact hj|]; apply inj; [| |exact e]; apply lt; simpl; tauto.
        - apply IH; intros i hi; apply lt; right; exact hi. }
      apply H; [apply seq_NoDup|]; intros i hi; apply in_seq in hi; lia.
    - rewrite map_length; lia.
    - intros k hk; apply in_map_iff in hk; destruct hk as [i [<- hi]]; apply in_seq in hi.
      apply in_seq; pose proof (bound i); lia. }
  revert P; generalize (map pos (seq 0 n)) (seq 0 n); intros l m P.
  induction P as [|k a b _ IH|k k' a|a b c _ IH1 _ IH2]; simpl; [reflexivity|rewrite IH; reflexivity|ring|].
  rewrite IH1; exact IH2.
Qed.

Lemma sum_telescope (h : nat -> R) (n : nat) :
  dot n (fun k => h (S k) - h k) (fun _ => 1) = h n - h 0%nat.
Proof. induction n as [|k IH]; simpl; [ring|]; rewrite IH; ring. Qed.

(** The discrete gradient is exact, in whatever order the coordinates move, and whatever w. *)
Theorem itoh_abe_exact_any_order (n : nat) (pos : nat -> nat) (L : vec -> R) (x d w : vec) :
  (forall i, (i < n)%nat -> (pos i < n)%nat) ->
  (forall i j, (i < n)%nat -> (j < n)%nat -> pos i = pos j -> i = j) ->
  depends_on_first n L -> is_discrete_gradient n L x d (itoh_abe pos L x d w).
Proof.
  intros bound inj first; unfold is_discrete_gradient.
  pose (h := fun k => L (partial_point pos x d k)).
  transitivity (dot n (fun i => h (S (pos i)) - h (pos i)) (fun _ => 1)).
  - assert (H : forall i, (i < n)%nat -> itoh_abe pos L x d w i * d i = (h (S (pos i)) - h (pos i)) * 1).
    { intros i hi; unfold itoh_abe, h; destruct (Req_EM_T (d i) 0) as [z|nz]; [|field; exact nz].
      replace (L (partial_point pos x d (S (pos i)))) with (L (partial_point pos x d (pos i)));
        [rewrite z; ring|].
      apply first; intros j hj; unfold partial_point.
      destruct (Nat.ltb_spec (pos j) (pos i)), (Nat.ltb_spec (pos j) (S (pos i))); try lia; try reflexivity.
      rewrite (inj j i hj hi ltac:(lia)), z; ring. }
    clear bound inj first; induction n as [|k IH]; simpl; [reflexivity|].
    rewrite H, IH by (intros; try apply H; lia); reflexivity.
  - rewrite (sum_permuted n pos (fun k => h (S k) - h k)) by assumption.
    rewrite sum_telescope; unfold h; apply (f_equal2 Rminus); [|reflexivity].
    apply first; intros j hj; unfold partial_point, along.
    destruct (Nat.ltb_spec (pos j) n); [ring|]; pose proof (bound j hj); lia.
Qed.

(** The same for the coordinates in their own order 0 .. n-1. *)
Theorem itoh_abe_exact (n : nat) (L : vec -> R) (x d w : vec) :
  depends_on_first n L -> is_discrete_gradient n L x d (itoh_abe (fun i => i) L x d w).
Proof. intros first; apply itoh_abe_exact_any_order; auto. Qed.

(** The mean value discrete gradient (average vector field): the gradient's mean over the segment. *)
Definition mean_value_gradient (grad : vec -> vec) (x d : vec) : vec :=
  fun i => RInt (fun t => grad (along x d t) i) 0 1.

(** The point of [0, 1] that is nearest to t. *)
Definition clamp (t : R) : R := Rmax 0 (Rmin 1 t).

Lemma clamp_in t : 0 <= clamp t <= 1.
Proof. unfold clamp, Rmax, Rmin; destruct (Rle_dec 1 t), (Rle_dec 0 _); lra. Qed.

Lemma clamp_id t : 0 <= t <= 1 -> clamp t = t.
Proof. unfold clamp, Rmax, Rmin; destruct (Rle_dec 1 t), (Rle_dec 0 _); lra. Qed.

(** What is continuous on [0, 1], from within, extends to a continuous function. *)
Lemma continuous_clamp (f : R -> R) t :
  continuous_on (fun s => 0 <= s <= 1) f -> continuous (fun s => f (clamp s)) t.
Proof.
  intros h P hP; destruct (h (clamp t) (clamp_in t) P hP) as [eps heps]; exists eps; intros s hs.
  apply heps; [|apply clamp_in].
  unfold ball in *; simpl in *; unfold AbsRing_ball, abs, minus, plus, opp in *; simpl in *.
  eapply Rle_lt_trans; [|exact hs].
  unfold clamp, Rmax, Rmin; repeat destruct (Rle_dec _ _); unfold Rabs; repeat destruct (Rcase_abs _); lra.
Qed.

Lemma is_RInt_dot (n : nat) (F : R -> vec) (I w : vec) (a b : R) :
  (forall i, (i < n)%nat -> is_RInt (fun t => F t i) a b (I i)) ->
  is_RInt (fun t => dot n (F t) w) a b (dot n I w).
Proof.
  induction n as [|k IH]; simpl; intros h.
  - pose proof (is_RInt_const a b 0) as c; unfold scal in c; simpl in c; unfold mult in c; simpl in c.
    rewrite Rmult_0_r in c; exact c.
  - apply (is_RInt_plus (fun t => dot k (F t) w) (fun t => F t k * w k)).
    + apply IH; intros i hi; apply h; lia.
    + apply (is_RInt_ext (fun t => scal (w k) (F t k))).
      { intros t _; unfold scal; simpl; unfold mult; simpl; ring. }
      replace (I k * w k) with (scal (w k) (I k)) by (unfold scal; simpl; unfold mult; simpl; ring).
      apply (is_RInt_scal (fun t => F t k)), h; lia.
Qed.

Lemma continuous_dot (n : nat) (F : R -> vec) (w : vec) (t : R) :
  (forall i, (i < n)%nat -> continuous (fun s => F s i) t) -> continuous (fun s => dot n (F s) w) t.
Proof.
  induction n as [|k IH]; simpl; intros h; [apply continuous_const|].
  apply (continuous_plus (fun s => dot k (F s) w) (fun s => F s k * w k)).
  - apply IH; intros i hi; apply h; lia.
  - apply (continuous_mult (fun s => F s k) (fun _ => w k)); [apply h; lia|apply continuous_const].
Qed.

Section MeanValue.

Variables (n : nat) (L : vec -> R) (grad : vec -> vec) (x d : vec).

(** Each element of the gradient is continuous along the segment from x to x + d. *)
Hypothesis continuous_gradient : forall i, (i < n)%nat ->
  continuous_on (fun t => 0 <= t <= 1) (fun t => grad (along x d t) i).

Lemma mean_value_integral w :
  is_RInt (fun t => dot n (grad (along x d t)) w) 0 1 (dot n (mean_value_gradient grad x d) w).
Proof.
  apply is_RInt_dot; intros i hi; apply (@RInt_correct R_CompleteNormedModule).
  apply (ex_RInt_ext (fun t => grad (along x d (clamp t)) i)).
  - intros t ht; rewrite Rmin_left, Rmax_right in ht by lra; rewrite clamp_id by lra; reflexivity.
  - apply (@ex_RInt_continuous R_CompleteNormedModule); intros t _.
    apply (continuous_clamp (fun s => grad (along x d s) i)), continuous_gradient, hi.
Qed.

(** The discrete gradient is exact when the loss has a continuous gradient along the segment. *)
Theorem mean_value_gradient_exact :
  (forall t, 0 <= t <= 1 -> is_gradient n L (along x d t) (grad (along x d t))) ->
  is_discrete_gradient n L x d (mean_value_gradient grad x d).
Proof.
  intros gradient; unfold is_discrete_gradient.
  rewrite <- (is_RInt_unique _ _ _ _ (mean_value_integral d)).
  replace (L x) with (L (along x d 0)) by (rewrite along_0; reflexivity).
  apply is_RInt_unique.
  apply (is_RInt_ext (fun t => dot n (grad (along x d (clamp t))) d)).
  { intros t ht; rewrite Rmin_left, Rmax_right in ht by lra; rewrite clamp_id by lra; reflexivity. }
  apply (@is_RInt_derive R_CompleteNormedModule (fun t => L (along x d t))
           (fun t => dot n (grad (along x d (clamp t))) d)).
  - intros t ht; rewrite Rmin_left, Rmax_right in ht by lra; rewrite clamp_id by lra.
    apply is_derive_line, gradient, ht.
  - intros t _; apply continuous_dot; intros i hi.
    apply (continuous_clamp (fun s => grad (along x d s) i)), continuous_gradient, hi.
Qed.

End MeanValue.

Section Representation.

Variables (n : nat) (L : vec -> R) (x g v : vec) (eta : R).

Hypothesis eta_gt0 : 0 < eta.

(** v is a discrete gradient over the step eta g: one of the three above, or any other. *)
Hypothesis discrete : is_discrete_gradient n L x (vscale eta g) v.

(** With ybar = -v: ybar.g = -dL/eta exactly, for every eta > 0. *)
Theorem discrete_gradient_slope : dot n (vopp v) g = - (L (along x g eta) - L x) / eta.
Proof.
  unfold is_discrete_gradient in discrete.
  rewrite dot_comm, dot_vscale, along_vscale, Rmult_1_r in discrete.
  rewrite dot_vopp, <- discrete, (dot_comm n g); field; lra.
Qed.

(** A step lowers the loss if and only if ybar.g > 0. CanonicalForm.v proves, over any ordered field, that for
    g <> 0 a symmetric positive definite M with M g = ybar exists if and only if ybar.g > 0: so the steps that
    lower the loss, at any eta, are exactly the natural gradient descent steps for the discrete gradient. *)
Theorem decrease_iff_discrete_descent : dot n (vopp v) g > 0 <-> L (along x g eta) < L x.
Proof.
  rewrite discrete_gradient_slope; pose proof (Rinv_0_lt_compat _ eta_gt0) as hi.
  unfold Rdiv; split; intros h.
  - apply Rnot_le_lt; intros c; nra.
  - nra.
Qed.

End Representation.

(** The map F from points to vectors is K-Lipschitz on the set D. *)
Definition lipschitz_on (n : nat) (F : vec -> vec) (K : R) (D : vec -> Prop) : Prop :=
  forall u v, D u -> D v -> norm n (vsub (F u) (F v)) <= K * norm n (vsub u v).

(** The segment of the points x + t g, t in [0, h]. *)
Definition segment (x g : vec) (h : R) (z : vec) : Prop := exists t, 0 <= t <= h /\ z = along x g t.

(** The box with the opposite corners x and x + d. *)
Definition box (n : nat) (x d z : vec) : Prop :=
  (forall i, (i < n)%nat -> exists t, 0 <= t <= 1 /\ z i = x i + t * d i) /\
  (forall i, (n <= i)%nat -> z i = x i).

Lemma norm_le_of_sq (n : nat) (u : vec) (b : R) : 0 <= b -> dot n u u <= b ^ 2 -> norm n u <= b.
Proof.
  intros hb h; unfold norm; rewrite <- (sqrt_pow2 b hb); apply sqrt_le_1_alt, h.
Qed.

Lemma norm_vscale_abs (n : nat) (a : R) (u : vec) : norm n (vscale a u) = Rabs a * norm n u.
Proof.
  unfold norm; rewrite dot_vscale, dot_comm, dot_vscale, <- Rmult_assoc.
  rewrite sqrt_mult by (try apply dot_ge0; nra); f_equal; apply sqrt_Rsqr_abs.
Qed.

Lemma norm_vsub_vopp (n : nat) (u v : vec) : norm n (vsub (vopp u) (vopp v)) = norm n (vsub u v).
Proof.
  unfold norm; f_equal; induction n as [|k IH]; simpl; [reflexivity|]; rewrite IH; unfold vsub, vopp; ring.
Qed.

Lemma coordinate_le_norm (n : nat) (u : vec) (i : nat) : (i < n)%nat -> Rabs (u i) <= norm n u.
Proof.
  intros hi; unfold norm; rewrite <- sqrt_Rsqr_abs; apply sqrt_le_1_alt; unfold Rsqr.
  induction n as [|k IH]; simpl; [lia|]; pose proof (dot_ge0 k u).
  destruct (Nat.eq_dec i k) as [->|ne]; [lra|].
  specialize (IH ltac:(lia)); nra.
Qed.

Lemma norm_le_of_coordinates (n : nat) (u v : vec) :
  (forall i, (i < n)%nat -> Rabs (u i) <= Rabs (v i)) -> norm n u <= norm n v.
Proof.
  intros h; unfold norm; apply sqrt_le_1_alt; induction n as [|k IH]; simpl; [lra|].
  apply Rplus_le_compat; [apply IH; intros i hi; apply h; lia|].
  apply Rsqr_le_abs_1, h; lia.
Qed.

Lemma norm_le_of_bound (n : nat) (u : vec) (b : R) :
  0 <= b -> (forall i, (i < n)%nat -> Rabs (u i) <= b) -> norm n u <= sqrt (INR n) * b.
Proof.
  intros hb h; apply norm_le_of_sq; [apply Rmult_le_pos; [apply sqrt_pos|exact hb]|].
  rewrite Rpow_mult_distr, pow2_sqrt by apply pos_INR; induction n as [|k IH]; [simpl; lra|].
  rewrite S_INR; simpl dot; specialize (IH ltac:(intros i hi; apply h; lia)).
  pose proof (h k ltac:(lia)).
  assert (u k * u k <= b ^ 2); [|lra].
  pose proof (Rabs_pos (u k)); pose proof (pow2_abs (u k)); nra.
Qed.

Lemma vsub_along (x d : vec) (s t : R) : vsub (along x d s) (along x d t) = vscale (s - t) d.
Proof. apply functional_extensionality; intros i; unfold vsub, along, vscale; ring. Qed.

Lemma segment_vscale (x g z : vec) (eta : R) : 0 < eta -> segment x (vscale eta g) 1 z -> segment x g eta z.
Proof.
  intros h [t [ht ->]]; exists (eta * t); rewrite along_vscale; split; [nra|f_equal; ring].
Qed.

Section UnitSegment.

Variables (n : nat) (L : vec -> R) (grad : vec -> vec) (x d : vec) (K : R).

Hypothesis lipschitz : lipschitz_on n grad K (segment x d 1).

Lemma segment_point t : 0 <= t <= 1 -> segment x d 1 (along x d t).
Proof. intros ht; exists t; split; [exact ht|reflexivity]. Qed.

Lemma lipschitz_along s t : 0 <= s <= 1 -> 0 <= t <= 1 ->
  norm n (vsub (grad (along x d s)) (grad (along x d t))) <= K * (Rabs (s - t) * norm n d).
Proof.
  intros hs ht; rewrite <- norm_vscale_abs, <- (vsub_along x).
  apply lipschitz; apply segment_point; assumption.
Qed.

Lemma lipschitz_from_start t : 0 <= t <= 1 ->
  norm n (vsub (grad (along x d t)) (grad x)) <= K * (t * norm n d).
Proof.
  intros ht; pose proof (lipschitz_along t 0 ht ltac:(lra)) as h.
  rewrite along_0, Rminus_0_r, Rabs_pos_eq in h by lra; exact h.
Qed.

Lemma lipschitz_ge0 : 0 <= K * norm n d.
Proof.
  pose proof (lipschitz_from_start 1 ltac:(lra)) as h; rewrite Rmult_1_l in h.
  eapply Rle_trans; [apply norm_ge0|exact h].
Qed.

(** A Lipschitz gradient is continuous along the segment. *)
Lemma lipschitz_continuous i : (i < n)%nat ->
  continuous_on (fun t => 0 <= t <= 1) (fun t => grad (along x d t) i).
Proof.
  intros hi t ht P [eps heps]; pose proof lipschitz_ge0 as k0.
  assert (dp : 0 < eps / (K * norm n d + 1)) by (apply Rdiv_lt_0_compat; [apply cond_pos|lra]).
  exists (mkposreal _ dp); intros s hs hs1; apply heps.
  unfold ball in *; simpl in *; unfold AbsRing_ball, abs, minus, plus, opp in *; simpl in *.
  apply Rle_lt_trans with (norm n (vsub (grad (along x d s)) (grad (along x d t)))).
  - apply (coordinate_le_norm n (vsub (grad (along x d s)) (grad (along x d t)))); exact hi.
  - eapply Rle_lt_trans; [apply lipschitz_along; assumption|].
    apply (Rmult_lt_compat_r (K * norm n d + 1)) in hs; [|lra].
    unfold Rdiv in hs; rewrite Rmult_assoc, Rinv_l, Rmult_1_r in hs by lra.
    unfold Rminus; pose proof (Rabs_pos (s + - t)); nra.
Qed.

Lemma mean_value_distance_unit : norm n (vsub (mean_value_gradient grad x d) (grad x)) <= K * norm n d / 2.
Proof.
  set (w := vsub (mean_value_gradient grad x d) (grad x)); set (C := K * norm n d * norm n w).
  pose proof lipschitz_ge0 as k0; pose proof (norm_ge0 n w) as w0.
  assert (H : dot n (mean_value_gradient grad x d) w - dot n (grad x) w <= C * (1 ^ 2 / 2) - C * (0 ^ 2 / 2)).
  { apply (is_RInt_le (fun t => dot n (grad (along x d t)) w - dot n (grad x) w) (fun t => C * t) 0 1);
      [lra| | |].
    - apply (is_RInt_minus (fun t => dot n (grad (along x d t)) w) (fun _ => dot n (grad x) w)).
      + apply mean_value_integral; exact lipschitz_continuous.
      + pose proof (is_RInt_const 0 1 (dot n (grad x) w)) as c.
        unfold scal in c; simpl in c; unfold mult in c; simpl in c.
        rewrite Rminus_0_r, Rmult_1_l in c; exact c.
    - apply (@is_RInt_derive R_CompleteNormedModule (fun t => C * (t ^ 2 / 2)) (fun t => C * t)).
      + intros t _; auto_derive; [trivial|field].
      + intros t _; apply (@ex_derive_continuous R_AbsRing R_NormedModule); auto_derive; trivial.
    - intros t ht; rewrite <- dot_vsub.
      eapply Rle_trans; [apply Rle_abs|]; eapply Rle_trans; [apply dot_le_norm|].
      pose proof (lipschitz_from_start t ltac:(lra)); unfold C.
      apply Rle_trans with (K * (t * norm n d) * norm n w); [|right; ring].
      apply Rmult_le_compat_r; assumption. }
  rewrite <- dot_vsub in H; fold w in H; rewrite <- norm_sq in H; unfold C in H.
  destruct (Req_dec (norm n w) 0) as [->|nz]; [lra|].
  apply (Rmult_le_reg_r (norm n w)); lra.
Qed.

End UnitSegment.

Section Secants.

Variables (n : nat) (pos : nat -> nat) (L : vec -> R) (grad : vec -> vec) (x d : vec) (K : R).

(** pos is a permutation of 0 .. n-1. *)
Hypothesis pos_bound : forall i, (pos i < n)%nat <-> (i < n)%nat.
Hypothesis pos_injective : forall i j, (i < n)%nat -> (j < n)%nat -> pos i = pos j -> i = j.

Hypothesis gradient : forall z, box n x d z -> is_gradient n L z (grad z).

(** Itoh and Abe's discrete gradient; where d_i = 0, the partial derivative at the current partial point. *)
Let w : vec := fun i => grad (partial_point pos x d (pos i)) i.

(** Each element is the loss's partial derivative at some point of the box. *)
Lemma itoh_abe_partial_derivative i : (i < n)%nat ->
  exists z, box n x d z /\ itoh_abe pos L x d w i = grad z i.
Proof.
  intros hi; set (q := partial_point pos x d (pos i)).
  set (b := fun j => if (j =? i)%nat then d i else 0).
  assert (inside : forall t, 0 <= t <= 1 -> box n x d (along q b t)).
  { intros t ht; split; intros j hj; unfold along, q, b, partial_point.
    - destruct (Nat.eqb_spec j i) as [->|ne].
      + rewrite Nat.ltb_irrefl; exists t; split; [exact ht|reflexivity].
      + destruct (pos j <? pos i)%nat; [exists 1|exists 0]; split; lra.
    - pose proof (pos_bound i); pose proof (pos_bound j).
      destruct (Nat.ltb_spec (pos j) (pos i)), (Nat.eqb_spec j i); try lia; ring. }
  assert (dot_b : forall v, dot n v b = v i * d i).
  { intros v; unfold b; revert hi; clear; intros hi.
    assert (H : forall k, dot k v (fun j => if (j =? i)%nat then d i else 0)
                          = if (i <? k)%nat then v i * d i else 0).
    { induction k as [|k IH]; simpl; [reflexivity|]; rewrite IH.
      destruct (Nat.ltb_spec i k), (Nat.ltb_spec i (S k)), (Nat.eqb_spec k i); subst; try lia; ring. }
    rewrite H; destruct (Nat.ltb_spec i n); [reflexivity|lia]. }
  unfold itoh_abe; destruct (Req_EM_T (d i) 0) as [z|nz].
  - exists q; split; [|reflexivity]; rewrite <- (along_0 q b); apply inside; lra.
  - destruct (MVT_cor2 (fun t => L (along q b t)) (fun t => dot n (grad (along q b t)) b) 0 1 Rlt_0_1)
      as [c [e hc]].
    { intros t ht; apply is_derive_Reals, is_derive_line, gradient, inside, ht. }
    exists (along q b c); split; [apply inside; lra|].
    assert (e1 : partial_point pos x d (S (pos i)) = along q b 1).
    { apply functional_extensionality; intros j; unfold along, q, b, partial_point.
      destruct (Nat.eqb_spec j i) as [->|ne].
      - rewrite Nat.ltb_irrefl; destruct (Nat.ltb_spec (pos i) (S (pos i))); [ring|lia].
      - assert (pos j <> pos i).
        { intros h; apply ne, pos_injective; [|exact hi|exact h].
          apply pos_bound; rewrite h; apply pos_bound, hi. }
        destruct (Nat.ltb_spec (pos j) (pos i)), (Nat.ltb_spec (pos j) (S (pos i))); try lia; ring. }
    rewrite e1; fold q; rewrite along_0, dot_b in e; rewrite e; field; exact nz.
Qed.

Hypothesis lipschitz : lipschitz_on n grad K (box n x d).

Lemma itoh_abe_distance_unit : norm n (vsub (itoh_abe pos L x d w) (grad x)) <= sqrt (INR n) * (K * norm n d).
Proof.
  assert (start : box n x d x).
  { split; intros i hi; [exists 0; split; [lra|ring]|reflexivity]. }
  assert (inner : forall z, box n x d z -> norm n (vsub z x) <= norm n d).
  { intros z [hz _]; apply norm_le_of_coordinates; intros i hi; destruct (hz i hi) as [t [ht e]].
    unfold vsub; rewrite e; replace (x i + t * d i - x i) with (t * d i) by ring.
    rewrite Rabs_mult, (Rabs_pos_eq t) by lra; pose proof (Rabs_pos (d i)); nra. }
  assert (k0 : 0 <= K * norm n d).
  { set (z := fun i => if (i <? n)%nat then x i + d i else x i).
    assert (hz : box n x d z).
    { split; intros i hi; unfold z; destruct (Nat.ltb_spec i n); try lia; try reflexivity.
      exists 1; split; [lra|ring]. }
    replace (norm n d) with (norm n (vsub z x)).
    - eapply Rle_trans; [apply norm_ge0|apply lipschitz; assumption].
    - unfold norm; f_equal; apply dot_ext; intros i hi; unfold vsub, z;
        (destruct (Nat.ltb_spec i n); [ring|lia]). }
  assert (near : forall i, (i < n)%nat -> Rabs (vsub (itoh_abe pos L x d w) (grad x) i) <= K * norm n d).
  { intros i hi; destruct (itoh_abe_partial_derivative i hi) as [z [hz e]].
    unfold vsub at 1; rewrite e.
    eapply Rle_trans; [apply (coordinate_le_norm n (vsub (grad z) (grad x))); exact hi|].
    eapply Rle_trans; [apply lipschitz; assumption|].
    pose proof (inner z hz); pose proof (norm_ge0 n (vsub z x)); pose proof (norm_ge0 n d).
    destruct (Rle_lt_dec 0 K); nra. }
  apply norm_le_of_bound; assumption.
Qed.

End Secants.

Section Distances.

Variables (n : nat) (L : vec -> R) (grad : vec -> vec) (x g : vec) (eta K : R).

Hypothesis eta_gt0 : 0 < eta.

Let d : vec := vscale eta g.

Lemma lipschitz_step : lipschitz_on n grad K (segment x g eta) -> lipschitz_on n grad K (segment x d 1).
Proof. intros h u v hu hv; apply h; apply segment_vscale; assumption. Qed.

Lemma norm_step : norm n d = eta * norm n g.
Proof. apply norm_vscale; lra. Qed.

(** Mean value: |ybar - y| <= eta K |g| / 2, for a gradient that is K-Lipschitz on the segment. *)
Theorem mean_value_distance : lipschitz_on n grad K (segment x g eta) ->
  norm n (vsub (vopp (mean_value_gradient grad x d)) (vopp (grad x))) <= eta * K * norm n g / 2.
Proof.
  intros h; rewrite norm_vsub_vopp.
  replace (eta * K * norm n g / 2) with (K * norm n d / 2) by (rewrite norm_step; field).
  apply mean_value_distance_unit, lipschitz_step, h.
Qed.

(** Gonzalez, with v the gradient at the midpoint: |ybar - y| <= eta K |g| / sqrt 2, for a loss that has a
    K-Lipschitz gradient on the segment. *)
Theorem gonzalez_distance :
  norm n g <> 0 -> (forall z, segment x g eta z -> is_gradient n L z (grad z)) ->
  lipschitz_on n grad K (segment x g eta) ->
  norm n (vsub (vopp (gonzalez n L x d (grad (along x g (eta / 2))))) (vopp (grad x)))
    <= eta * K * norm n g / sqrt 2.
Proof.
  intros g0 gradient lip; rewrite norm_vsub_vopp; apply lipschitz_step in lip.
  set (v := grad (along x g (eta / 2))); set (u := vsub v (grad x)).
  set (c := (L (along x d 1) - L x - dot n v d) / dot n d d).
  assert (d0 : dot n d d <> 0).
  { rewrite <- norm_sq, norm_step; apply Rmult_integral_contrapositive_currified; nra. }
  assert (dp : 0 < dot n d d) by (pose proof (dot_ge0 n d); lra).
  assert (e : vsub (gonzalez n L x d v) (grad x) = along u d c).
  { apply functional_extensionality; intros i.
    change (v i + c * d i - grad x i = v i - grad x i + c * d i); ring. }
  rewrite e; set (k := K * norm n d); pose proof (lipschitz_ge0 _ _ _ _ _ lip : 0 <= k) as k0.
  assert (kk : k ^ 2 = K ^ 2 * dot n d d) by (unfold k; rewrite <- norm_sq; ring).
  assert (hu : dot n u u <= (k / 2) ^ 2).
  { assert (ev : v = grad (along x d (1 / 2))) by (unfold v, d; rewrite along_vscale; do 2 f_equal; field).
    pose proof (lipschitz_from_start _ _ _ _ _ lip (1 / 2) ltac:(lra)) as h; rewrite <- ev in h; fold u in h.
    rewrite <- norm_sq.
    pose proof (norm_ge0 n u); unfold k; nra. }
  assert (hw : (dot n (along u d c) d) ^ 2 <= k ^ 2 * dot n d d / 4).
  { pose proof (loss_change_bound n L grad x d 1 K Rlt_0_1) as b; cbv zeta in b.
    assert (H : Rabs (dot n (along u d c) d) <= K * dot n d d / 2).
    { replace (dot n (along u d c) d) with ((L (along x d 1) - L x) / 1 + dot n (vopp (grad x)) d).
      - replace (K * dot n d d / 2) with (1 * K * dot n d d / 2) by field; apply b.
        + intros s hs; apply gradient, segment_vscale; [exact eta_gt0|]; apply segment_point, hs.
        + intros s hs; apply lipschitz_from_start; assumption.
      - rewrite dot_along; unfold u, c; rewrite dot_vsub, dot_vopp; field; exact d0. }
    replace (k ^ 2 * dot n d d / 4) with ((K * dot n d d / 2) ^ 2) by (rewrite kk; field).
    rewrite <- (pow2_abs (dot n (along u d c) d)); apply pow_incr; split; [apply Rabs_pos|exact H]. }
  assert (ew : dot n (along u d c) (along u d c)
               = dot n u u + (dot n (along u d c) d ^ 2 - dot n u d ^ 2) / dot n d d).
  { rewrite !dot_along, !(dot_comm n _ (along u d c)), !dot_along, (dot_comm n d u); field; exact d0. }
  replace (eta * K * norm n g / sqrt 2) with (k / sqrt 2).
  2: { unfold k; rewrite norm_step; field; apply Rgt_not_eq, sqrt_lt_R0; lra. }
  apply norm_le_of_sq; [apply Rdiv_le_0_compat; [exact k0|apply sqrt_lt_R0; lra]|].
  replace ((k / sqrt 2) ^ 2) with (k ^ 2 / 2)
    by (unfold Rdiv; rewrite Rpow_mult_distr, pow_inv, pow2_sqrt by lra; reflexivity).
  assert (hq : (dot n (along u d c) d ^ 2 - dot n u d ^ 2) / dot n d d <= k ^ 2 / 4).
  { apply (Rmult_le_reg_r (dot n d d)); [exact dp|].
    unfold Rdiv at 1; rewrite Rmult_assoc, Rinv_l by exact d0.
    pose proof (pow2_ge_0 (dot n u d)); lra. }
  rewrite ew; lra.
Qed.

(** Itoh and Abe, the coordinates in any order: |ybar - y| <= sqrt n eta K |g|, for a loss that has a
    K-Lipschitz gradient on the box between the two ends of the step. Crude: sqrt n is perhaps not sharp. *)
Theorem itoh_abe_distance_any_order (pos : nat -> nat) :
  (forall i, (pos i < n)%nat <-> (i < n)%nat) ->
  (forall i j, (i < n)%nat -> (j < n)%nat -> pos i = pos j -> i = j) ->
  (forall z, box n x d z -> is_gradient n L z (grad z)) -> lipschitz_on n grad K (box n x d) ->
  norm n (vsub (vopp (itoh_abe pos L x d (fun i => grad (partial_point pos x d (pos i)) i))) (vopp (grad x)))
    <= sqrt (INR n) * (eta * K * norm n g).
Proof.
  intros bound inj gradient lip; rewrite norm_vsub_vopp.
  replace (eta * K * norm n g) with (K * norm n d) by (rewrite norm_step; ring).
  apply itoh_abe_distance_unit; assumption.
Qed.

(** The same for the coordinates in their own order 0 .. n-1. *)
Theorem itoh_abe_distance :
  (forall z, box n x d z -> is_gradient n L z (grad z)) -> lipschitz_on n grad K (box n x d) ->
  norm n (vsub (vopp (itoh_abe (fun i => i) L x d (fun i => grad (partial_point (fun i => i) x d i) i)))
               (vopp (grad x))) <= sqrt (INR n) * (eta * K * norm n g).
Proof. intros gradient lip; apply itoh_abe_distance_any_order; [tauto|auto|exact gradient|exact lip]. Qed.

End Distances.

(** The angle between two vectors other than 0. *)
Definition angle (n : nat) (u v : vec) : R := acos (dot n u v / (norm n u * norm n v)).

Lemma cosine_range (n : nat) (u v : vec) : -1 <= dot n u v / (norm n u * norm n v) <= 1.
Proof.
  pose proof (dot_le_norm n u v) as c; pose proof (norm_ge0 n u); pose proof (norm_ge0 n v).
  destruct (Req_dec (norm n u * norm n v) 0) as [z|nz].
  - rewrite z in *; assert (e : dot n u v = 0) by (apply Rabs_eq_0; pose proof (Rabs_pos (dot n u v)); lra).
    rewrite e; unfold Rdiv; rewrite Rmult_0_l; lra.
  - assert (pos : 0 < norm n u * norm n v) by nra.
    apply Rabs_le_between in c; split; apply (Rmult_le_reg_r (norm n u * norm n v)); try exact pos;
      unfold Rdiv; rewrite Rmult_assoc, Rinv_l by exact nz; lra.
Qed.

Lemma acos_le (a b : R) : -1 <= a <= 1 -> -1 <= b <= 1 -> a <= b -> acos b <= acos a.
Proof.
  intros ha hb h; destruct (Rle_lt_dec (acos b) (acos a)) as [|c]; [assumption|].
  pose proof (acos_bound a); pose proof (acos_bound b).
  apply cos_decreasing_1 in c; [|lra..]; rewrite !cos_acos in c by assumption; lra.
Qed.

Lemma asin_lt_iff (a b : R) : -1 <= a <= 1 -> -1 <= b <= 1 -> asin a < asin b <-> a < b.
Proof.
  intros ha hb; pose proof (asin_bound a); pose proof (asin_bound b); split; intros h.
  - apply sin_increasing_1 in h; [|lra..]; rewrite !sin_asin in h by assumption; exact h.
  - apply sin_increasing_0; [lra..|]; rewrite !sin_asin by assumption; exact h.
Qed.

(** The triangle inequality of angles. *)
Theorem angle_triangle (n : nat) (u v w : vec) : norm n u <> 0 -> norm n v <> 0 -> norm n w <> 0 ->
  angle n u w <= angle n u v + angle n v w.
Proof.
  intros u0 v0 w0; unfold angle.
  pose proof (cosine_range n u v) as ra; pose proof (cosine_range n v w) as rb.
  pose proof (cosine_range n u w) as rc.
  set (a := dot n u v / (norm n u * norm n v)) in *; set (b := dot n v w / (norm n v * norm n w)) in *.
  set (c := dot n u w / (norm n u * norm n w)) in *.
  pose proof (acos_bound a) as ba; pose proof (acos_bound b) as bb.
  destruct (Rle_lt_dec (acos a + acos b) PI) as [le|lt]; [|pose proof (acos_bound c); lra].
  rewrite <- (acos_cos (acos a + acos b)) by lra.
  assert (ge : cos (acos a + acos b) <= c); [|apply acos_le; [apply COS_bound|exact rc|exact ge]].
  rewrite cos_plus, !cos_acos, !sin_acos by assumption; rewrite <- sqrt_mult by (unfold Rsqr; nra).
  assert (h : a * b - c <= sqrt ((1 - a²) * (1 - b²))); [|lra].
  eapply Rle_trans; [apply Rle_abs|]; rewrite <- sqrt_Rsqr_abs; apply sqrt_le_1_alt.
  pose proof (cauchy_schwarz n (along (vscale (dot n v v) u) v (- dot n u v))
                (along (vscale (dot n v v) w) v (- dot n v w))) as cs.
  rewrite !dot_along, !dot_vscale, !(dot_comm n _ (along _ _ _)), !dot_along, !dot_vscale in cs.
  rewrite (dot_comm n v u), (dot_comm n w v), (dot_comm n w u), <- !norm_sq in cs.
  replace (dot n u v) with (a * (norm n u * norm n v)) in cs by (unfold a; field; auto).
  replace (dot n v w) with (b * (norm n v * norm n w)) in cs by (unfold b; field; auto).
  replace (dot n u w) with (c * (norm n u * norm n w)) in cs by (unfold c; field; auto).
  set (M := ((norm n v) ^ 4 * norm n u * norm n w) ^ 2).
  assert (M0 : 0 < M).
  { apply pow2_gt_0; repeat apply Rmult_integral_contrapositive_currified; auto; apply pow_nonzero, v0. }
  apply (Rmult_le_reg_l M); [exact M0|].
  eapply Rle_trans; [right|eapply Rle_trans; [exact cs|right]]; unfold M, Rsqr; ring.
Qed.

(** Two vectors at a distance of at most r, less than the length of u, enclose an angle of at most
    asin(r/|u|). *)
Theorem angle_le_asin (n : nat) (u v : vec) (r : R) :
  norm n (vsub v u) <= r -> r < norm n u -> norm n v <> 0 /\ angle n v u <= asin (r / norm n u).
Proof.
  intros hr hu; pose proof (norm_ge0 n (vsub v u)) as r0; pose proof (norm_ge0 n v) as v0.
  assert (sq : dot n v v - 2 * dot n v u + dot n u u <= r ^ 2).
  { apply Rle_trans with (norm n (vsub v u) ^ 2); [right|apply pow_incr; lra].
    rewrite <- Rsqr_pow2; unfold Rsqr.
    rewrite norm_sq, dot_vsub, !(dot_comm n _ (vsub _ _)), !dot_vsub, (dot_comm n u v); ring. }
  pose proof (dot_le_norm n v u) as cs; rewrite <- !norm_sq in sq.
  assert (nz : norm n v <> 0).
  { intros z; rewrite z, Rmult_0_l in cs; pose proof (Rle_abs (dot n v u)); rewrite z in sq; nra. }
  split; [exact nz|].
  set (U := norm n u) in *; set (V := norm n v) in *; set (s := dot n v u) in *.
  set (t := r / U).
  assert (t0 : 0 <= t < 1).
  { unfold t; split; [apply Rdiv_le_0_compat; lra|]; apply (Rmult_lt_reg_r U); [lra|].
    unfold Rdiv; rewrite Rmult_assoc, Rinv_l; lra. }
  pose proof (asin_bound t); assert (a0 : 0 <= asin t).
  { destruct (Req_dec t 0) as [z|]; [rewrite z, asin_0; lra|].
    rewrite <- asin_0; apply Rlt_le, asin_lt_iff; lra. }
  unfold angle; rewrite <- (acos_cos (asin t)) by (pose proof PI_RGT_0; lra).
  apply acos_le; [apply COS_bound|apply cosine_range|].
  fold V U s; rewrite cos_asin by lra; set (q := sqrt (1 - t²)).
  assert (qq : q * q = 1 - t * t) by (apply sqrt_sqrt; unfold Rsqr; nra).
  assert (er : r = t * U) by (unfold t; field; lra).
  assert (vu : 0 < V * U) by nra.
  apply (Rmult_le_reg_r (V * U)); [exact vu|]; unfold Rdiv; rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra.
  pose proof (pow2_ge_0 (V - q * U)) as am.
  assert (e2 : (V - q * U) ^ 2 = V * V - 2 * (q * (V * U)) + (q * q) * (U * U)) by ring.
  rewrite e2, qq in am; rewrite er in sq; nra.
Qed.

(** An error of at most r < |y| turns a vector y by at most asin(r/|y|), as seen from any g. *)
Theorem angle_perturbation (n : nat) (y ybar g : vec) (r : R) :
  norm n g <> 0 -> norm n (vsub ybar y) <= r -> r < norm n y ->
  angle n ybar g <= angle n y g + asin (r / norm n y).
Proof.
  intros g0 h lt; destruct (angle_le_asin n y ybar r h lt) as [nz le].
  assert (y0 : norm n y <> 0) by (pose proof (norm_ge0 n (vsub ybar y)); lra).
  pose proof (angle_triangle n ybar y g nz y0 g0); lra.
Qed.

Section Angles.

Variables (n : nat) (grad : vec -> vec) (x g : vec) (eta K : R).

Hypothesis eta_gt0 : 0 < eta.

(** The gradient is K-Lipschitz on the segment of the step. *)
Hypothesis lipschitz : lipschitz_on n grad K (segment x g eta).

Let y : vec := vopp (grad x).
Let ybar : vec := vopp (mean_value_gradient grad x (vscale eta g)).
Let p : R := dot n y g.
Let gg : R := dot n g g.

(** With psi the angle to g: psi(ybar) <= psi(y) + asin(eta K |g| / (2 |y|)), while eta K |g| / 2 < |y|. *)
Theorem mean_value_angle : norm n g <> 0 -> eta * K * norm n g / 2 < norm n y ->
  angle n ybar g <= angle n y g + asin (eta * K * norm n g / (2 * norm n y)).
Proof.
  intros g0 lt.
  assert (d : norm n (vsub ybar y) <= eta * K * norm n g / 2) by (apply mean_value_distance; assumption).
  pose proof (angle_perturbation n y ybar g _ g0 d lt) as h; pose proof (norm_ge0 n (vsub ybar y)).
  replace (eta * K * norm n g / (2 * norm n y)) with (eta * K * norm n g / 2 / norm n y) by (field; lra).
  exact h.
Qed.

(** That bound is below a right angle exactly when eta < 2p/(K gg). *)
Theorem angle_bound_acute_iff : 0 < K * gg -> eta * K * norm n g / 2 < norm n y ->
  angle n y g + asin (eta * K * norm n g / (2 * norm n y)) < PI / 2 <-> eta < 2 * p / (K * gg).
Proof.
  intros kg lt; pose proof (norm_ge0 n g) as g1.
  assert (e : gg = norm n g * norm n g) by (unfold gg; symmetry; apply norm_sq).
  assert (g0 : 0 < norm n g) by (destruct (Req_dec (norm n g) 0) as [z|]; [rewrite e, z in kg|]; lra).
  assert (k0 : 0 < K) by (rewrite e in kg; nra).
  pose proof (Rmult_lt_0_compat _ _ (Rmult_lt_0_compat _ _ eta_gt0 k0) g0) as r0.
  assert (y0 : 0 < norm n y) by lra.
  pose proof (cosine_range n y g) as rc; unfold angle; rewrite acos_asin by exact rc.
  fold p in rc |- *; set (t := eta * K * norm n g / (2 * norm n y)).
  set (c := p / (norm n y * norm n g)) in *.
  assert (et : t * (2 * norm n y) = eta * K * norm n g) by (unfold t; field; lra).
  assert (ec : c * (norm n y * norm n g) = p) by (unfold c; field; lra).
  assert (rt : -1 <= t <= 1).
  { split; apply (Rmult_le_reg_r (2 * norm n y)); try lra; rewrite et; lra. }
  transitivity (asin t < asin c); [split; lra|].
  rewrite asin_lt_iff by assumption.
  transitivity (eta * (K * gg) < 2 * p).
  - assert (e1 : eta * (K * gg) = 2 * t * (norm n y * norm n g)).
    { rewrite e; replace (eta * (K * (norm n g * norm n g))) with (eta * K * norm n g * norm n g) by ring.
      rewrite <- et; ring. }
    rewrite e1, <- ec; assert (yg : 0 < norm n y * norm n g) by (apply Rmult_lt_0_compat; assumption).
    split; intros h.
    + apply (Rmult_lt_compat_r _ _ _ yg) in h; lra.
    + apply (Rmult_lt_reg_r _ _ _ yg); lra.
  - assert (e2 : 2 * p / (K * gg) * (K * gg) = 2 * p).
    { unfold Rdiv; rewrite Rmult_assoc, Rinv_l by lra; ring. }
    split; intros h.
    + apply (Rmult_lt_reg_r _ _ _ kg); rewrite e2; exact h.
    + apply (Rmult_lt_compat_r _ _ _ kg) in h; rewrite e2 in h; exact h.
Qed.

(** For eta < 2p/(K gg) the mean value gradient still descends along g: ybar.g > 0. *)
Theorem mean_value_gradient_descends : 0 < K * gg -> eta < 2 * p / (K * gg) -> dot n ybar g > 0.
Proof.
  intros kg h.
  assert (d : norm n (vsub ybar y) <= eta * K * norm n g / 2) by (apply mean_value_distance; assumption).
  apply (Rmult_lt_compat_r (K * gg) _ _ kg) in h.
  replace (2 * p / (K * gg) * (K * gg)) with (2 * p) in h
    by (unfold Rdiv; rewrite Rmult_assoc, Rinv_l by lra; ring).
  pose proof (dot_le_norm n (vsub ybar y) g) as c; apply Rabs_le_between in c; rewrite dot_vsub in c.
  assert (e : gg = norm n g * norm n g) by (unfold gg; symmetry; apply norm_sq).
  apply (Rmult_le_compat_r _ _ _ (norm_ge0 n g)) in d; fold p in c; rewrite e in h; lra.
Qed.

End Angles.
