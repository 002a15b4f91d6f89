"""Files of published Go modules: the schemas of tools whose settings are checked."""

import json
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest


def module_file(module: str, version: str, path: str) -> Path:
    """Return a file of a module; skip where the module can't be had."""
    folder, cause = _download(f"{module}@{version}")
    if folder is None:
        pytest.skip(f"no {path} of {module} {version} to check by: {cause}")
    return folder / path


@cache
def _download(module: str) -> tuple[Path | None, str]:
    """Return the module's folder, or why there is none."""
    if not shutil.which("go"):
        return None, "go isn't installed"
    command = ["go", "mod", "download", "-json", module]
    done = subprocess.run(command, cwd=os.sep, capture_output=True, text=True, check=False)
    found = json.loads(done.stdout or "{}")
    if "Dir" not in found:
        return None, (found.get("Error") or done.stderr).strip().splitlines()[-1]
    return Path(found["Dir"]), ""
