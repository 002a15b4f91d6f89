"""Runs scripts in forks of a process that has made an Airflow, and prints as JSON what each of them says last."""

import asyncio
import json
import os
import runpy
import sys
import traceback
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from tempfile import TemporaryFile
from typing import Any

import airflow.dag_processing.dagbag
import airflow.providers.cncf.kubernetes.operators.pod  # noqa: F401
import httpx
from airflow import settings
from airflow.sdk.execution_time.supervisor import in_process_api_server
from airflow.utils.db import upgradedb

import pipelines.operator
import pipelines.pods  # noqa: F401  # what the scripts import, as above: that takes longer than their work


def make_airflow() -> None:
    """Make the database, and the API that runs of DAGs ask in their own process, which is built when first asked."""
    with redirect_stdout(sys.stderr):
        upgradedb()
        asyncio.run(_ask_api())
    settings.engine.dispose()


async def _ask_api() -> None:
    async with httpx.AsyncClient(transport=in_process_api_server().atransport, base_url="http://api") as client:
        assert (await client.get("/")).status_code == 404


def said_by(script: str, arguments: Sequence[str], environment: Mapping[str, str]) -> Any:
    """Return the JSON of a script's last line; end with its traceback where it fails."""
    with TemporaryFile("w+") as output:
        child = os.fork()
        if child == 0:
            os.dup2(output.fileno(), 1)
            os.environ.update(environment)
            sys.argv = [script, *arguments]
            _end(script)
        if os.waitpid(child, 0)[1] != 0:
            sys.exit(1)
        output.seek(0)
        return json.loads(output.read().splitlines()[-1])


def _end(script: str) -> None:
    """Run a script, and end the process as it ends."""
    code = 1
    try:
        runpy.run_path(script, run_name="__main__")
        sys.stdout.flush()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


if __name__ == "__main__":
    make_airflow()
    print("\n" + json.dumps([said_by(*one) for one in json.loads(sys.argv[1])]))
