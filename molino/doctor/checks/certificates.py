"""TLS certificates of the servers that the settings lead to."""

import socket
import ssl
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

from molino.contracts.settings import Settings
from molino.doctor.addresses import goes_by_proxy, http_servers
from molino.doctor.finding import Finding, ok

TIMEOUT_SECONDS = 10
SOON_DAYS = 21
RENEW = "renew it (with cert-manager: kubectl describe certificate), and see that the server has the new one"


def check(settings: Settings) -> Iterator[Finding]:
    """Ask each server that speaks TLS for its certificate, as its clients do, by the authorities that they trust."""
    for address in http_servers(settings):
        if address.scheme == "https":
            yield _certificate(address)


def _certificate(url: str) -> Finding:
    parts = urlsplit(url)
    host, subject = parts.hostname or "", f"certificate of {parts.netloc}"
    advice = f"check the address {url}, and that it speaks TLS"
    if goes_by_proxy(parts.scheme, host):
        return ok(subject, "not looked into: it is asked through a proxy")
    context = ssl.create_default_context()
    try:
        with (
            socket.create_connection((host, parts.port or 443), TIMEOUT_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=host) as secured,
        ):
            told = secured.getpeercert() or {}
    except ssl.SSLCertVerificationError as error:
        return Finding(subject, "fail", error.verify_message, _advice(error.verify_message, host))
    except (OSError, ValueError) as error:  # of a port, or of a host that none can have
        return Finding(subject, "fail", " ".join(str(error).split()), advice)
    days = (ssl.cert_time_to_seconds(str(told["notAfter"])) - time.time()) / 86400
    seen = f"valid for {days:.0f} more days, until {told['notAfter']}"
    return ok(subject, seen) if days >= SOON_DAYS else Finding(subject, "warn", seen, RENEW)


def _advice(fault: str, host: str) -> str:
    if "expired" in fault or "not yet valid" in fault:
        return f"{RENEW}; check the clock here too"
    if "match" in fault:
        return f"let it name {host}, or ask the server by a name that it has"
    return "give the authority's certificate: network.caConfigMap of the chart, SSL_CERT_FILE elsewhere"
