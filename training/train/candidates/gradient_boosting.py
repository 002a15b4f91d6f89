"""Histogram gradient boosting of scikit-learn, stopped by the validation rows or after a number of rounds."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molino.contracts.candidates.gradient_boosting import GradientBoosting
from molino.contracts.contradictions import Contradiction
from molino.contracts.errors import StepError
from molino.contracts.model_file import LoadedModel
from training.features.fitted import Float32Array
from training.train.candidates.boosters import ROWS_FOR_THREADS, floor_to_32_bits, form_of, tell_losses
from training.train.candidates.contract import Material
from training.train.candidates.forms import Placed
from training.train.candidates.losses import answered, wrong_loss
from training.train.candidates.sklearn_model import SKLEARN_PACKAGES, SKOPS, TREES, save_sklearn
from training.train.export import Export

FIRST = (SKOPS,)
PATIENCE = 50
"""Rounds without a better loss on the validation rows before it stops; the rounds after the best one are dropped."""


class Boosting:
    """Trees over the indexed encoding; a missing value goes the way that the tree has learnt for it.

    A category enters in the order of the target's mean (`training.train.candidates.tree_categories`).
    """

    native_packages = SKLEARN_PACKAGES

    def __init__(self, estimator: Any, form: Placed, rows_trained: int) -> None:
        self.estimator = estimator
        self.form = form
        self.rows_trained = rows_trained
        round_thresholds_down(estimator)

    def predict(self, features: Float32Array) -> NDArray[np.float64]:
        """Answer rows with scikit-learn."""
        asked = getattr(self.estimator, "predict_proba", self.estimator.predict)
        with _threads_for(len(features)):
            return np.asarray(asked(self.form(features)), np.float64)

    def export(self, graph: Export) -> str:
        """Add one tree ensemble; two classes have the logits 0 and z, and the trees add to z."""
        trees = self.estimator._predictors
        base = self.estimator._baseline_prediction.ravel()
        targets = len(base)
        binary = targets == 1 and hasattr(self.estimator, "classes_")
        attributes = tree_attributes(trees, first_target=int(binary))
        attributes["base_values"] = [0.0, *base.tolist()] if binary else base.tolist()
        attributes["n_targets"] = targets + int(binary)
        raw = graph.node("TreeEnsembleRegressor", [self.form.export(graph)], "raw", ml=True, **attributes)
        return answered(graph, raw, self.estimator)

    def save_native(self, folder: Path, requirements: list[str]) -> None:
        """Save as an MLflow scikit-learn model."""
        save_sklearn(self.estimator, folder, requirements, (TREES,))

    def params(self) -> dict[str, Any]:
        """How many rounds it took."""
        return {"rounds": self.rounds}

    @property
    def rounds(self) -> int:
        """How many rounds were kept."""
        return int(self.estimator.n_iter_)


def faults(candidate: GradientBoosting, loaded: LoadedModel) -> Iterator[Contradiction]:
    """Yield a loss that can't be had here."""
    yield from wrong_loss(candidate, loaded.file)


def fit(candidate: GradientBoosting, material: Material) -> Boosting:
    """Train on the rows in memory."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    form = form_of(material)
    kind = HistGradientBoostingClassifier if material.classes else HistGradientBoostingRegressor
    own = {} if candidate.loss is None else {"loss": candidate.loss, "quantile": candidate.quantile}
    estimator = kind(
        **own,
        learning_rate=candidate.learning_rate,
        max_iter=material.rounds or candidate.max_iter,
        max_leaf_nodes=candidate.max_leaf_nodes,
        min_samples_leaf=candidate.min_samples_leaf,
        l2_regularization=candidate.l2_regularization,
        early_stopping=material.rounds is None,
        n_iter_no_change=PATIENCE,
        tol=0.0,
        scoring="loss",
        categorical_features=None,
        random_state=material.seed,
    )
    train, validation = material.train, material.validation
    with _threads_for(len(train)):
        encoded = form(train.features)
        encoded[:, np.isnan(encoded).all(axis=0)] = 0  # scikit-learn can't bin a column without any value
        if material.rounds:
            estimator.fit(encoded, train.target, sample_weight=train.weights)
            return Boosting(estimator, form, len(train))
        estimator.fit(
            encoded,
            train.target,
            sample_weight=train.weights,
            X_val=form(validation.features),
            y_val=validation.target,
            sample_weight_val=validation.weights,
        )
    on_train, on_validation = -estimator.train_score_, -estimator.validation_score_
    rounds = estimator.n_iter_
    tell_losses(material, on_train[1:], on_validation[1:])  # the first are from before any round
    if not np.isfinite(on_validation[1:]).any():
        raise StepError(
            f"the loss on validation rows was never finite in {rounds} rounds; try a learning_rate smaller than "
            f"{candidate.learning_rate:g}"
        )
    best = max(1, int(np.argmin(on_validation)))
    estimator._predictors = estimator._predictors[:best]
    return Boosting(estimator, form, len(train))


def _threads_for(rows: int) -> AbstractContextManager[Any]:
    """Keep to one thread for few rows: there, threads that wait for each other take longer than the work."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    return threadpool_limits(1, "openmp") if rows < ROWS_FOR_THREADS else nullcontext()


def round_thresholds_down(estimator: Any) -> None:
    """Put each threshold on a 32-bit float, as the graph has it."""
    for tree in (tree for trees in estimator._predictors for tree in trees):
        tree.nodes["num_threshold"] = floor_to_32_bits(tree.nodes["num_threshold"])


def tree_attributes(trees: list[list[Any]], first_target: int) -> dict[str, Any]:
    """Return the attributes of a TreeEnsembleRegressor: the nodes of all trees, one after the other."""
    nodes = [tree.nodes for of_round in trees for tree in of_round]
    targets = [first_target + target for of_round in trees for target in range(len(of_round))]
    sizes = [len(of_tree) for of_tree in nodes]
    table = np.concatenate(nodes)
    tree_ids = np.repeat(np.arange(len(nodes)), sizes)
    node_ids = np.concatenate([np.arange(size) for size in sizes])
    leaf = table["is_leaf"].astype(bool)

    def whole(values: NDArray[Any]) -> list[int]:
        return [int(value) for value in values]

    return {
        "nodes_treeids": whole(tree_ids),
        "nodes_nodeids": whole(node_ids),
        "nodes_featureids": whole(np.where(leaf, 0, table["feature_idx"])),
        "nodes_modes": ["LEAF" if is_leaf else "BRANCH_LEQ" for is_leaf in leaf],
        "nodes_values": np.where(leaf, 0.0, table["num_threshold"]).astype(np.float32).tolist(),
        "nodes_truenodeids": whole(np.where(leaf, 0, table["left"])),
        "nodes_falsenodeids": whole(np.where(leaf, 0, table["right"])),
        "nodes_missing_value_tracks_true": whole(np.where(leaf, 0, table["missing_go_to_left"])),
        "target_treeids": whole(tree_ids[leaf]),
        "target_nodeids": whole(node_ids[leaf]),
        "target_ids": whole(np.repeat(targets, sizes)[leaf]),
        "target_weights": table["value"][leaf].astype(np.float32).tolist(),
    }
