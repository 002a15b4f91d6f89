"""*version*: the clean rows under a commit of the data repository."""
