"""Prometheus and promtool: the machine's own, else Debian's, unpacked into the cache."""

import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import pytest
from filelock import FileLock

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "molino" / "prometheus"


@cache
def program(name: str) -> Path:
    """Return `prometheus` or `promtool`; skip where neither the machine nor Debian has it."""
    found = shutil.which(name)
    if found:
        return Path(found)
    CACHE.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{CACHE}.lock"):
        if not CACHE.is_dir():
            cause = _unpack()
            if cause:
                pytest.skip(f"{name} isn't installed, and Debian's package can't be had: {cause}")
    return CACHE / "usr" / "bin" / name


def _unpack() -> str:
    """Unpack Debian's package, which wants no root; return why it can't be."""
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        return "there is no apt-get"
    with tempfile.TemporaryDirectory(dir=CACHE.parent, prefix=".prometheus-") as work:
        done = _run("apt-get", "download", "-qq", "prometheus", folder=work)
        if done.returncode:  # A new machine has no lists of packages yet.
            _run("apt-get", "update", "-qq", folder=work)
            done = _run("apt-get", "download", "-qq", "prometheus", folder=work)
        package = next(Path(work).glob("*.deb"), None)
        if package is None:
            return (done.stderr.strip().splitlines() or ["no package"])[-1]
        _run("dpkg", "-x", str(package), "unpacked", folder=work).check_returncode()
        (Path(work) / "unpacked").rename(CACHE)
    return ""


def _run(*command: str, folder: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
