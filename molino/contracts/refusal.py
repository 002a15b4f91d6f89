"""Why a run's data made no version: how it differs from the last one, which the model file refuses."""

from pydantic import BaseModel, ConfigDict

from molino.contracts.reading import Moment
from molino.contracts.record import run_prefix
from molino.contracts.results import Change


class Refusal(BaseModel):
    """What the version step keeps of data that it refuses; the run has no record of it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    at: Moment
    compared_with: str
    """The revision of the last version."""
    changes: tuple[Change, ...]
    """What differs more than the model file lets pass without a warning; some of it is refused."""

    @property
    def told(self) -> list[str]:
        """Return it in lines for people."""
        head = f"refused at {self.at.astimezone():%Y-%m-%d %H:%M:%S}: no new version"
        found = [f"{'refused' if one.refused else 'warned of'}: {one}" for one in self.changes]
        return [head, *(f"against the last version, {self.compared_with[:12]}, {line}" for line in found)]


def refusal_key(model: str, run_id: str) -> str:
    """Return the key of a run's refusal, which a record of its version step makes void."""
    return f"{run_prefix(model, run_id)}refusal.json"
