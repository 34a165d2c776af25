"""The flips of the switches, as the gate records them: every one, with the number of the last journal row before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from watchkeeper.base.clock import Instant
from watchkeeper.base.database import Database
from watchkeeper.boundary.gate import Hold, Switch


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


def insert(database: Database, flip: Flip) -> None:
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


def flips(database: Database, *, after: int = 0, limit: int = 1000) -> list[Flip]:
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


def standing(flips: Sequence[Flip]) -> dict[tuple[Switch, Hold], str]:
    """The holds that stand after these flips, each with the UTID that engaged it."""
    found: dict[tuple[Switch, Hold], str] = {}
    for flip in flips:
        if flip.action == "engage":
            found.setdefault((flip.switch, flip.hold), flip.utid)
        else:
            found.pop((flip.switch, flip.hold), None)
    return found


def times_on(flips: Sequence[Flip], switch: Switch) -> tuple[tuple[Instant, Instant | None], ...]:
    """The times in which a switch was engaged, oldest first: from, and until when, None while it lasts."""
    found: list[tuple[Instant, Instant | None]] = []
    begun: Instant | None = None
    for flip in flips:
        if flip.switch is not switch:
            continue
        if flip.engaged_after and begun is None:
            begun = Instant(flip.at)
        elif not flip.engaged_after and begun is not None:
            found.append((begun, Instant(flip.at)))
            begun = None
    if begun is not None:
        found.append((begun, None))
    return tuple(found)
