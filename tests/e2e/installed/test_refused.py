"""What must not come into service: a model that the gate refuses, and a release that no server can load."""

import hashlib
import json

import pytest

from molino.record import Record, record_key
from molino.results import RegisterResult
from tests.cluster.waits import until
from tests.e2e.installed import models, runs
from tests.e2e.installed.airflow import Airflow
from tests.e2e.installed.installation import Installation
from tests.e2e.installed.runs import Wheel

REFUSED, BROKEN = "e2e-refused", "e2e-broken"


@pytest.fixture(scope="module")
def refused(installation: Installation, airflow: Airflow) -> Wheel:
    with runs.store(installation) as client:
        source = runs.put(client, "sources/shuffled.csv", models.rows(models.shuffled))
    return runs.turn(airflow, "homes", REFUSED, source=source)


def test_a_run_that_the_gate_refuses_is_no_error(refused: Wheel) -> None:
    assert refused.states == ("success", "success")


def test_it_is_recorded_as_rejected_with_the_reasons(refused: Wheel, installation: Installation) -> None:
    with runs.store(installation) as client:
        found = runs.records(client, "homes", REFUSED)
    assert (found["register"].status, found["deploy"].status) == ("rejected", "rejected")
    assert found["evaluate"].result["verdict"]["reasons"]


def test_the_champion_stays(refused: Wheel, installation: Installation) -> None:
    assert runs.aliases(installation, "homes")["champion"] == "1"
    assert runs.served_version(installation, "homes") == "1"


@pytest.fixture(scope="module")
def broken(refused: Wheel, installation: Installation, airflow: Airflow) -> Wheel:
    """Run with a graph that no server can load: put in its place before the deploy step can start.

    Without its service account the pod of `deploy` can't be made, so that the task waits for its next try.
    """
    account = json.dumps(installation.get("serviceaccount", installation.name("deploy")))
    installation.kubectl("delete", "serviceaccount", installation.name("deploy"))
    known = airflow.run_ids("homes_model")
    with runs.store(installation) as client:
        source = runs.put(client, "sources/dearer.csv", models.rows(models.dearer))
        airflow.trigger("homes_data", run_id=BROKEN, source=source)
        run = airflow.next_run("homes_model", known)
        until("the release", lambda: "register" in runs.records(client, "homes", BROKEN), 300)
        spoil(client, runs.records(client, "homes", BROKEN)["register"])
    installation.cluster.kubectl.apply(_portable(account))
    ended = airflow.wait("homes_model", run)
    return Wheel("homes", airflow.runs("homes_data")[0], ended)


def _portable(account: str) -> str:
    found = json.loads(account)
    found["metadata"] = {key: found["metadata"][key] for key in ("name", "namespace", "labels", "annotations")}
    return json.dumps({key: found[key] for key in ("apiVersion", "kind", "metadata", "automountServiceAccountToken")})


def spoil(client: "runs.Minio", record: Record) -> None:
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


def test_a_release_that_no_server_loads_fails_the_deploy(broken: Wheel, airflow: Airflow) -> None:
    states = {step: task["state"] for step, task in airflow.tasks(*broken.dag_runs[1]).items()}
    assert states == {"train": "success", "evaluate": "success", "register": "success", "deploy": "failed"}


def test_the_version_before_serves_again(broken: Wheel, installation: Installation) -> None:
    installation.wait_ready(120)
    assert runs.served_version(installation, "homes") == "1"
    assert runs.aliases(installation, "homes")["champion"] == "1"
