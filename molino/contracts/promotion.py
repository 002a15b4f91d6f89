"""The record of what a person has done with a version: which, in place of which, by whom, when and why.

A version was put in service (`promote`, `rollback`), or one that waited for them was let in or kept out (`approve`,
`refuse`).
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from molino.contracts.reading import Moment, read_json
from molino.contracts.tidy import in_a_line

PROMOTIONS = "promotions/"
"""Prefix of all of them in the store."""


class Promotion(BaseModel):
    """One change of the served version, written to `promotions/<model>/<time>.json` as its last act.

    Every key that is added later has a default, so that the records of earlier versions can be read.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    schema_version: Literal[1] = 1
    model: str
    action: Literal["promote", "rollback", "approve", "refuse"]
    version: str
    previous_version: str | None
    """What served before; after a `refuse` it still does."""
    run_id: str
    """The run that has made the version."""
    target: str
    by: str
    reason: str | None
    answered: list[float | str] | None
    """What the server answered to the release's own example; none where none is asked."""
    code_revision: str
    started: Moment
    """When it began; of `approve` and `refuse`: when the person said so."""
    ended: Moment
    host: str

    @property
    def key(self) -> str:
        """Return where it is in the store: keys of a model sort by time."""
        return f"{promotions_prefix(self.model)}{self.started:%Y%m%dT%H%M%S.%fZ}.json"

    @property
    def told(self) -> str:
        """Return what it was, by whom, when and why, in a line for people."""
        done = {"promote": "promoted", "rollback": "rolled back to", "approve": "approved", "refuse": "refused"}[
            self.action
        ]
        when = self.started if self.action in ("approve", "refuse") else self.ended
        why = f": {in_a_line(self.reason)}" if self.reason else ""
        return f"{done} by {in_a_line(self.by)} at {when.astimezone():%Y-%m-%d %H:%M:%S}{why}"


def waiting_for_approval(model: str, version: str) -> str:
    """Return what is told of a version that waits for a person (`gate.approval: required`)."""
    return (
        f"{model} version {version} is registered and waits for an approval (gate.approval): "
        f"`molino promote {model} {version}` puts it in service"
    )


def promotions_prefix(model: str) -> str:
    """Return the store prefix of a model's promotions."""
    return f"{PROMOTIONS}{model}/"


def parse_promotion(data: bytes) -> Promotion | str:
    """Return a promotion, or why the bytes are none of this version of Molino."""
    return read_json(Promotion, data)
