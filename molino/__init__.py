"""The contracts that cross a border of Molino; above them the command, the embedded mode and the doctor."""

__version__ = "0.1.0"
