"""One notice of one outcome: what happened to which model and run, why in one line, and where to look."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from molino.contracts.address import without_credentials
from molino.contracts.tidy import in_a_line

FAILED, REFUSED, PUT_BACK = "failed", "refused", "put-back"
EVENTS = (FAILED, REFUSED, PUT_BACK)
TEXT = "text"
"""Key of what people read, in Slack's words too."""
LONGEST_REASON = 500
DIGEST_CHARACTERS = 12


@dataclass(frozen=True)
class Notice:
    """What is told, whichever way."""

    event: str
    """One of `EVENTS`."""
    model: str
    run_id: str
    step: str | None
    """The task that failed; none where nothing did."""
    version: str | None
    """The version that was registered, if one was."""
    reason: str
    """In one line, without credentials."""
    links: Mapping[str, str] = field(default_factory=dict)
    """Pages by what they are called."""

    @property
    def digest(self) -> str:
        """What tells this outcome from another of the same run: its event, its step and its reason."""
        told = "\n".join((self.model, self.run_id, self.event, self.step or "", self.reason))
        return hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()[:DIGEST_CHARACTERS]

    @property
    def id(self) -> str:
        """The same for each sending of this notice, so that who gets it twice can tell."""
        return f"{self.model}/{self.run_id}/{self.event}-{self.digest}"

    @property
    def title(self) -> str:
        """What happened, in a line."""
        if self.event == PUT_BACK:
            what = f"version {self.version}" if self.version else "what was deployed"
            return f"{self.model}: {what} was put back"
        if self.event == REFUSED:
            return f"{self.model}: {f'version {self.version}' if self.version else 'the model'} was refused"
        return f"{self.model}: {self.step or 'the run'} failed"

    @property
    def facts(self) -> dict[str, str]:
        """What it is about, by title."""
        found = {"Model": self.model, "Version": self.version, "Run": self.run_id, "Step": self.step}
        return {title: told for title, told in found.items() if told} | {"Reason": self.reason}

    @property
    def text(self) -> str:
        """All of it, for people."""
        lines = [f"{title}: {told}" for title, told in (*self.facts.items(), *self.links.items())]
        return "\n".join([self.title, "", *lines])

    def as_json(self) -> dict[str, object]:
        """Return all of it, for programs."""
        return {
            "id": self.id,
            "event": self.event,
            "model": self.model,
            "version": self.version,
            "run_id": self.run_id,
            "step": self.step,
            "reason": self.reason,
            "title": self.title,
            TEXT: self.text,
            "links": dict(self.links),
        }


def one_line(reason: str) -> str:
    """Return a reason as one line of a bounded length, whose URLs have no user, password and query."""
    line = in_a_line(without_credentials(reason))
    return line if len(line) <= LONGEST_REASON else f"{line[: LONGEST_REASON - 1]}…"
