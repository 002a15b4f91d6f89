"""Run ids, model names and versions of the command line: what can't be one is refused before anything is opened."""

import typer

from molino.contracts import identifiers


def checked_run_id(text: str) -> str:
    """Return the id of a run, as a typer callback."""
    if not identifiers.is_run_id(text):
        raise typer.BadParameter(f"{text!r}: expected {identifiers.RUN_ID_WORDS}")
    return text


def checked_model(text: str | None) -> str | None:
    """Return the name of a model where one is given, as a typer callback."""
    if text is not None and not identifiers.is_model_name(text):
        raise typer.BadParameter(f"{text!r}: expected {identifiers.MODEL_NAME_WORDS}")
    return text


def checked_version(text: str) -> str:
    """Return a version of a model, as a typer callback."""
    if not (text.isascii() and text.isdigit() and text == str(int(text))):
        raise typer.BadParameter(f"{text!r}: expected a version's number, such as 3")
    return text
