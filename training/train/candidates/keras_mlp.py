"""A dense network of Keras on TensorFlow, stopped early by the validation rows or after a number of epochs.

The training loop is our own: one compiled function takes a portion of rows and goes through all of its batches, so
that a step costs no Python and rows may come from memory or, portion by portion, from a file too large for it. Keras'
`fit` takes two to three times the processor: `docs/architecture.md` has the figures.
"""

import importlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molino.contracts.candidates.keras_mlp import KerasMlp
from molino.contracts.errors import StepError
from training.features.fitted import Float32Array
from training.train.candidates.contract import Material
from training.train.data import Rows
from training.train.encoding import Encoding
from training.train.export import Export

TENSORFLOW = "training.train.quiet_tensorflow"
LIBRARIES = (TENSORFLOW, "mlflow.keras")
PREDICT_ROWS = 16_384
DENSE_BYTES = 1 << 24
"""Of rows in their dense form at a time: one-hot columns of many values would take more memory than the rows."""

Portion = tuple[Float32Array, NDArray[Any], Float32Array]
"""Rows in their dense form, their scaled target, and how much each counts."""


class Network:
    """A trained network over the dense encoding; a regression's target is normalised inside."""

    native_packages = ("keras", "mlflow", "numpy", "tensorflow")

    def __init__(self, net: Any, activation: str, encoding: Encoding, centre: float, spread: float, rows: int) -> None:
        self.net = net
        self.activation = activation
        self.encoding = encoding
        self.centre = centre
        self.spread = spread
        self.rows_trained = rows
        self.best_epoch = 0

    def predict(self, features: Float32Array) -> NDArray[np.float64]:
        """Answer rows with Keras."""
        most = self.encoding.rows_within(DENSE_BYTES)
        parts = [features[start : start + most] for start in range(0, len(features), most)]
        raw = np.concatenate([self.raw(self.encoding.dense(part)) for part in parts])
        if self.net.output_shape[-1] == 1:
            return raw.astype(np.float64)[:, 0] * self.spread + self.centre
        exponents = np.exp(raw.astype(np.float64) - raw.max(axis=1, keepdims=True))
        return np.asarray(exponents / exponents.sum(axis=1, keepdims=True))

    def raw(self, dense: Float32Array) -> Float32Array:
        """Return what the net answers: normalised predictions [n, 1], or logits [n, classes]."""
        parts = [
            np.asarray(self.net(dense[start : start + PREDICT_ROWS], training=False))
            for start in range(0, len(dense), PREDICT_ROWS)
        ]
        return np.concatenate(parts)

    def export(self, graph: Export) -> str:
        """Add a matrix product and an activation per layer; the last layer scales a regression back."""
        from keras.layers import Dense

        layers = [layer for layer in self.net.layers if isinstance(layer, Dense)]
        flow = graph.dense()
        for position, layer in enumerate(layers):
            weights, bias = (np.asarray(array) for array in layer.get_weights())
            last = position == len(layers) - 1
            if last and weights.shape[1] == 1:
                weights, bias = weights * self.spread, bias * self.spread
            name = f"dense_{position}"
            inputs = [
                flow,
                graph.constant(f"{name}/weights", weights.astype(np.float32)),
                graph.constant(f"{name}/bias", bias.astype(np.float32)),
            ]
            flow = graph.node("Gemm", inputs, name)
            if not last:
                flow = _activate(graph, self.activation, name, flow)
        if self.net.output_shape[-1] > 1:
            return flow
        return graph.node("Add", [flow, graph.constant("centre", np.array(self.centre, np.float32))], "raw")

    def save_native(self, folder: Path, requirements: list[str]) -> None:
        """Save the net as an MLflow Keras model; it expects rows in their dense form."""
        import mlflow.keras

        mlflow.keras.save_model(self.net, str(folder), pip_requirements=requirements)

    def params(self) -> dict[str, Any]:
        """The epoch whose weights were kept."""
        return {"best_epoch": self.best_epoch}

    @property
    def rounds(self) -> int:
        """The epoch whose weights were kept."""
        return self.best_epoch


def fit(candidate: KerasMlp, material: Material) -> Network:
    """Train in memory, or from the file where there are more rows than may be held."""
    load_tensorflow(material.seed)
    regression = not material.classes
    target = material.train.target
    centre, spread = (float(target.mean()), float(target.std()) or 1.0) if regression else (0.0, 1.0)
    net = _build(candidate, material)
    network = Network(net, candidate.activation, material.encoding, centre, spread, material.rows_train)
    loop = _Loop(candidate, net, regression)

    mean_weight = 1.0 if material.train.weights is None else float(material.train.weights.mean())

    def scaled(rows: Rows) -> Portion:
        labels = (rows.target - centre) / spread if regression else rows.target
        weights = np.ones(len(rows)) if rows.weights is None else rows.weights / mean_weight
        typed = labels.astype(np.float32 if regression else np.int64)
        return material.encoding.dense(rows.features), typed, weights.astype(np.float32)

    most = max(1, material.encoding.rows_within(DENSE_BYTES) // candidate.batch_size) * candidate.batch_size
    held_back = None if material.rounds else _Portions(material.validation, scaled, most)
    in_memory = None if material.sampled else _Portions(material.train, scaled, most)
    best, best_weights, writer = np.inf, net.get_weights(), open_writer(material.tensorboard)
    epochs = material.rounds or candidate.epochs
    for epoch in range(1, epochs + 1):
        if in_memory is None:
            on_train = loop.train(_streamed(material, scaled, most, material.seed + epoch))
        else:
            on_train = loop.train(in_memory.shuffled(material.seed + epoch))
        on_validation = None if held_back is None else loop.loss(held_back.in_order())
        losses = {"loss/train": on_train, "loss/validation": on_validation}
        write_scalars(writer, epoch, {name: loss for name, loss in losses.items() if loss is not None})
        material.heard(epoch, epochs, on_train, on_validation)
        if on_validation is None:
            continue
        if on_validation < best:
            best, best_weights, network.best_epoch = on_validation, net.get_weights(), epoch
        elif epoch - network.best_epoch >= candidate.patience:
            break
    writer.close()
    if held_back is None:
        network.best_epoch = epochs
        return network
    if not network.best_epoch:
        raise StepError(
            f"the loss on validation rows was never finite in {epoch} epochs; try a learning_rate smaller than "
            f"{candidate.learning_rate:g}"
        )
    net.set_weights(best_weights)
    return network


class _Loop:
    """The compiled part of training."""

    def __init__(self, candidate: KerasMlp, net: Any, regression: bool) -> None:
        import keras
        import tensorflow as tf

        self.regression = regression
        optimizer = keras.optimizers.Adam(candidate.learning_rate)
        optimizer.build(net.trainable_variables)
        size = candidate.batch_size

        def train_portion(features: Any, labels: Any, weights: Any) -> Any:
            total = tf.zeros([], tf.float32)
            for start in tf.range(0, tf.shape(labels)[0], size):
                batch, of_batch = features[start : start + size], labels[start : start + size]
                counted = weights[start : start + size]
                with tf.GradientTape() as tape:
                    loss = _batch_loss(net(batch, training=True), of_batch, counted, regression)
                    whole = loss + tf.add_n(net.losses) if net.losses else loss
                gradients = tape.gradient(whole, net.trainable_variables)
                optimizer.apply_gradients(zip(gradients, net.trainable_variables, strict=True))
                total += loss * tf.cast(tf.shape(of_batch)[0], tf.float32)
            return total

        def loss_of_portion(features: Any, labels: Any, weights: Any) -> Any:
            return _batch_loss(net(features, training=False), labels, weights, regression)

        rows = tf.TensorSpec([None, net.input_shape[1]], tf.float32)
        of_rows = tf.TensorSpec([None], tf.float32 if regression else tf.int64)
        counts = tf.TensorSpec([None], tf.float32)
        self.train_portion = tf.function(train_portion, input_signature=[rows, of_rows, counts])
        self.loss_of_portion = tf.function(loss_of_portion, input_signature=[rows, of_rows, counts])

    def train(self, portions: Iterator[Portion]) -> float:
        """Go through all rows once and return the mean loss."""
        total, rows = 0.0, 0
        for features, labels, weights in portions:
            total += float(self.train_portion(features, labels, weights))
            rows += len(labels)
        return total / rows

    def loss(self, portions: Iterator[Portion]) -> float:
        """Return the mean loss of rows, without dropout or penalty."""
        losses, rows = [], []
        for features, labels, weights in portions:
            for start in range(0, len(labels), PREDICT_ROWS):
                part = slice(start, start + PREDICT_ROWS)
                losses.append(float(self.loss_of_portion(features[part], labels[part], weights[part])))
                rows.append(len(labels[part]))
        return losses[0] if len(losses) == 1 else float(np.average(losses, weights=rows))


def _batch_loss(raw: Any, labels: Any, weights: Any, regression: bool) -> Any:
    import tensorflow as tf

    if regression:
        return tf.reduce_mean(weights * tf.square(raw[:, 0] - labels))
    return tf.reduce_mean(weights * tf.nn.sparse_softmax_cross_entropy_with_logits(labels, raw))


class _Portions:
    """Rows that are encoded once where they fit into a portion, else a portion at a time whenever they are asked for.

    Args:
        rows: all of them.
        scaled: encodes some.
        most: rows of a portion; a multiple of the batch, so that batches are the same either way.
    """

    def __init__(self, rows: Rows, scaled: Callable[[Rows], Portion], most: int) -> None:
        self.rows = rows
        self.scaled = scaled
        self.most = most
        self.kept = scaled(rows) if len(rows) <= most else None

    def in_order(self) -> Iterator[Portion]:
        """Yield all rows as they are."""
        if self.kept is not None:
            yield self.kept
        else:
            yield from _encoded(self.rows, self.scaled, self.most)

    def shuffled(self, seed: int) -> Iterator[Portion]:
        """Yield all rows in an order that the seed gives."""
        order = np.random.default_rng(seed).permutation(len(self.rows))
        if self.kept is not None:
            features, labels, weights = self.kept
            yield features[order], labels[order], weights[order]
        else:
            yield from _encoded(self.rows.take(order), self.scaled, self.most)


def _streamed(material: Material, scaled: Callable[[Rows], Portion], most: int, seed: int) -> Iterator[Portion]:
    """Yield all training rows from the file, shuffled."""
    for rows in material.stream(seed):
        yield from _encoded(rows, scaled, most)


def _encoded(rows: Rows, scaled: Callable[[Rows], Portion], most: int) -> Iterator[Portion]:
    for start in range(0, len(rows), most):
        yield scaled(rows.take(np.arange(start, min(start + most, len(rows)))))


def _build(candidate: KerasMlp, material: Material) -> Any:
    import keras

    penalty = keras.regularizers.L2(candidate.l2) if candidate.l2 else None
    layers: list[Any] = [keras.Input((material.encoding.width,))]
    for size in candidate.hidden:
        layers.append(keras.layers.Dense(size, activation=candidate.activation, kernel_regularizer=penalty))
        if candidate.dropout:
            layers.append(keras.layers.Dropout(candidate.dropout))
    layers.append(keras.layers.Dense(material.classes or 1))
    return keras.Sequential(layers)


def _activate(graph: Export, activation: str, layer: str, flow: str) -> str:
    name = f"{layer}/{activation}"
    if activation == "silu":
        return graph.node("Mul", [flow, graph.node("Sigmoid", [flow], f"{layer}/sigmoid")], name)
    return graph.node({"relu": "Relu", "tanh": "Tanh", "gelu": "Gelu"}[activation], [flow], name)


def load_tensorflow(seed: int) -> None:
    """Load TensorFlow, quietly, and make it repeat itself: same seed, same data, same weights."""
    importlib.import_module(TENSORFLOW)
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def open_writer(folder: Path) -> Any:
    """Return a writer of TensorBoard's logs."""
    import tensorflow as tf

    return tf.summary.create_file_writer(str(folder))


def write_scalars(writer: Any, epoch: int, scalars: Mapping[str, float]) -> None:
    """Write what TensorBoard shows of an epoch."""
    import tensorflow as tf

    with writer.as_default(step=epoch):
        for name, value in scalars.items():
            tf.summary.scalar(name, value)
