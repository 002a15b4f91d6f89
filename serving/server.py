"""The composition root of the server: Gunicorn, set up from the settings, and the memory its workers share."""

import gc

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

from molino.contracts.listening import listen_address
from serving.auth.keys import open_authenticator, warn
from serving.http.listener import open_no_more
from serving.inference.served_versions import sign_off
from serving.server_log import ServerLog
from serving.service import Shared, share
from serving.settings import ServingSettings, load_serving_settings
from serving.worker import Worker

SPARE_SLOTS = 32
"""While workers are replaced there are more of them than the settings say."""


class Master(Arbiter):  # type: ignore[misc]
    """Gunicorn's master, which takes no more connections before it has the workers stop."""

    def stop(self, graceful: bool = True) -> None:
        """Stop the workers."""
        for listener in self.LISTENERS:
            open_no_more(listener.sock)
        super().stop(graceful)


class Server(BaseApplication):  # type: ignore[misc]
    """Gunicorn, set up in code alone: it reads neither a configuration file nor the command line."""

    def __init__(self, settings: ServingSettings) -> None:
        self._settings = settings
        warn(open_authenticator(settings))
        slots = settings.workers + SPARE_SLOTS
        self.shared = share(settings, slots)
        self._free = list(range(slots - 1, -1, -1))
        super().__init__()

    def load_config(self) -> None:
        """Hand the settings to Gunicorn."""
        settings = self._settings
        for key, value in {
            "bind": bind_address(settings.host, settings.port),
            "workers": settings.workers,
            "worker_class": Worker,
            "graceful_timeout": settings.graceful_timeout,
            "keepalive": settings.keepalive,
            "asgi_disconnect_grace_period": 0,
            "control_socket_disable": True,
            "logger_class": ServerLog,
            "when_ready": self._keep_shared,
            "pre_fork": self._take_slot,
            "child_exit": self._give_slot_back,
        }.items():
            self.cfg.set(key, value)

    def load(self) -> tuple[ServingSettings, Shared]:
        """Return what a worker builds its app from, after the fork."""
        return self._settings, self.shared

    def run(self) -> None:
        """Serve until told to stop."""
        Master(self).run()

    def _keep_shared(self, _: Arbiter) -> None:
        """Keep the workers' search for cycles from what was there before them.

        It writes to every object that it visits: each worker would get a copy of all memory that they share.
        """
        gc.collect()
        gc.freeze()

    def _take_slot(self, _: Arbiter, worker: Worker) -> None:
        worker.slot = self._free.pop()

    def _give_slot_back(self, _: Arbiter, worker: Worker) -> None:
        sign_off(self.shared.counters, worker.slot)
        self._free.append(worker.slot)


def bind_address(host: str, port: int) -> str:
    """Return where to listen as Gunicorn reads it: an IPv6 address in brackets. `::` takes IPv4 too, `*` both."""
    host = listen_address(host.strip("[]"))
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def serve(settings: ServingSettings | None = None) -> None:
    """Serve until told to stop by SIGTERM or SIGINT."""
    Server(settings or load_serving_settings()).run()
