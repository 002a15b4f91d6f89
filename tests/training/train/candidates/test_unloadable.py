"""A library of trees that can't be loaded, as where OpenMP is missing, is no matter of any other kind."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
TRIED = """
import sys
from importlib.abc import MetaPathFinder

class Unloadable(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == "lightgbm":
            raise OSError("libgomp.so.1: cannot open shared object file: No such file or directory")

sys.meta_path.insert(0, Unloadable())
from molino.contracts.model_file import parse_model
from training.train.candidates import faults
from pathlib import Path
from types import SimpleNamespace
import yaml

content = yaml.safe_load(Path("pipelines/models/housing/model.yaml").read_text())
content["candidates"] = [{"name": "one", "kind": sys.argv[1], **yaml.safe_load(sys.argv[2])}]
model = parse_model(yaml.safe_dump(content).encode(), "model.yaml")
loaded = SimpleNamespace(file=model, code={}, path=Path("model.yaml"))
print(dict(faults(model.candidates[0], loaded)))
"""


def faults_without_lightgbm(kind: str, settings: str = "{}") -> str:
    command = [sys.executable, "-W", "ignore", "-c", TRIED, kind, settings]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("kind", "settings"),
    [("xgboost", "{}"), ("sklearn", "{estimator: sklearn.ensemble.ExtraTreesRegressor}")],
)
def test_another_kind_has_no_fault(kind: str, settings: str) -> None:
    assert faults_without_lightgbm(kind, settings) == "{}"


def test_its_own_kind_says_what_to_install() -> None:
    told = faults_without_lightgbm("lightgbm")
    assert "libgomp.so.1: cannot open shared object file" in told
    assert "apt-get install libgomp1" in told
    assert told.startswith("{('kind',)")
