"""The embedded contract between deploy and serving: a folder of release bundles, and a file that says what is deployed.

`<home>/<model>/<version>/{model.onnx, release.json}` are bundles; `<home>/deployed.json` maps the name of each served
model to its version, such as `{"housing": "3"}`. A deploy writes the whole bundle first and replaces the file last, in
one rename, so that a reader sees the old state or the new one.
"""

import fcntl
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from molino.contracts.errors import ReleaseError

POINTER_FILENAME = "deployed.json"
LOCK_FILENAME = ".deployed.lock"


def pointer_path(home: Path) -> Path:
    """Return where the pointer file is."""
    return home / POINTER_FILENAME


def bundle_path(home: Path, model: str, version: str) -> Path:
    """Return the folder of a release bundle."""
    return home / model / version


def read_pointer(home: Path) -> dict[str, str]:
    """Return the deployed version of each model; empty where nothing was deployed.

    Raises:
        ReleaseError: the file is there but is not a mapping of names to versions.
    """
    path = pointer_path(home)
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ReleaseError(f"{path}: can't be read as JSON: {error}") from error
    if not isinstance(content, dict) or not all(isinstance(version, str) for version in content.values()):
        raise ReleaseError(f'{path}: expected a mapping of model to version, such as {{"housing": "3"}}')
    return content


def write_pointer(home: Path, deployed: Mapping[str, str]) -> None:
    """Replace the pointer file in one step."""
    home.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=home, prefix=f".{POINTER_FILENAME}.")
    with os.fdopen(descriptor, "w") as file:
        json.dump(dict(deployed), file, indent=2, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())
    Path(temporary).chmod(0o644)
    Path(temporary).replace(pointer_path(home))


def point_to(home: Path, model: str, version: str | None) -> str | None:
    """Deploy a version of one model, or none of it; return the version that was deployed before."""
    with locked(home / LOCK_FILENAME):
        deployed = read_pointer(home)
        previous = deployed.pop(model, None)
        if version is not None:
            deployed[model] = version
        write_pointer(home, deployed)
    return previous


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file, after those who hold it now; the system lets go of it when its holder dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
