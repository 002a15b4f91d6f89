"""`python -m tests.bench.serving.bundle HOME matrix|columns`: the benchmark's model as a release of ours, deployed.

In `columns` the graph has an input per feature, and what is fed to the network is put together in it.
"""

import json
import os
import sys
from pathlib import Path

import onnx

from molino.contracts.model_file import load_model
from molino.contracts.pointer import point_to
from molino.contracts.release import Score, Signature, Tensor
from tests.bench.serving.environments import ROOT
from tests.serving.bundles import give_columns, write_bundle


def main() -> int:
    """Write the bundle and point the server at it."""
    home, layout = Path(sys.argv[1]), sys.argv[2]
    source = Path(os.environ["BENCH_MODEL"])
    model = load_model(ROOT / "pipelines" / "models" / "housing").file
    graph = onnx.load(source / "model.onnx")
    inputs = (Tensor(name="features", dtype="float32", shape=(-1, len(model.features))),)
    if layout == "columns":
        names = [feature.name for feature in model.features]
        give_columns(graph, names)
        inputs = tuple(Tensor(name=name, dtype="float32", shape=(-1,)) for name in names)
    outputs = (Tensor(name="prediction", dtype="float32", shape=(-1,)),)
    signature = Signature(layout=layout, inputs=inputs, outputs=outputs)
    rows = json.loads((source / "rows.json").read_text())
    metrics = {"rmse": Score(value=3.0, low=2.5, high=3.5)}
    write_bundle(home, model, "1", graph, signature, rows, metrics, {})
    point_to(home, model.name, "1")
    return 0


if __name__ == "__main__":
    sys.exit(main())
