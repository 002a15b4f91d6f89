"""Release bundles into models, and checked rows into predictions."""
