"""What images are made of: a bill of materials per lock, and licences that are on a list."""

import json
import re
from pathlib import Path

import pytest

from images.supply import licences, locked, locks, write_sbom

LOCKS = dict(locks())
ALLOWED = {
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "LGPL-2.1-or-later", "MIT", "MIT-0",
    "MIT-CMU", "MPL-2.0", "PSF-2.0", "Unlicense", "ZPL-2.1", "Zlib",
}  # fmt: skip
"""Of these a package may be used, changed and passed on with Molino, which is under Apache-2.0."""
TOLD = {
    "antlr4-python3-runtime": ("BSD", "BSD-3-Clause, by its LICENSE.txt"),
    "asyncssh": ("EPL-2.0 OR GPL-2.0-or-later", "used unchanged, under EPL-2.0"),
    "dvc-http": ("Apache License 2.0", "Apache-2.0 in other words"),
    "grandalf": ("GNU General Public License v2 (GPLv2)", "GPL-2.0 or EPL-1.0, by its README; used under EPL-1.0"),
    "gto": ("Apache License 2.0", "Apache-2.0 in other words"),
    "huey": ("unknown", "MIT, by its LICENSE"),
    "keras": ("Apache License 2.0", "Apache-2.0 in other words"),
    "namex": ("unknown", "Apache-2.0, by its LICENSE"),
    "protobuf": ("3-Clause BSD License", "BSD-3-Clause in other words"),
    "pygit2": ("GPLv2 with linking exception", "what is linked to it may be under any licence"),
    "skops": ("unknown", "MIT, by its LICENSE"),
}
"""Packages of which a person had to look: what they say of themselves, and what was found."""


def allowed(expression: str) -> bool:
    """Tell whether one of the choices that an expression leaves is made of allowed licences alone."""
    inner = re.sub(r"\(([^()]*)\)", lambda found: "allowed" if allowed(found[1]) else "refused", expression)
    choices = [choice.split(" AND ") for choice in inner.split(" OR ")]
    return any(all(one.strip() in ALLOWED | {"allowed"} for one in choice) for choice in choices)


@pytest.mark.parametrize(
    ("expression", "well"),
    [("MIT", True), ("GPL-3.0-only", False), ("GPL-2.0-only OR MIT", True), ("MIT AND GPL-2.0-only", False),
     ("MPL-2.0 AND (GPL-2.0-only OR MIT)", True), ("MIT AND (GPL-2.0-only OR AGPL-3.0-only)", False)],
)  # fmt: skip
def test_an_expression_is_read(expression: str, well: bool) -> None:
    assert allowed(expression) is well


@pytest.mark.parametrize("name", sorted(LOCKS))
def test_the_licences_of_an_image_are_on_the_list(name: str) -> None:
    """Of Airflow's image that holds for the packages that others have too: the rest is installed nowhere else."""
    known = licences()
    said = {package: known[package] for package in locked(LOCKS[name]) if package in known}
    looked_at = {package for package, (words, _) in TOLD.items() if said.get(package) == words}
    assert {package: words for package, words in said.items() if not allowed(words) and package not in looked_at} == {}


def test_a_bill_of_materials_has_every_package_with_its_version(tmp_path: Path) -> None:
    lock = LOCKS["operations"]
    listed = json.loads(write_sbom("operations", lock, tmp_path).read_text())["components"]
    assert {one["name"].lower(): one["version"] for one in listed} == locked(lock)
    assert all(one["purl"] == f"pkg:pypi/{one['name'].lower()}@{one['version']}" for one in listed)
