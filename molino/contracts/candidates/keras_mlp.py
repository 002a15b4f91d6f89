"""A dense network of Keras."""

from typing import Annotated, Literal

from pydantic import Field

from molino.contracts.candidates.base import Candidate
from molino.contracts.part import Count


class KerasMlp(Candidate):
    """A dense network of Keras, with early stopping on the validation rows."""

    kind: Literal["keras_mlp"]
    hidden: tuple[Annotated[int, Field(ge=1, le=4096)], ...] = (64, 64)
    activation: Literal["relu", "gelu", "silu", "tanh"] = "relu"
    dropout: float = Field(default=0.0, ge=0, lt=1)
    l2: float = Field(default=0.0, ge=0)
    learning_rate: float = Field(default=1e-3, gt=0)
    batch_size: Count = 32
    epochs: Count = 200
    patience: Count = 20
