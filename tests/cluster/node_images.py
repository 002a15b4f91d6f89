"""Bring images from buildah's storage into the node. They stay there, whatever becomes of the cluster."""

import os
import subprocess
from collections.abc import Iterable

from tests.cluster.builder import SETTINGS, identity
from tests.cluster.commands import TAIL, run
from tests.cluster.fault import ClusterError
from tests.cluster.folders import Folders
from tests.cluster.node import ctr
from tests.cluster.phases import phase

LABEL = "molino.test/source"
"""Label of an image in the node: its identity in buildah's storage."""


def load(folders: Folders, images: Iterable[str]) -> list[str]:
    """Load the images that the node doesn't have as they are now, and return their names.

    Raises:
        ClusterError: An image isn't in buildah's storage.
    """
    wanted = {image: identity(image) for image in images}
    if absent := [image for image, found in wanted.items() if found is None]:
        raise ClusterError(f"not in buildah's storage: {', '.join(absent)}; make them first: make images")
    known = loaded(folders)
    stale = [image for image in wanted if known.get(image) != wanted[image]]
    for image in stale:
        with phase(f"load {image.rpartition('/')[2]}"):
            _copy(folders, image)
            run([*ctr(folders), "images", "label", image, f"{LABEL}={wanted[image]}"])
    return stale


def loaded(folders: Folders) -> dict[str, str]:
    """Return the images of the node by name, with their identity in buildah's storage at the time."""
    found = {}
    for line in run([*ctr(folders), "images", "list"]).splitlines()[1:]:
        name, *_, labels = line.split()
        found[name] = dict(label.split("=", 1) for label in labels.split(",") if "=" in label).get(LABEL, "")
    return found


def _copy(folders: Folders, image: str) -> None:
    """Stream an image, uncompressed: between two programs of one machine, packing costs more than it saves."""
    push = ["buildah", "push", "--quiet", image, f"docker-archive:/dev/stdout:{image}"]
    settings = {**os.environ, **SETTINGS}
    with subprocess.Popen(push, env=settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as source:
        take = [*ctr(folders), "images", "import", "-"]
        taken = subprocess.run(take, stdin=source.stdout, capture_output=True, text=True, check=False)
        assert source.stdout is not None
        assert source.stderr is not None
        source.stdout.close()
        said = source.stderr.read().decode()
    if source.returncode or taken.returncode:
        lines = (said if source.returncode else taken.stderr).strip().splitlines()[-TAIL:]
        raise ClusterError(f"image {image} can't be loaded:\n" + "\n".join(lines))
