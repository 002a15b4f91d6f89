"""The setup of MinIO, against a real one: buckets, keys, and rights that end where they should."""

import subprocess
import sys
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
import yaml
from minio import Minio
from minio.credentials import StaticProvider
from minio.error import S3Error
from minio.minioadmin import MinioAdmin
from test_pipeline_metrics import keep, read

from molino.contracts.errors import StoreError
from molino.contracts.settings import Settings
from molino.pipeline_metrics import registry_of
from molino.secrets.making import made
from molino.secrets.rotation import Held, turn
from tests.conftest import S3
from training.stores.contract import Store
from training.stores.opening import open_store

STORAGE = Path(__file__).resolve().parents[2] / "images" / "operations" / "storage.py"
SECRET = "a-secret-of-forty-characters-0123456789ab"


@pytest.fixture(scope="module")
def setup(s3: S3, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Set up one bucket and two services twice over; return the bucket and the keys by service."""
    folder = tmp_path_factory.mktemp("storage")
    bucket, mark = f"molino-{uuid4().hex}", uuid4().hex[:8]
    services = {
        f"steps-{mark}": [{"actions": "readwrite", "bucket": bucket}],
        f"serving-{mark}": [{"actions": "read", "bucket": bucket, "prefix": "releases/"}],
        f"metrics-{mark}": [{"actions": "read", "bucket": bucket, "prefix": "runs/"}],
        f"archive-{mark}": [{"actions": "readwrite", "bucket": bucket, "prefix": "postgres/"}],
    }
    (folder / "storage.yaml").write_text(yaml.safe_dump({"buckets": [bucket], "services": services}))
    for service in services:
        (folder / f"{service}-access-key").write_text(service)
        (folder / f"{service}-secret-key").write_text(SECRET)
    environment = {
        "MOLINO_S3_ENDPOINT": s3.endpoint,
        "MOLINO_S3_ACCESS_KEY": s3.access_key,
        "MOLINO_S3_SECRET_KEY": s3.secret_key,
    }
    for _ in range(2):
        subprocess.run([sys.executable, STORAGE, folder / "storage.yaml", folder], env=environment, check=True)
    root = client(s3, s3.access_key, s3.secret_key)
    for key in ("releases/housing", "runs/housing"):
        root.put_object(bucket, key, BytesIO(b"x"), 1)
    return {
        "bucket": bucket,
        **{service: f"{service}-{mark}" for service in ("steps", "serving", "metrics", "archive")},
    }


def client(s3: S3, access_key: str, secret_key: str) -> Minio:
    url = urlsplit(s3.endpoint)
    return Minio(
        endpoint=url.netloc,
        access_key=access_key,
        secret_key=secret_key,
        region="us-east-1",  # As the chart tells each service: without it the client would ask for it.
        secure=url.scheme == "https",
    )


def test_a_reader_reads_its_prefix(s3: S3, setup: dict[str, str]) -> None:
    with client(s3, setup["serving"], SECRET).get_object(setup["bucket"], "releases/housing") as answer:
        assert answer.data == b"x"


def test_a_reader_reads_nothing_else(s3: S3, setup: dict[str, str]) -> None:
    with pytest.raises(S3Error, match="AccessDenied"):
        client(s3, setup["serving"], SECRET).get_object(setup["bucket"], "runs/housing")


def test_a_reader_lists_its_prefix_alone(s3: S3, setup: dict[str, str]) -> None:
    reader = client(s3, setup["serving"], SECRET)
    assert [item.object_name for item in reader.list_objects(setup["bucket"], "releases/")] == ["releases/housing"]
    with pytest.raises(S3Error, match="AccessDenied"):
        list(reader.list_objects(setup["bucket"], "runs/"))


def test_a_reader_writes_nothing(s3: S3, setup: dict[str, str]) -> None:
    with pytest.raises(S3Error, match="AccessDenied"):
        client(s3, setup["serving"], SECRET).put_object(setup["bucket"], "releases/own", BytesIO(b"x"), 1)


def test_a_writer_writes(s3: S3, setup: dict[str, str]) -> None:
    writer = client(s3, setup["steps"], SECRET)
    writer.put_object(setup["bucket"], "runs/own", BytesIO(b"abc"), 3)
    assert writer.stat_object(setup["bucket"], "runs/own").size == 3


def test_a_writer_of_a_prefix_reads_and_writes_there_alone(s3: S3, setup: dict[str, str]) -> None:
    writer = client(s3, setup["archive"], SECRET)
    writer.put_object(setup["bucket"], "postgres/wal/1", BytesIO(b"abc"), 3)
    assert [one.object_name for one in writer.list_objects(setup["bucket"], "postgres/wal/")] == ["postgres/wal/1"]
    writer.remove_object(setup["bucket"], "postgres/wal/1")
    with pytest.raises(S3Error, match="NoSuchKey"):
        writer.stat_object(setup["bucket"], "postgres/wal/1")
    for refused in (
        lambda: writer.put_object(setup["bucket"], "runs/own", BytesIO(b"x"), 1),
        lambda: writer.get_object(setup["bucket"], "releases/housing"),
    ):
        with pytest.raises(S3Error, match="AccessDenied"):
            refused()


def test_metrics_of_runs_want_a_reader_s_key_alone(s3: S3, setup: dict[str, str]) -> None:
    def store(service: str) -> Store:
        keys = {"s3_access_key": setup[service], "s3_secret_key": SECRET}
        return open_store(Settings(store=f"s3://{setup['bucket']}", s3_endpoint=s3.endpoint, **keys))

    keep(store("steps"), "waits", 5)
    told = read(registry_of(store("metrics")))
    assert told["molino_store_up"] == {(): 1}
    assert told["molino_pipeline_waits_for_approval"] == {(): 1}
    with pytest.raises(StoreError, match=r"Access ?Denied"):
        store("metrics").write("runs/own", b"x")


def test_a_service_makes_no_bucket(s3: S3, setup: dict[str, str]) -> None:
    with pytest.raises(S3Error, match="AccessDenied"):
        client(s3, setup["steps"], SECRET).make_bucket(f"molino-{uuid4().hex}")


def test_a_wrong_root_key_is_one_line(s3: S3, tmp_path: Path) -> None:
    (tmp_path / "storage.yaml").write_text("buckets: [some-bucket]\nservices: {}\n")
    environment = {
        "MOLINO_S3_ENDPOINT": s3.endpoint,
        "MOLINO_S3_ACCESS_KEY": s3.access_key,
        "MOLINO_S3_SECRET_KEY": "wrong-secret",
    }
    program = [sys.executable, STORAGE, tmp_path / "storage.yaml", tmp_path]
    failed = subprocess.run(program, env=environment, capture_output=True, text=True)
    assert failed.stderr.splitlines()[0].startswith(f"MinIO at {s3.endpoint} refused: ")


def test_a_pair_of_keys_is_changed_without_a_request_that_fails(s3: S3, tmp_path: Path) -> None:
    """As `molino secrets rotate minio steps-secret-key` says: the new pair beside the old one, which goes at last."""
    bucket = f"molino-{uuid4().hex}"
    begun = Held("own", made("minio"), {})
    changed = turn("minio", "steps-secret-key", begun, "own")
    services = {"steps": [{"actions": "readwrite", "bucket": bucket}]}
    (tmp_path / "storage.yaml").write_text(yaml.safe_dump({"buckets": [bucket], "services": services}))
    environment = {
        "MOLINO_S3_ENDPOINT": s3.endpoint,
        "MOLINO_S3_ACCESS_KEY": s3.access_key,
        "MOLINO_S3_SECRET_KEY": s3.secret_key,
    }
    pairs = [(data["steps-access-key"], data["steps-secret-key"]) for data in (begun.data, changed.data)]
    for data in (begun.data, changed.data):
        for key in ("steps-access-key", "steps-secret-key"):
            (tmp_path / key).write_text(data[key])
        subprocess.run([sys.executable, STORAGE, tmp_path / "storage.yaml", tmp_path], env=environment, check=True)
    for pair in pairs:
        client(s3, *pair).put_object(bucket, "runs/housing", BytesIO(b"x"), 1)
    assert pairs[0][0] in changed.orders[-1]
    administer(s3).user_remove(pairs[0][0])
    client(s3, *pairs[1]).put_object(bucket, "runs/housing", BytesIO(b"x"), 1)
    with pytest.raises(S3Error, match="InvalidAccessKeyId"):
        client(s3, *pairs[0]).put_object(bucket, "runs/housing", BytesIO(b"x"), 1)


def administer(s3: S3) -> MinioAdmin:
    url = urlsplit(s3.endpoint)
    credentials = StaticProvider(s3.access_key, s3.secret_key)
    return MinioAdmin(endpoint=url.netloc, credentials=credentials, secure=url.scheme == "https")
