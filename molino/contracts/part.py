"""What every section of a model file is made of, and what its texts must look like."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag

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
CPU_PATTERN = r"^\d+(\.\d+)?m?$"
QUANTITY_PATTERN = r"^\d+(\.\d+)?(Ki|Mi|Gi)$"
PATTERN_WORDS = {
    NAME_PATTERN: MODEL_NAME_WORDS,
    COLUMN_PATTERN: "letters, digits and underscores, not beginning with a digit, at most 63; "
    "a column of another name is given beside it, as column: its header",
    HEADER_PATTERN: "text of 1 to 255 characters, without line ends and other control characters",
    ESTIMATOR_PATTERN: "the import path of a scikit-learn estimator, such as sklearn.ensemble.RandomForestRegressor",
    CODE_PATTERN: "the name of a Python file beside the model file, such as my_estimator.py",
    FUNCTION_PATTERN: "the name of a function",
    CPU_PATTERN: 'cores, such as "0.5" or 500m',
    QUANTITY_PATTERN: "a number of Ki, Mi or Gi, such as 512Mi or 1.5Gi",
    DELIMITER_PATTERN: "one of , ; : | ^ ~, a space, a tab, or whitespace: any number of these two",
}
"""What the patterns mean, for errors."""

LARGEST_SEED = 2**32 - 1
"""That scikit-learn and NumPy's older generators take."""
LARGEST_COUNT = 2**31 - 1
"""Of rounds, rows and their like: libraries count them in 32 bits."""
Seed = Annotated[int, Field(ge=0, le=LARGEST_SEED)]
Count = Annotated[int, Field(ge=1, le=LARGEST_COUNT)]
Word = Annotated[str, AfterValidator(composed)]
"""Text that is compared with cells of a source."""
Header = Annotated[Word, Field(pattern=HEADER_PATTERN)]
"""A column's name in the source; any text."""


def plain(message: str) -> str:
    """Return what pydantic says of a value in the words of a model file's errors."""
    said = message.replace("Input should be", "expected", 1)
    return said.replace("a valid array", "a list").replace("an object", "a mapping")


SHAPES = ("(list)", "(mapping)", "(one)")
"""By which pydantic tells one value from a list or a mapping of them; in no key of a file."""
LIST, MAPPING, ONE = (Tag(shape) for shape in SHAPES)
OR_LIST = Discriminator(lambda given: "(list)" if isinstance(given, list | tuple) else "(one)")
"""Tells `ONE` and `LIST` of a union apart."""
OR_MAPPING = Discriminator(lambda given: "(mapping)" if isinstance(given, dict) else "(one)")
"""Tells `ONE` and `MAPPING` of a union apart."""


class Part(BaseModel):
    """A section of the model file: frozen, and strict about keys and types."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )
