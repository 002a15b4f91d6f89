"""Other candidates, blended."""

from collections.abc import Iterator, Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from molino.contracts.candidates.base import Candidate
from molino.contracts.contradictions import Contradiction, Key
from molino.contracts.part import NAME_PATTERN


class Ensemble(Candidate):
    """The mean of other candidates' answers, by weights that are found on validation rows."""

    FIXED: ClassVar[frozenset[str]] = Candidate.FIXED | {"members", "draws"}

    kind: Literal["ensemble"]
    members: tuple[Annotated[str, Field(pattern=NAME_PATTERN)], ...] | None = Field(default=None, min_length=2)
    """Names of the candidates to blend; all but ensembles where not given."""
    draws: int = Field(default=50, ge=1, le=1000)
    """How often a member is drawn, with those drawn before; its weight is its share of them."""

    @property
    def blends(self) -> bool:
        """It is made of others."""
        return True

    def contradictions(self, key: Key, candidates: Sequence[Candidate]) -> Iterator[Contradiction]:
        """Yield members that can't be blended, and that there are too few."""
        known = [one.name for one in candidates if not one.blends]
        if len(known) < 2:
            yield (*key, "kind"), f"an ensemble blends at least two other candidates, and there are {len(known)}"
        for index, name in enumerate(self.members or ()):
            if name not in known:
                listed = ", ".join(known)
                yield (*key, "members", index), f"{name!r} is no candidate that can be blended; expected of {listed}"
            if name in (self.members or ())[:index]:
                yield (*key, "members", index), f"{name!r} is named twice; expected each member once"
