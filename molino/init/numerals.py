"""How the numbers of a table are written, told from all of its columns: decimal commas, thousands, signs."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from molino.contracts.features.base import number_in
from molino.contracts.numerals import DECIMAL_COMMA, PARENTHESES, THOUSANDS, plain_number, symbols_of
from molino.init.column import Column

SMALL = re.compile(r"[-+]?\d{1,3}")
"""A whole number below a thousand, which has nothing to part."""
ONE_COMMA = re.compile(r"[-+]?[1-9]\d{0,2},\d{3}")
"""A number with a decimal comma, or one whose thousands are parted."""
POINTS = re.compile(r"[-+]?[1-9]\d{0,2}(\.\d{3})+")
"""A number with a decimal point and three figures behind it, or one whose thousands are parted."""
FEWEST_PARTED = 5
"""Different numbers of three figures behind a point, from which on they are no accident."""


@dataclass(frozen=True)
class Numerals:
    """How numbers are written, and of which columns that is doubtful."""

    form: dict[str, Any] = field(default_factory=dict)
    """Keys of `source`."""
    doubts: dict[str, str] = field(default_factory=dict)
    """Column to what is to be said of its numbers."""


@dataclass(frozen=True)
class _Numbers:
    """A column whose cells may be numbers once it is known how these are written."""

    header: str
    cells: list[str]
    symbols: list[str]
    bare: list[str]
    """Its cells without signs."""

    @property
    def odd(self) -> list[str]:
        """What programs don't read as a number."""
        return [cell for cell in self.bare if number_in(cell) is None]

    def reads(self, decimal: str, thousands: str | None) -> bool:
        """Tell whether every cell is a number by some rules."""
        return all(number_in(plain_number(cell, decimal, thousands, self.symbols)) is not None for cell in self.cells)


def numerals_of(columns: Sequence[Column], delimiter: str) -> Numerals:
    """Return how numbers are written where columns hold nothing but such numbers, and more than programs would read.

    One sign is the decimal one of a whole table. What a column leaves open, such as 12,345, others tell; where none
    does, numbers are parted by commas in a table whose cells are parted by commas too, and else have decimal commas.
    """
    found = [numbers for column in columns if (numbers := _numbers(column))]
    odd = [numbers for numbers in found if numbers.odd]
    pointed = [numbers for numbers in found if not numbers.odd and any("." in cell for cell in numbers.bare)]
    certain = not all(_all_in(POINTS, numbers.bare) for numbers in pointed) or any(
        not ONE_COMMA.fullmatch(cell) for numbers in odd for cell in numbers.odd
    )
    decimal = _decimal(odd, pointed, delimiter)
    thousands = _thousands(odd, pointed, decimal)
    read = [one for one in found if (one.odd or one.symbols) and one.reads(decimal, thousands)]
    parted = pointed if thousands == "." else []
    doubts = {numbers.header: "; '.' taken to part thousands" for numbers in parted}
    if not certain:
        meant = "as the decimal sign" if decimal == "," else "to part thousands"
        doubts |= {one.header: f"; ',' taken {meant}" for one in read if one.odd == one.bare}
        if delimiter != "," and not parted:
            doubts |= {numbers.header: "; '.' taken as the decimal sign" for numbers in pointed}
    for numbers in read:
        doubts[numbers.header] = doubts.get(numbers.header, "") + _mixed_signs(numbers.cells)
    form: dict[str, Any] = {}
    if read or parted:
        symbols = list(dict.fromkeys(symbol for numbers in read for symbol in numbers.symbols))
        form |= {"decimal": decimal} if decimal == "," else {}
        form |= {"thousands": thousands} if thousands else {}
        form |= {"symbols": symbols} if symbols else {}
    return Numerals(form, doubts)


def _numbers(column: Column) -> _Numbers | None:
    """Return a column that may hold numbers, by whatever rules."""
    if column.dated or column.clock or not column.counted:
        return None
    cells = list(column.counted)
    if all(cell.startswith(PARENTHESES[0]) for cell in cells):  # as well intervals, or labels
        return None
    symbols = list(dict.fromkeys(symbol for cell in cells for symbol in symbols_of(cell)))
    bare = [plain_number(cell, ".", None, symbols) for cell in cells]
    fits = all(
        number_in(cell) is not None or DECIMAL_COMMA.fullmatch(cell) or THOUSANDS.fullmatch(cell) for cell in bare
    )
    return _Numbers(column.header, cells, symbols, bare) if fits else None


def _decimal(odd: Sequence[_Numbers], pointed: Sequence[_Numbers], delimiter: str) -> str:
    """Return the decimal sign, of columns that programs don't read and of those with points that they read."""
    cells = [cell for numbers in odd for cell in numbers.odd]
    if any(
        POINTS.fullmatch(cell) or (DECIMAL_COMMA.fullmatch(cell) and not ONE_COMMA.fullmatch(cell)) for cell in cells
    ):
        return ","
    if not any("," in cell for cell in cells):
        return "," if pointed and all(_parted_by_points(numbers.bare) for numbers in pointed) else "."
    open_to_both = all(ONE_COMMA.fullmatch(cell) for numbers in odd for cell in numbers.bare)
    return "," if open_to_both and delimiter != "," and all(_all_in(POINTS, one.bare) for one in pointed) else "."


def _thousands(odd: Sequence[_Numbers], pointed: Sequence[_Numbers], decimal: str) -> str | None:
    """Return what parts thousands; no point where numbers have one otherwise."""
    cells = [cell for numbers in odd for cell in numbers.odd]
    patterns = (DECIMAL_COMMA, THOUSANDS) if decimal == "," else (THOUSANDS,)
    matches = [match for cell in cells for pattern in patterns if (match := pattern.fullmatch(cell))]
    signs = {match["sign"] for match in matches if match["sign"]} - {decimal}
    if decimal == "," and pointed:
        signs = signs | {"."} if all(_all_in(POINTS, numbers.bare) for numbers in pointed) else signs - {"."}
    return min(signs, default=None)


def _parted_by_points(cells: Sequence[str]) -> bool:
    """Tell whether numbers below a thousand have no point, and many have one with three figures behind it."""
    parted = sum(POINTS.fullmatch(cell) is not None for cell in cells)
    return FEWEST_PARTED <= parted < len(cells) and _all_in(POINTS, cells)


def _all_in(pattern: re.Pattern[str], cells: Iterable[str]) -> bool:
    """Tell whether all cells but whole numbers below a thousand are of a pattern."""
    return all(pattern.fullmatch(cell) or SMALL.fullmatch(cell) for cell in cells)


def _mixed_signs(cells: Iterable[str]) -> str:
    """Return what is to be said of numbers that have different signs, such as % in some cells alone."""
    signs = {tuple(sign for sign in symbols_of(cell) if sign != PARENTHESES) for cell in cells}
    listed = ", ".join(sorted(" ".join(one) or "none" for one in signs))
    return f"; its values have different signs: {listed}" if len(signs) > 1 else ""
