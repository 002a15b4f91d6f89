"""From rows in their parts to what a candidate is trained on: sampled, and with an encoding fitted to them alone."""

from functools import partial
from pathlib import Path

from molino.contracts.errors import StepError
from molino.contracts.model_file import ModelFile
from training.splits import CALIBRATION, TRAIN, VALIDATION
from training.train.candidates.contract import Material
from training.train.class_weights import weighed, weighing
from training.train.data import Dataset, Rows
from training.train.encoding import fit_encoding


def prepare(dataset: Dataset, seed: int, tensorboard: Path) -> Material:
    """Return the material of a dataset's own division, of whose other rows it knows nothing.

    Args:
        dataset: says which rows are trained on, and which stop the training.
        seed: draws the sample of too many rows, and is the candidates'.
        tensorboard: folder of the logs.

    Raises:
        StepError: a class has no row to train on.
    """
    model, most = dataset.model, dataset.model.training.sample_rows
    train = dataset.sample(TRAIN, most, seed)
    _check_classes(model, train)
    weigh = weighing(model, train)
    return Material(
        model=model,
        encoding=fit_encoding(model, dataset.overview.values, train.features),
        train=weigh(train),
        validation=weigh(dataset.sample(VALIDATION, most, seed)),
        rows_train=dataset.count(TRAIN),
        stream=weighed(partial(dataset.stream, TRAIN), weigh),
        seed=seed,
        tensorboard=tensorboard,
        report=lambda *_: None,
        calibration=dataset.sample(CALIBRATION, most, seed) if dataset.count(CALIBRATION) else None,
    )


def _check_classes(model: ModelFile, train: Rows) -> None:
    for index, name in enumerate(model.target.classes or ()):
        if not (train.target == index).any():
            raise StepError(f"class {name!r} of {model.target.name} has no training row; give more data or drop it")
