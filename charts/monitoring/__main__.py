"""`make monitoring`: write the rules and dashboards of the chart; `--check` tells whether they are current."""

import argparse
import json
import sys
from pathlib import Path

import yaml

from charts.monitoring import pipelines, platform, serving
from charts.monitoring.parts import Dashboard, Group

FOLDER = Path(__file__).resolve().parents[1] / "molino" / "monitoring"
RULES = FOLDER / "rules.yaml"
HEAD = "# Made by `make monitoring` from charts/monitoring.\n"
GROUPS: tuple[Group, ...] = (*serving.GROUPS, *pipelines.GROUPS, *platform.GROUPS)
DASHBOARDS: tuple[Dashboard, ...] = (*platform.DASHBOARDS, *pipelines.DASHBOARDS, *serving.DASHBOARDS)


def files() -> dict[Path, str]:
    """Return the text of each file that is made."""
    groups = [{"name": group.name, "rules": [rule.rule() for rule in group.rules]} for group in GROUPS]
    made = {RULES: HEAD + yaml.safe_dump({"groups": groups}, sort_keys=False, width=100_000)}
    for dashboard in DASHBOARDS:
        made[FOLDER / "dashboards" / f"{dashboard.name}.json"] = json.dumps(dashboard.told(), indent=1) + "\n"
    return made


def stale() -> list[str]:
    """Return the names of the files that aren't what would be made, or that nothing makes any more."""
    made = files()
    old = [path for path, text in made.items() if not path.is_file() or path.read_text() != text]
    strange = [path for path in FOLDER.rglob("*") if path.is_file() and path not in made]
    return sorted(str(path.relative_to(FOLDER)) for path in (*old, *strange))


def main() -> int:
    """Write them, or check them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only tell whether they are out of date")
    if parser.parse_args().check:
        for name in stale():
            print(f"{name} is out of date: run make monitoring", file=sys.stderr)
        return 1 if stale() else 0
    for path, text in files().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
