"""The one model that all servers answer with: a Keras network of 13, 64, 32 and 1 units, trained on the housing data.

`python -m tests.bench.serving.model FOLDER` trains it and writes, all from the same weights: `model.keras`,
`model.onnx` (by tf2onnx; float32 `features` [n, 13] in, float32 `prediction` [n] out), `housing.csv`, `rows.json` (the
1,000 rows that are asked, JSON numbers as in the table) and `expected.json` (what ONNX Runtime answers to them). It
runs in a process of its own so that TensorFlow is in none of what is measured.
"""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench.serving.environments import ROOT, cache_folder
from tests.bench.serving.fault import BenchError

HOUSING = ROOT / "pipelines" / "models" / "housing" / "housing.csv"
ROWS = 1000
SEED = 7


def trained_model() -> Path:
    """Return the folder of the trained model, and train it first where it isn't there yet.

    Raises:
        BenchError: the training failed.
    """
    digest = hashlib.sha256(Path(__file__).read_bytes() + HOUSING.read_bytes()).hexdigest()
    folder = cache_folder() / f"model-{digest[:16]}"
    if not folder.is_dir():
        making = folder.with_suffix(".making")
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(parents=True)
        command = [sys.executable, "-m", "tests.bench.serving.model", str(making)]
        run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if run.returncode:
            raise BenchError(f"the model of the benchmark can't be trained: {run.stderr.strip()[-2000:]}")
        making.rename(folder)
    return folder


def make(folder: Path) -> None:
    """Train, export, and note rows and answers."""
    import onnxruntime

    table = np.loadtxt(HOUSING, delimiter=",", skiprows=1)
    features, target = table[:, :-1].astype(np.float32), table[:, -1].astype(np.float32)
    network = _train(features, target)
    network.save(folder / "model.keras")
    (folder / "model.onnx").write_bytes(_convert(network, features.shape[1]))
    shutil.copy(HOUSING, folder / "housing.csv")

    rows = table[np.arange(ROWS) % len(table), :-1]
    (folder / "rows.json").write_text(json.dumps([[_number(value) for value in row] for row in rows]))
    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    (answers,) = session.run(None, {"features": rows.astype(np.float32)})
    native = network.predict(rows.astype(np.float32), verbose=0)[:, 0]
    worst = float(np.abs(answers - native).max())
    if worst > 1e-4 * float(target.std()):
        raise BenchError(f"model.onnx differs from model.keras by {worst:.2e}")
    (folder / "expected.json").write_text(json.dumps(answers.tolist()))


def _train(features: "np.ndarray[Any, Any]", target: "np.ndarray[Any, Any]") -> Any:
    import keras

    keras.utils.set_random_seed(SEED)
    scale = keras.layers.Normalization()
    scale.adapt(features)
    given = keras.Input((features.shape[1],), name="features")
    flow = keras.layers.Dense(64, activation="relu")(scale(given))
    flow = keras.layers.Dense(32, activation="relu")(flow)
    network = keras.Model(given, keras.layers.Dense(1)(flow))
    network.compile("adam", "mse")
    network.fit(features, target, epochs=60, batch_size=32, verbose=0)
    return network


def _convert(network: Any, width: int) -> bytes:
    """Return the graph with the names and shapes that the contract of releases wants."""
    import onnx
    import tensorflow as tf
    import tf2onnx
    from onnx import TensorProto, helper

    signature = [tf.TensorSpec((None, width), tf.float32, name="features")]
    model, _ = tf2onnx.convert.from_keras(network, input_signature=signature, opset=18)
    raw = model.graph.output[0].name
    model.graph.initializer.append(helper.make_tensor("flat", TensorProto.INT64, [1], [-1]))
    model.graph.node.append(helper.make_node("Reshape", [raw, "flat"], ["prediction"]))
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info("prediction", TensorProto.FLOAT, ["rows"]))
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def _number(value: float) -> float | int:
    """Return whole numbers as JSON integers, as a person writes them."""
    return int(value) if float(value).is_integer() else float(value)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
