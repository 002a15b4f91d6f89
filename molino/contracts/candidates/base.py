"""What every candidate of a model file has."""

from pydantic import Field

from molino.contracts.part import NAME_PATTERN, Part


class Candidate(Part):
    """A candidate: its name, its kind, and the hyperparameters of that kind."""

    name: str = Field(pattern=NAME_PATTERN)
    kind: str

    @property
    def code_files(self) -> tuple[str, ...]:
        """Names of the Python files beside the model file that it is made of."""
        return ()
