import base64
import gzip
import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import polars as pl
import pytest
from tables import Homes, csv_text, good_rows

from molino.contracts.address import redacted
from molino.contracts.errors import SourceError
from training.stores.s3 import S3Store

DATA = csv_text(*good_rows(50))
Answer = Callable[[BaseHTTPRequestHandler], None]


def answer_whole(data: bytes = DATA) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        request.wfile.write(data)

    return answer


def answer_half(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.send_header("Content-Length", str(len(DATA)))
    request.end_headers()
    request.wfile.write(DATA[: len(DATA) // 2])


def answer_error(code: int) -> Answer:
    return lambda request: request.send_error(code)


def answer_to(user: str) -> Answer:
    """Answer those who bring a user's name and password in basic auth, and only those."""
    token = base64.b64encode(user.encode()).decode()

    def answer(request: BaseHTTPRequestHandler) -> None:
        known = request.headers["Authorization"] == f"Basic {token}"
        (answer_whole() if known else answer_error(401))(request)

    return answer


@contextmanager
def web_server(*answers: Answer) -> Iterator[tuple[str, list[str]]]:
    """Give each answer once, then the last one again; yields the address and the paths that were asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            answers[min(len(asked), len(answers)) - 1](self)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def rows(homes: Homes) -> int:
    return pl.read_parquet(homes.artifact("clean.parquet")).height


def test_a_path_is_relative_to_the_model_file(tmp_path: Path) -> None:
    homes = Homes(tmp_path, DATA)
    homes.ingest()
    assert rows(homes) == 50


def test_a_path_can_be_absolute(tmp_path: Path) -> None:
    (tmp_path / "elsewhere.csv").write_bytes(DATA)
    homes = Homes(tmp_path, source={"uri": str(tmp_path / "elsewhere.csv")})
    homes.ingest()
    assert rows(homes) == 50


def test_a_file_uri_is_a_path(tmp_path: Path) -> None:
    (tmp_path / "else where.csv").write_bytes(DATA)
    homes = Homes(tmp_path, source={"uri": (tmp_path / "else where.csv").as_uri()})
    homes.ingest()
    assert rows(homes) == 50


def test_a_setting_overrides_the_model_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("other.csv").write_bytes(csv_text(*good_rows(3)))
    homes = Homes(tmp_path, DATA)
    homes.ingest(source="other.csv")
    assert rows(homes) == 3


def test_a_missing_source_is_taken_from_the_store(tmp_path: Path) -> None:
    homes = Homes(tmp_path)
    (homes.store / "sources" / "homes").mkdir(parents=True)
    (homes.store / "sources" / "homes" / "homes.csv").write_bytes(DATA)
    (source,) = homes.ingest().inputs
    assert source.key == "sources/homes/homes.csv"


def test_a_source_that_is_nowhere_says_where_it_was_looked_for(tmp_path: Path) -> None:
    homes = Homes(tmp_path)
    with pytest.raises(SourceError) as caught:
        homes.ingest()
    assert str(caught.value) == (
        f"source homes.csv: neither the file {homes.source} nor the object "
        f"{(homes.store / 'sources/homes/homes.csv').as_uri()} exists; add one of them or set MOLINO_SOURCE"
    )


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("/nowhere/homes.csv", "doesn't exist; correct source.uri"),
        ("/", "is a folder, not a file"),
        ("ftp://host/homes.csv", "ftp:// isn't known; give a path, s3://… or http(s)://…"),
        ("s3://bucket", "expected s3://bucket/key"),
        ("http://[::1/homes.csv", "is no valid address; correct it"),
    ],
)
def test_a_source_that_cant_be_is_refused(tmp_path: Path, uri: str, expected: str) -> None:
    with pytest.raises(SourceError, match=expected.replace("(", r"\(").replace(")", r"\)")):
        Homes(tmp_path, source={"uri": uri}).ingest()


def test_a_web_server_can_give_the_source(tmp_path: Path) -> None:
    homes = Homes(tmp_path)
    with web_server(answer_whole(gzip.compress(DATA))) as (address, _):
        homes.ingest(source=f"{address}/homes.csv.gz")
    assert rows(homes) == 50


def test_secrets_of_a_web_address_are_not_recorded(tmp_path: Path) -> None:
    homes = Homes(tmp_path)
    with web_server(answer_whole()) as (address, _):
        (source,) = homes.ingest(source=f"{address}/homes.csv?signature=secret").inputs
    assert source.uri == f"{address}/homes.csv"


def test_the_query_of_a_web_address_is_sent(tmp_path: Path) -> None:
    with web_server(answer_whole()) as (address, asked):
        Homes(tmp_path).ingest(source=f"{address}/homes.csv?signature=secret")
    assert asked == ["/homes.csv?signature=secret"]


def test_a_path_with_signs_beyond_ascii_is_asked_for(tmp_path: Path) -> None:
    with web_server(answer_whole()) as (address, asked):
        Homes(tmp_path).ingest(source=f"{address}/my hömes%20.csv")
    assert asked == ["/my%20h%C3%B6mes%20.csv"]


def test_a_web_address_can_have_a_user_and_a_password(tmp_path: Path) -> None:
    homes = Homes(tmp_path)
    with web_server(answer_to("me:p@ss/word")) as (address, _):
        homes.ingest(source=f"{address}/homes.csv".replace("//", "//me:p%40ss%2Fword@"))
    assert rows(homes) == 50


def test_a_password_isnt_told_where_the_download_fails(tmp_path: Path) -> None:
    with web_server(answer_error(401)) as (address, _), pytest.raises(SourceError) as caught:
        Homes(tmp_path).ingest(source=f"{address}/homes.csv".replace("//", "//me:secret@"))
    assert str(caught.value) == f"source {address}/homes.csv: the server answered 401 Unauthorized"


@pytest.mark.parametrize("broken", [answer_half, answer_error(503)], ids=["half an answer", "an error"])
def test_a_broken_download_is_tried_again(tmp_path: Path, broken: Answer) -> None:
    homes = Homes(tmp_path)
    with web_server(broken, answer_whole()) as (address, _):
        homes.ingest(source=f"{address}/homes.csv")
    assert rows(homes) == 50


@pytest.mark.parametrize(
    ("broken", "attempts", "expected"),
    [
        (answer_half, 3, "the connection broke after"),
        (answer_error(500), 3, "the server answered 500"),
        (answer_error(404), 1, "the server answered 404 Not Found"),
    ],
    ids=["half an answer", "an error of the server", "nothing there"],
)
def test_a_download_that_never_comes_is_refused(tmp_path: Path, broken: Answer, attempts: int, expected: str) -> None:
    with web_server(broken) as (address, asked), pytest.raises(SourceError, match=expected):
        Homes(tmp_path).ingest(source=f"{address}/homes.csv?signature=secret")
    assert len(asked) == attempts


def test_a_server_that_isnt_there_is_named_without_secrets(tmp_path: Path) -> None:
    with web_server(answer_whole()) as (address, _):
        pass
    with pytest.raises(SourceError, match=rf"^source {address}/homes.csv: .*refused"):
        Homes(tmp_path).ingest(source=f"{address}/homes.csv?signature=secret")


def test_s3_can_give_the_source(tmp_path: Path, s3) -> None:
    homes = Homes(tmp_path)
    bucket = s3.make_bucket()
    S3Store(bucket, "", s3.settings(tmp_path)).write("raw/homes.csv", DATA)
    homes.ingest(source=f"s3://{bucket}/raw/homes.csv", **s3_fields(s3, tmp_path))
    assert rows(homes) == 50


def test_an_s3_object_that_isnt_there_is_named(tmp_path: Path, s3) -> None:
    bucket = s3.make_bucket()
    with pytest.raises(SourceError, match=f"s3://{bucket}/homes.csv"):
        Homes(tmp_path).ingest(source=f"s3://{bucket}/homes.csv", **s3_fields(s3, tmp_path))


def answer_redirect(target: str) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(302)
        request.send_header("Location", target)
        request.send_header("Content-Length", "0")
        request.end_headers()

    return answer


def answer_unannounced(request: BaseHTTPRequestHandler) -> None:
    """Send the data without saying how much it is."""
    request.send_response(200)
    request.end_headers()
    request.wfile.write(DATA)


def refusal(homes: Homes, **settings: object) -> str:
    with pytest.raises(SourceError) as caught:
        homes.ingest(**settings)
    assert "\n" not in str(caught.value)
    assert not homes.stored()
    return str(caught.value)


def test_a_host_that_isnt_allowed_is_not_asked(tmp_path: Path) -> None:
    with web_server(answer_whole()) as (address, asked):
        told = refusal(Homes(tmp_path), source=f"{address}/homes.csv?key=secret", source_hosts="data.example.org,*.lan")
    assert told == (
        f"source {address}/homes.csv: the host isn't allowed here; allowed are data.example.org, *.lan "
        "(MOLINO_SOURCE_HOSTS)"
    )
    assert asked == []


@pytest.mark.parametrize("hosts", ["127.0.0.1", "example.org, 127.0.*"])
def test_a_host_that_is_allowed_is_asked(tmp_path: Path, hosts: str) -> None:
    homes = Homes(tmp_path)
    with web_server(answer_whole()) as (address, _):
        homes.ingest(source=f"{address}/homes.csv", source_hosts=hosts)
    assert rows(homes) == 50


def test_a_redirection_to_another_host_is_refused(tmp_path: Path) -> None:
    with web_server(answer_whole()) as (inner, asked):
        target = inner.replace("127.0.0.1", "localhost") + "/homes.csv?key=secret"
        with web_server(answer_redirect(target)) as (address, _):
            told = refusal(Homes(tmp_path), source=f"{address}/homes.csv", source_hosts="127.0.0.1")
    assert "localhost" in told
    assert "secret" not in told
    assert "the host isn't allowed here" in told
    assert asked == []


@pytest.mark.parametrize("target", ["ftp://127.0.0.1/homes.csv", "gopher://127.0.0.1/homes.csv", "file:///etc/passwd"])
def test_a_redirection_to_another_scheme_is_refused(tmp_path: Path, target: str) -> None:
    with web_server(answer_redirect(target if "file" in target else f"{target}?key=secret")) as (address, _):
        told = refusal(Homes(tmp_path), source=f"{address}/homes.csv")
    assert told == f"source: the server leads to {target}, which isn't http(s)://"


def test_a_redirection_to_what_is_allowed_is_followed(tmp_path: Path) -> None:
    homes = Homes(tmp_path)
    with web_server(answer_redirect("/moved.csv"), answer_whole()) as (address, asked):
        homes.ingest(source=f"{address}/homes.csv", source_hosts="127.0.0.1", source_schemes="http")
    assert rows(homes) == 50
    assert asked == ["/homes.csv", "/moved.csv"]


def test_a_scheme_that_isnt_allowed_is_refused(tmp_path: Path) -> None:
    with web_server(answer_whole()) as (address, asked):
        told = refusal(Homes(tmp_path), source=f"{address}/homes.csv", source_schemes="s3,https")
    assert told.endswith("http:// isn't allowed here; allowed are s3, https (MOLINO_SOURCE_SCHEMES)")
    assert asked == []


CLUSTER = {"deploy_target": "kubernetes"}


@pytest.mark.parametrize("rules", [CLUSTER, {"source_schemes": "s3,https"}], ids=["cluster", "schemes"])
@pytest.mark.parametrize("name", ["token", "nowhere"], ids=["a file", "none"])
@pytest.mark.parametrize("kind", ["file://", "absolute", "relative", "MOLINO_SOURCE", "~"])
def test_no_file_outside_the_models_folder_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rules: dict[str, str], name: str, kind: str
) -> None:
    (tmp_path / "token").write_bytes(DATA)
    monkeypatch.setenv("HOME", str(tmp_path))
    path = tmp_path / name
    uri = {"file://": path.as_uri(), "relative": f"../../{name}", "~": f"~/{name}"}.get(kind, str(path))
    homes = Homes(tmp_path, source={"uri": "homes.csv" if kind == "MOLINO_SOURCE" else uri})
    told = refusal(homes, **rules | ({"source": uri} if kind == "MOLINO_SOURCE" else {}))
    assert ("file:// isn't allowed here" if kind == "file://" else "outside the folder of the model file") in told


def test_a_link_leads_to_no_file_outside_the_models_folder(tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(DATA)
    homes = Homes(tmp_path)
    homes.source.symlink_to(tmp_path / "token")
    assert "outside the folder of the model file" in refusal(homes, **CLUSTER)


def test_a_file_beside_the_model_file_is_taken_in_a_cluster(tmp_path: Path) -> None:
    homes = Homes(tmp_path, DATA)
    homes.ingest(**CLUSTER)
    assert rows(homes) == 50


def test_files_can_be_allowed_in_a_cluster(tmp_path: Path) -> None:
    (tmp_path / "homes.csv").write_bytes(DATA)
    homes = Homes(tmp_path, source={"uri": str(tmp_path / "homes.csv")})
    homes.ingest(source_schemes="file,s3", **CLUSTER)
    assert rows(homes) == 50


def test_a_home_is_expanded_in_the_model_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "own.csv").write_bytes(DATA)
    homes = Homes(tmp_path, source={"uri": "~/own.csv"})
    homes.ingest()
    assert rows(homes) == 50


def test_a_home_of_nobody_is_named(tmp_path: Path) -> None:
    told = refusal(Homes(tmp_path, source={"uri": "~nobody-has-this-name/own.csv"}))
    assert told == "source ~nobody-has-this-name/own.csv: there is no such user's home; write the whole path"


@pytest.mark.parametrize("answer", [answer_whole(), answer_unannounced], ids=["announced", "unannounced"])
def test_a_download_that_is_too_large_is_refused(tmp_path: Path, answer: Answer) -> None:
    with web_server(answer) as (address, asked):
        told = refusal(Homes(tmp_path), source=f"{address}/homes.csv", source_largest_bytes=len(DATA) - 1)
    assert told == (f"source {address}/homes.csv: it has more than {len(DATA) - 1} bytes (MOLINO_SOURCE_LARGEST_BYTES)")
    assert len(asked) == 1


def test_a_download_of_just_the_largest_size_is_taken(tmp_path: Path) -> None:
    homes = Homes(tmp_path)
    with web_server(answer_unannounced) as (address, _):
        homes.ingest(source=f"{address}/homes.csv", source_largest_bytes=len(DATA))
    assert rows(homes) == 50


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    told = refusal(Homes(tmp_path, DATA), source_largest_bytes=len(DATA) - 1)
    assert told.endswith(f"it has more than {len(DATA) - 1} bytes (MOLINO_SOURCE_LARGEST_BYTES)")


def test_an_object_that_is_too_large_is_refused(tmp_path: Path) -> None:
    homes = Homes(tmp_path)
    (homes.store / "sources" / "homes").mkdir(parents=True)
    (homes.store / "sources" / "homes" / "homes.csv").write_bytes(DATA)
    with pytest.raises(SourceError, match=r"more than 10 bytes \(MOLINO_SOURCE_LARGEST_BYTES\)"):
        homes.ingest(source_largest_bytes=10)


def test_an_s3_object_that_is_too_large_is_refused(tmp_path: Path, s3) -> None:
    bucket = s3.make_bucket()
    S3Store(bucket, "", s3.settings(tmp_path)).write("homes.csv", DATA)
    fields = s3_fields(s3, tmp_path) | {"source": f"s3://{bucket}/homes.csv", "source_largest_bytes": 10}
    assert "more than 10 bytes" in refusal(Homes(tmp_path), **fields)


def parquet() -> bytes:
    file = io.BytesIO()
    pl.read_csv(DATA).write_parquet(file)
    return file.getvalue()


@pytest.mark.parametrize("data", [DATA, parquet()], ids=["csv", "parquet"])
def test_a_gzip_file_may_have_just_the_largest_size_unpacked(tmp_path: Path, data: bytes) -> None:
    homes = Homes(tmp_path, gzip.compress(data))
    homes.ingest(source_largest_unpacked_bytes=len(data))
    assert rows(homes) == 50


@pytest.mark.parametrize("data", [DATA, parquet()], ids=["csv", "parquet"])
def test_a_gzip_file_that_is_too_large_unpacked_is_refused(tmp_path: Path, data: bytes) -> None:
    told = refusal(Homes(tmp_path, gzip.compress(data)), source_largest_unpacked_bytes=len(data) - 1)
    assert told.endswith(f"unpacked it has more than {len(data) - 1} bytes (MOLINO_SOURCE_LARGEST_UNPACKED_BYTES)")


def test_a_gzip_bomb_is_not_unpacked_to_its_end(tmp_path: Path) -> None:
    limit = 4 << 20
    homes = Homes(tmp_path, gzip.compress(b"PAR1" + bytes(64 << 20)))
    assert "unpacked it has more than" in refusal(homes, source_largest_unpacked_bytes=limit)
    assert sum(path.stat().st_size for path in (tmp_path / "home").rglob("*") if path.is_file()) <= limit


@pytest.mark.parametrize(
    "text",
    [
        "eyJhbGciOi-secret-token",
        "secret,secret",
        "AWS_KEY=secret\nOTHER=1",
        '{"a":"secret","b":"secret","c":"secret"}',
        "secret-" * 100,
    ],
    ids=["token", "twice", "lines", "json", "long"],
)
def test_no_text_of_a_file_that_is_no_table_is_told(tmp_path: Path, text: str) -> None:
    told = refusal(Homes(tmp_path, text.encode()))
    assert "secret" not in told
    assert "AWS_KEY" not in told


def test_a_long_name_of_a_column_is_told_in_short(tmp_path: Path) -> None:
    told = refusal(Homes(tmp_path, csv_text("1,2", header=f"size,{'x' * 500}")))
    assert f"the columns are size, {'x' * 60}…" in told


def test_no_line_of_a_server_that_is_no_web_server_is_told(tmp_path: Path) -> None:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(b"secret of another protocol\r\n")

    with web_server(answer) as (address, _):
        told = refusal(Homes(tmp_path), source=f"{address}/homes.csv")
    assert told == f"source {address}/homes.csv: it doesn't answer as a web server does; check the address"


def s3_fields(s3, home: Path) -> dict[str, object]:
    settings = s3.settings(home)
    return {name: getattr(settings, name) for name in ("s3_endpoint", "s3_access_key", "s3_secret_key")}


@pytest.mark.parametrize(
    "uri", ["https://user:word@host/a.csv?key=secret#part", "https://host/a.csv", "https://host/a.csv?key=secret"]
)
def test_a_redacted_address_keeps_its_host_and_path_alone(uri: str) -> None:
    assert urlsplit(redacted(uri)) == urlsplit("https://host/a.csv")
