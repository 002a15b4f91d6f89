"""A split by a hash of each row: every row keeps its part, whatever others come or go; shares are kept on average."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from molino.contracts.splits import SplitIdentity
from training.splits.contract import TEST, TRAIN, VALIDATION, Parts, Placement, SplitKind
from training.splits.hashing import row_uniforms

if TYPE_CHECKING:
    import polars as pl


class Hash(SplitKind):
    """Positions are numbers in [0, 1) by the row's hash: the lowest are test rows, the next validation rows."""

    def positions(self, identity: SplitIdentity, rows: "pl.DataFrame") -> NDArray[np.float64]:
        """Return the hash of each row as a number in [0, 1)."""
        return row_uniforms(rows, identity.columns, identity.seed)

    def parts(self, identity: SplitIdentity, placement: Placement) -> Parts:
        """Cut at the shares."""
        drawn, held_back = placement.positions, identity.test + identity.validation
        return np.where(drawn < identity.test, TEST, np.where(drawn < held_back, VALIDATION, TRAIN)).astype(np.uint8)

    def folds(self, placement: Placement, count: int) -> list[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
        """Deal the different rows out in the order of their hashes."""
        rank = np.unique(placement.positions, return_inverse=True)[1]
        return [(rank % count != fold, rank % count == fold) for fold in range(count)]
