"""Every secret of an installation changed while it runs: `molino secrets rotate`, and what it says is to be done."""

import subprocess
import sys
import threading
from base64 import b64decode
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass

import yaml

from molino.contracts.api_keys import part_keys
from molino.secrets.rotation import changeable
from tests.cluster.fault import ClusterError
from tests.cluster.waits import until
from tests.e2e.installed.installation import ROOT, Installation
from tests.e2e.production import orders, stage
from tests.e2e.production.outside import Outside
from tests.e2e.production.stage import Api

LIMIT = 600
FOLLOWED_SECONDS = 180
AGREED = 20
"""Answers in a row that take a key, so that each pod and worker has been asked."""


def secrets(found: Installation) -> list[tuple[str, str]]:
    """Return part and key of each secret that can be changed and that the installation has."""
    held = {part: found.secret(found.name(part)) for part in stage.PARTS}
    used = stage.services(held["s3"])
    return [
        (part, key)
        for part in stage.PARTS
        for key in changeable(part)
        if held[part].get(key) and (part != "s3" or key.removesuffix("-secret-key") in used)
    ]


@dataclass
class Rotation:
    """Does what is said, in that order."""

    found: Installation
    beside: Outside
    api: Api
    quiet: threading.Lock
    """Held by who has a run at work: some orders say that none may be."""

    def rotate(self, part: str, key: str) -> None:
        """Change one, in all of its steps."""
        number, of = 0, 1
        while number < of:
            said, manifest = self._step(part, key)
            number, of = said.number, said.of
            with self.quiet if said.alone else nullcontext():
                for order in said.orders:
                    self._follow(part, order, manifest)

    def _step(self, part: str, key: str) -> tuple[orders.Said, str]:
        """Have the next step made; return what is said of it, and the Secret after it."""
        held = self.found.kubectl("get", "secret", self.found.name(part), "--output", "yaml")
        command = [sys.executable, "-m", "molino", "secrets", "rotate", part, key]
        done = subprocess.run(command, cwd=ROOT, input=held, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ClusterError(f"molino secrets rotate {part} {key}: {done.stderr}")
        return orders.read(done.stderr), done.stdout

    def _follow(self, part: str, order: orders.Order, manifest: str) -> None:
        held = self.found.secret(self.found.name(part))
        ways: Mapping[str, Callable[[], object]] = {
            "apply": lambda: self.found.cluster.kubectl.apply(manifest),
            "restart": lambda: self._restart(order.about.split()),
            "exec": lambda: self.found.kubectl(*order.about.split()),
            "upgrade": lambda: stage.upgrade(self.found, self.beside),
            "password": lambda: self.beside.set_password(order.about, held),
            "rights": lambda: self.beside.give_rights(stage.storage(self.found, self.beside), _data(manifest)),
            "remove": lambda: self._remove(order.about),
            "follow": lambda: self._taken(part_keys(held["api-keys"])[0]),
            "give": lambda: setattr(self.api, "key", held["api-key"]),
            "nothing": lambda: None,
        }
        ways[order.kind]()

    def _restart(self, names: list[str]) -> None:
        self.found.kubectl("rollout", "restart", *names)
        for name in names:
            self.found.kubectl("rollout", "status", name, f"--timeout={LIMIT}s")

    def _remove(self, access_key: str) -> None:
        self.found.wait_no_step(LIMIT)
        self.beside.remove_keys(access_key)

    def _taken(self, key: str) -> None:
        row = [0]

        def taken() -> bool:
            status, _ = self.api.ask("GET", "/models", key=key)
            row[0] = row[0] + 1 if status == 200 else 0
            return row[0] >= AGREED

        until("servers that take the new API key", taken, FOLLOWED_SECONDS)


def _data(manifest: str) -> dict[str, str]:
    """Return the values of a Secret's manifest."""
    return {key: b64decode(one).decode() for key, one in yaml.safe_load(manifest)["data"].items()}
