import io

import polars as pl
import pytest

from molino.contracts.errors import SourceError
from training.ingest.foreign import is_parquet, refuse_foreign

HEADERS = [
    "PAR1,PAR2",
    "PAR1",
    "PAR1\n1",
    "ARROW1,size",
    "BZh9,size",
    "PK,size",
    "ORC,price",
    "html,size",
    "{size},a",
    "<5,5-9",
]


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_header_that_begins_as_another_kind_does_is_a_table_s(header: str, mark: str) -> None:
    beginning = f"{mark}{header}".encode()
    assert not is_parquet(beginning)
    refuse_foreign(beginning, "source a.csv")


@pytest.mark.parametrize("compression", ["uncompressed", "zstd"])
def test_parquet_is_known(compression: str) -> None:
    file = io.BytesIO()
    pl.DataFrame({"size": [1.0, 2.0]}).write_parquet(file, compression=compression)
    assert is_parquet(file.getvalue()[:64])


@pytest.mark.parametrize("compression", ["uncompressed", "zstd", "lz4"])
def test_arrow_is_refused(compression: str) -> None:
    file = io.BytesIO()
    pl.DataFrame({"size": [1.0, 2.0]}).write_ipc(file, compression=compression)
    with pytest.raises(SourceError, match=r"source a\.csv: expected CSV or Parquet, but this is Arrow or Feather"):
        refuse_foreign(file.getvalue()[:64], "source a.csv")
