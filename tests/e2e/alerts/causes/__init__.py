"""The causes, in the order in which they are brought about."""

from collections.abc import Mapping

from tests.e2e.alerts.causes import away, long_ago, platform, runs, serving
from tests.e2e.alerts.contract import Cause

ALL: tuple[Cause, ...] = (*runs.CAUSES, *serving.CAUSES, *platform.CAUSES, *away.CAUSES)
"""One after the other."""
LATE: tuple[Cause, ...] = long_ago.CAUSES
"""From the installation on; waited for after all others."""
EXCUSED: Mapping[str, str] = {
    "MolinoCertificateExpires": "the test cluster has no cert-manager",
    "MolinoCountersLost": "a worker has room for the counters of many more models than fit on the test cluster",
}
"""Alerts that nothing here makes ring, and why."""
