"""`molino doctor`: is all that Molino needs there, and what to do where it isn't.

A check is a module of `molino/doctor/checks` with `check(settings) -> Iterator[Finding]`, found by its name.
"""

import importlib
import pkgutil
from collections.abc import Iterator

from molino.contracts.settings import Settings
from molino.doctor import checks
from molino.doctor.finding import Finding

__all__ = ["Finding", "examine"]


def examine(settings: Settings) -> Iterator[Finding]:
    """Yield what was found, one subject after the other; nothing is changed, but for probes in the stores."""
    for module in sorted(pkgutil.iter_modules(checks.__path__), key=lambda found: found.name):
        yield from importlib.import_module(f"{checks.__name__}.{module.name}").check(settings)
