"""Variation is a type: each kind is a module of a folder, which defines one class, and is found by its name."""

import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from functools import reduce
from operator import or_
from typing import Annotated, Any, TypeVar, get_args

from pydantic import BaseModel, Field

Kind = TypeVar("Kind", bound=BaseModel)


def find_kinds(package: str, path: Iterable[str], base: type[Kind], tag: str) -> dict[str, type[Kind]]:
    """Return name to class of every kind in a folder, in the order of the names.

    The module `<name>` defines the one class below `base` whose field `tag` is `Literal["<name>"]`.

    Args:
        package: name of the folder's package.
        path: its `__path__`.
        base: what every kind is.
        tag: the key by which a model file says which kind is meant.
    """
    found: dict[str, type[Kind]] = {}
    for module in sorted(info.name for info in pkgutil.iter_modules(path)):
        defined = vars(importlib.import_module(f"{package}.{module}")).values()
        kinds = (kind for kind in defined if isinstance(kind, type) and _is_named(kind, base, tag, module))
        found.update((module, kind) for kind in kinds)
    return found


def union_of(kinds: Mapping[str, type[BaseModel]], tag: str) -> Any:
    """Return the type of a section that may be of any of the kinds, told apart by the tag."""
    if len(kinds) == 1:
        return next(iter(kinds.values()))
    return Annotated[reduce(or_, kinds.values()), Field(discriminator=tag)]


def _is_named(kind: type, base: type[BaseModel], tag: str, name: str) -> bool:
    return issubclass(kind, base) and kind is not base and get_args(kind.model_fields[tag].annotation) == (name,)
