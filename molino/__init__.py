"""The contracts that cross a border of Molino; above them the command, the embedded mode and the doctor.

`molino.Client` asks a server that serves its models.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from molino.client import Client as Client

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import the client when it is asked for: whoever imports Molino alone pays nothing for it."""
    if name == "Client":
        from molino.client import Client

        return Client
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
