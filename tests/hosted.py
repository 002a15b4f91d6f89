"""HTTP servers that a test answers by itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import HTTPServer
from threading import Thread


@contextmanager
def hosted(server: HTTPServer) -> Iterator[None]:
    """Serve in a thread, as long as the context lasts."""
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
