"""Numbers as people write them in a CSV: with a decimal comma, thousands parted, a currency or a percent sign."""

import re
from collections.abc import Collection

WHOLE = r"[-+]?\d{1,3}"
DECIMAL_COMMA = re.compile(rf"[-+]?\d+,\d+([eE][-+]?\d+)?|{WHOLE}((?P<sign>[. '\u00a0\u202f])\d{{3}})+,\d+")
THOUSANDS = re.compile(rf"{WHOLE}(?P<sign>[,.' \u00a0\u202f])((?<=,)\d\d,)*\d{{3}}((?P=sign)\d{{3}})*(\.\d+)?")
"""With commas also as 12,34,567."""
SIGN = r"[A-Z]{1,3}\$|[^\w\s.,+\-'\"()\[\]{}<>=?!:;#*/\\|~^`@&]|EUR|USD|CHF|GBP|JPY|kr"
FIGURES = r"[-+]?[\d.,' \u00a0\u202f]*\d"
SYMBOL = re.compile(rf"[-+]?(?P<before>{SIGN})\s*{FIGURES}|{FIGURES}\s*(?P<after>{SIGN})")
"""A number with a currency or a percent sign."""
PARENTHESES = "()"
"""Among the symbols: amounts below zero stand in parentheses, as accounts have them."""
AMOUNT = re.compile(
    rf"(?P<before>{SIGN})?\s*\((?P<within>(?:{SIGN})?\s*{FIGURES}\s*(?:{SIGN})?)\)\s*(?P<after>{SIGN})?"
)


def plain_number(cell: str, decimal: str, thousands: str | None, symbols: Collection[str]) -> str:
    """Return a cell as a number is written without all that; as it stands where that isn't one."""
    cell = _without(cell, symbols)
    if PARENTHESES in symbols and cell[:1] + cell[-1:] == PARENTHESES:
        cell = _without(f"-{cell[1:-1]}", symbols)
    if thousands:
        cell = cell.replace(thousands, "")
    return cell.replace(decimal, ".") if decimal != "." and "." not in cell else cell


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
