"""An exact number of requests over many connections, each answer read and counted: what wrk can't say.

wrk stops by time with requests under way, so that its count and the server's differ by up to a request per connection.
"""

import socket
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from tests.bench.serving.question import Question

_CHUNK = 1 << 16
_TIMEOUT_S = 30


def send_counted(port: int, asked: Sequence[Question], total: int, connections: int = 32) -> Counter[tuple[str, int]]:
    """Send `total` requests, taking the questions in turn, and count the answers by path and status.

    Each connection has one request under way; every answer is read before the next request is sent on it.
    """
    wire = [(question.path, _encode(question)) for question in asked]
    counts: Counter[tuple[str, int]] = Counter()
    sent = 0
    with _connect(port, connections) as sockets:
        while sent < total:
            under_way = []
            for connection in sockets[: total - sent]:
                path, request = wire[sent % len(wire)]
                connection.sendall(request)
                under_way.append((connection, path))
                sent += 1
            for connection, path in under_way:
                counts[path, _status(connection)] += 1
    return counts


@contextmanager
def _connect(port: int, count: int) -> Iterator[list[socket.socket]]:
    with ExitStack() as stack:
        address = ("127.0.0.1", port)
        made = [stack.enter_context(socket.create_connection(address, _TIMEOUT_S)) for _ in range(count)]
        for connection in made:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield made


def _encode(question: Question) -> bytes:
    headers = "".join(f"{name}: {value}\r\n" for name, value in question.headers.items())
    head = f"POST {question.path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}Content-Length: {len(question.body)}\r\n\r\n"
    return head.encode() + question.body


def _status(connection: socket.socket) -> int:
    """Read one whole answer, which has a Content-Length, and return its status."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += _receive(connection)
    head, _, body = received.partition(b"\r\n\r\n")
    lengths = [line.partition(b":")[2] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    missing = int(lengths[0]) - len(body)
    while missing > 0:
        missing -= len(_receive(connection))
    return int(head[9:12])


def _receive(connection: socket.socket) -> bytes:
    chunk = connection.recv(_CHUNK)
    if not chunk:
        raise ConnectionError("the server closed a connection that was to be kept")
    return chunk
