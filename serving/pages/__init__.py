"""The pages for people: `/` to look at the models and try one, `/docs` for the contract. They need no internet."""

from flask import Blueprint, Response, render_template

from molino import __version__
from serving.reports.openapi import encode_contract
from serving.service import Service

POLICY = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
"""Nothing is loaded from elsewhere, and no script stands inside a page."""


def make_pages(service: Service) -> Blueprint:
    """Return the routes of the pages, and of the contract that `/docs` shows."""
    pages = Blueprint("pages", __name__, template_folder="templates", static_folder="static", static_url_path="/static")

    @pages.get("/")
    def home() -> Response:
        return _page("home.html")

    @pages.get("/docs")
    def docs() -> Response:
        return _page("docs.html")

    @pages.get("/openapi.json")
    def contract() -> Response:
        return Response(encode_contract(service), content_type="application/json")

    return pages


def _page(template: str) -> Response:
    response = Response(render_template(template, version=__version__), content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
