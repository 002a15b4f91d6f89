"""Writes the value of a header by which a proxy logs in at the server behind it: `header.py FILE`.

Variables: MOLINO_API_KEY, for a header that takes a key as it is, or MOLINO_USERNAME and MOLINO_PASSWORD for basic
auth.
"""

import base64
import os
import sys
from collections.abc import Mapping
from pathlib import Path


def header(environment: Mapping[str, str]) -> str:
    """Return the header's value."""
    if "MOLINO_API_KEY" in environment:
        return environment["MOLINO_API_KEY"]
    login = f"{environment['MOLINO_USERNAME']}:{environment['MOLINO_PASSWORD']}"
    return f"Basic {base64.b64encode(login.encode()).decode()}"


def main() -> None:
    """Write the file, readable by the pod's user and group alone."""
    path = Path(sys.argv[1])
    path.touch(mode=0o640)
    path.write_text(header(os.environ))


if __name__ == "__main__":
    main()
