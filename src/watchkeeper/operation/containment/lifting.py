"""Lifting: decided by a person, on evidence that has not moved since it was looked at.

The decision is a row; the gate does it `WHERE evidence_seq` is still the one that was seen; a second
row says that it is done. A crash between them is driven again. Only a pause for UNKNOWN ends by
itself, when the same check holds in a fresh pass.
"""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.base.clock import Clock, Instant
from watchkeeper.base.database import SqliteDatabase
from watchkeeper.boundary import restrict
from watchkeeper.boundary.gate import Restriction
from watchkeeper.boundary.gatestore import Gate
from watchkeeper.boundary.restrict import EvidenceMoved
from watchkeeper.operation import authority

_DRIVEN_AT_ONCE = 50


class NotInForce(Exception):
    """There is no such restriction in force. It may have been lifted already."""


@dataclass(frozen=True, slots=True)
class Lift:
    """One decision to lift, and what became of it."""

    id: int
    restriction_id: int
    rule: str
    scope: str
    evidence_seq: int
    decided_by: str
    reason: str
    override: bool
    decided_at: Instant
    outcome: str | None
    done_at: Instant | None


_COLUMNS = "id, restriction_id, rule, scope, evidence_seq, decided_by, reason, override, decided_at, outcome, done_at"


def decide(
    database: SqliteDatabase,
    restriction: Restriction,
    *,
    by: str,
    reason: str,
    override: bool,
    at: Instant,
) -> int:
    """Record, in the caller's transaction, that this restriction is to be lifted as it was seen."""
    last = database.one("SELECT coalesce(max(id), 0) FROM lifts")
    identifier = 1 + int(str(last[0])) if last else 1
    database.execute(
        f"INSERT INTO lifts ({_COLUMNS}, newest_finding) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, "
        "(SELECT coalesce(max(id), 0) FROM findings))",
        (
            identifier,
            restriction.id,
            restriction.rule,
            str(restriction.scope),
            restriction.evidence_seq,
            by,
            reason,
            int(override),
            at,
        ),
    )
    return identifier


def drive(database: SqliteDatabase, gatefile: Gate, *, clock: Clock) -> list[Lift]:
    """Do in the gate what is decided and not done; opens its own transactions. What it did now."""
    rows = database.query(
        f"SELECT {_COLUMNS} FROM lifts WHERE outcome IS NULL ORDER BY id LIMIT ?", (_DRIVEN_AT_ONCE,)
    )
    done: list[Lift] = []
    for waiting in (_lift(row) for row in rows):
        try:
            lifted = restrict.lift(
                gatefile,
                restriction_id=waiting.restriction_id,
                evidence_seq=waiting.evidence_seq,
                by=waiting.decided_by,
                reason=waiting.reason,
                clock=clock,
            )
            outcome = "lifted" if lifted else "lifted before"
        except EvidenceMoved:
            outcome = "evidence moved"
        if outcome == "lifted before" and _lifted_by_this(gatefile, waiting):
            # The gate did it and the crash came before the mark.
            outcome = "lifted"
        with database.transaction("write"):
            database.execute(
                "UPDATE lifts SET outcome = ?, done_at = ? WHERE id = ? AND outcome IS NULL",
                (outcome, clock.now(), waiting.id),
            )
        found = get(database, waiting.id)
        if found is not None:
            done.append(found)
    return done


def _lifted_by_this(gatefile: Gate, lift: Lift) -> bool:
    with gatefile.shared() as gate:
        row = gate.one(
            "SELECT lifted_by, evidence_seq FROM restrictions WHERE id = ?", (lift.restriction_id,)
        )
    return row is not None and row == (lift.decided_by, lift.evidence_seq)


def get(database: SqliteDatabase, lift_id: int) -> Lift | None:
    """One decision."""
    row = database.one(f"SELECT {_COLUMNS} FROM lifts WHERE id = ?", (lift_id,))
    return None if row is None else _lift(row)


def _lift(row: tuple[object, ...]) -> Lift:
    return Lift(
        id=int(str(row[0])),
        restriction_id=int(str(row[1])),
        rule=str(row[2]),
        scope=str(row[3]),
        evidence_seq=int(str(row[4])),
        decided_by=str(row[5]),
        reason=str(row[6]),
        override=row[7] == 1,
        decided_at=Instant(int(str(row[8]))),
        outcome=None if row[9] is None else str(row[9]),
        done_at=None if row[10] is None else Instant(int(str(row[10]))),
    )


def release_unknown(
    database: SqliteDatabase, gatefile: Gate, restriction: Restriction, *, clock: Clock
) -> None:
    """End a pause that stood for UNKNOWN, after a fresh HOLDS of the same check; opens its own transactions."""
    if restriction.cause != "UNKNOWN":
        raise NotInForce("only a pause for UNKNOWN ends by itself")
    with database.transaction("write"):
        decide(
            database,
            restriction,
            by=authority.RELEASE_UNKNOWN.cited,
            reason="the same check holds again in a fresh pass",
            override=False,
            at=clock.now(),
        )
    drive(database, gatefile, clock=clock)
