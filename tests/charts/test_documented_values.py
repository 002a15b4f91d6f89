"""What the documentation says of the chart's values: each snippet and command renders, and each path is there."""

import re
import shlex
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from rendering import CHART, ROOT, helm, options

from charts.schema import schema as values_schema
from molino.contracts.model_file.json_schema import model_file_schema

PAGES = {
    str(path.relative_to(ROOT)): path.read_text()
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    if "reference" not in path.parts
}
SECTIONS = frozenset(yaml.safe_load((CHART / "values.yaml").read_text()))
ELSEWHERE = ("tls.crt", "tls.key", "models.MODEL.failure")
"""Keys of a Secret and of an answer, which begin as a section of the values does."""


def snippets() -> Iterator[Any]:
    for page, text in PAGES.items():
        for block in re.findall(r"^```yaml\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
            keys = yaml.safe_load(block).keys()
            if keys <= SECTIONS:
                yield pytest.param(block, id=f"{page}: {', '.join(keys)}")


def commands() -> Iterator[Any]:
    for page, text in PAGES.items():
        for command in re.findall(r"^ *(helm upgrade (?:.*\\\n)*.*)", text, re.MULTILINE):
            words = shlex.split(command.replace("\\\n", " "))
            if settings := [value for option, value in pairwise(words) if option == "--set"]:
                yield pytest.param(settings, id=f"{page}: {' '.join(settings)}")


def paths() -> Iterator[Any]:
    for page, text in PAGES.items():
        for path in sorted(set(re.findall(r"`([A-Za-z]+(?:\.[A-Za-z_<>]+)+)(?=[:=`\s])", text))):
            if path.partition(".")[0] in SECTIONS and path not in ELSEWHERE:
                yield pytest.param(path, id=f"{page}: {path}")


def has(schema: Mapping[str, Any], path: list[str], root: Mapping[str, Any]) -> bool:
    """Tell whether a schema knows a path; `<name>` stands for any key."""
    if "$ref" in schema:
        found: Any = root
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        return has({**found, **{key: value for key, value in schema.items() if key != "$ref"}}, path, root)
    if not path:
        return True
    first, *rest = path
    below = dict(schema.get("properties", {}))
    inner = list(below.values()) if first.startswith("<") else [below[first]] if first in below else []
    patterns = schema.get("patternProperties", {})
    inner += [value for pattern, value in patterns.items() if re.search(pattern, first)]
    if not inner:
        inner = [value for value in [schema.get("additionalProperties")] if isinstance(value, Mapping)]
    others = [other for key in ("anyOf", "oneOf", "allOf") for other in schema.get(key, ())]
    return any(has(one, rest, root) for one in inner) or any(has(one, path, root) for one in others)


@pytest.mark.parametrize("block", list(snippets()))
def test_a_snippet_of_values_renders(block: str, tmp_path: Path) -> None:
    (tmp_path / "values.yaml").write_text(block)
    done = helm("template", "molino", CHART, *options("kind"), "--values", tmp_path / "values.yaml")

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("settings", list(commands()))
def test_the_values_of_a_command_render(settings: list[str]) -> None:
    done = helm("template", "molino", CHART, *options("kind", *settings))

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", list(paths()))
def test_a_path_of_values_is_there(path: str) -> None:
    schemas = (values_schema(), model_file_schema())

    assert any(has(schema, path.split("."), schema) for schema in schemas)
