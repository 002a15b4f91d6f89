"""JSON schemas of the types that a Go source file declares, for tools that publish no other."""

import re
from typing import Any

STRUCT = re.compile(r"^type (\w+) struct \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
FIELD = re.compile(r'^\t(?:\w+ +)?(\S+) +`yaml:"(\w*)', re.MULTILINE)
STRING = re.compile(r"^type (\w+) string$", re.MULTILINE)
PLAIN = {"string": "string", "bool": "boolean", "int32": "integer"}


def schema(source: str, name: str) -> dict[str, Any]:
    """Return the schema of one type, which takes no other keys than the type has.

    Args:
        source: Go, as gofmt writes it, with `yaml` tags.
        name: the type.
    """
    named = {kind: {"enum": re.findall(rf'\b{kind} = "(.*)"', source)} for kind in STRING.findall(source)}
    structs = {kind: FIELD.findall(body) for kind, body in STRUCT.findall(source)}
    return _struct(name, structs, named)


def _struct(name: str, structs: dict[str, list[tuple[str, str]]], named: dict[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for kind, key in structs[name]:
        if key:
            properties[key] = _type(kind, structs, named)
        else:  # An embedded type's fields are the type's own.
            properties |= _struct(kind, structs, named)["properties"]
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _type(kind: str, structs: dict[str, list[tuple[str, str]]], named: dict[str, Any]) -> dict[str, Any]:
    kind = kind.lstrip("*")
    if kind.startswith("[]"):
        return {"type": "array", "items": _type(kind[2:], structs, named)}
    if kind.startswith("map[string]"):
        return {"type": "object", "additionalProperties": _type(kind.removeprefix("map[string]"), structs, named)}
    if kind in PLAIN:
        return {"type": PLAIN[kind]}
    return named[kind] if kind in named else _struct(kind, structs, named)
