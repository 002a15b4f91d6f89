"""Cross-validation: what a candidate is worth by rows that it was not trained on, one fold after the other.

A fold is a division of its own of the rows that are not held out for tests. What is learnt from data is learnt anew
from its rows to train on: known values, medians, spreads, the order of categories. The rows that stop the training are
taken from these too, so that those which judge have no part in it. No fold has a test row.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from molino.contracts.errors import StepError
from training.splits import CALIBRATION, JUDGED, TEST, TRAIN, UNUSED, VALIDATION
from training.splits.contract import Parts, SplitKind
from training.splits.place import known
from training.train.data import Dataset

NEEDED = {TRAIN: "rows to train on", VALIDATION: "rows to stop by", JUDGED: "rows to judge by"}


@dataclass(frozen=True)
class Measured:
    """A candidate's metrics in each fold."""

    by_fold: tuple[Mapping[str, float], ...]
    """By metric; without those that are undefined on the fold's rows."""
    rounds: int | None
    """The mean of the rounds or epochs that were best in a fold, rounded; none of a kind without them."""
    width: tuple[float, int] | None = None
    """Half-width of the prediction intervals, and how many rows tell it; none where there are none."""

    @property
    def means(self) -> dict[str, float]:
        """The mean of each metric that is defined in every fold."""
        return {name: float(np.mean(values)) for name, values in self.history.items()}

    @property
    def spreads(self) -> dict[str, float]:
        """The standard deviation of the same, of a sample (n - 1)."""
        return {name: float(np.std(values, ddof=1)) for name, values in self.history.items() if len(values) > 1}

    @property
    def history(self) -> dict[str, list[float]]:
        """Each metric that is defined in every fold, fold by fold."""
        names = [name for name in self.by_fold[0] if all(name in found for found in self.by_fold)]
        return {name: [found[name] for found in self.by_fold] for name in names}


def divide(dataset: Dataset, count: int) -> tuple[Dataset, ...]:
    """Return the folds of the rows that are not held out for tests, each as a division of the same dataset.

    Raises:
        StepError: a fold has too few rows of a part.
    """
    split, model = dataset.split, dataset.model
    kind = known(split.kind)
    found = []
    for number, parts in enumerate(_parts(dataset, kind, count), start=1):
        for part, name in NEEDED.items():
            rows = int((parts == part).sum())
            if rows < 2:
                raise StepError(
                    f"{model.name}: fold {number} of {count} has {rows} {name}, and at least 2 are needed "
                    f"({kind.unit} stay together); set fewer selection.folds in the model file, or give more data"
                )
        try:
            found.append(dataset.divided(parts))
        except StepError as error:
            raise StepError(f"fold {number} of {count}: {error}") from error
    return tuple(found)


def _parts(dataset: Dataset, kind: SplitKind, count: int) -> Iterator[Parts]:
    split, is_open = dataset.split, ~np.isin(dataset.parts, (TEST, CALIBRATION))
    open_rows = np.flatnonzero(is_open)
    placement, share = dataset.placement.take(is_open), split.validation / (1 - split.test)
    for train, judged in kind.folds(placement, count):
        parts = np.full(dataset.rows, UNUSED, np.uint8)
        parts[open_rows[judged]] = JUDGED
        parts[open_rows[train]] = TRAIN
        if train.any():
            parts[open_rows[train][kind.stopping(placement.take(train), share)]] = VALIDATION
        yield parts


def mean_rounds(rounds: Sequence[int | None]) -> int | None:
    """Return the mean of the rounds of each fold, rounded and at least 1; none of a kind without them."""
    found = [one for one in rounds if one is not None]
    return max(1, round(float(np.mean(found)))) if found else None
