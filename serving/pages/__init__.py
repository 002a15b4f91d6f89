"""The pages for people: `/` to look at the models and try one, `/docs` for the contract, and what was refused.

They need no internet.
"""

from pathlib import Path
from typing import Any

from flask import Response, render_template, request, send_from_directory

from molino import __version__
from serving.http.exchange import Headers
from serving.http.problems import Problem, title_of
from serving.service import Service

POLICY = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
"""Nothing is loaded from elsewhere, and no script stands inside a page."""
STATIC = Path(__file__).parent / "static"


def show_home(_: Service) -> Response:
    """Return the page of the models."""
    return _page("home.html", request.script_root)


def show_docs(_: Service) -> Response:
    """Return the page of the contract."""
    return _page("docs.html", request.script_root)


def send_static(_: Service, filename: str) -> Response:
    """Return one of the pages' own files."""
    return send_from_directory(STATIC, filename)


def show_problem(problem: Problem, prefix: str, request_id: str) -> Response:
    """Return a refusal as a page of a server that stands under a prefix."""
    title = title_of(problem.status)
    told = {"status": problem.status, "title": title, "detail": problem.detail, "request_id": request_id}
    response = _page("problem.html", prefix, **told)
    response.status_code = problem.status
    response.headers["Cache-Control"] = "no-store"
    response.headers["Vary"] = "Accept"
    return response


def wants_page(method: str, headers: Headers) -> bool:
    """Return whether a request looks for a page: browsers name HTML first, programs don't name it."""
    kinds = headers.get(b"accept", b"").lower().split(b",")
    return method in ("GET", "HEAD") and kinds[0].partition(b";")[0].strip() == b"text/html"


def _page(template: str, root: str, **told: Any) -> Response:
    html = render_template(template, version=__version__, root=root, **told)
    response = Response(html, content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
