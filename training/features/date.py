"""Dates."""

import polars as pl

from molino.contracts.features.date import Date
from training.features.dated import DatedType


class DateType(DatedType[Date]):
    """A day."""

    expected = "a date such as 2026-01-31"

    def parsed(self, dtype: pl.DataType) -> pl.Expr:
        """Return days, those of cells with a time as well."""
        return super().parsed(dtype).dt.truncate("1d")

    def clean_type(self) -> pl.DataType:
        """Return dates."""
        return pl.Date()
