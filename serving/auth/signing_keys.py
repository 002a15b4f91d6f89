"""Public keys that tokens are signed by: from a file of PEM keys or a JWKS, each bound to the algorithms it is for."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from molino.contracts.errors import SettingsError
from serving.auth.followed_file import Followed, FollowedFile

LARGEST_BYTES = 256 * 1024
MOST_KEYS = 64
LEAST_RSA_BITS = 2048
RSA = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
ALGORITHMS = RSA | frozenset(CURVES.values()) | {"EdDSA"}
"""Signatures by a private key; never `none`, nor one that the public key itself could make."""
_PEM = re.compile(r"-----BEGIN ([A-Z ]+)-----")


@dataclass(frozen=True)
class SigningKey:
    """One public key."""

    key: Any
    algorithms: frozenset[str]
    key_id: str | None = None


@dataclass(frozen=True)
class KeySet:
    """The keys of one place."""

    keys: tuple[SigningKey, ...]
    named: bool
    """Whether tokens name the key that they are signed by, as those of a JWKS do; a PEM key has no name."""

    def candidates(self, key_id: str | None) -> Sequence[SigningKey]:
        """Return the keys that may have signed a token with this `kid`."""
        if not self.named or (key_id is None and len(self.keys) == 1):
            return self.keys
        return [key for key in self.keys if key_id is not None and key.key_id == key_id]


class KeySource(Protocol):
    """Where signing keys come from."""

    @property
    def fault(self) -> str | None:
        """Why keys couldn't be taken over the last time; those before stay."""

    @property
    def keys(self) -> KeySet | None:
        """The keys that are valid now; none before they have come for the first time."""

    def look_again(self) -> None:
        """Look for keys that have come since, as a token names one that isn't known."""

    def refresh(self) -> None:
        """Take over keys that have changed."""


class KeyFile:
    """A file of PEM keys or a JWKS, which is followed when it changes."""

    def __init__(self, file: FollowedFile) -> None:
        """Read the keys.

        Raises:
            SettingsError: the file can't be read, or holds none.
        """
        self._file = file
        complaint = "the signing keys can't be read; those before stay"
        self._followed = Followed(self._read() or KeySet((), named=True), self._read, complaint)

    @property
    def keys(self) -> KeySet | None:
        """The keys that are valid now."""
        return self._followed.read

    @property
    def fault(self) -> str | None:
        """Why keys couldn't be taken over the last time; those before stay."""
        return self._followed.fault

    def look_again(self) -> None:
        """Read the file where it has changed."""
        self.refresh()

    def refresh(self) -> None:
        """Take over keys that have changed; those before stay where the file can't be read."""
        self._followed.refresh()

    def _read(self) -> KeySet | None:
        try:
            content = self._file.read_changed()
            return None if content is None else read_keys(content)
        except (OSError, ValueError) as error:
            cause = f"{self._file.path} holds no PEM public key and no JWKS: {error}"
            raise SettingsError(f"MOLINO_SERVING_JWT_KEYS: {cause}") from error


def read_keys(content: bytes) -> KeySet:
    """Read PEM public keys, one after the other, or a JWKS.

    Raises:
        ValueError: it holds no key that tokens may be signed by.
    """
    text = content.decode("utf-8-sig").strip()
    return read_jwks(text) if text.startswith("{") else _read_pem(text)


def read_jwks(text: str) -> KeySet:
    """Read a JWKS; keys of kinds that aren't for signatures, or unknown ones, are passed over as RFC 7517 asks for.

    Raises:
        ValueError: it holds no key that tokens may be signed by.
    """
    try:
        content = json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
    listed = content.get("keys") if isinstance(content, dict) else None
    if not isinstance(listed, list) or len(listed) > MOST_KEYS:
        raise ValueError(f'it is no object with a list of at most {MOST_KEYS} "keys"')
    return _key_set([_read_jwk(jwk) for jwk in listed], named=True)


def _read_jwk(jwk: Any) -> SigningKey | None:
    if not isinstance(jwk, dict):
        return None
    jwk = {name: value for name, value in jwk.items() if value is not None}
    if jwk.get("use", "sig") != "sig" or jwk.get("kty") not in ("RSA", "EC", "OKP"):
        return None
    key_id, uses = jwk.get("kid"), jwk.get("key_ops") or ["verify"]
    if "d" in jwk or not (key_id is None or isinstance(key_id, str)) or not isinstance(uses, list):
        return None
    if "verify" not in uses:
        return None
    try:
        found = _signing_key(jwt.PyJWK.from_dict(jwk).key, key_id)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError, UnsupportedAlgorithm):
        return None
    if found is None or "alg" not in jwk:
        return found
    return SigningKey(found.key, found.algorithms & {jwk["alg"]}, key_id) if isinstance(jwk["alg"], str) else None


def _read_pem(text: str) -> KeySet:
    found: list[SigningKey | None] = []
    begin = _PEM.search(text)
    while begin is not None:
        if "PRIVATE" in begin[1]:
            raise ValueError("it holds a private key, which the server must not have")
        if len(found) == MOST_KEYS:
            raise ValueError(f"it holds more than {MOST_KEYS} keys")
        last = f"-----END {begin[1]}-----"
        end = text.find(last, begin.end())
        if end < 0:
            raise ValueError(f"it ends before {last}")
        found.append(_signing_key(load_pem_public_key(text[begin.start() : end + len(last)].encode()), None))
        begin = _PEM.search(text, end)
    return _key_set(found, named=False)


def _key_set(found: Sequence[SigningKey | None], named: bool) -> KeySet:
    keys = tuple(key for key in found if key is not None and key.algorithms)
    if not keys:
        raise ValueError(f"it holds no key for {', '.join(sorted(ALGORITHMS))}")
    return KeySet(keys, named)


def _signing_key(key: Any, key_id: str | None) -> SigningKey | None:
    """Return a key with the algorithms of its kind; none where it is of no kind, or too short."""
    algorithms: Callable[[Any], frozenset[str]] | None = next(
        (found for kind, found in _KINDS.items() if isinstance(key, kind)), None
    )
    return SigningKey(key, algorithms(key), key_id) if algorithms else None


_KINDS: dict[type, Callable[[Any], frozenset[str]]] = {
    rsa.RSAPublicKey: lambda key: RSA if key.key_size >= LEAST_RSA_BITS else frozenset(),
    ec.EllipticCurvePublicKey: lambda key: frozenset({CURVES[key.curve.name]} if key.curve.name in CURVES else ()),
    ed25519.Ed25519PublicKey: lambda _: frozenset({"EdDSA"}),
    ed448.Ed448PublicKey: lambda _: frozenset({"EdDSA"}),
}
