"""A Keras model of one's own code: trained by Keras' fit, and answered alike by its graph."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from mixed import FEATURES, case_of, model_of

from molino.contracts.errors import StepError
from molino.contracts.model_file import LoadedModel
from training.train.candidates import faults, fit
from training.train.export import export_candidate
from training.train.graph_predictions import graph_predictions
from training.train.parity import generate_rows, measure_parity

PLAIN = """
import keras
def estimator(units=16):
    return keras.Sequential([keras.layers.Dense(units, activation="gelu"), keras.layers.Dense(1)])
"""
COMPILED = """
import keras
def estimator(width, classes):
    rows = keras.Input((width,))
    normal = keras.layers.BatchNormalization()(rows)
    hidden = keras.layers.Dense(12, activation="relu")(normal)
    both = keras.layers.Dropout(0.1)(keras.layers.Concatenate()([hidden, normal]))
    model = keras.Model(rows, keras.layers.Dense(classes, activation="softmax")(both))
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss="categorical_crossentropy", metrics=["accuracy"])
    return model
"""
OWN = """
from keras import Model, layers
class Net(Model):
    def __init__(self):
        super().__init__()
        self.hidden, self.last = layers.Dense(8, activation="silu"), layers.Dense(1, activation="sigmoid")
    def call(self, rows):
        return self.last(self.hidden(rows))
estimator = Net
"""
TASKS = {"regression": PLAIN, "classification": COMPILED, "binary": OWN}


def asked(task, code, folder, **keys):
    one = {"name": "one", "kind": "python", "file": "own.py", **keys}
    model = model_of(task, FEATURES, candidates=[one])
    case = case_of(folder, model)
    return model, dataclasses.replace(case.material, code={"own.py": code.encode()})


@pytest.mark.parametrize("task", TASKS)
def test_a_graph_answers_as_the_model_does(task, tmp_path):
    model, material = asked(task, TASKS[task], tmp_path, epochs=8)
    told: list[tuple[int, int, float, float | None]] = []
    material = dataclasses.replace(material, report=lambda *one: told.append(one))
    trained = fit(model.candidates[0], material)
    path = tmp_path / "model.onnx"
    path.write_bytes(export_candidate(model, material.encoding, trained).SerializeToString())
    rows = generate_rows(material.encoding, 0, 500)
    graph = graph_predictions(path, model, material.encoding)
    spread = float(material.train.target.std()) if task == "regression" else 1.0
    assert measure_parity(material.encoding, trained.predict, graph, rows, spread).worst < 1e-4
    assert [done for done, *_ in told] == list(range(1, len(told) + 1))
    assert trained.rounds == 1 + int(np.argmin([loss for *_, loss in told]))
    assert list(material.tensorboard.glob("events.*"))
    again = fit(model.candidates[0], dataclasses.replace(material, rounds=2))
    assert again.rounds == 2
    if task == "regression":
        errors = trained.predict(material.validation.features) - material.validation.target
        assert np.sqrt(np.mean(errors**2)) < float(material.validation.target.std())
        assert np.array_equal(fit(model.candidates[0], material).predict(rows), trained.predict(rows))


def test_another_shape_is_told_before_training():
    model = model_of("classification", FEATURES, candidates=[{"name": "one", "kind": "python", "file": "own.py"}])
    code = COMPILED.replace("Dense(classes", "Dense(2").encode()
    loaded = LoadedModel(file=model, path=Path("model.yaml"), sha256="", code={"own.py": code})
    assert [problem for _, problem in faults(model.candidates[0], loaded)] == [
        "the Keras model answers with the shape [rows, 2]; expected [rows, 3]"
    ]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (PLAIN.replace("Dense(1)", "Dense(2)"), r"own\.py: the Keras model answers with the shape \[rows, 2\]; exp"),
        (PLAIN.replace("Sequential([", "Sequential([keras.Input((3,)), "), r"own\.py doesn't take rows of \d+ columns"),
    ],
)
def test_what_does_not_fit_the_rows_is_one_line(code, said, tmp_path):
    model, material = asked("regression", code, tmp_path)
    with pytest.raises(StepError, match=said) as raised:
        fit(model.candidates[0], material)
    assert "\n" not in str(raised.value)


BACKWARDS = """
import keras
class Net(keras.Model):
    def __init__(self, classes):
        super().__init__()
        self.last = keras.layers.Dense(classes, activation="softmax")
        self.hidden = keras.layers.Dense(8, activation="relu")
    def call(self, rows):
        return self.last(self.hidden(rows))
estimator = Net
"""
OPERATION = """
import keras
def estimator(width, classes):
    rows = keras.Input((width,))
    return keras.Model(rows, keras.ops.softmax(keras.layers.Dense(classes)(rows)))
"""
FUNCTION = """
import keras
def shares(logits):
    return keras.ops.softmax(logits)
def estimator(classes):
    return keras.Sequential([keras.layers.Dense(classes, activation=shares)])
"""


@pytest.mark.parametrize("code", [BACKWARDS, OPERATION, FUNCTION], ids=["subclass", "operation", "function"])
def test_probabilities_are_known_where_no_layer_says_so(code, tmp_path):
    model, material = asked("classification", code, tmp_path, epochs=2)
    trained = fit(model.candidates[0], material)
    rows = material.validation.features
    assert np.allclose(trained.predict(rows), trained.model(material.encoding.dense(rows)), atol=1e-5)


def test_logits_are_known_where_no_layer_says_so(tmp_path):
    code = BACKWARDS.replace(', activation="softmax"', "")
    model, material = asked("classification", code, tmp_path, epochs=2)
    trained = fit(model.candidates[0], material)
    rows = material.validation.features
    logits = np.asarray(trained.model(material.encoding.dense(rows)), np.float64)
    assert np.allclose(trained.predict(rows), np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), atol=1e-5)


def test_a_target_is_left_as_it_is_where_answers_are_above_0(tmp_path):
    code = PLAIN.replace("Dense(1)", "Dense(1), keras.layers.Lambda(keras.ops.exp)")
    model, material = asked("regression", code, tmp_path, epochs=1)
    assert fit(model.candidates[0], material).answer.centre == 0
