"""Expensive things that the tests of the steps share."""

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from trained_run import GOOD, MODELS, TrainedRun, build_graphs, copy_database, read_rows

from molino.model_file import load_model
from molino.settings import Settings
from training.inference import Graph


@pytest.fixture(scope="session")
def mlflow_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database with its tables and nothing in them: copied, since making one takes seconds."""
    from training.tracking import Tracker

    home = tmp_path_factory.mktemp("mlflow")
    Tracker(Settings(home=home)).client.search_experiments()
    return home / "mlflow.db"


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
