"""Real numbers."""

from collections.abc import Iterator

from molino.contracts.features.number import Number
from training.features.base import Rule
from training.features.numeric import NumericType


class NumberType(NumericType[Number]):
    """A real number."""

    def faults(self) -> Iterator[Rule]:
        """Yield what makes it no number of the feature's range."""
        yield from super().faults()
        yield from self.range_faults(self.feature.minimum, self.feature.maximum)
