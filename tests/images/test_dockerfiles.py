"""What every image keeps to, as its Dockerfile and lock say it."""

import re
from pathlib import Path

import pytest

from images import build
from images.build import BASE, MADE_INTO_BASE, OWN_BASE, arguments, labels, names, revision
from images.lock import project
from molino.contracts.steps import STEP_NAMES

FOLDER = Path(__file__).resolve().parents[2] / "images"
COMPONENTS = ("airflow", "minio", "mlflow", "operations", "serving", "tensorboard")


def dockerfile(name: str) -> str:
    return build.dockerfile(name).read_text()


def test_there_is_an_image_for_every_step_and_component() -> None:
    assert set(names()) == {BASE, *STEP_NAMES, *COMPONENTS}


def test_the_base_is_built_first() -> None:
    assert names()[0] == BASE


@pytest.mark.parametrize("name", names())
def test_an_image_runs_as_a_numeric_user_that_is_not_root(name: str) -> None:
    assert re.findall(r"^USER (.+)$", dockerfile(name), re.MULTILINE)[-1] == "10001:10001"


@pytest.mark.parametrize("name", names())
def test_an_image_starts_with_an_init_that_hands_signals_on(name: str) -> None:
    lines = [*dockerfile(BASE).splitlines(), *dockerfile(name).splitlines()]
    assert [line for line in lines if line.startswith("ENTRYPOINT ")][-1].startswith('ENTRYPOINT ["tini", "--"')


@pytest.mark.parametrize("name", names())
def test_an_image_says_what_it_starts_from(name: str) -> None:
    declared = re.findall(r"^ARG (\w+)=(?:docker\.io/|molino-base$)", dockerfile(name), re.MULTILINE)
    assert set(re.findall(r"^FROM \$\{(\w+)\}", dockerfile(name), re.MULTILINE)) == set(declared)


@pytest.mark.parametrize("name", sorted(set(names()) - {BASE}))
def test_an_image_is_the_base_with_something_more(name: str) -> None:
    assert re.findall(r"^FROM (\S+)", dockerfile(name), re.MULTILINE)[-1] == "${BASE}"
    assert f"ARG BASE={OWN_BASE}\n" in dockerfile(name)


@pytest.mark.parametrize("name", sorted(set(names()) - {BASE, "minio"}))
def test_an_image_installs_its_lock_and_nothing_else(name: str) -> None:
    """With the installer's cache in a mount, so that no layer keeps it."""
    copied = re.findall(r"^COPY images/(\S+) /tmp/requirements.txt$", dockerfile(name), re.MULTILINE)
    own = ["step/requirements.txt", "${STEP}/requirements.txt"] if name in STEP_NAMES else [f"{name}/requirements.txt"]
    assert copied == own
    installed = re.findall(r"^RUN (.+) install-locked (\S+)$", dockerfile(name), re.MULTILINE)
    locks = ["/tmp/http-parser.txt"] * (name == "serving") + ["/tmp/requirements.txt"] * len(own)
    assert installed == [("--mount=type=cache,target=/var/cache/molino", lock) for lock in locks]
    assert "pip install" not in dockerfile(name)


def test_a_step_has_no_dockerfile_of_its_own() -> None:
    assert {build.dockerfile(name) for name in STEP_NAMES} == {FOLDER / "step" / "Dockerfile"}
    assert {name: arguments(name, "", "1.2", {})["STEP"] for name in STEP_NAMES} == {name: name for name in STEP_NAMES}


def test_tensorflow_is_in_the_train_image_alone() -> None:
    locks = {path.parent.name: path.read_text() for path in FOLDER.glob("*/requirements.txt")}
    assert [name for name, lock in locks.items() if re.search(r"^tensorflow", lock, re.MULTILINE)] == ["train"]


def test_a_lock_goes_without_what_is_left_out() -> None:
    left_out = project()["tool"]["molino"]["left-out"]
    locks = {image: (FOLDER / image / "requirements.txt").read_text() for image in left_out}
    found = [
        (image, name) for image in left_out for name in left_out[image] if re.search(f"^{name}==", locks[image], re.M)
    ]
    assert left_out
    assert found == []


def test_an_own_base_is_of_the_same_tag() -> None:
    assert arguments("train", "localhost/", "1.2", {})["BASE"] == f"localhost/{OWN_BASE}:1.2"


def test_another_image_stands_for_a_public_one() -> None:
    public = "docker.io/library/python:3.11-slim-bookworm"
    assert arguments("base", "", "1.2", {public: "localhost/python"}) == {"BASE": "localhost/python"}


def test_a_label_names_the_revision() -> None:
    assert labels("train")["org.opencontainers.image.revision"] == revision()


def test_a_commit_elsewhere_leaves_the_base_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    before = labels(BASE)
    monkeypatch.setenv("MOLINO_CODE_REVISION", "another")
    assert labels(BASE) == before
    copied = re.findall(r"^COPY (?:--\S+ )*(\S+) ", dockerfile(BASE), re.MULTILINE)
    assert all(path.startswith(MADE_INTO_BASE) for path in copied)
