import base64
import json
import ssl
import stat
from pathlib import Path

import pytest
from cryptography import x509

from tests.cluster import pki


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    authority = pki.Authority.create()
    authority.write(tmp_path)
    authority.issue(tmp_path, "server", "kube-apiserver", hosts=("localhost", "10.0.0.1"))
    authority.issue(tmp_path, "admin", "admin", group="system:masters")
    return tmp_path


def handshake(keys: Path, name: str) -> None:
    """Let a client and a server, each with the authority's certificates, greet each other in memory."""
    server_context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(keys / "ca.crt"))
    server_context.verify_mode = ssl.CERT_REQUIRED
    server_context.load_cert_chain(keys / "server.crt", keys / "server.key")
    client_context = ssl.create_default_context(cafile=str(keys / "ca.crt"))
    client_context.load_cert_chain(keys / "admin.crt", keys / "admin.key")
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(back, there, server_hostname=name)
    server = server_context.wrap_bio(there, back, server_side=True)
    for side in (client, server, client, server):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    assert server.getpeercert()


def test_authorities_of_one_name_are_told_apart(keys: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    pki.Authority.create().write(other)
    trusted = keys / "ca.crt"
    trusted.write_bytes((other / "ca.crt").read_bytes() + trusted.read_bytes())
    handshake(keys, "localhost")


@pytest.mark.parametrize("name", ["localhost", "10.0.0.1"])
def test_client_and_server_trust_each_other(keys: Path, name: str) -> None:
    handshake(keys, name)


def test_server_is_not_trusted_under_another_name(keys: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(keys, "elsewhere")


def test_group_of_a_user_is_in_the_certificate(keys: Path) -> None:
    subject = x509.load_pem_x509_certificate((keys / "admin.crt").read_bytes()).subject
    assert subject.rfc4514_string() == "CN=admin,O=system:masters"


def test_keys_are_their_owners_alone(keys: Path) -> None:
    assert {stat.S_IMODE(path.stat().st_mode) for path in keys.glob("*.key")} == {0o600}


def test_kubeconfig_holds_its_certificates(keys: Path) -> None:
    pki.write_kubeconfig(keys / "kubeconfig", keys, "admin", "https://10.0.0.1:6443")
    user = json.loads((keys / "kubeconfig").read_text())["users"][0]["user"]
    assert base64.b64decode(user["client-certificate-data"]) == (keys / "admin.crt").read_bytes()
