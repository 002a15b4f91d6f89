"""A candidate's training as it goes: a progress bar for people, a learning curve for MLflow."""

import time

import structlog

from training.tracking.tracker import Tracker

SHOWN_EVERY = 0.2
WRITTEN_EVERY = 5.0


class Progress:
    """Takes the losses of each epoch or round; shows and writes them now and then, so that neither slows training."""

    def __init__(self, name: str, log: structlog.stdlib.BoundLogger, tracker: Tracker, mlflow_run_id: str) -> None:
        self.event = f"training {name}"
        self.log = log
        self.tracker = tracker
        self.mlflow_run_id = mlflow_run_id
        self.history: dict[str, list[float]] = {"train_loss": [], "validation_loss": []}
        self.written = 0
        self.shown_at = self.written_at = time.monotonic()

    def __call__(self, done: int, total: int, on_train: float, on_validation: float | None) -> None:
        """Take the losses after one more epoch or round; none on validation rows where these are trained on too."""
        shown = {"train_loss": on_train} if on_validation is None else {"validation_loss": on_validation}
        self.history["train_loss"].append(on_train)
        if on_validation is not None:
            self.history["validation_loss"].append(on_validation)
        now = time.monotonic()
        if now - self.shown_at > SHOWN_EVERY:
            self.shown_at = now
            self.log.info(self.event, done=done, total=total, **{name: round(loss, 6) for name, loss in shown.items()})
        if now - self.written_at > WRITTEN_EVERY:
            self.written_at = now
            self._write()

    def close(self) -> None:
        """Write what is left, and end the bar."""
        self._write()
        done = max(1, len(self.history["train_loss"]))
        self.log.info(self.event, done=done, total=done)

    def _write(self) -> None:
        fresh = {name: values[self.written :] for name, values in self.history.items()}
        self.tracker.log_history(self.mlflow_run_id, fresh, first=self.written + 1)
        self.written = len(self.history["train_loss"])
