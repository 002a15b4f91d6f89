"""Register the network in MLflow under the TensorFlow flavour, as Keras models are; `mlflow models serve` takes it."""

import os
from pathlib import Path

import keras
import mlflow
import numpy as np
from mlflow.models import infer_signature


def main() -> None:
    model = keras.saving.load_model(Path(os.environ["BENCH_MODEL"]) / "model.keras")
    mlflow.set_tracking_uri(os.environ["MLFLOW_TRACKING_URI"])
    mlflow.tensorflow.log_model(
        model,
        name="model",
        registered_model_name="housing",
        signature=infer_signature(np.zeros((1, 13), np.float32), np.zeros((1, 1), np.float32)),
        pip_requirements=["mlflow", "keras", "tensorflow-cpu"],
    )


if __name__ == "__main__":
    main()
