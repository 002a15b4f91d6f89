"""Runs of housing that are registered, and a server to deploy them to."""

from collections.abc import Mapping

from running_server import RunningServer

from molino.contracts.model_file import load_model
from molino.contracts.record import Record
from molino.contracts.results import DeployResult
from molino.contracts.settings import Settings
from training.step import run_step
from training.stores.opening import open_store
from training.tracking.registry import CHAMPION, aliased_version
from training.tracking.tracker import Tracker

RUNS = ("r1", "r2", "r3")
"""Run `r<n>` has registered version n; each answers otherwise."""
Runs = Mapping[str, "RegisteredRun"]
GATE = {"gate": {"bounds": {"mae": {"maximum": 100.0}}}}


class RegisteredRun:
    """A run that is registered, in a home that a test may change."""

    model = "housing"

    def __init__(self, settings: Settings, run_id: str) -> None:
        self.settings, self.run_id = settings, run_id
        self.loaded = load_model(settings.models / self.model)
        self.store = open_store(settings)
        self.client = Tracker(settings).client

    def step(self, name: str) -> Record:
        return run_step(name, self.loaded, self.run_id, self.settings)

    def environment(self) -> dict[str, str]:
        names = ("home", "models", "serving_url", "serving_home")
        given = {f"MOLINO_{name.upper()}": str(getattr(self.settings, name)) for name in names}
        return {**given, "MOLINO_LOG_FORMAT": "json"}


def workers(server: RunningServer) -> dict[str, int]:
    """Return how many workers serve each version of housing."""
    models = server.ask("GET", "/monitor").json["models"]
    return models["housing"]["workers"] if "housing" in models else {}


def champion(run: RegisteredRun) -> str | None:
    return aliased_version(run.client, "housing", CHAMPION)


def deploy(run: RegisteredRun) -> DeployResult:
    return DeployResult.model_validate(run.step("deploy").result)
