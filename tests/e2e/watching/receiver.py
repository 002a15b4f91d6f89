"""What takes whatever is posted to it, and gives it back at the same path, a message per line; it runs in a pod."""

import http.server
import sys
from collections import defaultdict

TAKEN: dict[str, list[bytes]] = defaultdict(list)


class Receiver(http.server.BaseHTTPRequestHandler):
    """Answers posts with 200."""

    def do_POST(self) -> None:
        """Take a message."""
        TAKEN[self.path].append(self.rfile.read(int(self.headers["Content-Length"])).rstrip())
        self._answer(b"")

    def do_GET(self) -> None:
        """Give back what was posted here."""
        self._answer(b"\n".join(TAKEN[self.path]))

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing: what it said would be posted to it."""


if __name__ == "__main__":
    http.server.ThreadingHTTPServer(("", int(sys.argv[1])), Receiver).serve_forever()
