import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from molino.contracts.errors import ReleaseError
from molino.contracts.pointer import POINTER_FILENAME, point_to, read_pointer


def test_nothing_is_deployed_at_first(tmp_path: Path) -> None:
    assert read_pointer(tmp_path) == {}


def test_a_deployed_version_is_read(tmp_path: Path) -> None:
    point_to(tmp_path / "home", "housing", "3")
    assert read_pointer(tmp_path / "home") == {"housing": "3"}


def test_the_version_before_is_returned(tmp_path: Path) -> None:
    assert [point_to(tmp_path, "housing", version) for version in ("1", "2", None)] == [None, "1", "2"]


def test_a_model_is_taken_out(tmp_path: Path) -> None:
    point_to(tmp_path, "housing", "3")
    point_to(tmp_path, "penguins", "1")
    point_to(tmp_path, "housing", None)
    assert read_pointer(tmp_path) == {"penguins": "1"}


def test_models_deployed_at_once_are_all_kept(tmp_path: Path) -> None:
    models = [f"m{number}" for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda model: point_to(tmp_path, model, "1"), models))
    assert sorted(read_pointer(tmp_path)) == sorted(models)


def test_no_passing_file_is_left(tmp_path: Path) -> None:
    point_to(tmp_path, "housing", "3")
    assert {path.name for path in tmp_path.iterdir()} == {POINTER_FILENAME, ".deployed.lock"}


@pytest.mark.parametrize("strange", ["3", "null", "true", '{"version": "3"}', '["3"]'])
def test_an_entry_that_names_no_version_is_passed_over_and_named(tmp_path: Path, strange: str) -> None:
    (tmp_path / POINTER_FILENAME).write_text(f'{{"housing": {strange}, "penguins": "4"}}')
    with capture_logs() as logs:
        assert read_pointer(tmp_path) == {"penguins": "4"}
    assert [log["cause"].partition(": expected")[0] for log in logs] == [
        f"{tmp_path / POINTER_FILENAME}: entry 'housing'"
    ]


def test_a_deploy_mends_its_own_entry_and_leaves_those_of_others(tmp_path: Path) -> None:
    (tmp_path / POINTER_FILENAME).write_text('{"housing": 3, "penguins": null}')
    assert point_to(tmp_path, "housing", "4") is None
    assert json.loads((tmp_path / POINTER_FILENAME).read_text()) == {"housing": "4", "penguins": None}


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '"3"'])
def test_a_broken_file_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / POINTER_FILENAME).write_text(content)
    with pytest.raises(ReleaseError, match=POINTER_FILENAME):
        read_pointer(tmp_path)
