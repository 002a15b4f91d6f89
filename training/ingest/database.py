"""Rows that a query gets from a database, streamed into a Parquet file."""

import os
import re
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import polars as pl
from polars.exceptions import PolarsError

from molino.contracts.address import Address
from molino.contracts.errors import SourceError
from training.ingest.clean_parquet import write_clean
from training.ingest.source_rules import SourceRules, expanded

if TYPE_CHECKING:
    from sqlalchemy import URL, Engine

CHUNK_ROWS = 10_000
REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
"""An environment variable in an address."""
QUIET_OPTIONS = frozenset({"application_name", "charset", "connect_timeout", "sslmode", "sslrootcert", "ssl_ca"})
"""Options of an address that lead to no other host, whatever the driver: `host`, `service` or a file may."""
TYPES: dict[type, pl.DataType] = {
    bool: pl.Boolean(), int: pl.Int64(), float: pl.Float64(), Decimal: pl.Float64(), date: pl.Date(),
    datetime: pl.Datetime("us"),
}  # fmt: skip
"""What Python's values become; all others are text."""


@dataclass(frozen=True)
class Query:
    """What is to be read, and where."""

    address: Address
    text: str
    folder: Path
    """What a relative path of a database file starts from."""


def read_database(query: Query, path: Path, rules: SourceRules) -> None:
    """Write what a query gets to a Parquet file, some rows at a time; the database is only read.

    Raises:
        SourceError: the database can't be reached, refuses the query, or a column holds values of several types.
    """
    from sqlalchemy.exc import SQLAlchemyError

    whole = Address(_with_variables(query.address))
    try:
        engine = _engine(whole, query, rules)
        with engine.connect() as connection:
            options = {"stream_results": True, "no_parameters": True, "max_row_buffer": CHUNK_ROWS}
            if engine.dialect.name == "postgresql":
                options["postgresql_readonly"] = True
            found = connection.execution_options(**options).exec_driver_sql(query.text)
            if not found.returns_rows:
                raise SourceError(f"source {query.address}: source.query returns no rows; expected a SELECT")
            names = list(found.keys())
            chunks = iter(lambda: found.fetchmany(CHUNK_ROWS), [])
            _write(names, chunks, path, query, rules)
    except (SQLAlchemyError, ImportError) as error:
        cause = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        raise SourceError(
            f"source {query.address}: the database says: {whole.hide_in(cause)}; check source.uri and source.query"
        ) from None


def _with_variables(address: Address) -> str:
    """Return an address with the values of the variables that it names."""

    def value(found: re.Match[str]) -> str:
        given = os.environ.get(found[1])
        if given is None:
            raise SourceError(f"source {address}: the variable {found[1]}, which source.uri names, isn't set")
        return quote(given, safe="")

    return REFERENCE.sub(value, address.secret)


def _engine(whole: Address, query: Query, rules: SourceRules) -> "Engine":
    from sqlalchemy import create_engine, make_url
    from sqlalchemy.pool import NullPool

    try:
        url: URL = make_url(whole.secret)
    except ValueError:  # its text may hold a part of the password
        raise SourceError(
            f"source {query.address}: no valid address of a database; expected a number as its port, and signs such as "
            "@ : / of user and password written as %40 %3A %2F"
        ) from None
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg2")
    if url.get_backend_name() != "sqlite":
        rules.check_host(url.host or "", query.address)
        if rules.hosts and not set(url.query) <= QUIET_OPTIONS:
            raise SourceError(
                f"source {query.address}: what follows ? may lead to another host; where hosts are listed, expected of "
                f"{', '.join(sorted(QUIET_OPTIONS))} alone (MOLINO_SOURCE_HOSTS)"
            )
        return create_engine(url, poolclass=NullPool)
    path = query.folder / expanded(url.database or "")
    rules.check_path(path)
    if not path.is_file():
        raise SourceError(f"source {query.address}: there is no database {path}; correct source.uri of the model file")
    place = f"file:{quote(str(path.resolve()))}?mode=ro"
    return create_engine(
        "sqlite://", creator=lambda: sqlite3.connect(place, uri=True, check_same_thread=False), poolclass=NullPool
    )


def _write(names: list[str], chunks: Iterator[Sequence[Any]], path: Path, query: Query, rules: SourceRules) -> None:
    where = f"source {query.address}"
    if repeated := next((name for name in names if names.count(name) > 1), None):
        raise SourceError(f"{where}: source.query gives two columns {repeated!r}; name one otherwise by AS")
    first = next(chunks, [])
    if not first:
        raise SourceError(f"{where}: source.query gives no rows")
    schema = {name: _type_of({type(row[at]) for row in first}) for at, name in enumerate(names)}

    def frames() -> Iterator[pl.DataFrame]:
        before = 0
        for rows in chain([first], chunks):
            columns = [_column(name, [row[at] for row in rows], schema[name], where, before)
                       for at, name in enumerate(names)]  # fmt: skip
            before += len(rows)
            if path.exists():
                rules.check_size(path.stat().st_size, query.address)
            yield pl.DataFrame(columns)

    write_clean(frames(), schema, path)


def _type_of(kinds: set[type]) -> pl.DataType:
    """Return the type of a column by its first values; text where they are of several, or none is there."""
    found = {TYPES.get(kind, pl.String()) for kind in kinds if kind is not type(None)}
    if found == {pl.Int64(), pl.Float64()}:
        return pl.Float64()
    return found.pop() if len(found) == 1 else pl.String()


def _column(name: str, values: list[Any], dtype: pl.DataType, where: str, before: int) -> pl.Series:
    if dtype == pl.String:
        return pl.Series(name, [None if value is None else _text(value) for value in values], dtype=dtype)
    if dtype == pl.Float64:
        values = [float(value) if isinstance(value, int | Decimal) else value for value in values]
    if dtype == pl.Datetime:
        values = [value if value is None or value.tzinfo is None else _utc(value) for value in values]
    try:
        return pl.Series(name, values, dtype=dtype, strict=True)
    except (PolarsError, TypeError, OverflowError) as error:
        raise SourceError(
            f"{where}: column {name!r}: a value after row {before} isn't of the type of those before, {dtype}; make "
            "them alike by CAST in source.query"
        ) from error


def _utc(value: datetime) -> datetime:
    return value.astimezone(UTC).replace(tzinfo=None)


def _text(value: Any) -> str:
    if isinstance(value, bytes | memoryview):
        return bytes(value).decode(errors="replace")
    return value.isoformat() if isinstance(value, date) else str(value)
