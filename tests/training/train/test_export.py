"""Every kind of candidate but Keras (which has tests of its own) over every task, as a graph."""

import numpy as np
import onnxruntime
import polars as pl
import pytest
from mixed import DATES, FEATURES, NUMBERS, case_of, frame_of, model_of, train_on

from training.train.candidates import bounded
from training.train.export import IR_VERSION, OPSET, export_candidate
from training.train.graph_predictions import graph_predictions
from training.train.parity import generate_rows, measure_parity

TASKS = ("regression", "binary", "classification")
KINDS = ({"kind": "linear"}, {"kind": "gradient_boosting", "max_iter": 40, "min_samples_leaf": 5})


class Exported:
    """A trained candidate and its graph."""

    def __init__(self, folder, task, features, candidate):
        self.case = case_of(folder, model_of(task, features))
        self.model, self.encoding = self.case.model, self.case.material.encoding
        self.trained = train_on(self.case, **candidate)
        self.graph = export_candidate(self.model, self.encoding, self.trained)
        self.path = folder / "model.onnx"
        self.path.write_bytes(self.graph.SerializeToString())

    def worst(self, rows):
        spread = 1.0 if self.model.target.classes else float(self.case.material.train.target.std())
        ask = graph_predictions(self.path, self.model, self.encoding)
        return measure_parity(self.encoding, self.trained.predict, ask, rows, spread).worst


@pytest.fixture(scope="module", params=TASKS)
def task(request):
    return request.param


@pytest.fixture(scope="module", params=KINDS, ids=lambda candidate: candidate["kind"])
def candidate(request):
    return request.param


@pytest.fixture(scope="module", params=[FEATURES, NUMBERS, DATES], ids=["columns", "matrix", "dates"])
def exported(request, task, candidate, tmp_path_factory):
    return Exported(tmp_path_factory.mktemp("exported"), task, request.param, candidate)


def test_a_graph_answers_training_rows_as_the_native_model_does(exported):
    assert exported.worst(exported.case.material.train.features) < 1e-5


def test_a_graph_answers_generated_rows_as_the_native_model_does(exported):
    assert exported.worst(generate_rows(exported.encoding, 0)) < 1e-5


def test_a_graph_answers_rows_with_nothing_in_them(exported):
    rows = exported.case.material.train.features[:1].copy()
    rows[0, [index for index, one in enumerate(exported.model.features) if one.missing == "impute"]] = np.nan
    assert exported.worst(rows) < 1e-5


def test_the_same_model_gives_the_same_bytes(exported):
    again = export_candidate(exported.model, exported.encoding, exported.trained)
    assert again.SerializeToString() == exported.path.read_bytes()


def test_inputs_are_those_of_a_release(exported):
    found = [(one.name, one.type) for one in onnxruntime.InferenceSession(exported.path).get_inputs()]
    kinds = {"category": "tensor(string)"}
    columns = [(one.name, kinds.get(one.type, "tensor(float)")) for one in exported.model.features]
    assert found == (columns if len(columns) >= len(FEATURES) else [("features", "tensor(float)")])


def test_outputs_are_those_of_a_release(exported):
    classes = exported.model.target.classes
    wanted = ["label", *(f"probability_{name}" for name in classes)] if classes else ["prediction"]
    assert [one.name for one in onnxruntime.InferenceSession(exported.path).get_outputs()] == wanted


def test_outputs_have_one_value_a_row(exported):
    assert all(len(one.shape) == 1 for one in onnxruntime.InferenceSession(exported.path).get_outputs())


def test_versions_are_fixed(exported):
    assert (exported.graph.ir_version, exported.graph.opset_import[0].version) == (IR_VERSION, OPSET)


@pytest.fixture
def labelled(tmp_path):
    exported = Exported(tmp_path, "classification", NUMBERS, {"kind": "linear"})
    outputs = onnxruntime.InferenceSession(exported.path).run(None, {"features": exported.case.material.train.features})
    return outputs[0], np.stack(outputs[1:], axis=1)


def test_the_label_is_the_class_of_the_greatest_probability(labelled):
    labels, shares = labelled
    assert labels.tolist() == [("low", "middle", "high")[best] for best in shares.argmax(axis=1)]


def test_probabilities_add_up_to_one(labelled):
    assert np.allclose(labelled[1].sum(axis=1), 1, atol=1e-6)


def test_a_candidate_learns(labelled, tmp_path):
    target = case_of(tmp_path, model_of("classification", NUMBERS)).material.train.target
    assert np.mean(labelled[1].argmax(axis=1) == target) > 0.7


@pytest.mark.parametrize("name", ["raw", "classes", "encoded", "one_column", "shares", "best", "features", "linear"])
@pytest.mark.parametrize("task", ["regression", "classification"])
def test_a_column_may_have_any_name(tmp_path, name, task):
    features = [{"name": name, "type": "number"}, {"name": "street", "type": "category"}]
    model = model_of(task, features)
    frame = frame_of(model_of(task)).rename({"size": name}).select(name, "street", "y")
    case = case_of(tmp_path, model, frame)
    assert export_candidate(model, case.material.encoding, train_on(case, kind="linear"))


@pytest.mark.parametrize("candidate", KINDS, ids=lambda candidate: candidate["kind"])
def test_answers_are_cut_to_the_bounds_of_the_target(tmp_path, candidate):
    model = model_of("regression", target={"name": "y", "minimum": 5200, "maximum": 5500})
    frame = frame_of(model).with_columns(y=pl.col("y").clip(5200, 5500))
    case = case_of(tmp_path, model, frame)
    trained, path = train_on(case, **candidate), tmp_path / "model.onnx"
    path.write_bytes(export_candidate(model, case.material.encoding, trained).SerializeToString())
    ask, rows = graph_predictions(path, model, case.material.encoding), case.material.train.features
    assert measure_parity(case.material.encoding, bounded(model, trained), ask, rows, 100.0).worst < 1e-5
    assert (ask(rows).min(), ask(rows).max()) >= (5200, 5200)
    assert ask(rows).max() <= 5500
