"""Metrics over resampled rows: a module each, found by its name; train chooses by them, evaluate judges by them."""
