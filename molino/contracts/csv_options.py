"""How `csv` of the standard library reads by the keys of `source` that tell of quotes."""

import csv
from typing import Any


def csv_options(quote: str, escape: str, skip_blanks: bool) -> dict[str, Any]:
    """Return what `csv.reader` wants for `source.quote`, `source.escape` and `source.skip_blanks`."""
    return {
        "quotechar": '"' if quote == "none" else quote,
        "quoting": csv.QUOTE_NONE if quote == "none" else csv.QUOTE_MINIMAL,
        "escapechar": "\\" if escape == "backslash" else None,
        "skipinitialspace": skip_blanks,
    }
