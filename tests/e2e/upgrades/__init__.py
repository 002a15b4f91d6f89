"""Molino of the last release, upgraded to this one and back under load on a real cluster; `make upgrades`."""
