"""Programs of Python that begin with large libraries imported, which would take each of dozens seconds."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile, gettempdir

from filelock import FileLock

SERVER = Path(__file__).with_name("warm_server.py")
SECONDS = 600.0


def run_warm(
    arguments: Sequence[str | Path], *, env: Mapping[str, str] | None = None, cwd: str | Path | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run Python with these arguments in a process of its own; where it can't be forked, or is measured, as usual."""
    command = [sys.executable, *map(str, arguments)]
    environment = dict(os.environ if env is None else env)
    if sys.platform != "linux" or any(name.startswith("COVERAGE_") for name in os.environ):
        return subprocess.run(command, env=environment, cwd=cwd, capture_output=True, text=True, check=False)
    program = {"arguments": command[1:], "env": environment, "cwd": str(Path(cwd or Path.cwd()).absolute())}
    with TemporaryFile("w+") as output, TemporaryFile("w+") as errors, Path(os.devnull).open() as nothing:
        files = [file.fileno() for file in (nothing, output, errors)]
        server = opened()
        socket.send_fds(server, [json.dumps(program).encode()], files)
        code = server.recv(64)
        assert code, "the process with the libraries has ended"
        output.seek(0)
        errors.seek(0)
        return subprocess.CompletedProcess(command, json.loads(code), output.read(), errors.read())


@cache
def opened() -> socket.socket:
    """Connect with the one server of all workers, which the first of them starts."""
    place = Path(gettempdir()) / f"molino-warm-{os.environ.get('PYTEST_XDIST_TESTRUNUID', os.getpid())}"
    with FileLock(f"{place}.lock"):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(SECONDS)
        try:
            connection.connect(str(place))
        except OSError:
            started.append(start(place))
            connection.connect(str(place))
    return connection


started: "list[subprocess.Popen[bytes]]" = []


def start(place: Path) -> "subprocess.Popen[bytes]":
    """Start it with a socket that others can connect to at once."""
    place.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place))
        listener.listen(64)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        number = listener.fileno()
        return subprocess.Popen(
            [sys.executable, "-W", "ignore", SERVER, str(number)], env=kept, pass_fds=[number], cwd="/",
            start_new_session=True, stdin=subprocess.DEVNULL,
        )  # fmt: skip
