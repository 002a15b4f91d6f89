"""From a table to a model file: reads, chooses, writes, and tries the file on the table."""

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from molino.contracts.address import Address, redacted
from molino.contracts.errors import ModelFileError, SourceError, StepError
from molino.contracts.identifiers import MODEL_NAME_WORDS, is_model_name
from molino.contracts.model_file import MODEL_FILENAME, LoadedModel, ModelFile, parse_model
from molino.contracts.model_file.json_schema import SCHEMA_PATH
from molino.contracts.settings import Settings
from molino.contracts.source_files import is_database, is_pattern
from molino.init.document import Draft, text_of
from molino.init.features import Chosen, LeftOut, choose
from molino.init.names import feature_names, model_name
from molino.init.table import Given, Table, read_table
from molino.init.target import Task, aim_at, column_named

if TYPE_CHECKING:
    import polars as pl

    from training.ingest.source import LocalSource

PROBE = b"""{"name": "table", "title": "table", "task": "regression", "source": {"uri": "-"}, "target": {"name": "y"},
"features": [{"name": "x", "type": "number"}], "candidates": [{"name": "linear", "kind": "linear"}], "metric": "rmse"}
"""
"""A model file before there is one: by it the table is fetched, as ingest fetches a source."""


FEW_ROWS = 500
"""Up to which a split by chance may leave a part too few."""
MOST_SEEDS = 100
PASSWORD_BY_VARIABLE = re.compile(r"[^:/]+://[^:/@]*(:\$\{\w+\})?@[^@]*$")
"""An address that holds a user at most, and names the variable that holds the password."""


@dataclass(frozen=True)
class Wanted:
    """What was asked for."""

    table: str
    """Path or address of a file, a folder or a pattern."""
    target: str
    """Name of the column to predict."""
    name: str | None = None
    """Of the model; what is nearest to the table's where none is given."""
    path: Path | None = None
    """Of the model file; that of the model among `MOLINO_MODELS` where none is given."""
    task: Task | None = None
    headerless: bool = False
    """Whether the first row of the table holds no names."""
    query: str | None = None
    """Of a database: what is read from it."""
    more: tuple[str, ...] = ()
    """Where the rest of the table is, if it isn't in one place."""

    @property
    def tables(self) -> tuple[str, ...]:
        """All places of the table."""
        return (self.table, *self.more)


@dataclass(frozen=True)
class Written:
    """A model file for a table, not yet written."""

    name: str
    path: Path
    text: str
    features: int
    left_out: int
    doubt: str = ""
    """Why training will stop, where it will."""

    def write(self) -> None:
        """Write it where there is none.

        Raises:
            ModelFileError: there is one, or the folder can't be written.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("x", encoding="utf-8") as file:
                file.write(self.text)
        except FileExistsError as error:
            raise ModelFileError(
                f"{self.path}: it is there, and is left as it is; --edit shows what would differ, --name writes another"
            ) from error
        except OSError as error:
            raise ModelFileError(f"{self.path}: can't write the model file: {error.strerror}") from error

    def differences(self) -> str:
        """Return what differs from the file that is there, as a diff; empty where nothing does.

        Raises:
            ModelFileError: there is none.
        """
        try:
            old = self.path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            problem = error.strerror if isinstance(error, OSError) else "not UTF-8"
            raise ModelFileError(f"{self.path}: can't read the model file to compare with: {problem}") from error
        found = difflib.unified_diff(
            old.splitlines(keepends=True), self.text.splitlines(keepends=True), str(self.path), "of the table now"
        )
        return "".join(line if line.endswith("\n") else f"{line}\n" for line in found)


def model_file_of(wanted: Wanted, settings: Settings) -> Written:
    """Return the model file that fits a table, tried on all of its rows.

    Raises:
        MolinoError: the table can't be had or read, or gives no model.
    """
    name = _name(wanted)
    path = (wanted.path or settings.models / name / MODEL_FILENAME).expanduser()
    if path.suffix not in (".yaml", ".yml"):
        path /= MODEL_FILENAME
    with TemporaryDirectory(prefix="molino-init-") as folder:
        workdir = Path(folder)
        sources = [
            source
            for at, table in enumerate(wanted.tables)
            for source in _fetched(table, wanted.query, path, workdir / str(at), settings)
        ]
        where = f"source {', '.join(dict.fromkeys(redacted(table) for table in wanted.tables))}"
        where = f"source {sources[0].uri}" if len(sources) == 1 else where
        largest = settings.source_largest_unpacked_bytes
        given = Given(sources, where, workdir, largest, wanted.target, wanted.headerless)
        table = read_table(given)
        draft = _draft(wanted, name, path, where, table)
        draft = _tried(draft, given)
    left_out = len(draft.left_out) + len(table.nameless)
    return Written(name, path, text_of(draft), len(draft.chosen), left_out, draft.doubt)


def _name(wanted: Wanted) -> str:
    parts = Path(wanted.tables[0].rstrip("/").partition("?")[0]).parts
    stem = next((part for part in reversed(parts) if not is_pattern(part)), "").split(".")[0]
    name = wanted.name or (model_name(wanted.path.name) if wanted.path and not wanted.path.suffix else "")
    name = name or model_name(stem)
    if not is_model_name(name):
        raise ModelFileError(f"a model can't be called {name or stem!r}: give --name, of {MODEL_NAME_WORDS}")
    return name


def _fetched(table: str, query: str | None, path: Path, workdir: Path, settings: Settings) -> "list[LocalSource]":
    """Bring the table here as ingest does, under the same rules of what a source may be."""
    import structlog

    from training.ingest.source import fetch_sources
    from training.step import Context
    from training.stores.opening import open_store

    plain = table.partition("?")[0]
    database = is_database(Address(plain).scheme)
    if database != (query is not None):
        expected = (
            "a database, and --query what is read of it" if query is not None else "--query, for it is a database"
        )
        raise SourceError(f"source {redacted(table)}: expected {expected}")
    if redacted(plain) != plain and not (database and PASSWORD_BY_VARIABLE.match(plain)):
        raise SourceError(
            f"source {redacted(table)}: its address holds a secret, which no model file may; give one without, or set "
            "AWS_ACCESS_KEY_ID and its like"
        )
    probe = parse_model(PROBE, "table")
    probe = probe.model_copy(update={"source": probe.source.model_copy(update={"query": query})})
    loaded = LoadedModel(file=probe, path=path.resolve(), sha256="")
    given = settings.model_copy(update={"source": Address(table)})
    log = structlog.get_logger().bind(table=table)
    workdir.mkdir()
    return fetch_sources(Context(given, loaded, "init", "ingest", open_store(settings), {}, workdir, log))


def _draft(wanted: Wanted, name: str, path: Path, where: str, table: Table) -> Draft:
    called = wanted.target
    if "header" in table.form and called not in table.form["header"] and called.isdigit():
        called = f"column_{called}"
    target = column_named(table.columns, called, where)
    aim = aim_at(target, where, wanted.task)
    judged = [choose(column) for column in table.columns if column is not target]
    chosen = [one for one in judged if isinstance(one, Chosen)]
    left_out = [one for one in judged if isinstance(one, LeftOut)]
    if not chosen:
        reasons = "; ".join(f"{one.header}: {one.reason}" for one in left_out[:3])
        raise SourceError(f"{where}: no column is left to predict {wanted.target!r} from ({reasons})")
    return Draft(
        name=name,
        table=", ".join(wanted.tables),
        rows=table.rows,
        columns=len(table.columns) + len(table.nameless),
        uri=[_uri(table, path) for table in wanted.tables],
        source=({"query": wanted.query} if wanted.query else {}) | dict(table.form),
        schema=_schema(path),
        target=target.header,
        names=feature_names([target.header, *(one.header for one in chosen)]),
        aim=aim,
        chosen=chosen,
        left_out=left_out,
        nameless=table.nameless,
    )


def _uri(table: str, path: Path) -> str:
    """Return the table's address; its name alone where it lies beside the model file."""
    if "://" in table:
        scheme, _, database = table.partition(":///")
        is_file = scheme.partition("+")[0] == "sqlite" and database
        return f"{scheme}:///{Path(database).expanduser().resolve()}" if is_file else table
    absolute = Path(table).expanduser().resolve()
    beside = path.resolve().parent
    return str(absolute.relative_to(beside) if absolute.is_relative_to(beside) else absolute)


def _schema(path: Path) -> str | None:
    """Return the way from the model file to the schema for editors, where that is near."""
    schema = path.resolve().parent.parent / SCHEMA_PATH.name
    return f"../{schema.name}" if schema.is_file() else None


def _tried(draft: Draft, given: Given) -> Draft:
    """Return a draft tried on all rows: they are cleaned as in ingest and, where they are few, split as in train.

    The first seed is taken by which each part has enough of them; where there is none, the draft says why.

    Raises:
        SourceError: too many break a rule.
    """
    model = parse_model(text_of(draft).encode(), MODEL_FILENAME)
    if draft.rows > FEW_ROWS:
        for _ in _cleaned(model, given):
            pass
        return draft
    import polars as pl

    from training.train.data import Dataset

    clean = given.workdir / "clean.parquet"
    pl.concat(_cleaned(model, given)).write_parquet(clean)
    doubt = ""
    for seed in range(MOST_SEEDS):
        try:
            Dataset(clean, model, seed)
        except StepError as error:
            doubt = doubt or str(error).removeprefix(f"{model.name}: ")
        else:
            return replace(draft, seed=seed)
    return replace(draft, doubt=doubt)


def _cleaned(model: ModelFile, given: Given) -> "Iterator[pl.DataFrame]":
    """Yield the clean rows of a table, as ingest cleans them.

    Raises:
        SourceError: too many break a rule.
    """
    from training.ingest.cleaning import Cleaner
    from training.ingest.open_files import OpenFiles

    cleaner = Cleaner(model)
    with OpenFiles(given.sources, model, given.workdir, given.largest) as opened:
        for batch in opened.batches():
            yield cleaner.clean(batch).clean
    cleaner.check(given.where)
