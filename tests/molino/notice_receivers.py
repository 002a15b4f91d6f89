"""What notices are sent to in tests: a web server that keeps what is posted, and a sink that speaks SMTP."""

import base64
import email
import email.policy
import json
import socketserver
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

from listening import Listening

READY, DONE, REFUSED = b"220 sink ESMTP\r\n", b"250 OK\r\n", b"535 5.7.8 the password of ann is wrong\r\n"


class Hook(Listening, ThreadingHTTPServer):
    """Answers with the statuses that it is given, then with 200."""

    def __init__(self, *statuses: int) -> None:
        super().__init__(("127.0.0.1", 0), _Posted)
        self.statuses = list(statuses)
        self.posted: list[dict[str, Any]] = []
        self.paths: list[str] = []

    def url(self, path: str = "/hook") -> str:
        return f"http://127.0.0.1:{self.port}{path}"


class _Posted(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        self.server.posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.server.paths.append(self.path)
        self.send_response(self.server.statuses.pop(0) if self.server.statuses else 200)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Leave the test's stderr to the test."""


class MailSink(Listening, socketserver.ThreadingTCPServer):
    """Takes mails by plain SMTP (RFC 5321) with AUTH PLAIN, and keeps them; it delivers nothing."""

    daemon_threads = True

    def __init__(self, password: str = "") -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.password = password
        self.mails: list[EmailMessage] = []
        self.logins: list[tuple[str, str]] = []


class _Conversation(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.wfile.write(READY)
        for line in self.rfile:
            verb, _, said = line.decode().strip().partition(" ")
            self.wfile.write(self.answer(verb.upper(), said))
            if verb.upper() == "QUIT":
                return

    def answer(self, verb: str, said: str) -> bytes:
        sink = cast("MailSink", self.server)
        if verb == "EHLO":
            return b"250-sink\r\n250 AUTH PLAIN\r\n"
        if verb == "AUTH":
            _, user, password = base64.b64decode(said.removeprefix("PLAIN ")).decode().split("\0")
            sink.logins.append((user, password))
            return b"235 OK\r\n" if password == sink.password else REFUSED
        if verb == "DATA":
            self.wfile.write(b"354 go on\r\n")
            lines = list(iter(self.rfile.readline, b".\r\n"))
            mail = email.message_from_bytes(b"".join(lines), policy=email.policy.default)
            sink.mails.append(cast("EmailMessage", mail))
        return b"221 bye\r\n" if verb == "QUIT" else DONE
