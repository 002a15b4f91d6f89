"""Python, the programs that steps run, and free disk."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from molino.contracts.settings import Settings
from molino.doctor.finding import Finding, judge

FREE_GIB = 2


def check(settings: Settings) -> Iterator[Finding]:
    """Look at what this machine, or this pod, has."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    yield judge("Python", (3, 11) <= sys.version_info[:2] < (3, 14), version, "use Python 3.11, 3.12 or 3.13")
    beside = Path(sys.executable).parent
    path = f"{beside}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    for program, advice in (
        ("git", "install it (on Debian and Ubuntu: apt-get install git)"),
        ("dvc", "install Molino's packages: make run does, or pip install 'molino[version]'"),
    ):
        where = shutil.which(program, path=path)
        yield judge(program, where is not None, where or "not found", advice)
    yield _disk(settings)


def _disk(settings: Settings) -> Finding:
    folder = next(path for path in (settings.root, *settings.root.parents) if path.is_dir())
    free = shutil.disk_usage(folder).free / 2**30
    well = free >= FREE_GIB and os.access(folder, os.W_OK)
    advice = f"free {FREE_GIB} GiB, or set MOLINO_HOME to a folder that can be written"
    return judge("disk", well, f"{free:.1f} GiB free in {folder}", advice)
