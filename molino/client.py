"""A small client of the serving API, for the commands."""

import http.client
import json
import shlex
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from molino.contracts.errors import MolinoError

TIMEOUT_SECONDS = 30.0
UNAUTHORIZED = 401


class ClientError(MolinoError):
    """The serving API can't be reached, or refuses a request; `status` is the HTTP status, 0 without an answer."""

    def __init__(self, message: str, status: int = 0, problem: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.problem = dict(problem or {})


@dataclass(frozen=True)
class Client:
    """Asks the serving API under a URL with a key."""

    url: str
    api_key: str

    def ready(self) -> bool:
        """Tell whether every model is loaded and warm."""
        try:
            self.get("/ready")
        except ClientError:
            return False
        return True

    def get(self, path: str) -> Any:
        """Return the JSON of a GET."""
        return self._ask(path, {"X-API-KEY": self.api_key})

    def served(self) -> dict[str, str]:
        """Return model name to the version that is served.

        Raises:
            ClientError: as `get`, or because what answers isn't Molino.
        """
        try:
            return {model["name"]: str(model["version"]) for model in self.get("/models")["models"]}
        except (KeyError, TypeError) as error:
            raise ClientError(f"GET {self.url}/models: what answers there isn't Molino's server", 200) from error

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Return the JSON that a POST of JSON answers."""
        headers = {"X-API-KEY": self.api_key, "Content-Type": "application/json"}
        return self._ask(path, headers, json.dumps(body).encode())

    def curl(self, path: str, body: Mapping[str, Any]) -> str:
        """Return the command line that asks the same as `post`."""
        return (
            f"curl -X POST {self.url}{path} -H 'Content-Type: application/json' "
            f"-H {shlex.quote(f'X-API-KEY: {self.api_key}')} \\\n  -d {shlex.quote(json.dumps(body))}"
        )

    def _ask(self, path: str, headers: Mapping[str, str], data: bytes | None = None) -> Any:
        """Send a request, a POST where it has data.

        Raises:
            ClientError: names the address and what the server said.
        """
        where = f"{'GET' if data is None else 'POST'} {self.url}{path}"
        try:
            request = urllib.request.Request(self.url + path, data, dict(headers))  # noqa: S310
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            problem = _problem(error.read())
            said = problem.get("detail") or problem.get("title") or error.reason
            hint = "; set MOLINO_API_KEY to a key of the server" if error.code == UNAUTHORIZED else ""
            raise ClientError(f"{where}: {error.code}: {said}{hint}", error.code, problem) from error
        except (OSError, ValueError, http.client.HTTPException) as error:
            reason = " ".join(str(getattr(error, "reason", error)).split())
            raise ClientError(f"{where}: no answer ({reason}); is it running? molino doctor tells") from error


def _problem(body: bytes) -> dict[str, Any]:
    try:
        problem = json.loads(body)
    except ValueError:
        return {}
    return problem if isinstance(problem, dict) else {}
