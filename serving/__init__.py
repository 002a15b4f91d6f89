"""The serving API: release bundles in, answers out."""
