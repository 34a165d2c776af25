"""Money from and to outside that no provider's statement has confirmed (domain, Ledgers).

A deposit that somebody declares without paying looks like any other in the books: no check of rows against rows sees it.
What sees it is the provider's own statement, so payments that none has matched within a day are told. Only for providers
with which a statement was ever compared: before the first one, nothing was promised. Cash has no statement. A payment that
the operator has explained counts as matched, as it was booked then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from watchkeeper.base.canonical import Value
from watchkeeper.base.clock import SECONDS_PER_HOUR, Instant, later
from watchkeeper.boundary.views import VIEWS, View, Views
from watchkeeper.operation.catalogue import paging
from watchkeeper.operation.catalogue.books import integer
from watchkeeper.operation.catalogue.unexplained import Overdue, Unmatched, by_provider

UNMATCHED_SECONDS_MAX = 24 * SECONDS_PER_HOUR
#: Keys that one look reads of a table, payments that are kept in mind, and references that one query names.
_KEYS_AT_ONCE = 20_000
PENDING_MAX = 20_000
_REFERENCES_AT_ONCE = 500
_PROVIDERS_MAX = 50

_ITEMS, _EXPLAINED = VIEWS["reconciliation_items"], VIEWS["payment_explanations"]
#: Table -> its amount, and the way that its money went where the row itself does not say.
SOURCES = {"wallet_ledger": "amount_ugx", "payouts": "amount_ugx", "pickups": "proceeds_ugx"}
_WALLET_WAYS = {"capital_deposit": "in", "profit_withdrawal": "out"}
_WAYS = {"payouts": "out", "pickups": "in"}


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment that awaits its match."""

    direction: str
    amount_ugx: int
    at: Instant


class OutsideMoney:
    """Keeps in mind which payments await their match, and how far it has read. Belongs to one thread.

    Each look reads what is new by the tables' own keys, so it costs what was added since the last one. After a start the
    whole of the books is read once, in portions; until its end nothing is said to be matched.
    """

    def __init__(self, views: Views) -> None:
        self._views = views
        self._providers: frozenset[str] = frozenset()
        self._read: dict[str, int] = dict.fromkeys(SOURCES, 0)
        self._pending: dict[tuple[str, str], Payment] = {}
        self._items = self._explained = 0
        #: Whether the last look came to the end of the books, and whether it came further than the one before.
        self.complete = False
        self.advanced = False
        #: What this look saw matched or explained.
        self.settled: set[Overdue] = set()

    @property
    def full(self) -> bool:
        """Whether it reads no further, because no more can be kept in mind."""
        return not self.complete and len(self._pending) >= PENDING_MAX

    def providers(self) -> frozenset[str]:
        """Providers with which a statement was compared."""
        rows = self._views.database.query(
            "SELECT DISTINCT provider FROM watch_reconciliations LIMIT ?", (_PROVIDERS_MAX,)
        )
        return frozenset(str(row[0]) for row in rows) - {"cash"}

    def look(self, *, at: Instant) -> Mapping[str, Unmatched]:
        """What is unmatched for too long, by provider; raises `DatabaseError`."""
        self.settled = set()
        with self._views.snapshot():
            providers = self.providers()
            if providers != self._providers or self._went_back():
                # What was passed over may count now.
                self._providers, self._pending, self._items, self._explained = providers, {}, 0, 0
                self._read = dict.fromkeys(SOURCES, 0)
            if not providers:
                self.complete = True
                return {}
            before = dict(self._read)
            self._settle()
            self.complete = all(self._read_on(table) for table in SOURCES)
            self.advanced = self._read != before
        return self._overdue(at)

    def _went_back(self) -> bool:
        """Whether the books end earlier than they did: an older copy was put back."""
        read = {_ITEMS.table: self._items, _EXPLAINED.table: self._explained} | self._read
        return any(self._views.last(VIEWS[table]) < key for table, key in read.items())

    def _settle(self) -> None:
        """Forget what was matched or explained since the last look."""
        last = self._views.last(_ITEMS), self._views.last(_EXPLAINED)
        if last == (self._items, self._explained):
            return
        self._let_go(list(self._pending))
        self._items, self._explained = last

    def _read_on(self, table: str) -> bool:
        """Take in what was booked since the last look; whether that was all of it."""
        view, amount = VIEWS[table], SOURCES[table]
        last, begin = self._views.last(view), self._read[table]
        if len(self._pending) >= PENDING_MAX:
            return begin == last
        end = min(last, begin + _KEYS_AT_ONCE)
        marks = ", ".join("?" * len(self._providers))
        rows = self._views.rows(
            view,
            f"{view.key} > ? AND {view.key} <= ? AND provider IN ({marks}) ORDER BY {view.key}",
            (begin, end, *sorted(self._providers)),
            limit=_KEYS_AT_ONCE,
        )
        found: dict[tuple[str, str], Payment] = {}
        for row in rows:
            way = way_of(table, row.get("type"))
            if way:
                found[str(row["provider"]), str(row["external_ref"])] = Payment(
                    way, integer(row[amount]), Instant(integer(row["at"]))
                )
        self._pending.update(found)
        self._let_go(list(found))
        self._read[table] = end
        return end == last

    def _let_go(self, keys: list[tuple[str, str]]) -> None:
        """Forget those of these that await nothing any more."""
        known = {key: self._pending[key] for key in keys}
        for key in matching(
            self._views, {key: (one.direction, one.amount_ugx) for key, one in known.items()}
        ):
            self.settled.add(_as_overdue(key, self._pending.pop(key)))

    def _overdue(self, at: Instant) -> dict[str, Unmatched]:
        limit = later(at, seconds=-UNMATCHED_SECONDS_MAX)
        overdue = [_as_overdue(key, payment) for key, payment in self._pending.items() if payment.at <= limit]
        return by_provider(overdue, at_least=not self.complete)


def _as_overdue(key: tuple[str, str], payment: Payment) -> Overdue:
    return Overdue(*key, payment.direction, payment.amount_ugx, payment.at)


def stating(
    views: Views, view: View, keys: Sequence[tuple[str, str]], columns: tuple[str, str]
) -> Iterator[tuple[tuple[str, str], tuple[Value, Value]]]:
    """What rows say of payments, given by provider and reference: the two columns, of rows where the first is not empty."""
    first, second = columns
    for some in paging.pieces(keys, _REFERENCES_AT_ONCE):
        providers, references = {key[0] for key in some}, {key[1] for key in some}
        rows = views.database.query(
            f"SELECT provider, external_ref, {first}, {second} FROM {view.name} "
            f"WHERE provider IN ({', '.join('?' * len(providers))}) "
            f"AND external_ref IN ({', '.join('?' * len(references))}) AND {first} IS NOT NULL",
            (*sorted(providers), *sorted(references)),
        )
        for provider, reference, one, other in rows:
            yield (str(provider), str(reference)), (one, other)


def way_of(table: str, kind: Value) -> str:
    """Which way the money of a row went, in or out; empty for what is no payment. `kind`: its type, where it is a ledger entry."""
    return _WAYS.get(table) or _WALLET_WAYS.get(str(kind), "")


def booked(views: Views, places: Sequence[tuple[str, str]]) -> dict[tuple[str, str], tuple[str, int]]:
    """The way and the amount in UGX that the books have of payments, given by provider and reference."""
    found: dict[tuple[str, str], tuple[str, int]] = {}
    for table, amount in SOURCES.items():
        way_column = "id" if table in _WAYS else "type"
        for place, (kind, ugx) in stating(views, VIEWS[table], places, (way_column, amount)):
            way = way_of(table, kind)
            if way:
                found[place] = way, integer(ugx)
    return found


def matching(views: Views, ours: Mapping[tuple[str, str], tuple[str, int]]) -> set[tuple[str, str]]:
    """Which of these stand in a statement with the way and the amount that the books have, or were explained with them."""
    return {
        place
        for view, way, amount in (
            (_ITEMS, "their_direction", "their_amount_ugx"),
            (_EXPLAINED, "our_direction", "our_amount_ugx"),
        )
        for place, said in stating(views, view, list(ours), (way, amount))
        if ours.get(place) == said
    }
