"""What a file is by its first bytes: a table of a kind that is read, or something else.

Words that a header may begin with, such as `PAR1` or `ARROW1`, tell nothing without the bytes that follow them.
"""

import re

from molino.contracts.errors import SourceError

BEGINNING_BYTES = 64
"""As many of a file's first bytes tell its kind."""
FOREIGN = {
    b"\xff\xfe\0\0": "UTF-32 text; save it as UTF-8",
    b"\0\0\xfe\xff": "UTF-32 text; save it as UTF-8",
    b"PK\x03\x04": "a zip archive or a workbook; unpack it or save it as CSV",
    b"PK\x05\x06": "an empty zip archive; give the table itself",
    b"\xff\xfe": "UTF-16 text; save it as UTF-8, or set source.encoding: utf-16",
    b"\xfe\xff": "UTF-16 text; save it as UTF-8, or set source.encoding: utf-16",
    b"\x28\xb5\x2f\xfd": "compressed by zstd; use gzip or none",
    b"\xfd7zXZ": "compressed by xz; use gzip or none",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive; unpack it",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "a workbook (.xls); save it as CSV",
    b"ARROW1\0\0": "Arrow or Feather; save it as Parquet",
    b"Obj\x01": "Avro; save it as Parquet",
    b"\x89HDF\r\n\x1a\n": "HDF5; save it as Parquet",
    b"SQLite format 3\0": "a SQLite database; give it as sqlite:///… with source.query",
    b"version https://git-lfs": "a pointer of Git LFS; fetch the file itself by git lfs pull",
}
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
PATTERNS = {
    re.compile(rb"BZh[1-9]1AY&SY"): "compressed by bzip2; use gzip or none",
    re.compile(rb'(\xef\xbb\xbf)?\s*(\{\s*"|\[\s*\{)'): "JSON; save it as one of them",
    re.compile(rb"(\xef\xbb\xbf)?\s*<(!doctype html|html|head|body)[\s>]", re.IGNORECASE): (
        "a page of the web (HTML); a server may have sent its login or an error: give the address of the table itself"
    ),
    re.compile(rb"(\xef\xbb\xbf)?\s*<(\?xml\s|error>)", re.IGNORECASE): (
        "XML; where a server sent an error in place of the table, correct the address or its rights"
    ),
}

PARQUET = re.compile(rb"PAR1[\x00-\x08\x0b\x0c\x0e-\x1f]")


def is_parquet(beginning: bytes) -> bool:
    """Tell whether a file begins as Parquet does, and not as the header of a column of that name."""
    return PARQUET.match(beginning) is not None


def refuse_foreign(beginning: bytes, where: str, encoding: str = "utf-8") -> None:
    """Raise SourceError where a file begins as one of another kind does; UTF-16 is one unless it is the `encoding`."""
    for start, problem in FOREIGN.items():
        if beginning.startswith(start) and not (encoding.startswith("utf-16") and start in UTF_16):
            raise SourceError(f"{where}: expected CSV or Parquet, but this is {problem}")
    for pattern, problem in PATTERNS.items():
        if pattern.match(beginning):
            raise SourceError(f"{where}: expected CSV or Parquet, but this is {problem}")
