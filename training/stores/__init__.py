"""Object stores: one small interface, and a module for each kind, found by the scheme of an address."""
