"""A run of a model DAG alone, started by a person in Airflow with a candidate named in the form."""

from concurrent.futures import Future
from typing import Any

from pipelines.pods import run_id_of
from tests.e2e.installed import runs
from tests.e2e.installed.installation import Installation
from tests.e2e.installed.runs import FIRST


def test_it_trains_the_named_candidates_on_the_newest_data(
    by_hand: Future[dict[str, Any]], installation: Installation
) -> None:
    run = by_hand.result()
    assert (run["state"], run["run_type"]) == ("success", "manual")
    with runs.store(installation) as client:
        found = runs.records(client, "housing", run_id_of(run["dag_run_id"]))
    assert found["version"].run_id == FIRST
    assert [one["name"] for one in found["train"].result["candidates"]] == ["linear"]
