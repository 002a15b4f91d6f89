"""The serving benchmark: Molino's server beside its peers, with the same model and request, in turns."""
