#!/usr/bin/env python3
"""Prints `N passed, N failed, N skipped` over the Swift tests and the other checks; exit status 1 if any failed."""
import re
import sys
from pathlib import Path

results, swift_status = Path(sys.argv[1]), int(sys.argv[2])
text = (results / "swift.txt").read_text(errors="replace")
passed = len(re.findall(r"^. Test (?!run ).* passed after", text, re.M))
failed = len(re.findall(r"^. Test (?!run ).* failed after", text, re.M))
skipped = re.findall(r'^. Test "(.*)" skipped(?:: "(.*)")?\.?$', text, re.M)
for name, why in skipped:
    print(f"skipped {name}: {why}")
if swift_status != 0 and failed == 0:
    print(text[-3000:])
    failed = 1
for line in (results / "checks").read_text().splitlines():
    if line.startswith("passed"):
        passed += 1
    elif line.startswith("failed"):
        failed += 1
        print(line)
    else:
        skipped.append((line, ""))
print(f"{passed} passed, {failed} failed, {len(skipped)} skipped")
sys.exit(1 if failed or not passed else 0)
