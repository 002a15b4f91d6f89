"""Bring images from buildah's storage into the node. They stay there, whatever becomes of the cluster."""

import json
import tarfile
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from tests.cluster.builder import SETTINGS, identity
from tests.cluster.commands import run
from tests.cluster.fault import ClusterError
from tests.cluster.folders import Folders
from tests.cluster.node import ctr
from tests.cluster.phases import phase

BLOBS = Path("blobs", "sha256")
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
    """Bring over what the node lacks of an image: most of it, such as the base, came with others or its last build."""
    with tempfile.TemporaryDirectory(dir=folders.root, prefix=".image-") as work:
        layout = Path(work)
        held = _link_blobs(folders, layout)
        # What is uncompressed has the digest that it has in the storage: only so is it known to be there already.
        copy = ["skopeo", "copy", "--quiet", "--dest-oci-accept-uncompressed-layers"]
        run([*copy, f"containers-storage:{image}", f"oci:{layout}:{image}"], environment=SETTINGS)
        _name(layout, image)
        lacking = [path for path in (layout / BLOBS).iterdir() if path.name not in held]
        archive = layout / "archive.tar"
        with tarfile.open(archive, "w") as tar:
            for path in (layout / "oci-layout", layout / "index.json", *lacking):
                tar.add(path, path.relative_to(layout))
        run([*ctr(folders), "images", "import", archive])


def _link_blobs(folders: Folders, layout: Path) -> set[str]:
    """Link the node's blobs into an OCI layout, where skopeo leaves them as they are; return their digests."""
    target = layout / BLOBS
    target.mkdir(parents=True)
    for path in (folders.content / "io.containerd.content.v1.content" / BLOBS).glob("*"):
        with suppress(FileNotFoundError):  # The node has just dropped what no image needs any more.
            (target / path.name).hardlink_to(path)
    return {path.name for path in target.iterdir()}


def _name(layout: Path, image: str) -> None:
    """Say the image's name as containerd reads it."""
    path = layout / "index.json"
    index = json.loads(path.read_text())
    (manifest,) = index["manifests"]
    manifest["annotations"] = {"io.containerd.image.name": image}
    path.write_text(json.dumps(index))
