"""`make schema`: write the reference pages from what they tell of; `--check` tells whether they are current."""

import argparse
import ast
import inspect
import json
import re
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import typer
from pydantic_settings import BaseSettings

from molino.backup.settings import BackupSettings
from molino.cli import app
from molino.contracts.model_file.json_schema import model_file_schema
from molino.contracts.settings import Settings
from molino.notice.settings import NoticeSettings
from serving.settings import ServingSettings

FOLDER = Path(__file__).parent / "reference"
MADE = "This page is made by `make schema`.\n"
OF_ALL = {
    "MOLINO_LOG_FORMAT": "`json` or `console`: the form of log lines; not set, `console` on a terminal, else `json`.",
    "MOLINO_SENTRY_DSN": "Address of a Sentry that errors of the server and the steps go to; none when not set.",
}
"""Variables that logs and reports of errors are set up by, before any settings are read."""


def pages() -> dict[Path, str]:
    """Return each page of the reference with its text."""
    return {
        FOLDER / "command.md": command_page(),
        FOLDER / "model-file.md": model_file_page(model_file_schema()),
        FOLDER / "settings.md": settings_page(),
    }


def command_page() -> str:
    """Return what `--help` of each command says."""
    group: Any = typer.main.get_command(app)
    parts = ["# The command\n", f"{MADE}", f"{group.help}\n"]
    for name, command in _commands(group, "molino"):
        usage = " ".join(command.collect_usage_pieces(command.make_context(name, [], resilient_parsing=True)))
        parts += [f"## {name}\n", f"    {name} {usage}\n", f"{inspect.cleandoc(command.help or '')}\n"]
        if options := list(_options(command)):
            parts += ["\n".join(["| option | default | |", "| --- | --- | --- |", *options]), ""]
    return "\n".join(parts)


def _commands(group: Any, path: str) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            if command.invoke_without_command:
                yield f"{path} {name}", command
            yield from _commands(command, f"{path} {name}")
        elif not command.hidden:
            yield f"{path} {name}", command


def _options(command: Any) -> Iterator[str]:
    for one in command.params:
        if one.param_type_name == "option" and not one.hidden:
            default = "" if one.default in (None, False, ()) or callable(one.default) else f"`{one.default}`"
            names = ", ".join(f"`{name}`" for name in (*one.opts, *one.secondary_opts))
            yield f"| {names} | {default} | {_cell(one.help or '')} |"


def settings_page() -> str:
    """Return every environment variable that Molino reads, with its default and what its field says."""
    parts = [
        "# Settings\n",
        MADE,
        "All settings are environment variables. Those that are not set, or empty, have their default.\n",
        *_variables("Of steps and commands", Settings),
        *_variables("Of the server", ServingSettings),
        *_variables("Of backups", BackupSettings),
        *_variables("Of notices", NoticeSettings),
        "## Of all of them\n",
        "| variable | default | |\n| --- | --- | --- |",
        *(f"| `{name}` |  | {_cell(said)} |" for name, said in OF_ALL.items()),
        "",
    ]
    return "\n".join(parts)


def _variables(title: str, kind: type[BaseSettings]) -> Iterator[str]:
    said = _field_docs(kind)
    yield f"## {title}\n"
    yield f"{inspect.cleandoc(kind.__doc__ or '')}\n"
    yield "| variable | default | |\n| --- | --- | --- |"
    for name, one in kind.model_fields.items():
        alias = one.validation_alias if isinstance(one.validation_alias, str) else None
        variable = alias or f"{kind.model_config.get('env_prefix', '')}{name}".upper()
        yield f"| `{variable}` | {_default(one.default)} | {_cell(said.get(name, ''))} |"
    yield ""


def _default(value: Any) -> str:
    """Return a default as a variable has it; nothing where there is none, or it is a secret or follows from others."""
    if value is None or value == "" or type(value).__name__ in ("PydanticUndefinedType", "SecretStr"):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return f"`{','.join(str(one) for one in value)}`" if value else ""
    return f"`{value}`"


def _field_docs(kind: type) -> dict[str, str]:
    """Return the string below each field of a class."""
    (made,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    assert isinstance(made, ast.ClassDef)
    found = {}
    for one, following in zip(made.body, made.body[1:], strict=False):
        text = following.value if isinstance(following, ast.Expr) else None
        if isinstance(one, ast.AnnAssign) and isinstance(text, ast.Constant) and isinstance(text.value, str):
            assert isinstance(one.target, ast.Name)
            found[one.target.id] = inspect.cleandoc(text.value)
    return found


def model_file_page(schema: Mapping[str, Any]) -> str:
    """Return every key of a model file, with its type, default and what it says."""
    parts = ["# The model file\n", MADE, f"{schema['description']}\n", _keys(schema)]
    for name, one in sorted(schema["$defs"].items()):
        if "properties" in one:
            parts += [f"## {name}\n", f"{one.get('description', '')}\n", _keys(one)]
    return "\n".join(parts)


def _keys(schema: Mapping[str, Any]) -> str:
    required = schema.get("required", [])
    rows = [
        f"| `{name}`{' (required)' if name in required else ''} | {_type(one)} | {_json_default(one)} "
        f"| {_cell(one.get('description', ''))} |"
        for name, one in schema["properties"].items()
    ]
    return "\n".join(["| key | type | default | |", "| --- | --- | --- | --- |", *rows, ""])


def _json_default(schema: Mapping[str, Any]) -> str:
    value = schema.get("default")
    return "" if value in (None, "", [], {}) or isinstance(value, dict) else f"`{json.dumps(value)}`"


def _type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})" if name != "JsonValue" else "any"
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{one}`" for one in schema["enum"])
    for many in ("oneOf", "anyOf"):
        if many in schema:
            return " or ".join(dict.fromkeys(_type(one) for one in schema[many] if one.get("type") != "null"))
    kind = str(schema.get("type", "any"))
    if kind == "array":
        return f"list of {_type(schema['items'])}" if isinstance(schema.get("items"), Mapping) else "list"
    bounds = [f"{sign} {schema[key]}" for key, sign in (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"),
                                                       ("exclusiveMaximum", "<")) if key in schema]  # fmt: skip
    return f"{kind} {' and '.join(bounds)}".strip()


def _cell(text: str) -> str:
    said = " ".join(text.split()).replace("|", "\\|")
    return re.sub(r"(`[^`]*`)|<", lambda found: found[1] or "&lt;", said)


def main() -> int:
    """Write the pages, or check them."""
    parser = argparse.ArgumentParser(description="Write the reference pages of the documentation.")
    parser.add_argument("--check", action="store_true", help="only tell which pages are out of date")
    check = parser.parse_args().check
    stale = {path: text for path, text in pages().items() if not path.is_file() or path.read_text() != text}
    for path, text in stale.items():
        if check:
            print(f"{path.relative_to(FOLDER.parent.parent)} is out of date: run make schema", file=sys.stderr)
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
