"""A comparison from a statement to its rows in the books, in acts small enough to seal, driven again where it broke off.

The first act says of which moment of the books the comparison is; every part is decided by that moment. So the parts
are the same whenever and by whomever they are sent, and the same statement sent again finds what was written the first time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from watchkeeper.base.database import Database
from watchkeeper.market.commands import Answer, Command, Reconcile, ReconcilePart
from watchkeeper.market.commands.reconciled import ITEMS_MAX, Line
from watchkeeper.market.reconciliation import reading, rules
from watchkeeper.market.reconciliation.rules import Item
from watchkeeper.market.reconciliation.statements import Statement
from watchkeeper.market.refusals import Refusal

#: Sends commands and gives their answers in order; raises the first `Refusal`.
Send = Callable[[list[Command]], list[Answer]]
#: The market's own commands wait for one sending of ours at most.
_PARTS_AT_ONCE = 4
_TRIES_MAX = 3


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a comparison finds: an item for each payment of the statement, then those that it lacks."""

    journal_n: int
    items: tuple[Item, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many items there are of each kind."""
        found = Counter(item.kind for item in self.items)
        return {kind: found[kind] for kind in rules.KINDS}


def compare(database: Database, statement: Statement, *, journal_n: int | None = None) -> Comparison:
    """Compare with the books as they stand, or as they stood at a journal number; raises `Refusal` for too much."""
    with database.transaction("read"):
        upto = reading.last_n(database) if journal_n is None else journal_n
        references = [line.reference for line in statement.lines]
        known = reading.payments(database, statement.provider, references)
        limit = rules.ITEMS_OF_A_RUN_MAX - len(references)
        booked = reading.expected(
            database, statement.provider, since=statement.since, until=statement.until, limit=limit + 1
        )
    ours = {payment.reference: payment for payment in known.values() if payment.n <= upto}
    said = set(references)
    lacking = [payment for payment in booked if payment.n <= upto and payment.reference not in said]
    if len(booked) > limit:
        raise Refusal(
            "validation-failed", "The books have too many payments of that time. Take a shorter one."
        )
    items = [Item(line, ours.get(line.reference)) for line in statement.lines]
    items += [Item(Line(reference=payment.reference), payment) for payment in lacking]
    return Comparison(upto, tuple(items))


def reconcile(
    database: Database,
    statement: Statement,
    send: Send,
    *,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> str:
    """Compare a statement and write it down; the UTID of its comparison, the first one's where there was one already.

    Raises `Refusal`.
    """
    utid = _compared(database, statement)
    if utid is None:
        comparison = compare(database, statement)
        try:
            utid = send([_opening(statement, comparison)])[0].utid
        except Refusal:
            # Somebody else may have been first with the same statement; then theirs is the comparison.
            utid = _compared(database, statement)
            if utid is None:
                raise
    for left in reversed(range(_TRIES_MAX)):
        try:
            _fill(database, statement, utid, send, progress)
        except Refusal as refusal:
            # Two who fill the same one take turns: whoever was late looks again how far it is.
            if refusal.code != "out-of-turn" or not left:
                raise
        else:
            break
    return utid


def _compared(database: Database, statement: Statement) -> str | None:
    return reading.compared(
        database,
        provider=statement.provider,
        file_digest=statement.file_digest,
        map_digest=statement.map_digest,
        since=statement.since,
        until=statement.until,
    )


def _opening(statement: Statement, comparison: Comparison) -> Reconcile:
    return Reconcile(
        provider=statement.provider,
        since=statement.since,
        until=statement.until,
        file_digest=statement.file_digest,
        map_digest=statement.map_digest,
        journal_n=comparison.journal_n,
        ignored=statement.ignored,
        fees_ugx=statement.fees_ugx,
        **comparison.counts,
    )


def _fill(
    database: Database, statement: Statement, utid: str, send: Send, progress: Callable[[int, int], None]
) -> None:
    run = reading.opened(database, [utid])[utid]
    if run.filled == run.lines:
        return
    items = compare(database, statement, journal_n=run.journal_n).items
    parts: list[Command] = [
        ReconcilePart(
            reconciliation=utid,
            first=begin + 1,
            lines=tuple(item.line for item in items[begin : begin + ITEMS_MAX]),
        )
        for begin in range(run.filled, len(items), ITEMS_MAX)
    ]
    for begin in range(0, len(parts), _PARTS_AT_ONCE):
        send(parts[begin : begin + _PARTS_AT_ONCE])
        progress(min(run.filled + (begin + _PARTS_AT_ONCE) * ITEMS_MAX, run.lines), run.lines)
