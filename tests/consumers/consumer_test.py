"""natgrad: installs the build into an empty prefix and builds a downstream program in both ways of the README.

Usage: consumer_test.py BUILD_DIR SOURCE_DIR CXX...      (prints TAP)
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

EXPECTED_START = "angle 0.17"


def run(command, environment, where=None):
    result = subprocess.run(command, env=environment, cwd=where, capture_output=True, text=True, check=False)
    if result.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}\n{result.stdout}{result.stderr}")
    return result.stdout


def check_output(text):
    if not text.startswith(EXPECTED_START) or "M g == y: true" not in text:
        raise RuntimeError(f"unexpected output:\n{text}")


def main():
    build, source, compiler = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        stage = Path(folder)
        plain = dict(os.environ)
        run(["meson", "install", "-C", build, "--no-rebuild", "--destdir", stage / "root"], plain)
        pc = next((stage / "root").rglob("natgrad.pc"))
        plain.pop("LD_LIBRARY_PATH", None)
        environment = plain | {"PKG_CONFIG_PATH": str(pc.parent)}
        library = {"LD_LIBRARY_PATH": str(pc.parent.parent)}  # not where the dynamic linker looks by itself

        def with_pkg_config():
            flags = run(["pkg-config", "--cflags", "--libs", "natgrad"], environment).split()
            program = stage / "by-pkg-config"
            run([*compiler, "-std=c++20", source / "consumer.cpp", "-o", program, *flags], environment)
            check_output(run([program], plain | library))

        def with_meson():
            run(["meson", "setup", stage / "build", source], environment)
            run(["ninja", "-C", stage / "build"], environment)
            check_output(run([stage / "build" / "consumer"], plain))

        def installed_programs():
            for name in ("natgrad", "natgrad-verify"):
                program = next((stage / "root").rglob(f"bin/{name}"))
                run([program, "--version"], plain)

        print("1..3", flush=True)
        for number, test in enumerate((with_pkg_config, with_meson, installed_programs), 1):
            try:
                test()
                print(f"ok {number} - {test.__name__}", flush=True)
            except (RuntimeError, StopIteration) as error:
                failures += 1
                print(f"not ok {number} - {test.__name__}", flush=True)
                print("\n".join("# " + line for line in str(error).splitlines()), flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
