"""Where the links of a task lead."""

import pytest

from pipelines.links import mlflow_link, read_summary, tensorboard_link

URL = "http://localhost:5000"


def test_a_trained_run_opens_its_run() -> None:
    summary = {"mlflow_experiment_id": "3", "mlflow_run_id": "abc"}
    assert mlflow_link(URL, "housing", summary) == f"{URL}/#/experiments/3/runs/abc"


def test_a_registered_version_opens_its_page() -> None:
    assert mlflow_link(URL, "housing", {"version": "7"}) == f"{URL}/#/models/housing/versions/7"


@pytest.mark.parametrize("message", [None, "", "no JSON", "[1]"])
def test_a_step_that_said_nothing_opens_the_model(message: str | None) -> None:
    assert mlflow_link(URL, "housing", read_summary(message)) == f"{URL}/#/models/housing"


def test_tensorboard_shows_the_run_alone() -> None:
    link = tensorboard_link("http://localhost:8090", "housing", "r.1")
    assert link == "http://localhost:8090/?runFilter=housing%2Fr%5C.1#timeseries"
