"""Comparing the money in the books with what a payment provider's statement says of it."""
