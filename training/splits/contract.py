"""What every kind of split can do."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from molino.contracts.splits import SplitIdentity

if TYPE_CHECKING:
    import polars as pl

TRAIN: Final = 0
VALIDATION: Final = 1
TEST: Final = 2
JUDGED: Final = 3
"""Of a fold: the rows that candidates are compared by."""
UNUSED: Final = 4
"""Of a fold: neither trained on nor judged."""
CALIBRATION: Final = 5
"""Rows that tell how wide prediction intervals are, and for which no candidate is trained or chosen."""

Boundaries = dict[str, tuple[float, float]]
Parts = NDArray[np.uint8]


@dataclass(frozen=True)
class Placement:
    """Where rows lie, in the order of the data."""

    positions: NDArray[np.float64]
    """[n]."""
    strata: NDArray[np.int32]
    """[n]: position of the row's class in `names`, -1 of an unknown one; all 0 of a split without classes."""
    names: tuple[str, ...]
    """The classes; one name of a split without them."""

    def take(self, chosen: NDArray[np.bool_]) -> "Placement":
        """Return some of the rows."""
        return Placement(self.positions[chosen], self.strata[chosen], self.names)


class SplitKind:
    """One kind of split."""

    unit = "rows equal in every feature"
    """What falls into a part together, for errors."""
    ordered = False
    """Whether later rows are apart from earlier ones, so that the last known answer is one to beat."""
    stratified = False
    """Whether parts depend on the row's class."""

    def resolved(self, task: str) -> str:  # noqa: ARG002
        """Return the name of the kind that is meant."""
        return type(self).__module__.rpartition(".")[2]

    def faults(self, column: "pl.Expr") -> Iterator[tuple[str, "pl.Expr"]]:
        """Yield what can be wrong with a column of text that rows are split by, and where it is."""
        yield "missing, and rows are split by it", column.is_null()

    def forms(self, column: "pl.Expr") -> Iterator[tuple[str, "pl.Expr"]]:  # noqa: ARG002
        """Yield what forms of such text are called, and where they are, of which a source may have one alone."""
        yield from ()

    def form(self, identity: SplitIdentity, rows: "pl.DataFrame") -> str | None:  # noqa: ARG002
        """Return which of the forms rows have; none of most kinds, or without rows."""
        return None

    def positions(self, identity: SplitIdentity, rows: "pl.DataFrame") -> NDArray[np.float64]:
        """Return the position of each row, [n], from the columns of the identity alone."""
        raise NotImplementedError

    def boundaries(self, identity: SplitIdentity, placement: Placement) -> Boundaries:  # noqa: ARG002
        """Return the cuts that depend on the data; none of most kinds."""
        return {}

    def parts(self, identity: SplitIdentity, placement: Placement) -> Parts:
        """Return `TRAIN`, `VALIDATION` or `TEST` for each row, [n]."""
        raise NotImplementedError

    def stopping(self, placement: Placement, share: float) -> NDArray[np.bool_]:
        """Return, of a fold's rows to train on, the about as large share that stops the training instead, [n]."""
        return self.folds(placement, max(2, round(1 / share)))[-1][1]

    def folds(self, placement: Placement, count: int) -> list[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
        """Return, of rows that are not held out, those to train on and those to judge by, [n] each, for each fold."""
        raise NotImplementedError
