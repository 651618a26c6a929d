"""natgrad: runs the Meson test suite and prints the number of cases as its last line.

Usage: run_tests.py BUILD_DIR [arguments for `meson test`]
"""

import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path


def main() -> int:
    build, arguments = Path(sys.argv[1]), sys.argv[2:]
    log = build / "meson-logs" / "testlog.junit.xml"
    log.unlink(missing_ok=True)
    command = ["meson", "test", "-C", str(build), "--no-rebuild", "--print-errorlogs", *arguments]
    status = subprocess.run(command, check=False).returncode
    if not log.exists():
        print("run_tests.py: no test ran", file=sys.stderr)
        return status or 1
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    failed, skipped = [], []
    for suite in ElementTree.parse(log).getroot().iter("testsuite"):
        for case in suite.iter("testcase"):
            name = f"{suite.get('name')}: {case.get('name')}"
            if case.find("failure") is not None or case.find("error") is not None:
                counts["failed"] += 1
                failed.append(name)
            elif case.find("skipped") is not None:
                counts["skipped"] += 1
                skipped.append(name)
            else:
                counts["passed"] += 1
    for title, names in (("skipped", skipped), ("failed", failed)):
        for name in names:
            print(f"{title}: {name}")
    if status and not failed:  # a program that died before it could count
        counts["failed"] += 1
    print(", ".join(f"{count} {what}" for what, count in counts.items()), flush=True)
    return status or (1 if counts["failed"] else 0)


if __name__ == "__main__":
    sys.exit(main())
