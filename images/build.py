"""`make images`: build every image, with Docker where it answers, else with buildah, which needs no engine.

`python images/build.py [NAME …] [--tag TAG] [--registry PREFIX] [--from PUBLIC=LOCAL …]`. The tag is Molino's version,
as in the chart. `--from` puts another image in the place of a public one that a Dockerfile starts from.
"""

import argparse
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "images"
BASE = "base"
OWN_BASE = "molino-base"
"""Default of `ARG BASE` in the Dockerfiles that build on Molino's own base image."""
MADE_INTO_BASE = ("images/base", "requirements-uv.txt")
"""What the base image is made of."""
STEP = "step"
"""Folder of the Dockerfile that the steps share; each has its lock in a folder of its own."""
ARGUMENT = re.compile(r"^ARG (\w+)=(\S+)$", re.MULTILINE)
CERTIFICATES = Path("/etc/ssl/certs")


def names() -> list[str]:
    """Return the images' names, the base first."""
    found = {path.parent.name for name in ("Dockerfile", "requirements.txt") for path in FOLDER.glob(f"*/{name}")}
    return [BASE, *sorted(found - {BASE, STEP})]


def dockerfile(name: str) -> Path:
    """Return the Dockerfile of an image: its own, or the one of all steps."""
    own = FOLDER / name / "Dockerfile"
    return own if own.exists() else FOLDER / STEP / "Dockerfile"


def version() -> str:
    """Return Molino's version, without an import of it."""
    return str(re.findall(r'__version__ = "(.+)"', (ROOT / "molino" / "__init__.py").read_text())[0])


def revision() -> str:
    """Return the commit that is built, marked where the work tree differs from it."""
    return os.environ.get("MOLINO_CODE_REVISION") or git("describe", "--always", "--abbrev=40", "--dirty") or "unknown"


def base_revision() -> str:
    """Return the last commit that changed the base: with every commit's name in it, all would be built anew on it."""
    return git("log", "--max-count=1", "--format=%H", "--", *MADE_INTO_BASE) or revision()


def git(*words: str) -> str:
    """Return what git says of the project, nothing where there is no repository."""
    done = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def address(name: str, registry: str, tag: str) -> str:
    """Return an image's full name."""
    return f"{registry}molino-{name}:{tag}"


def arguments(name: str, registry: str, tag: str, instead: dict[str, str]) -> dict[str, str]:
    """Return the build arguments of an image: which step it is, what it starts from, and the revision."""
    declared = dict(ARGUMENT.findall(dockerfile(name).read_text()))
    found = {"STEP": name} if dockerfile(name).parent.name == STEP else {}
    for argument, default in declared.items():
        if default == OWN_BASE:
            found[argument] = address(BASE, registry, tag)
        elif default in instead:
            found[argument] = instead[default]
    if "REVISION" in declared:
        found["REVISION"] = revision()
    return found


def docker_answers() -> bool:
    """Tell whether a Docker engine is there."""
    if not shutil.which("docker"):
        return False
    return subprocess.run(["docker", "version"], capture_output=True, check=False).returncode == 0


def build(name: str, registry: str, tag: str, instead: dict[str, str], docker: bool) -> None:
    """Build one image.

    Raises:
        SystemExit: it can't be built; the builder has said why.
    """
    options = ["--file", str(dockerfile(name)), "--tag", address(name, registry, tag)]
    for argument, value in arguments(name, registry, tag, instead).items():
        options += ["--build-arg", f"{argument}={value}"]
    for label, value in labels(name).items():
        options += ["--label", f"{label}={value}"]
    program = ["docker", "build", "--quiet"]
    if not docker:
        program = ["buildah", "build", "--quiet", "--network", "host", "--layers", "--format", "oci"]
        if CERTIFICATES.is_dir():  # What the machine trusts, the build trusts.
            program += ["--volume", f"{CERTIFICATES}:{CERTIFICATES}:ro"]
    environment = {"BUILDAH_ISOLATION": "chroot", "STORAGE_DRIVER": "overlay", **os.environ}
    started = time.monotonic()
    done = subprocess.run([*program, *options, str(ROOT)], env=environment, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        raise SystemExit(f"image {name} can't be built: see above")
    print(f"{address(name, registry, tag)}  {time.monotonic() - started:.0f} s", flush=True)


def labels(name: str) -> dict[str, str]:
    """Return the image's OCI labels."""
    return {
        "org.opencontainers.image.title": f"molino-{name}",
        "org.opencontainers.image.version": version(),
        "org.opencontainers.image.revision": base_revision() if name == BASE else revision(),
        "org.opencontainers.image.licenses": "Apache-2.0",
    }


def main() -> None:
    """Read the arguments, and build."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="which; all when none is named")
    parser.add_argument("--tag", default=version())
    parser.add_argument("--registry", default="", help="what goes before each name, with its slash")
    parser.add_argument("--from", dest="instead", action="append", default=[], metavar="PUBLIC=LOCAL")
    given = parser.parse_args()
    if unknown := set(given.names) - set(names()):
        raise SystemExit(f"no such image: {', '.join(sorted(unknown))}; there are {', '.join(names())}")
    docker = docker_answers()
    if not docker and not shutil.which("buildah"):
        raise SystemExit("neither Docker answers nor buildah is there; on Debian: apt-get install buildah")
    instead = dict(pair.split("=", 1) for pair in given.instead)
    for name in given.names or names():
        build(name, given.registry, given.tag, instead, docker)


if __name__ == "__main__":
    main()
