"""Variation is a type: each kind is a module of a folder, which defines one class, and is found by its name."""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from functools import cache, reduce
from operator import or_
from typing import Annotated, Any, TypeVar, get_args

from pydantic import BaseModel, Field

Kind = TypeVar("Kind", bound=BaseModel)
Class = TypeVar("Class")


@cache
def modules_in(package: str) -> tuple[str, ...]:
    """Return the names of the modules of a package's folder, in order; the folder is read once."""
    return tuple(sorted(info.name for info in pkgutil.iter_modules(importlib.import_module(package).__path__)))


def class_in(package: str, name: str, base: Callable[..., Class]) -> type[Class] | None:
    """Return the class below `base` that the module of a name defines; none where no module, or none in it, does.

    Args:
        package: the folder of the kinds.
        name: of the module; it may come from a file of another version, so that any text will do.
        base: what every kind is: a class, or a protocol that the kinds name as theirs.
    """
    if name not in modules_in(package):
        return None
    module = importlib.import_module(f"{package}.{name}")
    own = (kind for kind in vars(module).values() if isinstance(kind, type) and kind.__module__ == module.__name__)
    return next((kind for kind in own if base in kind.__mro__[1:]), None)


def find_kinds(package: str, base: type[Kind], tag: str) -> dict[str, type[Kind]]:
    """Return name to class of every kind of section in a folder, in the order of the names.

    The class that the module `<name>` defines is one where its field `tag` is `Literal["<name>"]`.

    Args:
        package: the folder of the kinds.
        base: what every kind is.
        tag: the key by which a model file says which kind is meant.
    """
    found = {name: class_in(package, name, base) for name in modules_in(package)}
    return {name: kind for name, kind in found.items() if kind and _tag_of(kind, tag) == name}


def union_of(kinds: Mapping[str, type[BaseModel]], tag: str) -> Any:
    """Return the type of a section that may be of any of the kinds, told apart by the tag."""
    if len(kinds) == 1:
        return next(iter(kinds.values()))
    return Annotated[reduce(or_, kinds.values()), Field(discriminator=tag)]


def _tag_of(kind: type[BaseModel], tag: str) -> str | None:
    """Return the one word that a section's tag may be."""
    words = get_args(kind.model_fields[tag].annotation)
    return words[0] if len(words) == 1 else None
