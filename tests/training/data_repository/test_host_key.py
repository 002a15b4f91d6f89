"""The host key of an ssh remote is pinned: asked of a real sshd, by the real ssh."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from molino.contracts.errors import VersionError
from molino.contracts.settings import Settings
from pipelines.process import start, stop, wait_until
from pipelines.services import port_is_free
from tests.ports import free_port
from training.data_repository.git import Git

SSHD = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin")
HAS_USER = any(one.pw_name == "sshd" for one in pwd.getpwall())
"""What Debian's package makes."""
pytestmark = pytest.mark.skipif(not (SSHD and HAS_USER and shutil.which("ssh")), reason="there is no sshd, or no ssh")


def new_key(path: Path) -> str:
    """Make a key and return its public half."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return " ".join(path.with_suffix(".pub").read_text().split()[:2])


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """Run sshd with a host key of its own, for the key `own`."""
    new_key(tmp_path / "host")
    (tmp_path / "authorized").write_text(new_key(tmp_path / "own"))
    Path("/run/sshd").mkdir(exist_ok=True)
    port = free_port()
    options = {"Port": port, "ListenAddress": "127.0.0.1", "HostKey": tmp_path / "host", "PidFile": "none",
               "AuthorizedKeysFile": tmp_path / "authorized", "StrictModes": "no", "UsePAM": "no",
               "PermitRootLogin": "yes"}  # fmt: skip
    words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    server = start("sshd", [str(SSHD), "-D", "-e", "-f", os.devnull, *words], tmp_path / "sshd.log", {})
    try:
        assert wait_until(lambda: not port_is_free(port), 20), (tmp_path / "sshd.log").read_text()
        yield port
    finally:
        stop([server])


@pytest.fixture
def settings(tmp_path: Path, port: int) -> Settings:
    subprocess.run(["git", "init", "--quiet", "--bare", str(tmp_path / "data.git")], check=True)
    user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    remote = f"ssh://{user}@127.0.0.1:{port}{tmp_path}/data.git"
    return Settings(home=tmp_path / "home", git_remote=remote, git_ssh_key=tmp_path / "own")


def host_key(tmp_path: Path, port: int, name: str = "host") -> str:
    key = " ".join((tmp_path / name).with_suffix(".pub").read_text().split()[:2])
    return f"[127.0.0.1]:{port} {key}"


@pytest.mark.parametrize("how", ["lines", "file"])
def test_the_key_that_is_pinned_is_taken(settings: Settings, tmp_path: Path, port: int, how: str) -> None:
    (tmp_path / "known").write_text(host_key(tmp_path, port))
    pinned = {"git_host_keys": host_key(tmp_path, port)} if how == "lines" else {"git_known_hosts": tmp_path / "known"}
    Git(tmp_path / "a" / "clone", settings.model_copy(update=pinned)).clone()
    assert (tmp_path / "a" / "clone" / ".git").is_dir()


def test_another_key_is_refused_with_what_to_do(settings: Settings, tmp_path: Path, port: int) -> None:
    new_key(tmp_path / "other")
    other = settings.model_copy(update={"git_host_keys": host_key(tmp_path, port, "other")})
    with pytest.raises(VersionError) as caught:
        Git(tmp_path / "a" / "clone", other).clone()
    said = str(caught.value)
    assert "host key" in said.lower()
    assert "compare the host's key with the one that its owner tells" in said
    assert "\n" not in said


def test_without_a_pin_the_first_key_is_kept_and_no_other_taken(settings: Settings, tmp_path: Path, port: int) -> None:
    Git(tmp_path / "a" / "clone", settings).clone()
    kept = settings.root / "known_hosts"
    assert host_key(tmp_path, port).partition(" ")[2] in kept.read_text()
    new_key(tmp_path / "other")
    kept.write_text(host_key(tmp_path, port, "other") + "\n")
    with pytest.raises(VersionError, match="host key"):
        Git(tmp_path / "b" / "clone", settings).clone()


def test_doctor_asks_as_the_step_does(settings: Settings, tmp_path: Path, port: int) -> None:
    from molino.doctor import examine

    def finding(pinned: str) -> bool:
        asked = settings.model_copy(update={"git_host_keys": host_key(tmp_path, port, pinned)})
        return next(one for one in examine(asked) if one.subject == "git remote").well

    new_key(tmp_path / "other")
    assert (finding("host"), finding("other")) == (True, False)
