"""The passwords that Secrets lack, made through a server that answers as Kubernetes does."""

import base64
import importlib.util
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "images" / "operations" / "passwords.py"


@pytest.fixture(scope="module")
def passwords() -> ModuleType:
    spec = importlib.util.spec_from_file_location("passwords", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Held:
    """What a server holds of one Secret, and how often it is to say that others changed it."""

    def __init__(self) -> None:
        self.data: dict[str, str] = {}
        self.conflicts = 0
        self.version = 1
        self.seen: list[tuple[str, str, str]] = []


@pytest.fixture
def held() -> Held:
    return Held()


@pytest.fixture
def cluster(passwords: ModuleType, held: Held) -> Iterator[Any]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            held.seen.append(("GET", self.path, self.headers["Authorization"]))
            self._answer(200)

        def do_PATCH(self) -> None:
            change = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            held.seen.append(("PATCH", self.path, self.headers["Content-Type"]))
            if held.conflicts or change["metadata"]["resourceVersion"] != str(held.version):
                held.conflicts -= 1
                self._answer(409)
                return
            held.data |= change["data"]
            held.version += 1
            self._answer(200)

        def _answer(self, status: int) -> None:
            body = {"metadata": {"resourceVersion": str(held.version)}} | ({"data": held.data} if held.data else {})
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, format: str, *words: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield passwords.Cluster(f"http://127.0.0.1:{server.server_port}", "ml", "the-token", None)
        server.shutdown()


def test_what_is_lacking_is_made_once(passwords: ModuleType, cluster: Any, held: Held) -> None:
    assert passwords.complete(cluster, "molino-mlflow", ["password", "flask-secret-key"]) == [
        "flask-secret-key",
        "password",
    ]
    first = dict(held.data)
    assert passwords.complete(cluster, "molino-mlflow", ["password", "flask-secret-key"]) == []
    assert held.data == first
    assert len(set(first.values())) == 2
    assert held.seen[0] == ("GET", "/api/v1/namespaces/ml/secrets/molino-mlflow", "Bearer the-token")
    assert [method for method, *_ in held.seen] == ["GET", "PATCH", "GET"]


def test_what_is_there_is_kept(passwords: ModuleType, cluster: Any, held: Held) -> None:
    held.data = {"password": "YQ=="}
    assert passwords.complete(cluster, "molino-mlflow", ["password", "flask-secret-key"]) == ["flask-secret-key"]
    assert held.data["password"] == "YQ=="


def test_it_looks_again_where_another_was_first(passwords: ModuleType, cluster: Any, held: Held) -> None:
    held.conflicts = 1
    assert passwords.complete(cluster, "molino-mlflow", ["password"]) == ["password"]


def test_a_fernet_key_is_one_and_the_servers_key_is_the_one_to_ask_with(passwords: ModuleType) -> None:
    found = passwords.made(["fernet-key", "api-keys", "api-key"], {})
    assert len(base64.urlsafe_b64decode(base64.b64decode(found["fernet-key"]))) == 32
    assert found["api-keys"] == found["api-key"]
    assert passwords.made(["api-keys", "api-key"], {"api-key": "YQ=="}) == {"api-keys": "YQ=="}
