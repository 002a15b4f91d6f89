"""Python files beside a model file: where they may lie, and how they travel."""

from pathlib import Path

import pytest
import yaml

from molino.contracts.errors import ModelFileError
from molino.contracts.model_file import load_model
from molino.contracts.model_file.named import load_named_model
from molino.contracts.settings import Settings
from pipelines.model_files import EXTRA, read_model_files
from pipelines.pods import PodSettings, step_pod

MODELS = Path(__file__).parents[4] / "pipelines" / "models"


def written(path: Path, file: str = "own.py") -> Path:
    content = yaml.safe_load((MODELS / "penguins" / "model.yaml").read_text())
    content["candidates"] = [{"name": "own", "kind": "python", "file": file}]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content))
    return path


def test_it_is_read_with_the_model_file(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("made = 1")
    assert load_model(written(tmp_path / "model.yaml")).code == {"own.py": b"made = 1"}


def test_a_file_that_is_not_there_is_named_with_its_line(tmp_path: Path) -> None:
    path = written(tmp_path / "model.yaml")
    with pytest.raises(ModelFileError) as told:
        load_model(path)
    where, number, rest = str(told.value).split(":", 2)
    assert where == str(path)
    assert "file: own.py" in path.read_text().splitlines()[int(number) - 1]
    assert rest == " candidates.0.file: own.py beside the model file: No such file or directory"


@pytest.mark.parametrize("file", ["../own.py", "/tmp/own.py", "folder/own.py", "own.sh", "own"])
def test_no_other_place_can_be_named(tmp_path: Path, file: str) -> None:
    with pytest.raises(ModelFileError, match=r"candidates\.0\.file: expected the name of a Python file beside"):
        load_model(written(tmp_path / "model.yaml", file))


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere.py").write_text("made = 1")
    path = written(tmp_path / "own" / "model.yaml")
    (tmp_path / "own" / "own.py").symlink_to(tmp_path / "elsewhere.py")
    with pytest.raises(ModelFileError, match=r"own\.py beside the model file: it is a link that leads out"):
        load_model(path)


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("#" * 70_000)
    with pytest.raises(ModelFileError, match="its Python files have more than 65536 bytes together"):
        load_model(written(tmp_path / "model.yaml"))


def test_it_travels_to_the_pod_with_the_model_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "..data"  # as Kubernetes mounts a ConfigMap
    written(data / "penguins.yaml")
    (data / "penguins.own.py").write_text("made = 1")
    for name in ("penguins.yaml", "penguins.own.py"):
        (tmp_path / name).symlink_to(data / name)
    monkeypatch.setenv(EXTRA, str(tmp_path))
    found = read_model_files()
    assert found.errors == {}
    model, content = found.models["penguins"]
    pod = step_pod(PodSettings(), model, content, "train", "r1", code=found.code["penguins"])
    settings = Settings(
        model_content=pod.environment["MOLINO_MODEL_CONTENT"], model_code=pod.environment["MOLINO_MODEL_CODE"]
    )
    assert load_named_model(settings, "penguins").code == {"own.py": b"made = 1"}
    with pytest.raises(ModelFileError, match=r"^MOLINO_MODEL_CODE: expected the file own\.py"):
        load_named_model(settings.model_copy(update={"model_code": None}), "penguins")
