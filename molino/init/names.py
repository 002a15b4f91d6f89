"""Names of features and models, made of what a table and its file are called."""

import re
import unicodedata
from collections.abc import Iterable

from molino.contracts.model_file.rules import GRAPH_OUTPUTS, PROBABILITY

LONGEST_NAME = 63
LONGEST_MODEL = 40


def feature_names(headers: Iterable[str]) -> dict[str, str]:
    """Return header to name, each name once: the header itself where it is one, else what is nearest to it."""
    wanted_names = {header: _identifier(header) or f"column_{at}" for at, header in enumerate(headers, start=1)}
    names: dict[str, str] = {header: header for header, name in wanted_names.items() if name == header}
    used = set(names)
    for header, wanted in wanted_names.items():
        if header in names:
            continue
        name = wanted
        count = 2
        while name in used:
            ending = f"_{count}"
            name, count = wanted[: LONGEST_NAME - len(ending)] + ending, count + 1
        used.add(name)
        names[header] = name
    return names


def model_name(text: str) -> str:
    """Return what is nearest to a text among the names that a model may have; empty where nothing is."""
    return (
        re.sub(r"[^a-z0-9]+", "-", _plain(text).lower()).lstrip("0123456789-").rstrip("-")[:LONGEST_MODEL].rstrip("-")
    )


def _identifier(header: str) -> str:
    name = re.sub(r"[^A-Za-z0-9_]+", "_", _plain(header)).strip("_")
    if header.isidentifier() and header.isascii():
        name = header
    if name[:1].isdigit():
        name = f"_{name}"
    if name in GRAPH_OUTPUTS or name.startswith(PROBABILITY):
        name = f"of_{name}"
    return name[:LONGEST_NAME]


def _plain(text: str) -> str:
    """Return a text in ASCII: ü as u, and nothing of what has no such letter."""
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
