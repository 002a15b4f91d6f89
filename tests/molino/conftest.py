from collections.abc import Iterator

import pytest
from bundles import build_housing, build_penguins
from running_server import run_server

from molino.client import Client
from molino.pointer import write_pointer


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """The client of a real server with a housing and a penguins release."""
    home = tmp_path_factory.mktemp("served")
    build_housing(home, max_rows=50)
    build_penguins(home)
    write_pointer(home, {"housing": "1", "penguins": "1"})
    with run_server(home, tmp_path_factory.mktemp("server") / "log") as server:
        yield Client(server.url, "mercadolibre")
