"""Who may ask: API keys, held as SHA-256 and compared in constant time, or a bearer JWT where that is set up."""

import hashlib
import hmac
import re
from pathlib import Path

from molino.contracts.errors import SettingsError
from serving.auth.callers import Caller, TokenVerifier
from serving.http.exchange import Headers
from serving.http.problems import Problem
from serving.settings import ServingSettings

_HASHED = re.compile(r"sha256:([0-9a-fA-F]{64})")
_CHALLENGE = ((b"www-authenticate", b'ApiKey realm="molino"'),)
_BEARER_CHALLENGE = ((b"www-authenticate", b'ApiKey realm="molino", Bearer realm="molino"'),)


class Authenticator:
    """Lets a request in by its headers."""

    def __init__(self, digests: tuple[bytes, ...], tokens: TokenVerifier | None = None) -> None:
        self._keys = tuple((digest, Caller(f"key-{n + 1}", n)) for n, digest in enumerate(digests))
        self._tokens = tokens
        self._challenge = _BEARER_CHALLENGE if tokens else _CHALLENGE

    @property
    def callers(self) -> tuple[Caller, ...]:
        """The callers known by a key."""
        return tuple(caller for _, caller in self._keys)

    def admit(self, headers: Headers) -> Caller:
        """Return who asks.

        Raises:
            Problem: 401 without a valid key or token, 403 for a token without the scope.
        """
        key = headers.get(b"x-api-key")
        if key is not None:
            return self._by_key(key)
        authorization = headers.get(b"authorization")
        if authorization is not None and self._tokens and authorization[:7].lower() == b"bearer ":
            return self._tokens.verify(authorization[7:].strip().decode("latin-1"))
        wanted = "an X-API-KEY header or a bearer token" if self._tokens else "an X-API-KEY header"
        raise Problem(401, f"the request needs {wanted}", self._challenge)

    def _by_key(self, key: bytes) -> Caller:
        """Compare with every key, so that the time taken doesn't tell which one came near."""
        given = hashlib.sha256(key).digest()
        found: Caller | None = None
        for digest, caller in self._keys:
            if hmac.compare_digest(digest, given):
                found = caller
        if found is None:
            raise Problem(401, "the X-API-KEY header holds no valid key", self._challenge)
        return found


def open_authenticator(settings: ServingSettings) -> Authenticator:
    """Read the keys.

    Raises:
        SettingsError: there is no key, or a key or key file is malformed.
    """
    tokens: TokenVerifier | None = None
    if settings.jwt_keys:
        from serving.auth.tokens import open_verifier

        tokens = open_verifier(settings)
    return Authenticator(read_digests(settings), tokens)


def read_digests(settings: ServingSettings) -> tuple[bytes, ...]:
    """Return the SHA-256 of each valid key."""
    if settings.api_keys_file:
        where, keys = str(settings.api_keys_file), _read_lines(settings.api_keys_file)
    else:
        where, keys = "MOLINO_API_KEYS", settings.api_keys.get_secret_value().split(",")
    digests = tuple(_digest(key.strip(), where) for key in keys if key.strip())
    if not digests:
        raise SettingsError(f"{where}: holds no API key; give at least one, plain or as sha256:<64 hex digits>")
    return digests


def _read_lines(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"MOLINO_API_KEYS_FILE: can't read {path}: {error}") from error
    return [line for line in lines if not line.lstrip().startswith("#")]


def _digest(key: str, where: str) -> bytes:
    hashed = _HASHED.fullmatch(key)
    if hashed:
        return bytes.fromhex(hashed[1])
    if key.startswith("sha256:"):
        raise SettingsError(f"{where}: a key that starts with sha256: must go on with 64 hex digits")
    return hashlib.sha256(key.encode()).digest()
