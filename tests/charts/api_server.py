"""The API server of Kubernetes and its etcd, without nodes: what it lets accounts do is as in a cluster."""

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from programs import find

from tests.cluster import pki
from tests.ports import free_port

BUILD = "make e2e builds it"
PATIENCE_SECONDS = 60


@dataclass(frozen=True)
class ApiServer:
    """One that runs, and that its administrator asks."""

    folder: Path
    port: int

    def kubectl(self, *arguments: str, given: str = "", user: str = "") -> "subprocess.CompletedProcess[str]":
        """Run kubectl as the administrator, or as another user."""
        program = find("kubectl", BUILD)
        kubeconfig = f"--kubeconfig={self.folder / 'admin.kubeconfig'}"
        command = [program, kubeconfig, *([f"--as={user}"] if user else []), *arguments]
        return subprocess.run(command, input=given, capture_output=True, text=True, check=False)

    def apply(self, documents: list[dict[str, Any]]) -> None:
        """Have objects made."""
        done = self.kubectl("apply", "--namespace=molino", "--filename=-", given=yaml.safe_dump_all(documents))
        assert done.returncode == 0, done.stderr


@contextmanager
def run_api_server(folder: Path) -> Iterator[ApiServer]:
    """Yield one that is ready; it ends with the block."""
    authority, port, etcd = pki.Authority.create(), free_port(), free_port()
    authority.write(folder)
    authority.issue(folder, "server", "kube-apiserver", hosts=("127.0.0.1",))
    authority.issue(folder, "admin", "admin", group="system:masters")
    pki.write_token_keys(folder)
    pki.write_kubeconfig(folder / "admin.kubeconfig", folder, "admin", f"https://127.0.0.1:{port}")
    store = f"http://127.0.0.1:{etcd}"
    commands = [
        [
            find("etcd", "apt-get install etcd-server"), f"--data-dir={folder / 'etcd'}",
            f"--listen-client-urls={store}", f"--advertise-client-urls={store}",
            f"--listen-peer-urls=http://127.0.0.1:{free_port()}", "--unsafe-no-fsync",
        ],
        [
            find("kube-apiserver", BUILD), f"--etcd-servers={store}", "--bind-address=127.0.0.1",
            f"--secure-port={port}", "--service-cluster-ip-range=10.96.0.0/16", f"--cert-dir={folder}",
            f"--client-ca-file={folder}/ca.crt", f"--tls-cert-file={folder}/server.crt",
            f"--tls-private-key-file={folder}/server.key", "--authorization-mode=RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={folder}/tokens.pub",
            f"--service-account-signing-key-file={folder}/tokens.key",
        ],
    ]  # fmt: skip
    running: list[subprocess.Popen[bytes]] = []
    server = ApiServer(folder, port)
    try:
        for command in commands:
            with (folder / f"{Path(command[0]).name}.log").open("wb") as log:
                running.append(subprocess.Popen(command, stdout=log, stderr=log))
        deadline = time.monotonic() + PATIENCE_SECONDS
        while server.kubectl("get", "--raw=/readyz").returncode != 0:
            assert time.monotonic() < deadline, (folder / "kube-apiserver.log").read_text()[-2000:]
            time.sleep(0.5)
        done = server.kubectl("create", "namespace", "molino")
        assert done.returncode == 0, done.stderr
        yield server
    finally:
        for process in reversed(running):
            process.send_signal(signal.SIGTERM)
            process.wait(30)
