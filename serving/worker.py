"""One process of the server: loads its models, then listens; follows the pointer file on its event loop."""

import asyncio
import os

import structlog
from gunicorn.workers.gasgi import ASGIWorker

from serving.app import build_app
from serving.auth.keys import follow_keys
from serving.connection.dispatcher import Dispatcher
from serving.connection.listener import Listener
from serving.connection.protocol import Connection
from serving.service import Service, open_service

TICK_SECONDS = 1.0
"""How often the master is told that the worker lives, and connections are looked through."""
REQUEST_SECONDS = 60.0
"""How long a client may pause in the middle of a request."""
LINGER_SECONDS = 1.0
"""When the server stops, a connection that is quiet for so long is closed; others are told to close by their answer."""


class Worker(ASGIWorker):  # type: ignore[misc]
    """Gunicorn's asyncio worker with connections of our own."""

    slot: int
    """Place in the shared memory; given by the master before the fork."""
    service: Service
    dispatcher: Dispatcher

    def load_wsgi(self) -> None:
        """Build what this process holds."""
        settings, shared = self.app.wsgi()
        self.service = open_service(settings, shared, self.slot)
        self.service.authenticator.refresh()
        self.service.repository.refresh()
        self.dispatcher = Dispatcher(self.loop, self.service, build_app(self.service, follow=False))
        self._wake = asyncio.Event()

    def handle_exit_signal(self) -> None:
        """Stop, letting requests end."""
        super().handle_exit_signal()
        self._wake.set()

    def handle_quit_signal(self) -> None:
        """Stop at once."""
        super().handle_quit_signal()
        self._wake.set()

    async def _serve(self) -> None:
        keeping_up = self.loop.create_task(keep_up(self.service))
        following_keys = self.loop.create_task(
            follow_keys(self.service.authenticator, self.service.settings.poll_seconds)
        )
        listeners = [
            Listener(self.loop, listener.sock, lambda: Connection(self.dispatcher)) for listener in self.sockets
        ]
        while self.alive and self.ppid == os.getppid():
            self.notify()
            self.dispatcher.sweep(self.loop.time(), self.cfg.keepalive, REQUEST_SECONDS)
            try:
                await asyncio.wait_for(self._wake.wait(), TICK_SECONDS)
            except TimeoutError:
                continue
        self.dispatcher.stopping = True
        for listener in listeners:
            await listener.close()
        await self._let_requests_end()
        keeping_up.cancel()
        following_keys.cancel()
        self.service.flush()

    async def _let_requests_end(self) -> None:
        deadline = self.loop.time() + self.cfg.graceful_timeout
        while self.dispatcher.connections and not self._quick_shutdown and self.loop.time() < deadline:
            self.notify()
            self.dispatcher.sweep(self.loop.time(), LINGER_SECONDS, REQUEST_SECONDS)
            await asyncio.sleep(0.05)
        for connection in list(self.dispatcher.connections):
            connection.close()


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
