"""Seals: an append-only transparency log over everything that was ever written, checkable by anyone with a copy."""
