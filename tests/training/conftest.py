"""Expensive things that the tests of the steps share."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import onnx
import pytest
import yaml
from trained_run import GOOD, MODELS, TrainedRun, build_graphs, copy_database, read_rows

from molino.contracts.model_file import load_model
from molino.contracts.settings import Settings
from tests.ports import free_port
from training.graphs.graph import Graph
from training.step import run_step


@pytest.fixture(params=["folder", "s3"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings of a home of its own, with git and DVC remotes in folders and in S3."""
    home = tmp_path / "home"
    if request.param == "folder":
        return Settings(home=home)
    s3 = request.getfixturevalue("s3")
    bucket = s3.make_bucket()
    return s3.settings(home, git_remote=f"s3://{bucket}/git", dvc_remote=f"s3://{bucket}/dvc")


@pytest.fixture
def new_run(mlflow_database: Path, tmp_path: Path) -> Callable[..., TrainedRun]:
    """Make a run whose train step has ended, in a home of its own; a second one shares the home of the first."""

    def make(model: str, **options: object) -> TrainedRun:
        home = tmp_path / "home"
        if not home.exists():
            copy_database(mlflow_database, home)
        return TrainedRun(home, model, **options)

    return make


@pytest.fixture(scope="session")
def registered(mlflow_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], TrainedRun]:
    """Give a run of a model that has been evaluated and registered: to be read, not changed."""
    runs: dict[str, TrainedRun] = {}

    def give(model: str) -> TrainedRun:
        if model not in runs:
            home = copy_database(mlflow_database, tmp_path_factory.mktemp(model) / "home")
            gate = {"gate": {"bounds": {"mae" if model == "housing" else "log_loss": {"maximum": 10.0}}}}
            runs[model] = TrainedRun(home, model, changes=gate)
            runs[model].step("evaluate")
            runs[model].step("register")
        return runs[model]

    return give


@pytest.fixture(scope="session")
def graphs(tmp_path_factory):
    """Of each model: its good graph, its sample rows, and these as Parquet."""
    made = {}
    for name in ("housing", "penguins"):
        folder = tmp_path_factory.mktemp(name)
        loaded = load_model(MODELS / name)
        rows = read_rows(loaded)
        rows.write_parquet(folder / "rows.parquet")
        onnx.save(build_graphs(loaded, rows, 0.0)[GOOD], folder / "good.onnx")
        features = [feature.name for feature in loaded.file.features]
        made[name] = Graph(folder / "good.onnx", features, loaded.file.target.classes), rows, folder / "rows.parquet"
    return made


@pytest.fixture(scope="session")
def real_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, str]:
    """Run five steps over the penguins, from CSV to release, with the candidates that take no TensorFlow."""
    home = tmp_path_factory.mktemp("real")
    content = yaml.safe_load((MODELS / "penguins" / "model.yaml").read_text())
    content["candidates"] = [one for one in content["candidates"] if one["kind"] != "keras_mlp"]
    content["source"]["uri"] = str(MODELS / "penguins" / content["source"]["uri"])
    (home / "model.yaml").write_text(yaml.safe_dump(content))
    settings = Settings(home=home / "home")
    loaded = load_model(home / "model.yaml")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of DVC and scikit-learn: the tests of those steps look at them
        for step in ("ingest", "version", "train"):
            run_step(step, loaded, "r1", settings)
    for step in ("evaluate", "register"):
        run_step(step, loaded, "r1", settings)
    return settings, "penguins"


@pytest.fixture(scope="module")
def mlflow_server(mlflow_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the address of a tracking server that hands out artifacts itself, as in a cluster."""
    home = copy_database(mlflow_database, tmp_path_factory.mktemp("server"))
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1",
               "--backend-store-uri", f"sqlite:///{home / 'mlflow.db'}",
               "--artifacts-destination", str(home / "artifacts")]  # fmt: skip
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    environment["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, env=environment, cwd=home)
    try:
        wait_for(f"http://127.0.0.1:{port}/health", process, home / "log")
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until a server answers, at most two minutes."""
    for _ in range(1200):
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(url):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    raise AssertionError(f"{url} never answered: {log.read_text()}")
