"""natgrad: what is compiled for one instruction set shares no symbol with anything else, so that no linker can pick its
version of a function for a processor that cannot run it.

Usage: kernel_symbols_test.py ARCHIVE...      (prints TAP)
"""

import subprocess
import sys

# What compilers may call by themselves.
ALLOWED = {"memcpy", "memset", "memmove", "__stack_chk_fail", "_GLOBAL_OFFSET_TABLE_"}


def main() -> int:
    archives = sys.argv[1:]
    print(f"1..{max(len(archives), 1)}")
    if not archives:
        print("ok 1 - kernels # SKIP none for this processor")
    failed = False
    for number, archive in enumerate(archives, 1):
        listing = subprocess.run(["nm", archive], capture_output=True, text=True, check=True).stdout
        wrong, tables = [], 0
        for line in listing.splitlines():
            fields = line.split()
            if len(fields) < 2 or line.endswith(":"):
                continue
            kind, name = fields[-2], fields[-1]
            if kind == "U" and name not in ALLOWED:
                wrong.append(f"calls {name}")
            elif kind in "DR":
                tables += 1
            elif kind != "U" and kind.isupper():
                wrong.append(f"shares {name} ({kind})")
        good = not wrong and tables == 1
        failed = failed or not good
        print(f"{'ok' if good else 'not ok'} {number} - {archive}: {tables} table, {', '.join(wrong) or 'nothing shared'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
