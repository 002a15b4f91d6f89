#!/bin/sh
# Installs a lock into /opt/venv: nothing that it doesn't name, nothing whose hash differs. Leaves no pip behind there.
set -eu
PATH=/usr/local/bin:/usr/bin:/bin # The system's Python has pip, that of /opt/venv hasn't.
python3 -m pip --python /opt/venv/bin/python install --quiet --disable-pip-version-check --no-cache-dir --no-deps \
  --root-user-action ignore --require-hashes --requirement "$1"
rm "$1"
