"""A copy of Molino's own packages, to which a recipe of CONTRIBUTING adds its files, as a person would."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.warm import run_warm

ROOT = Path(__file__).resolve().parents[2]
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
PACKAGES = ("molino", "training", "pipelines", "serving")
HOME_VARIABLES = ("MOLINO_", "PYTHON")
"""Beginnings of the variables that a copy doesn't take over."""


def copy_with(folder: Path, files: Mapping[str, str]) -> Path:
    """Copy the packages, and add files that aren't there; return the copy's root."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name, text in files.items():
        path = folder / name
        assert not path.exists(), f"{name} is there: a recipe adds files and changes none"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def copy_with_recipe(folder: Path, title: str) -> Path:
    """Copy the packages, and apply the diff that a section of CONTRIBUTING shows; return the copy's root."""
    root = copy_with(folder, {})
    environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(root.parent)}
    command = ["git", "apply", "--recount", "-"]
    done = subprocess.run(
        command, cwd=root, env=environment, input=diff_of(title), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"CONTRIBUTING's {title!r} no longer fits: {done.stderr}"
    return root


def diff_of(title: str) -> str:
    """Return the diff that a section of CONTRIBUTING shows."""
    section = re.search(rf"^## {title}$(.*?)(?=^## |\Z)", CONTRIBUTING.read_text(), re.DOTALL | re.MULTILINE)
    assert section, f"CONTRIBUTING has no section {title!r}"
    (diff,) = re.findall(r"^```diff\n(.*?)^```$", section[1], re.DOTALL | re.MULTILINE)
    return str(diff)


def changed_files(root: Path) -> set[str]:
    """Return the files of a copy that aren't the house's own."""
    own = (path for package in PACKAGES for path in (root / package).rglob("*") if path.is_file())
    names = {path.relative_to(root) for path in own if "__pycache__" not in path.parts}
    return {str(name) for name in names if not _is_same(root / name, ROOT / name)}


def _is_same(path: Path, origin: Path) -> bool:
    return origin.is_file() and origin.read_bytes() == path.read_bytes()


def give_database(root: Path, database: Path) -> None:
    """Let a copy's home begin with an MLflow database that has its tables, since making one takes seconds."""
    (root / "home").mkdir(exist_ok=True)
    shutil.copyfile(database, root / "home" / "mlflow.db")


def run(root: Path, program: str, **variables: str) -> str:
    """Run a program over the copy's packages and return what it prints."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(HOME_VARIABLES)}
    environment = {**kept, "PYTHONPATH": str(root), "MOLINO_HOME": str(root / "home"), **variables}
    done = run_warm(["-c", program], cwd=root, env=environment)
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


def molino(root: Path, *words: str, **variables: str) -> str:
    """Run the copy's `molino` command and return what it prints."""
    return run(root, f"import sys; sys.argv = {['molino', *words]!r}\nfrom molino.cli import main\nmain()", **variables)


def steps(root: Path, model: str, *names: str, **variables: str) -> None:
    """Run steps of the copy one after the other as run `r1`, in one process: it imports what they share once."""
    words = [["step", name, "--model", model, "--run-id", "r1"] for name in names]
    run(
        root, f"from molino.cli import app\nfor words in {words!r}:\n    app(words, standalone_mode=False)", **variables
    )
