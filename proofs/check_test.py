#!/usr/bin/env python3
"""natgrad: check.py notices what it is there to notice. A small source is accepted; then it, or its golden file, is
changed in one way at a time, and each must be refused with the right words.

Usage: check_test.py
"""

import subprocess
import sys
import tempfile
from pathlib import Path

CHECK = Path(__file__).resolve().parent / "check.py"

SOURCE = """(* A comment with the words Axiom and Admitted (* nested *) is none. *)
From Coq Require Import Arith Lia Classical.

Local Notation "a << b" := (a <= b) (at level 70).

Definition even (n : nat) : Prop := exists k, n = 2 * k.

Section Numbers.
Variable n : nat.
Hypothesis positive : 0 < n.

Lemma below : 0 << n.
Proof. lia. Qed.

Theorem even_double : even (2 * n).
Proof. first [exists n; lia | exists (n + n); lia]. Qed.

End Numbers.

Theorem even_or_not n : even n \\/ ~ even n.
Proof. intros. destruct (classic (even n)); tauto. Qed.
"""

# What is wrong, the change (old, new), and a part of the message.
CHANGES = [
    ("a statement", ("even (2 * n).", "even (2 * (n + n))."), "even_double"),
    ("a conclusion that became weaker", ("even n \\/ ~ even n.", "even n \\/ ~ even n \\/ n = 0."), "even_or_not"),
    ("a hypothesis more", ("Theorem even_or_not n : even", "Theorem even_or_not n : n < 5 -> even"), "even_or_not"),
    ("a hypothesis of the section", ("0 < n.", "1 < n."), "below"),
    ("a definition", ("n = 2 * k", "n = k * 2"), "even"),
    ("what a notation stands for", ("(a <= b)", "(a <= b + 0)"), "below"),
    ("a theorem more", ("End Numbers.", "End Numbers.\nTheorem more : 0 = 0.\nProof. reflexivity. Qed."), "more"),
    ("a theorem less", (SOURCE[SOURCE.index("Theorem even_or_not"):], ""), "even_or_not"),
    ("a theorem without the axiom it had", ("Proof. intros. destruct (classic (even n)); tauto. Qed.", "Proof. destruct (Nat.Even_or_Odd n) as [[k ->] "
     "|[k ->]]; [left; now exists k|right; intros [j H]; lia]. Qed."), "axioms"),
    ("a lemma under another name", ("Lemma below", "Lemma under"), "under"),
    ("a proof that does not hold", ("exists n; lia | exists (n + n)", "exists 1"), "failed"),
    ("Admitted", ("tauto. Qed.", "Admitted."), "Admitted"),
    ("admit", ("tauto. Qed.", "admit. Admitted."), "admit"),
    ("an axiom", ("Section Numbers.", "Axiom false : False.\nSection Numbers."), "Axiom"),
    ("a parameter", ("Section Numbers.", "Parameter p : False.\nSection Numbers."), "Parameter"),
    ("a conjecture", ("Section Numbers.", "Conjecture p : False.\nSection Numbers."), "Conjecture"),
    ("a variable outside a section", ("Section Numbers.", "Variable p : False.\nSection Numbers."), "outside a section"),
    ("a hypothesis outside a section", ("End Numbers.", "End Numbers.\nHypothesis p : False."), "outside a section"),
    ("a module", ("Section Numbers.", "Module M. End M.\nSection Numbers."), "module"),
    ("a guard switched off", ("Section Numbers.", "Unset Guard Checking.\nSection Numbers."), "Guard"),
    ("an extraction directive", ("Section Numbers.", "Extract Constant even => \"x\".\nSection Numbers."), "Extract"),
    ("a command whose definitions are not followed", ("Definition even", "Program Definition even"), "Program"),
    ("a foreign axiom", ("Classical.", "Classical ProofIrrelevance.\nLemma irrelevant (P : Prop) (a b : P) : a = b.\n"
     "Proof. apply proof_irrelevance. Qed."), "proof_irrelevance"),
]


def check(folder, *options):
    done = subprocess.run([sys.executable, CHECK, folder / "build", "--source", folder / "source", *options],
                          capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def main():
    wrong = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "source/Numbers.v"
        golden = folder / "source/expected/Numbers.txt"
        source.parent.mkdir()
        (source.parent / "_CoqProject").write_text("-R . Natgrad\n")

        def expect(what, code, part):
            got, text = check(folder)
            if got != code or part not in text:
                wrong.append(f"{what}: exit code {got}, expected {code} and {part!r} in\n{text}")

        source.write_text(SOURCE)
        expect("no golden file", 1, "missing")
        if check(folder, "--accept")[0] != 0:
            wrong.append("--accept fails")
        expect("the source as it was accepted", 0, "2 theorems and 1 lemmas")
        for what, (old, new), part in CHANGES:
            if SOURCE.count(old) != 1:
                wrong.append(f"{what}: {old!r} occurs {SOURCE.count(old)} times")
            source.write_text(SOURCE.replace(old, new))
            expect(what, 1, part)
        source.write_text(SOURCE)
        expect("the source as it was accepted, again", 0, "2 theorems and 1 lemmas")
        accepted = golden.read_text()
        golden.write_text(accepted.replace("in full: ", "in full: 0", 1))
        expect("a golden file that was changed", 1, "in full")
        golden.write_text(accepted)
        golden.with_name("Other.txt").write_text("")
        expect("a golden file too many", 1, "there is no Other.v")
    for line in wrong:
        print(f"check_test.py: {line}", file=sys.stderr)
    print(f"check.py: {len(CHANGES) + 3} changes refused" if not wrong else f"check.py: {len(wrong)} not noticed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
