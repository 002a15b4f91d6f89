"""The data repository: git for the versions, DVC for the bytes."""
