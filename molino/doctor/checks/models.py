"""The model files."""

from collections.abc import Iterator

from molino.contracts.errors import ModelFileError
from molino.contracts.model_file import find_models, load_model
from molino.contracts.settings import Settings
from molino.doctor.finding import Finding, ok


def check(settings: Settings) -> Iterator[Finding]:
    """Read every model file."""
    found = {"": settings.model_file} if settings.model_file else find_models(settings.models)
    if not found:
        where = settings.models.resolve()
        yield Finding(
            "model files", "fail", f"none in {where}", "set MOLINO_MODELS to the folder of your model folders"
        )
    for path in found.values():
        try:
            loaded = load_model(path)
        except ModelFileError as error:
            yield Finding(f"model file {path}", "fail", str(error), "mend the lines named")
        else:
            yield ok(f"model {loaded.file.name}", str(loaded.path))
