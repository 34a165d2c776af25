"""What the operator's corrections, explanations and waivers moved, asked anew: against what was asked for, and what they refer to.

Each journal row holds what its command asked for. A correction takes at most what is there, so what it moved and what it
left unrecovered make up the amount, and something is left of an emptied balance alone; an explanation is of a payment as it
is booked; what is waived was left by a correction, and is waived once (domain, Ledgers).

Blind to: a correction that moved nothing and left all, though there was something to take; what a statement says. What was done by a
row that was wrong then and is right again speaks against who did it: the operator acknowledges it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from watchkeeper.base.canonical import Value
from watchkeeper.boundary.views import Row
from watchkeeper.operation.catalogue.accounts import LEDGERS
from watchkeeper.operation.catalogue.books import integer
from watchkeeper.operation.catalogue.context import Found
from watchkeeper.operation.catalogue.outside_money import SOURCES, way_of
from watchkeeper.operation.catalogue.referred import Rows

#: Balance -> ledger, type of a correction, column of the balance after it.
_BALANCES = {
    "capital": ("wallet_ledger", "capital_correction", "capital_after"),
    "locked": ("wallet_ledger", "locked_correction", "locked_after"),
    "profit": ("wallet_ledger", "profit_correction", "profit_after"),
    "earnings": ("farmer_ledger", "correction", "balance_after"),
}
#: Table of payments -> the ledger in which the money stands; other tables than this one's are the wallets'.
_LEDGER_OF = {"payouts": "farmer_ledger"}


@dataclass(frozen=True, slots=True)
class _Payment:
    owner_id: Value
    ledger: str


def refused(entry: Found, effects: Sequence[Found], rows: Rows) -> str | None:
    """Why this is not what was asked for, or could not have been done; None when it could, and of every other command."""
    match entry.row["command"]:
        case "correct":
            asked = _asked(entry)
            if asked.get("account") != entry.row["subject"]:
                return "it corrects another account than was asked for"
            return _moved(entry, effects, asked, rows)
        case "explain_payment":
            asked = _asked(entry)
            found = _explained(entry, effects, asked, rows)
            return found or _moved(entry, effects, asked, rows)
        case "waive_unrecovered":
            return _waived(entry, _asked(entry), rows)
        case _:
            return None


def _asked(entry: Found) -> Mapping[str, object]:
    """What the command asked for, by its journal row; nothing of text that is no document."""
    text = entry.row["arguments"]
    try:
        document = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        document = None
    return document if isinstance(document, dict) else {}


def _moved(entry: Found, effects: Sequence[Found], asked: Mapping[str, object], rows: Rows) -> str | None:
    entries = [one for one in effects if one.table in LEDGERS]
    left = [one.row for one in effects if one.table == "unrecovered"]
    amount, bucket = asked.get("amount_ugx"), asked.get("bucket")
    if bucket is None and entry.row["command"] == "explain_payment":
        nothing = not entries and not left and (amount, entry.row["amount_ugx"]) == (0, None)
        return None if nothing else "nothing was to be corrected"
    if not isinstance(bucket, str) or bucket not in _BALANCES or not isinstance(amount, int) or amount == 0:
        return "it does not say what was to be corrected"
    if len(entries) > 1 or len(left) > 1:
        return "a correction is one entry"
    missing = sum(integer(row["amount_ugx"]) for row in left)
    moved = sum(integer(one.row["amount_ugx"]) for one in entries)
    if moved - missing != amount or (missing and (amount > 0 or moved > 0)):
        return "what it moved and what it left are not what was asked for"
    if entry.row["amount_ugx"] != moved:
        return "it says another amount than it moved"
    return next(
        (
            why
            for why in (
                *(_entry_refused(one, bucket, asked, rows, emptied=bool(missing)) for one in entries),
                *(_left_refused(row, asked) for row in left),
            )
            if why is not None
        ),
        None,
    )


def _entry_refused(
    found: Found, bucket: str, asked: Mapping[str, object], rows: Rows, *, emptied: bool
) -> str | None:
    ledger, kind, after = _BALANCES[bucket]
    if (found.table, found.row["type"]) != (ledger, kind):
        return "it moved another balance than was asked for"
    if found.row["incident"] != asked.get("incident"):
        return "it names another incident than was asked for"
    owner = rows.by_key("users", found.row[LEDGERS[ledger]])
    if owner is None or owner["alias"] != asked.get("account"):
        return "it moved another account's balance"
    if emptied and found.row[after] != 0:
        return "it left something although there was enough"
    return None


def _left_refused(row: Row, asked: Mapping[str, object]) -> str | None:
    named = ("account", "finding", "incident")
    if any(row[name] != asked.get(name) for name in named):
        return "what it left is said to be of something else"
    return None


def _explained(entry: Found, effects: Sequence[Found], asked: Mapping[str, object], rows: Rows) -> str | None:
    explanations = [one.row for one in effects if one.table == "payment_explanations"]
    if len(explanations) != 1:
        return "an explanation is of one payment"
    row = explanations[0]
    named = ("provider", "external_ref", "our_utid", "their_direction", "their_amount_ugx", "incident")
    if any(row[name] != asked.get(name) for name in named):
        return "it explains another payment than was asked for"
    if row["provider"] != entry.row["subject"] or row["our_utid"] != entry.row["target_utid"]:
        return "it explains another payment than it says"
    ours = (row["our_direction"], row["our_amount_ugx"])
    corrects = (asked.get("account"), asked.get("bucket")) != (None, None)
    if row["our_utid"] is None:
        if ours != (None, None):
            return "it says what is booked, and names nothing that is"
        return "it corrects what no payment moved" if corrects else None
    payment = _payment(row, rows)
    if payment is None:
        return "the payment is not booked as it says"
    if ours == (row["their_direction"], row["their_amount_ugx"]):
        return "there was nothing to explain"
    return _others(payment, asked, rows) if corrects else None


def _others(payment: _Payment, asked: Mapping[str, object], rows: Rows) -> str | None:
    owner = rows.by_key("users", payment.owner_id)
    if owner is None or owner["alias"] != asked.get("account"):
        return "it corrects another account than the payment's"
    if _BALANCES.get(str(asked.get("bucket")), ("",))[0] != payment.ledger:
        return "it corrects another ledger than the payment's"
    return None


def _payment(explanation: Row, rows: Rows) -> _Payment | None:
    """The payment that an explanation is of; a row that somebody put under its UTID beside it hides it not."""
    for table, amount in SOURCES.items():
        row = rows.by_utid(table, explanation["our_utid"])
        if row is None:
            continue
        booked = (row["provider"], row["external_ref"], way_of(table, row.get("type")), row[amount])
        said = tuple(
            explanation[name] for name in ("provider", "external_ref", "our_direction", "our_amount_ugx")
        )
        if booked == said:
            ledger = _LEDGER_OF.get(table, "wallet_ledger")
            return _Payment(row[LEDGERS[ledger]], ledger)
    return None


def _waived(entry: Found, asked: Mapping[str, object], rows: Rows) -> str | None:
    utid = entry.row["target_utid"]
    if utid != asked.get("correction_utid") or utid != entry.row["subject"]:
        return "it waives something else than was asked for"
    left = rows.by_utid("unrecovered", utid)
    if left is None or left["amount_ugx"] != entry.row["amount_ugx"]:
        return "nothing was left that it could waive"
    if rows.done("waive_unrecovered", utid, before=entry.key):
        return "it was waived already"
    return None
