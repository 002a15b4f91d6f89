"""MLflow: where runs, metrics and models live."""

from molino.settings import Settings


class Tracker:
    """One experiment per model, one parent run per Molino run, one child run per candidate."""

    def __init__(self, settings: Settings) -> None:
        from mlflow.tracking import MlflowClient

        self.settings = settings
        self.client = MlflowClient(tracking_uri=settings.tracking_uri, registry_uri=settings.tracking_uri)
