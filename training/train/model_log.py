"""Models as MLflow keeps them: the ONNX graph with signature and example, and the native model beside it."""

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from molino.contracts.model_file import Feature, ModelFile
from training.features import type_of

if TYPE_CHECKING:
    import onnx
    import polars as pl

SAME = {"mlflow": "mlflow-skinny", "tensorflow": "tensorflow-cpu", "xgboost": "xgboost-cpu"}
"""Distributions that hold less of a package, or another build of it, under the same version."""
LOADER = Path(__file__).with_name("molino_pyfunc.py")
ONNX_REQUIREMENTS = ("mlflow", "numpy", "onnx", "onnxruntime", "pandas", "pyyaml")


def requirements(names: Sequence[str]) -> list[str]:
    """Return the packages as they are installed here, pinned."""
    return [f"{name}=={_installed(name)}" for name in names]


def save_onnx(graph: "onnx.ModelProto", model: ModelFile, example: "pl.DataFrame", folder: Path) -> None:
    """Save a graph as an MLflow model in a new folder, with the ONNX flavour and `molino_pyfunc` as pyfunc's loader.

    Args:
        graph: holds `molino.contracts.release.Signature`.
        model: names the features.
        example: rows of the features without missing values.
        folder: must not exist.
    """
    import mlflow.onnx

    mlflow.onnx.save_model(
        graph,
        str(folder),
        signature=_signature(model),
        input_example=_frame(model, example),
        pip_requirements=requirements(ONNX_REQUIREMENTS),
        code_paths=[str(LOADER)],
        metadata={
            "molino_features": [feature.name for feature in model.features],
            "molino_clocks": [feature.name for feature in model.features if feature.timed],
            "molino_hours": {
                feature.name: hours for feature in model.features if (hours := getattr(feature, "hours", None))
            },
            "molino_texts": [feature.name for feature in model.features if feature.worded],
        },
        onnx_execution_providers=["CPUExecutionProvider"],
        save_as_external_data=False,
    )
    _set_loader(folder / "MLmodel")


def _set_loader(mlmodel: Path) -> None:
    import yaml

    content = yaml.safe_load(mlmodel.read_text())
    content["flavors"]["python_function"]["loader_module"] = LOADER.stem
    mlmodel.write_text(yaml.safe_dump(content))


def _signature(model: ModelFile) -> Any:
    """Return names and types.

    Any type for numbers, dates, and categories that may be missing: MLflow refuses integers where doubles are asked
    for, and dates, or a column of nothing but NaN, where strings are. The loader casts them all.
    """
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema
    from mlflow.types.schema import AnyType

    anything: Any = AnyType
    inputs: list[Any] = [
        ColSpec(DataType.string if _is_category(one) and one.missing != "impute" else anything(), one.name)
        for one in model.features
    ]
    outputs: list[Any]
    if model.target.classes is None:
        outputs = [ColSpec(DataType.float, "prediction")]
    else:
        shares = [ColSpec(DataType.float, f"probability_{name}") for name in model.target.classes]
        outputs = [ColSpec(DataType.string, "label"), *shares]
    return ModelSignature(Schema(inputs), Schema(outputs))


def _frame(model: ModelFile, rows: "pl.DataFrame") -> Any:
    """Return rows as a pandas DataFrame: categories and dates as strings, all else as floats."""
    import pandas as pd

    return pd.DataFrame(
        {
            feature.name: np.array(
                [None if value is None else feature.as_json(value) for value in rows[feature.name].to_list()],
                object if _is_text(feature) else float,
            )
            for feature in model.features
        }
    )


def _is_category(feature: Feature) -> bool:
    return type_of(feature).dtype == "string"


def _is_text(feature: Feature) -> bool:
    return _is_category(feature) or not type_of(feature).in_matrix


def _installed(name: str) -> str:
    """Return a package's version."""
    try:
        return version(name)
    except PackageNotFoundError:
        return version(SAME.get(name, name))
