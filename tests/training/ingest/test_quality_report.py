import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tables import FEATURES, Homes, csv_text, good_rows

from molino.contracts.results import IngestResult
from training.ingest.quality_report import figure


class Page(HTMLParser):
    """What a page holds."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "action")]
        if tag not in ("meta", "line", "rect/"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Homes:
    rows = (*good_rows(500), "x,3,1,north,1", "1,3,,north,1")
    text = csv_text(*rows).replace(b"price\n", b"price,<note>\n").replace(b"\n", b",\n").replace(b">,\n", b">\n")
    features = [*FEATURES[:3], FEATURES[3] | {"description": "<script>alert(1)</script>"}]
    made = Homes(tmp_path_factory.mktemp("report"), text, features=features)
    made.ingest()
    return made


@pytest.fixture(scope="module")
def report(homes: Homes) -> dict:
    return json.loads(homes.artifact("quality.json").read_bytes())


@pytest.fixture(scope="module")
def page(homes: Homes) -> str:
    return homes.artifact("quality.html").read_text()


def test_rows_are_counted(report: dict) -> None:
    counts = [report[f"rows_{name}"] for name in ("read", "clean", "quarantined", "dropped")]
    assert counts == [502, 500, 1, 1]


def test_reasons_are_listed(report: dict) -> None:
    assert report["reasons"] == [
        {"reason": "garden: missing, left out", "rows": 1, "first_row": 502},
        {"reason": "size: not a number", "rows": 1, "first_row": 501},
    ]


def test_columns_are_the_features_and_the_target(report: dict) -> None:
    assert [column["name"] for column in report["columns"]] == ["size", "rooms", "garden", "area", "price"]


def test_each_column_counts_the_clean_rows(report: dict) -> None:
    assert [sum(column["counts"]) for column in report["columns"]] == [500] * 5


def test_unused_columns_are_named(report: dict) -> None:
    assert report["source"]["unused_columns"] == ["<note>"]


def test_the_page_has_a_picture_of_each_column(page: str) -> None:
    assert Page(page).tags.count("svg") == 5


def test_the_page_needs_nothing_but_itself(page: str) -> None:
    assert Page(page).addresses == []
    assert not re.search(r"url\(|@import|<script|<link", page)


def test_the_page_is_whole(page: str) -> None:
    assert Page(page).open == []


def test_names_of_the_source_are_shown_as_text(page: str) -> None:
    assert "&lt;note&gt;" in page
    assert "<note>" not in page


def test_the_same_source_gives_the_same_report(tmp_path: Path) -> None:
    homes = Homes(tmp_path, csv_text(*good_rows(500)))
    homes.ingest("r1")
    homes.ingest("r2")
    first, second = (homes.artifact("quality.json", run).read_bytes() for run in ("r1", "r2"))
    assert first.replace(b'"r1"', b'"r2"') == second


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0, "0"),
        (1234567, "1,234,567"),
        (0.000123456, "0.0001235"),
        (1234.56, "1,235"),
        (123456.7, "123,457"),
        (-2.5, "-2.5"),
        (1.5e300, "1.500e+300"),
    ],
)
def test_figures_are_short(value: float | None, text: str) -> None:
    assert figure(value) == text


# What 32-bit floats can't hold.


@pytest.fixture(scope="module")
def seconds(tmp_path_factory: pytest.TempPathFactory) -> Homes:
    """Rows whose `size` are seconds since 1970."""
    rows = [row.split(",") for row in good_rows(300)]
    text = csv_text(*(",".join([str(1_700_000_000 + 60 * at), *row[1:]]) for at, row in enumerate(rows)))
    features = [{"name": FEATURES[0]["name"], "type": "number"}, *FEATURES[1:]]
    made = Homes(tmp_path_factory.mktemp("seconds"), text, features=features)
    made.ingest()
    return made


def test_a_feature_that_32_bits_cannot_hold_is_in_the_report(seconds: Homes) -> None:
    columns = json.loads(seconds.artifact("quality.json").read_bytes())["columns"]
    coarse = {column["name"]: column["coarse"] for column in columns if column["coarse"]}
    assert list(coarse) == [FEATURES[0]["name"]]
    assert "step by 128 at 1700017940" in coarse[FEATURES[0]["name"]]


def test_the_page_says_so_too(seconds: Homes) -> None:
    assert "step by 128 at 1700017940" in seconds.artifact("quality.html").read_text()


def test_the_result_names_it_and_people_are_told(seconds: Homes) -> None:
    result = json.loads((seconds.store / "runs" / "homes" / "r1" / "ingest.json").read_text())["result"]
    assert list(result["coarse_features"]) == [FEATURES[0]["name"]]
    assert any(line.startswith("feature size: 32-bit floats") for line in IngestResult.tell(result))


def test_the_log_says_so_in_one_line(seconds: Homes) -> None:
    with capture_logs() as heard:
        seconds.ingest("r2")
    told = [line for line in heard if line["event"] == "coarse feature"]
    assert [(line["log_level"], line["feature"]) for line in told] == [("warning", "size")]
