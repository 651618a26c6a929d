(** * Elementary: the series of atanh and atan in double-word arithmetic

    The logarithm and the angle come from one odd series: with z = +-t^2,
      atanh t or atan t = t + t z (1/3 + z (1/5 + z (1/7 + z/9 + z^2/11))) + ...
    The library evaluates it in pairs of doubles that carry a bound on their error (file Scalars), the
    innermost part in plain doubles. Here is proved that its results stand for the exact values: the bound
    that goes along covers the rounding of every operation, what the series leaves out, and the error that
    the argument comes with.

    A pair t stands for the real number T if T is off hi + lo by the error at most. Assumed: hi is 0 or
    within 2^-+94, |hi| <= 2^-9 (1 + 2^-20), and the error is 0 or at least 2^-480; with an exponent of its
    own: hi is 0 or within 2^-+1, and an error is at least 2^-430. Proved, for both of the exact products:
    - odd_series_correct, odd_series_scaled_correct: if the code gives a result with an error that is
      finite, it stands for atanh T or atan T, and is in a band that later operations take;
      odd_series_not_negative, odd_series_scaled_not_negative: its hi is not negative if that of t is not;
      odd_series_hi: its hi is at most 5/4 of that of t. T may be far from hi + lo in units of u: the error
      is only known to be at most 2^-22. odd_series_nearly, odd_series_scaled_almost: the same where T is off
      hi + lo by a little more than the error, as scaling leaves it;
    - first_term_correct: where |hi| <= 2^-46 and the error is at most 2^-22, t alone, with a slightly greater
      error, stands for atanh T or atan T;
    - innermost_error: the innermost part is off by at most 3.6 u of itself from its exact value for z = hi +
      lo, though it takes z.hi for z; series_distance: what that, with z in place of +-T^2, and the terms that
      are left out come to;
    - unless_tiny_correct, unless_tiny_band, unless_tiny_in_band: what cancelled down to below 2^-90 may be
      taken for 0 with a greater error; negated_stands_for, negated_in_band;
    - add_carried_with_error: a sum of which a part has an error of at least 2^-500 may cancel to any
      extent.
    And what the logarithm and the angle both need beyond file Scalars:
    - scaled_almost, normalised_almost: what scaling and normalising lose of a low part by underflow is at
      most 2^-90 of the error;
    - divide_hi_le, divide_carried_band_any: how large a quotient's leading part is, and its band whatever
      the low parts are; multiple_near, multiple_error: the like of products with a double;
    - add_carried_error_terms, constant_error: how large errors are at least.

    NOT proved here: that atanh and atan are their series up to what is left out (file Series), and that the
    two doubles of 1/3 and 1/5 are right (file ElementaryTables). The model has no greatest double: within
    the bands no operation overflows. That the compiler rounds the constants 1/7, 1/9 and 1/11 to nearest,
    and does not contract products and sums, is assumed.

    Model and code (lib/kernels/elementary.hpp), operation by operation, in the code's order:
      unless_tiny, first_term        the functions of these names
      negated                        negated(DoubleWord) in lib/kernels/double_word.hpp
      odd_series                     odd_series(DoubleWord, int)
      odd_series_scaled              odd_series(Approximation, int)
      innermost                      the variable inner of odd_series
      None                           an error that is infinite
    What links them is reading, not proof. Axioms: those of Coq's real numbers with classical logic, as
    Flocq uses them (sig_forall_dec, sig_not_dec, functional_extensionality_dep, classic). *)
From Coq Require Import Reals ZArith Lra Lia.
From Flocq Require Import Core.
From Natgrad Require Import Doubles Scalars Series ElementaryTables.
Open Scope R_scope.

(* unless_tiny: a difference that cancelled *)
Definition unless_tiny (x : carried) : carried :=
  if Req_EM_T (hi (number x)) 0 then x
  else if Rle_dec (bpow radix2 (-90)) (Rabs (hi (number x))) then x
  else Carried (Unevaluated 0 0)
    (rnd (slack * rnd (error x + rnd (Rabs (hi (number x)) + bpow radix2 (-200))))).

(* first_term: atanh t or atan t as t alone *)
Definition first_term (t : carried) : carried :=
  Carried (number t) (rnd (slack * rnd (error t + rnd (bpow radix2 (-90) * Rabs (hi (number t)))))).

Definition negated (x : carried) : carried :=
  Carried (Unevaluated (- hi (number x)) (- lo (number x))) (error x).

(* odd_series(DoubleWord, int). None: an infinite error *)
Definition odd_series (two_product : R -> R -> unevaluated) (t : carried) (sign : Z) : option carried :=
  if Rle_dec (error t) (bpow radix2 (-22)) then
    if Rlt_dec (Rabs (hi (number t))) (bpow radix2 (-47)) then Some (first_term t) else
    let square := multiply_carried two_product t t in
    let z := if (sign <? 0)%Z then negated square else square in
    let h := hi (number z) in
    let inner := rnd (h * rnd (rnd (1 / 7) + rnd (h * rnd (rnd (1 / 9) + rnd (h * rnd (1 / 11)))))) in
    let sum :=
      add_carried (constant fifth_entry) (Carried (Unevaluated inner 0) (rnd (4 * u * Rabs inner))) in
    let sum := add_carried (constant third_entry) (multiply_carried two_product z sum) in
    let sum := add_carried t (multiply_carried two_product t (multiply_carried two_product z sum)) in
    Some (Carried (number sum)
      (rnd (slack * rnd (error sum + rnd (bpow radix2 (-111) * Rabs (hi (number t)))))))
  else None.

(* odd_series(Approximation, int) *)
Definition odd_series_scaled (two_product : R -> R -> unevaluated) (t : approximation) (sign : Z)
    : option approximation :=
  if is_exact_zero (pair t) then Some t
  else if Z_lt_dec 0 (exponent t) then None
  else if Rle_dec (error (pair t)) (bpow radix2 20) then
    if Z_lt_dec (exponent t) (-46) then Some (Approximation (first_term (pair t)) (exponent t))
    else match odd_series two_product (scaled_carried (pair t) (exponent t)) sign with
         | Some r => Some (Approximation r 0)
         | None => None
         end
  else None.

(* 2^-9 (1 + 2^-20) *)
Definition series_limit : R := bpow radix2 (-9) * (1 + bpow radix2 (-20)).

(** If an error is no less than 2^-500, a sum may cancel to whatever it likes *)
Lemma add_carried_with_error x y X Y :
  nearly_stands_for x X -> nearly_stands_for y Y -> no_less 900 (error x) -> no_less 900 (error y) ->
  bpow radix2 (-500) <= error x + error y -> stands_for (add_carried x y) (X + Y).
Proof.
intros Sx Sy Nx Ny L.
destruct (Rle_dec (bpow radix2 (-800)) (Rabs (hi (number (add_carried x y))))) as [H | H].
{ apply add_carried_nearly; trivial. right. exact H. }
destruct Sx as (Wx & Dx & Px & Ex), Sy as (Wy & Dy & Py & Ey).
destruct (add_error (number x) (number y) Wx Wy) as [Wz Ez].
unfold add_carried in *. cbn [number error] in *. set (z := add (number x) (number y)) in *.
assert (Small : Rabs (hi z) <= little * (error x + error y)).
{ apply Rle_trans with (bpow radix2 (-45) * bpow radix2 (-500)).
  - rewrite <- bpow_plus. apply Rle_trans with (bpow radix2 (-800)); [lra | apply bpow_le; lia].
  - replace (bpow radix2 (-45)) with little by (unfold little; simpl; reflexivity).
    apply Rmult_le_compat_l; [unfold little; lra | exact L]. }
assert (GA := rnd_ge_sum _ _ Dx Dy Px Py).
assert (NA : no_less 501 (rnd (error x + error y))).
{ apply no_less_rnd; [lia | right]. apply Rle_trans with (2 := L), bpow_le. lia. }
set (A := rnd (error x + error y)) in *.
assert (PB : 0 <= rnd (3 * (u * u) * Rabs (hi z))).
{ apply rnd_pos, Rmult_le_pos; [unfold u; lra | apply Rabs_pos]. }
assert (GS := rnd_sum_ge_l A _ (double_rnd _) PB). set (S := rnd (A + _)) in *.
assert (NS : no_less 1000 S).
{ right. destruct NA as [Z | NA].
  - exfalso. rewrite Z in GA. assert (P := bpow_gt_0 radix2 (-500)). unfold u in GA. lra.
  - apply Rle_trans with (2 := GS). apply Rle_trans with (2 := NA), bpow_le. lia. }
split; [exact Wz |]. split; [apply double_rnd |]. cbn [error number].
split; [apply rnd_pos, Rmult_le_pos; [unfold slack; lra | apply (no_less_pos _ _ NS)] |].
assert (C := slack_covers ((1 + 2 * little) * (error x + error y)) _ NS).
apply Rle_trans with (2 := C ltac:(unfold nearly, u, little in *; lra)).
replace (X + Y - value z) with ((X - value (number x)) + (Y - value (number y))
  - (value z - (value (number x) + value (number y)))) by ring.
assert (Pz := Rabs_pos (hi z)). inv Ex; inv Ey; inv Ez. apply Rabs_le. unfold u, little in *. lra.
Qed.

(* ------------------------------------------------------------------------------ errors, at least *)

Lemma some_injective (A : Type) (x y : A) : Some x = Some y -> x = y.
Proof. now intros [= ->]. Qed.

Lemma rnd_nearest g v : double g -> Rabs (rnd v - v) <= Rabs (g - v).
Proof.
intros D. destruct (round_N_pt radix2 double_exp (fun x => negb (Z.even x)) v) as [_ G]. exact (G g D).
Qed.

(* A pair is one with exponent 0 *)
Lemma approximates_stands_for x X : stands_for x X -> approximates (Approximation x 0) X.
Proof.
intros S. exists X. split; [exact S |]. cbn [exponent]. change (bpow radix2 0) with 1. ring.
Qed.

(* The error of a sum is no less than either term's *)
Lemma add_carried_error_terms x y : double (error x) -> double (error y) -> 0 <= error x -> 0 <= error y ->
  error x <= error (add_carried x y) /\ error y <= error (add_carried x y).
Proof.
intros Dx Dy Px Py. cbn [add_carried error]. set (z := add _ _).
assert (PD : 0 <= rnd (3 * (u * u) * Rabs (hi z))).
{ apply rnd_pos, Rmult_le_pos; [unfold u; lra | apply Rabs_pos]. }
assert (A := rnd_sum_ge_l _ _ Dx Py). assert (B := rnd_sum_ge_r _ _ Dy Px).
assert (C := rnd_sum_ge_l _ _ (double_rnd (error x + error y)) PD).
assert (G := slack_ge _ (double_rnd (rnd (error x + error y) + rnd (3 * (u * u) * Rabs (hi z)))) ltac:(lra)).
lra.
Qed.

(* That of an entry of a table is at least 2^-k *)
Lemma constant_error d k e : in_band d k (constant e) -> (0 <= d <= 900)%Z -> 0 < hi e ->
  bpow radix2 (- k) <= error (constant e).
Proof.
intros (R & N & _) Bd P. destruct N as [Z | N]; [exfalso | exact N].
cbn [constant number error] in *. apply (rnd_not_zero (106 + d)) in Z; trivial; [lia | |].
- assert (G := square_unit_no_less 1 d (hi e) ltac:(lra) R). rewrite Rmult_1_l in G. exact G.
- apply Rmult_integral_contrapositive_currified; [unfold u; lra |]. apply Rabs_no_R0. lra.
Qed.

(* That of a sum that is not 0 *)
Lemma add_carried_error_not_0 x y d : 0 <= error x -> 0 <= error y ->
  within d (hi (number (add_carried x y))) -> hi (number (add_carried x y)) <> 0 -> (d <= 800)%Z ->
  bpow radix2 (- (106 + d)) <= error (add_carried x y).
Proof.
intros Px Py R NZ Hd. assert (N := within_no_less _ _ R).
apply Rle_trans with (2 := add_carried_error_ge x y ltac:(weaker N) Px Py).
destruct R as [? | [L _]]; [contradiction |].
replace (- (106 + d))%Z with (-53 + -53 + - d)%Z by lia. rewrite !bpow_plus, <- u_bpow.
apply Rmult_le_compat_l; [unfold u; lra | exact L].
Qed.

(* The term of an error that comes from the rounding, of a product or quotient v that is not 0 *)
Lemma rounding_term_ge c d v : 1 <= c -> (0 <= d <= 900)%Z -> within d v -> v <> 0 ->
  bpow radix2 (- (106 + d)) <= rnd (c * (u * u) * Rabs (rnd v)).
Proof.
intros C Hd R N. destruct (square_unit_no_less c d (rnd v) C (within_rnd d v ltac:(lia) R)) as [Z | G].
- exfalso. apply Rmult_integral in Z. destruct Z as [Z | Z]; [unfold u in Z; lra |].
  apply Rabs_no_R0 in Z; [exact Z |]. intros Zr. now apply N, (rnd_zero_inv d v ltac:(lia) R).
- rewrite <- (rnd_double (bpow radix2 _)) by (apply double_bpow; lia). now apply rnd_le.
Qed.

(* ------------------------------------------------------------------------------ scaling and normalising *)

Lemma exponent_of_within d h : within d h -> h <> 0 -> (- d <= exponent_of h <= d)%Z.
Proof.
intros [Z | [A B]] N; [contradiction |]. unfold exponent_of.
assert (G := mag_ge_bpow radix2 h (- d + 1)). replace (- d + 1 - 1)%Z with (- d)%Z in G by lia.
specialize (G A). assert (L : (mag radix2 h <= d + 1)%Z); [| lia].
apply mag_le_bpow; [exact N |]. apply Rle_lt_trans with (1 := B), bpow_lt. lia.
Qed.

(* x is off V by (1 + c) error at most. The exponents: of its leading part, its error, and the low part of an
   exact number *)
Definition almost (c : R) (d k l : Z) (x : carried) (V : R) :=
  double_word (number x) /\ double (error x) /\ 0 <= error x /\
  Rabs (V - value (number x)) <= (1 + c) * error x /\
  within d (hi (number x)) /\ no_less k (error x) /\ (error x = 0 -> no_less l (Rabs (lo (number x)))).

Lemma almost_nearly c d k l x V : almost c d k l x V -> c <= little -> nearly_stands_for x V.
Proof.
intros (W & D & P & E & _) C. repeat split; try apply W; trivial. apply Rle_trans with (1 := E).
apply Rmult_le_compat_r; lra.
Qed.

Lemma almost_weaken c d k l c' d' k' l' x V : almost c d k l x V -> c <= c' -> (d <= d')%Z -> (k <= k')%Z ->
  (l <= l')%Z -> almost c' d' k' l' x V.
Proof.
intros (W & D & P & E & R & N & Lo) C Hd Hk Hl. split; [exact W |]. split; [exact D |]. split; [exact P |].
split; [apply Rle_trans with (1 := E), Rmult_le_compat_r; lra |].
split; [now apply within_weaken with d |]. split; [now apply no_less_weaken with k |].
intros Z. now apply no_less_weaken with l, Lo.
Qed.

Lemma stands_for_almost d k x V : stands_for x V -> in_band d k x -> almost 0 d k 800 x V.
Proof. intros (W & D & P & E) (R & N & Lo). repeat split; try apply W; trivial. lra. Qed.

(* Scaling, up or down, may lose the last bits of a low part, which is nothing to the error *)
Lemma scaled_almost c d k l x V j b : almost c d k l x V -> (- b <= j <= b)%Z ->
  (0 <= d)%Z -> (0 <= b)%Z -> (d + b <= 800)%Z -> (k + b <= 985)%Z -> (l + b <= 1020)%Z ->
  almost (c + little * little) (d + b) (k + b) (l + b) (scaled_carried x j) (V * bpow radix2 j) /\
  hi (number (scaled_carried x j)) = hi (number x) * bpow radix2 j.
Proof.
intros (W & D & P & E & R & N & Lo) J Bd Bb B1 B2 B3.
assert (Wk : within b (bpow radix2 j)).
{ right. rewrite Rabs_pos_eq by apply bpow_ge_0. split; apply bpow_le; lia. }
assert (Nk := within_no_less _ _ Wk). assert (Pk := bpow_gt_0 radix2 j).
rewrite Rabs_pos_eq in Nk by lra.
assert (RR := within_mult _ _ _ _ R Wk).
destruct (scaled_pair_correct _ j W (within_weaken d 800 _ ltac:(lia) R)
  (within_weaken (d + b) 900 _ ltac:(lia) RR)) as (W' & H & VV & _).
assert (NE := no_less_mult _ _ _ _ N Nk).
assert (Exact : forall v m, double v -> no_less m (Rabs v) -> (m + b <= 1020)%Z ->
  rnd (v * bpow radix2 j) = v * bpow radix2 j).
{ intros v m Dv Nv Hm. destruct (rnd_scale v j Dv) as [? | [S _]]; [assumption |].
  assert (NV := no_less_mult _ _ _ _ Nv Nk). rewrite Rabs_mult, (Rabs_pos_eq (bpow radix2 j)) in S by lra.
  destruct Nv as [Z | Nv].
  - destruct (Req_dec v 0) as [-> | NZ]; [rewrite Rmult_0_l; apply rnd_0 | now apply Rabs_no_R0 in NZ].
  - exfalso. apply (Rlt_irrefl (bpow radix2 (-1021))). apply Rle_lt_trans with (2 := S).
    apply Rle_trans with (bpow radix2 (- (m + b))); [apply bpow_le; lia |].
    destruct NV as [Z | NV]; [| exact NV]. exfalso. apply Rmult_integral in Z.
    assert (Pm := bpow_gt_0 radix2 (- m)). destruct Z; lra. }
assert (EE : rnd (error x * bpow radix2 j) = error x * bpow radix2 j).
{ apply (Exact _ k); [exact D | now rewrite Rabs_pos_eq | lia]. }
assert (EL : error x = 0 -> lo (scaled_pair (number x) j) = lo (number x) * bpow radix2 j).
{ intros Z. apply (Exact _ l); [apply W | exact (Lo Z) | lia]. }
unfold almost. cbn [scaled_carried number error]. rewrite EE, H.
assert (PE : 0 <= error x * bpow radix2 j) by (apply Rmult_le_pos; lra).
assert (Z0 : error x * bpow radix2 j = 0 -> error x = 0).
{ intros Z. apply Rmult_integral in Z. destruct Z; lra. }
split; [| reflexivity].
split; [exact W' |]. split; [rewrite <- EE; apply double_rnd |]. split; [exact PE |].
split; [| split; [exact RR | split; [exact NE |]]].
- assert (F : Rabs (V * bpow radix2 j - value (number x) * bpow radix2 j) <=
    (1 + c) * (error x * bpow radix2 j)).
  { rewrite <- Rmult_minus_distr_r, Rabs_mult, (Rabs_pos_eq (bpow _ j)), <- Rmult_assoc by lra.
    apply Rmult_le_compat_r; lra. }
  destruct NE as [Z | NE].
  + replace (value (scaled_pair (number x) j)) with (value (number x) * bpow radix2 j)
      by (unfold value; rewrite H, (EL (Z0 Z)); ring).
    rewrite Z in *. lra.
  + assert (T : eta <= little * little * (error x * bpow radix2 j)).
    { apply Rle_trans with (bpow radix2 (-90) * bpow radix2 (- (k + b))).
      - rewrite <- bpow_plus. unfold eta. apply bpow_le. lia.
      - replace (bpow radix2 (-90)) with (little * little) by (unfold little; simpl; lra).
        apply Rmult_le_compat_l; [unfold little; lra | exact NE]. }
    replace (V * bpow radix2 j - value (scaled_pair (number x) j)) with
      ((V * bpow radix2 j - value (number x) * bpow radix2 j)
       - (value (scaled_pair (number x) j) - value (number x) * bpow radix2 j)) by ring.
    inv F; inv VV. apply Rabs_le. lra.
- intros Z. rewrite (EL (Z0 Z)), Rabs_mult, (Rabs_pos_eq (bpow _ j)) by lra.
  apply no_less_mult; [exact (Lo (Z0 Z)) | exact Nk].
Qed.

(* Normalised, leading parts of any size in the band *)
Lemma normalised_almost x X d k : approximates x X -> in_band d k (pair x) ->
  (0 <= d <= 100)%Z -> (k <= 850)%Z ->
  let n := normalised x in
  exists V, almost (little * little) 1 (k + d) (800 + d) (pair n) V /\ X = V * bpow radix2 (exponent n) /\
    (hi (number (pair x)) = 0 /\ n = x \/ 1 <= Rabs (hi (number (pair n))) < 2) /\
    (0 <= hi (number (pair x)) -> 0 <= hi (number (pair n))).
Proof.
intros (V & S & EX) B Bd Bk. assert (A := stands_for_almost _ _ _ _ S B). unfold normalised.
destruct (Req_EM_T (hi (number (pair x))) 0) as [Z | NZ]; cbv zeta; cbn [pair exponent].
{ exists V. split; [| split; [exact EX | split; [now left | trivial]]].
  apply almost_weaken with 0 1%Z k 800%Z; try lia; [| unfold little; lra].
  destruct A as (W & D & P & E & _ & N & L). repeat split; try apply W; trivial. now left. }
assert (M := exponent_of_within d _ (proj1 B) NZ). assert (T := to_exponent_0 _ NZ).
set (m := exponent_of (hi (number (pair x)))) in *.
destruct (scaled_almost 0 d k 800 (pair x) V (- m) d A) as [(W & D & P & E & _ & N & L) H]; try lia.
rewrite Rplus_0_l in E. rewrite <- H in T. exists (V * bpow radix2 (- m)).
split; [| split; [rewrite EX, Rmult_assoc, <- bpow_plus; f_equal; f_equal; lia | split; [now right |]]].
- repeat split; try apply W; trivial. right. change (bpow radix2 (- (1))) with (/ 2).
  change (bpow radix2 1) with 2. lra.
- intros Ph. rewrite H. apply Rmult_le_pos; [exact Ph | apply bpow_ge_0].
Qed.

(* ------------------------------------------------------------------------------ what cancelled *)

Lemma double_word_0 : double_word (Unevaluated 0 0).
Proof. repeat split; cbn [hi lo]; try apply double_0. now rewrite Rplus_0_r, rnd_0. Qed.

(* an exact double *)
Lemma double_word_of_double x : double x -> double_word (Unevaluated x 0).
Proof.
intros D. repeat split; cbn [hi lo]; [exact D | apply double_0 |]. now rewrite Rplus_0_r, rnd_double.
Qed.

Lemma exact_stands_for z : double_word z -> stands_for (Carried z 0) (value z).
Proof.
intros W. split; [exact W |]. split; [apply double_0 |]. cbn [error number].
rewrite Rminus_diag_eq, Rabs_R0 by reflexivity. lra.
Qed.

Lemma unless_tiny_error x : 0 <= error x ->
  let S := rnd (error x + rnd (Rabs (hi (number x)) + bpow radix2 (-200))) in
  no_less 200 S /\ bpow radix2 (-200) <= S /\
  (double (error x) -> (1 - u) * (error x + (1 - u) * Rabs (hi (number x))) <= S).
Proof.
intros P S. set (t := bpow radix2 (-200)) in *. assert (Pt : 0 < t) by apply bpow_gt_0.
set (H := Rabs (hi (number x))) in *. assert (PH : 0 <= H) by apply Rabs_pos.
assert (N0 : no_less 200 (H + t)) by (right; change (- (200))%Z with (-200)%Z; fold t; lra).
assert (G0 := rnd_ge (H + t) ltac:(weaker N0)).
assert (T : t <= rnd (H + t)).
{ rewrite <- (rnd_double t) at 1 by (apply double_bpow; lia). apply rnd_le. lra. }
assert (D0 := double_rnd (H + t)). set (A := rnd (H + t)) in *.
assert (G2 := rnd_sum_ge_r (error x) A D0 P). fold S in G2.
split; [right; change (- (200))%Z with (-200)%Z; fold t; lra |]. split; [lra |].
intros D. assert (G := rnd_ge_sum _ _ D D0 P ltac:(lra)). fold S in G. unfold u in *. lra.
Qed.

(** What unless_tiny returns stands for the same *)
Theorem unless_tiny_correct x X : stands_for x X -> stands_for (unless_tiny x) X.
Proof.
intros S. unfold unless_tiny. destruct (Req_EM_T _ 0) as [Z | NZ]; [exact S |].
destruct (Rle_dec _ _) as [L | L]; [exact S |]. destruct S as (W & D & P & E).
destruct (unless_tiny_error x P) as (N & Q & G). specialize (G D). assert (V := value_le _ W).
set (S := rnd (error x + _)) in *. assert (PH := Rabs_pos (hi (number x))).
split; [exact double_word_0 |]. split; [apply double_rnd |]. cbn [error number].
split; [apply rnd_pos, Rmult_le_pos; [unfold slack; lra | apply (no_less_pos _ _ N)] |].
apply Rle_trans with (error x + (1 + u) * Rabs (hi (number x))).
- replace (X - value (Unevaluated 0 0)) with ((X - value (number x)) + value (number x))
    by (unfold value; cbn [hi lo]; ring).
  eapply Rle_trans; [apply Rabs_triang |]. lra.
- apply slack_covers; [weaker N |]. unfold nearly, u in *. lra.
Qed.

(* It is x itself, or 0 with an error of at least 2^-200 *)
Lemma unless_tiny_cases x : 0 <= error x ->
  unless_tiny x = x /\ (hi (number x) = 0 \/ bpow radix2 (-90) <= Rabs (hi (number x))) \/
  number (unless_tiny x) = Unevaluated 0 0 /\ bpow radix2 (-200) <= error (unless_tiny x) /\
  hi (number x) <> 0 /\ Rabs (hi (number x)) < bpow radix2 (-90).
Proof.
intros P. unfold unless_tiny. destruct (Req_EM_T _ 0) as [Z | NZ]; [left; split; [reflexivity | now left] |].
destruct (Rle_dec _ _) as [L | L]; [left; split; [reflexivity | now right] | right].
destruct (unless_tiny_error x P) as (N & Q & _). cbn [number error].
split; [reflexivity |]. split; [| split; [exact NZ | lra]].
apply Rle_trans with (1 := Q). apply slack_ge; [apply double_rnd | now apply no_less_pos in N].
Qed.

(* Its leading part is no greater, its error no less *)
Lemma unless_tiny_le x : double (error x) -> 0 <= error x ->
  Rabs (hi (number (unless_tiny x))) <= Rabs (hi (number x)) /\ error x <= error (unless_tiny x).
Proof.
intros D P. unfold unless_tiny. destruct (Req_EM_T _ _); [lra |]. destruct (Rle_dec _ _); [lra |].
cbn [error number hi]. rewrite Rabs_R0. split; [apply Rabs_pos |].
assert (PB : 0 <= rnd (Rabs (hi (number x)) + bpow radix2 (-200))).
{ apply rnd_pos, Rplus_le_le_0_compat; [apply Rabs_pos | apply bpow_ge_0]. }
apply Rle_trans with (1 := rnd_sum_ge_l _ _ D PB), slack_ge; [apply double_rnd | apply rnd_pos; lra].
Qed.

(** 0, or not tiny; an error of at least 2^-k remains so for k >= 200 *)
Lemma unless_tiny_band x d k : (90 <= d)%Z -> (200 <= k)%Z -> Rabs (hi (number x)) <= bpow radix2 d ->
  no_less k (error x) ->
  within d (hi (number (unless_tiny x))) /\ no_less k (error (unless_tiny x)) /\
  (hi (number x) <> 0 -> error x = 0 -> error (unless_tiny x) = 0 -> number (unless_tiny x) = number x) /\
  (0 <= hi (number x) -> 0 <= hi (number (unless_tiny x))) /\
  (hi (number x) <> 0 -> hi (number (unless_tiny x)) = 0 -> bpow radix2 (-200) <= error (unless_tiny x)).
Proof.
intros Hd Hk B N. assert (P200 := bpow_gt_0 radix2 (-200)).
destruct (unless_tiny_cases x (no_less_pos _ _ N)) as [[E C] | (E & L & NZ & T)].
- rewrite E. split.
  { destruct C as [Z | L]; [now left | right]. split; [| exact B].
    apply Rle_trans with (2 := L), bpow_le. lia. }
  split; [exact N |]. split; [reflexivity |]. split; [trivial |]. intros NZ Z. contradiction.
- rewrite E. cbn [hi]. split; [now left |].
  split; [right; apply Rle_trans with (2 := L), bpow_le; lia |].
  split; [intros _ _ Z; lra |]. split; [intros; lra |]. trivial.
Qed.

(** The same as a band: if x is exact, its low part must not be too small *)
Lemma unless_tiny_in_band x d k : (90 <= d)%Z -> (200 <= k)%Z -> Rabs (hi (number x)) <= bpow radix2 d ->
  no_less k (error x) -> (error x = 0 -> no_less 800 (Rabs (lo (number x)))) -> in_band d k (unless_tiny x).
Proof.
intros Hd Hk B N Lo. destruct (unless_tiny_band x d k Hd Hk B N) as (A1 & A2 & _).
split; [exact A1 |]. split; [exact A2 |].
destruct (unless_tiny_cases x (no_less_pos _ _ N)) as [[E _] | (E & L & _)].
- rewrite E. exact Lo.
- intros Z. assert (P := bpow_gt_0 radix2 (-200)). lra.
Qed.

(* ------------------------------------------------------------------------------ negated, and sums *)

Lemma value_negated x : value (number (negated x)) = - value (number x).
Proof. unfold value, negated. cbn [number hi lo]. ring. Qed.

Lemma negated_stands_for x X : stands_for x X -> stands_for (negated x) (- X).
Proof.
intros ((Dh & Dl & Eh) & D & P & E). unfold negated, stands_for. cbn [number error].
split; [| split; [exact D | split; [exact P |]]].
- split; [now apply double_opp | split; [now apply double_opp |]]. cbn [hi lo].
  rewrite <- Ropp_plus_distr, rnd_opp. lra.
- change (Unevaluated _ _) with (number (negated x)). rewrite value_negated.
  replace (- X - - value (number x)) with (- (X - value (number x))) by ring. now rewrite Rabs_Ropp.
Qed.

Lemma within_opp d h : within d h -> within d (- h).
Proof. intros [-> | H]; [left; ring | right]. now rewrite Rabs_Ropp. Qed.

Lemma negated_in_band d k x : in_band d k x -> in_band d k (negated x).
Proof.
intros (A & B & C). unfold in_band, negated. cbn [number error hi lo]. rewrite Rabs_Ropp.
split; [now apply within_opp | split; assumption].
Qed.

(* What nearly stands for a number stands for one that is nearly the same *)
Lemma nearly_stands_for_near x X : nearly_stands_for x X ->
  exists Y, stands_for x Y /\ Rabs (X - Y) <= little * error x.
Proof.
intros (W & D & P & E). set (v := value (number x)) in *.
assert (E' : Rabs ((X - v) / (1 + little)) <= error x).
{ unfold Rdiv. rewrite Rabs_mult, Rabs_inv, (Rabs_pos_eq (1 + little)) by (unfold little; lra).
  apply Rmult_le_reg_r with (1 + little); [unfold little; lra |].
  rewrite Rmult_assoc, Rinv_l by (unfold little; lra). lra. }
exists (v + (X - v) / (1 + little)). split.
- repeat split; try apply W; trivial. fold v. now replace (v + (X - v) / (1 + little) - v)
    with ((X - v) / (1 + little)) by ring.
- replace (X - (v + (X - v) / (1 + little))) with (little * ((X - v) / (1 + little)))
    by (field; unfold little; lra).
  rewrite Rabs_mult, (Rabs_pos_eq little) by (unfold little; lra).
  apply Rmult_le_compat_l; [unfold little; lra | exact E'].
Qed.

(* A sum with what is small beside the other *)
Lemma add_carried_small x y : double_word (number x) -> double_word (number y) ->
  Rabs (hi (number y)) <= Rabs (hi (number x)) / 8 ->
  double_word (number (add_carried x y)) /\
  Rabs (value (number (add_carried x y)) - hi (number x)) <= Rabs (hi (number x)) / 4.
Proof.
intros Wx Wy H. assert (L := add_carried_hi_le x y Wx Wy). destruct (add_error _ _ Wx Wy) as [Wz Ez].
cbn [add_carried number] in *. set (z := add (number x) (number y)) in *. split; [exact Wz |].
assert (Lx := low_part_small _ Wx). assert (Vy := value_le _ Wy).
replace (value z - hi (number x)) with ((value z - (value (number x) + value (number y))) +
  (lo (number x) + value (number y))) by (unfold value; ring).
assert (P := Rabs_pos (hi (number x))).
inv Ez; inv Lx; inv Vy. apply Rabs_le. unfold u, little in *. lra.
Qed.

Lemma add_carried_small_band x y d k : double_word (number x) -> double_word (number y) ->
  0 <= error x -> 0 <= error y -> within d (hi (number x)) -> hi (number x) <> 0 ->
  Rabs (hi (number y)) <= Rabs (hi (number x)) / 8 -> (0 <= d <= 700)%Z -> (107 + d <= k)%Z ->
  in_band (d + 1) k (add_carried x y) /\ hi (number (add_carried x y)) <> 0 /\
  Rabs (hi (number (add_carried x y))) <= 5 / 4 * Rabs (hi (number x)) /\
  (0 < hi (number x) -> 0 < hi (number (add_carried x y))).
Proof.
intros Wx Wy Px Py R NZ H D K. destruct (add_carried_small x y Wx Wy H) as [Wz N].
assert (LH := add_carried_hi_le x y Wx Wy).
destruct (near_band d _ _ ltac:(lia) Wz N R) as (B & NZz & Pos). specialize (NZz NZ).
assert (E := add_carried_error_not_0 x y _ Px Py B NZz ltac:(lia)).
assert (PE := bpow_gt_0 radix2 (- (106 + (d + 1)))).
split; [| split; [exact NZz | split; [| exact Pos]]].
- split; [exact B |]. split; [right; apply Rle_trans with (2 := E), bpow_le; lia |]. intros Z. lra.
- assert (P := Rabs_pos (hi (number x))). unfold u in *. lra.
Qed.

(* ------------------------------------------------------------------------------ the functions *)

Lemma abs_square x : Rabs x * Rabs x = x * x.
Proof. rewrite <- Rabs_mult. apply Rabs_pos_eq. apply Rle_0_sqr. Qed.

(* Off t by |t|^3/3 (1 + ...) *)
Lemma odd_function_near sign t : Rabs t <= bpow radix2 (-20) ->
  Rabs (odd_function sign t - t) <= 11 / 32 * (Rabs t * Rabs t * Rabs t).
Proof.
intros H. change (bpow radix2 (-20)) with (/ 1048576) in H. assert (P := Rabs_pos t).
assert (B := odd_rest_bound sign 1 t ltac:(lra)). cbn [odd_sum] in B. simpl in B.
replace (0 + 1 * (t * 1) / 1) with t in B by field. apply Rle_trans with (1 := B).
replace (Rabs t * (Rabs t * (Rabs t * 1))) with (Rabs t * Rabs t * Rabs t) by ring.
rewrite (Rmult_comm (11 / 32)). apply Rmult_le_compat_l; [repeat apply Rmult_le_pos; lra |].
replace (11 / 32) with (/ (32 / 11)) by field.
assert (S : t * t <= / 1048576) by (rewrite <- abs_square; nra).
apply Rinv_le_contravar; lra.
Qed.

Lemma odd_function_changes sign t t' : Rabs t <= bpow radix2 (-8) -> Rabs t' <= bpow radix2 (-8) ->
  Rabs (odd_function sign t - odd_function sign t') <= 2 * Rabs (t - t').
Proof.
change (bpow radix2 (-8)) with (/ 256). intros H H'.
assert (B := odd_rest_changes sign 0 (/ 256) t t' ltac:(lra) H H'). cbn [odd_sum] in B.
rewrite !Rminus_0_r in B. apply Rle_trans with (1 := B). simpl.
apply Rmult_le_compat_r; [apply Rabs_pos | lra].
Qed.

(* ------------------------------------------------------------------------------ first_term *)

Lemma cube_of_sum a b : 0 <= a -> 0 <= b -> (a + b) * (a + b) * (a + b) <= 4 * (a * a * a + b * b * b).
Proof.
intros A B. assert (Q := Rmult_le_pos _ _ (Rplus_le_le_0_compat _ _ A B) (Rle_0_sqr (a - b))).
unfold Rsqr in Q.
replace (4 * (a * a * a + b * b * b)) with
  ((a + b) * (a + b) * (a + b) + 3 * ((a + b) * ((a - b) * (a - b)))) by ring.
set (q := (a + b) * ((a - b) * (a - b))) in *. set (c := (a + b) * (a + b) * (a + b)). lra.
Qed.

(* The sum of an error e and a small part of h *)
Lemma error_and_part m d k e h : 0 <= e -> double e -> within d h -> no_less k e ->
  (m <= 0)%Z -> (0 <= d <= 800)%Z -> (k <= 1000)%Z -> (d - m <= k)%Z ->
  let S := rnd (e + rnd (bpow radix2 m * Rabs h)) in
  no_less k S /\ (1 - u) * (e + (1 - u) * (bpow radix2 m * Rabs h)) <= S.
Proof.
intros P D R N Hm Hd Hk HK S.
assert (Nm : no_less (- m) (bpow radix2 m)) by (right; rewrite Z.opp_involutive; lra).
assert (NA0 := no_less_mult _ _ _ _ Nm (within_no_less _ _ R)).
assert (G0 := rnd_ge _ ltac:(weaker NA0)).
assert (NA := no_less_rnd (- m + d) _ ltac:(lia) NA0).
assert (DA := double_rnd (bpow radix2 m * Rabs h)).
set (A := rnd (_ * _)) in *. assert (G := rnd_ge_sum _ _ D DA P (no_less_pos _ _ NA)). fold S in G.
split.
- apply no_less_rnd; [lia |]. apply no_less_plus; [exact N | weaker NA].
- unfold u in *. lra.
Qed.

Lemma first_term_in_band d k t : double_word (number t) -> 0 <= error t -> double (error t) ->
  within d (hi (number t)) -> no_less k (error t) -> (0 <= d <= 800)%Z -> (k <= 1000)%Z -> (90 + d <= k)%Z ->
  in_band d k (first_term t).
Proof.
intros W P D R N Hd Hk HK.
destruct (error_and_part (-90) d k _ _ P D R N ltac:(lia) Hd Hk ltac:(lia)) as [NS G].
unfold in_band, first_term. cbn [number error]. set (S := rnd (error t + _)) in *.
split; [exact R |]. split; [now apply no_less_slack |]. intros Z. left.
assert (GS := slack_ge S (double_rnd _) (no_less_pos _ _ NS)). rewrite Z in GS.
assert (PH := Rabs_pos (hi (number t))). assert (P90 := bpow_gt_0 radix2 (-90)).
assert (PP := Rmult_le_pos _ _ (Rlt_le _ _ P90) PH).
assert (Zh : Rabs (hi (number t)) = 0).
{ apply Rmult_eq_reg_l with (bpow radix2 (-90)); [unfold u in G; lra | lra]. }
rewrite (low_part_zero _ W); [apply Rabs_R0 |].
destruct (Req_dec (hi (number t)) 0) as [? | NZ]; [assumption | now apply Rabs_no_R0 in NZ].
Qed.

(** t stands for atanh or atan of itself, in units of a, when a |t| is tiny *)
Lemma first_term_correct t V a sign : nearly_stands_for t V -> within 100 (hi (number t)) ->
  no_less 480 (error t) -> 0 < a -> a * Rabs (hi (number t)) <= bpow radix2 (-46) ->
  a * error t <= bpow radix2 (-22) ->
  stands_for (first_term t) (odd_function sign (V * a) / a).
Proof.
intros (W & D & P & E) R N Pa Ha Ea.
destruct (error_and_part (-90) 100 480 _ _ P D R N ltac:(lia) ltac:(lia) ltac:(lia) ltac:(lia)) as [NS G].
split; [exact W |]. split; [apply double_rnd |]. unfold first_term. cbn [number error].
set (S := rnd (error t + _)) in *.
split; [apply rnd_pos, Rmult_le_pos; [unfold slack; lra | apply (no_less_pos _ _ NS)] |].
assert (PH := Rabs_pos (hi (number t))). assert (Vt := value_le _ W).
set (H := Rabs (hi (number t))) in *. set (e := error t) in *. set (v := value (number t)) in *.
assert (M : Rabs V <= (1 + u) * H + (1 + little) * e).
{ replace V with (v + (V - v)) by ring. eapply Rle_trans; [apply Rabs_triang |]. lra. }
assert (PV := Rabs_pos V).
assert (AV : Rabs (V * a) = a * Rabs V) by (rewrite Rabs_mult, (Rabs_pos_eq a) by lra; ring).
assert (aH : 0 <= a * H) by (apply Rmult_le_pos; lra). assert (ae : 0 <= a * e) by (apply Rmult_le_pos; lra).
assert (MV := Rmult_le_compat_l _ _ _ (Rlt_le _ _ Pa) M).
replace (a * ((1 + u) * H + (1 + little) * e)) with ((1 + u) * (a * H) + (1 + little) * (a * e)) in MV
  by ring.
change (bpow radix2 (-46)) with (/ 70368744177664) in Ha. change (bpow radix2 (-22)) with (/ 4194304) in Ea.
assert (NF := odd_function_near sign (V * a)). change (bpow radix2 (-20)) with (/ 1048576) in NF.
rewrite AV in NF. specialize (NF ltac:(unfold u, little in *; lra)).
apply Rle_trans with ((1 + little) * e + (bpow radix2 (-91) * H + / 8796093022208 * e)).
2: { apply slack_covers; [weaker NS |]. change (bpow radix2 (-90)) with (/ 1237940039285380274899124224) in G.
     change (bpow radix2 (-91)) with (/ 2475880078570760549798248448). unfold nearly, u, little in *. lra. }
replace (odd_function sign (V * a) / a - v) with ((V - v) + (odd_function sign (V * a) - V * a) / a)
  by (field; lra).
eapply Rle_trans; [apply Rabs_triang |]. apply Rplus_le_compat; [exact E |].
unfold Rdiv. rewrite Rabs_mult, Rabs_inv, (Rabs_pos_eq a) by lra.
apply Rmult_le_reg_r with (1 := Pa). rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra.
apply Rle_trans with (1 := NF).
(* in units of a: x = a H <= 2^-46, y = a e <= 2^-22 *)
replace ((bpow radix2 (-91) * H + / 8796093022208 * e) * a) with
  (bpow radix2 (-91) * (a * H) + / 8796093022208 * (a * e)) by ring.
set (x := a * H) in *. set (y := a * e) in *. set (m := a * Rabs V) in *.
assert (Pm : 0 <= m) by (apply Rmult_le_pos; lra).
assert (C := cube_of_sum ((1 + u) * x) ((1 + little) * y) ltac:(unfold u; lra) ltac:(unfold little; lra)).
set (X := (1 + u) * x) in *. set (Y := (1 + little) * y) in *.
assert (PX : 0 <= X) by (unfold X, u; lra). assert (PY : 0 <= Y) by (unfold Y, little; lra).
assert (CM : m * m * m <= (X + Y) * (X + Y) * (X + Y)).
{ repeat apply Rmult_le_compat; try lra. apply Rmult_le_pos; lra. }
assert (CX : X * X * X <= 257 / 256 * / 4951760157141521099596496896 * x).
{ assert (Q : X * X <= (/ 70368744177664 * (1 + u)) * (/ 70368744177664 * (1 + u))).
  { apply Rmult_le_compat; try assumption; unfold X, u in *; lra. }
  apply Rle_trans with ((/ 70368744177664 * (1 + u)) * (/ 70368744177664 * (1 + u)) * X).
  - now apply Rmult_le_compat_r.
  - unfold X, u in *. lra. }
assert (CY : Y * Y * Y <= 257 / 256 * / 17592186044416 * y).
{ assert (Q : Y * Y <= (/ 4194304 * (1 + little)) * (/ 4194304 * (1 + little))).
  { apply Rmult_le_compat; try assumption; unfold Y, little in *; lra. }
  apply Rle_trans with ((/ 4194304 * (1 + little)) * (/ 4194304 * (1 + little)) * Y).
  - now apply Rmult_le_compat_r.
  - unfold Y, little in *. lra. }
change (bpow radix2 (-91)) with (/ 2475880078570760549798248448). lra.
Qed.

(* ------------------------------------------------------------------------------ the innermost sum *)

Definition innermost_exact (z : R) := z * (1 / 7 + z * (1 / 9 + z * (1 / 11))).
Definition innermost (h : R) :=
  rnd (h * rnd (rnd (1 / 7) + rnd (h * rnd (rnd (1 / 9) + rnd (h * rnd (1 / 11)))))).

(* 1/7 is nearer to a double than others *)
Lemma rnd_seventh : Rabs (rnd (1 / 7) - 1 / 7) <= u / 14.
Proof.
set (d := IZR 5146971002709138 * bpow radix2 (-55)).
assert (D : double d) by (apply (double_mult_exponent 5146971002709138 (-55)); [lia | lia | reflexivity]).
apply Rle_trans with (1 := rnd_nearest d (1 / 7) D). unfold d.
change (bpow radix2 (-55)) with (/ 36028797018963968).
apply Rabs_le. unfold u. lra.
Qed.

Lemma rnd_ratio x : / 16 <= x -> Rabs (rnd x - x) <= u * x.
Proof.
intros H. rewrite <- (Rabs_pos_eq x) at 3 by lra. apply rnd_error_normal. rewrite Rabs_pos_eq by lra.
apply Rle_trans with (bpow radix2 (-4)); [apply bpow_le; lia | simpl; lra].
Qed.

Lemma rnd_product h c : bpow radix2 (-100) <= Rabs h -> / 16 <= Rabs c ->
  Rabs (rnd (h * c) - h * c) <= u * (Rabs h * Rabs c).
Proof.
intros H C. rewrite <- Rabs_mult. apply rnd_error_normal. rewrite Rabs_mult.
apply Rle_trans with (bpow radix2 (-100) * bpow radix2 (-4)); [rewrite <- bpow_plus; apply bpow_le; lia |].
apply Rmult_le_compat; try apply bpow_ge_0; [exact H | simpl; lra].
Qed.

(** Off by 3.6 u of itself, if the argument is off by u *)
Lemma innermost_error h Z : bpow radix2 (-100) <= Rabs h -> Rabs h <= bpow radix2 (-16) ->
  Rabs (Z - h) <= u * Rabs h ->
  Rabs (innermost_exact Z - innermost h) <= 18 / 5 * u * Rabs (innermost h) /\
  Rabs h / 8 <= Rabs (innermost h) <= Rabs h / 6.
Proof.
intros L B E. change (bpow radix2 (-16)) with (/ 65536) in B. unfold innermost. assert (PH := Rabs_pos h).
assert (C11 := rnd_ratio (1 / 11) ltac:(lra)). assert (C9 := rnd_ratio (1 / 9) ltac:(lra)).
assert (C7 := rnd_seventh). set (c11 := rnd (1 / 11)) in *.
assert (D9 := double_rnd (1 / 9)). set (c9 := rnd (1 / 9)) in *.
assert (D7 := double_rnd (1 / 7)). set (c7 := rnd (1 / 7)) in *.
assert (Pc11 : / 16 <= Rabs c11 <= 1 / 10).
{ inv C11. rewrite Rabs_pos_eq; unfold u in *; lra. }
assert (G1 := rnd_product h c11 L (proj1 Pc11)).
assert (M1 : Rabs h * Rabs c11 <= Rabs h * (1 / 10)) by (apply Rmult_le_compat_l; lra).
assert (N1 := mult_abs_le _ _ _ _ (Rle_refl (Rabs h)) C11).
assert (Dg1 := double_rnd (h * c11)). set (g1 := rnd (h * c11)) in *.
assert (A1 : Rabs (g1 - h * (1 / 11)) <= u * Rabs h / 5).
{ replace (g1 - h * (1 / 11)) with ((g1 - h * c11) + h * (c11 - 1 / 11)) by ring.
  eapply Rle_trans; [apply Rabs_triang |]. unfold u in *. lra. }
assert (K1 : Rabs (h * (1 / 11)) <= Rabs h / 11) by (rewrite Rabs_mult, (Rabs_pos_eq (1 / 11)) by lra; lra).
assert (R9 : Rabs (c9 + g1) <= / 8) by (inv C9; inv A1; inv K1; apply Rabs_le; unfold u in *; lra).
assert (S9 := rnd_error_sum_le _ _ _ D9 Dg1 R9). set (s9 := rnd (c9 + g1)) in *.
assert (A9 : Rabs (s9 - (1 / 9 + h * (1 / 11))) <= u / 4).
{ inv S9; inv C9; inv A1. apply Rabs_le. unfold u in *. lra. }
assert (Ps9 : / 16 <= Rabs s9 <= / 8).
{ inv A9; inv K1. rewrite Rabs_pos_eq; unfold u in *; lra. }
assert (G2 := rnd_product h s9 L (proj1 Ps9)).
assert (M2 : Rabs h * Rabs s9 <= Rabs h * / 8) by (apply Rmult_le_compat_l; lra).
assert (N2 := mult_abs_le _ _ _ _ (Rle_refl (Rabs h)) A9).
assert (Dg2 := double_rnd (h * s9)). set (g2 := rnd (h * s9)) in *.
set (y := 1 / 9 + h * (1 / 11)) in *.
assert (Y : Rabs y <= / 8) by (unfold y; inv K1; apply Rabs_le; lra).
assert (K2 := mult_abs_le _ _ _ _ (Rle_refl (Rabs h)) Y).
assert (A2 : Rabs (g2 - h * y) <= u * Rabs h / 2).
{ replace (g2 - h * y) with ((g2 - h * s9) + h * (s9 - y)) by ring.
  eapply Rle_trans; [apply Rabs_triang |]. unfold u in *. lra. }
assert (R7 : Rabs (c7 + g2) <= 1 / 7 + / 131072).
{ inv C7; inv A2; inv K2. apply Rabs_le. unfold u in *. lra. }
assert (S7 := rnd_error_sum_le _ _ _ D7 Dg2 R7). set (s7 := rnd (c7 + g2)) in *.
assert (A7 : Rabs (s7 - (1 / 7 + h * y)) <= u * (3 / 14 + / 32768)).
{ inv S7; inv C7; inv A2. apply Rabs_le. unfold u in *. lra. }
assert (Ps7 : 1 / 7 - / 65536 <= s7 <= 1 / 7 + / 65536).
{ inv A7; inv K2. unfold u in *. lra. }
assert (Qs7 : / 16 <= Rabs s7) by (rewrite Rabs_pos_eq; lra).
assert (G3 := rnd_product h s7 L Qs7). rewrite (Rabs_pos_eq s7) in G3 by lra.
assert (M3 : Rabs h * s7 <= Rabs h * (1 / 7 + / 65536)) by (apply Rmult_le_compat_l; lra).
assert (M4 : Rabs h * (1 / 7 - / 65536) <= Rabs h * s7) by (apply Rmult_le_compat_l; lra).
assert (N3 := mult_abs_le _ _ _ _ (Rle_refl (Rabs h)) A7).
assert (I : Rabs (h * s7) = Rabs h * s7) by (rewrite Rabs_mult, (Rabs_pos_eq s7) by lra; reflexivity).
set (r := rnd (h * s7)) in *.
assert (Br : Rabs h * (1 / 7 - / 32768) <= Rabs r <= Rabs h * (1 / 7 + / 32768)).
{ assert (T1 := Rabs_triang r (- (r - h * s7))). assert (T2 := Rabs_triang (r - h * s7) (h * s7)).
  replace (r + - (r - h * s7)) with (h * s7) in T1 by ring.
  replace (r - h * s7 + h * s7) with r in T2 by ring.
  rewrite Rabs_Ropp in T1. unfold u in *. lra. }
assert (W : Rabs (innermost_exact Z - h * (1 / 7 + h * y)) <= u * Rabs h * (1 / 7 + / 65536)).
{ unfold innermost_exact, y.
  replace (Z * (1 / 7 + Z * (1 / 9 + Z * (1 / 11))) - h * (1 / 7 + h * (1 / 9 + h * (1 / 11)))) with
    ((Z - h) * (1 / 7 + ((Z + h) * (1 / 9) + (Z * Z + Z * h + h * h) * (1 / 11)))) by ring.
  apply mult_abs_le; [exact E |].
  assert (BZ : Rabs Z <= / 65535).
  { replace Z with (h + (Z - h)) by ring. eapply Rle_trans; [apply Rabs_triang |]. unfold u in *. lra. }
  assert (Q1 := mult_abs_le _ _ _ _ BZ BZ). assert (Q2 := mult_abs_le _ _ _ _ BZ B).
  assert (Q3 := mult_abs_le _ _ _ _ B B). inv BZ; inv B; inv Q1; inv Q2; inv Q3. apply Rabs_le. lra. }
split; [| lra].
replace (innermost_exact Z - r) with ((innermost_exact Z - h * (1 / 7 + h * y)) - (r - h * s7)
  - h * (s7 - (1 / 7 + h * y))) by ring.
inv W; inv N3; inv G3. apply Rabs_le. unfold u in *. lra.
Qed.

(* ------------------------------------------------------------------------------ the series *)

Lemma odd_sum_6 sign T : let Z := unit_of sign * (T * T) in
  odd_sum sign 6 T = T + T * (Z * (1 / 3 + Z * (1 / 5 + innermost_exact Z))).
Proof.
intros Z. unfold Z, innermost_exact. cbn [odd_sum]. generalize (unit_of sign). intros s.
repeat match goal with |- context [INR ?n] =>
  replace (INR n) with (IZR (Z.of_nat n)) by (rewrite INR_IZR_INZ; reflexivity) end.
cbn [Nat.mul Nat.add Z.of_nat Pos.of_succ_nat Pos.succ pow]. field.
Qed.

Lemma unit_of_abs sign x : Rabs (unit_of sign * x) = Rabs x.
Proof.
unfold unit_of. destruct (sign <? 0)%Z; rewrite Rabs_mult.
- rewrite Rabs_left by lra. ring.
- rewrite Rabs_R1. ring.
Qed.

Lemma pow_abs_le x b n : Rabs x <= b -> Rabs x ^ n <= b ^ n.
Proof. intros H. apply pow_incr. split; [apply Rabs_pos | exact H]. Qed.

(** With z for +-T^2 in the innermost part, the six terms are off by less than 2^-111 a + 2^-47 e, when T is
  off p by e, and z off +-p^2 by 2^-102 a^2 *)
Lemma series_distance sign T p a e z : 0 <= a -> Rabs p <= (1 + u) * a -> a <= series_limit ->
  0 <= e <= bpow radix2 (-22) -> Rabs (T - p) <= e ->
  Rabs (unit_of sign * (p * p) - z) <= bpow radix2 (-102) * (a * a) ->
  let Z := unit_of sign * (T * T) in
  Rabs (odd_function sign T - (T + T * (Z * (1 / 3 + Z * (1 / 5 + innermost_exact z))))) <=
    3 / 4 * bpow radix2 (-111) * a + bpow radix2 (-47) * e.
Proof.
intros Pa Hp Ha [Pe He] HT Hz Z. unfold series_limit in Ha.
change (bpow radix2 (-9)) with (/ 512) in Ha. change (bpow radix2 (-20)) with (/ 1048576) in Ha.
change (bpow radix2 (-22)) with (/ 4194304) in He.
change (bpow radix2 (-102)) with (/ 5070602400912917605986812821504) in Hz.
change (bpow radix2 (-111)) with (/ 2596148429267413814265248164610048).
change (bpow radix2 (-47)) with (/ 140737488355328).
assert (Bp : Rabs p <= / 512 * (1 + / 524288)) by (unfold u in *; lra).
assert (BT : Rabs T <= / 256).
{ replace T with (p + (T - p)) by ring. eapply Rle_trans; [apply Rabs_triang |]. lra. }
assert (Bp2 : Rabs p <= / 256) by lra.
(* what the series leaves out *)
assert (Pp := Rabs_pos p).
assert (Rp : Rabs (odd_function sign p - odd_sum sign 6 p) <=
  7 / 10 * / 2596148429267413814265248164610048 * a).
{ assert (B := odd_rest_bound sign 6 p ltac:(lra)). apply Rle_trans with (1 := B).
  replace (INR (2 * 6 + 1)) with 13 by (rewrite INR_IZR_INZ; reflexivity).
  assert (Q : p * p <= / 65536).
  { rewrite <- abs_square. assert (M := mult_abs_le p p _ _ Bp2 Bp2). rewrite Rabs_mult in M. lra. }
  apply Rle_trans with (Rabs p ^ (2 * 6 + 1) * / 12.9).
  - apply Rmult_le_compat_l; [apply pow_le; exact Pp | apply Rinv_le_contravar; lra].
  - change (Rabs p ^ (2 * 6 + 1)) with (Rabs p * Rabs p ^ 12).
    assert (C := pow_abs_le p _ 12 Bp).
    assert (K : (/ 512 * (1 + / 524288)) ^ 12 <= 1001 / 1000 * / 324518553658426726783156020576256)
      by (simpl; lra).
    assert (Pq : 0 <= Rabs p ^ 12) by (apply pow_le; exact Pp). set (q := Rabs p ^ 12) in *.
    apply Rle_trans with ((1 + u) * a * (1001 / 1000 * / 324518553658426726783156020576256) * / 12.9).
    + apply Rmult_le_compat_r; [lra |]. apply Rmult_le_compat; lra.
    + unfold u in *. lra. }
assert (RT := odd_rest_changes sign 6 (/ 256) T p ltac:(lra) BT Bp2).
assert (RT' : (/ 256) ^ (2 * 6) / (1 - / 256 * / 256) * Rabs (T - p) <= / 1000000000000000000000 * e).
{ apply Rmult_le_compat; [| apply Rabs_pos | | exact HT]; simpl; lra. }
(* the change of the innermost part *)
assert (IN : Rabs (T * (Z * Z) * (innermost_exact Z - innermost_exact z)) <=
  / 300000000000000 * e + / 1000000000000000000000000000000000000000 * a).
{ assert (M2 := mult_abs_le _ _ _ _ BT BT). assert (Mp := mult_abs_le _ _ _ _ Bp2 Bp2).
  rewrite <- (unit_of_abs sign) in M2, Mp. fold Z in M2.
  assert (M5 := mult_abs_le _ _ _ _ BT (mult_abs_le _ _ _ _ M2 M2)).
  assert (QA : a * a <= / 511 * a) by (apply Rmult_le_compat_r; lra).
  assert (Bz : Rabs z <= / 65000).
  { set (s := unit_of sign * (p * p)) in *. inv Mp; inv Hz. apply Rabs_le. lra. }
  assert (DZ : Rabs (Z - z) <= / 64 * e + / 5070602400912917605986812821504 * (/ 511 * a)).
  { replace (Z - z) with (unit_of sign * ((T - p) * (T + p)) + (unit_of sign * (p * p) - z))
      by (unfold Z; ring).
    eapply Rle_trans; [apply Rabs_triang |]. apply Rplus_le_compat.
    - rewrite unit_of_abs, Rmult_comm. apply Rle_trans with (/ 128 * e); [| lra].
      rewrite (Rmult_comm (/ 128)), (Rmult_comm (T + p)). apply mult_abs_le; [exact HT |].
      eapply Rle_trans; [apply Rabs_triang |]. lra.
    - apply Rle_trans with (1 := Hz). lra. }
  assert (DW : Rabs (innermost_exact Z - innermost_exact z) <=
    (/ 64 * e + / 5070602400912917605986812821504 * (/ 511 * a)) * / 6).
  { unfold innermost_exact.
    replace (Z * (1 / 7 + Z * (1 / 9 + Z * (1 / 11))) - z * (1 / 7 + z * (1 / 9 + z * (1 / 11)))) with
      ((Z - z) * (1 / 7 + ((Z + z) * (1 / 9) + (Z * Z + Z * z + z * z) * (1 / 11)))) by ring.
    apply mult_abs_le; [exact DZ |].
    assert (Q1 := mult_abs_le _ _ _ _ M2 M2). assert (Q2 := mult_abs_le _ _ _ _ M2 Bz).
    assert (Q3 := mult_abs_le _ _ _ _ Bz Bz). inv M2; inv Bz; inv Q1; inv Q2; inv Q3. apply Rabs_le. lra. }
  assert (F := mult_abs_le _ _ _ _ M5 DW). apply Rle_trans with (1 := F). lra. }
replace (odd_function sign T - (T + T * (Z * (1 / 3 + Z * (1 / 5 + innermost_exact z))))) with
  ((odd_function sign T - odd_sum sign 6 T - (odd_function sign p - odd_sum sign 6 p))
   + (odd_function sign p - odd_sum sign 6 p) + T * (Z * Z) * (innermost_exact Z - innermost_exact z)).
2: { rewrite (odd_sum_6 sign T). fold Z. ring. }
assert (RTT := Rle_trans _ _ _ RT RT'). inv RTT; inv Rp; inv IN. apply Rabs_le. lra.
Qed.

(* ------------------------------------------------------------------------------ quotients and products *)

(* The leading part of a quotient *)
Lemma divide_hi_le two_product x y a b : product_exact two_product -> double_word x -> double_word y ->
  within 100 (hi x) -> within 100 (hi y) -> Rabs (hi x) <= a -> 0 < b <= Rabs (hi y) ->
  Rabs (hi (divide two_product x y)) <= (1 + 8 * u) * (a / b).
Proof.
intros TP Wx Wy Rx Ry Ha [Pb Hb]. assert (NZ : hi y <> 0) by (intros Z; rewrite Z, Rabs_R0 in Hb; lra).
destruct (divide_error two_product x y TP Wx Wy Rx Ry NZ) as [Wz Ez].
set (z := divide two_product x y) in *.
assert (LV := rnd_within_le 200 _ ltac:(lia) (within_div _ _ _ _ Rx Ry NZ)).
assert (Vx := value_le _ Wx). assert (Vy := value_ge _ Wy). assert (Vz := value_ge _ Wz).
assert (Py : 0 < (1 - u) * b) by (apply Rmult_lt_0_compat; [unfold u |]; lra).
assert (Vb : (1 - u) * b <= Rabs (value y)).
{ apply Rle_trans with (2 := Vy). apply Rmult_le_compat_l; [unfold u; lra | exact Hb]. }
assert (Q : forall c d m, Rabs c <= m * a -> (1 - u) * b <= Rabs d -> Rabs (c / d) <= m * a / ((1 - u) * b)).
{ intros c d m Hc Hd. unfold Rdiv. rewrite Rabs_mult, Rabs_inv.
  apply Rmult_le_compat; [apply Rabs_pos | apply Rlt_le, Rinv_0_lt_compat; lra | exact Hc |].
  now apply Rinv_le. }
assert (QV := Q (hi x) (hi y) 1 ltac:(lra) ltac:(unfold u in *; lra)).
assert (QW := Q (value x) (value y) (1 + u) ltac:(unfold u in *; lra) Vb). clear Q.
assert (Pa : 0 <= a) by (apply Rle_trans with (2 := Ha), Rabs_pos).
assert (Pq : 0 <= a / b) by (apply Rmult_le_pos; [exact Pa | apply Rlt_le, Rinv_0_lt_compat, Pb]).
replace (1 * a / ((1 - u) * b)) with (a / b * / (1 - u)) in QV by (field; unfold u; lra).
replace ((1 + u) * a / ((1 - u) * b)) with (a / b * ((1 + u) / (1 - u))) in QW
  by (field; unfold u; lra).
set (q := a / b) in *.
assert (T : Rabs (value z) <= (1 + 4 * u) * q).
{ replace (value z) with (value x / value y + (value z - value x / value y)) by ring.
  eapply Rle_trans; [apply Rabs_triang |]. unfold u, little in *. lra. }
unfold u in *. lra.
Qed.

(* The band of a quotient, whatever the low parts are *)
Lemma divide_carried_band_any two_product x y dx dy kx k : product_exact two_product ->
  double_word (number x) -> double_word (number y) -> double (error x) -> 0 <= error y ->
  within dx (hi (number x)) -> within dy (hi (number y)) -> no_less kx (error x) -> hi (number y) <> 0 ->
  (0 <= dx <= 100)%Z -> (0 <= dy <= 100)%Z -> (106 + dx + dy <= k <= 1000)%Z -> (dy + kx <= k)%Z ->
  in_band (dx + dy + 1) k (divide_carried two_product x y).
Proof.
intros TP Wx Wy Dx Py Rx Ry Nx Zy Bx By Bk K.
assert (D1 : double 1) by (change 1 with (bpow radix2 0); apply double_bpow; lia).
assert (B : forall d z, within d (hi z) -> in_band d 0 (Carried z 1)).
{ intros d z R. split; [exact R |]. split; [right; simpl; lra | cbn [error]; lra]. }
destruct (Req_dec (hi (number x)) 0) as [Zx | Zx].
{ (* the divisor's error does not matter *)
  assert (Zq : rnd (hi (number x) / hi (number y)) = 0) by (unfold Rdiv; rewrite Zx, Rmult_0_l; apply rnd_0).
  replace (divide_carried two_product x y) with (divide_carried two_product x (Carried (number y) 1)).
  - apply (divide_carried_band two_product x (Carried (number y) 1) dx dy kx 0 k TP Wx Wy Dx D1); auto;
      try lia.
    split; [exact Rx |]. split; [exact Nx |]. intros _. left. rewrite (low_part_zero _ Wx Zx). apply Rabs_R0.
  - unfold divide_carried. cbn [number error]. now rewrite Zq, Rabs_R0, !Rmult_0_l. }
destruct (divide_carried_band two_product (Carried (number x) 1) (Carried (number y) 1) dx dy 0 0 k
  TP Wx Wy D1 D1 (B _ _ Rx) (B _ _ Ry) Zy Bx By ltac:(lia) Bk (or_introl Zx)) as ((R & _) & _).
split; [exact R |]. clear R B.
assert (ND := rounding_term_ge 15 (dx + dy) _ ltac:(lra) ltac:(lia) (within_div _ _ _ _ Rx Ry Zy)
  (Rmult_integral_contrapositive_currified _ _ Zx (Rinv_neq_0_compat _ Zy))).
assert (PD := bpow_gt_0 radix2 (- (106 + (dx + dy)))).
unfold divide_carried. cbv zeta. cbn [error number]. fold (Rdiv (hi (number x)) (hi (number y))) in ND.
set (q := rnd (hi (number x) / hi (number y))) in *. set (D0 := 15 * (u * u) * Rabs q) in *.
match goal with |- context [rnd (?m + rnd D0)] => set (M := m) end.
assert (PM : 0 <= M).
{ apply rnd_pos, Rmult_le_pos; apply rnd_pos; [apply Rmult_le_pos; [lra | apply Rabs_pos] |].
  apply Rplus_le_le_0_compat; [now apply no_less_pos in Nx |]. apply rnd_pos.
  apply Rmult_le_pos; [apply Rabs_pos | lra]. }
assert (SD : rnd D0 <= rnd (M + rnd D0)) by (apply rnd_sum_ge_r; [apply double_rnd | exact PM]).
assert (G := slack_ge _ (double_rnd (M + rnd D0)) ltac:(lra)).
split; [| intros Z; lra]. right. apply Rle_trans with (bpow radix2 (- (106 + (dx + dy)))); [| lra].
apply bpow_le. lia.
Qed.

(* Products with a double: how large the error is at least *)
Lemma multiple_error two_product x y d e k K : product_exact two_product -> double_word (number x) ->
  double y -> within d (hi (number x)) -> within e y -> no_less k (error x) ->
  (0 <= d <= 100)%Z -> (0 <= e <= 100)%Z -> (106 + d + e <= K <= 900)%Z -> (e + k <= K)%Z ->
  no_less K (error (multiply_carried_by_double two_product x y)) /\
  (hi (number x) <> 0 -> y <> 0 ->
   bpow radix2 (- (106 + (d + e))) <= error (multiply_carried_by_double two_product x y)).
Proof.
intros TP Wx Dy Rx Ry N Bd Be BK HK. unfold multiply_carried_by_double. cbv zeta. cbn [error].
rewrite (product_hi _ _ _ TP (proj1 Wx) Dy (within_weaken d 100 _ ltac:(lia) Rx)
  (within_weaken e 100 _ ltac:(lia) Ry)).
assert (RV := within_mult _ _ _ _ Rx Ry). assert (RP := within_rnd (d + e) _ ltac:(lia) RV).
assert (ND := square_unit_no_less 3 _ _ ltac:(lra) RP). set (D0 := 3 * (u * u) * Rabs _) in *.
assert (NA := no_less_rnd (e + k) _ ltac:(lia) (no_less_mult _ _ _ _ (within_no_less _ _ Ry) N)). split.
- apply no_less_slack; [lia |]. apply no_less_rnd; [lia |].
  apply no_less_plus; [weaker NA | apply no_less_rnd; [lia | weaker ND]].
- intros Nx Ny. assert (G := rounding_term_ge 3 (d + e) _ ltac:(lra) ltac:(lia) RV
    (Rmult_integral_contrapositive_currified _ _ Nx Ny)). fold D0 in G.
  assert (A1 := rnd_sum_ge_r _ _ (double_rnd D0) (no_less_pos _ _ NA)).
  assert (PD := bpow_gt_0 radix2 (- (106 + (d + e)))).
  assert (A2 := slack_ge _ (double_rnd (rnd (Rabs y * error x) + rnd D0)) ltac:(lra)). lra.
Qed.

(* ... and how near they are to the leading parts' *)
Lemma multiple_near two_product x f : product_exact two_product -> double_word x -> double f ->
  within 100 (hi x) -> within 100 f ->
  Rabs (value (multiply_by_double two_product x f) - hi x * f) <= 2 * u * Rabs (hi x * f).
Proof.
intros TP W D R Rf. destruct (multiply_by_double_error two_product x f TP W D R Rf) as [_ E].
set (z := multiply_by_double two_product x f) in *.
assert (G := rnd_within_le 200 _ ltac:(lia) (within_mult _ _ _ _ R Rf)).
assert (M := mult_abs_le _ _ _ _ (low_part_small _ W) (Rle_refl (Rabs f))).
rewrite Rmult_assoc, <- Rabs_mult in M. assert (P := Rabs_pos (hi x * f)).
replace (value z - hi x * f) with ((value z - value x * f) + lo x * f) by (unfold value; ring).
eapply Rle_trans; [apply Rabs_triang |]. unfold u, little in *. lra.
Qed.

(* A product of what is not 0: no need of the low parts *)
Lemma multiply_carried_not_0 two_product x y dx dy k : product_exact two_product ->
  double_word (number x) -> double_word (number y) -> 0 <= error x -> 0 <= error y ->
  within dx (hi (number x)) -> within dy (hi (number y)) -> hi (number x) <> 0 -> hi (number y) <> 0 ->
  (0 <= dx <= 100)%Z -> (0 <= dy <= 100)%Z -> (106 + dx + dy <= k)%Z ->
  let z := multiply_carried two_product x y in
  let q := Rabs (hi (number x)) * Rabs (hi (number y)) in
  q / 2 <= Rabs (hi (number z)) <= 2 * q /\ in_band (dx + dy + 1) k z /\ hi (number z) <> 0.
Proof.
intros TP Wx Wy Px Py Rx Ry NZx NZy Hdx Hdy Hk z q.
assert (Rx1 := within_weaken dx 100 _ ltac:(lia) Rx). assert (Ry1 := within_weaken dy 100 _ ltac:(lia) Ry).
destruct (multiply_error two_product _ _ TP Wx Wy Rx1 Ry1) as [Wz Ez].
assert (RV := within_mult _ _ _ _ Rx Ry). assert (B := rnd_within_le (dx + dy) _ ltac:(lia) RV).
rewrite Rabs_mult in B. fold q in B. change (multiply two_product (number x) (number y)) with (number z) in *.
assert (PQ : 0 < q) by (apply Rmult_lt_0_compat; now apply Rabs_pos_lt).
assert (Bounds : q / 2 <= Rabs (hi (number z)) <= 2 * q).
{ assert (V := mult_abs_le _ _ _ _ (value_le _ Wx) (value_le _ Wy)).
  assert (V2 : (1 - u) * Rabs (hi (number x)) * ((1 - u) * Rabs (hi (number y))) <=
    Rabs (value (number x) * value (number y))).
  { rewrite Rabs_mult. apply Rmult_le_compat; try (apply value_ge; assumption);
      apply Rmult_le_pos; try apply Rabs_pos; unfold u; lra. }
  assert (G := value_ge _ Wz). assert (G2 := value_le _ Wz).
  set (v := value (number x) * value (number y)) in *. set (w := value (number z)) in *.
  assert (T := Rabs_triang (w - v) v). replace (w - v + v) with w in T by ring.
  assert (T2 := Rabs_triang w (- (w - v))). replace (w + - (w - v)) with v in T2 by ring.
  rewrite Rabs_Ropp in T2.
  replace ((1 + u) * Rabs (hi (number x)) * ((1 + u) * Rabs (hi (number y)))) with
    ((1 + u) * (1 + u) * q) in V by (unfold q; ring).
  replace ((1 - u) * Rabs (hi (number x)) * ((1 - u) * Rabs (hi (number y)))) with
    ((1 - u) * (1 - u) * q) in V2 by (unfold q; ring).
  unfold u, little in *. lra. }
assert (QV : within (dx + dy) q) by (unfold q; rewrite <- Rabs_mult; destruct RV as [Z | RV];
  [left; rewrite Z; apply Rabs_R0 | right; now rewrite Rabs_Rabsolu]).
destruct QV as [Z | [Q1 Q2]]; [lra |]. rewrite Rabs_pos_eq in Q1, Q2 by lra.
assert (NZz : hi (number z) <> 0) by (intros Z; rewrite Z, Rabs_R0 in Bounds; lra).
assert (GE : bpow radix2 (- (106 + (dx + dy))) <= error z).
{ unfold z, multiply_carried. cbn [error]. cbv zeta.
  rewrite (product_hi _ _ _ TP (proj1 Wx) (proj1 Wy) Rx1 Ry1).
  assert (GD := rounding_term_ge 8 (dx + dy) _ ltac:(lra) ltac:(lia) RV
    (Rmult_integral_contrapositive_currified _ _ NZx NZy)). set (D := 8 * (u * u) * Rabs _) in *.
  assert (PA : 0 <= rnd (rnd (rnd (Rabs (hi (number x)) * error y) + rnd (Rabs (hi (number y)) * error x))
    + rnd (error x * error y))).
  { apply rnd_pos, Rplus_le_le_0_compat; [| now apply rnd_pos, Rmult_le_pos].
    apply rnd_pos, Rplus_le_le_0_compat; apply rnd_pos, Rmult_le_pos; trivial; apply Rabs_pos. }
  assert (G1 := rnd_sum_ge_r _ _ (double_rnd D) PA). apply Rle_trans with (1 := GD).
  apply Rle_trans with (1 := G1). apply slack_ge; [apply double_rnd |].
  apply Rle_trans with (2 := G1). apply Rle_trans with (2 := GD), bpow_ge_0. }
split; [exact Bounds | split; [| exact NZz]]. split; [right; split |].
- replace (- (dx + dy + 1))%Z with (- (dx + dy) + -1)%Z by lia. rewrite bpow_plus.
  change (bpow radix2 (-1)) with (/ 2). lra.
- rewrite (bpow_plus radix2 (dx + dy)). change (bpow radix2 1) with 2. lra.
- assert (PG := bpow_gt_0 radix2 (- (106 + (dx + dy)))).
  split; [right; apply Rle_trans with (2 := GE), bpow_le; lia |]. intros Z. lra.
Qed.

(* ------------------------------------------------------------------------------ z = +-t^2 *)

Definition signed_square (two_product : R -> R -> unevaluated) (t : carried) (sign : Z) :=
  let square := multiply_carried two_product t t in if (sign <? 0)%Z then negated square else square.

Lemma signed_square_correct two_product t T sign : product_exact two_product -> stands_for t T ->
  bpow radix2 (-47) <= Rabs (hi (number t)) <= series_limit -> no_less 480 (error t) ->
  let z := signed_square two_product t sign in
  stands_for z (unit_of sign * (T * T)) /\ in_band 95 200 z /\ hi (number z) <> 0 /\
  Rabs (hi (number z)) <= bpow radix2 (-16) /\
  Rabs (unit_of sign * (value (number t) * value (number t)) - value (number z)) <=
    bpow radix2 (-102) * (Rabs (hi (number t)) * Rabs (hi (number t))).
Proof.
intros TP S [L H] N.
assert (R : within 47 (hi (number t))).
{ right. split; [exact L |]. apply Rle_trans with (1 := H). unfold series_limit. simpl; lra. }
assert (W := proj1 S). assert (D := proj1 (proj2 S)). assert (P := proj1 (proj2 (proj2 S))).
assert (R100 := within_weaken 47 100 _ ltac:(lia) R).
assert (NN := no_less_mult _ _ _ _ N N).
set (square := multiply_carried two_product t t).
assert (S2 : stands_for square (T * T)).
{ apply multiply_carried_error; trivial. unfold product_in_range.
  repeat split; trivial; try (weaker N). weaker NN. }
assert (NZ : hi (number t) <> 0).
{ intros Z. rewrite Z, Rabs_R0 in L. assert (Q := bpow_gt_0 radix2 (-47)). lra. }
destruct (multiply_carried_not_0 two_product t t 47 47 200 TP W W P P R R NZ NZ
  ltac:(lia) ltac:(lia) ltac:(lia))
  as ([_ B2] & I2 & NZ2). fold square in B2, I2, NZ2. simpl Z.add in I2.
destruct (multiply_error two_product _ _ TP W W R100 R100) as [_ E2].
change (multiply two_product (number t) (number t)) with (number square) in E2.
assert (ER := rnd_within_le 94 _ ltac:(lia) (within_mult _ _ _ _ R R)). rewrite Rabs_mult in ER.
assert (M := Rmult_le_compat _ _ _ _ (Rabs_pos _) (Rabs_pos _) H H).
unfold series_limit in M. change (bpow radix2 (-9)) with (/ 512) in M.
change (bpow radix2 (-20)) with (/ 1048576) in M.
assert (PQ := Rmult_le_pos _ _ (Rabs_pos (hi (number t))) (Rabs_pos (hi (number t)))).
assert (Main : Rabs (hi (number square)) <= bpow radix2 (-16) /\
  Rabs (value (number t) * value (number t) - value (number square)) <=
    bpow radix2 (-102) * (Rabs (hi (number t)) * Rabs (hi (number t)))).
{ change (bpow radix2 (-16)) with (/ 65536).
  change (bpow radix2 (-102)) with (/ 5070602400912917605986812821504).
  split; [lra |]. rewrite Rabs_minus_sym. apply Rle_trans with (1 := E2). unfold u, little in *. lra. }
unfold signed_square, unit_of. fold square. cbv zeta. destruct (sign <? 0)%Z.
- split; [replace (-1 * (T * T)) with (- (T * T)) by ring; now apply negated_stands_for |].
  split; [now apply negated_in_band |]. rewrite value_negated. cbn [negated number hi]. rewrite Rabs_Ropp.
  split; [lra |]. split; [apply Main |].
  replace (-1 * (value (number t) * value (number t)) - - value (number square)) with
    (- (value (number t) * value (number t) - value (number square))) by ring.
  rewrite Rabs_Ropp. apply Main.
- rewrite !Rmult_1_l. split; [exact S2 |]. split; [exact I2 |]. split; [exact NZ2 | exact Main].
Qed.

(* c + y with a constant c, as large as a power of two at least, and y small beside it *)
Lemma add_constant c C y Y d k ky : stands_for c C -> in_band d k c -> 0 < hi (number c) ->
  stands_for y Y -> no_less ky (error y) -> Rabs (hi (number y)) <= bpow radix2 (- (d + 3)) ->
  (0 <= d <= 100)%Z -> (k <= 900)%Z -> (ky <= 900)%Z ->
  let z := add_carried c y in
  stands_for z (C + Y) /\ in_band (d + 1) (107 + d) z /\ hi (number z) <> 0.
Proof.
intros Sc (Rc & Nc & _) Pc Sy Ny H Hd Hk Hky z.
assert (H8 : Rabs (hi (number y)) <= Rabs (hi (number c)) / 8).
{ destruct Rc as [? | [Rc _]]; [lra |]. apply Rle_trans with (1 := H).
  replace (- (d + 3))%Z with (- d + -3)%Z by lia. rewrite bpow_plus.
  change (bpow radix2 (-3)) with (/ 8). lra. }
destruct (add_carried_small_band c y d (107 + d) (proj1 Sc) (proj1 Sy)) as (B & NZ & _); trivial;
  try lia; try lra.
- apply Sc.
- apply Sy.
- split; [| split; [exact B | exact NZ]]. apply add_carried_error; trivial; try (weaker Nc); try (weaker Ny).
  destruct B as (R & _). assert (NR := within_no_less _ _ R). weaker NR.
Qed.

(* The innermost part as a pair *)
Lemma innermost_carried h Z : bpow radix2 (-100) <= Rabs h -> Rabs h <= bpow radix2 (-16) ->
  Rabs (Z - h) <= u * Rabs h ->
  let r := innermost h in let x := Carried (Unevaluated r 0) (rnd (4 * u * Rabs r)) in
  stands_for x (innermost_exact Z) /\ no_less 154 (error x) /\ Rabs (hi (number x)) <= bpow radix2 (-18).
Proof.
intros L B E r x.
destruct (innermost_error h Z L B E) as [I [B1 B2]]. fold r in I, B1, B2.
assert (G : bpow radix2 (-154) <= 4 * u * Rabs r).
{ apply Rle_trans with (4 * u * (/ 8 * bpow radix2 (-100))).
  - replace (4 * u * (/ 8 * bpow radix2 (-100))) with (bpow radix2 (2 + -53 + -3 + -100)).
    + apply Rle_refl.
    + rewrite !bpow_plus, <- u_bpow. change (bpow radix2 2) with 4.
      change (bpow radix2 (-3)) with (/ 8). ring.
  - apply Rmult_le_compat_l; [unfold u; lra | lra]. }
assert (N : no_less 154 (4 * u * Rabs r)) by (right; exact G).
assert (GR := rnd_ge _ ltac:(weaker N)). assert (NR := no_less_rnd 154 _ ltac:(lia) N).
split; [| split; [exact NR |]].
- split; [apply double_word_of_double, double_rnd |]. split; [apply double_rnd |]. cbn [x error number].
  split; [now apply no_less_pos in NR |]. unfold value. cbn [hi lo]. rewrite Rplus_0_r.
  apply Rle_trans with (1 := I). assert (Pr := Rabs_pos r). unfold u in *. lra.
- cbn [x number hi]. apply Rle_trans with (1 := B2). change (bpow radix2 (-16)) with (/ 65536) in B.
  change (bpow radix2 (-18)) with (/ 262144). lra.
Qed.

(* All about the series *)
Lemma odd_series_all two_product t T sign r : product_exact two_product ->
  nearly_stands_for t T -> within 94 (hi (number t)) -> no_less 480 (error t) ->
  Rabs (hi (number t)) <= series_limit -> odd_series two_product t sign = Some r ->
  stands_for r (odd_function sign T) /\ in_band 95 480 r /\
  Rabs (hi (number r)) <= 5 / 4 * Rabs (hi (number t)) /\ (0 <= hi (number t) -> 0 <= hi (number r)).
Proof.
intros TP S R N L Eq. unfold odd_series in Eq. destruct (Rle_dec _ _) as [He | _]; [| discriminate].
assert (PH := Rabs_pos (hi (number t))).
destruct (Rlt_dec _ _) as [Small | Big].
{ (* t alone *)
  injection Eq as <-. split; [| split; [| split]].
  - replace (odd_function sign T) with (odd_function sign (T * 1) / 1) by (rewrite Rmult_1_r; field).
    apply first_term_correct; trivial; try (rewrite Rmult_1_l; trivial); [| lra |].
    + apply within_weaken with 94%Z; [lia | exact R].
    + apply Rle_trans with (bpow radix2 (-47)); [lra | apply bpow_le; lia].
  - apply in_band_weaken with 94%Z 480%Z; [lia | lia |]. destruct S as (W & D & P & _).
    apply first_term_in_band; trivial; lia.
  - cbn [first_term number]. lra.
  - trivial. }
cbv zeta in Eq.
change (if (sign <? 0)%Z then negated (multiply_carried two_product t t)
  else multiply_carried two_product t t)
  with (signed_square two_product t sign) in Eq.
fold (innermost (hi (number (signed_square two_product t sign)))) in Eq.
apply Rnot_lt_le in Big. destruct (nearly_stands_for_near t T S) as (T0 & S0 & DT). clear S R.
assert (W := proj1 S0). assert (D := proj1 (proj2 S0)). assert (P := proj1 (proj2 (proj2 S0))).
assert (R : within 47 (hi (number t))).
{ right. split; [exact Big |]. apply Rle_trans with (1 := L). unfold series_limit. simpl; lra. }
assert (NZ : hi (number t) <> 0).
{ intros Z. rewrite Z, Rabs_R0 in Big. assert (Q := bpow_gt_0 radix2 (-47)). lra. }
destruct (signed_square_correct two_product t T0 sign TP S0 (conj Big L) N) as (Sz & Bz & NZz & Uz & Ez).
set (z := signed_square two_product t sign) in *. set (Z := unit_of sign * (T0 * T0)) in *.
assert (Lz : bpow radix2 (-100) <= Rabs (hi (number z))).
{ destruct Bz as ([? | [Q _]] & _); [contradiction |]. apply Rle_trans with (2 := Q), bpow_le. lia. }
assert (Vz : Rabs (value (number z) - hi (number z)) <= u * Rabs (hi (number z))).
{ unfold value. replace (hi (number z) + lo (number z) - hi (number z)) with (lo (number z)) by ring.
  apply low_part_small, Sz. }
destruct (innermost_carried _ _ Lz Uz Vz) as (Si & Ni & Ui).
set (xi := Carried (Unevaluated (innermost (hi (number z))) 0) _) in *.
set (w := innermost_exact (value (number z))) in *.
(* 1/5 + ... *)
destruct fifth_correct as (S5 & B5 & P5).
destruct (add_constant _ _ xi w 3 900 154 S5 (in_band_weaken 3 109 3 900 _ ltac:(lia) ltac:(lia) B5) P5 Si Ni)
  as (Ss1 & Bs1 & NZs1); try lia.
{ apply Rle_trans with (1 := Ui), bpow_le. lia. }
set (sum1 := add_carried (constant fifth_entry) xi) in *. simpl Z.add in Bs1.
destruct Bz as (Rz & Nz & _), Bs1 as (Rs1 & Ns1 & _).
assert (Sp1 : stands_for (multiply_carried two_product z sum1) (Z * (1 / 5 + w))).
{ apply multiply_carried_error; trivial. unfold product_in_range. assert (NN := no_less_mult _ _ _ _ Nz Ns1).
  split; [apply within_weaken with 95%Z; [lia | exact Rz] |].
  split; [apply within_weaken with 4%Z; [lia | exact Rs1] |].
  split; [weaker Nz | split; [weaker Ns1 | weaker NN]]. }
destruct (multiply_carried_not_0 two_product z sum1 95 4 205 TP) as ([_ Up1] & (_ & Np1 & _) & _);
  trivial; try lia; try apply Sz; try apply Ss1.
set (p1 := multiply_carried two_product z sum1) in *.
assert (Mono : forall x d, within d (hi (number x)) -> (0 <= d)%Z ->
  Rabs (hi (number z)) * Rabs (hi (number x)) <= bpow radix2 (d - 16)).
{ intros x d Rx Hd. unfold Zminus. rewrite bpow_plus, Rmult_comm.
  apply Rmult_le_compat; try apply Rabs_pos; [| exact Uz].
  destruct Rx as [-> | [_ Rx]]; [rewrite Rabs_R0; apply bpow_ge_0 | exact Rx]. }
(* 1/3 + z (...) *)
destruct third_correct as (S3 & B3 & P3).
destruct (add_constant _ _ p1 (Z * (1 / 5 + w)) 2 900 205 S3
  (in_band_weaken 2 108 2 900 _ ltac:(lia) ltac:(lia) B3) P3 Sp1 Np1) as (Ss2 & Bs2 & NZs2); try lia.
{ apply Rle_trans with (1 := Up1). assert (M := Mono sum1 4%Z Rs1 ltac:(lia)).
  change (bpow radix2 (4 - 16)) with (/ 4096) in M. change (bpow radix2 (- (2 + 3))) with (/ 32). lra. }
set (sum2 := add_carried (constant third_entry) p1) in *. simpl Z.add in Bs2.
destruct Bs2 as (Rs2 & Ns2 & _).
assert (Sp2 : stands_for (multiply_carried two_product z sum2) (Z * (1 / 3 + Z * (1 / 5 + w)))).
{ apply multiply_carried_error; trivial. unfold product_in_range. assert (NN := no_less_mult _ _ _ _ Nz Ns2).
  split; [apply within_weaken with 95%Z; [lia | exact Rz] |].
  split; [apply within_weaken with 3%Z; [lia | exact Rs2] |].
  split; [weaker Nz | split; [weaker Ns2 | weaker NN]]. }
destruct (multiply_carried_not_0 two_product z sum2 95 3 204 TP) as ([_ Up2] & (Rp2 & Np2 & _) & NZp2);
  trivial; try lia; try apply Sz; try apply Ss2.
set (p2 := multiply_carried two_product z sum2) in *. simpl Z.add in Rp2.
(* t + t z (...) *)
assert (Sp3 : stands_for (multiply_carried two_product t p2) (T0 * (Z * (1 / 3 + Z * (1 / 5 + w))))).
{ apply multiply_carried_error; trivial. unfold product_in_range. assert (NN := no_less_mult _ _ _ _ N Np2).
  split; [apply within_weaken with 47%Z; [lia | exact R] |].
  split; [apply within_weaken with 99%Z; [lia | exact Rp2] |].
  split; [weaker N | split; [weaker Np2 | weaker NN]]. }
destruct (multiply_carried_not_0 two_product t p2 47 99 252 TP) as ([_ Up3] & (_ & Np3 & _) & _);
  trivial; try lia; try apply Sp2.
set (p3 := multiply_carried two_product t p2) in *.
assert (P3' : 0 <= error p3) by apply Sp3.
assert (Q3 : Rabs (hi (number p3)) <= Rabs (hi (number t)) / 8).
{ apply Rle_trans with (1 := Up3). assert (M := Mono sum2 3%Z Rs2 ltac:(lia)).
  change (bpow radix2 (3 - 16)) with (/ 8192) in M.
  assert (M2 : Rabs (hi (number t)) * Rabs (hi (number p2)) <= Rabs (hi (number t)) * / 16).
  { apply Rmult_le_compat_l; [exact PH |]. apply Rle_trans with (1 := Up2). lra. }
  lra. }
destruct (add_carried_small_band t p3 47 154 W (proj1 Sp3) P P3' R NZ Q3 ltac:(lia) ltac:(lia))
  as (Bs3 & NZs3 & Us3 & Pos).
assert (Ss3 : stands_for (add_carried t p3) (T0 + T0 * (Z * (1 / 3 + Z * (1 / 5 + w))))).
{ apply add_carried_error; trivial; try (weaker N); try (weaker Np3).
  destruct Bs3 as (Rs3 & _). assert (NR := within_no_less _ _ Rs3). weaker NR. }
assert (GE := proj1 (add_carried_error_terms t p3 D (proj1 (proj2 Sp3)) P P3')).
set (sum3 := add_carried t p3) in *. simpl Z.add in Bs3.
apply some_injective in Eq. subst r. cbn [number error].
destruct Bs3 as (Rs3 & Ns3 & Ls3). destruct Ss3 as (Ws3 & Ds3 & Ps3 & Es3).
destruct (error_and_part (-111) 47 158 _ _ Ps3 Ds3 R ltac:(weaker Ns3)) as [NS GS]; try lia.
assert (PB : 0 < bpow radix2 (-111) * Rabs (hi (number t))).
{ apply Rmult_lt_0_compat; [apply bpow_gt_0 | now apply Rabs_pos_lt]. }
set (SS := rnd (error sum3 + _)) in *. assert (PS : 0 < SS) by (unfold u in GS; lra).
assert (GR := slack_ge SS (double_rnd _) (no_less_pos _ _ NS)).
split; [| split; [| split]].
- split; [exact Ws3 |]. split; [apply double_rnd |]. cbn [error number].
  split; [lra |].
  assert (Dist := series_distance sign T0 (value (number t)) (Rabs (hi (number t))) (error t)
    (value (number z)) PH (value_le _ W) L (conj P He) (proj2 (proj2 (proj2 S0)))).
  cbv zeta in Dist. specialize (Dist Ez). fold Z w in Dist.
  assert (Ch : Rabs (odd_function sign T - odd_function sign T0) <= 2 * (little * error t)).
  { assert (V := value_le _ W). assert (E0 := proj2 (proj2 (proj2 S0))).
    unfold series_limit in L. change (bpow radix2 (-9)) with (/ 512) in L.
    change (bpow radix2 (-20)) with (/ 1048576) in L. change (bpow radix2 (-22)) with (/ 4194304) in He.
    eapply Rle_trans; [apply odd_function_changes |]; change (bpow radix2 (-8)) with (/ 256).
    - replace T with (value (number t) + (T0 - value (number t)) + (T - T0)) by ring.
      inv V; inv E0; inv DT. apply Rabs_le. unfold u, little in *. lra.
    - replace T0 with (value (number t) + (T0 - value (number t))) by ring.
      inv V; inv E0. apply Rabs_le. unfold u, little in *. lra.
    - apply Rmult_le_compat_l; [lra | exact DT]. }
  apply Rle_trans with (error sum3 + (3 / 4 * bpow radix2 (-111) * Rabs (hi (number t)) +
    bpow radix2 (-47) * error t) + 2 * (little * error t)).
  + set (f0 := T0 + T0 * (Z * (1 / 3 + Z * (1 / 5 + w)))) in *.
    replace (odd_function sign T - value (number sum3)) with ((f0 - value (number sum3)) +
      (odd_function sign T0 - f0) + (odd_function sign T - odd_function sign T0)) by ring.
    eapply Rle_trans; [apply Rabs_triang |]. apply Rplus_le_compat; [| exact Ch].
    eapply Rle_trans; [apply Rabs_triang |]. apply Rplus_le_compat; assumption.
  + apply slack_covers; [weaker NS |]. change (bpow radix2 (-47)) with (/ 140737488355328).
    rewrite (Rmult_assoc (3 / 4)). set (b := bpow radix2 (-111) * Rabs (hi (number t))) in *.
    unfold nearly, u, little in *. lra.
- split; [apply within_weaken with 48%Z; [lia | exact Rs3] |].
  split; [apply no_less_slack; [lia | weaker NS] |]. cbn [error]. intros Z0. exfalso. lra.
- lra.
- intros PosT. apply Rlt_le, Pos. lra.
Qed.

(** The series: for what nearly stands for T, as scaling leaves it *)
Lemma odd_series_nearly two_product t T sign r : product_exact two_product ->
  nearly_stands_for t T -> within 94 (hi (number t)) -> no_less 480 (error t) ->
  Rabs (hi (number t)) <= series_limit -> odd_series two_product t sign = Some r ->
  stands_for r (odd_function sign T) /\ in_band 95 480 r /\ Rabs (hi (number r)) <= bpow radix2 (-8) /\
  (0 <= hi (number t) -> 0 <= hi (number r)).
Proof.
intros TP S R N L Eq. destruct (odd_series_all _ _ _ _ _ TP S R N L Eq) as (A & B & C & D).
split; [exact A |]. split; [exact B |]. split; [| exact D]. unfold series_limit in L. simpl in *. lra.
Qed.

(** The series stands for atanh or atan of what t stands for *)
Theorem odd_series_correct two_product t T sign r : product_exact two_product ->
  stands_for t T -> in_band 94 480 t -> Rabs (hi (number t)) <= series_limit ->
  odd_series two_product t sign = Some r ->
  stands_for r (odd_function sign T) /\ in_band 95 480 r /\ Rabs (hi (number r)) <= bpow radix2 (-8).
Proof.
intros TP S (R & N & _) L E.
destruct (odd_series_nearly two_product t T sign r TP (stands_for_nearly _ _ S) R N L E) as (A & B & C & _).
split; [exact A | split; [exact B | exact C]].
Qed.

(** Its leading part is at most 5/4 of that of t *)
Lemma odd_series_hi two_product t T sign r : product_exact two_product ->
  stands_for t T -> in_band 94 480 t -> Rabs (hi (number t)) <= series_limit ->
  odd_series two_product t sign = Some r -> Rabs (hi (number r)) <= 5 / 4 * Rabs (hi (number t)).
Proof.
intros TP S (R & N & _) L E. now apply (odd_series_all two_product t T sign r TP (stands_for_nearly _ _ S)).
Qed.

(** Its leading part is not negative if that of t is not *)
Lemma odd_series_not_negative two_product t T sign r : product_exact two_product ->
  stands_for t T -> in_band 94 480 t -> Rabs (hi (number t)) <= series_limit ->
  odd_series two_product t sign = Some r -> 0 <= hi (number t) -> 0 <= hi (number r).
Proof.
intros TP S (R & N & _) L E.
now apply (odd_series_nearly two_product t T sign r TP (stands_for_nearly _ _ S)).
Qed.

(* The series with an exponent, for what almost stands for V *)
Lemma odd_series_scaled_almost two_product t V sign r : product_exact two_product ->
  almost (little * little) 1 430 900 (pair t) V ->
  Rabs (hi (number (pair t))) * bpow radix2 (exponent t) <= series_limit \/ hi (number (pair t)) = 0 ->
  odd_series_scaled two_product t sign = Some r ->
  approximates r (odd_function sign (V * bpow radix2 (exponent t))) /\ in_band 95 480 (pair r) /\
  (0 <= hi (number (pair t)) -> 0 <= hi (number (pair r))).
Proof.
intros TP A L Eq. unfold odd_series_scaled in Eq. set (e := exponent t) in *.
assert (S := almost_nearly _ _ _ _ _ _ A ltac:(unfold little; lra)).
assert (A' := A). destruct A' as (W & D & P & E & R & N & _).
destruct (is_exact_zero (pair t)) as [[Zh Ze] | _].
{ apply some_injective in Eq. subst r. assert (Zl := low_part_zero _ W Zh).
  assert (ZV : V = 0) by (unfold value in E; rewrite Zh, Zl, Ze in E; inv E; lra).
  rewrite ZV, Rmult_0_l, odd_function_0. split; [| split; [| trivial]].
  - exists 0. split; [| ring]. split; [exact W |]. split; [exact D |]. split; [exact P |].
    unfold value. rewrite Zh, Zl, Ze. apply Rabs_le. lra.
  - split; [now left |]. split; [weaker N |]. intros _. left. rewrite Zl. apply Rabs_R0. }
destruct (Z_lt_dec _ _) as [_ | K0]; [discriminate |].
destruct (Rle_dec _ _) as [He | _]; [| discriminate]. assert (PE := bpow_gt_0 radix2 e).
destruct (Z_lt_dec _ _) as [K | K].
- apply some_injective in Eq. subst r. cbn [pair].
  assert (Small : bpow radix2 e <= bpow radix2 (-47)) by (apply bpow_le; lia).
  assert (H2 : Rabs (hi (number (pair t))) <= bpow radix2 1).
  { destruct R as [-> | [_ R]]; [rewrite Rabs_R0; apply bpow_ge_0 | exact R]. }
  assert (M1 := Rmult_le_compat _ _ _ _ (Rlt_le _ _ PE) (Rabs_pos _) Small H2).
  assert (M2 := Rmult_le_compat _ _ _ _ (Rlt_le _ _ PE) P Small He).
  rewrite <- bpow_plus in M1, M2.
  split; [| split; [| trivial]].
  + exists (odd_function sign (V * bpow radix2 e) / bpow radix2 e). cbn [pair exponent].
    split; [| field; lra]. apply first_term_correct; trivial.
    * apply within_weaken with 1%Z; [lia | exact R].
    * weaker N.
    * apply Rle_trans with (1 := M2), bpow_le. lia.
  + apply in_band_weaken with 1%Z 430%Z; [lia | lia |]. apply first_term_in_band; trivial; lia.
- destruct (odd_series two_product (scaled_carried (pair t) e) sign) as [r0 |] eqn:Er; [| discriminate].
  apply some_injective in Eq. subst r. cbn [pair].
  destruct (scaled_almost _ _ _ _ _ _ e 46 A) as [B Hh]; try lia.
  assert (S' := almost_nearly _ _ _ _ _ _ B ltac:(unfold little; lra)).
  destruct B as (_ & _ & _ & _ & R' & N' & _).
  assert (L' : Rabs (hi (number (scaled_carried (pair t) e))) <= series_limit).
  { rewrite Hh, Rabs_mult, (Rabs_pos_eq (bpow _ _)) by lra. destruct L as [L | ->]; [exact L |].
    rewrite Rabs_R0, Rmult_0_l. unfold series_limit. simpl. lra. }
  destruct (odd_series_all two_product _ _ sign r0 TP S' (within_weaken (1 + 46) 94 _ ltac:(lia) R')
    ltac:(weaker N') L' Er) as (A1 & A2 & _ & A3).
  split; [now apply approximates_stands_for | split; [exact A2 |]].
  intros Ph. apply A3. rewrite Hh. apply Rmult_le_pos; lra.
Qed.

(* The same for what stands for a number *)
Lemma odd_series_scaled_all two_product t T sign r : product_exact two_product ->
  approximates t T -> in_band 1 430 (pair t) ->
  Rabs (hi (number (pair t))) * bpow radix2 (exponent t) <= series_limit \/ hi (number (pair t)) = 0 ->
  odd_series_scaled two_product t sign = Some r ->
  approximates r (odd_function sign T) /\ in_band 95 480 (pair r) /\
  (0 <= hi (number (pair t)) -> 0 <= hi (number (pair r))).
Proof.
intros TP (V & S & ->) B. apply odd_series_scaled_almost; [exact TP |].
apply almost_weaken with 0 1%Z 430%Z 800%Z; try lia; [now apply stands_for_almost | unfold little; lra].
Qed.

(** So does the series of a pair with an exponent of its own *)
Theorem odd_series_scaled_correct two_product t T sign r : product_exact two_product ->
  approximates t T -> in_band 1 430 (pair t) ->
  Rabs (hi (number (pair t))) * bpow radix2 (exponent t) <= series_limit \/ hi (number (pair t)) = 0 ->
  odd_series_scaled two_product t sign = Some r ->
  approximates r (odd_function sign T) /\ in_band 95 480 (pair r).
Proof.
intros TP A B L E. destruct (odd_series_scaled_all _ _ _ _ _ TP A B L E) as (C & C' & _). now split.
Qed.

(** Nor is its leading part negative if that of t is not *)
Lemma odd_series_scaled_not_negative two_product t T sign r : product_exact two_product ->
  approximates t T -> in_band 1 430 (pair t) ->
  Rabs (hi (number (pair t))) * bpow radix2 (exponent t) <= series_limit \/ hi (number (pair t)) = 0 ->
  odd_series_scaled two_product t sign = Some r ->
  0 <= hi (number (pair t)) -> 0 <= hi (number (pair r)).
Proof. intros TP A B L E. now apply (odd_series_scaled_all _ _ _ _ _ TP A B L E). Qed.
