"""Reading what is new: every table by its own key, joined to the journal afterwards.

A row under an old UTID has no new journal row to be found by; so it is the tables that are followed,
and the journal is asked whose each row is.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from watchkeeper.base.database import Database
from watchkeeper.boundary.views import EFFECTS, JOURNAL, SIDE, View, Views
from watchkeeper.operation import journal as acts
from watchkeeper.operation.catalogue.context import Found, News, Place
from watchkeeper.operation.seals import leaf as leaves
from watchkeeper.operation.seals import log as logs

#: Journal rows a pass reads at most; what is left waits for the next, a moment later.
NUMBERS_MAX = 200
_PAGE = 5000
_PAGES_MAX = 100
#: Missing numbers that a pass can seal as missing; more than that stops the watch, and with it money.
_GAP_MAX = 1000
OPERATOR_ACTIONS = "operator_actions"


class TooMuchAtOnce(Exception):
    """More rows came at once than any command can write. The watch cannot vouch for them."""


@dataclass(slots=True)
class Tail:
    """What one look found, and what is to be sealed of it."""

    news: News = field(default_factory=News)
    main: list[bytes] = field(default_factory=list)
    side: list[bytes] = field(default_factory=list)
    places: dict[Place, tuple[str, int]] = field(default_factory=dict)
    watermarks: dict[str, int] = field(default_factory=dict)
    missing: list[int] = field(default_factory=list)
    #: The highest journal number in the books, read or not.
    last_number: int = 0
    main_size: int = 0
    side_size: int = 0
    #: Tables that end earlier than they were read.
    shrunk: list[str] = field(default_factory=list)


def watermarks(database: Database) -> dict[str, int]:
    """The last key read of each table."""
    rows = database.query("SELECT table_name, key FROM watermarks LIMIT 1000")
    return {str(name): int(str(key)) for name, key in rows}


def read(views: Views, database: Database) -> Tail:
    """What is new, inside the caller's snapshot of the books."""
    known = watermarks(database)
    tail = Tail(main_size=logs.size(database, logs.MAIN), side_size=logs.size(database, logs.SIDE))
    tail.last_number = views.last(JOURNAL)
    journal = views.after(JOURNAL, known.get("journal", 0), limit=NUMBERS_MAX)
    numbers: dict[str, int] = {}
    last_number = known.get("journal", 0)
    for row in journal:
        found = Found("journal", _key(row["n"]), row)
        tail.news.journal.append(found)
        tail.news.effects[found.key] = []
        numbers[str(row["utid"])] = found.key
        last_number = found.key
    if tail.last_number < known.get("journal", 0):
        tail.shrunk.append("journal")
    for view in EFFECTS:
        _effects(views, view, tail, after=known.get(view.table, 0), numbers=numbers, last_number=last_number)
    _seal_journal(tail, known.get("journal", 0))
    for view in SIDE:
        rows = views.after(view, known.get(view.table, 0), limit=_PAGE)
        for row in rows:
            found = Found(view.table, _key(row[view.key]), row)
            tail.news.side.append(found)
            _seal_side(tail, found)
        if rows:
            tail.watermarks[view.table] = _key(rows[-1][view.key])
        elif known.get(view.table, 0) > views.last(view):
            tail.shrunk.append(view.table)
    for found in tail.news.added:
        _seal_side(tail, found)
    _operator_actions(database, known.get(OPERATOR_ACTIONS, 0), tail)
    if journal:
        tail.watermarks["journal"] = last_number
    return tail


def _key(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError("a key that is no number")
    return value


def _effects(
    views: Views, view: View, tail: Tail, *, after: int, numbers: dict[str, int], last_number: int
) -> None:
    begun = after
    for _ in range(_PAGES_MAX):
        rows = views.after(view, after, limit=_PAGE)
        for row in rows:
            found = Found(view.table, _key(row[view.key]), row)
            utid = str(row["utid"])
            if utid in numbers:
                tail.news.effects[numbers[utid]].append(found)
            else:
                number = _number_of(views, utid)
                if number is not None and number > last_number:
                    # Of a command that this look has not come to: it stays for the next.
                    if after > begun:
                        tail.watermarks[view.table] = after
                    return
                tail.news.added.append(found)
            after = found.key
        if after > begun:
            tail.watermarks[view.table] = after
        if len(rows) < _PAGE:
            if not rows and after == begun and views.last(view) < begun:
                tail.shrunk.append(view.table)
            return
    raise TooMuchAtOnce(f"{TooMuchAtOnce.__doc__} ({view.table})")


def _number_of(views: Views, utid: str) -> int | None:
    if not utid.isascii():
        return None
    row = views.database.one("SELECT n FROM watch_journal WHERE utid = ?", (utid,))
    return None if row is None or not isinstance(row[0], int) else row[0]


def _seal_journal(tail: Tail, last: int) -> None:
    for entry in tail.news.journal:
        absent = range(last + 1, entry.key)
        if len(absent) > _GAP_MAX:
            raise TooMuchAtOnce(f"the journal jumps from {last} to {entry.key}")
        for number in absent:
            tail.missing.append(number)
            tail.main.append(leaves.missing_leaf(number))
        last = entry.key
        index = tail.main_size + len(tail.main)
        effects = tail.news.effects[entry.key]
        tail.main.append(
            leaves.journal_leaf(entry.row, [(found.table, found.key, found.row) for found in effects])
        )
        tail.places["journal", entry.key] = (logs.MAIN, index)
        for found in effects:
            tail.places[found.table, found.key] = (logs.MAIN, index)


def _seal_side(tail: Tail, found: Found) -> None:
    tail.places[found.table, found.key] = (logs.SIDE, tail.side_size + len(tail.side))
    tail.side.append(leaves.row_leaf(found.table, found.row))


def _operator_actions(database: Database, after: int, tail: Tail) -> None:
    for act in acts.actions(database, after=after, limit=_PAGE):
        _seal_side(tail, Found(OPERATOR_ACTIONS, act.id, asdict(act)))
        tail.watermarks[OPERATOR_ACTIONS] = act.id
