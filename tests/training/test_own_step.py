"""A step of one's own, added as CONTRIBUTING says: its place in the graph, its result, its work."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ingested_run import IngestedRun

from molino.contracts.model_file.json_schema import model_file_schema
from molino.contracts.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
GRAPH = '    Step("audit", "data", "ingest", "count the clean rows once more"),\n'
RESULT = '''

class AuditResult(Result):
    """What was counted."""

    TOLD = ("{rows} rows counted",)

    rows: int
'''
WORK = '''"""*audit*: counts the clean rows once more."""

from molino.contracts.results import AuditResult, IngestResult
from training.step import Context, Outcome


def run(context: Context) -> Outcome:
    """Count the clean rows."""
    return Outcome(AuditResult(rows=context.result("ingest", IngestResult).clean.rows or 0))
'''


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The house with a step more, in a folder of its own."""
    for package in ("molino", "training", "pipelines"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, tmp_path / "tree" / package, ignore=ignored)
    steps = tmp_path / "tree" / "molino" / "contracts" / "steps.py"
    text = steps.read_text()
    after = text.index('    Step("version"')
    steps.write_text(text[:after] + GRAPH + text[after:])
    results = tmp_path / "tree" / "molino" / "contracts" / "results.py"
    results.write_text(results.read_text() + RESULT)
    (tmp_path / "tree" / "training" / "audit").mkdir()
    (tmp_path / "tree" / "training" / "audit" / "step.py").write_text(WORK)
    return tmp_path / "tree"


def molino(tree: Path, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(tree), "MOLINO_HOME": str(tree.parent / "home")}
    command = [sys.executable, "-m", "molino", *arguments]
    ended = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_a_step_of_ones_own_runs_and_is_told(tree: Path) -> None:
    run = IngestedRun(Settings(home=tree.parent / "home"))
    molino(tree, "step", "audit", "--model", "housing", "--run-id", run.run_id)
    shown = molino(tree, "runs", "show", run.run_id)
    assert f"{len(run.data)} rows counted" in shown
    (listed,) = json.loads(molino(tree, "runs", "--json"))
    assert listed["steps"] == ["ingest", "audit"]


def test_a_step_of_ones_own_is_a_word_of_the_model_file(tree: Path) -> None:
    code = (
        "import json; from molino.contracts.model_file.json_schema import model_file_schema;"
        "print(json.dumps(model_file_schema()))"
    )
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=tree, env=environment, capture_output=True, text=True, check=True
    )
    schemas = (json.loads(ended.stdout), model_file_schema())
    own, known = (schema["properties"]["resources"]["propertyNames"]["enum"] for schema in schemas)
    assert own == [known[0], "audit", *known[1:]]
