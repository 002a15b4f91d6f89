"""Bad input: no 5xx, no wrong input accepted, no right input refused, every answer in the documented form."""

import http.client
import json
import random
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from fuzzer import REFUSALS, Fuzzer, Sent, frame, garble
from oracle import accepts
from running_server import JSON, Reply, RunningServer

from molino.contracts.release import Release

pytestmark = pytest.mark.fuzz
REQUESTS = 8000
"""Predict requests for each of the two models."""
TENSOR_REQUESTS = 2000
FRAMES = 1000


class Caller:
    """Sends over a kept connection, and opens it again where the server closed it."""

    def __init__(self, server: RunningServer) -> None:
        self._server = server
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)

    def __enter__(self) -> "Caller":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def send(self, sent: Sent) -> Reply:
        """Ask. A server that refuses a body by its head may end the connection while that is sent (RFC 9112, 9.6)."""
        with suppress(BrokenPipeError, ConnectionResetError):
            self._connection.request(sent.method, sent.path, sent.body, {**JSON, **sent.headers})
        answer = self._connection.getresponse()
        return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())


def faults(reply: Reply) -> Iterator[str]:
    """Yield what isn't as documented."""
    if reply.status in (200, 204):
        return
    if reply.status not in REFUSALS:
        yield f"status {reply.status}"
    if reply.headers.get("content-type") != "application/problem+json":
        yield f"content type {reply.headers.get('content-type')}"
        return
    content = reply.json
    if content["status"] != reply.status or not content["title"] or not content["detail"]:
        yield f"problem {content}"
    if content["request_id"] != reply.headers["x-request-id"]:
        yield "request ids differ"


def wrong_answer(reply: Reply, sent: Sent, release: Release) -> str | None:
    right = sent.sound and accepts(sent.body, release)
    if right != (reply.status == 200):
        return f"{reply.status} where the body is {'right' if right else 'wrong'}"
    if right:
        ((_, rows),) = json.loads(sent.body).items()
        if len(reply.json["predictions"]) != len(rows) or None in reply.json["predictions"]:
            return "not a prediction per row"
    return None


@pytest.fixture(scope="module", params=["housing", "penguins"])
def release(request: pytest.FixtureRequest, releases: Path) -> Release:
    return Release.model_validate_json((releases / request.param / "1" / "release.json").read_text())


def test_predict_bodies_are_judged_rightly(server: RunningServer, release: Release) -> None:
    fuzzer = Fuzzer(release, seed=1)
    found: list[str] = []
    accepted = 0
    with Caller(server) as caller:
        for _ in range(REQUESTS):
            sent = fuzzer.request()
            reply = caller.send(sent)
            accepted += reply.status == 200
            told = [*faults(reply)]
            if sent.method == "POST":
                wrong = wrong_answer(reply, sent, release)
                told += [wrong] if wrong else []
            found += [f"{fault}: {sent!r:.300} -> {reply.body[:200]!r}" for fault in told]

    assert found == []
    assert 0.2 < accepted / REQUESTS < 0.8


def test_tensors_never_break_the_server(server: RunningServer, release: Release) -> None:
    fuzzer = Fuzzer(release, seed=2)
    found: list[str] = []
    with Caller(server) as caller:
        for _ in range(TENSOR_REQUESTS):
            sent = fuzzer.tensors()
            reply = caller.send(sent)
            found += [f"{fault}: {sent!r:.300} -> {reply.body[:200]!r}" for fault in faults(reply)]

    assert found == []


def test_broken_framing_never_breaks_the_server(server: RunningServer, release: Release) -> None:
    """Wrong lengths, truncated and garbled requests: each answer that comes is a whole one, and none is a 5xx."""
    chance = random.Random(3)
    fuzzer = Fuzzer(release, seed=3)
    found: list[str] = []
    for _ in range(FRAMES):
        raw = garble(frame(fuzzer.body()[:5000], fuzzer.path, chance), chance)
        for status, content in read_answers(server, raw):
            if status >= 500 or (status >= 400 and json.loads(content)["status"] != status):
                found.append(f"{status} {content!r} to {raw[:300]!r}")

    assert found == []
    assert server.ask("GET", "/ready").status == 200


def read_answers(server: RunningServer, raw: bytes) -> Iterator[tuple[int, bytes]]:
    """Send bytes, end the sending side, and yield each whole answer until the server closes."""
    received = b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client, suppress(ConnectionError):
        client.sendall(raw)
        client.shutdown(socket.SHUT_WR)
        while chunk := client.recv(65536):
            received += chunk
    while received:
        head, _, received = received.partition(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        length = int(lengths[0].partition(b":")[2]) if lengths else 0
        assert len(received) >= length
        yield status, received[:length]
        received = received[length:]
