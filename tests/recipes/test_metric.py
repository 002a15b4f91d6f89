"""CONTRIBUTING's recipe "Add a metric": a line and a file, and a model file may name it and the gate goes by it."""

import json
from pathlib import Path

import pytest
from tree import changed_files, copy_with_recipe, run

pytestmark = pytest.mark.embedded

PARSE = """
from molino.contracts.model_file import parse_model
text = open('pipelines/models/housing/model.yaml', 'rb').read().replace(b'metric: rmse', b'metric: within_tenth')
model = parse_model(text, 'model.yaml')
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_with_recipe(tmp_path_factory.mktemp("tree"), "Add a metric")


def test_a_model_file_may_name_it(tree: Path) -> None:
    assert run(tree, PARSE + "print(model.metric)").strip() == "within_tenth"


def test_a_classification_may_not(tree: Path) -> None:
    program = """
from molino.contracts.errors import ModelFileError
from molino.contracts.model_file import parse_model
text = open('pipelines/models/penguins/model.yaml', 'rb').read().replace(b'metric: log_loss', b'metric: within_tenth')
try:
    parse_model(text, 'model.yaml')
except ModelFileError as error:
    print(error)
"""
    assert "expected a metric of a classification" in run(tree, program)


def test_it_is_measured_beside_the_others(tree: Path) -> None:
    program = """
import json, numpy as np
from training.graphs.graph import Predictions
from training.metrics.score import values
print(json.dumps(values(np.array([1.0, 2.0, 4.0]), Predictions(np.array([1.05, 2.0, 4.8])))))
"""
    found = json.loads(run(tree, program))
    assert (set(found), found["within_tenth"]) == (
        {"rmse", "mae", "within_tenth", "mape", "pinball_10", "pinball_90", "poisson_deviance", "r2"},
        pytest.approx(2 / 3),
    )


def test_the_schema_for_editors_knows_it(tree: Path) -> None:
    program = "import json; from molino.contracts.model_file.json_schema import model_file_schema\n"
    schema = json.loads(run(tree, program + "print(json.dumps(model_file_schema()))"))
    assert "within_tenth" in schema["properties"]["metric"]["enum"]


def test_nothing_but_a_line_and_a_file_was_needed(tree: Path) -> None:
    assert changed_files(tree) == {"molino/contracts/metrics.py", "training/metrics/within_tenth.py"}
