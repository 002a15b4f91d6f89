"""Addresses that may hold a secret: as text they are without it, wherever they are shown, recorded or logged."""

import base64
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from pydantic_core import CoreSchema

HIDDEN = "***"
SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(?=/)")
URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"<>]*[^\s'\"<>.,;:)]")
PORT = re.compile(r"(\[[^]]*\]|[^:]*)(:\d*)?")
NAMED_USER = frozenset({"ssh", "git+ssh", "ssh+git"})
"""Schemes whose user's name is no secret, but part of where something is."""
PLAIN = frozenset({"file", "sqlite"})
"""Schemes of local files, which may have any sign in their names and no secret."""


class Address(str):
    """The address of a store, a remote, a server or a source, as text without user, password, query and fragment.

    What isn't a URL, such as a path or `git@host:path`, is as it was given.
    """

    __slots__ = ("secret",)
    secret: str
    """The whole address, for those alone that connect to it."""

    def __new__(cls, address: str) -> Self:
        """Make an address of a whole one, or of another `Address`, whose secret it keeps."""
        whole = address.secret if isinstance(address, Address) else address
        made = super().__new__(cls, redacted(whole))
        made.secret = whole
        return made

    def __getnewargs__(self) -> tuple[str]:
        """Copy by the whole address."""
        return (self.secret,)

    @property
    def scheme(self) -> str:
        """What stands before `://`, in lower case; empty for a path."""
        found = SCHEME.match(self)
        return found[1].lower() if found and "://" in self else ""

    @property
    def path(self) -> Path | None:
        """The file or folder of this machine that it names, by a path or `file://`; none where it is elsewhere."""
        if self.scheme == "file":
            return Path(unquote(re.sub("^localhost(?=/)", "", self.secret.partition("://")[2])))
        return None if self.scheme else Path(self.secret)

    @property
    def credentials(self) -> tuple[str, ...]:
        """The parts of it that no output may have, as they are written and as they are meant."""
        if self.secret == str(self):
            return ()
        user, query = _parts(self.secret)
        words = {user, *user.split(":", 1)} if user else set()
        words |= {value for pair in re.split(r"[&;#?]", query) for value in (pair, pair.partition("=")[2])}
        if self.scheme in NAMED_USER:
            words -= {user.partition(":")[0]}
        return tuple(sorted({known for word in words if word for known in (word, unquote(word))}, key=len)[::-1])

    @property
    def login(self) -> tuple[str, str] | None:
        """User and password as they are meant; none where it has no user, or one whose name is no secret."""
        user = _parts(self.secret)[0] if self.secret != str(self) else ""
        name, _, password = user.partition(":")
        return (unquote(name), unquote(password)) if user and self.scheme not in NAMED_USER else None

    @property
    def authorization(self) -> dict[str, str]:
        """The header that logs in at a web server with user and password; none where it has none."""
        return basic_auth(*self.login) if self.login else {}

    def hide_in(self, text: str) -> str:
        """Return a text, such as what a program said, without this address's secrets."""
        text = text.replace(self.secret, str(self))
        for word in self.credentials:
            text = text.replace(word, HIDDEN) if len(word) > 3 else text  # `a` isn't a secret
        return without_credentials(text)

    @classmethod
    def __get_pydantic_core_schema__(cls, _: Any, __: Any) -> "CoreSchema":
        """Take any text; what is written of it is without secrets."""
        from pydantic_core import core_schema  # serving and the command read this module without it

        return core_schema.no_info_wrap_validator_function(
            lambda given, check: given if isinstance(given, cls) else cls(check(given)), core_schema.str_schema()
        )


def basic_auth(user: str, password: str) -> dict[str, str]:
    """Return the header of HTTP's basic authentication."""
    return {"Authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"}


def redacted(address: str) -> str:
    """Return an address without user, password, query and fragment, which may hold secrets; it needn't be valid."""
    found = SCHEME.match(address)
    if found is None or found[1].lower() in PLAIN:
        return address
    start = len(found[0]) + len(address[found.end() :]) - len(address[found.end() :].lstrip("/"))
    user, query = _parts(address)
    rest = address[start:]
    if user:
        rest = rest[len(user) + 1 :]
    if query:
        rest = rest[: -len(query) - 1]
    elif rest.endswith(("?", "#")):
        rest = rest[:-1]
    name = user.partition(":")[0] if found[1].lower() in NAMED_USER else ""
    return address[:start] + (f"{name}@" if name else "") + rest


def without_credentials(text: str) -> str:
    """Return a text whose URLs have no user, password or query: the last net for what others' programs say."""
    return URL.sub(lambda found: redacted(found[0]), text) if "://" in text else text


def hidden(value: Any) -> Any:
    """Return JSON, of whatever form, whose texts have no credentials in URLs."""
    if isinstance(value, str):
        return without_credentials(value)
    if isinstance(value, dict):
        return {key: hidden(one) for key, one in value.items()}
    return [hidden(one) for one in value] if isinstance(value, list | tuple) else value


def _parts(address: str) -> tuple[str, str]:
    """Return what stands before the host, without its `@`, and what follows the path, without its `?` or `#`.

    A password that isn't encoded may hold `/`, `?` or `#`: then what looks like a host is none, since its port isn't.
    """
    rest = address.partition(":")[2].lstrip("/")
    host = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if "@" in host:
        user = host.rpartition("@")[0]
    elif "@" in rest and not PORT.fullmatch(host):
        user = rest.rpartition("@")[0]
    else:
        user = ""
    rest = rest[len(user) + 1 :] if user else rest
    path = re.split(r"[?#]", rest, maxsplit=1)
    return user, path[1] if len(path) > 1 else ""


def host_of(address: str) -> str:
    """Return the host of a URL in lower case; empty where there is none, or the URL isn't valid."""
    try:
        return (urlsplit(address).hostname or "").lower()
    except ValueError:
        return ""
