"""The candidates that `molino init` writes go by the number of rows."""

from typing import Any

import pytest
import yaml
from pydantic import TypeAdapter

from molino.contracts.candidates import AnyCandidate, Candidate
from molino.init.candidates import EPOCH_STEPS, LARGEST_BATCH, MANY_ROWS, SMALLEST_BATCH, batch_for, candidates_for

ANY: TypeAdapter[Any] = TypeAdapter(AnyCandidate)


def written(rows: int) -> dict[str, Candidate]:
    found = [ANY.validate_python(yaml.safe_load(line)) for line in candidates_for(rows, 0.65)]
    return {one.name: one for one in found}


def test_few_rows_get_what_trains_in_seconds() -> None:
    assert [*written(MANY_ROWS - 1)] == ["boosting", "mlp", "linear", "ensemble"]


def test_many_rows_get_a_second_boosting_for_the_ensemble() -> None:
    assert [*written(MANY_ROWS)] == ["boosting", "xgboost", "mlp", "linear", "ensemble"]


@pytest.mark.parametrize(("rows", "batch"), [(600, 32), (12_000, 32), (13_000, 64), (53_940, 256), (10**8, 4096)])
def test_the_batch_grows_with_the_rows_that_are_trained_on(rows: int, batch: int) -> None:
    assert written(rows)["mlp"].told["batch_size"] == batch


@pytest.mark.parametrize("rows", [0, 1, 8_000, 8_001, 35_061, 500_000])
def test_an_epoch_takes_a_bounded_number_of_steps(rows: int) -> None:
    batch = batch_for(rows)
    assert rows <= batch * EPOCH_STEPS
    assert batch == SMALLEST_BATCH or rows > batch // 2 * EPOCH_STEPS
    assert batch <= LARGEST_BATCH
