"""An estimator or a Keras model that a Python file beside the model file makes."""

from typing import ClassVar, Literal

from pydantic import Field, JsonValue

from molino.contracts.candidates.base import Candidate
from molino.contracts.part import CODE_PATTERN, FUNCTION_PATTERN, Count


class Python(Candidate):
    """A function of one's own returns a scikit-learn estimator or pipeline, or a Keras model; train alone runs it."""

    FIXED: ClassVar[frozenset[str]] = Candidate.FIXED | {"file", "function"}

    kind: Literal["python"]
    file: str = Field(pattern=CODE_PATTERN)
    """Name of the file in the model file's folder."""
    function: str = Field(default="estimator", pattern=FUNCTION_PATTERN)
    """Name of the function, which is called with the parameters and returns what isn't fitted yet."""
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    """What the function takes; a `random_state` that it leaves open is the run's seed."""
    epochs: Count | None = None
    """Of a Keras model: it is trained for so many at most; 200 when not given."""
    batch_size: Count | None = None
    """Of a Keras model; 32 when not given."""
    patience: Count | None = None
    """Of a Keras model: epochs without a better loss on validation rows after which it stops; 20 when not given."""

    @property
    def code_files(self) -> tuple[str, ...]:
        """The one file."""
        return (self.file,)
