"""`make alerts`: each alert of the chart rings by its cause, on an installation with its own Prometheus.

`python -m tests.e2e.alerts [--only NAMES] [--keep]`. What came of it is the section "alerts" of `tests/e2e/results.md`,
which is written when all were asked for; the exit code is 1 where an alert rang before its cause, didn't ring by it, or
went on after its end.
"""

import argparse
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import date
from http.client import HTTPException

from tests.cluster.cluster import Cluster
from tests.cluster.fault import ClusterError
from tests.cluster.phases import phase
from tests.cluster.waits import until
from tests.e2e.alerts import stage
from tests.e2e.alerts.causes import ALL, EXCUSED, LATE
from tests.e2e.alerts.contract import Cause, Scene
from tests.e2e.installed import images, models, runs
from tests.e2e.installed.__main__ import cluster_with_images
from tests.e2e.installed.airflow import Airflow
from tests.e2e.installed.installation import PASSWORD, USER
from tests.e2e.installed.watch import PodWatch
from tests.e2e.proof import Report
from tests.e2e.watching.prometheus import Prometheus

SECTION = "alerts"
RING_LIMIT, CALM_LIMIT, LATE_LIMIT = 600.0, 420.0, 1800.0
SETTLE_LIMIT = 90.0
PAUSE = 1.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Do it; return 1 where something isn't as it should be."""
    known = {cause.name: cause for cause in (*ALL, *LATE)}
    parser = argparse.ArgumentParser(
        prog="python -m tests.e2e.alerts", description="Have every alert ring by its cause."
    )
    parser.add_argument("--only", default=", ".join(known), help=f"causes, with commas between: {', '.join(known)}")
    parser.add_argument("--keep", action="store_true", help="leave the cluster up")
    options = parser.parse_args(arguments)
    names = [name.strip() for name in options.only.split(",")]
    if unknown := set(names) - set(known):
        parser.error(f"no such cause: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    report = Report()
    with (
        cluster_with_images(images.WATCHING, keep=options.keep) as cluster,
        report.broken_off(),
        scene(cluster) as (found, prometheus),
        Rings(prometheus) as rings,
    ):
        began = time.monotonic()
        for cause in ALL:
            if cause.name in names:
                ring(cause, found, rings, report)
        for cause in LATE:
            if cause.name in names:
                ring(cause, found, rings, report, began)
    for alert, why in EXCUSED.items():
        report.say(alert, f"left out: {why}")
    if set(names) == set(known):
        thresholds = ", ".join(f"{name} {value}" for name, value in stage.THRESHOLDS.items())
        report.write(
            SECTION,
            "Every alert, by its cause",
            f"`make alerts` on {date.today()}: an installation with its own Prometheus, which scrapes each 15 s. What "
            f"must last rings after {stage.LASTING} here (`monitoring.rules.alerts`), and some thresholds are lower: "
            f"{thresholds}. No alert may ring before its cause; of those that end with it, the end is waited for.",
        )
    return report.end("alerts")


@contextmanager
def scene(cluster: Cluster) -> Iterator[tuple[Scene, Prometheus]]:
    """The installation, with a version of two models in service, and its Prometheus."""
    with phase("helm install, until every pod is ready"):
        installation = stage.install(cluster)
    with ExitStack() as stack:
        prometheus = Prometheus(stack.enter_context(installation.forward("prometheus", 9090)))
        port = stack.enter_context(installation.forward("airflow-api-server", 8080))
        airflow = Airflow(f"http://127.0.0.1:{port}", USER, PASSWORD)
        pods, executor = stack.enter_context(PodWatch(installation)), stack.enter_context(ThreadPoolExecutor())
        with phase("a version of two models in service"):
            runs.put_rows(installation, models.ROWS, models.dearer(1))
            for model in (stage.MODEL, stage.OTHER):
                runs.bring_into_service(installation, model, f"alerts-first-{model}")
        yield Scene(installation, airflow, pods, executor), prometheus


class Rings:
    """Which alerts ring, asked each second while the context lasts."""

    def __init__(self, prometheus: Prometheus) -> None:
        self._prometheus = prometheus
        self.now: set[str] = set()
        self.first: dict[str, float] = {}
        """When an alert was first seen to ring, of those that do."""
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> "Rings":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _follow(self) -> None:
        while not self._stopped.wait(PAUSE):
            try:
                found = self._prometheus.firing()
            except (OSError, HTTPException):  # its port is being forwarded anew
                continue
            for alert in found - self.now:
                self.first[alert] = time.monotonic()
            self.now = found


def ringing(cause: Cause, rings: Rings) -> set[str]:
    """Return the alerts of a cause that ring before it, once what came before it has had time to be forgotten."""
    forgotten = time.monotonic() + SETTLE_LIMIT
    until(
        f"what came before {cause.name} forgotten",
        lambda: not rings.now & set(cause.alerts) or time.monotonic() > forgotten,
        SETTLE_LIMIT + 5,
        interval=PAUSE,
    )
    return rings.now & set(cause.alerts)


def ring(cause: Cause, found: Scene, rings: Rings, report: Report, began: float | None = None) -> None:
    """Have it be so until its alerts ring, and end it until they don't; what goes wrong is told, and the next comes.

    Args:
        cause: what is done.
        found: where.
        rings: who follows the alerts.
        report: where it is told.
        began: since when it has been so, of what is there from the beginning; nothing asks then whether it rang before.
    """
    before = set() if began else ringing(cause, rings)
    try:
        began = began or time.monotonic()
        with cause.brought(found) as again:

            def all_ring() -> bool:
                if again:
                    again()
                return set(cause.alerts) <= rings.now

            limit = RING_LIMIT if cause in ALL else LATE_LIMIT
            until(f"{' and '.join(cause.alerts)} ring by {cause.name}", all_ring, limit, interval=PAUSE)
            rang = {alert: rings.first[alert] - began for alert in cause.alerts}
        ended = time.monotonic()
        ending = set(cause.alerts) - set(cause.stays)
        until(f"{' and '.join(ending)} silent", lambda: not ending & rings.now, CALM_LIMIT, interval=PAUSE)
        silent = time.monotonic() - ended
    except (ClusterError, AssertionError, OSError) as error:
        told = " ".join(str(error).split()).replace("|", "/")[:300]
        report.promise(False, cause.name, f"{cause.what}: {told}")
        return
    for alert in cause.alerts:
        figure = f"{cause.what}: rings after {max(rang[alert], 0):.0f} s"
        figure += f", silent {silent:.0f} s after its end" if alert in ending else ""
        report.promise(alert not in before, alert, f"{figure}{'; rang before' if alert in before else ''}")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ClusterError as error:
        sys.exit(f"alerts: {error}")
