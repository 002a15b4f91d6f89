"""Ports for the servers that tests start."""

import fcntl
import os
import random
import socket
import tempfile
from contextlib import suppress
from pathlib import Path

HOST = "127.0.0.1"
CHOICE = range(20_000, 32_000)
"""Below the ports that a kernel gives to connections and to whoever asks for any: none of these is taken by chance."""
TRIES = 1000
_HELD: list[int] = []


def free_port() -> int:
    """Return a port that nobody listens on, and that no other call returns as long as this process lives.

    A lock on a file of the port's number holds it against other workers and other runs of the tests.

    Raises:
        RuntimeError: no port was found.
    """
    folder = Path(tempfile.gettempdir()) / f"molino-test-ports-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    for port in random.SystemRandom().sample(CHOICE, TRIES):
        handle = os.open(folder / str(port), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
        with suppress(OSError), socket.socket() as probe:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((HOST, port))
            _HELD.append(handle)
            return port
        os.close(handle)
    raise RuntimeError(f"none of {TRIES} ports from {CHOICE.start} to {CHOICE.stop} is free")
