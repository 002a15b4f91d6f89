"""Gunicorn's own log as JSON lines, like all others."""

from typing import Any

import structlog
from gunicorn.glogging import Logger


class ServerLog(Logger):  # type: ignore[misc]
    """Hands Gunicorn's messages to structlog; there is no access log here, the workers write their own."""

    def setup(self, cfg: Any) -> None:
        """Set up nothing: the settings of the process hold."""
        self.cfg = cfg
        self._log = structlog.get_logger()

    @property
    def access_log_enabled(self) -> bool:
        """Tell that Gunicorn is to write no access log."""
        return False

    def critical(self, msg: str, *args: Any, **_: Any) -> None:
        """Log what ends the server or a worker."""
        self._log.critical(_text(msg, args))

    def error(self, msg: str, *args: Any, **_: Any) -> None:
        """Log an error."""
        self._log.error(_text(msg, args))

    def warning(self, msg: str, *args: Any, **_: Any) -> None:
        """Log a warning."""
        self._log.warning(_text(msg, args))

    def info(self, msg: str, *args: Any, **_: Any) -> None:
        """Log what happens."""
        self._log.info(_text(msg, args))

    def debug(self, msg: str, *args: Any, **_: Any) -> None:
        """Leave out what is for Gunicorn's authors."""

    def exception(self, msg: str, *args: Any, **_: Any) -> None:
        """Log an error with its traceback."""
        self._log.exception(_text(msg, args))

    def log(self, _level: int, msg: str, *args: Any, **_: Any) -> None:
        """Log at another level."""
        self._log.info(_text(msg, args))

    def reopen_files(self) -> None:
        """Have no files to open again."""

    def close_on_exec(self) -> None:
        """Have no files to close."""


def _text(message: str, values: tuple[Any, ...]) -> str:
    return message % values if values else message
