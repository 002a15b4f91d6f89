"""Turns what pydantic finds in a model file into lines for people: file, line, key, expectation and what was found."""

from collections.abc import Iterator, Mapping
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from molino.contracts.candidates import AnyCandidate
from molino.contracts.features import AnyFeature
from molino.contracts.model_file.document import Key, locate, walk
from molino.contracts.model_file.schema import CONTRADICTION, ModelFile
from molino.contracts.part import PATTERN_WORDS, SHAPES, plain
from molino.contracts.search import RANGES, Range
from molino.contracts.splits import DEFAULT_KIND, SPLITS

VARIANTS: Mapping[str, tuple[str, Any]] = {"features": ("type", AnyFeature), "candidates": ("kind", AnyCandidate)}
"""Lists whose entries are told apart by a key: its name, and the union of what they may be."""
SILENT = frozenset({"extra_forbidden", "missing", "too_short"})
"""Faults for which what was found says nothing more."""


def explain(error: ValidationError, root: yaml.Node, where: str) -> Iterator[str]:
    """Yield one line per fault; `where` names the file."""
    faults = error.errors(include_url=False)
    for fault in faults:
        size = len(fault["loc"])
        if fault["type"] == "too_short" and any(one["loc"][:size] == fault["loc"] != one["loc"] for one in faults):
            continue  # a list that is too short for want of the entries that are wrong themselves
        if fault["type"] == CONTRADICTION:
            for key, problem in fault["ctx"]["found"]:
                yield f"{where}:{locate(root, key)[0]}: {'.'.join(map(str, key))}: {problem}"
            continue
        key = _key_of(fault["loc"], fault["type"])
        if fault["type"] != "extra_forbidden":
            key = _into_range(key, root)
        line, found = locate(root, key)
        got = f" (got {found!r})" if found is not None and fault["type"] not in SILENT else ""
        yield f"{where}:{line}: {'.'.join(map(str, key))}: {_expectation(dict(fault), key, root)}{got}"


def _key_of(loc: Key, kind: str) -> Key:
    """Return the key in the file; pydantic puts the variant's tag after a list index (`features.3.number.minimum`)."""
    loc = tuple(part for part in loc if part not in (*SHAPES, "[key]"))
    if len(loc) >= 2 and loc[0] in VARIANTS and isinstance(loc[1], int):
        if kind.startswith("union_tag"):
            return (*loc, VARIANTS[str(loc[0])][0])
        return (*loc[:2], *_written(loc[3:]))
    if loc and loc[0] == "split":
        if kind.startswith("union_tag"):
            return ("split", "kind")
        return ("split", *loc[2:])
    return loc


def _written(key: Key) -> Key:
    """Return where in a candidate a range is written."""
    return (*str(key[1]).split(".", 1), *key[2:]) if key[:1] == (RANGES,) and len(key) > 1 else key


def _into_range(key: Key, root: yaml.Node) -> Key:
    """Return where the value is that stands for a range: a hyperparameter is checked by the range's first one."""
    if key[:1] != ("candidates",) or len(key) < 3:
        return key
    ends: tuple[Key, ...] = (("choices", 0), ("low",))
    return next((key + end for end in ends if walk(root, key + end) is not None), key)


def _expectation(fault: dict[str, Any], key: Key, root: yaml.Node) -> str:
    context = fault.get("ctx", {})
    match fault["type"]:
        case "missing" | "union_tag_not_found":
            return f"this key is required{_choices(key)}"
        case "union_tag_invalid":
            return f"expected one of {context['expected_tags']}"
        case "extra_forbidden":
            ranged = RANGES in fault["loc"]
            allowed = list(Range.model_fields) if ranged else _allowed_keys(key[:-1], root)
            return f"unknown key; expected one of {', '.join(allowed)}"
        case "string_pattern_mismatch":
            pattern = context["pattern"]
            return f"expected {PATTERN_WORDS.get(pattern, f'text that matches {pattern}')}"
        case "string_type":
            return f"expected text{_quoting_hint(walk(root, key))}"
        case "too_short" if isinstance(walk(root, key), yaml.ScalarNode):
            return "expected text that isn't empty"
        case "too_short":
            least = context["min_length"]
            return f"expected a list of at least {least} item{'s' if least > 1 else ''}"
        case "value_error":
            return str(context["error"])
        case _:
            return plain(str(fault["msg"]))


def _choices(key: Key) -> str:
    """Return what a missing key may hold where that is a short list."""
    if key[0] not in VARIANTS or key[-1] != VARIANTS[str(key[0])][0]:
        return ""
    return f"; expected one of {', '.join(_variants(str(key[0])))}"


def _quoting_hint(node: yaml.Node | None) -> str:
    return "; put it in quotes" if isinstance(node, yaml.ScalarNode) and node.value else ""


def _variants(section: str) -> dict[str, type[BaseModel]]:
    """Return tag to model of a list's entries."""
    tag, union = VARIANTS[section]
    members = get_args(get_args(union)[0])
    return {get_args(member.model_fields[tag].annotation)[0]: member for member in members}


def _allowed_keys(section: Key, root: yaml.Node) -> list[str]:
    """Return the keys that a section may have."""
    part: type[BaseModel] = ModelFile
    if section == ("split",):
        tag = walk(root, (*section, "kind"))
        return list(SPLITS[str(tag.value) if tag else DEFAULT_KIND].model_fields)
    for index, name in enumerate(section):
        if name in VARIANTS:
            tag = walk(root, (*section[: index + 2], VARIANTS[str(name)][0]))
            part = _variants(str(name))[str(tag.value) if tag else ""]
            continue
        field = part.model_fields.get(str(name))
        inner = [field.annotation, *get_args(field.annotation)] if field else []
        part = next((kind for kind in inner if isinstance(kind, type) and issubclass(kind, BaseModel)), part)
    return [name for name, field in part.model_fields.items() if field.alias != RANGES]
