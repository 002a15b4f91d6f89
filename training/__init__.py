"""The six steps of the pipeline, one module each, and their adapters: store and tracking."""
