"""Jobs of an installation's suspended CronJobs, as docs/how-to/backup-and-recovery.md has them made by hand."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.cluster.fault import ClusterError
from tests.cluster.waits import until
from tests.e2e.installed.installation import Installation

JOB_LIMIT = 1800.0
STOPPED = ("airflow-api-server", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer", "mlflow")
"""What is not to write while a set is restored, as that how-to has it."""


def run_job(found: Installation, cronjob: str) -> None:
    """Have a CronJob's Job done now.

    Raises:
        ClusterError: it failed; the message has its logs.
    """
    name = f"{cronjob}-{time.time_ns() // 10**6}"
    found.kubectl("create", "job", f"--from=cronjob/{found.name(cronjob)}", name)

    def status() -> dict[str, int]:
        return dict(found.get("job", name)["status"])

    until(f"the Job {name} ends", lambda: bool({"succeeded", "failed"} & status().keys()), JOB_LIMIT, interval=1)
    if "failed" in status():
        raise ClusterError(f"{name}: {found.kubectl('logs', f'job/{name}', '--all-containers')}")


@contextmanager
def stopped(found: Installation) -> Iterator[None]:
    """Stop what writes to databases and buckets, as long as the context lasts."""
    names = [found.name(part) for part in STOPPED]
    had = {name: found.get("deployment", name)["spec"]["replicas"] for name in names}
    for name in names:
        found.kubectl("scale", "--replicas=0", f"deployment/{name}")
    until("they are stopped", lambda: not any(found.component_pods(part) for part in STOPPED), 120, interval=1)
    yield
    for name, replicas in had.items():
        found.kubectl("scale", f"--replicas={replicas}", f"deployment/{name}")
