"""The composition root of the server: Gunicorn, its workers, and what each of them holds."""

import asyncio
from typing import Any

import structlog
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.workers.gasgi import ASGIWorker

from serving.lane import Lane
from serving.roster import sign_off
from serving.service import Service, Shared, open_service, share
from serving.settings import ServingSettings, load_serving_settings

FLASK_THREADS = 4
SPARE_SLOTS = 32
"""While workers are replaced there are more of them than the settings say."""


class Server(BaseApplication):  # type: ignore[misc]
    """Gunicorn, set up in code alone: it reads neither a configuration file nor the command line."""

    def __init__(self, settings: ServingSettings) -> None:
        self._settings = settings
        slots = settings.workers + SPARE_SLOTS
        self.shared = share(settings, slots)
        self._free = list(range(slots - 1, -1, -1))
        super().__init__()

    def load_config(self) -> None:
        """Hand the settings to Gunicorn."""
        settings = self._settings
        for key, value in {
            "bind": f"{settings.host}:{settings.port}",
            "workers": settings.workers,
            "worker_class": f"{__name__}.{Worker.__name__}",
            "graceful_timeout": settings.graceful_timeout,
            "keepalive": settings.keepalive,
            "asgi_lifespan": "off",
            "control_socket_disable": True,
            "accesslog": None,
            "pre_fork": self._take_slot,
            "child_exit": self._give_slot_back,
        }.items():
            self.cfg.set(key, value)

    def load(self) -> tuple[ServingSettings, Shared]:
        """Return what a worker builds its app from, after the fork."""
        return self._settings, self.shared

    def _take_slot(self, _: Arbiter, worker: "Worker") -> None:
        worker.slot = self._free.pop()

    def _give_slot_back(self, _: Arbiter, worker: "Worker") -> None:
        sign_off(self.shared.board, worker.slot)
        self._free.append(worker.slot)


class Worker(ASGIWorker):  # type: ignore[misc]
    """One process: loads its models, then listens; follows the pointer file on its event loop."""

    slot: int
    service: Service

    def load_wsgi(self) -> None:
        """Build what this process holds."""
        settings, shared = self.app.wsgi()
        self.service = open_service(settings, shared, self.slot)
        self.service.repository.refresh()
        self.asgi = build_lane(self.service)
        self.loop.create_task(keep_up(self.service))

    def run(self) -> None:
        """Serve until told to stop, and leave nothing uncounted."""
        try:
            super().run()
        finally:
            self.service.flush()


def build_lane(service: Service) -> Lane:
    """Return the ASGI app of one process."""
    from a2wsgi import WSGIMiddleware

    from serving.app import build_app

    rest: Any = WSGIMiddleware(build_app(service, follow=False), workers=FLASK_THREADS)  # type: ignore[arg-type]
    return Lane(service, rest)


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


def serve(settings: ServingSettings | None = None) -> None:
    """Serve until told to stop by SIGTERM or SIGINT."""
    Server(settings or load_serving_settings()).run()
