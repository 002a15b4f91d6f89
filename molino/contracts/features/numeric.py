"""What all numbers share, whole ones or not."""

from collections.abc import Iterator

from molino.contracts.contradictions import Contradiction, Key, reversed_range
from molino.contracts.features.base import Feature


def is_number(value: object) -> bool:
    """Tell whether a value of JSON is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


class Numeric(Feature):
    """A number with a unit and a range."""

    unit: str | None = None
    minimum: float | None = None
    maximum: float | None = None

    def contradictions(self, key: Key, missing: tuple[str, ...]) -> Iterator[Contradiction]:
        """Yield a range that holds nothing."""
        del missing
        yield from reversed_range(self, key)
