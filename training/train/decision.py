"""What is made of a candidate's probabilities: calibrated ones, and the label; in numpy and as nodes of its graph.

Both are fitted to validation rows. `sigmoid` scales the logarithms of probabilities by one factor and moves those of
each class (Platt 1999; for several classes Alexandari, Kundaje and Shrikumar 2020); `isotonic` takes each class by
itself (Zadrozny and Elkan 2002), on a grid of probabilities between which it goes in straight lines.

Rows count there as they do in training. A threshold is a number for each class that is added to the logarithm of its
probability before the greatest is taken; by costs, that of one class after the other is set where it costs least.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from molino.contracts.model_file import ModelFile
from molino.contracts.model_file.decision import Threshold
from training.train.export import Export

Chances = NDArray[np.float64]
"""Probabilities, [n, classes]."""

LEAST = 1e-6
"""No probability counts as less."""
CELLS = 200
"""Of the grid of an isotonic regression."""
LARGEST_LOGARITHM = 3.0
"""Of the factor of a sigmoid."""
ENDS = (1e-4, 1 - 1e-4)
"""Between which a threshold lies."""
SWEEPS = 20
"""Over all classes, in the search of what costs least."""
LARGEST_OFFSET = 10.0


class Calibrator(Protocol):
    """Makes probabilities truer."""

    def __call__(self, chances: Chances) -> Chances:
        """Return calibrated probabilities, [n, classes]."""

    def export(self, graph: Export, chances: str) -> str:
        """Add the nodes that do the same, and return logits."""


@dataclass(frozen=True)
class Sigmoid:
    """A factor, and a number for each class."""

    factor: float
    shifts: NDArray[np.float64]

    def __call__(self, chances: Chances) -> Chances:
        """Return the softmax of the logarithms, scaled and moved."""
        return _softmax(self.factor * np.log(np.maximum(chances, LEAST)) + self.shifts)

    def export(self, graph: Export, chances: str) -> str:
        """Add the nodes that do the same, and return logits."""
        least = graph.constant("calibrated/least", np.float32(LEAST))
        logarithm = graph.node("Log", [graph.node("Max", [chances, least], "calibrated/some")], "calibrated/logarithm")
        factor = graph.constant("calibrated/factor", np.float32(self.factor))
        shifts = graph.constant("calibrated/shifts", self.shifts.astype(np.float32))
        return graph.node("Add", [graph.node("Mul", [logarithm, factor], "calibrated/scaled"), shifts], "calibrated")


@dataclass(frozen=True)
class Isotonic:
    """Of each class the calibrated probability at each place of the grid, before all are made to add up to 1."""

    heights: NDArray[np.float64]
    """[classes, CELLS + 1], ascending."""

    def __call__(self, chances: Chances) -> Chances:
        """Return what lies on the lines between the places."""
        grid = np.linspace(0, 1, CELLS + 1)
        columns = [np.interp(chances[:, index], grid, heights) for index, heights in enumerate(self.heights)]
        found = np.stack(columns, axis=1)
        return np.asarray(found / found.sum(axis=1, keepdims=True))

    def export(self, graph: Export, chances: str) -> str:
        """Add the nodes that do the same, and return logits: each cell of the grid adds its rise, or a part of it."""
        last = graph.constant("calibrated/last", np.array([2], np.int64))
        starts = graph.constant("calibrated/starts", np.arange(CELLS, dtype=np.float32))
        cells = graph.constant("calibrated/cells", np.float32(CELLS))
        ends = [graph.constant(f"calibrated/{name}", np.float32(end)) for name, end in (("none", 0), ("whole", 1))]
        rises = graph.constant("calibrated/rises", np.diff(self.heights).astype(np.float32))
        lowest = graph.constant("calibrated/lowest", self.heights[:, 0].astype(np.float32))
        place = graph.node("Mul", [graph.node("Unsqueeze", [chances, last], "calibrated/each"), cells], "calibrated/at")
        within = graph.node("Clip", [graph.node("Sub", [place, starts], "calibrated/from"), *ends], "calibrated/within")
        risen = graph.node("Mul", [within, rises], "calibrated/risen")
        summed = graph.node("ReduceSum", [risen, last], "calibrated/rise", keepdims=0)
        return graph.node("Log", [graph.node("Add", [summed, lowest], "calibrated/height")], "calibrated")


@dataclass(frozen=True)
class Decision:
    """What is made of probabilities, fitted."""

    calibrator: Calibrator | None
    threshold: float | None
    offsets: NDArray[np.float64] | None
    """[classes]: the threshold as numbers that are added to logarithms of probabilities."""

    def factors(self, classes: tuple[str, ...]) -> dict[str, float]:
        """Return what the probability of each class is multiplied by, where there is no threshold of one class."""
        if self.offsets is None or self.threshold is not None:
            return {}
        return {name: float(np.exp(offset)) for name, offset in zip(classes, self.offsets, strict=True)}


def fit_decision(
    model: ModelFile, chances: Chances, actual: NDArray[Any], weights: NDArray[Any] | None = None
) -> Decision:
    """Fit what the model file asks for to rows that the candidate wasn't fitted to.

    Args:
        model: of a classification.
        chances: what the candidate answers.
        actual: positions in the classes, [n].
        weights: how much each row counts in a calibration, [n]; all alike where not given.
    """
    classes = model.target.classes or ()
    fitting: Mapping[str, Callable[[Chances, NDArray[Any], NDArray[Any]], Calibrator]] = {
        "isotonic": _fit_isotonic,
        "sigmoid": _fit_sigmoid,
    }
    counted = np.ones(len(actual)) if weights is None else weights
    calibrator = fitting[model.calibration](chances, actual, counted) if model.calibration else None
    if model.threshold is None:
        return Decision(calibrator, None, None)
    told = calibrator(chances) if calibrator else chances
    if model.threshold.costs is not None:
        return Decision(calibrator, None, cheapest_offsets(told, actual, np.array(model.threshold.matrix(classes))))
    positive = classes.index(model.threshold.positive_of(classes))
    threshold = best_threshold(model.threshold, told[:, positive], actual == positive)
    offsets = np.zeros(len(classes))
    offsets[positive] = np.log(1 - threshold) - np.log(threshold)
    return Decision(calibrator, threshold, offsets)


def best_threshold(wanted: Threshold, chances: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    """Return the threshold that is best, half way between two probabilities; the lowest of those.

    Args:
        wanted: says what is best.
        chances: of the positive class, [n].
        positive: whether a row is of it, [n].
    """
    order = np.argsort(chances, kind="stable")
    values, is_positive = chances[order], positive[order]
    cuts = np.flatnonzero(np.diff(values, prepend=-1.0, append=2.0) > 0)
    missed = np.concatenate([[0], np.cumsum(is_positive)])[cuts]
    false = (~is_positive).sum() - np.concatenate([[0], np.cumsum(~is_positive)])[cuts]
    found = is_positive.sum() - missed
    if wanted.cost is not None:
        best = cuts[int(np.argmin(wanted.cost.false_positive * false + wanted.cost.false_negative * missed))]
    else:
        best = cuts[int(np.argmax(2 * found / np.maximum(2 * found + false + missed, 1)))]
    around = np.concatenate([[0.0], values, [1.0]])
    return float(np.clip((around[best] + around[best + 1]) / 2, *ENDS))


def cheapest_offsets(chances: Chances, actual: NDArray[Any], costs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the offset of each class, [classes], by which labels cost least, as far as one class at a time tells.

    Args:
        chances: [n, classes].
        actual: positions in the classes, [n].
        costs: what each label costs a row of each class, [class, label].
    """
    logarithms = np.log(np.maximum(chances, LEAST))
    of_rows = costs[actual]

    def total(offsets: NDArray[np.float64]) -> float:
        return float(of_rows[np.arange(len(actual)), (logarithms + offsets).argmax(axis=1)].sum())

    missed = costs.sum(axis=1)
    starts = [np.zeros(len(costs)), np.log(np.maximum(missed, LEAST) / max(missed.max(), LEAST))]
    found = [_descended(logarithms, of_rows, start, total) for start in starts]
    best = min(found, key=total)
    return np.asarray(best - best.max())


def _descended(
    logarithms: NDArray[np.float64],
    of_rows: NDArray[np.float64],
    start: NDArray[np.float64],
    total: Callable[[NDArray[np.float64]], float],
) -> NDArray[np.float64]:
    """Set one offset after the other where it costs least, until none costs less."""
    offsets, cost = start, total(start)
    for _ in range(SWEEPS):
        before = cost
        for label in range(len(start)):
            tried = offsets.copy()
            tried[label] = _cheapest(logarithms, of_rows, offsets, label)
            if total(tried) < cost:
                offsets, cost = tried, total(tried)
        if cost >= before:
            break
    return offsets


def _cheapest(
    logarithms: NDArray[np.float64], of_rows: NDArray[np.float64], offsets: NDArray[np.float64], label: int
) -> float:
    """Return the offset of one class that costs least beside those of the others, half way between two rows' own."""
    others = logarithms + offsets
    others[:, label] = -np.inf
    rival = others.argmax(axis=1)
    rows = np.arange(len(rival))
    turns = others[rows, rival] - logarithms[:, label]
    order = np.argsort(turns, kind="stable")
    gained = of_rows[rows, label] - of_rows[rows, rival]
    cuts = np.flatnonzero(np.diff(turns[order], prepend=-np.inf, append=np.inf) > 0)
    summed = np.concatenate([[0.0], np.cumsum(gained[order])])[cuts]
    best = cuts[int(np.argmin(summed))]
    low, high = turns[order][0] - 1, turns[order][-1] + 1
    around = np.concatenate([[low - 1], turns[order], [high + 1]])
    return float(np.clip((around[best] + around[best + 1]) / 2, -LARGEST_OFFSET, LARGEST_OFFSET))


def labels_of(chances: Chances, offsets: NDArray[np.float64] | None) -> NDArray[np.intp]:
    """Return the label of each row, [n], as positions in the classes."""
    return np.asarray(weighed(chances, offsets).argmax(axis=1), np.intp)


def weighed(chances: Chances, offsets: NDArray[np.float64] | None) -> Chances:
    """Return probabilities as a label goes by them: the greatest is that of the label."""
    if offsets is None:
        return chances
    heavy = chances * np.exp(offsets)
    return np.asarray(heavy / heavy.sum(axis=1, keepdims=True))


def _fit_sigmoid(chances: Chances, actual: NDArray[Any], weights: NDArray[Any]) -> Sigmoid:
    """Minimise the log loss; targets are a little off 0 and 1, as Platt has them, so that no factor is infinite."""
    from scipy.optimize import minimize  # type: ignore[import-untyped]

    rows, classes = chances.shape
    logarithms = np.log(np.maximum(chances, LEAST))
    target = (np.eye(classes)[actual] + 1 / rows) / (1 + classes / rows)
    shares = weights / weights.sum()

    def loss(given: NDArray[np.float64]) -> float:
        found = _softmax(np.exp(given[0]) * logarithms + np.append(given[1:], 0.0))
        return float(-shares @ (target * np.log(np.maximum(found, 1e-300))).sum(axis=1))

    found = minimize(
        loss, np.zeros(classes), bounds=[(-LARGEST_LOGARITHM, LARGEST_LOGARITHM), *[(-20, 20)] * (classes - 1)]
    )
    return Sigmoid(float(np.exp(found.x[0])), np.append(found.x[1:], 0.0))


def _fit_isotonic(chances: Chances, actual: NDArray[Any], weights: NDArray[Any]) -> Isotonic:
    from sklearn.isotonic import IsotonicRegression

    grid, rows = np.linspace(0, 1, CELLS + 1), len(chances)
    heights = []
    for index in range(chances.shape[1]):
        fitted = IsotonicRegression(out_of_bounds="clip").fit(chances[:, index], actual == index, sample_weight=weights)
        heights.append(np.clip(fitted.predict(grid), 1 / (rows + 2), 1))
    return Isotonic(np.array(heights, np.float64))


def _softmax(logits: NDArray[np.float64]) -> Chances:
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(exponents / exponents.sum(axis=1, keepdims=True))
