"""A web server that wants a user and a password, and has a folder, git repositories and a place for DVC's files."""

import base64
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

GIT_BACKEND = Path(subprocess.run(["git", "--exec-path"], capture_output=True, text=True, check=True).stdout.strip())


def has_git_backend() -> bool:
    return (GIT_BACKEND / "git-http-backend").is_file()


@contextmanager
def server(folder: Path, user: str, password: str) -> Iterator[str]:
    """Serve a folder: `/files/…` to read and write, `/git/…` by git; yield host and port.

    Args:
        folder: has `files` and `git`.
        user: the one who may read and write.
        password: of that user.
    """
    expected = f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def do_GET(self) -> None:
            self._serve()

        do_POST = do_HEAD = do_GET  # noqa: N815

        def _serve(self) -> None:
            body = self._body()
            if self.headers.get("Authorization") != expected:
                self._answer(401, b"", {"WWW-Authenticate": 'Basic realm="molino"'})
            elif self.path.startswith("/git/"):
                self._git(body)
            else:
                self._file(folder / self.path.partition("?")[0].lstrip("/"), body)

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)

        def _file(self, path: Path, body: bytes) -> None:
            if self.command == "POST":
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(body)
                self._answer(200, b"")
            elif path.is_file():
                self._answer(200, path.read_bytes())
            else:
                self._answer(404, b"")

        def _git(self, body: bytes) -> None:
            path, _, query = self.path.partition("?")
            asked = {
                **os.environ, "GIT_PROJECT_ROOT": str(folder), "GIT_HTTP_EXPORT_ALL": "1", "REMOTE_USER": user,
                "PATH_INFO": path, "QUERY_STRING": query, "REQUEST_METHOD": self.command,
                "CONTENT_TYPE": self.headers.get("Content-Type") or "", "CONTENT_LENGTH": str(len(body)),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding") or "",
                "GIT_PROTOCOL": self.headers.get("Git-Protocol") or "",
            }  # fmt: skip
            done = subprocess.run(
                [GIT_BACKEND / "git-http-backend"], env=asked, input=body, capture_output=True, check=False
            )
            head, _, content = done.stdout.partition(b"\r\n\r\n")
            headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
            self._answer(int(headers.pop("Status", "200 OK").split()[0]), content, headers)

        def _answer(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{listening.server_address[1]}"
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()
