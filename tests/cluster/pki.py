"""Certificates, keys and kubeconfigs of the node; made anew for each cluster."""

import base64
import ipaddress
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFETIME = timedelta(days=365)
SKEW = timedelta(minutes=5)


@dataclass(frozen=True)
class Authority:
    """The cluster's own certificate authority."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def create(cls) -> "Authority":
        """Make a new one."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("molino-test-ca")
        builder = _builder(name, name, key).add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        # Authorities of one name are told apart by their keys.
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        return cls(builder.sign(key, hashes.SHA256()), key)

    def issue(self, folder: Path, name: str, user: str, *, group: str = "", hosts: Sequence[str] = ()) -> None:
        """Write `<name>.crt` and `<name>.key`.

        Args:
            folder: Where they go.
            name: Of the files.
            user: The common name: what Kubernetes takes for the user.
            group: The organisation: what Kubernetes takes for the user's group.
            hosts: Names and addresses that a server may be called by.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH])
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        builder = _builder(_name(user, group), self.certificate.subject, key).add_extension(usage, critical=False)
        builder = builder.add_extension(issuer, critical=False)
        if hosts:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_alternative(host) for host in hosts]), critical=False
            )
        (folder / f"{name}.crt").write_bytes(_pem(builder.sign(self.key, hashes.SHA256())))
        write_key(folder / f"{name}.key", key)

    def write(self, folder: Path) -> None:
        """Write `ca.crt` and `ca.key`."""
        (folder / "ca.crt").write_bytes(_pem(self.certificate))
        write_key(folder / "ca.key", self.key)


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now + LIFETIME)
    )


def _name(common: str, organisation: str = "") -> x509.Name:
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation)] if organisation else []
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    """Write a private key that only its owner can read."""
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )


def write_token_keys(folder: Path) -> None:
    """Write `tokens.key` and `tokens.pub`, which sign and check the tokens of service accounts."""
    key = ec.generate_private_key(ec.SECP256R1())
    write_key(folder / "tokens.key", key)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (folder / "tokens.pub").write_bytes(public)


def write_kubeconfig(path: Path, folder: Path, name: str, server: str) -> None:
    """Write a kubeconfig that holds its certificates itself.

    Args:
        path: Of the kubeconfig.
        folder: With `ca.crt`, `<name>.crt` and `<name>.key`.
        name: Of the user's certificate.
        server: URL of the API server.
    """

    def data(file: str) -> str:
        return base64.b64encode((folder / file).read_bytes()).decode()

    user = {"client-certificate-data": data(f"{name}.crt"), "client-key-data": data(f"{name}.key")}
    cluster = {"server": server, "certificate-authority-data": data("ca.crt")}
    path.touch(mode=0o600)
    path.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "molino", "cluster": cluster}],
                "users": [{"name": name, "user": user}],
                "contexts": [{"name": "molino", "context": {"cluster": "molino", "user": name}}],
                "current-context": "molino",
            }
        )
    )
