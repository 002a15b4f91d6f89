"""The access log: one JSON line per request, without payload or key, written in batches.

A write per request costs about 40 % of the throughput, so lines are gathered and written a few times a second, and
before the process ends.
"""

import random
import select
import sys
import time
from collections import deque
from contextlib import suppress
from typing import TextIO

import msgspec

from serving.http.exchange import Answer
from serving.http.traces import Trace

BATCH = 1000
"""Lines that are written at once even before the time has come."""
MOST_ENCODED = 256
"""Texts whose JSON is remembered: paths, methods and versions come again and again."""


class AccessLog:
    """Gathers the lines of one worker."""

    def __init__(self, share: float = 1.0, stream: TextIO | None = None) -> None:
        self._share = share
        self._stream = stream or sys.stderr
        self._lines: deque[str] = deque()
        self._second = 0
        self._stamp = ""
        self._encoded: dict[str, str] = {}

    def write(
        self, method: str, path: str, seconds: float, answer: Answer, client: str = "", trace: Trace | None = None
    ) -> None:
        """Log one request, or leave it out of the sample; failures of the server are always kept."""
        if self._share < 1 and answer.status < 500 and random.random() >= self._share:  # noqa: S311 - no secret
            return
        served = f',"client":{self._quote(client)}' if client else ""
        if answer.caller:
            served += f',"caller":{self._quote(answer.caller)}'
        if trace is not None:
            served += f',"trace_id":"{trace.trace_id}","span_id":"{trace.span_id}"'
        if answer.model:
            served += (
                f',"model":{self._quote(answer.model)},"version":{self._quote(answer.version)},"rows":{answer.rows}'
            )
        self._lines.append(
            f'{{"timestamp":"{self._now()}","level":"info","event":"request","request_id":"{answer.request_id}",'
            f'"method":{self._quote(method)},"path":{self._quote(path)},"status":{answer.status},'
            f'"duration_ms":{seconds * 1000:.3f},"bytes":{len(answer.body)}{served}}}\n'
        )
        if len(self._lines) >= BATCH:
            self.flush()

    def flush(self) -> None:
        """Write what was gathered; where that can't be done, on a full disk for example, it is lost.

        No call writes more than a pipe takes in one piece: workers share theirs, and a line must not be torn by
        another's.
        """
        piece: list[str] = []
        size = 0
        while self._lines:
            line = self._lines.popleft()
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

    def _now(self) -> str:
        now = time.time()
        second = int(now)
        if second != self._second:
            self._second = second
            self._stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._stamp}.{int((now - second) * 1000):03d}Z"

    def _quote(self, text: str) -> str:
        known = self._encoded.get(text)
        if known is None:
            known = msgspec.json.encode(text.encode("utf-8", "replace").decode()[:256]).decode()
            if len(self._encoded) < MOST_ENCODED:
                self._encoded[text] = known
        return known
