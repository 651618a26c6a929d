(** * Coefficients: what the fast path multiplies vectors by

    An operator of the metric makes of a vector x the elements c1 y_i + c2 x_i + c3 g_i. The library first
    computes the three coefficients in double-word arithmetic, with the error that goes along (Scalars.v), and
    takes them out of it with put; fast_coefficients makes a combination of them (Elements.v), or nothing, and
    then they are computed exactly. Here is proved that a combination that it makes is one as Elements
    assumes, for the coefficients' exact values; so what is stored of it is correctly rounded.

    Proved, for both exact products of Scalars, u = 2^-53:
    - put_correct: of a pair that stands for X, put makes nothing but two doubles h and l, |l| <= u |h|, and
      an error e with |X - (h + l)| <= (1 + 2^-45) e, which is 0 or at least 2^-1000 and at least 2^-1000 |h|:
      so e/|h| does not underflow. The factor 1 + 2^-45 is there because scaling may make l underflow; the
      factor 1 + 2^-40 of fast_coefficients covers it;
    - found_coefficient, fast_coefficients_correct: with the relative error that fast_coefficients computes,
      they are a coefficient as in Elements, and three of them a combination;
    - fits_of_y, fits_of_x, fits_of_g: for each of the eight operators no operation of the three formulas
      leaves its range, and the results are in the band 82, 510: a leading part is 0 or within 2^-+82, an
      error 0 or at least 2^-510. So put's test for an error below 2^-1000 is all that is needed;
    - plain_throughout: a result with an error of 0 has no low part, if the inputs are so;
    - exact_of_y, exact_of_x, exact_of_g: the formulas' exact values, written out in gg = |g|^2, p = <g, y>,
      yy = |y|^2, gx = <g, x>, yx = <y, x> and the parameter a;
    - coefficients_correct, formula_coefficient: what decide_coefficients finds and fast_coefficients accepts
      are coefficients of these values; operator_double_correct, operator_float_correct: what combine stores
      is the double or float nearest to the exact element;
    - coefficient_inputs_right: the hypotheses of the section Decision hold of inputs that are made as the
      code makes them; double_alpha_right, trace_alpha_right, library_trace_alpha_right: also of a parameter
      a that is given, and of one that is computed from a trace; library_operator_correct: all together;
    - coefficients_satisfiable: there are inputs for which coefficients are found and accepted.

    Assumed of a, unless it is yy/p: its pair is in the band 10, 115, and has no low part if it has no error.
    That it is positive is tested (certainly_positive), as in the code.

    NOT proved here: that these values are the coefficients of the metric's operators, of its factors and
    roots (see Operators.v); how the leading bits of gg yy, gg yx - p gx and yy gx - p yx are found (see
    Leading.v; here a number is what its leading_bits or signed_bits say). Nor for which inputs anything
    is decided. As in Scalars, pairs have no greatest number and exponents no bounds: in the code nothing
    overflows within the bands, and put refuses exponents beyond 2^-+400.

    Model and code (lib/kernels/fast_scalars.hpp; fast_coefficients: lib/canonical_form.cpp):
      put, found                       put, Coefficient; None where put returns false
      relative_of, fast_coefficients   fast_coefficients; None where it returns nothing
      star, alpha, alpha_p, delta      star, a, ap, delta; [optimal] is `optimal`
      root_alpha, tau, tau_delta       root_a, tau, td
      apply_weight, solve_weight       weight
      apply_k, solve_k                 k
      y_part, g_part                   y_part, g_part
      of_y, of_x, of_g                 the arguments of `give`, for each operator
      decide_coefficients              decide_coefficients. What the code computes once and uses in several
                                       formulas is written in each of them here, which is the same
      from_signed                      from(const Leading&), from(const EnclosedLeading&)
    What links them is reading, not proof. Axioms: those of Coq's real numbers with classical logic, as Flocq
    uses them (sig_forall_dec, sig_not_dec, functional_extensionality_dep, classic). *)
From Coq Require Import Reals ZArith Lra Lia.
From Flocq Require Import Core Mult_error.
From Natgrad Require Import Doubles Scalars.
From Natgrad Require Elements.
Open Scope R_scope.

(* ------------------------------------------------------------------------- what put makes of a pair *)

(* Coefficient in lib/kernels/scalar_table.hpp *)
Record found := Found { found_hi : R; found_lo : R; found_error : R }.

Definition put (x : approximation) : option found :=
  let n := normalised x in
  if is_exact_zero (pair n) then Some (Found 0 0 0)
  else if Z_lt_dec (exponent n) (-400) then None
  else if Z_lt_dec 400 (exponent n) then None
  else
    let z := scaled_carried (pair n) (exponent n) in
    let out := Found (hi (number z)) (lo (number z)) (error z) in
    if Req_EM_T (error (pair n)) 0 then Some out
    else if Rle_dec (bpow radix2 (-1000)) (error z) then Some out else None.

(* A scaling that leaves the error, times 2^k, at least 2^-1000 *)
Lemma scaled_bound x V k c :
  double_word (number x) -> double (error x) -> within 800 (hi (number x)) ->
  within 900 (hi (number x) * bpow radix2 k) -> bpow radix2 (-1000) <= error x * bpow radix2 k ->
  Rabs (V - value (number x)) <= c * error x ->
  let z := scaled_carried x k in
  double_word (number z) /\ double (error z) /\ hi (number z) = hi (number x) * bpow radix2 k /\
  error z = error x * bpow radix2 k /\
  Rabs (V * bpow radix2 k - value (number z)) <= (c + little / 4) * error z.
Proof.
intros W D R1 R2 L E z. destruct (scaled_pair_correct _ k W R1 R2) as (W' & H & B & _).
assert (EE : rnd (error x * bpow radix2 k) = error x * bpow radix2 k).
{ destruct (rnd_scale (error x) k D) as [? | [S _]]; [assumption | exfalso].
  rewrite Rabs_pos_eq in S by (apply Rle_trans with (2 := L), bpow_ge_0).
  assert (bpow radix2 (-1021) <= bpow radix2 (-1000)) by (apply bpow_le; lia). lra. }
unfold z. cbn [scaled_carried number error]. rewrite EE. split; [exact W' |].
split; [rewrite <- EE; apply double_rnd |]. split; [exact H |]. split; [reflexivity |].
set (v := value (scaled_pair (number x) k)) in *. assert (Pk := bpow_ge_0 radix2 k).
assert (E2 : Rabs (V * bpow radix2 k - value (number x) * bpow radix2 k) <=
  c * (error x * bpow radix2 k)).
{ rewrite <- Rmult_minus_distr_r, Rabs_mult, (Rabs_pos_eq (bpow _ k)) by exact Pk.
  rewrite <- Rmult_assoc. now apply Rmult_le_compat_r. }
assert (T : eta <= little / 4 * (error x * bpow radix2 k)).
{ apply Rle_trans with (little / 4 * bpow radix2 (-1000)).
  - replace (little / 4) with (bpow radix2 (-47)) by (unfold little; simpl; lra).
    rewrite <- bpow_plus. apply bpow_le. lia.
  - apply Rmult_le_compat_l; [unfold little; lra | exact L]. }
replace (V * bpow radix2 k - v) with
  ((V * bpow radix2 k - value (number x) * bpow radix2 k) - (v - value (number x) * bpow radix2 k)) by ring.
inv E2; inv B. apply Rabs_le. lra.
Qed.

(* One that has no error, and no low part, is scaled exactly *)
Lemma scaled_exactly x V k :
  double_word (number x) -> within 800 (hi (number x)) -> within 900 (hi (number x) * bpow radix2 k) ->
  error x = 0 -> lo (number x) = 0 -> Rabs (V - value (number x)) <= 0 ->
  let z := scaled_carried x k in
  double_word (number z) /\ hi (number z) = hi (number x) * bpow radix2 k /\ lo (number z) = 0 /\
  error z = 0 /\ V * bpow radix2 k = value (number z).
Proof.
intros W R1 R2 Z L E z. destruct (scaled_pair_correct _ k W R1 R2) as (W' & H & _).
unfold z. cbn [scaled_carried number error]. split; [exact W' |]. split; [exact H |].
assert (Lz : lo (scaled_pair (number x) k) = 0) by (cbn [scaled_pair lo]; rewrite L, Rmult_0_l; apply rnd_0).
split; [exact Lz |]. split; [rewrite Z, Rmult_0_l; apply rnd_0 |].
unfold value in *. rewrite Lz, H, L in *. inv E. replace V with (hi (number x)) by lra. ring.
Qed.

(* hi in [1, 2) *)
Lemma exponent_within d h : h <> 0 -> within d h -> (- d <= exponent_of h <= d)%Z.
Proof.
intros N [? | [A B]]; [contradiction |]. unfold exponent_of. split.
- assert (- d < mag radix2 h)%Z by now apply mag_gt_bpow. lia.
- assert (mag radix2 h <= d + 1)%Z; [| lia]. apply mag_le_bpow; [exact N |].
  apply Rle_lt_trans with (1 := B), bpow_lt. lia.
Qed.

(** What put accepts, of a pair in a band d, k that has no low part where it has no error: two doubles which
    are off by at most the error (but for what a low part loses by underflow, which is nothing to it); the
    error is 0 or at least 2^-1000, and 2^-(d + k) relative to the coefficient. *)
Theorem put_correct x X d k c :
  approximates x X -> in_band d k (pair x) -> (error (pair x) = 0 -> lo (number (pair x)) = 0) ->
  (0 <= d <= 100)%Z -> (k + d <= 1000)%Z -> put x = Some c ->
  double (found_hi c) /\ double (found_lo c) /\ double (found_error c) /\ 
  Rabs (found_lo c) <= u * Rabs (found_hi c) /\
  Rabs (X - (found_hi c + found_lo c)) <= (1 + little) * found_error c /\
  (found_error c = 0 \/ bpow radix2 (-1000) <= found_error c) /\
  (found_error c = 0 \/ bpow radix2 (- (k + d)) * Rabs (found_hi c) <= found_error c).
Proof.
intros (V & (W & D & P & E) & EX) (R & N & _) Plain Bd Bk. unfold put. cbv zeta.
(* normalised *)
assert (Norm : exists V', let n := pair (normalised x) in
  double_word (number n) /\ double (error n) /\ within 1 (hi (number n)) /\
  X = V' * bpow radix2 (exponent (normalised x)) /\ 
  Rabs (V' - value (number n)) <= (1 + little / 4) * error n /\
  (error n = 0 -> lo (number n) = 0) /\ 0 <= error n /\
  (error n = 0 \/ bpow radix2 (- (k + d)) * Rabs (hi (number n)) <= error n)).
{ unfold normalised. destruct (Req_EM_T (hi (number (pair x))) 0) as [Z | NZ].
  - exists V. cbv zeta. split; [exact W |]. split; [exact D |]. split; [left; exact Z |].
    split; [exact EX |]. split; [unfold little; lra |]. split; [exact Plain |]. split; [exact P |].
    right. rewrite Z, Rabs_R0. lra.
  - cbv zeta. cbn [pair exponent]. assert (M := exponent_within _ _ NZ R).
    assert (B1 := to_exponent_0 _ NZ). set (h := hi (number (pair x))) in *.
    set (m := exponent_of h) in *. exists (V * bpow radix2 (- m)).
    assert (R1 : within 800 h) by (apply within_weaken with d; [lia | exact R]).
    assert (W1 : within 1 (h * bpow radix2 (- m))) by (right; simpl; lra).
    assert (R2 := within_weaken 1 900 _ ltac:(lia) W1).
    assert (EX' : X = V * bpow radix2 (- m) * bpow radix2 (exponent x + m)).
    { rewrite EX, Rmult_assoc, <- bpow_plus. do 2 f_equal. lia. }
    destruct N as [Z | N].
    + rewrite Z in E. destruct (scaled_exactly (pair x) V (- m) W R1 R2 Z (Plain Z) E)
        as (W' & H & L & Ze & Ev).
      rewrite Ev, Rminus_diag_eq, Rabs_R0, <- Ev by reflexivity.
      split; [exact W' |]. split; [rewrite Ze; apply double_0 |]. split; [rewrite H; exact W1 |].
      split; [exact EX' |]. split; [rewrite Ze; lra |]. split; [intros _; exact L |].
      split; [rewrite Ze; lra | now left].
    + assert (LE : bpow radix2 (- (k + d)) <= error (pair x) * bpow radix2 (- m)).
      { replace (- (k + d))%Z with (- k + - d)%Z by lia. rewrite bpow_plus.
        apply Rmult_le_compat; trivial; try apply bpow_ge_0. apply bpow_le. lia. }
      assert (L0 : bpow radix2 (-1000) <= error (pair x) * bpow radix2 (- m)).
      { apply Rle_trans with (2 := LE), bpow_le. lia. }
      destruct (scaled_bound (pair x) V (- m) 1 W D R1 R2 L0 ltac:(lra)) as (W' & D' & H & Ee & B).
      assert (PP := bpow_gt_0 radix2 (-1000)).
      split; [exact W' |]. split; [exact D' |]. split; [rewrite H; exact W1 |].
      split; [exact EX' |]. split; [exact B |]. split; [intros Z; lra |]. split; [lra |]. right.
      rewrite H, Ee, Rabs_mult, (Rabs_pos_eq (bpow _ (- m))), <- Rmult_assoc by apply bpow_ge_0.
      apply Rmult_le_compat_r; [apply bpow_ge_0 |]. apply Rle_trans with (2 := N).
      replace (- (k + d))%Z with (- k + - d)%Z by lia. rewrite bpow_plus, Rmult_assoc.
      rewrite <- (Rmult_1_r (bpow radix2 (- k))) at 2. apply Rmult_le_compat_l; [apply bpow_ge_0 |].
      destruct R as [? | [_ R]]; [contradiction |].
      apply Rle_trans with (bpow radix2 (- d) * bpow radix2 d);
        [now apply Rmult_le_compat_l; [apply bpow_ge_0 |] |].
      rewrite <- bpow_plus. replace (- d + d)%Z with 0%Z by lia. simpl. lra. }
destruct Norm as (V' & W' & D' & R' & EX' & E' & Plain' & P' & Rel).
set (n := normalised x) in *. clearbody n. clear V E EX.
destruct (is_exact_zero (pair n)) as [[Z1 Z2] | NZ].
{ intros [= <-]. cbn [found_hi found_lo found_error].
  rewrite Z2, Rmult_0_r in E'. unfold value in E'. rewrite Z1, (Plain' Z2), Rplus_0_r in E'.
  assert (ZV : V' = 0) by (inv E'; lra).
  rewrite EX', ZV, Rmult_0_l, Rplus_0_r, Rminus_0_r, Rabs_R0, !Rmult_0_r.
  repeat split; try apply double_0; try lra; now left. }
destruct (Z_lt_dec (exponent n) (-400)) as [? | G1]; [discriminate |].
destruct (Z_lt_dec 400 (exponent n)) as [? | G2]; [discriminate |].
assert (R1 : within 800 (hi (number (pair n)))) by (apply within_weaken with 1%Z; [lia | exact R']).
assert (R2 : within 900 (hi (number (pair n)) * bpow radix2 (exponent n))).
{ apply within_weaken with (1 + 400)%Z; [lia |]. apply within_mult; [exact R' |]. right.
  rewrite Rabs_pos_eq by apply bpow_ge_0. split; apply bpow_le; lia. }
destruct (Req_EM_T (error (pair n)) 0) as [Z | NE].
{ rewrite Z, Rmult_0_r in E'.
  destruct (scaled_exactly _ V' (exponent n) W' R1 R2 Z (Plain' Z) E') as (W2 & H & L & Ze & Ev).
  set (z := scaled_carried (pair n) (exponent n)) in *. clearbody z.
  intros [= <-]. cbn [found_hi found_lo found_error].
  assert (Lo := low_part_small _ W2). destruct W2 as (Dh & Dl & _). rewrite EX', Ev. unfold value.
  rewrite Ze, Rminus_diag_eq, Rabs_R0, Rmult_0_r by reflexivity.
  split; [exact Dh |]. split; [exact Dl |]. split; [apply double_0 |]. split; [exact Lo |].
  split; [lra |]. split; now left. }
destruct (Rle_dec (bpow radix2 (-1000)) (error (scaled_carried (pair n) (exponent n)))) as [L | ?];
  [| discriminate].
assert (L0 : bpow radix2 (-1000) <= error (pair n) * bpow radix2 (exponent n)).
{ cbn [scaled_carried error] in L. destruct (rnd_scale (error (pair n)) (exponent n) D') as [<- | [S _]];
    [exact L | exfalso].
  assert (S' := rnd_abs_le _ _ (double_bpow (-1021) ltac:(lia)) (Rlt_le _ _ S)). inv S'.
  assert (bpow radix2 (-1021) < bpow radix2 (-1000)) by (apply bpow_lt; lia). lra. }
destruct (scaled_bound _ V' (exponent n) _ W' D' R1 R2 L0 E') as (W2 & D2 & H & Ee & B).
set (z := scaled_carried (pair n) (exponent n)) in *. clearbody z.
intros [= <-]. cbn [found_hi found_lo found_error].
assert (Lo := low_part_small _ W2). destruct W2 as (Dh & Dl & _). rewrite <- EX' in B. unfold value in B.
assert (P0 := bpow_gt_0 radix2 (-1000)).
split; [exact Dh |]. split; [exact Dl |]. split; [exact D2 |]. split; [exact Lo |].
split; [apply Rle_trans with (1 := B); apply Rmult_le_compat_r; [lra | unfold little; lra] |].
split; [now right |]. right. rewrite H, Ee, Rabs_mult, (Rabs_pos_eq (bpow _ (exponent n))), <- Rmult_assoc
  by apply bpow_ge_0.
apply Rmult_le_compat_r; [apply bpow_ge_0 |]. destruct Rel as [? | Rel]; [contradiction | exact Rel].
Qed.

(* ------------------------------------------------------------------------------- fast_coefficients *)

(* What one coefficient adds to Combination::relative_error. None: the exact coefficients are wanted. An
   error of a coefficient 0 makes the quotient infinite. *)
Definition relative_of (c : found) : option R :=
  if Req_EM_T (found_error c) 0 then Some 0
  else if Req_EM_T (found_hi c) 0 then None
  else
    let r := rnd (rnd (found_error c / Rabs (found_hi c)) * (1 + bpow radix2 (-40))) in
    if Rle_dec r (bpow radix2 (-85)) then Some r else None.

Definition fast_coefficients (x y z : found) : option Elements.combination :=
  match relative_of x, relative_of y, relative_of z with
  | Some r, Some s, Some t =>
      Some (Elements.Combination (found_hi x) (found_hi y) (found_hi z) (found_lo x) (found_lo y) (found_lo z)
        (Rmax (Rmax (Rmax 0 r) s) t))
  | _, _, _ => None
  end.

(* As Elements.coefficient_of_error_bound, with an error that is a little greater than the bound *)
Lemma relative_error_covers c h l e :
  double h -> double l -> Rabs l <= u * Rabs h -> h <> 0 -> Rabs (c - (h + l)) <= (1 + little) * e ->
  bpow radix2 (-1000) <= e / Rabs h ->
  Elements.coefficient h l (rnd (rnd (e / Rabs h) * (1 + bpow radix2 (-40)))) c.
Proof.
intros Dh Dl L NZ E Q. split; [exact Dh |]. split; [exact Dl |]. split; [exact L |].
assert (Ph : 0 < Rabs h) by now apply Rabs_pos_lt. apply Rle_trans with (1 := E).
replace ((1 + little) * e) with ((1 + little) * (e / Rabs h) * Rabs h) by (field; lra).
apply Rmult_le_compat_r; [lra |]. set (q := e / Rabs h) in *.
replace (bpow radix2 (-40)) with (32 * little) by (unfold little; simpl; lra).
assert (P0 := bpow_gt_0 radix2 (-1000)).
assert (G1 := rnd_ge q ltac:(right; apply Rle_trans with (2 := Q), bpow_le; lia)).
assert (N : no_less 1000 (rnd q)) by (apply no_less_rnd; [lia | now right]).
assert (G2 : (1 - u) * (rnd q * (1 + 32 * little)) <= rnd (rnd q * (1 + 32 * little))).
{ apply rnd_ge. apply no_less_weaken with (1000 + 0)%Z; [lia |]. apply no_less_mult; [exact N |].
  right. simpl. unfold little. lra. }
set (x := rnd q) in *. unfold u, little in *. lra.
Qed.

(** A coefficient that put has found and fast_coefficients has accepted is one in the sense of Elements. *)
Lemma found_coefficient x X d k c r :
  approximates x X -> in_band d k (pair x) -> (error (pair x) = 0 -> lo (number (pair x)) = 0) ->
  (0 <= d <= 100)%Z -> (k + d <= 1000)%Z -> put x = Some c -> relative_of c = Some r ->
  Elements.coefficient (found_hi c) (found_lo c) r X /\ 0 <= r <= bpow radix2 (-85).
Proof.
intros A B Plain Bd Bk F.
destruct (put_correct x X d k c A B Plain Bd Bk F) as (Dh & Dl & De & L & E & _ & Q).
unfold relative_of. cbv zeta. assert (P85 := bpow_gt_0 radix2 (-85)).
destruct (Req_EM_T (found_error c) 0) as [Z | NE].
{ intros [= <-]. split; [| lra]. rewrite Z, Rmult_0_r in E. repeat split; trivial. lra. }
destruct (Req_EM_T (found_hi c) 0) as [? | NZ]; [discriminate |].
destruct (Rle_dec (rnd (rnd (found_error c / Rabs (found_hi c)) * (1 + bpow radix2 (-40))))
  (bpow radix2 (-85)))
  as [G | ?]; [| discriminate].
intros [= <-]. destruct Q as [? | Q]; [contradiction |].
assert (Ph : 0 < Rabs (found_hi c)) by now apply Rabs_pos_lt.
assert (Q' : bpow radix2 (-1000) <= found_error c / Rabs (found_hi c)).
{ apply Rmult_le_reg_r with (1 := Ph). unfold Rdiv. rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra.
  apply Rle_trans with (2 := Q). apply Rmult_le_compat_r; [lra |]. apply bpow_le. lia. }
split; [now apply relative_error_covers |]. split; [| exact G].
assert (P0 := bpow_ge_0 radix2 (-1000)). assert (P40 := bpow_ge_0 radix2 (-40)).
apply rnd_pos, Rmult_le_pos; [apply rnd_pos |]; lra.
Qed.

(** Three of them are what Elements assumes of a combination. *)
Theorem fast_coefficients_correct x1 x2 x3 X1 X2 X3 d k c1 c2 c3 c :
  (0 <= d <= 100)%Z -> (k + d <= 1000)%Z ->
  approximates x1 X1 -> in_band d k (pair x1) -> (error (pair x1) = 0 -> lo (number (pair x1)) = 0) ->
  approximates x2 X2 -> in_band d k (pair x2) -> (error (pair x2) = 0 -> lo (number (pair x2)) = 0) ->
  approximates x3 X3 -> in_band d k (pair x3) -> (error (pair x3) = 0 -> lo (number (pair x3)) = 0) ->
  put x1 = Some c1 -> put x2 = Some c2 -> put x3 = Some c3 -> fast_coefficients c1 c2 c3 = Some c ->
  Elements.approximates c X1 X2 X3.
Proof.
intros Bd Bk A1 B1 L1 A2 B2 L2 A3 B3 L3 F1 F2 F3. unfold fast_coefficients.
assert (G1 := fun r => found_coefficient x1 X1 d k c1 r A1 B1 L1 Bd Bk F1).
assert (G2 := fun r => found_coefficient x2 X2 d k c2 r A2 B2 L2 Bd Bk F2).
assert (G3 := fun r => found_coefficient x3 X3 d k c3 r A3 B3 L3 Bd Bk F3).
destruct (relative_of c1) as [r |]; [| discriminate]. destruct (relative_of c2) as [s |]; [| discriminate].
destruct (relative_of c3) as [t |]; [| discriminate]. intros [= <-].
destruct (G1 r eq_refl) as [C1 R1], (G2 s eq_refl) as [C2 R2], (G3 t eq_refl) as [C3 R3].
assert (Le1 : bpow radix2 (-85) <= 1) by (change 1 with (bpow radix2 0); apply bpow_le; lia).
rewrite (Rmax_right 0 r) by lra. assert (M1 := Rmax_l r s). assert (M2 := Rmax_r r s).
assert (M3 := Rmax_l (Rmax r s) t). assert (M4 := Rmax_r (Rmax r s) t).
assert (U := Rmax_lub _ _ _ (Rmax_lub _ _ _ (proj2 R1) (proj2 R2)) (proj2 R3)).
split; cbn [Elements.relative_error Elements.h1 Elements.h2 Elements.h3 Elements.l1 Elements.l2 Elements.l3];
  [lra |].
split; [| split]; [apply Elements.coefficient_weaker with (2 := C1)
  | apply Elements.coefficient_weaker with (2 := C2) | apply Elements.coefficient_weaker with (2 := C3)]; lra.
Qed.

(* ------------------------------------------------------------------------------- formulas, once more *)

Section Bands.
Variable two_product : R -> R -> unevaluated.
Hypothesis TP : product_exact two_product.
Variable A : Type.
Variable approximation_of : A -> approximation.
Variable real : A -> R.
Hypothesis inputs_right : forall i, approximates (approximation_of i) (real i).

Notation evaluate := (evaluate two_product A approximation_of).
Notation in_range_throughout := (in_range_throughout two_product A approximation_of real).
Notation fits := (fits two_product A approximation_of real).
Notation positive := (positive two_product A approximation_of).
Let correct := evaluation_correct two_product TP A approximation_of real inputs_right.

Lemma evaluate_sum a b r : in_range_throughout (Sum a b) -> evaluate (Sum a b) = Some r ->
  exists x y, evaluate a = Some x /\ evaluate b = Some y /\ r = add_scaled x y /\ not_cancelled x y /\
    in_band 100 770 (pair x) /\ in_band 100 770 (pair y).
Proof.
cbn [Scalars.in_range_throughout Scalars.evaluate]. intros (_ & _ & H).
destruct (evaluate a) as [x |]; [| discriminate]. destruct (evaluate b) as [y |]; [| discriminate].
intros E. destruct (add_decided_inv _ _ _ E) as [NC ->]. destruct (H x y eq_refl eq_refl) as (B1 & B2).
exists x, y. auto 6.
Qed.

(** A result that is exact has no low part, if the quantities are so: no operation but the opposite returns
    one with an error of 0 unless it is 0. *)
Definition plain (x : carried) := error x = 0 -> lo (number x) = 0.

Lemma rnd_term_0 S D : double D -> 0 <= D -> D <= S -> double S -> rnd (slack * S) = 0 -> D = 0.
Proof. intros DD P L DS Z. assert (G := slack_ge S DS ltac:(lra)). lra. Qed.

Lemma plain_product x y : double_word (number x) -> double_word (number y) ->
  product_in_range x y -> 0 <= error x -> 0 <= error y -> plain (multiply_carried two_product x y).
Proof.
intros Wx Wy (Rx & Ry & _) Px Py Z.
destruct (multiply_error two_product _ _ TP Wx Wy Rx Ry) as [Wz Ez].
unfold multiply_carried in Z |- *. cbv zeta in Z |- *. cbn [number error] in Z |- *.
rewrite (product_hi _ _ _ TP (proj1 Wx) (proj1 Wy) Rx Ry) in Z.
assert (RP := within_mult _ _ _ _ Rx Ry).
assert (ND0 := square_unit_no_less 8 _ _ ltac:(lra) (within_rnd (100 + 100) _ ltac:(lia) RP)).
assert (PD := no_less_pos _ _ ND0).
apply rnd_term_0 with (D := rnd (8 * (u * u) * Rabs (rnd (hi (number x) * hi (number y))))) in Z;
  try apply double_rnd.
2: { now apply rnd_pos. }
2: { apply rnd_sum_ge_r; [apply double_rnd |]. apply rnd_pos, Rplus_le_le_0_compat; apply rnd_pos;
     [apply Rplus_le_le_0_compat; apply rnd_pos |]; apply Rmult_le_pos; trivial; apply Rabs_pos. }
assert (Zp : rnd (hi (number x) * hi (number y)) = 0).
{ destruct (Req_dec (rnd (hi (number x) * hi (number y))) 0) as [? | N]; [assumption | exfalso].
  revert Z. apply (rnd_not_zero (106 + (100 + 100))); [lia | exact ND0 |].
  apply Rmult_integral_contrapositive_currified; [unfold u; lra | now apply Rabs_no_R0]. }
apply (rnd_zero_inv (100 + 100)) in Zp; [| lia | exact RP].
apply low_part_zero; [exact Wz |]. destruct Wz as (_ & _ & Eh). rewrite Eh.
rewrite Zp, rnd_0, Rabs_R0, Rmult_0_r in Ez. set (z := multiply _ _ _) in *.
assert (Zv : value (number x) * value (number y) = 0).
{ unfold value. apply Rmult_integral in Zp. destruct Zp as [Zh | Zh]; rewrite Zh.
  - rewrite (low_part_zero _ Wx Zh). ring.
  - rewrite (low_part_zero _ Wy Zh). ring. }
rewrite Zv in Ez. replace (hi z + lo z) with 0; [apply rnd_0 |]. unfold value in Ez. inv Ez. lra.
Qed.

Lemma plain_quotient x y : double_word (number x) -> double_word (number y) ->
  quotient_in_range x y -> hi (number y) <> 0 -> 0 <= error x -> 0 <= error y ->
  plain (divide_carried two_product x y).
Proof.
intros Wx Wy (Rx & Ry & _) NZ Px Py Z.
destruct (divide_error two_product _ _ TP Wx Wy Rx Ry NZ) as [Wz Ez].
unfold divide_carried in Z |- *. cbv zeta in Z |- *. cbn [number error] in Z |- *.
assert (RP := within_div _ _ _ _ Rx Ry NZ).
assert (ND0 := square_unit_no_less 15 _ _ ltac:(lra) (within_rnd (100 + 100) _ ltac:(lia) RP)).
assert (PD := no_less_pos _ _ ND0). set (q := rnd (hi (number x) / hi (number y))) in *.
apply rnd_term_0 with (D := rnd (15 * (u * u) * Rabs q)) in Z; try apply double_rnd.
2: { now apply rnd_pos. }
2: { apply rnd_sum_ge_r; [apply double_rnd |]. apply rnd_pos, Rmult_le_pos; apply rnd_pos.
     - apply Rmult_le_pos; [lra | apply Rabs_pos].
     - apply Rplus_le_le_0_compat; [exact Px |]. apply rnd_pos, Rmult_le_pos; [apply Rabs_pos | exact Py]. }
assert (Zq : q = 0).
{ destruct (Req_dec q 0) as [? | N]; [assumption | exfalso].
  revert Z. apply (rnd_not_zero (106 + (100 + 100))); [lia | exact ND0 |].
  apply Rmult_integral_contrapositive_currified; [unfold u; lra | now apply Rabs_no_R0]. }
assert (Zx := rnd_zero_inv (100 + 100) _ ltac:(lia) RP Zq).
assert (Zh : hi (number x) = 0).
{ unfold Rdiv in Zx. apply Rmult_integral in Zx. destruct Zx as [? | Zx]; [assumption |].
  now apply Rinv_neq_0_compat in Zx. }
apply low_part_zero; [exact Wz |]. destruct Wz as (_ & _ & Eh). rewrite Eh.
fold q in Ez. rewrite Zq, Rabs_R0, Rmult_0_r in Ez. set (z := divide _ _ _) in *.
assert (Zv : value (number x) / value (number y) = 0).
{ unfold value at 1. rewrite Zh, (low_part_zero _ Wx Zh). unfold Rdiv. ring. }
rewrite Zv in Ez. replace (hi z + lo z) with 0; [apply rnd_0 |]. unfold value in Ez. inv Ez. lra.
Qed.

Lemma plain_root x : within 100 (hi (number x)) -> 0 <= error x -> plain (square_root_carried two_product x).
Proof.
intros Rx Px. unfold plain, square_root_carried. destruct (Rlt_dec 0 (hi (number x))) as [Ph | _];
  [| reflexivity].
cbv zeta. cbn [number error]. intros Z. exfalso. set (h := hi (number x)) in *.
assert (PT : 0 < sqrt h) by now apply sqrt_lt_R0.
assert (RT : within 50 (sqrt h)).
{ destruct Rx as [? | [R1 R2]]; [lra |]. rewrite Rabs_pos_eq in R1, R2 by lra.
  right. rewrite Rabs_pos_eq by lra.
  change (- (50))%Z with (-50)%Z.
  split; [rewrite <- (sqrt_bpow (-50)) | rewrite <- (sqrt_bpow 50)]; apply sqrt_le_1_alt; assumption. }
assert (RS := within_rnd 50 _ ltac:(lia) RT). assert (ND0 := square_unit_no_less (45 / 8) _ _ ltac:(lra) RS).
rewrite (Rabs_pos_eq (rnd (sqrt h))) in ND0 by (apply rnd_pos; lra).
apply rnd_term_0 with (D := rnd (45 / 8 * (u * u) * rnd (sqrt h))) in Z; try apply double_rnd.
- revert Z. apply (rnd_not_zero (106 + 50)); [lia | exact ND0 |].
  apply Rmult_integral_contrapositive_currified; [unfold u; lra |].
  intros Zr. apply (rnd_zero_inv 50) in Zr; [lra | lia | exact RT].
- now apply rnd_pos, no_less_pos with (1 := ND0).
- apply rnd_sum_ge_r; [apply double_rnd |]. destruct Rle_dec; [| apply rnd_pos, sqrt_pos].
  apply rnd_pos, Rmult_le_pos; apply rnd_pos; [apply Rmult_le_pos; lra |].
  unfold Rdiv. rewrite Rmult_1_l. destruct (Req_dec (rnd (sqrt h)) 0) as [-> | NZ]; [rewrite Rinv_0; lra |].
  apply Rlt_le, Rinv_0_lt_compat. assert (0 <= rnd (sqrt h)) by (apply rnd_pos; lra). lra.
Qed.

Lemma plain_sum x y X Y : approximates x X -> approximates y Y ->
  in_band 100 770 (pair x) -> in_band 100 770 (pair y) -> not_cancelled x y ->
  plain (pair x) -> plain (pair y) -> plain (pair (add_scaled x y)).
Proof.
intros AX AY Bx By NC Lx Ly. unfold add_scaled. cbv zeta. set (e := Z.max (exponent x) (exponent y)) in *.
assert (Neglect : forall large small, 0 <= error large -> 0 <= error small -> double (error large) ->
  plain large -> plain (with_neglected large small)).
{ intros large small Pl Ps Dl L. unfold plain, with_neglected. cbn [number error]. intros Z. apply L.
  assert (PB : 0 <= rnd (far * rnd (Rabs (hi (number small)) + error small))).
  { apply rnd_pos, Rmult_le_pos; [unfold far; lra |]. apply rnd_pos, Rplus_le_le_0_compat;
      [apply Rabs_pos | exact Ps]. }
  apply rnd_term_0 with (3 := rnd_sum_ge_l _ _ Dl PB) in Z; trivial. apply double_rnd. }
destruct (Z.ltb_spec (exponent x - e + (exponent y - e)) (-128)) as [Far | Near].
- destruct (is_exact_zero (pair x)); [exact Ly |]. destruct (is_exact_zero (pair y)); [exact Lx |].
  destruct AX as (V & (_ & Dx & Px & _) & _), AY as (U & (_ & Dy & Py & _) & _).
  destruct (exponent x - e =? 0)%Z; cbn [pair]; apply Neglect; trivial.
- assert (G := aligned_sum_correct x y X Y AX AY Bx By NC ltac:(lia)). fold e in G.
  destruct G as (S & SS & _). cbn [pair] in SS. specialize (NC ltac:(lia)).
  destruct AX as (V & SX & _), AY as (U & SY & _).
  destruct (scaled_down _ _ 100 770 (exponent x - e) SX ltac:(lia) Bx ltac:(lia) ltac:(lia))
    as ((_ & _ & P1 & _) & _).
  destruct (scaled_down _ _ 100 770 (exponent y - e) SY ltac:(lia) By ltac:(lia) ltac:(lia))
    as ((_ & _ & P2 & _) & _).
  assert (GE : u * u * Rabs (hi (number (aligned_sum x y))) <= error (aligned_sum x y))
    by exact (add_carried_error_ge _ _ NC P1 P2).
  assert (H0 : error (aligned_sum x y) = 0 -> hi (number (aligned_sum x y)) = 0).
  { intros Z. rewrite Z in GE. destruct (Req_dec (hi (number (aligned_sum x y))) 0) as [? | NZ];
      [assumption |]. apply Rabs_pos_lt in NZ. unfold u in GE. lra. }
  set (z := Approximation (aligned_sum x y) e).
  assert (Lz : plain (pair z)) by (intros Z; apply low_part_zero; [apply SS | now apply H0]).
  destruct (Rlt_dec (Rabs (hi (number (pair z)))) (/ 256)) as [L | _]; [| exact Lz].
  unfold normalised. destruct (Req_EM_T (hi (number (pair z))) 0) as [Z | NZ]; [exact Lz |].
  cbn [z pair] in *. intros Z. exfalso. apply NZ, H0.
  destruct (normalised_exact _ _ SS NC ltac:(lra) NZ) as (_ & _ & _ & EE & _).
  rewrite EE in Z. apply Rmult_integral in Z. destruct Z as [? | Z]; [assumption |].
  assert (P := bpow_gt_0 radix2 (- exponent_of (hi (number (aligned_sum x y))))). lra.
Qed.

Lemma plain_throughout e r : (forall i, plain (pair (approximation_of i))) ->
  in_range_throughout e -> evaluate e = Some r -> plain (pair r).
Proof.
intros L. revert r. induction e as [i | a IHa b IHb | a IHa | a IHa b IHb | a IHa b IHb | a IHa | a IHa k];
  intros r.
- intros _ [= <-]. apply L.
- intros RT Ev. destruct (evaluate_sum a b r RT Ev) as (x & y & Ea & Eb & -> & NC & B1 & B2).
  destruct RT as (Ra & Rb & _).
  apply plain_sum with (exact real a) (exact real b); auto; now apply correct.
- cbn [Scalars.in_range_throughout Scalars.evaluate]. intros Ra.
  destruct (evaluate a) as [x |]; [| discriminate]. intros [= <-]. intros Z.
  cbn [opposite_scaled pair number error lo] in *. rewrite (IHa x Ra eq_refl Z). ring.
- cbn [Scalars.in_range_throughout Scalars.evaluate]. intros (Ra & Rb & H).
  assert (Ca := fun x => correct a x Ra). assert (Cb := fun x => correct b x Rb).
  destruct (evaluate a) as [x |]; [| discriminate].
  destruct (evaluate b) as [y |]; [| discriminate]. intros [= <-].
  destruct (Ca x eq_refl) as (V & (Wx & _ & Px & _) & _).
  destruct (Cb y eq_refl) as (U & (Wy & _ & Py & _) & _). apply plain_product; auto.
- cbn [Scalars.in_range_throughout Scalars.evaluate]. intros (Ra & Rb & H).
  assert (Ca := fun x => correct a x Ra). assert (Cb := fun x => correct b x Rb).
  destruct (evaluate a) as [x |]; [| discriminate].
  destruct (evaluate b) as [y |]; [| discriminate].
  destruct (is_divisor_decided (pair y)) as [[NZ _] |]; [| discriminate]. intros [= <-].
  destruct (Ca x eq_refl) as (V & (Wx & _ & Px & _) & _).
  destruct (Cb y eq_refl) as (U & (Wy & _ & Py & _) & _). apply plain_quotient; auto.
- cbn [Scalars.in_range_throughout Scalars.evaluate]. intros (Ra & P & H).
  assert (Ca := fun x => correct a x Ra). destruct (evaluate a) as [x |]; [| discriminate]. intros [= <-].
  destruct (Ca x eq_refl) as (V & SX & _). cbn [root_scaled pair].
  assert (O : (0 <= exponent x mod 2 < 2)%Z) by (apply Z.mod_pos_bound; lia).
  destruct (scaled_by_odd _ _ 99 900 (exponent x mod 2) SX (H x eq_refl) ltac:(lia) ltac:(lia) ltac:(lia))
    as ((_ & _ & Ps & _) & (B & _) & _).
  apply plain_root; [exact B | exact Ps].
- cbn [Scalars.in_range_throughout Scalars.evaluate]. intros Ra.
  destruct (evaluate a) as [x |]; [| discriminate]. intros [= <-]. exact (IHa x Ra eq_refl).
Qed.

(* Sums, products, quotients and roots of what is positive; their errors are not small whatever those of
   their parts are *)
Lemma positive_sum d k a b : fits d k a -> fits d k b -> positive a -> positive b ->
  in_range_throughout (Sum a b) -> (0 <= d <= 98)%Z -> (k <= 770)%Z -> positive (Sum a b).
Proof.
intros [RA BA] [RB BB] PA PB RT Bd Bk r Ev.
destruct (evaluate_sum a b r RT Ev) as (x & y & Ea & Eb & -> & NC & _).
assert (AX := correct a x RA Ea). assert (AY := correct b y RB Eb).
specialize (BA x Ea). specialize (BB y Eb). specialize (PA x Ea). specialize (PB y Eb).
assert (Sum := aligned_sum_not_negative x y _ _ d k AX AY BA BB Bd Bk (Rlt_le _ _ PA) (Rlt_le _ _ PB)).
unfold add_scaled. cbv zeta. set (e := Z.max (exponent x) (exponent y)) in *.
destruct (Z.ltb_spec (exponent x - e + (exponent y - e)) (-128)) as [Far | Near].
- destruct (is_exact_zero (pair x)) as [_ | _]; [exact PB |].
  destruct (is_exact_zero (pair y)) as [_ | _]; [exact PA |]. destruct (exponent x - e =? 0)%Z; assumption.
- destruct (Sum ltac:(lia)) as (N & _ & P). specialize (P PA).
  set (z := Approximation (aligned_sum x y) e).
  destruct (Rlt_dec (Rabs (hi (number (pair z)))) (/ 256)) as [L | _]; [| exact P].
  unfold normalised. destruct (Req_EM_T (hi (number (pair z))) 0) as [Z | NZ]; [exact P |].
  assert (AZ := aligned_sum_correct x y _ _ AX AY (in_band_weaken d k 100 770 _ ltac:(lia) ltac:(lia) BA)
    (in_band_weaken d k 100 770 _ ltac:(lia) ltac:(lia) BB) NC ltac:(lia)).
  destruct AZ as (S & SS & _). cbn [z pair] in *.
  destruct (normalised_exact _ _ SS N ltac:(lra) NZ) as (_ & _ & -> & _).
  apply Rmult_lt_0_compat; [exact P | apply bpow_gt_0].
Qed.

Lemma fits_positive_product dx kx dy ky d k a b : fits dx kx a -> fits dy ky b -> positive a -> positive b ->
  (0 <= dx <= 100)%Z -> (0 <= dy <= 100)%Z -> (kx <= 900)%Z -> (ky <= 900)%Z -> (kx + ky <= 1000)%Z ->
  d = (dx + dy + 1)%Z -> (106 + dx + dy <= k <= 1000)%Z -> fits d k (Product a b) /\ positive (Product a b).
Proof.
intros FA FB PA PB Dx Dy Kx Ky KK Ed K. split.
- apply (fits_product_not_zero two_product TP A approximation_of real inputs_right dx kx dy ky); trivial;
    now apply positive_not_zero.
- apply (positive_product two_product TP A approximation_of real inputs_right dx kx dy ky); trivial.
Qed.

Lemma fits_positive_quotient dx kx dy ky d k a b : fits dx kx a -> fits dy ky b ->
  positive a -> positive b ->
  (0 <= dx <= 100)%Z -> (0 <= dy <= 100)%Z -> (kx <= 880)%Z -> (0 <= ky <= 690)%Z -> d = (dx + dy + 1)%Z ->
  (106 + dx + dy <= k <= 1000)%Z -> fits d k (Quotient a b) /\ positive (Quotient a b).
Proof.
intros FA FB PA PB Dx Dy Kx Ky -> K.
assert (Pq := positive_quotient two_product TP A approximation_of real inputs_right dx kx dy ky a b FA FB
  Dx Dy Ky PA PB).
split; [| exact Pq]. destruct FA as [RA BA], FB as [RB BB]. split.
- split; [exact RA |]. split; [exact RB |]. intros x y E1 E2.
  destruct (BA x E1) as (W1 & N1 & _), (BB y E2) as (W2 & N2 & _).
  split; [apply (within_weaken dx); [lia | exact W1] |].
  split; [apply (within_weaken dy); [lia | exact W2] |]. split; [weaker N1 | weaker N2].
- intros r. cbn [Scalars.evaluate]. assert (Ca := fun x => correct a x RA).
  assert (Cb := fun x => correct b x RB). unfold Scalars.positive in PA.
  destruct (evaluate a) as [x |]; [| discriminate]. destruct (evaluate b) as [y |]; [| discriminate].
  destruct (is_divisor_decided (pair y)) as [[NZ _] |]; [| discriminate].
  intros [= <-]. specialize (PA x eq_refl).
  destruct (Ca x eq_refl) as (V & (Wx & Ex & _) & _). destruct (Cb y eq_refl) as (U & (Wy & Ey & _) & _).
  apply (divide_carried_band two_product (pair x) (pair y) dx dy kx ky k); auto. left. lra.
Qed.

Lemma fits_positive_root d kx e k a : fits d kx a -> positive a -> (0 <= d <= 98)%Z -> (kx <= 900)%Z ->
  (0 <= e <= 100)%Z -> (d + 1 <= e + e)%Z -> (106 + e <= k <= 1000)%Z -> 0 <= exact real a ->
  fits (e + 1) k (Root a) /\ positive (Root a).
Proof.
intros [RA BA] PA D Kx He De K P.
assert (H : forall r, evaluate (Root a) = Some r -> in_band (e + 1) k (pair r) /\ 0 < hi (number (pair r))).
{ intros r. cbn [Scalars.evaluate]. assert (Ca := fun x => correct a x RA). unfold Scalars.positive in PA.
  destruct (evaluate a) as [x |]; [| discriminate].
  intros [= <-]. destruct (Ca x eq_refl) as (V & SX & _). cbn [root_scaled pair].
  assert (O : (0 <= exponent x mod 2 < 2)%Z) by (apply Z.mod_pos_bound; lia).
  destruct (scaled_by_odd _ _ d kx (exponent x mod 2) SX (BA x eq_refl) ltac:(lia) ltac:(lia) ltac:(lia))
    as ((W & Dd & _) & B & Eh & _).
  assert (Ph : 0 < hi (number (scaled_carried (pair x) (exponent x mod 2)))).
  { rewrite Eh. apply Rmult_lt_0_compat; [now apply PA | apply bpow_gt_0]. }
  destruct (square_root_carried_band two_product _ (d + 1) kx k e TP W Dd B) as (B' & P' & _); auto; lia. }
split; [split |].
- cbn [Scalars.in_range_throughout]. split; [exact RA |]. split; [exact P |]. intros x E.
  apply (in_band_weaken d kx); auto; lia.
- intros r E. now apply H.
- intros r E. now apply H.
Qed.

Lemma positive_shift e s : positive e -> positive (Shift e s).
Proof.
intros P r. unfold Scalars.positive in P. cbn [Scalars.evaluate]. destruct (evaluate e) as [x |];
  [| discriminate].
intros [= <-]. exact (P x eq_refl).
Qed.

Lemma fits_positive_sum d k D K a b : fits d k a -> fits d k b -> positive a -> positive b ->
  (0 <= d <= 98)%Z -> (k <= 770)%Z -> (8 <= D)%Z -> (d + 2 <= D)%Z ->
  (k + 130 <= K)%Z \/ (k + d + d + 1 <= K)%Z -> (d + 130 <= K)%Z -> (K <= 900)%Z ->
  fits D K (Sum a b) /\ positive (Sum a b).
Proof.
intros FA FB PA PB Bd Bk H1 H2 H3 H4 H5.
assert (F : fits D K (Sum a b)).
{ apply (fits_sum_or two_product TP A approximation_of real inputs_right d k); trivial.
  destruct H3 as [H3 | H3]; [now left | right]. repeat split; trivial; now apply positive_not_zero. }
split; [exact F |]. apply positive_sum with d k; trivial. apply F.
Qed.
End Bands.

(* ------------------------------------------------------------------------------------- the operators *)

(** What the coefficients are made of: gg = |g|^2, p = <g, y>, yy = |y|^2, gg yy, the parameter a where it is
    not yy/p, gx = <g, x>, yx = <y, x>, gg yx - p gx and yy gx - p yx *)
Inductive quantity := GG | P | YY | Gram_product | One | Zero | Given_alpha | GX | YX | Y_part | G_part.

Inductive operator := Apply | Solve | Factor_apply | Factor_transpose_apply | Factor_solve
  | Factor_transpose_solve | Root_apply | Root_solve.

Definition Difference {A} (a b : formula A) := Sum a (Opposite b).

(* The formulas of decide_coefficients; [optimal]: a is yy/p, and a p is yy *)
Section Operators.
Variable optimal : bool.

Definition star := Quotient (Quantity YY) (Quantity P).
Definition alpha := if optimal then star else Quantity Given_alpha.
Definition alpha_p := if optimal then Quantity YY else Product alpha (Quantity P).
Definition root_alpha := Root alpha.
Definition delta := Root (Quotient alpha_p (Quantity GG)).
Definition p_gg_root := Root (Product (Quantity P) (Quantity GG)).
Definition p_root_alpha := Product (Quantity P) root_alpha.
Definition apply_weight := Quotient (Quantity GX) p_gg_root.
Definition solve_weight := Quotient (Quantity GX) p_root_alpha.
Definition tau := Root (Sum (Sum alpha star) (Shift delta 1)).
Definition y_part := Quotient (Quantity Y_part) (Quantity Gram_product).
Definition g_part := Quotient (Quantity G_part) (Quantity Gram_product).
Definition apply_k := Quotient (Product alpha star)
  (Product tau (Sum (Sum alpha delta) (Product root_alpha tau))).
Definition tau_delta := Product tau delta.
Definition solve_k := Quotient (Product (Product alpha star) (Sum star (Shift delta 1)))
  (Product (Product tau_delta root_alpha) (Sum (Product root_alpha (Sum star delta)) tau_delta)).

Definition of_y (which : operator) : formula quantity :=
  match which with
  | Apply => Quotient (Quantity YX) (Quantity P)
  | Solve => Opposite (Quotient (Quantity GX) alpha_p)
  | Factor_apply => apply_weight
  | Factor_solve => Opposite solve_weight
  | Factor_transpose_apply | Factor_transpose_solve => Quantity Zero
  | Root_apply => Difference (Quotient (Quantity YX) (Product (Quantity P) tau)) (Product apply_k y_part)
  | Root_solve =>
      Difference (Product solve_k y_part) (Quotient (Quantity YX) (Product (Quantity P) tau_delta))
  end.

Definition of_x (which : operator) : formula quantity :=
  match which with
  | Apply => alpha
  | Solve => Quotient (Quantity One) alpha
  | Factor_apply | Factor_transpose_apply | Root_apply => root_alpha
  | Factor_solve | Factor_transpose_solve | Root_solve => Quotient (Quantity One) root_alpha
  end.

Definition of_g (which : operator) : formula quantity :=
  match which with
  | Apply => Opposite (Quotient (Product alpha (Quantity GX)) (Quantity GG))
  | Solve => Quotient (Difference (Product (Sum star alpha) (Quantity GX)) (Quantity YX)) alpha_p
  | Factor_apply => Opposite (Product delta apply_weight)
  | Factor_transpose_apply => Quotient (Difference (Quantity YX) (Product delta (Quantity GX))) p_gg_root
  | Factor_solve => Product delta solve_weight
  | Factor_transpose_solve => Quotient (Difference (Product delta (Quantity GX)) (Quantity YX)) p_root_alpha
  | Root_apply =>
      Difference (Opposite (Quotient (Product alpha (Quantity GX)) (Product (Quantity GG) tau)))
        (Product apply_k g_part)
  | Root_solve =>
      Sum (Quotient (Product alpha (Quantity GX)) (Product (Quantity GG) tau_delta)) (Product solve_k g_part)
  end.
End Operators.

(* Their meaning *)
Section Reals.
Variables gg p yy a gx yx : R.

Definition real_quantity (i : quantity) : R :=
  match i with
  | GG => gg | P => p | YY => yy
  | Gram_product => gg * yy
  | One => 1 | Zero => 0
  | Given_alpha => a
  | GX => gx | YX => yx
  | Y_part => gg * yx - p * gx
  | G_part => yy * gx - p * yx
  end.

Variable optimal : bool.
Definition real_alpha := if optimal then yy / p else a.
Definition real_alpha_p := if optimal then yy else a * p.
Definition real_delta := sqrt (real_alpha_p / gg).
Definition real_tau := sqrt (real_alpha + yy / p + 2 * real_delta).
Definition real_apply_k := real_alpha * (yy / p)
  / (real_tau * (real_alpha + real_delta + sqrt real_alpha * real_tau)).
Definition real_solve_k := real_alpha * (yy / p) * (yy / p + 2 * real_delta)
  / (real_tau * real_delta * sqrt real_alpha
     * (sqrt real_alpha * (yy / p + real_delta) + real_tau * real_delta)).

Definition real_of_y (which : operator) : R :=
  match which with
  | Apply => yx / p
  | Solve => - (gx / real_alpha_p)
  | Factor_apply => gx / sqrt (p * gg)
  | Factor_solve => - (gx / (p * sqrt real_alpha))
  | Factor_transpose_apply | Factor_transpose_solve => 0
  | Root_apply => yx / (p * real_tau) - real_apply_k * ((gg * yx - p * gx) / (gg * yy))
  | Root_solve => real_solve_k * ((gg * yx - p * gx) / (gg * yy)) - yx / (p * (real_tau * real_delta))
  end.

Definition real_of_x (which : operator) : R :=
  match which with
  | Apply => real_alpha
  | Solve => 1 / real_alpha
  | Factor_apply | Factor_transpose_apply | Root_apply => sqrt real_alpha
  | Factor_solve | Factor_transpose_solve | Root_solve => 1 / sqrt real_alpha
  end.

Definition real_of_g (which : operator) : R :=
  match which with
  | Apply => - (real_alpha * gx / gg)
  | Solve => ((yy / p + real_alpha) * gx - yx) / real_alpha_p
  | Factor_apply => - (real_delta * (gx / sqrt (p * gg)))
  | Factor_transpose_apply => (yx - real_delta * gx) / sqrt (p * gg)
  | Factor_solve => real_delta * (gx / (p * sqrt real_alpha))
  | Factor_transpose_solve => (real_delta * gx - yx) / (p * sqrt real_alpha)
  | Root_apply => - (real_alpha * gx / (gg * real_tau)) - real_apply_k * ((yy * gx - p * yx) / (gg * yy))
  | Root_solve =>
      real_alpha * gx / (gg * (real_tau * real_delta)) + real_solve_k * ((yy * gx - p * yx) / (gg * yy))
  end.

Lemma exact_alpha : exact real_quantity (alpha optimal) = real_alpha.
Proof. unfold alpha, real_alpha. now destruct optimal. Qed.

Lemma exact_alpha_p : exact real_quantity (alpha_p optimal) = real_alpha_p.
Proof. unfold alpha_p, real_alpha_p, alpha. now destruct optimal. Qed.

Lemma exact_delta : exact real_quantity (delta optimal) = real_delta.
Proof. unfold delta, real_delta. cbn [exact]. now rewrite exact_alpha_p. Qed.

Lemma exact_tau : exact real_quantity (tau optimal) = real_tau.
Proof.
unfold tau, real_tau. cbn [exact]. rewrite exact_alpha, exact_delta. change (bpow radix2 1) with 2.
rewrite (Rmult_comm real_delta). reflexivity.
Qed.

Lemma exact_apply_k : exact real_quantity (apply_k optimal) = real_apply_k.
Proof.
unfold apply_k, real_apply_k, root_alpha. cbn [exact]. now rewrite exact_alpha, exact_delta, exact_tau.
Qed.

Lemma exact_solve_k : exact real_quantity (solve_k optimal) = real_solve_k.
Proof.
unfold solve_k, real_solve_k, root_alpha, tau_delta. cbn [exact].
rewrite exact_alpha, exact_delta, exact_tau. change (bpow radix2 1) with 2. rewrite (Rmult_comm real_delta 2).
reflexivity.
Qed.

(** The formulas' values, written out *)
Lemma exact_of_y which : exact real_quantity (of_y optimal which) = real_of_y which.
Proof.
destruct which; cbn [of_y real_of_y exact Difference];
  unfold apply_weight, solve_weight, p_gg_root, p_root_alpha, root_alpha, y_part, tau_delta, Rminus;
  cbn [exact]; now rewrite ?exact_alpha_p, ?exact_alpha, ?exact_apply_k, ?exact_solve_k, ?exact_tau,
    ?exact_delta.
Qed.

Lemma exact_of_x which : exact real_quantity (of_x optimal which) = real_of_x which.
Proof.
destruct which; cbn [of_x real_of_x exact]; unfold root_alpha; cbn [exact]; now rewrite ?exact_alpha.
Qed.

Lemma exact_of_g which : exact real_quantity (of_g optimal which) = real_of_g which.
Proof.
destruct which; cbn [of_g real_of_g exact Difference];
  unfold apply_weight, solve_weight, p_gg_root, p_root_alpha, root_alpha, g_part, tau_delta, Rminus;
  cbn [exact]; now rewrite ?exact_alpha_p, ?exact_alpha, ?exact_apply_k, ?exact_solve_k, ?exact_tau,
    ?exact_delta.
Qed.
End Reals.

Section Decision.
Variable two_product : R -> R -> unevaluated.
Hypothesis TP : product_exact two_product.
Variables gg p yy a gx yx : R.
Hypothesis gg_positive : 0 < gg.
Hypothesis p_positive : 0 < p.
Hypothesis yy_positive : 0 < yy.
Variable optimal : bool.

Notation real := (real_quantity gg p yy a gx yx).
Notation alpha := (alpha optimal).
Notation alpha_p := (alpha_p optimal).
Notation root_alpha := (root_alpha optimal).
Notation delta := (delta optimal).
Notation tau := (tau optimal).
Notation tau_delta := (tau_delta optimal).

(* The least that the errors are, if not 0: gg yx - p gx and yy gx - p yx may be 0 but for their errors; a may
   have been computed *)
Definition width (i : quantity) : Z := match i with Given_alpha => 10 | _ => 1 end.
Definition error_band (i : quantity) : Z :=
  match i with One | Zero => 0 | Given_alpha => 115 | Y_part | G_part => 192 | _ => 107 end.

Variable given : quantity -> approximation.
Hypothesis given_right : forall i, approximates (given i) (real i).
Hypothesis given_in_band : forall i, in_band (width i) (error_band i) (pair (given i)).
Hypothesis given_positive : forall i, i = GG \/ i = P \/ i = YY \/ i = Gram_product \/ i = One ->
  0 < hi (number (pair (given i))).
Hypothesis given_plain : forall i, plain (pair (given i)).

Notation evaluate := (evaluate two_product quantity given).
Notation fits := (fits two_product quantity given real).
Notation positive := (positive two_product quantity given).
Let quotient_fits := fits_quotient two_product TP quantity given real given_right.
Let product_fits := fits_product two_product TP quantity given real given_right.
Let sum_fits := fits_sum two_product TP quantity given real given_right.
Let opposite_fits := fits_opposite two_product quantity given real.
Let positive_quotient_fits := fits_positive_quotient two_product TP quantity given real given_right.
Let positive_product_fits := fits_positive_product two_product TP quantity given real given_right.
Let positive_sum_fits := fits_positive_sum two_product TP quantity given real given_right.
Let positive_root_fits := fits_positive_root two_product TP quantity given real given_right.
Let weaken := fits_weaken two_product quantity given real.

Lemma fits_given i : fits (width i) (error_band i) (Quantity i).
Proof. split; [exact I |]. intros r [= <-]. apply given_in_band. Qed.

Lemma positive_given i : i = GG \/ i = P \/ i = YY \/ i = Gram_product \/ i = One -> positive (Quantity i).
Proof. intros H r [= <-]. now apply given_positive. Qed.

Ltac side := first [lia | reflexivity | split; lia | auto; fail].

(* A parameter a that is certainly positive *)
Section Positive_alpha.
Hypothesis a_positive : optimal = false -> 0 < a.
Hypothesis a_given_positive : optimal = false -> 0 < hi (number (pair (given Given_alpha))).

Lemma star_positive : 0 < yy / p.
Proof. apply Rmult_lt_0_compat; [exact yy_positive | now apply Rinv_0_lt_compat]. Qed.

Lemma alpha_real_positive : 0 < exact real alpha.
Proof.
rewrite exact_alpha. unfold real_alpha. destruct optimal; [apply star_positive | now apply a_positive].
Qed.

Lemma alpha_p_real_positive : 0 < exact real alpha_p.
Proof.
rewrite exact_alpha_p. unfold real_alpha_p. destruct optimal; [exact yy_positive |].
apply Rmult_lt_0_compat; [now apply a_positive | exact p_positive].
Qed.

Lemma fits_star : fits 3 108 star /\ positive star.
Proof.
apply (positive_quotient_fits 1 107 1 107); try side;
  [apply (fits_given YY) | apply (fits_given P) | apply positive_given; auto | apply positive_given; auto].
Qed.

Lemma fits_alpha : fits 10 115 alpha /\ positive alpha.
Proof.
unfold Coefficients.alpha. destruct fits_star as [F Q]. destruct optimal.
- split; [| exact Q]. apply (weaken 3 108); trivial; lia.
- split; [apply (fits_given Given_alpha) |]. intros r [= <-]. now apply a_given_positive.
Qed.

Lemma fits_alpha_p : fits 12 117 alpha_p /\ positive alpha_p.
Proof.
destruct fits_alpha as [F Q]. unfold Coefficients.alpha_p. destruct optimal.
- split; [| apply positive_given; auto]. apply (weaken 1 107); [lia | lia | apply (fits_given YY)].
- apply (positive_product_fits 10 115 1 107); try side; trivial;
    [apply (fits_given P) | apply positive_given; auto].
Qed.

Lemma fits_root_alpha : fits 7 112 root_alpha /\ positive root_alpha.
Proof.
destruct fits_alpha as [F Q].
apply (positive_root_fits 10 115 6); try side; trivial. apply Rlt_le, alpha_real_positive.
Qed.

Lemma fits_delta : fits 9 114 delta /\ positive delta.
Proof.
destruct fits_alpha_p as [F Q].
destruct (positive_quotient_fits 12 117 1 107 14 119 alpha_p (Quantity GG)) as [F1 Q1]; try side; trivial;
  [apply (fits_given GG) | apply positive_given; auto |].
apply (positive_root_fits 14 119 8); try side; trivial. cbn [exact real_quantity].
apply Rlt_le, Rmult_lt_0_compat; [apply alpha_p_real_positive | now apply Rinv_0_lt_compat].
Qed.

Lemma fits_p_gg_root : fits 3 108 p_gg_root /\ positive p_gg_root.
Proof.
destruct (positive_product_fits 1 107 1 107 3 108 (Quantity P) (Quantity GG)) as [F Q]; try side;
  [apply (fits_given P) | apply (fits_given GG) | apply positive_given; auto | apply positive_given; auto |].
apply (positive_root_fits 3 108 2); try side; trivial. cbn [exact real_quantity].
now apply Rlt_le, Rmult_lt_0_compat.
Qed.

Lemma fits_p_times e d k : fits d k e -> positive e -> (0 <= d <= 80)%Z -> (0 <= k <= 800)%Z ->
  fits (d + 2) (d + 107) (Product (Quantity P) e) /\ positive (Product (Quantity P) e).
Proof.
intros F Q D K. apply (positive_product_fits 1 107 d k); try side; trivial;
  [apply (fits_given P) | apply positive_given; auto].
Qed.

Lemma fits_gg_times e d k : fits d k e -> positive e -> (0 <= d <= 80)%Z -> (0 <= k <= 800)%Z ->
  fits (d + 2) (d + 107) (Product (Quantity GG) e) /\ positive (Product (Quantity GG) e).
Proof.
intros F Q D K. apply (positive_product_fits 1 107 d k); try side; trivial;
  [apply (fits_given GG) | apply positive_given; auto].
Qed.

Lemma fits_p_root_alpha : fits 9 114 (p_root_alpha optimal) /\ positive (p_root_alpha optimal).
Proof.
destruct fits_root_alpha as [F Q]. destruct (fits_p_times _ 7 112 F Q) as [F1 Q1]; try lia. now split.
Qed.

Lemma fits_alpha_and_delta : fits 12 261 (Sum alpha delta) /\ positive (Sum alpha delta).
Proof.
destruct fits_alpha as [F Q]. destruct fits_delta as [F1 Q1].
apply (positive_sum_fits 10 115); try side; trivial. apply (weaken 9 114); trivial; lia.
Qed.

Lemma fits_alpha_and_star : fits 12 261 (Sum alpha star) /\ positive (Sum alpha star).
Proof.
destruct fits_alpha as [F Q]. destruct fits_star as [F1 Q1].
apply (positive_sum_fits 10 115); try side; trivial. apply (weaken 3 108); trivial; lia.
Qed.

Lemma fits_star_and_alpha : fits 12 261 (Sum star alpha).
Proof.
destruct fits_alpha as [F Q]. destruct fits_star as [F1 Q1].
apply (positive_sum_fits 10 115); try side; trivial. apply (weaken 3 108); trivial; lia.
Qed.

Lemma fits_tau : fits 9 114 tau /\ positive tau.
Proof.
destruct fits_alpha_and_star as [F Q]. destruct fits_delta as [F1 Q1].
destruct (positive_sum_fits 12 261 14 286 (Sum alpha star) (Shift delta 1)) as [F2 Q2]; try side; trivial.
- apply (weaken 9 114); [lia | lia |]. now apply fits_shift.
- now apply positive_shift.
- apply (positive_root_fits 14 286 8); try side; trivial. cbn [exact real_quantity].
  assert (H1 := alpha_real_positive). assert (H2 := star_positive).
  assert (H3 : 0 <= exact real delta) by apply sqrt_pos. cbn [exact star real_quantity].
  change (bpow radix2 1) with 2. lra.
Qed.

Lemma fits_part i : i = Y_part \/ i = G_part -> fits 3 193 (Quotient (Quantity i) (Quantity Gram_product)).
Proof.
intros H. apply (quotient_fits 1 192 1 107); try side; [| apply (fits_given Gram_product)].
destruct H as [-> | ->]; [apply (fits_given Y_part) | apply (fits_given G_part)].
Qed.

Lemma fits_alpha_star : fits 14 119 (Product alpha star) /\ positive (Product alpha star).
Proof.
destruct fits_alpha as [F Q]. destruct fits_star as [F1 Q1].
apply (positive_product_fits 10 115 3 108); try side; trivial.
Qed.

Lemma fits_apply_k : fits 44 149 (apply_k optimal).
Proof.
destruct fits_alpha_star as [F Q]. destruct fits_tau as [Ft Qt]. destruct fits_root_alpha as [Fr Qr].
destruct fits_alpha_and_delta as [Fs Qs].
destruct (positive_product_fits 7 112 9 114 17 122 root_alpha tau) as [F1 Q1]; try side; trivial.
destruct (positive_sum_fits 17 261 19 296 (Sum alpha delta) (Product root_alpha tau)) as [F2 Q2]; try side;
  trivial.
{ apply (weaken 12 261); trivial; lia. }
{ apply (weaken 17 122); trivial; lia. }
destruct (positive_product_fits 9 114 19 296 29 134 tau (Sum (Sum alpha delta) (Product root_alpha tau)))
  as [F3 Q3]; try side; trivial.
apply (positive_quotient_fits 14 119 29 134); try side; trivial.
Qed.

Lemma fits_tau_delta : fits 19 124 tau_delta /\ positive tau_delta.
Proof.
destruct fits_tau as [F Q]. destruct fits_delta as [F1 Q1].
apply (positive_product_fits 9 114 9 114); try side; trivial.
Qed.

Lemma fits_solve_k : fits 76 181 (solve_k optimal).
Proof.
destruct fits_alpha_star as [F Q]. destruct fits_tau_delta as [Ft Qt]. destruct fits_root_alpha as [Fr Qr].
destruct fits_star as [Fs Qs]. destruct fits_delta as [Fd Qd].
assert (Fs' : fits 9 114 star) by (apply (weaken 3 108); trivial; lia).
destruct (positive_sum_fits 9 114 11 139 star (Shift delta 1)) as [F1 Q1]; try side; trivial.
{ now apply fits_shift. }
{ now apply positive_shift. }
destruct (positive_product_fits 14 119 11 139 26 131 (Product alpha star) (Sum star (Shift delta 1)))
  as [F2 Q2]; try side; trivial.
destruct (positive_product_fits 19 124 7 112 27 132 tau_delta root_alpha) as [F3 Q3]; try side; trivial.
destruct (positive_sum_fits 9 114 11 139 star delta) as [F4 Q4]; try side; trivial.
destruct (positive_product_fits 7 112 11 139 19 124 root_alpha (Sum star delta)) as [F5 Q5]; try side;
  trivial.
destruct (positive_sum_fits 19 124 21 163 (Product root_alpha (Sum star delta)) tau_delta) as [F6 Q6];
  try side; trivial.
destruct (positive_product_fits 27 132 21 163 49 154 (Product tau_delta root_alpha)
  (Sum (Product root_alpha (Sum star delta)) tau_delta)) as [F7 Q7]; try side; trivial.
apply (positive_quotient_fits 26 131 49 154); try side; trivial.
Qed.

Lemma fits_alpha_gx : fits 12 347 (Product alpha (Quantity GX)).
Proof.
apply (product_fits 10 115 1 107); try side; [apply fits_alpha | apply (fits_given GX)].
Qed.

Lemma fits_delta_gx : fits 11 221 (Product delta (Quantity GX)).
Proof.
apply (product_fits 9 114 1 107); try side; [apply fits_delta | apply (fits_given GX)].
Qed.

(** Within the range of put, whatever the operator *)
Lemma fits_of_y which : fits 82 510 (of_y optimal which).
Proof.
assert (FY := fits_given YX : fits 1 107 _). assert (FX := fits_given GX : fits 1 107 _).
destruct which; cbn [of_y].
- apply (weaken 3 108); [lia | lia |].
  apply (quotient_fits 1 107 1 107); try side; trivial. apply (fits_given P).
- apply opposite_fits. apply (weaken 14 119); [lia | lia |].
  apply (quotient_fits 1 107 12 117); try side; trivial. apply fits_alpha_p.
- apply (weaken 5 110); [lia | lia |].
  apply (quotient_fits 1 107 3 108); try side; trivial. apply fits_p_gg_root.
- apply (weaken 1 0); [lia | lia | apply (fits_given Zero)].
- apply opposite_fits. apply (weaken 11 116); [lia | lia |].
  apply (quotient_fits 1 107 9 114); try side; trivial. apply fits_p_root_alpha.
- apply (weaken 1 0); [lia | lia | apply (fits_given Zero)].
- destruct fits_tau as [Ft Qt]. destruct (fits_p_times _ 9 114 Ft Qt) as [Fp _]; try lia. cbn in Fp.
  apply (weaken 50 472); [lia | lia |]. apply (sum_fits 48 342); try side.
  + apply (weaken 13 118); [lia | lia |]. apply (quotient_fits 1 107 11 116); try side; trivial.
  + apply opposite_fits. apply (product_fits 44 149 3 193); try side; [apply fits_apply_k |].
    apply fits_part. auto.
- destruct fits_tau_delta as [Ft Qt]. destruct (fits_p_times _ 19 124 Ft Qt) as [Fp _]; try lia. cbn in Fp.
  apply (weaken 82 504); [lia | lia |]. apply (sum_fits 80 374); try side.
  + apply (product_fits 76 181 3 193); try side; [apply fits_solve_k |]. apply fits_part. auto.
  + apply opposite_fits. apply (weaken 23 128); [lia | lia |].
    apply (quotient_fits 1 107 21 126); try side; trivial.
Qed.

Lemma fits_of_x which : fits 82 510 (of_x optimal which).
Proof.
assert (F1 := fits_given One : fits 1 0 _).
assert (X : fits 82 510 root_alpha) by (apply (weaken 7 112); [lia | lia | apply fits_root_alpha]).
assert (Y : fits 82 510 (Quotient (Quantity One) root_alpha)).
{ apply (weaken 9 114); [lia | lia |]. apply (quotient_fits 1 0 7 112); try side; trivial.
  apply fits_root_alpha. }
destruct which; cbn [of_x]; trivial.
- apply (weaken 10 115); [lia | lia | apply fits_alpha].
- apply (weaken 12 117); [lia | lia |]. apply (quotient_fits 1 0 10 115); try side; trivial.
  apply fits_alpha.
Qed.

Lemma fits_of_g which : fits 82 510 (of_g optimal which).
Proof.
assert (FY := fits_given YX : fits 1 107 _). assert (FX := fits_given GX : fits 1 107 _).
destruct which; cbn [of_g].
- apply opposite_fits. apply (weaken 14 348); [lia | lia |].
  apply (quotient_fits 12 347 1 107); try side; [apply fits_alpha_gx | apply (fits_given GG)].
- apply (weaken 29 510); [lia | lia |]. apply (quotient_fits 16 498 12 117); try side; [| apply fits_alpha_p].
  apply (sum_fits 14 368); try side.
  + apply (product_fits 12 261 1 107); try side; trivial. apply fits_star_and_alpha.
  + apply opposite_fits. apply (weaken 1 107); trivial; lia.
- apply opposite_fits. apply (weaken 15 224); [lia | lia |].
  apply (product_fits 9 114 5 110); try side; [apply fits_delta |].
  apply (quotient_fits 1 107 3 108); try side; trivial. apply fits_p_gg_root.
- apply (weaken 17 354); [lia | lia |].
  apply (quotient_fits 13 351 3 108); try side; [| apply fits_p_gg_root]. apply (sum_fits 11 221); try side.
  + apply (weaken 1 107); trivial; lia.
  + apply opposite_fits, fits_delta_gx.
- apply (weaken 21 230); [lia | lia |].
  apply (product_fits 9 114 11 116); try side; [apply fits_delta |].
  apply (quotient_fits 1 107 9 114); try side; trivial. apply fits_p_root_alpha.
- apply (weaken 23 360); [lia | lia |].
  apply (quotient_fits 13 351 9 114); try side; [| apply fits_p_root_alpha].
  apply (sum_fits 11 221); try side.
  + apply fits_delta_gx.
  + apply opposite_fits. apply (weaken 1 107); trivial; lia.
- destruct fits_tau as [Ft Qt]. destruct (fits_gg_times _ 9 114 Ft Qt) as [Fp _]; try lia. cbn in Fp.
  apply (weaken 50 488); [lia | lia |]. apply (sum_fits 48 358); try side; apply opposite_fits.
  + apply (weaken 24 358); [lia | lia |]. apply (quotient_fits 12 347 11 116); try side; trivial.
    apply fits_alpha_gx.
  + apply (weaken 48 342); [lia | lia |].
    apply (product_fits 44 149 3 193); try side; [apply fits_apply_k |]. apply fits_part. auto.
- destruct fits_tau_delta as [Ft Qt]. destruct (fits_gg_times _ 19 124 Ft Qt) as [Fp _]; try lia. cbn in Fp.
  apply (weaken 82 504); [lia | lia |]. apply (sum_fits 80 374); try side.
  + apply (weaken 34 368); [lia | lia |]. apply (quotient_fits 12 347 21 126); try side; trivial.
    apply fits_alpha_gx.
  + apply (product_fits 76 181 3 193); try side; [apply fits_solve_k |]. apply fits_part. auto.
Qed.
End Positive_alpha.

(* The code's is_certainly_positive *)
Definition is_certainly_positive x : {certainly_positive x} + {~ certainly_positive x} := Rlt_dec _ _.

Definition put_value (e : formula quantity) : option found :=
  match evaluate e with Some r => put r | None => None end.

(* The coefficients of y, x and g. That a formula is evaluated once for all its uses is no matter here. *)
Definition decide_coefficients (which : operator) : option (found * found * found) :=
  match evaluate alpha with
  | Some r =>
      if is_certainly_positive r then
        match put_value (of_y optimal which), put_value (of_x optimal which),
          put_value (of_g optimal which) with
        | Some y, Some x, Some g => Some (y, x, g)
        | _, _, _ => None
        end
      else None
  | None => None
  end.

Lemma decided_alpha which c : decide_coefficients which = Some c ->
  (optimal = false -> 0 < a) /\ (optimal = false -> 0 < hi (number (pair (given Given_alpha)))).
Proof.
unfold decide_coefficients, Coefficients.alpha. destruct optimal; [intros _; split; discriminate |].
cbn [Scalars.evaluate]. destruct (is_certainly_positive (given Given_alpha)) as [C | _]; [| discriminate].
intros _. destruct (certainly_positive_correct _ _ (given_right Given_alpha) C) as [H1 H2].
split; intros _; assumption.
Qed.

Lemma fits_put e r : fits 82 510 e -> evaluate e = Some r ->
  approximates r (exact real e) /\ in_band 82 510 (pair r) /\ plain (pair r).
Proof.
intros [RT B] E. split; [now apply (evaluation_correct two_product TP quantity given real given_right) |].
split; [now apply B |].
now apply (plain_throughout two_product TP quantity given real given_right e).
Qed.

(** A formula's value that put takes out is a coefficient in the sense of Elements. *)
Theorem formula_coefficient e r c t : fits 82 510 e -> evaluate e = Some r -> put r = Some c ->
  relative_of c = Some t -> Elements.coefficient (found_hi c) (found_lo c) t (exact real e).
Proof.
intros F E H T. destruct (fits_put e r F E) as (A & B & L).
apply (found_coefficient r (exact real e) 82 510 c t A B L); trivial; lia.
Qed.

(** The coefficients that decide_coefficients finds and fast_coefficients accepts are those of the exact
    formulas, in the sense of Elements. *)
Theorem coefficients_correct which y x g c :
  decide_coefficients which = Some (y, x, g) -> fast_coefficients y x g = Some c ->
  Elements.approximates c (real_of_y gg p yy a gx yx optimal which) (real_of_x p yy a optimal which)
    (real_of_g gg p yy a gx yx optimal which).
Proof.
intros H. destruct (decided_alpha _ _ H) as [PA GA]. revert H. unfold decide_coefficients.
destruct (evaluate alpha) as [r |]; [| discriminate].
destruct (is_certainly_positive r); [| discriminate]. unfold put_value.
assert (Fy := fun r => fits_put _ r (fits_of_y PA GA which)).
assert (Fx := fun r => fits_put _ r (fits_of_x PA GA which)).
assert (Fg := fun r => fits_put _ r (fits_of_g PA GA which)).
destruct (evaluate (of_y optimal which)) as [ry |]; [| discriminate].
destruct (put ry) as [y' |] eqn:Py; [| discriminate].
destruct (evaluate (of_x optimal which)) as [rx |]; [| discriminate].
destruct (put rx) as [x' |] eqn:Px; [| discriminate].
destruct (evaluate (of_g optimal which)) as [rg |]; [| discriminate].
destruct (put rg) as [g' |] eqn:Pg; [| discriminate].
intros [= <- <- <-] F.
destruct (Fy ry eq_refl) as (A1 & B1 & L1). rewrite exact_of_y in A1.
destruct (Fx rx eq_refl) as (A2 & B2 & L2). rewrite exact_of_x in A2.
destruct (Fg rg eq_refl) as (A3 & B3 & L3). rewrite exact_of_g in A3.
apply (fast_coefficients_correct ry rx rg _ _ _ 82 510 y' x' g'); trivial; lia.
Qed.

(** So whatever element is stored is the correctly rounded one: combine<double>. *)
Theorem operator_double_correct A which y x g c yi xi gi out : Elements.code_arithmetic A ->
  decide_coefficients which = Some (y, x, g) -> fast_coefficients y x g = Some c ->
  double yi -> double xi -> double gi -> Elements.stored_double A c yi xi gi out ->
  out = rnd (real_of_y gg p yy a gx yx optimal which * yi + real_of_x p yy a optimal which * xi
    + real_of_g gg p yy a gx yx optimal which * gi).
Proof.
intros HA H F Dy Dx Dg S. apply (Elements.combine_double_correct A c); trivial.
now apply (coefficients_correct which y x g).
Qed.

(** combine<float> *)
Theorem operator_float_correct A which y x g c yi xi gi out : Elements.code_arithmetic A ->
  decide_coefficients which = Some (y, x, g) -> fast_coefficients y x g = Some c ->
  double yi -> double xi -> double gi -> Elements.stored_float A c yi xi gi out ->
  out = Elements.rnd_float (real_of_y gg p yy a gx yx optimal which * yi
    + real_of_x p yy a optimal which * xi + real_of_g gg p yy a gx yx optimal which * gi).
Proof.
intros HA H F Dy Dx Dg S. apply (Elements.combine_float_correct A c); trivial.
now apply (coefficients_correct which y x g).
Qed.
End Decision.

(* ------------------------------------------------------------------- the inputs as the library makes them *)

(* A quotient is plain whatever its parts: for a parameter a that is one itself *)
Lemma quotient_plain two_product A (approximation_of : A -> approximation) real a b r :
  product_exact two_product -> (forall i, approximates (approximation_of i) (real i)) ->
  in_range_throughout two_product A approximation_of real (Quotient a b) ->
  evaluate two_product A approximation_of (Quotient a b) = Some r -> plain (pair r).
Proof.
intros TP IR. cbn [in_range_throughout evaluate]. intros (Ra & Rb & H).
assert (Ca := fun x => evaluation_correct two_product TP A approximation_of real IR a x Ra).
assert (Cb := fun x => evaluation_correct two_product TP A approximation_of real IR b x Rb).
destruct (evaluate two_product A approximation_of a) as [x |]; [| discriminate].
destruct (evaluate two_product A approximation_of b) as [y |]; [| discriminate].
destruct (is_divisor_decided (pair y)) as [[NZ _] |]; [| discriminate]. intros [= <-].
destruct (Ca x eq_refl) as (V & (Wx & _ & Px & _) & _).
destruct (Cb y eq_refl) as (U & (Wy & _ & Py & _) & _). apply plain_quotient; auto.
Qed.

Definition leading_constant := bpow radix2 (-106) + bpow radix2 (-115).

Lemma leading_constant_double : double leading_constant.
Proof.
apply (double_mult_exponent 513 (-115)); [lia | lia |]. unfold leading_constant.
change (-106)%Z with (9 + -115)%Z. rewrite bpow_plus. change (bpow radix2 9) with 512. ring.
Qed.

Lemma from_leading_plain first next e err : 0 <= err -> (first = 0%Z -> next = 0%Z) ->
  plain (pair (from_leading first next e err)).
Proof.
intros P N. unfold plain, from_leading. cbn [pair number error].
destruct (Z.eq_dec first 0) as [-> | NZ].
- rewrite N by reflexivity. intros _. repeat first [rewrite Rmult_0_l | rewrite rnd_0]. unfold fast_two_sum.
  cbn [lo]. now rewrite Rplus_0_r, rnd_0, Rminus_0_r, rnd_0, Rminus_0_r, rnd_0.
- fold leading_constant. intros Z. exfalso.
  assert (PE : 0 <= rnd (err * bpow radix2 (-191)))
    by (apply rnd_pos, Rmult_le_pos; [exact P | apply bpow_ge_0]).
  assert (P1 := bpow_gt_0 radix2 (-106)). assert (P2 := bpow_gt_0 radix2 (-115)).
  apply rnd_term_0 with (D := leading_constant) in Z; [| apply leading_constant_double | | |].
  + unfold leading_constant in Z. lra.
  + unfold leading_constant. lra.
  + apply rnd_sum_ge_r; [apply leading_constant_double | exact PE].
  + apply double_rnd.
Qed.

(** The leading bits of a number of any sign: those of its magnitude *)
Record signed_bits (X : R) := {
  is_negative : bool;
  bits_of_magnitude : leading_bits (if is_negative then - X else X) }.
Arguments is_negative {X}. Arguments bits_of_magnitude {X}.

Definition error_of {X} (b : signed_bits X) : R := bits_error (bits_of_magnitude b).

Definition from_signed {X} (b : signed_bits X) :=
  let z := from_bits (bits_of_magnitude b) in if is_negative b then opposite_scaled z else z.

(* Where the code does not look for bits of a number, as it does not use it, there are some. *)
Lemma some_bits X : signed_bits X.
Proof.
set (e := Z.max 0 (mag radix2 X)). exists false.
apply (Build_leading_bits X 0 0 0 (bpow radix2 e) 0 X).
- left. repeat split.
- lia.
- split; [lra | apply bpow_ge_0].
- apply double_bpow. lia.
- right. apply bpow_le. lia.
- apply Rle_trans with (bpow radix2 (mag radix2 X)); [| apply bpow_le; lia].
  apply Rlt_le, bpow_mag_gt.
- change (bpow radix2 0) with 1. ring.
Qed.

Lemma in_band_opposite d k x : in_band d k (pair x) -> in_band d k (pair (opposite_scaled x)).
Proof.
intros (W & N & L). unfold in_band. cbn [opposite_scaled pair number error hi lo].
split; [| split; [exact N | rewrite Rabs_Ropp; exact L]].
destruct W as [-> | W]; [left; ring | right]. now rewrite Rabs_Ropp.
Qed.

Lemma from_bits_plain X (b : leading_bits X) : plain (pair (from_bits b)).
Proof.
destruct b as [f n e err t r F N T De Ne R E]. unfold from_bits.
cbn [first_bits next_bits bits_exponent bits_error]. apply from_leading_plain.
- apply Rle_trans with (2 := R), Rabs_pos.
- intros Z. destruct F as [(_ & Zn & _) | F]; [exact Zn | lia].
Qed.

Lemma from_signed_correct X (b : signed_bits X) :
  approximates (from_signed b) X /\ in_band 1 192 (pair (from_signed b)) /\
  (error_of b = 0 -> in_band 1 107 (pair (from_signed b))) /\ plain (pair (from_signed b)).
Proof.
destruct b as [s b]. unfold from_signed, error_of. cbn [is_negative bits_of_magnitude].
destruct (from_bits_correct _ b) as (A & B & C & _). assert (PL := from_bits_plain _ b). destruct s.
- split; [rewrite <- (Ropp_involutive X); now apply opposite_scaled_error |].
  split; [now apply in_band_opposite |].
  split; [intros Z; apply in_band_opposite, C; now left |].
  intros Z. cbn [opposite_scaled pair number error lo] in *. rewrite (PL Z). ring.
- split; [exact A |]. split; [exact B |]. split; [intros Z; apply C; now left | exact PL].
Qed.

(** The hypotheses of the section Decision hold of what the library makes of a Gram and of a vector's
    products: the leading bits of gg, p and yy without an error, of gg yy with one; those of gx and yx without
    one, of any sign; of gg yx - p gx and yy gx - p yx with one *)
Section Library.
Variables gg p yy a gx yx : R.
Variables (bits_of_gg : leading_bits gg) (bits_of_p : leading_bits p) (bits_of_yy : leading_bits yy).
Variable bits_of_product : leading_bits (gg * yy).
Variables (bits_of_gx : signed_bits gx) (bits_of_yx : signed_bits yx).
Variables (bits_of_y_part : signed_bits (gg * yx - p * gx)) (bits_of_g_part : signed_bits (yy * gx - p * yx)).
Hypothesis leading_set : first_bits bits_of_gg <> 0%Z /\ first_bits bits_of_p <> 0%Z /\
  first_bits bits_of_yy <> 0%Z /\ first_bits bits_of_product <> 0%Z.
Hypothesis exact_products : error_of bits_of_gx = 0 /\ error_of bits_of_yx = 0.

(* The parameter a: a double, or computed. If a is yy/p, this one is not used, and may be any. *)
Variable given_alpha : approximation.
Hypothesis alpha_right : approximates given_alpha a.
Hypothesis alpha_in_band : in_band 10 115 (pair given_alpha).
Hypothesis alpha_plain : plain (pair given_alpha).

Definition library_given (i : quantity) : approximation :=
  match i with
  | GG => from_bits bits_of_gg | P => from_bits bits_of_p | YY => from_bits bits_of_yy
  | Gram_product => from_bits bits_of_product
  | One => from_double 1
  | Zero => Approximation (Carried (Unevaluated 0 0) 0) 0
  | Given_alpha => given_alpha
  | GX => from_signed bits_of_gx | YX => from_signed bits_of_yx
  | Y_part => from_signed bits_of_y_part | G_part => from_signed bits_of_g_part
  end.

Theorem coefficient_inputs_right :
  (forall i, approximates (library_given i) (real_quantity gg p yy a gx yx i)) /\
  (forall i, in_band (width i) (error_band i) (pair (library_given i))) /\
  (forall i, i = GG \/ i = P \/ i = YY \/ i = Gram_product \/ i = One ->
     0 < hi (number (pair (library_given i)))) /\
  (forall i, plain (pair (library_given i))).
Proof.
destruct leading_set as (S1 & S2 & S3 & S4). destruct exact_products as [Z1 Z2].
destruct (from_bits_correct _ bits_of_gg) as (A1 & _ & B1 & _ & P1).
destruct (from_bits_correct _ bits_of_p) as (A2 & _ & B2 & _ & P2).
destruct (from_bits_correct _ bits_of_yy) as (A3 & _ & B3 & _ & P3).
destruct (from_bits_correct _ bits_of_product) as (A4 & _ & B4 & _ & P4).
destruct (from_signed_correct _ bits_of_gx) as (A5 & _ & B5 & L5).
destruct (from_signed_correct _ bits_of_yx) as (A6 & _ & B6 & L6).
destruct (from_signed_correct _ bits_of_y_part) as (A7 & B7 & _ & L7).
destruct (from_signed_correct _ bits_of_g_part) as (A8 & B8 & _ & L8).
assert (D1 : double 1) by (change 1 with (bpow radix2 0); apply double_bpow; lia).
destruct (from_double_correct 1 D1 ltac:(lra)) as (A9 & B9 & P9).
assert (Z : approximates (Approximation (Carried (Unevaluated 0 0) 0) 0) 0 /\
  in_band 1 0 (Carried (Unevaluated 0 0) 0)).
{ split.
  - exists 0. split; [| cbn [exponent]; ring]. unfold stands_for, double_word, value.
    cbn [pair number error hi lo]. rewrite Rplus_0_r, rnd_0, Rminus_0_r, Rabs_R0.
    repeat split; try apply double_0; lra.
  - unfold in_band. cbn [number error hi lo]. split; [now left |]. split; [now left |].
    intros _. left. apply Rabs_R0. }
destruct Z as [A10 B10].
split; [intros []; assumption |].
split; [intros []; cbn [library_given width error_band]; auto |].
split.
- intros i [-> | [-> | [-> | [-> | ->]]]]; cbn [library_given]; auto. apply P9. lra.
- intros []; cbn [library_given]; trivial; try apply from_bits_plain; intros _; reflexivity.
Qed.

(** What the library stores of an operator's result is correctly rounded: combine<double>. *)
Theorem library_operator_correct two_product optimal A which y x g c yi xi gi out :
  product_exact two_product -> Elements.code_arithmetic A -> 0 < gg -> 0 < p -> 0 < yy ->
  decide_coefficients two_product optimal library_given which = Some (y, x, g) ->
  fast_coefficients y x g = Some c -> double yi -> double xi -> double gi ->
  Elements.stored_double A c yi xi gi out ->
  out = rnd (real_of_y gg p yy a gx yx optimal which * yi + real_of_x p yy a optimal which * xi
    + real_of_g gg p yy a gx yx optimal which * gi).
Proof.
intros TP HA Pg Pp Py H F Dy Dx Dg S. destruct coefficient_inputs_right as (R1 & R2 & R3 & R4).
now apply (operator_double_correct two_product TP gg p yy a gx yx Pg Pp Py optimal library_given R1 R2 R3 R4
  A which y x g c).
Qed.
End Library.

(** A double as the parameter a *)
Lemma double_alpha_right a : double a -> 0 < a ->
  approximates (from_double a) a /\ in_band 10 115 (pair (from_double a)) /\ plain (pair (from_double a)).
Proof.
intros D P. destruct (from_double_correct a D ltac:(lra)) as (A & B & _).
split; [exact A |]. split; [apply (in_band_weaken 1 0); [lia | lia | exact B] | intros _; reflexivity].
Qed.

(** A parameter that is computed from a trace: what is assumed of the inputs is what Scalars assumes of them,
    and proves in library_inputs_right. *)
Theorem trace_alpha_right two_product gg p yy T D (given : Scalars.quantity -> approximation) x :
  product_exact two_product ->
  (forall i, approximates (given i) (Scalars.real_quantity gg p yy T D i)) ->
  (forall i, in_band (Scalars.width i) (Scalars.error_band i) (pair (given i))) ->
  (forall i, i = Scalars.GG \/ i = Scalars.P \/ i = Scalars.YY \/ i = Scalars.Given_alpha ->
    0 < hi (number (pair (given i)))) ->
  in_band 1 0 (pair (given Scalars.Given_alpha)) ->
  evaluate two_product Scalars.quantity given alpha_of_trace = Some x -> certainly_positive x ->
  approximates x ((T - yy / p) / (D - 1)) /\ in_band 10 115 (pair x) /\ plain (pair x).
Proof.
intros TP R B L BT E C.
assert (F := fits_alpha_of_trace two_product TP gg p yy T D given R B L BT).
destruct (alpha_of_trace_right two_product TP gg p yy T D given R B L BT x E C) as (R' & B' & _).
split; [exact (R' Scalars.Given_alpha) |]. split; [exact (B' Scalars.Given_alpha) |].
now apply (quotient_plain two_product _ given _ _ _ _ TP R (proj1 F)).
Qed.

(** With the inputs as the library makes them, and a trace T > 0 that is a double. *)
Theorem library_trace_alpha_right two_product gg p yy T n
  (bits_of_gg : leading_bits gg) (bits_of_p : leading_bits p) (bits_of_yy : leading_bits yy)
  (bits_of_product : leading_bits (gg * yy)) (bits_of_determinant : leading_bits (gg * yy - p * p)) x :
  product_exact two_product -> double T -> 0 < T -> (0 < n < 2 ^ 64)%Z ->
  first_bits bits_of_gg <> 0%Z /\ first_bits bits_of_p <> 0%Z /\ first_bits bits_of_yy <> 0%Z /\
    first_bits bits_of_product <> 0%Z ->
  evaluate two_product Scalars.quantity (Scalars.library_given gg p yy T n bits_of_gg bits_of_p bits_of_yy
    bits_of_product bits_of_determinant) alpha_of_trace = Some x -> certainly_positive x ->
  approximates x ((T - yy / p) / (IZR n - 1)) /\ in_band 10 115 (pair x) /\ plain (pair x).
Proof.
intros TP DT PT Hn S. destruct (library_inputs_right gg p yy T n DT PT Hn bits_of_gg bits_of_p bits_of_yy
  bits_of_product bits_of_determinant S) as (R & B & L & _).
apply (trace_alpha_right two_product gg); trivial.
- intros i [-> | [-> | [-> | ->]]]; apply L; discriminate.
- now apply library_trace_in_band.
Qed.

(* ------------------------------------------------------------------- the fast path can find coefficients *)

(* x = 0, and g = y of length 1: gg = p = yy = 1, gx = yx = 0 *)
Definition exact_number (n : R) := Approximation (Carried (Unevaluated n 0) 0) 0.
Definition example (i : quantity) : approximation :=
  match i with Zero | GX | YX | Y_part | G_part => exact_number 0 | _ => exact_number 1 end.

Lemma double_1 : double 1.
Proof. change 1 with (bpow radix2 0). apply double_bpow. lia. Qed.

Lemma product_of_1 two_product b : product_exact two_product -> b = 0 \/ b = 1 ->
  two_product 1 b = Unevaluated b 0 /\ two_product b 1 = Unevaluated b 0.
Proof.
intros TP H. assert (D : double b) by (destruct H as [-> | ->]; [apply double_0 | apply double_1]).
assert (S : b = 0 \/ bpow radix2 (-969) <= Rabs b).
{ destruct H as [-> | ->]; [now left | right]. rewrite Rabs_R1. change 1 with (bpow radix2 0).
  apply bpow_le. lia. }
rewrite (TP 1 b), (TP b 1); rewrite ?Rmult_1_l, ?Rmult_1_r; try apply double_1; trivial.
now rewrite (rnd_double b D), Rminus_diag_eq.
Qed.

Lemma two_sum_0 b : double b -> fast_two_sum b 0 = Unevaluated b 0.
Proof.
intros D. unfold fast_two_sum. rewrite Rplus_0_r, (rnd_double b D). replace (b - b) with 0 by ring.
now rewrite rnd_0, Rminus_0_r, rnd_0.
Qed.

(* the error of 1/1 *)
Definition quotient_error := rnd (slack * rnd (15 * (u * u))).

Lemma quotient_error_small : bpow radix2 (-106) <= quotient_error <= bpow radix2 (-100).
Proof.
assert (E : 15 * (u * u) = 15 * bpow radix2 (-106)) by (unfold u; simpl; lra).
assert (P := bpow_gt_0 radix2 (-106)).
assert (E100 : bpow radix2 (-100) = bpow radix2 (-106) * 64)
  by (change (-100)%Z with (-106 + 6)%Z; rewrite bpow_plus; reflexivity).
assert (E102 : bpow radix2 (-102) = bpow radix2 (-106) * 16)
  by (change (-102)%Z with (-106 + 4)%Z; rewrite bpow_plus; reflexivity).
assert (B1 : bpow radix2 (-106) <= rnd (15 * (u * u))).
{ rewrite <- (rnd_double (bpow radix2 (-106))) by (apply double_bpow; lia). apply rnd_le. lra. }
assert (B2 : rnd (15 * (u * u)) <= bpow radix2 (-102)).
{ rewrite <- (rnd_double (bpow radix2 (-102))) by (apply double_bpow; lia). apply rnd_le. lra. }
unfold quotient_error. set (x := rnd (15 * (u * u))) in *. split.
- rewrite <- (rnd_double (bpow radix2 (-106))) by (apply double_bpow; lia). apply rnd_le. unfold slack. lra.
- rewrite <- (rnd_double (bpow radix2 (-100))) by (apply double_bpow; lia). apply rnd_le. unfold slack. lra.
Qed.

Lemma divided_by_1 two_product b : product_exact two_product -> b = 0 \/ b = 1 ->
  divide_carried two_product (Carried (Unevaluated b 0) 0) (Carried (Unevaluated 1 0) 0) =
  Carried (Unevaluated b 0) (if Req_EM_T b 0 then 0 else quotient_error).
Proof.
intros TP H. assert (D : double b) by (destruct H as [-> | ->]; [apply double_0 | apply double_1]).
unfold divide_carried, divide. cbv zeta. cbn [number hi lo error].
unfold Rdiv. rewrite Rinv_1, !Rmult_1_r, (rnd_double b D), (rnd_double 1 double_1).
destruct (product_of_1 two_product b TP H) as [_ ->]. cbn [hi lo].
repeat first [rewrite Rmult_0_r | rewrite Rmult_0_l | rewrite Rminus_0_r
  | rewrite Rminus_diag_eq by reflexivity | rewrite Rplus_0_r | rewrite Rplus_0_l | rewrite rnd_0].
rewrite (two_sum_0 b D). f_equal. destruct H as [-> | ->].
- destruct (Req_EM_T 0 0) as [_ | ?]; [| contradiction].
  now rewrite Rabs_R0, Rmult_0_r, !rnd_0, Rmult_0_r, rnd_0.
- destruct (Req_EM_T 1 0) as [? | _]; [lra |].
  rewrite Rabs_R1, Rmult_1_r, (rnd_double (rnd _)) by apply double_rnd.
  reflexivity.
Qed.

Lemma decided_1 : divisor_decided (Carried (Unevaluated 1 0) 0).
Proof.
split; cbn [number hi error]; [lra |]. apply rnd_pos, Rmult_le_pos; [lra | apply Rabs_pos].
Qed.

Lemma put_0 x : exact_zero (pair x) -> put x = Some (Found 0 0 0).
Proof.
intros Z. unfold put. cbv zeta. assert (E : normalised x = x).
{ unfold normalised. destruct (Req_EM_T (hi (number (pair x))) 0) as [_ | N]; [reflexivity |].
  destruct Z. contradiction. }
rewrite E. destruct (is_exact_zero (pair x)); [reflexivity | contradiction].
Qed.

Lemma put_near_1 e : double e -> bpow radix2 (-106) <= e ->
  put (Approximation (Carried (Unevaluated 1 0) e) 0) = Some (Found 1 0 e).
Proof.
intros D L. assert (P := bpow_gt_0 radix2 (-106)).
assert (L2 : bpow radix2 (-1000) <= bpow radix2 (-106)) by (apply bpow_le; lia).
assert (S : scaled_carried (Carried (Unevaluated 1 0) e) 0 = Carried (Unevaluated 1 0) e).
{ unfold scaled_carried, scaled_pair. cbn [number hi lo error]. change (bpow radix2 0) with 1.
  now rewrite !Rmult_1_r, (rnd_double 1 double_1), (rnd_double e D), rnd_0. }
assert (E : normalised (Approximation (Carried (Unevaluated 1 0) e) 0) =
  Approximation (Carried (Unevaluated 1 0) e) 0).
{ unfold normalised. cbn [pair number hi exponent]. destruct (Req_EM_T 1 0) as [? | _]; [lra |].
  assert (M : exponent_of 1 = 0%Z) by (unfold exponent_of; now rewrite mag_1).
  cbv zeta. rewrite M. change (- 0)%Z with 0%Z. now rewrite S. }
unfold put. cbv zeta. rewrite E. cbn [pair exponent].
destruct (is_exact_zero (Carried (Unevaluated 1 0) e)) as [[Z _] | _]; [cbn in Z; lra |].
destruct (Z_lt_dec 0 (-400)) as [? | _]; [lia |]. destruct (Z_lt_dec 400 0) as [? | _]; [lia |].
rewrite S. cbn [number hi lo error]. destruct (Req_EM_T e 0) as [? | _]; [lra |].
destruct (Rle_dec (bpow radix2 (-1000)) e) as [_ | ?]; [reflexivity | lra].
Qed.

(** There are inputs as the theorems assume for which coefficients are found, and accepted. *)
Theorem coefficients_satisfiable two_product : product_exact two_product ->
  (forall i, approximates (example i) (real_quantity 1 1 1 1 0 0 i)) /\
  (forall i, in_band (width i) (error_band i) (pair (example i))) /\
  (forall i, i = GG \/ i = P \/ i = YY \/ i = Gram_product \/ i = One ->
    0 < hi (number (pair (example i)))) /\
  (forall i, plain (pair (example i))) /\
  exists y x g c, decide_coefficients two_product true example Apply = Some (y, x, g) /\
    fast_coefficients y x g = Some c /\ Elements.h2 c = 1.
Proof.
intros TP.
assert (A : forall n, double n -> n = 0 \/ n = 1 ->
  approximates (exact_number n) n /\ in_band 1 0 (pair (exact_number n))).
{ intros n D H. split.
  - exists n. split; [| cbn [exact_number exponent]; change (bpow radix2 0) with 1; ring].
    unfold stands_for, double_word, value. cbn [exact_number pair number error hi lo].
    rewrite Rplus_0_r, (rnd_double n D), Rminus_diag_eq, Rabs_R0 by reflexivity.
    repeat split; trivial; try apply double_0; lra.
  - unfold in_band. cbn [exact_number pair number error hi lo].
    split; [| split; [now left | intros _; left; apply Rabs_R0]].
    destruct H as [-> | ->]; [now left | right]. rewrite Rabs_R1. simpl. lra. }
destruct (A 0 double_0 ltac:(now left)) as [A0 B0]. destruct (A 1 double_1 ltac:(now right)) as [A1 B1].
assert (BK : forall n d k, in_band 1 0 (pair (exact_number n)) -> (1 <= d)%Z -> (0 <= k)%Z ->
  in_band d k (pair (exact_number n))) by (intros n d k B Hd Hk; now apply (in_band_weaken 1 0)).
split.
{ intros []; cbn [example real_quantity]; rewrite ?Rmult_1_l, ?Rmult_0_r, ?Rminus_0_r; trivial. }
split; [intros []; cbn [example width error_band]; apply BK; trivial; lia |].
split; [intros i [-> | [-> | [-> | [-> | ->]]]]; cbn [example exact_number pair number hi]; lra |].
split; [intros []; intros _; reflexivity |].
assert (Q := quotient_error_small). assert (P106 := bpow_gt_0 radix2 (-106)).
assert (L100 : bpow radix2 (-100) < bpow radix2 (-90)) by (apply bpow_lt; lia).
assert (L1 : 2 * bpow radix2 (-100) < 1) by (simpl; lra).
assert (EA : evaluate two_product quantity example (alpha true) =
  Some (Approximation (Carried (Unevaluated 1 0) quotient_error) 0)).
{ cbn [alpha star evaluate example]. destruct (is_divisor_decided (pair (exact_number 1))) as [_ | N];
    [| now contradict N; apply decided_1].
  unfold divide_scaled. cbn [exact_number pair exponent]. rewrite divided_by_1 by auto.
  destruct (Req_EM_T 1 0) as [? | _]; [lra | reflexivity]. }
assert (EY : evaluate two_product quantity example (of_y true Apply) =
  Some (Approximation (Carried (Unevaluated 0 0) 0) 0)).
{ cbn [of_y evaluate example]. destruct (is_divisor_decided (pair (exact_number 1))) as [_ | N];
    [| now contradict N; apply decided_1].
  unfold divide_scaled. cbn [exact_number pair exponent]. rewrite divided_by_1 by auto.
  destruct (Req_EM_T 0 0) as [_ | ?]; [reflexivity | contradiction]. }
assert (EG : evaluate two_product quantity example (of_g true Apply) =
  Some (Approximation (Carried (Unevaluated (- 0) (- 0)) 0) 0)).
{ cbn [of_g evaluate]. rewrite EA. cbn [example].
  assert (EM : multiply_scaled two_product (Approximation (Carried (Unevaluated 1 0) quotient_error) 0)
    (exact_number 0) = Approximation (Carried (Unevaluated 0 0) 0) 0).
  { unfold multiply_scaled, multiply_carried, multiply. cbv zeta.
    cbn [exact_number pair number hi lo error exponent].
    destruct (product_of_1 two_product 0 TP ltac:(now left)) as [-> _]. cbn [hi lo].
    repeat first [rewrite Rmult_0_r | rewrite Rmult_0_l | rewrite Rabs_R0 | rewrite Rplus_0_r
      | rewrite rnd_0].
    rewrite (two_sum_0 0 double_0). reflexivity. }
  rewrite EM. destruct (is_divisor_decided (pair (exact_number 1))) as [_ | N];
    [| now contradict N; apply decided_1].
  unfold divide_scaled. cbn [exact_number pair exponent]. rewrite divided_by_1 by auto.
  destruct (Req_EM_T 0 0) as [_ | ?]; [reflexivity | contradiction]. }
assert (PA : put (Approximation (Carried (Unevaluated 1 0) quotient_error) 0) =
  Some (Found 1 0 quotient_error)) by (apply put_near_1; [apply double_rnd | lra]).
do 4 eexists. unfold decide_coefficients, put_value. rewrite EA, EY, EG.
destruct (is_certainly_positive (Approximation (Carried (Unevaluated 1 0) quotient_error) 0)) as [_ | N].
2: { exfalso. apply N. unfold certainly_positive. cbn [pair number hi error]. lra. }
change (of_x true Apply) with (alpha true). rewrite EA, PA.
rewrite !put_0 by (split; cbn [pair number hi error]; lra).
split; [reflexivity |]. unfold fast_coefficients, relative_of. cbv zeta. cbn [found_error found_hi found_lo].
destruct (Req_EM_T 0 0) as [_ | ?]; [| contradiction].
destruct (Req_EM_T quotient_error 0) as [? | _]; [exfalso; lra |].
destruct (Req_EM_T 1 0) as [? | _]; [exfalso; lra |].
destruct (Rle_dec _ (bpow radix2 (-85))) as [_ | N]; [split; reflexivity |].
exfalso. apply N. rewrite Rabs_R1. unfold Rdiv. rewrite Rinv_1, Rmult_1_r.
rewrite (rnd_double quotient_error) by apply double_rnd.
rewrite <- (rnd_double (bpow radix2 (-85))) by (apply double_bpow; lia). apply rnd_le.
apply Rle_trans with (bpow radix2 (-100) * 2).
- apply Rmult_le_compat; try lra; simpl; lra.
- change 2 with (bpow radix2 1). rewrite <- bpow_plus. apply bpow_le. lia.
Qed.
