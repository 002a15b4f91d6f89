"""*ingest*: the source rows read, cleaned and checked by the model file."""
