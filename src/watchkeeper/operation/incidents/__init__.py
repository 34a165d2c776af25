"""Incidents: what happened, written once, signed, and checkable with stock Git anywhere."""
