"""A person's own CSV, by the README word for word: two commands give a served model, and no code changes."""

import csv
import random
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from embedded import ROOT, Ended, Home

pytestmark = pytest.mark.embedded

NAME = "flats"
DISTRICTS = {"north": 1.0, "harbour": 1.6, "old town": 1.4}


SECTION = (ROOT / "README.md").read_text().partition("## Your own CSV")[2].partition("\n## ")[0]


def model_file_of_the_readme() -> str:
    """Return the first file that the section shows; those behind it are pieces of others."""
    return re.findall(r"```yaml\n(.*?)```", SECTION, re.DOTALL)[0]


def commands_of_the_readme() -> list[list[str]]:
    """Return the words of the section's commands, in order."""
    text = re.sub(r"^```.*?^```", "", SECTION, flags=re.DOTALL | re.MULTILINE)
    return [shlex.split(line, comments=True) for line in re.findall(r"^    (\S.*)", text, re.MULTILINE)]


def flats(count: int) -> list[dict[str, object]]:
    """Make flats whose rent follows from size and district; some have no district."""
    chance = random.Random(3)
    made = []
    for _ in range(count):
        area = round(chance.uniform(20, 140), 1)
        district = chance.choice([*DISTRICTS])
        balcony = chance.random() < 0.5
        rent = 100 + 9 * area * DISTRICTS[district] + 40 * balcony + chance.gauss(0, 15)
        shown = "" if chance.random() < 0.03 else district
        made.append(
            {
                "area": area,
                "rooms": max(1, round(area / 30)),
                "balcony": str(balcony).lower(),
                "district": shown,
                "rent": round(rent, 2),
            }
        )
    return made


def write_csv(path: Path, rows: list[dict[str, object]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with a models folder of one's own, and a table beside it."""
    folder = tmp_path_factory.mktemp("own")
    write_csv(folder / "flats.csv", flats(600))
    return Home(folder / "home", models=folder / "models")


@pytest.fixture(scope="module")
def written(own: Home) -> "subprocess.CompletedProcess[str]":
    """What the first command says, run where the table lies."""
    program, *words = commands_of_the_readme()[0]
    assert program == ".venv/bin/molino"
    environment = {**own.environment, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "molino", *words]
    return subprocess.run(command, cwd=own.models.parent, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def served(own: Home, written: "subprocess.CompletedProcess[str]") -> Ended:
    """What the second command says: `make run` starts `molino run`."""
    assert written.returncode == 0, written.stderr
    assert commands_of_the_readme()[1] == ["make", "run", f"MODEL={NAME}"]
    ended = own.run(NAME)
    assert ended.code == 0, ended.output + ended.errors
    return ended


def test_the_first_command_names_the_second(written: "subprocess.CompletedProcess[str]") -> None:
    assert written.stdout.splitlines()[-1].removeprefix("next: ").split() == commands_of_the_readme()[1]


def test_the_model_file_is_the_one_of_the_readme(own: Home, written: "subprocess.CompletedProcess[str]") -> None:
    text = (own.models / NAME / "model.yaml").read_text()
    assert text.replace(str((own.models.parent / "flats.csv").resolve()), "/home/me/flats.csv") == (
        model_file_of_the_readme()
    )


def test_an_own_csv_gets_an_answer(served: Ended) -> None:
    assert 200 < served.answer["predictions"][0] < 2500


def test_the_model_has_learnt_the_rent(own: Home, served: Ended) -> None:
    evaluated = own.lineage(served.run_id, NAME)["records"]["evaluate"]["result"]
    assert evaluated["scores"][evaluated["best"]]["r2"]["value"] > 0.9


def test_a_fault_in_an_own_model_file_is_one_line(own: Home, tmp_path: Path) -> None:
    (tmp_path / "models" / NAME).mkdir(parents=True)
    wrong = model_file_of_the_readme().replace("type: boolean", "type: yes-or-no")
    (tmp_path / "models" / NAME / "model.yaml").write_text(wrong)
    ended = Home(tmp_path / "home", models=tmp_path / "models").run(NAME)
    assert re.fullmatch(r"molino: .*/model\.yaml:12: features\.2\.type: .*\n", ended.errors)
