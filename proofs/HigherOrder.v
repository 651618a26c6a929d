(** * Momentum is natural gradient descent in phase space

    An extension of the paper: a second-order rule theta'' = -gamma theta' - grad L(theta), and its discrete
    form, the heavy ball d+ = beta d - alpha grad L(theta), theta+ = theta + d+, do not decrease the loss at
    every instant. But they decrease an energy of position and velocity together, so in phase space (theta, v)
    they are natural gradient descent for that energy. No convexity is assumed, only an upper bound K on the
    curvature.

    Assumptions. Discrete: the descent inequality L(theta + d) <= L(theta) + grad L(theta).d + (K/2)|d|^2,
    which every loss with a K-Lipschitz gradient satisfies ([quadratic_descent] for quadratic losses).
    Continuous: at one point of phase space, the velocity v, the gradient grad and the symmetric Hessian H
    with x.Hx <= K x.x.

    Proved, over any ordered field and in any dimension, without axioms:
    - the heavy ball's energy E = L + (beta/2 alpha)|d|^2 falls by at least ((1-beta)/alpha - K/2)|d+|^2 +
      (beta/2 alpha)|d+ - d|^2; so for 0 < alpha, 0 < beta and alpha K < 2(1-beta) it falls strictly unless d
      = 0 and grad L = 0; the bound on alpha is sharp for L = K|theta|^2 / 2;
    - for V = L + |v|^2/2 + eps grad L.v the rate of decrease -V' = v.(gamma - eps H)v + eps gamma grad.v +
      eps |grad|^2 is positive unless v = grad = 0, for 0 < eps < 4 gamma/(gamma^2 + 4K); for H = K I no
      larger eps will do;
    - that rate is y_ext.g_ext with g_ext = (v, -gamma v - grad), y_ext = -(grad + eps Hv, v + eps grad); so
      at every point of phase space a symmetric positive definite matrix takes g_ext to y_ext.

    Not proved: that y_ext is minus the gradient of V, and so that -V' is the time derivative along solutions,
    for a general twice differentiable loss. For quadratic losses it is, by an exact expansion
    ([energy_expansion]). *)



From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
From Natgrad Require Import LinearAlgebra CanonicalForm Stochastic.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section HeavyBall.

Variables (R : realFieldType) (n : nat).
Variables (L : 'cV[R]_n -> R) (grad : 'cV[R]_n -> 'cV[R]_n) (K alpha beta : R).
Implicit Types (theta d : 'cV[R]_n).

(** The new displacement d+ of the heavy ball, and its energy. *)
Definition heavy_ball_step theta d : 'cV[R]_n := beta *: d - alpha *: grad theta.
Definition heavy_ball_energy theta d : R := L theta + beta / (2%:R * alpha) * dot d d.

Hypothesis descent : forall theta d, L (theta + d) <= L theta + dot (grad theta) d + K / 2%:R * dot d d.
Hypothesis alpha_gt0 : 0 < alpha.

(** The energy falls by at least ((1-beta)/alpha - K/2)|d+|^2 + (beta/2 alpha)|d+ - d|^2. *)
Theorem heavy_ball_energy_decrease theta d :
  let d' := heavy_ball_step theta d in
  ((1 - beta) / alpha - K / 2%:R) * dot d' d' + beta / (2%:R * alpha) * dot (d' - d) (d' - d)
  <= heavy_ball_energy theta d - heavy_ball_energy (theta + d') d'.
Proof.
rewrite /=; set d' := heavy_ball_step theta d; have a_nz : alpha != 0 by rewrite gt_eqF.
have gE : grad theta = alpha^-1 *: (beta *: d - d').
  by rewrite /d' /heavy_ball_step opprB addrC subrK scalerA mulVf // scale1r.
have := descent theta d'; clearbody d'; rewrite gE /heavy_ball_energy !dot_linear (dotC d' d).
move: (L theta) (L _) (dot d d) (dot d d') (dot d' d') => l l' a b c.
move=> le; rewrite -subr_ge0; rewrite -subr_ge0 in le; move: le.
congr (0 <= _); field; by rewrite a_nz.
Qed.

Hypothesis beta_gt0 : 0 < beta.
Hypothesis alpha_small : alpha * K < 2%:R * (1 - beta).

(** With alpha K < 2(1-beta) it falls strictly, unless the displacement and the gradient are both zero. *)
Theorem heavy_ball_energy_strict theta d : (d != 0) || (grad theta != 0) ->
  let d' := heavy_ball_step theta d in
  heavy_ball_energy (theta + d') d' < heavy_ball_energy theta d.
Proof.
move=> moving /=; set d' := heavy_ball_step theta d; rewrite -subr_gt0; apply: lt_le_trans
  (heavy_ball_energy_decrease theta d); rewrite -/d'.
have c1 : 0 < (1 - beta) / alpha - K / 2%:R.
  rewrite subr_gt0 ltr_pdivr_mulr ?ltr0n // mulrAC ltr_pdivl_mulr //.
  by rewrite [K * _]mulrC [_ * 2%:R]mulrC.
have c2 : 0 < beta / (2%:R * alpha) by rewrite divr_gt0 // mulr_gt0 // ltr0n.
have t1 : 0 <= ((1 - beta) / alpha - K / 2%:R) * dot d' d' by rewrite mulr_ge0 ?dot_ge0 // ltW.
have t2 : 0 <= beta / (2%:R * alpha) * dot (d' - d) (d' - d) by rewrite mulr_ge0 ?dot_ge0 // ltW.
rewrite lt_def addr_ge0 // andbT paddr_eq0 // (mulf_eq0 _ (dot d' d')) (mulf_eq0 _ (dot (d' - d) _)).
rewrite (gt_eqF c1) (gt_eqF c2) /= !dot_eq0 negb_and.
have [d'0|//] := eqVneq d' 0; rewrite d'0 sub0r oppr_eq0 /=; move: moving.
have [d0 /=|//] := eqVneq d 0; move: d'0; rewrite /d' /heavy_ball_step d0 scaler0 sub0r.
by move/eqP; rewrite oppr_eq0 scaler_eq0 gt_eqF //= => /eqP ->; rewrite eqxx.
Qed.

End HeavyBall.

Section HeavyBallQuadratic.

Variables (R : realFieldType) (n : nat).
Implicit Types (H : 'M[R]_n) (theta d : 'cV[R]_n).

(** Quadratic losses with x.Hx <= K x.x satisfy the descent inequality. *)
Theorem quadratic_descent H K theta d :
    symmetric H -> (forall x, dot x (H *m x) <= K * dot x x) ->
  quadratic_loss H (theta + d) <= quadratic_loss H theta + dot (H *m theta) d + K / 2%:R * dot d d.
Proof.
move=> sH up; have := quadratic_loss_change theta d 1 sH; rewrite scale1r => /eqP.
rewrite subr_eq => /eqP ->; rewrite dotNl mul1r opprK expr1n mul1r addrC -!addrA ler_add2l ler_add2l.
by rewrite mulrAC ler_wpmul2r ?invr_ge0 ?ler0n.
Qed.

(** The bound on alpha is sharp: for L = K|theta|^2 / 2 and alpha K >= 2(1-beta) there are points with d !=
    0 at
    which the energy does not fall. *)
Theorem heavy_ball_bound_sharp (K alpha beta : R) (d : 'cV[R]_n) :
    0 < K -> 0 < alpha -> 2%:R * (1 - beta) <= alpha * K -> d != 0 ->
  let L := quadratic_loss (K%:M : 'M[R]_n) in
  let grad theta := (K%:M : 'M[R]_n) *m theta in
  exists theta, let d' := heavy_ball_step grad alpha beta theta d in
    d' = d /\ heavy_ball_energy L alpha beta theta d <= heavy_ball_energy L alpha beta (theta + d') d'.
Proof.
move=> K_gt0 a_gt0 big d_nz L grad; pose theta := ((beta - 1) / (alpha * K)) *: d; exists theta.
have aK_nz : alpha * K != 0 by rewrite mulf_neq0 ?gt_eqF.
have d'E : heavy_ball_step grad alpha beta theta d = d.
  have cE : alpha * K * ((beta - 1) / (alpha * K)) = beta - 1 by rewrite mulrC divfK.
  rewrite /heavy_ball_step /grad mul_scalar_mx /theta !scalerA cE.
  by rewrite -scalerBl opprB addrC subrK scale1r.
rewrite /= d'E; split=> //; rewrite /heavy_ball_energy ler_add2r -subr_ge0.
have := quadratic_loss_change theta d 1 (tr_scalar_mx n K); rewrite scale1r => ->.
rewrite !mul_scalar_mx /theta !dot_linear mul1r opprK expr1n mul1r.
have -> : K * ((beta - 1) / (alpha * K) * dot d d) + K * dot d d / 2%:R
        = (alpha * K - 2%:R * (1 - beta)) * dot d d / (2%:R * alpha).
  by move: (dot d d) => a; field; rewrite !gt_eqF.
by rewrite divr_ge0 ?mulr_ge0 ?dot_ge0 ?subr_ge0 ?ler0n // ltW.
Qed.

End HeavyBallQuadratic.

Section PhaseSpace.

Variables (R : realFieldType) (n : nat).
Implicit Types (H : 'M[R]_n) (v grad theta : 'cV[R]_n) (gamma eps K : R).

(** The rate of decrease -V' of V = L + |v|^2/2 + eps grad L.v. *)
Definition energy_decrease gamma eps H v grad : R :=
  dot v (gamma *: v - eps *: (H *m v)) + eps * gamma * dot grad v + eps * dot grad grad.

(** The update and minus the gradient of V in phase space. *)
Definition g_phase gamma v grad : 'cV[R]_(n + n) := col_mx v (- (gamma *: v) - grad).
Definition y_phase eps H v grad : 'cV[R]_(n + n) := - col_mx (grad + eps *: (H *m v)) (v + eps *: grad).

Lemma dot_col_mx (a b c d : 'cV[R]_n) : dot (col_mx a b) (col_mx c d) = dot a c + dot b d.
Proof. by rewrite /dot tr_col_mx mul_row_col mxE. Qed.

(** -V' = y_ext.g_ext, by algebra alone. *)
Theorem energy_decrease_phase gamma eps H v grad :
  dot (y_phase eps H v grad) (g_phase gamma v grad) = energy_decrease gamma eps H v grad.
Proof.
rewrite /y_phase /g_phase /energy_decrease dotNl dot_col_mx !dot_linear (dotC (H *m v) v) (dotC v grad).
by move: (dot v v) (dot v (H *m v)) (dot grad v) (dot grad grad) => a b c d; ring.
Qed.

(** -V' is at least eps|grad + (gamma/2) v|^2 + (gamma - eps K - eps gamma^2/4)|v|^2. *)
Lemma energy_decrease_ge gamma eps H v grad K :
    0 <= eps -> (forall x, dot x (H *m x) <= K * dot x x) ->
  eps * dot (grad + (gamma / 2%:R) *: v) (grad + (gamma / 2%:R) *: v)
    + (gamma - eps * K - eps * gamma ^+ 2 / 4%:R) * dot v v <= energy_decrease gamma eps H v grad.
Proof.
move=> e_ge0 up; rewrite -subr_ge0.
have : 0 <= eps * (K * dot v v - dot v (H *m v)) by rewrite mulr_ge0 // subr_ge0.
rewrite /energy_decrease !dot_linear (dotC v grad).
by move: (dot v v) (dot v (H *m v)) (dot grad v) (dot grad grad) => a b c d; congr (0 <= _); field.
Qed.

(** For 0 < eps < 4 gamma/(gamma^2 + 4K) the energy V falls strictly unless v = grad = 0. *)
Theorem energy_decrease_gt0 gamma eps H v grad K :
    (forall x, dot x (H *m x) <= K * dot x x) ->
    0 < gamma ^+ 2 + 4%:R * K -> 0 < eps < 4%:R * gamma / (gamma ^+ 2 + 4%:R * K) ->
    (v != 0) || (grad != 0) ->
  0 < energy_decrease gamma eps H v grad.
Proof.
move=> up den /andP [e_gt0]; rewrite ltr_pdivl_mulr // => e_lt moving.
apply: lt_le_trans (energy_decrease_ge gamma v grad (ltW e_gt0) up).
have c_gt0 : 0 < gamma - eps * K - eps * gamma ^+ 2 / 4%:R.
  have -> : gamma - eps * K - eps * gamma ^+ 2 / 4%:R
          = (4%:R * gamma - eps * (gamma ^+ 2 + 4%:R * K)) / 4%:R by field.
  by rewrite divr_gt0 ?ltr0n // subr_gt0.
rewrite lt_def addr_ge0 ?mulr_ge0 ?dot_ge0 ?ltW // andbT.
rewrite paddr_eq0 ?mulr_ge0 ?dot_ge0 ?ltW // !mulf_eq0 (gt_eqF e_gt0) (gt_eqF c_gt0) /= !dot_eq0 negb_and.
have [v0|//] := eqVneq v 0; last by rewrite orbT.
by rewrite orbF v0 scaler0 addr0; move: moving; rewrite v0 eqxx.
Qed.

(** The range of eps is sharp for H = K I: at or above the bound, every v has a gradient for which V does
    not fall. *)
Theorem energy_decrease_sharp gamma eps v K :
    0 < gamma ^+ 2 + 4%:R * K -> 4%:R * gamma / (gamma ^+ 2 + 4%:R * K) <= eps ->
  energy_decrease gamma eps K%:M v (- (gamma / 2%:R) *: v) <= 0.
Proof.
move=> den; rewrite ler_pdivr_mulr // => e_ge.
have -> : energy_decrease gamma eps K%:M v (- (gamma / 2%:R) *: v)
        = - ((eps * (gamma ^+ 2 + 4%:R * K) - 4%:R * gamma) * dot v v / 4%:R).
  by rewrite /energy_decrease mul_scalar_mx !dot_linear; move: (dot v v) => a; field.
by rewrite oppr_le0 divr_ge0 ?mulr_ge0 ?dot_ge0 ?subr_ge0 ?ler0n.
Qed.

(** So at every point of phase space momentum is natural gradient descent for V: a metric takes g_ext to
    y_ext. *)
Theorem momentum_metric gamma eps H v grad K :
    (forall x, dot x (H *m x) <= K * dot x x) ->
    0 < gamma ^+ 2 + 4%:R * K -> 0 < eps < 4%:R * gamma / (gamma ^+ 2 + 4%:R * K) ->
  exists M, metric M (g_phase gamma v grad) (y_phase eps H v grad).
Proof.
move=> up den e_in; apply/metric_existsP.
have [moving|] := boolP ((v != 0) || (grad != 0)).
  by left; rewrite energy_decrease_phase; apply: energy_decrease_gt0 moving.
rewrite negb_or !negbK => /andP [/eqP -> /eqP ->]; right.
by rewrite /g_phase /y_phase mulmx0 !scaler0 !addr0 subr0 oppr0 col_mx0 oppr0.
Qed.

(** V for the quadratic loss theta.H theta / 2, whose gradient is H theta. *)
Definition energy eps H theta v : R := quadratic_loss H theta + dot v v / 2%:R + eps * dot (H *m theta) v.

(** For quadratic losses y_ext is minus the gradient of V: the exact expansion in any direction (a, b). *)
Theorem energy_expansion eps H theta v a b : symmetric H ->
  exists q, forall t, energy eps H (theta + t *: a) (v + t *: b)
    = energy eps H theta v - t * dot (y_phase eps H v (H *m theta)) (col_mx a b) + t ^+ 2 * q.
Proof.
move=> sH; exists (quadratic_loss H a + dot b b / 2%:R + eps * dot (H *m a) b) => t.
have := quadratic_loss_change theta a t sH => /eqP; rewrite subr_eq => /eqP qE.
rewrite /energy qE /y_phase dotNl dot_col_mx mulmxDr -scalemxAr !dot_linear /quadratic_loss.
rewrite (dotC b v) -(dot_sym a v sH) (dotC a (H *m v)) -(dot_sym v a sH) (dotC v (H *m a)).
move: (dot (H *m theta) a) (dot a (H *m a)) (dot v v) (dot v b) (dot b b) => c1 c2 c3 c4 c5.
move: (dot theta _) (dot (H *m theta) v) (dot (H *m theta) b) (dot (H *m a) v) (dot (H *m a) b).
by move=> d1 d2 d3 d4 d5; field.
Qed.

End PhaseSpace.
