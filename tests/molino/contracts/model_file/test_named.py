"""Where a model file comes from: a folder, a file, or the environment of a pod."""

import base64
from pathlib import Path

import pytest

from molino.contracts.errors import ModelFileError
from molino.contracts.model_file.named import load_named_model
from molino.contracts.settings import Settings
from pipelines.pods import pack

MODELS = Path(__file__).resolve().parents[4] / "pipelines" / "models"
PENGUINS = MODELS / "penguins" / "model.yaml"


def settings(content: str) -> Settings:
    return Settings(models=MODELS, model_content=content)


def test_a_packed_file_is_the_file() -> None:
    packed = load_named_model(settings(pack(PENGUINS.read_bytes())), "penguins")
    assert packed == load_named_model(Settings(models=MODELS), "penguins")


def test_a_packed_file_comes_before_the_folder() -> None:
    changed = PENGUINS.read_bytes().replace(b"title: ", b"title: Other ")
    assert load_named_model(settings(pack(changed)), "penguins").file.title.startswith("Other ")


def test_a_packed_file_of_another_model_is_refused() -> None:
    with pytest.raises(ModelFileError, match="name: expected 'housing', as asked for"):
        load_named_model(settings(pack(PENGUINS.read_bytes())), "housing")


@pytest.mark.parametrize(
    "content", ["no base64!", base64.b64encode(b"no gzip").decode(), pack(PENGUINS.read_bytes())[:200]]
)
def test_a_broken_packed_file_is_one_line(content: str) -> None:
    with pytest.raises(ModelFileError, match=r"^MOLINO_MODEL_CONTENT: expected a model file in gzip and base64 .*$"):
        load_named_model(settings(content), "penguins")


def test_a_packed_file_that_unpacks_without_end_is_refused() -> None:
    with pytest.raises(ModelFileError, match="more than 1048576 bytes"):
        load_named_model(settings(pack(b" " * 2**21)), "penguins")


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOLINO_SOURCE", "")
    assert Settings().source is None
