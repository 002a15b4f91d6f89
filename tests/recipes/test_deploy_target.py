"""CONTRIBUTING's recipe "Add a deploy target": one file, and `MOLINO_DEPLOY_TARGET` may name it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from bundles import HOUSING_ROW
from running_server import run_server
from tree import ROOT, copy_with, give_database, steps

from molino.contracts.steps import STEP_NAMES

pytestmark = pytest.mark.embedded

TARGET = '''
import json

from training.deploy.targets.embedded import Target as Embedded


class Target(Embedded):
    """The server of this machine; each move is written into a journal beside the pointer file."""

    def point(self, model, version):
        with (self.home / "journal.jsonl").open("a") as journal:
            journal.write(json.dumps({"model": model, "from": self.current(model), "to": version}) + "\\n")
        super().point(model, version)
'''


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = copy_with(tmp_path_factory.mktemp("tree"), {"training/deploy/targets/journal.py": TARGET})
    path = root / "pipelines" / "models" / "housing" / "model.yaml"
    content = yaml.safe_load(path.read_text())
    gate = {"bounds": {"rmse": {"maximum": 20.0}}}
    path.write_text(yaml.safe_dump({**content, "candidates": [{"name": "linear", "kind": "linear"}], "gate": gate}))
    return root


@pytest.fixture(scope="module")
def deployed(tree: Path, mlflow_database: Path) -> dict[str, object]:
    give_database(tree, mlflow_database)
    with run_server(tree / "home" / "serving", tree / "serving.log") as server:
        steps(tree, "housing", *STEP_NAMES, MOLINO_DEPLOY_TARGET="journal", MOLINO_SERVING_URL=server.url)
        answer = server.ask("POST", "/predict", json.dumps({"data": [HOUSING_ROW]}).encode())
    assert (answer.status, len(answer.json["predictions"])) == (200, 1)
    (path,) = (tree / "home" / "store" / "runs" / "housing").glob("*/deploy.json")
    record: dict[str, object] = json.loads(path.read_text())
    return record


def test_the_step_puts_the_release_in_service_by_it(tree: Path, deployed: dict[str, object]) -> None:
    (move,) = (tree / "home" / "serving" / "journal.jsonl").read_text().splitlines()
    assert json.loads(move) == {"model": "housing", "from": None, "to": deployed["result"]["version"]}


def test_the_record_names_it(deployed: dict[str, object]) -> None:
    assert (deployed["status"], deployed["result"]["target"]) == ("done", "journal")


def test_a_name_that_is_none_is_refused_before_any_step_runs(tree: Path) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": str(tree),
        "MOLINO_HOME": str(tree / "other"),
        "MOLINO_DEPLOY_TARGET": "moon",
    }
    command = [sys.executable, "-m", "molino", "step", "ingest", "--model", "housing", "--run-id", "r1"]
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)
    known = "embedded, journal, kubernetes, none"
    assert done.stderr == f"molino: MOLINO_DEPLOY_TARGET: expected one of {known}, not 'moon'\n"
    assert not (tree / "other").exists()


def test_nothing_but_the_one_file_was_needed(tree: Path) -> None:
    own = {path.relative_to(tree) for package in ("molino", "training") for path in (tree / package).rglob("*.py")}
    assert {str(path) for path in own if not (ROOT / path).exists()} == {"training/deploy/targets/journal.py"}
