"""TensorFlow as training takes it: without its messages, and without the oneDNN that doesn't repeat itself."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

import keras  # noqa: F401
import tensorflow  # noqa: F401  # ICN001
