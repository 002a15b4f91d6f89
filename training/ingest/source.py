"""Where the source rows come from: a file, `s3://` or `http(s)://`, brought to a local file."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from molino.contracts.address import redacted
from molino.contracts.errors import SourceError, StoreError
from training.ingest.http_source import download
from training.ingest.source_rules import SourceRules
from training.step import Context
from training.stores.folder import Store
from training.stores.s3 import S3Store


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
    rules = SourceRules(context.settings, context.loaded.path.parent)
    match rules.check(uri):
        case "s3":
            return _from_s3(uri, context, rules)
        case "http" | "https":
            local, shown = context.workdir / "source", redacted(uri)
            download(uri, local, rules, context.log)
            return LocalSource(path=local, uri=shown, key=shown)
        case "file":
            return _from_path(Path(unquote(urlsplit(uri).path)), rules)
        case "":
            return _from_relative_path(uri, context, rules)
        case scheme:
            raise SourceError(f"source {redacted(uri)}: {scheme}:// isn't known; give a path, s3://… or http(s)://…")


def _from_path(path: Path, rules: SourceRules) -> LocalSource:
    rules.check_path(path)
    if not path.is_file():
        problem = "is a folder, not a file" if path.is_dir() else "doesn't exist"
        raise SourceError(f"source {path}: {problem}; correct source.uri of the model file or MOLINO_SOURCE")
    rules.check_size(path.stat().st_size, str(path))
    uri = path.resolve().as_uri()
    return LocalSource(path=path, uri=uri, key=uri)


def _from_relative_path(uri: str, context: Context, rules: SourceRules) -> LocalSource:
    """Take a file beside the model file, or for `MOLINO_SOURCE` in the working folder; else the store's object."""
    path = _expanded(uri)
    if context.settings.source is not None or path.is_absolute():
        return _from_path(path, rules)
    path = context.loaded.path.parent / path
    rules.check_path(path)
    if path.exists():
        return _from_path(path, rules)
    key = f"sources/{context.model.name}/{path.name}"
    if not context.store.exists(key):
        raise SourceError(
            f"source {uri}: neither the file {path} nor the object {context.store.uri(key)} exists; "
            "add one of them or set MOLINO_SOURCE"
        )
    return _from_store(context.store, key, key, context, rules)


def _expanded(path: str) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise SourceError(f"source {path}: there is no such user's home; write the whole path") from error


def _from_s3(uri: str, context: Context, rules: SourceRules) -> LocalSource:
    bucket, _, key = uri.partition("://")[2].partition("/")
    if not bucket or not key or "@" in bucket:
        raise SourceError(f"source {redacted(uri)}: expected s3://bucket/key")
    try:
        return _from_store(S3Store(bucket, "", context.settings), key, uri, context, rules)
    except StoreError as error:
        raise SourceError(f"source {error}") from error


def _from_store(store: Store, key: str, known_as: str, context: Context, rules: SourceRules) -> LocalSource:
    rules.check_size(store.size(key), store.uri(key))
    local = context.workdir / "source"
    store.download(key, local)
    return LocalSource(path=local, uri=store.uri(key), key=known_as)
