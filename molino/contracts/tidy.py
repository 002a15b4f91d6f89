"""Text as Molino compares it, wherever it comes from: a source's cell, a model file, a request."""

import unicodedata


def composed(text: str) -> str:
    """Return a text with each character in its composed form (Unicode's NFC)."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def tidied(text: str) -> str:
    """Return a text without the blanks around it, and with each character in its composed form (Unicode's NFC).

    A file may write ü as one character or as u and two dots; both are the same word.
    """
    return composed(text.strip())
