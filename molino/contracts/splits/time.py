"""A split by time: trained on the past, judged on what came after."""

from collections.abc import Iterator
from typing import Literal

from molino.contracts.splits.base import Column, Contradiction, Model, Split


class Time(Split):
    """The last share of the rows by a column is for tests, the share before it for validation; ties stay together."""

    kind: Literal["time"]
    column: Column
    """A column of the source, feature or not, of numbers or of dates such as 2026-01-31 or 2026-01-31T12:00:00Z."""

    @property
    def named(self) -> tuple[tuple[str, str], ...]:
        """The column that orders the rows."""
        return (("column", self.column),)

    def contradictions(self, model: Model) -> Iterator[Contradiction]:
        """Yield what doesn't go with the rest of the model file."""
        yield from super().contradictions(model)
        feature = model.features.get(self.column)
        if feature and not feature.ordered:
            yield ("split", "column"), f"{self.column!r} is a feature of type {feature.type}; expected numbers or dates"
        if feature and feature.missing == "impute":
            yield (
                ("split", "column"),
                f"{self.column!r} may be missing (missing: impute), and a row without it has no part",
            )
