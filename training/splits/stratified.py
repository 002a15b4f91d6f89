"""A split by the rank of a row's hash within its class."""

import numpy as np
from numpy.typing import NDArray

from molino.contracts.splits import SplitIdentity
from training.splits.contract import TEST, TRAIN, VALIDATION, Boundaries, Parts, Placement
from training.splits.cuts import cut_first
from training.splits.hash import Hash


class Stratified(Hash):
    """Positions are those of `hash`; each class has cuts of its own."""

    stratified = True

    def boundaries(self, identity: SplitIdentity, placement: Placement) -> Boundaries:
        """Lay the cuts of each class half way between two different rows, nearest to its share of the rows."""
        found = {}
        for index, name in enumerate(placement.names):
            of_class = placement.positions[placement.strata == index]
            found[name] = cut_first(of_class, identity.test, identity.validation)
        return found

    def parts(self, identity: SplitIdentity, placement: Placement) -> Parts:
        """Cut each class at its boundaries; a row of an unknown class is one to train on."""
        cuts = np.array([*(identity.boundaries[name] for name in placement.names), (-1.0, -1.0)])
        low, high = cuts[placement.strata].T
        drawn = placement.positions
        return np.where(drawn < low, TEST, np.where(drawn < high, VALIDATION, TRAIN)).astype(np.uint8)

    def folds(self, placement: Placement, count: int) -> list[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
        """Deal the different rows of each class out in the order of their hashes."""
        fold_of = np.zeros(len(placement.positions), np.intp)
        for index in range(len(placement.names)):
            of_class = placement.strata == index
            fold_of[of_class] = np.unique(placement.positions[of_class], return_inverse=True)[1] % count
        return [(fold_of != fold, fold_of == fold) for fold in range(count)]
