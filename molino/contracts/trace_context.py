"""A place in a trace, as OpenTelemetry's callers tell it (W3C Trace Context, `traceparent`)."""

import re
from dataclasses import dataclass

SAMPLED = 1
_TRACEPARENT = re.compile(r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_FIRST_VERSION = "00"
"""Of this version nothing follows the flags; what later ones say there is passed over."""


@dataclass(frozen=True)
class Place:
    """A span's place in its trace."""

    trace_id: str
    span_id: str
    sampled: bool = True

    @property
    def traceparent(self) -> str:
        """The header, and variable, by which another takes it as the parent."""
        return f"{_FIRST_VERSION}-{self.trace_id}-{self.span_id}-{SAMPLED if self.sampled else 0:02x}"


def read_traceparent(text: str) -> Place | None:
    """Return the place that a header tells; none where it is malformed."""
    match = _TRACEPARENT.fullmatch(text.strip())
    if match is None or (match[1] == _FIRST_VERSION and match[5]):
        return None
    return Place(match[2], match[3], bool(int(match[4], 16) & SAMPLED))
