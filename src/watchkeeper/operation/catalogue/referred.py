"""Rows that other rows refer to: as they stand, and, before anybody is blamed by them, as they were sealed.

Somebody who changes a price in the books must not make an honest purchase of before look like theft: what speaks against
an act is asked of the seals.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, TypeAlias

from watchkeeper.base.canonical import Value
from watchkeeper.boundary.views import JOURNAL, VIEWS, Row
from watchkeeper.operation.catalogue import paging
from watchkeeper.operation.catalogue.books import integer
from watchkeeper.operation.catalogue.context import Context, Found
from watchkeeper.operation.seals import leaf as leaves
from watchkeeper.operation.seals import log as logs

#: More answers than this no offer has: each is one command, and the last ones decide.
_STEPS_MAX = 100
#: A block is sold once; before that it may have been ordered and given back so often.
_ORDERS_MAX = 200
#: What can be done once was done more often by a forger alone, who is found by the second time.
_DONE_MAX = 10
_KEYS_AT_ONCE = 500
#: Rows of many things are read together up to so many, else those of each thing by itself.
_TOGETHER_MAX = 2000

#: A purchase and how it ended, if it has.
Order: TypeAlias = tuple[Row, Row | None]


class Rows(Protocol):
    """Where rows are looked up."""

    def by_key(self, table: str, key: Value) -> Row | None:
        """The row of this key."""
        ...

    def by_utid(self, table: str, utid: Value) -> Row | None:
        """The one row of a table in which each UTID stands once."""
        ...

    def steps(self, offer_utid: Value, *, before: int) -> list[Row]:
        """The steps of an offer with keys below `before`, oldest first."""
        ...

    def orders(self, lot_id: Value) -> list[Order]:
        """The last purchases of the block in which a lot lies."""
        ...

    def done(self, command: str, utid: Value, *, before: int) -> bool:
        """Whether a command of this name was done upon a target under a journal number below `before`."""
        ...


class AsTheyStand:
    """Rows in the caller's snapshot. What is foreseen is read together: a server takes its time for each question.

    Belongs to one snapshot, for what was read is not read again.
    """

    def __init__(self, context: Context) -> None:
        self._views = context.views
        self._by_key: dict[tuple[str, Value], Row | None] = {}
        self._orders: dict[Value, list[Order]] = {}

    def foresee(self, table: str, keys: Sequence[Value]) -> list[Row]:
        """Read what `by_key` will be asked for; the rows that are there."""
        wanted = sorted({key for key in keys if isinstance(key, int)})
        for piece in paging.pieces(wanted, _KEYS_AT_ONCE):
            found = self._views.by_keys(VIEWS[table], piece)
            self._by_key.update({(table, key): found.get(key) for key in piece})
        return [row for key in wanted if (row := self._by_key[table, key]) is not None]

    def by_key(self, table: str, key: Value) -> Row | None:
        """See `Rows`."""
        if (table, key) not in self._by_key:
            self.foresee(table, [key])
        return self._by_key.get((table, key))

    def by_utid(self, table: str, utid: Value) -> Row | None:
        """See `Rows`."""
        if not isinstance(utid, str) or not utid.isascii():
            return None
        rows = self._views.rows(VIEWS[table], "utid = ? ORDER BY id", (utid,), limit=1)
        return rows[0] if rows else None

    def steps(self, offer_utid: Value, *, before: int) -> list[Row]:
        """See `Rows`."""
        if not isinstance(offer_utid, str) or not offer_utid.isascii():
            return []
        rows = self._views.rows(
            VIEWS["offer_steps"],
            "offer_utid = ? AND id < ? ORDER BY id DESC",
            (offer_utid, before),
            limit=_STEPS_MAX,
        )
        return rows[::-1]

    def foresee_orders(self, lot_ids: Sequence[Value]) -> None:
        """Read what `orders` will be asked for."""
        places = self.places(lot_ids)
        purchases = self.of_blocks([place["block_id"] for place in places.values()])
        ends = self.ended([row["utid"] for rows in purchases.values() for row in rows])
        for lot_id in lot_ids:
            block_id = places[lot_id]["block_id"] if lot_id in places else None
            self._orders[lot_id] = [(row, ends.get(row["utid"])) for row in purchases.get(block_id, ())]

    def orders(self, lot_id: Value) -> list[Order]:
        """See `Rows`."""
        if lot_id not in self._orders:
            self.foresee_orders([lot_id])
        return self._orders[lot_id]

    def done(self, command: str, utid: Value, *, before: int) -> bool:
        """See `Rows`."""
        return bool(self.numbers(command, utid, before=before))

    def numbers(self, command: str, utid: Value, *, before: int) -> list[int]:
        """The first journal numbers under which it was done, in order."""
        if not isinstance(utid, str) or not utid.isascii():
            return []
        rows = self._views.rows(
            JOURNAL,
            "target_utid = ? AND command = ? AND n < ? ORDER BY n",
            (utid, command, before),
            limit=_DONE_MAX,
        )
        return [integer(row["n"]) for row in rows]

    def places(self, lot_ids: Sequence[Value]) -> dict[Value, Row]:
        """The rows that put these lots into their blocks, by lot, as far as there are any."""
        return {lot_id: rows[0] for lot_id, rows in self._by("block_lots", "lot_id", lot_ids, each=1).items()}

    def of_blocks(self, block_ids: Sequence[Value]) -> dict[Value, list[Row]]:
        """The last purchases of these blocks, newest first."""
        return self._by("purchases", "block_id", block_ids, each=_ORDERS_MAX, descending=True)

    def ended(self, purchase_utids: Sequence[Value]) -> dict[Value, Row]:
        """How these purchases ended, by their UTIDs."""
        found = self._by("purchase_outcomes", "purchase_utid", purchase_utids, each=1)
        return {utid: rows[0] for utid, rows in found.items()}

    def _by(
        self, table: str, column: str, values: Sequence[Value], *, each: int, descending: bool = False
    ) -> dict[Value, list[Row]]:
        """Value -> the first `each` rows that have it, in the order of their keys."""
        # Text that is no ASCII points at nothing.
        wanted = [
            value
            for value in dict.fromkeys(values)
            if isinstance(value, int) or (isinstance(value, str) and value.isascii())
        ]
        order = " DESC" if descending else ""
        found: dict[Value, list[Row]] = {}
        for piece in paging.pieces(wanted, _KEYS_AT_ONCE):
            marks = ", ".join("?" * len(piece))
            where = f"{column} IN ({marks}) ORDER BY id{order}"
            rows = self._views.rows(VIEWS[table], where, piece, limit=_TOGETHER_MAX + 1)
            if len(rows) > _TOGETHER_MAX:
                # However many rows somebody put in for one value, they hide none of another's.
                rows = [
                    row
                    for value in piece
                    for row in self._views.rows(
                        VIEWS[table], f"{column} = ? ORDER BY id{order}", (value,), limit=each
                    )
                ]
            for row in rows:
                found.setdefault(row[column], []).append(row)
        return {value: rows[:each] for value, rows in found.items()}


class AsSealed:
    """The same rows from the log; what is not sealed yet, as it stands."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._standing = AsTheyStand(context)

    def by_key(self, table: str, key: Value) -> Row | None:
        """See `Rows`."""
        place = self._context.sealed(table, [key]).get(key) if isinstance(key, int) else None
        found = None if place is None else _first(self._leaf(*place), table, "id", key)
        return self._standing.by_key(table, key) if found is None else found

    def by_utid(self, table: str, utid: Value) -> Row | None:
        """See `Rows`."""
        number = self._number(utid)
        found = None if number is None else _first(self._leaf(logs.MAIN, number - 1), table, "utid", utid)
        return self._standing.by_utid(table, utid) if found is None else found

    def steps(self, offer_utid: Value, *, before: int) -> list[Row]:
        """See `Rows`. Those that answered the offer are in the log, whether they are in the books still or not."""
        found: dict[Value, Row] = {}
        for standing in self._standing.steps(offer_utid, before=before):
            row = self._belonging("offer_steps", standing)
            # Under this key another offer's step may have been sealed: then it is none of this one.
            if row is not None and row.get("offer_utid") == offer_utid:
                found[standing["id"]] = row
        for sealed in self._done_to(offer_utid, "offer_steps", limit=_STEPS_MAX):
            if sealed.get("offer_utid") == offer_utid:
                found[sealed["id"]] = sealed
        ordered = [(key, row) for key, row in found.items() if isinstance(key, int) and key < before]
        return [row for _, row in sorted(ordered, key=lambda pair: pair[0])]

    def orders(self, lot_id: Value) -> list[Order]:
        """See `Rows`. Only what was sealed speaks against anybody; how a purchase ended is in the log, even if its row is gone."""
        standing = self._standing.places([lot_id]).get(lot_id)
        place = None if standing is None else self._belonging("block_lots", standing)
        if place is None or place["lot_id"] != lot_id:
            return []
        found: list[Order] = []
        block_id = place["block_id"]
        for ordered in self._standing.of_blocks([block_id]).get(block_id, ()):
            purchase = self._belonging("purchases", ordered)
            if purchase is not None and purchase["block_id"] == block_id:
                utid = purchase["utid"]
                found.append((purchase, self._ended(utid) or self._standing.ended([utid]).get(utid)))
        return found

    def done(self, command: str, utid: Value, *, before: int) -> bool:
        """See `Rows`. A row says nothing that came to say so, or came to be there, after its number was sealed."""
        for number in self._standing.numbers(command, utid, before=before):
            data = logs.leaf(self._context.database, logs.MAIN, number - 1)
            sealed = None if data is None else leaves.read(data)
            if sealed is None or sealed.kind == "long":
                return True
            if (sealed.journal.get("command"), sealed.journal.get("target_utid")) == (command, utid):
                return True
        return False

    def cost_picked_up(self, purchase_utid: Value) -> int:
        """What the lots cost that a purchase was of, by the act that formed its block; 0 where nothing of it was sealed."""
        purchase = self.by_utid("purchases", purchase_utid)
        block = None if purchase is None else self.by_key("blocks", purchase["block_id"])
        number = None if block is None else self._number(block["utid"])
        if block is None or number is None:
            return 0
        formed = self._leaf(logs.MAIN, number - 1)
        places = [self.by_key("lots", row["lot_id"]) for table, row in formed if table == "block_lots"]
        lots = [lot for lot in places if lot is not None]
        # What is written off is written off lot by lot, or with its block.
        targets = [block["utid"], *(lot["utid"] for lot in lots)]
        gone = {
            row["lot_id"] for utid in targets for row in self._done_to(utid, "write_offs", limit=_ORDERS_MAX)
        }
        costs = [lot["cost_ugx"] for lot in lots if lot["id"] not in gone]
        return sum(cost for cost in costs if isinstance(cost, int))

    def _ended(self, purchase_utid: Value) -> Row | None:
        ends = self._done_to(purchase_utid, "purchase_outcomes", limit=_ORDERS_MAX)
        return next((row for row in ends if row.get("purchase_utid") == purchase_utid), None)

    def _done_to(self, utid: Value, table: str, *, limit: int) -> list[Row]:
        """What the last commands upon a target put into a table, oldest first."""
        if not isinstance(utid, str) or not utid.isascii():
            return []
        numbers = self._context.views.database.query(
            "SELECT n FROM watch_journal WHERE target_utid = ? ORDER BY n DESC LIMIT ?", (utid, limit)
        )
        return [
            row
            for (number,) in reversed(numbers)
            for name, row in self._leaf(logs.MAIN, number - 1 if isinstance(number, int) else -1)
            if name == table
        ]

    def _belonging(self, table: str, standing: Row) -> Row | None:
        """A row as it was sealed with its command, or as it was let stand; None of one that nobody wrote."""
        key = standing["id"]
        place = self._context.sealed(table, [key]).get(key) if isinstance(key, int) else None
        if place is not None and place[0] == logs.MAIN:
            return _first(self._leaf(*place), table, "id", key) or standing
        found = Found(table, key if isinstance(key, int) else -1, standing)
        return None if self._context.acknowledged(found) is None else standing

    def _number(self, utid: Value) -> int | None:
        if not isinstance(utid, str) or not utid.isascii():
            return None
        row = self._context.views.database.one("SELECT n FROM watch_journal WHERE utid = ?", (utid,))
        return row[0] if row is not None and isinstance(row[0], int) else None

    def _leaf(self, log: str, index: int) -> list[tuple[str, Row]]:
        data = logs.leaf(self._context.database, log, index)
        return (
            [] if data is None else [(table, _whole(table, row)) for table, row in leaves.read(data).effects]
        )


def _whole(table: str, row: Mapping[str, Value]) -> Row:
    columns: Row = dict.fromkeys(VIEWS[table].columns) if table in VIEWS else {}
    return columns | dict(row)


def _first(rows: Iterable[tuple[str, Row]], table: str, column: str, value: Value) -> Row | None:
    return next((row for name, row in rows if name == table and row.get(column) == value), None)
