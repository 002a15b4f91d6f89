"""Sets: whole or not at all, bytes once, damage by name, and what retention takes away."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from molino.backup.create import Retention, Thinning, create
from molino.backup.databases import restore_dump
from molino.backup.manifest import Manifest
from molino.backup.opening import open_vault
from molino.backup.restore import restore
from molino.backup.settings import BackupSettings
from molino.backup.vault import Vault
from molino.backup.verify import verify
from molino.cli import app
from molino.contracts.errors import BackupError, RunError, StoreError
from molino.contracts.settings import Settings
from pipelines.stack import running_lock
from training.stores.file import FolderStore

KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
OTHER_KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWU="


def ids(settings: Settings, backup: BackupSettings) -> list[str]:
    with open_vault(settings, backup) as vault:
        return vault.ids()


def checked(settings: Settings, backup: BackupSettings, set_id: str) -> Manifest:
    with open_vault(settings, backup) as vault:
        return verify(vault, set_id)


def blobs(tmp_path: Path) -> set[str]:
    return {path.name for path in (tmp_path / "sets" / "blobs").rglob("*") if path.is_file()}


def files(manifest: Manifest) -> set[str]:
    return {held.name for held in manifest.files}


def restored(backup: BackupSettings, home: Path, set_id: str = "newest", over: bool = False) -> list[str]:
    return list(restore(Settings(home=home), backup, set_id, over))


# A set.


def test_a_set_has_databases_objects_and_repository(settings: Settings, backup: BackupSettings) -> None:
    made = create(settings, backup).manifest

    assert files(made) == {
        "databases/mlflow.sqlite",
        "store/runs/housing/r1/ingest.json",
        "store/runs/housing/r1/ingest/clean.parquet",
        "dvc/files/md5/ab",
        "repository/data.bundle",
    }
    assert checked(settings, backup, made.id) == made


def test_what_is_there_and_equal_is_not_copied_twice(
    settings: Settings, backup: BackupSettings, tmp_path: Path
) -> None:
    create(settings, backup)
    before = blobs(tmp_path)
    FolderStore(Path(settings.store_uri)).write("runs/housing/r2/ingest.json", b"new")
    made = create(settings, backup)

    assert (made.new_files, made.new_bytes) == (1, 3)
    assert len(blobs(tmp_path)) == len(before) + 1


def test_what_a_listing_tells_is_the_same_is_not_read_again(
    settings: Settings, backup: BackupSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(settings, backup)
    read: list[str] = []
    download = FolderStore.download
    monkeypatch.setattr(FolderStore, "download", lambda self, key, path: (read.append(key), download(self, key, path)))
    (settings.root / "store/runs/housing/r1/ingest.json").write_bytes(b"written again, of the same length")

    assert "store/runs/housing/r1/ingest.json" in files(create(settings, backup).manifest)
    assert read == ["runs/housing/r1/ingest.json"]


def test_a_home_with_nothing_in_it_is_no_set(tmp_path: Path, backup: BackupSettings) -> None:
    with pytest.raises(BackupError, match="there is nothing to back up in"):
        create(Settings(home=tmp_path / "empty"), backup)


def test_sets_are_not_kept_in_what_is_backed_up(settings: Settings) -> None:
    inside = BackupSettings(store=str(settings.root / "store" / "backups"))
    with pytest.raises(BackupError, match=r"MOLINO_BACKUP_STORE: .* which is backed up itself"):
        create(settings, inside)


def test_what_a_set_cannot_hold_is_refused_by_name(settings: Settings, backup: BackupSettings, tmp_path: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(settings.root / "store") + b"/bad\xff"))
    odd.write_bytes(b"x")
    with pytest.raises(BackupError, match=r"store: the name of 'bad.udcff' isn't UTF-8, .*; rename it"):
        create(settings, backup)
    odd.unlink()

    (tmp_path / "elsewhere").mkdir()
    (settings.root / "store/link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match=r"store/link is a link to a folder, .*: put the folder in its place"):
        create(settings, backup)
    (settings.root / "store/link").unlink()

    (settings.root / "work").mkdir()
    (settings.root / "work/link").symlink_to(tmp_path / "elsewhere")
    create(settings, backup)


@pytest.mark.parametrize("name", ["", "databases", "repository", "store", "a/b"])
def test_no_further_place_takes_the_name_of_another(settings: Settings, tmp_path: Path, name: str) -> None:
    backup = BackupSettings(store=str(tmp_path / "sets"), places={name: str(tmp_path)})
    with pytest.raises(BackupError, match=f"MOLINO_BACKUP_PLACES: '{name}' is no name, or that of a place"):
        create(settings, backup)


def test_a_further_place_that_is_not_there_is_refused(settings: Settings, tmp_path: Path) -> None:
    backup = BackupSettings(store=str(tmp_path / "sets"), places={"logs": str(tmp_path / "nowhere")})
    with pytest.raises(
        BackupError, match=r"MOLINO_BACKUP_PLACES: logs: there is no folder .*nowhere; correct its path"
    ):
        create(settings, backup)


@pytest.mark.parametrize("option", ["--max-age", "--all-hours"])
def test_an_age_beyond_all_calendars_is_refused(option: str) -> None:
    for value in ("1e300", "inf"):
        assert CliRunner().invoke(app, ["backup", "create", option, value]).exit_code == 2


# Whole or not at all.


def test_a_set_that_fails_leaves_nothing(
    settings: Settings, backup: BackupSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = create(settings, backup)
    before = blobs(tmp_path)
    (settings.root / "store/more").write_bytes(b"more")
    monkeypatch.setattr("molino.backup.vault.Vault.write", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        create(settings, backup)

    assert ids(settings, backup) == [first.manifest.id]
    assert blobs(tmp_path) == before
    assert not list((tmp_path / "sets" / "begun").iterdir())


def test_a_set_that_was_killed_is_none_and_the_next_one_cleans_up(
    settings: Settings, backup: BackupSettings, tmp_path: Path
) -> None:
    (settings.root / "store/left").write_bytes(b"left")
    program = (
        "import os, signal, molino.backup.vault as vault\n"
        "vault.Vault.write = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "from molino.cli import main\nmain()"
    )
    variables = {"MOLINO_HOME": str(settings.root), "MOLINO_BACKUP_STORE": str(tmp_path / "sets")}
    killed = subprocess.run(
        [sys.executable, "-c", program, "backup", "create"], env={**os.environ, **variables}, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert len(blobs(tmp_path)) == 6
    assert ids(settings, backup) == []

    (settings.root / "store/left").unlink()
    made = create(settings, backup)
    assert ids(settings, backup) == [made.manifest.id]
    assert len(blobs(tmp_path)) == 5
    assert not list((tmp_path / "sets" / "begun").iterdir())


def test_nothing_is_swept_while_another_set_is_being_made(
    settings: Settings, backup: BackupSettings, tmp_path: Path
) -> None:
    with open_vault(settings, backup) as vault, vault.making("another"):
        vault.store.write("blobs/ab/abc", b"of the other set")
        create(settings, backup)
        assert "abc" in blobs(tmp_path)
    create(settings, backup)
    assert "abc" not in blobs(tmp_path)


@pytest.mark.parametrize("mark", [b"", b"[1]", b'{"host": "another", "pid": 1, "at": 9e12}'])
def test_a_mark_of_whatever_content_goes_by_its_age(
    settings: Settings, backup: BackupSettings, tmp_path: Path, mark: bytes
) -> None:
    path = tmp_path / "sets/begun/another"
    path.parent.mkdir(parents=True)
    path.write_bytes(mark)
    create(settings, backup)
    assert path.exists()

    (tmp_path / "sets/blobs/ab").mkdir(exist_ok=True)
    (tmp_path / "sets/blobs/ab/abc").write_bytes(b"left")
    os.utime(path, (0, 0))
    create(settings, backup)
    assert not path.exists()
    assert "abc" not in blobs(tmp_path)
    assert not list((tmp_path / "sets" / "clock").iterdir())


@pytest.mark.parametrize("was_left", [False, True])
def test_a_set_that_is_made_during_a_sweep_stays_whole(
    settings: Settings, backup: BackupSettings, monkeypatch: pytest.MonkeyPatch, was_left: bool
) -> None:
    create(settings, backup)
    (settings.root / "store/more").write_bytes(b"more")
    digest = hashlib.sha256(b"more").hexdigest()
    made: list[Manifest] = []
    with open_vault(settings, backup) as vault:
        if was_left:
            vault.store.write(f"blobs/{digest[:2]}/{digest}", b"more")
        read = vault.read

        def read_slowly(set_id: str) -> Manifest:
            if not made:
                made.append(create(settings, backup).manifest)
            return read(set_id)

        monkeypatch.setattr(vault, "read", read_slowly)
        vault.sweep()

    assert checked(settings, backup, made[0].id) == made[0]


def test_a_set_is_restored_whole_though_it_is_removed_meanwhile(
    settings: Settings, backup: BackupSettings, tmp_path: Path
) -> None:
    made = create(settings, backup).manifest
    steps = restore(Settings(home=tmp_path / "empty"), backup, made.id, False)
    next(steps)
    with open_vault(settings, backup) as vault:
        vault.remove(made.id)
        vault.sweep()
        list(steps)
        assert (tmp_path / "empty/dvc/files/md5/ab").read_bytes() == b"bytes of dvc/files/md5/ab"
        vault.sweep()
    assert blobs(tmp_path) == set()


def test_nothing_is_restored_into_a_home_that_runs(settings: Settings, backup: BackupSettings) -> None:
    create(settings, backup)
    with running_lock(settings.root), pytest.raises(RunError, match=r"another run uses .*: stop it"):
        restored(backup, settings.root, over=True)
    restored(backup, settings.root, over=True)


def test_what_the_system_refuses_is_one_line(settings: Settings, backup: BackupSettings, tmp_path: Path) -> None:
    create(settings, backup)
    (tmp_path / "other/mlflow.db").mkdir(parents=True)
    with pytest.raises(BackupError, match=r"other/mlflow\.db: Is a directory; check it and its disk"):
        restored(backup, tmp_path / "other")

    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match=r"file/begun/.*; check the folder .*file and its disk"):
        create(settings, BackupSettings(store=str(tmp_path / "file")))


# Damage.


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("key", [None, KEY])
@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (flip, r"store/runs/housing/r1/ingest\.json \(file:.*blobs/"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), r"store/runs/housing/r1/ingest\.json \(file:"),
        (Path.unlink, r"store/runs/housing/r1/ingest\.json \(file:.*: it is missing"),
    ],
)
def test_one_damaged_byte_is_refused_by_the_name_of_its_file(
    settings: Settings, tmp_path: Path, key: str | None, damage: Callable[[Path], None], said: str
) -> None:
    backup = BackupSettings(store=str(tmp_path / "sets"), key=key)
    made = create(settings, backup).manifest
    held = next(held for held in made.files if held.key == "runs/housing/r1/ingest.json")
    damage(tmp_path / "sets" / held.blob_key)

    with pytest.raises(BackupError, match=said):
        checked(settings, backup, made.id)
    with pytest.raises(BackupError, match=said):
        restored(backup, tmp_path / "empty")
    assert not (tmp_path / "empty" / "store").exists()


@pytest.mark.parametrize("name", ["manifest.json", "manifest.json.sha256"])
def test_a_damaged_manifest_is_refused(settings: Settings, backup: BackupSettings, tmp_path: Path, name: str) -> None:
    made = create(settings, backup).manifest
    path = tmp_path / "sets" / "sets" / made.id / name
    content = bytearray(path.read_bytes())
    content[10] ^= 1
    path.write_bytes(content)

    with pytest.raises(BackupError, match=r"manifest\.json: its sha256 isn't what manifest\.json\.sha256 says"):
        checked(settings, backup, made.id)


def test_a_manifest_whose_sum_is_missing_is_refused(settings: Settings, backup: BackupSettings, tmp_path: Path) -> None:
    made = create(settings, backup).manifest
    (tmp_path / "sets" / "sets" / made.id / "manifest.json.sha256").unlink()
    with pytest.raises(BackupError, match=r"manifest\.json\.sha256 says; the set is damaged: take another, and remove"):
        checked(settings, backup, made.id)


def test_a_set_under_another_name_is_refused_and_is_never_the_newest(
    settings: Settings, backup: BackupSettings, tmp_path: Path
) -> None:
    renamed, other = create(settings, backup).manifest, create(settings, backup).manifest
    for name in ("before-the-upgrade", "20200101-000000-000000"):
        (tmp_path / "sets/sets" / renamed.id).rename(tmp_path / "sets/sets" / name)
        assert ids(settings, backup) == [other.id, name]
        with pytest.raises(BackupError, match=f"it is of the set {renamed.id}: give its folder that name again"):
            checked(settings, backup, name)
        (tmp_path / "sets/sets" / name).rename(tmp_path / "sets/sets" / renamed.id)
    assert checked(settings, backup, renamed.id) == renamed


def test_a_set_under_another_name_stays_and_takes_no_other_ones_place(
    settings: Settings, backup: BackupSettings, tmp_path: Path
) -> None:
    renamed, other = create(settings, backup).manifest, create(settings, backup).manifest
    (tmp_path / "sets/sets" / renamed.id).rename(tmp_path / "sets/sets/before-the-upgrade")
    made = create(settings, backup, Retention(2, timedelta(days=1), Thinning(timedelta(hours=1), 1, 1)))
    assert made.removed == ()
    assert ids(settings, backup) == [made.manifest.id, other.id, "before-the-upgrade"]
    assert "it is of the set" in str(made.not_swept)


@pytest.mark.parametrize("key", ["../../evil", "a/../../b", "a\0b"])
def test_a_manifest_that_names_what_is_in_no_place_is_refused(
    settings: Settings, backup: BackupSettings, tmp_path: Path, key: str
) -> None:
    made = create(settings, backup).manifest
    files = tuple(held.model_copy(update={"key": key}) for held in made.files)
    with open_vault(settings, backup) as vault:
        vault.write(made.model_copy(update={"files": files}))
    with pytest.raises(BackupError, match=r"manifest\.json: .*expected a path within its place, not .*it was altered"):
        restored(backup, tmp_path / "empty")
    assert not (tmp_path / "empty" / "store").exists()


@pytest.mark.parametrize("name", ["manifest.json", "manifest.json.sha256"])
def test_a_damaged_set_keeps_no_new_one_from_being_made(
    settings: Settings, backup: BackupSettings, tmp_path: Path, name: str
) -> None:
    first = create(settings, backup).manifest
    path = tmp_path / "sets" / "sets" / first.id / name
    flip(path) if name == "manifest.json" else path.unlink()
    made = create(settings, backup)

    assert made.manifest.id in ids(settings, backup)
    assert first.id in str(made.not_swept)


def test_a_damaged_set_hides_no_other_from_the_list(
    settings: Settings, backup: BackupSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, damaged = create(settings, backup).manifest.id, create(settings, backup).manifest.id
    (tmp_path / "sets" / "sets" / damaged / "manifest.json.sha256").unlink()
    monkeypatch.setenv("MOLINO_HOME", str(settings.root))
    monkeypatch.setenv("MOLINO_BACKUP_STORE", str(tmp_path / "sets"))
    for options in ((), ("--json",)):
        said = CliRunner().invoke(app, ["backup", "list", *options])
        assert good in said.stdout
        assert said.exit_code == 1
        assert isinstance(said.exception, BackupError)
        assert damaged in str(said.exception)


def test_a_set_that_is_not_there_is_one_line(settings: Settings, backup: BackupSettings, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="there is no set 'x' in"):
        checked(settings, backup, "x")
    with pytest.raises(BackupError, match="make one by `molino backup create`"):
        restored(backup, tmp_path / "empty")


# Encryption.


def test_an_encrypted_set_tells_neither_bytes_nor_key_and_comes_back(settings: Settings, tmp_path: Path) -> None:
    (settings.root / "store/large").write_bytes(large := b"a word that all may find" * 100_000)
    backup = BackupSettings(store=str(tmp_path / "sets"), key=KEY)
    made = create(settings, backup)
    assert create(settings, backup).new_files == 0
    written = b"".join(path.read_bytes() for path in (tmp_path / "sets").rglob("*") if path.is_file())

    assert b"a word that all may find" not in written
    assert KEY.encode() not in written
    assert made.manifest.key_id
    restored(backup, tmp_path / "empty")
    assert (tmp_path / "empty/store/large").read_bytes() == large


@pytest.mark.parametrize(
    ("key", "said"),
    [(None, "it is encrypted: set MOLINO_BACKUP_KEY"), (OTHER_KEY, "it was altered, or encrypted with another key")],
)
def test_an_encrypted_set_wants_its_key(settings: Settings, tmp_path: Path, key: str | None, said: str) -> None:
    made = create(settings, BackupSettings(store=str(tmp_path / "sets"), key=KEY)).manifest
    with pytest.raises(BackupError, match=said):
        checked(settings, BackupSettings(store=str(tmp_path / "sets"), key=key), made.id)


def test_another_key_makes_sets_beside_those_of_the_first(settings: Settings, tmp_path: Path) -> None:
    first, other = (BackupSettings(store=str(tmp_path / "sets"), key=key) for key in (KEY, OTHER_KEY))
    made, later = create(settings, first).manifest, create(settings, other).manifest

    assert {held.blob_key for held in made.files}.isdisjoint(held.blob_key for held in later.files)
    assert checked(settings, first, made.id) == made
    assert checked(settings, other, later.id) == later


# What stays.


def test_the_newest_set_is_the_last_one_made_though_a_clock_was_ahead(
    settings: Settings, backup: BackupSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead = datetime.now(UTC) + timedelta(days=30)
    with monkeypatch.context() as context:
        context.setattr("molino.backup.create.datetime", type("Ahead", (datetime,), {"now": lambda _: ahead}))
        first = create(settings, backup).manifest
    made = create(settings, backup, Retention(keep=1))

    assert made.removed == (first.id,)
    assert ids(settings, backup) == [made.manifest.id]
    assert made.manifest.created < ahead


def test_a_set_never_removes_itself_though_another_was_made_meanwhile(
    settings: Settings, backup: BackupSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, others = Vault.write, []

    def write_after_another(vault: Vault, manifest: Manifest) -> None:
        if not others:
            others.append(manifest)
            others.append(create(settings, backup).manifest)
        write(vault, manifest)

    monkeypatch.setattr(Vault, "write", write_after_another)
    made = create(settings, backup, Retention(keep=1))
    assert made.removed == ()
    assert ids(settings, backup) == [others[1].id, made.manifest.id]


def test_only_what_no_kept_set_names_is_removed(settings: Settings, backup: BackupSettings, tmp_path: Path) -> None:
    old = settings.root / "store/old"
    old.write_bytes(b"old")
    first = create(settings, backup).manifest
    old.unlink()
    second = create(settings, backup, Retention(keep=2))
    assert second.removed == ()
    third = create(settings, backup, Retention(keep=2))

    assert third.removed == (first.id,)
    assert sorted(ids(settings, backup)) == sorted([second.manifest.id, third.manifest.id])
    assert blobs(tmp_path) == {held.sha256 for held in third.manifest.files}
    assert checked(settings, backup, second.manifest.id) == second.manifest


@pytest.mark.parametrize(
    ("retention", "gone"),
    [
        (Retention(), []),
        (Retention(keep=2), ["20261125-120000-c", "20261101-120000-d"]),
        (Retention(max_age=timedelta(days=2.5)), ["20261101-120000-d"]),
        (Retention(keep=3, max_age=timedelta(days=1)), ["20261125-120000-c", "20261101-120000-d"]),
        (Retention(keep=1, max_age=timedelta(0)), ["20261126-120000-b", "20261125-120000-c", "20261101-120000-d"]),
    ],
)
def test_sets_go_by_count_and_age_but_never_the_newest(retention: Retention, gone: list[str]) -> None:
    sets = ["20261127-120000-a", "20261126-120000-b", "20261125-120000-c", "20261101-120000-d"]
    assert retention.gone(sets, datetime(2026, 11, 27, 12, tzinfo=UTC)) == gone


def test_sets_are_thinned_out_by_age_however_often_it_is_done() -> None:
    now, sets = datetime(2026, 11, 27, 12, tzinfo=UTC), []
    thinning = Retention(thinning=Thinning(timedelta(hours=24), days=7, weeks=4))
    made = now - timedelta(days=60)
    while made <= now:
        sets.insert(0, f"{made:%Y%m%d-%H%M%S}-a")
        gone = thinning.gone(sets, made)
        sets = [one for one in sets if one not in gone]
        made += timedelta(hours=1)

    days = [one[:8] for one in sets]
    assert days.count("20261127") == 13
    assert days.count("20261126") == 11
    assert [day for day in days if day < "20261126"] == [
        "20261125", "20261124", "20261123", "20261122", "20261121", "20261120", "20261115", "20261108", "20261101",
    ]  # fmt: skip
    assert all(one[9:11] == "23" for one in sets if one < "20261126")


# Who made it.


def signed(tmp_path: Path, key: str | None, **more: str) -> BackupSettings:
    return BackupSettings(store=str(tmp_path / "sets"), **({"mac_key": key} if key else {}), **more)


@pytest.mark.parametrize("variable", ["key", "mac_key"])
def test_a_manifest_that_somebody_without_the_key_has_altered_is_refused(
    settings: Settings, tmp_path: Path, variable: str
) -> None:
    mine = BackupSettings(store=str(tmp_path / "sets"), **{variable: KEY})
    made = create(settings, mine).manifest
    folder = tmp_path / "sets" / "sets" / made.id
    assert checked(settings, mine, made.id) == made
    forged = made.model_copy(update={"pointers": {"flats": "7"}}).model_dump_json(indent=1).encode()
    (folder / "manifest.json").write_bytes(forged)
    (folder / "manifest.json.sha256").write_text(f"{hashlib.sha256(forged).hexdigest()}  manifest.json\n")

    with pytest.raises(BackupError, match=r"manifest\.json: its HMAC is wrong: it was altered by somebody without"):
        restored(mine, tmp_path / "new")
    assert not (tmp_path / "new").exists() or not any((tmp_path / "new").iterdir())


def test_a_set_without_an_hmac_or_with_that_of_another_key_is_trusted_only_when_told(
    settings: Settings, tmp_path: Path
) -> None:
    plain, mine, other = signed(tmp_path, None), signed(tmp_path, KEY), signed(tmp_path, OTHER_KEY)
    first = create(settings, plain).manifest
    with pytest.raises(BackupError, match=r"it has no HMAC, .* or say --unsigned to trust it"):
        checked(settings, mine, first.id)
    with open_vault(settings, mine) as vault:
        assert verify(vault, first.id, unsigned=True) == first
    second = create(settings, other).manifest
    with pytest.raises(BackupError, match="it was altered, or encrypted with another key, or authenticated by one"):
        checked(settings, mine, second.id)
    assert checked(settings, plain, second.id) == second
    assert create(settings, mine).not_swept is None


def test_a_sweep_asks_which_sets_there_are_once_for_many_objects(
    settings: Settings, backup: BackupSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(settings, backup)
    with open_vault(settings, backup) as vault:
        for number in range(150):
            vault.store.write(f"blobs/ab/{number}", b"left")
        asked: list[str] = []
        listed = type(vault.store).list
        monkeypatch.setattr(type(vault.store), "list", lambda one, prefix: asked.append(prefix) or listed(one, prefix))
        assert vault.sweep() == 150
    assert len(asked) < 10


# The way back.


def test_all_comes_back(settings: Settings, backup: BackupSettings, tmp_path: Path) -> None:
    before = create(settings, backup).manifest
    shutil.rmtree(settings.root)
    said = restored(backup, tmp_path / "empty")
    again = create(Settings(home=tmp_path / "empty"), backup).manifest

    objects = [{held.name: held.sha256 for held in made.files if held.place != "databases"} for made in (before, again)]
    assert objects[0] == objects[1]
    assert files(again) == files(before)
    assert (tmp_path / "empty/dvc/files/md5/ab").read_bytes() == b"bytes of dvc/files/md5/ab"
    assert any(line.startswith("database mlflow in") for line in said)


def test_what_is_there_is_written_over_when_told(settings: Settings, backup: BackupSettings) -> None:
    create(settings, backup)
    record = settings.root / "store/runs/housing/r1/ingest.json"
    kept = record.read_bytes()
    record.write_bytes(b"other")
    with pytest.raises(BackupError, match="isn't empty"):
        restored(backup, settings.root)
    assert record.read_bytes() == b"other"

    restored(backup, settings.root, over=True)
    assert record.read_bytes() == kept


def test_a_database_that_cannot_be_restored_leaves_the_one_that_is_there(
    settings: Settings, backup: BackupSettings, tmp_path: Path
) -> None:
    before = (settings.root / "mlflow.db").read_bytes()
    dump = tmp_path / "mlflow.sqlite"
    dump.write_bytes(b"no database" * 1000)
    with pytest.raises(BackupError, match="not a database"):
        restore_dump(settings, backup, dump, None)

    assert (settings.root / "mlflow.db").read_bytes() == before
    assert not (settings.root / "mlflow.db.part").exists()
