#!/usr/bin/env python3
"""Kill points are in a build with -Dkill_points=true, and no trace of them in any other.

usage: check_points.py true|false SOURCE_HEADER TPRUN PROGRAM..."""
import re
import subprocess
import sys

wanted, header, tprun, *programs = sys.argv[1:]
with open(header, encoding="utf-8") as f:
    names = re.findall(r'X\([A-Z_]+, "([a-z_.]+)"\)', f.read())
assert len(names) > 30, names
listed = subprocess.run([tprun, "--fault-points"], capture_output=True, text=True, check=False)
if wanted == "true":
    assert listed.stdout.split() == names, listed
else:
    assert listed.returncode == 2 and not listed.stdout, listed
for program in [tprun, *programs]:
    with open(program, "rb") as f:
        code = f.read()
    found = [name for name in ["TPRUN_KILL", "--fault-points", *names] if name.encode() + b"\0" in code]
    if wanted == "true":
        assert "TPRUN_KILL" in found, program
    else:
        assert not found, f"{program} has {found}"
