"""Run a program to its end, and say what failed when it fails."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.cluster.fault import ClusterError

TAIL = 15
"""Lines of a failed program's output that are shown."""


def run(
    command: Sequence[str | Path],
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    text: str | None = None,
) -> str:
    """Run a program and return what it wrote to standard output.

    Args:
        command: The program and its arguments.
        environment: Variables on top of this process's own.
        folder: Where it runs.
        text: What it reads from standard input.

    Raises:
        ClusterError: The program is absent or failed; with the last lines it wrote.
    """
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words,
            env={**os.environ, **(environment or {})},
            cwd=folder,
            input=text,
            stdin=subprocess.DEVNULL if text is None else None,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise ClusterError(f"{words[0]} can't be found") from error
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-TAIL:]
        raise ClusterError(f"{' '.join(words)} ended with {done.returncode}:\n" + "\n".join(said))
    return done.stdout


def succeeds(command: Sequence[str | Path]) -> bool:
    """Tell whether a program is there and ends with 0."""
    try:
        return not subprocess.run(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        ).returncode
    except FileNotFoundError:
        return False
