"""`molino secrets`: strong secrets for an installation, and the change of one while it runs."""

import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from molino.cli.identifiers import shown

app = typer.Typer(help="Make the Secrets of an installation, and change them one by one.", no_args_is_help=True)
File = Annotated[
    Path | None, typer.Option("--file", help="A new file for them, which you alone may read; else they are printed.")
]


def _checked_release(name: str) -> str:
    if not re.fullmatch("[a-z0-9]([a-z0-9-]{0,51}[a-z0-9])?", name):
        raise typer.BadParameter(f"{shown(name)}: expected lower-case letters, digits and hyphens within, at most 53")
    return name


Release = Annotated[str, typer.Option(help="Name of the installation.", callback=_checked_release)]
PRODUCTION = ("airflow", "mlflow", "tensorboard", "serving", "database")


@app.command("new")
def new(
    parts: Annotated[
        list[str] | None,
        typer.Argument(
            help="airflow, mlflow, tensorboard, serving, database, postgres, s3, minio; by default the first five, "
            "which values-production.yaml names."
        ),
    ] = None,
    release: Release = "molino",
    file: File = None,
) -> None:
    """Make Secrets with strong values, as `existingSecret` of the chart's values names them.

    Example: `molino secrets new | kubectl --namespace molino apply --filename -`
    """
    from molino.secrets.making import made, manifest, write

    write([manifest(f"{release}-{part}", made(part), {}) for part in dict.fromkeys(parts or PRODUCTION)], file)


@app.command("rotate")
def rotate(
    part: Annotated[str, typer.Argument(help="Whose Secret it is, such as airflow.")],
    key: Annotated[str, typer.Argument(help="Key of the Secret, such as fernet-key.")],
    secret: Annotated[
        Path | None, typer.Argument(help="Manifest of the Secret as it is now; else the standard input.")
    ] = None,
    release: Release = "molino",
    file: File = None,
) -> None:
    """Give the Secret after the next step of a change, and say what to do, in which order.

    Example: `kubectl get secret molino-airflow -o yaml | molino secrets rotate airflow fernet-key --file next.yaml`
    """
    from molino.secrets.making import SecretsError, manifest, write
    from molino.secrets.rotation import read, turn

    try:
        text = secret.read_text() if secret else sys.stdin.read()
    except (OSError, UnicodeDecodeError) as error:
        raise SecretsError(f"{secret or 'the standard input'} can't be read: {error}") from error
    held = read(secret, text)
    step = turn(part, key, held, release)
    write([manifest(held.name, step.data, {**held.metadata, "annotations": dict(step.annotations)})], file)
    print(f"step {step.number} of {step.of}: {step.does}; in this order:", file=sys.stderr)
    for number, order in enumerate(step.orders, 1):
        print(f"  {number}. {order}", file=sys.stderr)
