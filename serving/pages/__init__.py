"""The pages for people: `/` to look at the models and try one, `/docs` for the contract. They need no internet."""

from pathlib import Path

from flask import Response, render_template, request, send_from_directory

from molino import __version__
from serving.service import Service

POLICY = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
"""Nothing is loaded from elsewhere, and no script stands inside a page."""
STATIC = Path(__file__).parent / "static"


def show_home(_: Service) -> Response:
    """Return the page of the models."""
    return _page("home.html")


def show_docs(_: Service) -> Response:
    """Return the page of the contract."""
    return _page("docs.html")


def send_static(_: Service, filename: str) -> Response:
    """Return one of the pages' own files."""
    return send_from_directory(STATIC, filename)


def _page(template: str) -> Response:
    response = Response(
        render_template(template, version=__version__, root=request.script_root),
        content_type="text/html; charset=utf-8",
    )
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
