"""Where model files are found."""

from molino.errors import ModelFileError
from molino.model_file import LoadedModel, find_models, load_model
from molino.settings import Settings


def load_named_model(settings: Settings, name: str) -> LoadedModel:
    """Read the model file of a model: the one that the settings name, else the one in the folder of that name.

    Raises:
        ModelFileError: there is none, it is wrong, or it describes a model of another name.
    """
    path = settings.model_file or find_models(settings.models).get(name)
    if path is None:
        known = ", ".join(find_models(settings.models)) or "none"
        where = settings.models.resolve()
        raise ModelFileError(
            f"no model {name!r} in {where} (there: {known}); add {name}/model.yaml there or set MOLINO_MODELS"
        )
    loaded = load_model(path)
    if loaded.file.name != name:
        raise ModelFileError(f"{path}: name: expected {name!r}, as asked for (got {loaded.file.name!r})")
    return loaded
