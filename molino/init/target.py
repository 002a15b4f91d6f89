"""What follows from the column to predict: task, classes, split, metric, and what the gate asks for."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal

from molino.contracts.errors import SourceError
from molino.contracts.numerals import hint_for
from molino.contracts.part import CLASS_PATTERN, PATTERN_WORDS
from molino.contracts.tidy import shown
from molino.init.column import Column
from molino.init.features import FLOAT32_MAXIMUM, counted_in_full, in_one_line, no_lengths, no_numbers

Task = Literal["regression", "classification"]

MOST_CLASSES = 50
FEWEST_ROWS = 20
FEWEST_OF_A_CLASS = 5
"""Rows below which a class is left out, where others are left: each part of the split needs some."""
LARGEST_SHARE_LEFT_OUT = 0.04
ROOM = 1.2
"""How much worse than the baseline over all rows the bound of the gate lets a model be: few held-out rows scatter, and
`gate.baseline` compares on these very rows."""
SHOWN_COLUMNS = 30
SHOWN_NOTES = 5


@dataclass(frozen=True)
class Aim:
    """What is predicted, and how it is judged."""

    task: Task
    reason: str
    """Why this task."""
    keys: dict[str, Any]
    """Of `target`, without its name and column."""
    seen: str
    left_out: tuple[str, ...]
    """Classes with too few rows."""
    split: str
    metric: str
    bound: dict[str, float]
    baseline: str
    """What the bound was made of."""
    notes: tuple[str, ...] = ()
    """What may be meant otherwise."""


def column_named(columns: Sequence[Column], wanted: str, where: str) -> Column:
    """Return the column to predict.

    Raises:
        SourceError: there is none of this name.
    """
    found = {column.header: column for column in columns}
    if wanted in found:
        return found[wanted]
    near = get_close_matches(wanted, found, n=1)
    listing = f"did you mean {near[0]!r}? The columns are" if near else "the columns are"
    listed = ", ".join(list(found)[:SHOWN_COLUMNS]) + (", …" if len(found) > SHOWN_COLUMNS else "")
    raise SourceError(f"{where}: no column {wanted!r}; {listing} {listed}")


def aim_at(column: Column, where: str, task: Task | None) -> Aim:
    """Return what follows from the column to predict.

    Args:
        column: to predict.
        where: names the table in errors.
        task: as it is wanted; what fits the column where none.

    Raises:
        SourceError: it can't be predicted.
    """
    named = f"{where}: column {column.header!r}"
    if column.dtype is not None:
        raise SourceError(f"{named}: its type is {column.dtype}; expected numbers or classes to predict")
    if column.present < FEWEST_ROWS:
        raise SourceError(f"{named}: {column.present} rows have a value; expected at least {FEWEST_ROWS} to learn from")
    if column.different == 1:
        but = f", but for {column.gaps}" if column.words else ""
        hint = "; a word that is a class is to be written otherwise" if but else ""
        value = next(iter(column.counted))
        raise SourceError(f"{named}: every row has {shown(value)}{but}; there is nothing to predict{hint}")
    if task == "regression" and not column.numeric:
        row, text = column.no_number or (1, next(iter(column.counted)))
        raise SourceError(f"{named}: expected numbers for a regression (row {row} has {shown(text)})")
    missing: dict[str, Any] = {"missing": "drop"} if column.missing else {}
    if task == "regression" or (task is None and column.numeric and column.different > 2):
        _refuse_coarse(column, named)
        return _regression(column, missing)
    return _classification(column, missing, named)


def _refuse_coarse(column: Column, named: str) -> None:
    """Refuse numbers that 32-bit floats, in which graphs answer, don't hold or don't tell apart.

    Raises:
        SourceError: says what to do.
    """
    largest = max(abs(column.low), abs(column.high))
    if column.low == column.high:
        raise SourceError(f"{named}: every row has {column.low:g}; there is nothing to predict")
    if largest > FLOAT32_MAXIMUM:
        raise SourceError(
            f"{named}: its numbers reach {largest:.3g}, and 32-bit floats, in which models answer, end at "
            f"{FLOAT32_MAXIMUM:g}; change the column's unit"
        )
    step = 2.0 ** max(math.floor(math.log2(largest)) - 23, -149)
    if step > column.deviation:
        raise SourceError(
            f"{named}: 32-bit floats, in which models answer, step by {step:g} at {largest:.6g}, and its values spread "
            f"by {column.deviation:.3g}; subtract a constant from the column, or change its unit"
        )


def _regression(column: Column, keys: dict[str, Any]) -> Aim:
    bounds = {"minimum": 0} if column.low >= 0 else {}
    seen = f"{column.low:.6g} to {column.high:.6g}, mean {column.mean:.6g}"
    return Aim(
        task="regression",
        reason=f"{column.different} different numbers",
        keys=bounds | keys,
        seen=seen + (f", {column.gaps}, which are left out" if column.missing else ""),
        left_out=(),
        split="hash",
        metric="rmse",
        bound={"maximum": _rounded_up(column.deviation * ROOM)},
        baseline=f"rmse {column.deviation:.4g}, which the mean of all rows has",
    )


def _classification(column: Column, keys: dict[str, Any], named: str) -> Aim:
    if not counted_in_full(column) or column.different > MOST_CLASSES:
        first = next(iter(column.counted))
        hint = no_numbers(column) or no_lengths(column) or f"the first is {shown(first)}{hint_for(first)}"
        raise SourceError(
            f"{named}: {column.different} different values are too many for classes, of which at most {MOST_CLASSES} "
            f"are taken; {hint}; correct them, or predict another column"
        )
    counted = column.counted
    few = [value for value, rows in counted.items() if rows < FEWEST_OF_A_CLASS]
    if sum(counted[value] for value in few) > LARGEST_SHARE_LEFT_OUT * column.rows or len(counted) - len(few) < 2:
        few = []
    kept = sorted((value for value in counted if value not in few), key=_in_order)
    if unfit := next((value for value in kept if not in_one_line(value)), None):
        raise SourceError(
            f"{named}: {shown(unfit)}, of {len(unfit)} characters, can't be a class: expected "
            f"{PATTERN_WORDS[CLASS_PATTERN]}; correct it, or predict another column"
        )
    rows = sum(counted[value] for value in kept)
    entropy = -sum(counted[value] / rows * math.log(counted[value] / rows) for value in kept)
    commonest = counted.most_common(1)[0][1]
    return Aim(
        task="classification",
        reason=f"{len(kept)} classes",
        keys={"classes": kept} | keys,
        seen=", ".join(f"{value!r} {counted[value]}" for value in kept[:10]) + (", …" if len(kept) > 10 else "")
        + (f", {column.gaps}, which are left out" if column.missing else ""),
        left_out=tuple(sorted(few)),
        split="stratified",
        metric="log_loss",
        bound={"maximum": _rounded_up(entropy * ROOM)},
        notes=tuple(_notes(column, kept)),
        baseline=f"log_loss {entropy:.4g} and accuracy {commonest / rows:.3g}, which the classes' shares have",
    )  # fmt: skip


def _notes(column: Column, classes: Sequence[str]) -> Iterator[str]:
    """Yield what may be meant otherwise: words taken for no value, and classes that differ by case alone."""
    for word, rows in column.words.most_common(SHOWN_NOTES):
        yield f"{rows} rows with {word!r} are left out as without a value: list it in classes if it is one."
    spelled: dict[str, list[str]] = {}
    for value in classes:
        spelled.setdefault(value.casefold(), []).append(value)
    alike = [values for values in spelled.values() if len(values) > 1]
    for values in alike[:SHOWN_NOTES]:
        yield f"{', '.join(map(repr, values))} are classes of their own, as written: write them alike if they are one."


def _in_order(value: str) -> tuple[float, str]:
    """Order numbers by their size, before other texts."""
    try:
        return float(value), value
    except ValueError:
        return math.inf, value


def _rounded_up(number: float) -> float:
    """Return a number in three figures, not below it."""
    if number == 0:
        return 0.001
    step = 10.0 ** (math.floor(math.log10(number)) - 2)
    return float(f"{math.ceil(number / step) * step:.6g}")
