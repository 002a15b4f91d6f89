import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from killed import kill_after
from trained_run import BAD, GOOD, TrainedRun, copy_database, file_sha256

from molino.contracts.errors import StepError
from molino.contracts.release import Release
from molino.contracts.results import RegisterResult
from training.stores.file import FolderStore
from training.tracking.registry import CHALLENGER, aliased_version


def release_of(run: TrainedRun, version: str = "1") -> Release:
    return Release.model_validate_json(run.store.read(f"releases/{run.model}/{version}/release.json"))


def versions_of(run: TrainedRun) -> list[int]:
    return [int(one.version) for one in run.client.search_model_versions(f"name = '{run.model}'")]


@pytest.fixture(params=["housing", "penguins"])
def run(request, registered):
    return registered(request.param)


def load_challenger(tracking_uri: str, model: str):
    """Load the challenger as a user of MLflow does."""
    import mlflow

    mlflow.set_tracking_uri(tracking_uri)
    mlflow.set_registry_uri(tracking_uri)
    return mlflow.pyfunc.load_model(f"models:/{model}@{CHALLENGER}")


def as_table(release: Release):
    """Return the example as a user of MLflow gives it."""
    import pandas as pd

    return pd.DataFrame([list(row) for row in release.example.data], columns=[one.name for one in release.features])


def test_mlflow_answers_for_the_challenger_as_the_release_does(registered):
    run = registered("housing")
    release = release_of(run)
    answers = load_challenger(run.settings.tracking_uri, "housing").predict(as_table(release).to_numpy(np.float32))
    assert answers["prediction"].tolist() == list(release.example.predictions)


def test_mlflow_answers_for_a_challenger_out_of_the_pipeline_as_its_release_does(real_run):
    settings, model = real_run
    key = f"releases/{model}/1/release.json"
    release = Release.model_validate_json(FolderStore(Path(settings.store_uri)).read(key))
    answers = load_challenger(settings.tracking_uri, model).predict(as_table(release))
    assert list(answers["label"]) == list(release.example.predictions)


@pytest.fixture(scope="module")
def served_run(mlflow_server, tmp_path_factory):
    """A run that was evaluated and registered with a tracking server."""
    run = TrainedRun(tmp_path_factory.mktemp("served"), "penguins", changes={"gate": {}}, tracking=mlflow_server)
    run.step("evaluate")
    run.step("register")
    return run


def test_a_tracking_server_takes_the_version(served_run):
    assert aliased_version(served_run.client, "penguins", CHALLENGER) == "1"


def test_a_tracking_server_takes_the_plots(served_run):
    files = served_run.client.list_artifacts(served_run.candidate(GOOD).mlflow_run_id, "plots")
    assert "plots/confusion.png" in {file.path for file in files}


def test_the_example_of_a_release_is_no_row_of_the_data(run):
    held_out = pl.read_parquet(run.home / "made" / "r1" / "held_out.parquet")
    rows = set(held_out.select(feature.name for feature in release_of(run).features).rows())
    assert release_of(run).example.data
    assert set(release_of(run).example.data).isdisjoint(rows)


def test_the_bundle_has_the_graph_of_the_best_candidate(run):
    assert run.store.read(f"releases/{run.model}/1/model.onnx") == (run.home / "made/r1/good.onnx").read_bytes()


def test_the_release_names_the_graph_by_its_sha256(run):
    assert release_of(run).onnx_sha256 == file_sha256(run.home / "made/r1/good.onnx")


def test_the_release_has_the_metrics_of_the_best_with_intervals(run):
    scores = run.step("evaluate").result["scores"][GOOD]
    assert json.loads(release_of(run).model_dump_json())["metrics"] == scores


def test_the_release_has_reference_statistics_of_every_feature(run):
    assert list(release_of(run).reference) == [feature.name for feature in run.loaded.file.features]


def test_the_lineage_leads_back_to_the_source(run):
    lineage = release_of(run).lineage
    assert (lineage.source_sha256, lineage.data_revision, lineage.code_revision, lineage.candidate) == (
        "3" * 64, "1" * 40, "4" * 40, GOOD,
    )  # fmt: skip


def test_the_release_keeps_how_requests_are_checked(run):
    assert release_of(run).serving == run.loaded.file.serving.model_dump(mode="json")


def test_a_category_keeps_what_the_model_file_says(registered):
    sex = next(feature for feature in release_of(registered("penguins")).features if feature.name == "sex")
    assert (sex.values, sex.unseen, sex.missing) == (("female", "male"), "other", "impute")


def test_the_model_version_is_tagged_with_its_lineage(run):
    tags = run.client.get_model_version(run.model, "1").tags
    assert {key.removeprefix("molino."): tags[key] for key in tags if "sha256" in key or key.endswith("run_id")} == {
        "run_id": "r1",
        "source_sha256": "3" * 64,
        "model_file_sha256": run.loaded.sha256,
        "onnx_sha256": run.candidate(GOOD).onnx.sha256,
    }


def test_the_model_version_is_of_the_candidates_run(run):
    assert run.client.get_model_version(run.model, "1").run_id == run.candidate(GOOD).mlflow_run_id


def test_the_alias_challenger_points_to_the_version(run):
    assert aliased_version(run.client, run.model, CHALLENGER) == "1"


def test_the_record_refers_to_the_bundle(run):
    result = RegisterResult.model_validate(run.step("register").result)
    assert result.onnx.sha256 == run.candidate(GOOD).onnx.sha256


def rejected(new_run) -> TrainedRun:
    run = new_run("housing", changes={"gate": {"bounds": {"rmse": {"maximum": 0.1}}}})
    run.step("evaluate")
    return run


def test_a_rejected_run_ends_as_rejected_with_nothing(new_run):
    record = rejected(new_run).step("register")
    assert (record.status, set(record.result.values())) == ("rejected", {None})


def test_a_rejected_run_registers_nothing(new_run):
    run = rejected(new_run)
    run.step("register")
    assert (versions_of(run), list(run.store.list("releases/"))) == ([], [])


def test_reference_statistics_of_another_form_are_refused(new_run):
    run = new_run("housing", changes={"gate": {}})
    run.step("evaluate")
    (run.home / "reference.json").write_text('{"crim": {"bins": 3}}')
    run._record("train", run.trained.model_copy(update={"reference": run._keep(run.home / "reference.json")}))
    with pytest.raises(StepError, match=r"reference\.json holds no reference statistics"):
        run.step("register")


def test_the_next_run_makes_the_next_version(new_run):
    for run_id in ("r1", "r2"):
        run = new_run("housing", changes={"gate": {}}, run_id=run_id)
        run.step("evaluate")
        run.step("register")
    assert (sorted(versions_of(run)), aliased_version(run.client, "housing", CHALLENGER)) == ([1, 2], "2")


@pytest.fixture(scope="module", params=["started", "version registered"])
def killed(request, mlflow_database, tmp_path_factory):
    """A run whose register step was killed, and run again."""
    home = copy_database(mlflow_database, tmp_path_factory.mktemp("killed") / "home")
    run = TrainedRun(home, "housing", changes={"gate": {}})
    run.step("evaluate")
    kill_after(run, "register", request.param)
    run.step("register")
    return run


def test_a_killed_step_leaves_one_version(killed):
    assert versions_of(killed) == [1]


def test_a_killed_step_run_again_leaves_a_whole_bundle(killed):
    assert file_sha256(killed.home / "store/releases/housing/1/model.onnx") == release_of(killed).onnx_sha256


def test_a_killed_step_run_again_sets_the_alias(killed):
    assert aliased_version(killed.client, "housing", CHALLENGER) == "1"


def test_a_step_killed_after_its_bundle_writes_the_same_bundle_again(new_run):
    run = new_run("housing", changes={"gate": {}})
    run.step("evaluate")
    first = run.step("register").result
    run.store.delete("runs/housing/r1/register.json")
    run.client.delete_registered_model_alias("housing", CHALLENGER)
    assert run.step("register").result == first


def test_the_worse_candidate_is_not_registered(run):
    assert BAD not in run.client.get_model_version(run.model, "1").tags.values()
