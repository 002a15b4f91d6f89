"""What `helm test` runs, against a real Postgres, a real MinIO, and stand-ins of what answers by HTTP."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.waits import until
from tests.conftest import S3
from tests.ports import free_port

CHECK = Path(__file__).resolve().parents[2] / "images" / "operations" / "check.py"
PLACES = ":".join([os.environ.get("PATH", os.defpath), *map(str, Path("/usr/lib/postgresql").glob("*/bin"))])
PASSWORD = "Basic " + b64encode(b"admin:secret").decode()
HEALTHY = {part: {"status": "healthy"} for part in ("metadatabase", "scheduler", "triggerer", "dag_processor")}
MODELS = {"pointer_error": None, "models": [{"name": "housing", "version": "3", "failure": None}]}
EXPERIMENT = "/api/2.0/mlflow/experiments/get?experiment_id=0"


class StandIn:
    """Answers by path as it is told; a path with a word of its own wants that word in a header."""

    def __init__(self, answers: dict[str, Any], header: str = "", word: str = "") -> None:
        self.answers, self.header, self.word = answers, header, word
        self.guarded: set[str] = set()

    def answer(self, path: str, headers: Any) -> tuple[int, bytes]:
        if path in self.guarded and headers.get(self.header) != self.word:
            return 401, b""
        if path not in self.answers:
            return 404, b""
        return 200, json.dumps(self.answers[path]).encode()


@contextmanager
def listening(stand_in: StandIn) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = stand_in.answer(self.path, self.headers)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def check(**environment: str) -> tuple[int, str]:
    """Run the check; return its exit code and its one line."""
    program = [sys.executable, CHECK]
    done = subprocess.run(program, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    assert done.stdout.count("\n") == 1
    return done.returncode, " ".join(done.stdout.split())


# Postgres.


@pytest.fixture(scope="module")
def postgres() -> Iterator[int]:
    """A real Postgres with TLS, and its port. It refuses to run as root, so it runs as somebody else."""
    programs = [shutil.which(name, path=PLACES) for name in ("initdb", "postgres", "openssl")]
    if None in programs:
        pytest.skip("no Postgres with TLS to ask: not all is installed (apt-get install postgresql openssl)")
    initdb, server, openssl = map(str, programs)
    user = 65534 if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="molino-postgres-"))
    port = free_port()
    os.chown(folder, user if user is not None else -1, -1)
    options: dict[str, Any] = {"user": user, "cwd": folder, "env": {"HOME": str(folder), "PATH": PLACES, "LC_ALL": "C"}}
    request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=postgres"]
    try:
        command = [openssl, *request, "-keyout", "server.key", "-out", "server.crt"]
        subprocess.run(command, check=True, capture_output=True, **options)
        (folder / "password").write_text("secret\n")
        initialize = [initdb, "--auth=scram-sha-256", "--username=airflow", "--pwfile=password", "data"]
        subprocess.run(initialize, check=True, capture_output=True, **options)
        settings = {
            "port": port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": folder,
            "ssl": "on",
            "ssl_cert_file": folder / "server.crt",
            "ssl_key_file": folder / "server.key",
        }
        arguments = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        with (
            (folder / "log").open("w+") as log,
            subprocess.Popen([server, "-D", "data", *arguments], stderr=log, stdout=log, **options) as process,
        ):
            try:
                until(
                    "Postgres",
                    lambda: "ready to accept connections" in (folder / "log").read_text(),
                    60,
                    lambda: (folder / "log").read_text() if process.poll() is not None else None,
                )
                yield port
            finally:
                process.terminate()
    finally:
        shutil.rmtree(folder)


def test_postgres_asks_for_the_password(postgres: int) -> None:
    said = check(
        MOLINO_DATABASE_SERVICES="airflow,mlflow", MOLINO_DATABASE_HOST="127.0.0.1", MOLINO_DATABASE_PORT=str(postgres)
    )
    assert said == (0, "postgres asks for the password over TLS")


def test_each_service_s_own_database_is_asked(postgres: int) -> None:
    said = check(
        MOLINO_DATABASE_SERVICES="airflow,mlflow_auth",
        MOLINO_DATABASE_HOST="",
        MOLINO_DATABASE_AIRFLOW_HOST="127.0.0.1",
        MOLINO_DATABASE_MLFLOW_AUTH_HOST="nowhere.invalid",
        MOLINO_DATABASE_PORT=str(postgres),
    )
    assert said[0] == 1
    assert said[1].startswith("postgres NOT WELL: the database of mlflow_auth: ")


def test_no_postgres_is_not_well() -> None:
    code, said = check(
        MOLINO_DATABASE_SERVICES="airflow", MOLINO_DATABASE_HOST="127.0.0.1", MOLINO_DATABASE_PORT=str(free_port())
    )
    assert (code, said) == (1, "postgres NOT WELL: the database of airflow: [Errno 111] Connection refused")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"E\0\0\0\x20SFATAL\0Mthe database system is starting up\0\0", "the database system is starting up"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "answered b'HTTP/1.1 400 Bad Req'"),
    ],
)
def test_a_postgres_that_takes_no_session_is_not_well(answer: bytes, said: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=answer_session, args=(listener, answer), daemon=True).start()
        port = listener.getsockname()[1]
        found = check(
            MOLINO_DATABASE_SERVICES="airflow", MOLINO_DATABASE_HOST="127.0.0.1", MOLINO_DATABASE_PORT=str(port)
        )
    assert found == (1, f"postgres NOT WELL: the database of airflow: {said}")


def answer_session(listener: socket.socket, answer: bytes) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.recv(8)
        connection.sendall(b"N")
        connection.recv(1024)
        connection.sendall(answer)


# S3.


@pytest.fixture
def storage(s3: S3, tmp_path: Path) -> dict[str, str]:
    for name in ("steps-access-key", "steps-secret-key"):
        (tmp_path / name).write_text(s3.access_key if "access" in name else s3.secret_key)
    return {
        "MOLINO_S3_ENDPOINT": s3.endpoint,
        "MOLINO_S3_REGION": "us-east-1",
        "MOLINO_S3_KEYS": str(tmp_path),
        "MOLINO_S3_BUCKETS": json.dumps({"steps": [s3.make_bucket()]}),
    }


def test_buckets_are_found(storage: dict[str, str]) -> None:
    bucket = json.loads(storage["MOLINO_S3_BUCKETS"])["steps"][0]
    assert check(**storage) == (0, f"s3 has the buckets {bucket}, and each service's key opens its own")


def test_a_missing_bucket_is_not_well(storage: dict[str, str]) -> None:
    found = check(**storage | {"MOLINO_S3_BUCKETS": '{"steps": ["never-made"]}'})
    assert found == (1, "s3 NOT WELL: there is no bucket never-made")


def test_a_wrong_key_is_not_well(storage: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "steps-secret-key").write_text("wrong-wrong-wrong")
    code, said = check(**storage)
    assert (code, said.partition(" the bucket")[0]) == (1, "s3 NOT WELL: the key of steps doesn't open")


# What answers by HTTP.


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, (0, "airflow dag_processor, metadatabase, scheduler, triggerer are healthy")),
        ({"scheduler": {"status": "unhealthy"}}, (1, "airflow NOT WELL: scheduler is unhealthy")),
        ({"triggerer": {"status": None}}, (1, "airflow NOT WELL: triggerer is None")),
    ],
)
def test_airflow_is_as_well_as_its_parts(changes: dict[str, Any], found: tuple[int, str]) -> None:
    with listening(StandIn({"/api/v2/monitor/health": HEALTHY | changes})) as url:
        assert check(MOLINO_AIRFLOW_URL=url) == found


def mlflow(guarded: set[str], url: str = "/health") -> StandIn:
    stand_in = StandIn({url: "OK", EXPERIMENT: {}}, "Authorization", PASSWORD)
    stand_in.guarded = guarded
    return stand_in


@pytest.mark.parametrize(
    ("stand_in", "password", "said"),
    [
        (mlflow({EXPERIMENT}), "secret", "mlflow is healthy, and asks for a password"),
        (mlflow(set()), "secret", f"mlflow NOT WELL: {{url}}{EXPERIMENT} answered 200, not 401"),
        (mlflow({EXPERIMENT}), "w", f"mlflow NOT WELL: {{url}}{EXPERIMENT} answered 401, not 200 to one who is known"),
        (mlflow({EXPERIMENT}, "/other"), "secret", "mlflow NOT WELL: {url}/health answered 404, not 200"),
    ],
    ids=["well", "open to all", "another password", "no health"],
)
def test_mlflow_is_healthy_and_asks_for_a_password(stand_in: StandIn, password: str, said: str) -> None:
    with listening(stand_in) as url:
        found = check(MOLINO_MLFLOW_URL=url, MOLINO_MLFLOW_USERNAME="admin", MOLINO_MLFLOW_PASSWORD=password)
        assert found == (int("NOT WELL" in said), said.format(url=url))


@pytest.mark.parametrize(
    ("guarded", "said"),
    [
        ({"/"}, "tensorboard answers, and asks for a password"),
        (set(), "tensorboard NOT WELL: {url}/ answered 200, not 401"),
    ],
)
def test_tensorboard_asks_for_a_password(guarded: set[str], said: str) -> None:
    stand_in = StandIn({"/": ""}, "Authorization", PASSWORD)
    stand_in.guarded = guarded
    names = {"MOLINO_TENSORBOARD_USERNAME": "admin", "MOLINO_TENSORBOARD_PASSWORD": "secret"}
    with listening(stand_in) as url:
        assert check(MOLINO_TENSORBOARD_URL=url, **names)[1] == said.format(url=url)


@pytest.mark.parametrize(
    ("models", "said"),
    [
        (MODELS, "serving is ready, asks for a key, and serves housing 3"),
        (MODELS | {"models": []}, "serving is ready, asks for a key, and serves no model yet"),
        (MODELS | {"pointer_error": "the pointer is broken"}, "serving NOT WELL: the pointer is broken"),
        (
            {"pointer_error": None, "models": [{"name": "housing", "version": None, "failure": "sha256 differs"}]},
            "serving NOT WELL: sha256 differs",
        ),
    ],
)
def test_serving_is_ready_and_asks_for_a_key(models: dict[str, Any], said: str) -> None:
    stand_in = StandIn({"/ready": "", "/models": models}, "X-API-KEY", "secret")
    stand_in.guarded = {"/models"}
    with listening(stand_in) as url:
        assert check(MOLINO_SERVING_URL=url, MOLINO_API_KEY="secret")[1] == said


def test_one_that_is_not_well_is_enough() -> None:
    with listening(StandIn({"/api/v2/monitor/health": HEALTHY})) as url:
        environment = {"MOLINO_AIRFLOW_URL": url, "MOLINO_SERVING_URL": url, "MOLINO_API_KEY": "secret"}
        done = subprocess.run([sys.executable, CHECK], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, [line.split()[1] for line in done.stdout.splitlines()]) == (1, ["dag_processor,", "NOT"])
