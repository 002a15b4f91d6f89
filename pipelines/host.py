"""What this machine is called in Airflow's database: from there others make URLs, as of a task's log."""

import socket


def address() -> str:
    """Return its address, of IPv4 where it has one; one of IPv6 is in brackets, as in URLs.

    Pods have names that no name server knows. Airflow's own callable of the kind asks for IPv4 alone.
    """
    found = socket.getaddrinfo(socket.gethostname(), None, type=socket.SOCK_STREAM)
    places = {family: str(place[0]) for family, _, _, _, place in reversed(found)}
    return places.get(socket.AF_INET) or f"[{places[socket.AF_INET6]}]"
