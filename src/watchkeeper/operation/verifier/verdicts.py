"""Verdicts: HOLDS, BROKEN or UNKNOWN for each invariant. Whoever reads one judges its age, by boot time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from watchkeeper.base.clock import BootTime, Clock, Instant
from watchkeeper.base.database import Database
from watchkeeper.operation.catalogue import INVARIANTS
from watchkeeper.operation.verifier import deadlines, history

HOLDS, BROKEN, UNKNOWN = "HOLDS", "BROKEN", "UNKNOWN"
CONTINUOUS, FULL = deadlines.CONTINUOUS, deadlines.FULL


@dataclass(frozen=True, slots=True)
class Standing:
    """An invariant as of now: both verdicts, each with its age in seconds, None when it is of another boot or never ran, and
    the deadline in seconds after which it would say nothing any more.
    """

    invariant: str
    continuous: str
    continuous_age_seconds: float | None
    continuous_deadline_seconds: int
    full: str
    full_age_seconds: float | None
    full_deadline_seconds: int
    detail: str

    @property
    def judged(self) -> bool:
        """Whether both kinds of pass have said something within their deadlines."""
        # An open finding is BROKEN however old its pass is, so the word alone does not say that anybody looked.
        return UNKNOWN not in (self.continuous, self.full) and all(
            age is not None and 0 <= age <= deadline
            for age, deadline in (
                (self.continuous_age_seconds, self.continuous_deadline_seconds),
                (self.full_age_seconds, self.full_deadline_seconds),
            )
        )


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
    known for a while, is kept (`history.py`). `boot` and `at` are when the pass began: what it says is as old as what it read.
    """
    before = {
        str(row[0]): row
        for row in database.query(
            "SELECT invariant, verdict, boot_id, boot_ns, at FROM verdicts WHERE mode = ?", (mode,)
        )
    }
    broken = _broken(database)
    limits = deadlines.kept(database)
    written: dict[str, str] = {}
    for invariant in INVARIANTS:
        verdict = BROKEN if invariant in broken else UNKNOWN if invariant in errors else HOLDS
        written[invariant] = verdict
        detail = errors.get(invariant, "")[:300]
        _note_change(
            database,
            before.get(invariant),
            invariant,
            verdict,
            mode=mode,
            detail=detail,
            boot=boot,
            deadline_seconds=limits.of(invariant, mode),
            at=at,
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
    deadline_seconds: int,
    at: int,
) -> None:
    before = UNKNOWN if row is None else str(row[1])
    if row is not None:
        age = boot.seconds_since(BootTime(str(row[2]), int(str(row[3]))))
        # An open finding stands however long nobody looks.
        if before == HOLDS and (age is None or age > deadline_seconds):
            stale = history.ended(Instant(int(str(row[4]))), deadline_seconds=deadline_seconds)
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
    limits = deadlines.kept(database)
    standings: list[Standing] = []
    for invariant in INVARIANTS:
        judged: dict[str, tuple[str, float | None]] = {}
        detail = ""
        for mode in (CONTINUOUS, FULL):
            row = rows.get((invariant, mode))
            age = None if row is None else now.seconds_since(BootTime(str(row[4]), int(str(row[5]))))
            verdict = UNKNOWN
            if row is not None and age is not None and 0 <= age <= limits.of(invariant, mode):
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
                limits.of(invariant, CONTINUOUS),
                judged[FULL][0],
                judged[FULL][1],
                limits.of(invariant, FULL),
                detail,
            )
        )
    return standings
