"""A split that keeps the rows of a group together."""

from typing import Literal

from molino.contracts.splits.base import Column, Split


class Group(Split):
    """All rows with the same value of a column are in the same part: a person's visits, a station's days."""

    kind: Literal["group"]
    column: Column
    """A column of the source, feature or not."""

    @property
    def named(self) -> tuple[tuple[str, str], ...]:
        """The column of the groups."""
        return (("column", self.column),)
