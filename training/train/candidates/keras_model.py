"""A Keras model of one's own: trained by Keras' `fit`, exported by tf2onnx."""

import importlib
import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from molino.contracts.candidates.python import Python
from molino.contracts.errors import StepError
from training.features.fitted import Float32Array
from training.train.candidates.contract import Material
from training.train.candidates.estimator import refuse_too_large
from training.train.candidates.forms import Dense
from training.train.candidates.keras_mlp import DENSE_BYTES, Network, open_writer, write_scalars
from training.train.data import Rows
from training.train.encoding import Encoding
from training.train.export import Export

if TYPE_CHECKING:
    import onnx

EPOCHS, BATCH_SIZE, PATIENCE = 200, 32, 20
"""Where the candidate doesn't give them; as `keras_mlp` has them."""
OPSET = 18
"""The newest that tf2onnx knows; its nodes mean the same in the newer one of the whole graph."""
PROBABILITIES = ("softmax", "sigmoid")
"""Activations of a last layer whose answers are no logits."""
ASKED_ROWS, ASKED_SPREAD = 256, 10.0
"""What is asked of a model whose layers don't tell what its answers mean."""
OF_DIFFERENCES = ("mean_squared_error", "mean_absolute_error", "huber", "log_cosh", "mse", "mae")
"""Losses that a shift of target and answers doesn't change: the target may be normalised."""
OF_COLUMNS = ("categorical_crossentropy", "categorical_focal_crossentropy", "kl_divergence", "categorical_hinge")
"""Losses that want a column for each class."""


def is_keras(made: object) -> bool:
    """Whether something is a Keras model; who made one has imported Keras."""
    keras = sys.modules.get("keras")
    return keras is not None and isinstance(made, keras.Model)


class Answer(NamedTuple):
    """What a model's answers mean."""

    classes: int
    """0 of a regression."""
    units: int
    """Columns of an answer: 1, or one for each class."""
    shares: bool
    """Whether they are probabilities, not logits."""
    centre: float = 0.0
    spread: float = 1.0
    """A regression's answers are these numbers' deviations from the centre, by this unit."""


class KerasModel:
    """A trained model over the dense encoding."""

    native_packages = Network.native_packages

    def __init__(self, model: Any, encoding: Encoding, answer: Answer, more: Mapping[str, Any]) -> None:
        """Keep a trained model; `more` is told of it."""
        self.model = model
        self.encoding = encoding
        self.answer = answer
        self.more = dict(more)
        self.rows_trained = 0
        self.rounds = 0
        """The epoch whose weights were kept."""

    def predict(self, features: Float32Array) -> NDArray[np.float64]:
        """Answer rows with Keras."""
        most = self.encoding.rows_within(DENSE_BYTES)
        parts = [self.encoding.dense(features[start : start + most]) for start in range(0, len(features), most)]
        raw = np.concatenate([np.asarray(self.model(part, training=False), np.float64) for part in parts])
        answer = self.answer
        if not answer.classes:
            return np.asarray(raw[:, 0] * answer.spread + answer.centre)
        if answer.units == 1:
            raw = np.concatenate([1 - raw if answer.shares else 0 * raw, raw], axis=1)
        chances = raw if answer.shares else np.exp(raw - raw.max(axis=1, keepdims=True))
        return np.asarray(chances / chances.sum(axis=1, keepdims=True))

    def export(self, graph: Export) -> str:
        """Add the converted nodes, and what makes of their output the target or logits."""
        converted, answer = _converted(self.model, self.encoding.width), self.answer
        raw = graph.splice(converted, "model", graph.dense(), converted.graph.output[0].name)
        if not answer.classes:
            spread = graph.constant("answer/spread", np.array(answer.spread, np.float32))
            scaled = graph.node("Mul", [raw, spread], "answer/scaled")
            return graph.node("Add", [scaled, graph.constant("centre", np.array(answer.centre, np.float32))], "raw")
        if answer.units == 1:
            none = graph.constant("answer/none", np.float32(1 if answer.shares else 0))
            kind, inputs = ("Sub", [none, raw]) if answer.shares else ("Mul", [raw, none])
            other = graph.node(kind, inputs, "answer/other")
            raw = graph.node("Concat", [other, raw], "answer/both", axis=1)
        return graph.node("Log", [graph.node("Relu", [raw], "answer/share")], "raw") if answer.shares else raw

    def save_native(self, folder: Path, requirements: list[str]) -> None:
        """Save as an MLflow Keras model; it expects rows in their dense form, and answers as it was trained to."""
        import mlflow.keras

        try:
            mlflow.keras.save_model(self.model, str(folder), pip_requirements=requirements)
        except (NotImplementedError, TypeError, ValueError) as error:
            raise StepError(f"Keras can't save the model: {_first_line(error)}") from error

    def params(self) -> dict[str, Any]:
        """The epoch whose weights were kept, what it was compiled with, and more."""
        return {"best_epoch": self.rounds} | self.more


def fit_keras(model: Any, candidate: Python, material: Material, more: Mapping[str, Any]) -> KerasModel:
    """Train by Keras' `fit` on the rows in memory, stopped by the validation rows or after a number of epochs.

    A model that isn't compiled gets Adam, and the squared error or the cross entropy. The target of a regression is
    normalised for the losses that go by its difference to the answer, where the last layer can answer any number.

    Raises:
        StepError: the model doesn't fit the rows or the task, or its loss was never finite.
    """
    import keras

    refuse_too_large(material, Dense(material.encoding))
    answer = _answer_of(model, candidate.file, material)
    if not model.compiled:
        model.compile(optimizer="adam", loss=_own_loss(answer), jit_compile=False)
    loss = _name_of(model.loss)
    if not answer.classes and loss in OF_DIFFERENCES and _answers_any_number(model, material.encoding.width):
        target = material.train.target
        answer = answer._replace(centre=float(target.mean()), spread=float(target.std()) or 1.0)
    shown = {"loss": loss, "optimizer": type(model.optimizer).__name__} | dict(more)
    trained = KerasModel(model, material.encoding, answer, shown)
    given = _Given(trained, loss, material)
    epochs = material.rounds or candidate.epochs or EPOCHS
    watching = _watching(material, epochs)
    stopping = keras.callbacks.EarlyStopping(
        "val_loss", patience=candidate.patience or PATIENCE, mode="min", restore_best_weights=True
    )
    features, labels, weights = given(material.train)
    try:
        told = model.fit(
            features,
            labels,
            sample_weight=weights,
            batch_size=candidate.batch_size or BATCH_SIZE,
            epochs=epochs,
            verbose=0,
            validation_data=None if material.rounds else given(material.validation),
            callbacks=[watching] if material.rounds else [watching, stopping],
        ).history
    except Exception as error:  # of whatever kind: it is not our code
        if error is watching.ending:
            raise
        raise StepError(f"{candidate.file}: {type(error).__name__}: {_first_line(error)}") from error
    trained.rows_trained = len(material.train)
    trained.rounds = epochs if material.rounds else int(stopping.best_epoch) + 1
    if not np.isfinite(told["loss" if material.rounds else "val_loss"]).any():
        raise StepError(
            f"the loss of the model of {candidate.file} was never finite in {len(told['loss'])} epochs; compile it "
            "with a smaller learning rate"
        )
    return trained


def wrong_answer(model: Any, classes: int) -> str | None:
    """Return what is wrong with the shape of a model's answers, if it is known yet; none of one that is right.

    Args:
        model: of Keras.
        classes: of the target; 0 of a regression.
    """
    try:
        shape = getattr(model, "output_shape", None) if model.built else None
    except AttributeError:  # of a subclass, which tells none
        return None
    return None if shape is None else _wrong_shape(shape, classes)


def _wrong_shape(shape: Any, classes: int) -> str | None:
    allowed = (1, 2) if classes == 2 else (classes or 1,)
    if isinstance(shape, tuple) and len(shape) == 2 and shape[-1] in allowed:
        return None
    wanted = " or ".join(f"[rows, {units}]" for units in allowed)
    return f"the Keras model answers with the shape {_shown(shape)}; expected {wanted}"


def _shown(shape: Any) -> str:
    if not isinstance(shape, tuple) or any(isinstance(one, tuple) for one in shape):
        return "of several outputs"
    return f"[{', '.join('rows' if size is None or not at else str(size) for at, size in enumerate(shape))}]"


def _answer_of(model: Any, file: str, material: Material) -> Answer:
    """Ask the model for a row, which builds it, and return what its answers mean.

    Raises:
        StepError: it doesn't take such a row, or answers in another shape.
    """
    width, classes = material.encoding.width, material.classes
    row = np.zeros((1, width), np.float32)
    try:
        found = model(row, training=False)
    except Exception as error:  # of whatever kind: it is not our code
        cause = _first_line(error)
        raise StepError(f"the Keras model of {file} doesn't take rows of {width} columns: {cause}") from error
    shape = tuple(found.shape) if hasattr(found, "shape") else found
    problem = _wrong_shape(shape, classes)
    if problem:
        raise StepError(f"{file}: {problem}")
    return Answer(classes, int(shape[-1]), bool(classes) and _answers_shares(model, width))


def _answers_shares(model: Any, width: int) -> bool:
    """Tell whether a classifier answers probabilities, by its last layer, or by answers where that tells nothing."""
    ending = _ending(model)
    if ending in ("linear", *PROBABILITIES):
        return ending != "linear"
    answers = _asked(model, width)
    if answers.shape[1] > 1:
        return bool((answers >= 0).all() and np.allclose(answers.sum(axis=1), 1, atol=1e-3))
    return bool((answers >= 0).all() and (answers <= 1).all())


def _answers_any_number(model: Any, width: int) -> bool:
    """Tell whether a regression may answer any number, in the same way."""
    ending = _ending(model)
    if ending is not None:
        return ending == "linear"
    answers = _asked(model, width)
    return bool(answers.min() < 0 < answers.max())


def _asked(model: Any, width: int) -> NDArray[np.float64]:
    """Return what a model that isn't trained yet answers to rows far apart."""
    rows = np.random.default_rng(0).normal(scale=ASKED_SPREAD, size=(ASKED_ROWS, width)).astype(np.float32)
    return np.asarray(model(rows, training=False), np.float64)


def _ending(model: Any) -> str | None:
    """Return the name of Keras' activation that answers come through; none where the last layer doesn't tell it.

    Such a model does what its code says: layers of a subclass stand in no order, and an operation has no activation.
    """
    import keras

    if type(model) is not keras.Sequential and not hasattr(model, "operations"):
        return None
    last = (model.layers if type(model) is keras.Sequential else model.operations)[-1:]
    if not last:
        return "linear"
    if is_keras(last[0]):
        return _ending(last[0])
    name = type(last[0]).__name__
    if name in ("Softmax", "ReLU"):
        return name.lower()
    activation: Any = getattr(last[0], "activation", None)
    is_known = getattr(activation, "__module__", "").startswith("keras.")
    return str(activation.__name__) if is_known else None


def _own_loss(answer: Answer) -> Any:
    import keras

    if not answer.classes:
        return "mean_squared_error"
    kind = keras.losses.BinaryCrossentropy if answer.units == 1 else keras.losses.SparseCategoricalCrossentropy
    return kind(from_logits=not answer.shares)


def _name_of(loss: Any) -> str:
    """Return what a model was compiled with, as Keras calls it."""
    import keras

    found = keras.losses.get(loss) if isinstance(loss, str) else loss
    return str(getattr(found, "name", None) or getattr(found, "__name__", type(found).__name__))


class _Given:
    """Rows as a model is given them: their dense form, target and weights."""

    def __init__(self, trained: KerasModel, loss: str, material: Material) -> None:
        self.trained = trained
        self.columns = loss in OF_COLUMNS
        self.material = material
        weights = material.train.weights
        self.mean = 1.0 if weights is None else float(weights.mean())

    def __call__(self, rows: Rows) -> tuple[Float32Array, NDArray[Any], Float32Array]:
        answer, target = self.trained.answer, rows.target
        if not answer.classes:
            labels: NDArray[Any] = ((target - answer.centre) / answer.spread).astype(np.float32)[:, None]
        elif self.columns:
            labels = np.eye(max(answer.units, 2), dtype=np.float32)[target]
        else:
            labels = target.astype(np.int32)[:, None]
        counted = np.ones(len(rows)) if rows.weights is None else rows.weights / self.mean
        return self.material.encoding.dense(rows.features), labels, counted.astype(np.float32)


def _watching(material: Material, epochs: int) -> Any:
    """Return a callback that tells of each epoch as it ends, to people and to TensorBoard."""
    import keras

    class Watching(keras.callbacks.Callback):  # type: ignore[misc]
        """Goes along with a training."""

        ending: Exception | None = None
        """What ends the training from outside, such as a search that doesn't go on with it."""

        def on_train_begin(self, logs: object = None) -> None:
            """Open the folder of TensorBoard."""
            del logs
            self.writer = open_writer(material.tensorboard)

        def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
            """Tell the losses, and every metric that the model was compiled with."""
            found = {name: float(value) for name, value in (logs or {}).items()}
            write_scalars(self.writer, epoch + 1, {
                f"{name.removeprefix('val_')}/{'validation' if name.startswith('val_') else 'train'}": value
                for name, value in found.items()
            })  # fmt: skip
            try:
                material.heard(epoch + 1, epochs, found["loss"], found.get("val_loss"))
            except Exception as error:
                self.ending = error
                raise

        def on_train_end(self, logs: object = None) -> None:
            """Close it."""
            del logs
            self.writer.close()

    return Watching()


def _converted(model: Any, width: int) -> "onnx.ModelProto":
    """Return a model as a graph of 32-bit floats.

    Raises:
        StepError: it has what ONNX doesn't; says what.
    """
    import onnx
    import tensorflow as tf

    for name in ("tf2onnx", "tf2onnx.tfonnx", "tf2onnx.optimizer", "tf2onnx.tf_loader"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    tf2onnx = importlib.import_module("tf2onnx")
    signature = [tf.TensorSpec([None, width], tf.float32, name="rows")]
    answering = tf.function(lambda rows: model(rows, training=False), input_signature=signature)
    try:
        converted, _ = tf2onnx.convert.from_function(
            answering, input_signature=signature, opset=OPSET, custom_op_handlers={"Erfc": (_without_erfc, [])}
        )
    except Exception as error:  # tf2onnx's exceptions have no base class of their own
        raise StepError(f"the Keras model can't be converted to ONNX: {_first_line(error)}") from error
    for node in converted.graph.node:
        if node.domain or not onnx.defs.has(node.op_type):
            raise StepError(f"the Keras model can't be converted to ONNX, which has no {node.op_type}")
    plain: onnx.ModelProto = converted
    return plain


def _without_erfc(context: Any, node: Any, _name: str, _arguments: Any) -> Any:
    """Write the complementary error function of a gelu by the one that ONNX has."""
    inputs, outputs = list(node.input), list(node.output)
    dtype, shape = context.get_dtype(outputs[0]), context.get_shape(outputs[0])
    context.remove_node(node.name)
    error = context.make_node("Erf", inputs, dtypes=[dtype], shapes=[shape])
    one = context.make_const(f"{node.name}/one", np.array(1, np.float32))
    return context.make_node("Sub", [one.output[0], error.output[0]], outputs=outputs, dtypes=[dtype], shapes=[shape])


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
