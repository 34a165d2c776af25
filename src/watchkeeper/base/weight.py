"""Whole grams inside, kilograms for people."""

from __future__ import annotations

GRAMS_PER_KG = 1000


def kilograms(grams: int) -> str:
    """`12.5 kg` from 12500, by integer arithmetic, without trailing zeros."""
    sign = "-" if grams < 0 else ""
    whole, rest = divmod(abs(grams), GRAMS_PER_KG)
    fraction = f".{rest:03d}".rstrip("0").rstrip(".")
    return f"{sign}{whole}{fraction} kg"
