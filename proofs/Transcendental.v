(** * The transcendental scalars: the angle, the logarithms of condition number and determinant

    The library evaluates the angle between g and y and two logarithms of the metric's scalars in pairs of
    doubles with an error that goes along, and returns a result only if the rounding test accepts it. Here is
    proved that it is then the double nearest to the exact value. The operations and the formulas that the
    scalars are made of are those of the file Scalars; Logarithm and Arctangent prove the functions.

    Proved, of what the rounding test accepts, under the hypotheses that the file Scalars makes for its
    scalars (library_inputs_right proves them for inputs that are made as the code makes them):
    - angle_correct: it is acos (p/sqrt (gg yy)), rounded, for p of any sign;
    - optimal_log_condition_correct: ln ((1 + s)/(1 - s)), rounded, s the sine of the angle;
    - log_condition_correct: for a parameter a, the logarithm of the quotient of the greatest eigenvalue and
      the least, rounded; these are written out in gg, p, yy and a, as in Scalars.condition_correct;
    - optimal_log_det_correct, log_det_correct: (D - 1) ln (yy/p) + ln (p/gg) and (D - 1) ln a + ln (p/gg),
      rounded;
    - log_condition_of_trace_correct, log_det_of_trace_correct: for a trace T, the same with the parameter
      a = (T - yy/p)/(D - 1) that is computed from it;
    - each of them is below 2^1024 in magnitude;
    - library_angle_correct, library_logarithms_correct, library_logarithms_of_trace_correct: the same of the
      approximations that are made of the leading bits of gg, p, yy, gg yy and gg yy - p^2, of the dimension
      and of a double, the parameter or the trace.

    NOT proved here: that the exact values are the metric's scalars (CanonicalForm.v, MinConditionReal.v); how
    the leading bits are found (Leading.v); when the rounding test accepts.

    Model and code (lib/kernels/fast_scalars.hpp):
      angle                                  angle_of(square_root(determinant), p) in scalars_of_angle
      optimal_log_condition, log_condition   log_quotient(s, kappa), log_quotient(root / sum, kappa)
      optimal_log_det, log_det               others * {logarithm(a), 0} + {logarithm(ratio), 0}
      log_quotient_of                        log_quotient if an argument's error may be infinite
      accepted, accepted_of_trace            what round returns true for, in Decisions::put
    None stands for an error that is infinite or not a number. What links them is reading, not proof. Axioms:
    those of Coq's real numbers with classical logic, as Flocq uses them (sig_forall_dec, sig_not_dec,
    functional_extensionality_dep, classic). *)
From Coq Require Import Reals ZArith Lra Lia.
From Flocq Require Import Core.
From Natgrad Require Import Doubles Scalars Series ElementaryTables Elementary Logarithm Arctangent.
Open Scope R_scope.

(* ----------------------------------------------------------------------------------- log_quotient *)

(* The quotient is not used if it is not positive *)
Lemma logarithm_of_zero two_product q : hi (number (pair q)) = 0 -> logarithm two_product q = None.
Proof.
intros Z. unfold logarithm, normalised. cbv zeta.
destruct (Req_EM_T (hi (number (pair q))) 0) as [_ | ?]; [| contradiction].
rewrite Z. destruct (Rlt_dec 0 0) as [? | _]; [lra | reflexivity].
Qed.

Lemma unused_quotient two_product t q q' : hi (number (pair q)) = 0 -> hi (number (pair q')) = 0 ->
  log_quotient two_product t q = log_quotient two_product t q'.
Proof. intros Z Z'. unfold log_quotient. cbv zeta. now rewrite !logarithm_of_zero. Qed.

(* 0, with an error so great that it stands for any number *)
Lemma unknown X : exists q, approximates q X /\ in_band 90 850 (pair q) /\ hi (number (pair q)) = 0.
Proof.
set (m := Z.max 0 (mag radix2 X)).
exists (Approximation (Carried (Unevaluated 0 0) (bpow radix2 m)) 0). split; [| split; [| reflexivity]].
- exists X. split; [| cbn [exponent]; simpl; ring]. unfold stands_for, double_word, value.
  cbn [pair number error hi lo]. rewrite Rplus_0_r, rnd_0, Rminus_0_r.
  split; [repeat split; apply double_0 |]. split; [apply double_bpow; lia |]. split; [apply bpow_ge_0 |].
  apply Rlt_le, Rlt_le_trans with (1 := bpow_mag_gt radix2 X), bpow_le. lia.
- unfold in_band. cbn [pair number error hi lo]. split; [now left |]. split; [right; apply bpow_le; lia |].
  intros _. left. apply Rabs_R0.
Qed.

(* Without a quotient: a leading part of 0, whose logarithm is refused *)
Definition or_unknown (q : option approximation) : approximation :=
  match q with Some q => q | None => Approximation (Carried (Unevaluated 0 0) 0) 0 end.

(** log_quotient as the code calls it. An infinite error of the quotient matters only if the quotient is used;
    with an infinite error of t, the code takes the quotient's logarithm or decides nothing. *)
Definition log_quotient_of (two_product : R -> R -> unevaluated) (t quotient : option approximation)
    : option approximation :=
  match t, quotient with
  | Some t, _ => log_quotient two_product t (or_unknown quotient)
  | None, Some q => match logarithm two_product q with Some r => Some (Approximation r 0) | None => None end
  | None, None => None
  end.

Lemma log_quotient_of_correct two_product t q T r : product_exact two_product ->
  (forall x, t = Some x -> approximates x T /\ in_band 90 340 (pair x)) ->
  (forall x, q = Some x -> approximates x ((1 + T) / (1 - T)) /\ in_band 90 850 (pair x)) ->
  log_quotient_of two_product t q = Some r ->
  approximates r (ln ((1 + T) / (1 - T))) /\ in_band 100 480 (pair r).
Proof.
intros TP Ht Hq. destruct t as [t |]; cbn [log_quotient_of].
- destruct (Ht t eq_refl) as [A B]. intros E.
  assert (G : approximates r (ln ((1 + T) / (1 - T))) /\ in_band 95 480 (pair r)).
  { destruct q as [q |]; cbn [or_unknown] in E.
    - destruct (Hq q eq_refl) as [A' B']. now apply (log_quotient_correct two_product t q).
    - destruct (unknown ((1 + T) / (1 - T))) as (q' & A' & B' & Z').
      apply (log_quotient_correct two_product t q'); trivial. now rewrite <- E; apply unused_quotient. }
  split; [apply G | apply (in_band_weaken 95 480); [lia | lia | apply G]].
- destruct q as [q |]; [| discriminate]. destruct (Hq q eq_refl) as [A B].
  destruct (logarithm two_product q) as [l |] eqn:E; [| discriminate]. intros [= <-].
  destruct (logarithm_correct two_product q _ l TP A B E) as (_ & S & Bl). split.
  + exists (ln ((1 + T) / (1 - T))). split; [exact S | cbn [exponent]; simpl; ring].
  + apply (in_band_weaken 90 200); [lia | lia | exact Bl].
Qed.

(* ------------------------------------------------------------------------------------------ log_det *)

Definition log_det_of (two_product : R -> R -> unevaluated) (others : approximation)
    (a ratio : option approximation) : option approximation :=
  match a, ratio with
  | Some a, Some ratio =>
      match logarithm two_product a, logarithm two_product ratio with
      | Some log_a, Some log_ratio =>
          add_decided (multiply_scaled two_product others (Approximation log_a 0)) (Approximation log_ratio 0)
      | _, _ => None
      end
  | _, _ => None
  end.

Lemma log_det_of_correct two_product others a ratio n A Q r : product_exact two_product ->
  approximates others n -> in_band 1 0 (pair others) ->
  (forall x, a = Some x -> approximates x A /\ in_band 90 850 (pair x)) ->
  (forall x, ratio = Some x -> approximates x Q /\ in_band 90 850 (pair x)) ->
  log_det_of two_product others a ratio = Some r ->
  approximates r (n * ln A + ln Q) /\ in_band 100 480 (pair r).
Proof.
intros TP An Bn Ha Hq. unfold log_det_of. destruct a as [a |]; [| discriminate].
destruct ratio as [q |]; [| discriminate].
destruct (Ha a eq_refl) as [Aa Ba]. destruct (Hq q eq_refl) as [Aq Bq].
destruct (logarithm two_product a) as [la |] eqn:Ea; [| discriminate].
destruct (logarithm two_product q) as [lq |] eqn:Eq; [| discriminate].
destruct (logarithm_correct two_product a A la TP Aa Ba Ea) as (_ & Sa & La).
destruct (logarithm_correct two_product q Q lq TP Aq Bq Eq) as (_ & Sq & Lq).
assert (X : approximates (Approximation la 0) (ln A)) by (exists (ln A); split; [exact Sa | simpl; ring]).
assert (Y : approximates (Approximation lq 0) (ln Q)) by (exists (ln Q); split; [exact Sq | simpl; ring]).
assert (XX : approximates (multiply_scaled two_product others (Approximation la 0)) (n * ln A)).
{ apply multiply_scaled_error; trivial. destruct Bn as (W1 & N1 & _), La as (W2 & N2 & _).
  assert (NN := no_less_mult _ _ _ _ N1 N2). unfold product_in_range. cbn [pair].
  split; [apply (within_weaken 1); [lia | exact W1] |].
  split; [apply (within_weaken 90); [lia | exact W2] |].
  split; [apply (no_less_weaken 0); [lia | exact N1] |].
  split; [apply (no_less_weaken 200); [lia | exact N2] |].
  apply (no_less_weaken (0 + 200)); [lia | exact NN]. }
assert (BB : in_band 92 201 (pair (multiply_scaled two_product others (Approximation la 0)))).
{ destruct An as (V & (Wn & Dn & _) & _), Sa as (Wa & Da & _). cbn [multiply_scaled pair].
  apply (multiply_carried_band two_product (pair others) la 1 90 0 200); trivial; try lia. }
apply (in_band_weaken 90 200 92 201) in Lq; [| lia | lia].
unfold add_decided. destruct (is_not_cancelled _ _) as [NC |]; [| discriminate]. intros [= <-]. split.
- apply add_scaled_error; trivial; [apply (in_band_weaken 92 201); [lia | lia | exact BB] |].
  apply (in_band_weaken 92 201); [lia | lia | exact Lq].
- apply (add_scaled_band _ _ (n * ln A) (ln Q) 92 201); trivial; lia.
Qed.

(* ------------------------------------------------------------- the library's transcendental scalars *)

(* What the library returns without further computation *)
Definition accepted (r : option approximation) (out : R) := exists x, r = Some x /\ accepts x out.

Lemma accepted_correct r X out : (forall x, r = Some x -> approximates x X /\ in_band 100 800 (pair x)) ->
  accepted r out -> out = rnd X /\ Rabs out < bpow radix2 1024.
Proof.
intros H (x & E & Acc). destruct (H x E) as (A & W & N & _). apply (accepted_is_nearest x); trivial.
- now apply (within_weaken 100).
- now apply (no_less_weaken 800).
Qed.

(* angle_of with the root of the determinant *)
Definition angle_with (two_product : R -> R -> unevaluated) (determinant p : approximation) :=
  angle_of two_product (root_scaled two_product determinant) p.

Lemma angle_with_correct two_product gg p yy x_determinant x_p out : product_exact two_product ->
  p * p <= gg * yy -> approximates x_determinant (gg * yy - p * p) -> in_band 1 192 (pair x_determinant) ->
  approximates x_p p -> in_band 1 107 (pair x_p) -> accepted (angle_with two_product x_determinant x_p) out ->
  out = rnd (acos (p / sqrt (gg * yy))) /\ Rabs out < bpow radix2 1024.
Proof.
intros TP G Ad Bd Ap Bp. apply accepted_correct. intros r E.
assert (F : fits two_product unit (fun _ => x_determinant) (fun _ => gg * yy - p * p) 2 107
              (Root (Quantity tt)) /\
            not_negative two_product unit (fun _ => x_determinant) (Root (Quantity tt))).
{ apply (fits_root two_product TP unit _ _ (fun _ => Ad) 1 192 1); try lia.
  - split; [exact I |]. now intros x [= <-].
  - cbn [exact]. lra. }
destruct F as [[RT B] N].
assert (Ay := evaluation_correct two_product TP unit _ _ (fun _ => Ad) _ _ RT eq_refl).
specialize (B _ eq_refl). specialize (N _ eq_refl). cbn [exact] in Ay.
destruct (angle_of_correct two_product _ _ _ _ r TP Ay Ap) as [A C]; trivial.
- apply (in_band_weaken 2 107); [lia | lia | exact B].
- apply (in_band_weaken 1 107); [lia | lia | exact Bp].
- apply sqrt_pos.
- split; [| exact C]. rewrite sqrt_sqrt in A by lra.
  now replace (p * p + (gg * yy - p * p)) with (gg * yy) in A by ring.
Qed.

(* root / sum of lib/kernels/fast_scalars.hpp: the difference of the extreme eigenvalues over their sum *)
Definition relative_gap := Quotient gap sum_of_alphas.

Section Transcendental.
Variable two_product : R -> R -> unevaluated.
Hypothesis TP : product_exact two_product.
Variables gg p yy a : R.
Variable D : R.
Hypothesis gg_positive : 0 < gg.
Hypothesis yy_positive : 0 < yy.
Hypothesis determinant_not_negative : p * p <= gg * yy.
Hypothesis D_at_least_1 : 1 <= D.
Variable given : quantity -> approximation.
Hypothesis given_right : forall i, approximates (given i) (real_quantity gg p yy a D i).
Hypothesis given_in_band : forall i, in_band (width i) (error_band i) (pair (given i)).

Notation real := (real_quantity gg p yy a D).
Notation eval := (evaluate two_product quantity given).

(* What the value of a formula satisfies *)
Lemma fits_value d k e x : fits two_product quantity given real d k e -> eval e = Some x ->
  approximates x (exact real e) /\ in_band d k (pair x).
Proof.
intros [RT B] E. split; [| now apply B]. now apply (evaluation_correct two_product TP quantity given real).
Qed.

Definition angle : option approximation := angle_with two_product (given Gram_determinant) (given P).
Definition optimal_log_condition : option approximation :=
  log_quotient_of two_product (eval sine) (eval optimal_condition).
Definition optimal_log_det : option approximation :=
  log_det_of two_product (given One_less) (eval optimal_alpha) (eval ratio).
Definition log_condition : option approximation :=
  log_quotient_of two_product (eval relative_gap) (eval condition).
Definition log_det : option approximation :=
  log_det_of two_product (given One_less) (eval given_alpha) (eval ratio).

(** The angle between g and y, for p of any sign *)
Theorem angle_correct out : accepted angle out ->
  out = rnd (acos (p / sqrt (gg * yy))) /\ Rabs out < bpow radix2 1024.
Proof.
apply angle_with_correct; trivial; [apply (given_right Gram_determinant) |
  apply (given_in_band Gram_determinant) | apply (given_right P) | apply (given_in_band P)].
Qed.

Lemma optimal_condition_real : p <> 0 -> let s := sqrt ((gg * yy - p * p) / (gg * yy)) in
  exact real optimal_condition = (1 + s) / (1 - s).
Proof.
intros NP s.
cbn [exact optimal_condition optimal_sqrt_condition cosine one_and_sine sine sine_squared real_quantity].
fold s. assert (G : 0 < gg * yy) by now apply Rmult_lt_0_compat.
assert (E : (1 - s) * (1 + s) = p * p / (gg * yy)) by (eapply one_minus_sine_squared; eassumption).
assert (Q := sqrt_sqrt (gg * yy) (Rlt_le _ _ G)). assert (PQ : 0 < sqrt (gg * yy)) by now apply sqrt_lt_R0.
set (q := sqrt (gg * yy)) in *. rewrite <- Q in E. assert (PP : 0 < p * p) by now apply Rsqr_pos_lt.
assert (T : 0 < p * p / (q * q)) by (apply Rdiv_lt_0_compat; [exact PP | now apply Rmult_lt_0_compat]).
assert (N1 : 1 - s <> 0) by (intros Z; rewrite Z in E; lra).
assert (N2 : 1 + s <> 0) by (intros Z; rewrite Z in E; lra).
replace ((1 + s) / (p / q) * ((1 + s) / (p / q))) with ((1 + s) * (1 + s) / (p * p / (q * q))) by
  (field; split; lra).
rewrite <- E. field. split; lra.
Qed.

(** The logarithm of the least condition number *)
Theorem optimal_log_condition_correct out : p <> 0 -> accepted optimal_log_condition out ->
  let s := sqrt ((gg * yy - p * p) / (gg * yy)) in
  out = rnd (ln ((1 + s) / (1 - s))) /\ Rabs out < bpow radix2 1024.
Proof.
intros NP H s. revert H. apply accepted_correct. intros r E.
destruct (log_quotient_of_correct two_product (eval sine) (eval optimal_condition) s r TP)
  with (3 := E) as [A B].
- intros x Ex.
  assert (F : fits two_product quantity given real 3 108 sine) by (eapply fits_sine; eassumption).
  destruct (fits_value _ _ _ _ F Ex) as [Ax Bx]. split; [exact Ax |].
  apply (in_band_weaken 3 108); [lia | lia | exact Bx].
- intros x Ex. assert (F : fits two_product quantity given real 27 484 optimal_condition)
    by (eapply fits_condition; eassumption).
  destruct (fits_value _ _ _ _ F Ex) as [Ax Bx]. split.
  + assert (R := optimal_condition_real NP). cbv zeta in R. fold s in R. now rewrite <- R.
  + apply (in_band_weaken 27 484); [lia | lia | exact Bx].
- split; [exact A |]. apply (in_band_weaken 100 480); [lia | lia | exact B].
Qed.

Lemma ratio_value x : eval ratio = Some x -> approximates x (p / gg) /\ in_band 90 850 (pair x).
Proof.
intros Ex. assert (F : fits two_product quantity given real 3 108 ratio) by (eapply fits_ratio; eassumption).
destruct (fits_value _ _ _ _ F Ex) as [Ax Bx]. split; [exact Ax |].
apply (in_band_weaken 3 108); [lia | lia | exact Bx].
Qed.

Lemma log_det_with e d k out : fits two_product quantity given real d k e -> (d <= 90)%Z -> (k <= 850)%Z ->
  accepted (log_det_of two_product (given One_less) (eval e) (eval ratio)) out ->
  out = rnd ((D - 1) * ln (exact real e) + ln (p / gg)) /\ Rabs out < bpow radix2 1024.
Proof.
intros F Hd Hk. apply accepted_correct. intros r E.
destruct (log_det_of_correct two_product (given One_less) (eval e) (eval ratio) (D - 1) (exact real e)
  (p / gg) r TP (given_right One_less) (given_in_band One_less)) as [A B]; trivial.
- intros x Ex. destruct (fits_value _ _ _ _ F Ex) as [Ax Bx]. split; [exact Ax |].
  now apply (in_band_weaken d k).
- exact ratio_value.
- split; [exact A |]. apply (in_band_weaken 100 480); [lia | lia | exact B].
Qed.

(** The logarithm of the determinant at the optimum *)
Theorem optimal_log_det_correct out : accepted optimal_log_det out ->
  out = rnd ((D - 1) * ln (yy / p) + ln (p / gg)) /\ Rabs out < bpow radix2 1024.
Proof.
assert (F : fits two_product quantity given real 3 108 optimal_alpha) by (eapply fits_alpha; eassumption).
now apply (log_det_with _ _ _ out F).
Qed.

(** For a given parameter a *)
Theorem log_det_correct out : accepted log_det out ->
  out = rnd ((D - 1) * ln a + ln (p / gg)) /\ Rabs out < bpow radix2 1024.
Proof.
assert (F : fits two_product quantity given real 10 115 given_alpha).
{ eapply (fits_given two_product gg p yy a D given given_in_band Given_alpha). }
now apply (log_det_with _ _ _ out F).
Qed.

Hypothesis p_positive : 0 < p.
Hypothesis a_positive : 0 < a.
Hypothesis leading_positive : forall i, i = GG \/ i = P \/ i = YY \/ i = Given_alpha ->
  0 < hi (number (pair (given i))).

Notation gap_of := (real_gap gg p yy a).

Lemma fits_relative_gap : fits two_product quantity given real 28 300 relative_gap.
Proof.
apply (fits_quotient two_product TP quantity given real given_right 15 221 12 140); try lia.
- eapply fits_gap; eassumption.
- eapply fits_sum_of_alphas; eassumption.
Qed.

Lemma eigenvalues_positive : 0 < (a + yy / p + gap_of) / 2 /\ 0 < (a + yy / p - gap_of) / 2.
Proof.
assert (L : 0 < (a + yy / p + gap_of) / 2) by (eapply lambda_max_positive; eassumption).
assert (E : (a + yy / p + gap_of) / 2 * ((a + yy / p - gap_of) / 2) = a * (p / gg))
  by (eapply product_of_both; eassumption).
assert (Q : 0 < a * (p / gg)) by (eapply product_of_eigenvalues_positive; eassumption).
split; [exact L |]. rewrite <- E in Q. apply Rmult_lt_reg_l with (1 := L). lra.
Qed.

Lemma condition_real : exact real condition =
  (a + yy / p + gap_of) / 2 / ((a + yy / p - gap_of) / 2).
Proof.
assert (E1 : exact real lambda_max = (a + yy / p + gap_of) / 2) by (eapply lambda_max_real; eassumption).
assert (E2 : exact real product_of_eigenvalues = a * (p / gg)) by (eapply product_real; eassumption).
change (exact real condition) with
  (exact real lambda_max * exact real lambda_max / exact real product_of_eigenvalues).
rewrite E1, E2.
assert (E : (a + yy / p + gap_of) / 2 * ((a + yy / p - gap_of) / 2) = a * (p / gg))
  by (eapply product_of_both; eassumption).
rewrite <- E. destruct eigenvalues_positive as [L M].
set (l := (a + yy / p + gap_of) / 2) in *. set (m := (a + yy / p - gap_of) / 2) in *. field. lra.
Qed.

Lemma relative_gap_real : exact real relative_gap = gap_of / (a + yy / p).
Proof.
change (exact real relative_gap) with (exact real gap / exact real sum_of_alphas).
assert (E : exact real lambda_max = (a + yy / p + gap_of) / 2) by (eapply lambda_max_real; eassumption).
change (exact real lambda_max) with ((exact real sum_of_alphas + exact real gap) * / 2) in E.
change (exact real sum_of_alphas) with (a + yy / p) in *.
assert (G : exact real gap = gap_of) by lra. now rewrite G.
Qed.

(** The logarithm of the quotient of the greatest and the least eigenvalue, for a given a *)
Theorem log_condition_correct out : accepted log_condition out ->
  out = rnd (ln ((a + yy / p + gap_of) / 2 / ((a + yy / p - gap_of) / 2))) /\ Rabs out < bpow radix2 1024.
Proof.
apply accepted_correct. intros r E.
assert (Q : (a + yy / p + gap_of) / 2 / ((a + yy / p - gap_of) / 2) =
  (1 + gap_of / (a + yy / p)) / (1 - gap_of / (a + yy / p))).
{ destruct eigenvalues_positive as [L M]. set (t := a + yy / p) in *. assert (P : 0 < t) by lra.
  assert (T : 1 - gap_of / t <> 0).
  { replace (1 - gap_of / t) with ((t - gap_of) / t) by (field; lra).
    apply Rgt_not_eq, Rdiv_lt_0_compat; lra. }
  field. repeat split; lra. }
destruct (log_quotient_of_correct two_product (eval relative_gap) (eval condition) (gap_of / (a + yy / p))
  r TP) with (3 := E) as [A B].
- intros x Ex. destruct (fits_value _ _ _ _ fits_relative_gap Ex) as [Ax Bx]. rewrite relative_gap_real in Ax.
  split; [exact Ax |]. apply (in_band_weaken 28 300); [lia | lia | exact Bx].
- intros x Ex. rewrite <- Q, <- condition_real.
  assert (F : fits two_product quantity given real 50 716 condition)
    by (eapply fits_condition_of_alpha; eassumption).
  destruct (fits_value _ _ _ _ F Ex) as [Ax Bx]. split; [exact Ax |].
  apply (in_band_weaken 50 716); [lia | lia | exact Bx].
- rewrite Q. split; [exact A |]. apply (in_band_weaken 100 480); [lia | lia | exact B].
Qed.
End Transcendental.

(* ------------------------------------------------------------------------------- for a given trace T *)

Section Trace.
Variable two_product : R -> R -> unevaluated.
Hypothesis TP : product_exact two_product.
Variables gg p yy T D : R.
Hypothesis gg_positive : 0 < gg.
Hypothesis yy_positive : 0 < yy.
Hypothesis determinant_not_negative : p * p <= gg * yy.
Hypothesis D_at_least_1 : 1 <= D.
Variable given : quantity -> approximation.
Hypothesis given_right : forall i, approximates (given i) (real_quantity gg p yy T D i).
Hypothesis given_in_band : forall i, in_band (width i) (error_band i) (pair (given i)).
Hypothesis p_positive : 0 < p.
Hypothesis leading_positive : forall i, i = GG \/ i = P \/ i = YY \/ i = Given_alpha ->
  0 < hi (number (pair (given i))).
Hypothesis trace_in_band : in_band 1 0 (pair (given Given_alpha)).

(* What the library returns of a scalar for a given trace *)
Definition accepted_of_trace (scalar : (quantity -> approximation) -> option approximation) (out : R) :=
  exists x, evaluate two_product quantity given alpha_of_trace = Some x /\ certainly_positive x /\
  accepted (scalar (with_alpha given x)) out.

(** For a given trace: the logarithm of the quotient of the greatest and the least eigenvalue *)
Theorem log_condition_of_trace_correct out : accepted_of_trace (log_condition two_product) out ->
  let a := (T - yy / p) / (D - 1) in
  out = rnd (ln ((a + yy / p + real_gap gg p yy a) / 2 / ((a + yy / p - real_gap gg p yy a) / 2))) /\
  Rabs out < bpow radix2 1024.
Proof.
intros (x & E & C & Acc).
destruct (alpha_of_trace_right two_product TP gg p yy T D) with (given := given) (x := x)
  as (R & B & L & Pa); trivial.
now apply (log_condition_correct two_product TP gg p yy (a_of_trace p yy T D) D) with (with_alpha given x).
Qed.

(** For a given trace: the logarithm of the determinant *)
Theorem log_det_of_trace_correct out : accepted_of_trace (log_det two_product) out ->
  out = rnd ((D - 1) * ln ((T - yy / p) / (D - 1)) + ln (p / gg)) /\ Rabs out < bpow radix2 1024.
Proof.
intros (x & E & C & Acc).
destruct (alpha_of_trace_right two_product TP gg p yy T D) with (given := given) (x := x)
  as (R & B & L & Pa); trivial.
now apply (log_det_correct two_product TP gg p yy (a_of_trace p yy T D) D) with (with_alpha given x).
Qed.
End Trace.

(* ------------------------------------------------------------------- the inputs as the library makes them *)

Lemma in_band_opposite d k x : in_band d k (pair x) -> in_band d k (pair (opposite_scaled x)).
Proof.
intros (W & N & L). unfold in_band. cbn [opposite_scaled pair number error hi lo].
split; [| split; [exact N | now rewrite Rabs_Ropp]].
destruct W as [-> | W]; [left; ring | right; now rewrite Rabs_Ropp].
Qed.

Section Library.
Variable two_product : R -> R -> unevaluated.
Hypothesis TP : product_exact two_product.
Variables gg p yy : R.
Hypothesis determinant_not_negative : p * p <= gg * yy.
Variable bits_of_determinant : leading_bits (gg * yy - p * p).

(* The leading bits of |p| and the sign; p may be 0. *)
Definition signed (b : leading_bits (Rabs p)) : approximation :=
  if Rlt_dec p 0 then opposite_scaled (from_bits b) else from_bits b.

(** The angle, of leading bits of gg yy - p^2 and of |p| *)
Theorem library_angle_correct (bits_of_p : leading_bits (Rabs p)) out :
  bits_error bits_of_p = 0 \/ first_bits bits_of_p <> 0%Z ->
  accepted (angle_with two_product (from_bits bits_of_determinant) (signed bits_of_p)) out ->
  out = rnd (acos (p / sqrt (gg * yy))) /\ Rabs out < bpow radix2 1024.
Proof.
intros S. destruct (from_bits_correct _ bits_of_determinant) as (A & B & _).
destruct (from_bits_correct _ bits_of_p) as (A' & _ & B' & _). specialize (B' S).
apply angle_with_correct; trivial; unfold signed; destruct (Rlt_dec p 0) as [N | N]; trivial.
- rewrite <- (Ropp_involutive p) at 2. rewrite <- (Rabs_left p N). now apply opposite_scaled_error.
- now rewrite Rabs_pos_eq in A' by lra.
- now apply in_band_opposite.
Qed.

Variables (a : R) (n : Z).
Hypothesis gg_positive : 0 < gg.
Hypothesis yy_positive : 0 < yy.
Hypothesis p_positive : 0 < p.
Hypothesis a_double : double a.
Hypothesis a_positive : 0 < a.
Hypothesis n_range : (0 < n < 2 ^ 64)%Z.
Variables (bits_of_gg : leading_bits gg) (bits_of_p : leading_bits p) (bits_of_yy : leading_bits yy).
Variable bits_of_product : leading_bits (gg * yy).
Hypothesis leading_set : first_bits bits_of_gg <> 0%Z /\ first_bits bits_of_p <> 0%Z /\
  first_bits bits_of_yy <> 0%Z /\ first_bits bits_of_product <> 0%Z.

Notation inputs :=
  (library_given gg p yy a n bits_of_gg bits_of_p bits_of_yy bits_of_product bits_of_determinant).

Lemma inputs_right :
  (forall i, approximates (inputs i) (real_quantity gg p yy a (IZR n) i)) /\
  (forall i, in_band (width i) (error_band i) (pair (inputs i))) /\
  (forall i, i = GG \/ i = P \/ i = YY \/ i = Given_alpha -> 0 < hi (number (pair (inputs i)))) /\
  1 <= IZR n.
Proof.
destruct (library_inputs_right gg p yy a n a_double a_positive n_range bits_of_gg bits_of_p bits_of_yy
  bits_of_product bits_of_determinant leading_set) as (A & B & C & _).
split; [exact A |]. split; [exact B |]. split; [| apply (IZR_le 1); lia].
intros i H. apply C; intros ->; repeat destruct H as [H | H]; discriminate H.
Qed.

(** The logarithms, of leading bits, the dimension n and a double a *)
Theorem library_logarithms_correct out :
  let s := sqrt ((gg * yy - p * p) / (gg * yy)) in let gap := real_gap gg p yy a in
  (accepted (optimal_log_condition two_product inputs) out -> out = rnd (ln ((1 + s) / (1 - s)))) /\
  (accepted (optimal_log_det two_product inputs) out ->
     out = rnd ((IZR n - 1) * ln (yy / p) + ln (p / gg))) /\
  (accepted (log_condition two_product inputs) out ->
     out = rnd (ln ((a + yy / p + gap) / 2 / ((a + yy / p - gap) / 2)))) /\
  (accepted (log_det two_product inputs) out -> out = rnd ((IZR n - 1) * ln a + ln (p / gg))).
Proof.
intros s gap. destruct inputs_right as (A & B & C & D1). repeat split; intros H.
- apply (optimal_log_condition_correct two_product TP gg p yy a (IZR n)) in H; trivial; [apply H | lra].
- apply (optimal_log_det_correct two_product TP gg p yy a (IZR n)) in H; trivial. apply H.
- apply (log_condition_correct two_product TP gg p yy a (IZR n)) in H; trivial. apply H.
- apply (log_det_correct two_product TP gg p yy a (IZR n)) in H; trivial. apply H.
Qed.

(** The same where the double a is not the parameter, but the trace *)
Theorem library_logarithms_of_trace_correct out :
  let b := (a - yy / p) / (IZR n - 1) in let gap := real_gap gg p yy b in
  (accepted_of_trace two_product inputs (log_condition two_product) out ->
     out = rnd (ln ((b + yy / p + gap) / 2 / ((b + yy / p - gap) / 2)))) /\
  (accepted_of_trace two_product inputs (log_det two_product) out ->
     out = rnd ((IZR n - 1) * ln b + ln (p / gg))).
Proof.
intros b gap. destruct inputs_right as (A & B & C & D1).
assert (T : in_band 1 0 (pair (inputs Given_alpha))) by now apply library_trace_in_band.
split; intros H.
- apply (log_condition_of_trace_correct two_product TP gg p yy a (IZR n)) in H; trivial. apply H.
- apply (log_det_of_trace_correct two_product TP gg p yy a (IZR n)) in H; trivial. apply H.
Qed.
End Library.
