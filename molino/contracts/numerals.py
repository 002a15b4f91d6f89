"""Numbers as people write them in a CSV: with a decimal comma, thousands parted, a currency or a percent sign."""

import re
from collections.abc import Collection

MINUS = "\u2212\u2013\ufe63\uff0d"
"""What else stands for a minus, as typesetters and spreadsheets write it."""
AS_MINUS = str.maketrans(dict.fromkeys(MINUS, "-"))
PARTS = "'\u2019 \u00a0\u2009\u202f"
"""What parts thousands, beside commas and points."""
WHOLE = r"[-+]?[1-9]\d{0,2}"
"""The first figures of a number whose thousands are parted: 0,255 is no such number."""
DECIMAL_COMMA = re.compile(rf"[-+]?\d+,\d+([eE][-+]?\d+)?|{WHOLE}((?P<sign>[.{PARTS}])\d{{3}})+,\d+")
THOUSANDS = re.compile(rf"{WHOLE}(?P<sign>[,.{PARTS}])((?<=,)\d\d,)*\d{{3}}((?P=sign)\d{{3}})*(\.\d+)?")
"""With commas also as 12,34,567."""
CURRENCY = (
    r"$\u00a2-\u00a5\u058f\u060b\u09f2\u09f3\u0af1\u0bf9\u0e3f\u17db"
    r"\u20a0-\u20cf\ufdfc\ufe69\uff04\uffe0\uffe1\uffe5\uffe6"
)
"""Unicode's signs of currencies."""
SIGN = rf"[A-Z]{{1,3}}\$|[{CURRENCY}%\u066a\u2030\u00b0\u2103\u2109]|EUR|USD|CHF|GBP|JPY|kr"
"""What may be taken off a number and leaves it the same: no sign of it, and nothing as \u2264 or \u00b1."""
FIGURES = rf"[-+]?[\d.,{PARTS}]*\d"
SYMBOL = re.compile(rf"[-+]?(?P<before>{SIGN})\s*{FIGURES}|{FIGURES}\s*(?P<after>{SIGN})")
"""A number with a currency or a percent sign."""
PARENTHESES = "()"
"""Among the symbols: amounts below zero stand in parentheses, as accounts have them."""
AMOUNT = re.compile(
    rf"(?P<before>{SIGN})?\s*\((?P<within>(?:{SIGN})?\s*{FIGURES}\s*(?:{SIGN})?)\)\s*(?P<after>{SIGN})?"
)


def plain_number(cell: str, decimal: str, thousands: str | None, symbols: Collection[str]) -> str:
    """Return a cell as a number is written without all that; as it stands where that isn't one."""
    cell = _without(with_minus(cell), symbols)
    if PARENTHESES in symbols and cell[:1] + cell[-1:] == PARENTHESES:
        cell = _without(f"-{cell[1:-1]}", symbols)
    if thousands and re.fullmatch(parted_by(thousands), cell):
        cell = cell.replace(thousands, "")
    return cell.replace(decimal, ".") if decimal != "." and "." not in cell else cell


def parted_by(thousands: str) -> str:
    """Return the pattern of numbers whose thousands a sign parts, as Polars takes it too: of 3,5 a comma parts none."""
    sign = re.escape(thousands)
    return rf"^[-+]?\d{{1,3}}({sign}\d{{2,3}})*{sign}\d{{3}}([^\d].*)?$"


def with_minus(cell: str) -> str:
    """Return a cell of numbers with the minus that programs write."""
    return cell if cell.isascii() else cell.translate(AS_MINUS)


def _without(cell: str, symbols: Collection[str]) -> str:
    for symbol in symbols:
        sign = cell[:1] if cell[:1] in ("-", "+") and cell[1:].startswith(symbol) else ""
        cell = sign + cell.removeprefix(sign).removeprefix(symbol).removesuffix(symbol).strip()
    return cell


def symbols_of(cell: str) -> list[str]:
    """Return what `source.symbols` must have for a cell to be a number; nothing where no symbol would make it one."""
    if amount := AMOUNT.fullmatch(cell):
        return [PARENTHESES, *filter(None, (amount["before"], amount["after"])), *symbols_of(amount["within"])]
    signed = SYMBOL.fullmatch(cell)
    return [signed["before"] or signed["after"]] if signed else []


def hint_for(cell: str) -> str:
    """Return which key of a model file would have a cell read as a number; empty where none would."""
    if DECIMAL_COMMA.fullmatch(cell) and not re.fullmatch(rf"{WHOLE}(,\d{{3}})+", cell):
        return "; for a decimal comma set source.decimal: ','"
    if parted := THOUSANDS.fullmatch(cell):
        return f"; for parted thousands set source.thousands: {parted['sign']!r}"
    if (symbols := symbols_of(cell))[:1] == [PARENTHESES]:
        return f"; for amounts below zero in parentheses set source.symbols: {symbols}"
    return f"; to take the sign off set source.symbols: {symbols}" if symbols else ""
