"""Dates and times in requests: ISO 8601, by the rule of ingest."""

import datetime as dt
from typing import Any

import msgspec
import numpy as np
import pytest

from molino.contracts.release import Feature, Reference
from serving.features import FEATURES

DAY = "2026-01-31"
SPELLED = [DAY, "2026/1/31", " 2026-01-31 ", "2026-01-31T13:00", "2026-01-31 13:00:59.5", "2026-01-31T13:00:00Z",
           "2026-01-31T15:00:00+02:00"]  # fmt: skip
NO_DATE: list[Any] = ["", " ", "31.01.2026", "2026-02-30", "2026-01", "yesterday", 20260131, 1.5, True, [], {}]


def served(kind: str, refuses: bool = False, missing: Any = "refuse", **options: Any) -> Any:
    return FEATURES[kind](Feature(name="d", type=kind, missing=missing, options=options), refuses)


@pytest.mark.parametrize("kind", ["date", "datetime"])
@pytest.mark.parametrize("text", SPELLED)
def test_a_date_may_be_spelled_in_each_way_of_iso_8601(kind: str, text: str) -> None:
    feature = served(kind)
    hour = 13 if ":" in text else 0
    days = (dt.date(2026, 1, 31) - dt.date(2000, 1, 1)).days
    wanted = days if kind == "date" else 24 * days + hour
    assert feature.tensor([feature.check(text)], np.float32).tolist() == [wanted]


@pytest.mark.parametrize("kind", ["date", "datetime"])
@pytest.mark.parametrize("value", NO_DATE, ids=repr)
def test_anything_else_is_refused_in_words(kind: str, value: Any) -> None:
    with pytest.raises(ValueError, match=r"^expected a date.* such as 2026-01-31.*, got "):
        served(kind).check(value)


@pytest.mark.parametrize("kind", ["date", "datetime"])
@pytest.mark.parametrize("value", [*SPELLED, *NO_DATE, "0001-01-01", "9999-12-31T23:59:59Z"], ids=repr)
def test_what_the_quick_way_takes_is_the_same_as_by_the_exact_one(kind: str, value: Any) -> None:
    feature = served(kind)
    try:
        quick = msgspec.json.decode(msgspec.json.encode(value), type=feature.json_type())
    except msgspec.ValidationError:
        return
    tensors = [feature.tensor([one], np.float32) for one in (quick, feature.check(value))]
    assert np.array_equal(*tensors)


def test_a_missing_date_is_no_number() -> None:
    assert np.isnan(served("date", missing="impute").tensor([None], np.float32)).all()


@pytest.mark.parametrize(("text", "right"), [
    ("2026-01-31", True), ("2026-01-31T23:59", True), ("2026-02-01", False), ("2025-12-31T23:59", False),
])  # fmt: skip
def test_a_range_is_refused_where_the_release_says_so(text: str, right: bool) -> None:
    feature = served("datetime", refuses=True, earliest="2026-01-01", latest="2026-01-31")
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode(text), type=feature.json_type())
    if right:
        assert feature.check(text)
        return
    with pytest.raises(ValueError, match="from 2026-01-01 to 2026-01-31, got"):
        feature.check(text)


def test_dates_outside_the_range_are_counted_as_such() -> None:
    feature = served("date", earliest="2000-01-02", latest="2000-01-04")
    column = np.array([np.nan, 0, 1, 3, 4], np.float32)
    reference = Reference(rows=3, missing=0, edges=(1.0, 2.5, 4.0), counts=(1, 2))
    assert feature.count(column, reference) == [1, 2, 2, 2]


@pytest.mark.parametrize(("kind", "form", "field"), [
    ("date", "date", "date"), ("datetime", "date-time", "datetime-local"),
])  # fmt: skip
def test_contract_and_form_tell_which_it_is(kind: str, form: str, field: str) -> None:
    feature = served(kind)
    schema = feature.schema()
    assert (schema["type"], schema["format"]) == ("string", form)
    assert feature.check(schema["examples"][0])
    assert feature.field() == {"sends": "string", "input": {"type": field}}
