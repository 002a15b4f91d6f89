"""The access log: one JSON line per request, without payload or key, written in batches.

A write per request costs about 40 % of the throughput, so lines are gathered, and written once they fill a piece of a
pipe, a few times a second, and before the process ends. Larger batches save nothing, and hold up what comes meanwhile.
"""

import random
import select
import sys
import time
from contextlib import suppress
from functools import lru_cache
from typing import TextIO

import msgspec

from molino.contracts.trace_context import Place
from serving.http.exchange import Answer

LONGEST = 256
"""Characters of a text; what is longer is cut."""
MOST_ENCODED = 256
"""How much JSON is remembered: paths, callers and versions come again and again."""


class AccessLog:
    """Gathers the lines of one worker."""

    def __init__(self, share: float = 1.0, stream: TextIO | None = None) -> None:
        self._share = share
        self._stream = stream or sys.stderr
        self._lines: list[str] = []
        self._size = 0
        self._second = 0
        self._stamp = ""

    def write(
        self, method: str, path: str, seconds: float, answer: Answer, client: str = "", trace: Place | None = None
    ) -> None:
        """Log one request, or leave it out of the sample; failures of the server are always kept.

        No call of the system writes more than a pipe takes in one piece: workers share theirs, and a line must not be
        torn by another's.
        """
        if self._share < 1 and answer.status < 500 and random.random() >= self._share:  # noqa: S311 - no secret
            return
        line = self._line(method, path, seconds, answer, client, trace)
        size = len(line.encode())
        if self._size + size > select.PIPE_BUF:
            self.flush()
        self._lines.append(line)
        self._size += size

    def flush(self) -> None:
        """Write what was gathered; where that can't be done, on a full disk for example, it is lost."""
        lines, self._lines, self._size = self._lines, [], 0
        with suppress(OSError, ValueError):
            self._stream.write("".join(lines))
            self._stream.flush()

    def _line(self, method: str, path: str, seconds: float, answer: Answer, client: str, trace: Place | None) -> str:
        served = _served(answer.model, answer.version) + f',"rows":{answer.rows}' if answer.model else ""
        traced = f',"trace_id":"{trace.trace_id}","span_id":"{trace.span_id}"' if trace else ""
        return (
            f'{{"timestamp":"{self._now()}","level":"info","event":"request","request_id":"{answer.request_id}",'
            f'{_asked(method, path)},"status":{answer.status},"duration_ms":{seconds * 1000:.3f},'
            f'"bytes":{len(answer.body)}{_came_from(client, answer.caller)}{traced}{served}}}\n'
        )

    def _now(self) -> str:
        now = time.time()
        second = int(now)
        if second != self._second:
            self._second = second
            self._stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._stamp}.{int((now - second) * 1000):03d}Z"


@lru_cache(MOST_ENCODED)
def _asked(method: str, path: str) -> str:
    return f'"method":{_quoted(method)},"path":{_quoted(path)}'


@lru_cache(MOST_ENCODED)
def _came_from(client: str, caller: str) -> str:
    return "".join(f',"{name}":{_quoted(text)}' for name, text in (("client", client), ("caller", caller)) if text)


@lru_cache(MOST_ENCODED)
def _served(model: str, version: str) -> str:
    return f',"model":{_quoted(model)},"version":{_quoted(version)}'


def _quoted(text: str) -> str:
    """Return a text as JSON, cut where it is long."""
    return msgspec.json.encode(text.encode("utf-8", "replace").decode()[:LONGEST]).decode()
