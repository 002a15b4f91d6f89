"""A run of both DAGs of a model, and what it left in the store and in MLflow."""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import mlflow
from minio import Minio

from molino.record import Record, record_key
from pipelines.steps import STEP_NAMES
from tests.e2e.installed.airflow import Airflow
from tests.e2e.installed.installation import Installation

BUCKET = "molino"


@dataclass(frozen=True)
class Wheel:
    """One turn from source to serving: a run of the data DAG, and the run of the model DAG that it started."""

    model: str
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


def turn(airflow: Airflow, model: str, run_id: str, **parameters: object) -> Wheel:
    """Start the data DAG, and wait for the end of the model DAG that follows."""
    known = airflow.run_ids(f"{model}_model")
    data = airflow.wait(f"{model}_data", airflow.trigger(f"{model}_data", run_id=run_id, **parameters))
    assert data["state"] == "success", f"{model}_data {data['dag_run_id']} has {data['state']}"
    return Wheel(model, data, airflow.wait(f"{model}_model", airflow.next_run(f"{model}_model", known)))


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


def served_version(installation: Installation, model: str) -> str | None:
    """Return the version that the ingress answers with, None where the model isn't served."""
    answer = installation.ask("GET", f"/models/{model}")
    return str(answer.json["version"]) if answer.status == 200 else None
