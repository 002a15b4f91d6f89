"""The JSON schema as an editor uses it: it lets the project's own model files through, and marks what is wrong."""

import json
import re
from pathlib import Path
from textwrap import dedent
from typing import Any

import jsonschema_rs
import pytest

from molino.contracts.model_file.document import read_yaml
from molino.contracts.model_file.json_schema import model_file_schema

ROOT = Path(__file__).parents[4]
FILES = {path.parent.name: path.read_text() for path in ROOT.glob("pipelines/models/*/model.yaml")}
PAGES = (ROOT / "README.md", *(ROOT / "docs" / "how-to" / name for name in ("model-file.md", "candidates.md")))
SHOWN, *SHOWN_PARTS = (
    dedent(block) for page in PAGES for block in re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL)
)
"""Of the README a whole model file, and of the documentation parts that stand for its own."""
FILES["of the README"] = SHOWN
FILES |= {
    f"of the documentation with other {', '.join(part)}": json.dumps(read_yaml(SHOWN.encode(), "")[1] | part)
    for part in (read_yaml(text.encode(), "")[1] for text in SHOWN_PARTS)
}


@pytest.fixture(scope="module")
def schema() -> Any:
    return jsonschema_rs.validator_for(model_file_schema())


@pytest.mark.parametrize("text", FILES.values(), ids=FILES)
def test_a_model_file_of_the_project_is_let_through(schema: Any, text: str) -> None:
    content = read_yaml(text.encode(), "")[1]
    assert [error.message for error in schema.iter_errors(content)] == []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("task: regression", "taks: regression"),
        ("task: regression", "task: regresion"),
        ("type: integer, minimum: 1", "type: integer, minimun: 1"),
        ("type: integer, minimum: 1", "type: integer, minimum: one"),
        ("kind: linear", "kind: liner"),
    ],
)
def test_a_fault_is_marked(schema: Any, right: str, wrong: str) -> None:
    text = FILES["housing"]
    assert right in text
    assert not schema.is_valid(read_yaml(text.replace(right, wrong).encode(), "")[1])
