"""Keep copies of Kubernetes objects current: list them once, then follow what changes."""

import json
import ssl
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
WATCH_SECONDS = 240
PAUSE_SECONDS = 1.0
CONNECT_SECONDS = 10

Object = Mapping[str, Any]


class GoneError(Exception):
    """What was to be followed can't be followed from there any more: list it again."""


class Api:
    """The API server, asked as the pod's own service account."""

    def __init__(self, server: str = "https://kubernetes.default.svc", account: Path = ACCOUNT) -> None:
        self._server = server
        self._account = account
        self._context = ssl.create_default_context(cafile=str(account / "ca.crt"))

    def request(self, path: str, *, timeout: float = CONNECT_SECONDS) -> HTTPResponse:
        """Ask for a path and return the open answer."""
        return self._open(urllib.request.Request(self._server + path), timeout)

    def patch(self, path: str, change: Object) -> None:
        """Merge a change into an object."""
        kind = {"Content-Type": "application/merge-patch+json"}
        body = json.dumps(change).encode()
        self._open(urllib.request.Request(self._server + path, body, kind, method="PATCH"), CONNECT_SECONDS).close()

    def _open(self, request: urllib.request.Request, timeout: float) -> HTTPResponse:
        # The token is renewed from time to time: it is read for each request.
        request.add_header("Authorization", f"Bearer {(self._account / 'token').read_text().strip()}")
        answer = urllib.request.urlopen(request, timeout=timeout, context=self._context)
        assert isinstance(answer, HTTPResponse)
        return answer


class Mirror:
    """All objects of one kind, kept current by a thread of its own."""

    def __init__(self, api: Api, path: str, changed: Callable[[], None], selector: str = "") -> None:
        self._api = api
        self._path = path
        self._query = {"fieldSelector": selector} if selector else {}
        self._changed = changed
        self._objects: dict[str, Object] = {}
        self._lock = threading.Lock()
        self.listed = threading.Event()
        """Set once the objects are known."""
        threading.Thread(target=self._run, name=path, daemon=True).start()

    def objects(self) -> list[Object]:
        """Return the objects as they are known now."""
        with self._lock:
            return list(self._objects.values())

    def _run(self) -> None:
        while True:
            try:
                version = self._list()
                while True:
                    version = self._follow(version)
            except GoneError:
                continue
            except (OSError, HTTPException, ValueError) as error:
                print(f"{self._path}: {error!r}; asked again in {PAUSE_SECONDS} s", flush=True)
                time.sleep(PAUSE_SECONDS)

    def _list(self) -> str:
        with self._api.request(f"{self._path}?{urllib.parse.urlencode(self._query)}") as answer:
            found = json.load(answer)
        with self._lock:
            self._objects = {item["metadata"]["uid"]: item for item in found["items"]}
        self.listed.set()
        self._changed()
        return str(found["metadata"]["resourceVersion"])

    def _follow(self, version: str) -> str:
        """Take changes until the server ends its answer, and return where to go on."""
        query = {"watch": "1", "resourceVersion": version, "timeoutSeconds": str(WATCH_SECONDS)}
        query |= {"allowWatchBookmarks": "true", **self._query}
        path = f"{self._path}?{urllib.parse.urlencode(query)}"
        with self._api.request(path, timeout=WATCH_SECONDS + CONNECT_SECONDS) as answer:
            for line in answer:
                version = self._take(json.loads(line))
        return version

    def _take(self, event: Object) -> str:
        item = event["object"]
        if event["type"] == "ERROR":
            raise GoneError(item.get("message"))
        version = str(item["metadata"]["resourceVersion"])
        if event["type"] != "BOOKMARK":
            with self._lock:
                if event["type"] == "DELETED":
                    self._objects.pop(item["metadata"]["uid"], None)
                else:
                    self._objects[item["metadata"]["uid"]] = item
            self._changed()
        return version
