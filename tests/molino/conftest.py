import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bundles import build_housing, build_penguins
from running_server import run_server

from molino.client import Client
from molino.contracts.pointer import write_pointer


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """The client of a real server with a housing and a penguins release."""
    home = tmp_path_factory.mktemp("served")
    build_housing(home, max_rows=50)
    build_penguins(home)
    write_pointer(home, {"housing": "1", "penguins": "1"})
    with run_server(home, tmp_path_factory.mktemp("server") / "log") as server:
        yield Client(server.url, "mercadolibre")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder of releases that a test may change; version 1 is deployed."""
    made = tmp_path / "served"
    build_housing(made, "1", max_rows=50)
    build_housing(made, "2", max_rows=50)
    write_pointer(made, {"housing": "1"})
    return made


@pytest.fixture
def foreign() -> Iterator[Callable[[bytes], str]]:
    """Start servers of other kinds: each answers everyone with the bytes that it is given; returns its URL."""
    listeners: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def start(said: bytes) -> str:
        listeners.append(socket.create_server(("127.0.0.1", 0)))
        threads.append(threading.Thread(target=_answer, args=(listeners[-1], said)))
        threads[-1].start()
        return f"http://127.0.0.1:{listeners[-1].getsockname()[1]}"

    yield start
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
    for thread in threads:
        thread.join()


def _answer(listener: socket.socket, said: bytes) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            connection.recv(65536)
            connection.sendall(said)
