"""Whole Ugandan shillings. UGX has no minor unit, so an amount is an integer and nothing else."""

from __future__ import annotations

#: Larger amounts are a typing error or an attack; every sum of ours stays far below 2**63.
AMOUNT_UGX_MAX = 1_000_000_000_000


class NotAnAmount(ValueError):
    """An amount is a whole number of shillings, above zero and below a trillion."""


def amount_ugx(value: object) -> int:
    """This value as a positive amount in UGX; `NotAnAmount` for anything else, floats and booleans too."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= AMOUNT_UGX_MAX:
        raise NotAnAmount(NotAnAmount.__doc__)
    return value


def ugx(amount: int) -> str:
    """`UGX 1,250,000`, as people read it."""
    return f"UGX {amount:,}"
