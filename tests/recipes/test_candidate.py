"""CONTRIBUTING's recipe "Add a candidate kind": two files, and a model file may name it."""

import json
from pathlib import Path

import pytest
import yaml
from tree import changed_files, copy_with_recipe, give_database, run, steps

pytestmark = pytest.mark.embedded

CHOSEN = [{"name": "median", "kind": "quantile", "share": 0.5}, {"name": "linear", "kind": "linear"}]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = copy_with_recipe(tmp_path_factory.mktemp("tree"), "Add a candidate kind")
    path = root / "pipelines" / "models" / "housing" / "model.yaml"
    content = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({**content, "candidates": CHOSEN}))
    return root


@pytest.fixture(scope="module")
def trained(tree: Path, mlflow_database: Path) -> dict[str, object]:
    give_database(tree, mlflow_database)
    steps(tree, "housing", "ingest", "version", "train")
    record: dict[str, object] = json.loads(
        (tree / "home" / "store" / "runs" / "housing" / "r1" / "train.json").read_text()
    )
    return record


def test_it_is_trained_and_exported_beside_the_others(trained: dict[str, object]) -> None:
    candidates = {one["name"]: one for one in trained["result"]["candidates"]}
    assert {name: one["kind"] for name, one in candidates.items()} == {"median": "quantile", "linear": "linear"}
    assert candidates["median"]["parity"] < 1e-6


def test_its_graph_answers_as_it_should(tree: Path, trained: dict[str, object]) -> None:
    import numpy as np
    import onnxruntime

    key = next(one["onnx"]["key"] for one in trained["result"]["candidates"] if one["name"] == "median")
    session = onnxruntime.InferenceSession(tree / "home" / "store" / key)
    found = session.run(None, {"features": np.zeros((3, 13), np.float32)})[0]
    assert set(np.round(found, 3)) == {np.round(found[0], 3)}
    assert 15 < found[0] < 30


def test_a_wrong_hyperparameter_is_named(tree: Path) -> None:
    program = """
from molino.contracts.model_file import parse_model
text = open('pipelines/models/housing/model.yaml', 'rb').read().replace(b'share: 0.5', b'share: 2')
try:
    parse_model(text, 'model.yaml')
except Exception as error:
    print(error)
"""
    assert "candidates.0.share: expected less than or equal to 1" in " ".join(run(tree, program).split())


def test_the_schema_for_editors_knows_it(tree: Path) -> None:
    printed = run(tree, "import json; from molino.contracts.model_file.json_schema import model_file_schema\n"
                        "print(json.dumps(model_file_schema()))")  # fmt: skip
    assert json.loads(printed)["$defs"]["Quantile"]["properties"]["share"]["anyOf"][0]["maximum"] == 1


def test_nothing_but_the_two_files_was_needed(tree: Path) -> None:
    files = {"molino/contracts/candidates/quantile.py", "training/train/candidates/quantile.py"}
    assert changed_files(tree) == files | {"pipelines/models/housing/model.yaml"}
