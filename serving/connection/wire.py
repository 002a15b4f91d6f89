"""Answers as bytes of HTTP/1.1."""

import time
from collections.abc import Iterable
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus

from serving.http.exchange import JSON_TYPE, Answer


class Clock:
    """The Date header, made once a second."""

    def __init__(self) -> None:
        self._second = 0
        self._line = b""

    def line(self) -> bytes:
        """Return the header with its line end."""
        second = int(time.time())
        if second != self._second:
            self._second = second
            self._line = b"date: " + formatdate(second, usegmt=True).encode() + b"\r\n"
        return self._line


@lru_cache(128)
def status_line(status: int) -> bytes:
    """Return the first line of an answer."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Unknown"
    return f"HTTP/1.1 {status} {phrase}\r\n".encode()


_JSON_OK = status_line(200) + b"content-type: " + JSON_TYPE + b"\r\nx-request-id: "


def encode_answer(answer: Answer, date: bytes, closing: bytes) -> bytes:
    """Return a whole answer; `closing` is a connection header, or nothing."""
    if answer.status == 200 and not answer.headers and answer.content_type is JSON_TYPE:
        start = _JSON_OK
        more = b""
    else:
        start = status_line(answer.status) + b"content-type: " + answer.content_type + b"\r\nx-request-id: "
        more = b"".join(b"%b: %b\r\n" % pair for pair in answer.headers)
    return b"%b%b\r\ncontent-length: %d\r\n%b%b%b\r\n%b" % (
        start,
        answer.request_id.encode(),
        len(answer.body),
        more,
        date,
        closing,
        answer.body,
    )


def encode_response(status: int, headers: Iterable[tuple[str, str]], body: bytes, date: bytes, closing: bytes) -> bytes:
    """Return the answer of a WSGI app, which gives its own length."""
    lines = b"".join(f"{name.lower()}: {value}\r\n".encode("latin-1") for name, value in headers)
    return b"".join((status_line(status), lines, date, closing, b"\r\n", body))
