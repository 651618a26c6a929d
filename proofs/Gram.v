(** * Exact sums of products: why the blocks of the vector kernels lose nothing

    The library sums products of doubles in blocks of at most 32 steps a lane. Each product is split into h
    + l; h goes into a row of 2, 3, 4 or 7 biased bins 2^46 apart, l into a second row 2^53 lower. A
    certificate, read off after the block, tells whether the bins lost anything; if it fails, the block is
    summed by other means.

    Proved, over the reals with Flocq's doubles (FLT(-1074, 53), to nearest, ties to even), for one lane of
    one set of bins:
    - two_sum_exact, fast_two_sum_exact, two_product_exact: the error-free transformations with their
      conditions;
    - pour_exact: what a bin takes of a double, and what it leaves, are exact while it stays in its binade;
    - bin_accumulation_exact, row_exact: so are sequences of deposits, into one bin and (at most 32) into a
      row of bins;
    - block_exact: the two rows together hold the exact sum of the products;
    - dots_block_exact, gram_block_exact, float_gram_block_exact: the certificates of the code imply that;
    - no_overflow: h and every bin stay below 2^744 throughout a block, so that doubles can hold them.

    Model and code:
    - pour, add_to_row, add_product: pour, pour_all and add_product in lib/kernels/blocks.hpp (the product
      by 1 there changes nothing);
    - empty_bin, empty_row: empty_bins in blocks.hpp;
    - least_exponent, most: least and most in blocks.hpp;
    - lane_sum, dots_certificate: add_dots and run_dots in blocks.hpp;
    - gram_certificate: GramBins::certified in blocks.hpp; cross_top: GramSource::tops in
      lib/kernels/kernels.cpp and small_gram in blocks.hpp;
    - row_value, row_within: what collect in blocks.hpp turns into integers;
    - block_steps, bin_distance, low_row, most_top, headroom, footroom, bin_counts: lib/kernels/table.hpp.
    What links them is reading, not proof. two_sum and fast_two_sum are standard facts that the kernels do
    not call.

    Not modelled: infinities and NaN (the format here has no greatest number), a product that overflows
    before the certificate is read, several lanes and sets of bins and the joining of their totals, loads,
    bit patterns as integers, the minimum that the code keeps for "every product is at least", how the
    quanta are chosen, and the compiler. Axioms: those of Coq's real numbers, functional extensionality and
    classical logic, as Flocq uses them. *)
From Coq Require Import Reals ZArith List Lia Lra Psatz.
From Flocq Require Import Core Plus_error Mult_error Sterbenz Pff2Flocq.
Import ListNotations.
Local Open Scope R_scope.

(** ** The numbers *)

Definition emin : Z := (-1074)%Z.
Definition prec : Z := 53%Z.

Global Instance prec_positive : Prec_gt_0 prec.
Proof. reflexivity. Qed.

(** 2^e. *)
Definition pow (e : Z) : R := bpow radix2 e.

(** x is a double, of any magnitude. *)
Definition double (x : R) : Prop := generic_format radix2 (FLT_exp emin prec) x.

(** The double nearest to x, ties to even. *)
Definition RN (x : R) : R := round radix2 (FLT_exp emin prec) ZnearestE x.

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
rewrite <- Hf. apply generic_format_F2R. intros Hn0. rewrite Hf. unfold cexp, FLT_exp.
apply Z.max_lub; [| exact Hq]. unfold prec.
enough (mag radix2 x <= 53 + q)%Z by lia.
apply mag_le_bpow; [| exact Hx].
intros H0. apply Hn0. rewrite Hn in H0. apply Rmult_integral in H0. destruct H0 as [H0 | H0].
- now apply eq_IZR.
- generalize (pow_gt_0 q). lra.
Qed.

Lemma double_pow e : (emin <= e)%Z -> double (pow e).
Proof. intros H. apply generic_format_FLT_bpow; [exact prec_positive | exact H]. Qed.

(** A double of at least 2^m is a multiple of 2^(m - 52). *)
Lemma multiple_of_double m x : double x -> pow m <= Rabs x -> multiple (m - 52) x.
Proof.
intros Hx Hm.
apply multiple_finer with (cexp radix2 (FLT_exp emin prec) x).
- unfold cexp, FLT_exp.
  enough (m < mag radix2 x)%Z by (unfold prec; lia).
  apply (lt_bpow radix2). apply Rle_lt_trans with (1 := Hm). apply bpow_mag_gt.
- exists (Ztrunc (scaled_mantissa radix2 (FLT_exp emin prec) x)). exact Hx.
Qed.

Lemma RN_double x : double (RN x).
Proof. apply generic_format_round; [apply FLT_exp_valid; reflexivity | apply valid_rnd_N]. Qed.

Lemma RN_of_double x : double x -> RN x = x.
Proof. intros H. apply round_generic; [apply valid_rnd_N | exact H]. Qed.

Lemma RN_le x y : x <= y -> RN x <= RN y.
Proof. apply round_le; [apply FLT_exp_valid; reflexivity | apply valid_rnd_N]. Qed.

Lemma RN_abs x : RN (Rabs x) = Rabs (RN x).
Proof. unfold RN. apply round_NE_abs. apply FLT_exp_valid; reflexivity. Qed.

Lemma RN_0 : RN 0 = 0.
Proof. apply RN_of_double, generic_format_0. Qed.

(** ** 1. Error-free transformations *)

Definition two_sum (x y : R) : R * R :=
  let s := RN (x + y) in
  let y' := RN (s - x) in
  let x' := RN (s - y') in
  (s, RN (RN (x - x') + RN (y - y'))).

Definition fast_two_sum (x y : R) : R * R :=
  let s := RN (x + y) in (s, RN (y + RN (x - s))).

Definition two_product (x y : R) : R * R :=
  let h := RN (x * y) in (h, RN (x * y - h)).

Lemma ties_symmetric x : negb (Z.even x) = negb (negb (Z.even (- (x + 1)))).
Proof. now rewrite Z.even_opp, Z.even_add, Bool.negb_involutive; destruct (Z.even x). Qed.

(** Knuth: the rounded sum and the second number add up to x + y, whatever their order. *)
Theorem two_sum_exact x y :
  double x -> double y -> fst (two_sum x y) + snd (two_sum x y) = x + y.
Proof.
intros Hx Hy. unfold two_sum, RN. cbn [fst snd].
apply (TwoSum_correct emin prec (fun z => negb (Z.even z))); try assumption; try reflexivity;
  try discriminate.
exact ties_symmetric.
Qed.

(** Dekker: so do those of three operations, when |y| <= |x|. *)
Theorem fast_two_sum_exact x y :
  double x -> double y -> Rabs y <= Rabs x -> fst (fast_two_sum x y) + snd (fast_two_sum x y) = x + y.
Proof.
intros Hx Hy H. unfold fast_two_sum, RN. cbn [fst snd].
apply (Fast2Sum_correct emin prec (fun z => negb (Z.even z))); try assumption; try reflexivity;
  try discriminate.
exact ties_symmetric.
Qed.

(** With a fused multiply-add h + l = x y, when x y is 0 or at least 2^-969 in magnitude. *)
Theorem two_product_exact x y :
  double x -> double y -> (x * y = 0 \/ pow (-969) <= Rabs (x * y)) ->
  fst (two_product x y) + snd (two_product x y) = x * y.
Proof.
intros Hx Hy H. unfold two_product. cbn [fst snd].
rewrite (RN_of_double (x * y - RN (x * y))); [ring |].
replace (x * y - RN (x * y)) with (- (RN (x * y) - x * y)) by ring.
apply generic_format_opp. apply mult_error_FLT; try assumption; try typeclasses eauto.
intros H0. destruct H as [H | H]; [contradiction | exact H].
Qed.

(** ** 2. One deposit *)

Definition pour (bin x : R) : R * R :=
  let sum := RN (bin + x) in (sum, RN (x - RN (sum - bin))).

Lemma RN_in_binade q y :
  (emin <= q)%Z -> pow (52 + q) <= y < pow (53 + q) ->
  RN y = IZR (ZnearestE (y * pow (- q))) * pow q.
Proof.
intros Hq [Hl Hu]. pose proof (pow_gt_0 (52 + q)) as Hp.
assert (Hm : mag radix2 y = (53 + q)%Z :> Z).
{ apply mag_unique_pos. replace (53 + q - 1)%Z with (52 + q)%Z by ring. now split. }
unfold RN, round, F2R, scaled_mantissa, cexp. rewrite Hm. cbn [Fnum Fexp].
unfold FLT_exp, prec. replace (53 + q - 53)%Z with q by ring. rewrite Z.max_l by exact Hq. reflexivity.
Qed.

(** One deposit: what the bin takes and what it leaves are exact while the bin stays in its binade. *)
Theorem pour_exact q bin x :
  (emin <= q)%Z -> multiple q bin -> double x ->
  pow (52 + q) <= bin < pow (53 + q) -> pow (52 + q) <= bin + x < pow (53 + q) ->
  exists t, multiple q t /\ fst (pour bin x) = bin + t /\ RN (fst (pour bin x) - bin) = t /\
    snd (pour bin x) = x - t /\ double (x - t) /\ Rabs (x - t) <= pow (q - 1).
Proof.
intros Hq Hbm Hx Hb Hs.
assert (Hbd : double bin).
{ apply double_of_multiple with q; try assumption. pose proof (pow_gt_0 (52 + q)).
  rewrite Rabs_pos_eq; lra. }
pose proof (RN_in_binade q (bin + x) Hq Hs) as HR.
set (k := ZnearestE ((bin + x) * pow (- q))) in HR.
exists (RN (bin + x) - bin).
assert (Hsm : multiple q (RN (bin + x))) by (exists k; exact HR).
assert (Herr : double (x - (RN (bin + x) - bin))).
{ replace (x - (RN (bin + x) - bin)) with (- (RN (bin + x) - (bin + x))) by ring.
  apply generic_format_opp. apply plus_error; try assumption; typeclasses eauto. }
assert (Hlo : pow (52 + q) <= RN (bin + x)).
{ rewrite <- (RN_of_double (pow (52 + q))) by (apply double_pow; lia). apply RN_le; lra. }
assert (Hup : RN (bin + x) <= pow (53 + q)).
{ rewrite <- (RN_of_double (pow (53 + q))) by (apply double_pow; lia). apply RN_le; lra. }
assert (H2 : pow (53 + q) = 2 * pow (52 + q)).
{ replace (53 + q)%Z with (52 + q + 1)%Z by ring. apply pow_double. }
assert (Hst : RN (RN (bin + x) - bin) = RN (bin + x) - bin).
{ apply RN_of_double. apply sterbenz; try typeclasses eauto.
  - apply RN_double.
  - exact Hbd.
  - split; lra. }
unfold pour. cbn [fst snd]. rewrite Hst.
repeat split.
- now apply multiple_minus.
- ring.
- now apply RN_of_double.
- exact Herr.
- replace (x - (RN (bin + x) - bin)) with (((bin + x) * pow (- q) - IZR k) * pow q).
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
    | [] => [RN (bin + x)]
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
  assert (HR : RN (bin + x) = bin + x).
  { apply RN_of_double, double_of_multiple with q; try assumption.
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

Definition high (xz : R * R) : R := fst (two_product (fst xz) (snd xz)).
Definition low (xz : R * R) : R := snd (two_product (fst xz) (snd xz)).
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
set (ex := cexp radix2 (FLT_exp emin prec) x). set (ez := cexp radix2 (FLT_exp emin prec) z).
assert (Hmag : forall u, double u -> Rabs u < pow (53 + cexp radix2 (FLT_exp emin prec) u)).
{ intros u _. apply Rlt_le_trans with (pow (mag radix2 u)).
  - apply bpow_mag_gt.
  - apply pow_le. unfold cexp, FLT_exp, prec. lia. }
assert (He : (m < (53 + ex) + (53 + ez))%Z).
{ apply (lt_bpow radix2). apply Rle_lt_trans with (1 := Hm).
  rewrite Rabs_mult, bpow_plus. pose proof (Hmag x Hx). pose proof (Hmag z Hz).
  apply Rmult_le_0_lt_compat; try apply Rabs_pos; assumption. }
apply multiple_finer with (ex + ez)%Z; [lia |].
exists (Ztrunc (scaled_mantissa radix2 (FLT_exp emin prec) x) *
        Ztrunc (scaled_mantissa radix2 (FLT_exp emin prec) z))%Z.
rewrite mult_IZR, pow_plus. unfold double, generic_format in Hx, Hz.
rewrite Hx at 1. rewrite Hz at 1. unfold F2R. cbn [Fnum Fexp]. fold ex ez. unfold pow. ring.
Qed.

Lemma rounding_error p : pow (-1022) <= Rabs (RN p) -> Rabs (RN p - p) <= pow (-53) * Rabs (RN p).
Proof.
intros H. unfold RN in *.
eapply Rle_trans; [apply error_le_half_ulp_round; typeclasses eauto |].
eapply Rle_trans.
- apply Rmult_le_compat_l; [lra |]. apply (ulp_FLT_le radix2 emin prec). exact H.
- change (bpow radix2 (1 - prec)) with (pow (1 + -53)). rewrite pow_plus. change (pow 1) with 2. lra.
Qed.

Lemma rounded_product_at_least m p : (emin <= m)%Z -> pow m <= Rabs p -> pow m <= Rabs (RN p).
Proof.
intros Hm H. rewrite <- RN_abs. rewrite <- (RN_of_double (pow m)) by now apply double_pow.
now apply RN_le.
Qed.

Lemma product_large_enough m p : (-1022 <= m)%Z -> pow m <= Rabs (RN p) ->
  Rabs p <= (1 + pow (-53)) * Rabs (RN p) /\ (1 - pow (-53)) * Rabs (RN p) <= Rabs p.
Proof.
intros Hm H.
assert (H1 : Rabs (RN p - p) <= pow (-53) * Rabs (RN p)).
{ apply rounding_error. apply Rle_trans with (2 := H). now apply pow_le. }
pose proof (Rabs_triang_inv (RN p) p) as T1.
pose proof (Rabs_triang_inv p (RN p)) as T2. rewrite (Rabs_minus_sym p) in T2.
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
{ intros xz Hin. destruct (Hl xz Hin) as [H0 | H0]; unfold high, two_product; cbn [fst].
  - unfold product in H0. rewrite H0, RN_0. apply multiple_0.
  - apply multiple_of_double; [apply RN_double |].
  apply rounded_product_at_least; [unfold emin; lia | exact H0]. }
assert (Hpm : forall xz, In xz xzs -> multiple (m - 105) (product xz)).
{ intros xz Hin. destruct (Hl xz Hin) as [H0 | H0].
  - rewrite H0. apply multiple_0.
  - destruct (Hd xz Hin). now apply exact_product_multiple. }
assert (Hsum : forall xz, In xz xzs -> high xz + low xz = product xz).
{ intros xz Hin. destruct (Hd xz Hin) as [Hx Hz]. apply two_product_exact; try assumption.
  destruct (Hl xz Hin) as [H0 | H0]; [now left | right].
  apply Rle_trans with (2 := H0). now apply pow_le. }
assert (Hlow : forall xz, In xz xzs -> Rabs (low xz) <= pow (-53) * Rabs (high xz)).
{ intros xz Hin. replace (low xz) with (- (high xz - product xz)) by (rewrite <- (Hsum xz Hin); ring).
  rewrite Rabs_Ropp. destruct (Hl xz Hin) as [H0 | H0]; unfold high, two_product; cbn [fst].
  - unfold product in *. rewrite H0, RN_0, Rminus_0_r, Rabs_R0. lra.
  - apply rounding_error. apply Rle_trans with (pow m); [apply pow_le; lia |].
    apply rounded_product_at_least; [unfold emin; lia | exact H0]. }
destruct (row_exact top bins (map high xzs)) as (V1 & W1); try assumption; try lia.
{ apply Forall_forall. intros h Hin. apply in_map_iff in Hin. destruct Hin as (xz & <- & _).
apply RN_double. }
{ apply Forall_forall. intros h Hin. apply in_map_iff in Hin. destruct Hin as (xz & <- & Hin).
  rewrite Hq. now apply Hhm. }
destruct (row_exact (top - low_row) bins (map low xzs)) as (V2 & W2); try lia.
{ unfold steps in *. now rewrite map_length in *. }
{ apply Forall_forall. intros h Hin. apply in_map_iff in Hin. destruct Hin as (xz & <- & _).
apply RN_double. }
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

(** What the kernel has for the sum of |h| of one lane. *)
Definition lane_sum (xzs : list (R * R)) : R := fold_left (fun s xz => RN (s + Rabs (high xz))) xzs 0.

Definition dots_certificate (top : Z) (bins : nat) (xzs : list (R * R)) : Prop :=
  lane_sum xzs <= pow (top + headroom) /\
  Forall (fun xz => fst xz = 0 \/ snd xz = 0 \/ pow (least_exponent top bins) <= Rabs (high xz)) xzs.

Lemma lane_sum_close xzs : forall s, double s -> 0 <= s ->
  let total := fold_left (fun s xz => RN (s + Rabs (high xz))) xzs s in
  s <= total /\ s + abs_sum (map high xzs) <= (1 + INR (length xzs) * pow (-53)) * total.
Proof.
pose proof pow_m53 as Hu.
induction xzs as [| xz xzs IH]; intros s Hd Hs; cbv zeta.
{ unfold abs_sum. cbn. lra. }
cbn [fold_left map length]. rewrite abs_sum_cons, S_INR.
assert (Ha : double (Rabs (high xz))) by (apply generic_format_abs, RN_double).
pose proof (Rabs_pos (high xz)) as Ha0.
assert (Hs' : s <= RN (s + Rabs (high xz))).
{ rewrite <- (RN_of_double s) at 1 by exact Hd. apply RN_le. lra. }
destruct (IH (RN (s + Rabs (high xz))) (RN_double _) ltac:(lra)) as [I1 I2].
set (s' := RN (s + Rabs (high xz))) in *. set (total := fold_left _ xzs s') in *.
assert (He : s + Rabs (high xz) <= s' + pow (-53) * s').
{ destruct (FLT_plus_error_N_round_ex radix2 emin prec (fun z => negb (Z.even z)) s (Rabs (high xz)) Hd Ha)
    as (eps & He1 & He2).
  fold (RN (s + Rabs (high xz))) in He2. fold s' in He2. rewrite He2.
  assert (eps <= pow (-53)).
  { eapply Rle_trans; [apply Rle_abs | eapply Rle_trans; [exact He1 |]].
    change (Relative.u_ro radix2 prec) with (/ 2 * pow (-52)). change (-52)%Z with (-53 + 1)%Z.
    rewrite pow_double. lra. }
  nra. }
split; [lra |].
assert (pow (-53) * s' <= pow (-53) * total) by (apply Rmult_le_compat_l; lra).
lra.
Qed.

Lemma certified_product top bins p : allowed top bins -> pow (least_exponent top bins) <= Rabs (RN p) ->
  pow (least_exponent top bins - 1) <= Rabs p.
Proof.
intros Hall H. destruct (allowed_bins _ _ Hall) as [Hbins Htop].
assert (Hm : (-1022 <= least_exponent top bins)%Z).
{ unfold least_exponent, footroom, bin_distance. lia. }
destruct (product_large_enough _ p Hm H) as [_ H2]. pose proof pow_m53 as Hu.
assert (Hd : pow (least_exponent top bins) = 2 * pow (least_exponent top bins - 1)).
{ rewrite <- pow_double. f_equal. ring. }
pose proof (pow_gt_0 (least_exponent top bins - 1)). pose proof (Rabs_pos (RN p)).
assert (/ 2 * Rabs (RN p) <= (1 - pow (-53)) * Rabs (RN p)) by (apply Rmult_le_compat_r; lra). lra.
Qed.

(** The certificate of scalar products, with the rounded lane sum of the code, implies that. *)
Theorem dots_block_exact top bins xzs :
  allowed top bins -> (Z.of_nat (length xzs) <= block_steps)%Z -> Forall doubles xzs ->
  dots_certificate top bins xzs ->
  rows_value top (block_rows top bins xzs) = exact_sum xzs /\ rows_within top (block_rows top bins xzs).
Proof.
intros Hall Hst Hd [C1 C2].
assert (Hn : INR (length xzs) <= IZR block_steps) by (rewrite INR_IZR_INZ; now apply IZR_le).
apply block_exact; try assumption.
- unfold steps. now rewrite map_length.
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

(** The conditions under which a block is exact (section 5). *)
Definition conditions (top : Z) (bins : nat) (xzs : list (R * R)) : Prop :=
  abs_sum (map high xzs) <= 3 / 2 * pow (headroom + top) /\
  Forall (fun xz => product xz = 0 \/ pow (least_exponent top bins - 1) <= Rabs (product xz)) xzs.

Lemma hd_add_to_row row x : row <> [] -> hd 0 (add_to_row row x) = RN (hd 0 row + x) /\ add_to_row row x <>
  [].
Proof. destruct row as [| b [| b' row]]; [contradiction | |]; intros _; split; try reflexivity;
  discriminate. Qed.

Lemma hd_fold xs : forall row, row <> [] ->
  hd 0 (fold_left add_to_row xs row) = fold_left (fun b x => RN (b + x)) xs (hd 0 row).
Proof.
induction xs as [| x xs IH]; intros row Hne; [reflexivity |].
destruct (hd_add_to_row row x Hne) as [H1 H2]. cbn [fold_left]. rewrite IH by exact H2. now rewrite H1.
Qed.

(** A bin of squares never falls; so if it is in its binade in the end, it always was. *)
Lemma first_bin_total q xs : (emin <= q)%Z -> Forall (fun x => double x /\ 0 <= x) xs ->
  forall b, multiple q b -> pow (52 + q) <= b ->
  let last := fold_left (fun b x => RN (b + x)) xs b in
  last < pow (53 + q) -> b <= last /\ b + abs_sum xs <= last + steps xs * pow (q - 1).
Proof.
intros Hq. pose proof (pow_gt_0 (q - 1)) as Hp.
induction xs as [| x xs IH]; intros Hxs b Hm Hb; cbv zeta; intros Hlast.
{ unfold abs_sum, steps, sum. cbn in *. lra. }
inversion Hxs as [| ? ? [Hx Hx0] Hxs']; subst. cbn [fold_left] in *.
rewrite abs_sum_cons, steps_cons, (Rabs_pos_eq x Hx0).
assert (Hbb : forall c, multiple q c -> pow (52 + q) <= c -> fold_left (fun b x => RN (b + x)) xs c < pow
  (53 + q) ->
  c <= fold_left (fun b x => RN (b + x)) xs c) by (intros c H1 H2 H3; now apply IH).
(* The new content is in the binade: were it above, it would have stayed there. *)
assert (Hmono : forall l c, Forall (fun x => double x /\ 0 <= x) l -> double c ->
  c <= fold_left (fun b x => RN (b + x)) l c).
{ clear. induction l as [| x l IH]; intros c Hl Hc; [apply Rle_refl |].
  inversion Hl as [| ? ? [Hx Hx0] Hl']; subst. cbn [fold_left].
  apply Rle_trans with (RN (c + x)); [| apply IH; [exact Hl' | apply RN_double]].
  rewrite <- (RN_of_double c) at 1 by exact Hc. apply RN_le. lra. }
pose proof (Hmono xs (RN (b + x)) Hxs' (RN_double _)) as Hle.
assert (Hbx : b + x < pow (53 + q)).
{ apply Rnot_le_lt. intros H. apply RN_le in H. rewrite RN_of_double in H by (apply double_pow; lia). lra. }
destruct (pour_exact q b x) as (t & Ht & Hs & _ & _ & _ & Hr); try assumption; try (split; lra).
unfold pour in Hs. cbn [fst] in Hs.
assert (Hup : b <= RN (b + x)).
{ assert (Hbd : double b).
  { apply double_of_multiple with q; try assumption. pose proof (pow_gt_0 (52 + q)).
  rewrite Rabs_pos_eq; lra. }
  rewrite <- (RN_of_double b) at 1 by exact Hbd. apply RN_le. lra. }
destruct (IH Hxs' (RN (b + x))) as [I1 I2]; try assumption.
{ rewrite Hs. now apply multiple_plus. }
{ lra. }
pose proof (Rle_abs (x - t)). split; lra.
Qed.

Lemma steps_map {A} (f : A -> R) l : steps (map f l) = INR (length l).
Proof. unfold steps. now rewrite map_length. Qed.

Lemma RN_ge_0 x : 0 <= x -> 0 <= RN x.
Proof. intros H. rewrite <- RN_0. now apply RN_le. Qed.

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
  split; [apply RN_double | apply RN_ge_0, square_ge_0].
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
unfold high, two_product in Hg, Hy. cbn [fst snd] in Hg, Hy.
assert (Hsq : forall t x, (-690 <= t)%Z -> pow (least_exponent t bins) <= RN (x * x) ->
  15 / 16 * pow (least_exponent t bins) <= x * x).
{ intros t x Ht H. destruct (product_large_enough (least_exponent t bins) (x * x)) as [_ H1].
  - unfold least_exponent, footroom, bin_distance. lia.
  - apply Rle_trans with (1 := H). apply Rle_abs.
  - rewrite (Rabs_pos_eq (x * x)) in H1 by apply square_ge_0.
    rewrite (Rabs_pos_eq (RN _)) in H1 by apply RN_ge_0, square_ge_0.
    pose proof pow_m53. pose proof (pow_gt_0 (least_exponent t bins)).
    assert (15 / 16 * RN (x * x) <= (1 - pow (-53)) * RN (x * x)) by (apply Rmult_le_compat_r; lra). lra. }
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
{ assert (Hg0 : 0 <= high (g, g)) by apply RN_ge_0, square_ge_0.
  assert (Hy0 : 0 <= high (y, y)) by apply RN_ge_0, square_ge_0.
  pose proof (Rmult_le_pos w _ (Rlt_le _ _ Hw) Hg0). pose proof (Rmult_le_pos w' _ (Rlt_le _ _ Hw') Hy0).
  lra. }
assert (Hzero : g * y = 0 -> Rabs (high (g, y)) <= 9 / 16 * (w * high (g, g) + w' * high (y, y))).
{ intros Hz. unfold high at 1, two_product. cbn [fst snd]. rewrite Hz, RN_0, Rabs_R0. exact H0. }
destruct Hg as [Hg | Hg]; [apply Hzero; rewrite Hg; ring |].
destruct Hy as [Hy | Hy]; [apply Hzero; rewrite Hy; ring |]. clear Hzero H0.
destruct (allowed_bins _ _ Ha) as [Hbins Hta]. destruct (allowed_bins _ _ Hb) as [_ Htb].
pose proof (cross_least a b bins g y Ha Hb Hg Hy) as Hl. pose proof (cross_top_bounds a b) as Hc.
pose proof pow_m53 as Hu.
unfold high, two_product in *. cbn [fst snd] in *.
assert (Hsq : forall t x, (-690 <= t)%Z -> pow (least_exponent t bins) <= RN (x * x) ->
  x * x <= (1 + / 1024) * RN (x * x)).
{ intros t x Ht H. destruct (product_large_enough (least_exponent t bins) (x * x)) as [H1 _].
  - unfold least_exponent, footroom, bin_distance. lia.
  - apply Rle_trans with (1 := H). apply Rle_abs.
  - rewrite (Rabs_pos_eq (x * x)) in H1 by apply square_ge_0.
    pose proof (RN_ge_0 _ (square_ge_0 x)) as Hr. rewrite (Rabs_pos_eq _ Hr) in H1.
    assert ((1 + pow (-53)) * RN (x * x) <= (1 + / 1024) * RN (x * x)) by (apply Rmult_le_compat_r; lra).
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
assert (H2 : (1 - / 1024) * Rabs (RN (g * y)) <= (1 - pow (-53)) * Rabs (RN (g * y))).
{ apply Rmult_le_compat_r; [apply Rabs_pos | lra]. }
assert (0 <= w * RN (g * g)) by (apply Rmult_le_pos; [lra | apply RN_ge_0, square_ge_0]).
assert (0 <= w' * RN (y * y)) by (apply Rmult_le_pos; [lra | apply RN_ge_0, square_ge_0]).
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
    rewrite (Rabs_pos_eq (high (fst gy, fst gy))) by apply RN_ge_0, square_ge_0.
    rewrite (Rabs_pos_eq (high (snd gy, snd gy))) by apply RN_ge_0, square_ge_0. lra. }
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
Theorem float_product_exact x z : float x -> float z -> RN (x * z) = x * z.
Proof.
intros Hx Hz. apply RN_of_double.
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
- apply Forall_forall. intros h Hin. apply in_map_iff in Hin. destruct Hin as (xz & <- & _). apply RN_double.
- apply Forall_forall. intros h Hin. apply in_map_iff in Hin. destruct Hin as (xz & <- & Hin).
  destruct (Hl xz Hin) as [H | H]; unfold high, two_product; cbn [fst snd].
  + unfold product in H. rewrite H, RN_0. apply multiple_0.
  + replace (last_quantum top bins) with (least_exponent top bins - 1 - 52)%Z
      by (unfold last_quantum, least_exponent, footroom, bin_distance; ring).
    apply multiple_of_double; [apply RN_double |].
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

