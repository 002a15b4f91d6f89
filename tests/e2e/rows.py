"""A section of `tests/e2e/results.md` that is a table, of which a run replaces the rows that it has made again."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.bench.machine import describe_machine
from tests.bench.results import write_section

FIRST_WORD = re.compile(r"\| ([\w-]+)")


def row(*cells: str) -> str:
    """Return cells as a row of Markdown; the first one begins with the name of the row."""
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def write_rows(
    path: Path, section: str, head: str, titles: Sequence[str], rows: Mapping[str, str], order: Sequence[str]
) -> None:
    """Write rows to the table of a section; those of other names stay as they are.

    Args:
        path: The file.
        section: Name of the section.
        head: What stands before the machine and the table.
        titles: Of the columns.
        rows: By their names.
        order: All names that there are, in the order of the rows; a row of another name goes.
    """
    known = {**_known(path, section), **rows}
    lines = [row(*titles), row(*["---"] * len(titles)), *(known[name] for name in order if name in known)]
    write_section(section, "\n".join([head, "", describe_machine(), *lines]), path)


def _known(path: Path, section: str) -> dict[str, str]:
    """Return the rows that are there, by their names."""
    text = path.read_text() if path.is_file() else ""
    _, _, rest = text.partition(f"<!-- {section} -->")
    lines = rest.partition(f"<!-- end of {section} -->")[0].splitlines()
    return {found[1]: line for line in lines if (found := FIRST_WORD.match(line))}
