"""Frames of pandas or Polars as rows of a request, and answers as a frame of the same kind.

Neither is imported here: who has a frame has its library.
"""

import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from molino.contracts.columns import columns_of
from molino.contracts.errors import MolinoError
from molino.contracts.tidy import tidied

Frame = TypeVar("Frame")


class FrameError(MolinoError):
    """What was given is no frame of pandas or Polars, or lacks a feature."""


def rows_of(frame: Any, features: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
    """Return rows in feature order, each value as JSON has it; null where it is missing.

    Raises:
        FrameError: it is no DataFrame, has no column for a feature that isn't imputed, or several of its name.
    """
    kind = _kind(frame)
    if kind == "polars" and hasattr(frame, "collect"):
        frame = frame.collect()
    names = [tidied(str(name)) for name in frame.columns]
    places = columns_of(features, names)
    columns: list[list[Any]] = []
    missing: list[str] = []
    for feature in features:
        name = places.get(feature["name"])
        if name is not None:
            if names.count(name) > 1:
                raise FrameError(f"the frame has {names.count(name)} columns {name!r}; give each a name of its own")
            column = frame[frame.columns[names.index(name)]]
            columns.append([_json(value) for value in _listed(column, kind)])
        elif feature.get("missing") == "impute":
            columns.append([None] * len(frame))
        else:
            missing.append(feature["name"])
    if missing:
        raise FrameError(f"the frame lacks the model's features {', '.join(missing)}; it has {', '.join(names)}")
    return [list(row) for row in zip(*columns, strict=True)]


def frame_of(like: Frame, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> Frame:
    """Return answers as a frame of the kind of another, whose index it has where there is one."""
    content = {name: [row.get(name) for row in rows] for name in columns}
    library: Any = sys.modules[_kind(like)]
    options = {"index": getattr(like, "index")} if hasattr(like, "index") else {}  # noqa: B009
    made: Frame = library.DataFrame(content, **options)
    return made


def _kind(frame: Any) -> str:
    """Return the name of a frame's library.

    Raises:
        FrameError: it is no DataFrame.
    """
    for base in type(frame).__mro__:
        package = base.__module__.partition(".")[0]
        if package in ("pandas", "polars") and base.__name__ in ("DataFrame", "LazyFrame"):
            return package
    raise FrameError(f"expected a DataFrame of pandas or Polars, got {type(frame).__name__}")


def _listed(column: Any, kind: str) -> list[Any]:
    if kind == "polars":
        listed: list[Any] = column.to_list()
        return listed
    present = column.notna().tolist()
    return [value if there else None for value, there in zip(column.tolist(), present, strict=True)]


def _json(value: Any) -> Any:
    """Return a value as JSON has it: a number of NumPy as one of Python, a date as ISO writes it."""
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if hasattr(value, "item") and not isinstance(value, str | bytes):
        value = value.item()
    if isinstance(value, float) and math.isnan(value):
        return None
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
