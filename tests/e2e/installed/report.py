"""Figures of a test session, shown as they come and once more at its end."""

import sys

LINES: list[str] = []


def show(text: str) -> None:
    """Print now, and again at the end."""
    LINES.append(text)
    print(text, file=sys.stderr, flush=True)
