"""The outer form of a JWT: read strictly, before any key is tried, so that two readers can't take it differently.

After RFC 7515, 7519 and the advice of RFC 8725.
"""

import base64
import json
import math
import re
from typing import Any, NamedTuple

LARGEST_BYTES = 8192
_TOKEN = re.compile(rb"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
_TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})
_MOST_DIGITS = 32


class Token(NamedTuple):
    """A token whose form is right; nothing is known of its signature."""

    text: str
    algorithm: str
    key_id: str | None
    claims: dict[str, Any]


def read_token(bearer: bytes) -> Token:
    """Read header and claims.

    Raises:
        ValueError: says what is wrong with its form.
    """
    if len(bearer) > LARGEST_BYTES:
        raise ValueError(f"it is longer than {LARGEST_BYTES} bytes")
    parts = _TOKEN.fullmatch(bearer)
    if parts is None:
        raise ValueError("it doesn't have three parts in base64url, with dots between")
    header, claims = _read_object(parts[1], "header"), _read_object(parts[2], "claims")
    _decode(parts[3], "signature")
    algorithm, key_id = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str):
        raise ValueError("its header has no alg")
    if key_id is not None and not isinstance(key_id, str):
        raise ValueError("its kid is not a string")
    for name in ("crit", "b64", "zip", "enc", "cty"):
        if name in header:
            raise ValueError(f"{name} in its header is not spoken here")
    kind = header.get("typ", "JWT")
    if not isinstance(kind, str) or kind.lower() not in _TYPES:
        raise ValueError("its typ is none of a token for access")
    _check_claims(claims)
    return Token(bearer.decode("ascii"), algorithm, key_id, claims)


def _check_claims(claims: dict[str, Any]) -> None:
    for name in ("exp", "nbf", "iat"):
        moment = claims.get(name)
        if name in claims and (isinstance(moment, bool) or not isinstance(moment, int | float)):
            raise ValueError(f"its {name} is not a number")
    for name in ("iss", "sub"):
        if name in claims and not isinstance(claims[name], str):
            raise ValueError(f"its {name} is not a string")
    audience = claims.get("aud", "")
    if not isinstance(audience, str) and not (isinstance(audience, list) and all(isinstance(a, str) for a in audience)):
        raise ValueError("its aud is neither a string nor a list of strings")


def _read_object(part: bytes, what: str) -> dict[str, Any]:
    try:
        content = json.loads(
            _decode(part, what).decode("utf-8"),
            object_pairs_hook=_unique,
            parse_constant=_refuse_constant,
            parse_int=_read_int,
            parse_float=_read_float,
        )
    except (ValueError, RecursionError) as error:
        raise ValueError(f"its {what} can't be read") from error
    if not isinstance(content, dict):
        raise ValueError(f"its {what} is no object")
    return content


def _decode(part: bytes, what: str) -> bytes:
    """Decode base64url without padding, in its one right spelling: spare bits of the last letter are zero."""
    decoded = base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))
    if base64.urlsafe_b64encode(decoded).rstrip(b"=") != part:
        raise ValueError(f"its {what} is no base64url")
    return decoded


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return content


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _read_int(text: str) -> int:
    if len(text) > _MOST_DIGITS:
        raise ValueError("a number is too long")
    return int(text)


def _read_float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number
