"""Signing keys from the address of a JWKS: kept, fetched again from time to time, and when a token names a new one."""

import re
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import structlog

from molino.contracts.errors import SettingsError
from molino.contracts.loopback import is_loopback
from serving.auth.signing_keys import LARGEST_BYTES, KeySet, read_jwks

FETCH_SECONDS = 5.0
"""How long a fetch may take as a whole."""
_PLAIN = re.compile(r"[!-~]+")
"""An address that needs no more quoting; of others the library tells what it should hide."""
RETRY_SECONDS = 10.0
"""After a failed fetch the next one comes so soon."""
MOST_FETCHES, FETCHES_SECONDS = 10, 60.0
"""Tokens with unknown keys, which anybody can make up, cause at most so many fetches in so many seconds."""


class KeyAddress:
    """Keeps the keys of a JWKS address; fetches in a thread of its own, so that no request and no loop waits in it."""

    def __init__(self, url: str, seconds: float) -> None:
        """Keep what an address has, fetched every so many seconds.

        Raises:
            SettingsError: it isn't the address of a web server.
        """
        try:
            parts = urlsplit(url) if _PLAIN.fullmatch(url) else urlsplit("")
            host = parts.hostname if parts.scheme in ("http", "https") and parts.port != 0 else None
        except ValueError:
            host = None
        if not host or "@" in parts.netloc:
            raise SettingsError(
                "MOLINO_SERVING_JWKS_URL: expected an address such as https://issuer.example/jwks, without a user"
            )
        self.fault: str | None = None
        self.safe = parts.scheme == "https" or is_loopback(host)
        """Whether nobody on the way can change the keys."""
        self._url, self._seconds = url, seconds
        self._proxies: dict[str, str] | None = {} if is_loopback(host) else None
        self._keys: KeySet | None = None
        self._due = 0.0
        self._fetches = deque[float](maxlen=MOST_FETCHES)
        self._pending: Future[None] | None = None
        self._lock = threading.Lock()
        self._thread = ThreadPoolExecutor(1, "jwks")

    @property
    def keys(self) -> KeySet | None:
        """The keys that are valid now; none before they have come for the first time."""
        return self._keys

    @property
    def pending(self) -> "Future[None] | None":
        """The fetch that is going on."""
        pending = self._pending
        return pending if pending and not pending.done() else None

    def look_again(self) -> None:
        """Begin to fetch, unless that was done too often; what comes is for the next time."""
        now = time.monotonic()
        with self._lock:
            if self.pending or (len(self._fetches) == MOST_FETCHES and now - self._fetches[0] < FETCHES_SECONDS):
                return
            self._fetches.append(now)
            self._begin()

    def refresh(self) -> None:
        """Begin to fetch where it is time to."""
        with self._lock:
            if not self.pending and time.monotonic() >= self._due:
                self._begin()

    def _begin(self) -> None:
        self._pending = self._thread.submit(self._fetch)

    def _fetch(self) -> None:
        try:
            self._keys, self.fault = read_jwks(self._load().decode("utf-8-sig")), None
            self._due = time.monotonic() + self._seconds
        except Exception as error:
            cause = f"MOLINO_SERVING_JWKS_URL: can't fetch the signing keys: {_cause(error)}"
            if cause != self.fault:
                structlog.get_logger().error("the signing keys can't be fetched; those before stay", cause=cause)
            self.fault = cause
            self._due = time.monotonic() + min(self._seconds, RETRY_SECONDS)

    def _load(self) -> bytes:
        """Return what the address has, within time and size; redirections aren't followed."""
        deadline = time.monotonic() + FETCH_SECONDS
        opener = urllib.request.build_opener(urllib.request.ProxyHandler(self._proxies), _NoRedirection)
        request = urllib.request.Request(self._url, headers={"Accept": "application/json"})  # noqa: S310 - http alone
        with opener.open(request, timeout=FETCH_SECONDS) as response:
            content = b""
            while piece := response.read1(65536):
                content += piece
                if len(content) > LARGEST_BYTES:
                    raise ValueError(f"it sends more than {LARGEST_BYTES} bytes")
                if time.monotonic() > deadline:
                    raise TimeoutError(f"it takes more than {FETCH_SECONDS:g} s")
        return content


class _NoRedirection(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow none: the answer is refused by its status."""


def _cause(error: Exception) -> str:
    """Return what went wrong, without the address, which may hold a password."""
    if isinstance(error, urllib.error.HTTPError):
        return f"it answers {error.code}"
    return str(error.reason if isinstance(error, urllib.error.URLError) else error) or type(error).__name__
