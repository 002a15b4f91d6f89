"""The logarithm of the target and 1: as `log` for large values, and for small ones the target itself."""

from typing import ClassVar

import numpy as np

from training.train.export import Export
from training.train.transforms.log import Log
from training.train.transforms.transform import Float64Array, Transform


class Log1p(Transform):
    """For targets above -1, such as counts."""

    above: ClassVar[float] = -1.0
    instead: ClassVar[str] = "take transform out, or set target.minimum"

    def forward(self, target: Float64Array) -> Float64Array:
        """Return the natural logarithm of 1 and the target."""
        return np.log1p(target)

    def back(self, fitted: Float64Array) -> Float64Array:
        """Return its inverse."""
        return np.expm1(fitted)

    def export(self, graph: Export, answer: str, centre: float) -> str:
        """Add what the logarithm alone adds, less 1."""
        whole = Log().export(graph, answer, centre)
        return graph.node("Sub", [whole, graph.constant("target/one", np.array(1, np.float32))], "target/less_one")
