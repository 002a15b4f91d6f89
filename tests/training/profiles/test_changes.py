"""What differs between two data versions, by their reports."""

from typing import Any

import pytest

from molino.contracts.model_file.checks import Checks
from training.profiles.changes import ColumnSummary, DataSummary, changes, read_summary


def summary(rows: int = 100, **columns: Any) -> DataSummary:
    made = tuple(ColumnSummary(**({"name": name, "rows": rows, "missing": 0} | keys)) for name, keys in columns.items())
    return DataSummary(rows_clean=rows, columns=made)


def told(last: DataSummary, now: DataSummary, **checks: Any) -> list[str]:
    return [str(change) for change in changes(last, now, Checks(**checks))]


def words(**counts: int) -> dict[str, Any]:
    return {"values": tuple(counts), "counts": tuple(counts.values())}


NUMBERS = {"mean": 10.0, "std": 2.0}


@pytest.mark.parametrize(
    ("last", "now", "wanted"),
    [
        (words(a=60, b=40), words(a=60, b=39, c=1), 'x: 1.0% of the rows have values that the last version lacks: "c" '
         "(new_values)"),
        (words(a=60, b=40), words(a=100), "x: values that 40.0% of the last version's rows had have vanished: \"b\" "
         "(vanished_values)"),
        (NUMBERS, NUMBERS | {"mean": 11.5}, "x: the mean is 11.5, 10 in the last version: 0.75 of its standard "
         "deviations (shifted_means)"),
        (NUMBERS | {"std": 0.0}, NUMBERS | {"mean": 10.1}, "x: the mean is 10.1, 10 in the last version: "
         "where all rows had the same (shifted_means)"),
        ({"missing": 5}, {"missing": 20},
         "x: 20.0% of the rows have no value, 5.0% in the last version (missing_share)"),
        ({"missing": 20}, {"missing": 5},
         "x: 5.0% of the rows have no value, 20.0% in the last version (missing_share)"),
    ],
)  # fmt: skip
def test_a_difference_is_told(last: dict[str, Any], now: dict[str, Any], wanted: str) -> None:
    assert told(summary(x=last), summary(x=now)) == [wanted]


def test_fewer_rows_are_told() -> None:
    assert told(summary(100), summary(40)) == ["40 rows, 60.0% fewer than the 100 of the last version (fewer_rows)"]
    assert told(summary(100), summary(500)) == []


@pytest.mark.parametrize(
    ("last", "now"),
    [
        (words(a=60, b=40), words(b=60, a=40)),
        (NUMBERS, NUMBERS | {"mean": 10.9}),
        (NUMBERS | {"moving": True}, NUMBERS | {"mean": 90.0, "moving": True}),
        (words(a=60) | {"other_values": 40}, words(a=60, b=40)),
        ({"rows": 0}, {"rows": 0}),
    ],
)
def test_what_differs_little_or_can_not_be_told_is_passed_over(last: dict[str, Any], now: dict[str, Any]) -> None:
    assert told(summary(x=last), summary(x=now)) == []


def test_thresholds_and_what_follows_are_the_model_file_s() -> None:
    last, now = summary(x=NUMBERS | words(a=1)), summary(x=NUMBERS | {"mean": 10.9} | words(b=1))
    checks = Checks.model_validate(
        {
            "shifted_means": {"then": "refuse", "above": 0.4},
            "new_values": {"then": "off"},
            "vanished_values": {"above": 1.0},
        }
    )
    assert [(change.check, change.refused) for change in changes(last, now, checks)] == [("shifted_means", True)]


def test_many_new_values_are_one_short_line() -> None:
    now = words(a=1, **{f"v{i}": 1 for i in range(9)}, **{"l\n" + "o" * 99: 1})
    (line,) = told(summary(x=words(a=60)), summary(x=now), new_values={})
    assert "\n" not in line
    assert '"v0", "v1", "v2", "v3", "v4", …' in line


@pytest.mark.parametrize("report", [b"", b"{}", b'{"rows": 4}', b"\xff", b"[]", b'{"rows_clean": 1}'])
def test_a_report_of_another_version_is_no_summary(report: bytes) -> None:
    assert read_summary(report) is None
