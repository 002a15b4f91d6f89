"""The one model that all servers answer with: a Keras network of 13, 64, 32 and 1 units, trained on the housing data.

`python -m tests.bench.serving.model FOLDER` trains it and writes, all from the same weights: `model.keras`,
`model.onnx` (the same layers as ONNX operators; float32 `features` [n, 13] in, float32 `prediction` [n] out),
`housing.csv`, `rows.json` (the 1,000 rows that are asked, JSON numbers as in the table) and `expected.json` (what ONNX
Runtime answers to them). It runs in a process of its own so that TensorFlow is in none of what is measured.
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
    """Return the same layers as ONNX operators, with the names and shapes that the contract of releases wants."""
    import keras
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    scale = next(layer for layer in network.layers if isinstance(layer, keras.layers.Normalization))
    dense = [layer for layer in network.layers if isinstance(layer, keras.layers.Dense)]
    constants = {
        "mean": np.asarray(scale.mean).reshape(1, width),
        "spread": np.sqrt(np.asarray(scale.variance)).reshape(1, width),
        "flat": np.array([-1], np.int64),
    }
    nodes = [
        helper.make_node("Sub", ["features", "mean"], ["centred"]),
        helper.make_node("Div", ["centred", "spread"], ["scaled"]),
    ]
    flow = "scaled"
    for position, layer in enumerate(dense):
        names = [f"weights_{position}", f"bias_{position}"]
        constants.update(zip(names, map(np.asarray, layer.get_weights()), strict=True))
        nodes.append(helper.make_node("Gemm", [flow, *names], [f"dense_{position}"]))
        flow = f"dense_{position}"
        if layer is not dense[-1]:
            nodes.append(helper.make_node("Relu", [flow], [f"relu_{position}"]))
            flow = f"relu_{position}"
    nodes.append(helper.make_node("Reshape", [flow, "flat"], ["prediction"]))
    graph = helper.make_graph(
        nodes,
        "housing",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["rows", width])],
        [helper.make_tensor_value_info("prediction", TensorProto.FLOAT, ["rows"])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def _number(value: float) -> float | int:
    """Return whole numbers as JSON integers, as a person writes them."""
    return int(value) if float(value).is_integer() else float(value)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
