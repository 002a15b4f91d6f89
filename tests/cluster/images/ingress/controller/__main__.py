"""Run nginx and the loop that keeps its configuration what the Ingress objects ask for."""

import base64
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import FrameType

from .api import Api, Mirror, Object
from .configuration import ALL_IPV4, ALL_IPV6, certificate_file, render
from .routes import Host, chosen, hosts

FOLDER = Path("/run/ingress")
SETTLE_SECONDS = 0.05
"""Changes come in bunches: one reload for all of them."""


class Controller:
    """The objects that are followed, and the nginx that they configure."""

    def __init__(self, api: Api, address: str, health: str) -> None:
        self._api = api
        self._address = address
        self._health = health
        self._changed = threading.Event()
        note = self._changed.set
        self._ingresses = Mirror(api, "/apis/networking.k8s.io/v1/ingresses", note)
        self._services = Mirror(api, "/api/v1/services", note)
        self._secrets = Mirror(api, "/api/v1/secrets", note, selector="type=kubernetes.io/tls")
        self._written: dict[Path, str] = {}
        self._nginx: subprocess.Popen[bytes] | None = None

    def run(self) -> int:
        """Follow the objects until nginx ends, and return its exit code."""
        for mirror in (self._ingresses, self._services, self._secrets):
            mirror.listed.wait()
        while self._nginx is None or self._nginx.poll() is None:
            if self._changed.wait(timeout=1):
                time.sleep(SETTLE_SECONDS)
                self._changed.clear()
                self._configure()
                self._report()
        return self._nginx.returncode

    def stop(self, _signal: int, _frame: FrameType | None) -> None:
        """Let nginx answer what it has begun, and end."""
        if self._nginx:
            self._nginx.send_signal(signal.SIGQUIT)
        else:
            sys.exit(0)

    def _configure(self) -> None:
        secrets = {(item["metadata"]["namespace"], item["metadata"]["name"]): item for item in self._secrets.objects()}
        served = hosts(self._ingresses.objects(), self._services.objects(), set(secrets))
        files = _files(served, secrets, self._health, ALL_IPV6 if ":" in self._address else ALL_IPV4)
        if files == self._written:
            return
        for path, content in files.items():
            path.touch(mode=0o600)
            path.write_text(content)
        check = subprocess.run(_nginx("-t", "-q"), capture_output=True, text=True, check=False)
        if check.returncode:
            print(f"nginx refuses the configuration, the one before it stays: {check.stderr}", flush=True)
            return
        self._written = files
        if self._nginx is None:
            self._nginx = subprocess.Popen(_nginx())
        else:
            self._nginx.send_signal(signal.SIGHUP)
        print(f"serving {sum(len(host.locations) for host in served)} paths of {len(served)} hosts", flush=True)

    def _report(self) -> None:
        """Write our address into the status of each Ingress, as what waits for it expects."""
        status = {"loadBalancer": {"ingress": [{"ip": self._address}]}}
        for ingress in chosen(self._ingresses.objects()):
            if ingress.get("status") != status:
                meta = ingress["metadata"]
                path = f"/apis/networking.k8s.io/v1/namespaces/{meta['namespace']}/ingresses/{meta['name']}/status"
                try:
                    self._api.patch(path, {"status": status})
                except OSError as error:
                    print(f"status of {meta['namespace']}/{meta['name']}: {error}", flush=True)


def _files(
    served: list[Host], secrets: dict[tuple[str, str], Object], health: str, all_addresses: str
) -> dict[Path, str]:
    files = {FOLDER / "nginx.conf": render(served, FOLDER, health, all_addresses)}
    for secret in {host.certificate for host in served if host.certificate}:
        for suffix in ("crt", "key"):
            content = base64.b64decode(secrets[secret]["data"][f"tls.{suffix}"]).decode()
            files[Path(certificate_file(FOLDER, secret, suffix))] = content
    return files


def _nginx(*options: str) -> list[str]:
    return ["nginx", "-c", str(FOLDER / "nginx.conf"), *options]


def main() -> int:
    """Read the settings, and run."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    controller = Controller(Api(), os.environ["ADDRESS"], os.environ.get("HEALTH", "127.0.0.1:10254"))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, controller.stop)
    return controller.run()


if __name__ == "__main__":
    sys.exit(main())
