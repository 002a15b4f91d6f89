"""Cleans rows by the model file: what is right goes on, what breaks a rule is set aside with its reasons."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl

from molino.contracts.errors import SourceError
from molino.contracts.model_file import ModelFile
from molino.contracts.tidy import shown
from training.features.base import unreadable_name
from training.ingest import rules
from training.ingest.batch import Batch
from training.ingest.duplicates import SeenRows

Mask = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.intp]
FILE, ROW, REASON = "source_file", "source_row", "reason"
DUPLICATE = "row: equal to an earlier one"


@dataclass
class Tally:
    """What was found so far, over all rows."""

    read: int = 0
    clean: int = 0
    quarantined: int = 0
    dropped: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    """Reason to number of rows, of the quarantined and the dropped; a row can have several reasons."""
    first_rows: dict[str, int] = field(default_factory=dict)
    """Reason to the first row that has it."""
    present: Counter[str] = field(default_factory=Counter)
    """Column to number of cells that hold something."""
    unreadable: Counter[str] = field(default_factory=Counter)
    """Column to number of cells that hold something of another type."""
    examples: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Column to the row and the text of its first unreadable cell."""
    forms: dict[str, dict[str, int]] = field(default_factory=dict)
    """Column to each form that its cells have, of which a source may have one alone, with the first row that has it."""
    files: list[tuple[int, str]] = field(default_factory=list)
    """Of a source of several files: how many rows are before each, and the file."""

    def place(self, row: int) -> tuple[int, str]:
        """Return a row's number in its file, and the file; empty of a source of one file."""
        before, file = next(((rows, name) for rows, name in reversed(self.files) if rows < row), (0, ""))
        return row - before, file

    def told(self, row: int) -> str:
        """Return a row in words."""
        number, file = self.place(row)
        return f"row {number} of {file}" if file else f"row {number}"

    def count(self, reason: str, rows: int, first_row: int) -> None:
        """Take in that rows have a reason."""
        self.reasons[reason] += rows
        self.first_rows.setdefault(reason, first_row)


@dataclass(frozen=True)
class Cleaned:
    """A batch, cleaned."""

    clean: pl.DataFrame
    """Columns of the model file: features, then target, then what else rows are split by."""
    quarantined: pl.DataFrame | None
    """Row number, reasons and text of the rows that break a rule, and of several files the file; none where there are
    none."""


class Cleaner:
    """Cleans the batches of one source, in order."""

    def __init__(self, model: ModelFile) -> None:
        self.model = model
        self.columns = rules.column_types(model)
        self.faults = rules.RuleSet(
            (
                *(rule for column in self.columns for rule in column.faults()),
                *rules.split_faults(model),
                *rules.weight_faults(model),
            )
        )
        self.drops = rules.RuleSet(rule for column in self.columns for rule in column.drops())
        self.forms = list(rules.split_forms(model))
        self.schema = {column.name: column.clean_type() for column in self.columns}
        self.schema |= dict.fromkeys(model.columns_kept, pl.String())
        self.seen = SeenRows()
        self.tally = Tally()

    def clean(self, batch: Batch) -> Cleaned:
        """Sort a batch's rows into clean, quarantined and dropped ones."""
        if batch.file and (batch.rows_before, batch.file) not in self.tally.files[-1:]:
            self.tally.files.append((batch.rows_before, batch.file))
        typed = self._typed(batch.frame)
        self._count_cells(typed, batch)
        reasons, bad = self._breaches(typed, self.faults, batch.first_row)
        _, left_out = self._breaches(typed, self.drops, batch.first_row, among=~bad)
        self._count_forms(typed, ~bad, batch.first_row)
        kept = np.flatnonzero(~(bad | left_out))
        clean = typed if len(kept) == typed.height else typed[kept]
        clean = clean.select(pl.col(name).cast(dtype) for name, dtype in self.schema.items())
        first = self._first_ones(clean)
        repeated = kept[~first]
        if len(repeated):
            clean = clean.filter(pl.Series(first))
            self.tally.count(DUPLICATE, len(repeated), batch.first_row + int(repeated[0]))
        if self.model.quality.duplicates == "quarantine":
            bad[repeated] = True
            reasons = [*reasons, (DUPLICATE, _mask(repeated, typed.height))]
        self._count_rows(typed.height, clean.height, int(bad.sum()))
        return Cleaned(clean, _quarantine(batch, bad, reasons) if bad.any() else None)

    def _typed(self, frame: pl.DataFrame) -> pl.DataFrame:
        kept = [rules.kept_cells(frame[name], self.model) for name in self.model.columns_kept]
        return rules.typed(frame, self.columns, self.model.source).with_columns(kept)

    def _breaches(
        self, typed: pl.DataFrame, rule_set: rules.RuleSet, first_row: int, among: Mask | None = None
    ) -> tuple[list[tuple[str, Mask]], Mask]:
        """Return each broken rule's reason with its rows, and the rows that break any."""
        broken: list[tuple[str, Mask]] = []
        anywhere = np.zeros(typed.height, dtype=np.bool_)
        for reason, column in rule_set.broken(typed):
            mask = column.to_numpy() if among is None else column.to_numpy() & among
            if not mask.any():
                continue
            self.tally.count(reason, int(mask.sum()), first_row + int(mask.argmax()))
            broken.append((reason, mask))
            anywhere |= mask
        return broken, anywhere

    def _first_ones(self, clean: pl.DataFrame) -> Mask:
        if self.model.quality.duplicates == "keep":
            return np.ones(clean.height, dtype=np.bool_)
        return self.seen.add(clean.select(self.model.columns).hash_rows(seed=0).to_numpy())

    def _count_rows(self, read: int, clean: int, quarantined: int) -> None:
        self.tally.read += read
        self.tally.clean += clean
        self.tally.quarantined += quarantined
        self.tally.dropped += read - clean - quarantined

    def _count_cells(self, typed: pl.DataFrame, batch: Batch) -> None:
        for column in self.columns:
            name, unreadable = column.name, typed[unreadable_name(column.name)]
            wrong = int(unreadable.sum())
            self.tally.present[name] += typed.height - typed[name].null_count() + wrong
            if wrong:
                self.tally.unreadable[name] += wrong
                if name not in self.tally.examples:
                    index = int(unreadable.arg_max() or 0)
                    self.tally.examples[name] = (batch.first_row + index, str(batch.text()[name][index]))

    def _count_forms(self, typed: pl.DataFrame, among: Mask, first_row: int) -> None:
        for name, form, present in self.forms:
            has = typed.select(present.fill_null(value=False)).to_series().to_numpy() & among
            if has.any():
                self.tally.forms.setdefault(name, {}).setdefault(form, first_row + int(has.argmax()))

    def check(self, where: str) -> None:
        """Check the whole source, once all its batches are cleaned.

        Raises:
            SourceError: it has no rows, a column of another type or of two forms, or too many rows that break a rule.
        """
        tally = self.tally
        if tally.read == 0:
            raise SourceError(
                f"{where}: no rows below the header; source.header names the columns of a table that has none"
            )
        for column in self.columns:
            if tally.unreadable[column.name] and tally.unreadable[column.name] == tally.present[column.name]:
                row, text = tally.examples[column.name]
                found = f"expected {column.expected} ({tally.told(row)} has {shown(text)})"
                raise SourceError(f"{where}: column {column.name!r}: {found}{column.hint(text)}")
        for name, forms in tally.forms.items():
            if len(forms) > 1:
                found = " and ".join(f"{form} ({tally.told(row)})" for form, row in forms.items())
                raise SourceError(
                    f"{where}: column {name!r}: it has {found}, which have no order among them, and rows are split by "
                    "it; write all of them alike"
                )
        share, limit = tally.quarantined / tally.read, self.model.quality.max_quarantined_share
        if share > limit:
            raise SourceError(
                f"{where}: {tally.quarantined} of {tally.read} rows ({share:.1%}) break a rule, more than the "
                f"{limit:.1%} of quality.max_quarantined_share: {self._commonest()}{''.join(self.hints().values())}"
            )
        if tally.clean == 0:
            gaps = "; missing: impute of a feature keeps rows without its value" if tally.dropped else ""
            hints = "".join(self.hints().values()) or gaps
            raise SourceError(f"{where}: no row of {tally.read} is left: {self._commonest()}{hints}")

    def hints(self) -> dict[str, str]:
        """Return column to the key that would have its unreadable or missing cells taken, where one would."""
        target = self.columns[-1]
        unlabelled = self.tally.reasons[f"{target.name}: missing"]
        told = {target.name: "; rows without a target are left out by target.missing: drop"} if unlabelled else {}
        told |= {
            column.name: column.hint(self.tally.examples[column.name][1])
            for column in self.columns
            if column.name in self.tally.examples
        }
        return {name: hint for name, hint in told.items() if hint}

    def _commonest(self) -> str:
        listed = sorted(self.tally.reasons.items(), key=lambda item: (-item[1], item[0]))
        shown = [
            f"{reason} ({rows}, first in {self.tally.told(self.tally.first_rows[reason])})"
            for reason, rows in listed[:3]
        ]
        return "; ".join(shown) + (f"; and {len(listed) - 3} more" if len(listed) > 3 else "")


def _mask(indices: Indices, size: int) -> Mask:
    mask = np.zeros(size, dtype=np.bool_)
    mask[indices] = True
    return mask


def _quarantine(batch: Batch, bad: Mask, reasons: list[tuple[str, Mask]]) -> pl.DataFrame:
    """Return the rows that break a rule: their number, their reasons, and their text."""
    rows = np.flatnonzero(bad)
    parts = [pl.when(pl.Series(mask[rows])).then(pl.lit(reason)) for reason, mask in reasons]
    reason = pl.select(pl.concat_str(parts, separator="; ", ignore_nulls=True)).to_series()
    text = batch.text()[rows]
    places = [pl.Series(ROW, rows + batch.first_row - batch.rows_before)]
    if batch.file:
        places.insert(0, pl.Series(FILE, [batch.file] * len(rows)))
    return text.select(*places, reason.alias(REASON), pl.all())
