"""A row put on top of the source after the first deploy: the champion is asked only about what it hasn't seen."""

import warnings
from pathlib import Path

import pytest
import yaml
from trained_run import MODELS, copy_database

from molino.contracts.model_file import load_model
from molino.contracts.results import EvaluateResult
from molino.contracts.settings import Settings
from training.step import run_step
from training.tracking.registry import CHAMPION, point_alias
from training.tracking.tracker import Tracker

STEPS = ("ingest", "version", "train", "evaluate", "register")


@pytest.fixture(scope="module")
def results(mlflow_database: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[EvaluateResult, EvaluateResult]:
    """What evaluate found on the housing data, and on the same with one row more at its top."""
    home = copy_database(mlflow_database, tmp_path_factory.mktemp("new-row") / "home")
    content = yaml.safe_load((MODELS / "housing" / "model.yaml").read_text())
    header, *rows = (MODELS / "housing" / content["source"]["uri"]).read_text().splitlines()
    source = home / "housing.csv"
    content["source"]["uri"] = str(source)
    content["candidates"] = [{"name": "linear", "kind": "linear"}]
    content["gate"] = {}
    (home / "model.yaml").write_text(yaml.safe_dump(content))
    settings, loaded = Settings(home=home), load_model(home / "model.yaml")
    first, *others = rows[7].split(",")
    found = []
    for run_id, lines in (("r1", rows), ("r2", [",".join([f"{float(first) * 1.01:.5f}", *others]), *rows])):
        source.write_text("\n".join([header, *lines]) + "\n")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of DVC and scikit-learn: the tests of those steps look at them
            records = {step: run_step(step, loaded, run_id, settings) for step in STEPS}
        point_alias(Tracker(settings).client, "housing", CHAMPION, "1")
        found.append(EvaluateResult.model_validate(records["evaluate"].result))
    return found[0], found[1]


def test_the_champion_does_as_well_as_when_it_was_released(results):
    before, after = results
    interval = before.scores["linear"]["rmse"]
    assert interval.low <= after.champion_scores["rmse"].value <= interval.high


def test_the_challenger_is_compared_on_what_neither_has_seen_and_let_through(results):
    _, after = results
    assert after.verdict.accepted
    assert after.compared_rows >= 80
    assert f"On {after.compared_rows} rows that neither has seen the champion, version 1," in " ".join(
        after.verdict.reasons
    )
