"""Which balances an account has, and in which ledger each of them stands. Pure."""

from __future__ import annotations

from watchkeeper.market.state import Earnings, Wallet

#: Ledger -> the balances that it carries.
OF_LEDGER = {"wallet_ledger": ("capital", "locked", "profit"), "farmer_ledger": ("earnings",)}


def balances(role: str, wallet: Wallet, earnings: Earnings) -> dict[str, int]:
    """What an account has in each of its balances, in UGX: those of its role, and those of a ledger that it has entries in.

    A role changes; what was booked under an earlier one stays, and may have to be corrected.
    """
    found: dict[str, int] = {}
    if role == "trader" or wallet.number:
        found |= {"capital": wallet.capital_ugx, "locked": wallet.locked_ugx, "profit": wallet.profit_ugx}
    if role == "farmer" or earnings.number:
        found["earnings"] = earnings.balance_ugx
    return found
