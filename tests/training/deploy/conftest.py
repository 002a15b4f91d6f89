import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from registered_run import GATE, RUNS, RegisteredRun, Runs, workers
from running_server import RunningServer, run_server
from trained_run import TrainedRun, copy_database

from molino.contracts.pointer import write_pointer
from molino.contracts.settings import Settings
from tests.conftest import made_once


@pytest.fixture(scope="session")
def home(mlflow_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with three runs of housing that are registered. Not to be changed."""

    def make(folder: Path) -> None:
        copy_database(mlflow_database, folder)
        for number, run_id in enumerate(RUNS):
            run = TrainedRun(folder, "housing", run_id=run_id, changes=GATE, noise=float(number))
            run.step("evaluate")
            run.step("register")

    return made_once(tmp_path_factory, "deploy-home", make)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server of two workers; nothing is deployed at first."""
    place = tmp_path_factory.mktemp("serving")
    with run_server(place / "home", place / "log") as server:
        server.wait_for_workers()
        yield server


@pytest.fixture
def server(running: RunningServer) -> RunningServer:
    """The server, with nothing deployed."""
    folder = running.log.parent / "home"
    shutil.rmtree(folder, ignore_errors=True)
    write_pointer(folder, {})
    running.wait("nothing is deployed", lambda: workers(running) == {})
    return running


@pytest.fixture
def runs(home: Path, server: RunningServer, tmp_path: Path) -> Runs:
    """The three runs, in a copy of the home, beside the server."""
    copy = tmp_path / "home"
    shutil.copytree(home, copy, ignore=shutil.ignore_patterns("artifacts", "work"))
    settings = Settings(
        home=copy, models=copy / "models", serving_url=server.url, serving_home=server.log.parent / "home"
    )
    return {run_id: RegisteredRun(settings, run_id) for run_id in RUNS}
