import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from molino.contracts.errors import RunError
from molino.contracts.settings import Settings
from pipelines.services import HOST, mlflow, port_is_free, refuse_taken_ports, serving, tensorboard
from tests.ports import free_port


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        listener.listen()
        yield int(listener.getsockname()[1])


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


def test_a_port_that_is_listened_on_is_not_free(taken_port: int) -> None:
    assert not port_is_free(taken_port)


def test_a_port_that_nobody_has_is_free() -> None:
    assert port_is_free(free_port())


def test_free_ports_are_let_through(settings: Settings) -> None:
    refuse_taken_ports([serving(settings, free_port(), "housing")])


def test_a_taken_port_is_named_with_the_way_out(settings: Settings, taken_port: int) -> None:
    with pytest.raises(RunError, match=rf"port {taken_port} of MLflow is taken: .* by --mlflow-port \(MLFLOW_PORT=…\)"):
        refuse_taken_ports([mlflow(settings, taken_port)])


def test_every_taken_port_is_named(settings: Settings, taken_port: int) -> None:
    with pytest.raises(RunError, match=r"API is taken.*; port \d+ of TensorBoard is taken"):
        refuse_taken_ports([serving(settings, taken_port, "housing"), tensorboard(settings, taken_port)])


def test_a_port_that_two_services_want_is_named_with_both_ways_out(settings: Settings) -> None:
    port = free_port()
    wanted = [serving(settings, port, "housing"), mlflow(settings, port), tensorboard(settings, free_port())]
    with pytest.raises(RunError, match=r"wanted by API and by MLflow: .* by --port \(PORT=…\) or --mlflow-port \(MLF"):
        refuse_taken_ports(wanted)


def test_the_ui_services_stay_behind_the_steps(settings: Settings) -> None:
    assert mlflow(settings, 5000).nice > 0
    assert tensorboard(settings, 8090).nice > 0
