"""Models as MLflow keeps them: the ONNX graph with signature and example, and the native model beside it.

A graph with a matrix input has a column signature of type any, so that a DataFrame's integers and floats all pass. A
graph with an input per feature has a tensor signature by column name: MLflow then casts integers, booleans and missing
values of a DataFrame to the 32-bit floats and strings that the graph takes, which it refuses to do for columns.
"""

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from molino.model_file import ModelFile

if TYPE_CHECKING:
    import onnx
    import polars as pl

ONNX_REQUIREMENTS = ("mlflow", "numpy", "onnx", "onnxruntime", "pandas")
NATIVE_REQUIREMENTS = {
    "keras_mlp": ("keras", "mlflow", "numpy", "tensorflow"),
    "gradient_boosting": ("mlflow", "numpy", "scikit-learn"),
    "linear": ("mlflow", "numpy", "scikit-learn"),
}


def requirements(names: tuple[str, ...]) -> list[str]:
    """Return the packages as they are installed here, pinned."""
    return [f"{name}=={_installed(name)}" for name in names]


def save_onnx(graph: "onnx.ModelProto", model: ModelFile, example: "pl.DataFrame", folder: Path) -> None:
    """Save a graph as an MLflow model in a new folder; `example` is rows of the features without missing values."""
    import mlflow.onnx

    mlflow.onnx.save_model(
        graph,
        str(folder),
        signature=_signature(model),
        input_example=_frame(model, example),
        pip_requirements=requirements(ONNX_REQUIREMENTS),
        onnx_execution_providers=["CPUExecutionProvider"],
        save_as_external_data=False,
    )


def _signature(model: ModelFile) -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema, TensorSpec
    from mlflow.types.schema import AnyType

    outputs = _outputs(model)
    if all(feature.type != "category" for feature in model.features):
        anything: Any = AnyType
        kinds = {"float32": DataType.float, "object": DataType.string}
        inputs = Schema([ColSpec(anything(), feature.name) for feature in model.features])
        return ModelSignature(inputs, Schema([ColSpec(kinds[kind], name) for name, kind in outputs.items()]))
    taken = {feature.name: "object" if feature.type == "category" else "float32" for feature in model.features}

    def tensors(kinds: dict[str, str]) -> Any:
        return Schema([TensorSpec(np.dtype(kind), (-1,), name) for name, kind in kinds.items()])

    return ModelSignature(tensors(taken), tensors(outputs))


def _outputs(model: ModelFile) -> dict[str, str]:
    if model.target.classes is None:
        return {"prediction": "float32"}
    return {"label": "object"} | {f"probability_{name}": "float32" for name in model.target.classes}


def _frame(model: ModelFile, rows: "pl.DataFrame") -> Any:
    """Return rows as a pandas DataFrame: categories as strings, all else as floats."""
    import pandas as pd

    return pd.DataFrame(
        {
            feature.name: np.array(rows[feature.name].to_list(), object if feature.type == "category" else float)
            for feature in model.features
        }
    )


def _installed(name: str) -> str:
    """TensorFlow for the CPU is another distribution of the same package."""
    from importlib.metadata import PackageNotFoundError

    try:
        return version(name)
    except PackageNotFoundError:
        return version(f"{name}-cpu")
