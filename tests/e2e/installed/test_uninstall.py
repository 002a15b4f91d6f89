"""`helm uninstall` leaves the data."""

from tests.cluster.waits import until
from tests.e2e.installed.installation import Installation


def test_uninstall_leaves_the_volumes_and_the_passwords(installation: Installation) -> None:
    volumes = {item["metadata"]["name"] for item in installation.get("persistentvolumeclaims")["items"]}
    secrets = {installation.name(component) for component in ("postgres", "minio")}
    installation.helm("uninstall", installation.release)
    # The pods of `helm test` aren't the release's own: Helm leaves them, with their logs.
    until("no pod", lambda: not installation.pods("app.kubernetes.io/component notin (test,doctor)"), 180)
    left = {item["metadata"]["name"] for item in installation.get("persistentvolumeclaims")["items"]}
    assert len(volumes) == 2
    assert left == volumes
    assert secrets <= {item["metadata"]["name"] for item in installation.get("secrets")["items"]}
