"""`make login`: as `make e2e`, with Dex and oauth2-proxy; `python -m tests.e2e.login [--keep] [PYTEST ARGUMENT …]`."""

from tests.e2e.installed import images
from tests.e2e.installed.__main__ import main

if __name__ == "__main__":
    main("tests/e2e/login", images.LOGIN)
