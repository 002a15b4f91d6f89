"""Text as Molino compares it, wherever it comes from: a source's cell, a model file, a request."""

import unicodedata
from typing import Literal

BLANKS = (
    "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
"""What `str.strip` takes off, for those who strip otherwise."""
FORM: Literal["NFC"] = "NFC"
"""Unicode's form in which ü is one character, not u and two dots."""

SHOWN_CHARACTERS = 40
"""Of a value, in an error."""


def composed(text: str) -> str:
    """Return a text with each character in its composed form: however ü is written, it is the same word."""
    return text if text.isascii() else unicodedata.normalize(FORM, text)


def tidied(text: str) -> str:
    """Return a text composed, and without the blanks around it."""
    return composed(text.strip())


def in_a_line(text: str) -> str:
    """Return a text, such as a person's reason, as one line that a terminal, a header and UTF-8 take as it is."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def shortened(text: str, most: int = SHOWN_CHARACTERS) -> str:
    """Return the beginning of a text of more than so many characters, which is too long to be shown."""
    return text if len(text) <= most else f"{text[:most]}…"


def shown(text: str) -> str:
    """Return a value as an error shows it, in quotes on one line and not at length."""
    return repr(shortened(text))
