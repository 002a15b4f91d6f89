"""Whether prediction intervals hold what they promise, on rows that had no part in them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from molino.contracts.model_file import ModelFile
from molino.contracts.results import CandidateResult
from training.evaluate.gate import shown
from training.graphs.graph import Predictions
from training.metrics.resamples import Measure, Resamples


def coverage_of(
    candidate: CandidateResult, actual: NDArray[Any], answers: Predictions, resamples: Resamples
) -> Measure | None:
    """Return the share of n held-out rows whose target is within the half-width of the answer; none without one."""
    if candidate.half_width is None:
        return None
    return Measure(resamples.means(np.abs(actual - answers.values) <= candidate.half_width))


def told(model: ModelFile, candidate: CandidateResult, coverage: Measure | None) -> list[str]:
    """Return a sentence about the intervals of the chosen candidate, where there are any."""
    if coverage is None or model.intervals is None:
        return []
    level, found = model.intervals.level, coverage.interval()
    fewer = ", which is less than they promise: a larger intervals.calibration, or selection.folds, makes them truer"
    return [
        f"Its prediction intervals of level {level:g}, the answer ± {candidate.half_width:.4g}, hold the share "
        f"{shown(coverage)} of the held-out rows{fewer if found.high < level else ''}."
    ]
