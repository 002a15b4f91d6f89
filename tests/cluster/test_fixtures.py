from dataclasses import replace

import pytest

from tests.cluster import builder
from tests.cluster.fixtures import FIXTURES, HERE, NODE_OWN, Fixture


def test_every_folder_is_a_fixture() -> None:
    assert {path.name for path in HERE.iterdir() if (path / "Dockerfile").exists()} == set(FIXTURES)


def test_node_itself_needs_no_stand_in_but_its_base() -> None:
    assert [name for name in NODE_OWN if FIXTURES[name].stands_for] == ["python"]


def test_another_base_is_another_input(monkeypatch: pytest.MonkeyPatch) -> None:
    before = builder.inputs(FIXTURES["nginx"])
    monkeypatch.setattr(builder, "PACKAGES", "python3")
    assert builder.inputs(FIXTURES["nginx"]) != before


def test_another_file_is_another_input() -> None:
    fixture = FIXTURES["nginx"]
    assert builder.inputs(Moved(**vars(fixture))) != builder.inputs(fixture)


class Moved(Fixture):
    """The same image from another folder."""

    @property
    def folder(self):  # type: ignore[no-untyped-def]
        return FIXTURES["postgres"].folder


def test_tag_is_part_of_the_name() -> None:
    assert replace(FIXTURES["nginx"], tag="2").image == "localhost/molino-test/nginx:2"
