"""A pod's own account in place of keys: what the cloud gives for its token opens the object storage."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from molino.contracts.settings import Settings
from serving.fetch import FetchSettings
from serving.fetch import connect as connect_serving
from training.stores.s3 import connect

GIVEN = b'{"AccessKeyId": "lent", "SecretAccessKey": "s", "Token": "t", "Expiration": "2099-01-01T00:00:00Z"}'


@pytest.fixture
def lender(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The tokens by which a stand-in of EKS' Pod Identity agent was asked for keys."""
    asked: list[str] = []

    class Agent(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.headers["Authorization"])
            self.send_response(200)
            self.end_headers()
            self.wfile.write(GIVEN)

        def log_message(self, *_: object) -> None:
            pass

    (tmp_path / "token").write_text("of-the-pod")
    with ThreadingHTTPServer(("127.0.0.1", 0), Agent) as agent:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"http://127.0.0.1:{agent.server_port}/keys")
        monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(tmp_path / "token"))
        monkeypatch.delenv("AWS_WEB_IDENTITY_TOKEN_FILE", raising=False)
        thread = threading.Thread(target=agent.serve_forever)
        thread.start()
        yield asked
        agent.shutdown()
        thread.join()


def test_steps_and_serving_ask_with_what_their_account_is_given(lender: list[str], tmp_path: Path) -> None:
    steps = connect(Settings(home=tmp_path, s3_endpoint="https://s3.example.com", s3_identity=True))
    serving = connect_serving(FetchSettings(store="s3://own", s3_endpoint="https://s3.example.com", s3_identity=True))
    for client in (steps, serving):
        assert "lent" in client.presigned_get_object("own", "key")
    assert lender == ["of-the-pod"] * 2
