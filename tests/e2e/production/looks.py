"""What is looked at in a production installation."""

import json
import sys

from minio.error import S3Error
from playwright.sync_api import Browser
from playwright.sync_api import Error as BrowserError

from tests.cluster.fault import ClusterError
from tests.e2e.drill import contents
from tests.e2e.installed import runs
from tests.e2e.installed.installation import Installation
from tests.e2e.installed.pages import LIMIT_MS, shoot
from tests.e2e.installed.test_install import EXAMPLE
from tests.e2e.login.browsing import browse, log_in, status_of
from tests.e2e.login.people import ADMIN, OTHER
from tests.e2e.login.site import MODEL, SHOWN, address
from tests.e2e.production.outside import RUNS, Outside
from tests.e2e.production.stage import Api

PAGES = ("airflow", "mlflow", "tensorboard", "models")
"""Those with a login; MinIO's console is none of this installation's."""
ASKING = ("mlflow", "serving", "tensorboard")
CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 3)"
KEPT = {"connection_id": "kept", "conn_type": "http", "host": "example.com", "password": "told-before"}
"""A connection of Airflow, whose password it keeps encrypted by its Fernet key."""
SHOW = ("python", "/opt/molino/start.py", "connections", "get", KEPT["connection_id"], "--output", "json")


def predictions(api: Api) -> tuple[int, object]:
    """Ask for the example; return the status, and what is predicted."""
    status, body = api.ask("POST", f"/models/{MODEL}/predict", json.dumps(EXAMPLE))
    return status, json.loads(body)["predictions"] if status == 200 else None


def reaching(found: Installation, host: str, port: int) -> set[str]:
    """Return which components reach a server."""
    reached = set()
    for component in ASKING:
        place = (f"deployment/{found.name(component)}", "--container", component)
        try:
            found.kubectl("exec", *place, "--", "python", "-c", CONNECT, host, str(port))
            reached.add(component)
        except ClusterError as error:
            if not any(word in str(error) for word in ("timed out", "[Errno ")):
                raise
    return reached


def opened(browser: Browser) -> list[str]:
    """Return the pages that open for who is in a group, by login at the provider."""
    return [name for name in PAGES if _shows(browser, name)]


def _shows(browser: Browser, name: str) -> bool:
    with browse(browser, ADMIN) as page:
        try:
            log_in(page, name, ADMIN)
            if name == "airflow":
                page.goto(f"{address(name)}dags")
            page.get_by_text(SHOWN.get(name, f"{MODEL}_model")).first.wait_for(timeout=LIMIT_MS)
            shoot(page, f"production-{name}")
        except BrowserError as error:
            print(f"production: {name}: {error}", file=sys.stderr)
            return False
    return True


def refused(browser: Browser) -> int:
    """Return how Airflow answers who is in none of the groups."""
    with browse(browser, OTHER) as page:
        log_in(page, "airflow", OTHER)
        return status_of(page, "/api/v2/dags")


def kept_password(found: Installation) -> str:
    """Return what Airflow reads of what it has encrypted."""
    (shown,) = json.loads(found.kubectl("exec", f"deployment/{found.name('airflow-scheduler')}", "--", *SHOW))
    return str(shown["password"])


def run_ids(beside: Outside) -> list[str]:
    """Return the ids of MLflow's runs."""
    return beside.ask(RUNS.name, "SELECT run_uuid FROM runs").split()


def rows(beside: Outside, run_ids: list[str]) -> dict[str, str]:
    """Return rows and a hash of all of them for these runs, by table of MLflow's database."""
    wanted = ", ".join(f"'{one}'" for one in run_ids)
    each = f"SELECT md5(had::text) AS one FROM {{}} had WHERE run_uuid IN ({wanted})"  # ids of MLflow's
    hashed = f"SELECT count(*) || ' rows, ' || md5(string_agg(one, '' ORDER BY one)) FROM ({each}) hashed"
    return {table: beside.ask(RUNS.name, hashed.format(table)) for table in contents.TABLES}


def may_list(beside: Outside, keys: dict[str, str]) -> bool:
    """Tell whether the S3 takes the steps' pair of keys."""
    with beside.store(keys) as store:
        try:
            next(iter(store.list_objects(bucket_name=runs.BUCKET)), None)
        except S3Error:
            return False
    return True
