(** * Elements: what the fast path returns is correctly rounded

    Applying an operator to a vector gives elements v = c1 v1 + c2 v2 + c3 v3: v1, v2, v3 are doubles, and
    each real coefficient is c_k = h_k + l_k + e_k with doubles h_k and l_k, |l_k| <= u |h_k|, |e_k| <= r
    |h_k|, u = 2^-53. The library computes hi + lo = S + R near v in twice the precision of doubles, and a
    bound E; it returns hi only if hi + (lo - E) and hi + (lo + E) both round to hi, and leaves the
    element to exact arithmetic if not.

    Assumed: the v_k are any doubles, the c_k and h_k of any size (products may underflow, in part or
    whole), and 0 <= r <= 1; Combination::relative_error is 2^-85 at most. Write P for the sum of the
    magnitudes of the three rounded products h_k v_k, and eta for 2^-1075. Proved, for multiply-adds that
    are fused or rounded twice:
    - element_error_fused, element_error_portable: |v - (S + R)| <= (12 u^2 + r) P (1 + 2^-44) + 64 eta,
      and 13 for 12 where multiply-adds are rounded twice; all roundings and underflow included;
    - element_certified: if the certificate holds, hi is v rounded to nearest; where |S| < |R|, so that hi
      + lo need not be S + R, it cannot hold. certified_double_not_0: nor where hi = 0, so that the sign
      is right;
    - element_within_width, element_certified_rounding, element_certified_float: for floats, [hi - w, hi +
      w] with rounded ends holds v, so that a certified float is v rounded to nearest (also where |S| <
      |R|), and has the sign of v if it is 0;
    - element_zero, combine_double_correct, combine_float_correct: whatever is stored is correctly
      rounded, zeros too;
    - coefficient_in_twice_the_precision, coefficient_of_error_bound: the coefficients are as assumed,
      with r = 2^-106, or with r computed from an error bound; certificates_satisfiable: there are
      elements that pass.

    Model and code, one lane:
      product_error, multiply_add   product_error, fma in lib/kernels/vector_{avx2,avx512}.hpp (fused), and
                                    lib/kernels/vector_portable.hpp (portable)
      term, two_sum                 term, two_sum in lib/kernels/combine.hpp (two_sum is in Doubles.v)
      step, relative, stored_...    the lambda step in combine, and relative, in lib/kernels/combine.hpp
      certified_double, _float      certified in lib/kernels/combine.hpp; same_floats in the vector files
      element_zero                  the zeros of combine, and of combine_strip in lib/kernels/kernels.cpp
      coefficient_in_...            in_twice_the_precision in lib/combination.hpp
      coefficient_of_error_bound    fast_coefficients in lib/canonical_form.cpp
    What links them is reading, not proof.

    NOT proved here: that the coefficients are as assumed, which Coefficients.v proves for those of the
    metric's operators; lanes, masks and the order of stores; overflow and NaN, as there is no greatest
    number here. In the code no overflow is certified: an infinite product makes P, E and w infinite. If
    hi is infinite or NaN, lo is infinite with the other sign or NaN, so hi + (lo + E) is NaN; if E is
    infinite and hi finite, hi + (lo + E) is not hi. An infinite w has ends of different signs, or NaN,
    which are not the same floats. An overflow within a splitting or an error of a sum is a NaN or
    infinity in R, hence in hi or lo. Ends that are finite doubles but beyond the floats become the same
    infinity, which is right: that rounding is monotone too (element_certified_rounding).

    Axioms: those of Coq's real numbers with classical logic, as Flocq uses them (sig_not_dec,
    sig_forall_dec, functional_extensionality_dep, classic). *)
From Coq Require Import Reals ZArith Lra Lia.
From Flocq Require Import Core Relative Plus_error Mult_error Sterbenz Pff2Flocq.
From Natgrad Require Import Doubles.
Open Scope R_scope.

(** ** The model *)

Record arithmetic := Arithmetic {
  product_error : R -> R -> R -> R;
  multiply_add : R -> R -> R -> R
}.

(* vector_avx2.hpp and vector_avx512.hpp *)
Definition fused := Arithmetic
  (fun a b product => rnd (a * b - product))
  (fun a b c => rnd (a * b + c)).

(* vector_portable.hpp *)
Definition portable := Arithmetic
  (fun a b product =>
    let a_scaled := rnd (splitter * a) in let b_scaled := rnd (splitter * b) in
    let a_high := rnd (a_scaled - rnd (a_scaled - a)) in let b_high := rnd (b_scaled - rnd (b_scaled - b)) in
    let a_low := rnd (a - a_high) in let b_low := rnd (b - b_high) in
    rnd (rnd (a_low * b_low)
      - rnd (rnd (rnd (product - rnd (a_high * b_high)) - rnd (a_low * b_high)) - rnd (a_high * b_low))))
  (fun a b c => rnd (rnd (a * b) + c)).

(* p and t as the two parts of a pair *)
Definition term (A : arithmetic) (h l v : R) :=
  let product := rnd (h * v) in
  Unevaluated product (multiply_add A l v (product_error A h v product)).

Record combination := Combination { h1 : R; h2 : R; h3 : R; l1 : R; l2 : R; l3 : R; relative_error : R }.

(* What one lane computes; sum and rest are S and R in the comment of combine.hpp *)
Record evaluation := Evaluation { sum : R; rest : R; high : R; low : R; magnitude : R; error : R }.

Definition relative (c : combination) :=
  rnd (rnd (16 * u * u + relative_error c) * (1 + bpow radix2 (-40))).

Definition step (A : arithmetic) (c : combination) (v1 v2 v3 : R) : evaluation :=
  let t1 := term A (h1 c) (l1 c) v1 in
  let t2 := term A (h2 c) (l2 c) v2 in
  let t3 := term A (h3 c) (l3 c) v3 in
  let s1 := two_sum (hi t1) (hi t2) in
  let s2 := two_sum (hi s1) (hi t3) in
  let rest := rnd (rnd (rnd (lo t1 + lo t2) + lo t3) + rnd (lo s1 + lo s2)) in
  let high := rnd (hi s2 + rest) in
  let low := rnd (rest - rnd (high - hi s2)) in
  let magnitude := rnd (rnd (Rabs (hi t1) + Rabs (hi t2)) + Rabs (hi t3)) in
  Evaluation (hi s2) rest high low magnitude
    (multiply_add A (relative c) magnitude (bpow radix2 (-1060))).

(* P: the sum of the magnitudes of the three rounded products *)
Definition products (c : combination) (v1 v2 v3 : R) :=
  Rabs (rnd (h1 c * v1)) + Rabs (rnd (h2 c * v2)) + Rabs (rnd (h3 c * v3)).

Definition coefficient (h l r c : R) :=
  double h /\ double l /\ Rabs l <= u * Rabs h /\ Rabs (c - (h + l)) <= r * Rabs h.

(** ** Lemmas *)

Definition little : R := / 35184372088832.  (* 2^-45 *)

(* also for products: relative to the rounded number *)
Lemma rnd_error_rounded x : Rabs (rnd x - x) <= u * (1 + 2 * u) * Rabs (rnd x) + 2 * eta.
Proof.
assert (E := rnd_error x). assert (P := eta_pos).
assert (B : Rabs x <= Rabs (rnd x) + Rabs (rnd x - x)).
{ replace x with (rnd x - (rnd x - x)) at 1 by ring. eapply Rle_trans; [apply Rabs_triang |].
  rewrite Rabs_Ropp. lra. }
assert (Q := Rabs_pos x). assert (Q' := Rabs_pos (rnd x)). unfold u, little in *. lra.
Qed.

Lemma eta_below e : (-1075 <= e)%Z -> eta <= bpow radix2 e.
Proof. intros. apply bpow_le. assumption. Qed.

(* the error of a product, underflow included *)
Definition error_of_product (A : arithmetic) :=
  forall a b, double a -> double b ->
  Rabs (rnd (a * b) + product_error A a b (rnd (a * b)) - a * b) <= 7 * eta.

Lemma fused_product_error : error_of_product fused.
Proof.
intros a b Da Db. cbn [product_error fused]. assert (P := eta_pos).
destruct (Rle_or_lt (bpow radix2 (-969)) (Rabs (a * b))) as [H | H].
- rewrite (rnd_double (a * b - rnd (a * b))) by now apply double_product_error.
  replace (rnd (a * b) + (a * b - rnd (a * b)) - a * b) with 0 by ring. rewrite Rabs_R0. lra.
- assert (E1 := rnd_error (a * b)). assert (E2 := rnd_error (a * b - rnd (a * b))).
  replace (rnd (a * b) + rnd (a * b - rnd (a * b)) - a * b) with
    (rnd (a * b - rnd (a * b)) - (a * b - rnd (a * b))) by ring.
  rewrite <- (Rabs_Ropp (a * b - rnd (a * b))) in E2. rewrite Ropp_minus_distr in E2.
  assert (B : u * (u * bpow radix2 (-969)) = bpow radix2 (-1075)).
  { rewrite u_bpow, <- !bpow_plus. reflexivity. }
  fold eta in B. unfold u in *. lra.
Qed.

Lemma portable_product_error : error_of_product portable.
Proof.
intros a b Da Db. cbn [product_error portable].
destruct (Dekker radix2 (-1074) 53 (fun x => negb (Z.even x)) ltac:(lia) ltac:(lia) b a Db Da
  ltac:(left; reflexivity)) as [_ D].
change (round radix2 (FLT_exp (-1074) 53) (Znearest (fun x : Z => negb (Z.even x)))) with rnd in D.
assert (S : bpow radix2 (53 - Z.div2 53) + 1 = splitter) by (unfold splitter; simpl; lra).
rewrite S in D. clear S.
assert (V : forall x, rnd (rnd (x - rnd (x * splitter)) + rnd (x * splitter))
                    = rnd (rnd (splitter * x) - rnd (rnd (splitter * x) - x))).
{ intros x. rewrite (Rmult_comm x). f_equal.
  rewrite <- (Ropp_minus_distr (rnd (splitter * x)) x), rnd_opp. ring. }
rewrite !V in D. clear V.
set (ah := rnd (rnd (splitter * a) - rnd (rnd (splitter * a) - a))) in *.
set (bh := rnd (rnd (splitter * b) - rnd (rnd (splitter * b) - b))) in *.
set (al := rnd (a - ah)) in *. set (bl := rnd (b - bh)) in *.
rewrite (Rmult_comm b a), (Rmult_comm bh ah), (Rmult_comm bh al), (Rmult_comm bl ah), (Rmult_comm bl al) in D.
replace (rnd (rnd (al * bl) - rnd (rnd (rnd (rnd (a * b) - rnd (ah * bh)) - rnd (al * bh)) - rnd (ah * bl))))
  with (rnd (rnd (rnd (rnd (- rnd (a * b) + rnd (ah * bh)) + rnd (al * bh)) + rnd (ah * bl))
    + rnd (al * bl))).
- replace (7 * eta) with (7 / 2 * bpow radix2 (-1074)).
  + rewrite <- Rabs_Ropp.
    match goal with |- Rabs (- (?r + ?t - ?x)) <= _ => replace (- (r + t - x)) with (x - (r + t)) by ring end.
    exact D.
  + unfold eta. change (-1074)%Z with (1 + -1075)%Z. rewrite bpow_plus. simpl (bpow radix2 1). lra.
- assert (N : forall x y, rnd (- x + y) = - rnd (x - y)).
  { intros x y. rewrite <- rnd_opp. f_equal. ring. }
  rewrite !N, <- rnd_opp. f_equal. ring.
Qed.

(** What the theorems need to know of a term; k = 2 where multiply-adds are fused, 3 where not *)
Definition error_of_term (A : arithmetic) (k : R) :=
  forall h l v, double h -> double l -> double v -> Rabs l <= u * Rabs h ->
  let t := term A h l v in
  Rabs (hi t + lo t - (h + l) * v) <= k * (u * u) * (1 + little) * Rabs (hi t) + 12 * eta /\
  Rabs (lo t) <= 2 * u * (1 + little) * Rabs (hi t) + 12 * eta.

Lemma low_product h l v : Rabs l <= u * Rabs h -> Rabs (l * v) <= u * Rabs (h * v).
Proof.
intros H. rewrite !Rabs_mult, <- Rmult_assoc. apply Rmult_le_compat_r; [apply Rabs_pos | exact H].
Qed.

Lemma product_magnitude x : Rabs x <= (1 + u * (1 + 2 * u)) * Rabs (rnd x) + 2 * eta.
Proof.
assert (E := rnd_error_rounded x). replace x with (rnd x - (rnd x - x)) at 1 by ring.
eapply Rle_trans; [apply Rabs_triang |]. rewrite Rabs_Ropp. lra.
Qed.

Lemma fused_term : error_of_term fused 2.
Proof.
intros h l v Dh Dl Dv Hl. cbn [term hi lo]. change (multiply_add fused) with (fun a b c => rnd (a * b + c)).
cbv beta. assert (E0 := rnd_error_rounded (h * v)). assert (B0 := product_magnitude (h * v)).
assert (E1 := fused_product_error h v Dh Dv). assert (B1 := low_product h l v Hl).
set (p := rnd (h * v)) in *. set (q := product_error fused h v p) in *. assert (Pe := eta_pos).
assert (U := u_pos). assert (Bl : Rabs (l * v) <= u * ((1 + u * (1 + 2 * u)) * Rabs p + 2 * eta)).
{ eapply Rle_trans; [exact B1 |]. apply Rmult_le_compat_l; lra. }
assert (Pp := Rabs_pos p).
assert (S : Rabs (l * v + q) <= 2 * u * (1 + little / 2) * Rabs p + 10 * eta).
{ inv Bl. inv E0. inv E1. apply Rabs_le. unfold u, little in *. lra. }
assert (E2 := rnd_error_le _ _ S). set (t := rnd (l * v + q)) in *.
split.
- replace (p + t - (h + l) * v) with ((p + q - h * v) + (t - (l * v + q))) by ring.
  eapply Rle_trans; [apply Rabs_triang |]. unfold u, little in *. lra.
- inv S. inv E2. apply Rabs_le. unfold u, little in *. lra.
Qed.

Lemma portable_term : error_of_term portable 3.
Proof.
intros h l v Dh Dl Dv Hl. cbn [term hi lo].
change (multiply_add portable) with (fun a b c => rnd (rnd (a * b) + c)).
cbv beta. assert (E0 := rnd_error_rounded (h * v)). assert (B0 := product_magnitude (h * v)).
assert (E1 := portable_product_error h v Dh Dv). assert (B1 := low_product h l v Hl).
assert (Dq : double (product_error portable h v (rnd (h * v)))) by apply double_rnd.
set (p := rnd (h * v)) in *. set (q := product_error portable h v p) in *. assert (Pe := eta_pos).
assert (U := u_pos). assert (Bl : Rabs (l * v) <= u * ((1 + u * (1 + 2 * u)) * Rabs p + 2 * eta)).
{ eapply Rle_trans; [exact B1 |]. apply Rmult_le_compat_l; lra. }
assert (Pp := Rabs_pos p). assert (E2 := rnd_error_le _ _ Bl).
set (m := rnd (l * v)) in *.
assert (S : Rabs (m + q) <= 2 * u * (1 + little / 2) * Rabs p + 11 * eta).
{ inv Bl. inv E0. inv E1. inv E2. apply Rabs_le. unfold u, little in *. lra. }
assert (E3 := rnd_error_sum_le _ _ _ (double_rnd _ : double m) Dq S). set (t := rnd (m + q)) in *.
split.
- replace (p + t - (h + l) * v) with ((p + q - h * v) + (m - l * v) + (t - (m + q))) by ring.
  inv E1. inv E2. inv E3. apply Rabs_le. unfold u, little in *. lra.
- inv S. inv E3. apply Rabs_le. unfold u, little in *. lra.
Qed.

(* the errors of the sums, for any terms *)
Lemma error_of_sums p1 p2 p3 t1 t2 t3 :
  double p1 -> double p2 -> double p3 -> double t1 -> double t2 -> double t3 ->
  Rabs t1 <= 2 * u * (1 + little) * Rabs p1 + 12 * eta ->
  Rabs t2 <= 2 * u * (1 + little) * Rabs p2 + 12 * eta ->
  Rabs t3 <= 2 * u * (1 + little) * Rabs p3 + 12 * eta ->
  let s1 := two_sum p1 p2 in let s2 := two_sum (hi s1) p3 in
  let R := rnd (rnd (rnd (t1 + t2) + t3) + rnd (lo s1 + lo s2)) in
  let P := Rabs p1 + Rabs p2 + Rabs p3 in
  Rabs (hi s2 + R - (p1 + p2 + p3 + (t1 + t2 + t3))) <= 10 * (u * u) * (1 + 2 * little) * P + eta /\
  Rabs (hi s2) <= (1 + little) * P /\ Rabs R <= 4 * u * (1 + 2 * little) * P + 40 * eta.
Proof.
intros D1 D2 D3 F1 F2 F3 T1 T2 T3. rewrite (two_sum_eq p1 p2) by assumption. cbn [hi lo].
rewrite (two_sum_eq (rnd (p1 + p2)) p3) by (trivial; apply double_rnd). cbn [hi lo].
assert (X1 := double_sum_error p1 p2 D1 D2).
assert (X2 := double_sum_error (rnd (p1 + p2)) p3 (double_rnd _) D3).
assert (U := u_pos). assert (Pe := eta_pos).
assert (P1 := Rabs_pos p1). assert (P2 := Rabs_pos p2). assert (P3 := Rabs_pos p3).
assert (B1 : Rabs (p1 + p2) <= Rabs p1 + Rabs p2) by apply Rabs_triang.
assert (E1 := rnd_error_sum_le _ _ _ D1 D2 B1). set (s := rnd (p1 + p2)) in *.
assert (B2 : Rabs (s + p3) <= (1 + u) * (Rabs p1 + Rabs p2 + Rabs p3)).
{ assert (Q := Rabs_triang s p3). assert (Q' : Rabs s <= (1 + u) * (Rabs p1 + Rabs p2)).
  { inv B1. inv E1. apply Rabs_le. unfold u in *. lra. } unfold u in *. lra. }
assert (E2 := rnd_error_sum_le _ _ _ (double_rnd _ : double s) D3 B2). set (S := rnd (s + p3)) in *.
set (d1 := p1 + p2 - s) in *. set (d2 := s + p3 - S) in *.
assert (Y1 : Rabs d1 <= u * (Rabs p1 + Rabs p2)).
{ unfold d1. rewrite <- Rabs_Ropp, Ropp_minus_distr. exact E1. }
assert (Y2 : Rabs d2 <= u * ((1 + u) * (Rabs p1 + Rabs p2 + Rabs p3))).
{ unfold d2. rewrite <- Rabs_Ropp, Ropp_minus_distr. exact E2. }
assert (BS : Rabs S <= (1 + little) * (Rabs p1 + Rabs p2 + Rabs p3)).
{ inv B2. inv E2. apply Rabs_le. unfold u, little in *. lra. }
assert (Bd : Rabs (d1 + d2) <= 2 * u * (1 + u) * (Rabs p1 + Rabs p2 + Rabs p3)).
{ eapply Rle_trans; [apply Rabs_triang |]. unfold u in *. lra. }
assert (Ed := rnd_error_sum_le _ _ _ X1 X2 Bd). set (d := rnd (d1 + d2)) in *.
set (P := Rabs p1 + Rabs p2 + Rabs p3) in *.
assert (Bt : Rabs (t1 + t2) <= 2 * u * (1 + little) * P + 24 * eta).
{ eapply Rle_trans; [apply Rabs_triang |]. unfold P, u, little in *. lra. }
assert (Et := rnd_error_sum_le _ _ _ F1 F2 Bt). set (t12 := rnd (t1 + t2)) in *.
assert (Bt3 : Rabs (t1 + t2 + t3) <= 2 * u * (1 + little) * P + 36 * eta).
{ eapply Rle_trans; [apply Rabs_triang |].
  assert (Q := Rabs_triang t1 t2). unfold P, u, little in *. lra. }
assert (P0 : 0 <= P) by (unfold P; lra).
assert (Ba : Rabs (t12 + t3) <= 2 * u * (1 + little + 2 * u) * P + 37 * eta).
{ inv Bt3. inv Et. apply Rabs_le. unfold u, little in *. lra. }
assert (Ea := rnd_error_sum_le _ _ _ (double_rnd _ : double t12) F3 Ba). set (a := rnd (t12 + t3)) in *.
assert (BR : Rabs (a + d) <= 4 * u * (1 + little + 4 * u) * P + 38 * eta).
{ inv Ba. inv Ea. inv Bd. inv Ed. apply Rabs_le. unfold u, little in *. lra. }
assert (ER := rnd_error_sum_le _ _ _ (double_rnd _ : double a) (double_rnd _ : double d) BR).
cbv zeta. set (R := rnd (a + d)) in *.
split; [| split].
- replace (S + R - (p1 + p2 + p3 + (t1 + t2 + t3))) with
    ((R - (a + d)) + (d - (d1 + d2)) + (a - (t12 + t3)) + (t12 - (t1 + t2))) by (unfold d1, d2; ring).
  clearbody R d a t12. inv ER. inv Ed. inv Ea. inv Et. apply Rabs_le. unfold u, little in *. lra.
- exact BS.
- inv BR. inv ER. apply Rabs_le. unfold u, little in *. lra.
Qed.

(** ** The error of an element *)

(* c_k = h_k + l_k + e_k, |l_k| <= u |h_k|, |e_k| <= r |h_k| *)
Definition approximates (c : combination) (c1 c2 c3 : R) :=
  0 <= relative_error c <= 1 /\
  coefficient (h1 c) (l1 c) (relative_error c) c1 /\
  coefficient (h2 c) (l2 c) (relative_error c) c2 /\
  coefficient (h3 c) (l3 c) (relative_error c) c3.

Lemma error_of_coefficient h l r c v : 0 <= r <= 1 -> coefficient h l r c ->
  Rabs (c * v - (h + l) * v) <= (1 + 3 * u) * (r * Rabs (rnd (h * v))) + 2 * eta.
Proof.
intros Hr (_ & _ & _ & H). replace (c * v - (h + l) * v) with ((c - (h + l)) * v) by ring.
rewrite Rabs_mult. apply Rle_trans with (r * Rabs (h * v)).
{ rewrite (Rabs_mult h v), <- Rmult_assoc. apply Rmult_le_compat_r; [apply Rabs_pos | exact H]. }
assert (B := product_magnitude (h * v)). assert (Pe := eta_pos). assert (P := Rabs_pos (rnd (h * v))).
apply Rle_trans with (r * ((1 + u * (1 + 2 * u)) * Rabs (rnd (h * v)) + 2 * eta)).
- apply Rmult_le_compat_l; [apply Hr | exact B].
- assert (Q : r * (2 * eta) <= 1 * (2 * eta)) by (apply Rmult_le_compat_r; lra).
  assert (Q' := Rmult_le_pos _ _ (proj1 Hr) P).
  replace (r * ((1 + u * (1 + 2 * u)) * Rabs (rnd (h * v)) + 2 * eta)) with
    ((1 + u * (1 + 2 * u)) * (r * Rabs (rnd (h * v))) + r * (2 * eta)) by ring.
  unfold u in *. lra.
Qed.

Section Errors.
Variables (A : arithmetic) (k : R).
Hypothesis TA : error_of_term A k.
Hypothesis DA : forall a b c, double (multiply_add A a b c).
Hypothesis Hk : 0 <= k.
Variables (c : combination) (c1 c2 c3 v1 v2 v3 : R).
Hypothesis C : approximates c c1 c2 c3.
Hypotheses (V1 : double v1) (V2 : double v2) (V3 : double v3).
Let e := step A c v1 v2 v3.
Let P := products c v1 v2 v3.

Lemma element_error_of_terms :
  Rabs (c1 * v1 + c2 * v2 + c3 * v3 - (sum e + rest e))
    <= ((10 + k) * (u * u) + relative_error c) * (1 + 2 * little) * P + 64 * eta /\
  Rabs (sum e) <= (1 + little) * P /\ Rabs (rest e) <= 4 * u * (1 + 2 * little) * P + 40 * eta.
Proof.
destruct C as (Hr & C1 & C2 & C3).
assert (X1 := error_of_coefficient _ _ _ _ v1 Hr C1).
assert (X2 := error_of_coefficient _ _ _ _ v2 Hr C2).
assert (X3 := error_of_coefficient _ _ _ _ v3 Hr C3).
destruct C1 as (Dh1 & Dl1 & L1 & _), C2 as (Dh2 & Dl2 & L2 & _), C3 as (Dh3 & Dl3 & L3 & _).
destruct (TA _ _ _ Dh1 Dl1 V1 L1) as [Y1 T1]. destruct (TA _ _ _ Dh2 Dl2 V2 L2) as [Y2 T2].
destruct (TA _ _ _ Dh3 Dl3 V3 L3) as [Y3 T3].
assert (Dt : forall h l v, double (lo (term A h l v))) by (intros; apply DA).
assert (Dp : forall h l v, double (hi (term A h l v))) by (intros; apply double_rnd).
destruct (error_of_sums _ _ _ _ _ _ (Dp (h1 c) (l1 c) v1) (Dp (h2 c) (l2 c) v2) (Dp (h3 c) (l3 c) v3)
  (Dt _ _ _) (Dt _ _ _) (Dt _ _ _) T1 T2 T3) as (S1 & S2 & S3).
split; [| split; [exact S2 | exact S3]]. clear S2 S3 T1 T2 T3.
match type of S1 with Rabs (?a + ?b - _) <= _ =>
  change (sum e) with a; change (rest e) with b; set (SS := a) in *; set (RR := b) in * end.
clearbody SS RR. unfold P, products.
set (t1 := term A (h1 c) (l1 c) v1) in *. set (t2 := term A (h2 c) (l2 c) v2) in *.
set (t3 := term A (h3 c) (l3 c) v3) in *.
change (rnd (h1 c * v1)) with (hi t1) in *. change (rnd (h2 c * v2)) with (hi t2) in *.
change (rnd (h3 c * v3)) with (hi t3) in *.
assert (Q1 := Rabs_pos (hi t1)). assert (Q2 := Rabs_pos (hi t2)). assert (Q3 := Rabs_pos (hi t3)).
set (r := relative_error c) in *. assert (Pe := eta_pos).
assert (U := u_pos). assert (Pw : 0 < little) by (unfold little; lra).
assert (R1 := Rmult_le_pos _ _ (proj1 Hr) Q1). assert (R2 := Rmult_le_pos _ _ (proj1 Hr) Q2).
assert (R3 := Rmult_le_pos _ _ (proj1 Hr) Q3).
assert (G : Rabs (c1 * v1 + c2 * v2 + c3 * v3 - (SS + RR))
  <= (10 * (u * u) * (1 + 2 * little) + k * (u * u) * (1 + little))
       * (Rabs (hi t1) + Rabs (hi t2) + Rabs (hi t3))
     + (1 + 3 * u) * (r * Rabs (hi t1) + r * Rabs (hi t2) + r * Rabs (hi t3)) + 64 * eta).
{ replace (c1 * v1 + c2 * v2 + c3 * v3 - (SS + RR)) with
    (- (SS + RR - (hi t1 + hi t2 + hi t3 + (lo t1 + lo t2 + lo t3)))
     + (c1 * v1 - (h1 c + l1 c) * v1) - (hi t1 + lo t1 - (h1 c + l1 c) * v1)
     + (c2 * v2 - (h2 c + l2 c) * v2) - (hi t2 + lo t2 - (h2 c + l2 c) * v2)
     + (c3 * v3 - (h3 c + l3 c) * v3) - (hi t3 + lo t3 - (h3 c + l3 c) * v3)) by ring.
  set (g0 := SS + RR - _) in *.
  set (x1 := c1 * v1 - _) in *. set (x2 := c2 * v2 - _) in *. set (x3 := c3 * v3 - _) in *.
  set (y1 := hi t1 + lo t1 - _) in *. set (y2 := hi t2 + lo t2 - _) in *. set (y3 := hi t3 + lo t3 - _) in *.
  clearbody g0 x1 x2 x3 y1 y2 y3. set (ku := k * (u * u) * (1 + little)) in *. clearbody ku.
  inv X1. inv X2. inv X3. inv Y1. inv Y2. inv Y3. inv S1. apply Rabs_le. lra. }
apply Rle_trans with (1 := G). set (PP := Rabs (hi t1) + Rabs (hi t2) + Rabs (hi t3)) in *.
replace (r * Rabs (hi t1) + r * Rabs (hi t2) + r * Rabs (hi t3)) with (r * PP) by (unfold PP; ring).
assert (P0 : 0 <= PP) by (unfold PP; lra).
assert (KP : 0 <= k * PP) by (apply Rmult_le_pos; [exact Hk | exact P0]).
assert (RP : 0 <= r * PP) by (apply Rmult_le_pos; [apply Hr | exact P0]).
replace ((10 * (u * u) * (1 + 2 * little) + k * (u * u) * (1 + little)) * PP) with
  (10 * (u * u) * (1 + 2 * little) * PP + (u * u) * (1 + little) * (k * PP)) by ring.
replace (((10 + k) * (u * u) + r) * (1 + 2 * little) * PP) with
  (10 * (u * u) * (1 + 2 * little) * PP + (u * u) * (1 + 2 * little) * (k * PP) + (1 + 2 * little) * (r * PP))
  by ring.
unfold u, little in *. lra.
Qed.

End Errors.

Lemma fused_double a b c : double (multiply_add fused a b c).
Proof. apply double_rnd. Qed.
Lemma portable_double a b c : double (multiply_add portable a b c).
Proof. apply double_rnd. Qed.

(** Where multiply-adds are fused, S + R is off by at most (12 u^2 + r) P (1 + 2^-44) + 2^-1069 (that is
    64 eta), all roundings and underflow included. *)
Theorem element_error_fused c c1 c2 c3 v1 v2 v3 :
  approximates c c1 c2 c3 -> double v1 -> double v2 -> double v3 ->
  let e := step fused c v1 v2 v3 in
  Rabs (c1 * v1 + c2 * v2 + c3 * v3 - (sum e + rest e))
    <= (12 * (u * u) + relative_error c) * (1 + 2 * little) * products c v1 v2 v3 + 64 * eta.
Proof.
intros C V1 V2 V3. replace 12 with (10 + 2) by lra.
apply (element_error_of_terms fused 2); trivial; [apply fused_term | apply fused_double | lra].
Qed.

(** Where they are not, by u^2 P more. *)
Theorem element_error_portable c c1 c2 c3 v1 v2 v3 :
  approximates c c1 c2 c3 -> double v1 -> double v2 -> double v3 ->
  let e := step portable c v1 v2 v3 in
  Rabs (c1 * v1 + c2 * v2 + c3 * v3 - (sum e + rest e))
    <= (13 * (u * u) + relative_error c) * (1 + 2 * little) * products c v1 v2 v3 + 64 * eta.
Proof.
intros C V1 V2 V3. replace 13 with (10 + 3) by lra.
apply (element_error_of_terms portable 3); trivial; [apply portable_term | apply portable_double | lra].
Qed.

(** ** The bound that the code computes *)

(* 2^-1060 covers all errors by underflow, and the roundings of the bound's own operations *)
Definition bound_of_multiply_add (A : arithmetic) :=
  forall a b, 0 <= a * b -> (1 - 3 * u) * (a * b) + 16384 * eta <= multiply_add A a b (bpow radix2 (-1060)).

Lemma least_eta : bpow radix2 (-1060) = 32768 * eta.
Proof.
unfold eta. change (-1060)%Z with (15 + -1075)%Z. rewrite bpow_plus. simpl (bpow radix2 15). lra.
Qed.

Lemma bound_of_fused : bound_of_multiply_add fused.
Proof.
intros a b H. cbn [multiply_add fused]. rewrite least_eta. assert (Pe := eta_pos).
assert (E := rnd_error (a * b + 32768 * eta)). rewrite (Rabs_pos_eq (a * b + 32768 * eta)) in E by lra.
inv E. unfold u in *. lra.
Qed.

Lemma bound_of_portable : bound_of_multiply_add portable.
Proof.
intros a b H. cbn [multiply_add portable]. rewrite least_eta. assert (Pe := eta_pos).
assert (E1 := rnd_error (a * b)). rewrite (Rabs_pos_eq (a * b)) in E1 by lra. inv E1.
assert (N := rnd_pos _ H). set (x := rnd (a * b)) in *.
assert (E := rnd_error (x + 32768 * eta)). rewrite (Rabs_pos_eq (x + 32768 * eta)) in E by lra.
inv E. unfold u in *. lra.
Qed.

Lemma relative_bound c : 0 <= relative_error c ->
  (16 * (u * u) + relative_error c) * (1 + 30 * little) <= relative c.
Proof.
intros H. unfold relative. set (r := relative_error c) in *.
replace (1 + bpow radix2 (-40)) with (1 + 32 * little) by (unfold little; simpl; lra).
assert (N : 16 * u * u = bpow radix2 (-102)).
{ rewrite u_bpow. change 16 with (bpow radix2 4). rewrite <- !bpow_plus. reflexivity. }
assert (E1 : Rabs (rnd (16 * u * u + r) - (16 * u * u + r)) <= u * Rabs (16 * u * u + r)).
{ apply rnd_error_normal. rewrite N. assert (Q := bpow_gt_0 radix2 (-102)). rewrite Rabs_pos_eq by lra.
  assert (Q' : bpow radix2 (-1022) <= bpow radix2 (-102)) by (apply bpow_le; lia). lra. }
assert (Px : 0 <= 16 * u * u + r) by (unfold u; lra).
rewrite (Rabs_pos_eq (16 * u * u + r)) in E1 by exact Px. inv E1. set (x := rnd (16 * u * u + r)) in *.
assert (E2 : Rabs (rnd (x * (1 + 32 * little)) - x * (1 + 32 * little)) <= u * Rabs (x * (1 + 32 * little))).
{ apply rnd_error_normal. assert (Q' : bpow radix2 (-1022) <= bpow radix2 (-103)) by (apply bpow_le; lia).
  assert (Q : bpow radix2 (-102) = 2 * bpow radix2 (-103)).
  { change (-102)%Z with (1 + -103)%Z. rewrite bpow_plus. simpl (bpow radix2 1). lra. }
  rewrite Q in N. rewrite Rabs_pos_eq; unfold u, little in *; lra. }
rewrite (Rabs_pos_eq (x * (1 + 32 * little))) in E2 by (unfold u, little in *; lra). inv E2.
unfold u, little in *. lra.
Qed.

Lemma magnitude_bound A c v1 v2 v3 :
  (1 - 2 * u) * products c v1 v2 v3 <= magnitude (step A c v1 v2 v3).
Proof.
change (magnitude (step A c v1 v2 v3)) with
  (rnd (rnd (Rabs (rnd (h1 c * v1)) + Rabs (rnd (h2 c * v2))) + Rabs (rnd (h3 c * v3)))).
unfold products.
assert (D : forall x, double (Rabs (rnd x))) by (intros; apply double_abs, double_rnd).
assert (D1 := D (h1 c * v1)). assert (D2 := D (h2 c * v2)). assert (D3 := D (h3 c * v3)).
assert (P1 := Rabs_pos (rnd (h1 c * v1))). assert (P2 := Rabs_pos (rnd (h2 c * v2))).
assert (P3 := Rabs_pos (rnd (h3 c * v3))).
set (p1 := Rabs (rnd (h1 c * v1))) in *. set (p2 := Rabs (rnd (h2 c * v2))) in *.
set (p3 := Rabs (rnd (h3 c * v3))) in *.
assert (E1 := rnd_error_sum _ _ D1 D2). rewrite (Rabs_pos_eq (p1 + p2)) in E1 by lra. inv E1.
assert (N : 0 <= rnd (p1 + p2)) by (apply rnd_pos; lra).
assert (E2 := rnd_error_sum _ _ (double_rnd (p1 + p2)) D3).
rewrite (Rabs_pos_eq (rnd (p1 + p2) + p3)) in E2 by lra. inv E2. unfold u in *. lra.
Qed.

Lemma computed_bound A c v1 v2 v3 : bound_of_multiply_add A -> 0 <= relative_error c ->
  (16 * (u * u) + relative_error c) * products c v1 v2 v3 * (1 + 8 * little) + 16384 * eta
    <= error (step A c v1 v2 v3).
Proof.
intros B H. assert (R := relative_bound c H). assert (M := magnitude_bound A c v1 v2 v3).
assert (P : 0 <= products c v1 v2 v3).
{ unfold products. assert (Q := fun x => Rabs_pos (rnd x)).
  generalize (Q (h1 c * v1)) (Q (h2 c * v2)) (Q (h3 c * v3)). lra. }
change (error (step A c v1 v2 v3)) with
  (multiply_add A (relative c) (magnitude (step A c v1 v2 v3)) (bpow radix2 (-1060))).
set (m := magnitude (step A c v1 v2 v3)) in *. set (PP := products c v1 v2 v3) in *.
assert (Pr : 0 <= 16 * (u * u) + relative_error c) by (unfold u; lra).
assert (X : (16 * (u * u) + relative_error c) * (1 + 30 * little) * ((1 - 2 * u) * PP) <= relative c * m).
{ apply Rmult_le_compat; trivial.
  - apply Rmult_le_pos; [exact Pr | unfold little; lra].
  - apply Rmult_le_pos; [unfold u; lra | exact P]. }
assert (Y := Rmult_le_pos _ _ Pr P). set (y := (16 * (u * u) + relative_error c) * PP) in *.
replace ((16 * (u * u) + relative_error c) * (1 + 30 * little) * ((1 - 2 * u) * PP)) with
  ((1 + 30 * little) * (1 - 2 * u) * y) in X by (unfold y; ring).
assert (Z : 0 <= relative c * m).
{ apply Rle_trans with (2 := X). apply Rmult_le_pos; [unfold u, little; lra | exact Y]. }
generalize (B _ _ Z). set (z := relative c * m) in *. intros BZ. clearbody y z.
unfold u, little in *. lra.
Qed.

(** ** Certificates *)

(* both kinds of arithmetic, in one *)
Definition code_arithmetic (A : arithmetic) := A = fused \/ A = portable.

Lemma multiply_add_double A a b c : code_arithmetic A -> double (multiply_add A a b c).
Proof. intros [-> | ->]; apply double_rnd. Qed.

Lemma multiply_add_bound A : code_arithmetic A -> bound_of_multiply_add A.
Proof. intros [-> | ->]; [apply bound_of_fused | apply bound_of_portable]. Qed.

Lemma products_nonnegative c v1 v2 v3 : 0 <= products c v1 v2 v3.
Proof.
unfold products. assert (Q := fun x => Rabs_pos (rnd x)).
generalize (Q (h1 c * v1)) (Q (h2 c * v2)) (Q (h3 c * v3)). lra.
Qed.

(** In both kinds of arithmetic; |S| and |R| are at most P and 4 u P, but for terms of higher order. *)
Theorem element_error A c c1 c2 c3 v1 v2 v3 : code_arithmetic A ->
  approximates c c1 c2 c3 -> double v1 -> double v2 -> double v3 ->
  let e := step A c v1 v2 v3 in let P := products c v1 v2 v3 in
  Rabs (c1 * v1 + c2 * v2 + c3 * v3 - (sum e + rest e))
    <= (13 * (u * u) + relative_error c) * (1 + 2 * little) * P + 64 * eta /\
  Rabs (sum e) <= (1 + little) * P /\ Rabs (rest e) <= 4 * u * (1 + 2 * little) * P + 40 * eta.
Proof.
intros HA C V1 V2 V3. assert (P0 := products_nonnegative c v1 v2 v3). destruct HA as [-> | ->].
- destruct (element_error_of_terms fused 2 fused_term fused_double ltac:(lra) c c1 c2 c3 v1 v2 v3 C V1 V2 V3)
    as (X & Y & Z).
  split; [| split; [exact Y | exact Z]]. apply Rle_trans with (1 := X). apply Rplus_le_compat_r.
  apply Rmult_le_compat_r; [exact P0 |]. apply Rmult_le_compat_r; unfold u, little; lra.
- replace 13 with (10 + 3) by lra.
  apply (element_error_of_terms portable 3); trivial; [apply portable_term | apply portable_double | lra].
Qed.

(* certified(high, low, error, double) *)
Definition certified_double (e : evaluation) :=
  rnd (high e + rnd (low e + error e)) = high e /\ rnd (high e + rnd (low e - error e)) = high e.

(* if adding x changes nothing, then x is at most half a unit in the last place *)
Lemma absorbed h x : double h -> double x -> rnd (h + x) = h -> Rabs x <= u * Rabs h.
Proof.
intros Dh Dx H. assert (E := rnd_error_sum_rounded h x Dh Dx). rewrite H in E.
replace (h - (h + x)) with (- x) in E by ring. now rewrite Rabs_Ropp in E.
Qed.

(* what a certificate says about the bound *)
Lemma certified_bound h l E : double h -> double l -> double E ->
  rnd (h + rnd (l + E)) = h -> rnd (h + rnd (l - E)) = h ->
  E <= u * (1 + u) * Rabs h /\
  l + E - u * u * Rabs h <= rnd (l + E) /\ rnd (l - E) <= l - E + u * u * Rabs h.
Proof.
intros Dh Dl DE H1 H2.
assert (A1 := absorbed _ _ Dh (double_rnd _) H1). assert (A2 := absorbed _ _ Dh (double_rnd _) H2).
assert (B1 := rnd_error_sum_rounded l E Dl DE).
assert (B2 := rnd_error_sum_rounded l (- E) Dl (double_opp _ DE)).
change (l + - E) with (l - E) in B2. assert (U := u_pos).
assert (C1 := Rmult_le_compat_l u _ _ (Rlt_le _ _ U) A1).
assert (C2 := Rmult_le_compat_l u _ _ (Rlt_le _ _ U) A2). rewrite <- Rmult_assoc in C1, C2.
assert (F1 := Rle_trans _ _ _ B1 C1). assert (F2 := Rle_trans _ _ _ B2 C2). clear B1 B2 C1 C2.
set (x := rnd (l + E)) in *. set (y := rnd (l - E)) in *. clearbody x y.
inv A1. inv A2. inv F1. inv F2. assert (Ph := Rabs_pos h). unfold u in *. lra.
Qed.

(** If hi + (lo - E) and hi + (lo + E) both round to hi, then hi is the element correctly rounded. *)
Theorem element_certified A c c1 c2 c3 v1 v2 v3 : code_arithmetic A ->
  approximates c c1 c2 c3 -> double v1 -> double v2 -> double v3 ->
  let e := step A c v1 v2 v3 in
  certified_double e -> rnd (c1 * v1 + c2 * v2 + c3 * v3) = high e.
Proof.
intros HA C V1 V2 V3 e [H1 H2].
destruct (element_error A c c1 c2 c3 v1 v2 v3 HA C V1 V2 V3) as (X & BS & BR). fold e in X, BS, BR.
assert (Hr := proj1 C). assert (EB := computed_bound A c v1 v2 v3 (multiply_add_bound A HA) (proj1 Hr)).
fold e in EB. assert (P0 := products_nonnegative c v1 v2 v3). set (P := products c v1 v2 v3) in *.
assert (Dh : double (high e)) by apply double_rnd. assert (Dl : double (low e)) by apply double_rnd.
assert (De : double (error e)) by now apply multiply_add_double.
assert (DS : double (sum e)) by apply double_rnd. assert (DR : double (rest e)) by apply double_rnd.
assert (Eh : high e = rnd (sum e + rest e)) by reflexivity.
destruct (certified_bound _ _ _ Dh Dl De H1 H2) as (F & F1 & F2).
assert (N := rnd_error_sum_rounded _ _ DS DR). rewrite <- Eh in N.
assert (N2 : Rabs (high e) <= (1 + 2 * u) * (Rabs (sum e) + Rabs (rest e))).
{ assert (T := Rabs_triang (sum e) (rest e)).
  assert (Q := Rabs_pos (sum e)). assert (Q' := Rabs_pos (rest e)).
  assert (T2 : Rabs (high e) <= Rabs (high e - (sum e + rest e)) + Rabs (sum e + rest e)).
  { replace (high e) with (high e - (sum e + rest e) + (sum e + rest e)) at 1 by ring. apply Rabs_triang. }
  assert (Q2 := Rabs_pos (high e)). unfold u in *. lra. }
assert (RP : 0 <= relative_error c * P) by (apply Rmult_le_pos; [apply Hr | exact P0]).
replace ((16 * (u * u) + relative_error c) * P * (1 + 8 * little)) with
  (16 * (u * u) * P * (1 + 8 * little) + relative_error c * P * (1 + 8 * little)) in EB by ring.
replace ((13 * (u * u) + relative_error c) * (1 + 2 * little) * P) with
  (13 * (u * u) * P * (1 + 2 * little) + relative_error c * P * (1 + 2 * little)) in X by ring.
set (rP := relative_error c * P) in *. clearbody rP. assert (Pe := eta_pos).
(* a bound as large as that of a rest larger than the sum cannot be certified *)
assert (L : Rabs (rest e) <= Rabs (sum e)).
{ apply Rnot_lt_le. intros L. unfold u, little in *. lra. }
assert (G : high e + low e = sum e + rest e) by (exact (fast_two_sum_exact _ _ DS DR (or_introl L))).
set (v := c1 * v1 + c2 * v2 + c3 * v3) in *. clearbody v. inv X.
assert (W : u * u * Rabs (high e)
  <= u * u * (1 + 2 * u) * ((1 + little) * P + (4 * u * (1 + 2 * little) * P + 40 * eta))).
{ unfold u, little in *. lra. }
apply Rle_antisym.
- rewrite <- H1. apply rnd_le. unfold u, little in *. lra.
- rewrite <- H2 at 1. apply rnd_le. unfold u, little in *. lra.
Qed.

(** A certified double is not 0, so that its sign is that of the element. *)
Theorem certified_double_not_0 A c v1 v2 v3 : code_arithmetic A -> 0 <= relative_error c ->
  let e := step A c v1 v2 v3 in certified_double e -> high e <> 0.
Proof.
intros HA Hr e [H1 H2] Z.
assert (Dh : double (high e)) by apply double_rnd. assert (Dl : double (low e)) by apply double_rnd.
assert (De : double (error e)) by now apply multiply_add_double.
destruct (certified_bound _ _ _ Dh Dl De H1 H2) as (F & _). rewrite Z, Rabs_R0 in F.
assert (EB := computed_bound A c v1 v2 v3 (multiply_add_bound A HA) Hr). fold e in EB.
assert (Q : 0 <= (16 * (u * u) + relative_error c) * products c v1 v2 v3 * (1 + 8 * little)).
{ apply Rmult_le_pos; [apply Rmult_le_pos |];
    [unfold u; lra | apply products_nonnegative | unfold little; lra]. }
assert (Pe := eta_pos). lra.
Qed.

(** ** Floats *)

#[local] Instance float_precision_positive : Prec_gt_0 24.
Proof. reflexivity. Qed.

Definition rnd_float (x : R) : R := round radix2 (FLT_exp (-149) 24) ZnearestE x.

Lemma rnd_float_le x y : x <= y -> rnd_float x <= rnd_float y.
Proof. apply round_le; typeclasses eauto. Qed.

Definition width (A : arithmetic) (e : evaluation) :=
  rnd (multiply_add A (Rabs (low e)) 2 (error e) + rnd (Rabs (high e) * bpow radix2 (-51))).

(* 0 and -0 are different: a zero has the sign of what was rounded *)
Definition same_floats (x y : R) := rnd_float x = rnd_float y /\ (x < 0 <-> y < 0).

(* certified(high, low, error, float) *)
Definition certified_float (A : arithmetic) (e : evaluation) :=
  same_floats (rnd (high e - width A e)) (rnd (high e + width A e)).

Lemma multiply_add_at_least A a c : code_arithmetic A -> 0 <= a -> double c -> c <= multiply_add A a 2 c.
Proof.
intros [-> | ->] Pa Dc; cbn [multiply_add fused portable]; rewrite <- (rnd_double c Dc) at 1; apply rnd_le.
- lra.
- assert (N := rnd_pos (a * 2) ltac:(lra)). lra.
Qed.

(** The rounded ends of [high - w, high + w] enclose the element, certified or not. *)
Theorem element_within_width A c c1 c2 c3 v1 v2 v3 : code_arithmetic A ->
  approximates c c1 c2 c3 -> double v1 -> double v2 -> double v3 ->
  let e := step A c v1 v2 v3 in
  rnd (high e - width A e) <= c1 * v1 + c2 * v2 + c3 * v3 <= rnd (high e + width A e) /\
  rnd (high e - width A e) <= high e <= rnd (high e + width A e).
Proof.
intros HA C V1 V2 V3 e.
destruct (element_error A c c1 c2 c3 v1 v2 v3 HA C V1 V2 V3) as (X & _ & _). fold e in X.
assert (Hr := proj1 C). assert (EB := computed_bound A c v1 v2 v3 (multiply_add_bound A HA) (proj1 Hr)).
fold e in EB. assert (P0 := products_nonnegative c v1 v2 v3). set (P := products c v1 v2 v3) in *.
assert (Dh : double (high e)) by apply double_rnd.
assert (De : double (error e)) by now apply multiply_add_double.
assert (DS : double (sum e)) by apply double_rnd. assert (DR : double (rest e)) by apply double_rnd.
assert (N := rnd_error_sum_rounded _ _ DS DR). change (rnd (sum e + rest e)) with (high e) in N.
assert (Ph := Rabs_pos (high e)). assert (Pe := eta_pos).
assert (M := multiply_add_at_least A (Rabs (low e)) (error e) HA (Rabs_pos _) De).
assert (DM := multiply_add_double A (Rabs (low e)) 2 (error e) HA).
assert (RP : 0 <= relative_error c * P) by (apply Rmult_le_pos; [apply Hr | exact P0]).
replace ((16 * (u * u) + relative_error c) * P * (1 + 8 * little)) with
  (16 * (u * u) * P * (1 + 8 * little) + relative_error c * P * (1 + 8 * little)) in EB by ring.
replace ((13 * (u * u) + relative_error c) * (1 + 2 * little) * P) with
  (13 * (u * u) * P * (1 + 2 * little) + relative_error c * P * (1 + 2 * little)) in X by ring.
set (rP := relative_error c * P) in *. clearbody rP.
assert (Q : Rabs (high e) * bpow radix2 (-51) = 4 * u * Rabs (high e)) by (unfold u; simpl; lra).
assert (E1 := rnd_error (Rabs (high e) * bpow radix2 (-51))). rewrite Q in E1.
rewrite (Rabs_pos_eq (4 * u * Rabs (high e))) in E1 by (unfold u; lra).
set (m := multiply_add A (Rabs (low e)) 2 (error e)) in *.
assert (Ew : width A e = rnd (m + rnd (4 * u * Rabs (high e)))) by (rewrite <- Q; reflexivity).
assert (Pn : 0 <= rnd (4 * u * Rabs (high e))) by (apply rnd_pos; unfold u; lra).
set (n := rnd (4 * u * Rabs (high e))) in *. inv E1.
assert (Pm : 0 <= m) by (unfold u, little in *; lra).
assert (E2 := rnd_error_sum m n DM (double_rnd _)). rewrite (Rabs_pos_eq (m + n)) in E2 by lra.
rewrite <- Ew in E2. inv E2. assert (Dw : double (width A e)) by apply double_rnd.
set (w := width A e) in *. assert (Pw : 0 <= w) by (unfold u in *; lra).
assert (E3 := rnd_error_sum (high e) w Dh Dw). assert (E4 := rnd_error_diff (high e) w Dh Dw).
assert (T3 : Rabs (high e + w) <= Rabs (high e) + w).
{ eapply Rle_trans; [apply Rabs_triang |]. rewrite (Rabs_pos_eq w); lra. }
assert (T4 : Rabs (high e - w) <= Rabs (high e) + w).
{ unfold Rminus. eapply Rle_trans; [apply Rabs_triang |]. rewrite Rabs_Ropp, (Rabs_pos_eq w); lra. }
assert (U := u_pos). assert (T3' := Rmult_le_compat_l u _ _ (Rlt_le _ _ U) T3).
assert (T4' := Rmult_le_compat_l u _ _ (Rlt_le _ _ U) T4).
assert (F3 := Rle_trans _ _ _ E3 T3'). assert (F4 := Rle_trans _ _ _ E4 T4'). clear E3 E4 T3 T4 T3' T4'.
split.
- set (v := c1 * v1 + c2 * v2 + c3 * v3) in *. clearbody v.
  set (right := rnd (high e + w)) in *. set (left := rnd (high e - w)) in *. clearbody right left w n m.
  inv X. inv N. inv F3. inv F4. unfold u, little in *. lra.
- rewrite <- (rnd_double _ Dh) at 2 3. split; apply rnd_le; lra.
Qed.

(** Whatever monotone rounding gives one result at both ends gives it for the element and for hi; the rounding
    may have a greatest number, as that of the code has. *)
Theorem element_certified_rounding A c c1 c2 c3 v1 v2 v3 (f : R -> R) : code_arithmetic A ->
  approximates c c1 c2 c3 -> double v1 -> double v2 -> double v3 -> (forall x y, x <= y -> f x <= f y) ->
  let e := step A c v1 v2 v3 in
  f (rnd (high e - width A e)) = f (rnd (high e + width A e)) ->
  f (c1 * v1 + c2 * v2 + c3 * v3) = f (high e).
Proof.
intros HA C V1 V2 V3 M e H.
destruct (element_within_width A c c1 c2 c3 v1 v2 v3 HA C V1 V2 V3) as ((X1 & X2) & Y1 & Y2).
fold e in X1, X2, Y1, Y2.
assert (RX1 := M _ _ X1). assert (RX2 := M _ _ X2). assert (RY1 := M _ _ Y1). assert (RY2 := M _ _ Y2). lra.
Qed.

(** A certified float is the element correctly rounded to float, and a zero has the element's sign. *)
Theorem element_certified_float A c c1 c2 c3 v1 v2 v3 : code_arithmetic A ->
  approximates c c1 c2 c3 -> double v1 -> double v2 -> double v3 ->
  let e := step A c v1 v2 v3 in let v := c1 * v1 + c2 * v2 + c3 * v3 in
  certified_float A e -> rnd_float v = rnd_float (high e) /\ (v < 0 <-> high e < 0).
Proof.
intros HA C V1 V2 V3 e v [H [S _]].
split; [apply (element_certified_rounding A c c1 c2 c3 v1 v2 v3 rnd_float HA C V1 V2 V3 rnd_float_le H) |].
destruct (element_within_width A c c1 c2 c3 v1 v2 v3 HA C V1 V2 V3) as ((X1 & X2) & Y1 & Y2).
fold e in X1, X2, Y1, Y2. fold v in X1, X2. split; intros L.
- apply Rle_lt_trans with (1 := Y2), S. apply Rle_lt_trans with (1 := X1), L.
- apply Rle_lt_trans with (1 := X2), S. apply Rle_lt_trans with (1 := Y1), L.
Qed.

(** ** What is stored *)

(* a coefficient of 0 is exact *)
Lemma coefficient_0 h l r c : coefficient h l r c -> h = 0 -> c = 0.
Proof.
intros (_ & _ & L & H) ->. rewrite Rabs_R0, Rmult_0_r in *. inv L. inv H. lra.
Qed.

(** Where each product has a factor 0, the sum is 0: combine stores 0 where all three elements are 0, and
    combine_strip where each product has a factor 0. *)
Theorem element_zero c c1 c2 c3 v1 v2 v3 : approximates c c1 c2 c3 ->
  h1 c = 0 \/ v1 = 0 -> h2 c = 0 \/ v2 = 0 -> h3 c = 0 \/ v3 = 0 -> c1 * v1 + c2 * v2 + c3 * v3 = 0.
Proof.
intros (_ & C1 & C2 & C3) Z1 Z2 Z3.
assert (X : forall h l r c v, coefficient h l r c -> h = 0 \/ v = 0 -> c * v = 0).
{ intros h l r k v C [Z | ->]; [rewrite (coefficient_0 _ _ _ _ C Z) |]; ring. }
rewrite (X _ _ _ _ _ C1 Z1), (X _ _ _ _ _ C2 Z2), (X _ _ _ _ _ C3 Z3). ring.
Qed.

(* `combine` stores x in a lane; where neither holds it leaves the lane and sets a bit of `failed` *)
Definition stored_double (A : arithmetic) (c : combination) (v1 v2 v3 x : R) :=
  let e := step A c v1 v2 v3 in
  (certified_double e /\ x = high e) \/ (v1 = 0 /\ v2 = 0 /\ v3 = 0 /\ x = 0).

Definition stored_float (A : arithmetic) (c : combination) (v1 v2 v3 x : R) :=
  let e := step A c v1 v2 v3 in
  (certified_float A e /\ x = rnd_float (high e)) \/ (v1 = 0 /\ v2 = 0 /\ v3 = 0 /\ x = 0).

(** combine<double> stores nothing but the double nearest to the element. *)
Theorem combine_double_correct A c c1 c2 c3 v1 v2 v3 x : code_arithmetic A ->
  approximates c c1 c2 c3 -> double v1 -> double v2 -> double v3 ->
  stored_double A c v1 v2 v3 x -> x = rnd (c1 * v1 + c2 * v2 + c3 * v3).
Proof.
intros HA C V1 V2 V3 [(H & ->) | (Z1 & Z2 & Z3 & ->)].
- symmetry. now apply element_certified.
- rewrite (element_zero c c1 c2 c3 v1 v2 v3) by auto. now rewrite rnd_0.
Qed.

(** combine<float> stores nothing but the float nearest to the element. *)
Theorem combine_float_correct A c c1 c2 c3 v1 v2 v3 x : code_arithmetic A ->
  approximates c c1 c2 c3 -> double v1 -> double v2 -> double v3 ->
  stored_float A c v1 v2 v3 x -> x = rnd_float (c1 * v1 + c2 * v2 + c3 * v3).
Proof.
intros HA C V1 V2 V3 [(H & ->) | (Z1 & Z2 & Z3 & ->)].
- symmetry. now apply (element_certified_float A c c1 c2 c3 v1 v2 v3).
- rewrite (element_zero c c1 c2 c3 v1 v2 v3) by auto. unfold rnd_float. rewrite round_0; [reflexivity |].
  typeclasses eauto.
Qed.

(** ** The coefficients *)

(** in_twice_the_precision: h nearest to c, l nearest to c - h, |h| >= 2^-900; then r = 2^-106 will do. *)
Theorem coefficient_in_twice_the_precision c : bpow radix2 (-900) <= Rabs (rnd c) ->
  coefficient (rnd c) (rnd (c - rnd c)) (bpow radix2 (-106)) c.
Proof.
intros H.
assert (N : bpow radix2 (-1022) <= Rabs c).
{ destruct (Rle_or_lt (bpow radix2 (-1022)) (Rabs c)) as [? | L]; [assumption | exfalso].
  assert (Q := rnd_abs_le c (bpow radix2 (-1022)) ltac:(apply double_bpow; lia) (Rlt_le _ _ L)).
  assert (Q2 : bpow radix2 (-1022) < bpow radix2 (-900)) by (apply bpow_lt; lia). lra. }
assert (E : Rabs (c - rnd c) <= u * Rabs (rnd c)).
{ rewrite <- Rabs_Ropp, Ropp_minus_distr, <- half_ulp_one.
  apply (relative_error_N_FLT_round radix2 (-1074) 53 eq_refl). exact N. }
split; [apply double_rnd |]. split; [apply double_rnd |]. split.
- apply rnd_abs_le; [| exact E].
  rewrite Rmult_comm, u_bpow. apply (mult_bpow_exact_FLT radix2 (-1074) 53).
  + apply double_abs, double_rnd.
  + rewrite mag_abs. assert (M : (-900 < mag radix2 (rnd c))%Z) by now apply mag_gt_bpow. lia.
- set (h := rnd c) in *. set (y := c - h) in *.
  replace (c - (h + rnd y)) with (- (rnd y - y)) by (unfold y; ring).
  rewrite Rabs_Ropp. assert (U : bpow radix2 (-106) = u * u) by (rewrite u_bpow, <- bpow_plus; reflexivity).
  destruct (Rle_or_lt (bpow radix2 (-1022)) (Rabs y)) as [L | L].
  + apply Rle_trans with (1 := rnd_error_normal y L). rewrite U, Rmult_assoc.
    apply Rmult_le_compat_l; [generalize u_pos; lra | exact E].
  + assert (F := rnd_error y). assert (B : u * bpow radix2 (-1022) = eta).
    { unfold eta. rewrite u_bpow, <- bpow_plus. reflexivity. }
    assert (K : 2 * eta <= bpow radix2 (-106) * bpow radix2 (-900)).
    { unfold eta. change 2 with (bpow radix2 1). rewrite <- !bpow_plus. apply bpow_le. lia. }
    assert (K2 := Rmult_le_compat_l _ _ _ (bpow_ge_0 radix2 (-106)) H).
    assert (Q : u * Rabs y <= u * bpow radix2 (-1022)).
    { apply Rmult_le_compat_l; [apply Rlt_le, u_pos | lra]. }
    lra.
Qed.

(** A coefficient that is 0 needs no rounding. *)
Theorem coefficient_exact_0 r : coefficient 0 0 r 0.
Proof.
unfold coefficient. rewrite Rplus_0_r, Rminus_0_r, Rabs_R0, !Rmult_0_r. repeat split; try apply double_0; lra.
Qed.

(* |x| <= E and a relative bound q at least E/|h| *)
Lemma coefficient_weaker h l r s c : r <= s -> coefficient h l r c -> coefficient h l s c.
Proof.
intros L (Dh & Dl & B & E). repeat split; trivial. apply Rle_trans with (1 := E).
apply Rmult_le_compat_r; [apply Rabs_pos | exact L].
Qed.

(** fast_coefficients: |c - (h + l)| <= error, and r is error / |h| (1 + 2^-40), computed in doubles. The
    quotient must not be near underflow. *)
Theorem coefficient_of_error_bound c h l error :
  double h -> double l -> Rabs l <= u * Rabs h -> h <> 0 -> Rabs (c - (h + l)) <= error ->
  bpow radix2 (-1000) <= error / Rabs h ->
  coefficient h l (rnd (rnd (error / Rabs h) * (1 + bpow radix2 (-40)))) c.
Proof.
intros Dh Dl L NZ E Q. split; [exact Dh |]. split; [exact Dl |]. split; [exact L |].
assert (Ph : 0 < Rabs h) by now apply Rabs_pos_lt.
apply Rle_trans with (1 := E). replace error with (error / Rabs h * Rabs h) at 1 by (field; lra).
apply Rmult_le_compat_r; [lra |]. set (q := error / Rabs h) in *.
replace (1 + bpow radix2 (-40)) with (1 + 32 * little) by (unfold little; simpl; lra).
assert (P0 := bpow_gt_0 radix2 (-1000)).
assert (B : bpow radix2 (-1000) = 2 * bpow radix2 (-1001)).
{ change (-1000)%Z with (1 + -1001)%Z. rewrite bpow_plus. simpl (bpow radix2 1). lra. }
assert (B2 : bpow radix2 (-1022) <= bpow radix2 (-1001)) by (apply bpow_le; lia).
assert (E1 : Rabs (rnd q - q) <= u * Rabs q) by (apply rnd_error_normal; rewrite Rabs_pos_eq; lra).
rewrite (Rabs_pos_eq q) in E1 by lra. inv E1. set (x := rnd q) in *.
assert (E2 : Rabs (rnd (x * (1 + 32 * little)) - x * (1 + 32 * little)) <= u * Rabs (x * (1 + 32 * little))).
{ apply rnd_error_normal. rewrite Rabs_pos_eq; unfold u, little in *; lra. }
rewrite (Rabs_pos_eq (x * (1 + 32 * little))) in E2 by (unfold u, little in *; lra). inv E2.
unfold u, little in *. lra.
Qed.

(** ** The certificates can succeed: 1 x 1 + 0 x 0 + 0 x 0 *)

Lemma rnd_near_1 x : Rabs x <= bpow radix2 (-60) -> rnd (1 + x) = 1.
Proof.
intros H. assert (D1 : double 1) by (apply (double_bpow 0); lia).
assert (B : bpow radix2 (-60) < bpow radix2 (-54)) by (apply bpow_lt; lia).
assert (F : cexp radix2 double_exp 1 = (-52)%Z).
{ unfold cexp, double_exp, FLT_exp.
  replace (mag radix2 1 : Z) with 1%Z by (symmetry; apply mag_1). reflexivity. }
assert (Ul : ulp radix2 double_exp 1 = bpow radix2 (-52)) by (rewrite ulp_neq_0, F by lra; reflexivity).
assert (H2 : bpow radix2 (-52) = 2 * bpow radix2 (-53)).
{ change (-52)%Z with (1 + -53)%Z. rewrite bpow_plus. simpl (bpow radix2 1). lra. }
assert (H3 : bpow radix2 (-53) = 2 * bpow radix2 (-54)).
{ change (-53)%Z with (1 + -54)%Z. rewrite bpow_plus. simpl (bpow radix2 1). lra. }
inv H. apply Rle_antisym.
- apply round_N_le_midp; [typeclasses eauto | exact D1 |].
  rewrite succ_eq_pos, Ul by lra. lra.
- apply round_N_ge_midp; [typeclasses eauto | exact D1 |].
  assert (Pr : pred radix2 double_exp 1 = 1 - bpow radix2 (-53)).
  { change 1 with (bpow radix2 0) at 1. rewrite pred_bpow. reflexivity. }
  rewrite Pr. lra.
Qed.

Theorem certificates_satisfiable :
  let c := Combination 1 0 0 0 0 0 0 in let e := step fused c 1 0 0 in
  approximates c 1 0 0 /\ certified_double e /\ certified_float fused e /\ high e = 1.
Proof.
intros c e. assert (D1 : double 1) by (apply (double_bpow 0); lia).
assert (R1 := rnd_double 1 D1). assert (R0 := rnd_0).
assert (R16 : rnd (16 * u * u) = bpow radix2 (-102)).
{ replace (16 * u * u) with (bpow radix2 (-102)); [apply rnd_double, double_bpow; lia |].
  rewrite u_bpow. change 16 with (bpow radix2 4). rewrite <- !bpow_plus. reflexivity. }
assert (T : forall a b, a = rnd a -> b = rnd b ->
  two_sum a b = Unevaluated (rnd (a + b)) (a + b - rnd (a + b))).
{ intros a b -> ->. apply two_sum_eq; apply double_rnd. }
assert (E : e = Evaluation 1 0 1 0 1 (rnd (relative c * 1 + bpow radix2 (-1060)))).
{ unfold e, step, term, c. cbn [h1 h2 h3 l1 l2 l3 fused multiply_add product_error hi lo].
  rewrite ?Rmult_0_l, ?Rmult_0_r, ?Rmult_1_l, ?R1, ?R0, ?Rminus_0_r, ?Rminus_diag_eq, ?R0, ?Rplus_0_r, ?R0
    by reflexivity.
  rewrite (T 1 0) by (rewrite ?R1, ?R0; reflexivity). cbn [hi lo].
  rewrite ?Rplus_0_r, ?R1, ?(T 1 0) by (rewrite ?R1, ?R0; reflexivity). cbn [hi lo].
  rewrite ?Rplus_0_r, ?R1, ?Rminus_diag_eq, ?Rplus_0_r, ?R0, ?Rplus_0_r, ?R0, ?R1 by reflexivity.
  rewrite ?Rminus_diag_eq, ?Rabs_R0, ?Rabs_R1, ?Rplus_0_r, ?R1, ?Rplus_0_r, ?R1 by reflexivity.
  replace (1 - 1) with 0 by ring. rewrite R0, Rminus_0_r, R0.
  reflexivity. }
assert (Pb : forall k, 0 < bpow radix2 k) by (intros; apply bpow_gt_0).
assert (Dbl : forall k, bpow radix2 (k + 1) = 2 * bpow radix2 k).
{ intros k. rewrite bpow_plus. simpl (bpow radix2 1). lra. }
assert (Rel : 0 <= relative c <= bpow radix2 (-101)).
{ unfold relative, c. cbn [relative_error]. rewrite Rplus_0_r, R16. assert (Q := Pb (-40)%Z).
  assert (Q1 : bpow radix2 (-40) <= bpow radix2 0) by (apply bpow_le; lia). simpl (bpow radix2 0) in Q1.
  assert (Q2 := Pb (-102)%Z). assert (Q3 := Dbl (-102)%Z). change (-102 + 1)%Z with (-101)%Z in Q3.
  assert (M : bpow radix2 (-102) * (1 + bpow radix2 (-40)) <= bpow radix2 (-102) * 2)
    by (apply Rmult_le_compat_l; lra).
  split.
  - apply rnd_pos, Rmult_le_pos; lra.
  - rewrite <- (rnd_double (bpow radix2 (-101))) by (apply double_bpow; lia). apply rnd_le. lra. }
assert (Err : 0 <= error e <= bpow radix2 (-100)).
{ rewrite E. cbn [error]. assert (Q := Pb (-1060)%Z). split; [apply rnd_pos; lra |].
  rewrite <- (rnd_double (bpow radix2 (-100))) by (apply double_bpow; lia). apply rnd_le.
  assert (Q3 := Dbl (-101)%Z). change (-101 + 1)%Z with (-100)%Z in Q3.
  assert (Q1 : bpow radix2 (-1060) <= bpow radix2 (-101)) by (apply bpow_le; lia). lra. }
assert (De : double (error e)) by (rewrite E; apply double_rnd).
assert (S : bpow radix2 (-100) <= bpow radix2 (-60)) by (apply bpow_le; lia).
assert (Eh : high e = 1) by (rewrite E; reflexivity). assert (El : low e = 0) by (rewrite E; reflexivity).
split; [| split; [| split; [| exact Eh]]].
- split; [cbn; lra |]. unfold c. cbn [h1 h2 h3 l1 l2 l3 relative_error].
  split; [| split; apply coefficient_exact_0]. unfold coefficient.
  rewrite Rplus_0_r, Rminus_diag_eq, Rabs_R0, Rabs_R1 by reflexivity.
  repeat split; try apply double_0; trivial; unfold u; lra.
- unfold certified_double. rewrite Eh, El, Rplus_0_l, Rminus_0_l, rnd_opp, (rnd_double _ De).
  split; apply rnd_near_1; apply Rabs_le; lra.
- unfold certified_float, same_floats. rewrite Eh.
  assert (W : 0 <= width fused e <= bpow radix2 (-49)).
  { unfold width. rewrite Eh, El, Rabs_R0, Rabs_R1, Rmult_1_l. cbn [multiply_add fused].
    rewrite Rmult_0_l, Rplus_0_l, (rnd_double _ De), (rnd_double (bpow radix2 (-51)))
      by (apply double_bpow; lia).
    assert (Q := Pb (-51)%Z). split; [apply rnd_pos; lra |].
    rewrite <- (rnd_double (bpow radix2 (-49))) by (apply double_bpow; lia). apply rnd_le.
    assert (Q1 := Dbl (-51)%Z). change (-51 + 1)%Z with (-50)%Z in Q1.
    assert (Q2 := Dbl (-50)%Z). change (-50 + 1)%Z with (-49)%Z in Q2.
    assert (Q3 : bpow radix2 (-100) <= bpow radix2 (-51)) by (apply bpow_le; lia). lra. }
  assert (B1 : rnd (1 - bpow radix2 (-49)) <= rnd (1 - width fused e)) by (apply rnd_le; lra).
  assert (B2 : rnd (1 + width fused e) <= rnd (1 + bpow radix2 (-49))) by (apply rnd_le; lra).
  assert (X1 : double (1 - bpow radix2 (-49))).
  { apply (double_mult_exponent (2 ^ 49 - 1) (-49)); [lia | lia |]. rewrite minus_IZR. simpl; lra. }
  assert (X2 : double (1 + bpow radix2 (-49))).
  { apply (double_mult_exponent (2 ^ 49 + 1) (-49)); [lia | lia |]. rewrite plus_IZR. simpl; lra. }
  rewrite (rnd_double _ X1) in B1. rewrite (rnd_double _ X2) in B2.
  assert (N : bpow radix2 (-49) <= / 1000000000) by (simpl; lra).
  assert (Y : forall y, 1 - bpow radix2 (-49) <= y <= 1 + bpow radix2 (-49) -> rnd_float y = 1).
  { intros y Hy. assert (F1 : generic_format radix2 (FLT_exp (-149) 24) 1)
      by (apply (generic_format_FLT_bpow radix2 (-149) 24 0); lia).
    assert (F : cexp radix2 (FLT_exp (-149) 24) 1 = (-23)%Z).
    { unfold cexp, FLT_exp. replace (mag radix2 1 : Z) with 1%Z by (symmetry; apply mag_1). reflexivity. }
    apply Rle_antisym.
    - apply round_N_le_midp; [typeclasses eauto | exact F1 |].
      rewrite succ_eq_pos, ulp_neq_0, F by lra. simpl (bpow radix2 (-23)). lra.
    - apply round_N_ge_midp; [typeclasses eauto | exact F1 |].
      assert (Pr : pred radix2 (FLT_exp (-149) 24) 1 = 1 - bpow radix2 (-24)).
      { change 1 with (bpow radix2 0) at 1. rewrite pred_bpow. reflexivity. }
      rewrite Pr. simpl (bpow radix2 (-24)). lra. }
  assert (Z : rnd (1 - width fused e) <= rnd (1 + width fused e)) by (apply rnd_le; lra).
  rewrite !Y by lra. split; [reflexivity |]. split; intros; lra.
Qed.
