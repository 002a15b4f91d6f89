"""HTTP servers that answer what they are told, over TLS too, with certificates of any age and name."""

import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def issue(folder: Path, days: float = 365, host: str = "localhost") -> ssl.SSLContext:
    """Write a self-made certificate that is valid for so many days, `ca.crt`, and return a server's context with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)]), datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=30))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "ca.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    (folder / "ca.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.crt", folder / "ca.key")
    return context


@contextmanager
def run(
    answers: Mapping[str, Any] | None = None, context: ssl.SSLContext | None = None, seconds_ahead: float = 0
) -> Iterator[str]:
    """Yield the address of a server that answers by path, to those who bring a token, and whose clock may be ahead."""

    class Handler(BaseHTTPRequestHandler):
        """Answers what it is told."""

        def do_GET(self) -> None:
            """Answer."""
            known = (answers or {}).get(self.path)
            allowed = answers is None or self.headers["Authorization"] == "Bearer the-token"
            body = json.dumps(known).encode()
            self.send_response_only((200 if known is not None else 404) if allowed else 403)
            self.send_header("Date", format_datetime(datetime.now(UTC) + timedelta(seconds=seconds_ahead), usegmt=True))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"{'https' if context else 'http'}://localhost:{server.server_address[1]}"
        server.shutdown()
        thread.join()
