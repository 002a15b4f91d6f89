"""`make lock`: pin what pyproject.toml declares, with hashes; `--check` tells whether the locks are current.

The locks: `requirements.txt` (every extra: what `make run` installs), `requirements-dev.txt` (that and the dev group),
`requirements-uv.txt` (the installer itself), `images/step/requirements.txt` (the core: what the command needs), and one
per image in `images/<name>/requirements.txt`: a step's holds the core and its extra, a component's its extra or its
dependency group alone, and neither what `tool.molino.left-out` names; what serving's image builds from its source is in
`images/serving/http-parser.txt`. Images are held to the versions of
`requirements.txt`, but for those of groups. Where all extras are together, what `tool.molino.overrides` names is taken
whatever others ask for. `images/inputs.json` has the SHA-256 of what each lock was made from, so that the check needs
no network and doesn't fail because a newer version was published; it is a file of its own, so that a lock, and with it
an image, stays as it is where none of its pins changes. Pins that are there are kept; `--upgrade` takes the newest.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = ROOT / "pyproject.toml"
INPUTS = ROOT / "images" / "inputs.json"
STEP = "step"
"""What the steps' images have in common: the core dependencies."""
COMPONENTS = ("mlflow", "serving", "tensorboard")
"""Images without the `molino` command: an extra, and nothing of the core but what it names."""
APART = ("airflow", "operations")
"""Dependency groups, locked by themselves, since Airflow and MLflow disagree on versions of what both need."""
OVERRIDES = "tool.molino.overrides of pyproject.toml"
"""Stands in a lock for the temporary file that they are handed over in: each run would have another."""
STDIN = "-"
"""Stands for the requirements of a component's extra among the options of `uv pip compile`."""


def main() -> int:
    """Make the locks, or check them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only tell which locks are out of date")
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions")
    arguments = parser.parse_args()
    if arguments.check:
        stale = stale_locks()
        for path in stale:
            print(f"{path.relative_to(ROOT)} is out of date: run make lock", file=sys.stderr)
        return 1 if stale else 0
    for path, options in locks().items():
        compile_lock(path, options, arguments.upgrade)
    made = {_named(path): digest(options) for path, options in locks().items()}
    INPUTS.write_text(json.dumps(made, indent=2, sort_keys=True) + "\n")
    return 0


def locks() -> dict[Path, list[str]]:
    """Return each lock with the options of `uv pip compile` that make it, in the order they are made."""
    root = ROOT / "requirements.txt"
    held = ["--constraint", str(root.relative_to(ROOT))]
    made = {
        root: ["pyproject.toml", "--all-extras"],
        ROOT / "requirements-dev.txt": ["pyproject.toml", "--all-extras", "--group", "dev", *held],
        ROOT / "requirements-uv.txt": ["--group", "pyproject.toml:install"],
        ROOT / "images" / STEP / "requirements.txt": ["pyproject.toml", *held],
    }
    for extra in extras():
        chosen = [STDIN] if extra in COMPONENTS else ["pyproject.toml", "--extra", extra]
        made[ROOT / "images" / extra / "requirements.txt"] = [*chosen, *held]
    made[ROOT / "images" / "serving" / "http-parser.txt"] = ["--group", "pyproject.toml:http-parser"]
    for group in APART:
        made[ROOT / "images" / group / "requirements.txt"] = ["--group", f"pyproject.toml:{group}"]
    return made


def compile_lock(path: Path, options: list[str], upgrade: bool) -> None:
    """Resolve one lock, keeping the pins that it has."""
    print(path.relative_to(ROOT), file=sys.stderr)
    path.parent.mkdir(parents=True, exist_ok=True)
    name = path.parent.name
    molino = project()["tool"]["molino"]
    with listed(molino["left-out"].get(name, [])) as left_out, listed(molino["overrides"]) as overrides:
        subprocess.run(
            [
                os.environ.get("UV", "uv"), "pip", "compile", "--quiet", "--universal", "--python-version", "3.11",
                "--generate-hashes", "--no-emit-index-url", "--no-header", "--excludes", left_out,
                *(["--overrides", overrides] if "--all-extras" in options else []),
                "--output-file", str(path.relative_to(ROOT)), *(["--upgrade"] if upgrade else []), *options,
            ],
            cwd=ROOT,
            check=True,
            text=True,
            input="\n".join(extras()[name]) if STDIN in options else None,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        pins = path.read_text().replace(f"--override {overrides}", OVERRIDES)
    path.write_text(f"# Made by make lock; don't edit.\n{pins}")


@contextmanager
def listed(requirements: list[str]) -> Iterator[str]:
    """Write requirements to a temporary file, and yield its name."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(requirements))
        file.flush()
        yield file.name


def digest(options: list[str]) -> str:
    """Return the SHA-256 of all that a lock follows from: the declared dependencies, and how it is compiled."""
    declared = project()
    inputs = {
        "python": declared["project"]["requires-python"],
        "dependencies": declared["project"]["dependencies"],
        "extras": extras(),
        "groups": groups_of(options),
        "left out": declared["tool"]["molino"]["left-out"],
        "overrides": declared["tool"]["molino"]["overrides"],
        "options": options,
    }
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def groups_of(options: list[str]) -> dict[str, list[Any]]:
    """Return the dependency groups that a lock is made of: what tests want makes no image anew."""
    declared = project()["dependency-groups"]
    wanted = [option.removeprefix("pyproject.toml:") for before, option in pairwise(options) if before == "--group"]
    found: dict[str, list[Any]] = {}
    while wanted:
        name = wanted.pop()
        found[name] = declared[name]
        wanted += [one["include-group"] for one in declared[name] if isinstance(one, dict)]
    return found


def stale_locks() -> list[Path]:
    """Return the locks that are missing or were made from something else than pyproject.toml says now."""
    made = json.loads(INPUTS.read_text()) if INPUTS.is_file() else {}
    return [
        path for path, options in locks().items() if not path.is_file() or made.get(_named(path)) != digest(options)
    ]


def _named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def extras() -> dict[str, list[str]]:
    """Return the optional dependencies."""
    return project()["project"]["optional-dependencies"]


def project() -> dict[str, dict]:
    """Return pyproject.toml."""
    return tomllib.loads(PYPROJECT.read_text())


if __name__ == "__main__":
    sys.exit(main())
