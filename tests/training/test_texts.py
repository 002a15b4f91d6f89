"""A model with free text on its whole way: from a CSV through every step to what serving and MLflow answer."""

import json
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from mixed import NUMBERS, Case, case_of, frame_of, model_of, train_on
from small_home import run_steps, small_home

from molino.contracts.errors import StepError
from molino.contracts.release import Release, release_prefix
from molino.contracts.settings import Settings
from molino.contracts.words import words_of
from serving.inference.explanation import explain
from serving.inference.model import Model, load_bundle
from training.features.words import Words, fit_words
from training.stores.file import FolderStore
from training.train import molino_pyfunc
from training.train.candidates import estimator
from training.train.export import export_candidate
from training.train.graph_predictions import graph_predictions
from training.train.parity import generate_rows

STEPS = ("ingest", "version", "train", "evaluate", "register")
WORDS = ("Größe", "garden", "lake", "noisy", "old", "new", "bright", "quiet")
CONTENT: dict[str, Any] = {
    "name": "flats",
    "title": "Flats",
    "task": "regression",
    "source": {"uri": "flats.csv"},
    "target": {"name": "rent"},
    "features": [
        {"name": "told", "type": "text", "missing": "impute", "ngrams": 2},
        {"name": "rooms", "type": "integer"},
    ],
    "candidates": [
        {"name": "linear", "kind": "linear", "alpha": 0.01},
        {"name": "boosting", "kind": "gradient_boosting", "max_iter": 60},
    ],
    "metric": "rmse",
}


@pytest.fixture(scope="module")
def home(mlflow_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("texts")
    rng = np.random.default_rng(0)
    rows = []
    for row in range(400):
        chosen, rooms = rng.choice(WORDS, rng.integers(1, 6), replace=False), rng.integers(1, 6)
        rent = 100 * rooms + 200 * ("lake" in chosen) - 150 * ("noisy" in chosen) + rng.normal(0, 5)
        rows.append(f'"{", ".join(chosen)}! nr{row}",{rooms},{rent:.2f}')
    rows += [",3,310", '"?!",3,305']
    settings = small_home(mlflow_database, root, CONTENT, ["told,rooms,rent", *rows])
    run_steps(settings, "flats", STEPS)
    return settings.home


@pytest.fixture(scope="module")
def release(home: Path) -> Release:
    return Release.model_validate_json(FolderStore(home / "store").read("releases/flats/1/release.json"))


@pytest.fixture(scope="module")
def model(home: Path) -> Model:
    return load_bundle(home / "store" / release_prefix("flats", "1"))


def asked(model: Model, *row: Any) -> float:
    return float(model.predict(model.read(json.dumps({"data": [row]}).encode())).values[0])


def test_each_kind_of_candidate_learns_of_words_and_none_fails(home: Path) -> None:
    record = json.loads((home / "store" / "runs" / "flats" / "r1" / "train.json").read_text())["result"]
    assert record["failed"] == {}
    rmse = {one["name"]: one["validation"]["rmse"] for one in record["candidates"]}
    assert len(rmse) == len(CONTENT["candidates"])
    assert max(rmse.values()) < 60  # without words it is about 110


def test_case_composition_and_punctuation_make_no_difference(model: Model) -> None:
    composed, apart = "Größe LAKE, garden", unicodedata.normalize("NFD", "grösse… (lake) garden")
    assert asked(model, composed, 3) == asked(model, apart, 3)
    assert asked(model, "lake", 3) - asked(model, "noisy", 3) > 200


def test_texts_without_a_word_and_missing_ones_are_alike(model: Model) -> None:
    assert asked(model, None, 3) == asked(model, "?!", 3) == asked(model, "neverheard", 3)


def test_tensors_take_texts(model: Model) -> None:
    answers = model.predict_columns([["Lake, garden", "noisy"], [3, 3]])
    assert answers.values == [asked(model, "lake garden", 3), asked(model, "noisy", 3)]


def test_an_explanation_gives_the_text_one_share(model: Model) -> None:
    (told,) = explain(model, model.read(json.dumps({"data": [["noisy old", 3]]}).encode()), 16)
    assert len(told.contributions) == 2
    assert told.contributions[0] < -50


def test_the_release_has_words_that_many_have_and_no_text_of_the_data(home: Path, release: Release) -> None:
    texts = [str(row[0]) for row in release.example.data]
    assert texts
    assert not any(word.startswith("nr") for text in texts for word in text.split())
    told = release.reference["told"]
    assert (told.rows - told.missing, told.values) == (sum(told.counts), None)
    report = json.loads((home / "store/runs/flats/r1/ingest/quality.json").read_text())["columns"][0]
    assert (report["unit"], report["missing"], report["minimum"], report["maximum"]) == ("words", 1, 0, 6)


@pytest.mark.filterwarnings("ignore")
def test_mlflow_answers_the_same(home: Path, model: Model) -> None:
    import mlflow
    import pandas as pd

    tracking = Settings(home=home).tracking_uri
    mlflow.set_tracking_uri(tracking)
    mlflow.set_registry_uri(tracking)
    loaded = mlflow.pyfunc.load_model("models:/flats@challenger")
    answers = loaded.predict(pd.DataFrame({"told": ["Lake, GARDEN", None], "rooms": [3.0, 3.0]}))
    assert answers["prediction"].tolist() == pytest.approx([asked(model, "lake garden", 3), asked(model, None, 3)])


KINDS: dict[str, dict[str, Any]] = {
    "sklearn": {"estimator": "sklearn.ensemble.RandomForestRegressor", "parameters": {"n_estimators": 10}},
    "lightgbm": {"parameters": {"n_estimators": 20}},
    "xgboost": {"parameters": {"n_estimators": 20}},
    "gradient_boosting": {"max_iter": 20},
    "linear": {},
}


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    told = {"name": "told", "type": "text", "missing": "impute", "ngrams": 3, "max_features": 20}
    model = model_of("regression", [told, *NUMBERS])
    frame, rng = frame_of(model_of("regression", NUMBERS)), np.random.default_rng(1)
    texts = [" ".join(rng.choice(WORDS, rng.integers(0, 9))).lower() for _ in range(len(frame))]
    frame = frame.with_columns(told=pl.Series([None, *texts[1:]], dtype=pl.String))
    return case_of(tmp_path_factory.mktemp("case"), model, frame.select(model.columns))


@pytest.mark.parametrize("kind", KINDS)
def test_the_graph_of_each_kind_answers_as_the_native_model(kind: str, case: Case, tmp_path: Path) -> None:
    trained = train_on(case, kind=kind, **KINDS[kind])
    encoding = case.material.encoding
    (tmp_path / "graph.onnx").write_bytes(export_candidate(case.model, encoding, trained).SerializeToString())
    rows = np.concatenate([case.material.validation.features, generate_rows(encoding, 1, 500)])
    graph = graph_predictions(tmp_path / "graph.onnx", case.model, encoding)
    assert np.allclose(graph(rows), trained.predict(rows), rtol=1e-5, atol=0.02)


def test_words_that_would_take_too_much_memory_are_refused(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimator, "FIT_BYTES", 1000)
    with pytest.raises(StepError, match=r"rows of 24 columns .* set training\.sample_rows to at most 5"):
        train_on(case, kind="gradient_boosting")


# Words.


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don't  panic!\n", "don t panic"),
        ("STRASSE Straße", "strasse strasse"),
        ("4,5 Zimmer", "4 5 zimmer"),
        ("हिन्दी में", "हिन्दी में"),
        ("a\0b", "a b"),
        ("…", ""),
    ],
)
def test_words_are_runs_of_letters_and_digits_in_one_case(text: str, words: str) -> None:
    assert words_of(text) == words


def test_words_of_words_are_the_same_as_mlflow_s_whatever_the_sign() -> None:
    signs = [f"a{chr(code)}b {chr(code)}" for code in range(0x3000) if not 0xD800 <= code <= 0xDFFF]
    words = [words_of(text) for text in signs]
    assert [words_of(text) for text in words] == words
    assert [molino_pyfunc.words_of(text) for text in signs] == words


# The form.

TEXTS = ("", "a b a b c", "a b", "b a", "c", "d unheard")


def fitted(ngrams: int = 2, most: int = 100, minimum_rows: int = 1) -> Words:
    codes = np.array([0, 1, 2, 3, 3, 4, np.nan], np.float32)
    found = fit_words(0, "told", True, codes, TEXTS, most, ngrams, minimum_rows)
    assert isinstance(found, Words)
    return found


def test_weights_are_those_of_scikit_learn() -> None:
    from scipy.sparse import csr_array
    from sklearn.feature_extraction.text import TfidfVectorizer

    peer = TfidfVectorizer(analyzer="word", token_pattern=r"\S+", ngram_range=(1, 2))
    trained = peer.fit(["", "a b a b c", "a b", "b a", "b a", "c", ""])
    found = fitted()
    order = [peer.vocabulary_[" ".join(gram)] for gram in found.vocabulary]
    codes = np.array([*range(len(TEXTS)), np.nan], np.float32)
    assert np.allclose(found.dense(codes), trained.transform([*TEXTS, ""]).toarray()[:, order], atol=1e-6)
    pointers, columns, cells = found.sparse(codes)
    sparse = csr_array((cells, columns, pointers), shape=(len(codes), found.width)).toarray()
    assert np.allclose(sparse, found.dense(codes))


def test_words_of_training_rows_alone_are_counted_and_the_commonest_kept() -> None:
    assert ("d",) not in fitted().vocabulary
    assert fitted(most=2).vocabulary == (("a",), ("b",))
    assert fitted(minimum_rows=4).vocabulary == (("a",), ("b",))
    assert fitted(ngrams=1).numbers(np.array([1, np.nan], np.float32)).tolist() == [[2, 2, 1], [0, 0, 0]]


def test_no_word_in_enough_rows_is_refused_with_the_key() -> None:
    with pytest.raises(StepError, match="has no word that 9 training rows have; set a smaller minimum_rows"):
        fitted(minimum_rows=9)
