"""A second version comes into service under load, and two new models beside it."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from pipelines.pods import run_id_of
from tests.cluster.waits import until
from tests.e2e.installed import models, runs
from tests.e2e.installed.airflow import Airflow
from tests.e2e.installed.installation import Installation
from tests.e2e.installed.load import Load
from tests.e2e.installed.report import show
from tests.e2e.installed.runs import Wheel
from tests.e2e.installed.test_install import EXAMPLE
from tests.e2e.installed.watch import PodWatch

RUN = "e2e-dearer"
REQUESTS = 20_000
PENGUIN = {"records": [{
    "island": "Biscoe", "bill_length_mm": 46.1, "bill_depth_mm": 13.2, "flipper_length_mm": 211, "body_mass_g": 4500,
    "sex": "female", "year": 2007,
}]}  # fmt: skip


@dataclass
class Rollout:
    """What was seen of it."""

    before: float
    """Answer to the example by the first version."""
    wheel: Wheel
    load: Load


@pytest.fixture(scope="module")
def rollout(installation: Installation, airflow: Airflow, pods: PodWatch) -> Rollout:
    """Turn with other rows; from the making of deploy's pod on, requests come without a pause."""
    with runs.store(installation) as client:
        source = runs.put(client, "sources/dearer.csv", models.rows(models.dearer))
    before = installation.ask("POST", "/models/housing/predict", EXAMPLE).json["predictions"][0]
    known = airflow.run_ids("housing_model")
    airflow.trigger("housing_data", run_id=RUN, source=source)
    run = airflow.next_run("housing_model", known, 300)
    until("deploy's pod", lambda: any(pod.step == "deploy" for pod in pods.of_run(RUN)), 600)
    with Load(installation, EXAMPLE) as load:
        trained = airflow.wait("housing_model", run)
        until(f"{REQUESTS} answers", lambda: load.answered >= REQUESTS, 300)
    show(f"requests during a rollout: {load.answered} answered, by version {dict(load.versions)}")
    return Rollout(before, Wheel("housing", airflow.runs("housing_data")[0], trained), load)


def test_the_second_run_ends_well(rollout: Rollout) -> None:
    assert rollout.wheel.states == ("success", "success")


def test_no_request_failed_while_the_version_changed(rollout: Rollout) -> None:
    assert rollout.load.faults == []
    assert rollout.load.answered >= REQUESTS
    assert set(rollout.load.versions) == {"1", "2"}


def test_the_new_version_has_learnt_the_new_rows(rollout: Rollout, installation: Installation) -> None:
    answer = installation.ask("POST", "/models/housing/predict", EXAMPLE).json
    assert answer["model"] == {"name": "housing", "version": "2"}
    assert answer["predictions"][0] == pytest.approx(rollout.before + models.RAISED, abs=models.RAISED / 2)


def test_the_new_version_is_champion(rollout: Rollout, installation: Installation) -> None:
    assert runs.aliases(installation, "housing")["champion"] == "2"


def test_a_model_folder_is_served_beside_housing(
    rollout: Rollout, airflow: Airflow, installation: Installation
) -> None:
    assert runs.turn(airflow, "penguins", "e2e-penguins").states == ("success", "success")
    answer = installation.ask("POST", "/models/penguins/predict", PENGUIN)
    assert (answer.status, answer.json["predictions"]) == (200, ["Gentoo"])
    assert installation.ask("POST", "/models/housing/predict", EXAMPLE).json["model"]["version"] == "2"


def test_a_model_dag_started_by_hand_trains_the_named_candidates_on_the_newest_data(
    rollout: Rollout, airflow: Airflow, installation: Installation
) -> None:
    run = airflow.trigger("penguins_model", candidates=["logistic"])
    assert airflow.wait("penguins_model", run)["state"] == "success"
    with runs.store(installation) as client:
        found = runs.records(client, "penguins", run_id_of(run))
    assert found["version"].run_id == "e2e-penguins"
    assert [one["name"] for one in found["train"].result["candidates"]] == ["logistic"]


def test_a_model_file_of_the_values_becomes_two_dags(
    installation: Installation, airflow: Airflow, values: tuple[Path, ...], tmp_path: Path
) -> None:
    file = models.write(tmp_path, "homes", models.homes())
    installation.upgrade(*values, options=("--set-file", f"models.homes={file}"))
    installation.wait_ready()
    airflow.wait_dags({"homes_data", "homes_model"})
    with runs.store(installation) as client:
        runs.put(client, "sources/homes.csv", models.rows())
    assert runs.turn(airflow, "homes", "e2e-homes").states == ("success", "success")
    assert runs.served_version(installation, "homes") == "1"
    assert runs.served_version(installation, "housing") == "2"
