"""What a candidate is given to train on, and what it gives back."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from molino.contracts.model_file import ModelFile
from training.features.fitted import Float32Array
from training.train.data import Rows
from training.train.decision import Decision
from training.train.encoding import Encoding
from training.train.export import Export

Report = Callable[[int, int, float, float | None], None]
"""Told after each epoch or round: how many are done, of how many at most, loss on training and validation rows.

There is no loss on validation rows where none stop the training."""


Judge = Callable[[int, float], None]
"""Told the number of an epoch or round, and its loss on validation rows; it ends the training by an exception."""


def _keep_on(_done: int, _loss: float) -> None:
    """End nothing."""


@dataclass(frozen=True)
class Material:
    """Data, encoding and seed; the same for every candidate of a run."""

    model: ModelFile
    encoding: Encoding
    train: Rows
    """All training rows, or a sample of them when there are too many to hold."""
    validation: Rows
    """All validation rows, or a sample of them."""
    rows_train: int
    """How many training rows there are in all."""
    stream: Callable[[int], Iterator[Rows]]
    """All training rows in shuffled portions; the argument seeds the order."""
    seed: int
    tensorboard: Path
    """Folder of this candidate's TensorBoard logs."""
    report: Report
    calibration: Rows | None = None
    """All rows that are kept for prediction intervals, or a sample of them; none where there are none."""
    code: Mapping[str, bytes] = field(default_factory=dict)
    """By name: Python files of one's own beside the model file."""
    rounds: int | None = None
    """How many rounds or epochs to train, neither more nor fewer; validation rows stop the training where none."""
    members: Mapping[str, "Trained"] = field(default_factory=dict)
    """By name: other candidates that were trained on the same material."""
    weights: Mapping[str, float] | None = None
    """Of members, where they are known before; validation rows tell them where none."""
    decision: Decision | None = None
    """What is made of probabilities, where that is known before; validation rows tell it where none."""
    judge: Judge = _keep_on
    """Of a search's trial: may end one that isn't worth going on with."""

    def heard(
        self, done: int, total: int, on_train: float, on_validation: float | None, higher_is_better: bool = False
    ) -> None:
        """Report an epoch or round as it ends, and let the training be ended; by kinds that can be, in that moment."""
        self.report(done, total, on_train, on_validation)
        if on_validation is not None:
            self.judge(done, -on_validation if higher_is_better else on_validation)

    @property
    def sampled(self) -> bool:
        """True when `train` is not all training rows."""
        return len(self.train) < self.rows_train

    @property
    def classes(self) -> int:
        """Number of classes; 0 of a regression."""
        return len(self.model.target.classes or ())


class Trained(Protocol):
    """A trained candidate."""

    rows_trained: int

    @property
    def native_packages(self) -> tuple[str, ...]:
        """What loading the native model takes, by distribution."""

    @property
    def rounds(self) -> int | None:
        """How many rounds or epochs the kept model has been trained for; none of a kind that goes by no such steps."""

    def predict(self, features: Float32Array) -> NDArray[np.float64]:
        """Answer rows [n, features] with the native model: predictions [n], or probabilities [n, classes]."""

    def export(self, graph: Export) -> str:
        """Add the model's nodes to a graph and return the name of the raw answer."""

    def save_native(self, folder: Path, requirements: list[str]) -> None:
        """Save the native model as an MLflow model in a new folder."""

    def params(self) -> dict[str, Any]:
        """What training has found besides the hyperparameters, such as the best epoch."""
