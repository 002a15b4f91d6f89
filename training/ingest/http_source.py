"""Sources that a web server has."""

import http.client
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

from structlog.stdlib import BoundLogger

from molino.contracts.address import Address
from molino.contracts.errors import SourceError
from training.ingest.source_rules import SourceRules

CHUNK_BYTES = 1 << 20
TIMEOUT_SECONDS = 60
ATTEMPTS = 3


def download(address: Address, path: Path, rules: SourceRules, log: BoundLogger) -> None:
    """Download in pieces; a broken connection is tried again from the start.

    Raises:
        SourceError: the server refuses, sends too much, or leads to where the rules don't allow.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _download(address, path, rules)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code < 500 or attempt == ATTEMPTS:
                reason = " ".join(str(error.reason).split())
                raise SourceError(f"source {address}: the server answered {error.code} {reason}") from error
        except (OSError, ValueError, http.client.HTTPException) as error:
            if attempt == ATTEMPTS or isinstance(error, ValueError):
                raise SourceError(f"source {address}: {address.hide_in(_cause(error))}") from error
        log.warning("source download failed, trying again", uri=str(address), attempt=attempt)
    raise AssertionError("every attempt returns or raises")


def _cause(error: Exception) -> str:
    """Return why there was no response; what no web server says isn't repeated, for it may be anything."""
    if isinstance(error, http.client.HTTPException):
        return "it doesn't answer as a web server does; check the address"
    return str(getattr(error, "reason", None) or error)


def _download(address: Address, path: Path, rules: SourceRules) -> None:
    opener = urllib.request.build_opener(_CheckedRedirection(rules))
    with opener.open(_request(address), timeout=TIMEOUT_SECONDS) as response, path.open("wb") as file:
        announced = response.headers.get("Content-Length")
        rules.check_size(int(announced or 0), address)
        while data := response.read(CHUNK_BYTES):
            rules.check_size(file.tell() + len(data), address)
            file.write(data)
        size = file.tell()
    if announced is not None and size != int(announced):
        raise ConnectionError(f"the connection broke after {size} of {announced} bytes")


class _CheckedRedirection(urllib.request.HTTPRedirectHandler):
    """Follows a redirection to where the rules allow, and there alone."""

    def __init__(self, rules: SourceRules) -> None:
        self.rules = rules

    def http_error_302(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: http.client.HTTPMessage
    ) -> Any:
        """Check the new address first."""
        target = Address(urljoin(req.full_url, headers.get("Location") or ""))
        try:
            if self.rules.check(target) not in ("http", "https"):
                raise SourceError(f"source: the server leads to {target}, which isn't http(s)://")
        except SourceError:
            fp.close()
            raise
        return super().http_error_302(req, fp, code, msg, headers)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


def _request(address: Address) -> urllib.request.Request:
    """Return the request for an address, with its user and password as basic auth, which a redirection drops."""
    parts = urlsplit(address.secret)
    host = parts.netloc.rpartition("@")[2]
    path, query = (quote(part, safe="/%:@!$&'()*+,;=~?") for part in (parts.path, parts.query))
    # The scheme was checked by the caller.
    request = urllib.request.Request(urlunsplit((parts.scheme, host, path, query, "")))  # noqa: S310
    for name, value in address.authorization.items():
        request.add_unredirected_header(name, value)
    return request
