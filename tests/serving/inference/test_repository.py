from pathlib import Path

import msgspec
import pytest

from molino.contracts.errors import ReleaseError
from molino.contracts.pointer import point_to, pointer_path, read_pointer, write_pointer
from serving.http.problems import Problem
from serving.inference.repository import Repository
from serving.reports.catalogue import list_models
from serving.reports.exposition import expose
from serving.reports.monitor import monitor
from serving.service import open_service
from serving.settings import ServingSettings


def test_nothing_is_deployed_without_a_pointer_file(tmp_path: Path) -> None:
    assert read_pointer(tmp_path) == {}


def test_what_was_pointed_to_is_told_when_it_is_replaced(tmp_path: Path) -> None:
    assert [point_to(tmp_path, "housing", version) for version in ("1", "2", None)] == [None, "1", "2"]


def test_other_models_stay_as_they_are(tmp_path: Path) -> None:
    write_pointer(tmp_path, {"penguins": "4"})
    point_to(tmp_path, "housing", "1")

    assert read_pointer(tmp_path) == {"housing": "1", "penguins": "4"}


def test_no_passing_file_is_left(tmp_path: Path) -> None:
    write_pointer(tmp_path, {"housing": "1"})

    assert [path.name for path in tmp_path.iterdir()] == ["deployed.json"]


@pytest.mark.parametrize("text", ["", "[]", "{", "\xff", "[" * 100_000])
def test_a_malformed_pointer_file_is_named(tmp_path: Path, text: str) -> None:
    pointer_path(tmp_path).write_text(text, encoding="latin-1")

    with pytest.raises(ReleaseError, match=r"deployed\.json"):
        read_pointer(tmp_path)


def test_a_malformed_pointer_file_changes_nothing_that_is_served(own_releases: Path) -> None:
    repository = Repository(own_releases)
    repository.refresh()
    pointer_path(own_releases).write_text("{")
    repository.refresh()

    assert (sorted(repository.state.models), repository.ready) == (["housing", "penguins"], True)
    assert "deployed.json" in repository.state.failures[""]


def test_a_server_that_never_could_read_the_pointer_file_is_not_ready(own_releases: Path) -> None:
    pointer_path(own_releases).write_text("{")
    repository = Repository(own_releases)
    repository.refresh()

    assert not repository.ready


def test_a_pointer_file_that_is_gone_takes_nothing_out_of_service(own_releases: Path, tmp_path: Path) -> None:
    repository = Repository(own_releases)
    repository.refresh()
    own_releases.rename(tmp_path / "elsewhere")
    changed = repository.changed()
    repository.refresh()
    served = (sorted(repository.state.models), list(repository.state.failures), repository.ready)
    (tmp_path / "elsewhere").rename(own_releases)
    write_pointer(own_releases, {})
    repository.refresh()

    assert (changed, served) == (True, (["housing", "penguins"], [""], True))
    assert (dict(repository.state.models), dict(repository.state.failures)) == ({}, {})


@pytest.mark.parametrize("strange", [3, None, {"version": "2"}, ["2"], True])
def test_an_entry_that_names_no_version_keeps_no_other_model_back(own_releases: Path, strange: object) -> None:
    write_pointer(own_releases, {"housing": strange, "penguins": "1"})
    repository = Repository(own_releases)
    repository.refresh()

    assert (sorted(repository.state.models), repository.ready) == (["penguins"], False)
    assert "entry 'housing': expected a version as text" in repository.state.failures["housing"]


@pytest.mark.parametrize(
    ("name", "version"),
    [("hou\ud800sing", "1"), ("a\0b", "1"), ("a\nb", "1"), ("housing", "\ud800"), ("a" * 5000, "1")],
)
def test_an_odd_entry_is_told_by_every_report(own_releases: Path, name: str, version: str) -> None:
    write_pointer(own_releases, {name: version, "penguins": "1"})
    service = open_service(ServingSettings(home=own_releases))
    service.repository.refresh()
    told = msgspec.json.decode(msgspec.json.encode([monitor(service), list_models(service)]))
    known = name.encode("utf-8", "replace").decode()

    assert told[0]["models"][known]["failure"]
    assert "penguins" in str(told[1])
    assert 'molino_model_failed{model="penguins"} 0' in expose(service).decode()


def test_a_model_whose_entry_became_strange_stays_in_service(own_releases: Path) -> None:
    repository = Repository(own_releases)
    repository.refresh()
    write_pointer(own_releases, {"housing": 2, "penguins": "1"})
    repository.refresh()

    assert (sorted(repository.state.models), repository.ready) == (["housing", "penguins"], True)
    assert list(repository.state.failures) == ["housing"]


@pytest.mark.parametrize("version", ["9", "../1", "", "..", "1/../2"])
def test_a_version_that_is_not_there_is_a_failure(own_releases: Path, version: str) -> None:
    repository = Repository(own_releases)
    write_pointer(own_releases, {"housing": version})
    repository.refresh()

    assert (repository.ready, list(repository.state.failures)) == (False, ["housing"])


def test_a_release_under_another_name_is_refused(own_releases: Path) -> None:
    (own_releases / "housing").rename(own_releases / "houses")
    write_pointer(own_releases, {"houses": "1"})
    repository = Repository(own_releases)
    repository.refresh()

    assert "holds housing 1" in repository.state.failures["houses"]


def test_the_first_model_by_name_is_the_default(own_releases: Path) -> None:
    repository = Repository(own_releases)
    repository.refresh()

    assert repository.pick(None).name == "housing"


def test_the_default_can_be_set(own_releases: Path) -> None:
    repository = Repository(own_releases, default_model="penguins")
    repository.refresh()

    assert repository.pick(None).name == "penguins"


def test_a_model_that_cant_be_loaded_is_unavailable_not_unknown(own_releases: Path) -> None:
    write_pointer(own_releases, {"housing": "9"})
    repository = Repository(own_releases)
    repository.refresh()

    with pytest.raises(Problem) as caught:
        repository.pick("housing")
    assert caught.value.status == 503


def test_an_unchanged_pointer_file_is_not_read_again(own_releases: Path) -> None:
    repository = Repository(own_releases)
    repository.refresh()
    before = repository.changed()
    write_pointer(own_releases, {"housing": "2"})

    assert (before, repository.changed()) == (False, True)


def test_a_model_that_stays_is_not_loaded_again(own_releases: Path) -> None:
    repository = Repository(own_releases)
    repository.refresh()
    penguins = repository.pick("penguins")
    point_to(own_releases, "housing", "2")
    repository.refresh()

    assert repository.pick("penguins") is penguins
    assert repository.pick("housing").version == "2"
