"""Who a request comes from, and what they may do."""

import hashlib
from dataclasses import dataclass, field
from typing import Protocol


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


class TokenVerifier(Protocol):
    """Checks a bearer token."""

    def verify(self, token: bytes) -> Caller:
        """Return who carries the token, or raise the problem with it."""

    def refresh(self) -> None:
        """Take over signing keys that have changed."""

    def faults(self) -> tuple[str, ...]:
        """Return what keeps signing keys from being taken over."""
