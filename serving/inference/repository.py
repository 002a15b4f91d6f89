"""The models being served: follows the pointer file, and swaps models whole.

A release that can't be served, for whatever reason, keeps no other one back; it is shown, and tried again.
"""

import math
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog

from molino.contracts.errors import MolinoError, ReleaseError
from molino.contracts.pointer import Entries, bundle_path, pointer_path, read_entries
from serving.http.problems import Problem
from serving.inference.model import Model, first_line, load_bundle
from serving.inference.served_versions import ServedVersions

Stamp = tuple[int, int, int] | None
"""What a file is told by without reading it: inode, size, time of change; none where there is no file."""
FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS = 1.0, 300.0
"""What failed is tried again after the first interval, then after twice the last one, up to the last."""
POINTER = ""
"""The pointer file among the names of models."""


@dataclass(frozen=True)
class State:
    """What is served at one moment; replaced whole, so that a request sees one state only."""

    models: Mapping[str, Model]
    failures: Mapping[str, str]
    """Why the deployed version of a model isn't served, by model name; `` for the pointer file itself."""


class Retries:
    """When what failed is tried again."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._waits: dict[str, tuple[str, float, float]] = {}
        """Name to version, interval in seconds, and time of the next try."""

    def failed(self, name: str, version: str) -> None:
        """Have a version tried again, later each time."""
        before = self._waits.get(name)
        again = before is not None and before[0] == version
        interval = min(2 * before[1], LAST_RETRY_SECONDS) if again and before else FIRST_RETRY_SECONDS
        self._waits[name] = version, interval, self._clock() + interval

    def keep(self, names: Collection[str]) -> None:
        """Forget all but these."""
        self._waits = {name: wait for name, wait in self._waits.items() if name in names}

    def waits(self, name: str, version: str) -> bool:
        """Tell whether a version that failed isn't to be tried yet."""
        wait = self._waits.get(name)
        return wait is not None and wait[0] == version and self._clock() < wait[2]

    @property
    def due(self) -> bool:
        """Whether one is to be tried now; none but the pointer file while that can't be read."""
        waits = [self._waits[POINTER]] if POINTER in self._waits else self._waits.values()
        return self._clock() >= min((at for _, _, at in waits), default=math.inf)


class Repository:
    """Loads what the pointer file names, and keeps the old version where the new one can't be loaded."""

    def __init__(
        self,
        home: Path,
        default_model: str | None = None,
        served_versions: ServedVersions | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Look at nothing yet."""
        self.home = home
        self.state = State({}, {})
        self._default_name = default_model
        self._default: Model | None = None
        self._served_versions = served_versions
        self._stamp: Stamp | str = "never read"
        self._retries = Retries(clock)
        self._lock = threading.Lock()
        self._log = structlog.get_logger()

    @property
    def ready(self) -> bool:
        """Whether every deployed model has a version that is loaded and warm.

        Where the pointer file can't be read that is what was loaded before, and nothing where it never could be.
        """
        models, failures = self.state.models, self.state.failures
        return all(name in models if name != POINTER else bool(models) for name in failures)

    def changed(self) -> bool:
        """Tell whether the pointer file was replaced since it was read, or what failed is to be tried again."""
        return self._stamp_now() != self._stamp or self._retries.due

    def refresh(self) -> None:
        """Load what the pointer file names now; a model that can't be loaded is logged and shown, not raised.

        A file that is gone, with its volume for example, takes nothing out of service: a deploy writes an empty one.
        """
        with self._lock:
            stamp = self._stamp_now()
            replaced, self._stamp = stamp != self._stamp, stamp
            try:
                entries = read_entries(self.home)
                if stamp is None and self.state.models and not (entries.deployed or entries.unread):
                    raise ReleaseError(f"{pointer_path(self.home)}: is there no more")
            except Exception as error:
                self._log.error("pointer file can't be read", cause=first_line(error))
                self._retries.failed(POINTER, "")
                self._enter(State(self.state.models, {**self.state.failures, POINTER: first_line(error)}))
                return
            self._follow(entries, replaced)

    def pick(self, name: str | None) -> Model:
        """Return a model by name, or the default one.

        Raises:
            Problem: 404 where there is none, 503 where it is deployed but can't be loaded.
        """
        model = self._default if name is None else self.state.models.get(name)
        if model is not None:
            return model
        failures = self.state.failures
        if (name or self._default_name or "") in failures or (name is None and failures):
            which = f"model {name}" if name else "the deployed model"
            raise Problem(503, f"{which} could not be loaded; see /models", ((b"retry-after", b"5"),))
        if not self.state.models:
            raise Problem(404, "no model has been deployed yet")
        raise Problem(404, f"no model is called {(name or self._default_name or '')[:64]!r}; see /models")

    @property
    def default(self) -> Model | None:
        """What `POST /predict` serves."""
        return self._default

    def _follow(self, entries: Entries, replaced: bool) -> None:
        failures = dict(entries.unread)
        models = {name: model for name, model in self.state.models.items() if name in entries.unread}
        for name, cause in entries.unread.items():
            if cause != self.state.failures.get(name):
                self._log.error("entry of the pointer file passed over", model=name, cause=cause)
        for name, version in sorted(entries.deployed.items()):
            current = self.state.models.get(name)
            if current is not None and current.version == version:
                models[name] = current
                continue
            if self._retries.waits(name, version) and not replaced:
                failures[name] = self.state.failures[name]
            else:
                try:
                    models[name] = self._load(name, version)
                    continue
                except Exception as error:
                    failures[name] = f"version {version}: {self._fail(name, version, error)}"
            if current is not None:
                models[name] = current
        self._retries.keep(failures.keys() & entries.deployed.keys())
        self._enter(State(models, failures))

    def _fail(self, name: str, version: str, error: Exception) -> str:
        """Have a release tried again, and return why it can't be served."""
        self._retries.failed(name, version)
        known = isinstance(error, MolinoError)
        cause = str(error) if known else f"{type(error).__name__}: {first_line(error)}"
        log = self._log.error if known else self._log.exception
        log("release can't be served", model=name, version=version, cause=cause)
        return cause

    def _enter(self, state: State) -> None:
        """Serve another state, and tell the other workers of it."""
        before, self.state = self.state, state
        self._default = self._pick_default(state.models)
        if self._served_versions is not None:
            self._served_versions.tell(state.failures)
        for name in sorted(before.models.keys() | state.models.keys()):
            self._tell(name, before.models.get(name), state.models.get(name))

    def _tell(self, name: str, before: Model | None, after: Model | None) -> None:
        if before is after:
            return
        if self._served_versions is not None:
            self._served_versions.swapped(before, after)
        was, now = (model.version if model else None for model in (before, after))
        self._log.info("model in service" if after else "model out of service", model=name, version=now, before=was)

    def _load(self, name: str, version: str) -> Model:
        folder = bundle_path(self.home, name, version)
        try:
            there = folder.parent.parent == self.home and folder.is_dir()
        except OSError as error:
            raise ReleaseError(f"{str(folder)[:200]}: can't be read: {error.strerror}") from error
        if not there:
            raise ReleaseError(f"{folder}: there is no such release bundle")
        model = load_bundle(folder)
        if (model.name, model.version) != (name, version):
            raise ReleaseError(f"{folder}: holds {model.name} {model.version}")
        if self._served_versions is not None:
            self._served_versions.prepare(model)
        return model

    def _pick_default(self, models: Mapping[str, Model]) -> Model | None:
        if self._default_name is not None:
            return models.get(self._default_name)
        return next((models[name] for name in sorted(models)), None)

    def _stamp_now(self) -> Stamp:
        try:
            stat = pointer_path(self.home).stat()
        except OSError:
            return None
        return stat.st_ino, stat.st_size, stat.st_mtime_ns
