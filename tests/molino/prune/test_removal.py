"""The clean-up of homes with several runs, in folders and in a real S3: what is left can be read, run and promoted."""

import json
import shutil
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from tables import csv_text, good_rows, model_content
from typer.testing import CliRunner

from molino.cli import app
from molino.contracts.errors import StoreError
from molino.contracts.model_file import load_model
from molino.contracts.pointer import point_to
from molino.contracts.promotion import PROMOTIONS
from molino.contracts.results import RegisterResult, TrainResult, VersionResult
from molino.contracts.settings import Settings
from molino.prune.inventory import DATA, Inventory, open_inventory
from molino.prune.plan import Act, Name, Plan, Policy, acts, decide
from molino.prune.removal import Removal
from molino.runs import find_run, list_runs
from training.step import read_record, run_step
from training.stores.opening import fetch, open_at, open_store
from training.tracking.registry import CHAMPION, PREVIOUS_TAG, point_alias, tag_version
from training.tracking.tracker import RUN_TAG, Tracker

MODEL = "homes"
LATER = datetime.now(UTC) + timedelta(days=200)
POLICY = Policy(runs=1, revision_days=90)
STEPS = {
    "r1": ("ingest", "version", "train", "evaluate", "register"),
    "r2": ("ingest", "version"),
    "r3": ("ingest", "version", "train", "evaluate", "register"),
}
"""How far each run got, on data of its own."""


class Home:
    """Three runs, versions 2 to 12 by the last of them, an MLflow run whose own run is lost, and artifacts of none."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.store = open_store(settings)
        self.dvc = open_at(settings.dvc_remote_uri, settings)
        self.client = Tracker(settings).client

    def make(self, folder: Path) -> None:
        for number, (run_id, steps) in enumerate(STEPS.items()):
            (folder / f"{MODEL}.csv").write_bytes(csv_text(*good_rows(300 + number)))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of DVC and MLflow: the tests of those steps look at them
                for step in steps:
                    run_step(step, load_model(folder), run_id, self.settings)
        assert self.result("r3", "register", RegisterResult).version == "2"
        run = self.client.get_run(self.client.get_model_version(MODEL, "2").run_id).info
        for _ in range(10):
            version = self.client.create_model_version(
                MODEL, run.artifact_uri, run.run_id, tags={RUN_TAG: "r3"}
            ).version
            for name in ("release.json", "model.onnx"):
                key = f"releases/{MODEL}/{version}/{name}"
                self.store.write(key, self.store.read(f"releases/{MODEL}/2/{name}"))
        experiment = self.client.get_experiment_by_name(MODEL).experiment_id
        self.client.set_terminated(self.client.create_run(experiment, tags={RUN_TAG: "lost"}).info.run_id)
        self.store.write(f"runs/{MODEL}/left/train/good.onnx", b"left")

    def result(self, run_id: str, step: str, kind: type) -> object:
        record = read_record(self.store, MODEL, run_id, step)
        assert record is not None
        return kind.model_validate(record.result)

    def inventory(self) -> Inventory:
        return open_inventory(self.settings)

    def plan(self, policy: Policy = POLICY) -> tuple[Inventory, Plan]:
        inventory = self.inventory()
        return inventory, decide(inventory.things(), policy, LATER)

    def clean(self) -> Plan:
        inventory, plan = self.plan()
        Removal(inventory, plan, lambda: decide(inventory.things(), POLICY, LATER)).apply()
        return plan

    def check(self) -> None:
        """Make sure that all that records and versions name is there, unaltered."""
        for summary in list_runs(self.store, MODEL):
            run = find_run(self.store, summary.run_id, MODEL)
            for record in run.records.values():
                for artifact in (*record.inputs, *record.outputs):
                    if artifact.key.startswith(("runs/", "releases/")):  # not the source's own file
                        fetch(self.store, artifact, self.settings.root / "checked")
            if "version" in run.records:
                md5 = VersionResult.model_validate(run.records["version"].result).md5
                assert self.dvc.exists(f"{DATA}{md5[:2]}/{md5[2:]}")
            if "train" in run.records:
                trained = TrainResult.model_validate(run.records["train"].result)
                for mlflow_run in (trained.mlflow_run_id, *(one.mlflow_run_id for one in trained.candidates)):
                    assert self.client.get_run(mlflow_run).info.lifecycle_stage == "active"
        for entry in self.client.search_model_versions(f"name = '{MODEL}'"):
            assert find_run(self.store, entry.tags[RUN_TAG], MODEL)
            assert self.store.exists(f"releases/{MODEL}/{entry.version}/release.json")

    def runs(self) -> set[str]:
        return {summary.run_id for summary in list_runs(self.store, MODEL)}


@pytest.fixture(scope="module", params=["folder", "s3"])
def made(request: pytest.FixtureRequest, mlflow_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home; only to be looked at."""
    place = tmp_path_factory.mktemp(request.param)
    models = place / "models" / MODEL
    models.mkdir(parents=True)
    (models / "model.yaml").write_text(yaml.safe_dump(model_content(quality={})))
    (place / "home").mkdir()
    shutil.copyfile(mlflow_database, place / "home" / "mlflow.db")
    settings = Settings(home=place / "home", models=place / "models")
    if request.param == "s3":
        s3 = request.getfixturevalue("s3")
        bucket = s3.make_bucket()
        names = {name: f"s3://{bucket}/{name}" for name in ("store", "git", "dvc")}
        settings = s3.settings(
            place / "home",
            models=place / "models",
            store=names["store"],
            git_remote=names["git"],
            dvc_remote=names["dvc"],
        )
    home = Home(settings)
    home.make(models)
    return home


def test_by_default_all_of_a_young_home_stays(made: Home) -> None:
    inventory = made.inventory()
    things = inventory.things()

    assert {str(thing.name).split(" ")[0] for thing in things} == {"version", "run", "MLflow", "data"}
    assert decide(things, Policy(days=0, runs=1), datetime.now(UTC)).going == {}


def test_an_old_run_goes_with_all_that_it_alone_has(made: Home) -> None:
    _, plan = made.plan()
    first = made.result("r1", "version", VersionResult), made.result("r1", "train", TrainResult)
    second, last = (made.result(run_id, "version", VersionResult).md5 for run_id in ("r2", "r3"))
    going = {name.id for name in plan.going}

    assert {"1", "r1", "r2", "left", first[0].md5, second, first[1].mlflow_run_id} <= going
    assert not {"r3", last, *map(str, range(2, 13))} & going
    assert len([name for name in plan.going if name.kind == "mlflow"]) == 1 + len(first[1].candidates) + 1


@pytest.mark.parametrize("alias", [CHAMPION, "own"])
def test_a_version_with_an_alias_keeps_its_run_and_its_data(made: Home, alias: str) -> None:
    point_alias(made.client, MODEL, alias, "1")
    try:
        _, plan = made.plan()
    finally:
        made.client.delete_registered_model_alias(MODEL, alias)
    md5 = made.result("r1", "version", VersionResult).md5

    assert plan.kept[Name("version", MODEL, "1")] == f"it is the {alias}"
    assert plan.kept[Name("run", MODEL, "r1")] == f"version 1 of {MODEL} refers to it"
    assert plan.kept[Name("data", "", md5)] == f"run r1 of {MODEL} refers to it"


def test_what_serves_stays_and_what_served_before_it(made: Home) -> None:
    point_to(made.settings.serving_folder, MODEL, "12")
    tag_version(made.client, MODEL, "12", PREVIOUS_TAG, "1")
    try:
        _, plan = made.plan()
    finally:
        point_to(made.settings.serving_folder, MODEL, None)
        made.client.delete_model_version_tag(MODEL, "12", PREVIOUS_TAG)

    assert plan.kept[Name("version", MODEL, "12")] == "it is in service"
    assert plan.kept[Name("version", MODEL, "1")] == "it served before version 12: a rollback puts it back"


def test_what_serves_here_and_what_serves_elsewhere_both_stay(made: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    class Elsewhere:
        def current(self, model: str) -> str | None:
            return {MODEL: "1"}.get(model)

    monkeypatch.setattr("training.deploy.target.open_target", lambda *_: Elsewhere())
    point_to(made.settings.serving_folder, MODEL, "12")
    try:
        _, plan = made.plan()
    finally:
        point_to(made.settings.serving_folder, MODEL, None)

    assert [plan.kept[Name("version", MODEL, version)] for version in ("1", "12")] == ["it is in service"] * 2


def test_a_promotion_that_cannot_be_read_keeps_the_versions_of_its_model(made: Home) -> None:
    key = f"{PROMOTIONS}{MODEL}/20260101T000000.000000Z.json"
    made.store.write(key, b"{}")
    try:
        _, plan = made.plan()
    finally:
        made.store.delete(key)
    assert [name for name in plan.going if name.kind == "version"] == []
    assert Name("run", MODEL, "r1") in plan.kept


def test_what_a_registered_model_of_ones_own_is_made_of_stays(made: Home) -> None:
    run_id = made.client.get_model_version(MODEL, "1").run_id
    made.client.create_registered_model("Own Name")
    made.client.create_model_version("Own Name", made.client.get_run(run_id).info.artifact_uri, run_id)
    try:
        _, plan = made.plan()
    finally:
        made.client.delete_registered_model("Own Name")
    assert plan.kept[Name("mlflow", MODEL, run_id)] == "Own Name has a version of it"


def test_a_record_that_cannot_be_read_keeps_everything(made: Home) -> None:
    made.store.write(f"runs/{MODEL}/strange/ingest.json", b"{}")
    try:
        _, plan = made.plan()
    finally:
        made.store.delete(f"runs/{MODEL}/strange/ingest.json")
    assert plan.going == {}


def test_the_command_deletes_nothing_by_itself(made: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("home", "models", "store", "git_remote", "dvc_remote", "s3_endpoint", "s3_access_key"):
        if value := getattr(made.settings, name):
            monkeypatch.setenv(f"MOLINO_{name.upper()}", str(value))
    if made.settings.s3_secret_key:
        monkeypatch.setenv("MOLINO_S3_SECRET_KEY", made.settings.s3_secret_key.get_secret_value())
    before = set(made.store.list(""))
    old = ("--days", "0", "--safety-hours", "0", "--runs", "1")
    said = CliRunner().invoke(app, ["prune", *old])
    told = json.loads(CliRunner().invoke(app, ["prune", *old, "--json"]).stdout)

    assert f"run r2 of {MODEL}: older than 0 days, and not among the last 1 runs" in said.stdout.splitlines()
    assert "would go (nothing is deleted without --yes)" in said.stdout.splitlines()[-1]
    assert (told["deleted"], {one["id"] for one in told["going"] if one["kind"] == "run"}) == (
        False,
        {"r1", "r2", "left"},
    )
    assert set(made.store.list("")) == before


class Ended(Exception):  # noqa: N818
    """The clean-up has come to its end before it was done."""


class EndingRemoval(Removal):
    """Ends before a part that is named, as a killed process does."""

    def __init__(self, inventory: Inventory, plan: Plan, before: Act) -> None:
        super().__init__(inventory, plan, lambda: decide(inventory.things(), POLICY, LATER))
        self.before = before
        self._parts = {part: self._ending(part) for part in self._parts}

    def _ending(self, part: str) -> object:
        remove = self._parts[part]

        def end_or_remove(name: Name) -> None:
            if (part, name) == (self.before.part, self.before.name):
                raise Ended
            remove(name)

        return end_or_remove


def test_a_clean_up_that_ends_anywhere_leaves_a_whole_and_goes_on_the_next_time(made: Home) -> None:
    """Last of this file: it changes the home."""
    inventory, plan = made.plan()
    stops = {act.part: act for act in acts(plan)}
    for before in stops.values():
        inventory, now = made.plan()
        with pytest.raises(Ended):
            EndingRemoval(inventory, now, before).apply()
        made.check()
    made.clean()
    made.check()

    assert made.runs() == {"r3"}
    assert [key for key in made.store.list("") if "/r1/" in key or "/left/" in key or f"/{MODEL}/1/" in key] == []
    versions = made.client.search_model_versions(f"name = '{MODEL}'")
    assert {int(entry.version) for entry in versions} == set(range(2, 13))
    assert made.plan()[1].going == {}
    with pytest.raises(StoreError, match="no run 'r1'"):
        find_run(made.store, "r1", MODEL)
