"""`make drill`: an installation is filled, backed up, lost with its volumes, and brought back into an empty namespace.

`python -m tests.e2e.drill [--runs N] [--gigabytes N] [--keep]`. What it took is the section "drill" of
`tests/e2e/results.md`; the exit code is 1 where something didn't come back as it was.
"""

import argparse
import sys
from collections.abc import Callable
from datetime import date

from molino.backup.verify import verify
from molino.contracts.errors import BackupError
from tests.cluster.cluster import Cluster
from tests.cluster.fault import ClusterError
from tests.cluster.waits import until
from tests.e2e.drill import contents, stage
from tests.e2e.drill.stage import MODEL
from tests.e2e.installed import models, runs
from tests.e2e.installed.__main__ import cluster_with_images
from tests.e2e.installed.installation import Installation
from tests.e2e.installed.jobs import run_job, stopped
from tests.e2e.installed.models import ROWS
from tests.e2e.installed.test_install import EXAMPLE
from tests.e2e.proof import Report

SECTION = "drill"
RUNS, GIGABYTES = 10_000, 5.0
BY_HAND = {"backup": {"config": {"suspend": True}}, "archive": {"enabled": True}}
"""Values: nothing is made by itself, so that what is measured is."""


def main() -> int:
    """Do the drill; return 1 where something didn't come back."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.e2e.drill", description="Lose an installation, and bring it back."
    )
    parser.add_argument("--runs", type=int, default=RUNS, help="of MLflow, beside those of the pipeline")
    parser.add_argument("--gigabytes", type=float, default=GIGABYTES, help="of objects")
    parser.add_argument("--keep", action="store_true", help="leave the cluster up")
    options = parser.parse_args()
    report = Report()
    with cluster_with_images(keep=options.keep) as cluster, report.broken_off():
        drill(cluster, report, options.runs, options.gigabytes)
    again = (
        f"`make drill` on {date.today()}"
        if (options.runs, options.gigabytes) == (RUNS, GIGABYTES)
        else (f'`make drill ARGS="--runs {options.runs} --gigabytes {options.gigabytes:g}"` on {date.today()}')
    )
    report.write(
        SECTION,
        "What was lost, and how it came back",
        f"{again}: encrypted sets in an S3 of its own; the namespace is deleted with its volumes, and installed anew. "
        "MLflow's runs are copies of one of the pipeline's, by SQL, with metrics, parameters and tags; objects are "
        "random bytes in DVC's bucket. Seconds are those of the one run.",
    )
    return report.end("drill")


def drill(cluster: Cluster, report: Report, count: int, gigabytes: float) -> None:
    """Do all of it, one after the other."""
    key, vault = stage.new_key(), stage.vault(cluster)
    first = stage.installation(cluster, key, BY_HAND)
    train(first)
    report.say("MLflow", f"{count:,} runs added, {contents.add_runs(first, count):,} rows")
    report.say("Objects", f"{contents.add_objects(first, gigabytes):,} added, {gigabytes:g} GB")
    with report.time("First set"):
        run_job(first, "backup")
    with report.time("Next set, nothing new"):
        run_job(first, "backup")
    answer, tables, before = (
        contents.answers(first, MODEL, EXAMPLE),
        contents.tables(first),
        contents.newest(vault, key),
    )
    report.say("A set", f"{len(before.files):,} files, {before.bytes / 1e9:.2f} GB")

    stage.lose(first)
    with report.time(
        "From `helm install` into an empty namespace until the champion answers and all is ready, the restoration in it"
    ):
        second = stage.installation(cluster, key, BY_HAND)
        with stopped(second), report.time("The restoration of the set"):
            run_job(second, "backup-restore")
        second.wait_ready()
        until("the champion answers", lambda: runs.served_version(second, MODEL) is not None, 120)
    report.same("The champion's answers", answer, contents.answers(second, MODEL, EXAMPLE))
    report.same("MLflow's tables, every row", tables, contents.tables(second))
    run_job(second, "backup")
    report.same(
        "Objects of all buckets but the logs', by SHA-256",
        contents.files(before),
        contents.files(contents.newest(vault, key)),
    )
    report.say("A set with one byte changed", damaged(vault, key, report))
    go_back(second, report)


def train(found: Installation) -> None:
    """Bring a first version into service."""
    runs.put_rows(found, ROWS, models.dearer(1))
    runs.bring_into_service(found, MODEL, "drill")


def damaged(vault: Installation, key: str, report: Report) -> str:
    """Change one byte of the newest set, and tell what reading it says; the byte is put back."""
    with contents.sets(vault, key) as found:
        manifest = found.read(found.ids()[0])
        blob = next(file for file in manifest.files if file.place == "dvc").blob_key
        whole = found.store.read(blob)
        found.store.write(
            blob, whole[: len(whole) // 2] + bytes([whole[len(whole) // 2] ^ 1]) + whole[len(whole) // 2 + 1 :]
        )
        try:
            verify(found, manifest.id, False)
        except BackupError as error:
            return f"refused: {str(error).partition(' (')[0]} was altered"
        finally:
            found.store.write(blob, whole)
    report.faults.append("a set with one byte changed was taken for whole")
    return "**taken for whole**"


def go_back(found: Installation, report: Report) -> None:
    """Have Postgres come back as of a moment, on an empty volume."""
    run_job(found, "postgres-base")
    contents.ask(found, "mlflow", "CREATE TABLE marker AS SELECT 'kept' AS name")
    moment = "to_char(now() AT TIME ZONE 'UTC' + interval '1 s', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
    chosen = contents.ask(found, "mlflow", f"SELECT {moment}")  # of ours
    until("the moment is over", _asked(found, f"SELECT now() > '{chosen}'::timestamptz + interval '1 ms'"), 10)
    contents.ask(found, "mlflow", "DROP TABLE marker")
    tables = contents.tables(found)
    segment = contents.ask(found, "mlflow", "SELECT pg_walfile_name(pg_switch_wal())")
    with report.time("A segment of Postgres' log, until it is archived"):
        until("archived", _asked(found, f"SELECT last_archived_wal >= '{segment}' FROM pg_stat_archiver"), 120)
    with stopped(found), report.time("Postgres on an empty volume, until it has recovered to a moment"):
        found.kubectl("scale", "--replicas=0", f"statefulset/{found.name('postgres')}")
        until("it is gone", lambda: not found.component_pods("postgres"), 120, interval=1)
        found.kubectl("delete", "persistentvolumeclaim", f"data-{found.name('postgres')}-0", "--wait=true")
        back = {**BY_HAND, "archive": {"enabled": True, "restore": chosen}}
        stage.upgrade(found, back)
    report.same(
        "A table that was dropped after the moment", "kept", contents.ask(found, "mlflow", "SELECT name FROM marker")
    )
    contents.ask(found, "mlflow", "DROP TABLE marker")
    report.same("MLflow's tables as of the moment", tables, contents.tables(found))


def _asked(found: Installation, sql: str) -> Callable[[], bool]:
    return lambda: contents.ask(found, "mlflow", sql) == "t"


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ClusterError as error:
        sys.exit(f"drill: {error}")
