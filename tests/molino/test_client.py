import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest
from bundles import HOUSING_ROW, PENGUIN_ROWS
from running_server import run_server

from molino.client import CA_VARIABLES, Client, ClientError, _proxy
from molino.contracts.pointer import write_pointer
from molino.frames import FrameError
from tests.ports import free_port

HOUSING = ("crim", "zn", "indus", "chas", "nox", "rm", "age", "dis", "rad", "tax", "ptratio", "b", "lstat")
PENGUINS = ("island", "bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g", "sex", "year")


def houses(count: int) -> dict[str, list[Any]]:
    """Return columns of houses that differ in their rooms."""
    content = {name: [value] * count for name, value in zip(HOUSING, HOUSING_ROW, strict=True)}
    content["rm"] = [4 + index % 40 / 10 for index in range(count)]
    return content


@pytest.fixture
def nobody() -> Client:
    return Client(f"http://127.0.0.1:{free_port()}", "key")


def test_a_get_gives_json(api: Client) -> None:
    assert api.get("/models/housing")["version"] == "1"


def test_a_post_gives_json(api: Client) -> None:
    assert len(api.post("/models/housing/predict", {"data": [HOUSING_ROW] * 3})["predictions"]) == 3


def test_a_server_that_is_up_is_ready(api: Client) -> None:
    assert api.ready()


def test_a_server_that_isn_t_there_is_not_ready(nobody: Client) -> None:
    assert not nobody.ready()


def test_without_an_answer_the_address_is_named(nobody: Client) -> None:
    with pytest.raises(
        ClientError, match=rf"GET {nobody.url}/models: no answer .*; is it running\? molino doctor tells"
    ):
        nobody.get("/models")


@pytest.mark.parametrize("url", ["nowhere", "ftp://127.0.0.1", "http://127.0.0.1:port"])
def test_an_address_that_can_t_be_asked_is_named(url: str) -> None:
    with pytest.raises(ClientError, match=rf"^GET {url}/models: no answer "):
        Client(url, "key").get("/models")


def test_a_server_of_another_protocol_gives_no_answer(foreign: Callable[[bytes], str]) -> None:
    with pytest.raises(ClientError, match=r"no answer \(SSH-2\.0-OpenSSH_9\.6\)"):
        Client(foreign(b"SSH-2.0-OpenSSH_9.6\r\n"), "key").get("/models")


def test_the_served_versions_are_told(api: Client) -> None:
    assert api.served() == {"housing": "1", "penguins": "1"}


def test_a_server_other_than_molino_is_named(foreign: Callable[[bytes], str]) -> None:
    with pytest.raises(ClientError, match="what answers there isn't Molino's server"):
        Client(foreign(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"), "key").served()


def test_a_refusal_has_its_status(api: Client) -> None:
    with pytest.raises(ClientError) as refused:
        Client(api.url, "wrong").get("/models")
    assert refused.value.status == 401


def test_a_refused_key_is_told_with_what_to_do(api: Client) -> None:
    with pytest.raises(ClientError, match=r"holds no valid key; set MOLINO_API_KEY to a key of the server$"):
        Client(api.url, "wrong").get("/models")


def test_a_refusal_tells_what_the_server_said(api: Client) -> None:
    with pytest.raises(ClientError, match="404: no model is called 'nosuch'"):
        api.get("/models/nosuch")


def test_a_refusal_keeps_the_problem(api: Client) -> None:
    with pytest.raises(ClientError) as refused:
        api.post("/models/housing/predict", {"data": [["six", *HOUSING_ROW[1:]]]})
    assert refused.value.problem["errors"][0]["feature"] == "crim"


def test_the_command_line_asks_the_same(api: Client) -> None:
    body = {"data": [HOUSING_ROW]}
    command = api.curl("/models/housing/predict", body).replace("curl", "curl -sS", 1)
    said = json.loads(subprocess.check_output(["bash", "-c", command]))
    assert said["predictions"] == api.post("/models/housing/predict", body)["predictions"]


def test_the_command_line_names_a_key_by_its_variable(api: Client) -> None:
    body = {"data": [HOUSING_ROW]}
    command = api.curl("/models/housing/predict", body, "OWN").replace("curl", "curl -sS", 1)
    said = subprocess.check_output(["bash", "-c", command], env={**os.environ, "OWN": api.api_key}, text=True)
    assert (api.api_key in command, "predictions" in said) == (False, True)


def test_the_command_line_keeps_quotes(api: Client) -> None:
    row = ["O'Higgins", 39.1, 18.7, 181, 3750, "male", 2007]
    command = api.curl("/models/penguins/predict", {"data": [row]}).replace("curl", "curl -sS", 1)
    assert "O'Higgins" in subprocess.check_output(["bash", "-c", command], text=True)


def test_the_package_brings_the_client_and_imports_nothing_for_it_before() -> None:
    program = (
        "import sys, molino; before = 'urllib3' in sys.modules or 'molino.client' in sys.modules; "
        "from molino import Client; heavy = {'urllib3', 'pydantic', 'pandas', 'polars', 'numpy'} & set(sys.modules); "
        "print(before, sorted(heavy), Client.__module__)"
    )
    said = subprocess.check_output([sys.executable, "-c", program], text=True)
    assert said.split() == ["False", "[]", "molino.client"]


def test_the_key_is_in_no_text_of_the_client(api: Client) -> None:
    assert api.api_key not in repr(api)


def test_a_key_that_no_header_can_have_is_not_repeated(api: Client) -> None:
    with pytest.raises(ClientError, match="the key has signs that no header may have") as refused:
        Client(api.url, "secret\nkey").get("/models")
    assert "secret" not in str(refused.value)


def test_models_are_told(api: Client) -> None:
    assert sorted((model["name"], model["version"]) for model in api.models()) == [("housing", "1"), ("penguins", "1")]


def test_a_frame_of_polars_gives_one_of_polars(api: Client) -> None:
    frame = pl.DataFrame(houses(120))
    found = api.predict("housing", frame)
    alone = api.post("/models/housing/predict", {"data": [list(frame.row(77))]})["predictions"]
    assert (found.columns, found.height) == (["prediction"], 120)
    assert found["prediction"][77] == pytest.approx(alone[0])


def test_a_frame_of_pandas_gives_one_of_pandas_with_its_index(api: Client) -> None:
    frame = pd.DataFrame(houses(3), index=[7, 8, 9])[[*reversed(HOUSING)]].assign(more="x")
    found = api.predict("housing", frame)
    assert isinstance(found, pd.DataFrame)
    assert found.index.tolist() == [7, 8, 9]
    assert found["prediction"].tolist() == api.predict("housing", pl.DataFrame(houses(3)))["prediction"].to_list()


@pytest.mark.parametrize("kind", [pl.DataFrame, pd.DataFrame])
def test_missing_values_and_columns_of_imputed_features_may_be_left_out(api: Client, kind: Any) -> None:
    content = {name: [row[i] for row in PENGUIN_ROWS] for i, name in enumerate(PENGUINS)}
    whole = api.predict("penguins", kind(content))
    assert next(iter(whole.columns)) == "prediction"
    assert len(whole.columns) == 4
    sexless = {name: values for name, values in content.items() if name != "sex"}
    nulled = {**content, "sex": [None] * 3}
    assert api.predict("penguins", kind(sexless)).equals(api.predict("penguins", kind(nulled)))


def test_a_frame_without_rows_gives_one_without_rows(api: Client) -> None:
    assert api.predict("housing", pl.DataFrame(houses(0))).shape == (0, 1)


def test_a_wrong_value_is_named_by_its_row_of_the_frame(api: Client) -> None:
    frame = pd.DataFrame(houses(120)).astype({"rm": object})
    frame.loc[101, "rm"] = "six"
    with pytest.raises(ClientError, match=r"^housing: row 101: rm: expected a number"):
        api.predict("housing", frame)


@pytest.mark.parametrize(
    ("given", "said"),
    [(houses(1), "expected a DataFrame of pandas or Polars, got dict"), (pl.DataFrame({"zn": [1]}), "features crim, ")],
)
def test_what_is_no_frame_of_the_features_is_refused(api: Client, given: Any, said: str) -> None:
    with pytest.raises(FrameError, match=said):
        api.predict("housing", given)


def test_a_server_that_starts_again_is_waited_for(home: Path, tmp_path: Path) -> None:
    told: list[str] = []
    with run_server(home, tmp_path / "log") as server:
        client = Client(server.url, "mercadolibre", waiting=told.append)
        client.predict("housing", pl.DataFrame(houses(1)))
        found: list[Any] = []
        served = client.described("housing")
    ask = threading.Thread(target=lambda: found.append(client.ask("housing", [list(HOUSING_ROW)])))
    ask.start()
    with run_server(home, tmp_path / "log", port=server.port):
        ask.join(60)
    assert (served["version"], found[0][1]) == ("1", "1")
    assert "trying again in " in told[0]


def test_a_server_that_stays_away_is_given_up(nobody: Client) -> None:
    with pytest.raises(ClientError, match="no answer"):
        Client(nobody.url, "key", patience=0.5).models()


def test_a_limit_is_waited_out_as_the_server_says(home: Path, tmp_path: Path) -> None:
    told: list[str] = []
    with run_server(
        home, tmp_path / "log", MOLINO_SERVING_RATE_LIMIT=3, MOLINO_SERVING_RATE_WINDOW_SECONDS=2
    ) as server:
        client = Client(server.url, "mercadolibre", waiting=told.append)
        assert client.predict("housing", pl.DataFrame(houses(300))).height == 300
    assert any(": 429: " in line for line in told)


def test_all_rows_are_predicted_by_one_version(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with run_server(home, tmp_path / "log") as server:
        client = Client(server.url, "mercadolibre")
        ask, asked = Client.ask, []

        def deploying(self: Client, model: str, rows: Any, version: str | None, intervals: bool) -> Any:
            if len(asked) == 1:
                write_pointer(home, {"housing": "2"})
                server.wait("version 2 is served", lambda: client.served() == {"housing": "2"})
            asked.append(version)
            return ask(self, model, rows, version, intervals)

        monkeypatch.setattr(Client, "ask", deploying)
        frame = pl.DataFrame(houses(120))
        found = client.predict("housing", frame)
        assert asked == [None, "1", None, "2", "2"]
        assert found.equals(client.predict("housing", frame))


def test_a_server_on_this_machine_is_asked_without_the_proxy(
    api: Client, foreign: Callable[[bytes], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(variable, foreign(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"))
    assert Client(api.url, "mercadolibre").served() == {"housing": "1", "penguins": "1"}


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.1", "[::1]", "[::ffff:127.0.0.1]", "a.localhost"])
def test_no_name_of_this_machine_goes_through_a_proxy(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    assert (_proxy(f"http://{host}:8000"), _proxy("http://molino.example")) == (None, "http://proxy.example:3128")


def test_another_server_is_asked_through_the_proxy(
    foreign: Callable[[bytes], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = b'{"models": []}'
    monkeypatch.setenv("http_proxy", foreign(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(said), said)))
    assert Client("http://molino.example", "key").models() == []


def test_a_redirection_gets_no_key(foreign: Callable[[bytes], str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        elsewhere.setblocking(False)
        there = f"http://127.0.0.1:{elsewhere.getsockname()[1]}/models"
        url = foreign(b"HTTP/1.1 307 Go\r\nContent-Length: 0\r\nLocation: %b\r\n\r\n" % there.encode())
        with pytest.raises(ClientError, match=f"307: it redirects to {there}, where the key isn't sent"):
            Client(url, "key").models()
        with pytest.raises(BlockingIOError):
            elsewhere.accept()


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The URL of a TLS server that answers no models, and the certificate of its authority."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs openssl")
    key, certificate = tmp_path / "key.pem", tmp_path / "ca.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "2",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        while True:
            try:
                with context.wrap_socket(listener.accept()[0], server_side=True) as connection:
                    connection.recv(65536)
                    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{"models": []}')
            except ssl.SSLError:
                continue
            except OSError:
                return

    thread = threading.Thread(target=answer)
    thread.start()
    yield f"https://127.0.0.1:{listener.getsockname()[1]}", certificate
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_usual_variable_names_the_authorities(
    authority: tuple[str, Path], variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, certificate = authority
    for other in CA_VARIABLES:
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(variable, str(certificate))
    assert Client(url, "key").models() == []


def test_an_unknown_authority_is_refused_at_once(authority: tuple[str, Path]) -> None:
    with pytest.raises(ClientError, match="certificate verify failed"):
        Client(authority[0], "key", patience=60).models()


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame])
def test_a_frame_is_explained_by_a_frame(api: Client, kind: Any) -> None:
    frame = kind(houses(3))
    found = api.explain("housing", frame)
    moved = [sum(found[f"contribution_{name}"][row] for name in HOUSING) for row in range(3)]

    assert type(found) is type(frame)
    assert [found["base"][row] + moved[row] for row in range(3)] == pytest.approx(list(found["value"]))
    assert list(found["prediction"]) == list(api.predict("housing", frame)["prediction"])
