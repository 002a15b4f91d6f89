"""The trials of a search that have ended, kept in the store: who takes the search up goes on after them."""

import hashlib
import json
from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from molino.contracts.model_file import Candidate
from molino.contracts.model_file.parts import used_parts
from training.train.session import Session


class Ended(BaseModel):
    """One trial."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    drawn: dict[str, float | int]
    """By the key of the range: the number that was drawn, or the position of the choice."""
    state: Literal["finished", "pruned", "failed"]
    loss: float | None = None
    """By the model file's metric, the less the better; of a trial that came to its end."""
    metrics: dict[str, float] = Field(default_factory=dict)
    judged: dict[int, float] = Field(default_factory=dict)
    """Loss after each epoch, round or fold, where the kind tells it as it goes."""
    seconds: float = 0.0
    cause: str | None = None
    """Why it failed."""


class _Kept(BaseModel):
    asked: str
    trial: Ended


def values_of(candidate: Candidate, drawn: Mapping[str, float | int]) -> dict[str, JsonValue]:
    """Return the values of what was drawn from a candidate's ranges."""
    found: dict[str, JsonValue] = {}
    for name, span in candidate.ranges.items():
        found[name] = drawn[name] if span.choices is None else span.choices[int(drawn[name])]
    return found


def keep_trial(session: Session, candidate: Candidate, number: int, trial: Ended) -> None:
    """Keep a trial that has ended."""
    kept = _Kept(asked=_asked(session), trial=trial)
    session.context.store.write(_key(session, candidate, number), kept.model_dump_json().encode())


def read_trials(session: Session, candidate: Candidate) -> list[Ended]:
    """Return the trials that an earlier try of this step has ended, in order.

    Those of another model file, data revision or seed are none of them.
    """
    store, asked, found = session.context.store, _asked(session), list[Ended]()
    known = set(store.list(_key(session, candidate, 0).rpartition("/")[0] + "/"))
    while (key := _key(session, candidate, len(found))) in known:
        try:
            kept = _Kept.model_validate_json(store.read(key))
        except ValidationError:
            break
        if kept.asked != asked or kept.trial.drawn.keys() != candidate.ranges.keys():
            break
        found.append(kept.trial)
    return found


def _key(session: Session, candidate: Candidate, number: int) -> str:
    return session.context.key(f"search/{candidate.name}/{number:05}.json")


def _asked(session: Session) -> str:
    """Return the SHA-256 of all that a trial's result depends on."""
    loaded = session.context.loaded
    parts = used_parts(session.context.step, loaded.file, loaded.code)
    content = [parts, session.version.revision, session.material.seed, session.context.settings.seed]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
