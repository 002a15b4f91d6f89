"""Own code: what it makes is trained as any estimator, and what is wrong with it is one line."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from mixed import FEATURES, case_of, model_of

from molino.contracts.model_file import LoadedModel
from training.train.candidates import faults, fit
from training.train.export import export_candidate
from training.train.graph_predictions import graph_predictions
from training.train.parity import generate_rows, measure_parity

PIPELINE = """
from sklearn.ensemble import RandomForestRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

def estimator(trees=5):
    return make_pipeline(StandardScaler(), RandomForestRegressor(trees))
"""
BOOSTED = """
from lightgbm import LGBMRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

def estimator():
    return make_pipeline(StandardScaler(), LGBMRegressor(n_estimators=10, verbosity=-1))
"""


def candidate_of(**keys):
    model = model_of("regression", FEATURES, candidates=[{"name": "one", "kind": "python", "file": "own.py", **keys}])
    return model.candidates[0], model


def wrong(code, **keys):
    candidate, model = candidate_of(**keys)
    loaded = LoadedModel(file=model, path=Path("model.yaml"), sha256="", code={"own.py": code.encode()})
    return [problem for _, problem in faults(candidate, loaded)]


@pytest.mark.parametrize("code", [PIPELINE, BOOSTED], ids=["forest", "boosted"])
def test_a_graph_answers_as_the_pipeline_does(code, tmp_path):
    candidate, model = candidate_of()
    case = case_of(tmp_path, model)
    object.__setattr__(case.material, "code", {"own.py": code.encode()})
    trained = fit(candidate, case.material)
    path = tmp_path / "model.onnx"
    path.write_bytes(export_candidate(model, case.material.encoding, trained).SerializeToString())
    rows = generate_rows(case.material.encoding, 0, 500)
    graph = graph_predictions(path, model, case.material.encoding)
    spread = float(case.material.train.target.std())
    assert measure_parity(case.material.encoding, trained.predict, graph, rows, spread).worst < 1e-4
    assert np.array_equal(fit(candidate, case.material).predict(rows), trained.predict(rows))


def test_what_is_right_has_no_fault():
    assert wrong(PIPELINE, parameters={"trees": 2}) == []


@pytest.mark.parametrize(
    ("code", "keys", "said"),
    [
        ("def estimator(:", {}, "own.py:1: SyntaxError: invalid syntax"),
        ("\nimport nowhere", {}, "own.py:2: ModuleNotFoundError: No module named 'nowhere'"),
        ("def other():\n    pass", {}, "own.py has no function estimator"),
        ("def made():\n    return 1 / 0", {"function": "made"}, "own.py:2: ZeroDivisionError: division by zero"),
        ("def estimator():\n    return 3", {}, "estimator of own.py returns int; expected an estimator or pipeline"),
        ("import sys\ndef estimator():\n    sys.exit(3)", {}, "own.py:3: SystemExit: 3"),
        ("raise SystemExit", {}, "own.py:1: SystemExit"),
        (PIPELINE, {"parameters": {"leaves": 2}}, "unexpected keyword argument 'leaves'"),
        (
            "from sklearn.linear_model import LogisticRegression as estimator",
            {},
            "LogisticRegression is no regressor, which a regression asks for",
        ),
        (
            "from sklearn.kernel_ridge import KernelRidge as estimator",
            {},
            "KernelRidge can't be converted to ONNX: skl2onnx has no converter for it",
        ),
    ],
)
def test_what_is_wrong_is_one_line(code, keys, said):
    (problem,) = wrong(code, **keys)
    assert said in problem
    assert "\n" not in problem


def test_a_failure_in_training_names_its_line(tmp_path):
    from molino.contracts.errors import StepError

    code = (
        "from sklearn.linear_model import Ridge\nclass Own(Ridge):\n    def fit(self, rows, target):\n        {}[1]\n"
    )
    candidate, model = candidate_of(function="Own")
    case = case_of(tmp_path, model)
    object.__setattr__(case.material, "code", {"own.py": code.encode()})
    with pytest.raises(StepError, match=r"^own\.py:4: KeyError: 1$"):
        fit(candidate, case.material)


def test_a_failure_in_answering_is_one_line(tmp_path):
    from molino.contracts.errors import StepError

    code = (
        "from sklearn.linear_model import Ridge\nclass Own(Ridge):\n    def predict(self, rows):\n"
        "        raise RuntimeError('no\\nrows')\n"
    )
    candidate, model = candidate_of(function="Own")
    case = case_of(tmp_path, model)
    object.__setattr__(case.material, "code", {"own.py": code.encode()})
    trained = fit(candidate, case.material)
    with pytest.raises(StepError, match=r"^Own can't answer rows: RuntimeError: no$"):
        trained.predict(case.material.validation.features)


def test_a_key_of_keras_is_refused_beside_an_estimator():
    assert wrong(PIPELINE, epochs=5) == ["this key is a Keras model's, and estimator returns Pipeline"]


STACKED = """
from sklearn.ensemble import Stacking{kind}, RandomForest{kind}
from sklearn.neighbors import KNeighbors{kind}
def estimator():
    return Stacking{kind}([("near", KNeighbors{kind}()), ("trees", RandomForest{kind}(5))])
"""
VOTING = """
from sklearn.ensemble import VotingRegressor
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Ridge
def estimator():
    return VotingRegressor([("one", Ridge()), ("other", KernelRidge())])
"""
SQUARES = """
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
def estimator():
    return make_pipeline(FunctionTransformer(lambda rows: rows**2), Ridge())
"""


def loaded_with(code, task="regression"):
    one = {"name": "one", "kind": "python", "file": "own.py"}
    model = model_of(task, FEATURES, candidates=[one])
    return LoadedModel(file=model, path=Path("model.yaml"), sha256="", code={"own.py": code.encode()})


@pytest.mark.parametrize(("task", "kind"), [("regression", "Regressor"), ("classification", "Classifier")])
def test_others_are_stacked(task, kind, tmp_path):
    loaded = loaded_with(STACKED.format(kind=kind), task)
    candidate = loaded.file.candidates[0]
    assert list(faults(candidate, loaded)) == []
    case = case_of(tmp_path, loaded.file)
    trained = fit(candidate, dataclasses.replace(case.material, code=loaded.code))
    path = tmp_path / "model.onnx"
    path.write_bytes(export_candidate(loaded.file, case.material.encoding, trained).SerializeToString())
    graph = graph_predictions(path, loaded.file, case.material.encoding)
    spread = float(case.material.train.target.std()) if task == "regression" else 1.0
    rows = case.material.validation.features
    assert measure_parity(case.material.encoding, trained.predict, graph, rows, spread).worst < 1e-4


@pytest.mark.parametrize(("code", "said"), [(VOTING, "KernelRidge"), (SQUARES, "FunctionTransformer is not supported")])
def test_what_it_is_made_of_and_has_no_converter_is_told_before_training(code, said):
    loaded = loaded_with(code)
    ((key, problem),) = faults(loaded.file.candidates[0], loaded)
    assert key == ("file",)
    assert "can't be converted to ONNX: " in problem
    assert said in problem


def test_a_file_travels_alone():
    loaded = loaded_with("import beside\ndef estimator(): ...")
    ((_, problem),) = faults(loaded.file.candidates[0], loaded)
    assert problem.startswith("own.py:1: ModuleNotFoundError: No module named 'beside'; the file travels alone")
