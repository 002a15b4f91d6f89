"""Bearer JWTs in place of an API key: signature, issuer, audience, time, and the scopes they carry."""

from collections.abc import Sequence
from typing import Any

import jwt

from molino.contracts.errors import SettingsError
from serving.auth.callers import Caller, KeysOnTheWay
from serving.auth.followed_file import FollowedFile
from serving.auth.key_address import KeyAddress
from serving.auth.signing_keys import ALGORITHMS, LARGEST_BYTES, KeyFile, KeySource, SigningKey
from serving.auth.token_form import Token, read_token
from serving.http.problems import Problem
from serving.settings import ServingSettings

LEEWAY_SECONDS = 30
"""How far the clocks of issuer and server may be apart."""
_CHALLENGE = b'ApiKey realm="molino", Bearer realm="molino"'
_REFUSED = ((b"www-authenticate", _CHALLENGE + b', error="invalid_token"'),)


class JwtVerifier:
    """Tells who carries a token."""

    def __init__(self, sources: Sequence[KeySource], settings: ServingSettings) -> None:
        """Take tokens of one issuer for one audience, signed by the keys of the sources."""
        self._sources = tuple(sources)
        self._addresses = tuple(source for source in sources if isinstance(source, KeyAddress))
        self._issuer = settings.jwt_issuer
        self._audience = settings.jwt_audience
        self._every = settings.jwt_scope
        self._algorithms = read_algorithms(settings.jwt_algorithms)

    def verify(self, bearer: bytes) -> Caller:
        """Return who carries the token.

        Raises:
            Problem: 401 where the token isn't valid now, 503 where the signing keys can't be had.
        """
        try:
            token = read_token(bearer)
            if token.algorithm not in self._algorithms:
                raise ValueError("it is signed by an algorithm that isn't taken here")
            claims = self._check(token)
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError) as error:
            raise _refused(str(error)) from error
        return Caller(f"jwt-{claims['iss']}-{claims.get('sub', '')}", scopes=self._scopes(claims))

    def refresh(self) -> None:
        """Take over signing keys that have changed."""
        for source in self._sources:
            source.refresh()

    def faults(self) -> tuple[str, ...]:
        """Return what keeps signing keys from being taken over, or makes them unsafe."""
        faults = [source.fault for source in self._sources if source.fault]
        if not all(address.safe for address in self._addresses):
            faults.append("MOLINO_SERVING_JWKS_URL is not https: whoever is on the way may sign tokens of their own")
        return tuple(faults)

    def _candidates(self, token: Token) -> Sequence[SigningKey]:
        """Return the keys that may have signed a token; where none may, the sources are asked for new ones."""
        found = self._known(token)
        if not found:
            for source in self._sources:
                source.look_again()
            found = self._known(token)
        if found:
            return found
        for address in self._addresses:
            if address.pending:
                raise KeysOnTheWay(address.pending)
            if address.keys is None:
                raise Problem(503, "the keys that tokens are signed by can't be fetched", ((b"retry-after", b"5"),))
        raise ValueError("it is signed by a key that the server doesn't know")

    def _known(self, token: Token) -> Sequence[SigningKey]:
        return [
            key
            for source in self._sources
            for key in (source.keys.candidates(token.key_id) if source.keys else ())
            if token.algorithm in key.algorithms
        ]

    def _check(self, token: Token) -> dict[str, Any]:
        """Return the claims of a token; keys without a name are looked for anew before a signature is refused."""
        files = [source for source in self._sources if isinstance(source, KeyFile)]
        before = [file.keys for file in files]
        try:
            return self._decode(token, self._candidates(token))
        except jwt.InvalidSignatureError:
            for file in files:
                file.look_again()
            if all(file.keys is keys for file, keys in zip(files, before, strict=True)):
                raise
        return self._decode(token, self._candidates(token))

    def _decode(self, token: Token, candidates: Sequence[SigningKey]) -> dict[str, Any]:
        """Return the claims of a token that one of the keys has signed."""
        fault: jwt.PyJWTError = jwt.InvalidSignatureError("its signature is wrong")
        for key in candidates:
            try:
                return jwt.decode(
                    token.text,
                    key.key,
                    algorithms=[token.algorithm],
                    issuer=self._issuer,
                    audience=self._audience,
                    leeway=LEEWAY_SECONDS,
                    options={"require": ["exp", "iss", "aud"]},
                )
            except jwt.InvalidSignatureError as error:
                fault = error
        raise fault

    def _scopes(self, claims: dict[str, Any]) -> frozenset[str] | None:
        """Return what the token allows; none where that is everything."""
        scope = claims.get("scope", claims.get("scp", ""))
        granted = scope.split() if isinstance(scope, str) else scope
        if not isinstance(granted, list) or not all(isinstance(name, str) for name in granted):
            return frozenset()
        return None if self._every is not None and self._every in granted else frozenset(granted)


def open_verifier(settings: ServingSettings) -> JwtVerifier | None:
    """Read the signing keys; none where no tokens are to be taken.

    Raises:
        SettingsError: a setting of tokens is missing or wrong, or their keys can't be read.
    """
    sources: list[KeySource] = []
    if settings.jwt_keys is not None:
        sources.append(KeyFile(FollowedFile(settings.jwt_keys, LARGEST_BYTES)))
    if settings.jwks_url is not None:
        sources.append(KeyAddress(settings.jwks_url.get_secret_value(), settings.jwks_seconds))
    named = (settings.jwt_issuer, settings.jwt_audience)
    if not sources:
        if any(named):
            raise SettingsError(
                "MOLINO_SERVING_JWT_ISSUER and _AUDIENCE say which tokens are taken, but not which keys sign them: "
                "set MOLINO_SERVING_JWT_KEYS or MOLINO_SERVING_JWKS_URL"
            )
        return None
    if not all(named):
        raise SettingsError(
            "MOLINO_SERVING_JWT_KEYS or MOLINO_SERVING_JWKS_URL turns tokens on: set MOLINO_SERVING_JWT_ISSUER and "
            "MOLINO_SERVING_JWT_AUDIENCE too, or any token of the issuer's would be let in"
        )
    return JwtVerifier(sources, settings)


def read_algorithms(text: str) -> frozenset[str]:
    """Return the algorithms of a list with commas.

    Raises:
        SettingsError: there is none, or one that isn't taken.
    """
    wanted = frozenset(name.strip() for name in text.split(",") if name.strip())
    if not wanted or not wanted <= ALGORITHMS:
        raise SettingsError(f"MOLINO_SERVING_JWT_ALGORITHMS: expected some of {', '.join(sorted(ALGORITHMS))}")
    return wanted


def _refused(cause: str) -> Problem:
    return Problem(401, f"the bearer token is not valid: {cause}", _REFUSED)
