"""`make upgrades`: from the last release's chart and images to these and back, while requests come without a pause.

`python -m tests.e2e.upgrades [--from REVISION] [--requests N] [--keep]`. What happened is the section "upgrades" of
`tests/e2e/results.md`; the exit code is 1 where a request failed or something wasn't as before.
"""

import argparse
import sys
from datetime import date
from pathlib import Path

from tests.cluster.cluster import Cluster
from tests.cluster.fault import ClusterError
from tests.cluster.waits import until
from tests.e2e.drill import contents
from tests.e2e.installed import images, models, runs
from tests.e2e.installed.__main__ import cluster_with_images
from tests.e2e.installed.installation import CHART, Installation
from tests.e2e.installed.load import Load
from tests.e2e.installed.test_install import EXAMPLE
from tests.e2e.proof import Report
from tests.e2e.upgrades import release

REQUESTS = 50_000
MODEL = "homes"
NAMESPACE = "molino"
LIMIT = 900


def main() -> int:
    """Do it; return 1 where a request failed or something wasn't as before."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.upgrades", description="Upgrade under load, and back.")
    parser.add_argument("--from", dest="revision", help="of git; the last release when none is named")
    parser.add_argument("--requests", type=int, default=REQUESTS)
    parser.add_argument("--keep", action="store_true", help="leave the cluster and the installation up")
    options = parser.parse_args()
    revision = options.revision or release.newest()
    report = Report()
    with cluster_with_images(keep=options.keep) as cluster, release.checked_out(revision) as tree:
        release.build(cluster, tree)
        with report.broken_off():
            prove(cluster, tree, report, options.requests)
    arguments = [f"--from {options.revision}"] if options.revision else []
    arguments += [f"--requests {options.requests}"] if options.requests != REQUESTS else []
    again = f'make upgrades ARGS="{" ".join(arguments)}"' if arguments else "make upgrades"
    report.write(
        "upgrades",
        "Upgraded under load, and back",
        f"`{again}` on {date.today()}: chart and images of revision `{revision[:12]}`, then `helm upgrade` to those of "
        "this tree, then `helm rollback`. One pod of serving, requests of one row through the ingress without a pause "
        "over 4 connections.",
    )
    return report.end("upgrades")


def prove(cluster: Cluster, tree: Path, report: Report, requests: int) -> None:
    """Do all of it, one after the other."""
    found = Installation(cluster, NAMESPACE, starts=20)
    found.make_namespace()
    with report.time("`helm install` of the last release, until every pod is ready"):
        upgrade(found, tree / "charts" / "molino", release.REGISTRY)
    run_once(found, "before")
    state = seen(found)
    with Load(found, MODEL, EXAMPLE) as load:
        with report.time("`helm upgrade` to this tree, until every pod is ready"):
            upgrade(found, CHART, "localhost")
        compare(report, "after the upgrade", state, seen(found))
        with report.time("`helm rollback`, until every pod is ready"):
            found.helm("rollback", found.release)
            found.wait_ready()
        compare(report, "after the rollback", state, seen(found))
        until(f"{requests} answers", lambda: load.answered >= requests, LIMIT)
    report.promise(
        not load.faults, "Requests meanwhile", f"{load.answered:,} answered, {len(load.faults)} of them failed"
    )
    for fault in load.faults[:5]:
        print(f"upgrades: {fault.text} after {fault.ended - fault.asked:.2f} s", file=sys.stderr)
    upgrade(found, CHART, "localhost")
    run_once(found, "after")
    report.promise(runs.served_version(found, MODEL) == "2", "A run of this tree after it", "version 2 in service")


def upgrade(found: Installation, chart: Path, registry: str) -> None:
    """Install a chart with its images, or upgrade to it, and return once every pod is ready."""
    values = {**images.values(found.cluster), "image": {"registry": registry}, "models": {MODEL: models.small(MODEL)}}
    found.install(values, base=chart / "values-kind.yaml", chart=chart)


def run_once(found: Installation, run_id: str) -> None:
    """Bring a version into service.

    Raises:
        ClusterError: The run has failed.
    """
    source = runs.put_rows(found, run_id, models.dearer(1 if run_id == "before" else 2))
    runs.bring_into_service(found, MODEL, run_id, source=source)


def seen(found: Installation) -> dict[str, object]:
    """Return what must stay: what is served and answered, MLflow's tables, the runs' records."""
    with runs.store(found) as store:
        records = {step: record.model_dump() for step, record in runs.records(store, MODEL, "before").items()}
    return {
        "The served version": runs.served_version(found, MODEL),
        "The answers": contents.answers(found, MODEL, EXAMPLE),
        "MLflow's tables, every row": contents.tables(found),
        "The run's records": records,
    }


def compare(report: Report, when: str, before: dict[str, object], after: dict[str, object]) -> None:
    """Say what is equal."""
    for what, was in before.items():
        report.same(f"{what}, {when}", was, after[what])


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ClusterError as error:
        sys.exit(f"upgrades: {error}")
