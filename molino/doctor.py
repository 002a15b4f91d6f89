"""`molino doctor`: is all that Molino needs there, and what to do where it isn't."""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from urllib.request import Request, urlopen

from molino.client import Client, ClientError
from molino.contracts.address import Address, basic_auth
from molino.contracts.errors import ModelFileError, MolinoError
from molino.contracts.loopback import is_loopback
from molino.contracts.model_file import find_models, load_model
from molino.contracts.settings import Settings

PROBE_KEY = "doctor/probe"
FREE_GIB = 2
TIMEOUT_SECONDS = 20


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    well: bool
    seen: str
    advice: str = ""
    """What to do; only where it isn't well."""


def examine(settings: Settings) -> Iterator[Finding]:
    """Yield what was found, one subject after the other; nothing is changed, but for a probe in the store."""
    for check in CHECKS:
        yield from check(settings)


def _python(_: Settings) -> Iterator[Finding]:
    version = ".".join(str(part) for part in sys.version_info[:3])
    yield Finding("Python", (3, 11) <= sys.version_info[:2] < (3, 14), version, "use Python 3.11, 3.12 or 3.13")


def _programs(_: Settings) -> Iterator[Finding]:
    beside = Path(sys.executable).parent
    path = f"{beside}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    for program, advice in (
        ("git", "install it (on Debian and Ubuntu: apt-get install git)"),
        ("dvc", "install Molino's packages: make run does, or pip install 'molino[version]'"),
    ):
        where = shutil.which(program, path=path)
        yield Finding(program, where is not None, where or "not found", advice)


def _models(settings: Settings) -> Iterator[Finding]:
    found = {"": settings.model_file} if settings.model_file else find_models(settings.models)
    if not found:
        where = settings.models.resolve()
        yield Finding("model files", False, f"none in {where}", "set MOLINO_MODELS to the folder of your model folders")
    for path in found.values():
        try:
            loaded = load_model(path)
        except ModelFileError as error:
            yield Finding(f"model file {path}", False, str(error), "mend the lines named")
        else:
            yield Finding(f"model {loaded.file.name}", True, str(loaded.path))


def _disk(settings: Settings) -> Iterator[Finding]:
    folder = next(path for path in (settings.root, *settings.root.parents) if path.is_dir())
    free = shutil.disk_usage(folder).free / 2**30
    well = free >= FREE_GIB and os.access(folder, os.W_OK)
    advice = f"free {FREE_GIB} GiB, or set MOLINO_HOME to a folder that can be written"
    yield Finding("disk", well, f"{free:.1f} GiB free in {folder}", advice)


def _store(settings: Settings) -> Iterator[Finding]:
    yield _probe("store", settings.store_uri, settings, "MOLINO_STORE")


def _dvc_remote(settings: Settings) -> Iterator[Finding]:
    yield _probe("DVC remote", settings.dvc_remote_uri, settings, "MOLINO_DVC_REMOTE")


def _probe(subject: str, uri: Address, settings: Settings, variable: str) -> Finding:
    """Write an object, read it back and take it away."""
    from training.stores.opening import kind_of, open_at

    kind = kind_of(uri)
    if kind is None and variable == "MOLINO_DVC_REMOTE":
        return Finding(subject, True, f"{uri} (of a kind that isn't looked into)")
    keys = f", {kind.settings_named}" if kind and kind.settings_named else ""
    advice = f"check {variable}{keys}, and that it may be written"
    try:
        well = open_at(uri, settings).probe()
    except (MolinoError, OSError) as error:
        return Finding(subject, False, str(error), advice)
    return Finding(subject, well, uri, advice)


def _git_remote(settings: Settings) -> Iterator[Finding]:
    """Ask as the version step does: in its environment, with its credentials and host keys."""
    from training.data_repository.git import Git, folder_of

    uri = settings.git_remote_uri
    folder = folder_of(uri)
    if folder is not None and not folder.exists():
        yield Finding("git remote", True, f"{uri} (made by the first version step)")
        return
    advice = "check MOLINO_GIT_REMOTE and its credentials"
    try:
        with tempfile.TemporaryDirectory() as scratch:
            git = Git(Path(scratch) / "clone", settings)
            git.answers(TIMEOUT_SECONDS)
            left = git.left_lock()
    except (MolinoError, OSError) as error:
        yield Finding("git remote", False, str(error), advice)
        return
    yield Finding("git remote", left is None, left or uri, advice)


def _mlflow(settings: Settings) -> Iterator[Finding]:
    uri = settings.tracking_uri
    advice = "check MOLINO_MLFLOW_TRACKING_URI, and that the server runs"
    if uri.startswith(("http://", "https://")):
        try:
            asked = Request(f"{uri.rstrip('/')}/health", headers=_mlflow_login(settings))  # noqa: S310
            with urlopen(asked, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
                yield Finding("MLflow", answer.status == 200, uri, advice)
        except (OSError, ValueError, HTTPException) as error:
            yield Finding("MLflow", False, f"{uri}: {' '.join(str(error).split())}", advice)
    elif settings.tracking_file:
        yield _sqlite(settings.tracking_file, uri)
    else:
        yield Finding("MLflow", True, f"{uri} (of a kind that isn't looked into)")


def _mlflow_login(settings: Settings) -> dict[str, str]:
    """Log in as the tracker does."""
    if settings.mlflow_username and settings.mlflow_password:
        return basic_auth(settings.mlflow_username, settings.mlflow_password.get_secret_value())
    return settings.tracking_uri.authorization


def _sqlite(path: Path, uri: str) -> Finding:
    import sqlite3

    if not path.exists():
        return Finding("MLflow", True, f"{uri} (made by the first run)")
    try:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        with suppress(sqlite3.OperationalError):
            connection.execute("select version_num from alembic_version").fetchone()
        sound = connection.execute("pragma quick_check(1)").fetchone()[0] == "ok"
        connection.close()
    except sqlite3.Error as error:
        return Finding("MLflow", False, f"{uri}: {error}", f"restore {path} from a backup, or move it away")
    return Finding("MLflow", sound, uri, f"restore {path} from a backup, or move it away")


def _serving(settings: Settings) -> Iterator[Finding]:
    """The API may be down, which is no fault; when it is up it must take the key."""
    client = Client(settings.serving_url, settings.api_key.get_secret_value())
    try:
        served = [f"{name} {version}" for name, version in client.served().items()]
    except ClientError as error:
        if error.status == 0:
            yield from _free_port(settings.serving_url)
            return
        advice = "set MOLINO_API_KEY to a key of the server, or MOLINO_SERVING_URL to Molino's server"
        yield Finding("serving API", False, str(error), advice)
        return
    yield Finding("serving API", True, f"{settings.serving_url} serves {', '.join(served) or 'no model yet'}")


def _free_port(url: str) -> Iterator[Finding]:
    from urllib.parse import urlsplit

    from pipelines.services import port_is_free

    address = urlsplit(url)
    if not is_loopback(address.hostname or ""):
        advice = "check MOLINO_SERVING_URL, and that the server runs"
        yield Finding("serving API", False, f"{url} doesn't answer", advice)
        return
    port = address.port or 80
    advice = "end what listens there, or choose another port: make run PORT=…"
    seen = f"nothing runs at {url}; molino run starts it" if port_is_free(port) else f"port {port} is taken"
    yield Finding("serving API", port_is_free(port), seen, advice)


def _ui_ports(_: Settings) -> Iterator[Finding]:
    """A taken port is a fault only for something else than Molino, which can't be told: so it is only said."""
    from pipelines.services import port_is_free

    for title, port, variable in (("MLflow UI", 5000, "MLFLOW_PORT"), ("TensorBoard", 8090, "TENSORBOARD_PORT")):
        seen = "free" if port_is_free(port) else f"in use; if not by Molino, choose another by make run {variable}=…"
        yield Finding(f"port of {title}", True, f"{port}: {seen}")


CHECKS: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
    _python,
    _programs,
    _models,
    _disk,
    _store,
    _git_remote,
    _dvc_remote,
    _mlflow,
    _serving,
    _ui_ports,
)
