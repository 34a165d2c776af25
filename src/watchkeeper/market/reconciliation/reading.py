"""What the books know of payments by a provider, and of comparisons that were made; each call bounded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from watchkeeper.base.clock import MICROSECONDS_PER_SECOND, Instant
from watchkeeper.base.database import Database
from watchkeeper.base.database.interface import Record
from watchkeeper.market.reading import PAGE_MAX, page
from watchkeeper.market.reconciliation.rules import COMPARED, EDGE_SECONDS
from watchkeeper.market.rows import marks, number, text_or_none
from watchkeeper.market.state import Explained, Payment, Reconciliation

_PAGE = 500
#: One reference has one payment; more than a few statements that say different things of it are nobody's.
_SAID_MAX = 50
#: Where payments stand: what makes them go in or out, their amount, whose they are and in which ledger. What is left is no payment.
_SOURCES = (
    (
        "wallet_ledger",
        "CASE p.type WHEN 'profit_withdrawal' THEN 'out' ELSE 'in' END",
        "p.amount_ugx, p.trader_id, 'wallet_ledger'",
        "p.type IN ('capital_deposit', 'profit_withdrawal') AND p.provider IS NOT NULL AND ",
    ),
    ("payouts", "'out'", "p.amount_ugx, p.farmer_id, 'farmer_ledger'", ""),
    ("pickups", "'in'", "p.proceeds_ugx, p.trader_id, 'wallet_ledger'", ""),
)


def _select(table: str, direction: str, amount: str, only: str) -> str:
    return (
        f"SELECT p.provider, p.external_ref, p.utid, {direction}, {amount}, p.at, coalesce(j.n, 0) FROM {table} p "
        f"LEFT JOIN journal j ON j.utid = p.utid WHERE {only}p.provider = ? AND "
    )


def _payment(row: Record) -> Payment:
    return Payment(
        provider=str(row[0]),
        reference=str(row[1]),
        utid=str(row[2]),
        direction=str(row[3]),
        amount_ugx=number(row[4]),
        owner_id=number(row[5]),
        ledger=str(row[6]),
        at=Instant(number(row[7])),
        n=number(row[8]),
    )


def payments(database: Database, provider: str, references: Sequence[str]) -> dict[tuple[str, str], Payment]:
    """The payments of a provider under these references; what is not booked is left out."""
    found: dict[tuple[str, str], Payment] = {}
    for begin in range(0, len(references), _PAGE):
        some = references[begin : begin + _PAGE]
        for source in _SOURCES:
            sql = f"{_select(*source)}p.external_ref IN ({marks(some)})"
            for row in database.query(sql, (provider, *some)):
                payment = _payment(row)
                found[payment.provider, payment.reference] = payment
    return found


def expected(
    database: Database, provider: str, *, since: Instant, until: Instant, limit: int
) -> list[Payment]:
    """The payments that a statement of this time must have, in the order of their UTIDs; at most `limit`."""
    edge = EDGE_SECONDS * MICROSECONDS_PER_SECOND
    found: list[Payment] = []
    for source in _SOURCES:
        sql = f"{_select(*source)}p.at >= ? AND p.at < ? ORDER BY p.at, p.id LIMIT ?"
        rows = database.query(sql, (provider, since + edge, until - edge, limit - len(found)))
        found.extend(_payment(row) for row in rows)
        if len(found) >= limit:
            break
    return sorted(found, key=lambda payment: payment.utid)


def last_n(database: Database) -> int:
    """The last journal number."""
    row = database.one("SELECT coalesce(max(n), 0) FROM journal")
    return 0 if row is None else number(row[0])


def statements(database: Database, file_digest: str) -> set[tuple[str, str, str, int, int]]:
    """Comparisons of a file: provider, digests of file and map, and the time."""
    rows = database.query(
        "SELECT provider, file_digest, map_digest, since, until FROM reconciliations "
        f"WHERE provider IN ({marks(COMPARED)}) AND file_digest = ?",
        (*COMPARED, file_digest),
    )
    return {(str(row[0]), str(row[1]), str(row[2]), number(row[3]), number(row[4])) for row in rows}


def compared(
    database: Database, *, provider: str, file_digest: str, map_digest: str, since: Instant, until: Instant
) -> str | None:
    """The UTID under which this statement was compared."""
    row = database.one(
        "SELECT utid FROM reconciliations WHERE provider = ? AND file_digest = ? AND map_digest = ? AND since = ? "
        "AND until = ?",
        (provider, file_digest, map_digest, since, until),
    )
    return None if row is None else str(row[0])


def opened(database: Database, utids: Sequence[str]) -> dict[str, Reconciliation]:
    """Comparisons by UTID, and how far each is filled."""
    rows = database.query(
        "SELECT r.id, r.utid, r.provider, r.journal_n, r.lines, (SELECT coalesce(max(i.number), 0) "
        f"FROM reconciliation_items i WHERE i.reconciliation_id = r.id) FROM reconciliations r WHERE r.utid IN ({marks(utids)})",
        tuple(utids),
    )
    return {
        str(row[1]): Reconciliation(
            number(row[0]), str(row[1]), str(row[2]), number(row[3]), number(row[4]), number(row[5])
        )
        for row in rows
    }


def said(database: Database, provider: str, reference: str) -> list[tuple[str, int]]:
    """What statements say of a payment, the newest first: way and amount in UGX, each once."""
    rows = database.query(
        "SELECT their_direction, their_amount_ugx FROM reconciliation_items WHERE provider = ? AND external_ref = ? "
        "AND their_direction IS NOT NULL GROUP BY their_direction, their_amount_ugx ORDER BY max(id) DESC LIMIT ?",
        (provider, reference, _SAID_MAX),
    )
    return [(str(row[0]), number(row[1])) for row in rows]


def explained(database: Database, provider: str, reference: str) -> dict[Explained, str]:
    """What of a payment was explained, and by which UTID."""
    rows = database.query(
        "SELECT our_utid, their_direction, their_amount_ugx, utid FROM payment_explanations WHERE provider = ? "
        "AND external_ref = ? ORDER BY id DESC LIMIT ?",
        (provider, reference, 2 * _SAID_MAX),
    )
    return {
        Explained(
            provider,
            reference,
            text_or_none(row[0]),
            None if row[1] is None else (str(row[1]), number(row[2])),
        ): str(row[3])
        for row in rows
    }


def explained_by(
    known: Mapping[Explained, str], our_utid: str | None, theirs: tuple[str, int] | None
) -> str | None:
    """Which of these explains such an item: what a statement says by just that, what none says by any about what is booked."""
    for one, utid in known.items():
        if (one.theirs == theirs) if theirs is not None else (one.our_utid == our_utid):
            return utid
    return None


_RUN = (
    "SELECT r.id, r.utid, r.provider, r.since, r.until, r.lines, r.matched, r.missing_in_books, r.missing_in_statement, "
    "r.different, r.ignored, r.fees_ugx, u.alias, r.at, r.file_digest, (SELECT coalesce(max(i.number), 0) "
    "FROM reconciliation_items i WHERE i.reconciliation_id = r.id) FROM reconciliations r JOIN users u ON u.id = r.actor_id "
)
_RUN_COLUMNS = (
    "id", "utid", "provider", "since_at", "until_at", "lines", "matched", "missing_in_books", "missing_in_statement",
    "different", "ignored", "fees_ugx", "actor", "at", "file_digest", "filled",
)  # fmt: skip
_ITEM_COLUMNS = (
    "number", "external_ref", "kind", "our_utid", "our_direction", "our_amount_ugx", "their_direction",
    "their_amount_ugx", "their_at",
)  # fmt: skip
_EXPLAINED_BY = (
    "(SELECT x.utid FROM payment_explanations x WHERE x.provider = i.provider AND x.external_ref = i.external_ref "
    "AND ((i.their_direction IS NULL AND x.our_utid = i.our_utid) OR (x.their_direction = i.their_direction "
    "AND x.their_amount_ugx = i.their_amount_ugx)) ORDER BY x.id LIMIT 1)"
)
Document = dict[str, object]


def _run(row: Record) -> Document:
    found: Document = dict(zip(_RUN_COLUMNS, row, strict=True))
    filled = found.pop("filled")
    return found | {"complete": filled == found["lines"]}


def runs(database: Database, *, before: int | None, limit: int) -> list[Document]:
    """Comparisons, newest first."""
    rows = database.query(f"{_RUN} WHERE r.id < ? ORDER BY r.id DESC LIMIT ?", (before or 2**62, page(limit)))
    return [_run(row) for row in rows]


def run(database: Database, utid: str) -> Document | None:
    """One comparison; `complete` is false while not all of its items are written down."""
    row = database.one(f"{_RUN} WHERE r.utid = ?", (utid,))
    return None if row is None else _run(row)


def items(
    database: Database, reconciliation_id: int, *, kind: str | None, after: int, limit: int
) -> list[Document]:
    """Items of a comparison in their order, of one kind or of all; `explained_by` is the UTID that has explained one since."""
    of_kind, which = ("AND kind = ? ", (kind,)) if kind else ("", ())
    rows = database.query(
        f"SELECT {', '.join(_ITEM_COLUMNS)}, {_EXPLAINED_BY} FROM reconciliation_items i WHERE reconciliation_id = ? {of_kind}"
        "AND number > ? ORDER BY number LIMIT ?",
        (reconciliation_id, *which, after, page(limit)),
    )
    return [dict(zip((*_ITEM_COLUMNS, "explained_by"), row, strict=True)) for row in rows]


def every_item(database: Database, reconciliation_id: int, kinds: Sequence[str]) -> Iterator[Document]:
    """All items of these kinds, in pages."""
    for kind in kinds:
        after = 0
        while True:
            found = items(database, reconciliation_id, kind=kind, after=after, limit=PAGE_MAX)
            yield from found
            if len(found) < PAGE_MAX:
                break
            after = int(str(found[-1]["number"]))
