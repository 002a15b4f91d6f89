"""The text of a model file, with comments that say what was seen and why a column was left out."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from molino.init.candidates import candidates_for
from molino.init.features import Chosen, LeftOut
from molino.init.target import Aim

PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*( [A-Za-z0-9_./-]+)*")
"""Texts that need no quotes, unless YAML has a meaning for them."""
MEANT = re.compile(r"true|false|null|yes|no|on|off|y|n", re.IGNORECASE)
UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")
TEST_SHARE, VALIDATION_SHARE = 0.2, 0.15
LONGEST_COMMENT = 100


@dataclass(frozen=True)
class Draft:
    """All that a model file is written from."""

    name: str
    table: str
    """What the table is called, for people."""
    rows: int
    columns: int
    uri: Sequence[str]
    """Where its files are."""
    source: Mapping[str, Any]
    """Of `source`, beside `uri`."""
    schema: str | None
    """Where the JSON schema for editors is."""
    target: str
    """Name of the target's column in the source."""
    names: Mapping[str, str]
    """Column to name, of the features and the target."""
    aim: Aim
    chosen: Sequence[Chosen]
    left_out: Sequence[LeftOut]
    nameless: Sequence[int]
    """Positions of the columns without a name of their own."""
    seed: int = 0
    """Of the split."""
    doubt: str = ""
    """Why training will stop, where no seed splits the rows."""


def text_of(draft: Draft) -> str:
    """Return the model file."""
    return "".join(f"{line}\n" for line in _lines(draft))


def _lines(draft: Draft) -> Iterator[str]:
    aim = draft.aim
    if draft.schema:
        yield f"# yaml-language-server: $schema={draft.schema}"
    yield f"# Written by `molino init` from {_shown(draft.table)}, of {draft.rows} rows and {draft.columns} columns."
    yield f"name: {draft.name}"
    yield f"title: {scalar(f'{draft.target} of {draft.name}')}"
    yield f"task: {aim.task}  # {aim.reason}"
    yield "source:"
    yield f"  uri: {scalar(draft.uri[0]) if len(draft.uri) == 1 else _value(draft.uri)}"
    for key, value in draft.source.items():
        guessed = key == "encoding" and value != "utf-16"
        yield f"  {key}: {_value(value)}" + (
            "  # a guess: correct it where names and texts look wrong" if guessed else ""
        )
    yield f"target: {_named(draft, draft.target, aim.keys)}"
    yield f"  # {_shown(aim.seen)}"
    for note in aim.notes:
        yield f"  # {_shown(note)}"
    for value in aim.left_out:
        yield f"  # The class {_shown(repr(value))} has too few rows to learn from: they are set aside."
    yield "features:"
    for feature in draft.chosen:
        yield f"  - {_named(draft, feature.header, feature.keys)}  # {_shown(feature.seen)}"
    for column in draft.left_out:
        yield f"  # left out: {_shown(repr(column.header))}, since {_shown(column.reason)}"
    if draft.nameless:
        listed = _shown(", ".join(map(str, draft.nameless)))
        yield f"  # left out: columns without a name of their own (blank, twice or too long), at position {listed}"
    shares = {"test": TEST_SHARE, "validation": VALIDATION_SHARE}
    seed = {"seed": draft.seed} if draft.seed else {}
    yield f"split: {flow({'kind': aim.split} | shares | seed)}"
    if draft.seed:
        yield "  # Earlier seeds leave a part too few of these rows."
    if draft.doubt:
        yield f"  # Training will stop: {draft.doubt}"
    dated = [one for one in draft.chosen if one.orders_rows]
    if dated:
        by_time = flow({"kind": "time", "column": draft.names[dated[0].header]} | shares)
        yield f"  # To be judged on what came after the training rows: split: {by_time}"
    yield "candidates:"
    for candidate in candidates_for(draft.rows, 1 - sum(shares.values())):
        yield f"  - {candidate}"
    yield f"metric: {aim.metric}"
    yield "gate:"
    yield f"  # The baseline, {aim.baseline}, with some room; on the held-out rows a candidate must beat it."
    yield "  bounds:"
    yield f"    {aim.metric}: {flow(aim.bound)}"


def _named(draft: Draft, header: str, keys: Mapping[str, Any]) -> str:
    name = draft.names[header]
    return flow({"name": name} | ({} if name == header else {"column": header}) | dict(keys))


def flow(mapping: Mapping[str, Any]) -> str:
    """Return a mapping on one line."""
    return "{" + ", ".join(f"{key}: {_value(value)}" for key, value in mapping.items()) + "}"


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(scalar, value)) + "]"
    return scalar(value)


def scalar(value: Any) -> str:
    """Return a value as YAML has it; a text in quotes where it needs them."""
    if not isinstance(value, str):
        if not isinstance(value, float):
            return json.dumps(value)
        short = f"{value:.12g}"
        return short if abs(float(short) - value) <= abs(value) * 1e-15 else repr(value)
    if PLAIN.fullmatch(value) and not MEANT.fullmatch(value):
        return value
    return UNPRINTABLE.sub(lambda sign: f"\\u{ord(sign[0]):04x}", json.dumps(value, ensure_ascii=False))


def _shown(text: str) -> str:
    """Return a text for a comment: on one line, and not too long."""
    line = UNPRINTABLE.sub("?", re.sub(r"\s+", " ", text))
    return line if len(line) <= LONGEST_COMMENT else f"{line[:LONGEST_COMMENT]}…"
