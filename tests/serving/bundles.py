"""Real release bundles without training: small graphs made of ONNX operators, with all that serving needs."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from molino.contracts.model_file import Category, ModelFile, load_model
from molino.contracts.pointer import bundle_path
from molino.contracts.release import (
    MODEL_FILENAME,
    RELEASE_FILENAME,
    Example,
    Feature,
    Lineage,
    Reference,
    Release,
    Score,
    Signature,
    Tensor,
)

MODELS = Path(__file__).parents[2] / "pipelines" / "models"
HOUSING_ROW = (0.1, 25.0, 5.13, 0, 0.453, 6.5, 45.0, 5.3, 4, 320, 15.3, 390.0, 12.0)
PENGUIN_ROWS = (
    ("Torgersen", 39.1, 18.7, 181, 3750, "male", 2007),
    ("Biscoe", 47.2, 13.7, 214, 4925, "female", 2009),
    ("Dream", None, None, None, None, None, 2008),
)
OPSET = 17


def build_housing(home: Path, version: str = "1", hidden: int = 64, **serving: Any) -> Release:
    """Write a regression bundle: a dense network of 13 columns and two hidden layers, with fixed random weights."""
    model = load_model(MODELS / "housing").file
    graph = dense_graph(np.array(HOUSING_ROW, np.float32), hidden, seed=sum(map(ord, version)))
    signature = Signature(
        layout="matrix",
        inputs=(Tensor(name="features", dtype="float32", shape=(-1, len(model.features))),),
        outputs=(Tensor(name="prediction", dtype="float32", shape=(-1,)),),
    )
    rng = np.random.default_rng(3)
    rows = np.array(HOUSING_ROW) * rng.uniform(0.8, 1.2, (20, 13))
    rows[:, [3, 8]] = [0, 4]
    metrics = {"rmse": Score(value=3.1, low=2.7, high=3.6), "r2": Score(value=0.88, low=0.83, high=0.92)}
    return write_bundle(home, model, version, graph, signature, [HOUSING_ROW, *rows.tolist()], metrics, serving)


def give_columns(model: onnx.ModelProto, names: Sequence[str]) -> None:
    """Give a graph of a matrix an input per column instead."""
    graph = model.graph
    matrix = graph.input[0].name
    del graph.input[:]
    graph.input.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows"]) for name in names)
    graph.initializer.append(numpy_helper.from_array(np.array([1], np.int64), "last"))
    nodes = [helper.make_node("Unsqueeze", [name, "last"], [f"{name}_column"]) for name in names]
    nodes.append(helper.make_node("Concat", [f"{name}_column" for name in names], [matrix], axis=1))
    for node in reversed(nodes):
        graph.node.insert(0, node)


def build_penguins(home: Path, version: str = "1", **serving: Any) -> Release:
    """Write a classification bundle: one input per feature, categories as strings, missing values filled in."""
    model = load_model(MODELS / "penguins").file
    assert model.target.classes
    graph = columns_graph(model)
    signature = Signature(
        layout="columns",
        inputs=tuple(
            Tensor(name=feature.name, dtype="string" if feature.type == "category" else "float32", shape=(-1,))
            for feature in model.features
        ),
        outputs=(
            Tensor(name="label", dtype="string", shape=(-1,)),
            *(Tensor(name=f"probability_{name}", dtype="float32", shape=(-1,)) for name in model.target.classes),
        ),
    )
    metrics = {"accuracy": Score(value=0.99, low=0.96, high=1.0), "log_loss": Score(value=0.05, low=0.02, high=0.1)}
    return write_bundle(home, model, version, graph, signature, PENGUIN_ROWS, metrics, serving)


def write_bundle(
    home: Path,
    model: ModelFile,
    version: str,
    graph: onnx.ModelProto,
    signature: Signature,
    rows: Sequence[Sequence[Any]],
    metrics: Mapping[str, Score],
    serving: Mapping[str, Any],
) -> Release:
    """Write `model.onnx` and `release.json` for a model file and a graph; rows become example and reference."""
    data = graph.SerializeToString()
    features = tuple(_feature(feature.model_dump()) for feature in model.features)
    release = Release(
        name=model.name,
        version=version,
        title=model.title,
        description=model.description,
        task=model.task,
        created=datetime(2026, 11, 1, tzinfo=UTC),
        onnx_sha256=hashlib.sha256(data).hexdigest(),
        onnx_bytes=len(data),
        signature=signature,
        features=features,
        target=model.target.name,
        target_unit=model.target.unit,
        classes=model.target.classes,
        metrics=dict(metrics),
        reference={f.name: _reference(f, [row[i] for row in rows]) for i, f in enumerate(features)},
        example=Example(data=tuple(map(tuple, rows[:3])), predictions=_answers(data, signature, features, rows[:3])),
        lineage=_lineage(),
        serving={**model.serving.model_dump(mode="json"), **serving},
    )
    folder = bundle_path(home, model.name, version)
    folder.mkdir(parents=True)
    (folder / MODEL_FILENAME).write_bytes(data)
    (folder / RELEASE_FILENAME).write_text(release.model_dump_json(indent=2))
    return release


def dense_graph(scale: np.ndarray[Any, Any], hidden: int, seed: int) -> onnx.ModelProto:
    """Return standardise, dense, relu, dense, relu, dense, squeeze."""
    rng = np.random.default_rng(seed)
    width = len(scale)
    weights = {
        "scale": np.where(scale == 0, 1, np.abs(scale)).astype(np.float32),
        "w1": rng.normal(0, width**-0.5, (width, hidden)).astype(np.float32),
        "b1": np.zeros(hidden, np.float32),
        "w2": rng.normal(0, hidden**-0.5, (hidden, hidden)).astype(np.float32),
        "b2": np.zeros(hidden, np.float32),
        "w3": rng.normal(0, hidden**-0.5, (hidden, 1)).astype(np.float32),
        "b3": np.full(1, 22.5, np.float32),
        "axis": np.array([1], np.int64),
    }
    nodes = [
        helper.make_node("Div", ["features", "scale"], ["scaled"]),
        helper.make_node("Gemm", ["scaled", "w1", "b1"], ["h1"]),
        helper.make_node("Relu", ["h1"], ["a1"]),
        helper.make_node("Gemm", ["a1", "w2", "b2"], ["h2"]),
        helper.make_node("Relu", ["h2"], ["a2"]),
        helper.make_node("Gemm", ["a2", "w3", "b3"], ["column"]),
        helper.make_node("Squeeze", ["column", "axis"], ["prediction"]),
    ]
    inputs = [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, width])]
    outputs = [helper.make_tensor_value_info("prediction", TensorProto.FLOAT, [None])]
    return _model(nodes, inputs, outputs, weights)


def columns_graph(model: ModelFile) -> onnx.ModelProto:
    """Return a softmax over one-hot categories and filled, scaled numbers, with a label and a column per class."""
    classes = model.target.classes or ()
    nodes: list[Any] = []
    weights: dict[str, np.ndarray[Any, Any]] = {"axis": np.array([1], np.int64)}
    parts, width = [], 0
    for feature in model.features:
        name = feature.name
        if isinstance(feature, Category):
            values = list(feature.values or ())
            nodes += [
                helper.make_node(
                    "LabelEncoder", [name], [f"{name}_code"], domain="ai.onnx.ml",
                    keys_strings=values, values_int64s=list(range(len(values))), default_int64=len(values),
                ),
                helper.make_node("OneHot", [f"{name}_code", f"{name}_depth", "onoff"], [f"{name}_part"]),
            ]  # fmt: skip
            weights[f"{name}_depth"] = np.array(len(values) + 1, np.int64)
            width += len(values) + 1
        else:
            middle = ((feature.minimum or 0) + (feature.maximum or 0)) / 2  # type: ignore[union-attr]
            weights |= {f"{name}_mid": np.float32(middle), f"{name}_span": np.float32(abs(middle) or 1)}
            nodes += [
                helper.make_node("IsNaN", [name], [f"{name}_missing"]),
                helper.make_node("Where", [f"{name}_missing", f"{name}_mid", name], [f"{name}_full"]),
                helper.make_node("Sub", [f"{name}_full", f"{name}_mid"], [f"{name}_centred"]),
                helper.make_node("Div", [f"{name}_centred", f"{name}_span"], [f"{name}_scaled"]),
                helper.make_node("Unsqueeze", [f"{name}_scaled", "axis"], [f"{name}_part"]),
            ]
            width += 1
        parts.append(f"{name}_part")
    weights["onoff"] = np.array([0, 1], np.float32)
    weights["w"] = np.random.default_rng(5).normal(0, 1, (width, len(classes))).astype(np.float32)
    nodes += [
        helper.make_node("Concat", parts, ["joined"], axis=1),
        helper.make_node("MatMul", ["joined", "w"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["probabilities"], axis=1),
        helper.make_node("ArgMax", ["probabilities"], ["best"], axis=1, keepdims=0),
        helper.make_node(
            "LabelEncoder", ["best"], ["label"], domain="ai.onnx.ml",
            keys_int64s=list(range(len(classes))), values_strings=list(classes), default_string="",
        ),
        helper.make_node("Split", ["probabilities"], [f"{name}_column" for name in classes], axis=1),
        *(
            helper.make_node("Squeeze", [f"{name}_column", "axis"], [f"probability_{name}"])
            for name in classes
        ),
    ]  # fmt: skip
    inputs = [
        helper.make_tensor_value_info(
            feature.name, TensorProto.STRING if isinstance(feature, Category) else TensorProto.FLOAT, [None]
        )
        for feature in model.features
    ]
    outputs = [
        helper.make_tensor_value_info("label", TensorProto.STRING, [None]),
        *(helper.make_tensor_value_info(f"probability_{name}", TensorProto.FLOAT, [None]) for name in classes),
    ]
    return _model(nodes, inputs, outputs, weights)


def _model(nodes: list[Any], inputs: list[Any], outputs: list[Any], weights: Mapping[str, Any]) -> onnx.ModelProto:
    constants = [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "graph", inputs, outputs, constants)
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", 3)]
    made = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    onnx.checker.check_model(made)
    return made


def _feature(content: dict[str, Any]) -> Feature:
    kept = {key: value for key, value in content.items() if key in Feature.model_fields}
    return Feature(**{**kept, "missing": "impute" if content["missing"] == "impute" else "refuse"})


def _reference(feature: Feature, column: Sequence[Any]) -> Reference:
    present = [value for value in column if value is not None]
    missing = len(column) - len(present)
    if feature.type in ("category", "boolean"):
        values = feature.values or ("false", "true")
        counts = tuple(sum(str(value).lower() == known.lower() for value in present) for known in values)
        return Reference(rows=len(column), missing=missing, values=values, counts=counts)
    numbers = np.array(present, float)
    low, high = (numbers.min(), numbers.max()) if len(numbers) else (0.0, 1.0)
    edges = np.linspace(low, high if high > low else low + 1, 11)
    counts = tuple(int(count) for count in np.histogram(numbers, edges)[0])
    mean, std = (float(numbers.mean()), float(numbers.std())) if len(numbers) else (None, None)
    return Reference(rows=len(column), missing=missing, edges=tuple(edges), counts=counts, mean=mean, std=std)


def _answers(
    data: bytes, signature: Signature, features: Sequence[Feature], rows: Sequence[Sequence[Any]]
) -> tuple[Any, ...]:
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    feeds: dict[str, Any]
    if signature.layout == "matrix":
        feeds = {signature.inputs[0].name: np.array(rows, np.float32)}
    else:
        feeds = {
            feature.name: np.array([row[i] or "" for row in rows], object)
            if feature.type == "category"
            else np.array([row[i] for row in rows], np.float32)
            for i, feature in enumerate(features)
        }
    return tuple(session.run([signature.outputs[0].name], feeds)[0].tolist())


def _lineage() -> Lineage:
    return Lineage(
        run_id="r1",
        source_uri="sources/rows.csv",
        source_sha256="0" * 64,
        clean_sha256="1" * 64,
        git_remote="data.git",
        data_revision="2" * 40,
        data_path="rows.parquet",
        mlflow_run_id="3" * 32,
        mlflow_model_uri="models:/rows/1",
        candidate="mlp",
        code_revision="unknown",
        model_file_sha256="4" * 64,
    )
