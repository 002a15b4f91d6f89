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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from molino.contracts.errors import ReleaseError

POINTER_FILENAME = "deployed.json"
LOCK_FILENAME = ".deployed.lock"


def pointer_path(home: Path) -> Path:
    """Return where the pointer file is."""
    return home / POINTER_FILENAME


def bundle_path(home: Path, model: str, version: str) -> Path:
    """Return the folder of a release bundle."""
    return home / model / version


@dataclass(frozen=True)
class Entries:
    """What the pointer file says of each model."""

    deployed: dict[str, str]
    """Model to version."""
    unread: dict[str, str]
    """Of entries that name no version: model to what is wrong with it."""


def read_entries(home: Path) -> Entries:
    """Return the entries of the pointer file, apart those that can't be read; none where nothing was deployed.

    Raises:
        ReleaseError: the file is there but is no mapping.
    """
    deployed: dict[str, str] = {}
    unread: dict[str, str] = {}
    for model, version in _read_content(home).items():
        if not isinstance(version, str):
            said = f'expected a version as text, such as "3", not {json.dumps(version)[:40]}'
        elif not (model + version).isprintable():
            said = f"its name or its version {version!r:.40} has characters that can't be printed"
        else:
            deployed[model] = version
            continue
        unread[model.encode("utf-8", "replace").decode()] = f"{pointer_path(home)}: entry {model!r:.80}: {said}"
    return Entries(deployed, unread)


def read_pointer(home: Path) -> dict[str, str]:
    """Return the deployed version of each model; an entry that can't be read is passed over, and named in the log.

    Raises:
        ReleaseError: the file is there but is no mapping of names to versions.
    """
    entries = read_entries(home)
    for cause in entries.unread.values():
        structlog.get_logger().warning("entry passed over", cause=cause)
    return entries.deployed


def write_pointer(home: Path, deployed: Mapping[str, Any]) -> None:
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
    """Deploy a version of one model, or none of it; return the version that was deployed before.

    The entries of other models stay as they are, those too that can't be read.
    """
    with locked(home / LOCK_FILENAME):
        content = _read_content(home)
        previous = content.pop(model, None)
        if version is not None:
            content[model] = version
        write_pointer(home, content)
    return previous if isinstance(previous, str) else None


def _read_content(home: Path) -> dict[str, Any]:
    path = pointer_path(home)
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise ReleaseError(f"{path}: can't be read as JSON: {error}") from error
    if not isinstance(content, dict):
        raise ReleaseError(f'{path}: expected a mapping of model to version, such as {{"housing": "3"}}')
    return content


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file, after those who hold it now; the system lets go of it when its holder dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
