"""A run of a model DAG alone, started by hand with a parameter."""

from concurrent.futures import Future
from typing import Any

from pipelines.pods import run_id_of
from tests.e2e.installed import runs
from tests.e2e.installed.installation import Installation


def test_it_trains_the_named_candidates_on_the_newest_data(
    by_hand: Future[dict[str, Any]], installation: Installation
) -> None:
    run = by_hand.result()
    assert run["state"] == "success"
    with runs.store(installation) as client:
        found = runs.records(client, "penguins", run_id_of(run["dag_run_id"]))
    assert found["version"].run_id == "e2e-penguins"
    assert [one["name"] for one in found["train"].result["candidates"]] == ["logistic"]
