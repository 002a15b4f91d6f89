"""Prediction intervals by split conformal prediction (Vovk, Gammerman and Shafer 2005; Lei et al. 2018).

The half-width is that order statistic of the absolute residuals on n rows that the model wasn't fitted to whose rank is
(n + 1) times the level, rounded up: a new row, exchangeable with these, lies within it with at least that probability.
Those rows are the validation rows. They also stop the training and choose the candidate, which is a little on the
hopeful side; evaluate tells the share of test rows that the intervals hold. A candidate that is trained again on the
validation rows too keeps the half-width from before.
"""

import math
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from molino.contracts.errors import StepError
from molino.contracts.model_file import ModelFile
from training.train.candidates import judged_by
from training.train.candidates.contract import Material, Trained


def rank(level: float, rows: int) -> int:
    """Return which of so many residuals, in their order and counted from 1, is the half-width of a level."""
    return math.ceil(Decimal(str(level)) * (rows + 1))


def half_width(residuals: NDArray[np.float64], level: float) -> float:
    """Return the half-width of intervals of a level by residuals [n], of which there must be enough."""
    ordered = np.sort(np.abs(residuals))
    return float(ordered[rank(level, len(ordered)) - 1])


def check_rows(model: ModelFile, rows: int) -> None:
    """Refuse a level for which there are too few validation rows: the interval would be all numbers.

    Raises:
        StepError: says how many it takes.
    """
    if model.intervals is None or rank(model.intervals.level, rows) <= rows:
        return
    level = model.intervals.level
    needed = next(count for count in range(rows + 1, 1 << 60) if rank(level, count) <= count)
    raise StepError(
        f"intervals.level {level:g} of {model.name} takes at least {needed} validation rows, and there are {rows}; "
        "give more data, a larger split.validation, or a lower level"
    )


def candidate_half_width(material: Material, trained: Trained) -> float | None:
    """Return the half-width of a candidate's intervals; none where the model file asks for none."""
    if material.model.intervals is None:
        return None
    rows = material.validation
    return half_width(rows.target - judged_by(material, trained)(rows.features), material.model.intervals.level)
