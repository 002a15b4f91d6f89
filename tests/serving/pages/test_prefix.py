"""The pages behind a real nginx, below a path: told by a header, with the path taken off or left, or by a setting."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from running_server import JSON, RunningServer, run_server

from tests.ports import free_port
from tests.serving.pages.browsing import open_docs, open_home

pytestmark = pytest.mark.pages

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
PREFIXES = ("/ml", "/a/b.c", "/set")
CONFIGURATION = """\
pid {folder}/nginx.pid;
error_log stderr warn;
daemon off;
worker_processes 1;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_buffer_size 1m;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    proxy_http_version 1.1;
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    server {{
        listen 127.0.0.1:{port};
        location /ml/ {{
            proxy_pass http://127.0.0.1:{told}/;
            proxy_set_header X-Forwarded-Prefix /ml/;
        }}
        location /a/b.c/ {{
            proxy_pass http://127.0.0.1:{told};
            proxy_set_header X-Forwarded-Prefix /a/b.c;
        }}
        location /set/ {{
            proxy_pass http://127.0.0.1:{set}/;
        }}
    }}
}}
"""
LINKS = "[...document.querySelectorAll('[href], [src]')].map((element) => element.href || element.src)"


@pytest.fixture(scope="module")
def proxy(server: RunningServer, releases: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of nginx, with a server behind that is told by a header and one that is told by a setting."""
    if NGINX is None:
        pytest.skip("nginx is not installed: apt-get install nginx-light")
    folder = tmp_path_factory.mktemp("nginx")
    port = free_port()
    with run_server(releases, folder / "log", MOLINO_SERVING_PATH_PREFIX="/set", MOLINO_SERVING_WORKERS=1) as below:
        text = CONFIGURATION.format(folder=folder, port=port, told=server.port, set=below.port)
        (folder / "nginx.conf").write_text(text)
        command = [NGINX, "-c", str(folder / "nginx.conf"), "-e", "stderr"]
        with (folder / "nginx.log").open("wb") as log:
            process = subprocess.Popen(command, stderr=log)
        try:
            below.wait("nginx listens", lambda: process.poll() is not None or listens(port))
            assert process.poll() is None, (folder / "nginx.log").read_text()
            yield f"http://127.0.0.1:{port}"
        finally:
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGTERM)
            process.wait(30)


def listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def ask(proxy: str, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(proxy.removeprefix("http://"), timeout=30)
    connection.request(method, path, body, JSON)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content


@pytest.mark.parametrize("page", ["desktop"], indirect=True)
@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_model_is_tried_below_a_path(page: Any, proxy: str, prefix: str) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    open_home(page, f"{proxy}{prefix}/")
    page.click("#housing .features button")
    page.wait_for_selector("#housing .answer:not(.stale)")
    page.wait_for_selector("#housing .moved")

    assert all(url.startswith(f"{proxy}{prefix}/") for url in asked)


@pytest.mark.parametrize("page", ["desktop"], indirect=True)
@pytest.mark.parametrize("prefix", PREFIXES)
def test_each_link_of_the_pages_leads_below_the_path(page: Any, proxy: str, prefix: str) -> None:
    links: set[str] = set()
    for path in ("/", "/docs", "/nothing/here"):
        page.goto(f"{proxy}{prefix}{path}")
        links |= {link.partition("#")[0] for link in page.evaluate(LINKS)}

    assert len(links) > 5
    assert all(link.startswith(f"{proxy}{prefix}/") for link in links)
    assert {link: ask(proxy, "GET", link.removeprefix(proxy))[0] for link in links} == dict.fromkeys(links, 200)


@pytest.mark.parametrize("page", ["desktop"], indirect=True)
@pytest.mark.parametrize("prefix", PREFIXES)
def test_the_contracts_examples_work_below_the_path(page: Any, proxy: str, prefix: str) -> None:
    open_docs(page, f"{proxy}{prefix}")
    card = page.locator(".route", has=page.locator(".method", has_text="POST")).last
    card.locator("summary").first.click()
    card.locator(".ask button").click()
    card.locator(".status").wait_for()

    assert card.locator(".status").text_content().startswith("200 ")
    assert f"{proxy}{prefix}/" in card.locator(".curl").text_content()


@pytest.mark.parametrize("prefix", PREFIXES)
def test_programs_ask_below_the_path(proxy: str, prefix: str, housing_body: bytes) -> None:
    contract = json.loads(ask(proxy, "GET", f"{prefix}/openapi.json")[1])
    large = housing_body + b" " * 500_000

    assert contract["servers"] == [{"url": prefix}]
    assert [ask(proxy, "POST", f"{prefix}/predict", body)[0] for body in (housing_body, large)] == [200, 200]
    assert ask(proxy, "GET", f"{prefix}/v2/health/ready")[0] == 200
    assert ask(proxy, "POST", "/predict", housing_body)[0] == 404
