"""One of a set of strings."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field

from molino.contracts.contradictions import Contradiction, Key, unusable_values
from molino.contracts.features.base import Cell, Feature
from molino.contracts.part import Word
from molino.contracts.tidy import tidied


class Category(Feature):
    """One of a set of strings, listed here or learnt from the training rows.

    Two texts are the same value where `tidied` makes them the same, in a source as in a request.
    """

    ordered = False
    sliced = True

    type: Literal["category"]
    values: tuple[Annotated[Word, Field(min_length=1)], ...] | None = Field(default=None, min_length=1)
    """Allowed values; learnt from the training rows when not given."""
    unseen: Literal["refuse", "other"] = "refuse"
    """What a value outside the set means: an error, or one more value called other."""

    def contradictions(self, key: Key, missing: tuple[str, ...]) -> Iterator[Contradiction]:
        """Yield listed values that no cell can have."""
        yield from unusable_values(self.values or (), missing, (*key, "values"))

    def released(self, learnt: tuple[str, ...] | None) -> dict[str, Any]:
        """Return the keys with the values that the model knows, listed or learnt."""
        return super().released(learnt) | {"values": self.values or learnt}

    def asked_for(self, value: float | int | bool | str) -> str | None:
        """Ask for one of the values that are listed, or any text where none are or others may be."""
        if not isinstance(value, str):
            return "text"
        known = self.values is None or self.unseen == "other" or tidied(value) in map(tidied, self.values)
        return None if known else f"one of {', '.join(self.values or ())}"

    @classmethod
    def as_json(cls, value: Any) -> Cell:
        """Return the string."""
        return str(value)

    @classmethod
    def may_be_asked(cls, value: Any, known: tuple[str, ...] | None, unseen: str) -> bool:
        """Tell whether the release lists the value, or takes others too."""
        return unseen == "other" or value in (known or ())
