"""What `molino secrets rotate` says is to be done, as a program reads it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

STEP = re.compile(r"step (\d+) of (\d+): .*")
LINE = re.compile(r"  \d+\. (.*)")
KINDS: Mapping[str, re.Pattern[str]] = {
    "apply": re.compile(r"kubectl apply this Secret"),
    "restart": re.compile(r"kubectl rollout restart ([^,;:]+)[,;:].*"),
    "exec": re.compile(r"kubectl (exec deployment/\S+ -- .*)"),
    "upgrade": re.compile(r"helm upgrade \S+ with the values as they are: .*"),
    "password": re.compile(r"at the server: ALTER ROLE (\w+) PASSWORD .*"),
    "rights": re.compile(r"at the S3: give the new pair of keys the rights of the old one"),
    "remove": re.compile(r"when no pod of before is left, remove the user (\S+) of the S3: .*"),
    "follow": re.compile(r"wait two minutes: servers follow the file, .*"),
    "give": re.compile(r"give the new key to those who ask with the old one; .*"),
    "nothing": re.compile(
        r"nothing to restart: .*|where pgbouncer\.enabled: .*|step \d|the same command again .*"
        r"|when the log of requests shows the old one no more.*"
    ),
}
"""Kind of an order to its words; a group is what it is about."""
ALONE = "when none runs"
"""Words of an order that wants a moment without a pipeline run."""


class UnknownOrderError(Exception):
    """An order that nobody knows how to follow."""


@dataclass(frozen=True)
class Order:
    """One thing that is to be done."""

    kind: str
    about: str

    @classmethod
    def read(cls, text: str) -> "Order":
        """Return what a line asks for.

        Raises:
            UnknownOrderError: It is of no kind that is known.
        """
        for kind, words in KINDS.items():
            if match := words.fullmatch(text):
                return cls(kind, match[1] if words.groups else "")
        raise UnknownOrderError(text)


@dataclass(frozen=True)
class Said:
    """What was said of a step."""

    number: int
    of: int
    orders: tuple[Order, ...]
    alone: bool


def read(text: str) -> Said:
    """Return what was said on standard error.

    Raises:
        UnknownOrderError: It isn't what is said of a step.
    """
    first, *rest = text.splitlines() or [""]
    step, lines = STEP.fullmatch(first), [match[1] for match in map(LINE.fullmatch, rest) if match]
    if not step or not lines:
        raise UnknownOrderError(text)
    return Said(int(step[1]), int(step[2]), tuple(map(Order.read, lines)), any(ALONE in line for line in lines))
