"""Produce on offer, split into units of 10 kg."""
