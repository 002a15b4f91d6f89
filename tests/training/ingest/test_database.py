"""Sources in databases: SQLite, and a real Postgres where its programs are installed."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tables import Homes

from molino.contracts.errors import ModelFileError, SourceError
from molino.contracts.model_file import parse_model
from molino.contracts.settings import Settings
from molino.init.command import Wanted, model_file_of
from tests.postgres import running_postgres

FEATURES = [
    {"name": "a", "type": "number", "missing": "impute"},
    {"name": "c", "type": "category"},
    {"name": "day", "type": "date"},
]
ROWS = [(1.5, "x", "2026-01-31", 7), (None, "ü, '", "2026-02-01", 8)]
QUERY = "SELECT a, c, day, y FROM sales WHERE c LIKE '%' ORDER BY y"
TABLE = "CREATE TABLE sales (a {real}, c TEXT, day {day}, y INTEGER)"
PASSWORD = "p@ss/word"


def homes(folder: Path, uri: str, query: str | None = QUERY) -> Homes:
    source = {"uri": uri} | ({"query": query} if query else {})
    return Homes(folder, features=FEATURES, target={"name": "y"}, source=source)


def clean(made: Homes) -> list[tuple[Any, ...]]:
    made.ingest()
    return pl.read_parquet(made.artifact("clean.parquet")).select("a", "c", pl.col("day").cast(pl.String), "y").rows()


def sales(folder: Path, rows: list[Any] = ROWS) -> Path:
    path = folder / "models" / "homes" / "sales.db"
    path.parent.mkdir(parents=True, exist_ok=True)
    with sqlite3.connect(path) as database:
        database.execute(TABLE.format(real="REAL", day="TEXT"))
        database.executemany("INSERT INTO sales VALUES (?, ?, ?, ?)", rows)
    database.close()
    return path


def made_of(folder: Path, query: str = QUERY, rows: list[Any] = ROWS) -> Homes:
    made = homes(folder, "sqlite:///sales.db", query)
    sales(folder, rows)
    return made


def test_a_query_of_sqlite_is_a_source(tmp_path: Path) -> None:
    made = made_of(tmp_path)
    read = clean(made)
    assert [(a, c, day[:10], y) for a, c, day, y in read] == ROWS
    assert made.ingest("r2").result["source_sha256"] == made.ingest("r1").result["source_sha256"]


def test_rows_are_streamed_with_the_types_of_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.ingest.database.CHUNK_ROWS", 3)
    assert len(clean(made_of(tmp_path, rows=[(1.0 * at, "x", "2026-01-31", at) for at in range(10)]))) == 10


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("SELECT * FROM nowhere", "the database says: no such table: nowhere; check source.uri and source.query"),
        ("SELEC", "the database says:"),
        ("DELETE FROM sales", "readonly database"),
        ("SELECT * FROM sales WHERE y > 99", "source.query gives no rows"),
        ("SELECT a, a FROM sales", "two columns 'a'; name one otherwise by AS"),
        ("SELECT a, c, y FROM sales", "no column 'day'; the columns are a, c, y"),
    ],
)
def test_a_query_that_gives_no_table_is_one_line(tmp_path: Path, query: str, problem: str) -> None:
    with pytest.raises(SourceError) as caught:
        made_of(tmp_path, query).ingest()
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_values_of_another_type_far_below_name_the_column(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.ingest.database.CHUNK_ROWS", 1)
    rows = [(1.5, "x", "2026-01-31", 1), ("much", "x", "2026-01-31", 2)]
    with pytest.raises(SourceError, match=r"column 'a': a value after row 1 isn't .* by CAST in source\.query"):
        made_of(tmp_path, rows=rows).ingest()


@pytest.mark.parametrize(
    ("uri", "query", "problem"),
    [
        ("homes.csv", QUERY, "query asks a database"),
        ("sqlite:///sales.db", None, "expected a query beside it"),
        ("postgresql://app:hunter2@db/sales", QUERY, "name an environment variable in its place"),
    ],
)
def test_what_does_not_fit_is_a_fault_of_the_model_file(tmp_path: Path, uri: str, query: str, problem: str) -> None:
    with pytest.raises(ModelFileError, match=problem) as caught:
        _ = homes(tmp_path, uri, query).loaded
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("uri", "problem"),
    [
        ("sqlite:///nowhere.db", "there is no database .*nowhere.db; correct source.uri"),
        ("postgresql://app:${NO_SUCH_WORD}@db/sales", "variable NO_SUCH_WORD, which source.uri names, isn't set"),
        ("oracle://db/sales", "the database says: No module named"),
    ],
)
def test_a_database_that_can_not_be_had_is_one_line(tmp_path: Path, uri: str, problem: str) -> None:
    with pytest.raises(SourceError, match=problem):
        homes(tmp_path, uri).ingest()


@pytest.mark.parametrize("options", ["host=db.example.org", "hostaddr=192.0.2.1", "service=x", "sslmode=a#&host=db"])
def test_no_option_leads_to_a_host_that_is_not_allowed(tmp_path: Path, options: str) -> None:
    with pytest.raises(SourceError, match=r"what follows \? may lead to another host; where hosts are listed"):
        homes(tmp_path, f"postgresql://app@db.lan/sales?{options}").ingest(source_hosts="*.lan")


def test_a_database_of_a_host_that_is_not_allowed_is_not_asked(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"the host isn't allowed here; allowed are \*\.lan"):
        homes(tmp_path, "postgresql://app@db.example.org/sales").ingest(source_hosts="*.lan")


@pytest.mark.parametrize("word", ["hun:ter2@x:hunter3", "hunter3@db:hunter2"])
def test_an_address_that_is_none_is_one_line_without_its_password(tmp_path: Path, word: str) -> None:
    with pytest.raises(SourceError, match="no valid address of a database; expected a number as its port") as caught:
        homes(tmp_path, "sqlite:///sales.db").ingest(source=f"postgresql://app:{word}@db/sales")
    assert "hunter" not in str(caught.value)


def test_molino_init_writes_the_model_file_of_a_query(tmp_path: Path) -> None:
    path = sales(tmp_path, [(at + 0.5, "xyz"[at % 3], f"2026-01-{at % 28 + 1:02}", at) for at in range(60)])
    settings = Settings(home=tmp_path / "home", models=tmp_path / "models")
    made = model_file_of(Wanted(f"sqlite:///{path}", "y", query=QUERY), settings)
    file = parse_model(made.text.encode(), "model.yaml")
    assert (file.name, file.source.uri, file.source.query) == ("sales", f"sqlite:///{path}", QUERY)
    assert {one.name: one.type for one in file.features} == {"a": "number", "c": "category", "day": "date"}


@pytest.mark.parametrize(
    ("table", "query", "problem"),
    [
        ("sqlite:///sales.db", None, "expected --query, for it is a database"),
        ("sales.csv", QUERY, "expected a database, and --query"),
        ("postgresql://app:hunter2@db/sales", QUERY, "its address holds a secret"),
        ("postgresql://app:${NO_SUCH_WORD}@db/sales", QUERY, "variable NO_SUCH_WORD"),
    ],
)
def test_molino_init_refuses_what_does_not_fit(tmp_path: Path, table: str, query: str | None, problem: str) -> None:
    with pytest.raises(SourceError, match=problem) as caught:
        model_file_of(Wanted(table, "y", query=query), Settings(home=tmp_path / "home", models=tmp_path / "models"))
    assert "hunter2" not in str(caught.value)


@pytest.fixture(scope="module")
def postgres() -> Iterator[int]:
    """The port of a real Postgres."""
    with running_postgres("app", PASSWORD) as port:
        yield port


def test_a_query_of_postgres_is_a_source_and_its_password_is_nowhere(
    tmp_path: Path, postgres: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    import psycopg2

    with (
        psycopg2.connect(host="127.0.0.1", port=postgres, user="app", password=PASSWORD, dbname="postgres") as database,
        database.cursor() as cursor,
    ):
        cursor.execute(TABLE.format(real="NUMERIC", day="DATE"))
        cursor.executemany("INSERT INTO sales VALUES (%s, %s, %s, %s)", ROWS)
    database.close()
    monkeypatch.setenv("SALES_PASSWORD", PASSWORD)
    made = homes(tmp_path, f"postgresql://app:${{SALES_PASSWORD}}@127.0.0.1:{postgres}/postgres")
    assert [(a, c, day[:10], y) for a, c, day, y in clean(made)] == ROWS
    kept = b"".join(path.read_bytes() for path in made.store.rglob("*") if path.is_file())
    assert PASSWORD.encode() not in kept
    assert b"SALES_PASSWORD" not in kept
    made = homes(tmp_path / "wrong", f"postgresql://app:${{SALES_PASSWORD}}@127.0.0.1:{postgres}/postgres")
    monkeypatch.setenv("SALES_PASSWORD", "another-secret")
    with pytest.raises(SourceError, match="password authentication failed") as caught:
        made.ingest()
    assert "another-secret" not in str(caught.value)
