"""How files of other versions are read: unknown keys are ignored, and what can't be read gives a cause."""

from datetime import datetime
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ValidationError
from pydantic_core import PydanticCustomError

Kind = TypeVar("Kind", bound=BaseModel)


def _in_every_zone(when: datetime) -> datetime:
    if not 1970 <= when.year <= 9998:
        raise PydanticCustomError("moment", "expected a time of the years 1970 to 9998")
    return when


Moment = Annotated[AwareDatetime, AfterValidator(_in_every_zone)]
"""When something was done: a time that can be told in every time zone."""


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
