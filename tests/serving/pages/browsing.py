"""What a person does on the pages, and what axe and a ruler say of them."""

from functools import cache
from importlib.resources import files
from typing import Any

CUT = """() => [...document.querySelectorAll("body *")].filter((element) => {
  const box = element.getBoundingClientRect();
  if (!box.width || !box.height || element.matches("input, select, option, textarea")) return false;
  return box.right > innerWidth + 1 || box.left < -1 ||
    (element.clientWidth && element.scrollWidth > element.clientWidth + 1);
}).map((element) => element.outerHTML.slice(0, 120))"""

LIST = 10
"""From so many models on they are a list, of which none is open."""


def enter_key(page: Any, key: str = "mercadolibre") -> None:
    page.fill("#key", key)
    page.click("#key-form button")


def open_home(page: Any, url: str) -> None:
    """Show the models: a list of many, or each of a few whole, the form of the first open."""
    page.goto(url)
    enter_key(page)
    page.wait_for_selector(f"#models .model:nth-child({LIST}), #models .try[open]")


def open_docs(page: Any, url: str) -> None:
    """Show the contract."""
    page.goto(f"{url}/docs")
    enter_key(page)
    page.wait_for_selector(".route")


def cut(page: Any) -> list[str]:
    """Return what reaches beyond the window, or is cut off by what it stands in."""
    found: list[str] = page.evaluate(CUT)
    return found


@cache
def axe() -> str:
    """Return the program that judges a page."""
    return files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")


def violations(page: Any) -> list[str]:
    """Return what axe finds, in the page's light colours and in its dark ones."""
    found: list[str] = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.evaluate(axe())
        told = page.evaluate("axe.run()")
        assert len(told["passes"]) > 5
        found += [f"{fault['id']}: {fault['nodes'][0]['html']}" for fault in told["violations"]]
    return found
