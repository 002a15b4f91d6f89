"""Helm 3, which many clusters are still installed with: it renders and refuses what Helm 4 does."""

import subprocess
from pathlib import Path

import pytest
import yaml
from programs import find
from rendering import ALL_ON, CHART, helm, options

REFUSED = {
    "an unknown key": "severing.replicas=2",
    "a value of another type": "serving.replicas=two",
    "a check of the chart's own": "models.a/b=content",
}


def helm_3(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    """Run Helm 3; skip where it can't be found."""
    program = find("helm3", "python -m tests.cluster program helm3")
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("values", ALL_ON)
def test_both_render_the_same_with_everything_on(values: str) -> None:
    arguments = ("template", "molino", CHART, "--namespace", "molino", *options(values, *ALL_ON[values]))
    third, fourth = helm_3(*arguments), helm(*arguments)
    assert (third.returncode, fourth.returncode) == (0, 0), third.stderr + fourth.stderr
    assert documents(third.stdout) == documents(fourth.stdout)


def documents(text: str) -> dict[tuple[str, str], object]:
    """Return the objects by kind and name: the two may order them otherwise."""
    found = [one for one in yaml.load_all(text, Loader=yaml.CSafeLoader) if one]
    by_name = {(one["kind"], one["metadata"]["name"]): one for one in found}
    assert len(by_name) == len(found) > 0
    return by_name


@pytest.mark.parametrize("setting", REFUSED.values(), ids=REFUSED)
def test_both_refuse_the_same(setting: str) -> None:
    arguments = ("template", "molino", CHART, "--set", setting)
    third, fourth = helm_3(*arguments), helm(*arguments)
    assert third.returncode != 0
    assert fourth.returncode != 0
    assert reasons(third.stderr) == reasons(fourth.stderr) != []


def reasons(text: str) -> list[str]:
    """Return what is said of the values, without what each program says around it."""
    return [line.strip() for line in text.splitlines() if "'" in line or "models.a/b" in line]


def test_the_chart_is_taken_by_lint() -> None:
    done = helm_3("lint", CHART, "--strict")
    assert done.returncode == 0, done.stdout + done.stderr
