"""What a predict body may be, said a second time and in another way than the server does: to judge its verdicts."""

import json
import math
import unicodedata
from typing import Any

from molino.contracts.release import Feature, Release

NUMBER_LIMIT = 1e30
INTEGER_LIMIT = 2**24


def accepts(body: bytes, release: Release) -> bool:
    """Tell whether a body is a right one."""
    try:
        content = json.loads(body.decode("utf-8"), parse_constant=_refuse)
        json.dumps(content, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        return False
    if not isinstance(content, dict) or len(content) != 1:
        return False
    key, rows = next(iter(content.items()))
    if key not in ("data", "records") or not isinstance(rows, list):
        return False
    if not 1 <= len(rows) <= release.serving["max_rows"]:
        return False
    return all(_accepts_row(row, release, by_name=key == "records") for row in rows)


def _refuse(word: str) -> float:
    raise ValueError(word)


def _accepts_row(row: Any, release: Release, by_name: bool) -> bool:
    if by_name:
        if not isinstance(row, dict) or not row.keys() <= {feature.name for feature in release.features}:
            return False
        values = [row.get(feature.name) for feature in release.features]
    elif isinstance(row, list) and len(row) == len(release.features):
        values = row
    else:
        return False
    return all(_accepts_value(value, feature) for value, feature in zip(values, release.features, strict=True))


def _accepts_value(value: Any, feature: Feature) -> bool:
    if value is None:
        return feature.missing == "impute"
    if feature.type == "category":
        if not isinstance(value, str) or not value.strip():
            return False
        known = feature.values is None or feature.unseen == "other"
        return known or unicodedata.normalize("NFC", value.strip()) in (feature.values or ())
    if feature.type == "boolean":
        return isinstance(value, bool | int | float) and value in (0, 1)
    if isinstance(value, bool) or not isinstance(value, int | float) or not -NUMBER_LIMIT <= value <= NUMBER_LIMIT:
        return False
    if feature.type == "integer":
        return float(value).is_integer() and abs(value) <= INTEGER_LIMIT
    return math.isfinite(value)
