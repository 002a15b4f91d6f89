"""Clients that mean harm: memory stays, others are answered meanwhile, and all is well afterwards.

Each attack is bounded and comes over loopback alone. The server has a short patience, so that its deadlines pass in a
test; what it keeps for a well-behaved client doesn't depend on them.
"""

import contextlib
import gzip
import json
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from running_server import JSON, RunningServer, run_server

MOST_GROWTH = 48 * 2**20
CALM_SECONDS = 5.0
PATIENCE = {
    "MOLINO_SERVING_HEAD_SECONDS": 2,
    "MOLINO_SERVING_REQUEST_SECONDS": 3,
    "MOLINO_SERVING_GRACEFUL_TIMEOUT": 60,
}
PINGS = """
import http.client, json, select, sys, time
ports = [int(port) for port in sys.argv[1:]]
seconds = {port: [] for port in ports}
while len(seconds[ports[0]]) < 100 or not select.select([sys.stdin], [], [], 0.01)[0]:
    for port in ports:
        began = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", "/ping")
        assert connection.getresponse().read() == b'{"status":"alive"}'
        connection.close()
        seconds[port].append(time.perf_counter() - began)
    if len(seconds[ports[0]]) == 1:
        print(flush=True)
print(json.dumps([seconds[port] for port in ports]))
"""
JSON_HEAD = b"Host: x\r\nX-API-KEY: mercadolibre\r\nContent-Type: application/json\r\n"


@pytest.fixture
def server(releases: Path, tmp_path: Path) -> Iterator[RunningServer]:
    # Coverage, where it is measured, would be weighed too.
    with run_server(releases, tmp_path / "log", without=("COV",), **PATIENCE) as running:
        for _ in range(50):
            running.ask("GET", "/openapi.json")
        yield running


@pytest.fixture(scope="module")
def calm(releases: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server that nobody attacks, on the same machine: what it takes to answer is the machine's doing."""
    with run_server(releases, tmp_path_factory.mktemp("calm") / "log", without=("COV",)) as running:
        yield running


def resident(leader: int) -> dict[int, int]:
    """Return the bytes of memory that a process and its children take, by process; what is shared counts in parts."""
    children = Path(f"/proc/{leader}/task/{leader}/children").read_text().split()
    return {pid: _share(pid) for pid in (leader, *map(int, children))}


def _share(pid: int) -> int:
    with contextlib.suppress(OSError):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return 0


class Witness:
    """A well-behaved client, a process of its own, that pings both servers in turns; and the memory of the first."""

    def __init__(self, server: RunningServer, calm: RunningServer) -> None:
        self.growth = 0
        """Bytes by which a process has grown at most: each worker keeps what the largest body has taken it."""
        self.slowest = self.slowest_of_calm = 0.0
        """The time in seconds that 99 of 100 answers took at most."""
        self._leader = server.process.pid
        self._before = resident(self._leader)
        self._usual = max(self._before.values())
        """Of a worker that comes up under way."""
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._weigh)
        command = [sys.executable, "-c", PINGS, str(server.port), str(calm.port)]
        self._pings = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self) -> "Witness":
        assert self._pings.stdout is not None
        self._pings.stdout.readline()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        told, _ = self._pings.communicate(timeout=60)
        self.slowest, self.slowest_of_calm = (
            sorted(seconds)[int((len(seconds) - 1) * 0.99)] for seconds in json.loads(told)
        )

    def _weigh(self) -> None:
        while not self._done.wait(0.05):
            for pid, taken in resident(self._leader).items():
                self.growth = max(self.growth, taken - self._before.get(pid, self._usual))


def connect(server: RunningServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=20)


def send(client: socket.socket, data: bytes) -> bool:
    """Tell whether all was taken."""
    try:
        client.sendall(data)
    except OSError:
        return False
    return True


def bodies_without_a_key(server: RunningServer) -> None:
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 16000000\r\n\r\n"
    body = bytes(15_000_000)
    for _ in range(3):
        threads = [threading.Thread(target=send_and_leave, args=(server, head, body)) for _ in range(60)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def send_and_leave(server: RunningServer, head: bytes, body: bytes) -> None:
    with connect(server) as client:
        send(client, head + body)


def a_body_in_crumbs(server: RunningServer) -> None:
    with connect(server) as client:
        send(client, b"POST /predict HTTP/1.1\r\n" + JSON_HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        crumbs = b"2\r\n  \r\n" * 8192
        for _ in range(12_700_000 // (2 * 8192)):
            if not send(client, crumbs):
                return


def bodies_of_empty_lists(server: RunningServer) -> None:
    """8 MB each, the packed ones in a hundredth of that."""
    body = b'{"data":[' + b"[]," * 2_700_000 + b"[]]}"
    for _ in range(4):
        assert server.ask("POST", "/predict", body).status == 422
        packed = gzip.compress(body, 1)
        assert server.ask("POST", "/predict", packed, {**JSON, "Content-Encoding": "gzip"}).status == 422


def an_endless_chunk_size(server: RunningServer) -> None:
    endless(server, b"Transfer-Encoding: chunked\r\n\r\n2;", b"a" * 65536)


def an_endless_trailer(server: RunningServer) -> None:
    endless(server, b"Transfer-Encoding: chunked\r\n\r\n0\r\na: ", b"a" * 65536)


def endless_trailers(server: RunningServer) -> None:
    endless(server, b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"a: b\r\n" * 8192)


def endless(server: RunningServer, start: bytes, more: bytes) -> None:
    with connect(server) as client:
        send(client, b"POST /predict HTTP/1.1\r\n" + JSON_HEAD + start)
        for _ in range(2000):
            if not send(client, more):
                return


def pipelining_without_reading(server: RunningServer) -> None:
    asked = (b"GET /openapi.json HTTP/1.1\r\n" + JSON_HEAD + b"\r\n") * 200
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connect(server)) for _ in range(8)]
        for client in clients:
            client.settimeout(0.1)
        until = time.monotonic() + 6
        while time.monotonic() < until:
            for client in clients:
                send(client, asked)


def half_open_heads(server: RunningServer) -> None:
    with contextlib.ExitStack() as stack:
        clients = []
        for _ in range(3000):
            client = stack.enter_context(connect(server))
            send(client, b"GET /ping HTTP/1.1\r\nHost")
            clients.append(client)
            time.sleep(0.001)
        until = time.monotonic() + 6
        while time.monotonic() < until:
            for client in clients[::10]:
                send(client, b"x")
            time.sleep(2)


ATTACKS = {
    a_body_in_crumbs: 0.05,
    bodies_of_empty_lists: 0.05,
    an_endless_chunk_size: 0.05,
    an_endless_trailer: 0.05,
    endless_trailers: 0.05,
    pipelining_without_reading: 0.05,
    bodies_without_a_key: 0.05,
    half_open_heads: 0.05,
}
"""How much longer in seconds a `/ping` may take meanwhile. Thousands of connections that come at once, or 60 clients
that send as fast as they can, stand in the same queue as the well-behaved one."""


@pytest.fixture
def many_files() -> Iterator[None]:
    """Let this process, and the server that it starts, have enough files for thousands of connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.fuzz
@pytest.mark.parametrize(("attack", "longer"), ATTACKS.items(), ids=[attack.__name__ for attack in ATTACKS])
@pytest.mark.usefixtures("many_files")
def test_an_attack_costs_neither_memory_nor_others(
    server: RunningServer,
    calm: RunningServer,
    attack: Callable[[RunningServer], None],
    longer: float,
    housing_body: bytes,
) -> None:
    """A `/ping` is compared with one to a server beside it, so that a busy machine fails none."""
    with Witness(server, calm) as witness:
        attack(server)

    assert witness.growth <= MOST_GROWTH
    assert witness.slowest <= witness.slowest_of_calm + longer
    server.wait("all is well", lambda: server.ask("POST", "/predict", housing_body).status == 200, CALM_SECONDS)


@pytest.mark.usefixtures("many_files")
def test_idle_connections_make_room_where_files_are_few(releases: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with run_server(releases, log, files=256) as server, contextlib.ExitStack() as stack:
        for _ in range(700):
            stack.enter_context(connect(server))

        assert server.ask("GET", "/ping").status == 200
    assert "too many connections" in log.read_text()


def test_a_head_that_never_ends_is_refused_in_time(server: RunningServer) -> None:
    with connect(server) as client:
        client.sendall(b"GET /ping HTTP/1.1\r\nHost: x\r\nA: ")
        received = client.recv(65536)

    assert received.startswith(b"HTTP/1.1 408 ")


def test_a_body_that_never_comes_is_refused_in_time(server: RunningServer) -> None:
    with connect(server) as client:
        client.sendall(b"POST /predict HTTP/1.1\r\n" + JSON_HEAD + b"Content-Length: 100\r\n\r\n{")
        received = client.recv(65536)

    assert received.startswith(b"HTTP/1.1 408 ")


def test_who_never_reads_doesnt_hold_up_the_stop(server: RunningServer) -> None:
    with connect(server) as client:
        client.settimeout(1)
        send(client, (b"GET /openapi.json HTTP/1.1\r\n" + JSON_HEAD + b"\r\n") * 1000)
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(70)

    assert time.monotonic() - began < PATIENCE["MOLINO_SERVING_GRACEFUL_TIMEOUT"] / 2


@pytest.mark.parametrize(
    "sent", [b"", b"GET /pi", b"POST /predict HTTP/1.1\r\n" + JSON_HEAD + b"Content-Length: 9\r\n\r\n"]
)
def test_who_sends_nothing_more_doesnt_hold_up_the_stop(server: RunningServer, sent: bytes) -> None:
    with connect(server) as client:
        client.sendall(sent)
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(70)

    assert time.monotonic() - began < PATIENCE["MOLINO_SERVING_GRACEFUL_TIMEOUT"] / 2
