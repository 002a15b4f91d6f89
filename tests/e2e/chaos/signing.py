"""The key by which tokens for the serving API are signed here, in a Secret of the installation."""

from typing import Any

import jwt
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.e2e.installed.installation import Installation

SECRET, PUBLIC, PRIVATE = "chaos-tokens", "jwt-keys", "private-key"
ISSUER, AUDIENCE = "https://chaos.example", "molino"
VALUES = {"auth": {"jwtSecret": SECRET}, "config": {"JWT_ISSUER": ISSUER, "JWT_AUDIENCE": AUDIENCE}}
"""The chart's `serving`, with which it takes them."""


def make_key(installation: Installation) -> None:
    """Make the Secret."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": SECRET, "namespace": installation.namespace},
        "stringData": {PUBLIC: public.decode(), PRIVATE: private.decode()},
    }
    installation.cluster.kubectl.apply(yaml.safe_dump(secret))


def sign(installation: Installation, claims: dict[str, Any]) -> str:
    """Return a token of these claims, for our serving API."""
    key = installation.secret(SECRET)[PRIVATE]
    return jwt.encode({"iss": ISSUER, "aud": AUDIENCE, **claims}, key, algorithm="EdDSA")
