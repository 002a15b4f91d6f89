"""CONTRIBUTING's recipe "Add a split": its keys and its work, a file each, and rows are held out as it says."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml
from tree import ROOT, copy_with, give_database, run, steps

pytestmark = pytest.mark.embedded

KEYS = '''
from typing import Literal

from molino.contracts.splits.base import Column, Split


class Given(Split):
    """A column says of each row which part it is in."""

    kind: Literal["given"]
    column: Column

    @property
    def named(self):
        return (("column", self.column),)
'''
WORK = '''
import numpy as np

from training.splits.contract import SplitKind

PARTS = ["train", "validation", "test"]


class Given(SplitKind):
    """Positions are those of the words."""

    unit = "rows of one part"

    def faults(self, column):
        yield from super().faults(column)
        yield f"none of {', '.join(PARTS)}", column.is_not_null() & ~column.is_in(PARTS)

    def positions(self, identity, rows):
        return np.array([PARTS.index(word) for word in rows[identity.columns[0]]], float)

    def parts(self, identity, placement):
        return placement.positions.astype(np.uint8)

    def folds(self, placement, count):
        dealt = np.arange(len(placement.positions)) % count
        return [(dealt != fold, dealt == fold) for fold in range(count)]
'''
FILES = {"molino/contracts/splits/given.py": KEYS, "training/splits/given.py": WORK}
MODEL = {
    "name": "plots",
    "title": "Plots",
    "task": "regression",
    "source": {"uri": "plots.csv"},
    "target": {"name": "crop"},
    "features": [{"name": "rain", "type": "number"}],
    "split": {"kind": "given", "column": "part"},
    "selection": {"folds": 3},
    "candidates": [{"name": "linear", "kind": "linear"}],
    "metric": "rmse",
}
PARTS = ["train"] * 120 + ["validation"] * 30 + ["test"] * 50


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = copy_with(tmp_path_factory.mktemp("tree"), FILES)
    folder = root / "pipelines" / "models" / "plots"
    folder.mkdir()
    (folder / "model.yaml").write_text(yaml.safe_dump(MODEL))
    rain = np.random.default_rng(0).permutation(200)
    rows = [f"{mm},{2 * mm},{part}" for mm, part in zip(rain, PARTS, strict=True)]
    (folder / "plots.csv").write_text("\n".join(["rain,crop,part", *rows, "1,2,exam", ""]))
    return root


@pytest.fixture(scope="module")
def store(tree: Path, mlflow_database: Path) -> Path:
    give_database(tree, mlflow_database)
    steps(tree, "plots", "ingest", "version", "train", "evaluate", "register")
    return tree / "home" / "store"


@pytest.fixture(scope="module")
def result(store: Path) -> dict[str, object]:
    content: dict[str, object] = json.loads((store / "runs" / "plots" / "r1" / "train.json").read_text())["result"]
    return content


def test_a_cell_that_it_cannot_place_is_set_aside(store: Path) -> None:
    quarantined = pl.read_csv(store / "runs" / "plots" / "r1" / "ingest" / "quarantine.csv")
    assert quarantined["reason"].to_list() == ["part: none of train, validation, test"]


def test_rows_are_in_the_parts_that_it_says(result: dict[str, object]) -> None:
    assert [result[f"rows_{part}"] for part in ("train", "validation", "test")] == [120, 30, 50]


def test_the_rows_that_judge_are_those_that_it_says(store: Path, result: dict[str, object]) -> None:
    assert pl.read_parquet(store / result["held_out"]["key"])["part"].unique().to_list() == ["test"]


def test_candidates_may_be_chosen_by_its_folds(result: dict[str, object]) -> None:
    found = list(result["candidates"][0]["validation_spread"])
    assert result["selection"] == "folds"
    assert found == ["rmse", "mae", "r2"]


def test_a_release_says_how_its_rows_were_split(store: Path) -> None:
    split = json.loads((store / "releases" / "plots" / "1" / "release.json").read_text())["split"]
    assert (split["kind"], split["columns"]) == ("given", ["part"])


def test_a_wrong_key_is_named(tree: Path) -> None:
    program = """
from molino.contracts.model_file import parse_model
text = open('pipelines/models/plots/model.yaml', 'rb').read().replace(b'column: part', b'columns: part')
try:
    parse_model(text, 'model.yaml')
except Exception as error:
    print(error)
"""
    assert "split.columns: unknown key; expected one of kind, test, validation, seed, column" in run(tree, program)


def test_the_schema_for_editors_knows_it(tree: Path) -> None:
    printed = run(tree, "import json; from molino.contracts.model_file.json_schema import model_file_schema\n"
                        "print(json.dumps(model_file_schema()))")  # fmt: skip
    assert json.loads(printed)["$defs"]["Given"]["description"] == "A column says of each row which part it is in."


def test_nothing_but_the_two_files_was_needed(tree: Path) -> None:
    own = {path.relative_to(tree) for package in ("molino", "training") for path in (tree / package).rglob("*.py")}
    assert {str(path) for path in own if not (ROOT / path).exists()} == set(FILES)
