"""Gradient boosting of XGBoost, stopped by the validation rows or after a number of rounds."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from molino.contracts.candidates.xgboost import XGBoost
from molino.contracts.contradictions import Contradiction
from molino.contracts.model_file import LoadedModel
from training.train.candidates.boosters import DEFAULT_ROUNDS, ROUNDS, Boosted, faults_of, form_of, settled
from training.train.candidates.contract import Material

OWN = frozenset({"early_stopping_rounds", "callbacks", "enable_categorical", "feature_types", "missing"})
"""Parameters that aren't the model file's to give: `patience` and the form of the rows stand for them."""


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
    taken = sorted(set(kind().get_params()) - OWN)
    unknown = [name for name in candidate.parameters if name not in taken]
    for name in unknown:
        yield ("parameters", name), f"XGBoost has no such parameter here; expected one of {', '.join(taken)}"
    if not unknown:
        once = candidate.parameters | {ROUNDS: 1, "n_jobs": 1, "verbosity": 0}
        yield from faults_of(kind(**once).fit, loaded.file)


def fit(candidate: XGBoost, material: Material) -> XGBoostModel:
    """Train on the rows in memory."""
    form, train, validation = form_of(material), material.train, material.validation
    kind = _kind_of(bool(material.classes))
    parameters = settled(candidate.parameters, material, verbosity=0)
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
            material.heard(epoch + 1, rounds, on_train, on_validation)
            return False

    return Teller()


def _kind_of(classifies: bool) -> Any:
    import xgboost

    return xgboost.XGBClassifier if classifies else xgboost.XGBRegressor
