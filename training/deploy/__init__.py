"""*deploy*: a release in service, or the one before it back."""
