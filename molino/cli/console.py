"""Where tables are printed: what records say stands there as it was written, nothing of it is markup."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console


def console(**options: Any) -> "Console":
    """Return the console of a table or a line; a person's reason may hold brackets and colons that rich would take."""
    from rich.console import Console

    return Console(**{"markup": False, "emoji": False, "highlight": False, **options})
