"""A secret is changed in steps: at each of them, who has the old or the new one is let in as it must be."""

import base64
import json
from pathlib import Path

import pytest
import yaml
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from typer.testing import CliRunner

from molino.cli import app
from molino.secrets.making import PARTS, SecretsError, made, manifest
from molino.secrets.rotation import Held, Turn, changeable, read, turn
from serving.auth.key_ring import open_keys
from serving.settings import ServingSettings


def held(part: str, data: dict[str, str] | None = None) -> Held:
    return Held(f"own-{part}", data or made(part), {"namespace": "ml"})


def after(secret: Held, step: Turn) -> Held:
    """Return the Secret once a step's manifest is applied, as kubectl gives it again."""
    applied = manifest(secret.name, step.data, {**secret.metadata, "annotations": dict(step.annotations)})
    return read(None, yaml.safe_dump(applied))


def accepted(secret: Held, folder: Path, *keys: str) -> list[bool]:
    """Return which keys a server lets in that has the Secret mounted."""
    file = folder / "api-keys"
    file.write_text(secret.data["api-keys"])
    ring = open_keys(ServingSettings(MOLINO_API_KEYS_FILE=file, home=folder))
    return [ring.find(one.encode()) is not None for one in keys]


def test_the_old_api_key_is_taken_until_nobody_has_it(tmp_path: Path) -> None:
    begun = held("serving", {"api-keys": "of-a-friend\nold", "api-key": "old"})
    first = after(begun, turn("serving", "api-key", begun, "own"))
    new = first.data["api-keys"].split()[0]
    assert (first.data["api-key"], accepted(first, tmp_path, "old", new, "of-a-friend")) == ("old", [True, True, True])
    second = after(first, turn("serving", "api-key", first, "own"))
    assert (second.data["api-key"], accepted(second, tmp_path, "old", new, "of-a-friend")) == (new, [True, True, True])
    third = after(second, turn("serving", "api-key", second, "own"))
    assert (third.data["api-key"], accepted(third, tmp_path, "old", new, "of-a-friend")) == (new, [False, True, True])
    assert [turn("serving", "api-key", one, "own").number for one in (begun, first, second, third)] == [1, 2, 3, 1]


def test_what_airflow_has_in_its_database_is_read_at_each_step() -> None:
    begun = held("airflow")
    old = Fernet(begun.data["fernet-key"])
    token = old.encrypt(b"connection")
    first = after(begun, turn("airflow", "fernet-key", begun, "own"))
    both = MultiFernet([Fernet(one) for one in first.data["fernet-key"].split(",")])
    assert both.decrypt(token) == b"connection"
    again = both.rotate(token)
    second = after(first, turn("airflow", "fernet-key", first, "own"))
    assert Fernet(second.data["fernet-key"]).decrypt(again) == b"connection"
    with pytest.raises(InvalidToken):
        Fernet(second.data["fernet-key"]).decrypt(token)


@pytest.mark.parametrize("written", ["{}\n", "{},", ",{}", " {} ,\n"])
def test_a_fernet_key_with_signs_around_it_is_one_key(written: str) -> None:
    key = made("airflow")["fernet-key"]
    step = turn("airflow", "fernet-key", held("airflow", {"fernet-key": written.format(key)}), "own")
    new, old = step.data["fernet-key"].split(",")
    assert (step.number, old) == (1, key)
    Fernet(new)


def test_an_old_api_key_that_ends_with_a_line_break_goes_too(tmp_path: Path) -> None:
    secret = held("serving", {"api-keys": "old\n", "api-key": "old\n"})
    for _ in range(3):
        secret = after(secret, turn("serving", "api-key", secret, "own"))
    assert accepted(secret, tmp_path, "old", secret.data["api-key"]) == [False, True]


@pytest.mark.parametrize(
    ("api_keys", "api_key", "said"),
    [
        ("old", "old", "its api-keys don't begin with a new key"),
        ("", "old", "its api-keys don't begin with a new key"),
        ("of-a-friend\nold", "new", "has an api-key that its api-keys lack"),
    ],
)
def test_a_change_whose_secret_was_put_back_meanwhile_goes_no_further(api_keys: str, api_key: str, said: str) -> None:
    begun = held("serving", {"api-keys": "old", "api-key": "old"})
    mark = dict(turn("serving", "api-key", begun, "own").annotations)
    found = Held("own", {"api-keys": api_keys, "api-key": api_key}, {"annotations": mark})
    with pytest.raises(SecretsError, match=said):
        turn("serving", "api-key", found, "own")


@pytest.mark.parametrize(("part", "key"), [(part, key) for part in PARTS for key in changeable(part)])
def test_a_change_is_of_its_key_alone_and_says_what_to_do(part: str, key: str) -> None:
    begun = held(part)
    step = turn(part, key, begun, "own")
    changed = {one for one, value in step.data.items() if value != begun.data[one]}
    pairs = {"api-key": {"api-keys"}}
    with_it = {key, key.replace("-secret-key", "-access-key")} if part in ("minio", "s3") else {key}
    assert changed == pairs.get(key, with_it) & begun.data.keys()
    applied = step.orders.index("kubectl apply this Secret")
    assert (step.number, applied) == (1, int(part == "s3"))
    assert [order.startswith("at the S3: give the new pair") for order in step.orders[:applied]] == [True] * applied
    assert len(step.orders) > 1
    assert not any(value in order for order in step.orders for value in step.data.values() if len(value) > 20)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kind: ConfigMap", "holds no Secret"),
        ("a: [", "can't be read as a Secret"),
        ("{kind: Secret, data: {a: '!'}, metadata: {name: own}}", "can't be read as a Secret"),
        ("{kind: Secret, data: {}}", "can't be read as a Secret"),
        ("{kind: Secret, data: [a], metadata: {name: own}}", "can't be read as a Secret"),
        ("{kind: Secret, data: {a: 'ü'}, metadata: {name: own}}", "can't be read as a Secret"),
        ("{kind: Secret, stringData: {a: 1}, metadata: {name: own}}", "can't be read as a Secret"),
        ("{kind: Secret, data: {}, metadata: own}", "can't be read as a Secret"),
        ("{kind: Secret, data: {}, metadata: {name: 1}}", "can't be read as a Secret"),
    ],
)
def test_what_is_no_secret_is_refused(text: str, said: str) -> None:
    with pytest.raises(SecretsError, match=said):
        read(None, text)


@pytest.mark.parametrize(
    ("part", "key", "said"),
    [
        ("airflow", "username", "airflow has no secret 'username' to change: expected one of password, fernet-key"),
        ("none", "password", "there are no secrets of 'none'"),
        ("serving", "api-key", "the Secret own lacks the key api-key"),
    ],
)
def test_what_cannot_be_changed_is_said(part: str, key: str, said: str) -> None:
    with pytest.raises(SecretsError, match=said):
        turn(part, key, Held("own", {}, {}), "molino")


def test_the_command_gives_the_next_secret_and_says_the_order(tmp_path: Path) -> None:
    begun = manifest("own-mlflow", made("mlflow"), {"namespace": "ml", "labels": {"own": "1"}, "uid": "x"})
    begun["metadata"]["annotations"] = {"kubectl.kubernetes.io/last-applied-configuration": "…", "own": "1"}
    file = tmp_path / "next.yaml"
    command = ["secrets", "rotate", "mlflow", "password", "--release", "own", "--file", str(file)]
    done = CliRunner().invoke(app, command, input=json.dumps(begun))
    found = yaml.safe_load(file.read_text())
    assert done.exit_code == 0, done.output
    assert found["metadata"] == {
        "name": "own-mlflow", "namespace": "ml", "labels": {"own": "1"}, "annotations": {"own": "1"},
    }  # fmt: skip
    assert found["data"]["password"] != begun["data"]["password"]
    assert "helm upgrade own" in done.stderr
    assert base64.b64decode(found["data"]["password"]).decode() not in done.stderr


@pytest.mark.parametrize(("part", "key"), [("postgres", "airflow-password"), ("database", "mlflow-auth-password")])
def test_a_pooler_has_the_password_before_those_who_ask_by_it(part: str, key: str) -> None:
    secret = held(part)
    orders = turn(part, key, secret, "own").orders
    (pooler,) = (
        at
        for at, one in enumerate(orders)
        if "pgbouncer.enabled: kubectl rollout restart deployment/own-pgbouncer" in one
    )
    restarts = [at for at, one in enumerate(orders) if "rollout restart deployment/" in one and at != pooler]
    assert restarts
    assert pooler < min(restarts)
