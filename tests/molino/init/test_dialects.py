"""`molino init` finds out how a CSV is written, and takes tables of several files."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from molino.contracts.errors import MolinoError
from molino.contracts.model_file import ModelFile, parse_model
from molino.contracts.settings import Settings
from molino.init.command import Wanted, model_file_of
from molino.init.dialect import dialect_of

CHANCE = random.Random(1)
ROWS = [(round(CHANCE.uniform(1, 9), 2), CHANCE.choice("abc"), round(CHANCE.uniform(10, 90), 1)) for _ in range(40)]


def lines(form: str, rows: Any = ROWS) -> str:
    return "".join(form.format(*row) + "\n" for row in rows)


DIALECTS: dict[str, tuple[str, dict[str, Any]]] = {
    "the usual": ("x,c,y\n" + lines("{},{},{}"), {}),
    "semicolons": ("x;c;y\n" + lines("{};{};{}"), {"delimiter": ";"}),
    "lines before": ("Report of May\nby X, Y\n\nx,c,y\n" + lines("{},{},{}"), {"skip_lines": 3}),
    "lines before, with tabs": ("Report of May\nx\tc\ty\n" + lines("{}\t{}\t{}"), {"delimiter": "\t", "skip_lines": 1}),
    "comments": ("# Report of May\n# by X, Y\nx,c,y\n" + lines("{},{},{}") + "# the end\n", {"comment": "#"}),
    "a header in a comment": ("# May\n# x c y\n" + lines("{} {} {}"),
                              {"comment": "#", "delimiter": "whitespace", "header": ["x", "c", "y"]}),
    "a column called #": ("#,x,c,y\n" + lines("1,{},{},{}"), {}),
    "blanks": ("x    c   y\n" + lines("  {:<8} {}  {:>6} "), {"delimiter": "whitespace"}),
    "row names of R": ("x c y\n" + lines('"1" {} "{}" {}'), {"delimiter": "whitespace"}),
    "apostrophes": ("x,c,y\n" + lines("{},'{}, z',{}"), {"quote": "'"}),
    "apostrophes in words": ("x,c,y\n" + lines("{},it's {},{}"), {}),
    "no quotes": ("x\tc\ty\n" + lines('{}\t{} 5" pipe\t{}'), {"delimiter": "\t", "quote": "none"}),
    "backslashes": ("x,c,y\n" + lines('{},"{} \\"q\\", z",{}'), {"escape": "backslash"}),
    "folders of Windows": ("x,c,y\n" + lines('{},"C:\\{}\\",{}'), {}),
    "blanks before quotes": ("x, c, y\n" + lines('{}, "{}, z", {}'), {"skip_blanks": True}),
    "carets about quotes": ("x^c^y\n" + lines('{}^"{}, z"^{}'), {"delimiter": "^"}),
    "lines of an old Mac": (("x;c;y\n" + lines("{};{};{}")).replace("\n", "\r"), {"delimiter": ";"}),
    "an old Mac's lines before": (("Report\n\nx,c,y\n" + lines("{},{},{}")).replace("\n", "\r"), {"skip_lines": 2}),
    "an old Mac's apostrophes": (("x,c,y\n" + lines("{},'{}, z',{}")).replace("\n", "\r"), {"quote": "'"}),
    "lines before with another end of lines": ("Report\u2028May\nx,c,y\n" + lines("{},{},{}"), {"skip_lines": 1}),
    "lines within quotes": ("x,c,y\n" + lines('{},"{},\nz",{}'), {}),
}  # fmt: skip


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., ModelFile]:
    def make(text: str = "", target: str = "y", table: str = "table.csv", **wanted: Any) -> ModelFile:
        if text:
            (tmp_path / table).write_bytes(text.encode())
        more = tuple(str(tmp_path / one) for one in wanted.pop("more", ()))
        settings = Settings(home=tmp_path / "home", models=tmp_path / "models")
        written = model_file_of(Wanted(str(tmp_path / table), target, **wanted, more=more), settings)
        return parse_model(written.text.encode(), "model.yaml")

    return make


@pytest.mark.parametrize(("text", "wanted"), DIALECTS.values(), ids=DIALECTS)
def test_the_rules_of_a_csv_are_found_out(text: str, wanted: dict[str, Any]) -> None:
    assert dialect_of(text.encode()) == wanted


def test_blanks_part_cells_before_the_sign_of_times_does() -> None:
    assert dialect_of(b"2020-01-01 12:30 5.2\n2020-01-02 12:45 6.1\n") == {"delimiter": "whitespace"}


@pytest.mark.parametrize("name", [name for name, (_, keys) in DIALECTS.items() if keys])
def test_what_is_found_out_reads_the_table(made: Callable[..., ModelFile], name: str) -> None:
    file = made(DIALECTS[name][0])
    assert {"x": "number", "c": "category"}.items() <= {one.name: one.type for one in file.features}.items()


@pytest.mark.parametrize("target", ["3", "column_3"])
def test_the_target_of_a_table_without_a_header_is_named_by_its_position(
    made: Callable[..., ModelFile], target: str
) -> None:
    file = made(lines("{},{},{}"), target)
    assert file.source.header == ("column_1", "column_2", "column_3")
    assert (file.target.name, [one.name for one in file.features]) == ("column_3", ["column_1", "column_2"])


def test_a_table_of_words_is_said_to_have_no_header(made: Callable[..., ModelFile]) -> None:
    file = made(lines("{1},w{1},{1}"), "1", headerless=True)
    assert file.target.classes == ("a", "b", "c")


def test_a_column_that_is_called_by_a_number_is_no_position(made: Callable[..., ModelFile]) -> None:
    assert made("x,c,3\n" + lines("{},{},{}"), "3").source.header is None


def test_a_table_without_a_header_says_what_helps(made: Callable[..., ModelFile]) -> None:
    with pytest.raises(MolinoError, match=r"no column 'y', .* name the target by its position, 1 to 3$"):
        made(lines("{},{},{}"))


def test_several_files_are_one_table(made: Callable[..., ModelFile], tmp_path: Path) -> None:
    (tmp_path / "feb.csv").write_text("x,c,y\n" + lines("{0},late,{2}", ROWS[20:]))
    file = made("x,c,y\n" + lines("{},{},{}", ROWS[:20]), table="jan.csv", more=["feb.csv"])
    assert file.source.places == (str(tmp_path / "jan.csv"), str(tmp_path / "feb.csv"))
    assert (file.name, file.features[1].values) == ("jan", ("a", "b", "c", "late"))


@pytest.mark.parametrize("table", ["parts", "parts/*/*.csv"])
def test_folders_and_patterns_are_tables_and_give_columns(
    made: Callable[..., ModelFile], tmp_path: Path, table: str
) -> None:
    for month, rows in (("jan", ROWS[:20]), ("feb", ROWS[20:])):
        folder = tmp_path / "parts" / f"month={month}"
        folder.mkdir(parents=True)
        (folder / "a.csv").write_text("x,c,y\n" + lines("{},{},{}", rows))
    file = made(table=table)
    assert file.source.uri == str(tmp_path / table)
    assert {one.name: getattr(one, "values", None) for one in file.features}["month"] == ("feb", "jan")
    assert file.name == "parts"


def test_files_of_other_columns_are_one_line(made: Callable[..., ModelFile], tmp_path: Path) -> None:
    (tmp_path / "feb.csv").write_text("x,d,y\n" + lines("{},{},{}"))
    with pytest.raises(MolinoError, match=r"no column 'c'|other columns"):
        made("x,c,y\n" + lines("{},{},{}"), more=["feb.csv"])
