"""Errors of the HTTP API as `application/problem+json` (RFC 9457)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import msgspec

CONTENT_TYPE = b"application/problem+json"


_TITLES = {413: "Content Too Large", 422: "Unprocessable Content"}
"""Phrases of RFC 9110 where Python has older ones; RFC 9457 (4.2.1) wants them for `about:blank`."""


def title_of(status: int) -> str:
    """Return the phrase of a status."""
    return _TITLES.get(status) or HTTPStatus(status).phrase


@dataclass(eq=False)
class Problem(Exception):  # noqa: N818 - the term of RFC 9457
    """What is wrong with a request, or why it can't be answered now."""

    status: int
    detail: str
    headers: tuple[tuple[bytes, bytes], ...] = ()
    errors: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
    """Each wrong value of a request: `row`, `feature` and `detail`."""
    error_key: bool = False
    """Whether to say the detail as `error` too, where clients of the Open Inference Protocol look for it."""

    def __str__(self) -> str:
        return f"{self.status} {self.detail}"

    def encode(self, request_id: str) -> bytes:
        """Return the body of the answer."""
        content: dict[str, Any] = {
            "type": "about:blank",
            "title": title_of(self.status),
            "status": self.status,
            "detail": self.detail,
            "request_id": request_id,
        }
        if self.error_key:
            content["error"] = self.detail
        if self.errors:
            content["errors"] = list(self.errors)
        return msgspec.json.encode(content)
