#!/usr/bin/env python3
"""test_summary.py TESTLOG.json: the last line of a test run, `N passed, N failed, N skipped`, and why tests were skipped."""
import json
import sys

passed = failed = skipped = 0
with open(sys.argv[1], encoding="utf-8") as log:
    for line in log:
        test = json.loads(line)
        if test["result"] in ("OK", "EXPECTEDFAIL"):
            passed += 1
        elif test["result"] == "SKIP":
            skipped += 1
            reason = (test.get("stdout") or test.get("stderr") or "no reason given").strip().splitlines()
            print(f"skipped {test['name']}: {reason[-1] if reason else 'no reason given'}")
        else:
            failed += 1
            print(f"failed {test['name']}: {test['result']}")
print(f"{passed} passed, {failed} failed, {skipped} skipped")
