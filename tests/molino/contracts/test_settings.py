"""The settings of steps and commands."""

import pytest

from molino.contracts.settings import load_settings

HASHED = f"sha256:{'0' * 64}"


@pytest.mark.parametrize(
    ("variables", "key"),
    [
        ({}, "mercadolibre"),
        ({"MOLINO_API_KEYS": "old, new"}, "old"),
        ({"MOLINO_API_KEYS": f"{HASHED},new"}, "new"),
        ({"MOLINO_API_KEYS": "old,new", "MOLINO_API_KEY": "new"}, "new"),
        ({"MOLINO_API_KEYS": "old,new", "MOLINO_API_KEY": ""}, "old"),
        ({"MOLINO_API_KEYS": HASHED}, "mercadolibre"),
    ],
)
def test_commands_ask_with_a_key_of_the_server(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], key: str
) -> None:
    for name in ("MOLINO_API_KEYS", "MOLINO_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert load_settings().api_key.get_secret_value() == key


def test_settings_do_not_show_the_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOLINO_API_KEYS", "hidden")
    assert "hidden" not in repr(load_settings())


def test_a_model_that_is_served_apart_has_a_server_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOLINO_SERVING_PLACES", '{"flats": {"deployment": "heavy", "url": "http://heavy:8000/"}}')
    settings = load_settings()
    apart, other = settings.of_model("flats"), settings.of_model("rents")
    assert (apart.serving_deployment, apart.serving_url) == ("heavy", "http://heavy:8000")
    assert other == settings
