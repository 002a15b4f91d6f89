"""`make sbom`: a CycloneDX bill of materials per image, from its locks, in build/sbom; and what its licences are.

What Debian's packages add to an image is not in it: the workflow that releases images has that from their layers.
"""

import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "build" / "sbom"
CLASSIFIERS = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "GNU Library or Lesser General Public License (LGPL)": "LGPL-2.1-or-later",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "Zope Public License": "ZPL-2.1",
}
"""SPDX's word for what older packages say of themselves."""
LICENSE = "License :: OSI Approved :: "


def locks() -> Iterator[tuple[str, Path]]:
    """Yield the name of each lock of an image, and the lock: of serving's two, the second is what it builds itself."""
    for path in sorted((ROOT / "images").glob("*/*.txt")):
        image = path.parent.name
        yield (image if path.stem == "requirements" else f"{image}-{path.stem}"), path


def locked(path: Path) -> dict[str, str]:
    """Return the versions that a lock pins, by the normal form of the package's name."""
    return {
        canonicalize_name(name): version
        for name, version in re.findall(r"^([\w.-]+)==(\S+)", path.read_text(), re.MULTILINE)
    }


def write_sbom(name: str, lock: Path, folder: Path) -> Path:
    """Write the bill of materials of one lock, and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.cdx.json"
    command = [sys.executable, "-m", "cyclonedx_py", "requirements", str(lock), "--output-format", "JSON",
               "--output-reproducible", "--output-file", str(path)]  # fmt: skip
    subprocess.run(command, check=True)
    return path


def licences() -> dict[str, str]:
    """Return the licence of each package of this environment, as SPDX says it where that can be told."""
    places = [*{sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}]
    return {canonicalize_name(one.metadata["Name"]): licence_of(one) for one in distributions(path=places)}


def licence_of(package: Distribution) -> str:
    """Return a package's licence: its expression, or else its classifiers, or else its own words."""
    told = package.metadata
    if told.get("License-Expression"):
        return str(told.get("License-Expression"))
    classified = [one.removeprefix(LICENSE) for one in told.get_all("Classifier", []) if one.startswith(LICENSE)]
    if classified:
        return " OR ".join(dict.fromkeys(CLASSIFIERS.get(one, one) for one in classified))
    return (told.get("License") or "unknown").strip().splitlines()[0]


def main() -> None:
    """Write a bill of materials per lock."""
    for name, lock in locks():
        print(write_sbom(name, lock, FOLDER).relative_to(ROOT))


if __name__ == "__main__":
    main()
