"""natgrad: the same bytes on every build, with any number of threads.

Hashes the JSON (and vectors) that the command line prints for fixed inputs and compares them with the golden
hashes in bits.json, so that compilers, optimisation levels and machines are compared with each other.

Usage: bits_test.py NATGRAD GOLDEN.json [--accept]      (prints TAP)
"""

import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

THREADS = ("1", "2", "5")
RULES = ("gradient-descent", "heavy-ball", "adam", "sign-descent", "feedback-alignment")
PROBLEMS = ("quadratic", "rosenbrock", "logistic-regression", "linear-teacher", "mlp")
LAYERED = ("linear-teacher", "mlp")


def vectors(rng):
    """Pairs (g, y, alpha) of every kind of size and angle, from Python's own arithmetic."""

    def wide(bits):
        return rng.choice((-1, 1)) * rng.random() * 2.0 ** rng.randint(-bits, bits)

    for dimension in (1, 2, 3, 7, 100, 1000):
        for bits in (0, 20, 300, 1000):
            g = [wide(bits) for _ in range(dimension)]
            y = [wide(bits) for _ in range(dimension)]
            yield g, y, None
            yield g, [x * 3.0 for x in g], None
            tiny = 2.0 ** -rng.choice((30, 60, 500))
            turned = [b if i % 2 else -b for i, b in enumerate(g)]
            yield g, [x + tiny * abs(z) for x, z in zip(turned, g)], rng.random() * 2.0 ** rng.randint(-9, 9)


def command_line(natgrad, threads, *arguments):
    environment = dict(os.environ, OMP_NUM_THREADS=threads)
    result = subprocess.run([natgrad, *map(str, arguments)], env=environment, capture_output=True, check=False)
    if result.returncode not in (0, 4):
        raise RuntimeError(f"{arguments}: exit {result.returncode}: {result.stderr.decode()}")
    return result.stdout


def metrics(natgrad, folder, threads):
    digest = hashlib.sha256()
    rng = random.Random(20240924)
    files = [folder / name for name in ("g.csv", "y.csv", "x.csv")]
    for g, y, alpha in vectors(rng):
        x = [rng.random() - 0.5 for _ in g]
        for file, vector in zip(files, (g, y, x)):
            file.write_text("\n".join(map(repr, vector)) + "\n")
        given = [] if alpha is None else ["--alpha", repr(alpha)]
        digest.update(command_line(natgrad, threads, "metric", *files[:2], "--json", *given))
        digest.update(command_line(natgrad, threads, "metric", *files[:2], "--json", "--radius", "1e-3", *given))
        for flags in ([], ["--inverse"], ["--root"], ["--root", "--inverse"]):
            digest.update(command_line(natgrad, threads, "apply", *files, *flags, *given))
    return digest.hexdigest()


def run(natgrad, folder, threads, rule, problem):
    file = folder / "run.h5"
    command_line(natgrad, threads, "record", rule, "--problem", problem, "--steps", 40, "--seed", 7, "-o", file)
    return hashlib.sha256(command_line(natgrad, threads, "analyze", file, "--json")).hexdigest()


def main():
    natgrad, golden_file = sys.argv[1], Path(sys.argv[2])
    accept = "--accept" in sys.argv[3:]
    cases = {"metric and apply": metrics}
    for rule in RULES:
        for problem in PROBLEMS:
            if rule != "feedback-alignment" or problem in LAYERED:
                cases[f"{rule} on {problem}"] = (
                    lambda *where, rule=rule, problem=problem: run(*where, rule, problem))
    found = {}
    golden = json.loads(golden_file.read_text()) if golden_file.exists() else {}
    print(f"1..{len(cases)}")
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, case) in enumerate(cases.items(), 1):
            threads = THREADS[:1] if case is metrics else THREADS  # one vector pair has nothing to share out
            hashes = {case(natgrad, Path(folder), count) for count in threads}
            found[name] = sorted(hashes)[0]
            good = len(hashes) == 1 and (accept or golden.get(name) == found[name])
            failures += not good
            print(f"{'ok' if good else 'not ok'} {number} - {name}", flush=True)
            if not good:
                print(f"# found {sorted(hashes)}, golden {golden.get(name)}", flush=True)
    if accept and not failures:
        golden_file.write_text(json.dumps(found, indent=1) + "\n")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
