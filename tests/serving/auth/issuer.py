"""An issuer of tokens for tests: keys, claims, tokens right and forged, and a JWKS address."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from tests.hosted import hosted
from tests.ports import free_port

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def new_rsa(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def new_ec(curve: ec.EllipticCurve | None = None) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(curve or ec.SECP256R1())


def pem_of(key: PrivateKey) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def jwk_of(key: PrivateKey, **members: Any) -> dict[str, Any]:
    kinds: dict[type, Any] = {
        rsa.RSAPrivateKey: jwt.algorithms.RSAAlgorithm,
        ec.EllipticCurvePrivateKey: jwt.algorithms.ECAlgorithm,
        ed25519.Ed25519PrivateKey: jwt.algorithms.OKPAlgorithm,
    }
    kind = next(found for private, found in kinds.items() if isinstance(key, private))
    return {**json.loads(kind.to_jwk(key.public_key())), "use": "sig", **members}


def claims(**changes: Any) -> dict[str, Any]:
    now = time.time()
    right = {"iss": "dex", "aud": "molino", "sub": "ana", "scope": "predict:*", "iat": now, "exp": now + 600}
    return {name: value for name, value in {**right, **changes}.items() if value is not None}


def encode(content: bytes) -> bytes:
    return base64.urlsafe_b64encode(content).rstrip(b"=")


def sign(key: PrivateKey, header: bytes, payload: bytes, algorithm: str) -> bytes:
    """Sign what is given, byte for byte."""
    signed = encode(header) + b"." + encode(payload)
    made = jwt.get_algorithm_by_name(algorithm)
    return signed + b"." + encode(made.sign(signed, key))


def sign_by_secret(secret: bytes, header: dict[str, Any], content: dict[str, Any]) -> bytes:
    """Sign by HMAC with any secret, as no library would with a public key."""
    signed = encode(json.dumps(header).encode()) + b"." + encode(json.dumps(content).encode())
    return signed + b"." + encode(hmac.new(secret, signed, hashlib.sha256).digest())


class KeyHost:
    """Serves a JWKS, or whatever it is told to."""

    def __init__(self) -> None:
        self.asked = 0
        self.status = 200
        self.body = b""
        self.headers: dict[str, str] = {}
        self.port = free_port()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/jwks"

    def publish(self, *keys: dict[str, Any]) -> None:
        self.body = json.dumps({"keys": keys}).encode()


@contextmanager
def run_key_host() -> Iterator[KeyHost]:
    host = KeyHost()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            host.asked += 1
            self.send_response(host.status)
            for name, value in host.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(host.body)))
            self.end_headers()
            self.wfile.write(host.body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with hosted(ThreadingHTTPServer(("127.0.0.1", host.port), Handler)):
        yield host
