"""The kinds of split that a model file may name: a module each, with its keys."""

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Discriminator, Tag

from molino.contracts.splits.base import Split
from molino.contracts.splits.identity import SplitIdentity
from molino.contracts.variants import find_kinds

__all__ = ["DEFAULT_KIND", "SPLITS", "AnySplit", "Split", "SplitIdentity"]

DEFAULT_KIND = "auto"
SPLITS = find_kinds(__name__, Split, "kind")
"""Kind to class."""


def _kind_of(section: Any) -> str:
    """Return the kind that a section names; without one it is `auto`."""
    if isinstance(section, dict):
        return str(section.get("kind", DEFAULT_KIND))
    return str(getattr(section, "kind", DEFAULT_KIND))


if TYPE_CHECKING:
    AnySplit = Split
else:
    AnySplit = Annotated[
        reduce(or_, (Annotated[section, Tag(kind)] for kind, section in SPLITS.items())), Discriminator(_kind_of)
    ]
