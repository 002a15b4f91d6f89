"""Parses the DAGs in a real Airflow and prints as JSON what came of it: run by an interpreter that has Airflow."""

import json
import sys
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from airflow.dag_processing.dagbag import DagBag
from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException, ParamValidationError
from airflow.serialization.serialized_objects import DagSerialization
from kubernetes.client import ApiClient

from molino.contracts.errors import RunError

HEAVY = ("tensorflow", "keras", "sklearn", "mlflow", "dvc", "pandas", "polars", "onnxruntime", "training")


def rendered(
    dag: Any, task: str, params: dict[str, Any], events: dict[str, Any], known: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return the pod of a task as one run would have it."""
    operator = dag.get_task(task)
    run = SimpleNamespace(run_id="manual__2026-11-23T22:00:00+00:00", triggering_user_name="ann")
    operator.render_template_fields({
        "params": params, "dag_run": run, "triggering_asset_events": events, "task": operator,
        "inlet_events": known or {},
    })  # fmt: skip
    return dict(ApiClient().sanitize_for_serialization(operator.build_pod_request_obj(None, dry_run=True)))


class StandInPods:
    """What the operator asks of Kubernetes' API: a deploy of the model that runs at the first look alone."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def list_namespaced_pod(self, namespace: str, label_selector: str) -> Any:
        """Return the pods of a selector."""
        step = dict(pair.split("=") for pair in label_selector.split(","))["molino.dev/step"]
        self.asked.append(f"{namespace}/{step}")
        phase = "Running" if self.asked.count(f"{namespace}/deploy") == 1 else "Succeeded"
        pod = SimpleNamespace(metadata=SimpleNamespace(name="deploy-1"), status=SimpleNamespace(phase=phase))
        return SimpleNamespace(items=[pod] if step == "deploy" else [])


def waited(dag: Any) -> list[str]:
    """Return the looks for pods that a change takes before its own pod starts."""
    operator = dag.get_task(dag.dag_id)
    operator.__dict__["client"] = StandInPods()
    operator._wait_for_others()
    return list(operator.client.asked)


def ended(dag: Any, try_number: int, pod_is_there: bool, end: Exception | None) -> str:
    """Return what becomes of a change whose pod ends like this in a try of its task."""
    operator = dag.get_task(dag.dag_id)
    labels = SimpleNamespace(labels=operator.labels)
    own = SimpleNamespace(metadata=labels, status=SimpleNamespace(phase="Succeeded"))

    def listed(_: str, label_selector: str) -> Any:
        mine = f"molino.dev/step={dag.dag_id}" in label_selector
        return SimpleNamespace(items=[own] if mine and pod_is_there else [])

    operator.__dict__["client"] = SimpleNamespace(list_namespaced_pod=listed)
    try:
        with patch.object(KubernetesPodOperator, "execute", side_effect=[end]):
            operator._run({"ti": SimpleNamespace(try_number=try_number)})
    except AirflowFailException:
        return "given up"
    except Exception:
        return "tried again"
    return "done"


def scheduled(dag: Any) -> str:
    """Return what starts a DAG, as the scheduler reads it."""
    return str(DagSerialization.from_dict(DagSerialization.to_dict(dag)).timetable.summary)


def asked(dag: Any, name: str, *values: Any) -> str:
    """Return what becomes of a parameter that a person gives, or doesn't: of its form, and of the task's own check."""
    try:
        for value in values or (dag.params.get_param(name).resolve(),):
            dag.params.get_param(name).resolve(value)
        if name == "run_id":
            dag.user_defined_macros["molino_run_id"](SimpleNamespace(run_id="own"), {"run_id": value}, {})
    except ParamValidationError:
        return "refused by the form"
    except RunError:
        return "refused by the task"
    return "taken"


bag = DagBag(sys.argv[1])
made = {"asset": [SimpleNamespace(extra={"run_id": run}) for run in ("made-before", "made-by-data")]}
found = {
    "errors": {str(path): str(error) for path, error in bag.import_errors.items()},
    "heavy": [name for name in HEAVY if name in sys.modules],
    "tasks": {name: [task.task_id for task in dag.topological_sort()] for name, dag in bag.dags.items()},
    "timetables": {name: scheduled(dag) for name, dag in bag.dags.items()},
    "active": {name: dag.max_active_runs for name, dag in bag.dags.items()},
}
if not bag.import_errors:
    found["ingest"] = rendered(bag.dags["housing_data"], "ingest", {"source": "s3://rows/own.csv", "run_id": None}, {})
    found["train"] = rendered(bag.dags["housing_model"], "train", {"candidates": ["one", "two"], "run_id": None}, made)
    found["by hand"] = rendered(bag.dags["penguins_model"], "train", {"candidates": None, "run_id": None}, {}, made)
    data, model = bag.dags["housing_data"], bag.dags["housing_model"]
    strange = ("../..", "a/b", "a\n", ".a", "x" * 201, "r1")
    found["run ids"] = {run_id: asked(data, "run_id", run_id) for run_id in strange}
    found["candidates"] = {name: asked(model, "candidates", [name]) for name in ("mlp", "no-such")}
    found["run as"] = {
        task.task_id: [task.retries, task.execution_timeout.total_seconds(), task.pool]
        for dag in (data, model)
        for task in dag.tasks
    }
    found["inlets"] = {
        task.task_id: [asset.name for asset in task.inlets] for dag in bag.dags.values() for task in dag.tasks
    }
    change = {"model": "housing", "version": "3", "reason": "--by=eve {{ 1 }}"}
    for name in ("promote", "rollback"):
        found[name] = rendered(bag.dags[name], name, change, {})
    found["waited"] = waited(bag.dags["promote"])
    promote = bag.dags["promote"]
    failed, lost = AirflowException("its pod has failed"), ConnectionError("the API server went away")
    found["ended"] = {
        "well": ended(promote, 1, True, None),
        "badly": ended(promote, 1, True, failed),
        "its worker was lost": ended(promote, 1, True, lost),
        "its pod is taken up": ended(promote, 2, True, None),
        "its pod is gone": ended(promote, 2, False, None),
    }
    wrong = {"model": ("other", ""), "version": ("0", "-1", "3 4", ""), "reason": ("",)}
    found["changes"] = {
        name: [asked(promote, name), *(asked(promote, name, value) for value in values)]
        for name, values in wrong.items()
    }
if "large_model" in bag.dags:
    found["large"] = rendered(bag.dags["large_model"], "train", {"candidates": None, "run_id": None}, made)
print("\n" + json.dumps(found))
