"""Tokens of issuers whose clocks are wrong."""

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Sequence

import jwt

from tests.e2e.chaos import signing
from tests.e2e.chaos.contract import Break
from tests.e2e.chaos.scene import Scene
from tests.e2e.chaos.stage import MODELS
from tests.e2e.installed.runs import StartedRun

LIFE = 600
"""Seconds between a token's making and its end."""
TAKEN = {-3600: False, -LIFE - 5: True, -5: True, 5: True, 3600: False}
"""Seconds by which the issuer's clock is off, and whether its tokens are taken: a leeway is for those that are."""


ACCEPTED, REFUSED = (200,), (401, 403)
"""Airflow says 403 to a token of the future."""


class TokenClockSkew(Break):
    """Of the serving API and of Airflow's; one node has one clock, so the tokens are made as by another."""

    name = "token-clock-skew"
    what = "tokens for the serving API and for Airflow's, by clocks that are seconds to an hour off"
    promised = "taken within the leeway, else refused, never a 5xx"
    models = ()

    def harm(self, scene: Scene, started: Sequence[StartedRun]) -> None:
        self._wrong: list[str] = []
        scene.mark()
        for name, ask in (("serving", _ask_serving), ("Airflow", _ask_airflow)):
            told = {skew: ask(scene, skew) for skew in TAKEN}
            scene.notes.append(f"{name}: {', '.join(f'{skew:+} s {status}' for skew, status in told.items())}")
            self._wrong += [
                f"{name} answers {status} to a clock {skew:+} s off"
                for skew, status in told.items()
                if status not in (ACCEPTED if TAKEN[skew] else REFUSED)
            ]

    def faults(self, scene: Scene, states: Sequence[tuple[str | None, str | None]]) -> list[str]:
        return self._wrong


def _times(skew: int) -> dict[str, int]:
    now = int(time.time()) + skew
    return {"iat": now, "nbf": now, "exp": now + LIFE}


def _ask_serving(scene: Scene, skew: int) -> int:
    token = signing.sign(scene.installation, {"sub": "chaos", "scope": f"predict:{MODELS[0]}", **_times(skew)})
    connection = http.client.HTTPConnection(scene.installation.cluster.address, 80, timeout=30)
    try:
        connection.request("GET", f"/models/{MODELS[0]}", headers={"Authorization": f"Bearer {token}"})
        return connection.getresponse().status
    finally:
        connection.close()


def _ask_airflow(scene: Scene, skew: int) -> int:
    good = scene.airflow.token()
    secret = scene.installation.secret(scene.installation.name("airflow"))["jwt-secret"]
    claims = jwt.decode(good, options={"verify_signature": False})
    header = jwt.get_unverified_header(good)
    token = jwt.encode({**claims, **_times(skew)}, secret, algorithm=header["alg"], headers=header)
    request = urllib.request.Request(
        f"{scene.airflow.url}/api/v2/dags?limit=1", headers={"Authorization": f"Bearer {token}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
