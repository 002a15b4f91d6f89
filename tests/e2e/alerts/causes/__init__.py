"""The causes, in the order in which they are brought about."""

from collections.abc import Mapping

from tests.e2e.alerts.causes import away, long_ago, platform, runs, serving
from tests.e2e.alerts.contract import Cause

SIDE_BY_SIDE: tuple[tuple[Cause, ...], ...] = (
    (runs.WORSE,),
    (runs.CUT_OFF,),
    (runs.BROKEN,),
    (runs.ASKED, serving.NOTHING_THERE),
    (runs.NO_ROOM,),
    (runs.STRANGE, platform.CONNECTIONS, platform.RESTARTS),
    (runs.REGULAR, serving.DRIFT, serving.POINTER),
    (serving.HALF, away.SCHEDULER, platform.FULL),
    (serving.LARGE,),
    (away.SERVING, away.MINIO),
    (away.POSTGRES,),
)
"""One group after the other; of a group all are brought about before one is waited for, and the last ends first."""
LATE: tuple[Cause, ...] = (long_ago.OLD, long_ago.NOWHERE)
"""From the installation on; waited for after all others."""
ALL: tuple[Cause, ...] = (*(cause for group in SIDE_BY_SIDE for cause in group), *LATE)
EXCUSED: Mapping[str, str] = {
    "MolinoCertificateExpires": "the test cluster has no cert-manager",
    "MolinoCountersLost": "a worker has room for the counters of some 60,000 models",
}
"""Alerts that nothing here makes ring, and why."""
