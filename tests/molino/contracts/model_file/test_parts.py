from datetime import UTC, datetime
from pathlib import Path

import pytest

from molino.contracts.model_file import LoadedModel, load_model
from molino.contracts.model_file.parts import changed_overrides, changed_parts, used_parts
from molino.contracts.record import Record
from molino.contracts.steps import STEP_NAMES

MODELS = Path(__file__).resolve().parents[4] / "pipelines" / "models"
TEXT = (MODELS / "penguins" / "model.yaml").read_text()
NOW = datetime(2026, 1, 2, tzinfo=UTC)


def loaded(folder: Path, text: str) -> LoadedModel:
    (folder / "model.yaml").write_text(text)
    return load_model(folder)


def recorded(step: str, model: LoadedModel, **changes: object) -> Record:
    content = {
        "model": "penguins", "run_id": "r1", "step": step, "status": "done", "model_file_sha256": model.sha256,
        "model_file_parts": used_parts(step, model.file), "code_revision": "0", "image": None, "started": NOW,
        "ended": NOW, "host": "here",
    }  # fmt: skip
    return Record.model_validate(content | changes)


@pytest.mark.parametrize("step", STEP_NAMES)
@pytest.mark.parametrize(
    "change",
    [
        ("name: penguins", "# a comment\nname:   penguins"),
        ("training: {seed: 11}", "training: {seed: 11, sample_rows: 500000}"),
        ("metric: log_loss", "schedule: '@daily'\nmetric: log_loss"),
    ],
    ids=["a comment", "a default written out", "a schedule"],
)
def test_what_bears_on_no_step_changes_none(step: str, change: tuple[str, str], tmp_path: Path) -> None:
    record = recorded(step, loaded(tmp_path, TEXT))
    assert changed_parts(record, loaded(tmp_path, TEXT.replace(*change))) == ()


@pytest.mark.parametrize(
    ("change", "part", "steps"),
    [
        (("max_iter: 80", "max_iter: 81"), "candidates", STEP_NAMES[2:]),
        (("maximum: 80", "maximum: 81"), "features", STEP_NAMES),
        (("uri: penguins.csv", "uri: others.csv"), "source", STEP_NAMES),
        (("title: Palmer penguins", "title: Penguins"), "title", STEP_NAMES[4:]),
        (("description: Bill length", "description: How long"), "features", STEP_NAMES[4:]),
        (("unit: mm", "unit: millimetres"), "features", STEP_NAMES[4:]),
        (("description: Species of the bird", "description: Kind"), "target", STEP_NAMES[4:]),
    ],
    ids=["a candidate", "a feature", "the source", "the title", "a description", "a unit", "the target's description"],
)
def test_a_part_changes_the_steps_that_it_bears_on(
    change: tuple[str, str], part: str, steps: tuple[str, ...], tmp_path: Path
) -> None:
    before, after = loaded(tmp_path, TEXT), loaded(tmp_path, TEXT.replace(*change))
    found = {step: changed_parts(recorded(step, before), after) for step in STEP_NAMES}
    assert found == {step: (part,) if step in steps else () for step in STEP_NAMES}


def test_a_column_that_rows_are_split_by_wants_new_data(tmp_path: Path) -> None:
    before, after = (
        loaded(tmp_path, TEXT),
        loaded(tmp_path, TEXT.replace("split: {", "split: {kind: group, column: a, ")),
    )
    assert changed_parts(recorded("ingest", before), after) == ("split.columns",)
    assert changed_parts(recorded("train", before), after) == ("split",)


def test_a_record_without_parts_goes_by_the_bytes(tmp_path: Path) -> None:
    before = loaded(tmp_path, TEXT)
    record = recorded("ingest", before, model_file_parts={})
    assert changed_parts(record, before) == ()
    assert changed_parts(record, loaded(tmp_path, TEXT + "# a comment\n")) == ("model file",)


@pytest.mark.parametrize(
    ("step", "given", "changed"),
    [
        ("train", {"seed": "3"}, ()),
        ("train", {"seed": "4"}, ("seed",)),
        ("train", {}, ("seed",)),
        ("train", {"seed": "3", "candidates": "mlp"}, ("candidates",)),
        ("evaluate", {"seed": "3", "candidates": "mlp"}, ()),
        ("ingest", {}, ()),
    ],
)
def test_overrides_that_a_step_takes_are_compared(
    step: str, given: dict[str, str], changed: tuple[str, ...], tmp_path: Path
) -> None:
    record = recorded(step, loaded(tmp_path, TEXT), overrides={"seed": "3"})
    assert changed_overrides(record, given) == changed
