"""KServe's Python server with ONNX Runtime: a custom predictor as its documentation writes one, two workers."""

import os
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer
from kserve.utils.utils import generate_uuid


class Housing(Model):
    @cached_property
    def session(self) -> ort.InferenceSession:
        """Made in each worker: KServe spawns them and pickles the model, and a session can't be pickled."""
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        path = Path(os.environ["BENCH_MODEL"]) / "model.onnx"
        return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def load(self) -> bool:
        self.ready = True
        return True

    async def predict(
        self, payload: dict[str, Any] | InferRequest, headers: Any = None, response_headers: Any = None
    ) -> dict[str, Any] | InferResponse:
        """Answer by the first version of the protocol or, as KServe says by the payload's type, by the second."""
        if isinstance(payload, InferRequest):
            (predictions,) = self.session.run(None, {"features": payload.inputs[0].as_numpy()})
            output = InferOutput("prediction", list(predictions.shape), "FP32", predictions.tolist())
            return InferResponse(payload.id or generate_uuid(), self.name, [output])
        features = np.array(payload["instances"], np.float32)
        return {"predictions": self.session.run(None, {"features": features})[0].tolist()}


if __name__ == "__main__":
    model = Housing("housing")
    model.load()
    port = int(os.environ["BENCH_PORT"])
    ModelServer(http_port=port, workers=2, enable_grpc=False, enable_latency_logging=False).start([model])
