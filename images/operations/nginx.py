"""Writes what nginx's configuration includes: `nginx.py FOLDER PORT`, with the user and password in the environment.

`htpasswd` has MOLINO_USERNAME and MOLINO_PASSWORD. Its scheme is nginx's own {SSHA}: a salted SHA-1, so the file stays
in the pod's memory-backed volume. `listen.conf` has it listen everywhere: with an address of IPv6 it doesn't start
where the kernel has none.
"""

import base64
import hashlib
import os
import sys
from pathlib import Path

from molino.contracts.listening import EVERYWHERE, listen_address


def entry(username: str, password: str, salt: bytes) -> str:
    """Return one line of an htpasswd file."""
    digest = hashlib.sha1(password.encode() + salt).digest()  # noqa: S324  # the strongest scheme that nginx has everywhere
    return f"{username}:{{SSHA}}{base64.b64encode(digest + salt).decode()}\n"


def listen(port: int) -> str:
    """Return the directive that has a server listen on IPv6 and IPv4 alike, as far as the kernel has them."""
    return f"listen [::]:{port} ipv6only=off;\n" if ":" in listen_address(EVERYWHERE) else f"listen {port};\n"


def main() -> None:
    """Write the files, readable by the pod's user and group alone."""
    folder, port = Path(sys.argv[1]), int(sys.argv[2])
    passwords = entry(os.environ["MOLINO_USERNAME"], os.environ["MOLINO_PASSWORD"], os.urandom(8))
    for name, content in (("htpasswd", passwords), ("listen.conf", listen(port))):
        (folder / name).touch(mode=0o640)
        (folder / name).write_text(content)


if __name__ == "__main__":
    main()
