"""Where model files are found."""

import base64
import binascii
import gzip
import hashlib
import io
import zlib
from pathlib import Path

from molino.contracts.errors import ModelFileError
from molino.contracts.model_file import MODEL_FILENAME, LoadedModel, find_models, load_model, parse_model
from molino.contracts.model_file.own_code import digest, unpack_code
from molino.contracts.settings import Settings

LARGEST_BYTES = 2**20
"""Of a model file in the environment, unpacked."""


def load_named_model(settings: Settings, name: str) -> LoadedModel:
    """Read the model file of a model: the one that the settings hold or name, else the one in the folder of that name.

    Raises:
        ModelFileError: there is none, it is wrong, or it describes a model of another name.
    """
    if settings.model_content:
        loaded = _unpack(settings, name, settings.model_content)
    elif settings.model_file and settings.model_digest:
        loaded = _mounted(settings, name, settings.model_file, settings.model_digest)
    else:
        loaded = load_model(settings.model_file or _find(settings, name))
    if loaded.file.name != name:
        raise ModelFileError(f"{loaded.path}: name: expected {name!r}, as asked for (got {loaded.file.name!r})")
    return loaded


def _unpack(settings: Settings, name: str, content: str) -> LoadedModel:
    """Read a model file from the environment; its place is where it would be in the folder of model files."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(base64.b64decode(content, validate=True))) as file:
            data = file.read(LARGEST_BYTES + 1)
    except (binascii.Error, EOFError, OSError, ValueError, zlib.error) as error:
        raise ModelFileError(f"MOLINO_MODEL_CONTENT: expected a model file in gzip and base64 ({error})") from error
    if len(data) > LARGEST_BYTES:
        raise ModelFileError(f"MOLINO_MODEL_CONTENT: the model file has more than {LARGEST_BYTES} bytes")
    path = settings.models.resolve() / name / MODEL_FILENAME
    model = parse_model(data, f"{name}/{MODEL_FILENAME}")
    code = unpack_code(settings.model_code) if settings.model_code else {}
    lacking = [name for candidate in model.candidates for name in candidate.code_files if name not in code]
    if lacking:
        raise ModelFileError(f"MOLINO_MODEL_CODE: expected the file {lacking[0]}, which the model file names")
    return LoadedModel(file=model, path=path, sha256=hashlib.sha256(data).hexdigest(), code=code)


def _mounted(settings: Settings, name: str, path: Path, wanted: str) -> LoadedModel:
    """Read a model file that a pod has mounted; its place is the same as that of one from the environment.

    Raises:
        ModelFileError: it isn't the one that the pod was started for.
    """
    loaded = load_model(path)
    if digest(path.read_bytes(), loaded.code) != wanted:
        raise ModelFileError(f"{path}: the model file was changed while its run went on: start the run again")
    return loaded.model_copy(update={"path": settings.models.resolve() / name / MODEL_FILENAME})


def _find(settings: Settings, name: str) -> Path:
    found = find_models(settings.models)
    if name not in found:
        known = ", ".join(found) or "none"
        where = settings.models.resolve()
        raise ModelFileError(
            f"no model {name!r} in {where} (there: {known}); add {name}/model.yaml there or set MOLINO_MODELS"
        )
    return found[name]
