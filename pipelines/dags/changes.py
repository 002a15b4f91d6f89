"""Two DAGs for people: `promote` puts a registered version in service, `rollback` the one before the present one.

Each runs the command of its name in a pod of the deploy step's image, and leaves the same record: who, when and why.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import airflow.providers.cncf.kubernetes.operators.pod  # noqa: F401  # named here, it's imported once, before parsing
from airflow.sdk import DAG, Param

from pipelines.model_files import read_model_files
from pipelines.operator import ChangeOperator
from pipelines.pods import CHANGES, PodSettings, TaskSettings, change_pod, run_id_of

BY = "{{ dag_run.triggering_user_name or 'airflow' }}"
PURPOSES = {
    "promote": "put a registered version in service",
    "rollback": "put the version back in service that served before the present one",
}


def change_id(dag_run: Any, *_: Mapping[str, Any]) -> str:
    """Return what labels the pod of a change: the DAG run's own id."""
    return run_id_of(dag_run.run_id)


def build(change: str, models: list[str], settings: PodSettings) -> DAG:
    """Return the DAG of a change. One that fails isn't tried again by itself: the operator says what a retry is for."""
    version = {"version": _version()} if change == "promote" else {}
    reason = Param(type="string", minLength=1, description="Why, for the record")
    model = Param(type="string", enum=models, description="Name of the model")
    asked_version = "{{ params.version }}" if version else ""
    pod = change_pod(settings, change, "{{ params.model }}", BY, "{{ params.reason }}", asked_version)
    task = settings.tasks.get("deploy", TaskSettings())
    with DAG(
        dag_id=change,
        description=PURPOSES[change],
        schedule=None,
        start_date=datetime(2026, 1, 1),  # a date without a time zone is UTC here
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=False,
        tags=["molino", "changes"],
        user_defined_macros={"molino_run_id": change_id},
        params={"model": model, **version, "reason": reason},
    ) as dag:
        ChangeOperator(
            task_id=change,
            retries=1,
            retry_delay=timedelta(seconds=5),
            execution_timeout=timedelta(seconds=task.timeout_seconds),
            **({"pool": task.pool} if task.pool else {}),
            pod=pod,
            settings=settings,
            doc_md=PURPOSES[change],
        )
    return dag


def _version() -> Param:
    return Param(type="string", pattern="^[1-9][0-9]*$", description="A version that MLflow's registry has, such as 3")


def _load() -> dict[str, DAG]:
    settings, models = PodSettings(), sorted(read_model_files().models)
    return {change: build(change, models, settings) for change in CHANGES} if models else {}


globals().update(_load())
