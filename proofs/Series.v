(** * Series: atanh and atan, and what the first terms of their series leave out

    What ElementaryTables and Elementary share: the series t + s t^3/3 + s^2 t^5/5 + ..., which is atanh t for
    s = 1 and atan t for s = -1 (functions of the standard library: ln for the first, atan for the second).

    Proved, for |t| <= 1/2:
    - odd_rest_bound: what the first n terms leave out is at most |t|^(2n+1)/((2n+1)(1 - t^2));
    - odd_rest_changes: it changes by at most b^(2n)/(1 - b^2) times the change of t within -+b.
    Both as its derivative is s^n t^(2n)/(1 - s t^2), by the mean value theorem.

    NOT proved: anything about rounding, or about the code; the files named above do. Axioms: those of Coq's
    real numbers with classical logic, as Coquelicot uses them (sig_forall_dec, sig_not_dec,
    functional_extensionality_dep, classic). *)
From Coq Require Import Reals ZArith Lra Lia.
From Coquelicot Require Import Coquelicot.
Open Scope R_scope.

(* The inverse of the hyperbolic tangent *)
Definition atanh (t : R) := / 2 * ln ((1 + t) / (1 - t)).

(* atanh for sign >= 0, atan for sign < 0, and the first n terms of their series *)
Definition odd_function (sign : Z) (t : R) := if (sign <? 0)%Z then atan t else atanh t.
Definition unit_of (sign : Z) : R := if (sign <? 0)%Z then -1 else 1.
Fixpoint odd_sum (sign : Z) (n : nat) (t : R) : R :=
  match n with
  | O => 0
  | S m => odd_sum sign m t + unit_of sign ^ m * t ^ (2 * m + 1) / INR (2 * m + 1)
  end.

Definition odd_rest (sign : Z) (n : nat) (t : R) : R := odd_function sign t - odd_sum sign n t.

Lemma unit_of_cases sign : unit_of sign = -1 \/ unit_of sign = 1.
Proof. unfold unit_of. destruct (sign <? 0)%Z; [left | right]; reflexivity. Qed.

Lemma odd_function_derivative sign t : -1 < t < 1 ->
  is_derive (odd_function sign) t (/ (1 - unit_of sign * (t * t))).
Proof.
intros T. unfold unit_of.
assert (E : forall x, odd_function sign x = if (sign <? 0)%Z then atan x else atanh x) by reflexivity.
apply is_derive_ext with (1 := fun x => eq_sym (E x)). destruct (sign <? 0)%Z.
- replace (1 - -1 * (t * t)) with (1 + t²) by (unfold Rsqr; ring). apply is_derive_atan.
- unfold atanh. auto_derive.
  + repeat split; try lra. apply Rdiv_lt_0_compat; lra.
  + field. repeat split; nra.
Qed.

Lemma term_derivative c k t : is_derive (fun t => c * t ^ (2 * k + 1) / INR (2 * k + 1)) t (c * (t * t) ^ k).
Proof.
assert (K : INR (2 * k + 1) <> 0) by (apply not_0_INR; lia).
auto_derive; [trivial |].
replace (Init.Nat.pred (k + (k + 0) + 1)) with (2 * k)%nat by lia.
rewrite pow_mult. replace (t ^ 2) with (t * t) by ring.
replace (k + (k + 0) + 1)%nat with (2 * k + 1)%nat by lia. field. exact K.
Qed.

(* the geometric sum, divided by 1 - s t^2 *)
Lemma odd_sum_derivative sign n t : 1 - unit_of sign * (t * t) <> 0 ->
  is_derive (odd_sum sign n) t ((1 - (unit_of sign * (t * t)) ^ n) / (1 - unit_of sign * (t * t))).
Proof.
intros D. induction n as [| n IH].
- replace ((1 - _) / _) with 0 by (simpl; field; exact D). apply (is_derive_const 0 t).
- replace ((1 - _) / _) with
    (plus ((1 - (unit_of sign * (t * t)) ^ n) / (1 - unit_of sign * (t * t)))
          (unit_of sign ^ n * (t * t) ^ n)).
  + apply (is_derive_plus (odd_sum sign n)); [exact IH | apply term_derivative].
  + rewrite <- Rpow_mult_distr. unfold plus; simpl. field. exact D.
Qed.

Lemma one_minus_square b c : 0 <= b <= / 2 -> Rabs c <= b -> 3 / 4 <= 1 - b * b <= 1 - c * c.
Proof.
intros B C. assert (c * c <= b * b).
{ rewrite <- (Rabs_pos_eq (c * c)) by apply Rle_0_sqr. rewrite Rabs_mult.
  apply Rmult_le_compat; trivial; apply Rabs_pos. }
nra.
Qed.

Lemma odd_rest_derivative sign n t : Rabs t <= / 2 ->
  is_derive (odd_rest sign n) t ((unit_of sign * (t * t)) ^ n / (1 - unit_of sign * (t * t))).
Proof.
intros T. assert (H : 3 / 4 <= 1 - unit_of sign * (t * t)).
{ generalize (one_minus_square (/ 2) t ltac:(lra) T) (Rle_0_sqr t). unfold Rsqr.
  destruct (unit_of_cases sign) as [-> | ->]; lra. }
replace (_ / _) with (minus (/ (1 - unit_of sign * (t * t)))
  ((1 - (unit_of sign * (t * t)) ^ n) / (1 - unit_of sign * (t * t)))).
2: { unfold minus, plus, opp; simpl. field. lra. }
apply (is_derive_minus (odd_function sign)); [| apply odd_sum_derivative; lra].
apply odd_function_derivative. generalize (Rabs_def2 t 1 ltac:(lra)). lra.
Qed.

Lemma derivative_bound sign n b t : 0 <= b <= / 2 -> Rabs t <= b ->
  Rabs ((unit_of sign * (t * t)) ^ n / (1 - unit_of sign * (t * t))) <= (t * t) ^ n / (1 - b * b).
Proof.
intros B T. destruct (one_minus_square b t B T) as [B1 T1].
assert (Q := Rle_0_sqr t). unfold Rsqr in Q.
rewrite Rabs_div, <- RPow_abs, Rabs_mult, (Rabs_pos_eq (t * t)) by
  (trivial; destruct (unit_of_cases sign) as [-> | ->]; lra).
replace (Rabs (unit_of sign)) with 1 by
  (destruct (unit_of_cases sign) as [-> | ->]; [rewrite Rabs_left | rewrite Rabs_right]; lra).
rewrite Rmult_1_l. apply Rmult_le_compat_l; [now apply pow_le |].
apply Rinv_le_contravar; [lra |]. eapply Rle_trans; [| apply Rle_abs].
destruct (unit_of_cases sign) as [-> | ->]; lra.
Qed.

(* the mean value theorem, for either order of t and t' *)
Lemma mean_value f f' b t t' : Rabs t <= b -> Rabs t' <= b ->
  (forall c, Rabs c <= b -> is_derive f c (f' c)) ->
  exists c, Rabs c <= b /\ f t - f t' = f' c * (t - t').
Proof.
intros T T' D. destruct (MVT_gen f t' t f') as (c & C & E).
- intros x X. apply D. unfold Rmin, Rmax in X. destruct (Rle_dec t' t); apply Rabs_le;
    generalize (Rabs_le_between t b) (Rabs_le_between t' b); intros [I _] [J _]; specialize (I T);
    specialize (J T'); lra.
- intros x X. apply continuity_pt_filterlim, (ex_derive_continuous f). exists (f' x). apply D.
  unfold Rmin, Rmax in X. destruct (Rle_dec t' t); apply Rabs_le;
    generalize (Rabs_le_between t b) (Rabs_le_between t' b); intros [I _] [J _]; specialize (I T);
    specialize (J T'); lra.
- exists c. split; [| exact E].
  unfold Rmin, Rmax in C. destruct (Rle_dec t' t); apply Rabs_le;
    generalize (Rabs_le_between t b) (Rabs_le_between t' b); intros [I _] [J _]; specialize (I T);
    specialize (J T'); lra.
Qed.

Lemma odd_function_0 sign : odd_function sign 0 = 0.
Proof.
unfold odd_function, atanh. destruct (sign <? 0)%Z; [apply atan_0 |].
replace ((1 + 0) / (1 - 0)) with 1 by field. rewrite ln_1. ring.
Qed.

Lemma odd_sum_0 sign n : odd_sum sign n 0 = 0.
Proof.
induction n as [| n IH]; [reflexivity |]. cbn [odd_sum]. rewrite IH, pow_ne_zero by lia.
unfold Rdiv. ring.
Qed.

Lemma INR_odd_pos n : 0 < INR (2 * n + 1).
Proof. apply lt_0_INR. lia. Qed.

(* v r grows no faster than t^(2n+1)/((2n+1)(1 - b^2)), for v = 1 and v = -1 *)
Lemma odd_rest_side sign n t v : Rabs t <= / 2 -> v = 1 \/ v = -1 ->
  exists d, 0 <= d /\
    / (1 - t * t) * t ^ (2 * n + 1) / INR (2 * n + 1) - v * odd_rest sign n t = d * t.
Proof.
intros T V. set (q := / (1 - t * t)).
set (g := fun x => q * x ^ (2 * n + 1) / INR (2 * n + 1) - v * odd_rest sign n x).
assert (Z : g 0 = 0).
{ unfold g, odd_rest. rewrite odd_function_0, odd_sum_0, pow_ne_zero by lia. unfold Rdiv. ring. }
assert (B : 0 <= Rabs t <= / 2) by (split; [apply Rabs_pos | exact T]).
destruct (mean_value g (fun x => minus (q * (x * x) ^ n)
    (scal v ((unit_of sign * (x * x)) ^ n / (1 - unit_of sign * (x * x))))) (Rabs t) t 0)
  as (c & C & E).
- apply Rle_refl.
- rewrite Rabs_R0. apply B.
- intros c C. apply (is_derive_minus (fun x => q * x ^ (2 * n + 1) / INR (2 * n + 1))).
  + apply term_derivative.
  + apply (is_derive_scal (odd_rest sign n) c v). apply odd_rest_derivative. lra.
- eexists. split; [| rewrite Z, !Rminus_0_r in E; exact E].
  generalize (derivative_bound sign n (Rabs t) c B C).
  replace (Rabs t * Rabs t) with (t * t) by (rewrite <- Rabs_mult; symmetry; apply Rabs_pos_eq, Rle_0_sqr).
  unfold Rdiv at 2. fold q. unfold minus, plus, opp, scal; simpl; unfold mult; simpl.
  set (r := _ / _). generalize (Rle_abs r) (Rle_abs (- r)). rewrite Rabs_Ropp.
  destruct V as [-> | ->]; lra.
Qed.

(** What the first n terms leave out *)
Theorem odd_rest_bound sign n t : Rabs t <= / 2 ->
  Rabs (odd_function sign t - odd_sum sign n t) <= Rabs t ^ (2 * n + 1) / (INR (2 * n + 1) * (1 - t * t)).
Proof.
intros T. assert (K := INR_odd_pos n).
assert (D : 3 / 4 <= 1 - t * t).
{ generalize (one_minus_square (/ 2) t ltac:(lra) T). lra. }
fold (odd_rest sign n t).
destruct (odd_rest_side sign n t 1 T (or_introl eq_refl)) as (d & D0 & E).
destruct (odd_rest_side sign n t (-1) T (or_intror eq_refl)) as (d' & D1 & E').
replace (Rabs t ^ (2 * n + 1) / _) with (Rabs (/ (1 - t * t) * t ^ (2 * n + 1) / INR (2 * n + 1))).
- set (w := / (1 - t * t) * t ^ (2 * n + 1) / INR (2 * n + 1)) in *. clearbody w.
  assert (W : w = (d + d') / 2 * t) by lra. assert (O : odd_rest sign n t = (d' - d) / 2 * t) by lra.
  rewrite W, O, !Rabs_mult. apply Rmult_le_compat_r; [apply Rabs_pos |].
  rewrite (Rabs_pos_eq ((d + d') / 2)) by lra. apply Rabs_le. lra.
- rewrite Rabs_div, Rabs_mult, <- RPow_abs, (Rabs_pos_eq (INR _)), (Rabs_pos_eq (/ _)) by
    (try apply Rlt_le, Rinv_0_lt_compat; lra).
  field. split; lra.
Qed.

(** and by how much that changes from t' to t *)
Theorem odd_rest_changes sign n b t t' : 0 <= b <= / 2 -> Rabs t <= b -> Rabs t' <= b ->
  Rabs ((odd_function sign t - odd_sum sign n t) - (odd_function sign t' - odd_sum sign n t')) <=
  b ^ (2 * n) / (1 - b * b) * Rabs (t - t').
Proof.
intros B T T'. fold (odd_rest sign n t) (odd_rest sign n t').
destruct (mean_value (odd_rest sign n) _ b t t' T T' (fun c C => odd_rest_derivative sign n c ltac:(lra)))
  as (c & C & E).
rewrite E, Rabs_mult. apply Rmult_le_compat_r; [apply Rabs_pos |].
eapply Rle_trans; [apply (derivative_bound sign n b c B C) |].
apply Rmult_le_compat_r.
- apply Rlt_le, Rinv_0_lt_compat. destruct (one_minus_square b c B C). lra.
- rewrite pow_mult. apply pow_incr. split; [apply Rle_0_sqr |].
  replace (b ^ 2) with (b * b) by ring. destruct (one_minus_square b c B C). lra.
Qed.
