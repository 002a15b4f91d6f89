"""What checkov and kube-score find in the rendered chart: nothing but what left.yaml leaves, by name and reason."""

import hashlib
import json
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from programs import find
from rendering import VALUE_FILES, render_text

from tests.cluster.recipes import KUBERNETES

HERE = Path(__file__).parent
LEFT: Mapping[str, Mapping[str, Any]] = yaml.safe_load((HERE / "left.yaml").read_text())
CRITICAL_OR_WARNING = 5
"""Grades of kube-score go from 1 (critical) over 5 (a warning) to 10."""


@dataclass(frozen=True, order=True)
class Finding:
    """What a check says of one object of the chart, as one values file has it."""

    values: str
    check: str
    about: str
    says: str


def checkov(rendered: Sequence[Path]) -> Iterator[Finding]:
    lock = HERE / "checkov" / "requirements.txt"
    cache_folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "molino"
    folder = cache_folder / f"checkov-{hashlib.sha256(lock.read_bytes()).hexdigest()[:16]}"
    program = find("checkov", f"uv pip sync --require-hashes {lock.name} in {folder}", folder / "bin" / "checkov")
    options = ("--framework=kubernetes", "--output=json", "--quiet", "--compact", "--skip-download", "--soft-fail")
    found = _run(program, *options, "--file", *rendered)
    assert (found["summary"]["parsing_errors"], found["summary"]["passed"] > 0) == (0, True)
    for failed in found["results"]["failed_checks"]:
        kind, _, name = failed["resource"].split(".")[:3]
        values = Path(failed["file_path"]).stem
        yield Finding(values, failed["check_id"], f"{kind}/{name}", failed["check_name"])


def kube_score(rendered: Sequence[Path]) -> Iterator[Finding]:
    program = find("kube-score", "go install github.com/zegl/kube-score/cmd/kube-score@v1.20.0")
    version = f"v{KUBERNETES.rpartition('.')[0]}"
    for file in rendered:
        for one in _run(program, "score", "--kubernetes-version", version, "--output-format", "json", file):
            about = f"{one['type_meta']['kind']}/{one['object_meta']['name']}"
            for check in one["checks"]:
                if not check["skipped"] and check["grade"] <= CRITICAL_OR_WARNING:
                    for comment in check["comments"]:
                        yield Finding(file.stem, check["check"]["id"], about, comment["summary"])


def _run(*command: str | Path) -> Any:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


TOOLS: dict[str, Callable[[Sequence[Path]], Iterator[Finding]]] = {"checkov": checkov, "kube-score": kube_score}
ENTRIES = [(tool, check) for tool in TOOLS for check in LEFT[tool]]


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], frozenset[Finding]]:
    """Return what a tool finds in the chart with every values file."""
    folder = tmp_path_factory.mktemp("findings")

    @cache
    def found(tool: str) -> frozenset[Finding]:
        rendered = [folder / f"{values}.yaml" for values in VALUE_FILES]
        for file in rendered:
            file.write_text(render_text(file.stem))
        return frozenset(TOOLS[tool](rendered))

    return found


def is_left(tool: str, finding: Finding) -> bool:
    entry = LEFT[tool].get(finding.check)
    return bool(
        entry
        and any(fnmatch(finding.about, pattern) for pattern in entry.get("on", ["*"]))
        and entry.get("says", finding.says) == finding.says
    )


@pytest.mark.parametrize("tool", TOOLS)
def test_nothing_is_found_that_is_not_left(tool: str, findings: Callable[[str], frozenset[Finding]]) -> None:
    assert sorted(finding for finding in findings(tool) if not is_left(tool, finding)) == []


@pytest.mark.parametrize(("tool", "check"), ENTRIES)
def test_what_is_left_is_found(tool: str, check: str, findings: Callable[[str], frozenset[Finding]]) -> None:
    about = [finding.about for finding in findings(tool) if finding.check == check and is_left(tool, finding)]
    patterns = LEFT[tool][check].get("on", ["*"])
    unfound = [pattern for pattern in patterns if not any(fnmatch(one, pattern) for one in about)]
    assert unfound == [], "found no more: take it out of left.yaml"


@pytest.mark.parametrize(("tool", "check"), ENTRIES)
def test_what_is_left_has_a_reason(tool: str, check: str) -> None:
    assert LEFT[tool][check]["title"]
    assert LEFT[tool][check]["why"]
