"""Where a release is put in service on this machine: a pointer file that its server watches."""

import time
from contextlib import AbstractContextManager

from molino.contracts.errors import DeployError
from molino.contracts.pointer import bundle_path, locked, point_to, read_pointer
from molino.contracts.release import MODEL_FILENAME, RELEASE_FILENAME
from molino.contracts.results import RegisterResult
from molino.contracts.settings import Settings
from training.deploy.target import request, serves
from training.stores.contract import Store
from training.stores.opening import fetch

PATIENCE_SECONDS = 60.0
POLL_SECONDS = 0.05


class Target:
    """The server of this machine: it watches a pointer file in its folder and swaps by itself."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self.endpoint = settings.serving_url.rstrip("/")
        self.home = settings.serving_folder
        self.settings = settings
        self.store = store

    def check(self) -> None:
        status, response = request(self.settings, "GET", "/models")
        if status != 200:
            raise DeployError(
                f"GET {self.endpoint}/models answers {status}: {response.get('detail')}; check MOLINO_API_KEY"
            )

    def lock(self, model: str) -> AbstractContextManager[None]:
        return locked(self.home / model / ".deploy.lock")

    def current(self, model: str) -> str | None:
        return read_pointer(self.home).get(model)

    def bring(self, model: str, registered: RegisterResult) -> None:
        if registered.version is None or registered.release is None or registered.onnx is None:
            raise DeployError(f"{model}: nothing was registered, so there is nothing to deploy")
        folder = bundle_path(self.home, model, registered.version)
        fetch(self.store, registered.onnx, folder / MODEL_FILENAME)
        fetch(self.store, registered.release, folder / RELEASE_FILENAME)

    def point(self, model: str, version: str | None) -> None:
        point_to(self.home, model, version)

    def wait(self, model: str, version: str | None) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not serves(self.settings, model, version):
            if time.monotonic() > deadline:
                raise DeployError(
                    f"{self.endpoint} doesn't serve {model} version {version} after {PATIENCE_SECONDS:.0f} s; "
                    f"does it look into {self.home}? See its log"
                )
            time.sleep(POLL_SECONDS)
