"""Which files a source names: one, all of a folder, or those that fit a pattern; and the columns that folders give."""

import glob
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from urllib.parse import unquote

ENDINGS = (".csv", ".tsv", ".txt", ".parquet", ".gz")
"""Of the files of a folder that are read."""
DATABASES = ("sqlite", "postgresql", "mysql", "mariadb", "oracle", "mssql")
"""What SQLAlchemy calls databases, before a driver's name."""
NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
"""What stands in a folder's name where a column has no value."""


def is_database(scheme: str) -> bool:
    """Tell whether the scheme of an address is that of a database."""
    return scheme.partition("+")[0] in DATABASES


def is_pattern(name: str) -> bool:
    """Tell whether a path or key stands for all that it fits."""
    return glob.has_magic(name)


def fits(key: str, pattern: str) -> bool:
    """Tell whether a key fits a pattern, step by step; `**` stands for any number of folders."""
    return _fit(key.split("/"), pattern.split("/"))


def _fit(steps: Sequence[str], patterns: Sequence[str]) -> bool:
    if not patterns:
        return not steps
    if patterns[0] == "**":
        return any(_fit(steps[start:], patterns[1:]) for start in range(len(steps) + 1))
    return bool(steps) and fnmatchcase(steps[0], patterns[0]) and _fit(steps[1:], patterns[1:])


def is_part(name: str) -> bool:
    """Tell whether a file of a folder, named from there on, is a part of the table: no hidden one, no marker."""
    return name.lower().endswith(ENDINGS) and not any(step.startswith((".", "_")) for step in name.split("/"))


def files_of(path: Path) -> list[Path]:
    """Return the files that a path names, in the order of their names; none where it names none."""
    if path.is_file():
        return [path]
    if path.is_dir():
        below = (file for file in path.rglob("*") if is_part(file.relative_to(path).as_posix()) and file.is_file())
        return sorted(below)
    if not is_pattern(str(path)):
        return []
    start = Path(*_before_pattern(path.parts))
    fitting = start.glob(str(Path(*path.parts[len(start.parts) :]))) if start.is_dir() else ()
    return sorted(file for file in fitting if file.is_file() and not file.name.startswith("."))


def _before_pattern(steps: Sequence[str]) -> Sequence[str]:
    return steps[: next(index for index, step in enumerate(steps) if is_pattern(step))]


def partitions_of(name: str) -> Mapping[str, str | None]:
    """Return the columns that the folders of a path or address give, as in `year=2026/part-0.parquet`."""
    folders = (folder.partition("=") for folder in name.split("/")[:-1])
    return {
        unquote(column): None if value == NO_VALUE else unquote(value)
        for column, sign, value in folders
        if sign and column
    }


def joined_sha256(digests: Sequence[str]) -> str:
    """Return the SHA-256 of a source of one file, or of the digests of several."""
    return digests[0] if len(digests) == 1 else hashlib.sha256("\n".join(digests).encode()).hexdigest()


def sha256_of_files(paths: Iterable[Path]) -> str | None:
    """Return the SHA-256 of a source of these files; none where there are none."""
    digests = []
    for path in paths:
        with path.open("rb") as file:
            digests.append(hashlib.file_digest(file, "sha256").hexdigest())
    return joined_sha256(digests) if digests else None
