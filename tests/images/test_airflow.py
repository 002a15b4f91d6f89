"""What the start of Airflow's parts does beside starting them."""

import subprocess
import sys
from pathlib import Path

import pytest

from molino.contracts.listening import EVERYWHERE, listen_address

IMAGES = Path(__file__).resolve().parents[2] / "images"
FORGET = "import datetime, pathlib, sys, start; start.forget_logs(pathlib.Path(sys.argv[1]), datetime.date(2026, 3, 1))"


def test_logs_of_the_dag_processor_are_kept_for_two_days(tmp_path: Path) -> None:
    for day in ("2025-12-31", "2026-02-27", "2026-02-28", "2026-03-01"):
        (tmp_path / day / "dags-folder").mkdir(parents=True)
        (tmp_path / day / "dags-folder" / "models.py.log").write_text("parsed")
    (tmp_path / "latest").symlink_to("2026-03-01")
    places = f"{IMAGES}:{IMAGES / 'airflow'}"
    subprocess.run([sys.executable, "-c", FORGET, tmp_path], env={"PYTHONPATH": places}, check=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2026-02-28", "2026-03-01", "latest"]


@pytest.mark.parametrize(
    ("variables", "host"),
    [
        ({}, ""),
        ({"AIRFLOW__API__WORKERS": "2"}, "{all}"),
        ({"AIRFLOW__API__SERVER_TYPE": "gunicorn"}, "[{all}]"),
        ({"AIRFLOW__API__HOST": "10.0.0.1"}, "10.0.0.1"),
    ],
)
def test_the_api_server_listens_everywhere_in_its_own_spelling(variables: dict[str, str], host: str) -> None:
    asked = "import os, start; start.have_api_server_listen(); print(os.environ['AIRFLOW__API__HOST'], end='')"
    environment = {"PYTHONPATH": f"{IMAGES}:{IMAGES / 'airflow'}", **variables}
    done = subprocess.run([sys.executable, "-c", asked], env=environment, capture_output=True, text=True, check=True)
    everywhere = listen_address(EVERYWHERE)
    assert done.stdout == host.format(all=everywhere).replace("[0.0.0.0]", "0.0.0.0")
