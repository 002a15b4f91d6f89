"""Times."""

import polars as pl

from molino.contracts.features.datetime import Datetime
from training.features.dated import DatedType


class DatetimeType(DatedType[Datetime]):
    """A day and a time; kept as it is, and given to candidates to the hour."""

    expected = "a date and time such as 2026-01-31T12:30:00"

    def clean_type(self) -> pl.DataType:
        """Return times of microseconds."""
        return pl.Datetime("us")
