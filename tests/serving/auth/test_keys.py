import hashlib
from pathlib import Path

import pytest
from asgi_client import make_client
from werkzeug.test import Client

from molino.contracts.errors import SettingsError
from serving.auth.keys import open_authenticator
from serving.http.problems import Problem
from serving.settings import ServingSettings, load_serving_settings


def admitted(settings: ServingSettings, key: str) -> str | None:
    try:
        return open_authenticator(settings).admit({b"x-api-key": key.encode()}).name
    except Problem as problem:
        return None if problem.status == 401 else str(problem)


def test_the_development_key_is_valid_where_none_is_set() -> None:
    assert admitted(ServingSettings(), "mercadolibre") == "key-1"


def test_two_keys_are_valid_at_once() -> None:
    settings = ServingSettings(api_keys="old, new")  # type: ignore[arg-type]

    assert [admitted(settings, key) for key in ("old", "new", "other")] == ["key-1", "key-2", None]


def test_a_key_may_be_given_as_its_sha256() -> None:
    settings = ServingSettings(api_keys=f"sha256:{hashlib.sha256(b'secret').hexdigest()}")  # type: ignore[arg-type]

    assert admitted(settings, "secret") == "key-1"


def test_the_hash_of_a_key_is_not_the_key() -> None:
    hashed = f"sha256:{hashlib.sha256(b'secret').hexdigest()}"

    assert admitted(ServingSettings(api_keys=hashed), hashed) is None  # type: ignore[arg-type]


def test_keys_are_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text("# rotated in March\nfirst\n\nsecond\n")
    settings = ServingSettings(api_keys_file=path)

    assert [admitted(settings, key) for key in ("first", "second", "mercadolibre", "")] == [
        "key-1",
        "key-2",
        None,
        None,
    ]


@pytest.mark.parametrize("keys", ["", " , ", "sha256:abc"])
def test_malformed_keys_are_refused_at_the_start(keys: str) -> None:
    with pytest.raises(SettingsError):
        open_authenticator(ServingSettings(api_keys=keys))  # type: ignore[arg-type]


def test_a_missing_key_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="nowhere"):
        open_authenticator(ServingSettings(api_keys_file=tmp_path / "nowhere"))


def test_settings_dont_show_the_keys() -> None:
    assert "hidden" not in repr(ServingSettings(api_keys="hidden"))  # type: ignore[arg-type]


def test_settings_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MOLINO_HOME", str(tmp_path))
    monkeypatch.setenv("MOLINO_API_KEYS", "a,b")
    monkeypatch.setenv("MOLINO_SERVING_PORT", "8123")
    settings = load_serving_settings()

    assert (settings.releases, settings.port, settings.api_keys.get_secret_value()) == (
        tmp_path / "serving",
        8123,
        "a,b",
    )


def test_a_wrong_setting_is_named_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOLINO_SERVING_WORKERS", "none")

    with pytest.raises(SettingsError, match="MOLINO_SERVING_WORKERS"):
        load_serving_settings()


@pytest.mark.parametrize(
    "path", ["/models", "/models/housing", "/monitor", "/metrics", "/v2", "/openapi.json", "/nothing"]
)
def test_reports_want_a_key(client: Client, path: str) -> None:
    assert client.get(path).status_code == 401


@pytest.mark.parametrize(
    "path", ["/", "/ping", "/ready", "/docs", "/v2/health/live", "/v2/health/ready", "/static/molino.css"]
)
def test_health_and_docs_want_none(client: Client, path: str) -> None:
    with client.get(path) as answer:
        assert answer.status_code == 200


def test_a_missing_key_names_the_way_to_give_it(client: Client) -> None:
    assert client.get("/models").headers["WWW-Authenticate"] == 'ApiKey realm="molino"'


def test_the_limit_on_requests_is_off_by_default(settings: ServingSettings) -> None:
    client = make_client(settings)

    assert {client.get("/models", headers={"X-API-KEY": "mercadolibre"}).status_code for _ in range(50)} == {200}
