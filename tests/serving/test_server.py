"""The server as a process: start, memory, counters, swaps, stop."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bundles import HOUSING_ROW
from running_server import JSON, KEY, ROOT, RunningServer, run_server
from werkzeug.test import Client

from molino.contracts.pointer import bundle_path, point_to, write_pointer

HEAVY = ("tensorflow", "keras", "pandas", "mlflow", "sklearn", "polars", "training", "pipelines", "dvc", "kubernetes")


def served(server: RunningServer, model: str = "housing") -> dict[str, int]:
    return dict(server.ask("GET", f"/models/{model}").json["workers"])


def resident_bytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) * 1024  # type: ignore[index]


def worker_pids(server: RunningServer) -> list[int]:
    return [worker["pid"] for worker in server.ask("GET", "/monitor").json["workers"]]


def ask_often(port: int, body: bytes, requests: int) -> list[int]:
    """Send requests over one connection, and return the statuses."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    statuses = []
    for _ in range(requests):
        connection.request("POST", "/predict", body, JSON)
        answer = connection.getresponse()
        answer.read()
        statuses.append(answer.status)
    connection.close()
    return statuses


class Load:
    """Clients that ask without pause over kept connections; what isn't a 200 is kept as a failure."""

    def __init__(self, server: RunningServer, body: bytes, clients: int = 4) -> None:
        self.answered = 0
        self.failures: list[str] = []
        self.versions: set[str] = set()
        self._server = server
        self._body = body
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(clients)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        while not self._stop.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=30)
            try:
                connection.connect()
            except ConnectionRefusedError:
                return
            try:
                self._ask_over(connection)
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
            finally:
                connection.close()

    def _ask_over(self, connection: http.client.HTTPConnection) -> None:
        while not self._stop.is_set():
            connection.request("POST", "/predict", self._body, JSON)
            answer = connection.getresponse()
            content = answer.read()
            if answer.status != 200:
                self.failures.append(f"{answer.status} {content!r}")
                return
            self.answered += 1
            self.versions.add(json.loads(content)["model"]["version"])
            if answer.getheader("Connection", "").lower() == "close":
                return


def test_the_server_answers_the_prediction_of_the_flask_app(
    server: RunningServer, client: Client, housing_body: bytes
) -> None:
    through_flask: Any = client.post("/predict", data=housing_body, headers=JSON).json

    assert server.ask("POST", "/predict", housing_body).json["predictions"] == through_flask["predictions"]


def test_a_large_body_is_answered_in_a_thread(server: RunningServer) -> None:
    body = json.dumps({"data": [HOUSING_ROW] * 9000}).encode()

    assert len(server.ask("POST", "/predict", body).json["predictions"]) == 9000


def test_a_worker_takes_at_most_130_megabytes(releases: Path, tmp_path: Path, housing_body: bytes) -> None:
    large = json.dumps({"data": [HOUSING_ROW] * 9000}).encode()
    # Coverage, where it is measured, would be weighed too.
    with run_server(releases, tmp_path / "log", without=("COV",)) as running:
        ask_often(running.port, housing_body, 200)
        ask_often(running.port, large, 4)

        assert max(map(resident_bytes, worker_pids(running))) <= 130e6


def test_serving_imports_nothing_heavy(releases: Path) -> None:
    script = """
import json, sys
from asgi_client import make_client
from serving.settings import ServingSettings
import serving.server, serving.worker, serving.auth.tokens
client = make_client(ServingSettings(access_log=False))
assert client.get("/monitor", headers={"X-API-KEY": "mercadolibre"}).status_code == 200
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""
    environment = {**os.environ, "MOLINO_SERVING_HOME": str(releases), "PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, check=True)

    assert set(json.loads(done.stdout.splitlines()[-1])).isdisjoint(HEAVY)


def test_counts_are_exact_over_all_workers(releases: Path, tmp_path: Path, housing_body: bytes) -> None:
    with run_server(releases, tmp_path / "log") as server:
        threads = [threading.Thread(target=ask_often, args=(server.port, housing_body, 250)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for _ in range(40):
            server.ask("POST", "/predict", b"{")
        monitor = server.ask("GET", "/monitor").json
        metrics = server.ask("GET", "/metrics").body.decode()

    route = next(route for route in monitor["routes"] if route["route"] == "/predict")
    counted = re.findall(r'molino_requests_total\{[^}]*route="/predict"[^}]*\} (\S+)', metrics)
    assert (route["requests"], route["by_status"]["2xx"], route["by_status"]["4xx"]) == (2040, 2000, 40)
    assert sum(map(float, counted)) == 2040
    assert monitor["models"]["housing"]["rows"] == 2000


def test_a_worker_that_takes_a_dead_ones_place_carries_its_counts_on(
    releases: Path, tmp_path: Path, housing_body: bytes
) -> None:
    with run_server(releases, tmp_path / "log", MOLINO_SERVING_WORKERS=1) as server:
        ask_often(server.port, housing_body, 100)
        (pid,) = worker_pids(server)
        os.kill(pid, signal.SIGKILL)
        server.wait("another worker", lambda: answers(server) and worker_pids(server) not in ([], [pid]))

        assert server.ask("GET", "/monitor").json["models"]["housing"]["requests"] == 100


def answers(server: RunningServer) -> bool:
    try:
        return server.ask("GET", "/ready").status == 200
    except (OSError, http.client.HTTPException):
        return False


def test_a_swap_fails_no_request(own_releases: Path, tmp_path: Path, housing_body: bytes) -> None:
    with run_server(own_releases, tmp_path / "log") as server, Load(server, housing_body) as load:
        for version in ("2", "1", "2"):
            point_to(own_releases, "housing", version)
            server.wait(f"all workers serve {version}", lambda version=version: served(server) == {version: 2})  # type: ignore[misc]
            answered = load.answered
            server.wait("requests go on", lambda answered=answered: load.answered > answered + 50)  # type: ignore[misc]

    assert (load.failures, load.versions) == ([], {"1", "2"})


def test_stopping_fails_no_request(releases: Path, tmp_path: Path, housing_body: bytes) -> None:
    with run_server(releases, tmp_path / "log") as server, Load(server, housing_body) as load:
        server.wait("requests are answered", lambda: load.answered > 500)
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(60)

    assert load.failures == []


def test_replacing_the_workers_fails_no_request(releases: Path, tmp_path: Path, housing_body: bytes) -> None:
    with run_server(releases, tmp_path / "log") as server, Load(server, housing_body) as load:
        server.wait("requests are answered", lambda: load.answered > 100)
        before = set(worker_pids(server))
        server.process.send_signal(signal.SIGHUP)
        server.wait("other workers", lambda: before.isdisjoint(worker_pids(server)))

    assert load.failures == []


def break_graph(folder: Path) -> None:
    graph = folder / "model.onnx"
    graph.write_bytes(graph.read_bytes()[:-1] + b"x")


def break_release(folder: Path) -> None:
    (folder / "release.json").write_text("{}")


def remove_graph(folder: Path) -> None:
    (folder / "model.onnx").unlink()


def change_example(folder: Path) -> None:
    content = json.loads((folder / "release.json").read_text())
    content["example"]["predictions"][0] += 1
    (folder / "release.json").write_text(json.dumps(content))


@pytest.mark.parametrize("damage", [break_graph, break_release, remove_graph, change_example])
def test_the_old_version_stays_where_the_new_one_cant_be_loaded(
    own_releases: Path, tmp_path: Path, housing_body: bytes, damage: Callable[[Path], None]
) -> None:
    damage(bundle_path(own_releases, "housing", "2"))
    with run_server(own_releases, tmp_path / "log", MOLINO_SERVING_WORKERS=1) as server:
        point_to(own_releases, "housing", "2")
        server.wait("the failure is told", lambda: server.ask("GET", "/models/housing").json["failure"] is not None)

        assert server.ask("POST", "/predict", housing_body).json["model"]["version"] == "1"


def test_a_server_whose_model_cant_be_loaded_is_not_ready(own_releases: Path, tmp_path: Path) -> None:
    break_graph(bundle_path(own_releases, "housing", "1"))
    with run_server(own_releases, tmp_path / "log", ready=False) as server:
        server.wait("the server listens", lambda: listens(server))

        assert server.ask("GET", "/ready").status == 503


def listens(server: RunningServer) -> bool:
    try:
        return server.ask("GET", "/ping").status == 200
    except OSError:
        return False


def test_a_server_without_releases_is_ready_and_says_so(tmp_path: Path, housing_body: bytes) -> None:
    with run_server(tmp_path / "nothing", tmp_path / "log") as server:
        answer = server.ask("POST", "/predict", housing_body)

    assert (answer.status, answer.json["detail"]) == (404, "no model has been deployed yet")


def test_a_model_can_be_taken_out_of_service(own_releases: Path, tmp_path: Path) -> None:
    with run_server(own_releases, tmp_path / "log") as server:
        write_pointer(own_releases, {"housing": "1"})
        server.wait("penguins are gone", lambda: server.ask("GET", "/models/penguins").status == 404)

        assert server.ask("GET", "/ready").status == 200


def test_pipelined_requests_are_all_answered(server: RunningServer, housing_body: bytes) -> None:
    head = "".join(f"{name}: {value}\r\n" for name, value in {**JSON, "Host": "x"}.items())
    predict = f"POST /predict HTTP/1.1\r\n{head}Content-Length: {len(housing_body)}\r\n\r\n".encode() + housing_body
    models = f"GET /models HTTP/1.1\r\n{head}\r\n".encode()
    last = f"GET /ping HTTP/1.1\r\n{head}Connection: close\r\n\r\n".encode()

    received = exchange(server.port, predict + models + predict + models + last)

    assert received.count(b"HTTP/1.1 200 OK") == 5


def exchange(port: int, sent: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        client.sendall(sent)
        received = b""
        while chunk := client.recv(65536):
            received += chunk
    return received


def test_a_chunked_body_is_read(server: RunningServer, housing_body: bytes) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.request("POST", "/predict", iter([housing_body[:20], housing_body[20:]]), JSON, encode_chunked=True)

    assert connection.getresponse().status == 200
    connection.close()


def test_a_client_that_waits_for_100_continue_is_told_to_go_on(server: RunningServer, housing_body: bytes) -> None:
    head = "".join(f"{name}: {value}\r\n" for name, value in {**JSON, "Host": "x"}.items())
    announced = f"POST /predict HTTP/1.1\r\n{head}Expect: 100-continue\r\nContent-Length: {len(housing_body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
        client.sendall(announced.encode())

        assert client.recv(100).startswith(b"HTTP/1.1 100 Continue")


def test_an_old_client_is_answered_and_its_connection_closed(server: RunningServer) -> None:
    received = exchange(server.port, b"GET /ping HTTP/1.0\r\n\r\n")

    assert received.endswith(b'{"status":"alive"}')


def test_head_has_no_body(server: RunningServer) -> None:
    answer = server.ask("HEAD", "/models", headers=KEY)

    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET /ping HTTP/9.9\r\n\r\n", 400),
        (b"GET /ping HTTP/1.1\r\nbad header\r\n\r\n", 400),
        (b"POST /predict HTTP/1.1\r\ncontent-length: 1_0\r\n\r\n", 400),
        (b"POST /predict HTTP/1.1\r\ncontent-length: -1\r\n\r\n", 400),
        (b"POST /predict HTTP/1.1\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n", 400),
        (b"POST /predict HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n", 400),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET /" + b"a" * 70000, 414),
        (b"GET /ping HTTP/1.1\r\n" + b"a: b\r\n" * 101 + b"\r\n", 431),
        (b"GET /ping HTTP/1.1\r\na: " + b"b" * 9000 + b"\r\n\r\n", 431),
    ],
)
def test_what_is_not_http_is_refused_as_a_problem(server: RunningServer, sent: bytes, status: int) -> None:
    head, _, body = exchange(server.port, sent).partition(b"\r\n\r\n")

    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert json.loads(body)["status"] == status


def test_a_body_over_the_limit_is_refused_once_it_is_read(releases: Path, tmp_path: Path) -> None:
    with run_server(releases, tmp_path / "log", MOLINO_SERVING_MAX_BODY_BYTES=2048) as server:
        statuses = [server.ask("POST", path, b" " * 5000).status for path in ("/predict", "/v2/models/housing/infer")]

    assert statuses == [413, 413]


def test_the_rate_limit_holds_over_all_workers(releases: Path, tmp_path: Path, housing_body: bytes) -> None:
    limits = {"MOLINO_SERVING_RATE_LIMIT": 50, "MOLINO_SERVING_RATE_WINDOW_SECONDS": 86400}
    with run_server(releases, tmp_path / "log", **limits) as server:
        replies = [server.ask("POST", "/predict", housing_body) for _ in range(60)]

    assert [reply.status for reply in replies] == [200] * 50 + [429] * 10
    assert int(replies[-1].headers["retry-after"]) > 0


def test_the_access_log_is_json_with_neither_payload_nor_key(
    releases: Path, tmp_path: Path, housing_body: bytes
) -> None:
    log = tmp_path / "log"
    with run_server(releases, log) as server:
        server.ask("POST", "/predict?a=%22", housing_body, {**JSON, "X-Request-ID": "seen-1"})

    lines = [json.loads(line) for line in log.read_text().splitlines()]
    logged = next(line for line in lines if line.get("request_id") == "seen-1")
    assert (logged["status"], logged["model"], logged["rows"], logged["path"]) == (200, "housing", 1, "/predict")
    told = json.dumps([{key: value for key, value in line.items() if key != "timestamp"} for line in lines])
    assert [secret for secret in ("mercadolibre", "5.13") if secret in told] == []


def test_memory_stays_over_many_requests(releases: Path, tmp_path: Path, housing_body: bytes) -> None:
    with run_server(releases, tmp_path / "log", MOLINO_SERVING_WORKERS=1) as server:
        (pid,) = worker_pids(server)
        ask_often(server.port, housing_body, 3000)
        before = resident_bytes(pid)
        ask_often(server.port, housing_body, 10_000)

        assert resident_bytes(pid) <= before * 1.02
