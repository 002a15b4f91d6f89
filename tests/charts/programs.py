"""Where the programs are that tests of the chart run."""

import os
import shutil
from pathlib import Path

import pytest

from tests.cluster import binaries
from tests.cluster.folders import Folders
from tests.cluster.recipes import RECIPES


def find(name: str, install: str, *others: Path) -> Path:
    """Return a program: of the path, of Go, of the test cluster, or of other places.

    Args:
        name: the program.
        install: what brings it, for the reason of the skip where it is nowhere.
        others: files that it may be besides.
    """
    gopath = Path(os.environ.get("GOPATH") or Path.home() / "go")
    places = [gopath / "bin" / name, *others]
    if any(name in recipe.programs for recipe in RECIPES.values()):
        places.append(binaries.program(Folders.from_environment(), name))
    found = shutil.which(name) or next((place for place in places if place.is_file()), None)
    if found is None:
        pytest.skip(f"{name} isn't installed ({install})")
    return Path(found)
