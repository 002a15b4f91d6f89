"""The settings of steps and commands."""

from pathlib import Path

import pytest

from molino.contracts.errors import SettingsError
from molino.contracts.settings import Settings, load_settings

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


@pytest.mark.parametrize("name", sorted(set(Settings.model_fields) - {"serving_places", "approval"}))
def test_a_blank_setting_is_one_that_is_not_set(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv(f"MOLINO_{name.upper()}", raising=False)
    expected = load_settings()
    monkeypatch.setenv(f"MOLINO_{name.upper()}", " \t")
    assert load_settings() == expected


@pytest.mark.parametrize("name", ["SOURCE", "STORE", "GIT_REMOTE", "DVC_REMOTE", "MODELS", "WORK", "GIT_SSH_KEY"])
def test_a_folder_in_the_home_of_nobody_names_the_setting(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"MOLINO_{name}", "~nobody-at-all/x")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    told = f"MOLINO_{name}: there is no home that ~nobody-at-all/x could be in; write the whole path"
    assert str(caught.value) == told


@pytest.mark.parametrize("name", ["models", "work", "git_credentials"])
def test_a_path_in_ones_home_is_whole(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"MOLINO_{name.upper()}", "~/x")
    assert getattr(load_settings(), name) == Path.home() / "x"


@pytest.mark.parametrize(("given", "names"), [(",", set()), (" a, ,b,", {"a", "b"}), ("a,a", {"a"})])
def test_candidates_may_be_parted_by_more_than_one_comma(
    monkeypatch: pytest.MonkeyPatch, given: str, names: set[str]
) -> None:
    monkeypatch.setenv("MOLINO_CANDIDATES", given)
    assert load_settings().candidate_names == names


@pytest.mark.parametrize("seed", ["-1", "4294967296", "99999999999999999999999"])
def test_a_seed_that_a_library_would_not_take_is_refused(monkeypatch: pytest.MonkeyPatch, seed: str) -> None:
    monkeypatch.setenv("MOLINO_SEED", seed)
    with pytest.raises(SettingsError, match=r"^MOLINO_SEED: "):
        load_settings()
