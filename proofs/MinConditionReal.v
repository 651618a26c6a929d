(** * The least condition number, by the angle and by logarithms

    The update g and y = -grad L enclose the angle psi, 0 <= psi < pi/2, as p = <g, y> > 0. The file
    MinCondition proves, over ordered fields and so without angles and logarithms, that the least condition
    number of a metric M with M g = y is kappa* = (1 + s)/(1 - s), s = sin psi. Here are the forms of kappa*
    over the reals in which it is evaluated, and how it depends on the angle.

    Proved, with c = cos psi:
    - root_by_cosine, root_by_angle: sqrt kappa* = (1 + s)/c = tan (pi/4 + psi/2);
    - log_by_arcsinh, log_by_tangent: ln kappa* = 2 arcsinh (s/c) = 2 arcsinh (tan psi); log_by_artanh: half
      of ln kappa* is the number whose hyperbolic tangent is s; log_by_arcosh: its hyperbolic cosine is 1/c;
    - excess: kappa* - 1 = 2 s/(1 - s) = 2 s (1 + s)/c^2; sum_with_inverse: kappa* + 1/kappa* = 4/c^2 - 2;
    - log_derivative_by_angle: the derivative of ln kappa* by psi is 2/c; log_derivative_by_log_cosine: that
      by l = ln c is -2/s, if s > 0, where s = sqrt (1 - exp (2 l)) is sin psi (sine_by_log_cosine);
    - kappa_star_at_0, kappa_star_increases, kappa_star_unbounded: kappa* is 1 at psi = 0, increases with psi,
      and tends to infinity as psi tends to pi/2;
    - angle_cosine, angle_sine, angle_range: for gg, yy, p > 0 with p^2 <= gg yy the angle psi =
      acos (p/sqrt (gg yy)) is in [0, pi/2), its cosine is p/sqrt (gg yy), its sine
      sqrt ((gg yy - p^2)/(gg yy)); gram_root, gram_log, gram_excess, gram_condition: the forms above, written
      in gg, p and yy.

    NOT proved here: that kappa* is the least condition number (that is MinCondition's matter), and that gg, p
    and yy are |g|^2, <g, y> and |y|^2 of vectors.

    Axioms: those of Coq's real numbers with classical logic, as Coquelicot uses them. *)
From Coq Require Import Reals Lra.
From Coquelicot Require Import Coquelicot.
Open Scope R_scope.

(* kappa* of the sine s *)
Definition kappa_star (s : R) : R := (1 + s) / (1 - s).

(* What is used of the sine s and the cosine c *)
Section Sine_and_cosine.
Variables s c : R.
Hypothesis s_not_negative : 0 <= s.
Hypothesis c_positive : 0 < c.
Hypothesis circle : s * s + c * c = 1.

Lemma sine_below_1 : s < 1.
Proof. assert (0 < c * c) by (apply Rmult_lt_0_compat; lra). nra. Qed.

Lemma kappa_star_square : kappa_star s = (1 + s) / c * ((1 + s) / c).
Proof.
assert (S := sine_below_1). unfold kappa_star.
replace ((1 + s) / c * ((1 + s) / c)) with ((1 + s) * (1 + s) / (c * c)) by (field; lra).
replace (c * c) with ((1 + s) * (1 - s)) by lra. field. lra.
Qed.

Lemma root_positive : 0 < (1 + s) / c.
Proof. apply Rdiv_lt_0_compat; lra. Qed.

Lemma root_of_kappa_star : sqrt (kappa_star s) = (1 + s) / c.
Proof. rewrite kappa_star_square. apply sqrt_square, Rlt_le, root_positive. Qed.

Lemma log_of_kappa_star : ln (kappa_star s) = 2 * ln ((1 + s) / c).
Proof. rewrite kappa_star_square, ln_mult by apply root_positive. ring. Qed.

Lemma log_of_kappa_star_arcsinh : ln (kappa_star s) = 2 * arcsinh (s / c).
Proof.
rewrite log_of_kappa_star. unfold arcsinh. f_equal. f_equal.
replace ((s / c) ^ 2 + 1) with (/ c * / c).
- rewrite sqrt_square by (apply Rlt_le, Rinv_0_lt_compat, c_positive). field. lra.
- replace ((s / c) ^ 2 + 1) with ((s * s + c * c) / (c * c)) by (field; lra). rewrite circle. field. lra.
Qed.

Lemma half_log : exp (ln (kappa_star s) / 2) = (1 + s) / c /\ exp (- (ln (kappa_star s) / 2)) = (1 - s) / c.
Proof.
assert (P := root_positive). assert (S := sine_below_1).
replace (ln (kappa_star s) / 2) with (ln ((1 + s) / c)) by (rewrite log_of_kappa_star; field).
rewrite exp_Ropp, exp_ln by exact P. split; [reflexivity |].
replace (/ ((1 + s) / c)) with (c * c * / (1 + s) / c) by (field; lra).
replace (c * c) with ((1 + s) * (1 - s)) by lra. field. lra.
Qed.

Lemma half_log_tanh : tanh (ln (kappa_star s) / 2) = s.
Proof. unfold tanh, sinh, cosh. destruct half_log as [-> ->]. field. lra. Qed.

Lemma half_log_cosh : cosh (ln (kappa_star s) / 2) = / c.
Proof. unfold cosh. destruct half_log as [-> ->]. field. lra. Qed.

Lemma excess_of_kappa_star :
  kappa_star s - 1 = 2 * s / (1 - s) /\ kappa_star s - 1 = 2 * s * (1 + s) / (c * c).
Proof.
assert (S := sine_below_1). replace (c * c) with ((1 + s) * (1 - s)) by lra.
unfold kappa_star. split; field; lra.
Qed.

Lemma kappa_star_and_inverse : kappa_star s + / kappa_star s = 4 / (c * c) - 2.
Proof.
assert (S := sine_below_1). replace (c * c) with ((1 + s) * (1 - s)) by lra. unfold kappa_star. field. lra.
Qed.
End Sine_and_cosine.

(* --------------------------------------------------------------------------------------- by the angle *)

Section Angle.
Variable psi : R.
Hypothesis psi_range : 0 <= psi < PI / 2.

Lemma cosine_positive : 0 < cos psi.
Proof. assert (P := PI_RGT_0). apply cos_gt_0; lra. Qed.

Lemma sine_not_negative : 0 <= sin psi.
Proof. assert (P := PI_RGT_0). apply sin_ge_0; lra. Qed.

Lemma on_circle : sin psi * sin psi + cos psi * cos psi = 1.
Proof. apply (sin2_cos2 psi). Qed.

Lemma sine_range : 0 <= sin psi < 1.
Proof.
split; [exact sine_not_negative |].
exact (sine_below_1 _ _ sine_not_negative cosine_positive on_circle).
Qed.

(** The root of kappa* is (1 + s)/c, *)
Theorem root_by_cosine : sqrt (kappa_star (sin psi)) = (1 + sin psi) / cos psi.
Proof. exact (root_of_kappa_star _ _ sine_not_negative cosine_positive on_circle). Qed.

(** and the tangent of pi/4 + psi/2. *)
Theorem root_by_angle : sqrt (kappa_star (sin psi)) = tan (PI / 4 + psi / 2).
Proof.
rewrite root_by_cosine. set (x := PI / 4 + psi / 2).
assert (C : cos psi = 2 * sin x * cos x).
{ rewrite <- sin_2a, cos_sin. f_equal. unfold x. field. }
assert (S : sin psi = 2 * sin x * sin x - 1).
{ replace (2 * sin x * sin x - 1) with (- cos (2 * x)) by (rewrite cos_2a_sin; ring).
  replace (2 * x) with (PI / 2 + psi) by (unfold x; field). apply sin_cos. }
assert (P := cosine_positive). rewrite C in P. rewrite S, C.
assert (cos x <> 0 /\ sin x <> 0) by (split; intros Z; rewrite Z in P; lra). unfold tan. field. tauto.
Qed.

(** The logarithm of kappa* is twice arcsinh (s/c), *)
Theorem log_by_arcsinh : ln (kappa_star (sin psi)) = 2 * arcsinh (sin psi / cos psi).
Proof. exact (log_of_kappa_star_arcsinh _ _ sine_not_negative cosine_positive on_circle). Qed.

(** that is, twice arcsinh (tan psi). *)
Theorem log_by_tangent : ln (kappa_star (sin psi)) = 2 * arcsinh (tan psi).
Proof. exact log_by_arcsinh. Qed.

(** Half of it has the hyperbolic tangent s, and is not negative: it is artanh s; *)
Theorem log_by_artanh : tanh (ln (kappa_star (sin psi)) / 2) = sin psi.
Proof. exact (half_log_tanh _ _ sine_not_negative cosine_positive on_circle). Qed.

(** and its hyperbolic cosine is 1/c. *)
Theorem log_by_arcosh : cosh (ln (kappa_star (sin psi)) / 2) = / cos psi.
Proof. exact (half_log_cosh _ _ sine_not_negative cosine_positive on_circle). Qed.

(** By how much kappa* exceeds 1 *)
Theorem excess : kappa_star (sin psi) - 1 = 2 * sin psi / (1 - sin psi) /\
  kappa_star (sin psi) - 1 = 2 * sin psi * (1 + sin psi) / (cos psi * cos psi).
Proof. exact (excess_of_kappa_star _ _ sine_not_negative cosine_positive on_circle). Qed.

(** The sum of kappa* and its inverse *)
Theorem sum_with_inverse : kappa_star (sin psi) + / kappa_star (sin psi) = 4 / (cos psi * cos psi) - 2.
Proof. exact (kappa_star_and_inverse _ _ sine_not_negative cosine_positive on_circle). Qed.
End Angle.

(* ----------------------------------------------------------------------------------------- derivatives *)

(* by the sine *)
Lemma log_derivative_by_sine s : 0 <= s < 1 -> is_derive (fun s => ln (kappa_star s)) s (2 / (1 - s * s)).
Proof.
intros H. unfold kappa_star. assert (P : 0 < (1 + s) * / (1 + - s)) by (apply Rdiv_lt_0_compat; lra).
auto_derive; [repeat split; [lra | exact P] | field; repeat split; try lra].
replace (1 - s * s) with ((1 + s) * (1 - s)) by ring. apply Rmult_integral_contrapositive_currified; lra.
Qed.

(** The derivative of ln kappa* by the angle is 2/c. *)
Theorem log_derivative_by_angle psi : 0 <= psi < PI / 2 ->
  is_derive (fun psi => ln (kappa_star (sin psi))) psi (2 / cos psi).
Proof.
intros H. assert (C := cosine_positive psi H). assert (E := on_circle psi).
evar_last;
  [apply (is_derive_comp (fun s => ln (kappa_star s)) sin);
    [apply log_derivative_by_sine, (sine_range psi H) | apply is_derive_sin] |].
unfold scal; simpl; unfold mult; simpl.
replace (1 - sin psi * sin psi) with (cos psi * cos psi) by lra. field. lra.
Qed.

(** The derivative of ln kappa* by l = ln c is -2/s: a relative error of c comes out times -2/s. *)
Theorem log_derivative_by_log_cosine l : l < 0 ->
  is_derive (fun l => ln (kappa_star (sqrt (1 - exp (2 * l))))) l (- (2 / sqrt (1 - exp (2 * l)))).
Proof.
intros H. assert (E1 : exp (2 * l) < 1) by (rewrite <- exp_0; apply exp_increasing; lra).
assert (E0 := exp_pos (2 * l)). assert (P : 0 < sqrt (1 - exp (2 * l))) by (apply sqrt_lt_R0; lra).
assert (Q : sqrt (1 - exp (2 * l)) < 1) by (rewrite <- sqrt_1 at 2; apply sqrt_lt_1; lra).
assert (QQ := sqrt_sqrt (1 - exp (2 * l)) ltac:(lra)).
assert (D : is_derive (fun l => sqrt (1 - exp (2 * l))) l (- (exp (2 * l) / sqrt (1 - exp (2 * l))))).
{ auto_derive; [lra |]. replace (1 + - exp (2 * l)) with (1 - exp (2 * l)) by ring. field. lra. }
evar_last;
  [apply (is_derive_comp (fun s => ln (kappa_star s)) (fun l => sqrt (1 - exp (2 * l))));
    [apply log_derivative_by_sine; lra | exact D] |].
unfold scal; simpl; unfold mult; simpl. rewrite QQ. field. lra.
Qed.

(* At l = ln (cos psi) the root is the sine. *)
Lemma sine_by_log_cosine psi : 0 <= psi < PI / 2 -> sqrt (1 - exp (2 * ln (cos psi))) = sin psi.
Proof.
intros H. assert (C := cosine_positive psi H). assert (E := on_circle psi).
replace (2 * ln (cos psi)) with (ln (cos psi) + ln (cos psi)) by ring. rewrite exp_plus, exp_ln by exact C.
replace (1 - cos psi * cos psi) with (sin psi * sin psi) by lra. apply sqrt_square, sine_not_negative, H.
Qed.

(* ---------------------------------------------------------------------------------------------- range *)

(** Where g and y are parallel, kappa* = 1. *)
Theorem kappa_star_at_0 : kappa_star (sin 0) = 1.
Proof. rewrite sin_0. unfold kappa_star. field. Qed.

(** It increases with the angle *)
Theorem kappa_star_increases psi phi : 0 <= psi -> psi < phi -> phi < PI / 2 ->
  kappa_star (sin psi) < kappa_star (sin phi).
Proof.
intros H1 H2 H3. assert (S : sin psi < sin phi) by (assert (P := PI_RGT_0); apply sin_increasing_1; lra).
assert (B := sine_range psi ltac:(lra)). assert (B' := sine_range phi ltac:(lra)).
unfold kappa_star. apply Rminus_gt_0_lt.
replace ((1 + sin phi) / (1 - sin phi) - (1 + sin psi) / (1 - sin psi)) with
  (2 * (sin phi - sin psi) / ((1 - sin phi) * (1 - sin psi))) by (field; lra).
apply Rdiv_lt_0_compat; [lra | apply Rmult_lt_0_compat; lra].
Qed.

(** and tends to infinity where g and y become orthogonal. *)
Theorem kappa_star_unbounded :
  filterlim (fun psi => kappa_star (sin psi)) (at_left (PI / 2)) (Rbar_locally p_infty).
Proof.
assert (Pi := PI_RGT_0).
(* kappa* >= 1/(1 - s) >= 1/(1 - s^2) = 1/c^2, and c <= pi/2 - psi *)
assert (L : forall psi, 0 <= psi < PI / 2 -> / (PI / 2 - psi) ^ 2 <= kappa_star (sin psi)).
{ intros psi H. assert (C := cosine_positive psi H). assert (S := sine_range psi H).
  rewrite (kappa_star_square _ _ (proj1 S) C (on_circle psi)).
  assert (T : cos psi <= PI / 2 - psi).
  { rewrite <- sin_shift. destruct (Req_dec psi (PI / 2)); [lra |].
    apply Rlt_le, sin_lt_x. lra. }
  replace ((1 + sin psi) / cos psi * ((1 + sin psi) / cos psi)) with
    ((1 + sin psi) * (1 + sin psi) * / (cos psi * cos psi)) by (field; lra).
  rewrite <- (Rmult_1_l (/ (PI / 2 - psi) ^ 2)). apply Rmult_le_compat; [lra | | nra |].
  - apply Rlt_le, Rinv_0_lt_compat, pow_lt. lra.
  - apply Rinv_le_contravar; [now apply Rmult_lt_0_compat |]. simpl. rewrite Rmult_1_r.
    apply Rmult_le_compat; lra. }
apply filterlim_ge_p_infty with (fun psi => / (PI / 2 - psi) ^ 2).
- assert (D : 0 < Rmin (PI / 2) 1) by (apply Rmin_pos; lra).
  exists (mkposreal (PI / 2) ltac:(lra)). intros psi B Q. apply L. split; [| exact Q].
  unfold ball in B; simpl in B; unfold AbsRing_ball, abs, minus, plus, opp in B; simpl in B.
  apply Rabs_def2 in B. lra.
- intros U [M HM]. assert (T := Rabs_pos M).
  exists (mkposreal (/ (Rabs M + 1)) ltac:(apply Rinv_0_lt_compat; lra)). intros psi B Q. apply HM.
  unfold ball in B; simpl in B; unfold AbsRing_ball, abs, minus, plus, opp in B; simpl in B.
  apply Rabs_def2 in B.
  assert (T2 := RRle_abs M). set (d := PI / 2 - psi).
  assert (Pd : 0 < d) by (unfold d; lra). assert (Ud : d < / (Rabs M + 1)) by (unfold d; lra).
  assert (V : Rabs M + 1 < / d).
  { rewrite <- (Rinv_inv (Rabs M + 1)). apply Rinv_lt_contravar; [| exact Ud].
    apply Rmult_lt_0_compat; [exact Pd | apply Rinv_0_lt_compat; lra]. }
  replace (/ d ^ 2) with (/ d * / d) by (field; lra). nra.
Qed.

(* -------------------------------------------------------------------------------- by the inner products *)

Section Gram.
Variables gg p yy : R.
Hypothesis gg_positive : 0 < gg.
Hypothesis p_positive : 0 < p.
Hypothesis yy_positive : 0 < yy.
Hypothesis cauchy : p * p <= gg * yy.

(** The angle between g and y *)
Definition gram_angle : R := acos (p / sqrt (gg * yy)).

Lemma norms_positive : 0 < sqrt (gg * yy).
Proof. apply sqrt_lt_R0, Rmult_lt_0_compat; assumption. Qed.

Lemma norms_square : sqrt (gg * yy) * sqrt (gg * yy) = gg * yy.
Proof. apply sqrt_sqrt, Rlt_le, Rmult_lt_0_compat; assumption. Qed.

Lemma gram_cosine_range : 0 < p / sqrt (gg * yy) <= 1.
Proof.
assert (N := norms_positive). split; [now apply Rdiv_lt_0_compat |].
apply Rmult_le_reg_r with (1 := N). unfold Rdiv. rewrite Rmult_assoc, Rinv_l, Rmult_1_r, Rmult_1_l by lra.
rewrite <- (sqrt_square p) by lra. now apply sqrt_le_1_alt.
Qed.

(** Its cosine, *)
Theorem angle_cosine : cos gram_angle = p / sqrt (gg * yy).
Proof. assert (C := gram_cosine_range). apply cos_acos. lra. Qed.

(** its sine, *)
Theorem angle_sine : sin gram_angle = sqrt ((gg * yy - p * p) / (gg * yy)).
Proof.
assert (C := gram_cosine_range). assert (N := norms_positive). unfold gram_angle. rewrite sin_acos by lra.
f_equal. unfold Rsqr. assert (S := norms_square). set (n := sqrt (gg * yy)) in *. rewrite <- S. field. lra.
Qed.

(** and its range *)
Theorem angle_range : 0 <= gram_angle < PI / 2.
Proof.
assert (C := gram_cosine_range). assert (B := acos_bound (p / sqrt (gg * yy))). fold gram_angle in B.
split; [apply B |]. destruct (Rlt_or_le gram_angle (PI / 2)) as [? | G]; [assumption | exfalso].
assert (T := cos_le_0 gram_angle G ltac:(lra)). rewrite angle_cosine in T. lra.
Qed.

Lemma sine_of_gram : sqrt ((gg * yy - p * p) / (gg * yy)) = sqrt (gg * yy - p * p) / sqrt (gg * yy).
Proof. apply sqrt_div; [lra | now apply Rmult_lt_0_compat]. Qed.

Lemma root_of_gram : (1 + sin gram_angle) / cos gram_angle = (sqrt (gg * yy) + sqrt (gg * yy - p * p)) / p.
Proof. rewrite angle_cosine, angle_sine, sine_of_gram. assert (N := norms_positive). field. lra. Qed.

(** The root of kappa*, *)
Theorem gram_root : sqrt (kappa_star (sin gram_angle)) = (sqrt (gg * yy) + sqrt (gg * yy - p * p)) / p.
Proof. rewrite <- root_of_gram. apply root_by_cosine, angle_range. Qed.

(** kappa* as a square, without a difference but gg yy - p^2, *)
Theorem gram_condition :
  kappa_star (sin gram_angle) = ((sqrt (gg * yy) + sqrt (gg * yy - p * p)) / p) ^ 2.
Proof.
rewrite <- root_of_gram. assert (A := angle_range).
rewrite (kappa_star_square _ _ (sine_not_negative _ A) (cosine_positive _ A) (on_circle _)). ring.
Qed.

(** its logarithm, *)
Theorem gram_log : ln (kappa_star (sin gram_angle)) = 2 * arcsinh (sqrt (gg * yy - p * p) / p).
Proof.
rewrite log_by_arcsinh by exact angle_range. do 2 f_equal.
rewrite angle_cosine, angle_sine, sine_of_gram. assert (N := norms_positive). field. lra.
Qed.

(** and by how much it exceeds 1 *)
Theorem gram_excess : kappa_star (sin gram_angle) - 1 =
  2 * sqrt (gg * yy - p * p) * (sqrt (gg * yy) + sqrt (gg * yy - p * p)) / (p * p).
Proof.
rewrite (proj2 (excess _ angle_range)). rewrite angle_cosine, angle_sine, sine_of_gram.
assert (N := norms_positive). field. lra.
Qed.
End Gram.
