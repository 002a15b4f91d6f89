"""The causes, in the order in which they are brought about."""

from collections.abc import Mapping

from tests.e2e.alerts.causes import away, long_ago, platform, runs, serving
from tests.e2e.alerts.contract import Cause

ALL: tuple[Cause, ...] = (*long_ago.CAUSES, *runs.CAUSES, *away.LATE, *serving.CAUSES, *platform.CAUSES, *away.CAUSES)
EXCUSED: Mapping[str, str] = {
    "MolinoCertificateExpires": "the test cluster has no cert-manager",
    "MolinoCountersLost": "a worker has room for the counters of thousands of models",
}
"""Alerts that nothing here makes ring, and why."""
