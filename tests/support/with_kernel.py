"""natgrad: runs a program with one of the kernels; skipped where this machine does not have it.

Usage: with_kernel.py KERNELS_TEST KERNEL PROGRAM [arguments]
"""

import os
import subprocess
import sys

SKIPPED = 77

kernels_test, kernel, *command = sys.argv[1:]
available = subprocess.run([kernels_test, "--available"], capture_output=True, text=True, check=True).stdout.split()
if kernel not in available:
    print(f"this machine has {', '.join(available)}")
    sys.exit(SKIPPED)
sys.exit(subprocess.run(command, env=dict(os.environ, NATGRAD_KERNEL=kernel), check=False).returncode)
