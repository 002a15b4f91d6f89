"""One loaded release: its graph, the checks of its requests, its answers."""

import hashlib
import math
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import structlog
from numpy.typing import NDArray

from molino.contracts.errors import ReleaseError
from molino.contracts.external_data import has_external_data
from molino.contracts.release import MODEL_FILENAME, RELEASE_FILENAME, Release, parse_release
from serving.features import serve_features
from serving.features.base import GraphInputs
from serving.http.problems import Problem
from serving.inference.bounds import BodyBounds, read_max_rows
from serving.inference.columns import ColumnReader
from serving.inference.decoding import BodyDecoder, Row
from serving.inference.graph_inputs import GraphInputBuilder
from serving.inference.single_row import SingleRow
from serving.inference.validation import BodyValidator, read_json

PROBABILITY = "probability_"
RUN_ROWS = 2048
FATAL = 4
"""Of ONNX Runtime's own lines on stderr, which aren't JSON and may quote a row."""
EXAMPLE_TOLERANCE = 1e-3
"""Greatest difference to the release's own example, relative to the answer (at least 1)."""


class Predictions(NamedTuple):
    """What the graph answered for n rows."""

    values: list[Any]
    """Numbers of a regression, labels of a classification."""
    probabilities: list[list[float]] | None
    """Of a classification: n values for each class, in the release's order."""


class Model:
    """A release that is verified, loaded and warm. It never changes; a swap makes a new one."""

    def __init__(self, release: Release, graph: bytes) -> None:
        """Load the graph and answer the release's example.

        Raises:
            ReleaseError: a feature's type isn't known, or the graph can't be loaded, lacks what the signature names, or
                answers its example wrong.
        """
        self.release = release
        self.name = release.name
        self.version = release.version
        self.classes = release.classes if release.task == "classification" else None
        self.features = serve_features(release)
        self.max_rows = read_max_rows(release)
        self.bounds = BodyBounds(release)
        self.validator = BodyValidator(release)
        self._decoder = BodyDecoder(release, self.max_rows)
        self._graph_inputs = GraphInputBuilder(release)
        self._columns = ColumnReader(release, self.validator, self._graph_inputs)
        self._outputs = _output_names(release)
        self._session = _open_session(release, graph, self._outputs)
        self._run = self._session.run
        self._single: SingleRow | None = None
        self._suffix = self._encode_suffix()
        self.observe: Callable[[GraphInputs], None] | None = None
        self.observe_row: Callable[[Row], None] | None = None
        """As `observe`, for a row in feature order that is all numbers."""
        self.tell_fault: Callable[[str], None] | None = None
        """Told why the graph failed when it was run, and the empty text once it answers again."""
        self.fault = ""
        self._warm_up()

    def read(self, body: bytes) -> Sequence[Row]:
        """Return the rows of a predict body, in feature order.

        Raises:
            Problem: 400 or 422 with what is wrong.
        """
        self.bounds.require(body)
        try:
            rows = self._decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            rows = None
        return rows if rows is not None else self.validator.read(read_json(body))

    def predict(self, rows: Sequence[Row]) -> Predictions:
        """Answer checked rows.

        Raises:
            Problem: 422 where the graph has no finite answer for a row, 500 where it can't be run on them.
        """
        if len(rows) == 1 and self._single is not None:
            return self._predict_single(self._single, rows[0])
        return self._predict_inputs(self._graph_inputs(rows), len(rows))

    def predict_columns(self, columns: Sequence[Sequence[Any]]) -> Predictions:
        """Answer a column of values per feature, in feature order, all of one length and not yet checked.

        Raises:
            Problem: 422 with each wrong value's row and feature, and as `predict`.
        """
        rows = len(columns[0])
        if rows == 1:
            return self.predict([self._columns.read_row(columns)])
        return self._predict_inputs(self._columns.read(columns), rows)

    def _predict_inputs(self, inputs: GraphInputs, rows: int) -> Predictions:
        predictions = self._answer(inputs, rows)
        if self.observe is not None:
            self.observe(inputs)
        return predictions

    def columns_of(self, rows: Sequence[Row]) -> list[NDArray[Any]]:
        """Return a column per feature, as the graph takes it, of checked rows."""
        return self._graph_inputs.apart(self._graph_inputs(rows))

    def evaluate(self, columns: Sequence[NDArray[Any]]) -> NDArray[np.float64]:
        """Return what the graph answers to columns: [rows, 1] of a regression, [rows, classes] of a classification.

        Nobody asked for these rows, so they count for nothing.

        Raises:
            Problem: as `predict`.
        """
        predictions = self._answer(self._graph_inputs.together(columns), len(columns[0]))
        found = [predictions.values] if predictions.probabilities is None else predictions.probabilities
        return np.array(found, np.float64).T

    def read_example(self) -> Sequence[Row]:
        """Return the rows of the release's example."""
        return self.read(msgspec.json.encode({"data": self.release.example.data[: self.max_rows]}))

    def _answer(self, inputs: GraphInputs, rows: int) -> Predictions:
        try:
            outputs = self._run(self._outputs, inputs) if rows <= RUN_ROWS else self._run_in_parts(inputs, rows)
            predictions = self._read_outputs(outputs, rows)
        except Problem:
            raise
        except Exception as error:  # onnxruntime's own exceptions have no public base class
            raise self._fail(error) from error
        if self.fault:
            self._set_fault("")
        return predictions

    def _predict_single(self, single: SingleRow, row: Row) -> Predictions:
        try:
            value = single(row)
        except Exception as error:
            raise self._fail(error) from error
        if not math.isfinite(value):
            raise _infinite(0)
        if self.fault:
            self._set_fault("")
        if self.observe_row is not None:
            self.observe_row(row)
        return Predictions([value], None)

    def _fail(self, error: Exception) -> Problem:
        """Keep why the graph can't be run, and return what its client is told."""
        self._set_fault(first_line(error))
        return Problem(500, f"model {self.name} {self.version} failed when it was run; see /models")

    def _set_fault(self, fault: str) -> None:
        """Keep and tell why the graph can't be run; a request that it answers ends the fault."""
        before, self.fault = self.fault, fault
        if fault and fault != before:
            structlog.get_logger().error("model failed when run", model=self.name, version=self.version, cause=fault)
        if self.tell_fault is not None:
            self.tell_fault(fault)

    def _run_in_parts(self, inputs: GraphInputs, rows: int) -> list[NDArray[Any]]:
        """Run many rows in parts, since ONNX Runtime keeps the memory of the largest run for good."""
        parts = [
            self._run(self._outputs, {name: values[start : start + RUN_ROWS] for name, values in inputs.items()})
            for start in range(0, rows, RUN_ROWS)
        ]
        return [np.concatenate(columns) for columns in zip(*parts, strict=True)]

    def encode(self, predictions: Predictions, request_id: str, intervals: bool = False) -> bytes:
        """Return the body of the answer to a predict request, with the release's prediction intervals where asked."""
        parts = [b'{"predictions":', msgspec.json.encode(predictions.values)]
        if predictions.probabilities is not None:
            parts += (b',"probabilities":', msgspec.json.encode(self._by_class(predictions.probabilities)))
        known = self.release.intervals
        if intervals and known is not None:
            ends = [dict(zip(("low", "high"), known.around(value), strict=True)) for value in predictions.values]
            parts += (b',"intervals":', msgspec.json.encode({"level": known.level, "rows": ends}))
        parts += (self._suffix, request_id.encode(), b'"}')
        return b"".join(parts)

    def _by_class(self, probabilities: list[list[float]]) -> list[dict[str, float]]:
        classes = self.classes or ()
        return [dict(zip(classes, row, strict=True)) for row in zip(*probabilities, strict=True)]

    def _encode_suffix(self) -> bytes:
        model = msgspec.json.encode({"name": self.name, "version": self.version})
        return b',"model":' + model + b',"request_id":"'

    def _read_outputs(self, outputs: Sequence[NDArray[Any]], rows: int) -> Predictions:
        if any(output.size != rows for output in outputs):
            raise ValueError(f"the graph answered {[output.size for output in outputs]} values to {rows} rows")
        if self.classes is None:
            values: list[float] = outputs[0].reshape(-1).tolist()
            _refuse_infinite(outputs[0], values)
            return Predictions(values, None)
        probabilities = [output.reshape(-1).tolist() for output in outputs[1:]]
        for output, column in zip(outputs[1:], probabilities, strict=True):
            _refuse_infinite(output, column)
        return Predictions(outputs[0].reshape(-1).tolist(), probabilities)

    def _warm_up(self) -> None:
        example = self.release.example
        if not example.data:
            raise ReleaseError(f"release {self.name} {self.version}: its example has no rows to warm up with")
        try:
            answers = self.predict(self.read_example()).values
        except Problem as problem:
            if self.fault:
                raise ReleaseError(
                    f"release {self.name} {self.version}: its graph fails when it is run: {self.fault}"
                ) from problem
            raise ReleaseError(f"release {self.name} {self.version} refuses its own example: {problem}") from problem
        self._bind()
        for row, (answer, expected) in enumerate(zip(answers, example.predictions, strict=False)):
            if not _agree(answer, expected):
                raise ReleaseError(
                    f"release {self.name} {self.version} answers row {row} of its example with {answer!r}, "
                    f"where release.json says {expected!r}"
                )

    def _bind(self) -> None:
        """Have single rows run over bound buffers where all is numbers; the example's first row tells their form."""
        if self.classes is not None or not self._graph_inputs.all_floats:
            return
        with suppress(Exception):  # A graph that fails on this row alone is no worse off without them.
            (answer,) = self._run(self._outputs, self._graph_inputs(self.read_example()[:1]))
            if answer.dtype == np.float32 and answer.size == 1:
                self._single = SingleRow(self._session, self.release, answer)


def first_line(error: BaseException) -> str:
    """Return what an error says, on one line; its kind where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]


def _agree(answer: Any, expected: float | str) -> bool:
    if isinstance(expected, str) or isinstance(answer, str):
        return bool(answer == expected)
    return bool(abs(answer - expected) <= EXAMPLE_TOLERANCE * max(1.0, abs(expected)))


def _refuse_infinite(output: NDArray[Any], values: Sequence[float]) -> None:
    """A finite input can still overflow inside the graph; JSON has no word for what comes out then."""
    finite = math.isfinite(values[0]) if len(values) == 1 else bool(np.isfinite(output).all())
    if not finite:
        raise _infinite(next(index for index, value in enumerate(values) if not math.isfinite(value)))


def _infinite(row: int) -> Problem:
    detail = "the model has no finite answer to these values"
    return Problem(422, f"row {row}: {detail}", errors=[{"row": row, "feature": None, "detail": detail}])


def _output_names(release: Release) -> list[str]:
    if release.task == "regression":
        return ["prediction"]
    if not release.classes:
        raise ReleaseError(f"release {release.name} {release.version}: a classification without classes")
    return ["label", *(f"{PROBABILITY}{name}" for name in release.classes)]


def _open_session(release: Release, graph: bytes, outputs: Sequence[str]) -> Any:
    """Load the graph; imported here, after the fork, since ONNX Runtime's threads don't live on in a child."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = FATAL  # Its errors are exceptions too, which the log tells as JSON.
    # The second fence against weights in files: no file is below this one.
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", os.devnull)
    options.add_session_config_entry("session.load_model_format", "ONNX")
    where = f"release {release.name} {release.version}"
    if has_external_data(graph):
        raise ReleaseError(f"{where}: {MODEL_FILENAME} takes weights from files beside it, which is not allowed")
    try:
        session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own exceptions have no public base class
        raise ReleaseError(f"{where}: {MODEL_FILENAME} can't be run: {first_line(error)}") from error
    _compare("input", where, {tensor.name for tensor in release.signature.inputs}, session.get_inputs())
    _compare("output", where, set(outputs), session.get_outputs())
    return session


def _compare(kind: str, where: str, wanted: set[str], nodes: Sequence[Any]) -> None:
    found = {node.name for node in nodes}
    wrong = wanted - found if kind == "output" else wanted ^ found
    if wrong:
        raise ReleaseError(f"{where}: the graph's {kind}s are {sorted(found)}, the signature's {sorted(wanted)}")


def load_bundle(folder: Path) -> Model:
    """Read, verify, load and warm up the release in a folder.

    Raises:
        ReleaseError: a file is missing, its SHA-256 differs, or it isn't what the release says.
    """
    try:
        text = (folder / RELEASE_FILENAME).read_bytes()
        graph = (folder / MODEL_FILENAME).read_bytes()
    except OSError as error:
        raise ReleaseError(f"{error.filename}: can't be read: {error.strerror}") from error
    release = parse_release(text)
    if isinstance(release, str):
        raise ReleaseError(f"{folder / RELEASE_FILENAME}: {release}")
    if hashlib.sha256(graph).hexdigest() != release.onnx_sha256:
        raise ReleaseError(f"{folder / MODEL_FILENAME}: its SHA-256 differs from the one in {RELEASE_FILENAME}")
    try:
        return Model(release, graph)
    except (LookupError, TypeError, ValueError) as error:
        said = f"{type(error).__name__}: {first_line(error)}"
        raise ReleaseError(f"{folder / RELEASE_FILENAME}: asks for what can't be made: {said}") from error
