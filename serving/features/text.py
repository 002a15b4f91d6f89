"""Free text: its words in the graph, none where it is missing."""

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from msgspec import Meta
from numpy.typing import DTypeLike, NDArray

from molino.contracts.release import Reference
from molino.contracts.words import word_count, words_of
from serving.features.base import ServedFeature
from serving.features.number import binned
from serving.features.wording import name_of


class Text(ServedFeature):
    """Any text but a blank one; `words_of` says what of it the model takes."""

    type = "text"
    dtypes = frozenset({"string"})
    datatypes = frozenset({"BYTES"})
    plain = False
    any_text = True
    drawn = False

    @property
    def expected(self) -> str:
        """What a value must be, in the words of an error."""
        return "a string"

    def json_type(self) -> Any:
        """Return the type by which msgspec reads it."""
        return Annotated[str, Meta(min_length=1)]

    def present(self, value: Any) -> str:
        """Return the text."""
        if not isinstance(value, str):
            raise ValueError(f"expected {self.expected}, got {name_of(value)}")
        if not value.strip():
            raise ValueError("an empty string is no value" + ("; use null" if self.feature.missing == "impute" else ""))
        return value

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema of a value that is there."""
        return {"type": "string", "pattern": r"\S"}

    def tensor(self, values: Sequence[Any], dtype: DTypeLike) -> NDArray[Any]:
        """Return the words, as ingest has them; of a missing text none."""
        return np.array([words_of(value) if value else "" for value in values], dtype=dtype)

    def count(self, column: NDArray[Any], reference: Reference) -> list[int]:
        """Return missing, none outside, and how many texts have so many words as each bin."""
        lengths = np.array([word_count(text) for text in column if text], np.float32)
        return [len(column) - len(lengths), 0, *binned(lengths, reference)]

    def field(self) -> dict[str, Any]:
        """Return its field of the page's form."""
        return {"sends": "string", "input": {}}
