"""The exact way into a predict body: says which row and feature is wrong, and what was expected.

It accepts what `serving.inference.decoding` accepts, value by value; it only runs where that one refused.
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from molino.contracts.release import Release
from serving.features import serve_features
from serving.features.base import ABSENT
from serving.features.wording import cut, name_of, shorten
from serving.http.problems import Problem
from serving.inference.bounds import read_max_rows

NUMBERS = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\Z)|(-?)((?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)', re.DOTALL)
"""The numbers of a JSON text, with their signs, and its strings, which may hold what looks like one."""
BEYOND = b"9e307"
"""Stands for each number that no float can hold, and has no more signs than any of them."""
MOST_ERRORS = 20
"""A request with more faults than these is answered with the first ones."""


def read_json(body: bytes) -> Any:
    """Return the content of a JSON body; a number beyond any float is one beyond what any feature takes.

    Raises:
        Problem: 400 where it isn't JSON in UTF-8.
    """
    try:
        try:
            return msgspec.json.decode(body)
        except msgspec.ValidationError:  # a number that no float can hold
            return msgspec.json.decode(NUMBERS.sub(_held, body))
    except UnicodeDecodeError as error:
        raise Problem(400, f"the body is not UTF-8: invalid byte at position {_not_utf8(body)}") from error
    except RecursionError as error:
        raise Problem(400, "the body is nested too deeply") from error
    except msgspec.DecodeError as error:
        raise Problem(400, f"the body is not JSON: {_place(error)}") from error


def _held(found: re.Match[bytes]) -> bytes:
    """Return a string or a number as it stands, but for what is beyond any float: another in as many signs."""
    sign, number = found.groups(b"")
    return sign + BEYOND.ljust(len(number)) if number and math.isinf(float(number)) else found[0]


def _not_utf8(body: bytes) -> int:
    """Return where the first byte stands that isn't UTF-8; msgspec counts from the string that has it."""
    try:
        body.decode()
    except UnicodeDecodeError as error:
        return error.start
    return len(body)


def _place(error: msgspec.DecodeError) -> str:
    return str(error).removeprefix("JSON is malformed: ")


class BodyValidator:
    """Checks the content of a predict body against one release."""

    def __init__(self, release: Release) -> None:
        self._features = release.features
        self._checks = [served.check for served in serve_features(release)]
        self._positions = {feature.name: position for position, feature in enumerate(release.features)}
        self._max_rows = read_max_rows(release)

    def read(self, content: Any) -> list[list[Any]]:
        """Return rows in feature order.

        Raises:
            Problem: 422 with each wrong value's row and feature.
        """
        rows, by_name = self._rows_of(content)
        faults: list[dict[str, Any]] = []
        read: list[list[Any]] = []
        for index, row in enumerate(rows):
            values = self._by_name(index, row, faults) if by_name else self._by_position(index, row, faults)
            read.append([self._value(index, position, value, faults) for position, value in enumerate(values)])
            if len(faults) >= MOST_ERRORS:
                break
        if faults:
            raise Problem(422, _summary(faults), errors=faults[:MOST_ERRORS])
        return read

    def _rows_of(self, content: Any) -> tuple[list[Any], bool]:
        if not isinstance(content, dict):
            raise Problem(422, f'expected an object with "data" or "records", got {name_of(content)}')
        unknown = [key for key in content if key not in ("data", "records")]
        if unknown:
            raise Problem(422, f'unknown key {shorten(unknown[0])}; expected "data" or "records"')
        if len(content) != 1:
            raise Problem(422, 'expected one of "data" and "records"')
        key, rows = next(iter(content.items()))
        if not isinstance(rows, list):
            raise Problem(422, f'"{key}" must be an array of rows, got {name_of(rows)}')
        if not 1 <= len(rows) <= self._max_rows:
            raise Problem(422, f'"{key}" must have 1 to {self._max_rows} rows, got {len(rows)}')
        return rows, key == "records"

    def _by_position(self, index: int, row: Any, faults: list[dict[str, Any]]) -> Sequence[Any]:
        expected = f"an array of {len(self._features)} values in feature order"
        if not isinstance(row, list):
            faults.append({"row": index, "feature": None, "detail": f"expected {expected}, got {name_of(row)}"})
            return ()
        if len(row) != len(self._features):
            faults.append({"row": index, "feature": None, "detail": f"expected {expected}, got {len(row)}"})
            return ()
        return row

    def _by_name(self, index: int, row: Any, faults: list[dict[str, Any]]) -> Sequence[Any]:
        if not isinstance(row, dict):
            detail = f"expected an object with a value per feature, got {name_of(row)}"
            faults.append({"row": index, "feature": None, "detail": detail})
            return ()
        for key in row:
            if key not in self._positions:
                faults.append({"row": index, "feature": cut(key), "detail": "the model has no such feature"})
                if len(faults) >= MOST_ERRORS:
                    return ()
        return [row.get(feature.name, ABSENT) for feature in self._features]

    def _value(self, index: int, position: int, value: Any, faults: list[dict[str, Any]]) -> Any:
        try:
            return self._checks[position](value)
        except ValueError as error:
            faults.append({"row": index, "feature": self._features[position].name, "detail": str(error)})
            return None

    def read_rows(self, rows: list[Any]) -> list[list[Any]]:
        """Return checked rows from rows in feature order."""
        return self.read({"data": rows})


def _summary(faults: Sequence[Mapping[str, Any]]) -> str:
    first = faults[0]
    feature = f", feature {first['feature']}" if first["feature"] is not None else ""
    more = f" (and {len(faults) - 1} more, see errors)" if len(faults) > 1 else ""
    return f"row {first['row']}{feature}: {first['detail']}{more}"
