"""Offers for a unit at another price than the asking price."""
