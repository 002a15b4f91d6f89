"""Which key of `source` would have a CSV's row read that isn't like its header."""

import re

WHOLE_ROW = re.compile(rb'(?:"[^"]*"|[^\n"])+')
"""A row with its quoted cells, of text without blank lines."""
COMMENT = re.compile(r"\s*(//|[#%;*!|~-]{1,3})(?=[\s\w])")
QUOTES = (
    "source.quote: none takes quotes as signs like any other, source.escape: backslash and source.skip_blanks: true "
    "read those after backslashes and blanks"
)


def hint_for_row(data: bytes, index: int, delimiter: str) -> str:
    """Return what to change for a row with other cells than the header, as an error's last words.

    Args:
        data: rows, without blank lines.
        index: of the row among them.
        delimiter: what parts cells.
    """
    found = WHOLE_ROW.findall(data)
    row = found[index].decode(errors="replace") if index < len(found) else ""
    sign = re.escape(delimiter)
    comment = COMMENT.match(row)
    if comment and not re.match(r"\s*-[\d.]", row) and comment[1] != delimiter:
        return f"; if it is a comment, source.comment: {comment[1]!r} passes over such lines"
    if '\\"' in row:
        return "; source.escape: backslash reads quotes that stand after a backslash"
    if re.search(rf'{sign}[ \t]+"', row) or re.match(r'[ \t]+"', row):
        return "; source.skip_blanks: true reads quotes that stand after blanks"
    if re.search(rf"(^|{sign})'[^']*{sign}[^']*'({sign}|\s*$)", row):
        return '; source.quote: "\'" reads cells in single quotes'
    return (
        "; correct the row, or say how the file is written: source.delimiter, source.quote, source.comment, "
        "source.skip_lines, or source.header where it has none"
    )
