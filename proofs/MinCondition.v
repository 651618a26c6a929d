(** * The least condition number of a metric

    The update g and y = -grad L have p = y.g > 0. A metric is a symmetric positive definite M with M g = y,
    so that g = -M^-1 grad L. Write s = sine g y = sqrt(1 - p^2/((g.g)(y.y))) and c = cosine g y for the sine
    and the cosine of the angle between g and y, and a* = a_star g y = y.y/p; M(a_star) is the paper's M(a) =
    y y^T/p + a (I - g g^T/(g.g)) at a = a*. The paper states that M(a_star) has the least condition number of
    all metrics, kappa* = kappa_star g y = (1 + s)/(1 - s).

    How spectra are written. [spectrum_within M m l] says m x.x <= x.Mx <= l x.x for every x: for a symmetric
    M, that every eigenvalue lies in [m, l] (the Rayleigh quotient). No spectral theorem is used; where an
    end of an interval is said to be an eigenvalue, an eigenvector is exhibited. [condition_at_most M K]:
    the spectrum lies in [m, K m] for some m > 0. [condition_number_is M k]: k is the least such K.

    Proved, in any dimension n and without axioms. Over any ordered field:
    - [spectrum_bound]: a metric with its spectrum in [m, l] has (m + l) p >= m l (g.g) + y.y;
      [spectrum_feasible]: for 0 < m <= l such a metric exists exactly when this holds; [wielandt_bound]: then
      (m + l)^2 p^2 >= 4 m l (g.g)(y.y);
    - [eigenvalue_bounds]: the largest eigenvalue of a metric is at least y.y/p, the smallest at most p/(g.g);
      [largest_eigenvalue_infimum], [smallest_eigenvalue_supremum]: nothing better holds for all metrics;
      [largest_eigenvalue_attained], [smallest_eigenvalue_attained]: either is attained exactly when
      p^2 = (g.g)(y.y), that is s = 0;
    - [family_inverse]: M(a)^-1 is the BFGS inverse update of I/a by the pair (g, y); [optimum_inverse]:
      M(a_star)^-1 is the one-pair L-BFGS matrix with the scaling p/(y.y).
    Over any real closed field (it has square roots), where s and kappa* are defined:
    - [condition_lower_bound]: l/m >= kappa* for every metric with its spectrum in [m, l], m > 0;
    - [optimum_metric], [optimum_spectrum], [optimum_eigenvalues]: M(a_star) is a metric, its spectrum lies in
      [a* (1 - s), a* (1 + s)], and both ends are eigenvalues; [optimum_condition_number]: its condition
      number is kappa*; [min_condition]: a metric with condition number at most K exists exactly when
      kappa* <= K;
    - [minimiser_spectrum], [minimisers]: all metrics with condition number kappa*; they are those that act on
      span(g, y) as M(a_star) does and whose quadratic form on the complement lies in the same interval;
      [minimiser_unique], [minimiser_not_unique]: M(a_star) is the only one when n <= 2 or s = 0, and
      otherwise not; [minimiser_parallel]: for s = 0 it is r I, r = |y|/|g|; [family_minimiser]: within the
      family, n > 1, only a = a* attains kappa*;
    - [kappa_star_identities], [optimum_eigenvalue_identities]: the forms used for evaluation;
    - [reference_min_condition] and its companions: the same relative to a symmetric positive definite M0,
      with g.M0 g and y.M0^-1 y in place of g.g and y.y. The spectrum relative to M0 bounds x.Mx by multiples
      of x.M0 x. That all minimisers act alike, and when there is one only, is stated for this case too
      ([reference_minimisers], [reference_minimiser_unique], over any ordered field that has s0).

    Method. (M - m)(l - M) is positive semidefinite; applied at g it gives the bound. Everything is proved
    relative to M0 first, where y = M0 q, and M0 = I gives the rest.

    Not proved here: the spectrum and the condition number of M(a) at a other than a*; the multiplicities of
    the eigenvalues; angles, logarithms and their inverses (kappa* is given by s and c only). *)

From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
From Natgrad Require Import LinearAlgebra.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Definitions.

Variables (R : realFieldType) (n : nat).

(** The one-parameter family relative to a reference metric M0: yy^T/p + a (M0 - M0 g g^T M0/(g.M0 g)). *)
Definition reference_family (M0 : 'M[R]_n) (g y : 'cV[R]_n) (a : R) : 'M[R]_n :=
  (dot y g)^-1 *: (y *m y^T) + a *: (M0 - (dot g (M0 *m g))^-1 *: ((M0 *m g) *m (M0 *m g)^T)).

(** The spectrum of M relative to M0 lies in [m, l]: m x.M0 x <= x.M x <= l x.M0 x for every x. *)
Definition relative_spectrum_within (M M0 : 'M[R]_n) (m l : R) : Prop :=
  forall x, m * dot x (M0 *m x) <= dot x (M *m x) <= l * dot x (M0 *m x).

(** The condition number of M is at most k: the spectrum lies in [m, k m] for some m > 0. *)
Definition condition_at_most (M : 'M[R]_n) (k : R) : Prop :=
  exists2 m, 0 < m & spectrum_within M m (k * m).

(** The same relative to M0. *)
Definition relative_condition_at_most (M M0 : 'M[R]_n) (k : R) : Prop :=
  exists2 m, 0 < m & relative_spectrum_within M M0 m (k * m).

(** The condition number of M is k: k is the least K for which it is at most K. *)
Definition condition_number_is (M : 'M[R]_n) (k : R) : Prop :=
  condition_at_most M k /\ forall K, condition_at_most M K -> k <= K.

End Definitions.

Section Lemmas.

Variables (R : realFieldType) (n : nat).
Implicit Types (u v w x g y q h : 'cV[R]_n) (M A B : 'M[R]_n) (a b m l : R).

(** Cauchy and Schwarz in a positive semidefinite form. *)
Lemma psd_cauchy_schwarz A u v : psd A -> dot u (A *m v) ^+ 2 <= dot u (A *m u) * dot v (A *m v).
Proof.
move=> pA; have [z|nz] := eqVneq (dot v (A *m v)) 0.
  by rewrite (psd_kernel pA z) !dot0r mulr0 expr0n.
have c_gt0 : 0 < dot v (A *m v) by rewrite lt_def nz; case: pA => _ ->.
have := pA.2 (dot v (A *m v) *: u - dot u (A *m v) *: v).
rewrite mulmxBr -!scalemxAr !dot_linear (dot_sym v u pA.1) (dotC (A *m v) u).
move: (dot u (A *m u)) (dot u (A *m v)) (dot v (A *m v)) c_gt0 => a b c c_gt0 nonneg.
rewrite -subr_ge0 -(pmulr_rge0 _ c_gt0); move: nonneg; congr (0 <= _); ring.
Qed.

Lemma psd_scaled_sub M M0 m l : symmetric M -> symmetric M0 -> relative_spectrum_within M M0 m l ->
  psd (M - m *: M0).
Proof.
move=> sM s0 b; split; first by rewrite /symmetric linearB linearZ /= sM s0.
by move=> x; rewrite mulmxBl -scalemxAl dotBr dotZr subr_ge0; case/andP: (b x).
Qed.

(** With A = M - m M0 and A x = M0 h: h.M0 h <= (l - m) x.A x; that is, A M0^-1 A <= (l - m) A. *)
Lemma relative_norm M M0 m l x h : spd M0 -> symmetric M -> relative_spectrum_within M M0 m l ->
  M0 *m h = (M - m *: M0) *m x -> dot h (M0 *m h) <= (l - m) * dot x (M0 *m h).
Proof.
move=> p0 sM b e; have pA := psd_scaled_sub sM p0.1 b.
have [->|h0] := eqVneq h 0; first by rewrite mulmx0 !dot0r mulr0.
have H_gt0 := p0.2 h h0.
have := psd_cauchy_schwarz x h pA.
rewrite (dot_sym x h pA.1) -e (dotC (M0 *m h) h) => cs.
have : dot h ((M - m *: M0) *m h) <= (l - m) * dot h (M0 *m h).
  by rewrite mulmxBl -scalemxAl dotBr dotZr mulrBl ler_add2r; case/andP: (b h).
have := pA.2 x; rewrite -e.
move: (dot h (M0 *m h)) (dot x (M0 *m h)) (dot h _) H_gt0 cs => H X K H_gt0 cs X_ge0 KH.
rewrite -(ler_pmul2r H_gt0) -expr2; apply: le_trans cs _.
by rewrite [_ * X]mulrC -mulrA ler_wpmul2l.
Qed.

(** M0 = I gives back the absolute notions. *)
Lemma relative1 M m l : relative_spectrum_within M 1%:M m l <-> spectrum_within M m l.
Proof. by split=> b x; have := b x; rewrite mul1mx. Qed.

Lemma relative_condition1 M k : relative_condition_at_most M 1%:M k <-> condition_at_most M k.
Proof. by split=> -[m m0 /relative1 b]; exists m. Qed.

Lemma reference_family1 g y a : reference_family 1%:M g y a = family g y a.
Proof. by rewrite /reference_family mul1mx. Qed.

Lemma spd1 : spd (1%:M : 'M[R]_n).
Proof. by split=> [|x]; rewrite /symmetric ?trmx1 // mul1mx dot_gt0. Qed.

Lemma relative_spd M M0 m l : symmetric M -> spd M0 -> 0 < m -> relative_spectrum_within M M0 m l -> spd M.
Proof.
move=> sM p0 m0 b; split=> // x x0; case/andP: (b x) => lo _; apply: lt_le_trans lo.
by rewrite mulr_gt0 //; apply: p0.2.
Qed.

Lemma metric_gt0 M g y : metric M g y -> g != 0 -> 0 < dot y g.
Proof. by case=> -[sM pM] <- /pM; rewrite dotC. Qed.

(** ** Every competitor, relative to M0; here M0 q = y, that is, q = M0^-1 y *)

Section Competitor.

Variables (M0 : 'M[R]_n) (g y q : 'cV[R]_n).
Hypotheses (p0 : spd M0) (qE : M0 *m q = y).

Lemma reference_bound M m l : symmetric M -> M *m g = y -> relative_spectrum_within M M0 m l ->
  m * l * dot g (M0 *m g) + dot q y <= (m + l) * dot y g.
Proof.
move=> sM Mg b.
have e : M0 *m (q - m *: g) = (M - m *: M0) *m g by rewrite mulmxBr mulmxBl -scalemxAr -scalemxAl qE Mg.
have := relative_norm p0 sM b e; rewrite mulmxBr -scalemxAr qE !dot_linear.
rewrite (dot_sym q g p0.1) qE (dotC g y) => t; rewrite -subr_ge0; rewrite -subr_ge0 in t.
move: t; move: (dot y g) (dot q y) (dot g _) => P Q G; congr (0 <= _); ring.
Qed.

(** Where the bound is an equality, M maps q as its bounds and g, y say. *)
Lemma reference_bound_eq M m l : symmetric M -> M *m g = y -> relative_spectrum_within M M0 m l ->
  m * l * dot g (M0 *m g) + dot q y = (m + l) * dot y g -> M *m q = (m + l) *: y - (m * l) *: (M0 *m g).
Proof.
move=> sM Mg b e; pose A := M - m *: M0; pose N := (l - m) *: A - A *m invmx M0 *m A.
have u0 := spd_unit p0; have pA := psd_scaled_sub sM p0.1 b.
have sA : A^T = A by exact: pA.1.
have Ag : A *m g = M0 *m (q - m *: g) by rewrite mulmxBr mulmxBl -scalemxAr -scalemxAl qE Mg.
have Nform x h : M0 *m h = A *m x -> dot x (N *m x) = (l - m) * dot x (M0 *m h) - dot h (M0 *m h).
  move=> hE; rewrite mulmxBl -scalemxAl dotBr dotZr -hE -!mulmxA -hE mulKmx // (dot_sym x h pA.1) -hE.
  by rewrite (dotC (M0 *m h)).
have pN : psd N.
  split; first by rewrite /symmetric linearB linearZ /= !trmx_mul sA trmx_inv p0.1 mulmxA.
  move=> x; rewrite (Nform x (invmx M0 *m (A *m x))); last by rewrite mulKVmx.
  by rewrite subr_ge0 (relative_norm p0 sM b) // mulKVmx.
have : N *m g = 0.
  apply: psd_kernel => //; rewrite (Nform g (q - m *: g)); last by rewrite Ag.
  rewrite mulmxBr -scalemxAr qE !dot_linear (dot_sym q g p0.1) qE (dotC g y).
  move: e; move: (dot y g) (dot q y) (dot g _) => P Q G e.
  by rewrite (_ : Q = (m + l) * P - m * l * G); [ring | rewrite -e addrC addKr].
rewrite mulmxBl -scalemxAl -!mulmxA Ag mulKmx // -Ag => /eqP; rewrite subr_eq0 => /eqP.
rewrite /A !mulmxBr !mulmxBl -!scalemxAr -!scalemxAl !qE Mg => z.
move: (M *m q) (M0 *m g) z => v h z.
have -> : v = (v - m *: y - (m *: y - m *: (m *: h))) + ((2%:R * m) *: y - m ^+ 2 *: h).
  by apply/colP=> i; rewrite !mxE; move: (v i 0) (y i 0) (h i 0) => V Y H; ring.
by rewrite -z; apply/colP=> i; rewrite !mxE; move: (y i 0) (h i 0) => Y H; ring.
Qed.

(** Above: y.M0^-1 y <= l p. *)
Lemma reference_upper M l : psd M -> M *m g = y -> (forall x, dot x (M *m x) <= l * dot x (M0 *m x)) ->
  dot q y <= l * dot y g.
Proof.
move=> pM Mg b.
have := @reference_bound M 0 l pM.1 Mg; rewrite !mul0r !add0r; apply.
by move=> x; rewrite mul0r b pM.2.
Qed.

End Competitor.

(** ** The family relative to M0 *)

Section Family.

Variables (M0 : 'M[R]_n) (g y : 'cV[R]_n) (a : R).
Hypotheses (p0 : spd M0) (p_gt0 : 0 < dot y g).

Lemma reference_family_mul x : reference_family M0 g y a *m x =
  (dot y x / dot y g) *: y + a *: (M0 *m x - (dot x (M0 *m g) / dot g (M0 *m g)) *: (M0 *m g)).
Proof.
rewrite mulmxDl -!scalemxAl mulmxBl -!scalemxAl !outer_mul !scalerA (dotC (M0 *m g)).
by rewrite [(dot y g)^-1 * _]mulrC [(dot g _)^-1 * _]mulrC.
Qed.

Lemma reference_family_sym : symmetric (reference_family M0 g y a).
Proof.
have tD (A B : 'M[R]_n) : (A + B)^T = A^T + B^T by rewrite linearD.
have tB (A B : 'M[R]_n) : (A - B)^T = A^T - B^T by rewrite linearB.
have tZ b (A : 'M[R]_n) : (b *: A)^T = b *: A^T by rewrite linearZ.
by rewrite /symmetric tD !tZ tB tZ !trmx_outer p0.1.
Qed.

Lemma update_neq0 : g != 0.
Proof. by apply: contraL p_gt0 => /eqP->; rewrite dot0r ltxx. Qed.

Lemma update_form_gt0 : 0 < dot g (M0 *m g).
Proof. exact: p0.2 update_neq0. Qed.

Lemma reference_family_g : reference_family M0 g y a *m g = y.
Proof.
by rewrite reference_family_mul !divff ?gt_eqF ?update_form_gt0 // !scale1r subrr scaler0 addr0.
Qed.

Lemma reference_family_form x : dot x (reference_family M0 g y a *m x) =
  dot y x ^+ 2 / dot y g + a * (dot x (M0 *m x) - dot x (M0 *m g) ^+ 2 / dot g (M0 *m g)).
Proof.
rewrite reference_family_mul !dot_linear (dotC x y).
by move: (dot y x) (dot y g)^-1 (dot x (M0 *m x)) (dot x _) (dot g _)^-1 => Y P' N X G'; ring.
Qed.

Lemma reference_family_spd : 0 < a -> spd (reference_family M0 g y a).
Proof.
move=> a_gt0; split; first exact: reference_family_sym.
move=> x x0; rewrite reference_family_form; have G_gt0 := update_form_gt0.
set X := dot x (M0 *m g); set G := dot g (M0 *m g) in G_gt0 *; pose e := x - (X / G) *: g.
have eE : dot e (M0 *m e) = dot x (M0 *m x) - X ^+ 2 / G.
  rewrite /e mulmxBr -scalemxAr !dot_linear (dot_sym g x p0.1) (dotC (M0 *m g)) -/X -/G.
  clear e; clearbody X G.
  by move: (dot x _) => N; field; rewrite gt_eqF.
rewrite -eE; have [z|nz] := eqVneq e 0; last first.
  by rewrite ltr_paddl ?mulr_gt0 ?divr_ge0 ?sqr_ge0 ?(ltW p_gt0) //; apply: p0.2.
rewrite z dot0l mulr0 addr0; have xE : x = (X / G) *: g by apply/eqP; rewrite -subr_eq0; apply/eqP.
rewrite xE dotZr divr_gt0 // lt_def sqr_ge0 andbT sqrf_eq0.
rewrite !mulf_neq0 ?invr_eq0 ?(gt_eqF G_gt0) ?(gt_eqF p_gt0) //.
by apply: contraNneq x0 => X0; rewrite xE X0 mul0r scale0r.
Qed.

Lemma reference_family_metric : 0 < a -> metric (reference_family M0 g y a) g y.
Proof. by move=> a_gt0; split; [exact: reference_family_spd | exact: reference_family_g]. Qed.

End Family.

(** ** The optimum relative to M0: a = q.y/p *)

(** From 4 k <= (1 + k)^2 (1 - s^2), k >= 1: k is at least the larger root. *)
Lemma optimum_factor (k s : R) : 0 <= s -> s < 1 -> 1 <= k -> 4%:R * k <= (1 + k) ^+ 2 * (1 - s ^+ 2) ->
  (1 + s) / (1 - s) <= k.
Proof.
move=> s_ge0 s_lt1 k1 h; rewrite ler_pdivr_mulr ?subr_gt0 //.
have [->|s0] := eqVneq s 0; first by rewrite addr0 subr0 mulr1.
have s_gt0 : 0 < s by rewrite lt_def s0.
have t_gt0 : 0 < k * (1 + s) - (1 - s).
  rewrite (_ : _ - _ = (k - 1) * (1 + s) + s *+ 2); last by ring.
  have h1 : 0 <= (k - 1) * (1 + s) by rewrite mulr_ge0 ?subr_ge0 // addr_ge0 ?ler01.
  by apply: ltr_paddl => //; rewrite mulr2n addr_gt0.
have e : (k * (1 - s) - (1 + s)) * (k * (1 + s) - (1 - s)) = (1 + k) ^+ 2 * (1 - s ^+ 2) - 4%:R * k by ring.
by rewrite -subr_ge0 -(pmulr_lge0 _ t_gt0) e subr_ge0.
Qed.

Section Optimum.

Variables (M0 : 'M[R]_n) (g y q : 'cV[R]_n) (s : R).
Hypotheses (p0 : spd M0) (qE : M0 *m q = y) (p_gt0 : 0 < dot y g).
Hypotheses (s_ge0 : 0 <= s) (sE : s ^+ 2 = 1 - dot y g ^+ 2 / (dot g (M0 *m g) * dot q y)).

Local Notation P := (dot y g).
Local Notation G := (dot g (M0 *m g)).
Local Notation Q := (dot q y).
Local Notation a := (dot q y / dot y g).

Let G_gt0 : 0 < G. Proof. exact: (update_form_gt0 p0 p_gt0). Qed.

Let qg : dot q (M0 *m g) = P.
Proof. by rewrite (dot_sym q g p0.1) qE. Qed.

Let gq : dot g (M0 *m q) = P.
Proof. by rewrite qE dotC. Qed.

Let Q_gt0 : 0 < Q.
Proof.
rewrite -qE; apply: p0.2; apply: contraTneq p_gt0 => q0.
by rewrite -qE q0 mulmx0 dot0l ltxx.
Qed.

Let a_gt0 : 0 < a. Proof. by rewrite divr_gt0. Qed.

Let GQs : G * Q * s ^+ 2 = G * Q - P ^+ 2.
Proof. by rewrite sE; move: G Q P G_gt0 Q_gt0 => G Q P G0 Q0; field; rewrite !gt_eqF. Qed.

Lemma optimum_sine_lt1 : s < 1.
Proof.
have s21 : s ^+ 2 < 1 by rewrite sE ltr_subl_addr ltr_addl divr_gt0 ?exprn_gt0 ?mulr_gt0.
by rewrite ltNge; apply/negP=> s1; move: s21; rewrite ltNge exprn_ege1.
Qed.

(** The Gram determinant of x, g and q is nonnegative; with s^2 = 1 - c^2 it bounds two squares. *)
Lemma optimum_scalar x : let T := G * dot y x ^+ 2 - Q * dot x (M0 *m g) ^+ 2 in
  - (s * (G * Q * dot x (M0 *m x))) <= T <= s * (G * Q * dot x (M0 *m x)).
Proof.
set X := dot x (M0 *m g); set N := dot x (M0 *m x); set Y := dot y x => /=.
have xq : dot x (M0 *m q) = Y by rewrite qE dotC.
have gx : dot g (M0 *m x) = X by rewrite (dot_sym g x p0.1) dotC.
have qx : dot q (M0 *m x) = Y by rewrite (dot_sym q x p0.1) qE.
pose D := G * Q - P ^+ 2.
have [s0|s0] := eqVneq s 0.
  have D0 : D = 0 by rewrite /D -GQs s0 expr0n mulr0.
  have w0 : dot (G *: q - P *: g) (M0 *m (G *: q - P *: g)) = 0.
    rewrite mulmxBr -!scalemxAr !dot_linear qE (dotC g y) qg.
    by rewrite -[RHS](mulr0 G) -D0 /D; move: (G) (Q) (P) => *; ring.
  have YX : G * Y = P * X.
    have := psd_kernel (spd_psd p0) w0; move/(congr1 (dot x)); rewrite dot0r mulmxBr -!scalemxAr !dot_linear.
    by rewrite xq -/X => /eqP; rewrite subr_eq0 => /eqP.
  have T0 : G * Y ^+ 2 - Q * X ^+ 2 = 0.
    apply: (mulfI (lt0r_neq0 G_gt0)); rewrite mulr0.
    rewrite (_ : G * (G * Y ^+ 2 - Q * X ^+ 2) = (G * Y) ^+ 2 - G * Q * X ^+ 2); last first.
      by move: (G) (Q) (X) (Y) => *; ring.
    have e : (P * X) ^+ 2 - G * Q * X ^+ 2 = - (D * X ^+ 2) by rewrite /D; move: (G) (Q) (P) (X) => *; ring.
    by rewrite YX e D0 mul0r oppr0.
  by rewrite T0 s0 mul0r oppr0 lexx.
have s_gt0 : 0 < s by rewrite lt_def s0.
have D_gt0 : 0 < D by rewrite /D -GQs !mulr_gt0 ?exprn_gt0.
pose U := Q * X ^+ 2 - 2%:R * P * X * Y + G * Y ^+ 2.
have U_ge0 : 0 <= U.
  rewrite -(pmulr_rge0 _ G_gt0) (_ : G * U = D * X ^+ 2 + (G * Y - P * X) ^+ 2).
    by rewrite addr_ge0 ?sqr_ge0 // mulr_ge0 ?sqr_ge0 // ltW.
  by rewrite /U /D; move: (G) (Q) (P) (X) (Y) => *; ring.
have UD : U <= D * N.
  pose A := Q * X - P * Y; pose B := G * Y - P * X.
  have nonneg := (spd_psd p0).2 (D *: x - A *: g - B *: q).
  rewrite !mulmxBr -!scalemxAr !dot_linear -/N -/X xq gx gq qx qg qE -/G in nonneg.
  rewrite -subr_ge0 -(pmulr_rge0 _ D_gt0); move: nonneg; congr (0 <= _).
  by rewrite /A /B /U /D; move: (G) (Q) (P) (X) (Y) (N) => *; ring.
set T := _ - _.
have TU : `|s * T| <= U.
  rewrite -(@ler_pexpn2r _ 2) ?nnegrE // real_normK ?num_real //.
  have sq : G * Q * U ^+ 2 - (G * Q - P ^+ 2) * T ^+ 2 =
      (2%:R * G * Q * X * Y - P * (Q * X ^+ 2 + G * Y ^+ 2)) ^+ 2.
    by rewrite /T /U; move: (G) (Q) (P) (X) (Y) => *; ring.
  by rewrite -(ler_pmul2l (mulr_gt0 G_gt0 Q_gt0)) exprMn mulrA GQs -subr_ge0 sq sqr_ge0.
have : `|s * T| <= s * (s * (G * Q * N)).
  apply: le_trans TU (le_trans UD _); rewrite /D -GQs le_eqVlt; apply/orP; left; apply/eqP.
  by move: (G) (Q) (N) => *; ring.
by rewrite normrM (gtr0_norm s_gt0) ler_pmul2l // ler_norml.
Qed.

(** The optimum's spectrum relative to M0. *)
Lemma optimum_within : relative_spectrum_within (reference_family M0 g y a) M0 (a * (1 - s)) (a * (1 + s)).
Proof.
move=> x; rewrite reference_family_form; have /= /andP[] := optimum_scalar x.
move: (dot y x) (dot x (M0 *m g)) (dot x (M0 *m x)) => Y X N lo hi.
have PG : 0 <= P * G by rewrite mulr_ge0 // ltW.
have e1 : Y ^+ 2 / P + a * (N - X ^+ 2 / G) - a * (1 - s) * N =
    (G * Y ^+ 2 - Q * X ^+ 2 - - (s * (G * Q * N))) / (P * G).
  by move: (P) (G) p_gt0 G_gt0 (Q) => P' G' P0 G0 Q'; field; rewrite !gt_eqF.
have e2 : a * (1 + s) * N - (Y ^+ 2 / P + a * (N - X ^+ 2 / G)) =
    (s * (G * Q * N) - (G * Y ^+ 2 - Q * X ^+ 2)) / (P * G).
  by move: (P) (G) p_gt0 G_gt0 (Q) => P' G' P0 G0 Q'; field; rewrite !gt_eqF.
by apply/andP; split; rewrite -subr_ge0 (e1, e2) divr_ge0 // subr_ge0.
Qed.

(** Its eigenvectors relative to M0, for t = s and t = -s. *)
Lemma optimum_eigenvector t : t ^+ 2 = s ^+ 2 -> let v := (P / Q) *: q - (1 - t) *: g in
  reference_family M0 g y a *m v = (a * (1 + t)) *: (M0 *m v) /\ (t != 0 -> v != 0).
Proof.
move=> ts v.
have GQt : P ^+ 2 = G * Q * (1 - t ^+ 2) by rewrite mulrBr mulr1 ts GQs opprB addrC subrK.
have yv : dot y v = t * P.
  rewrite /v !dot_linear (dotC y q); move: P Q Q_gt0 => P Q Q0; field; rewrite gt_eqF //.
have vg : dot v (M0 *m g) = G * t * (1 - t).
  rewrite /v !dot_linear qg (_ : P / Q * P = P ^+ 2 / Q); last by rewrite mulrAC expr2.
  by rewrite GQt; move: G Q Q_gt0 => G Q Q0; field; rewrite gt_eqF.
split.
  rewrite reference_family_mul yv vg /v mulmxBr -!scalemxAr qE.
  move: (M0 *m g) G G_gt0 P p_gt0 Q Q_gt0 => h G G0 P P0 Q Q0.
  apply/colP=> i; rewrite !mxE; move: (y i 0) (h i 0) => yi hi; field; rewrite !gt_eqF //.
move=> t0; apply: contraNneq t0 => v0; move: yv; rewrite v0 dot0r => /esym/eqP.
by rewrite mulf_eq0 (gt_eqF p_gt0) orbF.
Qed.

(** No metric has a smaller condition number relative to M0. *)
Lemma optimum_lower M k : metric M g y -> relative_condition_at_most M M0 k -> (1 + s) / (1 - s) <= k.
Proof.
move=> [pM Mg] [m m_gt0 b].
have k1 : 1 <= k.
  have /andP[lo hi] := b g; have := le_trans lo hi.
  by rewrite (ler_pmul2r G_gt0) -{1}(mul1r m) ler_pmul2r.
apply: optimum_factor; rewrite ?optimum_sine_lt1 //.
have := reference_bound p0 qE pM.1 Mg b.
rewrite (_ : m + k * m = m * (1 + k)); last by ring.
rewrite (_ : m * (k * m) = m ^+ 2 * k); last by ring.
move=> h; have lhs_ge0 : 0 <= m ^+ 2 * k * G + Q.
  have k_ge0 := le_trans ler01 k1; apply: addr_ge0; last exact: ltW.
  by apply: mulr_ge0; [apply: mulr_ge0; rewrite ?sqr_ge0 | exact: ltW].
have : (m ^+ 2 * k * G + Q) ^+ 2 <= (m * (1 + k) * P) ^+ 2.
  have rhs_ge0 := le_trans lhs_ge0 h.
  by rewrite ler_pexpn2r // nnegrE.
have am : 4%:R * (m ^+ 2 * k * G) * Q <= (m ^+ 2 * k * G + Q) ^+ 2.
  rewrite -subr_ge0 (_ : _ - _ * Q = (m ^+ 2 * k * G - Q) ^+ 2) ?sqr_ge0 //.
  by move: (G) (Q) => *; ring.
move/(le_trans am); rewrite (_ : (m * (1 + k) * P) ^+ 2 = m ^+ 2 * ((1 + k) ^+ 2 * P ^+ 2)); last first.
  by move: (P) => *; ring.
rewrite (_ : 4%:R * (m ^+ 2 * k * G) * Q = m ^+ 2 * (4%:R * k * (G * Q))); last by move: (G) (Q) => *; ring.
rewrite ler_pmul2l ?exprn_gt0 // (_ : P ^+ 2 = (1 - s ^+ 2) * (G * Q)).
  by rewrite [X in _ <= X]mulrA (ler_pmul2r (mulr_gt0 G_gt0 Q_gt0)).
by rewrite mulrBl mul1r [s ^+ 2 * _]mulrC GQs opprB addrC subrK.
Qed.

End Optimum.

Section Minimisers.

Variables (M0 : 'M[R]_n) (g y q : 'cV[R]_n) (s : R).
Hypotheses (p0 : spd M0) (qE : M0 *m q = y) (p_gt0 : 0 < dot y g).
Hypotheses (s_ge0 : 0 <= s) (sE : s ^+ 2 = 1 - dot y g ^+ 2 / (dot g (M0 *m g) * dot q y)).

Local Notation P := (dot y g).
Local Notation G := (dot g (M0 *m g)).
Local Notation Q := (dot q y).
Local Notation a := (dot q y / dot y g).

(** A metric with the least spectrum acts on q = M0^-1 y as the optimum does; on g both give y. *)
Lemma minimiser_action M : metric M g y ->
  relative_spectrum_within M M0 (a * (1 - s)) (a * (1 + s)) ->
  M *m q = reference_family M0 g y a *m q.
Proof.
have G_gt0 : 0 < G := update_form_gt0 p0 p_gt0.
have Q_gt0 : 0 < Q.
  rewrite -qE; apply: p0.2; apply: contraTneq p_gt0 => q0.
  by rewrite -qE q0 mulmx0 dot0l ltxx.
have e : a * (1 - s) * (a * (1 + s)) * G + Q = (a * (1 - s) + a * (1 + s)) * P.
  have -> : a * (1 - s) * (a * (1 + s)) = a ^+ 2 * (1 - s ^+ 2) by move: a => b; ring.
  rewrite sE; move: (G) (Q) (P) G_gt0 Q_gt0 p_gt0 => G' Q' P' G0 Q0 P0.
  by field; rewrite !gt_eqF.
move=> [pM Mg] b; rewrite (reference_bound_eq p0 qE pM.1 Mg b e).
rewrite (reference_bound_eq p0 qE (reference_family_sym g y a p0) (reference_family_g a p0 p_gt0) _ e) //.
exact: (optimum_within p0 qE p_gt0 s_ge0 sE).
Qed.

End Minimisers.

(** ** All minimisers relative to M0 *)

Section AllMinimisers.

Variables (M0 : 'M[R]_n) (g y q : 'cV[R]_n) (s : R).
Hypotheses (p0 : spd M0) (qE : M0 *m q = y) (p_gt0 : 0 < dot y g).
Hypotheses (s_ge0 : 0 <= s) (sE : s ^+ 2 = 1 - dot y g ^+ 2 / (dot g (M0 *m g) * dot q y)).

Local Notation P := (dot y g).
Local Notation G := (dot g (M0 *m g)).
Local Notation Q := (dot q y).
Local Notation a := (dot q y / dot y g).
Local Notation F := (reference_family M0 g y a).

Let G_gt0 : 0 < G. Proof. exact: (update_form_gt0 p0 p_gt0). Qed.

Let Q_gt0 : 0 < Q.
Proof.
rewrite -qE; apply: p0.2; apply: contraTneq p_gt0 => q0.
by rewrite -qE q0 mulmx0 dot0l ltxx.
Qed.

Let qg : dot q (M0 *m g) = P.
Proof. by rewrite (dot_sym q g p0.1) qE. Qed.

Let a_gt0 : 0 < a. Proof. by rewrite divr_gt0. Qed.

Let s_lt1 : s < 1. Proof. exact: (optimum_sine_lt1 p0 qE p_gt0 sE). Qed.

Let GQs : G * Q * s ^+ 2 = G * Q - P ^+ 2.
Proof. by rewrite sE; move: G Q P G_gt0 Q_gt0 => G Q P G0 Q0; field; rewrite !gt_eqF. Qed.

(** What the optimum does to q. *)
Lemma optimum_action : F *m q = (2%:R * a) *: y - (Q / G) *: (M0 *m g).
Proof.
rewrite reference_family_mul qE qg (dotC y q).
move: (M0 *m g) (Q) (P) p_gt0 (G) G_gt0 => h Q' P' P0 G' G0.
apply/colP=> i; rewrite !mxE; move: (y i 0) (h i 0) => yi hi.
by field; rewrite !gt_eqF.
Qed.

(** Bounds whose ratio is the least possible are those of the optimum. *)
Lemma reference_minimiser_spectrum M m l : metric M g y -> 0 < m -> relative_spectrum_within M M0 m l ->
  l = (1 + s) / (1 - s) * m -> m = a * (1 - s) /\ l = a * (1 + s).
Proof.
move=> [pM Mg] m_gt0 b lE; have s1 : 0 < 1 - s by rewrite subr_gt0.
have h := reference_bound p0 qE pM.1 Mg b.
have [u uE] : exists u : R, u = m / (1 - s) by exists (m / (1 - s)).
have mE : m = u * (1 - s) by rewrite uE mulfVK // gt_eqF.
have {}lE : l = u * (1 + s) by rewrite lE uE; move: s s1 => s' s1'; field; rewrite gt_eqF.
have PE : P ^+ 2 = G * Q * (1 - s ^+ 2) by rewrite mulrBr mulr1 GQs opprB addrC subrK.
suff -> : a = u by [].
have e : (u * P - Q) ^+ 2 = Q * (m * l * G + Q - (m + l) * P).
  by rewrite sqrrB exprMn PE mE lE; move: (G) (Q) (P) => G' Q' P'; ring.
have : (u * P - Q) ^+ 2 <= 0 by rewrite e pmulr_rle0 // subr_le0.
move=> le0; have : (u * P - Q) ^+ 2 == 0 by rewrite eq_le le0 sqr_ge0.
by rewrite sqrf_eq0 subr_eq0 => /eqP<-; rewrite mulfK // gt_eqF.
Qed.

(** Every x splits into a part in span(g, q) and one that is M0-orthogonal to g and q. *)
Lemma reference_split x : exists c d, exists2 v, x = c *: g + d *: q + v & dot v (M0 *m g) = 0 /\ dot v y = 0.
Proof.
have [s0|s0] := eqVneq s 0.
  have D0 : P ^+ 2 = G * Q by apply/eqP; rewrite eq_sym -subr_eq0 -GQs s0 expr0n mulr0.
  have w0 : dot (G *: q - P *: g) (M0 *m (G *: q - P *: g)) = 0.
    rewrite mulmxBr -!scalemxAr !dot_linear qE (dotC g y) qg.
    transitivity (G * (G * Q - P ^+ 2)); last by rewrite D0 subrr mulr0.
    by move: (G) (Q) (P) => G' Q' P'; ring.
  have yE : G *: y = P *: (M0 *m g).
    have := psd_kernel (spd_psd p0) w0; rewrite mulmxBr -!scalemxAr qE => /eqP.
    by rewrite subr_eq0 => /eqP.
  have vg : dot (x - (dot x (M0 *m g) / G) *: g) (M0 *m g) = 0.
    by rewrite dotBl dotZl mulfVK ?subrr // gt_eqF.
  exists (dot x (M0 *m g) / G), 0, (x - (dot x (M0 *m g) / G) *: g).
    by rewrite scale0r addr0 addrC subrK.
  split=> //; apply: (mulfI (lt0r_neq0 G_gt0)); rewrite mulr0 -dotZr yE dotZr vg mulr0 //.
have D_gt0 : 0 < G * Q - P ^+ 2 by rewrite -GQs !mulr_gt0 ?exprn_gt0 // lt_def s0.
pose D := G * Q - P ^+ 2.
pose c := (Q * dot x (M0 *m g) - P * dot x y) / D; pose d := (G * dot x y - P * dot x (M0 *m g)) / D.
exists c, d, (x - (c *: g + d *: q)); first by rewrite addrC subrK.
rewrite !dotBl !dotDl !dotZl qg (dotC g y) /c /d /D.
move: (dot x (M0 *m g)) (dot x y) (G) (Q) (P) D_gt0 => X Y G' Q' P' D0.
by split; field; rewrite gt_eqF.
Qed.

(** A symmetric M with M g = y lies within the optimum's bounds exactly when it acts on q as the optimum
    does and keeps those bounds on the M0-orthogonal complement of g and q. *)
Lemma reference_minimisers M : symmetric M -> M *m g = y ->
  relative_spectrum_within M M0 (a * (1 - s)) (a * (1 + s)) <->
  M *m q = F *m q /\ forall v, dot v (M0 *m g) = 0 -> dot v y = 0 ->
    a * (1 - s) * dot v (M0 *m v) <= dot v (M *m v) <= a * (1 + s) * dot v (M0 *m v).
Proof.
move=> sM Mg; split=> [b|[Mq b] x].
  have s1 : 0 < a * (1 - s) by rewrite mulr_gt0 // subr_gt0.
  split; last by move=> v _ _; exact: b.
  by apply: (minimiser_action p0 qE p_gt0 s_ge0 sE _ b); split=> //; exact: relative_spd b.
have [c [d [v -> [vg vy]]]] := reference_split x.
have [u uE] : exists u, u = c *: g + d *: q by exists (c *: g + d *: q).
have fu : F *m u = M *m u by rewrite uE !mulmxDr -!scalemxAr Mq (reference_family_g _ p0 p_gt0) Mg.
have cross0 : dot u (M0 *m v) = 0.
  rewrite (dot_sym u v p0.1) uE mulmxDr -!scalemxAr qE dotC !dot_linear vg vy; ring.
have crossM : dot u (M *m v) = 0.
  rewrite (dot_sym u v sM) uE mulmxDr -!scalemxAr Mg Mq optimum_action dotC !dot_linear vg vy; ring.
have split_form A : symmetric A -> dot u (A *m v) = 0 ->
    dot (u + v) (A *m (u + v)) = dot u (A *m u) + dot v (A *m v).
  by move=> sA z; rewrite mulmxDr !dot_linear (dot_sym v u sA) (dotC _ u) z addr0 add0r.
rewrite -uE (split_form _ p0.1 cross0) (split_form _ sM crossM) -fu.
rewrite (mulrDr (a * (1 - s))) (mulrDr (a * (1 + s))).
have /andP[lo hi] := optimum_within p0 qE p_gt0 s_ge0 sE u.
by have /andP[lo' hi'] := b v vg vy; apply/andP; split; apply: ler_add.
Qed.

(** With s = 0 or in dimension at most two the minimiser is unique. *)
Lemma reference_minimiser_unique M : (n <= 2)%N \/ s = 0 -> metric M g y ->
  relative_spectrum_within M M0 (a * (1 - s)) (a * (1 + s)) -> M = F.
Proof.
move=> small mM b; have [pM Mg] := mM; have [s0|s0] := eqVneq s 0.
  have scalar A : symmetric A -> relative_spectrum_within A M0 (a * (1 - s)) (a * (1 + s)) -> A = a *: M0.
    move=> sA; rewrite s0 subr0 addr0 mulr1 => bA; have pA := psd_scaled_sub sA p0.1 bA.
    apply/eqP; rewrite -subr_eq0; apply/eqP/trmx_inj; rewrite trmx0 pA.1; apply/matrixP=> i j; rewrite mxE.
    have : (A - a *: M0) *m delta_mx j 0 = (0 : 'cV_n).
      apply: psd_kernel => //; rewrite mulmxBl -scalemxAl dotBr dotZr.
      by have := bA (delta_mx j 0); rewrite -eq_le => /eqP->; rewrite subrr.
    by move/colP/(_ i); rewrite -colE !mxE.
  have FE := scalar F (reference_family_sym g y a p0) (optimum_within p0 qE p_gt0 s_ge0 sE).
  by rewrite (scalar M pM.1 b) -FE.
have {small} n2 : (n <= 2)%N by case: small => // z; rewrite z eqxx in s0.
have D_gt0 : 0 < G * Q - P ^+ 2 by rewrite -GQs !mulr_gt0 ?exprn_gt0 // lt_def s0.
pose C := row_mx g q.
have kerC (w : 'cV_(1 + 1)) : C *m w = 0 -> w = 0.
  rewrite -[w]vsubmxK mul_row_col !mulmx_col1.
  move: (usubmx w) (dsubmx w) => c d e.
  have e1 : c 0 0 * G + d 0 0 * P = 0.
    by move: (congr1 (fun u => dot u (M0 *m g)) e); rewrite !dot_linear qg.
  have e2 : c 0 0 * P + d 0 0 * Q = 0.
    by move: (congr1 (fun u => dot u y) e); rewrite !dot_linear (dotC g y).
  have c0 : c 0 0 = 0.
    apply: (mulfI (lt0r_neq0 D_gt0)); rewrite mulr0.
    transitivity (Q * (c 0 0 * G + d 0 0 * P) - P * (c 0 0 * P + d 0 0 * Q)).
      by move: (c 0 0) (d 0 0) (G) (Q) (P) => c' d' G' Q' P'; ring.
    by rewrite e1 e2 !mulr0 subrr.
  have d0 : d 0 0 = 0.
    by apply: (mulIf (lt0r_neq0 Q_gt0)); move: e2; rewrite c0 !mul0r add0r.
  have -> : c = 0 by apply/matrixP=> i j; rewrite !ord1 c0 mxE.
  have -> : d = 0 by apply/matrixP=> i j; rewrite !ord1 d0 mxE.
  by rewrite -[RHS]vsubmxK; congr col_mx; apply/matrixP=> i j; rewrite !mxE.
have freeT : row_free C^T.
  apply: inj_row_free => w e; apply: trmx_inj; rewrite trmx0; apply: kerC.
  by apply: trmx_inj; rewrite trmx_mul trmxK e trmx0.
have freeC : row_free C.
  rewrite /row_free; move: freeT; rewrite /row_free mxrank_tr => /eqP r.
  by rewrite eqn_leq rank_leq_row r.
apply: (row_free_inj freeC); rewrite /C !mul_mx_row Mg (reference_family_g _ p0 p_gt0).
by rewrite (minimiser_action p0 qE p_gt0 s_ge0 sE mM b).
Qed.

(** Otherwise, with s > 0 in dimension three or more, there is another one. *)
Lemma reference_minimiser_other : (2 < n)%N -> s != 0 -> exists2 M, M != F &
  metric M g y /\ relative_spectrum_within M M0 (a * (1 - s)) (a * (1 + s)).
Proof.
move=> n3 s0; have s_gt0 : 0 < s by rewrite lt_def s0.
have [v v0 [vg vy]] : exists2 v : 'cV[R]_n, v != 0 & dot v (M0 *m g) = 0 /\ dot v y = 0.
  pose C := row_mx (M0 *m g) y.
  have : kermx C != 0.
    rewrite kermx_eq0 /row_free neq_ltn; apply/orP; left.
    by apply: leq_ltn_trans (rank_leq_col C) n3.
  case/rowV0Pn=> w /sub_kermxP; rewrite mul_mx_row -row_mx0 => /eq_row_mx[wg wy] w0.
  exists w^T; first by apply: contraNneq w0 => z; apply/eqP/trmx_inj; rewrite z trmx0.
  by rewrite /dot trmxK wg wy !mxE.
have [h hE] : exists h, h = M0 *m v by exists (M0 *m v).
have N_gt0 : 0 < dot v h by rewrite hE; apply: p0.2.
have [e eE] : exists e : R, e = a * s / dot v h by exists (a * s / dot v h).
have e_gt0 : 0 < e by rewrite eE divr_gt0 // mulr_gt0.
have hg : dot h g = 0 by rewrite hE -(dot_sym v g p0.1).
have hq : dot h q = 0 by rewrite hE -(dot_sym v q p0.1) qE.
pose M := F + e *: (h *m h^T).
have Mx x : M *m x = F *m x + (e * dot h x) *: h by rewrite mulmxDl -scalemxAl outer_mul scalerA.
have sM : symmetric M.
  have tD (A B : 'M[R]_n) : (A + B)^T = A^T + B^T by rewrite linearD.
  have tZ c (A : 'M[R]_n) : (c *: A)^T = c *: A^T by rewrite linearZ.
  by rewrite /symmetric /M tD tZ trmx_outer reference_family_sym //; exact: p0.1.
have Mg : M *m g = y by rewrite Mx hg mulr0 scale0r addr0 reference_family_g.
have b : relative_spectrum_within M M0 (a * (1 - s)) (a * (1 + s)).
  apply/(reference_minimisers sM Mg); split; first by rewrite Mx hq mulr0 scale0r addr0.
  move=> x xg xy; rewrite Mx dotDr dotZr reference_family_form (dotC y x) xg xy.
  rewrite expr0n !mul0r add0r subr0.
  have X_ge0 : 0 <= dot x (M0 *m x) := (spd_psd p0).2 x.
  have t_ge0 : 0 <= e * dot h x * dot x h.
    by rewrite (dotC x h) -mulrA mulr_ge0 ?(ltW e_gt0) // -expr2 sqr_ge0.
  have t_le : e * dot h x * dot x h <= a * s * dot x (M0 *m x).
    rewrite (dotC h x) -mulrA -expr2 eE mulrAC ler_pdivr_mulr // -[X in _ <= X]mulrA.
    rewrite (ler_pmul2l (mulr_gt0 a_gt0 s_gt0)) hE.
    exact: psd_cauchy_schwarz (spd_psd p0).
  apply/andP; split.
    apply: ler_paddr => //; rewrite ler_wpmul2r // -[X in _ <= X]mulr1 ler_pmul2l //.
    by rewrite ler_subl_addr ler_addl.
  by rewrite mulrDr mulr1 mulrDl ler_add2l.
exists M.
  rewrite -subr_eq0 /M addrC addKr; apply: contraTneq N_gt0 => z.
  have : (e *: (h *m h^T)) *m v = 0 by rewrite z mul0mx.
  rewrite -scalemxAl outer_mul scalerA => /(congr1 (dot v)).
  rewrite dot0r dotZr (dotC h v) => /eqP; rewrite !mulf_eq0 (gt_eqF e_gt0) orbb /= => /eqP->.
  by rewrite ltxx.
split=> //; split=> //; apply: relative_spd b => //.
by rewrite mulr_gt0 // subr_gt0.
Qed.

End AllMinimisers.

End Lemmas.

(** ** Which intervals contain the spectrum of a metric *)

Section Feasible.

Variables (R : realFieldType) (n : nat).
Implicit Types (M : 'M[R]_n) (g y v x : 'cV[R]_n) (m l k s : R).

(** Eigenvalues lie where [spectrum_within] says. *)
Lemma spectrum_within_eigenvalue M m l v k : spectrum_within M m l -> v != 0 -> M *m v = k *: v ->
  m <= k <= l.
Proof.
move=> b v0 e; have N_gt0 : 0 < dot v v by rewrite dot_gt0.
by have := b v; rewrite e dotZr !ler_pmul2r.
Qed.

(** Every metric with its spectrum in [m, l] has (m + l) p >= m l g.g + y.y. *)
Theorem spectrum_bound M g y m l : metric M g y -> spectrum_within M m l ->
  m * l * dot g g + dot y y <= (m + l) * dot y g.
Proof.
move=> [pM Mg] /relative1 b.
by have := reference_bound (@spd1 R n) (mul1mx y) pM.1 Mg b; rewrite mul1mx.
Qed.

(** A metric with its spectrum in [m, l] exists exactly when (m + l) p >= m l g.g + y.y (0 < m <= l).
    The witness is m I + z z^T/(z.g), z = y - m g; where z = 0 it is m I. *)
Theorem spectrum_feasible g y m l : 0 < m -> m <= l ->
  (exists2 M, metric M g y & spectrum_within M m l) <->
  m * l * dot g g + dot y y <= (m + l) * dot y g.
Proof.
move=> m_gt0 ml; split=> [[M mM b]|h]; first exact: spectrum_bound mM b.
have [z zE] : exists z, z = y - m *: g by exists (y - m *: g).
have [k kE] : exists k, k = dot z g by exists (dot z g).
have zk : dot z z <= (l - m) * k.
  rewrite -subr_ge0 in h; rewrite -subr_ge0; move: h; rewrite kE zE !dot_linear (dotC g y).
  by move: (dot y g) (dot y y) (dot g g) => P Q G; congr (0 <= _); ring.
pose M := m *: 1%:M + k^-1 *: (z *m z^T).
have Mx x : M *m x = m *: x + (dot z x / k) *: z.
  by rewrite /M mulmxDl -!scalemxAl mul1mx outer_mul scalerA [k^-1 * _]mulrC.
have sM : symmetric M.
  have tD (A B : 'M[R]_n) : (A + B)^T = A^T + B^T by rewrite linearD.
  have tZ b (A : 'M[R]_n) : (b *: A)^T = b *: A^T by rewrite linearZ.
  by rewrite /symmetric /M tD !tZ trmx1 trmx_outer.
have z0P : (l - m) * k = 0 -> z = 0.
  by move=> e; apply/eqP; rewrite -dot_eq0 eq_le dot_ge0 andbT -e.
have k_ge0 : 0 <= k.
  have [lm|lm] := eqVneq l m.
    by rewrite kE z0P ?dot0l // lm subrr mul0r.
  have d_gt0 : 0 < l - m by rewrite subr_gt0 lt_def lm.
  by rewrite -(pmulr_rge0 _ d_gt0) (le_trans (dot_ge0 z)).
have Mg : M *m g = y.
  rewrite Mx; have [k0|k0] := eqVneq k 0; last by rewrite -kE divff // scale1r zE addrC subrK.
  have z0 : z = 0 by apply: z0P; rewrite k0 mulr0.
  by rewrite z0 scaler0 addr0; apply/esym/eqP; rewrite -subr_eq0 -zE z0.
have b : spectrum_within M m l.
  move=> x; have -> : dot x (M *m x) = m * dot x x + dot z x ^+ 2 / k.
    by rewrite Mx !dot_linear (dotC x z) mulrAC expr2.
  rewrite ler_addl divr_ge0 ?sqr_ge0 //= -ler_subr_addl -mulrBl.
  have [k0|k0] := eqVneq k 0.
    by rewrite k0 invr0 mulr0 mulr_ge0 ?subr_ge0 ?dot_ge0.
  have k_gt0 : 0 < k by rewrite lt_def k0.
  rewrite ler_pdivr_mulr //; apply: le_trans (cauchy_schwarz z x) _.
  by rewrite mulrAC ler_wpmul2r ?dot_ge0.
exists M => //; split=> //.
by apply: (relative_spd sM (@spd1 R n) m_gt0); apply/relative1; exact: b.
Qed.

(** So (m + l)^2 p^2 >= 4 m l (g.g)(y.y) for every metric with its spectrum in [m, l] (Wielandt). *)
Theorem wielandt_bound M g y m l : metric M g y -> 0 < m -> spectrum_within M m l ->
  4%:R * (m * l) * (dot g g * dot y y) <= (m + l) ^+ 2 * dot y g ^+ 2.
Proof.
move=> mM m_gt0 b; have h := spectrum_bound mM b.
have [z|g0] := eqVneq g 0; first by rewrite z !dot0r mul0r mulr0 expr0n mulr0.
have ml : m <= l.
  by have /andP[lo hi] := b g; have := le_trans lo hi; rewrite ler_pmul2r // dot_gt0.
have l_gt0 := lt_le_trans m_gt0 ml.
have lhs_ge0 : 0 <= m * l * dot g g + dot y y.
  by apply: addr_ge0; [rewrite mulr_ge0 ?mulr_ge0 ?(ltW m_gt0) ?(ltW l_gt0) ?dot_ge0 | exact: dot_ge0].
have : (m * l * dot g g + dot y y) ^+ 2 <= ((m + l) * dot y g) ^+ 2.
  have rhs_ge0 := le_trans lhs_ge0 h.
  by rewrite ler_pexpn2r // nnegrE.
rewrite exprMn; apply: le_trans; rewrite -subr_ge0.
have -> : (m * l * dot g g + dot y y) ^+ 2 - 4%:R * (m * l) * (dot g g * dot y y) =
    (m * l * dot g g - dot y y) ^+ 2 by move: (dot g g) (dot y y) => G Q; ring.
exact: sqr_ge0.
Qed.

(** Every metric has y.y/p <= l (its largest eigenvalue) and m (its smallest) <= p/g.g. *)
Theorem eigenvalue_bounds M g y m l : metric M g y -> g != 0 -> spectrum_within M m l ->
  dot y y / dot y g <= l /\ m <= dot y g / dot g g.
Proof.
move=> mM g0 b; have p_gt0 := metric_gt0 mM g0; case: mM => pM Mg; split.
  rewrite ler_pdivr_mulr //; apply: (reference_upper (@spd1 R n) (mul1mx y) (spd_psd pM) Mg) => x.
  by rewrite mul1mx; case/andP: (b x).
by rewrite ler_pdivl_mulr ?dot_gt0 //; case/andP: (b g); rewrite Mg (dotC g y).
Qed.

End Feasible.

(** ** The least condition number relative to a reference metric M0, over a real closed field *)

Section Reference.

Variables (R : rcfType) (n : nat).
Implicit Types (M : 'M[R]_n) (g y v x : 'cV[R]_n) (m l k K : R).

(** s0 = sqrt(1 - p^2/((g.M0 g)(y.M0^-1 y))), the sine of the angle between g and M0^-1 y in M0. *)
Definition reference_sine (M0 : 'M[R]_n) g y : R :=
  Num.sqrt (1 - dot y g ^+ 2 / (dot g (M0 *m g) * dot (invmx M0 *m y) y)).

(** c0 = p/sqrt((g.M0 g)(y.M0^-1 y)), its cosine. *)
Definition reference_cosine (M0 : 'M[R]_n) g y : R :=
  dot y g / Num.sqrt (dot g (M0 *m g) * dot (invmx M0 *m y) y).

(** (y.M0^-1 y)/p, the best parameter a of the family. *)
Definition reference_a_star (M0 : 'M[R]_n) g y : R := dot (invmx M0 *m y) y / dot y g.

(** kappa0 = (1 + s0)/(1 - s0). *)
Definition reference_kappa_star (M0 : 'M[R]_n) g y : R :=
  (1 + reference_sine M0 g y) / (1 - reference_sine M0 g y).

Section Facts.

Variables (M0 : 'M[R]_n) (g y : 'cV[R]_n).
Hypotheses (p0 : spd M0) (p_gt0 : 0 < dot y g).

Local Notation P := (dot y g).
Local Notation G := (dot g (M0 *m g)).
Local Notation Q := (dot (invmx M0 *m y) y).
Local Notation s := (reference_sine M0 g y).
Local Notation c := (reference_cosine M0 g y).
Local Notation a := (reference_a_star M0 g y).

Lemma reference_qE : M0 *m (invmx M0 *m y) = y.
Proof. by rewrite mulKVmx // spd_unit. Qed.

Lemma reference_G_gt0 : 0 < G. Proof. exact: update_form_gt0 p_gt0. Qed.

Lemma reference_Q_gt0 : 0 < Q.
Proof.
rewrite -{2}reference_qE; apply: p0.2; apply: contraTneq p_gt0 => q0.
by rewrite -reference_qE q0 mulmx0 dot0l ltxx.
Qed.

Lemma reference_a_star_gt0 : 0 < a.
Proof. by rewrite divr_gt0 // reference_Q_gt0. Qed.

Lemma reference_cosine_gt0 : 0 < c.
Proof. by rewrite divr_gt0 // sqrtr_gt0 mulr_gt0 ?reference_G_gt0 ?reference_Q_gt0. Qed.

Lemma reference_cosine_sq : c ^+ 2 = P ^+ 2 / (G * Q).
Proof. by rewrite expr_div_n sqr_sqrtr // ltW // mulr_gt0 ?reference_G_gt0 ?reference_Q_gt0. Qed.

Lemma reference_sine_ge0 : 0 <= s. Proof. exact: sqrtr_ge0. Qed.

Lemma reference_sine_sq : s ^+ 2 = 1 - P ^+ 2 / (G * Q).
Proof.
have GQ : 0 < G * Q by rewrite mulr_gt0 ?reference_G_gt0 ?reference_Q_gt0.
rewrite sqr_sqrtr // subr_ge0 ler_pdivr_mulr // mul1r.
by have := psd_cauchy_schwarz g (invmx M0 *m y) (spd_psd p0); rewrite reference_qE (dotC g y).
Qed.

Lemma reference_sine_lt1 : s < 1.
Proof. exact: (optimum_sine_lt1 p0 reference_qE p_gt0 reference_sine_sq). Qed.

Lemma reference_sine_cosine : s ^+ 2 = 1 - c ^+ 2.
Proof. by rewrite reference_sine_sq reference_cosine_sq. Qed.

(** kappa0 = ((1 + s0)/c0)^2. *)
Theorem reference_kappa_starE : reference_kappa_star M0 g y = ((1 + s) / c) ^+ 2.
Proof.
have c2 : c ^+ 2 = 1 - s ^+ 2 by rewrite reference_sine_cosine opprB addrC subrK.
rewrite expr_div_n c2 /reference_kappa_star; move: s reference_sine_ge0 reference_sine_lt1 => t t0 t1.
have -> : 1 - t ^+ 2 = (1 - t) * (1 + t) by ring.
field; rewrite !gt_eqF // ?subr_gt0 //; exact: ltr_paddr ltr01.
Qed.

Let s1_gt0 : 0 < 1 - s. Proof. by rewrite subr_gt0 reference_sine_lt1. Qed.

(** The spectrum of the optimum relative to M0 lies in [a (1 - s0), a (1 + s0)] ... *)
Theorem reference_optimum_spectrum :
  relative_spectrum_within (reference_family M0 g y a) M0 (a * (1 - s)) (a * (1 + s)).
Proof. exact: (optimum_within p0 reference_qE p_gt0 reference_sine_ge0 reference_sine_sq). Qed.

(** ... and both ends are eigenvalues relative to M0: M v = lambda M0 v. *)
Theorem reference_optimum_eigenvalues :
  (exists2 v : 'cV_n, v != 0 & reference_family M0 g y a *m v = (a * (1 + s)) *: (M0 *m v)) /\
  (exists2 v : 'cV_n, v != 0 & reference_family M0 g y a *m v = (a * (1 - s)) *: (M0 *m v)).
Proof.
have ev t : t ^+ 2 = s ^+ 2 -> exists2 v : 'cV_n, v != 0 &
    reference_family M0 g y a *m v = (a * (1 + t)) *: (M0 *m v).
  move=> ts; have [Fv nz] := optimum_eigenvector p0 reference_qE p_gt0 reference_sine_sq ts.
  have [t0|t0] := eqVneq t 0; last by eexists; [exact: nz t0 | exact: Fv].
  exists g; first exact: update_neq0 p_gt0.
  have s0 : s = 0 by apply/eqP; rewrite -sqrf_eq0 -ts t0 expr0n.
  have b := reference_optimum_spectrum; rewrite s0 subr0 addr0 mulr1 in b.
  have pA := psd_scaled_sub (reference_family_sym g y _ p0) p0.1 b.
  have : dot g ((reference_family M0 g y a - a *: M0) *m g) = 0.
    rewrite mulmxBl -scalemxAl dotBr dotZr.
    by have := b g; rewrite -eq_le => /eqP->; rewrite subrr.
  move/(psd_kernel pA); rewrite mulmxBl -scalemxAl => /eqP; rewrite subr_eq0 => /eqP->.
  by rewrite t0 addr0 mulr1.
split; first exact: ev.
by have [|v v0 e] := ev (- s); [rewrite sqrrN | exists v].
Qed.

End Facts.

(** The optimum attains kappa0. *)
Theorem reference_optimum_attains M0 g y K : spd M0 -> 0 < dot y g -> reference_kappa_star M0 g y <= K ->
  relative_condition_at_most (reference_family M0 g y (reference_a_star M0 g y)) M0 K.
Proof.
move=> p0 p_gt0 hK; have a_gt0 := reference_a_star_gt0 p0 p_gt0.
have s1 : 0 < 1 - reference_sine M0 g y by rewrite subr_gt0 reference_sine_lt1.
exists (reference_a_star M0 g y * (1 - reference_sine M0 g y)); first by rewrite mulr_gt0.
move=> x; have /andP[lo hi] := reference_optimum_spectrum p0 p_gt0 x; rewrite lo (le_trans hi) //.
apply: ler_wpmul2r; first exact: (spd_psd p0).2.
move: hK; rewrite /reference_kappa_star ler_pdivr_mulr // mulrCA => hK.
by rewrite ler_pmul2l.
Qed.

(** No metric has a condition number relative to M0 below kappa0. *)
Theorem reference_condition_lower_bound M0 g y M K : spd M0 -> 0 < dot y g -> metric M g y ->
  relative_condition_at_most M M0 K -> reference_kappa_star M0 g y <= K.
Proof.
move=> p0 p_gt0 mM b; have qE := reference_qE y p0; have sE := reference_sine_sq p0 p_gt0.
exact: (optimum_lower p0 qE p_gt0 (reference_sine_ge0 M0 g y) sE mM b).
Qed.

(** A metric whose condition number relative to M0 is at most K exists exactly when kappa0 <= K. *)
Theorem reference_min_condition M0 g y K : spd M0 -> 0 < dot y g ->
  (exists2 M, metric M g y & relative_condition_at_most M M0 K) <-> reference_kappa_star M0 g y <= K.
Proof.
move=> p0 p_gt0; split=> [[M mM b]|hK]; first exact: reference_condition_lower_bound b.
exists (reference_family M0 g y (reference_a_star M0 g y)); last exact: reference_optimum_attains.
by apply: reference_family_metric => //; apply: reference_a_star_gt0.
Qed.

End Reference.

(** ** The least condition number of a metric, over a real closed field *)

Section MinCondition.

Variables (R : rcfType) (n : nat).
Implicit Types (M : 'M[R]_n) (g y v x : 'cV[R]_n) (m l k K : R).

(** s = sin psi = sqrt(1 - p^2/((g.g)(y.y))), psi the angle between g and y. *)
Definition sine g y : R := Num.sqrt (1 - dot y g ^+ 2 / (dot g g * dot y y)).

(** c = cos psi = p/sqrt((g.g)(y.y)). *)
Definition cosine g y : R := dot y g / Num.sqrt (dot g g * dot y y).

(** a* = y.y/p. *)
Definition a_star g y : R := dot y y / dot y g.

(** kappa* = (1 + s)/(1 - s). *)
Definition kappa_star g y : R := (1 + sine g y) / (1 - sine g y).

Lemma reference_sine1 g y : reference_sine 1%:M g y = sine g y.
Proof. by rewrite /reference_sine invmx1 !mul1mx. Qed.

Lemma reference_cosine1 g y : reference_cosine 1%:M g y = cosine g y.
Proof. by rewrite /reference_cosine invmx1 !mul1mx. Qed.

Lemma reference_a_star1 g y : reference_a_star 1%:M g y = a_star g y.
Proof. by rewrite /reference_a_star invmx1 !mul1mx. Qed.

Lemma reference_kappa_star1 g y : reference_kappa_star 1%:M g y = kappa_star g y.
Proof. by rewrite /reference_kappa_star reference_sine1. Qed.

Definition reference1 := (reference_sine1, reference_cosine1, reference_a_star1, reference_kappa_star1,
  reference_family1).

(** Every metric with its spectrum in [m, l], m > 0, has l/m >= kappa*. *)
Theorem condition_lower_bound M g y m l : metric M g y -> g != 0 -> 0 < m -> spectrum_within M m l ->
  kappa_star g y <= l / m.
Proof.
move=> mM g0 m_gt0 b; have p_gt0 := metric_gt0 mM g0; rewrite -reference_kappa_star1.
apply: (reference_condition_lower_bound (@spd1 R n) p_gt0 mM); apply/relative_condition1.
by exists m; rewrite // mulfVK // gt_eqF.
Qed.

Section Facts.

Variables (g y : 'cV[R]_n).
Hypothesis p_gt0 : 0 < dot y g.

Local Notation s := (sine g y).
Local Notation c := (cosine g y).
Local Notation p := (dot y g).
Local Notation gg := (dot g g).
Local Notation yy := (dot y y).
Local Notation a := (a_star g y).
Local Notation kappa := (kappa_star g y).

Let one := @spd1 R n.

Lemma gg_gt0 : 0 < gg. Proof. by rewrite dot_gt0 (update_neq0 p_gt0). Qed.

Lemma yy_gt0 : 0 < yy.
Proof. by rewrite dot_gt0; apply: contraTneq p_gt0 => ->; rewrite dot0l ltxx. Qed.

Lemma a_star_gt0 : 0 < a. Proof. by rewrite divr_gt0 ?yy_gt0. Qed.

Lemma sine_ge0 : 0 <= s. Proof. exact: sqrtr_ge0. Qed.

Lemma sine_lt1 : s < 1. Proof. by rewrite -reference_sine1 reference_sine_lt1. Qed.

Lemma cosine_gt0 : 0 < c. Proof. by rewrite -reference_cosine1 reference_cosine_gt0. Qed.

(** s^2 + c^2 = 1. *)
Lemma sine_cosine : s ^+ 2 + c ^+ 2 = 1.
Proof.
have := reference_sine_cosine one p_gt0; rewrite reference_sine1 reference_cosine1 => ->.
by rewrite subrK.
Qed.

(** s^2 = ((g.g)(y.y) - p^2)/((g.g)(y.y)). *)
Lemma sine_sq : s ^+ 2 = (gg * yy - p ^+ 2) / (gg * yy).
Proof.
have := reference_sine_sq one p_gt0; rewrite reference_sine1 invmx1 !mul1mx => ->.
by move: gg yy gg_gt0 yy_gt0 => G Q G0 Q0; field; rewrite !gt_eqF.
Qed.

(** M(a_star) is a metric, ... *)
Theorem optimum_metric : metric (family g y a) g y.
Proof.
by have := reference_family_metric one p_gt0 a_star_gt0; rewrite reference_family1.
Qed.

(** ... its spectrum lies in [a* (1 - s), a* (1 + s)], ... *)
Theorem optimum_spectrum : spectrum_within (family g y a) (a * (1 - s)) (a * (1 + s)).
Proof.
by apply/relative1; have := reference_optimum_spectrum one p_gt0; rewrite !reference1.
Qed.

(** ... and both ends are eigenvalues; for s > 0 the eigenvectors are (p/y.y) y - (1 - t) g, t = s and t = -s
    ([optimum_eigenvector]), and for s = 0 it is g. *)
Theorem optimum_eigenvalues :
  (exists2 v : 'cV_n, v != 0 & family g y a *m v = (a * (1 + s)) *: v) /\
  (exists2 v : 'cV_n, v != 0 & family g y a *m v = (a * (1 - s)) *: v).
Proof.
have [[v v0 e] [w w0 f]] := reference_optimum_eigenvalues one p_gt0.
by rewrite !reference1 !mul1mx in e f; split; [exists v | exists w].
Qed.

(** So the condition number of M(a_star) is kappa*, and no metric has a smaller one. *)
Theorem optimum_condition_number : condition_number_is (family g y a) kappa.
Proof.
split; first by apply/relative_condition1; have := reference_optimum_attains one p_gt0 (lexx _);
  rewrite !reference1.
move=> k [m m_gt0 b]; have := condition_lower_bound optimum_metric (update_neq0 p_gt0) m_gt0 b.
by rewrite mulfK // gt_eqF.
Qed.

(** The least condition number: a metric with condition number at most K exists exactly when kappa* <= K. *)
Theorem min_condition K : (exists2 M, metric M g y & condition_at_most M K) <-> kappa <= K.
Proof.
rewrite -reference_kappa_star1; apply: iff_trans (reference_min_condition K one p_gt0).
by split=> -[M mM b]; exists M => //; apply/relative_condition1.
Qed.

End Facts.

End MinCondition.

(** ** All metrics of least condition number *)

Section AllMinimisersOfCondition.

Variables (R : rcfType) (n : nat).
Implicit Types (M : 'M[R]_n) (v x : 'cV[R]_n) (m l k K : R).
Variables (g y : 'cV[R]_n).
Hypothesis p_gt0 : 0 < dot y g.

Local Notation s := (sine g y).
Local Notation c := (cosine g y).
Local Notation p := (dot y g).
Local Notation gg := (dot g g).
Local Notation yy := (dot y y).
Local Notation a := (a_star g y).
Local Notation kappa := (kappa_star g y).

Let one := @spd1 R n.
Let qE : 1%:M *m y = y := mul1mx y.
Let sE : s ^+ 2 = 1 - p ^+ 2 / (dot g (1%:M *m g) * yy).
Proof. by have := reference_sine_sq one p_gt0; rewrite reference_sine1 invmx1 mul1mx. Qed.
Let s_ge0 : 0 <= s := sine_ge0 g y.
Let s1_gt0 : 0 < 1 - s. Proof. by rewrite subr_gt0 (sine_lt1 p_gt0). Qed.
Let a_gt0 : 0 < a := a_star_gt0 p_gt0.
Let gg0 : 0 < gg := gg_gt0 p_gt0.
Let yy0 : 0 < yy := yy_gt0 p_gt0.

(** A metric whose condition number is at most kappa* has its spectrum in [a* (1 - s), a* (1 + s)]:
    there is no other interval of that ratio for any metric. *)
Theorem minimiser_spectrum M m l : metric M g y -> 0 < m -> spectrum_within M m l -> l / m = kappa ->
  m = a * (1 - s) /\ l = a * (1 + s).
Proof.
move=> mM m_gt0 /relative1 b lm; apply: (reference_minimiser_spectrum one qE p_gt0 sE mM m_gt0 b).
by rewrite -[_ / _]/kappa -lm mulfVK // gt_eqF.
Qed.

Lemma minimiser_within M : metric M g y ->
  condition_at_most M kappa <-> spectrum_within M (a * (1 - s)) (a * (1 + s)).
Proof.
move=> mM; split=> [[m m_gt0 b]|b].
  have [|<- <-] // := minimiser_spectrum mM m_gt0 b; first by rewrite mulfK // gt_eqF.
exists (a * (1 - s)); first by rewrite mulr_gt0.
suff -> : kappa * (a * (1 - s)) = a * (1 + s) by [].
by rewrite mulrC -mulrA [(1 - s) * _]mulrC mulfVK // gt_eqF.
Qed.

(** All minimisers: a symmetric M with M g = y has condition number kappa* exactly when
    M y = 2 a* y - (y.y/g.g) g, as for M(a_star), so that span(g, y) is invariant with the same block, and
    the quadratic form of M on the orthogonal complement of g and y lies in [a* (1 - s), a* (1 + s)]. *)
Theorem minimisers M : symmetric M -> M *m g = y ->
  (spd M /\ condition_number_is M kappa) <->
  (M *m y = (2%:R * a) *: y - (yy / gg) *: g /\
   forall v, dot v g = 0 -> dot v y = 0 ->
     a * (1 - s) * dot v v <= dot v (M *m v) <= a * (1 + s) * dot v v).
Proof.
move=> sM Mg; have := reference_minimisers one qE p_gt0 s_ge0 sE sM Mg.
have act : reference_family 1%:M g y a *m y = (2%:R * a) *: y - (yy / gg) *: g.
  by have := optimum_action one qE p_gt0; rewrite !mul1mx.
rewrite -/(a_star g y) act !mul1mx => H; split=> [[pM [b _]]|[My b]].
  have [|My c'] := H.1; first exact/relative1/minimiser_within.
  by split=> // v vg vy; have := c' v vg vy; rewrite mul1mx.
have {H} /relative1 b' : relative_spectrum_within M 1%:M (a * (1 - s)) (a * (1 + s)).
  by apply: H.2; split=> // v vg vy; rewrite mul1mx; exact: b.
have pM : spd M by apply: (relative_spd sM one _ (proj2 (relative1 _ _ _) b')); rewrite mulr_gt0.
split=> //; split; first exact/minimiser_within.
move=> K [m m_gt0 bK].
have mM : metric M g y by [].
have := condition_lower_bound mM (update_neq0 p_gt0) m_gt0 bK.
by rewrite mulfK // gt_eqF.
Qed.

(** In dimension at most two, or for s = 0 (g and y parallel), M(a_star) is the only minimiser ... *)
Theorem minimiser_unique M : (n <= 2)%N \/ s = 0 -> metric M g y -> condition_number_is M kappa ->
  M = family g y a.
Proof.
move=> small mM [/(minimiser_within mM)/relative1 b _].
by rewrite (reference_minimiser_unique one qE p_gt0 s_ge0 sE small mM b) reference_family1.
Qed.

(** ... and otherwise it is not the only one. *)
Theorem minimiser_not_unique : (2 < n)%N -> s != 0 ->
  exists2 M, M != family g y a & metric M g y /\ condition_number_is M kappa.
Proof.
move=> n3 s0; have [M nM [mM /relative1 b]] := reference_minimiser_other one qE p_gt0 s_ge0 sE n3 s0.
rewrite reference_family1 in nM; exists M => //; split=> //; split; first exact/minimiser_within.
move=> K [m m_gt0 bK]; have := condition_lower_bound mM (update_neq0 p_gt0) m_gt0 bK.
by rewrite mulfK // gt_eqF.
Qed.

(** For s = 0 the minimiser is M(a_star) = r I with r = a* = |y|/|g|, and kappa* = 1. *)
Theorem minimiser_parallel : s = 0 ->
  [/\ family g y a = a%:M, a = Num.sqrt (yy / gg), y = a *: g & kappa = 1].
Proof.
move=> s0; have pE : p ^+ 2 = gg * yy.
  have := sine_sq p_gt0; rewrite s0 expr0n => /esym/eqP.
  by rewrite mulf_eq0 invr_eq0 (gt_eqF (mulr_gt0 gg0 yy0)) orbF subr_eq0 => /eqP.
have yE : y = a *: g.
  apply/eqP; rewrite -subr_eq0 -dot_eq0 !dot_linear (dotC g y) /a_star.
  apply/eqP; transitivity (yy * (gg * yy - p ^+ 2) / p ^+ 2); last by rewrite pE subrr mulr0 mul0r.
  by move: gg yy p p_gt0 => G Q P P0; field; rewrite gt_eqF.
split=> //; last by rewrite /kappa_star s0 addr0 subr0 divff ?oner_neq0.
  have := optimum_spectrum p_gt0; rewrite s0 subr0 addr0 mulr1 => b.
  have pA : psd (family g y a - a *: 1%:M).
    by apply: (@psd_scaled_sub _ _ _ _ a a (optimum_metric p_gt0).1.1 one.1); apply/relative1.
  apply/eqP; rewrite -scalemx1 -subr_eq0; apply/eqP/matrixP=> i j; rewrite mxE.
  have : (family g y a - a *: 1%:M) *m delta_mx j 0 = (0 : 'cV_n).
    apply: psd_kernel => //; rewrite mulmxBl -scalemxAl mul1mx dotBr dotZr.
    by have := b (delta_mx j 0); rewrite -eq_le => /eqP->; rewrite subrr.
  by move/colP/(_ i); rewrite -colE !mxE.
rewrite -[LHS]ger0_norm ?(ltW a_gt0) // -sqrtr_sqr; congr (Num.sqrt _).
rewrite /a_star expr_div_n pE; move: gg yy gg0 yy0 => G Q G0 Q0; field; rewrite !gt_eqF //.
Qed.

(** Within the family, in dimension two or more, a = a* is the only parameter of least condition number. *)
Theorem family_minimiser b : (1 < n)%N -> 0 < b -> condition_number_is (family g y b) kappa -> b = a.
Proof.
move=> n2 b_gt0; have mM : metric (family g y b) g y.
  by have := reference_family_metric one p_gt0 b_gt0; rewrite reference_family1.
move=> condM; have /(minimiser_within mM) w := condM.1.
have Fx x : family g y b *m x = (dot y x / p) *: y + b *: (x - (dot x g / gg) *: g).
  by have := reference_family_mul 1%:M g y b x; rewrite reference_family1 !mul1mx.
have [v v0 vg] : exists2 v : 'cV[R]_n, v != 0 & dot v g = 0.
  have : kermx g != 0 by rewrite kermx_eq0 /row_free neq_ltn (leq_ltn_trans (rank_leq_col g) n2).
  case/rowV0Pn=> r /sub_kermxP rg r0; exists r^T; last by rewrite /dot trmxK rg mxE.
  by apply: contraNneq r0 => z; apply/eqP/trmx_inj; rewrite z trmx0.
have [s0|s0] := eqVneq s 0.
  have [_ _ yE _] := minimiser_parallel s0.
  have yv : dot y v = 0 by rewrite yE dotZl dotC vg mulr0.
  have := spectrum_within_eigenvalue (k := b) w v0.
  rewrite s0 subr0 addr0 mulr1 -eq_le Fx yv vg !mul0r !scale0r add0r subr0 => /(_ (erefl _)).
  by move/eqP.
have [My _] := (minimisers mM.1.1 mM.2).1 (conj mM.1 condM).
have D_gt0 : 0 < gg * yy - p ^+ 2.
  have : 0 < s ^+ 2 by rewrite exprn_gt0 // lt_def s0.
  by rewrite (sine_sq p_gt0) pmulr_lgt0 // invr_gt0 mulr_gt0.
move: My; rewrite Fx => /(congr1 (dot y)); rewrite !dot_linear => e.
apply: (mulIf (lt0r_neq0 D_gt0)); apply/eqP; rewrite -subr_eq0; apply/eqP.
transitivity (gg * (yy / p * yy + b * (yy - p / gg * p) - (2%:R * a * yy - yy / gg * p))).
  by rewrite /a_star; move: (gg) (yy) (p) (lt0r_neq0 gg0) (lt0r_neq0 p_gt0) => G Q P G0 P0; field; rewrite G0.
by rewrite e subrr mulr0.
Qed.

(** ** Identities *)

(** kappa* and lambda_+ = a* (1 + s), lambda_- = a* (1 - s) in forms that do not cancel; the last one
    says that ln kappa* = 2 asinh(s/c). *)
Theorem kappa_star_identities :
  [/\ kappa = ((1 + s) / c) ^+ 2,
      kappa = 4%:R / c ^+ 2 - 2%:R - kappa^-1,
      kappa - 1 = 2%:R * s * (1 + s) / c ^+ 2,
      Num.sqrt kappa = (1 + s) / c &
      Num.sqrt kappa = s / c + Num.sqrt (1 + (s / c) ^+ 2)].
Proof.
have k2 : kappa = ((1 + s) / c) ^+ 2.
  by have := reference_kappa_starE one p_gt0; rewrite !reference1.
have c2 : c ^+ 2 = (1 - s) * (1 + s).
  by rewrite -(addKr (s ^+ 2) (c ^+ 2)) (sine_cosine p_gt0); move: s => t; ring.
have s1' : 0 < 1 + s := ltr_paddr s_ge0 ltr01.
have c_gt0 := cosine_gt0 p_gt0.
have r_ge0 : 0 <= (1 + s) / c := divr_ge0 (ltW s1') (ltW c_gt0).
split=> //.
- by rewrite c2 /kappa_star; move: s s1_gt0 s1' => t t0 t1; field; rewrite !gt_eqF.
- by rewrite c2 /kappa_star; move: s s1_gt0 s1' => t t0 t1; field; rewrite !gt_eqF.
- by rewrite k2 sqrtr_sqr ger0_norm.
rewrite k2 sqrtr_sqr ger0_norm //.
have -> : 1 + (s / c) ^+ 2 = c^-1 ^+ 2.
  transitivity ((s ^+ 2 + c ^+ 2) / c ^+ 2); last by rewrite (sine_cosine p_gt0) mul1r exprVn.
  by move: (s) (c) (lt0r_neq0 c_gt0) => t d d0; field.
by rewrite sqrtr_sqr ger0_norm ?invr_ge0 ?(ltW c_gt0) // mulrDl mul1r addrC.
Qed.

(** lambda_- without cancellation, the determinant of M(a_star)'s block on span(g, y), the ratio, and s^2. *)
Theorem optimum_eigenvalue_identities :
  [/\ a * (1 - s) = (p / gg) / (1 + s),
      (a * (1 + s)) * (a * (1 - s)) = yy / gg,
      a * (1 + s) / (a * (1 - s)) = kappa &
      s ^+ 2 = (gg * yy - p ^+ 2) / (gg * yy)].
Proof.
have s1' : 0 < 1 + s := ltr_paddr s_ge0 ltr01.
have s2 := sine_sq p_gt0.
have e : (1 - s) * (1 + s) = p ^+ 2 / (gg * yy).
  have -> : (1 - s) * (1 + s) = 1 - s ^+ 2 by move: s => t; ring.
  by rewrite s2; move: gg yy gg0 yy0 p => G Q G0 Q0 P; field; rewrite !gt_eqF.
split=> //.
- apply: (mulIf (lt0r_neq0 s1')); rewrite mulfVK ?gt_eqF // -[LHS]mulrA e /a_star.
  by move: gg yy gg0 yy0 p p_gt0 => G Q G0 Q0 P P0; field; rewrite !gt_eqF.
- transitivity (a * a * ((1 - s) * (1 + s))); first by move: s a => t b; ring.
  by rewrite e /a_star; move: gg yy gg0 yy0 p p_gt0 => G Q G0 Q0 P P0; field; rewrite !gt_eqF.
by rewrite -mulf_div divff ?mul1r // gt_eqF.
Qed.

End AllMinimisersOfCondition.

(** ** The largest and the smallest eigenvalue alone *)

Section Extremes.

Variables (R : realFieldType) (n : nat).
Implicit Types (M : 'M[R]_n) (x : 'cV[R]_n) (m l : R).
Variables (g y : 'cV[R]_n).
Hypothesis p_gt0 : 0 < dot y g.

Local Notation p := (dot y g).
Local Notation gg := (dot g g).
Local Notation yy := (dot y y).

Let gg0 : 0 < gg. Proof. by rewrite dot_gt0 (update_neq0 p_gt0). Qed.

Let yy0 : 0 < yy.
Proof. by rewrite dot_gt0; apply: contraTneq p_gt0 => ->; rewrite dot0l ltxx. Qed.

Let cs : p ^+ 2 <= gg * yy. Proof. by rewrite mulrC cauchy_schwarz. Qed.

(** inf lambda_max = y.y/p: a metric with all eigenvalues at most l exists for every l above y.y/p. *)
Theorem largest_eigenvalue_infimum l : yy / p < l ->
  exists2 M, metric M g y & forall x, dot x (M *m x) <= l * dot x x.
Proof.
move=> hl; have l_gt0 : 0 < l by apply: lt_trans hl; rewrite divr_gt0.
have d_gt0 : 0 < l * p - yy by rewrite subr_gt0 -ltr_pdivr_mulr.
have lgg : 0 < l * gg by rewrite mulr_gt0.
pose m := (l * p - yy) / (l * gg).
have m_gt0 : 0 < m by rewrite divr_gt0.
have ml : m <= l.
  rewrite ler_pdivr_mulr // ler_subl_addr -subr_ge0 -(pmulr_rge0 _ gg0).
  have -> : gg * (l * (l * gg) + yy - l * p) = (l * gg - p / 2%:R) ^+ 2 + (gg * yy - p ^+ 2 / 4%:R).
    by move: gg yy p => G Q P; field.
  rewrite addr_ge0 ?sqr_ge0 // subr_ge0 ler_pdivr_mulr ?ltr0n //; apply: le_trans cs _.
  by rewrite -[X in X <= _]mulr1 ler_wpmul2l ?ler1n // mulr_ge0 ?ltW.
have [|M mM b] := (spectrum_feasible g y m_gt0 ml).2; last first.
  by exists M => // x; case/andP: (b x).
rewrite -subr_ge0; suff -> : (m + l) * p - (m * l * gg + yy) = m * p by rewrite mulr_ge0 ?ltW.
rewrite /m; move: (gg) (yy) (p) (lt0r_neq0 gg0) (l) (lt0r_neq0 l_gt0) => G Q P G0 L L0.
by field; rewrite G0 L0.
Qed.

(** sup lambda_min = p/g.g: a metric with all eigenvalues at least m exists for every m below p/g.g. *)
Theorem smallest_eigenvalue_supremum m : m < p / gg ->
  exists2 M, metric M g y & forall x, m * dot x x <= dot x (M *m x).
Proof.
wlog m_gt0 : m / 0 < m => [wl|] hm.
  have [m_gt0|m_le0] := ltP 0 m; first exact: wl.
  have [|M mM _] := @largest_eigenvalue_infimum (yy / p + 1); first by rewrite ltr_addl ltr01.
  exists M => // x; apply: le_trans ((spd_psd mM.1).2 x).
  by rewrite mulr_le0_ge0 // dot_ge0.
have d_gt0 : 0 < p - m * gg by rewrite subr_gt0 -ltr_pdivl_mulr.
pose l := m + yy / (p - m * gg).
have ml : m <= l by rewrite ler_addl divr_ge0 ?ltW.
have [|M mM b] := (spectrum_feasible g y m_gt0 ml).2; last first.
  by exists M => // x; case/andP: (b x).
rewrite -subr_ge0; suff -> : (m + l) * p - (m * l * gg + yy) = m * (p - m * gg) + m * p.
  by rewrite addr_ge0 // mulr_ge0 ?ltW.
by rewrite /l; move: (gg) (yy) (p) (lt0r_neq0 d_gt0) => G Q P d0; field.
Qed.

Let parallel t : y = t *: g -> p ^+ 2 = gg * yy.
Proof. by move=> ->; rewrite !dot_linear; move: gg => G; ring. Qed.

Let scalar_metric : p ^+ 2 = gg * yy -> metric ((yy / p)%:M) g y.
Proof.
move=> e; have r_gt0 : 0 < yy / p by rewrite divr_gt0.
split; last first.
  rewrite mul_scalar_mx; apply/eqP; rewrite eq_sym -subr_eq0 -dot_eq0 !dot_linear (dotC g y); apply/eqP.
  transitivity (yy * (gg * yy - p ^+ 2) / p ^+ 2); last by rewrite e subrr mulr0 mul0r.
  by move: (gg) (yy) (p) (lt0r_neq0 p_gt0) => G Q P P0; field.
split=> [|x x0]; first by rewrite /symmetric tr_scalar_mx.
by rewrite mul_scalar_mx dotZr mulr_gt0 // dot_gt0.
Qed.

(** y.y/p is the largest eigenvalue of some metric only if g and y are parallel (s = 0); then it is ... *)
Theorem largest_eigenvalue_attained :
  (exists2 M, metric M g y & forall x, dot x (M *m x) <= yy / p * dot x x) <-> p ^+ 2 = gg * yy.
Proof.
split=> [[M [pM Mg] b]|e]; last first.
  by exists ((yy / p)%:M) => [|x]; [exact: scalar_metric | rewrite mul_scalar_mx dotZr].
have rw : relative_spectrum_within M 1%:M 0 (yy / p).
  by apply/relative1=> x; rewrite mul0r (spd_psd pM).2 b.
have := reference_bound_eq (@spd1 R n) (mul1mx y) pM.1 Mg rw.
rewrite !mul0r !add0r mulfVK ?gt_eqF // => /(_ (erefl _)); rewrite scale0r subr0 => My.
apply: (@parallel (yy / p)); apply/eqP; rewrite -subr_eq0; apply/eqP/(spd_inj pM).
by rewrite mulmxBr -scalemxAr My Mg subrr.
Qed.

(** ... and likewise p/g.g as the smallest. *)
Theorem smallest_eigenvalue_attained :
  (exists2 M, metric M g y & forall x, p / gg * dot x x <= dot x (M *m x)) <-> p ^+ 2 = gg * yy.
Proof.
split=> [[M [pM Mg] b]|e]; last first.
  exists ((yy / p)%:M) => [|x]; first exact: scalar_metric.
  rewrite mul_scalar_mx dotZr ler_wpmul2r ?dot_ge0 // ler_pdivr_mulr // mulrAC ler_pdivl_mulr //.
  by rewrite -expr2 e mulrC.
have pN : psd (M - (p / gg) *: 1%:M).
  split=> [|x]; first by rewrite /symmetric linearB linearZ /= trmx1 pM.1.
  by rewrite mulmxBl -scalemxAl mul1mx dotBr dotZr subr_ge0.
have /(psd_kernel pN) : dot g ((M - (p / gg) *: 1%:M) *m g) = 0.
  by rewrite mulmxBl -scalemxAl mul1mx dotBr dotZr Mg mulfVK ?gt_eqF // (dotC g y) subrr.
rewrite mulmxBl -scalemxAl mul1mx Mg => /eqP; rewrite subr_eq0 => /eqP.
exact: parallel.
Qed.

End Extremes.

(** ** The inverse *)

Section Inverse.

Variables (R : realFieldType) (n : nat).
Implicit Types (g y x : 'cV[R]_n) (a : R).

(** The BFGS update of the inverse, from the scaling h I, with one pair (g, y):
    (I - g y^T/p) h (I - y g^T/p) + g g^T/p. With h = p/y.y it is the one-pair L-BFGS matrix. *)
Definition bfgs_inverse g y (h : R) : 'M[R]_n :=
  h *: ((1%:M - (dot y g)^-1 *: (g *m y^T)) *m (1%:M - (dot y g)^-1 *: (y *m g^T))) +
  (dot y g)^-1 *: (g *m g^T).

(** M(a) and the BFGS inverse with the scaling 1/a are inverse to each other. *)
Theorem family_inverse g y a : 0 < dot y g -> a != 0 ->
  family g y a *m bfgs_inverse g y a^-1 = 1%:M /\ bfgs_inverse g y a^-1 *m family g y a = 1%:M.
Proof.
move=> p_gt0 a0.
suff e x : family g y a *m (bfgs_inverse g y a^-1 *m x) = x.
  suff e1 : family g y a *m bfgs_inverse g y a^-1 = 1%:M by split=> //; apply: mulmx1C.
  apply/matrixP=> i j; have /colP/(_ i) := e (delta_mx j 0).
  by rewrite mulmxA -colE !mxE eqxx andbT.
have [h hE] : exists h, h = (dot y g)^-1 by exists (dot y g)^-1.
have hp : h * dot y g = 1 by rewrite hE mulVf // gt_eqF.
have [w wE] : exists w, w = x - (dot g x * h) *: y by exists (x - (dot g x * h) *: y).
have gw : dot g w = 0 by rewrite wE !dot_linear (dotC g y) -mulrA hp mulr1 subrr.
have Mg : family g y a *m g = y.
  by have := reference_family_g a (@spd1 R n) p_gt0; rewrite reference_family1.
have Mw : family g y a *m w = (dot y w * h) *: y + a *: w.
  have := reference_family_mul 1%:M g y a w; rewrite reference_family1 !mul1mx => ->.
  by rewrite (dotC w g) gw mul0r scale0r subr0 hE.
have -> : bfgs_inverse g y a^-1 *m x = a^-1 *: (w - (dot y w * h) *: g) + (dot g x * h) *: g.
  rewrite /bfgs_inverse -hE [LHS]mulmxDl -!scalemxAl outer_mul -mulmxA scalerA [h * _]mulrC.
  congr (_ *: _ + _).
  have -> : (1%:M - h *: (y *m g^T)) *m x = w.
    by rewrite mulmxBl mul1mx -scalemxAl outer_mul scalerA wE [h * _]mulrC.
  by rewrite mulmxBl mul1mx -scalemxAl outer_mul scalerA [h * _]mulrC.
rewrite mulmxDr -!scalemxAr mulmxBr -scalemxAr Mg Mw [_ + a *: w]addrC addrK scalerA mulVf // scale1r.
by rewrite wE subrK.
Qed.

(** So M(a_star)^-1 is the one-pair L-BFGS matrix with the scaling p/y.y. *)
Theorem optimum_inverse g y : 0 < dot y g ->
  family g y (dot y y / dot y g) *m bfgs_inverse g y (dot y g / dot y y) = 1%:M /\
  bfgs_inverse g y (dot y g / dot y y) *m family g y (dot y y / dot y g) = 1%:M.
Proof.
move=> p_gt0; rewrite -(invf_div (dot y y)); apply: family_inverse => //.
rewrite mulf_neq0 ?invr_eq0 ?(gt_eqF p_gt0) // dot_eq0.
by apply: contraTneq p_gt0 => ->; rewrite dot0l ltxx.
Qed.

End Inverse.
