import copy
import json
import pickle
from pathlib import Path

import pytest
from pydantic import BaseModel

from molino.contracts.address import Address, hidden, without_credentials
from molino.contracts.errors import StoreError
from molino.contracts.record import Record, parse_record
from molino.contracts.settings import Settings

WHOLE = "https://ada:pa%2Fss@host:8443/data.git?token=t0k3n#part"
SHOWN = "https://host:8443/data.git"
RECORD = Record(
    model="housing", run_id="r1", step="ingest", status="done", model_file_sha256="0" * 64, code_revision="abc",
    image=None, started="2026-01-02T03:04:05Z", ended="2026-01-02T03:04:06Z", host="here",
)  # fmt: skip


class Holder(BaseModel):
    place: Address


@pytest.mark.parametrize(
    "shown",
    [
        str(Address(WHOLE)),
        f"{Address(WHOLE)}",
        "%s" % Address(WHOLE),  # noqa: UP031
        json.loads(json.dumps(Address(WHOLE))),
        json.loads(Holder(place=WHOLE).model_dump_json())["place"],
        Holder(place=WHOLE).model_dump()["place"],
        eval(repr(Address(WHOLE))),
        str(pickle.loads(pickle.dumps(Address(WHOLE)))),
    ],
)
def test_however_it_is_shown_it_has_no_secret(shown: str) -> None:
    assert shown == SHOWN


@pytest.mark.parametrize(
    "kept", [copy.copy, copy.deepcopy, lambda address: pickle.loads(pickle.dumps(address)), Address]
)
def test_a_copy_still_knows_the_whole(kept) -> None:
    assert kept(Address(WHOLE)).secret == WHOLE


def test_the_settings_show_none(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, git_remote=WHOLE, dvc_remote=WHOLE, mlflow_tracking_uri=WHOLE, store=WHOLE)
    assert "pa%2Fss" not in f"{settings!r} {settings.model_dump()} {settings.model_dump_json()}"
    assert settings.git_remote_uri.secret == WHOLE


@pytest.mark.parametrize("name", ["s3_endpoint", "mlflow_artifacts"])
def test_an_address_that_others_are_told_may_have_none(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from molino.contracts.errors import SettingsError
    from molino.contracts.settings import load_settings

    monkeypatch.setenv(f"MOLINO_{name.upper()}", WHOLE)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert str(caught.value) == f"MOLINO_{name.upper()}: expected {SHOWN} alone, without user, password and query"


@pytest.mark.parametrize(
    ("whole", "login"),
    [
        (WHOLE, ("ada", "pa/ss")),
        ("https://token@host/x", ("token", "")),
        ("https://host/x", None),
        ("ssh://git@host/x", None),
        ("git@host:x", None),
    ],
)
def test_it_logs_in_with_what_is_meant(whole: str, login: tuple[str, str] | None) -> None:
    assert Address(whole).login == login


@pytest.mark.parametrize(
    ("whole", "path"),
    [
        ("data/rows.csv", Path("data/rows.csv")),
        ("file:///data/a%20b.csv", Path("/data/a b.csv")),
        ("file://localhost/data", Path("/data")),
        ("file:///data/a?b#c", Path("/data/a?b#c")),
        ("s3://bucket/key", None),
        (WHOLE, None),
    ],
)
def test_what_is_on_this_machine_is_a_path(whole: str, path: Path | None) -> None:
    assert Address(whole).path == path


def test_what_a_program_said_is_told_without_it() -> None:
    said = f"fatal: unable to access '{WHOLE}': bad password pa/ss"
    assert Address(WHOLE).hide_in(said) == f"fatal: unable to access '{SHOWN}': bad password ***"


def test_an_error_tells_no_url_with_a_password() -> None:
    assert str(StoreError(f"no answer from {WHOLE}; see http://u:p@[::1]:1/ and (ftp://a:b@c)")) == (
        f"no answer from {SHOWN}; see http://[::1]:1/ and (ftp://c)"
    )


@pytest.mark.parametrize("text", ["mail ada@host", "a: b@c", "http://[::1]:8000/a@b", "https://host/a@b", "s3://b/a@b"])
def test_what_has_none_is_left_as_it_is(text: str) -> None:
    assert without_credentials(text) == text


def test_a_record_of_the_past_shows_none() -> None:
    written = RECORD.model_copy(update={"result": {"source_uri": WHOLE, "more": [{"git_remote": WHOLE}], "rows": 3}})
    record = parse_record(written.model_dump_json().encode(), "housing", "ingest")
    assert record.result == {"source_uri": SHOWN, "more": [{"git_remote": SHOWN}], "rows": 3}


def test_json_without_addresses_is_the_same() -> None:
    assert hidden({"a": [1, None, 2.5, "b"], "c": True}) == {"a": [1, None, 2.5, "b"], "c": True}
