"""What a source may be: its schemes, hosts, folders and size, as the settings have them."""

from fnmatch import fnmatchcase
from pathlib import Path
from urllib.parse import urlsplit

from molino.contracts.address import Address, host_of
from molino.contracts.errors import SourceError
from molino.contracts.settings import Settings


class SourceRules:
    """What the settings allow; a model file can't widen it."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        """Take the rules.

        Args:
            settings: schemes, hosts and size.
            folder: of the model file, below which files are always taken.
        """
        named = settings.source_schemes
        self.schemes = None if named is None else _words(named)
        # A pod hands out no file of its own, such as its service account's token.
        self.files = not settings.in_a_pod if self.schemes is None else "file" in self.schemes
        self.hosts = _words(settings.source_hosts)
        self.largest = settings.source_largest_bytes
        self.folder = folder.resolve()

    def check(self, address: Address) -> str:
        """Refuse an address that isn't allowed, before anything is asked there; return its scheme, none of a path.

        Raises:
            SourceError: names what isn't allowed, and the setting that says so.
        """
        try:
            scheme = urlsplit(address.secret).scheme
        except ValueError:  # Its text, like the address, may hold a secret.
            raise SourceError(
                "source.uri of the model file, or MOLINO_SOURCE, is no valid address; correct it"
            ) from None
        if scheme == "":
            return scheme
        local = address.path is not None
        if (local and not self.files) or (self.schemes is not None and scheme not in self.schemes):
            allowed = "" if self.schemes is None else f"; allowed are {', '.join(self.schemes) or 'none'}"
            raise SourceError(f"source {address}: {scheme}:// isn't allowed here{allowed} (MOLINO_SOURCE_SCHEMES)")
        if not local:
            self.check_host(host_of(address.secret), address)
        return scheme

    def check_host(self, host: str, address: Address) -> None:
        """Refuse a host, or a bucket, that isn't allowed.

        Raises:
            SourceError: names what is.
        """
        if self.hosts and not any(fnmatchcase(host.lower(), allowed) for allowed in self.hosts):
            raise SourceError(
                f"source {address}: the host isn't allowed here; allowed are {', '.join(self.hosts)} "
                "(MOLINO_SOURCE_HOSTS)"
            )

    def check_path(self, path: Path) -> None:
        """Refuse a file outside the model file's folder, be it by a link, where files aren't allowed.

        Raises:
            SourceError: it isn't below the folder; says so whether the file exists or not.
        """
        if not self.files and not path.resolve().is_relative_to(self.folder):
            raise SourceError(
                f"source {path}: files outside the folder of the model file aren't allowed here; put it there, or give "
                "another address (MOLINO_SOURCE_SCHEMES)"
            )

    def check_size(self, size: int, where: str) -> None:
        """Refuse a source of more bytes than are taken.

        Raises:
            SourceError: it is larger.
        """
        if size > self.largest:
            raise SourceError(f"source {where}: it has more than {self.largest} bytes (MOLINO_SOURCE_LARGEST_BYTES)")


def expanded(path: str) -> Path:
    """Return a path with the home that it begins with.

    Raises:
        SourceError: there is no such user.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise SourceError(f"source {path}: there is no such user's home; write the whole path") from error


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip().lower() for word in text.split(",") if word.strip())
