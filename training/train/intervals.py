"""Prediction intervals by conformal prediction (Vovk, Gammerman and Shafer 2005; Lei et al. 2018).

The half-width is that order statistic of the absolute residuals on n rows that the model wasn't fitted to whose rank is
(n + 1) times the level, rounded up: a new row, exchangeable with these, lies within it with at least that probability.

Where validation rows choose, these are rows that are kept for it alone: those that stop a training or choose a
candidate are on the hopeful side. Where folds choose, all rows but those for tests tell it, each by what was trained
without it (the residuals of CV+, Barber et al. 2021, around the answer of the one model that serves): that has seen
fewer rows than what serves, which is a little on the careful side.
"""

import math
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from molino.contracts.errors import StepError
from molino.contracts.model_file import ModelFile
from training.splits import CALIBRATION, TRAIN
from training.splits.place import known
from training.train.candidates import bounded
from training.train.candidates.contract import Material, Trained
from training.train.data import Dataset

CALIBRATION_SHARE = 0.1
"""Of the rows, where the model file doesn't say."""


def share_of(model: ModelFile) -> float | None:
    """Return the share of the rows that is kept for intervals; none where there are none, or folds tell their width."""
    if model.intervals is None:
        return None
    usual = None if model.selection.folds else CALIBRATION_SHARE
    return model.intervals.calibration or usual


def set_aside(dataset: Dataset) -> Dataset:
    """Return the dataset with the rows that are kept for intervals taken from those to train on.

    Raises:
        StepError: they are too few for the level, or leave too few.
    """
    share, train = share_of(dataset.model), dataset.parts == TRAIN
    if share is None:
        return dataset
    of_train = min(share * dataset.rows / int(train.sum()), 0.5)
    chosen = known(dataset.split.kind).stopping(dataset.placement.take(train), of_train)
    check_rows(dataset.model, int(chosen.sum()), "rows to calibrate by", "intervals.calibration")
    parts = dataset.parts.copy()
    parts[np.flatnonzero(train)[chosen]] = CALIBRATION
    if int((parts == TRAIN).sum()) < 2:
        raise StepError(
            f"intervals of {dataset.model.name} leave fewer than 2 training rows; give more data or set a smaller "
            "intervals.calibration"
        )
    return dataset.divided(parts)


def rank(level: float, rows: int) -> int:
    """Return which of so many residuals, in their order and counted from 1, is the half-width of a level."""
    return math.ceil(Decimal(str(level)) * (rows + 1))


def half_width(residuals: NDArray[np.float64], level: float) -> float:
    """Return the half-width of intervals of a level by residuals [n], of which there must be enough."""
    ordered = np.sort(np.abs(residuals))
    return float(ordered[rank(level, len(ordered)) - 1])


def check_rows(model: ModelFile, rows: int, called: str, key: str) -> None:
    """Refuse a level for which there are too few rows: the interval would be all numbers.

    Args:
        model: gives the level.
        rows: that would tell the half-width.
        called: what these rows are.
        key: gives more of them.

    Raises:
        StepError: says how many it takes.
    """
    if model.intervals is None or rank(model.intervals.level, rows) <= rows:
        return
    level = model.intervals.level
    needed = next(count for count in range(rows + 1, 1 << 60) if rank(level, count) <= count)
    raise StepError(
        f"intervals.level {level:g} of {model.name} takes at least {needed} {called}, and there are {rows}; "
        f"give more data, a larger {key}, or a lower level"
    )


def calibrated(material: Material, trained: Trained) -> tuple[float, int] | None:
    """Return the half-width of a candidate's intervals, and how many rows tell it; none without rows kept for it."""
    rows, intervals = material.calibration, material.model.intervals
    if intervals is None or rows is None:
        return None
    return half_width(rows.target - bounded(material.model, trained)(rows.features), intervals.level), len(rows)


def of_folds(model: ModelFile, residuals: list[NDArray[np.float64]]) -> tuple[float, int] | None:
    """Return the same by the residuals of each fold; none where there are no folds, or no intervals.

    Raises:
        StepError: there are too few rows.
    """
    if model.intervals is None or not residuals:
        return None
    joined = np.concatenate(residuals)
    check_rows(model, len(joined), "rows that are not for tests", "share of them by a smaller split.test")
    return half_width(joined, model.intervals.level), len(joined)
