"""A server of a test that listens, in a thread, as long as it is the context."""

import socketserver
from threading import Thread
from typing import Self


class Listening(socketserver.TCPServer):
    """Is mixed into a server, whose port is free before."""

    def __enter__(self) -> Self:
        self._thread = Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()

    @property
    def port(self) -> int:
        return int(self.server_address[1])
