"""The primary keys of the append-only tables: in the order of the commits, and none is given twice.

What was deleted from the end of its table keeps its key, so that its sealed copy can be put back beside what was written
since. They are not drawn by the engine: the watch reads by key.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from watchkeeper.base.database import Database
from watchkeeper.market.rows import number

#: Of so many farmers the last entries are remembered, those of the latest.
_FARMERS_MAX = 100_000


class Keys:
    """The highest keys that one writer knows of: what it found, committed, or was told that it is sealed."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}

    def last(self, database: Database, table: str) -> int:
        """The highest key that this table ever had, as far as is known; 0 before the first. Whoever asks appends next."""
        row = database.one(f"SELECT coalesce(max(id), 0) FROM {table}")
        if row is None:
            raise TypeError("a query of totals gave no row")
        return max(number(row[0]), self._known.get(table, 0))

    def find(self, database: Database, tables: Iterable[str]) -> None:
        """Know all these tables as they are."""
        names = tuple(tables)
        row = database.one(
            "SELECT " + ", ".join(f"(SELECT coalesce(max(id), 0) FROM {table})" for table in names)
        )
        if row is None:
            raise TypeError("a query of totals gave no row")
        for table, key in zip(names, row, strict=True):
            self.know(table, number(key))

    def know(self, table: str, key: int) -> None:
        """This key was given: it is committed, or sealed."""
        self._known[table] = max(key, self._known.get(table, 0))


class Entries:
    """The numbers of farmers' last entries, as one writer has written them: a farmer has no state row that would say."""

    def __init__(self) -> None:
        self._last: OrderedDict[int, int] = OrderedDict()

    def last(self, farmer_id: int) -> int:
        """The number of the last entry that was written here; 0 where none was, or too long ago."""
        return self._last.get(farmer_id, 0)

    def know(self, farmer_id: int, entry: int) -> None:
        """This entry is committed."""
        self._last[farmer_id] = entry
        self._last.move_to_end(farmer_id)
        if len(self._last) > _FARMERS_MAX:
            self._last.popitem(last=False)
