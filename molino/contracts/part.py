"""What every section of a model file is made of, and what its texts must look like."""

from pydantic import BaseModel, ConfigDict

from molino.contracts.identifiers import MODEL_NAME_PATTERN, MODEL_NAME_WORDS

NAME_PATTERN = MODEL_NAME_PATTERN
COLUMN_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]{0,62}$"
CLASS_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9 _.-]{0,62}$"
DELIMITER_PATTERN = r"^[\t ,;:|^~]$"
PATTERN_WORDS = {
    NAME_PATTERN: MODEL_NAME_WORDS,
    COLUMN_PATTERN: "letters, digits and underscores, not beginning with a digit, at most 63",
    CLASS_PATTERN: "letters, digits, spaces and the signs _ . -, beginning with a letter or digit, at most 63",
    DELIMITER_PATTERN: "one of , ; : | ^ ~, a space or a tab",
}
"""What the patterns mean, for errors."""


class Part(BaseModel):
    """A section of the model file: frozen, and strict about keys and types."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )
