#!/usr/bin/python3
# natgrad: the command line as a script sees it: results, exit codes, messages, files. Prints TAP.
# Usage: cli_test.py PATH/TO/natgrad PATH/TO/natgrad-verify [PART-OF-A-CASE-NAME]
"""References are fractions, integers and values known in closed form; none comes from the library."""

import json
import math
import os
import pathlib
import pty
import random
import resource
import shutil
import signal
import stat
import struct
import subprocess
import sys
import tempfile
import time
from fractions import Fraction

try:
    import h5py
    import numpy
except ImportError:
    h5py = None

BINARY, VERIFY = (os.path.abspath(path) for path in sys.argv[1:3])
ONLY = sys.argv[3] if len(sys.argv) > 3 else ""
VERSION = "0.1.0"
EXAMPLES = pathlib.Path(__file__).resolve().parent.parent / "proofs/checker/examples"
CASES = []


class Skip(Exception):
    pass


def case(function):
    CASES.append(function)
    return function


def needs_own_crashes():
    if b"__asan_init" in open(BINARY, "rb").read():
        raise Skip("a sanitizer catches crashes before natgrad does")


def needs_h5py():
    if h5py is None:
        raise Skip("needs h5py")


# ------------------------------------------------------------------------- running

class Result:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def json(self):
        return json.loads(self.out)


def environment(**extra):
    env = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "OMP_NUM_THREADS")}
    env.update(LC_ALL="C", TERM="xterm")
    env.update(extra)
    return env


def run(*args, stdin=b"", env=None, **options):
    if isinstance(stdin, bytes):
        options["input"] = stdin
    else:
        options["stdin"] = stdin
    options.setdefault("stdout", subprocess.PIPE)
    done = subprocess.run([BINARY, *args], stderr=subprocess.PIPE, env=env or environment(), timeout=300, **options)
    return Result(done.returncode, (done.stdout or b"").decode(), done.stderr.decode(errors="replace"))


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def equal(got, want, what=""):
    check(got == want, f"{what}: got {got!r}, want {want!r}")


def done(*args, code=0, quiet=True, **options):
    """Runs and wants `code`; by default nothing on standard error."""
    result = run(*args, **options)
    equal(result.code, code, f"exit code of {args} ({result.err.strip()})")
    if quiet:
        equal(result.err, "", f"standard error of {args}")
    return result


def refused(code, needles, *args, **options):
    """Wants the exit code, all needles on standard error, and nothing on standard output."""
    before = listing()
    result = run(*args, **options)
    equal(result.code, code, f"exit code of {args} ({result.err.strip()})")
    equal(result.out, "", f"standard output of {args}")
    check(result.err.startswith("natgrad: "), f"{args}: message {result.err!r}")
    for needle in [needles] if isinstance(needles, str) else needles:
        check(needle in result.err, f"{args}: {needle!r} is not in {result.err!r}")
    equal(listing(), before, f"files left by {args}")
    return result


def listing():
    return sorted((name, os.lstat(name).st_size) for name in os.listdir("."))


# ------------------------------------------------------------------------- files

def write(name, content):
    with open(name, "wb") as file:
        file.write(content if isinstance(content, bytes) else content.encode())
    return name


def csv(name, values):
    return write(name, "".join(repr(float(x)) + "\n" for x in values))


def armadillo(name, values, shape=None, kind="FN008", code="d"):
    rows, columns = shape or (len(values), 1)
    return write(name, f"ARMA_MAT_BIN_{kind}\n{rows} {columns}\n".encode() + struct.pack(f"<{len(values)}{code}", *values))


def bits(x):
    return struct.unpack("<q", struct.pack("<d", x))[0]


def same_bits(got, want, what=""):
    equal([bits(x) for x in got], [bits(x) for x in want], what)


def hostile(rng):
    """A finite double of any exponent and either sign."""
    pick = rng.random()
    if pick < 0.05:
        return rng.choice([5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, -5e-324, 1.0])
    if pick < 0.1:
        return 0.0
    x = struct.unpack("<d", struct.pack("<Q", rng.getrandbits(64)))[0]
    return x if x - x == 0 else 1.5


# ------------------------------------------------------------------------- references

def dot(a, b):
    return sum((Fraction(x) * Fraction(z) for x, z in zip(a, b)), Fraction(0))


def to_double(x):
    """The nearest double of a fraction; None where that is not finite. Python's quotient of integers is
    correctly rounded, subnormals included."""
    try:
        return x.numerator / x.denominator
    except OverflowError:
        return None


def nearest_root(x, square, what):
    """x >= 0 is a double nearest to the square root of a fraction: the squares of the midpoints to its
    neighbours lie on either side."""
    around = [Fraction(struct.unpack("<d", struct.pack("<q", bits(x) + d))[0]) for d in (-1, 1) if bits(x) + d >= 0]
    low = (around[0] + Fraction(x)) / 2 if len(around) == 2 else Fraction(0)
    high = (around[-1] + Fraction(x)) / 2
    check(low ** 2 <= square <= high ** 2, f"{what}: {x!r} is not nearest to the root of {square}")


KEYS = ["version", "dimension", "verdict", "gram", "cos", "sin", "angle", "alpha", "lambda_min", "lambda_max",
        "condition", "sqrt_condition", "log_condition", "trace", "log_det"]
OF_METRIC = KEYS[7:]
ENCLOSED = ["gg", "gy", "yy"] + KEYS[4:]


def keys(json_object, want, what=""):
    equal(list(json_object), want, f"keys {what}")


# ------------------------------------------------------------------------- metric

@case
def metric_known_values():
    """g = (5, 0), y = (3, 4): everything in closed form."""
    result = done("metric", csv("g", [5, 0]), csv("y", [3, 4]), "--json").json()
    keys(result, KEYS)
    keys(result["gram"], ["gg", "gy", "yy"])
    equal(result, {
        "version": VERSION, "dimension": 2, "verdict": "effective", "gram": {"gg": 25.0, "gy": 15.0, "yy": 25.0},
        "cos": 0.6, "sin": 0.8, "angle": 0.92729521800161223242851246292242880405707410857,  # atan(4/3)
        "alpha": 5 / 3, "lambda_min": 1 / 3, "lambda_max": 3.0, "condition": 9.0, "sqrt_condition": 3.0,
        "log_condition": 2.19722457733621938279049047384505140930949,  # ln 9
        "trace": 10 / 3, "log_det": 0.0})


@case
def metric_alpha():
    """M(2) for g = (1, 0), y = (1, 0): eigenvalues 1 and 2."""
    result = done("metric", csv("g", [1, 0]), csv("y", [1, 0]), "--alpha", "2", "--json").json()
    keys(result, KEYS)
    equal([result[k] for k in OF_METRIC],
          [2.0, 1.0, 2.0, 2.0, 1.4142135623730950488016887242096981, 0.69314718055994530941723212145817657, 3.0,
           0.69314718055994530941723212145817657])
    equal(done("metric", "g", "y", "--alpha", "0x1p1", "--json").json(), result)
    equal(done("metric", "--json", "--alpha=2", "g", "y").json(), result)


@case
def metric_random_pairs():
    """Gram, cosine, sine, alpha and trace of hostile pairs against fractions."""
    rng = random.Random(2409)
    for trial in range(40):
        d = rng.choice([1, 2, 3, 17])
        g, y = [hostile(rng) for _ in range(d)], [hostile(rng) for _ in range(d)]
        if trial % 3 == 0:  # comparable magnitudes: a true angle
            g, y = [rng.uniform(-1, 1) for _ in range(d)], [rng.uniform(-1, 1) for _ in range(d)]
        gg, p, yy = dot(g, g), dot(g, y), dot(y, y)
        if not gg or not yy:
            continue
        code = 0 if p > 0 else 4
        result = done("metric", csv("g", g), csv("y", y), "--json", "--exact", code=code, quiet=p > 0).json()
        what = f"g = {g}, y = {y}"
        equal(result["verdict"], "effective" if p > 0 else "not_effective", what)
        equal(result["gram"], {"gg": to_double(gg), "gy": to_double(p), "yy": to_double(yy)}, what)
        exact = result["exact_gram"]
        equal(exact["unit"], "2^-2148")
        unit = Fraction(1, 2 ** 2148)
        equal([int(exact[k], 16) * unit for k in ("gg", "gy", "yy")], [gg, p, yy], what)
        nearest_root(abs(result["cos"]), p * p / (gg * yy), what)
        nearest_root(result["sin"], 1 - p * p / (gg * yy), what)
        check(Fraction(result["cos"]) * p >= 0, what)
        if p > 0:
            equal(result["alpha"], to_double(yy / p), what)
            equal(result["trace"], to_double(d * yy / p), what)


@case
def metric_not_effective():
    for y, word in ([-1, 1], "y·g < 0"), ([0, 3], "y·g = 0"):
        result = done("metric", csv("g", [2, 0]), csv("y", y), "--json", code=4, quiet=False)
        check(word in result.err and "not effective" in result.err, result.err)
        result = result.json()
        keys(result, KEYS)
        equal(result["verdict"], "not_effective")
        equal(result["gram"], {"gg": 4.0, "gy": 2.0 * y[0], "yy": float(y[0] ** 2 + y[1] ** 2)})
        check(None not in (result["cos"], result["sin"], result["angle"]), "angle")
        equal([result[k] for k in OF_METRIC], [None] * 8)
        text = done("metric", "g", "y", code=4).out
        check(text.startswith("not effective") and word in text, text)
    equal((result["cos"], result["sin"], result["angle"]), (0.0, 1.0, 1.5707963267948966))


@case
def metric_one_zero():
    for g, y, word in ([0, 0], [1, 2], "g = 0"), ([1, 2], [0, -0.0], "y = 0"):
        result = done("metric", csv("g", g), csv("y", y), "--json", code=4, quiet=False)
        check(word in result.err, result.err)
        result = result.json()
        keys(result, KEYS)
        equal(result["verdict"], "not_effective")
        equal([result[k] for k in KEYS[4:]], [None] * 11)


@case
def metric_stationary():
    result = done("metric", csv("g", [0, 0]), csv("y", [-0.0, 0]), "--json", quiet=False)
    check("every metric works" in result.err, result.err)
    result = result.json()
    keys(result, KEYS[:3] + ["reason"] + KEYS[3:])
    equal((result["verdict"], result["reason"]), ("undetermined", "stationary"))
    equal(result["gram"], {"gg": 0.0, "gy": 0.0, "yy": 0.0})
    equal([result[k] for k in KEYS[4:]], [None] * 11)
    check("every metric works" in done("metric", "g", "y").out, "text")


@case
def metric_radius_inexact():
    """cos = 0.01: a radius of 0.1 on unit vectors leaves the sign open."""
    csv("g", [1, 0]), csv("y", [0.01, 1])
    result = done("metric", "g", "y", "--radius", "0.1", "--json", quiet=False)
    check("open" in result.err, result.err)
    result = result.json()
    keys(result, KEYS[:3] + ["reason"] + KEYS[3:] + ["enclosure"])
    equal((result["verdict"], result["reason"]), ("undetermined", "inexact"))
    keys(result["enclosure"], ENCLOSED)
    exact = done("metric", "g", "y", "--json").json()
    for key in ("gram", "cos", "sin", "angle"):
        equal(result[key], exact[key], key)
    equal([result[k] for k in OF_METRIC], [None] * 8)
    low, high = result["enclosure"]["gy"]
    check(low < 0 < 0.01 < high, "gy")
    for key in ("cos", "sin", "angle"):
        low, high = result["enclosure"][key]
        check(low <= exact[key] <= high, key)
    check("open" in done("metric", "g", "y", "--radius", "0.1").out, "text")


@case
def metric_radius_effective():
    """Every scalar's enclosure holds the centre's value, and that of a pair at the radius."""
    csv("g", [3, 1, 0]), csv("y", [2, 4, 1])
    result = done("metric", "g", "y", "--radius", "0.125", "--json").json()
    keys(result, KEYS + ["enclosure"])
    keys(result["enclosure"], ENCLOSED)
    equal(result["verdict"], "effective")
    for g, y in ([3, 1, 0], [2, 4, 1]), ([3.125, 1, 0], [2, 3.875, 1]), ([3, 1, 0.125], [2, 4, 0.875]):
        other = done("metric", csv("g1", g), csv("y1", y), "--json").json()
        other.update(other["gram"])
        for key in ENCLOSED:
            low, high = result["enclosure"][key]
            check(low <= other[key] <= high, f"{key} of {g}, {y}: {other[key]} outside {low}, {high}")
    zero = done("metric", "g", "y", "--radius", "0", "--json").json()
    for key in ENCLOSED:
        low, high = zero["enclosure"][key]
        check(low <= zero["gram"].get(key, zero.get(key)) <= high, key)


@case
def metric_radius_not_effective():
    result = done("metric", csv("g", [1, 0]), csv("y", [-1, 0.5]), "--radius", "0.01", "--json", code=4,
                  quiet=False).json()
    keys(result, KEYS + ["enclosure"])
    equal(result["verdict"], "not_effective")
    for key in OF_METRIC:
        equal(result["enclosure"][key], None, key)
    check(result["enclosure"]["gy"][1] < 0, "gy")


@case
def metric_overflow_is_null():
    """cos = 1e-200: the condition number is above every double, its logarithm is not."""
    result = done("metric", csv("g", [1, 0]), csv("y", [1e-200, 1]), "--json").json()
    equal(result["condition"], None)
    check(result["sqrt_condition"] == 2e200 and 922 < result["log_condition"] < 923, result)
    text = done("metric", "g", "y").out
    check("inf" in text, text)


@case
def metric_text():
    text = done("metric", csv("g", [5, 0]), csv("y", [3, 4]), "--exact").out
    lines = text.splitlines()
    check(lines[0].startswith("effective: y·g > 0, so g = −M⁻¹∇L for the metric M(α)"), lines[0])
    words = {line.split()[0]: line.split()[1] for line in lines[2:17]}
    equal(words["angle"], "0.9272952180016122")
    equal(words["lambda_min"], "0.3333333333333333")
    for key in KEYS[4:] + ["gg", "gy", "yy", "dimension"]:
        check(key in words, key)
    columns = {line.index(line.split()[1]) for line in lines[2:17]}
    equal(len(columns), 1, "values begin in one column")
    check(f"gg  0x19{'0' * 537}\n" in text, "25 in units of 2^-2148")
    check("\033" not in text, "colour in a pipe")
    narrow = done("metric", "g", "y", "--radius", "0.5").out
    check("[" in narrow and "radius 0.5" in narrow, narrow)


@case
def colour_only_on_a_terminal():
    csv("g", [5, 0]), csv("y", [3, 4])

    def on_terminal(**extra):
        env = environment(**extra)
        try:
            pid, fd = pty.fork()
        except OSError as error:
            raise Skip(f"no pseudo-terminal: {error}") from error
        if pid == 0:
            os.execve(BINARY, [BINARY, "metric", "g", "y"], env)
        out = b""
        while True:
            try:
                block = os.read(fd, 4096)
            except OSError:
                break
            if not block:
                break
            out += block
        os.close(fd)
        equal(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)
        check(b"effective" in out, out)
        return b"\033" in out

    equal(on_terminal(), True, "terminal")
    equal(on_terminal(NO_COLOR="1"), False, "NO_COLOR")
    equal(on_terminal(NO_COLOR=""), True, "empty NO_COLOR")
    equal(on_terminal(TERM="dumb"), False, "dumb terminal")


# ------------------------------------------------------------------------- metric --optimum

OPTIMA = ("condition", "omega", "bfgs", "determinant", "dfp", "psb", "ray", "identity")


def optimum(name, *args, g="og.csv", y="oy.csv", code=0, **options):
    return done("metric", g, y, "--optimum", name, *args, "--json", code=code, quiet=code == 0, **options).json()


def close(got, want, what=""):
    check(got is not None and abs(got - want) <= 1e-13 * max(1.0, abs(want)), f"{what}: got {got!r}, want {want!r}")


@case
def optimum_known_values():
    # gg = 2, p = 1, yy = 1, D = 3: cos = sin = 1/sqrt 2, a* = 1.
    csv("og.csv", [1, 1, 0])
    csv("oy.csv", [1, 0, 0])
    root = 2 ** 0.5
    least = optimum("condition")
    close(least["objective"], (1 + root / 2) / (1 - root / 2), "kappa*")
    equal(least["objective"], least["condition"], "objective of condition")
    equal([least["optimum"], least["attained"], least["alpha"]], ["condition", True, 1], "condition")
    close(optimum("omega")["objective"], 2 ** (1 / 3), "omega*")
    # BFGS(I) = y y^T + I - g g^T/2: trace 1 + 2, determinant p/gg = 1/2.
    bfgs = optimum("bfgs")
    equal([bfgs["trace"], bfgs["alpha"]], [3, 1], "bfgs")
    close(bfgs["objective"], 3 + math.log(2), "tr M - log det M")
    close(optimum("bfgs", "--alpha", "2")["objective"], 5 - 2 * math.log(4 / 2), "tr M - 2 log det M")
    # The largest determinant of trace 5: a = (5 - 1)/2.
    equal([optimum("determinant", "--trace", "5")[key] for key in ("alpha", "trace")], [2, 5], "determinant")
    close(optimum("determinant", "--trace", "5")["log_det"], math.log(2), "log det of trace 5")
    # DFP(I) = inverse of BFGS(I) of (y, g): trace of M^-1 = gg/p + 2 = 4, log det = ln(p/yy) = 0.
    dfp = optimum("dfp")
    close(dfp["objective"], 4, "tr M^-1 + log det M")
    close(dfp["log_det"], 0, "log det of DFP")
    # |w|^2 = yy - p^2/gg = 1/2 < p: PSB is a metric, ||M - I||_F^2 = (p/gg - 1)^2 + 2|w|^2/gg = 1/4 + 1/2.
    psb = optimum("psb")
    close(psb["objective"], 0.75 ** 0.5, "||M - I||_F")
    equal(psb["attained"], True, "psb")
    # w = y - g/2, |w|^2 = 1/2: PSB's block has the a of 1 - |w|^2/p, DFP's that of gg yy/p^2.
    equal([psb["alpha"], psb["block_alpha"], psb["complement"]], [None, 0.5, 1], "psb")
    equal([dfp["block_alpha"], dfp["complement"]], [2, 1], "dfp")
    close(optimum("ray")["objective"], root * math.log(1 + root), "distance to the ray")
    equal(optimum("ray")["condition"], least["condition"], "the ray's optimum has the least condition number")
    identity = optimum("identity")
    check(optimum("ray")["objective"] <= identity["objective"], "the ray is closer than I, one of its points")


@case
def optimum_that_is_not_attained():
    # |w|^2 = 4 >= p = 1.
    csv("og.csv", [1, 0, 0])
    csv("oy.csv", [1, 2, 0])
    psb = optimum("psb", code=4)
    equal([psb["verdict"], psb["attained"], psb["lambda_min"], psb["condition"]], ["effective", False, None, None])
    check(psb["objective"] > 0, "the infimum is given")
    text = done("metric", "og.csv", "oy.csv", "--optimum", "psb", code=4).out
    check("not attained" in text, text)
    equal(psb["existence"], "not_attained")
    # a* = 5: no metric has the trace 5, and there is no infimum to speak of.
    none = optimum("determinant", "--trace", "5", code=4)
    equal([none["existence"], none["attained"], none["objective"]], ["infeasible", False, None])
    text = done("metric", "og.csv", "oy.csv", "--optimum", "determinant", "--trace", "5", code=4).out
    check("has the trace 5: it must be greater than" in text and "attained" not in text, text)


@case
def optimum_of_a_pair_without_metric():
    csv("og.csv", [1, 0])
    csv("oy.csv", [-1, 0])
    for name in OPTIMA:
        extra = ("--trace", "9") if name == "determinant" else ()
        result = optimum(name, *extra, code=4)
        equal([result["verdict"], result["objective"], result["attained"]], ["not_effective", None, False], name)


@case
def optimum_agrees_with_the_family():
    rng = random.Random(7)
    for _ in range(10):
        g, y = [rng.uniform(-1, 1) for _ in range(5)], [rng.uniform(-1, 1) for _ in range(5)]
        if dot(g, y) <= 0:
            y = [-b for b in y]
        csv("og.csv", g)
        csv("oy.csv", y)
        alpha = repr(rng.uniform(0.1, 3))
        for name, extra, plain in (("condition", (), ()), ("omega", (), ()),
                                   ("bfgs", ("--alpha", alpha), ("--alpha", alpha))):
            family = done("metric", "og.csv", "oy.csv", *plain, "--json").json()
            found = optimum(name, *extra)
            for key in family:
                equal(found[key], family[key], f"{name} {key}")


@case
def optimum_refused():
    csv("og.csv", [1, 1])
    csv("oy.csv", [1, 0])
    refused(2, ["--optimum", "'dpf'", "did you mean dfp?", "psb"], "metric", "og.csv", "oy.csv", "--optimum", "dpf")
    refused(2, ["--trace", "needs"], "metric", "og.csv", "oy.csv", "--optimum", "determinant")
    refused(2, ["--trace", "'-1'"], "metric", "og.csv", "oy.csv", "--optimum", "determinant", "--trace", "-1")
    refused(2, ["--trace"], "metric", "og.csv", "oy.csv", "--trace", "3")
    refused(2, ["--alpha", "dfp"], "metric", "og.csv", "oy.csv", "--optimum", "dfp", "--alpha", "3")
    refused(2, ["--radius", "--optimum"], "metric", "og.csv", "oy.csv", "--optimum", "dfp", "--radius", "1")
    help_text = done("metric", "--help").out
    for name in OPTIMA:
        check(name in help_text, name)


# ------------------------------------------------------------------------- check

def matrix_csv(name, rows):
    write(name, "".join(",".join(map(repr, row)) + "\n" for row in rows))


def family(g, y, a):
    """M(a), in fractions."""
    g, y, a = [Fraction(x) for x in g], [Fraction(x) for x in y], Fraction(a)
    gg, p = sum(x * x for x in g), sum(x * z for x, z in zip(g, y))
    return [[y[i] * y[j] / p + a * ((i == j) - g[i] * g[j] / gg) for j in range(len(g))] for i in range(len(g))]


def inside(pair, value, what=""):
    check(pair[0] <= value <= pair[1], f"{what}: {value} is not in {pair}")


@case
def check_of_a_metric():
    # Every entry of M(a) is a double here.
    csv("cg.csv", [1, 1, 0, 0])
    csv("cy.csv", [2, 1, 1, 0])
    m = family([1, 1, 0, 0], [2, 1, 1, 0], 3)
    p = 3
    m = [[x * p * 2 for x in row] for row in m]  # 6 M(a) maps g to 6 y
    csv("cy.csv", [12, 6, 6, 0])
    matrix_csv("cm.csv", [[float(x) for x in row] for row in m])
    result = done("check", "cm.csv", "cg.csv", "cy.csv", "--json").json()
    equal([result["answer"], result["reason"], result["dimension"]], ["yes", "metric", 4])
    equal([result["symmetric"], result["maps_exactly"], result["residual"]], [True, True, [0, 0]])
    equal(result["definiteness"]["answer"], "yes")
    inside(result["smallest_eigenvalue"], result["definiteness"]["smallest_eigenvalue"][0])
    # kappa of 6 M(3) is that of M(3), whose eigenvalues are roots of x^2 - (3 + a*) x + 3 p/gg = x^2 - 5x + 4.5, and 3.
    low, high = (5 - 7 ** 0.5) / 2, (5 + 7 ** 0.5) / 2
    check(abs(result["condition"][0] - high / low) < 1e-9 and abs(result["condition"][1] - high / low) < 1e-9, result)
    least = done("metric", "cg.csv", "cy.csv", "--json").json()["condition"]
    equal(result["least_condition"], least, "least_condition")
    check(result["excess"][0] > 0, "M(3) is not optimal")
    equal(result["minimiser"]["answer"], "no")


@case
def check_that_refuses_matrices():
    csv("cg.csv", [1, 0])
    csv("cy.csv", [2, 1])
    matrix_csv("cm.csv", [[2.0, 1.0], [1.5, 3.0]])
    result = done("check", "cm.csv", "cg.csv", "cy.csv", "--json", code=5, quiet=False).json()
    equal([result["answer"], result["reason"], result["asymmetric_at"]], ["no", "not_symmetric", [1, 0]])
    matrix_csv("cm.csv", [[2.0, 1.5], [1.5, 3.0]])
    result = done("check", "cm.csv", "cg.csv", "cy.csv", "--json", code=5, quiet=False).json()
    equal([result["reason"], result["wrong_element"], result["maps_exactly"]], ["wrong_image", 1, False])
    inside(result["residual"], 0.5, "residual")
    matrix_csv("cm.csv", [[2.0, 1.0], [1.0, 0.5]])  # singular: (1, -2) is in the kernel
    result = done("check", "cm.csv", "cg.csv", "cy.csv", "--json", code=5, quiet=False).json()
    equal([result["reason"], result["definiteness"]["answer"]], ["not_definite", "no"])
    x = [Fraction(v) for v in result["definiteness"]["witness"]]
    check(any(x) and 2 * x[0] ** 2 + 2 * x[0] * x[1] + x[1] ** 2 / 2 <= 0, "the witness is one")
    check("not positive definite" in done("check", "cm.csv", "cg.csv", "cy.csv", code=5).out, "in words")
    csv("cy.csv", [-2, 1])
    matrix_csv("cm.csv", [[-2.0, 1.0], [1.0, 3.0]])
    result = done("check", "cm.csv", "cg.csv", "cy.csv", "--json", code=4, quiet=False).json()
    equal([result["verdict"], result["answer"], result["reason"]], ["not_effective", "no", "not_definite"])


@case
def check_tolerance():
    rng = random.Random(3)
    g, y = [rng.uniform(-1, 1) for _ in range(6)], [rng.uniform(0, 1) for _ in range(6)]
    if dot(g, y) <= 0:
        y = [-b for b in y]
    csv("cg.csv", g)
    csv("cy.csv", y)
    star = Fraction(dot(y, y)) / Fraction(dot(g, y))
    matrix_csv("cm.csv", [[float(x) for x in row] for row in family(g, y, star)])
    exact = done("check", "cm.csv", "cg.csv", "cy.csv", "--json", code=5, quiet=False).json()
    equal([exact["reason"], exact["maps_exactly"]], ["wrong_image", False], "rounded entries do not map g to y")
    check(0 < exact["backward_error"][1] < 1e-15, exact["backward_error"])
    near = done("check", "cm.csv", "cg.csv", "cy.csv", "--json", "--tolerance", "1e-15").json()
    equal([near["answer"], near["reason"]], ["yes", "metric"])
    check(abs(near["excess"][0]) < 1e-9 and near["excess"][1] < 1e-9 * near["least_condition"], near["excess"])
    refused(2, ["--tolerance", "'-1'"], "check", "cm.csv", "cg.csv", "cy.csv", "--tolerance", "-1")
    # A tolerance does not give metrics to a pair that has none.
    csv("cg.csv", [1, 0])
    csv("cy.csv", [-1e-3, 0])
    matrix_csv("cm.csv", [[1, 0], [0, 1]])
    none = done("check", "cm.csv", "cg.csv", "cy.csv", "--json", "--tolerance", "1", code=4, quiet=False).json()
    equal([none["verdict"], none["answer"], none["reason"]], ["not_effective", "no", "no_metric"])


@case
def check_coordinates():
    # M = y y^T/p + B with y = (2, 1), p = 2: B = [[0, 0], [0, M_11 - 1/2]] and the pivot of g is 0.
    csv("cg.csv", [1, 0])
    csv("cy.csv", [2, 1])
    matrix_csv("cm.csv", [[2.0, 1.0], [1.0, 3.0]])
    result = done("check", "cm.csv", "cg.csv", "cy.csv", "--json", "--coordinates", "s.csv").json()
    equal(result["pivot"], 0)
    with open("s.csv") as file:
        equal(file.read(), "2.5\n", "coordinates")
    done("check", "cm.csv", "cg.csv", "cy.csv", "--coordinates", "s.bin")
    with open("s.bin", "rb") as file:
        equal(file.read(), b"ARMA_MAT_BIN_FN008\n1 1\n" + struct.pack("<d", 2.5))
    # No input is overwritten, by whatever name.
    os.symlink("cm.csv", "alias.csv")
    for output in "cm.csv", "./cg.csv", "alias.csv", os.path.abspath("cy.csv"):
        refused(2, ["--coordinates", "would be overwritten"],
                "check", "cm.csv", "cg.csv", "cy.csv", "--coordinates", output)
    refused(2, ["--coordinates", "name a file"], "check", "cm.csv", "cg.csv", "cy.csv", "--coordinates", "-")
    os.remove("alias.csv")


@case
def check_reads_matrices():
    csv("cg.csv", [1, 0])
    csv("cy.csv", [2, 1])
    answer = {"answer": "yes", "reason": "metric"}
    forms = {"spaces.csv": " 2 , 1\r\n\r\n1,3\r\n", "mark.csv": "\ufeff2,1\n1,3", "hex.csv": "0x1p1,1\n1,0x1.8p+1\n"}
    for name, text in forms.items():
        write(name, text)
        result = done("check", name, "cg.csv", "cy.csv", "--json").json()
        equal({key: result[key] for key in answer}, answer, name)
    armadillo("m.bin", [2, 1, 1, 3], (2, 2))
    equal(done("check", "m.bin", "cg.csv", "cy.csv", "--json").json()["answer"], "yes")
    # Column by column: this is not symmetric, and M(1, 0) comes second.
    armadillo("m.bin", [2, 7, 1, 3], (2, 2))
    equal(done("check", "m.bin", "cg.csv", "cy.csv", "--json", code=5, quiet=False).json()["wrong_element"], 1)
    equal(done("check", "-", "cg.csv", "cy.csv", "--json", stdin=b"2,1\n1,3\n").json()["answer"], "yes")
    refused(3, ["ragged.csv", "line 2", "2 numbers", "has 3"], "check", write("ragged.csv", "1,2\n3,4,5\n"), "cg.csv", "cy.csv")
    refused(3, ["ragged.csv", "line 2", "has 1"], "check", write("ragged.csv", "1,2\n3\n"), "cg.csv", "cy.csv")
    refused(3, ["wide.csv", "2 x 3", "2 x 2"], "check", write("wide.csv", "1,2,3\n4,5,6\n"), "cg.csv", "cy.csv")
    refused(3, ["nan.csv", "nan"], "check", write("nan.csv", "1,2\n2,nan\n"), "cg.csv", "cy.csv")
    refused(3, ["holds no numbers"], "check", write("none.csv", "\n"), "cg.csv", "cy.csv")
    refused(3, ["there.csv"], "check", "there.csv", "cg.csv", "cy.csv")
    refused(2, ["only one"], "check", "-", "-", "cy.csv")
    armadillo("short.bin", [2, 1, 1], (2, 2))
    refused(3, ["short.bin", "4 elements", "holds 3"], "check", "short.bin", "cg.csv", "cy.csv")
    write("huge.bin", b"ARMA_MAT_BIN_FN008\n4294967296 4294967297\n1234567890123456")
    refused(3, ["huge.bin"], "check", "huge.bin", "cg.csv", "cy.csv")


@case
def check_reads_hdf5_matrices():
    needs_h5py()
    csv("cg.csv", [1, 0])
    csv("cy.csv", [2, 1])
    with h5py.File("m.h5", "w") as file:
        file["m"] = numpy.array([[2.0, 1.0], [1.0, 3.0]])
        file["deep"] = numpy.ones((2, 2, 2))
        file["wide"] = numpy.ones((2, 3), dtype="float32")
    equal(done("check", "m.h5:/m", "cg.csv", "cy.csv", "--json").json()["answer"], "yes")
    refused(3, ["m.h5:/deep", "3 dimensions"], "check", "m.h5:/deep", "cg.csv", "cy.csv")
    refused(3, ["m.h5:/wide", "2 x 3"], "check", "m.h5:/wide", "cg.csv", "cy.csv")
    refused(3, ["m.h5:/none"], "check", "m.h5:/none", "cg.csv", "cy.csv")


# ------------------------------------------------------------------------- vector files

@case
def csv_forms_that_are_the_same():
    want = done("metric", csv("g", [1.5, -2, 0.1]), csv("y", [1, -3, 4]), "--json").out
    for text in ("1.5\n-2\n0.1\n", "1.5\n-2\n0.1", "1.5,-2,0.1\n", " 1.5 ,\t-2, +0.1", "\n\n1.5\n \t\n-2\n0.1\n\n",
                 "1.5\r\n-2\r\n0.1\r\n", "\ufeff1.5\n-2\n0.1\n", "0x1.8p0\n-0X2P0\n1e-1\n", "15e-1\n-2.\n.1\n",
                 "1.50000000000000000000000000000\n-2\n0.1000000000000000055511151231257827021181583404541015625"):
        equal(done("metric", write("g", text), "y", "--json").out, want, repr(text))


@case
def csv_is_correctly_rounded():
    """Halfway cases of decimal to double, against integers."""
    texts = ["9007199254740993", "9007199254740992.99999999999999999999", "9007199254740993.0000000000000000000001",
             "2.4703282292062328e-324", "2.225073858507201136057409796709131975934819546351645648e-308",
             "1.7976931348623158079e308", "0x1.00000000000008p0", "0x1.000000000000081p0", "1e23", "8.5e-5", "7e-324",
             "0." + "0" * 400 + "1" + "0" * 400, "1" + "0" * 308, "0x0.8p-1073", "0x1.fffffffffffff7p1023"]
    write("g", "\n".join(texts))
    csv("y", [1] * len(texts))
    result = done("metric", "g", "y", "--json", "--exact", quiet=False).json()
    values = []
    for text in texts:
        if text.startswith("0x"):
            mantissa, exponent = text[2:].split("p")
            whole, _, part = mantissa.partition(".")
            x = Fraction(int(whole + part, 16), 16 ** len(part)) * Fraction(2) ** int(exponent)
        else:
            x = Fraction(text)
        values.append(to_double(x))
    equal(int(result["exact_gram"]["gy"], 16) * Fraction(1, 2 ** 2148), sum(map(Fraction, values)))


@case
def csv_underflow_is_announced():
    csv("y", [1, 1])
    result = done("metric", write("g", "1\n-1e-400\n"), "y", "--json", quiet=False)
    check("warning" in result.err and "g" in result.err and "line 2" in result.err, result.err)
    equal(result.json()["gram"]["gy"], 1.0)
    done("metric", write("g", "1\n0e-400\n"), "y", "--json")


@case
def csv_refused():
    csv("y", [1, 2])
    for text, needles in (
            ("", "holds no numbers"),
            ("\n  \n\n", "holds no numbers"),
            ("1,\n", ["line 1, column 3", "missing"]),
            ("1\n2,\n", ["line 2"]),
            ("1,,2\n", ["line 1, column 3", "missing"]),
            (",1,2\n", ["line 1, column 1", "missing"]),
            ("value\n1\n2\n", ["line 1, column 1", "'value'", "header"]),
            ('"1"\n2\n', ["line 1", "header"]),
            ("# comment\n1\n2\n", ["line 1", "header"]),
            ("1\n2x\n", ["line 2, column 1", "'2x'"]),
            ("1, 2 3\n", ["line 1, column 4", "'2 3'"]),
            ("1\n\n  1.2.3\n", ["line 3, column 3", "'1.2.3'"]),
            ("1\n--2\n", ["line 2", "'--2'"]),
            ("1\n+-2\n", ["line 2", "'+-2'"]),
            ("1\n0x\n", ["line 2", "'0x'"]),
            ("1\n0x-1\n", ["line 2", "'0x-1'"]),
            ("1\n0xinf\n", ["line 2"]),
            ("1\n1e\n", ["line 2", "'1e'"]),
            ("1\n2;3\n", ["line 2", "'2;3'"]),
            ("1\nnan\n", ["line 2", "element 1", "NaN", "finite"]),
            ("1\n-inf\n", ["line 2", "element 1", "-inf", "finite"]),
            ("INFINITY,2\n", ["element 0", "finite"]),
            ("1\n1e309\n", ["line 2", "element 1", "'1e309'", "largest double"]),
            ("1\n-1.7976931348623159e308\n", ["line 2", "element 1", "largest double"]),
            ("1\n0x1p1024\n", ["line 2", "largest double"]),
            ("1,2\n3,4\n", ["line 2", "one row or one column"]),
            ("1\n3,4\n", ["line 2", "one row or one column"]),
            ("1\r2\n", ["line 1, column 2", "carriage return"]),
            ("1\n\x07\n", ["line 2", "'\\x07'"]),
            ("1\n" + "9" * 70000 + "\n", ["line 2", "longer than"]),
            ("1\n" + "9" * 400 + "\n", ["line 2", "largest double"]),
            (b"1\n\xff\xfe\n", ["line 2", "\\xff\\xfe"]),
            ("1\n2\n".encode("utf-16"), "neither CSV"),
            (b"\x00" * 100, "neither CSV"),
            (b"\x89PNG\r\n\x1a\n\x00\x00", "neither CSV"),
            ("1\n2\n3\n", ["different lengths", "g has 3", "y has 2"])):
        refused(3, ["g"] + ([needles] if isinstance(needles, str) else needles), "metric", write("g", text), "y")
    refused(3, ["y has 2 elements", "g has 3"], "metric", "y", "g")


@case
def files_refused():
    csv("y", [1, 2])
    os.mkdir("folder")
    os.symlink("loop", "loop")
    refused(3, ["missing", "No such file"], "metric", "missing", "y")
    refused(3, ["missing", "No such file"], "metric", "y", "missing")
    refused(3, ["folder", "is a directory"], "metric", "folder", "y")
    refused(3, ["loop", "symbolic links"], "metric", "loop", "y")
    refused(3, ["y/x", "Not a directory"], "metric", "y/x", "y")
    refused(3, ["cannot be opened"], "metric", "", "y")
    refused(3, ["neither CSV"], "metric", "/dev/zero", "y")
    refused(3, ["holds no numbers"], "metric", "/dev/null", "y")
    if os.geteuid() != 0:
        os.chmod("y", 0)
        refused(3, ["y", "Permission denied"], "metric", "y", "y")


@case
def standard_input_and_pipes():
    csv("y", [3, 4])
    want = done("metric", csv("g", [5, 0]), "y", "--json").out
    equal(done("metric", "-", "y", "--json", stdin=b"5,0").out, want)
    equal(done("metric", "--json", "--", "g", "-", stdin=b"3\n4\n").out, want)
    refused(2, "only one", "metric", "-", "-")
    refused(3, ["standard input", "line 1", "'x'"], "metric", "-", "y", stdin=b"x")
    refused(3, ["standard input", "holds no numbers"], "metric", "-", "y", stdin=b"")
    refused(3, ["different lengths", "standard input has 3"], "metric", "-", "y", stdin=b"1\n2\n3")
    with open(armadillo("g.bin", [5, 0]), "rb") as file:
        equal(done("metric", "-", "y", "--json", stdin=file.read()).out, want)
    os.mkfifo("pipe")
    writer = subprocess.Popen(["sh", "-c", "cat g > pipe"])
    equal(done("metric", "pipe", "y", "--json").out, want)
    writer.wait()
    os.symlink("g", "-g")
    equal(done("metric", "--json", "--", "-g", "y").out, want)
    refused(3, ["standard input", "cannot be read"], "metric", "-", "y", stdin=subprocess.DEVNULL,
            preexec_fn=lambda: os.close(0))


@case
def armadillo_read():
    csv("y", [3, 4])
    want = done("metric", csv("g", [5, -0.5]), "y", "--json").out
    for made in (armadillo("g.bin", [5, -0.5]), armadillo("g1.bin", [5, -0.5], (1, 2)),
                 armadillo("g.csv", [5, -0.5], kind="FN004", code="f")):
        equal(done("metric", made, "y", "--json").out, want, made)
    values = [float(i % 97) - 40 for i in range(100000)]
    want = done("metric", csv("g", values), csv("y", values), "--json").out
    equal(done("metric", armadillo("g.bin", values), armadillo("y.bin", values, kind="FN004", code="f"), "--json").out,
          want)


@case
def armadillo_refused():
    csv("y", [3, 4])
    good = open(armadillo("good", [5, 0]), "rb").read()
    for content, needles in (
            (good[:-1], ["truncated", "2 elements", "holds 1"]),
            (good[:-16], ["truncated", "holds 0"]),
            (good + b"x", "more bytes"),
            (good + bytes(8), "more bytes"),
            (good[:18], "number of rows"),
            (good[:20], "number of columns"),
            (b"ARMA_MAT_BIN_FN008\n18446744073709551615 1\n", ["truncated", "18446744073709551615", "holds 0"]),
            (b"ARMA_MAT_BIN_FN008\n2305843009213693953 1\n" + bytes(8), ["truncated", "holds 1"]),
            (b"ARMA_MAT_BIN_FN004\n4611686018427387905 1\n" + bytes(4), ["truncated", "holds 1"]),
            (b"ARMA_MAT_BIN_FN008\n18446744073709551616 1\n", ["rows", "'18446744073709551616'"]),
            (b"ARMA_MAT_BIN_FN008\n-1 1\n" + bytes(8), ["rows", "'-1'"]),
            (b"ARMA_MAT_BIN_FN008\nx 1\n" + bytes(8), ["rows", "'x'"]),
            (b"ARMA_MAT_BIN_FN008\n2 1.5\n" + bytes(16), ["columns", "'1.5'"]),
            (b"ARMA_MAT_BIN_FN008\n0 1\n", "no numbers"),
            (b"ARMA_MAT_BIN_FN008\n1 0\n", "no numbers"),
            (b"ARMA_MAT_BIN_FN008\n2 2\n" + bytes(32), ["matrix of 2 x 2"]),
            (b"ARMA_MAT_BIN_FN008\n4294967296 4294967296\n" + bytes(8), "matrix of 4294967296 x 4294967296"),
            (b"ARMA_MAT_BIN_IS004\n2 1\n" + bytes(8), ["ARMA_MAT_BIN_IS004", "FN008"]),
            (b"ARMA_MAT_TXT_FN008\n2 1\n1\n2\n", ["ARMA_MAT_TXT_FN008"]),
            (b"ARMA_CUB_BIN_FN008\n1 1 2\n" + bytes(16), ["ARMA_CUB_BIN_FN008"]),
            (b"ARMA_" + b"A" * 10000, ["Armadillo kind"]),
            (open(armadillo("bad", [1, float("nan")]), "rb").read(), ["element 1", "NaN", "finite"]),
            (open(armadillo("bad", [float("-inf"), 1]), "rb").read(), ["element 0", "-inf", "finite"]),
            (open(armadillo("bad", [float("inf"), 1], kind="FN004", code="f"), "rb").read(), ["element 0", "inf"])):
        refused(3, ["g.bin"] + ([needles] if isinstance(needles, str) else needles), "metric", write("g.bin", content),
                "y")


@case
def hdf5_read():
    needs_h5py()
    values = [5.0, -0.25, 3.0]
    want = done("metric", csv("g", values), csv("y", [3, 4, 1]), "--json").out
    with h5py.File("a.h5", "w") as f:
        for kind in ("<f2", ">f2", "<f4", ">f4", "<f8", ">f8"):
            f["k" + kind[1:] + ("b" if kind[0] == ">" else "l")] = numpy.array(values, dtype=kind)
        f["deep/er/column"] = numpy.array(values).reshape(3, 1)
        f["row"] = numpy.array(values).reshape(1, 3)
        f.create_dataset("packed", data=values, chunks=(2,), compression="gzip", shuffle=True, fletcher32=True)
        f.create_dataset("growing", data=values, chunks=(2,), maxshape=(None,))
        f.create_dataset("wide", data=numpy.array(values).reshape(3, 1), chunks=(2, 1), maxshape=(None, 5))
        f["soft"] = h5py.SoftLink("/deep/er/column")
        f["odd:/name"] = values
        names = [name for name in f if name not in ("deep", "odd:")] + ["deep/er/column", "odd:/name"]
    for name in names:
        equal(done("metric", f"a.h5:/{name}", "y", "--json").out, want, name)
    os.rename("a.h5", "b:")
    equal(done("metric", "b::/row", "y", "--json").out, want)
    os.mkdir("c:")
    os.rename("b:", "c:/d")
    equal(done("metric", "c:/d:/row", "y", "--json").out, want)
    os.rename("g", "c:/g")
    equal(done("metric", "c:/g", "y", "--json").out, want, "a file of that name comes first")


@case
def hdf5_float16_is_exact():
    """Every finite float16 widens to itself: their exact sum against fractions."""
    needs_h5py()
    everything = numpy.arange(65536, dtype=numpy.uint16).view(numpy.float16)
    finite = everything[numpy.isfinite(everything)]
    positive = finite[finite > 0]
    with h5py.File("a.h5", "w") as f:
        f["x"] = positive
        f["b"] = positive.astype(">f2")
    for name in "xb":
        result = done("metric", f"a.h5:/{name}", f"a.h5:/{name}", "--json", "--exact").json()

        def value(bits16):  # by the definition of the format
            exponent, fraction = bits16 >> 10, bits16 & 1023
            return (Fraction(fraction, 1 << 24) if exponent == 0
                    else Fraction(1024 + fraction) * Fraction(2) ** (exponent - 25))

        equal(int(result["exact_gram"]["gg"], 16), 2 ** 2148 * sum(value(b) ** 2 for b in range(1, 31744)), name)


@case
def hdf5_refused():
    needs_h5py()
    csv("y", [3, 4])
    with h5py.File("other.h5", "w") as f:
        f["x"] = [1.0, 2.0]
    numpy.array([1.0, 2.0]).tofile("raw")
    with h5py.File("a.h5", "w") as f:
        f["int"] = [1, 2]
        f["bool"] = [True, False]
        f["complex"] = numpy.array([1j, 2])
        f["string"] = "text"
        f["strings"] = [b"a", b"b"]
        f["scalar"] = 1.5
        f["null"] = h5py.Empty("f8")
        f["empty"] = numpy.zeros(0)
        f["empty2"] = numpy.zeros((2, 0))
        f["matrix"] = numpy.ones((2, 3))
        f["cube"] = numpy.ones((2, 1, 1))
        f["nan"] = [1.0, numpy.nan]
        f["inf"] = numpy.array([1, numpy.inf], dtype="f2")
        f["longer"] = [1.0, 2.0, 3.0]
        f["longdouble"] = numpy.ones(2, dtype=numpy.longdouble)
        f.create_dataset("vlen", (2,), h5py.vlen_dtype("f8"))
        f.create_dataset("unwritten", (2,), "f8")
        f.create_dataset("huge", (2 ** 61,), "f8", chunks=(1024,))
        f.create_dataset("huge_contiguous", (2 ** 59,), "f8")
        partly = f.create_dataset("partly", (2 ** 33,), "f8", chunks=(1024,))
        partly[0] = 1.0
        f["group/x"] = [1.0, 2.0]
        f["type"] = numpy.dtype("f8")
        f["external"] = h5py.ExternalLink("other.h5", "/x")
        f["soft_external"] = h5py.SoftLink("/external")
        f["group_external"] = h5py.ExternalLink("other.h5", "/")
        f["dangling"] = h5py.SoftLink("/nowhere")
        f["circle"] = h5py.SoftLink("/circle")
        f.create_dataset("outside", (2,), "f8", external=[("raw", 0, 16)])
        layout = h5py.VirtualLayout((2,), "f8")
        layout[:] = h5py.VirtualSource("other.h5", "x", (2,))
        f.create_virtual_dataset("virtual", layout)
    for name, needles in (
            ("int", ["8 bytes", "float64"]), ("bool", "float64"), ("complex", "float64"), ("string", "float64"),
            ("strings", "float64"), ("longdouble", ["16 bytes", "float64"]), ("vlen", "float64"), ("scalar", "0 dimensions"),
            ("null", "dimensions"), ("empty", "no numbers"), ("empty2", "no numbers"), ("matrix", "matrix of 2 x 3"),
            ("cube", "3 dimensions"), ("nan", ["element 1", "NaN"]), ("inf", ["element 1", "inf"]),
            ("unwritten", ["2 elements", "0 were written"]),
            ("huge", "2305843009213693952"), ("huge_contiguous", "576460752303423488"), ("partly", "only 1 were written"),
            ("group", "not a dataset"), ("type", "not a dataset"), ("external", "another file"),
            ("soft_external", "another file"), ("group_external/x", "another file"), ("dangling", "link to nothing"),
            ("circle", "link to nothing"), ("outside", "another file"), ("virtual", "another file"),
            ("nothing", ["no dataset /nothing", "/int", "/matrix"]), ("group/y", "no dataset"), ("", "not a dataset")):
        refused(3, [f"a.h5:/{name}: "] + ([needles] if isinstance(needles, str) else needles), "metric",
                f"a.h5:/{name}", "y")
    refused(3, ["different lengths", "a.h5:/longer has 3", "y has 2"], "metric", "y", "a.h5:/longer")
    refused(3, ["a.h5", "HDF5", "name a dataset"], "metric", "a.h5", "y")
    with open("a.h5", "rb") as file:
        refused(3, ["standard input", "HDF5", "FILE.h5:/DATASET"], "metric", "-", "y", stdin=file.read())
    refused(3, ["missing.h5", "No such file"], "metric", "missing.h5:/x", "y")
    refused(3, ["y is not an HDF5 file"], "metric", "y:/x", "y")
    os.mkdir("folder")
    refused(3, ["folder is a directory"], "metric", "folder:/x", "y")
    os.mkfifo("pipe")
    refused(3, ["pipe is not a regular file"], "metric", "pipe:/x", "y")


def flipped(content, rng):
    content = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 8])):
        content[rng.randrange(len(content))] = rng.choice([0, 0xff, rng.randrange(256)])
    return bytes(content[:rng.randrange(len(content))] if rng.random() < 0.2 else content)


def survives(argument, content, rng, trials):
    codes = set()
    for _ in range(trials):
        damaged = flipped(content, rng)
        write("damaged", damaged)
        result = run("metric", argument, "y", "--json")
        if result.code not in (0, 3, 4):
            keep = os.path.join(tempfile.gettempdir(), "natgrad-cli-test-damaged")
            shutil.copy("damaged", keep)
            raise AssertionError(f"exit code {result.code} ({result.err.strip()}); the input is kept in {keep}")
        check((result.code == 3) == (result.out == ""), "output when refusing")
        codes.add(result.code)
    check(3 in codes, "no damage was ever noticed")


@case
def damaged_csv_and_armadillo():
    rng = random.Random(7)
    csv("y", range(1, 21))
    survives("damaged", open(csv("g", range(1, 21)), "rb").read(), rng, 150)
    survives("damaged", open(armadillo("g", [float(i) for i in range(1, 21)]), "rb").read(), rng, 150)


@case
def damaged_hdf5():
    needs_h5py()
    rng = random.Random(8)
    csv("y", range(1, 21))
    with h5py.File("g", "w", libver="earliest") as f:
        f.create_dataset("x", data=numpy.arange(1.0, 21.0))
    content = open("g", "rb").read()
    survives("damaged:/x", content, rng, 150)
    for cut in range(0, len(content), max(1, len(content) // 40)):
        write("damaged", content[:cut])
        refused(3, "damaged:/x: damaged", "metric", "damaged:/x", "y")


@case
def hdf5_library_that_crashes():
    """A chunk of no length divides by zero inside HDF5 1.10; that too is a refusal, and leaves no core."""
    needs_h5py()
    csv("y", range(1, 21))
    with h5py.File("g", "w", libver="earliest") as f:
        f.create_dataset("x", data=numpy.arange(1.0, 21.0), chunks=(7,))
    content = open("g", "rb").read()
    chunk = struct.pack("<II", 7, 8)
    equal(content.count(chunk), 1, "places of the chunk's shape")
    write("g", content.replace(chunk, struct.pack("<II", 0, 8)))
    refused(3, ["g", "damaged"], "metric", "g:/x", "y", "--json")
    refused(3, ["g", "damaged"], "apply", "y", "y", "g:/x", "-o", "out")


def compiled(source, name):
    """A shared object for LD_PRELOAD."""
    write(name + ".c", source)
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if not compiler:
        raise Skip("needs a C compiler")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", name + ".so", name + ".c"], check=True)
    return os.path.abspath(name + ".so")


@case
def other_crashes_are_not_blamed_on_the_file():
    """A crash outside HDF5 (in MPFR here, while a sound run is analysed) is an internal error, and names no file."""
    needs_own_crashes()
    done("record", "adam", "--problem", "quadratic", "--steps", "5", "-o", "run.h5")
    crash = compiled("void mpfr_atan2(void) { __builtin_trap(); } void mpfr_atan(void) { *(volatile int*)0 = 1; }"
                     "void mpfi_atan(void) { *(volatile int*)0 = 1; }", "crash")
    crashing = environment(LD_PRELOAD=crash, NATGRAD_KERNEL="exact")  # which does not do without MPFR
    refused(70, ["internal error: Segmentation fault"], "analyze", "run.h5", env=crashing)
    check("damaged" not in run("analyze", "run.h5", env=crashing).err, "blamed")
    no_threads = compiled("int pthread_create() { return 11; }", "threads")
    result = run("analyze", "run.h5", env=environment(LD_PRELOAD=no_threads, OMP_NUM_THREADS="2",
                                                           OPENBLAS_NUM_THREADS="1"))
    equal((result.code, result.out), (70, ""), result.err)
    check("internal error: no threads" in result.err and "OMP_NUM_THREADS" in result.err, result.err)
    want = done("analyze", "run.h5", "--json").out
    equal(done("analyze", "run.h5", "--json", env=environment(OMP_NUM_THREADS="100000")).out, want)


@case
def kernels_that_do_not_exist():
    """A mistake in the environment is no fault of a file, and no property's."""
    done("record", "adam", "--problem", "quadratic", "--steps", "5", "-o", "run.h5")
    write("g.csv", "1\n2\n")
    wrong = environment(NATGRAD_KERNEL="turbo")
    for args in (["metric", "g.csv", "g.csv"], ["apply", "g.csv", "g.csv", "g.csv", "-o", "out.csv"],
                 ["analyze", "run.h5"], ["record", "adam", "--steps", "3", "-o", "z.h5"]):
        result = run(*args, env=wrong)
        equal((result.code, result.out), (2, ""), args)
        check(result.err.startswith('natgrad: NATGRAD_KERNEL is "turbo"; this machine has '), result.err)
    check(not os.path.exists("z.h5") and not os.path.exists("out.csv"), "written")
    verified = subprocess.run([VERIFY, "--claim", "gram"], capture_output=True, env=wrong, timeout=60)
    equal((verified.returncode, verified.stdout), (2, b""))
    check(b'NATGRAD_KERNEL is "turbo"' in verified.stderr, verified.stderr)


@case
def callers_that_ignore_their_children():
    done("record", "adam", "--problem", "quadratic", "--steps", "5", "-o", "run.h5")
    want = done("analyze", "run.h5", "--json").out
    ignore = lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # inherited through exec
    equal(done("analyze", "run.h5", "--json", preexec_fn=ignore).out, want)
    done("analyze", "run.h5", "--report", "report", quiet=False, preexec_fn=ignore)


@case
def hdf5_library_says_nothing_by_itself():
    """HDF5 1.10 would complain at exit after some damaged files."""
    done("record", "heavy-ball", "--steps", "10", "-o", "run.h5")
    content = bytearray(open("run.h5", "rb").read())
    for at in 106, 107, 122, 130:
        broken = bytearray(content)
        broken[at] ^= 0x40
        result = run("analyze", write("bad.h5", bytes(broken)))
        check("HDF5: infinite loop" not in result.err and all(line.startswith("natgrad: ") for line in
                                                              result.err.splitlines()), result.err)


@case
def hdf5_library_that_never_ends():
    """A free piece of no length in the heap of strings is an endless loop inside HDF5 1.10."""
    needs_h5py()
    content = bytearray(open(make_run("run.h5"), "rb").read())
    at = content.index(b"GCOL") + 16
    while struct.unpack_from("<H", content, at)[0] != 0:
        at += 16 + (struct.unpack_from("<Q", content, at + 8)[0] + 7) // 8 * 8
    struct.pack_into("<Q", content, at + 8, 0)
    write("bad.h5", bytes(content))
    refused(3, ["bad.h5", "damaged"], "analyze", "bad.h5")


@case
def certificates():
    """What natgrad metric --certificate writes: the exact Gram, and each scalar of the JSON as text that is exact."""
    csv("g", [3, 1]), csv("y", [2, 4]), csv("zero", [0, 0]), csv("o", [-1, 3])
    for pair in ("g", "y"), ("g", "o"), ("zero", "y"), ("zero", "zero"):
        claimed = json.loads(run("metric", *pair, "--json", "--certificate", "c.json").out)
        written = json.load(open("c.json"))
        equal([written[key] for key in ("format", "version", "dimension", "verdict")],
              ["natgrad-certificate", 1, 2, claimed["verdict"]])
        for key, sum_ in written["gram"].items():
            equal(int(sum_["mantissa"], 16) * 2.0 ** sum_["exponent"], claimed["gram"][key], key)
        for key, text in written["scalars"].items():
            equal(None if text is None else float.fromhex(text), claimed[key], key)
    csv("h", [2.0 ** 1023, 2.0 ** -1074]), csv("k", [0, 2.0 ** 1023])
    done("metric", "h", "k", "--certificate", "c.json")
    equal(json.load(open("c.json"))["scalars"]["condition"], "inf")
    before = open("c.json").read()
    for wrong in (["--alpha", "2"], ["--radius", "1"], ["--optimum", "dfp"]):
        refused(2, ["--certificate", wrong[0]], "metric", "g", "y", "--certificate", "c.json", *wrong)
    refused(2, ["overwritten"], "metric", "g", "y", "--certificate", "g")
    refused(2, ["standard output"], "metric", "g", "y", "--certificate", "-")
    refused(3, ["no/c.json"], "metric", "g", "y", "--certificate", "no/c.json")
    refused(3, ["missing"], "metric", "g", "missing", "--certificate", "c.json")
    equal(open("c.json").read(), before)


@case
def certificates_have_these_bytes():
    """Those that the verified checker is tried on."""
    examples = sorted(EXAMPLES.glob("*.json"))
    check(len(examples) >= 15, "examples are missing")
    for expected in examples:
        vectors = (str(expected.with_suffix(f".{name}.csv")) for name in "gy")
        run("metric", *vectors, "--certificate", "c.json")
        equal(open("c.json").read(), expected.read_text(), expected.name)


@case
def claims():
    ledger = done("claims", "--json").json()
    equal(ledger["version"], VERSION)
    ids = [claim["id"] for claim in ledger["claims"]]
    check(len(ids) > 80 and len(set(ids)) == len(ids), "claims are missing or twice")
    text = done("claims").out
    equal([line for line in text.splitlines() if line in ids], ids)
    check(f"{len(ids)} claims. " in text and max(map(len, text.splitlines())) <= 110, "the text")
    for claim in ledger["claims"]:
        check(claim["reason"] or all(claim[key] for key in ("symbol", "proofs", "properties", "reference", "fuzz")),
              f"{claim['id']} lacks something without a reason")
    row = done("claims", "gram", "--json").json()["claims"]
    equal(row, [claim for claim in ledger["claims"] if claim["id"].startswith("gram.")])
    two = done("claims", "scalars.alpha", "gram.exact", "--json").json()["claims"]
    equal([claim["id"] for claim in two], ["gram.exact", "scalars.alpha"])
    refused(2, ["'gram.exakt'", "did you mean gram.exact?"], "claims", "gram.exakt")
    refused(2, ["'grom'", "did you mean gram?"], "claims", "grom")
    refused(2, ["--no-such"], "claims", "--no-such")


# ------------------------------------------------------------------------- apply

def numbers(text):
    return [float(line) for line in text.splitlines()]


@case
def apply_is_correctly_rounded():
    rng = random.Random(59)
    for trial in range(25):
        d = rng.choice([1, 2, 5, 40])
        draw = (lambda: hostile(rng)) if trial % 2 else (lambda: rng.uniform(-1, 1))
        g, y, x = ([draw() for _ in range(d)] for _ in range(3))
        p, gg, yy = dot(g, y), dot(g, g), dot(y, y)
        if p <= 0:
            g, p = [-e for e in g], -p
        if p == 0:
            continue
        alpha = rng.choice([None, 0.7, 1e-30])
        a = Fraction(alpha) if alpha else yy / p
        gx, yx = dot(g, x), dot(y, x)
        g_, y_, x_ = ([Fraction(e) for e in v] for v in (g, y, x))
        forward = [yi * yx / p + a * (xi - gi * gx / gg) for gi, yi, xi in zip(g_, y_, x_)]
        backward = [xi / a - (gi * yx + yi * gx) / (a * p) + (yy / (a * p * p) + 1 / p) * gi * gx
                    for gi, yi, xi in zip(g_, y_, x_)]
        csv("g", g), csv("y", y), csv("x", x)
        option = ["--alpha", repr(alpha)] if alpha else []
        for want, how in (forward, []), (backward, ["--inverse"]):
            want = [to_double(w) if to_double(w) is not None else (float("inf") if w > 0 else float("-inf")) for w in want]
            infinite = sum(abs(w) == float("inf") for w in want)
            result = done("apply", "g", "y", "x", *option, *how, quiet=infinite == 0)
            if infinite:
                check("warning" in result.err and f"{infinite} of {d}" in result.err, result.err)
            equal(numbers(result.out), want, f"{how} {g} {y} {x} {alpha}")


@case
def apply_round_trips_bits():
    """g = y makes M the identity: what goes in comes out, bit for bit, in every format."""
    rng = random.Random(11)
    x = [hostile(rng) for _ in range(500)] + [5e-324, -5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 0.1]
    csv("x", x), armadillo("x.bin", x), csv("g", [1.0] * len(x))
    for how in [], ["--inverse"]:
        for name in "x", "x.bin":
            same_bits(numbers(done("apply", "g", "g", name, *how).out), [e + 0.0 for e in x], f"{name} {how}")
    equal(done("apply", "g", "g", "x", "-o", "out.bin").out, "")
    content = open("out.bin", "rb").read()
    head = f"ARMA_MAT_BIN_FN008\n{len(x)} 1\n".encode()
    equal(content[:len(head)], head)
    same_bits(struct.unpack(f"<{len(x)}d", content[len(head):]), [e + 0.0 for e in x])
    done("apply", "g", "g", "out.bin", "-o", "again.bin")
    equal(open("again.bin", "rb").read(), content)
    for text in done("apply", "g", "g", "x").out.splitlines():
        check(len(text) <= len(repr(float(text))) + 2, f"{text} is not the shortest")


@case
def apply_roots():
    """y = 4 g: M = 4 I, root 2 I. And in general the root twice is M, and undoes its inverse."""
    csv("g", [1, 2, 3]), csv("y", [4, 8, 12]), csv("x", [1, -7, 0.1])
    equal(numbers(done("apply", "g", "y", "x", "--root").out), [2.0, -14.0, 0.2])
    equal(numbers(done("apply", "g", "y", "x", "--root", "--inverse").out), [0.5, -3.5, 0.05])
    csv("y", [3, 1, -1])
    once = numbers(done("apply", "g", "y", "x", "--root").out)
    twice = numbers(done("apply", "g", "y", csv("z", once), "--root").out)
    back = numbers(done("apply", "g", "y", "z", "--root", "--inverse").out)
    straight = numbers(done("apply", "g", "y", "x").out)
    for a, b in zip(twice + back, straight + [1, -7, 0.1]):
        check(abs(a - b) <= 1e-12 * (1 + abs(b)), (a, b))
    check(max(abs(a - b) for a, b in zip(once, straight)) > 0.1, "the root is not M itself")


@case
def apply_json():
    csv("g", [5, 0]), csv("y", [3, 4]), csv("x", [1, 0])
    result = done("apply", "g", "y", "x", "--json").json()
    keys(result, ["version", "dimension", "verdict", "operation", "alpha", "result"])
    equal(result, {"version": VERSION, "dimension": 2, "verdict": "effective", "operation": "apply", "alpha": 5 / 3, "result": [0.6, 0.8]})
    for how, name in (["--inverse"], "solve"), (["--root"], "root_apply"), (["--root", "--inverse"], "root_solve"):
        equal(done("apply", "g", "y", "x", "--json", *how).json()["operation"], name)
    done("apply", "g", "y", "x", "--json", "-o", "out.json")
    equal(json.load(open("out.json")), result)
    refused(2, ["--json", "out.bin"], "apply", "g", "y", "x", "--json", "-o", "out.bin")
    csv("y", [1e308, 1e308]), csv("x", [1e10, 1])
    result = done("apply", "g", "y", "x", "--json", quiet=False)
    equal(result.json()["result"], [None, None])
    check("2 of 2" in result.err and "null" in result.err, result.err)


@case
def apply_without_metric():
    csv("x", [1, 2])
    for g, y, word in (([1, 0], [-1, 0], "y·g < 0"), ([1, 0], [0, 1], "y·g = 0"), ([0, 0], [1, 0], "g = 0"),
                       ([1, 0], [0, 0], "y = 0"), ([0, 0], [0, 0], "every metric works")):
        csv("g", g), csv("y", y)
        refused(4, word, "apply", "g", "y", "x")
        refused(4, word, "apply", "g", "y", "x", "-o", "out")
        refused(4, word, "apply", "g", "y", "x", "-o", "out", "--json")
        result = done("apply", "g", "y", "x", "--inverse", "--json", code=4, quiet=False)
        check(word in result.err, result.err)
        verdict = "undetermined" if g == y else "not_effective"
        equal(result.json(), {"version": VERSION, "dimension": 2, "verdict": verdict, "operation": "solve",
                              "alpha": None, "result": None})


@case
def apply_refused():
    csv("g", [1, 2]), csv("y", [1, 2]), csv("x", [1, 2, 3]), csv("z", [1, 2]), write("nan", "1\nnan\n")
    refused(3, ["different lengths", "g has 2", "x has 3"], "apply", "g", "y", "x")
    refused(3, ["nan", "element 1"], "apply", "g", "y", "nan")
    refused(3, ["missing", "No such file"], "apply", "g", "y", "missing")
    refused(2, "X", "apply", "g", "y")
    refused(2, "extra", "apply", "g", "y", "z", "extra")
    refused(2, "only one", "apply", "-", "y", "-")
    for name in "out.h5", "out.hdf5":
        refused(2, [name, "HDF5 is not written"], "apply", "g", "y", "y", "-o", name)


@case
def outputs_appear_whole_or_not_at_all():
    csv("g", [1.0] * 3000), csv("x", [0.1 + i for i in range(3000)])
    apply = ["apply", "g", "g", "x", "-o"]
    os.mkdir("folder")
    os.mkfifo("pipe")  # before any device: what is not a regular file must be written, not replaced
    reader = subprocess.Popen(["cat", "pipe"], stdout=subprocess.PIPE)
    done(*apply, "pipe")
    check(stat.S_ISFIFO(os.stat("pipe").st_mode), "the pipe was replaced")
    equal(len(reader.communicate(timeout=60)[0].splitlines()), 3000)
    for name, reason in (("folder", "directory"), ("missing/out", "No such file"), ("g/out", "Not a directory"),
                         ("folder/", "directory"), ("a" * 300, "name too long"), ("", "names no file"), ("missing/", "names no file"),
                         ("/dev/full", "No space left")):
        refused(3, [f"{name}: cannot be written", reason], *apply, name)
    equal(os.listdir("folder"), [])

    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    refused(3, ["out: cannot be written", "large"], *apply, "out", preexec_fn=limited)
    refused(3, ["out.bin: cannot be written"], *apply, "out.bin", preexec_fn=limited)
    write("out", "precious")
    refused(3, ["out: cannot be written"], *apply, "out", preexec_fn=limited)
    equal(open("out").read(), "precious")

    os.chmod("out", 0o640)
    os.symlink("out", "link")
    done(*apply, "link")
    check(os.path.islink("link"), "the link was replaced")
    equal(stat.S_IMODE(os.stat("out").st_mode), 0o640)
    want = done("apply", "g", "g", "x").out
    equal(open("out").read(), want)
    os.mkdir("elsewhere")
    os.symlink("elsewhere/new", "link to nothing")
    os.symlink("link to nothing", "link to link")
    done(*apply, "link to link")
    check(os.path.islink("link to link") and os.path.islink("link to nothing"), "a link was replaced")
    equal(open("elsewhere/new").read(), want)
    os.symlink("missing/new", "astray")
    refused(3, ["astray: cannot be written", "No such file"], *apply, "astray")
    os.symlink("round", "round")
    refused(3, ["round: cannot be written", "symbolic links"], *apply, "round")
    done(*apply, "g")  # over an input
    equal(open("g").read(), want)
    done("apply", "x", "x", "x", "-o", "fresh", preexec_fn=lambda: os.umask(0o027))
    equal(stat.S_IMODE(os.stat("fresh").st_mode), 0o640)
    equal(done("apply", "x", "x", "x", "-o", "-").out, open("fresh").read())
    equal(done("apply", "x", "x", "x", "-o", "/dev/stdout").out, open("fresh").read())
    for name in "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1":  # of a file that others write to as well
        with open("log", "w") as log:
            log.write("before\n"), log.flush()
            done("apply", "x", "x", "x", "-o", name, stdout=log)
            log.seek(0, os.SEEK_END), log.write("after\n")
        equal(open("log").read(), "before\n" + open("fresh").read() + "after\n", name)
    refused(3, "/dev/fd/77", *apply, "/dev/fd/77")
    done("apply", "x", "x", "x", "-o", "/dev/null")
    check(stat.S_ISCHR(os.stat("/dev/null").st_mode), "/dev/null")
    equal([name for name in os.listdir(".") if name.startswith(".")], [])
    if os.geteuid() != 0:
        os.chmod("folder", 0o500)
        refused(3, "Permission denied", *apply, "folder/out")


# ------------------------------------------------------------------------- record

RULES = ["gradient-descent", "heavy-ball", "adam", "sign-descent", "feedback-alignment"]
PROBLEMS = ["quadratic", "rosenbrock", "logistic-regression", "linear-teacher", "mlp"]


@case
def record_list():
    result = done("record", "--list", "--json").json()
    keys(result, ["version", "rules", "problems"])
    equal([rule["name"] for rule in result["rules"]][:5], RULES)
    equal([problem["name"] for problem in result["problems"]][:5], PROBLEMS)
    for rule in result["rules"]:
        keys(rule, ["name", "description", "default_problem", "default_learning_rate"])
        check(rule["default_learning_rate"] > 0 and rule["default_problem"] in PROBLEMS, rule)
    text = done("record", "--list").out
    for name in RULES + PROBLEMS:
        check(f"  {name} " in text, name)


@case
def record_writes_a_run():
    result = done("record", "heavy-ball", "--problem", "quadratic", "--steps", "30", "--learning-rate", "0.01",
                  "--seed", "7", "-o", "run.h5", "--json").json()
    keys(result, ["version", "rule", "problem", "seed", "learning_rate", "dimension", "steps", "stopped_early",
                  "first_loss", "last_loss", "file"])
    equal([result[k] for k in ("rule", "problem", "seed", "learning_rate", "steps", "file")],
          ["heavy-ball", "quadratic", 7, 0.01, 30, "run.h5"])
    equal(sorted(os.listdir(".")), ["run.h5"])
    line = done("record", "heavy-ball", "--problem", "quadratic", "--steps", "30", "--learning-rate", "1e-2", "--seed",
                "7", "-o", "again.h5").out
    check(line.startswith("again.h5: heavy-ball on quadratic, 30 steps") and line.count("\n") == 1, line)
    analysed = done("analyze", "run.h5", "--json").json()
    equal((analysed["rule"], analysed["steps"], analysed["dimension"]), ("heavy-ball", 30, result["dimension"]))
    equal(done("analyze", "again.h5", "--json").json()["per_step"], analysed["per_step"])
    if h5py is not None:
        with h5py.File("run.h5") as f:
            equal(f.attrs["rule"] in ("heavy-ball", b"heavy-ball"), True)
            equal((int(f.attrs["seed"]), len(f["loss"]), len(f["update"])), (7, 31, 30))
            equal((float(f["loss"][0]), float(f["loss"][30])), (result["first_loss"], result["last_loss"]))


@case
def record_every_rule():
    for rule in RULES:
        done("record", rule, "--steps", "5", "-o", f"{rule}.h5")
        equal(done("analyze", f"{rule}.h5", "--json").json()["steps"], 5, rule)


@case
def record_refused():
    out = ["-o", "run.h5"]
    refused(2, ["'adamm'", "did you mean adam?)", "known: gradient-descent", "feedback-alignment"], "record", "adamm", *out)
    refused(2, ["'xyzzy'", "known: gradient-descent"], "record", "xyzzy", *out)
    refused(2, ["problem 'rosenbrok'", "did you mean rosenbrock?)", "known: quadratic"], "record", "adam", "--problem",
            "rosenbrok", *out)
    for option, value, needle in (
            ("--learning-rate", "0", "> 0"), ("--learning-rate", "-1", "> 0"), ("--learning-rate", "nan", "finite"),
            ("--learning-rate", "inf", "finite"), ("--learning-rate", "1e999", "finite"),
            ("--learning-rate", "1e-999", "too small"), ("--learning-rate", "fast", "not a number"),
            ("--steps", "0", "whole number"), ("--steps", "-5", "whole number"), ("--steps", "1.5", "whole number"),
            ("--steps", "99999999999999999999", "whole number"), ("--seed", "-1", "whole number"),
            ("--seed", "x", "whole number"), ("--seed", "9223372036854775808", "whole number")):
        refused(2, [option, f"'{value}'", needle], "record", "adam", option, value, *out)
    refused(2, "-o RUN.h5", "record", "adam")
    refused(2, "--list", "record")
    refused(2, "--list", "record", "--list", "adam")
    refused(2, "", "record", "feedback-alignment", "--problem", "quadratic", *out)
    os.mkdir("folder")
    os.mkfifo("pipe")
    csv("g", [1])
    for name in "folder", "missing/run.h5", "g/run.h5", "pipe", "":
        refused(3, f"{name}: cannot be written", "record", "adam", "--steps", "3", "-o", name)
    check(stat.S_ISFIFO(os.stat("pipe").st_mode), "the pipe was replaced")


@case
def record_that_diverges_leaves_nothing():
    result = refused(2, "step", "record", "gradient-descent", "--problem", "quadratic", "--learning-rate", "1e300",
                     "--steps", "1000", "-o", "run.h5")
    check("internal" not in result.err, result.err)


@case
def record_that_cannot_write_leaves_nothing():
    write("run.h5", "precious")
    refused(3, "run.h5", "record", "adam", "--problem", "mlp", "--steps", "200", "-o", "run.h5",
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000)))
    equal(open("run.h5").read(), "precious")


@case
def record_interrupted_leaves_nothing():
    for number in signal.SIGINT, signal.SIGTERM:
        process = subprocess.Popen([BINARY, "record", "gradient-descent", "--problem", "mlp", "--steps", "100000000",
                                    "--learning-rate", "1e-6", "-o", "run.h5", "--progress"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())
        deadline = time.monotonic() + 60
        while not os.listdir(".") and time.monotonic() < deadline:
            time.sleep(0.05)
        check(os.listdir("."), "recording never began")
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
        equal(process.returncode, -number)
        check(b"interrupted" in err and out == b"", err)
        equal(os.listdir("."), [])


@case
def apply_interrupted_leaves_nothing():
    armadillo("big", [1.0 + i % 7 for i in range(1_000_000)])
    armadillo("old", [1.0])
    for number, wait in (signal.SIGINT, 0.2), (signal.SIGTERM, 0.9), (signal.SIGHUP, 1.3):
        process = subprocess.Popen([BINARY, "apply", "big", "big", "big", "-o", "out"], stderr=subprocess.PIPE,
                                   env=environment())
        time.sleep(wait)
        process.send_signal(number)
        process.communicate(timeout=60)
        check(process.returncode in (0, -number), process.returncode)
        equal([name for name in os.listdir(".") if name.startswith(".")], [])


@case
def record_follows_links():
    os.mkdir("elsewhere")
    os.symlink("elsewhere/run.h5", "link.h5")
    for _ in range(2):  # to nothing, and then over what is there
        done("record", "adam", "--steps", "2", "-o", "link.h5")
        check(os.path.islink("link.h5"), "the link was replaced")
        equal(os.listdir("elsewhere"), ["run.h5"])
    refused(2, "standard output", "record", "adam", "--steps", "2", "-o", "-")
    refused(3, ["/dev/stdout", "not a regular file"], "record", "adam", "--steps", "2", "-o", "/dev/stdout")
    for option in "--steps", "--problem", "--seed", "--learning-rate":
        refused(2, "--list", "record", "--list", option, "1")
    os.mkfifo("pipe")
    refused(3, ["pipe: cannot be written", "not a regular file"], "record", "adam", "--steps", "2", "-o", "pipe")
    refused(3, ["elsewhere: cannot be written", "directory"], "record", "adam", "--steps", "2", "-o", "elsewhere")


@case
def record_progress():
    result = done("record", "adam", "--problem", "quadratic", "--steps", "50", "-o", "run.h5", "--progress", quiet=False)
    check("recording adam: " in result.err and " of 50, loss" in result.err, result.err)
    check("\r" not in result.err and "\033" not in result.err, "control characters")
    equal(result.out.count("\n"), 1)


# ------------------------------------------------------------------------- analyze

ANALYSIS = ["version", "rule", "dimension", "steps", "verdicts", "window", "angle", "condition", "groups", "per_step"]


# Steps: parallel (condition 1), 3-4-5 (condition 9), ascent, stationary.
RUN = {
    "gradient": [[-1.0, -2.0, -2.0], [-3.0, -4.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]],
    "update": [[2.0, 4.0, 4.0], [5.0, 0.0, 0.0], [2.0, 0.0, 0.0], [0.0, 0.0, 0.0]],
    "loss": [4.0, 3.0, 3.5, 2.0, 1.0],
    "groups/name": ["first", "rest"],
    "groups/size": [1, 2],
}


def make_run(name, **replace):
    """The run above with other datasets (groups__name for groups/name; None leaves one out) or attributes."""
    with h5py.File(name, "w") as f:
        f.attrs["format"], f.attrs["version"], f.attrs["rule"] = "natgrad-run", 1, "by hand"
        for key, value in {**RUN, **{k.replace("__", "/"): v for k, v in replace.items()}}.items():
            if key.startswith("attr_"):
                f.attrs[key[5:]] = value
            elif value is not None:
                f[key] = value
    return name


@case
def analyze_known_run():
    needs_h5py()
    result = done("analyze", make_run("run.h5"), "--json").json()
    keys(result, ANALYSIS)
    equal([result[k] for k in ANALYSIS[:6]],
          [VERSION, "by hand", 3, 4, {"effective": 2, "not_effective": 1, "undetermined": 1},
           {"minimal": 2, "effective_fraction": 0.75}])
    equal(result["angle"], {"median": 0.92729521800161223242851246292242880405707410857, "max": 3.14159265358979323846})
    equal(result["condition"], {"median": 5.0, "max": 9.0})
    keys(result["verdicts"], ["effective", "not_effective", "undetermined"])
    keys(result["window"], ["minimal", "effective_fraction"])
    equal([(g["name"], g["size"]) for g in result["groups"]], [("first", 1), ("rest", 2)])
    for group in result["groups"]:
        keys(group, ["name", "size", "verdicts", "angle", "condition"])
    equal(result["groups"][0]["verdicts"], {"effective": 2, "not_effective": 1, "undetermined": 1})
    equal(result["groups"][1]["verdicts"], {"effective": 1, "not_effective": 1, "undetermined": 2})
    for step in result["per_step"]:
        keys(step, ["step", "loss", "verdict", "angle", "alpha", "condition"])
    equal([s["verdict"] for s in result["per_step"]], ["effective", "effective", "not_effective", "undetermined"])
    equal([s["loss"] for s in result["per_step"]], [4.0, 3.0, 3.5, 2.0])
    equal([s["step"] for s in result["per_step"]], [0, 1, 2, 3])
    equal([s["alpha"] for s in result["per_step"]], [0.5, 5 / 3, None, None])
    equal([s["condition"] for s in result["per_step"]], [1.0, 9.0, None, None])
    text = done("analyze", "run.h5").out
    check("by hand" in text and "\033" not in text, text)


@case
def analyze_window_and_steps():
    needs_h5py()
    make_run("run.h5")
    equal(done("analyze", "run.h5", "--window", "auto", "--json").out, done("analyze", "run.h5", "--json").out)
    for m, share in ("1", 0.75), ("2", 1.0), ("4", 1.0):
        equal(done("analyze", "run.h5", "--window", m, "--json").json()["window"],
              {"minimal": 2, "effective_fraction": share}, m)
    for m in "0", "5", "99999999999999999999", "-1", "1.5", "two", "":
        refused(2, "window", "analyze", "run.h5", "--window", m)
    part = done("analyze", "run.h5", "--steps", "1:3", "--json").json()
    equal((part["steps"], [s["step"] for s in part["per_step"]]), (2, [1, 2]))
    for text, steps in (":2", [0, 1]), ("3:", [3]), (":", [0, 1, 2, 3]), ("0:4", [0, 1, 2, 3]):
        equal([s["step"] for s in done("analyze", "run.h5", "--steps", text, "--json").json()["per_step"]], steps)
    for text in "2:2", "3:1", "2", "a:b", "0:5", "4:", "9:10", "-1:2", "1:2:3", "":
        refused(2, "steps", "analyze", "run.h5", "--steps", text)


@case
def analyze_report():
    result = done("record", "adam", "--problem", "quadratic", "--steps", "40", "-o", "run.h5")
    if shutil.which("gnuplot"):
        result = done("analyze", "run.h5", "--report", "a/b", "--json", quiet=False)
        check("report: a/b/index.html" in result.err, result.err)
        equal(sorted(os.listdir("a/b")), ["analysis.json", "index.html"])
        equal(open("a/b/analysis.json").read(), result.out)
        page = open("a/b/index.html").read()
        check("<svg" in page, "pictures")
    result = done("analyze", "run.h5", "--report", "plain", quiet=False, env=environment(PATH="/nowhere"))
    check("warning" in result.err and "gnuplot" in result.err, result.err)
    equal(sorted(os.listdir("plain")), ["analysis.json", "index.html"])
    write("file", "x")
    refused(3, ["file", "Not a directory"], "analyze", "run.h5", "--report", "file")
    refused(3, "file", "analyze", "run.h5", "--report", "file/deeper")
    refused(2, "--report", "analyze", "run.h5", "--report", "")


@case
def analyze_report_interrupted_leaves_nothing():
    """A gnuplot that never comes to an end, and the interrupt comes as from Ctrl-C (to the group) or alone."""
    done("record", "adam", "--problem", "quadratic", "--steps", "5", "-o", "run.h5")
    os.mkdir("bin")
    write("bin/gnuplot", "#!/bin/sh\ntouch drawing\nexec sleep 600\n")
    os.chmod("bin/gnuplot", 0o755)
    for to_group in True, False:
        path = os.path.abspath("bin") + os.pathsep + os.environ["PATH"]
        process = subprocess.Popen([BINARY, "analyze", "run.h5", "--report", "new/report"], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, env=environment(PATH=path), start_new_session=True)
        deadline = time.monotonic() + 60
        while not os.path.exists("drawing") and time.monotonic() < deadline:
            time.sleep(0.05)
        check(os.path.exists("drawing"), "drawing never began")
        check(os.listdir("new/report"), "nothing under way")
        if to_group:
            os.killpg(process.pid, signal.SIGINT)
        else:
            process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
        equal(process.returncode, -(signal.SIGINT if to_group else signal.SIGTERM), err)
        check(b"interrupted" in err and out == b"", err)
        os.remove("drawing")
        equal(sorted(os.listdir(".")), ["bin", "run.h5"])


@case
def analyze_report_follows_links():
    done("record", "adam", "--problem", "quadratic", "--steps", "5", "-o", "run.h5")
    os.mkdir("report"), os.mkdir("elsewhere")
    os.symlink("../elsewhere/page", "report/index.html")
    done("analyze", "run.h5", "--report", "report", quiet=False)
    equal(os.listdir("elsewhere"), ["page"])
    check(os.path.islink("report/index.html"), "the link was replaced")
    os.remove("report/index.html"), os.mkdir("report/index.html")
    os.remove("report/analysis.json")
    refused(3, "report/index.html: cannot be written", "analyze", "run.h5", "--report", "report")
    for name in "analysis.json", "index.html":
        os.mkdir("own " + name)
        shutil.copy("run.h5", f"own {name}/{name}")
        refused(3, [name, "it is the run"], "analyze", f"own {name}/{name}", "--report", "own " + name)
        equal(open(f"own {name}/{name}", "rb").read(), open("run.h5", "rb").read())
    equal(os.listdir("report"), ["index.html"])


@case
def analyze_refused_files():
    needs_h5py()
    os.mkdir("folder")
    csv("g", [1, 2])
    content = open(make_run("run.h5"), "rb").read()
    refused(3, ["missing.h5"], "analyze", "missing.h5")
    refused(3, ["folder"], "analyze", "folder")
    refused(3, ["g", "HDF5"], "analyze", "g")
    refused(3, ["cut.h5"], "analyze", write("cut.h5", content[:len(content) // 2]))
    refused(3, ["cut.h5"], "analyze", write("cut.h5", b""))
    nan = float("nan")
    for change, needles in (
            ({"attr_format": "other"}, ["format", "other"]),
            ({"attr_version": 2}, ["version", "2"]),
            ({"gradient": None}, "gradient"),
            ({"update": None}, "update"),
            ({"loss": None}, "loss"),
            ({"update": [[1.0, 2.0, 3.0]] * 3}, ["update", "3"]),
            ({"update": [[1.0, 2.0]] * 4}, ["update", "2"]),
            ({"gradient": [1.0, 2.0]}, "gradient"),
            ({"loss": [1.0, 2.0]}, ["loss", "2"]),
            ({"loss": [[1.0]] * 4}, "loss"),
            ({"gradient": [[1, 2, 3]] * 4}, "gradient"),
            ({"groups__size": [1, 1]}, ["groups", "2", "3"]),
            ({"groups__size": [1, 2, 0]}, "groups"),
            ({"groups__name": ["only"]}, "groups"),
            ({"groups__size": numpy.zeros(0, int)}, ["/groups/size is empty", "there are no groups"]),
            ({"learning_rate": [0.1, 0.1, -0.5, 0.1]}, ["/learning_rate[2] is -0.5", "last good step is 1"]),
            ({"learning_rate": nan}, ["/learning_rate is NaN", "no good step"]),
            ({"update": [[1.0, 2.0, 3.0]] * 2 + [[1.0, nan, 2.0]] + [[1.0, 2.0, 3.0]]}, ["/update[2, 1]", "NaN", "last good step is 1"]),
            ({"gradient": [[1.0, 2.0, float("inf")]] * 4}, ["gradient", "inf"]),
            ({"loss": [1.0, 2.0, 3.0, nan, 1.0]}, ["/loss[3]", "NaN"]),
            ({"radius": [0.1, -1.0, 0.1, 0.1]}, ["radius", "-1"]),
            ({"gradient": numpy.zeros((0, 3)), "update": numpy.zeros((0, 3)), "loss": numpy.zeros(0)}, "step")):
        refused(3, ["bad.h5"] + ([needles] if isinstance(needles, str) else needles), "analyze",
                make_run("bad.h5", **change))
    make_run("bad.h5", update=[[nan, 2.0, 3.0]] + [[1.0, 2.0, 3.0]] * 2 + [[1.0, nan, 2.0]])
    refused(3, ["[3, 1]", "last good step is 2: use --steps 1:3"], "analyze", "bad.h5", "--steps", "1:")
    done("analyze", "bad.h5", "--steps", "1:3")
    refused(3, ["[3, 1]", "no good step from 3 on"], "analyze", "bad.h5", "--steps", "3:")
    make_run("bad.h5", update=[[1.0, 2.0, 3.0]] * 3 + [[1.0, nan, 2.0]])
    refused(3, "last good step is 2", "analyze", "bad.h5", "--report", "report")
    check(not os.path.exists("report"), "a report of a refused run")
    done("analyze", "bad.h5", "--steps", ":3", "--json")


@case
def analyze_without_an_effective_step():
    needs_h5py()
    result = done("analyze", make_run("run.h5", update=RUN["gradient"]), "--json").json()
    equal(result["verdicts"]["effective"], 0)
    equal(result["condition"], {"median": None, "max": None})


@case
def same_bytes_on_any_number_of_threads():
    done("record", "feedback-alignment", "--steps", "40", "-o", "run.h5")
    rng = random.Random(3)
    csv("g", [rng.gauss(0, 1) for _ in range(20000)]), csv("y", [rng.gauss(0.1, 1) for _ in range(20000)])
    for command in ["analyze", "run.h5", "--json"], ["metric", "g", "y", "--json", "--exact"], ["apply", "g", "y", "g"]:
        outputs = set()
        for threads in "1", "2", "5":
            result = run(*command, env=environment(OMP_NUM_THREADS=threads, OPENBLAS_NUM_THREADS=threads))
            equal(result.code, 0)
            outputs.add(result.out)
        equal(len(outputs), 1, command[0])


# ------------------------------------------------------------------------- arguments and manners

@case
def usage_errors():
    csv("g", [1, 2])
    for args, needle in (
            ([], "command"), (["metrics", "g", "g"], "did you mean metric?)"), (["frobnicate"], "known: metric"),
            (["--bogus"], "--bogus"), (["metric"], "G"), (["metric", "g"], "Y"), (["metric", "g", "g", "g"], "g"),
            (["metric", "g", "g", "--bogus"], "--bogus"), (["metric", "g", "g", "--alpha"], "--alpha"),
            (["metric", "g", "g", "--alpha", "1", "--alpha", "2"], "--alpha"),
            (["metric", "g", "g", "--alpha", "0"], "--alpha: '0' must be > 0"),
            (["metric", "g", "g", "--alpha", "-1"], "--alpha: '-1' must be > 0"),
            (["metric", "g", "g", "--alpha=-1"], "--alpha: '-1' must be > 0"),
            (["metric", "g", "g", "--alpha", "-0x1p3"], "must be > 0"),
            (["metric", "g", "g", "--alpha", "nan"], "--alpha: 'nan' must be finite"),
            (["metric", "g", "g", "--alpha", "inf"], "must be finite"),
            (["metric", "g", "g", "--alpha", "1e400"], "must be finite"),
            (["metric", "g", "g", "--alpha", "1e-400"], "too small"),
            (["metric", "g", "g", "--alpha", "big"], "--alpha: 'big' is not a number"),
            (["metric", "g", "g", "--alpha", "1,5"], "'1,5' is not a number"),
            (["metric", "g", "g", "--alpha", ""], "--alpha"),
            (["metric", "g", "g", "--radius", "-0.1"], "--radius: '-0.1' must be >= 0"),
            (["metric", "g", "g", "--radius", "nan"], "--radius: 'nan' must be finite"),
            (["apply", "g", "g", "g", "--alpha", "-1"], "--alpha: '-1' must be > 0"),
            (["apply", "g", "g", "g", "-o"], "--output"), (["analyze"], "RUN"), (["analyze", "a", "b"], "b")):
        result = refused(2, [needle, "--help"], *args)
        check("internal" not in result.err, result.err)
    # A bad option is told even when the data are bad too.
    refused(2, "--alpha", "metric", "missing", "missing", "--alpha", "0")


@case
def version_and_help():
    equal(done("--version").out, f"natgrad {VERSION}\n")
    for command in [], ["metric"], ["check"], ["apply"], ["record"], ["analyze"]:
        text = done(*command, "--help").out
        equal(done(*command, "-h").out, text)
        check("Example:" in text, command)
        for line in text.splitlines():
            check(len(line) <= 110, f"{command}: a line of {len(line)} characters")
    overview = done("--help").out
    for command in "metric", "check", "apply", "record", "analyze":
        check(f"  {command} " in overview, command)
        check("--json" in done(command, "--help").out, command)


@case
def help_examples_run():
    for command in [], ["metric"], ["check"], ["apply"], ["record"], ["analyze"]:
        text = done(*command, "--help").out
        example = text.split("Example:\n", 1)[1]
        lines = [line.strip() for line in example.splitlines() if line.startswith("  ")]
        check(any(line.startswith(" ".join(["natgrad", *command])) for line in lines), f"{command}: {lines}")
        env = environment(PATH=os.path.dirname(BINARY) + ":" + os.environ["PATH"])
        result = subprocess.run(["sh", "-ec", "\n".join(lines)], env=env, capture_output=True, timeout=300)
        equal(result.returncode, 0, f"{lines}: {result.stderr.decode()}")
        check(result.stdout, "the example prints something")


@case
def standard_output_that_cannot_be_written():
    csv("g", [5, 0]), csv("y", [3, 4])
    done("record", "adam", "--problem", "quadratic", "--steps", "3", "-o", "run.h5")
    for args in (["metric", "g", "y"], ["metric", "g", "y", "--json"], ["apply", "g", "y", "g"], ["--help"],
                 ["metric", "--help"], ["--version"], ["analyze", "run.h5"], ["record", "--list"]):
        with open("/dev/full", "w") as full:
            result = run(*args, stdout=full)
        equal(result.code, 3, args)
        check("standard output: cannot be written: No space left" in result.err, result.err)
        result = run(*args, stdout=None, preexec_fn=lambda: os.close(1))
        equal(result.code, 3, args)
        check("standard output: cannot be written: Bad file descriptor" in result.err, result.err)


@case
def closed_descriptors_are_not_reused():
    """A file or pipe that is opened while descriptors 0 to 2 are closed must not receive results or messages."""
    record = ["record", "heavy-ball", "--problem", "quadratic", "--steps", "100", "--progress", "-o"]
    done(*record, "with.h5", quiet=False)
    run(*record, "without.h5", preexec_fn=lambda: os.close(2))
    check(open("with.h5", "rb").read() == open("without.h5", "rb").read(), "progress went into the run file")
    run("analyze", "with.h5", "--report", "with")
    run("analyze", "with.h5", "--report", "without", stdout=None, preexec_fn=lambda: os.closerange(0, 3))
    for name in "index.html", "analysis.json":
        check(open("with/" + name).read() == open("without/" + name).read(), name)
    csv("g", [5, 0]), csv("y", [3, 4])
    before = open("g").read(), open("y").read()
    run("apply", "g", "y", "g", stdout=None, preexec_fn=lambda: os.close(1))
    equal((open("g").read(), open("y").read()), before)
    done("apply", "g", "y", "g", "-o", "out", stdout=None, preexec_fn=lambda: os.close(1))
    equal(len(open("out").read().splitlines()), 2)
    run("apply", "g", "y", "g", "-o", "out", preexec_fn=lambda: (os.close(0), os.close(2)))
    equal(len(open("out").read().splitlines()), 2)


@case
def broken_pipe():
    csv("g", [1.0] * 50000)

    def into_closed_pipe(ignored):
        read, write_end = os.pipe()
        os.close(read)
        handler = signal.SIG_IGN if ignored else signal.SIG_DFL
        process = subprocess.run([BINARY, "apply", "g", "g", "g"], stdout=write_end, stderr=subprocess.PIPE,
                                 env=environment(), preexec_fn=lambda: signal.signal(signal.SIGPIPE, handler))
        os.close(write_end)
        return process.returncode, process.stderr.decode()

    equal(into_closed_pipe(False), (-signal.SIGPIPE, ""))
    code, err = into_closed_pipe(True)
    equal(code, 3)
    check("the reader has gone" in err, err)
    result = subprocess.run(["sh", "-c", f"'{BINARY}' apply g g g | head -n 1"], capture_output=True, env=environment())
    equal((result.stdout, result.stderr), (b"1\n", b""))


@case
def messages_cannot_drive_a_terminal():
    name = "\033[31m\a\u009bé\u202e"
    for command in ["metric", name, name], ["analyze", name], ["record", "adam", "-o", name + "/x"], ["analyze", "x", name]:
        result = run(*command)
        check(result.code in (2, 3) and result.err, command)
        check(not any(c != "\n" and (c < " " or "\x7f" <= c < "\xa0" or c == "\u202e") for c in result.err),
              repr(result.err))
    check("\\x1b[31m\\x07" in run("metric", name, name).err, "escaped")
    check("\033" not in done("record", "adam", "--steps", "2", "-o", name).out, "standard output")
    summary = done("record", "adam", "--steps", "2", "-o", name, "--json")
    equal(summary.json()["file"], name)
    check(summary.out.isascii() and "\033" not in summary.out, summary.out)


@case
def progress_on_a_terminal_that_is_dumb():
    done("record", "adam", "--steps", "200", "-o", "run.h5")
    for terminal, escapes in ("dumb", False), ("xterm", True):
        leader, follower = pty.openpty()
        subprocess.run([BINARY, "analyze", "run.h5", "--json"], stdout=subprocess.DEVNULL, stderr=follower,
                       env=environment(TERM=terminal), check=True)
        os.close(follower)
        os.set_blocking(leader, False)
        try:
            text = os.read(leader, 1 << 16)
        except (BlockingIOError, OSError):
            text = b""
        os.close(leader)
        equal(b"\033" in text, escapes, terminal)


@case
def verify_command_line():
    def verify(*args, **options):
        options.setdefault("stdout", subprocess.PIPE)
        result = subprocess.run([VERIFY, *args], stderr=subprocess.PIPE, env=environment(), timeout=300, **options)
        return result.returncode, (result.stdout or b"").decode(), result.stderr.decode()

    for seed in "-1", "18446744073709551616", "1.5", "x", "", " 1":
        code, out, err = verify("--list", "--seed", seed)
        equal((code, out), (2, ""), seed)
        check("--seed" in err and "18446744073709551615" in err, err)
    for wrong in ["--cases", "0"], ["--cases", "-3"], ["--cases", "x"], ["--claim", "gram.nothing"], ["--nothing"], ["extra"]:
        code, out, err = verify("--seed", "1", *wrong)
        check(code == 2 and err, wrong)
    for option in ["--claim", "a\033b"], ["--seed", "\u009b"], ["--cases", "x\x7f"], ["--\033"]:
        code, _, err = verify(*option)
        equal(code, 2, option)
        check(err.startswith("natgrad-verify: ") and not any(c < " " and c != "\n" or "\x7f" <= c < "\xa0" for c in err), err)
    equal(verify("--version"), (0, f"natgrad-verify {VERSION}\n", ""))
    check("scalars." not in verify("--list", "--claim", "gram")[1], "a row")
    with open("/dev/full", "w") as full:
        for args in ["--list"], ["--list", "--json"], ["--claim", "gram.serialise", "--cases", "1"]:
            code, _, err = verify(*args, stdout=full)
            equal(code, 3, args)
            check("cannot be written" in err, err)
    seeds = "--claim", "gram.serialise", "--cases", "10", "--seed", "18446744073709551615"
    code, out, err = verify(*seeds, "--json")
    report = json.loads(out)
    equal((code, report["seed"], report["passed"]), (0, 18446744073709551615, True))
    code, out, err = verify(*seeds)
    check(code == 0 and out.startswith("seed 18446744073709551615\n") and err == "", (out, err))


@case
def messages_survive_a_full_standard_error():
    csv("g", [1, 0]), csv("y", [-1, 0])
    with open("/dev/full", "w") as full:
        process = subprocess.run([BINARY, "metric", "g", "y", "--json"], stdout=subprocess.PIPE, stderr=full)
    equal(process.returncode, 4)
    equal(json.loads(process.stdout)["verdict"], "not_effective")


@case
def locale_changes_nothing():
    os.mkdir("locales")
    made = subprocess.run(["localedef", "-i", "de_DE", "-f", "UTF-8", "locales/de_DE.UTF-8"], capture_output=True)
    if made.returncode > 1:  # 1: with warnings
        raise Skip("no locale with a decimal comma can be made; Debian's package locales has them")
    comma = environment(LC_ALL="de_DE.UTF-8", LOCPATH=os.path.abspath("locales"))
    equal(subprocess.run(["locale", "decimal_point"], env=comma, capture_output=True, text=True).stdout, ",\n")
    csv("g", [0.5, 1]), csv("y", [3, 4])
    done("record", "adam", "--steps", "3", "-o", "run.h5")
    for command in ["metric", "g", "y", "--json"], ["metric", "g", "y"], ["apply", "g", "y", "g", "--alpha", "1.5"], \
            ["analyze", "run.h5"], ["analyze", "run.h5", "--json"], ["record", "--list"]:
        equal(done(*command, env=comma).out, done(*command).out, command)


# ------------------------------------------------------------------------- all of them

def main():
    sys.stdout.reconfigure(line_buffering=True)
    chosen = [function for function in CASES if ONLY in function.__name__]
    print(f"1..{len(chosen)}")
    counts = {"ok": 0, "not ok": 0, "skip": 0}
    start = os.getcwd()
    for number, function in enumerate(chosen, 1):
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            try:
                function()
                counts["ok"] += 1
                print(f"ok {number} - {function.__name__}")
            except Skip as reason:
                counts["skip"] += 1
                print(f"ok {number} - {function.__name__} # SKIP {reason}")
            except Exception as error:  # a case that breaks is a failure like any other
                counts["not ok"] += 1
                print(f"not ok {number} - {function.__name__}")
                place = error.__traceback__.tb_next
                while place and place.tb_next and place.tb_next.tb_frame.f_code.co_name == function.__name__:
                    place = place.tb_next
                where = f"line {place.tb_lineno}: " if place else ""
                for line in f"{where}{type(error).__name__}: {error}".splitlines():
                    print(f"# {line[:2000]}")
            finally:
                os.chdir(start)
    print(f"# {counts['ok']} passed, {counts['not ok']} failed, {counts['skip']} skipped")
    return 1 if counts["not ok"] or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
