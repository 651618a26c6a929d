#!/usr/bin/env python3
"""natgrad: natgrad-check accepts true certificates and rejects changed ones.

Usage: selftest.py NATGRAD_CHECK [NATGRAD_CHECK_BITS]

Each certificate in examples/ is true of its two vectors. Every checked number of it is changed by one unit in the last
place, up and down; bits of the exact sums are changed one at a time; verdict, dimension and what is defined are
changed: each such certificate must be rejected, and in no other field than the one that was changed. Hostile files
must be refused. The second program, whose integers are lists of bits, must agree on the unchanged ones.

Two wrong checkers, one that accepts everything and one that rejects everything, show that this test can fail.
"""

import copy
import json
import math
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parent / "examples"
TRANSCENDENTAL = {"angle", "log_condition", "log_det"}
SCALARS = ["cos", "sin", "angle", "alpha", "lambda_min", "lambda_max", "condition", "sqrt_condition", "log_condition",
           "trace", "log_det"]
VERDICTS = ["effective", "not_effective", "undetermined"]
LEAST = 100  # changes of a number, and of a bit


class Program:
    """natgrad-check as a function: the exit code and, for 0 and 5, what it says of each field."""

    def __init__(self, path, folder):
        self.path, self.folder = path, Path(folder)

    def files(self, g, y, certificate):
        done = subprocess.run([self.path, "--json", g, y, certificate], capture_output=True, text=True, timeout=300,
                              check=False)
        return done.returncode, json.loads(done.stdout)["fields"] if done.returncode in (0, 5) else None, done.stderr

    def __call__(self, example, certificate):
        file = self.folder / "certificate.json"
        file.write_text(json.dumps(certificate))
        code, fields, _ = self.files(*vectors(example), file)
        return code, fields


def always(result):
    """A wrong checker, which says the same of everything."""
    names = ["dimension", "verdict", "gram.gg", "gram.gy", "gram.yy", *SCALARS]
    return lambda example, certificate: (0 if result == "accepted" else 5, {name: result for name in names})


def vectors(example):
    return EXAMPLES / f"{example}.g.csv", EXAMPLES / f"{example}.y.csv"


def hexadecimal(x):
    return {math.inf: "inf", -math.inf: "-inf"}.get(x) or x.hex()


def one_ulp(text):
    """The doubles above and below; beside a zero the one of the other sign is another double, too."""
    x = float.fromhex(text)
    near = [math.nextafter(x, math.inf), math.nextafter(x, -math.inf)] + ([-x] if x == 0 else [])
    return [other for other in near if other.hex() != x.hex()]


def with_value(certificate, path, value):
    changed = copy.deepcopy(certificate)
    *folders, last = path
    inner = changed
    for key in folders:
        inner = inner[key]
    inner[last] = value
    return changed


def changes(certificate):
    """(kind, field, certificate): each is false in that field and in no other."""
    for name in SCALARS:
        value = certificate["scalars"][name]
        if value is None:
            yield "definedness", name, with_value(certificate, ("scalars", name), "0x1p+0")
            continue
        yield "definedness", name, with_value(certificate, ("scalars", name), None)
        if name not in TRANSCENDENTAL:
            for other in one_ulp(value):
                yield "ulp", name, with_value(certificate, ("scalars", name), hexadecimal(other))
    for name in ("gg", "gy", "yy"):
        exact = certificate["gram"][name]
        m = int(exact["mantissa"], 16)
        bits = max(abs(m).bit_length(), 1)
        for bit in sorted({0, 1, bits // 2, bits - 1, bits}):
            changed = (abs(m) ^ 1 << bit) * (-1 if m < 0 else 1)
            yield "bit", f"gram.{name}", with_value(certificate, ("gram", name, "mantissa"), f"{changed:#x}")
        if m:
            yield "sign", f"gram.{name}", with_value(certificate, ("gram", name, "mantissa"), f"{-m:#x}")
            other = {"mantissa": exact["mantissa"], "exponent": exact["exponent"] + 1}
            yield "exponent", f"gram.{name}", with_value(certificate, ("gram", name), other)
    for verdict in VERDICTS:
        if verdict != certificate["verdict"]:
            yield "verdict", "verdict", with_value(certificate, ("verdict",), verdict)
    for dimension in (certificate["dimension"] - 1, certificate["dimension"] + 1, -certificate["dimension"]):
        yield "dimension", "dimension", with_value(certificate, ("dimension",), dimension)


def harmless(certificate):
    """The same claims written otherwise, and numbers that are not checked."""
    for name in ("gg", "gy", "yy"):
        exact = certificate["gram"][name]
        shifted = {"mantissa": f"{int(exact['mantissa'], 16) << 5:#x}", "exponent": exact["exponent"] - 5}
        yield with_value(certificate, ("gram", name), shifted)
    for name in TRANSCENDENTAL:
        if certificate["scalars"][name] is not None:
            yield with_value(certificate, ("scalars", name), "0x1.8p+0")


def faults(check, examples):
    """What `check` does wrong, and how many changes of each kind there were."""
    wrong, counts = [], {}
    for example, certificate in examples.items():
        code, fields = check(example, certificate)
        if code != 0 or "rejected" in fields.values():
            wrong.append(f"{example}: true, but not accepted")
        for name in SCALARS:
            expected = "not checked" if name in TRANSCENDENTAL and certificate["scalars"][name] else "accepted"
            if fields[name] != expected:
                wrong.append(f"{example}: {name} is {fields[name]}, not {expected}")
        for other in harmless(certificate):
            if check(example, other)[0] != 0:
                wrong.append(f"{example}: the same claims, written otherwise, are not accepted")
        for kind, field, changed in changes(certificate):
            counts[kind] = counts.get(kind, 0) + 1
            code, fields = check(example, changed)
            rejected = [name for name, result in fields.items() if result == "rejected"]
            if code != 5 or rejected != [field]:
                wrong.append(f"{example}: {field} changed ({kind}): exit code {code}, rejected {rejected}")
    return wrong, counts


def hostile(certificate):
    """(what, bytes of a certificate): each is to be refused."""
    text = json.dumps(certificate)
    for length in (0, 1, len(text) // 2, len(text) - 1):
        yield f"truncated to {length} bytes", text[:length].encode()
    yield "followed by more", (text + text).encode()
    yield "not UTF-8", b"\xff\xfe" + text.encode()
    yield "deeply nested", b"[" * 60000
    yield "an array", b"[1]"
    yield "a comment", text.replace('"version": 1', '"version": /**/1').encode()
    yield "a key without quotes", text.replace('"version": 1', 'version: 1').encode()
    yield "NaN", text.replace('"version": 1', '"version": NaN').encode()
    yield "large", b" " * 70000 + text.encode()
    yield "a key twice", text.replace('"version": 1', '"version": 1, "version": 1').encode()
    yield "an unknown key", text.replace('"version": 1', '"version": 1, "other": 1').encode()
    for path in [("format",), ("version",), ("dimension",), ("verdict",), ("gram",), ("gram", "gy"),
                 ("gram", "gg", "mantissa"), ("gram", "yy", "exponent"), ("scalars",), ("scalars", "sin")]:
        missing = copy.deepcopy(certificate)
        inner = missing
        for key in path[:-1]:
            inner = inner[key]
        del inner[path[-1]]
        yield f"without {'.'.join(path)}", json.dumps(missing).encode()
    for path, value in [(("format",), "natgrad-run"), (("version",), 2), (("version",), "1"), (("dimension",), 1.5),
                        (("dimension",), 10**30), (("verdict",), "yes"), (("verdict",), None),
                        (("gram", "gg", "mantissa"), "0x"), (("gram", "gg", "mantissa"), "12"),
                        (("gram", "gg", "mantissa"), "0x1_0"), (("gram", "gg", "mantissa"), "--0x1"),
                        (("gram", "gg", "mantissa"), "0x" + "f" * 5000), (("gram", "gg", "exponent"), 10**9),
                        (("gram", "gg", "exponent"), 10**30), (("gram", "gg", "exponent"), "1"),
                        (("gram", "gg", "exponent"), -2**62), (("gram", "gg", "exponent"), 8193),
                        (("scalars", "cos"), "nan"), (("scalars", "cos"), "0.5"), (("scalars", "cos"), 0.5),
                        (("scalars", "cos"), "0x1.00000000000008p+0"), (("scalars", "cos"), "0x1p-1075"),
                        (("scalars", "cos"), "0x1p+1024"), (("scalars", "cos"), "0x1p"), (("scalars", "cos"), ""),
                        (("scalars", "cos"), "0x1p99999999999999999999"), (("scalars", "cos"), "infinity")]:
        yield f"{'.'.join(path)} = {value!r:.30}", json.dumps(with_value(certificate, path, value)).encode()


HOSTILE_VECTORS = {
    "empty": b"", "words": b"one\ntwo\nthree\n", "nan": b"1\nnan\n2\n", "infinite": b"1\ninf\n2\n",
    "too large": b"1\n1e999\n2\n", "a table": b"1,2\n3,4\n", "a missing number": b"1,,2\n", "underscores": b"1_0\n2\n3\n",
    "too long": b"1\n2\n3\n4\n", "too short": b"1\n2\n", "HDF5": b"\x89HDF\r\n\x1a\n", "binary": b"\0\0\0\0\0\0\0\0",
    "Armadillo, cut": b"ARMA_MAT_BIN_FN008\n3 1\n" + b"\0" * 23, "Armadillo, no sizes": b"ARMA_MAT_BIN_FN008\n",
    "Armadillo, huge": b"ARMA_MAT_BIN_FN008\n1 999999999999999999999\n", "Armadillo, matrix": b"ARMA_MAT_BIN_FN008\n2 2\n",
    "Armadillo, product overflows": b"ARMA_MAT_BIN_FN008\n1 4611686018427387903\n",
    "Armadillo, bytes overflow": b"ARMA_MAT_BIN_FN008\n1 %d\n" % (2**60 + 3) + b"\0" * 24,
    "Armadillo, bytes of floats overflow": b"ARMA_MAT_BIN_FN004\n1 %d\n" % (2**61 + 3) + b"\0" * 12,
    "Armadillo, no numbers": b"ARMA_MAT_BIN_FN008\n1 0\n", "a form feed": b"1\n\f2\n3\n", "CR alone": b"1\r2\r3\r",
    "two CR": b"1\r\r\n2\n3\n",
    "Armadillo, integers": b"ARMA_MAT_BIN_IS004\n3 1\n" + b"\0" * 12,
    "Armadillo, NaN": b"ARMA_MAT_BIN_FN004\n3 1\n" + b"\0" * 8 + b"\0\0\xc0\x7f",
}


def refusals(program, example, certificate):
    wrong = []
    g, y = vectors(example)
    file = program.folder / "hostile"
    trials = [(f"certificate {what}", (g, y, file), content) for what, content in hostile(certificate)]
    trials += [(f"vector, {what}", (g, file, EXAMPLES / f"{example}.json"), content)
               for what, content in HOSTILE_VECTORS.items()]
    for what, arguments, content in trials:
        file.write_bytes(content)
        code, _, message = program.files(*arguments)
        if code != 3 or str(file) not in message:
            wrong.append(f"{what}: exit code {code}, {message.strip()!r}")
    for options in ([], ["--json"]):
        with open("/dev/full", "w") as full:
            done = subprocess.run([program.path, *options, g, y, EXAMPLES / f"{example}.json"], stdout=full,
                                  stderr=subprocess.PIPE, check=False)
        if done.returncode != 70 or b"exception" in done.stderr:
            wrong.append(f"standard output full: exit code {done.returncode}, {done.stderr!r}")
    if program.files(g, y, program.folder / "no such file")[0] != 3:
        wrong.append("a file that does not exist: not refused")
    for arguments in ([], [g], [g, y], [g, y, g, y], ["--unknown", g, y, file]):
        done = subprocess.run([program.path, *arguments], capture_output=True, check=False)
        if done.returncode != 2:
            wrong.append(f"{len(arguments)} arguments: exit code {done.returncode}")
    return wrong, len(trials)


def same_vectors(program, example, certificate):
    """The vectors as a row, in hexadecimal, with Windows' ends of lines, as Armadillo binary: the same answer."""
    wrong = []
    numbers = [[float(line) for line in file.read_text().split()] for file in vectors(example)]
    header = f"ARMA_MAT_BIN_FN008\n{len(numbers[0])} 1\n".encode()
    forms = {
        "a row": lambda v: ",".join(map(repr, v)).encode(),
        "hexadecimal": lambda v: "\n".join(x.hex() for x in v).encode(),
        "CR LF and a byte order mark": lambda v: b"\xef\xbb\xbf" + "\r\n".join(map(repr, v)).encode(),
        "Armadillo": lambda v: header + struct.pack(f"<{len(v)}d", *v),
    }
    for what, form in forms.items():
        files = [program.folder / "g", program.folder / "y"]
        for file, v in zip(files, numbers):
            file.write_bytes(form(v))
        if program.files(*files, EXAMPLES / f"{example}.json")[0] != 0:
            wrong.append(f"{example}, {what}: not accepted")
    return wrong


def main(arguments):
    if len(arguments) not in (1, 2):
        print(__doc__, file=sys.stderr)
        return 2
    examples = {file.stem: json.loads(file.read_text()) for file in sorted(EXAMPLES.glob("*.json"))}
    with tempfile.TemporaryDirectory() as folder:
        program = Program(arguments[0], folder)
        wrong, counts = faults(program, examples)
        wrong += [f"only {counts[kind]} changes of one {kind}" for kind in ("ulp", "bit") if counts[kind] < LEAST]
        refused, trials = refusals(program, "small", examples["small"])
        wrong += refused
        for example in examples:
            wrong += same_vectors(program, example, examples[example])
        for path in arguments[1:]:
            bits = Program(path, folder)
            for example in examples:
                files = (*vectors(example), EXAMPLES / f"{example}.json")
                if bits.files(*files)[:2] != program.files(*files)[:2]:
                    wrong.append(f"{example}: {path} says otherwise")
        for result in ("accepted", "rejected"):
            if not faults(always(result), examples)[0]:
                wrong.append(f"a checker by which everything is {result} passed this test")
    for line in wrong:
        print(f"selftest.py: {line}", file=sys.stderr)
    changed = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
    print(f"natgrad-check: {len(examples)} true certificates accepted; rejected, and only where changed: {changed}; "
          f"{trials} hostile files refused" if not wrong else f"natgrad-check: {len(wrong)} faults")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
