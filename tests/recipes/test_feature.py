"""CONTRIBUTING's recipe "Add a feature type": a file on each side of the border, and a CSV of it can be trained on."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml
from tree import changed_files, copy_with_recipe, give_database, run, steps

pytestmark = pytest.mark.embedded

MODEL = {
    "name": "loans",
    "title": "Loans",
    "task": "regression",
    "source": {"uri": "loans.csv"},
    "target": {"name": "cost"},
    "features": [
        {"name": "rate", "type": "percentage", "missing": "impute"},
        {"name": "kind", "type": "category"},
    ],
    "candidates": [{"name": "linear", "kind": "linear"}],
    "metric": "rmse",
}

MADE = {"pipelines/models/loans/model.yaml", "pipelines/models/loans/loans.csv"}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = copy_with_recipe(tmp_path_factory.mktemp("tree"), "Add a feature type")
    folder = root / "pipelines" / "models" / "loans"
    folder.mkdir()
    (folder / "model.yaml").write_text(yaml.safe_dump(MODEL))
    rng = np.random.default_rng(0)
    rates, kinds = rng.uniform(0, 100, 200).round(1), rng.choice(["long", "short"], 200)
    rows = [f"{rate}%,{kind},{3 * rate + 10 * (kind == 'long')}" for rate, kind in zip(rates, kinds, strict=True)]
    (folder / "loans.csv").write_text("\n".join(["rate,kind,cost", *rows, "104%,long,1", "much,long,1", ",long,160"]))
    return root


@pytest.fixture(scope="module")
def store(tree: Path, mlflow_database: Path) -> Path:
    give_database(tree, mlflow_database)
    steps(tree, "loans", "ingest", "version", "train")
    return tree / "home" / "store" / "runs" / "loans" / "r1"


def test_cells_are_cleaned_as_the_type_says(store: Path) -> None:
    clean = pl.read_parquet(store / "ingest" / "clean.parquet")
    assert clean["rate"].dtype == pl.Float64
    assert clean["rate"].null_count() == 1


def test_what_breaks_its_rules_is_set_aside(store: Path) -> None:
    reasons = set(pl.read_csv(store / "ingest" / "quarantine.csv")["reason"])
    assert reasons == {"rate: above 100", "rate: not a percentage such as 12.5%"}


def test_the_report_shows_it(store: Path) -> None:
    columns = json.loads((store / "ingest" / "quality.json").read_text())["columns"]
    assert (columns[0]["type"], columns[0]["missing"]) == ("percentage", 1)


def test_its_graph_answers_as_the_native_model(store: Path) -> None:
    (candidate,) = json.loads((store / "train.json").read_text())["result"]["candidates"]
    assert candidate["parity"] < 1e-5


def test_its_graph_takes_it_as_the_type_says(store: Path) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(store / "train" / "linear.onnx")
    feeds = {"rate": np.array([10, 50], np.float32), "kind": np.array(["short", "long"], object)}
    assert session.run(None, feeds)[0] == pytest.approx([30, 160], abs=5)


def test_drift_is_measured_against_its_training_rows(store: Path) -> None:
    reference = json.loads((store / "train" / "reference.json").read_text())["rate"]
    assert len(reference["edges"]) == len(reference["counts"]) + 1


def test_a_cell_becomes_what_a_request_gives(tree: Path) -> None:
    program = """
from pathlib import Path
from molino.asked_rows import open_asked
from molino.predict_csv import PLAIN
Path('asked.csv').write_text('rate\\n12.5%\\nNA\\nx\\n')
served = [{'name': 'rate', 'type': 'percentage', 'missing': 'impute'}]
with open_asked(Path('asked.csv'), served, PLAIN, 'asked.csv', Path(), 1000) as asked:
    print([row for part in asked.rows(2) for row in part.values])
"""
    assert run(tree, program).strip() == "[[12.5], [None], ['x']]"


def test_a_release_says_what_a_request_may_give(tree: Path) -> None:
    program = """
from molino.contracts.model_file import load_model
from molino.contracts.release import Reference
from training.register.bundle import as_json, release_feature
from pathlib import Path
rate = load_model(Path('pipelines/models/loans')).file.features[0]
said = release_feature(rate, Reference(rows=1, missing=0, edges=(0, 1), counts=(1,)))
print(said.type, said.missing, as_json(12.5, said))
"""
    assert run(tree, program).split() == ["percentage", "impute", "12.5"]


def test_the_schema_for_editors_knows_it(tree: Path) -> None:
    printed = run(tree, "import json; from molino.contracts.model_file.json_schema import model_file_schema\n"
                        "print(json.dumps(model_file_schema()))")  # fmt: skip
    assert json.loads(printed)["$defs"]["Percentage"]["description"] == "A share, written 12.5%."


def test_serving_takes_it_as_a_number(tree: Path) -> None:
    program = """
from molino.contracts.release import Feature
from serving.features import FEATURES
rate = FEATURES['percentage'](Feature(name='rate', type='percentage', missing='refuse'), False)
print(rate.check(12), rate.schema()['type'])
try:
    rate.check('12.5%')
except ValueError as error:
    print(error)
"""
    assert run(tree, program).splitlines()[0] == "12.0 number"
    assert "expected a number" in run(tree, program)


def test_nothing_but_its_three_files_was_needed(tree: Path) -> None:
    files = {f"{place}/features/percentage.py" for place in ("molino/contracts", "training", "serving")}
    assert changed_files(tree) - MADE == files
