"""The address that a server binds, and who asks it."""

import pytest

from molino.contracts.listening import listen_address
from molino.contracts.loopback import unmapped


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "fd00::7", "0.0.0.0"])
def test_an_address_is_taken_as_it_is(host: str) -> None:
    assert listen_address(host) == host


@pytest.mark.parametrize(
    ("written", "address"),
    [("::ffff:10.0.0.1", "10.0.0.1"), ("10.0.0.1", "10.0.0.1"), ("fd00::7", "fd00::7"), ("::ffff:0:10.0.0.1",) * 2],
)
def test_ipv4_is_written_as_such(written: str, address: str) -> None:
    assert unmapped(written) == address
