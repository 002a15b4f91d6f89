"""Clean-up: what nothing needs any more goes, by age and count."""
