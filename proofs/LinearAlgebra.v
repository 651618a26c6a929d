(** * Vectors, symmetric matrices and metrics over an ordered field

    What every file of linear algebra here shares. Everything holds over any ordered field [R] (the reals, the
    rationals, the algebraic reals, ...), in any dimension [n], and uses no axiom.

    - [dot u v] is the scalar product u.v of two columns;
    - [psd M]: M is symmetric and x.Mx >= 0 for every x; [spd M]: also x.Mx > 0 for every x other than 0;
    - [metric M g y]: M is symmetric positive definite and M g = y. With y = -grad L this says that the update
      g is natural gradient descent, g = -M^-1 grad L;
    - [family g y a] is the paper's one-parameter family M(a) = y y^T/p + a (I - g g^T/(g.g)), p = y.g. *)

From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Definitions.

Variables (R : realFieldType) (n : nat).

(** The scalar product u.v = sum of u_i v_i. *)
Definition dot (u v : 'cV[R]_n) : R := (u^T *m v) 0 0.

Definition symmetric (M : 'M[R]_n) : Prop := M^T = M.

Definition psd (M : 'M[R]_n) : Prop := symmetric M /\ forall x, 0 <= dot x (M *m x).

Definition spd (M : 'M[R]_n) : Prop := symmetric M /\ forall x, x != 0 -> 0 < dot x (M *m x).

Definition metric (M : 'M[R]_n) (g y : 'cV[R]_n) : Prop := spd M /\ M *m g = y.

(** M(a) = y y^T/(y.g) + a (I - g g^T/(g.g)). *)
Definition family (g y : 'cV[R]_n) (a : R) : 'M[R]_n :=
  (dot y g)^-1 *: (y *m y^T) + a *: (1%:M - (dot g g)^-1 *: (g *m g^T)).

(** The spectrum of the symmetric matrix M lies in [m, l] (Rayleigh quotients; no eigenvectors needed). *)
Definition spectrum_within (M : 'M[R]_n) (m l : R) : Prop :=
  forall x, m * dot x x <= dot x (M *m x) <= l * dot x x.

End Definitions.

Section Dot.

Variables (R : realFieldType) (n : nat).
Implicit Types (u v w x : 'cV[R]_n) (M A B : 'M[R]_n) (a b : R).

Lemma dotE u v : dot u v = \sum_i u i 0 * v i 0.
Proof. by rewrite /dot mxE; apply: eq_bigr => i _; rewrite mxE. Qed.

Lemma dotC u v : dot u v = dot v u.
Proof. by rewrite !dotE; apply: eq_bigr => i _; rewrite mulrC. Qed.

Lemma dotDl u v w : dot (u + v) w = dot u w + dot v w.
Proof. by rewrite /dot linearD mulmxDl mxE. Qed.

Lemma dotDr u v w : dot u (v + w) = dot u v + dot u w.
Proof. by rewrite /dot mulmxDr mxE. Qed.

Lemma dotZl a u v : dot (a *: u) v = a * dot u v.
Proof. by rewrite /dot linearZ -scalemxAl mxE. Qed.

Lemma dotZr a u v : dot u (a *: v) = a * dot u v.
Proof. by rewrite /dot -scalemxAr mxE. Qed.

Lemma dotNl u v : dot (- u) v = - dot u v.
Proof. by rewrite -scaleN1r dotZl mulN1r. Qed.

Lemma dotNr u v : dot u (- v) = - dot u v.
Proof. by rewrite -scaleN1r dotZr mulN1r. Qed.

Lemma dotBl u v w : dot (u - v) w = dot u w - dot v w.
Proof. by rewrite dotDl dotNl. Qed.

Lemma dotBr u v w : dot u (v - w) = dot u v - dot u w.
Proof. by rewrite dotDr dotNr. Qed.

Lemma dot0l v : dot 0 v = 0.
Proof. by rewrite -(scale0r 0) dotZl mul0r. Qed.

Lemma dot0r v : dot v 0 = 0.
Proof. by rewrite dotC dot0l. Qed.

(** One rewrite rule for expanding: [rewrite !dot_linear]. *)
Definition dot_linear := (dotDl, dotDr, dotBl, dotBr, dotNl, dotNr, dotZl, dotZr, dot0l, dot0r).

Lemma dot_ge0 u : 0 <= dot u u.
Proof. by rewrite dotE; apply: sumr_ge0 => i _; rewrite -expr2 sqr_ge0. Qed.

Lemma dot_eq0 u : (dot u u == 0) = (u == 0).
Proof.
rewrite dotE psumr_eq0 => [|i _]; last by rewrite -expr2 sqr_ge0.
apply/idP/eqP => [/allP z|->]; last by apply/allP => i _; rewrite mxE mul0r eqxx.
apply/colP => i; rewrite mxE; apply/eqP.
by have /implyP/(_ isT) := z i (mem_index_enum i); rewrite mulf_eq0 orbb.
Qed.

Lemma dot_gt0 u : (0 < dot u u) = (u != 0).
Proof. by rewrite lt_def dot_ge0 andbT dot_eq0. Qed.

(** x.(A y) = (A^T x).y *)
Lemma dot_mulmx A u v : dot u (A *m v) = dot (A^T *m u) v.
Proof. by rewrite /dot trmx_mul trmxK mulmxA. Qed.

Lemma dot_sym A u v : symmetric A -> dot u (A *m v) = dot (A *m u) v.
Proof. by move=> sA; rewrite dot_mulmx sA. Qed.

Lemma mulmx_col1 (m : nat) (u : 'cV[R]_m) (a : 'M[R]_1) : u *m a = a 0 0 *: u.
Proof. by rewrite [a in LHS]mx11_scalar mul_mx_scalar. Qed.

(** (u v^T) w = (v.w) u *)
Lemma outer_mul u v w : (u *m v^T) *m w = dot v w *: u.
Proof. by rewrite -mulmxA mulmx_col1. Qed.

Lemma outer_sym u : symmetric (u *m u^T).
Proof. by rewrite /symmetric trmx_mul trmxK. Qed.

Lemma trmx_outer u v : (u *m v^T)^T = v *m u^T.
Proof. by rewrite trmx_mul trmxK. Qed.

(** (u v^T)(w x^T) = (v.w) u x^T *)
Lemma outer_mul_outer u v w x : (u *m v^T) *m (w *m x^T) = dot v w *: (u *m x^T).
Proof. by rewrite mulmxA outer_mul -scalemxAl. Qed.

Lemma trace_outer u v : \tr (u *m v^T) = dot v u.
Proof. by rewrite mxtrace_mulC /dot trace_mx11. Qed.

(** Two vectors are equal once they have equal scalar products with every vector. *)
Lemma dot_inj u v : (forall w, dot w u = dot w v) -> u = v.
Proof.
move=> e; apply/eqP; rewrite -subr_eq0 -dot_eq0.
by rewrite dotBr (e (u - v)) subrr.
Qed.

(** Cauchy and Schwarz: (u.v)^2 <= (u.u)(v.v). *)
Lemma cauchy_schwarz u v : dot u v ^+ 2 <= dot u u * dot v v.
Proof.
have [->|nz] := eqVneq v 0; first by rewrite !dot0r expr0n mulr0.
have vv : 0 < dot v v by rewrite dot_gt0.
have := dot_ge0 (dot v v *: u - dot u v *: v).
rewrite !dot_linear (dotC v u).
move: (dot u u) (dot u v) (dot v v) vv => a b c c_gt0 nonneg.
rewrite -subr_ge0 -(pmulr_rge0 _ c_gt0); move: nonneg; congr (0 <= _); ring.
Qed.

End Dot.

Section Definite.

Variables (R : realFieldType) (n : nat).
Implicit Types (u v w x g y : 'cV[R]_n) (M A B : 'M[R]_n) (a b : R).

Lemma spd_psd M : spd M -> psd M.
Proof.
move=> [s p]; split=> // x; have [->|/p/ltW//] := eqVneq x 0.
by rewrite mulmx0 dot0r.
Qed.

(** A positive definite matrix maps no vector but 0 to 0; so it is invertible. *)
Lemma spd_inj M x : spd M -> M *m x = 0 -> x = 0.
Proof.
move=> [_ p] z; apply/eqP; apply: contraT => /p.
by rewrite z dot0r ltxx.
Qed.

Lemma spd_unit M : spd M -> M \in unitmx.
Proof.
move=> pM; rewrite -unitmx_tr -row_free_unit -kermx_eq0; apply/eqP/row_matrixP => i.
rewrite row0; apply: trmx_inj; rewrite trmx0; apply: (spd_inj pM).
by apply: trmx_inj; rewrite trmx_mul trmxK trmx0 -row_mul mulmx_ker row0.
Qed.

(** The inverse of a positive definite matrix is positive definite. *)
Lemma spd_inv M : spd M -> spd (invmx M).
Proof.
move=> pM; have uM := spd_unit pM; have [sM posM] := pM.
have sI : symmetric (invmx M) by rewrite /symmetric trmx_inv sM.
split=> // x xn0; have := posM (invmx M *m x).
rewrite mulKVmx // dotC; apply; apply: contraNneq xn0 => z.
by rewrite -(mulKVmx uM x) z mulmx0.
Qed.

Lemma psdD A B : psd A -> psd B -> psd (A + B).
Proof.
move=> [sA pA] [sB pB]; split; first by rewrite /symmetric linearD /= sA sB.
by move=> x; rewrite mulmxDl dotDr addr_ge0.
Qed.

Lemma psd_outer u : psd (u *m u^T).
Proof.
split; first exact: outer_sym.
by move=> x; rewrite outer_mul dotZr dotC -expr2 sqr_ge0.
Qed.

(** U U^T is positive semidefinite for every matrix U of any width. *)
Lemma psd_gram (k : nat) (U : 'M[R]_(n, k)) : psd (U *m U^T).
Proof.
split; first by rewrite /symmetric trmx_mul trmxK.
move=> x; rewrite -mulmxA /dot mulmxA -[x^T *m U]trmxK trmx_mul trmxK.
by have := dot_ge0 (U^T *m x); rewrite /dot.
Qed.

(** The kernel of a positive semidefinite form is that of its matrix. *)
Lemma psd_kernel B x : psd B -> dot x (B *m x) = 0 -> B *m x = 0.
Proof.
move=> [sB pB] z; apply: dot_inj => w; rewrite dot0r.
have lin t : 0 <= t ^+ 2 * dot w (B *m w) + t * (dot w (B *m x) *+ 2).
  have := pB (t *: w + x); rewrite mulmxDr -scalemxAr !dot_linear z (dot_sym x w sB) (dotC (B *m x)) addr0.
  by move: (dot w (B *m w)) (dot w (B *m x)) => a b nonneg; move: nonneg; congr (0 <= _); ring.
have a_ge0 := pB w; move: (dot w (B *m w)) (dot w (B *m x)) a_ge0 lin => a b a_ge0 lin.
have a1_gt0 : 0 < a + 1 by rewrite ltr_paddl ?ltr01.
have := lin (- b / (a + 1)).
have -> : (- b / (a + 1)) ^+ 2 * a + - b / (a + 1) * (b *+ 2) = - (b ^+ 2 * ((a + 2%:R) / (a + 1) ^+ 2)).
  by field; rewrite gt_eqF.
rewrite oppr_ge0 pmulr_lle0; last by rewrite divr_gt0 ?exprn_gt0 // ltr_paddl ?ltr0n.
by move=> b2; apply/eqP; rewrite -sqrf_eq0 eq_le b2 sqr_ge0.
Qed.

End Definite.
