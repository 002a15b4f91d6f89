"""Links from a task in Airflow's UI to what its step left in MLflow and in TensorBoard. No Airflow here."""

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote


def read_summary(message: str | None) -> dict[str, Any]:
    """Return what a step said of its end; nothing where it said none."""
    try:
        found = json.loads(message or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def mlflow_link(url: str, model: str, summary: Mapping[str, Any]) -> str:
    """Return the page of the run, of the model version, or else of the model."""
    if summary.get("mlflow_run_id"):
        return f"{url}/#/experiments/{summary['mlflow_experiment_id']}/runs/{summary['mlflow_run_id']}"
    if summary.get("version"):
        return f"{url}/#/models/{quote(model)}/versions/{summary['version']}"
    return f"{url}/#/models/{quote(model)}"


def airflow_link(url: str, dag_id: str, run_id: str) -> str:
    """Return the page of a DAG run."""
    return f"{url}/dags/{quote(dag_id)}/runs/{quote(run_id, safe='')}"


def tensorboard_link(url: str, model: str, run_id: str) -> str:
    """Return the page of the run's learning curves alone."""
    return f"{url}/?runFilter={quote(re.escape(f'{model}/{run_id}'), safe='')}#timeseries"
