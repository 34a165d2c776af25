"""Each entry as postings that add up to zero (domain, Ledgers). Pure.

The postings of an account are the differences of the balances that stand in the books, never what the type promises:
so the accounts always agree with the market, and a row that says something else than its type shows as suspense.
"""

from __future__ import annotations

from watchkeeper.market.accounting.entries import Balances, Entry

#: Types whose money comes from or goes to the outside.
_OUTSIDE = frozenset({"capital_deposit", "sale_return", "profit_credit", "profit_withdrawal", "payout"})
SUSPENSE = "equity:suspense"
#: What a trader settles is what a farmer is credited: each delivery passes through here, and nothing stays.
CLEARING = "equity:settlements"
OPENING = "equity:opening"

#: What an entry of each type owes its account, by its amount.
_EFFECTS: dict[str, Balances] = {
    "capital_deposit": Balances(capital=1),
    "sale_return": Balances(capital=1),
    "capital_correction": Balances(capital=1),
    "capital_lock": Balances(capital=-1, locked=1),
    "capital_unlock": Balances(capital=1, locked=-1),
    "locked_correction": Balances(locked=1),
    "profit_credit": Balances(profit=1),
    "profit_correction": Balances(profit=1),
    "profit_withdrawal": Balances(profit=-1),
    "payout": Balances(earnings=-1),
    "correction": Balances(earnings=1),
}
_SETTLEMENT = {"wallet_ledger": Balances(locked=-1), "farmer_ledger": Balances(earnings=1)}


def owed(entry: Entry) -> int:
    """The sum by which an entry of this type and amount moves its account, in UGX."""
    effect = _SETTLEMENT[entry.ledger] if entry.type == "settlement" else _EFFECTS.get(entry.type, Balances())
    return sum(effect.named().values()) * entry.amount_ugx


def account(role: str, alias: str, bucket: str) -> str:
    """The name of a balance: what the market owes somebody."""
    return f"liabilities:{role}:{alias}:{bucket}"


def postings(entry: Entry, before: Balances, *, role: str) -> list[tuple[str, int]]:
    """Account and signed amount in UGX, debit positive, of one entry after those of before; they add up to zero."""
    moved = entry.after.minus(before).named()
    found = [(account(role, entry.alias, bucket), -amount) for bucket, amount in moved.items()]
    against = owed(entry)
    if entry.type == "settlement":
        found.append((CLEARING, against))
    elif entry.type in _OUTSIDE:
        found.append((f"assets:outside:{entry.provider}", against))
    left = sum(amount for _, amount in found)
    if left:
        # Corrections belong here by their type; anything else is a row that does not say what it is.
        found.append((SUSPENSE, -left))
    return [(name, amount) for name, amount in found if amount]
