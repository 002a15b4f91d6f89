import json
import subprocess
from collections.abc import Callable

import pytest
from bundles import HOUSING_ROW

from molino.client import Client, ClientError
from tests.ports import free_port


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


def test_the_command_line_keeps_quotes(api: Client) -> None:
    row = ["O'Higgins", 39.1, 18.7, 181, 3750, "male", 2007]
    command = api.curl("/models/penguins/predict", {"data": [row]}).replace("curl", "curl -sS", 1)
    assert "O'Higgins" in subprocess.check_output(["bash", "-c", command], text=True)
