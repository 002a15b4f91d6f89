"""One virtual environment per peer, made from its lock and kept under the cache folder by the lock's hash."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.bench.serving.fault import BenchError

ROOT = Path(__file__).resolve().parents[3]
PEERS = ROOT / "tests" / "bench" / "peers"
CLIENTS = ROOT / "tests" / "serving" / "clients"
"""Other people's clients, which tests ask the server by."""
DATASETS = ROOT / "tests" / "bench" / "datasets"
"""Packages that ship data which benchmarks train on."""
_COMPLETE = ".complete"


def cache_folder() -> Path:
    """Return where environments and trained models are kept between runs."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "molino" / "bench"


def find_uv() -> str:
    """Return the uv program: the one beside this Python, or on the path.

    Raises:
        BenchError: there is none.
    """
    beside = Path(sys.executable).parent / "uv"
    found = str(beside) if beside.is_file() else shutil.which("uv")
    if not found:
        raise BenchError("uv is not found beside this Python nor on the path: run this with make bench")
    return found


def environment(name: str) -> Path:
    """Return the Python of a peer's environment, and install it first where it isn't there yet.

    Raises:
        BenchError: it can't be installed; the message ends with what uv said.
    """
    return environment_of(PEERS / name)


def environment_of(locked: Path) -> Path:
    """Return the Python of the environment of a folder's lock, as `environment` does."""
    lock = locked / "requirements.txt"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    digest = hashlib.sha256(f"{version}\n{lock.read_text()}".encode()).hexdigest()
    folder = cache_folder() / f"{locked.name}-{digest[:16]}"
    python = folder / "bin" / "python"
    if not (folder / _COMPLETE).is_file():
        print(f"Installing {locked.name} into {folder}", file=sys.stderr)
        _uv("venv", "--clear", "--python", sys.executable, str(folder))
        _uv("pip", "sync", "--require-hashes", "--compile-bytecode", "--python", str(python), str(lock))
        (folder / _COMPLETE).touch()
    return python


def versions(python: Path, packages: tuple[str, ...]) -> dict[str, str]:
    """Return the installed versions of some packages of an environment."""
    code = "import sys, importlib.metadata as m; print(*(m.version(name) for name in sys.argv[1:]))"
    run = subprocess.run([str(python), "-c", code, *packages], capture_output=True, text=True, check=True)
    return dict(zip(packages, run.stdout.split(), strict=True))


def _uv(*arguments: str) -> None:
    run = subprocess.run(
        [find_uv(), *arguments, "--quiet"],
        env=os.environ | {"UV_SYSTEM_CERTS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        raise BenchError(f"uv {arguments[0]} failed: {run.stderr.strip()}")
