import shutil
from pathlib import Path

import numpy as np
import pytest
from killed import kill_after
from trained_run import BAD, ENDED, GOOD, MODELS, TrainedRun, copy_database, read_rows

from molino.contracts.errors import StepError, StoreError
from molino.contracts.model_file import load_model
from molino.contracts.record import record_key
from molino.contracts.results import EvaluateResult, TrainResult
from training.step import read_record
from training.stores.file import FolderStore
from training.tracking.registry import CHAMPION, point_alias
from training.tracking.tracker import Tracker

OPEN_GATE = {"gate": {}}
PLOTS = {
    "housing": {"importance.png", "learning_curve.png", "predicted_against_actual.png", "residuals.png"},
    "penguins": {"importance.png", "learning_curve.png", "calibration.png", "confusion.png", "roc.png"},
}


def evaluate(run) -> EvaluateResult:
    return EvaluateResult.model_validate(run.step("evaluate").result)


def deploy(run) -> None:
    """Make the run's release the champion, as far as evaluate can see."""
    evaluate(run)
    run.step("register")
    point_alias(run.client, run.model, CHAMPION, "1")


@pytest.fixture(scope="module")
def served(mlflow_database, tmp_path_factory):
    """Give a home whose run r1 of a model is its champion, made once for each model and noise: to be copied."""
    homes = {}

    def give(model: str, noise: float) -> Path:
        if (model, noise) not in homes:
            home = copy_database(mlflow_database, tmp_path_factory.mktemp(model) / "home")
            deploy(TrainedRun(home, model, changes=OPEN_GATE, noise=noise))
            homes[model, noise] = home
        return homes[model, noise]

    return give


@pytest.fixture
def next_run(served, new_run, tmp_path):
    """Make the run r2 after a champion, in a home of its own."""

    def make(model: str, noise: float = 0.0, champion_noise: float = 0.0, **changes) -> TrainedRun:
        nothing = shutil.ignore_patterns("artifacts", "work")  # MLflow finds artifacts where they were made
        shutil.copytree(served(model, champion_noise), tmp_path / "home", ignore=nothing)
        return new_run(model, changes=OPEN_GATE | changes, run_id="r2", noise=noise)

    return make


def result_of(run) -> EvaluateResult:
    return EvaluateResult.model_validate(run.step("evaluate").result)


@pytest.fixture(params=["housing", "penguins"])
def run(request, registered):
    return registered(request.param)


def test_the_better_candidate_is_picked(run):
    assert result_of(run).best == GOOD


def test_every_candidate_has_every_metric_of_its_task(run):
    of_classes = {"accuracy", "f1_macro", "precision_macro", "recall_macro", "log_loss", "roc_auc", "pr_auc"}
    of_numbers = {"rmse", "mae", "mape", "r2"}
    expected = of_numbers if run.model == "housing" else of_classes
    assert {name: set(scores) for name, scores in result_of(run).scores.items()} == {GOOD: expected, BAD: expected}


def test_every_interval_holds_its_value(run):
    intervals = [one for scores in result_of(run).scores.values() for one in scores.values()]
    assert all(one.low - 1e-9 <= one.value <= one.high + 1e-9 for one in intervals)


def test_the_scores_are_those_of_the_rows_asked_one_by_one(registered):
    import onnxruntime
    import polars as pl

    run = registered("housing")
    rows = pl.read_parquet(run.home / "made" / "r1" / "held_out.parquet")
    session = onnxruntime.InferenceSession(run.home / "made" / "r1" / "good.onnx")
    features = rows.drop("medv").to_numpy().astype(np.float32)
    predicted = [session.run(None, {"features": row[None]})[0][0] for row in features]
    expected = np.sqrt(np.mean((rows["medv"].to_numpy() - np.array(predicted)) ** 2))
    assert result_of(run).scores[GOOD]["rmse"].value == pytest.approx(expected, rel=1e-6)


def test_every_feature_of_the_best_candidate_has_an_importance(run):
    assert set(result_of(run).importance) == {feature.name for feature in run.loaded.file.features}


def test_the_plots_of_a_candidate_are_artifacts_of_its_run(run):
    files = run.client.list_artifacts(run.candidate(GOOD).mlflow_run_id, "plots")
    assert {file.path.removeprefix("plots/") for file in files} == PLOTS[run.model]


def test_a_candidate_without_epochs_that_is_not_the_best_has_no_learning_curve_and_no_importance(run):
    files = run.client.list_artifacts(run.candidate(BAD).mlflow_run_id, "plots")
    expected = PLOTS[run.model] - {"learning_curve.png", "importance.png"}
    assert {file.path.removeprefix("plots/") for file in files} == expected


def test_the_train_step_logs_what_a_learning_curve_is_drawn_of(real_run):
    settings, model = real_run
    record = read_record(FolderStore(Path(settings.store_uri)), model, "r1", "train")
    boosting = TrainResult.model_validate(record.result).candidates[0]
    files = Tracker(settings).client.list_artifacts(boosting.mlflow_run_id, "plots")
    assert "plots/learning_curve.png" in {file.path for file in files}


def test_a_candidates_metrics_are_in_mlflow_with_their_intervals(run):
    metrics = run.client.get_run(run.candidate(GOOD).mlflow_run_id).data.metrics
    name = run.loaded.file.metric
    score = result_of(run).scores[GOOD][name]
    logged = tuple(metrics[f"test_{name}{end}"] for end in ("", "_low", "_high"))
    assert logged == (score.value, score.low, score.high)


def test_the_parent_has_the_metrics_of_the_best(run):
    name = run.loaded.file.metric
    parent = run.client.get_run(run.trained.mlflow_run_id).data
    assert parent.metrics[f"test_{name}"] == result_of(run).scores[GOOD][name].value


def test_the_parent_is_tagged_with_the_verdict(run):
    tags = run.client.get_run(run.trained.mlflow_run_id).data.tags
    assert (tags["molino.verdict"], tags["molino.best"]) == ("accepted", GOOD)


def test_the_reasons_are_in_mlflow(run):
    tags = run.client.get_run(run.trained.mlflow_run_id).data.tags
    assert tags["molino.reasons"].splitlines() == list(result_of(run).verdict.reasons)


def test_before_the_first_deploy_there_is_no_champion(run):
    assert result_of(run).champion_version is None


def test_a_failed_gate_is_no_error(new_run):
    run = new_run("housing", changes={"gate": {"bounds": {"rmse": {"maximum": 0.1}}}})
    record = run.step("evaluate")
    assert (record.status, record.result["verdict"]["accepted"]) == ("done", False)


def test_the_champion_is_scored_on_the_same_rows(next_run):
    result = evaluate(next_run("housing", noise=4.0))
    assert result.champion_scores["rmse"].value < result.scores[GOOD]["rmse"].value


def test_a_candidate_worse_than_the_champion_is_rejected(next_run):
    verdict = evaluate(next_run("housing", noise=4.0)).verdict
    assert (verdict.accepted, "which is worse with confidence." in verdict.reasons[-1]) == (False, True)


def test_a_candidate_better_than_the_champion_is_accepted(next_run):
    verdict = evaluate(next_run("housing", champion_noise=4.0)).verdict
    assert (verdict.accepted, verdict.reasons[-1].endswith("which is better with confidence.")) == (True, True)


@pytest.mark.parametrize("model", ["housing", "penguins"])
def test_the_same_run_again_is_not_worse_than_its_champion(model, next_run):
    verdict = evaluate(next_run(model)).verdict
    assert (verdict.accepted, verdict.reasons[-1].endswith("which is not worse with confidence.")) == (True, True)


def test_the_candidate_that_was_chosen_is_judged_though_another_does_better(new_run):
    """The best of several on the test rows is the luckiest one: it would be judged by what it was chosen on."""
    result = evaluate(new_run("housing", changes=OPEN_GATE, selected=BAD))
    assert (result.best, result.verdict.accepted) == (BAD, False)


def test_a_record_without_a_choice_is_judged_by_its_best_and_says_so(new_run):
    result = evaluate(new_run("housing", changes=OPEN_GATE, selected=None))
    assert result.best == GOOD
    assert "good is best on the held-out rows themselves" in result.verdict.reasons[0]


def test_a_candidate_that_answers_the_mean_is_refused(new_run):
    reasons = evaluate(new_run("housing", changes=OPEN_GATE, selected=BAD)).verdict.reasons
    assert any("the mean of the training rows, has rmse" in one and "does not beat" in one for one in reasons)


def test_classes_that_are_ignored_are_told_and_tagged(new_run):
    run = new_run("penguins", changes={"gate": {"baseline": False}}, selected=BAD)
    result = evaluate(run)
    assert set(result.ignored_classes) == {"Chinstrap", "Gentoo"}
    assert "Class Chinstrap is all but ignored" in " ".join(result.verdict.reasons)
    tags = run.client.get_run(run.trained.mlflow_run_id).data.tags
    assert tags["molino.ignored_classes"] == "Chinstrap, Gentoo"


def test_a_release_that_cannot_be_read_stops_no_evaluation(next_run):
    run = next_run("housing")
    run.store.write("releases/housing/1/release.json", b"{}")
    verdict = evaluate(run).verdict
    assert verdict.accepted
    assert verdict.reasons[-1].startswith("The champion, version 1, is not compared: ")


def test_a_champion_that_needs_a_feature_gone_since_is_not_compared(next_run):
    content = load_model(MODELS / "housing").file
    features = [feature.model_dump(exclude_none=True) for feature in content.features][1:]
    result = evaluate(next_run("housing", features=features, serving={}))
    assert result.verdict.reasons[-1] == (
        "The champion, version 1, is not compared: it needs crim, which the model file no longer has in that form."
    )


def test_an_altered_graph_is_refused(new_run):
    run = new_run("housing")
    run.store.write(run.candidate(GOOD).onnx.key, b"another")
    with pytest.raises(StoreError, match=r"good\.onnx: sha256 is"):
        run.step("evaluate")


def test_a_graph_that_does_not_fit_names_the_candidate(new_run):
    run = new_run("housing")
    other = run.store.upload(run.home / "made" / "r1" / "held_out.parquet", run.candidate(BAD).onnx.key)
    wrong = tuple(one.model_copy(update={"onnx": other}) for one in run.trained.candidates if one.name == BAD)
    run._record("train", run.trained.model_copy(update={"candidates": wrong}))
    with pytest.raises(StepError, match=r"candidate bad \(file://.*bad\.onnx\): .*no ONNX graph that can be run"):
        run.step("evaluate")


def hold_out(run, rows) -> None:
    """Put other rows in the place of the held-out ones."""
    path = run.home / "made" / "r1" / "held_out.parquet"
    rows.write_parquet(path)
    run._record("train", run.trained.model_copy(update={"held_out": run._keep(path, len(rows))}))


def test_a_metric_that_is_undefined_on_the_rows_is_told(new_run):
    run = new_run("penguins", changes={"metric": "roc_auc", "gate": {}})
    hold_out(run, read_rows(run.loaded).filter(species="Adelie"))
    with pytest.raises(StepError, match="roc_auc is undefined on the 152 held-out rows of penguins"):
        run.step("evaluate")


def test_a_candidate_whose_metric_is_undefined_ends_no_evaluation_of_the_chosen_one(new_run):
    """Answers below 0 have no Poisson deviance, and they are not those of the chosen one."""
    changes = {"metric": "poisson_deviance", "gate": {"baseline": False}}
    result = evaluate(new_run("housing", changes=changes, noise=-1000.0, selected=BAD))
    assert (result.best, list(result.scores), result.verdict.accepted) == (BAD, [BAD], True)
    assert result.verdict.reasons[-1] == (
        "Candidate good is not judged: poisson_deviance is undefined on the "
        "93 held-out rows of housing, some with a target below 0 or an answer that isn't above it."
    )


def test_rows_that_the_split_keeps_together_tell_no_more_than_one(new_run):
    """Each held-out row four times, as a source with duplicates has them: the intervals are those of the row alone."""
    import polars as pl

    run = new_run("housing", changes=OPEN_GATE)
    once = evaluate(run).scores[GOOD]["rmse"]
    rows = pl.read_parquet(run.home / "made" / "r1" / "held_out.parquet")
    run.store.delete(record_key("housing", "r1", "evaluate"))
    hold_out(run, pl.concat([rows] * 4))
    found = evaluate(run).scores[GOOD]["rmse"]
    assert (found.high - found.low) / (once.high - once.low) == pytest.approx(1, abs=0.15)


def test_no_held_out_rows_are_told(new_run):
    run = new_run("housing")
    hold_out(run, read_rows(run.loaded).head(0))
    with pytest.raises(StepError, match="no rows are held out of housing"):
        run.step("evaluate")


def test_a_class_that_the_model_file_does_not_list_is_refused(new_run):
    changes = {"target": {"name": "species", "classes": ["Adelie", "Chinstrap"]}}
    with pytest.raises(StepError, match=r"held-out rows have species \['Gentoo'\]; list it in target\.classes"):
        new_run("penguins", changes=changes).step("evaluate")


@pytest.fixture(scope="module", params=["started", "candidate scored"])
def killed(request, registered, mlflow_database, tmp_path_factory):
    """A run like the registered one, whose evaluate step was killed, and run again."""
    home = copy_database(mlflow_database, tmp_path_factory.mktemp("killed") / "home")
    run = TrainedRun(home, "housing", changes=registered("housing").changes)
    kill_after(run, "evaluate", request.param)
    run.step("evaluate")
    return run


def test_a_killed_step_ends_with_the_same_result(killed, registered):
    assert result_of(killed) == result_of(registered("housing"))


def test_a_killed_step_doubles_no_metric(killed):
    history = killed.client.get_metric_history(killed.candidate(GOOD).mlflow_run_id, "test_rmse")
    assert [point.timestamp for point in history] == [int(ENDED.timestamp() * 1000)]


def test_a_killed_step_doubles_no_plot(killed):
    files = killed.client.list_artifacts(killed.candidate(GOOD).mlflow_run_id, "plots")
    assert len(files) == len(PLOTS["housing"])


def test_slices_are_in_the_record_and_in_mlflow(new_run):
    run = new_run("penguins", changes={"slices": ["sex"], "gate": {}})
    found = {one.value: one for one in evaluate(run).slices["sex"]}
    held_out = read_rows(run.loaded)
    assert {"female", "male"} <= set(found) <= {*held_out["sex"].cast(str).unique().to_list(), None}
    assert {"accuracy", "log_loss"} <= set(found["female"].scores)
    assert "slices.json" in {file.path for file in run.client.list_artifacts(run.trained.mlflow_run_id)}
