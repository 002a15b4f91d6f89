"""Requests to the serving API without a pause or at a rate, from several connections, each answer looked at."""

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.e2e.installed.installation import KEY, Installation


@dataclass(frozen=True)
class Fault:
    """What came in place of an answer; moments are those of `time.monotonic`."""

    asked: float
    ended: float
    text: str


@dataclass
class Load:
    """Sends requests from its entry on; after its exit the counts are complete."""

    installation: Installation
    model: str
    body: object
    connections: int = 4
    per_second: float | None = None
    """Requests, all connections together; without a pause when none. It may be changed under way."""
    connect: Callable[[], http.client.HTTPConnection] | None = None
    """Opens a connection; to the ingress without TLS when none."""
    key: Callable[[], str] = lambda: KEY
    """The API key, asked for at each request."""
    answered: int = 0
    versions: Counter[str] = field(default_factory=Counter)
    """Answers by the version that gave them."""
    faults: list[Fault] = field(default_factory=list)

    def __enter__(self) -> "Load":
        self._stop, self._lock = threading.Event(), threading.Lock()
        self._threads = [threading.Thread(target=self._send, daemon=True) for _ in range(self.connections)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _send(self) -> None:
        body = json.dumps(self.body)
        connection = self.connect() if self.connect else self._plain()
        due = time.monotonic()
        while not self._stop.is_set():
            asked = time.monotonic()
            headers = {"X-API-KEY": self.key(), "Content-Type": "application/json"}
            try:
                connection.request("POST", f"/models/{self.model}/predict", body, headers)
                answer = connection.getresponse()
                content = answer.read()
                self._count(asked, answer.status, content)
            except (OSError, http.client.HTTPException) as error:
                self._fault(asked, repr(error))
                connection.close()
            if self.per_second is not None:
                due = max(due + self.connections / self.per_second, time.monotonic() - 1)
                self._stop.wait(max(0.0, due - time.monotonic()))
        connection.close()

    def _plain(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.installation.cluster.address, 80, timeout=30)

    def _count(self, asked: float, status: int, content: bytes) -> None:
        if status != 200:
            return self._fault(asked, f"{status} {content[:200]!r}")
        answer: Any = json.loads(content)
        with self._lock:
            self.answered += 1
            self.versions[answer["model"]["version"]] += 1
        return None

    def _fault(self, asked: float, text: str) -> None:
        with self._lock:
            self.faults.append(Fault(asked, time.monotonic(), text))
