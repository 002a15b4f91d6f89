"""Free text."""

from typing import Any, Literal

from pydantic import Field

from molino.contracts.features.base import Cell, Feature


class Text(Feature):
    """Free text, of which candidates are given how often its words come.

    Words are what `words_of` makes of a text, in a source as in a request.
    """

    ordered = False
    worded = True

    type: Literal["text"]
    max_features: int = Field(default=500, ge=1, le=5000)
    """How many words are counted: those that most training rows have."""
    ngrams: int = Field(default=1, ge=1, le=3)
    """Up to how many words that follow each other are counted as one."""
    minimum_rows: int = Field(default=2, ge=1)
    """Training rows that must have a word."""

    def asked_for(self, value: float | int | bool | str) -> str | None:
        """Ask for text."""
        return None if isinstance(value, str) else "text"

    @classmethod
    def as_json(cls, value: Any) -> Cell:
        """Return the words."""
        return str(value)

    @classmethod
    def may_be_asked(cls, value: Any, known: tuple[str, ...] | None, unseen: str) -> bool:
        """Tell whether it has a word."""
        del known, unseen
        return bool(value)
