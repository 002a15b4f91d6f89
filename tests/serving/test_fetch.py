"""How a pod's releases are fetched before its server starts, from a real S3."""

import hashlib
import json
import socket
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from minio import Minio

from molino.errors import ReleaseError, StoreError
from molino.pointer import bundle_path, read_pointer
from molino.release import MODEL_FILENAME, RELEASE_FILENAME, release_prefix
from serving.fetch import FetchSettings, deployed_releases, fetch_all
from tests.conftest import S3

GRAPH = b"a graph"
SHA256 = hashlib.sha256(GRAPH).hexdigest()
ANNOTATED = """kubernetes.io/config.seen="2026-11-25T00:00:00Z"
molino.dev/component="serving"
molino.dev/release.housing="3"
molino.dev/release.own-model="12"
"""


@pytest.fixture(scope="module")
def bucket(s3: S3) -> str:
    """A bucket with version 3 of housing, as it should be, and version 4, altered."""
    found = s3.make_bucket()
    client = Minio(
        endpoint=urlsplit(s3.endpoint).netloc, access_key=s3.access_key, secret_key=s3.secret_key, secure=False
    )
    for version, graph in (("3", GRAPH), ("4", b"another")):
        release = json.dumps({"onnx_sha256": SHA256}).encode()
        for name, content in ((MODEL_FILENAME, graph), (RELEASE_FILENAME, release)):
            client.put_object(found, release_prefix("housing", version) + name, BytesIO(content), len(content))
    return found


def settings(s3: S3, bucket: str, folder: Path, annotations: str, **more: str) -> FetchSettings:
    file = folder / "annotations"
    file.write_text(annotations)
    given = {**s3.keywords(), "store": f"s3://{bucket}", "annotations_file": file, **more}
    return FetchSettings.model_validate(given)


def test_the_annotations_name_a_version_per_model() -> None:
    assert deployed_releases(ANNOTATED) == {"housing": "3", "own-model": "12"}


def test_a_release_is_fetched_and_pointed_to(s3: S3, bucket: str, tmp_path: Path) -> None:
    fetch_all(settings(s3, bucket, tmp_path, 'molino.dev/release.housing="3"\n'), tmp_path)
    assert (bundle_path(tmp_path, "housing", "3") / MODEL_FILENAME).read_bytes() == GRAPH
    assert read_pointer(tmp_path) == {"housing": "3"}


def test_an_altered_release_is_refused_and_not_pointed_to(s3: S3, bucket: str, tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match=rf"housing version 4: sha256 of {MODEL_FILENAME} is \w+, but"):
        fetch_all(settings(s3, bucket, tmp_path, 'molino.dev/release.housing="4"\n'), tmp_path)
    assert read_pointer(tmp_path) == {}


def test_a_release_that_is_not_there_is_named(s3: S3, bucket: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=f"can't fetch s3://{bucket}/releases/housing/9/ at {s3.endpoint}"):
        fetch_all(settings(s3, bucket, tmp_path, 'molino.dev/release.housing="9"\n'), tmp_path)


def test_before_the_first_deploy_nothing_is_fetched(s3: S3, bucket: str, tmp_path: Path) -> None:
    assert fetch_all(settings(s3, bucket, tmp_path, ""), tmp_path) == {}


def test_a_store_that_does_not_answer_is_named_though_nothing_was_deployed(
    s3: S3, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        endpoint = f"http://127.0.0.1:{closed.getsockname()[1]}"
    wrong = settings(s3, "some-bucket", tmp_path, "", s3_endpoint=endpoint)
    with pytest.raises(StoreError, match=rf"can't read s3://some-bucket at {endpoint}: .*check s3.endpoint"):
        fetch_all(wrong, tmp_path, patience=1)
    (said,) = capsys.readouterr().err.splitlines()
    assert json.loads(said)["cause"].startswith(f"can't read s3://some-bucket at {endpoint}")


def test_a_bucket_that_is_not_there_is_named(s3: S3, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="NoSuchBucket"):
        fetch_all(settings(s3, "never-made", tmp_path, ""), tmp_path, patience=0)
