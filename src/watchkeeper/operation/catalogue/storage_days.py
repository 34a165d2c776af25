"""Which days in store were due and not deducted: the rows that ought to be there, worked out a second time.

A lot-day is due when it has passed in full, pilot mode was on at no instant of it, and its block awaited a pickup at none.
The market says when it last went round every lot and left nothing undone; what was due by then and has no row was missed.
So a pause, a catch-up or a restart is never mistaken for a missed day, and no patience has to be guessed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from watchkeeper.base import canonical
from watchkeeper.base.clock import Instant
from watchkeeper.boundary.features import STORAGE_FEE
from watchkeeper.boundary.gate import EVERYTHING, OperationClass, Restriction, Switch, account
from watchkeeper.boundary.selftest import Settled
from watchkeeper.boundary.views import JOURNAL
from watchkeeper.operation.catalogue.books import integer
from watchkeeper.operation.catalogue.context import Context
from watchkeeper.operation.catalogue.model import Draft

_DAY = 24 * 3600 * 1_000_000
#: Half a kilogram a day for each hundred: after so many counted days nothing is left to deduct.
_DAYS_MAX = 200
#: Lots of one page.
PAGE = 200
_CLASS = OperationClass.STORAGE_FEE

_Times = Sequence[tuple[Instant, Instant | None]]


@dataclass(slots=True)
class _Lot:
    id: int
    trader_id: int
    started_at: int
    deducted: set[int] = field(default_factory=set)
    awaited: list[tuple[Instant, Instant | None]] = field(default_factory=list)
    #: Sold and fetched, or returned to the store only since the market last went round.
    out: bool = False


def missed(context: Context, settled: Settled, *, after: int, upto: int, invariant: str) -> list[Draft]:
    """Lots with an id above `after` and up to `upto` that miss a row for a day due when the market last went round; a page
    at most. Inside the caller's snapshot.
    """
    if context.views.last(JOURNAL) < settled.n:
        # This snapshot is older than the report; the next one has it.
        return []
    lots = _lots(context, settled, after=after, upto=upto)
    if not lots:
        return []
    pilot_mode = [(span.begun, span.ended) for span in context.times_on(Switch.PILOT_MODE)]
    restrictions = [*context.gate.restrictions, *context.lifted_since(settled.began)]
    drafts: list[Draft] = []
    for lot in lots.values():
        if lot.out or len(lot.deducted) >= _DAYS_MAX or _held_up(context, lot, restrictions):
            continue
        day = _first_missed(lot, settled.began, pilot_mode)
        if day is not None:
            drafts.append(_draft(lot, day, invariant))
    return drafts


def every(context: Context, settled: Settled, *, invariant: str) -> Iterator[list[Draft]]:
    """The same for every lot, a page and a snapshot at a time."""
    after, last = 0, 1
    while after < last:
        with context.views.snapshot():
            last = context.views.number("SELECT max(id) FROM watch_lots")
            yield missed(context, settled, after=after, upto=after + PAGE, invariant=invariant)
        after += PAGE


def in_turn(context: Context, settled: Settled, *, invariant: str) -> list[Draft]:
    """A page of lots, each second the next, so that a look costs the same however many there are."""
    last = context.views.number("SELECT max(id) FROM watch_lots")
    pages = max(1, -(-last // PAGE))
    page = context.clock.now() // 1_000_000 % pages
    return missed(context, settled, after=page * PAGE, upto=(page + 1) * PAGE, invariant=invariant)


def _lots(context: Context, settled: Settled, *, after: int, upto: int) -> dict[int, _Lot]:
    """The lots that could owe a day, with what was deducted and when their blocks were sold."""
    query, bounds = context.views.database.query, (after, upto)
    lots = {
        integer(row[0]): _Lot(integer(row[0]), integer(row[1]), integer(row[2]))
        for row in query(
            "SELECT l.id, l.trader_id, l.at FROM watch_lots l WHERE l.id > ? AND l.id <= ? AND l.at <= ? "
            "AND NOT EXISTS (SELECT 1 FROM watch_write_offs w WHERE w.lot_id = l.id) ORDER BY l.id LIMIT ?",
            (*bounds, settled.began - _DAY, PAGE),
        )
    }
    for lot_id, day in query(
        "SELECT lot_id, day FROM watch_storage_fee_deductions WHERE lot_id > ? AND lot_id <= ? LIMIT ?",
        (*bounds, PAGE * (_DAYS_MAX + 1)),
    ):
        if integer(lot_id) in lots:
            lots[integer(lot_id)].deducted.add(integer(day))
    for lot_id, begun, outcome, ended in query(
        "SELECT b.lot_id, p.at, o.outcome, o.at FROM watch_block_lots b JOIN watch_purchases p ON p.block_id = b.block_id "
        "LEFT JOIN watch_purchase_outcomes o ON o.purchase_utid = p.utid WHERE b.lot_id > ? AND b.lot_id <= ? LIMIT ?",
        (*bounds, PAGE * _DAYS_MAX),
    ):
        lot = lots.get(integer(lot_id))
        if lot is None:
            continue
        until = None if ended is None else Instant(integer(ended))
        lot.awaited.append((Instant(integer(begun)), until))
        lot.out |= until is None or outcome == "picked_up" or until > settled.began
    return lots


def _first_missed(lot: _Lot, upto: Instant, pilot_mode: _Times) -> int | None:
    for day in range(1, (upto - lot.started_at) // _DAY + 1):
        begin, end = lot.started_at + (day - 1) * _DAY, lot.started_at + day * _DAY
        if (
            day not in lot.deducted
            and not _within(begin, end, pilot_mode)
            and not _within(begin, end, lot.awaited)
        ):
            return day
    return None


def _within(begin: int, end: int, times: _Times) -> bool:
    return any(begun < end and (until is None or until > begin) for begun, until in times)


def _held_up(context: Context, lot: _Lot, restrictions: Sequence[Restriction]) -> bool:
    """Whether a restriction stood in the way since: what it held up is caught up once it is lifted."""
    alias = context.alias(lot.trader_id)
    scopes = {EVERYTHING} if alias is None else {EVERYTHING, account(alias)}
    return any(_CLASS in restriction.classes and restriction.scope in scopes for restriction in restrictions)


def _draft(lot: _Lot, day: int, invariant: str) -> Draft:
    said: Mapping[str, int] = {"lot": lot.id, "day": day}
    return Draft(
        invariant=invariant,
        kind="day not deducted",
        scope=EVERYTHING,
        classes=frozenset({_CLASS}),
        table_name="lots",
        row_key=f"lot {lot.id}",
        expected=canonical.encode({"deducted": said}).decode("ascii"),
        found=canonical.encode({"missing": said}).decode("ascii"),
        found_digest=canonical.digest(canonical.encode(said)),
        detail=f"{STORAGE_FEE.replace('_', ' ')}: day {day} of lot {lot.id} was due and is not deducted",
    )
