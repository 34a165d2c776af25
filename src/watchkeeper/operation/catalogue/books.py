"""Facts about the operated books that checks need: worked out a second time, from the rules' own text.

Nothing here comes from the market's code; where both say the same, they say it independently.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from watchkeeper.base.canonical import Value
from watchkeeper.boundary.gate import OperationClass as Class

#: The most that a trader may have at stake, in UGX (domain, Exposure).
EXPOSURE_UGX_MAX = 1_000_000

WALLET = frozenset(
    {Class.DEPOSIT, Class.WITHDRAW, Class.LOCK, Class.DELIVERED, Class.REVERSAL, Class.PICKUP, Class.PAYOUT}
)
MONEY = WALLET | {Class.PURCHASE, Class.PURCHASE_CANCELLATION}
#: All that an account does or that is done with it.
ACCOUNT = MONEY | {
    Class.OFFER,
    Class.OFFER_END,
    Class.LISTING,
    Class.LISTING_END,
    Class.WRITE_OFF,
    Class.STORAGE_FEE,
}
#: What happens with goods that were sold, and with goods in store.
SALE = frozenset({Class.PURCHASE, Class.PURCHASE_CANCELLATION, Class.PICKUP})
STORED = SALE | {Class.WRITE_OFF, Class.STORAGE_FEE}
UNIT = frozenset(
    {
        Class.LOCK,
        Class.OFFER,
        Class.DELIVERED,
        Class.REVERSAL,
        Class.OFFER_END,
        Class.LISTING_END,
    }
)
ADMIN = frozenset(
    {
        Class.VERIFICATION,
        Class.DELIVERED,
        Class.REVERSAL,
        Class.WRITE_OFF,
        Class.PICKUP,
        Class.PAYOUT,
        Class.ACCOUNTS,
        Class.NOTICE,
        Class.RELEASE,
        Class.RECONCILIATION,
    }
)
#: Everything that can be stopped at all: cures, and what is never stopped, are not among it.
STOPPABLE = frozenset(Class) - {Class.CURE, Class.NEVER_STOPPED}

#: Entries whose change is a matter of 1.2; every other sealed row's is one of 2.3.
LEDGERS = frozenset({"wallet_ledger", "farmer_ledger"})

#: The column that names the account a row belongs to.
ACCOUNT_COLUMN: Mapping[str, str] = {
    "journal": "actor_id",
    "users": "id",
    "user_steps": "user_id",
    "role_history": "user_id",
    "listings": "farmer_id",
    "locks": "trader_id",
    "wallet_ledger": "trader_id",
    "farmer_ledger": "farmer_id",
    "lots": "trader_id",
    "admin_actions": "actor_id",
    "blocks": "trader_id",
    "block_lots": "trader_id",
    "storage_fee_deductions": "trader_id",
    # The goods are the trader's: a wrong sale stops what is done with them.
    "purchases": "trader_id",
    "pickups": "trader_id",
    "offers": "trader_id",
    "payouts": "farmer_id",
    "notice_recipients": "user_id",
    "reconciliations": "actor_id",
}

#: The commands that write a table, as classes: what stops when a row of it names nobody.
TABLE_CLASSES: Mapping[str, frozenset[Class]] = {
    "journal": ACCOUNT | ADMIN,
    "users": frozenset({Class.ACCOUNTS}),
    "user_steps": frozenset({Class.ACCOUNTS}),
    "role_history": frozenset({Class.ACCOUNTS}),
    "listings": frozenset({Class.LISTING, Class.LOCK}),
    "units": UNIT,
    "locks": frozenset({Class.LOCK, Class.DELIVERED, Class.REVERSAL}),
    "lock_outcomes": frozenset({Class.VERIFICATION, Class.DELIVERED, Class.REVERSAL}),
    "wallet_ledger": WALLET,
    "farmer_ledger": WALLET,
    "lots": frozenset({Class.DELIVERED, Class.WRITE_OFF, Class.PICKUP}),
    "write_offs": frozenset({Class.WRITE_OFF}),
    "admin_actions": ADMIN,
    "acknowledgements": MONEY,
    "repairs": MONEY,
    "rate_limit_hits": frozenset({Class.DEPOSIT, Class.WITHDRAW, Class.LOCK, Class.LISTING, Class.OFFER}),
    "phases": frozenset({Class.ACCOUNTS}),
    "sign_in_attempts": frozenset({Class.ACCOUNTS}),
    "blocks": STORED,
    "block_lots": STORED,
    "storage_fee_deductions": frozenset({Class.STORAGE_FEE, Class.PURCHASE}),
    "purchases": SALE,
    "purchase_outcomes": SALE,
    "pickups": SALE,
    "offers": frozenset({Class.OFFER, Class.OFFER_END, Class.LOCK}),
    "offer_steps": frozenset({Class.OFFER, Class.OFFER_END, Class.LOCK, Class.LISTING_END}),
    "unit_steps": UNIT,
    "payouts": frozenset({Class.PAYOUT}),
    "notices": frozenset({Class.NOTICE}),
    "notice_recipients": frozenset({Class.NOTICE}),
    "query_log": frozenset({Class.READ}),
    "reconciliations": frozenset({Class.RECONCILIATION}),
    "reconciliation_items": frozenset({Class.RECONCILIATION}),
    "payment_explanations": frozenset({Class.RECONCILIATION}),
    "unrecovered": MONEY,
}

#: Commands that pilot mode stops (catalogue, Operation classes).
STOPPED_BY_PILOT_MODE = frozenset(
    {
        "deposit",
        "withdraw",
        "pay_to_lock",
        "create_listing",
        "make_offer",
        "answer_offer",
        "purchase",
        "payout",
        "storage_fee",
    }
)


@dataclass(frozen=True, slots=True)
class Balances:
    """What an account has, in UGX; an account of one kind leaves the other's fields at zero."""

    capital: int = 0
    locked: int = 0
    profit: int = 0
    earnings: int = 0

    def plus(self, other: Balances) -> Balances:
        """The sum, field by field."""
        return Balances(
            self.capital + other.capital,
            self.locked + other.locked,
            self.profit + other.profit,
            self.earnings + other.earnings,
        )

    def minus(self, other: Balances) -> Balances:
        """The difference, field by field."""
        return Balances(
            self.capital - other.capital,
            self.locked - other.locked,
            self.profit - other.profit,
            self.earnings - other.earnings,
        )

    @property
    def total(self) -> int:
        """All of it together."""
        return self.capital + self.locked + self.profit + self.earnings


ZERO = Balances()


def integer(value: Value) -> int:
    """An integer column; a tampered one of another type counts as zero and is found by its seal."""
    return value if isinstance(value, int) else 0


def effect(table: str, row: Mapping[str, Value]) -> Balances:
    """What a ledger entry does to its account, by its type (domain, Ledgers)."""
    amount = integer(row.get("amount_ugx"))
    if table == "farmer_ledger":
        return Balances(earnings=-amount if row.get("type") == "payout" else amount)
    match row.get("type"):
        case "capital_deposit" | "sale_return" | "capital_correction":
            return Balances(capital=amount)
        case "capital_lock":
            return Balances(capital=-amount, locked=amount)
        case "capital_unlock":
            return Balances(capital=amount, locked=-amount)
        case "settlement":
            return Balances(locked=-amount)
        case "locked_correction":
            return Balances(locked=amount)
        case "profit_credit" | "profit_correction":
            return Balances(profit=amount)
        case "profit_withdrawal":
            return Balances(profit=-amount)
        case _:
            return ZERO


def stored(table: str, row: Mapping[str, Value]) -> Balances:
    """The balances that an entry says stand after it."""
    if table == "farmer_ledger":
        return Balances(earnings=integer(row.get("balance_after")))
    return Balances(
        integer(row.get("capital_after")),
        integer(row.get("locked_after")),
        integer(row.get("profit_after")),
    )


def correction(table: str, row: Mapping[str, Value]) -> int:
    """The amount that an entry moves against suspense, 0 for every other type."""
    kind = row.get("type")
    if (table == "farmer_ledger" and kind == "correction") or (
        table == "wallet_ledger" and kind in ("capital_correction", "locked_correction", "profit_correction")
    ):
        return integer(row.get("amount_ugx"))
    return 0
