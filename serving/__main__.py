"""`python -m serving`: the server, with its settings from the environment."""

import sys

from molino.contracts.errors import MolinoError
from molino.error_reports import reporting
from molino.logs import configure_logs, json_is_asked_for, write_end
from serving.server import serve

if __name__ == "__main__":
    try:
        configure_logs()
        with reporting():
            serve()
    except MolinoError as error:
        if json_is_asked_for():
            write_end(str(error))
        else:
            print(f"serving: {error}", file=sys.stderr)
        sys.exit(1)
