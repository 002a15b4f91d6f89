"""How a pod's releases are fetched before its server starts, from a real S3."""

import hashlib
import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import structlog
from bundles import build_housing
from minio import Minio

from molino.contracts.errors import ReleaseError, StoreError
from molino.contracts.pointer import bundle_path, read_pointer
from molino.contracts.release import MODEL_FILENAME, RELEASE_FILENAME, release_prefix
from molino.logs import configure_logs
from serving.fetch import FetchSettings, deployed_releases, fetch_all
from serving.inference.model import load_bundle
from tests.conftest import S3
from tests.ports import free_port

ANNOTATED = """kubernetes.io/config.seen="2026-11-25T00:00:00Z"
molino.dev/component="serving"
molino.dev/release.housing="3"
molino.dev/release.own-model="12"
"""


@pytest.fixture(scope="module")
def bucket(s3: S3, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A bucket with version 3 of housing as it should be, 4 altered, and 5 that no server can load."""
    found = s3.make_bucket()
    client = Minio(
        endpoint=urlsplit(s3.endpoint).netloc, access_key=s3.access_key, secret_key=s3.secret_key, secure=False
    )
    home = tmp_path_factory.mktemp("releases")
    for version in ("3", "4", "5"):
        release = build_housing(home, version)
        folder = bundle_path(home, "housing", version)
        if version != "3":
            (folder / MODEL_FILENAME).write_bytes(b"no graph")
        if version == "5":
            digest = hashlib.sha256(b"no graph").hexdigest()
            changed = release.model_copy(update={"onnx_sha256": digest})
            (folder / RELEASE_FILENAME).write_text(changed.model_dump_json())
        for name in (MODEL_FILENAME, RELEASE_FILENAME):
            content = (folder / name).read_bytes()
            client.put_object(found, release_prefix("housing", version) + name, BytesIO(content), len(content))
    return found


@pytest.fixture
def _logs() -> Iterator[None]:
    """Leave other tests their own logging."""
    yield
    structlog.reset_defaults()


def settings(s3: S3, bucket: str, folder: Path, annotations: str, **more: str) -> FetchSettings:
    file = folder / "annotations"
    file.write_text(annotations)
    given = {**s3.keywords(), "store": f"s3://{bucket}", "annotations_file": file, **more}
    return FetchSettings.model_validate(given)


def test_the_annotations_name_a_version_per_model() -> None:
    assert deployed_releases(ANNOTATED) == {"housing": "3", "own-model": "12"}


@pytest.mark.usefixtures("_logs")
def test_an_annotation_that_names_no_version_is_named(
    s3: S3, bucket: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logs()
    annotations = 'molino.dev/release.housing="3"\nmolino.dev/release.penguins="latest"\n'
    assert fetch_all(settings(s3, bucket, tmp_path, annotations), tmp_path) == {"housing": "3"}
    line = json.loads(capsys.readouterr().err)
    assert line["annotation"] == 'molino.dev/release.penguins="latest"'
    assert line.keys() >= {"timestamp", "level", "event"}


def test_a_release_is_fetched_and_pointed_to(s3: S3, bucket: str, tmp_path: Path) -> None:
    fetch_all(settings(s3, bucket, tmp_path, 'molino.dev/release.housing="3"\n'), tmp_path)
    assert load_bundle(bundle_path(tmp_path, "housing", "3")).version == "3"
    assert read_pointer(tmp_path) == {"housing": "3"}


@pytest.mark.parametrize(("version", "cause"), [("4", "its SHA-256 differs"), ("5", f"{MODEL_FILENAME} can't be run")])
def test_a_release_that_can_not_be_served_is_refused_and_not_pointed_to(
    version: str, cause: str, s3: S3, bucket: str, tmp_path: Path
) -> None:
    with pytest.raises(ReleaseError, match=rf"^housing version {version}: .*{cause}.*; deploy another version$"):
        fetch_all(settings(s3, bucket, tmp_path, f'molino.dev/release.housing="{version}"\n'), tmp_path)
    assert read_pointer(tmp_path) == {}


def test_a_release_that_is_not_there_is_named(s3: S3, bucket: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=f"can't fetch s3://{bucket}/releases/housing/9/ at {s3.endpoint}"):
        fetch_all(settings(s3, bucket, tmp_path, 'molino.dev/release.housing="9"\n'), tmp_path)


def test_before_the_first_deploy_nothing_is_fetched(s3: S3, bucket: str, tmp_path: Path) -> None:
    assert fetch_all(settings(s3, bucket, tmp_path, ""), tmp_path) == {}


@pytest.mark.usefixtures("_logs")
def test_a_store_that_does_not_answer_is_named_though_nothing_was_deployed(
    s3: S3, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logs()
    endpoint = f"http://127.0.0.1:{free_port()}"
    wrong = settings(s3, "some-bucket", tmp_path, "", s3_endpoint=endpoint)
    with pytest.raises(StoreError, match=rf"can't read s3://some-bucket at {endpoint}: .*check s3.endpoint"):
        fetch_all(wrong, tmp_path, patience=1)
    (said,) = capsys.readouterr().err.splitlines()
    assert json.loads(said)["cause"].startswith(f"can't read s3://some-bucket at {endpoint}")


def test_a_bucket_that_is_not_there_is_named(s3: S3, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="NoSuchBucket"):
        fetch_all(settings(s3, "never-made", tmp_path, ""), tmp_path, patience=0)
