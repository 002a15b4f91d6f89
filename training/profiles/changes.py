"""What differs between two versions of the clean data, by their quality reports; needs no library of tables."""

import json
import math
from collections.abc import Iterator, Mapping

from pydantic import BaseModel, ConfigDict

from molino.contracts.model_file.checks import Check, Checks
from molino.contracts.reading import read_json
from molino.contracts.results import Change
from molino.contracts.tidy import shortened

SHOWN_VALUES = 5
"""Signs of a value in a message."""


class ColumnSummary(BaseModel):
    """What is compared of a column's profile (`training.profiles.profile.ColumnProfile`)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    rows: int
    missing: int
    mean: float | None = None
    std: float | None = None
    moving: bool = False
    values: tuple[str, ...] | None = None
    counts: tuple[int, ...] = ()
    other_values: int = 0

    @property
    def present(self) -> int:
        """Rows that have a value."""
        return self.rows - self.missing

    @property
    def counted(self) -> Mapping[str, int] | None:
        """Value to rows, of a column whose values are all known."""
        return None if self.values is None or self.other_values else dict(zip(self.values, self.counts, strict=False))


class DataSummary(BaseModel):
    """What is compared of a quality report."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    rows_clean: int
    columns: tuple[ColumnSummary, ...]


def read_summary(report: bytes) -> DataSummary | None:
    """Return what is compared of a quality report, or none of one that holds nothing of the kind."""
    found = read_json(DataSummary, report)
    return None if isinstance(found, str) else found


def changes(last: DataSummary, now: DataSummary, checks: Checks) -> tuple[Change, ...]:
    """Return the differences that the checks tell of, those of the rows first, then in the order of the columns."""
    before = {column.name: column for column in last.columns}
    found = [*_rows(last, now, checks)]
    for column in now.columns:
        if column.name in before:
            found += _column(before[column.name], column, checks)
    return tuple(found)


def _rows(last: DataSummary, now: DataSummary, checks: Checks) -> Iterator[Change]:
    gone = (last.rows_clean - now.rows_clean) / max(last.rows_clean, 1)
    told = f"{now.rows_clean} rows, {gone:.1%} fewer than the {last.rows_clean} of the last version"
    yield from _change(checks, "fewer_rows", None, gone, told)


def _column(last: ColumnSummary, now: ColumnSummary, checks: Checks) -> Iterator[Change]:
    shares = [column.missing / max(column.rows, 1) for column in (last, now)]
    told = f"{shares[1]:.1%} of the rows have no value, {shares[0]:.1%} in the last version"
    yield from _change(checks, "missing_share", now.name, abs(shares[1] - shares[0]), told)
    yield from _values(last, now, checks)
    if last.mean is None or now.mean is None or last.moving or now.moving:
        return
    apart = abs(now.mean - last.mean)
    shift = apart / last.std if last.std else math.inf if apart else 0.0
    by = f"{shift:.2g} of its standard deviations" if math.isfinite(shift) else "where all rows had the same"
    told = f"the mean is {now.mean:.6g}, {last.mean:.6g} in the last version: {by}"
    yield from _change(checks, "shifted_means", now.name, shift, told)


def _values(last: ColumnSummary, now: ColumnSummary, checks: Checks) -> Iterator[Change]:
    before, after = last.counted, now.counted
    if before is None or after is None:
        return
    new = [value for value in after if value not in before]
    share = sum(after[value] for value in new) / max(now.present, 1)
    told = f"{share:.1%} of the rows have values that the last version lacks: {_shown(new)}"
    yield from _change(checks, "new_values", now.name, share, told)
    vanished = [value for value in before if value not in after]
    share = sum(before[value] for value in vanished) / max(last.present, 1)
    told = f"values that {share:.1%} of the last version's rows had have vanished: {_shown(vanished)}"
    yield from _change(checks, "vanished_values", now.name, share, told)


def _change(checks: Checks, name: str, column: str | None, difference: float, told: str) -> Iterator[Change]:
    check: Check = getattr(checks, name)
    if check.then != "off" and difference > check.above:
        yield Change(check=name, column=column, refused=check.then == "refuse", told=told)


def _shown(values: list[str]) -> str:
    """Return values for a message, on one line."""
    shown = [shortened(value) for value in values[:SHOWN_VALUES]]
    return json.dumps(shown, ensure_ascii=False)[1:-1] + (", …" if len(values) > SHOWN_VALUES else "")
