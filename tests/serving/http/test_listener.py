"""The last connections of a server that stops: each that is open is taken, and none is opened that nobody takes."""

import errno
import select
import socket
import sys

import pytest

from serving.http.listener import open_no_more

AGAIN_SECONDS = 10.0
"""A client asks again after one second, then two."""
LOOPBACKS = {"127.0.0.1": socket.AF_INET, "::1": socket.AF_INET6}


def listening(address: str) -> socket.socket:
    if address == "::1" and not socket.has_ipv6:
        pytest.skip("there is no IPv6")
    sock = socket.socket(LOOPBACKS[address])
    try:
        sock.bind((address, 0))
    except OSError:
        pytest.skip(f"there is no {address}")
    sock.listen()
    return sock


def asking(sock: socket.socket) -> socket.socket:
    """Return a client that has asked for a connection, and doesn't wait for it."""
    client = socket.socket(sock.family)
    client.setblocking(False)
    assert client.connect_ex(sock.getsockname()) in (0, errno.EINPROGRESS)
    return client


def answer(client: socket.socket, seconds: float) -> int | None:
    """Return what came of asking: 0 for a connection, else its error; None where there is no answer in time."""
    _, ready, _ = select.select([], [client], [], seconds)
    return client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) if ready else None


@pytest.mark.skipif(sys.platform != "linux", reason="a filter of Linux")
@pytest.mark.parametrize("address", LOOPBACKS)
def test_who_is_connected_is_answered_and_who_comes_later_refused(address: str) -> None:
    with listening(address) as sock, asking(sock) as early:
        assert answer(early, AGAIN_SECONDS) == 0
        open_no_more(sock)
        with asking(sock) as late:
            assert answer(late, 0.3) is None
            early.sendall(b"a request")
            taken, _ = sock.accept()
            with taken:
                assert taken.recv(100) == b"a request"
                taken.sendall(b"its answer")
                assert select.select([early], [], [], AGAIN_SECONDS)[0]
                assert early.recv(100) == b"its answer"
            sock.setblocking(False)
            with pytest.raises(BlockingIOError):
                sock.accept()
            sock.close()
            assert answer(late, AGAIN_SECONDS) == errno.ECONNREFUSED


def test_other_sockets_take_connections_as_before() -> None:
    with listening("127.0.0.1") as stopping, listening("127.0.0.1") as other:
        open_no_more(stopping)
        with asking(other) as client:
            assert answer(client, AGAIN_SECONDS) == 0
