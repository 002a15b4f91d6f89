"""`molino init`: a model file from a table: what its columns hold, and what follows from that."""
