"""A run whose train step has ended, made in seconds: real rows, small graphs in the layout of a release, real MLflow.

The graphs are built node by node, so that what is tested against is not what the train step writes.
"""

import hashlib
import json
import shutil
import warnings
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import polars as pl
import yaml
from onnx import TensorProto, helper, numpy_helper

from molino.contracts.model_file import LoadedModel, load_model
from molino.contracts.record import Artifact, Record, record_key
from molino.contracts.release import Reference
from molino.contracts.results import Baseline, CandidateResult, IngestResult, TrainResult, VersionResult
from molino.contracts.settings import Settings
from molino.contracts.splits import SplitIdentity
from training.splits import unseen
from training.step import run_step
from training.stores.file import FolderStore

MODELS = Path(__file__).parents[2] / "pipelines" / "models"
ENDED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
GOOD, BAD = "good", "bad"


@dataclass
class TrainedRun:
    """One run with the records of ingest, version and train."""

    home: Path
    model: str
    run_id: str = "r1"
    changes: dict[str, Any] = field(default_factory=dict)
    """Keys of the model file to set anew."""
    noise: float = 0.0
    """Added to the good candidate's answers: how much worse it is."""
    selected: str | None = GOOD
    """The candidate that was chosen on validation rows; none as in records from before the choice was kept."""
    tracking: str | None = None
    """Address of a tracking server; a database of its own without one."""

    def __post_init__(self) -> None:
        self.settings = Settings(home=self.home, models=self.home / "models", mlflow_tracking_uri=self.tracking)
        self.store = FolderStore(Path(self.settings.store_uri))
        self.loaded = self._load()
        self.trained = self._train()

    @property
    def client(self) -> Any:
        from mlflow.tracking import MlflowClient

        return MlflowClient(tracking_uri=self.settings.tracking_uri, registry_uri=self.settings.tracking_uri)

    def step(self, name: str) -> Record:
        """Run one step in this process."""
        return run_step(name, self.loaded, self.run_id, self.settings)

    def candidate(self, name: str) -> CandidateResult:
        return next(one for one in self.trained.candidates if one.name == name)

    def environment(self) -> dict[str, str]:
        """Settings of a step that runs as a process of its own."""
        return {"MOLINO_HOME": str(self.home), "MOLINO_MODELS": str(self.home / "models"), "MOLINO_LOG_FORMAT": "json"}

    def _load(self) -> LoadedModel:
        content = yaml.safe_load((MODELS / self.model / "model.yaml").read_text()) | self.changes
        path = self.home / "models" / self.model / "model.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(content))
        return load_model(path)

    def _train(self) -> TrainResult:
        frame = read_rows(self.loaded)
        names = tuple(feature.name for feature in self.loaded.file.features)
        split = SplitIdentity(kind="hash", seed=0, test=0.2, validation=0.15, columns=tuple(sorted(names)),
                              features=names)  # fmt: skip
        held_out = unseen(split, frame)
        test, train = frame.filter(held_out), frame.filter(~held_out)
        folder = self.home / "made" / self.run_id
        folder.mkdir(parents=True)
        test.write_parquet(folder / "held_out.parquet")
        references = {name: reference.model_dump() for name, reference in count(self.loaded, train).items()}
        (folder / "reference.json").write_text(json.dumps(references))
        graphs = build_graphs(self.loaded, train, self.noise)
        parent, candidates = self._track(graphs, folder)
        result = TrainResult(
            revision="1" * 40,
            mlflow_experiment_id=self.experiment,
            mlflow_run_id=parent,
            candidates=candidates,
            held_out=self._keep(folder / "held_out.parquet", len(test)),
            reference=self._keep(folder / "reference.json"),
            rows_train=len(train),
            rows_validation=0,
            rows_test=len(test),
            split=split,
            selected=self.selected,
            baseline=find_baseline(self.loaded, train),
        )
        self._record("ingest", self._ingested())
        self._record("version", VersionResult(
            git_remote="file:///data.git", revision="1" * 40, path=f"{self.model}/clean.parquet", md5="2" * 32,
            rows=len(frame), created=True,
        ))  # fmt: skip
        self._record("train", result)
        return result

    def _track(self, graphs: dict[str, onnx.ModelProto], folder: Path) -> tuple[str, tuple[CandidateResult, ...]]:
        """Log each graph to a child run, as MLflow's ONNX flavour."""
        import mlflow
        import mlflow.onnx

        mlflow.set_tracking_uri(self.settings.tracking_uri)
        mlflow.set_registry_uri(self.settings.tracking_uri)
        known = self.client.get_experiment_by_name(self.model)
        self.experiment = (
            known.experiment_id if known
            else self.client.create_experiment(self.model, artifact_location=self.settings.artifacts_uri)
        )  # fmt: skip
        parent = self.client.create_run(self.experiment, run_name=self.run_id).info.run_id
        candidates = []
        for name, graph in graphs.items():
            tags = {"mlflow.parentRunId": parent}
            child = self.client.create_run(self.experiment, run_name=name, tags=tags).info.run_id
            path = folder / f"{name}.onnx"
            onnx.save(graph, path)
            with mlflow.start_run(run_id=child), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                mlflow.onnx.log_model(
                    graph, name="onnx", pip_requirements=["onnxruntime"], signature=mlflow_signature(graph),
                    onnx_execution_providers=["CPUExecutionProvider"],
                )  # fmt: skip
            if name == GOOD:
                self.client.log_batch(child, _learning_curve())
            candidates.append(CandidateResult(
                name=name, kind="linear", mlflow_run_id=child, onnx=self._keep(path), parity=0.0, rows_trained=1,
                sampled=False, seconds=0.1,
            ))  # fmt: skip
        return parent, tuple(candidates)

    def _keep(self, path: Path, rows: int | None = None) -> Artifact:
        return self.store.upload(path, f"runs/{self.model}/{self.run_id}/train/{path.name}", rows)

    def _ingested(self) -> IngestResult:
        nothing = self.store.write(f"runs/{self.model}/{self.run_id}/ingest/report.json", b"{}")
        return IngestResult(
            source_uri="file:///source.csv", source_sha256="3" * 64, source_bytes=1, rows_read=1, rows_clean=1,
            rows_quarantined=0, rows_dropped=0, clean=nothing, quarantine=None, report_json=nothing,
            report_html=nothing,
        )  # fmt: skip

    def _record(self, step: str, result: Any) -> None:
        record = Record(
            model=self.model, run_id=self.run_id, step=step, status="done", model_file_sha256=self.loaded.sha256,
            result=result.model_dump(mode="json"), code_revision="4" * 40, image=None, started=ENDED, ended=ENDED,
            host="here",
        )  # fmt: skip
        self.store.write(record_key(self.model, self.run_id, step), record.model_dump_json().encode())


def read_rows(loaded: LoadedModel) -> pl.DataFrame:
    """Read the sample data of a model with the types that the clean data has."""
    model = loaded.file
    kinds = {"number": pl.Float64, "integer": pl.Int64, "boolean": pl.Boolean, "category": pl.String}
    schema = {feature.name: kinds[feature.type] for feature in model.features}
    schema[model.target.name] = pl.String if model.target.classes else pl.Float64
    source = MODELS / model.name / model.source.uri
    return pl.read_csv(source, null_values=["", "NA"], infer_schema=False).select(
        pl.col(name).cast(kind) for name, kind in schema.items()
    )


def find_baseline(loaded: LoadedModel, train: pl.DataFrame) -> Baseline:
    """Return what answers without a look at any feature."""
    target, classes = train[loaded.file.target.name], loaded.file.target.classes
    if classes is None:
        return Baseline(kind="mean", value=float(target.to_numpy().mean()))
    return Baseline(kind="prior", probabilities=tuple(float((target == name).mean()) for name in classes))


def count(loaded: LoadedModel, train: pl.DataFrame) -> dict[str, Reference]:
    """Count the training rows as drift is measured against."""
    found = {}
    for feature in loaded.file.features:
        column = train[feature.name]
        known = column.drop_nulls()
        if feature.type == "category":
            values, counts = np.unique(known.to_numpy(), return_counts=True)
            found[feature.name] = Reference(
                rows=len(column), missing=column.null_count(), values=tuple(values), counts=tuple(map(int, counts))
            )
        else:
            counts, edges = np.histogram(known.to_numpy().astype(float), bins=4)
            found[feature.name] = Reference(
                rows=len(column), missing=column.null_count(), edges=tuple(edges), counts=tuple(map(int, counts))
            )
    return found


def build_graphs(loaded: LoadedModel, train: pl.DataFrame, noise: float) -> dict[str, onnx.ModelProto]:
    """Fit a good and a bad model by least squares, and write them as graphs."""
    columns, numbers = encode(loaded, train)
    target = train[loaded.file.target.name].to_numpy()
    classes = loaded.file.target.classes
    wanted = np.stack([target == name for name in classes], axis=1) if classes else target[:, None]
    design = np.column_stack([numbers, np.ones(len(train))])
    weights = np.linalg.lstsq(design, wanted.astype(float), rcond=None)[0]
    poor = np.zeros_like(weights)
    poor[-1] = wanted.mean(axis=0)
    weights[-1, 0] += noise
    scale = 8.0 if classes else 1.0
    build = column_graph if classes else matrix_graph
    return {GOOD: build(loaded, columns, weights * scale), BAD: build(loaded, columns, poor * scale)}


def encode(loaded: LoadedModel, rows: pl.DataFrame) -> tuple[dict[str, dict[str, Any]], np.ndarray]:
    """Return how each feature becomes one number, and the numbers, [rows, features]."""
    how: dict[str, dict[str, Any]] = {}
    numbers = []
    for feature in loaded.file.features:
        if feature.type == "category":
            codes = {
                value: float(index + 1) for index, value in enumerate(rows[feature.name].drop_nulls().unique().sort())
            }
            how[feature.name] = {"codes": codes}
            numbers.append(np.array([codes.get(value or "", 0.0) for value in rows[feature.name]]))
        else:
            column = rows[feature.name].cast(pl.Float64)
            how[feature.name] = {"fill": column.mean()}
            numbers.append(column.fill_null(column.mean()).to_numpy())
    return how, np.stack(numbers, axis=1)


def matrix_graph(loaded: LoadedModel, _: dict[str, Any], weights: np.ndarray) -> onnx.ModelProto:
    """Return a linear regression with one float32 matrix as its input."""
    names = ["weights", "intercept", "axis"]
    values = [weights[:-1].astype(np.float32), weights[-1].astype(np.float32), np.array([1])]
    nodes = [
        helper.make_node("Gemm", ["features", "weights", "intercept"], ["answer"]),
        helper.make_node("Squeeze", ["answer", "axis"], ["prediction"]),
    ]
    inputs = [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, len(weights) - 1])]
    outputs = [helper.make_tensor_value_info("prediction", TensorProto.FLOAT, [None])]
    return _model(nodes, inputs, outputs, dict(zip(names, values, strict=True)))


def column_graph(loaded: LoadedModel, how: dict[str, dict[str, Any]], weights: np.ndarray) -> onnx.ModelProto:
    """Return a linear classifier with one input per feature."""
    classes = loaded.file.target.classes or ()
    constants = {"axis": np.array([1]), "weights": weights[:-1].astype(np.float32),
                 "intercept": weights[-1].astype(np.float32), "names": np.array(classes, dtype=object)}  # fmt: skip
    nodes, inputs = [], []
    for name, one in how.items():
        kind = TensorProto.STRING if "codes" in one else TensorProto.FLOAT
        inputs.append(helper.make_tensor_value_info(name, kind, [None]))
        if "codes" in one:
            codes = {"keys_strings": list(one["codes"]), "values_floats": list(one["codes"].values())}
            nodes.append(helper.make_node(
                "LabelEncoder", [name], [f"{name}_n"], domain="ai.onnx.ml", default_float=0.0, **codes
            ))  # fmt: skip
        else:
            constants[f"{name}_fill"] = np.array(one["fill"], dtype=np.float32)
            nodes.append(helper.make_node("IsNaN", [name], [f"{name}_gone"]))
            nodes.append(helper.make_node("Where", [f"{name}_gone", f"{name}_fill", name], [f"{name}_n"]))
        nodes.append(helper.make_node("Unsqueeze", [f"{name}_n", "axis"], [f"{name}_c"]))
    nodes += [
        helper.make_node("Concat", [f"{name}_c" for name in how], ["matrix"], axis=1),
        helper.make_node("Gemm", ["matrix", "weights", "intercept"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["chances"], axis=1),
        helper.make_node("ArgMax", ["chances"], ["index"], axis=1, keepdims=0),
        helper.make_node("Gather", ["names", "index"], ["label"]),
    ]
    outputs = [helper.make_tensor_value_info("label", TensorProto.STRING, [None])]
    for position, name in enumerate(classes):
        constants[f"at_{position}"] = np.array(position)
        nodes.append(helper.make_node("Gather", ["chances", f"at_{position}"], [f"probability_{name}"], axis=1))
        outputs.append(helper.make_tensor_value_info(f"probability_{name}", TensorProto.FLOAT, [None]))
    return _model(nodes, inputs, outputs, constants)


def mlflow_signature(graph: onnx.ModelProto) -> Any:
    """Return the schema of a graph's inputs, as MLflow wants it."""
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    first = graph.graph.input[0]
    if len(graph.graph.input) == 1:
        return ModelSignature(Schema([TensorSpec(np.dtype("float32"), (-1, _width(first)), first.name)]))
    types = {TensorProto.STRING: np.dtype(str), TensorProto.FLOAT: np.dtype("float32")}
    columns = [(types[one.type.tensor_type.elem_type], one.name) for one in graph.graph.input]
    return ModelSignature(Schema([TensorSpec(kind, (-1,), name) for kind, name in columns]))


def copy_database(template: Path, home: Path) -> Path:
    """Make a home whose MLflow database has its tables already."""
    home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(template, home / "mlflow.db")
    return home


def _learning_curve() -> list[Any]:
    """Return the losses of twelve epochs."""
    from mlflow.entities import Metric

    at = int(ENDED.timestamp() * 1000)
    train = [9.0 * 0.7**epoch for epoch in range(12)]
    validation = [loss + 0.02 * epoch**2 for epoch, loss in enumerate(train)]
    losses = {"train_loss": train, "validation_loss": validation}
    return [Metric(name, loss, at, epoch) for name, of in losses.items() for epoch, loss in enumerate(of)]


def file_sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _width(value: Any) -> int:
    return int(value.type.tensor_type.shape.dim[1].dim_value)


def _model(nodes: list[Any], inputs: list[Any], outputs: list[Any], constants: dict[str, Any]) -> onnx.ModelProto:
    tensors = [
        helper.make_tensor(name, TensorProto.STRING, value.shape, [text.encode() for text in value])
        if value.dtype == object
        else numpy_helper.from_array(np.asarray(value), name)
        for name, value in constants.items()
    ]
    graph = helper.make_graph(nodes, "linear", inputs, outputs, tensors)
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    onnx.checker.check_model(model)
    return model
