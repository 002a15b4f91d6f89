"""A release that no server can load, deployed while another model is."""

import hashlib
import json
from concurrent.futures import Executor
from dataclasses import dataclass

from minio import Minio

from molino.contracts.record import Record, record_key
from molino.contracts.results import RegisterResult
from tests.cluster.waits import until
from tests.e2e.installed import models, runs
from tests.e2e.installed.airflow import Airflow
from tests.e2e.installed.installation import Installation
from tests.e2e.installed.runs import PipelineRun, StartedRun
from tests.e2e.installed.watch import PodWatch

BROKEN, BESIDE = "e2e-broken", "e2e-beside-broken"


@dataclass(frozen=True)
class Broken:
    """A pipeline run whose release no server can load, and one of another model that deploys at the same time."""

    pipeline_run: PipelineRun
    beside: PipelineRun


def run_broken(installation: Installation, airflow: Airflow, pods: PodWatch, under_way: Executor) -> Broken:
    """Put a graph that no server can load in the place of a release, before either deploy step starts."""
    source = runs.put_rows(installation, "dearer-still", models.dearer(3))
    started_runs = [
        runs.start(airflow, model, run_id, source=source) for model, run_id in (("homes", BROKEN), ("flats", BESIDE))
    ]
    try:
        for held in [
            under_way.submit(hold_before_deploy, installation, pods, started_run) for started_run in started_runs
        ]:
            held.result()
        with runs.store(installation) as client:
            spoil(client, runs.records(client, "homes", BROKEN)["register"])
    finally:
        for started_run in started_runs:
            airflow.pause(f"{started_run.model}_model", False)
    pipeline_run, beside = (started_run.end() for started_run in started_runs)
    return Broken(pipeline_run, beside)


def hold_before_deploy(installation: Installation, pods: PodWatch, started_run: StartedRun) -> None:
    """Pause the model DAG while register runs, and return once that has ended."""
    pods.wait(started_run.run_id, "register")
    started_run.airflow.pause(f"{started_run.model}_model")
    with runs.store(installation) as client:
        until("the release", lambda: "register" in runs.records(client, started_run.model, started_run.run_id), 120)
    assert "deploy" not in [pod.step for pod in pods.of_run(started_run.run_id)]


def spoil(client: Minio, record: Record) -> None:
    """Put bytes that are no graph in a release's place, with every checksum right."""
    result = RegisterResult.model_validate(record.result)
    assert result.onnx
    assert result.release
    graph = b"no graph"
    sha256 = hashlib.sha256(graph).hexdigest()
    release = json.loads(runs.read(client, result.release.key)) | {"onnx_sha256": sha256}
    content = json.dumps(release).encode()
    changed = result.model_copy(
        update={
            "onnx": result.onnx.model_copy(update={"sha256": sha256, "bytes": len(graph)}),
            "release": result.release.model_copy(
                update={"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
            ),
        }
    )
    runs.put(client, result.onnx.key, graph)
    runs.put(client, result.release.key, content)
    whole = record.model_copy(update={"result": changed.model_dump(mode="json")})
    runs.put(client, record_key(record.model, record.run_id, record.step), whole.model_dump_json().encode())
