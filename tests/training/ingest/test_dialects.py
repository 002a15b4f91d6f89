"""CSVs of other rules: quotes, escapes, comments, and cells parted by blanks."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tables import Homes

from molino.contracts.errors import ModelFileError, SourceError

FEATURES = [{"name": "a", "type": "number"}, {"name": "c", "type": "category", "missing": "impute"}]

READ: dict[str, tuple[str, dict[str, Any], list[Any]]] = {
    "apostrophes": ("a,c,y\n1,'x,y',2\n2,'it''s',3\n", {"quote": "'"}, ["x,y", "it's"]),
    "no quotes": ('a\tc\ty\n1\t5" pipe\t2\n2\t"\t3\n', {"quote": "none", "delimiter": "\t"}, ['5" pipe', '"']),
    "a backslash before quotes": ('a,c,y\n1,"say \\"x, y\\"",2\n2,x\\,y,3\n', {"escape": "backslash"},
                                  ['say "x, y"', "x,y"]),
    "backslashes that are none of these": ('a,c,y\n1,"C:\\dir",2\n2,C:\\\\x,3\n', {"escape": "backslash"},
                                           ["C:\\dir", "C:\\x"]),
    "the empty cell of databases": ("a,c,y\n1,\\N,2\n", {"escape": "backslash"}, [None]),
    "blanks before quotes": ('a, c, y\n1, "x, y", 2\n', {"skip_blanks": True}, ["x, y"]),
    "comments": ('# of, May\na,c,y\n  # more\n1,"x\n#y",2\n# the end, or not\n', {"comment": "#"}, ["x\n#y"]),
    "comments and lines before them": ("Report\n%\na,c,y\n% 1,2\n1,x,2\n", {"comment": "%", "skip_lines": 1}, ["x"]),
    "any number of blanks": ('  a   c\t y\n 1    "x y"   2  \n\n2\tz 3\n', {"delimiter": "whitespace"}, ["x y", "z"]),
    "row names as R writes them": ('"a" "c" "y"\n"1" 1 "x" 2\n"2" 2 "z" 3\n', {"delimiter": "whitespace"}, ["x", "z"]),
    "blanks and no header": ("1  x 2\n", {"delimiter": "whitespace", "header": ["a", "c", "y"]}, ["x"]),
    "lines of Windows": ("a,c,y\r\n1,'x',2\r\n", {"quote": "'"}, ["x"]),
    "lines of old Macs": ("a,c,y\r1,'x',2\r2,z,3\r", {"quote": "'"}, ["x", "z"]),
    "line ends within quotes of an old Mac's lines": ('a,c,y\r1,"x\ry",2\r2,"x\ny\r\nz",3', {}, ["x\ry", "x\ny\r\nz"]),
    "carriage returns within quotes": ('a,c,y\n1,"x\ry",2\n2,"\r",3\n', {}, ["x\ry", None]),
    "carriage returns within apostrophes": ("a,c,y\n1,'x\ry',2\n2,z,3\n", {"quote": "'"}, ["x\ry", "z"]),
    "a carriage return in a name": ('a,c,y,"z\rz"\n1,x,2,3\n', {}, ["x"]),
    "a carriage return in a name in apostrophes": ("a,c,y,'z\rz'\n1,x,2,3\n", {"quote": "'"}, ["x"]),
    "line ends of an old Mac and others": ("a,c,y\r1,x,2\n2,z,3\r\n", {}, ["x", "z"]),
    "an old Mac's lines before the table": ("It's of\rMay\ra,c,y\r1,x,2\r", {"skip_lines": 2, "quote": "'"}, ["x"]),
    "an old Mac's comments": ("# May\ra,c,y\r1,x,2\r# end", {"comment": "#"}, ["x"]),
    "an old Mac's lines in another encoding": ("a,c,y\r1,ü,2\r", {"encoding": "cp1252"}, ["ü"]),
    "a lone quote in lines before the table": ('May 5"\na,c,y\n1,x,2\n', {"skip_lines": 1}, ["x"]),
    "another encoding": ("a,c,y\n1,'ü',2\n", {"quote": "'", "encoding": "utf-16"}, ["ü"]),
    "a quote within a cell": ("a,c,y\n1,x 'y' z,2\n", {"quote": "'"}, ["x 'y' z"]),
}  # fmt: skip


def homes(folder: Path, data: bytes, **source: Any) -> Homes:
    changes = {"features": FEATURES, "target": {"name": "y"}, "source": {"uri": "homes.csv", **source}}
    return Homes(folder, data, **changes)


@pytest.mark.parametrize(("text", "source", "wanted"), READ.values(), ids=READ)
def test_a_table_of_other_rules_is_read(tmp_path: Path, text: str, source: dict[str, Any], wanted: list[Any]) -> None:
    made = homes(tmp_path, text.encode(source.get("encoding", "utf-8")), **source)
    made.ingest()
    clean = pl.read_parquet(made.artifact("clean.parquet"))
    assert clean["c"].to_list() == wanted
    assert clean["a"].to_list() == [1.0, 2.0][: len(wanted)]
    assert clean["y"].to_list() == [2.0, 3.0][: len(wanted)]


@pytest.mark.parametrize(
    ("data", "source", "problem"),
    [
        (
            b"a,c,y\n1,'x,2\n",
            {"quote": "'"},
            "the row in line 2 can't be read: unexpected end of data; are",
        ),
        (b"a,c,y\n1,'x'z,2\n", {"quote": "'"}, "the row in line 2 can't be read"),
        (b"a,c,y\n1,'x,y',2\n1,z\n", {"quote": "'"}, "row 2 has 2 cells, but the header has 3"),
        (b"a c y\n1 \xff 2\n", {"delimiter": "whitespace"}, "row 1 isn't UTF-8 (byte 0xff)"),
        (
            b"Report\na,c\rd,y\n1,x,2\n",
            {"skip_lines": 1},
            "no header of a CSV: it has a bare carriage return; end each",
        ),
        (b"a,c,y\r1,x,2\r1,2\r", {}, "row 2 has 2 cells, but the header has 3"),
        (b"# nothing\n", {"comment": "#"}, "the file is empty"),
        (b"a c y\n", {"delimiter": "whitespace"}, "no rows below the header"),
    ],
)
def test_what_is_not_of_the_rules_is_one_line(
    tmp_path: Path, data: bytes, source: dict[str, Any], problem: str
) -> None:
    with pytest.raises(SourceError) as caught:
        homes(tmp_path, data, **source).ingest()
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("within", ["\n", "\r", "\r\n"])
@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_rows_come_whole_over_the_pieces_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str, within: str
) -> None:
    monkeypatch.setattr("training.ingest.dialect.PIECE_BYTES", 7)
    monkeypatch.setattr("training.ingest.csv_text.PIECE_BYTES", 16)
    rows = "".join(f"{row},'ü,{within}{row}',{row}{end}" for row in range(50))
    made = homes(tmp_path, f"a,c,y{end}{rows}".encode(), quote="'")
    made.ingest()
    assert pl.read_parquet(made.artifact("clean.parquet"))["c"].to_list() == [f"ü,{within}{row}" for row in range(50)]


@pytest.mark.parametrize("source", [{"quote": "`"}, {"escape": "\\"}, {"comment": ""}, {"delimiter": "blanks"}])
def test_another_rule_is_a_fault_of_the_model_file(tmp_path: Path, source: dict[str, Any]) -> None:
    with pytest.raises(ModelFileError, match=rf"source\.{next(iter(source))}: expected|at least"):
        _ = homes(tmp_path, b"", **source).loaded
