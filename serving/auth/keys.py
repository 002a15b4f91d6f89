"""Lets requests in by an API key, in `X-API-KEY` or as a bearer, or by a bearer JWT where that is set up."""

import asyncio

import structlog

from molino.contracts.loopback import is_loopback
from serving.auth.callers import ANYBODY, Caller, TokenVerifier
from serving.auth.key_ring import KeyRing, open_keys
from serving.http.exchange import Headers
from serving.http.problems import Problem
from serving.settings import ServingSettings

_CHALLENGE = ((b"www-authenticate", b'ApiKey realm="molino"'),)
_BEARER_CHALLENGE = ((b"www-authenticate", b'ApiKey realm="molino", Bearer realm="molino"'),)


class Authenticator:
    """Tells by its headers who a request comes from."""

    def __init__(self, keys: KeyRing | None, tokens: TokenVerifier | None, host: str) -> None:
        """Let in who has a valid key or token; everybody where there are no keys to ask for.

        Args:
            keys: none where authentication is switched off.
            tokens: none where tokens aren't taken.
            host: the address that the server listens on.
        """
        self._keys = keys
        self._tokens = tokens
        self._exposed = not is_loopback(host)
        self._challenge = _BEARER_CHALLENGE if tokens else _CHALLENGE

    def admit(self, headers: Headers) -> Caller:
        """Return who asks.

        Raises:
            Problem: 401 without a valid key or token.
        """
        if self._keys is None:
            return ANYBODY
        key = headers.get(b"x-api-key")
        if key is not None:
            return self._by_key(self._keys, key)
        authorization = headers.get(b"authorization", b"")
        if authorization[:7].lower() == b"bearer ":
            return self._by_bearer(self._keys, authorization[7:].strip(b" "))
        wanted = "an X-API-KEY header or a bearer token" if self._tokens else "an X-API-KEY header"
        raise Problem(401, f"the request needs {wanted}", self._challenge)

    def refresh(self) -> None:
        """Take over keys that have changed."""
        if self._keys is not None:
            self._keys.refresh()
        if self._tokens is not None:
            self._tokens.refresh()

    def warnings(self) -> list[str]:
        """Return what is unsafe or out of order about who is let in."""
        if self._keys is None:
            return [
                "authentication is switched off (MOLINO_SERVING_AUTH=off): everybody who reaches the server may ask"
            ]
        told = [f"{self._keys.fault}; the keys read before stay valid"] if self._keys.fault else []
        if self._exposed and self._keys.has_the_development_key:
            told.append("the known development key is valid on an address other than loopback: set MOLINO_API_KEYS")
        return told + list(self._tokens.faults() if self._tokens else ())

    def describe(self) -> dict[str, object]:
        """Return how callers are let in, for `/monitor`."""
        return {"keys": len(self._keys.callers) if self._keys else None, "tokens": self._tokens is not None}

    def _by_key(self, keys: KeyRing, key: bytes) -> Caller:
        caller = keys.find(key)
        if caller is None:
            raise Problem(401, "the X-API-KEY header holds no valid key", self._challenge)
        return caller

    def _by_bearer(self, keys: KeyRing, bearer: bytes) -> Caller:
        """Take a bearer for a key first: Prometheus, for one, can send a key in no other way."""
        caller = keys.find(bearer)
        if caller is not None:
            return caller
        if self._tokens is not None:
            return self._tokens.verify(bearer)
        raise Problem(401, "the Authorization header holds no valid key", self._challenge)


def open_authenticator(settings: ServingSettings) -> Authenticator:
    """Read the keys.

    Raises:
        SettingsError: there is no key, or a key, a key file or a setting of tokens is wrong.
    """
    if settings.auth == "off":
        return Authenticator(None, None, settings.host)
    tokens: TokenVerifier | None = None
    if any((settings.jwt_keys, settings.jwks_url, settings.jwt_issuer, settings.jwt_audience)):
        from serving.auth.tokens import open_verifier

        tokens = open_verifier(settings)
    return Authenticator(open_keys(settings), tokens, settings.host)


def warn(authenticator: Authenticator) -> None:
    """Log what is unsafe about who is let in."""
    for warning in authenticator.warnings():
        structlog.get_logger().warning(warning)


async def follow_keys(authenticator: Authenticator, seconds: float) -> None:
    """Look every so many seconds whether keys have changed; nothing else that goes on in the process holds it up.

    Where nothing has changed that is a look at a file, for which no thread takes the interpreter from requests.
    """
    while True:
        await asyncio.sleep(seconds)
        try:
            authenticator.refresh()
        except Exception:
            structlog.get_logger().exception("the keys couldn't be followed")
