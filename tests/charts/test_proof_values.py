"""That the chart takes what the long proofs on the cluster install: the next run of one may be weeks away."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import yaml
from programs import find
from rendering import CHART, VALUE_FILES, helm, parse

from tests.cluster.cluster import Cluster
from tests.cluster.folders import Folders
from tests.e2e.alerts import stage as alerts
from tests.e2e.chaos import stage as chaos
from tests.e2e.installed import images
from tests.e2e.installed.installation import Installation
from tests.e2e.login import site as login
from tests.e2e.production import stage as production
from tests.e2e.production.outside import Outside
from tests.e2e.scale import stage as scale
from tests.e2e.watching import stage as watching

NODE = {"status": {"addresses": [{"type": "InternalIP", "address": "10.0.0.2"}]}}
HOSTS = {
    "database_host": "db.outside.svc",
    "runs_host": "runs.outside.svc",
    "s3_endpoint": "https://s3.outside.svc:9000",
}
OUTSIDE = cast(Outside, SimpleNamespace(**HOSTS))
ISSUED = {"tls": {"selfSigned": False, "issuer": "own"}}
"""A certificate of the chart's own wants a cluster that keeps it."""
Values = tuple[Mapping[str, Any], ...]
PROOFS: dict[str, tuple[str, Callable[[Cluster], Values]]] = {
    "alerts": ("kind", lambda cluster: (alerts.values(cluster, well=False),)),
    "alerts, once they have rung": ("kind", lambda cluster: (alerts.values(cluster, well=True),)),
    "chaos": ("kind", lambda cluster: (chaos.values(cluster),)),
    "login": ("kind", lambda cluster: (images.values(cluster), login.values(), ISSUED)),
    "production": ("production", lambda cluster: (images.values(cluster), production.values(OUTSIDE))),
    "scale": ("kind", lambda cluster: (scale.values(cluster, scale.UNREACHED_PERCENT),)),
    "watching": ("kind", lambda cluster: (watching.values(cluster),)),
}


@pytest.fixture
def cluster() -> Cluster:
    """A cluster that isn't up, with a node."""
    told = SimpleNamespace(
        in_docker=False,
        folders=Folders.from_environment(),
        kubectl=SimpleNamespace(get=lambda *_: {"items": [NODE]}),
        kubeconfig=Path("/nowhere"),
        program=lambda name: find(name, "python -m tests.cluster build"),
    )
    return cast(Cluster, told)


@pytest.mark.parametrize("proof", PROOFS)
def test_it_renders(proof: str, cluster: Cluster, tmp_path: Path) -> None:
    base, values = PROOFS[proof]
    words: list[str | Path] = ["--values", VALUE_FILES[base] or ""]
    for number, one in enumerate(values(cluster)):
        file = tmp_path / f"{number}.yaml"
        file.write_text(yaml.safe_dump(dict(one)))
        words += ["--values", file]
    done = helm("template", "molino", CHART, "--namespace", "molino", *words)
    assert done.returncode == 0, done.stderr
    kinds = {one["kind"] for one in parse(done.stdout)}
    assert {"Deployment", "Service", "Ingress"} <= kinds


def test_production_is_told_the_rights_in_its_storage(cluster: Cluster) -> None:
    told = production.storage(Installation(cluster, production.NAMESPACE), OUTSIDE)
    assert {"molino", "molino-mlflow", "molino-backups"} <= set(told["buckets"])
    assert {"airflow", "backup", "mlflow", "serving", "steps", "tensorboard"} <= told["services"].keys()
