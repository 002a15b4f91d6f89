"""A split by a hash of each row."""

from typing import Literal

from molino.contracts.splits.base import HashedSplit


class Hash(HashedSplit):
    """A row's part follows from a hash of its features, or of its key: other rows may come or go."""

    kind: Literal["hash"]
