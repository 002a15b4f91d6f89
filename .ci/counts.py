"""Add up the counts of pytest's reports: `counts.py REPORT.xml …` prints `N passed, N failed, N skipped`."""

import sys
from xml.etree import ElementTree

KINDS = ("tests", "failures", "errors", "skipped")
suites = [suite for path in sys.argv[1:] for suite in ElementTree.parse(path).iter("testsuite")]  # noqa: S314  # ours
tests, failures, errors, skipped = (sum(int(suite.get(kind, 0)) for suite in suites) for kind in KINDS)
print(f"{tests - failures - errors - skipped} passed, {failures + errors} failed, {skipped} skipped")
