"""Gradient boosting of XGBoost, stopped by the validation rows or after a number of rounds."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from molino.contracts.candidates.xgboost import XGBoost
from molino.contracts.contradictions import Contradiction
from molino.contracts.model_file import LoadedModel
from training.train.candidates.boosters import (
    DEFAULT_ROUNDS,
    FEW_ROUNDS,
    ROUNDS,
    Boosted,
    by_columns,
    faults_of,
    form_of,
    names_of,
    settled,
    wrong_parameters,
)
from training.train.candidates.contract import Material
from training.train.candidates.forms import AsGiven

OWN = frozenset({"early_stopping_rounds", "callbacks", "enable_categorical", "feature_types", "missing"})
"""Parameters that aren't the model file's to give: `patience` and the form of the rows stand for them."""

OF_OBJECTIVES = frozenset({"huber_slope", "quantile_alpha", "tweedie_variance_power"})
"""Parameters that its class takes beside those it lists."""
HIGHER_IS_BETTER = ("auc", "map", "ndcg", "pre")
"""How the names of the metrics begin of which more is better; as its early stopping has it, all others are losses."""


class XGBoostModel(Boosted):
    """A fitted XGBoost estimator."""

    native_packages: ClassVar[tuple[str, ...]] = ("mlflow", "numpy", "xgboost")

    def save_native(self, folder: Path, requirements: list[str]) -> None:
        """Save as an MLflow XGBoost model, in its own format."""
        import mlflow.xgboost

        mlflow.xgboost.save_model(self.estimator.get_booster(), str(folder), pip_requirements=requirements)


def faults(candidate: XGBoost, loaded: LoadedModel) -> Iterator[Contradiction]:
    """Yield parameters that XGBoost doesn't take, and what it or the converter says of the others."""
    kind = _kind_of(bool(loaded.file.target.classes))
    taken = sorted(set(kind().get_params()) - OWN | OF_OBJECTIVES)
    wrong: list[Contradiction] = [
        (("parameters", name), f"XGBoost has no such parameter here; expected one of {', '.join(taken)}")
        for name in candidate.parameters
        if name not in taken
    ] or list(wrong_parameters(candidate.parameters, loaded.file))
    yield from wrong
    if wrong:
        return
    few = by_columns(candidate.parameters, names_of(loaded.file)) | FEW_ROUNDS | {"n_jobs": 1, "verbosity": 0}
    yield from faults_of(lambda rows, target: _tried(kind(**few), rows, target), loaded.file)


def _tried(estimator: Any, rows: Any, target: Any) -> XGBoostModel:
    """Train as `fit` does."""
    estimator.set_params(early_stopping_rounds=FEW_ROUNDS[ROUNDS])
    estimator.fit(rows, target, eval_set=[(rows, target)], verbose=False)
    return XGBoostModel(estimator, AsGiven(rows.shape[1]), len(rows), FEW_ROUNDS[ROUNDS])


def fit(candidate: XGBoost, material: Material) -> XGBoostModel:
    """Train on the rows in memory."""
    form, train, validation = form_of(material), material.train, material.validation
    kind = _kind_of(bool(material.classes))
    parameters = settled(by_columns(candidate.parameters, form.names), material, verbosity=0)
    rows = form(train.features)
    if material.rounds:
        estimator = kind(**parameters).fit(rows, train.target, sample_weight=train.weights)
        return XGBoostModel(estimator, form, len(train), material.rounds)
    sets = [(rows, train.target), (form(validation.features), validation.target)]
    rounds = int(parameters.get(ROUNDS) or DEFAULT_ROUNDS)
    estimator = kind(**parameters, early_stopping_rounds=candidate.patience, callbacks=[_teller(material, rounds)])
    counted = None if train.weights is None else [train.weights, validation.weights]
    estimator.fit(
        rows, train.target, sample_weight=train.weights, eval_set=sets, sample_weight_eval_set=counted, verbose=False
    )
    return XGBoostModel(estimator, form, len(train), int(estimator.best_iteration) + 1)


def _teller(material: Material, rounds: int) -> Any:
    """Return a callback that tells the losses of each round as it ends."""
    import xgboost

    class Teller(xgboost.callback.TrainingCallback):
        """Goes along with a training."""

        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            """Tell the last losses, and go on."""
            del model
            on_train, on_validation = (float(list(of_set.values())[-1][-1]) for of_set in evals_log.values())
            metric = list(next(iter(evals_log.values())))[-1]
            higher = metric.startswith(HIGHER_IS_BETTER) and metric != "mape"
            material.heard(epoch + 1, rounds, on_train, on_validation, higher)
            return False

    return Teller()


def _kind_of(classifies: bool) -> Any:
    import xgboost

    return xgboost.XGBClassifier if classifies else xgboost.XGBRegressor
