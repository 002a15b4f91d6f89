"""Rows to show and to try a model with that are typical of the data, and none of its rows."""

from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

TRIES = 4
"""How many times as many rows are made as wanted, for those that happen to be real."""
WORDS = 6
"""Of a text, about."""
DIGITS = 6
"""Significant digits of a number that lies between two of the data."""


def typical_rows(rows: "pl.DataFrame", count: int, worded: Collection[str] = ()) -> "pl.DataFrame":
    """Return up to `count` rows of the same columns, each value a quantile of its own column, in an own order.

    A real number lies half way between two of the data, so that such a row is no one's. Missing values are left out
    where a column has others. Only where the columns have few values, so that every mixture of them is a row of the
    data, are such rows given.

    Args:
        rows: rows of the data, at least one.
        count: how many rows to make.
        worded: columns of words, whose texts are made of those that most rows have.
    """
    import polars as pl

    made = pl.DataFrame(
        [
            (_reworded if column.name in worded else _mixed)(column, count, index)
            for index, column in enumerate(rows.iter_columns())
        ]
    ).unique(maintain_order=True)
    own = made.join(rows, on=rows.columns, how="anti", nulls_equal=True, maintain_order="left")
    return (own if len(own) else made).head(count)


def _reworded(column: "pl.Series", count: int, index: int) -> "pl.Series":
    """Return texts of a few words each, `TRIES` times `count` of them, of those that are in most of the column's."""
    import polars as pl

    words = column.drop_nulls().str.split(" ").list.unique().explode().value_counts(sort=True, name="times")
    words = words.filter(pl.col(column.name) != "").sort(["times", column.name], descending=[True, False])
    commonest = words.filter((pl.col("times") > 1) | (pl.int_range(pl.len()) == 0))[column.name].to_list()
    commonest = commonest[: count * WORDS]
    if not commonest:
        return column.clear(count * TRIES)
    texts = [" ".join(commonest[(at + index) % count :: count]) or commonest[0] for at in range(count * TRIES)]
    return pl.Series(column.name, texts, dtype=pl.String)


def _mixed(column: "pl.Series", count: int, index: int) -> "pl.Series":
    """Return quantiles of a column, `TRIES` times `count` of them; each block of `count` is turned further."""
    present = column.drop_nulls()
    present = (present.drop_nans() if present.dtype.is_float() else present).sort()
    if not len(present):
        return column.clear(count * TRIES)
    turned = [(place + index * (block + 1)) % count for block in range(TRIES) for place in range(count)]
    at = [int((place + 0.5) / count * len(present)) for place in turned]
    if not column.dtype.is_float():
        return present.gather(at)
    below = present.gather([min(place, max(len(present) - 2, 0)) for place in at])
    above = present.gather([min(place + 1, len(present) - 1) for place in at])
    return ((below + above) / 2).round_sig_figs(DIGITS).clip(present[0], present[-1]).cast(column.dtype)
