"""Where servers listen that others than this machine are to reach."""

import socket

EVERYWHERE = "*"
"""In place of a host: every address of this machine."""


def listen_address(host: str) -> str:
    """Return the address to bind: of `*` the one that takes IPv6 and IPv4 alike, as far as the kernel has them.

    A kernel without IPv6 refuses to make such a socket; one without an address of IPv6 has it for those of IPv4.
    """
    if host != EVERYWHERE:
        return host
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as tried:
            tried.bind(("::", 0))
    except OSError:
        return "0.0.0.0"  # noqa: S104
    return "::"


def uvicorn_host(workers: int) -> str:
    """Return every address of this machine as Uvicorn is told of it.

    A process by itself makes a socket for each family, of `::` one of IPv6 alone; several share a single one.
    """
    return "" if workers == 1 else listen_address(EVERYWHERE)
