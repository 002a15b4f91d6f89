"""Who a request comes from, and what they may do."""

import hashlib
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol

from serving.http.problems import Problem


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asked: `key-1` is the first key of the settings, `jwt-…` a token's issuer and subject."""

    name: str
    digest: bytes = field(default=b"", repr=False)
    """SHA-256 of the key; of the name where there is none. Requests are limited by it, since keys change places."""

    scopes: frozenset[str] | None = None
    """What a token allows; none where that is everything."""

    def __post_init__(self) -> None:
        if not self.digest:
            object.__setattr__(self, "digest", hashlib.sha256(self.name.encode("utf-8", "replace")).digest())


ANYBODY = Caller("anybody")
"""Every caller of a server whose authentication is switched off."""


class KeysOnTheWay(Problem):
    """A token can't be judged before the signing keys have been fetched."""

    def __init__(self, fetch: "Future[None]") -> None:
        """Have the client come again; who can wait for the fetch tries once more after it."""
        super().__init__(503, "the keys that tokens are signed by are being fetched", ((b"retry-after", b"1"),))
        self.fetch = fetch


class TokenVerifier(Protocol):
    """Checks a bearer token."""

    def verify(self, token: bytes) -> Caller:
        """Return who carries the token, or raise the problem with it."""

    def refresh(self) -> None:
        """Take over signing keys that have changed."""

    def faults(self) -> tuple[str, ...]:
        """Return what keeps signing keys from being taken over."""
