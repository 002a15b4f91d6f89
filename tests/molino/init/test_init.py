"""`molino init`: the model file that it writes from a table is right, tells why, and is never written over another."""

import csv
import io
import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from molino.contracts.errors import ModelFileError, MolinoError
from molino.contracts.model_file import LoadedModel, load_model, parse_model
from molino.contracts.settings import Settings
from molino.init.command import Wanted, Written, model_file_of
from training.splits import TEST, TRAIN, VALIDATION
from training.step import run_step
from training.train.data import Dataset

ROWS = 200


def cells(**columns: Any) -> dict[str, list[Any]]:
    """Return a table with a target `y` and a column `x` that tells it, beside the given columns."""
    chance = random.Random(1)
    x = [round(chance.uniform(20, 140), 1) for _ in range(ROWS)]
    return {"x": x, **columns, "y": [round(2 * one + chance.gauss(0, 1), 2) for one in x]}


def csv_of(table: dict[str, list[Any]], delimiter: str = ",") -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(table)
    writer.writerows(zip(*table.values(), strict=True))
    return text.getvalue()


class Desk:
    """A folder with a table, and the settings of a home and a folder of models."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = Settings(home=folder / "home", models=folder / "models")

    def made(self, table: dict[str, list[Any]] | str, target: str = "y", **wanted: Any) -> Written:
        path = self.folder / "my table.csv"
        path.write_text(table if isinstance(table, str) else csv_of(table))
        return model_file_of(Wanted(str(path), target, **wanted), self.settings)

    def written(self, table: dict[str, list[Any]] | str, target: str = "y", **wanted: Any) -> LoadedModel:
        made = self.made(table, target, **wanted)
        made.write()
        return load_model(made.path)

    def feature(self, header: str, values: list[Any]) -> dict[str, Any]:
        """Return the keys that a column's feature gets."""
        found = self.written(cells(**{header: values})).file.features
        return next(one.model_dump(exclude_defaults=True) for one in found if one.header == header)

    def refusal(self, table: dict[str, list[Any]] | str, target: str = "y", **wanted: Any) -> str:
        with pytest.raises(MolinoError) as caught:
            self.made(table, target, **wanted)
        assert "\n" not in str(caught.value)
        return str(caught.value)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def of(*values: Any) -> list[Any]:
    """Return a column of these values, one after the other."""
    return [values[row % len(values)] for row in range(ROWS)]


# Types.

FEATURES: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "numbers": (of(1.5, 2.5, 8.25), {"type": "number", "minimum": 0.0, "maximum": 15.0}),
    "shares": (of(0.25, 0.5, 0.75), {"type": "number", "minimum": 0.0, "maximum": 1.0}),
    "numbers below 0": (of(-1.5, 2.5), {"type": "number", "minimum": -6.0, "maximum": 7.0}),
    "whole numbers": (of(1, 5, 3, 4), {"type": "integer", "minimum": 0, "maximum": 9}),
    "years": (of(1990, 2000, 2020), {"type": "integer", "minimum": 1960, "maximum": 2050}),
    "whole numbers beyond 32-bit floats": (of(2**25, 2**26), {"type": "number"}),
    "truth": (of("true", "false"), {"type": "boolean"}),
    "0 and 1": (of(0, 1, 1), {"type": "boolean"}),
    "words": (of("b", "a"), {"type": "category", "values": ("a", "b"), "unseen": "other"}),
    "many words": (of(*(f"w{i}" for i in range(30))), {"type": "category", "unseen": "other"}),
    "words with gaps": (of("b", "a", ""), {"type": "category", "values": ("a", "b"), "missing": "impute"}),
    "numbers with gaps": (of(1.5, 2.5, "NA"), {"type": "number", "missing": "impute"}),
    "dates": (of("2012-01-01", "2015-12-31"), {"type": "date", "format": None, "minimum": None}),
    "dates with gaps": (of("2012-01-01", "2015-12-31", ""), {"type": "date", "missing": "impute"}),
    "dates of days first": (of("31.1.2012", "1.2.2012"), {"type": "date", "format": "%d.%m.%Y"}),
    "dates of months first": (of("1/31/2012", "2/1/2012"), {"type": "date", "format": "%m/%d/%Y"}),
    "times": (of("2012-01-01 10:30", "2015-12-31"), {"type": "datetime", "format": None}),
    "times that are all midnight": (of("2012-01-01 00:00:00", "2015-12-31 00:00:00"), {"type": "date"}),
    "times of a day with colons": (of("10:30", "9:05:30", "9:05 PM"), {"type": "time", "format": None}),
    "times of a day, another in each row": (
        [f"{i // 60:02}:{i % 60:02}" for i in range(ROWS)],
        {"type": "time", "missing": None},
    ),
    "times of a day with gaps": (of("10:30", "9:05", ""), {"type": "time", "missing": "impute"}),
    "times of a day in French": (of("10h30", "9h05"), {"type": "time", "format": "%Hh%M"}),
    "lengths of time": (of("10:30", "75:05"), {"type": "category"}),
    "dates and a word": (of("2012-01-01", "2015-12-31", "later"), {"type": "category"}),
    "whole numbers beside each other": (of(1_600_000_001, 1_600_000_002), {"type": "number", "minimum": 1.6e9}),
    "whole numbers beyond 64-bit floats": (of(2**53 + 1, 2**53 + 90_001), {"type": "number"}),
    "thousands of India": (of("12,34,567", "1,00,000", "99"), {"type": "integer", "minimum": 0}),
    "versions": (of("1.0.2", "2.1.0"), {"type": "category"}),
    "times of a day with points": (of("10.30.05", "9.05.00"), {"type": "time", "format": "%H.%M.%S"}),
    "times of mail": (of("Mon, 01 Jan 2024 10:00:00 GMT", "Tue, 02 Jan 2024 11:00:00 GMT"), {"type": "datetime"}),
    "times of half days": (of("2024/1/1 3:05 PM", "2024/1/2 3:05 AM"), {"type": "datetime"}),
    "hardly more than 0": (of(5e-324, 0), {"type": "number", "minimum": 0.0}),
    "codes of the post": (of("01067", "10115", "80331"), {"type": "category", "values": ("01067", "10115", "80331")}),
    "codes with gaps": (of("01067", "10115", ""), {"type": "category", "missing": "impute"}),
    "numbers as long, another in each row": ([f"{i:05d}" for i in range(7, 7 + ROWS)], {"type": "integer"}),
    "times of a day": (of("0930", "1545"), {"type": "integer"}),
    "emoji": (of("\U0001f3e0", "\u05e9\u05dc\u05d5\u05dd"), {"type": "category"}),
    "words of two lines": (of("a\nb", "c"), {"type": "category", "values": None}),
    "dollars below 0": (of("-$1,200.50", "$3", "$2,000"), {"type": "number", "minimum": -5000.0}),
    "amounts below zero in parentheses": (of("$1,200.50", "($3)", "$2,000"), {"type": "number", "minimum": -3000.0}),
    "intervals in parentheses": (of("(1,2)", "(2,3)"), {"type": "category", "values": ("(1,2)", "(2,3)")}),
    "dollars of a country": (of("US$ 12.5", "US$ 7"), {"type": "number"}),
    "crowns": (of("1\u00a0200,50\u00a0kr", "7,25\u00a0kr"), {"type": "number"}),
    "words that YAML knows": (of("yes", "null", "1.0", "~", "#x", "a: b"), {"type": "category"}),
}


@pytest.mark.parametrize(("values", "wanted"), FEATURES.values(), ids=FEATURES)
def test_a_column_becomes_a_feature_of_its_type(desk: Desk, values: list[Any], wanted: dict[str, Any]) -> None:
    found = desk.feature("a", values)
    assert {key: found.get(key) for key in wanted} == wanted


@pytest.mark.parametrize(("header", "kind"), [("date", "date"), ("sale_day", "date"), ("size", "number")])
def test_whole_numbers_are_dates_where_their_column_is_called_so(desk: Desk, header: str, kind: str) -> None:
    assert desk.feature(header, of(20120101, 20151231, 20160229))["type"] == kind


MONTHS = [
    2024_00_00 + 100 * month + days for month, days in enumerate((31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31), 1)
]
WHOLE_NUMBERS: dict[str, tuple[list[Any], str]] = {
    "the ends of a year's months": (MONTHS, "date"),
    "with gaps": ([*MONTHS, ""], "date"),
    "as floats": ([f"{day}.0" for day in MONTHS], "number"),
    "over two centuries": ([year * 10_000 + 229 for year in range(1904, 2100, 4)], "date"),
    "one that is no date": ([*MONTHS, 20240230], "number"),
    "a date out of range": ([*MONTHS, 21010101], "number"),
    "a fraction": ([*MONTHS, 20240101.5], "number"),
    "few": (MONTHS[:9], "number"),
    "days of two months": ([*range(20240101, 20240129), *range(20240201, 20240229)], "number"),
    "numbers beside each other": (list(range(20240101, 20240301)), "number"),
    "sizes": ([19_000_000 + 10_123 * at for at in range(ROWS)], "number"),
}


@pytest.mark.parametrize(("values", "kind"), WHOLE_NUMBERS.values(), ids=WHOLE_NUMBERS)
def test_whole_numbers_of_whatever_name_are_dates_where_each_is_one(desk: Desk, values: list[Any], kind: str) -> None:
    made = desk.made(cells(code=of(*values)))
    made.write()
    (feature,) = (one for one in load_model(made.path).file.features if one.name == "code")
    assert feature.type == kind
    assert ("whole numbers taken as dates, for each is one" in made.text) == (kind == "date")


@pytest.mark.parametrize("kind", [pl.Date, pl.Datetime("us"), pl.Datetime("ns", "UTC")], ids=str)
def test_dates_of_parquet_are_dates(desk: Desk, kind: Any) -> None:
    path = desk.folder / "dated.parquet"
    days = pl.Series(of("2012-01-01", "2015-12-31")).str.to_date().cast(kind)
    pl.DataFrame({"x": of(1.5, 2.5, 3.0), "y": of(1.5, 2.5, 3.0), "day": days}).write_parquet(path)
    made = model_file_of(Wanted(str(path), "y"), desk.settings)
    assert "{name: day, type: date}  # 2012-01-01 to 2015-12-31" in made.text


def test_times_of_parquet_are_times(desk: Desk) -> None:
    path = desk.folder / "timed.parquet"
    times = pl.Series(of("10:30:00", "09:05:00")).str.to_time()
    pl.DataFrame({"x": of(1.5, 2.5, 3.0), "y": of(1.5, 2.5, 3.0), "at": times}).write_parquet(path)
    assert "{name: at, type: time}  # 09:05:00 to 10:30:00" in model_file_of(Wanted(str(path), "y"), desk.settings).text


def test_a_split_by_time_is_offered_and_not_taken(desk: Desk) -> None:
    text = desk.made(cells(when=of("2012-01-01", "2015-12-31"))).text
    assert "# To be judged on what came after the training rows: split: {kind: time, column: when," in text
    assert "split: {kind: hash," in text
    assert "kind: time" not in desk.made(cells(when=of("2012-01-01", "2015-12-31", ""))).text


LEFT_OUT = {
    "a constant": (of("same"), "all rows have 'same'"),
    "nothing": (of(""), "no value in any row"),
    "row numbers": ([*range(1, ROWS + 1)], "numbers the rows"),
    "ids": ([f"k{row}" for row in range(ROWS)], "free text or an id"),
    "numbers that graphs don't take": (of(10**60, 10**61), "its numbers go beyond 1e+30"),
    "many numbers and a word": (
        ["inf" if row % 9 == 4 else row * 1.5 for row in range(ROWS)],
        "22 of its 200 values are no number, the first 'inf' in row 5; source.missing lists",
    ),
    "dates of two forms": (
        [
            f"2020-{1 + row % 12:02}-{1 + row // 12:02}" if row % 2 else f"{1 + row // 12:02}.{1 + row % 12:02}.2020"
            for row in range(ROWS)
        ],
        "most of its values are dates, but not all in one format: '01.01.2020', '2020-02-01'",
    ),
    "texts that say the same": ([f"Row {row} says that a, b or c" for row in range(ROWS)], "free text or an id"),
}


def test_a_column_of_texts_that_share_words_is_a_text(desk: Desk) -> None:
    words = ("quiet", "lake", "garden", "old", "new", "bright", "noisy")
    texts = [f"nr {row}: {words[row % 7]} {words[row % 5]}, {words[row % 3]}!" for row in range(ROWS)]
    made = desk.made(cells(told=texts))
    assert re.search(r"\{name: told, type: text\}  # \d+ different texts, 7 words that come again and again", made.text)


@pytest.mark.parametrize(("values", "reason"), LEFT_OUT.values(), ids=LEFT_OUT)
def test_a_column_that_tells_nothing_is_left_out_with_the_reason(desk: Desk, values: list[Any], reason: str) -> None:
    made = desk.made(cells(**{"a": values}))
    assert re.search(f"# left out: 'a', since .*{re.escape(reason)}", made.text)


def test_lengths_of_time_are_said_to_be_such(desk: Desk) -> None:
    long, short = [f"{row}:{row % 60:02}" for row in range(ROWS)], of("01:30", "02:45")
    text = desk.made(cells(lap=long, song_length=short, opens=short, run=of("1:02:15.6", "1:03:00.0"))).text
    assert "# left out: 'lap', since it holds lengths of time, such as '0:00': write them as numbers of seconds" in text
    said = "; taken as times of a day: lengths of time are to be numbers of seconds"
    assert [said in line for line in text.splitlines() if "type: time" in line] == [True, False, True]
    assert "holds lengths of time" in desk.refusal({**cells(), "y": long})


def test_doubts_of_a_column_are_beside_it(desk: Desk) -> None:
    mixed = of(*(f"2024-01-{day:02}" for day in range(1, 29)), "01/31/2024")
    text = desk.made(
        cells(
            when=mixed, load=[f"{row} kg" for row in range(ROWS)], open=of("01/02/2024", "03/04/2024"),
            sure=of("01/02/2024", "30/04/2024"), zone=of(*(f"2024-01-{day:02} 10:00 CET" for day in range(1, 29))),
            share=of("1%", "0.5"), key=[10**12 + row * 7 % 50 for row in range(ROWS)],
        )
    ).text  # fmt: skip
    for said in (
        r"open, .*; days before months, which its values leave open",
        r"zone, .*28 values; most of its values begin with a date, and go on otherwise: '2024-01-01 10:00 CET'",
        r"share, .*; its values have different signs: %, none",
        r"key, .*; 32-bit floats step by 65536 there: subtract a constant",
    ):
        assert re.search(said, text), text
    assert not re.search("sure, .*which", text)
    assert "# 29 values; most of its values are dates, but not all in one format: '2024-01-01', '01/31/2024'" in text
    assert "# left out: 'load', since its numbers have a unit: source.symbols: [kg] takes it off" in text


def test_a_guessed_encoding_is_said_to_be_one(desk: Desk) -> None:
    (desk.folder / "odd.csv").write_bytes(csv_of(cells(c=of("ä", "b"))).encode("cp1252"))
    text = model_file_of(Wanted(str(desk.folder / "odd.csv"), "y"), desk.settings).text
    assert "  encoding: cp1252  # a guess: correct it where names and texts look wrong\n" in text


def test_numbers_of_any_size_keep_their_rows(desk: Desk) -> None:
    text = desk.made(cells(a=[2**53 + row for row in range(ROWS)], b=[f"{row + 1}e300" for row in range(ROWS)])).text
    assert "maximum: 9007199254741" in text
    assert "# left out: 'b', since its numbers go beyond 1e+30" in text


@pytest.mark.parametrize("text", ['[{"x": 1, "y": 2}]', '{"x": 1, "y": 2}\n{"x": 2, "y": 3}\n'])
def test_json_is_no_table(desk: Desk, text: str) -> None:
    assert "expected CSV or Parquet, but this is JSON" in desk.refusal(text)


def test_a_column_called_id_is_left_out_where_each_row_has_its_own(desk: Desk) -> None:
    made = desk.made(cells(**{"customer id": [7 * row + 3 for row in range(ROWS)]}))
    assert "'customer id', since it is an id" in made.text


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("area", "area"),
        ("Fläche (m²)", "Flache_m2"),
        ("\U0001f3e0", "column_3"),
        ("2ndFlrSF", "_2ndFlrSF"),
        ("日本", "column_3"),
        ("prediction", "of_prediction"),
        ("class", "class"),
        ("a\"b'c#d: {e}", "a_b_c_d_e"),
        ("%", "column_3"),
    ],
)
def test_a_column_of_any_name_is_a_feature(desk: Desk, header: str, name: str) -> None:
    found = {one.header: one.name for one in desk.written(cells(**{header: of(1, 2, 3)})).file.features}
    assert found == {"x": "x", header: name}


def test_names_that_become_the_same_are_told_apart(desk: Desk) -> None:
    features = desk.written(cells(**{"a b": of(1, 2, 3), "a.b": of(1, 2, 3), "a_b": of(1, 2, 3)})).file.features
    assert [one.name for one in features] == ["x", "a_b_2", "a_b_3", "a_b"]


def test_columns_without_a_name_of_their_own_are_left_out(desk: Desk) -> None:
    text = csv_of(cells(a=of(1, 2, 3), b=of(1, 2, 4))).replace("x,a,b,y\n", "x,,,y\n")
    told = "# left out: columns without a name of their own (blank, twice or too long), at position 2, 3"
    assert told in desk.made(text).text


# What is predicted.


def test_numbers_are_a_regression(desk: Desk) -> None:
    file = desk.written(cells()).file
    assert (file.task, file.metric, file.split.kind, file.target.minimum) == ("regression", "rmse", "hash", 0)


def test_the_bound_of_a_regression_is_made_of_the_mean(desk: Desk) -> None:
    table = cells()
    spread = pl.Series(table["y"]).std(ddof=0)
    assert desk.written(table).file.gate.bounds["rmse"].maximum == pytest.approx(1.2 * float(str(spread)), rel=0.01)


@pytest.mark.parametrize("words", [("no", "yes, please"), ("<=50K", ">50K"), ("0", "1"), ("b", "ü")])
def test_words_are_a_classification(desk: Desk, words: tuple[str, str]) -> None:
    table = cells()
    table["y"] = [words[one > 160] for one in table["y"]]
    file = desk.written(table).file
    assert (file.task, file.metric, file.split.kind, file.target.classes) == (
        "classification",
        "log_loss",
        "stratified",
        words,
    )


def test_classes_of_numbers_are_in_their_order(desk: Desk) -> None:
    file = desk.written({**cells(), "y": of(10, 9, 2)}, task="classification").file
    assert file.target.classes == ("2", "9", "10")


def test_rows_without_a_target_are_left_out(desk: Desk) -> None:
    table = cells()
    table["y"][::3] = [""] * len(table["y"][::3])
    assert desk.written(table).file.target.missing == "drop"


def test_a_class_with_hardly_a_row_is_left_out(desk: Desk) -> None:
    table = {**cells(), "y": ["rare", *of("a", "b")[1:]]}
    made = desk.made(table)
    made.write()
    assert load_model(made.path).file.target.classes == ("a", "b")
    assert "The class 'rare' has too few rows" in made.text


def few(rows: int, different: int, first: int = 0) -> str:
    """Return a table whose rows are a few different ones."""
    return "x,y\n" + "".join(f"{first + row % different * 1.5},{row}\n" for row in range(rows))


@pytest.mark.parametrize(("rows", "first", "said"), [(20, 0, False), (20, 5, True), (24, 11, True), (30, 26, True)])
def test_few_rows_are_split_by_a_seed_that_leaves_each_part_enough(
    desk: Desk, rows: int, first: int, said: bool
) -> None:
    made = desk.made(few(rows, rows, first))
    made.write()
    clean = desk.folder / "clean.parquet"
    numbers = [float(row) for row in range(rows)]
    pl.DataFrame({"x": [first + row * 1.5 for row in numbers], "y": numbers}).write_parquet(clean)
    counts = Dataset(clean, load_model(made.path).file).overview.rows_by_part
    assert min(counts[part] for part in (TRAIN, VALIDATION, TEST)) >= 2
    assert ("# Earlier seeds leave a part too few of these rows." in made.text) == said


def test_rows_that_no_seed_splits_are_said(desk: Desk) -> None:
    made = desk.made(few(40, 2))
    assert made.doubt.startswith("40 clean rows leave ")
    assert "rows equal in every feature stay together, and there are 2 different ones" in made.doubt
    assert f"  # Training will stop: {made.doubt}\n" in made.text


def test_a_target_of_any_name(desk: Desk) -> None:
    table = cells()
    table["Prix (€)"] = table.pop("y")
    assert desk.written(table, "Prix (€)").file.target.header == "Prix (€)"


# What can't be.


@pytest.mark.parametrize(
    ("table", "target", "problem"),
    [
        (cells(), "yy", "no column 'yy'; did you mean 'y'?"),
        (
            {**cells(), "y": [10**18 + row for row in range(ROWS)]},
            "y",
            "32-bit floats, in which models answer, step by",
        ),
        ({**cells(), "y": [f"{row}e60" for row in range(ROWS)]}, "y", "its numbers reach 1.99e+62"),
        ({**cells(), "y": of("0", "0.0", "0.00")}, "y", "every row has 0; there is nothing to predict"),
        ({**cells(), "y": of("a", "b" * 400)}, "y", "'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb…', of 400 characters"),
        ({**cells(), "y": of("a", "b\nc")}, "y", "'b\\nc', of 3 characters, can't be a class"),
        ({**cells(), "y": [f"[{row}]" if row % 2 else row for row in range(ROWS)]}, "y", "the first '[1]' in row 2"),
        (csv_of(cells(a=of(1, 2))).replace("a,y", "y,y", 1), "y", "names column 'y' more than once, at position 2, 3"),
        ("a,a,y\n1,2,3\n", "y", "and found 'y', beside 2 without a name of their own"),
        (cells(), "price", "no column 'price'; the columns are x, y"),
        ({**cells(), "y": of(1)}, "y", "every row has '1'; there is nothing to predict"),
        ({**cells(), "y": [f"t{row}" for row in range(ROWS)]}, "y", "200 different values are too many for classes"),
        ({"a": of("x"), "y": cells()["y"]}, "y", "no column is left to predict 'y' from (a: all rows have 'x')"),
        ("a,a,y\n1,2,3\n", "y", "at position 1, 2; give each column a name there, or in source.header"),
        ("x,y\n", "y", "no rows below the header"),
        ("", "y", "the file is empty"),
        ("x\n1\n", "x", "expected a column to predict and others"),
        ("x,y\n1,2\n3,4\n", "y", "2 rows have a value; expected at least 20"),
    ],
)
def test_what_gives_no_model_is_one_line(desk: Desk, table: Any, target: str, problem: str) -> None:
    assert problem in desk.refusal(table, target)


def test_a_table_that_is_not_there_is_one_line(desk: Desk) -> None:
    with pytest.raises(MolinoError, match=r"source .*nowhere\.csv: doesn't exist"):
        model_file_of(Wanted(str(desk.folder / "nowhere.csv"), "y"), desk.settings)


def test_an_address_with_a_secret_is_refused(desk: Desk) -> None:
    with pytest.raises(MolinoError, match="holds a secret") as caught:
        model_file_of(Wanted("https://me:hunter2@example.org/a.csv", "y"), desk.settings)
    assert "hunter2" not in str(caught.value)


def test_words_are_no_regression(desk: Desk) -> None:
    assert "expected numbers for a regression (row 1 has 'a')" in desk.refusal(
        {**cells(), "y": of("a", "b")}, task="regression"
    )


# Forms of tables.


@pytest.mark.parametrize("delimiter", [";", "\t", "|", "^", "~", ":"])
def test_what_parts_the_cells_is_found_out(desk: Desk, delimiter: str) -> None:
    assert desk.written(csv_of(cells(), delimiter)).file.source.delimiter == delimiter


def test_a_parquet_file_gives_what_its_types_say(desk: Desk) -> None:
    path = desk.folder / "table.parquet"
    more = {"flag": of(True, False), "kind": of("a", "b", None), "list": of([1]), "count": of(1, 2, 4)}
    pl.DataFrame({**cells(), **more}).write_parquet(path)
    made = model_file_of(Wanted(str(path), "y"), desk.settings)
    made.write()
    found = {one.name: one.type for one in load_model(made.path).file.features}
    assert found == {"x": "number", "flag": "boolean", "kind": "category", "count": "integer"}
    assert "'list', since its type is List" in made.text


def test_the_file_passes_ingest_at_once(desk: Desk) -> None:
    table = cells(**{"a b": of("x", "y", ""), "id": [*range(ROWS)], "n": of(1, 2.5, "NA"), "t": of("true", "false")})
    loaded = desk.written(table)
    result = run_step("ingest", loaded, "r1", desk.settings).result
    assert (result["rows_clean"], result["rows_quarantined"]) == (ROWS, 0)


def test_a_table_beside_the_file_is_named_alone(desk: Desk) -> None:
    assert desk.written(cells(), path=desk.folder / "model.yaml", name="own").file.source.uri == "my table.csv"


def test_the_model_is_called_as_the_table(desk: Desk) -> None:
    made = desk.made(cells())
    assert (made.name, made.path) == ("my-table", desk.folder / "models" / "my-table" / "model.yaml")


# What is there.


def test_a_file_that_is_there_is_left_as_it_is(desk: Desk) -> None:
    desk.written(cells()).path.write_text("mine")
    with pytest.raises(ModelFileError, match="left as it is; --edit shows what would differ"):
        desk.made(cells()).write()
    assert (desk.folder / "models" / "my-table" / "model.yaml").read_text() == "mine"


def test_what_differs_is_shown_as_a_diff(desk: Desk) -> None:
    desk.written(cells())
    differences = desk.made(cells(a=of("x", "y"))).differences()
    assert "+  - {name: a, type: category" in differences
    assert desk.made(cells()).differences() == ""


def test_the_command_says_what_comes_next(desk: Desk) -> None:
    (desk.folder / "flats.csv").write_text(csv_of(cells()))
    command = [sys.executable, "-m", "molino", "init", "flats.csv", "--target", "y"]
    environment = {**os.environ, "MOLINO_HOME": str(desk.folder / "home"), "MOLINO_MODELS": str(desk.folder / "models")}
    environment["PYTHONPATH"] = str(Path(__file__).parents[3])
    ended = [
        subprocess.run(command, cwd=desk.folder, env=environment, capture_output=True, text=True, check=False)
        for _ in range(2)
    ]
    assert [one.returncode for one in ended] == [0, 1], ended[0].stderr
    assert ended[0].stdout.splitlines()[-1] == "next: make run MODEL=flats"
    assert re.fullmatch(r"molino: .*/model\.yaml: it is there, .*\n", ended[1].stderr)
    assert json.dumps(load_model(desk.folder / "models" / "flats").file.source.uri) == json.dumps(
        str((desk.folder / "flats.csv").resolve())
    )


COMMAS = {"n": of("12,345", "255,5", "3,25"), "m": of("12,345", "3,255")}
WRITTEN: dict[str, tuple[dict[str, list[Any]], str, dict[str, Any], float, str]] = {
    "three figures behind decimal commas": (COMMAS, ";", {"decimal": ","}, 12.345, "3.25 to 255.5"),
    "a zero before three figures": ({"n": of("12,345", "0,255")}, ",", {"decimal": ","}, 12.345, "0.255 to 12.345"),
    "commas that may be either, beside commas": (
        {"n": of("12,345", "3,255")}, ",", {"thousands": ","}, 12345.0, "',' taken to part thousands"),
    "commas that may be either, beside semicolons": (
        {"n": of("12,345", "3,255")}, ";", {"decimal": ","}, 12.345, "',' taken as the decimal sign"),
    "commas that part some": ({"n": of("12,345", "255")}, ";", {"thousands": ","}, 12345.0, "255 to 12345"),
    "commas beside points": (
        {"n": of("12,345", "3,255"), "m": of("1.5", "2.25")}, ";", {"thousands": ","}, 12345.0, "3255 to 12345"),
    "points that part twice": (
        {"n": of("12.345", "1.234.567")}, ";", {"decimal": ",", "thousands": "."}, 12345.0, "12345 to 1.23457e+06"),
    "points beside decimal commas": (
        {"n": of("12.345", "3.255"), "m": of("1.234,5", "2,25")}, ";", {"decimal": ",", "thousands": "."}, 12345.0,
        "'.' taken to part thousands"),
    "points that part what is large": (
        {"n": of("12.345", "17", "255", "3.255", "4.255", "5.255", "6.255")}, ";",
        {"decimal": ",", "thousands": "."}, 12345.0, "'.' taken to part thousands"),
    "points that may be either": ({"n": of("12.345", "3.255")}, ";", {}, 12.345, "'.' taken as the decimal sign"),
    "points of small numbers": ({"n": of("12.345", "0.255", "17")}, ";", {}, 12.345, "0.255 to 17"),
    "a typeset minus": ({"n": of("12.345", "\u22123.5")}, ",", {}, 12.345, "-3.5 to 12.345"),
    "thin blanks": ({"n": of("12\u2009345", "3")}, ",", {"thousands": "\u2009"}, 12345.0, "3 to 12345"),
    "a typeset minus and a currency": (
        {"n": of("12.345 €", "\u22123.5 €")}, ",", {"symbols": ["€"]}, 12.345, "-3.5 to 12.345"),
}  # fmt: skip


@pytest.mark.parametrize(("columns", "delimiter", "form", "first", "said"), WRITTEN.values(), ids=WRITTEN)
def test_numbers_mean_what_their_table_tells(
    desk: Desk, columns: dict[str, list[Any]], delimiter: str, form: dict[str, Any], first: float, said: str
) -> None:
    path = desk.folder / "numbers.csv"
    whole = {name: [int(float(value)) for value in values] for name, values in cells().items()}
    path.write_text(csv_of(whole | columns, delimiter))
    made = model_file_of(Wanted(str(path), "y"), desk.settings)
    file = parse_model(made.text.encode(), "model.yaml")
    found = {key: getattr(file.source, key) for key in ("decimal", "thousands", "symbols")}
    assert found == {"decimal": ".", "thousands": None, "symbols": ()} | form | (
        {"symbols": tuple(form["symbols"])} if "symbols" in form else {}
    )
    assert float(file.source.plain_number(columns["n"][0])) == first
    (line,) = (line for line in made.text.splitlines() if 'name: "n",' in line)
    assert said in line


@pytest.mark.parametrize("kind", [pl.Int8, pl.UInt64, pl.Float32, pl.Float64])
def test_numbers_of_parquet_are_classes(desk: Desk, kind: Any) -> None:
    path = desk.folder / "typed.parquet"
    table = cells(y=[]) | {"y": of(0, 1), "c": of(1, 0, 1)}
    pl.DataFrame(table).with_columns(pl.col("y", "c").cast(kind)).write_parquet(path)
    made = model_file_of(Wanted(str(path), "y"), desk.settings)
    file = parse_model(made.text.encode(), "model.yaml")
    assert file.target.classes == ("0", "1")
    assert {one.name: one.type for one in file.features}["c"] == "boolean"


def test_words_that_mean_no_value_are_told_of(desk: Desk) -> None:
    text = desk.made(
        cells(c=of("a", "b", "None"), d=of("a", "b", "")) | {"y": of("None", "mild", "severe", "Mild", "")}
    ).text
    told = [line for line in text.splitlines() if "name: c," in line or "name: d," in line]
    assert "66 missing ('None' 66)" in told[0]
    assert told[1].endswith("66 missing")
    assert "  # 40 rows with 'None' are left out as without a value: list it in classes if it is one." in text
    assert "  # 'Mild', 'mild' are classes of their own, as written: write them alike if they are one." in text


def test_a_class_that_means_no_value_is_told_of(desk: Desk) -> None:
    said = desk.refusal(cells() | {"y": of("none", "ill")})
    assert "every row has 'ill', but for 100 missing ('none' 100); there is nothing to predict; a word" in said


def test_numbers_that_are_written_otherwise_than_others_say_how(desk: Desk) -> None:
    amounts = [f"{row + 1}.234,5" for row in range(ROWS)]
    text = desk.made(cells(a=amounts)).text
    assert "# left out: 'a', since its numbers are written otherwise than others, as '1.234,5'" in text


def test_what_limits_a_number_is_not_taken_off(desk: Desk) -> None:
    assert "symbols" not in desk.made(cells(a=of("≤5", "≥7", "6"))).text


EUROS = csv_of(cells(n=of("1~200,5 €", "3 €", "7,5 €")), ";").replace(".", ",").replace("~", ".")


@pytest.mark.parametrize(
    ("table", "encoding", "form"),
    [
        (csv_of(cells(c=of("ä", "b")), ";").replace(".", ","), "cp1252", ("cp1252", ",", None)),
        (csv_of(cells(c=of("ä", "b"))), "utf-16", ("utf-16", ".", None)),
        (csv_of(cells(c=of("ä", "b"))), "utf-16-be", ("utf-16-be", ".", None)),
        (csv_of(cells(c=of("Москва", "Тула"))), "cp1251", ("cp1251", ".", None)),
        (csv_of(cells(c=of("Москва", "Тула"))), "koi8-r", ("koi8-r", ".", None)),
        (csv_of(cells(c=of("東京", "カナ"))), "shift_jis", ("shift_jis", ".", None)),
        (csv_of(cells(c=of("서울", "부산"))), "euc-kr", ("euc-kr", ".", None)),
        (csv_of(cells(c=of("北京市", "重庆们"))), "gb18030", ("gb18030", ".", None)),
        (csv_of({"a,b": of("ä", "b"), **cells()}), "utf-8-sig", ("utf-8", ".", None)),
        (csv_of(cells(n=of("1,200", "3", "22,000.5"))), "utf-8", ("utf-8", ".", ",")),
        (EUROS, "utf-8", ("utf-8", ",", ".")),
    ],
    ids=[
        "decimal commas in Windows' encoding",
        "UTF-16",
        "UTF-16 without a mark",
        "Cyrillic",
        "Cyrillic of Unix",
        "Japanese",
        "Korean",
        "Chinese",
        "a mark before a quote",
        "thousands",
        "euros",
    ],
)
def test_how_a_table_is_written_is_found_out(desk: Desk, table: str, encoding: str, form: tuple[Any, ...]) -> None:
    path = desk.folder / "odd.csv"
    path.write_bytes(table.encode(encoding))
    made = model_file_of(Wanted(str(path), "y"), desk.settings)
    made.write()
    file = load_model(made.path).file
    assert (file.source.encoding, file.source.decimal, file.source.thousands) == form
    assert file.task == "regression"
    assert {one.type for one in file.features if one.name == "n"} <= {"number"}
