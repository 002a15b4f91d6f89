"""The exact way into a predict body: says which row and feature is wrong, and what was expected.

It accepts what `serving.decoding` accepts, value by value; it only runs where that one refused.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from molino.contracts.release import Feature, Release
from serving.bounds import NUMBER_LIMIT, Bounds, read_bounds, read_max_rows
from serving.problem import Problem

MOST_ERRORS = 20
"""A request with more faults than these is answered with the first ones."""
_MISSING = object()


def read_json(body: bytes) -> Any:
    """Return the content of a JSON body.

    Raises:
        Problem: 400 where it isn't JSON in UTF-8, 422 where a number in it is beyond any float.
    """
    try:
        return msgspec.json.decode(body)
    except msgspec.ValidationError as error:
        raise Problem(422, f"the body holds a number that no float can hold: {_place(error)}") from error
    except UnicodeDecodeError as error:
        raise Problem(400, f"the body is not UTF-8: invalid byte at position {error.start}") from error
    except RecursionError as error:
        raise Problem(400, "the body is nested too deeply") from error
    except msgspec.DecodeError as error:
        raise Problem(400, f"the body is not JSON: {_place(error)}") from error


def _place(error: msgspec.DecodeError) -> str:
    return str(error).removeprefix("JSON is malformed: ")


class BodyValidator:
    """Checks the content of a predict body against one release."""

    def __init__(self, release: Release) -> None:
        self._features = release.features
        self._checks = [Check(feature, read_bounds(release, feature)) for feature in release.features]
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
            raise Problem(422, f'expected an object with "data" or "records", got {_name_of(content)}')
        unknown = [key for key in content if key not in ("data", "records")]
        if unknown:
            raise Problem(422, f'unknown key {_shorten(unknown[0])}; expected "data" or "records"')
        if len(content) != 1:
            raise Problem(422, 'expected one of "data" and "records"')
        key, rows = next(iter(content.items()))
        if not isinstance(rows, list):
            raise Problem(422, f'"{key}" must be an array of rows, got {_name_of(rows)}')
        if not 1 <= len(rows) <= self._max_rows:
            raise Problem(422, f'"{key}" must have 1 to {self._max_rows} rows, got {len(rows)}')
        return rows, key == "records"

    def _by_position(self, index: int, row: Any, faults: list[dict[str, Any]]) -> Sequence[Any]:
        expected = f"an array of {len(self._features)} values in feature order"
        if not isinstance(row, list):
            faults.append({"row": index, "feature": None, "detail": f"expected {expected}, got {_name_of(row)}"})
            return ()
        if len(row) != len(self._features):
            faults.append({"row": index, "feature": None, "detail": f"expected {expected}, got {len(row)}"})
            return ()
        return row

    def _by_name(self, index: int, row: Any, faults: list[dict[str, Any]]) -> Sequence[Any]:
        if not isinstance(row, dict):
            detail = f"expected an object with a value per feature, got {_name_of(row)}"
            faults.append({"row": index, "feature": None, "detail": detail})
            return ()
        for key in row:
            if key not in self._positions:
                faults.append({"row": index, "feature": _cut(key), "detail": "the model has no such feature"})
                if len(faults) >= MOST_ERRORS:
                    return ()
        return [row.get(feature.name, _MISSING) for feature in self._features]

    def _value(self, index: int, position: int, value: Any, faults: list[dict[str, Any]]) -> Any:
        check = self._checks[position]
        try:
            return check(value)
        except ValueError as error:
            faults.append({"row": index, "feature": check.feature.name, "detail": str(error)})
            return None

    def columns(self, columns: Mapping[str, Sequence[Any]], rows: int) -> list[list[Any]]:
        """Return rows in feature order from a column of values per feature, all of one length."""
        return self.read_rows([[columns[feature.name][row] for feature in self._features] for row in range(rows)])

    def read_rows(self, rows: list[Any]) -> list[list[Any]]:
        """Return checked rows from rows in feature order."""
        return self.read({"data": rows})


class Check:
    """Checks one feature's value."""

    def __init__(self, feature: Feature, bounds: Bounds) -> None:
        self.feature = feature
        self._bounds = bounds
        self._known = frozenset(feature.values) if feature.values is not None else None

    def __call__(self, value: Any) -> Any:
        """Return the value as the graph takes it; none where it is missing and the graph fills it in.

        Raises:
            ValueError: says what was expected and what was there.
        """
        if value is None or value is _MISSING:
            if self.feature.missing == "impute":
                return None
            raise ValueError("the value is missing" if value is _MISSING else f"expected {self._expected()}, got null")
        if self.feature.type == "category":
            return self._category(value)
        if self.feature.type == "boolean":
            return self._boolean(value)
        return self._number(value)

    def _category(self, value: Any) -> str:
        if not isinstance(value, str):
            raise ValueError(f"expected {self._expected()}, got {_name_of(value)}")
        if not value:
            raise ValueError("an empty string is no value" + ("; use null" if self.feature.missing == "impute" else ""))
        if self._known is not None and value not in self._known and self.feature.unseen == "refuse":
            raise ValueError(f"expected {self._expected()}, got {_shorten(value)}")
        return value

    def _boolean(self, value: Any) -> float:
        if isinstance(value, bool | int | float) and value in (0, 1):
            return float(value)
        raise ValueError(f"expected true or false, got {_name_of(value)}")

    def _number(self, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"expected {self._expected()}, got {_name_of(value)}")
        if not -NUMBER_LIMIT <= value <= NUMBER_LIMIT:
            raise ValueError(f"the number is beyond {NUMBER_LIMIT:g}")
        if self.feature.type == "integer" and value != int(value):
            raise ValueError(f"expected an integer, got {value!r}")
        if not self._bounds.minimum <= value <= self._bounds.maximum:
            raise ValueError(f"expected a number from {self._bounds.minimum:g} to {self._bounds.maximum:g}, "
                             f"got {float(value)!r}")  # fmt: skip
        return float(value)

    def _expected(self) -> str:
        if self.feature.type != "category":
            return {"number": "a number", "integer": "an integer", "boolean": "true or false"}[self.feature.type]
        known = self.feature.values if self.feature.unseen == "refuse" else None
        return f"one of {', '.join(map(_shorten, known[:20]))}" if known else "a string"


def _summary(faults: Sequence[Mapping[str, Any]]) -> str:
    first = faults[0]
    feature = f", feature {first['feature']}" if first["feature"] is not None else ""
    more = f" (and {len(faults) - 1} more, see errors)" if len(faults) > 1 else ""
    return f"row {first['row']}{feature}: {first['detail']}{more}"


def _name_of(value: Any) -> str:
    """Return what a value is in JSON's words."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return f"the string {_shorten(value)}"
    if isinstance(value, int | float):
        return f"the number {_cut(repr(float(value)) if abs(value) < NUMBER_LIMIT else 'out of range')}"
    return "an array" if isinstance(value, list) else "an object"


def _shorten(text: str) -> str:
    return msgspec.json.encode(_cut(text)).decode()


def _cut(text: str) -> str:
    return text if len(text) <= 64 else f"{text[:63]}…"
