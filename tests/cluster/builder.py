"""Build the fixtures with buildah, and build one again only when something that decides its content has changed."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from tests.cluster import binaries
from tests.cluster.commands import run, succeeds
from tests.cluster.fixtures import FIXTURES, Fixture
from tests.cluster.folders import Folders
from tests.cluster.phases import phase
from tests.cluster.recipes import RECIPES

SETTINGS = {"BUILDAH_ISOLATION": "chroot", "STORAGE_DRIVER": "overlay"}
"""Neither a Docker engine nor a runtime of containers is needed to build."""
LABEL = "molino.test.inputs"
"""Image label: the hash of what it was built from."""
PACKAGES = "usr-is-merged,ca-certificates,python3,python3-venv,python-is-python3"
MERGED = "/usr/share/mmdebstrap/hooks/merged-usr"
"""Makes /bin a link before anything is installed: else a package that does it brings all of Perl."""
UNUSED = tuple(f"/usr/share/{name}/*" for name in ("doc", "man", "locale", "info", "lintian", "zoneinfo/right"))
"""What Debian's own slim images leave out too, and little else."""


def make(folders: Folders, names: Iterable[str]) -> list[str]:
    """Make these fixtures and what they are built on, and return the images' names."""
    chosen = list(names)
    for name in chosen:
        fixture = FIXTURES[name]
        if fixture.base:
            make(folders, (fixture.base,))
        wanted = inputs(fixture)
        if built_from(fixture.image) != wanted:
            with phase(f"image {fixture.name}"):
                _build(folders, fixture, wanted)
    return [FIXTURES[name].image for name in chosen]


def inputs(fixture: Fixture) -> str:
    """Return a hash of all that decides the image's content, but for the versions of Debian's packages."""
    parts = [fixture.image, inputs(FIXTURES[fixture.base]) if fixture.base else ""]
    parts += [binaries.digest(RECIPES[name]) for name in fixture.recipes]
    if fixture.name == "python":
        parts += [PACKAGES, MERGED, *UNUSED]
    if fixture.name == "golang":
        parts += [binaries.go_version()]
    for path in _files(fixture.folder):
        parts += [str(path.relative_to(fixture.folder)), hashlib.sha256(path.read_bytes()).hexdigest()]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)


def built_from(image: str) -> str | None:
    """Return the hash of what an image in buildah's storage was built from, None when there is no image."""
    if not succeeds(["buildah", "inspect", "--type", "image", image]):
        return None
    template = f'{{{{index .OCIv1.Config.Labels "{LABEL}"}}}}'
    return run(["buildah", "inspect", "--type", "image", "--format", template, image]).strip()


def identity(image: str) -> str | None:
    """Return the identity of an image in buildah's storage, None when there is no image."""
    if not succeeds(["buildah", "inspect", "--type", "image", image]):
        return None
    template = "{{.FromImageID}}"
    return run(["buildah", "inspect", "--type", "image", "--format", template, image], environment=SETTINGS).strip()


def _build(folders: Folders, fixture: Fixture, wanted: str) -> None:
    with tempfile.TemporaryDirectory(dir=folders.root, prefix=".image-") as work:
        context = Path(work) / "context"
        shutil.copytree(fixture.folder, context, ignore=shutil.ignore_patterns("__pycache__"))
        _add_programs(folders, fixture, context)
        options = ["--tag", fixture.image, "--label", f"{LABEL}={wanted}"]
        if fixture.base:
            options += ["--build-arg", f"BASE={FIXTURES[fixture.base].image}"]
        if fixture.name == "golang":
            options += ["--volume", f"{binaries.go_root()}:/goroot:ro"]
        if fixture.name == "python":
            _install_debian(context / "python.tar")
        before = identity(fixture.image)
        build = ["buildah", "build", "--network", "host", "--pull-never", "--layers=false"]
        run([*build, *options, context], environment=SETTINGS)
        if before and before != identity(fixture.image):
            succeeds(["buildah", "rmi", before])  # Refused while other images are built on it.


def _add_programs(folders: Folders, fixture: Fixture, context: Path) -> None:
    for name in fixture.recipes:
        for path in binaries.build(folders, RECIPES[name]).iterdir():
            os.link(path, context / path.name)


def _install_debian(archive: Path) -> None:
    """Install Debian into an archive."""
    options = [f"--dpkgopt=path-exclude={path}" for path in UNUSED]
    options += ["--dpkgopt=path-include=/usr/share/doc/*/copyright"]
    options += [f"--hook-dir={MERGED}", f"--include={PACKAGES}"]
    run(["mmdebstrap", "--variant=minbase", *options, "bookworm", archive])
