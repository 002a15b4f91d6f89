"""Times of a day fitted to training rows: seconds since midnight, scaled or as a point on a circle."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molino.contracts.clock import of_seconds
from training.features.fitted import Derived, Float32Array, Nodes

TURN = np.float32(2 * np.pi / 86_400)


@dataclass(frozen=True)
class Clock(Derived):
    """A time of a day, imputed by the median."""

    cyclic: bool
    median: np.float32
    low: float
    high: float
    mean: np.float32
    factor: np.float32
    """1 / standard deviation, or 1 of a constant."""

    has_codes = False

    @property
    def width(self) -> int:
        """Sine and cosine, or one."""
        return 1 + self.cyclic

    def drawn(self, rng: np.random.Generator, count: int) -> Float32Array:
        """Draw over the range of the training rows."""
        return rng.integers(int(self.low), int(self.high) + 1, count).astype(np.float32)

    def input(self, codes: Float32Array) -> NDArray[Any]:
        """Return the seconds."""
        return np.ascontiguousarray(codes)

    def readable(self, code: float) -> float | str:
        """Return the time."""
        return of_seconds(code)

    def numbers(self, codes: Float32Array) -> Float32Array:
        """Return codes [n] as they are, [n, 1]; NaN where missing."""
        return codes[:, None]

    def dense(self, codes: Float32Array) -> Float32Array:
        """Return codes [n] as columns for networks and linear models, [n, width]."""
        filled = np.where(np.isnan(codes), self.median, codes)[:, None]
        if not self.cyclic:
            return (filled - self.mean) * self.factor
        return np.concatenate([np.sin(filled * TURN), np.cos(filled * TURN)], axis=1)

    def export_numbers(self, graph: Nodes) -> str:
        """Add the node of `numbers` and return its output."""
        return graph.node("Reshape", [self.name, self._one_column(graph)], f"columns/{self.name}/seconds")

    def export_dense(self, graph: Nodes) -> str:
        """Add the nodes of `dense` and return their output."""
        scope, codes = f"columns/{self.name}", self.name
        if self.imputed:
            gaps = graph.node("IsNaN", [codes], f"{scope}/gaps")
            codes = graph.node(
                "Where", [gaps, graph.constant(f"{scope}/median", self.median), codes], f"{scope}/filled"
            )
        column = graph.node("Reshape", [codes, self._one_column(graph)], f"{scope}/column")
        if not self.cyclic:
            centred = graph.node("Sub", [column, graph.constant(f"{scope}/mean", self.mean)], f"{scope}/centred")
            return graph.node("Mul", [centred, graph.constant(f"{scope}/factor", self.factor)], f"{scope}/scaled")
        turned = graph.node("Mul", [column, graph.constant(f"{scope}/turn", TURN)], f"{scope}/turned")
        sides = [graph.node(side, [turned], f"{scope}/{side}") for side in ("Sin", "Cos")]
        return graph.node("Concat", sides, f"{scope}/circle", axis=1)

    def _one_column(self, graph: Nodes) -> str:
        return graph.constant(f"columns/{self.name}/one_column", np.array([-1, 1], np.int64))


def fit_clock(index: int, name: str, imputed: bool, codes: Float32Array, cyclic: bool) -> Clock:
    """Fit a time of a day to training rows."""
    present = codes[~np.isnan(codes)]
    if not len(present):
        present = np.zeros(1, np.float32)
    median = np.float32(np.round(np.median(present)))
    filled = np.where(np.isnan(codes), median, codes).astype(np.float64)
    return Clock(
        index=index,
        name=name,
        imputed=imputed,
        cyclic=cyclic,
        median=median,
        low=float(present.min()),
        high=float(present.max()),
        mean=np.float32(filled.mean()),
        factor=np.float32(1 / (filled.std() or 1)),
    )
