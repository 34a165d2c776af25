"""Who was what at which number: roles and states of accounts, from the rows as they were sealed with their commands.

The control room keeps them by account (`people_steps`), so one look costs the same however long the history is, and
what somebody does to the books afterwards changes no answer.
"""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.base.database import Database
from watchkeeper.boundary.views import VIEWS
from watchkeeper.operation.catalogue.context import Context, Found, News

#: Table -> the column that says what the account is from there on.
VALUE_COLUMN = {"role_history": "role_after", "user_steps": "step"}
_STATUS = {"activated": "active", "unsuspended": "active"}
_ROWS_MAX = 1000


@dataclass(frozen=True, slots=True)
class Standing:
    """What an account was: its role, None before it had one, and its state."""

    role: str | None
    status: str | None

    def active(self, *roles: str) -> bool:
        """Whether it was active in one of these roles."""
        return self.status == "active" and self.role in roles


def note(database: Database, news: News) -> None:
    """Keep what a pass found new of accounts, in the caller's transaction, as it is sealed."""
    database.execute_many(
        "INSERT INTO people_steps (table_name, key, user_id, n, value) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (table_name, key) DO NOTHING",
        [
            (found.table, found.key, user_id, number, value)
            for number, found in _changes(news)
            if (user_id := found.row["user_id"]) is not None
            and isinstance(value := found.row[VALUE_COLUMN[found.table]], str)
        ],
    )


def of(context: Context, news: News) -> People:
    """The accounts as this news finds them; looked up once for all checks of one pass."""
    if news.people is None:
        news.people = People(context, news)
    return news.people


def _changes(news: News) -> list[tuple[int, Found]]:
    return [
        (number, found)
        for number, rows in news.effects.items()
        for found in rows
        if found.table in VALUE_COLUMN
    ]


@dataclass(slots=True)
class _Span:
    """A value with the numbers between which it was in force: after `begin`, up to and with `end`."""

    begin: int
    end: int
    value: str | None


class People:
    """What accounts were, each number's own rows not counted: what somebody was allowed when they did it."""

    def __init__(self, context: Context, news: News) -> None:
        self._context = context
        self._news: dict[tuple[str, int], list[tuple[int, int, str]]] = {}
        self._spans: dict[tuple[str, int], _Span] = {}
        for number, found in _changes(news):
            user_id, value = found.row["user_id"], found.row[VALUE_COLUMN[found.table]]
            if isinstance(user_id, int) and isinstance(value, str):
                self._news.setdefault((found.table, user_id), []).append((number, found.key, value))

    def at(self, user_id: object, number: int) -> Standing:
        """The account as journal number `number` met it."""
        if not isinstance(user_id, int):
            return Standing(None, None)
        step = self._value("user_steps", user_id, number)
        return Standing(self._value("role_history", user_id, number), _STATUS.get(step or "", step))

    def acknowledged(self, user_id: object, number: int) -> Standing:
        """The same with the rows that no command wrote and the operator let stand; for what the rules would refuse."""
        standing = self.at(user_id, number)
        if not isinstance(user_id, int):
            return standing
        step = self._let_stand("user_steps", user_id, number)
        return Standing(
            self._let_stand("role_history", user_id, number) or standing.role,
            standing.status if step is None else _STATUS.get(step, step),
        )

    def _value(self, table: str, user_id: int, number: int) -> str | None:
        span = self._spans.get((table, user_id))
        if span is None or not span.begin < number <= span.end:
            span = self._spans[table, user_id] = self._looked_up(table, user_id, number)
        return span.value

    def _looked_up(self, table: str, user_id: int, number: int) -> _Span:
        database = self._context.database
        before = database.one(
            "SELECT n, key, value FROM people_steps WHERE user_id = ? AND table_name = ? AND n < ? "
            "ORDER BY n DESC, key DESC LIMIT 1",
            (user_id, table, number),
        )
        after = database.one(
            "SELECT min(n) FROM people_steps WHERE user_id = ? AND table_name = ? AND n >= ?",
            (user_id, table, number),
        )
        found = (0, 0, None) if before is None else (int(str(before[0])), int(str(before[1])), str(before[2]))
        end = 2**62 if after is None or not isinstance(after[0], int) else after[0]
        for n, key, value in self._news.get((table, user_id), ()):
            if n >= number:
                end = min(end, n)
            elif (n, key) > found[:2]:
                found = (n, key, value)
        return _Span(found[0], end, found[2])

    def _let_stand(self, table: str, user_id: int, number: int) -> str | None:
        """The value of the newest acknowledged row, unless a command's own row came after it."""
        context = self._context
        newest = context.database.one(
            "SELECT max(key) FROM people_steps WHERE user_id = ? AND table_name = ? AND n < ?",
            (user_id, table, number),
        )
        last = newest[0] if newest is not None and isinstance(newest[0], int) else 0
        rows = context.views.rows(
            VIEWS[table], "user_id = ? AND id >= ? ORDER BY id DESC", (user_id, last), limit=_ROWS_MAX
        )
        for row in rows:
            key = row["id"]
            acknowledgement = context.acknowledged(Found(table, key if isinstance(key, int) else -1, row))
            if acknowledgement is not None and self._number_of(str(acknowledgement["utid"])) < number:
                return str(row[VALUE_COLUMN[table]])
        return None

    def _number_of(self, utid: str) -> int:
        row = self._context.views.database.one("SELECT n FROM watch_journal WHERE utid = ?", (utid,))
        return 2**62 if row is None or not isinstance(row[0], int) else row[0]
