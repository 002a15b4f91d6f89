"""MLflow: runs, metrics and models; the registry of model versions."""
