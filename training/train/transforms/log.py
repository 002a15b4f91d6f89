"""The logarithm of the target: errors count by their share of it."""

from typing import ClassVar

import numpy as np

from training.train.export import Export
from training.train.transforms.transform import Float64Array, Transform


class Log(Transform):
    """For targets above 0."""

    above: ClassVar[float] = 0.0
    instead: ClassVar[str] = "set transform: log1p, which takes 0 too, take it out, or set target.minimum"

    def forward(self, target: Float64Array) -> Float64Array:
        """Return the natural logarithm."""
        return np.log(target)

    def back(self, fitted: Float64Array) -> Float64Array:
        """Return its inverse."""
        return np.exp(fitted)

    def export(self, graph: Export, answer: str, centre: float) -> str:
        """Add the exponential of the answer, times that of the centre."""
        factor = graph.constant("target/factor", np.array(np.exp(centre), np.float32))
        return graph.node("Mul", [graph.node("Exp", [answer], "target/exponential"), factor], "target/answer")
