"""What is counted, in memory that all workers share."""
