"""`python -m serving`: the server, with its settings from the environment."""

import sys

from molino.contracts.errors import MolinoError
from molino.error_reports import reporting
from molino.logs import configure_logs, tell_end
from serving.server import serve

if __name__ == "__main__":
    try:
        configure_logs()
        with reporting():
            serve()
    except MolinoError as error:
        tell_end("serving", error)
        sys.exit(1)
