"""Runs that begin between the listing and the deletion, at every turn: no record names data that is gone."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from greenlet import greenlet
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from molino.contracts.address import Address
from molino.contracts.errors import PruneError
from molino.contracts.pointer import write_pointer
from molino.contracts.promotion import PROMOTIONS
from molino.contracts.record import Artifact, Record, record_key
from molino.contracts.settings import Settings
from molino.prune.inventory import DATA, Inventory
from molino.prune.plan import Name, Plan, Policy, Thing, decide
from molino.prune.removal import Removal
from training import claims
from training.stores.file import FolderStore
from training.stores.opening import open_at, open_store

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

MODEL = "flats"
OLD = time.time() - 200 * 24 * 3600
BYTES = tuple(f"{number:032x}" for number in range(4))
POLICY = Policy(runs=1)


class Turns:
    """Two that take turns at each look into a store, in an order that is given; then one after the other."""

    def __init__(self, order: list[bool]) -> None:
        self.order = iter(order)
        self.hub = greenlet.getcurrent()

    def run(self, *works: Callable[[], None]) -> None:
        greenlets = [greenlet(work) for work in works]
        last = 0
        while left := [one for one in greenlets if not one.dead]:
            last = int(next(self.order, not last))
            (greenlets[last] if not greenlets[last].dead else left[0]).switch()

    def over(self, *_: object) -> None:
        """Let the other go on."""
        self.hub.switch()


class TakingTurns(FolderStore):
    """A folder, each use of which is a turn."""

    turns: Turns | None = None

    def _over(self) -> None:
        if self.turns:
            self.turns.over()

    def read(self, key: str) -> bytes:
        self._over()
        return super().read(key)

    def write(self, key: str, data: bytes) -> Artifact:
        self._over()
        return super().write(key, data)

    def exists(self, key: str) -> bool:
        self._over()
        return super().exists(key)

    def written(self, prefix: str) -> dict[str, datetime]:
        self._over()
        return super().written(prefix)

    def delete(self, key: str) -> None:
        self._over()
        super().delete(key)


class Home:
    """Old runs, each with data of its own, and data that no run names."""

    def __init__(self, place: Path, turns: Turns) -> None:
        self.settings = Settings(home=place)
        self.store = TakingTurns.open(Address(str(self.settings.store_uri)), self.settings)
        self.dvc = TakingTurns.open(Address(str(self.settings.dvc_remote_uri)), self.settings)
        plain = open_store(self.settings), open_at(self.settings.dvc_remote_uri, self.settings)
        self.store.turns = self.dvc.turns = turns
        for number, md5 in enumerate(BYTES):
            plain[1].write(data_key(md5), b"rows")
            if number:
                plain[0].write(record_key(MODEL, f"r{number}", "version"), record(f"r{number}", md5))
        for path in place.rglob("*"):
            os.utime(path, (OLD, OLD))
        self.inventory = Inventory(self.settings, self.store, cast("MlflowClient", None))

    def _written(self) -> Iterator[Thing]:
        for key, when in self.dvc.written(DATA).items():
            yield Thing(Name("data", "", key.removeprefix(DATA).replace("/", "", 1)), when)

    def look(self) -> Plan:
        things = [*self.inventory._runs(MODEL), *self._written()]
        return decide(things, POLICY, datetime.now(UTC))

    def clean(self) -> None:
        with suppress(PruneError):  # runs have claimed what is there all the time: it goes the next time
            Removal(self.inventory, self.look(), self.look).apply()

    def reuse(self, md5: str) -> None:
        """Do as the version step: bytes that are there aren't copied again."""
        with claims.claimed(self.store, MODEL, "new"):
            if not self.dvc.exists(data_key(md5)):
                self.dvc.write(data_key(md5), b"rows")
            self.store.write(record_key(MODEL, "new", "version"), record("new", md5))

    def take(self, run_id: str) -> None:
        """Do as a run that takes the data of another."""
        with claims.claimed(self.store, MODEL, "new"):
            if self.store.exists(record_key(MODEL, run_id, "version")):
                self.store.write(
                    record_key(MODEL, "new", "version"), self.store.read(record_key(MODEL, run_id, "version"))
                )

    def missing(self) -> Iterator[Name]:
        """Yield data that a record names and that isn't there."""
        there = {thing.name for thing in self._written()}
        for thing in self.inventory._runs(MODEL):
            yield from (name for name in thing.refers - there if name.kind == "data")


def data_key(md5: str) -> str:
    return f"{DATA}{md5[:2]}/{md5[2:]}"


def record(run_id: str, md5: str) -> bytes:
    at = datetime.now(UTC) - timedelta(seconds=1)
    made = Record(
        model=MODEL, run_id=run_id, step="version", status="done", model_file_sha256="0" * 64, result={"md5": md5},
        code_revision="", image="", started=at, ended=at, host="",
    )  # fmt: skip
    return made.model_dump_json().encode()


def left_after(place: Path, order: list[bool], run: Callable[[Home], None], monkeypatch: pytest.MonkeyPatch) -> Home:
    turns = Turns(order)
    home = Home(place, turns)
    with monkeypatch.context() as patched:
        patched.setattr(time, "sleep", turns.over)
        turns.run(home.clean, lambda: run(home))
    home.store.turns = home.dvc.turns = None
    return home


RUNS = st.one_of(
    st.sampled_from(BYTES).map(lambda md5: lambda home: home.reuse(md5)),
    st.sampled_from(["r1", "r2", "r3"]).map(lambda run_id: lambda home: home.take(run_id)),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.booleans(), max_size=80), RUNS)
def test_no_record_names_data_that_is_gone(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    order: list[bool],
    run: Callable[[Home], None],
) -> None:
    home = left_after(tmp_path_factory.mktemp("home"), order, run, monkeypatch)
    assert list(home.missing()) == []
    assert list(home.store.list("prune/")) == []


@pytest.mark.parametrize("turn", range(0, 40, 6))
def test_a_run_that_begins_after_the_listing_finds_what_it_reuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, turn: int
) -> None:
    order = [False] * turn + [True] * 40
    assert list(left_after(tmp_path, order, lambda home: home.reuse(BYTES[0]), monkeypatch).missing()) == []


def test_without_runs_what_is_old_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = left_after(tmp_path, [], lambda _: None, monkeypatch)
    assert {thing.name.id for thing in home._written()} == {BYTES[3]}


def test_a_clean_up_that_was_killed_holds_up_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = left_after(tmp_path, [], lambda _: None, monkeypatch)
    home.store.write(claims.DELETING, b"")
    os.utime(Path(home.settings.store_uri) / claims.DELETING, (OLD, OLD))
    home.reuse(BYTES[3])
    assert list(home.missing()) == []


def test_a_claim_that_was_left_by_a_killed_step_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = left_after(tmp_path, [], lambda _: None, monkeypatch)
    home.store.write(f"{claims.CLAIMS}{MODEL}/r9/00", b"")
    with claims.deleting(home.store) as found:
        assert found == (f"run r9 of {MODEL}",)
    os.utime(Path(home.settings.store_uri) / f"{claims.CLAIMS}{MODEL}/r9/00", (OLD, OLD))
    with claims.deleting(home.store) as found:
        assert found == ()


def test_a_promotion_that_cannot_be_read_pins_releases_that_the_registry_has_no_more(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.write(f"{PROMOTIONS}{MODEL}/x.json", b"{}")
    store.write(f"releases/{MODEL}/7/release.json", b"{}")
    inventory = Inventory(Settings(home=tmp_path), store, cast("MlflowClient", None))
    assert inventory._promoted() == {Name("version", MODEL, "7")}


def test_an_entry_of_the_pointer_that_cannot_be_read_pins_all_of_its_model(tmp_path: Path) -> None:
    settings, store = Settings(home=tmp_path), FolderStore(tmp_path)
    write_pointer(settings.serving_folder, {MODEL: 7, "other": "1"})
    for model in (MODEL, "other"):
        store.write(f"releases/{model}/7/release.json", b"{}")
    inventory = Inventory(settings, store, cast("MlflowClient", None))
    inventory._registered = {MODEL: {}, "other": {}}
    pinned = {model: dict(inventory._pinned(model, {}, set(), set())) for model in (MODEL, "other")}
    assert pinned == {MODEL: {"7": "it can't be read which version is in service"}, "other": {}}


def test_what_is_no_claim_of_a_step_is_named_and_forgotten(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.write(f"{claims.CLAIMS}odd", b"")
    with claims.deleting(store) as found:
        assert found == ("run  of odd",)
    os.utime(tmp_path / f"{claims.CLAIMS}odd", (OLD, OLD))
    with claims.deleting(store) as found:
        assert found == ()


def test_a_claim_lasts_as_long_as_its_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = left_after(tmp_path, [], lambda _: None, monkeypatch)
    monkeypatch.setattr("training.stores.beats.BEAT_SECONDS", 0.01)
    with claims.claimed(home.store, MODEL, "r9"):
        (key,) = home.store.list(claims.CLAIMS)
        place = Path(home.settings.store_uri) / key
        os.utime(place, (OLD, OLD))
        end = time.monotonic() + 10
        while place.stat().st_mtime < OLD + 1 and time.monotonic() < end:
            time.sleep(0.01)
        with claims.deleting(home.store) as found:
            assert found == (f"run r9 of {MODEL}",)
    assert list(home.store.list("prune/")) == []
