import pytest

from molino.contracts.errors import RunError, SettingsError
from molino.contracts.identifiers import check_model_name, check_run_id
from molino.contracts.settings import load_settings

STRANGE = ["../..", "..", ".", "", "a/b", "/etc", "-x", ".hidden", "a b", "a\n", "a\0b", "ä", "x" * 201, "a\\b"]


@pytest.mark.parametrize(
    "run_id", ["r1", "20261127-010839-f7f606", "manual__2026-11-23T22-00-00.1-00-00", "a..b", "_", "x" * 200]
)
def test_a_run_id_is_taken(run_id: str) -> None:
    assert check_run_id(run_id) == run_id


@pytest.mark.parametrize("run_id", STRANGE)
def test_what_can_be_no_run_id_is_refused(run_id: str) -> None:
    with pytest.raises(RunError, match="expected letters, digits and the signs"):
        check_run_id(run_id)


@pytest.mark.parametrize("name", [*STRANGE, "Housing", "1st", "x" * 41, "a_b"])
def test_what_can_be_no_model_name_is_refused(name: str) -> None:
    with pytest.raises(RunError, match="expected lower-case letters, digits and hyphens"):
        check_model_name(name)


@pytest.mark.parametrize("run_id", ["../..", "a/b", "a\n"])
def test_a_setting_names_no_strange_run(run_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOLINO_DATA_RUN", run_id)
    with pytest.raises(SettingsError, match=r"^MOLINO_DATA_RUN: expected letters, digits and the signs _ \. -"):
        load_settings()
