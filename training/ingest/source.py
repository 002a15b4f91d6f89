"""Where the source rows come from: a file, `s3://` or `http(s)://`, brought to a local file."""

import base64
import http.client
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from molino.contracts.errors import SourceError, StoreError
from training.step import Context
from training.stores.s3 import S3Store

CHUNK_BYTES = 1 << 20
TIMEOUT_SECONDS = 60
ATTEMPTS = 3


@dataclass(frozen=True)
class LocalSource:
    """A source file on this machine."""

    path: Path
    uri: str
    """Where it came from, without a user's name, password or signature."""
    key: str
    """Its key where it came from the store, else the URI."""


def fetch_source(context: Context) -> LocalSource:
    """Find the source, and download it into the work folder where it is remote.

    Raises:
        SourceError: it can't be had; says where it was looked for.
    """
    uri = context.settings.source or context.model.source.uri
    match _scheme(uri):
        case "s3":
            return _from_s3(uri, context)
        case "http" | "https":
            return _from_http(uri, context)
        case "file":
            return _from_path(Path(unquote(urlsplit(uri).path)))
        case "":
            return _from_relative_path(uri, context)
        case scheme:
            raise SourceError(f"source {redacted(uri)}: {scheme}:// isn't known; give a path, s3://… or http(s)://…")


def _scheme(uri: str) -> str:
    try:
        return urlsplit(uri).scheme
    except ValueError:  # Its text, like the address, may hold a secret.
        raise SourceError("source.uri of the model file, or MOLINO_SOURCE, is no valid address; correct it") from None


def redacted(uri: str) -> str:
    """Return a URI without user, password, query and fragment, which may hold secrets."""
    parts = urlsplit(uri)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _from_path(path: Path) -> LocalSource:
    if not path.is_file():
        problem = "is a folder, not a file" if path.is_dir() else "doesn't exist"
        raise SourceError(f"source {path}: {problem}; correct source.uri of the model file or MOLINO_SOURCE")
    uri = path.resolve().as_uri()
    return LocalSource(path=path, uri=uri, key=uri)


def _from_relative_path(uri: str, context: Context) -> LocalSource:
    if context.settings.source is not None:
        return _from_path(Path(uri).expanduser())
    path = context.loaded.path.parent / uri
    if path.exists() or Path(uri).is_absolute():
        return _from_path(path)
    key = f"sources/{context.model.name}/{path.name}"
    if not context.store.exists(key):
        raise SourceError(
            f"source {uri}: neither the file {path} nor the object {context.store.uri(key)} exists; "
            "add one of them or set MOLINO_SOURCE"
        )
    local = context.workdir / "source"
    context.store.download(key, local)
    return LocalSource(path=local, uri=context.store.uri(key), key=key)


def _from_s3(uri: str, context: Context) -> LocalSource:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not bucket or not key:
        raise SourceError(f"source {uri}: expected s3://bucket/key")
    local = context.workdir / "source"
    try:
        S3Store(bucket, "", context.settings).download(key, local)
    except StoreError as error:
        raise SourceError(f"source {error}") from error
    return LocalSource(path=local, uri=uri, key=uri)


def _from_http(uri: str, context: Context) -> LocalSource:
    """Download in pieces; a broken connection is tried again from the start."""
    local, shown = context.workdir / "source", redacted(uri)
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _download(uri, local)
            return LocalSource(path=local, uri=shown, key=shown)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code < 500 or attempt == ATTEMPTS:
                raise SourceError(f"source {shown}: the server answered {error.code} {error.reason}") from error
        except (OSError, ValueError, http.client.HTTPException) as error:
            if attempt == ATTEMPTS or isinstance(error, ValueError):
                raise SourceError(f"source {shown}: {getattr(error, 'reason', None) or error}") from error
        context.log.warning("source download failed, trying again", uri=shown, attempt=attempt)
    raise AssertionError("every attempt returns or raises")


def _download(uri: str, path: Path) -> None:
    with urllib.request.urlopen(_request(uri), timeout=TIMEOUT_SECONDS) as response, path.open("wb") as file:  # noqa: S310
        while data := response.read(CHUNK_BYTES):
            file.write(data)
        size, announced = file.tell(), response.headers.get("Content-Length")
    if announced is not None and size != int(announced):
        raise ConnectionError(f"the connection broke after {size} of {announced} bytes")


def _request(uri: str) -> urllib.request.Request:
    """Return the request for an address, with its user and password as basic auth, which a redirection drops."""
    parts = urlsplit(uri)
    user, _, host = parts.netloc.rpartition("@")
    path, query = (quote(part, safe="/%:@!$&'()*+,;=~?") for part in (parts.path, parts.query))
    # The scheme was checked by the caller.
    request = urllib.request.Request(urlunsplit((parts.scheme, host, path, query, "")))  # noqa: S310
    if user:
        token = base64.b64encode(unquote(user).encode()).decode()
        request.add_unredirected_header("Authorization", f"Basic {token}")
    return request
