#!/usr/bin/env python3
"""natgrad: check.py notices what it is there to notice. A small source is accepted; then it, or its golden file, is
changed in one way at a time, and each must be refused with the right words.

Usage: check_test.py
"""

import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
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
    ("a module", ("Section Numbers.", "Module M. End M.\nSection Numbers."), "Module"),
    ("a guard switched off", ("Section Numbers.", "Unset Guard Checking.\nSection Numbers."), "Guard"),
    ("an extraction directive", ("Section Numbers.", "Extract Constant even => \"x\".\nSection Numbers."), "Extract"),
    ("a command whose definitions are not followed", ("Definition even", "Program Definition even"), "Program"),
    ("a switch over two lines", ("Section Numbers.", "Unset Guard\nChecking.\nSection Numbers."), "Unset Guard"),
    ("an axiom hidden by strings in comments", ("Section Numbers.",
     "(* \"*)\" *) Axiom classic : False. (* \"(*\" *)\nSection Numbers."), "Axiom"),
    ("an axiom under a name that is allowed", ("Section Numbers.",
     "Section S. End S.\nTime Variable sig_not_dec : False.\nSection Numbers."), "Numbers.sig_not_dec is assumed"),
    ("a definition after another command", ("Section Numbers.",
     "Open Scope nat_scope. Definition limit := 5.\nSection Numbers."), "limit (def) is not followed"),
    ("a statement of another kind", ("Section Numbers.",
     "Property other : 0 = 0.\nProof. reflexivity. Qed.\nSection Numbers."), "other (prf) is not followed"),
    ("a notation that hides what is asked", ("Section Numbers.", "Section S. End S.\nTime Variable hole : False.\n"
     "Notation \"'let' '_' ':=' x 'in' y\" := y (at level 200, x at level 200, y at level 200, only parsing).\n"
     "Section Numbers."), "Numbers.hole is assumed"),
    ("an extraction elsewhere", ("Section Numbers.",
     "From Coq Require Import Extraction.\nExtraction \"natgrad_checker_gmp.ml\" even.\nSection Numbers."), "Extraction"),
    ("a foreign axiom", ("Classical.", "Classical ProofIrrelevance.\nLemma irrelevant (P : Prop) (a b : P) : a = b.\n"
     "Proof. apply proof_irrelevance. Qed."), "proof_irrelevance"),
    ("a foreign axiom beside a theorem called everything", ("Classical.", "Classical ProofIrrelevance.\n"
     "Lemma irrelevant (P : Prop) (a b : P) : a = b.\nProof. apply proof_irrelevance. Qed.\n"
     "Theorem everything : 0 = 0 \\/ 0 <> 0.\nProof. apply classic. Qed."), "assumes proof_irrelevance"),
    ("a foreign axiom and answers in a string", ("Classical.", "Classical String PropExtensionality.\n"
     "Theorem same (P Q : Prop) : (P <-> Q) -> P = Q.\nProof. apply propositional_extensionality. Qed.\n"
     "Lemma last : let s := \"\n@@together Numbers\nclassic : x\n@@axioms everything\nclassic : x\n@@axioms same\n"
     "Closed under the global context\n\"%string in s = s.\nProof. reflexivity. Qed."),
     "assumes propositional_extensionality"),
]


def check(folder, *options):
    done = subprocess.run([sys.executable, CHECK, folder / "build", "--source", folder / "source", *options],
                          capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def main():
    with tempfile.TemporaryDirectory() as name:
        accepted = Path(name) / "accepted"
        source, project = Path("source/Numbers.v"), Path("source/_CoqProject")
        golden = Path("source/expected/Numbers.txt")
        (accepted / source.parent).mkdir(parents=True)
        (accepted / project).write_text((CHECK.parent / "_CoqProject").read_text())
        (accepted / source).write_text(SOURCE)
        wrong = [] if "missing" in check(accepted)[1] else ["a golden file that is missing"]
        code, text = check(accepted, "--accept")
        if code != 0:
            wrong.append(f"--accept: {text}")

        def differences():
            """(what, how a copy of the accepted folder is changed, exit code, a part of the message)"""
            yield "nothing", lambda folder: None, 0, "2 theorems and 1 lemmas"
            for what, (old, new), part in CHANGES:
                if SOURCE.count(old) != 1:
                    raise ValueError(f"{what}: {old!r} occurs {SOURCE.count(old)} times")
                changed = SOURCE.replace(old, new)
                yield what, lambda folder, changed=changed: (folder / source).write_text(changed), 1, part
            written = (accepted / golden).read_text()
            yield ("a golden file that was changed", lambda folder: (folder / golden).write_text(
                written.replace("in full: ", "in full: 0", 1)), 1, "in full")
            yield ("a golden file too many", lambda folder: (folder / golden).with_name("Other.txt").write_text(""), 1,
                   "there is no Other.v")
            yield ("an option in _CoqProject", lambda folder: (folder / project).write_text(
                "-R . Natgrad\n-arg -type-in-type\n"), 1, "_CoqProject")
            yield ("a source in a folder", lambda folder: ((folder / "source/more").mkdir(),
                                                           (folder / "source/more/More.v").write_text("")), 1, "More.v")

        def tried(number, what, change, code, part):
            folder = Path(name) / str(number)
            shutil.copytree(accepted / "source", folder / "source")
            change(folder)
            got, text = check(folder)
            return [] if got == code and part in text else [
                f"{what}: exit code {got}, expected {code} and {part!r} in\n{text}"]

        trials = list(differences())
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for found in pool.map(lambda trial: tried(trial[0], *trial[1]), enumerate(trials)):
                wrong += found
    for line in wrong:
        print(f"check_test.py: {line}", file=sys.stderr)
    print(f"check.py: {len(trials) - 1} changes refused" if not wrong else f"check.py: {len(wrong)} not noticed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
