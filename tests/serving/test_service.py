"""Where the work of a request is done."""

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import structlog
from asgi_client import make_client
from running_server import JSON

from molino.logs import configure_logs
from serving.inference.model import Model
from serving.service import open_service
from serving.settings import ServingSettings


@pytest.mark.parametrize(("size", "aside"), [(1024, False), (20 * 1024, True), (255 * 1024, True), (2**20, True)])
def test_a_body_that_takes_long_is_answered_beside_the_loop(settings: ServingSettings, size: int, aside: bool) -> None:
    def tell_thread() -> Any:
        return threading.get_ident()

    def answer() -> tuple[int, Any]:
        return threading.get_ident(), asyncio.run(open_service(settings).work(size, tell_thread))

    with ThreadPoolExecutor(1) as apart:  # a browser's loop may run in this thread
        looped, worked = apart.submit(answer).result()

    assert (worked != looped) is aside


def test_the_log_of_a_bug_says_which_request_it_failed(
    settings: ServingSettings, housing_body: bytes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a bug,\nin two lines")

    client = make_client(settings)
    monkeypatch.setattr(Model, "read", fail)
    configure_logs()
    answer = client.post("/predict", data=housing_body, headers={**JSON, "X-Request-ID": "id-1"})
    structlog.reset_defaults()
    line = json.loads(capsys.readouterr().err)

    assert (answer.status_code, line["event"], line["level"]) == (500, "a request failed", "error")
    assert (line["request_id"], line["model"], line["version"]) == ("id-1", "housing", "1")
    assert line["exception"].endswith("RuntimeError: a bug,\nin two lines")
