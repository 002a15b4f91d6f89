from datetime import UTC, datetime

import polars as pl
import pytest
from graphs import external_graph

from molino.contracts.errors import ReleaseError, StepError
from molino.contracts.model_file import Category, Integer, Number
from molino.contracts.release import Reference, Release
from training.register.bundle import build_example, release_feature, write_bundle
from training.stores.file import FolderStore

LEARNT = Reference(rows=3, missing=0, values=("female", "male"), counts=(1, 2))
COUNTED = Reference(rows=3, missing=0, edges=(0.0, 1.0), counts=(3,))


@pytest.mark.parametrize(("policy", "said"), [("refuse", "refuse"), ("drop", "refuse"), ("impute", "impute")])
def test_a_request_may_leave_out_only_what_the_graph_fills_in(policy, said):
    feature = Number(name="a", type="number", missing=policy)
    assert release_feature(feature, COUNTED).missing == said


def test_values_that_are_not_listed_are_those_learnt():
    assert release_feature(Category(name="sex", type="category"), LEARNT).values == ("female", "male")


def test_listed_values_stay_as_listed():
    feature = Category(name="sex", type="category", values=("male", "female", "unknown"), unseen="other")
    found = release_feature(feature, LEARNT)
    assert (found.values, found.unseen) == (("male", "female", "unknown"), "other")


def test_a_range_and_a_unit_are_kept():
    found = release_feature(Integer(name="a", type="integer", minimum=1, maximum=9, unit="mm"), COUNTED)
    assert (found.minimum, found.maximum, found.unit) == (1, 9, "mm")


def penguin_features(**changes):
    kinds = {"island": "category", "sex": "category", "bill_length_mm": "number", "bill_depth_mm": "number"}
    names = ("island", "bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g", "sex", "year")
    made = []
    for name in names:
        kind = kinds.get(name, "integer")
        known = Category(name=name, type=kind) if kind == "category" else Number(name=name, type="number")
        values = ("Biscoe", "Dream", "Torgersen") if name == "island" else ("female", "male")
        reference = Reference(rows=1, missing=0, values=values, counts=(1,) * len(values))
        one = release_feature(known, reference)
        made.append(one.model_copy(update={"type": kind, "missing": "impute"} | changes.get(name, {})))
    return tuple(made)


def test_an_example_has_the_types_of_a_request(graphs):
    graph, _, path = graphs["penguins"]
    example = build_example(penguin_features(), graph, path)
    assert [type(value) for value in example.data[0]] == [str, float, float, int, int, str, int]


def test_an_example_is_spread_over_the_rows(graphs):
    graph, _, path = graphs["penguins"]
    assert set(build_example(penguin_features(), graph, path).predictions) == {"Adelie", "Chinstrap", "Gentoo"}


def test_a_missing_value_is_null_where_the_graph_fills_it_in(graphs, tmp_path):
    graph, rows, _ = graphs["penguins"]
    rows.filter(pl.col("sex").is_null() & pl.col("body_mass_g").is_null()).write_parquet(tmp_path / "rows.parquet")
    row = build_example(penguin_features(), graph, tmp_path / "rows.parquet").data[0]
    assert row[1:6] == (None, None, None, None, None)


def test_rows_that_a_request_may_not_give_are_no_example(graphs):
    graph, _, path = graphs["penguins"]
    example = build_example(penguin_features(sex={"missing": "refuse"}), graph, path)
    assert None not in {row[5] for row in example.data}


def test_a_category_that_was_not_learnt_is_no_example(graphs):
    graph, _, path = graphs["penguins"]
    example = build_example(penguin_features(island={"values": ("Dream",)}), graph, path)
    assert {row[0] for row in example.data} == {"Dream"}


def test_without_any_row_that_may_be_asked_the_step_ends_with_a_clear_line(graphs):
    graph, _, path = graphs["penguins"]
    with pytest.raises(StepError, match="no held-out row has only values that a request may give"):
        build_example(penguin_features(island={"values": ("Atlantis",)}), graph, path)


@pytest.fixture
def release(registered) -> Release:
    run = registered("housing")
    return Release.model_validate_json(run.store.read("releases/housing/1/release.json"))


@pytest.fixture
def onnx_file(tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"graph")
    return tmp_path / "model.onnx"


def test_a_bundle_is_two_objects(release, onnx_file, tmp_path):
    store = FolderStore(tmp_path / "store")
    write_bundle(store, release, onnx_file)
    assert list(store.list("releases/")) == ["releases/housing/1/model.onnx", "releases/housing/1/release.json"]


def test_a_bundle_written_again_is_the_same(release, onnx_file, tmp_path):
    store = FolderStore(tmp_path / "store")
    assert write_bundle(store, release, onnx_file) == write_bundle(store, release, onnx_file)


@pytest.mark.parametrize("changed", ["model.onnx", "release.json"])
def test_a_bundle_is_never_changed(changed, release, onnx_file, tmp_path):
    store = FolderStore(tmp_path / "store")
    write_bundle(store, release, onnx_file)
    if changed == "model.onnx":
        onnx_file.write_bytes(b"another graph")
    else:
        release = release.model_copy(update={"created": datetime(2030, 1, 1, tzinfo=UTC)})
    with pytest.raises(ReleaseError, match=f"{changed} is there with other bytes"):
        write_bundle(store, release, onnx_file)


def test_a_graph_with_weights_in_files_makes_no_bundle(release, onnx_file, tmp_path):
    store = FolderStore(tmp_path / "store")
    onnx_file.write_bytes(external_graph("branch", "../ext/weights"))
    with pytest.raises(ReleaseError, match="weights from files beside it"):
        write_bundle(store, release, onnx_file)
    assert list(store.list("releases/")) == []
