#!/usr/bin/env python3
"""natgrad: compiles the proofs, has their kernel's checker look at them again, and compares what they say with the
golden files; then builds the checker of certificates that Extract.v yields, and tries it.

Usage: check.py BUILD_DIR [--accept] [--source DIR]

 1. No source may hold Admitted, an axiom or parameter of our own, a switch that weakens Coq's kernel, or a directive
    of extraction; and nothing may rest on axioms other than those of Coq's real numbers and classical logic.
 2. Every source compiles (coqc) in BUILD_DIR, from a copy.
 3. Every statement and definition is printed, with the axioms that theorems rest on, one by one, and all of a file
    together, and equals proofs/expected/FILE.txt. A digest stands for the statement in full (Set Printing All), where
    no notation hides anything.
 4. coqchk, the separate checker of compiled files, agrees, and knows of no axiom of ours, nor of a check that was
    switched off. Coq's and Debian's libraries are taken as they are.
 5. BUILD_DIR/natgrad-check and natgrad-check-bits are built, and checker/selftest.py tries them.

--accept writes the golden files instead of comparing with them: read the difference before committing it.
--source: another folder of sources and golden files than this one; what it has no Extract.v for ends with step 4.
Standard output: every theorem with its assumptions. Exit code 1 if anything is wrong.
"""

import argparse
import difflib
import hashlib
import os
import re
import secrets
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

PATHS = ["-R", ".", "Natgrad"]
# What Coq's real numbers and classical logic bring. Nothing else may be assumed.
ALLOWED = {"sig_forall_dec", "sig_not_dec", "classic", "functional_extensionality_dep"}
# Of _CoqProject, so that it cannot weaken anything.
PROJECT = "-R . Natgrad\n-arg -w\n-arg -notation-overridden,-ambiguous-paths\n"

# Searched for in a whole text, as Coq does not care for ends of lines.
FORBIDDEN = re.compile(
    r"\b(Admitted|Admit\s+Obligations|admit|give_up|Axioms?|Conjectures?|Parameters?|"
    r"Unset\s+(?:Guard|Positivity|Universe)\s+Checking|Set\s+Program\s+Mode|"
    r"bypass_check|program\s*\]|Program|Set\s+Type\s+In\s+Type|native_compute|Load|Include|"
    # Would hide statements from the golden files.
    r"Module|"
    # Would change what the extracted program does.
    r"Extract\s+(?:Inlined\s+)?(?:Constant|Inductive)|Extraction\s+(?:Implicit|NoInline|Inline))\b")
# Only where the program is extracted, and only with these directives of Coq's.
EXTRACTION = re.compile(r"\b(Extraction|Extr[A-Z]\w*)\b")
EXTRACTION_ALLOWED = {"Extraction", "ExtrOcamlBasic", "ExtrOcamlZBigInt"}
# Outside a section these would be axioms. (What else would be one, coqchk tells.)
SECTION_ONLY = re.compile(r"^\s*(Variables?|Hypothes[ie]s|Context)\b")
# Kinds of a .glob file that are statements or definitions.
GLOB_PLAIN = {"prf", "def", "thm", "ind", "coind", "rec", "corec", "class", "inst", "coe", "scheme"}
THEOREMS = ("Theorem", "Corollary")
STATEMENTS = ("Theorem", "Lemma", "Corollary", "Proposition", "Fact", "Remark", "Example")
DEFINITIONS = ("Definition", "Fixpoint", "Function", "Inductive", "CoInductive", "Variant", "Record", "Structure",
               "Instance", "Coercion")
NAMED = re.compile(
    r"^\s*(?:#\[[^\]]*\]\s*)?(?:(?:Local|Global)\s+)*(?P<kind>%s)\s+(?P<name>[A-Za-z_][\w']*)"
    % "|".join(STATEMENTS + DEFINITIONS), re.M)


def without_comments(text: str) -> str:
    """Comments (they nest) and strings (which Coq sees in comments, too) become blanks; lines stay."""
    out, depth, i = [], 0, 0
    while i < len(text):
        if text.startswith("(*", i):
            depth, i = depth + 1, i + 2
            out.append(" ")
        elif depth and text.startswith("*)", i):
            depth, i = depth - 1, i + 2
        elif text[i] == '"':
            end = text.find('"', i + 1)
            end = len(text) if end < 0 else end
            out.append(" " + "\n" * text.count("\n", i, end))
            i = end + 1
        else:
            if not depth or text[i] == "\n":
                out.append(text[i])
            i += 1
    return "".join(out)


def faults(path: Path) -> list[str]:
    text, open_sections, found = without_comments(path.read_text()), [], []
    for pattern in (FORBIDDEN, EXTRACTION):
        for match in pattern.finditer(text):
            if pattern is EXTRACTION and path.name == "Extract.v" and match[1] in EXTRACTION_ALLOWED:
                continue
            found.append(f"{path.name}:{text.count(chr(10), 0, match.start()) + 1}: {' '.join(match[1].split())}")
    for number, line in enumerate(text.splitlines(), 1):
        if match := re.match(r"\s*Section\s+(\w+)", line):
            open_sections.append(match[1])
        if match := re.search(r"\bEnd\s+(\w+)\s*\.", line):
            if open_sections and open_sections[-1] == match[1]:
                open_sections.pop()
        if not open_sections and SECTION_ONLY.match(line):
            found.append(f"{path.name}:{number}: {line.strip()}: outside a section this is an axiom")
    return found


def names(path: Path) -> list[tuple[str, str]]:
    """(kind, name) of what a source states or defines, in its order."""
    return [(m["kind"], m["name"]) for m in NAMED.finditer(without_comments(path.read_text()))]


def not_followed(path: Path, folder: Path) -> list[str]:
    """What Coq says that a source defines (its .glob file), but for abbreviations and what belongs to a section or to
    an inductive type, must be in names(), or the golden files would not follow it."""
    known, found = {name for _, name in names(path)}, []
    for line in (folder / f"{path.stem}.glob").read_text().splitlines():
        kind, _, rest = line.partition(" ")
        if kind in GLOB_PLAIN and rest.split()[-1] not in known:
            found.append(f"{path.name}: {rest.split()[-1]} ({kind}) is not followed by the golden files")
    return found


def assumptions(modules: list[str], folder: Path) -> list[str]:
    """What coqchk finds in the compiled files themselves: axioms of our own, and checks of its kernel switched off."""
    output = run(["coqchk", "-o", "-silent", *PATHS, *(x for m in modules for x in ("-norec", m))], folder, True)
    sections = dict(re.findall(r"^\* ([^:\n]+):(.*?)(?=^\* |\Z)", output, re.M | re.S))
    wrong = [f"coqchk: {title}: {' '.join(body.split())}" for title, body in sections.items()
             if not title.startswith(("Theory", "Axioms")) and body.strip() != "<none>"]
    if "Axioms" not in sections or len(sections) < 5:
        wrong.append(f"coqchk: cannot read its summary:\n{output}")
    # Of the libraries it lists what modules seal as well; what theorems rest on of those, Print Assumptions tells.
    wrong += [f"coqchk: {axiom} is assumed" for axiom in sections.get("Axioms", "").split()
              if axiom.startswith("Natgrad.")]
    return wrong


def run(command: list[str], folder: Path, messages: bool = False) -> str:
    """Standard output, and with `messages` standard error as well."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"check.py: {' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout + (done.stderr if messages else "")


def axioms_in(output: str, of: str) -> list[str]:
    """What Print Assumptions printed, as names; all of them allowed."""
    axioms = sorted(set(re.findall(r"^(?:\S+\.)?(\S+)\s*:", output, re.M)) - {"Axioms"})
    if re.search(r"\bassumed\b", output):
        sys.exit(f"check.py: {of}: {output}")
    if not axioms and "Closed under the global context" not in output:
        sys.exit(f"check.py: {of}: cannot read its assumptions:\n{output}")
    if foreign := set(axioms) - ALLOWED:
        sys.exit(f"check.py: {of} assumes {', '.join(sorted(foreign))}")
    return axioms


def described(source: Path, folder: Path, assuming: bool) -> tuple[str, list[tuple[str, str, list[str]]]]:
    """The golden text of one source, and (kind, name, axioms) of each of its statements (axioms: of theorems).
    `assuming`: whether something in it is expected to rest on axioms, so that theorems are asked one by one at once."""
    row = source.stem
    listed = names(source)
    required = f"From Natgrad Require {row}."
    # What a source cannot know, so that nothing in it can pass for an answer.
    secret = f"@@{secrets.token_hex(16)} "
    pieces: dict[tuple[str, str], str] = {}

    def question(kind: str, name: str, command: str) -> list[str]:
        return [f'Goal True. idtac "{secret}{kind} {name}". Abort.', command]

    def ask(questions: list[str], what: str) -> None:
        query = folder / "queries" / f"{row}_{what}.v"
        query.parent.mkdir(exist_ok=True)
        query.write_text("\n".join(questions) + "\n")
        for part in run(["coqc", *PATHS, "-w", "none", f"queries/{query.name}"], folder).split(secret)[1:]:
            head, _, body = part.partition("\n")
            kind, name = head.split()
            if (kind, name) in pieces:
                sys.exit(f"check.py: {row}.v: two answers for {kind} {name}")
            pieces[kind, name] = body

    # First without anything imported, so that no notation of the source changes what these lines mean, and names are
    # printed in full; then as the source reads.
    script = [required, "Set Printing Depth 10000.", "Set Printing All."]
    for kind, name in listed:
        script += question("whole", name, f"Check @{row}.{name}." if kind in STATEMENTS else f"Print {row}.{name}.")
    # Of everything at once, as each question takes long; of theorems one by one where there is something to tell.
    script += ["Unset Printing All.", "Definition everything : True :=",
               *(f"let _ := @{row}.{name} in" for _, name in listed), "I.",
               *question("together", row, "Print Assumptions everything.")]
    one_by_one = [line for kind, name in listed if kind in THEOREMS
                  for line in question("axioms", name, f"Print Assumptions {row}.{name}.")]
    if assuming:
        script += one_by_one
    # The source's own scopes and notations, so that statements read as they were written.
    script += re.findall(r"^(?:From\b[^.]*?\bRequire\b.*?|(?:Local\s+)?Open\s+Scope\b.*?|Import\b.*?)\.(?=\s)",
                         without_comments(source.read_text()), re.M | re.S)
    script += [f"Import {row}.", "Set Printing Width 108."]
    for kind, name in listed:
        script += question("shown", name, f"Check @{row}.{name}." if kind in STATEMENTS else f"Print {row}.{name}.")
    ask(script, "statements")
    together = axioms_in(pieces["together", row], f"something in {row}.v")
    if together and one_by_one and not assuming:
        ask([required, *one_by_one], "axioms")
    text = [f"{source.name}: what it states and defines, and which axioms that rests on.\n",
            f"axioms of all together: {', '.join(together) or 'none'}\n"]
    statements = []
    for kind, name in listed:
        digest = hashlib.sha256(pieces["whole", name].encode()).hexdigest()[:16]
        entry = f"{kind} {pieces['shown', name].strip()}\n  in full: {digest}\n"
        axioms = []
        if kind in THEOREMS:
            axioms = axioms_in(pieces["axioms", name], f"{row}.{name}") if together else []
            entry += f"  axioms: {', '.join(axioms) or 'none'}\n"
        text.append(entry)
        if kind in STATEMENTS:
            statements.append((kind, name, axioms))
    return "\n".join(text), statements


def rests_on_axioms(golden: Path) -> bool:
    """Whether a golden file says so."""
    return golden.exists() and "axioms of all together: none" not in golden.read_text()


def build_checker(folder: Path, source: Path) -> list[Path]:
    """natgrad-check with Zarith's integers, and natgrad-check-bits with Coq's."""
    programs = []
    for kind, name in (("gmp", "natgrad-check"), ("bits", "natgrad-check-bits")):
        build = folder / f"checker-{kind}"
        build.mkdir(exist_ok=True)
        for suffix in ("ml", "mli"):
            shutil.copyfile(folder / f"natgrad_checker_{kind}.{suffix}", build / f"natgrad_checker.{suffix}")
        shutil.copyfile(source / "checker" / f"integers_{kind}.ml", build / "integers.ml")
        shutil.copyfile(source / "checker" / "natgrad_check.ml", build / "natgrad_check.ml")
        run(["ocamlfind", "ocamlopt", "-w", "-a", "-package", "zarith,yojson,unix", "-linkpkg", "natgrad_checker.mli",
             "natgrad_checker.ml", "integers.ml", "natgrad_check.ml", "-o", str(folder / name)], build)
        programs.append(folder / name)
    return programs


def main() -> int:
    parser = argparse.ArgumentParser(usage=__doc__, add_help=False)
    parser.add_argument("build", type=Path)
    parser.add_argument("--accept", action="store_true")
    parser.add_argument("--source", type=Path, default=Path(__file__).resolve().parent)
    options = parser.parse_args()
    accept, folder, source_folder = options.accept, options.build.resolve(), options.source.resolve()
    expected = source_folder / "expected"
    sources = sorted(source_folder.glob("*.v"))
    bad = [fault for source in sources for fault in faults(source)]
    bad += [f"{path}: a source in a folder would be left out" for path in source_folder.glob("*/**/*.v")]
    if (source_folder / "_CoqProject").read_text() != PROJECT:
        bad.append(f"_CoqProject: must be {PROJECT!r}")
    if bad:
        print("check.py: not allowed in a proof:", *bad, sep="\n  ", file=sys.stderr)
        return 1

    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.glob("*.v"):
        if not (source_folder / stale.name).exists():
            stale.unlink()
    for compiled in folder.glob("**/*.vo"):
        of_a_source = compiled.parent == folder and (source_folder / f"{compiled.stem}.v").exists()
        if not of_a_source and compiled.parent != folder / "queries":
            compiled.unlink()
    for source in [*sources, source_folder / "_CoqProject"]:
        copy = folder / source.name
        if not copy.exists() or copy.read_bytes() != source.read_bytes():
            for compiled in folder.glob(f"{source.stem}.vo*"):
                compiled.unlink()
            shutil.copyfile(source, copy)
    jobs = str(os.cpu_count() or 1)
    print(f"== compiling {len(sources)} sources", file=sys.stderr, flush=True)
    run(["coq_makefile", "-f", "_CoqProject", "-o", "Makefile", *(source.name for source in sources)], folder)
    run(["make", "-j", jobs], folder)

    print("== statements and axioms, coqchk", file=sys.stderr, flush=True)
    stated = [source for source in sources if names(source)]
    with ThreadPoolExecutor(int(jobs)) as pool:
        checked = pool.submit(assumptions, [f"Natgrad.{source.stem}" for source in sources], folder)
        # The longest first, so that none of them is left alone at the end.
        longest_first = sorted(stated, key=lambda source: -source.stat().st_size)
        told = dict(zip(longest_first, pool.map(
            lambda source: described(source, folder, rests_on_axioms(expected / f"{source.stem}.txt")), longest_first)))
    found = [told[source] for source in stated]
    wrong = checked.result() + [fault for source in sources for fault in not_followed(source, folder)]
    expected.mkdir(exist_ok=True)
    for source, (text, statements) in zip(stated, found):
        golden = expected / f"{source.stem}.txt"
        if accept and not wrong:
            golden.write_text(text)
        elif not golden.exists():
            wrong.append(f"{golden.name}: missing; ./dev proofs --accept writes it")
        elif golden.read_text() != text:
            wrong.append("".join(difflib.unified_diff(golden.read_text().splitlines(True), text.splitlines(True),
                                                      f"expected/{golden.name}", source.name)))
        print(f"\n{source.name}")
        for kind, name, axioms in statements:
            if kind in THEOREMS:
                print(f"  {name}: {'no axioms' if not axioms else 'axioms ' + ', '.join(axioms)}")
    for golden in sorted(expected.glob("*.txt")):
        if not (source_folder / f"{golden.stem}.v").exists():
            if accept:
                golden.unlink()
            else:
                wrong.append(f"{golden.name}: there is no {golden.stem}.v")

    if wrong:
        print("\ncheck.py: not as it should be:", *wrong, sep="\n", file=sys.stderr)
        print("Golden files are renewed by ./dev proofs --accept.", file=sys.stderr)
        return 1
    theorems = [s for _, statements in found for s in statements if s[0] in THEOREMS]
    lemmas = sum(len(statements) for _, statements in found) - len(theorems)
    print(f"\n{len(theorems)} theorems and {lemmas} lemmas in {len(sources)} files; "
          f"{sum(1 for t in theorems if not t[2])} theorems without any axiom; coqchk agrees", flush=True)
    if not (source_folder / "Extract.v").exists():
        return 0
    print("== natgrad-check", file=sys.stderr, flush=True)
    programs = build_checker(folder, source_folder)
    tried = subprocess.run([sys.executable, source_folder / "checker" / "selftest.py", *programs], check=False)
    print(f"built: {programs[0]}", file=sys.stderr)
    return tried.returncode


if __name__ == "__main__":
    sys.exit(main())
