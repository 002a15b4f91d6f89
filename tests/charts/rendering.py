"""The chart as Helm renders it."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "molino"
VALUE_FILES = {"defaults": None, "kind": CHART / "values-kind.yaml", "production": CHART / "values-production.yaml"}


def helm(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    """Run helm; skip where it can't be found."""
    places = [shutil.which("helm"), Path.home() / "go" / "bin" / "helm"]
    program = next((str(place) for place in places if place and Path(place).is_file()), None)
    if program is None:
        pytest.skip("no chart to test: helm isn't installed (go install helm.sh/helm/v4/cmd/helm@v4.3.1)")
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)


def options(values: str, *settings: str) -> list[str | Path]:
    file = VALUE_FILES[values]
    found: list[str | Path] = ["--values", file] if file else []
    for setting in settings:
        found += ["--set", setting]
    return found


def render(values: str = "defaults", *settings: str) -> list[dict[str, Any]]:
    """Return every object of the rendered chart."""
    done = helm("template", "molino", CHART, "--namespace", "molino", *options(values, *settings))
    assert done.returncode == 0, done.stderr
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def refusal(values: str, *settings: str) -> str:
    """Return what helm says of values that it refuses."""
    done = helm("template", "molino", CHART, *options(values, *settings))
    assert done.returncode != 0, "rendered, and should have been refused"
    return done.stderr


def pods(documents: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Yield name, spec and workload of every pod template."""
    for document in documents:
        if document["kind"] in ("Deployment", "StatefulSet", "Job"):
            name = f"{document['kind']}/{document['metadata']['name']}"
            yield name, document["spec"]["template"]["spec"], document
