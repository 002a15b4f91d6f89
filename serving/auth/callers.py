"""Who a request comes from."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asked: `key-1` is the first key of the settings, `jwt-…` a token's issuer and subject."""

    name: str
    number: int | None = None
    """Position of the key in the settings."""


class TokenVerifier(Protocol):
    """Checks a bearer token."""

    def verify(self, token: str) -> Caller:
        """Return who carries the token, or raise the problem with it."""
