"""Bodies in gzip, in both directions; other content codings aren't spoken.

The middlewares that are to be had pack and unpack on the event loop, and unpack without a limit.
"""

import gzip
import zlib
from functools import lru_cache

from werkzeug.http import parse_accept_header

from serving.http.problems import Problem

ACCEPTED = b"gzip, identity"
MOST_MEMBERS = 64
"""A body may be made of so many files in gzip, one behind the other; each has what follows it copied."""
LEVEL = 1
"""The quickest: what is answered is used once."""
_GZIP = frozenset({b"gzip", b"x-gzip"})
_GZIP_FRAME = 16 + zlib.MAX_WBITS


class TooLargeError(Exception):
    """A body unpacks to more than it may."""


def is_packed(content_encoding: bytes | None) -> bool:
    """Tell whether a body with this `Content-Encoding` is in gzip.

    Raises:
        Problem: 415 where it is in another coding, or in several.
    """
    if content_encoding is None:
        return False
    coding = content_encoding.strip().lower()
    if coding in (b"", b"identity"):
        return False
    if coding not in _GZIP:
        raise Problem(415, "the body must be plain or in gzip", ((b"accept-encoding", ACCEPTED),))
    return True


def unpack(packed: bytes, limit: int) -> bytes:
    """Return what a body in gzip holds; it is counted while it is unpacked.

    Raises:
        TooLargeError: it is more than so many bytes.
        Problem: 400 where it is no gzip, or not whole.
    """
    pieces: list[bytes] = []
    size = members = 0
    while packed or not members:
        member = zlib.decompressobj(_GZIP_FRAME)
        try:
            piece = member.decompress(packed, limit - size + 1)
        except zlib.error as error:
            raise Problem(400, "the body is declared as gzip and is none, or damaged") from error
        size += len(piece)
        members += 1
        if size > limit:
            raise TooLargeError
        if not member.eof:
            raise Problem(400, "the body in gzip ends before it is whole")
        if members > MOST_MEMBERS:
            raise Problem(400, f"the body has more than {MOST_MEMBERS} files in gzip; send one")
        pieces.append(piece)
        packed = member.unused_data
    return b"".join(pieces)


def pack(body: bytes) -> bytes:
    """Return a body in gzip."""
    return gzip.compress(body, LEVEL, mtime=0)


@lru_cache(256)
def takes_gzip(accept_encoding: bytes) -> bool:
    """Tell whether a client that sends this `Accept-Encoding` takes gzip (RFC 9110, 12.5.3)."""
    qualities = dict(parse_accept_header(accept_encoding.decode("latin-1").lower()))
    return bool(qualities.get("gzip", qualities.get("x-gzip", qualities.get("*", 0))))
