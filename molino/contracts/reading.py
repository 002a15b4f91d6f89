"""How files of other versions are read: unknown keys are ignored, and what can't be read gives a cause."""

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

Kind = TypeVar("Kind", bound=BaseModel)


def read_json(kind: type[Kind], data: bytes) -> Kind | str:
    """Return what bytes of JSON hold, or why they hold nothing of that kind."""
    try:
        return kind.model_validate_json(data)
    except ValidationError as error:
        return cause_of(error)


def read_object(kind: type[Kind], content: Any) -> Kind | str:
    """Return what parsed JSON holds, or why it holds nothing of that kind."""
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        return cause_of(error)


def cause_of(error: ValidationError) -> str:
    """Return the first fault as `key: problem`, and how many more there are; never a value of the file."""
    first, *others = error.errors(include_url=False, include_input=False, include_context=False)
    key = ".".join(map(str, first["loc"]))
    problem = first["msg"].replace("Input should be", "expected", 1)
    more = f" (and {len(others)} more)" if others else ""
    return f"{key}: {problem}{more}" if key else f"{problem}{more}"
