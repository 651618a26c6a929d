#!/usr/bin/env python3
# natgrad: writes lib/kernels/elementary_tables.hpp to standard output, from series in integers of 320 bits.
# With --coq, the same entries for proofs/ElementaryTables.v, which proves them.
#
# fast_scalars_test recomputes every entry with MPFR; tables_test compares both files with this script's output.
import math
import sys

BITS = 320
ONE = 1 << BITS


def odd_series(numerator, denominator, sign):
    """Sum of sign^k t^(2k+1)/(2k+1) for t = numerator/denominator: atanh t, or atan t for sign -1."""
    power = ONE * numerator // denominator
    total, k = 0, 0
    while power != 0:
        total += sign ** k * power // (2 * k + 1)
        power = power * numerator * numerator // (denominator * denominator)
        k += 1
    return total


def ln(numerator, denominator):
    return 2 * odd_series(numerator - denominator, numerator + denominator, 1)


def atan(numerator, denominator):
    """Through atan x = pi/4 - atan((1 - x)/(1 + x)) above 1/2."""
    if 2 * numerator > denominator:
        return PI // 4 - atan(denominator - numerator, denominator + numerator)
    return odd_series(numerator, denominator, -1)


def nearest(value):
    """The double nearest to value/ONE, and what is left of the value. (float() of a huge integer would truncate.)"""
    result = value / ONE  # Python rounds quotients of integers correctly
    numerator, denominator = result.as_integer_ratio()
    return result, value - ONE * numerator // denominator


def pair(value):
    high, rest = nearest(value)
    return high, nearest(rest)[0]


def lines_of(entries):
    return ["    " + " ".join(entries[i:i + 2]) for i in range(0, len(entries), 2)]


def array(name, comment, values):
    entries = [f"{{{high.hex()}, {low.hex()}}}," for high, low in map(pair, values)]
    return [f"/// {comment}", f"static constexpr double {name}[{len(entries)}][2] = {{", *lines_of(entries), "};"]


def integers(double):
    """m, e with the double m 2^e, m of 53 bits."""
    fraction, exponent = math.frexp(double)
    return f"{int(fraction * 2 ** 53):#x}, {exponent - 53}"


def coq_list(name, comment, values):
    entries = [f"({integers(high)}, {integers(low)}) ::" for high, low in map(pair, values)]
    return [f"(* {comment} *)", f"Definition {name} : list quadruple := (", *lines_of(entries), "    nil)%Z."]


PI = 16 * odd_series(1, 5, -1) - 4 * odd_series(1, 239, -1)
TABLES = [
    ("constants", "ln 2, pi/2, pi, 1/3, 1/5.", [ln(2, 1), PI // 2, PI, ONE // 3, ONE // 5]),
    ("log_table", "ln(1 + (2i + 1)/256).", [ln(256 + 2 * i + 1, 256) for i in range(128)]),
    ("atan_table", "atan(i/256).", [atan(i, 256) for i in range(257)]),
]
HEAD = """// natgrad: constants of double-word logarithms and arctangents, each the two leading doubles of its value.
// Text that is included inside an unnamed namespace. Written by tests/reference/make_tables.py.

// clang-format off"""

if sys.argv[1:] == ["--coq"]:
    print("\n".join(line for table in TABLES for line in coq_list(*table)))
elif sys.argv[1:]:
    sys.exit("Usage: make_tables.py [--coq]")
else:
    print("\n".join([HEAD, *(line for table in TABLES for line in array(*table)), "// clang-format on"]))
