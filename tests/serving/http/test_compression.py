"""Bodies in gzip: what is taken, up to what, and what is answered so."""

import gzip
import json
import re
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bundles import HOUSING_ROW
from running_server import JSON, KEY, RunningServer, run_server
from werkzeug.test import Client

from serving.http.compression import MOST_MEMBERS, takes_gzip

triton = pytest.importorskip("tritonclient.http", exc_type=ImportError)

PACKED = {**JSON, "Content-Encoding": "gzip"}
MANY = json.dumps({"data": [HOUSING_ROW] * 2000}).encode()


def post(client: Client, body: bytes, **headers: str) -> Any:
    return client.post("/predict", data=body, headers={**JSON, **{k.replace("_", "-"): v for k, v in headers.items()}})


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "x-gzip", " gzip "])
@pytest.mark.parametrize("rows", [1, 2000, 9000])
def test_a_packed_body_is_answered_as_the_plain_one(client: Client, coding: str, rows: int) -> None:
    body = json.dumps({"data": [HOUSING_ROW] * rows}).encode()
    plain, packed = post(client, body), post(client, gzip.compress(body), Content_Encoding=coding)

    assert packed.status_code == 200
    assert packed.json["predictions"] == plain.json["predictions"]


def test_a_body_may_be_of_several_files(client: Client, housing_body: bytes) -> None:
    halves = gzip.compress(housing_body[:20]) + gzip.compress(housing_body[20:])

    assert post(client, halves, Content_Encoding="gzip").status_code == 200
    assert post(client, gzip.compress(b"") * (MOST_MEMBERS + 1), Content_Encoding="gzip").status_code == 400


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda packed: packed[:-1], "ends before it is whole"),
        (lambda packed: packed[:-8] + bytes(8), "damaged"),
        (lambda packed: packed + b"{}", "damaged"),
        (lambda _: b"", "ends before it is whole"),
        (lambda _: b"{}", "is none"),
    ],
)
def test_what_is_no_gzip_is_told(client: Client, housing_body: bytes, spoil: Any, said: str) -> None:
    answer = post(client, spoil(gzip.compress(housing_body)), Content_Encoding="gzip")

    assert answer.status_code == 400
    assert said in answer.json["detail"]


@pytest.mark.parametrize("coding", ["deflate", "br", "zstd", "gzip, gzip", "gzip, identity", "compress", "x"])
def test_other_codings_are_refused_by_name_of_those_that_are_taken(client: Client, coding: str) -> None:
    answer = post(client, b"x", Content_Encoding=coding)

    assert answer.status_code == 415
    assert answer.headers["accept-encoding"] == "gzip, identity"


def peak_bytes(server: RunningServer) -> int:
    """Return the most memory that the workers have had."""
    workers = [worker["pid"] for worker in server.ask("GET", "/monitor").json["workers"]]
    told = "".join(Path(f"/proc/{pid}/status").read_text() for pid in workers)
    return sum(int(kilobytes) * 1024 for kilobytes in re.findall(r"VmHWM:\s+(\d+)", told))


@pytest.fixture(scope="module")
def bomb() -> bytes:
    """A gibibyte, packed once: that takes seconds."""
    return gzip.compress(b" " * (2**30))


@pytest.mark.parametrize("path", ["/predict", "/models/housing/predict", "/explain", "/v2/models/housing/infer"])
def test_a_body_that_unpacks_to_too_much_is_refused_before_it_is_unpacked(
    server: RunningServer, bomb: bytes, path: str
) -> None:
    before = peak_bytes(server)
    answer = server.ask("POST", path, bomb, PACKED)

    assert len(bomb) < 2**21
    assert answer.status == 413
    assert "unpacks to more than 16777216 bytes" in answer.json["detail"]
    assert peak_bytes(server) - before < 2**27


def test_the_limit_holds_for_small_limits_too(releases: Any, tmp_path: Any, housing_body: bytes) -> None:
    limits = {"MOLINO_SERVING_MAX_BODY_BYTES": 1024, "MOLINO_SERVING_WORKERS": 1}
    with run_server(releases, tmp_path / "log", **limits) as small:
        bodies = [gzip.compress(housing_body.ljust(size)) for size in (1024, 1025)]
        statuses = [small.ask("POST", "/predict", body, PACKED).status for body in bodies]

    assert statuses == [200, 413]


def test_a_large_answer_is_packed_for_who_takes_it(server: RunningServer) -> None:
    plain = server.ask("POST", "/predict", MANY)
    packed = server.ask("POST", "/predict", MANY, {**JSON, "Accept-Encoding": "gzip, deflate"})

    assert "content-encoding" not in plain.headers
    assert plain.headers["vary"] == packed.headers["vary"] == "accept-encoding"
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) == len(packed.body) < len(plain.body) / 2
    assert json.loads(gzip.decompress(packed.body))["predictions"] == plain.json["predictions"]


def test_a_small_answer_is_not(server: RunningServer, housing_body: bytes) -> None:
    answer = server.ask("POST", "/predict", housing_body, {**JSON, "Accept-Encoding": "gzip"})

    assert "content-encoding" not in answer.headers
    assert "vary" not in answer.headers


def test_a_packed_file_is_known_again(server: RunningServer) -> None:
    asked = {"Accept-Encoding": "gzip"}
    first = server.ask("GET", "/static/molino.css", headers=asked)
    again = server.ask("GET", "/static/molino.css", headers={**asked, "If-None-Match": first.headers["etag"]})

    assert first.headers["content-encoding"] == "gzip"
    assert first.headers["etag"].startswith('W/"')
    assert (again.status, again.body) == (304, b"")
    assert "content-length" not in again.headers  # It would have to be that of the file (RFC 9110, 8.6).
    assert "accept-encoding" in again.headers["vary"]


def test_a_range_of_a_file_is_of_the_file_as_it_is(server: RunningServer) -> None:
    whole = server.ask("GET", "/static/molino.css", headers={}).body
    part = server.ask("GET", "/static/molino.css", headers={"Range": "bytes=100-8000", "Accept-Encoding": "gzip"})

    assert (part.status, part.headers.get("content-encoding")) == (206, None)
    assert (part.headers["content-range"], part.body) == (f"bytes 100-8000/{len(whole)}", whole[100:8001])


def test_a_path_with_more_slashes_leads_nowhere(server: RunningServer) -> None:
    answer = server.ask("GET", "/static//molino.css", headers={"Host": "elsewhere.example"})
    assert (answer.status, "location" in answer.headers) == (404, False)


@pytest.mark.parametrize("path", ["/models", "/metrics", "/openapi.json", "/monitor"])
def test_reports_are_packed_too(server: RunningServer, path: str) -> None:
    plain = server.ask("GET", path, headers=KEY)
    packed = server.ask("GET", path, headers={**KEY, "Accept-Encoding": "gzip"})
    assert (len(plain.body) >= 4096) == ("content-encoding" in packed.headers)


@pytest.mark.parametrize(
    ("asked", "taken"),
    [
        ("gzip", True),
        ("deflate, gzip;q=0.5", True),
        ("*", True),
        ("x-gzip", True),
        ("GZIP", True),
        ("", False),
        ("identity", False),
        ("br", False),
        ("gzip;q=0", False),
        ("gzip;q=0, *", False),
        ("*;q=0", False),
        ("identity;q=1, *;q=0", False),
    ],
)
def test_accept_encoding_is_read_by_its_rules(asked: str, taken: bool) -> None:
    assert takes_gzip(asked.encode()) is taken


def test_others_are_answered_while_a_large_body_is_unpacked(server: RunningServer) -> None:
    """A body of 16 MB in 16 kB takes some 30 ms to unpack and as much to read."""
    bomb, slowest = gzip.compress(b" " * 16 * 2**20), 0.0
    asking = threading.Thread(target=lambda: [server.ask("POST", "/predict", bomb, PACKED) for _ in range(10)])
    asking.start()
    while asking.is_alive():
        started = time.perf_counter()
        server.ask("GET", "/ping", headers={})
        slowest = max(slowest, time.perf_counter() - started)
    asking.join()

    assert slowest < 0.5


@pytest.mark.parametrize("binary", [False, True])
def test_tritons_client_packs_what_it_sends_and_unpacks_what_it_gets(server: RunningServer, binary: bool) -> None:
    client = triton.InferenceServerClient(server.url.removeprefix("http://"))
    rows = triton.InferInput("features", [500, 13], "FP32")
    rows.set_data_from_numpy(np.array([HOUSING_ROW] * 500, np.float32), binary_data=binary)
    options = {"headers": dict(KEY), "model_version": "1"}
    plain = client.infer("housing", [rows], **options)
    packed = client.infer(
        "housing", [rows], request_compression_algorithm="gzip", response_compression_algorithm="gzip", **options
    )

    assert (packed.as_numpy("prediction") == plain.as_numpy("prediction")).all()
