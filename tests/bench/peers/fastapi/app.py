"""FastAPI with ONNX Runtime under Uvicorn: typed bodies, and neither auth nor metrics nor an access log."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import onnxruntime as ort
from fastapi import FastAPI, Request
from pydantic import BaseModel


class Question(BaseModel):
    data: list[list[float]]


class Answer(BaseModel):
    predictions: list[float]


@asynccontextmanager
async def load(app: FastAPI) -> AsyncIterator[None]:
    """Load the graph once per worker, with one thread."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    path = Path(os.environ["BENCH_MODEL"]) / "model.onnx"
    app.state.session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    yield


app = FastAPI(lifespan=load)


@app.post("/predict")
async def predict(question: Question, request: Request) -> Answer:
    """Answer on the event loop: the graph takes microseconds, a thread would cost more."""
    features = np.array(question.data, np.float32)
    (predictions,) = request.app.state.session.run(None, {"features": features})
    return Answer(predictions=predictions.tolist())
