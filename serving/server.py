"""The composition root of the server: Gunicorn, its workers, and what each of them holds."""

import asyncio
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.workers.gasgi import ASGIWorker

from serving.lane import Lane
from serving.service import Service, open_service
from serving.settings import ServingSettings, load_serving_settings

FLASK_THREADS = 4


class Server(BaseApplication):  # type: ignore[misc]
    """Gunicorn, set up in code alone: it reads neither a configuration file nor the command line."""

    def __init__(self, settings: ServingSettings) -> None:
        self._settings = settings
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
        }.items():
            self.cfg.set(key, value)

    def load(self) -> ServingSettings:
        """Return what a worker builds its app from, after the fork."""
        return self._settings


class Worker(ASGIWorker):  # type: ignore[misc]
    """One process: loads its models, then listens; follows the pointer file on its event loop."""

    service: Service

    def load_wsgi(self) -> None:
        """Build what this process holds."""
        settings: ServingSettings = self.app.wsgi()
        self.service = open_service(settings)
        self.service.repository.refresh()
        self.asgi = build_lane(self.service)
        self.loop.create_task(follow_pointer(self.service))


def build_lane(service: Service) -> Lane:
    """Return the ASGI app of one process."""
    from a2wsgi import WSGIMiddleware

    from serving.app import build_app

    rest: Any = WSGIMiddleware(build_app(service, follow=False), workers=FLASK_THREADS)  # type: ignore[arg-type]
    return Lane(service, rest)


async def follow_pointer(service: Service) -> None:
    """Load what the pointer file names whenever it is replaced, in a thread, while requests go on."""
    while True:
        await asyncio.sleep(service.settings.poll_seconds)
        if service.repository.changed():
            await asyncio.to_thread(service.repository.refresh)


def serve(settings: ServingSettings | None = None) -> None:
    """Serve until told to stop by SIGTERM or SIGINT."""
    Server(settings or load_serving_settings()).run()
