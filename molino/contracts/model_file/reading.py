"""Reads and checks model files, `pipelines/models/<name>/model.yaml`; each error names file, line, key, expectation."""

import hashlib
import json
from pathlib import Path

from pydantic import ValidationError

from molino.contracts.errors import ModelFileError
from molino.contracts.model_file.document import read_yaml
from molino.contracts.model_file.faults import explain
from molino.contracts.model_file.loaded import LoadedModel
from molino.contracts.model_file.own_code import with_code
from molino.contracts.model_file.schema import ModelFile
from molino.contracts.search import ranges_apart

MODEL_FILENAME = "model.yaml"


def load_model(path: Path) -> LoadedModel:
    """Read and check a model file, or the one in a folder, with the Python files that it names.

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
    return with_code(LoadedModel(file=model, path=path.resolve(), sha256=hashlib.sha256(data).hexdigest()))


def parse_model(data: bytes, where: str) -> ModelFile:
    """Check the bytes of a model file; `where` names it in errors."""
    root, content = read_yaml(data, where)
    try:
        # JSON mode is as strict about types but takes lists for tuples, which YAML has no word for.
        return ModelFile.model_validate_json(json.dumps(ranges_apart(content)))
    except ValidationError as error:
        raise ModelFileError("\n".join(explain(error, root, where))) from error


def find_models(folder: Path) -> dict[str, Path]:
    """Return name to path of every `<name>/model.yaml` below a folder, sorted; nothing is parsed."""
    return {path.parent.name: path for path in sorted(folder.glob(f"*/{MODEL_FILENAME}"))}
