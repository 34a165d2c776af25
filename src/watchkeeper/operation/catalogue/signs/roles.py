"""Roles: one that no admin assigned, and any grant of admin.

A role is assigned when a row of the role history says by whom, that account was an admin by its own last assignment before,
is somebody else, and the journal has the command of that very account under the same UTID. The roles of set-up are the
named exception: nobody was there before. An account without any row in the history has a role that was inferred.

Blind to: an admin who was suspended when they assigned (the check of admin actions sees it), and a role that only stands in a
projection (the check of overwrites sees it).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from watchkeeper.boundary.gate import OperationClass, Scope
from watchkeeper.boundary.views import Row
from watchkeeper.operation.catalogue import books
from watchkeeper.operation.catalogue.books import integer
from watchkeeper.operation.catalogue.signs.model import SET_UP_NUMBER, Reading, Sign

UNASSIGNED, GRANTED = "T1.1", "admin granted"
#: All that the account does, as itself or as an admin.
STOPS: frozenset[OperationClass] = books.ACCOUNT | books.ADMIN
_ASSIGNING = frozenset({"invite_user", "change_role"})
#: Each row asks for some others, and the watch has other things to do.
_KEYS_AT_ONCE = 200
#: Changes of one assigner's own role that are looked back over.
_ROLES_OF_ONE_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Unassigned:
    """An account whose role no admin assigned: its scope, and why."""

    scope: Scope
    detail: str


@dataclass(frozen=True, slots=True)
class RolesRead:
    """What one look found, and how far it read the accounts and the history of roles."""

    unassigned: Sequence[Unassigned]
    users: int
    history: int


def unassigned(reading: Reading, *, users: int, history: int) -> RolesRead:
    """Judge what is new among accounts and roles. Raises `DatabaseError`."""
    found: list[Unassigned] = []
    with reading.snapshot():
        rows, history_read = reading.new("role_history", after=history, keys=_KEYS_AT_ONCE)
        assigners: dict[int, Sequence[Row]] = {}
        for row in rows:
            why = _wrong(reading, row, assigners)
            if why:
                found.append(Unassigned(reading.scope(row["user_id"]), why))
        accounts, users_read = reading.new("users", after=users, keys=_KEYS_AT_ONCE)
        for account in accounts:
            # The invitation that made the account wrote its first role, under the same UTID.
            first = reading.rows(
                "role_history",
                "utid = ? AND user_id = ? ORDER BY id",
                (account["utid"], integer(account["id"])),
                limit=1,
            )
            if not first:
                found.append(
                    Unassigned(
                        reading.scope(account["id"]),
                        f"account {account['alias']!s} has a role by no assignment",
                    )
                )
    return RolesRead(found, users_read, history_read)


def standing(reading: Reading, alias: str) -> str:
    """Why an account may not act in the role that it has now; empty when it may, or cannot. Raises `DatabaseError`.

    An account that was suspended or deleted cannot act, and a row that was acknowledged was looked at.
    """
    with reading.snapshot():
        people = reading.rows("users", "alias = ? ORDER BY id", (alias,), limit=1)
        if not people:
            return ""
        user_id = integer(people[0]["id"])
        state = reading.query("SELECT status FROM watch_user_state WHERE user_id = ? LIMIT 1", (user_id,))
        if state and state[0][0] in ("suspended", "deleted"):
            return ""
        rows = reading.rows("role_history", "user_id = ? ORDER BY id DESC", (user_id,), limit=1)
        if not rows:
            return f"account {alias} has a role by no assignment"
        looked_at = reading.rows(
            "acknowledgements",
            "table_name = 'role_history' AND row_key = ? ORDER BY id",
            (str(rows[0]["id"]),),
            limit=1,
        )
        return "" if looked_at else _wrong(reading, rows[0], {})


def of_nobody(reading: Reading) -> str:
    """Why a row of the role history names an account that nobody can be called by; empty when none does, or each was looked at.
    Raises `DatabaseError`.
    """
    with reading.snapshot():
        rows = reading.query(
            "SELECT h.id FROM watch_role_history h WHERE NOT EXISTS "
            "(SELECT 1 FROM watch_users u WHERE u.id = h.user_id AND u.alias <> '') AND NOT EXISTS (SELECT 1 FROM "
            "watch_acknowledgements a WHERE a.table_name = 'role_history' AND a.row_key = CAST(h.id AS TEXT)) "
            "ORDER BY h.id LIMIT 1"
        )
        return f"row {integer(rows[0][0])} of the role history gives a role to nobody" if rows else ""


def _wrong(reading: Reading, row: Row, assigners: dict[int, Sequence[Row]]) -> str:
    """Why this assignment is none; empty when it is one. `assigners` keeps the roles of those who assign, for one look."""
    key, assigner = integer(row["id"]), row["assigned_by"]
    journal = reading.journal_of(row["utid"])
    place = f"row {key} of the role history gives {row['role_after']!s} and"
    if journal is None:
        return f"{place} no command wrote it"
    if journal["n"] == SET_UP_NUMBER and journal["command"] == "set_up":
        return ""
    if journal["command"] not in _ASSIGNING:
        return f"{place} its command assigns no role"
    if assigner == row["user_id"]:
        return f"{place} the account assigned it to itself"
    if journal["actor_id"] != assigner:
        return f"{place} names another as its assigner than the one who acted"
    who = integer(assigner)
    if who not in assigners:
        assigners[who] = reading.rows(
            "role_history", "user_id = ? ORDER BY id DESC", (who,), limit=_ROLES_OF_ONE_MAX
        )
    before = next((one for one in assigners[who] if integer(one["id"]) < key), None)
    if before is None or before["role_after"] != "admin":
        return f"{place} its assigner was no admin then"
    return ""


def grants(reading: Reading, *, read: int, since: int) -> tuple[list[Sign], int]:
    """Every new row that makes somebody an admin, set-up's aside, and how far was read. Raises `DatabaseError`."""
    found: list[Sign] = []
    with reading.snapshot():
        rows, upto = reading.new("role_history", after=read, where="role_after = 'admin'")
        for row in rows:
            if integer(row["at"]) < since:
                continue
            journal = reading.journal_of(row["utid"])
            if journal is not None and (journal["n"], journal["command"]) == (SET_UP_NUMBER, "set_up"):
                continue
            by = reading.alias(row["assigned_by"]) or "nobody"
            how = (
                "was invited as an admin"
                if row["role_before"] is None
                else f"became one from {row['role_before']!s}"
            )
            found.append(Sign(GRANTED, str(reading.scope(row["user_id"])), f"{how}, by {by}"))
    return found, upto
