"""The functions that answer a route."""
