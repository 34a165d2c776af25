"""Money that a provider's statement has and no book has as it says (domain, Ledgers): what went out by somebody else's hand, came in
for nobody, or was taken back under a reference that had matched.

Where the books say otherwise under the reference, and no statement agrees with them, `outside_money` tells of it, and this keeps still.

Blind to: what no statement was compared for, and to what a map leaves out of a statement as no payment.
"""

from __future__ import annotations

from collections.abc import Mapping

from watchkeeper.base.clock import Instant, later
from watchkeeper.boundary.views import VIEWS, Views
from watchkeeper.operation.catalogue.books import integer
from watchkeeper.operation.catalogue.outside_money import (
    PENDING_MAX,
    SOURCES,
    UNMATCHED_SECONDS_MAX,
    booked,
    matching,
    stating,
)
from watchkeeper.operation.catalogue.unexplained import Overdue, Unmatched, by_provider

#: Keys of items that one look reads.
_KEYS_AT_ONCE = 20_000
_ITEMS, _EXPLAINED = VIEWS["reconciliation_items"], VIEWS["payment_explanations"]

#: Provider, reference, way and amount.
_Key = tuple[str, str, str, int]


class Unbooked:
    """Keeps in mind what statements have and the books lack, and how far it has read. Belongs to one thread.

    A payment counts from when it was made, or from its comparison where that was earlier. Each look reads the new items, and asks the
    books again for those that are in mind.
    """

    def __init__(self, views: Views) -> None:
        self._views = views
        self._pending: dict[_Key, Instant] = {}
        #: Those of them where the books' own side is told.
        self._aside: set[_Key] = set()
        self._read = 0
        #: How far the books, the explanations and the items went at the last look.
        self._seen: tuple[int, ...] = ()
        #: Whether the last look came to the end of the items, and whether it came further than the one before.
        self.complete = False
        self.advanced = False
        #: What this look saw booked or explained, or is told by the books' own side.
        self.settled: set[Overdue] = set()

    @property
    def full(self) -> bool:
        """Whether it reads no further, because no more can be kept in mind."""
        return not self.complete and len(self._pending) >= PENDING_MAX

    def look(self, *, at: Instant) -> Mapping[str, Unmatched]:
        """What stands in no book for too long, by provider; raises `DatabaseError`."""
        self.settled = set()
        with self._views.snapshot():
            seen = tuple(
                self._views.last(VIEWS[table]) for table in (*SOURCES, _EXPLAINED.table, _ITEMS.table)
            )
            if any(now < before for now, before in zip(seen, self._seen, strict=False)):
                # An older copy of the books was put back.
                self._pending, self._aside, self._read = {}, set(), 0
            elif seen != self._seen:
                self._judge(list(self._pending))
            self._seen = seen
            before = self._read
            self.complete = self._read_on()
            self.advanced = self._read != before
        limit = later(at, seconds=-UNMATCHED_SECONDS_MAX)
        overdue = [
            Overdue(*key, since)
            for key, since in self._pending.items()
            if since <= limit and key not in self._aside
        ]
        return by_provider(overdue, at_least=not self.complete)

    def _read_on(self) -> bool:
        last = self._views.last(_ITEMS)
        if len(self._pending) >= PENDING_MAX:
            return self._read == last
        end = min(last, self._read + _KEYS_AT_ONCE)
        rows = self._views.database.query(
            "SELECT i.provider, i.external_ref, i.their_direction, i.their_amount_ugx, i.their_at, r.at "
            "FROM watch_reconciliation_items i JOIN watch_reconciliations r ON r.id = i.reconciliation_id "
            "WHERE i.id > ? AND i.id <= ? AND i.kind IN ('missing_in_books', 'different') AND i.provider <> 'cash' "
            "ORDER BY i.id LIMIT ?",
            (self._read, end, _KEYS_AT_ONCE),
        )
        new: list[_Key] = []
        for provider, reference, way, amount, made, compared in rows:
            key = (str(provider), str(reference), str(way), integer(amount))
            since = Instant(min(integer(made), integer(compared)))
            self._pending[key] = min(since, self._pending.get(key, since))
            new.append(key)
        self._judge(new)
        self._read = end
        return end == last

    def _judge(self, keys: list[_Key]) -> None:
        """Let go what the books have as the statement has it, and what was explained; keep still of what the books' side tells."""
        places = sorted({key[:2] for key in keys})
        ours = booked(self._views, places)
        agreed = matching(self._views, ours)
        explained = {
            (*place, str(way), integer(amount))
            for place, (way, amount) in stating(
                self._views, _EXPLAINED, places, ("their_direction", "their_amount_ugx")
            )
        }
        for key in keys:
            place, since = key[:2], self._pending.get(key)
            self._aside.discard(key)
            if since is None:
                continue
            if ours.get(place) == key[2:] or key in explained:
                del self._pending[key]
            elif place in ours and place not in agreed:
                self._aside.add(key)
            else:
                continue
            self.settled.add(Overdue(*key, since))
