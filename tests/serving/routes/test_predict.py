import json
import time
from typing import Any

import pytest
from bundles import HOUSING_ROW, PENGUIN_ROWS
from running_server import JSON, KEY
from werkzeug.test import Client

from serving.http.problems import Problem
from serving.inference.validation import read_json


def post(client: Client, content: Any, path: str = "/predict", headers: dict[str, str] | None = None) -> Any:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return client.post(path, data=body, headers=JSON if headers is None else headers)


def housing(**changes: Any) -> dict[str, Any]:
    names = ["crim", "zn", "indus", "chas", "nox", "rm", "age", "dis", "rad", "tax", "ptratio", "b", "lstat"]
    return {**dict(zip(names, HOUSING_ROW, strict=True)), **changes}


def test_rows_in_feature_order_are_answered_as_the_release_says(client: Client, releases: Any) -> None:
    example = json.loads((releases / "housing" / "1" / "release.json").read_text())["example"]

    answer = post(client, {"data": example["data"]})

    assert answer.json["predictions"] == pytest.approx(example["predictions"], rel=1e-6)


def test_an_answer_names_its_model(client: Client) -> None:
    assert post(client, {"data": [HOUSING_ROW]}).json["model"] == {"name": "housing", "version": "1"}


def test_records_by_name_give_what_rows_by_position_give(client: Client) -> None:
    by_position = post(client, {"data": [HOUSING_ROW]}).json
    by_name = post(client, {"records": [dict(reversed(housing().items()))]}).json

    assert by_name["predictions"] == by_position["predictions"]


def test_a_classification_answers_labels(client: Client) -> None:
    answer = post(client, {"data": PENGUIN_ROWS}, "/models/penguins/predict").json

    assert set(answer["predictions"]) <= {"Adelie", "Chinstrap", "Gentoo"}


def test_probabilities_are_given_by_class_and_add_up_to_one(client: Client) -> None:
    answer = post(client, {"data": PENGUIN_ROWS}, "/models/penguins/predict").json

    assert [sum(row.values()) for row in answer["probabilities"]] == pytest.approx([1, 1, 1])


def test_the_label_is_the_class_of_greatest_probability(client: Client) -> None:
    answer = post(client, {"data": PENGUIN_ROWS}, "/models/penguins/predict").json

    assert answer["predictions"] == [max(row, key=row.get) for row in answer["probabilities"]]


def test_an_unseen_category_is_one_more_value_where_the_release_says_so(client: Client) -> None:
    rows = [["Dream", 39.1, 18.7, 181, 3750, sex, 2007] for sex in ("unknown", "male\0", "male")]
    first, second, known = post(client, {"data": rows}, "/models/penguins/predict").json["probabilities"]

    assert first == second != known


def test_a_value_is_known_with_blanks_around_it_too(client: Client) -> None:
    rows = [
        [island, 39.1, 18.7, 181, 3750, sex, 2007] for island, sex in (("Dream", "male"), (" Dream\u00a0", " male"))
    ]
    first, second = post(client, {"data": rows}, "/models/penguins/predict").json["probabilities"]

    assert first == second


def test_a_missing_value_that_the_graph_fills_in_may_be_null_or_left_out(client: Client) -> None:
    records = [{"island": "Dream", "year": 2008}, {"island": "Dream", "year": 2008, "sex": None, "body_mass_g": None}]
    first, second = post(client, {"records": records}, "/models/penguins/predict").json["probabilities"]

    assert first == second


@pytest.mark.parametrize("chas", [0, 0.0, -0.0])
def test_a_whole_number_is_an_integer_however_written(client: Client, chas: float) -> None:
    assert post(client, {"records": [housing(chas=chas)]}).status_code == 200


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"chas": 0.5}, "row 0, feature chas: expected an integer, got 0.5"),
        ({"chas": True}, "row 0, feature chas: expected an integer, got true"),
        ({"crim": "0.1"}, 'row 0, feature crim: expected a number, got the string "0.1"'),
        ({"crim": None}, "row 0, feature crim: expected a number, got null"),
        ({"crim": [1]}, "row 0, feature crim: expected a number, got an array"),
        ({"crim": 1e31}, "row 0, feature crim: the number is beyond 1e+30"),
        ({"colour": 1}, "row 0, feature colour: the model has no such feature"),
    ],
)
def test_a_wrong_value_is_named_by_row_and_feature(client: Client, change: dict[str, Any], said: str) -> None:
    answer = post(client, {"records": [housing(**change)]})

    assert (answer.status_code, answer.json["detail"]) == (422, said)


def numbers(text: str) -> bytes:
    """Return a body of two rows, the second of which has a number as it is written."""
    row = json.dumps([*HOUSING_ROW[:2], "x", *HOUSING_ROW[3:]]).replace('"x"', text)
    return f'{{"data": [{json.dumps(HOUSING_ROW)}, {row}]}}'.encode()


@pytest.mark.parametrize(
    "text", ["1e400", "-1e400", "1.5E+309", "9e999", "1" * 400, "-" + "9" * 5000, "1" * 400 + ".5"]
)
def test_a_number_that_no_float_can_hold_is_named_by_row_and_feature(client: Client, text: str) -> None:
    answer = post(client, numbers(text))

    assert (answer.status_code, answer.json["detail"]) == (422, "row 1, feature indus: the number is beyond 1e+30")


@pytest.mark.parametrize("text", ["01e400", "1e400x", "1e400.5", "1e400]", '1e400, "', '1e400, "\\"', ".1e400"])
def test_what_is_no_json_beside_a_number_that_no_float_can_hold_is_told(client: Client, text: str) -> None:
    answer = post(client, numbers(text))

    assert answer.status_code == 400
    assert "the body is not JSON" in answer.json["detail"]


def test_a_text_that_looks_like_a_number_that_no_float_can_hold_stays_as_it_is() -> None:
    read = read_json(rb'{"1e400": "1e400 \"1e400\" \\", "data": [1e400, -1e400, 1.5, "-1e400"]}')

    assert read == {"1e400": '1e400 "1e400" \\', "data": [9e307, -9e307, 1.5, "-1e400"]}


def test_strings_without_an_end_are_looked_at_once() -> None:
    began = time.process_time()
    with pytest.raises(Problem, match="not JSON"):
        read_json(b'[1e400, "' + b'\\"' * 500_000)

    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    "content",
    [
        [],
        {},
        {"data": []},
        {"data": 1},
        {"data": [[]]},
        {"data": [1]},
        {"data": [HOUSING_ROW[:-1]]},
        {"data": [[*HOUSING_ROW, 1]]},
        {"data": [HOUSING_ROW], "records": [housing()]},
        {"data": [HOUSING_ROW], "more": 1},
        {"records": [HOUSING_ROW]},
        {"records": [{}]},
        b'{"data": [[1e400]]}',
        b'{"data": 1e400}',
    ],
)
def test_a_wrong_shape_is_refused(client: Client, content: Any) -> None:
    assert post(client, content).status_code == 422


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"data": [[NaN]]}',
        b'{"data": [[Infinity]]}',
        b'{"data": [[-Infinity]]}',
        b'{"data": "\xff"}',
        b'\xef\xbb\xbf{"data": []}',
        '{"data": [[1]]}'.encode("utf-16"),
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"data": [[1]]} x',
    ],
)
def test_what_is_not_json_is_refused(client: Client, body: bytes) -> None:
    assert post(client, body).status_code == 400


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/json; charset=latin-1",
        "application/json; profile=x; charset=utf-16",
        "application/jsonx",
        "",
    ],
)
def test_another_content_type_is_refused(client: Client, housing_body: bytes, content_type: str) -> None:
    assert post(client, housing_body, headers={**KEY, "Content-Type": content_type}).status_code == 415


@pytest.mark.parametrize(
    "parameters", ["charset=utf-8;", 'charset="UTF-8"; profile=x', "odata.metadata=minimal;charset=utf-8", 'q="a;b"']
)
def test_a_content_type_may_have_parameters(client: Client, housing_body: bytes, parameters: str) -> None:
    headers = {**KEY, "Content-Type": f"application/json; {parameters}"}

    assert post(client, housing_body, headers=headers).status_code == 200


def test_a_byte_that_is_not_utf_8_is_named_by_its_place_in_the_body(client: Client) -> None:
    assert post(client, '{"data": [["Süd"]]}'.encode("latin-1")).json["detail"].endswith("position 13")


def test_a_problem_has_the_phrase_of_its_status_for_a_title(client: Client) -> None:
    assert post(client, {"data": []}).json["title"] == "Unprocessable Content"


@pytest.mark.parametrize("headers", [{}, {"X-API-KEY": ""}, {"X-API-KEY": "mercado"}, {"Authorization": "Bearer x"}])
def test_a_request_without_a_valid_key_is_refused(client: Client, housing_body: bytes, headers: dict[str, str]) -> None:
    answer = post(client, housing_body, headers={"Content-Type": "application/json", **headers})

    assert answer.status_code == 401


def test_a_model_that_is_not_deployed_is_not_found(client: Client, housing_body: bytes) -> None:
    assert post(client, housing_body, "/models/nothing/predict").status_code == 404


def test_the_callers_request_id_comes_back(client: Client, housing_body: bytes) -> None:
    answer = post(client, housing_body, headers={**JSON, "X-Request-ID": "order-66"})

    assert (answer.json["request_id"], answer.headers["X-Request-ID"]) == ("order-66", "order-66")


def test_a_malformed_request_id_is_replaced(client: Client, housing_body: bytes) -> None:
    answer = post(client, housing_body, headers={**JSON, "X-Request-ID": 'a"b'})

    assert answer.json["request_id"] not in ("", 'a"b')


def test_errors_are_problem_json(client: Client) -> None:
    assert post(client, b"{").content_type == "application/problem+json"


@pytest.mark.parametrize(("path", "row"), [("/predict", HOUSING_ROW), ("/models/penguins/predict", PENGUIN_ROWS[0])])
def test_rows_beyond_one_run_of_the_graph_are_answered_like_the_first(client: Client, path: str, row: Any) -> None:
    (one,) = post(client, {"data": [row]}, path).json["predictions"]
    many = post(client, {"data": [row] * 5000}, path).json["predictions"]

    assert many == ([one] * 5000 if isinstance(one, str) else pytest.approx([one] * 5000, rel=1e-6))
