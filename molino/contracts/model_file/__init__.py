"""The model file `pipelines/models/<name>/model.yaml`: its schema, read and checked."""

from molino.contracts.candidates import Candidate
from molino.contracts.features import Feature
from molino.contracts.features.boolean import Boolean
from molino.contracts.features.category import Category
from molino.contracts.features.integer import Integer
from molino.contracts.features.number import Number
from molino.contracts.model_file.loaded import LoadedModel, place_of
from molino.contracts.model_file.reading import (
    MODEL_FILENAME,
    find_models,
    load_model,
    parse_model,
)
from molino.contracts.model_file.schema import (
    Bound,
    Gate,
    ModelFile,
    Quality,
    Resources,
    Selection,
    Serving,
    Source,
    Target,
    Training,
)
from molino.contracts.part import Part
from molino.contracts.splits import Split

__all__ = [
    "MODEL_FILENAME",
    "Boolean",
    "Bound",
    "Candidate",
    "Category",
    "Feature",
    "Gate",
    "Integer",
    "LoadedModel",
    "ModelFile",
    "Number",
    "Part",
    "Quality",
    "Resources",
    "Selection",
    "Serving",
    "Source",
    "Split",
    "Target",
    "Training",
    "find_models",
    "load_model",
    "parse_model",
    "place_of",
]
