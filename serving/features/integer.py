"""Whole numbers: 32-bit floats in the graph too, so within what these hold exactly."""

from typing import Annotated, Any, ClassVar

from msgspec import Meta

from serving.features.number import Number
from serving.features.wording import NUMBER_LIMIT


class Integer(Number):
    """A whole number; 3.0 and 3 are the same one, so it is read as a float."""

    type = "integer"
    whole = True
    limit: ClassVar[float] = float(2**24)
    """Up to here every integer is exact in a 32-bit float."""

    @property
    def expected(self) -> str:
        """What a value must be, in the words of an error."""
        return "an integer"

    def json_type(self) -> Any:
        """Return the type by which msgspec reads it."""
        return Annotated[float, Meta(ge=self.minimum, le=self.maximum, multiple_of=1)]

    def present(self, value: Any) -> float:
        """Return the number as a float."""
        if isinstance(value, float) and -NUMBER_LIMIT <= value <= NUMBER_LIMIT and value != int(value):
            raise ValueError(f"expected an integer, got {value!r}")
        return super().present(value)

    def field(self) -> dict[str, Any]:
        """Return its field of the page's form."""
        return {"sends": "number", "input": {"type": "number", "step": "1", "inputMode": "decimal"}}
