"""Rows that are versioned already: the data DAG ends well, and nothing is trained."""

from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

import pytest

from molino.contracts.record import Record
from tests.e2e.installed import runs
from tests.e2e.installed.airflow import Airflow
from tests.e2e.installed.installation import Installation
from tests.e2e.installed.runs import UNCHANGED, PipelineRun


@pytest.fixture(scope="module")
def records(unchanged: Future[dict[str, Any]], installation: Installation) -> Mapping[str, Record]:
    assert unchanged.result()["state"] == "success"
    with runs.store(installation) as client:
        return runs.records(client, "penguins", UNCHANGED)


def test_no_new_version_is_made(records: Mapping[str, Record]) -> None:
    assert records["version"].result["created"] is False


def test_no_asset_event_is_sent(unchanged: Future[dict[str, Any]], airflow: Airflow) -> None:
    assert airflow.asset_events("penguins_data", unchanged.result()["dag_run_id"]) == []


def test_new_rows_have_sent_one(beside: Mapping[str, Future[PipelineRun]], airflow: Airflow) -> None:
    data = beside["penguins"].result().data
    (event,) = airflow.asset_events("penguins_data", data["dag_run_id"])
    assert event["extra"]["run_id"] == "e2e-penguins"


def test_nothing_is_trained(records: Mapping[str, Record], airflow: Airflow) -> None:
    assert list(records) == ["ingest", "version"]
    assert len(airflow.runs("penguins_model")) == 1
