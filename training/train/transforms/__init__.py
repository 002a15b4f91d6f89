"""What candidates may be fitted to in place of a regression's target: a module each, found by its name."""
