"""What the doctor says of MLflow's database, wherever it lies."""

import sqlite3
from pathlib import Path

import pytest

from molino.contracts.settings import Settings
from molino.doctor.checks import mlflow


@pytest.mark.parametrize("name", ["plain", "a#b", "a?b", "a%20b", "ü ö"])
def test_a_sound_database_is_well_in_a_folder_of_any_name(name: str, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / name)
    assert settings.tracking_file is not None
    settings.tracking_file.parent.mkdir()
    with sqlite3.connect(settings.tracking_file) as database:
        database.execute("create table alembic_version (version_num text)")
    (finding,) = mlflow.check(settings)
    assert finding.level == "ok", finding
