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
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database of users whose first user was set up twice."""
    found = f"sqlite:///{tmp_path_factory.mktemp('users')}/users.db"
    set_admin(found, FIRST)
    set_admin(found, SECOND)
    return found


@pytest.mark.parametrize(("password", "known"), [(FIRST, False), (SECOND, True)])
def test_the_first_user_has_the_password_that_was_set_last(password: str, known: bool, address: str) -> None:
    ask = "from mlflow.server.auth.sqlalchemy_store import SqlAlchemyStore as Store; import sys; s = Store();"
    ask += "s.init_db(sys.argv[1]); sys.exit(0 if s.authenticate_user('admin', sys.argv[2]) else 3)"
    done = subprocess.run([sys.executable, "-c", ask, address, password], check=False)
    assert done.returncode == (0 if known else 3)
