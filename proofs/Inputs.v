(** * From the words of exact sums to what the theorems on scalars and operators assume

    Leading.v proves what the leading bits of exact sums are; Scalars.v, Transcendental.v and Coefficients.v
    assume bits, and approximations made of them. This file proves that the ones are the others.

    Proved:
    - signed_bits_of, signed_bits_of_enclosed: the leading bits of numbers of any sign, as Coefficients takes
      them, from which it makes what the code makes;
    - pair_inputs_right, cosine_of_any_sign, sine_of_any_sign, angle_of_any_sign: p = <g, y> may be negative
      or 0 for the scalars of the angle, which are then right as well;
    - pair_words_inputs: any words of gg, p and yy with gg, yy > 0 and gg yy - p^2 >= 0 have such bits;
    - evaluate_uses, decided_uses: a formula's value depends only on the quantities that occur in it;
      completed_right: what the theorems assume of the others can be had, whatever the code has there;
    - optimal_alpha_without_products, optimal_trace_without_products, optimal_log_det_without_products,
      trace_without_products, log_det_without_products, alpha_of_trace_without_products,
      log_det_of_trace_without_products: where the code does not compute gg yy and gg yy - p^2, as no more
      than alpha, trace and log_det is wanted, what it returns is right all the same;
    - words_inputs_right, words_without_products_right: what the code makes of the words of a Gram has all
      that the theorems on scalars assume, p > 0 only where they do;
    - operator_inputs: the same of the four numbers that the coefficients of operators use besides;
      decide_coefficients_uses: two of them do not matter but for the roots, where alone the code has them.

    Assumed of the words: what Leading assumes, and of the Gram gg, yy > 0, gg yy - p^2 >= 0, which is 0 in
    dimension 1. Of a number a that is given: that it is a positive double. At the optimum none is given; a
    theorem about a formula that does not mention it can be used with any.

    NOT proved here: what Leading, Scalars, Transcendental and Coefficients do not prove. That the code calls
    its functions with these arguments is reading.

    Model and code (lib/kernels/leading.hpp, fast_scalars.hpp; lib/fast.cpp; what links them is reading, not
    proof):
      leading_of_gram, words_given      leading(gram, true), and what decide_scalars makes of it by from
      leading_without_products          leading(gram, false), where wanted has no more than alpha, trace and
                                        log_det (without_products in lib/fast.cpp)
      y_part, g_part in operator_inputs those of ProductsLeading, for root_apply and root_solve

    Axioms: those of Coq's real numbers with classical logic, as Flocq uses them (sig_forall_dec,
    sig_not_dec, functional_extensionality_dep, classic). *)
From Coq Require Import Reals ZArith List Lra Lia.
From Flocq Require Import Core.
From Natgrad Require Import Doubles Scalars Leading.
From Natgrad Require Coefficients Transcendental.
Open Scope R_scope.

(* ------------------------------------------------------------------------------ numbers of any sign *)

(** The leading bits of an exact sum of any sign, as Coefficients takes them; they have no error. *)
Lemma signed_bits_of x X : leading_of x X -> exists b : Coefficients.signed_bits X,
  Coefficients.from_signed b = from_leading_number x 0 /\ Coefficients.error_of b = 0.
Proof.
intros H. destruct (leading_bits_of x X H) as (b & _ & Eb & Z).
exists (Coefficients.Build_signed_bits X (Leading.is_negative x) b). split; [| exact Z].
unfold Coefficients.from_signed, from_leading_number. cbv zeta.
cbn [Coefficients.bits_of_magnitude Coefficients.is_negative]. fold (signed (is_negative x) X).
now rewrite Eb.
Qed.

(** The same of a number with an error. *)
Lemma signed_bits_of_enclosed x X : enclosed_of x X -> exists b : Coefficients.signed_bits X,
  Coefficients.from_signed b = from_leading_number (enclosed_leading x) (enclosed_error x).
Proof.
intros H. destruct (enclosed_bits_of x X H) as (b & _ & Eb & _).
exists (Coefficients.Build_signed_bits X (Leading.is_negative (enclosed_leading x)) b).
unfold Coefficients.from_signed, from_leading_number. cbv zeta.
cbn [Coefficients.bits_of_magnitude Coefficients.is_negative].
fold (signed (is_negative (enclosed_leading x)) X). now rewrite Eb.
Qed.

(* n - 1, 0 included *)
Lemma one_less_right n : (0 < n < 2 ^ 64)%Z ->
  approximates (from_integer (n - 1)) (IZR n - 1) /\ in_band 1 0 (pair (from_integer (n - 1))).
Proof.
intros Hn. destruct (Z.eq_dec n 1) as [-> | N].
- destruct from_integer_0 as (A & B & _). simpl Z.sub. rewrite Rminus_diag_eq by reflexivity. now split.
- destruct (from_integer_correct (n - 1) ltac:(lia)) as (A & B & _). rewrite minus_IZR in A. now split.
Qed.

(** The inputs that are made of leading bits, with p of any sign *)
Section Pair.
Variables gg p yy a : R.
Variable n : Z.
Hypothesis a_double : double a.
Hypothesis a_positive : 0 < a.
Hypothesis n_range : (0 < n < 2 ^ 64)%Z.
Variables (bits_of_gg : leading_bits gg) (bits_of_p : Coefficients.signed_bits p).
Variables (bits_of_yy : leading_bits yy) (bits_of_product : leading_bits (gg * yy)).
Variable bits_of_determinant : leading_bits (gg * yy - p * p).
Hypothesis leading_set : first_bits bits_of_gg <> 0%Z /\ first_bits bits_of_yy <> 0%Z /\
  first_bits bits_of_product <> 0%Z.
Hypothesis p_exact : Coefficients.error_of bits_of_p = 0.

Definition pair_given (i : quantity) : approximation :=
  match i with
  | GG => from_bits bits_of_gg | P => Coefficients.from_signed bits_of_p | YY => from_bits bits_of_yy
  | Gram_product => from_bits bits_of_product
  | Gram_determinant => from_bits bits_of_determinant
  | Dimension => from_integer n
  | One_less => from_integer (n - 1)
  | One => from_double 1
  | Given_alpha => from_double a
  end.

(** The hypotheses of the section Scalars that do not need p > 0 *)
Lemma pair_inputs_right :
  (forall i, approximates (pair_given i) (real_quantity gg p yy a (IZR n) i)) /\
  (forall i, in_band (width i) (error_band i) (pair (pair_given i))).
Proof.
destruct leading_set as (S1 & S3 & S4).
destruct (from_bits_correct _ bits_of_gg) as (A1 & _ & B1 & _).
destruct (from_bits_correct _ bits_of_yy) as (A3 & _ & B3 & _).
destruct (from_bits_correct _ bits_of_product) as (A4 & _ & B4 & _).
destruct (from_bits_correct _ bits_of_determinant) as (A5 & B5 & _).
destruct (Coefficients.from_signed_correct _ bits_of_p) as (A2 & _ & B2 & _).
destruct (from_integer_correct n n_range) as (A6 & B6 & _).
destruct (one_less_right n n_range) as (A7 & B7).
assert (D1 : double 1) by (change 1 with (bpow radix2 0); apply double_bpow; lia).
destruct (from_double_correct 1 D1 ltac:(lra)) as (A8 & B8 & _).
destruct (from_double_correct a a_double ltac:(lra)) as (A9 & B9 & _).
split; intros []; cbn [pair_given real_quantity width error_band]; auto.
apply (in_band_weaken 1 0); [lia | lia | exact B9].
Qed.

Variable two_product : R -> R -> unevaluated.
Hypothesis TP : Doubles.product_exact two_product.
Hypothesis gg_positive : 0 < gg.
Hypothesis yy_positive : 0 < yy.
Hypothesis determinant_not_negative : p * p <= gg * yy.

Lemma at_least_1 : 1 <= IZR n.
Proof. apply (IZR_le 1). lia. Qed.

(** The cosine of the angle, for p of any sign, 0 included *)
Theorem cosine_of_any_sign out : decided two_product pair_given cosine out ->
  out = rnd (p / sqrt (gg * yy)).
Proof.
destruct pair_inputs_right as [R B]. assert (N := at_least_1).
now apply (cosine_correct two_product TP gg p yy a (IZR n)).
Qed.

(** Its sine *)
Theorem sine_of_any_sign out : decided two_product pair_given sine out ->
  out = rnd (sqrt ((gg * yy - p * p) / (gg * yy))).
Proof.
destruct pair_inputs_right as [R B]. assert (N := at_least_1).
now apply (sine_correct two_product TP gg p yy a (IZR n)).
Qed.

(** The angle itself *)
Theorem angle_of_any_sign out : Transcendental.accepted (Transcendental.angle two_product pair_given) out ->
  out = rnd (acos (p / sqrt (gg * yy))).
Proof.
destruct pair_inputs_right as [R B]. intros H.
now apply (Transcendental.angle_correct two_product TP gg p yy a (IZR n)) in H.
Qed.
End Pair.

(** Of any words with gg, yy > 0 and gg yy - p^2 >= 0, which is 0 in dimension 1: there are leading bits as
    the section Pair takes them, of p with its sign, and what is made of them is what the code makes. *)
Theorem pair_words_inputs gg p yy dimension :
  length gg = word_count -> length p = word_count -> length yy = word_count ->
  Forall word gg -> Forall word p -> Forall word yy ->
  let real words := IZR (Gram.signed words) * bpow radix2 sum_unit in
  0 < real gg -> 0 < real yy -> 0 <= real gg * real yy - real p * real p ->
  (dimension = 1%Z -> real gg * real yy - real p * real p = 0) ->
  let x := leading_of_gram gg p yy dimension in
  exists (bits_of_gg : leading_bits (real gg)) (bits_of_p : Coefficients.signed_bits (real p))
    (bits_of_yy : leading_bits (real yy)) (bits_of_product : leading_bits (real gg * real yy))
    (bits_of_determinant : leading_bits (real gg * real yy - real p * real p)),
  (first_bits bits_of_gg <> 0%Z /\ first_bits bits_of_yy <> 0%Z /\ first_bits bits_of_product <> 0%Z) /\
  Coefficients.error_of bits_of_p = 0 /\
  from_bits bits_of_gg = from_leading_number (of_gg x) 0 /\
  Coefficients.from_signed bits_of_p = from_leading_number (of_p x) 0 /\
  from_bits bits_of_yy = from_leading_number (of_yy x) 0 /\
  from_bits bits_of_product =
    from_leading_number (enclosed_leading (of_product x)) (enclosed_error (of_product x)) /\
  from_bits bits_of_determinant =
    from_leading_number (enclosed_leading (of_determinant x)) (enclosed_error (of_determinant x)).
Proof.
intros L1 L2 L3 W1 W2 W3 real Pg Py S D1 x.
destruct (leading_of_gram_correct gg p yy dimension L1 L2 L3 W1 W2 W3 Pg Py S D1)
  as (Hg & Hp & Hy & Hm & Hd & Ng & Ny & Nm & Nd & Fg & Fy & Fm).
fold (real gg) (real p) (real yy) in Hg, Hp, Hy, Hm, Hd.
fold x in Hg, Hp, Hy, Hm, Hd, Ng, Ny, Nm, Nd, Fg, Fy, Fm. clearbody x.
destruct (signed_bits_of _ _ Hp) as (b2 & E2 & Z2). rewrite <- E2.
assert (Bg := leading_bits_of _ _ Hg). assert (By := leading_bits_of _ _ Hy).
assert (Bm := enclosed_bits_of _ _ Hm). assert (Bd := enclosed_bits_of _ _ Hd).
cbv zeta in Bm, Bd. unfold from_leading_number. rewrite Ng, Ny, Nm, Nd in *. cbn [signed] in *.
destruct Bg as (b1 & A1 & E1 & _). destruct By as (b3 & A3 & E3 & _).
destruct Bm as (b4 & A4 & E4 & _). destruct Bd as (b5 & A5 & E5 & _). exists b1, b2, b3, b4, b5.
rewrite A1, A3, A4. repeat split; assumption.
Qed.

(* ------------------------------------------------------------ what a formula does not mention is not used *)

Fixpoint occurs {A} (i : A) (e : formula A) : Prop :=
  match e with
  | Quantity j => i = j
  | Sum a b | Product a b | Quotient a b => occurs i a \/ occurs i b
  | Opposite a | Root a | Shift a _ => occurs i a
  end.

(** The value of a formula depends only on the quantities that occur in it. *)
Lemma evaluate_uses two_product A (given other : A -> approximation) e :
  (forall i, occurs i e -> given i = other i) ->
  evaluate two_product A given e = evaluate two_product A other e.
Proof.
induction e as [j | b IHb c IHc | b IHb | b IHb c IHc | b IHb c IHc | b IHb | b IHb k];
  cbn [occurs evaluate]; intros H.
- now rewrite H.
- now rewrite IHb, IHc by auto.
- now rewrite IHb by auto.
- now rewrite IHb, IHc by auto.
- now rewrite IHb, IHc by auto.
- now rewrite IHb by auto.
- now rewrite IHb by auto.
Qed.

(** So does what the rounding test accepts. *)
Corollary decided_uses two_product given other e out :
  (forall i, occurs i e -> given i = other i) ->
  decided two_product given e out -> decided two_product other e out.
Proof.
intros H (r & E & Acc). exists r. split; [| exact Acc]. rewrite <- E. symmetry. now apply evaluate_uses.
Qed.

(* Every number has an approximation in every band: 1, off by at most 2, with an exponent. *)
Definition any_number (X : R) := Approximation (Carried (Unevaluated 1 0) 2) (mag radix2 X).

Lemma any_number_right X : approximates (any_number X) X /\ in_band 1 0 (pair (any_number X)) /\
  0 < hi (number (pair (any_number X))).
Proof.
assert (D1 : double 1) by (change 1 with (bpow radix2 0); apply double_bpow; lia).
assert (D2 : double 2) by (change 2 with (bpow radix2 1); apply double_bpow; lia).
unfold any_number. cbn [pair number hi]. split; [| split; [| lra]].
- assert (P := bpow_gt_0 radix2 (- mag radix2 X)). assert (G := bpow_mag_gt radix2 X).
  assert (E : bpow radix2 (mag radix2 X) * bpow radix2 (- mag radix2 X) = 1).
  { rewrite <- bpow_plus. now replace (mag radix2 X + - mag radix2 X)%Z with 0%Z by lia. }
  exists (X * bpow radix2 (- mag radix2 X)). cbn [pair exponent]. split.
  + unfold stands_for, double_word, value. cbn [number error hi lo]. rewrite Rplus_0_r, (rnd_double 1 D1).
    repeat split; trivial; try apply double_0; [lra |].
    assert (B : Rabs (X * bpow radix2 (- mag radix2 X)) <= 1).
    { rewrite Rabs_mult, (Rabs_pos_eq (bpow _ (- _))) by lra. rewrite <- E. apply Rmult_le_compat_r; lra. }
    inv B. apply Rabs_le. lra.
  + rewrite Rmult_assoc, (Rmult_comm (bpow _ (- _))), E. ring.
- unfold in_band. cbn [number error hi lo]. split; [right; rewrite Rabs_R1; simpl; lra |].
  split; [right; simpl; lra |]. intros Z. lra.
Qed.

(* Inputs of which only those that are used are given, with any others *)
Definition completed (gg p yy a D : R) (used : quantity -> bool) (given : quantity -> approximation)
    (i : quantity) : approximation :=
  if used i then given i else any_number (real_quantity gg p yy a D i).

(** The hypotheses of the section Scalars hold of completed inputs if they hold of the used ones. *)
Lemma completed_right gg p yy a D used given :
  (forall i, used i = true -> approximates (given i) (real_quantity gg p yy a D i)) ->
  (forall i, used i = true -> in_band (width i) (error_band i) (pair (given i))) ->
  let inputs := completed gg p yy a D used given in
  (forall i, approximates (inputs i) (real_quantity gg p yy a D i)) /\
  (forall i, in_band (width i) (error_band i) (pair (inputs i))) /\
  (forall i, (used i = true -> 0 < hi (number (pair (given i)))) -> 0 < hi (number (pair (inputs i)))) /\
  (forall i, used i = true -> inputs i = given i).
Proof.
intros R B inputs. unfold inputs, completed.
assert (W : forall i, (1 <= width i)%Z /\ (0 <= error_band i)%Z) by (intros []; cbn; lia).
split; [| split; [| split]]; intros i; destruct (used i) eqn:U; auto;
  destruct (any_number_right (real_quantity gg p yy a D i)) as (A1 & A2 & A3); auto.
- apply (in_band_weaken 1 0); [apply W | apply W | exact A2].
- discriminate.
Qed.

(* Without the product and the determinant; at the optimum without a given a *)
Definition without_products (i : quantity) : bool :=
  match i with Gram_product | Gram_determinant => false | _ => true end.
Definition without_products_and_alpha (i : quantity) : bool :=
  match i with Gram_product | Gram_determinant | Given_alpha => false | _ => true end.

(** Where only alpha, trace or log_det is wanted, the code does not compute gg yy and gg yy - p^2: what stands
    in their place is not assumed to be anything. *)
Section At_the_optimum.
Variable two_product : R -> R -> unevaluated.
Hypothesis TP : Doubles.product_exact two_product.
Variables gg p yy D : R.
Hypothesis gg_positive : 0 < gg.
Hypothesis yy_positive : 0 < yy.
Hypothesis determinant_not_negative : p * p <= gg * yy.
Hypothesis D_at_least_1 : 1 <= D.
Variable given : quantity -> approximation.
Notation used := without_products_and_alpha.
Hypothesis given_right : forall i, used i = true -> approximates (given i) (real_quantity gg p yy 1 D i).
Hypothesis given_in_band : forall i, used i = true -> in_band (width i) (error_band i) (pair (given i)).

Notation inputs := (completed gg p yy 1 D used given).

Lemma agree_on e : (forall i, occurs i e -> used i = true) -> forall i, occurs i e -> given i = inputs i.
Proof. intros H i O. unfold completed. now rewrite (H i O). Qed.

Ltac mentioned := intros []; cbn; intuition discriminate.

(** a = yy/p *)
Theorem optimal_alpha_without_products out : decided two_product given optimal_alpha out ->
  out = rnd (yy / p).
Proof.
intros H. destruct (completed_right gg p yy 1 D used given given_right given_in_band) as (R & B & _).
apply (decided_uses _ _ inputs) in H; [| apply agree_on; mentioned].
now apply (optimal_alpha_correct two_product TP gg p yy 1 D) with (given := inputs).
Qed.

(** The trace at the optimum *)
Theorem optimal_trace_without_products out : decided two_product given optimal_trace out ->
  out = rnd (D * (yy / p)).
Proof.
intros H. destruct (completed_right gg p yy 1 D used given given_right given_in_band) as (R & B & _).
apply (decided_uses _ _ inputs) in H; [| apply agree_on; mentioned].
now apply (optimal_trace_correct two_product TP gg p yy 1 D) with (given := inputs).
Qed.

(** The logarithm of the determinant at the optimum *)
Theorem optimal_log_det_without_products out :
  Transcendental.accepted (Transcendental.optimal_log_det two_product given) out ->
  out = rnd ((D - 1) * ln (yy / p) + ln (p / gg)).
Proof.
intros H. destruct (completed_right gg p yy 1 D used given given_right given_in_band) as (R & B & _).
replace (Transcendental.optimal_log_det two_product given) with
  (Transcendental.optimal_log_det two_product inputs) in H.
- now apply (Transcendental.optimal_log_det_correct two_product TP gg p yy 1 D) in H.
- unfold Transcendental.optimal_log_det.
  rewrite (evaluate_uses two_product _ given inputs optimal_alpha),
    (evaluate_uses two_product _ given inputs ratio)
    by (apply agree_on; mentioned).
  reflexivity.
Qed.
End At_the_optimum.

(** The same for a given parameter a, and for a given trace *)
Section Given.
Variable two_product : R -> R -> unevaluated.
Hypothesis TP : Doubles.product_exact two_product.
Variables gg p yy a D : R.
Hypothesis gg_positive : 0 < gg.
Hypothesis p_positive : 0 < p.
Hypothesis yy_positive : 0 < yy.
Hypothesis determinant_not_negative : p * p <= gg * yy.
Hypothesis D_at_least_1 : 1 <= D.
Variable given : quantity -> approximation.
Notation used := without_products.
Hypothesis given_right : forall i, used i = true -> approximates (given i) (real_quantity gg p yy a D i).
Hypothesis given_in_band : forall i, used i = true -> in_band (width i) (error_band i) (pair (given i)).
Hypothesis leading_positive : forall i, i = GG \/ i = P \/ i = YY \/ i = Given_alpha ->
  0 < hi (number (pair (given i))).

Notation inputs := (completed gg p yy a D used given).

Lemma inputs_complete :
  (forall i, approximates (inputs i) (real_quantity gg p yy a D i)) /\
  (forall i, in_band (width i) (error_band i) (pair (inputs i))) /\
  (forall i, i = GG \/ i = P \/ i = YY \/ i = Given_alpha -> 0 < hi (number (pair (inputs i)))).
Proof.
destruct (completed_right gg p yy a D used given given_right given_in_band) as (R & B & L & _).
split; [exact R |]. split; [exact B |]. intros i H. apply L. intros _. now apply leading_positive.
Qed.

Lemma agree e : (forall i, occurs i e -> used i = true) -> forall i, occurs i e -> given i = inputs i.
Proof. intros H i O. unfold completed. now rewrite (H i O). Qed.

Ltac mentioned := intros []; cbn; intuition discriminate.

(** The trace, for a parameter a > 0 that is given *)
Theorem trace_without_products out : 0 < a -> decided two_product given trace out ->
  out = rnd (yy / p + (D - 1) * a).
Proof.
intros Pa H. destruct inputs_complete as (R & B & L).
apply (decided_uses _ _ inputs) in H; [| apply agree; mentioned].
now apply (trace_correct two_product TP gg p yy a D) with (given := inputs).
Qed.

(** The logarithm of the determinant, for a that is given *)
Theorem log_det_without_products out :
  Transcendental.accepted (Transcendental.log_det two_product given) out ->
  out = rnd ((D - 1) * ln a + ln (p / gg)).
Proof.
intros H. destruct inputs_complete as (R & B & L).
replace (Transcendental.log_det two_product given) with (Transcendental.log_det two_product inputs) in H.
- now apply (Transcendental.log_det_correct two_product TP gg p yy a D) in H.
- unfold Transcendental.log_det.
  assert (E1 := evaluate_uses two_product _ given inputs given_alpha (agree given_alpha ltac:(mentioned))).
  assert (E2 := evaluate_uses two_product _ given inputs ratio (agree ratio ltac:(mentioned))).
  rewrite E1, E2. reflexivity.
Qed.

(* From here on a is the trace. *)
Hypothesis trace_in_band : in_band 1 0 (pair (given Given_alpha)).

Lemma agree_with x e : (forall i, occurs i e -> used i = true) ->
  forall i, occurs i e -> with_alpha given x i = with_alpha inputs x i.
Proof. intros H i O. unfold with_alpha, completed. specialize (H i O). destruct i; easy. Qed.

Lemma alpha_of_trace_same : evaluate two_product quantity given alpha_of_trace =
  evaluate two_product quantity inputs alpha_of_trace.
Proof. apply evaluate_uses, agree. mentioned. Qed.

(** The parameter, for a trace that is given *)
Theorem alpha_of_trace_without_products out : decided_of_trace two_product given given_alpha out ->
  out = rnd ((a - yy / p) / (D - 1)).
Proof.
intros (x & E & C & H). destruct inputs_complete as (R & B & L).
apply (alpha_of_trace_correct two_product TP gg p yy a D) with (given := inputs); trivial.
exists x. rewrite <- alpha_of_trace_same. split; [exact E |]. split; [exact C |].
apply decided_uses with (with_alpha given x); [| exact H]. apply agree_with. mentioned.
Qed.

(** The logarithm of the determinant, for a trace that is given *)
Theorem log_det_of_trace_without_products out :
  Transcendental.accepted_of_trace two_product given (Transcendental.log_det two_product) out ->
  out = rnd ((D - 1) * ln ((a - yy / p) / (D - 1)) + ln (p / gg)).
Proof.
intros (x & E & C & H). destruct inputs_complete as (R & B & L).
apply (Transcendental.log_det_of_trace_correct two_product TP gg p yy a D) with (given := inputs); trivial.
exists x. rewrite <- alpha_of_trace_same. split; [exact E |]. split; [exact C |].
replace (Transcendental.log_det two_product (with_alpha inputs x)) with
  (Transcendental.log_det two_product (with_alpha given x)); [exact H |].
unfold Transcendental.log_det.
assert (E1 := evaluate_uses two_product _ (with_alpha given x) (with_alpha inputs x) given_alpha
  (agree_with x given_alpha ltac:(mentioned))).
assert (E2 := evaluate_uses two_product _ (with_alpha given x) (with_alpha inputs x) ratio
  (agree_with x ratio ltac:(mentioned))).
change (with_alpha inputs x One_less) with (given One_less).
change (with_alpha given x One_less) with (given One_less). rewrite E1, E2. reflexivity.
Qed.
End Given.

(* ------------------------------------------------------------------------- from the words of the sums *)

(** What the code has for the scalars of a Gram, of its leading numbers and a number a that is given *)
Definition words_given (x : gram_leading) (a : R) (i : quantity) : approximation :=
  match i with
  | GG => from_leading_number (of_gg x) 0
  | P => from_leading_number (of_p x) 0
  | YY => from_leading_number (of_yy x) 0
  | Gram_product => from_leading_number (enclosed_leading (of_product x)) (enclosed_error (of_product x))
  | Gram_determinant =>
      from_leading_number (enclosed_leading (of_determinant x)) (enclosed_error (of_determinant x))
  | Dimension => from_integer (of_dimension x)
  | One_less => from_integer (of_dimension x - 1)
  | One => from_double 1
  | Given_alpha => from_double a
  end.

(** Where the products are not needed; what the code leaves in their place is of no matter. *)
Definition leading_without_products (gg p yy : list Z) (dimension : Z) (any : enclosed_number) :=
  Gram_leading (leading_of_sum gg) (leading_of_sum p) (leading_of_sum yy) any any dimension.

Lemma words_pair x gg p yy a n (b1 : leading_bits gg) (b2 : Coefficients.signed_bits p)
  (b3 : leading_bits yy) (b4 : leading_bits (gg * yy)) (b5 : leading_bits (gg * yy - p * p)) :
  of_dimension x = n -> from_bits b1 = from_leading_number (of_gg x) 0 ->
  Coefficients.from_signed b2 = from_leading_number (of_p x) 0 ->
  from_bits b3 = from_leading_number (of_yy x) 0 ->
  from_bits b4 = from_leading_number (enclosed_leading (of_product x)) (enclosed_error (of_product x)) ->
  from_bits b5 =
    from_leading_number (enclosed_leading (of_determinant x)) (enclosed_error (of_determinant x)) ->
  forall i, words_given x a i = pair_given gg p yy a n b1 b2 b3 b4 b5 i.
Proof. intros <- E1 E2 E3 E4 E5 []; cbn [words_given pair_given]; congruence. Qed.

Lemma words_given_same x y a : of_gg y = of_gg x -> of_p y = of_p x -> of_yy y = of_yy x ->
  of_dimension y = of_dimension x ->
  forall i, without_products i = true -> words_given y a i = words_given x a i.
Proof. intros E1 E2 E3 E4 [] H; first [discriminate H | cbn [words_given]; congruence]. Qed.

Section Words.
Variables (gg p yy : list Z) (dimension : Z) (a : R).
Hypothesis lengths : length gg = word_count /\ length p = word_count /\ length yy = word_count.
Hypothesis words : Forall word gg /\ Forall word p /\ Forall word yy.
Notation real w := (IZR (Gram.signed w) * bpow radix2 sum_unit).
Hypothesis gg_positive : 0 < real gg.
Hypothesis yy_positive : 0 < real yy.
Hypothesis determinant_not_negative : 0 <= real gg * real yy - real p * real p.
Hypothesis zero_in_dimension_1 : dimension = 1%Z -> real gg * real yy - real p * real p = 0.
Hypothesis dimension_range : (0 < dimension < 2 ^ 64)%Z.
Hypothesis a_double : double a.
Hypothesis a_positive : 0 < a.

Notation x := (leading_of_gram gg p yy dimension).
Notation real_inputs := (real_quantity (real gg) (real p) (real yy) a (IZR dimension)).

(** The hypotheses of Scalars and Transcendental hold of what the code makes of the words of a Gram: those
    for p of any sign, and those for p > 0. *)
Theorem words_inputs_right :
  (forall i, approximates (words_given x a i) (real_inputs i)) /\
  (forall i, in_band (width i) (error_band i) (pair (words_given x a i))) /\
  (0 < real p -> forall i, i = GG \/ i = P \/ i = YY \/ i = Given_alpha ->
     0 < hi (number (pair (words_given x a i)))) /\
  in_band 1 0 (pair (words_given x a Given_alpha)).
Proof.
destruct lengths as (L1 & L2 & L3). destruct words as (W1 & W2 & W3).
destruct (pair_words_inputs gg p yy dimension L1 L2 L3 W1 W2 W3 gg_positive yy_positive
  determinant_not_negative zero_in_dimension_1) as (b1 & b2 & b3 & b4 & b5 & S & Z & E1 & E2 & E3 & E4 & E5).
assert (G := words_pair x _ _ _ a dimension b1 b2 b3 b4 b5 (eq_refl _) E1 E2 E3 E4 E5).
destruct (pair_inputs_right _ _ _ a dimension a_double a_positive dimension_range b1 b2 b3 b4 b5 S Z)
  as [R B].
destruct (from_double_correct a a_double ltac:(lra)) as (_ & B9 & P9).
split; [intros i; rewrite G; apply R |]. split; [intros i; rewrite G; apply B |]. split; [| exact B9].
intros Pp.
destruct (gram_leading_bits gg p yy dimension L1 L2 L3 W1 W2 W3 gg_positive Pp yy_positive
  determinant_not_negative zero_in_dimension_1)
  as (c1 & c2 & c3 & _ & _ & (S1 & S2 & S3 & _) & F1 & F2 & F3 & _).
destruct (from_bits_correct _ c1) as (_ & _ & _ & _ & Q1).
destruct (from_bits_correct _ c2) as (_ & _ & _ & _ & Q2).
destruct (from_bits_correct _ c3) as (_ & _ & _ & _ & Q3).
rewrite F1 in Q1. rewrite F2 in Q2. rewrite F3 in Q3.
intros i [-> | [-> | [-> | ->]]]; cbn [words_given];
  [exact (Q1 S1) | exact (Q2 S2) | exact (Q3 S3) | exact (P9 a_positive)].
Qed.

(** The same without the products, for what does not use them *)
Theorem words_without_products_right any :
  let y := leading_without_products gg p yy dimension any in
  (forall i, without_products i = true -> approximates (words_given y a i) (real_inputs i)) /\
  (forall i, without_products i = true -> in_band (width i) (error_band i) (pair (words_given y a i))) /\
  (0 < real p -> forall i, i = GG \/ i = P \/ i = YY \/ i = Given_alpha ->
     0 < hi (number (pair (words_given y a i)))) /\
  in_band 1 0 (pair (words_given y a Given_alpha)).
Proof.
intros y. destruct words_inputs_right as (R & B & L & T).
assert (E : forall i, without_products i = true -> words_given y a i = words_given x a i).
{ apply words_given_same; unfold y, leading_without_products, leading_of_gram;
    cbn [of_gg of_p of_yy of_dimension]; reflexivity. }
clearbody y.
split; [intros i H; rewrite (E i H); apply R |].
split; [intros i H; rewrite (E i H); apply B |].
split; [| rewrite (E Given_alpha eq_refl); exact T].
intros Pp i H. assert (U : without_products i = true) by now destruct H as [-> | [-> | [-> | ->]]].
rewrite (E i U). now apply L.
Qed.
End Words.

(* ------------------------------------------------------------------------------------- the operators *)

(** Of the leading numbers of gg, p, yy, gx and yx there are the leading bits of gx, yx, gg yx - p gx and
    yy gx - p yx that coefficient_inputs_right in Coefficients takes, of any sign; what is made of them is
    what the code makes. *)
Theorem operator_inputs lgg lp lyy lgx lyx gg p yy gx yx :
  leading_of lgg gg -> leading_of lp p -> leading_of lyy yy -> leading_of lgx gx -> leading_of lyx yx ->
  let y_part := difference_of_products lgg lyx lp lgx in
  let g_part := difference_of_products lyy lgx lp lyx in
  exists (bits_of_gx : Coefficients.signed_bits gx) (bits_of_yx : Coefficients.signed_bits yx)
    (bits_of_y_part : Coefficients.signed_bits (gg * yx - p * gx))
    (bits_of_g_part : Coefficients.signed_bits (yy * gx - p * yx)),
  (Coefficients.error_of bits_of_gx = 0 /\ Coefficients.error_of bits_of_yx = 0) /\
  Coefficients.from_signed bits_of_gx = from_leading_number lgx 0 /\
  Coefficients.from_signed bits_of_yx = from_leading_number lyx 0 /\
  Coefficients.from_signed bits_of_y_part =
    from_leading_number (enclosed_leading y_part) (enclosed_error y_part) /\
  Coefficients.from_signed bits_of_g_part =
    from_leading_number (enclosed_leading g_part) (enclosed_error g_part).
Proof.
intros Hg Hp Hy Hgx Hyx y_part g_part.
assert (D1 := difference_of_products_correct lgg lyx lp lgx _ _ _ _ Hg Hyx Hp Hgx).
assert (D2 := difference_of_products_correct lyy lgx lp lyx _ _ _ _ Hy Hgx Hp Hyx).
fold y_part in D1. fold g_part in D2. clearbody y_part g_part.
destruct (signed_bits_of _ _ Hgx) as (b1 & E1 & Z1). destruct (signed_bits_of _ _ Hyx) as (b2 & E2 & Z2).
destruct (signed_bits_of_enclosed _ _ D1) as (b3 & E3).
destruct (signed_bits_of_enclosed _ _ D2) as (b4 & E4).
exists b1, b2, b3, b4. repeat split; assumption.
Qed.

(** For operators other than the roots the code leaves gg yx - p gx and yy gx - p yx zero. Their coefficients
    do not depend on these: they are those that it would find with the right ones. *)
Lemma decide_coefficients_uses two_product optimal given other which :
  which <> Coefficients.Root_apply -> which <> Coefficients.Root_solve ->
  (forall i, i <> Coefficients.Y_part -> i <> Coefficients.G_part -> given i = other i) ->
  Coefficients.decide_coefficients two_product optimal given which =
  Coefficients.decide_coefficients two_product optimal other which.
Proof.
intros N1 N2 H.
assert (V : forall e, ~ occurs Coefficients.Y_part e -> ~ occurs Coefficients.G_part e ->
  evaluate two_product Coefficients.quantity given e = evaluate two_product Coefficients.quantity other e).
{ intros e O1 O2. apply evaluate_uses. intros i O. apply H; intros ->; auto. }
unfold Coefficients.decide_coefficients, Coefficients.put_value.
rewrite (V (Coefficients.alpha optimal)), (V (Coefficients.of_y optimal which)),
  (V (Coefficients.of_x optimal which)), (V (Coefficients.of_g optimal which)); [reflexivity | ..];
  destruct which; try contradiction; destruct optimal; cbn; intuition discriminate.
Qed.
