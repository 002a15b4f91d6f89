"""Times: ISO 8601 in a request, whole hours since 2000-01-01 in the graph."""

import datetime as dt
from typing import Any

from serving.features.date import Date


class Datetime(Date):
    """A day and a time, of a text that `moment_in` reads as ISO 8601; in UTC, or as it stands without a zone."""

    type = "datetime"
    read_as = dt.datetime
    input = "datetime-local"

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema of a value that is there."""
        return {"type": "string", "format": "date-time", "examples": ["2026-01-31T12:30:00Z"]}
