import contextlib
import shutil
import socketserver
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from molino.contracts.listening import EVERYWHERE, listen_address
from tests.cluster import pki
from tests.cluster.images.ingress.controller.configuration import ALL_IPV4, ALL_IPV6, certificate_file, render
from tests.cluster.images.ingress.controller.routes import Host, Location
from tests.cluster.waits import until
from tests.ports import free_port

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")


def host(name: str, *locations: Location, certificate: tuple[str, str] | None = None) -> Host:
    return Host(name, {(location.path, location.kind): location for location in locations}, certificate)


class Failing(socketserver.StreamRequestHandler):
    """Ends the first connections at once, as a pod that is gone."""

    taken = 0

    def handle(self) -> None:
        type(self).taken += 1
        asked = self.rfile.readline().split()[1]
        if type(self).taken >= 3:
            self.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n" + asked)


@pytest.fixture
def failing() -> Iterator[tuple[str, type[Failing]]]:
    """A server that fails twice: where it is, and what counts its connections."""
    handler = type("Handler", (Failing,), {})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}", handler
        server.shutdown()
        thread.join()


@pytest.fixture
def answers(tmp_path: Path, failing: tuple[str, type[Failing]]) -> Iterator[str]:
    """Run nginx, with a backend that tells which path it was asked for, and return the address of nginx."""
    if NGINX is None:
        pytest.skip("nginx is not installed: apt-get install nginx-light")
    plain, secure, health, behind = (f"127.0.0.1:{free_port()}" for _ in range(4))
    served = host(
        "a.test",
        Location("/exact", "Exact", behind),
        Location("/deep", "Prefix", behind),
        Location("/failing", "Prefix", failing[0]),
        Location("/gone", "Prefix", None),
        Location("/small", "Prefix", behind, body_size="1k"),
    )
    text = render([served], tmp_path, health)
    backend = f'server {{ listen {behind}; location / {{ return 200 "$request_uri"; }} }}'
    for theirs, ours in {
        "listen 80": f"listen {plain}",
        "listen 443": f"listen {secure}",
        "user www-data;": "",
        "/dev/stdout": "off;#",
        "http {": f"http {{ {_temporary(tmp_path)} {backend}",
    }.items():
        text = text.replace(theirs, ours)
    (tmp_path / "nginx.conf").write_text(text)
    command = [NGINX, "-c", str(tmp_path / "nginx.conf"), "-e", "stderr"]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        _wait_for(health, process)
        yield f"http://{plain}"
        process.terminate()


def _temporary(folder: Path) -> str:
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    return " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    def listens() -> bool:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://{address}/healthz", timeout=1) as answer:
            return bool(answer.status == 200)
        return False

    until("nginx", listens, 30, lambda: "it ended" if process.poll() is not None else None)


def ask(address: str, path: str, *, name: str = "a.test", body: bytes | None = None) -> tuple[int, str]:
    request = urllib.request.Request(address + path, data=body, headers={"Host": name})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, ""


@pytest.mark.parametrize("path", ["/exact", "/exact?x=1", "/deep", "/deep/er", "/deep/er/still?x=%20y"])
def test_path_reaches_its_backend_as_it_was_asked(answers: str, path: str) -> None:
    assert ask(answers, path) == (200, path)


def test_a_service_is_asked_again_where_one_of_its_pods_ends_the_connection(
    answers: str, failing: tuple[str, type[Failing]]
) -> None:
    assert ask(answers, "/failing") == (200, "/failing")
    assert failing[1].taken == 3


@pytest.mark.parametrize("path", ["/", "/exact/", "/exactly", "/deeper"])
def test_other_paths_are_not_found(answers: str, path: str) -> None:
    assert ask(answers, path)[0] == 404


def test_other_hosts_are_not_found(answers: str) -> None:
    assert ask(answers, "/deep", name="b.test")[0] == 404


def test_backend_that_is_not_there_is_unavailable(answers: str) -> None:
    assert ask(answers, "/gone")[0] == 503


def test_body_over_the_limit_is_refused(answers: str) -> None:
    assert ask(answers, "/small", body=b"x" * 2000)[0] == 413


@pytest.mark.parametrize("all_addresses", [ALL_IPV4, ALL_IPV6])
def test_configuration_with_a_certificate_is_accepted(tmp_path: Path, all_addresses: str) -> None:
    if NGINX is None:
        pytest.skip("nginx is not installed: apt-get install nginx-light")
    if all_addresses == ALL_IPV6 and ":" not in listen_address(EVERYWHERE):
        pytest.skip("this kernel has no IPv6")
    authority = pki.Authority.create()
    secret = ("shop", "tls")
    authority.issue(tmp_path, "shop_tls", "a.test", hosts=("a.test",))
    assert certificate_file(tmp_path, secret, "crt") == tmp_path / "shop_tls.crt"
    hosts = [host("a.test", Location("/", "Prefix", "127.0.0.1:9"), certificate=secret), host("")]
    (tmp_path / "nginx.conf").write_text(render(hosts, tmp_path, "127.0.0.1:10254", all_addresses))
    command = [NGINX, "-t", "-q", "-c", str(tmp_path / "nginx.conf"), "-e", "stderr"]
    assert subprocess.run(command, capture_output=True, text=True, check=False).stderr == ""
