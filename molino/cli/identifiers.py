"""What the command line names, checked before anything is opened: run ids, models, versions, words for the record."""

import re

import typer

from molino.contracts import identifiers
from molino.contracts.tidy import shortened

LONGEST_SHOWN = 60


def checked_run_id(text: str) -> str:
    """Return the id of a run, as a typer callback."""
    if not identifiers.is_run_id(text):
        raise typer.BadParameter(f"{shown(text)}: expected {identifiers.RUN_ID_WORDS}")
    return text


def checked_model(text: str | None) -> str | None:
    """Return the name of a model where one is given, as a typer callback."""
    if text is not None and not identifiers.is_model_name(text):
        raise typer.BadParameter(f"{shown(text)}: expected {identifiers.MODEL_NAME_WORDS}")
    return text


def checked_version(text: str) -> str:
    """Return a version of a model, as a typer callback."""
    if not re.fullmatch("[1-9][0-9]{0,17}", text):
        raise typer.BadParameter(f"{shown(text)}: expected a version's number, such as 3")
    return text


def checked_words(text: str | None) -> str | None:
    """Return what a person says for the record where they say anything, as a typer callback."""
    try:
        (text or "").encode()
    except UnicodeEncodeError as error:
        raise typer.BadParameter(f"{shown(text or '')}: expected text in UTF-8") from error
    return text


def shown(text: str) -> str:
    """Return what was given as a message shows it, in quotes and not at length."""
    return repr(shortened(text, LONGEST_SHOWN))
