"""`python -m molino` is the `molino` command."""

from molino.cli import main

main()
