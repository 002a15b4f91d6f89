import json
import re
from pathlib import Path

import pytest
import yaml

from molino.contracts.errors import ModelFileError
from molino.contracts.model_file import ModelFile, find_models, load_model, parse_model
from molino.contracts.model_file.json_schema import SCHEMA_PATH, model_file_schema

MODELS = Path(__file__).parents[4] / "pipelines" / "models"
FILE = """\
name: homes
title: Homes
task: regression
source:
  uri: homes.csv
target:
  name: price
features:
  - {name: size, type: number}
  - name: rooms
    type: integer
    minimum: 1
    maximum: 20
  - {name: garden, type: boolean}
  - {name: area, type: category, values: [north, south]}
candidates:
  - {name: linear, kind: linear}
  - name: mlp
    kind: keras_mlp
    hidden: [8]
metric: rmse
gate:
  bounds:
    rmse: {maximum: 4}
resources:
  train: {cpu: "1", memory: 2Gi}
schedule: "0 3 * * *"
"""
CLASSES = FILE.replace("task: regression", "task: classification").replace("rmse", "accuracy")


def changed(old: str, new: str, text: str = FILE) -> bytes:
    assert text.count(old) == 1, f"{old!r} must be in the file once"
    return text.replace(old, new).encode()


def refused(data: bytes) -> list[str]:
    with pytest.raises(ModelFileError) as caught:
        parse_model(data, "model.yaml")
    return str(caught.value).splitlines()


def test_the_file_of_these_tests_is_right() -> None:
    assert parse_model(FILE.encode(), "model.yaml").columns == ("size", "rooms", "garden", "area", "price")


@pytest.mark.parametrize("name", ["housing", "penguins"])
def test_each_model_of_the_project_is_right(name: str) -> None:
    assert load_model(MODELS / name).file.name == name


FAULTS = {
    "an unknown key": (
        "task: regression",
        "task: regression\ncolour: red",
        4,
        "colour",
        "unknown key; expected one of",
    ),
    "an unknown key of a section": (
        "uri: homes.csv",
        "uri: homes.csv\n  url: x",
        6,
        "source.url",
        "one of uri, format",
    ),
    "an unknown key of a feature": ("minimum: 1", "minimun: 1", 12, "features.1.minimun", "type, description"),
    "an unknown key of a boolean": ("type: boolean", "type: boolean, unit: m", 14, "features.2.unit", "unknown key"),
    "an unknown key of a candidate": ("hidden: [8]", "layers: [8]", 20, "candidates.1.layers", "hidden, activation"),
    "an unknown key of a bound": ("{maximum: 4}", "{max: 4}", 24, "gate.bounds.rmse.max", "one of minimum, maximum"),
    "an unknown key of resources": ("memory: 2Gi", "ram: 2Gi", 26, "resources.train.ram", "cpu, memory"),
    "a missing key": ("title: Homes\n", "", 1, "title", "this key is required"),
    "a missing key of a section": ("  name: price", "  unit: USD", 6, "target.name", "this key is required"),
    "a missing type": (
        "    type: integer\n",
        "",
        10,
        "features.1.type",
        "one of boolean, category, date, datetime, integer, number",
    ),
    "an unknown type": (
        "type: integer",
        "type: int",
        11,
        "features.1.type",
        "'boolean', 'category', 'date', 'datetime', 'integer'",
    ),
    "a missing kind": ("    kind: keras_mlp\n", "", 18, "candidates.1.kind", "keras_mlp, lightgbm, linear"),
    "an unknown kind": ("kind: keras_mlp", "kind: forest", 19, "candidates.1.kind", "'gradient_boosting', 'keras_mlp'"),
    "a word for a number": ("minimum: 1", "minimum: one", 12, "features.1.minimum", "expected a valid integer"),
    "a fraction for an integer": ("minimum: 1", "minimum: 1.5", 12, "features.1.minimum", "expected a valid integer"),
    "a truth for a number": (
        "{maximum: 4}",
        "{maximum: true}",
        24,
        "gate.bounds.rmse.maximum",
        "expected a valid number",
    ),
    "infinity": ("{maximum: 4}", "{maximum: .inf}", 24, "gate.bounds.rmse.maximum", "expected a finite number"),
    "not a number": ("{maximum: 4}", "{maximum: .nan}", 24, "gate.bounds.rmse.maximum", "expected a finite number"),
    "a number beyond all floats": ("{maximum: 4}", "{maximum: 1e999}", 24, "gate.bounds.rmse.maximum", "finite"),
    "an integer beyond 32-bit floats": ("minimum: 1", "minimum: -99999999", 12, "features.1.minimum", "-16777216"),
    "a number for text": ("title: Homes", "title: 7", 2, "title", "expected text; put it in quotes"),
    "a truth for a value": ("[north, south]", "[north, true]", 15, "features.3.values.1", "put it in quotes"),
    "nothing for text": ("title: Homes", "title:", 2, "title", "expected text"),
    "an empty list": ("[north, south]", "[]", 15, "features.3.values", "expected a list of at least 1"),
    "one thing for a list": ("hidden: [8]", "hidden: 8", 20, "candidates.1.hidden", "expected a list"),
    "a name with a capital": ("name: homes", "name: Homes", 1, "name", "lower-case letters, digits and hyphens"),
    "a column with a blank": ("name: size", "name: the size", 9, "features.0.name", "letters, digits and underscores"),
    "a long delimiter": ("uri: homes.csv", "uri: homes.csv\n  delimiter: ';;'", 6, "source.delimiter", "one of , ; :"),
    "a digit as delimiter": (
        "uri: homes.csv",
        "uri: homes.csv\n  delimiter: '1'",
        6,
        "source.delimiter",
        "one of , ; :",
    ),
    "a memory without unit": ("memory: 2Gi", "memory: '2'", 26, "resources.train.memory", "such as 512Mi or 1.5Gi"),
    "an unknown step": ("  train: {", "  trane: {", 26, "resources.trane", "'ingest', 'version', 'train'"),
    "too large a test share": ("metric:", "split: {test: 1.0}\nmetric:", 21, "split.test", "less than 1"),
    "no rows left": ("metric:", "split: {test: 0.6, validation: 0.35}\nmetric:", 21, "split", "must be below 0.9"),
    "a bound of nothing": ("{maximum: 4}", "{}", 24, "gate.bounds.rmse", "give minimum, maximum or both"),
    "an hour past 23": ("0 3 * * *", "0 24 * * *", 27, "schedule", "a cron expression of five fields"),
    "a schedule of six fields": ("0 3 * * *", "0 0 3 * * *", 27, "schedule", "a cron expression of five fields"),
    "a day that never comes": ("0 3 * * *", "0 3 31 2 *", 27, "schedule", "a cron expression of five fields"),
    "an unknown preset": ("0 3 * * *", "@often", 27, "schedule", "@daily"),
    "an empty source": ("uri: homes.csv", "uri: ''", 5, "source.uri", "expected text that isn't empty"),
    "a seed beyond 32 bits": (
        "metric: rmse",
        "training: {seed: 4294967296}\nmetric: rmse",
        21,
        "training.seed",
        "equal to 4294967295",
    ),
    "a count beyond 32 bits": (
        "hidden: [8]",
        "epochs: 99999999999999999999",
        20,
        "candidates.1.epochs",
        "less than or equal to 2147483647",
    ),
    "a weight of a class that is none": (
        "metric: rmse",
        "training: {class_weight: {a: 0}}\nmetric: rmse",
        21,
        "training.class_weight.a",
        "than 0",
    ),
    "another word for the weights of classes": (
        "metric: rmse",
        "training: {class_weight: auto}\nmetric: rmse",
        21,
        "training.class_weight",
        "'balanced'",
    ),
    "a cost below 0": (
        "metric: rmse",
        "threshold: {costs: {a: -1}}\nmetric: rmse",
        21,
        "threshold.costs.a",
        "(got '-1')",
    ),
}


@pytest.mark.parametrize(("old", "new", "line", "key", "expected"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_named_with_line_key_and_expectation(old: str, new: str, line: int, key: str, expected: str) -> None:
    (message,) = refused(changed(old, new))
    assert re.match(rf"model\.yaml:{line}: {re.escape(key)}: .*{re.escape(expected)}", message), message


def test_what_was_found_is_told() -> None:
    (message,) = refused(changed("minimum: 1", "minimum: one"))
    assert message.endswith("(got 'one')")


def test_all_faults_are_told_at_once() -> None:
    lines = refused(changed("title: Homes\n", "").replace(b"minimum: 1\n", b"minimum: one\n"))
    assert [line.split(": ")[1] for line in lines] == ["title", "features.1.minimum"]


CONTRADICTIONS = {
    "target is a feature": ("name: price", "name: rooms", 7, "target.name", "'rooms' is also a feature"),
    "feature given twice": ("name: rooms", "name: size", 10, "features.1.name", "'size' is used twice"),
    "candidate given twice": ("name: mlp", "name: linear", 18, "candidates.1.name", "'linear' is used twice"),
    "name of an answer": ("name: size", "name: prediction", 9, "features.0.name", "rename the column"),
    "name of a probability": ("name: size", "name: probability_a", 9, "features.0.name", "rename the column"),
    "metric of the other task": ("metric: rmse", "metric: accuracy", 21, "metric", "rmse, mae, mape"),
    "bound of no metric": ("    rmse: {", "    rmsee: {", 24, "gate.bounds.rmsee", "rmse, mae, mape"),
    "classes of a regression": ("name: price", "name: price\n  classes: [a, b]", 8, "target.classes", "classification"),
    "empty range": ("minimum: 1", "minimum: 21", 12, "features.1.minimum", "no more than maximum, which is 20"),
    "empty range of the target": (
        "name: price",
        "name: price\n  minimum: 2\n  maximum: 1",
        8,
        "target.minimum",
        "no more than maximum, which is 1",
    ),
    "empty bound": ("{maximum: 4}", "{minimum: 5, maximum: 4}", 24, "gate.bounds.rmse.minimum", "no more than maximum"),
    "value given twice": ("[north, south]", "[north, north]", 15, "features.3.values.1", "listed twice"),
    "value that means missing": ("[north, south]", '[north, "NA"]', 15, "features.3.values.1", "in source.missing"),
    "value with blanks": ("[north, south]", '[north, " south"]', 15, "features.3.values.1", "expected 'south'"),
    "limit below the request": (
        "memory: 2Gi",
        "memory: 2Gi, memory_limit: 1Gi",
        26,
        "resources.train.memory_limit",
        "2Gi",
    ),
    "example of another length": ("metric: rmse", "metric: rmse\nserving: {example: [1]}", 22, "serving.example", "4"),
    "bound below reach": ("{maximum: 4}", "{maximum: -4}", 24, "gate.bounds.rmse.maximum", "rmse is at least 0"),
    "bound above reach": (
        "rmse: {maximum: 4}",
        "r2: {minimum: 1.5}",
        24,
        "gate.bounds.r2.minimum",
        "r2 is at most 1 (got 1.5)",
    ),
    "example of another type": (
        "schedule:",
        "serving: {example: [1, 2.5, true, north]}\nschedule:",
        27,
        "serving.example.1",
        "expected a whole number, of rooms (got 2.5)",
    ),
    "example of no category": (
        "schedule:",
        "serving: {example: [1, 2, true, east]}\nschedule:",
        27,
        "serving.example.3",
        'expected one of north, south, of area (got "east")',
    ),
    "example with a text for a number": (
        "schedule:",
        "serving: {example: [x, 2, 1, north]}\nschedule:",
        27,
        "serving.example.0",
        "expected a number",
    ),
    "example with a number for a boolean": (
        "schedule:",
        "serving: {example: [1, 2, 5, north]}\nschedule:",
        27,
        "serving.example.2",
        "true or false",
    ),
    "example that lacks a value": (
        "schedule:",
        "serving: {example: [null, 2, true, north]}\nschedule:",
        27,
        "serving.example.0",
        "expected a value, as its missing isn't impute, of size (got null)",
    ),
}


@pytest.mark.parametrize(("old", "new", "line", "key", "expected"), CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_a_contradiction_is_named_with_line_and_key(old: str, new: str, line: int, key: str, expected: str) -> None:
    (message,) = refused(changed(old, new))
    assert re.match(rf"model\.yaml:{line}: {re.escape(key)}: .*{re.escape(expected)}", message), message


@pytest.mark.parametrize(
    ("target", "line", "key"),
    [
        ("name: price", 6, "target.classes"),
        ("name: price\n  classes: [a, b]\n  minimum: 0", 9, "target.minimum"),
        ("name: price\n  classes: [a, a]", 8, "target.classes.1"),
    ],
)
def test_a_classification_needs_classes_alone(target: str, line: int, key: str) -> None:
    (message,) = refused(changed("name: price", target, CLASSES))
    assert message.startswith(f"model.yaml:{line}: {key}: ")


def test_two_contradictions_are_told_at_once() -> None:
    lines = refused(
        changed("metric: rmse", "metric: r3").replace(b"metric: r3", b"metric: accuracy").replace(b"price", b"size")
    )
    assert [line.split(": ")[1] for line in lines] == ["target.name", "metric"]


def test_contradictions_are_refused_without_a_file_too() -> None:
    content = parse_model(FILE.encode(), "model.yaml").model_dump()
    with pytest.raises(ValueError, match="expected a metric of a regression"):
        ModelFile.model_validate(content | {"metric": "accuracy"})


NOT_YAML = {
    "a tab": (b"name: homes\n\ttitle: x\n", 2, "not YAML"),
    "an open bracket": (b"name: [homes\n", 2, "not YAML"),
    "another encoding": ("name: höme".encode("latin-1"), 1, "expected UTF-8 text"),
    "a zero byte": (b"name: a\0b", 1, "expected UTF-8 text"),
    "an alias": (b"name: &a homes\ntitle: *a\n", 2, "aliases"),
    "two documents": (b"name: a\n---\nname: b\n", 2, "not YAML"),
    "deep nesting": (b"[" * 5000, 1, "nested too deeply"),
    "bytes": (b"name: homes\ntitle: !!binary aGk=\n", 2, "the tag !!binary isn't taken"),
    "a set": (b"name: homes\ntitle: !!set {a, b}\n", 2, "the tag !!set isn't taken"),
    "a day": (b"name: homes\ntitle: !!timestamp 2020-01-01\n", 2, "the tag !!timestamp isn't taken"),
    "no day": (b"name: homes\ntitle: !!timestamp x\n", 2, "the tag !!timestamp isn't taken"),
    "a list of pairs": (b"name: homes\nfeatures: !!omap [a: 1]\n", 2, "the tag !!omap isn't taken"),
    "Python": (b"name: homes\ntitle: !!python/name:os.system ''\n", 2, "the tag !!python/name:os.system isn't taken"),
    "an own tag": (b"name: homes\ntitle: !mine x\n", 2, "the tag !mine isn't taken"),
    "a tagged section": (b"name: homes\nsource: !!set\n  ? uri\n", 2, "the tag !!set isn't taken"),
    "no truth": (b"name: homes\ntitle: !!bool x\n", 2, "expected a value of the tag !!bool"),
    "no number": (b"name: homes\ntitle: !!float ''\n", 2, "expected a value of the tag !!float"),
    "half a character": (b'name: homes\ntitle: "\\ud83d"\n', 2, "surrogate"),
    "an endless number": (b"name: " + b"9" * 5000, 1, "not YAML"),
    "a key given twice": (b"name: a\ntitle: b\nname: c\n", 3, "name: this key is given twice"),
    "a key given twice deep inside": (b"source:\n  uri: a\n  uri: b\n", 3, "uri: this key is given twice"),
    "a list": (b"- name: a\n", 1, "expected a mapping"),
    "nothing": (b"", 1, "expected a mapping"),
}


@pytest.mark.parametrize(("data", "line", "expected"), NOT_YAML.values(), ids=NOT_YAML)
def test_what_is_no_mapping_is_refused_with_its_line(data: bytes, line: int, expected: str) -> None:
    (message,) = refused(data)
    assert re.match(rf"model\.yaml:{line}: .*{re.escape(expected)}", message), message


def test_json_may_write_a_character_as_a_surrogate_pair() -> None:
    assert json.dumps("\U0001f3e0") == '"\\ud83c\\udfe0"'
    model = parse_model(changed("[north, south]", json.dumps(["\U0001f3e0", "a \U0001f525"])), "model.yaml")
    assert model.features[3].values == ("\U0001f3e0", "a \U0001f525")


@pytest.mark.parametrize("value", ["yes", "no", "on", "off", "12:30", "2020-01-01", "~x"])
def test_words_that_old_yaml_takes_for_something_else_are_text(value: str) -> None:
    model = parse_model(changed("[north, south]", f"[{value}]"), "model.yaml")
    assert model.features[3].values == (value,)


@pytest.mark.parametrize(("text", "number"), [("1e-4", 1e-4), ("1E5", 1e5), (".5", 0.5), ("+2", 2.0), ("010", 10.0)])
def test_a_number_is_read_as_editors_read_it(text: str, number: float) -> None:
    model = parse_model(changed("{maximum: 4}", f"{{maximum: {text}}}"), "model.yaml")
    assert model.gate.bounds["rmse"].maximum == number


@pytest.mark.parametrize("schedule", ["@daily", "*/15 * * * *", "0 3 * * MON-FRI", "0 0 1 1,7 *"])
def test_schedules_are_cron_expressions_or_presets(schedule: str) -> None:
    assert parse_model(changed("0 3 * * *", schedule), "model.yaml").schedule == schedule


def test_a_model_file_is_frozen() -> None:
    model = parse_model(FILE.encode(), "model.yaml")
    with pytest.raises(ValueError, match="frozen"):
        model.title = "other"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        ModelFileError, match=re.escape(f"{tmp_path}/model.yaml: can't read the model file: No such file")
    ):
        load_model(tmp_path / "model.yaml")


def test_a_folder_stands_for_its_model_file(tmp_path: Path) -> None:
    (tmp_path / "model.yaml").write_text(FILE)
    assert load_model(tmp_path).path == tmp_path / "model.yaml"


def test_models_are_found_by_folder(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.yaml").touch()
    (tmp_path / "c").mkdir()
    assert list(find_models(tmp_path)) == ["a", "b"]


def test_the_schema_for_editors_is_up_to_date() -> None:
    assert json.loads((MODELS.parents[1] / SCHEMA_PATH).read_text()) == model_file_schema()


# The split.


def split_faults(split, **changes):
    content = yaml.safe_load((MODELS / "housing" / "model.yaml").read_text()) | changes | {"split": split}
    with pytest.raises(ModelFileError) as caught:
        parse_model(yaml.safe_dump(content).encode(), "model.yaml")
    return str(caught.value)


@pytest.mark.parametrize(
    ("split", "fault"),
    [
        ({"kind": "random"}, "split.kind: expected one of 'auto', 'group', 'hash', 'stratified', 'time'"),
        ({"kind": "group"}, "split.column: this key is required"),
        ({"kind": "time", "column": "day", "key": "id"}, "split.key: unknown key; expected one of kind, test"),
        ({"kind": "group", "column": "medv"}, "split.column: 'medv' is the target"),
        ({"kind": "hash", "key": ["id", "medv"]}, "split.key.1: 'medv' is the target"),
        ({"kind": "hash", "key": ["id", "id"]}, "split.key.1: 'id' is named twice"),
        ({"key": [1]}, "split.key.0: expected text"),
        ({"key": 1}, "split.key: expected text"),
        ({"test": 2}, "split.test: expected less than 1 (got '2')"),
        ({"folds": 2}, "split.folds: unknown key; expected one of kind, test, validation, seed, key"),
        ({"test": 0.5, "validation": 0.4}, "split: test + validation must be below 0.9"),
        ({"kind": "stratified"}, "split.kind: stratified goes by classes"),
    ],
)
def test_a_fault_of_the_split_names_its_key(split, fault):
    assert fault in split_faults(split)


@pytest.mark.parametrize(
    ("feature", "fault"),
    [
        ({"type": "category"}, "'crim' is a feature of type category; expected numbers or dates"),
        ({"type": "number", "missing": "impute"}, "split.column: 'crim' may be missing"),
    ],
)
def test_a_time_is_a_number_or_a_date(feature, fault):
    assert fault in split_faults({"kind": "time", "column": "crim"}, features=[{"name": "crim", **feature}])


@pytest.mark.parametrize(("key", "columns"), [("id", ("id",)), (["id", "crim"], ("id", "crim"))])
def test_a_key_is_a_column_or_a_list(key, columns):
    content = yaml.safe_load((MODELS / "housing" / "model.yaml").read_text()) | {"split": {"key": key}}
    model = parse_model(yaml.safe_dump(content).encode(), "model.yaml")
    assert (model.split.columns, model.columns_kept) == (columns, ("id",))


@pytest.mark.parametrize(
    ("costs", "key", "said"),
    [("{a: {a: 3}}", "threshold.costs.a.a", "right label"), ("{a: 0, b: 0}", "threshold.costs", "above 0")],
)
def test_costs_that_cost_nothing_are_refused(costs: str, key: str, said: str) -> None:
    text = CLASSES.replace("name: price", "name: price\n  classes: [a, b]").replace("maximum: 4", "maximum: 1")
    (message,) = refused(f"{text}threshold: {{costs: {costs}}}\n".encode())
    assert f": {key}: " in message
    assert said in message
