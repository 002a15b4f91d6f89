"""Where the source rows come from: files, a web server or a store such as `s3://`, brought to local files."""

from dataclasses import dataclass
from pathlib import Path

from molino.contracts.address import Address
from molino.contracts.errors import SourceError, StoreError
from molino.contracts.source_files import ENDINGS, files_of, fits, is_database, is_part, is_pattern
from training.ingest.http_source import download
from training.ingest.source_rules import SourceRules, expanded
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
    named: str = ""
    """Its path or address as it is written there, whose folders may give columns."""


def uri_of(context: Context) -> str:
    """Return where the source is, as one text."""
    return ", ".join(_places(context))


def fetch_sources(context: Context) -> list[LocalSource]:
    """Find the files of the source in order, and download those that are remote into the work folder.

    Raises:
        SourceError: one can't be had; says where it was looked for.
    """
    rules = SourceRules(context.settings, context.loaded.path.parent)
    found: list[LocalSource] = []
    for address in _places(context):
        found += _fetched(address, context, rules, len(found))
    uris = [source.uri for source in found]
    if repeated := next((uri for uri in uris if uris.count(uri) > 1), None):
        raise SourceError(f"source {repeated}: source.uri names it twice; name each file once")
    rules.check_size(sum(source.path.stat().st_size for source in found), uri_of(context))
    return found


def _places(context: Context) -> tuple[Address, ...]:
    given = context.settings.source
    return (Address(given),) if given else context.model.source.places


def _fetched(address: Address, context: Context, rules: SourceRules, before: int) -> list[LocalSource]:
    """Fetch the files of one address; `before` it there are that many."""
    scheme = rules.check(address)
    if is_database(scheme):
        return _from_a_database(address, context, rules, before)
    match scheme:
        case "http" | "https":
            local = _scratch(context, before)
            download(address, local, rules, context.log)
            return [LocalSource(path=local, uri=str(address), key=str(address))]
        case "":
            return _from_relative_path(address.secret, context, rules, before)
        case _:
            path = address.path
            return _from_path(path, rules) if path else _from_a_store(address, context, rules, before)


def _from_a_database(address: Address, context: Context, rules: SourceRules, before: int) -> list[LocalSource]:
    from training.ingest.database import Query, read_database

    text = context.model.source.query
    if text is None:
        raise SourceError(f"source {address}: it is a database; expected source.query in the model file")
    folder = Path() if context.settings.source else context.loaded.path.parent
    local = _scratch(context, before)
    read_database(Query(address, text, folder), local, rules)
    return [LocalSource(path=local, uri=str(address), key=str(address))]


def _scratch(context: Context, before: int) -> Path:
    """Return where a remote file is brought."""
    return context.workdir / (f"source-{before}" if before else "source")


def _from_path(path: Path, rules: SourceRules) -> list[LocalSource]:
    rules.check_path(path)
    files = [] if path == path.parent else files_of(path)
    if not files:
        problem = "doesn't exist"
        if is_pattern(str(path)):
            problem = "no file fits it"
        elif path == path.parent:
            problem = "is a folder, not a file"
        elif path.is_dir():
            problem = f"the folder has no file that ends in {', '.join(ENDINGS)}"
        raise SourceError(f"source {path}: {problem}; correct source.uri of the model file or MOLINO_SOURCE")
    for file in files:
        rules.check_path(file)
        rules.check_size(file.stat().st_size, str(file))
    return [_local(file) for file in files]


def _local(file: Path) -> LocalSource:
    uri = file.resolve().as_uri()
    return LocalSource(path=file, uri=uri, key=uri, named=file.as_posix())


def _from_relative_path(uri: str, context: Context, rules: SourceRules, before: int) -> list[LocalSource]:
    """Take files beside the model file, or for `MOLINO_SOURCE` in the working folder; else the store's objects."""
    path = expanded(uri)
    if context.settings.source is not None or path.is_absolute():
        return _from_path(path, rules)
    path = context.loaded.path.parent / path
    rules.check_path(path)
    if path.exists() or files_of(path):
        return _from_path(path, rules)
    key = f"sources/{context.model.name}/{path.name}"
    keys = _keys_of(context.store, key)
    if not keys:
        raise SourceError(
            f"source {uri}: neither the file {path} nor the object {context.store.uri(key)} exists; "
            "add one of them or set MOLINO_SOURCE"
        )
    return [_from_store(context.store, one, one, context, rules, before + index) for index, one in enumerate(keys)]


def _keys_of(store: Store, key: str) -> list[str]:
    """Return the keys that a key names: it, those that fit it as a pattern, or those of the folder."""
    if store.exists(key):
        return [key]
    if is_pattern(key):
        start = key[: min(key.find(sign) for sign in "*?[" if sign in key)].rpartition("/")[0]
        return [one for one in store.list(f"{start}/" if start else "") if fits(one, key)]
    folder = f"{key.rstrip('/')}/"
    return [one for one in store.list(folder) if is_part(one.removeprefix(folder))]


def _from_a_store(address: Address, context: Context, rules: SourceRules, before: int) -> list[LocalSource]:
    kind = kind_of(address)
    if kind is None:
        stores = ", ".join(f"{name}://…" for name in store_schemes() if name != LOCAL)
        raise SourceError(f"source {address}: {address.scheme}:// isn't known; give a path, {stores} or http(s)://…")
    try:
        whole = Address(address.secret.rstrip("/"))
        store, key = kind.locate(whole, context.settings)
        if is_pattern(key) or is_pattern(str(whole)):
            store, key = _above_pattern(kind, whole, context)
        keys = _keys_of(store, key) or [key]
        return [
            _from_store(store, one, str(address) if one == key else store.uri(one), context, rules, before + index)
            for index, one in enumerate(keys)
        ]
    except StoreError as error:
        raise SourceError(f"source {error}") from error


def _above_pattern(kind: type[Store], address: Address, context: Context) -> tuple[Store, str]:
    """Return the store of the folder above the first wildcard of an address, and the pattern from there on."""
    steps = address.secret.split("/")
    first = next(index for index, step in enumerate(steps) if is_pattern(step))
    store, key = kind.locate(Address("/".join([*steps[:first], "any"])), context.settings)
    return store, key.removesuffix("any") + "/".join(steps[first:])


def _from_store(store: Store, key: str, known_as: str, context: Context, rules: SourceRules, index: int) -> LocalSource:
    rules.check_size(store.size(key), store.uri(key))
    local = _scratch(context, index)
    store.download(key, local)
    return LocalSource(path=local, uri=store.uri(key), key=known_as, named=key)
