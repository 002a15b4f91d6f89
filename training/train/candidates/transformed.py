"""A candidate that is fitted to a transform of the target, and answers in the target's own unit."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.features.fitted import Float32Array
from training.train.candidates.contract import Material, Trained
from training.train.candidates.wrapped import Wrapped
from training.train.data import Rows
from training.train.export import Export
from training.train.transforms.transform import Transform, transform_named


class Scale:
    """A transform with what it takes of the training rows.

    What is fitted to has the mean 0, so that 32-bit floats keep as many digits as they can; answers are cut to the
    range of the training rows and one standard deviation more on each side, beyond which an exponential runs away.
    """

    def __init__(self, transform: Transform, target: NDArray[np.float64]) -> None:
        self.transform = transform
        fitted = transform.forward(target)
        self.centre = float(fitted.mean())
        spread = float(fitted.std())
        self.low, self.high = float(fitted.min()) - spread - self.centre, float(fitted.max()) + spread - self.centre

    def forward(self, rows: Rows) -> Rows:
        """Return rows with what a candidate is fitted to as their target."""
        return replace(rows, target=self.transform.forward(rows.target) - self.centre)

    def back(self, answers: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return answers in the target's unit."""
        return self.transform.back(np.clip(answers, self.low, self.high) + self.centre)

    def export(self, graph: Export, answer: str) -> str:
        """Add what `back` does."""
        bounds = [
            graph.constant(f"target/{side}", np.array(getattr(self, side), np.float32)) for side in ("low", "high")
        ]
        return self.transform.export(graph, graph.node("Clip", [answer, *bounds], "target/cut"), self.centre)


class Transformed(Wrapped):
    """A trained candidate with what makes its answers the target."""

    def __init__(self, fitted: Trained, scale: Scale) -> None:
        super().__init__(fitted)
        self.scale = scale

    def predict(self, features: Float32Array) -> NDArray[np.float64]:
        """Answer rows in the target's unit, [n]."""
        return self.scale.back(self.fitted.predict(features))

    def export(self, graph: Export) -> str:
        """Add the candidate's nodes, and those that bring its answer back."""
        return self.scale.export(graph, self.fitted.export(graph))

    def params(self) -> dict[str, Any]:
        """What the candidate tells, and what is added to its native model's answers before they are brought back."""
        return super().params() | {"target_centre": self.scale.centre}


def scale_of(material: Material) -> Scale | None:
    """Return the scale that the model file asks for, by the training rows; none where it asks for none."""
    name = material.model.target.transform
    return None if name is None else Scale(transform_named(name), material.train.target)


def on_scale(material: Material, scale: Scale) -> Material:
    """Return the material with every target on a scale."""

    def stream(seed: int) -> Iterator[Rows]:
        return map(scale.forward, material.stream(seed))

    train, validation = scale.forward(material.train), scale.forward(material.validation)
    return replace(material, train=train, validation=validation, stream=stream)
