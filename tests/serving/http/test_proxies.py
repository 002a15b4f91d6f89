"""Behind proxies: who asks, and under which path the server stands."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from running_server import JSON, KEY, RunningServer, run_server

from serving.http.proxies import Proxies, path_below, read_prefix
from serving.settings import ServingSettings


def look_at(peer: str, trusted: str, *headers: tuple[str, str], prefix: str = "") -> tuple[str, str]:
    settings = ServingSettings(trusted_proxies=trusted)  # type: ignore[arg-type]
    told = [(name.encode(), value.encode()) for name, value in headers]
    return Proxies(settings.trusted_proxies, prefix).look_at({"client": (peer, 1), "headers": told})


FOR = "x-forwarded-for"


@pytest.mark.parametrize(
    ("peer", "trusted", "told", "client"),
    [
        ("10.1.1.1", "10.0.0.0/8", ["203.0.113.7"], "203.0.113.7"),
        ("10.1.1.1", "10.0.0.0/8", ["1.2.3.4, 203.0.113.7"], "203.0.113.7"),  # the first is the client's own word
        ("10.1.1.1", "10.0.0.0/8", ["203.0.113.7, 10.2.2.2"], "203.0.113.7"),
        ("10.1.1.1", "10.0.0.0/8", ["1.2.3.4", "203.0.113.7"], "203.0.113.7"),
        ("10.1.1.1", "10.0.0.0/8", ["10.3.3.3, 10.2.2.2"], "10.3.3.3"),
        ("10.1.1.1", "10.0.0.0/8", ["nonsense, 10.2.2.2"], "10.2.2.2"),
        ("10.1.1.1", "10.0.0.0/8", [], "10.1.1.1"),
        ("10.1.1.1", "10.0.0.0/8", ["[2001:db8::7]"], "2001:db8::7"),
        ("11.1.1.1", "10.0.0.0/8", ["203.0.113.7"], "11.1.1.1"),
        ("10.1.1.1", "", ["203.0.113.7"], "10.1.1.1"),
        ("::ffff:10.1.1.1", "10.0.0.0/8", ["203.0.113.7"], "203.0.113.7"),
        ("::ffff:11.1.1.1", "10.0.0.0/8", ["203.0.113.7"], "11.1.1.1"),
        ("2001:db8::1", "10.0.0.0/8, 2001:db8::/32", ["203.0.113.7"], "203.0.113.7"),
    ],
)
def test_a_client_is_who_the_last_trusted_proxy_saw(peer: str, trusted: str, told: list[str], client: str) -> None:
    assert look_at(peer, trusted, *((FOR, value) for value in told))[0] == client


@pytest.mark.parametrize(
    ("given", "prefix"),
    [
        ("/ml", "/ml"),
        ("/ml/", "/ml"),
        ("/a/b.c_d~e-f", "/a/b.c_d~e-f"),
        ("/", ""),
        ("//evil.example", ""),
        ("https://evil.example", ""),
        ("/a/../b", ""),
        ('/"><script>', ""),
        ("ml", ""),
        ("/a//b", ""),
    ],
)
def test_a_prefix_is_a_path_and_no_more(given: str, prefix: str) -> None:
    assert read_prefix(given) == prefix
    assert look_at("127.0.0.1", "127.0.0.1", ("x-forwarded-prefix", given))[1] == prefix
    assert look_at("127.0.0.2", "127.0.0.1", ("x-forwarded-prefix", given))[1] == ""
    assert look_at("127.0.0.1", "127.0.0.1", ("x-forwarded-prefix", given), prefix="/set")[1] == (prefix or "/set")


def test_a_path_is_below_its_prefix_or_without_it() -> None:
    paths = ("/ml", "/ml/", "/ml/predict", "/predict", "/mlx")
    assert [path_below("/ml", path) for path in paths] == ["/", "/", "/predict", "/predict", "/mlx"]


@pytest.fixture(scope="module")
def below(releases: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server under `/ml`."""
    log = tmp_path_factory.mktemp("below") / "log"
    with run_server(releases, log, MOLINO_SERVING_PATH_PREFIX="/ml/", MOLINO_SERVING_WORKERS=1) as running:
        yield running


@pytest.mark.parametrize("path", ["/ml/predict", "/predict"])
def test_a_proxy_may_leave_the_prefix_or_take_it_off(below: RunningServer, housing_body: bytes, path: str) -> None:
    assert below.ask("POST", path, housing_body).status == 200


@pytest.mark.parametrize("path", ["/ml", "/ml/", "/ml/docs", "/"])
def test_pages_link_below_the_prefix(below: RunningServer, path: str) -> None:
    page = below.ask("GET", path, headers={}).body.decode()

    assert 'href="/ml/static/molino.css"' in page
    assert all(link.startswith("/ml/") for link in page.replace('src="', 'href="').split('href="')[1:])
    assert below.ask("GET", "/ml/static/molino.css", headers={}).status == 200


def test_the_contract_names_the_prefix(below: RunningServer, server: RunningServer) -> None:
    told = [
        below.ask("GET", "/ml/openapi.json"),
        below.ask("GET", "/openapi.json", headers={**KEY, "X-Forwarded-Prefix": "/other"}),
        server.ask("GET", "/openapi.json", headers={**KEY, "X-Forwarded-Prefix": "/ml"}),
        server.ask("GET", "/openapi.json"),
    ]

    assert [answer.json["servers"] for answer in told] == [[{"url": url}] for url in ("/ml", "/other", "/ml", "/")]


def test_requests_below_a_prefix_are_counted_by_their_route(below: RunningServer) -> None:
    below.ask("GET", "/ml/v2/models/housing")
    below.ask("GET", "/v2/models/housing")

    assert 'route="/v2/models/{name}"' in below.ask("GET", "/ml/metrics").body.decode()


def test_what_a_token_may_do_is_told_by_the_path_without_its_prefix(below: RunningServer) -> None:
    assert below.ask("GET", "/ml/models", headers={}).status == 401
    assert below.ask("GET", "/ml/ping", headers={}).status == 200


def lines(server: RunningServer, path: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in server.log.read_text().splitlines() if f'"{path}"' in line]
    return [line for line in found if line["event"] == "request"]


def test_the_log_has_the_client_that_the_proxy_saw(below: RunningServer, housing_body: bytes) -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    below.ask("POST", "/predict", housing_body, {**JSON, "X-Forwarded-For": "203.0.113.9", "traceparent": trace})
    below.wait("the line is written", lambda: "203.0.113.9" in below.log.read_text())
    (line,) = [line for line in lines(below, "/predict") if line["client"] == "203.0.113.9"]

    assert (line["trace_id"], line["span_id"]) == ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")


def test_an_untrusted_peers_word_is_not_taken(releases: Path, tmp_path: Path, housing_body: bytes) -> None:
    variables = {"MOLINO_SERVING_TRUSTED_PROXIES": "10.0.0.0/8", "MOLINO_SERVING_WORKERS": 1}
    with run_server(releases, tmp_path / "log", **variables) as running:
        running.ask("POST", "/predict", housing_body, {**JSON, "X-Forwarded-For": "203.0.113.9"})
        running.wait("the line is written", lambda: bool(lines(running, "/predict")))

        assert lines(running, "/predict")[0]["client"] == "127.0.0.1"


@pytest.mark.parametrize("host", ["::1", "::", "[::1]"])
def test_ipv6_is_listened_on(releases: Path, tmp_path: Path, host: str) -> None:
    variables = {"MOLINO_SERVING_HOST": host, "MOLINO_SERVING_WORKERS": 1, "MOLINO_API_KEYS": "k" * 24}
    with run_server(releases, tmp_path / "log", ready=False, **variables) as running:
        running.host = "::1"
        running.wait("it is ready over IPv6", running.answers)
        running.host = "127.0.0.1"
        assert running.answers() is (host == "::")
