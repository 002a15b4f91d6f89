"""How API keys are written: in a variable, a file or a Secret, the same way everywhere."""

import re

_COMMENT = re.compile(r"(?:^|(?<=\s))#.*")


def part_keys(text: str) -> tuple[str, ...]:
    """Return the keys of a text, each plain or as `sha256:<hex>`.

    Commas and new lines both part keys, whatever the system that wrote the lines; blanks around a key, byte order
    marks, and comments from a `#` at the start of a line or after a blank are left out.
    """
    lines = (_COMMENT.sub("", line) for line in text.replace("\ufeff", "").splitlines())
    return tuple(key.strip() for line in lines for key in line.split(",") if key.strip())
