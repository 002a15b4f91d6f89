"""CONTRIBUTING's recipe "Add a store": one file, and every setting that names a place may name one of its kind."""

import json
from pathlib import Path

import pytest
from tree import ROOT, copy_with, molino, run

pytestmark = pytest.mark.embedded

STORE = '''
import hashlib
import sqlite3
from pathlib import Path

from molino.contracts.errors import StoreError
from molino.contracts.record import Artifact
from training.stores.contract import Store


class Table(Store):
    """Objects as rows of one SQLite file: table:///<path of the file>/<prefix>."""

    scheme = "table"

    def __init__(self, file, prefix):
        self.file, self.prefix = file, prefix

    @classmethod
    def open(cls, address, settings):
        file, _, prefix = address.secret.removeprefix("table://").partition(".db")
        return cls(f"{file}.db", f"{prefix.strip('/')}/" if prefix.strip("/") else "")

    def ask(self, question, *values):
        with sqlite3.connect(self.file) as table:
            table.execute("create table if not exists objects (key text primary key, data blob)")
            return table.execute(question, values).fetchall()

    def read(self, key):
        found = self.ask("select data from objects where key = ?", self.prefix + key)
        if not found:
            raise StoreError(f"{self.uri(key)}: there is no such object")
        return found[0][0]

    def write(self, key, data):
        self.ask("insert or replace into objects values (?, ?)", self.prefix + key, data)
        return Artifact(key=key, uri=self.uri(key), sha256=hashlib.sha256(data).hexdigest(), bytes=len(data))

    def download(self, key, path):
        path.write_bytes(self.read(key))

    def upload(self, path, key, rows=None):
        return self.write(key, path.read_bytes()).model_copy(update={"rows": rows})

    def exists(self, key):
        return bool(self.ask("select 1 from objects where key = ?", self.prefix + key))

    def size(self, key):
        return len(self.read(key))

    def list(self, prefix):
        keys = self.ask("select key from objects where key like ? order by key", f"{self.prefix}{prefix}%")
        yield from (key.removeprefix(self.prefix) for key, in keys)

    def delete(self, key):
        self.ask("delete from objects where key = ?", self.prefix + key)

    def uri(self, key):
        return f"table://{self.file}/{self.prefix}{key}"
'''


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_with(tmp_path_factory.mktemp("tree"), {"training/stores/table.py": STORE})


@pytest.fixture(scope="module")
def places(tree: Path) -> dict[str, str]:
    """Name the store and the source, which the table has as well."""
    source = ROOT / "pipelines" / "models" / "housing" / "housing.csv"
    put = f"""
from pathlib import Path
from molino.contracts.address import Address
from molino.contracts.settings import Settings
from training.stores.opening import open_at
open_at(Address('table://{tree}/raw.db'), Settings()).upload(Path({str(source)!r}), 'in/housing.csv')
"""
    run(tree, put)
    return {
        "MOLINO_STORE": f"table://{tree}/objects.db/molino",
        "MOLINO_SOURCE": f"table://{tree}/raw.db/in/housing.csv",
    }


@pytest.fixture(scope="module")
def ingested(tree: Path, places: dict[str, str]) -> dict[str, str]:
    for step in ("ingest", "version"):
        molino(tree, "step", step, "--model", "housing", "--run-id", "r1", **places)
    return places


def test_its_runs_are_listed(tree: Path, ingested: dict[str, str]) -> None:
    (found,) = json.loads(molino(tree, "runs", "--json", **ingested))
    assert (found["run_id"], found["state"]) == ("r1", "unfinished")


def test_a_source_can_be_there_too(tree: Path, ingested: dict[str, str]) -> None:
    records = json.loads(molino(tree, "runs", "show", "r1", "--json", **ingested))
    assert records["records"]["ingest"]["result"]["source_uri"] == ingested["MOLINO_SOURCE"]
    assert records["records"]["ingest"]["result"]["rows_clean"] > 400


def test_nothing_is_left_in_the_folder_that_was_the_store(tree: Path, ingested: dict[str, str]) -> None:
    assert not (tree / "home" / "store").exists()


def test_doctor_looks_into_it(tree: Path, ingested: dict[str, str]) -> None:
    program = """
from molino.contracts.settings import load_settings
from molino.doctor import examine
print(*(finding.seen for finding in examine(load_settings()) if finding.subject == 'store' and finding.well))
"""
    assert run(tree, program, **ingested) == f"{ingested['MOLINO_STORE']}\n"


def test_an_unknown_kind_is_refused_with_those_that_are_there(tree: Path) -> None:
    program = """
from molino.contracts.errors import StoreError
from molino.contracts.settings import load_settings
from training.stores.opening import open_store
try:
    open_store(load_settings())
except StoreError as error:
    print(error)
"""
    said = run(tree, program, MOLINO_STORE="gs://bucket")
    assert said == "gs://bucket: gs:// isn't known; use a folder, or one of file://, s3://, table://\n"


def test_nothing_but_the_one_file_was_needed(tree: Path) -> None:
    own = {path.relative_to(tree) for package in ("molino", "training") for path in (tree / package).rglob("*.py")}
    assert {str(path) for path in own if not (ROOT / path).exists()} == {"training/stores/table.py"}
