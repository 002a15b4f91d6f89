"""Molino, installed by Helm on a real cluster, and used as its users use it."""
