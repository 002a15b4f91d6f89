"""The OpenID provider in the cluster, and what an installation is told of it."""

import json
import tempfile
from pathlib import Path
from string import Template

from tests.cluster import pki
from tests.cluster.cluster import Cluster
from tests.cluster.fixtures import FIXTURES
from tests.e2e.login.people import HASH, PASSWORD, PEOPLE

NAMESPACE = "login"
HOST = f"dex.{NAMESPACE}.svc.cluster.local"
"""Its name in the cluster, for which the browser asks the ingress."""
CLIENT, CLIENT_SECRET = "molino", "of-the-client"
MANIFESTS = Path(__file__).with_name("provider.yaml")


def install(cluster: Cluster, callbacks: list[str]) -> str:
    """Bring it up; return the authority that signed its certificate.

    Args:
        cluster: Where.
        callbacks: Addresses that it may send people back to.
    """
    authority = pki.Authority.create()
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        authority.write(folder)
        authority.issue(folder, "tls", HOST, hosts=(HOST,))
        ca, certificate, key = ((folder / name).read_text() for name in ("ca.crt", "tls.crt", "tls.key"))
    client = {"id": CLIENT, "name": "Molino", "secret": CLIENT_SECRET, "redirectURIs": callbacks}
    members = [person for person in PEOPLE if person.groups]
    guests = [
        {"email": one.email, "username": one.email, "userID": one.email, "hash": HASH}
        for one in PEOPLE
        if not one.groups
    ]
    values = {
        "namespace": NAMESPACE,
        "host": HOST,
        "certificate": json.dumps(certificate),
        "key": json.dumps(key),
        "clients": json.dumps([client]),
        "guests": json.dumps(guests),
        "members": json.dumps("".join(f"{one.email}:{{PLAIN}}{PASSWORD}\n" for one in members)),
        "groups": " ".join(f'{one.email} "{",".join(one.groups)}";' for one in members),
        **{name: cluster.stand_ins()[FIXTURES[name].stands_for] for name in ("dex", "nginx")},
    }
    kubectl = cluster.kubectl
    kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found")
    kubectl.apply(Template(MANIFESTS.read_text()).substitute(values))
    kubectl("rollout", "status", "deployment/dex", f"--namespace={NAMESPACE}", "--timeout=120s")
    return ca
