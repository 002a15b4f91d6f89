"""The ways by which a notice goes out: each sends it once, or says why it can't."""

import json
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import suppress
from email.message import EmailMessage
from email.utils import formatdate, getaddresses
from typing import Protocol
from urllib.parse import urlsplit

from molino.client import open_pool
from molino.contracts.address import HIDDEN, Address, host_of
from molino.contracts.errors import MolinoError, NoticeError
from molino.contracts.tidy import in_a_line
from molino.notice.message import TEXT, Notice
from molino.notice.settings import NoticeSettings

PASSING = frozenset({408, 425, 429})
"""Answers below 500 after which another try may go well."""
LEAVE_SECONDS = 1.0
"""For a mail server to say good-bye."""


class Channel(Protocol):
    """One way."""

    name: str
    reached: bool
    """Whether anybody has it: who sends it once more tells them twice."""

    def send(self, notice: Notice, seconds: float) -> None:
        """Send it to those who haven't got it yet.

        Raises:
            NoticeError: it wasn't taken; `passes` tells whether another try may go well.
        """


def channels(settings: NoticeSettings) -> Iterator[Channel]:
    """Yield those that are set up."""
    if settings.webhook:
        yield Webhook(settings.webhook.get_secret_value())
    if settings.slack:
        yield Slack(settings.slack.get_secret_value())
    if settings.mail_server:
        yield Mail(settings, settings.mail_server)


class Webhook:
    """A POST of JSON."""

    name = "webhook"

    def __init__(self, url: str) -> None:
        self._url = url
        self.reached = False

    def body(self, notice: Notice) -> dict[str, object]:
        """Return what is posted."""
        return notice.as_json()

    def send(self, notice: Notice, seconds: float) -> None:
        """Post it; no redirection is followed, for the URL may be a secret."""
        import urllib3

        told = json.dumps(self.body(notice)).encode()
        headers = {"Content-Type": "application/json", **urllib3.make_headers(user_agent="molino")}
        headers |= Address(self._url).authorization
        try:
            with open_pool(self._url, timeout=urllib3.Timeout(total=seconds), retries=False) as pool:
                response = pool.request(
                    "POST", self._url, body=told, headers=headers, redirect=False, preload_content=False
                )
                response.close()
        except (urllib3.exceptions.HTTPError, MolinoError, OSError, ValueError) as error:
            raise NoticeError(f"{self.name} at {host_of(self._url)}: {self._cause(error)}", passes=True) from None
        if response.status // 100 != 2:
            passes = response.status >= 500 or response.status in PASSING
            moved = (
                ", and no redirection is followed: set the URL where it is now" if response.status // 100 == 3 else ""
            )
            cause = f"{self.name} at {host_of(self._url)}: it answers {response.status}{moved}"
            raise NoticeError(cause, passes=passes)
        self.reached = True

    def _cause(self, error: Exception) -> str:
        """Return why there was no answer; paths of such URLs are secrets too."""
        cause = str(error).rpartition(": ")[2] or type(error).__name__
        parts = urlsplit(self._url)
        for secret in (self._url, f"{parts.path}?{parts.query}", parts.path):
            cause = cause.replace(secret, HIDDEN) if len(secret) > 1 else cause
        return in_a_line(cause)


class Slack(Webhook):
    """An incoming webhook of Slack, in the form that others take too."""

    name = "slack"

    def body(self, notice: Notice) -> dict[str, object]:
        """Return the text; what is between `<` and `>` would be Slack's markup."""
        links = " · ".join(f"<{url}|{title}>" for title, url in notice.links.items())
        told = [f"{title}: {_escaped(fact)}" for title, fact in notice.facts.items()]
        return {TEXT: "\n".join([f"*{_escaped(notice.title)}*", *told, *([links] if links else [])])}


class Mail:
    """A mail by SMTP."""

    name = "mail"

    def __init__(self, settings: NoticeSettings, server: str) -> None:
        self._settings = settings
        self._server = server
        self._left = [address for _, address in getaddresses([", ".join(settings.recipients)])]
        """Addresses of those who haven't got it."""
        self.reached = False

    def send(self, notice: Notice, seconds: float) -> None:
        """Send it to all recipients at once, and after that to those who were refused."""
        try:
            with self._connect(seconds) as server:
                try:
                    refused = self._post(server, self._message(notice))
                finally:
                    _leave(server)
        except smtplib.SMTPResponseException as error:
            cause = self._hidden(f"it answers {_said(error.smtp_code, error.smtp_error)}")
            raise NoticeError(f"mail by {self._server}: {cause}", passes=error.smtp_code < 500) from None
        except (smtplib.SMTPException, OSError, ValueError) as error:
            cause = self._hidden(str(error) or type(error).__name__)
            passes = not isinstance(error, (smtplib.SMTPNotSupportedError, ValueError))
            raise NoticeError(f"mail by {self._server}: {cause}", passes=passes) from None
        if refused:
            told = "; ".join(f"{address} ({_said(*answer)})" for address, answer in refused.items())
            passes = min(code for code, _ in refused.values()) < 500
            raise NoticeError(f"mail by {self._server}: it refuses {self._hidden(told)}", passes=passes)

    def _post(self, server: smtplib.SMTP, message: EmailMessage) -> dict[str, tuple[int, bytes]]:
        """Return which of the recipients the server refuses, with its answers; the others have the mail."""
        try:
            refused = server.send_message(message, to_addrs=self._left)
        except smtplib.SMTPRecipientsRefused as error:
            return error.recipients
        self.reached, self._left = True, list(refused)
        return refused

    def _connect(self, seconds: float) -> smtplib.SMTP:
        settings = self._settings
        if settings.mail_security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                self._server, settings.mail_port, timeout=seconds, context=ssl.create_default_context()
            )
        else:
            server = smtplib.SMTP(self._server, settings.mail_port, timeout=seconds)
        try:
            if settings.mail_security == "starttls":
                server.starttls(context=ssl.create_default_context())
            if settings.mail_username and settings.mail_password:
                server.login(settings.mail_username.get_secret_value(), settings.mail_password.get_secret_value())
        except BaseException:
            server.close()
            raise
        return server

    def _message(self, notice: Notice) -> EmailMessage:
        message = EmailMessage()
        message["From"] = self._settings.mail_from
        message["To"] = ", ".join(self._settings.recipients)
        message["Subject"] = notice.title
        message["Date"] = formatdate()
        message["Message-ID"] = f"<{notice.model}.{notice.digest}@molino>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(notice.text)
        return message

    def _hidden(self, cause: str) -> str:
        """Return what a server said, without what it was told."""
        for secret in (self._settings.mail_password, self._settings.mail_username):
            hidden = secret.get_secret_value() if secret else ""
            cause = cause.replace(hidden, HIDDEN) if len(hidden) > 3 else cause  # `a` isn't a secret
        return in_a_line(cause)


def _leave(server: smtplib.SMTP) -> None:
    """End the conversation; whether the server has the mail was said before, however it takes its leave."""
    with suppress(smtplib.SMTPException, OSError):
        if server.sock is not None:
            server.sock.settimeout(LEAVE_SECONDS)
        server.quit()


def _said(code: int, answer: bytes | str) -> str:
    return f"{code} {answer.decode(errors='replace') if isinstance(answer, bytes) else answer}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
