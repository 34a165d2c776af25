"""Which columns cite a UTID, and which of those that rows cite are in no journal row (catalogue, 8.2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from watchkeeper.operation.catalogue import paging
from watchkeeper.operation.catalogue.context import Context, Found

#: Table -> its columns that cite another act's UTID. A row's own `utid` joins it to its journal row and is 2.3's.
CITING: Mapping[str, tuple[str, ...]] = {
    "journal": ("target_utid",),
    "lock_outcomes": ("lock_utid",),
    "lots": ("lock_utid",),
    "admin_actions": ("target_utid",),
    "purchase_outcomes": ("purchase_utid",),
    "pickups": ("purchase_utid",),
    "offer_steps": ("offer_utid",),
    "notices": ("about_utid",),
    "reconciliation_items": ("our_utid",),
    "payment_explanations": ("our_utid",),
}
_AT_ONCE = 500


def cited(found: Found) -> list[str]:
    """The UTIDs that a row cites; what could be in no journal, bytes or surrogates, is cited as its representation."""
    return [
        value if isinstance(value, str) and value.isascii() else repr(value)
        for column in CITING.get(found.table, ())
        for value in [found.row.get(column)]
        if value is not None
    ]


def missing(context: Context, utids: Iterable[str]) -> set[str]:
    """Those that no journal row has. By the journal's unique index, so many at a time."""
    wanted = sorted(set(utids))
    there: set[str] = set()
    for part in paging.pieces(wanted, _AT_ONCE):
        rows = context.views.database.query(
            f"SELECT utid FROM watch_journal WHERE utid IN ({', '.join('?' * len(part))})", tuple(part)
        )
        there.update(str(utid) for (utid,) in rows)
    return set(wanted) - there
