(** * Discrete time: what a finite step proves about the first order, and the other way round

    A step goes from theta to theta + eta g; dL is the change of the loss, y = -grad L(theta), p = y.g, gg =
    g.g.

    Proved, on R^n for every n (vectors are sequences of which the first n elements count; a gradient is
    only asked to give every directional derivative, and only at points of the segment):
    - loss_change_bound: if the gradient is K-Lipschitz as seen from the start, |dL/eta + p| <= eta K gg/2;
    - decrease_certifies_descent_direction: then -dL > eta^2 K gg/2 implies p > 0;
    - small_step_decreases_loss: and eta < 2p/(K gg) implies dL < 0;
    - lagrange_form: with a Hessian along the segment, (y - (eta/2) H(xi) g).g = -dL/eta for some xi in (0,
      eta): the step is natural gradient descent for the gradient with a Hessian term;
    - loss_change_bound_second_order: with a rho-Lipschitz Hessian |dL/eta + p - (eta/2) g.Hg| <= eta^2 rho
      |g|^3/6.

    Not proved yet: exactness and distances of discrete gradients. Axioms: those of Coq's real numbers with
    classical logic, as Coquelicot uses them. *)
From Coq Require Import Reals Lra Lia FunctionalExtensionality PeanoNat.
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
  destruct (MVT_cor2 (fun t => f' t - A * (2 * t)) (fun t => f'' t - A * 2) 0 c) as [d [e' [d0 d1]]]; [lra| |].
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
  replace (dL / eta + p) with ((L (along x g eta) + eta * p - (L x + 0 * p)) / eta) by (unfold dL; field; lra).
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
  assert (H : Rabs ((L (along x g eta) + (eta * p - eta ^ 2 / 2 * q)) - (L (along x g 0) + (0 * p - 0 ^ 2 / 2 * q)))
              <= C * (eta ^ 3 / 6) - C * (0 ^ 3 / 6)).
  { apply (increment_abs_le (fun t => L (along x g t) + (t * p - t ^ 2 / 2 * q))
      (fun t => dot n (grad (along x g t)) g + p - t * q) (fun t => C * (t ^ 3 / 6)) (fun t => C * (t ^ 2 / 2)));
      [lra| | |exact H1].
    - intros t ht.
      replace (dot n (grad (along x g t)) g + p - t * q) with (dot n (grad (along x g t)) g + (p - t * q)) by ring.
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
