"""*register*: a version in the registry, and its release bundle in the store."""
