"""A classifier with what is made of its probabilities: calibrated ones, and the label."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.features.fitted import Float32Array
from training.train.candidates.contract import Material, Trained
from training.train.candidates.wrapped import Wrapped
from training.train.decision import Decision, fit_decision
from training.train.export import Export


class Decided(Wrapped):
    """A trained candidate and what its probabilities become."""

    def __init__(self, fitted: Trained, decision: Decision) -> None:
        super().__init__(fitted)
        self.decision = decision
        kept = getattr(fitted, "judged", None)
        self.judged = None if kept is None else self._calibrated(kept)
        """Answers to validation rows that it is judged by, where it keeps some."""

    @property
    def weights(self) -> Mapping[str, float]:
        """Of the members of an ensemble."""
        found: Mapping[str, float] = getattr(self.fitted, "weights", {})
        return found

    def predict(self, features: Float32Array) -> NDArray[np.float64]:
        """Answer rows with calibrated probabilities, [n, classes]."""
        return self._calibrated(self.fitted.predict(features))

    def _calibrated(self, chances: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.decision.calibrator(chances) if self.decision.calibrator else chances

    def export(self, graph: Export) -> str:
        """Add the candidate's nodes, and those that calibrate; the label is `Export.finish`'s to make."""
        raw = self.fitted.export(graph)
        if self.decision.calibrator is None:
            return raw
        return self.decision.calibrator.export(graph, graph.node("Softmax", [raw], "uncalibrated", axis=1))

    def params(self) -> dict[str, Any]:
        """What the candidate tells, and the threshold."""
        threshold = self.decision.threshold
        return super().params() | ({} if threshold is None else {"threshold": threshold})


def decided(trained: Trained, material: Material) -> Trained:
    """Return a candidate with what the model file asks to be made of its probabilities, if anything."""
    model = material.model
    if model.calibration is None and model.threshold is None:
        return trained
    if material.decision is not None:
        return Decided(trained, material.decision)
    rows, kept = material.validation, getattr(trained, "judged", None)
    chances = trained.predict(rows.features) if kept is None else kept
    return Decided(trained, fit_decision(model, chances, rows.target, rows.weights))


def decision_of(trained: Trained) -> Decision | None:
    """Return what is made of a candidate's probabilities; none where that is nothing."""
    return trained.decision if isinstance(trained, Decided) else None


def offsets_of(trained: Trained) -> NDArray[np.float64] | None:
    """Return what is added to logarithms of probabilities before the label is taken; none where that is nothing."""
    decision = decision_of(trained)
    return None if decision is None else decision.offsets
