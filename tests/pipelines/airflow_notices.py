"""Ends the tasks of a model's DAG in a real Airflow, whose pods are stood in for, and prints as JSON what is told."""

import json
import sys
from contextlib import redirect_stdout
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from molino.contracts.model_file import load_model
from pipelines.dags.models import build
from pipelines.model_files import ModelFiles
from pipelines.operator import StepOperator
from pipelines.pods import PodSettings, TaskSettings

FOLDER = Path(__file__).parents[2] / "pipelines" / "models" / "housing"
WELL: dict[str, tuple[int, str]] = {
    "register": (0, '{"status": "done", "version": "3"}'), "deploy": (0, '{"status": "done", "version": "3"}')
}  # fmt: skip
REJECTED = (0, '{"status": "rejected", "version": null}')
PUT_BACK = (1, json.dumps({"status": "put-back", "error": "it costs $(MOLINO_NOTICE_SLACK); version 2 is back"}))
ENDS = (
    WELL,
    {**WELL, "deploy": PUT_BACK},
    {**WELL, "train": (137, "")},
    {"register": REJECTED, "deploy": REJECTED, "notice": (1, '{"status": "failed", "error": "nobody listens"}')},
)
"""By task: exit code and termination message of the pod."""
STEPS = ("train", "evaluate", "register", "deploy", "notice")


class StandInApi:
    """What the operator asks of Kubernetes' API: no other pod is there."""

    def list_namespaced_pod(self, *_: object, **__: object) -> Any:
        """Return no pods."""
        return SimpleNamespace(items=[])


def end_pod(operator: Any, context: Any) -> None:
    """Stand in for a pod: it ends as the run says."""
    if operator.task_id == "notice":
        context["ti"].xcom_push(key="started", value=list(operator.arguments))
    code, message = context["dag_run"].conf["end"].get(operator.task_id, (0, ""))
    ended = SimpleNamespace(exit_code=code, message=message, reason="OOMKilled" if code == 137 else "Error")
    state = SimpleNamespace(terminated=ended)
    operator.remote_pod = SimpleNamespace(status=SimpleNamespace(container_statuses=[SimpleNamespace(state=state)]))
    if code:
        raise (AirflowFailException if operator.task_id == "notice" else AirflowException)("the pod has failed")


KubernetesPodOperator.execute = end_pod
StepOperator.client = StandInApi()
tasks = {step: TaskSettings(retries=0) for step in STEPS}
settings = PodSettings(notices=True, airflow_url="http://airflow.example", tasks=tasks)
file = load_model(FOLDER).file
content = (FOLDER / "model.yaml").read_bytes()
data_dag, dag = (build(file, content, group, settings, ModelFiles({}, {}, {}, {})) for group in ("data", "model"))

if __name__ == "__main__":
    with redirect_stdout(sys.stderr):
        DagBundlesManager().sync_bundles_to_db()
        sync_bag_to_db(DagBag(__file__), "dags-folder", None)
        found: list[dict[str, Any]] = []
        for end in ENDS:
            ended = dag.test(run_conf={"end": end})
            states = {one.task_id: str(one.state) for one in ended.get_task_instances()}
            told = ended.get_task_instance("notice").xcom_pull(task_ids="notice", key="started")
            found.append({"run": str(ended.state), "id": ended.run_id, "tasks": states, "told": told})
    print("\n" + json.dumps(found))
