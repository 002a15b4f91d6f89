"""The usual way: a Flask route that calls `model.predict`, under Gunicorn. One thread per worker for TensorFlow."""

import os
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from flask import Flask, request


def create_app() -> Flask:
    """Load the network and return the app; called in each worker."""
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    model = keras.saving.load_model(Path(os.environ["BENCH_MODEL"]) / "model.keras")
    app = Flask(__name__)

    @app.post("/predict")
    def predict() -> dict[str, list[float]]:
        rows = np.asarray(request.get_json()["data"], np.float32)
        return {"predictions": model.predict(rows, verbose=0)[:, 0].tolist()}

    return app
