"""Molino with two of everything, on a real cluster: the load doubles, and one of each is killed; `make scale`."""
