"""Release bundles, the Flask app, and a real server for the tests of serving."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from asgi_client import make_client
from bundles import HOUSING_ROW, build_housing, build_penguins
from running_server import RunningServer, run_server
from werkzeug.test import Client

from molino.contracts.pointer import write_pointer
from serving.settings import ServingSettings


@pytest.fixture(scope="session")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with housing 1, 2 and penguins 1; housing 1 and penguins 1 are deployed. Not to be changed."""
    home = tmp_path_factory.mktemp("releases")
    build_housing(home, "1")
    build_housing(home, "2")
    build_penguins(home, "1")
    write_pointer(home, {"housing": "1", "penguins": "1"})
    return home


@pytest.fixture
def own_releases(releases: Path, tmp_path: Path) -> Path:
    """A copy of the releases that a test may change."""
    return Path(shutil.copytree(releases, tmp_path / "own-releases"))


@pytest.fixture
def settings(releases: Path) -> ServingSettings:
    return ServingSettings(home=releases)


@pytest.fixture
def client(settings: ServingSettings) -> Client:
    return make_client(settings)


@pytest.fixture
def housing_body() -> bytes:
    return json.dumps({"data": [HOUSING_ROW]}).encode()


@pytest.fixture(scope="session")
def server(releases: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One server for the tests that change nothing."""
    with run_server(releases, tmp_path_factory.mktemp("server") / "log") as running:
        yield running
