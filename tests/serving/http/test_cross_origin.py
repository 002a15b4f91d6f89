"""Scripts of other sites, as browsers have them ask."""

from pathlib import Path
from typing import Any

import pytest
from asgi_client import make_client
from running_server import JSON, KEY
from werkzeug.test import Client

from serving.settings import ServingSettings

APP = "https://app.example"
AHEAD = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type, x-api-key"}
ALLOW = "access-control-allow-origin"


def open_to(releases: Path, origins: str) -> Client:
    return make_client(ServingSettings(home=releases, cors_origins=origins))  # type: ignore[arg-type]


@pytest.fixture
def opened(releases: Path) -> Client:
    return open_to(releases, f"{APP}, http://localhost:3000")


@pytest.mark.parametrize("origin", [APP, "http://localhost:3000"])
def test_a_browser_may_ask_for_a_script_of_an_origin(opened: Client, housing_body: bytes, origin: str) -> None:
    ahead = opened.options("/predict", headers={"Origin": origin, **AHEAD})
    answer = opened.post("/predict", data=housing_body, headers={**JSON, "Origin": origin})

    assert ahead.status_code == answer.status_code == 200
    assert ahead.headers[ALLOW] == answer.headers[ALLOW] == origin
    assert "x-api-key" in ahead.headers["access-control-allow-headers"]
    assert "x-request-id" in answer.headers["access-control-expose-headers"]
    assert "Origin" in answer.headers["vary"]
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("path", ["/predict", "/models", "/nothing"])
def test_a_script_reads_why_it_is_refused(opened: Client, path: str) -> None:
    answer = opened.get(path, headers={"Origin": APP})

    assert answer.status_code == 401
    assert answer.headers[ALLOW] == APP


@pytest.mark.parametrize("origin", ["https://evil.example", "https://app.example.evil", "http://app.example", "null"])
def test_other_origins_are_not_let_in(opened: Client, origin: str) -> None:
    ahead = opened.options("/predict", headers={"Origin": origin, **AHEAD})
    answer = opened.get("/models", headers={**KEY, "Origin": origin})

    assert ahead.status_code == 400
    assert ALLOW not in ahead.headers
    assert ALLOW not in answer.headers


def test_all_may_be_let_in(releases: Path) -> None:
    assert open_to(releases, "*").get("/ping", headers={"Origin": APP}).headers[ALLOW] == "*"


def test_nobody_is_by_default(client: Client) -> None:
    ahead = client.options("/predict", headers={"Origin": APP, **AHEAD})
    answer = client.get("/models", headers={**KEY, "Origin": APP})

    assert ALLOW not in ahead.headers
    assert ALLOW not in answer.headers


@pytest.mark.parametrize("origins", ["app.example", "https://app.example/", "https://*.example", "ftp://a"])
def test_a_wrong_origin_is_told(releases: Path, origins: str) -> None:
    with pytest.raises(ValueError, match="no origin such as"):
        ServingSettings(home=releases, cors_origins=origins)  # type: ignore[arg-type]


def test_what_is_asked_ahead_is_counted(opened: Client) -> None:
    opened.options("/predict", headers={"Origin": APP, **AHEAD})
    metrics: Any = opened.get("/metrics", headers=KEY)

    assert 'method="OPTIONS",status="200"' in metrics.text
