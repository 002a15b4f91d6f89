"""The drill of backup and recovery: an installation is filled, backed up, lost, and brought back; `make drill`."""
