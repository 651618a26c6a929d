(** * Losses that depend on time

    The paper's treatment of a loss L(theta, t) that changes with time: time is appended to the parameters.
    The extended update is g_ext = (g, w) and the extended negative gradient is y_ext = -(grad L, d_t L/w),
    with the partial derivative d_t L; w > 0 is the rate at which the appended coordinate runs, the unit of
    time, which is a choice (w = 1: the paper's).

    Assumptions. g and y = -grad L are any vectors of the same dimension, q = d_t L is any number, w is not
    zero. The total derivative of the loss along the rule is, by definition here, grad L.g + d_t L = q -
    y.g.

    Proved, without axioms, in any dimension, over any ordered field (with square roots where norms occur):
    - extended_progress: y_ext.g_ext = y.g - q is minus the total derivative, whatever the unit w;
    - extended_metric_iff: a symmetric positive definite M_ext with M_ext g_ext = y_ext exists exactly when
      the total derivative is negative (g_ext is never zero, so there is no degenerate case);
    - extended_update_square, extended_gradient_square: |g_ext|^2 = |g|^2 + w^2 and |y_ext|^2 = |y|^2 +
      q^2/w^2;
    - unit_bound, unit_bound_attained_iff: |g_ext|^2 |y_ext|^2 >= (|g||y| + |q|)^2, with equality exactly
      when w^2 |y| = |g||q|;
    - best_unit_exists: if g, y and q are not zero, such a unit w > 0 exists;
    - unit_bound_approached: in any case, units come as close to the bound as one likes;
    - extended_cosine_le, extended_cosine_best_unit: so where the loss falls, the cosine c of the angle
      between g_ext and y_ext, which depends on the unit, is at most (y.g - q)/(|g||y| + |q|), and equal to
      it exactly when w^2 |y| = |g||q|;
    - theta_block_spd: the block of M_ext that belongs to theta is symmetric positive definite;
    - theta_block_update, theta_block_metric_iff: that block maps g to y - w b, where b is the column of
      M_ext that couples theta and time; so it is a metric of (g, y) exactly when b = 0;
    - theta_block_counterexample: it need not map g to y, even where y.g > 0;
    - extended_metric_without_metric: an extended metric may exist although no metric at all maps g to y.

    NOT proved: the chain rule, that q - y.g is the derivative of L(theta(t), t); and what c says about
    condition numbers.

    Axioms: none. *)

From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
From Natgrad Require Import LinearAlgebra CanonicalForm.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Lemmas.

Variables (R : realFieldType) (n k : nat).

(** The scalar product of two columns made of blocks. *)
Lemma dot_blocks (a c : 'cV[R]_n) (b d : 'cV[R]_k) : dot (col_mx a b) (col_mx c d) = dot a c + dot b d.
Proof. by rewrite /dot tr_col_mx mul_row_col mxE. Qed.

Lemma dot_number (a b : R) : dot (a%:M : 'cV[R]_1) b%:M = a * b.
Proof. by rewrite dotE big_ord1 !mxE /= !mulr1n. Qed.

End Lemmas.

Section Extension.

Variables (R : realFieldType) (n : nat).
Implicit Types (g y : 'cV[R]_n) (q w : R).

(** g_ext = (g, w). *)
Definition extended_update g w : 'cV[R]_(n + 1) := col_mx g w%:M.

(** y_ext = -(grad L, d_t L/w) = (y, -q/w). *)
Definition extended_gradient y q w : 'cV[R]_(n + 1) := col_mx y (- (q / w))%:M.

(** dL/dt = grad L.g + d_t L. *)
Definition total_derivative g y q : R := q - dot y g.

(** The extended progress is minus the total derivative; the unit of time cancels. *)
Theorem extended_progress g y q w : w != 0 ->
  dot (extended_gradient y q w) (extended_update g w) = - total_derivative g y q.
Proof.
move=> w_nz; rewrite dot_blocks dot_number /total_derivative mulNr divfK //.
by rewrite opprB.
Qed.

(** |g_ext|^2 = |g|^2 + w^2. *)
Theorem extended_update_square g w : dot (extended_update g w) (extended_update g w) = dot g g + w ^+ 2.
Proof. by rewrite dot_blocks dot_number expr2. Qed.

(** |y_ext|^2 = |y|^2 + (q/w)^2. *)
Theorem extended_gradient_square y q w :
  dot (extended_gradient y q w) (extended_gradient y q w) = dot y y + (q / w) ^+ 2.
Proof. by rewrite dot_blocks dot_number mulrNN expr2. Qed.

(** An extended metric exists exactly when the loss falls in total. *)
Theorem extended_metric_iff g y q w : w != 0 ->
  (exists M, metric M (extended_update g w) (extended_gradient y q w)) <-> total_derivative g y q < 0.
Proof.
move=> w_nz; rewrite -oppr_gt0 -(extended_progress g y q w_nz); apply: metric_exists_iff.
rewrite -dot_gt0 extended_update_square ltr_paddl ?dot_ge0 //.
by rewrite lt_def sqr_ge0 sqrf_eq0 w_nz.
Qed.

(** The block of an extended metric that belongs to theta is symmetric positive definite. *)
Theorem theta_block_spd (k : nat) (M : 'M[R]_(n + k)) : spd M -> spd (ulsubmx M).
Proof.
move=> [sM pM]; split; first by rewrite /symmetric trmx_ulsub sM.
move=> x x_nz; have := pM (col_mx x 0); rewrite -[M]submxK mul_block_col !mulmx0 !addr0 dot_blocks dot0l.
rewrite addr0 submxK; apply; apply: contraNneq x_nz => e.
by rewrite -(col_mxKu x (0 : 'cV[R]_k)) e linear0.
Qed.

(** It maps g to y - w b, b the column that couples theta and time. *)
Theorem theta_block_update M g y q w : metric M (extended_update g w) (extended_gradient y q w) ->
  ulsubmx M *m g = y - w *: ursubmx M.
Proof.
move=> [_]; rewrite -{1}[M]submxK mul_block_col => /eq_col_mx [e _].
by rewrite -e mul_mx_scalar addrK.
Qed.

(** So it is a metric of (g, y) exactly when the extended metric does not couple theta and time. *)
Theorem theta_block_metric_iff M g y q w : w != 0 ->
  metric M (extended_update g w) (extended_gradient y q w) -> metric (ulsubmx M) g y <-> ursubmx M = 0.
Proof.
move=> w_nz eM; have e := theta_block_update eM; split=> [[_ e']|b0].
  have : w *: ursubmx M = 0 by rewrite -(subKr y (w *: _)) -e e' subrr.
  by move/eqP; rewrite scaler_eq0 (negbTE w_nz) => /eqP.
by split; [exact: theta_block_spd eM.1 | rewrite e b0 scaler0 subr0].
Qed.

End Extension.

Section Unit.

Variables (R : rcfType) (n : nat).
Implicit Types (g y : 'cV[R]_n) (q w : R).

Definition norm (k : nat) (u : 'cV[R]_k) : R := Num.sqrt (dot u u).

Lemma norm_ge0 (k : nat) (u : 'cV[R]_k) : 0 <= norm u.
Proof. exact: sqrtr_ge0. Qed.

Lemma norm_sqr (k : nat) (u : 'cV[R]_k) : norm u ^+ 2 = dot u u.
Proof. exact: sqr_sqrtr (dot_ge0 u). Qed.

Lemma norm_eq0 (k : nat) (u : 'cV[R]_k) : (norm u == 0) = (u == 0).
Proof. by rewrite -sqrf_eq0 norm_sqr dot_eq0. Qed.

(** |y.g| <= |g||y|. *)
Lemma dot_le_norm g y : `|dot y g| <= norm g * norm y.
Proof.
rewrite -(@ler_pexpn2r _ 2) ?nnegrE ?normr_ge0 ?mulr_ge0 ?norm_ge0 //.
by rewrite real_normK ?num_real // exprMn !norm_sqr mulrC; apply: cauchy_schwarz.
Qed.

(** What the unit of time adds to the product of the squares: (|g|^2 + w^2)(|y|^2 + q^2/w^2) in squares. *)
Lemma unit_identity g y q w : w != 0 ->
  (dot g g + w ^+ 2) * (dot y y + (q / w) ^+ 2)
  = (norm g * norm y + `|q|) ^+ 2 + (w * norm y - norm g * `|q| / w) ^+ 2.
Proof.
move=> w_nz; rewrite -!norm_sqr -[(q / w) ^+ 2]real_normK ?num_real // normrM normfV exprMn exprVn.
rewrite (real_normK (num_real w)).
by move: (norm g) (norm y) `|q| => a b c; field.
Qed.

(** (|g|^2 + w^2)(|y|^2 + q^2/w^2) >= (|g||y| + |q|)^2. *)
Theorem unit_bound g y q w : w != 0 ->
  (norm g * norm y + `|q|) ^+ 2 <= (dot g g + w ^+ 2) * (dot y y + (q / w) ^+ 2).
Proof. by move=> w_nz; rewrite unit_identity // ler_addl sqr_ge0. Qed.

(** With equality exactly when w^2 |y| = |g||q|. *)
Theorem unit_bound_attained_iff g y q w : w != 0 ->
  (dot g g + w ^+ 2) * (dot y y + (q / w) ^+ 2) = (norm g * norm y + `|q|) ^+ 2
  <-> w ^+ 2 * norm y = norm g * `|q|.
Proof.
move=> w_nz; rewrite unit_identity //; set a := _ ^+ 2; set c := norm g * `|q|.
have e : w * norm y - c / w = (w ^+ 2 * norm y - c) / w.
  by move: c (norm y) => c b; field.
rewrite e expr_div_n; split=> [/eqP|->]; last by rewrite subrr expr0n mul0r addr0.
rewrite -subr_eq0 addrC addKr mulf_eq0 invr_eq0 !sqrf_eq0 (negbTE w_nz) orbF subr_eq0.
by move/eqP.
Qed.

(** Units come as close to the bound as one likes, also where none attains it (y, g or q zero). *)
Theorem unit_bound_approached g y q (e : R) : 0 < e ->
  exists2 w, 0 < w & (dot g g + w ^+ 2) * (dot y y + (q / w) ^+ 2) < (norm g * norm y + `|q|) ^+ 2 + e.
Proof.
move=> e_gt0; set c := norm g * `|q|; have c_ge0 : 0 <= c by rewrite mulr_ge0 ?norm_ge0.
have d_gt0 : 0 < Num.sqrt e by rewrite sqrtr_gt0.
suff [w w_gt0 small] : exists2 w, 0 < w & `|w * norm y - c / w| < Num.sqrt e.
  exists w => //; rewrite unit_identity ?gt_eqF // ltr_add2l -(sqr_sqrtr (ltW e_gt0)).
  by rewrite -[X in X < _]real_normK ?num_real // ltr_pexpn2r ?nnegrE ?normr_ge0 ?sqrtr_ge0.
have b_ge0 := norm_ge0 y; move: (norm y) b_ge0 (Num.sqrt e) d_gt0 => b b_ge0 d d_gt0.
have [c0|c_nz] := eqVneq c 0.
  have b1_gt0 : 0 < b + 1 by rewrite ltr_paddl ?ltr01.
  exists (d / (b + 1)); first by rewrite divr_gt0.
  rewrite c0 mul0r subr0 ger0_norm; last by rewrite mulr_ge0 // ltW // divr_gt0.
  by rewrite mulrAC ltr_pdivr_mulr // ltr_pmul2l // ltr_addl ltr01.
have c_gt0 : 0 < c by rewrite lt_def c_nz c_ge0.
have [b0|b_nz] := eqVneq b 0.
  have c1_gt0 : 0 < c + 1 by rewrite ltr_paddl ?ltr01.
  exists ((c + 1) / d); first by rewrite divr_gt0.
  rewrite b0 mulr0 sub0r normrN ger0_norm; last by rewrite ltW // !divr_gt0.
  by rewrite invf_div mulrA ltr_pdivr_mulr // mulrC ltr_pmul2l // ltr_addl ltr01.
have b_gt0 : 0 < b by rewrite lt_def b_nz b_ge0.
have w_gt0 : 0 < Num.sqrt (c / b) by rewrite sqrtr_gt0 divr_gt0.
have e2 : Num.sqrt (c / b) ^+ 2 * b = c by rewrite sqr_sqrtr ?divfK // ltW // divr_gt0.
exists (Num.sqrt (c / b)) => //; move: (Num.sqrt (c / b)) w_gt0 e2 => w w_gt0 e2.
have -> : w * b - c / w = 0 by rewrite -e2; field; rewrite gt_eqF.
by rewrite normr0.
Qed.

(** The cosine of the angle between the extended vectors. *)
Definition extended_cosine g y q w : R :=
  dot (extended_gradient y q w) (extended_update g w) /
  (norm (extended_update g w) * norm (extended_gradient y q w)).

Lemma extended_norms g y q w :
  (norm (extended_update g w) * norm (extended_gradient y q w)) ^+ 2
  = (dot g g + w ^+ 2) * (dot y y + (q / w) ^+ 2).
Proof. by rewrite exprMn !norm_sqr extended_update_square extended_gradient_square. Qed.

Lemma unit_bound_norms g y q w : w != 0 ->
  norm g * norm y + `|q| <= norm (extended_update g w) * norm (extended_gradient y q w).
Proof.
move=> w_nz; rewrite -(@ler_pexpn2r _ 2) ?nnegrE ?addr_ge0 ?mulr_ge0 ?norm_ge0 //.
by rewrite extended_norms unit_bound.
Qed.

(** A falling loss has |g||y| + |q| > 0. *)
Lemma falling_loss_gt0 g y q : total_derivative g y q < 0 -> 0 < norm g * norm y + `|q|.
Proof.
rewrite -oppr_gt0 /total_derivative opprB => h; apply: (lt_le_trans h); apply: ler_add.
  exact: le_trans (ler_norm _) (dot_le_norm g y).
by rewrite -normrN ler_norm.
Qed.

(** Where the loss falls, c <= p_ext/(|g||y| + |q|) in every unit of time. *)
Theorem extended_cosine_le g y q w : w != 0 -> total_derivative g y q < 0 ->
  extended_cosine g y q w <= - total_derivative g y q / (norm g * norm y + `|q|).
Proof.
move=> w_nz falls; have b_gt0 := falling_loss_gt0 falls; have le := unit_bound_norms g y q w_nz.
rewrite /extended_cosine extended_progress // ler_pmul2l ?oppr_gt0 //.
by rewrite lef_pinv ?posrE // (lt_le_trans b_gt0 le).
Qed.

(** With equality exactly in the unit w with w^2 |y| = |g||q|. *)
Theorem extended_cosine_best_unit g y q w : w != 0 -> total_derivative g y q < 0 ->
  extended_cosine g y q w = - total_derivative g y q / (norm g * norm y + `|q|)
  <-> w ^+ 2 * norm y = norm g * `|q|.
Proof.
move=> w_nz falls; rewrite -unit_bound_attained_iff // -extended_norms.
have p_nz : - total_derivative g y q != 0 by rewrite oppr_eq0 lt_eqF.
rewrite /extended_cosine extended_progress //; split=> [/(mulfI p_nz)/invr_inj -> //|/eqP].
rewrite eqr_expn2 ?addr_ge0 ?mulr_ge0 ?norm_ge0 //.
by move/eqP ->.
Qed.

(** If g, y and q are not zero, that unit exists: w = sqrt(|g||q|/|y|). *)
Theorem best_unit_exists g y q : g != 0 -> y != 0 -> q != 0 ->
  let w := Num.sqrt (norm g * `|q| / norm y) in 0 < w /\ w ^+ 2 * norm y = norm g * `|q|.
Proof.
rewrite -(norm_eq0 g) -(norm_eq0 y) => g_nz y_nz q_nz /=.
have g_gt0 : 0 < norm g by rewrite lt_def g_nz norm_ge0.
have y_gt0 : 0 < norm y by rewrite lt_def y_nz norm_ge0.
have r_gt0 : 0 < norm g * `|q| / norm y by rewrite divr_gt0 ?mulr_gt0 ?normr_gt0.
by rewrite sqrtr_gt0 r_gt0 sqr_sqrtr ?ltW // divfK.
Qed.

End Unit.

Section Counterexamples.

Variable R : realFieldType.

(** The matrix with the rows (a, b) and (b, c). *)
Definition two_by_two (a b c : R) : 'M[R]_(1 + 1) := block_mx a%:M b%:M b%:M c%:M.

Lemma two_by_two_spd a b c : 0 < a -> 0 < a * c - b ^+ 2 -> spd (two_by_two a b c).
Proof.
move=> a_gt0 det_gt0; split; first by rewrite /symmetric tr_block_mx !tr_scalar_mx.
move=> x; rewrite -[x]vsubmxK; move: (usubmx x) (dsubmx x) => u v.
rewrite (mx11_scalar u) (mx11_scalar v); move: (u 0 0) (v 0 0) => {}u {}v x_nz.
rewrite mul_block_col !mul_scalar_mx !scale_scalar_mx -!raddfD /= dot_blocks !dot_number.
have -> : u * (a * u + b * v) + v * (b * u + c * v)
        = ((a * u + b * v) ^+ 2 + (a * c - b ^+ 2) * v ^+ 2) / a by field; rewrite gt_eqF.
apply: divr_gt0 => //; have sq := sqr_ge0 (a * u + b * v).
have [v0|v_nz] := eqVneq v 0.
  have u_nz : u != 0 by apply: contraNneq x_nz => ->; rewrite v0 raddf0 col_mx0.
  by rewrite v0 expr0n mulr0 mulr0 !addr0 lt_def sqr_ge0 sqrf_eq0 mulf_neq0 ?(gt_eqF a_gt0).
by rewrite ltr_paddl // mulr_gt0 // lt_def sqr_ge0 sqrf_eq0 v_nz.
Qed.

Lemma two_by_two_extended a b c g w :
  two_by_two a b c *m extended_update (g%:M : 'cV[R]_1) w = col_mx (a * g + b * w)%:M (b * g + c * w)%:M.
Proof. by rewrite mul_block_col !mul_scalar_mx !scale_scalar_mx -!raddfD. Qed.

(** g = 1, y = 1, d_t L = -1, unit 1: the theta-block is 2, a metric, but it maps g to 2, not to y. *)
Theorem theta_block_counterexample : exists (g y : 'cV[R]_1) (q : R) (M : 'M[R]_(1 + 1)),
  [/\ metric M (extended_update g 1) (extended_gradient y q 1), 0 < dot y g & ulsubmx M *m g <> y].
Proof.
exists 1%:M, 1%:M, (- 1), (two_by_two 2%:R (- 1) 2%:R); split.
- split; first by apply: two_by_two_spd; rewrite ?ltr0n // sqrrN expr1n -natrM subr_gt0 ltr1n.
  by rewrite two_by_two_extended /extended_gradient; congr (col_mx _%:M _%:M); field.
- by rewrite dot_number mulr1 ltr01.
- rewrite block_mxKul mulmx1 => /matrixP /(_ 0 0); rewrite !mxE /= !mulr1n => /eqP.
  by rewrite pnatr_eq1.
Qed.

(** g = 1, y = -1, d_t L = -2, unit 1: an extended metric exists, but no metric at all maps g to y. *)
Theorem extended_metric_without_metric : exists (g y : 'cV[R]_1) (q : R),
  (exists M, metric M (extended_update g 1) (extended_gradient y q 1)) /\ ~ exists M, metric M g y.
Proof.
have e : dot (- 1)%:M (1%:M : 'cV[R]_1) = - 1 by rewrite dot_number mulr1.
exists 1%:M, (- 1)%:M, (- 2%:R); split.
- apply/extended_metric_iff; first exact: oner_neq0.
  by rewrite /total_derivative e opprK addrC subr_lt0 ltr1n.
- have g_nz : (1%:M : 'cV[R]_1) != 0 by rewrite -dot_eq0 dot_number mulr1 oner_eq0.
  by move/(metric_exists_iff _ g_nz); rewrite e oppr_gt0 ltr10.
Qed.

End Counterexamples.
