"""What every split of a model file has."""

from collections.abc import Iterator, Mapping
from typing import Annotated, NamedTuple, Self

from pydantic import Field, model_validator

from molino.contracts.features.base import Feature
from molino.contracts.part import LIST, ONE, OR_LIST, Part, Seed

Column = Annotated[str, Field(min_length=1, max_length=255)]
Columns = Annotated[
    Annotated[Column, ONE] | Annotated[tuple[Column, ...], Field(min_length=1), LIST],
    OR_LIST,
]
"""One column's name, or a list of them."""
Contradiction = tuple[tuple[str | int, ...], str]


class Model(NamedTuple):
    """What a split must go with, of the model file."""

    task: str
    target: str
    features: Mapping[str, Feature]
    """Name to section."""


class Split(Part):
    """Which rows are held out: the share of each part, and the seed."""

    kind: str
    test: float = Field(default=0.2, gt=0, lt=1)
    """Share of the rows that judge, which no candidate is trained or chosen on."""
    validation: float = Field(default=0.15, gt=0, lt=1)
    """Share of the rows that stop a candidate's training, and that candidates are chosen on."""
    seed: Seed = 0

    @model_validator(mode="after")
    def _leaves_rows_to_train_on(self) -> Self:
        if self.test + self.validation >= 0.9:
            raise ValueError("test + validation must be below 0.9, to leave rows to train on")
        return self

    @property
    def named(self) -> tuple[tuple[str, str], ...]:
        """Each key of this section that names a column, with that column."""
        return ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that rows are split by; none where all features are."""
        return tuple(column for _, column in self.named)

    def contradictions(self, model: Model) -> Iterator[Contradiction]:
        """Yield the key and the problem of what doesn't go with the rest of the model file."""
        for index, (key, column) in enumerate(self.named):
            where = ("split", *(int(part) if part.isdigit() else part for part in key.split(".")))
            if column == model.target:
                yield where, f"{column!r} is the target, by which no row may be held out; name another column"
            if column in self.columns[:index]:
                yield where, f"{column!r} is named twice; expected each column once"


class HashedSplit(Split):
    """A split by a hash, with the seed, of a row's features or of its key."""

    key: Columns | None = None
    """Column, or columns, that a row is known by, features or not; all features where not given."""

    @property
    def named(self) -> tuple[tuple[str, str], ...]:
        """The columns of the key."""
        if self.key is None:
            return ()
        if isinstance(self.key, str):
            return (("key", self.key),)
        return tuple((f"key.{index}", column) for index, column in enumerate(self.key))
