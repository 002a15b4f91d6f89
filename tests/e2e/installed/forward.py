"""`kubectl port-forward` to a Service that outlives the pod which it has picked."""

import re
import subprocess
import threading
from collections.abc import Sequence

from tests.cluster.fault import ClusterError

FORWARDED = re.compile(r"Forwarding from 127\.0\.0\.1:(\d+)")
LIMIT = 60.0
PAUSE = 0.5


class Forward:
    """A free port of this machine that leads to a Service from its entry on; kubectl is started again when it ends.

    It ends when its pod does, as in every rollout. All that it says is read: it says a line per connection, and with
    nobody reading it stands still after some thousands.
    """

    def __init__(self, kubectl: Sequence[str], service: str, port: int) -> None:
        self._command = [*kubectl, "port-forward", f"service/{service}"]
        self._port = port
        self._local = ""
        self._said = ""
        self._process: subprocess.Popen[str] | None = None
        self._known, self._stopped = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True)

    def __enter__(self) -> int:
        self._thread.start()
        if not self._known.wait(LIMIT):
            self.__exit__()
            raise ClusterError(f"{' '.join(self._command)} says: {self._said}")
        return int(self._local)

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        while self._thread.is_alive():
            if self._process:
                self._process.terminate()
            self._thread.join(PAUSE)

    def _keep(self) -> None:
        while not self._stopped.is_set():
            command = [*self._command, f"{self._local}:{self._port}"]
            with subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            ) as self._process:
                assert self._process.stdout
                for line in self._process.stdout:
                    self._take(line)
            self._stopped.wait(PAUSE)

    def _take(self, line: str) -> None:
        self._said = line.strip()
        if found := FORWARDED.match(line):
            self._local = found[1]
            self._known.set()
