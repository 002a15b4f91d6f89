"""Takes in the clean rows for the report, a column at a time."""

from typing import Any

import polars as pl

from training.features import FeatureType
from training.profiles.profile import ColumnProfile


class ColumnProfiler:
    """Takes in a column part by part."""

    def __init__(self, column: FeatureType[Any]) -> None:
        self.column = column
        self.rows = self.missing = 0
        self.measure = column.measure()

    def add(self, values: pl.Series) -> None:
        """Count some rows."""
        self.rows += len(values)
        self.missing += values.null_count()
        if values.null_count():
            values = values.drop_nulls()
        if len(values):
            self.measure.add(values)

    def profile(self) -> ColumnProfile:
        """Return what was found."""
        return self.column.described(self.rows, self.missing).model_copy(update=self.measure.found())
