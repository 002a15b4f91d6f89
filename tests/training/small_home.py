"""A home for a small table of a test's own: its model file and rows, and MLflow's database with its tables."""

import json
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from trained_run import copy_database

from molino.contracts.model_file import load_model
from molino.contracts.settings import Settings
from training.step import run_step


def small_home(database: Path, root: Path, content: Mapping[str, Any], lines: Iterable[str]) -> Settings:
    """Write the model file and the CSV that it names, and return the settings that lead there."""
    folder = root / "models" / content["name"]
    folder.mkdir(parents=True)
    (folder / "model.yaml").write_text(json.dumps(content))
    (folder / content["source"]["uri"]).write_text("\n".join(lines))
    return Settings(home=copy_database(database, root / "home"), models=root / "models")


def run_steps(settings: Settings, model: str, steps: Sequence[str]) -> None:
    """Run steps of the run r1 in this process."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for step in steps:
            run_step(step, load_model(settings.models / model), "r1", settings)
