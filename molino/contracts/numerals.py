"""Numbers as people write them in a CSV: with a decimal comma, thousands parted, a currency or a percent sign."""

import re
from collections.abc import Collection

WHOLE = r"[-+]?\d{1,3}"
DECIMAL_COMMA = re.compile(rf"[-+]?\d+,\d+([eE][-+]?\d+)?|{WHOLE}((?P<sign>[. '\u00a0\u202f])\d{{3}})+,\d+")
THOUSANDS = re.compile(rf"{WHOLE}(?P<sign>[,.' \u00a0\u202f])\d{{3}}((?P=sign)\d{{3}})*(\.\d+)?")
SIGN = r"[A-Z]{1,3}\$|[^\w\s.,+\-'\"()\[\]{}<>=?!:;#*/\\|~^`@&]|EUR|USD|CHF|GBP|JPY|kr"
FIGURES = r"[-+]?[\d.,' \u00a0\u202f]*\d"
SYMBOL = re.compile(rf"[-+]?(?P<before>{SIGN})\s*{FIGURES}|{FIGURES}\s*(?P<after>{SIGN})")
"""A number with a currency or a percent sign."""


def plain_number(cell: str, decimal: str, thousands: str | None, symbols: Collection[str]) -> str:
    """Return a cell as a number is written without all that; as it stands where that isn't one."""
    for symbol in symbols:
        sign = cell[:1] if cell[:1] in ("-", "+") and cell[1:].startswith(symbol) else ""
        cell = sign + cell.removeprefix(sign).removeprefix(symbol).removesuffix(symbol).strip()
    if thousands:
        cell = cell.replace(thousands, "")
    return cell.replace(decimal, ".") if decimal != "." and "." not in cell else cell


def hint_for(cell: str) -> str:
    """Return which key of a model file would have a cell read as a number; empty where none would."""
    if DECIMAL_COMMA.fullmatch(cell) and not re.fullmatch(rf"{WHOLE}(,\d{{3}})+", cell):
        return "; for a decimal comma set source.decimal: ','"
    if parted := THOUSANDS.fullmatch(cell):
        return f"; for parted thousands set source.thousands: {parted['sign']!r}"
    if signed := SYMBOL.fullmatch(cell):
        return f"; to take the sign off set source.symbols: [{signed['before'] or signed['after']!r}]"
    return ""
