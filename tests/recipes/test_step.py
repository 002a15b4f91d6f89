"""CONTRIBUTING's recipe "Add a step": its place in the graph, its result, its work."""

import json
from pathlib import Path

import pytest
from ingested_run import IngestedRun
from tree import changed_files, copy_with_recipe, molino, run

from molino.contracts.model_file.json_schema import model_file_schema
from molino.contracts.settings import Settings

pytestmark = pytest.mark.embedded


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_with_recipe(tmp_path_factory.mktemp("tree"), "Add a step")


def test_it_runs_and_is_told(tree: Path) -> None:
    ingested = IngestedRun(Settings(home=tree / "home"))
    molino(tree, "step", "audit", "--model", "housing", "--run-id", ingested.run_id)
    shown = molino(tree, "runs", "show", ingested.run_id)
    assert f"{len(ingested.data)} rows counted" in shown
    (listed,) = json.loads(molino(tree, "runs", "--json"))
    assert listed["steps"] == ["ingest", "audit"]


def test_it_is_a_word_of_the_model_file(tree: Path) -> None:
    printed = run(tree, "import json; from molino.contracts.model_file.json_schema import model_file_schema\n"
                        "print(json.dumps(model_file_schema()))")  # fmt: skip
    schemas = (json.loads(printed), model_file_schema())
    own, known = (schema["properties"]["resources"]["propertyNames"]["enum"] for schema in schemas)
    assert own == [known[0], "audit", *known[1:]]


def test_nothing_but_its_files_was_needed(tree: Path) -> None:
    contracts = {"molino/contracts/steps.py", "molino/contracts/results.py"}
    assert changed_files(tree) == contracts | {"training/audit/__init__.py", "training/audit/step.py"}
