"""How the class of a kind is found by the name of its module."""

import pytest

from molino.contracts.features import FEATURES
from molino.contracts.features.base import Feature
from molino.contracts.features.integer import Integer
from molino.contracts.variants import class_in, modules_in

PACKAGE = "molino.contracts.features"


def test_the_class_is_the_one_that_the_module_defines() -> None:
    assert class_in(PACKAGE, "integer", Feature) is Integer


@pytest.mark.parametrize("name", ["nothing", "", ".", "base", "integer.Integer", "../model_file", "os"])
def test_no_other_text_finds_one(name: str) -> None:
    assert class_in(PACKAGE, name, Feature) is None


def test_a_class_that_kinds_share_is_no_kind() -> None:
    assert "numeric" in modules_in(PACKAGE)
    assert "numeric" not in FEATURES
