"""What all tests share: their order, and a real S3, MinIO or the server that `MOLINO_TEST_S3` names."""

import gc
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from filelock import FileLock

from molino.contracts.settings import Settings
from tests.ports import free_port

GO_MODULE = "github.com/minio/minio@latest"
CACHE = Path.home() / ".cache" / "molino" / "bin"
START_SECONDS = 60.0
ACCESS_KEY, SECRET_KEY = "molino-tests", "molino-tests-secret"


CHART = "tests/charts"
"""A target of its own, `make chart`: they want Helm and more programs, and take minutes."""
FIRST = (
    "tests/pipelines", "tests/recipes", "tests/images", "tests/training/train", "tests/training", "tests/molino/prune",
    "tests/molino/test_odd_places.py", "tests/charts/test_archive_run.py", "tests/test_docs.py", "tests/serving",
)  # fmt: skip
"""Folders and files by how long their tests take, so that workers don't wait at the end for one that began late."""


def pytest_configure() -> None:
    """Let numeric libraries have one thread, here and in what tests start, where each core has a worker.

    Garbage is looked for rarely: among all that thousands of tests import, that takes a quarter of their collection.
    """
    gc.set_threshold(50_000, 20, 100)
    if "PYTEST_XDIST_WORKER" in os.environ:
        for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
            os.environ.setdefault(name, "1")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests of the chart, and begin with what takes long where workers share the tests."""
    for item in items:
        if item.path.is_relative_to(config.rootpath / CHART):
            item.add_marker("chart")
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: _turn(item.path.relative_to(config.rootpath)))


def _turn(path: Path) -> int:
    return next((turn for turn, folder in enumerate(FIRST) if path.is_relative_to(folder)), len(FIRST))


@dataclass(frozen=True)
class S3:
    """A server that speaks S3, and its keys."""

    endpoint: str
    access_key: str
    secret_key: str

    def make_bucket(self) -> str:
        """Make an empty bucket of a name that is used once."""
        from minio import Minio

        url = urlsplit(self.endpoint)
        bucket = f"molino-{uuid.uuid4().hex}"
        client = Minio(
            endpoint=url.netloc, access_key=self.access_key, secret_key=self.secret_key, secure=url.scheme == "https"
        )
        client.make_bucket(bucket)
        return bucket

    def settings(self, home: Path, **more: object) -> Settings:
        """Return settings of a home whose S3 is this one."""
        return Settings(**{**self.keywords(), "home": home, **more})

    def keywords(self) -> dict[str, str]:
        """Return the settings that lead to this S3."""
        return {"s3_endpoint": self.endpoint, "s3_access_key": self.access_key, "s3_secret_key": self.secret_key}

    def environment(self) -> dict[str, str]:
        """Return the variables by which AWS's own tools, git-remote-s3 and DVC find this S3."""
        return {
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_DEFAULT_REGION": "us-east-1",
        }


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    """A real S3, or a skip that says what is missing."""
    named = os.environ.get("MOLINO_TEST_S3")
    if named:
        url = urlsplit(named)
        netloc = f"{url.hostname}:{url.port}" if url.port else str(url.hostname)
        yield S3(f"{url.scheme}://{netloc}", unquote(url.username or ""), unquote(url.password or ""))
        return
    program = find_minio()
    if program is None:
        pytest.skip(
            "no S3 to test with: neither minio nor go (which builds it) is installed, and MOLINO_TEST_S3 "
            "(http://key:secret@host:port) is not set"
        )
    folder = tmp_path_factory.mktemp("minio")
    with (folder / "log").open("wb") as log:
        port = free_port()
        process = subprocess.Popen(
            [program, "server", "--quiet", "--address", f"127.0.0.1:{port}", str(folder / "data")],
            env={**os.environ, "MINIO_ROOT_USER": ACCESS_KEY, "MINIO_ROOT_PASSWORD": SECRET_KEY},
            stdout=log,
            stderr=log,
        )
    try:
        wait_until_live(f"http://127.0.0.1:{port}", process, folder / "log")
        yield S3(f"http://127.0.0.1:{port}", ACCESS_KEY, SECRET_KEY)
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def mlflow_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database with its tables and nothing in them: copied, since making one takes seconds."""

    def make(home: Path) -> None:
        from training.tracking.tracker import Tracker

        Tracker(Settings(home=home)).client.search_experiments()

    return made_once(tmp_path_factory, "mlflow-database", make) / "mlflow.db"


def made_once(tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """Return a folder that the first worker that wants it makes where it stays, and that all of them only read."""
    place = tmp_path_factory.getbasetemp()
    folder = (place.parent if "PYTEST_XDIST_WORKER" in os.environ else place) / name
    whole = folder.with_name(f"{name}.whole")
    with FileLock(f"{folder}.lock"):
        if not whole.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            whole.touch()
    return folder


def find_minio() -> str | None:
    """Return MinIO's program: one that is installed, or one built by Go, which is kept; none without Go."""
    places = [shutil.which("minio"), CACHE / "minio", Path.home() / "go" / "bin" / "minio"]
    found = next((str(place) for place in places if place and Path(place).is_file()), None)
    if found or not shutil.which("go"):
        return found
    CACHE.mkdir(parents=True, exist_ok=True)
    with FileLock(CACHE / "minio.lock"):
        if not (CACHE / "minio").is_file():
            subprocess.run(
                ["go", "install", GO_MODULE], env={**os.environ, "GOBIN": str(CACHE)}, check=True, capture_output=True
            )
    return str(CACHE / "minio")


def wait_until_live(endpoint: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            urllib.request.urlopen(f"{endpoint}/minio/health/ready", timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"minio did not start: {log.read_text()[-2000:]}") from None
            time.sleep(0.05)
