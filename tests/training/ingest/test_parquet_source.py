import datetime
from pathlib import Path

import polars as pl
import pytest
from tables import Homes

from molino.contracts.errors import SourceError

TABLE = pl.DataFrame({"size": [1.5, 2.5], "rooms": [3, 4], "garden": [True, False], "area": ["north", "south"]})
PRICE = pl.Series("price", [10, 20])


def homes_of(folder: Path, table: pl.DataFrame) -> Homes:
    homes = Homes(folder, b"", "homes.parquet")
    table.write_parquet(homes.source)
    return homes


def ingested(folder: Path, **columns: pl.Series) -> pl.DataFrame:
    homes = homes_of(folder, TABLE.with_columns(PRICE, **columns))
    homes.ingest()
    return pl.read_parquet(homes.artifact("clean.parquet"))


COLUMNS = {
    "32-bit floats": ("size", pl.Series([1.5, 2.5], dtype=pl.Float32), [1.5, 2.5]),
    "decimals": ("size", pl.Series(["1.5", "2.5"]).cast(pl.Decimal(10, 2)), [1.5, 2.5]),
    "numbers as text": ("size", pl.Series(["1.5", " 2.5 "]), [1.5, 2.5]),
    "not a number for no value": ("rooms", pl.Series([3.0, float("nan")]), [3, None]),
    "whole numbers as floats": ("rooms", pl.Series([3.0, 4.0]), [3, 4]),
    "zero and one for booleans": ("garden", pl.Series([1, 0]), [True, False]),
    "booleans as text": ("garden", pl.Series(["true", "0"]), [True, False]),
    "categoricals": ("area", pl.Series(["north", "south"], dtype=pl.Categorical), ["north", "south"]),
}


@pytest.mark.parametrize(("name", "column", "expected"), COLUMNS.values(), ids=COLUMNS)
def test_a_type_that_fits_is_taken(tmp_path: Path, name: str, column: pl.Series, expected: list[object]) -> None:
    assert ingested(tmp_path, **{name: column})[name].to_list() == expected


DATES = pl.Series([datetime.date(2020, 1, 1)] * 2)
WRONG = {
    "dates for numbers": (
        "size",
        pl.Series([datetime.date(2020, 1, 1)] * 2),
        "expected number values, but its type is Date",
    ),
    "booleans for numbers": ("rooms", pl.Series([True, False]), "expected integer values, but its type is Boolean"),
    "lists for categories": (
        "area",
        pl.Series([["north"], ["south"]]),
        "expected category values, but its type is L",
    ),
    "dates for booleans": ("garden", DATES, "expected boolean values"),
}


@pytest.mark.parametrize(("name", "column", "expected"), WRONG.values(), ids=WRONG)
def test_a_type_that_cant_fit_is_refused(tmp_path: Path, name: str, column: pl.Series, expected: str) -> None:
    with pytest.raises(SourceError, match=f"column '{name}': {expected}"):
        ingested(tmp_path, **{name: column})


def test_a_row_that_breaks_a_rule_is_kept_as_text(tmp_path: Path) -> None:
    homes = homes_of(tmp_path, TABLE.with_columns(PRICE, rooms=pl.Series([99, 4])))
    homes.ingest()
    assert pl.read_csv(homes.artifact("quarantine.csv"), infer_schema=False).rows() == [
        ("1", "rooms: above 20", "1.5", "99", "true", "north", "10")
    ]


def test_damaged_data_are_named(tmp_path: Path) -> None:
    size = pl.Series([i / 7 for i in range(100_000)])
    table = pl.select(size=size, rooms=3, garden=True, area=pl.lit("north"), price=pl.lit(1.0))
    homes = homes_of(tmp_path, table)
    data = bytearray(homes.source.read_bytes())
    data[1000:50_000] = bytes(49_000)
    homes.source.write_bytes(data)
    with pytest.raises(SourceError, match="damaged after row 0"):
        homes.ingest()
