"""The images that the test cluster makes itself: parts of the node, and stand-ins of public images."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent / "images"
PREFIX = "localhost/molino-test"


@dataclass(frozen=True)
class Fixture:
    """An image with its Dockerfile in a folder of its own."""

    name: str
    tag: str = "local"
    stands_for: str = ""
    """The public image that users have in its place."""
    base: str = ""
    """The fixture that it is built on; none is built from scratch."""
    recipes: tuple[str, ...] = ()
    """Whose programs are copied in."""

    @property
    def image(self) -> str:
        """The image's full name."""
        return f"{PREFIX}/{self.name}:{self.tag}"

    @property
    def folder(self) -> Path:
        """Where its Dockerfile is."""
        return HERE / self.name


FIXTURES: Mapping[str, Fixture] = {
    fixture.name: fixture
    for fixture in (
        Fixture("python", tag="3.11", stands_for="docker.io/library/python:3.11-slim-bookworm"),
        Fixture("pause", base="python"),
        Fixture("coredns", recipes=("coredns",)),
        Fixture("local-path-provisioner", recipes=("local-path-provisioner",)),
        Fixture("ingress", base="python"),
        Fixture("nginx", tag="1.22", stands_for="docker.io/nginxinc/nginx-unprivileged:1.29-bookworm", base="python"),
        Fixture("postgres", tag="15", stands_for="docker.io/library/postgres:17-bookworm", base="python"),
        Fixture("pgbouncer", tag="1.18", stands_for="ghcr.io/cloudnative-pg/pgbouncer:1.24.1", base="python"),
        Fixture("golang", tag="1.26", stands_for="docker.io/library/golang:1.26-bookworm", base="python"),
        Fixture("dex", stands_for="ghcr.io/dexidp/dex:v2.41.1", recipes=("dex",)),
        Fixture("oauth2-proxy", stands_for="quay.io/oauth2-proxy/oauth2-proxy:v7.15.6", recipes=("oauth2-proxy",)),
        Fixture("prometheus", tag="v3.5.0", stands_for="docker.io/prom/prometheus:v3.5.0", recipes=("prometheus",)),
        Fixture(
            "alertmanager",
            tag="v0.28.1",
            stands_for="docker.io/prom/alertmanager:v0.28.1",
            recipes=("alertmanager",),
        ),
        Fixture(
            "postgres-exporter",
            tag="v0.17.1",
            stands_for="docker.io/prometheuscommunity/postgres-exporter:v0.17.1",
            recipes=("postgres-exporter",),
        ),
        Fixture(
            "kube-state-metrics",
            tag="v2.15.0",
            stands_for="registry.k8s.io/kube-state-metrics/kube-state-metrics:v2.17.0",
            recipes=("kube-state-metrics",),
        ),
        Fixture(
            "collector",
            stands_for="docker.io/otel/opentelemetry-collector-contrib:0.160.0",
            recipes=("collector",),
        ),
        Fixture(
            "metrics-server",
            stands_for="registry.k8s.io/metrics-server/metrics-server:v0.8.0",
            recipes=("metrics-server",),
        ),
    )
}
NODE_OWN = ("python", "pause", "coredns", "local-path-provisioner", "ingress")
"""What the node itself needs."""
