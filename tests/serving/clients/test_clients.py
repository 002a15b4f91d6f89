"""Other people's clients, from their own packages, unchanged, each in an environment of its own."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from bundles import HOUSING_ROW, PENGUIN_ROWS
from running_server import JSON, KEY, RunningServer

from tests.bench.serving.environments import CLIENTS, environment, environment_of
from tests.bench.serving.fault import BenchError

NAMES = ("island", "bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g", "sex", "year")
DATATYPES = ("BYTES", "FP32", "FP32", "FP32", "FP32", "BYTES", "INT64")
HOUSING = [list(HOUSING_ROW), [2 * value for value in HOUSING_ROW]]
PENGUINS = [list(row) for row in PENGUIN_ROWS[:2]]


def python_of(name: str) -> Path:
    try:
        return environment_of(CLIENTS / name) if (CLIENTS / name).is_dir() else environment(name)
    except BenchError as error:
        pytest.skip(f"the client can't be installed: {error}")


def run(*command: str | Path, **variables: str) -> str:
    environment = {**os.environ, **variables}
    done = subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def ask_by(name: str, server: RunningServer, folder: Path) -> Any:
    """Run a client's script, and return what it printed last."""
    question = folder / "question.json"
    columns = list(zip(NAMES, DATATYPES, map(list, zip(*PENGUINS, strict=True)), strict=True))
    question.write_text(json.dumps({"key": KEY["X-API-KEY"], "housing": HOUSING, "penguins": columns}))
    told = run(python_of(name), CLIENTS / f"ask_by_{name}.py", server.url, question, PYTHONPATH=str(folder))
    return json.loads(told.splitlines()[-1])


def predict(server: RunningServer, model: str, rows: list[Any]) -> Any:
    return server.ask("POST", f"/models/{model}/predict", json.dumps({"data": rows}).encode(), JSON).json["predictions"]


@pytest.fixture
def housing(server: RunningServer) -> Any:
    return pytest.approx(predict(server, "housing", HOUSING), rel=1e-5)


@pytest.fixture
def penguins(server: RunningServer) -> Any:
    return predict(server, "penguins", PENGUINS)


def test_kserves_client(server: RunningServer, tmp_path: Path, housing: Any, penguins: Any) -> None:
    told = ask_by("kserve", server, tmp_path)

    assert [told.pop(name) for name in ("live", "ready", "model ready")] == [True, True, True]
    assert [told.pop(f"penguins {binary}") for binary in (False, True)] == [penguins, penguins]
    assert told.keys() == {"housing False", "housing True", "housing plain"}
    assert all(values == housing for values in told.values())


def test_mlservers_codecs(server: RunningServer, tmp_path: Path, housing: Any, penguins: Any) -> None:
    told = ask_by("mlserver", server, tmp_path)

    assert told.pop("numpy request") == housing
    assert told.pop("numpy output") == housing
    assert len(told) == 6
    assert all(values == penguins for values in told.values())


def test_the_protocols_generated_client(server: RunningServer, tmp_path: Path, housing: Any, penguins: Any) -> None:
    told = ask_by("open_inference", server, tmp_path)

    assert (told["server"], told["model"], told["version"]) == ("molino", "features", "housing")
    assert told["housing"] == told["housing 1"] == housing
    assert told["penguins"] == penguins


def test_a_generated_client(server: RunningServer, tmp_path: Path, housing: Any, penguins: Any) -> None:
    generator = python_of("openapi_python_client").parent / "openapi-python-client"
    contract = tmp_path / "openapi.json"
    contract.write_bytes(server.ask("GET", "/openapi.json").body)
    options = ("--path", contract, "--output-path", tmp_path / "generated", "--meta", "none")
    config = tmp_path / "config.yml"
    config.write_text("post_hooks: []\n")
    said = run(generator, "generate", *options, "--config", config, "--fail-on-warning")
    told = ask_by("openapi_python_client", server, tmp_path)

    assert "Endpoint will not be generated" not in said
    assert (told["ready"], told["models"], told["problem"]) == (200, 200, 422)
    assert told["housing"] == told["infer"] == housing
    assert told["penguins"] == told["explained"] == penguins
