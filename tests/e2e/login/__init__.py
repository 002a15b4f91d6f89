"""Molino, installed on a real cluster, whose people log in by a real OpenID provider: in Chromium, as they do."""
