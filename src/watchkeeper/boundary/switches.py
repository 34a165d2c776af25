"""Engage and release the switches. In force for every commit after the call returns.

The order inside the exclusive section: may this actor do it (read from the books, which cannot
change meanwhile, because every command holds the gate), what is the journal's last number, write
the flip. The books get their row afterwards, under the same UTID, driven again after a crash.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from watchkeeper.base.clock import Clock
from watchkeeper.base.database import SqliteDatabase
from watchkeeper.boundary.gate import GateState, Hold, Switch
from watchkeeper.boundary.gatefile import GateFile, holds


class FlipNotAllowed(Exception):
    """This hold belongs to somebody else."""


@dataclass(frozen=True, slots=True)
class Flip:
    """One change of a switch, as the gate records it."""

    number: int
    utid: str
    switch: Switch
    hold: Hold
    action: str
    actor: str
    role: str
    reason: str
    journal_n: int
    engaged_after: bool
    generation: int
    at: int


_COLUMNS = "number, utid, switch, hold, action, actor, role, reason, journal_n, engaged_after, generation, at"


def flip(
    gatefile: GateFile,
    *,
    switch: Switch,
    hold: Hold,
    action: str,
    actor: str,
    role: str,
    reason: str,
    utid: str,
    check: Callable[[GateState], None],
    journal_tail: Callable[[], int],
    clock: Clock,
) -> Flip:
    """Engage or release one hold of one switch and record it.

    `check` sees the gate as it stands and raises to forbid; `journal_tail` gives the last journal number. Both run while no command
    can commit. Engaging what is engaged is recorded again and harmless. Raises `GateBusy` when a
    command decided earlier has not ended within 3 s: the flip is then not in force.
    """
    with gatefile.exclusive() as database:
        generation, standing, restrictions = gatefile.read(database)
        check(
            GateState(
                generation=generation,
                holds=standing,
                restrictions=restrictions,
                # A switch is not money: the lease has no say in it, and the stop file only adds to shutdown.
                lease_silent=False,
                stop_file=False,
            )
        )
        tail = journal_tail()
        generation += 1
        if action == "engage":
            database.execute(
                "INSERT INTO holds (switch, hold, utid) VALUES (?, ?, ?) ON CONFLICT (switch, hold) DO NOTHING",
                (switch.value, hold.value, utid),
            )
        else:
            database.execute("DELETE FROM holds WHERE switch = ? AND hold = ?", (switch.value, hold.value))
        engaged_after = any(held is switch for held, _ in holds(database))
        last = database.one("SELECT max(number) FROM flips")
        number = 1 + (int(str(last[0])) if last and last[0] is not None else 0)
        row = Flip(
            number=number,
            utid=utid,
            switch=switch,
            hold=hold,
            action=action,
            actor=actor,
            role=role,
            reason=reason,
            journal_n=tail,
            engaged_after=engaged_after,
            generation=generation,
            at=clock.now(),
        )
        insert(database, row)
    return row


def insert(database: SqliteDatabase, flip: Flip) -> None:
    """Record a flip, in the caller's transaction."""
    database.execute(
        f"INSERT INTO flips ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            flip.number,
            flip.utid,
            flip.switch.value,
            flip.hold.value,
            flip.action,
            flip.actor,
            flip.role,
            flip.reason,
            flip.journal_n,
            int(flip.engaged_after),
            flip.generation,
            flip.at,
        ),
    )


def flips(database: SqliteDatabase, *, after: int = 0, limit: int = 1000) -> list[Flip]:
    """Recorded flips with a number above `after`, oldest first."""
    rows = database.query(
        f"SELECT {_COLUMNS} FROM flips WHERE number > ? ORDER BY number LIMIT ?", (after, limit)
    )
    return [
        Flip(
            number=int(str(row[0])),
            utid=str(row[1]),
            switch=Switch(str(row[2])),
            hold=Hold(str(row[3])),
            action=str(row[4]),
            actor=str(row[5]),
            role=str(row[6]),
            reason=str(row[7]),
            journal_n=int(str(row[8])),
            engaged_after=bool(row[9]),
            generation=int(str(row[10])),
            at=int(str(row[11])),
        )
        for row in rows
    ]
