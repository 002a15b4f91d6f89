"""What one server process holds, put together from the settings."""

import asyncio
import contextvars
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from molino.contracts.trace_context import Place
from serving.auth.callers import KeysOnTheWay
from serving.auth.keys import Authenticator, open_authenticator
from serving.auth.rate_limits import RateLimiter, RateTable
from serving.auth.scopes import require_scope
from serving.http.access_log import AccessLog
from serving.http.compression import TooLargeError, pack, takes_gzip, unpack
from serving.http.exchange import Answer, RequestIds
from serving.http.problems import Problem
from serving.http.proxies import Proxies
from serving.http.requests import Request
from serving.inference.repository import Repository
from serving.inference.served_versions import ServedVersions
from serving.metrics.request_counters import RequestCounters, Series
from serving.metrics.shared_counters import SharedCounters
from serving.settings import ServingSettings

METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE"})
PREDICT_THREADS = 2
KEYS_SECONDS = 6.0
"""How long a request waits for a fetch of signing keys, which ends within that."""
PACKED_INLINE_BYTES = 32 * 1024
"""Answers above this size are packed in a thread."""
NOT_PACKED = (b"image/png", b"image/jpeg")
PARTIAL = 206


@dataclass(frozen=True)
class Shared:
    """What the processes of one server share; made before they are forked."""

    counters: SharedCounters
    rates: RateTable | None
    started: float


@dataclass(frozen=True)
class Service:
    """The parts that answer requests."""

    settings: ServingSettings
    authenticator: Authenticator
    repository: Repository
    served_versions: ServedVersions
    request_counters: RequestCounters
    shared: Shared
    limiter: RateLimiter | None
    access_log: AccessLog | None
    proxies: Proxies
    request_ids: RequestIds = field(default_factory=RequestIds)
    contracts: dict[object, bytes] = field(default_factory=dict)
    """The OpenAPI document by what is served."""
    threads: Executor = field(default_factory=lambda: ThreadPoolExecutor(PREDICT_THREADS, "predict"))

    def admit(self, request: Request) -> None:
        """Let a request in, and keep who asks.

        Raises:
            Problem: 401, 403 or 429.
            KeysOnTheWay: a token can't be judged yet.
        """
        caller = self.authenticator.admit(request.headers)
        request.caller, request.scopes = caller.name, caller.scopes
        if self.limiter is not None:
            self.limiter.admit(caller)
        if caller.scopes is not None:
            default = self.repository.default
            require_scope(caller, request.path, default.name if default else None)

    async def wait_for_keys(self, on_the_way: KeysOnTheWay) -> None:
        """Wait for signing keys that are being fetched."""
        await asyncio.wait((asyncio.wrap_future(on_the_way.fetch),), timeout=KEYS_SECONDS)

    def read_json(self, request: Request, undeclared: bool = False) -> Awaitable[bytes]:
        """Return the JSON body of a request within the server's limits, unpacked; see `Request.read_json`."""
        settings, packed = self.settings, request.packed
        body = request.read_json(settings.max_body_bytes, settings.request_seconds, undeclared)
        return self._unpack(body) if packed else body

    async def _unpack(self, body: Awaitable[bytes]) -> bytes:
        """Unpack a body; what may hold others up goes into a thread."""
        packed = await body
        most, inline = self.settings.max_body_bytes, min(self.settings.thread_bytes, self.settings.max_body_bytes)
        try:
            if len(packed) <= inline:
                with suppress(TooLargeError):
                    return unpack(packed, inline)
            return await asyncio.get_running_loop().run_in_executor(self.threads, unpack, packed, most)
        except TooLargeError as error:
            raise Problem(413, f"the body unpacks to more than {most} bytes") from error

    async def pack(self, request: Request, answer: Answer) -> None:
        """Put a large answer in gzip where the client takes it; a range is one of the file as it is."""
        if answer.content_type in NOT_PACKED or answer.status == PARTIAL:
            return
        packed = takes_gzip(request.headers.get(b"accept-encoding", b""))
        if packed and len(answer.body) <= PACKED_INLINE_BYTES:
            answer.body = pack(answer.body)
        elif packed:
            answer.body = await asyncio.get_running_loop().run_in_executor(self.threads, pack, answer.body)
        coding = ((b"content-encoding", b"gzip"),) if packed else ()
        told = tuple(
            (name, b"W/" + value if packed and _is_strong(name, value) else value) for name, value in answer.headers
        )
        answer.headers = (*told, *coding, (b"vary", b"accept-encoding"))

    async def work(self, size: int, function: Callable[..., Answer], *arguments: Any) -> Answer:
        """Return what a function answers to a body of a size; a large one in a thread, since others would wait."""
        if size <= self.settings.thread_bytes:
            return function(*arguments)
        return await self.work_aside(function, *arguments)

    async def work_aside(self, function: Callable[..., Answer], *arguments: Any) -> Answer:
        """Return what a function answers that takes its time, in a thread."""
        context = contextvars.copy_context()
        return await asyncio.get_running_loop().run_in_executor(self.threads, context.run, function, *arguments)

    def finish(
        self,
        route: str,
        method: str,
        path: str,
        answer: Answer,
        seconds: float,
        client: str = "",
        trace: Place | None = None,
    ) -> None:
        """Count and log a request that was answered."""
        series = Series(route, method if method in METHODS else "other", answer.status, answer.model, answer.version)
        self.request_counters.count(series, seconds, answer.rows)
        if self.access_log is not None:
            self.access_log.write(method, path, seconds, answer, client, trace)

    def failures(self) -> dict[str, str]:
        """Return why models fail in any worker, this one's reasons first, by name; `` for the pointer file itself."""
        own = {
            name.encode("utf-8", "replace").decode(): cause for name, cause in self.repository.state.failures.items()
        }
        return {**self.served_versions.failures(), **own}

    def flush(self) -> None:
        """Write and count what was gathered."""
        self.served_versions.flush()
        if self.access_log is not None:
            self.access_log.flush()


def share(settings: ServingSettings, slots: int) -> Shared:
    """Map the shared memory."""
    rates = RateTable(settings.rate_limit) if settings.rate_limit else None
    return Shared(SharedCounters(slots), rates, time.time())


def open_service(settings: ServingSettings, shared: Shared | None = None, slot: int = 0) -> Service:
    """Make the parts of one process, in its slot of what is shared; loads no model yet.

    Raises:
        SettingsError: the keys can't be read.
    """
    shared = shared or share(settings, slots=1)
    own = shared.counters.worker(slot)
    served_versions = ServedVersions(shared.counters, own, slot, settings.drift_windows)
    limiter = RateLimiter(shared.rates, settings.rate_window_seconds) if shared.rates else None
    return Service(
        settings=settings,
        authenticator=open_authenticator(settings),
        repository=Repository(settings.releases, settings.default_model, served_versions),
        served_versions=served_versions,
        request_counters=RequestCounters(shared.counters, own),
        shared=shared,
        limiter=limiter,
        access_log=AccessLog(settings.access_log_share) if settings.access_log else None,
        proxies=Proxies(settings.trusted_proxies, settings.path_prefix),
    )


def _is_strong(name: bytes, value: bytes) -> bool:
    """Tell whether a header is a strong validator, which belongs to one coding alone (RFC 9110, 8.8.1)."""
    return name == b"etag" and not value.startswith(b"W/")
