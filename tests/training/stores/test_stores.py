import socket
import threading
import time
import tracemalloc
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from molino.contracts.errors import SettingsError, StoreError
from molino.contracts.record import Artifact
from molino.contracts.settings import Settings
from tests.ports import free_port
from training.stores.contract import Store
from training.stores.file import FolderStore
from training.stores.opening import fetch, open_store, sha256_of

DATA = b"rows\n" * 1000
KEYS = ["runs/housing/r1/ingest.json", "runs/housing/r1/ingest/clean.parquet", "runs/housing/r10/ingest.json"]


@pytest.fixture(params=["folder", "s3", "s3 below a prefix"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """Each of the two stores, empty."""
    if request.param == "folder":
        return open_store(Settings(home=tmp_path, store=str(tmp_path / "store")))
    s3 = request.getfixturevalue("s3")
    prefix = "/a/prefix" if "prefix" in request.param else ""
    return open_store(s3.settings(tmp_path, store=f"s3://{s3.make_bucket()}{prefix}"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(DATA)
    return path


# The contract of both.


def test_what_is_written_is_read(store: Store) -> None:
    store.write("a/b", DATA)
    assert store.read("a/b") == DATA


def test_an_empty_object_is_kept(store: Store) -> None:
    store.write("a/b", b"")
    assert store.read("a/b") == b""


def test_a_write_goes_over_what_was_there(store: Store) -> None:
    store.write("a/b", b"before")
    store.write("a/b", b"after")
    assert store.read("a/b") == b"after"


def test_a_write_returns_its_reference(store: Store, file: Path) -> None:
    artifact = store.write("a/b", DATA)
    assert artifact == Artifact(key="a/b", uri=store.uri("a/b"), sha256=sha256_of(file), bytes=len(DATA))


def test_an_uploaded_file_is_read(store: Store, file: Path) -> None:
    store.upload(file, "a/b")
    assert store.read("a/b") == DATA


def test_an_upload_returns_its_reference(store: Store, file: Path) -> None:
    artifact = store.upload(file, "a/b", rows=1000)
    assert artifact == Artifact(key="a/b", uri=store.uri("a/b"), sha256=sha256_of(file), bytes=len(DATA), rows=1000)


def test_a_taken_file_is_read(store: Store, file: Path) -> None:
    store.take(file, "a/b", sha256_of(file), rows=1)
    assert store.read("a/b") == DATA


def test_taking_returns_its_reference(store: Store, file: Path) -> None:
    sha256 = sha256_of(file)
    artifact = store.take(file, "a/b", sha256, rows=1000)
    assert artifact == Artifact(key="a/b", uri=store.uri("a/b"), sha256=sha256, bytes=len(DATA), rows=1000)


def test_a_download_gives_the_same_bytes(store: Store, tmp_path: Path) -> None:
    store.write("a/b", DATA)
    store.download("a/b", tmp_path / "deep" / "down")
    assert (tmp_path / "deep" / "down").read_bytes() == DATA


def test_a_download_goes_over_what_was_there(store: Store, file: Path) -> None:
    store.write("a/b", b"after")
    store.download("a/b", file)
    assert file.read_bytes() == b"after"


def test_a_download_leaves_no_passing_file(store: Store, tmp_path: Path) -> None:
    store.write("a/b", DATA)
    store.download("a/b", tmp_path / "down" / "file")
    assert [path.name for path in (tmp_path / "down").iterdir()] == ["file"]


def test_a_failed_download_leaves_no_file(store: Store, tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        store.download("a/b", tmp_path / "down" / "file")
    assert list(tmp_path.glob("down/*")) == []


def test_a_missing_object_does_not_exist(store: Store) -> None:
    store.write("a/b", DATA)
    assert [store.exists(key) for key in ("a/b", "a/c", "a")] == [True, False, False]


@pytest.mark.parametrize(
    "act", [lambda store, path: store.read("a/b"), lambda store, path: store.download("a/b", path)]
)
def test_a_missing_object_is_named(store: Store, tmp_path: Path, act: Callable[[Store, Path], object]) -> None:
    with pytest.raises(StoreError) as caught:
        act(store, tmp_path / "file")
    assert str(caught.value) == f"{store.uri('a/b')}: there is no such object"


def test_a_key_is_no_folder(store: Store) -> None:
    store.write("a/b", DATA)
    with pytest.raises(StoreError, match="there is no such object"):
        store.read("a")


def test_a_prefix_lists_its_keys_in_order(store: Store) -> None:
    for key in reversed([*KEYS, "sources/rows.csv"]):
        store.write(key, b"")
    assert list(store.list("runs/")) == KEYS


def test_a_prefix_may_end_within_a_name(store: Store) -> None:
    for key in KEYS:
        store.write(key, b"")
    assert list(store.list("runs/housing/r1")) == KEYS


def test_a_prefix_with_a_slash_is_a_folder(store: Store) -> None:
    for key in KEYS:
        store.write(key, b"")
    assert list(store.list("runs/housing/r1/")) == KEYS[:2]


def test_an_unknown_prefix_lists_nothing(store: Store) -> None:
    assert list(store.list("nowhere/")) == []


def test_a_deleted_object_is_gone(store: Store) -> None:
    store.write("a/b", DATA)
    store.delete("a/b")
    assert not store.exists("a/b")


def test_deleting_nothing_is_no_error(store: Store) -> None:
    store.delete("a/b")
    assert list(store.list("")) == []


def test_a_key_may_have_any_characters(store: Store) -> None:
    key = "runs/a model/é+%41&?#.json"
    store.write(key, DATA)
    assert (list(store.list("runs/")), store.read(key)) == ([key], DATA)


def test_readers_see_one_write_or_the_other(store: Store) -> None:
    versions = [bytes([number]) * 200_000 for number in range(2)]
    store.write("a", versions[0])
    done = threading.Event()

    def write() -> None:
        for round_ in range(20):
            store.write("a", versions[round_ % 2])
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    while not done.is_set():
        seen.add(store.read("a"))
    writer.join()
    assert seen <= set(versions)


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of 96 MiB: more than any part of it that may be in memory."""
    path = tmp_path_factory.mktemp("large") / "file"
    with path.open("wb") as stream:
        for number in range(96):
            stream.write(bytes([number]) * 2**20)
    return path


def test_a_large_object_passes_in_bounded_memory(store: Store, large: Path, tmp_path: Path) -> None:
    tracemalloc.start()
    try:
        fetch(store, store.upload(large, "large"), tmp_path / "back")
        assert tracemalloc.get_traced_memory()[1] < 48 * 2**20
    finally:
        tracemalloc.stop()


# Fetch.


def test_a_fetched_artifact_has_its_bytes(store: Store, tmp_path: Path) -> None:
    artifact = store.write("a", DATA)
    assert fetch(store, artifact, tmp_path / "file").read_bytes() == DATA


def test_a_file_that_is_right_is_kept(store: Store, file: Path) -> None:
    artifact = store.write("a", DATA)
    before = file.stat().st_ino
    assert fetch(store, artifact, file).stat().st_ino == before


def test_an_altered_artifact_is_refused(store: Store, tmp_path: Path) -> None:
    artifact = store.write("a", DATA)
    store.write("a", b"other")
    with pytest.raises(StoreError, match="was altered after the step that wrote it"):
        fetch(store, artifact, tmp_path / "file")


def test_an_altered_artifact_leaves_no_file(store: Store, tmp_path: Path) -> None:
    artifact = store.write("a", DATA)
    store.write("a", b"other")
    with pytest.raises(StoreError):
        fetch(store, artifact, tmp_path / "file")
    assert not (tmp_path / "file").exists()


# The folder.


@pytest.mark.parametrize("key", ["../outside", "a/../../outside", "/etc/passwd"])
def test_no_key_leads_out_of_the_folder(tmp_path: Path, key: str) -> None:
    with pytest.raises(StoreError, match="leads out of the store"):
        FolderStore(tmp_path / "store").write(key, DATA)


def test_a_folder_is_listed_without_the_passing_file_of_a_killed_write(tmp_path: Path) -> None:
    (tmp_path / f".a.{uuid.uuid4().hex}.part").touch()
    assert list(FolderStore(tmp_path).list("")) == []


def test_a_file_where_a_folder_should_be_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "store").touch()
    with pytest.raises(StoreError) as caught:
        FolderStore(tmp_path / "store").write("a", DATA)
    assert "\n" not in str(caught.value)


# S3.


def reach(settings: Settings) -> str:
    """Ask for an object, and return what is said."""
    with pytest.raises(StoreError) as caught:
        open_store(settings).read("a")
    return str(caught.value)


def test_a_missing_bucket_is_named_with_what_to_do(s3, tmp_path: Path) -> None:
    said = reach(s3.settings(tmp_path, store="s3://not-there"))
    assert said == (f"s3://not-there/a: there is no bucket 'not-there' at {s3.endpoint}; make it, or check its name")


@pytest.mark.parametrize("act", ["exists", "list", "upload", "delete"])
def test_a_missing_bucket_is_an_error_of_every_call(s3, tmp_path: Path, file: Path, act: str) -> None:
    store = open_store(s3.settings(tmp_path, store="s3://not-there"))
    calls = {
        "exists": lambda: store.exists("a"),
        "list": lambda: list(store.list("")),
        "upload": lambda: store.upload(file, "a"),
        "delete": lambda: store.delete("a"),
    }
    with pytest.raises(StoreError, match="there is no bucket 'not-there'"):
        calls[act]()


def test_a_wrong_secret_is_told_with_what_to_do(s3, tmp_path: Path) -> None:
    said = reach(s3.settings(tmp_path, store=f"s3://{s3.make_bucket()}", s3_secret_key="wrong-secret"))
    assert "SignatureDoesNotMatch" in said
    assert "check MOLINO_S3_ACCESS_KEY and MOLINO_S3_SECRET_KEY" in said


def test_an_unknown_key_is_told_with_what_to_do(s3, tmp_path: Path) -> None:
    said = reach(s3.settings(tmp_path, store=f"s3://{s3.make_bucket()}", s3_access_key="nobody"))
    assert "InvalidAccessKeyId" in said


def test_a_wrong_secret_does_not_look_like_a_missing_object(s3, tmp_path: Path) -> None:
    store = open_store(s3.settings(tmp_path, store=f"s3://{s3.make_bucket()}", s3_secret_key="wrong-secret"))
    with pytest.raises(StoreError, match="refuses"):
        store.exists("a")


def test_an_endpoint_that_does_not_answer_is_given_up_in_seconds(tmp_path: Path) -> None:
    started = time.monotonic()
    reach(Settings(home=tmp_path, store="s3://bucket", s3_endpoint=f"http://127.0.0.1:{free_port()}"))
    assert time.monotonic() - started < 10


def test_an_endpoint_that_does_not_answer_is_told_with_what_to_do(tmp_path: Path) -> None:
    endpoint = f"http://127.0.0.1:{free_port()}"
    said = reach(Settings(home=tmp_path, store="s3://bucket", s3_endpoint=endpoint))
    assert said == (
        f"s3://bucket/a: no answer from {endpoint} ([Errno 111] Connection refused); "
        "check MOLINO_S3_ENDPOINT, and that the store runs"
    )


def test_a_host_that_is_not_known_is_told_in_one_line(tmp_path: Path) -> None:
    said = reach(Settings(home=tmp_path, store="s3://bucket", s3_endpoint="http://store.invalid:9000"))
    assert said.startswith("s3://bucket/a: no answer from http://store.invalid:9000 (")


def test_a_server_that_is_no_s3_is_told_in_one_line(s3, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=answer_as_a_web_page, args=(server,), daemon=True).start()
        endpoint = f"http://127.0.0.1:{server.getsockname()[1]}"
        said = reach(Settings(home=tmp_path, store="s3://bucket", s3_endpoint=endpoint))
    assert said == f"s3://bucket/a: {endpoint} doesn't answer as S3 does; check MOLINO_S3_ENDPOINT"


def answer_as_a_web_page(server: socket.socket) -> None:
    with server.accept()[0] as connection:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>")


@pytest.mark.parametrize("endpoint", ["minio:9000", "http://", "ftp://minio:9000", "http://minio:9000/bucket"])
def test_an_endpoint_that_is_no_url_is_refused(tmp_path: Path, endpoint: str) -> None:
    with pytest.raises(SettingsError, match="MOLINO_S3_ENDPOINT: expected the URL of a server"):
        open_store(Settings(home=tmp_path, store="s3://bucket", s3_endpoint=endpoint))


@pytest.mark.parametrize("bucket", ["", "x", "no bucket", "UPPER_CASE!"])
def test_a_name_that_no_bucket_can_have_is_refused(tmp_path: Path, bucket: str) -> None:
    with pytest.raises(StoreError, match=rf"^s3://{bucket}: .*; check its name$"):
        open_store(Settings(home=tmp_path, store=f"s3://{bucket}", s3_endpoint="http://127.0.0.1:1"))
