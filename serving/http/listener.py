"""How connections are taken, until none is any more."""

import asyncio
import ctypes
import socket
import struct
import sys
from collections.abc import Callable

SO_ATTACH_FILTER = 26
"""Of Linux (socket(7)); Python has no name for it."""
OPENS = (
    (0x30, 0, 0, 13),  # load the byte of a TCP head that has its flags
    (0x54, 0, 0, 0x12),  # keep SYN and ACK of it
    (0x15, 0, 1, 0x02),  # SYN alone opens a connection
    (0x06, 0, 0, 0),  # which is dropped
    (0x06, 0, 0, 0xFFFFFFFF),  # all else is taken
)
"""A program of BPF, the kernel's filter of packets: code, steps if true and if false, operand."""


def open_no_more(sock: socket.socket) -> None:
    """Have the kernel drop what would open another connection, so that each that is open can be taken and answered.

    A client that comes now asks again after a second, and is refused once the socket is closed. Otherwise one that
    comes between the last look into the kernel's queue and the close is connected, and reset with its request. Where
    the system has no such filter, that may be so.
    """
    if sys.platform != "linux":
        return
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in OPENS))
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HP", len(OPENS), ctypes.addressof(program)))
    except OSError:
        return


class Listener:
    """Takes one connection each time the loop comes round, so that the processes share them out.

    asyncio's own server takes all that wait at once, so that one process gets them, and drops those in the kernel's
    queue when it is closed.
    """

    def __init__(self, sock: socket.socket, make_connection: Callable[[], asyncio.Protocol]) -> None:
        self._loop = asyncio.get_running_loop()
        self._sock = sock
        self._make_connection = make_connection
        self._tasks: set[asyncio.Task[object]] = set()
        sock.setblocking(False)
        self._loop.add_reader(sock.fileno(), self._accept)

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
            client, _ = self._sock.accept()
        except OSError:
            return False
        client.setblocking(False)
        task = self._loop.create_task(self._loop.connect_accepted_socket(self._make_connection, client))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True
