"""An MLServer runtime of our own for ONNX Runtime, as its documentation says to write one."""

import os
from pathlib import Path

import numpy as np
import onnxruntime as ort
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse


class Housing(MLModel):
    async def load(self) -> bool:
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        path = Path(os.environ["BENCH_MODEL"]) / "model.onnx"
        self.session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        features = NumpyCodec.decode_input(payload.inputs[0]).astype(np.float32, copy=False)
        (predictions,) = self.session.run(None, {"features": features})
        output = NumpyCodec.encode_output("predictions", predictions)
        return InferenceResponse(model_name=self.name, outputs=[output])
