"""Forged tokens of the known kinds, sent to a real server; none is let in."""

import http.client
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from running_server import RunningServer, run_server

from tests.serving.auth.issuer import (
    claims,
    encode,
    jwk_of,
    new_ec,
    new_rsa,
    pem_of,
    run_key_host,
    sign,
    sign_by_secret,
)

KEY, OTHER = new_rsa(), new_rsa()
P256, P384 = new_ec(), new_ec(ec.SECP384R1())
HEADER: dict[str, Any] = {"alg": "RS256", "typ": "JWT", "kid": "now"}


@pytest.fixture(scope="module")
def server(releases: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("tokens")
    keys = [jwk_of(KEY, kid="now", alg="RS256"), jwk_of(P256, kid="p256"), jwk_of(P384, kid="p384")]
    (folder / "jwks").write_text(json.dumps({"keys": keys}))
    variables = {
        "MOLINO_SERVING_JWT_KEYS": folder / "jwks",
        "MOLINO_SERVING_JWT_ISSUER": "dex",
        "MOLINO_SERVING_JWT_AUDIENCE": "molino",
    }
    with run_server(releases, folder / "log", **variables) as running:
        yield running


def ask(server: RunningServer, bearer: bytes) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("GET", "/models", headers={"Authorization": (b"Bearer " + bearer).decode("latin-1")})
    status = connection.getresponse().status
    connection.close()
    return status


def right(header: dict[str, Any] | None = None, key: Any = KEY, **changes: Any) -> bytes:
    """Return a token that is signed by the server's key, with changed header and claims."""
    found = {name: value for name, value in {**HEADER, **(header or {})}.items() if value is not None}
    return sign(key, json.dumps(found).encode(), json.dumps(claims(**changes)).encode(), found["alg"])


def forged(header: dict[str, Any] | None = None, key: Any = OTHER, algorithm: str = "RS256") -> bytes:
    """Return a token that is signed by another key."""
    return sign(key, json.dumps({**HEADER, **(header or {})}).encode(), json.dumps(claims()).encode(), algorithm)


def raw(header: str, payload: str) -> bytes:
    """Return a token of these very characters, signed by the server's key."""
    return sign(KEY, header.encode(), payload.encode(), "RS256")


def unsigned(algorithm: Any, signature: bytes = b"") -> bytes:
    head = {key: value for key, value in {**HEADER, "alg": algorithm}.items() if value is not None}
    return b".".join([encode(json.dumps(head).encode()), encode(json.dumps(claims()).encode()), signature])


def altered(token: bytes, change: Callable[[list[bytes]], object]) -> bytes:
    parts = token.split(b".")
    change(parts)
    return b".".join(parts)


def other_first_letter_of_the_signature(parts: list[bytes]) -> None:
    parts[2] = (b"B" if parts[2].startswith(b"A") else b"A") + parts[2][1:]


def other_spelling_of_the_signature(parts: list[bytes]) -> None:
    """Change the spare bits of the last letter, which a lenient reader drops."""
    letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    parts[2] = parts[2][:-1] + letters[letters.index(parts[2][-1]) + 1 :][:1]


HEAD_TEXT = json.dumps(HEADER)
SECRET = {**HEADER, "alg": "HS256"}


def make_forged() -> dict[str, bytes]:
    """Return a token of each kind, which nothing but what is forged would keep out at this moment."""
    now = time.time()
    claims_text = json.dumps(claims())
    return {
        **{
            f"alg {name!r}, no signature": unsigned(name)
            for name in ("none", "None", "NONE", "nOnE", "", None, "none ")
        },
        "alg none, a signature": unsigned("none", b"AAAA"),
        "alg null": unsigned(["RS256"], b"AAAA"),
        "alg none, two parts": unsigned("none").rstrip(b"."),
        "HS256 by the PEM": sign_by_secret(pem_of(KEY), SECRET, claims()),
        "HS256 by the PEM, no last line end": sign_by_secret(pem_of(KEY).strip(), SECRET, claims()),
        "HS256 by the modulus": sign_by_secret(jwk_of(KEY)["n"].encode(), SECRET, claims()),
        "HS256 by the JWK": sign_by_secret(json.dumps(jwk_of(KEY)).encode(), SECRET, claims()),
        "HS256 by nothing": sign_by_secret(b"", SECRET, claims()),
        "RS256 said, HS256 done": sign_by_secret(pem_of(KEY), HEADER, claims()),
        "another key": forged(),
        **{
            f"kid {kid!r}": forged({"kid": kid})
            for kid in (
                "../../dev/null",
                "/dev/null",
                "file:///dev/null",
                "http://127.0.0.1/k",
                "' OR '1'='1",
                "",
                "now\0",
            )
        },
        "kid a number": right({"kid": 1}),
        "kid a list": right({"kid": ["now"]}),
        "kid an object": right({"kid": {"$ne": 1}}),
        "jwk": forged({"jwk": jwk_of(OTHER, kid="now")}),
        "jwk, unknown kid": forged({"jwk": jwk_of(OTHER, kid="mine"), "kid": "mine"}),
        "x5c": forged({"x5c": ["MIIC"]}),
        "expired": right(exp=now - 3600),
        "no exp": right(exp=None),
        "exp text": right(exp=str(now + 600)),
        "exp true": right(exp=True),
        "exp infinite": raw(HEAD_TEXT, claims_text[:-1] + ', "nbf": 1e999}'),
        "exp no number": raw(HEAD_TEXT, json.dumps(claims(exp=float("nan")))),
        "exp of 5,000 digits": raw(HEAD_TEXT, json.dumps(claims(exp=None))[:-1] + ', "exp": ' + "9" * 5000 + "}"),
        "not yet": right(nbf=now + 3600),
        "nbf text": right(nbf="0"),
        "made in the future": right(iat=now + 3600),
        **{f"iss {issuer!r}": right(iss=issuer) for issuer in (None, "", "Dex", "dex/", "de", ["dex"], {"dex": 1}, 1)},
        **{
            f"aud {audience!r}": right(aud=audience)
            for audience in (
                None,
                "",
                "Molino",
                "molin",
                [],
                ["other"],
                [["molino"]],
                {"molino": 1},
                [1],
                "molino other",
            )
        },
        "sub a number": right(sub=1),
        "RS256 key, RS512": right({"alg": "RS512"}),
        "P-384 key, ES256": forged({"alg": "ES256", "kid": "p384"}, P256, "ES256"),
        "P-256 key, ES384": forged({"alg": "ES384", "kid": "p256"}, P384, "ES384"),
        "another curve": forged({"alg": "ES256K", "kid": "p256"}, new_ec(ec.SECP256K1()), "ES256K"),
        "a signature of zeros": unsigned("ES256", encode(bytes(64))),
        "alg of another kind": forged({"alg": "ES256", "kid": "now"}, P256, "ES256"),
        "no signature": altered(right(), lambda parts: parts.__setitem__(2, b"")),
        "two parts": b".".join(right().split(b".")[:2]),
        "four parts": right() + b".AAAA",
        "five parts": right() + b".AAAA.AAAA",
        "truncated": right()[:-4],
        "one letter less": right()[:-1],
        "a bit of the signature": altered(right(), other_first_letter_of_the_signature),
        "spare bits of the signature": altered(right(), other_spelling_of_the_signature),
        "signature of another": right().rsplit(b".", 1)[0] + b"." + right(sub="ben").rsplit(b".", 1)[1],
        "claims of another": altered(
            right(), lambda p: p.__setitem__(1, encode(json.dumps(claims(sub="eve")).encode()))
        ),
        "crit": right({"crit": ["exp"]}),
        "crit empty": right({"crit": []}),
        "crit unknown": right({"crit": ["x"], "x": 1}),
        "b64 false": right({"b64": False, "crit": ["b64"]}),
        "zip": right({"zip": "DEF"}),
        "nested": right({"cty": "JWT"}),
        "typ of a logout": right({"typ": "logout+jwt"}),
        "typ of a proof": right({"typ": "dpop+jwt"}),
        "alg twice": raw('{"alg": "none", ' + HEAD_TEXT[1:], claims_text),
        "exp twice": raw(HEAD_TEXT, '{"exp": 1, ' + claims_text[1:]),
        "iss twice": raw(HEAD_TEXT, '{"iss": "dex", ' + claims_text[1:]),
        "scope twice": raw(HEAD_TEXT, claims_text[:-1] + ', "scope": "monitor"}'),
        "claims a list": raw(HEAD_TEXT, "[]"),
        "claims a text": raw(HEAD_TEXT, '"dex"'),
        "claims no JSON": raw(HEAD_TEXT, "dex"),
        "claims not UTF-8": sign(KEY, HEAD_TEXT.encode(), claims_text.encode().replace(b"ana", b"\xff\xfe"), "RS256"),
        "header not UTF-8": sign(KEY, b"\xff" + HEAD_TEXT.encode(), claims_text.encode(), "RS256"),
        "header a list": raw("[]", claims_text),
        "nested too deep": raw(HEAD_TEXT, "[" * 5000),
        "padding": altered(right(), lambda parts: parts.__setitem__(2, parts[2] + b"==")),
        "base64 that isn't for URLs": right().replace(b"_", b"/").replace(b"-", b"+") + b"+",
        "a blank inside": altered(right(), lambda parts: parts.__setitem__(1, parts[1][:9] + b" " + parts[1][9:])),
        "a tab inside": altered(right(), lambda parts: parts.__setitem__(1, parts[1][:9] + b"\t" + parts[1][9:])),
        "not ASCII": right()[:-2] + "é".encode("latin-1"),
        "not UTF-8": b"\xff\xfe." + right(),
        "a comma and another": right() + b"," + right(),
        "quoted": b'"' + right() + b'"',
        "empty": b"",
        "dots": b"..",
    }


@pytest.fixture(scope="module")
def forged_tokens() -> dict[str, bytes]:
    return make_forged()


@pytest.mark.parametrize("kind", make_forged())
def test_a_forged_token_is_refused(server: RunningServer, forged_tokens: dict[str, bytes], kind: str) -> None:
    assert ask(server, forged_tokens[kind]) == 401


@pytest.mark.parametrize("size", [7000, 60_000, 10**6])
def test_a_huge_token_is_refused(server: RunningServer, size: int) -> None:
    try:
        status = ask(server, right(more="a" * size))
    except OSError:
        status = 431  # The server has hung up in the middle of the head.

    assert status in (401, 431)


def make_right() -> dict[str, bytes]:
    """Return a token of each kind that is right at this moment."""
    now = time.time()
    return {
        "by RS256": right(),
        "by ES256": right({"alg": "ES256", "kid": "p256"}, P256),
        "by ES384": right({"alg": "ES384", "kid": "p384"}, P384),
        "a list of audiences": right(aud=["other", "molino"]),
        "a token for access": right({"typ": "at+jwt"}),
        "no typ": right({"typ": None}),
        "expired within the leeway": right(exp=now - 5),
        "valid soon": right(nbf=now + 20, iat=now + 20),
        "scopes in a list": right(scope=None, scp=["predict:housing"]),
        "more claims": right(email="ana@example.org", roles=["a"]),
    }


@pytest.mark.parametrize("kind", make_right())
def test_a_right_token_is_let_in(server: RunningServer, kind: str) -> None:
    assert ask(server, make_right()[kind]) == 200


def test_an_address_in_a_token_is_never_asked(server: RunningServer) -> None:
    with run_key_host() as evil:
        evil.publish(jwk_of(OTHER, kid="mine"))
        tokens = [
            forged({"jku": evil.url, "kid": "mine"}),
            forged({"x5u": evil.url, "kid": "mine"}),
            forged({"kid": evil.url}),
            forged({"iss": evil.url}),
        ]

        assert ([ask(server, token) for token in tokens], evil.asked) == ([401] * 4, 0)


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [
        ("predict:housing", {"housing", "describe", "list"}),
        ("predict:penguins", {"penguins", "list"}),
        ("predict:*", {"housing", "penguins", "default", "describe", "list"}),
        ("monitor", {"describe", "list", "monitor"}),
        ("predict:housing monitor", {"housing", "describe", "list", "monitor"}),
        *(
            (scope, set[str]())
            for scope in (None, "", "predict", "housing", "PREDICT:*", "monitoring", 7, [7], {"a": 1})
        ),
        (["predict:*"], {"housing", "penguins", "default", "describe", "list"}),
    ],
)
def test_scopes_open_what_they_say_and_nothing_else(server: RunningServer, scope: Any, allowed: set[str]) -> None:
    asked = {
        "housing": [("POST", "/models/housing/predict"), ("POST", "/v2/models/housing/infer"),
                    ("POST", "/v2/models/housing/versions/1/infer")],
        "penguins": [("POST", "/models/penguins/predict"), ("POST", "/v2/models/penguins/infer")],
        "describe": [("GET", "/models/housing"), ("GET", "/v2/models/housing"), ("GET", "/v2/models/housing/ready")],
        "list": [("GET", "/models"), ("GET", "/v2")],
        "monitor": [("GET", "/monitor"), ("GET", "/metrics")],
    }  # fmt: skip
    bearer = {"Authorization": f"Bearer {right(scope=scope).decode()}", "Content-Type": "application/json"}
    opened = {
        name
        for name, requests in asked.items()
        if {server.ask(method, path, b"{}" if method == "POST" else None, bearer).status for method, path in requests}
        <= {200, 422}
    }
    shut = {
        name
        for name, requests in asked.items()
        if {server.ask(method, path, b"{}" if method == "POST" else None, bearer).status for method, path in requests}
        == {403}
    }

    assert (opened, shut) == (allowed - {"default"}, asked.keys() - allowed)


def test_a_scope_that_opens_everything_can_be_set(releases: Path, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(pem_of(KEY))
    variables = {
        "MOLINO_SERVING_JWT_KEYS": tmp_path / "key.pem",
        "MOLINO_SERVING_JWT_ISSUER": "dex",
        "MOLINO_SERVING_JWT_AUDIENCE": "molino",
        "MOLINO_SERVING_JWT_SCOPE": "ml",
        "MOLINO_SERVING_JWT_ALGORITHMS": "RS256",
    }
    with run_server(releases, tmp_path / "log", MOLINO_SERVING_WORKERS=1, **variables) as server:
        tokens = [right(scope="ml"), right({"alg": "PS256"}, scope="ml"), right(scope="other")]
        statuses = [
            server.ask("GET", "/monitor", headers={"Authorization": f"Bearer {token.decode()}"}).status
            for token in tokens
        ]

    assert statuses == [200, 401, 403]


def test_pyjwt_signs_what_the_server_takes(server: RunningServer) -> None:
    assert ask(server, jwt.encode(claims(), KEY, "RS256", headers={"kid": "now"}).encode()) == 200
