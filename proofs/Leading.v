(** * The leading bits of exact sums, and of sums of their products

    The fast scalars start from the leading 192 bits of the exact sums gg = |g|^2, p = <g, y> and
    yy = |y|^2, of the product gg yy and of the determinant gg yy - p^2, the last two with a bound on their
    error. Here is proved, of the integer arithmetic that finds these bits, that they are what Scalars.v takes
    as given: its record [leading_bits]. So the error bounds behind the rounding tests are proved from the
    words of the exact sums on; that these words are the exact sums is proved in Gram.v.

    Assumed: words are integers w, 0 <= w < 2^64; 67 words are an integer in two's complement, in units of
    2^-2148. Of the Gram only gg > 0, yy > 0 and gg yy - p^2 >= 0 (= 0 in dimension 1), and p > 0 where the
    scalars need it.

    Proved, over the integers (without any axiom):
    - funnel_value, leading_of_words_value: the shifted words w and a remainder r, 0 <= r < 1, are the number,
      the top bit of w is set, and [exact] says whether r = 0;
    - multiply_words_value, product_value: 128 bits are enough in each step, the six words are the product,
      and after the shift their top bit is set, unless a factor is 0;
    - shifted_words_value, add_words_value, negate_words_value, combine_value: aligning, adding, subtracting
      and negating in the frame of 448 bits; nothing overflows, and [cut] says whether bits were lost;
    - fast_found, slow_found, magnitudes_value: the way without branches and the loops both find the lowest
      word that is not 0 and the highest that is not a mere sign; the words made of them are the magnitude.
    Over the reals:
    - leading_of_sum_correct: the leading bits of an exact sum, with its sign, and 0 for 0;
    - product_correct: |a b| = (w + r) 2^exponent with 0 <= r < 2^194; enclosed_correct: its leading 192 bits,
      off by at most 4 units for r and 1 for the words that are left out;
    - frame_correct, from_frame_correct, difference_correct: x - y. Each of the remainders is below 2^257
      units of the frame, what is cut off below 1, and all that within 2^259; its conversion to units of the
      last of 192 bits is right, also where nothing is left but the error, and where x or y is 0; an error
      is 0 or at least 1/2;
    - difference_of_products_correct: a b - c d of leading bits;
    - not_below_zero_correct: where the leading bits of a number >= 0 are negative, 0 is within the error;
    - leading_of_gram_correct: all of that for a Gram;
    - leading_parts, enclosed_parts, leading_bits_of, enclosed_bits_of, gram_leading_bits: these numbers, or
      their opposites if they are negative, have the [leading_bits] of Scalars.v, from which the code's first
      step (from_leading) makes what stands for them; from_leading_number_correct, from_enclosed_correct: with
      their signs;
    - nearest_correct: [nearest] returns the double that is nearest to the exact sum, ties to even, subnormals
      included, and infinity where that would be 2^1024 or more.

    Model and code (lib/kernels/leading.hpp; what links them is reading, not proof). Shifts, and, or and xor
    are those of Z; sums, and shifts to the left, are modulo 2^64 where they can exceed it:
      shift_left, funnel              << of 64 bits, funnel
      leading_of_words                leading(w, top, lowest, exponent, negative)
      leading_number, bits            Leading; its three words as one integer
      leading_of_sum                  leading(ExactSum::Words), with which_differ, any_differs, the lambda
                                      magnitude and the loops; leading_zero
      multiply_step, multiply_row     the loops of product(a, b)
      product, enclosed, difference   the functions of these names; leading_product, enclosed_number:
                                      LeadingProduct, EnclosedLeading
      in_frame, shifted_words, lost_words, add_words, negate_words, combine
                                      in difference: the frame and padded, b and lost, the two loops
      from_frame                      the end of difference; the double 2^(unit - exponent), whose bits the
                                      code writes, is normal: unit - exponent is within -256 and 191
      leading_of_gram                 leading(gram, true)
      nearest                         nearest, as a bit pattern; Gram.decode reads it
      first_of, next_of, from_leading_number
                                      from(const Leading&, double) in lib/kernels/double_word.hpp
    Loops over a fixed number of words are written out, or are recursions over lists.

    NOT proved: that the exponents, 64-bit integers in the code, do not overflow; those of exact sums are
    within -2339 and 1948 (leading_of_sum_correct), and all others are sums of few such and of small numbers.
    Nor that gg yy - p^2 >= 0 and that it is 0 in dimension 1, which are hypotheses. Nor the compiler.

    Axioms over the reals: those of Coq's real numbers with classical logic, as Flocq uses them
    (sig_forall_dec, sig_not_dec, functional_extensionality_dep, classic). *)
From Coq Require Import Reals ZArith List Lia Lra.
From Flocq Require Import Core.
From Natgrad Require Import Doubles Scalars.
From Natgrad Require Gram.
Import ListNotations.

Local Open Scope Z_scope.

Definition base : Z := 2 ^ 64.
Definition word (w : Z) := 0 <= w < base.

(** Words, the least significant first. *)
Fixpoint unsigned (ws : list Z) : Z := match ws with [] => 0 | w :: ws' => w + base * unsigned ws' end.

Definition shift_left (w shift : Z) : Z := Z.shiftl w shift mod base.

Definition funnel (high low shift : Z) : Z :=
  Z.lor (shift_left high shift) (Z.shiftr (Z.shiftr low 1) (63 - shift)).

(* products, apart from everything else: such steps are slow among many hypotheses *)
Lemma step_below m p q : 0 <= m < q -> 0 < p -> 0 <= m * p <= p * q - p.
Proof. nia. Qed.

Lemma sum_below low p b t below : 0 <= low <= b - p -> 0 <= below < t -> 0 < p ->
  0 <= low * t + below * p < b * t.
Proof. nia. Qed.

Lemma sum_zero low p t below : 0 <= low -> 0 <= below -> 0 < p -> 0 < t ->
  low * t + below * p = 0 -> low = 0 /\ below = 0.
Proof. nia. Qed.

Lemma base_pos : 0 < base.
Proof. reflexivity. Qed.

Lemma high_word_below a b c h : 0 <= a -> 0 <= b -> h <= c -> base * (base * h) <= a + base * (b + base * c).
Proof. assert (P := base_pos). nia. Qed.

Lemma pow_pos n : 0 <= n -> 0 < 2 ^ n.
Proof. intros. now apply Z.pow_pos_nonneg. Qed.

Lemma base_split s : 0 <= s <= 64 -> base = 2 ^ s * 2 ^ (64 - s).
Proof. intros. unfold base. rewrite <- Z.pow_add_r by lia. f_equal. lia. Qed.

(* bits that do not overlap *)
Lemma lor_add a b s : 0 <= s -> 0 <= b < 2 ^ s -> Z.lor (a * 2 ^ s) b = a * 2 ^ s + b.
Proof.
intros Hs Hb. assert (L : Z.land (a * 2 ^ s) b = 0).
{ apply Z.bits_inj'. intros n Hn. rewrite Z.land_spec, Z.bits_0.
  destruct (Z.lt_ge_cases n s) as [N | N].
  - rewrite Z.mul_pow2_bits_low by assumption. reflexivity.
  - rewrite <- (Z.mod_small b (2 ^ s)) by assumption. rewrite Z.mod_pow2_bits_high by lia.
    apply Bool.andb_false_r. }
rewrite <- Z.lxor_lor by assumption. now rewrite <- Z.add_nocarry_lxor.
Qed.

Lemma shift_left_mod w s : 0 <= s <= 64 -> shift_left w s = w mod 2 ^ (64 - s) * 2 ^ s.
Proof.
intros Hs. unfold shift_left. rewrite Z.shiftl_mul_pow2 by lia.
rewrite (base_split s Hs), (Z.mul_comm (2 ^ s)). assert (A := pow_pos s). assert (C := pow_pos (64 - s)).
apply Z.mul_mod_distr_r; lia.
Qed.

Lemma shift_left_value w s : 0 <= s <= 64 -> shift_left w s = w * 2 ^ s - base * (w / 2 ^ (64 - s)).
Proof.
intros Hs. rewrite shift_left_mod, (base_split s) by assumption. assert (C := pow_pos (64 - s)).
rewrite Z.mod_eq by lia. ring.
Qed.

Lemma shift_left_word w s : word (shift_left w s).
Proof. apply Z.mod_pos_bound, base_pos. Qed.

Lemma over_below w s : word w -> 0 <= s <= 64 -> 0 <= w / 2 ^ (64 - s) < 2 ^ s.
Proof.
intros [Hw1 Hw2] Hs. assert (C := pow_pos (64 - s)). split; [apply Z.div_pos; lia |].
apply Z.div_lt_upper_bound; [lia |]. rewrite Z.mul_comm, <- base_split; assumption.
Qed.

(** What a shift to the left by less than 64 takes from the word below. *)
Theorem funnel_value high low s : word low -> 0 <= s < 64 ->
  funnel high low s = high * 2 ^ s - base * (high / 2 ^ (64 - s)) + low / 2 ^ (64 - s) /\
  word (funnel high low s).
Proof.
intros Hl Hs. assert (O := over_below low s Hl ltac:(lia)).
assert (E : funnel high low s = high mod 2 ^ (64 - s) * 2 ^ s + low / 2 ^ (64 - s)).
{ unfold funnel. rewrite shift_left_mod by lia. rewrite Z.shiftr_shiftr by lia.
  rewrite Z.shiftr_div_pow2 by lia. replace (1 + (63 - s)) with (64 - s) by ring.
  apply lor_add; [lia | exact O]. }
split.
- rewrite E, <- shift_left_mod, shift_left_value by lia. ring.
- rewrite E. assert (C := pow_pos (64 - s) ltac:(lia)). assert (M := Z.mod_pos_bound high (2 ^ (64 - s)) C).
  assert (P := pow_pos s ltac:(lia)). unfold word. rewrite (base_split s) by lia.
  assert (S := step_below _ _ _ M P). lia.
Qed.

Lemma unsigned_bound ws : Forall word ws -> 0 <= unsigned ws < base ^ Z.of_nat (length ws).
Proof.
assert (P := base_pos). induction 1 as [| w ws H _ IH]; [cbn; lia |].
cbn [unsigned length]. rewrite Nat2Z.inj_succ, Z.pow_succ_r by lia. unfold word in H. nia.
Qed.

Lemma unsigned_app a b : unsigned (a ++ b) = unsigned a + base ^ Z.of_nat (length a) * unsigned b.
Proof.
induction a as [| w a IH]; [cbn [app unsigned length]; rewrite Z.pow_0_r; ring |].
cbn [app unsigned length]. rewrite IH, Nat2Z.inj_succ, Z.pow_succ_r by lia. ring.
Qed.

(* ------------------------------------------------------------------------------- the leading 192 bits *)

Record leading_number := Leading_number {
  low_word : Z; middle_word : Z; high_word : Z;  (* words[0], words[1], words[2] *)
  unit_power : Z;                                (* exponent *)
  is_negative : bool; is_exact : bool }.

Definition bits (x : leading_number) : Z := unsigned [low_word x; middle_word x; high_word x].

(* std::countl_zero *)
Definition leading_zeros (w : Z) : Z := if w =? 0 then 64 else 63 - Z.log2 w.

Definition leading_of_words (w0 w1 w2 w3 top lowest exponent : Z) (negative : bool) : leading_number :=
  let zeros := leading_zeros w3 in
  Leading_number (funnel w1 w0 zeros) (funnel w2 w1 zeros) (funnel w3 w2 zeros)
    (exponent + 64 * (top - 2) - zeros) negative
    ((top - 3 <? lowest) || (lowest =? top - 3) && (shift_left w0 zeros =? 0)).

Lemma leading_zeros_shift w : word w -> w <> 0 -> 0 <= leading_zeros w < 64 /\
  2 ^ 63 <= w * 2 ^ leading_zeros w < base.
Proof.
intros [H1 H2] N. unfold leading_zeros. destruct (Z.eqb_spec w 0) as [E | _]; [contradiction |].
assert (L := Z.log2_spec w ltac:(lia)). assert (L0 := Z.log2_nonneg w).
assert (L1 : Z.log2 w < 64) by (apply Z.log2_lt_pow2; [lia | exact H2]).
split; [lia |]. set (k := Z.log2 w) in *.
assert (P := pow_pos (63 - k) ltac:(lia)).
assert (E : 2 ^ 63 = 2 ^ k * 2 ^ (63 - k)) by (rewrite <- Z.pow_add_r by lia; f_equal; lia).
assert (E2 : base = 2 ^ Z.succ k * 2 ^ (63 - k))
  by (unfold base; rewrite <- Z.pow_add_r by lia; f_equal; lia).
rewrite E2, E. split; [apply Z.mul_le_mono_nonneg_r | apply Z.mul_lt_mono_pos_r]; lia.
Qed.

Ltac all_words := repeat first [apply Forall_nil | apply Forall_cons; [assumption |]].

Lemma words_3_bound a b c : word a -> word b -> word c -> 0 <= unsigned [a; b; c] < base ^ 3.
Proof. intros. apply (unsigned_bound [a; b; c]). all_words. Qed.

(** The leading bits of a magnitude N of which these are the words at [top] and below it, and [below] is what
    is below them, in units of 2^-192. *)
Theorem leading_of_words_value w0 w1 w2 w3 top lowest exponent negative N below :
  word w0 -> word w1 -> word w2 -> word w3 -> w3 <> 0 -> 0 <= top ->
  N * base ^ 3 = unsigned [w0; w1; w2; w3] * base ^ top + below -> 0 <= below < base ^ top ->
  (below = 0 <-> top - 3 <= lowest) -> (top - 3 < lowest -> w0 = 0) ->
  let x := leading_of_words w0 w1 w2 w3 top lowest exponent negative in
  exists rest,
    N * base ^ 3 * 2 ^ leading_zeros w3 = bits x * base ^ (top + 1) + rest /\
    0 <= rest < base ^ (top + 1) /\ (is_exact x = true <-> rest = 0) /\
    unit_power x = exponent + 64 * (top - 2) - leading_zeros w3 /\
    0 <= leading_zeros w3 < 64 /\ 2 ^ 191 <= bits x < 2 ^ 192 /\
    word (low_word x) /\ word (middle_word x) /\ word (high_word x) /\ is_negative x = negative.
Proof.
intros H0 H1 H2 H3 N3 Ht E B Eb L0 x. destruct (leading_zeros_shift w3 H3 N3) as [Hs Hm].
unfold x, leading_of_words, bits. cbn [low_word middle_word high_word is_exact is_negative unit_power].
set (s := leading_zeros w3) in *.
destruct (funnel_value w1 w0 s H0 Hs) as [F1 W1]. destruct (funnel_value w2 w1 s H1 Hs) as [F2 W2].
destruct (funnel_value w3 w2 s H2 Hs) as [F3 W3].
assert (Z3 : w3 / 2 ^ (64 - s) = 0).
{ apply Z.div_small. split; [apply H3 |]. assert (P := pow_pos s ltac:(lia)).
  rewrite (base_split s) in Hm by lia. destruct Hm as [_ Hm]. rewrite (Z.mul_comm (2 ^ s)) in Hm.
  now apply Z.mul_lt_mono_pos_r in Hm. }
rewrite Z3 in F3.
set (low := shift_left w0 s).
assert (El : low = w0 * 2 ^ s - base * (w0 / 2 ^ (64 - s))) by (apply shift_left_value; lia).
assert (Ml : low = w0 mod 2 ^ (64 - s) * 2 ^ s) by (apply shift_left_mod; lia).
assert (Ps := pow_pos s ltac:(lia)).
assert (Pt : 0 < base ^ top) by (apply Z.pow_pos_nonneg; [reflexivity | lia]).
exists (low * base ^ top + below * 2 ^ s).
assert (P1 : base ^ (top + 1) = base * base ^ top) by (rewrite Z.pow_add_r, Z.pow_1_r by lia; ring).
split; [| split; [| split; [| split; [reflexivity | split; [exact Hs | split]]]]].
- rewrite P1, E. cbn [unsigned]. rewrite F1, F2, F3, El. ring.
- rewrite P1. assert (M := Z.mod_pos_bound w0 (2 ^ (64 - s)) (pow_pos (64 - s) ltac:(lia))).
  apply sum_below; [| exact B | exact Ps]. rewrite Ml, (base_split s) by lia. now apply step_below.
- assert (W0 := shift_left_word w0 s). fold low in W0. unfold word in W0.
  destruct (Z.ltb_spec (top - 3) lowest) as [T | T].
  + split; [intros _ | reflexivity]. rewrite (proj2 Eb ltac:(lia)).
    assert (Z0 : low = 0) by (unfold low; rewrite (L0 T); unfold shift_left; now rewrite Z.shiftl_0_l).
    rewrite Z0. ring.
  + cbn [orb]. destruct (Z.eqb_spec lowest (top - 3)) as [T' | T']; cbn [andb].
    * rewrite (proj2 Eb ltac:(lia)). rewrite Z.eqb_eq. split; intros Z0; [rewrite Z0; ring |].
      apply (sum_zero low (2 ^ s) (base ^ top) 0); [apply W0 | lia | exact Ps | exact Pt | exact Z0].
    * split; [discriminate |]. intros Z0. exfalso.
      apply sum_zero in Z0; [| apply W0 | apply B | exact Ps | exact Pt].
      assert (top - 3 <= lowest) by now apply Eb. lia.
- assert (U := words_3_bound _ _ _ W1 W2 W3). change (base ^ 3) with (2 ^ 192) in U. split; [| lia].
  cbn [unsigned]. rewrite Z.mul_0_r, Z.add_0_r.
  assert (2 ^ 63 <= funnel w3 w2 s).
  { rewrite F3. assert (O := over_below w2 s H2 ltac:(lia)). lia. }
  change (2 ^ 191) with (base * (base * 2 ^ 63)). apply high_word_below; [apply W1 | apply W2 | assumption].
- repeat split; first [apply W1 | apply W2 | apply W3].
Qed.

Local Open Scope Z_scope.

(* ------------------------------------------------------------------------------------------ products *)

Record leading_product := LeadingProduct {
  p0 : Z; p1 : Z; p2 : Z; p3 : Z; p4 : Z; p5 : Z;  (* words *)
  product_power : Z;                               (* exponent *)
  product_negative : bool; product_exact : bool }.

Definition product_bits (x : leading_product) : Z := unsigned [p0 x; p1 x; p2 x; p3 x; p4 x; p5 x].

(** A step of the loop, in 128 bits: the word and the carry. *)
Definition multiply_step (a b w carry : Z) : Z * Z :=
  let sum := a * b + w + carry in (sum mod base, sum / base).

(* the inner loop *)
Definition multiply_row (a b0 b1 b2 w0 w1 w2 : Z) : Z * Z * Z * Z :=
  let s0 := multiply_step a b0 w0 0 in
  let s1 := multiply_step a b1 w1 (snd s0) in
  let s2 := multiply_step a b2 w2 (snd s1) in
  (fst s0, fst s1, fst s2, snd s2).

(* the loops *)
Definition multiply_words (a0 a1 a2 b0 b1 b2 : Z) : Z * Z * Z * Z * Z * Z :=
  let '(w0, w1, w2, w3) := multiply_row a0 b0 b1 b2 0 0 0 in
  let '(w1, w2, w3, w4) := multiply_row a1 b0 b1 b2 w1 w2 w3 in
  let '(w2, w3, w4, w5) := multiply_row a2 b0 b1 b2 w2 w3 w4 in
  (w0, w1, w2, w3, w4, w5).

Definition product (a b : leading_number) : leading_product :=
  let '(w0, w1, w2, w3, w4, w5) :=
    multiply_words (low_word a) (middle_word a) (high_word a) (low_word b) (middle_word b) (high_word b) in
  let shift := if ((Z.shiftr w5 63 =? 0) && negb (w5 =? 0))%bool then 1 else 0 in
  LeadingProduct (shift_left w0 shift) (funnel w1 w0 shift) (funnel w2 w1 shift) (funnel w3 w2 shift)
    (funnel w4 w3 shift) (funnel w5 w4 shift)
    (unit_power a + unit_power b - shift)
    (xorb (is_negative a) (is_negative b))
    ((w5 =? 0) || is_exact a && is_exact b).

Lemma step_fits a b w c B : 0 <= a < B -> 0 <= b < B -> 0 <= w < B -> 0 <= c < B ->
  0 <= a * b + w + c < B * B.
Proof. intros. split; [nia |]. assert (a * b <= (B - 1) * (B - 1)) by nia. nia. Qed.

(** 128 bits are enough. *)
Lemma multiply_step_value a b w carry : word a -> word b -> word w -> word carry ->
  0 <= a * b + w + carry < 2 ^ 128 /\
  word (fst (multiply_step a b w carry)) /\ word (snd (multiply_step a b w carry)) /\
  fst (multiply_step a b w carry) + base * snd (multiply_step a b w carry) = a * b + w + carry.
Proof.
intros Ha Hb Hw Hc. assert (S := step_fits _ _ _ _ _ Ha Hb Hw Hc). assert (P := base_pos).
unfold multiply_step. cbv zeta. cbn [fst snd]. set (sum := a * b + w + carry) in *.
split; [exact S |]. split; [now apply Z.mod_pos_bound |]. split.
- split; [apply Z.div_pos; lia | apply Z.div_lt_upper_bound; lia].
- rewrite Z.add_comm. symmetry. now apply Z.div_mod.
Qed.

Lemma multiply_row_value a b0 b1 b2 w0 w1 w2 : word a -> word b0 -> word b1 -> word b2 ->
  word w0 -> word w1 -> word w2 ->
  let '(r0, r1, r2, r3) := multiply_row a b0 b1 b2 w0 w1 w2 in
  word r0 /\ word r1 /\ word r2 /\ word r3 /\
  unsigned [r0; r1; r2; r3] = unsigned [w0; w1; w2] + a * unsigned [b0; b1; b2].
Proof.
intros Ha H0 H1 H2 W0 W1 W2. unfold multiply_row. cbv zeta.
assert (Z0 : word 0) by (split; [lia | apply base_pos]).
destruct (multiply_step_value a b0 w0 0 Ha H0 W0 Z0) as (_ & F0 & S0 & E0).
set (s0 := multiply_step a b0 w0 0) in *.
destruct (multiply_step_value a b1 w1 (snd s0) Ha H1 W1 S0) as (_ & F1 & S1 & E1).
set (s1 := multiply_step a b1 w1 (snd s0)) in *.
destruct (multiply_step_value a b2 w2 (snd s1) Ha H2 W2 S1) as (_ & F2 & S2 & E2).
set (s2 := multiply_step a b2 w2 (snd s1)) in *.
repeat (split; [assumption |]). cbn [unsigned].
transitivity (fst s0 + base * (fst s1 + base * (fst s2 + base * snd s2))); [ring |].
rewrite E2. transitivity (fst s0 + base * (fst s1 + base * snd s1 + base * (a * b2 + w2))); [ring |].
rewrite E1. transitivity (fst s0 + base * snd s0 + base * (a * b1 + w1 + base * (a * b2 + w2))); [ring |].
rewrite E0. ring.
Qed.

(** The loops multiply. *)
Theorem multiply_words_value a0 a1 a2 b0 b1 b2 :
  word a0 -> word a1 -> word a2 -> word b0 -> word b1 -> word b2 ->
  let '(w0, w1, w2, w3, w4, w5) := multiply_words a0 a1 a2 b0 b1 b2 in
  word w0 /\ word w1 /\ word w2 /\ word w3 /\ word w4 /\ word w5 /\
  unsigned [w0; w1; w2; w3; w4; w5] = unsigned [a0; a1; a2] * unsigned [b0; b1; b2].
Proof.
intros A0 A1 A2 B0 B1 B2. unfold multiply_words.
assert (Z0 : word 0) by (split; [lia | apply base_pos]).
assert (R0 := multiply_row_value a0 b0 b1 b2 0 0 0 A0 B0 B1 B2 Z0 Z0 Z0).
destruct (multiply_row a0 b0 b1 b2 0 0 0) as [[[w0 w1] w2] w3]. destruct R0 as (W0 & W1 & W2 & W3 & E0).
assert (R1 := multiply_row_value a1 b0 b1 b2 w1 w2 w3 A1 B0 B1 B2 W1 W2 W3).
destruct (multiply_row a1 b0 b1 b2 w1 w2 w3) as [[[v1 v2] v3] w4]. destruct R1 as (V1 & V2 & V3 & W4 & E1).
assert (R2 := multiply_row_value a2 b0 b1 b2 v2 v3 w4 A2 B0 B1 B2 V2 V3 W4).
destruct (multiply_row a2 b0 b1 b2 v2 v3 w4) as [[[u2 u3] u4] w5]. destruct R2 as (U2 & U3 & U4 & W5 & E2).
repeat (split; [assumption |]).
transitivity (w0 + base * (v1 + base * unsigned [u2; u3; u4; w5])); [reflexivity |]. rewrite E2.
transitivity (w0 + base * unsigned [v1; v2; v3; w4] + base * base * a2 * unsigned [b0; b1; b2]);
  [cbn [unsigned]; ring |].
rewrite E1.
transitivity (unsigned [w0; w1; w2; w3] + (base * a1 + base * base * a2) * unsigned [b0; b1; b2]);
  [cbn [unsigned]; ring |].
rewrite E0. cbn [unsigned]. ring.
Qed.

(* the words of a leading unsigned: words, whose top bit is set unless they are 0 *)
Definition well_formed (x : leading_number) : Prop :=
  word (low_word x) /\ word (middle_word x) /\ word (high_word x) /\ (bits x = 0 \/ 2 ^ 191 <= bits x).

Definition product_well_formed (x : leading_product) : Prop :=
  word (p0 x) /\ word (p1 x) /\ word (p2 x) /\ word (p3 x) /\ word (p4 x) /\ word (p5 x) /\
  (product_bits x = 0 \/ 2 ^ 383 <= product_bits x).

Lemma bits_bound x : well_formed x -> 0 <= bits x < 2 ^ 192.
Proof. intros (A & B & C & _). exact (words_3_bound _ _ _ A B C). Qed.

Lemma words_5_bound a b c d e : word a -> word b -> word c -> word d -> word e ->
  0 <= unsigned [a; b; c; d; e] < 2 ^ 320.
Proof. intros. apply (unsigned_bound [a; b; c; d; e]). all_words. Qed.

Lemma unsigned_6 a b c d e f : unsigned [a; b; c; d; e; f] = unsigned [a; b; c; d; e] + 2 ^ 320 * f.
Proof. change (2 ^ 320) with (base * base * base * base * base). cbn [unsigned]. ring. Qed.

(** The six words are the product or, if its top bit is not set, twice the product. *)
Theorem product_value a b : well_formed a -> well_formed b ->
  let x := product a b in
  product_well_formed x /\
  exists shift, (shift = 0 \/ shift = 1) /\ product_bits x = bits a * bits b * 2 ^ shift /\
    product_power x = unit_power a + unit_power b - shift /\
    product_negative x = xorb (is_negative a) (is_negative b) /\
    (product_exact x = true <-> bits a = 0 \/ bits b = 0 \/ is_exact a = true /\ is_exact b = true).
Proof.
intros Fa Fb. assert (Ba := bits_bound a Fa). assert (Bb := bits_bound b Fb).
destruct Fa as (A0 & A1 & A2 & A). destruct Fb as (B0 & B1 & B2 & B). cbv zeta. unfold product, bits in *.
assert (M := multiply_words_value _ _ _ _ _ _ A0 A1 A2 B0 B1 B2).
destruct (multiply_words (low_word a) (middle_word a) (high_word a)
    (low_word b) (middle_word b) (high_word b)) as [[[[[w0 w1] w2] w3] w4] w5].
destruct M as (W0 & W1 & W2 & W3 & W4 & W5 & E).
set (na := unsigned [low_word a; middle_word a; high_word a]) in *.
set (nb := unsigned [low_word b; middle_word b; high_word b]) in *.
assert (Low := words_5_bound _ _ _ _ _ W0 W1 W2 W3 W4). rewrite unsigned_6 in E.
set (low := unsigned [w0; w1; w2; w3; w4]) in *.
assert (C : (na = 0 \/ nb = 0) /\ w5 = 0 /\ low = 0 \/ na <> 0 /\ nb <> 0 /\ 2 ^ 62 <= w5).
{ destruct A as [A | A]; [| destruct B as [B | B]].
  - left. rewrite A in E. unfold word in W5. lia.
  - left. rewrite B in E. unfold word in W5. lia.
  - right. split; [lia |]. split; [lia |].
    assert (P : 2 ^ 191 * 2 ^ 191 <= na * nb) by (apply Z.mul_le_mono_nonneg; lia).
    rewrite <- E in P. clear - P Low. change (2 ^ 191 * 2 ^ 191) with (2 ^ 320 * 2 ^ 62) in P. lia. }
set (top := ((Z.shiftr w5 63 =? 0) && negb (w5 =? 0))%bool).
assert (T : top = true /\ 2 ^ 62 <= w5 < 2 ^ 63 \/ top = false /\ (w5 = 0 \/ 2 ^ 63 <= w5)).
{ unfold top. rewrite Z.shiftr_div_pow2 by lia. unfold word in W5.
  destruct (Z.eqb_spec w5 0) as [-> | N]; [right; rewrite Bool.andb_false_r; tauto |].
  rewrite Bool.andb_true_r. destruct (Z.eqb_spec (w5 / 2 ^ 63) 0) as [D | D].
  - left. split; [reflexivity |]. apply Z.div_small_iff in D; [lia | discriminate].
  - right. split; [reflexivity |]. right. destruct (Z.lt_ge_cases w5 (2 ^ 63)); [| assumption].
    exfalso. apply D, Z.div_small. lia. }
clearbody top. set (shift := if top then 1 else 0).
assert (Hs : 0 <= shift < 64) by (unfold shift; destruct top; lia).
destruct (funnel_value w1 w0 shift W0 Hs) as [F1 V1]. destruct (funnel_value w2 w1 shift W1 Hs) as [F2 V2].
destruct (funnel_value w3 w2 shift W2 Hs) as [F3 V3]. destruct (funnel_value w4 w3 shift W3 Hs) as [F4 V4].
destruct (funnel_value w5 w4 shift W4 Hs) as [F5 V5].
assert (F0 := shift_left_value w0 shift ltac:(lia)). assert (V0 := shift_left_word w0 shift).
assert (O : w5 / 2 ^ (64 - shift) = 0).
{ unfold word, base in W5. unfold shift. apply Z.div_small.
  destruct T as [(-> & T) | (-> & T)]; [change (64 - 1) with 63 | change (64 - 0) with 64]; lia. }
rewrite O in F5.
assert (Ep : unsigned [shift_left w0 shift; funnel w1 w0 shift; funnel w2 w1 shift; funnel w3 w2 shift;
  funnel w4 w3 shift; funnel w5 w4 shift] = na * nb * 2 ^ shift).
{ rewrite <- E, F1, F2, F3, F4, F5, F0. unfold low. change (2 ^ 320) with (base * base * base * base * base).
  cbn [unsigned]. ring. }
unfold product_well_formed, product_bits.
cbn [p0 p1 p2 p3 p4 p5 product_power product_negative product_exact].
split.
- repeat (split; [assumption |]). rewrite Ep, <- E. change (2 ^ 383) with (2 ^ 320 * 2 ^ 63).
  unfold shift. destruct C as [(_ & -> & ->) | (_ & _ & C)]; [left; ring | right].
  destruct T as [(-> & T) | (-> & T)]; [change (2 ^ 1) with 2 | change (2 ^ 0) with 1]; lia.
- exists shift. split; [unfold shift; destruct top; lia |]. split; [exact Ep |].
  split; [reflexivity |]. split; [reflexivity |].
  rewrite Bool.orb_true_iff, Bool.andb_true_iff, Z.eqb_eq.
  destruct C as [(C & D & _) | (C1 & C2 & C)]; [tauto |]. split; [| tauto]. intros [-> | ?]; [lia | tauto].
Qed.

Local Open Scope R_scope.

(* ------------------------------------------------------------------------------ what they stand for *)

Definition signed (negative : bool) (x : R) : R := if negative then - x else x.

(** Leading: the magnitude is (w + r) 2^exponent, 0 <= r < 1, r = 0 if exact. *)
Definition leading_of (x : leading_number) (X : R) : Prop :=
  well_formed x /\ exists r, 0 <= r < 1 /\ (is_exact x = true <-> r = 0) /\ (bits x = 0%Z -> r = 0) /\
  X = signed (is_negative x) ((IZR (bits x) + r) * bpow radix2 (unit_power x)).

(** LeadingProduct: the same with 384 bits and 0 <= r < 2^194. *)
Definition product_of (x : leading_product) (X : R) : Prop :=
  product_well_formed x /\ exists r, 0 <= r < bpow radix2 194 /\ (product_exact x = true -> r = 0) /\
  (product_bits x = 0%Z -> r = 0) /\
  X = signed (product_negative x) ((IZR (product_bits x) + r) * bpow radix2 (product_power x)).

(** EnclosedLeading *)
Record enclosed_number := Enclosed { enclosed_leading : leading_number; enclosed_error : R }.

(** |r| <= error instead, 0 if exact. The error is a double, and 0 or at least 1/2. *)
Definition enclosed_of (x : enclosed_number) (X : R) : Prop :=
  let l := enclosed_leading x in let error := enclosed_error x in
  well_formed l /\ double error /\ no_less 1 error /\ (is_exact l = true -> error = 0) /\
  exists r, Rabs r <= error /\ X = signed (is_negative l) ((IZR (bits l) + r) * bpow radix2 (unit_power l)).

Lemma signed_mult a b x y : signed (xorb a b) (x * y) = signed a x * signed b y.
Proof. destruct a, b; cbn [xorb signed]; ring. Qed.

Lemma IZR_pow2 n : (0 <= n)%Z -> IZR (2 ^ n) = bpow radix2 n.
Proof. exact (IZR_Zpower radix2 n). Qed.

Lemma product_remainder a b r s m : 0 <= a <= m - 1 -> 0 <= b <= m - 1 -> 0 <= r < 1 -> 0 <= s < 1 ->
  0 <= (a + r) * (b + s) - a * b < 2 * m.
Proof. intros. split; nra. Qed.

(** A product of numbers with leading bits. *)
Theorem product_correct a b A B : leading_of a A -> leading_of b B -> product_of (product a b) (A * B).
Proof.
intros (Fa & r & Hr & Ea & Za & ->) (Fb & s & Hs & Eb & Zb & ->).
assert (Ba := bits_bound a Fa). assert (Bb := bits_bound b Fb).
destruct (product_value a b Fa Fb) as (Fp & k & Hk & Ep & Pp & Np & Xp).
set (x := product a b) in *. split; [exact Fp |].
set (na := bits a) in *. set (nb := bits b) in *.
assert (D : 0 <= (IZR na + r) * (IZR nb + s) - IZR na * IZR nb < 2 * bpow radix2 192).
{ assert (Q : forall n, (0 <= n < 2 ^ 192)%Z -> 0 <= IZR n <= bpow radix2 192 - 1).
  { intros n H. rewrite <- (IZR_pow2 192), <- minus_IZR by lia. split; apply IZR_le; lia. }
  apply product_remainder; auto. }
exists (((IZR na + r) * (IZR nb + s) - IZR na * IZR nb) * IZR (2 ^ k)).
assert (Kk : IZR (2 ^ k) = 1 \/ IZR (2 ^ k) = 2) by (destruct Hk as [-> | ->]; [left | right]; reflexivity).
assert (P194 : bpow radix2 194 = 4 * bpow radix2 192).
{ change 194%Z with (2 + 192)%Z. rewrite bpow_plus. reflexivity. }
assert (ZR : (na = 0 \/ nb = 0)%Z -> (IZR na + r) * (IZR nb + s) - IZR na * IZR nb = 0).
{ intros [Z | Z]; rewrite Z; [rewrite (Za Z) | rewrite (Zb Z)]; ring. }
split; [| split; [| split]].
- rewrite P194. destruct Kk as [-> | ->]; lra.
- intros H. apply Xp in H. destruct H as [H | [H | [H1 H2]]].
  + rewrite ZR by now left. ring.
  + rewrite ZR by now right. ring.
  + apply Ea in H1. apply Eb in H2. rewrite H1, H2. ring.
- intros H. rewrite Ep in H. rewrite ZR; [ring |]. destruct Hk as [-> | ->]; [change (2 ^ 0)%Z with 1%Z in H |
    change (2 ^ 1)%Z with 2%Z in H]; apply Z.mul_eq_0; lia.
- rewrite Np, Ep, Pp, !mult_IZR, <- signed_mult. f_equal.
  replace (unit_power a + unit_power b - k)%Z with (unit_power a + (unit_power b + - k))%Z by ring.
  rewrite !bpow_plus.
  assert (Kp : IZR (2 ^ k) * bpow radix2 (- k) = 1).
  { rewrite IZR_pow2 by lia. rewrite <- bpow_plus. now replace (k + - k)%Z with 0%Z by ring. }
  transitivity ((IZR na + r) * bpow radix2 (unit_power a) * ((IZR nb + s) * bpow radix2 (unit_power b)) *
    (IZR (2 ^ k) * bpow radix2 (- k))); [rewrite Kp; ring | ring].
Qed.

(** The leading words of a product. *)
Definition enclosed (x : leading_product) : enclosed_number :=
  let more := negb (Z.lor (Z.lor (p0 x) (p1 x)) (p2 x) =? 0)%Z in
  Enclosed
    (Leading_number (p3 x) (p4 x) (p5 x) (product_power x + 192) (product_negative x)
      (product_exact x && negb more))
    (rnd ((if product_exact x then 0 else 4) + (if more then 1 else 0))).

Lemma double_small n : (0 <= n < 2 ^ 53)%Z -> double (IZR n).
Proof. intros. apply double_integer. lia. Qed.

Lemma product_halves x :
  product_bits x = (unsigned [p0 x; p1 x; p2 x] + 2 ^ 192 * unsigned [p3 x; p4 x; p5 x])%Z.
Proof. unfold product_bits. change (2 ^ 192)%Z with (base * base * base)%Z. cbn [unsigned]. ring. Qed.

(** The leading 192 bits of a product. *)
Theorem enclosed_correct x X : product_of x X -> enclosed_of (enclosed x) X.
Proof.
intros ((W0 & W1 & W2 & W3 & W4 & W5 & F) & r & Hr & Er & Zr & ->). rewrite product_halves in *.
assert (Bl := words_3_bound _ _ _ W0 W1 W2). assert (Bh := words_3_bound _ _ _ W3 W4 W5).
change (base ^ 3)%Z with (2 ^ 192)%Z in *.
set (more := negb (Z.lor (Z.lor (p0 x) (p1 x)) (p2 x) =? 0)%Z).
assert (M : more = false /\ unsigned [p0 x; p1 x; p2 x] = 0%Z \/ more = true).
{ unfold more.
  destruct (Z.eqb_spec (Z.lor (Z.lor (p0 x) (p1 x)) (p2 x)) 0) as [E | E]; [left | right; reflexivity].
  apply Z.lor_eq_0_iff in E. destruct E as [E E2]. apply Z.lor_eq_0_iff in E. destruct E as [E0 E1].
  rewrite E0, E1, E2. split; reflexivity. }
unfold enclosed, enclosed_of, well_formed, bits.
cbn [enclosed_leading enclosed_error low_word middle_word high_word unit_power is_negative is_exact].
fold more. set (low := unsigned [p0 x; p1 x; p2 x]) in *. set (high := unsigned [p3 x; p4 x; p5 x]) in *.
set (error := rnd ((if product_exact x then 0 else 4) + (if more then 1 else 0))).
assert (E : error = (if product_exact x then 0 else 4) + (if more then 1 else 0)).
{ apply rnd_double. destruct (product_exact x), more; rewrite <- plus_IZR; apply double_small; now cbn. }
assert (C : error = 0 \/ 1 <= error) by (rewrite E; destruct (product_exact x), more; lra).
assert (N1 : no_less 1 error).
{ destruct C as [C | C]; [now left | right]. change (bpow radix2 (- (1))) with (/ 2). lra. }
split; [| split; [apply double_rnd | split; [exact N1 | split]]].
- repeat (split; [assumption |]). change (2 ^ 383)%Z with (2 ^ 192 * 2 ^ 191)%Z in F. lia.
- intros H. apply andb_prop in H. destruct H as [H1 H2]. rewrite E, H1. destruct more; [discriminate | ring].
- exists ((IZR low + r) * bpow radix2 (-192)).
  assert (P := bpow_gt_0 radix2 (-192)).
  assert (Q : bpow radix2 192 * bpow radix2 (-192) = 1) by (rewrite <- bpow_plus; reflexivity).
  assert (Lr : 0 <= r * bpow radix2 (-192) <= (if product_exact x then 0 else 4)).
  { destruct (product_exact x); [rewrite (Er eq_refl); lra |]. split; [apply Rmult_le_pos; lra |].
    replace 4 with (bpow radix2 194 * bpow radix2 (-192)) by (rewrite <- bpow_plus; reflexivity).
    apply Rmult_le_compat_r; lra. }
  assert (Ll : 0 <= IZR low * bpow radix2 (-192) <= (if more then 1 else 0)).
  { assert (0 <= IZR low <= bpow radix2 192).
    { rewrite <- (IZR_pow2 192) by lia. split; apply IZR_le; lia. }
    destruct M as [(-> & ->) | ->]; [lra |]. rewrite <- Q. split; [apply Rmult_le_pos; lra |].
    apply Rmult_le_compat_r; lra. }
  split; [rewrite E, Rabs_pos_eq; lra |]. f_equal.
  rewrite plus_IZR, mult_IZR, IZR_pow2 by lia. rewrite bpow_plus.
  transitivity ((IZR high * bpow radix2 192 + (IZR low + r) * (bpow radix2 192 * bpow radix2 (-192))) *
    bpow radix2 (product_power x)); [rewrite Q; ring | ring].
Qed.

Local Open Scope Z_scope.

(* --------------------------------------------------------------------------------------- differences *)

Definition all_ones : Z := 2 ^ 64 - 1.

(** Six words times 2^63, in a frame of seven. *)
Definition in_frame (x : leading_product) : list Z :=
  [shift_left (p0 x) 63; funnel (p1 x) (p0 x) 63; funnel (p2 x) (p1 x) 63; funnel (p3 x) (p2 x) 63;
   funnel (p4 x) (p3 x) 63; funnel (p5 x) (p4 x) 63; Z.shiftr (p5 x) 1].

(* x >> shift | y << 1 << (63 - shift) *)
Definition right_word (x y shift : Z) : Z :=
  Z.lor (Z.shiftr x shift) (shift_left (shift_left y 1) (63 - shift)).

(* what is added in the loop *)
Definition shifted_words (padded : list Z) (words : nat) (shift : Z) : list Z :=
  map (fun i => right_word (nth (i + words) padded 0) (nth (i + words + 1) padded 0) shift) (seq 0 7).

(* what is lost *)
Definition lost_words (padded : list Z) (words : nat) (shift : Z) : Z :=
  fold_left Z.lor (firstn words padded) (Z.land (nth words padded 0) (Z.shiftl 1 shift - 1)).

(* the loop that adds; flip is 0, or all ones to subtract *)
Fixpoint add_words (a b : list Z) (flip carry : Z) : list Z * Z :=
  match a, b with
  | x :: a', y :: b' =>
    let term := Z.lxor y flip in
    let partial := (x + term) mod base in
    let sum := (partial + carry) mod base in
    let rest := add_words a' b' flip (Z.lor (Z.b2z (partial <? term)) (Z.b2z (sum <? partial))) in
    (sum :: fst rest, snd rest)
  | _, _ => ([], carry)
  end.

(* ~a + 1 *)
Fixpoint negate_words (a : list Z) (carry : Z) : list Z :=
  match a with
  | [] => []
  | x :: a' =>
    let y := (Z.lxor x all_ones + carry) mod base in
    y :: negate_words a' (if (negb (carry =? 0) && (y =? 0))%bool then 1 else 0)
  end.

(* the loops that look for the highest and the lowest word that is not 0 *)
Fixpoint highest_not_zero (a : list Z) (n : nat) : option nat :=
  match n with O => None | S m => if nth m a 0 =? 0 then highest_not_zero a m else Some m end.

Fixpoint lowest_not_zero (a : list Z) : nat :=
  match a with [] => O | x :: a' => if x =? 0 then S (lowest_not_zero a') else O end.

Lemma all_ones_base : all_ones = base - 1.
Proof. reflexivity. Qed.

(* ~x *)
Lemma complement x : word x -> Z.lxor x all_ones = all_ones - x.
Proof.
intros [H1 H2]. assert (D : Z.ldiff x all_ones = 0).
{ change all_ones with (Z.ones 64). apply Z.ldiff_ones_r_low; [assumption |].
  destruct (Z.eq_dec x 0) as [-> | N]; [reflexivity |]. apply Z.log2_lt_pow2; [lia | exact H2]. }
rewrite (Z.sub_nocarry_ldiff all_ones x D). apply Z.bits_inj'. intros n Hn.
rewrite Z.lxor_spec, Z.ldiff_spec. assert (E := f_equal (fun z => Z.testbit z n) D). cbn beta in E.
rewrite Z.ldiff_spec, Z.bits_0 in E.
destruct (Z.testbit x n), (Z.testbit all_ones n); try reflexivity; discriminate.
Qed.

Lemma in_frame_value x : product_well_formed x -> length (in_frame x) = 7%nat /\
  Forall word (in_frame x) /\ unsigned (in_frame x) = product_bits x * 2 ^ 63.
Proof.
intros (W0 & W1 & W2 & W3 & W4 & W5 & _). split; [reflexivity |].
assert (Hs : 0 <= 63 < 64) by lia.
destruct (funnel_value (p1 x) (p0 x) 63 W0 Hs) as [F1 V1].
destruct (funnel_value (p2 x) (p1 x) 63 W1 Hs) as [F2 V2].
destruct (funnel_value (p3 x) (p2 x) 63 W2 Hs) as [F3 V3].
destruct (funnel_value (p4 x) (p3 x) 63 W3 Hs) as [F4 V4].
destruct (funnel_value (p5 x) (p4 x) 63 W4 Hs) as [F5 V5].
assert (F0 := shift_left_value (p0 x) 63 ltac:(lia)). assert (V0 := shift_left_word (p0 x) 63).
assert (F6 : Z.shiftr (p5 x) 1 = p5 x / 2 ^ (64 - 63)) by now rewrite Z.shiftr_div_pow2 by lia.
assert (V6 : word (Z.shiftr (p5 x) 1)).
{ rewrite F6. assert (O := over_below (p5 x) 63 W5 ltac:(lia)). unfold word, base. lia. }
split; [unfold in_frame; all_words |]. unfold in_frame, product_bits. cbn [unsigned].
rewrite F0, F1, F2, F3, F4, F5, F6. ring.
Qed.

Lemma right_word_value x y s : word x -> 0 <= s < 64 ->
  right_word x y s * 2 ^ s = x - x mod 2 ^ s + base * (y mod 2 ^ s) /\ word (right_word x y s).
Proof.
intros [Hx1 Hx2] Hs. assert (P := pow_pos s ltac:(lia)). assert (Q := pow_pos (64 - s) ltac:(lia)).
assert (B : base = 2 ^ s * 2 ^ (64 - s)) by (apply base_split; lia).
assert (O : 0 <= x / 2 ^ s < 2 ^ (64 - s)).
{ split; [apply Z.div_pos; lia | apply Z.div_lt_upper_bound; lia]. }
assert (E : shift_left (shift_left y 1) (63 - s) = y mod 2 ^ s * 2 ^ (64 - s)).
{ replace (y mod 2 ^ s) with (y mod 2 ^ (64 - (64 - s))) by (f_equal; f_equal; lia).
  rewrite <- shift_left_mod by lia. unfold shift_left. rewrite !Z.shiftl_mul_pow2 by lia.
  rewrite Z.mul_mod_idemp_l by (apply Z.neq_sym, Z.lt_neq, base_pos).
  rewrite <- Z.mul_assoc, <- Z.pow_add_r by lia. f_equal. f_equal. f_equal. lia. }
assert (M := Z.mod_pos_bound y (2 ^ s) P).
unfold right_word. rewrite E, Z.shiftr_div_pow2, Z.lor_comm, lor_add by lia. split.
- rewrite B. rewrite (Z.mod_eq x (2 ^ s)) by lia. ring.
- assert (S := step_below _ _ _ M Q). unfold word. rewrite B. lia.
Qed.

(* shifts of several words *)
Fixpoint shift_right (l : list Z) (s : Z) : list Z :=
  match l with [] => [] | x :: l' => right_word x (hd 0 l') s :: shift_right l' s end.

Lemma shift_right_value l s : Forall word l -> 0 <= s < 64 ->
  Forall word (shift_right l s) /\ unsigned (shift_right l s) * 2 ^ s = unsigned l - hd 0 l mod 2 ^ s.
Proof.
intros W Hs. induction W as [| x l Wx W IH]; [split; [constructor | reflexivity] |].
destruct IH as [IW IH]. destruct (right_word_value x (hd 0 l) s Wx Hs) as [E V].
cbn [shift_right unsigned hd]. split; [now constructor |].
rewrite Z.mul_add_distr_r, E, <- Z.mul_assoc, IH. ring.
Qed.

Lemma unsigned_zeros l k : unsigned (l ++ repeat 0 k) = unsigned l.
Proof.
rewrite unsigned_app. replace (unsigned (repeat 0 k)) with 0; [ring |].
induction k as [| k IH]; [reflexivity |]. cbn [repeat unsigned]. rewrite <- IH. ring.
Qed.

Lemma seven (l : list Z) : length l = 7%nat -> exists a b c d e f g, l = [a; b; c; d; e; f; g].
Proof.
destruct l as [| a [| b [| c [| d [| e [| f [| g [| h l]]]]]]]]; intros H; try discriminate H.
now exists a, b, c, d, e, f, g.
Qed.

Lemma shifted_words_right l words s : length l = 7%nat -> (words <= 7)%nat ->
  shifted_words (l ++ repeat 0 8) words s = shift_right (skipn words l ++ repeat 0 words) s /\
  firstn words (l ++ repeat 0 8) = firstn words l /\
  nth words (l ++ repeat 0 8) 0 = hd 0 (skipn words l ++ repeat 0 words).
Proof.
intros L W. destruct (seven l L) as (a & b & c & d & e & f & g & ->).
destruct words as [| [| [| [| [| [| [| [| words]]]]]]]]; try (exfalso; lia); repeat split; reflexivity.
Qed.

Lemma fold_lor_zero l : forall x, fold_left Z.lor l x = 0 <-> x = 0 /\ Forall (fun w => w = 0) l.
Proof.
induction l as [| w l IH]; intros x; cbn [fold_left].
- split; [intros ->; split; [reflexivity | constructor] | tauto].
- rewrite IH, Z.lor_eq_0_iff. split.
  + intros [[H1 H2] H3]. split; [assumption | now constructor].
  + intros [H1 H2]. inversion H2; subst. repeat split; assumption.
Qed.

Lemma unsigned_zero l : Forall word l -> (unsigned l = 0 <-> Forall (fun w => w = 0) l).
Proof.
intros W. induction W as [| w l Ww W IH]; [split; [constructor | reflexivity] |].
assert (B := unsigned_bound l W). assert (P := base_pos). cbn [unsigned]. unfold word in Ww. split.
- intros E. assert (E1 : w = 0 /\ unsigned l = 0) by nia. constructor; [apply E1 | now apply IH].
- intros F. inversion F; subst. rewrite (proj2 IH) by assumption. ring.
Qed.

Lemma Forall_firstn_skipn (P : Z -> Prop) l k : Forall P l -> Forall P (firstn k l) /\ Forall P (skipn k l).
Proof. intros H. rewrite <- (firstn_skipn k l) in H. apply Forall_app in H. exact H. Qed.

Lemma mixed_below a m b t q : 0 <= a < b -> 0 <= m < q -> 0 <= t -> 0 <= a + b * m < b * q.
Proof. intros. nia. Qed.

Lemma mixed_zero a m b : 0 <= a < b -> 0 <= m -> (a + b * m = 0 <-> a = 0 /\ m = 0).
Proof. intros. split; nia. Qed.

Lemma no_high_part x b q low : x = b * q + low -> 0 <= b -> 0 <= low -> 0 <= x < q -> b = 0.
Proof. intros. destruct (Z.eq_dec b 0); [assumption | exfalso; nia]. Qed.

Lemma base_pow k : 0 <= k -> base ^ k = 2 ^ (64 * k).
Proof. intros. unfold base. now rewrite <- Z.pow_mul_r by lia. Qed.

(** The words of the frame, shifted to the right by any number of bits: what is left, and whether something
    was lost. *)
Theorem shifted_words_value l shift :
  length l = 7%nat -> Forall word l -> unsigned l < 2 ^ 447 -> 0 <= shift ->
  let padded := l ++ repeat 0 8 in
  let words := Z.to_nat (Z.min (shift / 64) 7) in
  let b := shifted_words padded words (shift mod 64) in
  length b = 7%nat /\ Forall word b /\
  exists lost, unsigned l = unsigned b * 2 ^ shift + lost /\ 0 <= lost < 2 ^ shift /\
    (lost_words padded words (shift mod 64) = 0 <-> lost = 0).
Proof.
intros L W U S padded words b. set (s := shift mod 64) in *.
assert (Hs : 0 <= s < 64) by now apply Z.mod_pos_bound.
assert (Es := Z.div_mod shift 64 ltac:(lia)). fold s in Es.
assert (D0 : 0 <= shift / 64) by (apply Z.div_pos; lia).
assert (Hw : (words <= 7)%nat) by (unfold words; lia).
destruct (shifted_words_right l words s L Hw) as (E1 & E2 & E3).
set (high := skipn words l ++ repeat 0 words) in *.
destruct (Forall_firstn_skipn word l words W) as [WL WH].
assert (Wh : Forall word high).
{ apply Forall_app. split; [exact WH |]. apply Forall_forall. intros x I. apply repeat_spec in I. subst x.
  split; [lia | apply base_pos]. }
destruct (shift_right_value high s Wh Hs) as [Wr Er].
assert (Eb : b = shift_right high s) by exact E1.
split; [reflexivity |]. split; [rewrite Eb; exact Wr |].
assert (P := pow_pos s ltac:(lia)).
assert (Bl := unsigned_bound _ WL). rewrite firstn_length, L, Nat.min_l in Bl by assumption.
set (low := unsigned (firstn words l)) in *. set (k := Z.of_nat words) in *.
assert (Ul : unsigned l = low + base ^ k * unsigned high).
{ unfold high. rewrite unsigned_zeros. unfold low, k. rewrite <- (firstn_skipn words l) at 1.
  rewrite unsigned_app, firstn_length, L, Nat.min_l by assumption. reflexivity. }
assert (M := Z.mod_pos_bound (hd 0 high) (2 ^ s) P).
set (m := hd 0 high mod 2 ^ s) in *.
assert (Lost : lost_words padded words s = 0 <-> low + base ^ k * m = 0).
{ unfold lost_words, padded. rewrite fold_lor_zero, E2, E3, <- unsigned_zero by exact WL. fold low.
  rewrite Z.shiftl_mul_pow2, Z.mul_1_l by lia.
  replace (2 ^ s - 1) with (Z.ones s) by (rewrite Z.ones_equiv; lia). rewrite Z.land_ones by lia. fold m.
  rewrite (mixed_zero low m (base ^ k)) by lia. tauto. }
assert (Uf : unsigned l = unsigned b * 2 ^ (64 * k + s) + (low + base ^ k * m)).
{ rewrite Ul, Eb, Z.pow_add_r, (Z.mul_comm (2 ^ (64 * k))), Z.mul_assoc, Er, <- base_pow by lia. ring. }
assert (Lf : 0 <= low + base ^ k * m < 2 ^ (64 * k + s)).
{ rewrite Z.pow_add_r, <- base_pow by lia. apply (mixed_below _ _ _ 0); lia. }
exists (low + base ^ k * m). destruct (Z.le_gt_cases (shift / 64) 7) as [N | N].
- assert (Ek : 64 * k + s = shift) by (unfold k, words; lia). rewrite Ek in *. tauto.
- (* all is lost *)
  assert (Ek : k = 7) by (unfold k, words; lia).
  assert (Bw := unsigned_bound _ Wr). rewrite <- Eb in Bw.
  assert (P447 : 2 ^ 447 < 2 ^ (64 * k + s)) by (apply Z.pow_lt_mono_r; lia).
  assert (Ps : 2 ^ (64 * k + s) <= 2 ^ shift) by (apply Z.pow_le_mono_r; lia).
  assert (Zb : unsigned b = 0) by (apply (no_high_part _ _ _ _ Uf); lia).
  rewrite Zb in *. split; [lia |]. split; [lia | exact Lost].
Qed.

Lemma add_step x t c : word x -> word t -> c = 0 \/ c = 1 ->
  let partial := (x + t) mod base in let sum := (partial + c) mod base in
  let c' := Z.lor (Z.b2z (partial <? t)) (Z.b2z (sum <? partial)) in
  word sum /\ (c' = 0 \/ c' = 1) /\ sum + base * c' = x + t + c.
Proof.
intros Hx Ht Hc partial sum c'. unfold word in *. assert (P : 1 < base) by reflexivity.
assert (C1 : partial = x + t /\ Z.b2z (partial <? t) = 0 /\ x + t < base \/
  partial = x + t - base /\ Z.b2z (partial <? t) = 1 /\ base <= x + t).
{ unfold partial. destruct (Z.lt_ge_cases (x + t) base) as [H | H]; [left | right].
  - rewrite Z.mod_small by lia. destruct (Z.ltb_spec (x + t) t); [lia | now repeat split].
  - replace ((x + t) mod base) with (x + t - base).
    + destruct (Z.ltb_spec (x + t - base) t); [now repeat split | lia].
    + apply (Z.mod_unique _ _ 1); lia. }
assert (Hp : 0 <= partial < base) by now apply Z.mod_pos_bound.
assert (C2 : sum = partial + c /\ Z.b2z (sum <? partial) = 0 \/
  sum = partial + c - base /\ Z.b2z (sum <? partial) = 1 /\ partial = base - 1 /\ c = 1).
{ unfold sum. destruct (Z.lt_ge_cases (partial + c) base) as [H | H]; [left | right].
  - rewrite Z.mod_small by lia. destruct (Z.ltb_spec (partial + c) partial); [lia | now repeat split].
  - replace ((partial + c) mod base) with (partial + c - base).
    + destruct (Z.ltb_spec (partial + c - base) partial); [repeat split; lia | lia].
    + apply (Z.mod_unique _ _ 1); lia. }
split; [now apply Z.mod_pos_bound |].
unfold c'. clearbody partial sum.
destruct C1 as [(E1 & -> & B1) | (E1 & -> & B1)], C2 as [(E2 & ->) | (E2 & -> & B2 & Ec)];
  cbn [Z.lor Pos.lor]; lia.
Qed.

(** The carries are right. *)
Theorem add_words_value a flip : flip = 0 \/ flip = all_ones -> forall b carry,
  Forall word a -> Forall word b -> length b = length a -> carry = 0 \/ carry = 1 ->
  let result := add_words a b flip carry in
  length (fst result) = length a /\ Forall word (fst result) /\ (snd result = 0 \/ snd result = 1) /\
  unsigned (fst result) + base ^ Z.of_nat (length a) * snd result =
    unsigned a + (if flip =? 0 then unsigned b else base ^ Z.of_nat (length a) - 1 - unsigned b) + carry.
Proof.
intros Hf. induction a as [| x a IH]; intros b carry Ha Hb Hl Hc.
{ destruct b; [| discriminate Hl]. cbn. split; [reflexivity |]. split; [constructor |]. split; [exact Hc |].
  destruct (flip =? 0); destruct carry; lia. }
destruct b as [| y b]; [discriminate Hl |]. inversion Ha as [| ? ? Hx Ha']; subst.
inversion Hb as [| ? ? Hy Hb']; subst. injection Hl as Hl. cbn zeta. cbn [add_words].
assert (T : word (Z.lxor y flip) /\ Z.lxor y flip = if flip =? 0 then y else base - 1 - y).
{ destruct Hf as [-> | ->].
  - rewrite Z.lxor_0_r. split; [exact Hy | reflexivity].
  - rewrite complement, all_ones_base by exact Hy. unfold word in *. split; [lia | reflexivity]. }
destruct T as [Wt Et]. destruct (add_step x _ carry Hx Wt Hc) as (S1 & S2 & S3).
set (partial := (x + Z.lxor y flip) mod base) in *. set (sum := (partial + carry) mod base) in *.
set (c := Z.lor (Z.b2z (partial <? Z.lxor y flip)) (Z.b2z (sum <? partial))) in *.
destruct (IH b c Ha' Hb' Hl S2) as (I1 & I2 & I3 & I4). set (rest := add_words a b flip c) in *.
cbn [fst snd length]. split; [now rewrite I1 |]. split; [now constructor |]. split; [exact I3 |].
cbn [unsigned]. rewrite Nat2Z.inj_succ, Z.pow_succ_r by lia.
transitivity (sum + base * (unsigned (fst rest) + base ^ Z.of_nat (length a) * snd rest)); [ring |].
rewrite I4. transitivity (sum + base * c + base * (unsigned a +
  (if flip =? 0 then unsigned b else base ^ Z.of_nat (length a) - 1 - unsigned b))); [ring |].
rewrite S3, Et. destruct (flip =? 0); ring.
Qed.

(** ~a + 1, or ~a. *)
Theorem negate_words_value a : forall carry, Forall word a -> carry = 0 \/ carry = 1 ->
  length (negate_words a carry) = length a /\ Forall word (negate_words a carry) /\
  exists k, (k = 0 \/ k = 1) /\
    unsigned (negate_words a carry) + base ^ Z.of_nat (length a) * k =
    base ^ Z.of_nat (length a) - 1 - unsigned a + carry.
Proof.
induction a as [| x a IH]; intros carry Ha Hc.
{ cbn. split; [reflexivity |]. split; [constructor |]. exists carry. split; [exact Hc |].
  destruct Hc as [-> | ->]; reflexivity. }
inversion Ha as [| ? ? Hx Ha']; subst. cbn zeta. cbn [negate_words].
rewrite complement, all_ones_base by exact Hx. set (y := (base - 1 - x + carry) mod base).
set (c := if (negb (carry =? 0) && (y =? 0))%bool then 1 else 0).
assert (S : word y /\ (c = 0 \/ c = 1) /\ y + base * c = base - 1 - x + carry).
{ unfold c, y, word in *. assert (P := base_pos). split; [now apply Z.mod_pos_bound |].
  destruct Hc as [-> | ->]; cbn [Z.eqb negb andb].
  - rewrite Z.mod_small by lia. lia.
  - destruct (Z.eq_dec x 0) as [-> | N].
    + replace (base - 1 - 0 + 1) with base by ring. rewrite Z.mod_same by lia. cbn [Z.eqb]. lia.
    + rewrite Z.mod_small by lia. destruct (Z.eqb_spec (base - 1 - x + 1) 0); lia. }
destruct S as (S1 & S2 & S3). destruct (IH c Ha' S2) as (I1 & I2 & k & I3 & I4).
cbn [length]. split; [now rewrite I1 |]. split; [now constructor |]. exists k. split; [exact I3 |].
cbn [unsigned]. rewrite Nat2Z.inj_succ, Z.pow_succ_r by lia.
transitivity (y + base * (unsigned (negate_words a c) + base ^ Z.of_nat (length a) * k)); [ring |].
rewrite I4. transitivity (y + base * c + base * (base ^ Z.of_nat (length a) - 1 - unsigned a)); [ring |].
rewrite S3. ring.
Qed.

(* the sign of seven words *)
Lemma top_bit_7 a : length a = 7%nat -> Forall word a ->
  (Z.shiftr (nth 6 a 0) 63 =? 0) = (unsigned a <? 2 ^ 447).
Proof.
intros L W. destruct (seven a L) as (a0 & a1 & a2 & a3 & a4 & a5 & a6 & ->). cbn [nth].
assert (E : unsigned [a0; a1; a2; a3; a4; a5; a6] = unsigned [a0; a1; a2; a3; a4; a5] + 2 ^ 384 * a6).
{ change (2 ^ 384) with (base * base * base * base * base * base). cbn [unsigned]. ring. }
assert (W' : Forall word [a0; a1; a2; a3; a4; a5] /\ word a6).
{ repeat match goal with H : Forall word (_ :: _) |- _ => inversion H; clear H; subst end.
  split; [all_words | assumption]. }
destruct W' as [W6 [H1 H2]]. rewrite E.
assert (Bd : 0 <= unsigned [a0; a1; a2; a3; a4; a5] < 2 ^ 384) by exact (unsigned_bound _ W6).
set (low := unsigned [a0; a1; a2; a3; a4; a5]) in *. clearbody low.
rewrite Z.shiftr_div_pow2 by lia. change (2 ^ 447) with (2 ^ 384 * 2 ^ 63).
destruct (Z.eqb_spec (a6 / 2 ^ 63) 0) as [D | D];
  destruct (Z.ltb_spec (low + 2 ^ 384 * a6) (2 ^ 384 * 2 ^ 63));
  try reflexivity; exfalso.
- apply Z.div_small_iff in D; [lia | discriminate].
- apply D, Z.div_small. lia.
Qed.

(** The frame after addition or subtraction and, if the result is below 0, negation. *)
Definition combine (a b : list Z) (subtract : bool) : list Z * bool :=
  let sum := fst (add_words a b (if subtract then all_ones else 0) (if subtract then 1 else 0)) in
  let below := (subtract && negb (Z.shiftr (nth 6 sum 0) 63 =? 0))%bool in
  (if below then negate_words sum 1 else sum, below).

(** The sum or difference, exactly, and whether it is below 0. *)
Theorem combine_value a b subtract :
  length a = 7%nat -> length b = 7%nat -> Forall word a -> Forall word b ->
  unsigned a < 2 ^ 447 -> unsigned b < 2 ^ 447 ->
  let (c, below) := combine a b subtract in
  length c = 7%nat /\ Forall word c /\
  (if below then - unsigned c else unsigned c) = unsigned a + (if subtract then - unsigned b else unsigned b).
Proof.
intros La Lb Wa Wb Ua Ub. unfold combine.
set (flip := if subtract then all_ones else 0). set (carry := if subtract then 1 else 0).
assert (Hf : flip = 0 \/ flip = all_ones) by (unfold flip; destruct subtract; tauto).
assert (Hc : carry = 0 \/ carry = 1) by (unfold carry; destruct subtract; tauto).
destruct (add_words_value a flip Hf b carry Wa Wb ltac:(lia) Hc) as (L1 & W1 & C1 & E1).
set (sum := fst (add_words a b flip carry)) in *. set (c := snd (add_words a b flip carry)) in *.
rewrite (top_bit_7 sum) by (congruence || assumption). rewrite La in L1, E1.
change (base ^ Z.of_nat 7) with (2 ^ 448) in E1.
assert (Bs := unsigned_bound _ W1). rewrite L1 in Bs. change (base ^ Z.of_nat 7) with (2 ^ 448) in Bs.
assert (Ba := unsigned_bound _ Wa). assert (Bb := unsigned_bound _ Wb).
unfold flip, carry in E1. clear Hf Hc. destruct subtract; cbn [andb].
- change (all_ones =? 0) with false in E1. cbv iota in E1.
  destruct (Z.ltb_spec (unsigned sum) (2 ^ 447)) as [T | T]; cbn [negb].
  + split; [exact L1 |]. split; [exact W1 |]. destruct C1 as [-> | ->]; lia.
  + destruct (negate_words_value sum 1 W1 ltac:(lia)) as (L2 & W2 & k & Hk & E2).
    split; [congruence |]. split; [exact W2 |]. rewrite L1 in E2.
    change (base ^ Z.of_nat 7) with (2 ^ 448) in E2.
    assert (Bn := unsigned_bound _ W2). set (n := unsigned (negate_words sum 1)) in *.
    destruct C1 as [-> | ->], Hk as [-> | ->]; lia.
- change (0 =? 0) with true in E1. cbv iota in E1.
  split; [exact L1 |]. split; [exact W1 |]. destruct C1 as [-> | ->]; lia.
Qed.

Local Open Scope Z_scope.

(* --------------------------------------------------------------------- the leading bits of a list *)

Lemma highest_not_zero_spec a n :
  match highest_not_zero a n with
  | None => forall i, (i < n)%nat -> nth i a 0 = 0
  | Some t => (t < n)%nat /\ nth t a 0 <> 0 /\ forall i, (t < i < n)%nat -> nth i a 0 = 0
  end.
Proof.
induction n as [| n IH]; cbn [highest_not_zero]; [intros; lia |].
destruct (Z.eqb_spec (nth n a 0) 0) as [E | E].
- destruct (highest_not_zero a n) as [t |].
  + destruct IH as (T & N & Z0). split; [lia |]. split; [exact N |]. intros i I.
    destruct (Nat.eq_dec i n) as [-> | ?]; [exact E | apply Z0; lia].
  + intros i I. destruct (Nat.eq_dec i n) as [-> | ?]; [exact E | apply IH; lia].
- split; [lia |]. split; [exact E |]. intros; lia.
Qed.

Lemma lowest_not_zero_spec a : forall k, nth k a 0 <> 0 ->
  nth (lowest_not_zero a) a 0 <> 0 /\ forall i, (i < lowest_not_zero a)%nat -> nth i a 0 = 0.
Proof.
induction a as [| x a IH]; intros k Hk; [destruct k; contradiction |]. cbn [lowest_not_zero].
destruct (Z.eqb_spec x 0) as [-> | N].
- destruct k as [| k]; [contradiction |]. destruct (IH k Hk) as [I1 I2]. cbn [nth]. split; [exact I1 |].
  intros [| i] Hi; [reflexivity | apply I2; lia].
- cbn [nth]. split; [exact N | intros; lia].
Qed.

Lemma firstn_step l : forall k, unsigned (firstn (S k) l) =
  unsigned (firstn k l) + base ^ Z.of_nat k * nth k l 0.
Proof.
induction l as [| w l IH]; intros k.
{ destruct k; cbn [firstn nth unsigned]; ring. }
destruct k as [| k].
{ cbn [firstn unsigned nth]. change (base ^ Z.of_nat 0) with 1. ring. }
rewrite firstn_cons. cbn [unsigned nth]. rewrite IH, Nat2Z.inj_succ, Z.pow_succ_r by lia.
cbn [firstn unsigned]. ring.
Qed.

(* words of which the lowest are 0 *)
Lemma firstn_zero l k : (forall i, (i < k)%nat -> nth i l 0 = 0) -> unsigned (firstn k l) = 0.
Proof.
induction k as [| k IH]; intros H; [reflexivity |].
rewrite firstn_step, IH, H by (intros; try apply H; lia). ring.
Qed.

Lemma firstn_mono l k j : Forall word l -> unsigned (firstn k l) <= unsigned (firstn (j + k) l).
Proof.
intros W. induction j as [| j IH]; [apply Z.le_refl |]. cbn [plus]. rewrite firstn_step.
assert (P : 0 < base ^ Z.of_nat (j + k)) by (apply Z.pow_pos_nonneg; [reflexivity | lia]).
assert (N : 0 <= nth (j + k) l 0).
{ destruct (Nat.lt_ge_cases (j + k) (length l)) as [L | L].
  - rewrite Forall_forall in W. apply W, nth_In, L.
  - rewrite nth_overflow by exact L. lia. }
assert (0 <= base ^ Z.of_nat (j + k) * nth (j + k) l 0) by (apply Z.mul_nonneg_nonneg; lia). lia.
Qed.

(* words of which the highest are 0 *)
Lemma firstn_all_above l t : (forall i, (t < i)%nat -> nth i l 0 = 0) ->
  unsigned l = unsigned (firstn (S t) l).
Proof.
intros H. rewrite <- (firstn_all l) at 1. destruct (Nat.le_ge_cases (length l) (S t)) as [L | L].
{ now rewrite !firstn_all2 by lia. }
assert (E : forall j, unsigned (firstn (j + S t) l) = unsigned (firstn (S t) l)).
{ induction j as [| j IH]; [reflexivity |]. cbn [plus]. rewrite firstn_step, IH, H by lia. ring. }
rewrite <- (E (length l - S t)%nat). f_equal. f_equal. lia.
Qed.

Lemma word_nth l i : Forall word l -> word (nth i l 0).
Proof.
intros W. destruct (Nat.lt_ge_cases i (length l)) as [L | L].
- rewrite Forall_forall in W. apply W, nth_In, L.
- rewrite nth_overflow by exact L. split; [lia | apply base_pos].
Qed.

Lemma word_0 : word 0.
Proof. split; [lia | apply base_pos]. Qed.

(* a word and the three below it, and what is below those *)
Lemma top_words l t : let f := [0; 0; 0] ++ l in
  unsigned (firstn (S t) l) * base ^ 3 =
  unsigned [nth t f 0; nth (t + 1) f 0; nth (t + 2) f 0; nth t l 0] * base ^ Z.of_nat t +
  base ^ 3 * unsigned (firstn (t - 3) l).
Proof.
cbv zeta. destruct t as [| [| [| j]]].
- rewrite firstn_step. cbn [app nth plus minus firstn unsigned]. change (base ^ Z.of_nat 0) with 1. ring.
- rewrite !firstn_step. cbn [app nth plus minus firstn unsigned]. change (base ^ Z.of_nat 0) with 1.
  change (base ^ Z.of_nat 1) with base. ring.
- rewrite !firstn_step. cbn [app nth plus minus firstn unsigned]. change (base ^ Z.of_nat 0) with 1.
  change (base ^ Z.of_nat 1) with base. change (base ^ Z.of_nat 2) with (base * base). ring.
- replace (S (S (S j)) - 3)%nat with j by lia. rewrite !firstn_step.
  replace (S (S (S j)) + 1)%nat with (3 + S j)%nat by lia.
  replace (S (S (S j)) + 2)%nat with (3 + S (S j))%nat by lia.
  cbn [app nth plus]. rewrite !Nat2Z.inj_succ, !Z.pow_succ_r by lia. cbn [unsigned]. ring.
Qed.

Lemma below_top l t : Forall word l -> 0 <= base ^ 3 * unsigned (firstn (t - 3) l) < base ^ Z.of_nat t.
Proof.
intros W. destruct (Forall_firstn_skipn word l (t - 3) W) as [W' _]. assert (B := unsigned_bound _ W').
assert (P := base_pos). destruct (Nat.le_gt_cases 3 t) as [T | T].
- assert (L : base ^ Z.of_nat (length (firstn (t - 3) l)) <= base ^ Z.of_nat (t - 3)).
  { apply Z.pow_le_mono_r; [exact P |]. rewrite firstn_length. lia. }
  replace (Z.of_nat t) with (3 + Z.of_nat (t - 3)) by lia. rewrite Z.pow_add_r by lia.
  assert (P3 : 0 < base ^ 3) by reflexivity. split; [apply Z.mul_nonneg_nonneg; lia |].
  apply Z.mul_lt_mono_pos_l; lia.
- replace (t - 3)%nat with O by lia. cbn [firstn unsigned]. rewrite Z.mul_0_r. split; [lia |].
  apply Z.pow_pos_nonneg; lia.
Qed.

(** The leading bits of a list of words whose highest and lowest words that are not 0 are known. *)
Lemma leading_of_list l top lowest exponent negative : Forall word l -> nth top l 0 <> 0 ->
  (forall i, (top < i)%nat -> nth i l 0 = 0) -> nth lowest l 0 <> 0 ->
  (forall i, (i < lowest)%nat -> nth i l 0 = 0) ->
  let f := [0; 0; 0] ++ l in
  let x := leading_of_words (nth top f 0) (nth (top + 1) f 0) (nth (top + 2) f 0) (nth top l 0)
    (Z.of_nat top) (Z.of_nat lowest) exponent negative in
  leading_of x (signed negative (IZR (unsigned l) * bpow radix2 exponent)) /\
  2 ^ 191 <= bits x /\ is_negative x = negative /\
  exponent - 191 <= unit_power x <= exponent + 64 * (Z.of_nat top - 2).
Proof.
intros W Nt At Nl Bl f x.
assert (Wf : Forall word f) by (repeat (apply Forall_cons; [apply word_0 |]); exact W).
assert (E := top_words l top). cbv zeta in E. fold f in E.
assert (B := below_top l top W). set (below := base ^ 3 * unsigned (firstn (top - 3) l)) in *.
rewrite <- (firstn_all_above l top At) in E.
assert (Eb : below = 0 <-> Z.of_nat top - 3 <= Z.of_nat lowest).
{ assert (P3 : 0 < base ^ 3) by reflexivity. unfold below. split.
  - intros Z0. destruct (Z.le_gt_cases (Z.of_nat top - 3) (Z.of_nat lowest)) as [L | L]; [exact L | exfalso].
    assert (M := firstn_mono l (S lowest) (top - 3 - S lowest) W).
    replace (top - 3 - S lowest + S lowest)%nat with (top - 3)%nat in M by lia.
    rewrite firstn_step, (firstn_zero l lowest Bl) in M.
    assert (Q : 0 < base ^ Z.of_nat lowest) by (apply Z.pow_pos_nonneg; [reflexivity | lia]).
    assert (Wn := word_nth l lowest W). unfold word in Wn.
    assert (0 < base ^ Z.of_nat lowest * nth lowest l 0) by (apply Z.mul_pos_pos; lia).
    assert (0 < base ^ 3 * unsigned (firstn (top - 3) l)) by (apply Z.mul_pos_pos; lia). lia.
  - intros L. rewrite firstn_zero; [ring |]. intros i I. apply Bl. lia. }
assert (L0 : Z.of_nat top - 3 < Z.of_nat lowest -> nth top f 0 = 0).
{ intros L. unfold f. destruct top as [| [| [| j]]]; [reflexivity | reflexivity | reflexivity |].
  cbn [app nth]. apply Bl. lia. }
destruct (leading_of_words_value _ _ _ _ (Z.of_nat top) (Z.of_nat lowest) exponent negative (unsigned l) below
  (word_nth f top Wf) (word_nth f (top + 1) Wf) (word_nth f (top + 2) Wf) (word_nth l top W) Nt ltac:(lia)
  E B Eb L0) as (rest & Er & Br & Xr & Ur & Zr & Bx & W0 & W1 & W2 & Nx).
fold x in Er, Xr, Ur, Bx, W0, W1, W2, Nx. set (s := leading_zeros (nth top l 0)) in *.
split; [| split; [apply Bx | split; [exact Nx |]]].
- split; [unfold well_formed; repeat split; try (apply W0 || apply W1 || apply W2); right; apply Bx |].
  set (t := Z.of_nat top) in *. rewrite base_pow in Br, Er by (unfold t; lia).
  rewrite (base_pow (t + 1)) in Er by (unfold t; lia).
  exists (IZR rest * bpow radix2 (- (64 * (t + 1))))%R. assert (P := bpow_gt_0 radix2 (- (64 * (t + 1)))).
  assert (Q : (bpow radix2 (64 * (t + 1)) * bpow radix2 (- (64 * (t + 1))) = 1)%R).
  { rewrite <- bpow_plus. now replace (64 * (t + 1) + - (64 * (t + 1))) with 0 by ring. }
  split; [| split; [| split]].
  + assert (R : (0 <= IZR rest < bpow radix2 (64 * (t + 1)))%R).
    { rewrite <- IZR_pow2 by (unfold t; lia). split; [apply IZR_le | apply IZR_lt]; lia. }
    split; [apply Rmult_le_pos; lra |]. rewrite <- Q. apply Rmult_lt_compat_r; lra.
  + rewrite Xr. split; [intros ->; ring |]. intros Z0. apply Rmult_integral in Z0. destruct Z0; [| lra].
    now apply eq_IZR.
  + lia.
  + rewrite Nx, Ur. f_equal. apply (f_equal IZR) in Er. rewrite plus_IZR, !mult_IZR, !IZR_pow2 in Er
      by (unfold t; lia).
    transitivity ((IZR (bits x) * bpow radix2 (64 * (t + 1)) + IZR rest) * bpow radix2 (- (64 * (t + 1))) *
      bpow radix2 (exponent + 64 * (t - 2) - s))%R.
    * rewrite <- Er, !Rmult_assoc, <- !bpow_plus. f_equal. f_equal. ring.
    * rewrite Rmult_plus_distr_r, Rmult_assoc, Q. ring.
- lia.
Qed.

Local Open Scope R_scope.

(* --------------------------------------------------------------------------- differences, with errors *)

(** What becomes of the frame a; unit is the exponent of its last bit, error is in that unit. *)
Definition from_frame (a : list Z) (unit : Z) (negative : bool) (error : R) : enclosed_number :=
  let exact := if Req_EM_T error 0 then true else false in
  match highest_not_zero a 7 with
  | None => Enclosed (Leading_number 0 0 0 unit false exact) error
  | Some top =>
    let frame := [0; 0; 0]%Z ++ a in
    let l := leading_of_words (nth top frame 0%Z) (nth (top + 1) frame 0%Z) (nth (top + 2) frame 0%Z)
      (nth top a 0%Z) (Z.of_nat top) (Z.of_nat (lowest_not_zero a)) unit negative in
    let scaled := rnd (error * bpow radix2 (unit - unit_power l)) in
    Enclosed
      (Leading_number (low_word l) (middle_word l) (high_word l) (unit_power l) (is_negative l)
        (is_exact l && exact))
      (if (negb (if Req_EM_T scaled 0 then true else false) || negb (is_exact l))%bool
       then rnd (2 * Rmax scaled 1) else scaled)
  end.

(** x - y. *)
Definition difference (x y : leading_product) : enclosed_number :=
  if (p5 y =? 0)%Z then enclosed x else
  let exchange := ((p5 x =? 0) || (product_power x <? product_power y))%Z%bool in
  let large := if exchange then y else x in
  let small := if exchange then x else y in
  let shift := if (p5 small =? 0)%Z then 0%Z else (product_power large - product_power small)%Z in
  let padded := in_frame small ++ repeat 0%Z 8 in
  let words := Z.to_nat (Z.min (shift / 64) 7) in
  let cut := negb (lost_words padded words (shift mod 64) =? 0)%Z in
  let subtract := Bool.eqb (product_negative large) (product_negative small) in
  let '(a, below) := combine (in_frame large) (shifted_words padded words (shift mod 64)) subtract in
  let negative := xorb (product_negative large) exchange in
  from_frame a (product_power large - 63) (if below then negb negative else negative)
    (if (product_exact x && product_exact y)%bool then (if cut then 1 else 0) else bpow radix2 259).

Lemma top_word_zero x : product_well_formed x -> (p5 x = 0 <-> product_bits x = 0)%Z.
Proof.
intros (W0 & W1 & W2 & W3 & W4 & W5 & F). unfold product_bits in *. rewrite unsigned_6 in *.
assert (B := words_5_bound _ _ _ _ _ W0 W1 W2 W3 W4). unfold word in W5.
change (2 ^ 383)%Z with (2 ^ 320 * 2 ^ 63)%Z in F. lia.
Qed.

Lemma signed_abs b x : Rabs (signed b x) = Rabs x.
Proof. destruct b; cbn [signed]; [apply Rabs_Ropp | reflexivity]. Qed.

Lemma signed_xorb a b x : signed (xorb a b) x = signed a (signed b x).
Proof. destruct a, b; cbn [xorb signed]; ring. Qed.

Lemma product_bits_bound x : product_well_formed x -> (0 <= product_bits x < 2 ^ 384)%Z.
Proof. intros (W0 & W1 & W2 & W3 & W4 & W5 & _). apply (unsigned_bound [_; _; _; _; _; _]). all_words. Qed.

(** The frame holds the difference, with an error of at most 2^259 units of its last bit: each remainder is
    below 2^257, and what is cut off below 1. Between exact numbers only what is cut off. *)
Theorem frame_correct large small L S shift : product_of large L -> product_of small S ->
  (0 <= shift)%Z -> shift = (if p5 small =? 0 then 0 else product_power large - product_power small)%Z ->
  let padded := in_frame small ++ repeat 0%Z 8 in
  let words := Z.to_nat (Z.min (shift / 64) 7) in
  let cut := negb (lost_words padded words (shift mod 64) =? 0)%Z in
  let subtract := Bool.eqb (product_negative large) (product_negative small) in
  let (a, below) := combine (in_frame large) (shifted_words padded words (shift mod 64)) subtract in
  length a = 7%nat /\ Forall word a /\
  exists r, L - S = signed (xorb (product_negative large) below)
                      ((IZR (unsigned a) + r) * bpow radix2 (product_power large - 63)) /\
    Rabs r <= (if (product_exact large && product_exact small)%bool then (if cut then 1 else 0)
               else bpow radix2 259).
Proof.
intros (Fl & r & Hr & Er & Zr & EL) (Fs & s & Hs & Es & Zs & ES) S0 Sh padded words cut subtract.
destruct (in_frame_value large Fl) as (Ll & Wl & Ul). destruct (in_frame_value small Fs) as (Ls & Ws & Us).
assert (Bl := product_bits_bound _ Fl). assert (Bs := product_bits_bound _ Fs).
change (2 ^ 384)%Z with (2 ^ 321 * 2 ^ 63)%Z in Bl, Bs.
assert (Vs : (unsigned (in_frame small) < 2 ^ 447)%Z) by (change (2 ^ 447)%Z with (2 ^ 384 * 2 ^ 63)%Z; lia).
destruct (shifted_words_value _ shift Ls Ws Vs S0) as (Lb & Wb & lost & Eb & Bb & Cut).
fold padded words in Lb, Wb, Eb, Cut. set (b := shifted_words padded words (shift mod 64)) in *.
assert (Wbb := unsigned_bound _ Wb).
assert (P2 := pow_pos shift S0).
assert (Vb : (unsigned b < 2 ^ 447)%Z).
{ apply Z.le_lt_trans with (2 := Vs). rewrite Eb. assert (unsigned b * 1 <= unsigned b * 2 ^ shift)%Z
    by (apply Z.mul_le_mono_nonneg_l; lia). lia. }
assert (Cb := combine_value (in_frame large) b subtract Ll Lb Wl Wb
  ltac:(change (2 ^ 447)%Z with (2 ^ 384 * 2 ^ 63)%Z; lia) Vb).
destruct (combine (in_frame large) b subtract) as [a below]. destruct Cb as (La & Wa & Ea).
split; [exact La |]. split; [exact Wa |].
set (unit := (product_power large - 63)%Z) in *.
set (A := unsigned (in_frame large)) in *.
assert (P63 := bpow_gt_0 radix2 63). assert (Pm := bpow_gt_0 radix2 (- shift)).
assert (Pu := bpow_gt_0 radix2 unit).
(* both in units of the frame *)
assert (EL' : L = signed (product_negative large) ((IZR A + r * bpow radix2 63) * bpow radix2 unit)).
{ rewrite EL, Ul, mult_IZR, IZR_pow2 by lia. f_equal.
  replace (product_power large) with (63 + unit)%Z by (unfold unit; ring). rewrite bpow_plus. ring. }
set (beta := (IZR lost + s * bpow radix2 63) * bpow radix2 (- shift)).
assert (Q : bpow radix2 shift * bpow radix2 (- shift) = 1).
{ rewrite <- bpow_plus. now replace (shift + - shift)%Z with 0%Z by ring. }
assert (ES' : S = signed (product_negative small) ((IZR (unsigned b) + beta) * bpow radix2 unit)).
{ assert (E0 : S = signed (product_negative small) ((IZR (product_bits small) + s) *
    bpow radix2 (unit + 63 + - shift))).
  { rewrite ES. destruct (Z.eqb_spec (p5 small) 0) as [Z0 | N].
    - apply (top_word_zero small Fs) in Z0. rewrite Z0, (Zs Z0). f_equal. ring.
    - f_equal. f_equal. f_equal. unfold unit. lia. }
  rewrite E0. f_equal. rewrite !bpow_plus. apply (f_equal IZR) in Eb.
  rewrite Us, plus_IZR, !mult_IZR, !IZR_pow2 in Eb by lia. unfold beta.
  transitivity (((IZR (product_bits small) * bpow radix2 63) * bpow radix2 (- shift) +
    s * bpow radix2 63 * bpow radix2 (- shift)) * bpow radix2 unit); [ring |]. rewrite Eb.
  transitivity ((IZR (unsigned b) * (bpow radix2 shift * bpow radix2 (- shift)) +
    (IZR lost + s * bpow radix2 63) * bpow radix2 (- shift)) * bpow radix2 unit); [ring |]. rewrite Q. ring. }
set (alpha := r * bpow radix2 63) in *.
assert (P257 : bpow radix2 257 = bpow radix2 194 * bpow radix2 63) by (rewrite <- bpow_plus; reflexivity).
assert (Ha : 0 <= alpha < bpow radix2 257).
{ rewrite P257. split; [apply Rmult_le_pos; lra | apply Rmult_lt_compat_r; lra]. }
assert (Hlost : 0 <= IZR lost * bpow radix2 (- shift) < 1 /\ (cut = false -> IZR lost = 0)).
{ split.
  - assert (R : 0 <= IZR lost < bpow radix2 shift).
    { rewrite <- IZR_pow2 by lia. split; [apply IZR_le | apply IZR_lt]; lia. }
    rewrite <- Q. split; [apply Rmult_le_pos; lra | apply Rmult_lt_compat_r; lra].
  - unfold cut. destruct (Z.eqb_spec (lost_words padded words (shift mod 64)) 0) as [C | C]; [| discriminate].
    intros _. now rewrite (proj1 Cut C). }
assert (Hs' : 0 <= s * bpow radix2 63 * bpow radix2 (- shift) < bpow radix2 257).
{ assert (M1 : bpow radix2 (- shift) <= 1) by (change 1 with (bpow radix2 0); apply bpow_le; lia).
  assert (R : 0 <= s * bpow radix2 63 < bpow radix2 257).
  { rewrite P257. split; [apply Rmult_le_pos; lra | apply Rmult_lt_compat_r; lra]. }
  split; [apply Rmult_le_pos; lra |]. apply Rle_lt_trans with (s * bpow radix2 63 * 1); [| lra].
  apply Rmult_le_compat_l; lra. }
assert (Eb' : beta = IZR lost * bpow radix2 (- shift) + s * bpow radix2 63 * bpow radix2 (- shift))
  by (unfold beta; ring).
exists (signed below (if subtract then alpha - beta else alpha + beta)). split.
- rewrite EL', ES'. apply (f_equal IZR) in Ea.
  assert (Ea' : IZR A + (if subtract then - IZR (unsigned b) else IZR (unsigned b)) =
    signed below (IZR (unsigned a))).
  { rewrite plus_IZR in Ea. transitivity (IZR (if below then - unsigned a else unsigned a)).
    - rewrite Ea. destruct subtract; [rewrite opp_IZR |]; reflexivity.
    - destruct below; [rewrite opp_IZR |]; reflexivity. }
  rewrite signed_xorb.
  replace (signed below ((IZR (unsigned a) + signed below (if subtract then alpha - beta else alpha + beta)) *
    bpow radix2 unit)) with
    ((signed below (IZR (unsigned a)) + (if subtract then alpha - beta else alpha + beta)) * bpow radix2 unit)
    by (destruct below; cbn [signed]; ring).
  rewrite <- Ea'. unfold subtract. destruct (product_negative large), (product_negative small);
    cbn [Bool.eqb signed]; ring.
- rewrite signed_abs.
  destruct (product_exact large), (product_exact small); cbn [andb];
    try (apply Rle_trans with (bpow radix2 257 + (1 + bpow radix2 257));
      [destruct subtract; apply Rabs_le; lra |
       change 259%Z with (2 + 257)%Z; rewrite bpow_plus; change (bpow radix2 2) with 4;
       assert (1 <= bpow radix2 257) by (change 1 with (bpow radix2 0); apply bpow_le; lia); lra]).
  assert (A0 : alpha = 0) by (unfold alpha; rewrite (Er eq_refl); ring).
  assert (S0' : s = 0) by now apply Es. rewrite S0', !Rmult_0_l, Rplus_0_r in Eb'. rewrite A0, Eb'.
  destruct Hlost as [Hl Hc]. destruct cut; [| rewrite (Hc eq_refl)];
    destruct subtract; apply Rabs_le; lra.
Qed.

Lemma rnd_bpow e : (-1074 <= e)%Z -> rnd (bpow radix2 e) = bpow radix2 e.
Proof. intros. apply rnd_double, double_bpow. lia. Qed.

(** The leading bits of what the frame holds. *)
Theorem from_frame_correct a unit negative error r : length a = 7%nat -> Forall word a ->
  error = 0 \/ error = 1 \/ error = bpow radix2 259 -> Rabs r <= error ->
  enclosed_of (from_frame a unit negative error)
    (signed negative ((IZR (unsigned a) + r) * bpow radix2 unit)).
Proof.
intros La Wa He Hr. unfold from_frame. set (exact := if Req_EM_T error 0 then true else false).
assert (X : exact = true -> error = 0)
  by (unfold exact; destruct (Req_EM_T error 0); [trivial | discriminate]).
assert (D : double error).
{ destruct He as [-> | [-> | ->]]; [apply double_0 | change 1 with (bpow radix2 0) |];
  apply double_bpow; lia. }
assert (P259 : 1 <= bpow radix2 259) by (change 1 with (bpow radix2 0); apply bpow_le; lia).
assert (N1 : no_less 1 error).
{ destruct He as [-> | He]; [now left | right]. change (bpow radix2 (- (1))) with (/ 2).
  destruct He as [-> | ->]; lra. }
assert (H := highest_not_zero_spec a 7). destruct (highest_not_zero a 7) as [top |].
- destruct H as (Ht & Nt & At).
  assert (At' : forall i, (top < i)%nat -> nth i a 0%Z = 0%Z).
  { intros i Hi. destruct (Nat.lt_ge_cases i 7) as [I | I]; [apply At; lia | apply nth_overflow; lia]. }
  destruct (lowest_not_zero_spec a top Nt) as [Nl Bl].
  destruct (leading_of_list a top (lowest_not_zero a) unit negative Wa Nt At' Nl Bl) as
    ((Fx & q & Hq & Eq & _ & Ex) & Bx & Nx & Ux).
  set (l := leading_of_words _ _ _ _ _ _ _ _) in *. cbv zeta. set (k := (unit - unit_power l)%Z) in *.
  assert (Hk : (-256 <= k <= 191)%Z) by (unfold k; lia).
  assert (Es : rnd (error * bpow radix2 k) = error * bpow radix2 k).
  { destruct He as [-> | [-> | ->]]; [rewrite Rmult_0_l; apply rnd_0 | rewrite Rmult_1_l |
      rewrite <- bpow_plus]; apply rnd_bpow; lia. }
  rewrite Es. set (e := error * bpow radix2 k) in *. assert (Pk := bpow_gt_0 radix2 k).
  assert (Ce : e = 0 \/ exists m, (-256 <= m)%Z /\ e = bpow radix2 m).
  { unfold e. destruct He as [-> | [-> | ->]].
    - left; ring.
    - right. exists k. split; [lia | ring].
    - right. exists (259 + k)%Z. split; [lia |]. symmetry. apply bpow_plus. }
  assert (De : double e) by (rewrite <- Es; apply double_rnd).
  assert (E2 : rnd (2 * Rmax e 1) = 2 * Rmax e 1).
  { change 2 with (bpow radix2 1). unfold Rmax. destruct (Rle_dec e 1) as [L | L].
    - rewrite Rmult_1_r. apply rnd_bpow. lia.
    - destruct Ce as [-> | (m & Hm & ->)]; [rewrite Rmult_0_r; apply rnd_0 |].
      rewrite <- bpow_plus. apply rnd_bpow. lia. }
  assert (M1 := Rmax_l e 1). assert (M2 := Rmax_r e 1).
  assert (Re : Rabs (r * bpow radix2 k) <= e).
  { rewrite Rabs_mult, (Rabs_pos_eq (bpow _ _)) by lra. apply Rmult_le_compat_r; lra. }
  set (out := if (_ || _)%bool then _ else e).
  (* two cases: all is exact, or the error is at least 2 *)
  assert (Out : is_exact l = true /\ e = 0 /\ out = 0 \/ out = 2 * Rmax e 1).
  { unfold out. rewrite E2. destruct (Req_EM_T e 0) as [Z0 | NZ]; [| now right].
    destruct (is_exact l); [left | now right]. repeat split; exact Z0. }
  assert (Ro : Rabs (q + r * bpow radix2 k) <= out).
  { inv Re. destruct Out as [(Xl & Z0 & ->) | ->].
    - rewrite (proj1 Eq Xl). apply Rabs_le. lra.
    - apply Rabs_le. lra. }
  unfold enclosed_of. cbn [enclosed_leading enclosed_error]. destruct Fx as (V0 & V1 & V2 & V).
  split; [| split; [| split; [| split]]].
  + unfold well_formed, bits. cbn [low_word middle_word high_word]. repeat (split; [assumption |]). exact V.
  + unfold out. destruct (_ || _)%bool; [apply double_rnd | exact De].
  + destruct Out as [(_ & _ & ->) | ->]; [now left | right].
    change (bpow radix2 (- (1))) with (/ 2). lra.
  + cbn [is_exact]. intros Z0. apply andb_prop in Z0. destruct Z0 as [Z1 Z2]. unfold out.
    assert (Z3 : e = 0) by (unfold e; rewrite (X Z2); ring).
    rewrite Z1. destruct (Req_EM_T e 0); [exact Z3 | contradiction].
  + exists (q + r * bpow radix2 k). split; [exact Ro |].
    unfold bits. cbn [low_word middle_word high_word is_negative unit_power]. fold (bits l).
    transitivity (signed negative (IZR (unsigned a) * bpow radix2 unit) +
      signed negative (r * bpow radix2 unit)); [destruct negative; cbn [signed]; ring |].
    rewrite Ex, Nx. replace unit with (k + unit_power l)%Z at 1 by (unfold k; ring). rewrite bpow_plus.
    destruct negative; cbn [signed]; ring.
- assert (Z0 : unsigned a = 0%Z).
  { apply unsigned_zero; [exact Wa |]. apply Forall_forall. intros w I. apply (In_nth a w 0%Z) in I.
    destruct I as (i & Hi & <-). apply H. lia. }
  unfold enclosed_of. cbn [enclosed_leading enclosed_error is_exact is_negative unit_power].
  split; [| split; [exact D | split; [exact N1 | split; [exact X |]]]].
  + unfold well_formed. cbn [low_word middle_word high_word]. repeat (split; [apply word_0 |]). now left.
  + exists (signed negative r). rewrite signed_abs. split; [exact Hr |].
    rewrite Z0. change (bits _) with 0%Z. destruct negative; cbn [signed]; ring.
Qed.

(** A difference of products, with its error. *)
Theorem difference_correct x y X Y : product_of x X -> product_of y Y ->
  enclosed_of (difference x y) (X - Y).
Proof.
intros Hx Hy. unfold difference. destruct (Z.eqb_spec (p5 y) 0) as [Zy | Ny].
{ destruct Hy as (Fy & r & _ & _ & Zr & ->). apply (top_word_zero y Fy) in Zy. rewrite Zy, (Zr Zy).
  replace (X - _) with X; [now apply enclosed_correct |].
  destruct (product_negative y); cbn [signed]; ring. }
set (exchange := ((p5 x =? 0) || (product_power x <? product_power y))%Z%bool).
set (large := if exchange then y else x). set (small := if exchange then x else y).
set (shift := if (p5 small =? 0)%Z then 0%Z else (product_power large - product_power small)%Z).
assert (Hl : product_of large (if exchange then Y else X)) by (unfold large; destruct exchange; assumption).
assert (Hs : product_of small (if exchange then X else Y)) by (unfold small; destruct exchange; assumption).
assert (S0 : (0 <= shift)%Z).
{ unfold shift, small, large, exchange. destruct (Z.eqb_spec (p5 x) 0) as [Zx | Nx]; cbn [orb].
  - rewrite Zx. cbn [Z.eqb]. lia.
  - destruct (Z.ltb_spec (product_power x) (product_power y)).
    + destruct (Z.eqb_spec (p5 x) 0); lia.
    + destruct (Z.eqb_spec (p5 y) 0); lia. }
assert (C := frame_correct large small _ _ shift Hl Hs S0 eq_refl). cbv zeta in C.
set (cut := negb (lost_words _ _ _ =? 0)%Z) in *.
destruct (combine _ _ _) as [a below]. destruct C as (La & Wa & r & E & Hr).
set (error := if (product_exact x && product_exact y)%bool then (if cut then 1 else 0) else bpow radix2 259).
assert (Ee : (if (product_exact large && product_exact small)%bool then (if cut then 1 else 0)
  else bpow radix2 259) = error).
{ unfold error, large, small. destruct exchange; [rewrite Bool.andb_comm |]; reflexivity. }
rewrite Ee in Hr.
assert (He : error = 0 \/ error = 1 \/ error = bpow radix2 259).
{ unfold error. destruct (product_exact x && product_exact y)%bool; [destruct cut |]; tauto. }
replace (X - Y) with (signed (if below then negb (xorb (product_negative large) exchange)
  else xorb (product_negative large) exchange)
  ((IZR (unsigned a) + r) * bpow radix2 (product_power large - 63))).
{ now apply from_frame_correct. }
transitivity (signed exchange ((if exchange then Y else X) - (if exchange then X else Y))).
- rewrite E. destruct exchange, below, (product_negative large); cbn [xorb negb signed]; ring.
- destruct exchange; cbn [signed]; ring.
Qed.

Local Open Scope Z_scope.

(* -------------------------------------------------------------------------- the words of an exact sum *)

Definition word_count : nat := 67.
Definition low_index : nat := 28.
Definition high_index : nat := 40.
Definition sum_unit : Z := -2148.  (* ExactSum::unit_exponent *)

Definition leading_zero : leading_number := Leading_number 0 0 0 0 false true.

Definition any_differs (first last : nat) (words : list Z) (from : Z) : bool :=
  existsb (fun i => negb (nth i words 0 =? from)) (seq first (last - first)).

Definition which_differ (first last : nat) (words : list Z) (from : Z) : Z :=
  fold_left (fun which i => Z.lor which
      (Z.shiftl (Z.b2z (negb (nth i words 0 =? from))) (Z.of_nat i - Z.of_nat first)))
    (seq first (last - first)) 0.

(* std::countr_zero and std::countl_zero of 32 bits *)
Fixpoint first_bit (m : Z) (i more : nat) : nat :=
  match more with O => i | S more' => if Z.testbit m (Z.of_nat i) then i else first_bit m (S i) more' end.
Definition trailing_zeros_32 (m : Z) : nat := first_bit m 0 32.
Definition leading_zeros_32 (m : Z) : Z := if m =? 0 then 32 else 31 - Z.log2 m.

(* the slow loop for the highest word *)
Fixpoint top_from (words : list Z) (flip : Z) (lowest top : nat) : nat :=
  match top with
  | O => O
  | S t =>
    if ((lowest <? top)%nat && (nth top words 0 =? flip))%bool then top_from words flip lowest t else top
  end.

(* the lambda: -x = ~x + 1, where the carry ends in the lowest word that is not 0 *)
Definition magnitude (words : list Z) (negative : bool) (flip : Z) (lowest : nat) (i : Z) : Z :=
  if i <? 0 then 0 else
  let word :=
    (Z.lxor (nth (Z.to_nat i) words 0) flip + Z.b2z (negative && (i =? Z.of_nat lowest))) mod base in
  if i <? Z.of_nat lowest then 0 else word.

Definition leading_of_sum (words : list Z) : leading_number :=
  let negative := negb (Z.shiftr (nth (word_count - 1) words 0) 63 =? 0) in
  let flip := if negative then all_ones else 0 in
  let not_zero := which_differ low_index high_index words 0 in
  let not_flip := if negative then which_differ low_index high_index words flip else not_zero in
  let fast_lowest := (low_index + trailing_zeros_32 not_zero)%nat in
  let fast_top := Nat.max (Z.to_nat (Z.of_nat low_index + 31 - leading_zeros_32 not_flip)) fast_lowest in
  let slow := ((not_zero =? 0) || any_differs 0 low_index words 0 ||
    any_differs high_index (word_count - 1) words flip || negb (nth (word_count - 1) words 0 =? flip))%bool in
  let lowest := if slow then lowest_not_zero words else fast_lowest in
  let top := if slow then top_from words flip lowest (word_count - 1) else fast_top in
  if (slow && (lowest =? word_count)%nat)%bool then leading_zero else
  let at_index k := magnitude words negative flip lowest (Z.of_nat top - k) in
  leading_of_words (at_index 3) (at_index 2) (at_index 1) (at_index 0)
    (Z.of_nat top) (Z.of_nat lowest) sum_unit negative.

(** What is to be found: the lowest word that is not 0, and the highest that differs from flip, or the lowest
    if that is higher. *)
Definition found (words : list Z) (flip : Z) (lowest top : nat) : Prop :=
  (lowest <= top)%nat /\ (top < length words)%nat /\
  nth lowest words 0 <> 0 /\ (forall i, (i < lowest)%nat -> nth i words 0 = 0) /\
  (forall i, (top < i < length words)%nat -> nth i words 0 = flip) /\
  (top = lowest \/ nth top words 0 <> flip).

Lemma bit_of_b2z c j : Z.testbit (Z.b2z c) j = (c && (j =? 0))%bool.
Proof.
destruct (Z.eqb_spec j 0) as [-> | N].
- rewrite Z.b2z_bit0. now rewrite Bool.andb_true_r.
- rewrite Bool.andb_false_r. destruct (Z.lt_ge_cases j 0) as [L | L]; [now apply Z.testbit_neg_r |].
  destruct c; [| apply Z.bits_0]. apply Z.bits_above_log2; [discriminate |].
  change (Z.log2 (Z.b2z true)) with 0. lia.
Qed.

Lemma which_differ_bits first n words from : forall j, 0 <= j ->
  Z.testbit (which_differ first (first + n) words from) j =
  ((j <? Z.of_nat n) && negb (nth (first + Z.to_nat j) words 0 =? from))%bool.
Proof.
unfold which_differ. replace (first + n - first)%nat with n by lia.
induction n as [| n IH]; intros j Hj.
{ cbn [seq fold_left]. rewrite Z.bits_0. destruct (Z.ltb_spec j (Z.of_nat 0)); [lia | reflexivity]. }
rewrite seq_S, fold_left_app. cbn [fold_left]. rewrite Z.lor_spec, IH, Z.shiftl_spec, bit_of_b2z by lia.
destruct (Z.ltb_spec j (Z.of_nat n)), (Z.ltb_spec j (Z.of_nat (S n)));
  destruct (Z.eqb_spec (j - (Z.of_nat (first + n) - Z.of_nat first)) 0); try lia; cbn [andb];
  rewrite ?Bool.andb_false_r, ?Bool.orb_false_r, ?Bool.andb_true_r; try reflexivity.
cbn [orb]. do 4 f_equal. lia.
Qed.

Lemma which_differ_12 words from j : 0 <= j ->
  Z.testbit (which_differ low_index high_index words from) j =
  ((j <? 12) && negb (nth (low_index + Z.to_nat j) words 0 =? from))%bool.
Proof.
intros Hj. assert (H : high_index = (low_index + 12)%nat) by reflexivity. rewrite H.
rewrite which_differ_bits by exact Hj. assert (T : Z.of_nat 12 = 12) by reflexivity. now rewrite T.
Qed.

Lemma lor_nonneg_fold (l : list nat) (f : nat -> Z) : forall x, 0 <= x -> (forall i, In i l -> 0 <= f i) ->
  0 <= fold_left (fun which i => Z.lor which (f i)) l x.
Proof.
induction l as [| a l IH]; intros x Hx Hf; [exact Hx |]. cbn [fold_left]. apply IH.
- apply Z.lor_nonneg. split; [exact Hx | apply Hf; now left].
- intros i I. apply Hf. now right.
Qed.

Lemma which_differ_nonneg first last words from : 0 <= which_differ first last words from.
Proof.
unfold which_differ. apply (lor_nonneg_fold (seq first (last - first)) (fun i =>
  Z.shiftl (Z.b2z (negb (nth i words 0 =? from))) (Z.of_nat i - Z.of_nat first))); [lia |].
intros i _. apply Z.shiftl_nonneg. destruct (negb _); cbn; lia.
Qed.

Lemma first_bit_spec m more : forall i j, (i <= j < i + more)%nat -> Z.testbit m (Z.of_nat j) = true ->
  Z.testbit m (Z.of_nat (first_bit m i more)) = true /\ (first_bit m i more <= j)%nat /\
  (i <= first_bit m i more)%nat /\
  forall k, (i <= k < first_bit m i more)%nat -> Z.testbit m (Z.of_nat k) = false.
Proof.
induction more as [| more IH]; intros i j Hj Hb; [lia |]. cbn [first_bit].
destruct (Z.testbit m (Z.of_nat i)) eqn:E.
- split; [exact E |]. split; [lia |]. split; [lia |]. intros; lia.
- destruct (Nat.eq_dec i j) as [-> | N]; [congruence |].
  destruct (IH (S i) j ltac:(lia) Hb) as (I1 & I2 & I3 & I4). split; [exact I1 |]. split; [exact I2 |].
  split; [lia |]. intros k Hk. destruct (Nat.eq_dec k i) as [-> | ?]; [exact E | apply I4; lia].
Qed.

Lemma trailing_zeros_spec m j : (j < 32)%nat -> Z.testbit m (Z.of_nat j) = true ->
  Z.testbit m (Z.of_nat (trailing_zeros_32 m)) = true /\ (trailing_zeros_32 m <= j)%nat /\
  forall k, (k < trailing_zeros_32 m)%nat -> Z.testbit m (Z.of_nat k) = false.
Proof.
intros Hj Hb. unfold trailing_zeros_32.
destruct (first_bit_spec m 32 0 j ltac:(lia) Hb) as (H1 & H2 & _ & H4).
split; [exact H1 |]. split; [exact H2 |]. intros k Hk. apply H4. lia.
Qed.

Lemma any_differs_false first last words from : any_differs first last words from = false ->
  forall i, (first <= i < last)%nat -> nth i words 0 = from.
Proof.
intros H i Hi. unfold any_differs in H.
destruct (Z.eq_dec (nth i words 0) from) as [E | N]; [exact E | exfalso].
assert (T : existsb (fun i => negb (nth i words 0 =? from)) (seq first (last - first)) = true).
{ apply existsb_exists. exists i. split; [apply in_seq; lia |].
  destruct (Z.eqb_spec (nth i words 0) from); [contradiction | reflexivity]. }
congruence.
Qed.

(** The fast way. *)
Lemma fast_found words flip (negative : bool) : length words = word_count ->
  flip = (if negative then all_ones else 0) ->
  let not_zero := which_differ low_index high_index words 0 in
  let not_flip := if negative then which_differ low_index high_index words flip else not_zero in
  let lowest := (low_index + trailing_zeros_32 not_zero)%nat in
  let top := Nat.max (Z.to_nat (Z.of_nat low_index + 31 - leading_zeros_32 not_flip)) lowest in
  not_zero <> 0 -> any_differs 0 low_index words 0 = false ->
  any_differs high_index (word_count - 1) words flip = false -> nth (word_count - 1) words 0 = flip ->
  found words flip lowest top.
Proof.
intros Lw Hf; intros not_zero not_flip lowest top N0 A1 A2 A3.
assert (Ef : not_flip = which_differ low_index high_index words flip).
{ unfold not_flip, not_zero. destruct negative; [reflexivity | now rewrite Hf]. }
assert (Bz : forall j, 0 <= j -> Z.testbit not_zero j =
  ((j <? 12) && negb (nth (low_index + Z.to_nat j) words 0 =? 0))%bool)
  by (intros; now apply which_differ_12).
assert (Bf : forall j, 0 <= j -> Z.testbit not_flip j =
  ((j <? 12) && negb (nth (low_index + Z.to_nat j) words 0 =? flip))%bool)
  by (rewrite Ef; intros; now apply which_differ_12).
assert (Pz : 0 <= not_zero) by apply which_differ_nonneg.
assert (Pf : 0 <= not_flip) by (rewrite Ef; apply which_differ_nonneg).
clearbody not_zero not_flip. clear Ef.
assert (A1' := any_differs_false _ _ _ _ A1). assert (A2' := any_differs_false _ _ _ _ A2).
unfold low_index, high_index, word_count in *.
(* the lowest *)
assert (Lz : Z.log2 not_zero < 12).
{ assert (T := Z.bit_log2 not_zero ltac:(lia)). rewrite Bz in T by apply Z.log2_nonneg.
  apply andb_prop in T. destruct T as [T _]. now apply Z.ltb_lt in T. }
assert (Lz0 := Z.log2_nonneg not_zero).
destruct (trailing_zeros_spec not_zero (Z.to_nat (Z.log2 not_zero)) ltac:(lia)) as (F1 & F2 & F4).
{ rewrite Z2Nat.id by lia. apply Z.bit_log2. lia. }
set (tz := trailing_zeros_32 not_zero) in *. assert (Tl : (tz < 12)%nat) by lia.
assert (Nl : nth lowest words 0 <> 0).
{ rewrite Bz, Nat2Z.id in F1 by lia. apply andb_prop in F1. destruct F1 as [_ F1].
  unfold lowest. destruct (Z.eqb_spec (nth (28 + tz) words 0) 0); [discriminate | assumption]. }
assert (Bl : forall i, (i < lowest)%nat -> nth i words 0 = 0).
{ intros i Hi. destruct (Nat.lt_ge_cases i 28) as [I | I]; [apply A1'; lia |].
  assert (F := F4 (i - 28)%nat ltac:(unfold lowest in Hi; lia)). rewrite Bz, Nat2Z.id in F by lia.
  replace (28 + (i - 28))%nat with i in F by lia. unfold lowest in Hi.
  destruct (Z.ltb_spec (Z.of_nat (i - 28)) 12); [| lia]. cbn [andb] in F.
  destruct (Z.eqb_spec (nth i words 0) 0); [assumption | discriminate]. }
(* the highest *)
set (h := Z.to_nat (Z.of_nat 28 + 31 - leading_zeros_32 not_flip)) in *.
assert (H : (h < 40)%nat /\ (forall i, (h < i < 40)%nat -> (28 <= i)%nat -> nth i words 0 = flip) /\
  ((28 <= h)%nat -> nth h words 0 <> flip)).
{ unfold h, leading_zeros_32. destruct (Z.eqb_spec not_flip 0) as [Z0 | N].
  - split; [lia |]. split; [| lia]. intros i Hi Hi2. assert (F := Bf (Z.of_nat (i - 28)) ltac:(lia)).
    rewrite Z0, Z.bits_0, Nat2Z.id in F. replace (28 + (i - 28))%nat with i in F by lia.
    destruct (Z.ltb_spec (Z.of_nat (i - 28)) 12); [| lia]. cbn [andb] in F.
    destruct (Z.eqb_spec (nth i words 0) flip); [assumption | discriminate].
  - assert (T := Z.bit_log2 not_flip ltac:(lia)). assert (G0 := Z.log2_nonneg not_flip).
    rewrite Bf in T by lia. apply andb_prop in T. destruct T as [T1 T2]. apply Z.ltb_lt in T1.
    set (g := Z.log2 not_flip) in *.
    replace (Z.to_nat (Z.of_nat 28 + 31 - (31 - g))) with (28 + Z.to_nat g)%nat by lia.
    split; [lia |]. split.
    + intros i Hi _. assert (F := Bf (Z.of_nat (i - 28)) ltac:(lia)).
      rewrite Z.bits_above_log2, Nat2Z.id in F by (fold g; lia).
      replace (28 + (i - 28))%nat with i in F by lia.
      destruct (Z.ltb_spec (Z.of_nat (i - 28)) 12); [| lia]. cbn [andb] in F.
      destruct (Z.eqb_spec (nth i words 0) flip); [assumption | discriminate].
    + intros _. destruct (Z.eqb_spec (nth (28 + Z.to_nat g) words 0) flip); [discriminate | assumption]. }
destruct H as (H1 & H2 & H3). clearbody h. unfold found. rewrite Lw.
split; [unfold top; lia |]. split; [unfold top, lowest; lia |]. split; [exact Nl |]. split; [exact Bl |].
split.
- intros i Hi. destruct (Nat.lt_ge_cases i 40) as [I | I].
  + apply H2; unfold top, lowest in Hi; lia.
  + destruct (Nat.eq_dec i 66) as [-> | ?]; [exact A3 | apply A2'; lia].
- destruct (Nat.le_gt_cases h lowest) as [I | I].
  + left. unfold top. lia.
  + right. replace top with h by (unfold top; lia). apply H3. unfold lowest in I. lia.
Qed.

Lemma top_from_spec words flip lowest : forall t, (lowest <= t)%nat ->
  let top := top_from words flip lowest t in
  (lowest <= top <= t)%nat /\ (forall i, (top < i <= t)%nat -> nth i words 0 = flip) /\
  (top = lowest \/ nth top words 0 <> flip).
Proof.
induction t as [| t IH]; intros Ht; cbv zeta; cbn [top_from].
{ split; [lia |]. split; [intros; lia | left; lia]. }
destruct (Nat.ltb_spec lowest (S t)) as [L | L]; cbn [andb].
- destruct (Z.eqb_spec (nth (S t) words 0) flip) as [E | N].
  + destruct (IH ltac:(lia)) as (I1 & I2 & I3). split; [lia |]. split; [| exact I3].
    intros i Hi. destruct (Nat.eq_dec i (S t)) as [-> | ?]; [exact E | apply I2; lia].
  + split; [lia |]. split; [intros; lia | now right].
- split; [lia |]. split; [intros; lia | left; lia].
Qed.

Lemma lowest_not_zero_all a : (lowest_not_zero a <= length a)%nat /\
  (lowest_not_zero a = length a -> forall i, nth i a 0 = 0) /\
  ((lowest_not_zero a < length a)%nat -> nth (lowest_not_zero a) a 0 <> 0).
Proof.
induction a as [| x a (I1 & I2 & I3)]; cbn [lowest_not_zero length].
{ split; [lia |]. split; [| lia]. intros _ i. now destruct i. }
destruct (Z.eqb_spec x 0) as [-> | N].
- split; [lia |]. split.
  + intros H i. destruct i; [reflexivity |]. cbn [nth]. apply I2. lia.
  + intros H. cbn [nth]. apply I3. lia.
- split; [lia |]. split; [discriminate |]. intros _. exact N.
Qed.

(** The slow way. *)
Lemma slow_found words flip : length words = word_count -> lowest_not_zero words <> word_count ->
  found words flip (lowest_not_zero words) (top_from words flip (lowest_not_zero words) (word_count - 1)).
Proof.
intros Lw N. destruct (lowest_not_zero_all words) as (I1 & _ & I3). rewrite Lw in I1, I3.
specialize (I3 ltac:(lia)). destruct (lowest_not_zero_spec words _ I3) as [_ I4].
destruct (top_from_spec words flip (lowest_not_zero words) (word_count - 1)) as (T1 & T2 & T3);
  [unfold word_count in *; lia |].
unfold found. rewrite Lw. unfold word_count in *. split; [apply T1 |]. split; [lia |]. split; [exact I3 |].
split; [exact I4 |]. split; [| exact T3]. intros i Hi. apply T2. lia.
Qed.

(* the magnitude's words *)
Definition magnitudes (words : list Z) (negative : bool) (flip : Z) (lowest : nat) : list Z :=
  map (fun i => magnitude words negative flip lowest (Z.of_nat i)) (seq 0 (length words)).

Lemma nth_magnitudes words negative flip lowest i : (i < length words)%nat ->
  nth i (magnitudes words negative flip lowest) 0 = magnitude words negative flip lowest (Z.of_nat i).
Proof.
intros Hi. unfold magnitudes. rewrite (nth_indep _ 0 (magnitude words negative flip lowest (Z.of_nat 0)))
  by now rewrite map_length, seq_length.
rewrite (map_nth (fun i => magnitude words negative flip lowest (Z.of_nat i))).
now rewrite seq_nth by exact Hi.
Qed.

(* a word of the magnitude: no carry leaves it *)
Lemma magnitude_word words (negative : bool) lowest i : Forall word words -> nth lowest words 0 <> 0 ->
  (forall j, (j < lowest)%nat -> nth j words 0 = 0) ->
  let m := magnitude words negative (if negative then all_ones else 0) lowest (Z.of_nat i) in
  word m /\ m = if (i <? lowest)%nat then 0
                else if negative then base - (if (i =? lowest)%nat then 0 else 1) - nth i words 0
                else nth i words 0.
Proof.
intros W N B. cbv zeta. unfold magnitude. assert (P := base_pos). assert (Wi := word_nth words i W).
assert (Wl := word_nth words lowest W). unfold word in Wi, Wl.
destruct (Z.ltb_spec (Z.of_nat i) 0) as [? | _]; [lia |]. rewrite Nat2Z.id.
destruct (Nat.ltb_spec i lowest) as [L | L]; destruct (Z.ltb_spec (Z.of_nat i) (Z.of_nat lowest)); try lia.
{ split; [apply word_0 | reflexivity]. }
split; [apply Z.mod_pos_bound, P |]. destruct negative; cbn [andb Z.b2z].
- rewrite complement, all_ones_base by exact Wi.
  destruct (Nat.eqb_spec i lowest) as [E | NE], (Z.eqb_spec (Z.of_nat i) (Z.of_nat lowest)); try lia;
    cbn [Z.b2z]; [rewrite E |]; rewrite Z.mod_small by lia; lia.
- rewrite Z.lxor_0_r, Z.add_0_r. apply Z.mod_small. exact Wi.
Qed.

Lemma magnitudes_words words (negative : bool) lowest : Forall word words -> nth lowest words 0 <> 0 ->
  (forall j, (j < lowest)%nat -> nth j words 0 = 0) ->
  Forall word (magnitudes words negative (if negative then all_ones else 0) lowest).
Proof.
intros W N B. apply Forall_forall. intros x I. apply in_map_iff in I. destruct I as (i & <- & _).
exact (proj1 (magnitude_word words negative lowest i W N B)).
Qed.

(** The carry: with the words, the magnitude's words are 2^64 to their number. *)
Lemma magnitudes_value words (negative : bool) lowest : Forall word words -> (lowest < length words)%nat ->
  nth lowest words 0 <> 0 -> (forall j, (j < lowest)%nat -> nth j words 0 = 0) ->
  unsigned (magnitudes words negative (if negative then all_ones else 0) lowest) =
  if negative then base ^ Z.of_nat (length words) - unsigned words else unsigned words.
Proof.
intros W L N B. set (ms := magnitudes words negative (if negative then all_ones else 0) lowest).
assert (Lm : length ms = length words) by (unfold ms, magnitudes; now rewrite map_length, seq_length).
assert (C : forall k, (k <= length words)%nat -> unsigned (firstn k ms) =
  if (lowest <? k)%nat then if negative then base ^ Z.of_nat k - unsigned (firstn k words)
                            else unsigned (firstn k words)
  else 0).
{ induction k as [| k IH]; intros Hk; [reflexivity |].
  rewrite firstn_step, IH by lia. unfold ms. rewrite nth_magnitudes by lia.
  rewrite (proj2 (magnitude_word words negative lowest k W N B)).
  rewrite firstn_step, Nat2Z.inj_succ, Z.pow_succ_r by lia.
  destruct (Nat.ltb_spec lowest k), (Nat.ltb_spec lowest (S k)), (Nat.ltb_spec k lowest),
    (Nat.eqb_spec k lowest); try lia; destruct negative; try ring;
    rewrite (firstn_zero words k) by (intros; apply B; lia); ring. }
assert (C' := C (length words) (Nat.le_refl _)). rewrite <- Lm in C' at 1. rewrite !firstn_all in C'.
rewrite C'. destruct (Nat.ltb_spec lowest (length words)); [reflexivity | lia].
Qed.

Lemma nth_last (l : list Z) : forall d, l <> [] -> nth (length l - 1) l d = last l d.
Proof.
induction l as [| x l IH]; intros d H; [contradiction |]. destruct l as [| y l]; [reflexivity |].
change (last (x :: y :: l) d) with (last (y :: l) d). rewrite <- IH by discriminate.
cbn [length minus nth]. now rewrite Nat.sub_0_r.
Qed.

Lemma negative_gram words : length words = word_count -> Forall word words ->
  negb (Z.shiftr (nth (word_count - 1) words 0) 63 =? 0) = Gram.negative words.
Proof.
intros L W. unfold Gram.negative. rewrite <- nth_last by (intros ->; discriminate L). rewrite L.
destruct (word_nth words (word_count - 1) W) as [H1 H2]. set (w := nth (word_count - 1) words 0) in *.
clearbody w. change base with (2 ^ 64) in H2. rewrite Z.shiftr_div_pow2 by lia.
destruct (Z.leb_spec (2 ^ 63) w) as [T | T].
- destruct (Z.eqb_spec (w / 2 ^ 63) 0) as [D | D]; [| reflexivity].
  apply Z.div_small_iff in D; [lia | discriminate].
- rewrite Z.div_small by lia. reflexivity.
Qed.

(** The words found, whichever way. *)
Lemma found_correct words (negative : bool) lowest top : length words = word_count -> Forall word words ->
  negative = Gram.negative words -> let flip := if negative then all_ones else 0 in
  found words flip lowest top ->
  let at_index k := magnitude words negative flip lowest (Z.of_nat top - k) in
  let x := leading_of_words (at_index 3) (at_index 2) (at_index 1) (at_index 0)
    (Z.of_nat top) (Z.of_nat lowest) sum_unit negative in
  leading_of x (IZR (Gram.signed words) * bpow radix2 sum_unit) /\ 2 ^ 191 <= bits x /\
  is_negative x = negative /\ -2339 <= unit_power x <= 1948.
Proof.
intros L W Hn flip (F1 & F2 & F3 & F4 & F5 & F6) at_index x.
set (ms := magnitudes words negative flip lowest).
assert (Wm : Forall word ms) by now apply magnitudes_words.
assert (Em := magnitudes_value words negative lowest W ltac:(lia) F3 F4). fold flip ms in Em.
assert (Lm : length ms = length words) by (unfold ms, magnitudes; now rewrite map_length, seq_length).
assert (Nm : forall i, (i < length words)%nat -> nth i ms 0 = if (i <? lowest)%nat then 0
                else if negative then base - (if (i =? lowest)%nat then 0 else 1) - nth i words 0
                else nth i words 0).
{ intros i Hi. unfold ms. rewrite nth_magnitudes by exact Hi.
  exact (proj2 (magnitude_word words negative lowest i W F3 F4)). }
assert (A : forall k, (k <= 3)%nat -> at_index (Z.of_nat k) = nth (top + 3 - k) ([0; 0; 0] ++ ms) 0).
{ intros k Hk. unfold at_index. destruct (Nat.le_gt_cases k top) as [K | K].
  - rewrite app_nth2 by (cbn [length]; lia). cbn [length].
    replace (top + 3 - k - 3)%nat with (top - k)%nat by lia. unfold ms.
    rewrite nth_magnitudes by lia. f_equal. lia.
  - rewrite app_nth1 by (cbn [length]; lia). unfold magnitude.
    destruct (Z.ltb_spec (Z.of_nat top - Z.of_nat k) 0); [| lia].
    assert (C : (top + 3 - k < 3)%nat) by lia. destruct (top + 3 - k)%nat as [| [| [| ?]]]; try reflexivity.
    lia. }
assert (Nt : nth top ms 0 <> 0).
{ rewrite Nm by exact F2. assert (Wt := word_nth words top W). unfold word in Wt.
  destruct (Nat.ltb_spec top lowest); [lia |].
  destruct (Nat.eqb_spec top lowest) as [E | N].
  - rewrite E. rewrite E in Wt. destruct negative; [lia | exact F3].
  - destruct F6 as [? | F6]; [contradiction |]. unfold flip in F6. rewrite all_ones_base in F6.
    destruct negative; lia. }
assert (At : forall i, (top < i)%nat -> nth i ms 0 = 0).
{ intros i Hi. destruct (Nat.lt_ge_cases i (length words)) as [I | I]; [| apply nth_overflow; lia].
  rewrite Nm, F5 by lia. destruct (Nat.ltb_spec i lowest); [reflexivity |].
  destruct (Nat.eqb_spec i lowest); [lia |]. unfold flip. rewrite all_ones_base. destruct negative; lia. }
assert (Nl : nth lowest ms 0 <> 0).
{ rewrite Nm by lia. assert (Wt := word_nth words lowest W). unfold word in Wt.
  rewrite Nat.ltb_irrefl, Nat.eqb_refl. destruct negative; [lia | exact F3]. }
assert (Bl : forall i, (i < lowest)%nat -> nth i ms 0 = 0).
{ intros i Hi. rewrite Nm by lia. destruct (Nat.ltb_spec i lowest); [reflexivity | lia]. }
assert (R := leading_of_list ms top lowest sum_unit negative Wm Nt At Nl Bl). cbv zeta in R.
assert (A3 := A 3%nat ltac:(lia)). assert (A2 := A 2%nat ltac:(lia)). assert (A1 := A 1%nat ltac:(lia)).
assert (A0 := A 0%nat ltac:(lia)). replace (top + 3 - 3)%nat with top in A3 by lia.
replace (top + 3 - 2)%nat with (top + 1)%nat in A2 by lia.
replace (top + 3 - 1)%nat with (top + 2)%nat in A1 by lia.
replace (nth (top + 3 - 0) ([0; 0; 0] ++ ms) 0) with (nth top ms 0) in A0.
2:{ rewrite app_nth2 by (cbn [length]; lia). cbn [length]. f_equal. lia. }
change (Z.of_nat 3) with 3 in A3. change (Z.of_nat 2) with 2 in A2. change (Z.of_nat 1) with 1 in A1.
change (Z.of_nat 0) with 0 in A0. rewrite <- A3, <- A2, <- A1, <- A0 in R. fold x in R.
destruct R as (R1 & R2 & R3 & R4).
split; [| split; [exact R2 | split; [exact R3 | unfold word_count, sum_unit in *; lia]]].
replace (IZR (Gram.signed words) * bpow radix2 sum_unit)%R with
  (signed negative (IZR (unsigned ms) * bpow radix2 sum_unit)); [exact R1 |].
rewrite Em. unfold Gram.signed, Gram.modulus. change (Gram.unsigned words) with (unsigned words).
rewrite <- Hn, base_pow by lia.
destruct negative; cbn [signed].
- rewrite !minus_IZR. ring.
- now rewrite Z.sub_0_r.
Qed.

(** The leading bits of an exact sum, found either way. *)
Theorem leading_of_sum_correct words : length words = word_count -> Forall word words ->
  leading_of (leading_of_sum words) (IZR (Gram.signed words) * bpow radix2 sum_unit) /\
  (Gram.signed words = 0 -> leading_of_sum words = leading_zero) /\
  (Gram.signed words <> 0 -> 2 ^ 191 <= bits (leading_of_sum words) /\
     is_negative (leading_of_sum words) = (Gram.signed words <? 0)) /\
  -2339 <= unit_power (leading_of_sum words) <= 1948.
Proof.
intros L W. unfold leading_of_sum. rewrite (negative_gram words L W).
set (negative := Gram.negative words). set (flip := if negative then all_ones else 0).
set (not_zero := which_differ low_index high_index words 0).
set (not_flip := if negative then which_differ low_index high_index words flip else not_zero).
set (fast_lowest := (low_index + trailing_zeros_32 not_zero)%nat).
set (fast_top := Nat.max (Z.to_nat (Z.of_nat low_index + 31 - leading_zeros_32 not_flip)) fast_lowest).
set (slow := (_ || _ || _ || _)%bool). cbv zeta.
assert (Sign : Gram.signed words <> 0 -> negative = (Gram.signed words <? 0)).
{ assert (B := unsigned_bound _ W). rewrite base_pow in B by lia.
  unfold Gram.signed, Gram.modulus. change (Gram.unsigned words) with (unsigned words).
  fold negative. intros N.
  destruct negative; destruct (Z.ltb_spec (unsigned words - (2 ^ (64 * Z.of_nat (length words)))) 0);
    try lia; destruct (Z.ltb_spec (unsigned words - 0) 0); try reflexivity; lia. }
(* words that are found are not 0 *)
assert (Any : forall lowest top, found words flip lowest top -> Gram.signed words <> 0).
{ intros lowest top F E.
  destruct (found_correct words negative lowest top L W eq_refl F) as ((_ & r & Hr & _ & _ & Ev) & Bx & _).
  rewrite E in Ev. revert Ev Bx. set (x := leading_of_words _ _ _ _ _ _ _ _). intros Ev Bx.
  assert (P := bpow_gt_0 radix2 (unit_power x)). assert (1 <= IZR (bits x))%R by (apply IZR_le; lia).
  assert (0 < (IZR (bits x) + r) * bpow radix2 (unit_power x))%R by (apply Rmult_lt_0_compat; lra).
  rewrite Rmult_0_l in Ev. destruct (is_negative x); cbn [signed] in Ev; lra. }
destruct slow eqn:Es; cbn [andb].
- destruct (Nat.eqb_spec (lowest_not_zero words) word_count) as [E | N].
  + assert (Z0 : Gram.signed words = 0).
    { destruct (lowest_not_zero_all words) as (_ & I2 & _). rewrite L in I2. specialize (I2 E).
      unfold Gram.signed. assert (U : Gram.unsigned words = 0).
      { change (Gram.unsigned words) with (unsigned words). rewrite <- (firstn_all words).
        apply firstn_zero. intros; apply I2. }
      rewrite U, <- (negative_gram words L W), (I2 (word_count - 1)%nat). reflexivity. }
    rewrite Z0. split; [| split; [reflexivity | split; [intros N; now contradiction N |]]].
    2:{ cbn [unit_power leading_zero]. lia. }
    split; [unfold well_formed; cbn [low_word middle_word high_word leading_zero];
      repeat (split; [apply word_0 |]); now left |].
    exists 0%R. split; [lra |]. split; [tauto |]. split; [reflexivity |].
    change (bits leading_zero) with 0. change (is_negative leading_zero) with false. cbn [signed]. ring.
  + assert (F := slow_found words flip L N). assert (N0 := Any _ _ F).
    destruct (found_correct words negative _ _ L W eq_refl F) as (R1 & R2 & R3 & R4).
    split; [exact R1 |]. split; [contradiction |]. split; [| exact R4]. intros _. split; [exact R2 |].
    rewrite <- Sign by exact N0. exact R3.
- unfold slow in Es. apply Bool.orb_false_iff in Es. destruct Es as [Es E4].
  apply Bool.orb_false_iff in Es. destruct Es as [Es E3]. apply Bool.orb_false_iff in Es.
  destruct Es as [E1 E2]. apply Z.eqb_neq in E1. apply Bool.negb_false_iff, Z.eqb_eq in E4.
  assert (F : found words flip fast_lowest fast_top) by now apply (fast_found words flip negative L eq_refl).
  assert (N0 := Any _ _ F).
  destruct (found_correct words negative _ _ L W eq_refl F) as (R1 & R2 & R3 & R4).
  split; [exact R1 |]. split; [contradiction |]. split; [| exact R4]. intros _. split; [exact R2 |].
  rewrite <- Sign by exact N0. exact R3.
Qed.

Local Open Scope R_scope.

(* ----------------------------------------------------- the link to Scalars: from(const Leading&, double) *)

Definition first_of (x : leading_number) : Z := Z.shiftr (high_word x) 11.
Definition next_of (x : leading_number) : Z :=
  Z.lor (Z.shiftl (Z.land (high_word x) 2047) 52) (Z.shiftr (middle_word x) 12).

Definition from_leading_number (x : leading_number) (err : R) : approximation :=
  let n := from_leading (first_of x) (next_of x) (unit_power x) err in
  if is_negative x then opposite_scaled n else n.

Lemma leading_split x : well_formed x -> exists rest,
  (bits x = first_of x * 2 ^ 139 + next_of x * 2 ^ 76 + rest /\ 0 <= rest < 2 ^ 76 /\
   0 <= next_of x < 2 ^ 63 /\
   (first_of x = 0 /\ next_of x = 0 /\ rest = 0 /\ bits x = 0 \/
    2 ^ 52 <= first_of x < 2 ^ 53 /\ bits x <> 0))%Z.
Proof.
intros (W0 & W1 & W2 & F). unfold bits in *.
assert (E1 : first_of x = (high_word x / 2 ^ 11)%Z)
  by (unfold first_of; now rewrite Z.shiftr_div_pow2 by lia).
destruct W0 as [L1 L2]. destruct W1 as [M1 M2]. destruct W2 as [H1 H2].
set (h := high_word x) in *. set (m := middle_word x) in *. set (l := low_word x) in *.
assert (Q : (0 <= m / 2 ^ 12 < 2 ^ 52)%Z).
{ split; [apply Z.div_pos; lia | apply Z.div_lt_upper_bound; [lia |]].
  change (2 ^ 12 * 2 ^ 52)%Z with base. exact M2. }
assert (E2 : next_of x = (h mod 2 ^ 11 * 2 ^ 52 + m / 2 ^ 12)%Z).
{ unfold next_of. fold h m. change 2047%Z with (Z.ones 11).
  rewrite Z.land_ones, Z.shiftl_mul_pow2, Z.shiftr_div_pow2 by lia. apply lor_add; [lia | exact Q]. }
rewrite E1, E2. exists (m mod 2 ^ 12 * 2 ^ 64 + l)%Z.
assert (Dh := Z.div_mod h (2 ^ 11) ltac:(lia)). assert (Dm := Z.div_mod m (2 ^ 12) ltac:(lia)).
assert (Bh := Z.mod_pos_bound h (2 ^ 11) ltac:(lia)). assert (Bm := Z.mod_pos_bound m (2 ^ 12) ltac:(lia)).
set (hq := (h / 2 ^ 11)%Z) in *. set (hr := (h mod 2 ^ 11)%Z) in *.
set (mq := (m / 2 ^ 12)%Z) in *. set (mr := (m mod 2 ^ 12)%Z) in *.
clearbody hq hr mq mr h m l. clear E1 E2. subst h m.
assert (Eu : (unsigned [l; 2 ^ 12 * mq + mr; 2 ^ 11 * hq + hr] =
  hq * 2 ^ 139 + (hr * 2 ^ 52 + mq) * 2 ^ 76 + (mr * 2 ^ 64 + l))%Z).
{ cbn [unsigned]. unfold base. ring. }
rewrite Eu in *. change base with (2 ^ 64)%Z in *. split; [reflexivity |].
split; [lia |]. split; [lia |]. destruct F as [F | F]; [left | right]; lia.
Qed.

Lemma signed_signed b x : signed b (signed b x) = x.
Proof. destruct b; cbn [signed]; ring. Qed.

(** The parts of a number without an error, whatever its sign: what is cut off is below the rest. *)
Lemma leading_parts x X : leading_of x X -> exists rest,
  (first_of x = 0%Z /\ next_of x = 0%Z /\ rest = 0 \/ (2 ^ 52 <= first_of x < 2 ^ 53)%Z) /\
  (0 <= next_of x < 2 ^ 63)%Z /\ 0 <= rest <= bpow radix2 76 /\
  (if is_negative x then - X else X) =
    (IZR (first_of x) * bpow radix2 139 + IZR (next_of x) * bpow radix2 76 + rest) *
    bpow radix2 (unit_power x).
Proof.
intros (F & r & Hr & _ & Zr & EX). destruct (leading_split x F) as (rest & E & Br & Bn & C).
exists (IZR rest + r).
split; [destruct C as [(C1 & C2 & C3 & C4) | C]; [left; rewrite C3, (Zr C4) | right; apply C] |].
{ repeat split; trivial. ring. }
split; [exact Bn |]. split.
- assert (B1 : (rest + 1 <= 2 ^ 76)%Z) by lia. apply IZR_le in B1. rewrite plus_IZR, IZR_pow2 in B1 by lia.
  assert (0 <= IZR rest) by (apply IZR_le; lia). lra.
- rewrite EX. change (if is_negative x then - ?a else ?a) with (signed (is_negative x) a).
  rewrite signed_signed, E, !plus_IZR, !mult_IZR, !IZR_pow2 by lia. ring.
Qed.

(** The leading bits of X, of the opposite if X is negative, as Scalars takes them. *)
Theorem leading_bits_of x X : leading_of x X -> exists b : leading_bits (signed (is_negative x) X),
  first_bits b = first_of x /\
  from_bits b = from_leading (first_of x) (next_of x) (unit_power x) 0 /\ bits_error b = 0.
Proof.
intros H. destruct (leading_parts x X H) as (rest & C & Bn & Br & E).
assert (Z0 : Rabs 0 <= 0) by (rewrite Rabs_R0; lra). rewrite <- (Rplus_0_r (_ + rest)) in E.
exists (Build_leading_bits (signed (is_negative x) X) (first_of x) (next_of x) (unit_power x) 0 rest 0
  C Bn Br double_0 (or_introl eq_refl) Z0 E).
repeat split.
Qed.

(** The parts of a number with an error, whatever its sign. *)
Lemma enclosed_parts x X : enclosed_of x X ->
  let l := enclosed_leading x in exists rest r,
  (first_of l = 0%Z /\ next_of l = 0%Z /\ rest = 0 \/ (2 ^ 52 <= first_of l < 2 ^ 53)%Z) /\
  (0 <= next_of l < 2 ^ 63)%Z /\ 0 <= rest <= bpow radix2 76 /\
  double (enclosed_error x) /\ no_less 1 (enclosed_error x) /\ Rabs r <= enclosed_error x /\
  (if is_negative l then - X else X) =
    (IZR (first_of l) * bpow radix2 139 + IZR (next_of l) * bpow radix2 76 + rest + r) *
    bpow radix2 (unit_power l).
Proof.
intros (F & D & N & _ & r & Hr & EX). cbv zeta. set (l := enclosed_leading x) in *.
destruct (leading_split l F) as (rest & E & Br & Bn & C). exists (IZR rest), r.
split; [destruct C as [(C1 & C2 & C3 & _) | C]; [left; rewrite C3; auto | right; apply C] |].
split; [exact Bn |]. split; [rewrite <- IZR_pow2 by lia; split; apply IZR_le; lia |].
split; [exact D |]. split; [exact N |]. split; [exact Hr |]. rewrite EX.
change (if is_negative l then - ?a else ?a) with (signed (is_negative l) a).
rewrite signed_signed, E, !plus_IZR, !mult_IZR, !IZR_pow2 by lia. ring.
Qed.

(** The same as Scalars takes them. *)
Theorem enclosed_bits_of x X : enclosed_of x X ->
  let l := enclosed_leading x in
  exists b : leading_bits (signed (is_negative l) X),
  first_bits b = first_of l /\
  from_bits b = from_leading (first_of l) (next_of l) (unit_power l) (enclosed_error x) /\
  bits_error b = enclosed_error x.
Proof.
intros H. cbv zeta. destruct (enclosed_parts x X H) as (rest & r & C & Bn & Br & D & N & Hr & E).
cbv zeta in *. set (l := enclosed_leading x) in *.
exists (Build_leading_bits (signed (is_negative l) X) (first_of l) (next_of l) (unit_power l)
  (enclosed_error x) rest r C Bn Br D N Hr E).
repeat split.
Qed.

(** What the fast scalars and coefficients start from stands for the number, whatever its sign. *)
Theorem from_leading_number_correct x X : leading_of x X -> approximates (from_leading_number x 0) X.
Proof.
intros H. destruct (leading_bits_of x X H) as (b & _ & Eb & _).
destruct (from_bits_correct _ b) as (A & _). rewrite Eb in A.
unfold from_leading_number. cbv zeta. destruct (is_negative x); [| exact A].
replace X with (- - X) by ring. now apply opposite_scaled_error.
Qed.

(** The same of numbers with an error. *)
Theorem from_enclosed_correct x X : enclosed_of x X ->
  approximates (from_leading_number (enclosed_leading x) (enclosed_error x)) X.
Proof.
intros H. destruct (enclosed_bits_of x X H) as (b & _ & Eb & _).
destruct (from_bits_correct _ b) as (A & _). rewrite Eb in A.
unfold from_leading_number. cbv zeta. destruct (is_negative (enclosed_leading x)); [| exact A].
replace X with (- - X) by ring. now apply opposite_scaled_error.
Qed.

(* the sign of a number is that of its leading bits *)
Lemma leading_sign x X : leading_of x X -> 0 < X -> is_negative x = false /\ (2 ^ 191 <= bits x)%Z.
Proof.
intros (F & r & Hr & _ & Zr & ->) P. assert (B := bits_bound x F). destruct F as (_ & _ & _ & F).
assert (Pp := bpow_gt_0 radix2 (unit_power x)). split.
- destruct (is_negative x); [exfalso | reflexivity]. cbn [signed] in P.
  assert (0 <= IZR (bits x)) by (apply IZR_le; lia).
  assert (0 <= (IZR (bits x) + r) * bpow radix2 (unit_power x)) by (apply Rmult_le_pos; lra). lra.
- destruct F as [F | F]; [exfalso | exact F]. rewrite F, (Zr F) in P. rewrite Rplus_0_l, Rmult_0_l in P.
  destruct (is_negative x); cbn [signed] in P; lra.
Qed.

Lemma first_not_zero x : well_formed x -> (2 ^ 191 <= bits x)%Z -> (first_of x <> 0)%Z.
Proof. intros F B. destruct (leading_split x F) as (rest & E & Br & Bn & C). lia. Qed.

(** gg yy: positive, and its leading bits are. *)
Lemma enclosed_product_sign a b A B : leading_of a A -> leading_of b B -> 0 < A -> 0 < B ->
  let l := enclosed_leading (enclosed (product a b)) in
  is_negative l = false /\ (2 ^ 191 <= bits l)%Z.
Proof.
intros Ha Hb PA PB. destruct (leading_sign a A Ha PA) as [Na Ba].
destruct (leading_sign b B Hb PB) as [Nb Bb].
destruct (product_value a b (proj1 Ha) (proj1 Hb)) as (Fp & k & Hk & Ep & _ & Np & _). cbv zeta.
unfold enclosed, bits. cbn [enclosed_leading is_negative low_word middle_word high_word].
rewrite Np, Na, Nb. split; [reflexivity |].
destruct Fp as (W0 & W1 & W2 & _ & _ & _ & Fp). assert (Bl := words_3_bound _ _ _ W0 W1 W2).
change (base ^ 3)%Z with (2 ^ 192)%Z in Bl. rewrite product_halves in *.
assert (P : (0 < bits a * bits b * 2 ^ k)%Z).
{ apply Z.mul_pos_pos; [apply Z.mul_pos_pos; lia |]. destruct Hk as [-> | ->]; reflexivity. }
change (2 ^ 383)%Z with (2 ^ 192 * 2 ^ 191)%Z in Fp. lia.
Qed.

(* ---------------------------------------------------------------------------------------- the Gram *)

(** a b - c d. *)
Definition difference_of_products (a b c d : leading_number) : enclosed_number :=
  difference (product a b) (product c d).

(** A difference of products of numbers with leading bits, with its error. *)
Theorem difference_of_products_correct a b c d A B C D :
  leading_of a A -> leading_of b B -> leading_of c C -> leading_of d D ->
  enclosed_of (difference_of_products a b c d) (A * B - C * D).
Proof. intros. apply difference_correct; now apply product_correct. Qed.

(** S >= 0: where its leading bits are negative it is within the error of 0. *)
Definition not_below_zero (x : enclosed_number) : enclosed_number :=
  if is_negative (enclosed_leading x)
  then Enclosed (Leading_number 0 0 0 (unit_power (enclosed_leading x)) false false) (enclosed_error x)
  else x.

(** A number that is not negative, whose leading bits are, is within the error of 0. *)
Theorem not_below_zero_correct x S : enclosed_of x S -> 0 <= S ->
  enclosed_of (not_below_zero x) S /\ is_negative (enclosed_leading (not_below_zero x)) = false.
Proof.
intros H P. unfold not_below_zero. destruct (is_negative (enclosed_leading x)) eqn:N; [| now split].
destruct H as (F & D & N1 & _ & r & Hr & E). split; [| reflexivity].
rewrite N in E. cbn [signed] in E. assert (B := bits_bound _ F).
set (l := enclosed_leading x) in *. assert (Pp := bpow_gt_0 radix2 (unit_power l)).
assert (B0 : 0 <= IZR (bits l)) by (apply IZR_le; lia).
assert (Neg : IZR (bits l) + r <= 0).
{ destruct (Rle_lt_dec (IZR (bits l) + r) 0) as [L | L]; [exact L | exfalso].
  assert (0 < (IZR (bits l) + r) * bpow radix2 (unit_power l)) by (apply Rmult_lt_0_compat; lra). lra. }
inv Hr. unfold enclosed_of. cbn [enclosed_leading enclosed_error is_exact is_negative unit_power].
split; [| split; [exact D | split; [exact N1 | split; [discriminate |]]]].
- unfold well_formed. cbn [low_word middle_word high_word]. repeat (split; [apply word_0 |]). now left.
- exists (- (IZR (bits l) + r)). split; [apply Rabs_le; lra |]. rewrite E.
  change (bits (Leading_number 0 0 0 (unit_power l) false false)) with 0%Z. cbn [signed]. ring.
Qed.

Record gram_leading := Gram_leading {
  of_gg : leading_number; of_p : leading_number; of_yy : leading_number;
  of_product : enclosed_number; of_determinant : enclosed_number; of_dimension : Z }.

(** leading(gram, true); gg, p, yy are the words of the three sums. *)
Definition leading_of_gram (gg p yy : list Z) (dimension : Z) : gram_leading :=
  let lgg := leading_of_sum gg in let lp := leading_of_sum p in let lyy := leading_of_sum yy in
  let gg_yy := product lgg lyy in
  Gram_leading lgg lp lyy (enclosed gg_yy)
    (if (dimension =? 1)%Z then Enclosed leading_zero 0
     else not_below_zero (difference gg_yy (product lp lp)))
    dimension.

Lemma leading_zero_enclosed : enclosed_of (Enclosed leading_zero 0) 0.
Proof.
unfold enclosed_of. cbn [enclosed_leading enclosed_error].
split; [unfold well_formed; cbn [low_word middle_word high_word leading_zero];
  repeat (split; [apply word_0 |]); now left |].
split; [apply double_0 |]. split; [now left |]. split; [reflexivity |].
exists 0. rewrite Rabs_R0. split; [lra |]. change (bits leading_zero) with 0%Z.
cbn [is_negative leading_zero signed].
ring.
Qed.

(** All that the fast scalars start from, of any words with gg, yy > 0 and gg yy - p^2 >= 0, which is 0 in
    dimension 1. *)
Theorem leading_of_gram_correct gg p yy dimension :
  length gg = word_count -> length p = word_count -> length yy = word_count ->
  Forall word gg -> Forall word p -> Forall word yy ->
  let real words := IZR (Gram.signed words) * bpow radix2 sum_unit in
  0 < real gg -> 0 < real yy -> 0 <= real gg * real yy - real p * real p ->
  (dimension = 1%Z -> real gg * real yy - real p * real p = 0) ->
  let x := leading_of_gram gg p yy dimension in
  leading_of (of_gg x) (real gg) /\ leading_of (of_p x) (real p) /\ leading_of (of_yy x) (real yy) /\
  enclosed_of (of_product x) (real gg * real yy) /\
  enclosed_of (of_determinant x) (real gg * real yy - real p * real p) /\
  is_negative (of_gg x) = false /\ is_negative (of_yy x) = false /\
  is_negative (enclosed_leading (of_product x)) = false /\
  is_negative (enclosed_leading (of_determinant x)) = false /\
  first_of (of_gg x) <> 0%Z /\ first_of (of_yy x) <> 0%Z /\
  first_of (enclosed_leading (of_product x)) <> 0%Z.
Proof.
intros L1 L2 L3 W1 W2 W3 real Pg Py S D1 x.
destruct (leading_of_sum_correct gg L1 W1) as (Hg & _). destruct (leading_of_sum_correct p L2 W2) as (Hp & _).
destruct (leading_of_sum_correct yy L3 W3) as (Hy & _).
change (IZR (Gram.signed gg) * bpow radix2 sum_unit) with (real gg) in Hg.
change (IZR (Gram.signed p) * bpow radix2 sum_unit) with (real p) in Hp.
change (IZR (Gram.signed yy) * bpow radix2 sum_unit) with (real yy) in Hy.
unfold x, leading_of_gram. cbn [of_gg of_p of_yy of_product of_determinant]. clear x.
set (lg := leading_of_sum gg) in *. set (lp := leading_of_sum p) in *. set (ly := leading_of_sum yy) in *.
assert (Hgy := product_correct _ _ _ _ Hg Hy). assert (Hpp := product_correct _ _ _ _ Hp Hp).
assert (Hprod := enclosed_correct _ _ Hgy).
destruct (leading_sign _ _ Hg Pg) as [Ng Bg]. destruct (leading_sign _ _ Hy Py) as [Ny By].
destruct (enclosed_product_sign _ _ _ _ Hg Hy Pg Py) as [Np Bp].
assert (Hd : enclosed_of (if (dimension =? 1)%Z then Enclosed leading_zero 0
     else not_below_zero (difference (product lg ly) (product lp lp)))
     (real gg * real yy - real p * real p) /\
  is_negative (enclosed_leading (if (dimension =? 1)%Z then Enclosed leading_zero 0
     else not_below_zero (difference (product lg ly) (product lp lp)))) = false).
{ destruct (Z.eqb_spec dimension 1) as [E | _].
  - rewrite (D1 E). split; [exact leading_zero_enclosed | reflexivity].
  - apply not_below_zero_correct; [now apply difference_correct | exact S]. }
destruct Hd as [Hd Nd]. do 9 (split; [assumption |]).
split; [apply first_not_zero; [apply Hg | exact Bg] |].
split; [apply first_not_zero; [apply Hy | exact By] |].
apply first_not_zero; [apply Hprod | exact Bp].
Qed.

(** With p > 0: the leading bits in the form that the section Library of Scalars takes, and what is made of
    them is what the code makes. *)
Theorem gram_leading_bits gg p yy dimension :
  length gg = word_count -> length p = word_count -> length yy = word_count ->
  Forall word gg -> Forall word p -> Forall word yy ->
  let real words := IZR (Gram.signed words) * bpow radix2 sum_unit in
  0 < real gg -> 0 < real p -> 0 < real yy -> 0 <= real gg * real yy - real p * real p ->
  (dimension = 1%Z -> real gg * real yy - real p * real p = 0) ->
  let x := leading_of_gram gg p yy dimension in
  exists (bits_of_gg : leading_bits (real gg)) (bits_of_p : leading_bits (real p))
    (bits_of_yy : leading_bits (real yy)) (bits_of_product : leading_bits (real gg * real yy))
    (bits_of_determinant : leading_bits (real gg * real yy - real p * real p)),
  (first_bits bits_of_gg <> 0%Z /\ first_bits bits_of_p <> 0%Z /\ first_bits bits_of_yy <> 0%Z /\
    first_bits bits_of_product <> 0%Z) /\
  from_bits bits_of_gg = from_leading_number (of_gg x) 0 /\
  from_bits bits_of_p = from_leading_number (of_p x) 0 /\
  from_bits bits_of_yy = from_leading_number (of_yy x) 0 /\
  from_bits bits_of_product =
    from_leading_number (enclosed_leading (of_product x)) (enclosed_error (of_product x)) /\
  from_bits bits_of_determinant =
    from_leading_number (enclosed_leading (of_determinant x)) (enclosed_error (of_determinant x)).
Proof.
intros L1 L2 L3 W1 W2 W3 real Pg Pp Py S D1 x.
destruct (leading_of_gram_correct gg p yy dimension L1 L2 L3 W1 W2 W3 Pg Py S D1)
  as (Hg & Hp & Hy & Hm & Hd & Ng & Ny & Nm & Nd & Fg & Fy & Fm).
fold (real gg) (real p) (real yy) in Hg, Hp, Hy, Hm, Hd.
fold x in Hg, Hp, Hy, Hm, Hd, Ng, Ny, Nm, Nd, Fg, Fy, Fm. clearbody x.
destruct (leading_sign _ _ Hp Pp) as [Np Bp]. assert (Fp := first_not_zero _ (proj1 Hp) Bp).
assert (Bg := leading_bits_of _ _ Hg). assert (B2 := leading_bits_of _ _ Hp).
assert (By := leading_bits_of _ _ Hy).
assert (Bm := enclosed_bits_of _ _ Hm). assert (Bd := enclosed_bits_of _ _ Hd).
cbv zeta in Bm, Bd. unfold from_leading_number. rewrite Ng, Np, Ny, Nm, Nd in *. cbn [signed] in *.
destruct Bg as (b1 & A1 & E1 & _). destruct B2 as (b2 & A2 & E2 & _). destruct By as (b3 & A3 & E3 & _).
destruct Bm as (b4 & A4 & E4 & _). destruct Bd as (b5 & A5 & E5 & _). exists b1, b2, b3, b4, b5.
rewrite A1, A2, A3, A4. repeat split; assumption.
Qed.

Local Open Scope Z_scope.

(* -------------------------------------------------------------------------------- the nearest double *)

(* what is not 0 below the bits that are kept and the first that is not *)
Definition nearest_rest (x : leading_number) (low : Z) : bool :=
  let half := Z.land (Z.shiftr (high_word x) (low - 1)) 1 in
  negb (is_exact x) || negb (low_word x =? 0) || negb (middle_word x =? 0) ||
  negb (Z.land (high_word x) (Z.shiftl half (low - 1) - half) =? 0).

(* the mantissa, with the hidden bit *)
Definition nearest_mantissa (x : leading_number) (low : Z) : Z :=
  let kept := if low =? 64 then 0 else Z.shiftr (high_word x) low in
  let half := Z.land (Z.shiftr (high_word x) (low - 1)) 1 in
  kept + (if (negb (half =? 0) && (nearest_rest x low || negb (Z.land kept 1 =? 0)))%bool then 1 else 0).

(** The bit pattern that nearest returns. *)
Definition nearest (x : leading_number) : Z :=
  if high_word x =? 0 then 0 else
  let exponent := unit_power x + 191 in
  let magnitude :=
    if exponent <=? 1023 then
      let unit := Z.max (exponent - 52) (-1074) in
      let drop := unit - unit_power x in
      if 192 <? drop then 0
      else Z.shiftl (unit + 1074) 52 + nearest_mantissa x (drop - 128)
    else Z.shiftl 2047 52 in
  Z.lor magnitude (if is_negative x then Z.shiftl 1 63 else 0).

(** The number of a bit pattern; 2^1024 for infinity. *)
Definition pattern_value (p : Z) : R :=
  (IZR (fst (Gram.decode p)) * bpow radix2 (snd (Gram.decode p) - 1074))%R.

Lemma land_1 z : Z.land z 1 = z mod 2.
Proof. change 1 with (Z.ones 1). now rewrite Z.land_ones by lia. Qed.

Lemma even_land k : negb (Z.land k 1 =? 0) = negb (Z.even k).
Proof. rewrite land_1, Zmod_even. now destruct (Z.even k). Qed.

(* a number cut into an integer, a half and less than that *)
Lemma nearest_halves k half eps : half = 0 \/ half = 1 -> (0 <= eps < / 2)%R ->
  ZnearestE (IZR k + IZR half / 2 + eps) =
  k + (if (negb (half =? 0) && (negb (if Req_EM_T eps 0 then true else false) || negb (Z.even k)))%bool
       then 1 else 0).
Proof.
intros Hh He. assert (F : Zfloor (IZR k + IZR half / 2 + eps) = k).
{ apply Zfloor_imp. rewrite plus_IZR. destruct Hh as [-> | ->]; lra. }
unfold Znearest. rewrite F. destruct Hh as [-> | ->]; cbn [Z.eqb negb andb].
- rewrite Rcompare_Lt by lra. ring.
- assert (C : Zceil (IZR k + 1 / 2 + eps) = k + 1).
  { rewrite Zceil_floor_neq; rewrite F; [reflexivity |]. lra. }
  destruct (Req_EM_T eps 0) as [Z0 | N]; cbn [negb orb].
  + rewrite Rcompare_Eq by lra. rewrite C. destruct (Z.even k); cbn [negb]; ring.
  + rewrite Rcompare_Gt by lra. exact C.
Qed.

(* the leading word above, at and below the first bit that is not kept *)
Lemma cut_word h low : word h -> 1 <= low <= 64 ->
  let kept := if low =? 64 then 0 else Z.shiftr h low in
  let half := Z.land (Z.shiftr h (low - 1)) 1 in
  (half = 0 \/ half = 1) /\ exists below, h = kept * 2 ^ low + half * 2 ^ (low - 1) + below /\
  0 <= below < 2 ^ (low - 1) /\ 0 <= kept /\
  (half = 1 -> Z.land h (Z.shiftl half (low - 1) - half) = below).
Proof.
intros [H1 H2] Hl kept half.
assert (Eh : half = (h / 2 ^ (low - 1)) mod 2) by (unfold half; now rewrite land_1, Z.shiftr_div_pow2 by lia).
assert (P := pow_pos (low - 1) ltac:(lia)).
assert (P2 : 2 ^ low = 2 ^ (low - 1) * 2).
{ replace low with (low - 1 + 1) at 1 by ring. now rewrite Z.pow_add_r by lia. }
assert (Ek : kept = h / 2 ^ (low - 1) / 2).
{ rewrite Z.div_div, <- P2 by lia. unfold kept. destruct (Z.eqb_spec low 64) as [-> | N].
  - symmetry. apply Z.div_small. split; [exact H1 | exact H2].
  - now rewrite Z.shiftr_div_pow2 by lia. }
assert (M := Z.mod_pos_bound (h / 2 ^ (low - 1)) 2 ltac:(lia)). split; [lia |].
exists (h mod 2 ^ (low - 1)). split; [| split; [| split]].
- rewrite (Z.div_mod h (2 ^ (low - 1))) at 1 by lia.
  rewrite (Z.div_mod (h / 2 ^ (low - 1)) 2) at 1 by lia. rewrite <- Ek, <- Eh, P2. ring.
- apply Z.mod_pos_bound, P.
- rewrite Ek. apply Z.div_pos; [apply Z.div_pos; lia | lia].
- intros ->. rewrite Z.shiftl_mul_pow2, Z.mul_1_l by lia.
  replace (2 ^ (low - 1) - 1) with (Z.ones (low - 1)) by (rewrite Z.ones_equiv; lia). apply Z.land_ones. lia.
Qed.

(** The mantissa is the integer that is nearest, ties to even. *)
Lemma nearest_mantissa_value x r low : well_formed x -> (0 <= r < 1)%R -> (is_exact x = true <-> r = 0%R) ->
  1 <= low <= 64 ->
  nearest_mantissa x low = ZnearestE ((IZR (bits x) + r) * bpow radix2 (- (low + 128))).
Proof.
intros (W0 & W1 & W2 & _) Hr Er Hl.
destruct (cut_word (high_word x) low W2 Hl) as (Hh & below & E & Bb & _ & Hm).
unfold nearest_mantissa. set (kept := if low =? 64 then 0 else Z.shiftr (high_word x) low) in *.
set (half := Z.land (Z.shiftr (high_word x) (low - 1)) 1) in *.
set (tail := unsigned [low_word x; middle_word x]).
assert (Bt : 0 <= tail < 2 ^ 128) by (apply (unsigned_bound [low_word x; middle_word x]); all_words).
assert (Ew : bits x = tail + 2 ^ 128 * high_word x).
{ unfold bits, tail. change (2 ^ 128) with (base * base). cbn [unsigned]. ring. }
assert (Tz : tail = 0 <-> low_word x = 0 /\ middle_word x = 0).
{ unfold tail. rewrite unsigned_zero by all_words. split.
  - intros F. inversion F as [| ? ? F0 F']; subst. inversion F'; subst. tauto.
  - intros [-> ->]. repeat constructor. }
set (eps := ((IZR (2 ^ 128 * below + tail) + r) * bpow radix2 (- (low + 128)))%R).
assert (Pp := bpow_gt_0 radix2 (- (low + 128))).
assert (Vb : 2 ^ 128 * below + tail + 1 <= 2 ^ (low - 1 + 128)).
{ rewrite Z.pow_add_r by lia. lia. }
assert (He : (0 <= eps < / 2)%R).
{ apply IZR_le in Vb. rewrite plus_IZR, IZR_pow2 in Vb by lia.
  assert (B0 : (0 <= IZR (2 ^ 128 * below + tail))%R) by (apply IZR_le; lia).
  replace (/ 2)%R with (bpow radix2 (low - 1 + 128) * bpow radix2 (- (low + 128)))%R.
  2:{ rewrite <- bpow_plus. replace (low - 1 + 128 + - (low + 128)) with (-1) by ring. reflexivity. }
  unfold eps. split; [apply Rmult_le_pos; lra | apply Rmult_lt_compat_r; lra]. }
replace ((IZR (bits x) + r) * bpow radix2 (- (low + 128)))%R with (IZR kept + IZR half / 2 + eps)%R.
2:{ unfold eps. rewrite Ew, E, !plus_IZR, !mult_IZR, !plus_IZR, !mult_IZR, !IZR_pow2 by lia.
    assert (Q1 : (bpow radix2 128 * bpow radix2 low * bpow radix2 (- (low + 128)) = 1)%R).
    { rewrite <- !bpow_plus. now replace (128 + low + - (low + 128)) with 0 by ring. }
    assert (Q2 : (bpow radix2 128 * bpow radix2 (low - 1) * bpow radix2 (- (low + 128)) = / 2)%R).
    { rewrite <- !bpow_plus. now replace (128 + (low - 1) + - (low + 128)) with (-1) by ring. }
    transitivity (IZR kept * (bpow radix2 128 * bpow radix2 low * bpow radix2 (- (low + 128))) +
      IZR half * (bpow radix2 128 * bpow radix2 (low - 1) * bpow radix2 (- (low + 128))) +
      (bpow radix2 128 * IZR below + IZR tail + r) * bpow radix2 (- (low + 128)))%R;
      [rewrite Q1, Q2; field | ring]. }
rewrite nearest_halves by assumption. f_equal. rewrite even_land.
destruct Hh as [-> | Hh1]; [reflexivity |]. rewrite Hh1. cbn [Z.eqb negb andb].
replace (nearest_rest x low) with (negb (if Req_EM_T eps 0 then true else false)); [reflexivity |].
unfold nearest_rest. fold half. rewrite (Hm Hh1).
assert (Ez : eps = 0%R <-> r = 0%R /\ 2 ^ 128 * below + tail = 0).
{ assert (B0 : (0 <= IZR (2 ^ 128 * below + tail))%R) by (apply IZR_le; lia). unfold eps. split.
  - intros Z0. apply Rmult_integral in Z0. destruct Z0 as [Z0 | Z0]; [| lra].
    split; [lra |]. apply eq_IZR. lra.
  - intros [-> ->]. ring. }
destruct (Req_EM_T eps 0) as [Z0 | N]; cbn [negb].
- apply Ez in Z0. destruct Z0 as [R0 Z0]. apply Er in R0. rewrite R0.
  assert (T0 : tail = 0) by lia. apply Tz in T0. destruct T0 as [-> ->]. replace below with 0 by lia.
  reflexivity.
- symmetry. destruct (is_exact x) eqn:X; [| reflexivity]. cbn [negb orb].
  destruct (Z.eqb_spec (low_word x) 0) as [L0 | ?]; [| reflexivity].
  destruct (Z.eqb_spec (middle_word x) 0) as [L1 | ?]; [| reflexivity].
  destruct (Z.eqb_spec below 0) as [L2 | ?]; [| reflexivity]. exfalso. apply N, Ez.
  split; [now apply Er |]. rewrite L2. rewrite (proj2 Tz) by (split; assumption). reflexivity.
Qed.

(* patterns of doubles that are not negative: the hidden bit is added to the exponent *)
Lemma pattern_of_mantissa unit k : -1074 <= unit <= 971 -> 0 <= k <= 2 ^ 53 -> unit = -1074 \/ 2 ^ 52 <= k ->
  pattern_value ((unit + 1074) * 2 ^ 52 + k) = (IZR k * bpow radix2 unit)%R /\
  0 <= (unit + 1074) * 2 ^ 52 + k <= 2047 * 2 ^ 52 /\
  ((unit + 1074) * 2 ^ 52 + k = 2047 * 2 ^ 52 -> (IZR k * bpow radix2 unit)%R = bpow radix2 1024).
Proof.
intros Hu Hk C. split; [| split; [lia |]].
- assert (D : forall q f, 0 <= q < 2 ^ 11 -> 0 <= f < 2 ^ 52 -> (unit + 1074) * 2 ^ 52 + k = q * 2 ^ 52 + f ->
    ((unit + 1074) * 2 ^ 52 + k) / 2 ^ 52 mod 2 ^ 11 = q /\ ((unit + 1074) * 2 ^ 52 + k) mod 2 ^ 52 = f).
  { intros q f Hq Hf Eq. rewrite Eq. rewrite Z.div_add_l, (Z.div_small f) by lia. rewrite Z.add_0_r.
    split; [now apply Z.mod_small |]. rewrite Z.add_comm, Z.mod_add by lia. now apply Z.mod_small. }
  unfold pattern_value, Gram.decode. destruct (Z.leb_spec (2 ^ 63) ((unit + 1074) * 2 ^ 52 + k)); [lia |].
  destruct (Z.lt_ge_cases k (2 ^ 52)) as [L | L].
  + destruct (D 0 k ltac:(lia) ltac:(lia) ltac:(lia)) as [-> ->]. cbn [Z.eqb fst snd].
    replace (k + 0 * 2 ^ 52) with k by ring. do 2 f_equal. lia.
  + destruct (Z.eq_dec k (2 ^ 53)) as [Ek | N].
    * destruct (D (unit + 1076) 0 ltac:(lia) ltac:(lia) ltac:(lia)) as [-> ->].
      destruct (Z.eqb_spec (unit + 1076) 0); [lia |]. cbn [fst snd].
      rewrite Ek. change (0 + 1 * 2 ^ 52) with (2 ^ 52). rewrite !IZR_pow2, <- !bpow_plus by lia. f_equal.
      lia.
    * destruct (D (unit + 1075) (k - 2 ^ 52) ltac:(lia) ltac:(lia) ltac:(lia)) as [-> ->].
      destruct (Z.eqb_spec (unit + 1075) 0); [lia |]. cbn [fst snd].
      replace (k - 2 ^ 52 + 1 * 2 ^ 52) with k by ring. do 2 f_equal. lia.
- intros E. assert (Ek : k = 2 ^ 53) by lia. assert (Eu : unit = 971) by lia.
  rewrite Ek, Eu, IZR_pow2, <- bpow_plus by lia. reflexivity.
Qed.

(* the sign bit *)
Lemma pattern_sign p : 0 <= p <= 2047 * 2 ^ 52 ->
  Z.lor p (Z.shiftl 1 63) = p + 2 ^ 63 /\ pattern_value (p + 2 ^ 63) = (- pattern_value p)%R.
Proof.
intros Hp. split.
- rewrite Z.shiftl_mul_pow2, Z.lor_comm, lor_add by lia. ring.
- unfold pattern_value, Gram.decode.
  destruct (Z.leb_spec (2 ^ 63) (p + 2 ^ 63)); [| lia]. destruct (Z.leb_spec (2 ^ 63) p); [lia |].
  assert (E1 : (p + 2 ^ 63) / 2 ^ 52 mod 2 ^ 11 = p / 2 ^ 52 mod 2 ^ 11).
  { replace (p + 2 ^ 63) with (p + 2 ^ 11 * 2 ^ 52) by lia. rewrite Z.div_add by lia.
    rewrite <- (Z.mul_1_l (2 ^ 11)) at 1. now rewrite Z.mod_add by lia. }
  assert (E2 : (p + 2 ^ 63) mod 2 ^ 52 = p mod 2 ^ 52).
  { replace (p + 2 ^ 63) with (p + 2 ^ 11 * 2 ^ 52) by lia. now rewrite Z.mod_add by lia. }
  rewrite E1, E2. cbn [fst snd]. rewrite opp_IZR. ring.
Qed.

Local Open Scope R_scope.

(** Nearest double, ties to even, subnormals included; infinity from 2^1024 - 2^970 on, which is where rnd,
    whose exponents have no bound, comes to 2^1024. *)
Theorem nearest_correct x X : leading_of x X ->
  (Rabs (rnd X) < bpow radix2 1024 -> pattern_value (nearest x) = rnd X /\
     (nearest x mod 2 ^ 63 < 2047 * 2 ^ 52)%Z) /\
  (bpow radix2 1024 <= Rabs (rnd X) ->
     nearest x = (2047 * 2 ^ 52 + (if is_negative x then 2 ^ 63 else 0))%Z).
Proof.
intros (F & r & Hr & Er & Zr & EX). assert (Bx := bits_bound x F).
assert (T : (high_word x = 0 /\ bits x = 0 \/ high_word x <> 0 /\ 2 ^ 191 <= bits x)%Z).
{ destruct F as ([? ?] & [? ?] & [? ?] & C). unfold bits, base in *. cbn [unsigned] in *. unfold base in *.
  destruct C as [C | C]; [left; lia | right; lia]. }
unfold nearest. destruct (Z.eqb_spec (high_word x) 0) as [H0 | NH].
{ assert (B0 : bits x = 0%Z) by (destruct T as [[_ ?] | [? _]]; [assumption | contradiction]).
  assert (X0 : X = 0).
  { rewrite EX, B0, (Zr B0). destruct (is_negative x); cbn [signed]; ring. }
  rewrite X0, rnd_0, Rabs_R0. split; [intros _; split; [| reflexivity] |].
  - unfold pattern_value, Gram.decode. change (0 / 2 ^ 52)%Z with 0%Z. change (0 mod 2 ^ 11)%Z with 0%Z.
    cbn [Z.eqb fst snd]. change (0 mod 2 ^ 52 + 0 * 2 ^ 52)%Z with 0%Z. change (2 ^ 63 <=? 0)%Z with false.
    cbv iota. ring.
  - intros H. exfalso. assert (P := bpow_gt_0 radix2 1024). lra. }
destruct T as [[? _] | [_ T]]; [contradiction |].
set (V := (IZR (bits x) + r) * bpow radix2 (unit_power x)) in *.
set (e := (unit_power x + 191)%Z). assert (Pe := bpow_gt_0 radix2 (unit_power x)).
assert (Bw : bpow radix2 191 <= IZR (bits x) + r < bpow radix2 192).
{ rewrite <- !IZR_pow2 by lia. assert (A1 : (bits x + 1 <= 2 ^ 192)%Z) by lia. apply IZR_le in A1.
  rewrite plus_IZR in A1. apply IZR_le in T. lra. }
assert (BV : bpow radix2 e <= V < bpow radix2 (e + 1)).
{ unfold V, e. replace (unit_power x + 191 + 1)%Z with (192 + unit_power x)%Z by ring.
  rewrite (Z.add_comm _ 191), !bpow_plus.
  split; [apply Rmult_le_compat_r; lra | apply Rmult_lt_compat_r; lra]. }
assert (PV : 0 < V) by (apply Rlt_le_trans with (2 := proj1 BV), bpow_gt_0).
assert (RX : rnd X = signed (is_negative x) (rnd V)).
{ rewrite EX. destruct (is_negative x); cbn [signed]; [apply rnd_opp | reflexivity]. }
assert (RV0 : 0 <= rnd V) by (apply rnd_pos; lra).
assert (AX : Rabs (rnd X) = rnd V) by (rewrite RX, signed_abs; now apply Rabs_pos_eq).
rewrite AX.
(* the magnitude *)
set (magnitude := (if (e <=? 1023)%Z then
      let unit := Z.max (e - 52) (-1074) in
      let drop := unit - unit_power x in
      if 192 <? drop then 0
      else Z.shiftl (unit + 1074) 52 + nearest_mantissa x (drop - 128)
    else Z.shiftl 2047 52)%Z).
assert (M : (0 <= magnitude <= 2047 * 2 ^ 52)%Z /\
  (rnd V < bpow radix2 1024 -> pattern_value magnitude = rnd V /\ magnitude <> (2047 * 2 ^ 52)%Z) /\
  (bpow radix2 1024 <= rnd V -> magnitude = (2047 * 2 ^ 52)%Z)).
{ unfold magnitude. destruct (Z.leb_spec e 1023) as [L | L].
  - cbv zeta. set (unit := Z.max (e - 52) (-1074)). set (drop := (unit - unit_power x)%Z).
    assert (Hu : (-1074 <= unit <= 971)%Z) by (unfold unit; lia).
    assert (Hd : (139 <= drop)%Z) by (unfold drop, unit, e; lia).
    assert (RV : rnd V = IZR (ZnearestE ((IZR (bits x) + r) * bpow radix2 (- drop))) * bpow radix2 unit).
    { assert (C : cexp radix2 double_exp V = unit).
      { unfold cexp, double_exp, FLT_exp. rewrite (mag_unique_pos radix2 V (e + 1)).
        - unfold unit. lia.
        - now replace (e + 1 - 1)%Z with e by ring. }
      unfold rnd, round, F2R, scaled_mantissa. rewrite C. cbn [Fnum Fexp]. do 3 f_equal.
      unfold V. rewrite Rmult_assoc, <- bpow_plus. do 2 f_equal. unfold drop. ring. }
    set (k := ZnearestE ((IZR (bits x) + r) * bpow radix2 (- drop))) in *.
    assert (Pd := bpow_gt_0 radix2 (- drop)).
    assert (Q : forall n, bpow radix2 n * bpow radix2 (- drop) = bpow radix2 (n - drop)).
    { intros n. now rewrite <- bpow_plus. }
    assert (BM : bpow radix2 (191 - drop) <= (IZR (bits x) + r) * bpow radix2 (- drop)
      < bpow radix2 (192 - drop)).
    { rewrite <- !Q. split; [apply Rmult_le_compat_r; lra | apply Rmult_lt_compat_r; lra]. }
    assert (Hk : (0 <= k <= 2 ^ 53)%Z /\ (unit = -1074 \/ 2 ^ 52 <= k)%Z).
    { assert (Mono : forall a b, a <= b -> (ZnearestE a <= ZnearestE b)%Z)
        by (intros; apply Zrnd_le; [apply valid_rnd_N | assumption]).
      assert (Int : forall n, ZnearestE (IZR n) = n) by (intros; apply Zrnd_IZR, valid_rnd_N).
      split; [split |].
      - rewrite <- (Int 0%Z). apply Mono. apply Rle_trans with (2 := proj1 BM), bpow_ge_0.
      - rewrite <- (Int (2 ^ 53)%Z). apply Mono. rewrite IZR_pow2 by lia.
        apply Rle_trans with (1 := Rlt_le _ _ (proj2 BM)), bpow_le. lia.
      - destruct (Z.eq_dec unit (-1074)) as [E | N]; [now left | right].
        rewrite <- (Int (2 ^ 52)%Z). apply Mono. rewrite IZR_pow2 by lia.
        apply Rle_trans with (2 := proj1 BM), bpow_le. unfold drop, unit, e in *. lia. }
    destruct Hk as [Hk Hk2]. destruct (Z.ltb_spec 192 drop) as [D | D].
    + assert (K0 : k = 0%Z).
      { apply Znearest_imp. rewrite Rminus_0_r, Rabs_pos_eq.
        - apply Rlt_le_trans with (1 := proj2 BM). change (/ 2) with (bpow radix2 (-1)). apply bpow_le. lia.
        - apply Rle_trans with (2 := proj1 BM), bpow_ge_0. }
      rewrite RV, K0, Rmult_0_l. split; [lia |]. split; [intros _; split; [| lia] |].
      * unfold pattern_value, Gram.decode. change (0 / 2 ^ 52)%Z with 0%Z. change (0 mod 2 ^ 11)%Z with 0%Z.
        cbn [Z.eqb fst snd]. change (0 mod 2 ^ 52 + 0 * 2 ^ 52)%Z with 0%Z.
        change (2 ^ 63 <=? 0)%Z with false. cbv iota. ring.
      * intros H. exfalso. assert (P := bpow_gt_0 radix2 1024). lra.
    + assert (Em : nearest_mantissa x (drop - 128) = k).
      { rewrite (nearest_mantissa_value x r) by (assumption || lia). unfold k. do 4 f_equal. ring. }
      rewrite Em, Z.shiftl_mul_pow2 by lia.
      destruct (pattern_of_mantissa unit k Hu Hk Hk2) as (P1 & P2 & P3). rewrite <- RV in P1, P3.
      split; [exact P2 |]. split.
      * intros H. split; [exact P1 |]. intros E. rewrite (P3 E) in H. lra.
      * intros H.
        destruct (Z.eq_dec ((unit + 1074) * 2 ^ 52 + k) (2047 * 2 ^ 52)) as [E | N]; [exact E | exfalso].
        assert (K : (k < 2 ^ 53)%Z \/ (unit < 971)%Z) by lia.
        assert (RV2 : rnd V < bpow radix2 1024); [| lra].
        rewrite RV. assert (Pu := bpow_gt_0 radix2 unit). assert (P53 : IZR k <= bpow radix2 53).
        { rewrite <- IZR_pow2 by lia. apply IZR_le. lia. }
        destruct K as [K | K].
        { apply Rlt_le_trans with (bpow radix2 53 * bpow radix2 unit).
          - apply Rmult_lt_compat_r; [exact Pu |]. rewrite <- IZR_pow2 by lia. now apply IZR_lt.
          - rewrite <- bpow_plus. apply bpow_le. lia. }
        { apply Rle_lt_trans with (bpow radix2 53 * bpow radix2 unit).
          - apply Rmult_le_compat_r; lra.
          - rewrite <- bpow_plus. apply bpow_lt. lia. }
  - split; [rewrite Z.shiftl_mul_pow2; lia |]. split; [| now rewrite Z.shiftl_mul_pow2 by lia].
    intros H. exfalso. assert (G : bpow radix2 1024 <= rnd V); [| lra].
    rewrite <- (rnd_double (bpow radix2 1024)) by (apply double_bpow; lia). apply rnd_le.
    apply Rle_trans with (2 := proj1 BV), bpow_le. lia. }
destruct M as (M1 & M2 & M3). destruct (pattern_sign magnitude M1) as [S1 S2].
destruct (is_negative x); cbn [signed] in RX.
- rewrite S1. split.
  + intros H. destruct (M2 H) as [M4 M5]. rewrite S2, RX, M4. split; [reflexivity |].
    rewrite <- (Z.mul_1_l (2 ^ 63)) at 1. rewrite Z.mod_add, Z.mod_small by lia. lia.
  + intros H. rewrite (M3 H). reflexivity.
- rewrite Z.lor_0_r. split.
  + intros H. destruct (M2 H) as [M4 M5]. rewrite RX. split; [exact M4 |]. rewrite Z.mod_small by lia. lia.
  + intros H. rewrite (M3 H). reflexivity.
Qed.
