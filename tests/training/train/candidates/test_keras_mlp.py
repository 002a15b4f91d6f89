"""TensorFlow is imported once for all of these."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from mixed import FEATURES, NUMBERS, case_of, frame_of, model_of, train_on, with_absurd_row

import training.train.data
from training.train.candidates import keras_mlp
from training.train.encoding import Encoding
from training.train.export import export_candidate
from training.train.graph_predictions import graph_predictions
from training.train.parity import generate_rows, measure_parity

MLP = {"kind": "keras_mlp", "hidden": [16, 8], "epochs": 12, "patience": 12, "learning_rate": 0.01}


def rmse(case, trained):
    rows = case.material.validation
    return float(np.sqrt(np.mean((trained.predict(rows.features) - rows.target) ** 2)))


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    return case_of(tmp_path_factory.mktemp("mixed"), model_of("regression"))


@pytest.fixture(scope="module")
def trained(case):
    return train_on(case, **MLP)


def worst(case, trained, folder):
    path = folder / "model.onnx"
    path.write_bytes(export_candidate(case.model, case.material.encoding, trained).SerializeToString())
    ask = graph_predictions(path, case.model, case.material.encoding)
    spread = 1.0 if case.model.target.classes else float(case.material.train.target.std())
    rows = generate_rows(case.material.encoding, 0)
    return measure_parity(case.material.encoding, trained.predict, ask, rows, spread).worst


@pytest.mark.parametrize("activation", ["relu", "gelu", "silu", "tanh"])
def test_a_graph_answers_as_the_net_does(case, tmp_path, activation):
    assert worst(case, train_on(case, **{**MLP, "epochs": 2}, activation=activation), tmp_path) < 1e-4


@pytest.mark.parametrize("task", ["binary", "classification"])
@pytest.mark.parametrize("features", [FEATURES, NUMBERS], ids=["columns", "matrix"])
def test_a_graph_gives_the_probabilities_of_the_net(tmp_path, task, features):
    case = case_of(tmp_path, model_of(task, features))
    assert worst(case, train_on(case, **{**MLP, "epochs": 2, "dropout": 0.2, "l2": 0.01}), tmp_path) < 1e-4


def test_the_net_learns(case, trained):
    assert rmse(case, trained) < 0.4 * case.material.validation.target.std()


def test_the_same_seed_gives_the_same_weights(case, trained):
    again = train_on(case, **MLP)
    assert all(
        np.array_equal(one, other)
        for one, other in zip(again.net.get_weights(), trained.net.get_weights(), strict=True)
    )


@pytest.mark.parametrize("part", ["train", "validation"])
def test_an_absurd_row_leaves_the_net_as_good(case, trained, part):
    absurd = train_on(with_absurd_row(case, part), **MLP)
    assert rmse(case, absurd) < 1.2 * rmse(case, trained)


def test_a_graph_bounds_numbers_as_the_net_does(case, tmp_path):
    absurd = with_absurd_row(case, "train")
    assert worst(absurd, train_on(absurd, **{**MLP, "epochs": 2}), tmp_path) < 1e-4


@pytest.fixture(scope="module")
def overfitted(tmp_path_factory):
    """A net that gets worse on the validation rows: they are noise."""
    model = model_of("regression", NUMBERS)
    frame = frame_of(model)
    noise = np.random.default_rng(1).normal(size=len(frame))
    case = case_of(tmp_path_factory.mktemp("noise"), model, frame.with_columns(y=noise))
    losses = []
    object.__setattr__(case.material, "report", lambda done, total, train, validation: losses.append(validation))
    return train_on(case, **{**MLP, "epochs": 60, "patience": 5}), losses, case


def test_training_stops_when_the_validation_loss_rises(overfitted):
    trained, losses, _ = overfitted
    assert len(losses) == trained.best_epoch + 5 < 60


def test_the_best_weights_are_kept(overfitted):
    trained, losses, case = overfitted
    target = case.material.train.target
    assert (rmse(case, trained) / target.std()) ** 2 == pytest.approx(min(losses), rel=1e-3)


def test_losses_are_written_for_tensorboard(case, trained):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = case.material.tensorboard
    accumulator = EventAccumulator(str(folder), size_guidance={"tensors": 0}).Reload()
    assert {"loss/train", "loss/validation"} <= set(accumulator.Tags()["tensors"])


@pytest.fixture
def streamed(tmp_path, monkeypatch):
    monkeypatch.setattr(training.train.data, "PIECE_ROWS", 60)
    return case_of(tmp_path, model_of("regression"), sample_rows=100)


def test_more_rows_than_may_be_held_are_streamed(streamed):
    assert train_on(streamed, **MLP).rows_trained == streamed.dataset.count(0) > len(streamed.material.train)


def test_a_streamed_net_learns(streamed):
    assert rmse(streamed, train_on(streamed, **MLP)) < 0.4 * streamed.material.validation.target.std()


def test_a_streamed_net_repeats_itself(streamed):
    first, second = (train_on(streamed, **{**MLP, "epochs": 2}) for _ in range(2))
    rows = streamed.material.validation.features
    assert np.array_equal(first.predict(rows), second.predict(rows))


# One-hot columns of many values.


@pytest.fixture
def many_values(tmp_path):
    rows = 4000
    rng = np.random.default_rng(8)
    frame = pl.DataFrame(
        {
            "size": rng.normal(size=rows),
            "street": [f"s{code:03}" for code in rng.integers(0, 300, rows)],
            "y": rng.normal(size=rows),
        }
    )
    features = [{"name": "size", "type": "number"}, {"name": "street", "type": "category", "unseen": "other"}]
    return case_of(tmp_path, model_of("regression", features), frame)


NARROW = {"kind": "keras_mlp", "hidden": [4], "epochs": 2, "batch_size": 64, "learning_rate": 0.01}


def test_rows_are_encoded_a_portion_at_a_time(many_values, monkeypatch):
    sizes = []
    dense = Encoding.dense
    monkeypatch.setattr(Encoding, "dense", lambda self, rows: sizes.append(len(rows)) or dense(self, rows))
    monkeypatch.setattr(keras_mlp, "DENSE_BYTES", 500_000)
    train_on(many_values, **NARROW).predict(many_values.material.train.features)
    assert max(sizes) * many_values.material.encoding.width * 4 <= 500_000


def test_portions_of_rows_give_the_same_network(many_values, monkeypatch):
    asked = many_values.material.validation.features
    whole = train_on(many_values, **NARROW).predict(asked)
    monkeypatch.setattr(keras_mlp, "DENSE_BYTES", 500_000)
    assert train_on(many_values, **NARROW).predict(asked) == pytest.approx(whole, abs=1e-6)


def test_streamed_rows_are_encoded_a_portion_at_a_time_too(many_values, monkeypatch):
    sizes = []
    dense = Encoding.dense
    monkeypatch.setattr(Encoding, "dense", lambda self, rows: sizes.append(len(rows)) or dense(self, rows))
    monkeypatch.setattr(keras_mlp, "DENSE_BYTES", 500_000)
    few = many_values.material.train.take(np.arange(100))
    train_on(replace(many_values, material=replace(many_values.material, train=few)), **NARROW)
    assert max(sizes) * many_values.material.encoding.width * 4 <= 500_000
