#!/usr/bin/env python3
"""check_headers.py SOURCE CC...: every header of src/ compiles alone, in both precisions."""
import os
import subprocess
import sys

source, compiler = sys.argv[1], sys.argv[2:]
bad = n = 0
for folder, _, names in sorted(os.walk(os.path.join(source, "src"))):
    for name in sorted(names):
        if not name.endswith(".h"):
            continue
        header = os.path.relpath(os.path.join(folder, name), os.path.join(source, "src"))
        for precision in ([], ["-DTPRUN_DOUBLE"]):
            n += 1
            done = subprocess.run(
                compiler + ["-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-I" + os.path.join(source, "src"), *precision, "-x", "c", "-"],
                input=f'#include "{header}"\n', text=True, capture_output=True)
            if done.returncode:
                bad += 1
                print(f"{header} {' '.join(precision)}\n{done.stderr}")
if n == 0:
    sys.exit("no header was found")
print(f"{n} compilations of a header alone, {bad} failed")
sys.exit(bad > 0)
