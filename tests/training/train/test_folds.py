"""Candidates chosen by folds, and the chosen one trained again: without a look at a row that judges."""

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import yaml
from mixed import NUMBERS, case_of, frame_of, model_of, train_on
from trained_run import copy_database

from molino.contracts.errors import ModelFileError, StepError
from molino.contracts.model_file import load_model, parse_model
from molino.contracts.results import EvaluateResult, TrainResult
from molino.contracts.settings import Settings
from training.graphs.graph import Graph, answer_file
from training.splits import JUDGED, TEST, TRAIN, UNUSED, VALIDATION, unseen
from training.step import run_step
from training.stores.file import FolderStore
from training.tracking.tracker import Tracker
from training.train.candidate_run import measure_rows
from training.train.candidates import bounded, fit
from training.train.folds import Measured, divide, mean_rounds
from training.train.preparation import prepare

pytestmark = pytest.mark.filterwarnings("ignore")  # of DVC, MLflow and scikit-learn: other tests look at them
BOOSTING = {"name": "boosting", "kind": "gradient_boosting", "max_iter": 40, "learning_rate": 0.3,
            "min_samples_leaf": 5}  # fmt: skip
LINEAR = {"name": "linear", "kind": "linear"}
SPLITS = {
    "hash": ("regression", {"kind": "hash"}),
    "group": ("regression", {"kind": "group", "column": "who"}),
    "time": ("regression", {"kind": "time", "column": "when"}),
    "stratified": ("classification", {"kind": "stratified"}),
}


def divided(folder, kind, count=5, rows=600):
    task, split = SPLITS[kind]
    model = model_of(task, NUMBERS, split=split | {"test": 0.2, "validation": 0.16, "seed": 3})
    rng = np.random.default_rng(2)
    frame = frame_of(model_of(task, NUMBERS), rows).with_columns(
        who=pl.Series([f"g{one}" for one in rng.integers(0, 80, rows)]),
        when=pl.Series([f"{one:.5f}" for one in rng.uniform(0, 100, rows)]),
    )
    return case_of(folder, model, frame).dataset, frame, count


@pytest.mark.parametrize("kind", SPLITS)
def test_no_fold_has_a_test_row(kind, tmp_path):
    dataset, _, count = divided(tmp_path, kind)
    held_out = dataset.parts == TEST
    assert all((fold.parts[held_out] == UNUSED).all() and not (fold.parts == TEST).any()
               for fold in divide(dataset, count))  # fmt: skip


@pytest.mark.parametrize("kind", ["hash", "group", "stratified"])
def test_every_row_that_is_not_held_out_judges_once(kind, tmp_path):
    dataset, _, count = divided(tmp_path, kind)
    judged = sum((fold.parts == JUDGED).astype(int) for fold in divide(dataset, count))
    assert np.array_equal(judged, (dataset.parts != TEST).astype(int))


@pytest.mark.parametrize("kind", SPLITS)
def test_the_rows_that_stop_are_a_share_of_those_to_train_on(kind, tmp_path):
    dataset, _, count = divided(tmp_path, kind)
    for fold in divide(dataset, count):
        stopping, training = (fold.parts == VALIDATION).sum(), (fold.parts == TRAIN).sum()
        assert 0.1 < stopping / (stopping + training) < 0.3


@pytest.mark.parametrize("times", [3, 5, 7])
def test_folds_of_few_times_are_told(times, tmp_path):
    """The first fold trains on a single time, of which no row can be left out to stop by."""
    model = model_of("regression", NUMBERS, split=SPLITS["time"][1])
    when = pl.Series("when", [str(row % times) for row in range(70)])
    dataset = case_of(tmp_path, model, frame_of(model_of("regression", NUMBERS), 70).with_columns(when)).dataset
    with pytest.raises(StepError, match=r"fold 1 of 5 has 0 rows to stop by, .* \(rows of one time stay together\)"):
        divide(dataset, 5)


def test_a_group_is_in_one_part_of_a_fold(tmp_path):
    dataset, frame, count = divided(tmp_path, "group")
    for fold in divide(dataset, count):
        parts = pl.DataFrame({"who": frame["who"], "part": fold.parts})
        assert parts.group_by("who").n_unique()["part"].max() == 1


def test_in_a_fold_of_time_each_part_is_after_the_one_before(tmp_path):
    dataset, frame, count = divided(tmp_path, "time")
    when = frame["when"].cast(pl.Float64).to_numpy()
    for fold in divide(dataset, count):
        edges = [edge(when[fold.parts == part]) for part in (TRAIN, VALIDATION, JUDGED) for edge in (min, max)]
        assert edges == sorted(edges)


def test_too_many_folds_for_the_rows_are_refused(tmp_path):
    dataset, _, _ = divided(tmp_path, "hash", rows=30)
    with pytest.raises(StepError, match=r"mixed: fold \d+ of 20 has \d rows to \w+ by, .*set fewer selection\.folds"):
        divide(dataset, 20)


# Nothing of a fold's judged rows comes into what is trained.


def streets(folder):
    """Each row has a street of its own, but for those of `Elm`: a fold's judged rows have streets it can't know."""
    rows = 400
    features = [{"name": "size", "type": "number"}, {"name": "street", "type": "category", "unseen": "other"}]
    model = model_of("regression", features)
    rng = np.random.default_rng(4)
    street = np.where(rng.random(rows) < 0.5, "Elm", [f"s{index}" for index in range(rows)])
    frame = pl.DataFrame({"size": rng.normal(size=rows), "street": street, "y": rng.normal(size=rows)})
    return case_of(folder, model, frame).dataset, frame


def test_a_fold_knows_the_values_of_its_rows_to_train_on_alone(tmp_path):
    dataset, frame = streets(tmp_path)
    for fold in divide(dataset, 4):
        trained = set(frame["street"].filter(pl.Series(fold.parts == TRAIN)))
        assert set(fold.overview.values["street"]) == trained


def test_a_folds_encoding_is_that_of_its_rows_to_train_on(tmp_path):
    dataset, frame = streets(tmp_path)
    for fold in divide(dataset, 4):
        size = frame["size"].filter(pl.Series(fold.parts == TRAIN))
        assert prepare(fold, 1, tmp_path).encoding.numeric[0].mean == pytest.approx(size.mean(), rel=1e-5)


def test_what_judges_changes_nothing_that_is_trained(tmp_path):
    dataset, frame = streets(tmp_path)
    (first, *_) = divide(dataset, 4)
    altered = frame.with_columns(
        pl.when(pl.Series(first.parts == JUDGED)).then(pl.col("y") + 1e6).otherwise(pl.col("y")).alias("y")
    )
    (tmp_path / "other").mkdir()
    other = divide(case_of(tmp_path / "other", dataset.model, altered).dataset, 4)[0]
    model = model_of("regression", candidates=[BOOSTING | {"name": "one"}])
    asked = first.sample(TRAIN, 10_000, 1).features
    answers = [fit(model.candidates[0], prepare(fold, 1, tmp_path)).predict(asked) for fold in (first, other)]
    assert np.array_equal(*answers)


# How many rounds.


def test_the_mean_of_the_rounds_is_rounded_and_at_least_one():
    assert (mean_rounds([10, 13, 20]), mean_rounds([0, 1]), mean_rounds([None, None])) == (14, 1, None)


def test_metrics_are_means_of_the_folds_with_their_spread():
    measured = Measured(({"rmse": 1.0, "r2": 0.5}, {"rmse": 3.0}), None)
    assert (measured.means, measured.spreads) == ({"rmse": 2.0}, {"rmse": pytest.approx(2**0.5)})


@pytest.mark.parametrize("task", ["regression", "binary"])
def test_boosting_trains_for_as_many_rounds_as_told(task, tmp_path):
    case = case_of(tmp_path, model_of(task))
    told = replace(case, material=replace(case.material, rounds=7))
    assert train_on(told, **BOOSTING | {"name": "one"}).rounds == 7


def test_a_network_trains_for_as_many_epochs_as_told(tmp_path):
    heard = []
    case = case_of(tmp_path, model_of("regression"))
    material = replace(case.material, rounds=3, report=lambda *losses: heard.append(losses))
    net = {"kind": "keras_mlp", "hidden": [4], "epochs": 50, "patience": 1}
    assert train_on(replace(case, material=material), **net).rounds == 3
    assert [(done, total, on_validation) for done, total, _, on_validation in heard] == [
        (1, 3, None),
        (2, 3, None),
        (3, 3, None),
    ]


def test_rows_that_stopped_are_not_looked_at_when_the_rounds_are_told(tmp_path):
    case = case_of(tmp_path, model_of("regression"))
    empty = case.material.validation.take(np.zeros(0, np.intp))
    material = replace(case.material, rounds=5, validation=empty)
    assert train_on(replace(case, material=material), **BOOSTING | {"name": "one"}).rounds == 5


# The model file.


@pytest.mark.parametrize(
    ("selection", "refits"),
    [({}, False), ({"folds": 5}, True), ({"folds": 5, "refit": False}, False), ({"refit": True}, True)],
)
def test_folds_are_followed_by_a_refit_unless_told_otherwise(selection, refits):
    assert model_of("regression", selection=selection).selection.refits is refits


@pytest.mark.parametrize(
    ("selection", "said"),
    [({"folds": 1}, r"selection\.folds: expected greater than or equal to 2"), ({"folded": 2}, "selection.folded")],
)
def test_a_wrong_selection_is_named(selection, said):
    content = model_of("regression").model_dump(mode="json", exclude_defaults=True) | {"selection": selection}
    with pytest.raises(ModelFileError, match=said):
        parse_model(yaml.safe_dump(content).encode(), "mixed")


# The steps, over generated rows.


def settings_of(database, home, frame, **changes):
    copy_database(database, home)
    folder = home / "models" / "mixed"
    folder.mkdir(parents=True)
    frame.write_parquet(folder / "rows.parquet")
    content = {"name": "mixed", "title": "Mixed", "task": "regression", "source": {"uri": "rows.parquet"},
               "target": {"name": "y"}, "features": [{"name": name, "type": "number"} for name in "ab"],
               "candidates": [LINEAR, BOOSTING], "metric": "rmse"} | changes  # fmt: skip
    (folder / "model.yaml").write_text(yaml.safe_dump(content))
    return Settings(home=home, models=home / "models")


def train(settings, *more):
    loaded = load_model(settings.models / "mixed")
    for step in ("ingest", "version", "train", *more):
        record = run_step(step, loaded, "r1", settings)
    return record


def trained(settings):
    return TrainResult.model_validate(train(settings).result)


def curved(rows=500, seed=0):
    """A target that trees tell better than a line."""
    rng = np.random.default_rng(seed)
    a, b = rng.uniform(-3, 3, rows), rng.normal(size=rows)
    return pl.DataFrame({"a": a, "b": b, "y": 3 * np.sin(2 * a) + b + 0.1 * rng.normal(size=rows)})


@pytest.fixture(scope="module")
def by_folds(mlflow_database, tmp_path_factory):
    home = tmp_path_factory.mktemp("folds") / "home"
    settings = settings_of(mlflow_database, home, curved(), selection={"folds": 4})
    evaluated = EvaluateResult.model_validate(train(settings, "evaluate").result)
    store = FolderStore(home / "store")
    result = TrainResult.model_validate(json.loads(store.read("runs/mixed/r1/train.json"))["result"])
    return settings, result, evaluated, store


def named(result, name):
    return next(one for one in result.candidates if one.name == name)


def test_the_choice_says_that_it_was_by_folds(by_folds):
    result = by_folds[1]
    assert (result.selection, result.selected, result.split.refitted) == ("folds", "boosting", True)


def test_validation_metrics_are_the_means_over_the_folds(by_folds, tmp_path):
    result = by_folds[1]
    model = load_model(by_folds[0].models / "mixed").file
    dataset = case_of(tmp_path, model, curved()).dataset
    found = []
    for fold in divide(dataset, 4):
        net = fit(model.candidates[0], prepare(fold, 0, tmp_path))
        rows = fold.sample(JUDGED, 10_000, 0)
        found.append(measure_rows(rows, bounded(model, net)(rows.features), "judged")["rmse"])
    linear = named(result, "linear")
    assert linear.validation["rmse"] == pytest.approx(np.mean(found))
    assert linear.validation_spread["rmse"] == pytest.approx(np.std(found, ddof=1))


def test_the_chosen_one_is_trained_on_training_and_validation_rows(by_folds):
    result = by_folds[1]
    assert named(result, "boosting").rows_trained == result.rows_train + result.rows_validation
    assert named(result, "linear").rows_trained == result.rows_train


def test_it_is_trained_for_the_mean_of_the_rounds_of_the_folds(by_folds):
    settings, result, _, _ = by_folds
    run = Tracker(settings).client.get_run(named(result, "boosting").mlflow_run_id)
    assert run.info.run_name == "boosting.refitted"
    assert 1 <= int(run.data.params["rounds"]) <= 40


def test_mlflow_has_each_fold_and_the_spread(by_folds):
    settings, result, _, _ = by_folds
    tracker = Tracker(settings)
    (run,) = (one for one in tracker.runs_of(result.mlflow_experiment_id, "r1") if one.info.run_name == "boosting")
    history = tracker.client.get_metric_history(run.info.run_id, "fold_rmse")
    assert [point.step for point in history] == [1, 2, 3, 4]
    assert run.data.metrics["validation_rmse_spread"] == pytest.approx(np.std([p.value for p in history], ddof=1))


def test_the_reference_counts_the_rows_that_the_released_model_has_seen(by_folds):
    _, result, _, store = by_folds
    assert json.loads(store.read(result.reference.key))["a"]["rows"] == result.rows_train + result.rows_validation


def test_the_verdict_says_how_it_was_chosen_and_trained(by_folds):
    assert (
        by_folds[2]
        .verdict.reasons[0]
        .startswith("Of 2 candidates boosting was chosen by folds, and trained again on training and validation rows;")
    )


def test_the_graph_that_is_judged_is_the_one_trained_again(by_folds, tmp_path):
    _, result, evaluated, store = by_folds
    (tmp_path / "m.onnx").write_bytes(store.read(named(result, "boosting").onnx.key))
    (tmp_path / "h.parquet").write_bytes(store.read(result.held_out.key))
    answers = answer_file(Graph(tmp_path / "m.onnx", ["a", "b"], None), tmp_path / "h.parquet").values
    actual = pl.read_parquet(tmp_path / "h.parquet")["y"].to_numpy()
    assert evaluated.scores["boosting"]["rmse"].value == pytest.approx(np.sqrt(np.mean((answers - actual) ** 2)))


def test_only_test_rows_are_unseen_by_a_model_that_was_trained_again(by_folds):
    result = by_folds[1]
    assert unseen(result.split, curved()).sum() == result.rows_test


def test_the_targets_of_test_rows_have_no_part_in_the_choice(by_folds, mlflow_database, tmp_path):
    result = by_folds[1]
    held_out = unseen(result.split, curved())
    altered = curved().with_columns(
        pl.when(pl.Series(held_out)).then(-5 * pl.col("a")).otherwise(pl.col("y")).alias("y")
    )
    other = trained(settings_of(mlflow_database, tmp_path / "home", altered, selection={"folds": 4}))
    assert other.selected == result.selected
    assert [(one.validation, one.onnx.sha256) for one in other.candidates] == [
        (one.validation, one.onnx.sha256) for one in result.candidates
    ]


def test_without_a_refit_the_chosen_one_stays_as_it_was_trained(mlflow_database, tmp_path):
    selection = {"folds": 3, "refit": False}
    result = trained(settings_of(mlflow_database, tmp_path / "home", curved(), selection=selection))
    assert (result.selection, result.split.refitted) == ("folds", False)
    assert named(result, "boosting").rows_trained == result.rows_train


def test_a_refit_without_folds_trains_for_the_rounds_that_validation_rows_found(mlflow_database, tmp_path):
    settings = settings_of(mlflow_database, tmp_path / "home", curved(), selection={"refit": True})
    result = trained(settings)
    runs = {run.info.run_name: run for run in Tracker(settings).runs_of(result.mlflow_experiment_id, "r1")}
    assert (result.selection, result.split.refitted) == ("validation", True)
    assert runs["boosting.refitted"].data.params["rounds"] == runs["boosting"].data.params["rounds"]


def test_a_candidate_that_fails_in_a_fold_is_named_and_ends_no_other(mlflow_database, tmp_path):
    endless = BOOSTING | {"name": "endless", "learning_rate": 1e300}
    changes = {"candidates": [endless, LINEAR], "selection": {"folds": 3}}
    result = trained(settings_of(mlflow_database, tmp_path / "home", curved(), **changes))
    assert result.selected == "linear"
    assert result.failed["endless"].startswith("fold 1 of 3: the loss on validation rows was never finite")
