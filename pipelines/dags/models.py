"""Two DAGs per model file: `<model>_data` makes a data version, and each new version starts `<model>_model`.

Where the model file wants a person's approval, `<model>_model` waits for it before it deploys.

Unchanged data starts nothing; after a change of the model file alone a person starts `<model>_model` by its button.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import airflow.providers.cncf.kubernetes.operators.pod  # noqa: F401  # named here, it's imported once, before parsing
from airflow.sdk import DAG, Asset, Param

from molino.contracts.identifiers import RUN_ID_PATTERN, check_run_id
from molino.contracts.model_file import ModelFile
from molino.contracts.steps import STEPS
from pipelines import approval
from pipelines.model_files import ModelFiles, read_model_files
from pipelines.operator import RUN_TEMPLATE, NoticeOperator, StepOperator, announcement
from pipelines.pods import NOTICE, PodSettings, TaskSettings, notice_pod, run_id_of, step_pod

NOTICE_TIMEOUT = timedelta(minutes=20)
"""The pod may wait long for a place on a node; what it does itself takes a minute at most."""
OVERRIDES = {
    "data": {"MOLINO_SOURCE": "{{ params.source or '' }}"},
    "model": {
        "MOLINO_CANDIDATES": "{{ (params.candidates or []) | join(',') }}",
        "MOLINO_DATA_RUN": "{{ molino_data_run(params, triggering_asset_events, inlet_events) }}",
    },
}
"""Settings of the steps that a run's parameters set, by group."""


def molino_run_id(dag_run: Any, params: Mapping[str, Any], events: Mapping[Any, Any]) -> str:
    """Return the run that a DAG run belongs to: the one asked for, the one that made the data, or its own.

    Raises:
        RunError: no run can have that id.
    """
    return check_run_id(str(params.get("run_id") or _made_by(events) or run_id_of(dag_run.run_id)))


def molino_data_run(params: Mapping[str, Any], events: Mapping[Any, Any], known: Mapping[Any, Any]) -> str:
    """Return the run that made the newest data where a person started this one without any; nothing else."""
    return "" if params.get("run_id") or _made_by(events) else _made_by(known)


def _made_by(events: Mapping[Any, Any]) -> str:
    """Return the Molino run that the newest event names."""
    named = (
        event.extra["run_id"] for made in events.values() for event in reversed(list(made)) if event.extra.get("run_id")
    )
    return str(next(named, ""))


def build(model: ModelFile, content: bytes, group: str, settings: PodSettings, found: ModelFiles) -> DAG:
    """Return one of a model's two DAGs."""
    code, keys = found.code.get(model.name), found.keys.get(model.name)
    data = Asset(name=f"{model.name}-data", uri=f"molino://{model.name}/data")
    served = Asset(name=f"{model.name}-model", uri=f"molino://{model.name}/model")
    outlet = data if group == "data" else served
    with DAG(
        dag_id=f"{model.name}_{group}",
        description=f"{model.title}: {'ingest and version' if group == 'data' else 'train to deploy'}",
        schedule=model.schedule if group == "data" else [data],
        start_date=datetime(2026, 1, 1),  # a date without a time zone is UTC here
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=False,
        tags=["molino", model.name, group],
        doc_md=model.description,
        user_defined_macros={
            "molino_run_id": molino_run_id,
            "molino_data_run": molino_data_run,
            "molino_approval": approval.approval,
        },
        default_args={
            "retry_delay": timedelta(seconds=15),
            "retry_exponential_backoff": True,
        },
        params=_params(group, model),
    ) as dag:
        steps = [step for step in STEPS if step.group == group]
        before = None
        for step in steps:
            last = step is steps[-1]
            waits = step.name == "deploy" and model.gate.approval == "required"
            overrides = OVERRIDES[group] | (approval.OVERRIDES if waits else {})
            pod = step_pod(settings, model, content, step.name, RUN_TEMPLATE, overrides, code, keys)
            task = settings.tasks.get(step.name, TaskSettings())
            operator = StepOperator(
                task_id=step.name,
                retries=task.retries,
                execution_timeout=timedelta(seconds=task.timeout_seconds),
                **({"pool": task.pool} if task.pool else {}),
                pod=pod,
                settings=settings,
                asset=outlet if last else None,
                inlets=[data] if (last if group == "data" else before is None) else [],
                outlets=([announcement(data)] if group == "data" else [served]) if last else [],
                doc_md=step.purpose,
            )
            if before is not None and waits:
                before >> approval.ask(model) >> operator
            elif before is not None:
                before >> operator
            before = operator
        if settings.notices and before is not None:
            before >> _notice(model, settings).as_teardown()
    return dag


def _notice(model: ModelFile, settings: PodSettings) -> NoticeOperator:
    """Return the task that tells people of a bad end."""
    return NoticeOperator(
        task_id=NOTICE,
        retries=2,
        execution_timeout=NOTICE_TIMEOUT,
        pod=notice_pod(settings, model.name, RUN_TEMPLATE),
        settings=settings,
        doc_md="tell people of a run that failed or was refused",
    )


def _params(group: str, model: ModelFile) -> dict[str, Param]:
    new = "a new one" if group == "data" else "a new one on the newest data"
    run_id = Param(
        None,
        type=["null", "string"],
        pattern=f"^$|{RUN_ID_PATTERN}",
        description=f"Molino run to take up; {new} when empty",
    )
    if group == "data":
        source = Param(None, type=["null", "string"], description="Source of the rows in place of the model file's")
        return {"run_id": run_id, "source": source}
    names = [candidate.name for candidate in model.candidates]
    candidates = Param(
        None,
        type=["null", "array"],
        items={"type": "string", "enum": names},
        description="Names of the candidates to train; all when empty",
    )
    return {"run_id": run_id, "candidates": candidates}


def _load() -> dict[str, DAG]:
    """Make the DAGs of every model file that is right; `wrong_model_files.py` shows what is wrong with the others."""
    settings, found = PodSettings(), read_model_files()
    return {
        f"{name}_{group}": build(model, content, group, settings, found)
        for name, (model, content) in found.models.items()
        for group in ("data", "model")
    }


globals().update(_load())
