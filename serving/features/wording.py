"""Values in the words of errors, short and safe to show."""

from typing import Any

import msgspec

NUMBER_LIMIT = 1e30
"""Greatest number of a request. A 32-bit float can hold more, but a graph's own sums would soon be infinite."""


def name_of(value: Any) -> str:
    """Return what a value is in JSON's words."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return f"the string {shorten(value)}"
    if isinstance(value, int | float):
        return f"the number {cut(repr(float(value)) if abs(value) < NUMBER_LIMIT else 'out of range')}"
    return "an array" if isinstance(value, list) else "an object"


def shorten(text: str) -> str:
    """Return a text as JSON, cut where it is long."""
    return msgspec.json.encode(cut(text)).decode()


def cut(text: str) -> str:
    """Return the beginning of a text."""
    return text if len(text) <= 64 else f"{text[:63]}…"
