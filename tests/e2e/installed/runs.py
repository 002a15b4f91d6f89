"""A run of both DAGs of a model, and what it left in the store and in MLflow."""

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import mlflow
from minio import Minio

from molino.contracts.record import Record, record_key
from molino.contracts.steps import STEP_NAMES
from tests.cluster.fault import ClusterError
from tests.e2e.installed.airflow import Airflow
from tests.e2e.installed.installation import PASSWORD, USER, Installation
from tests.e2e.installed.models import Row, rows

BUCKET = "molino"
FIRST = "e2e-first"
"""Run id of the first pipeline run."""
UNCHANGED = "e2e-unchanged"
"""Run id of a data DAG's run over rows that were versioned before."""


@dataclass(frozen=True)
class PipelineRun:
    """One pipeline run from source to serving: a run of the data DAG, and the run of the model DAG that it started."""

    model: str
    run_id: str
    data: dict[str, Any]
    trained: dict[str, Any]

    @property
    def dag_runs(self) -> list[tuple[str, str]]:
        """The DAG runs as (dag, run)."""
        return [(run["dag_id"], run["dag_run_id"]) for run in (self.data, self.trained)]

    @property
    def states(self) -> tuple[str, str]:
        """How they ended."""
        return self.data["state"], self.trained["state"]


@dataclass(frozen=True)
class StartedRun:
    """A pipeline run that has been started."""

    airflow: Airflow
    model: str
    run_id: str
    known: frozenset[str]
    """Runs of the model DAG from before."""
    data: str
    """The run of the data DAG."""

    def trained(self) -> str:
        """Return the run of the model DAG, once the data DAG has started it."""
        ended = self.airflow.wait(f"{self.model}_data", self.data)
        assert ended["state"] == "success", f"{self.model}_data {self.data} has {ended['state']}"
        return self.airflow.next_run(f"{self.model}_model", set(self.known))

    def end(self) -> PipelineRun:
        """Return both runs, once both have ended."""
        trained = self.airflow.wait(f"{self.model}_model", self.trained())
        return PipelineRun(self.model, self.run_id, self.airflow.wait(f"{self.model}_data", self.data), trained)


def start(airflow: Airflow, model: str, run_id: str, **parameters: object) -> StartedRun:
    """Start the data DAG."""
    known = frozenset(airflow.run_ids(f"{model}_model"))
    data = airflow.trigger(f"{model}_data", run_id=run_id, **parameters)
    return StartedRun(airflow, model, run_id, known, data)


def run_pipeline(airflow: Airflow, model: str, run_id: str, **parameters: object) -> PipelineRun:
    """Start the data DAG, and wait for the end of the model DAG that follows."""
    return start(airflow, model, run_id, **parameters).end()


def bring_into_service(installation: Installation, model: str, run_id: str, **parameters: object) -> None:
    """Run both DAGs of a model by Airflow's password of values-kind.yaml.

    Raises:
        ClusterError: One has failed.
    """
    with installation.forward("airflow-api-server", 8080) as port:
        airflow = Airflow(f"http://127.0.0.1:{port}", USER, PASSWORD)
        airflow.wait_dags({f"{model}_{group}" for group in ("data", "model")})
        ended = run_pipeline(airflow, model, run_id, **parameters)
    if ended.states != ("success", "success"):
        raise ClusterError(f"the run {run_id} of {model} has failed: {' and '.join(ended.states)}")


@contextmanager
def store(installation: Installation, service: str = "steps") -> Iterator[Minio]:
    """Return a client of the object store with the rights of one service."""
    keys = installation.secret(installation.name("minio"))
    with installation.forward("minio", 9000) as port:
        yield Minio(
            endpoint=f"127.0.0.1:{port}",
            access_key=keys[f"{service}-access-key"],
            secret_key=keys[f"{service}-secret-key"],
            region="us-east-1",
            secure=False,
        )


def read(client: Minio, key: str, bucket: str = BUCKET) -> bytes:
    """Return an object's bytes."""
    answer = client.get_object(bucket_name=bucket, object_name=key)
    try:
        return answer.read()
    finally:
        answer.close()


def put(client: Minio, key: str, data: bytes, bucket: str = BUCKET) -> str:
    """Write an object; return its URI."""
    client.put_object(bucket_name=bucket, object_name=key, data=io.BytesIO(data), length=len(data))
    return f"s3://{bucket}/{key}"


def put_rows(installation: Installation, name: str, change: Callable[[list[Row]], None] = lambda found: None) -> str:
    """Write changed housing rows as the source of that name; return its URI."""
    with store(installation) as client:
        return put(client, f"sources/{name}.csv", rows(change))


def records(client: Minio, model: str, run_id: str) -> dict[str, Record]:
    """Return the records of a run by step, in the steps' order."""
    found = {}
    for step in STEP_NAMES:
        key = record_key(model, run_id, step)
        if any(item.object_name == key for item in client.list_objects(bucket_name=BUCKET, prefix=key)):
            found[step] = Record.model_validate_json(read(client, key))
    return found


@contextmanager
def registry(installation: Installation) -> Iterator["mlflow.MlflowClient"]:
    """Return a client of the installation's MLflow."""
    held = installation.secret(installation.name("mlflow"))
    with installation.forward("mlflow", 5000) as port:
        yield mlflow.MlflowClient(f"http://{held['username']}:{held['password']}@127.0.0.1:{port}")


def aliases(installation: Installation, model: str) -> Mapping[str, str]:
    """Return alias to version."""
    with registry(installation) as client:
        return dict(client.get_registered_model(model).aliases)


def champion_run(installation: Installation, model: str) -> str:
    """Return the Molino run that made the champion, which must be what the ingress answers with."""
    with registry(installation) as client:
        champion = client.get_model_version_by_alias(model, "champion")
    assert served_version(installation, model) == champion.version
    return str(champion.tags["molino.run_id"])


def served_version(installation: Installation, model: str) -> str | None:
    """Return the version that the ingress answers with, None where the model isn't served."""
    answer = installation.ask("GET", f"/models/{model}")
    return str(answer.json["version"]) if answer.status == 200 else None
