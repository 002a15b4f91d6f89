"""The places where a release is put in service: a module each, found by its name."""
