"""A model file that was read, with what lies beside it."""

import hashlib
from pathlib import Path

from pydantic import Field

from molino.contracts.model_file.document import Key, locate, read_yaml
from molino.contracts.model_file.schema import ModelFile
from molino.contracts.part import Part


class LoadedModel(Part):
    """A model file with where it was read and the SHA-256 of its bytes."""

    file: ModelFile
    path: Path
    sha256: str
    code: dict[str, bytes] = Field(default_factory=dict)
    """By name: the Python files beside it that candidates are made of."""


def place_of(loaded: LoadedModel, key: Key) -> str:
    """Return file, line and key of what is wrong in a model file that was read; no line where the file isn't here."""
    name = ".".join(map(str, key))
    try:
        data = loaded.path.read_bytes()
    except OSError:
        data = b""
    if hashlib.sha256(data).hexdigest() != loaded.sha256:
        return f"{loaded.path}: {name}"
    root, _ = read_yaml(data, str(loaded.path))
    return f"{loaded.path}:{locate(root, key)[0]}: {name}"
