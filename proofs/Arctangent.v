(** * The angle of a pair of numbers, in double-word arithmetic

    The library finds the angle between two vectors as the angle of (X, Y), X and Y >= 0 known as pairs of
    doubles with an error that goes along (file Scalars). Here is proved that the pair and the error that
    angle_of returns stand for that angle, acos(X/sqrt(X^2 + Y^2)), which is atan(Y/X) for X > 0.

    Assumed: the pairs stand for X and Y; the leading parts are 0 or within 2^-+90, errors are 0 or at least
    2^-300; Y >= 0, and its leading part is not negative.
    X and Y may both be undecided, with errors of any size.

    Proved: if there is a result at all (an error that is neither infinite nor NaN), then
    - arctangent_of_least_correct: atan(Y/X) after the exchange: with f the multiple of 2^-8 nearest to the
      quotient of the leading parts, atan f + atan((Y - f X)/(X + f Y)), where X > 0 and X + f Y > 0 follow
      from the divisors being decided, and the quotient's leading part is within the series' limit;
    - arctangent_correct: with the exchange, after which X may have any sign: pi/2 - atan(X/Y);
    - angle_of_correct: for any sign of X's leading part: pi - the angle of (-X, Y);
    and the leading part is within 2^-+100 or 0, the error 0 or at least 2^-800, as the rounding test needs.
    Among the steps: a normalised number is off by a little more than its error (normalised_normal); the
    quotient of two of them has a leading part in [1/2, 2] (quotient_of_normal); the odd series' leading part
    is at most 5/4 of its argument's (odd_series_hi of file Elementary), so that atan f is not cancelled
    (add_table_entry).

    NOT proved: that there is a result, that is, how large the error gets. What the odd series and the tables
    stand for is proved in the files Elementary and ElementaryTables.

    Model and code (lib/kernels/elementary.hpp), operation by operation, in the code's order:
      nearest_multiple       i of arctangent
      arctangent_of_least    arctangent, after x and y have changed places or not
      is_exchanged           exchange
      arctangent, angle_of   the functions of these names
      subtract_decided       the operator - on Approximation
      None                   an error that is infinite or not a number
    What links them is reading, not proof. Axioms: those of Coq's real numbers with classical logic
    (sig_forall_dec, sig_not_dec, functional_extensionality_dep, classic). *)
From Coq Require Import Reals ZArith Lra Lia.
From Flocq Require Import Core.
From Natgrad Require Import Doubles Scalars Series ElementaryTables Elementary.
Open Scope R_scope.

(* The model *)

Definition subtract_decided (x y : approximation) := add_decided x (opposite_scaled y).

(* i of arctangent, for y/x of leading parts h = y.hi 2^shift and x.hi *)
Definition nearest_multiple (h x : R) : Z :=
  Zfloor (rnd (rnd (rnd (h / x) * 256) + / 2)).

(* the part of arctangent after the exchange: y <= x, both normalised *)
Definition arctangent_of_least (two_product : R -> R -> unevaluated) (y x : approximation)
    : option approximation :=
  let shift := (exponent y - exponent x)%Z in
  let i := if Z_lt_dec (-12) shift then
             if Req_EM_T (hi (number (pair y))) 0 then 0%Z
             else nearest_multiple (rnd (hi (number (pair y)) * bpow radix2 shift)) (hi (number (pair x)))
           else 0%Z in
  if (i =? 0)%Z then
    if is_divisor_decided (pair x) then odd_series_scaled two_product (divide_scaled two_product y x) (-1)
    else None
  else
    let aligned := scaled_carried (pair y) shift in
    let f := rnd (IZR i * bpow radix2 (-8)) in
    let difference := add_carried aligned (negated (multiply_carried_by_double two_product (pair x) f)) in
    let sum := add_carried (pair x) (multiply_carried_by_double two_product aligned f) in
    if is_divisor_decided sum then
      match odd_series two_product (divide_carried two_product (unless_tiny difference) sum) (-1) with
      | Some t => Some (Approximation (add_carried (constant (atan_entry i)) t) 0)
      | None => None
      end
    else None.

(* whether y and x change places *)
Definition is_exchanged (y x : approximation) : bool :=
  if Req_EM_T (hi (number (pair x))) 0 then true
  else if Req_EM_T (hi (number (pair y))) 0 then false
  else (exponent x <? exponent y)%Z ||
       ((exponent x =? exponent y)%Z &&
        if Rlt_dec (hi (number (pair x))) (hi (number (pair y))) then true else false).

Definition arctangent (two_product : R -> R -> unevaluated) (y x : approximation) : option approximation :=
  let x := normalised x in
  let y := normalised y in
  if is_exchanged y x then
    match arctangent_of_least two_product x y with
    | Some r => subtract_decided (Approximation (constant half_pi_entry) 0) r
    | None => None
    end
  else arctangent_of_least two_product y x.

(* angle_of *)
Definition angle_of (two_product : R -> R -> unevaluated) (y x : approximation) : option approximation :=
  if Rlt_dec (hi (number (pair x))) 0 then
    match arctangent two_product y (opposite_scaled x) with
    | Some r => subtract_decided (Approximation (constant pi_entry) 0) r
    | None => None
    end
  else arctangent two_product y x.

(* --------------------------------------------------------------------------------- normalised numbers *)

(* What normalised makes of a number within 2^-+90 *)
Record normal (n : approximation) (X : R) := {
  normal_word : double_word (number (pair n));
  normal_error_double : double (error (pair n));
  normal_not_negative : 0 <= error (pair n);
  normal_close : Rabs (X * bpow radix2 (- exponent n) - value (number (pair n)))
    <= (1 + little * little) * error (pair n);
  normal_hi : hi (number (pair n)) = 0 \/ 1 <= Rabs (hi (number (pair n))) < 2;
  normal_error : no_less 400 (error (pair n));
  normal_exact : error (pair n) = 0 -> no_less 900 (Rabs (lo (number (pair n)))) }.

Lemma normalised_normal x X : approximates x X -> in_band 90 300 (pair x) ->
  normal (normalised x) X /\ (0 <= hi (number (pair x)) -> 0 <= hi (number (pair (normalised x)))).
Proof.
intros A B. destruct (normalised_almost x X 90 300 A B ltac:(lia) ltac:(lia)) as (V & Am & -> & H & Ph).
split; [| exact Ph]. destruct Am as (W & D & P & E & _ & N & L). set (n := normalised x) in *.
constructor; trivial; [| | weaker N | intros Z; specialize (L Z); weaker L].
- rewrite Rmult_assoc, <- bpow_plus, Z.add_opp_diag_r, Rmult_1_r. exact E.
- destruct H as [[Z ->] | H]; [now left | now right].
Qed.

(* It can be scaled once more *)
Lemma normal_almost n X : normal n X ->
  almost (little * little) 1 400 900 (pair n) (X * bpow radix2 (- exponent n)).
Proof.
intros []. repeat split; try apply normal_word0; trivial. destruct normal_hi0; [now left | right; simpl; lra].
Qed.

Lemma normal_nearly n X : normal n X -> nearly_stands_for (pair n) (X * bpow radix2 (- exponent n)).
Proof. intros N. apply (almost_nearly _ _ _ _ _ _ (normal_almost _ _ N)). unfold little; lra. Qed.

Lemma normal_within n X : normal n X -> within 1 (hi (number (pair n))).
Proof. intros N. apply (normal_almost _ _ N). Qed.

(* ------------------------------------------------------------------------------------ the inverse tangent *)

Lemma atan_less q f : 0 < f -> 0 < 1 + q * f -> atan q = atan f + atan ((q - f) / (1 + q * f)).
Proof.
intros Pf P. assert (Bq := atan_bound q). assert (Bf := atan_bound f).
assert (Pa : 0 < atan f) by (rewrite <- atan_0; now apply atan_increasing).
apply atan_sub_correct; [lra | split; [| lra] | apply atan_bound]. assert (H : - / f < q).
{ apply Rmult_lt_reg_r with (1 := Pf). replace (- / f * f) with (-1) by (field; lra). lra. }
apply atan_increasing in H. rewrite atan_opp, (atan_inv f Pf) in H. lra.
Qed.

(** atan(Y/X) = atan f + atan T for X > 0, X + f Y > 0, with T = (Y - f X)/(X + f Y) *)
Lemma atan_quotient Y X f : 0 < X -> 0 < f -> 0 < X + f * Y ->
  atan (Y / X) = atan f + atan ((Y - f * X) / (X + f * Y)).
Proof.
intros PX Pf P.
assert (E : 1 + Y / X * f = (X + f * Y) / X) by (field; lra).
rewrite (atan_less (Y / X) f Pf).
- do 2 f_equal. field. repeat split; rewrite ?(Rplus_comm _ X); lra.
- rewrite E. apply Rdiv_lt_0_compat; lra.
Qed.

Lemma root_of_one_and Y X : 0 < X -> sqrt (1 + Y / X * (Y / X)) = sqrt (X * X + Y * Y) / X.
Proof.
intros P. replace (1 + Y / X * (Y / X)) with ((X * X + Y * Y) / (X * X)) by (field; lra).
rewrite sqrt_div_alt by nra. now rewrite sqrt_square by lra.
Qed.

(** For X > 0, Y >= 0 the angle of (X, Y) is atan(Y/X) *)
Lemma angle_right Y X : 0 < X -> 0 <= Y -> atan (Y / X) = acos (X / sqrt (X * X + Y * Y)).
Proof.
intros PX PY. assert (B := atan_bound (Y / X)).
assert (P : 0 <= atan (Y / X)).
{ assert (H : 0 <= Y / X) by (apply Rmult_le_pos; [lra |]; apply Rlt_le, Rinv_0_lt_compat; lra).
  destruct H as [H | <-]; [| rewrite atan_0; lra]. apply atan_increasing in H. rewrite atan_0 in H. lra. }
rewrite <- (acos_cos (atan (Y / X))) at 1 by lra. f_equal.
rewrite cos_atan. unfold Rsqr. rewrite root_of_one_and by exact PX.
assert (0 < sqrt (X * X + Y * Y)) by (apply sqrt_lt_R0; nra). field. lra.
Qed.

(** For Y > 0 and any X it is pi/2 - atan(X/Y) *)
Lemma angle_upper Y X : 0 < Y -> PI / 2 - atan (X / Y) = acos (X / sqrt (X * X + Y * Y)).
Proof.
intros PY. assert (B := atan_bound (X / Y)).
rewrite <- (acos_cos (PI / 2 - atan (X / Y))) at 1 by lra. f_equal.
rewrite cos_shift, sin_atan. unfold Rsqr. rewrite root_of_one_and by exact PY. rewrite Rplus_comm.
assert (0 < sqrt (X * X + Y * Y)) by (apply sqrt_lt_R0; nra). field. lra.
Qed.

(** It is pi less the angle of (-X, Y) *)
Lemma angle_left Y X : PI - acos (- X / sqrt (- X * - X + Y * Y)) = acos (X / sqrt (X * X + Y * Y)).
Proof.
replace (- X * - X) with (X * X) by ring.
replace (- X / sqrt (X * X + Y * Y)) with (- (X / sqrt (X * X + Y * Y))) by (unfold Rdiv; ring).
rewrite acos_opp. ring.
Qed.

(* ---------------------------------------------------------------------------------------------- quotients *)

(* Doubles are multiples of the unit in the last place of a power of two that they reach *)
Lemma double_from_power e h : (-900 <= e)%Z -> double h -> bpow radix2 e <= h ->
  exists k, h = IZR k * bpow radix2 (e - 52).
Proof.
intros E D L. assert (P := bpow_gt_0 radix2 e).
destruct (multiple_of_unit (bpow radix2 e) h D ltac:(lra)) as [k Hk].
- rewrite !Rabs_pos_eq by lra. exact L.
- exists k. rewrite Hk at 1. do 2 f_equal. unfold cexp, double_exp, FLT_exp. rewrite mag_bpow. lia.
Qed.

Lemma above_power e h : (-900 <= e)%Z -> double h -> bpow radix2 e < h ->
  bpow radix2 e + bpow radix2 (e - 52) <= h.
Proof.
intros E D L. destruct (double_from_power e h E D (Rlt_le _ _ L)) as [k ->].
assert (P := bpow_gt_0 radix2 (e - 52)).
assert (Q : bpow radix2 e = IZR (2 ^ 52) * bpow radix2 (e - 52)).
{ change (IZR (2 ^ 52)) with (bpow radix2 52). rewrite <- bpow_plus. f_equal. lia. }
rewrite Q in L |- *. apply Rmult_lt_reg_r in L; [| exact P]. apply lt_IZR in L.
rewrite <- (Rmult_1_l (bpow radix2 (e - 52))) at 2. rewrite <- Rmult_plus_distr_r, <- plus_IZR.
apply Rmult_le_compat_r; [lra |]. apply IZR_le. lia.
Qed.

Lemma below_power e h : (-800 <= e)%Z -> double h -> h < bpow radix2 e ->
  h <= bpow radix2 e - bpow radix2 (e - 53).
Proof.
intros E D L. assert (P := bpow_gt_0 radix2 (e - 53)).
assert (Q : bpow radix2 e = IZR (2 ^ 53) * bpow radix2 (e - 53)).
{ change (IZR (2 ^ 53)) with (bpow radix2 53). rewrite <- bpow_plus. f_equal. lia. }
destruct (Rle_or_lt (bpow radix2 (e - 1)) h) as [G | G].
- destruct (double_from_power (e - 1) h ltac:(lia) D G) as [k ->].
  replace (e - 1 - 52)%Z with (e - 53)%Z in * by lia.
  rewrite Q in L |- *. apply Rmult_lt_reg_r in L; [| exact P]. apply lt_IZR in L.
  apply Rle_trans with (IZR (2 ^ 53 - 1) * bpow radix2 (e - 53)).
  + apply Rmult_le_compat_r; [lra |]. apply IZR_le. lia.
  + rewrite minus_IZR. lra.
- assert (B : bpow radix2 (e - 53) <= bpow radix2 (e - 1)) by (apply bpow_le; lia).
  assert (T : bpow radix2 e = 2 * bpow radix2 (e - 1)).
  { unfold Zminus. rewrite bpow_plus. change (bpow radix2 (- (1))) with (/ 2). lra. }
  lra.
Qed.

Lemma value_from_1 x : double_word x -> 1 <= hi x -> 1 - u / 2 <= value x.
Proof.
intros (_ & _ & E) H. fold (value x) in E.
destruct (Rle_or_lt (1 - u / 2) (value x)) as [? | L]; [assumption | exfalso].
assert (Dg : double (1 - u)).
{ replace (1 - u) with (IZR (2 ^ 53 - 1) * bpow radix2 (-53)) by (unfold u; simpl; lra).
  apply (double_mult_exponent (2 ^ 53 - 1) (-53)); [lia | lia | reflexivity]. }
destruct (Rle_or_lt (value x) (1 - u)) as [G | G].
- apply rnd_le in G. rewrite <- E, (rnd_double _ Dg) in G. unfold u in G. lra.
- assert (N := rnd_nearest _ (value x) Dg). rewrite <- E in N.
  rewrite (Rabs_pos_eq (hi x - value x)), Rabs_left in N by (unfold u in *; lra). unfold u in *. lra.
Qed.

Lemma value_below_2 x : double_word x -> Rabs (hi x) < 2 -> value x <= 2 - u.
Proof.
intros W H. assert (L := low_part_below x 1 W H). change (bpow radix2 1) with 2 in L.
destruct W as (D & _ & _). assert (G := below_power 1 (hi x) ltac:(lia) D). inv L. apply Rabs_def2 in H.
specialize (G (proj1 H)). unfold value. change (bpow radix2 1) with 2 in G.
replace (bpow radix2 (1 - 53)) with (2 * u) in G by (unfold u; simpl; lra). lra.
Qed.

(* The quotient of two numbers whose leading parts are in [1, 2) has its own in [1/2, 2] *)
Lemma quotient_of_normal two_product y x : product_exact two_product -> double_word y -> double_word x ->
  hi y = 0 \/ 1 <= hi y < 2 -> 1 <= hi x < 2 -> within 1 (hi (divide two_product y x)).
Proof.
intros TP Wy Wx Ry Rx.
assert (Bx : within 1 (hi x)) by (right; rewrite Rabs_pos_eq by lra; simpl; lra).
assert (By : within 1 (hi y)) by (destruct Ry; [now left | right; rewrite Rabs_pos_eq by lra; simpl; lra]).
assert (Bx' := within_weaken 1 100 _ ltac:(lia) Bx). assert (By' := within_weaken 1 100 _ ltac:(lia) By).
destruct Ry as [Z | Ry].
{ left. assert (L := divide_hi_le two_product y x 0 1 TP Wy Wx By' Bx'). rewrite Z, Rabs_R0 in L.
  rewrite (Rabs_pos_eq (hi x)) in L by lra. specialize (L ltac:(lra) ltac:(lra)). inv L. lra. }
right. destruct (divide_error two_product y x TP Wy Wx By' Bx' ltac:(lra)) as [Wz Ez].
set (z := divide two_product y x) in *.
assert (RV := within_div _ _ _ _ By Bx ltac:(lra)). assert (LV := rnd_within_le 2 _ ltac:(lia) RV).
assert (Vy1 := value_from_1 _ Wy (proj1 Ry)). assert (Vx1 := value_from_1 _ Wx (proj1 Rx)).
assert (Vy2 := value_below_2 _ Wy ltac:(rewrite Rabs_pos_eq; lra)).
assert (Vx2 := value_below_2 _ Wx ltac:(rewrite Rabs_pos_eq; lra)).
assert (HV : Rabs (hi y / hi x) <= 2).
{ destruct RV as [-> | [_ RV]]; [rewrite Rabs_R0; lra |]. rewrite Rabs_pos_eq.
  - apply Rmult_le_reg_r with (hi x); [lra |]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. lra.
  - apply Rlt_le, Rdiv_lt_0_compat; lra. }
assert (Q : / 2 <= value y / value x <= 2).
{ assert (P : 0 < value x) by (unfold u in *; lra).
  split; apply Rmult_le_reg_r with (1 := P); unfold Rdiv; rewrite ?Rmult_assoc, Rinv_l by lra; lra. }
assert (E : Rabs (value z - value y / value x) <= 32 * (u * u)) by (unfold u, little in *; lra).
destruct Wz as (Dz & _ & Eh). fold (value z) in Eh. inv E.
assert (D1 : double (/ 2)) by (change (/ 2) with (bpow radix2 (-1)); apply double_bpow; lia).
assert (D2 : double 2) by (change 2 with (bpow radix2 1); apply double_bpow; lia).
assert (L : / 2 <= hi z).
{ destruct (Rle_or_lt (/ 2) (hi z)) as [? | G]; [assumption | exfalso].
  assert (N := rnd_nearest _ (value z) D1). rewrite <- Eh in N.
  change (/ 2) with (bpow radix2 (-1)) in G. apply below_power in G; [| lia | exact Dz].
  replace (bpow radix2 (-1 - 53)) with (u / 2) in G by (unfold u; simpl; lra).
  change (bpow radix2 (-1)) with (/ 2) in G.
  destruct (Rle_or_lt (/ 2) (value z)) as [G2 | G2].
  - apply rnd_le in G2. rewrite <- Eh, (rnd_double _ D1) in G2. unfold u in G. lra.
  - rewrite (Rabs_pos_eq (/ 2 - value z)) in N by lra. inv N. unfold u in *. lra. }
assert (U : hi z <= 2).
{ destruct (Rle_or_lt (hi z) 2) as [? | G]; [assumption | exfalso].
  assert (N := rnd_nearest _ (value z) D2). rewrite <- Eh in N.
  change 2 with (bpow radix2 1) in G. apply above_power in G; [| lia | exact Dz].
  replace (bpow radix2 (1 - 52)) with (4 * u) in G by (unfold u; simpl; lra).
  change (bpow radix2 1) with 2 in G.
  destruct (Rle_or_lt (value z) 2) as [G2 | G2].
  - apply rnd_le in G2. rewrite <- Eh, (rnd_double _ D2) in G2. unfold u in G. lra.
  - rewrite (Rabs_left (2 - value z)) in N by lra. inv N. unfold u in *. lra. }
rewrite Rabs_pos_eq by lra. clearbody z. simpl. lra.
Qed.

Lemma decided_bound y : within 100 (hi (number y)) -> divisor_decided y ->
  error y <= / 1048576 * (1 + u) * Rabs (hi (number y)).
Proof.
intros R [NZ L]. apply Rle_trans with (1 := L).
assert (W : within 120 (/ 1048576 * Rabs (hi (number y)))).
{ change 120%Z with (20 + 100)%Z. apply within_mult.
  - right. rewrite Rabs_pos_eq by lra. simpl. lra.
  - destruct R as [-> | R]; [left; apply Rabs_R0 | right; now rewrite Rabs_Rabsolu]. }
assert (H := rnd_within_le 120 _ ltac:(lia) W). assert (P := Rabs_pos (hi (number y))).
rewrite (Rabs_pos_eq (/ 1048576 * Rabs (hi (number y)))) in H by lra. inv H. lra.
Qed.

(* A divisor that is decided has the sign of its leading part *)
Lemma decided_positive y V : nearly_stands_for y V -> within 100 (hi (number y)) -> 0 <= hi (number y) ->
  divisor_decided y -> 0 < V.
Proof.
intros (W & _ & P & E) R Ph D. assert (B := decided_bound y R D). destruct D as [NZ _].
assert (G := low_part_small _ W). rewrite (Rabs_pos_eq (hi (number y))) in * by lra.
inv G; inv E. unfold value in E. unfold u, little in *. lra.
Qed.

Lemma nearest_multiple_correct h x : bpow radix2 (-12) <= h -> h <= x -> 1 <= x < 2 ->
  (0 <= nearest_multiple h x <= 256)%Z /\
  Rabs (h - IZR (nearest_multiple h x) * / 256 * x) <= (/ 512 + 4 * u) * x.
Proof.
intros L U X. unfold nearest_multiple. set (q := h / x).
assert (Lq : bpow radix2 (-13) <= q <= 1).
{ change (bpow radix2 (-12)) with (/ 4096) in L. change (bpow radix2 (-13)) with (/ 8192). unfold q.
  split; apply Rmult_le_reg_r with x; unfold Rdiv; rewrite ?Rmult_assoc, ?Rinv_l; lra. }
assert (Eq : h = q * x) by (unfold q; field; lra). clearbody q.
assert (Low : forall z, bpow radix2 (-13) <= z -> Rabs (rnd z - z) <= u * z).
{ intros z H. assert (P := bpow_gt_0 radix2 (-13)). rewrite <- (Rabs_pos_eq z) at 3 by lra.
  apply rnd_error_normal. rewrite Rabs_pos_eq by lra. apply Rle_trans with (2 := H), bpow_le. lia. }
assert (B1 : bpow radix2 (-13) <= rnd q <= 1).
{ split.
  - rewrite <- (rnd_double (bpow radix2 (-13))) by (apply double_bpow; lia). apply rnd_le; lra.
  - rewrite <- (rnd_double 1) by (change 1 with (bpow radix2 0); apply double_bpow; lia). apply rnd_le; lra. }
assert (E1 := Low q (proj1 Lq)). set (r1 := rnd q) in *.
assert (L13 := bpow_gt_0 radix2 (-13)).
assert (E2 := Low (r1 * 256) ltac:(lra)). set (r2 := rnd (r1 * 256)) in *.
assert (P2 : 0 <= r2) by (apply rnd_pos; lra).
assert (E3 := Low (r2 + / 2) ltac:(change (bpow radix2 (-13)) with (/ 8192); lra)).
assert (P3 : 0 <= rnd (r2 + / 2)) by (apply rnd_pos; lra).
set (r3 := rnd (r2 + / 2)) in *. assert (F1 := Zfloor_lb r3). assert (F2 := Zfloor_ub r3).
assert (F0 : (0 <= Zfloor r3)%Z) by (apply Zfloor_lub; exact P3).
set (i := Zfloor r3) in *. inv E1; inv E2; inv E3. split.
- split; [exact F0 |]. assert (H : IZR i < IZR 257) by (unfold u in *; lra). apply lt_IZR in H. lia.
- rewrite Eq, <- Rmult_minus_distr_r, Rabs_mult, (Rabs_pos_eq x) by lra. apply Rmult_le_compat_r; [lra |].
  clearbody i r1 r2 r3. apply Rabs_le. unfold u in *. lra.
Qed.

Lemma divide_band_of_normal two_product y x Y X : product_exact two_product -> normal y Y -> normal x X ->
  0 <= hi (number (pair y)) -> 0 < hi (number (pair x)) ->
  in_band 1 430 (divide_carried two_product (pair y) (pair x)).
Proof.
intros TP NY NX Py Px.
destruct (divide_carried_band_any two_product (pair y) (pair x) 1 1 400 430 TP) as (_ & N & L); try lia;
  try apply NY; try apply NX; try lra;
  [now apply normal_within with Y | now apply normal_within with X |].
split; [| split; [exact N | exact L]].
assert (Ly := normal_hi _ _ NY). assert (Lx := normal_hi _ _ NX). rewrite Rabs_pos_eq in Ly, Lx by lra.
apply quotient_of_normal; [exact TP | apply NY | apply NX | exact Ly |]. destruct Lx; [lra | assumption].
Qed.

(* The series of the quotient itself *)
Lemma least_by_series two_product y x Y X r : product_exact two_product -> normal y Y -> normal x X ->
  0 <= hi (number (pair y)) -> 0 <= hi (number (pair x)) -> divisor_decided (pair x) ->
  hi (number (pair y)) = 0 \/
    hi (number (pair y)) * bpow radix2 (exponent y - exponent x) <= (/ 512 + 4 * u) * hi (number (pair x)) ->
  odd_series_scaled two_product (divide_scaled two_product y x) (-1) = Some r ->
  0 < X /\ approximates r (atan (Y / X)) /\ in_band 95 480 (pair r).
Proof.
intros TP NY NX Py Px0 D Small H.
assert (Ry := normal_within _ _ NY). assert (Rx := normal_within _ _ NX).
assert (Ry1 := within_weaken 1 100 _ ltac:(lia) Ry). assert (Rx1 := within_weaken 1 100 _ ltac:(lia) Rx).
assert (Px : 0 < hi (number (pair x))) by (destruct D; lra).
assert (SX := normal_nearly _ _ NX). assert (SY := normal_nearly _ _ NY).
assert (P := decided_positive _ _ SX Rx1 Px0 D).
assert (PX : 0 < X).
{ assert (Pe := bpow_gt_0 radix2 (- exponent x)). apply Rmult_lt_reg_r with (1 := Pe). lra. }
split; [exact PX |].
assert (Q : quotient_in_range (pair y) (pair x)).
{ assert (N1 := normal_error _ _ NY). assert (N2 := normal_error _ _ NX).
  repeat split; trivial; [weaker N1 | weaker N2]. }
destruct (divide_carried_nearly two_product _ _ _ _ TP SY SX Q D) as [_ SQ].
assert (A : approximates (divide_scaled two_product y x) (Y / X)).
{ eexists. split; [exact SQ |]. cbn [divide_scaled exponent]. unfold Zminus. rewrite bpow_plus, !bpow_opp.
  assert (P1 := bpow_gt_0 radix2 (exponent x)). assert (P2 := bpow_gt_0 radix2 (exponent y)). field.
  repeat split; lra. }
apply (odd_series_scaled_correct two_product _ _ (-1) r TP A); trivial.
- exact (divide_band_of_normal two_product y x Y X TP NY NX Py Px).
- cbn [divide_scaled pair exponent divide_carried number].
  assert (L := divide_hi_le two_product _ _ (hi (number (pair y))) (hi (number (pair x))) TP
    (normal_word _ _ NY) (normal_word _ _ NX) Ry1 Rx1).
  rewrite !Rabs_pos_eq in L by lra. specialize (L ltac:(lra) ltac:(lra)).
  destruct Small as [Z | S].
  + right. rewrite Z in L. unfold Rdiv in L. rewrite Rmult_0_l, Rmult_0_r in L. inv L. lra.
  + left. set (b := bpow radix2 (exponent y - exponent x)) in *. assert (Pb : 0 <= b) by apply bpow_ge_0.
    apply Rle_trans with ((1 + 8 * u) * (/ 512 + 4 * u)).
    * apply (Rmult_le_compat_r b) in L; [| exact Pb]. apply Rle_trans with (1 := L).
      rewrite Rmult_assoc. apply Rmult_le_compat_l; [unfold u; lra |].
      apply Rmult_le_reg_r with (1 := Px). apply Rle_trans with (2 := S). right. field. lra.
    * unfold series_limit, u. simpl. lra.
Qed.

(* ------------------------------------------------------------------------ a multiple of 2^-8 and the rest *)

Lemma within_pos d h : bpow radix2 (- d) <= h <= bpow radix2 d -> within d h.
Proof. intros B. assert (P := bpow_gt_0 radix2 (- d)). right. rewrite Rabs_pos_eq by lra. exact B. Qed.

(* atan (1/256) > 2^-8 (1 - 2^-16) *)
Lemma atan_256 : / 256 * (1 - / 65536) <= atan (/ 256).
Proof.
assert (H := odd_rest_bound (-1) 1 (/ 256) ltac:(rewrite Rabs_pos_eq; lra)).
unfold odd_function, odd_sum in H. simpl in H. rewrite (Rabs_pos_eq (/ 256)) in H by lra. inv H. lra.
Qed.

Lemma add_table_entry i r T : (1 <= i <= 256)%Z -> stands_for r (atan T) -> in_band 95 480 r ->
  Rabs (hi (number r)) <= / 400 ->
  stands_for (add_carried (constant (atan_entry i)) r) (atan (IZR i / 256) + atan T) /\
  in_band 95 480 (add_carried (constant (atan_entry i)) r).
Proof.
intros Hi Sr (Rr & Nr & _) Lr. destruct (atan_entry_correct i Hi) as (Sc & Ic & Pc).
assert (Lc := constant_error 9 115 _ Ic ltac:(lia) Pc). destruct Ic as (Rc & Nc & _).
change (- (115))%Z with (-115)%Z in Lc.
set (c := constant (atan_entry i)) in *. change (hi (atan_entry i)) with (hi (number c)) in Pc.
assert (Ec : error c = rnd (u * u * Rabs (hi (number c)))) by reflexivity. clearbody c.
rewrite (Rabs_pos_eq (hi (number c))) in Ec by lra.
assert (Bc : bpow radix2 (-9) <= hi (number c) <= bpow radix2 9).
{ destruct Rc as [Z | Rc]; [lra |]. rewrite Rabs_pos_eq in Rc by lra. exact Rc. }
change (bpow radix2 (-9)) with (/ 512) in Bc. change (bpow radix2 9) with 512 in Bc.
assert (Uc : error c <= / 1048576).
{ rewrite Ec, <- (rnd_double (/ 1048576)).
  - apply rnd_le. unfold u. lra.
  - change (/ 1048576) with (bpow radix2 (-20)). apply double_bpow. lia. }
assert (Big : bpow radix2 (-500) <= error c + error r).
{ apply Rle_trans with (bpow radix2 (-115)); [apply bpow_le; lia |]. apply no_less_pos in Nr. lra. }
assert (S := add_carried_with_error c r _ _ (stands_for_nearly _ _ Sc) (stands_for_nearly _ _ Sr)
  ltac:(weaker Nc) ltac:(weaker Nr) Big).
split; [exact S |].
destruct Sc as (Wc & Dc & P1 & E1), Sr as (Wr & Dr & P2 & E2).
destruct (add_carried_error_terms c r Dc Dr P1 P2) as [G _].
destruct (add_error _ _ Wc Wr) as [Wz Ez].
change (add (number c) (number r)) with (number (add_carried c r)) in *.
set (z := add_carried c r) in *. clearbody z.
assert (Vr := value_le _ Wr). assert (Vz := value_ge _ Wz). assert (Vz' := value_le _ Wz).
assert (Vc := value_le _ Wc). rewrite (Rabs_pos_eq (hi (number c))) in Vc by lra.
assert (At : / 256 * (1 - / 65536) <= atan (IZR i / 256)).
{ apply Rle_trans with (1 := atan_256). destruct (Z.eq_dec i 1) as [-> | N]; [right; f_equal; lra |].
  apply Rlt_le, atan_increasing. assert (2 <= IZR i) by (apply IZR_le; lia). lra. }
assert (Pz := Rabs_pos (hi (number z))).
assert (LV : / 800 <= value (number c) + value (number r)) by (inv E1; inv Vr; unfold u in *; lra).
assert (UV : value (number c) + value (number r) <= 600) by (inv Vc; inv Vr; unfold u in *; lra).
assert (Uz : Rabs (hi (number z)) <= 1000).
{ assert (A : Rabs (value (number z)) <= 600 + / 4 * Rabs (hi (number z)));
    [inv Ez; apply Rabs_le | ]; unfold u, little in *; lra. }
assert (Lz : / 1024 <= Rabs (hi (number z))).
{ inv Ez. assert (A : / 900 <= value (number z)) by (unfold u, little in *; lra).
  rewrite (Rabs_pos_eq (value (number z))) in Vz' by lra. unfold u in *; lra. }
split; [| split].
- apply within_weaken with 10%Z; [lia |]. right. simpl. lra.
- right. apply Rle_trans with (bpow radix2 (-115)); [apply bpow_le; lia | lra].
- intros Z. assert (P := bpow_gt_0 radix2 (-115)). lra.
Qed.

(* A multiple of 2^-8 and the series of the rest *)
Lemma least_by_table two_product y x Y X i r : product_exact two_product -> normal y Y -> normal x X ->
  0 <= hi (number (pair y)) -> 0 <= hi (number (pair x)) -> hi (number (pair y)) <> 0 ->
  hi (number (pair x)) <> 0 ->
  let shift := (exponent y - exponent x)%Z in
  (-12 < shift <= 0)%Z -> hi (number (pair y)) * bpow radix2 shift <= hi (number (pair x)) ->
  (1 <= i <= 256)%Z ->
  Rabs (hi (number (pair y)) * bpow radix2 shift - IZR i * / 256 * hi (number (pair x))) <=
    (/ 512 + 4 * u) * hi (number (pair x)) ->
  let aligned := scaled_carried (pair y) shift in
  let f := rnd (IZR i * bpow radix2 (-8)) in
  let difference := add_carried aligned (negated (multiply_carried_by_double two_product (pair x) f)) in
  let sum := add_carried (pair x) (multiply_carried_by_double two_product aligned f) in
  divisor_decided sum ->
  odd_series two_product (divide_carried two_product (unless_tiny difference) sum) (-1) = Some r ->
  0 < X /\ approximates (Approximation (add_carried (constant (atan_entry i)) r) 0) (atan (Y / X)) /\
  in_band 95 480 (add_carried (constant (atan_entry i)) r).
Proof.
intros TP NY NX Py Px NZy NZx s Hs Least Hi Near aligned f difference sum D H.
assert (Ry := normal_within _ _ NY). assert (Rx := normal_within _ _ NX).
assert (Ry1 := within_weaken 1 100 _ ltac:(lia) Ry). assert (Rx1 := within_weaken 1 100 _ ltac:(lia) Rx).
assert (Wy := normal_word _ _ NY). assert (Wx := normal_word _ _ NX).
assert (By : 1 <= hi (number (pair y)) < 2).
{ destruct (normal_hi _ _ NY) as [? | B]; [contradiction |]. rewrite Rabs_pos_eq in B by lra. exact B. }
assert (Bx : 1 <= hi (number (pair x)) < 2).
{ destruct (normal_hi _ _ NX) as [? | B]; [contradiction |]. rewrite Rabs_pos_eq in B by lra. exact B. }
assert (SX := normal_nearly _ _ NX). assert (NeX := normal_error _ _ NX). assert (NeY := normal_error _ _ NY).
destruct (scaled_almost _ _ _ _ _ _ s 12 (normal_almost _ _ NY)) as [SA Ha]; try lia.
fold aligned in SA, Ha. simpl Z.add in SA. assert (Nea : no_less 412 (error aligned)) by apply SA.
apply almost_nearly in SA; [| unfold little; lra].
set (b := bpow radix2 (- exponent x)) in *. assert (Pb : 0 < b) by apply bpow_gt_0.
replace (Y * bpow radix2 (- exponent y) * bpow radix2 s) with (Y * b) in SA
  by (rewrite Rmult_assoc, <- bpow_plus; unfold b, s; do 2 f_equal; lia).
assert (Wa := proj1 SA). assert (Da := proj1 (proj2 SA)).
assert (Bs : / 2048 <= bpow radix2 s <= 1).
{ change (/ 2048) with (bpow radix2 (-11)). change 1 with (bpow radix2 0). split; apply bpow_le; lia. }
assert (Ef : f = IZR i * / 256).
{ unfold f. change (bpow radix2 (-8)) with (/ 256). apply rnd_double.
  apply (double_mult_exponent i (-8)); [lia | lia | reflexivity]. }
assert (Df : double f) by apply double_rnd.
assert (Bf : / 256 <= f <= 1).
{ rewrite Ef. assert (1 <= IZR i <= 256) by (split; apply IZR_le; lia). lra. }
rewrite <- Ef in Near.
assert (Rf : within 8 f) by (apply within_pos; change (bpow radix2 8) with 256;
  change (bpow radix2 (- (8))) with (/ 256); lra).
assert (Rf1 := within_weaken 8 100 _ ltac:(lia) Rf).
assert (Ph : / 2048 <= hi (number aligned)).
{ rewrite Ha. rewrite <- (Rmult_1_l (/ 2048)). apply Rmult_le_compat; lra. }
rewrite <- Ha in Near, Least.
assert (Ra : within 12 (hi (number aligned))) by (apply within_pos; change (bpow radix2 12) with 4096;
  change (bpow radix2 (- (12))) with (/ 4096); lra).
assert (Ra1 := within_weaken 12 100 _ ltac:(lia) Ra).
(* the products *)
assert (S1 := multiply_carried_by_double_nearly two_product (pair x) f _ TP SX Df Rx1 ltac:(weaker NeX) Rf1).
assert (S2 := multiply_carried_by_double_nearly two_product aligned f _ TP SA Df Ra1 ltac:(weaker Nea) Rf1).
destruct (multiple_error two_product (pair x) f 1 8 400 500 TP Wx Df Rx Rf NeX) as [_ G1]; try lia.
destruct (multiple_error two_product aligned f 12 8 412 500 TP Wa Df Ra Rf Nea) as [_ G2]; try lia.
specialize (G1 NZx ltac:(lra)). specialize (G2 ltac:(lra) ltac:(lra)). simpl Z.add in G1, G2.
assert (V1 := multiple_near two_product (number (pair x)) f TP Wx Df Rx1 Rf1).
assert (V2 := multiple_near two_product (number aligned) f TP Wa Df Ra1 Rf1).
change (multiply_by_double two_product (number (pair x)) f) with
  (number (multiply_carried_by_double two_product (pair x) f)) in V1.
change (multiply_by_double two_product (number aligned) f) with
  (number (multiply_carried_by_double two_product aligned f)) in V2.
set (m1 := multiply_carried_by_double two_product (pair x) f) in *.
set (m2 := multiply_carried_by_double two_product aligned f) in *.
assert (S1' := negated_stands_for _ _ S1). assert (E1 : error (negated m1) = error m1) by reflexivity.
assert (N1 : bpow radix2 (-150) <= error m1) by (apply Rle_trans with (2 := G1), bpow_le; lia).
assert (N2 : bpow radix2 (-150) <= error m2) by (apply Rle_trans with (2 := G2), bpow_le; lia).
assert (P150 := bpow_gt_0 radix2 (-150)). assert (L500 := bpow_le radix2 (-500) (-150) ltac:(lia)).
assert (L900 := bpow_le radix2 (- (900)) (-150) ltac:(lia)).
assert (PA := no_less_pos _ _ Nea). assert (PX := normal_not_negative _ _ NX).
assert (DX := normal_error_double _ _ NX).
(* difference and sum stand for what they should *)
assert (SD : stands_for difference (Y * b + - (X * b * f))).
{ apply add_carried_with_error; trivial; [now apply stands_for_nearly | weaker Nea | right | ]; rewrite E1;
    lra. }
assert (SS : stands_for sum (X * b + Y * b * f)).
{ apply add_carried_with_error; trivial; [now apply stands_for_nearly | weaker NeX | right |]; lra. }
destruct (add_carried_error_terms aligned (negated m1) Da ltac:(apply S1') PA ltac:(apply S1')) as [_ Q1].
destruct (add_carried_error_terms (pair x) m2 DX ltac:(apply S2) PX ltac:(apply S2)) as [Q3 Q2].
fold difference in Q1. fold sum in Q2, Q3. rewrite E1 in Q1.
destruct (add_error (number aligned) (number (negated m1)) Wa ltac:(apply S1')) as [Wd Ed].
change (add (number aligned) (number (negated m1))) with (number difference) in Wd, Ed.
destruct (add_error (number (pair x)) (number m2) Wx ltac:(apply S2)) as [Ws Es].
change (add (number (pair x)) (number m2)) with (number sum) in Ws, Es.
rewrite value_negated in Ed.
assert (La := low_part_small _ Wa). assert (Lx := low_part_small _ Wx).
rewrite (Rabs_pos_eq (hi (number aligned))) in La by lra.
rewrite (Rabs_pos_eq (hi (number (pair x)))) in Lx by lra.
assert (Vd := value_ge _ Wd). assert (Vs := value_ge _ Ws). assert (Vs' := value_le _ Ws).
assert (VX := proj2 (proj2 (proj2 SX))).
unfold value in Ed at 2. unfold value in Es at 2. unfold value in VX.
set (hx := hi (number (pair x))) in *. set (ha := hi (number aligned)) in *.
set (hd := hi (number difference)) in *. set (hs := hi (number sum)) in *.
assert (Mx : 0 <= hx * f <= hx).
{ split; [apply Rmult_le_pos; lra |]. rewrite <- (Rmult_1_r hx) at 2. apply Rmult_le_compat_l; lra. }
assert (Ma : 0 <= ha * f <= ha).
{ split; [apply Rmult_le_pos; lra |]. rewrite <- (Rmult_1_r ha) at 2. apply Rmult_le_compat_l; lra. }
rewrite (Rmult_comm f hx) in Near. rewrite (Rabs_pos_eq (hx * f)) in V1 by lra.
rewrite (Rabs_pos_eq (ha * f)) in V2 by lra.
assert (Pd := Rabs_pos hd). assert (Ps := Rabs_pos hs).
inv V1; inv V2; inv La; inv Lx; inv Near.
assert (Hd : Rabs hd <= / 512 * (1 + / 8388608) * hx).
{ assert (A : Rabs (value (number difference)) <= (/ 512 + 10 * u) * hx + u * Rabs hd).
  { inv Ed. apply Rabs_le. unfold u, little in *. lra. }
  unfold u in *. lra. }
assert (As : Rabs (value (number sum)) <= (2 + 10 * u) * hx + u * Rabs hs).
{ inv Es. apply Rabs_le. unfold u, little in *. lra. }
assert (Us : Rabs hs <= 3 * hx) by (unfold u in *; lra).
assert (Bv : (1 - 4 * u) * hx <= value (number sum)).
{ inv Es. unfold u, little in *. lra. }
assert (Ls : (1 - 8 * u) * hx <= hs).
{ assert (0 <= hs).
  { unfold hs. rewrite (proj2 (proj2 Ws)). apply rnd_pos. fold (value (number sum)). unfold u in *. lra. }
  rewrite (Rabs_pos_eq hs), (Rabs_pos_eq (value _)) in Vs' by (unfold u in *; lra). unfold u in *. lra. }
assert (Phs : 0 < hs) by (unfold u in *; lra). rewrite (Rabs_pos_eq hs) in Us by lra.
assert (Rs : within 3 hs) by (apply within_pos; change (bpow radix2 3) with 8; change (bpow radix2 (- (3)))
  with (/ 8);
  unfold u in *; lra).
assert (Rs1 := within_weaken 3 100 _ ltac:(lia) Rs).
assert (PXX : 0 < X).
{ assert (Bd := decided_bound sum Rs1 D). fold hs in Bd. rewrite (Rabs_pos_eq hs) in Bd by lra.
  assert (0 < X * b); [| apply Rmult_lt_reg_r with (1 := Pb); lra].
  inv VX. unfold u, little in *. lra. }
split; [exact PXX |].
assert (PS := decided_positive _ _ (stands_for_nearly _ _ SS) Rs1 (Rlt_le _ _ Phs) D).
(* the quotient *)
assert (Lhd : Rabs hd <= bpow radix2 90).
{ apply Rle_trans with (bpow radix2 0); [| apply bpow_le; lia]. change (bpow radix2 0) with 1. lra. }
assert (L150 := bpow_le radix2 (- (200)) (-150) ltac:(lia)).
assert (Nd : no_less 200 (error difference)) by (right; lra).
assert (Ns : no_less 200 (error sum)) by (right; lra).
destruct (unless_tiny_band difference 90 200 ltac:(lia) ltac:(lia) Lhd Nd) as (Rt & Nt & _).
destruct (unless_tiny_le difference (proj1 (proj2 SD)) (proj1 (proj2 (proj2 SD)))) as [Ht Gt]. fold hd in Ht.
assert (ST := unless_tiny_correct _ _ SD). set (rest := unless_tiny difference) in *.
assert (Rt1 := within_weaken 90 100 _ ltac:(lia) Rt).
assert (QR : quotient_in_range rest sum).
{ repeat split; trivial; [weaker Nt | weaker Ns]. }
destruct (divide_carried_error two_product _ _ _ _ TP ST SS QR D) as [NS SQ].
assert (Bq : in_band 94 480 (divide_carried two_product rest sum)).
{ apply (divide_carried_band_any two_product rest sum 90 3 200 480 TP (proj1 ST) Ws); trivial; try lia;
    [apply ST | apply SS | apply D]. }
assert (Lq : Rabs (hi (number (divide_carried two_product rest sum))) <= / 512 * (1 + / 4194304)).
{ assert (Hs2 : 0 < (1 - 8 * u) * hx <= Rabs hs) by (rewrite (Rabs_pos_eq hs) by lra; unfold u in *; lra).
  apply Rle_trans with (1 := divide_hi_le two_product _ _ _ _ TP (proj1 ST) Ws Rt1 Rs1
    (Rle_trans _ _ _ Ht Hd) Hs2).
  replace (/ 512 * (1 + / 8388608) * hx / ((1 - 8 * u) * hx)) with (/ 512 * (1 + / 8388608) / (1 - 8 * u))
    by (field; split; [lra | unfold u; lra]).
  unfold u. lra. }
assert (Lq' : Rabs (hi (number (divide_carried two_product rest sum))) <= series_limit).
{ apply Rle_trans with (1 := Lq). unfold series_limit. simpl. lra. }
destruct (odd_series_correct two_product _ _ (-1) r TP SQ Bq Lq' H) as (Sr & Br & _).
change (odd_function (-1)) with atan in Sr.
assert (Lr := odd_series_hi two_product _ _ _ _ TP SQ Bq Lq' H).
destruct (add_table_entry i r _ Hi Sr Br ltac:(lra)) as [Sz Bz]. split; [| exact Bz].
eexists. split; [exact Sz |]. cbn [exponent]. change (bpow radix2 0) with 1. rewrite Rmult_1_r.
rewrite (atan_quotient Y X f PXX ltac:(lra)).
- f_equal; [rewrite Ef; reflexivity |]. f_equal. field. split; [lra |].
  intros Z. apply NS. replace (X * b + Y * b * f) with ((X + f * Y) * b) by ring. rewrite Z. ring.
- apply Rmult_lt_reg_r with (1 := Pb). lra.
Qed.

(* ---------------------------------------------------------------------------------------------- the angle *)

(* What the exchange brings about: y <= x, so far as the leading parts go *)
Definition ordered (y x : approximation) :=
  hi (number (pair y)) = 0 \/
  (exponent y <= exponent x)%Z /\
  hi (number (pair y)) * bpow radix2 (exponent y - exponent x) <= hi (number (pair x)).

(** atan(Y/X) for 0 <= Y <= X, so far as the leading parts go: a result exists only if X > 0 *)
Theorem arctangent_of_least_correct two_product y x Y X r : product_exact two_product ->
  normal y Y -> normal x X -> 0 <= hi (number (pair y)) -> 0 <= hi (number (pair x)) -> ordered y x ->
  arctangent_of_least two_product y x = Some r ->
  0 < X /\ approximates r (atan (Y / X)) /\ in_band 95 480 (pair r).
Proof.
intros TP NY NX Py Px O. unfold arctangent_of_least. cbv zeta.
set (s := (exponent y - exponent x)%Z) in *.
assert (Series : hi (number (pair y)) = 0 \/
    (hi (number (pair x)) <> 0 ->
     hi (number (pair y)) * bpow radix2 s <= (/ 512 + 4 * u) * hi (number (pair x))) ->
  (if is_divisor_decided (pair x) then odd_series_scaled two_product (divide_scaled two_product y x) (-1)
   else None) = Some r ->
  0 < X /\ approximates r (atan (Y / X)) /\ in_band 95 480 (pair r)).
{ intros Small. destruct (is_divisor_decided (pair x)) as [D | _]; [| discriminate].
  apply least_by_series; trivial. destruct Small as [Z | Small]; [now left | right]. apply Small, D. }
destruct (Req_EM_T (hi (number (pair y))) 0) as [Z | NZ].
{ destruct (Z_lt_dec (-12) s); cbn [Z.eqb]; apply Series; now left. }
destruct O as [? | [Hs Least]]; [contradiction |]. fold s in Least.
assert (By : 1 <= hi (number (pair y)) < 2).
{ destruct (normal_hi _ _ NY) as [? | B]; [contradiction |]. rewrite Rabs_pos_eq in B by lra. exact B. }
assert (Ps := bpow_gt_0 radix2 s).
assert (Bx : 1 <= hi (number (pair x)) < 2).
{ destruct (normal_hi _ _ NX) as [Z | B]; [| rewrite Rabs_pos_eq in B by lra; exact B].
  exfalso. rewrite Z in Least. assert (0 < hi (number (pair y)) * bpow radix2 s) by (apply
    Rmult_lt_0_compat; lra).
  lra. }
destruct (Z_lt_dec (-12) s) as [Near | Far].
- assert (Bs : / 2048 <= bpow radix2 s).
  { change (/ 2048) with (bpow radix2 (-11)). apply bpow_le; lia. }
  rewrite rnd_double.
  2: { apply rnd_scale_exact; [| apply (normal_word _ _ NY) | lia].
       apply within_weaken with 1%Z; [lia | now apply normal_within with Y]. }
  assert (L : bpow radix2 (-12) <= hi (number (pair y)) * bpow radix2 s).
  { change (bpow radix2 (-12)) with (/ 4096). assert (bpow radix2 s <= hi (number (pair y)) * bpow radix2 s).
    { rewrite <- (Rmult_1_l (bpow radix2 s)) at 1. apply Rmult_le_compat_r; lra. }
    lra. }
  destruct (nearest_multiple_correct _ _ L Least Bx) as [Bi E].
  set (i := nearest_multiple _ _) in *. destruct (Z.eqb_spec i 0) as [Zi | Ni].
  + apply Series. right. intros _. rewrite Zi in E. rewrite !Rmult_0_l, Rminus_0_r in E. inv E. lra.
  + match goal with |- (if ?d then _ else _) = _ -> _ => destruct d as [D | _]; [| discriminate] end.
    destruct (odd_series two_product _ (-1)) as [t |] eqn:Ht; [| discriminate].
    intros [= <-]. cbn [pair].
    apply (least_by_table two_product y x Y X i t TP NY NX Py Px NZ); trivial; try lra; fold s; lia.
- apply Series. right. intros _.
  assert (Bs : bpow radix2 s <= / 4096).
  { change (/ 4096) with (bpow radix2 (-12)). apply bpow_le; lia. }
  assert (hi (number (pair y)) * bpow radix2 s <= 2 * / 4096) by (apply Rmult_le_compat; lra).
  unfold u in *; lra.
Qed.

Lemma exchanged_ordered y x Y X : normal y Y -> normal x X -> 0 <= hi (number (pair y)) ->
  0 <= hi (number (pair x)) -> if is_exchanged y x then ordered x y else ordered y x.
Proof.
intros NY NX Py Px. unfold is_exchanged, ordered.
destruct (Req_EM_T (hi (number (pair x))) 0) as [Zx | NZx]; [now left |].
destruct (Req_EM_T (hi (number (pair y))) 0) as [Zy | NZy]; [now left |].
destruct (normal_hi _ _ NX) as [? | Bx]; [contradiction |]. rewrite Rabs_pos_eq in Bx by lra.
destruct (normal_hi _ _ NY) as [? | By]; [contradiction |]. rewrite Rabs_pos_eq in By by lra.
assert (Less : forall a b e, 1 <= a < 2 -> 1 <= b -> (e < 0)%Z -> a * bpow radix2 e <= b).
{ intros a b e A B E. apply Rle_trans with (a * / 2); [| lra]. apply Rmult_le_compat_l; [lra |].
  change (/ 2) with (bpow radix2 (-1)). apply bpow_le. lia. }
assert (Same : forall a b e, a <= b -> (e = 0)%Z -> a * bpow radix2 e <= b).
{ intros a b e A ->. change (bpow radix2 0) with 1. lra. }
destruct (Z.ltb_spec (exponent x) (exponent y)) as [L | L]; cbn [orb].
- right. split; [lia |]. apply Less; trivial; [lra | lia].
- destruct (Z.eqb_spec (exponent x) (exponent y)) as [E | E]; cbn [andb].
  + destruct (Rlt_dec (hi (number (pair x))) (hi (number (pair y)))) as [G | G];
      right; (split; [lia | apply Same; [lra | lia]]).
  + right. split; [lia |]. apply Less; trivial; [lra | lia].
Qed.

Lemma subtract_decided_correct x y X Y d k D K r : approximates x X -> approximates y Y ->
  in_band d k (pair x) -> in_band d k (pair y) -> (0 <= d <= 98)%Z -> (k <= 770)%Z ->
  (8 <= D)%Z -> (d + 2 <= D)%Z -> (k + 130 <= K)%Z -> (d + 130 <= K)%Z -> (K <= 900)%Z ->
  subtract_decided x y = Some r -> approximates r (X - Y) /\ in_band D K (pair r).
Proof.
intros AX AY Bx By Bd Bk HD8 HD HK1 HK2 HK. unfold subtract_decided, add_decided.
destruct (is_not_cancelled x (opposite_scaled y)) as [NC | _]; [| discriminate]. intros [= <-].
assert (AO := opposite_scaled_error _ _ AY).
assert (BO : in_band d k (pair (opposite_scaled y))) by exact (negated_in_band d k (pair y) By).
split.
- apply add_scaled_error; trivial; [exact (in_band_weaken d k 100 770 _ ltac:(lia) ltac:(lia) Bx)
    | exact (in_band_weaken d k 100 770 _ ltac:(lia) ltac:(lia) BO)].
- apply add_scaled_band with X (- Y) d k; trivial; left; lia.
Qed.

(** The angle of (X, Y) for leading parts that are not negative: X may be undecided if Y > 0 *)
Theorem arctangent_correct two_product y x Y X r : product_exact two_product ->
  approximates y Y -> approximates x X -> in_band 90 300 (pair y) -> in_band 90 300 (pair x) ->
  0 <= hi (number (pair y)) -> 0 <= hi (number (pair x)) -> 0 <= Y -> arctangent two_product y x = Some r ->
  approximates r (acos (X / sqrt (X * X + Y * Y))) /\ in_band 97 610 (pair r).
Proof.
intros TP AY AX By Bx Py Px PY. unfold arctangent. cbv zeta.
destruct (normalised_normal _ _ AY By) as [NY Qy]. destruct (normalised_normal _ _ AX Bx) as [NX Qx].
specialize (Qy Py). specialize (Qx Px). set (y' := normalised y) in *. set (x' := normalised x) in *.
assert (O := exchanged_ordered _ _ _ _ NY NX Qy Qx). destruct (is_exchanged y' x').
- destruct (arctangent_of_least two_product x' y') as [r0 |] eqn:H0; [| discriminate].
  destruct (arctangent_of_least_correct two_product _ _ _ _ _ TP NX NY Qx Qy O H0) as (PY' & A0 & B0).
  intros H. destruct half_pi_correct as (SP & BP & _).
  rewrite <- angle_upper by exact PY'.
  apply (subtract_decided_correct _ _ _ _ 95 480 97 610 r (approximates_stands_for _ _ SP) A0
    (in_band_weaken 1 106 95 480 _ ltac:(lia) ltac:(lia) BP) B0); trivial; lia.
- intros H0. destruct (arctangent_of_least_correct two_product _ _ _ _ _ TP NY NX Qy Qx O H0) as (PX & A0 &
    B0).
  rewrite <- angle_right by assumption. split; [exact A0 |]. apply (in_band_weaken 95 480); trivial; lia.
Qed.

(** The angle of (X, Y), Y >= 0, from 0 to pi *)
Theorem angle_of_correct two_product y x Y X r : product_exact two_product ->
  approximates y Y -> approximates x X -> in_band 90 300 (pair y) -> in_band 90 300 (pair x) ->
  0 <= hi (number (pair y)) -> 0 <= Y -> angle_of two_product y x = Some r ->
  approximates r (acos (X / sqrt (X * X + Y * Y))) /\ in_band 100 800 (pair r).
Proof.
intros TP AY AX By Bx Py PY. unfold angle_of. destruct (Rlt_dec (hi (number (pair x))) 0) as [L | L].
- destruct (arctangent two_product y (opposite_scaled x)) as [r0 |] eqn:H0; [| discriminate].
  assert (AO := opposite_scaled_error _ _ AX).
  assert (BO : in_band 90 300 (pair (opposite_scaled x))) by exact (negated_in_band 90 300 (pair x) Bx).
  assert (PO : 0 <= hi (number (pair (opposite_scaled x)))) by (cbn [opposite_scaled pair number hi]; lra).
  destruct (arctangent_correct two_product y _ Y (- X) r0 TP AY AO By BO Py PO PY H0) as [A0 B0].
  intros H. destruct pi_correct as (SP & BP & _). rewrite <- angle_left.
  destruct (subtract_decided_correct _ _ _ _ 97 610 99 740 r (approximates_stands_for _ _ SP) A0
    (in_band_weaken 2 106 97 610 _ ltac:(lia) ltac:(lia) BP) B0) as [A B]; trivial; try lia.
  split; [exact A |]. apply (in_band_weaken 99 740); trivial; lia.
- intros H. destruct (arctangent_correct two_product y x Y X r TP AY AX By Bx Py ltac:(lra) PY H) as [A B].
  split; [exact A |]. apply (in_band_weaken 97 610); trivial; lia.
Qed.
