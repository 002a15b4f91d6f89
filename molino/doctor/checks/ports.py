"""The ports of the embedded mode's pages."""

from collections.abc import Iterator

from molino.contracts.settings import Settings
from molino.doctor.finding import Finding, ok


def check(settings: Settings) -> Iterator[Finding]:
    """Say which are free: one that is taken may be Molino's own, which can't be told."""
    from pipelines.services import port_is_free

    pages = (("MLflow UI", 5000, "MLFLOW_PORT"), ("TensorBoard", 8090, "TENSORBOARD_PORT"))
    for title, port, variable in () if settings.in_a_pod else pages:
        seen = "free" if port_is_free(port) else f"in use; if not by Molino, choose another by make run {variable}=…"
        yield ok(f"port of {title}", f"{port}: {seen}")
