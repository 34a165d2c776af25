"""The shapes of answers on the way of the money, from deposit to payout, for whoever generates a client.

Each names what an answer always holds; there may be more.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class AnswerShape(BaseModel):
    """What is always there. More is passed on as it is."""

    model_config = ConfigDict(extra="allow")


class SignedInAs(AnswerShape):
    """A session: its token, whose it is, and in which role."""

    token: str
    alias: str
    role: str


class ListingMade(AnswerShape):
    """A listing and its units of 10 kg."""

    utid: str
    listing_id: int
    unit_ids: list[int]


class DepositMade(AnswerShape):
    """A deposit, and the capital after it."""

    utid: str
    amount_ugx: int
    capital_ugx: int


class LockMade(AnswerShape):
    """A unit that is paid for, until when it is to be delivered, and what the trader has left."""

    utid: str
    unit_id: int
    amount_ugx: int
    exposure_ugx: int
    capital_ugx: int
    deadline_at: str


class DeliveryVerified(AnswerShape):
    """What became of a lock, and how many minutes after its deadline."""

    utid: str
    lock: str
    outcome: str
    minutes_late: int


class PayoutMade(AnswerShape):
    """A payment to a farmer, and the earnings that are left."""

    utid: str
    earnings_ugx: int


class WithdrawalMade(AnswerShape):
    """A payment to a trader, and the profit that is left."""

    utid: str
    amount_ugx: int
    profit_ugx: int


class WalletEntry(AnswerShape):
    """A row of a trader's ledger, with the balances after it."""

    number: int
    utid: str
    type: str
    amount_ugx: int
    capital_after: int
    locked_after: int
    profit_after: int
    at: str


class TraderWallet(AnswerShape):
    """A trader's balances, exposure and entries, newest first."""

    capital_ugx: int
    locked_ugx: int
    profit_ugx: int
    exposure_ugx: int
    exposure_ugx_max: int
    entries: list[WalletEntry]
    next: int | None


class FarmerWallet(AnswerShape):
    """A farmer's earnings, and in how many entries."""

    earnings_ugx: int
    entries: int


class EarningsEntry(AnswerShape):
    """A row of a farmer's ledger, with the balance after it."""

    number: int
    utid: str
    type: str
    amount_ugx: int
    balance_after: int
    at: str


class EarningsNow(AnswerShape):
    """A farmer's balance and payments, newest first, and listings by status."""

    earnings_ugx: int
    listings: dict[str, int]
    payments: list[EarningsEntry]
    next: int | None


class TracedAct(AnswerShape):
    """One act of a chain: its command, and its rows as whoever asks may see them."""

    command: str
    decision: str
    target_utid: str | None
    rows: list[dict[str, object]]


class Chain(AnswerShape):
    """An act with those before and after it; not complete where the chain was cut."""

    utid: str
    act: TracedAct
    earlier: list[TracedAct]
    later: list[TracedAct]
    complete: bool
