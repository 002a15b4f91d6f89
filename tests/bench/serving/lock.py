"""Pin each peer's `requirements.in` with hashes: `python -m tests.bench.serving.lock [--upgrade] [peer …]`.

The locks are no part of `make lock`: they hold other people's servers, clients that tests ask ours by, and data, each
in an environment of its own, and only benchmarks and those tests install them. Pins that are there are kept;
`--upgrade` takes the newest.
"""

import argparse
import subprocess
import sys
from pathlib import Path

from tests.bench.serving.environments import CLIENTS, DATASETS, PEERS, find_uv

HEADER = "# Made by python -m tests.bench.serving.lock; don't edit."


def main() -> int:
    """Make the locks of all peers, or of those named."""
    parser = argparse.ArgumentParser(description="Pin the benchmark's peers, with hashes.")
    parser.add_argument("peers", nargs="*", metavar="peer", help="names of their folders; all when none is named")
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions")
    arguments = parser.parse_args()
    for path in sorted(path.parent for place in (PEERS, CLIENTS, DATASETS) for path in place.glob("*/requirements.in")):
        if not arguments.peers or path.name in arguments.peers:
            compile_lock(path, arguments.upgrade)
    return 0


def compile_lock(folder: Path, upgrade: bool) -> None:
    """Resolve one lock, keeping the pins that it has."""
    print(folder.name, file=sys.stderr)
    command = [
        find_uv(), "pip", "compile", "--quiet", "--universal", "--python-version", "3.11", "--generate-hashes",
        "--no-emit-index-url", "--no-header", "--output-file", "requirements.txt", "requirements.in",
        *(["--upgrade"] if upgrade else []),
    ]  # fmt: skip
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    lock = folder / "requirements.txt"
    lock.write_text(f"{HEADER}\n{lock.read_text()}")


if __name__ == "__main__":
    sys.exit(main())
