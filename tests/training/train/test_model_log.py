import numpy as np
import onnxruntime
import pandas as pd
import pytest
from mixed import FEATURES, NUMBERS, case_of, frame_of, model_of, train_on

from training.train.export import export_candidate
from training.train.model_log import requirements, save_onnx

pytestmark = [  # of MLflow's own code
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType"),
    pytest.mark.filterwarnings("ignore:Operation with range is deprecated"),
]

ROW = {"size": 10.5, "age": 2000.25, "rooms": 3, "garden": True, "colour": "red", "street": "Oak"}


class Saved:
    """A linear model as MLflow keeps it, and its graph."""

    def __init__(self, folder, task, features):
        import mlflow.pyfunc

        case = case_of(folder, model_of(task, features))
        self.model = case.model
        graph = export_candidate(case.model, case.material.encoding, train_on(case, kind="linear"))
        example = frame_of(case.model).drop_nulls().head(3).select([feature.name for feature in case.model.features])
        save_onnx(graph, case.model, example, folder / "model")
        self.pyfunc = mlflow.pyfunc.load_model(str(folder / "model"))
        self.session = onnxruntime.InferenceSession(graph.SerializeToString())

    def graph(self, row):
        names = [feature.name for feature in self.model.features]
        if len(names) == len(NUMBERS):
            return self.session.run(None, {"features": np.array([[row[name] for name in names]], np.float32)})
        kinds = {"tensor(string)": object, "tensor(float)": np.float32}
        return self.session.run(
            None, {one.name: np.array([row[one.name]], kinds[one.type]) for one in self.session.get_inputs()}
        )


@pytest.fixture(scope="module", params=["regression", "classification"])
def columns(request, tmp_path_factory):
    return Saved(tmp_path_factory.mktemp("columns"), request.param, FEATURES)


@pytest.fixture(scope="module")
def matrix(tmp_path_factory):
    return Saved(tmp_path_factory.mktemp("matrix"), "regression", NUMBERS)


def agrees(saved, frame, row):
    answers = saved.pyfunc.predict(frame)
    return [answers[name].tolist()[0] for name in answers.columns] == [one.tolist()[0] for one in saved.graph(row)]


def test_a_row_of_all_types(columns):
    assert agrees(columns, pd.DataFrame([ROW]), ROW)


def test_columns_in_another_order(columns):
    assert agrees(columns, pd.DataFrame([dict(reversed(ROW.items()))]), ROW)


def test_columns_that_are_not_asked_for(columns):
    assert agrees(columns, pd.DataFrame([{**ROW, "y": 1.0}]), ROW)


def test_an_index_that_does_not_start_at_0(columns):
    assert agrees(columns, pd.DataFrame([ROW], index=[17]), ROW)


@pytest.mark.parametrize("missing", [None, np.nan])
def test_a_missing_number(columns, missing):
    assert agrees(columns, pd.DataFrame([{**ROW, "rooms": missing}]), {**ROW, "rooms": np.nan})


@pytest.mark.parametrize("missing", [None, np.nan, ""])
def test_a_missing_category(columns, missing):
    assert agrees(columns, pd.DataFrame([{**ROW, "colour": missing}]), {**ROW, "colour": ""})


def test_a_missing_category_among_others(columns):
    frame = pd.DataFrame([{**ROW, "colour": None}, ROW])
    assert agrees(columns, frame, {**ROW, "colour": ""})


def test_an_integer_for_a_number(columns):
    assert agrees(columns, pd.DataFrame([{**ROW, "size": 10}]), {**ROW, "size": 10.0})


def test_a_category_of_pandas(columns):
    frame = pd.DataFrame([ROW]).assign(colour=pd.Series(["red"], dtype="object"))
    assert agrees(columns, frame, ROW)


@pytest.mark.parametrize("spelled", [" red ", "red\n", "\u3000red"])
def test_a_category_with_blanks_around_it(columns, spelled):
    assert agrees(columns, pd.DataFrame([{**ROW, "colour": spelled}]), ROW)


def test_a_matrix_of_mixed_types(matrix):
    assert agrees(matrix, pd.DataFrame([ROW]), ROW)


def test_a_matrix_of_integers_alone(matrix):
    row = {"size": 10, "age": 2000, "rooms": 3, "garden": 1}
    assert agrees(matrix, pd.DataFrame([row]), row)


def test_a_missing_column_is_refused(columns):
    with pytest.raises(Exception, match="missing inputs \\['size'\\]"):
        columns.pyfunc.predict(pd.DataFrame([ROW]).drop(columns="size"))


def test_the_signature_names_the_features(columns):
    assert columns.pyfunc.metadata.signature.inputs.input_names() == [feature["name"] for feature in FEATURES]


def test_the_onnx_flavour_is_there(columns):
    assert "onnx" in columns.pyfunc.metadata.flavors


def test_an_example_is_there(columns):
    assert columns.pyfunc.input_example is not None


def test_requirements_are_pinned():
    assert requirements(("numpy",)) == [f"numpy=={np.__version__}"]
