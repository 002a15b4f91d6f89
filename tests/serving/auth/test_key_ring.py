"""How keys are written, and how they are rotated while the server runs."""

import hashlib
import http.client
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import pytest
from running_server import JSON, ROOT, RunningServer, run_server

from serving.auth.callers import Caller
from serving.auth.key_ring import KeyRing
from serving.auth.keys import open_authenticator
from serving.http.problems import Problem
from serving.settings import ServingSettings

HASHED = f"sha256:{hashlib.sha256(b'new').hexdigest()}"
SPELLINGS = {
    "commas": "old,new",
    "commas and blanks": " old ,\tnew ",
    "lines": "old\nnew\n",
    "both": "old,\nnew",
    "CRLF": "old\r\nnew\r\n",
    "CR": "old\rnew",
    "blank lines": "\n\nold\n \n\r\nnew\n\n",
    "a byte order mark": "\ufeffold,new",
    "files put together": "\ufeffold\n\ufeffnew\n",
    "comments": "# rotated, in March\nold # until June, by ana\n  # a blank before\nnew",
    "a digest": f"old,{HASHED}",
    "a digest on a line": f"old\n{HASHED.replace(HASHED[7:], HASHED[7:].upper())}\n",
    "empty ones": ",,old,,new,,",
    "twice": "old,new,old",
}


def admitted(settings: ServingSettings, keys: tuple[str, ...]) -> list[str]:
    authenticator = open_authenticator(settings)

    def admits(key: str) -> bool:
        try:
            authenticator.admit({b"x-api-key": key.encode()})
        except Problem:
            return False
        return True

    return [key for key in keys if admits(key)]


@pytest.mark.parametrize("text", SPELLINGS.values(), ids=SPELLINGS.keys())
@pytest.mark.parametrize("where", ["file", "variable"])
def test_commas_and_new_lines_part_keys_everywhere(tmp_path: Path, where: str, text: str) -> None:
    path = tmp_path / "keys"
    path.write_bytes(text.encode())
    settings = ServingSettings(api_keys_file=path) if where == "file" else ServingSettings(api_keys=text)  # type: ignore[arg-type]

    tried = ("old", "new", text, "", "old,new", "#", "rotated", "in March", "mercadolibre", HASHED)
    assert admitted(settings, tried) == ["old", "new"]


def start(tmp_path: Path, **variables: object) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MOLINO_")}
    environment |= {"MOLINO_HOME": str(tmp_path), "MOLINO_SERVING_PORT": "0"}
    environment |= {name: str(value) for name, value in variables.items()}
    command = [sys.executable, "-m", "serving"]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)


def write(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "cause"),
    [
        (lambda _: None, "No such file"),
        (Path.mkdir, "Is a directory"),
        (write(b""), "holds no API key"),
        (write(b"# nobody\n,\n"), "holds no API key"),
        (write(b"sha256:abc"), "64 hex digits"),
        (write("old\nnew\n".encode("utf-16")), "decode"),
        (write("old\nnew\n".encode("utf-16le")), "control characters"),
        (write(b"k" * 2**21), "larger than"),
    ],
)
def test_a_file_without_keys_ends_the_start_in_one_line(
    tmp_path: Path, damage: Callable[[Path], object], cause: str
) -> None:
    path = tmp_path / "keys"
    damage(path)
    ended = start(tmp_path, MOLINO_API_KEYS_FILE=path)

    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 1
    assert ended.stderr.startswith("serving: ")
    assert cause in ended.stderr
    assert str(path) in ended.stderr


class Client:
    """Asks over one kept connection, with whichever key is the newest."""

    def __init__(self, server: RunningServer, body: bytes) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        self._body = body

    def ask(self, key: str) -> int:
        self._connection.request("POST", "/predict", self._body, {**JSON, "X-API-KEY": key})
        response = self._connection.getresponse()
        response.read()
        return response.status

    def close(self) -> None:
        self._connection.close()


def rotate(server: RunningServer, keys: Path, body: bytes, requests: int, replace: bool) -> list[int]:
    """Rotate the key ten times while clients ask, each new key used the moment it is written, and return failures."""
    clients = [Client(server, body) for _ in range(8)]
    failures = []
    for turn in range(10):
        text = f"key-{turn}\nkey-{turn + 1}\n"
        if replace:
            (keys.parent / "next").write_text(text)
            (keys.parent / "next").replace(keys)
        else:
            keys.write_text(text)
        for number in range(requests // 10):
            status = clients[number % 8].ask(f"key-{turn + number % 2}")
            failures += [status] if status != 200 else []
    for client in clients:
        client.close()
    return failures


@pytest.mark.parametrize("requests", [2000, pytest.param(20_000, marks=pytest.mark.fuzz)])
@pytest.mark.parametrize("replace", [True, False], ids=["replaced", "written over"])
def test_a_key_is_rotated_under_load_and_no_request_fails(
    releases: Path, tmp_path: Path, housing_body: bytes, requests: int, replace: bool
) -> None:
    keys = tmp_path / "keys"
    keys.write_text("key-0")
    with run_server(releases, tmp_path / "log", MOLINO_API_KEYS_FILE=keys) as server:
        failures = rotate(server, keys, housing_body, requests, replace)
        server.wait("the old key is refused by all workers", lambda: refused_throughout(server, "key-0"))

    assert failures == []


def refused_throughout(server: RunningServer, key: str) -> bool:
    return all(server.ask("GET", "/models", headers={"X-API-KEY": key}).status == 401 for _ in range(20))


def test_a_new_key_is_found_while_another_thread_takes_it_over() -> None:
    old, new = (Caller(name, hashlib.sha256(name.encode()).digest()) for name in ("old", "new"))
    changes = [(new,)]
    begun, goes_on = threading.Event(), threading.Event()

    def read_changed() -> tuple[Caller, ...] | None:
        if not changes:
            return None
        read = changes.pop()
        begun.set()
        assert goes_on.wait(10)
        return read

    ring = KeyRing((old,), read_changed)
    with ThreadPoolExecutor(2) as pool:
        taking = pool.submit(ring.refresh)
        assert begun.wait(10)
        finding = pool.submit(ring.find, b"new")
        wait([finding], timeout=0.2)  # where it doesn't wait for the other, it has refused the key by then
        goes_on.set()
        taking.result(10)
        assert finding.result(10) is new


def test_keys_stay_where_the_file_cant_be_read_and_monitor_tells(releases: Path, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("first")
    headers = {"X-API-KEY": "first"}
    with run_server(releases, tmp_path / "log", MOLINO_API_KEYS_FILE=keys, MOLINO_SERVING_WORKERS=1) as server:
        keys.write_text("# nobody")
        server.wait("the fault is told", lambda: server.ask("GET", "/monitor", headers=headers).json["warnings"] != [])
        (warning,) = server.ask("GET", "/monitor", headers=headers).json["warnings"]
        keys.write_text("second")
        server.wait("the new key is valid", lambda: refused_throughout(server, "first"))
        monitor = server.ask("GET", "/monitor", headers={"X-API-KEY": "second"}).json

    assert "holds no API key" in warning
    assert (monitor["warnings"], monitor["auth"]["keys"]) == ([], 1)


def test_a_key_is_taken_as_a_bearer(server: RunningServer) -> None:
    spellings = ["Bearer mercadolibre", "bearer mercadolibre", "BEARER   mercadolibre "]
    statuses = [
        server.ask(method, path, body, {"Authorization": spelling, "Content-Type": "application/json"}).status
        for spelling in spellings
        for method, path, body in (("GET", "/metrics", None), ("POST", "/predict", b"{"), ("GET", "/v2", None))
    ]

    assert statuses == [200, 400, 200] * 3


@pytest.mark.parametrize(
    "authorization", ["Bearer", "Bearer ", "Bearer wrong", "Basic mercadolibre", "mercadolibre", "Bearer\tmercadolibre"]
)
def test_what_is_no_bearer_of_a_key_is_refused(server: RunningServer, authorization: str) -> None:
    assert server.ask("GET", "/metrics", headers={"Authorization": authorization}).status == 401


OFF, DEVELOPMENT = "authentication is switched off", "the known development key is valid"
HASHED_DEVELOPMENT = f"sha256:{hashlib.sha256(b'mercadolibre').hexdigest()}"


@pytest.mark.parametrize(
    ("changes", "warning"),
    [
        *(({"host": host}, DEVELOPMENT) for host in ("0.0.0.0", "::", "[::]", "", "10.1.2.3", "example.org")),
        *(({"host": host}, None) for host in ("127.0.0.1", "127.0.0.2", "localhost", "::1", "[::1]")),
        ({"host": "::", "api_keys": "own,mercadolibre"}, DEVELOPMENT),
        ({"host": "::", "api_keys": f"own\n{HASHED_DEVELOPMENT}"}, DEVELOPMENT),
        ({"host": "::", "api_keys": "own"}, None),
        ({"host": "::", "auth": "off"}, OFF),
        ({"host": "127.0.0.1", "auth": "off"}, OFF),
    ],
)
def test_an_open_door_is_known(changes: dict[str, Any], warning: str | None) -> None:
    warnings = open_authenticator(ServingSettings(**changes)).warnings()

    assert [text for text in (OFF, DEVELOPMENT) if text in "".join(warnings)] == ([warning] if warning else [])


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"MOLINO_SERVING_HOST": "0.0.0.0"}, [DEVELOPMENT]),
        ({"MOLINO_SERVING_HOST": "0.0.0.0", "MOLINO_SERVING_AUTH": "off"}, [OFF]),
        ({}, []),
    ],
)
def test_an_open_door_is_told_at_the_start_and_in_monitor(
    releases: Path, tmp_path: Path, variables: dict[str, str], expected: list[str]
) -> None:
    with run_server(releases, tmp_path / "log", MOLINO_SERVING_WORKERS=1, **variables) as server:
        monitor = "".join(server.ask("GET", "/monitor").json["warnings"])

    for text in (monitor, (tmp_path / "log").read_text()):
        assert [warning for warning in (OFF, DEVELOPMENT) if warning in text] == expected


def test_a_server_with_authentication_switched_off_asks_for_no_key(releases: Path, tmp_path: Path) -> None:
    with run_server(releases, tmp_path / "log", MOLINO_SERVING_AUTH="off", MOLINO_API_KEYS="") as server:
        replies = [server.ask("GET", path, headers={}).status for path in ("/models", "/monitor", "/metrics", "/v2")]
        wrong = server.ask("GET", "/models", headers={"X-API-KEY": "anything"}).status

    assert (replies, wrong) == ([200] * 4, 200)


def test_authentication_is_switched_off_by_that_word_alone(tmp_path: Path) -> None:
    ended = start(tmp_path, MOLINO_SERVING_AUTH="no")

    assert (ended.returncode, len(ended.stderr.splitlines())) == (1, 1)
    assert "MOLINO_SERVING_AUTH" in ended.stderr
