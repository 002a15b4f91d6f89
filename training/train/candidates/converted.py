"""Fitted estimators as ONNX graphs, by the converters of skl2onnx and onnxmltools."""

import importlib
import sys
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from molino.contracts.errors import StepError
from training.train.export import ML_OPSET, OPSET

if TYPE_CHECKING:
    import onnx

INPUT = "X"
BOOSTER_OPSET = 15
"""The newest that onnxmltools knows; its nodes mean the same in the newer one of the whole graph."""
BOOSTERS = {
    "lightgbm": ("LGBM", "onnxmltools.convert.lightgbm.operator_converters.LightGbm.convert_lightgbm"),
    "xgboost": ("XGB", "onnxmltools.convert.xgboost.operator_converters.XGBoost.convert_xgboost"),
}
"""Package: what the names of its estimators begin with, and who converts them."""
DOMAINS = {"", "ai.onnx.ml"}
"""Of the nodes that every runtime has."""
REFUSED = {
    "GaussianProcessClassifier": "it takes nodes that not every runtime has",
    "HistGradientBoostingClassifier": "take kind: gradient_boosting, which is the same",
    "HistGradientBoostingRegressor": "take kind: gradient_boosting, which is the same",
    "RadiusNeighborsClassifier": "its graph has no answer to a row without neighbours",
    "RadiusNeighborsRegressor": "its graph has no answer to a row without neighbours",
}
"""Estimators whose converter there is and doesn't do, with the reason."""


def convert(estimator: Any, width: int) -> "onnx.ModelProto":
    """Return a fitted estimator as a graph of 32-bit floats; its last output is the answer, or the probabilities.

    Args:
        estimator: a regressor, or a classifier that answers probabilities.
        width: columns that it was fitted to.

    Raises:
        StepError: it can't be converted; says why.
    """
    return _plain(type(estimator).__name__, lambda: _converted(estimator, width))


def convert_booster(booster: Any, width: int) -> "onnx.ModelProto":
    """Return a LightGBM booster as a graph in the same way.

    Raises:
        StepError: it can't be converted; says why.
    """
    from onnxmltools.convert import convert_lightgbm
    from onnxmltools.convert.common.data_types import FloatTensorType

    inputs = [(INPUT, FloatTensorType([None, width]))]
    return _plain(
        "the booster",
        lambda: convert_lightgbm(booster, initial_types=inputs, target_opset=BOOSTER_OPSET, zipmap=False),
    )


def _plain(name: str, made: "Callable[[], onnx.ModelProto]") -> "onnx.ModelProto":
    """Return a converted graph that is all of plain ONNX."""
    try:
        converted = made()
    except Exception as error:  # the converters' exceptions have no base class of their own
        cause = str(error).strip().partition("\n")[0] or type(error).__name__
        raise StepError(f"{name} can't be converted to ONNX: {cause}") from error
    foreign = {node.domain for node in converted.graph.node} - DOMAINS
    if foreign:
        raise StepError(f"{name} is converted to nodes of {foreign.pop()}, not of plain ONNX")
    return converted


def unconvertible(estimator: Any) -> str | None:
    """Return why an estimator that isn't fitted yet can't become a graph, as far as can be told; none where it may."""
    from skl2onnx.common.exceptions import MissingConverter, MissingShapeCalculator

    name = type(estimator).__name__
    if name in REFUSED:
        return f"{name} can't be converted to ONNX: {REFUSED[name]}"
    try:
        _converted(estimator, 1)
    except (MissingConverter, MissingShapeCalculator):
        return f"{name} can't be converted to ONNX: skl2onnx has no converter for it"
    except Exception:  # what it lacks before it is fitted
        return None
    return None


def _converted(estimator: Any, width: int) -> "onnx.ModelProto":
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType

    _teach_boosters()
    converted: onnx.ModelProto = convert_sklearn(
        estimator,
        initial_types=[(INPUT, FloatTensorType([None, width]))],
        target_opset={"": OPSET, "ai.onnx.ml": ML_OPSET},
        options={"zipmap": False} if hasattr(estimator, "predict_proba") else None,
    )
    return converted


def _teach_boosters() -> None:
    """Let skl2onnx convert what estimators are of XGBoost and LightGBM, in pipelines too, by onnxmltools.

    Only a package that is loaded can have made one of them: the other is not imported, since it may not be loadable
    here.
    """
    for package in BOOSTERS.keys() & sys.modules.keys():
        _teach(package)


@cache
def _teach(package: str) -> None:
    from skl2onnx import update_registered_converter
    from skl2onnx.common import shape_calculator as shapes

    name, converter = BOOSTERS[package]
    module, _, function = converter.rpartition(".")
    convert_one = getattr(importlib.import_module(module), function)
    loaded = sys.modules[package]
    update_registered_converter(
        getattr(loaded, f"{name}Regressor"),
        f"{name}Regressor",
        shapes.calculate_linear_regressor_output_shapes,
        convert_one,
    )
    update_registered_converter(
        getattr(loaded, f"{name}Classifier"),
        f"{name}Classifier",
        shapes.calculate_linear_classifier_output_shapes,
        convert_one,
        options={"nocl": [True, False], "zipmap": [True, False, "columns"]},
    )
