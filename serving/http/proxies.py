"""What proxies say of a request: who asks, and under which path the server stands. Only trusted ones are believed."""

import ipaddress
import re
from collections.abc import Sequence
from functools import lru_cache

from molino.contracts.loopback import Address, read_address, unmapped
from serving.http.requests import Scope

PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)+")
"""A path under which the server may stand; with two slashes ahead it would name another host."""
MOST_HOPS = 32

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Proxies:
    """The proxies that are trusted."""

    def __init__(self, networks: Sequence[Network], prefix: str) -> None:
        """Trust proxies of some networks; the server stands under a prefix where they don't say another."""
        self._networks = tuple(networks)
        self._prefix = prefix
        self._trusts = lru_cache(1024)(self._look_up)

    def look_at(self, scope: Scope) -> tuple[str, str]:
        """Return who asks, and the prefix."""
        peer = scope.get("client")
        address = unmapped(peer[0]) if peer else ""
        if not self._trusts(address):
            return address, self._prefix
        client, prefix = address, self._prefix
        hops: list[str] = []
        for name, value in scope["headers"]:
            if name == b"x-forwarded-for":
                hops += value.decode("latin-1").split(",")
            elif name == b"x-forwarded-prefix":
                prefix = read_prefix(value.decode("latin-1")) or prefix
        for hop in reversed(hops[-MOST_HOPS:]):
            found = read_address(hop)
            if found is None:
                break
            client = str(found)
            if not self._trusts(client):
                break
        return client, prefix

    def _look_up(self, text: str) -> bool:
        address = read_address(text)
        return address is not None and any(_is_in(address, network) for network in self._networks)


def _is_in(address: Address, network: Network) -> bool:
    return address.version == network.version and address in network


def read_prefix(text: str) -> str:
    """Return a prefix without its last slash; the empty text where it is none."""
    prefix = text.strip().rstrip("/")
    return prefix if PREFIX.fullmatch(prefix) and not {".", ".."} & set(prefix.split("/")) else ""


def path_below(prefix: str, path: str) -> str:
    """Return a path without the prefix, whether the proxy has taken it off or not."""
    if not prefix or not path.startswith(prefix):
        return path
    rest = path[len(prefix) :]
    return "/" if not rest else rest if rest.startswith("/") else path
