"""The model file `pipelines/models/<name>/model.yaml`: its schema, read and checked."""

from molino.contracts.candidates import Candidate
from molino.contracts.model_file.reading import (
    MODEL_FILENAME,
    LoadedModel,
    find_models,
    load_model,
    parse_model,
)
from molino.contracts.model_file.schema import (
    Boolean,
    Bound,
    Category,
    Feature,
    Gate,
    Integer,
    ModelFile,
    Number,
    Quality,
    Resources,
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
    "Serving",
    "Source",
    "Split",
    "Target",
    "Training",
    "find_models",
    "load_model",
    "parse_model",
]
