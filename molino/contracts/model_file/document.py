"""YAML of model files: the core schema of YAML 1.2, which editors check by, with the line of every key."""

import re
from typing import Any

import yaml

from molino.contracts.errors import ModelFileError

Key = tuple[int | str, ...]

CORE = "tag:yaml.org,2002:"
TAGS = frozenset({None, "!", *(CORE + name for name in ("str", "int", "float", "bool", "null", "map", "seq"))})
"""What may stand before a value: nothing, or a tag of the core schema."""


class CoreLoader(yaml.SafeLoader):
    """Reads `yes`, `on`, `1:30` and dates as strings and `1e-4` as a number, as YAML 1.2 does; knows no aliases."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own class attribute

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Refuse what a model file has no use for, each with its line.

        `*name`: a repeated part has no line of its own, and nesting them can fill the memory. `!!set` and its like:
        what they make is no text, number, list or mapping.
        """
        event = self.peek_event()  # type: ignore[no-untyped-call]
        problem = None
        if isinstance(event, yaml.AliasEvent):
            problem = "aliases (*name) aren't taken; write the part out"
        elif getattr(event, "tag", None) not in TAGS:
            problem = f"the tag {_short(event.tag)} isn't taken; write the value without it"
        if problem:
            raise yaml.composer.ComposerError(None, None, problem, event.start_mark)
        return super().compose_node(parent, index)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Make the value of a node; one that its tag can't have is an error with its line."""
        try:
            value = super().construct_object(node, deep=deep)
        except (AttributeError, LookupError, ValueError, OverflowError) as error:
            problem = f"expected a value of the tag {_short(node.tag)}"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from error
        if isinstance(value, str) and not value.isascii() and any("\ud800" <= sign <= "\udfff" for sign in value):
            return _joined(value, node)
        return value


for tag, pattern, first in (
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("int", r"^[-+]?[0-9]+$", list("-+0123456789")),
    (
        "float",
        r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$",
        list("-+.0123456789"),
    ),
):
    CoreLoader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(pattern), first)
# PyYAML reads 010 as an octal, YAML 1.2 as ten.
CoreLoader.add_constructor("tag:yaml.org,2002:int", lambda _, node: int(node.value))


def _joined(value: str, node: yaml.Node) -> str:
    """Return a text whose surrogate pairs, by which JSON writes emoji and their like, are one character each."""
    try:
        return value.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError as error:
        problem = "half of a surrogate pair stands for no character"
        raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from error


def read_yaml(data: bytes, where: str) -> tuple[yaml.MappingNode, dict[str, Any]]:
    """Return the nodes, which know their lines, and the content of a YAML mapping; `where` names it in errors.

    Raises:
        ModelFileError: it isn't YAML, isn't a mapping, or gives a key twice.
    """
    try:
        loader = CoreLoader(data)
        root = loader.get_single_node()
        content = loader.construct_document(root) if root is not None else None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ModelFileError(_not_yaml(error, where)) from error
    if not isinstance(content, dict) or not isinstance(root, yaml.MappingNode):
        raise ModelFileError(f"{where}:1: expected a mapping with the keys name, title, task, source, …")
    repeated = _repeated_key(root)
    if repeated:
        raise ModelFileError(
            f"{where}:{line_of(repeated)}: {repeated.value}: this key is given twice; expected it once"
        )
    return root, content


def _not_yaml(error: Exception, where: str) -> str:
    mark = getattr(error, "problem_mark", None)
    line = f":{mark.line + 1}" if mark else ":1"
    problem = getattr(error, "problem", None)
    if isinstance(error, RecursionError):
        problem = "nested too deeply"
    elif isinstance(error, UnicodeDecodeError | yaml.reader.ReaderError):
        problem = "expected UTF-8 text without control characters"
    return f"{where}{line}: not YAML: {problem or error}"


def _short(tag: str) -> str:
    """Return a tag as a person writes it."""
    return "!!" + tag.removeprefix(CORE) if tag.startswith(CORE) else tag


def line_of(node: yaml.Node) -> int:
    """Return the line on which a node begins, counted from 1."""
    return int(node.start_mark.line) + 1


def walk(node: yaml.Node | None, key: Key) -> yaml.Node | None:
    """Return the node at a key, or none."""
    for part in key:
        if isinstance(node, yaml.MappingNode):
            node = next((value for name, value in node.value if name.value == str(part)), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
        else:
            return None
    return node


def locate(root: yaml.Node, key: Key) -> tuple[int, str | None]:
    """Return the line of a key, or of the nearest thing around it, and the scalar found there."""
    for size in range(len(key), 0, -1):
        node = walk(root, key[:size])
        if node is None:
            continue
        scalar = str(node.value) if isinstance(node, yaml.ScalarNode) and size == len(key) else None
        return _line_of_key(root, key[:size]) or line_of(node), scalar
    return 1, None


def _line_of_key(root: yaml.Node, key: Key) -> int | None:
    """Return the line of the key itself, which for a section is the line above its first entry."""
    parent = walk(root, key[:-1])
    if not isinstance(parent, yaml.MappingNode):
        return None
    return next(line_of(name) for name, _ in parent.value if name.value == str(key[-1]))


def _repeated_key(node: yaml.Node) -> yaml.ScalarNode | None:
    """Return the second of two equal keys; YAML forbids them, but PyYAML keeps the last."""
    if isinstance(node, yaml.SequenceNode):
        return next((found for child in node.value if (found := _repeated_key(child))), None)
    if not isinstance(node, yaml.MappingNode):
        return None
    seen: set[str] = set()
    for key, value in node.value:
        if key.value in seen:
            return key if isinstance(key, yaml.ScalarNode) else None
        seen.add(key.value)
        found = _repeated_key(value)
        if found:
            return found
    return None
