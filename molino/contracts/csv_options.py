"""How CSV text is read by the keys of `source` that tell of quotes: its rows by `csv` of the standard library."""

import csv
import re
from functools import cache
from typing import Any


def csv_options(quote: str, escape: str, skip_blanks: bool) -> dict[str, Any]:
    """Return what `csv.reader` wants for `source.quote`, `source.escape` and `source.skip_blanks`."""
    return {
        "quotechar": '"' if quote == "none" else quote,
        "quoting": csv.QUOTE_NONE if quote == "none" else csv.QUOTE_MINIMAL,
        "escapechar": "\\" if escape == "backslash" else None,
        "skipinitialspace": skip_blanks,
    }


def ends_in_returns(beginning: bytes, quote: str) -> bool:
    """Tell whether the first row of a text ends in a bare carriage return, as old Macs wrote all of them."""
    return _returned("" if quote == "none" else quote).match(beginning) is not None


@cache
def _returned(quote: str) -> re.Pattern[bytes]:
    quoted = f"|{quote}[^{quote}]*{quote}|{quote}" if quote else ""
    return re.compile(rf"(?:[^{quote}\r\n]{quoted})*+\r(?!\n)".encode())
