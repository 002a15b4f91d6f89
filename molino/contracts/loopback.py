"""Which addresses only this machine reaches."""

import ipaddress
from typing import TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address


def read_address(text: str) -> Address | None:
    """Return an IP address, an IPv4 one where it is written as IPv6; none where the text is no address."""
    try:
        address = ipaddress.ip_address(text.strip().removeprefix("[").removesuffix("]"))
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def unmapped(address: str) -> str:
    """Return who asks as IPv4 has it, where a socket of both has written an IPv4 address as one of IPv6."""
    plain = address.removeprefix("::ffff:")
    return address if ":" in plain else plain


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches a host; of names, `localhost` and those below it (RFC 6761, 6.3)."""
    name = host.lower().removesuffix(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    address = read_address(host)
    return address is not None and address.is_loopback
