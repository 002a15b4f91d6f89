import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cluster import binaries
from tests.cluster.folders import Folders
from tests.cluster.recipes import RECIPES, SOURCES, Recipe

GO_MOD = """\
module k8s.io/kubernetes

require (
	k8s.io/api v0.0.0
	github.com/spf13/cobra v1.10.0
)

replace (
	k8s.io/api => ./staging/src/k8s.io/api
	k8s.io/client-go => ./staging/src/k8s.io/client-go
)
"""


def test_modules_of_kubernetes_tree_are_taken_as_published() -> None:
    assert binaries.staged(GO_MOD, "v1.36.3") == [
        "k8s.io/api => k8s.io/api v0.36.3",
        "k8s.io/client-go => k8s.io/client-go v0.36.3",
    ]


def test_another_version_gets_another_folder(folders: Folders) -> None:
    recipe = RECIPES["helm"]
    assert binaries.folder(folders, recipe) != binaries.folder(folders, replace(recipe, version="v4.3.2"))


def test_another_linker_setting_gets_another_folder(folders: Folders) -> None:
    recipe = RECIPES["helm"]
    assert binaries.folder(folders, recipe) != binaries.folder(folders, replace(recipe, link=()))


def test_recipe_with_one_program_absent_is_not_built(folders: Folders) -> None:
    recipe = RECIPES["containerd"]
    folder = binaries.folder(folders, recipe)
    folder.mkdir(parents=True)
    (folder / "ctr").touch()
    assert not binaries.is_built(folders, recipe)


def test_every_program_is_built_by_one_recipe_alone() -> None:
    programs = [program for recipe in RECIPES.values() for program in recipe.programs]
    assert len(programs) == len(set(programs))


def test_another_main_package_gets_another_folder(
    folders: Folders, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    recipe = RECIPES["collector"]
    before = binaries.folder(folders, recipe)
    shutil.copytree(SOURCES / recipe.source, tmp_path / recipe.source)
    monkeypatch.setattr(binaries, "SOURCES", tmp_path)
    assert binaries.folder(folders, recipe) == before
    (tmp_path / recipe.source / "main.go").write_text("package main")
    assert binaries.folder(folders, recipe) != before


@pytest.mark.parametrize("recipe", [recipe for recipe in RECIPES.values() if recipe.source], ids=lambda one: one.name)
def test_a_main_package_imports_what_its_recipe_requires(recipe: Recipe) -> None:
    source = (SOURCES / recipe.source / "main.go").read_text()
    assert [module for module in (recipe.module, *recipe.requires) if f'"{module}"' not in source] == []
