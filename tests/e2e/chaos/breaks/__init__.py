"""What is broken: a class below `Break` each, found by its name."""
