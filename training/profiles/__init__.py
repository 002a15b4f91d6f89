"""What columns look like: counts, ranges and histograms of the clean rows, and of the training rows for drift."""
