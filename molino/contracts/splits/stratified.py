"""A split that gives each class its share in every part."""

from collections.abc import Iterator
from typing import Literal

from molino.contracts.splits.base import Contradiction, HashedSplit, Model


class Stratified(HashedSplit):
    """Within each class, rows are ordered by their hash: the first are held out for tests, the next for validation.

    A class of three or more different rows has at least one of them in each part. When rows come or go, only those
    near a boundary change their part.
    """

    kind: Literal["stratified"]

    def contradictions(self, model: Model) -> Iterator[Contradiction]:
        """Yield what doesn't go with the rest of the model file."""
        yield from super().contradictions(model)
        if model.task != "classification":
            yield ("split", "kind"), "stratified goes by classes, which a regression doesn't have; use hash"
