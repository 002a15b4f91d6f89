"""Waits for a person in a real Airflow, answers through its API, and prints as JSON what the deploy step is told."""

import json
import os
import sys
import threading
import traceback
from contextlib import redirect_stdout
from pathlib import Path
from time import monotonic
from typing import Any

from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.api_fastapi.core_api.datamodels.hitl import UpdateHITLDetailPayload
from airflow.api_fastapi.core_api.routes.public.hitl import update_hitl_detail
from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
from airflow.models.hitl import HITLDetail
from airflow.models.taskinstance import TaskInstance
from airflow.sdk import DAG, Param, task
from airflow.utils.session import create_session
from sqlalchemy import select

from molino.contracts.model_file import load_model
from pipelines import approval
from pipelines.operator import SUMMARY

MODEL = load_model(Path(__file__).parents[2] / "pipelines" / "models" / "housing").file
ENDS = (
    ({"status": "done", "version": "3"}, "Approve", "seen"),
    ({"status": "done", "version": "4"}, "Refuse", "too low"),
    ({"status": "rejected", "version": None}, None, ""),
)
ANSWER_SECONDS = 180

with DAG(
    dag_id="rows_model",
    schedule=None,
    user_defined_macros={"molino_approval": approval.approval},
    params={"run_id": Param(None, type=["null", "string"])},
) as dag:

    @task
    def register(**context: Any) -> None:
        context["ti"].xcom_push(key=SUMMARY, value=context["dag_run"].conf["end"])

    @task
    def deploy(told: str) -> str:
        return told

    register() >> approval.ask(MODEL) >> deploy(approval.OVERRIDES["MOLINO_APPROVAL"])


def answer_or_end(option: str, reason: str, asked: list[str]) -> None:
    """Answer; end the process where that fails, since a run would wait for an answer for ever."""
    try:
        answer(option, reason, asked)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def answer(option: str, reason: str, asked: list[str]) -> None:
    """Wait for a question, and answer it by what stands behind the page of required actions."""
    end, pause, person = (
        monotonic() + ANSWER_SECONDS,
        threading.Event(),
        SimpleAuthManagerUser(username="ann", role="admin"),
    )
    while monotonic() < end and not pause.wait(0.2):
        with create_session() as session:
            waits = select(TaskInstance.id, TaskInstance.run_id).where(TaskInstance.state == "awaiting_input")
            waiting = session.execute(waits).first()
            if waiting:
                subject = select(HITLDetail.subject).where(HITLDetail.ti_id == waiting.id)
                asked.append(str(session.scalar(subject)))
                said = UpdateHITLDetailPayload(chosen_options=[option], params_input={approval.REASON: reason})
                update_hitl_detail(dag.dag_id, waiting.run_id, approval.TASK, said, person, session)
                return
    raise TimeoutError(f"no question within {ANSWER_SECONDS} s")


if __name__ == "__main__":
    with redirect_stdout(sys.stderr):
        DagBundlesManager().sync_bundles_to_db()
        sync_bag_to_db(DagBag(__file__), "dags-folder", None)
        found: list[dict[str, Any]] = []
        asked: list[str] = []
        for end, option, reason in ENDS:
            answering = threading.Thread(target=answer_or_end, args=(option, reason, asked), daemon=True)
            if option:
                answering.start()
            ended = dag.test(run_conf={"end": end})
            states = {one.task_id: str(one.state) for one in ended.get_task_instances()}
            told = ended.get_task_instance("deploy").xcom_pull(task_ids="deploy")
            found.append(
                {"run": str(ended.state), "tasks": states, "told": told if isinstance(told, str) else json.dumps(told)}
            )
    print("\n" + json.dumps({"ends": found, "asked": asked}))
