"""Signing keys that are rotated under load, in a file and at an address."""

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import jwt
import pytest
from running_server import JSON, RunningServer, run_server

from serving.auth.followed_file import FollowedFile
from serving.auth.signing_keys import LARGEST_BYTES, KeyFile
from tests.serving.auth.issuer import KeyHost, claims, jwk_of, new_ec, pem_of, run_key_host

KEYS = [new_ec() for _ in range(6)]
TOKENS = {"MOLINO_SERVING_JWT_ISSUER": "dex", "MOLINO_SERVING_JWT_AUDIENCE": "molino"}


def token(number: int, named: bool = True, **changes: Any) -> str:
    headers = {"kid": f"key-{number}"} if named else None
    return jwt.encode(claims(**changes), KEYS[number], "ES256", headers=headers)


def jwks(*numbers: int) -> list[dict[str, Any]]:
    return [jwk_of(KEYS[number], kid=f"key-{number}") for number in numbers]


class Client:
    """Asks over one kept connection; comes again as the server says."""

    def __init__(self, server: RunningServer, body: bytes) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        self._body = body
        self.put_off = 0

    def ask(self, bearer: str) -> int:
        for _ in range(5):
            headers = {"Authorization": f"Bearer {bearer}", "Content-Type": "application/json"}
            self._connection.request("POST", "/predict", self._body, headers)
            response = self._connection.getresponse()
            response.read()
            if response.status != 503:
                break
            self.put_off += 1
            time.sleep(float(response.headers["Retry-After"]))
        return response.status

    def close(self) -> None:
        self._connection.close()


class HeldFile(FollowedFile):
    """Holds back the first who reads something new, until it is let go."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, LARGEST_BYTES)
        self.begun, self.goes_on = threading.Event(), threading.Event()
        self.goes_on.set()

    def read_changed(self) -> bytes | None:
        content = super().read_changed()
        if content is not None:
            self.begun.set()
            assert self.goes_on.wait(10)
        return content


def test_a_key_of_a_file_is_taken_while_another_thread_takes_it_over(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(json.dumps({"keys": jwks(0)}))
    file = HeldFile(path)
    source = KeyFile(file)
    file.begun.clear()
    file.goes_on.clear()
    path.write_text(json.dumps({"keys": jwks(0, 1)}))

    def known_after_a_look() -> int:
        source.look_again()
        return len(source.keys.candidates("key-1")) if source.keys else 0

    with ThreadPoolExecutor(2) as pool:
        taking = pool.submit(source.refresh)
        assert file.begun.wait(10)
        looking = pool.submit(known_after_a_look)
        wait([looking], timeout=0.2)  # where it doesn't wait for the other, it has found nothing by then
        file.goes_on.set()
        taking.result(10)
        assert looking.result(10) == 1


def rotate(
    server: RunningServer, body: bytes, requests: int, publish: Callable[[int, int], object], named: bool
) -> list[int]:
    """Rotate the key, each new one used the moment it is published, and return what wasn't a 200."""
    clients = [Client(server, body) for _ in range(8)]
    failures = []
    for turn in range(len(KEYS) - 1):
        publish(turn, turn + 1)
        bearers = [token(turn, named), token(turn + 1, named)]
        for number in range(requests // (len(KEYS) - 1)):
            status = clients[number % 8].ask(bearers[number % 2])
            failures += [status] if status != 200 else []
    for client in clients:
        client.close()
    return failures


@pytest.mark.parametrize("requests", [1000, pytest.param(20_000, marks=pytest.mark.fuzz)])
@pytest.mark.parametrize("form", ["jwks", "pem"])
def test_a_key_in_a_file_is_rotated_under_load(
    releases: Path, tmp_path: Path, housing_body: bytes, requests: int, form: str
) -> None:
    path = tmp_path / "keys"

    def publish(*numbers: int) -> None:
        pems = b"".join(pem_of(KEYS[number]) for number in numbers)
        path.write_bytes(pems if form == "pem" else json.dumps({"keys": jwks(*numbers)}).encode())

    publish(0)
    with run_server(releases, tmp_path / "log", MOLINO_SERVING_JWT_KEYS=path, **TOKENS) as server:
        failures = rotate(server, housing_body, requests, publish, named=form == "jwks")
        server.wait("the old key is refused by all workers", lambda: refused_throughout(server, token(0)))

    assert failures == []


def refused_throughout(server: RunningServer, bearer: str) -> bool:
    return all(ask(server, bearer) == 401 for _ in range(20))


def ask(server: RunningServer, bearer: str) -> int:
    return server.ask("GET", "/models", headers={"Authorization": f"Bearer {bearer}"}).status


@pytest.fixture
def key_host() -> Iterator[KeyHost]:
    with run_key_host() as host:
        host.publish(*jwks(0))
        yield host


@pytest.mark.parametrize("requests", [1000, pytest.param(20_000, marks=pytest.mark.fuzz)])
def test_a_key_at_an_address_is_rotated_under_load(
    releases: Path, tmp_path: Path, housing_body: bytes, key_host: KeyHost, requests: int
) -> None:
    with run_server(releases, tmp_path / "log", MOLINO_SERVING_JWKS_URL=key_host.url, **TOKENS) as server:
        failures = rotate(server, housing_body, requests, lambda *numbers: key_host.publish(*jwks(*numbers)), True)

    assert failures == []
    assert key_host.asked <= 2 * (1 + len(KEYS))


def test_a_token_by_a_new_key_waits_for_the_key_instead_of_coming_again(
    releases: Path, tmp_path: Path, key_host: KeyHost
) -> None:
    variables = {**TOKENS, "MOLINO_SERVING_JWKS_URL": key_host.url, "MOLINO_SERVING_WORKERS": 1}
    with run_server(releases, tmp_path / "log", **variables) as server:
        first = ask(server, token(0))
        key_host.publish(*jwks(0, 1))

        assert (first, ask(server, token(1)), ask(server, token(0))) == (200, 200, 200)


def test_an_address_is_asked_seldom_whatever_keys_tokens_name(
    releases: Path, tmp_path: Path, key_host: KeyHost
) -> None:
    variables = {**TOKENS, "MOLINO_SERVING_JWKS_URL": key_host.url, "MOLINO_SERVING_WORKERS": 1}
    with run_server(releases, tmp_path / "log", **variables) as server:
        server.wait("the keys are there", lambda: ask(server, token(0)) == 200)
        unknown = [
            ask(server, jwt.encode(claims(), KEYS[1], "ES256", headers={"kid": f"made-up-{n}"})) for n in range(200)
        ]

        assert set(unknown) <= {401, 503}
        assert key_host.asked <= 12
        assert ask(server, token(0)) == 200


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (500, b"", {}),
        (404, b"", {}),
        (200, b"", {}),
        (200, b"{}", {}),
        (200, b'{"keys": []}', {}),
        (200, b"[" * 100_000, {}),
        (200, b"\xff", {}),
        (200, b'{"keys": [' + b" " * 400_000 + b"]}", {}),
        (302, b"", {"Location": "/elsewhere"}),
        (200, json.dumps({"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "key-0"}]}).encode(), {}),
    ],
)
def test_keys_stay_where_the_address_fails_and_monitor_tells(
    status: int, body: bytes, headers: dict[str, str], jwks_server: tuple[RunningServer, KeyHost]
) -> None:
    server, host = jwks_server
    good = (host.status, host.body)
    host.status, host.body, host.headers = status, body, headers
    try:
        server.wait("the failure is told", lambda: "MOLINO_SERVING_JWKS_URL" in warnings_of(server))
        assert ask(server, token(0)) == 200
    finally:
        (host.status, host.body), host.headers = good, {}
        server.wait("it is well again", lambda: "can't fetch" not in warnings_of(server))


def warnings_of(server: RunningServer) -> str:
    return " ".join(server.ask("GET", "/monitor", headers=JSON).json["warnings"])


@pytest.fixture(scope="module")
def jwks_server(releases: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningServer, KeyHost]]:
    """A server that asks its address every second."""
    log = tmp_path_factory.mktemp("jwks") / "log"
    variables = {**TOKENS, "MOLINO_SERVING_WORKERS": 1, "MOLINO_SERVING_JWKS_SECONDS": 1}
    with run_key_host() as host:
        host.publish(*jwks(0))
        with run_server(releases, log, MOLINO_SERVING_JWKS_URL=host.url, **variables) as server:
            server.wait("the keys are there", lambda: ask(server, token(0)) == 200)
            yield server, host


def test_a_server_starts_without_its_address_and_takes_the_keys_once_they_are_there(
    releases: Path, tmp_path: Path, key_host: KeyHost
) -> None:
    key_host.status = 503
    variables = {**TOKENS, "MOLINO_SERVING_WORKERS": 1, "MOLINO_SERVING_JWKS_SECONDS": 1}
    with run_server(releases, tmp_path / "log", MOLINO_SERVING_JWKS_URL=key_host.url, **variables) as server:
        before = (ask(server, token(0)), server.ask("GET", "/models").status)
        key_host.status = 200
        server.wait("the keys are taken", lambda: ask(server, token(0)) == 200)

    assert before == (503, 200)
