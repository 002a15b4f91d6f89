"""What every section of a model file is made of, and what its texts must look like."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from molino.contracts.identifiers import MODEL_NAME_PATTERN, MODEL_NAME_WORDS
from molino.contracts.tidy import composed

NAME_PATTERN = MODEL_NAME_PATTERN
COLUMN_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]{0,62}$"
HEADER_PATTERN = r"^[^\x00-\x1f\x7f]{1,255}$"
CLASS_PATTERN = HEADER_PATTERN
ESTIMATOR_PATTERN = r"^sklearn(\.[a-z][a-z0-9_]*)+\.[A-Z][A-Za-z0-9]*$"
CODE_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]{0,62}\.py$"
FUNCTION_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]{0,99}$"
DELIMITER_PATTERN = r"^([\t ,;:|^~]|whitespace)$"
LARGEST_SEED = 2**32 - 1
"""What scikit-learn, Keras and the boosters all take."""
PATTERN_WORDS = {
    NAME_PATTERN: MODEL_NAME_WORDS,
    COLUMN_PATTERN: "letters, digits and underscores, not beginning with a digit, at most 63; "
    "a column of another name is given beside it, as column: its header",
    HEADER_PATTERN: "text of 1 to 255 characters, without line ends and other control characters",
    ESTIMATOR_PATTERN: "the import path of a scikit-learn estimator, such as sklearn.ensemble.RandomForestRegressor",
    CODE_PATTERN: "the name of a Python file beside the model file, such as my_estimator.py",
    FUNCTION_PATTERN: "the name of a function",
    DELIMITER_PATTERN: "one of , ; : | ^ ~, a space, a tab, or whitespace: any number of these two",
}
"""What the patterns mean, for errors."""

Word = Annotated[str, AfterValidator(composed)]
"""Text that is compared with cells of a source."""
Header = Annotated[Word, Field(pattern=HEADER_PATTERN)]
"""A column's name in the source; any text."""


class Part(BaseModel):
    """A section of the model file: frozen, and strict about keys and types."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )
