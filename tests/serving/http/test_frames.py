"""What comes over the wire is a request by RFC 9112, or is refused with 400 and a closed connection."""

import http.client
import random
import re
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
from gunicorn.asgi.protocol import ASGIProtocol
from gunicorn_h1c import H1CProtocol
from running_server import RunningServer

from serving.http.connections import PIECE_BYTES, Connection

HEAD = b"Host: x\r\nX-API-KEY: mercadolibre\r\n"
POST = b"POST /predict HTTP/1.1\r\n" + HEAD + b"Content-Type: application/json\r\n"
REFUSED = {
    "a blank before the colon of the key": b"GET /models HTTP/1.1\r\nHost: x\r\nX-API-KEY : mercadolibre\r\n\r\n",
    "a tab before the colon": b"GET /models HTTP/1.1\r\nHost: x\r\nX-API-KEY\t: mercadolibre\r\n\r\n",
    "a vertical tab before the colon": b"GET /models HTTP/1.1\r\nHost: x\r\nX-API-KEY\x0b: mercadolibre\r\n\r\n",
    "a form feed before the colon": b"GET /models HTTP/1.1\r\nHost: x\r\nX-API-KEY\x0c: mercadolibre\r\n\r\n",
    "a blank before the colon of the length": POST + b"Content-Length : 2\r\n\r\n{}",
    "a blank before the colon of the coding": POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "a vertical tab before the coding": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "a folded line": b"GET /ping HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n",
    "another coding than chunked": POST + b"Transfer-Encoding: gzip\r\n\r\n",
    "a coding below chunked": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked twice": POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "chunked on two lines": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked after nothing": POST + b"Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n",
    "no coding": POST + b"Transfer-Encoding:\r\n\r\n0\r\n\r\n",
    "a coding that nobody knows": POST + b"Transfer-Encoding: chunkzd\r\n\r\n0\r\n\r\n",
    "a version of the future": b"GET /ping HTTP/9.1\r\nHost: x\r\n\r\n",
    "chunk data without its line end": POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}X\r\n0\r\n\r\n",
    "a chunk size that is none": POST + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
    "line feeds alone": b"GET /ping HTTP/1.1\nHost: x\n\n",
    "no host": b"GET /ping HTTP/1.1\r\n\r\n",
    "no host, with a key": b"GET /models HTTP/1.1\r\nX-API-KEY: mercadolibre\r\n\r\n",
    "two hosts": b"GET /ping HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    "a host that is none": b"GET /ping HTTP/1.1\r\nHost: x y\r\n\r\n",
    "a host with a user": b"GET /ping HTTP/1.1\r\nHost: a@x\r\n\r\n",
    "a host with half a bracket": b"GET /ping HTTP/1.1\r\nHost: [::1\r\n\r\n",
    "a host with a port that is none": b"GET /ping HTTP/1.1\r\nHost: x:y\r\n\r\n",
    "a target of another scheme": b"GET ftp://x/ping HTTP/1.1\r\nHost: x\r\n\r\n",
    "a target without its host": b"GET http:///ping HTTP/1.1\r\nHost: x\r\n\r\n",
    "a target with a user": b"GET http://a@x/ping HTTP/1.1\r\nHost: x\r\n\r\n",
    "a target that is a host": b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n",
    "a chunk size with a sign": POST + b"Transfer-Encoding: chunked\r\n\r\n+2\r\n{}\r\n0\r\n\r\n",
    "a chunk size beyond 64 bits": POST + b"Transfer-Encoding: chunked\r\n\r\n10000000000000002\r\n{}\r\n0\r\n\r\n",
    "a chunk size with a blank": POST + b"Transfer-Encoding: chunked\r\n\r\n2 \r\n{}\r\n0\r\n\r\n",
    "a line feed alone in a chunk's extension": POST + b"Transfer-Encoding: chunked\r\n\r\n2;a\nb\r\n{}\r\n0\r\n\r\n",
    "a method in small letters": b"get /ping HTTP/1.1\r\nHost: x\r\n\r\n",
    "a beginning of TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "a byte order mark": b"\xef\xbb\xbfGET /ping HTTP/1.1\r\nHost: x\r\n\r\n",
    "a length and a coding": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "a list of lengths": POST + b"Content-Length: 2, 2\r\n\r\n{}",
    "a length with a sign": POST + b"Content-Length: +2\r\n\r\n{}",
    "a length with an underscore": POST + b"Content-Length: 1_0\r\n\r\n{}",
    "a coding in HTTP/1.0": b"POST /predict HTTP/1.0\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a zero byte in a header": b"GET /ping HTTP/1.1\r\nHost: x\r\nA: b\x00c\r\n\r\n",
}


def exchange(port: int, sent: bytes, seconds: float = 20) -> bytes:
    """Return all that is answered until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as client:
        client.sendall(sent)
        received = b""
        while chunk := client.recv(65536):
            received += chunk
    return received


@pytest.mark.parametrize("sent", REFUSED.values(), ids=REFUSED)
def test_a_malformed_frame_is_one_400_and_a_closed_connection(server: RunningServer, sent: bytes) -> None:
    received = exchange(server.port, sent + b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n")

    assert received.startswith(b"HTTP/1.1 400 ")
    assert len(re.findall(rb"^HTTP/1", received, re.MULTILINE)) == 1
    assert re.search(rb"^date: \w{3}, .* GMT\r$", received, re.MULTILINE | re.IGNORECASE)


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (b"X-API-KEY: wrong\r\nX-API-KEY: mercadolibre\r\n", 401),
        (b"X-API-KEY: mercadolibre\r\nContent-Encoding: identity\r\nContent-Encoding: gzip\r\n", 415),
    ],
)
def test_lines_of_one_header_are_one_value(server: RunningServer, lines: bytes, status: int) -> None:
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n"

    assert exchange(server.port, head + lines + b"\r\n").startswith(b"HTTP/1.1 %d " % status)


def test_a_client_of_http_1_0_is_told_that_the_connection_goes_on(server: RunningServer) -> None:
    asked = b"GET /ping HTTP/1.0\r\nHost: x\r\n"
    received = exchange(server.port, asked + b"Connection: Keep-Alive\r\n\r\n" + asked + b"\r\n")

    assert re.findall(rb"^connection: (\S+)", received, re.MULTILINE | re.IGNORECASE) == [b"keep-alive", b"close"]


def test_the_server_as_a_whole_says_what_it_takes(server: RunningServer) -> None:
    received = exchange(server.port, b"OPTIONS * HTTP/1.1\r\n" + HEAD + b"Connection: close\r\n\r\n")

    assert received.startswith(b"HTTP/1.1 200 ")
    assert b"allow: GET, HEAD, OPTIONS, POST\r\n" in received


def test_a_blank_line_before_a_request_is_passed_over(server: RunningServer) -> None:
    received = exchange(server.port, b"\r\nGET /ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")

    assert received.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("target", ["http://x/ping", "HTTPS://x:80/ping", "http://[::1]:8000/ping?a=b"])
def test_a_target_may_name_the_host(server: RunningServer, target: str) -> None:
    received = exchange(server.port, f"GET {target} HTTP/1.1\r\nHost: [::1]:8000\r\nConnection: close\r\n\r\n".encode())

    assert received.startswith(b"HTTP/1.1 200 ")


def test_pipelined_requests_are_all_answered_in_their_order(server: RunningServer, housing_body: bytes) -> None:
    """Far more at once than the server holds, bodies of 100 kB and blank lines among them."""
    bodies = [housing_body + b" " * (100_000 if number % 50 == 0 else 0) for number in range(600)]
    sent = b"".join(
        b"\r\n%bX-Request-ID: %d\r\nContent-Length: %d\r\n\r\n%b" % (POST, number, len(body), body)
        for number, body in enumerate(bodies)
    )
    last = b"GET /ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with ThreadPoolExecutor(1) as others, socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
        sending = others.submit(client.sendall, sent + last)
        received = b""
        while chunk := client.recv(65536):
            received += chunk
        sending.result()

    answered = re.findall(rb"HTTP/1\.1 200 OK\r\n(?:[^\r]+\r\n)*?x-request-id: (\d+)\r\n", received, re.IGNORECASE)
    assert [int(number) for number in answered] == list(range(len(bodies)))
    assert received.endswith(b'{"status":"alive"}')


@pytest.mark.parametrize(("key", "length", "status"), [("wrong", 100, 401), ("mercadolibre", 17 * 2**20, 413)])
def test_a_body_that_is_not_wanted_is_not_asked_for(server: RunningServer, key: str, length: int, status: int) -> None:
    head = f"Host: x\r\nX-API-KEY: {key}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n"
    received = exchange(server.port, f"POST /predict HTTP/1.1\r\n{head}Expect: 100-continue\r\n\r\n".encode())

    assert received.startswith(f"HTTP/1.1 {status} ".encode())
    assert len(re.findall(rb"^HTTP/1", received, re.MULTILINE)) == 1


def test_the_key_is_checked_before_the_body_has_come(server: RunningServer) -> None:
    announced = b"POST /predict HTTP/1.1\r\nHost: x\r\nX-API-KEY: wrong\r\nContent-Length: 1000\r\n\r\n"

    assert exchange(server.port, announced).startswith(b"HTTP/1.1 401 ")


def test_a_refused_body_that_has_come_leaves_the_connection_usable(server: RunningServer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    statuses = []
    for _ in range(2):
        connection.request("POST", "/predict", b"{}", {"X-API-KEY": "wrong"})
        answer = connection.getresponse()
        answer.read()
        statuses.append((answer.status, answer.getheader("Connection")))
    connection.close()

    assert statuses == [(401, None), (401, None)]


@pytest.mark.parametrize(
    ("key", "mebibytes", "status"), [("wrong", 2, 401), ("wrong", 16, 401), ("mercadolibre", 17, 413)]
)
def test_a_client_that_sends_a_large_body_gets_to_read_why_it_is_refused(
    server: RunningServer, key: str, mebibytes: int, status: int
) -> None:
    """One that reads nothing until it has sent everything, as most do."""
    body = b" " * (mebibytes * 2**20)
    answer = server.ask("POST", "/predict", body, {"X-API-KEY": key, "Content-Type": "application/json"})

    assert (answer.status, answer.headers.get("connection")) == (status, "close")


@pytest.mark.parametrize("frames", [2000, pytest.param(20_000, marks=pytest.mark.fuzz)])
def test_the_server_lives_through_broken_frames(server: RunningServer, frames: int) -> None:
    """Requests with bytes changed, taken out or doubled: each is answered or its connection closed."""
    random.seed(frames)
    whole = POST + b"Content-Length: 2\r\n\r\n{}"
    for _ in range(frames):
        frame = bytearray(whole)
        for _ in range(random.randint(1, 4)):
            place = random.randrange(len(frame))
            frame[place : place + random.randint(0, 2)] = random.choice([b"", b"\r", b"\n", b" ", b":", b"\x00", b"9"])
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
            client.sendall(frame)
            client.shutdown(socket.SHUT_WR)
            received = client.recv(65536)
        assert not received.startswith(b"HTTP/1.1 5"), bytes(frame)

    assert server.ask("GET", "/ping").status == 200


def test_the_parser_in_c_is_found_by_our_connections():
    """Gunicorn keeps what it found with the class that asked, and a subclass that asks first finds none."""
    assert Connection._h1c_protocol_class is H1CProtocol
    assert ASGIProtocol._h1c_has_limits


def test_the_parser_in_c_holds_64_kib_behind_a_request():
    """Why `Connection` holds the rest itself, and why Gunicorn's own worker is measured by its other parser."""
    parser = H1CProtocol(None, None, None)
    parser.feed(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" + bytes(PIECE_BYTES))
    whole = (len(parser.remaining()), parser.remaining_truncated)
    parser.feed(b"x")

    assert [whole, (len(parser.remaining()), parser.remaining_truncated)] == [(65536, False), (65536, True)]
