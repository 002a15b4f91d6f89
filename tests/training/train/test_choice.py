"""What is chosen on validation rows, what a candidate must beat, and what becomes of candidates that fail."""

import json

import numpy as np
import polars as pl
import pytest
import yaml
from mixed import case_of, frame_of, model_of, parts_of, train_on
from trained_run import copy_database

from molino.contracts.errors import NOT_AGAIN, StepError
from molino.contracts.metrics import OF_A_LOSS, metrics_of
from molino.contracts.model_file import load_model
from molino.contracts.record import Artifact
from molino.contracts.results import CandidateResult, TrainResult
from molino.contracts.settings import Settings
from training.step import run_step
from training.tracking.tracker import Tracker
from training.train.choice import baseline, select

pytestmark = pytest.mark.filterwarnings("ignore")  # of DVC, MLflow and scikit-learn: other tests look at them
LINEAR = {"name": "linear", "kind": "linear"}
DIVERGED = {"name": "mlp", "kind": "keras_mlp", "hidden": [8], "learning_rate": 1e30, "epochs": 3}
ENDLESS = {"name": "boosting", "kind": "gradient_boosting", "learning_rate": 1e300, "max_iter": 40}


def result(name, **validation):
    onnx = Artifact(key="k", uri="file:///k", sha256="1" * 64, bytes=1)
    return CandidateResult(name=name, kind="linear", mlflow_run_id="1", onnx=onnx, parity=0.0, rows_trained=1,
                           sampled=False, seconds=0.1, validation=validation)  # fmt: skip


@pytest.mark.parametrize(("metric", "wanted"), [("rmse", "b"), ("r2", "a")])
def test_the_best_on_validation_rows_is_selected(metric, wanted):
    candidates = [result("a", rmse=2.0, r2=0.9), result("b", rmse=1.0, r2=0.8)]
    assert select(model_of("regression", metric=metric), candidates) == wanted


def test_of_equal_candidates_the_first_is_selected():
    assert select(model_of("regression"), [result("a", rmse=1.0), result("b", rmse=1.0)]) == "a"


def test_a_metric_that_is_undefined_on_validation_rows_is_said():
    with pytest.raises(StepError, match="roc_auc is undefined on the validation rows of mixed"):
        select(model_of("binary", metric="roc_auc"), [result("a", log_loss=1.0)])


def test_the_baseline_of_a_regression_is_the_mean_of_training_rows(tmp_path):
    model = model_of("regression")
    case = case_of(tmp_path, model)
    wanted = frame_of(model).filter(pl.Series(parts_of(model, frame_of(model)) == 0))["y"].mean()
    assert baseline(case.dataset, case.material.train).value == pytest.approx(wanted)


def test_the_baseline_of_a_classification_is_the_share_of_each_class(tmp_path):
    case = case_of(tmp_path, model_of("classification"))
    found = baseline(case.dataset, case.material.train)
    assert (found.kind, found.probabilities) == ("prior", pytest.approx((1 / 3, 1 / 3, 1 / 3), abs=0.01))


def test_a_split_by_time_has_the_last_value_too(tmp_path):
    model = model_of("regression", split={"kind": "time", "column": "at"})
    frame = frame_of(model).with_columns(at=pl.int_range(pl.len()).cast(pl.String))
    order = np.random.default_rng(1).permutation(len(frame))
    case = case_of(tmp_path, model, frame[order])
    assert baseline(case.dataset, case.material.train).last_value == frame["y"][int(0.65 * len(frame)) - 1]


def test_other_splits_have_no_last_value(tmp_path):
    case = case_of(tmp_path, model_of("regression"))
    assert baseline(case.dataset, case.material.train).last_value is None


def test_a_network_that_diverges_is_refused(tmp_path):
    case = case_of(tmp_path, model_of("regression"))
    with pytest.raises(StepError, match=r"never finite in \d+ epochs; try a learning_rate smaller than 1e\+30"):
        train_on(case, **{**DIVERGED, "name": "one"})


# The step, over generated rows.


def settings_of(database, home, candidates, frame, **changes):
    copy_database(database, home)
    folder = home / "models" / "mixed"
    folder.mkdir(parents=True)
    frame.write_parquet(folder / "rows.parquet")
    content = {"name": "mixed", "title": "Mixed", "task": "regression", "source": {"uri": "rows.parquet"},
               "target": {"name": "y"}, "features": [{"name": "a", "type": "number"}, {"name": "b", "type": "number"}],
               "candidates": candidates, "metric": "rmse"} | changes  # fmt: skip
    (folder / "model.yaml").write_text(yaml.safe_dump(content))
    return Settings(home=home, models=home / "models")


def train(settings):
    loaded = load_model(settings.models / "mixed")
    for step in ("ingest", "version"):
        run_step(step, loaded, "r1", settings)
    return TrainResult.model_validate(run_step("train", loaded, "r1", settings).result)


def noise(rows, seed=0):
    rng = np.random.default_rng(seed)
    return pl.DataFrame({"a": rng.normal(size=rows), "b": rng.normal(size=rows), "y": rng.normal(size=rows)})


@pytest.fixture(scope="module")
def half_failed(mlflow_database, tmp_path_factory):
    settings = settings_of(mlflow_database, tmp_path_factory.mktemp("half") / "home", [ENDLESS, LINEAR], noise(300))
    return settings, train(settings)


def test_one_failed_candidate_does_not_end_the_others(half_failed):
    assert [one.name for one in half_failed[1].candidates] == ["linear"]


def test_the_cause_of_a_failed_candidate_is_kept(half_failed):
    assert "never finite in 40 rounds; try a learning_rate smaller than 1e+300" in half_failed[1].failed["boosting"]


def test_a_failed_candidates_run_is_failed_with_its_cause(half_failed):
    settings, trained = half_failed
    runs = Tracker(settings).runs_of(trained.mlflow_experiment_id, "r1")
    failed = [run for run in runs if "molino.failed" in run.data.tags]
    assert [(run.info.status, run.data.tags["molino.candidate"]) for run in failed] == [("FAILED", "boosting")]


def test_what_was_left_is_selected(half_failed):
    assert half_failed[1].selected == "linear"


def test_every_metric_is_measured_on_validation_rows(half_failed):
    """But for those of losses that no candidate has."""
    assert set(half_failed[1].candidates[0].validation) == set(metrics_of("regression")) - OF_A_LOSS


def test_a_run_without_any_candidate_names_each_cause(mlflow_database, tmp_path):
    both = [ENDLESS, {**ENDLESS, "name": "other"}]
    causes = r"no candidate of mixed could be trained: candidate boosting: .*other: "
    with pytest.raises(StepError, match=causes) as told:
        train(settings_of(mlflow_database, tmp_path / "home", both, noise(300)))
    assert told.value.exit_code == NOT_AGAIN


def test_noise_with_each_row_four_times_scores_nothing(mlflow_database, tmp_path):
    forest = {"name": "boosting", "kind": "gradient_boosting", "max_iter": 300, "min_samples_leaf": 1}
    rows = pl.concat([noise(300)] * 4).sample(fraction=1, shuffle=True, seed=1)
    trained = train(settings_of(mlflow_database, tmp_path / "home", [forest], rows))
    assert trained.candidates[0].validation["r2"] <= 0.1


def test_the_split_of_a_run_is_in_its_record(half_failed):
    assert json.loads(half_failed[1].split.model_dump_json())["columns"] == ["a", "b"]
