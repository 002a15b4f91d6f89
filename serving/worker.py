"""One process of the server: loads its models, then listens; follows the pointer file on its event loop."""

import asyncio
import os
import resource
import signal

import structlog
from gunicorn.workers.gasgi import ASGIWorker

from serving.asgi import App
from serving.auth.keys import follow_keys
from serving.http.connections import SPARE_FILES, Connection, Connections
from serving.http.listener import Listener
from serving.service import Service, open_service

TICK_SECONDS = 1.0
"""How often the master is told that the worker lives, and connections are looked through."""
LEAVE_SECONDS = 1.0
"""Of the grace time, what is left for leaving once the last connection is ended."""


class Worker(ASGIWorker):  # type: ignore[misc]
    """Gunicorn's ASGI worker, which follows the pointer file, bounds its connections, and stops in time.

    As it comes, the worker waits the whole grace time for connections on which nothing happens.
    """

    slot: int
    """Place in the shared memory; given by the master before the fork."""
    service: Service
    connections: Connections
    alive: bool
    stopping = False
    """Whether each answer is the last of its connection. `alive` stays: once it ends, Gunicorn closes connections whose
    client was told that they go on."""

    def load_wsgi(self) -> None:
        """Build what this process holds."""
        settings, shared = self.app.wsgi()
        self.service = open_service(settings, shared, self.slot)
        self.service.authenticator.refresh()
        self.service.repository.refresh()
        self.asgi = App(self.service)
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.connections = Connections(
            max(1, min(settings.max_connections, files - SPARE_FILES)),
            settings.keepalive,
            settings.head_seconds,
            settings.request_seconds,
        )
        self._wake = asyncio.Event()

    def init_signals(self) -> None:
        """Let a signal end the process until it serves: uvloop passes over those that come before it runs."""
        for number in self.SIGNALS:
            signal.signal(number, signal.SIG_DFL)

    def handle_exit_signal(self) -> None:
        """Stop, letting requests end."""
        self.stopping = True
        self._wake.set()

    def handle_quit_signal(self) -> None:
        """Stop at once."""
        super().handle_quit_signal()
        self._wake.set()

    async def _serve(self) -> None:
        super().init_signals()
        keeping_up = self.loop.create_task(keep_up(self.service))
        following_keys = self.loop.create_task(
            follow_keys(self.service.authenticator, self.service.settings.poll_seconds)
        )
        listeners = [Listener(listener.sock, lambda: Connection(self)) for listener in self.sockets]
        while self.alive and not self.stopping and self.ppid == os.getppid():
            self.notify()
            self.connections.sweep()
            try:
                await asyncio.wait_for(self._wake.wait(), TICK_SECONDS)
            except TimeoutError:
                continue
        self.stopping = True
        for listener in listeners:
            await listener.close()
        await self._let_requests_end()
        keeping_up.cancel()
        following_keys.cancel()
        self.service.flush()

    async def _let_requests_end(self) -> None:
        grace = self.cfg.graceful_timeout
        deadline = self.loop.time() + max(grace - LEAVE_SECONDS, grace / 2)
        while len(self.connections) and not self._quick_shutdown and self.loop.time() < deadline:
            self.notify()
            self.connections.sweep_out()
            await asyncio.sleep(0.05)
        self.connections.abort()


async def keep_up(service: Service) -> None:
    """Load what the pointer file names whenever it is replaced, while requests go on; write what was gathered."""
    while True:
        await asyncio.sleep(service.settings.poll_seconds)
        try:
            if service.repository.changed():
                await asyncio.to_thread(service.repository.refresh)
            service.flush()
        except Exception:
            structlog.get_logger().exception("keeping up failed")
