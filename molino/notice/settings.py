"""Who is told of what, and how: `MOLINO_NOTICE_*` variables."""

from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from molino.contracts.address import Address, host_of
from molino.contracts.loopback import is_loopback
from molino.notice.message import EVENTS


class NoticeSettings(BaseSettings):
    """Without any variable set, nobody is told."""

    model_config = SettingsConfigDict(env_prefix="MOLINO_NOTICE_", env_ignore_empty=True, frozen=True, extra="ignore")

    events: str = ",".join(EVENTS)
    """What is told, with commas between."""
    webhook: SecretStr | None = None
    """URL that gets each notice as JSON, by POST."""
    slack: SecretStr | None = None
    """URL of an incoming webhook of Slack, or of what takes the same, such as Mattermost and Rocket.Chat."""
    mail_to: str = ""
    """Addresses that get each notice as mail, with commas between."""
    mail_from: str = ""
    mail_server: str | None = None
    """Host of the mail server."""
    mail_port: int = Field(default=587, gt=0, lt=2**16)
    mail_security: Literal["starttls", "tls", "none"] = "starttls"
    """How the connection is encrypted: `starttls`, `tls` from its first byte, or `none`."""
    mail_username: SecretStr | None = None
    mail_password: SecretStr | None = None
    mlflow_url: Address | None = None
    """Where people open MLflow."""
    serving_url: Address | None = None
    """Where people open the pages of the serving API."""

    @model_validator(mode="before")
    @classmethod
    def _without_blanks(cls, given: Any) -> Any:
        """Take what is around a value for nothing of it: a Secret that is made of a file ends with a line break."""
        tidied = {name: value.strip() if isinstance(value, str) else value for name, value in given.items()}
        return {name: value for name, value in tidied.items() if value != ""}

    @field_validator("events")
    @classmethod
    def _are_known(cls, events: str) -> str:
        if unknown := [name for name in _parted(events) if name not in EVENTS]:
            raise ValueError(f"expected some of {', '.join(EVENTS)}, not {', '.join(unknown)}")
        return events

    @field_validator("webhook", "slack")
    @classmethod
    def _is_a_url(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not _is_web_address(url.get_secret_value()):
            raise ValueError("expected a URL such as https://hooks.example.com/…")
        return url

    @field_validator("mail_to", "mail_from")
    @classmethod
    def _is_a_header(cls, addresses: str) -> str:
        if not addresses.isprintable():
            raise ValueError("expected mail addresses with commas between, in one line")
        return addresses

    @field_validator("mail_username", "mail_password")
    @classmethod
    def _logs_in(cls, word: SecretStr | None) -> SecretStr | None:
        if word is not None and not word.get_secret_value().isascii():
            raise ValueError("expected ASCII, which is all that a login by SMTP can have")
        return word

    @model_validator(mode="after")
    def _mail_is_whole(self) -> Self:
        if self.mail_server and not (_parted(self.mail_to) and self.mail_from):
            raise ValueError("MOLINO_NOTICE_MAIL_SERVER wants MOLINO_NOTICE_MAIL_TO and MOLINO_NOTICE_MAIL_FROM")
        if bool(self.mail_username) != bool(self.mail_password):
            raise ValueError("MOLINO_NOTICE_MAIL_USERNAME and MOLINO_NOTICE_MAIL_PASSWORD are one login: set both")
        plain = self.mail_security == "none" and not is_loopback(self.mail_server or "")
        if self.mail_server and self.mail_password and plain:
            raise ValueError("MOLINO_NOTICE_MAIL_PASSWORD isn't sent without TLS: set MOLINO_NOTICE_MAIL_SECURITY")
        return self

    @property
    def told(self) -> frozenset[str]:
        """The events that are told."""
        return frozenset(_parted(self.events))

    @property
    def recipients(self) -> tuple[str, ...]:
        """Addresses of the mail."""
        return _parted(self.mail_to)

    @property
    def on(self) -> bool:
        """Whether anybody is told of anything."""
        return bool(self.webhook or self.slack or self.mail_server)


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(host_of(url)) and parts.port != 0
    except ValueError:
        return False


def _parted(text: str) -> tuple[str, ...]:
    return tuple(part for word in text.split(",") if (part := word.strip()))
