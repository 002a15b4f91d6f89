"""Python files of one's own beside a model file: read with it, and handed to the pods of its steps."""

import base64
import binascii
import gzip
import hashlib
import io
import json
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

from molino.contracts.errors import ModelFileError
from molino.contracts.model_file.loaded import LoadedModel, place_of

LARGEST_BYTES = 2**16
"""Of all Python files of a model together: they travel to pods in a variable."""


def with_code(loaded: LoadedModel, place: Callable[[str], Path] | None = None) -> LoadedModel:
    """Return a model file with the Python files that its candidates name.

    Args:
        loaded: as it was read.
        place: where a file of a name lies; in the model file's folder when not given.

    Raises:
        ModelFileError: one can't be read, lies elsewhere, or they are too large.
    """
    found: dict[str, bytes] = {}
    for index, candidate in enumerate(loaded.file.candidates):
        for name in candidate.code_files:
            path = place(name) if place else loaded.path.parent / name
            try:
                found[name] = _read(path, loaded.path.resolve().parent)
            except (OSError, ValueError) as error:
                problem = getattr(error, "strerror", None) or str(error)
                where = place_of(loaded, ("candidates", index, "file"))
                raise ModelFileError(f"{where}: {path.name} beside the model file: {problem}") from error
    if sum(map(len, found.values())) > LARGEST_BYTES:
        raise ModelFileError(f"{loaded.path}: its Python files have more than {LARGEST_BYTES} bytes together")
    return loaded.model_copy(update={"code": found})


def pack_code(code: Mapping[str, bytes]) -> str:
    """Return Python files in a form that an environment variable can hold."""
    text = json.dumps({name: base64.b64encode(content).decode() for name, content in sorted(code.items())})
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def unpack_code(packed: str) -> dict[str, bytes]:
    """Return the Python files of an environment variable.

    Raises:
        ModelFileError: it holds none.
    """
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(base64.b64decode(packed, validate=True))) as file:
            content = json.loads(file.read(4 * LARGEST_BYTES))
        return {str(name): base64.b64decode(text, validate=True) for name, text in content.items()}
    except (AttributeError, binascii.Error, EOFError, OSError, TypeError, ValueError, zlib.error) as error:
        raise ModelFileError(f"MOLINO_MODEL_CODE: expected Python files in gzip and base64 ({error})") from error


def digests(code: Mapping[str, bytes]) -> dict[str, str]:
    """Return the SHA-256 of each file."""
    return {name: hashlib.sha256(content).hexdigest() for name, content in sorted(code.items())}


def digest(content: bytes, code: Mapping[str, bytes]) -> str:
    """Return one SHA-256 of a model file with its Python files."""
    return hashlib.sha256(json.dumps([hashlib.sha256(content).hexdigest(), digests(code)]).encode()).hexdigest()


def _read(path: Path, folder: Path) -> bytes:
    """Return a file's bytes.

    Raises:
        OSError: it can't be read.
        ValueError: it is a link to what lies elsewhere.
    """
    if path.resolve(strict=True).parent != folder:
        raise ValueError("it is a link that leads out of the folder; expected the file itself")
    return path.read_bytes()
