#!/usr/bin/env python3
# natgrad: the ledger of claims is true. Every claim of the headers has its row in proofs/claims.toml and the other
# way round, and everything a row names exists, ran and was not skipped.
#
# ledger_test.py SOURCE BUILD          the test (TAP)
# ledger_test.py --table SOURCE        prints README's table
# ledger_test.py --write-readme SOURCE puts it into README.md
import copy
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import tomllib

BEGIN, END = "<!-- claims:begin -->", "<!-- claims:end -->"
KEYS = {"id", "paper", "statement", "symbol", "coq", "properties", "reference", "fuzz", "scope"}
SCOPES = {"real", "float", "code"}
# The order of the layout; each is a header.
ROWS = ["gram", "scalars", "canonical_form", "uniqueness", "min_condition", "least_change", "discrete_taylor",
        "time_window", "time_varying", "stochastic", "higher_order", "linear_dynamics", "feedback_alignment",
        "convergence", "random", "rules", "run", "analysis", "report"]
KINDS = ["mathematics", "arithmetic", "checker"]


def read_toml(source):
    with open(source / "proofs/claims.toml", "rb") as file:
        return tomllib.load(file)


def read_ledger(source):
    return read_toml(source)["claim"]


def read_theorems(source):
    """{file: names} of what the golden files state."""
    pattern = re.compile(r"^(?:Theorem|Lemma|Corollary|Proposition|Fact|Remark|Example) @?([\w']+)", re.M)
    return {path.stem: set(pattern.findall(path.read_text(encoding="utf-8")))
            for path in (source / "proofs/expected").glob("*.txt")}


def read_fuzz(source):
    """Targets with at least one input in their corpus, which Meson replays as a test."""
    targets = {path.stem: path.stem.removesuffix("_fuzz") for path in (source / "fuzz").glob("*_fuzz.cpp")}
    return {target for target, row in targets.items() if any((source / "fuzz/corpus" / row).glob("*"))}


def read_headers(source):
    return {path.stem: path.read_text(encoding="utf-8") for path in (source / "include/natgrad").glob("*.hpp")}


def row_of(claim):
    return claim["id"].split(".")[0]


def kinds_of(claim, files):
    """What the theorems of a claim are about."""
    named = {theorem.split(".")[0] for theorem in claim["coq"]}
    return {kind for kind in KINDS if named & set(files[kind])}


def table(ledger, files):
    """Claims by row and by what stands behind them."""
    lines = ["| row | claims | mathematics proved | arithmetic proved | decided by the checker | tested | measured"
             " | fuzzed |", "|---|---|---|---|---|---|---|---|"]
    totals = [0] * 7
    for row in ROWS:
        claims = [claim for claim in ledger if row_of(claim) == row]
        proved = [sum(kind in kinds_of(claim, files) for claim in claims) for kind in KINDS]
        tested = [claim for claim in claims if claim["properties"] and claim["reference"]]
        measured = [claim for claim in claims if not claim["properties"] and claim["reference"]]
        fuzzed = [claim for claim in claims if claim["fuzz"] != "none"]
        counts = [len(claims), *proved, len(tested), len(measured), len(fuzzed)]
        totals = [total + count for total, count in zip(totals, counts)]
        lines.append(f"| `{row}` | " + " | ".join(map(str, counts)) + " |")
    lines.append("| all | " + " | ".join(map(str, totals)) + " |")
    return "\n".join(lines) + "\n"


def between_markers(readme):
    if readme.count(BEGIN) != 1 or readme.count(END) != 1:
        return None
    return readme.split(BEGIN)[1].split(END)[0].lstrip("\n")


# Each check returns what is wrong, as lines.


def check_shape(ledger, _):
    wrong, seen = [], set()
    for claim in ledger:
        name = claim.get("id", "a claim without id")
        missing, unknown = KEYS - claim.keys(), claim.keys() - KEYS - {"reason"}
        if missing or unknown:
            wrong.append(f"{name}: keys missing {sorted(missing)}, unknown {sorted(unknown)}")
            continue
        if name in seen:
            wrong.append(f"{name}: twice")
        seen.add(name)
        if row_of(claim) not in ROWS:
            wrong.append(f"{name}: no such row")
        for key in ("paper", "statement", "symbol", "fuzz"):
            if not claim[key].strip() or "\n" in claim[key]:
                wrong.append(f"{name}: {key} must be one line")
        if not claim["scope"] or not set(claim["scope"]) <= SCOPES:
            wrong.append(f"{name}: scope {claim['scope']}")
        nothing = "none" in (claim["symbol"], claim["fuzz"]) or not (
            claim["coq"] and claim["properties"] and claim["reference"])
        if nothing and not claim.get("reason", "").strip():
            wrong.append(f"{name}: something is none, and no reason is given")
    return wrong


def check_headers(ledger, facts):
    wrong = []
    in_headers = {}
    for row, text in facts["headers"].items():
        for names in re.findall(r"@claim ((?:\w+\.\w+)(?:,\s*\w+\.\w+)*)", text):
            for name in re.split(r",\s*", names):
                in_headers[name] = row
    in_ledger = {claim["id"] for claim in ledger if claim["symbol"] != "none"}
    for name, row in in_headers.items():
        if name not in in_ledger:
            wrong.append(f"@claim {name} in {row}.hpp is not in the ledger")
        if name.split(".")[0] != row:
            wrong.append(f"@claim {name} stands in {row}.hpp")
    wrong += [f"{name}: no header has @claim {name}" for name in sorted(in_ledger - in_headers.keys())]
    return wrong


def check_symbols(ledger, facts):
    wrong = []
    for claim in ledger:
        if claim["symbol"] == "none":  # no code: a theorem
            if not claim["coq"] or row_of(claim) in facts["headers"]:
                wrong.append(f"{claim['id']}: neither a symbol nor a theorem of a row without code")
            continue
        text = facts["headers"].get(row_of(claim), "")
        code = re.sub(r"//.*", "", text)
        parts = claim["symbol"].split("::")
        if parts[0] != "natgrad" or len(parts) < 2:
            wrong.append(f"{claim['id']}: symbol {claim['symbol']} is not in natgrad")
        for part in parts[1:]:
            if not re.search(rf"\b{re.escape(part)}\b", code):
                wrong.append(f"{claim['id']}: {part} of {claim['symbol']} is not in {row_of(claim)}.hpp")
    return wrong


def check_theorems(ledger, facts):
    wrong = []
    files = facts["files"]
    of_kinds = [file for kind in KINDS for file in files.get(kind, [])]
    if sorted(files) != sorted(KINDS) or len(set(of_kinds)) != len(of_kinds):
        wrong.append(f"[proofs] must have {', '.join(KINDS)}, and each file once")
    named = set()
    for claim in ledger:
        for theorem in claim["coq"]:
            file, _, name = theorem.partition(".")
            named.add(file)
            if name not in facts["theorems"].get(file, ()):
                wrong.append(f"{claim['id']}: proofs/expected has no {theorem}")
            if file not in of_kinds:
                wrong.append(f"{claim['id']}: [proofs] does not say what {file}.v is about")
    for file in sorted(set(facts["theorems"]) | set(of_kinds)):
        if file not in named or file not in of_kinds or file not in facts["theorems"]:
            wrong.append(f"{file}.v: must be in [proofs], have golden statements, and be named by a claim")
    return wrong


def check_properties(ledger, facts):
    wrong = []
    listed = {entry["property"]: entry for entry in facts["properties"]}
    if len(listed) != len(facts["properties"]):
        wrong.append("natgrad-verify lists a property twice")
    named = {}
    for claim in ledger:
        for name in claim["properties"]:
            named[name] = claim["id"]
            if name not in listed:
                wrong.append(f"{claim['id']}: natgrad-verify has no property {name}")
    for name, entry in listed.items():
        if named.get(name) != entry["claim"]:
            wrong.append(f"{name}: belongs to {entry['claim']}, but the ledger has it at {named.get(name)}")
        if not entry["canaries"]:
            wrong.append(f"{name}: has no canary")
        if len(set(entry["canaries"])) != len(entry["canaries"]):
            wrong.append(f"{name}: canaries share a name")
    return wrong


def check_references(ledger, facts):
    wrong = []
    for claim in ledger:
        for name in claim["reference"]:
            result = facts["results"].get(name)
            if result != "ran":
                wrong.append(f"{claim['id']}: {name}: {result or 'no such test'}")
    return wrong


def check_fuzz(ledger, facts):
    return [f"{claim['id']}: there is no fuzz/{claim['fuzz']}.cpp with a corpus" for claim in ledger
            if claim["fuzz"] != "none" and claim["fuzz"] not in facts["fuzz"]]


def check_command(ledger, facts):
    """natgrad claims --json says the same."""
    told = {claim["id"]: claim for claim in facts["told"]}
    wrong = [f"natgrad claims has no {name}" for name in {claim["id"] for claim in ledger} - told.keys()]
    for claim in ledger:
        other = told.get(claim["id"])
        if other is None:
            continue
        expected = {key: claim[key] for key in ("id", "paper", "statement", "scope", "properties", "reference")}
        expected |= {key: None if claim.get(key, "none") == "none" else claim[key]
                     for key in ("symbol", "fuzz", "reason")}
        expected["proofs"] = [
            {"theorem": theorem, "about": kind} for theorem in claim["coq"] for kind in KINDS
            if theorem.split(".")[0] in facts["files"][kind]]
        wrong += [f"{claim['id']}: natgrad claims says {key} {other.get(key)!r}" for key in expected | other
                  if expected.get(key) != other.get(key)]
    return wrong


def check_readme(ledger, facts):
    if facts["readme"] != table(ledger, facts["files"]):
        return ["README.md: the table between the claims markers is not the one of the ledger;"
                " run tests/ledger_test.py --write-readme ."]
    return []


CHECKS = [
    ("every row has its keys, scopes and reasons", check_shape),
    ("claims of headers and ledger are the same", check_headers),
    ("every symbol is in its header", check_symbols),
    ("every theorem has a golden statement", check_theorems),
    ("every property exists, belongs to its claim and has canaries", check_properties),
    ("every reference test exists, ran and was not skipped", check_references),
    ("every fuzz target exists and has a corpus", check_fuzz),
    ("natgrad claims says what the ledger says", check_command),
    ("the table of README.md is that of the ledger", check_readme),
]


def run_references(ledger, build):
    """Runs the tests that the ledger names, by program: {"program: test": "ran" or what happened}."""
    by_program = {}
    for claim in ledger:
        for name in claim["reference"]:
            program, _, test = name.partition(": ")
            by_program.setdefault(program, set()).add(test)
    results = {}
    for program, tests in by_program.items():
        path = build / "tests" / program
        if not path.exists():
            continue
        with tempfile.TemporaryDirectory() as directory:
            report = pathlib.Path(directory) / "report.json"
            subprocess.run([path, "--gtest_filter=" + ":".join(sorted(tests)), f"--gtest_output=json:{report}"],
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
            if not report.exists():
                continue
            for suite in json.loads(report.read_text())["testsuites"]:
                for test in suite["testsuite"]:
                    ran = test["status"] == "RUN" and test["result"] == "COMPLETED"
                    outcome = "failed" if test.get("failures") else "ran" if ran else "skipped"
                    results[f"{program}: {suite['name']}.{test['name']}"] = outcome
    return results


def mutations(ledger, facts):
    """Ways in which a ledger goes wrong, and the check that has to notice: the checks' own canaries."""

    def changed(index, key, value):
        other = copy.deepcopy(ledger)
        other[index][key] = value
        return other, facts

    without_reason = next(i for i, claim in enumerate(ledger) if "reason" not in claim)
    with_fact = lambda key, value: (ledger, {**facts, key: value})
    extra_header = {**facts["headers"], "gram": facts["headers"]["gram"] + "\n/// @claim gram.unheard_of\n"}
    bare = copy.deepcopy(facts["properties"])
    bare[0]["canaries"] = []
    first = ledger[0]["reference"][0]
    return [
        ("a scope that does not exist", check_shape, changed(0, "scope", ["dream"])),
        ("none without a reason", check_shape, changed(without_reason, "fuzz", "none")),
        ("a claim twice", check_shape, (ledger + ledger[:1], facts)),
        ("a claim taken out", check_headers, (ledger[1:], facts)),
        ("a claim that no header has", check_headers, changed(0, "id", "gram.invented")),
        ("a header's claim that is not in the ledger", check_headers, with_fact("headers", extra_header)),
        ("a symbol that does not exist", check_symbols, changed(0, "symbol", "natgrad::Gram::off")),
        ("a theorem that does not exist", check_theorems, changed(0, "coq", ["Gram.invented"])),
        ("a theorem of a file that does not exist", check_theorems, changed(0, "coq", ["Invented.dot_ge0"])),
        ("a file that no claim names", check_theorems,
         with_fact("theorems", {**facts["theorems"], "Unnamed": {"theorem"}})),
        ("a claim without code in a row with code", check_symbols, changed(0, "symbol", "none")),
        ("a claim that natgrad claims lacks", check_command, with_fact("told", facts["told"][1:])),
        ("a theorem that natgrad claims does not tell", check_command, changed(0, "coq", [])),
        ("a reason that natgrad claims does not tell", check_command, changed(0, "reason", "none of your business")),
        ("a property that does not exist", check_properties, changed(0, "properties", ["gram.exact/invented"])),
        ("a property left out", check_properties, changed(0, "properties", ledger[0]["properties"][1:])),
        ("a property without canary", check_properties, with_fact("properties", bare)),
        ("a test that does not exist", check_references, changed(0, "reference", ["gram_test: Gram.Invented"])),
        ("a test that was skipped", check_references, with_fact("results", {**facts["results"], first: "skipped"})),
        ("a fuzz target that does not exist", check_fuzz, changed(0, "fuzz", "invented_fuzz")),
        ("a fuzz target without a corpus", check_fuzz, with_fact("fuzz", set())),
        ("a claim more than README counts", check_readme, (ledger + ledger[:1], facts)),
    ]


def test(source, build):
    ledger = read_ledger(source)
    verify = build / "tests/verify/natgrad-verify"
    listing = subprocess.run([verify, "--list", "--json"], stdout=subprocess.PIPE, check=True)
    told = subprocess.run([build / "lib/cli/natgrad", "claims", "--json"], stdout=subprocess.PIPE, check=True)
    facts = {
        "told": json.loads(told.stdout)["claims"],
        "files": read_toml(source)["proofs"],
        "theorems": read_theorems(source),
        "headers": read_headers(source),
        "properties": json.loads(listing.stdout)["properties"],
        "fuzz": read_fuzz(source),
        "results": run_references(ledger, build),
        "readme": between_markers((source / "README.md").read_text(encoding="utf-8")),
    }
    outcomes = [(name, check(ledger, facts)) for name, check in CHECKS]
    for name, check, (other_ledger, other_facts) in mutations(ledger, facts):
        before, after = check(ledger, facts), check(other_ledger, other_facts)
        noticed = len(after) > len(before) or (check is check_readme and after)
        outcomes.append((f"noticed: {name}", [] if noticed else ["not noticed"]))
    print(f"1..{len(outcomes)}")
    for number, (name, wrong) in enumerate(outcomes, 1):
        print(f"{'not ok' if wrong else 'ok'} {number} - {name}")
        for line in wrong:
            print(f"# {line}")
    return 1 if any(wrong for _, wrong in outcomes) else 0


def write_readme(source):
    path = source / "README.md"
    readme = path.read_text(encoding="utf-8")
    if between_markers(readme) is None:
        sys.exit(f"{path}: needs one {BEGIN} and one {END}")
    head, rest = readme.split(BEGIN)
    tail = rest.split(END)[1]
    lines = table(read_ledger(source), read_toml(source)["proofs"])
    path.write_text(f"{head}{BEGIN}\n{lines}{END}{tail}", encoding="utf-8")


def main(arguments):
    if len(arguments) == 2 and arguments[0] == "--table":
        source = pathlib.Path(arguments[1])
        print(table(read_ledger(source), read_toml(source)["proofs"]), end="")
        return 0
    if len(arguments) == 2 and arguments[0] == "--write-readme":
        write_readme(pathlib.Path(arguments[1]))
        return 0
    if len(arguments) == 2 and not arguments[0].startswith("-"):
        return test(pathlib.Path(arguments[0]), pathlib.Path(arguments[1]))
    print("usage: ledger_test.py SOURCE BUILD | --table SOURCE | --write-readme SOURCE", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
