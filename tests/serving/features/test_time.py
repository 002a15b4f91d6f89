"""Times of a day in requests: by the rule of ingest, and by that of MLflow's loader."""

from typing import Any

import msgspec
import numpy as np
import pytest

from molino.contracts.release import Feature, Reference
from serving.features import FEATURES
from training.train.molino_pyfunc import seconds_in

SPELLED = {"9:05": 32_700, "09:05:30": 32_730, " 9:05:30.9 ": 32_730, "9:05 PM": 75_900, "12:05 a.m.": 300,
           "12:00pm": 43_200, "0:00": 0, "23:59:59": 86_399}  # fmt: skip
NO_TIME: list[Any] = ["", " ", "24:00", "9:60", "13:05 PM", "0:05 AM", "9.05", "9", "9:05Z", "2026-01-31T09:05", "noon",
                      905, 9.05, True, [], {}]  # fmt: skip


def served(missing: Any = "refuse") -> Any:
    return FEATURES["time"](Feature(name="t", type="time", missing=missing, options={}), False)


@pytest.mark.parametrize(("text", "seconds"), SPELLED.items())
def test_a_time_may_be_spelled_as_in_a_source(text: str, seconds: int) -> None:
    assert served().tensor([served().check(text)], np.float32).tolist() == [seconds]
    assert seconds_in(text) == seconds


@pytest.mark.parametrize("value", NO_TIME, ids=repr)
def test_anything_else_is_refused_in_words(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^expected a time of a day such as 10:30, got "):
        served().check(value)
    with pytest.raises(ValueError, match=r"time of a day|must be in"):
        seconds_in(value)


@pytest.mark.parametrize("value", [*SPELLED, *NO_TIME], ids=repr)
def test_what_the_quick_way_takes_is_the_same_as_by_the_exact_one(value: Any) -> None:
    try:
        quick = msgspec.json.decode(msgspec.json.encode(value), type=served().json_type())
    except msgspec.ValidationError:
        return
    assert np.array_equal(*[served().tensor([one], np.float32) for one in (quick, served().check(value))])


def test_a_missing_time_is_no_number() -> None:
    assert np.isnan(served("impute").tensor([served("impute").check(None)], np.float32)).all()


def test_times_are_counted_for_drift() -> None:
    reference = Reference(rows=4, missing=0, edges=(0.0, 43_200.0, 86_399.0), counts=(2, 2))
    counted = served().count(np.array([32_700, 75_900, np.nan, 0], np.float32), reference)
    assert counted == [1, 0, 2, 1]
