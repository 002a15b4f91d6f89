"""The embedded mode: the pipeline, the serving API and the UIs as processes of this machine."""

import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from molino.client import Client, ClientError
from molino.contracts.address import Address
from molino.contracts.errors import NoticeError, RunError, StoreError
from molino.contracts.model_file import LoadedModel
from molino.contracts.promotion import waiting_for_approval
from molino.contracts.settings import DEVELOPMENT_API_KEY, Settings, make_folder
from molino.contracts.steps import STEPS
from molino.notice.outcome import Failure
from molino.notice.settings import NoticeSettings
from molino.notice.telling import tell
from molino.run_end import refused_by, tell_end
from molino.runs import Plan, find_run, plan, settle
from molino.traces import run_span
from pipelines import services
from pipelines.local import LocalRun, StepFailedError, StepProcesses
from pipelines.process import POLL_SECONDS
from pipelines.report import reporting
from pipelines.stack import Stack, Stop, Stopped, running_lock
from training.stores.opening import open_store

SERVING_START_SECONDS = 120.0
"""A server that ends is noticed at once; one on a machine with much else to do takes its time."""
INTERRUPTED = 130
"""Exit code when a signal came before the answer, as shells have it for Ctrl-C."""


@dataclass(frozen=True)
class Ports:
    """Where the services listen."""

    serving: int
    mlflow: int
    tensorboard: int


def run_embedded(
    settings: Settings, loaded: LoadedModel, ports: Ports, once: bool, notices: NoticeSettings | None = None
) -> int:
    """Run the pipeline as far as it isn't done, serve, show an answer, and stay until a signal comes.

    Args:
        settings: where things are.
        loaded: the model file.
        ports: where the services listen.
        once: end after the answer; without the UIs.
        notices: who is told of a run that fails or is refused; nobody when not given.

    Returns:
        The exit code: 0 once an answer was shown.

    Raises:
        RunError: a port is taken, a program is missing, a step failed or a service ended.
    """
    wanted = [services.serving(settings, ports.serving, loaded.file.name)]
    if not once:
        wanted += [services.mlflow(settings, ports.mlflow), services.tensorboard(settings, ports.tensorboard)]
    _refuse_missing_programs()
    make_folder(settings.root)
    with running_lock(settings.root), Stop() as stop, Stack(settings.root / "logs", stop) as stack:
        services.refuse_taken_ports(wanted)
        run = _Embedded(settings, loaded, wanted, stack, notices)
        try:
            run.until_answered()
        except Stopped:
            return INTERRUPTED
        if not once:
            run.until_stopped()
    return 0


def _refuse_missing_programs() -> None:
    if shutil.which("git") is None:
        raise RunError("git is not found: install it (on Debian and Ubuntu: apt-get install git)")


class _Embedded:
    """One embedded run, while its services are up."""

    def __init__(
        self,
        settings: Settings,
        loaded: LoadedModel,
        wanted: list[services.Service],
        stack: Stack,
        notices: NoticeSettings | None,
    ) -> None:
        self.settings = settings
        self.notices = notices
        self.loaded = loaded
        self.services = wanted
        self.stack = stack
        self.model = loaded.file.name
        self.waiting: str | None = None
        """What is told of a version that waits for an approval."""
        self.client = Client(wanted[0].url, settings.api_key.get_secret_value())

    def until_answered(self) -> None:
        """Start the services, run the steps that aren't done, and show an answer."""
        self._start(*(service for service in self.services if service.name != "mlflow"))
        self._wait_for_serving()
        store = open_store(self.settings)
        served = self._served_version()
        chosen = plan(store, self.loaded, served, self.settings.source, self.settings.overrides)
        _say(_describe(chosen, self.model))
        try:
            chosen = self._run_steps(chosen, served)
        except StepFailedError as error:
            self._notify(chosen.run_id, Failure(error.step, error.cause, error.put_back))
            raise
        self._notify(chosen.run_id)
        self._say_where(chosen)
        self._say_rejection(chosen)
        if self.waiting:
            _say(self.waiting)
        if not self.waiting or self._served():
            self._show_answer()

    def until_stopped(self) -> None:
        """Stay until a signal comes, or a service ends."""
        _say("\nCtrl-C stops everything.")
        try:
            while True:
                self.stack.watch()
                time.sleep(POLL_SECONDS)
        except Stopped:
            _say("\nStopping.")

    def _environment(self) -> dict[str, str]:
        """Return what steps and services get over this process's own variables."""
        return {
            "MOLINO_HOME": str(self.settings.root),
            "MOLINO_MODELS": str(self.settings.models.resolve()),
            "MOLINO_SERVING_URL": self.services[0].url,
            "MOLINO_CODE_REVISION": _code_revision(self.settings),
            "MOLINO_LOG_FORMAT": "json",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "PYTHONUNBUFFERED": "1",
        }

    def _wait_for_serving(self) -> None:
        end = time.monotonic() + SERVING_START_SECONDS
        while not self.client.started():  # a model that fails is what this run may mend
            self.stack.watch()
            if time.monotonic() > end:
                log = self.stack.logs / "serving.log"
                raise RunError(
                    f"the API isn't ready after {SERVING_START_SECONDS:.0f} s: {log} tells what it does; start again, "
                    "which takes up what is there"
                )
            time.sleep(POLL_SECONDS)

    def _start(self, *wanted: services.Service) -> None:
        self.stack.start(wanted, self._environment())

    def _run_steps(self, chosen: Plan, served: str | None) -> Plan:
        """Run what isn't done, and return the plan of the run that the end is told of.

        Data that an earlier run has trained on already is left to that run. MLflow's server starts after train, which
        makes the database where there is none: both would make it at the same time, each in the way of the other, for
        MLflow holds no lock there.
        """
        logs = self.settings.root / "logs" / self.model / chosen.run_id
        data_run = {"MOLINO_DATA_RUN": chosen.data_run} if chosen.data_run else {}
        run = LocalRun(self.model, chosen.run_id, logs, self._environment() | data_run)
        waiting = [step for step in STEPS if step.name not in chosen.done]
        with (
            run_span(self.settings, self.model, chosen.run_id) if waiting else nullcontext(),
            reporting() as reporter,
            StepProcesses(run, waiting, reporter, self.stack.watch) as processes,
        ):
            processes.run_through("version")
            settled = self._settled(chosen, served) if any(step.group == "data" for step in waiting) else None
            if not settled:
                processes.run_through("train")
            self._start(*(service for service in self.services if service.name == "mlflow"))
            if not settled:
                processes.run_through("register")
            if not settled and not self._waits(chosen.run_id):
                processes.run_through("deploy")
        return settled or chosen

    def _waits(self, run_id: str) -> bool:
        """Tell whether what a run has registered waits for a person's approval, and say so."""
        run = find_run(open_store(self.settings), run_id, self.model)
        version = run.records["register"].result.get("version")
        asked = self.loaded.file.gate.approval == "required" and self.settings.approval is None
        if not asked or version is None or "deploy" in run.records:
            return False
        self.waiting = waiting_for_approval(self.model, str(version))
        return True

    def _notify(self, run_id: str, failure: Failure | None = None) -> None:
        """Tell who wants to know what became of a run; that it can't be told ends nothing."""
        if self.notices is None or not self.notices.on:
            return
        urls = {service.name: Address(service.url) for service in self.services}
        places = {
            "mlflow_url": self.notices.mlflow_url or urls.get("mlflow"),
            "serving_url": self.notices.serving_url or urls["serving"],
        }
        with suppress(NoticeError, StoreError):  # it is in the log
            store, wanted = open_store(self.settings), self.notices.model_copy(update=places)
            tell(store, self.model, run_id, failure, wanted, {})

    def _settled(self, chosen: Plan, served: str | None) -> Plan | None:
        """Return the plan to leave it at an earlier run, and say so, where that one has trained on the same data."""
        settled = settle(open_store(self.settings), self.loaded, chosen.run_id, served, self.settings.overrides)
        if settled:
            _say(_describe(settled, self.model))
        return settled

    def _served(self) -> dict[str, Any] | None:
        """Return what the API says about the model, or none while it serves no version of it, or can't."""
        try:
            served: dict[str, Any] = self.client.get(f"/models/{self.model}")
        except ClientError as error:
            if error.status == 404:
                return None
            raise
        return served if served["version"] is not None else None

    def _served_version(self) -> str | None:
        served = self._served()
        return str(served["version"]) if served else None

    def _say_rejection(self, chosen: Plan) -> None:
        """Say why the gate, or a person, refused the run, if one did."""
        run = find_run(open_store(self.settings), chosen.run_id, self.model)
        if run.state == "rejected":
            who, why = refused_by(run)
            _say("\n".join([f"{who.capitalize()} refused this run, so what served before still does:", *why, ""]))

    def _say_where(self, chosen: Plan) -> None:
        store = open_store(self.settings)
        lines = [f"  {title:<12}{told}" for title, told in tell_end(find_run(store, chosen.run_id, self.model), store)]
        lines += [f"  {service.title:<12}{service.url}" for service in self.services]
        lines.append(f"  {'State':<12}{self.settings.root}")
        lines.append(f"  {'Lineage':<12}molino runs show {chosen.run_id}")
        _say("\n".join(["", *lines, ""]))

    def _show_answer(self) -> None:
        served = self._served()
        if served is None:
            raise RunError(f"no version of {self.model} is in service, so there is no answer to show")
        row = self.loaded.file.serving.example or served["example"]["data"][0]
        path, body = "/predict", {"data": [list(row)]}
        is_known = self.client.api_key == DEVELOPMENT_API_KEY
        _say(self.client.curl(path, body, None if is_known else "MOLINO_API_KEY"))
        _say(json.dumps(self.client.post(path, body)))


def _describe(chosen: Plan, model: str) -> str:
    if chosen.kind == "complete":
        return f"{model}: run {chosen.run_id} is there ({chosen.reason}); no step runs again."
    if chosen.kind == "resume":
        return f"{model}: run {chosen.run_id} goes on ({chosen.reason})."
    data = f" on the data of run {chosen.data_run}" if chosen.data_run else ""
    return f"{model}: run {chosen.run_id} starts{data} ({chosen.reason})."


def _code_revision(settings: Settings) -> str:
    """Return the commit of the working folder where the settings don't name one."""
    if settings.code_revision != "unknown":
        return settings.code_revision
    found = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"


def _say(text: str) -> None:
    """Tell the person at the terminal, on stdout."""
    print(text, flush=True)
