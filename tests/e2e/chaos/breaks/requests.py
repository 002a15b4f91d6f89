"""Wrong requests, through the ingress."""

import http.client
import random
import socket
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial

from molino.contracts.release import Release, release_prefix
from tests.e2e.chaos.contract import Break
from tests.e2e.chaos.scene import Scene
from tests.e2e.chaos.stage import MODELS
from tests.e2e.installed import runs
from tests.e2e.installed.installation import KEY
from tests.e2e.installed.runs import StartedRun
from tests.serving.fuzzer import REFUSALS, Fuzzer, Sent, frame, garble
from tests.serving.oracle import accepts

MOST = 50_000
PER_POINT = 2500
CONNECTIONS = 8
LIMIT = 600.0
"""Seconds after which what isn't sent is left out, and told."""
TENSORS, FRAMES = 0.1, 0.1
"""Shares of requests of the Open Inference Protocol, and of those with broken framing."""
LONGEST_FRAME = 5000
INGRESS_BYTES = 2**20
"""Above so many an ingress may refuse a body that is right otherwise."""
OF_THE_INGRESS = (501, 505)
"""What nginx says of an encoding or a version of HTTP that it doesn't know: a fault of the request all the same."""
PATIENCE = 30.0
PORT = 80
SHOWN = 3


class FuzzedRequests(Break):
    """The fuzzer of the serving tests, which also knows which of its requests are right."""

    name = "fuzzed-requests"
    what = f"fuzzed requests through the ingress over {CONNECTIONS} connections: bodies, headers, paths, framing"
    promised = "each judged rightly, no 5xx"
    models = ()

    def harm(self, scene: Scene, started: Sequence[StartedRun]) -> None:
        self._found: Counter[str] = Counter()
        scene.mark()
        release, count = _release(scene, MODELS[0]), min(MOST, scene.points * PER_POINT)
        seeds = [scene.chance.randrange(2**32) for _ in range(CONNECTIONS)]
        address, end = scene.installation.cluster.address, time.monotonic() + LIMIT
        statuses: Counter[int] = Counter()
        fuzz = partial(_fuzz, address, release, count // CONNECTIONS, end)
        for answered, found in scene.executor.map(fuzz, seeds):
            statuses += answered
            self._found += found
        told = ", ".join(f"{number:,} × {status}" for status, number in sorted(statuses.items()))
        scene.notes.append(f"{statuses.total():,} answers: {told}")

    def faults(self, scene: Scene, states: Sequence[tuple[str | None, str | None]]) -> list[str]:
        return [f"{count} × {fault}" for fault, count in self._found.most_common(SHOWN)]


def _release(scene: Scene, model: str) -> Release:
    version = runs.served_version(scene.installation, model)
    with runs.store(scene.installation) as store:
        return Release.model_validate_json(runs.read(store, f"{release_prefix(model, str(version))}release.json"))


def _fuzz(address: str, release: Release, count: int, end: float, seed: int) -> tuple[Counter[int], Counter[str]]:
    """Send requests one after the other; return the statuses, and what was answered wrongly."""
    fuzzer, chance = Fuzzer(release, seed), random.Random(seed)
    statuses: Counter[int] = Counter()
    found: Counter[str] = Counter()
    connection = http.client.HTTPConnection(address, PORT, timeout=PATIENCE)
    for _ in range(count):
        if time.monotonic() > end:
            break
        kind = chance.random()
        if kind < FRAMES:
            raw = garble(frame(fuzzer.body()[:LONGEST_FRAME], fuzzer.path, chance), chance)
            for status in _statuses(address, raw):
                statuses[status] += 1
                found.update([f"{status} to broken framing"] if status >= 500 and status not in OF_THE_INGRESS else [])
            continue
        sent = fuzzer.tensors() if kind < FRAMES + TENSORS else fuzzer.request()
        status = _ask(connection, sent)
        statuses[status] += 1
        fault = _fault(sent, status, release, tensors=kind < FRAMES + TENSORS)
        found.update([fault] if fault else [])
    connection.close()
    return statuses, found


def _ask(connection: http.client.HTTPConnection, sent: Sent) -> int:
    """Return the status of the answer, 0 where none came over two connections."""
    headers = {"X-API-KEY": KEY, "Content-Type": "application/json", **sent.headers}
    for _ in range(2):
        try:
            connection.request(sent.method, sent.path, sent.body, headers)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            connection.close()  # a kept connection may be closed at any time
        else:
            return answer.status
    return 0


def _fault(sent: Sent, status: int, release: Release, tensors: bool) -> str | None:
    """Return what is wrong with an answer."""
    if status not in (200, 204) and status not in REFUSALS:
        return f"{status or 'no answer'} to {sent.method} {sent.path}"
    if tensors or sent.method != "POST":
        return None
    if status == 413 and len(sent.body) > INGRESS_BYTES:
        return None
    right = sent.sound and accepts(sent.body, release)
    return None if right == (status == 200) else f"{status} where the body is {'right' if right else 'wrong'}"


def _statuses(address: str, raw: bytes) -> Iterator[int]:
    """Send bytes on a connection of their own, and yield the status of each answer until it is closed."""
    received = b""
    with suppress(OSError), socket.create_connection((address, PORT), timeout=PATIENCE) as client:
        client.sendall(raw)
        client.shutdown(socket.SHUT_WR)
        while chunk := client.recv(65536):
            received += chunk
    for line in received.split(b"\r\n"):
        if line.startswith(b"HTTP/1.") and line.split(b" ")[1].isdigit():
            yield int(line.split(b" ")[1])
