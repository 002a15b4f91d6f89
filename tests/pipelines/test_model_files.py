"""Which model files become DAGs."""

from pathlib import Path

import pytest

from pipelines.model_files import BUILT_IN, EXTRA, read_model_files

HOUSING = (BUILT_IN / "housing" / "model.yaml").read_text()


@pytest.fixture
def extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(EXTRA, str(tmp_path))
    return tmp_path


def test_every_model_folder_is_found() -> None:
    assert sorted(read_model_files().models) == sorted(path.parent.name for path in BUILT_IN.glob("*/model.yaml"))


def test_a_file_of_the_values_comes_beside_them(extra: Path) -> None:
    (extra / "homes.yaml").write_text(HOUSING.replace("name: housing", "name: homes", 1))
    assert set(read_model_files().models) == {"homes", "housing", "penguins"}


def test_a_file_of_the_values_replaces_the_one_of_the_image(extra: Path) -> None:
    (extra / "housing.yaml").write_text(HOUSING.replace("Boston housing values", "Ours"))
    assert read_model_files().models["housing"][0].title == "Ours"


def test_a_wrong_file_leaves_the_others_alone(extra: Path) -> None:
    (extra / "broken.yaml").write_text("name: broken\n")
    found = read_model_files()
    assert ("housing" in found.models, list(found.errors)) == (True, ["broken"])


@pytest.mark.parametrize("tagged", ["!!binary aGk=", "!!set {a, b}", "!!timestamp 2020-01-01", "!!bool x"])
def test_a_tag_in_one_file_leaves_the_others_alone(extra: Path, tagged: str) -> None:
    (extra / "broken.yaml").write_text(f"name: broken\ntitle: {tagged}\n")
    found = read_model_files()
    assert ("housing" in found.models, list(found.errors)) == (True, ["broken"])
    assert found.errors["broken"].startswith("broken/model.yaml:2: ")


def test_a_file_that_cannot_be_read_leaves_the_others_alone(extra: Path) -> None:
    (extra / "gone.yaml").symlink_to(extra / "nowhere")
    (extra / "folder.yaml").mkdir()
    found = read_model_files()
    assert ("housing" in found.models, sorted(found.errors)) == (True, ["folder", "gone"])
    assert found.errors["gone"] == f"{extra / 'gone.yaml'}: can't read the model file: No such file or directory"


def test_a_file_of_another_name_is_refused(extra: Path) -> None:
    (extra / "homes.yaml").write_text(HOUSING)
    assert read_model_files().errors["homes"].endswith("expected 'homes', as its place says (got 'housing')")
