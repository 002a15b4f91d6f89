"""LitServe with ONNX Runtime: two inference workers and two API servers.

Its `fast_queue` and a single API server were tried and were slower here.
"""

import os
from pathlib import Path
from typing import Any

import litserve as ls
import numpy as np
import onnxruntime as ort


class Housing(ls.LitAPI):
    def setup(self, device: str) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        path = Path(os.environ["BENCH_MODEL"]) / "model.onnx"
        self.session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def decode_request(self, request: dict[str, Any]) -> np.ndarray:
        return np.array(request["data"], np.float32)

    def predict(self, rows: np.ndarray) -> np.ndarray:
        return self.session.run(None, {"features": rows})[0]

    def encode_response(self, predictions: np.ndarray) -> dict[str, list[float]]:
        return {"predictions": predictions.tolist()}


if __name__ == "__main__":
    server = ls.LitServer(Housing(), accelerator="cpu", workers_per_device=2)
    server.run(
        host="127.0.0.1",
        port=int(os.environ["BENCH_PORT"]),
        num_api_servers=2,
        log_level="warning",
        generate_client_file=False,
        access_log=False,
    )
