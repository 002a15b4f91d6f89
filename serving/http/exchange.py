"""What goes in and out of the functions that answer a request, whatever server carries it."""

import itertools
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from serving.http.problems import CONTENT_TYPE as PROBLEM_TYPE
from serving.http.problems import Problem

Headers = Mapping[bytes, bytes]
"""Request headers by lower-case name."""

JSON_TYPE = b"application/json"
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")


@dataclass(slots=True)
class Answer:
    """An answer, and what is counted of it."""

    status: int
    body: bytes
    request_id: str
    content_type: bytes = JSON_TYPE
    headers: tuple[tuple[bytes, bytes], ...] = ()
    model: str = ""
    version: str = ""
    rows: int = 0
    caller: str = ""


class RequestIds:
    """Takes the caller's request id where it is well formed, else makes one.

    An own id is a random prefix of the process and a count: unique, and much cheaper than a random id each.
    """

    def __init__(self) -> None:
        self._prefix = secrets.token_hex(6)
        self._count = itertools.count(1)

    def of(self, headers: Headers) -> str:
        """Return the id of a request."""
        given = headers.get(b"x-request-id")
        if given is not None and _REQUEST_ID.fullmatch(given):
            return given.decode("ascii")
        return f"{self._prefix}-{next(self._count):08x}"


def refuse(problem: Problem, request_id: str, model: str = "", version: str = "", caller: str = "") -> Answer:
    """Return the answer that a problem makes."""
    return Answer(
        status=problem.status,
        body=problem.encode(request_id),
        request_id=request_id,
        content_type=PROBLEM_TYPE,
        headers=problem.headers,
        model=model,
        version=version,
        caller=caller,
    )
