"""Corrections whose result is not the one that was predicted, by one shilling or more.

The desk writes down the predicted balance before it asks for the correction. Here the entry that came of it is read from the
books and compared with that, so it is seen also when whoever asked was gone by then.

Blind to: an entry that no correction at the desk asked for; the check of rows that no command wrote sees it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from watchkeeper.base.canonical import Value
from watchkeeper.boundary.gate import OperationClass, Scope
from watchkeeper.boundary.gate import account as scope_of
from watchkeeper.boundary.views import Row
from watchkeeper.operation.catalogue import books, paging
from watchkeeper.operation.catalogue.books import integer
from watchkeeper.operation.catalogue.signs.model import Reading

WRONG = "wrong correction"
#: What stands still while a wrong correction is looked at.
STOPS: frozenset[OperationClass] = books.WALLET
_UTIDS_AT_ONCE = 500
_LEDGERS: Mapping[str, tuple[str, Mapping[str, tuple[str, str]]]] = {
    "wallet_ledger": (
        "trader_id",
        {
            "capital_correction": ("capital", "capital_after"),
            "locked_correction": ("locked", "locked_after"),
            "profit_correction": ("profit", "profit_after"),
        },
    ),
    "farmer_ledger": ("farmer_id", {"correction": ("earnings", "balance_after")}),
}


@dataclass(frozen=True, slots=True)
class Correction:
    """A correction as the books have it: on whom, of what, how much was asked, and what stands after it; amounts in UGX."""

    account: str
    bucket: str
    asked_ugx: int
    after_ugx: int
    at: int

    @property
    def where(self) -> Scope:
        """The account's scope."""
        return scope_of(self.account)


def new(reading: Reading, *, read: Mapping[str, int]) -> tuple[list[Correction], dict[str, int]]:
    """Corrections since the last look, and how far each ledger was read. Raises `DatabaseError`."""
    found: list[Correction] = []
    upto: dict[str, int] = {}
    with reading.snapshot():
        for table, (owner, kinds) in _LEDGERS.items():
            marks = ", ".join("?" * len(kinds))
            rows, upto[table] = reading.new(
                table, after=read.get(table, 0), where=f"type IN ({marks})", parameters=tuple(kinds)
            )
            rest = _unrecovered(reading, rows)
            for row in rows:
                bucket, column = kinds[str(row["type"])]
                alias = reading.alias(row[owner])
                if alias is not None:
                    found.append(
                        Correction(
                            alias,
                            bucket,
                            integer(row["amount_ugx"]) - rest.get(row["utid"], 0),
                            integer(row[column]),
                            integer(row["at"]),
                        )
                    )
    return found, upto


def _unrecovered(reading: Reading, rows: Sequence[Row]) -> dict[Value, int]:
    """What of these corrections was not there to be taken, by their UTIDs."""
    utids = [row["utid"] for row in rows]
    found: dict[Value, int] = {}
    for part in paging.pieces(utids, _UTIDS_AT_ONCE):
        where = f"utid IN ({', '.join('?' * len(part))}) ORDER BY id"
        for row in reading.rows("unrecovered", where, tuple(part), limit=len(part)):
            found[row["utid"]] = integer(row["amount_ugx"])
    return found
