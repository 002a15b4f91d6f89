"""ONNX graphs over Parquet rows: the same graph that will serve, asked in batches of bounded memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from molino.contracts.errors import ReleaseError
from molino.contracts.release import Signature, Tensor
from training.graphs.moments import codes_of

if TYPE_CHECKING:
    import polars as pl

Feeds = dict[str, NDArray[Any]]
"""What enters a graph, by the name of its input."""

BATCH_ROWS = 65_536
ANSWER_ROWS = 8_192
PROBABILITY = "probability_"
DTYPES: dict[str, Literal["float32", "int64", "string"]] = {
    "tensor(float)": "float32",
    "tensor(int64)": "int64",
    "tensor(string)": "string",
}


@dataclass(frozen=True)
class Predictions:
    """What a graph answered for n rows."""

    values: NDArray[np.float64]
    """Regression: predictions, [n]. Classification: probabilities, [n, classes]."""
    labels: NDArray[np.intp] | None = None
    """Of a classification: positions in the classes, [n]."""

    def take(self, rows: NDArray[np.intp]) -> "Predictions":
        """Return the answers of some rows."""
        return Predictions(self.values[rows], None if self.labels is None else self.labels[rows])


class Graph:
    """One exported model: an ONNX graph whose inputs and outputs hold `molino.contracts.release.Signature`."""

    def __init__(self, path: Path, features: Sequence[str], classes: Sequence[str] | None) -> None:
        """Load a graph; `classes` gives the order of the probabilities in its answers.

        Raises:
            ReleaseError: it isn't an ONNX graph, or its inputs or outputs are not those of a release.
        """
        import onnxruntime

        self.path = path
        self.features = tuple(features)
        self.classes = tuple(classes) if classes else None
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # Its errors are exceptions too.
        try:
            self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's own exceptions have no public base class
            raise ReleaseError(f"{path}: no ONNX graph that can be run: {str(error).splitlines()[0]}") from error
        self.signature = read_signature(self.session, self.features, self.classes)

    def answer(self, rows: "pl.DataFrame") -> Predictions:
        """Run the graph over rows that have a column per feature."""
        return self.run(self.feeds(rows))

    def run(self, feeds: Feeds) -> Predictions:
        """Run the graph over rows in the form of its inputs."""
        names = [tensor.name for tensor in self.signature.outputs]
        outputs = self.session.run(names, feeds)
        if self.classes is None:
            return Predictions(np.asarray(outputs[0], np.float64).reshape(-1))
        position = {name: index for index, name in enumerate(self.classes)}
        labels = np.fromiter((position[str(label)] for label in outputs[0]), np.intp, count=len(outputs[0]))
        return Predictions(np.stack(outputs[1:], axis=1).astype(np.float64), labels)

    def labels(self, rows: "pl.DataFrame") -> tuple[float | str, ...]:
        """Return what a person would call the prediction of each row: a number, or a class."""
        answers = self.answer(rows)
        if self.classes is None or answers.labels is None:
            return tuple(float(value) for value in answers.values)
        return tuple(self.classes[index] for index in answers.labels)

    def feeds(self, rows: "pl.DataFrame") -> Feeds:
        """Return rows in the form of the graph's inputs."""
        if self.signature.layout == "columns":
            return {tensor.name: _column(rows[tensor.name], tensor.dtype) for tensor in self.signature.inputs}
        columns = [_column(rows[name], "float32") for name in self.features]
        return {self.signature.inputs[0].name: np.stack(columns, axis=1)}


def read_signature(session: Any, features: Sequence[str], classes: Sequence[str] | None) -> Signature:
    """Return how features enter a loaded graph and how answers leave it.

    Raises:
        ReleaseError: the graph doesn't hold the contract of `molino.contracts.release.Signature`.
    """
    inputs = {tensor.name: tensor for tensor in map(_tensor, session.get_inputs())}
    outputs = {tensor.name: tensor for tensor in map(_tensor, session.get_outputs())}
    wanted = ["prediction"] if classes is None else ["label", *(f"{PROBABILITY}{name}" for name in classes)]
    lacking = [name for name in wanted if name not in outputs]
    if lacking:
        raise ReleaseError(f"the graph has no output {', '.join(lacking)}; it has {', '.join(outputs)}")
    first = next(iter(inputs.values()))
    if len(inputs) == 1 and len(first.shape) == 2:
        if first.shape[1] != len(features) or first.dtype != "float32":
            raise ReleaseError(f"the graph's input {first.name} is {first.dtype} {first.shape}; "
                               f"expected float32 (-1, {len(features)})")  # fmt: skip
        layout: Literal["matrix", "columns"] = "matrix"
    elif set(inputs) == set(features):
        layout = "columns"
    else:
        raise ReleaseError(
            f"the graph's inputs are {', '.join(inputs)}; expected one per feature: {', '.join(features)}"
        )
    ordered = (first,) if layout == "matrix" else tuple(inputs[name] for name in features)
    return Signature(layout=layout, inputs=ordered, outputs=tuple(outputs[name] for name in wanted))


def read_batches(path: Path, columns: Sequence[str]) -> Iterator["pl.DataFrame"]:
    """Yield the rows of a Parquet file in order, at most `BATCH_ROWS` at a time."""
    import polars as pl

    scan = pl.scan_parquet(path).select(columns)
    total = int(scan.select(pl.len()).collect().item())
    for start in range(0, total, BATCH_ROWS):
        yield scan.slice(start, BATCH_ROWS).collect()


def answer_file(graph: Graph, path: Path) -> Predictions:
    """Run a graph over all rows of a Parquet file; only the answers are kept in memory.

    It is asked about few rows at a time, since inside of it a category has a column for each of its values.
    """
    batches = read_batches(path, graph.features)
    parts = [graph.answer(rows) for batch in batches for rows in batch.iter_slices(ANSWER_ROWS)]
    values = np.concatenate([part.values for part in parts])
    labels = [part.labels for part in parts if part.labels is not None]
    return Predictions(values, np.concatenate(labels) if labels else None)


def read_sample(path: Path, columns: Sequence[str], rows: NDArray[np.intp]) -> "pl.DataFrame":
    """Return some rows of a Parquet file by their positions, which must ascend."""
    import polars as pl

    taken, start = [], 0
    for batch in read_batches(path, columns):
        inside = rows[(rows >= start) & (rows < start + len(batch))]
        taken.append(batch[inside - start])
        start += len(batch)
    return pl.concat(taken)


def _tensor(node: Any) -> Tensor:
    if node.type not in DTYPES:
        raise ReleaseError(f"{node.name} of the graph is {node.type}; expected one of {', '.join(DTYPES)}")
    shape = tuple(size if isinstance(size, int) else -1 for size in node.shape)
    return Tensor(name=node.name, dtype=DTYPES[node.type], shape=shape)


def _column(series: "pl.Series", dtype: str) -> NDArray[Any]:
    """Return a column as its graph input: a missing number or date is NaN, a missing category the empty string."""
    import polars as pl

    if dtype == "string":
        return series.cast(pl.String).fill_null("").to_numpy().astype(object)
    if dtype == "int64":
        return series.cast(pl.Int64).to_numpy()
    if series.dtype.is_temporal():
        return codes_of(series)
    return series.cast(pl.Float64).to_numpy().astype(np.float32)
