"""`make alerts`: each alert of the chart rings by its cause, on an installation with its own Prometheus.

`python -m tests.e2e.alerts [--only CAUSES] [--keep]`. What came of it are rows of the section "alerts" of
`tests/e2e/results.md`; the exit code is 1 where an alert rang before its cause, didn't ring by it, or went on after its
end.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import date

from tests.cluster.cluster import Cluster
from tests.cluster.fault import ClusterError
from tests.cluster.phases import phase
from tests.e2e.alerts import stage, table
from tests.e2e.alerts.causes import ALL, EXCUSED, LATE, SIDE_BY_SIDE
from tests.e2e.alerts.contract import Scene
from tests.e2e.alerts.table import Row
from tests.e2e.alerts.trial import LATE_LIMIT, RING_LIMIT, Rings, Trial, try_together
from tests.e2e.installed import images, models, runs
from tests.e2e.installed.__main__ import cluster_with_images
from tests.e2e.installed.airflow import Airflow
from tests.e2e.installed.installation import PASSWORD, USER
from tests.e2e.installed.watch import PodWatch
from tests.e2e.watching.prometheus import Prometheus


def main(arguments: Sequence[str] | None = None) -> int:
    """Do it; return 1 where something isn't as it should be."""
    known = {cause.name: cause for cause in ALL}
    parser = argparse.ArgumentParser(
        prog="python -m tests.e2e.alerts", description="Have each alert ring by its cause."
    )
    parser.add_argument("--only", default=", ".join(known), help=f"causes, with commas between: {', '.join(known)}")
    parser.add_argument("--keep", action="store_true", help="leave the cluster up")
    options = parser.parse_args(arguments)
    names = {name.strip() for name in options.only.split(",")}
    if unknown := names - set(known):
        parser.error(f"no such cause: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    with cluster_with_images(images.WATCHING, keep=options.keep) as cluster, scene(cluster) as (found, prometheus):
        faults = []
        with Rings(prometheus) as rings:
            began = time.monotonic()
            for group in (*SIDE_BY_SIDE, LATE):
                limit = (RING_LIMIT, None) if group is not LATE else (LATE_LIMIT, began)
                trials = [Trial(cause, found, rings, *limit) for cause in group if cause.name in names]
                faults += try_together(trials)
                table.write(row for trial in trials for row in trial.rows())
    if names == set(known):
        table.write(Row(alert, f"none: {why}", "not tried", "", date.today()) for alert, why in EXCUSED.items())
    print(f"alerts: {len(names)} causes; {'; '.join(faults) or 'each rang by its cause alone'}", file=sys.stderr)
    return 1 if faults else 0


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


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ClusterError as error:
        sys.exit(f"alerts: {error}")
