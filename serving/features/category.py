"""Categories: strings in the graph, the empty one where the value is missing."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from msgspec import Meta
from numpy.typing import DTypeLike, NDArray

from molino.contracts.release import Feature, Reference
from molino.contracts.tidy import tidied
from serving.features.base import ServedFeature, count_words
from serving.features.wording import name_of, shorten

UNSEEN = "\ufffd"
"""What a value that the model doesn't know becomes. Sent as it is, a value with a NUL inside would be cut there by ONNX
Runtime, and could turn into a known one."""
SHOWN_VALUES = 20


class Category(ServedFeature):
    """A string, of which `tidied` says what is the same; one of the release's values where it refuses others."""

    type = "category"
    dtypes = frozenset({"string"})
    datatypes = frozenset({"BYTES"})
    plain = False

    def __init__(self, feature: Feature, refuses_range: bool) -> None:
        super().__init__(feature, refuses_range)
        self._known = frozenset(feature.values) if feature.values is not None else None
        self._spelled = {tidied(value): value for value in feature.values or ()}
        """Tidy value to the release's own spelling, which an older release may have of a graph of its own."""
        self._listed = feature.values if feature.unseen == "refuse" else None
        self.any_text = self._listed is None

    @property
    def expected(self) -> str:
        """What a value must be, in the words of an error."""
        return f"one of {', '.join(map(shorten, self._listed[:SHOWN_VALUES]))}" if self._listed else "a string"

    def json_type(self) -> Any:
        """Return the type by which msgspec reads it."""
        return Annotated[str, Meta(min_length=1)] if self._listed is None else Literal[tuple(self._listed)]

    def present(self, value: Any) -> str:
        """Return the string."""
        if not isinstance(value, str):
            raise ValueError(f"expected {self.expected}, got {name_of(value)}")
        tidy = tidied(value)
        if not tidy:
            raise ValueError("an empty string is no value" + ("; use null" if self.feature.missing == "impute" else ""))
        if self._listed is not None and tidy not in self._spelled:
            raise ValueError(f"expected {self.expected}, got {shorten(value)}")
        return value if value in (self._known or ()) else self._spelled.get(tidy, tidy)

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema of a value that is there."""
        if self._listed is not None:
            return {"type": "string", "enum": list(self._listed)}
        known = {"examples": list(self.feature.values[:SHOWN_VALUES])} if self.feature.values else {}
        return {"type": "string", "pattern": r"\S", **known}

    def tensor(self, values: Sequence[Any], dtype: DTypeLike) -> NDArray[Any]:
        """Return the strings, tidy as ingest has them; a missing one is empty."""
        known = self._known
        if known is None:
            return np.array([tidied(value) if value else "" for value in values], dtype=dtype)
        return np.array([value if value in known else self._otherwise(value) for value in values], dtype=dtype)

    def _otherwise(self, value: str | None) -> str:
        """Return what stands in the graph for a value that the release doesn't list in this spelling."""
        return self._spelled.get(tidied(value), UNSEEN) if value else ""

    def count(self, column: NDArray[Any], reference: Reference) -> list[int]:
        """Return missing, outside, and the count of each value."""
        return count_words([value for value in column if value], len(column), reference.values or ())

    def field(self) -> dict[str, Any]:
        """Return its field of the page's form."""
        return {"sends": "string", "choices": list(self._listed)} if self._listed else {"sends": "string", "input": {}}
