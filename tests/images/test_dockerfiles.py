"""What every image keeps to, as its Dockerfile and lock say it."""

import re
from pathlib import Path

import pytest

from images.build import BASE, OWN_BASE, arguments, labels, names, revision
from pipelines.steps import STEP_NAMES

FOLDER = Path(__file__).resolve().parents[2] / "images"
COMPONENTS = ("airflow", "minio", "mlflow", "operations", "serving", "tensorboard")


def dockerfile(name: str) -> str:
    return (FOLDER / name / "Dockerfile").read_text()


def test_there_is_an_image_for_every_step_and_component() -> None:
    assert set(names()) == {BASE, *STEP_NAMES, *COMPONENTS}


def test_the_base_is_built_first() -> None:
    assert names()[0] == BASE


@pytest.mark.parametrize("name", names())
def test_an_image_runs_as_a_numeric_user_that_is_not_root(name: str) -> None:
    assert re.findall(r"^USER (.+)$", dockerfile(name), re.MULTILINE)[-1] == "10001:10001"


@pytest.mark.parametrize("name", names())
def test_an_image_says_what_it_starts_from(name: str) -> None:
    declared = re.findall(r"^ARG (\w+)=(?:docker\.io/|molino-base$)", dockerfile(name), re.MULTILINE)
    assert set(re.findall(r"^FROM \$\{(\w+)\}", dockerfile(name), re.MULTILINE)) == set(declared)


@pytest.mark.parametrize("name", sorted(set(names()) - {"minio"}))
def test_an_image_installs_a_lock_and_nothing_else(name: str) -> None:
    installed = re.findall(r"(?:pip install|install-locked) (\S+)", dockerfile(name))
    assert installed == ["/tmp/requirements.txt"]


def test_tensorflow_is_in_the_train_image_alone() -> None:
    locks = {path.parent.name: path.read_text() for path in FOLDER.glob("*/requirements.txt")}
    assert [name for name, lock in locks.items() if re.search(r"^tensorflow", lock, re.MULTILINE)] == ["train"]


def test_an_own_base_is_of_the_same_tag() -> None:
    assert arguments("train", "localhost/", "1.2", {})["BASE"] == f"localhost/{OWN_BASE}:1.2"


def test_another_image_stands_for_a_public_one() -> None:
    public = "docker.io/library/python:3.11-slim-bookworm"
    assert arguments("base", "", "1.2", {public: "localhost/python"}) == {"BASE": "localhost/python"}


def test_a_label_names_the_revision() -> None:
    assert labels("train")["org.opencontainers.image.revision"] == revision()
