"""Writes an htpasswd file for nginx: `htpasswd.py FILE`, with the user and password in the environment.

Variables: MOLINO_USERNAME and MOLINO_PASSWORD. The scheme is nginx's own {SSHA}: a salted SHA-1, so the file stays in
the pod's memory-backed volume.
"""

import base64
import hashlib
import os
import sys
from pathlib import Path


def entry(username: str, password: str, salt: bytes) -> str:
    """Return one line of an htpasswd file."""
    digest = hashlib.sha1(password.encode() + salt).digest()  # noqa: S324  # the strongest scheme that nginx has everywhere
    return f"{username}:{{SSHA}}{base64.b64encode(digest + salt).decode()}\n"


def main() -> None:
    """Write the file, readable by the pod's user and group alone."""
    path = Path(sys.argv[1])
    path.touch(mode=0o640)
    path.write_text(entry(os.environ["MOLINO_USERNAME"], os.environ["MOLINO_PASSWORD"], os.urandom(8)))


if __name__ == "__main__":
    main()
