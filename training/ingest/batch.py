"""A part of a source's rows, on its way from the reader to the cleaner."""

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class Batch:
    """Some consecutive rows: the columns of the model file, as numbers, booleans or still as text."""

    frame: pl.DataFrame
    first_row: int
    """Number of the first row; the source's first row of data is 1."""
    text: Callable[[], pl.DataFrame]
    """Returns the same rows as text, as near to the source as can be had."""
    file: str = ""
    """The file that they are of, of a source of several."""
    rows_before: int = 0
    """Rows of the files before it."""
