"""The model files that DAGs are made of: those in the image, and those of the chart's values. No Airflow here."""

import hashlib
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from molino.contracts.errors import ModelFileError
from molino.contracts.model_file import MODEL_FILENAME, LoadedModel, ModelFile, parse_model
from molino.contracts.model_file.own_code import with_code
from pipelines.model_config_map import newest_model_files
from pipelines.pods import fits, packed

BUILT_IN = Path(__file__).resolve().parent / "models"
EXTRA = "MOLINO_MODELS_EXTRA"
"""Variable that names a folder of further model files, `<name>.yaml`, with their Python files, `<name>.<file>.py`; they
go before those in the image."""


@dataclass(frozen=True)
class ModelFiles:
    """What was found."""

    models: Mapping[str, tuple[ModelFile, bytes]]
    """By name: a right model file, and its bytes."""
    code: Mapping[str, Mapping[str, bytes]]
    """By name: the Python files that a model file names."""
    keys: Mapping[str, Mapping[str, str]]
    """By name: of a model file of the chart's values, the key of each of its files in their ConfigMap."""
    errors: Mapping[str, str]
    """By name: what is wrong with the others."""


def read_model_files() -> ModelFiles:
    """Read every model file; one that is wrong, whatever it is that is wrong, doesn't keep the others out."""
    paths = {path.parent.name: path for path in sorted(BUILT_IN.glob(f"*/{MODEL_FILENAME}"))}
    extra = os.environ.get(EXTRA)
    if extra:
        paths |= {path.stem: path for path in sorted(newest_model_files(Path(extra)).glob("*.yaml"))}
    models: dict[str, tuple[ModelFile, bytes]] = {}
    code = {}
    keys = {}
    errors = {}
    for name, path in paths.items():
        try:
            content = path.read_bytes()
            model = _parse(name, content)
            code[name] = _code_of(name, model, path, content)
            if path.name != MODEL_FILENAME:
                keys[name] = {MODEL_FILENAME: path.name, **{file: f"{name}.{file}" for file in code[name]}}
            elif not fits(packed(content, code[name])):
                raise ModelFileError(
                    f"{path}: the model file is too large for a variable of a pod: give it to the chart by"
                    f" --set-file models.{name}={MODEL_FILENAME}, and pods mount it"
                )
            models[name] = model, content
        except ModelFileError as error:
            errors[name] = str(error)
        except OSError as error:
            errors[name] = f"{path}: can't read the model file: {error.strerror}"
        except Exception as error:  # A bug that one file meets; the DAGs of the others are not to go away by it.
            logging.getLogger(__name__).exception("%s can't be read", path)
            errors[name] = f"{path}: Molino fails to read it ({type(error).__name__}: {error}); please report this"
    return ModelFiles(models, code, keys, errors)


def _code_of(name: str, model: ModelFile, path: Path, content: bytes) -> Mapping[str, bytes]:
    """Return the Python files that a model file names, from its folder, or from beside it under its name."""
    loaded = LoadedModel(file=model, path=path, sha256=hashlib.sha256(content).hexdigest())
    own_folder = path.name == MODEL_FILENAME
    return with_code(loaded, None if own_folder else lambda file: path.with_name(f"{name}.{file}")).code


def _parse(name: str, content: bytes) -> ModelFile:
    model = parse_model(content, f"{name}/{MODEL_FILENAME}")
    if model.name != name:
        raise ModelFileError(
            f"{name}/{MODEL_FILENAME}: name: expected {name!r}, as its place says (got {model.name!r})"
        )
    return model
