"""MLflow: a server, or a database file."""

from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from urllib.request import Request, urlopen

from molino.contracts.address import basic_auth
from molino.contracts.settings import Settings
from molino.doctor.finding import Finding, judge, ok

TIMEOUT_SECONDS = 20


def check(settings: Settings) -> Iterator[Finding]:
    """Ask the server for its health, or the database file for its soundness."""
    uri = settings.tracking_uri
    advice = "check MOLINO_MLFLOW_TRACKING_URI, and that the server runs"
    if uri.startswith(("http://", "https://")):
        try:
            asked = Request(f"{uri.rstrip('/')}/health", headers=_mlflow_login(settings))  # noqa: S310
            with urlopen(asked, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
                yield judge("MLflow", answer.status == 200, uri, advice)
        except (OSError, ValueError, HTTPException) as error:
            yield Finding("MLflow", "fail", f"{uri}: {' '.join(str(error).split())}", advice)
    elif settings.tracking_file:
        yield _sqlite(settings.tracking_file, uri)
    else:
        yield ok("MLflow", f"{uri} (of a kind that isn't looked into)")


def _mlflow_login(settings: Settings) -> dict[str, str]:
    """Log in as the tracker does."""
    if settings.mlflow_username and settings.mlflow_password:
        return basic_auth(settings.mlflow_username, settings.mlflow_password.get_secret_value())
    return settings.tracking_uri.authorization


def _sqlite(path: Path, uri: str) -> Finding:
    import sqlite3

    if not path.exists():
        return ok("MLflow", f"{uri} (made by the first run)")
    try:
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        with suppress(sqlite3.OperationalError):
            connection.execute("select version_num from alembic_version").fetchone()
        sound = connection.execute("pragma quick_check(1)").fetchone()[0] == "ok"
        connection.close()
    except sqlite3.Error as error:
        return Finding("MLflow", "fail", f"{uri}: {error}", f"restore {path} from a backup, or move it away")
    return judge("MLflow", sound, uri, f"restore {path} from a backup, or move it away")
