"""Reads and checks model files, `pipelines/models/<name>/model.yaml`; each error names file, line, key, expectation."""

import hashlib
import json
from pathlib import Path

from pydantic import ValidationError

from molino.contracts.errors import ModelFileError
from molino.contracts.model_file.document import Key, locate, read_yaml
from molino.contracts.model_file.faults import explain
from molino.contracts.model_file.schema import ModelFile
from molino.contracts.part import Part

MODEL_FILENAME = "model.yaml"


class LoadedModel(Part):
    """A model file with where it was read and the SHA-256 of its bytes."""

    file: ModelFile
    path: Path
    sha256: str


def load_model(path: Path) -> LoadedModel:
    """Read and check a model file, or the one in a folder.

    Raises:
        ModelFileError: the file can't be read, isn't YAML, or breaks the schema; one line per fault, each with
            file, line, key and what was expected.
    """
    if path.is_dir():
        path = path / MODEL_FILENAME
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelFileError(f"{path}: can't read the model file: {error.strerror}") from error
    model = parse_model(data, str(path))
    return LoadedModel(file=model, path=path.resolve(), sha256=hashlib.sha256(data).hexdigest())


def parse_model(data: bytes, where: str) -> ModelFile:
    """Check the bytes of a model file; `where` names it in errors."""
    root, content = read_yaml(data, where)
    try:
        # JSON mode is as strict about types but takes lists for tuples, which YAML has no word for.
        return ModelFile.model_validate_json(json.dumps(content))
    except ValidationError as error:
        raise ModelFileError("\n".join(explain(error, root, where))) from error


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


def find_models(folder: Path) -> dict[str, Path]:
    """Return name to path of every `<name>/model.yaml` below a folder, sorted; nothing is parsed."""
    return {path.parent.name: path for path in sorted(folder.glob(f"*/{MODEL_FILENAME}"))}
