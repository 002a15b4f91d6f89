"""What all candidates of a run share, and what becomes of each."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from molino.contracts.model_file import Candidate
from molino.contracts.results import CandidateResult, VersionResult
from training.step import Context
from training.train.candidates.contract import Material, Trained
from training.train.data import Dataset, Rows

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Session:
    """What all candidates of a run share."""

    context: Context
    material: Material
    """`tensorboard` and `report` are each candidate's own."""
    folds: tuple[Dataset, ...]
    """By which candidates are chosen; none where validation rows choose."""
    held_out_rows: Rows
    """Test rows, as many as parity asks about. No candidate is trained or chosen by them."""
    example: "pl.DataFrame"
    experiment: str
    parent: str
    tags: dict[str, str]
    version: VersionResult

    @property
    def ensembles(self) -> bool:
        """Whether candidates are asked for again once they are trained."""
        return any(candidate.blends for candidate in self.context.model.candidates)


@dataclass(frozen=True)
class Trial:
    """A candidate that could be trained."""

    result: CandidateResult
    metrics: dict[str, float]
    """For the record."""
    rounds: int | None
    """How many rounds or epochs were best; none of a kind without them."""
    candidate: Candidate
    trained: Trained
    of_folds: tuple[Trained, ...]
    """What was trained on each fold; for ensembles alone, and empty where there are none."""
