"""Where a release is put in service by others: it becomes the champion, and Molino asks no server."""

from contextlib import AbstractContextManager, nullcontext

from molino.contracts.errors import DeployError
from molino.contracts.results import RegisterResult
from molino.contracts.settings import Settings
from training.stores.contract import Store


class Target:
    """No server: an installation without the serving API, whose releases wait in the store."""

    endpoint = None

    def __init__(self, settings: Settings, store: Store) -> None:
        """Take what every target takes."""

    def check(self) -> None:
        """There is no server to ask."""

    def lock(self, model: str) -> AbstractContextManager[None]:  # noqa: ARG002
        """Deploys of one model change nothing that they share."""
        return nullcontext()

    def current(self, model: str) -> str | None:  # noqa: ARG002
        """Nothing serves as far as Molino knows."""
        return None

    def bring(self, model: str, registered: RegisterResult) -> None:
        """Leave the release where it is: in the store."""
        if registered.version is None or registered.release is None or registered.onnx is None:
            raise DeployError(f"{model}: nothing was registered, so there is nothing to deploy")

    def point(self, model: str, version: str | None) -> None:
        """Whoever serves finds the champion in MLflow, and its release in the store."""

    def wait(self, model: str, version: str | None) -> None:
        """There is nothing to wait for."""
