"""A model file taken through the real steps until it is registered, and what they recorded."""

import warnings
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from molino.contracts.model_file import LoadedModel
from molino.contracts.settings import Settings
from training.step import read_record, run_step
from training.stores.file import FolderStore

RUN = "r1"
Result = TypeVar("Result", bound=BaseModel)


def register(loaded: LoadedModel, settings: Settings) -> None:
    """Run every step but deploy, as the run r1."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of DVC and MLflow: the tests of those steps look at them
        for step in ("ingest", "version", "train"):
            run_step(step, loaded, RUN, settings)
    for step in ("evaluate", "register"):
        run_step(step, loaded, RUN, settings)


def result_of(settings: Settings, model: str, step: str, kind: type[Result]) -> Result:
    """Return what a step of the run has recorded."""
    record = read_record(FolderStore(Path(settings.store_uri)), model, RUN, step)
    assert record is not None
    return kind.model_validate(record.result)
