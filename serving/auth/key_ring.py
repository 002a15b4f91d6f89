"""API keys, held as SHA-256 and compared in constant time; a file of them is followed, so that keys can be rotated."""

import hashlib
import hmac
import re
from collections.abc import Callable

import structlog

from molino.contracts.api_keys import part_keys
from molino.contracts.errors import SettingsError
from serving.auth.callers import Caller
from serving.auth.followed_file import Followed, FollowedFile
from serving.settings import DEVELOPMENT_API_KEY, ServingSettings

LARGEST_BYTES = 2**20
_HASHED = re.compile(r"sha256:([0-9a-fA-F]{64})")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_DEVELOPMENT = hashlib.sha256(DEVELOPMENT_API_KEY.encode()).digest()


class KeyRing:
    """The keys that are valid now."""

    def __init__(self, callers: tuple[Caller, ...], read_changed: Callable[[], tuple[Caller, ...] | None]) -> None:
        """Hold keys.

        Args:
            callers: one per key.
            read_changed: returns all keys where they have changed; raises SettingsError where they can't be read.
        """
        complaint = "the API keys can't be read; those read before stay"
        self._followed = Followed(callers, read_changed, complaint)

    @property
    def callers(self) -> tuple[Caller, ...]:
        """One per key."""
        return self._followed.read

    @property
    def fault(self) -> str | None:
        """Why the keys couldn't be read the last time; those read before stay valid."""
        return self._followed.fault

    @property
    def has_the_development_key(self) -> bool:
        """Whether the key that everybody knows is among them."""
        return any(caller.digest == _DEVELOPMENT for caller in self.callers)

    def find(self, key: bytes) -> Caller | None:
        """Return whose key it is; keys that have come since are looked for before one is refused."""
        found = self._find(key)
        if found is None:
            self.refresh()
            found = self._find(key)
        return found

    def refresh(self) -> None:
        """Take over the keys that have changed."""
        if self._followed.refresh():
            structlog.get_logger().info("the API keys have changed", keys=len(self.callers))

    def _find(self, key: bytes) -> Caller | None:
        """Compare with every key, so that the time taken doesn't tell which one came near."""
        given = hashlib.sha256(key).digest()
        found: Caller | None = None
        for caller in self.callers:
            if hmac.compare_digest(caller.digest, given):
                found = caller
        return found


def open_keys(settings: ServingSettings) -> KeyRing:
    """Read the keys.

    Raises:
        SettingsError: there is no key, or a key or key file is malformed.
    """
    if settings.api_keys_file is None:
        return KeyRing(_callers(settings.api_keys.get_secret_value(), "MOLINO_API_KEYS"), lambda: None)
    file = FollowedFile(settings.api_keys_file, LARGEST_BYTES)
    return KeyRing(_read_file(file) or (), lambda: _read_file(file))


def _read_file(file: FollowedFile) -> tuple[Caller, ...] | None:
    try:
        content = file.read_changed()
        return None if content is None else _callers(content.decode("utf-8"), str(file.path))
    except (OSError, ValueError) as error:
        raise SettingsError(f"MOLINO_API_KEYS_FILE: can't read {file.path}: {error}") from error


def _callers(text: str, where: str) -> tuple[Caller, ...]:
    digests = dict.fromkeys(_digest(key, where) for key in part_keys(text))
    if not digests:
        raise SettingsError(f"{where}: holds no API key; give at least one, plain or as sha256:<64 hex digits>")
    return tuple(Caller(f"key-{number}", digest) for number, digest in enumerate(digests, 1))


def _digest(key: str, where: str) -> bytes:
    hashed = _HASHED.fullmatch(key)
    if hashed:
        return bytes.fromhex(hashed[1])
    if _CONTROL.search(key):
        raise SettingsError(
            f"{where}: a key holds control characters, which no header carries; write the keys in UTF-8"
        )
    if key.startswith("sha256:"):
        raise SettingsError(f"{where}: a key that starts with sha256: must go on with 64 hex digits")
    return hashlib.sha256(key.encode()).digest()
