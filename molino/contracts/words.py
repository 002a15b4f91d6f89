"""What the words of a text are, wherever it comes from: a source's cell, a request, a DataFrame."""

import unicodedata

from molino.contracts.tidy import composed

KEPT = "LMN"
"""Unicode's classes of letters, marks and digits; all else parts words."""


class _Signs(dict[int, str]):
    """Character to itself where words have it, else to a blank; filled as characters come up."""

    def __missing__(self, code: int) -> str:
        """Look a character up."""
        sign = chr(code)
        self[code] = found = sign if unicodedata.category(sign)[0] in KEPT else " "
        return found


_SIGNS = _Signs()


def words_of(text: str) -> str:
    """Return the words of a text with a blank between them, composed and in one case; words of words are the same."""
    folded = text.lower() if text.isascii() else _folded(text)
    return " ".join(folded.translate(_SIGNS).split())


def word_count(words: str) -> int:
    """Return how many words there are, of what `words_of` returns."""
    return words.count(" ") + 1 if words else 0


def _folded(text: str) -> str:
    """Return a text without case; what is composed after that may have a case again."""
    folded = composed(text.casefold())
    return folded if folded == text else _folded(folded)
