"""A client of the app without a server: what a test needs to ask one request after the other."""

from a2wsgi import ASGIMiddleware
from werkzeug.test import Client

from serving.asgi import App
from serving.service import open_service
from serving.settings import ServingSettings


def make_client(settings: ServingSettings) -> Client:
    """Return a client of an app with its models loaded."""
    service = open_service(settings)
    service.repository.refresh()
    return Client(ASGIMiddleware(App(service)))  # type: ignore[arg-type]
