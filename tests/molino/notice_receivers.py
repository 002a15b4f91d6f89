"""What notices are sent to in tests: a web server that keeps what is posted, and a sink that speaks SMTP."""

import base64
import email
import email.policy
import json
import socketserver
import time
from contextlib import suppress
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

from listening import Listening

READY, DONE, REFUSED = b"220 sink ESMTP\r\n", b"250 OK\r\n", b"535 5.7.8 the password of ann is wrong\r\n"


class Hook(Listening, ThreadingHTTPServer):
    """Answers with the statuses that it is given, then with 200."""

    def __init__(self, *statuses: int, delay: float = 0) -> None:
        super().__init__(("127.0.0.1", 0), _Posted)
        self.statuses = list(statuses)
        self.delay = delay
        """Seconds before each byte of an answer's first line."""
        self.authorizations: list[str | None] = []
        self.posted: list[dict[str, Any]] = []
        self.paths: list[str] = []

    def url(self, path: str = "/hook") -> str:
        return f"http://127.0.0.1:{self.port}{path}"


class _Posted(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        self.server.posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.server.paths.append(self.path)
        self.server.authorizations.append(self.headers["Authorization"])
        if self.server.delay:
            self.drip(b"HTTP/1.1 200 OK\r\n\r\n")
            return
        self.send_response(self.server.statuses.pop(0) if self.server.statuses else 200)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def drip(self, answer: bytes) -> None:
        with suppress(OSError):  # who asked has gone
            for byte in answer:
                time.sleep(self.server.delay)
                self.wfile.write(bytes([byte]))

    def log_message(self, *_: object) -> None:
        """Leave the test's stderr to the test."""


class MailSink(Listening, socketserver.ThreadingTCPServer):
    """Takes mails by plain SMTP (RFC 5321) with AUTH PLAIN, and keeps them; it delivers nothing."""

    daemon_threads = True

    def __init__(self, password: str = "", **answers: list[bytes]) -> None:
        """Take the password, and by verb, such as `rcpt_ann`, what is answered in turn in place of what is usual."""
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.password = password
        self.answers = answers
        self.recipients: list[str] = []
        self.mails: list[EmailMessage] = []
        self.logins: list[tuple[str, str]] = []


class _Conversation(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.wfile.write(READY)
        for line in self.rfile:
            verb, _, said = line.decode().strip().partition(" ")
            self.wfile.write(self.given(verb, said) or self.answer(verb.upper(), said))
            if verb.upper() == "QUIT":
                return

    def given(self, verb: str, said: str) -> bytes | None:
        sink = cast("MailSink", self.server)
        name = said.partition("<")[2].partition("@")[0]
        answers = sink.answers.get(f"{verb}_{name}".lower().rstrip("_"))
        return answers.pop(0) if answers else None

    def answer(self, verb: str, said: str) -> bytes:
        sink = cast("MailSink", self.server)
        if verb == "EHLO":
            return b"250-sink\r\n250 AUTH PLAIN\r\n"
        if verb == "AUTH":
            _, user, password = base64.b64decode(said.removeprefix("PLAIN ")).decode().split("\0")
            sink.logins.append((user, password))
            return b"235 OK\r\n" if password == sink.password else REFUSED
        if verb == "RCPT":
            sink.recipients.append(said.partition("<")[2].partition(">")[0])
        if verb == "DATA":
            self.wfile.write(b"354 go on\r\n")
            lines = list(iter(self.rfile.readline, b".\r\n"))
            mail = email.message_from_bytes(b"".join(lines), policy=email.policy.default)
            sink.mails.append(cast("EmailMessage", mail))
        return b"221 bye\r\n" if verb == "QUIT" else DONE
