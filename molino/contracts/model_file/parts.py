"""The parts of a model file that each step depends on, so that a comment or a later part asks for no step again."""

import hashlib
import json
from collections.abc import Collection, Mapping
from typing import Any

from molino.contracts.model_file.loaded import LoadedModel
from molino.contracts.model_file.own_code import digests
from molino.contracts.model_file.schema import ModelFile
from molino.contracts.record import Record
from molino.contracts.steps import step_named


def used_parts(step: str, file: ModelFile, code: Mapping[str, bytes] | None = None) -> dict[str, str]:
    """Return the SHA-256 of each key that bears on a step, as it was parsed.

    What has its default is left out: it may be written out or not, and a key of a later version may have it. Steps
    before the split still keep the columns that it goes by. `code` is the Python files that candidates are made of.
    """
    content = file.model_dump(mode="json", exclude_defaults=True)
    ignored = step_named(step).ignores
    bearing = {key: _without(value, key, ignored) for key, value in content.items() if key not in ignored}
    parts = {key: _sha256(value) for key, value in bearing.items() if value != {}}
    if "split" in ignored and file.columns_kept:
        parts["split.columns"] = _sha256(file.columns_kept)
    if code and "candidates" not in ignored:
        parts["candidates.code"] = _sha256(digests(code))
    return parts


def changed_parts(record: Record, loaded: LoadedModel) -> tuple[str, ...]:
    """Return the keys of the model file that have changed for a step since its record; none when none has.

    Records of versions that kept no parts know the file's bytes alone: of those `model file` has changed.
    """
    if not record.model_file_parts:
        return () if record.model_file_sha256 == loaded.sha256 else ("model file",)
    ignored = step_named(record.step).ignores
    then = {key: value for key, value in record.model_file_parts.items() if key not in ignored}
    now = used_parts(record.step, loaded.file, loaded.code)
    return tuple(sorted(key for key in then.keys() | now.keys() if then.get(key) != now.get(key)))


def changed_overrides(record: Record, given: Mapping[str, str]) -> tuple[str, ...]:
    """Return which settings that a step takes over the model file are given otherwise than at its record.

    Records of versions that kept no parts kept none of these either: they are taken for unchanged.
    """
    if not record.model_file_parts:
        return ()
    names = step_named(record.step).overrides
    return tuple(name for name in names if record.overrides.get(name) != given.get(name))


def _without(value: Any, key: str, ignored: Collection[str]) -> Any:
    """Return what a key holds, a mapping or a list of them, without its own keys `<key>.<its key>` that are ignored."""
    if isinstance(value, list):
        return [_without(item, key, ignored) for item in value]
    if not isinstance(value, dict):
        return value
    return {own: item for own, item in value.items() if f"{key}.{own}" not in ignored}


def _sha256(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
