"""What names a run and a model: both become parts of keys, paths and labels, so each has one pattern."""

import re

from molino.contracts.errors import RunError

RUN_ID_PATTERN = r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,199}$"
"""For JSON schemas and pydantic; `is_run_id` is stricter by the line break that Python lets `$` pass over."""
RUN_ID_WORDS = "letters, digits and the signs _ . -, not beginning with . or -, at most 200"
MODEL_NAME_PATTERN = r"^[a-z][a-z0-9-]{0,39}$"
MODEL_NAME_WORDS = "lower-case letters, digits and hyphens, beginning with a letter, at most 40"


def is_run_id(text: str) -> bool:
    """Tell whether a run may have this id."""
    return re.fullmatch(RUN_ID_PATTERN[1:-1], text) is not None


def is_model_name(text: str) -> bool:
    """Tell whether a model may have this name."""
    return re.fullmatch(MODEL_NAME_PATTERN[1:-1], text) is not None


def check_run_id(text: str) -> str:
    """Return the id of a run.

    Raises:
        RunError: no run can have it.
    """
    if not is_run_id(text):
        raise RunError(f"run id {text!r}: expected {RUN_ID_WORDS}")
    return text


def check_model_name(text: str) -> str:
    """Return the name of a model.

    Raises:
        RunError: no model can have it.
    """
    if not is_model_name(text):
        raise RunError(f"model {text!r}: expected {MODEL_NAME_WORDS}")
    return text
