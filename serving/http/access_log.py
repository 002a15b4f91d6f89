"""The access log: one JSON line per request, without payload or key, written in batches.

A write per request costs about 40 % of the throughput, so requests are gathered, and made into lines and written a few
times a second and before the process ends.
"""

import random
import select
import sys
import time
from collections import deque
from contextlib import suppress
from typing import NamedTuple, TextIO

import msgspec

from serving.http.exchange import Answer
from serving.http.traces import Trace

BATCH = 1000
"""Lines that are written at once even before the time has come."""
LONGEST = 256
"""Characters of a text; what is longer is cut."""
MOST_ENCODED = 256
"""Texts whose JSON is remembered: paths, methods and versions come again and again."""


class _Entry(NamedTuple):
    """What a line is made of; the answer itself would keep its body in memory."""

    time: float
    method: str
    path: str
    seconds: float
    status: int
    size: int
    request_id: str
    caller: str
    model: str
    version: str
    rows: int
    client: str
    trace: Trace | None


class AccessLog:
    """Gathers the requests of one worker."""

    def __init__(self, share: float = 1.0, stream: TextIO | None = None) -> None:
        self._share = share
        self._stream = stream or sys.stderr
        self._entries: deque[_Entry] = deque()
        self._second = 0
        self._stamp = ""
        self._encoded: dict[str, str] = {}

    def write(
        self, method: str, path: str, seconds: float, answer: Answer, client: str = "", trace: Trace | None = None
    ) -> None:
        """Log one request, or leave it out of the sample; failures of the server are always kept."""
        if self._share < 1 and answer.status < 500 and random.random() >= self._share:  # noqa: S311 - no secret
            return
        self._entries.append(
            _Entry(
                time.time(),
                method[:LONGEST],
                path[:LONGEST],
                seconds,
                answer.status,
                len(answer.body),
                answer.request_id,
                answer.caller,
                answer.model,
                answer.version,
                answer.rows,
                client,
                trace,
            )
        )
        if len(self._entries) >= BATCH:
            self.flush()

    def flush(self) -> None:
        """Write what was gathered; where that can't be done, on a full disk for example, it is lost.

        No call writes more than a pipe takes in one piece: workers share theirs, and a line must not be torn by
        another's.
        """
        piece: list[str] = []
        size = 0
        while self._entries:
            line = self._line(self._entries.popleft())
            length = len(line.encode())
            if size + length > select.PIPE_BUF:
                self._put("".join(piece))
                piece, size = [], 0
            piece.append(line)
            size += length
        self._put("".join(piece))

    def _put(self, lines: str) -> None:
        with suppress(OSError, ValueError):
            self._stream.write(lines)
            self._stream.flush()

    def _line(self, entry: _Entry) -> str:
        served = f',"client":{self._quote(entry.client)}' if entry.client else ""
        if entry.caller:
            served += f',"caller":{self._quote(entry.caller)}'
        if entry.trace is not None:
            served += f',"trace_id":"{entry.trace.trace_id}","span_id":"{entry.trace.span_id}"'
        if entry.model:
            served += f',"model":{self._quote(entry.model)},"version":{self._quote(entry.version)},"rows":{entry.rows}'
        return (
            f'{{"timestamp":"{self._told(entry.time)}","level":"info","event":"request",'
            f'"request_id":"{entry.request_id}","method":{self._quote(entry.method)},"path":{self._quote(entry.path)},'
            f'"status":{entry.status},"duration_ms":{entry.seconds * 1000:.3f},"bytes":{entry.size}{served}}}\n'
        )

    def _told(self, now: float) -> str:
        second = int(now)
        if second != self._second:
            self._second = second
            self._stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._stamp}.{int((now - second) * 1000):03d}Z"

    def _quote(self, text: str) -> str:
        known = self._encoded.get(text)
        if known is None:
            known = msgspec.json.encode(text.encode("utf-8", "replace").decode()[:LONGEST]).decode()
            if len(self._encoded) < MOST_ENCODED:
                self._encoded[text] = known
        return known
