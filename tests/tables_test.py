#!/usr/bin/env python3
"""natgrad: the tables of the code and those that the proofs are about are what make_tables.py writes.

Usage: tables_test.py ROOT

Compares lib/kernels/elementary_tables.hpp, and the marked part of proofs/ElementaryTables.v, with the output of
tests/reference/make_tables.py, byte for byte. Exit code 1 if they differ. First it tries itself: one digit that is
changed in either text must be noticed.
"""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

SCRIPT = "tests/reference/make_tables.py"
HEADER = "lib/kernels/elementary_tables.hpp"
PROOFS = "proofs/ElementaryTables.v"
BEGIN = b"(* Written by tests/reference/make_tables.py --coq *)\n"
END = b"(* End of the written part *)\n"


def difference(name: str, text: bytes, expected: bytes, first_line: int = 1) -> str | None:
    """The first line that differs, or None. `text` begins at line `first_line` of the file."""
    if text == expected:
        return None
    found, wanted = text.splitlines(keepends=True), expected.splitlines(keepends=True)
    at = next((i for i, lines in enumerate(zip(found, wanted)) if lines[0] != lines[1]), min(len(found), len(wanted)))
    there, written = (lines[at] if at < len(lines) else "nothing more" for lines in (found, wanted))
    return f"{name}:{first_line + at}: not what {SCRIPT} writes\n  there:   {there!r}\n  written: {written!r}"


def marked(text: bytes) -> tuple[bytes, int] | None:
    """What is between the marks, which must be there once and in this order, and the number of its first line."""
    lines = text.splitlines(keepends=True)
    if lines.count(BEGIN) != 1 or lines.count(END) != 1 or lines.index(BEGIN) > lines.index(END):
        return None
    begin = lines.index(BEGIN) + 1
    return b"".join(lines[begin:lines.index(END)]), begin + 1


def header_fault(text: bytes, expected: bytes) -> str | None:
    return difference(HEADER, text, expected)


def proofs_fault(text: bytes, expected: bytes) -> str | None:
    part = marked(text)
    if part is None:
        return f"{PROOFS}: the part between {BEGIN.decode().strip()} and {END.decode().strip()} is not there once"
    return difference(PROOFS, part[0], expected, part[1])


def is_noticed(check: Callable[[bytes, bytes], str | None], text: bytes, expected: bytes) -> bool:
    """Whether a hexadecimal digit that is changed in the middle of the text's tables is told, with its line."""
    numbers = list(re.finditer(rb"0x[0-9a-f.]+", text))
    at = numbers[len(numbers) // 2].end() - 1
    changed = text[:at] + (b"1" if text[at:at + 1] != b"1" else b"2") + text[at + 1:]
    line = text.count(b"\n", 0, at) + 1
    return f":{line}: " in (check(changed, expected) or "")


def main() -> int:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    root = Path(sys.argv[1])
    wrong = []
    for name, options, check in ((HEADER, [], header_fault), (PROOFS, ["--coq"], proofs_fault)):
        expected = subprocess.run([sys.executable, root / SCRIPT, *options], stdout=subprocess.PIPE, check=True).stdout
        text = (root / name).read_bytes()
        if fault := check(text, expected):
            wrong.append(fault)
        elif not is_noticed(check, text, expected):
            wrong.append(f"{name}: a changed digit is not noticed; this test is wrong")
    print(*wrong or ["the tables of the code and of the proofs are those of the script"], sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
