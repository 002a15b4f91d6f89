"""The folder that serving looks into, and the pointer file that says what is deployed.

`<home>/<model>/<version>/{model.onnx, release.json}` are release bundles; `<home>/deployed.json` maps the name of each
served model to its version, such as `{"housing": "3"}`. A deploy writes the whole bundle first and replaces the pointer
file last, in one rename, so that a reader sees the old state or the new one. Nothing heavy is imported here.
"""

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from molino.errors import ReleaseError

POINTER_FILENAME = "deployed.json"


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
    descriptor, passing = tempfile.mkstemp(dir=home, prefix=f".{POINTER_FILENAME}.")
    with os.fdopen(descriptor, "w") as file:
        json.dump(dict(deployed), file, indent=2, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())
    Path(passing).chmod(0o644)
    Path(passing).replace(pointer_path(home))


def point_to(home: Path, model: str, version: str | None) -> str | None:
    """Deploy a version of one model, or none of it; return the version that was deployed before."""
    deployed = read_pointer(home)
    previous = deployed.pop(model, None)
    if version is not None:
        deployed[model] = version
    write_pointer(home, deployed)
    return previous
