"""Backups: databases, objects, data repository and pointers as one named set, and the way back."""
