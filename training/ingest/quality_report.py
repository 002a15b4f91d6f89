"""The data-quality report of ingest: JSON for machines, and a page for people that needs nothing but itself."""

import itertools
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

from molino.contracts.model_file import ModelFile
from training.ingest.cleaning import Tally
from training.profiles.profile import ColumnProfile

BARS_SHOWN = 12
"""A category's values beyond these are drawn as one bar."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Reason(_Part):
    """Why rows were quarantined or left out; a row can have several reasons."""

    reason: str
    rows: int
    first_row: int
    first_file: str | None = None
    """Of a source of several files, and told of these alone: the one that has this row."""

    @model_serializer(mode="wrap")
    def _without_no_file(self, written: SerializerFunctionWrapHandler) -> dict[str, Any]:
        content: dict[str, Any] = written(self)
        return {key: value for key, value in content.items() if key != "first_file" or value is not None}


class SourceFacts(_Part):
    """What was read."""

    uri: str
    sha256: str
    bytes: int
    unused_columns: tuple[str, ...] = Field(default=())
    """Columns that the model file doesn't name."""


class QualityReport(_Part):
    """What ingest read, let through and set aside."""

    model: str
    title: str
    run_id: str
    source: SourceFacts
    rows_read: int
    rows_clean: int
    rows_quarantined: int
    rows_dropped: int
    max_quarantined_share: float
    reasons: tuple[Reason, ...]
    """The commonest first."""
    columns: tuple[ColumnProfile, ...]
    """Features in order, then the target; over the clean rows."""

    @property
    def coarse_features(self) -> dict[str, str]:
        """The features of which 32-bit floats can't tell all values apart, with what to do."""
        return {column.name: column.coarse for column in self.columns[:-1] if column.coarse}

    def json_bytes(self) -> bytes:
        """Return the report as JSON."""
        return self.model_dump_json(indent=2).encode()

    def html_bytes(self) -> bytes:
        """Return the report as a page."""
        from jinja2 import Environment, PackageLoader, StrictUndefined

        environment = Environment(
            loader=PackageLoader("training.ingest", ""), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )
        environment.filters["figure"] = figure
        page = environment.get_template("quality_report.html")
        return page.render(report=self, charts=[chart(column) for column in self.columns]).encode()


def quality_report(
    model: ModelFile, run_id: str, source: SourceFacts, tally: Tally, columns: tuple[ColumnProfile, ...]
) -> QualityReport:
    """Put the report together."""
    listed = sorted(tally.reasons.items(), key=lambda item: (-item[1], item[0]))
    return QualityReport(
        model=model.name,
        title=model.title,
        run_id=run_id,
        source=source,
        rows_read=tally.read,
        rows_clean=tally.clean,
        rows_quarantined=tally.quarantined,
        rows_dropped=tally.dropped,
        max_quarantined_share=model.quality.max_quarantined_share,
        reasons=tuple(_reason(name, rows, *tally.place(tally.first_rows[name])) for name, rows in listed),
        columns=columns,
    )


def _reason(name: str, rows: int, first_row: int, file: str) -> Reason:
    return Reason(reason=name, rows=rows, first_row=first_row, first_file=file or None)


def figure(value: float | None) -> str:
    """Return a number as people read it: four significant digits, or a whole number in full."""
    if value is None:
        return "–"
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}" if abs(value) < 1e15 else f"{value:.3e}"


def chart(column: ColumnProfile) -> dict[str, Any]:
    """Return the bars of a column (label, count, and height as a share of the highest) and where they begin and end."""
    counts, labels = list(column.counts), []
    if column.edges is not None:
        labels = [_span(low, high, column.whole) for low, high in itertools.pairwise(column.edges)]
    elif column.values is not None:
        labels, counts = list(column.values[:BARS_SHOWN]), counts[:BARS_SHOWN]
        rest = sum(column.counts[BARS_SHOWN:]) + column.other_values
        if rest:
            labels, counts = [*labels, "all others"], [*counts, rest]
    highest = max(counts, default=0)
    bars = [
        {"label": label, "count": count, "share": count / highest} for label, count in zip(labels, counts, strict=True)
    ]
    low, high = (column.edges[0], column.edges[-1]) if column.edges else (None, None)
    if high is not None and column.whole:
        high -= 1
    return {"numeric": column.edges is not None, "bars": bars, "low": low, "high": high}


def _span(low: float, high: float, whole: bool) -> str:
    """Return which values a bin holds; the upper edge belongs to the next one."""
    if not whole:
        return f"{figure(low)} to {figure(high)}"
    return figure(low) if high - low == 1 else f"{figure(low)} to {figure(high - 1)}"
