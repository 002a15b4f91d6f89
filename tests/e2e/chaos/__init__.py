"""Proof by breaking: each break is done to a real installation, and judged from outside."""
