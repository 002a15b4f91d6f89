"""Which column of a table holds which feature: a table has the source's headers, or the features' names."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any


def columns_of(features: Sequence[Mapping[str, Any]], header: Collection[str]) -> dict[str, str]:
    """Return feature to column of those that have one, no column for two of them.

    A table is taken to have the headers of the training rows' source, or the features' names where it has more of
    these; what it lacks of the one may be called by the other.

    Args:
        features: as the API tells of them: `name`, and `column` where the source calls it otherwise.
        header: names of the table's columns.
    """
    readings = [
        {one["name"]: called for one in features if (called := one.get(key) or one["name"]) in header}
        for key in ("column", "name")
    ]
    by_header, by_name = readings
    first, second = (by_name, by_header) if len(by_name) > len(by_header) else (by_header, by_name)
    taken = set(first.values())
    return first | {name: called for name, called in second.items() if name not in first and called not in taken}
