"""Object stores: one small interface, a folder or S3 behind it."""
