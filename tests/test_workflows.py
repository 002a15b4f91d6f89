"""The workflows are what GitHub Actions takes, and build each image as `make images` does."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from images.build import BASE, names
from images.lock import ROOT

FOLDER = ROOT / ".github"


@pytest.fixture(scope="session")
def actionlint() -> str:
    go = Path(os.environ.get("GOPATH") or Path.home() / "go") / "bin" / "actionlint"
    found = shutil.which("actionlint") or (str(go) if go.exists() else None)
    if found is None:
        pytest.skip("actionlint is missing: go install github.com/rhysd/actionlint/cmd/actionlint@v1.7.7")
    return found


@pytest.mark.parametrize("workflow", sorted((FOLDER / "workflows").glob("*.yml")), ids=lambda path: path.name)
def test_a_workflow_is_well_formed(actionlint: str, workflow: Path):
    done = subprocess.run([actionlint, "-no-color", workflow], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("image", [name for name in names() if name != BASE])
def test_a_release_builds_an_image_on_its_own_base(image: str):
    environment = {**os.environ, "IMAGE": image, "BASE": "registry.example.com/molino/molino-base:0.1.0"}
    command = [sys.executable, FOLDER / "build_inputs.py"]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    file = re.findall(r"^file=(.+)$", said, re.MULTILINE)
    assert [(ROOT / path).is_file() for path in file] == [True]
    declared = re.findall(r"^ARG BASE=(\S+)$", (ROOT / file[0]).read_text(), re.MULTILINE)
    assert ("BASE=registry.example.com/molino/molino-base:0.1.0" in said) == (declared == ["molino-base"])


@pytest.mark.parametrize("command", ["make lint", "make test", "make chart", "make embedded", "make fuzz", "make e2e"])
def test_ci_runs_each_stage(command: str):
    assert f"{command}\n" in (FOLDER / "workflows" / "ci.yml").read_text()
