"""A real browser on a desktop's and on a phone's width, and a server of many models."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from bundles import HOUSING_ROW, build_housing, build_penguins
from running_server import RunningServer, run_server

from molino.contracts.pointer import bundle_path, write_pointer
from tests.chromium import CHROMIUM, open_browser

WIDTHS = {"desktop": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}
MANY = 12


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    pytest.importorskip("playwright.sync_api")
    with open_browser() as chromium:
        yield chromium


@pytest.fixture(scope="session")
def idle(browser: Any) -> dict[str, Any]:
    """Pages that no test has, by width: to open one takes three times what a test then asks of the browser."""
    return {}


@pytest.fixture(params=sorted(WIDTHS))
def page(browser: Any, idle: dict[str, Any], request: pytest.FixtureRequest) -> Iterator[Any]:
    """A page that asks nobody but this machine, whose scripts don't fail, and which its own policy refuses nothing."""
    made = idle.pop(request.param, None) or open_page(browser, request.param)
    strayed: list[str] = []
    visited: set[str] = set()
    listeners: dict[str, Callable[[Any], object]] = {
        "request": lambda sent: sent.url.startswith("http://127.0.0.1:") or strayed.append(sent.url),
        "pageerror": lambda error: strayed.append(str(error)),
        "console": lambda said: "Content Security Policy" in said.text and strayed.append(said.text),
        "framenavigated": lambda frame: visited.add(urlsplit(frame.url).netloc),
    }
    for event, listener in listeners.items():
        made.on(event, listener)
    yield made
    for event, listener in listeners.items():
        made.remove_listener(event, listener)
    if len(visited) == 1:
        forget(made)
        idle[request.param] = made
    else:
        made.context.close()
    assert strayed == []


def open_page(browser: Any, width: str) -> Any:
    """Open a page whose browser knows nothing yet."""
    context = browser.new_context(viewport=WIDTHS[width], permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.set_default_timeout(15_000)
    return page


def forget(page: Any) -> None:
    """Have a page be as one that has just been opened; what scripts keep is kept by the host that it shows."""
    page.evaluate("sessionStorage.clear(); localStorage.clear()")
    page.context.clear_cookies()
    page.emulate_media(color_scheme="null")
    page.goto("about:blank")


def rename(home: Path, model: str, name: str, **changes: Any) -> None:
    """Make a bundle one of a model of another name, with other keys of its release changed too."""
    folder = Path(shutil.copytree(bundle_path(home, model, "1"), bundle_path(home, name, "1")))
    content = json.loads((folder / "release.json").read_text())
    (folder / "release.json").write_text(json.dumps({**content, "name": name, **changes}))


@pytest.fixture(scope="session")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server of twelve models, `strict` among them, which refuses what is out of range."""
    home = tmp_path_factory.mktemp("many") / "home"
    housing = build_housing(home, "1")
    build_penguins(home, "1")
    names = [f"model-{number}" for number in range(MANY - 1)]
    for name in names:
        rename(home, "penguins" if name.endswith(("1", "3")) else "housing", name)
    in_range = {"data": [HOUSING_ROW], "predictions": housing.example.predictions[:1]}
    rename(home, "housing", "strict", serving={**housing.serving, "out_of_range": "refuse"}, example=in_range)
    write_pointer(home, dict.fromkeys([*names, "strict"], "1"))
    with run_server(home, home.parent / "log", MOLINO_SERVING_WORKERS=1) as running:
        yield running
