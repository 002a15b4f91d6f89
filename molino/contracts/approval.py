"""What a person says of a version that waits for them: whether it may come into service, who, when and why."""

from pydantic import BaseModel, ConfigDict, Field

from molino.contracts.reading import Moment
from molino.contracts.record import run_prefix
from molino.contracts.tidy import in_a_line


class Approval(BaseModel):
    """An approval, or a refusal."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    approved: bool
    by: str = Field(min_length=1)
    at: Moment
    reason: str | None = None

    @property
    def told(self) -> str:
        """Return it in a line for people."""
        why = f": {in_a_line(self.reason)}" if self.reason else ""
        done = "approved" if self.approved else "refused"
        return f"{done} by {in_a_line(self.by)} at {self.at.astimezone():%Y-%m-%d %H:%M:%S}{why}"


def approval_key(model: str, run_id: str) -> str:
    """Return the key under which the deploy step keeps what was said, before it acts on it: the run waits no longer."""
    return f"{run_prefix(model, run_id)}approval.json"
