"""KServe's Python server with ONNX Runtime: a custom predictor as its documentation writes one, two workers."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from kserve import Model, ModelServer


class Housing(Model):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.session: ort.InferenceSession | None = None

    def load(self) -> bool:
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        path = Path(os.environ["BENCH_MODEL"]) / "model.onnx"
        self.session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.ready = True
        return True

    async def predict(
        self, payload: dict[str, Any], headers: Any = None, response_headers: Any = None
    ) -> dict[str, Any]:
        features = np.array(payload["instances"], np.float32)
        return {"predictions": self.session.run(None, {"features": features})[0].tolist()}


if __name__ == "__main__":
    model = Housing("housing")
    model.load()
    ModelServer(http_port=int(os.environ["BENCH_PORT"]), workers=2, enable_grpc=False).start([model])
