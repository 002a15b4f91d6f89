import copy
import json
import re
import shutil

import numpy as np
import polars as pl
import pytest

from molino.contracts.release import Release, Score
from training.evaluate.champion import HeldOut, best_of_last, compare, read_last, why_not_comparable
from training.evaluate.scoring import read_target
from training.graphs.graph import Graph, answer_file
from training.splits import unseen
from training.stores.file import FolderStore


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


def test_a_release_that_has_a_feature_in_another_unit_is_not(release, model):
    position = next(index for index, feature in enumerate(release.features) if feature.unit)
    name, unit = release.features[position].name, release.features[position].unit
    features = list(release.features)
    features[position] = features[position].model_copy(update={"unit": "inch"})
    other = release.model_copy(update={"features": tuple(features)})
    assert why_not_comparable(other, model) == f"its {name} is in inch, that of the model file in {unit}"


def test_a_release_of_a_target_in_another_unit_is_not(registered):
    run = registered("housing")
    release = Release.model_validate_json(run.store.read("releases/housing/1/release.json"))
    other = release.model_copy(update={"target_unit": "EUR"})
    assert why_not_comparable(other, run.loaded.file) == "its medv is in EUR, that of the model file in 1000 USD"


@pytest.fixture
def scene(registered, tmp_path):
    """A copy of a run whose release is in the store, and how to put it beside the same run's good candidate."""
    run = copy.copy(registered("penguins"))
    run.home = shutil.copytree(run.home, tmp_path / "home")
    run.store = FolderStore(run.home / "store")
    return Scene(run, tmp_path)


class Scene:
    def __init__(self, run, folder):
        self.run, self.folder = run, folder
        self.path = run.home / "made" / "r1" / "held_out.parquet"
        self.actual = read_target(self.path, run.loaded.file)

    @property
    def rows(self):
        return pl.read_parquet(self.path)

    def compare(self):
        model = self.run.loaded.file
        features = [feature.name for feature in model.features]
        graph = Graph(self.run.home / "made" / "r1" / "good.onnx", features, model.target.classes)
        held_out = HeldOut(self.path, self.actual, answer_file(graph, self.path), 0)
        return compare(self.run.store, model, "1", held_out, self.folder)

    def release(self, **changes):
        """Change the release in the store."""
        key = "releases/penguins/1/release.json"
        release = json.loads(self.run.store.read(key))
        self.run.store.write(key, json.dumps(release | changes).encode())

    def feature(self, position, **changes):
        """Change one feature of the release in the store."""
        features = json.loads(self.run.store.read("releases/penguins/1/release.json"))["features"]
        features[position] |= changes
        self.release(features=features)


def test_the_release_scores_as_its_graph_does(scene):
    beside = scene.compare()
    assert beside.rows == len(scene.actual)
    assert np.array_equal(beside.release["log_loss"].samples, beside.candidate["log_loss"].samples)


def test_only_rows_that_the_release_has_not_seen_are_compared(scene):
    """Under another seed other rows were held out: about a fifth of these."""
    split = scene.run.trained.split.model_copy(update={"seed": 5, "test": 0.6})
    scene.release(split=split.model_dump(mode="json"))
    beside = scene.compare()
    expected = unseen(split, scene.rows).sum()
    assert 30 <= beside.rows == expected < len(scene.actual)


def test_too_few_rows_to_compare_are_told(scene):
    scene.release(split=scene.run.trained.split.model_copy(update={"seed": 5, "test": 0.05}).model_dump(mode="json"))
    assert re.fullmatch(
        r"only \d of the held-out rows are such that it hasn't seen them; 30 are needed", scene.compare()
    )


def test_a_release_that_does_not_say_what_it_was_trained_on_is_not_compared(scene):
    scene.release(split=None)
    assert scene.compare() == "its release doesn't say which rows it was trained on"


def test_a_release_that_takes_no_missing_values_is_not_asked_about_them(scene):
    position = next(i for i, name in enumerate(scene.rows.columns) if scene.rows[name].null_count())
    name = scene.rows.columns[position]
    scene.feature(position, missing="refuse")
    expected = f"it takes no missing {name}, which {scene.rows[name].null_count()} of the rows have"
    assert scene.compare() == expected


def test_a_release_that_knows_fewer_values_is_not_asked_about_others(scene):
    scene.feature(0, values=["Biscoe", "Dream"], unseen="refuse")
    assert scene.compare() == "it knows no island 'Torgersen', which some of the rows have"


def test_a_release_whose_graph_was_altered_is_told_of(scene):
    scene.run.store.write("releases/penguins/1/model.onnx", b"another")
    assert "penguins/1/model.onnx: sha256 is" in scene.compare()


def test_a_release_whose_graph_does_not_fit_is_told_of(scene):
    scene.release(features=json.loads(scene.run.store.read("releases/penguins/1/release.json"))["features"][1:])
    assert "the graph's inputs are" in scene.compare()


def test_a_release_that_is_gone_is_told_of(scene):
    scene.run.store.delete("releases/penguins/1/release.json")
    assert "releases/penguins/1/release.json" in scene.compare()


def test_a_release_of_another_form_is_told_of(scene):
    scene.run.store.write("releases/penguins/1/release.json", json.dumps({"name": "penguins"}).encode())
    assert "release.json is no release of this version of Molino" in scene.compare()


def test_the_best_of_the_last_releases_is_that_of_the_metric(release):
    versions = [scored(release, version, loss) for version, loss in (("1", 0.3), ("2", 0.2), ("10", 0.25))]
    assert best_of_last(versions, "log_loss") == "2"


def test_a_release_of_long_ago_is_none_of_the_last(release):
    versions = [scored(release, str(version), 0.1 * version) for version in range(1, 13)]
    assert best_of_last(versions, "log_loss") == "3"


@pytest.mark.parametrize("change", [{"version": "2a"}, {"version": "3"}, {"name": "others"}])
def test_a_release_of_another_version_or_model_is_passed_over(scene, change):
    document = scene.run.store.read("releases/penguins/1/release.json")
    scene.run.store.write("releases/penguins/2/release.json", json.dumps(json.loads(document) | change).encode())
    found, unread = read_last(scene.run.store, scene.run.loaded.file)
    assert ([one.version for one in found], list(unread)) == (["1"], ["2"])


def test_a_release_that_cannot_be_read_is_passed_over(scene):
    scene.run.store.write("releases/penguins/2/release.json", b"{}")
    found, unread = read_last(scene.run.store, scene.run.loaded.file)
    assert ([one.version for one in found], list(unread)) == (["1"], ["2"])


def scored(release, version, loss):
    score = Score(value=loss, low=loss, high=loss)
    return release.model_copy(update={"version": version, "metrics": {"log_loss": score}})
