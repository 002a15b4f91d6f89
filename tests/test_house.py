"""The rules of the house that a program can check: words, borders, names, and what the papers promise."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from pydantic import TypeAdapter

import molino
from images.lock import locks, stale_locks
from molino.contracts import results
from molino.contracts.features import FEATURES
from molino.contracts.record import StepName
from molino.contracts.steps import STEP_NAMES, STEPS
from training.stores.opening import store_schemes

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("molino", "training", "serving", "pipelines")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
FORBIDDEN_NAMES = re.compile(r"(^|_)(utils?|helpers?|common|managers?|misc)(_|$)")
HEAVY = frozenset({"tensorflow", "keras", "sklearn", "mlflow", "dvc", "matplotlib", "pandas", "polars", "onnxruntime"})
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
README = (ROOT / "README.md").read_text()
DOCUMENTED = "\n".join([README, *(path.read_text() for path in sorted((ROOT / "docs").rglob("*.md")))])


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def imports(path: Path) -> tuple[str, ...]:
    """Return every module that a file imports, wherever in the file."""
    found: list[str] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.append(node.module)
    return tuple(found)


def imported_packages(path: Path) -> set[str]:
    return {module.split(".")[0] for module in imports(path)}


def room_of(module: str) -> str:
    """Return the folder of a module, or its own name where it stands at the top of one of our packages."""
    parts = module.split(".")
    return ".".join(parts[:3] if parts[:2] == ["molino", "contracts"] else parts[:2])


@cache
def rooms() -> frozenset[str]:
    return frozenset(room_of(module_of(path)) for path in SOURCES)


def rooms_of(room: str) -> set[str]:
    """Return the rooms that the modules of a room import from, wherever in a module."""
    return {
        room_of(found)
        for path in SOURCES
        if room_of(module_of(path)) == room
        for found in imports(path)
        if found.split(".")[0] in PACKAGES and room_of(found) in rooms()
    }


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def sources_of(package: str) -> list[Path]:
    return [path for path in SOURCES if path.is_relative_to(ROOT / package)]


# One word per step.


def test_records_know_the_steps() -> None:
    assert TypeAdapter(StepName).json_schema()["enum"] == list(STEP_NAMES)


def test_each_step_needs_the_one_before_it() -> None:
    assert [step.after for step in STEPS] == [None, *STEP_NAMES[:-1]]


def test_each_step_has_its_result() -> None:
    assert all(issubclass(results.result_class(step), results.Result) for step in STEP_NAMES)


def test_each_result_tells_people_something() -> None:
    assert [step for step in STEP_NAMES if not results.result_class(step).TOLD] == []


@pytest.mark.parametrize("step", STEP_NAMES)
def test_each_step_has_its_package(step: str) -> None:
    assert (ROOT / "training" / step / "step.py").is_file()


@pytest.mark.parametrize("step", STEP_NAMES)
def test_each_step_has_its_extra(step: str) -> None:
    assert step in PROJECT["project"]["optional-dependencies"]


@pytest.mark.parametrize("step", STEP_NAMES)
def test_each_step_has_its_image(step: str) -> None:
    assert (ROOT / "images" / step / "requirements.txt").is_file()


# Borders.


def importers(paths: list[Path], kept_out: set[str]) -> Iterator[str]:
    """Yield the files that import one of these packages, each with which."""
    assert paths
    for path in paths:
        if found := imported_packages(path) & kept_out:
            yield f"{name_of(path)} imports {', '.join(sorted(found))}"


def test_serving_knows_neither_training_nor_pipelines() -> None:
    kept_out = {"training", "pipelines", "tensorflow", "keras", "mlflow", "pandas"}
    assert list(importers(sources_of("serving"), kept_out)) == []


def test_pipelines_know_no_training() -> None:
    assert list(importers(sources_of("pipelines"), {"training", "serving"})) == []


def test_contracts_know_nothing_of_ours() -> None:
    ours = [
        f"{name_of(path)} imports {module}"
        for path in sources_of("molino/contracts")
        for module in imports(path)
        if module.split(".")[0] in PACKAGES and not f"{module}.".startswith("molino.contracts.")
    ]
    assert ours == []


def test_no_packages_import_each_other_in_a_circle() -> None:
    """Each folder of modules is a room; a way from room to room never leads back."""
    sorter = TopologicalSorter({room: rooms_of(room) - {room} for room in rooms()})
    sorter.prepare()  # names the circle where there is one


def test_training_knows_no_airflow() -> None:
    assert list(importers(sources_of("training"), {"airflow"})) == []


def test_locks_name_no_place_of_the_machine_that_made_them() -> None:
    locks = [*ROOT.glob("requirements*.txt"), *ROOT.glob("images/*/requirements.txt")]

    assert len(locks) > 10
    assert [lock for lock in locks if re.search(r"(^|\s)/\w+/|://", lock.read_text())] == []


def test_only_deploy_knows_kubernetes() -> None:
    others = [path for path in sources_of("training") if not path.is_relative_to(ROOT / "training" / "deploy")]
    assert list(importers(others, {"kubernetes"})) == []


def test_steps_know_no_other_step() -> None:
    others = [
        f"{name_of(path)} imports {module}"
        for path in sources_of("training")
        for module in imports(path)
        if module.split(".")[:2][-1] in set(STEP_NAMES) - {path.relative_to(ROOT / "training").parts[0]}
    ]
    assert others == []


@pytest.mark.parametrize(
    ("modules", "kept_out"),
    [
        ("molino.cli", {"pydantic", "training", *HEAVY}),
        ("molino.contracts.model_file, molino.contracts.record, molino.contracts.settings", {"training", *HEAVY}),
        ("molino.contracts.release, molino.contracts.pointer", {"training", *HEAVY}),
        ("molino.contracts.steps, pipelines.local, pipelines.services, pipelines.stack", {"training", *HEAVY}),
        ("serving.server, serving.asgi", {"training", "pipelines", *HEAVY} - {"onnxruntime"}),
        ("training.step, training.stores.opening, training.stores.file", HEAVY),
    ],
)
def test_an_import_brings_nothing_heavy(modules: str, kept_out: set[str]) -> None:
    program = f"import sys, {modules}; print(*sorted({set(kept_out)!r} & sys.modules.keys()))"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert found.stdout.strip() == ""


# Variation is a type.

FEATURE_CLASSES = "|".join(f"{kind.__name__}|{kind.__name__}Type" for kind in FEATURES.values())
TYPES = "|".join(FEATURES)
SWITCH_ON_A_FEATURE = re.compile(
    rf"isinstance\([^)]*\b({FEATURE_CLASSES})\b|case ({FEATURE_CLASSES})\("
    r"|\b(feature|column|one)\.type (==|!=|in |not in )"
    rf"|[\"']({TYPES})[\"']\s*:|([!=]=|\bcase|\bin [(\[{{])\s*[\"']({TYPES})[\"']"
)
"""What tells one type of feature from another by hand."""


@pytest.mark.parametrize(
    "path",
    [*sources_of("molino"), *(path for path in sources_of("training") if "features" not in path.parts)],
    ids=name_of,
)
def test_no_switch_on_a_feature_stands_outside_its_type(path: Path) -> None:
    assert path.parent.name == "features" or not SWITCH_ON_A_FEATURE.search(path.read_text())


@pytest.mark.parametrize(
    "line",
    [
        'if kind in ("boolean", "category", "text"):',
        "if kind not in {'number'}:",
        'kind == "integer"',
        'case "category":',
        "if feature.type in ORDERED:",
        'FORMS = {"number": 1}',
        "isinstance(feature, Category)",
    ],
)
def test_a_switch_on_a_feature_is_known_in_each_form(line: str) -> None:
    assert SWITCH_ON_A_FEATURE.search(line)


@pytest.mark.parametrize("name", FEATURES)
def test_each_type_of_feature_is_known_to_training(name: str) -> None:
    assert (ROOT / "training" / "features" / f"{name}.py").is_file()


STORES = store_schemes()
SWITCH_ON_A_STORE = re.compile(
    rf"(startswith|removeprefix|partition)\(\(?[\"']({'|'.join(STORES)})://"
    rf"|[\"']({'|'.join(STORES)})://[\"'] in |scheme (==|!=|in|not in) \(?[\"']({'|'.join(STORES)})[\"']"
    rf"|case [\"']({'|'.join(STORES)})[\"']"
)
"""What tells one kind of store from another by hand; `Address.path` tells what is on this machine."""
SWITCH_ON_A_TARGET = re.compile(r"deploy_target (==|!=|in|not in) \(?[\"']|case [\"'](embedded|kubernetes)[\"']")


@pytest.mark.parametrize(
    "path",
    [path for package in ("molino", "training", "pipelines") for path in sources_of(package)],
    ids=name_of,
)
def test_no_switch_on_a_store_or_target_stands_outside_its_kind(path: Path) -> None:
    folders = {ROOT / "training" / "stores", ROOT / "training" / "deploy" / "targets"}
    if path.parent not in folders and path.parent != ROOT / "molino" / "contracts":
        assert not SWITCH_ON_A_STORE.search(path.read_text())
        assert not SWITCH_ON_A_TARGET.search(path.read_text())


def test_the_stores_are_found_by_the_names_of_their_modules() -> None:
    assert STORES == ("file", "s3")


# Extras.

SHIPPED_AS = {
    "cryptography": "pyjwt",  # its extra [crypto]
    "jwt": "pyjwt",
    "mlflow": "mlflow-skinny",
    "pydantic_core": "pydantic",
    "pydantic_settings": "pydantic-settings",
    "prometheus_client": "prometheus-client",
    "sentry_sdk": "sentry-sdk",
    "scipy": "scikit-learn",  # which asks for it
    "sklearn": "scikit-learn",
    "tensorflow": "tensorflow-cpu",
    "werkzeug": "flask",
    "yaml": "pyyaml",
}
"""Distributions by the package that they bring, where the names differ."""
PROGRESS_BARS = frozenset({"rich"})
"""Imported by the steps' logs on a terminal alone."""
ON_DEMAND = frozenset({"training.tracking.tracker"})
"""Reached through `Context.tracker`, by those steps alone whose extra has MLflow."""


def reached(start: Path) -> set[Path]:
    """Return the own modules that a module imports, directly or through others."""
    found, waiting = {start}, [start]
    while waiting:
        for module in set(imports(waiting.pop())) - ON_DEMAND:
            path = ROOT / (module.replace(".", "/") + ".py")
            package = ROOT / module.replace(".", "/") / "__init__.py"
            for candidate in (path, package):
                if candidate.is_file() and candidate not in found:
                    found.add(candidate)
                    waiting.append(candidate)
    return found


def declared(extra: str, core: bool = True) -> set[str]:
    project = PROJECT["project"]
    wanted = [*(project["dependencies"] if core else ()), *project["optional-dependencies"][extra]]
    return {re.split(r"[^A-Za-z0-9._-]", item)[0].lower() for item in wanted}


@pytest.mark.parametrize(("extra", "module"), [*((step, f"training/{step}/step.py") for step in STEP_NAMES)])
def test_an_extra_has_what_its_step_imports(extra: str, module: str) -> None:
    foreign = set().union(*(imported_packages(path) for path in reached(ROOT / module))) - set(PACKAGES)
    foreign -= sys.stdlib_module_names
    assert {SHIPPED_AS.get(name, name) for name in foreign} - declared(extra) == set()


def test_the_serving_extra_alone_has_what_serving_imports() -> None:
    """Its image has nothing of the core but what the extra names."""
    modules = set().union(*(reached(path) for path in sources_of("serving")))
    foreign = set().union(*(imported_packages(path) for path in modules)) - set(PACKAGES)
    foreign -= sys.stdlib_module_names
    wanted = {SHIPPED_AS.get(name, name) for name in foreign} - PROGRESS_BARS
    assert wanted - declared("serving", core=False) == set()


# Names.


def test_a_module_has_a_name_that_says_something() -> None:
    parts = {name_of(path): path.relative_to(ROOT).with_suffix("").parts for path in SOURCES}
    assert [name for name, words in parts.items() if any(map(FORBIDDEN_NAMES.search, words))] == []


# Locks and papers.


def test_what_is_kept_is_text_or_a_picture() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    kept = [ROOT / name for name in listed.split("\0") if name]
    assert len(kept) > len(SOURCES)
    assert [name_of(path) for path in kept if path.suffix != ".png" and b"\0" in path.read_bytes()] == []


def test_locks_are_current() -> None:
    assert stale_locks() == [], "run make lock"


@pytest.mark.parametrize("path", locks(), ids=name_of)
def test_every_pin_of_a_lock_has_a_hash(path: Path) -> None:
    text = path.read_text()
    assert text.count("==") > 0
    assert all("--hash=sha256:" in pin for pin in re.split(r"\n(?=[a-z0-9])", text) if re.match(r"[a-z0-9]", pin))


@pytest.mark.parametrize("path", locks(), ids=name_of)
def test_a_lock_names_no_index(path: Path) -> None:
    assert not re.search(r"--index-url|--extra-index-url|--find-links|https?://", path.read_text())


def test_no_change_is_told_twice() -> None:
    lines = [line for line in (ROOT / "CHANGELOG.md").read_text().splitlines() if len(line) > 60]
    assert len(lines) > 100
    assert sorted(line for line in set(lines) if lines.count(line) > 1) == []


def test_the_newest_change_is_the_version() -> None:
    versions = re.findall(r"^## \[(\d+\.\d+\.\d+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert versions[0] == molino.__version__


@pytest.mark.parametrize(
    "target", sorted(set(re.findall(r"(?:^    |`)make ([a-z][a-z0-9-]*)", DOCUMENTED, re.MULTILINE)))
)
def test_a_make_command_that_is_told_is_there(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("command", sorted(set(re.findall(r"`molino ([a-z]+)", DOCUMENTED))))
def test_a_molino_command_that_is_told_is_there(command: str) -> None:
    from molino.cli import app

    known = {item.name for item in app.registered_commands} | {group.name for group in app.registered_groups}
    assert command in known


def test_the_readme_names_each_command() -> None:
    from molino.cli import app

    known = {item.name for item in app.registered_commands} | {group.name for group in app.registered_groups}
    assert {name for name in known if f"`molino {name}" not in README} == set()


def test_the_readme_links_to_each_page_of_the_documentation() -> None:
    pages = {name_of(path) for folder in ("docs", "docs/how-to") for path in (ROOT / folder).glob("*.md")}
    assert {page for page in pages if f"]({page})" not in README} == set()


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\(((?!http)[^)#]+)\)", README))))
def test_a_link_of_the_readme_leads_somewhere(path: str) -> None:
    assert (ROOT / path).exists()
