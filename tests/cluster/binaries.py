"""Build programs from Go modules, and keep each under the hash of what decides its content."""

import hashlib
import json
import os
import re
import shutil
import tempfile
from pathlib import Path

from tests.cluster.commands import run
from tests.cluster.folders import Folders
from tests.cluster.recipes import RECIPES, SOURCES, Recipe

STAGED = re.compile(r"^\s*(?:replace\s+)?(\S+)\s*=>\s*\./staging/", re.MULTILINE)
OWN_MODULE = "molino.test/programs"
FLAGS = ("-trimpath",)
STATIC_C = ("-linkmode", "external", "-extldflags", "-static")
TAGS_C = ("-tags", "netgo,osusergo,sqlite_omit_load_extension")
"""What of Go and SQLite would load libraries at run time is left out."""


def program(folders: Folders, name: str) -> Path:
    """Return where a built program is; it may not have been built yet."""
    recipe = next(recipe for recipe in RECIPES.values() if name in recipe.programs)
    return folder(folders, recipe) / name


def folder(folders: Folders, recipe: Recipe) -> Path:
    """Return where a recipe's programs are kept."""
    return folders.programs / f"{recipe.name}-{recipe.version}-{digest(recipe)}"


def digest(recipe: Recipe) -> str:
    """Return 12 hexadecimal digits that change with the module, its version, the packages, the flags or the source."""
    parts = [recipe.module, recipe.version, sorted(recipe.programs.items()), recipe.link, FLAGS, recipe.staging]
    parts += [sorted(recipe.requires.items())] if recipe.requires else []
    parts += [STATIC_C] if recipe.c else []
    if recipe.source:
        parts += [[path.name, path.read_text()] for path in sorted((SOURCES / recipe.source).iterdir())]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]


def is_built(folders: Folders, recipe: Recipe) -> bool:
    """Tell whether all programs of a recipe are there."""
    return all((folder(folders, recipe) / name).is_file() for name in recipe.programs)


def build(folders: Folders, recipe: Recipe) -> Path:
    """Build a recipe's programs unless they are there, drop those of its other versions, and return their folder."""
    target = folder(folders, recipe)
    if is_built(folders, recipe):
        return target
    folders.programs.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folders.programs, prefix=f".{recipe.name}-") as work:
        built = Path(work) / "bin"
        built.mkdir()
        _compile(recipe, Path(work), built)
        shutil.rmtree(target, ignore_errors=True)
        built.rename(target)
    for other in folders.programs.glob(f"{recipe.name}-v*"):
        if other != target:
            shutil.rmtree(other)
    return target


def _compile(recipe: Recipe, work: Path, target: Path) -> None:
    """Build inside a module of our own that requires the recipe's: its `replace` lines are ours to set there."""
    settings = {
        "CGO_ENABLED": "1" if recipe.c else "0",
        "GOFLAGS": f"{os.environ.get('GOFLAGS', '')} -mod=mod".strip(),
        "GOWORK": "off",
    }
    module = _module(recipe, work)
    link = ["-s", "-w", *(STATIC_C if recipe.c else ()), *(f"-X {item}" for item in recipe.link)]
    flags = [*FLAGS, *(TAGS_C if recipe.c else ()), "-ldflags", " ".join(link)]
    for name, package in recipe.programs.items():
        path = f"{OWN_MODULE if recipe.source else recipe.module}/{package}".rstrip("/")
        run(["go", "build", *flags, "-o", target / name, path], environment=settings, folder=module)


def _module(recipe: Recipe, work: Path) -> Path:
    module = work / "module"
    if recipe.source:
        shutil.copytree(SOURCES / recipe.source, module)
    else:
        module.mkdir()
    # Modules say their Go version so that Go leaves out of the graph what only their requirements' tests require.
    version = go_version().removeprefix("go").split()[0]
    lines = [f"module {OWN_MODULE}", f"go {version}", f"require {recipe.module} {recipe.version}"]
    lines += [f"require {name} {needed}" for name, needed in recipe.requires.items()]
    if recipe.staging:
        found = json.loads(run(["go", "mod", "download", "-json", f"{recipe.module}@{recipe.version}"], folder=work))
        lines += [f"replace {line}" for line in staged(Path(found["GoMod"]).read_text(), recipe.version)]
    (module / "go.mod").write_text("\n".join(lines) + "\n")
    return module


def staged(go_mod: str, version: str) -> list[str]:
    """Return `replace` lines for the modules that Kubernetes keeps in its own tree: v1.36.3 is published as v0.36.3.

    Args:
        go_mod: The go.mod of `k8s.io/kubernetes`.
        version: Its version, such as `v1.36.3`.
    """
    published = re.sub(r"^v1\.", "v0.", version)
    return [f"{name} => {name} {published}" for name in STAGED.findall(go_mod)]


def go_version() -> str:
    """Return the version of the Go that is installed."""
    return run(["go", "env", "GOVERSION"]).strip()


def go_root() -> Path:
    """Return where Go is installed."""
    return Path(run(["go", "env", "GOROOT"]).strip())
