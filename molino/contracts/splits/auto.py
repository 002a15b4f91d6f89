"""The split of a model file that names no kind."""

from typing import Literal

from molino.contracts.splits.base import HashedSplit


class Auto(HashedSplit):
    """`stratified` of a classification, `hash` of a regression."""

    kind: Literal["auto"] = "auto"
