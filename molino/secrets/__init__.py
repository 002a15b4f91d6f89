"""The Secrets of an installation: strong ones made anew, and changed one by one while it runs."""
