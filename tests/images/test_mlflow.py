"""How the MLflow image sets up its users, with MLflow's own store of them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

IMAGES = Path(__file__).resolve().parents[2] / "images"
SET = "import server, sys; server.set_admin(*sys.argv[1:])"
FIRST, SECOND = "the-first-password", "the-second-password"


def set_admin(address: str, password: str) -> None:
    environment = {**os.environ, "PYTHONPATH": f"{IMAGES}:{IMAGES / 'mlflow'}"}
    subprocess.run([sys.executable, "-c", SET, address, "admin", password], env=environment, check=True)


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The passwords that are taken of a first user who was set up twice; each process imports MLflow for seconds."""
    address = f"sqlite:///{tmp_path_factory.mktemp('users')}/users.db"
    set_admin(address, FIRST)
    set_admin(address, SECOND)
    ask = "from mlflow.server.auth.sqlalchemy_store import SqlAlchemyStore as Store; import sys; s = Store();"
    ask += "s.init_db(sys.argv[1]); print(*(one for one in sys.argv[2:] if s.authenticate_user('admin', one)))"
    command = [sys.executable, "-c", ask, address, FIRST, SECOND]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.parametrize(("password", "taken"), [(FIRST, False), (SECOND, True)])
def test_the_first_user_has_the_password_that_was_set_last(password: str, taken: bool, known: list[str]) -> None:
    assert (password in known) == taken
