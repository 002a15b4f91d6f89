"""One release of the chart in one namespace, and the ways in that its users have: Helm, ingress, port-forward."""

import base64
import http.client
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.cluster import Cluster
from tests.cluster.commands import run
from tests.cluster.fault import ClusterError
from tests.cluster.waits import until
from tests.e2e.installed.forward import Forward

ROOT = Path(__file__).resolve().parents[3]
CHART = ROOT / "charts" / "molino"
KIND = CHART / "values-kind.yaml"
KEY = "mercadolibre"
"""The development API key of values-kind.yaml."""
USER, PASSWORD = "admin", "mercadolibre"
"""Of Airflow, MLflow and TensorBoard there."""
READY_LIMIT = 600
TAIL = 40
INTERVAL, LONG_INTERVAL = 0.5, 2.0
"""Seconds between two calls of kubectl; the longer where pods start meanwhile, which want the processors."""


@dataclass(frozen=True)
class Answer:
    """What came back over HTTP."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Installation:
    """A release named `molino`."""

    cluster: Cluster
    namespace: str
    release: str = "molino"
    starts: int = 5
    """Of one container: so many are taken for one that never comes up."""

    def make_namespace(self, level: str = "restricted") -> None:
        """Make the namespace anew, which takes pods of a Pod Security level alone."""
        self.cluster.kubectl("delete", "namespace", self.namespace, "--ignore-not-found", f"--timeout={READY_LIMIT}s")
        labels = {f"pod-security.kubernetes.io/{mode}": level for mode in ("enforce", "warn")}
        namespace = {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": self.namespace, "labels": labels},
        }
        self.cluster.kubectl.apply(yaml.safe_dump(namespace))

    def kubectl(self, *words: str) -> str:
        """Run kubectl in the namespace."""
        return self.cluster.kubectl("--namespace", self.namespace, *words)

    def get(self, *words: str) -> Any:
        """Return objects of the namespace, parsed."""
        return json.loads(self.kubectl("get", *words, "--output", "json"))

    def helm(self, *words: str | Path) -> str:
        """Run helm in the namespace."""
        place: list[str | Path] = ["--namespace", self.namespace, "--kubeconfig", self.cluster.kubeconfig]
        return run([self.cluster.program("helm"), *words, *place])

    def upgrade(self, *files: Path, options: tuple[str, ...] = (), chart: Path = CHART) -> str:
        """`helm upgrade --install` with these values files."""
        chosen = [word for file in files for word in ("--values", file)]
        return self.helm("upgrade", "--install", self.release, chart, *chosen, *options)

    def install(self, *values: Mapping[str, Any], base: Path = KIND, chart: Path = CHART) -> None:
        """Install a chart, or upgrade to it, and return once every pod is ready.

        Args:
            values: What is set over the base, the later over the earlier.
            base: A values file.
            chart: Folder of the chart.
        """
        with tempfile.TemporaryDirectory() as folder:
            files = [base]
            for number, chosen in enumerate(values):
                files.append(Path(folder) / f"{number}.yaml")
                files[-1].write_text(yaml.safe_dump(dict(chosen)))
            self.upgrade(*files, chart=chart)
        self.wait_ready()

    def name(self, component: str) -> str:
        """Return a component's name in the cluster."""
        return f"{self.release}-{component}"

    def pods(self, selector: str = "") -> list[dict[str, Any]]:
        """Return the pods that a selector of labels picks."""
        found: list[dict[str, Any]] = self.get("pods", "--selector", selector)["items"]
        return found

    def component_pods(self, component: str) -> list[dict[str, Any]]:
        """Return the pods of one component."""
        return self.pods(f"app.kubernetes.io/instance={self.release},app.kubernetes.io/component={component}")

    def unready(self) -> list[str]:
        """Return the pods that are neither ready nor ended well, and the workloads that lack pods."""
        lacking = []
        for item in self.get("deployments,statefulsets,jobs")["items"]:
            status, wanted = item.get("status", {}), item["spec"].get("replicas", 1)
            if item["kind"] == "Job":
                if not status.get("succeeded"):
                    lacking.append(f"Job {item['metadata']['name']}")
            elif (
                status.get("observedGeneration") != item["metadata"]["generation"]
                or status.get("readyReplicas", 0) != wanted
                or status.get("updatedReplicas", 0) != wanted
                or status.get("replicas", 0) != wanted
            ):
                lacking.append(f"{item['kind']} {item['metadata']['name']}")
        return lacking

    def wait_ready(self, limit: float = READY_LIMIT) -> None:
        """Return once every workload has all its pods ready and every Job has ended well.

        Raises:
            ClusterError: That isn't so within the limit; it says what lacks, with the state of all pods.
        """
        try:
            until("every pod ready", lambda: not self.unready(), limit, self._stuck, LONG_INTERVAL)
        except ClusterError as error:
            raise ClusterError(f"{error}: {', '.join(self.unready())}\n{self.state()}") from error

    def _stuck(self) -> str | None:
        """Return what keeps a pod from ever coming up."""
        for pod in self.get("pods")["items"]:
            states = [
                *pod["status"].get("initContainerStatuses", []),
                *pod["status"].get("containerStatuses", []),
            ]
            for state in states:
                waiting = state["state"].get("waiting", {})
                if waiting.get("reason") in ("CreateContainerConfigError", "ErrImageNeverPull", "InvalidImageName"):
                    return f"{pod['metadata']['name']}/{state['name']}: {waiting['reason']}: {waiting.get('message')}"
                if state["restartCount"] >= self.starts:
                    return f"{pod['metadata']['name']}/{state['name']} was started {state['restartCount']} times"
        return None

    def wait_no_step(self, limit: float = 60) -> None:
        """Return once no pod of a step is left: Airflow deletes it before a task ends, the node a moment later."""
        until("no pod of a step", lambda: not self.pods("molino.dev/step"), limit, interval=INTERVAL)

    def secret(self, name: str) -> dict[str, str]:
        """Return a Secret's values."""
        data = self.get("secret", name)["data"]
        return {key: base64.b64decode(value).decode() for key, value in data.items()}

    def forward(self, service: str, port: int) -> Forward:
        """Forward a free port of this machine to a Service, as long as the context lasts."""
        kubectl = self.cluster.kubectl
        place = ["--kubeconfig", str(kubectl.kubeconfig), "--namespace", self.namespace]
        return Forward([str(kubectl.program), *place], self.name(service), port)

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        key: str | None = KEY,
        host: str = "",
        port: int | None = None,
    ) -> Answer:
        """Ask the serving API through the ingress, or at a port that is forwarded to it.

        A body of bytes goes as it is, any other as JSON.
        """
        headers = {"Host": host} if host else {}
        if key is not None:
            headers["X-API-KEY"] = key
        content: str | bytes | None = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            content = body if isinstance(body, bytes) else json.dumps(body)
        address = (self.cluster.address, 80) if port is None else ("127.0.0.1", port)
        connection = http.client.HTTPConnection(*address, timeout=30)
        try:
            connection.request(method, path, content, headers)
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()

    def state(self) -> str:
        """Return what a person would look at when something failed: pods, events, and logs of pods that aren't well."""
        parts = [
            self.kubectl("get", "pods", "--output", "wide"),
            self.kubectl("get", "events", "--sort-by=.lastTimestamp"),
        ]
        for pod in self.get("pods")["items"]:
            name, status = pod["metadata"]["name"], pod["status"]
            containers = [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]
            if status["phase"] == "Succeeded" or all(
                (c["ready"] or c["state"].get("terminated", {}).get("exitCode") == 0) and not c["restartCount"]
                for c in containers
            ):
                continue
            for container in containers:
                for previous in ([], ["--previous"]):
                    words = ["logs", name, "--container", container["name"], f"--tail={TAIL}", *previous]
                    try:
                        parts.append(f"--- {' '.join(words)}\n{self.kubectl(*words)}")
                    except Exception as error:
                        if not previous:
                            parts.append(f"--- {' '.join(words)}: {error}")
        return "\n".join(parts)
