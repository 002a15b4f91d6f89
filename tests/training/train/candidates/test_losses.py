"""Losses of regressions: what answers are, natively and as graphs."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from mixed import NUMBERS, Case, case_of, frame_of, model_of, train_on
from sklearn.linear_model import PoissonRegressor, QuantileRegressor

from molino.contracts.errors import ModelFileError
from training.splits import TEST
from training.train.candidates.losses import wrong_loss
from training.train.export import export_candidate
from training.train.graph_predictions import graph_predictions

LINEAR, TREES = {"kind": "linear", "alpha": 1e-4}, {"kind": "gradient_boosting", "max_iter": 30}
LOSSES: list[dict[str, Any]] = [
    *({**kind, "loss": loss} for kind in (LINEAR, TREES) for loss in ("squared_error", "poisson")),
    *({**kind, "loss": "quantile", "quantile": 0.9} for kind in (LINEAR, TREES)),
    {**TREES, "loss": "absolute_error"},
]


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """Counts, whose mean grows with the size."""
    model = model_of("regression", NUMBERS)
    frame = frame_of(model)
    counts = np.random.default_rng(1).poisson(np.exp(frame["size"].to_numpy() / 20))
    return case_of(tmp_path_factory.mktemp("case"), model, frame.with_columns(pl.Series("y", counts, pl.Float64)))


@pytest.mark.parametrize("candidate", LOSSES, ids=lambda one: f"{one['kind']}-{one['loss']}")
def test_the_graph_answers_as_the_native_model(case: Case, candidate: dict[str, Any], tmp_path: Path) -> None:
    trained = train_on(case, **candidate)
    path = tmp_path / "one.onnx"
    path.write_bytes(export_candidate(case.model, case.material.encoding, trained).SerializeToString())
    rows = case.dataset.sample(TEST, 1000, 1).features
    answers = graph_predictions(path, case.model, case.material.encoding)(rows)
    assert answers == pytest.approx(trained.predict(rows), rel=1e-5, abs=1e-5)


@pytest.mark.parametrize(
    ("loss", "peer"),
    [
        ({"loss": "poisson"}, PoissonRegressor(alpha=1e-4, max_iter=1000)),
        ({"loss": "quantile", "quantile": 0.9}, QuantileRegressor(alpha=1e-4, quantile=0.9)),
    ],
)
def test_a_linear_model_answers_as_its_peer_of_scikit_learn(case: Case, loss: dict[str, Any], peer: Any) -> None:
    rows, dense = case.material.train, case.material.encoding.dense
    peer.fit(dense(rows.features).astype(float), rows.target)
    expected = peer.predict(dense(rows.features).astype(float))
    assert train_on(case, **LINEAR, **loss).predict(rows.features) == pytest.approx(expected)


@pytest.mark.parametrize("kind", [LINEAR, TREES], ids=lambda one: one["kind"])
def test_a_quantile_has_its_share_of_rows_below_it(case: Case, kind: dict[str, Any]) -> None:
    rows = case.material.train
    answers = train_on(case, **kind, loss="quantile", quantile=0.9).predict(rows.features)
    assert np.mean(rows.target <= answers) == pytest.approx(0.9, abs=0.04)


@pytest.mark.parametrize(
    ("loss", "said"),
    [({"loss": "quantile"}, "required by loss: quantile"), ({"quantile": 0.5}, "a quantile belongs to loss: quantile")],
)
def test_a_quantile_and_its_loss_come_together(loss: dict[str, Any], said: str) -> None:
    with pytest.raises(ModelFileError, match=said):
        model_of("regression", candidates=[{"name": "one", "kind": "linear", **loss}])


@pytest.mark.parametrize(
    ("task", "more", "said"),
    [
        ("binary", {}, "a loss is a regression's to choose"),
        ("regression", {"target": {"name": "y", "transform": "log"}}, "takes the target as it is"),
    ],
)
def test_a_loss_that_the_target_has_no_use_for_is_refused(task: str, more: dict[str, Any], said: str) -> None:
    model = model_of(task, candidates=[{"name": "one", "kind": "linear", "loss": "poisson"}], **more)
    candidate = model.candidates[0]
    assert candidate.kind == "linear"
    (found,) = wrong_loss(candidate, model)
    assert said in found[1]
