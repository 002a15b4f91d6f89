"""What every transform of a target is."""

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from molino.contracts.errors import StepError
from molino.contracts.variants import class_in
from training.train.export import Export

Float64Array = NDArray[np.float64]


class Transform(ABC):
    """How a target becomes what a candidate is fitted to, and an answer the target again, natively and in a graph."""

    above: ClassVar[float]
    """Every value of the target must be above it."""
    instead: ClassVar[str]
    """What to do where one isn't."""

    @abstractmethod
    def forward(self, target: Float64Array) -> Float64Array:
        """Return what a candidate is fitted to."""

    @abstractmethod
    def back(self, fitted: Float64Array) -> Float64Array:
        """Return the target that something fitted to stands for."""

    @abstractmethod
    def export(self, graph: Export, answer: str, centre: float) -> str:
        """Add what `back` does to an answer and a centre that is added to it, and return the output's name."""

    def check(self, name: str, target: Float64Array) -> None:
        """Refuse a target with values that it can't transform.

        Raises:
            StepError: says how many there are.
        """
        wrong = int((target <= self.above).sum())
        if wrong:
            raise StepError(
                f"target {name!r}: {wrong} of {len(target)} rows have {self.above:g} or less (the least is "
                f"{target.min():g}), of which target.transform has no logarithm; {self.instead}"
            )


def transform_named(name: str) -> Transform:
    """Return a transform of the model file: the class in the module of its name."""
    kind = class_in("training.train.transforms", name, Transform)
    if kind is None:
        raise LookupError(f"training/train/transforms/{name}.py defines no class below Transform")
    return kind()
