"""Accepts connections from a listening socket that several processes share."""

import asyncio
import socket
from collections.abc import Callable

PAUSE_SECONDS = 1.0


class Listener:
    """Takes one connection each time the loop comes round, so that the processes share them out.

    asyncio's own server takes all that wait at once, and drops those in the kernel's queue when it is closed.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, sock: socket.socket, make_protocol: Callable[[], asyncio.Protocol]
    ) -> None:
        self._loop = loop
        self._sock = sock
        self._make_protocol = make_protocol
        self._tasks: set[asyncio.Task[object]] = set()
        sock.setblocking(False)
        loop.add_reader(sock.fileno(), self._accept)

    async def close(self) -> None:
        """Stop, after taking what waits in the kernel's queue."""
        self._loop.remove_reader(self._sock.fileno())
        while self._accept():
            pass
        self._sock.close()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _accept(self) -> bool:
        """Take one connection; tell whether there was one. Another process may have been quicker."""
        try:
            connection, _ = self._sock.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return False
        except OSError:
            self._pause()
            return False
        connection.setblocking(False)
        if connection.family in (socket.AF_INET, socket.AF_INET6):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        task = self._loop.create_task(self._loop.connect_accepted_socket(self._make_protocol, connection))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    def _pause(self) -> None:
        """Out of file descriptors: leave the queue to others for a while, instead of asking again at once."""
        self._loop.remove_reader(self._sock.fileno())
        self._loop.call_later(PAUSE_SECONDS, self._go_on)

    def _go_on(self) -> None:
        if self._sock.fileno() >= 0:
            self._loop.add_reader(self._sock.fileno(), self._accept)
