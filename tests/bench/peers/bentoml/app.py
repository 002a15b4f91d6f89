"""BentoML with ONNX Runtime: two workers, an async endpoint with a typed array."""

import os
from pathlib import Path
from typing import Annotated

import bentoml
import numpy as np
import onnxruntime as ort
from bentoml.validators import DType, Shape

Rows = Annotated[np.ndarray, DType("float32"), Shape((-1, 13))]


@bentoml.service(workers=2, logging={"access": {"enabled": False}})
class Housing:
    def __init__(self) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        path = Path(os.environ["BENCH_MODEL"]) / "model.onnx"
        self.session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    @bentoml.api(route="/predict")
    async def predict(self, data: Rows) -> dict[str, list[float]]:
        return {"predictions": self.session.run(None, {"features": data})[0].tolist()}
