"""A person's own CSV, by the README alone: a folder with a model file gives a served model, and no code changes."""

import csv
import random
import re
from pathlib import Path

import pytest
from embedded import ROOT, Ended, Home

NAME = "rent"
DISTRICTS = {"north": 1.0, "harbour": 1.6, "old town": 1.4}


def model_file_of_the_readme() -> str:
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    return next(block for block in blocks if f"name: {NAME}\n" in block).replace("\n   ", "\n").removeprefix("   ")


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
    """A home with a models folder of one's own."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "models" / NAME).mkdir(parents=True)
    (folder / "models" / NAME / "model.yaml").write_text(model_file_of_the_readme())
    write_csv(folder / "models" / NAME / "rent.csv", flats(600))
    return Home(folder / "home", models=folder / "models")


@pytest.fixture(scope="module")
def served(own: Home) -> Ended:
    ended = own.run(NAME)
    assert ended.code == 0, ended.output + ended.errors
    return ended


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
    assert re.fullmatch(r"molino: .*/model\.yaml:10: features\.2\.type: .*\n", ended.errors)
