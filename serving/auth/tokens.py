"""Bearer JWTs in place of an API key, signed by keys that the server is given as a file."""

import json
from typing import Any

import jwt

from molino.contracts.errors import SettingsError
from serving.auth.callers import Caller
from serving.http.problems import Problem
from serving.settings import ServingSettings

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures by a private key; never `none`, nor one that the public key itself could make."""


class JwtVerifier:
    """Checks signature, expiry, issuer, audience and scope."""

    def __init__(self, keys: dict[str | None, Any], settings: ServingSettings) -> None:
        self._keys = keys
        self._issuer = settings.jwt_issuer
        self._audience = settings.jwt_audience
        self._scope = settings.jwt_scope

    def refresh(self) -> None:
        """Take over signing keys that have changed."""

    def faults(self) -> tuple[str, ...]:
        """Return what keeps signing keys from being taken over."""
        return ()

    def verify(self, bearer: bytes) -> Caller:
        """Return who carries the token.

        Raises:
            Problem: 401 where the token isn't valid now, 403 where it lacks the scope.
        """
        try:
            token = bearer.decode("latin-1")
            claims: dict[str, Any] = jwt.decode(
                token,
                self._key_of(token),
                algorithms=ALGORITHMS,
                issuer=self._issuer,
                audience=self._audience,
                options={"require": ["exp"], "verify_aud": self._audience is not None},
            )
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise _refused(str(error)) from error
        scope = claims.get("scope", claims.get("scp", ""))
        granted = scope.split() if isinstance(scope, str) else scope
        if self._scope is not None and (not isinstance(granted, list) or self._scope not in granted):
            raise Problem(403, f"the token lacks the scope {self._scope}")
        return Caller(f"jwt-{claims.get('iss', '')}-{claims.get('sub', '')}")

    def _key_of(self, token: str) -> Any:
        key_id = jwt.get_unverified_header(token).get("kid")
        if None in self._keys:
            return self._keys[None]
        if key_id in self._keys:
            return self._keys[key_id]
        if key_id is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        raise jwt.InvalidKeyError("the token is signed by a key that the server doesn't know")


def open_verifier(settings: ServingSettings) -> JwtVerifier:
    """Read the keys: one public key as PEM, or a JWKS.

    Raises:
        SettingsError: the file can't be read, or holds neither.
    """
    path = settings.jwt_keys
    if path is None:
        raise SettingsError("MOLINO_SERVING_JWT_KEYS: name a PEM public key or a JWKS file")
    try:
        text = path.read_text(encoding="utf-8")
        keys: dict[str | None, Any] = _read_jwks(text) if text.lstrip().startswith("{") else {None: _read_pem(text)}
    except (OSError, ValueError, jwt.PyJWTError) as error:
        raise SettingsError(f"MOLINO_SERVING_JWT_KEYS: {path} holds no PEM public key and no JWKS: {error}") from error
    return JwtVerifier(keys, settings)


def _read_jwks(text: str) -> dict[str | None, Any]:
    keys = jwt.PyJWKSet.from_dict(json.loads(text)).keys
    return {key.key_id or f"#{index}": key.key for index, key in enumerate(keys)}


def _read_pem(text: str) -> Any:
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    return load_pem_public_key(text.encode())


def _refused(cause: str) -> Problem:
    challenge = ((b"www-authenticate", b'ApiKey realm="molino", Bearer realm="molino", error="invalid_token"'),)
    return Problem(401, f"the bearer token is not valid: {cause}", challenge)
