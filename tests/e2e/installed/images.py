"""The images of an installation: Molino's own, and stand-ins of public ones where no registry is reached."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from images.build import address, names, version
from tests.cluster import builder
from tests.cluster.cluster import Cluster
from tests.cluster.fixtures import FIXTURES
from tests.cluster.phases import phase

ROOT = Path(__file__).resolve().parents[3]
BASES = ("python", "golang")
"""Fixtures that Molino's own images are built on."""
BESIDE = ("nginx", "postgres")
"""Fixtures that run beside them."""
POOLING = ("pgbouncer",)
"""Fixtures that run where connections to Postgres are shared."""
LOGIN = ("dex", "oauth2-proxy")
"""Fixtures that run where people log in by a provider: they are built for those scenarios alone."""
WATCHING = ("prometheus", "alertmanager", "postgres-exporter", "kube-state-metrics", "collector")
"""Fixtures that run where the release brings its own Prometheus."""


def build(cluster: Cluster, more: Sequence[str] = ()) -> None:
    """Build every image, and more fixtures.

    Raises:
        subprocess.CalledProcessError: One can't be built; the builder has said why.
    """
    command = [sys.executable, str(ROOT / "images" / "build.py")]
    if not cluster.in_docker:
        with phase("stand-ins of public images"):
            builder.make(cluster.folders, (*BASES, *BESIDE, *more))
    with phase("images"):
        subprocess.run([*command, *stand_in_options(cluster)], check=True, stdout=sys.stderr)


def stand_in_options(cluster: Cluster) -> list[str]:
    """Return the builder's options that put stand-ins in the place of public images."""
    if cluster.in_docker:
        return []
    # Debian's slim image is the Python stand-in without a use for Python.
    local = {**cluster.stand_ins(), "docker.io/library/debian:bookworm-slim": FIXTURES["python"].image}
    return [word for public, instead in local.items() for word in ("--from", f"{public}={instead}")]


def load(cluster: Cluster, more: Sequence[str] = ()) -> None:
    """Bring them into the node; what is there already isn't moved again."""
    own = [address(name, "" if cluster.in_docker else "localhost/", version()) for name in names()]
    beside = [] if cluster.in_docker else [FIXTURES[name].image for name in (*BESIDE, *more)]
    with phase("load images"):
        cluster.load([*own, *beside])


def values(cluster: Cluster) -> dict[str, dict[str, object]]:
    """Return the chart's values that name these images."""
    if cluster.in_docker:
        return {}
    return {
        "image": {"registry": "localhost"},
        "postgres": {"image": _named("postgres")},
        "pgbouncer": {"image": _named("pgbouncer")},
        "tensorboard": {"nginx": {"image": _named("nginx")}},
        "oidc": {"image": _named("oauth2-proxy")},
        "monitoring": {
            "prometheus": {"image": _named("prometheus")},
            "alertmanager": {"image": _named("alertmanager")},
            "postgres": {"image": _named("postgres-exporter")},
            "kubernetes": {"image": _named("kube-state-metrics")},
            "airflow": {"image": _named("collector")},
        },
        "telemetry": {"collector": {"image": _named("collector")}},
    }


def _named(fixture: str) -> dict[str, str]:
    registry, _, rest = FIXTURES[fixture].image.partition("/")
    repository, _, tag = rest.rpartition(":")
    return {"registry": registry, "repository": repository, "tag": tag}
