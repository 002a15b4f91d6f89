import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from asgi_client import make_client
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from werkzeug.test import Client

from molino.contracts.errors import SettingsError
from serving.auth.keys import open_authenticator
from serving.auth.signing_keys import LARGEST_BYTES, read_keys
from serving.settings import ServingSettings
from tests.serving.auth import issuer


@pytest.fixture(scope="module")
def private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def public_pem(private_key: rsa.RSAPrivateKey, tmp_path: Path) -> Path:
    path = tmp_path / "public.pem"
    path.write_bytes(pem_of(private_key))
    return path


def pem_of(key: rsa.RSAPrivateKey) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


@pytest.fixture
def client(releases: Path, public_pem: Path) -> Client:
    settings = ServingSettings(
        home=releases, jwt_keys=public_pem, jwt_issuer="dex", jwt_audience="molino", jwt_scope="predict"
    )
    return make_client(settings)


def claims(**changes: Any) -> dict[str, Any]:
    now = time.time()
    right = {"iss": "dex", "aud": "molino", "sub": "ana", "scope": "read predict", "exp": now + 60}
    return {name: value for name, value in {**right, **changes}.items() if value is not None}


def ask(client: Client, token: str) -> int:
    return client.get("/models", headers={"Authorization": f"Bearer {token}"}).status_code


def test_a_valid_token_is_let_in(client: Client, private_key: rsa.RSAPrivateKey) -> None:
    assert ask(client, jwt.encode(claims(), private_key, "RS256")) == 200


def test_a_key_is_still_let_in(client: Client) -> None:
    assert client.get("/models", headers={"X-API-KEY": "mercadolibre"}).status_code == 200


@pytest.mark.parametrize(
    "change", [{"iss": "other"}, {"aud": "other"}, {"exp": 1}, {"exp": None}, {"aud": None}, {"nbf": 2**40}]
)
def test_a_token_with_a_wrong_claim_is_refused(
    client: Client, private_key: rsa.RSAPrivateKey, change: dict[str, Any]
) -> None:
    assert ask(client, jwt.encode(claims(**change), private_key, "RS256")) == 401


@pytest.mark.parametrize("scope", [None, "", "read", "predictions", 7])
def test_a_token_without_the_scope_is_forbidden(client: Client, private_key: rsa.RSAPrivateKey, scope: Any) -> None:
    assert ask(client, jwt.encode(claims(scope=scope), private_key, "RS256")) == 403


@pytest.mark.parametrize(
    ("scope", "shown", "default"),
    [
        ("predict:penguins", ["penguins"], None),
        ("predict:housing", ["housing"], "housing"),
        ("predict:*", ["housing", "penguins"], "housing"),
        ("monitor", ["housing", "penguins"], "housing"),
        ("predict:housing predict:penguins", ["housing", "penguins"], "housing"),
        ("predict:nothing", [], None),
        ("read predict", ["housing", "penguins"], "housing"),
    ],
)
def test_lists_and_contract_show_the_models_that_a_token_opens(
    client: Client, private_key: rsa.RSAPrivateKey, scope: str, shown: list[str], default: str | None
) -> None:
    bearer = {"Authorization": f"Bearer {jwt.encode(claims(scope=scope), private_key, 'RS256')}"}
    models, contract = (client.get(path, headers=bearer).json for path in ("/models", "/openapi.json"))

    assert [model["name"] for model in models["models"]] == shown
    assert models["default"] == default
    told = {path.split("/")[2] for path in contract["paths"] if path.startswith("/models/")} - {"{name}"}
    assert sorted(told) == shown
    assert ("/predict" in contract["paths"]) == (default is not None)


def test_a_token_of_another_key_is_refused(client: Client) -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    assert ask(client, jwt.encode(claims(), other, "RS256")) == 401


def test_an_unsigned_token_is_refused(client: Client) -> None:
    assert ask(client, jwt.encode(claims(), None, "none")) == 401


def test_a_token_signed_with_the_public_key_as_a_secret_is_refused(client: Client, public_pem: Path) -> None:
    import base64
    import hashlib
    import hmac

    def encode(content: Any) -> bytes:
        return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=")

    signed = encode({"alg": "HS256", "typ": "JWT"}) + b"." + encode(claims())
    signature = hmac.new(public_pem.read_bytes(), signed, hashlib.sha256).digest()

    assert ask(client, (signed + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()) == 401


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é.é.é", "a" * 5000])
def test_what_is_no_token_is_refused(client: Client, token: str) -> None:
    assert ask(client, token) == 401


def test_a_key_set_is_searched_by_key_id(releases: Path, tmp_path: Path) -> None:
    keys = {name: ec.generate_private_key(ec.SECP256R1()) for name in ("old", "new")}
    jwks = [
        {**json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key())), "kid": name, "alg": "ES256", "use": "sig"}
        for name, key in keys.items()
    ]
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps({"keys": jwks}))
    client = make_client(
        ServingSettings(home=releases, jwt_keys=path, jwt_issuer="dex", jwt_audience="molino", jwt_scope="predict")
    )

    tokens = [jwt.encode(claims(), keys["new"], "ES256", headers={"kid": kid}) for kid in ("new", "old", "unknown")]

    assert [ask(client, token) for token in tokens] == [
        401 if kid != "new" else 200 for kid in ("new", "old", "unknown")
    ]


@pytest.mark.parametrize("text", ["", "nonsense", "{}", '{"keys": []}'])
def test_a_file_without_keys_is_refused_at_the_start(tmp_path: Path, text: str) -> None:
    path = tmp_path / "keys"
    path.write_text(text)

    with pytest.raises(SettingsError, match="MOLINO_SERVING_JWT_KEYS"):
        open_authenticator(ServingSettings(jwt_keys=path))


@pytest.mark.parametrize(
    "settings",
    [
        {"jwt_keys": "key.pem"},
        {"jwt_keys": "key.pem", "jwt_issuer": "dex"},
        {"jwt_keys": "key.pem", "jwt_audience": "molino"},
        {"jwt_keys": "key.pem", "jwt_issuer": "", "jwt_audience": "molino"},
        {"jwks_url": "https://dex.example/keys"},
        {"jwt_issuer": "dex", "jwt_audience": "molino"},
        {"jwks_url": "ftp://dex.example/keys", "jwt_issuer": "dex", "jwt_audience": "molino"},
        *(
            {"jwks_url": url, "jwt_issuer": "dex", "jwt_audience": "molino"}
            for url in (
                "dex",
                "https://ana:secret@dex.example/keys",
                "https://dex.example/a b",
                "https://dex.example/é",
            )
        ),
        *(
            {"jwt_keys": "key.pem", "jwt_issuer": "dex", "jwt_audience": "molino", "jwt_algorithms": algorithms}
            for algorithms in ("", "none", "HS256", "RS256,HS256", "RS256;ES256")
        ),
    ],
)
def test_half_set_up_tokens_are_refused_at_the_start(public_pem: Path, settings: dict[str, Any]) -> None:
    given = {**settings, **({"jwt_keys": public_pem} if "jwt_keys" in settings else {})}

    with pytest.raises(SettingsError, match="MOLINO_SERVING_JW"):
        open_authenticator(ServingSettings(**given))


ODD = [5, None, True, [], {}, "", "x", "é", "\ud800", "==", "A" * 10_000, 1e308, [["verify"]], {"verify": 1}]


@pytest.mark.parametrize("make", [issuer.new_rsa, issuer.new_ec, ed25519.Ed25519PrivateKey.generate])
def test_odd_keys_of_a_key_set_keep_no_other_back(make: Callable[[], issuer.PrivateKey]) -> None:
    """Whatever a member holds, the key counts or doesn't, and the good one beside it is read."""
    key, good = issuer.jwk_of(make()), issuer.jwk_of(issuer.new_ec(), kid="good")
    for name in {*key, "key_ops", "use", "alg", "kid", "x5c", "oth"}:
        for value in ODD:
            found = read_keys(json.dumps({"keys": [{**key, name: value}, good]}).encode())
            assert found.keys[-1].key_id == "good", (name, value)


@pytest.mark.parametrize("member", [{}, {"key_ops": None, "use": None, "alg": None}, {"key_ops": [], "x5c": []}])
def test_a_key_may_say_nothing_of_its_use(member: dict[str, Any]) -> None:
    text = json.dumps({"keys": [{**issuer.jwk_of(issuer.new_ec()), **member}]})

    assert len(read_keys(text.encode()).keys) == len(read_keys(text.encode("utf-8-sig")).keys) == 1


def test_begun_keys_are_read_in_no_time() -> None:
    with pytest.raises(ValueError, match="ends before"):
        read_keys(b"-----BEGIN A-----" * (LARGEST_BYTES // 17))


def test_keys_that_are_no_public_ones_or_too_short_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    key, short = issuer.new_rsa(), issuer.new_rsa(1024)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    secret = {"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "a", "alg": "HS256"}]}
    encryption = {"keys": [{**issuer.jwk_of(key), "use": "enc"}]}
    contents = (private, issuer.pem_of(short), json.dumps(secret).encode(), json.dumps(encryption).encode())
    for content in (*contents, b"x" * 300_000):
        path.write_bytes(content)

        with pytest.raises(SettingsError, match="MOLINO_SERVING_JWT_KEYS"):
            open_authenticator(ServingSettings(jwt_keys=path, jwt_issuer="dex", jwt_audience="molino"))
