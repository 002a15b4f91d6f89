"""The column that a split by time goes by, which is no feature."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tables import Homes, csv_text

from molino.contracts.errors import SourceError
from training.splits import identify
from training.splits.place import place

HEADER = "size,rooms,garden,area,price,day"
NO_TIME = "day: neither a number nor a date such as 2026-01-31 (a feature of type date has a format for others)"


def homes_of(tmp_path: Path, *days: str, **changes: Any) -> Homes:
    """Return homes whose rows are of these days."""
    rows = [f'{50 + at};3;true;north;{100 + at};"{day}"' for at, day in enumerate(days)]
    data = csv_text(*rows, header=HEADER.replace(",", ";"))
    source = {"uri": "homes.csv", "delimiter": ";"} | changes.pop("source", {})
    return Homes(tmp_path, data, source=source, split={"kind": "time", "column": "day"}, **changes)


def table_of(homes: Homes, name: str) -> Path:
    return homes.settings.home / "store" / "runs" / "homes" / "r1" / "ingest" / name


def clean(homes: Homes) -> pl.DataFrame:
    return pl.read_parquet(table_of(homes, "clean.parquet"))


@pytest.mark.parametrize("odd", ["31st", "01/02/24", "1/2/24", "05-03-21", "31-01-2026", "0x10", "inf"])
def test_what_is_no_time_for_certain_is_quarantined(tmp_path: Path, odd: str) -> None:
    homes = homes_of(tmp_path, "2026-01-31", odd, "2026-02-01")
    homes.ingest()
    found = pl.read_csv(table_of(homes, "quarantine.csv"))
    assert found.select("source_row", "reason").rows() == [(2, NO_TIME)]


def test_numbers_beside_dates_are_refused_with_a_row_of_each(tmp_path: Path) -> None:
    homes = homes_of(tmp_path, "2026-01-31", "2026-02-01", "20260202")
    with pytest.raises(SourceError) as refused:
        homes.ingest()
    assert str(refused.value).endswith(
        "homes.csv: column 'day': it has numbers (row 3) and dates (row 1), which have no order among them, and rows "
        "are split by it; write all of them alike"
    )


def test_a_row_that_is_set_aside_is_of_no_form(tmp_path: Path) -> None:
    data = csv_text("50,3,true,north,100,2026-01-31", "x,3,true,north,101,7", header=HEADER)
    homes = Homes(tmp_path, data, split={"kind": "time", "column": "day"})
    homes.ingest()
    assert clean(homes)["day"].to_list() == ["2026-01-31"]


def test_numbers_are_read_as_the_source_writes_them(tmp_path: Path) -> None:
    form = {"decimal": ",", "thousands": "."}
    homes = homes_of(tmp_path, "1.234", "999", "998,5", "−1", source=form)
    homes.ingest()
    when = place(identify(homes.loaded.file), clean(homes), ()).positions
    assert when.tolist() == [1234.0, 999.0, 998.5, -1.0]


def test_a_number_that_means_no_value_is_no_time(tmp_path: Path) -> None:
    homes = homes_of(tmp_path, "-999.0", "7", source={"missing": ["-999"]})
    homes.ingest()
    assert clean(homes)["day"].to_list() == ["7"]
