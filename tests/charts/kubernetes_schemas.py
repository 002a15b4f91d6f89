"""JSON schemas of Kubernetes' kinds, as kubeconform takes them, from the OpenAPI document in Kubernetes' own module.

They are strict: a key that Kubernetes doesn't know is an error. A version's schemas are made once and kept.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from published import module_file

MODULE, DOCUMENT = "k8s.io/kubernetes", "api/openapi-spec/swagger.json"
POINTER = "#/definitions/"
LOCATION = "{{.ResourceKind}}{{.KindSuffix}}.json"
"""How kubeconform finds the schema of a kind, below the folder of a version."""
QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"


def folder(version: str) -> Path:
    """Return the folder with a version's schemas, made where it isn't there yet.

    Args:
        version: of Kubernetes, such as `1.36.3`.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "molino" / "kubernetes-schemas"
    code = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    kept = cache / f"{version}-{code}"
    if kept.is_dir():
        return kept
    document = module_file(MODULE, f"v{version}", DOCUMENT)
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix=".") as work:
        made = Path(work) / "made"
        made.mkdir()
        for name, schema in files(json.loads(document.read_text())["definitions"]).items():
            (made / name).write_text(json.dumps(schema))
        shutil.rmtree(kept, ignore_errors=True)
        made.rename(kept)
    return kept


def files(definitions: dict[str, Any]) -> dict[str, Any]:
    """Return the file of each kind by name, with the definitions that it takes alone: all of them are slow to read."""
    found: dict[str, Any] = {}
    known = {name: strict(one) for name, one in definitions.items()} | {QUANTITY: {"type": ["string", "number"]}}
    for name, definition in definitions.items():
        for kind in definition.get("x-kubernetes-group-version-kind", []):
            group = kind["group"].partition(".")[0]
            suffix = "-".join(filter(None, [kind["kind"].lower(), group, kind["version"]]))
            found[f"{suffix}.json"] = {"$ref": POINTER + name, "definitions": taken(name, known)}
    return found


def taken(name: str, known: Mapping[str, Any]) -> dict[str, Any]:
    """Return a definition, and those that it points to, at any depth."""
    found: dict[str, Any] = {}
    waiting = {name}
    while waiting:
        one = waiting.pop()
        found[one] = known[one]
        waiting |= set(pointed(known[one])) - found.keys()
    return found


def pointed(schema: Any) -> Iterator[str]:
    """Yield the names of the definitions that a schema points to."""
    if isinstance(schema, list):
        for one in schema:
            yield from pointed(one)
    elif isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"].removeprefix(POINTER)
        for one in schema.values():
            yield from pointed(one)


def strict(schema: Any) -> Any:
    """Return a schema that takes no other keys than it names, at any depth."""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("format") == "int-or-string":
        return {"type": ["string", "integer"]}
    made = {key: strict(value) for key, value in schema.items() if not key.startswith("x-") and key != "description"}
    if "properties" in schema:
        made["properties"] = {name: strict(one) for name, one in schema["properties"].items()}
        made.setdefault("additionalProperties", False)
    return made
