"""What a check finds."""

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    level: Level
    seen: str
    advice: str = ""
    """What to do; only where it isn't `ok`."""

    @property
    def well(self) -> bool:
        """Whether things work as they are; a warning says what will go wrong in time."""
        return self.level != "fail"


def ok(subject: str, seen: str) -> Finding:
    """Return what is as it should be."""
    return Finding(subject, "ok", seen)


def judge(subject: str, well: bool, seen: str, advice: str) -> Finding:
    """Return what either is as it should be, or is to be mended by the advice."""
    return ok(subject, seen) if well else Finding(subject, "fail", seen, advice)
