"""A second version comes into service under load, beside other models."""

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass

import pytest

from tests.cluster.waits import until
from tests.e2e.installed import models, runs
from tests.e2e.installed.airflow import Airflow
from tests.e2e.installed.installation import Installation
from tests.e2e.installed.load import Load
from tests.e2e.installed.report import show
from tests.e2e.installed.runs import PipelineRun
from tests.e2e.installed.test_install import EXAMPLE
from tests.e2e.installed.watch import PodWatch

RUN = "e2e-dearer"
REQUESTS = 20_000
PENGUIN = {"records": [{
    "island": "Biscoe", "bill_length_mm": 46.1, "bill_depth_mm": 13.2, "flipper_length_mm": 211, "body_mass_g": 4500,
    "sex": "female", "year": 2007,
}]}  # fmt: skip
Beside = Mapping[str, Future[PipelineRun]]


@pytest.mark.parametrize("model", ["penguins", "homes"])
def test_the_run_of_a_model_beside_housing_ends_well(model: str, beside: Beside) -> None:
    assert beside[model].result().states == ("success", "success")


def test_a_model_folder_is_served_beside_housing(beside: Beside, installation: Installation) -> None:
    beside["penguins"].result()
    answer = installation.ask("POST", "/models/penguins/predict", PENGUIN)
    assert (answer.status, answer.json["predictions"]) == (200, ["Gentoo"])


def test_a_model_file_of_the_values_is_served_beside_housing(beside: Beside, installation: Installation) -> None:
    beside["homes"].result()
    assert runs.served_version(installation, "homes") == "1"
    assert runs.served_version(installation, "housing") == "1"


@dataclass
class Rollout:
    """What was seen of it."""

    before: float
    """Answer to the example by the first version."""
    pipeline_run: PipelineRun
    load: Load


@pytest.fixture(scope="module")
def rollout(unchanged: Future[object], installation: Installation, airflow: Airflow, pods: PodWatch) -> Rollout:
    """Run with other rows, beside a data DAG; from the making of deploy's pod on, requests come without a pause."""
    source = runs.put_rows(installation, "dearer", models.dearer())
    before = installation.ask("POST", "/models/homes/predict", EXAMPLE).json["predictions"][0]
    started_run = runs.start(airflow, "homes", RUN, source=source)
    started_run.trained()
    pods.wait(RUN, "deploy", limit=600)
    with Load(installation, "homes", EXAMPLE) as load:
        pipeline_run = started_run.end()
        until(f"{REQUESTS} answers", lambda: load.answered >= REQUESTS, 300)
    show(f"requests during a rollout: {load.answered} answered, by version {dict(load.versions)}")
    return Rollout(before, pipeline_run, load)


def test_the_second_run_ends_well(rollout: Rollout) -> None:
    assert rollout.pipeline_run.states == ("success", "success")


def test_no_request_failed_while_the_version_changed(rollout: Rollout) -> None:
    assert rollout.load.faults == []
    assert rollout.load.answered >= REQUESTS
    assert set(rollout.load.versions) == {"1", "2"}


def test_the_new_version_has_learnt_the_new_rows(rollout: Rollout, installation: Installation) -> None:
    answer = installation.ask("POST", "/models/homes/predict", EXAMPLE).json
    assert answer["model"] == {"name": "homes", "version": "2"}
    assert answer["predictions"][0] == pytest.approx(rollout.before + models.RAISED, abs=models.RAISED / 2)


def test_the_new_version_is_champion(rollout: Rollout, installation: Installation) -> None:
    assert runs.aliases(installation, "homes")["champion"] == "2"


@pytest.mark.parametrize("model", ["housing", "penguins"])
def test_the_other_models_keep_their_versions(model: str, rollout: Rollout, installation: Installation) -> None:
    assert runs.served_version(installation, model) == "1"
