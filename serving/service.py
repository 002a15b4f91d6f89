"""What one server process holds, put together from the settings."""

from dataclasses import dataclass

from serving.auth import Authenticator, open_authenticator
from serving.exchange import Headers, RequestIds
from serving.limits import RateLimiter
from serving.repository import Repository
from serving.settings import ServingSettings


@dataclass(frozen=True)
class Service:
    """The parts that answer requests."""

    settings: ServingSettings
    authenticator: Authenticator
    repository: Repository
    request_ids: RequestIds
    limiter: RateLimiter | None = None

    def admit(self, headers: Headers) -> None:
        """Let a request in.

        Raises:
            Problem: 401, 403 or 429.
        """
        caller = self.authenticator.admit(headers)
        if self.limiter is not None:
            self.limiter.admit(caller)


def open_service(settings: ServingSettings) -> Service:
    """Make the parts; loads no model yet.

    Raises:
        SettingsError: the keys can't be read.
    """
    return Service(
        settings=settings,
        authenticator=open_authenticator(settings),
        repository=Repository(settings.releases, settings.default_model),
        request_ids=RequestIds(),
    )
