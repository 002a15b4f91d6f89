"""What every candidate of a model file has."""

from collections.abc import Iterator, Sequence

from pydantic import Field

from molino.contracts.contradictions import Contradiction, Key
from molino.contracts.part import NAME_PATTERN, Part


class Candidate(Part):
    """A candidate: its name, its kind, and the hyperparameters of that kind."""

    name: str = Field(pattern=NAME_PATTERN)
    kind: str

    @property
    def code_files(self) -> tuple[str, ...]:
        """Names of the Python files beside the model file that it is made of."""
        return ()

    @property
    def blends(self) -> bool:
        """Whether it is made of other candidates, and so comes after them."""
        return False

    def contradictions(self, key: Key, candidates: Sequence["Candidate"]) -> Iterator[Contradiction]:
        """Yield what it has wrong beside the other candidates; `key` is its own."""
        del key, candidates
        yield from ()
