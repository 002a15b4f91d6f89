"""The clock here beside those of the servers, by the Date of their answers: signatures to S3 hold for minutes."""

import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import urlopen

from molino.contracts.settings import Settings
from molino.doctor.addresses import http_servers
from molino.doctor.finding import Finding, ok

TIMEOUT_SECONDS = 10
WARN_SECONDS = 5
FAIL_SECONDS = 300
ADVICE = (
    "let this machine, or the cluster's node, and that server follow one clock (chronyc tracking, timedatectl): "
    "S3 refuses signatures and tokens expire where clocks differ by minutes"
)


def check(settings: Settings) -> Iterator[Finding]:
    """Compare with each server that answers; of one that doesn't, other checks tell."""
    for url in http_servers(settings):
        ahead = _seconds_ahead(url)
        if ahead is None:
            continue
        subject, apart = f"clock of {urlsplit(url).netloc}", abs(ahead)
        seen = f"{apart:.0f} s {'ahead of' if ahead > 0 else 'behind'} this one"
        if apart > WARN_SECONDS:
            yield Finding(subject, "fail" if apart > FAIL_SECONDS else "warn", seen, ADVICE)
        else:
            yield ok(subject, f"within {WARN_SECONDS} s of this one")


def _seconds_ahead(url: str) -> float | None:
    """Return how far a server's clock is ahead; none where it doesn't answer or doesn't say."""
    began = time.time()
    try:
        with urlopen(url, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310  # http and https alone
            told = answer.headers["Date"]
    except HTTPError as refused:
        told = refused.headers["Date"]
    except (OSError, ValueError, HTTPException):
        return None
    try:
        # The header has no fractions of a second: half of one is what it leaves out on average.
        return parsedate_to_datetime(told).timestamp() + 0.5 - (began + time.time()) / 2
    except (TypeError, ValueError):
        return None
