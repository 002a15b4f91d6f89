"""Addresses that may hold a secret, and how they are without it, wherever they are shown, recorded or logged."""

import re
from urllib.parse import urlsplit

SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(?=/)")
PORT = re.compile(r"[^:]*(:\d*)?")
NAMED_USER = frozenset({"ssh", "git+ssh", "ssh+git"})
"""Schemes whose user's name is no secret, but part of where something is."""
PLAIN = frozenset({"file", "sqlite"})
"""Schemes of local files, which may have any sign in their names and no secret."""


def redacted(address: str) -> str:
    """Return an address without user, password, query and fragment, which may hold secrets; it needn't be valid."""
    found = SCHEME.match(address)
    if found is None or found[1].lower() in PLAIN:
        return address
    start = len(found[0]) + len(address[found.end() :]) - len(address[found.end() :].lstrip("/"))
    user, query = _parts(address)
    rest = address[start:]
    if user:
        rest = rest[len(user) + 1 :]
    if query:
        rest = rest[: -len(query) - 1]
    elif rest.endswith(("?", "#")):
        rest = rest[:-1]
    name = user.partition(":")[0] if found[1].lower() in NAMED_USER else ""
    return address[:start] + (f"{name}@" if name else "") + rest


def _parts(address: str) -> tuple[str, str]:
    """Return what stands before the host, without its `@`, and what follows the path, without its `?` or `#`.

    A password that isn't encoded may hold `/`, `?` or `#`: then what looks like a host is none, since its port isn't.
    """
    rest = address.partition(":")[2].lstrip("/")
    host = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if "@" in host:
        user = host.rpartition("@")[0]
    elif "@" in rest and not PORT.fullmatch(host):
        user = rest.rpartition("@")[0]
    else:
        user = ""
    rest = rest[len(user) + 1 :] if user else rest
    path = re.split(r"[?#]", rest, maxsplit=1)
    return user, path[1] if len(path) > 1 else ""


def host_of(address: str) -> str:
    """Return the host of a URL in lower case; empty where there is none, or the URL isn't valid."""
    try:
        return (urlsplit(address).hostname or "").lower()
    except ValueError:
        return ""
