import json

import numpy as np
import pytest

from molino.contracts.errors import ReleaseError, StoreError
from molino.contracts.model_file import load_model
from molino.contracts.release import Release
from training.evaluate.champion import read_release, score_champion, why_not_comparable
from training.evaluate.step import read_target
from training.graphs.graph import Graph, answer_file
from training.metrics.resamples import Resamples
from training.metrics.score import measure
from training.tracking.registry import CHAMPION, point_alias


@pytest.fixture
def release(registered):
    run = registered("penguins")
    return Release.model_validate_json(run.store.read("releases/penguins/1/release.json"))


@pytest.fixture
def model(registered):
    return registered("penguins").loaded.file


def test_a_release_of_the_same_model_file_is_comparable(release, model):
    assert why_not_comparable(release, model) is None


def test_a_release_that_needs_fewer_features_is_comparable(release, model):
    fewer = release.model_copy(update={"features": release.features[1:]})
    assert why_not_comparable(fewer, model) is None


def test_a_release_that_needs_a_feature_gone_since_is_not(release, model):
    without = model.model_copy(update={"features": model.features[1:]})
    assert why_not_comparable(release, without) == "it needs island, which the model file no longer has in that form"


def test_a_release_that_needs_a_feature_of_another_type_is_not(release, model):
    other = release.model_copy(update={"features": (release.features[0].model_copy(update={"type": "number"}),)})
    assert "it needs island" in str(why_not_comparable(other, model))


def test_a_release_of_other_classes_is_not(release, model):
    other = release.model_copy(update={"classes": ("Adelie", "Emperor")})
    assert why_not_comparable(other, model) == "its classes are Adelie, Emperor"


def test_a_release_of_another_target_is_not(release, model, registered):
    other = Release.model_validate_json(registered("housing").store.read("releases/housing/1/release.json"))
    assert why_not_comparable(other, model) == "it predicts medv (regression), not species (classification)"


@pytest.fixture
def scene(new_run, tmp_path):
    """A run whose release is champion, and how to score it."""
    run = new_run("penguins", changes={"gate": {}})
    run.step("evaluate")
    run.step("register")
    point_alias(run.client, "penguins", CHAMPION, "1")
    held_out = run.home / "made" / "r1" / "held_out.parquet"
    actual = read_target(held_out, run.loaded.file)

    def score():
        resamples = Resamples(len(actual), 0)
        return score_champion(run.client, run.store, run.loaded.file, held_out, actual, resamples, tmp_path)

    return run, held_out, actual, score


def test_the_champion_scores_as_its_graph_does(scene):
    run, held_out, actual, score = scene
    graph = Graph(run.home / "made" / "r1" / "good.onnx", *_columns(run))
    expected = measure(actual, answer_file(graph, held_out), Resamples(len(actual), 0))["log_loss"]
    assert np.array_equal(score().measures["log_loss"].samples, expected.samples)


def test_a_champion_whose_graph_was_altered_is_refused(scene):
    run, _, _, score = scene
    run.store.write("releases/penguins/1/model.onnx", b"another")
    with pytest.raises(StoreError, match=r"penguins/1/model\.onnx: sha256 is"):
        score()


def test_a_champion_whose_bundle_is_gone_is_told_of(scene):
    run, _, _, score = scene
    run.store.delete("releases/penguins/1/release.json")
    with pytest.raises(StoreError, match=r"releases/penguins/1/release\.json"):
        score()


def test_a_release_of_another_form_is_refused(scene):
    run, _, _, _ = scene
    run.store.write("releases/penguins/1/release.json", json.dumps({"name": "penguins"}).encode())
    with pytest.raises(ReleaseError, match=r"release\.json is no release of this version of Molino"):
        read_release(run.store, "penguins", "1")


def _columns(run):
    model = load_model(run.loaded.path).file
    return [feature.name for feature in model.features], model.target.classes
