(** * Exact sums of products: why the vector kernels lose nothing

    The library sums products of doubles in blocks. A vector has several lanes; a lane of a set of bins takes
    at most 32 products in a block. Each product is split into h + l; h goes into a row of 2, 3, 4 or 7 biased
    bins 2^46 apart, l into a second row 2^53 lower. A certificate, read off after the block, tells whether
    the bins of any lane lost anything. If not, bit patterns of bins become integers, which are added up over
    lanes and blocks and then into words of 64 bits; if so, the block is summed by integer arithmetic.

    Proved, over the reals with Flocq's doubles (FLT(-1074, 53), to nearest, ties to even):
    - pour_exact: what a bin takes of a double, and what it leaves, are exact while it stays in its binade;
    - bin_accumulation_exact, row_exact: so are sequences of deposits, into one bin and (at most 32) into a
      row of bins;
    - block_exact: the two rows of a lane together hold the exact sum of its products;
    - dots_block_exact, gram_block_exact, float_gram_block_exact: the certificates of the code imply that;
      smallest_at_least: one comparison with the minimum that the code keeps tells the same as many;
      look_certifies: a certificate for a lane of a whole block is one for both halves of it, as after a look
      at a block of a scalar product that has two sets of bins;
    - no_overflow: h and every bin stay below 2^744 throughout a block, so that doubles can hold them;
    - bin_as_integer, collect_row_exact: differences of bit patterns (of IEEE's binary64, as Flocq has them)
      are what the bins hold, in quanta, and below 2^51;
    - int64_sum_exact: fewer than 4096 of those add up in signed words of 64 bits, in any order;
      totals_integer_exact, short_total_fits: shifted, they are what is to be added to the words;
    - one_set_complete, two_sets_complete: the lanes of a block hold its elements, and zeros, at most 32 each;
    - decode_exact, counters_fit, counters_exact: sums by integer arithmetic are exact;
    - ieee_gram_certified, ieee_dots_certified: with IEEE's own operations (fused multiply-adds,
      infinities, NaN), the certificate holds only if nothing overflowed, all factors are finite and that of
      the model holds, and then the bins are those of the model, bit by bit;
    - gram_exact, dots_exact: for any vectors of doubles or floats, cut into blocks that are certified or
      summed by integers, in any order of blocks and lanes, the words hold exactly the three sums of products
      g.g, g.y and y.y (or the scalar product); words_fit: 67 words are enough for 2^63 elements;
    - add_shifted_exact, words_hold: the carries from word to word are right, modulo 2^(64 words), and so
      exact where the sum fits; two_bins_words_exact, short_total_words_exact, counter_words_exact: so are
      the words that are added;
    - gram_order_irrelevant, gram_merge: the same elements give the same words in any order, however cut, and
      the words of a whole are the sums of those of its parts.

    Model and code (lib/kernels; what links them is reading, not proof):
    - ieee_pour, ieee_add_to_row, ieee_add_product: pour, pour_all and add_product in blocks.hpp, operation by
      operation; pour, add_to_row, add_product: the same over the reals; empty_bin, empty_row: empty_bins;
      least_exponent, most: least and most;
    - ieee_lane_sum, ieee_dots_certificate: add_dots and run_dots; ieee_squares_certificate, of g and of y:
      GramBins::certified; lane_sum, dots_certificate, gram_certificate: the same over the reals;
      min_but, smallest: min_but of the vector_*.hpp; cross_top: GramSource::tops in kernels.cpp, small_gram;
    - collect_row: collect; int64, int64_sum: additions of Integers, add_lanes and finish; at most 384 blocks
      of 8 lanes (of one or two sets of bins together) are summed before flush_bins in kernels.cpp;
    - two_bins, short_total, totals_integer: TwoBins and add_totals in kernels.cpp, over the integers;
      two_bins_words, short_total_words: the same in words; add_digits, propagate, add_shifted: the loops of
      add_shifted in superaccumulator.hpp (sums for the or of bits that do not overlap);
    - one_set: add_gram_fused and add_dots; two_sets: add_one_product, twice 4 lanes;
    - decode, deposit_integer, counter, counters_integer: superaccumulator.hpp, over the integers;
    - block_steps, bin_distance, low_row, most_top, headroom, footroom, bin_counts, row_size: table.hpp;
      unit_exponent: include/natgrad/gram.hpp.
    The doubles, their rounding rnd and the error-free product of a fused multiply-add are those of Doubles.v.

    Not modelled, so reading only: the bit patterns of empty bins and of what they are compared with (the code
    shifts exponents; here they are the doubles meant); payloads of NaN; the minimum of numbers of which some
    are infinite or NaN; that floats are decoded as they are (decode is that of doubles) and have no low words
    (in the model these are 0); pairs of doubles; loads; how quanta and numbers of bins are chosen; that every
    element is in one block only, and a block that is summed by integers in no bins; threads; and the
    compiler.
    Axioms: those of Coq's real numbers, functional extensionality and classical logic, as Flocq uses them. *)
From Coq Require Import Reals ZArith List Lia Lra Psatz Permutation.
From Flocq Require Import Core Relative Plus_error Sterbenz.
From Flocq Require IEEE754.Binary IEEE754.Bits.
From Natgrad Require Import Doubles.
Import ListNotations.
Local Open Scope R_scope.

(** ** The numbers *)

(** Doubles are multiples of 2 to this. *)
Definition emin : Z := (-1074)%Z.

(** 2^e. *)
Definition pow (e : Z) : R := bpow radix2 e.

(** x is an integer multiple of 2^q. *)
Definition multiple (q : Z) (x : R) : Prop := exists n : Z, x = IZR n * pow q.

(** ** Lemmas *)

Lemma pow_gt_0 e : 0 < pow e.
Proof. apply bpow_gt_0. Qed.

Lemma pow_plus a b : pow (a + b) = pow a * pow b.
Proof. apply bpow_plus. Qed.

Lemma pow_le a b : (a <= b)%Z -> pow a <= pow b.
Proof. apply bpow_le. Qed.

Lemma pow_lt a b : (a < b)%Z -> pow a < pow b.
Proof. apply bpow_lt. Qed.

Lemma pow_double e : pow (e + 1) = 2 * pow e.
Proof. rewrite pow_plus. change (pow 1) with 2. ring. Qed.

Lemma multiple_0 q : multiple q 0.
Proof. exists 0%Z. ring. Qed.

Lemma multiple_plus q x y : multiple q x -> multiple q y -> multiple q (x + y).
Proof. intros [m ->] [n ->]. exists (m + n)%Z. rewrite plus_IZR. ring. Qed.

Lemma multiple_minus q x y : multiple q x -> multiple q y -> multiple q (x - y).
Proof. intros [m ->] [n ->]. exists (m - n)%Z. rewrite minus_IZR. ring. Qed.

Lemma multiple_finer p q x : (p <= q)%Z -> multiple q x -> multiple p x.
Proof.
intros H [n ->]. exists (n * 2 ^ (q - p))%Z.
replace q with ((q - p) + p)%Z at 1 by ring.
rewrite pow_plus, mult_IZR. rewrite (IZR_Zpower radix2) by lia. unfold pow. ring.
Qed.

Lemma multiple_pow p q : (p <= q)%Z -> multiple p (pow q).
Proof. intros H. apply multiple_finer with (1 := H). exists 1%Z. ring. Qed.

Lemma double_of_multiple q x :
  (emin <= q)%Z -> multiple q x -> Rabs x < pow (53 + q) -> double x.
Proof.
intros Hq [n Hn] Hx.
assert (Hf : F2R (Float radix2 n q) = x) by (rewrite Hn; reflexivity).
rewrite <- Hf. apply generic_format_F2R. intros Hn0. rewrite Hf. unfold cexp, double_exp, FLT_exp.
apply Z.max_lub; [| exact Hq].
enough (mag radix2 x <= 53 + q)%Z by lia.
apply mag_le_bpow; [| exact Hx].
intros H0. apply Hn0. rewrite Hn in H0. apply Rmult_integral in H0. destruct H0 as [H0 | H0].
- now apply eq_IZR.
- generalize (pow_gt_0 q). lra.
Qed.

Lemma double_pow e : (emin <= e)%Z -> double (pow e).
Proof. exact (double_bpow e). Qed.

(** A double of at least 2^m is a multiple of 2^(m - 52). *)
Lemma multiple_of_double m x : double x -> pow m <= Rabs x -> multiple (m - 52) x.
Proof.
intros Hx Hm.
apply multiple_finer with (cexp radix2 double_exp x).
- unfold cexp, double_exp, FLT_exp.
  enough (m < mag radix2 x)%Z by lia.
  apply (lt_bpow radix2). apply Rle_lt_trans with (1 := Hm). apply bpow_mag_gt.
- exists (Ztrunc (scaled_mantissa radix2 double_exp x)). exact Hx.
Qed.

(** ** 2. One deposit *)

Definition pour (bin x : R) : R * R :=
  let sum := rnd (bin + x) in (sum, rnd (x - rnd (sum - bin))).

Lemma rnd_in_binade q y :
  (emin <= q)%Z -> pow (52 + q) <= y < pow (53 + q) ->
  rnd y = IZR (ZnearestE (y * pow (- q))) * pow q.
Proof.
intros Hq [Hl Hu]. pose proof (pow_gt_0 (52 + q)) as Hp.
assert (Hm : mag radix2 y = (53 + q)%Z :> Z).
{ apply mag_unique_pos. replace (53 + q - 1)%Z with (52 + q)%Z by ring. now split. }
unfold rnd, round, F2R, scaled_mantissa, cexp. rewrite Hm. cbn [Fnum Fexp].
unfold double_exp, FLT_exp. replace (53 + q - 53)%Z with q by ring. rewrite Z.max_l by exact Hq. reflexivity.
Qed.

(** One deposit: what the bin takes and what it leaves are exact while the bin stays in its binade. *)
Theorem pour_exact q bin x :
  (emin <= q)%Z -> multiple q bin -> double x ->
  pow (52 + q) <= bin < pow (53 + q) -> pow (52 + q) <= bin + x < pow (53 + q) ->
  exists t, multiple q t /\ fst (pour bin x) = bin + t /\ rnd (fst (pour bin x) - bin) = t /\
    snd (pour bin x) = x - t /\ double (x - t) /\ Rabs (x - t) <= pow (q - 1).
Proof.
intros Hq Hbm Hx Hb Hs.
assert (Hbd : double bin).
{ apply double_of_multiple with q; try assumption. pose proof (pow_gt_0 (52 + q)).
  rewrite Rabs_pos_eq; lra. }
pose proof (rnd_in_binade q (bin + x) Hq Hs) as HR.
set (k := ZnearestE ((bin + x) * pow (- q))) in HR.
exists (rnd (bin + x) - bin).
assert (Hsm : multiple q (rnd (bin + x))) by (exists k; exact HR).
assert (Herr : double (x - (rnd (bin + x) - bin))).
{ replace (x - (rnd (bin + x) - bin)) with (- (rnd (bin + x) - (bin + x))) by ring.
  apply generic_format_opp. apply plus_error; try assumption; typeclasses eauto. }
assert (Hlo : pow (52 + q) <= rnd (bin + x)).
{ rewrite <- (rnd_double (pow (52 + q))) by (apply double_pow; lia). apply rnd_le; lra. }
assert (Hup : rnd (bin + x) <= pow (53 + q)).
{ rewrite <- (rnd_double (pow (53 + q))) by (apply double_pow; lia). apply rnd_le; lra. }
assert (H2 : pow (53 + q) = 2 * pow (52 + q)).
{ replace (53 + q)%Z with (52 + q + 1)%Z by ring. apply pow_double. }
assert (Hst : rnd (rnd (bin + x) - bin) = rnd (bin + x) - bin).
{ apply rnd_double. apply sterbenz; try typeclasses eauto.
  - apply double_rnd.
  - exact Hbd.
  - split; lra. }
unfold pour. cbn [fst snd]. rewrite Hst.
repeat split.
- now apply multiple_minus.
- ring.
- now apply rnd_double.
- exact Herr.
- replace (x - (rnd (bin + x) - bin)) with (((bin + x) * pow (- q) - IZR k) * pow q).
  + rewrite Rabs_mult, (Rabs_pos_eq (pow q)) by (apply Rlt_le, pow_gt_0).
    replace (q - 1)%Z with (- (1) + q)%Z by ring. rewrite pow_plus. apply Rmult_le_compat_r.
    * apply Rlt_le, pow_gt_0.
    * change (pow (- (1))) with (/ 2). apply Znearest_half.
  + rewrite HR. rewrite Rmult_minus_distr_r, Rmult_assoc, <- pow_plus.
    replace (- q + q)%Z with 0%Z by ring. change (pow 0) with 1. ring.
Qed.

(** ** 3. Deposits into one bin *)

Definition sum (xs : list R) : R := fold_right Rplus 0 xs.

Definition abs_sum (xs : list R) : R := sum (map Rabs xs).

Definition steps (xs : list R) : R := INR (length xs).

Lemma sum_cons x xs : sum (x :: xs) = x + sum xs.
Proof. reflexivity. Qed.

Lemma abs_sum_cons x xs : abs_sum (x :: xs) = Rabs x + abs_sum xs.
Proof. reflexivity. Qed.

Lemma abs_sum_ge_0 xs : 0 <= abs_sum xs.
Proof.
induction xs as [| x xs IH].
- apply Rle_refl.
- rewrite abs_sum_cons. generalize (Rabs_pos x). lra.
Qed.

Lemma steps_cons x xs : steps (x :: xs) = steps xs + 1.
Proof. unfold steps. cbn [length]. apply S_INR. Qed.

Lemma steps_ge_0 xs : 0 <= steps xs.
Proof. apply pos_INR. Qed.

(** What a bin holds after a list of deposits, and what each of them left to the next bin. *)
Fixpoint pour_list (bin : R) (xs : list R) : R * list R :=
  match xs with
  | [] => (bin, [])
  | x :: xs' =>
    let after := pour_list (fst (pour bin x)) xs' in (fst after, snd (pour bin x) :: snd after)
  end.

(** A sequence of deposits into one bin: the bin and what it leaves hold the exact sum. *)
Theorem bin_accumulation_exact q bin xs :
  (emin <= q)%Z -> multiple q bin -> Forall double xs ->
  pow (52 + q) + (abs_sum xs + steps xs * pow (q - 1)) <= bin ->
  bin + (abs_sum xs + steps xs * pow (q - 1)) < pow (53 + q) ->
  let last := fst (pour_list bin xs) in
  let rests := snd (pour_list bin xs) in
  sum xs = (last - bin) + sum rests /\ multiple q (last - bin) /\
  Rabs (last - bin) <= abs_sum xs + steps xs * pow (q - 1) /\
  Forall (fun r => double r /\ Rabs r <= pow (q - 1)) rests.
Proof.
intros Hq. revert bin. pose proof (pow_gt_0 (q - 1)) as Hp.
induction xs as [| x xs IH]; intros bin Hm Hd Hl Hu; cbv zeta.
{ cbn [pour_list fst snd]. replace (bin - bin) with 0 by ring. rewrite Rabs_R0.
  unfold steps, abs_sum, sum. cbn. repeat split; try lra; try constructor. apply multiple_0. }
inversion Hd as [| ? ? Hx Hd']; subst.
rewrite abs_sum_cons, steps_cons in Hl, Hu.
pose proof (abs_sum_ge_0 xs) as Ha. pose proof (steps_ge_0 xs) as Hn.
pose proof (Rmult_le_pos _ _ Hn (Rlt_le _ _ Hp)) as Hnp.
pose proof (Rabs_def2 x (Rabs x + pow (q - 1)) ltac:(lra)) as Hxa.
destruct (pour_exact q bin x) as (t & Ht & Hs & _ & Hr & Hrd & Hrb); try assumption.
{ pose proof (Rabs_pos x). split; lra. }
{ pose proof (Rle_abs x). pose proof (Rle_abs (- x)) as Hneg. rewrite Rabs_Ropp in Hneg. split; lra. }
assert (Hta : Rabs t <= Rabs x + pow (q - 1)).
{ replace t with (x + - (x - t)) by ring. eapply Rle_trans; [apply Rabs_triang |].
  rewrite Rabs_Ropp. lra. }
assert (Hta' : - (Rabs x + pow (q - 1)) <= t <= Rabs x + pow (q - 1)).
{ pose proof (Rle_abs t). pose proof (Rle_abs (- t)) as Hneg. rewrite Rabs_Ropp in Hneg. split; lra. }
specialize (IH (bin + t)). cbv zeta in IH. rewrite <- Hs in IH.
destruct IH as (I1 & I2 & I3 & I4).
- rewrite Hs. now apply multiple_plus.
- exact Hd'.
- rewrite Hs. lra.
- rewrite Hs. lra.
- cbn [pour_list fst snd]. rewrite sum_cons, sum_cons, Hr.
  set (last := fst (pour_list (fst (pour bin x)) xs)) in *.
  replace (last - bin) with ((last - fst (pour bin x)) + t) by (rewrite Hs; ring).
  repeat split.
  + rewrite I1. ring.
  + now apply multiple_plus.
  + eapply Rle_trans; [apply Rabs_triang |]. rewrite abs_sum_cons, steps_cons. lra.
  + constructor; [split; assumption | exact I4].
Qed.

(** ** 4. A row of bins *)

Definition block_steps : Z := 32.
Definition bin_distance : Z := 46.
Definition low_row : Z := 53.
Definition most_top : Z := 690.
Definition headroom : Z := 50.
Definition footroom : Z := 7.
Definition bin_counts : list nat := [2; 3; 4; 7]%nat.

(** An empty bin of quantum 2^q: 1.5 2^(52 + q). *)
Definition empty_bin (q : Z) : R := 3 / 2 * pow (52 + q).

Fixpoint empty_row (q : Z) (bins : nat) : list R :=
  match bins with
  | O => []
  | S bins' => empty_bin q :: empty_row (q - bin_distance) bins'
  end.

Fixpoint add_to_row (row : list R) (x : R) : list R :=
  match row with
  | [] => []
  | bin :: row' =>
    match row' with
    | [] => [rnd (bin + x)]
    | _ => fst (pour bin x) :: add_to_row row' (snd (pour bin x))
    end
  end.

(** What the bins of a row hold beyond what empty ones do, summed. *)
Fixpoint row_value (q : Z) (row : list R) : R :=
  match row with
  | [] => 0
  | bin :: row' => (bin - empty_bin q) + row_value (q - bin_distance) row'
  end.

(** Every bin holds a whole number of its quanta, at most 2^51 more or fewer than an empty one does. *)
Fixpoint row_within (q : Z) (row : list R) : Prop :=
  match row with
  | [] => True
  | bin :: row' =>
    (exists k : Z, bin - empty_bin q = IZR k * pow q /\ (Z.abs k < 2 ^ 51)%Z) /\
    row_within (q - bin_distance) row'
  end.

(** After n deposits of absolute sum at most a. *)
Fixpoint row_after (n a : R) (q : Z) (row : list R) : Prop :=
  match row with
  | [] => True
  | bin :: row' =>
    multiple q (bin - empty_bin q) /\ Rabs (bin - empty_bin q) <= a + n * pow (q - 1) /\
    row_after n (n * pow (q - 1)) (q - bin_distance) row'
  end.

(** The quantum of the last bin of a row. *)
Definition last_quantum (q : Z) (bins : nat) : Z := (q - bin_distance * (Z.of_nat bins - 1))%Z.

Lemma last_quantum_S q bins : last_quantum q (S (S bins)) = last_quantum (q - bin_distance) (S bins).
Proof. unfold last_quantum, bin_distance. lia. Qed.

Lemma last_quantum_le q bins : (last_quantum q (S bins) <= q)%Z.
Proof. unfold last_quantum, bin_distance. lia. Qed.

Lemma multiple_empty_bin q : multiple q (empty_bin q).
Proof.
exists (3 * 2 ^ 51)%Z. unfold empty_bin. rewrite mult_IZR, (IZR_Zpower radix2) by lia.
replace (52 + q)%Z with (1 + 51 + q)%Z by ring. rewrite !pow_plus.
change (pow 1) with 2. unfold pow. field.
Qed.

Lemma empty_bin_pow q : empty_bin q = 3 * pow (51 + q).
Proof.
unfold empty_bin. replace (52 + q)%Z with (51 + q + 1)%Z by ring. rewrite pow_double. field.
Qed.

(** The room that 32 rests of the bin before have in a bin. *)
Lemma rests_fit q n : 0 <= n <= IZR block_steps ->
  n * pow (q - 1) + n * pow (q - bin_distance - 1) < pow (51 + (q - bin_distance)).
Proof.
intros Hn. unfold bin_distance.
replace (q - 1)%Z with (45 + (q - 46))%Z by ring.
replace (q - 46 - 1)%Z with (- (1) + (q - 46))%Z by ring.
rewrite !pow_plus. pose proof (pow_gt_0 q). pose proof (pow_gt_0 (q - 46)) as Hq.
change (pow (- (1))) with (/ 2).
change (pow 45) with (IZR (2 ^ 45)). change (pow 51) with (IZR (2 ^ 51)).
assert (IZR block_steps = 32) by reflexivity.
assert (n * (IZR (2 ^ 45) + / 2) < IZR (2 ^ 51)).
{ apply Rle_lt_trans with (32 * (IZR (2 ^ 45) + / 2)).
  - apply Rmult_le_compat_r; [| lra]. assert (0 < IZR (2 ^ 45)) by (apply IZR_lt; reflexivity). lra.
  - assert (IZR (2 ^ 51) = 64 * IZR (2 ^ 45)) by (rewrite <- mult_IZR; reflexivity).
    assert (1 <= IZR (2 ^ 45)) by (apply IZR_le; discriminate). lra. }
nra.
Qed.

Lemma row_step row : row <> [] -> forall q n a x b,
  (emin <= last_quantum q (length row))%Z -> double x -> multiple (last_quantum q (length row)) x ->
  Rabs x <= b -> 0 <= n -> n + 1 <= IZR block_steps -> 0 <= a ->
  a + b + (n + 1) * pow (q - 1) < pow (51 + q) -> row_after n a q row ->
  row_after (n + 1) (a + b) q (add_to_row row x) /\ length (add_to_row row x) = length row /\
  row_value q (add_to_row row x) = row_value q row + x.
Proof.
induction row as [| bin row IH]; [contradiction | intros _].
intros q n a x b Hmin Hx Hxm Hb Hn Hsteps Ha Hroom Hrow.
destruct Hrow as (Hm & Hba & Hrest).
pose proof (pow_gt_0 (q - 1)) as Hp.
pose proof (Rmult_le_pos _ _ Hn (Rlt_le _ _ Hp)) as Hnp.
pose proof (Rabs_pos x) as Hx0.
assert (Hxb : - b <= x <= b).
{ pose proof (Rle_abs x). pose proof (Rle_abs (- x)) as Hneg. rewrite Rabs_Ropp in Hneg. split; lra. }
assert (Hbb : - (a + n * pow (q - 1)) <= bin - empty_bin q <= a + n * pow (q - 1)).
{ pose proof (Rle_abs (bin - empty_bin q)). pose proof (Rle_abs (- (bin - empty_bin q))) as Hneg.
  rewrite Rabs_Ropp in Hneg. split; lra. }
pose proof (empty_bin_pow q) as He.
assert (H52 : pow (52 + q) = 2 * pow (51 + q)).
{ replace (52 + q)%Z with (51 + q + 1)%Z by ring. apply pow_double. }
assert (H53 : pow (53 + q) = 4 * pow (51 + q)).
{ replace (53 + q)%Z with (51 + q + 1 + 1)%Z by ring. rewrite !pow_double. ring. }
assert (Hbm : multiple q bin).
{ replace bin with (bin - empty_bin q + empty_bin q) by ring.
  apply multiple_plus; [exact Hm | apply multiple_empty_bin]. }
assert (Hqm : (emin <= q)%Z).
{ apply Z.le_trans with (1 := Hmin). apply last_quantum_le. }
destruct row as [| bin' row].
- assert (Hxq : multiple q x).
  { change (length [bin]) with 1%nat in Hxm. unfold last_quantum, bin_distance in Hxm.
    now replace (q - 46 * (Z.of_nat 1 - 1))%Z with q in Hxm by (cbn; ring). }
  assert (HR : rnd (bin + x) = bin + x).
  { apply rnd_double, double_of_multiple with q; try assumption.
    - now apply multiple_plus.
    - apply Rabs_def1; lra. }
  cbn [add_to_row row_after row_value length]. rewrite HR.
  replace (bin + x - empty_bin q) with (bin - empty_bin q + x) by ring.
  repeat split.
  + now apply multiple_plus.
  + eapply Rle_trans; [apply Rabs_triang |]. lra.
  + ring.
- destruct (pour_exact q bin x) as (t & Ht & Hs & _ & Hr & Hrd & Hrb); try assumption.
  { split; lra. }
  { split; lra. }
  assert (Hta : Rabs t <= b + pow (q - 1)).
  { replace t with (x + - (x - t)) by ring. eapply Rle_trans; [apply Rabs_triang |].
    rewrite Rabs_Ropp. lra. }
  change (length (bin :: bin' :: row)) with (S (S (length row))) in *.
  rewrite last_quantum_S in Hmin, Hxm.
  change (S (length row)) with (length (bin' :: row)) in Hmin, Hxm.
  assert (Htm : multiple (last_quantum (q - bin_distance) (length (bin' :: row))) t).
  { apply multiple_finer with (2 := Ht). apply Z.le_trans with (q - bin_distance)%Z.
    - apply last_quantum_le.
    - unfold bin_distance; lia. }
  destruct (IH ltac:(discriminate) (q - bin_distance)%Z n (n * pow (q - 1)) (x - t) (pow (q - 1)))
    as (I1 & I2 & I3); try assumption.
  { now apply multiple_minus. }
  { pose proof (rests_fit q (n + 1)) as Hf. lra. }
  change (add_to_row (bin :: bin' :: row) x)
    with (fst (pour bin x) :: add_to_row (bin' :: row) (snd (pour bin x))).
  rewrite Hr, Hs.
  replace ((n * pow (q - 1)) + pow (q - 1)) with ((n + 1) * pow (q - 1)) in I1 by ring.
  split; [| split].
  + split; [| split].
    * replace (bin + t - empty_bin q) with (bin - empty_bin q + t) by ring. now apply multiple_plus.
    * replace (bin + t - empty_bin q) with (bin - empty_bin q + t) by ring.
      eapply Rle_trans; [apply Rabs_triang |]. lra.
    * exact I1.
  + cbn [length] in *. now rewrite I2.
  + change (row_value q (bin + t :: add_to_row (bin' :: row) (x - t))) with
      (bin + t - empty_bin q + row_value (q - bin_distance) (add_to_row (bin' :: row) (x - t))).
    rewrite I3.
    change (row_value q (bin :: bin' :: row)) with
      (bin - empty_bin q + row_value (q - bin_distance) (bin' :: row)). ring.
Qed.

Lemma length_empty_row q bins : length (empty_row q bins) = bins.
Proof. revert q. induction bins as [| bins IH]; intros q; cbn; [reflexivity | now rewrite IH]. Qed.

Lemma row_after_empty q bins : row_after 0 0 q (empty_row q bins).
Proof.
assert (H : forall b, b - b = 0) by (intros; ring).
revert q. induction bins as [| bins IH]; intros q; cbn [empty_row row_after]; [exact I |].
rewrite H, Rabs_R0, Rmult_0_l. repeat split.
- apply multiple_0.
- lra.
- apply IH.
Qed.

Lemma row_value_empty q bins : row_value q (empty_row q bins) = 0.
Proof.
revert q. induction bins as [| bins IH]; intros q; cbn [empty_row row_value]; [reflexivity |].
rewrite IH. ring.
Qed.

Lemma row_within_after n row : 0 <= n <= IZR block_steps -> forall q a,
  a + n * pow (q - 1) < pow (51 + q) -> row_after n a q row -> row_within q row.
Proof.
intros Hn. induction row as [| bin row IH]; intros q a Ha Hrow; [exact I |].
destruct Hrow as ((k & Hk) & Hb & Hrest). split.
- exists k. split; [exact Hk |].
  apply lt_IZR. rewrite abs_IZR, (IZR_Zpower radix2) by lia.
  apply Rmult_lt_reg_r with (pow q); [apply pow_gt_0 |].
  replace (Rabs (IZR k) * pow q) with (Rabs (bin - empty_bin q)).
  + rewrite pow_plus in Ha. unfold pow in *. lra.
  + rewrite Hk, Rabs_mult, (Rabs_pos_eq (pow q)); [reflexivity | apply Rlt_le, pow_gt_0].
- apply IH with (2 := Hrest). now apply rests_fit.
Qed.

Lemma row_steps q xs : forall row n a,
  row <> [] -> (emin <= last_quantum q (length row))%Z ->
  Forall double xs -> Forall (multiple (last_quantum q (length row))) xs ->
  0 <= n -> n + steps xs <= IZR block_steps -> 0 <= a ->
  a + abs_sum xs + (n + steps xs) * pow (q - 1) < pow (51 + q) -> row_after n a q row ->
  let after := fold_left add_to_row xs row in
  row_after (n + steps xs) (a + abs_sum xs) q after /\ row_value q after = row_value q row + sum xs.
Proof.
pose proof (pow_gt_0 (q - 1)) as Hp.
induction xs as [| x xs IH]; intros row n a Hne Hmin Hd Hm Hn Hst Ha Hroom Hrow; cbv zeta.
{ unfold steps, abs_sum, sum. cbn. rewrite !Rplus_0_r. now split. }
inversion Hd as [| ? ? Hx Hd']; subst. inversion Hm as [| ? ? Hxm Hm']; subst.
rewrite abs_sum_cons, steps_cons in *.
pose proof (steps_ge_0 xs) as Hs. pose proof (abs_sum_ge_0 xs) as Has.
pose proof (Rmult_le_pos _ _ Hs (Rlt_le _ _ Hp)) as Hsp.
destruct (row_step row Hne q n a x (Rabs x)) as (S1 & S2 & S3); try assumption; try lra.
pose proof (Rabs_pos x) as Hx0.
destruct (IH (add_to_row row x) (n + 1) (a + Rabs x)) as (I1 & I2); try rewrite S2; try assumption; try lra.
{ intros H0. rewrite H0 in S2. destruct row; [contradiction | discriminate]. }
cbn [fold_left].
replace (n + (steps xs + 1)) with (n + 1 + steps xs) by ring.
replace (a + (Rabs x + abs_sum xs)) with (a + Rabs x + abs_sum xs) by ring.
split; [exact I1 |]. rewrite I2, S3, sum_cons. ring.
Qed.

(** The room that the certificate leaves in the first bin: 1.5 2^50 quanta of deposits would still do. *)
Lemma first_bin_fits q a n : 0 <= n <= IZR block_steps -> a <= 3 / 2 * pow (headroom + q) ->
  a + n * pow (q - 1) < pow (51 + q).
Proof.
intros Hn Ha. unfold headroom in Ha.
replace (51 + q)%Z with (5 + (46 + q))%Z by ring. replace (50 + q)%Z with (4 + (46 + q))%Z in Ha by ring.
assert (H1 : pow (q - 1) <= pow (46 + q) / 64).
{ apply Rle_trans with (pow (40 + q)); [apply pow_le; lia |].
  replace (46 + q)%Z with (6 + (40 + q))%Z by ring. rewrite (pow_plus 6). change (pow 6) with 64. lra. }
rewrite (pow_plus 5). rewrite (pow_plus 4) in Ha. change (pow 5) with 32. change (pow 4) with 16 in Ha.
assert (IZR block_steps = 32) by reflexivity.
pose proof (pow_gt_0 (46 + q)). pose proof (pow_gt_0 (q - 1)).
assert (n * pow (q - 1) <= 32 * (pow (46 + q) / 64)) by (apply Rmult_le_compat; lra).
lra.
Qed.

(** At most 32 deposits into a row of bins: the bins hold the exact sum, none is near its end. *)
Theorem row_exact q bins xs :
  (1 <= bins)%nat -> (emin <= last_quantum q bins)%Z -> steps xs <= IZR block_steps ->
  Forall double xs -> Forall (multiple (last_quantum q bins)) xs ->
  abs_sum xs <= 3 / 2 * pow (headroom + q) ->
  let after := fold_left add_to_row xs (empty_row q bins) in
  row_value q after = sum xs /\ row_within q after.
Proof.
intros Hb Hmin Hst Hd Hm Ha. cbv zeta.
assert (Hne : empty_row q bins <> []) by (destruct bins; [lia | discriminate]).
pose proof (first_bin_fits q _ _ (conj (steps_ge_0 xs) Hst) Ha) as Hf.
destruct (row_steps q xs (empty_row q bins) 0 0) as (H1 & H2); try rewrite length_empty_row;
  try assumption; try lra.
{ apply row_after_empty. }
rewrite !Rplus_0_l in H1. rewrite row_value_empty in H2.
split.
- lra.
- apply row_within_after with (steps xs) (abs_sum xs); try assumption.
  split; [apply steps_ge_0 | exact Hst].
Qed.

(** ** 5. One block of products *)

Definition high (xz : R * R) : R := hi (two_product_fused (fst xz) (snd xz)).
Definition low (xz : R * R) : R := lo (two_product_fused (fst xz) (snd xz)).
Definition product (xz : R * R) : R := fst xz * snd xz.

(** The rows of h and of l. *)
Definition add_product (rows : list R * list R) (xz : R * R) : list R * list R :=
  (add_to_row (fst rows) (high xz), add_to_row (snd rows) (low xz)).

Definition block_rows (top : Z) (bins : nat) (xzs : list (R * R)) : list R * list R :=
  fold_left add_product xzs (empty_row top bins, empty_row (top - low_row) bins).

Definition rows_value (top : Z) (rows : list R * list R) : R :=
  row_value top (fst rows) + row_value (top - low_row) (snd rows).

Definition rows_within (top : Z) (rows : list R * list R) : Prop :=
  row_within top (fst rows) /\ row_within (top - low_row) (snd rows).

Definition exact_sum (xzs : list (R * R)) : R := sum (map product xzs).

Definition doubles (xz : R * R) : Prop := double (fst xz) /\ double (snd xz).

(** [least] of the code is 2 to this. *)
Definition least_exponent (top : Z) (bins : nat) : Z :=
  (top + footroom - bin_distance * (Z.of_nat bins - 2))%Z.

(** What the kernels are called with. *)
Definition allowed (top : Z) (bins : nat) : Prop := In bins bin_counts /\ (Z.abs top <= most_top)%Z.

Lemma allowed_bins top bins : allowed top bins ->
  (2 <= bins <= 7)%nat /\ (- 690 <= top <= 690)%Z.
Proof.
intros [H1 H2]. unfold most_top in H2. split; [| lia].
cbn in H1. repeat (destruct H1 as [H1 | H1]; [lia |]). contradiction.
Qed.

Lemma block_rows_fold top bins xzs :
  block_rows top bins xzs =
  (fold_left add_to_row (map high xzs) (empty_row top bins),
   fold_left add_to_row (map low xzs) (empty_row (top - low_row) bins)).
Proof.
unfold block_rows. generalize (empty_row top bins) (empty_row (top - low_row) bins).
induction xzs as [| xz xzs IH]; intros r s; [reflexivity |].
cbn [fold_left map]. unfold add_product at 2. cbn [fst snd]. apply IH.
Qed.

Lemma exact_product_multiple m x z :
  double x -> double z -> pow m <= Rabs (x * z) -> multiple (m - 105) (x * z).
Proof.
intros Hx Hz Hm.
set (ex := cexp radix2 double_exp x). set (ez := cexp radix2 double_exp z).
assert (Hmag : forall u, double u -> Rabs u < pow (53 + cexp radix2 double_exp u)).
{ intros u _. apply Rlt_le_trans with (pow (mag radix2 u)).
  - apply bpow_mag_gt.
  - apply pow_le. unfold cexp, double_exp, FLT_exp. lia. }
assert (He : (m < (53 + ex) + (53 + ez))%Z).
{ apply (lt_bpow radix2). apply Rle_lt_trans with (1 := Hm).
  rewrite Rabs_mult, bpow_plus. pose proof (Hmag x Hx). pose proof (Hmag z Hz).
  apply Rmult_le_0_lt_compat; try apply Rabs_pos; assumption. }
apply multiple_finer with (ex + ez)%Z; [lia |].
exists (Ztrunc (scaled_mantissa radix2 double_exp x) *
        Ztrunc (scaled_mantissa radix2 double_exp z))%Z.
rewrite mult_IZR, pow_plus. unfold double, generic_format in Hx, Hz.
rewrite Hx at 1. rewrite Hz at 1. unfold F2R. cbn [Fnum Fexp]. fold ex ez. unfold pow. ring.
Qed.

Lemma rounding_error p : pow (-1022) <= Rabs (rnd p) -> Rabs (rnd p - p) <= pow (-53) * Rabs (rnd p).
Proof.
intros H. unfold rnd in *.
eapply Rle_trans; [apply error_le_half_ulp_round; typeclasses eauto |].
eapply Rle_trans.
- apply Rmult_le_compat_l; [lra |]. apply (ulp_FLT_le radix2 (-1074) 53). exact H.
- change (bpow radix2 (1 - 53)) with (pow (1 + -53)). rewrite pow_plus. change (pow 1) with 2. lra.
Qed.

Lemma rounded_product_at_least m p : (emin <= m)%Z -> pow m <= Rabs p -> pow m <= Rabs (rnd p).
Proof. intros Hm H. apply rnd_abs_ge; [now apply double_pow | exact H]. Qed.

Lemma product_large_enough m p : (-1022 <= m)%Z -> pow m <= Rabs (rnd p) ->
  Rabs p <= (1 + pow (-53)) * Rabs (rnd p) /\ (1 - pow (-53)) * Rabs (rnd p) <= Rabs p.
Proof.
intros Hm H.
assert (H1 : Rabs (rnd p - p) <= pow (-53) * Rabs (rnd p)).
{ apply rounding_error. apply Rle_trans with (2 := H). now apply pow_le. }
pose proof (Rabs_triang_inv (rnd p) p) as T1.
pose proof (Rabs_triang_inv p (rnd p)) as T2. rewrite (Rabs_minus_sym p) in T2.
lra.
Qed.

Lemma pow_m53 : 0 < pow (-53) <= / 1024.
Proof. split; [apply pow_gt_0 |]. change (/ 1024) with (pow (-10)). apply pow_le. lia. Qed.

Lemma abs_sum_map_le {A} (f g : A -> R) c l :
  (forall x, In x l -> Rabs (f x) <= c * Rabs (g x)) -> abs_sum (map f l) <= c * abs_sum (map g l).
Proof.
induction l as [| x l IH]; intros H.
- unfold abs_sum. cbn. lra.
- cbn [map]. rewrite !abs_sum_cons.
  pose proof (H x (or_introl eq_refl)). pose proof (IH (fun y Hy => H y (or_intror Hy))). lra.
Qed.

(** Both rows together hold the exact sum of the products. *)
Theorem block_exact top bins xzs :
  allowed top bins -> steps (map high xzs) <= IZR block_steps -> Forall doubles xzs ->
  abs_sum (map high xzs) <= 3 / 2 * pow (headroom + top) ->
  Forall (fun xz => product xz = 0 \/ pow (least_exponent top bins - 1) <= Rabs (product xz)) xzs ->
  rows_value top (block_rows top bins xzs) = exact_sum xzs /\ rows_within top (block_rows top bins xzs).
Proof.
intros Hall Hst Hd Ha Hl. destruct (allowed_bins _ _ Hall) as [Hbins Htop].
rewrite block_rows_fold. unfold rows_value, rows_within. cbn [fst snd].
set (m := (least_exponent top bins - 1)%Z) in *.
assert (Hm : (-969 <= m)%Z) by (unfold m, least_exponent, footroom, bin_distance; lia).
assert (Hq : last_quantum top bins = (m - 52)%Z).
{ unfold m, last_quantum, least_exponent, footroom, bin_distance. ring. }
assert (Hq' : last_quantum (top - low_row) bins = (m - 105)%Z).
{ unfold m, last_quantum, least_exponent, footroom, bin_distance, low_row. ring. }
assert (Hmin : (emin <= m - 105)%Z) by (unfold emin; lia).
rewrite Forall_forall in Hd, Hl.
assert (Hhm : forall xz, In xz xzs -> multiple (m - 52) (high xz)).
{ intros xz Hin. destruct (Hl xz Hin) as [H0 | H0]; unfold high, two_product_fused; cbn [hi fst].
  - unfold product in H0. rewrite H0, rnd_0. apply multiple_0.
  - apply multiple_of_double; [apply double_rnd |].
  apply rounded_product_at_least; [unfold emin; lia | exact H0]. }
assert (Hpm : forall xz, In xz xzs -> multiple (m - 105) (product xz)).
{ intros xz Hin. destruct (Hl xz Hin) as [H0 | H0].
  - rewrite H0. apply multiple_0.
  - destruct (Hd xz Hin). now apply exact_product_multiple. }
assert (Hsum : forall xz, In xz xzs -> high xz + low xz = product xz).
{ intros xz Hin. destruct (Hd xz Hin) as [Hx Hz]. apply two_product_fused_exact; try assumption.
  destruct (Hl xz Hin) as [H0 | H0]; [now left | right].
  apply Rle_trans with (2 := H0). now apply pow_le. }
assert (Hlow : forall xz, In xz xzs -> Rabs (low xz) <= pow (-53) * Rabs (high xz)).
{ intros xz Hin. replace (low xz) with (- (high xz - product xz)) by (rewrite <- (Hsum xz Hin); ring).
  rewrite Rabs_Ropp. destruct (Hl xz Hin) as [H0 | H0]; unfold high, two_product_fused; cbn [hi fst].
  - unfold product in *. rewrite H0, rnd_0, Rminus_0_r, Rabs_R0. lra.
  - apply rounding_error. apply Rle_trans with (pow m); [apply pow_le; lia |].
    apply rounded_product_at_least; [unfold emin; lia | exact H0]. }
destruct (row_exact top bins (map high xzs)) as (V1 & W1); try assumption; try lia.
{ apply Forall_forall. intros h Hin. apply in_map_iff in Hin. destruct Hin as (xz & <- & _).
apply double_rnd. }
{ apply Forall_forall. intros h Hin. apply in_map_iff in Hin. destruct Hin as (xz & <- & Hin).
  rewrite Hq. now apply Hhm. }
destruct (row_exact (top - low_row) bins (map low xzs)) as (V2 & W2); try lia.
{ unfold steps in *. now rewrite map_length in *. }
{ apply Forall_forall. intros h Hin. apply in_map_iff in Hin. destruct Hin as (xz & <- & _).
apply double_rnd. }
{ apply Forall_forall. intros h Hin. apply in_map_iff in Hin. destruct Hin as (xz & <- & Hin).
  rewrite Hq'. replace (low xz) with (product xz - high xz) by (rewrite <- (Hsum xz Hin); ring).
  apply multiple_minus; [now apply Hpm |]. apply multiple_finer with (2 := Hhm xz Hin). lia. }
{ apply Rle_trans with (pow (-53) * abs_sum (map high xzs)); [now apply abs_sum_map_le |].
  replace (headroom + (top - low_row))%Z with (-53 + (headroom + top))%Z by (unfold low_row; ring).
  rewrite (pow_plus (-53)). pose proof pow_m53.
  apply Rle_trans with (pow (-53) * (3 / 2 * pow (headroom + top))); [apply Rmult_le_compat_l; lra | lra]. }
rewrite V1, V2. split; [| now split].
unfold exact_sum. clear -Hsum. induction xzs as [| xz xzs IH]; [unfold sum; cbn; ring |].
cbn [map]. rewrite !sum_cons. rewrite <- (Hsum xz (or_introl eq_refl)).
rewrite <- IH by (intros y Hy; apply Hsum; now right). ring.
Qed.

(** ** 6. The certificate of a scalar product *)

(** The conditions under which a block is exact (section 5). *)
Definition conditions (top : Z) (bins : nat) (xzs : list (R * R)) : Prop :=
  abs_sum (map high xzs) <= 3 / 2 * pow (headroom + top) /\
  Forall (fun xz => product xz = 0 \/ pow (least_exponent top bins - 1) <= Rabs (product xz)) xzs.

(** What the kernel has for the sum of |h| of one lane. *)
Definition lane_sum (xzs : list (R * R)) : R := fold_left (fun s xz => rnd (s + Rabs (high xz))) xzs 0.

Definition dots_certificate (top : Z) (bins : nat) (xzs : list (R * R)) : Prop :=
  lane_sum xzs <= pow (top + headroom) /\
  Forall (fun xz => fst xz = 0 \/ snd xz = 0 \/ pow (least_exponent top bins) <= Rabs (high xz)) xzs.

Lemma lane_sum_close xzs : forall s, double s -> 0 <= s ->
  let total := fold_left (fun s xz => rnd (s + Rabs (high xz))) xzs s in
  s <= total /\ s + abs_sum (map high xzs) <= (1 + INR (length xzs) * pow (-53)) * total.
Proof.
pose proof pow_m53 as Hu.
induction xzs as [| xz xzs IH]; intros s Hd Hs; cbv zeta.
{ unfold abs_sum. cbn. lra. }
cbn [fold_left map length]. rewrite abs_sum_cons, S_INR.
assert (Ha : double (Rabs (high xz))) by (apply generic_format_abs, double_rnd).
pose proof (Rabs_pos (high xz)) as Ha0.
assert (Hs' : s <= rnd (s + Rabs (high xz))).
{ rewrite <- (rnd_double s) at 1 by exact Hd. apply rnd_le. lra. }
destruct (IH (rnd (s + Rabs (high xz))) (double_rnd _) ltac:(lra)) as [I1 I2].
set (s' := rnd (s + Rabs (high xz))) in *. set (total := fold_left _ xzs s') in *.
assert (He : s + Rabs (high xz) <= s' + pow (-53) * s').
{ pose proof (rnd_error_sum_rounded s (Rabs (high xz)) Hd Ha) as Hr. fold s' in Hr.
  rewrite u_bpow, (Rabs_pos_eq s') in Hr by lra. fold (pow (-53)) in Hr.
  pose proof (Rle_abs (- (s' - (s + Rabs (high xz))))) as Hn. rewrite Rabs_Ropp in Hn. lra. }
split; [lra |].
assert (pow (-53) * s' <= pow (-53) * total) by (apply Rmult_le_compat_l; lra).
lra.
Qed.

Lemma certified_product top bins p : allowed top bins -> pow (least_exponent top bins) <= Rabs (rnd p) ->
  pow (least_exponent top bins - 1) <= Rabs p.
Proof.
intros Hall H. destruct (allowed_bins _ _ Hall) as [Hbins Htop].
assert (Hm : (-1022 <= least_exponent top bins)%Z).
{ unfold least_exponent, footroom, bin_distance. lia. }
destruct (product_large_enough _ p Hm H) as [_ H2]. pose proof pow_m53 as Hu.
assert (Hd : pow (least_exponent top bins) = 2 * pow (least_exponent top bins - 1)).
{ rewrite <- pow_double. f_equal. ring. }
pose proof (pow_gt_0 (least_exponent top bins - 1)). pose proof (Rabs_pos (rnd p)).
assert (/ 2 * Rabs (rnd p) <= (1 - pow (-53)) * Rabs (rnd p)) by (apply Rmult_le_compat_r; lra). lra.
Qed.

Lemma dots_conditions top bins xzs :
  allowed top bins -> INR (length xzs) <= IZR block_steps -> dots_certificate top bins xzs ->
  conditions top bins xzs.
Proof.
intros Hall Hn [C1 C2]. split.
- destruct (lane_sum_close xzs 0) as [_ H]; [apply generic_format_0 | lra |].
  fold (lane_sum xzs) in H. rewrite Rplus_0_l in H. apply Rle_trans with (1 := H).
  rewrite (Z.add_comm headroom). pose proof pow_m53. pose proof (pow_gt_0 (top + headroom)) as Hp.
  pose proof (pos_INR (length xzs)) as Hn0.
  assert (INR (length xzs) * pow (-53) <= 32 * / 1024).
  { apply Rmult_le_compat; try lra. exact Hn. }
  assert (0 <= INR (length xzs) * pow (-53)) by (apply Rmult_le_pos; lra).
  apply Rle_trans with ((1 + INR (length xzs) * pow (-53)) * pow (top + headroom));
    [apply Rmult_le_compat_l; lra | apply Rmult_le_compat_r; lra].
- apply Forall_impl with (2 := C2). intros [x z] [H | [H | H]]; cbn [fst snd] in H; unfold product;
  cbn [fst snd].
  + left. rewrite H. ring.
  + left. rewrite H. ring.
  + right. now apply certified_product.
Qed.

(** The certificate of scalar products, with the rounded lane sum of the code, implies that. *)
Theorem dots_block_exact top bins xzs :
  allowed top bins -> (Z.of_nat (length xzs) <= block_steps)%Z -> Forall doubles xzs ->
  dots_certificate top bins xzs ->
  rows_value top (block_rows top bins xzs) = exact_sum xzs /\ rows_within top (block_rows top bins xzs).
Proof.
intros Hall Hst Hd C.
assert (Hn : INR (length xzs) <= IZR block_steps) by (rewrite INR_IZR_INZ; now apply IZR_le).
destruct (dots_conditions top bins xzs Hall Hn C) as [S L].
apply block_exact; try assumption. unfold steps. now rewrite map_length.
Qed.

Lemma lane_sum_grows xzs : forall s s', s <= s' -> 0 <= s ->
  fold_left (fun s xz => rnd (s + Rabs (high xz))) xzs s <=
  fold_left (fun s xz => rnd (s + Rabs (high xz))) xzs s'.
Proof.
induction xzs as [| xz xzs IH]; intros s s' H Hs; [exact H |]. cbn [fold_left].
pose proof (Rabs_pos (high xz)). apply IH; [apply rnd_le; lra | apply rnd_pos; lra].
Qed.

(** What look_dots sees of a lane of a whole block certifies both of its halves, which have bins of their
    own. *)
Theorem look_certifies top bins before after :
  dots_certificate top bins (before ++ after) ->
  dots_certificate top bins before /\ dots_certificate top bins after.
Proof.
intros [S L]. apply Forall_app in L. destruct L as [L1 L2]. unfold lane_sum in S. rewrite fold_left_app in S.
fold (lane_sum before) in S.
destruct (lane_sum_close before 0) as [H0 _]; [apply double_0 | apply Rle_refl |].
fold (lane_sum before) in H0.
assert (Hd : double (lane_sum before)).
{ unfold lane_sum. destruct before as [| xz l] using rev_ind; [apply double_0 |].
  rewrite fold_left_app. apply double_rnd. }
destruct (lane_sum_close after (lane_sum before) Hd H0) as [H1 _].
pose proof (lane_sum_grows after 0 (lane_sum before) H0 (Rle_refl 0)) as H2. fold (lane_sum after) in H2.
split; (split; [| assumption]); lra.
Qed.

(** ** 7. The certificate of the three sums g.g, g.y and y.y *)

Definition high_row (top : Z) (bins : nat) (xzs : list (R * R)) : list R :=
  fold_left add_to_row (map high xzs) (empty_row top bins).

Definition gg (gys : list (R * R)) : list (R * R) := map (fun gy => (fst gy, fst gy)) gys.
Definition yy (gys : list (R * R)) : list (R * R) := map (fun gy => (snd gy, snd gy)) gys.

(** The first quantum for g.y: the mean of the other two, rounded up. *)
Definition cross_top (top_gg top_yy : Z) : Z := ((top_gg + top_yy + 1) / 2)%Z.

(** What the first bin of squares may hold in the end. *)
Definition most (top : Z) : R := empty_bin top + pow (headroom + top).

Definition squares_certificate (top : Z) (bins : nat) (xs : list R) : Prop :=
  let squares := map (fun x => (x, x)) xs in
  hd 0 (high_row top bins squares) <= most top /\
  Forall (fun x => x = 0 \/ pow (least_exponent top bins) <= high (x, x)) xs.

Definition gram_certificate (top_gg top_yy : Z) (bins : nat) (gys : list (R * R)) : Prop :=
  squares_certificate top_gg bins (map fst gys) /\ squares_certificate top_yy bins (map snd gys).

Lemma hd_add_to_row row x : row <> [] -> hd 0 (add_to_row row x) = rnd (hd 0 row + x) /\ add_to_row row x <>
  [].
Proof. destruct row as [| b [| b' row]]; [contradiction | |]; intros _; split; try reflexivity;
  discriminate. Qed.

Lemma hd_fold xs : forall row, row <> [] ->
  hd 0 (fold_left add_to_row xs row) = fold_left (fun b x => rnd (b + x)) xs (hd 0 row).
Proof.
induction xs as [| x xs IH]; intros row Hne; [reflexivity |].
destruct (hd_add_to_row row x Hne) as [H1 H2]. cbn [fold_left]. rewrite IH by exact H2. now rewrite H1.
Qed.

(** A bin of squares never falls; so if it is in its binade in the end, it always was. *)
Lemma first_bin_total q xs : (emin <= q)%Z -> Forall (fun x => double x /\ 0 <= x) xs ->
  forall b, multiple q b -> pow (52 + q) <= b ->
  let last := fold_left (fun b x => rnd (b + x)) xs b in
  last < pow (53 + q) -> b <= last /\ b + abs_sum xs <= last + steps xs * pow (q - 1).
Proof.
intros Hq. pose proof (pow_gt_0 (q - 1)) as Hp.
induction xs as [| x xs IH]; intros Hxs b Hm Hb; cbv zeta; intros Hlast.
{ unfold abs_sum, steps, sum. cbn in *. lra. }
inversion Hxs as [| ? ? [Hx Hx0] Hxs']; subst. cbn [fold_left] in *.
rewrite abs_sum_cons, steps_cons, (Rabs_pos_eq x Hx0).
assert (Hbb : forall c, multiple q c -> pow (52 + q) <= c -> fold_left (fun b x => rnd (b + x)) xs c < pow
  (53 + q) ->
  c <= fold_left (fun b x => rnd (b + x)) xs c) by (intros c H1 H2 H3; now apply IH).
(* The new content is in the binade: were it above, it would have stayed there. *)
assert (Hmono : forall l c, Forall (fun x => double x /\ 0 <= x) l -> double c ->
  c <= fold_left (fun b x => rnd (b + x)) l c).
{ clear. induction l as [| x l IH]; intros c Hl Hc; [apply Rle_refl |].
  inversion Hl as [| ? ? [Hx Hx0] Hl']; subst. cbn [fold_left].
  apply Rle_trans with (rnd (c + x)); [| apply IH; [exact Hl' | apply double_rnd]].
  rewrite <- (rnd_double c) at 1 by exact Hc. apply rnd_le. lra. }
pose proof (Hmono xs (rnd (b + x)) Hxs' (double_rnd _)) as Hle.
assert (Hbx : b + x < pow (53 + q)).
{ apply Rnot_le_lt. intros H. apply rnd_le in H. rewrite rnd_double in H by (apply double_pow; lia). lra. }
destruct (pour_exact q b x) as (t & Ht & Hs & _ & _ & _ & Hr); try assumption; try (split; lra).
unfold pour in Hs. cbn [fst] in Hs.
assert (Hup : b <= rnd (b + x)).
{ assert (Hbd : double b).
  { apply double_of_multiple with q; try assumption. pose proof (pow_gt_0 (52 + q)).
  rewrite Rabs_pos_eq; lra. }
  rewrite <- (rnd_double b) at 1 by exact Hbd. apply rnd_le. lra. }
destruct (IH Hxs' (rnd (b + x))) as [I1 I2]; try assumption.
{ rewrite Hs. now apply multiple_plus. }
{ lra. }
pose proof (Rle_abs (x - t)). split; lra.
Qed.

Lemma steps_map {A} (f : A -> R) l : steps (map f l) = INR (length l).
Proof. unfold steps. now rewrite map_length. Qed.

Lemma square_ge_0 x : 0 <= x * x.
Proof. apply Rle_0_sqr. Qed.

Lemma squares_sum top bins xs :
  allowed top bins -> INR (length xs) <= IZR block_steps -> squares_certificate top bins xs ->
  abs_sum (map (fun x => high (x, x)) xs) <= 9 / 8 * pow (headroom + top).
Proof.
intros Hall Hn [C _]. destruct (allowed_bins _ _ Hall) as [Hbins Htop].
unfold high_row in C. rewrite map_map in C.
set (hs := map (fun x => high (x, x)) xs) in *.
assert (Hne : empty_row top bins <> []) by (destruct bins; [lia | discriminate]).
assert (Hhd : hd 0 (empty_row top bins) = empty_bin top) by (destruct bins; [lia | reflexivity]).
rewrite hd_fold, Hhd in C by exact Hne.
assert (H52 : pow (52 + top) = 2 * pow (51 + top)).
{ replace (52 + top)%Z with (51 + top + 1)%Z by ring. apply pow_double. }
assert (H53 : pow (53 + top) = 4 * pow (51 + top)).
{ replace (53 + top)%Z with (51 + top + 1 + 1)%Z by ring. rewrite !pow_double. ring. }
assert (H51 : pow (51 + top) = 2 * pow (headroom + top)).
{ unfold headroom. replace (51 + top)%Z with (50 + top + 1)%Z by ring. apply pow_double. }
pose proof (pow_gt_0 (headroom + top)) as Hp. pose proof (empty_bin_pow top) as He. unfold most in C.
destruct (first_bin_total top hs ltac:(unfold emin; lia)) with (b := empty_bin top) as [_ H].
- apply Forall_forall. intros h Hin. apply in_map_iff in Hin. destruct Hin as (x & <- & _).
  split; [apply double_rnd | apply rnd_pos, square_ge_0].
- apply multiple_empty_bin.
- lra.
- lra.
- assert (Hst : steps hs = INR (length xs)) by apply steps_map. rewrite Hst in H.
  assert (Hs : INR (length xs) * pow (top - 1) <= / 8 * pow (headroom + top)).
  { assert (Hq : pow (top - 1) <= pow (headroom + top) * / 1024).
    { change (/ 1024) with (pow (-10)). rewrite <- pow_plus. apply pow_le. unfold headroom. lia. }
    pose proof (pow_gt_0 (top - 1)). pose proof (pos_INR (length xs)).
    assert (INR (length xs) * pow (top - 1) <= 32 * (pow (headroom + top) * / 1024)); [| lra].
    apply Rmult_le_compat; try lra. exact Hn. }
  lra.
Qed.

Lemma squares_conditions top bins xs :
  allowed top bins -> INR (length xs) <= IZR block_steps -> squares_certificate top bins xs ->
  conditions top bins (map (fun x => (x, x)) xs).
Proof.
intros Hall Hn C. split.
- pose proof (squares_sum top bins xs Hall Hn C) as H. rewrite map_map.
  pose proof (pow_gt_0 (headroom + top)). lra.
- destruct C as [_ C]. apply Forall_forall. intros xz Hin. apply in_map_iff in Hin.
  destruct Hin as (x & <- & Hin). rewrite Forall_forall in C. unfold product. cbn [fst snd].
  destruct (C x Hin) as [H | H].
  + left. rewrite H. ring.
  + right. apply certified_product; [exact Hall |]. apply Rle_trans with (1 := H). apply Rle_abs.
Qed.

Lemma cross_top_bounds a b : (a + b <= 2 * cross_top a b <= a + b + 1)%Z.
Proof.
unfold cross_top. pose proof (Z.div_mod (a + b + 1) 2 ltac:(discriminate)).
pose proof (Z.mod_pos_bound (a + b + 1) 2 eq_refl). lia.
Qed.

Lemma allowed_cross a b bins : allowed a bins -> allowed b bins -> allowed (cross_top a b) bins.
Proof.
intros [H1 H2] [_ H3]. split; [exact H1 |]. pose proof (cross_top_bounds a b).
unfold most_top in *. lia.
Qed.

(** |g y| is the geometric mean of the squares, and its exponent loses at most 1/2 by rounding up. *)
Lemma cross_least a b bins g y : allowed a bins -> allowed b bins ->
  pow (least_exponent a bins) <= high (g, g) -> pow (least_exponent b bins) <= high (y, y) ->
  pow (least_exponent (cross_top a b) bins - 1) <= Rabs (g * y).
Proof.
intros Ha Hb Hg Hy. destruct (allowed_bins _ _ Ha) as [Hbins Hta]. destruct (allowed_bins _ _ Hb) as [_ Htb].
unfold high, two_product_fused in Hg, Hy. cbn [hi fst snd] in Hg, Hy.
assert (Hsq : forall t x, (-690 <= t)%Z -> pow (least_exponent t bins) <= rnd (x * x) ->
  15 / 16 * pow (least_exponent t bins) <= x * x).
{ intros t x Ht H. destruct (product_large_enough (least_exponent t bins) (x * x)) as [_ H1].
  - unfold least_exponent, footroom, bin_distance. lia.
  - apply Rle_trans with (1 := H). apply Rle_abs.
  - rewrite (Rabs_pos_eq (x * x)) in H1 by apply square_ge_0.
    rewrite (Rabs_pos_eq (rnd _)) in H1 by apply rnd_pos, square_ge_0.
    pose proof pow_m53. pose proof (pow_gt_0 (least_exponent t bins)).
    assert (15 / 16 * rnd (x * x) <= (1 - pow (-53)) * rnd (x * x)) by (apply Rmult_le_compat_r; lra). lra. }
apply Hsq in Hg; [| lia]. apply Hsq in Hy; [| lia].
set (P := pow (least_exponent (cross_top a b) bins - 1)).
assert (HP : 2 * (P * P) <= pow (least_exponent a bins) * pow (least_exponent b bins)).
{ unfold P. rewrite <- !pow_plus, <- pow_double. apply pow_le.
  pose proof (cross_top_bounds a b). unfold least_exponent, footroom, bin_distance. lia. }
apply Rnot_lt_le. intros Hlt.
pose proof (pow_gt_0 (least_exponent a bins)) as Hpa. pose proof (pow_gt_0 (least_exponent b bins)) as Hpb.
assert (H1 : Rabs (g * y) * Rabs (g * y) < P * P).
{ apply Rmult_le_0_lt_compat; try apply Rabs_pos; exact Hlt. }
rewrite <- Rabs_mult, Rabs_pos_eq in H1 by apply square_ge_0.
assert (H2 : 15 / 16 * pow (least_exponent a bins) * (15 / 16 * pow (least_exponent b bins)) <= (g * g) * (y
  * y)).
{ apply Rmult_le_compat; lra. }
replace (g * y * (g * y)) with (g * g * (y * y)) in H1 by ring.
pose proof (Rmult_lt_0_compat _ _ Hpa Hpb). lra.
Qed.

(** |g y| <= (w g^2 + y^2 / w) / 2 for every w > 0, with the roundings of all three. *)
Lemma cross_high a b bins g y w w' : allowed a bins -> allowed b bins -> 0 < w -> 0 < w' -> w * w' = 1 ->
  (g = 0 \/ pow (least_exponent a bins) <= high (g, g)) ->
  (y = 0 \/ pow (least_exponent b bins) <= high (y, y)) ->
  Rabs (high (g, y)) <= 9 / 16 * (w * high (g, g) + w' * high (y, y)).
Proof.
intros Ha Hb Hw Hw' Hww Hg Hy.
assert (H0 : 0 <= 9 / 16 * (w * high (g, g) + w' * high (y, y))).
{ assert (Hg0 : 0 <= high (g, g)) by apply rnd_pos, square_ge_0.
  assert (Hy0 : 0 <= high (y, y)) by apply rnd_pos, square_ge_0.
  pose proof (Rmult_le_pos w _ (Rlt_le _ _ Hw) Hg0). pose proof (Rmult_le_pos w' _ (Rlt_le _ _ Hw') Hy0).
  lra. }
assert (Hzero : g * y = 0 -> Rabs (high (g, y)) <= 9 / 16 * (w * high (g, g) + w' * high (y, y))).
{ intros Hz. unfold high at 1, two_product_fused. cbn [hi fst snd]. rewrite Hz, rnd_0, Rabs_R0. exact H0. }
destruct Hg as [Hg | Hg]; [apply Hzero; rewrite Hg; ring |].
destruct Hy as [Hy | Hy]; [apply Hzero; rewrite Hy; ring |]. clear Hzero H0.
destruct (allowed_bins _ _ Ha) as [Hbins Hta]. destruct (allowed_bins _ _ Hb) as [_ Htb].
pose proof (cross_least a b bins g y Ha Hb Hg Hy) as Hl. pose proof (cross_top_bounds a b) as Hc.
pose proof pow_m53 as Hu.
unfold high, two_product_fused in *. cbn [hi fst snd] in *.
assert (Hsq : forall t x, (-690 <= t)%Z -> pow (least_exponent t bins) <= rnd (x * x) ->
  x * x <= (1 + / 1024) * rnd (x * x)).
{ intros t x Ht H. destruct (product_large_enough (least_exponent t bins) (x * x)) as [H1 _].
  - unfold least_exponent, footroom, bin_distance. lia.
  - apply Rle_trans with (1 := H). apply Rle_abs.
  - rewrite (Rabs_pos_eq (x * x)) in H1 by apply square_ge_0.
    pose proof (rnd_pos _ (square_ge_0 x)) as Hr. rewrite (Rabs_pos_eq _ Hr) in H1.
    assert ((1 + pow (-53)) * rnd (x * x) <= (1 + / 1024) * rnd (x * x)) by (apply Rmult_le_compat_r; lra).
    lra. }
apply Hsq in Hg; [| lia]. apply Hsq in Hy; [| lia]. clear Hsq.
destruct (product_large_enough (least_exponent (cross_top a b) bins - 1) (g * y)) as [_ H1].
{ unfold least_exponent, footroom, bin_distance. lia. }
{ apply rounded_product_at_least; [unfold emin, least_exponent, footroom, bin_distance; lia | exact Hl]. }
assert (Hmean : 2 * Rabs (g * y) <= w * (g * g) + w' * (y * y)).
{ rewrite Rabs_mult. pose proof (square_ge_0 (Rabs g - w' * Rabs y)) as Hs.
  assert (Hg2 : Rabs g * Rabs g = g * g) by (rewrite <- Rabs_mult; apply Rabs_pos_eq, square_ge_0).
  assert (Hy2 : Rabs y * Rabs y = y * y) by (rewrite <- Rabs_mult; apply Rabs_pos_eq, square_ge_0).
  apply (Rmult_le_compat_l w) in Hs; [| lra]. rewrite Rmult_0_r in Hs.
  replace (w * ((Rabs g - w' * Rabs y) * (Rabs g - w' * Rabs y))) with
    (w * (Rabs g * Rabs g) - 2 * (w * w') * (Rabs g * Rabs y) + w * w' * w' * (Rabs y * Rabs y)) in Hs by
      ring.
  rewrite Hww, Hg2, Hy2 in Hs. lra. }
apply (Rmult_le_compat_l w) in Hg; [| lra]. apply (Rmult_le_compat_l w') in Hy; [| lra].
assert (H2 : (1 - / 1024) * Rabs (rnd (g * y)) <= (1 - pow (-53)) * Rabs (rnd (g * y))).
{ apply Rmult_le_compat_r; [apply Rabs_pos | lra]. }
assert (0 <= w * rnd (g * g)) by (apply Rmult_le_pos; [lra | apply rnd_pos, square_ge_0]).
assert (0 <= w' * rnd (y * y)) by (apply Rmult_le_pos; [lra | apply rnd_pos, square_ge_0]).
lra.
Qed.

Lemma cross_conditions a b bins gys :
  allowed a bins -> allowed b bins -> INR (length gys) <= IZR block_steps -> gram_certificate a b bins gys ->
  conditions (cross_top a b) bins gys.
Proof.
intros Ha Hb Hn [Cg Cy].
pose proof (squares_sum a bins (map fst gys) Ha ltac:(now rewrite map_length) Cg) as Sg.
rewrite map_map in Sg.
pose proof (squares_sum b bins (map snd gys) Hb ltac:(now rewrite map_length) Cy) as Sy.
rewrite map_map in Sy.
destruct Cg as [_ Lg]. destruct Cy as [_ Ly]. rewrite Forall_forall in Lg, Ly.
set (t := cross_top a b). pose proof (cross_top_bounds a b) as Hc. fold t in Hc.
assert (Hg : forall gy, In gy gys -> fst gy = 0 \/ pow (least_exponent a bins) <= high (fst gy, fst gy)).
{ intros gy Hin. apply Lg. now apply in_map. }
assert (Hy : forall gy, In gy gys -> snd gy = 0 \/ pow (least_exponent b bins) <= high (snd gy, snd gy)).
{ intros gy Hin. apply Ly. now apply in_map. }
split.
- assert (Hw : pow (t - a) * pow (a - t) = 1).
  { rewrite <- pow_plus. now replace (t - a + (a - t))%Z with 0%Z by ring. }
  assert (H : abs_sum (map high gys) <=
    9 / 16 * (pow (t - a) * abs_sum (map (fun gy => high (fst gy, fst gy)) gys)
              + pow (a - t) * abs_sum (map (fun gy => high (snd gy, snd gy)) gys))).
  { clear -Ha Hb Hg Hy Hw. induction gys as [| gy gys IH]; [unfold abs_sum; cbn; lra |].
    cbn [map]. rewrite !abs_sum_cons.
    pose proof (IH (fun x H => Hg x (or_intror H)) (fun x H => Hy x (or_intror H))) as H1.
    pose proof (cross_high a b bins (fst gy) (snd gy) (pow (t - a)) (pow (a - t)) Ha Hb (pow_gt_0 _)
      (pow_gt_0 _) Hw
      (Hg gy (or_introl eq_refl)) (Hy gy (or_introl eq_refl))) as H2.
    rewrite <- surjective_pairing in H2.
    rewrite (Rabs_pos_eq (high (fst gy, fst gy))) by apply rnd_pos, square_ge_0.
    rewrite (Rabs_pos_eq (high (snd gy, snd gy))) by apply rnd_pos, square_ge_0. lra. }
  apply (Rmult_le_compat_l (pow (t - a))) in Sg; [| apply Rlt_le, pow_gt_0].
  apply (Rmult_le_compat_l (pow (a - t))) in Sy; [| apply Rlt_le, pow_gt_0].
  assert (E1 : pow (t - a) * pow (headroom + a) = pow (headroom + t)).
  { rewrite <- pow_plus. f_equal. ring. }
  assert (E2 : pow (a - t) * pow (headroom + b) <= pow (headroom + t)).
  { rewrite <- pow_plus. apply pow_le. lia. }
  pose proof (pow_gt_0 (headroom + t)). lra.
- apply Forall_forall. intros gy Hin. unfold product.
  destruct (Hg gy Hin) as [H | H]; [left; rewrite H; ring |].
  destruct (Hy gy Hin) as [H' | H']; [left; rewrite H'; ring |].
  right. now apply cross_least.
Qed.

Lemma gg_map gys : gg gys = map (fun x => (x, x)) (map fst gys).
Proof. unfold gg. now rewrite map_map. Qed.

Lemma yy_map gys : yy gys = map (fun x => (x, x)) (map snd gys).
Proof. unfold yy. now rewrite map_map. Qed.

Definition exact (top : Z) (bins : nat) (xzs : list (R * R)) : Prop :=
  rows_value top (block_rows top bins xzs) = exact_sum xzs /\ rows_within top (block_rows top bins xzs).

(** The certificate of a Gram, read off its bins after the block, makes all three sums exact. *)
Theorem gram_block_exact top_gg top_yy bins gys :
  allowed top_gg bins -> allowed top_yy bins -> (Z.of_nat (length gys) <= block_steps)%Z ->
  Forall doubles gys -> gram_certificate top_gg top_yy bins gys ->
  exact top_gg bins (gg gys) /\ exact (cross_top top_gg top_yy) bins gys /\ exact top_yy bins (yy gys).
Proof.
intros Ha Hb Hst Hd C.
assert (Hn : INR (length gys) <= IZR block_steps) by (rewrite INR_IZR_INZ; now apply IZR_le).
pose proof (cross_conditions _ _ _ _ Ha Hb Hn C) as [S2 L2]. destruct C as [Cg Cy].
destruct (squares_conditions _ _ (map fst gys) Ha ltac:(now rewrite map_length) Cg) as [S1 L1].
destruct (squares_conditions _ _ (map snd gys) Hb ltac:(now rewrite map_length) Cy) as [S3 L3].
rewrite <- gg_map in S1, L1. rewrite <- yy_map in S3, L3.
rewrite Forall_forall in Hd.
split; [| split]; apply block_exact; try assumption.
- rewrite steps_map. unfold gg. now rewrite map_length.
- apply Forall_forall. intros xz Hin. apply in_map_iff in Hin. destruct Hin as (gy & <- & Hin).
  destruct (Hd gy Hin). now split.
- now apply allowed_cross.
- now rewrite steps_map.
- now apply Forall_forall.
- rewrite steps_map. unfold yy. now rewrite map_length.
- apply Forall_forall. intros xz Hin. apply in_map_iff in Hin. destruct Hin as (gy & <- & Hin).
  destruct (Hd gy Hin). now split.
Qed.

(** ** 8. Floats *)

(** x is a float (24 bits, at least 2^-149). *)
Definition float (x : R) : Prop := generic_format radix2 (FLT_exp (-149) 24) x.

Definition floats (xz : R * R) : Prop := float (fst xz) /\ float (snd xz).

(** The product of two floats is a double (of any magnitude). *)
Theorem float_product_exact x z : float x -> float z -> rnd (x * z) = x * z.
Proof.
intros Hx Hz. apply rnd_double.
set (fexp := FLT_exp (-149) 24) in *.
assert (Hmag : forall u, Rabs u < pow (24 + cexp radix2 fexp u)).
{ intros u. apply Rlt_le_trans with (pow (mag radix2 u)).
  - apply bpow_mag_gt.
  - apply pow_le. unfold cexp, fexp, FLT_exp. lia. }
assert (Hmin : forall u, (-149 <= cexp radix2 fexp u)%Z) by (intros u; unfold cexp, fexp, FLT_exp; lia).
apply double_of_multiple with (cexp radix2 fexp x + cexp radix2 fexp z)%Z.
- pose proof (Hmin x). pose proof (Hmin z). unfold emin. lia.
- exists (Ztrunc (scaled_mantissa radix2 fexp x) * Ztrunc (scaled_mantissa radix2 fexp z))%Z.
  unfold float, generic_format in Hx, Hz. fold fexp in Hx, Hz.
  rewrite mult_IZR, pow_plus. rewrite Hx at 1. rewrite Hz at 1.
  unfold F2R. cbn [Fnum Fexp]. unfold pow. ring.
- rewrite Rabs_mult.
  apply Rlt_le_trans with (pow (24 + cexp radix2 fexp x) * pow (24 + cexp radix2 fexp z)).
  + apply Rmult_le_0_lt_compat; try apply Rabs_pos; apply Hmag.
  + rewrite <- pow_plus. apply pow_le. lia.
Qed.

Definition float_exact (top : Z) (bins : nat) (xzs : list (R * R)) : Prop :=
  row_value top (high_row top bins xzs) = exact_sum xzs /\ row_within top (high_row top bins xzs).

Lemma float_block_exact top bins xzs :
  allowed top bins -> INR (length xzs) <= IZR block_steps -> Forall floats xzs -> conditions top bins xzs ->
  float_exact top bins xzs.
Proof.
intros Hall Hn Hf [Ha Hl]. destruct (allowed_bins _ _ Hall) as [Hbins Htop].
rewrite Forall_forall in Hf, Hl.
assert (Hh : map high xzs = map product xzs).
{ apply map_ext_in. intros xz Hin. destruct (Hf xz Hin). now apply float_product_exact. }
unfold float_exact, exact_sum. rewrite <- Hh. apply row_exact; try assumption; try lia.
- unfold last_quantum, bin_distance, emin. lia.
- now rewrite steps_map.
- apply Forall_forall. intros h Hin. apply in_map_iff in Hin. destruct Hin as (xz & <- & _). apply double_rnd.
- apply Forall_forall. intros h Hin. apply in_map_iff in Hin. destruct Hin as (xz & <- & Hin).
  destruct (Hl xz Hin) as [H | H]; unfold high, two_product_fused; cbn [hi fst snd].
  + unfold product in H. rewrite H, rnd_0. apply multiple_0.
  + replace (last_quantum top bins) with (least_exponent top bins - 1 - 52)%Z
      by (unfold last_quantum, least_exponent, footroom, bin_distance; ring).
    apply multiple_of_double; [apply double_rnd |].
    apply rounded_product_at_least; [| exact H]. unfold emin, least_exponent, footroom, bin_distance. lia.
Qed.

(** The same for vectors of floats, whose products need no low row. *)
Theorem float_gram_block_exact top_gg top_yy bins gys :
  allowed top_gg bins -> allowed top_yy bins -> (Z.of_nat (length gys) <= block_steps)%Z ->
  Forall floats gys -> gram_certificate top_gg top_yy bins gys ->
  float_exact top_gg bins (gg gys) /\ float_exact (cross_top top_gg top_yy) bins gys /\
  float_exact top_yy bins (yy gys).
Proof.
intros Ha Hb Hst Hd C.
assert (Hn : INR (length gys) <= IZR block_steps) by (rewrite INR_IZR_INZ; now apply IZR_le).
pose proof (cross_conditions _ _ _ _ Ha Hb Hn C) as C2. destruct C as [Cg Cy].
pose proof (squares_conditions _ _ (map fst gys) Ha ltac:(now rewrite map_length) Cg) as C1.
pose proof (squares_conditions _ _ (map snd gys) Hb ltac:(now rewrite map_length) Cy) as C3.
rewrite <- gg_map in C1. rewrite <- yy_map in C3.
rewrite Forall_forall in Hd.
split; [| split]; apply float_block_exact; try assumption.
- unfold gg. now rewrite map_length.
- apply Forall_forall. intros xz Hin. apply in_map_iff in Hin. destruct Hin as (gy & <- & Hin).
  destruct (Hd gy Hin). now split.
- now apply allowed_cross.
- now apply Forall_forall.
- unfold yy. now rewrite map_length.
- apply Forall_forall. intros xz Hin. apply in_map_iff in Hin. destruct Hin as (gy & <- & Hin).
  destruct (Hd gy Hin). now split.
Qed.

(** ** 9. No overflow *)

Lemma conditions_prefix top bins before after : conditions top bins (before ++ after) -> conditions top bins
  before.
Proof.
intros [H1 H2]. split.
- rewrite map_app in H1. apply Rle_trans with (2 := H1).
  clear. induction (map high before) as [| h hs IH]; cbn [app].
  + unfold abs_sum at 1. cbn. apply abs_sum_ge_0.
  + rewrite !abs_sum_cons. lra.
- apply Forall_app in H2. tauto.
Qed.

Lemma row_within_small row : forall q, row_within q row -> Forall (fun bin => 0 < bin < pow (53 + q)) row.
Proof.
induction row as [| bin row IH]; intros q H; constructor.
- destruct H as [(k & Hk & Hlt) _]. apply IZR_lt in Hlt. rewrite abs_IZR, (IZR_Zpower radix2) in Hlt by lia.
  apply Rabs_def2 in Hlt. pose proof (empty_bin_pow q) as He. pose proof (pow_gt_0 q) as Hq.
  replace (53 + q)%Z with (51 + q + 1 + 1)%Z by ring. rewrite !pow_double.
  rewrite (pow_plus 51) in *. fold (pow 51) in Hlt.
  assert (- (pow 51 * pow q) < IZR k * pow q < pow 51 * pow q) by (split; nra).
  assert (0 < pow 51 * pow q) by (apply Rmult_lt_0_compat; apply pow_gt_0). lra.
- destruct H as [_ H]. apply IH in H. apply Forall_impl with (2 := H).
  intros b [Hb1 Hb2]. split; [exact Hb1 |]. apply Rlt_trans with (1 := Hb2). apply pow_lt.
  unfold bin_distance. lia.
Qed.

Lemma abs_le_abs_sum x xs : In x xs -> Rabs x <= abs_sum xs.
Proof.
induction xs as [| y xs IH]; [contradiction |]. rewrite abs_sum_cons.
pose proof (Rabs_pos y). pose proof (abs_sum_ge_0 xs). intros [-> | H']; [lra |]. apply IH in H'. lra.
Qed.

(** h and every bin stay below 2^744 at every step, so that doubles can hold them. *)
Theorem no_overflow top bins before after :
  allowed top bins -> INR (length (before ++ after)) <= IZR block_steps -> Forall doubles (before ++ after) ->
  conditions top bins (before ++ after) ->
  Forall (fun xz => Rabs (high xz) < pow 744) (before ++ after) /\
  Forall (fun bin => 0 < bin < pow 744) (fst (block_rows top bins before)) /\
  Forall (fun bin => 0 < bin < pow 744) (snd (block_rows top bins before)).
Proof.
intros Hall Hn Hd C. destruct (allowed_bins _ _ Hall) as [_ Htop].
pose proof (conditions_prefix _ _ _ _ C) as [S L].
assert (Hb : rows_within top (block_rows top bins before)).
{ apply block_exact; try assumption.
  - rewrite steps_map. apply Rle_trans with (2 := Hn). apply le_INR. rewrite app_length. lia.
  - apply Forall_app in Hd. tauto. }
destruct Hb as [B1 B2]. apply row_within_small in B1, B2.
split; [| split].
- destruct C as [C _]. apply Forall_forall. intros xz Hin.
  apply Rle_lt_trans with (3 / 2 * pow (headroom + top)).
  + apply Rle_trans with (2 := C). apply abs_le_abs_sum. now apply in_map.
  + apply Rlt_le_trans with (pow (headroom + top + 1)); [rewrite pow_double;
    pose proof (pow_gt_0 (headroom + top)); lra |].
    apply pow_le. unfold headroom. lia.
- apply Forall_impl with (2 := B1). intros b [H1 H2]. split; [exact H1 |].
  apply Rlt_le_trans with (1 := H2). apply pow_le. lia.
- apply Forall_impl with (2 := B2). intros b [H1 H2]. split; [exact H1 |].
  apply Rlt_le_trans with (1 := H2). apply pow_le. unfold low_row. lia.
Qed.

(** ** 10. Bins as integers *)

(** IEEE's binary64 with its bit patterns, as Flocq has them. *)
Definition binary64 : Set := Bits.binary64.
Definition real_of (b : binary64) : R := Binary.B2R 53 1024 b.
Definition finite (b : binary64) : Prop := Binary.is_finite 53 1024 b = true.
Definition bits (b : binary64) : Z := Bits.bits_of_b64 b.

(** The binary64 that is the double x. *)
Definition binary64_of (x : R) : binary64 :=
  Binary.binary_normalize 53 1024 eq_refl eq_refl BinarySingleNaN.mode_NE
    (Ztrunc (scaled_mantissa radix2 double_exp x)) (cexp radix2 double_exp x) false.

(** Every double below 2^1024 is a binary64. *)
Theorem binary64_of_exact x : double x -> Rabs x < pow 1024 ->
  real_of (binary64_of x) = x /\ finite (binary64_of x).
Proof.
intros Hx Hb. unfold real_of, finite, binary64_of.
assert (Hf : F2R (Float radix2 (Ztrunc (scaled_mantissa radix2 double_exp x)) (cexp radix2 double_exp x)) = x)
  by (symmetry; exact Hx).
pose proof (Binary.binary_normalize_correct 53 1024 eq_refl eq_refl BinarySingleNaN.mode_NE
  (Ztrunc (scaled_mantissa radix2 double_exp x)) (cexp radix2 double_exp x) false) as H.
rewrite Hf in H.
change (round radix2 _ _ x) with (rnd x) in H.
rewrite (rnd_double x Hx) in H.
rewrite Rlt_bool_true in H by exact Hb. tauto.
Qed.

Lemma bits_of_normal (b : binary64) q m :
  (emin <= q)%Z -> (2 ^ 52 <= m < 2 ^ 53)%Z -> real_of b = IZR m * pow q ->
  bits b = ((q + 1075) * 2 ^ 52 + (m - 2 ^ 52))%Z.
Proof.
intros Hq Hm Hb.
assert (Hpos : 0 < IZR m * pow q).
{ apply Rmult_lt_0_compat; [apply IZR_lt; lia | apply pow_gt_0]. }
assert (Hmag : mag radix2 (IZR m * pow q) = (53 + q)%Z :> Z).
{ apply mag_unique_pos. replace (53 + q - 1)%Z with (52 + q)%Z by ring. rewrite !bpow_plus.
  change (bpow radix2 52) with (IZR (2 ^ 52)). change (bpow radix2 53) with (IZR (2 ^ 53)).
  pose proof (pow_gt_0 q) as Hp. unfold pow in *. split.
  - apply Rmult_le_compat_r; [lra | apply IZR_le; lia].
  - apply Rmult_lt_compat_r; [lra | apply IZR_lt; lia]. }
unfold real_of in Hb. destruct b as [s | s | s pl Hpl | s mx ex Hbd]; cbn [Binary.B2R] in Hb; try lra.
destruct s.
{ exfalso. assert (F2R (Float radix2 (cond_Zopp true (Zpos mx)) ex) < 0) by now apply F2R_lt_0. lra. }
assert (Hc : canonical radix2 double_exp (Float radix2 (Zpos mx) ex)).
{ apply (Binary.canonical_canonical_mantissa 53 1024 false).
  apply andb_prop in Hbd. tauto. }
assert (Hex : ex = q).
{ unfold canonical in Hc. cbn [Fexp] in Hc. cbn [cond_Zopp] in Hb. rewrite Hb in Hc.
  unfold cexp in Hc. rewrite Hmag in Hc. unfold double_exp, FLT_exp, emin in *. lia. }
subst ex. assert (Hmx : Zpos mx = m).
{ unfold F2R in Hb. cbn [cond_Zopp Fnum Fexp] in Hb. apply Rmult_eq_reg_r in Hb.
  - now apply eq_IZR.
  - pose proof (pow_gt_0 q). unfold pow in *. lra. }
unfold bits, Bits.bits_of_b64, Bits.bits_of_binary_float. rewrite Hmx.
rewrite Zle_bool_true by (change (Zpower 2 52) with (2 ^ 52)%Z; lia).
unfold Bits.join_bits. rewrite Z.shiftl_mul_pow2 by lia.
change (2 ^ 52)%Z with 4503599627370496%Z in *. cbn. lia.
Qed.

(** Within a binade, bit patterns differ as the numbers do: by the quanta that a bin took. *)
Theorem bin_as_integer q bin k (b e : binary64) :
  (emin <= q)%Z -> bin - empty_bin q = IZR k * pow q -> (Z.abs k < 2 ^ 51)%Z ->
  real_of b = bin -> real_of e = empty_bin q -> (bits b - bits e = k)%Z.
Proof.
intros Hq Hk Hlt Hb He.
assert (Hem : empty_bin q = IZR (3 * 2 ^ 51) * pow q).
{ rewrite empty_bin_pow, pow_plus, mult_IZR. change (pow 51) with (IZR (2 ^ 51)). ring. }
rewrite (bits_of_normal e q (3 * 2 ^ 51)) by (try lia; now rewrite He).
rewrite (bits_of_normal b q (3 * 2 ^ 51 + k)); [lia | exact Hq | lia |].
rewrite plus_IZR, Rmult_plus_distr_r, <- Hem, <- Hk, Hb. ring.
Qed.

(** The value of z modulo 2^64 that a signed word of 64 bits holds. *)
Definition int64 (z : Z) : Z := ((z + 2 ^ 63) mod 2 ^ 64 - 2 ^ 63)%Z.

Lemma int64_exact z : (- 2 ^ 63 <= z < 2 ^ 63)%Z -> int64 z = z.
Proof. intros H. unfold int64. rewrite Z.mod_small; lia. Qed.

Lemma int64_plus x y : int64 (int64 x + int64 y) = int64 (x + y).
Proof.
unfold int64. f_equal.
replace ((x + 2 ^ 63) mod 2 ^ 64 - 2 ^ 63 + ((y + 2 ^ 63) mod 2 ^ 64 - 2 ^ 63) + 2 ^ 63)%Z
  with ((x + 2 ^ 63) mod 2 ^ 64 + (y + 2 ^ 63) mod 2 ^ 64 - 2 ^ 63)%Z by ring.
rewrite Zminus_mod, <- Zplus_mod, <- Zminus_mod. f_equal. ring.
Qed.

Lemma int64_int64 x : int64 (int64 x) = int64 x.
Proof.
unfold int64. pose proof (Z.mod_pos_bound (x + 2 ^ 63) (2 ^ 64) eq_refl).
replace ((x + 2 ^ 63) mod 2 ^ 64 - 2 ^ 63 + 2 ^ 63)%Z with ((x + 2 ^ 63) mod 2 ^ 64)%Z by ring.
now rewrite Z.mod_small.
Qed.

Definition Zsum (zs : list Z) : Z := fold_right Z.add 0%Z zs.

(** x is a sum of zs by additions of signed words that wrap around, in any order: of vectors, of their lanes,
    of totals. *)
Inductive int64_sum : list Z -> Z -> Prop :=
  | sum_of_none : int64_sum [] 0
  | sum_of_one z : int64_sum [z] (int64 z)
  | sum_of_two zs zs' x y : int64_sum zs x -> int64_sum zs' y -> int64_sum (zs ++ zs') (int64 (x + y))
  | sum_reordered zs zs' x : Permutation zs zs' -> int64_sum zs x -> int64_sum zs' x.

Lemma Zsum_app l l' : Zsum (l ++ l') = (Zsum l + Zsum l')%Z.
Proof. unfold Zsum. induction l as [| z l IH]; cbn [app fold_right]; lia. Qed.

Lemma Zsum_permutation l l' : Permutation l l' -> Zsum l = Zsum l'.
Proof. unfold Zsum. induction 1; cbn [fold_right]; lia. Qed.

Lemma int64_sum_wraps zs x : int64_sum zs x -> x = int64 (Zsum zs).
Proof.
induction 1 as [| z | zs zs' x y _ IH1 _ IH2 | zs zs' x Hp _ IH].
- reflexivity.
- unfold Zsum. cbn. f_equal. lia.
- rewrite IH1, IH2, Zsum_app. apply int64_plus.
- now rewrite IH, (Zsum_permutation _ _ Hp).
Qed.

Lemma Zsum_bound c zs :
  Forall (fun z => Z.abs z <= c)%Z zs -> (Z.abs (Zsum zs) <= Z.of_nat (length zs) * c)%Z.
Proof.
unfold Zsum. induction 1 as [| z zs H _ IH]; cbn [fold_right length]; [lia |]. rewrite Nat2Z.inj_succ. lia.
Qed.

(** At most 4095 numbers below 2^51 add up without overflow, whatever happens on the way. *)
Theorem int64_sum_exact zs x :
  (Z.of_nat (length zs) < 2 ^ 12)%Z -> Forall (fun z => Z.abs z <= 2 ^ 51)%Z zs -> int64_sum zs x ->
  x = Zsum zs.
Proof.
intros Hn Hz H. rewrite (int64_sum_wraps _ _ H). apply int64_exact.
pose proof (Zsum_bound _ _ Hz). assert (Z.of_nat (length zs) * 2 ^ 51 < 2 ^ 12 * 2 ^ 51)%Z by lia. lia.
Qed.

(** The bit pattern of a double. *)
Definition pattern (x : R) : Z := bits (binary64_of x).

(** What collect makes of the bins of a row. *)
Fixpoint collect_row (q : Z) (row : list R) : list Z :=
  match row with
  | [] => []
  | bin :: row' => int64 (pattern bin - pattern (empty_bin q)) :: collect_row (q - bin_distance) row'
  end.

(** n whole numbers of quanta 2^q, 2^(q - 46), ... *)
Fixpoint scaled_sum (q : Z) (n : nat) (z : nat -> Z) : R :=
  match n with
  | O => 0
  | S n' => IZR (z O) * pow q + scaled_sum (q - bin_distance) n' (fun k => z (S k))
  end.

Lemma scaled_sum_ext n : forall q z z',
  (forall k, (k < n)%nat -> z k = z' k) -> scaled_sum q n z = scaled_sum q n z'.
Proof.
induction n as [| n IH]; intros q z z' H; [reflexivity |]. cbn [scaled_sum]. rewrite (H O) by lia. f_equal.
apply IH. intros k Hk. apply H. lia.
Qed.

Lemma scaled_sum_0 n : forall q, scaled_sum q n (fun _ => 0%Z) = 0.
Proof. induction n as [| n IH]; intros q; cbn [scaled_sum]; [reflexivity |]. rewrite IH. ring. Qed.

Lemma scaled_sum_plus n : forall q z z',
  scaled_sum q n (fun k => (z k + z' k)%Z) = scaled_sum q n z + scaled_sum q n z'.
Proof.
induction n as [| n IH]; intros q z z'; cbn [scaled_sum]; [ring |].
rewrite (IH _ (fun k => z (S k)) (fun k => z' (S k))), plus_IZR. ring.
Qed.

Lemma double_bin q bin k :
  (emin <= q <= 971)%Z -> bin - empty_bin q = IZR k * pow q -> (Z.abs k < 2 ^ 51)%Z ->
  double bin /\ Rabs bin < pow 1024.
Proof.
intros Hq Hk Hlt.
assert (Hw : row_within q [bin]) by (split; [now exists k | exact I]).
apply row_within_small in Hw. inversion_clear Hw as [| ? ? [H0 H1] _].
rewrite <- (Rabs_pos_eq bin) in H1 by lra.
split; [| apply Rlt_le_trans with (1 := H1), pow_le; lia].
apply double_of_multiple with q; [lia | | exact H1].
replace bin with (bin - empty_bin q + empty_bin q) by ring.
apply multiple_plus; [now exists k | apply multiple_empty_bin].
Qed.

(** What collect makes of a row are numbers below 2^51, which are what the row holds. *)
Theorem collect_row_exact row : forall q n,
  (emin <= last_quantum q (length row))%Z -> (q <= 971)%Z -> row_within q row -> (length row <= n)%nat ->
  row_value q row = scaled_sum q n (fun k => nth k (collect_row q row) 0%Z) /\
  Forall (fun z => Z.abs z < 2 ^ 51)%Z (collect_row q row) /\ length (collect_row q row) = length row.
Proof.
induction row as [| bin row IH]; intros q n Hmin Hmax Hw Hn.
{ cbn [row_value collect_row length]. split; [| split; [constructor | reflexivity]].
  rewrite <- (scaled_sum_0 n q). apply scaled_sum_ext. now intros [| k]. }
destruct Hw as [(k & Hk & Hlt) Hw]. destruct n as [| n]; [cbn in Hn; lia |].
assert (Hq : (emin <= q)%Z) by (apply Z.le_trans with (1 := Hmin); apply last_quantum_le).
assert (E0 : empty_bin q - empty_bin q = IZR 0 * pow q) by ring.
destruct (double_bin q bin k (conj Hq Hmax) Hk Hlt) as [B1 B2].
destruct (double_bin q _ 0 (conj Hq Hmax) E0 eq_refl) as [E1 E2].
apply binary64_of_exact in B1; [| exact B2]. apply binary64_of_exact in E1; [| exact E2].
assert (Hz : int64 (pattern bin - pattern (empty_bin q)) = k).
{ unfold pattern. rewrite (bin_as_integer q bin k) by tauto. apply int64_exact. lia. }
assert (I : row_value (q - bin_distance) row =
  scaled_sum (q - bin_distance) n (fun k => nth k (collect_row (q - bin_distance) row) 0%Z) /\
  Forall (fun z => Z.abs z < 2 ^ 51)%Z (collect_row (q - bin_distance) row) /\
  length (collect_row (q - bin_distance) row) = length row).
{ apply IH; [| unfold bin_distance; lia | exact Hw | cbn in Hn; lia].
  destruct row; [unfold last_quantum, bin_distance in *; cbn [length] in *; lia |].
  cbn [length] in *. now rewrite <- last_quantum_S. }
destruct I as (I1 & I2 & I3).
cbn [row_value collect_row scaled_sum nth length]. rewrite Hz, Hk, I1, I3.
split; [reflexivity | split; [now constructor | reflexivity]].
Qed.

(** ** 11. Many lanes, sets of bins and blocks *)

(** What one lane of one set of bins gets in one block: how many bins to a row, and the factors in order. *)
Definition lane : Type := nat * list (R * R).

(** Its bins after the block. Floats have no low row. *)
Definition lane_rows (has_low : bool) (top : Z) (l : lane) : list R * list R :=
  (high_row top (fst l) (snd l), if has_low then snd (block_rows top (fst l) (snd l)) else []).

(** high and low are totals of the bins of all lanes of some blocks, added up by int64 in some order. *)
Definition bin_totals (has_low : bool) (top : Z) (lanes : list lane) (high low : nat -> Z) : Prop :=
  forall k : nat,
  int64_sum (map (fun l => nth k (collect_row top (fst (lane_rows has_low top l))) 0%Z) lanes) (high k) /\
  int64_sum (map (fun l => nth k (collect_row (top - low_row) (snd (lane_rows has_low top l))) 0%Z) lanes)
    (low k).

Definition row_size : nat := 8.

(** Words hold whole numbers of 2^unit_exponent. *)
Definition unit_exponent : Z := (-2148)%Z.

Definition position_of (quantum : Z) : Z := (quantum - unit_exponent)%Z.

(** Two bins next to each other, of the high row and of the low row: in units of the second of the low row. *)
Definition two_bins (first second : Z) : Z := (first * 2 ^ bin_distance + second)%Z.

Definition short_total (high0 high1 low0 low1 : Z) : Z :=
  (two_bins high0 high1 * 2 ^ low_row + two_bins low0 low1)%Z.

(** What add_totals adds to the words. *)
Definition totals_integer (top : Z) (high low : nat -> Z) : Z :=
  Zsum (map (fun k : nat => short_total (high k) (high (S k)) (low k) (low (S k)) *
    2 ^ position_of (top - bin_distance * Z.of_nat k - low_row - bin_distance))%Z [0; 2; 4; 6]%nat).

(** The value of words. *)
Definition words_value (z : Z) : R := IZR z * pow unit_exponent.

Lemma words_value_plus x y : words_value (x + y) = words_value x + words_value y.
Proof. unfold words_value. rewrite plus_IZR. ring. Qed.

Lemma words_value_shifted z q : (unit_exponent <= q)%Z -> words_value (z * 2 ^ position_of q) = IZR z * pow q.
Proof.
intros H. unfold words_value, position_of. rewrite mult_IZR, (IZR_Zpower radix2) by lia.
rewrite Rmult_assoc. unfold pow. rewrite <- bpow_plus. do 2 f_equal. ring.
Qed.

Lemma short_total_value q h0 h1 l0 l1 :
  IZR (short_total h0 h1 l0 l1) * pow (q - low_row - bin_distance) =
  (IZR h0 * pow q + IZR h1 * pow (q - bin_distance)) +
  (IZR l0 * pow (q - low_row) + IZR l1 * pow (q - low_row - bin_distance)).
Proof.
unfold short_total, two_bins. rewrite !plus_IZR, !mult_IZR, !plus_IZR, !mult_IZR.
set (r := pow (q - low_row - bin_distance)).
assert (E1 : pow (q - low_row) = IZR (2 ^ bin_distance) * r).
{ unfold r. replace (q - low_row)%Z with (46 + (q - low_row - bin_distance))%Z at 1
    by (unfold bin_distance; ring).
  now rewrite (pow_plus 46). }
assert (E2 : pow (q - bin_distance) = IZR (2 ^ low_row) * r).
{ unfold r. replace (q - bin_distance)%Z with (53 + (q - low_row - bin_distance))%Z by (unfold low_row; ring).
  now rewrite (pow_plus 53). }
assert (E3 : pow q = IZR (2 ^ low_row) * (IZR (2 ^ bin_distance) * r)).
{ rewrite <- E1. replace q with (53 + (q - low_row))%Z at 1 by (unfold low_row; ring).
  now rewrite (pow_plus 53). }
rewrite E1, E2, E3. ring.
Qed.

(** add_totals adds what the totals stand for. *)
Theorem totals_integer_exact top high low : (- most_top <= top)%Z ->
  words_value (totals_integer top high low) =
  scaled_sum top row_size high + scaled_sum (top - low_row) row_size low.
Proof.
intros Ht. unfold most_top in Ht. unfold totals_integer. cbn [map]. unfold Zsum. cbn [fold_right].
rewrite !words_value_plus.
rewrite !words_value_shifted by (unfold unit_exponent, bin_distance, low_row; lia).
rewrite !short_total_value. unfold words_value, row_size. cbn [scaled_sum].
replace (top - bin_distance * Z.of_nat 0)%Z with top by (cbn; ring).
replace (top - bin_distance * Z.of_nat 2)%Z with (top - bin_distance - bin_distance)%Z
  by (unfold bin_distance; cbn; ring).
replace (top - bin_distance * Z.of_nat 4)%Z with
  (top - bin_distance - bin_distance - bin_distance - bin_distance)%Z
  by (unfold bin_distance; cbn; ring).
replace (top - bin_distance * Z.of_nat 6)%Z with
  (top - bin_distance - bin_distance - bin_distance - bin_distance - bin_distance - bin_distance)%Z
  by (unfold bin_distance; cbn; ring).
assert (E : forall q, (q - low_row - bin_distance = q - bin_distance - low_row)%Z) by (intros; ring).
rewrite !E. ring.
Qed.

(** Two bins fit into two words of 64 bits and those of both rows into three, and the place where they are
    added is within the 67 words. *)
Theorem short_total_fits top k h0 h1 l0 l1 :
  (Z.abs h0 <= 2 ^ 63 -> Z.abs h1 <= 2 ^ 63 -> Z.abs l0 <= 2 ^ 63 -> Z.abs l1 <= 2 ^ 63 ->
  Z.abs top <= most_top -> 0 <= k <= 6 ->
  Z.abs (two_bins h0 h1) < 2 ^ 127 /\ Z.abs (short_total h0 h1 l0 l1) < 2 ^ 191 /\
  0 <= position_of (top - bin_distance * k - low_row - bin_distance) /\
  position_of (top - bin_distance * k - low_row - bin_distance) + 64 * (3 + 1) < 64 * 67)%Z.
Proof.
intros. unfold short_total, two_bins, position_of, unit_exponent, most_top, bin_distance, low_row in *.
change (2 ^ 46)%Z with 70368744177664%Z. change (2 ^ 53)%Z with 9007199254740992%Z.
change (2 ^ 63)%Z with 9223372036854775808%Z in *.
change (2 ^ 127)%Z with 170141183460469231731687303715884105728%Z.
change (2 ^ 191)%Z with 3138550867693340381917894711603833208051177722232017256448%Z. lia.
Qed.

Lemma length_add_to_row row x : length (add_to_row row x) = length row.
Proof.
revert x. induction row as [| b row IH]; intros x; [reflexivity |].
destruct row as [| b' row]; [reflexivity |].
change (add_to_row (b :: b' :: row) x) with (fst (pour b x) :: add_to_row (b' :: row) (snd (pour b x))).
cbn [length]. now rewrite IH.
Qed.

Lemma length_deposits xs : forall row, length (fold_left add_to_row xs row) = length row.
Proof.
induction xs as [| x xs IH]; intros row; cbn [fold_left]; [reflexivity |].
rewrite IH. apply length_add_to_row.
Qed.

(** The bins of a lane hold the exact sum of its products, none near its end. *)
Definition lane_exact (has_low : bool) (top : Z) (l : lane) : Prop :=
  allowed top (fst l) /\
  rows_value top (lane_rows has_low top l) = exact_sum (snd l) /\ rows_within top (lane_rows has_low top l).

Lemma lane_exact_of_exact top bins xzs : allowed top bins -> exact top bins xzs ->
  lane_exact true top (bins, xzs).
Proof.
intros Ha H. unfold lane_exact, lane_rows, exact in *. cbn [fst snd] in *.
rewrite block_rows_fold in *. now split.
Qed.

Lemma lane_exact_of_float_exact top bins xzs : allowed top bins -> float_exact top bins xzs ->
  lane_exact false top (bins, xzs).
Proof.
intros Ha [H1 H2]. unfold lane_exact, lane_rows, rows_value, rows_within. cbn [fst snd row_value row_within].
rewrite Rplus_0_r. exact (conj Ha (conj H1 (conj H2 I))).
Qed.

Lemma scaled_sum_of_lanes {A} q n (f : A -> list Z) ls :
  scaled_sum q n (fun k => Zsum (map (fun l => nth k (f l) 0%Z) ls)) =
  sum (map (fun l => scaled_sum q n (fun k => nth k (f l) 0%Z)) ls).
Proof.
induction ls as [| l ls IH]; [apply scaled_sum_0 |].
cbn [map]. rewrite sum_cons, <- IH, <- scaled_sum_plus. now apply scaled_sum_ext.
Qed.

Lemma sum_app xs ys : sum (xs ++ ys) = sum xs + sum ys.
Proof. induction xs as [| x xs IH]; [unfold sum; cbn; ring |]. cbn [app]. rewrite !sum_cons, IH. ring. Qed.

Lemma sum_permutation xs ys : Permutation xs ys -> sum xs = sum ys.
Proof. induction 1; rewrite ?sum_cons in *; lra. Qed.

Lemma sum_map_plus {A} (f g : A -> R) l : sum (map (fun x => f x + g x) l) = sum (map f l) + sum (map g l).
Proof. induction l as [| x l IH]; [unfold sum; cbn; ring |]. cbn [map]. rewrite !sum_cons, IH. ring. Qed.

Lemma exact_sum_app xzs xzs' : exact_sum (xzs ++ xzs') = exact_sum xzs + exact_sum xzs'.
Proof. unfold exact_sum. now rewrite map_app, sum_app. Qed.

Lemma exact_sum_concat ls : exact_sum (concat ls) = sum (map exact_sum ls).
Proof.
induction ls as [| l ls IH]; [reflexivity |]. cbn [concat map]. now rewrite exact_sum_app, sum_cons, IH.
Qed.

(** Once every lane of some blocks holds its exact sum, so do the words that their totals are added to. *)
Theorem lanes_exact has_low top lanes high low :
  (Z.abs top <= most_top)%Z -> Forall (lane_exact has_low top) lanes -> (length lanes < 4096)%nat ->
  bin_totals has_low top lanes high low ->
  words_value (totals_integer top high low) = exact_sum (concat (map snd lanes)).
Proof.
intros Htop Hl Hn Ht. rewrite totals_integer_exact by lia.
set (fh := fun l => collect_row top (fst (lane_rows has_low top l))).
set (fl := fun l => collect_row (top - low_row) (snd (lane_rows has_low top l))).
assert (Hrow : forall l, In l lanes ->
  row_value top (fst (lane_rows has_low top l)) = scaled_sum top row_size (fun k => nth k (fh l) 0%Z) /\
  row_value (top - low_row) (snd (lane_rows has_low top l)) =
    scaled_sum (top - low_row) row_size (fun k => nth k (fl l) 0%Z) /\
  Forall (fun z => Z.abs z < 2 ^ 51)%Z (fh l) /\ Forall (fun z => Z.abs z < 2 ^ 51)%Z (fl l)).
{ intros l Hin. rewrite Forall_forall in Hl. destruct (Hl l Hin) as (Ha & _ & W1 & W2).
  destruct (allowed_bins _ _ Ha) as [Hb Ht2].
  assert (L1 : length (fst (lane_rows has_low top l)) = fst l).
  { unfold lane_rows, high_row. cbn [fst]. now rewrite length_deposits, length_empty_row. }
  assert (L2 : (length (snd (lane_rows has_low top l)) <= fst l)%nat).
  { unfold lane_rows. destruct has_low; cbn [snd]; [| cbn; lia].
    rewrite block_rows_fold. cbn [snd]. now rewrite length_deposits, length_empty_row. }
  destruct (collect_row_exact (fst (lane_rows has_low top l)) top row_size) with (3 := W1) as (C1 & C2 & _).
  { rewrite L1. unfold emin, last_quantum, bin_distance. lia. }
  { lia. }
  { rewrite L1. unfold row_size. lia. }
  destruct (collect_row_exact (snd (lane_rows has_low top l)) (top - low_row) row_size)
    with (3 := W2) as (D1 & D2 & _).
  { unfold emin, last_quantum, bin_distance, low_row. lia. }
  { unfold low_row. lia. }
  { unfold row_size. lia. }
  unfold fh, fl. now repeat split. }
assert (Hnth : forall k zs, Forall (fun z => Z.abs z < 2 ^ 51)%Z zs -> (Z.abs (nth k zs 0%Z) <= 2 ^ 51)%Z).
{ intros k zs Hz. destruct (nth_in_or_default k zs 0%Z) as [H | H].
  - rewrite Forall_forall in Hz. apply Z.lt_le_incl, Hz, H.
  - rewrite H. lia. }
assert (Hcol : forall k, high k = Zsum (map (fun l => nth k (fh l) 0%Z) lanes) /\
  low k = Zsum (map (fun l => nth k (fl l) 0%Z) lanes)).
{ intros k. destruct (Ht k) as [T1 T2].
  split; apply int64_sum_exact; try assumption; try (rewrite map_length; lia);
    apply Forall_forall; intros z Hin; apply in_map_iff in Hin; destruct Hin as (l & <- & Hin); apply Hnth;
    now apply Hrow. }
rewrite (scaled_sum_ext row_size top high _ (fun k _ => proj1 (Hcol k))).
rewrite (scaled_sum_ext row_size (top - low_row) low _ (fun k _ => proj2 (Hcol k))).
rewrite (scaled_sum_of_lanes top row_size fh), (scaled_sum_of_lanes (top - low_row) row_size fl).
rewrite <- sum_map_plus, exact_sum_concat, map_map. f_equal. apply map_ext_in. intros l Hin.
destruct (Hrow l Hin) as (R1 & R2 & _). rewrite <- R1, <- R2.
rewrite Forall_forall in Hl. destruct (Hl l Hin) as (_ & V & _). exact V.
Qed.

(** ** 12. Sums by integers *)

(** Mantissa and position of a bit pattern. *)
Definition decode (b : Z) : Z * Z :=
  let field := ((b / 2 ^ 52) mod 2 ^ 11)%Z in
  let normal := if (field =? 0)%Z then 0%Z else 1%Z in
  let magnitude := (b mod 2 ^ 52 + normal * 2 ^ 52)%Z in
  (if (2 ^ 63 <=? b)%Z then (- magnitude)%Z else magnitude, (field - normal)%Z).

(** A finite binary64 is mantissa 2^(position - 1074). *)
Theorem decode_exact (b : binary64) : finite b ->
  real_of b = IZR (fst (decode (bits b))) * pow (snd (decode (bits b)) - 1074) /\
  (Z.abs (fst (decode (bits b))) < 2 ^ 53 /\ 0 <= snd (decode (bits b)) <= 2045)%Z.
Proof.
intros Hf.
pose proof (Bits.split_bits_of_binary_float_correct 52 11 eq_refl eq_refl b) as Hs.
change (Bits.bits_of_binary_float 52 11 b) with (bits b) in Hs. unfold Bits.split_bits in Hs.
change (Zpower 2 52) with (2 ^ 52)%Z in Hs. change (Zpower 2 11) with (2 ^ 11)%Z in Hs.
change (2 ^ 52 * 2 ^ 11)%Z with (2 ^ 63)%Z in Hs.
unfold decode. set (n := bits b) in *. clearbody n.
destruct b as [s | s | s pl Hpl | s m e Hb]; try discriminate Hf; unfold real_of; cbn [Binary.B2R].
- cbn [Bits.split_bits_of_binary_float] in Hs.
  assert (H2 : (n mod 2 ^ 52 = 0)%Z) by exact (f_equal (fun t => snd (fst t)) Hs).
  assert (H3 : ((n / 2 ^ 52) mod 2 ^ 11 = 0)%Z) by exact (f_equal snd Hs).
  rewrite H2, H3. cbn [Z.eqb]. change (0 + 0 * 2 ^ 52)%Z with 0%Z. change (- 0)%Z with 0%Z.
  replace (if (2 ^ 63 <=? n)%Z then 0%Z else 0%Z) with 0%Z by now destruct (2 ^ 63 <=? n)%Z.
  cbn [fst snd]. split; [symmetry; apply Rmult_0_l | lia].
- assert (Hc := Hb). apply andb_prop in Hc. destruct Hc as [Hc He]. apply Zle_bool_imp_le in He.
  apply Zeq_bool_eq in Hc. rewrite Digits.Zpos_digits2_pos in Hc.
  unfold SpecFloat.fexp, SpecFloat.emin in Hc.
  pose proof (Digits.Zdigits_correct radix2 (Zpos m)) as [Hd1 Hd2]. cbn [Z.abs] in Hd1, Hd2.
  set (d := Digits.Zdigits radix2 (Zpos m)) in *.
  assert (Hd0 : (0 < d)%Z) by (apply Digits.Zdigits_gt_0; discriminate).
  assert (Hm : (Zpos m < 2 ^ 53)%Z).
  { apply Z.lt_le_trans with (1 := Hd2). apply Z.pow_le_mono_r; lia. }
  enough (H : (n mod 2 ^ 52 + (if (n / 2 ^ 52) mod 2 ^ 11 =? 0 then 0 else 1) * 2 ^ 52 = Zpos m /\
    (n / 2 ^ 52) mod 2 ^ 11 - (if (n / 2 ^ 52) mod 2 ^ 11 =? 0 then 0 else 1) = e + 1074 /\
    (2 ^ 63 <=? n) = s)%Z).
  { destruct H as (H1 & H2 & H3). rewrite H1, H2, H3. cbn [fst snd].
    replace (e + 1074 - 1074)%Z with e by ring.
    split; [| destruct s; cbn [Z.abs Z.opp]; lia].
    unfold F2R. cbn [Fnum Fexp]. now destruct s. }
  cbn [Bits.split_bits_of_binary_float] in Hs. change (Zpower 2 52) with (2 ^ 52)%Z in Hs.
  destruct (Z.leb_spec 0 (Zpos m - 2 ^ 52)) as [Hle | Hlt].
  + assert (H1 : (2 ^ 63 <=? n)%Z = s) by exact (f_equal (fun t => fst (fst t)) Hs).
    assert (H2 : (n mod 2 ^ 52 = Zpos m - 2 ^ 52)%Z) by exact (f_equal (fun t => snd (fst t)) Hs).
    assert (H3 : ((n / 2 ^ 52) mod 2 ^ 11 = e - (3 - 1024 - 53) + 1)%Z) by exact (f_equal snd Hs).
    rewrite H1, H2, H3. destruct (Z.eqb_spec (e - (3 - 1024 - 53) + 1) 0) as [E | E]; repeat split; lia.
  + assert (H1 : (2 ^ 63 <=? n)%Z = s) by exact (f_equal (fun t => fst (fst t)) Hs).
    assert (H2 : (n mod 2 ^ 52 = Zpos m)%Z) by exact (f_equal (fun t => snd (fst t)) Hs).
    assert (H3 : ((n / 2 ^ 52) mod 2 ^ 11 = 0)%Z) by exact (f_equal snd Hs).
    rewrite H1, H2, H3. cbn [Z.eqb].
    assert (Hdl : (d < 53)%Z).
    { apply Z.lt_le_trans with 53%Z; [| lia]. apply Z.nle_gt. intros H.
      assert (2 ^ 52 <= 2 ^ (d - 1))%Z by (apply Z.pow_le_mono_r; lia).
      change (Zpower (radix_val radix2) (d - 1)) with (2 ^ (d - 1))%Z in Hd1. lia. }
    repeat split; lia.
Qed.

Definition finite_double (x : R) : Prop := double x /\ Rabs x < pow 1024.

Definition finite_doubles (xz : R * R) : Prop := finite_double (fst xz) /\ finite_double (snd xz).

Lemma decode_double x : finite_double x ->
  x = IZR (fst (decode (pattern x))) * pow (snd (decode (pattern x)) - 1074) /\
  (Z.abs (fst (decode (pattern x))) < 2 ^ 53 /\ 0 <= snd (decode (pattern x)) <= 2045)%Z.
Proof.
intros [H1 H2]. destruct (binary64_of_exact x H1 H2) as [B F].
destruct (decode_exact (binary64_of x) F) as [E R]. rewrite B in E. now split.
Qed.

(** One deposit: the position of a product, and what its counter gets. *)
Definition deposit_position (xz : R * R) : Z :=
  (snd (decode (pattern (fst xz))) + snd (decode (pattern (snd xz))))%Z.

Definition deposit_integer (xz : R * R) : Z :=
  (fst (decode (pattern (fst xz))) * 2 ^ (deposit_position xz mod 8) * fst (decode (pattern (snd xz))))%Z.

(** The counter of the positions from 8 k to 8 k + 7. *)
Definition counter (xzs : list (R * R)) (k : Z) : Z :=
  Zsum (map deposit_integer (filter (fun xz => (deposit_position xz / 8 =? k)%Z) xzs)).

Definition counter_count : nat := 512.

(** What the counters add to the words. *)
Definition counters_integer (xzs : list (R * R)) : Z :=
  Zsum (map (fun k => counter xzs (Z.of_nat k) * 2 ^ (8 * Z.of_nat k))%Z (seq 0 counter_count)).

Lemma one_counter n : forall s j d, (Z.of_nat s <= j)%Z ->
  Zsum (map (fun k => (if (j =? Z.of_nat k)%Z then d else 0) * 2 ^ (8 * Z.of_nat k))%Z (seq s n)) =
  (if (j <? Z.of_nat (s + n))%Z then d * 2 ^ (8 * j) else 0)%Z.
Proof.
induction n as [| n IH]; intros s j d H.
{ cbn. destruct (Z.ltb_spec j (Z.of_nat (s + 0))); [lia | reflexivity]. }
cbn [seq map]. unfold Zsum. cbn [fold_right]. fold Zsum.
change (fold_right Z.add 0%Z) with Zsum.
destruct (Z.eqb_spec j (Z.of_nat s)) as [E | E].
- destruct (Z.ltb_spec j (Z.of_nat (s + S n))); [| lia].
  rewrite (map_ext_in _ (fun _ => 0%Z)).
  + rewrite E. replace (Zsum (map (fun _ : nat => 0%Z) (seq (S s) n))) with 0%Z; [ring |].
    generalize (seq (S s) n). intros l. induction l as [| k l IHl]; [reflexivity |]. cbn in *. exact IHl.
  + intros k Hk. apply in_seq in Hk. destruct (Z.eqb_spec j (Z.of_nat k)); lia.
- rewrite IH by lia. now rewrite <- plus_n_Sm.
Qed.

Lemma deposit_bounds xz : finite_doubles xz ->
  (0 <= deposit_position xz / 8 < Z.of_nat counter_count /\
  Z.abs (fst (decode (pattern (fst xz))) * 2 ^ (deposit_position xz mod 8)) < 2 ^ 60 /\
  Z.abs (deposit_integer xz) <= 2 ^ 113 - 2 ^ 60)%Z.
Proof.
intros [H1 H2]. apply decode_double in H1, H2. destruct H1 as (_ & M1 & P1). destruct H2 as (_ & M2 & P2).
unfold deposit_integer, deposit_position.
set (m1 := fst (decode (pattern (fst xz)))) in *. set (m2 := fst (decode (pattern (snd xz)))) in *.
set (p := (snd (decode (pattern (fst xz))) + snd (decode (pattern (snd xz))))%Z).
assert (Hp : (0 <= p <= 4090)%Z) by (unfold p; lia).
pose proof (Z.mod_pos_bound p 8 eq_refl) as Hr. pose proof (Z.div_mod p 8 ltac:(discriminate)) as Hd.
assert (Hs : (1 <= 2 ^ (p mod 8) <= 2 ^ 7)%Z).
{ split; [change 1%Z with (2 ^ 0)%Z |]; apply Z.pow_le_mono_r; lia. }
assert (Hm : (Z.abs (m1 * 2 ^ (p mod 8)) <= (2 ^ 53 - 1) * 2 ^ 7)%Z).
{ rewrite Z.abs_mul, (Z.abs_eq (2 ^ _)) by lia. apply Z.mul_le_mono_nonneg; lia. }
split; [unfold counter_count; lia |]. split; [lia |].
rewrite Z.abs_mul. apply Z.le_trans with ((2 ^ 53 - 1) * 2 ^ 7 * 2 ^ 53)%Z; [| lia].
apply Z.mul_le_mono_nonneg; lia.
Qed.

(** Of at most 2^14 deposits, none overflows 64 bits before it is multiplied and no counter overflows 128. *)
Theorem counters_fit xzs k : (Z.of_nat (length xzs) <= 2 ^ 14)%Z -> Forall finite_doubles xzs ->
  Forall (fun xz => Z.abs (fst (decode (pattern (fst xz))) * 2 ^ (deposit_position xz mod 8)) < 2 ^ 63)%Z
    xzs /\
  (Z.abs (counter xzs k) < 2 ^ 127)%Z.
Proof.
intros Hn Hf. split.
- apply Forall_impl with (2 := Hf). intros xz H. apply deposit_bounds in H. lia.
- unfold counter. set (l := filter _ xzs).
  assert (Hl : (length l <= length xzs)%nat) by (unfold l;
    generalize (fun xz => (deposit_position xz / 8 =? k)%Z); clear;
    intros f; induction xzs as [| xz xzs IH]; cbn; [lia | destruct (f xz); cbn; lia]).
  assert (Hb : Forall (fun z => Z.abs z <= 2 ^ 113 - 2 ^ 60)%Z (map deposit_integer l)).
  { apply Forall_forall. intros z Hin. apply in_map_iff in Hin. destruct Hin as (xz & <- & Hin).
    apply filter_In in Hin. rewrite Forall_forall in Hf. now apply deposit_bounds, Hf. }
  apply Zsum_bound in Hb. rewrite map_length in Hb.
  assert (Z.of_nat (length l) * (2 ^ 113 - 2 ^ 60) <= 2 ^ 14 * (2 ^ 113 - 2 ^ 60))%Z
    by (apply Z.mul_le_mono_nonneg_r; lia).
  lia.
Qed.

(** The counters hold the exact sum of products. *)
Theorem counters_exact xzs : Forall finite_doubles xzs -> words_value (counters_integer xzs) = exact_sum xzs.
Proof.
induction 1 as [| xz xzs H Hf IH].
{ unfold counters_integer, counter, words_value, exact_sum, sum. cbn [filter map].
  replace (Zsum _) with 0%Z; [apply Rmult_0_l |].
  generalize (seq 0 counter_count). intros l. induction l as [| k l IHl]; [reflexivity |].
  cbn in *. exact IHl. }
assert (E : counters_integer (xz :: xzs) =
  (deposit_integer xz * 2 ^ (8 * (deposit_position xz / 8)) + counters_integer xzs)%Z).
{ destruct (deposit_bounds xz H) as (Hp & _).
  pose proof (one_counter counter_count 0 (deposit_position xz / 8) (deposit_integer xz) ltac:(lia)) as H1.
  destruct (Z.ltb_spec (deposit_position xz / 8) (Z.of_nat (0 + counter_count))); [| lia].
  rewrite <- H1. unfold counters_integer. generalize (seq 0 counter_count). clear.
  induction l as [| k l IH]; [reflexivity |]. cbn [map]. unfold Zsum. cbn [fold_right].
  change (fold_right Z.add 0%Z) with Zsum. rewrite IH. unfold counter at 1. cbn [filter].
  destruct (deposit_position xz / 8 =? Z.of_nat k)%Z; cbn [map];
    unfold counter, Zsum; cbn [fold_right]; ring. }
rewrite E, words_value_plus, IH. unfold exact_sum. cbn [map]. rewrite sum_cons. f_equal.
destruct H as [H1 H2]. apply decode_double in H1, H2.
destruct H1 as (E1 & _ & P1). destruct H2 as (E2 & _ & P2).
unfold product. rewrite E1 at 1. rewrite E2 at 1.
unfold deposit_integer.
set (m1 := fst (decode (pattern (fst xz)))) in *. set (m2 := fst (decode (pattern (snd xz)))) in *.
unfold deposit_position. set (p1 := snd (decode (pattern (fst xz)))) in *.
set (p2 := snd (decode (pattern (snd xz)))) in *.
pose proof (Z.mod_pos_bound (p1 + p2) 8 eq_refl) as Hr.
pose proof (Z.div_mod (p1 + p2) 8 ltac:(discriminate)) as Hd.
assert (Ep : (m1 * 2 ^ ((p1 + p2) mod 8) * m2 * 2 ^ (8 * ((p1 + p2) / 8)) = m1 * m2 * 2 ^ (p1 + p2))%Z).
{ rewrite Hd at 3. rewrite Z.pow_add_r by lia. ring. }
rewrite Ep. unfold words_value. rewrite !mult_IZR, (IZR_Zpower radix2) by lia.
replace (IZR m1 * pow (p1 - 1074) * (IZR m2 * pow (p2 - 1074)))
  with (IZR m1 * IZR m2 * (pow (p1 - 1074) * pow (p2 - 1074))) by ring.
rewrite <- pow_plus, Rmult_assoc. unfold pow. rewrite <- bpow_plus. do 2 f_equal. unfold unit_exponent. ring.
Qed.

(** ** 13. What the lanes of a block get *)

(** The whole vectors of a block, [lanes] elements each, and what is left. *)
Fixpoint vectors (lanes fuel : nat) (block : list (R * R)) : list (list (R * R)) * list (R * R) :=
  match fuel with
  | O => ([], block)
  | S fuel' =>
    if (length block <? lanes)%nat then ([], block)
    else
      let rest := vectors lanes fuel' (skipn lanes block) in
      (firstn lanes block :: fst rest, snd rest)
  end.

Definition whole_vectors (lanes : nat) (block : list (R * R)) : list (list (R * R)) :=
  fst (vectors lanes (length block) block).

(** The part of a vector that is left at the end, if there is one. *)
Definition part_vector (lanes : nat) (block : list (R * R)) : list (list (R * R)) :=
  match snd (vectors lanes (length block) block) with [] => [] | part => [part] end.

(** Lane i gets the i-th element of every vector, and zeros where a vector has none. *)
Definition lane_of (rows : list (list (R * R))) (i : nat) : list (R * R) :=
  map (fun row => nth i row (0, 0)) rows.

(** One set of bins: all vectors of a block. *)
Definition one_set (lanes : nat) (block : list (R * R)) : list (list (R * R)) :=
  map (lane_of (whole_vectors lanes block ++ part_vector lanes block)) (seq 0 lanes).

(** Every other vector, from the first one and from the second one on. *)
Fixpoint by_turns {A} (rows : list A) : list A * list A :=
  match rows with
  | [] => ([], [])
  | row :: rows' => let rest := by_turns rows' in (row :: snd rest, fst rest)
  end.

(** Two sets of bins: whole vectors go to the even and to the odd set by turns, what is left to the odd
    one. *)
Definition two_sets (lanes : nat) (block : list (R * R)) : list (list (R * R)) :=
  map (lane_of (fst (by_turns (whole_vectors lanes block)))) (seq 0 lanes) ++
  map (lane_of (snd (by_turns (whole_vectors lanes block)) ++ part_vector lanes block)) (seq 0 lanes).

Lemma vectors_spec lanes fuel : (0 < lanes)%nat -> forall block, (length block <= fuel)%nat ->
  concat (fst (vectors lanes fuel block)) ++ snd (vectors lanes fuel block) = block /\
  Forall (fun row => length row = lanes) (fst (vectors lanes fuel block)) /\
  (length (snd (vectors lanes fuel block)) < lanes)%nat /\
  (lanes * length (fst (vectors lanes fuel block)) + length (snd (vectors lanes fuel block)) =
  length block)%nat.
Proof.
intros Hl. induction fuel as [| fuel IH]; intros block Hb; cbn [vectors].
- destruct block; [| cbn in Hb; lia]. cbn. repeat split; try constructor; lia.
- destruct (Nat.ltb_spec (length block) lanes) as [H | H].
  + cbn [fst snd concat app length]. repeat split; [constructor | exact H | lia].
  + assert (Hs : length (skipn lanes block) = (length block - lanes)%nat) by apply skipn_length.
    destruct (IH (skipn lanes block)) as (I1 & I2 & I3 & I4); [lia |].
    cbn [fst snd concat length]. rewrite <- app_assoc, I1, firstn_skipn.
    repeat split; [| exact I3 | rewrite Hs in I4; lia].
    constructor; [| exact I2]. apply firstn_length_le. exact H.
Qed.

Lemma concat_cons_permutation {A B} (f : A -> B) (g : A -> list B) l :
  Permutation (concat (map (fun i => f i :: g i) l)) (map f l ++ concat (map g l)).
Proof.
induction l as [| i l IH]; [apply perm_nil |]. cbn [map concat app]. apply perm_skip.
eapply Permutation_trans; [apply Permutation_app_head, IH |]. rewrite !app_assoc.
apply Permutation_app_tail, Permutation_app_comm.
Qed.

Lemma padded_vector lanes (row : list (R * R)) : (length row <= lanes)%nat ->
  map (fun i => nth i row (0, 0)) (seq 0 lanes) = row ++ repeat (0, 0) (lanes - length row).
Proof.
intros H. apply nth_ext with (0, 0) (0, 0).
{ rewrite map_length, seq_length, app_length, repeat_length. lia. }
intros k Hk. rewrite map_length, seq_length in Hk.
rewrite (nth_indep _ (0, 0) (nth 0 row (0, 0))) by now rewrite map_length, seq_length.
rewrite (map_nth (fun i => nth i row (0, 0)) (seq 0 lanes) 0%nat k), seq_nth by exact Hk. cbn [Nat.add].
destruct (Nat.lt_ge_cases k (length row)) as [Hr | Hr].
- now rewrite app_nth1.
- rewrite app_nth2 by exact Hr. rewrite nth_overflow by exact Hr.
  symmetry. apply nth_repeat.
Qed.

(** The lanes of some vectors hold the elements of these, and zeros. *)
Lemma lanes_of_vectors lanes rows : Forall (fun row => (length row <= lanes)%nat) rows ->
  exists zeros, Permutation (concat (map (lane_of rows) (seq 0 lanes))) (concat rows ++ repeat (0, 0) zeros).
Proof.
induction 1 as [| row rows H _ [zeros IH]].
{ exists 0%nat. unfold lane_of. cbn [map concat repeat app].
  replace (concat _) with (@nil (R * R)); [apply perm_nil |].
  generalize (seq 0 lanes). intros l. induction l as [| i l IHl]; [reflexivity | exact IHl]. }
exists ((lanes - length row) + zeros)%nat. unfold lane_of in *. cbn [map concat].
eapply Permutation_trans; [apply concat_cons_permutation |]. rewrite padded_vector by exact H.
rewrite repeat_app, <- !app_assoc. apply Permutation_app_head.
eapply Permutation_trans; [apply Permutation_app_head, IH |]. rewrite !app_assoc.
apply Permutation_app_tail, Permutation_app_comm.
Qed.

Lemma by_turns_spec {A} (rows : list A) :
  Permutation (fst (by_turns rows) ++ snd (by_turns rows)) rows /\
  (length (snd (by_turns rows)) <= length (fst (by_turns rows)) <= S (length (snd (by_turns rows))))%nat /\
  (length (fst (by_turns rows)) + length (snd (by_turns rows)) = length rows)%nat.
Proof.
induction rows as [| row rows (I1 & I2 & I3)]; cbn [by_turns fst snd];
  [cbn; repeat split; lia || apply perm_nil |].
cbn [app length]. repeat split; try lia. apply perm_skip.
eapply Permutation_trans; [apply Permutation_app_comm | exact I1].
Qed.

Lemma permutation_concat {A} (l l' : list (list A)) : Permutation l l' -> Permutation (concat l) (concat l').
Proof.
induction 1; cbn [concat].
- apply perm_nil.
- now apply Permutation_app_head.
- rewrite !app_assoc. apply Permutation_app_tail, Permutation_app_comm.
- eapply Permutation_trans; eassumption.
Qed.

Lemma part_vector_spec lanes block : (0 < lanes)%nat ->
  concat (whole_vectors lanes block ++ part_vector lanes block) = block /\
  Forall (fun row => (length row <= lanes)%nat) (whole_vectors lanes block) /\
  Forall (fun row => (length row <= lanes)%nat) (part_vector lanes block) /\
  (lanes * length (whole_vectors lanes block) + length (part_vector lanes block) <= length block)%nat /\
  (length (part_vector lanes block) <= 1)%nat.
Proof.
intros Hl. destruct (vectors_spec lanes (length block) Hl block (le_n _)) as (V1 & V2 & V3 & V4).
unfold whole_vectors, part_vector. rewrite concat_app.
set (part := snd (vectors lanes (length block) block)) in *.
repeat split.
- apply eq_trans with (2 := V1). f_equal. destruct part; [reflexivity |]. cbn [concat]. now rewrite app_nil_r.
- apply Forall_impl with (2 := V2). intros row ->. apply le_n.
- destruct part; constructor; [lia | constructor].
- destruct part; cbn [length] in *; lia.
- destruct part; cbn [length]; lia.
Qed.

(** A block of at most 32 vectors in one set of bins: every lane has at most 32 steps, none is lost. *)
Theorem one_set_complete lanes block : (0 < lanes)%nat -> (length block <= 32 * lanes)%nat ->
  Forall (fun xzs => (length xzs <= 32)%nat) (one_set lanes block) /\ length (one_set lanes block) = lanes /\
  exists zeros, Permutation (concat (one_set lanes block)) (block ++ repeat (0, 0) zeros).
Proof.
intros Hl Hb. destruct (part_vector_spec lanes block Hl) as (P1 & P2 & P3 & P4 & P5). unfold one_set.
split; [| split; [now rewrite map_length, seq_length |]].
- apply Forall_forall. intros xzs Hin. apply in_map_iff in Hin. destruct Hin as (i & <- & _).
  unfold lane_of. rewrite map_length, app_length. nia.
- destruct (lanes_of_vectors lanes (whole_vectors lanes block ++ part_vector lanes block)) as [zeros E].
  + apply Forall_app. now split.
  + exists zeros. rewrite P1 in E. exact E.
Qed.

(** The same of at most 64 vectors in two sets of bins. *)
Theorem two_sets_complete lanes block : (0 < lanes)%nat -> (length block <= 64 * lanes)%nat ->
  Forall (fun xzs => (length xzs <= 32)%nat) (two_sets lanes block) /\
  length (two_sets lanes block) = (2 * lanes)%nat /\
  exists zeros, Permutation (concat (two_sets lanes block)) (block ++ repeat (0, 0) zeros).
Proof.
intros Hl Hb. destruct (part_vector_spec lanes block Hl) as (P1 & P2 & P3 & P4 & P5). unfold two_sets.
destruct (by_turns_spec (whole_vectors lanes block)) as (T1 & T2 & T3).
assert (T4 : Forall (fun row => (length row <= lanes)%nat) (fst (by_turns (whole_vectors lanes block)) ++
  snd (by_turns (whole_vectors lanes block)))).
{ eapply Permutation_Forall; [apply Permutation_sym, T1 | exact P2]. }
apply Forall_app in T4. destruct T4 as [T4 T5].
set (even := fst (by_turns (whole_vectors lanes block))) in *.
set (odd := snd (by_turns (whole_vectors lanes block))) in *.
split; [| split].
- apply Forall_app. split; apply Forall_forall; intros xzs Hin; apply in_map_iff in Hin;
    destruct Hin as (i & <- & _); unfold lane_of; rewrite map_length, ?app_length; nia.
- rewrite app_length, !map_length, seq_length. lia.
- destruct (lanes_of_vectors lanes even T4) as [z1 E1].
  destruct (lanes_of_vectors lanes (odd ++ part_vector lanes block)) as [z2 E2]; [now apply Forall_app |].
  exists (z1 + z2)%nat. rewrite concat_app.
  eapply Permutation_trans; [apply Permutation_app; [exact E1 | exact E2] |].
  rewrite repeat_app.
  assert (E3 : Permutation (concat even ++ concat (odd ++ part_vector lanes block))
    (concat (whole_vectors lanes block ++ part_vector lanes block))).
  { rewrite <- concat_app. apply permutation_concat. rewrite app_assoc. now apply Permutation_app_tail. }
  rewrite P1 in E3. eapply Permutation_trans; [| apply Permutation_app_tail, E3].
  rewrite <- !app_assoc. apply Permutation_app_head. rewrite !app_assoc. apply Permutation_app_tail.
  apply Permutation_app_comm.
Qed.

(** ** 14. The minimum that the kernels keep *)

(** b where skipped, the smaller of a and b elsewhere; None is infinity. *)
Definition min_but (skipped : bool) (a : R) (b : option R) : option R :=
  if skipped then b else Some (match b with None => a | Some b => Rmin a b end).

Definition smallest {A} (skipped : A -> bool) (f : A -> R) (xs : list A) : option R :=
  fold_left (fun b x => min_but (skipped x) (f x) b) xs None.

Definition at_least (c : R) (b : option R) : Prop := match b with None => True | Some b => c <= b end.

(** Comparing it tells whether everything that was not skipped is at least c. *)
Theorem smallest_at_least {A} c (skipped : A -> bool) (f : A -> R) xs :
  at_least c (smallest skipped f xs) <-> Forall (fun x => skipped x = true \/ c <= f x) xs.
Proof.
unfold smallest.
enough (H : forall b, at_least c (fold_left (fun b x => min_but (skipped x) (f x) b) xs b) <->
  at_least c b /\ Forall (fun x => skipped x = true \/ c <= f x) xs).
{ rewrite H. cbn. tauto. }
induction xs as [| x xs IH]; intros b; cbn [fold_left].
- split; [intros H; split; [exact H | constructor] | tauto].
- rewrite IH. rewrite Forall_cons_iff. unfold min_but. destruct (skipped x).
  + tauto.
  + assert (E : at_least c (Some (match b with None => f x | Some b => Rmin (f x) b end)) <->
      at_least c b /\ c <= f x).
    { destruct b as [b |]; cbn [at_least]; [| tauto].
      split.
      - intros H. split; eapply Rle_trans; try exact H; [apply Rmin_r | apply Rmin_l].
      - intros [H1 H2]. now apply Rmin_glb. }
    rewrite E. split; [intros [[H1 H2] H3] | intros [H1 [[H2 | H2] H3]]]; try discriminate; tauto.
Qed.

(** ** 15. Whole vectors *)

(** What the kernels are given: doubles, or floats, whose products need no low row. *)
Definition factors (has_low : bool) (xz : R * R) : Prop := if has_low then doubles xz else floats xz.

(** What one lane gets of g and y, at most 32 steps, is certified. *)
Definition certified_lane (has_low : bool) (top_gg top_yy : Z) (l : lane) : Prop :=
  allowed top_gg (fst l) /\ allowed top_yy (fst l) /\ (Z.of_nat (length (snd l)) <= block_steps)%Z /\
  Forall (factors has_low) (snd l) /\ gram_certificate top_gg top_yy (fst l) (snd l).

Definition with_products (f : list (R * R) -> list (R * R)) (l : lane) : lane := (fst l, f (snd l)).

(** Once all lanes of all sets of bins of some blocks are certified, the words of all three sums are exact. *)
Theorem certified_lanes_exact has_low top_gg top_yy lanes h_gg l_gg h_gy l_gy h_yy l_yy :
  (Z.abs top_gg <= most_top)%Z -> (Z.abs top_yy <= most_top)%Z ->
  Forall (certified_lane has_low top_gg top_yy) lanes -> (length lanes < 4096)%nat ->
  bin_totals has_low top_gg (map (with_products gg) lanes) h_gg l_gg ->
  bin_totals has_low (cross_top top_gg top_yy) lanes h_gy l_gy ->
  bin_totals has_low top_yy (map (with_products yy) lanes) h_yy l_yy ->
  let gys := concat (map snd lanes) in
  words_value (totals_integer top_gg h_gg l_gg) = exact_sum (gg gys) /\
  words_value (totals_integer (cross_top top_gg top_yy) h_gy l_gy) = exact_sum gys /\
  words_value (totals_integer top_yy h_yy l_yy) = exact_sum (yy gys).
Proof.
intros Ha Hb Hl Hn T1 T2 T3. cbv zeta.
assert (Hx : forall l, In l lanes ->
  lane_exact has_low top_gg (with_products gg l) /\ lane_exact has_low (cross_top top_gg top_yy) l /\
  lane_exact has_low top_yy (with_products yy l)).
{ intros l Hin. rewrite Forall_forall in Hl. destruct (Hl l Hin) as (A1 & A2 & Hst & Hf & C).
  destruct l as [bins gys]. cbn [fst snd] in *. pose proof (allowed_cross _ _ _ A1 A2) as A3.
  unfold with_products. cbn [fst snd]. destruct has_low.
  - destruct (gram_block_exact top_gg top_yy bins gys A1 A2 Hst Hf C) as (E1 & E2 & E3).
    split; [| split]; now apply lane_exact_of_exact.
  - destruct (float_gram_block_exact top_gg top_yy bins gys A1 A2 Hst Hf C) as (E1 & E2 & E3).
    split; [| split]; now apply lane_exact_of_float_exact. }
assert (Hc : (Z.abs (cross_top top_gg top_yy) <= most_top)%Z).
{ pose proof (cross_top_bounds top_gg top_yy). unfold most_top in *. lia. }
assert (Hmap : forall f, (forall l l' : list (R * R), f (l ++ l') = f l ++ f l') -> f [] = [] ->
  concat (map snd (map (with_products f) lanes)) = f (concat (map snd lanes))).
{ intros f Happ Hnil. clear -Happ Hnil.
  induction lanes as [| l lanes IH]; cbn [map concat]; [now rewrite Hnil |].
  now rewrite Happ, <- IH. }
split; [| split].
- rewrite <- (Hmap gg) by (try reflexivity; intros; apply map_app).
  apply (lanes_exact has_low); try assumption; [| now rewrite map_length].
  apply Forall_forall. intros l Hin. apply in_map_iff in Hin. destruct Hin as (l' & <- & Hin). now apply Hx.
- apply (lanes_exact has_low); try assumption. apply Forall_forall. intros l Hin. now apply Hx.
- rewrite <- (Hmap yy) by (try reflexivity; intros; apply map_app).
  apply (lanes_exact has_low); try assumption; [| now rewrite map_length].
  apply Forall_forall. intros l Hin. apply in_map_iff in Hin. destruct Hin as (l' & <- & Hin). now apply Hx.
Qed.

(** What the words of g.g, g.y and y.y may hold after some elements of g and y: blocks, certified in all their
    lanes, with the same quanta, of fewer than 4096 lanes together; or at most 2^14 elements summed by
    integers; or the sum of the words for two groups of elements. *)
Inductive gram_words (has_low : bool) : list (R * R) -> Z -> Z -> Z -> Prop :=
  | by_bins top_gg top_yy lanes h_gg l_gg h_gy l_gy h_yy l_yy :
      (Z.abs top_gg <= most_top)%Z -> (Z.abs top_yy <= most_top)%Z ->
      Forall (certified_lane has_low top_gg top_yy) lanes -> (length lanes < 4096)%nat ->
      bin_totals has_low top_gg (map (with_products gg) lanes) h_gg l_gg ->
      bin_totals has_low (cross_top top_gg top_yy) lanes h_gy l_gy ->
      bin_totals has_low top_yy (map (with_products yy) lanes) h_yy l_yy ->
      gram_words has_low (concat (map snd lanes)) (totals_integer top_gg h_gg l_gg)
        (totals_integer (cross_top top_gg top_yy) h_gy l_gy) (totals_integer top_yy h_yy l_yy)
  | by_integers gys :
      Forall finite_doubles gys -> (Z.of_nat (length gys) <= 2 ^ 14)%Z ->
      gram_words has_low gys (counters_integer (gg gys)) (counters_integer gys) (counters_integer (yy gys))
  | by_parts gys gys' a b c a' b' c' :
      gram_words has_low gys a b c -> gram_words has_low gys' a' b' c' ->
      gram_words has_low (gys ++ gys') (a + a') (b + b') (c + c').

Lemma exact_sum_permutation xzs xzs' : Permutation xzs xzs' -> exact_sum xzs = exact_sum xzs'.
Proof. intros H. apply sum_permutation. now apply Permutation_map. Qed.

Lemma exact_sum_zeros zeros : exact_sum (repeat (0, 0) zeros) = 0.
Proof.
unfold exact_sum. induction zeros as [| n IH]; [reflexivity |]. cbn [repeat map]. rewrite sum_cons, IH.
unfold product. cbn [fst snd]. ring.
Qed.

Lemma finite_gg gys :
  Forall finite_doubles gys -> Forall finite_doubles (gg gys) /\ Forall finite_doubles (yy gys).
Proof.
intros H. rewrite Forall_forall in H.
split; apply Forall_forall; intros xz Hin; apply in_map_iff in Hin; destruct Hin as (gy & <- & Hin);
  destruct (H gy Hin); now split.
Qed.

Lemma gram_words_exact has_low gys a b c : gram_words has_low gys a b c ->
  words_value a = exact_sum (gg gys) /\ words_value b = exact_sum gys /\ words_value c = exact_sum (yy gys).
Proof.
induction 1 as [| gys Hf Hn | gys gys' a b c a' b' c' _ IH _ IH'].
- eapply certified_lanes_exact; eassumption.
- destruct (finite_gg gys Hf). repeat split; now apply counters_exact.
- rewrite !words_value_plus. unfold gg, yy in *. rewrite !map_app, !exact_sum_app.
  destruct IH as (-> & -> & ->). destruct IH' as (-> & -> & ->). now repeat split.
Qed.

(** Any vectors g and y, cut into blocks that are certified or summed by integers, in any order of blocks and
    lanes, with zeros where vectors end: the words hold exactly the three sums of products. *)
Theorem gram_exact has_low gys elements zeros a b c :
  gram_words has_low elements a b c -> Permutation elements (gys ++ repeat (0, 0) zeros) ->
  words_value a = exact_sum (gg gys) /\ words_value b = exact_sum gys /\ words_value c = exact_sum (yy gys).
Proof.
intros H P. destruct (gram_words_exact _ _ _ _ _ H) as (-> & -> & ->).
assert (Hz : forall (f : R * R -> R * R), f (0, 0) = (0, 0) ->
  exact_sum (map f elements) = exact_sum (map f gys)).
{ intros f Hf. rewrite (exact_sum_permutation _ _ (Permutation_map f P)), map_app, exact_sum_app.
  replace (map f (repeat (0, 0) zeros)) with (repeat (0, 0) zeros : list (R * R)).
  - rewrite exact_sum_zeros. ring.
  - clear P. induction zeros as [| n IH]; [reflexivity |]. cbn [repeat map]. now rewrite Hf, <- IH. }
split; [| split].
- now apply Hz.
- rewrite <- (map_id elements), <- (map_id gys). now apply Hz.
- now apply Hz.
Qed.

Lemma words_value_injective x y : words_value x = words_value y -> x = y.
Proof.
unfold words_value. intros H. apply Rmult_eq_reg_r in H; [now apply eq_IZR |].
pose proof (pow_gt_0 unit_exponent). lra.
Qed.

(** The same elements in any order, cut in any way, give the same words. *)
Theorem gram_order_irrelevant has_low has_low' gys gys' elements elements' zeros zeros' a b c a' b' c' :
  gram_words has_low elements a b c -> Permutation elements (gys ++ repeat (0, 0) zeros) ->
  gram_words has_low' elements' a' b' c' -> Permutation elements' (gys' ++ repeat (0, 0) zeros') ->
  Permutation gys gys' -> a = a' /\ b = b' /\ c = c'.
Proof.
intros H P H' P' Q. destruct (gram_exact _ _ _ _ _ _ _ H P) as (A & B & C).
destruct (gram_exact _ _ _ _ _ _ _ H' P') as (A' & B' & C').
pose proof (exact_sum_permutation _ _ (Permutation_map (fun gy => (fst gy, fst gy)) Q)) as Q1.
pose proof (exact_sum_permutation _ _ Q) as Q2.
pose proof (exact_sum_permutation _ _ (Permutation_map (fun gy => (snd gy, snd gy)) Q)) as Q3.
fold (gg gys) (gg gys') in Q1. fold (yy gys) (yy gys') in Q3.
repeat split; apply words_value_injective; congruence.
Qed.

(** The words of a whole are the sums of those of its parts, whichever way each of the three was summed. *)
Theorem gram_merge has_low has_low1 has_low2 gys1 gys2 elements elements1 elements2 zeros zeros1 zeros2
    a b c a1 b1 c1 a2 b2 c2 :
  gram_words has_low elements a b c -> Permutation elements ((gys1 ++ gys2) ++ repeat (0, 0) zeros) ->
  gram_words has_low1 elements1 a1 b1 c1 -> Permutation elements1 (gys1 ++ repeat (0, 0) zeros1) ->
  gram_words has_low2 elements2 a2 b2 c2 -> Permutation elements2 (gys2 ++ repeat (0, 0) zeros2) ->
  (a = a1 + a2 /\ b = b1 + b2 /\ c = c1 + c2)%Z.
Proof.
intros H P H1 P1 H2 P2. destruct (gram_exact _ _ _ _ _ _ _ H P) as (A & B & C).
destruct (gram_exact _ _ _ _ _ _ _ H1 P1) as (A1 & B1 & C1).
destruct (gram_exact _ _ _ _ _ _ _ H2 P2) as (A2 & B2 & C2).
unfold gg, yy in *. rewrite !map_app, !exact_sum_app in *.
repeat split; apply words_value_injective; rewrite words_value_plus; congruence.
Qed.

(** The same for a scalar product. *)
Definition certified_dots_lane (top : Z) (l : lane) : Prop :=
  allowed top (fst l) /\ (Z.of_nat (length (snd l)) <= block_steps)%Z /\ Forall doubles (snd l) /\
  dots_certificate top (fst l) (snd l).

Inductive dots_words : list (R * R) -> Z -> Prop :=
  | dots_by_bins top lanes high low :
      (Z.abs top <= most_top)%Z -> Forall (certified_dots_lane top) lanes -> (length lanes < 4096)%nat ->
      bin_totals true top lanes high low ->
      dots_words (concat (map snd lanes)) (totals_integer top high low)
  | dots_by_integers xzs :
      Forall finite_doubles xzs -> (Z.of_nat (length xzs) <= 2 ^ 14)%Z ->
      dots_words xzs (counters_integer xzs)
  | dots_by_parts xzs xzs' a a' :
      dots_words xzs a -> dots_words xzs' a' -> dots_words (xzs ++ xzs') (a + a').

(** A scalar product, however it was cut into blocks: the words hold it exactly. *)
Theorem dots_exact xzs elements zeros a :
  dots_words elements a -> Permutation elements (xzs ++ repeat (0, 0) zeros) -> words_value a = exact_sum xzs.
Proof.
intros H P. transitivity (exact_sum elements).
- clear P. induction H as [top lanes high low Ht Hl Hn T | xzs' Hf Hn | xzs1 xzs2 a1 a2 _ IH1 _ IH2].
  + apply (lanes_exact true); try assumption. apply Forall_impl with (2 := Hl).
    intros [bins l] (H1 & H2 & H3 & H4). cbn [fst snd] in *.
    apply lane_exact_of_exact; [exact H1 |]. now apply dots_block_exact.
  + now apply counters_exact.
  + now rewrite words_value_plus, exact_sum_app, IH1, IH2.
- rewrite (exact_sum_permutation _ _ P), exact_sum_app, exact_sum_zeros. ring.
Qed.

(** Sums of at most 2^63 products of finite doubles fit into 67 words of 64 bits, with a sign. *)
Theorem words_fit a xzs : words_value a = exact_sum xzs -> Forall finite_doubles xzs ->
  (Z.of_nat (length xzs) <= 2 ^ 63)%Z -> (Z.abs a < 2 ^ (64 * 67 - 1))%Z.
Proof.
intros Ha Hf Hn.
assert (Hs : Rabs (exact_sum xzs) <= INR (length xzs) * pow 2048).
{ clear Ha Hn. unfold exact_sum. induction Hf as [| xz xzs [[_ H1] [_ H2]] _ IH].
  - cbn [map length INR]. unfold sum. cbn [fold_right]. rewrite Rabs_R0. lra.
  - cbn [map length]. rewrite sum_cons, S_INR. eapply Rle_trans; [apply Rabs_triang |].
    assert (Rabs (product xz) <= pow 2048); [| lra].
    unfold product. rewrite Rabs_mult. change 2048%Z with (1024 + 1024)%Z. rewrite pow_plus.
    apply Rmult_le_compat; try apply Rabs_pos; lra. }
rewrite <- Ha in Hs. unfold words_value in Hs. rewrite Rabs_mult, (Rabs_pos_eq (pow _)) in Hs
  by apply Rlt_le, pow_gt_0.
apply lt_IZR. rewrite abs_IZR, (IZR_Zpower radix2) by lia. fold (pow (64 * 67 - 1)).
apply Rmult_lt_reg_r with (pow unit_exponent); [apply pow_gt_0 |].
apply Rle_lt_trans with (1 := Hs). rewrite <- pow_plus.
apply Rle_lt_trans with (pow 63 * pow 2048).
- apply Rmult_le_compat_r; [apply Rlt_le, pow_gt_0 |]. rewrite INR_IZR_INZ.
  change (pow 63) with (IZR (2 ^ 63)). now apply IZR_le.
- rewrite <- pow_plus. apply pow_lt. reflexivity.
Qed.

(** ** 16. IEEE's operations: infinities, NaN and overflow *)

Definition ieee_add : binary64 -> binary64 -> binary64 := Bits.b64_plus BinarySingleNaN.mode_NE.
Definition ieee_sub : binary64 -> binary64 -> binary64 := Bits.b64_minus BinarySingleNaN.mode_NE.
Definition ieee_mul : binary64 -> binary64 -> binary64 := Bits.b64_mult BinarySingleNaN.mode_NE.
Definition ieee_fma : binary64 -> binary64 -> binary64 -> binary64 := Bits.b64_fma BinarySingleNaN.mode_NE.
Definition ieee_neg : binary64 -> binary64 := Bits.b64_opp.

(** Not above: false for NaN. *)
Definition ieee_le (a b : binary64) : Prop :=
  match Bits.b64_compare a b with Some Lt | Some Eq => True | _ => False end.

(** b is finite and x. *)
Definition is_real (b : binary64) (x : R) : Prop := finite b /\ real_of b = x.

Lemma is_real_double b x : is_real b x -> double x.
Proof. intros [_ <-]. apply Binary.generic_format_B2R. Qed.

Lemma ieee_add_real a b x y : is_real a x -> is_real b y -> Rabs (rnd (x + y)) < pow 1024 ->
  is_real (ieee_add a b) (rnd (x + y)).
Proof.
intros [Fa Ra] [Fb Rb] H.
pose proof (Binary.Bplus_correct 53 1024 eq_refl eq_refl Bits.binop_nan_pl64
  BinarySingleNaN.mode_NE a b Fa Fb)
  as C.
fold (real_of a) (real_of b) in C. rewrite Ra, Rb in C.
change (round radix2 _ _ (x + y)) with (rnd (x + y)) in C.
rewrite Rlt_bool_true in C by exact H. split; apply C.
Qed.

Lemma ieee_sub_real a b x y : is_real a x -> is_real b y -> Rabs (rnd (x - y)) < pow 1024 ->
  is_real (ieee_sub a b) (rnd (x - y)).
Proof.
intros [Fa Ra] [Fb Rb] H.
pose proof (Binary.Bminus_correct 53 1024 eq_refl eq_refl Bits.binop_nan_pl64
  BinarySingleNaN.mode_NE a b Fa Fb)
  as C.
fold (real_of a) (real_of b) in C. rewrite Ra, Rb in C.
change (round radix2 _ _ (x - y)) with (rnd (x - y)) in C.
rewrite Rlt_bool_true in C by exact H. split; apply C.
Qed.

Lemma ieee_mul_real a b x y : is_real a x -> is_real b y -> Rabs (rnd (x * y)) < pow 1024 ->
  is_real (ieee_mul a b) (rnd (x * y)).
Proof.
intros [Fa Ra] [Fb Rb] H.
pose proof (Binary.Bmult_correct 53 1024 eq_refl eq_refl Bits.binop_nan_pl64
  BinarySingleNaN.mode_NE a b) as C.
fold (real_of a) (real_of b) in C. rewrite Ra, Rb in C.
change (round radix2 _ _ (x * y)) with (rnd (x * y)) in C.
rewrite Rlt_bool_true in C by exact H. destruct C as (C1 & C2 & _). split; [| exact C1].
unfold finite in *. rewrite Fa, Fb in C2. exact C2.
Qed.

Lemma ieee_fma_real a b c x y z : is_real a x -> is_real b y -> is_real c z ->
  Rabs (rnd (x * y + z)) < pow 1024 -> is_real (ieee_fma a b c) (rnd (x * y + z)).
Proof.
intros [Fa Ra] [Fb Rb] [Fc Rc] H.
pose proof (Binary.Bfma_correct 53 1024 eq_refl eq_refl Bits.ternop_nan_pl64 BinarySingleNaN.mode_NE
  a b c Fa Fb Fc) as C. cbv zeta in C.
fold (real_of a) (real_of b) (real_of c) in C. rewrite Ra, Rb, Rc in C.
change (round radix2 _ _ (x * y + z)) with (rnd (x * y + z)) in C.
rewrite Rlt_bool_true in C by exact H. split; apply C.
Qed.

Lemma ieee_neg_real a x : is_real a x -> is_real (ieee_neg a) (- x).
Proof.
intros [Fa Ra]. split.
- unfold finite, ieee_neg, Bits.b64_opp. now rewrite Binary.is_finite_Bopp.
- unfold real_of, ieee_neg, Bits.b64_opp. rewrite Binary.B2R_Bopp. now rewrite <- Ra.
Qed.

Definition ieee_one : binary64 := binary64_of 1.

Lemma ieee_one_real : is_real ieee_one 1.
Proof.
destruct (binary64_of_exact 1) as [H1 H2].
- change 1 with (pow 0). apply double_pow. discriminate.
- rewrite Rabs_R1. change 1 with (pow 0). now apply pow_lt.
- now split.
Qed.

(** Infinity and NaN. *)
Definition lost (b : binary64) : Prop :=
  match b with
  | Binary.B754_infinity false | Binary.B754_nan _ _ _ => True
  | _ => False
  end.

Lemma lost_of_overflow (b : binary64) :
  Binary.B2FF 53 1024 b = Binary.binary_overflow 53 1024 BinarySingleNaN.mode_NE false -> lost b.
Proof.
destruct b as [s | s | s pl Hpl | s m e Hb]; intros H; try discriminate H. injection H as ->. exact I.
Qed.

Lemma sign_of_positive (b : binary64) : finite b -> 0 < real_of b -> Binary.Bsign 53 1024 b = false.
Proof.
destruct b as [s | s | s pl Hpl | s m e Hb]; intros F H; try discriminate F; unfold real_of in H;
  cbn [Binary.B2R] in H; [lra |].
destruct s; [| reflexivity]. exfalso.
assert (F2R (Float radix2 (cond_Zopp true (Zpos m)) e) < 0) by now apply F2R_lt_0. lra.
Qed.

(** A square is finite and what the model has, or lost for good. *)
Lemma ieee_square (g : binary64) :
  (finite g /\ is_real (ieee_mul g g) (rnd (real_of g * real_of g))) \/ lost (ieee_mul g g).
Proof.
destruct (Binary.is_finite 53 1024 g) eqn:F.
- destruct (Rlt_or_le (Rabs (rnd (real_of g * real_of g))) (pow 1024)) as [H | H].
  + left. split; [exact F |]. apply ieee_mul_real; [now split | now split | exact H].
  + right. apply lost_of_overflow.
    pose proof (Binary.Bmult_correct 53 1024 eq_refl eq_refl Bits.binop_nan_pl64
      BinarySingleNaN.mode_NE g g) as C.
    fold (real_of g) in C. change (round radix2 _ _ (real_of g * real_of g))
      with (rnd (real_of g * real_of g)) in C.
    rewrite Rlt_bool_false in C by exact H. rewrite Bool.xorb_nilpotent in C. exact C.
- right. destruct g as [s | s | s pl Hpl | s m e Hb]; try discriminate F; [destruct s; exact I | exact I].
Qed.

Lemma lost_add_l b h : lost b -> lost h \/ finite h -> lost (ieee_add b h).
Proof.
destruct b as [s | [] | s pl Hpl | s m e Hb]; intros L H; try contradiction;
  destruct h as [s' | [] | s' pl' Hpl' | s' m' e' Hb']; try exact I;
  destruct H as [H | H]; try contradiction; discriminate H.
Qed.

Lemma lost_add_r b h : finite b -> lost h -> lost (ieee_add b h).
Proof.
destruct h as [s | [] | s pl Hpl | s m e Hb]; intros F L; try contradiction;
  destruct b as [s' | [] | s' pl' Hpl' | s' m' e' Hb']; try exact I; discriminate F.
Qed.

Lemma ieee_add_positive b h x y : is_real b x -> Binary.Bsign 53 1024 b = false -> is_real h y ->
  0 <= x + y ->
  (is_real (ieee_add b h) (rnd (x + y)) /\ Binary.Bsign 53 1024 (ieee_add b h) = false) \/
  lost (ieee_add b h).
Proof.
intros Rb Sb Rh Hx.
pose proof (Binary.Bplus_correct 53 1024 eq_refl eq_refl Bits.binop_nan_pl64 BinarySingleNaN.mode_NE b h
  (proj1 Rb) (proj1 Rh)) as C.
fold (real_of b) (real_of h) in C. rewrite (proj2 Rb), (proj2 Rh), Sb in C.
change (round radix2 _ _ (x + y)) with (rnd (x + y)) in C.
destruct (Rlt_or_le (Rabs (rnd (x + y))) (pow 1024)) as [H | H].
- left. split; [now apply ieee_add_real |]. rewrite Rlt_bool_true in C by exact H. destruct C as (_ & _ & C).
  refine (eq_trans C _). destruct (Rcompare_spec (x + y) 0); [lra | reflexivity | reflexivity].
- right. apply lost_of_overflow. rewrite Rlt_bool_false in C by exact H. apply C.
Qed.

(** If a sum of numbers that are either finite and not negative or lost is not lost in the end, then nothing
    on the way was infinite or NaN, and it is what the model has. *)
Theorem ieee_sum_finite {A} (h : A -> binary64) (r : A -> R) (whole : A -> Prop) :
  (forall a, (whole a /\ is_real (h a) (r a) /\ 0 <= r a) \/ lost (h a)) ->
  forall l b x, is_real b x -> Binary.Bsign 53 1024 b = false -> 0 <= x ->
  ~ lost (fold_left (fun b a => ieee_add b (h a)) l b) ->
  Forall (fun a => whole a /\ is_real (h a) (r a)) l /\
  is_real (fold_left (fun b a => ieee_add b (h a)) l b) (fold_left (fun b a => rnd (b + r a)) l x).
Proof.
intros Hh.
assert (Hgood : forall l b, lost b -> lost (fold_left (fun b a => ieee_add b (h a)) l b)).
{ induction l as [| a l IH]; intros b L; [exact L |]. apply IH, lost_add_l; [exact L |].
  destruct (Hh a) as [(_ & [F _] & _) | H]; [now right | now left]. }
induction l as [| a l IH]; intros b x Rb Sb Hx L; [split; [constructor | exact Rb] |].
cbn [fold_left] in *. destruct (Hh a) as [(Wa & Ra & Pa) | La].
- destruct (ieee_add_positive b _ x _ Rb Sb Ra ltac:(lra)) as [[Hs Ss] | Hs];
    [| exfalso; apply L; now apply Hgood].
  assert (Hpos : 0 <= rnd (x + r a)) by (apply rnd_pos; lra).
  destruct (IH _ _ Hs Ss Hpos L) as [I1 I2]. split; [| exact I2]. constructor; [now split | exact I1].
- exfalso. apply L, Hgood, lost_add_r; [apply Rb | exact La].
Qed.

Definition ieee_squares (gs : list binary64) (b : binary64) : binary64 :=
  fold_left (fun b g => ieee_add b (ieee_mul g g)) gs b.

Lemma le_not_lost a b y : is_real b y -> ieee_le a b -> ~ lost a.
Proof.
intros [Fb _] H L. unfold ieee_le, Bits.b64_compare in H.
destruct a as [s | [] | s pl Hpl | s m e Hb]; try contradiction;
  destruct b as [s' | [] | s' pl' Hpl' | s' m' e' Hb']; try discriminate Fb; exact H.
Qed.

Lemma ieee_le_real a b x y : is_real a x -> is_real b y -> ieee_le a b -> x <= y.
Proof.
intros [Fa Ra] [Fb Rb] H. unfold ieee_le, Bits.b64_compare in H.
rewrite Binary.Bcompare_correct in H by assumption. fold (real_of a) (real_of b) in H. rewrite Ra, Rb in H.
destruct (Rcompare_spec x y); [lra | lra | contradiction].
Qed.

(** pour, with c - a b as fused multiply-add. *)
Definition ieee_pour (bin x : binary64) : binary64 * binary64 :=
  let sum := ieee_add bin x in (sum, ieee_fma (ieee_neg (ieee_sub sum bin)) ieee_one x).

(** add_last is what the last bin does: fma(rest, 1, bin) in the row of h, bin + rest in that of l. *)
Fixpoint ieee_add_to_row (add_last : binary64 -> binary64 -> binary64) (row : list binary64) (x : binary64) :
    list binary64 :=
  match row with
  | [] => []
  | bin :: row' =>
    match row' with
    | [] => [add_last bin x]
    | _ => fst (ieee_pour bin x) :: ieee_add_to_row add_last row' (snd (ieee_pour bin x))
    end
  end.

Definition last_of_high (bin x : binary64) : binary64 := ieee_fma x ieee_one bin.

Definition ieee_add_product (rows : list binary64 * list binary64) (ab : binary64 * binary64) :
    list binary64 * list binary64 :=
  let high := ieee_mul (fst ab) (snd ab) in
  (ieee_add_to_row last_of_high (fst rows) high,
   ieee_add_to_row ieee_add (snd rows) (ieee_fma (fst ab) (snd ab) (ieee_neg high))).

Definition ieee_block_rows (top : Z) (bins : nat) (abs : list (binary64 * binary64)) :
    list binary64 * list binary64 :=
  fold_left ieee_add_product abs
    (map binary64_of (empty_row top bins), map binary64_of (empty_row (top - low_row) bins)).

Definition reals (ab : binary64 * binary64) : R * R := (real_of (fst ab), real_of (snd ab)).

Definition adds (add_last : binary64 -> binary64 -> binary64) : Prop :=
  forall b x y z, is_real b y -> is_real x z -> Rabs (rnd (y + z)) < pow 1024 ->
  is_real (add_last b x) (rnd (y + z)).

Lemma last_of_high_adds : adds last_of_high.
Proof.
intros b x y z Hb Hx H. unfold last_of_high. replace (y + z) with (z * 1 + y) in * by ring.
apply ieee_fma_real; try assumption. apply ieee_one_real.
Qed.

Lemma ieee_add_adds : adds ieee_add.
Proof. intros b x y z Hb Hx H. now apply ieee_add_real. Qed.

Lemma rnd_abs_below e x : (emin <= e)%Z -> Rabs x <= pow e -> Rabs (rnd x) <= pow e.
Proof. intros He H. apply rnd_abs_le; [now apply double_pow | exact H]. Qed.

(** IEEE's operations do what the model does in a row as long as its bins are below 2^744. *)
Lemma ieee_row_step add_last : adds add_last -> forall rowb row x y e,
  Forall2 is_real rowb row -> is_real x y -> (745 <= e)%Z -> (e + Z.of_nat (length row) <= 1000)%Z ->
  Rabs y <= pow e -> Forall (fun b => 0 < b < pow 744) row ->
  Forall (fun b => 0 < b < pow 744) (add_to_row row y) ->
  Forall2 is_real (ieee_add_to_row add_last rowb x) (add_to_row row y).
Proof.
intros Hlast. induction rowb as [| b rowb IH]; intros row x y e Hr Hx He Hl Hy B A.
{ inversion Hr. constructor. }
inversion Hr as [| ? r ? row' Hb Hr' E1 E2]; subst. inversion B as [| ? ? B1 B2]; subst.
assert (P1024 : pow 744 < pow 1024) by now apply pow_lt.
destruct row' as [| r' row'].
- inversion Hr'; subst. cbn [ieee_add_to_row add_to_row] in *. inversion A as [| ? ? A1 _]; subst.
  constructor; [| constructor]. apply Hlast; try assumption. rewrite Rabs_pos_eq; lra.
- inversion Hr' as [| b' ? rowb' ? Hb' Hr'' E1 E2]; subst.
  change (add_to_row (r :: r' :: row') y) with
    (fst (pour r y) :: add_to_row (r' :: row') (snd (pour r y))) in *.
  change (ieee_add_to_row add_last (b :: b' :: rowb') x) with
    (fst (ieee_pour b x) :: ieee_add_to_row add_last (b' :: rowb') (snd (ieee_pour b x))).
  inversion A as [| ? ? A1 A2]; subst. unfold pour in A1. cbn [fst] in A1.
  unfold ieee_pour. cbn [fst snd]. unfold pour in A2 |- *. cbn [fst snd] in A2 |- *.
  set (s := rnd (r + y)) in *.
  assert (Hs : is_real (ieee_add b x) s) by (apply ieee_add_real; try assumption; fold s;
    rewrite Rabs_pos_eq; lra).
  assert (Hd0 : Rabs (s - r) <= pow 745).
  { change 745%Z with (744 + 1)%Z. rewrite pow_double. apply Rabs_le. lra. }
  apply rnd_abs_below in Hd0; [| discriminate].
  assert (Hde : pow 745 <= pow e) by now apply pow_le.
  assert (Hep : (e + 1 <= 1000)%Z) by (cbn [length] in Hl; lia).
  assert (Hd : is_real (ieee_sub (ieee_add b x) b) (rnd (s - r))).
  { apply ieee_sub_real; try assumption. apply Rle_lt_trans with (1 := Hd0). now apply pow_lt. }
  assert (Hrest0 : Rabs (y - rnd (s - r)) <= pow (e + 1)).
  { rewrite pow_double. unfold Rminus at 1. eapply Rle_trans; [apply Rabs_triang |]. rewrite Rabs_Ropp. lra. }
  apply rnd_abs_below in Hrest0; [| unfold emin; lia].
  assert (Hrest : is_real (ieee_fma (ieee_neg (ieee_sub (ieee_add b x) b)) ieee_one x)
    (rnd (y - rnd (s - r)))).
  { replace (y - rnd (s - r)) with (- rnd (s - r) * 1 + y) in * by ring.
    apply ieee_fma_real; try assumption; [now apply ieee_neg_real | apply ieee_one_real |].
    apply Rle_lt_trans with (1 := Hrest0). apply pow_lt. lia. }
  constructor; [exact Hs |].
  apply IH with (e + 1)%Z; try assumption; try lia. cbn [length] in *. lia.
Qed.

Lemma empty_row_real bins : forall q, (emin <= last_quantum q bins)%Z -> (q <= 971)%Z ->
  Forall2 is_real (map binary64_of (empty_row q bins)) (empty_row q bins).
Proof.
induction bins as [| bins IH]; intros q Hmin Hmax; cbn [empty_row map]; constructor.
- assert (Hq : (emin <= q)%Z) by (apply Z.le_trans with (1 := Hmin); apply last_quantum_le).
  destruct (double_bin q (empty_bin q) 0 (conj Hq Hmax) ltac:(ring) eq_refl) as [H1 H2].
  destruct (binary64_of_exact _ H1 H2). now split.
- apply IH; unfold last_quantum, bin_distance in *; destruct bins; lia.
Qed.

Lemma real_not_above_low p : Rabs (rnd p) < pow 744 -> Rabs (rnd (p + - rnd p)) <= pow 745.
Proof.
intros H. apply rnd_abs_below; [discriminate |].
assert (Hp : Rabs p <= pow 744).
{ apply Rnot_lt_le. intros Hlt. apply Rlt_le, rnd_abs_ge in Hlt; [lra | now apply double_pow]. }
change 745%Z with (744 + 1)%Z. rewrite pow_double. eapply Rle_trans; [apply Rabs_triang |].
rewrite Rabs_Ropp. lra.
Qed.

Lemma block_rows_snoc top bins xzs xz :
  block_rows top bins (xzs ++ [xz]) = add_product (block_rows top bins xzs) xz.
Proof. unfold block_rows. now rewrite fold_left_app. Qed.

Lemma length_block_rows top bins xzs :
  length (fst (block_rows top bins xzs)) = bins /\ length (snd (block_rows top bins xzs)) = bins.
Proof. rewrite block_rows_fold. cbn [fst snd]. now rewrite !length_deposits, !length_empty_row. Qed.

(** Where the conditions of section 7 hold, the bins of IEEE's operations are those of the model. *)
Theorem ieee_block_real top bins abs : allowed top bins -> INR (length abs) <= IZR block_steps ->
  Forall (fun ab => finite (fst ab) /\ finite (snd ab)) abs -> conditions top bins (map reals abs) ->
  Forall2 is_real (fst (ieee_block_rows top bins abs)) (fst (block_rows top bins (map reals abs))) /\
  Forall2 is_real (snd (ieee_block_rows top bins abs)) (snd (block_rows top bins (map reals abs))).
Proof.
intros Hall Hn Hf C. destruct (allowed_bins _ _ Hall) as [Hbins Htop].
assert (Hd : Forall doubles (map reals abs)).
{ apply Forall_forall. intros xz Hin. apply in_map_iff in Hin. destruct Hin as (ab & <- & _).
  split; apply Binary.generic_format_B2R. }
enough (H : forall before after, abs = before ++ after ->
  Forall2 is_real (fst (ieee_block_rows top bins before)) (fst (block_rows top bins (map reals before))) /\
  Forall2 is_real (snd (ieee_block_rows top bins before)) (snd (block_rows top bins (map reals before)))).
{ apply (H abs []). now rewrite app_nil_r. }
intros before. induction before as [| ab before IH] using rev_ind; intros after E.
{ unfold ieee_block_rows, block_rows. cbn [map fold_left fst snd].
  split; apply empty_row_real; unfold emin, last_quantum, bin_distance, low_row; lia. }
rewrite <- app_assoc in E. destruct (IH _ E) as [I1 I2].
unfold ieee_block_rows. rewrite fold_left_app. cbn [fold_left].
change (fold_left ieee_add_product before _) with (ieee_block_rows top bins before).
rewrite map_app. cbn [map]. rewrite block_rows_snoc.
assert (Hb : forall l l', abs = l ++ l' ->
  Forall (fun xz => Rabs (high xz) < pow 744) (map reals l ++ map reals l') /\
  Forall (fun bin => 0 < bin < pow 744) (fst (block_rows top bins (map reals l))) /\
  Forall (fun bin => 0 < bin < pow 744) (snd (block_rows top bins (map reals l)))).
{ intros l l' E'. apply no_overflow; rewrite <- ?map_app, <- ?E'; try assumption. now rewrite map_length. }
destruct (Hb before (ab :: after) E) as (H1 & H2 & H3).
destruct (Hb (before ++ [ab]) after) as (_ & H4 & H5); [now rewrite <- app_assoc |].
rewrite map_app in H4, H5. cbn [map] in H4, H5. rewrite block_rows_snoc in H4, H5.
unfold add_product in H4, H5 |- *. unfold ieee_add_product. cbn [fst snd] in H4, H5 |- *.
destruct (length_block_rows top bins (map reals before)) as [L1 L2].
assert (Hin : In ab abs) by (rewrite E; apply in_or_app; right; now left).
rewrite Forall_forall in Hf. destruct (Hf ab Hin) as [F1 F2].
apply Forall_app in H1. destruct H1 as [_ H1]. inversion H1 as [| ? ? Hh _]; subst.
unfold high, low, two_product_fused, reals in *. cbn [hi lo fst snd] in *.
set (x := real_of (fst ab)) in *. set (z := real_of (snd ab)) in *.
assert (Hh1024 : Rabs (rnd (x * z)) < pow 1024) by (apply Rlt_trans with (1 := Hh); now apply pow_lt).
assert (Rh : is_real (ieee_mul (fst ab) (snd ab)) (rnd (x * z))) by (apply ieee_mul_real; now try split).
pose proof (real_not_above_low (x * z) Hh) as Hl.
assert (Rl : is_real (ieee_fma (fst ab) (snd ab) (ieee_neg (ieee_mul (fst ab) (snd ab))))
  (rnd (x * z + - rnd (x * z)))).
{ apply ieee_fma_real; try (now split); [now apply ieee_neg_real |].
  apply Rle_lt_trans with (1 := Hl). now apply pow_lt. }
split.
- apply ieee_row_step with 745%Z; try assumption; try lia; [apply last_of_high_adds |].
  apply Rlt_le, Rlt_trans with (1 := Hh). now apply pow_lt.
- apply ieee_row_step with 745%Z; try assumption; try lia. apply ieee_add_adds.
Qed.

Lemma fold_left_map {A B C} (f : A -> B -> A) (g : C -> B) l : forall a,
  fold_left f (map g l) a = fold_left (fun a c => f a (g c)) l a.
Proof. induction l as [| c l IH]; intros a; [reflexivity |]. apply IH. Qed.

Lemma ieee_high_row top bins abs : fst (ieee_block_rows top bins abs) =
  fold_left (fun row ab => ieee_add_to_row last_of_high row (ieee_mul (fst ab) (snd ab))) abs
    (map binary64_of (empty_row top bins)).
Proof.
unfold ieee_block_rows. generalize (map binary64_of (empty_row top bins)).
generalize (map binary64_of (empty_row (top - low_row) bins)).
induction abs as [| ab abs IH]; intros low high; [reflexivity |]. cbn [fold_left].
rewrite (surjective_pairing (ieee_add_product _ ab)), IH. reflexivity.
Qed.

Lemma ieee_first_bin gs d : forall b b' row,
  hd d (fold_left (fun row ab => ieee_add_to_row last_of_high row (ieee_mul (fst ab) (snd ab)))
    (map (fun g => (g, g)) gs) (b :: b' :: row)) = ieee_squares gs b.
Proof.
induction gs as [| g gs IH]; intros b b' row; [reflexivity |]. cbn [map fold_left fst snd].
change (ieee_add_to_row last_of_high (b :: b' :: row) (ieee_mul g g)) with
  (ieee_add b (ieee_mul g g) :: ieee_add_to_row last_of_high (b' :: row) (snd (ieee_pour b (ieee_mul g g)))).
set (x := snd (ieee_pour b (ieee_mul g g))).
destruct row as [| b'' row]; [apply IH |].
change (ieee_add_to_row last_of_high (b' :: b'' :: row) x) with
  (fst (ieee_pour b' x) :: ieee_add_to_row last_of_high (b'' :: row) (snd (ieee_pour b' x))).
apply IH.
Qed.

(** The certificate of squares as the code reads it, with IEEE's comparisons. The g may be infinite or NaN. *)
Definition ieee_squares_certificate (top : Z) (bins : nat) (gs : list binary64) : Prop :=
  ieee_le (hd (binary64_of 0) (fst (ieee_block_rows top bins (map (fun g => (g, g)) gs))))
    (binary64_of (most top)) /\
  Forall (fun g => finite g -> real_of g = 0 \/
    ieee_le (binary64_of (pow (least_exponent top bins))) (ieee_mul g g)) gs.

Lemma ieee_squares_certified top bins gs : allowed top bins -> ieee_squares_certificate top bins gs ->
  Forall finite gs /\ squares_certificate top bins (map real_of gs).
Proof.
intros Hall [C1 C2]. destruct (allowed_bins _ _ Hall) as [Hbins Htop].
destruct bins as [| [| bins]]; [lia | lia |].
assert (Hmin : (emin <= top)%Z) by (unfold emin; lia). assert (Hmax : (top <= 971)%Z) by lia.
assert (Re : is_real (binary64_of (empty_bin top)) (empty_bin top)).
{ destruct (double_bin top (empty_bin top) 0 (conj Hmin Hmax) ltac:(ring) eq_refl) as [H1 H2].
  destruct (binary64_of_exact _ H1 H2). now split. }
assert (Rm : is_real (binary64_of (most top)) (most top)).
{ assert (E : most top - empty_bin top = IZR (2 ^ 50) * pow top).
  { unfold most, headroom. rewrite (pow_plus 50). change (pow 50) with (IZR (2 ^ 50)). ring. }
  destruct (double_bin top (most top) (2 ^ 50) (conj Hmin Hmax) E eq_refl) as [H1 H2].
  destruct (binary64_of_exact _ H1 H2). now split. }
assert (Rl : is_real (binary64_of (pow (least_exponent top (S (S bins)))))
  (pow (least_exponent top (S (S bins))))).
{ destruct (binary64_of_exact (pow (least_exponent top (S (S bins))))) as [H1 H2].
  - apply double_pow. unfold emin, least_exponent, footroom, bin_distance. lia.
  - rewrite Rabs_pos_eq by apply Rlt_le, pow_gt_0. apply pow_lt.
    unfold least_exponent, footroom, bin_distance. lia.
  - now split. }
rewrite ieee_high_row in C1. cbn [empty_row map] in C1. rewrite ieee_first_bin in C1.
assert (He : 0 < empty_bin top) by (rewrite empty_bin_pow; pose proof (pow_gt_0 (51 + top)); lra).
destruct (ieee_sum_finite (fun g => ieee_mul g g) (fun g => rnd (real_of g * real_of g)) finite)
  with (l := gs) (2 := Re) as [F R].
{ intros g. destruct (ieee_square g) as [[H1 H2] | H]; [left | now right].
  split; [exact H1 | split; [exact H2 | apply rnd_pos, square_ge_0]]. }
{ apply sign_of_positive; [apply Re | now rewrite (proj2 Re)]. }
{ lra. }
{ exact (le_not_lost _ _ _ Rm C1). }
rewrite Forall_forall in F, C2.
split; [apply Forall_forall; intros g Hin; now apply F |]. split.
- unfold high_row. cbn [empty_row]. rewrite hd_fold by discriminate. cbn [hd]. rewrite !map_map.
  rewrite fold_left_map. exact (ieee_le_real _ _ _ _ R Rm C1).
- apply Forall_forall. intros x Hin. apply in_map_iff in Hin. destruct Hin as (g & <- & Hin).
  destruct (F g Hin) as [Fg Hg]. destruct (C2 g Hin Fg) as [H | H]; [now left | right].
  exact (ieee_le_real _ _ _ _ Rl Hg H).
Qed.

Lemma rows_are_binary64 rowb row : Forall2 is_real rowb row -> Forall (fun bin => 0 < bin < pow 744) row ->
  rowb = map binary64_of row.
Proof.
induction 1 as [| b x rowb row [Fb Rb] _ IH]; intros B; [reflexivity |]. inversion B as [| ? ? B1 B2]; subst.
cbn [map]. f_equal; [| now apply IH].
assert (Hx : double (real_of b)) by apply Binary.generic_format_B2R.
destruct (binary64_of_exact (real_of b) Hx) as [R F].
{ rewrite Rabs_pos_eq by lra. apply Rlt_trans with (1 := proj2 B1). now apply pow_lt. }
assert (Hs : forall a : binary64, finite a -> 0 < real_of a -> Binary.is_finite_strict 53 1024 a = true).
{ intros a Fa Ha. destruct a as [s | s | s pl Hpl | s m e Hb]; try discriminate Fa; [| reflexivity].
  exfalso. unfold real_of in Ha. cbn [Binary.B2R] in Ha. lra. }
apply Binary.B2R_inj; [now apply Hs | apply Hs; [exact F | now rewrite R] | symmetry; exact R].
Qed.

(** The certificate of g.g, g.y and y.y, read with IEEE's comparisons off bins that IEEE's operations filled,
    from any binary64, NaN and infinities among them: it holds only if all of these are finite and the
    certificate of the model holds, and then the bins of all three sums are those of the model, bit by bit. *)
Theorem ieee_gram_certified top_gg top_yy bins gys :
  allowed top_gg bins -> allowed top_yy bins -> (Z.of_nat (length gys) <= block_steps)%Z ->
  ieee_squares_certificate top_gg bins (map fst gys) -> ieee_squares_certificate top_yy bins (map snd gys) ->
  Forall (fun gy => finite (fst gy) /\ finite (snd gy)) gys /\
  gram_certificate top_gg top_yy bins (map reals gys) /\
  let same top abs :=
    fst (ieee_block_rows top bins abs) = map binary64_of (fst (block_rows top bins (map reals abs))) /\
    snd (ieee_block_rows top bins abs) = map binary64_of (snd (block_rows top bins (map reals abs))) in
  same top_gg (map (fun gy => (fst gy, fst gy)) gys) /\ same (cross_top top_gg top_yy) gys /\
  same top_yy (map (fun gy => (snd gy, snd gy)) gys).
Proof.
intros Ha Hb Hst Cg Cy. cbv zeta.
destruct (ieee_squares_certified _ _ _ Ha Cg) as [Fg Sg].
destruct (ieee_squares_certified _ _ _ Hb Cy) as [Fy Sy].
rewrite Forall_forall in Fg, Fy.
assert (F : forall gy, In gy gys -> finite (fst gy) /\ finite (snd gy)).
{ intros gy Hin. split; [apply Fg | apply Fy]; now apply in_map. }
assert (C : gram_certificate top_gg top_yy bins (map reals gys)).
{ rewrite map_map in Sg, Sy. unfold gram_certificate. rewrite !map_map. now split. }
assert (Hn : INR (length gys) <= IZR block_steps) by (rewrite INR_IZR_INZ; now apply IZR_le).
assert (Hsame : forall top f, allowed top bins -> 
  (forall gy, In gy gys -> finite (fst (f gy)) /\ finite (snd (f gy))) ->
  conditions top bins (map reals (map f gys)) ->
  fst (ieee_block_rows top bins (map f gys)) =
    map binary64_of (fst (block_rows top bins (map reals (map f gys)))) /\
  snd (ieee_block_rows top bins (map f gys)) =
    map binary64_of (snd (block_rows top bins (map reals (map f gys))))).
{ intros top f Hall Hf Hc.
  destruct (ieee_block_real top bins (map f gys) Hall) as [R1 R2]; try assumption.
  { now rewrite map_length. }
  { apply Forall_forall. intros ab Hin. apply in_map_iff in Hin. destruct Hin as (gy & <- & Hin).
    now apply Hf. }
  destruct (no_overflow top bins (map reals (map f gys)) [] Hall) as (_ & B1 & B2); rewrite ?app_nil_r;
    try assumption.
  { now rewrite !map_length. }
  { apply Forall_forall. intros xz Hin. apply in_map_iff in Hin. destruct Hin as (ab & <- & _).
    split; apply Binary.generic_format_B2R. }
  split; now apply rows_are_binary64. }
assert (Hn' : INR (length (map reals gys)) <= IZR block_steps) by now rewrite map_length.
split; [apply Forall_forall; exact F |]. split; [exact C |].
split; [| split].
- apply Hsame; [exact Ha | intros gy Hin; split; exact (proj1 (F gy Hin)) |].
  pose proof (squares_conditions top_gg bins (map fst (map reals gys)) Ha) as H.
  rewrite !map_map in H. rewrite !map_map. apply H; [now rewrite map_length |].
  destruct C as [C1 C2]. rewrite !map_map in C1, C2. assumption.
- rewrite <- (map_id gys). apply Hsame; [now apply allowed_cross | exact F |].
  rewrite map_id. now apply cross_conditions.
- apply Hsame; [exact Hb | intros gy Hin; split; exact (proj2 (F gy Hin)) |].
  pose proof (squares_conditions top_yy bins (map snd (map reals gys)) Hb) as H.
  rewrite !map_map in H. rewrite !map_map. apply H; [now rewrite map_length |].
  destruct C as [C1 C2]. rewrite !map_map in C1, C2. assumption.
Qed.

(** So the lane counts as certified in gram_exact, with floats if all g and y are floats. *)
Corollary ieee_certified_lane has_low top_gg top_yy bins gys :
  allowed top_gg bins -> allowed top_yy bins -> (Z.of_nat (length gys) <= block_steps)%Z ->
  Forall (factors has_low) (map reals gys) ->
  ieee_squares_certificate top_gg bins (map fst gys) -> ieee_squares_certificate top_yy bins (map snd gys) ->
  certified_lane has_low top_gg top_yy (bins, map reals gys).
Proof.
intros Ha Hb Hst Hf Cg Cy. destruct (ieee_gram_certified _ _ _ _ Ha Hb Hst Cg Cy) as (_ & C & _).
unfold certified_lane. cbn [fst snd]. rewrite map_length. exact (conj Ha (conj Hb (conj Hst (conj Hf C)))).
Qed.

(** The certificate of a scalar product as the code reads it. *)
Definition ieee_abs : binary64 -> binary64 := Bits.b64_abs.

Definition ieee_lane_sum (abs : list (binary64 * binary64)) : binary64 :=
  fold_left (fun s ab => ieee_add s (ieee_abs (ieee_mul (fst ab) (snd ab)))) abs
    (Binary.B754_zero 53 1024 false).

Definition ieee_dots_certificate (top : Z) (bins : nat) (abs : list (binary64 * binary64)) : Prop :=
  ieee_le (ieee_lane_sum abs) (binary64_of (pow (top + headroom))) /\
  Forall (fun ab => finite (fst ab) -> finite (snd ab) -> real_of (fst ab) = 0 \/ real_of (snd ab) = 0 \/
    ieee_le (binary64_of (pow (least_exponent top bins))) (ieee_abs (ieee_mul (fst ab) (snd ab)))) abs.

Lemma ieee_abs_real a x : is_real a x -> is_real (ieee_abs a) (Rabs x).
Proof.
intros [Fa Ra]. split.
- unfold finite, ieee_abs, Bits.b64_abs. now rewrite Binary.is_finite_Babs.
- unfold real_of, ieee_abs, Bits.b64_abs. rewrite Binary.B2R_Babs. now rewrite <- Ra.
Qed.

Lemma lost_abs (b : binary64) : ~ finite b -> lost (ieee_abs b).
Proof. destruct b as [s | s | s pl Hpl | s m e Hb]; intros H; try exact I; exfalso; now apply H. Qed.

Lemma ieee_product (a b : binary64) :
  ((finite a /\ finite b) /\ is_real (ieee_mul a b) (rnd (real_of a * real_of b))) \/ ~ finite (ieee_mul a b).
Proof.
pose proof (Binary.Bmult_correct 53 1024 eq_refl eq_refl Bits.binop_nan_pl64
  BinarySingleNaN.mode_NE a b) as C.
fold (real_of a) (real_of b) in C.
change (round radix2 _ _ (real_of a * real_of b)) with (rnd (real_of a * real_of b)) in C.
destruct (Rlt_or_le (Rabs (rnd (real_of a * real_of b))) (pow 1024)) as [H | H].
- rewrite Rlt_bool_true in C by exact H. destruct C as (C1 & C2 & _).
  change (Binary.is_finite 53 1024 (ieee_mul a b) =
    andb (Binary.is_finite 53 1024 a) (Binary.is_finite 53 1024 b)) in C2.
  destruct (Binary.is_finite 53 1024 (ieee_mul a b)) eqn:F.
  + left. symmetry in C2. apply andb_prop in C2. split; [exact C2 | split; [exact F | exact C1]].
  + right. unfold finite. rewrite F. discriminate.
- right. rewrite Rlt_bool_false in C by exact H. intros F.
  change (Binary.B2FF 53 1024 (ieee_mul a b) = Binary.binary_overflow 53 1024 BinarySingleNaN.mode_NE
    (xorb (Binary.Bsign 53 1024 a) (Binary.Bsign 53 1024 b))) in C.
  destruct (ieee_mul a b) as [s | s | s pl Hpl | s m e Hb]; discriminate.
Qed.

(** It holds only if all factors are finite and the certificate of the model holds, and then the bins are
    those of the model, bit by bit. *)
Theorem ieee_dots_certified top bins abs :
  allowed top bins -> (Z.of_nat (length abs) <= block_steps)%Z -> ieee_dots_certificate top bins abs ->
  Forall (fun ab => finite (fst ab) /\ finite (snd ab)) abs /\
  certified_dots_lane top (bins, map reals abs) /\
  fst (ieee_block_rows top bins abs) = map binary64_of (fst (block_rows top bins (map reals abs))) /\
  snd (ieee_block_rows top bins abs) = map binary64_of (snd (block_rows top bins (map reals abs))).
Proof.
intros Hall Hst [C1 C2]. destruct (allowed_bins _ _ Hall) as [Hbins Htop].
assert (Rp : forall e, (emin <= e < 1024)%Z -> is_real (binary64_of (pow e)) (pow e)).
{ intros e He. destruct (binary64_of_exact (pow e)) as [H1 H2]; [apply double_pow; lia | | now split].
  rewrite Rabs_pos_eq by apply Rlt_le, pow_gt_0. apply pow_lt. lia. }
assert (Rm : is_real (binary64_of (pow (top + headroom))) (pow (top + headroom))).
{ apply Rp. unfold emin, headroom. lia. }
assert (Rl : is_real (binary64_of (pow (least_exponent top bins))) (pow (least_exponent top bins))).
{ apply Rp. unfold emin, least_exponent, footroom, bin_distance. lia. }
destruct (ieee_sum_finite (fun ab => ieee_abs (ieee_mul (fst ab) (snd ab)))
  (fun ab => Rabs (rnd (real_of (fst ab) * real_of (snd ab)))) (fun ab => finite (fst ab) /\ finite (snd ab)))
  with (l := abs) (b := Binary.B754_zero 53 1024 false) (x := 0) as [F R].
{ intros ab. destruct (ieee_product (fst ab) (snd ab)) as [[H1 H2] | H]; [left | right; now apply lost_abs].
  split; [exact H1 | split; [now apply ieee_abs_real | apply Rabs_pos]]. }
{ now split. }
{ reflexivity. }
{ apply Rle_refl. }
{ exact (le_not_lost _ _ _ Rm C1). }
rewrite Forall_forall in F, C2.
assert (Hf : Forall (fun ab => finite (fst ab) /\ finite (snd ab)) abs).
{ apply Forall_forall. intros ab Hin. now apply F. }
assert (Hd : Forall doubles (map reals abs)).
{ apply Forall_forall. intros xz Hin. apply in_map_iff in Hin. destruct Hin as (ab & <- & _).
  split; apply Binary.generic_format_B2R. }
assert (C : dots_certificate top bins (map reals abs)).
{ split.
  - unfold lane_sum. rewrite fold_left_map. exact (ieee_le_real _ _ _ _ R Rm C1).
  - apply Forall_forall. intros xz Hin. apply in_map_iff in Hin. destruct Hin as (ab & <- & Hin).
    destruct (F ab Hin) as [[F1 F2] Ha].
    destruct (C2 ab Hin F1 F2) as [H | [H | H]]; [now left | right; now left |].
    right. right. exact (ieee_le_real _ _ _ _ Rl Ha H). }
assert (Hn : INR (length abs) <= IZR block_steps) by (rewrite INR_IZR_INZ; now apply IZR_le).
assert (Hn' : INR (length (map reals abs)) <= IZR block_steps) by now rewrite map_length.
pose proof (dots_conditions top bins _ Hall Hn' C) as Hc.
split; [exact Hf |]. split.
- unfold certified_dots_lane. cbn [fst snd]. rewrite map_length. exact (conj Hall (conj Hst (conj Hd C))).
- destruct (ieee_block_real top bins abs Hall Hn Hf Hc) as [R1 R2].
  destruct (no_overflow top bins (map reals abs) [] Hall) as (_ & B1 & B2); rewrite ?app_nil_r;
    try assumption.
  split; now apply rows_are_binary64.
Qed.

(** ** 17. Words of 64 bits *)

Local Open Scope Z_scope.

(** Words, the least significant first; as an unsigned integer, and as one in two's complement. *)
Definition word (w : Z) : Prop := 0 <= w < 2 ^ 64.

Fixpoint unsigned (ws : list Z) : Z := match ws with [] => 0 | w :: ws' => w + 2 ^ 64 * unsigned ws' end.

Definition modulus (ws : list Z) : Z := 2 ^ (64 * Z.of_nat (length ws)).

(** All ones or zero: the sign of the last word. *)
Definition negative (ws : list Z) : bool := 2 ^ 63 <=? last ws 0.

Definition signed (ws : list Z) : Z := unsigned ws - (if negative ws then modulus ws else 0).

(** to += x + carry: the word and the carry out. *)
Definition add_with_carry (to x carry : Z) : Z * Z :=
  ((to + x + carry) mod 2 ^ 64, (to + x + carry) / 2 ^ 64).

(** The loop over the words of a value: each is shifted and takes the bits that the one below lost. *)
Fixpoint add_digits (words value : list Z) (shift below carry : Z) : list Z * list Z * Z * Z :=
  match value, words with
  | w :: value', to :: words' =>
    let step := add_with_carry to ((w * 2 ^ shift) mod 2 ^ 64 + below / 2 ^ (64 - shift)) carry in
    let rest := add_digits words' value' shift w (snd step) in
    (fst step :: fst (fst (fst rest)), snd (fst (fst rest)), snd (fst rest), snd rest)
  | _, _ => ([], words, below, carry)
  end.

(** The words above: nothing changes as soon as sign and carry cancel. *)
Fixpoint propagate (sign : bool) (carry : Z) (words : list Z) : list Z :=
  match words with
  | [] => []
  | w :: words' =>
    if sign then
      if carry =? 0 then (w - 1) mod 2 ^ 64 :: propagate sign (if w =? 0 then 0 else 1) words' else words
    else
      if carry =? 0 then words else
        (w + 1) mod 2 ^ 64 :: propagate sign (if (w + 1) mod 2 ^ 64 =? 0 then 1 else 0) words'
  end.

Lemma modulus_cons w ws : modulus (w :: ws) = 2 ^ 64 * modulus ws.
Proof. unfold modulus. cbn [length]. rewrite Nat2Z.inj_succ, <- Z.pow_add_r by lia. f_equal. lia. Qed.

Lemma propagate_exact sign words : forall carry, Forall word words -> (carry = 0 \/ carry = 1) ->
  length (propagate sign carry words) = length words /\ Forall word (propagate sign carry words) /\
  exists k, unsigned (propagate sign carry words) =
    unsigned words + carry - (if sign then 1 else 0) + k * modulus words.
Proof.
induction words as [| w words IH]; intros carry Hw Hc.
{ cbn [propagate unsigned]. split; [reflexivity | split; [constructor |]].
  exists ((if sign then 1 else 0) - carry). unfold modulus. cbn. lia. }
inversion Hw as [| ? ? H Hw']; subst. unfold word in H. rewrite modulus_cons. cbn [propagate].
destruct sign.
- destruct (Z.eqb_spec carry 0) as [E | E].
  + destruct (IH (if w =? 0 then 0 else 1) Hw') as (I1 & I2 & k & I3); [destruct (w =? 0); lia |].
    cbn [length unsigned]. split; [now rewrite I1 |].
    split; [constructor; [apply Z.mod_pos_bound; reflexivity | exact I2] |].
    exists k. rewrite I3. destruct (Z.eqb_spec w 0) as [Z0 | Z0].
    * subst w. change ((0 - 1) mod 2 ^ 64) with (2 ^ 64 - 1). lia.
    * rewrite Z.mod_small by lia. lia.
  + split; [reflexivity | split; [exact Hw |]]. exists 0. cbn [unsigned]. lia.
- destruct (Z.eqb_spec carry 0) as [E | E].
  + split; [reflexivity | split; [exact Hw |]]. exists 0. cbn [unsigned]. lia.
  + destruct (IH (if (w + 1) mod 2 ^ 64 =? 0 then 1 else 0) Hw') as (I1 & I2 & k & I3);
      [destruct (_ =? 0); lia |].
    cbn [length unsigned]. split; [now rewrite I1 |].
    split; [constructor; [apply Z.mod_pos_bound; reflexivity | exact I2] |].
    exists k. rewrite I3. destruct (Z.eq_dec w (2 ^ 64 - 1)) as [M | M].
    * subst w. replace (2 ^ 64 - 1 + 1) with (2 ^ 64) by ring. rewrite Z.mod_same by discriminate.
      cbn [Z.eqb]. lia.
    * rewrite Z.mod_small by lia. destruct (Z.eqb_spec (w + 1) 0); lia.
Qed.

Lemma last_cons (l : list Z) : forall w d, last (w :: l) d = last l w.
Proof.
induction l as [| z l IH]; intros w d; [reflexivity |].
change (last (w :: z :: l) d) with (last (z :: l) d). now rewrite !IH.
Qed.

Lemma add_digits_exact shift : 0 <= shift < 64 -> forall value words below carry,
  Forall word words -> Forall word value -> word below -> (carry = 0 \/ carry = 1) ->
  (length value <= length words)%nat ->
  let result := add_digits words value shift below carry in
  let sums := fst (fst (fst result)) in let above := snd (fst (fst result)) in
  let last_word := snd (fst result) in let carry' := snd result in
  Forall word sums /\ Forall word above /\ length sums = length value /\
  (length sums + length above = length words)%nat /\
  last_word = last value below /\ (carry' = 0 \/ carry' = 1) /\
  unsigned sums + modulus value * (carry' + last_word / 2 ^ (64 - shift) + unsigned above) =
    unsigned words + unsigned value * 2 ^ shift + below / 2 ^ (64 - shift) + carry.
Proof.
intros Hs. induction value as [| w value IH]; intros words below carry Hw Hv Hb Hc Hl.
{ cbv zeta. replace (add_digits words [] shift below carry) with ([] : list Z, words, below, carry)
    by now destruct words.
  cbn [fst snd unsigned length last]. repeat split; try assumption; try constructor; try reflexivity.
  unfold modulus. cbn [length Z.of_nat]. change (2 ^ (64 * 0)) with 1. ring. }
destruct words as [| to words]; [cbn in Hl; lia |].
inversion Hw as [| ? ? H1 Hw']; subst. inversion Hv as [| ? ? H2 Hv']; subst. cbv zeta. cbn [add_digits].
set (digit := (w * 2 ^ shift) mod 2 ^ 64 + below / 2 ^ (64 - shift)).
assert (Hsplit : 2 ^ 64 = 2 ^ shift * 2 ^ (64 - shift)).
{ rewrite <- Z.pow_add_r by lia. f_equal. ring. }
assert (Hp1 : 0 < 2 ^ shift) by (apply Z.pow_pos_nonneg; lia).
assert (Hp2 : 0 < 2 ^ (64 - shift)) by (apply Z.pow_pos_nonneg; lia).
assert (Hmod : (w * 2 ^ shift) mod 2 ^ 64 = (w mod 2 ^ (64 - shift)) * 2 ^ shift).
{ rewrite Hsplit, (Z.mul_comm (2 ^ shift)). apply Z.mul_mod_distr_r; lia. }
assert (Hdiv : (w * 2 ^ shift) mod 2 ^ 64 + 2 ^ 64 * (w / 2 ^ (64 - shift)) = w * 2 ^ shift).
{ rewrite Hmod. pose proof (Z.div_mod w (2 ^ (64 - shift)) ltac:(lia)) as E. rewrite Hsplit. rewrite E at 3.
  ring. }
assert (Hb2 : 0 <= below / 2 ^ (64 - shift) <= 2 ^ shift - 1).
{ unfold word in Hb. split; [apply Z.div_pos; lia |].
  enough (below / 2 ^ (64 - shift) < 2 ^ shift) by lia. apply Z.div_lt_upper_bound; [lia |].
  rewrite Z.mul_comm, <- Hsplit. lia. }
assert (Hd : 0 <= digit <= 2 ^ 64 - 1).
{ unfold digit. rewrite Hmod. pose proof (Z.mod_pos_bound w (2 ^ (64 - shift)) Hp2).
  assert (w mod 2 ^ (64 - shift) * 2 ^ shift <= (2 ^ (64 - shift) - 1) * 2 ^ shift)
    by (apply Z.mul_le_mono_nonneg_r; lia).
  assert (0 <= w mod 2 ^ (64 - shift) * 2 ^ shift) by (apply Z.mul_nonneg_nonneg; lia).
  rewrite Hsplit. lia. }
unfold add_with_carry. cbn [fst snd].
set (total := to + digit + carry).
assert (Ht : 0 <= total < 2 * 2 ^ 64) by (unfold total, word in *; lia).
pose proof (Z.div_mod total (2 ^ 64) ltac:(discriminate)) as Et.
assert (Hc' : total / 2 ^ 64 = 0 \/ total / 2 ^ 64 = 1).
{ assert (0 <= total / 2 ^ 64) by (apply Z.div_pos; lia).
  assert (total / 2 ^ 64 < 2) by (apply Z.div_lt_upper_bound; lia). lia. }
destruct (IH words w (total / 2 ^ 64) Hw' Hv' H2 Hc' ltac:(cbn in Hl;
  lia)) as (I1 & I2 & I3 & I4 & I5 & I6 & I7).
cbv zeta in *. set (result := add_digits words value shift w (total / 2 ^ 64)) in *.
cbn [length]. split; [constructor; [apply Z.mod_pos_bound; reflexivity | exact I1] |].
split; [exact I2 |]. split; [now rewrite I3 |]. split; [lia |].
split.
{ now rewrite I5, last_cons. }
split; [exact I6 |]. rewrite modulus_cons. cbn [unsigned].
transitivity (total mod 2 ^ 64 + 2 ^ 64 * (unsigned words + unsigned value * 2 ^ shift + w / 2 ^
  (64 - shift) +
  total / 2 ^ 64)).
{ rewrite <- I7. ring. }
transitivity (total + 2 ^ 64 * (unsigned words + unsigned value * 2 ^ shift + w / 2 ^ (64 - shift))).
{ rewrite Et at 3. ring. }
unfold total, digit.
set (m := (w * 2 ^ shift) mod 2 ^ 64) in *. set (q := w / 2 ^ (64 - shift)) in *.
replace ((w + 2 ^ 64 * unsigned value) * 2 ^ shift)
  with (w * 2 ^ shift + 2 ^ 64 * (unsigned value * 2 ^ shift)) by ring.
rewrite <- Hdiv. ring.
Qed.

(** words += value 2^bit: add_shifted. *)
Definition add_shifted (words value : list Z) (bit : Z) : list Z :=
  let shift := bit mod 64 in
  let first := Z.to_nat (bit / 64) in
  let result := add_digits (skipn first words) value shift 0 0 in
  let sign := if negative value then 2 ^ 64 - 1 else 0 in
  firstn first words ++ fst (fst (fst result)) ++
  match snd (fst (fst result)) with
  | [] => []
  | to :: above =>
    let step := add_with_carry to ((sign * 2 ^ shift) mod 2 ^ 64 + snd (fst result) / 2 ^ (64 - shift))
      (snd result) in
    fst step :: propagate (negative value) (snd step) above
  end.

Lemma unsigned_app ws ws' : unsigned (ws ++ ws') = unsigned ws + modulus ws * unsigned ws'.
Proof.
induction ws as [| w ws IH]; [unfold modulus; cbn [app unsigned length];
  change (2 ^ (64 * Z.of_nat 0)) with 1; ring |].
cbn [app unsigned]. rewrite IH, modulus_cons. ring.
Qed.

Lemma modulus_app ws ws' : modulus (ws ++ ws') = modulus ws * modulus ws'.
Proof. unfold modulus. rewrite app_length, Nat2Z.inj_add, Z.mul_add_distr_l, Z.pow_add_r by lia.
reflexivity. Qed.

(** The carries are right: the words hold their old value and value 2^bit, modulo 2^(64 words). *)
Theorem add_shifted_exact words value bit :
  Forall word words -> Forall word value -> 0 <= bit ->
  bit + 64 * (Z.of_nat (length value) + 1) <= 64 * Z.of_nat (length words) + 63 ->
  length (add_shifted words value bit) = length words /\ Forall word (add_shifted words value bit) /\
  exists k, unsigned (add_shifted words value bit) =
    unsigned words + signed value * 2 ^ bit + k * modulus words.
Proof.
intros Hw Hv Hb Hl. unfold add_shifted.
set (shift := bit mod 64). set (first := Z.to_nat (bit / 64)).
assert (Hs : 0 <= shift < 64) by (apply Z.mod_pos_bound; reflexivity).
assert (Hf : Z.of_nat first = bit / 64) by (apply Z2Nat.id, Z.div_pos; lia).
assert (Eb : bit = 64 * Z.of_nat first + shift) by (rewrite Hf; apply Z.div_mod; discriminate).
assert (Hlen : (first + length value + 1 <= length words)%nat) by lia.
rewrite <- (firstn_skipn first words) in Hw. apply Forall_app in Hw. destruct Hw as [Hw1 Hw2].
assert (L1 : length (firstn first words) = first) by (apply firstn_length_le; lia).
assert (L2 : length (skipn first words) = (length words - first)%nat) by apply skipn_length.
destruct (add_digits_exact shift Hs value (skipn first words) 0 0) as (I1 & I2 & I3 & I4 & I5 & I6 & I7);
  try assumption; [split; [discriminate | reflexivity] | now left | lia |]. cbv zeta in *.
set (result := add_digits (skipn first words) value shift 0 0) in *.
set (sums := fst (fst (fst result))) in *. set (last_word := snd (fst result)) in *.
set (carry := snd result) in *.
destruct (snd (fst (fst result))) as [| to above]; [cbn [length] in I4; lia |].
apply Forall_cons_iff in I2. destruct I2 as [H1 H2]. unfold add_with_carry. cbn [fst snd].
set (digit := ((if negative value then 2 ^ 64 - 1 else 0) * 2 ^ shift) mod 2 ^ 64 + last_word / 2 ^
  (64 - shift)).
assert (Hsplit : 2 ^ 64 = 2 ^ shift * 2 ^ (64 - shift)).
{ rewrite <- Z.pow_add_r by lia. f_equal. ring. }
assert (Hp1 : 0 < 2 ^ shift) by (apply Z.pow_pos_nonneg; lia).
assert (Hp2 : 0 < 2 ^ (64 - shift)) by (apply Z.pow_pos_nonneg; lia).
assert (Hps : 2 ^ shift <= 2 ^ 64) by (apply Z.pow_le_mono_r; lia).
assert (Hlast : word last_word).
{ rewrite I5. destruct value as [| w value]; [split; [discriminate | reflexivity] |].
  rewrite Forall_forall in Hv. apply Hv. rewrite last_cons. clear.
  revert w. induction value as [| z value IH]; intros w; [now left |]. right. rewrite last_cons. apply IH. }
assert (Hsign : ((if negative value then 2 ^ 64 - 1 else 0) * 2 ^ shift) mod 2 ^ 64 =
  if negative value then 2 ^ 64 - 2 ^ shift else 0).
{ destruct (negative value); [| reflexivity].
  replace ((2 ^ 64 - 1) * 2 ^ shift) with (2 ^ 64 - 2 ^ shift + (2 ^ shift - 1) * 2 ^ 64) by ring.
  rewrite Z.mod_add by discriminate. apply Z.mod_small. lia. }
assert (Hq : 0 <= last_word / 2 ^ (64 - shift) <= 2 ^ shift - 1).
{ unfold word in Hlast. split; [apply Z.div_pos; lia |].
  enough (last_word / 2 ^ (64 - shift) < 2 ^ shift) by lia. apply Z.div_lt_upper_bound; [lia |].
  rewrite Z.mul_comm, <- Hsplit. lia. }
set (total := to + digit + carry).
assert (Ht : 0 <= total < 2 * 2 ^ 64).
{ unfold total, digit, word in *. rewrite Hsign. destruct (negative value); lia. }
pose proof (Z.div_mod total (2 ^ 64) ltac:(discriminate)) as Et.
assert (Hc : total / 2 ^ 64 = 0 \/ total / 2 ^ 64 = 1).
{ assert (0 <= total / 2 ^ 64) by (apply Z.div_pos; lia).
  assert (total / 2 ^ 64 < 2) by (apply Z.div_lt_upper_bound; lia). lia. }
destruct (propagate_exact (negative value) above (total / 2 ^ 64) H2 Hc) as (P1 & P2 & k & P3).
set (upper := propagate (negative value) (total / 2 ^ 64) above) in *.
split; [| split].
- rewrite !app_length. cbn [length] in *. lia.
- apply Forall_app. split; [exact Hw1 |]. apply Forall_app. split; [exact I1 |].
  constructor; [apply Z.mod_pos_bound; reflexivity | exact P2].
- exists k.
  assert (Em : modulus words = 2 ^ (64 * Z.of_nat first) * (modulus value * (2 ^ 64 * modulus above))).
  { rewrite <- (firstn_skipn first words) at 1. rewrite modulus_app. unfold modulus at 1. rewrite L1. f_equal.
    rewrite <- (modulus_cons to above), <- modulus_app. unfold modulus. do 3 f_equal. rewrite app_length.
    cbn [length] in *. lia. }
  assert (Eu : unsigned words = unsigned (firstn first words) +
    2 ^ (64 * Z.of_nat first) * unsigned (skipn first words)).
  { rewrite <- (firstn_skipn first words) at 1. rewrite unsigned_app. unfold modulus. now rewrite L1. }
  assert (Es : modulus sums = modulus value) by (unfold modulus; now rewrite I3).
  rewrite !unsigned_app, Es. unfold modulus at 1. rewrite L1. rewrite Eu, Em, Eb.
  rewrite Z.pow_add_r by lia.
  set (B := 2 ^ (64 * Z.of_nat first)). cbn [unsigned] in *. rewrite P3.
  change (0 / 2 ^ (64 - shift)) with (0 / 2 ^ (64 - shift)) in I7. rewrite Z.div_0_l in I7 by lia.
  assert (Eg : digit = last_word / 2 ^ (64 - shift) + (if negative value then 2 ^ 64 - 2 ^ shift else 0)).
  { unfold digit. rewrite Hsign. ring. }
  unfold signed. set (S := if negative value then 1 else 0).
  assert (ES1 : (if negative value then 2 ^ 64 - 2 ^ shift else 0) = S * (2 ^ 64 - 2 ^ shift))
    by (unfold S; destruct (negative value); ring).
  assert (ES2 : (if negative value then modulus value else 0) = S * modulus value)
    by (unfold S; destruct (negative value); ring).
  rewrite ES2. rewrite ES1 in Eg. fold S.
  transitivity (unsigned (firstn first words) + B * (unsigned sums + modulus value *
    (total + 2 ^ 64 * (unsigned above - S + k * modulus above)))).
  { rewrite Et at 3. ring. }
  unfold total. rewrite Eg.
  transitivity (unsigned (firstn first words) + B * ((unsigned sums + modulus value *
    (carry + last_word / 2 ^ (64 - shift) + (to + 2 ^ 64 * unsigned above))) - S * modulus value * 2 ^ shift +
    k * (modulus value * (2 ^ 64 * modulus above)))).
  { ring. }
  rewrite I7. ring.
Qed.

Lemma negative_spec ws : Forall word ws -> ws <> [] -> exists h, modulus ws = 2 * h /\ 0 < h /\
  if negative ws then h <= unsigned ws < 2 * h else 0 <= unsigned ws < h.
Proof.
induction ws as [| w ws IH]; [contradiction |]. intros Hw _. apply Forall_cons_iff in Hw.
destruct Hw as [H1 H2].
unfold word in H1. destruct ws as [| w' ws].
- exists (2 ^ 63). unfold negative, modulus. cbn [last unsigned length].
  change (2 ^ (64 * Z.of_nat 1)) with (2 ^ 64).
  destruct (Z.leb_spec (2 ^ 63) w); lia.
- destruct (IH H2 ltac:(discriminate)) as (h & E & P & I). exists (2 ^ 64 * h).
  rewrite modulus_cons, E. split; [ring | split; [lia |]].
  change (negative (w :: w' :: ws)) with (negative (w' :: ws)).
  change (unsigned (w :: w' :: ws)) with (w + 2 ^ 64 * unsigned (w' :: ws)).
  destruct (negative (w' :: ws)); lia.
Qed.

(** Words that hold z modulo 2^(64 words) hold z, if z fits. *)
Theorem signed_unique ws z k : Forall word ws -> ws <> [] -> unsigned ws = z + k * modulus ws ->
  2 * Z.abs z < modulus ws -> signed ws = z.
Proof.
intros Hw Hn H Hz. destruct (negative_spec ws Hw Hn) as (h & E & P & I). unfold signed.
rewrite E in *. assert (Hk : k = if negative ws then 1 else 0) by (destruct (negative ws); nia).
destruct (negative ws); subst k; lia.
Qed.

(** What the words hold after an addition that fits. *)
Theorem words_hold words value bit :
  Forall word words -> Forall word value -> 0 <= bit ->
  bit + 64 * (Z.of_nat (length value) + 1) <= 64 * Z.of_nat (length words) + 63 ->
  2 * Z.abs (signed words + signed value * 2 ^ bit) < modulus words ->
  signed (add_shifted words value bit) = signed words + signed value * 2 ^ bit.
Proof.
intros Hw Hv Hb Hl Hfit. destruct (add_shifted_exact words value bit Hw Hv Hb Hl) as (L & W & k & E).
assert (Em : modulus (add_shifted words value bit) = modulus words) by (unfold modulus; now rewrite L).
apply signed_unique with (k + if negative words then 1 else 0); [exact W | | | now rewrite Em].
- intros H0. rewrite H0 in L. destruct words; [cbn [length] in Hl; lia | discriminate L].
- rewrite E, Em. unfold signed. destruct (negative words); ring.
Qed.

(** TwoBins: the two words of two bins, of which the second is signed. *)
Definition two_bins_words (first second : Z) : Z * Z :=
  let step := add_with_carry ((first * 2 ^ bin_distance) mod 2 ^ 64) (second mod 2 ^ 64) 0 in
  (fst step, first / 2 ^ (64 - bin_distance) + (second / 2 ^ 63 + snd step)).

(** They are the two bins. *)
Theorem two_bins_words_exact first second : (- 2 ^ 63 <= second < 2 ^ 63) ->
  word (fst (two_bins_words first second)) /\
  fst (two_bins_words first second) + 2 ^ 64 * snd (two_bins_words first second) = two_bins first second.
Proof.
intros H. unfold two_bins_words, add_with_carry, two_bins, bin_distance. cbn [fst snd].
set (low := (first * 2 ^ 46) mod 2 ^ 64). set (total := low + second mod 2 ^ 64 + 0).
split; [apply Z.mod_pos_bound; reflexivity |].
pose proof (Z.div_mod total (2 ^ 64) ltac:(discriminate)) as Et.
pose proof (Z.div_mod (first * 2 ^ 46) (2 ^ 64) ltac:(discriminate)) as Ef.
assert (Ed : first * 2 ^ 46 / 2 ^ 64 = first / 2 ^ (64 - 46)).
{ change (2 ^ 64) with (2 ^ 18 * 2 ^ 46). change (64 - 46) with 18. apply Z.div_mul_cancel_r; discriminate. }
rewrite Ed in Ef. fold low in Ef.
assert (Es : second = second mod 2 ^ 64 + 2 ^ 64 * (second / 2 ^ 63)).
{ destruct (Z.lt_ge_cases second 0) as [N | N].
  - replace (second / 2 ^ 63) with (-1).
    + replace (second mod 2 ^ 64) with (second + 2 ^ 64); [ring |].
      apply Z.mod_unique with (-1); lia.
    + apply Z.div_unique with (second + 2 ^ 63); lia.
  - rewrite Z.mod_small by lia. rewrite (Z.div_small second) by lia. ring. }
transitivity (total + 2 ^ 64 * (first / 2 ^ (64 - 46) + second / 2 ^ 63)).
{ rewrite Et at 3. ring. }
unfold total. rewrite Ef. rewrite Es at 3. ring.
Qed.

(** The three words of two bins of the high row and two of the low row. *)
Definition short_total_words (high0 high1 low0 low1 : Z) : list Z :=
  let high := two_bins_words high0 high1 in
  let low := two_bins_words low0 low1 in
  let upper := snd high mod 2 ^ 64 in
  let step0 := add_with_carry ((fst high * 2 ^ low_row) mod 2 ^ 64) (fst low) 0 in
  let step1 := add_with_carry ((upper * 2 ^ low_row) mod 2 ^ 64 + fst high / 2 ^ (64 - low_row))
    (snd low mod 2 ^ 64) (snd step0) in
  let step2 := add_with_carry ((snd high / 2 ^ (64 - low_row)) mod 2 ^ 64) ((snd low / 2 ^ 63) mod 2 ^ 64)
    (snd step1) in
  [fst step0; fst step1; fst step2].

Lemma sign_word z : - 2 ^ 63 <= z < 2 ^ 63 -> z = z mod 2 ^ 64 + 2 ^ 64 * (z / 2 ^ 63).
Proof.
intros H. destruct (Z.lt_ge_cases z 0) as [N | N].
- replace (z / 2 ^ 63) with (-1) by (apply Z.div_unique with (z + 2 ^ 63); lia).
  replace (z mod 2 ^ 64) with (z + 2 ^ 64); [ring | apply Z.mod_unique with (-1); lia].
- rewrite Z.mod_small by lia. rewrite (Z.div_small z) by lia. ring.
Qed.

(** They are what add_totals adds. *)
Theorem short_total_words_exact h0 h1 l0 l1 :
  (- 2 ^ 63 <= h0 < 2 ^ 63) -> (- 2 ^ 63 <= h1 < 2 ^ 63) -> (- 2 ^ 63 <= l0 < 2 ^ 63) ->
  (- 2 ^ 63 <= l1 < 2 ^ 63) ->
  Forall word (short_total_words h0 h1 l0 l1) /\
  signed (short_total_words h0 h1 l0 l1) = short_total h0 h1 l0 l1.
Proof.
intros B0 B1 B2 B3.
destruct (two_bins_words_exact h0 h1 B1) as [Wh Eh]. destruct (two_bins_words_exact l0 l1 B3) as [Wl El].
assert (Hw : Forall word (short_total_words h0 h1 l0 l1)).
{ unfold short_total_words, add_with_carry. cbn [fst snd].
  repeat constructor; apply Z.mod_pos_bound; reflexivity. }
split; [exact Hw |].
assert (Hl : - 2 ^ 63 <= snd (two_bins_words l0 l1) < 2 ^ 63).
{ unfold two_bins, bin_distance, word in *. change (2 ^ 46) with 70368744177664 in El.
  change (2 ^ 63) with 9223372036854775808 in *. change (2 ^ 64) with 18446744073709551616 in *. lia. }
assert (Hfit : Z.abs (short_total h0 h1 l0 l1) < 2 ^ 191).
{ apply (short_total_fits 0 0); try (unfold most_top); lia. }
revert Hw. unfold short_total_words, add_with_carry. cbn [fst snd].
unfold short_total in *. rewrite <- Eh, <- El in *.
set (a := fst (two_bins_words h0 h1)) in *. set (b := snd (two_bins_words h0 h1)) in *.
set (c := fst (two_bins_words l0 l1)) in *. set (d := snd (two_bins_words l0 l1)) in *.
clearbody a b c d. clear Eh El B0 B1 B2 B3 h0 h1 l0 l1. unfold low_row in *. change (64 - 53) with 11.
pose proof (Z.div_mod (a * 2 ^ 53) (2 ^ 64) ltac:(discriminate)) as E1.
assert (F1 : a * 2 ^ 53 / 2 ^ 64 = a / 2 ^ 11).
{ change (2 ^ 64) with (2 ^ 11 * 2 ^ 53). apply Z.div_mul_cancel_r; discriminate. }
rewrite F1 in E1.
assert (F2 : ((b mod 2 ^ 64) * 2 ^ 53) mod 2 ^ 64 = (b * 2 ^ 53) mod 2 ^ 64)
  by (apply Z.mul_mod_idemp_l; discriminate).
pose proof (Z.div_mod (b * 2 ^ 53) (2 ^ 64) ltac:(discriminate)) as E2.
assert (F3 : b * 2 ^ 53 / 2 ^ 64 = b / 2 ^ 11).
{ change (2 ^ 64) with (2 ^ 11 * 2 ^ 53). apply Z.div_mul_cancel_r; discriminate. }
rewrite F3 in E2. rewrite F2. clear F1 F2 F3.
pose proof (sign_word d Hl) as E3.
pose proof (Z.div_mod (b / 2 ^ 11) (2 ^ 64) ltac:(discriminate)) as E4.
pose proof (Z.div_mod (d / 2 ^ 63) (2 ^ 64) ltac:(discriminate)) as E5.
set (a0 := (a * 2 ^ 53) mod 2 ^ 64) in *. set (a1 := a / 2 ^ 11) in *.
set (b0 := (b * 2 ^ 53) mod 2 ^ 64) in *. set (b1 := b / 2 ^ 11) in *.
set (b2 := b1 mod 2 ^ 64) in *. set (b3 := b1 / 2 ^ 64) in *.
set (d0 := d mod 2 ^ 64) in *. set (d1 := d / 2 ^ 63) in *.
set (d2 := d1 mod 2 ^ 64) in *. set (d3 := d1 / 2 ^ 64) in *.
set (t0 := a0 + c + 0).
pose proof (Z.div_mod t0 (2 ^ 64) ltac:(discriminate)) as G0.
set (t1 := b0 + a1 + d0 + t0 / 2 ^ 64).
pose proof (Z.div_mod t1 (2 ^ 64) ltac:(discriminate)) as G1.
set (t2 := b2 + d2 + t1 / 2 ^ 64).
pose proof (Z.div_mod t2 (2 ^ 64) ltac:(discriminate)) as G2.
set (x0 := t0 mod 2 ^ 64) in *. set (y0 := t0 / 2 ^ 64) in *.
set (x1 := t1 mod 2 ^ 64) in *. set (y1 := t1 / 2 ^ 64) in *.
set (x2 := t2 mod 2 ^ 64) in *. set (y2 := t2 / 2 ^ 64) in *.
intros Hw.
apply signed_unique with (- (y2 + b3 + d3)); [exact Hw | discriminate | |].
- unfold modulus. cbn [length unsigned]. change (2 ^ (64 * Z.of_nat 3)) with (2 ^ 64 * 2 ^ 64 * 2 ^ 64).
  replace ((a + 2 ^ 64 * b) * 2 ^ 53) with (a * 2 ^ 53 + 2 ^ 64 * (b * 2 ^ 53)) by ring.
  rewrite E1, E2.
  replace x0 with (t0 - 2 ^ 64 * y0) by lia. replace x1 with (t1 - 2 ^ 64 * y1) by lia.
  replace x2 with (t2 - 2 ^ 64 * y2) by lia.
  unfold t0, t1, t2. replace b2 with (b1 - 2 ^ 64 * b3) by lia. replace d2 with (d1 - 2 ^ 64 * d3) by lia.
  replace d0 with (d - 2 ^ 64 * d1) by lia. ring.
- unfold modulus. cbn [length]. change (2 ^ (64 * Z.of_nat 3)) with (2 * 2 ^ 191). lia.
Qed.

(** The two words of a counter of 128 bits. *)
Theorem counter_words_exact z : Z.abs z < 2 ^ 127 ->
  Forall word [z mod 2 ^ 64; (z / 2 ^ 64) mod 2 ^ 64] /\ signed [z mod 2 ^ 64; (z / 2 ^ 64) mod 2 ^ 64] = z.
Proof.
intros H.
assert (Hw : Forall word [z mod 2 ^ 64; (z / 2 ^ 64) mod 2 ^ 64]).
{ repeat constructor; apply Z.mod_pos_bound; reflexivity. }
split; [exact Hw |]. apply signed_unique with (- (z / 2 ^ 64 / 2 ^ 64)); [exact Hw | discriminate | |].
- unfold modulus. cbn [length unsigned]. change (2 ^ (64 * Z.of_nat 2)) with (2 ^ 64 * 2 ^ 64).
  pose proof (Z.div_mod z (2 ^ 64) ltac:(discriminate)) as E1.
  pose proof (Z.div_mod (z / 2 ^ 64) (2 ^ 64) ltac:(discriminate)) as E2.
  set (q := z / 2 ^ 64) in *. set (r := q mod 2 ^ 64) in *. set (p := q / 2 ^ 64) in *.
  set (s := z mod 2 ^ 64) in *. replace s with (z - 2 ^ 64 * q) by lia.
  replace r with (q - 2 ^ 64 * p) by lia. ring.
- unfold modulus. cbn [length]. change (2 ^ (64 * Z.of_nat 2)) with (2 * 2 ^ 127). lia.
Qed.
