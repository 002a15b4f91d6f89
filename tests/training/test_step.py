"""Which records a step finds before it starts."""

from pathlib import Path

import pytest
from ingested_run import IngestedRun

from molino.contracts.errors import RunError, StepError
from molino.contracts.model_file import load_model
from molino.contracts.settings import Settings
from training.step import read_record, run_step


def without_train(run: IngestedRun, data_run: str) -> str:
    """Start evaluate in a run of its own that takes another run's data; return what it says."""
    settings = run.settings.model_copy(update={"data_run": data_run})
    with pytest.raises(StepError) as refused:
        run_step("evaluate", run.loaded, "own", settings)
    return str(refused.value)


def test_a_run_without_data_takes_that_of_another(tmp_path: Path) -> None:
    run = IngestedRun(Settings(home=tmp_path))
    run.version()
    assert "evaluate of housing run own needs the record of train" in without_train(run, "r1")
    for step in ("ingest", "version"):
        assert read_record(run.store, "housing", "own", step) == read_record(run.store, "housing", "r1", step)


def test_a_run_keeps_its_own_data(tmp_path: Path) -> None:
    run = IngestedRun(Settings(home=tmp_path), data=b"other rows", run_id="r1")
    own = IngestedRun(Settings(home=tmp_path), run_id="own")
    before = read_record(own.store, "housing", "own", "ingest")
    without_train(run, "r1")
    assert read_record(own.store, "housing", "own", "ingest") == before


def test_data_of_a_run_that_is_not_there_is_missing(tmp_path: Path) -> None:
    run = IngestedRun(Settings(home=tmp_path))
    assert "needs the record of ingest" in without_train(run, "no-such-run")


@pytest.mark.parametrize("run_id", ["../..", "..", "a/b", ""])
def test_a_strange_run_id_is_refused(tmp_path: Path, run_id: str) -> None:
    run = IngestedRun(Settings(home=tmp_path))
    with pytest.raises(RunError, match="expected letters, digits"):
        run_step("ingest", run.loaded, run_id, run.settings)


def test_a_comment_in_the_model_file_stops_no_run(tmp_path: Path) -> None:
    run = IngestedRun(Settings(home=tmp_path))
    run.version()
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.yaml").write_bytes(run.loaded.path.read_bytes() + b"# a comment\n")
    record = run_step("version", load_model(tmp_path / "model"), run.run_id, run.settings)
    assert record.model_file_sha256 == run.loaded.sha256
