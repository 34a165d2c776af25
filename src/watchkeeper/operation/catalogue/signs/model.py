"""What a sign is, and how signs are read from the published views."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from watchkeeper.base.canonical import Value
from watchkeeper.base.database.interface import Parameters
from watchkeeper.boundary.gate import EVERYTHING, Scope, account
from watchkeeper.boundary.views import VIEWS, Row, Views

#: Keys that one look goes over in a table.
KEYS_AT_ONCE = 2_000
#: Set-up's own rows are the journal's first: roles that nobody else could assign.
SET_UP_NUMBER = 1
#: What the operator does in a playbook, under a finding: that is told already, and is nobody's spree.
CURES = (
    "acknowledge",
    "correct",
    "cure_reversal",
    "cure_verification",
    "explain_payment",
    "repair",
    "restore_defences",
    "restore_state",
    "waive_unrecovered",
)


@dataclass(frozen=True, slots=True)
class Sign:
    """Something to be told: under which condition, on whom, in words. `severity` where the condition leaves it open."""

    condition: str
    scope: str
    detail: str
    severity: str = ""


class Reading:
    """The published views as signs read them: new rows by their keys, and who somebody is."""

    def __init__(self, views: Views) -> None:
        self.views = views

    def snapshot(self) -> AbstractContextManager[None]:
        """One picture for the length of the block."""
        return self.views.snapshot()

    def close(self) -> None:
        """Give the connection back; the next look opens one."""
        self.views.close()

    def last(self, table: str) -> int:
        """The highest key of a table."""
        return self.views.last(VIEWS[table])

    def new(
        self, table: str, *, after: int, where: str = "", parameters: Parameters = (), keys: int | None = None
    ) -> tuple[list[Row], int]:
        """Rows above `after` in order, as far as one look goes, and the key up to which that was looked at."""
        view = VIEWS[table]
        keys = keys or KEYS_AT_ONCE
        upto = min(self.views.last(view), after + keys)
        condition = f" AND {where}" if where else ""
        rows = self.views.rows(
            view,
            f"{view.key} > ? AND {view.key} <= ?{condition} ORDER BY {view.key}",
            (after, upto, *parameters),
            limit=keys,
        )
        return rows, max(after, upto)

    def rows(self, table: str, where: str, parameters: Parameters = (), *, limit: int) -> list[Row]:
        """Rows by a condition that ends in its order."""
        return self.views.rows(VIEWS[table], where, parameters, limit=limit)

    def query(self, sql: str, parameters: Parameters = ()) -> Sequence[tuple[Value, ...]]:
        """A query over the published views; it bounds itself."""
        return self.views.database.query(sql, parameters)

    def alias(self, user_id: Value) -> str | None:
        """The alias of an account, None when there is none."""
        rows = (
            self.rows("users", "id = ? ORDER BY id", (user_id,), limit=1) if isinstance(user_id, int) else []
        )
        alias = rows[0]["alias"] if rows else None
        # What is no alias names nobody: a scope that was made of it would stop nobody.
        return alias if isinstance(alias, str) and alias and alias.isascii() else None

    def scope(self, user_id: Value) -> Scope:
        """The scope of an account; everything when nobody has that number."""
        alias = self.alias(user_id)
        return EVERYTHING if alias is None else account(alias)

    def role(self, alias: str) -> str:
        """The role that an alias acts in; empty when nobody has that alias."""
        found = self.query(
            "SELECT s.role FROM watch_users u JOIN watch_user_state s ON s.user_id = u.id WHERE u.alias = ? LIMIT 1",
            (alias,),
        )
        return str(found[0][0]) if found else ""

    def journal_of(self, utid: Value) -> Mapping[str, Value] | None:
        """The journal row of a UTID."""
        rows = self.rows("journal", "utid = ? ORDER BY n", (utid,), limit=1)
        return rows[0] if rows else None
