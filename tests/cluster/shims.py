"""What containerd's shims and runc write outside of the folders that they are given.

The places are fixed in containerd 2.2 (`pkg/shim/util_unix.go`, `cmd/containerd-shim-runc-v2/process/utils.go`).
"""

import hashlib
import shutil
from collections.abc import Iterable
from pathlib import Path

from tests.cluster.folders import Folders

ROOT = Path("/run/containerd")
NAMESPACE = "k8s.io"


def files(folders: Folders) -> list[Path]:
    """Return the sockets and state of all containers that the node has now; some may not be there."""
    bundles = folders.node.glob(f"containerd/io.containerd.*/{NAMESPACE}/*")
    return [
        path for bundle in bundles for path in (socket(folders, bundle.name), ROOT / "runc" / NAMESPACE / bundle.name)
    ]


def socket(folders: Folders, container: str) -> Path:
    """Return where the shim of a container listens."""
    name = f"{folders.socket}/{NAMESPACE}/{container}"
    return ROOT / "s" / hashlib.sha256(name.encode()).hexdigest()


def remove(paths: Iterable[Path]) -> None:
    """Remove these, and the folders above them that are empty then."""
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    for folder in (ROOT / "s", ROOT / "runc" / NAMESPACE, ROOT / "runc", ROOT):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
