"""`python -m serving`: the server, with its settings from the environment."""

import sys

from molino.contracts.errors import MolinoError
from molino.error_reports import reporting
from molino.logs import configure_logs
from serving.server import serve

if __name__ == "__main__":
    try:
        configure_logs()
        with reporting():
            serve()
    except MolinoError as error:
        print(f"serving: {error}", file=sys.stderr)
        sys.exit(1)
