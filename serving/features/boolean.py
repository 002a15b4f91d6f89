"""Booleans: 0 and 1 in the graph, words in the reference."""

from typing import Annotated, Any

from msgspec import Meta
from numpy.typing import NDArray

from molino.contracts.release import Reference
from serving.features.base import NUMBERS, ServedFeature, count_words
from serving.features.number import present_numbers
from serving.features.wording import name_of

_WORDS = {"1": "true", "0": "false"}


class Boolean(ServedFeature):
    """True or false, or 1 or 0."""

    type = "boolean"
    datatypes = NUMBERS | {"BOOL"}

    @property
    def expected(self) -> str:
        """What a value must be, in the words of an error."""
        return "true or false"

    def json_type(self) -> Any:
        """Return the type by which msgspec reads it."""
        return bool | Annotated[float, Meta(ge=0.0, le=1.0, multiple_of=1)]

    def present(self, value: Any) -> float:
        """Return 0 or 1."""
        if isinstance(value, bool | int | float) and value in (0, 1):
            return float(value)
        raise ValueError(f"expected {self.expected}, got {name_of(value)}")

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema of a value that is there."""
        return {"anyOf": [{"type": "boolean"}, {"type": "integer", "enum": [0, 1]}]}

    def count(self, column: NDArray[Any], reference: Reference) -> list[int]:
        """Return missing, outside, and the count of each word."""
        words = ["true" if value else "false" for value in present_numbers(column)]
        known = [_WORDS.get(value, value.lower()) for value in reference.values or ()]
        return count_words(words, len(column), known)

    def field(self) -> dict[str, Any]:
        """Return its field of the page's form."""
        return {"sends": "boolean", "choices": ["true", "false"]}
