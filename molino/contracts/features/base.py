"""What every feature of a model file has, and what each type of it says about requests and releases."""

import math
from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from pydantic import Field

from molino.contracts.contradictions import Contradiction, Key
from molino.contracts.part import COLUMN_PATTERN, Header, Part

Cell = float | int | bool | str | None
"""A value as the JSON of a request gives it; null where it is missing."""


class Feature(Part):
    """A feature: its name, its type, and the keys of that type."""

    ordered: ClassVar[bool] = True
    """Whether values come before and after each other as they stand in the source: rows can be split by time by it."""
    sliced: ClassVar[bool] = False
    """Whether its values part rows into slices, each of which metrics are told of."""
    worded: ClassVar[bool] = False
    """Whether values are words of texts that may be somebody's own: examples are made of the commonest."""
    timed: ClassVar[bool] = False
    """Whether its values are times of a day without the day."""

    name: str = Field(pattern=COLUMN_PATTERN)
    """What requests, graphs and the clean data call it."""
    column: Header | None = None
    """Its column in the source, where that has another name."""
    type: str
    description: str = ""
    missing: Literal["refuse", "drop", "impute"] = "refuse"

    @property
    def header(self) -> str:
        """The name of its column in the source."""
        return self.column or self.name

    def contradictions(self, key: Key, missing: tuple[str, ...]) -> Iterator[Contradiction]:
        """Yield the feature's keys that contradict each other.

        Args:
            key: of the feature in the model file.
            missing: cells that mean no value.
        """
        del key, missing
        yield from ()

    def released(self, learnt: tuple[str, ...] | None) -> dict[str, Any]:
        """Return the keys that a release has of the feature.

        A row that ingest would drop can't be answered, so that a request with it is refused.

        Args:
            learnt: the values that the training rows had, of a type that learns them.
        """
        del learnt
        return self.model_dump() | {"missing": "impute" if self.missing == "impute" else "refuse"}

    def asked_for(self, value: float | int | bool | str) -> str | None:
        """Return what a request must give in place of a value, in the words of an error; none where it may be that."""
        del value
        return None

    @classmethod
    def as_json(cls, value: Any) -> Cell:
        """Return a value of the clean data, which isn't missing, as a request gives it."""
        raise NotImplementedError

    @classmethod
    def may_be_asked(cls, value: Any, known: tuple[str, ...] | None, unseen: str) -> bool:
        """Tell whether a request may give a value of the clean data.

        Args:
            value: isn't missing.
            known: the values that the release lists, if any.
            unseen: what the release makes of others.
        """
        del value, known, unseen
        return True


def number_in(cell: str) -> float | None:
    """Return a cell as ingest reads a number, or none; Python takes 1_000 for one, ingest doesn't."""
    try:
        number = float(cell)
    except ValueError:
        return None
    return number if math.isfinite(number) and "_" not in cell else None
