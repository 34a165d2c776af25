"""Verdicts: HOLDS, BROKEN or UNKNOWN for each invariant. Whoever reads one judges its age, by boot time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from watchkeeper.base.clock import BootTime, Clock, Instant
from watchkeeper.base.database import Database
from watchkeeper.operation.catalogue import INVARIANTS
from watchkeeper.operation.verifier import history

HOLDS, BROKEN, UNKNOWN = "HOLDS", "BROKEN", "UNKNOWN"
CONTINUOUS, FULL = "continuous", "full"
#: A verdict older than this says nothing about now (catalogue, Findings and verdicts).
DEADLINE_SECONDS = {CONTINUOUS: 30.0, FULL: 7200.0}


@dataclass(frozen=True, slots=True)
class Standing:
    """An invariant as of now: both verdicts, each with its age in seconds, None when it is of another boot or never ran."""

    invariant: str
    continuous: str
    continuous_age_seconds: float | None
    full: str
    full_age_seconds: float | None
    detail: str


def store(
    database: Database,
    *,
    mode: str,
    errors: Mapping[str, str],
    numbers: int,
    boot: BootTime,
    at: int,
) -> dict[str, str]:
    """Write the verdict of every invariant after a pass, in the caller's transaction; invariant -> verdict.

    `errors`: invariants whose check did not come to an end, with the reason. What became another than it was, or was not
    known for a while, is kept (`history.py`).
    """
    before = {
        str(row[0]): row
        for row in database.query(
            "SELECT invariant, verdict, boot_id, boot_ns, at FROM verdicts WHERE mode = ?", (mode,)
        )
    }
    broken = _broken(database)
    written: dict[str, str] = {}
    for invariant in INVARIANTS:
        verdict = BROKEN if invariant in broken else UNKNOWN if invariant in errors else HOLDS
        written[invariant] = verdict
        detail = errors.get(invariant, "")[:300]
        _note_change(
            database, before.get(invariant), invariant, verdict, mode=mode, detail=detail, boot=boot, at=at
        )
        database.execute(
            "INSERT INTO verdicts (invariant, mode, verdict, detail, numbers, boot_id, boot_ns, at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (invariant, mode) DO UPDATE SET verdict = excluded.verdict, "
            "detail = excluded.detail, numbers = excluded.numbers, boot_id = excluded.boot_id, "
            "boot_ns = excluded.boot_ns, at = excluded.at",
            (
                invariant,
                mode,
                verdict,
                detail,
                numbers,
                boot.boot_id,
                boot.nanoseconds,
                at,
            ),
        )
    return written


def _note_change(
    database: Database,
    row: tuple[object, ...] | None,
    invariant: str,
    verdict: str,
    *,
    mode: str,
    detail: str,
    boot: BootTime,
    at: int,
) -> None:
    before = UNKNOWN if row is None else str(row[1])
    if row is not None:
        age = boot.seconds_since(BootTime(str(row[2]), int(str(row[3]))))
        # An open finding stands however long nobody looks.
        if before == HOLDS and (age is None or age > DEADLINE_SECONDS[mode]):
            stale = history.ended(Instant(int(str(row[4]))), deadline_seconds=DEADLINE_SECONDS[mode])
            history.note(
                database,
                invariant=invariant,
                mode=mode,
                before=before,
                after=UNKNOWN,
                detail="no pass came to an end in time",
                at=min(stale, at),
            )
            before = UNKNOWN
    if before != verdict:
        history.note(
            database, invariant=invariant, mode=mode, before=before, after=verdict, detail=detail, at=at
        )


def _broken(database: Database) -> set[str]:
    """The invariants with an open finding."""
    rows = database.query("SELECT DISTINCT invariant FROM findings WHERE state = 'open'")
    return {str(row[0]) for row in rows}


def current(database: Database, *, clock: Clock) -> list[Standing]:
    """Every invariant as of now. What is missing, of another boot or past its deadline is UNKNOWN."""
    now = clock.boot()
    rows = {
        (str(row[0]), str(row[1])): row
        for row in database.query(
            "SELECT invariant, mode, verdict, detail, boot_id, boot_ns FROM verdicts LIMIT 1000"
        )
    }
    broken = _broken(database)
    standings: list[Standing] = []
    for invariant in INVARIANTS:
        judged: dict[str, tuple[str, float | None]] = {}
        detail = ""
        for mode, deadline in DEADLINE_SECONDS.items():
            row = rows.get((invariant, mode))
            age = None if row is None else now.seconds_since(BootTime(str(row[4]), int(str(row[5]))))
            verdict = UNKNOWN
            if row is not None and age is not None and 0 <= age <= deadline:
                verdict = str(row[2])
                detail = detail or str(row[3])
            # An open finding is a finding however old the pass is that saw it. Once it is closed, a pass of before
            # says nothing any more, and only a fresh one can say HOLDS.
            if invariant in broken:
                verdict = BROKEN
            elif verdict == BROKEN:
                verdict = UNKNOWN
            judged[mode] = (verdict, age)
        standings.append(
            Standing(
                invariant,
                judged[CONTINUOUS][0],
                judged[CONTINUOUS][1],
                judged[FULL][0],
                judged[FULL][1],
                detail,
            )
        )
    return standings
