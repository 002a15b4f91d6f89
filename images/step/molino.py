#!/opt/venv/bin/python
"""The `molino` command of an image, where the packages are folders and aren't installed."""

from molino.cli import main

main()
