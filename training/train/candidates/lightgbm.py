"""Gradient boosting of LightGBM, stopped by the validation rows or after a number of rounds."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from molino.contracts.candidates.lightgbm import LightGBM
from molino.contracts.contradictions import Contradiction
from molino.contracts.errors import StepError
from molino.contracts.model_file import LoadedModel
from training.train.candidates.boosters import (
    FEW_ROUNDS,
    ROUNDS,
    Boosted,
    by_columns,
    faults_of,
    floor_to_32_bits,
    form_of,
    names_of,
    said,
    settled,
    wrong_parameters,
)
from training.train.candidates.contract import Material
from training.train.candidates.converted import convert_booster
from training.train.candidates.estimator import exact
from training.train.candidates.forms import AsGiven, Form

if TYPE_CHECKING:
    import onnx

INSTEAD = dict.fromkeys(
    ("max_iter", "n_iter", "nrounds", "num_boost_round", "num_iteration", "num_iterations", "num_round", "num_rounds",
     "num_tree", "num_trees"), "rounds are counted by n_estimators; give that in its place",
) | dict.fromkeys(
    ("early_stopping", "early_stopping_round", "early_stopping_rounds", "n_iter_no_change"),
    "patience stops the training; give that in its place, beside parameters",
)  # fmt: skip
"""By parameter that LightGBM takes: what the model file has for it."""


class LightGBMModel(Boosted):
    """A fitted LightGBM estimator, whose thresholds are rounded down to 32 bits in the native model too."""

    native_packages: ClassVar[tuple[str, ...]] = ("mlflow", "numpy", "lightgbm")

    def __init__(self, estimator: Any, form: Form, rows_trained: int, rounds: int) -> None:
        super().__init__(estimator, form, rows_trained, rounds)
        self.booster = rounded_down(estimator.booster_)

    def answers(self, rows: NDArray[np.float64]) -> Any:
        """Answer rows in their form with the booster, which gives of two classes the second one's probability."""
        found = np.asarray(self.booster.predict(rows))
        return np.stack([1 - found, found], axis=1) if self.classifies and found.ndim == 1 else found

    def converted(self) -> "onnx.ModelProto":
        """Return the booster as a graph of its own."""
        return convert_booster(self.booster, self.form.width)

    def save_native(self, folder: Path, requirements: list[str]) -> None:
        """Save as an MLflow LightGBM model, in its own format."""
        import mlflow.lightgbm

        mlflow.lightgbm.save_model(self.booster, str(folder), pip_requirements=requirements)


def rounded_down(booster: Any) -> Any:
    """Return a booster with each threshold on a 32-bit float, as the graph has it.

    The sizes of the trees' texts are left out: they are not the same.
    """
    import lightgbm

    text = re.sub(r"(?m)^tree_sizes=.*\n", "", booster.model_to_string())
    text = re.sub(r"(?m)^threshold=(.+)$", lambda line: "threshold=" + _rounded_line(line[1]), text)
    return lightgbm.Booster(model_str=text)


def _rounded_line(thresholds: str) -> str:
    down = floor_to_32_bits(np.array(thresholds.split(), np.float64))
    return " ".join(repr(value) for value in down.astype(np.float64).tolist())


class _Heard:
    """Takes what LightGBM would print."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def info(self, message: str) -> None:
        """Keep what the library says, warnings too."""
        self.lines.append(message)

    def warning(self, message: str) -> None:
        """Keep what its Python part warns of."""
        self.lines.append(message)


def faults(candidate: LightGBM, loaded: LoadedModel) -> Iterator[Contradiction]:
    """Yield parameters that LightGBM doesn't take, and what it or the converter says of the others."""
    import lightgbm

    wrong: list[Contradiction] = [
        (("parameters", name), INSTEAD[name]) for name in candidate.parameters if name in INSTEAD
    ]
    wrong += wrong_parameters(candidate.parameters, loaded.file)
    yield from wrong
    if wrong:
        return
    heard = _Heard()
    lightgbm.register_logger(heard)
    given = by_columns(candidate.parameters, names_of(loaded.file))
    few = given | FEW_ROUNDS | {"n_jobs": 1, "verbosity": 1}
    kind = _kind_of(bool(loaded.file.target.classes))
    yield from faults_of(lambda rows, target: _tried(kind(**few), rows, target), loaded.file)
    lines = "\n".join(heard.lines)
    for name in dict.fromkeys(re.findall(r"Unknown parameter: (\w+)", lines)):
        yield ("parameters", name), "LightGBM has no such parameter; its documentation lists them"
    for taken, name in dict.fromkeys(re.findall(r"(\w+) is set=.*?, (\w+)=.* will be ignored", lines)):
        if name in candidate.parameters:
            yield ("parameters", name), f"LightGBM goes by {taken} and ignores it; give {taken} in its place"


def _tried(estimator: Any, rows: Any, target: Any) -> LightGBMModel:
    """Train as `fit` does.

    Raises:
        StepError: LightGBM refuses a parameter, or no metric would stop it.
    """
    fitted = _fitted(estimator, rows, target, eval_X=rows, eval_y=target)
    if not fitted.evals_result_:
        raise StepError("LightGBM is given no metric by which validation rows stop it; take the parameter metric out")
    return LightGBMModel(fitted, AsGiven(rows.shape[1]), len(rows), FEW_ROUNDS[ROUNDS])


def fit(candidate: LightGBM, material: Material) -> LightGBMModel:
    """Train on the rows in memory."""
    import lightgbm

    form, train, validation = form_of(material), material.train, material.validation
    kind = _kind_of(bool(material.classes))
    given = by_columns(candidate.parameters, form.names)
    parameters = settled(given, material, verbosity=-1, deterministic=True, force_row_wise=True)
    rows = exact(form(train.features))
    if material.rounds:
        estimator = _fitted(kind(**parameters), rows, train.target, sample_weight=train.weights)
        return LightGBMModel(estimator, form, len(train), material.rounds)
    estimator = _fitted(
        kind(**parameters),
        rows,
        train.target,
        sample_weight=train.weights,
        eval_sample_weight=None if train.weights is None else [train.weights, validation.weights],
        eval_X=(rows, exact(form(validation.features))),
        eval_y=(train.target, validation.target),
        callbacks=[_teller(material), lightgbm.early_stopping(candidate.patience, verbose=False)],
    )
    return LightGBMModel(estimator, form, len(train), int(estimator.best_iteration_ or estimator.n_iter_))


def _teller(material: Material) -> Callable[[Any], None]:
    """Return a callback that tells the losses of each round as it ends; of several, the last one."""

    def tell(of_round: Any) -> None:
        """Tell the losses on the training and the validation rows."""
        losses = {of_set: float(loss) for of_set, _, loss, *_ in of_round.evaluation_result_list}
        *_, (_, _, _, higher_is_better, *_) = of_round.evaluation_result_list
        on_train, on_validation = losses.values()
        material.heard(of_round.iteration + 1, of_round.end_iteration, on_train, on_validation, higher_is_better)

    return tell


def _fitted(estimator: Any, rows: Any, target: Any, **more: Any) -> Any:
    """Train an estimator.

    Raises:
        StepError: LightGBM refuses a parameter or the rows; its own exception is no ValueError.
    """
    import lightgbm

    try:
        return estimator.fit(rows, target, **more)
    except lightgbm.basic.LightGBMError as error:
        raise StepError(f"LightGBM: {said(error)}") from error


def _kind_of(classifies: bool) -> Any:
    import lightgbm

    return lightgbm.LGBMClassifier if classifies else lightgbm.LGBMRegressor
