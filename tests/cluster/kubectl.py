"""Talk to a cluster through kubectl."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.commands import run


@dataclass(frozen=True)
class Kubectl:
    """The program and the cluster it is pointed at."""

    program: Path
    kubeconfig: Path

    def __call__(self, *words: str, text: str | None = None) -> str:
        """Run a command and return its output."""
        return run([self.program, "--kubeconfig", self.kubeconfig, *words], text=text)

    def apply(self, manifests: str) -> None:
        """Make the cluster hold these objects."""
        self("apply", "--server-side", "--force-conflicts", "--filename", "-", text=manifests)

    def get(self, *words: str) -> Any:
        """Return objects as parsed JSON."""
        return json.loads(self("get", *words, "--output", "json"))

    def wait_for(self, condition: str, *what: str, namespace: str = "default", limit: int = 120) -> None:
        """Return once a condition of an object holds."""
        self("wait", f"--for={condition}", f"--namespace={namespace}", f"--timeout={limit}s", *what)
