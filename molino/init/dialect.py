"""How a CSV is written, by its first lines: encoding, comments, delimiter, quotes, and where its header is."""

import csv
import re
from collections.abc import Iterator, Sequence
from typing import Any

from molino.contracts.csv_options import csv_options, ends_in_returns
from molino.contracts.features.base import number_in

DELIMITERS = ",;\t|"
RARE, RAREST = "^~", ":"
"""Those of tables that none of these parts; the last one stands in times too, where blanks part the cells."""
WHITESPACE = "whitespace"
LOOKED_AT_LINES = 20
LOOKED_AT_BYTES = 1 << 16
"""Text in which quotes are looked for."""
COMMENTS = ("#", "%", "//")
IN_RUNS = 0.8
"""Share of the bytes beyond ASCII that stand side by side, from which on a text is of a script other than Latin."""
SCRIPTS = {
    "cp1251": r"[\u0410-\u044f\u0451]", "koi8-r": r"[\u0410-\u044f\u0451]", "euc-kr": r"[\uac00-\ud7a3]",
    "shift_jis": r"[\u3000-\u30ff\u4e00-\u9fff]", "gb18030": r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uff60]",
    "big5": r"[\u3000-\u303f\u4e00-\u9fff]",
}  # fmt: skip
"""What texts of an encoding consist of, beside ASCII."""
LEAST_OF_SCRIPT = 0.9


def dialect_of(beginning: bytes) -> dict[str, Any]:
    """Return the keys of `source` that read a CSV, where they aren't the usual ones; `header` of one in a comment."""
    form: dict[str, Any] = {}
    if beginning.startswith((b"\xff\xfe", b"\xfe\xff")):
        form["encoding"] = "utf-16"
    elif b"\0" in beginning and (wide := _wide(beginning)):
        form["encoding"] = wide
    elif not _is(beginning, "utf-8"):
        form["encoding"] = _script(beginning) or ("cp1252" if _is(beginning, "cp1252") else "latin-1")
    text = beginning.decode(form.get("encoding", "utf-8"), "ignore").removeprefix("\ufeff")
    if ends_in_returns(text.encode(), '"'):
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = [f"{line}\n" for line in text.removesuffix("\n").split("\n")]
    leading, sign = _comments(lines)
    body = lines[len(leading) :]
    if sign:
        form["comment"] = sign
    first = body[:LOOKED_AT_LINES]
    signs, (delimiter, skipped) = DELIMITERS, _delimiter(first)
    if (delimiter is None or skipped) and (rare := _delimiter(first, RARE))[0]:
        signs, (delimiter, skipped) = RARE, rare
    quotes = _quotes("".join(body)[:LOOKED_AT_BYTES], delimiter or ",")
    if quotes:
        delimiter, skipped = _delimiter(first, signs, **quotes)
    if delimiter is None and _blanks_part(first):
        delimiter, quotes = WHITESPACE, {}
    if delimiter is None:
        delimiter, skipped = _delimiter(first, RAREST)
    form |= {} if delimiter in (",", None) else {"delimiter": delimiter}
    form |= quotes
    if skipped:
        form["skip_lines"] = skipped + len(leading)
    elif leading and (names := _names_in_comment(leading[-1].removeprefix(sign), body, delimiter or ",")):
        form["header"] = names
    return form


def _wide(text: bytes) -> str | None:
    """Return the encoding of a text of two bytes a sign without a mark, by where its zero bytes are."""
    zeros = [text[at:LOOKED_AT_BYTES:2].count(0) for at in (0, 1)]
    half = min(len(text), LOOKED_AT_BYTES) // 2
    return next(
        (name for name, at in (("utf-16-le", 1), ("utf-16-be", 0)) if zeros[at] * 2 > half > zeros[1 - at]), None
    )


def _script(text: bytes) -> str | None:
    """Return the encoding by which a text is of one script other than Latin; none where it seems to be Latin."""
    beyond = len(re.findall(rb"[\x80-\xff]", text))
    beside = sum(map(len, re.findall(rb"[\x80-\xff]{2,}", text)))
    # Of Japanese every other byte may be a letter of ASCII, but the first ones are no signs of Latin.
    leading = len(re.findall(rb"[\x81-\x9f]", text))
    if beside < IN_RUNS * beyond and leading * 2 < beyond:
        return None
    for encoding, letters in SCRIPTS.items():
        if not _is(text, encoding):
            continue
        read = text.decode(encoding, "ignore")
        others = [sign for sign in read if not sign.isascii()]
        found = re.findall(letters, read)
        small = sum(sign.islower() for sign in found) * 2 >= sum(sign.lower() != sign.upper() for sign in found)
        if small and len(found) >= LEAST_OF_SCRIPT * len(others):
            return encoding
    return None


def _is(text: bytes, encoding: str) -> bool:
    try:
        text.decode(encoding)
    except UnicodeDecodeError as error:
        return error.reason in ("unexpected end of data", "incomplete multibyte sequence") and error.end == len(text)
    return True


def _comments(lines: Sequence[str]) -> tuple[Sequence[str], str]:
    """Return the lines of comments before the table, and what begins them; a column may be called # all the same."""
    for sign in COMMENTS:
        count = next((at for at, line in enumerate(lines) if not line.startswith(sign)), 0)
        if count and not lines[count - 1].removeprefix(sign).startswith(tuple(DELIMITERS)):
            return lines[:count], sign
    return (), ""


def _rows(
    lines: Sequence[str], delimiter: str, quote: str = '"', escape: str = "doubled", skip_blanks: bool = False
) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of some lines, each with the number of lines before it, up to the first that can't be read."""
    reader = csv.reader(lines, delimiter=delimiter, **csv_options(quote, escape, skip_blanks))
    before = 0
    try:
        for row in reader:
            yield before, row
            before = reader.line_num
    except csv.Error:
        return


def _delimiter(lines: Sequence[str], signs: str = DELIMITERS, **quotes: Any) -> tuple[str | None, int]:
    """Return the sign that parts the lines into the most cells, as many in each, and how many lines come before these.

    Lines that hold fewer cells before all others have the same number are no part of the table, if what follows them
    looks like a header. None where no sign parts them.
    """
    found: dict[str, tuple[bool, int]] = {}
    below: dict[str, tuple[int, int]] = {}
    for sign in signs:
        rows = [(before, row) for before, row in _rows(lines, sign, **quotes) if row]
        widths = [len(row) for _, row in rows]
        if widths and min(widths) > 1:
            found[sign] = (len(set(widths)) == 1, min(widths))
        if widths and widths[-1] > 1:
            first = max((at + 1 for at, width in enumerate(widths) if width != widths[-1]), default=0)
            if 0 < first < len(rows) - 1 and _is_header(rows[first][1]):
                below[sign] = (widths[-1], rows[first][0])
    best = max(found, key=lambda sign: found[sign], default=None)
    if (best is None or not found[best][0]) and below:
        sign = max(below, key=lambda sign: below[sign][0])
        return sign, below[sign][1]
    return best, 0


def _is_header(row: Sequence[str]) -> bool:
    names = [cell.strip() for cell in row]
    return all(names) and len(set(names)) == len(names) and all(number_in(name) is None for name in names)


def _quotes(text: str, delimiter: str) -> dict[str, Any]:
    """Return the keys that tell of quotes, where these aren't the usual ones."""
    sign = re.escape(delimiter)
    if '"' not in text:
        quoted = re.findall(rf"(?m)(?:^|{sign})'[^'\n]*'(?={sign}|\r?$)", text)
        lines = text.count("\n") or 1
        return {"quote": "'"} if len(quoted) * 2 >= lines else {}
    if not re.search(rf'(?m)(?:^|{sign})[ \t]*"', text):
        return {"quote": "none"}
    keys: dict[str, Any] = {}
    if re.search(rf'\\"(?![ \t]*(?:{sign}|\r?\n|\Z))', text):
        keys["escape"] = "backslash"
    if re.search(rf'(?m){sign}[ ]+"[^"\n]*"[ ]*(?:{sign}|\r?$)', text):
        keys["skip_blanks"] = True
    return keys


def _blanks_part(lines: Sequence[str]) -> bool:
    """Tell whether runs of blanks part the lines into as many cells each; a header may lack the name of the first."""
    widths = [len(re.findall(r'"[^"]*"|\S+', line)) for line in lines if line.strip()]
    return len(widths) > 1 and min(widths) > 1 and len(set(widths[1:])) == 1 and widths[1] - widths[0] in (0, 1)


def _names_in_comment(comment: str, body: Sequence[str], delimiter: str) -> list[str] | None:
    """Return the names that the last comment gives the columns of a table without a header."""
    if delimiter == WHITESPACE:
        names, first = comment.split(), next((line.split() for line in body if line.strip()), [])
    else:
        (names, *_), (first, *_) = ([row for _, row in _rows(part, delimiter)] or [[]] for part in ([comment], body))
    names = [name.strip() for name in names]
    holds_numbers = any(number_in(cell) is not None for cell in first)
    return names if len(names) == len(first) > 1 and _is_header(names) and holds_numbers else None


def looks_like_rows(header: Sequence[str]) -> bool:
    """Tell whether what stands for a header has numbers in it, as a row has."""
    return any(number_in(name) is not None for name in header)
