"""Register the graph in MLflow under the ONNX flavour, with one thread per session; `mlflow models serve` takes it."""

import os
from pathlib import Path

import mlflow
import numpy as np
import onnx
from mlflow.models import infer_signature


def main() -> None:
    graph = onnx.load(Path(os.environ["BENCH_MODEL"]) / "model.onnx")
    mlflow.set_tracking_uri(os.environ["MLFLOW_TRACKING_URI"])
    mlflow.onnx.log_model(
        graph,
        name="model",
        registered_model_name="housing",
        signature=infer_signature(np.zeros((1, 13), np.float32), np.zeros(1, np.float32)),
        onnx_session_options={"intra_op_num_threads": 1, "inter_op_num_threads": 1},
        pip_requirements=["mlflow", "onnx", "onnxruntime"],
    )


if __name__ == "__main__":
    main()
