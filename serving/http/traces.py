"""The trace that a request is part of, as OpenTelemetry's callers tell it (W3C Trace Context, `traceparent`)."""

import re
from typing import NamedTuple

from serving.http.exchange import Headers

_TRACEPARENT = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}(?:-.*)?")
_FIRST_VERSION = 55
"""Length of a value of version 00, which nothing may follow."""


class Trace(NamedTuple):
    """A trace, and the caller's span in it."""

    trace_id: str
    span_id: str


def read_trace(headers: Headers) -> Trace | None:
    """Return the trace of a request; none where there is none, or its header is malformed."""
    given = headers.get(b"traceparent")
    if given is None:
        return None
    match = _TRACEPARENT.fullmatch(given.strip())
    if match is None or (given.startswith(b"00") and len(given.strip()) != _FIRST_VERSION):
        return None
    return Trace(match[1].decode(), match[2].decode())
