"""The contracts that cross a border of Molino: model file, settings, records, releases, and the command."""

__version__ = "0.1.0"
