"""What the kinds of gradient boosting from other libraries share: trees over rows in their own form."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molino.contracts.contradictions import Contradiction
from molino.contracts.errors import StepError
from molino.contracts.model_file import ModelFile
from training.train.candidates.contract import Material
from training.train.candidates.converted import convert
from training.train.candidates.estimator import Estimator, refuse_too_large
from training.train.candidates.forms import Placed
from training.train.candidates.tree_categories import fit_tables

ROWS_FOR_THREADS = 20_000
"""Below it, threads that wait for each other take longer than the work."""
TRIED_ROWS = 64
ROUNDS = "n_estimators"
DEFAULT_ROUNDS = 100
"""Of both libraries."""


class Boosted(Estimator):
    """A boosted estimator, cut to its best round."""

    def __init__(self, estimator: Any, form: Placed, rows_trained: int, rounds: int) -> None:
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


def faults_of(fit: Callable[[Any, Any], Any], model: ModelFile) -> Iterator[Contradiction]:
    """Yield what a library says of its parameters on a few rows of noise, or why there would be no graph.

    Args:
        fit: trains one round on rows [n, 2] and their target, and returns the estimator.
        model: says what the target is.
    """
    rng = np.random.default_rng(0)
    classes = len(model.target.classes or ())
    count = max(TRIED_ROWS, 4 * classes)
    target = np.arange(count) % classes if classes else rng.uniform(1, 2, count)
    try:
        convert(fit(rng.normal(size=(count, 2)), target), 2)
    except StepError as error:
        yield ("parameters",), str(error)
    except (TypeError, ValueError) as error:
        yield ("parameters",), said(error)


def said(error: Exception) -> str:
    """Return the line of a library's error that says what is wrong, without its time and its place in the source."""
    lines = str(error).strip().splitlines()
    line = re.sub(r"^\[[^]]*\] \S+:\d+: ", "", lines[0]) if lines else type(error).__name__
    return line.partition(" at /")[0]
