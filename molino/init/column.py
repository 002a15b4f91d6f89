"""What a column of a table holds, taken in batch by batch."""

import math
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, time
from functools import cached_property
from typing import TYPE_CHECKING

from molino.contracts.clock import clock_format_of, clock_in
from molino.contracts.features.boolean import TRUTH
from molino.contracts.moments import format_of, moment_in

if TYPE_CHECKING:
    import polars as pl

LENGTH = re.compile(r"-?\d{1,4}:[0-5]\d(:[0-5]\d)?([.,]\d{1,9})?", re.ASCII)
"""How lengths of time are written, in hours, minutes and seconds, or the last two of them."""
LENGTH_NAME = re.compile(
    r".*(durat|length|elapsed|lap|runtime|run_time|took|pace|split_time|dauer).*",
    re.IGNORECASE | re.DOTALL,
)
NUMBER_WITH_UNIT = re.compile(r"[-+]?\d[\d.,]*\s?([^\W\d_]{1,10})")
MOST_COUNTED = 100_000
"""Different values that are counted; beyond them nearly every row is taken to have its own."""
DATE_NAME = re.compile(r".*(date|datum|day|ymd|time).*", re.IGNORECASE | re.DOTALL)
LEAST_DIGITS = 5
"""Of a code: shorter numbers with leading zeros may be months, hours or times of a day."""
DAY_FIRST = re.compile(r"%d([./-])%m")
WHOLE_DATE = "%Y%m%d"
WHOLE_DATES = (19000101, 21001231)
"""Between these, whole numbers may be dates."""
FEWEST_WHOLE_DATES, FEWEST_MONTHS = 10, 3
"""Different ones of a column that isn't called so: of numbers spread so far, one in thirty is a date by chance."""


@dataclass(frozen=True)
class Dated:
    """What a column's dates and times are."""

    form: str | None
    """The pattern by which they are written; none where that is ISO 8601."""
    timed: bool
    """Whether any has a time other than midnight."""
    first: datetime
    last: datetime
    doubtful: bool = False
    """Whether months might as well stand before days."""


@dataclass
class Column:
    """A column, as far as it has been read."""

    header: str
    dtype: str | None = None
    """Its type in Parquet where no cell of that type is read."""
    rows: int = 0
    missing: int = 0
    counted: Counter[str] = field(default_factory=Counter)
    """Value to number of rows, as text; of at most about `MOST_COUNTED` values."""
    numbers: int = 0
    """Cells that are a number."""
    no_number: tuple[int, str] | None = None
    """Row and text of the first cell that is none."""
    low: float = math.inf
    high: float = -math.inf
    whole: bool = True
    """False once a number has had a fraction."""
    mean: float = 0.0
    squares: float = 0.0
    """Sum of the squared distances from the mean."""
    doubt: str = ""
    """What of its cells might be read wrongly."""
    words: Counter[str] = field(default_factory=Counter)
    """Words that were taken for no value, with their number of cells."""

    @property
    def gaps(self) -> str:
        """How many cells are missing, and what stands there where they aren't empty."""
        shown = ", ".join(f"{word!r} {count}" for word, count in self.words.most_common(3))
        return f"{self.missing} missing" + (f" ({shown})" if shown else "")

    @property
    def present(self) -> int:
        """Cells that hold something."""
        return self.rows - self.missing

    @property
    def different(self) -> int:
        """Different values; about as many as rows where they are too many to count."""
        return len(self.counted) if len(self.counted) <= MOST_COUNTED else self.present

    @property
    def deviation(self) -> float:
        """Standard deviation of the numbers."""
        return math.sqrt(self.squares / self.numbers) if self.numbers else 0.0

    @property
    def numeric(self) -> bool:
        """Whether it holds numbers, but for a cell in a hundred at most."""
        return self.present > 0 and (self.present - self.numbers) * 100 <= self.present

    @property
    def truths(self) -> bool:
        """Whether it holds true and false, however written."""
        return bool(self.counted) and all(value.lower() in TRUTH for value in self.counted)

    @property
    def codes(self) -> bool:
        """Whether its numbers are digits of one length, some with a leading zero, such as codes of the post."""
        digits = all(value.isascii() and value.isdigit() for value in self.counted)
        lengths = {len(value) for value in self.counted}
        zero = any(value.startswith("0") for value in self.counted)
        return digits and zero and len(lengths) == 1 and min(lengths) >= LEAST_DIGITS

    @cached_property
    def dated(self) -> Dated | None:
        """How its dates or times are written; none where it holds something else. To be asked once all is read."""
        texts = list(self.counted)
        form = None
        if self.numeric:
            form = WHOLE_DATE
            if not WHOLE_DATES[0] <= self.low <= self.high <= WHOLE_DATES[1]:
                return None
            months = {text[: len("202601")] for text in texts}
            if not DATE_NAME.fullmatch(self.header) and (
                len(texts) < FEWEST_WHOLE_DATES or len(months) < FEWEST_MONTHS
            ):
                return None
        elif not texts or moment_in(texts[0]) is None:
            form = format_of(texts)
            if form is None:
                return None
        moments = []
        for text in texts:
            moment = moment_in(text, form)
            if moment is None:
                return None
            moments.append(moment)
        swapped = DAY_FIRST.sub(r"%m\1%d", form or "")
        doubtful = swapped != form and all(moment_in(text, swapped) is not None for text in texts) if form else False
        return Dated(form, any(moment.time() != time.min for moment in moments), min(moments), max(moments), doubtful)

    @cached_property
    def clock(self) -> tuple[str | None] | None:
        """How its times of a day are written, if it holds such alone: the pattern, or none of those with colons.

        To be asked once all is read.
        """
        texts = list(self.counted)
        if self.numeric or not texts:
            return None
        if all(clock_in(text) is not None for text in texts):
            return (None,)
        form = clock_format_of(texts)
        return (form,) if form else None

    @cached_property
    def lengths_of_time(self) -> bool:
        """Whether it holds lengths of time such as 29:23 or 1:02:15.6, and some are none of a day's times."""
        texts = list(self.counted)
        return bool(texts) and all(LENGTH.fullmatch(text) for text in texts) and not all(map(clock_in, texts))

    @property
    def unit(self) -> str | None:
        """The word that stands after each number of it, such as kg."""
        found = [NUMBER_WITH_UNIT.fullmatch(text) for text in self.counted]
        units = {one[1] for one in found if one}
        return units.pop() if all(found) and len(units) == 1 else None

    @property
    def own_in_each_row(self) -> bool:
        """Whether no two rows have the same value."""
        return self.missing == 0 and self.different == self.rows

    @property
    def row_numbers(self) -> bool:
        """Whether it counts the rows, from 0 or 1."""
        return self.own_in_each_row and self.whole and self.numbers == self.rows and (
            self.low in (0, 1) and self.high - self.low + 1 == self.rows
        )  # fmt: skip

    def add(self, cells: "pl.Series", written: "pl.Series | None" = None, raw: "pl.Series | None" = None) -> None:
        """Take in cells, tidy: as text, numbers or truth values, and null where they are missing.

        Args:
            cells: of the column.
            written: the same with numbers as programs write them; the cells where not given.
            raw: the same as they stand in the table, by which words that mean no value are told.
        """
        import polars as pl

        from training.features.category import float_as_text

        first_row = self.rows + 1
        self.rows += len(cells)
        self.missing += cells.null_count()
        if raw is not None and raw.dtype == pl.String and cells.null_count() > raw.null_count():
            words = raw.filter(cells.is_null()).drop_nulls().str.strip_chars().alias("word").value_counts(name="rows")
            self.words.update({word: rows for word, rows in words.iter_rows() if word})
        if len(self.counted) <= MOST_COUNTED:
            present = cells.drop_nulls()
            text = pl.select(float_as_text(pl.lit(present))).to_series() if present.dtype.is_float() else present
            counts = text.cast(pl.String).alias("value").value_counts(name="rows", sort=True)
            self.counted.update(dict(counts.iter_rows()))
        if cells.dtype == pl.Boolean:
            return
        numbers = (cells if written is None else written).cast(pl.Float64, strict=False)
        numbers = pl.select(pl.when(numbers.is_finite()).then(numbers)).to_series()
        wrong = cells.is_not_null() & numbers.is_null()
        if self.no_number is None and wrong.any():
            index = wrong.arg_max() or 0
            self.no_number = (first_row + index, str(cells[index]))
        self._measure(numbers.drop_nulls())

    def _measure(self, numbers: "pl.Series") -> None:
        """Take in numbers; mean and spread of two parts are joined as by Chan, Golub and LeVeque (1979)."""
        count = len(numbers)
        if not count:
            return
        mean = float(numbers.mean())  # type: ignore[arg-type]
        squares = float(((numbers - mean) ** 2).sum())
        total, apart = self.numbers + count, mean - self.mean
        self.squares += squares + apart * apart * self.numbers * count / total
        self.mean += apart * count / total
        self.numbers = total
        self.low, self.high = min(self.low, float(numbers.min())), max(self.high, float(numbers.max()))  # type: ignore[arg-type]
        self.whole = self.whole and bool((numbers == numbers.round()).all())
