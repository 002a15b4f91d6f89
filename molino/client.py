"""A client of the serving API: rows or whole frames in, predictions out, through restarts and limits of the server."""

import email.utils
import json
import os
import random
import shlex
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlsplit
from urllib.request import getproxies, proxy_bypass

from molino.contracts.address import redacted
from molino.contracts.errors import MolinoError
from molino.contracts.loopback import is_loopback

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager

Frame = TypeVar("Frame")
"""A DataFrame of pandas or Polars."""

TIMEOUT_SECONDS = 30.0
PATIENCE_SECONDS = 120.0
SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.2, 5.0
"""Between two tries, where the server says nothing of it; doubled from one to the next."""
UNAUTHORIZED, TOO_LARGE, UNPROCESSABLE, UNAVAILABLE = 401, 413, 422, 503
PASSING = frozenset({429, 502, 503, 504})
"""Refusals that are over after a while."""
UNREACHED = 0
CHUNK_ROWS = 1000
MOST_STARTS = 3
"""Starts of a prediction whose version changes on the way."""
INTERVAL_COLUMNS = {"low": "prediction_low", "high": "prediction_high"}
CA_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


class ClientError(MolinoError):
    """The serving API can't be reached, or refuses a request; `status` is the HTTP status, 0 without an answer."""

    def __init__(
        self,
        message: str,
        status: int = UNREACHED,
        problem: Mapping[str, Any] | None = None,
        passes: bool = False,
        retry_after: float | None = None,
    ) -> None:
        """Take what is known of the refusal.

        Args:
            message: one line.
            status: of HTTP.
            problem: the body, by RFC 9457.
            passes: whether the same request may be answered later.
            retry_after: seconds that the server asks to wait.
        """
        super().__init__(message)
        self.status = status
        self.problem = dict(problem or {})
        self.passes = passes
        self.retry_after = retry_after


class VersionChangedError(ClientError):
    """Another version of the model is served than the one that the first rows were predicted by."""


@dataclass(frozen=True)
class Answer:
    """What one row gets: values by column, or faults."""

    values: Mapping[str, Any]
    faults: Sequence[str] = ()


@dataclass(frozen=True)
class Client:
    """Asks the serving API under a URL with a key.

    `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` are heeded, but for servers on this machine; `SSL_CERT_FILE`,
    `REQUESTS_CA_BUNDLE` or `CURL_CA_BUNDLE` names other certificate authorities than the system's. The key goes to the
    server of the URL alone: a redirection is an error.

    Example: `molino.Client("http://127.0.0.1:8000", "mercadolibre").predict("housing", frame)`
    """

    url: str
    api_key: str = field(repr=False)
    patience: float = PATIENCE_SECONDS
    """Seconds for which a request of `models` and `predict` is tried again, where the server restarts or says later."""
    waiting: Callable[[str], None] | None = None
    """Is told of each pause."""

    def models(self) -> list[dict[str, Any]]:
        """Return what is served: of each model its name, version, features and metrics.

        Raises:
            ClientError: the server can't be reached, or refuses.
        """
        found = self.get("/models", self.patience)
        try:
            return [dict(model) for model in found["models"]]
        except (KeyError, TypeError, ValueError) as error:
            raise self._foreign("/models") from error

    def predict(self, model: str, frame: Frame, intervals: bool = False) -> Frame:
        """Return a frame of the same kind with a row per row, by one version of the model.

        Many rows go in several requests. Where another version is deployed on the way, all are asked again.

        Args:
            model: name of the served model.
            frame: a DataFrame of pandas or Polars with a column per feature, in any order; other columns are ignored,
                and one of a feature that the model imputes may be left out.
            intervals: whether to ask for prediction intervals, which the model must have.

        Returns:
            `prediction`, of a classification `probability_<class>` per class, and `prediction_low` and
            `prediction_high` where intervals are asked for; pandas' index is kept.

        Raises:
            ClientError: the server can't be reached, or refuses a row, which is named by its position from 0.
        """
        from molino.frames import frame_of, rows_of

        served = self.described(model)
        rows = rows_of(frame, served["features"])
        size = min(CHUNK_ROWS, self.most_rows(served))
        for start in range(MOST_STARTS):
            try:
                answers: list[Answer] = []
                version = None
                for first in range(0, len(rows), size):
                    found, version = self.ask(model, rows[first : first + size], version, intervals)
                    answers += found
                    _refuse_faults(answers, first, model)
                return frame_of(frame, self.answer_columns(served, intervals), [answer.values for answer in answers])
            except VersionChangedError:
                if start == MOST_STARTS - 1:
                    raise
        raise AssertionError("every start returns or raises")

    def explain(self, model: str, frame: Frame) -> Frame:
        """Return a frame of the same kind that says how much each feature moved each row's answer.

        Args:
            model: name of the served model.
            frame: as `predict` takes it; as many rows as the server explains at once.

        Returns:
            `prediction`, its `value` (of a classification the predicted class' probability), `base`, the mean value,
            and per feature `contribution_<feature>`; base and contributions add up to the value.

        Raises:
            ClientError: the server can't be reached, explains nothing, or refuses a row or so many.
        """
        from molino.frames import frame_of, rows_of

        served = self.described(model)
        rows = rows_of(frame, served["features"])
        names = [feature["name"] for feature in served["features"]]
        columns = ["prediction", "value", "base", *(f"contribution_{name}" for name in names)]
        path = f"/models/{quote(model, safe='')}/explain"
        found = self.post(path, {"data": rows}, self.patience)["explanations"] if rows else []
        return frame_of(
            frame,
            columns,
            [
                {**one, **{f"contribution_{name}": moved for name, moved in one["contributions"].items()}}
                for one in found
            ],
        )

    # What the commands use.

    def described(self, model: str) -> dict[str, Any]:
        """Return what the API tells of one model: version, features, classes, limits.

        A server that isn't there is told at once; one that says later is waited for.

        Raises:
            ClientError: it can't be asked, or can't serve the model now.
        """
        path = f"/models/{quote(model, safe='')}"
        try:
            served = self.get(path)
        except ClientError as error:
            if error.status not in PASSING:
                raise
            served = self.get(path, self.patience)
        if not isinstance(served, dict):
            raise self._foreign(path)
        if "features" not in served:
            raise ClientError(f"{redacted(self.url)} can't serve {model} now: {served.get('failure')}", 200)
        return served

    @staticmethod
    def most_rows(served: Mapping[str, Any]) -> int:
        """Return how many rows a request to a model may have."""
        return int(served.get("serving", {}).get("max_rows", CHUNK_ROWS))

    @staticmethod
    def answer_columns(served: Mapping[str, Any], intervals: bool = False) -> list[str]:
        """Return the columns of a model's answers."""
        shares = [f"probability_{name}" for name in served.get("classes") or ()]
        return ["prediction", *shares, *(INTERVAL_COLUMNS.values() if intervals else ())]

    def ask(
        self, model: str, rows: Sequence[Sequence[Any]], version: str | None = None, intervals: bool = False
    ) -> tuple[list[Answer], str | None]:
        """Return what the model answers to each row, and the version that did.

        Rows that it refuses are taken out and the rest is asked again; a body that is too large is halved.

        Args:
            model: name of the served model.
            rows: values in feature order, no more than the model takes.
            version: the one that must answer; none takes any.
            intervals: whether prediction intervals are asked for.

        Raises:
            ClientError: the server can't be reached, or refuses what isn't about rows.
            VersionChangedError: another version answers.
        """
        path = f"/models/{quote(model, safe='')}/predict{'?intervals=true' if intervals else ''}"
        answers: dict[int, Answer] = {}
        while left := [index for index in range(len(rows)) if index not in answers]:
            try:
                answered = self.post(path, {"data": [rows[index] for index in left]}, self.patience)
            except ClientError as error:
                if error.status == TOO_LARGE and len(rows) > 1:
                    half = len(rows) // 2
                    first, version = self.ask(model, rows[:half], version, intervals)
                    second, version = self.ask(model, rows[half:], version, intervals)
                    return [*first, *second], version
                answers.update(_refused(error, left))
                continue
            found = str(answered["model"]["version"])
            if version not in (None, found):
                raise VersionChangedError(
                    f"{model}: version {found} is served now, where the first rows were predicted by {version}; "
                    "predict again"
                )
            version = found
            answers.update((i, Answer(values)) for i, values in zip(left, _columns(answered), strict=True))
        return [answers[index] for index in range(len(rows))], version

    def ready(self) -> bool:
        """Tell whether every model is loaded and warm."""
        try:
            self.get("/ready")
        except ClientError:
            return False
        return True

    def started(self) -> bool:
        """Tell whether the server answers, with every model loaded or with one that it says it can't load."""
        try:
            self.get("/ready")
        except ClientError as error:
            return error.status == UNAVAILABLE
        return True

    def served(self) -> dict[str, str]:
        """Return model name to the version that is served; what can't be served has none.

        Raises:
            ClientError: as `get`, or because what answers isn't Molino.
        """
        return self.serving()[0]

    def serving(self) -> tuple[dict[str, str], dict[str, str]]:
        """Return model name to the version that is served, and to why what is deployed of it isn't.

        What is wrong with the file that says what is deployed stands under no name.

        Raises:
            ClientError: as `get`, or because what answers isn't Molino.
        """
        found = self.get("/models")
        try:
            models = found["models"]
            served = {model["name"]: str(model["version"]) for model in models if model["version"] is not None}
            failures = {model["name"]: str(model["failure"]) for model in models if model.get("failure")}
            fault = found.get("pointer_error")
        except (KeyError, TypeError, AttributeError) as error:
            raise self._foreign("/models") from error
        return served, failures | ({"": str(fault)} if fault else {})

    def get(self, path: str, patience: float = 0.0) -> Any:
        """Return the JSON of a GET, tried again for so many seconds where the cause may pass."""
        return self._insist("GET", path, None, patience)

    def post(self, path: str, body: Mapping[str, Any], patience: float = 0.0) -> Any:
        """Return the JSON that a POST of JSON answers, tried again for so many seconds where the cause may pass."""
        return self._insist("POST", path, json.dumps(body).encode(), patience)

    def curl(self, path: str, body: Mapping[str, Any], key_variable: str | None = None) -> str:
        """Return the command line that asks the same as `post`.

        Args:
            path: of the address.
            body: what is sent.
            key_variable: variable of the shell that stands for the key; the key itself is written where it is none.
        """
        key = f'"X-API-KEY: ${key_variable}"' if key_variable else shlex.quote(f"X-API-KEY: {self.api_key}")
        return (
            f"curl -X POST {self.url}{path} -H 'Content-Type: application/json' "
            f"-H {key} \\\n  -d {shlex.quote(json.dumps(body))}"
        )

    def _foreign(self, path: str) -> ClientError:
        return ClientError(f"GET {redacted(self.url)}{path}: what answers there isn't Molino's server", 200)

    def _insist(self, method: str, path: str, data: bytes | None, patience: float) -> Any:
        """Send a request until it is answered, its cause can't pass, or the time is over.

        Raises:
            ClientError: names the address and what the server said last.
        """
        deadline = time.monotonic() + patience
        for pause in _pauses():
            try:
                return self._ask(method, path, data)
            except ClientError as error:
                wait = pause if error.retry_after is None else error.retry_after
                if not error.passes or time.monotonic() + wait > deadline:
                    raise
                if self.waiting is not None:
                    self.waiting(f"{error}; trying again in {wait:.1f} s")
                time.sleep(wait)
        raise AssertionError("pauses never end")

    def _ask(self, method: str, path: str, data: bytes | None) -> Any:
        import urllib3

        where = f"{method} {redacted(self.url)}{path}"
        if not (self.api_key.isascii() and self.api_key.isprintable()):
            raise ClientError(f"{where}: the key has signs that no header may have; set MOLINO_API_KEY to a key")
        if not self.url.lower().startswith(("http://", "https://")):
            raise ClientError(f"{where}: no answer (it is no http(s):// address); is it running? molino doctor tells")
        headers = {"X-API-KEY": self.api_key, "Accept": "application/json"}
        headers |= {} if data is None else {"Content-Type": "application/json"}
        try:
            response = self._pool.request(
                method, f"{self.url.rstrip('/')}{path}", body=data, headers=headers, redirect=False, retries=False
            )
            if response.status // 100 == 2:
                return json.loads(response.data or b"null")
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            passes = isinstance(error, urllib3.exceptions.HTTPError) and not isinstance(
                error, (urllib3.exceptions.SSLError, urllib3.exceptions.LocationValueError)
            )
            raise ClientError(
                f"{where}: no answer ({_cause(error)}); is it running? molino doctor tells", passes=passes
            ) from error
        raise _refusal(where, response)

    @cached_property
    def _pool(self) -> "PoolManager":
        return open_pool(self.url, timeout=TIMEOUT_SECONDS, maxsize=4)


def open_pool(url: str, **options: Any) -> "PoolManager":
    """Return what asks a server, by the proxy and with the authorities that the environment names.

    Raises:
        ClientError: these can't be used.
    """
    import urllib3

    if url.lower().startswith("https:"):
        options["ssl_context"] = _ssl_context()
    proxy = _proxy(url)
    if proxy is None:
        return urllib3.PoolManager(**options)
    try:
        user = urllib3.util.parse_url(proxy).auth
        headers = urllib3.make_headers(proxy_basic_auth=user) if user else None
        return urllib3.ProxyManager(proxy, proxy_headers=headers, **options)
    except (urllib3.exceptions.HTTPError, ValueError) as error:
        raise ClientError(
            f"{redacted(url)}: the proxy {redacted(proxy)} can't be used; correct HTTP_PROXY or HTTPS_PROXY"
        ) from error


def _pauses() -> Iterator[float]:
    pause = SHORTEST_PAUSE_SECONDS
    while True:
        yield pause * random.uniform(0.5, 1)  # noqa: S311  that many clients don't come back at once
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def _cause(error: Exception) -> str:
    """Return why there was no answer, without the pool's own words."""
    reason: Any = getattr(error, "reason", None) or error
    text = " ".join(str(reason.args[-1] if getattr(reason, "args", ()) else reason).split())
    return text.partition(": ")[2] if text.startswith(("HTTPConnection(", "HTTPSConnection(")) else text


def _refusal(where: str, response: "BaseHTTPResponse") -> ClientError:
    status = response.status
    if 300 <= status < 400:
        target = redacted(response.headers.get("Location", "nowhere"))
        return ClientError(
            f"{where}: {status}: it redirects to {target}, where the key isn't sent; give the server's own URL", status
        )
    problem = _problem(response.data)
    said = problem.get("detail") or problem.get("title") or response.reason
    hint = "; set MOLINO_API_KEY to a key of the server" if status == UNAUTHORIZED else ""
    after = _seconds(response.headers.get("Retry-After"))
    return ClientError(f"{where}: {status}: {said}{hint}", status, problem, status in PASSING, after)


def _seconds(retry_after: str | None) -> float | None:
    """Return how long a `Retry-After` asks to wait, which is given in seconds or as a date."""
    if not retry_after:
        return None
    try:
        return max(0.0, float(retry_after))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(retry_after).timestamp() - time.time())
    except ValueError:
        return None


def _problem(body: bytes) -> dict[str, Any]:
    try:
        problem = json.loads(body)
    except ValueError:
        return {}
    return problem if isinstance(problem, dict) else {}


def _proxy(url: str) -> str | None:
    """Return the proxy that the environment names for a URL; none for this machine itself."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if is_loopback(host) or proxy_bypass(host):
        return None
    known = getproxies()
    proxy = known.get(parts.scheme) or known.get("all")
    return proxy if proxy is None or "://" in proxy else f"http://{proxy}"


def _ssl_context() -> ssl.SSLContext:
    """Trust the system's authorities, or those of the file or folder that a usual variable names."""
    for variable in CA_VARIABLES:
        if path := os.environ.get(variable):
            try:
                if Path(path).is_dir():
                    return ssl.create_default_context(capath=path)
                return ssl.create_default_context(cafile=path)
            except OSError as error:
                raise ClientError(f"{path}: no certificates of authorities ({error}); correct {variable}") from error
    return ssl.create_default_context()


def _refused(error: ClientError, asked: Sequence[int]) -> dict[int, Answer]:
    """Return the faults of the rows that the API names, or raise what isn't about rows."""
    faults: dict[int, list[str]] = {}
    for fault in error.problem.get("errors", []) if error.status == UNPROCESSABLE else []:
        if fault.get("row") is not None:
            faults.setdefault(asked[fault["row"]], []).append(f"{fault.get('feature')}: {fault['detail']}")
    if not faults:
        raise error
    return {index: Answer({}, tuple(said)) for index, said in faults.items()}


def _refuse_faults(answers: Sequence[Answer], first: int, model: str) -> None:
    for index in range(first, len(answers)):
        if answers[index].faults:
            raise ClientError(f"{model}: row {index}: {'; '.join(answers[index].faults)}", UNPROCESSABLE)


def _columns(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return each row's answer by column."""
    found: list[dict[str, Any]] = [{"prediction": value} for value in answer["predictions"]]
    for row, shares in zip(found, answer.get("probabilities") or [], strict=False):
        row.update((f"probability_{name}", share) for name, share in shares.items())
    for row, ends in zip(found, answer.get("intervals", {}).get("rows", ()), strict=False):
        row.update((INTERVAL_COLUMNS[end], value) for end, value in ends.items())
    return found
