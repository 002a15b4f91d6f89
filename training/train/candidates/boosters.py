"""What the kinds of gradient boosting from other libraries share: trees over rows in their own form."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molino.contracts.contradictions import Contradiction
from molino.contracts.errors import StepError
from molino.contracts.features.numeric import Numeric
from molino.contracts.model_file import ModelFile
from training.features.fitted import Float32Array
from training.train.candidates.contract import Material
from training.train.candidates.estimator import Estimator, refuse_too_large
from training.train.candidates.forms import Form, Placed
from training.train.candidates.tree_categories import fit_tables
from training.train.candidates.weights import named

ROWS_FOR_THREADS = 20_000
"""Below it, threads that wait for each other take longer than the work."""
TRIED_ROWS = 64
TRIED_TOLERANCE = 1e-3
"""Of a graph beside what was trained on the rows of noise, relative to the answers' spread, or of a probability."""
ROUNDS = "n_estimators"
FEW_ROUNDS = {ROUNDS: 2}
DEFAULT_ROUNDS = 100
"""Of both libraries."""
MONOTONE = "monotone_constraints"
BY_COLUMN = frozenset({
    "categorical_column", "categorical_feature", "feature_contri", "feature_penalty", "feature_weights",
    "forced_splits_filename", "forcedsplits_filename", "interaction_constraints", "max_bin_by_feature",
})  # fmt: skip
"""Parameters that name columns by their position: that of trees' columns is no feature's."""


class Boosted(Estimator):
    """A boosted estimator, cut to its best round."""

    def __init__(self, estimator: Any, form: Form, rows_trained: int, rounds: int) -> None:
        super().__init__(estimator, form, rows_trained)
        self.rounds = rounds

    def params(self) -> dict[str, Any]:
        """Every parameter, and how many rounds were kept."""
        return super().params() | {"rounds": self.rounds}


def form_of(material: Material) -> Placed:
    """Return the form of rows for trees, fitted to the training rows.

    Raises:
        StepError: the words of texts would take too much memory.
    """
    form = Placed(material.encoding, fit_tables(material.encoding, material.train))
    if material.encoding.derived:
        refuse_too_large(material, form)
    return form


def names_of(model: ModelFile) -> list[str]:
    """Return the names of the features in their order."""
    return [feature.name for feature in model.features]


def wrong_parameters(parameters: Mapping[str, Any], model: ModelFile) -> Iterator[Contradiction]:
    """Yield what both libraries would take, or fail at later, and mean otherwise than the model file."""
    rounds, monotone = parameters.get(ROUNDS), parameters.get(MONOTONE)
    if ROUNDS in parameters and (not isinstance(rounds, int) or isinstance(rounds, bool) or rounds < 1):
        yield ("parameters", ROUNDS), f"expected a whole number of at least 1 (got {rounds!r})"
    yield from named(parameters)
    for name in sorted(BY_COLUMN & parameters.keys()):
        yield ("parameters", name), "trees have columns in an order of their own; take it out"
    if MONOTONE not in parameters:
        return
    numbers = [feature.name for feature in model.features if isinstance(feature, Numeric)]
    if not isinstance(monotone, dict):
        yield ("parameters", MONOTONE), "expected a direction by name of a feature, such as {size: 1, age: -1}"
        return
    for name, direction in monotone.items():
        if name not in numbers:
            listed = ", ".join(numbers) or "none"
            yield ("parameters", MONOTONE, name), f"expected a feature that is a number, of which there are {listed}"
        if isinstance(direction, bool) or direction not in (-1, 0, 1):
            yield ("parameters", MONOTONE, name), "expected 1 where answers rise with it, -1 where they fall, or 0"


def by_columns(parameters: Mapping[str, Any], columns: Sequence[str]) -> dict[str, Any]:
    """Return the parameters with the directions of features as those of the columns of trees.

    Args:
        parameters: as the model file gives them.
        columns: names the feature of each column.
    """
    directions = parameters.get(MONOTONE)
    if directions is None:
        return dict(parameters)
    return dict(parameters) | {MONOTONE: tuple(directions.get(name, 0) for name in columns)}


def settled(parameters: Mapping[str, Any], material: Material, **own: Any) -> dict[str, Any]:
    """Return the parameters of a training: those given, and for the others what makes it the same each time."""
    threads = {"n_jobs": 1} if len(material.train) < ROWS_FOR_THREADS else {}
    rounds = {ROUNDS: material.rounds} if material.rounds else {}
    return {"random_state": material.seed, **threads, **own, **parameters, **rounds}


def floor_to_32_bits(thresholds: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return for each threshold the greatest 32-bit float that is not above it.

    For any 32-bit x, x <= threshold is the same before and after, and a graph, which knows only 32-bit thresholds, then
    asks exactly what the native model asks.
    """
    rounded = thresholds.astype(np.float32)
    above = rounded.astype(np.float64) > thresholds
    return np.where(above, np.nextafter(rounded, np.float32(-np.inf)), rounded)


def tell_losses(material: Material, on_train: Sequence[float], on_validation: Sequence[float]) -> None:
    """Report the losses of each round, where a kind can't as they come."""
    for done, (train, validation) in enumerate(zip(on_train, on_validation, strict=True), start=1):
        material.report(done, len(on_train), float(train), float(validation))


def faults_of(fit: Callable[[Any, Any], Boosted], model: ModelFile) -> Iterator[Contradiction]:
    """Yield what a library says of its parameters on a few rows of noise, or why its graph would be none or wrong.

    Args:
        fit: trains a few rounds on rows [n, features] and their target.
        model: says what the target is.
    """
    rng = np.random.default_rng(0)
    classes = len(model.target.classes or ())
    count = max(TRIED_ROWS, 4 * classes)
    target = np.arange(count) % classes if classes else rng.uniform(1, 2, count)
    rows = rng.normal(size=(count, len(model.features))).astype(np.float32)
    try:
        problem = _otherwise(fit(rows.astype(np.float64), target), rows, classes)
    except StepError as error:
        problem = str(error)
    except Exception as error:  # of whatever kind: it isn't our code
        problem = said(error)
    if problem:
        yield ("parameters",), problem


def _otherwise(tried: Boosted, rows: Float32Array, classes: int) -> str | None:
    """Return that the graph of what was tried answers otherwise, if it does."""
    import onnxruntime

    session = onnxruntime.InferenceSession(tried.converted().SerializeToString(), providers=["CPUExecutionProvider"])
    *_, found = session.run(None, {session.get_inputs()[0].name: rows})
    wanted = np.asarray(tried.answers(rows.astype(np.float64)), np.float64)
    wanted = wanted.reshape(len(rows), -1)
    spread = 1.0 if tried.classifies else float(wanted.std()) or 1.0
    if wanted.shape[1] != (classes or 1):
        return f"it answers {wanted.shape[1]} numbers to a row, and {classes or 1} are expected"
    alike = found.shape == wanted.shape and np.abs(found - wanted).max() <= TRIED_TOLERANCE * spread
    return None if alike else "the converter to ONNX doesn't know all of these parameters: its graph answers otherwise"


def said(error: Exception) -> str:
    """Return the line of a library's error that says what is wrong, without its time and its place in the source."""
    lines = str(error).strip().splitlines()
    line = re.sub(r"^\[[^]]*\] \S+:\d+: ", "", lines[0]) if lines else type(error).__name__
    return line.partition(" at /")[0]
