"""What is looked at, a module each."""
