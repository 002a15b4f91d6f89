"""Where the source rows come from: a file, a web server or a store such as `s3://`, brought to a local file."""

from dataclasses import dataclass
from pathlib import Path

from molino.contracts.address import Address
from molino.contracts.errors import SourceError, StoreError
from training.ingest.http_source import download
from training.ingest.source_rules import SourceRules
from training.step import Context
from training.stores.contract import Store
from training.stores.opening import LOCAL, kind_of, store_schemes


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
    address = Address(context.settings.source or context.model.source.uri)
    rules = SourceRules(context.settings, context.loaded.path.parent)
    match rules.check(address):
        case "http" | "https":
            local = context.workdir / "source"
            download(address, local, rules, context.log)
            return LocalSource(path=local, uri=str(address), key=str(address))
        case "":
            return _from_relative_path(address.secret, context, rules)
        case _:
            return _from_path(path, rules) if (path := address.path) else _from_a_store(address, context, rules)


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


def _from_a_store(address: Address, context: Context, rules: SourceRules) -> LocalSource:
    kind = kind_of(address)
    if kind is None:
        stores = ", ".join(f"{name}://…" for name in store_schemes() if name != LOCAL)
        raise SourceError(f"source {address}: {address.scheme}:// isn't known; give a path, {stores} or http(s)://…")
    try:
        store, key = kind.locate(address, context.settings)
        return _from_store(store, key, str(address), context, rules)
    except StoreError as error:
        raise SourceError(f"source {error}") from error


def _from_store(store: Store, key: str, known_as: str, context: Context, rules: SourceRules) -> LocalSource:
    rules.check_size(store.size(key), store.uri(key))
    local = context.workdir / "source"
    store.download(key, local)
    return LocalSource(path=local, uri=store.uri(key), key=known_as)
