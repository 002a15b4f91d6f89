"""*train*: data, split, encoding, fit, export, check, log: each a module, in this order."""
